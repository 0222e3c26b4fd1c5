//! The state wanted after the call.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::Rig;
use crate::{
    app::{Action, Command, Effect, RefusalKind, TimerId, Wanted},
    cti::{
        api::Request,
        link::LinkEvent,
        push::{Forced, PhoneState, PushMessage},
    },
    domain::{AgentState, BusyReason, RingKind},
    softphone::{self, EndCause},
};

fn bye(rig: &mut Rig) {
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::RemoteBye });
}

fn busy(reason: i64) -> Command {
    Command::Busy { reason: Some(reason) }
}

fn asked_busy(rig: &Rig) -> Vec<Option<i64>> {
    rig.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Request { request: Request::Busy { reason, .. }, .. } => Some(*reason),
            _ => None,
        })
        .collect()
}

#[test]
fn a_wish_during_the_call_is_kept_shown_and_asked_for_when_it_is_over() {
    let mut rig = Rig::talking();
    rig.state.lists.busy_reasons = vec![BusyReason { id: 11, name: "小休".into() }];
    assert!(rig.shown().can(Action::Ready) && rig.shown().can(Action::Busy));
    let id = rig.command(busy(11));
    let accepted = json!({ "code": 0, "afterCall": true });
    assert!(matches!(rig.outcome(id), Some(Ok(answer)) if *answer == accepted), "{:?}", rig.outcome(id));
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { .. })), 0, "not during the call");
    let wanted = Wanted::Busy(Some(BusyReason { id: 11, name: "小休".into() }));
    assert_eq!(rig.shown().after_call, Some(wanted));
    rig.later(Duration::from_secs(60));
    rig.pho(PhoneState::HungUp);
    bye(&mut rig);
    assert!(asked_busy(&rig).is_empty(), "the platform has not let go of the agent yet");
    rig.agent("5");
    assert_eq!(asked_busy(&rig), [Some(11)], "wrap-up is over as soon as it begins");
    assert_eq!(rig.shown().after_call, None);
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    rig.busy(11);
    assert_eq!(rig.shown().agent.state, AgentState::Busy);
    assert_eq!(rig.notices(), "");
}

#[test]
fn the_last_wish_counts_and_can_be_forgotten() {
    let mut rig = Rig::talking();
    rig.command(busy(11));
    rig.command(busy(12));
    rig.command(Command::Ready);
    assert_eq!(rig.shown().after_call, Some(Wanted::Ready));
    rig.command(busy(12));
    bye(&mut rig);
    rig.agent("1");
    assert_eq!(asked_busy(&rig), [Some(12)]);

    let mut rig = Rig::talking();
    rig.command(busy(11));
    let id = rig.command(Command::ForgetAfterCall);
    assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
    assert_eq!(rig.shown().after_call, None);
    bye(&mut rig);
    rig.agent("5");
    rig.agent("1");
    assert!(asked_busy(&rig).is_empty());
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
}

#[test]
fn a_wish_that_came_true_by_itself_is_not_asked_for() {
    let mut rig = Rig::talking();
    rig.command(Command::Ready);
    bye(&mut rig);
    rig.agent("1");
    assert!(rig.sent(|r| *r == Request::Ready).is_none());
    assert_eq!(rig.shown().after_call, None);
}

#[test]
fn a_wish_survives_a_lost_link_a_silent_platform_and_a_new_sign_in() {
    let mut rig = Rig::talking();
    rig.command(busy(11));
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    bye(&mut rig);
    rig.timer(TimerId::AfterCall);
    assert_eq!(asked_busy(&rig), [Some(11)], "by HTTP, without the link");

    let mut rig = Rig::talking();
    rig.command(busy(11));
    rig.later(Duration::from_secs(1));
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 1, pho_sta: None, param: None });
    assert_eq!(asked_busy(&rig), [Some(11)], "the call was over when the link came back");

    // Timed out by the platform: the call goes on, and so does the wish.
    let again = |rig: &mut Rig| {
        rig.push(PushMessage::Forced(Forced::TimedOut));
        rig.reply_to(|r| matches!(r, Request::RtcInfo { .. }), 0, json!({ "vccId": 77, "phopass": "pw" }));
    };
    let login = |rig: &mut Rig| {
        rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R2", "agSta": "0" }));
        rig.link(LinkEvent::Opened);
        rig.push(PushMessage::Established);
    };
    let mut rig = Rig::talking();
    rig.command(busy(11));
    again(&mut rig);
    login(&mut rig);
    bye(&mut rig);
    rig.timer(TimerId::AfterCall);
    assert_eq!(asked_busy(&rig), [Some(11)]);
    // The call ends in the middle of that sign-in.
    let mut rig = Rig::talking();
    rig.command(busy(11));
    again(&mut rig);
    bye(&mut rig);
    rig.timer(TimerId::AfterCall);
    login(&mut rig);
    assert_eq!(asked_busy(&rig), [Some(11)], "as the first state of the new sign-in");
}

#[test]
fn an_agent_signed_in_during_a_call_gets_a_state_even_if_the_wish_is_forgotten() {
    let mut rig = Rig::talking();
    rig.push(PushMessage::Forced(Forced::TimedOut));
    rig.reply_to(|r| matches!(r, Request::RtcInfo { .. }), 0, json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R2", "agSta": "0" }));
    rig.push(PushMessage::Established);
    rig.command(busy(11));
    rig.command(Command::ForgetAfterCall);
    bye(&mut rig);
    rig.timer(TimerId::AfterCall);
    assert!(rig.sent(|r| *r == Request::Ready).is_some());
}

#[test]
fn a_supervisors_word_replaces_an_older_wish() {
    let mut rig = Rig::talking();
    rig.command(Command::Ready);
    rig.push(PushMessage::Forced(Forced::Busy));
    bye(&mut rig);
    rig.agent("2");
    assert!(rig.sent(|r| *r == Request::Ready).is_none());
    assert_eq!(rig.shown().agent.state, AgentState::Busy);
}

#[test]
fn a_wish_that_the_platform_refuses_is_told() {
    let mut rig = Rig::talking();
    rig.command(busy(11));
    bye(&mut rig);
    rig.agent("5");
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 40420, Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::WrapUp);
    assert!(rig.notices().contains("40420"));
}

#[test]
fn the_next_call_may_come_before_the_wish_could_be_asked_for() {
    let mut rig = Rig::talking();
    bye(&mut rig);
    let id = rig.command(busy(11));
    assert!(rig.outcome(id).is_none());
    rig.pho(PhoneState::Ring(RingKind::Queue));
    let accepted = json!({ "code": 0, "afterCall": true });
    assert!(matches!(rig.outcome(id), Some(Ok(answer)) if *answer == accepted), "{:?}", rig.outcome(id));
    rig.pho(PhoneState::HungUp);
    rig.agent("1");
    assert_eq!(asked_busy(&rig), [Some(11)]);
}

#[test]
fn forgetting_answers_the_wish_that_waits() {
    let mut rig = Rig::talking();
    bye(&mut rig);
    let id = rig.command(busy(11));
    rig.command(Command::ForgetAfterCall);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Pending));
    rig.agent("5");
    assert!(asked_busy(&rig).is_empty());
}

#[test]
fn a_late_refusal_of_an_earlier_wish_takes_nothing_from_the_newer_one() {
    let mut rig = Rig::talking();
    rig.command(Command::Ready);
    bye(&mut rig);
    // The platform says nothing of the end, so it is asked; and asked again before it has answered.
    rig.timer(TimerId::AfterCall);
    let id = rig.command(Command::Ready);
    rig.reply_to(|request| *request == Request::Ready, 50001, Value::Null);
    assert!(rig.outcome(id).is_none() && rig.shown().after_call == Some(Wanted::Ready), "it waits for its moment");
    assert_eq!(rig.shown().notices.len(), 1, "{}", rig.notices());
    rig.agent("5");
    rig.reply_to(|request| *request == Request::Ready, 0, Value::Null);
    rig.agent("1");
    assert!(matches!(rig.outcome(id), Some(Ok(_))), "{:?}", rig.outcome(id));
    assert_eq!(rig.shown().after_call, None);
}

/// The answer to the state that was asked for at the end of one call comes while the same state is wanted after the next.
#[test]
fn an_answer_to_an_older_wish_does_not_take_the_newer_one_away() {
    let mut rig = Rig::talking();
    rig.command(busy(11));
    bye(&mut rig);
    rig.pho(PhoneState::HungUp);
    rig.agent("5");
    assert_eq!(asked_busy(&rig), [Some(11)]);
    rig.agent("4");
    let id = rig.command(busy(11));
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    assert!(rig.outcome(id).is_none(), "that was not the answer to this one");
    rig.timer(TimerId::CommandDeadline);
    assert_eq!(asked_busy(&rig), [Some(11), Some(11)]);
}

#[test]
fn already_so_is_older_than_what_the_platform_has_pushed_since() {
    let mut rig = Rig::idle();
    rig.later(Duration::from_secs(1));
    rig.command(Command::Ready);
    rig.later(Duration::from_millis(100));
    rig.agent("2");
    rig.reply_to(|r| *r == Request::Ready, 40403, Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Busy);
}
