//! The SIP leg and the platform's messages come over two connections that nothing orders: whichever is first, late, lost
//! or doubled, the agent sees the call that is there, and no customer is refused or hung up on because of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::Rig;
use crate::{
    app::{Command, Effect, Event, TimerId},
    config::Codec,
    cti::{
        api::Request,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{AgentState, CallPhase, Direction, HungUpBy, Outcome, RingKind},
    softphone::{self, EndCause, MediaEvent, MediaStats, Tone},
};

const A: &str = "13900139000";
const B: &str = "13711111111";
const C: &str = "13622222222";

fn ring(rig: &mut Rig, caller: &str, id: Option<&str>) {
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::Queue),
        caller: Some(caller.into()),
        area: Some("北京".into()),
        queue_id: Some(1),
        call_id: id.map(str::to_owned),
        ..PhoneEvent::default()
    }));
}

fn pho(rig: &mut Rig, state: PhoneState, id: Option<&str>) {
    rig.push(PushMessage::Phone(PhoneEvent { state, call_id: id.map(str::to_owned), ..PhoneEvent::default() }));
}

fn invite(rig: &mut Rig, call_id: &str, from: &str) {
    rig.phone(softphone::Event::Incoming { call_id: call_id.into(), from: from.into(), auto_answer: false });
}

fn answered(rig: &mut Rig, call_id: &str) {
    rig.phone(softphone::Event::Answered { call_id: call_id.into() });
}

fn ended(rig: &mut Rig, call_id: &str, cause: EndCause) {
    rig.phone(softphone::Event::Ended { call_id: call_id.into(), cause });
}

fn bye(rig: &mut Rig, call_id: &str) {
    ended(rig, call_id, EndCause::RemoteBye);
}

fn sound(rig: &mut Rig) {
    rig.phone(softphone::Event::Media(MediaEvent::Up { codec: Codec::Pcma }));
    rig.phone(softphone::Event::Media(MediaEvent::Stats(MediaStats::default())));
}

/// Commands to the softphone about a leg.
fn told_about(rig: &Rig, call_id: &str) -> Vec<&'static str> {
    rig.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Phone(softphone::Command::Answer { call_id: id }) if id == call_id => Some("answer"),
            Effect::Phone(softphone::Command::HangUp { call_id: id }) if id == call_id => Some("hang up"),
            Effect::Phone(softphone::Command::Release { call_id: id }) if id == call_id => Some("release"),
            Effect::Phone(softphone::Command::TurnAway { call_id: id }) if id == call_id => Some("turn away"),
            _ => None,
        })
        .collect()
}

/// In conversation with A: leg `a`, the platform's name for the call as given.
fn talking(id: Option<&str>) -> Rig {
    let mut rig = Rig::idle();
    rig.agent("4");
    ring(&mut rig, A, id);
    invite(&mut rig, "a", A);
    rig.command(Command::Answer);
    answered(&mut rig, "a");
    pho(&mut rig, PhoneState::Connected, id);
    sound(&mut rig);
    rig.later(Duration::from_secs(20));
    rig.effects.clear();
    rig
}

fn with_and_without_names() -> [(Option<&'static str>, Option<&'static str>); 2] {
    [(None, None), (Some("pa"), Some("pb"))]
}

#[test]
fn a_leg_that_answers_itself_before_the_ring_is_pushed_is_that_call() {
    for id in [None, Some("pa")] {
        for by_switch in [true, false] {
            let mut rig = Rig::idle();
            rig.command(Command::SetAutoAnswer { on: by_switch });
            invite(&mut rig, "a", "gw01");
            if !by_switch {
                rig.command(Command::Answer);
            }
            assert_eq!(told_about(&rig, "a"), ["answer"]);
            answered(&mut rig, "a");
            assert_eq!(rig.shown().call.phase, CallPhase::Talking);
            rig.later(Duration::from_millis(500));
            rig.agent("4");
            ring(&mut rig, A, id);
            pho(&mut rig, PhoneState::Connected, id);
            let shown = rig.shown().call;
            assert_eq!((shown.phase, shown.peer.number.as_deref()), (CallPhase::Talking, Some(A)));
            assert_eq!((shown.peer.area.as_deref(), shown.queue.map(|queue| queue.id)), (Some("北京"), Some(1)));
            assert_eq!((rig.published("callStarted"), rig.published("callUpdated")), (1, 1));
            pho(&mut rig, PhoneState::HungUp, id);
            assert_eq!(rig.shown().journal.len(), 1);
            assert_eq!(rig.shown().journal[0].peer.number.as_deref(), Some(A));
        }
    }
}

#[test]
fn the_next_customer_is_never_refused_for_a_leg_that_is_dying() {
    for (one, other) in with_and_without_names() {
        let mut rig = talking(one);
        pho(&mut rig, PhoneState::HungUp, one);
        assert_eq!(told_about(&rig, "a"), ["release"], "nobody is heard from this moment");
        rig.agent("1");
        rig.later(Duration::from_millis(300));
        rig.agent("4");
        ring(&mut rig, B, other);
        invite(&mut rig, "b", B);
        bye(&mut rig, "a");
        let shown = rig.shown().call;
        assert_eq!((shown.phase, shown.peer.number.as_deref()), (CallPhase::Ringing, Some(B)));
        rig.command(Command::Answer);
        answered(&mut rig, "b");
        pho(&mut rig, PhoneState::Connected, other);
        assert_eq!(rig.shown().call.phase, CallPhase::Talking);
        assert_eq!(told_about(&rig, "b"), ["answer"]);
    }
}

#[test]
fn late_messages_about_a_call_that_has_ended_here_are_not_about_the_next_one() {
    for (one, other) in with_and_without_names() {
        for doubled in [false, true] {
            let mut rig = talking(one);
            bye(&mut rig, "a");
            invite(&mut rig, "b", B);
            rig.later(Duration::from_millis(100));
            for _ in 0..=usize::from(doubled) {
                pho(&mut rig, PhoneState::HungUp, one);
            }
            rig.agent("1");
            rig.agent("4");
            ring(&mut rig, B, other);
            let shown = rig.shown().call;
            assert_eq!((shown.phase, shown.peer.number.as_deref()), (CallPhase::Ringing, Some(B)));
            assert_eq!(shown.peer.area.as_deref(), Some("北京"));
            rig.command(Command::Answer);
            assert_eq!(told_about(&rig, "b"), ["answer"]);
            answered(&mut rig, "b");
            assert_eq!(rig.shown().journal.len(), 1, "and nobody was missed");
        }
    }
}

#[test]
fn a_hang_up_that_lags_behind_the_next_answer_cuts_nobody() {
    for (one, other) in with_and_without_names() {
        let mut rig = talking(one);
        rig.command(Command::HangUp);
        assert_eq!(told_about(&rig, "a"), ["release"]);
        rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
        ended(&mut rig, "a", EndCause::Local);
        invite(&mut rig, "b", B);
        rig.command(Command::Answer);
        answered(&mut rig, "b");
        sound(&mut rig);
        // The link was stalled all the time.
        rig.later(Duration::from_millis(1500));
        pho(&mut rig, PhoneState::HungUp, one);
        rig.agent("1");
        rig.agent("4");
        ring(&mut rig, B, other);
        pho(&mut rig, PhoneState::Connected, other);
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.call.peer.number.as_deref()), (CallPhase::Talking, Some(B)));
        assert_eq!(told_about(&rig, "b"), ["answer"]);
        assert_eq!((shown.journal.len(), rig.published("callEnded")), (1, 1));
        pho(&mut rig, PhoneState::HungUp, other);
        assert_eq!(rig.shown().call.phase, CallPhase::Ended);
    }
}

#[test]
fn the_next_call_waits_while_nothing_has_said_that_this_one_is_over() {
    // Both ways to hear of the end are late: what has come for the next customer waits.
    for (one, other) in with_and_without_names() {
        for end_by_leg in [true, false] {
            let mut rig = talking(one);
            invite(&mut rig, "b", B);
            ring(&mut rig, B, other);
            assert_eq!(rig.shown().call.peer.number.as_deref(), Some(A));
            rig.later(Duration::from_secs(1));
            if end_by_leg {
                bye(&mut rig, "a");
            } else {
                rig.command(Command::HangUp);
                ended(&mut rig, "a", EndCause::Local);
            }
            let shown = rig.shown();
            assert_eq!((shown.call.phase, shown.call.peer.number.as_deref()), (CallPhase::Ringing, Some(B)));
            assert_eq!((shown.call.peer.area.as_deref(), shown.journal.len()), (Some("北京"), 1));
            rig.command(Command::Answer);
            assert_eq!(told_about(&rig, "b"), ["answer"]);
        }
    }
}

#[test]
fn a_second_customer_is_turned_away_when_the_conversation_goes_on() {
    let mut rig = talking(Some("pa"));
    invite(&mut rig, "b", B);
    assert_eq!(told_about(&rig, "b"), [""; 0]);
    rig.timer(TimerId::NextCall);
    assert_eq!(told_about(&rig, "b"), ["turn away"]);
    assert!(rig.notices().contains(B), "{}", rig.notices());
    ended(&mut rig, "b", EndCause::Local);
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
}

#[test]
fn of_two_that_wait_the_newer_is_the_next_customer() {
    for one in [None, Some("pb")] {
        // The customer on the screen has hung up and the next one gave up while it rang; neither end is known here yet.
        let mut rig = talking(Some("pa"));
        invite(&mut rig, "b", B);
        ring(&mut rig, B, one);
        invite(&mut rig, "c", C);
        assert_eq!((told_about(&rig, "b"), told_about(&rig, "c")), (vec!["turn away"], vec![]));
        ended(&mut rig, "b", EndCause::Local);
        ring(&mut rig, C, one.map(|_| "pc"));
        bye(&mut rig, "a");
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.call.peer.number.as_deref()), (CallPhase::Ringing, Some(C)), "{one:?}");
        rig.command(Command::Answer);
        assert_eq!(told_about(&rig, "c"), ["answer"]);
    }
}

#[test]
fn a_ring_without_a_leg_ends_by_itself_and_the_platform_gets_the_customer_back() {
    let mut rig = Rig::idle();
    ring(&mut rig, A, None);
    rig.timer(TimerId::CallDeadline);
    assert_eq!((rig.shown().call.phase, rig.shown().journal[0].outcome), (CallPhase::Ended, Outcome::Missed));
    assert!(rig.sent(|r| *r == Request::Refuse).is_some());
    assert!(rig.notices().contains("did not reach this phone"), "{}", rig.notices());
    assert!(rig.shown().can(crate::app::Action::Dial), "the phone is free");
}

#[test]
fn a_call_of_which_nothing_is_heard_is_given_up() {
    let mut rig = Rig::idle();
    rig.command(Command::Dial { number: A.into(), caller_id: None, queue_id: None, user_data: None });
    rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, Value::Null);
    assert_eq!(rig.shown().call.phase, CallPhase::Dialing);
    rig.timer(TimerId::CallDeadline);
    assert_eq!(rig.shown().call.phase, CallPhase::Ended);
    assert!(rig.notices().contains("nothing was heard"), "{}", rig.notices());
    assert!(rig.sent(|r| *r == Request::CallOutCancel).is_some());
}

#[test]
fn a_platform_that_has_forgotten_a_call_with_sound_does_not_end_it() {
    let mut rig = talking(None);
    rig.link(crate::cti::link::LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.later(Duration::from_millis(200));
    rig.timer(TimerId::Reconnect);
    rig.link(crate::cti::link::LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 1, pho_sta: None, param: None });
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.agent.state), (CallPhase::Talking, AgentState::Idle));
    assert!(shown.call.unheld && shown.call.hold_uncertain);
    assert!(rig.notices().contains("does not know this call any more"), "{}", rig.notices());
    assert_eq!(told_about(&rig, "a"), [""; 0]);
    // Either side ends it.
    rig.command(Command::HangUp);
    assert_eq!(told_about(&rig, "a"), ["release"]);
    ended(&mut rig, "a", EndCause::Local);
    assert_eq!(rig.shown().journal[0].outcome, Outcome::Answered);

    // A leg without sound is what the platform says it is: over.
    let mut rig = talking(None);
    rig.phone(softphone::Event::Media(MediaEvent::Lost { cause: softphone::LossCause::PathLost }));
    rig.link(crate::cti::link::LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.later(Duration::from_millis(200));
    rig.timer(TimerId::Reconnect);
    rig.link(crate::cti::link::LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 1, pho_sta: None, param: None });
    assert_eq!((rig.shown().call.phase.is_live(), told_about(&rig, "a")), (false, vec!["release"]));
}

#[test]
fn nobody_hears_the_agent_after_the_key_or_the_platform_has_ended_the_call() {
    let mut rig = talking(None);
    rig.command(Command::HangUp);
    assert_eq!(told_about(&rig, "a"), ["release"], "before the platform has answered");
    let shown = rig.shown();
    assert!(shown.call.muted && shown.pending.contains(&crate::app::Action::HangUp), "shown in the same moment");
    let mut rig = talking(None);
    pho(&mut rig, PhoneState::HungUp, None);
    assert_eq!(told_about(&rig, "a"), ["release"]);
}

#[test]
fn a_state_from_before_the_ring_does_not_end_it() {
    for id in [None, Some("pa")] {
        let mut rig = Rig::idle();
        ring(&mut rig, A, id);
        rig.agent("1");
        invite(&mut rig, "a", A);
        rig.agent("4");
        let shown = rig.shown();
        assert_eq!((shown.call.phase, shown.journal.len()), (CallPhase::Ringing, 0));
        assert_eq!(shown.call.queue.map(|queue| queue.id), Some(1));
    }
}

#[test]
fn a_ringing_call_whose_leg_is_lost_stays_and_can_be_refused() {
    let mut rig = Rig::idle();
    rig.agent("4");
    ring(&mut rig, A, Some("pa"));
    invite(&mut rig, "a", A);
    ended(&mut rig, "a", EndCause::Failed("the SIP connection was lost".into()));
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.leg_lost.is_some()), (CallPhase::Ringing, true));
    let id = rig.command(Command::Answer);
    assert!(matches!(rig.outcome(id), Some(Err(refusal)) if refusal.message.key() == "app.leg_lost"));
    assert!(!rig.effects.iter().rev().any(|e| matches!(e, Effect::Phone(softphone::Command::Play(Some(Tone::Ring))))
        && rig.state.tone.is_some()), "what cannot be answered does not ring");
    let id = rig.command(Command::Reject);
    rig.reply_to(|r| *r == Request::Refuse, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
    rig.agent("1");
    assert!(!rig.shown().call.phase.is_live());

    // The platform sends another leg for it.
    let mut rig = Rig::idle();
    ring(&mut rig, A, Some("pa"));
    invite(&mut rig, "a", A);
    ended(&mut rig, "a", EndCause::Failed("the SIP connection was lost".into()));
    invite(&mut rig, "a2", A);
    rig.command(Command::Answer);
    answered(&mut rig, "a2");
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.journal.len()), (CallPhase::Talking, 0));
    bye(&mut rig, "a2");
    assert_eq!(rig.shown().journal[0].hung_up_by, HungUpBy::Peer);
}

#[test]
fn a_leg_that_wants_to_be_answered_opens_no_microphone_unless_somebody_has_spoken_of_it() {
    let unannounced = |rig: &mut Rig| {
        rig.phone(softphone::Event::Incoming { call_id: "a".into(), from: "gw".into(), auto_answer: true });
    };
    let mut rig = Rig::idle();
    unannounced(&mut rig);
    assert_eq!(rig.answers(), 0);
    rig.timer(TimerId::CallDeadline);
    let shown = rig.shown().call;
    assert_eq!((shown.phase, shown.direction), (CallPhase::Ringing, Some(Direction::In)), "a person may answer it");
    rig.command(Command::Answer);
    assert_eq!(rig.answers(), 1);

    let mut rig = Rig::idle();
    unannounced(&mut rig);
    pho(&mut rig, PhoneState::CallOut, None);
    assert_eq!(rig.answers(), 1, "announced");

    let mut rig = Rig::idle();
    rig.command(Command::Dial { number: A.into(), caller_id: None, queue_id: None, user_data: None });
    unannounced(&mut rig);
    assert_eq!(rig.answers(), 1, "asked for");
}

#[test]
fn a_leg_of_another_caller_is_not_that_of_a_ring_without_a_leg() {
    // From earlier calls it is known that legs come from their callers here.
    let mut rig = talking(Some("pz"));
    bye(&mut rig, "a");
    pho(&mut rig, PhoneState::HungUp, Some("pz"));
    rig.agent("1");
    ring(&mut rig, A, Some("pa"));
    invite(&mut rig, "b", B);
    let shown = rig.shown();
    assert_eq!((shown.call.phase, shown.call.peer.number.as_deref()), (CallPhase::Ringing, Some(B)));
    rig.command(Command::Answer);
    answered(&mut rig, "b");
    pho(&mut rig, PhoneState::HungUp, Some("pa"));
    assert_eq!(rig.shown().call.phase, CallPhase::Talking, "the end of the ring is not the end of this call");
    assert_eq!(told_about(&rig, "b"), ["answer"]);
    ring(&mut rig, B, Some("pb"));
    assert_eq!(rig.shown().call.peer.area.as_deref(), Some("北京"));

    // Behind a gateway a number says nothing.
    let mut rig = Rig::idle();
    ring(&mut rig, A, None);
    invite(&mut rig, "a", "4008001234");
    assert_eq!(rig.shown().call.peer.number.as_deref(), Some(A));
    assert!(rig.shown().journal.is_empty());
}

#[test]
fn what_a_resync_says_of_the_call_before_is_not_said_of_the_one_that_rings() {
    let mut rig = talking(None);
    bye(&mut rig, "a");
    rig.link(crate::cti::link::LinkEvent::Closed { code: 1006, reason: String::new() });
    invite(&mut rig, "b", B);
    rig.timer(TimerId::Reconnect);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(6), param: None });
    assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
    pho(&mut rig, PhoneState::HungUp, None);
    let shown = rig.shown().call;
    assert_eq!((shown.phase, shown.peer.number.as_deref()), (CallPhase::Ringing, Some(B)));
    assert_eq!(told_about(&rig, "b"), [""; 0]);
}

#[test]
fn a_call_hung_up_while_the_link_was_away_does_not_come_back_with_it() {
    let mut rig = talking(None);
    rig.link(crate::cti::link::LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.command(Command::HangUp);
    ended(&mut rig, "a", EndCause::Local);
    rig.later(Duration::from_secs(1));
    rig.timer(TimerId::Reconnect);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(6), param: None });
    assert!(!rig.shown().call.phase.is_live());
    pho(&mut rig, PhoneState::HungUp, None);
    rig.agent("1");
    assert_eq!(rig.shown().journal.len(), 1);
}

#[test]
fn a_call_hung_up_in_a_long_absence_does_not_come_back_with_the_link_and_the_platform_hears_of_it() {
    let mut rig = talking(None);
    rig.link(crate::cti::link::LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.command(Command::HangUp);
    rig.fail(|request| *request == Request::HangUp);
    ended(&mut rig, "a", EndCause::Local);
    let asked = |rig: &Rig| rig.count(|e| matches!(e, Effect::Request { request: Request::HangUp, .. }));
    assert_eq!(asked(&rig), 1);
    rig.later(Duration::from_secs(12));
    rig.timer(TimerId::Reconnect);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(6), param: None });
    assert!(!rig.shown().call.phase.is_live());
    assert_eq!(asked(&rig), 2, "the first may have reached nobody");
    pho(&mut rig, PhoneState::HungUp, None);
    rig.agent("1");
    assert_eq!(rig.shown().journal.len(), 1);
}

#[test]
fn everything_that_was_learnt_late_is_in_the_journal_and_the_events() {
    let mut rig = Rig::idle();
    invite(&mut rig, "a", "gw01");
    ring(&mut rig, A, Some("pa"));
    let known: Vec<Value> = rig
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Publish(event) if event.name.starts_with("call") => Some(event.data.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(known.last().map(|data| data["number"].clone()), Some(json!(A)));
    rig.event(Event::Phone(softphone::Event::Ended { call_id: "a".into(), cause: EndCause::Cancelled }));
    let entry = rig.shown().journal[0].clone();
    assert_eq!((entry.peer.number.as_deref(), entry.call_id.as_deref()), (Some(A), Some("pa")));
}

#[test]
fn a_caller_without_a_number_is_an_unknown_one() {
    for (locale, missed, turned_away) in [
        (crate::i18n::Locale::En, "missed call from an unknown caller", "an unknown caller called meanwhile"),
        (crate::i18n::Locale::ZhCn, "未接来电 未知号码", "通话中有新来电 未知号码"),
    ] {
        let mut rig = Rig::idle();
        rig.state.profile.locale = locale;
        rig.push(PushMessage::Phone(PhoneEvent { state: PhoneState::Ring(RingKind::Queue), ..PhoneEvent::default() }));
        pho(&mut rig, PhoneState::HungUp, None);
        assert!(rig.notices().contains(missed), "{}", rig.notices());

        let mut rig = talking(None);
        rig.state.profile.locale = locale;
        invite(&mut rig, "b", "");
        rig.timer(TimerId::NextCall);
        assert!(rig.notices().contains(turned_away), "{}", rig.notices());
    }
}

/// The platform stands still, and both connections to it are given up, the link first.
#[test]
fn a_call_that_rings_on_behind_two_lost_connections_is_one_call() {
    // What the platform says when it is back: it rings on, it is over, or there is a new leg of it.
    for back in [Some(5), None] {
        for another_leg in [false, true] {
            let mut rig = Rig::idle();
            ring(&mut rig, A, Some("pa"));
            invite(&mut rig, "a", A);
            rig.link(crate::cti::link::LinkEvent::Closed { code: 1006, reason: String::new() });
            ended(&mut rig, "a", EndCause::Failed("the SIP connection was lost".into()));
            assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
            rig.later(Duration::from_secs(6));
            rig.timer(TimerId::Reconnect);
            rig.push(PushMessage::Established);
            rig.push(PushMessage::InitState { ag_sta: if back.is_some() { 4 } else { 1 }, pho_sta: back, param: None });
            if back.is_some() {
                assert_eq!(rig.shown().call.phase, CallPhase::Ringing);
                if another_leg {
                    invite(&mut rig, "a2", A);
                    rig.command(Command::Answer);
                    answered(&mut rig, "a2");
                    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
                    bye(&mut rig, "a2");
                }
                pho(&mut rig, PhoneState::HungUp, Some("pa"));
            }
            let shown = rig.shown();
            assert!(!shown.call.phase.is_live(), "{back:?}: {:?}", shown.call);
            assert_eq!(shown.journal.len(), 1, "{back:?}, another leg {another_leg}: {:?}", shown.journal);
        }
    }
}
