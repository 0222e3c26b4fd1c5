//! What comes late of a call that is over begins no call, and what comes early of the next one is not taken for that.

use std::time::Duration;

use super::rig::Rig;
use crate::{
    app::{Command, Effect, TimerId},
    cti::{
        api::Request,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{CallPhase, Outcome, RingKind, Unreached},
    softphone::{self, EndCause},
};

const A: &str = "13900139000";
const B: &str = "13711111111";

fn push(rig: &mut Rig, state: PhoneState, number: &str, id: Option<&str>) {
    let offered = matches!(state, PhoneState::Ring(kind) if kind.is_offered());
    let number = Some(number.to_owned());
    let (caller, called) = if offered { (number, None) } else { (None, number) };
    rig.push(PushMessage::Phone(PhoneEvent {
        state,
        caller,
        called,
        area: offered.then(|| "北京".into()),
        queue_id: offered.then_some(1),
        call_id: id.map(str::to_owned),
        ..PhoneEvent::default()
    }));
}

fn ring(rig: &mut Rig, number: &str, id: Option<&str>) {
    rig.agent("4");
    push(rig, PhoneState::Ring(RingKind::Queue), number, id);
}

/// The platform's end of a call, and the agent's state after it.
fn over(rig: &mut Rig, id: Option<&str>) {
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::HungUp,
        call_id: id.map(str::to_owned),
        ..PhoneEvent::default()
    }));
    rig.agent("1");
}

fn invite(rig: &mut Rig, call_id: &str, own: bool) {
    rig.phone(softphone::Event::Incoming { call_id: call_id.into(), from: "gw01".into(), auto_answer: own });
}

fn ended(rig: &mut Rig, call_id: &str, cause: EndCause) {
    rig.phone(softphone::Event::Ended { call_id: call_id.into(), cause });
}

fn shows(rig: &Rig) -> (CallPhase, Option<String>) {
    let call = rig.shown().call;
    (call.phase, call.peer.number)
}

fn nothing_shown(rig: &Rig) -> bool {
    !rig.shown().call.phase.is_live()
}

fn turned_away(rig: &Rig) -> usize {
    rig.count(|effect| matches!(effect, Effect::Phone(softphone::Command::TurnAway { .. })))
}

fn names() -> [(Option<&'static str>, Option<&'static str>); 2] {
    [(None, None), (Some("pa"), Some("pb"))]
}

#[test]
fn a_leg_that_comes_after_its_customer_has_given_up_is_no_second_call() {
    for (id, _) in names() {
        let mut rig = Rig::idle();
        ring(&mut rig, A, id);
        over(&mut rig, id);
        rig.later(Duration::from_millis(400));
        invite(&mut rig, "a", false);
        assert!(nothing_shown(&rig));
        ended(&mut rig, "a", EndCause::Cancelled);
        assert!(nothing_shown(&rig));
        let journal = rig.shown().journal;
        assert_eq!((journal.len(), journal[0].outcome), (1, Outcome::Missed));
        assert_eq!((rig.published("callStarted"), rig.published("callEnded"), turned_away(&rig)), (1, 1, 0));
    }
}

#[test]
fn a_leg_that_comes_after_its_call_was_refused_is_no_second_call() {
    for (id, _) in names() {
        let mut rig = Rig::idle();
        ring(&mut rig, A, id);
        rig.command(Command::Reject);
        rig.reply_to(|r| matches!(r, Request::Refuse), 0, serde_json::Value::Null);
        over(&mut rig, id);
        invite(&mut rig, "a", false);
        ended(&mut rig, "a", EndCause::Cancelled);
        assert!(nothing_shown(&rig));
        assert_eq!((rig.shown().journal.len(), rig.shown().journal[0].outcome), (1, Outcome::Rejected));
    }
}

#[test]
fn it_rings_if_nobody_cancels_it_or_the_next_customer_is_announced() {
    for (id, next) in names() {
        let mut rig = Rig::idle();
        ring(&mut rig, A, id);
        over(&mut rig, id);
        invite(&mut rig, "b", false);
        rig.timer(TimerId::NextCall);
        assert_eq!(shows(&rig).0, CallPhase::Ringing);
        assert!(rig.has_leg("b"));

        let mut rig = Rig::idle();
        ring(&mut rig, A, id);
        over(&mut rig, id);
        invite(&mut rig, "b", false);
        rig.later(Duration::from_millis(300));
        ring(&mut rig, B, next);
        assert_eq!(shows(&rig), (CallPhase::Ringing, Some(B.to_owned())));
        assert!(rig.has_leg("b"), "the two are one");
        rig.command(Command::Answer);
        assert_eq!((rig.answers(), turned_away(&rig)), (1, 0));
    }
}

#[test]
fn a_ring_that_comes_after_its_leg_was_cancelled_is_no_second_call_and_says_who_it_was() {
    for (id, _) in names() {
        let mut rig = Rig::idle();
        rig.agent("4");
        invite(&mut rig, "a", false);
        ended(&mut rig, "a", EndCause::Cancelled);
        rig.later(Duration::from_millis(400));
        ring(&mut rig, A, id);
        assert!(nothing_shown(&rig));
        over(&mut rig, id);
        assert!(nothing_shown(&rig));
        let journal = rig.shown().journal;
        assert_eq!((journal.len(), journal[0].outcome), (1, Outcome::Missed));
        assert_eq!((journal[0].peer.number.as_deref(), journal[0].peer.area.as_deref()), (Some(A), Some("北京")));
        assert_eq!(journal[0].queue.as_ref().map(|queue| queue.id), Some(1));
        assert_eq!((rig.published("callStarted"), rig.published("callEnded")), (1, 1));
    }
}

#[test]
fn a_ring_after_a_cancelled_leg_is_a_call_if_another_leg_comes_or_nothing_ends_it() {
    for (id, _) in names() {
        let mut rig = Rig::idle();
        invite(&mut rig, "a", false);
        ended(&mut rig, "a", EndCause::Cancelled);
        ring(&mut rig, B, id);
        invite(&mut rig, "b", false);
        // What the platform has to say of the first leg comes first, if it has anything to say of it.
        assert_eq!(shows(&rig), (CallPhase::Ringing, Some("gw01".to_owned())));
        rig.timer(TimerId::NextCall);
        assert_eq!(shows(&rig), (CallPhase::Ringing, Some(B.to_owned())));
        assert!(rig.has_leg("b"));
        over(&mut rig, id);
        assert!(nothing_shown(&rig), "they are one");

        let mut rig = Rig::idle();
        invite(&mut rig, "a", false);
        ended(&mut rig, "a", EndCause::Cancelled);
        ring(&mut rig, B, id);
        rig.timer(TimerId::NextCall);
        assert_eq!(shows(&rig), (CallPhase::Ringing, Some(B.to_owned())));
    }
}

#[test]
fn another_customers_ring_is_shown_at_once() {
    let mut rig = Rig::idle();
    ring(&mut rig, A, None);
    over(&mut rig, None);
    ring(&mut rig, B, None);
    assert_eq!(shows(&rig), (CallPhase::Ringing, Some(B.to_owned())));
    // The same one again, whom the platform had ended.
    over(&mut rig, None);
    ring(&mut rig, B, None);
    assert_eq!(shows(&rig), (CallPhase::Ringing, Some(B.to_owned())));
}

#[test]
fn what_is_pushed_late_of_a_call_that_was_cancelled_is_no_second_call() {
    for (id, _) in names() {
        for leg_first in [true, false] {
            let mut rig = Rig::idle();
            rig.command(Command::Dial { number: A.into(), caller_id: None, queue_id: None, user_data: None });
            rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, serde_json::Value::Null);
            if leg_first {
                invite(&mut rig, "own", true);
                rig.phone(softphone::Event::Answered { call_id: "own".into() });
            }
            rig.command(Command::CancelDial);
            rig.reply_to(|r| matches!(r, Request::CallOutCancel), 0, serde_json::Value::Null);
            if leg_first {
                ended(&mut rig, "own", EndCause::Local);
            } else {
                rig.timer(TimerId::StrayCall);
            }
            assert!(nothing_shown(&rig));
            rig.agent("4");
            push(&mut rig, PhoneState::CallOut, A, id);
            push(&mut rig, PhoneState::Ring(RingKind::Outbound), A, id);
            if !leg_first {
                invite(&mut rig, "own", true);
                assert_eq!(rig.answers(), 0, "no microphone is opened for it");
            }
            assert!(nothing_shown(&rig));
            over(&mut rig, id);
            if !leg_first {
                ended(&mut rig, "own", EndCause::Cancelled);
            }
            assert!(nothing_shown(&rig));
            let journal = rig.shown().journal;
            assert_eq!((journal.len(), journal[0].outcome), (1, Outcome::Cancelled));
        }
    }
}

#[test]
fn the_ring_of_an_own_leg_that_is_over_already_is_no_second_call() {
    for (id, _) in names() {
        let mut rig = Rig::idle();
        rig.command(Command::Dial { number: A.into(), caller_id: None, queue_id: None, user_data: None });
        rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, serde_json::Value::Null);
        rig.agent("4");
        push(&mut rig, PhoneState::CallOut, A, id);
        invite(&mut rig, "own", true);
        rig.phone(softphone::Event::Answered { call_id: "own".into() });
        ended(&mut rig, "own", EndCause::Unreached(Unreached::Busy));
        push(&mut rig, PhoneState::Ring(RingKind::Outbound), A, id);
        over(&mut rig, id);
        assert!(nothing_shown(&rig));
        let journal = rig.shown().journal;
        assert_eq!((journal.len(), journal[0].unreached), (1, Some(Unreached::Busy)));
    }
}

/// The customer was served before the platform said a word: all of its words come while the next one is on the screen.
#[test]
fn what_the_platform_says_of_a_served_customer_is_not_said_of_the_next_one() {
    for (id, next) in names() {
        for (leg_first, answered) in [(false, false), (true, false), (true, true)] {
            let mut rig = Rig::idle();
            invite(&mut rig, "a", false);
            rig.command(Command::Answer);
            rig.phone(softphone::Event::Answered { call_id: "a".into() });
            ended(&mut rig, "a", EndCause::RemoteBye);
            rig.effects.clear();
            if leg_first {
                invite(&mut rig, "b", false);
            }
            if answered {
                rig.command(Command::Answer);
                rig.phone(softphone::Event::Answered { call_id: "b".into() });
            }
            ring(&mut rig, A, id);
            push(&mut rig, PhoneState::Connected, A, id);
            if !leg_first {
                invite(&mut rig, "b", false);
            }
            over(&mut rig, id);
            ring(&mut rig, B, next);
            let phase = if answered { CallPhase::Talking } else { CallPhase::Ringing };
            assert_eq!(shows(&rig), (phase, Some(B.to_owned())));
            assert!(rig.has_leg("b"));
            assert_eq!((rig.releases(), rig.hang_ups(), turned_away(&rig)), (0, 0, 0));
            let journal = rig.shown().journal;
            assert_eq!((journal.len(), journal[0].peer.number.as_deref()), (1, Some(A)));
        }
    }
}

/// The ring was lost; what the platform says in the middle of a call, and its end, begin none.
#[test]
fn a_call_of_which_only_the_middle_was_pushed_is_no_second_call() {
    for (id, _) in names() {
        let mut rig = Rig::idle();
        invite(&mut rig, "a", false);
        rig.command(Command::Answer);
        rig.phone(softphone::Event::Answered { call_id: "a".into() });
        ended(&mut rig, "a", EndCause::RemoteBye);
        rig.push(PushMessage::Phone(PhoneEvent {
            state: PhoneState::Connected,
            call_id: id.map(str::to_owned),
            ..PhoneEvent::default()
        }));
        assert!(nothing_shown(&rig));
        over(&mut rig, id);
        assert_eq!((rig.shown().journal.len(), rig.published("callStarted")), (1, 1));
    }
}

#[test]
fn a_ring_of_a_caller_whose_leg_was_cancelled_is_no_second_call_even_if_nothing_ends_it() {
    for (id, _) in names() {
        let mut rig = Rig::idle();
        rig.phone(softphone::Event::Incoming { call_id: "a".into(), from: A.into(), auto_answer: false });
        ended(&mut rig, "a", EndCause::Cancelled);
        ring(&mut rig, A, id);
        rig.timer(TimerId::NextCall);
        assert!(nothing_shown(&rig));
        assert_eq!(rig.shown().journal.len(), 1);
        assert_eq!(rig.shown().journal[0].peer.area.as_deref(), Some("北京"));
        // The same one calls again.
        rig.later(Duration::from_secs(1));
        rig.phone(softphone::Event::Incoming { call_id: "b".into(), from: A.into(), auto_answer: false });
        assert_eq!(shows(&rig).0, CallPhase::Ringing);
    }
}

#[test]
fn a_call_that_is_over_before_it_is_accepted_does_not_begin_again() {
    let mut rig = Rig::idle();
    rig.command(Command::Dial { number: A.into(), caller_id: None, queue_id: None, user_data: None });
    rig.agent("4");
    push(&mut rig, PhoneState::CallOut, A, None);
    push(&mut rig, PhoneState::Ring(RingKind::Outbound), A, None);
    invite(&mut rig, "own", true);
    ended(&mut rig, "own", EndCause::Unreached(Unreached::Busy));
    over(&mut rig, None);
    rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, serde_json::Value::Null);
    assert!(nothing_shown(&rig));
    assert_eq!(rig.shown().journal.len(), 1);
}

/// Behind a gateway the leg of a call that is over looks like that of the one that rings; when it is taken back, the one
/// that the platform holds still rings.
#[test]
fn a_late_leg_that_is_taken_back_does_not_take_the_next_call_with_it() {
    for (id, next) in names() {
        let mut rig = Rig::idle();
        ring(&mut rig, A, id);
        over(&mut rig, id);
        ring(&mut rig, B, next);
        invite(&mut rig, "a", false);
        ended(&mut rig, "a", EndCause::Cancelled);
        assert_eq!(shows(&rig), (CallPhase::Ringing, Some(B.to_owned())));
        invite(&mut rig, "b", false);
        rig.command(Command::Answer);
        rig.phone(softphone::Event::Answered { call_id: "b".into() });
        assert_eq!(shows(&rig), (CallPhase::Talking, Some(B.to_owned())));
        assert_eq!(rig.shown().journal.len(), 1);
    }
}

/// Only the resync has spoken of a call, whose leg never came; a leg that comes much later is the next customer's.
#[test]
fn a_call_that_was_found_does_not_take_the_leg_of_the_next_one() {
    let mut rig = Rig::idle();
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(5), param: None });
    rig.later(Duration::from_secs(8));
    rig.phone(softphone::Event::Incoming { call_id: "b".into(), from: B.into(), auto_answer: false });
    over(&mut rig, Some("pa"));
    assert_eq!(shows(&rig), (CallPhase::Ringing, Some(B.to_owned())));
    assert_eq!(rig.releases(), 0);
}

#[test]
fn a_customer_who_rings_is_not_the_number_that_was_dialled() {
    let mut rig = Rig::idle();
    rig.command(Command::Dial { number: A.into(), caller_id: None, queue_id: None, user_data: None });
    invite(&mut rig, "own", true);
    rig.phone(softphone::Event::Answered { call_id: "own".into() });
    assert_eq!(shows(&rig).1.as_deref(), Some(A), "not the gateway's name");
    ring(&mut rig, B, None);
    assert_eq!(shows(&rig), (CallPhase::Dialing, Some(A.to_owned())));
}

#[test]
fn a_call_out_that_is_accepted_while_a_customer_rings_is_not_the_customer() {
    let mut rig = Rig::idle();
    rig.command(Command::Dial { number: A.into(), caller_id: None, queue_id: None, user_data: None });
    ring(&mut rig, B, None);
    invite(&mut rig, "b", false);
    rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, serde_json::Value::Null);
    assert_eq!(shows(&rig), (CallPhase::Ringing, Some(B.to_owned())));
}

/// The agent refuses a customer whose leg has not come; the platform agrees, and the next customer's leg is here before
/// anybody says so.
#[test]
fn the_leg_of_the_next_customer_is_not_hung_up_for_a_call_that_was_refused() {
    let mut rig = Rig::idle();
    rig.agent("4");
    push(&mut rig, PhoneState::Ring(RingKind::Queue), A, None);
    rig.command(Command::Reject);
    rig.reply_to(|r| matches!(r, Request::Refuse), 0, serde_json::Value::Null);
    rig.phone(softphone::Event::Incoming { call_id: "b".into(), from: B.into(), auto_answer: false });
    assert_eq!((rig.hang_ups(), turned_away(&rig)), (0, 0));
    assert_eq!(shows(&rig), (CallPhase::Ringing, Some(B.to_owned())));
    assert_eq!(rig.shown().journal[0].outcome, Outcome::Rejected);
}

/// A customer's leg comes while the own leg of a dialled number is awaited: it waits, and is the call if the other never
/// comes.
#[test]
fn a_customers_leg_is_not_the_own_one() {
    for comes in [true, false] {
        let mut rig = Rig::idle();
        for own in ["own", "own2"] {
            rig.command(Command::Dial { number: A.into(), caller_id: None, queue_id: None, user_data: None });
            rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, serde_json::Value::Null);
            if own == "own" {
                invite(&mut rig, own, true);
                ended(&mut rig, own, EndCause::Unreached(Unreached::Busy));
                rig.later(Duration::from_secs(6));
            }
        }
        invite(&mut rig, "c", false);
        assert_eq!(shows(&rig), (CallPhase::Dialing, Some(A.to_owned())));
        if comes {
            invite(&mut rig, "own2", true);
            rig.phone(softphone::Event::Answered { call_id: "own2".into() });
            assert_eq!(shows(&rig), (CallPhase::Dialing, Some(A.to_owned())));
        } else {
            rig.timer(TimerId::NextCall);
            assert_eq!(shows(&rig).0, CallPhase::Ringing);
            assert!(rig.has_leg("c"));
        }
    }
}

/// Two legs of calls that are over come late while the next customer rings.
#[test]
fn late_legs_do_not_end_the_call_whose_leg_is_awaited() {
    let mut rig = Rig::idle();
    for (number, id) in [(A, "pa"), (B, "pb")] {
        ring(&mut rig, number, Some(id));
        over(&mut rig, Some(id));
    }
    ring(&mut rig, "13622222222", Some("pc"));
    for (call_id, from) in [("a", A), ("b", B)] {
        rig.phone(softphone::Event::Incoming { call_id: call_id.into(), from: from.into(), auto_answer: false });
        assert_eq!(shows(&rig), (CallPhase::Ringing, Some("13622222222".to_owned())));
    }
    ended(&mut rig, "b", EndCause::Cancelled);
    assert_eq!(rig.shown().journal.len(), 2);
    assert!(!rig.has_leg("a") && !rig.has_leg("b"));
}
