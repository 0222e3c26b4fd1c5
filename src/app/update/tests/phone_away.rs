//! The phone is away: it registers again as soon as there is a reason to, and an idle agent does not go unheard of.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Command, Effect, Event, Profile, SipState, TimerId},
    config::PhoneAway,
    cti::{
        api::Request,
        link::{LinkError, LinkEvent},
        push::{Forced, PushMessage},
    },
    domain::AgentState,
    softphone::{self, Account, SipError},
};

fn fails(rig: &mut Rig, error: SipError) {
    rig.phone(softphone::Event::RegistrationFailed { error, retry_in: Some(Duration::from_secs(30)) });
}

fn lost(rig: &mut Rig) {
    fails(rig, SipError::Lost("it was cut".into()));
}

fn back(rig: &mut Rig) {
    rig.phone(softphone::Event::Registered { expires: Duration::from_secs(600) });
}

fn registrations(rig: &Rig) -> Vec<Account> {
    let account = |effect: &Effect| match effect {
        Effect::Phone(softphone::Command::Register(account)) => Some(account.clone()),
        _ => None,
    };
    rig.effects.iter().filter_map(account).collect()
}

/// Signed in, idle, registered, by config with `away`.
fn idle(away: PhoneAway) -> Rig {
    let mut rig = Rig::signed_in(Profile { phone_away: away, ..profile() });
    rig.effects.clear();
    rig
}

fn busy(r: &Request) -> bool {
    matches!(r, Request::Busy { reason: None, .. })
}

fn ready(r: &Request) -> bool {
    matches!(r, Request::Ready)
}

#[test]
fn the_links_return_registers_a_phone_that_waits_at_once() {
    for phone_is_away in [true, false] {
        let mut rig = Rig::idle();
        rig.link(LinkEvent::Failed(LinkError::Silent(9)));
        if phone_is_away {
            lost(&mut rig);
        }
        rig.timer(TimerId::Reconnect);
        rig.link(LinkEvent::Opened);
        assert!(registrations(&rig).is_empty());
        rig.push(PushMessage::Established);
        assert_eq!(registrations(&rig).len(), usize::from(phone_is_away), "only one that waits");
    }
}

#[test]
fn another_network_is_a_reason_to_try_and_to_doubt() {
    let mut rig = Rig::idle();
    rig.event(Event::NetworkChanged);
    assert_eq!(rig.count(|e| matches!(e, Effect::ProveLink)), 1, "it may lead nowhere by now");
    assert!(registrations(&rig).is_empty());

    lost(&mut rig);
    rig.link(LinkEvent::Failed(LinkError::Silent(9)));
    rig.event(Event::NetworkChanged);
    assert_eq!((registrations(&rig).len(), rig.count(|e| matches!(e, Effect::OpenLink { .. }))), (1, 1));
    rig.event(Event::NetworkChanged);
    assert_eq!(rig.count(|e| matches!(e, Effect::OpenLink { .. })), 2, "the attempt began on the old network");
    rig.event(Event::NetworkChanged);
    assert_eq!(
        rig.count(|e| matches!(e, Effect::OpenLink { .. })),
        2,
        "addresses that come and go end no attempt each"
    );
    rig.later(Duration::from_secs(5));
    rig.event(Event::NetworkChanged);
    assert_eq!(rig.count(|e| matches!(e, Effect::OpenLink { .. })), 3);

    let mut out = Rig::new(Profile { sign_in_at_start: false, ..profile() });
    out.event(Event::Started);
    out.event(Event::NetworkChanged);
    assert!(out.effects.is_empty(), "{:?}", out.effects);
}

#[test]
fn an_idle_agent_is_told_after_five_seconds_and_once() {
    let mut rig = idle(PhoneAway::Ask);
    lost(&mut rig);
    assert!(!rig.notices().contains("callers cannot reach you"), "{}", rig.notices());
    let begun = rig.at;
    rig.timer(TimerId::PhoneAway);
    assert_eq!(rig.at - begun, Duration::from_secs(5));
    assert!(rig.notices().contains("callers cannot reach you"), "{}", rig.notices());
    lost(&mut rig);
    rig.later(Duration::from_secs(60));
    lost(&mut rig);
    assert_eq!(rig.notices().matches("callers cannot reach you").count(), 1, "{}", rig.notices());
    assert!(rig.sent(busy).is_none(), "it is the agent's choice");
    back(&mut rig);
    let open = |rig: &Rig| rig.shown().notices.iter().any(|n| n.kind == "app.phone_away" && !n.dismissed);
    assert!(!open(&rig), "it is over");
    lost(&mut rig);
    rig.timer(TimerId::PhoneAway);
    assert!(open(&rig), "another absence");
}

#[test]
fn a_short_absence_is_nobodys_business() {
    let mut rig = idle(PhoneAway::Busy);
    lost(&mut rig);
    rig.later(Duration::from_millis(4900));
    back(&mut rig);
    rig.event(Event::Timer(TimerId::PhoneAway));
    assert!(rig.sent(busy).is_none());
    assert!(!rig.notices().contains("made busy"), "{}", rig.notices());
}

#[test]
fn by_config_the_agent_is_busy_until_the_phone_is_back() {
    let mut rig = idle(PhoneAway::Busy);
    lost(&mut rig);
    rig.timer(TimerId::PhoneAway);
    assert!(!rig.notices().contains("made busy"), "not yet: {}", rig.notices());
    rig.reply_to(busy, 0, Value::Null);
    rig.agent("2");
    assert!(rig.notices().contains("made busy until it is back"), "{}", rig.notices());
    assert_eq!(rig.shown().agent.state, AgentState::Busy);
    assert!(rig.sent(ready).is_none());
    back(&mut rig);
    rig.reply_to(ready, 0, Value::Null);
    rig.agent("1");
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { request: Request::Ready, .. })), 1);
}

#[test]
fn a_phone_that_is_back_before_the_answer_leaves_the_agent_ready() {
    let mut rig = idle(PhoneAway::Busy);
    lost(&mut rig);
    rig.timer(TimerId::PhoneAway);
    back(&mut rig);
    assert!(rig.sent(ready).is_none(), "first the answer");
    rig.reply_to(busy, 0, Value::Null);
    rig.agent("2");
    assert!(rig.sent(ready).is_some());
}

#[test]
fn what_anybody_decides_meanwhile_counts() {
    let made_busy = || {
        let mut rig = idle(PhoneAway::Busy);
        lost(&mut rig);
        rig.timer(TimerId::PhoneAway);
        rig.reply_to(busy, 0, Value::Null);
        rig.agent("2");
        rig.effects.clear();
        rig
    };
    let ends_without_ready = |mut rig: Rig, what: &str| {
        rig.effects.clear();
        back(&mut rig);
        assert!(rig.sent(ready).is_none() && rig.sent(busy).is_none(), "{what}");
    };

    let mut rig = made_busy();
    rig.command(Command::Busy { reason: Some(12) });
    rig.reply_to(|r| matches!(r, Request::Busy { reason: Some(12), .. }), 0, Value::Null);
    rig.busy(12);
    ends_without_ready(rig, "a break");

    let mut rig = made_busy();
    rig.command(Command::Busy { reason: None });
    rig.reply_to(busy, 40403, Value::Null);
    ends_without_ready(rig, "busy by choice");

    let mut rig = made_busy();
    rig.command(Command::Ready);
    rig.reply_to(ready, 0, Value::Null);
    rig.agent("1");
    rig.later(Duration::from_secs(60));
    lost(&mut rig);
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { request: Request::Busy { .. }, .. })), 0, "asked once");
    ends_without_ready(rig, "ready by choice");

    let mut rig = made_busy();
    rig.push(PushMessage::Forced(Forced::Ready));
    rig.agent("1");
    ends_without_ready(rig, "a supervisor");

    let mut rig = made_busy();
    rig.push(PushMessage::Forced(Forced::Busy));
    rig.agent("2");
    ends_without_ready(rig, "a supervisor who wants the agent busy");
}

#[test]
fn an_agent_whom_nobody_would_be_sent_to_is_left_alone() {
    let mut rig = idle(PhoneAway::Busy);
    rig.agent("5");
    lost(&mut rig);
    rig.timer(TimerId::PhoneAway);
    assert!(rig.sent(busy).is_none(), "in wrap-up");
    rig.later(Duration::from_secs(5));
    rig.agent("1");
    assert!(rig.sent(busy).is_some(), "idle now, and still without a phone");

    let mut rig = idle(PhoneAway::Nothing);
    lost(&mut rig);
    rig.timer(TimerId::PhoneAway);
    assert!(rig.sent(busy).is_none() && rig.shown().notices.len() == 1, "{}", rig.notices());

    let mut rig = Rig::signed_in(Profile { webrtc: false, phone_away: PhoneAway::Busy, ..profile() });
    rig.effects.clear();
    lost(&mut rig);
    rig.later(Duration::from_secs(10));
    rig.event(Event::Timer(TimerId::PhoneAway));
    assert!(rig.sent(busy).is_none(), "another telephone rings");
}

#[test]
fn a_refusal_of_busy_is_told_once_and_busy_is_tried_again() {
    for answered in [true, false] {
        let mut rig = idle(PhoneAway::Busy);
        lost(&mut rig);
        rig.timer(TimerId::PhoneAway);
        for _ in 0..3 {
            if answered {
                rig.reply_to(busy, 40400, Value::Null);
            } else {
                rig.fail(busy);
            }
            assert_eq!(rig.notices().matches("callers cannot reach you").count(), 1, "{}", rig.notices());
            assert!(!rig.notices().contains("made busy"), "{}", rig.notices());
            rig.effects.retain(|e| !matches!(e, Effect::Request { .. }));
            lost(&mut rig);
            assert!(rig.sent(busy).is_none(), "not at once");
            rig.timer(TimerId::PhoneAway);
            assert!(rig.sent(busy).is_some(), "but again");
        }
        rig.reply_to(busy, 0, Value::Null);
        rig.agent("2");
        assert!(rig.notices().contains("made busy until it is back"), "{}", rig.notices());
        back(&mut rig);
        assert!(rig.sent(ready).is_some());
    }

    // The phone is back before the answer: there is nothing to tell.
    let mut rig = idle(PhoneAway::Busy);
    lost(&mut rig);
    rig.timer(TimerId::PhoneAway);
    back(&mut rig);
    rig.reply_to(busy, 40400, Value::Null);
    assert!(!rig.notices().contains("callers cannot reach you"), "{}", rig.notices());
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    rig.event(Event::Timer(TimerId::PhoneAway));
    assert!(rig.sent(ready).is_none());
}

#[test]
fn a_refused_password_is_asked_for_again_and_used() {
    let info = |r: &Request| matches!(r, Request::RtcInfo { .. });
    let asked = |rig: &Rig| rig.count(|e| matches!(e, Effect::Request { request: Request::RtcInfo { .. }, .. }));
    let mut rig = Rig::idle();
    fails(&mut rig, SipError::Credentials);
    assert_eq!(asked(&rig), 1);
    rig.reply_to(info, 0, json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
    assert!(registrations(&rig).is_empty(), "it is the same one");

    // Not more often than every 30 s, whatever the registrar says.
    rig.later(Duration::from_secs(10));
    fails(&mut rig, SipError::Credentials);
    assert_eq!(asked(&rig), 1);
    let begun = rig.at;
    rig.timer(TimerId::Account);
    assert_eq!((rig.at - begun, asked(&rig)), (Duration::from_secs(20), 2));
    rig.reply_to(info, 0, json!({ "vccCode": "VC", "vccId": 77, "phopass": "new" }));
    let new = Account { user: "ss77ss9001".into(), password: "new".into() };
    assert_eq!(registrations(&rig), [new]);
    back(&mut rig);
    assert_eq!(rig.shown().sip.state, SipState::Registered);
    assert_eq!(rig.notices().matches("new password").count(), 1, "{}", rig.notices());

    // What is refused for another reason has nothing to do with the password.
    lost(&mut rig);
    rig.later(Duration::from_secs(60));
    fails(&mut rig, SipError::Rejected { code: 403, reason: "Forbidden".into() });
    assert_eq!(asked(&rig), 2);
}

#[test]
fn a_phone_that_is_well_again_is_not_asked_for() {
    let mut rig = Rig::idle();
    fails(&mut rig, SipError::Credentials);
    rig.fail(|r| matches!(r, Request::RtcInfo { .. }));
    rig.later(Duration::from_secs(10));
    fails(&mut rig, SipError::Credentials);
    back(&mut rig);
    rig.effects.retain(|e| !matches!(e, Effect::Request { .. }));
    rig.later(Duration::from_secs(20));
    rig.event(Event::Timer(TimerId::Account));
    assert!(rig.sent(|r| matches!(r, Request::RtcInfo { .. })).is_none());
}
