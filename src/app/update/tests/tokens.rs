//! The token in the middle of a shift: it expires, is renewed, is refused, and the shift goes on.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::rig::{Rig, profile, token};
use crate::{
    app::{Command, CommandId, Effect, Event, HealthLevel, Profile, RefusalKind, TimerId, Watched},
    cti::{
        api::{ApiError, Reply, Request},
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
fn the_source_is_asked_half_an_hour_before_the_end_and_the_new_token_counts_once_it_is_accepted() {
    let mut rig = with_hours(8, true);
    rig.effects.retain(|e| !matches!(e, Effect::UseToken(_)));
    let begun = rig.at;
    rig.timer(TimerId::TokenRenewal);
    assert_eq!((rig.at - begun).as_secs(), 8 * HOUR - 1800);
    assert_eq!((renewals(&rig), rig.published("tokenExpiring")), (1, 1));
    let link = rig.link_id();
    rig.event(Event::Token(Ok(token())));
    assert_eq!(rig.count(|e| matches!(e, Effect::UseToken(_))), 0, "not before it is accepted");
    rig.reply_to(check, 0, json!({ "expires": 16 * HOUR }));
    assert_eq!(rig.count(|e| matches!(e, Effect::UseToken(_))), 1);
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
    rig.token_is_accepted();
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
    rig.new_token();
    assert!(rig.shown().notices.iter().all(|n| n.dismissed));
}

#[test]
fn a_new_token_in_the_middle_of_a_call_leaves_the_call_alone() {
    let mut rig = Rig::talking();
    let id = rig.command(Command::SetToken { token: token() });
    rig.reply_to(check, 40102, Value::Null);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Platform));
    assert!(rig.notices().contains("does not accept the new token"), "{}", rig.notices());
    assert_eq!((rig.hang_ups(), rig.releases()), (0, 0));
    assert!(!rig.phone_told(&softphone::Command::Unregister));
    assert_eq!(rig.count(|e| matches!(e, Effect::CloseLink | Effect::OpenLink { .. })), 0);
    assert!(rig.shown().call.phase.is_connected());
}

fn given(rig: &mut Rig, text: &str) -> CommandId {
    rig.command(Command::SetToken { token: text.into() })
}

fn in_use(rig: &Rig) -> Vec<String> {
    let token = |e: &Effect| match e {
        Effect::UseToken(token) => Some(token.expose_secret().to_owned()),
        _ => None,
    };
    rig.effects.iter().filter_map(token).collect()
}

fn health_of_token(rig: &Rig) -> HealthLevel {
    rig.shown().health.items.iter().find(|item| item.name == "token").expect("a fact of the token").level
}

#[test]
fn a_token_that_is_refused_is_answered_so_and_the_one_that_works_stays() {
    for can_renew_token in [false, true] {
        let mut rig = with_hours(8, can_renew_token);
        let answers = [
            Ok(Reply { code: 40100, message: "unknown".into(), data: Value::Null }),
            Ok(Reply { code: 40102, message: String::new(), data: Value::Null }),
            Ok(Reply { code: 500, message: "no".into(), data: Value::Null }),
            Err(ApiError::Status { status: 401, message: String::new() }),
            Err(ApiError::UnusableToken),
        ];
        for answer in answers {
            let id = given(&mut rig, "Bearer wrong");
            assert!(rig.outcome(id).is_none(), "not before the verdict");
            let request = rig.sent(check).unwrap();
            let code = answer.as_ref().ok().map(|reply| reply.code);
            rig.event(Event::Replied { id: request, result: answer });
            let Some(Err(refusal)) = rig.outcome(id) else { panic!("{code:?} is no success") };
            assert_eq!(refusal.kind, RefusalKind::Platform);
            assert_eq!(refusal.platform.as_ref().map(|(code, _)| *code), code);
        }
        assert_eq!((in_use(&rig).len(), renewals(&rig)), (0, 0));
        assert_eq!(rig.notices().matches("call your administrator").count(), 0, "{}", rig.notices());
        assert_eq!(health_of_token(&rig), HealthLevel::Warn);
        assert!(!format!("{:?}", rig.state).contains("wrong"));
        let id = given(&mut rig, "Bearer right");
        rig.token_is_accepted();
        assert!(matches!(rig.outcome(id), Some(Ok(_))));
        assert_eq!(in_use(&rig), ["Bearer right"]);
        assert_eq!(health_of_token(&rig), HealthLevel::Ok);
        assert!(rig.shown().notices.iter().all(|n| n.dismissed), "{}", rig.notices());
    }
}

#[test]
fn a_token_that_nobody_can_check_replaces_only_one_that_is_worthless() {
    let mut rig = with_hours(8, false);
    let id = given(&mut rig, "Bearer a");
    rig.fail(check);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Unreachable), "{:?}", rig.outcome(id));
    assert!(in_use(&rig).is_empty() && rig.notices().contains("the one in use stays"), "{}", rig.notices());

    rig.command(Command::Busy { reason: None });
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 40102, Value::Null);
    let id = given(&mut rig, "Bearer b");
    rig.fail(check);
    assert!(matches!(rig.outcome(id), Some(Ok(answer)) if answer["message"].is_string()), "{:?}", rig.outcome(id));
    assert_eq!(in_use(&rig), ["Bearer b"]);

    // The same where only the clock says so.
    let mut rig = with_hours(1, false);
    rig.later(Duration::from_secs(2 * HOUR));
    given(&mut rig, "Bearer c");
    rig.fail(check);
    assert_eq!(in_use(&rig), ["Bearer c"]);

    // What the configured source gives is what counts, checked or not.
    let mut rig = with_hours(8, true);
    rig.event(Event::Token(Ok("Bearer d".into())));
    rig.fail(check);
    assert_eq!(in_use(&rig), ["Bearer d"]);
}

#[test]
fn of_two_tokens_that_are_checked_the_newer_one_counts_if_it_is_good() {
    // The verdict on the newer one comes first.
    let mut rig = with_hours(8, false);
    let older = given(&mut rig, "Bearer older");
    let asked = rig.sent(check).unwrap();
    let newer = given(&mut rig, "Bearer newer");
    rig.token_is_accepted();
    assert!(matches!(rig.outcome(newer), Some(Ok(_))));
    assert!(matches!(rig.outcome(older), Some(Err(r)) if r.kind == RefusalKind::Pending));
    assert_eq!(rig.count(|e| matches!(e, Effect::Abandon(id) if *id == asked)), 1);
    let accepted = Reply { code: 0, message: String::new(), data: Value::Null };
    rig.event(Event::Replied { id: asked, result: Ok(accepted.clone()) });
    assert_eq!(in_use(&rig), ["Bearer newer"]);

    // The newer one is refused.
    let mut rig = with_hours(8, false);
    let older = given(&mut rig, "Bearer older");
    let asked = rig.sent(check).unwrap();
    let newer = given(&mut rig, "Bearer newer");
    rig.reply_to(check, 40100, Value::Null);
    rig.event(Event::Replied { id: asked, result: Ok(accepted) });
    assert!(matches!(rig.outcome(newer), Some(Err(_))) && matches!(rig.outcome(older), Some(Ok(_))));
    assert_eq!(in_use(&rig), ["Bearer older"]);
}

#[test]
fn a_token_that_is_accepted_after_the_sign_out_is_used_and_signs_nobody_in() {
    let mut rig = Rig::idle();
    let id = given(&mut rig, "Bearer a");
    let asked = rig.sent(check).unwrap();
    rig.command(Command::SignOut);
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    rig.effects.clear();
    let accepted = Reply { code: 0, message: String::new(), data: json!({ "expires": HOUR }) };
    rig.event(Event::Replied { id: asked, result: Ok(accepted) });
    assert!(matches!(rig.outcome(id), Some(Ok(_))));
    assert_eq!(in_use(&rig), ["Bearer a"]);
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { .. } | Effect::OpenLink { .. })), 0);
}

#[test]
fn a_refused_token_of_the_source_is_told_once_and_the_source_asked_again() {
    let mut rig = with_hours(8, true);
    for n in 0..3 {
        rig.event(Event::Token(Ok(token())));
        rig.reply_to(check, 40100, Value::Null);
        rig.effects.push(Effect::StartTimer { timer: TimerId::TokenRenewal, after: Duration::from_secs(60) });
        rig.timer(TimerId::TokenRenewal);
        assert!(renewals(&rig) > n);
    }
    assert!(in_use(&rig).is_empty());
    assert_eq!(rig.notices().matches("does not accept the new token").count(), 1, "{}", rig.notices());
}
