//! Signing in and out when answers are lost or late, the token in the middle of a shift, and the end of the program.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Rig, profile, token};
use crate::{
    app::{Command, Effect, Event, LinkState, Profile, TimerId},
    cti::{
        api::{ApiError, Request},
        link::{LinkError, LinkEvent},
        push::{Forced, PushMessage},
    },
    domain::AgentState,
    softphone::{self, EndCause},
};

fn login(r: &Request) -> bool {
    matches!(r, Request::Login { .. })
}

fn phone_info(r: &Request) -> bool {
    matches!(r, Request::RtcInfo { .. })
}

fn closed(code: u16) -> LinkEvent {
    LinkEvent::Closed { code, reason: String::new() }
}

fn started(profile: Profile) -> Rig {
    let mut rig = Rig::new(profile);
    rig.event(Event::Started);
    rig
}

fn requests(rig: &Rig, fits: impl Fn(&Request) -> bool) -> usize {
    rig.count(|e| matches!(e, Effect::Request { request, .. } if fits(request)))
}

fn unauthorized(rig: &mut Rig, fits: impl Fn(&Request) -> bool) {
    let id = rig.sent(fits).expect("such a request was sent");
    rig.event(Event::Replied { id, result: Err(ApiError::Status { status: 401, message: String::new() }) });
}

fn renewals(rig: &Rig) -> usize {
    rig.count(|e| matches!(e, Effect::RenewToken))
}

#[test]
fn a_sign_in_whose_answer_was_lost_is_known_as_our_own() {
    for (phone, link, taken) in [("9001", "0", true), ("9001", "1", false), ("9999", "0", false)] {
        let mut rig = started(profile());
        rig.reply(json!({ "vccId": 77, "phopass": "pw" }));
        rig.fail(login);
        rig.timer(TimerId::SignIn);
        rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
        let data = json!({ "regId": "R7", "agSta": "0", "agType": "1", "phoNum": phone, "wsLink": link });
        rig.reply_to(login, 40101, data);
        let opened = rig.count(|e| matches!(e, Effect::OpenLink { reg_id, .. } if reg_id == "R7")) == 1;
        assert_eq!(opened, taken, "{phone} {link}");
    }
}

#[test]
fn a_new_sign_in_waits_for_the_roll_back_of_the_last() {
    let mut rig = started(profile());
    rig.reply(json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(login, 0, json!({ "regId": "R1", "agSta": "0" }));
    rig.push(PushMessage::Established);
    rig.fail(|r| *r == Request::Ready);
    let roll_back = rig.sent(|r| *r == Request::Logout).unwrap();
    for _ in 0..3 {
        rig.timer(TimerId::SignIn);
        assert_eq!(requests(&rig, phone_info), 1);
    }
    rig.event(Event::Replied { id: roll_back, result: Err(ApiError::Timeout(4000)) });
    rig.timer(TimerId::SignIn);
    assert_eq!(requests(&rig, phone_info), 2);
}

#[test]
fn without_the_link_the_answers_are_the_state() {
    let mut rig = started(Profile { websocket: false, ..profile() });
    rig.fail(phone_info);
    rig.timer(TimerId::SignIn);
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
    assert!(rig.sent(|r| matches!(r, Request::Login { state: 1, .. })).is_some());
    rig.reply_to(login, 0, json!({ "regId": "R1", "agSta": "0" }));
    let shown = rig.shown();
    assert_eq!(shown.agent.state, AgentState::Idle);
    assert_eq!((shown.link.last_error, shown.link.retry_in_ms, shown.link.attempts), (None, None, 0));
    assert_eq!(rig.count(|e| matches!(e, Effect::OpenLink { .. })), 0, "no link was wanted");
    rig.command(Command::Busy { reason: Some(11) });
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Busy);
}

#[test]
fn without_the_link_a_reason_is_told_after_the_sign_in() {
    let target = crate::domain::TargetState::Busy(Some(11));
    let mut rig = started(Profile { websocket: false, target, ..profile() });
    rig.reply(json!({ "vccId": 77, "phopass": "pw" }));
    assert!(rig.sent(|r| matches!(r, Request::Login { state: 2, .. })).is_some());
    rig.reply_to(login, 0, json!({ "regId": "R1", "agSta": "0" }));
    rig.reply_to(|r| *r == Request::Busy { reason: Some(11), check: None, name: None }, 0, Value::Null);
    let shown = rig.shown();
    assert_eq!((shown.agent.state, shown.agent.reason.map(|r| r.id)), (AgentState::Busy, Some(11)));
}

#[test]
fn a_platform_that_signs_out_again_and_again_is_not_rushed() {
    let mut rig = Rig::idle();
    rig.push(PushMessage::Forced(Forced::TimedOut));
    assert_eq!(requests(&rig, phone_info), 1, "at once the first time");
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(login, 0, json!({ "regId": "R2", "agSta": "0" }));
    rig.push(PushMessage::Established);
    rig.push(PushMessage::Forced(Forced::TimedOut));
    assert_eq!(requests(&rig, phone_info), 1);
    assert_eq!(rig.shown().agent.state, AgentState::SigningIn);
    assert_eq!(rig.shown().link.retry_in_ms, Some(3000));
    rig.timer(TimerId::SignIn);
    assert_eq!(requests(&rig, phone_info), 2);
}

#[test]
fn a_sign_out_that_happened_is_done_whatever_became_of_its_answer() {
    let ends: [fn(&mut Rig); 3] = [
        |rig| rig.agent("0"),
        |rig| rig.push(PushMessage::Forced(Forced::SignedOut)),
        |rig| rig.push(PushMessage::Forced(Forced::TimedOut)),
    ];
    for (n, end) in ends.iter().enumerate() {
        let mut rig = Rig::idle();
        let id = rig.command(Command::SignOut);
        let request = rig.sent(|r| *r == Request::Logout).unwrap();
        end(&mut rig);
        rig.event(Event::Replied { id: request, result: Err(ApiError::Timeout(4000)) });
        assert!(rig.outcome(id).is_some_and(|o| o.is_ok()), "{n}");
        let shown = rig.shown();
        assert_eq!(shown.agent.state, AgentState::SignedOut, "{n}");
        assert!(shown.can(crate::app::Action::SignIn), "{n}");
        assert_eq!(requests(&rig, phone_info), 0, "{n}: not in again");
    }
}

#[test]
fn a_final_close_during_a_sign_out_is_no_error() {
    let mut rig = Rig::idle();
    let id = rig.command(Command::SignOut);
    rig.link(closed(3404));
    assert!(rig.shown().notices.is_empty(), "{}", rig.notices());
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert_eq!(rig.shown().link.state, LinkState::Down);
    assert!(rig.shown().notices.is_empty(), "{}", rig.notices());
}

#[test]
fn signing_out_is_possible_while_the_link_cannot_be_had() {
    let mut rig = started(profile());
    rig.reply(json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(login, 0, json!({ "regId": "R1", "agSta": "0" }));
    rig.link(LinkEvent::Failed(LinkError::Refused { status: 503 }));
    rig.command(Command::SignOut);
    rig.reply_to(|r| *r == Request::Logout, 40404, Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::SigningIn, "refused: it goes on where it was");
    rig.timer(TimerId::Reconnect);
    rig.push(PushMessage::Established);
    assert!(rig.sent(|r| *r == Request::Ready).is_some());

    let mut rig = started(profile());
    rig.fail(phone_info);
    let id = rig.command(Command::SignOut);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()), "the attempts end");
    assert_eq!(rig.shown().agent.state, AgentState::SignedOut);
    assert!(matches!(rig.effects.last(), Some(Effect::Resolve { .. } | Effect::StopTimer(_))));
}

#[test]
fn a_first_state_that_never_got_there_is_asked_for_after_the_resync() {
    let mut rig = Rig::idle();
    rig.push(PushMessage::InitState { ag_sta: 0, pho_sta: None, param: None });
    assert_eq!(requests(&rig, |r| *r == Request::Ready), 1);
    rig.reply(Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
}

#[test]
fn an_expired_token_is_said_once_and_the_shift_goes_on() {
    let mut rig = Rig::idle();
    rig.link(closed(1006));
    rig.timer(TimerId::Reconnect);
    rig.link(closed(3403));
    let shown = rig.shown();
    assert_eq!((shown.agent.state, shown.link.state), (AgentState::Idle, LinkState::GivenUp));
    assert!(!rig.phone_told(&softphone::Command::Unregister));
    assert_eq!(rig.notices().matches("call your administrator").count(), 1, "{}", rig.notices());
    rig.effects.clear();
    rig.new_token();
    let order: Vec<bool> = rig
        .effects
        .iter()
        .filter_map(|e| match e {
            Effect::UseToken(_) => Some(false),
            Effect::OpenLink { .. } => Some(true),
            _ => None,
        })
        .collect();
    assert_eq!(order, [false, true], "the new token first, then the link with it");
    rig.push(PushMessage::Established);
    assert_eq!(rig.shown().link.state, LinkState::Up);
}

#[test]
fn a_token_source_is_asked_when_the_token_is_worth_nothing_but_not_in_a_circle() {
    let mut rig = Rig::idle();
    rig.state.profile.can_renew_token = true;
    rig.command(Command::Busy { reason: None });
    unauthorized(&mut rig, |r| matches!(r, Request::Busy { .. }));
    assert_eq!(renewals(&rig), 1);
    rig.link(closed(1006));
    rig.timer(TimerId::Reconnect);
    rig.link(closed(3403));
    assert_eq!(renewals(&rig), 1, "one at a time");
    assert!(!rig.notices().contains("call your administrator"), "nothing to do for the agent yet: {}", rig.notices());
    rig.event(Event::Token(Ok(token())));
    unauthorized(&mut rig, |r| matches!(r, Request::CheckToken { .. }));
    assert_eq!(renewals(&rig), 1, "the same again would not help");
    rig.timer(TimerId::TokenRenewal);
    assert_eq!(renewals(&rig), 2, "but later it may");

    // A token whose whole life is shorter than the lead.
    let mut rig = Rig::idle();
    rig.state.profile.can_renew_token = true;
    for n in 0..3 {
        rig.event(Event::Token(Ok(token())));
        let before = rig.at;
        rig.reply_to(|r| matches!(r, Request::CheckToken { .. }), 0, json!({ "expires": 60 }));
        rig.timer(TimerId::TokenRenewal);
        assert!(n == 0 || rig.at - before >= Duration::from_secs(60), "{n}");
    }
}

#[test]
fn a_new_token_ends_the_wait_of_a_sign_in() {
    let mut rig = started(profile());
    unauthorized(&mut rig, phone_info);
    rig.new_token();
    assert_eq!(requests(&rig, phone_info), 2);

    let mut rig = started(profile());
    rig.reply_to(phone_info, 40102, Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::SignedOut);
    rig.new_token();
    assert_eq!(requests(&rig, phone_info), 2, "also of one that was refused");

    let mut rig = Rig::idle();
    rig.command(Command::SignOut);
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    rig.new_token();
    assert_eq!(requests(&rig, phone_info), 0, "but not of an agent who left");
}

#[test]
fn reconnecting_needs_a_sign_in() {
    let mut rig = started(Profile { known: crate::domain::KnownSignIn::read("R0"), ..profile() });
    rig.command(Command::ReconnectNow);
    assert_eq!(rig.count(|e| matches!(e, Effect::OpenLink { .. })), 0);
}

#[test]
fn the_end_waits_for_what_was_just_asked_and_not_for_more() {
    let exits = |rig: &Rig| rig.exits() > 0;
    let busy = || {
        let mut rig = Rig::idle();
        rig.command(Command::Busy { reason: None });
        rig.command(Command::Quit);
        rig
    };
    let mut rig = busy();
    assert!(!exits(&rig));
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    assert!(exits(&rig));

    let mut rig = busy();
    let begun = rig.at;
    rig.timer(TimerId::Exit);
    assert!(exits(&rig) && rig.at - begun <= Duration::from_millis(500));

    let mut rig = Rig::idle();
    rig.command(Command::SignOut);
    rig.command(Command::Quit);
    assert!(!exits(&rig), "the sign-out asked for is not cut off");
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    assert!(exits(&rig));
    assert_eq!(requests(&rig, |r| *r == Request::Logout), 1);

    let mut rig = Rig::idle();
    rig.state.profile.sign_out_on_exit = true;
    rig.command(Command::Quit);
    rig.command(Command::Quit);
    assert!(!exits(&rig), "a closed terminal and its signal ask for the same end");
    rig.command(Command::QuitNow);
    assert!(exits(&rig));
}

#[test]
fn a_late_answer_to_a_wish_does_not_undo_a_sign_out() {
    let mut rig = Rig::idle();
    rig.command(Command::SignOut);
    rig.command(Command::Ready);
    rig.link(LinkEvent::Closed { code: 3404, reason: String::new() });
    rig.reply_to(|r| *r == Request::Ready, 40403, Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::SignedOut);
    rig.reply_to(|r| *r == Request::Logout, 40403, Value::Null);
    assert_eq!((rig.shown().agent.state, rig.shown().link.state), (AgentState::SignedOut, LinkState::Down));
    assert!(rig.shown().can(crate::app::Action::SignIn));
}

/// A call of which only the platform knew is over when the platform has begun anew.
#[test]
fn a_new_sign_in_keeps_no_ring_without_a_leg() {
    let mut rig = Rig::idle();
    rig.agent("4");
    rig.pho(crate::cti::push::PhoneState::Ring(crate::domain::RingKind::Queue));
    rig.link(closed(1006));
    rig.timer(TimerId::Reconnect);
    rig.link(closed(3404));
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(login, 0, json!({ "regId": "R2", "agSta": "0" }));
    rig.push(PushMessage::Established);
    assert!(!rig.shown().call.phase.is_live());
    assert!(rig.sent(|r| *r == Request::Ready).is_some(), "the phone is free for the next call");
}

/// The platform died and is back without its memory: when the leg of the call ends, there is no call any more, and the
/// platform is asked for the first state.
#[test]
fn a_platform_without_memory_leaves_no_call_behind() {
    let mut rig = Rig::talking();
    rig.link(closed(1006));
    rig.timer(TimerId::Reconnect);
    rig.link(closed(3404));
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(login, 0, json!({ "regId": "R2", "agSta": "0" }));
    rig.push(PushMessage::Established);
    let shown = rig.shown();
    assert!(shown.call.phase.is_live() && shown.agent.state == AgentState::Occupied, "a leg that lives is not ended");
    rig.effects.clear();
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::Failed("481".into()) });
    assert!(!rig.shown().call.phase.is_live());
    rig.timer(TimerId::AfterCall);
    rig.reply_to(|r| *r == Request::Ready, 0, Value::Null);
    rig.agent("1");
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
}

/// The platform is restarted again while the new sign-in waits for its link: that is no reason to give up.
#[test]
fn a_platform_that_forgets_twice_is_signed_in_to_twice() {
    let mut rig = Rig::idle();
    rig.link(closed(1006));
    rig.timer(TimerId::Reconnect);
    rig.link(closed(3404));
    for reg_id in ["R2", "R3"] {
        if reg_id == "R3" {
            rig.link(closed(1006));
            rig.timer(TimerId::Reconnect);
            rig.later(std::time::Duration::from_secs(30));
            rig.effects.clear();
            rig.link(closed(3404));
        }
        rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
        rig.reply_to(login, 0, json!({ "regId": reg_id, "agSta": "0" }));
    }
    rig.push(PushMessage::Established);
    assert!(rig.sent(|r| *r == Request::Ready).is_some());
}
