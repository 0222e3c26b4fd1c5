//! Back after a restart of the program (protocol `cti.md` 2.3, form C).

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Command, Effect, Event, Profile, TimerId},
    config::LoginType,
    cti::{
        api::Request,
        link::{LinkError, LinkEvent},
        push::PushMessage,
    },
    domain::{AgentState, KnownSignIn},
    softphone,
};

fn login(r: &Request) -> bool {
    matches!(r, Request::Login { .. })
}

fn back(profile: Profile) -> Rig {
    let mut rig = Rig::new(profile);
    rig.event(Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
    rig
}

fn known() -> Profile {
    Profile { known: KnownSignIn::read("R7\n9001\n1"), ..profile() }
}

fn reset_links(rig: &Rig) -> usize {
    rig.count(|e| matches!(e, Effect::OpenLink { reg_id, login_state: None, reset: Some(true), .. } if reg_id == "R7"))
}

#[test]
fn the_link_is_opened_with_reset_and_the_platform_tells_the_state() {
    let mut rig = back(known());
    assert_eq!((reset_links(&rig), rig.sent(login)), (1, None));
    assert_eq!(rig.count(|e| matches!(e, Effect::Phone(softphone::Command::Register(_)))), 1);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    assert_eq!(rig.shown().agent.state, AgentState::SigningIn);
    rig.push(PushMessage::InitState { ag_sta: 2, pho_sta: None, param: Some(11) });
    let shown = rig.shown();
    assert_eq!((shown.agent.state, shown.agent.reason.as_ref().map(|r| r.id)), (AgentState::Busy, Some(11)));
    assert!(shown.can(crate::app::Action::SignOut) && shown.can(crate::app::Action::Dial));
    assert!(rig.sent(|r| matches!(r, Request::Ready | Request::Busy { .. })).is_none(), "it has its state");

    let mut rig = back(known());
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(6), param: None });
    assert!(rig.shown().call.phase.is_connected(), "a call is found again");

    let mut rig = back(known());
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 0, pho_sta: None, param: None });
    assert!(rig.sent(|r| *r == Request::Ready).is_some(), "in no state yet: the first one is asked for");
}

#[test]
fn later_connections_of_the_same_sign_in_are_made_as_the_first_was() {
    let mut rig = back(known());
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 1, pho_sta: None, param: None });
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    assert_eq!(reset_links(&rig), 2, "reset=true again");
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 1, pho_sta: None, param: None });
    // Signed in anew, it is another sign-in, whose first connection has no such word.
    rig.push(PushMessage::Forced(crate::cti::push::Forced::TimedOut));
    rig.reply_to(|r| matches!(r, Request::RtcInfo { .. }), 0, json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
    rig.reply_to(login, 0, json!({ "regId": "R8", "agSta": "0" }));
    let plain = |e: &Effect| matches!(e, Effect::OpenLink { reg_id, reset: None, .. } if reg_id == "R8");
    assert_eq!((reset_links(&rig), rig.count(plain)), (2, 1));
}

#[test]
fn what_the_platform_does_not_know_any_more_is_signed_in_again() {
    let ends: [fn(&mut Rig); 4] = [
        |rig| rig.link(LinkEvent::Closed { code: 3404, reason: String::new() }),
        |rig| rig.link(LinkEvent::Failed(LinkError::Refused { status: 404 })),
        |rig| {
            rig.link(LinkEvent::Opened);
            rig.timer(TimerId::LinkGreeting);
        },
        |rig| {
            rig.push(PushMessage::Established);
            rig.timer(TimerId::Rejoin);
        },
    ];
    for (n, end) in ends.iter().enumerate() {
        let mut rig = back(known());
        end(&mut rig);
        assert!(rig.sent(login).is_some(), "{n}");
        assert!(rig.shown().notices.is_empty(), "{n}: nothing that concerns the agent: {}", rig.notices());
        rig.reply_to(login, 0, json!({ "regId": "R8", "agSta": "0" }));
        rig.push(PushMessage::Established);
        rig.reply_to(|r| *r == Request::Ready, 0, Value::Null);
        assert_eq!(rig.shown().agent.state, AgentState::Idle, "{n}");
        assert_eq!(reset_links(&rig), 1, "{n}: tried once");
    }
    // Known by login, but silent on the link.
    let mut rig = back(known());
    rig.push(PushMessage::Established);
    rig.timer(TimerId::Rejoin);
    let held = json!({ "regId": "R7", "agSta": "1", "agType": "1", "phoNum": "9001", "wsLink": "1" });
    rig.reply_to(login, 40101, held);
    rig.push(PushMessage::Established);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
}

#[test]
fn only_what_is_to_be_as_it_was_is_rejoined() {
    let other = |text: &str| Profile { known: KnownSignIn::read(text), ..profile() };
    for (what, profile) in [
        ("another phone", other("R7\n9009\n1")),
        ("another kind", other("R7\n9001\n2")),
        ("from an older version", other("R7")),
        ("forced", Profile { auto_force_login: true, ..known() }),
        ("no link wanted", Profile { websocket: false, ..known() }),
        ("static now", Profile { login_type: LoginType::Static, ..known() }),
    ] {
        let rig = back(profile);
        assert_eq!((reset_links(&rig), rig.sent(login).is_some()), (0, true), "{what}");
    }
}

#[test]
fn a_sign_out_meanwhile_is_a_sign_out() {
    let mut rig = back(known());
    rig.push(PushMessage::Established);
    let id = rig.command(Command::SignOut);
    rig.push(PushMessage::InitState { ag_sta: 1, pho_sta: None, param: None });
    rig.event(Event::Timer(TimerId::Rejoin));
    assert!(rig.sent(login).is_none());
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert_eq!(rig.shown().agent.state, AgentState::SignedOut);
}

#[test]
fn what_is_remembered_follows_the_shift() {
    let remembered = |rig: &Rig| {
        rig.effects.iter().rev().find_map(|e| match e {
            Effect::RememberSignIn(known) => Some(known.as_ref().map(ToString::to_string)),
            _ => None,
        })
    };
    let mut rig = back(profile());
    rig.reply_to(login, 0, json!({ "regId": "R1", "agSta": "0" }));
    assert_eq!(remembered(&rig), Some(Some("R1\n9001\n1".into())));
    rig.push(PushMessage::Established);
    rig.reply_to(|r| *r == Request::Ready, 0, Value::Null);
    rig.command(Command::ChangePhone { phone: "138".into(), web_phone: Some(false) });
    rig.reply_to(|r| matches!(r, Request::ChangeBindTel { .. }), 0, Value::Null);
    rig.command(Command::SwitchMode { login_type: LoginType::Static });
    rig.reply_to(|r| matches!(r, Request::SwitchMode { .. }), 0, Value::Null);
    assert_eq!(remembered(&rig), Some(Some("R1\n138\n2".into())));
    rig.command(Command::SignOut);
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    assert_eq!(remembered(&rig), Some(None));
}

#[test]
fn the_waiting_customers_are_counted_again_whatever_comes_first() {
    let own = |rig: &mut Rig| {
        let own = |r: &Request| matches!(r, Request::AgentBaseInfo);
        rig.reply_to(own, 0, json!({ "id": 5, "ag_num": "8001", "que": [] }));
    };
    let state = |rig: &mut Rig| {
        rig.push(PushMessage::Established);
        rig.push(PushMessage::InitState { ag_sta: 2, pho_sta: None, param: None });
    };
    let sum = |r: &Request| matches!(r, Request::QueueSum { .. });
    for (order, first, second) in
        [("record", &own as &dyn Fn(&mut Rig), &state as &dyn Fn(&mut Rig)), ("state", &state, &own)]
    {
        let mut rig = back(Profile { show_que_sum: true, ..known() });
        first(&mut rig);
        assert!(rig.sent(sum).is_none(), "{order} first: not yet");
        second(&mut rig);
        assert!(rig.sent(sum).is_some(), "{order} first");
        rig.reply_to(sum, 0, json!(2));
        assert_eq!(rig.shown().queue_waiting, Some(2), "{order} first");
    }
}
