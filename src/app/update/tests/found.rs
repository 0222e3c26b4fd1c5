//! A call that is found: after a restart of the program, or by the platform's state alone.

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Action, Command, Effect, Event, Profile},
    cti::{
        api::Request,
        link::LinkEvent,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{AgentState, CallPhase, Direction, Outcome, Party},
    softphone,
};

/// A new run of the program, known to the platform by its `RegID` and still in a call there.
fn restarted(ag_sta: &str) -> Rig {
    let mut rig = Rig::new(Profile { known: crate::domain::KnownSignIn::read("R1"), ..profile() });
    rig.event(Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
    let ours = json!({ "regId": "R1", "agSta": ag_sta, "agType": "1", "phoNum": "9001", "wsLink": "0" });
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 40101, ours);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig
}

fn resync(rig: &mut Rig, pho_sta: Option<i64>) {
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta, param: None });
}

#[test]
fn a_restart_in_a_conversation_finds_it_and_says_what_it_cannot_know() {
    // With the platform's resync, and with the sign-in's answer alone.
    for pho_sta in [Some(Some(6)), Some(None), None] {
        let mut rig = restarted("4");
        if let Some(pho_sta) = pho_sta {
            resync(&mut rig, pho_sta);
        }
        let shown = rig.shown();
        assert_eq!((shown.agent.state, shown.call.phase), (AgentState::Occupied, CallPhase::Talking), "{pho_sta:?}");
        assert_eq!((shown.call.peer.clone(), shown.call.hold_uncertain), (Party::default(), true));
        assert!(shown.can(Action::HangUp) && shown.can(Action::Unhold) && shown.can(Action::Consult));
        assert_eq!(shown.notices.len(), 1, "{}", rig.notices());
        for word in ["who it is", "on hold", "its sound is not here"] {
            assert!(rig.notices().contains(word), "{}", rig.notices());
        }
        // It was on hold, as it turns out.
        rig.command(Command::Unhold);
        rig.reply_to(|r| *r == Request::Unhold, 0, Value::Null);
        assert_eq!((rig.shown().call.phase, rig.shown().call.hold_uncertain), (CallPhase::Talking, false));
        let id = rig.command(Command::HangUp);
        rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
        assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
        rig.pho(PhoneState::HungUp);
        rig.agent("1");
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.journal.len()), (CallPhase::None, 1));
        assert_eq!(shown.journal[0].outcome, Outcome::Answered);
    }
}

#[test]
fn every_phase_is_found_by_its_number() {
    // Protocol `cti.md` 4.2: what each PhoSta stands for.
    for (pho_sta, phase, direction) in [
        (4, CallPhase::Dialing, Direction::Out),
        (5, CallPhase::Ringing, Direction::In),
        (6, CallPhase::Talking, Direction::In),
        (10, CallPhase::Dialing, Direction::Out),
        (55, CallPhase::Dialing, Direction::Out),
        (21, CallPhase::ConsultOut, Direction::In),
        (22, CallPhase::Consulting, Direction::In),
        (23, CallPhase::Talking, Direction::In),
        (24, CallPhase::Talking, Direction::In),
        (25, CallPhase::ThreeWay, Direction::In),
        (26, CallPhase::Talking, Direction::In),
        (31, CallPhase::Spying, Direction::Spy),
        (32, CallPhase::Barging, Direction::Spy),
        (35, CallPhase::Talking, Direction::In),
    ] {
        for guessed in [true, false] {
            let mut rig = if guessed { restarted("4") } else { Rig::idle() };
            resync(&mut rig, Some(pho_sta));
            let shown = rig.shown();
            assert_eq!((shown.call.phase, shown.call.direction), (phase, Some(direction)), "{pho_sta} {guessed}");
            assert!(shown.can(Action::HangUp));
            assert_eq!(shown.notices.len(), 1, "{pho_sta}: {}", rig.notices());
            resync(&mut rig, Some(pho_sta));
            assert_eq!((rig.shown().call.phase, rig.shown().notices.len()), (phase, 1), "{pho_sta} twice");
            // The platform's next words go on from there.
            rig.pho(PhoneState::HungUp);
            rig.agent("1");
            assert_eq!(rig.shown().call.phase, CallPhase::None, "{pho_sta}");
        }
    }
}

#[test]
fn a_call_that_was_only_guessed_leaves_no_trace() {
    let ends: [fn(&mut Rig); 3] = [
        |rig| resync(rig, Some(0)),
        |rig| rig.agent("1"),
        |rig| {
            rig.command(Command::HangUp);
            rig.reply_to(|r| *r == Request::HangUp, 40404, Value::Null);
        },
    ];
    for end in ends {
        let mut rig = restarted("4");
        end(&mut rig);
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.journal.len()), (CallPhase::None, 0));
        assert_eq!((rig.published("callStarted"), rig.published("callEnded")), (0, 0));
    }
    // No call is guessed for an agent who is not occupied.
    assert_eq!(restarted("1").shown().call.phase, CallPhase::None);
}

#[test]
fn a_new_call_takes_the_place_of_a_guessed_one() {
    let mut rig = restarted("4");
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "138".into(), auto_answer: false });
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.peer.number.as_deref()), (CallPhase::Ringing, Some("138")));
    assert!(shown.can(Action::Answer));
    assert_eq!(rig.published("callStarted") + rig.published("callEnded"), 0);
}

#[test]
fn a_guessed_call_becomes_known_by_any_word_about_it() {
    let mut rig = restarted("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Connected,
        caller: Some("13800138000".into()),
        ..PhoneEvent::default()
    }));
    rig.pho(PhoneState::HungUp);
    let shown = rig.shown();
    assert_eq!(shown.journal[0].peer.number.as_deref(), Some("13800138000"));
    assert_eq!((rig.published("callStarted"), rig.published("callEnded")), (1, 1));
}

#[test]
fn a_consultation_that_only_may_be_there_can_be_left() {
    // The platform tells a plain conversation (PhoSta 6), as some do also during a consultation.
    let ways_out = [
        (PhoneState::ConsultConnected, Command::ConsultReturn, CallPhase::Consulting),
        (PhoneState::ThreeWay, Command::ThreeWayReturn, CallPhase::ThreeWay),
    ];
    for (state, way_out, phase) in ways_out {
        let mut rig = Rig::talking();
        rig.pho(state);
        resync(&mut rig, Some(6));
        assert_eq!((rig.shown().call.phase, rig.shown().call.hold_uncertain), (phase, true));
        rig.command(way_out);
        rig.reply_to(|_| true, 40404, Value::Null);
        assert_eq!((rig.shown().call.phase, rig.shown().call.hold_uncertain), (CallPhase::Talking, false));
    }
    let mut rig = Rig::talking();
    rig.command(Command::Hold);
    rig.reply(Value::Null);
    resync(&mut rig, Some(6));
    rig.effects.clear();
    rig.command(Command::Unhold);
    rig.reply_to(|_| true, 40404, Value::Null);
    assert_eq!(rig.shown().call.phase, CallPhase::Talking, "nobody is held for ever by a hold that is none");
    assert_eq!(rig.count(|e| matches!(e, Effect::Phone(softphone::Command::SetHeld(false)))), 1);
    assert!(rig.notices().contains("40404"), "and it is told");
}

#[test]
fn a_late_word_about_a_call_that_is_over_raises_no_ghost() {
    for state in [
        PhoneState::Connected,
        PhoneState::SelfConnected,
        PhoneState::ConsultOut,
        PhoneState::ConsultConnected,
        PhoneState::ConsultBack,
        PhoneState::ConsultFailed,
        PhoneState::ThreeWay,
        PhoneState::ThreeWayBack,
        PhoneState::Spying,
        PhoneState::Barged,
        PhoneState::TransferDone,
        PhoneState::Transferred,
        PhoneState::TornDown,
        PhoneState::FarRinging,
        PhoneState::HungUp,
    ] {
        let mut rig = Rig::talking();
        rig.pho(PhoneState::HungUp);
        rig.agent("1");
        rig.pho(state);
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.journal.len()), (CallPhase::None, 1), "{state:?}");
        assert_eq!(rig.notices(), "", "{state:?}");
    }
}
