use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Rig, profile, token};
use crate::{
    app::{Command, Effect, Event, LinkState, Profile, RefusalKind, TimerId},
    config::LoginType,
    cti::{
        api::{ApiError, Request},
        link::LinkEvent,
        push::{Forced, PushMessage},
    },
    domain::{AgentState, TargetState},
    softphone,
};

fn login(r: &Request) -> bool {
    matches!(r, Request::Login { .. })
}

fn up_to_login(profile: Profile) -> Rig {
    let mut rig = Rig::new(profile);
    rig.event(Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": "77", "phopass": "pw", "expires": 99_999_999 }));
    rig
}

#[test]
fn two_steps_then_ready() {
    let mut rig = Rig::new(profile());
    rig.event(Event::Started);
    assert_eq!(rig.shown().agent.state, AgentState::SigningIn);
    assert!(rig.sent(|r| *r == Request::RtcInfo { pho_num: "9001".into() }).is_some());
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw", "expires": 99_999_999 }));
    assert!(
        rig.sent(|r| *r == Request::Login { bind_tel: "9001".into(), login_type: 1, state: 0 }).is_some(),
        "sign-in asks for state 0 first"
    );
    rig.reply_to(login, 0, json!({ "regId": "R1", "agSta": "0" }));
    let registers = rig
        .count(|e| matches!(e, Effect::Phone(softphone::Command::Register(account)) if account.user == "ss77ss9001"));
    assert_eq!(registers, 1);
    assert!(rig.effects.iter().any(|e| matches!(e, Effect::OpenLink { reg_id, login_state: Some(s), reset: None, .. }
        if reg_id == "R1" && s == "0")));
    assert!(rig.sent(|r| *r == Request::Ready).is_none(), "ready waits for the greeting");
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::Established);
    let readies = rig.count(|e| matches!(e, Effect::Request { request: Request::Ready, .. }));
    assert_eq!(readies, 1, "a doubled greeting does not repeat ready");
    rig.reply_to(|r| *r == Request::Ready, 0, Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    assert_eq!(rig.shown().link.state, LinkState::Up);
}

#[test]
fn busy_with_a_reason_is_asked_for_and_40403_counts_as_done() {
    let mut rig = up_to_login(Profile { target: TargetState::Busy(Some(11)), ..profile() });
    rig.reply_to(login, 0, json!({ "regId": "R1", "agSta": "0" }));
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.reply_to(|r| *r == Request::Busy { reason: Some(11), check: None, name: None }, 40403, Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Busy);
    assert_eq!(rig.shown().agent.reason.map(|r| r.id), Some(11));
}

#[test]
fn a_refused_first_state_rolls_the_sign_in_back() {
    let mut rig = up_to_login(profile());
    rig.reply_to(login, 0, json!({ "regId": "R1", "agSta": "0" }));
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.phone(softphone::Event::Registered { expires: Duration::from_secs(600) });
    rig.reply_to(|r| *r == Request::Ready, 50001, Value::Null);
    assert!(rig.sent(|r| *r == Request::Logout).is_some());
    assert!(rig.phone_told(&softphone::Command::Unregister));
    assert!(rig.effects.iter().any(|e| matches!(e, Effect::CloseLink)));
    assert_eq!(rig.shown().agent.state, AgentState::SignedOut);
    assert!(rig.notices().contains("50001"), "{}", rig.notices());
}

#[test]
fn an_unreachable_platform_is_tried_again_without_end() {
    let mut rig = Rig::new(profile());
    rig.event(Event::Started);
    for attempt in 1..20 {
        rig.fail(|r| matches!(r, Request::RtcInfo { .. }));
        let shown = rig.shown();
        assert_eq!(shown.agent.state, AgentState::SigningIn, "attempt {attempt}");
        assert!(shown.link.retry_in_ms.is_some_and(|ms| ms <= 3000), "attempt {attempt}");
        assert!(shown.link.last_error.is_some());
        rig.timer(TimerId::SignIn);
    }
    assert_eq!(rig.shown().notices.len(), 1, "told once: {}", rig.notices());
}

#[test]
fn forty_one_oh_one_in_its_forms() {
    let held = |ag_type: &str, link: &str| json!({ "regId": "R9", "agSta": "1", "agType": ag_type, "phoNum": "9001", "wsLink": link });
    // (own login type, force, known RegID, the holder's type, its link) -> taken over?
    for (own, force, known, ag_type, link, taken) in [
        (LoginType::Dynamic, false, None, "1", "1", false),
        (LoginType::Dynamic, false, None, "2", "0", true),
        (LoginType::Dynamic, false, None, "2", "1", false),
        (LoginType::Static, false, None, "1", "1", false),
        (LoginType::Static, false, None, "2", "1", true),
        (LoginType::Dynamic, true, None, "1", "1", true),
        (LoginType::Dynamic, false, Some("R9"), "1", "1", true),
        (LoginType::Dynamic, false, Some("R8"), "1", "1", false),
    ] {
        let mut rig = up_to_login(Profile {
            login_type: own,
            auto_force_login: force,
            known: known.and_then(crate::domain::KnownSignIn::read),
            ..profile()
        });
        rig.reply_to(login, 40101, held(ag_type, link));
        let opened = rig.effects.iter().any(|e| matches!(e, Effect::OpenLink { reg_id, .. } if reg_id == "R9"));
        assert_eq!(opened, taken, "{own:?} {force} {known:?} {ag_type} {link}");
        if taken {
            rig.link(LinkEvent::Opened);
            rig.push(PushMessage::Established);
            assert!(rig.sent(|r| *r == Request::Ready).is_none(), "the state is the platform's already");
            let remembered =
                |e: &Effect| matches!(e, Effect::RememberSignIn(Some(known)) if known.to_string().starts_with("R9\n"));
            assert_eq!(rig.count(remembered), 1, "and the next start knows it as its own");
            assert_eq!(rig.shown().agent.state, AgentState::Idle);
        } else {
            assert!(rig.notices().contains("elsewhere"), "{}", rig.notices());
            assert_eq!(rig.shown().agent.state, AgentState::SignedOut);
        }
    }
}

#[test]
fn taking_over_binds_the_own_phone() {
    let mut rig = up_to_login(Profile { auto_force_login: true, ..profile() });
    let data = json!({ "regId": "R9", "agSta": "0", "agType": "1", "phoNum": "9999", "wsLink": "0" });
    rig.reply_to(login, 40101, data);
    assert!(rig.sent(|r| *r == Request::ChangeBindTel { bind_tel: "9001".into(), is_webrtc: None }).is_some());
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    assert!(rig.sent(|r| *r == Request::Ready).is_some(), "agSta 0 still needs its first ready");
}

#[test]
fn timed_out_while_away_comes_back_in_the_same_state() {
    let mut rig = Rig::idle();
    rig.busy(12);
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.later(Duration::from_secs(70));
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::Forced(Forced::TimedOut));
    rig.reply_to(|r| matches!(r, Request::RtcInfo { .. }), 0, json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(login, 0, json!({ "regId": "R2", "agSta": "0" }));
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.reply_to(|r| *r == Request::Busy { reason: Some(12), check: None, name: None }, 0, Value::Null);
    let shown = rig.shown();
    assert_eq!((shown.agent.state, shown.agent.reason.map(|r| r.id)), (AgentState::Busy, Some(12)));
}

#[test]
fn an_unknown_registration_after_an_absence_counts_as_timed_out() {
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.link(LinkEvent::Closed { code: 3404, reason: String::new() });
    assert_eq!(rig.shown().agent.state, AgentState::SigningIn);
    assert!(rig.sent(|r| matches!(r, Request::RtcInfo { .. })).is_some());
}

#[test]
fn kicked_out_is_explained_and_never_fought() {
    for code in [3404, 3405, 3406, 3412] {
        let mut rig = Rig::idle();
        rig.link(LinkEvent::Closed { code, reason: String::new() });
        let shown = rig.shown();
        assert_eq!(shown.link.state, LinkState::GivenUp);
        assert_eq!(shown.agent.state, AgentState::SignedOut);
        assert!(shown.notices.last().is_some_and(|n| n.text.contains(&code.to_string())), "{}", rig.notices());
        assert!(rig.phone_told(&softphone::Command::Unregister));
        let timers = rig.count(|e| matches!(e, Effect::StartTimer { timer: TimerId::Reconnect | TimerId::SignIn, .. }));
        assert_eq!(timers, 0);
    }
}

#[test]
fn signing_out_always_closes_the_link() {
    let mut rig = Rig::idle();
    let id = rig.command(Command::SignOut);
    rig.agent("0");
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    assert!(rig.effects.iter().any(|e| matches!(e, Effect::CloseLink)));
    assert!(rig.phone_told(&softphone::Command::Unregister));
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert_eq!(rig.shown().agent.state, AgentState::SignedOut);
    assert!(rig.shown().notices.is_empty(), "{}", rig.notices());
}

#[test]
fn a_failed_sign_out_leaves_the_agent_signed_in() {
    let mut rig = Rig::idle();
    let id = rig.command(Command::SignOut);
    rig.fail(|r| *r == Request::Logout);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Unreachable));
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
}

#[test]
fn a_supervisor_can_sign_out_and_the_client_obeys() {
    let mut rig = Rig::idle();
    rig.push(PushMessage::Forced(Forced::SignedOut));
    assert_eq!(rig.shown().agent.state, AgentState::SignedOut);
    assert_eq!(rig.count(|e| matches!(e, Effect::StartTimer { timer: TimerId::SignIn, .. })), 0);
    assert!(rig.shown().agent.signed_out_because.is_some());
}

#[test]
fn a_new_token_is_used_once_it_is_accepted_and_its_expiry_planned() {
    let mut rig = Rig::idle();
    let id = rig.command(Command::SetToken { token: token() });
    assert!(!rig.effects.iter().any(|e| matches!(e, Effect::UseToken(_))) && rig.outcome(id).is_none());
    rig.reply_to(|r| matches!(r, Request::CheckToken { .. }), 0, json!({ "expires": 7200 }));
    assert!(rig.effects.iter().any(|e| matches!(e, Effect::UseToken(_))));
    assert!(matches!(rig.outcome(id), Some(Ok(_))));
    assert!(rig.effects.iter().any(|e| matches!(e,
        Effect::StartTimer { timer: TimerId::TokenRenewal, after } if *after == Duration::from_secs(5400))));
}

#[test]
fn quitting_signs_out_only_if_configured() {
    let mut rig = Rig::idle();
    rig.command(Command::Quit);
    assert!(rig.sent(|r| *r == Request::Logout).is_none());
    assert!(rig.effects.iter().any(|e| matches!(e, Effect::Exit)));

    let mut rig = Rig::idle();
    rig.state.profile.sign_out_on_exit = true;
    rig.command(Command::Quit);
    assert!(!rig.effects.iter().any(|e| matches!(e, Effect::Exit)), "the platform is told first");
    let id = rig.sent(|r| *r == Request::Logout).unwrap();
    rig.event(Event::Replied { id, result: Err(ApiError::Timeout(4000)) });
    assert!(rig.effects.iter().any(|e| matches!(e, Effect::Exit)), "and an unreachable platform does not keep us");
}
