//! Calls that are answered without a key pressed.

use super::rig::{Rig, profile};
use crate::{
    app::{Command, Effect, Event, Profile},
    cti::{
        api::Request,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{CallPhase, Direction, Remembered, RingKind},
    softphone::{self, Tone},
};
use serde_json::{Value, json};

fn switched_on() -> Rig {
    let mut rig = Rig::idle();
    rig.command(Command::SetAutoAnswer { on: true });
    rig.agent("4");
    rig.effects.clear();
    rig
}

fn invite(rig: &mut Rig) {
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: true });
}

fn answered(rig: &mut Rig) {
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
}

fn rings(rig: &mut Rig, kind: RingKind) {
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(kind),
        caller: Some("13800138000".into()),
        ..PhoneEvent::default()
    }));
}

fn beeps(rig: &Rig) -> usize {
    rig.count(|e| matches!(e, Effect::Phone(softphone::Command::Play(Some(Tone::AutoAnswer)))))
}

fn dial(rig: &mut Rig) {
    rig.command(Command::Dial { number: "139".into(), caller_id: None, queue_id: None, user_data: None });
}

#[test]
fn the_switch_is_remembered_and_answers_from_the_next_start_on() {
    let mut rig = Rig::idle();
    let id = rig.command(Command::SetAutoAnswer { on: true });
    assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
    let kept = rig.effects.iter().find_map(|effect| match effect {
        Effect::Remember(remembered) => Some(remembered.clone()),
        _ => None,
    });
    let remembered = kept.unwrap();
    assert!(remembered.auto_answer);

    let mut rig = Rig::new(Profile { remembered, ..profile() });
    assert!(rig.shown().auto_answer);
    rig.event(Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R1", "agSta": "0" }));
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: false });
    assert_eq!(rig.answers(), 1);
    assert_eq!(profile().remembered, Remembered::default());
}

#[test]
fn switched_on_while_it_rings_it_answers_that_call() {
    let mut rig = Rig::idle();
    rings(&mut rig, RingKind::Queue);
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: false });
    assert_eq!(rig.answers(), 0);
    rig.command(Command::SetAutoAnswer { on: true });
    assert_eq!((rig.answers(), beeps(&rig)), (1, 1));
    rig.command(Command::SetAutoAnswer { on: true });
    assert_eq!(rig.answers(), 1, "once");
}

#[test]
fn the_caller_is_shown_and_the_agent_warned_by_one_tone() {
    for message_first in [true, false] {
        let mut rig = switched_on();
        if message_first {
            rings(&mut rig, RingKind::Queue);
            invite(&mut rig);
        } else {
            invite(&mut rig);
            rings(&mut rig, RingKind::Queue);
        }
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.call.peer.short()), (CallPhase::Ringing, "13800138000"));
        assert_eq!(beeps(&rig), 1, "message first: {message_first}");
        assert!(!rig.phone_told(&softphone::Command::Play(Some(Tone::Ring))), "nobody has to come to the phone");
        answered(&mut rig);
        rings(&mut rig, RingKind::Queue);
        assert_eq!((rig.shown().call.phase, beeps(&rig)), (CallPhase::Talking, 1));
    }
}

#[test]
fn a_customer_whom_the_platform_has_answered_at_once_is_announced_too() {
    // Without the switch, by the platform's header; the message may come after the leg.
    let mut rig = Rig::idle();
    rig.agent("4");
    invite(&mut rig);
    assert_eq!(beeps(&rig), 0, "it may be an own leg");
    rings(&mut rig, RingKind::AutoCall);
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.direction, beeps(&rig)), (CallPhase::Ringing, Some(Direction::Auto), 1));
    assert_eq!(shown.call.peer.number.as_deref(), Some("13800138000"));
}

#[test]
fn own_legs_neither_ring_nor_beep_nor_count_as_answered() {
    let orders: [fn(&mut Rig); 3] = [
        |rig| {
            rig.reply(Value::Null);
            rig.pho(PhoneState::CallOut);
            rings(rig, RingKind::Outbound);
            invite(rig);
            answered(rig);
        },
        // The leg is there before the platform's answer and messages.
        |rig| {
            invite(rig);
            answered(rig);
            rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, Value::Null);
            rings(rig, RingKind::Outbound);
        },
        |rig| {
            invite(rig);
            rings(rig, RingKind::Outbound);
            answered(rig);
            rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, Value::Null);
        },
    ];
    for (n, order) in orders.iter().enumerate() {
        let mut rig = switched_on();
        rig.agent("1");
        dial(&mut rig);
        order(&mut rig);
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.call.direction), (CallPhase::Dialing, Some(Direction::Out)), "order {n}");
        assert_eq!((beeps(&rig), shown.call.talk_ms), (0, 0), "order {n}");
        rig.pho(PhoneState::Connected);
        assert_eq!(rig.shown().call.phase, CallPhase::Talking, "order {n}");
    }
}

#[test]
fn an_own_leg_that_somebody_else_asked_for_is_set_right_by_the_platforms_first_word() {
    // Dialled from another system, with the switch on: what answered itself looked like a customer.
    let mut rig = switched_on();
    invite(&mut rig);
    answered(&mut rig);
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    rings(&mut rig, RingKind::Outbound);
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.direction), (CallPhase::Dialing, Some(Direction::Out)));
    rig.pho(PhoneState::HungUp);
    assert_eq!(rig.shown().journal[0].talk_ms, 0);
}
