//! A supervisor in an agent's call.

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Action, Command, Effect, Profile, RefusalKind},
    cti::{
        api::Request,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{CallPhase, Direction, HungUpBy, RingKind},
    softphone::{self, EndCause, Tone},
};

fn spy(ag_no: &str) -> Command {
    Command::Spy { ag_no: ag_no.into() }
}

fn invite(rig: &mut Rig, auto_answer: bool) {
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "8003".into(), auto_answer });
}

fn answers(rig: &Rig) -> usize {
    rig.answers()
}

/// Listening to agent 8003.
fn spying() -> Rig {
    let mut rig = Rig::idle();
    rig.command(spy("8003"));
    rig.reply(Value::Null);
    rig.agent("4");
    rig.pho(PhoneState::Ring(RingKind::Spy));
    invite(&mut rig, true);
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    rig.pho(PhoneState::Spying);
    rig.effects.clear();
    rig
}

fn accepted(rig: &mut Rig, command: Command, request: &Request) {
    let id = rig.command(command);
    rig.reply_to(|r| r == request, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()), "{request:?}");
}

fn of_8003(make: fn(String) -> Request) -> Request {
    make("8003".into())
}

fn whisper(monitored_ag_no: String) -> Request {
    Request::Whisper { monitored_ag_no }
}

fn barge(monitored_ag_no: String) -> Request {
    Request::Barge { monitored_ag_no }
}

fn disconnect(monitored_ag_no: String) -> Request {
    Request::Disconnect { monitored_ag_no }
}

#[test]
fn listening_whispering_barging_and_leaving() {
    let mut rig = Rig::idle();
    let id = rig.command(spy(" 8003 "));
    let asked = Request::Spy { monitored_ag_no: "8003".into() };
    rig.reply_to(|r| *r == asked, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.direction), (CallPhase::Dialing, Some(Direction::Spy)));
    rig.agent("4");
    rig.pho(PhoneState::Ring(RingKind::Spy));
    invite(&mut rig, true);
    assert_eq!(answers(&rig), 1, "nobody presses a key for the own leg");
    assert!(!rig.phone_told(&softphone::Command::Play(Some(Tone::Ring))));
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    rig.pho(PhoneState::Spying);
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.monitored.as_deref()), (CallPhase::Spying, Some("8003")));
    for action in [Action::Whisper, Action::Barge, Action::Disconnect, Action::Mute, Action::HangUp] {
        assert!(shown.can(action), "{action:?}");
    }
    for action in [Action::Hold, Action::Consult, Action::Transfer, Action::Evaluate, Action::Spy, Action::CancelDial] {
        assert!(!shown.can(action), "{action:?}");
    }

    accepted(&mut rig, Command::Whisper { ag_no: None }, &of_8003(whisper));
    assert_eq!(rig.shown().call.phase, CallPhase::Whispering, "there is no message for it");
    rig.pho(PhoneState::Spying);
    assert_eq!(rig.shown().call.phase, CallPhase::Whispering, "a repeated message says nothing of it");
    accepted(&mut rig, Command::WhisperCancel, &Request::WhisperCancel);
    assert_eq!(rig.shown().call.phase, CallPhase::Spying);

    accepted(&mut rig, Command::Barge { ag_no: None }, &of_8003(barge));
    rig.pho(PhoneState::Barged);
    rig.pho(PhoneState::Spying);
    assert_eq!(rig.shown().call.phase, CallPhase::Barging);
    assert!(rig.shown().can(Action::SendDtmf));

    accepted(&mut rig, Command::HangUp, &Request::HangUp);
    assert!(rig.hang_ups() > 0);
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::Local });
    rig.pho(PhoneState::HungUp);
    rig.agent("1");
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.monitored), (CallPhase::None, None));
    let entry = &shown.journal[0];
    assert_eq!((entry.direction, entry.peer.ag_no.as_deref()), (Direction::Spy, Some("8003")));
    assert_eq!(rig.notices(), "");
}

#[test]
fn nobody_listens_to_themselves() {
    let mut rig = Rig::idle();
    let id = rig.command(spy("8001"));
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Invalid));
    let mut rig = spying();
    for command in [
        Command::Whisper { ag_no: Some("8001".into()) },
        Command::Barge { ag_no: Some("8001".into()) },
        Command::Disconnect { ag_no: Some("8001".into()) },
    ] {
        let id = rig.command(command);
        assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Invalid));
    }
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { .. })), 0);
}

#[test]
fn another_agent_can_be_named_and_is_the_one_from_then_on() {
    let mut rig = spying();
    let other = |make: fn(String) -> Request| make("8004".into());
    accepted(&mut rig, Command::Barge { ag_no: Some("8004".into()) }, &other(barge));
    assert_eq!(rig.shown().call.monitored.as_deref(), Some("8004"));
    accepted(&mut rig, Command::Disconnect { ag_no: None }, &other(disconnect));
}

#[test]
fn an_own_leg_that_does_not_answer_itself_is_answered_if_it_was_asked_for() {
    // The leg and the platform's message come in either order, and both may be ahead of the answer.
    let orders: [fn(&mut Rig); 4] = [
        |rig| {
            rig.reply(Value::Null);
            rig.pho(PhoneState::Ring(RingKind::Spy));
            invite(rig, false);
        },
        |rig| {
            rig.reply(Value::Null);
            invite(rig, false);
            assert_eq!(answers(rig), 0, "it may be somebody else");
            rig.pho(PhoneState::Ring(RingKind::Spy));
        },
        |rig| {
            rig.pho(PhoneState::Ring(RingKind::Spy));
            invite(rig, false);
            rig.reply_to(|r| matches!(r, Request::Spy { .. }), 0, Value::Null);
        },
        |rig| {
            invite(rig, false);
            rig.pho(PhoneState::Ring(RingKind::Spy));
            rig.pho(PhoneState::Ring(RingKind::Spy));
            rig.reply_to(|r| matches!(r, Request::Spy { .. }), 0, Value::Null);
        },
    ];
    for (n, order) in orders.iter().enumerate() {
        let mut rig = Rig::idle();
        rig.agent("4");
        rig.agent("1");
        rig.command(spy("8003"));
        order(&mut rig);
        assert_eq!(answers(&rig), 1, "order {n}");
        rig.phone(softphone::Event::Answered { call_id: "c1".into() });
        rig.pho(PhoneState::Spying);
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.call.monitored.as_deref()), (CallPhase::Spying, Some("8003")), "{n}");
        assert!(!rig.phone_told(&softphone::Command::Play(Some(Tone::AutoAnswer))), "own legs never beep");
    }
}

#[test]
fn a_ring_to_listen_that_nobody_asked_for_is_never_answered_from_here() {
    let mut rig = Rig::idle();
    let ring = || {
        PushMessage::Phone(PhoneEvent {
            state: PhoneState::Ring(RingKind::Spy),
            agent_no: Some("8003".into()),
            ..PhoneEvent::default()
        })
    };
    rig.push(ring());
    invite(&mut rig, false);
    rig.push(ring());
    assert_eq!(answers(&rig), 0);
    assert!(rig.shown().can(Action::Answer) && rig.shown().can(Action::HangUp));

    // Nor the ring of a customer, though listening was asked for in the same moment; nor after a refusal.
    let mut rig = Rig::idle();
    rig.command(spy("8003"));
    rig.pho(PhoneState::Ring(RingKind::Queue));
    invite(&mut rig, false);
    rig.reply_to(|r| matches!(r, Request::Spy { .. }), 0, Value::Null);
    assert_eq!(answers(&rig), 0);
    assert_eq!((rig.shown().call.direction, rig.shown().call.monitored), (Some(Direction::In), None));
    let mut rig = Rig::idle();
    rig.command(spy("8003"));
    rig.reply_to(|r| matches!(r, Request::Spy { .. }), 40400, Value::Null);
    assert_eq!(rig.shown().call.phase, CallPhase::None);
    rig.pho(PhoneState::Ring(RingKind::Spy));
    invite(&mut rig, false);
    assert_eq!(answers(&rig), 0);
}

#[test]
fn tearing_down_ends_the_call_for_both() {
    let mut rig = spying();
    accepted(&mut rig, Command::Disconnect { ag_no: None }, &of_8003(disconnect));
    assert!(rig.notices().contains("agent 8003"), "{}", rig.notices());
    rig.pho(PhoneState::HungUp);
    assert_eq!(rig.shown().journal[0].hung_up_by, HungUpBy::Agent);
    // The end may be ahead of the answer.
    let mut rig = spying();
    rig.command(Command::Disconnect { ag_no: None });
    rig.pho(PhoneState::HungUp);
    rig.reply_to(|r| matches!(r, Request::Disconnect { .. }), 0, Value::Null);
    assert!(rig.notices().contains("agent 8003"), "{}", rig.notices());
}

#[test]
fn a_late_answer_does_not_undo_what_the_platform_has_said_since() {
    let mut rig = spying();
    rig.command(Command::Whisper { ag_no: None });
    rig.command(Command::Barge { ag_no: None });
    rig.pho(PhoneState::Barged);
    rig.reply_to(|r| matches!(r, Request::Whisper { .. }), 0, Value::Null);
    assert_eq!(rig.shown().call.phase, CallPhase::Barging);
}

#[test]
fn without_the_link_the_answers_and_the_leg_are_the_state() {
    let mut rig = Rig::new(Profile { websocket: false, ..profile() });
    rig.event(crate::app::Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, Value::Null);
    rig.effects.clear();
    rig.command(spy("8003"));
    rig.reply(Value::Null);
    invite(&mut rig, true);
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    assert_eq!(rig.shown().call.phase, CallPhase::Spying);
    accepted(&mut rig, Command::Barge { ag_no: None }, &of_8003(barge));
    assert_eq!(rig.shown().call.phase, CallPhase::Barging);
}

#[test]
fn a_whisper_and_a_barge_are_found_again_after_the_link_came_back() {
    let resync = |rig: &mut Rig, pho_sta| {
        rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(pho_sta), param: None });
    };
    let mut rig = spying();
    accepted(&mut rig, Command::Whisper { ag_no: None }, &of_8003(whisper));
    resync(&mut rig, 31);
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.hold_uncertain), (CallPhase::Whispering, true), "it has no word for it");
    // Not there any more, as the platform sees it.
    rig.command(Command::WhisperCancel);
    rig.reply_to(|r| *r == Request::WhisperCancel, 40400, Value::Null);
    assert_eq!((rig.shown().call.phase, rig.shown().call.hold_uncertain), (CallPhase::Spying, false));
    resync(&mut rig, 32);
    assert_eq!(rig.shown().call.phase, CallPhase::Barging);
    resync(&mut rig, 31);
    assert_eq!(rig.shown().call.phase, CallPhase::Spying, "a resync is not a late message");
    assert_eq!(rig.shown().call.monitored.as_deref(), Some("8003"));
}
