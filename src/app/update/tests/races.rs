//! Words that come late, twice or in another order than expected, about calls.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Command, Effect, Event, Profile, TimerId},
    cti::{
        api::Request,
        push::{Forced, PhoneEvent, PhoneState, PushMessage},
    },
    domain::{AgentState, CallPhase, Direction, Outcome, RingKind},
    softphone::{self, EndCause},
};

fn named(rig: &mut Rig, state: PhoneState, call_id: &str) {
    rig.push(PushMessage::Phone(PhoneEvent { state, call_id: Some(call_id.into()), ..PhoneEvent::default() }));
}

fn invite(rig: &mut Rig, call_id: &str) {
    rig.phone(softphone::Event::Incoming { call_id: call_id.into(), from: "139".into(), auto_answer: false });
}

fn bye(rig: &mut Rig, call_id: &str) {
    rig.phone(softphone::Event::Ended { call_id: call_id.into(), cause: EndCause::RemoteBye });
}

fn dial(rig: &mut Rig) {
    rig.command(Command::Dial { number: "139".into(), caller_id: None, queue_id: None, user_data: None });
    rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, Value::Null);
}

#[test]
fn a_late_answer_about_one_call_does_nothing_to_the_next() {
    for (command, request) in [(Command::HangUp, Request::HangUp), (Command::Hold, Request::Hold)] {
        for code in [0, 40404] {
            let mut rig = Rig::talking();
            rig.command(command.clone());
            bye(&mut rig, "c1");
            rig.agent("1");
            rig.agent("4");
            rig.pho(PhoneState::Ring(RingKind::Queue));
            invite(&mut rig, "c2");
            rig.phone(softphone::Event::Answered { call_id: "c2".into() });
            rig.effects.retain(|e| matches!(e, Effect::Request { .. }));
            rig.reply_to(|r| *r == request, code, Value::Null);
            assert_eq!(rig.shown().call.phase, CallPhase::Talking, "{request:?} {code}");
            assert_eq!(rig.hang_ups(), 0);
            assert!(!rig.phone_told(&softphone::Command::SetHeld(true)));
        }
    }
}

#[test]
fn the_end_of_an_older_call_is_not_the_end_of_this_one() {
    let mut rig = Rig::ringing();
    named(&mut rig, PhoneState::HungUp, "another");
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
    named(&mut rig, PhoneState::HungUp, "8f3a");
    assert_eq!(rig.shown().call.phase, CallPhase::Ended);
    // Doubled and late words about it raise no ghost, but the customer may come back under the same name.
    for late in [PhoneState::Connected, PhoneState::ConsultOut, PhoneState::HungUp] {
        named(&mut rig, late, "8f3a");
        assert_eq!(rig.shown().call.phase, CallPhase::Ended, "{late:?}");
    }
    named(&mut rig, PhoneState::Ring(RingKind::Queue), "8f3a");
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
}

#[test]
fn a_ring_after_an_end_that_was_never_told_is_a_call_of_its_own() {
    let mut rig = Rig::new(Profile { webrtc: false, ..profile() });
    rig.state = Rig::idle().state;
    rig.state.profile.webrtc = false;
    named(&mut rig, PhoneState::Ring(RingKind::Queue), "a");
    named(&mut rig, PhoneState::Connected, "a");
    rig.later(Duration::from_secs(5));
    named(&mut rig, PhoneState::Ring(RingKind::Queue), "b");
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.call_id.as_deref()), (CallPhase::Ringing, Some("b")));
    assert_eq!((shown.call.talk_ms, shown.journal.len()), (0, 1));
}

#[test]
fn hanging_up_before_the_own_leg_is_there_ends_the_leg_too() {
    let mut rig = Rig::idle();
    dial(&mut rig);
    rig.command(Command::HangUp);
    rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
    invite(&mut rig, "c1");
    assert_eq!(rig.hang_ups(), 1);
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::Local });
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.journal[0].outcome), (CallPhase::Ended, Outcome::Cancelled));

    // The leg is there before the platform's answer.
    let mut rig = Rig::idle();
    dial(&mut rig);
    rig.command(Command::HangUp);
    invite(&mut rig, "c1");
    assert_eq!(rig.hang_ups(), 0);
    rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
    assert_eq!(rig.hang_ups(), 1);
}

#[test]
fn the_own_leg_of_a_call_out_is_not_shown_as_a_customer() {
    let mut rig = Rig::idle();
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: true });
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.direction), (CallPhase::Dialing, Some(Direction::Out)));
}

#[test]
fn the_end_of_an_older_leg_is_not_the_end_of_the_next_call() {
    let mut rig = Rig::talking();
    rig.pho(PhoneState::HungUp);
    assert_eq!(rig.releases(), 1, "nobody is heard any more, and the leg ends soon");
    rig.agent("1");
    rig.agent("4");
    rig.pho(PhoneState::Ring(RingKind::Queue));
    bye(&mut rig, "c1");
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing, "that was the old leg's end");
}

#[test]
fn a_state_from_before_the_call_does_not_end_it() {
    let mut rig = Rig::idle();
    dial(&mut rig);
    rig.agent("1");
    assert_eq!(rig.shown().call.phase, CallPhase::Dialing);
    rig.agent("4");
    rig.pho(PhoneState::CallOut);
    rig.agent("1");
    assert!(!rig.shown().call.phase.is_live(), "the platform knew of it and says that it is over");
}

#[test]
fn a_consultation_lifts_the_hold_for_the_ear_as_well() {
    let mut rig = Rig::talking();
    rig.command(Command::Hold);
    rig.reply(Value::Null);
    rig.later(Duration::from_secs(7));
    rig.pho(PhoneState::ConsultOut);
    assert!(rig.phone_told(&softphone::Command::SetHeld(false)));
    rig.later(Duration::from_secs(5));
    assert_eq!(rig.shown().call.hold_ms, 7000);
}

#[test]
fn a_supervisors_word_during_a_call_counts_for_the_time_after_it() {
    let mut rig = Rig::idle();
    rig.state.profile.webrtc = false;
    rig.agent("4");
    rig.pho(PhoneState::Connected);
    rig.push(PushMessage::Forced(Forced::Busy));
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    assert_eq!(rig.shown().agent.state, AgentState::Occupied);
}

#[test]
fn a_call_that_came_after_the_link_is_not_what_a_resync_tells_of() {
    let mut rig = Rig::idle();
    rig.later(Duration::from_secs(1));
    invite(&mut rig, "c1");
    rig.push(PushMessage::InitState { ag_sta: 1, pho_sta: None, param: None });
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(0), param: None });
    assert_eq!(rig.shown().call.phase, CallPhase::Talking, "the leg is there");
}

#[test]
fn the_wish_made_last_counts_after_a_call() {
    let mut rig = Rig::talking();
    bye(&mut rig, "c1");
    let first = rig.command(Command::Busy { reason: Some(11) });
    let second = rig.command(Command::Ready);
    assert!(matches!(rig.outcome(first), Some(Err(_))), "answered at once");
    rig.agent("5");
    rig.reply_to(|r| *r == Request::Ready, 0, Value::Null);
    assert!(rig.outcome(second).is_some_and(|o| o.is_ok()));
    assert!(rig.sent(|r| matches!(r, Request::Busy { .. })).is_none());
}

#[test]
fn a_sign_in_newer_than_the_call_gets_its_state_when_the_call_is_over() {
    let mut rig = Rig::talking();
    rig.push(PushMessage::Forced(Forced::TimedOut));
    rig.reply_to(|r| matches!(r, Request::RtcInfo { .. }), 0, json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R2", "agSta": "0" }));
    rig.push(PushMessage::Established);
    assert_eq!(rig.shown().agent.state, AgentState::Occupied);
    assert!(rig.sent(|r| *r == Request::Ready).is_none());
    bye(&mut rig, "c1");
    rig.timer(TimerId::AfterCall);
    rig.reply_to(|r| *r == Request::Ready, 40403, Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
}

#[test]
fn every_call_that_ends_has_begun_for_scripts_too() {
    let mut rig = Rig::idle();
    invite(&mut rig, "c1");
    rig.event(Event::Phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::Cancelled }));
    assert_eq!((rig.published("callStarted"), rig.published("callEnded")), (1, 1));
}
