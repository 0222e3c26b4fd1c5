//! Phases that wait for somebody else: ended in time where somebody would have told, and never against a conversation.

use std::time::Duration;

use serde_json::Value;

use super::rig::{Rig, profile};
use crate::{
    app::{Action, Command, Effect, Event, Profile, TimerId},
    config::Codec,
    cti::{
        api::Request,
        link::LinkEvent,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{CallPhase, Direction, HungUpBy, Outcome, RingKind, Unreached},
    softphone::{self, EndCause, MediaEvent, MediaStats},
};

const MINUTE: Duration = Duration::from_secs(60);

fn dial(rig: &mut Rig) {
    rig.command(Command::Dial { number: "13900139000".into(), caller_id: None, queue_id: None, user_data: None });
    rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, Value::Null);
}

/// A call out whose own leg is answered and whose far end rings.
fn placed() -> Rig {
    let mut rig = Rig::idle();
    dial(&mut rig);
    rig.agent("4");
    rig.pho(PhoneState::CallOut);
    rig.phone(softphone::Event::Incoming { call_id: "o".into(), from: "gw".into(), auto_answer: true });
    rig.phone(softphone::Event::Answered { call_id: "o".into() });
    rig.pho(PhoneState::FarRinging);
    rig.effects.clear();
    rig
}

fn sound(rig: &mut Rig) {
    rig.phone(softphone::Event::Media(MediaEvent::Up { codec: Codec::Pcma }));
    rig.phone(softphone::Event::Media(MediaEvent::Stats(MediaStats::default())));
}

fn link_down(rig: &mut Rig) {
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
}

fn link_back(rig: &mut Rig) {
    rig.event(Event::Timer(TimerId::Reconnect));
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
}

/// Lets the deadline pass, if there is one, and a lot of time if there is none.
fn wait_for_deadline(rig: &mut Rig) {
    let runs = rig.state.call_deadline;
    rig.at = runs.unwrap_or(rig.at + 10 * MINUTE).max(rig.at);
    rig.event(Event::Timer(TimerId::CallDeadline));
}

fn orders(rig: &Rig) -> Vec<Request> {
    let order = |effect: &Effect| match effect {
        Effect::Request { request, .. } => Some(request.clone()),
        _ => None,
    };
    let ends =
        |r: &Request| matches!(r, Request::CallOutCancel | Request::HangUp | Request::Refuse | Request::ConsultCancel);
    rig.effects.iter().filter_map(order).filter(ends).collect()
}

/// No call of a desk phone's is known here but by the link.
fn desk_phone(websocket: bool) -> Rig {
    let mut rig = Rig::idle();
    rig.state.profile = Profile { webrtc: false, websocket, ..profile() };
    rig.state.session.web_phone = false;
    if !websocket {
        rig.state.link.state = crate::app::LinkState::Down;
    }
    rig
}

#[test]
fn a_conversation_that_nobody_reports_is_not_ended() {
    // The customer answers while the link is away, for good or not.
    for code in [1006, 3403] {
        let mut rig = placed();
        sound(&mut rig);
        rig.link(LinkEvent::Closed { code, reason: String::new() });
        wait_for_deadline(&mut rig);
        assert!(rig.shown().call.phase.is_live(), "{code}");
        assert_eq!((orders(&rig).len(), rig.hang_ups(), rig.releases()), (0, 0, 0), "{code}");
        assert!(rig.shown().can(Action::HangUp));
    }

    // Back again the platform says what it is, and the time begins anew.
    let mut rig = placed();
    sound(&mut rig);
    rig.later(2 * MINUTE);
    link_down(&mut rig);
    rig.later(2 * MINUTE);
    link_back(&mut rig);
    rig.event(Event::Timer(TimerId::CallDeadline));
    assert_eq!((rig.shown().call.phase, orders(&rig).len()), (CallPhase::Dialing, 0));
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(6), param: None });
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
}

#[test]
fn a_leg_with_sound_is_never_ended_for_want_of_a_report() {
    let mut rig = placed();
    sound(&mut rig);
    for told in 1..=2 {
        rig.later(Duration::from_secs(4));
        wait_for_deadline(&mut rig);
        assert_eq!((rig.shown().call.phase, orders(&rig).len(), rig.hang_ups()), (CallPhase::Dialing, 0, 0));
        assert_eq!(rig.notices().matches("no answer of").count(), told, "{}", rig.notices());
    }
    // A silent one is.
    let mut rig = placed();
    wait_for_deadline(&mut rig);
    assert_eq!((rig.shown().call.phase, rig.hang_ups()), (CallPhase::Ended, 1));
    assert_eq!(orders(&rig), [Request::CallOutCancel]);
    rig.phone(softphone::Event::Ended { call_id: "o".into(), cause: EndCause::Local });
    let line = rig.shown().journal[0].clone();
    assert_eq!((line.outcome, line.hung_up_by), (Outcome::Unanswered, HungUpBy::Fault));
    assert_eq!(line.unreached, Some(Unreached::NoAnswer));
    assert_eq!(rig.shown().notices.len(), 1, "{}", rig.notices());
}

#[test]
fn an_own_leg_answered_without_a_link_is_a_conversation_until_told_otherwise() {
    for (pho_sta, phase) in [(6, CallPhase::Talking), (10, CallPhase::Dialing), (4, CallPhase::Dialing)] {
        let mut rig = Rig::idle();
        dial(&mut rig);
        // The token is worth nothing any more.
        rig.link(LinkEvent::Closed { code: 3403, reason: String::new() });
        rig.phone(softphone::Event::Incoming { call_id: "o".into(), from: "gw".into(), auto_answer: true });
        assert_eq!(rig.answers(), 1);
        rig.phone(softphone::Event::Answered { call_id: "o".into() });
        assert_eq!(rig.shown().call.phase, CallPhase::Talking);
        rig.later(Duration::from_secs(5));
        rig.new_token();
        rig.link(LinkEvent::Opened);
        rig.push(PushMessage::Established);
        rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(pho_sta), param: None });
        assert_eq!(rig.shown().call.phase, phase);
        rig.pho(PhoneState::FarRinging);
        assert_eq!(rig.shown().call.phase, phase, "an old word says nothing of a conversation");
        rig.pho(PhoneState::HungUp);
        let answered = phase == CallPhase::Talking;
        let outcome = if answered { Outcome::Answered } else { Outcome::Unanswered };
        assert_eq!(rig.shown().journal[0].outcome, outcome);
    }
}

#[test]
fn a_desk_phone_that_nobody_reports_of_is_left_alone() {
    for websocket in [true, false] {
        let mut rig = desk_phone(websocket);
        dial(&mut rig);
        if websocket {
            link_down(&mut rig);
        }
        rig.effects.clear();
        wait_for_deadline(&mut rig);
        assert_eq!((rig.shown().call.phase, orders(&rig).len()), (CallPhase::Dialing, 0));
        // The agent says that it is over.
        rig.command(Command::HangUp);
        rig.reply_to(|r| *r == Request::HangUp, 40404, Value::Null);
        assert!(rig.shown().can(Action::Dial));
    }

    // It rang, and was answered while the link was away.
    let mut rig = desk_phone(true);
    rig.agent("4");
    rig.pho(PhoneState::Ring(RingKind::Queue));
    link_down(&mut rig);
    rig.effects.clear();
    wait_for_deadline(&mut rig);
    link_back(&mut rig);
    rig.event(Event::Timer(TimerId::CallDeadline));
    assert_eq!((rig.shown().call.phase, orders(&rig).len()), (CallPhase::Ringing, 0));
    wait_for_deadline(&mut rig);
    assert_eq!((rig.shown().call.phase, orders(&rig)), (CallPhase::Ended, vec![Request::Refuse]));
    let line = rig.shown().journal[0].clone();
    assert_eq!((line.outcome, line.hung_up_by), (Outcome::Missed, HungUpBy::Fault));
}

#[test]
fn without_the_link_the_phone_is_free_and_nothing_is_ordered() {
    // Dialled, and no leg has come.
    let mut rig = Rig::idle();
    dial(&mut rig);
    link_down(&mut rig);
    rig.effects.clear();
    wait_for_deadline(&mut rig);
    assert_eq!((rig.shown().call.phase, orders(&rig).len()), (CallPhase::Ended, 0));
    assert!(rig.notices().contains("no longer shown"), "{}", rig.notices());
    assert!(!rig.notices().contains("was not reached"), "{}", rig.notices());

    // It rings, and no leg has come.
    let mut rig = Rig::idle();
    rig.agent("4");
    rig.pho(PhoneState::Ring(RingKind::Queue));
    link_down(&mut rig);
    rig.effects.clear();
    wait_for_deadline(&mut rig);
    assert_eq!((rig.shown().call.phase, orders(&rig).len()), (CallPhase::Ended, 0));
    assert!(rig.notices().contains("an unknown caller"), "{}", rig.notices());
}

#[test]
fn a_consultation_that_may_be_running_is_not_ended() {
    let consulting_out = || {
        let mut rig = Rig::talking();
        rig.pho(PhoneState::ConsultOut);
        rig.effects.clear();
        rig
    };
    let mut rig = consulting_out();
    link_down(&mut rig);
    wait_for_deadline(&mut rig);
    assert_eq!((rig.shown().call.phase, orders(&rig).len()), (CallPhase::ConsultOut, 0));
    // Back again, "in conversation" may be the consulted party.
    link_back(&mut rig);
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(6), param: None });
    wait_for_deadline(&mut rig);
    assert_eq!((rig.shown().call.phase, orders(&rig).len()), (CallPhase::ConsultOut, 0));

    let mut rig = consulting_out();
    wait_for_deadline(&mut rig);
    assert_eq!((rig.shown().call.phase, orders(&rig)), (CallPhase::Talking, vec![Request::ConsultCancel]));
}

#[test]
fn what_the_program_gives_up_is_told_once_and_is_nobodys_doing() {
    let mut rig = Rig::idle();
    dial(&mut rig);
    wait_for_deadline(&mut rig);
    let line = rig.shown().journal[0].clone();
    assert_eq!((line.outcome, line.hung_up_by), (Outcome::Failed, HungUpBy::Fault));
    assert_eq!(rig.shown().notices.len(), 1, "{}", rig.notices());

    // Listening in has no dialled call that could be cancelled.
    let mut rig = Rig::idle();
    rig.command(Command::Spy { ag_no: "8002".into() });
    rig.reply_to(|r| matches!(r, Request::Spy { .. }), 0, Value::Null);
    rig.effects.clear();
    wait_for_deadline(&mut rig);
    assert_eq!(orders(&rig), [Request::HangUp]);
}

#[test]
fn a_ring_whose_leg_was_lost_is_refused_by_the_agent_who_reads_why() {
    let mut rig = Rig::ringing();
    let why = "no codec in common";
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::Failed(why.into()) });
    let id = rig.command(Command::Answer);
    assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_err()));
    assert!(rig.notices().contains("cannot be answered here: no codec in common"), "{}", rig.notices());
    rig.command(Command::Reject);
    rig.reply_to(|r| *r == Request::Refuse, 0, Value::Null);
    rig.pho(PhoneState::HungUp);
    let line = rig.shown().journal[0].clone();
    assert_eq!((line.outcome, line.hung_up_by), (Outcome::Rejected, HungUpBy::Agent));
}

#[test]
fn an_own_leg_that_is_announced_late_is_answered_by_itself() {
    for announcement in [PhoneState::CallOut, PhoneState::Ring(RingKind::Outbound), PhoneState::Ring(RingKind::Queue)] {
        let mut rig = Rig::idle();
        rig.phone(softphone::Event::Incoming { call_id: "o".into(), from: "gw".into(), auto_answer: true });
        wait_for_deadline(&mut rig);
        assert_eq!((rig.shown().call.phase, rig.answers()), (CallPhase::Ringing, 0));
        rig.later(Duration::from_secs(1));
        rig.push(PushMessage::Phone(PhoneEvent { state: announcement, ..PhoneEvent::default() }));
        assert_eq!(rig.answers(), 1, "{announcement:?}");
        let shown = rig.shown().call;
        let (phase, direction) = match announcement {
            PhoneState::Ring(RingKind::Queue) => (CallPhase::Ringing, Direction::In),
            _ => (CallPhase::Dialing, Direction::Out),
        };
        assert_eq!((shown.phase, shown.direction), (phase, Some(direction)));
    }
}
