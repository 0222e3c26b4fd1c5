//! A call that is found: after a restart of the program, or by the platform's state alone.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Action, Command, Effect, Event, Profile, TimerId},
    cti::{
        api::Request,
        link::LinkEvent,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{AgentState, CallPhase, Direction, HungUpBy, JournalEntry, Outcome, Party},
    softphone,
};

/// A new run of the program, known to the platform by its `RegID` and still in a call there.
fn restarted(ag_sta: &str) -> Rig {
    restarted_after(Vec::new(), ag_sta)
}

/// The same with a journal.
fn restarted_after(lines: Vec<JournalEntry>, ag_sta: &str) -> Rig {
    let mut rig = Rig::new(Profile { known: crate::domain::KnownSignIn::read("R1"), ..profile() });
    rig.event(Event::JournalLoaded(lines));
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
        assert_eq!(shown.journal[0].outcome, Outcome::Interrupted, "nobody has spoken with them here");
        assert_eq!(shown.journal[0].talk_ms, 0);
    }
}

/// A line that an earlier run could not end: it rang for 3 s.
fn cut_short(talk_ms: u64, outcome: Outcome) -> JournalEntry {
    JournalEntry {
        id: 7,
        time: jiff::Timestamp::UNIX_EPOCH,
        direction: Direction::In,
        peer: Party { number: Some("13800138000".into()), area: Some("北京".into()), ..Party::default() },
        queue: None,
        caller_id: None,
        call_id: Some("8f3a".into()),
        ring_ms: 3000,
        talk_ms,
        hold_ms: 0,
        outcome,
        hung_up_by: HungUpBy::Fault,
        unreached: None,
        quality: None,
        transferred_to: None,
    }
}

#[test]
fn a_conversation_found_after_a_restart_goes_on_in_its_line() {
    for pho_sta in [Some(6), None] {
        let line = cut_short(10_000, Outcome::Interrupted);
        let mut rig = restarted_after(vec![line.clone()], "4");
        resync(&mut rig, pho_sta);
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.call.id), (CallPhase::Talking, Some(7)), "{pho_sta:?}");
        assert_eq!(shown.call.peer, line.peer);
        assert!(rig.notices().contains("with 13800138000") && rig.notices().contains("its sound is not here"));
        rig.later(Duration::from_secs(6));
        rig.push(PushMessage::Phone(PhoneEvent { state: PhoneState::Connected, ..PhoneEvent::default() }));
        rig.pho(PhoneState::HungUp);
        rig.agent("1");
        let journal = rig.shown().journal;
        assert_eq!(journal.len(), 1, "{journal:?}");
        assert_eq!((journal[0].id, journal[0].outcome, journal[0].talk_ms), (7, Outcome::Interrupted, 10_000));
        assert!(rig.lines().iter().all(|line| line.id == 7), "and on disk");
        // Another one that is found later is not that call.
        rig.agent("4");
        rig.later(Duration::from_secs(60));
        resync(&mut rig, Some(6));
        assert_ne!(rig.shown().call.id, Some(7));
    }
}

/// In a conversation with 13800138000 that was found without its leg, and the link away since.
fn found_and_cut_off() -> Rig {
    let mut rig = restarted_after(vec![cut_short(10_000, Outcome::Interrupted)], "4");
    rig.phone(softphone::Event::Registered { expires: Duration::from_secs(600) });
    resync(&mut rig, Some(6));
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig
}

#[test]
fn the_leg_of_another_number_is_none_of_a_conversation_that_was_found() {
    // At once, and after a while; from a gateway whose name says nothing, only after a while.
    for (from, after, is_another) in [
        ("13900139000", 1, true),
        ("13900139000", 7, true),
        ("13800138000", 7, false),
        ("gateway", 1, false),
        ("gateway", 7, true),
    ] {
        let mut rig = found_and_cut_off();
        rig.later(Duration::from_secs(after));
        rig.phone(softphone::Event::Incoming { call_id: "c2".into(), from: from.into(), auto_answer: false });
        let shown = rig.shown();
        let what = format!("{from} after {after} s: {:?}", shown.call);
        assert_eq!(shown.call.phase == CallPhase::Ringing, is_another, "{what}");
        assert_eq!(shown.call.id != Some(7), is_another, "{what}");
        if is_another {
            assert_eq!(shown.call.peer.number.as_deref(), Some(from), "{what}");
        }
    }
}

#[test]
fn a_conversation_without_its_leg_ends_with_the_sign_in_and_the_phone_with_it() {
    let mut rig = restarted_after(vec![cut_short(10_000, Outcome::Interrupted)], "4");
    rig.phone(softphone::Event::Registered { expires: Duration::from_secs(600) });
    resync(&mut rig, Some(6));
    rig.link(LinkEvent::Closed { code: 3405, reason: String::new() });
    let shown = rig.shown();
    assert_eq!((shown.agent.state, shown.call.phase.is_live()), (AgentState::SignedOut, false), "nobody says its end");
    assert!(rig.phone_told(&softphone::Command::Unregister), "and no customer is refused here");
    let line = shown.journal.first().map(|line| (line.id, line.outcome, line.hung_up_by));
    assert_eq!(line, Some((7, Outcome::Interrupted, HungUpBy::Fault)));
}

#[test]
fn a_line_that_is_over_or_old_is_no_call_that_is_found() {
    let old = JournalEntry { ring_ms: 0, ..cut_short(0, Outcome::Interrupted) };
    for (line, later) in [(cut_short(10_000, Outcome::Answered), 0), (old, 700)] {
        let mut rig = restarted_after(vec![line], "1");
        rig.later(Duration::from_secs(later));
        rig.agent("4");
        resync(&mut rig, Some(6));
        assert_eq!((rig.shown().call.phase, rig.shown().call.peer.clone()), (CallPhase::Talking, Party::default()));
    }
}

#[test]
fn a_ring_found_without_its_leg_is_not_offered_and_goes_back_soon() {
    for (lines, who) in [
        (vec![JournalEntry { ring_ms: 0, ..cut_short(0, Outcome::Interrupted) }], "13800138000"),
        (Vec::new(), "an unknown caller"),
    ] {
        let mut rig = restarted_after(lines, "4");
        resync(&mut rig, Some(5));
        let shown = rig.shown();
        assert_eq!(shown.call.phase, CallPhase::Ringing);
        assert!(shown.call.leg_lost.is_some() && !shown.can(Action::Answer) && shown.can(Action::Reject));
        assert!(rig.notices().contains(&format!("{who} has been ringing")), "{}", rig.notices());
        let before = rig.at;
        rig.timer(TimerId::CallDeadline);
        assert_eq!(rig.at - before, Duration::from_secs(5));
        assert!(rig.sent(|request| *request == Request::Refuse).is_some());
        assert!(rig.notices().contains(&format!("the call from {who} did not reach")), "{}", rig.notices());
        assert!(rig.notices().contains(&format!("missed call from {who}")), "{}", rig.notices());
        assert_eq!((rig.shown().journal.len(), rig.shown().journal[0].outcome), (1, Outcome::Missed));
    }
    // Its leg comes after all.
    let mut rig = restarted("4");
    resync(&mut rig, Some(5));
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "138".into(), auto_answer: false });
    assert!(rig.shown().can(Action::Answer) && rig.shown().call.leg_lost.is_none());
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
            let fresh = |rig: &Rig| rig.shown().notices.iter().filter(|notice| !notice.dismissed).count();
            assert_eq!(fresh(&rig), 1, "{pho_sta}: {}", rig.notices());
            resync(&mut rig, Some(pho_sta));
            assert_eq!((rig.shown().call.phase, fresh(&rig)), (phase, 1), "{pho_sta} twice");
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
