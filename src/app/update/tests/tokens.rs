//! The token in the middle of a shift: it expires, is renewed, is refused, and the shift goes on.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Rig, profile, token};
use crate::{
    app::{Command, Effect, Event, Profile, TimerId, Watched},
    cti::{
        api::{ApiError, Request},
        link::LinkEvent,
        push::PushMessage,
    },
    domain::AgentState,
    i18n::Message,
    softphone,
};

const HOUR: u64 = 3600;

/// Signed in with a token that has `hours` left.
fn with_hours(hours: u64, can_renew_token: bool) -> Rig {
    let mut rig = Rig::new(Profile { can_renew_token, ..profile() });
    rig.event(Event::Started);
    rig.reply(json!({ "vccId": 77, "phopass": "pw", "expires": hours * HOUR }));
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R1", "agSta": "0" }));
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.reply_to(|r| matches!(r, Request::Ready), 0, Value::Null);
    rig
}

fn renewals(rig: &Rig) -> usize {
    rig.count(|e| matches!(e, Effect::RenewToken))
}

fn check(r: &Request) -> bool {
    matches!(r, Request::CheckToken { .. })
}

fn reason(text: &str) -> Message {
    Message::verbatim(text)
}

#[test]
fn the_source_is_asked_half_an_hour_before_the_end_and_the_new_token_counts_at_once() {
    let mut rig = with_hours(8, true);
    rig.effects.retain(|e| !matches!(e, Effect::UseToken(_)));
    let begun = rig.at;
    rig.timer(TimerId::TokenRenewal);
    assert_eq!((rig.at - begun).as_secs(), 8 * HOUR - 1800);
    assert_eq!((renewals(&rig), rig.published("tokenExpiring")), (1, 1));
    let link = rig.link_id();
    rig.event(Event::Token(Ok(token())));
    assert_eq!(rig.count(|e| matches!(e, Effect::UseToken(_))), 1);
    assert!(rig.sent(check).is_some());
    rig.reply_to(check, 0, json!({ "expires": 16 * HOUR }));
    assert_eq!(rig.link_id(), link, "the link that stands is not touched");
    let begun = rig.at;
    rig.timer(TimerId::TokenRenewal);
    assert_eq!((rig.at - begun).as_secs(), 8 * HOUR, "again half an hour before the end of the new one");
    assert_eq!(rig.published("tokenExpiring"), 2);
    assert!(rig.shown().notices.is_empty(), "{}", rig.notices());
}

#[test]
fn a_code_for_a_refused_token_renews_it_long_before_its_time_is_over() {
    for (code, renewed) in [(40100, 1), (40102, 1), (40199, 1), (40101, 0), (40200, 0), (500, 0)] {
        let mut rig = with_hours(8, true);
        rig.command(Command::Busy { reason: None });
        rig.reply_to(|r| matches!(r, Request::Busy { .. }), code, Value::Null);
        assert_eq!(renewals(&rig), renewed, "{code}");
    }
}

#[test]
fn a_source_that_fails_is_asked_again_and_each_reason_is_told_once() {
    let mut rig = with_hours(8, true);
    rig.timer(TimerId::TokenRenewal);
    for n in 1..10 {
        rig.event(Event::Token(Err(reason(if n < 5 { "a" } else { "b" }))));
        let begun = rig.at;
        rig.timer(TimerId::TokenRenewal);
        assert_eq!(rig.at - begun, Duration::from_secs(60));
        assert_eq!(renewals(&rig), n + 1);
    }
    assert_eq!(rig.shown().notices.len(), 2, "{}", rig.notices());
    assert_eq!(rig.published("tokenExpiring"), 1, "it is the same token");
    rig.event(Event::Token(Ok(token())));
    assert!(rig.shown().notices.iter().all(|n| n.dismissed), "well again");
}

#[test]
fn a_broken_token_file_does_not_hurry_the_renewal() {
    let mut rig = with_hours(8, true);
    let timers = rig.count(|e| matches!(e, Effect::StartTimer { timer: TimerId::TokenRenewal, .. }));
    rig.event(Event::Token(Err(reason("half written"))));
    assert_eq!(rig.count(|e| matches!(e, Effect::StartTimer { timer: TimerId::TokenRenewal, .. })), timers);
    assert_eq!(rig.shown().notices.len(), 1);
}

#[test]
fn without_a_source_the_agent_is_asked_before_the_end_and_at_it() {
    let mut rig = with_hours(8, false);
    rig.timer(TimerId::TokenRenewal);
    assert_eq!(rig.shown().notices.last().map(|n| n.kind), Some("app.token_expiring"));
    rig.timer(TimerId::TokenRenewal);
    assert_eq!(rig.wall().as_second(), i64::try_from(8 * HOUR).unwrap());
    assert_eq!(rig.shown().notices.last().map(|n| n.kind), Some("app.token_expired"));
    assert_eq!(rig.shown().agent.state, AgentState::Idle, "the shift goes on");
    assert_eq!(rig.published("tokenExpiring"), 1);

    // What the platform refuses from then on is the token's fault, whatever its code.
    let mut rig = with_hours(8, true);
    rig.later(Duration::from_secs(9 * HOUR));
    rig.command(Command::Busy { reason: None });
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 40102, Value::Null);
    assert_eq!(renewals(&rig), 1);
}

#[test]
fn polls_that_nobody_sees_do_not_repeat_that_the_token_is_worthless() {
    let mut rig = with_hours(8, false);
    rig.command(Command::Watch(Some(Watched::Queue)));
    for _ in 0..5 {
        let id = rig.sent(|r| *r == Request::QueueDetail).unwrap();
        rig.event(Event::Replied { id, result: Err(ApiError::Status { status: 401, message: String::new() }) });
        rig.timer(TimerId::Watched);
    }
    assert_eq!(rig.notices().matches("ctl token").count(), 1, "{}", rig.notices());
    rig.command(Command::SetToken { token: token() });
    assert!(rig.shown().notices.iter().all(|n| n.dismissed));
}

#[test]
fn a_new_token_in_the_middle_of_a_call_leaves_the_call_alone() {
    let mut rig = Rig::talking();
    rig.command(Command::SetToken { token: token() });
    rig.reply_to(check, 40102, Value::Null);
    assert!(rig.notices().contains("does not accept the new token"), "{}", rig.notices());
    assert_eq!((rig.hang_ups(), rig.releases()), (0, 0));
    assert!(!rig.phone_told(&softphone::Command::Unregister));
    assert_eq!(rig.count(|e| matches!(e, Effect::CloseLink | Effect::OpenLink { .. })), 0);
    assert!(rig.shown().call.phase.is_connected());
}
