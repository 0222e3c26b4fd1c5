//! What is said of another call, or comes for one, does nothing to the call on the screen.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::Rig;
use crate::{
    app::{Command, Effect, TimerId},
    config::Codec,
    cti::{
        api::Request,
        link::LinkEvent,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{CallPhase, Direction, RingKind},
    softphone::{self, EndCause, MediaEvent, MediaStats},
};

const A: &str = "13900139000";
const B: &str = "13711111111";
const C: &str = "13622222222";
/// The number that customers dial.
const LINE: &str = "4008001234";

fn ring(rig: &mut Rig, caller: &str) {
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::Queue),
        caller: Some(caller.into()),
        called: Some(LINE.into()),
        ..PhoneEvent::default()
    }));
}

fn invite(rig: &mut Rig, call_id: &str, from: &str) {
    rig.phone(softphone::Event::Incoming { call_id: call_id.into(), from: from.into(), auto_answer: false });
}

fn own_leg(rig: &mut Rig, call_id: &str, from: &str) {
    rig.phone(softphone::Event::Incoming { call_id: call_id.into(), from: from.into(), auto_answer: true });
    rig.phone(softphone::Event::Answered { call_id: call_id.into() });
}

fn ended(rig: &mut Rig, call_id: &str, cause: EndCause) {
    rig.phone(softphone::Event::Ended { call_id: call_id.into(), cause });
}

fn sound(rig: &mut Rig) {
    rig.phone(softphone::Event::Media(MediaEvent::Up { codec: Codec::Pcma }));
    rig.phone(softphone::Event::Media(MediaEvent::Stats(MediaStats::default())));
}

fn dial(rig: &mut Rig) {
    rig.command(Command::Dial { number: A.into(), caller_id: Some("1000".into()), queue_id: None, user_data: None });
}

/// Talks to A, of whom the platform sends no names.
fn talking(from: &str) -> Rig {
    let mut rig = Rig::idle();
    rig.agent("4");
    ring(&mut rig, A);
    invite(&mut rig, "a", from);
    rig.command(Command::Answer);
    rig.phone(softphone::Event::Answered { call_id: "a".into() });
    rig.pho(PhoneState::Connected);
    sound(&mut rig);
    rig.later(Duration::from_secs(60));
    rig.effects.clear();
    rig
}

/// The platform is back without its memory.
fn forgotten(rig: &mut Rig) {
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 1, pho_sta: None, param: None });
    assert!(rig.shown().call.unheld);
}

fn talks_to_a(rig: &Rig) {
    let shown = rig.shown().call;
    assert_eq!((shown.phase, shown.peer.number.as_deref()), (CallPhase::Talking, Some(A)));
    assert_eq!((rig.hang_ups(), rig.releases()), (0, 0));
}

#[test]
fn the_end_of_a_caller_who_was_turned_away_ends_no_conversation() {
    for cancelled in [true, false] {
        let mut rig = talking(A);
        ring(&mut rig, B);
        invite(&mut rig, "b", B);
        if cancelled {
            ended(&mut rig, "b", EndCause::Cancelled);
        } else {
            rig.timer(TimerId::NextCall);
            ended(&mut rig, "b", EndCause::Local);
        }
        rig.pho(PhoneState::HungUp);
        talks_to_a(&rig);
        rig.pho(PhoneState::HungUp);
        assert_eq!(rig.shown().call.phase, CallPhase::Ended, "and that one is A's");
    }
}

#[test]
fn every_further_caller_is_a_caller_of_its_own() {
    let mut rig = talking(A);
    ring(&mut rig, B);
    invite(&mut rig, "b", B);
    ring(&mut rig, C);
    let away = |rig: &Rig, id: &str| {
        rig.count(|e| matches!(e, Effect::Phone(softphone::Command::TurnAway { call_id }) if call_id == id))
    };
    assert_eq!(away(&rig, "b"), 1, "the platform holds one call: this leg is not that of C");
    invite(&mut rig, "c", C);
    ended(&mut rig, "b", EndCause::Local);
    talks_to_a(&rig);
    ended(&mut rig, "a", EndCause::RemoteBye);
    let shown = rig.shown().call;
    assert_eq!((shown.phase, shown.peer.number.as_deref()), (CallPhase::Ringing, Some(C)));
    rig.command(Command::Answer);
    assert_eq!(rig.count(|e| matches!(e, Effect::Phone(softphone::Command::Answer { call_id }) if call_id == "c")), 1);

    // However many ring in one conversation, nothing piles up.
    let mut rig = talking(A);
    for n in 0..100 {
        ring(&mut rig, &format!("137000{n:05}"));
        if n % 2 == 0 {
            rig.timer(TimerId::NextCall);
        }
    }
    assert!(rig.state.platform.open_calls() <= 9, "{}", rig.state.platform.open_calls());
    talks_to_a(&rig);
    ended(&mut rig, "a", EndCause::RemoteBye);
}

#[test]
fn a_call_that_the_platform_has_forgotten_takes_no_ring_of_the_next_customer() {
    // Dialled.
    let mut rig = Rig::idle();
    dial(&mut rig);
    rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, Value::Null);
    rig.agent("4");
    rig.pho(PhoneState::CallOut);
    own_leg(&mut rig, "a", LINE);
    rig.pho(PhoneState::Connected);
    sound(&mut rig);
    rig.later(Duration::from_secs(60));
    rig.effects.clear();
    // And one that a customer made, from whose leg nobody can tell who calls.
    for mut rig in [rig, talking(LINE)] {
        forgotten(&mut rig);
        rig.agent("4");
        ring(&mut rig, B);
        talks_to_a(&rig);
        rig.timer(TimerId::NextCall);
        rig.pho(PhoneState::HungUp);
        talks_to_a(&rig);
    }
}

#[test]
fn a_signed_in_anew_call_takes_no_ring_of_the_next_customer() {
    let mut rig = Rig::idle();
    dial(&mut rig);
    rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, Value::Null);
    own_leg(&mut rig, "a", LINE);
    rig.pho(PhoneState::Connected);
    sound(&mut rig);
    rig.later(Duration::from_secs(60));
    rig.push(PushMessage::Forced(crate::cti::push::Forced::TimedOut));
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw", "expires": 99_999_999 }));
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R2", "agSta": "0" }));
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.effects.clear();
    ring(&mut rig, B);
    talks_to_a(&rig);
}

#[test]
fn an_accepted_dial_is_not_the_customer_who_rings() {
    for leg_first in [true, false] {
        let mut rig = Rig::idle();
        dial(&mut rig);
        if leg_first {
            invite(&mut rig, "b", B);
        } else {
            ring(&mut rig, B);
        }
        rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, Value::Null);
        let call = rig.state.call.as_ref().expect("there is a call");
        assert_eq!((call.asked, call.caller_id.as_deref()), (false, None), "{leg_first}");
        let shown = rig.shown().call;
        assert_eq!((shown.phase, shown.direction), (CallPhase::Ringing, Some(Direction::In)));
        assert_eq!(shown.peer.number.as_deref(), Some(B));
        assert_eq!(rig.answers(), 0);
    }
    // Its own leg is.
    let mut rig = Rig::idle();
    dial(&mut rig);
    own_leg(&mut rig, "o", "gw");
    rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, Value::Null);
    assert_eq!(rig.state.call.as_ref().and_then(|call| call.caller_id.as_deref()), Some("1000"));
}

#[test]
fn the_name_of_a_call_is_the_platforms() {
    let mut rig = Rig::idle();
    invite(&mut rig, "sip-name", A);
    ring(&mut rig, A);
    ended(&mut rig, "sip-name", EndCause::Cancelled);
    let names: Vec<&Value> = rig
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Publish(event) if event.name.starts_with("call") => event.data.get("call_id"),
            _ => None,
        })
        .collect();
    assert!(!names.is_empty() && names.iter().all(|name| name.is_null()), "{names:?}");
}

#[test]
fn a_ring_that_the_platform_has_forgotten_says_that_it_rings() {
    let mut rig = Rig::ringing();
    forgotten(&mut rig);
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
    assert!(rig.notices().contains("it still rings here"), "{}", rig.notices());
}

#[test]
fn the_leg_of_another_route_is_that_of_its_ring() {
    // Called directly, a leg comes from its caller.
    let mut rig = Rig::idle();
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::Called),
        caller: Some(A.into()),
        ..PhoneEvent::default()
    }));
    invite(&mut rig, "a", A);
    ended(&mut rig, "a", EndCause::Cancelled);
    rig.pho(PhoneState::HungUp);
    rig.agent("1");
    rig.later(Duration::from_secs(20));
    // Through the queue, from a number of the platform's own.
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::Queue),
        caller: Some(B.into()),
        ..PhoneEvent::default()
    }));
    invite(&mut rig, "b", LINE);
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.peer.number.as_deref()), (CallPhase::Ringing, Some(B)));
    assert_eq!(shown.journal.len(), 1, "nobody else was missed");
}
