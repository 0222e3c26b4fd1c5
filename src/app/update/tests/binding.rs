//! Another phone and another kind of sign-in in the middle of the shift (protocol `cti.md` 2.2).

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Action, Command, Effect, Possible, Profile, RefusalKind},
    config::LoginType,
    cti::api::Request,
    softphone,
};

fn phone_info(r: &Request) -> bool {
    matches!(r, Request::RtcInfo { .. })
}

fn bind(r: &Request) -> bool {
    matches!(r, Request::ChangeBindTel { .. })
}

fn change(rig: &mut Rig, phone: &str, web_phone: Option<bool>) -> crate::app::CommandId {
    rig.command(Command::ChangePhone { phone: phone.into(), web_phone })
}

fn registers(rig: &Rig) -> Vec<String> {
    let user = |e: &Effect| match e {
        Effect::Phone(softphone::Command::Register(account)) => Some(account.user.clone()),
        _ => None,
    };
    rig.effects.iter().filter_map(user).collect()
}

#[test]
fn another_web_phone_is_bound_and_registered() {
    let mut rig = Rig::idle();
    let id = change(&mut rig, " 9007 ", Some(true));
    assert!(rig.sent(|r| *r == Request::RtcInfo { pho_num: "9007".into() }).is_some());
    assert!(rig.sent(bind).is_none(), "nothing is changed before there is an account");
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "other" }));
    assert!(rig.sent(|r| *r == Request::ChangeBindTel { bind_tel: "9007".into(), is_webrtc: Some(true) }).is_some());
    assert_eq!(rig.shown().agent.phone, "9001", "not before the platform agrees");
    rig.reply_to(bind, 0, Value::Null);
    assert_eq!(rig.shown().agent.phone, "9007");
    assert!(rig.shown().agent.web_phone);
    assert_eq!(registers(&rig), ["ss77ss9007"]);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
}

#[test]
fn an_external_phone_ends_the_registration_and_is_answered_there() {
    let mut rig = Rig::idle();
    let id = change(&mut rig, "13800138000", Some(false));
    assert!(rig.sent(phone_info).is_none(), "an external phone has no account");
    let asked = Request::ChangeBindTel { bind_tel: "13800138000".into(), is_webrtc: Some(false) };
    assert!(rig.sent(|r| *r == asked).is_some());
    rig.reply_to(bind, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert!(rig.phone_told(&softphone::Command::Unregister));
    assert!(!rig.shown().agent.web_phone);
    let Some(Possible::No(why)) = rig.shown().actions.get(&Action::Answer).cloned() else {
        panic!("cannot be answered here")
    };
    assert_eq!(why.key(), "app.answer_on_the_phone");
    assert!(!rig.shown().can(Action::Mute));

    // And back.
    rig.effects.clear();
    change(&mut rig, "9001", Some(true));
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(bind, 0, Value::Null);
    assert!(rig.shown().agent.web_phone);
    assert_eq!(registers(&rig), ["ss77ss9001"]);
}

#[test]
fn the_kind_of_phone_stays_where_it_is_not_told() {
    let mut rig = Rig::idle();
    change(&mut rig, "9007", None);
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "other" }));
    assert!(rig.sent(|r| *r == Request::ChangeBindTel { bind_tel: "9007".into(), is_webrtc: None }).is_some());
    rig.reply_to(bind, 0, Value::Null);
    assert_eq!(registers(&rig), ["ss77ss9007"], "the old account would not be rung any more");

    let mut rig = Rig::idle();
    rig.state.session.web_phone = false;
    change(&mut rig, "13800138000", None);
    rig.reply_to(bind, 0, Value::Null);
    assert_eq!((rig.shown().agent.phone.as_str(), rig.shown().agent.web_phone), ("13800138000", false));
}

#[test]
fn refused_or_unanswered_changes_nothing() {
    let fails: [fn(&mut Rig); 5] = [
        |rig| rig.reply_to(phone_info, 40405, Value::Null),
        |rig| rig.fail(phone_info),
        |rig| rig.reply_to(phone_info, 0, json!({ "vccId": 77 })),
        |rig| {
            rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "x" }));
            rig.reply_to(bind, 40405, Value::Null);
        },
        |rig| {
            rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "x" }));
            rig.fail(bind);
        },
    ];
    for (n, fail) in fails.iter().enumerate() {
        let mut rig = Rig::idle();
        let id = change(&mut rig, "9007", Some(true));
        fail(&mut rig);
        assert!(rig.outcome(id).is_some_and(|o| o.is_err()), "{n}");
        let shown = rig.shown();
        assert_eq!((shown.agent.phone.as_str(), shown.agent.web_phone), ("9001", true), "{n}");
        assert!(registers(&rig).is_empty() && !rig.phone_told(&softphone::Command::Unregister), "{n}");
        assert_eq!(shown.notices.len(), 1, "{n}: {}", rig.notices());
    }
    let mut rig = Rig::idle();
    for bad in ["", "  ", "90 01", "9001\u{1b}[2J", &"9".repeat(65)] {
        let id = change(&mut rig, bad, Some(true));
        assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::Invalid), "{bad}");
    }
    assert!(rig.sent(|_| true).is_none());
}

#[test]
fn a_call_that_comes_meanwhile_keeps_its_phone() {
    let mut rig = Rig::idle();
    change(&mut rig, "13800138000", Some(false));
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: false });
    rig.reply_to(bind, 0, Value::Null);
    assert!(rig.shown().agent.web_phone, "it is still answered here");
    assert!(!rig.phone_told(&softphone::Command::Unregister));
    rig.command(Command::Answer);
    assert!(rig.answers() > 0);
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: softphone::EndCause::RemoteBye });
    rig.pho(crate::cti::push::PhoneState::HungUp);
    assert!(!rig.shown().agent.web_phone);
    assert!(rig.phone_told(&softphone::Command::Unregister));
}

#[test]
fn during_a_call_it_is_refused_and_signing_out_ends_it() {
    let mut rig = Rig::talking();
    let id = change(&mut rig, "9007", None);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::NotNow));

    let mut rig = Rig::idle();
    let id = change(&mut rig, "9007", None);
    rig.push(crate::cti::push::PushMessage::Forced(crate::cti::push::Forced::SignedOut));
    assert!(rig.outcome(id).is_some_and(|o| o.is_err()));
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "x" }));
    assert!(rig.sent(bind).is_none());
    assert_eq!(rig.shown().agent.phone, "9001");
}

#[test]
fn the_next_sign_in_is_with_the_phone_and_the_kind_of_now() {
    let mut rig = Rig::idle();
    let id = rig.command(Command::SwitchMode { login_type: LoginType::Static });
    assert!(rig.sent(|r| *r == Request::SwitchMode { ag_type: 2 }).is_some());
    rig.reply(Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert_eq!(rig.shown().agent.login_type, LoginType::Static);
    change(&mut rig, "13800138000", Some(false));
    rig.reply_to(bind, 0, Value::Null);
    rig.push(crate::cti::push::PushMessage::Forced(crate::cti::push::Forced::TimedOut));
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
    let login = Request::Login { bind_tel: "13800138000".into(), login_type: 2, state: 0 };
    assert!(rig.sent(|r| *r == login).is_some());

    let mut rig = Rig::idle();
    let id = rig.command(Command::SwitchMode { login_type: LoginType::Static });
    rig.reply_to(|r| matches!(r, Request::SwitchMode { .. }), 40402, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_err()));
    assert_eq!(rig.shown().agent.login_type, LoginType::Dynamic);
}

#[test]
fn without_a_web_phone_the_softphone_hears_nothing() {
    let mut rig = Rig::new(Profile { webrtc: false, ..profile() });
    rig.event(crate::app::Event::Started);
    rig.reply(json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R1", "agSta": "0" }));
    assert_eq!(rig.count(|e| matches!(e, Effect::Phone(_))), 0);
}

#[test]
fn what_was_changed_is_said() {
    let mut rig = Rig::idle();
    change(&mut rig, "9001", Some(false));
    rig.reply_to(bind, 0, Value::Null);
    assert_eq!(rig.notices(), "calls are answered on the desk phone 9001 from now on");
    change(&mut rig, "9001", Some(true));
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(bind, 0, Value::Null);
    assert!(rig.notices().contains("calls are heard here from now on, at phone 9001"), "{}", rig.notices());
    change(&mut rig, "9007", Some(true));
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(bind, 0, Value::Null);
    assert!(rig.notices().contains("the phone is 9007 from now on"), "{}", rig.notices());
    for (login_type, said) in [(LoginType::Static, "static"), (LoginType::Dynamic, "dynamic")] {
        rig.command(Command::SwitchMode { login_type });
        rig.reply_to(|r| matches!(r, Request::SwitchMode { .. }), 0, Value::Null);
        assert!(rig.notices().contains(&format!("sign-in mode: {said}")), "{}", rig.notices());
    }
}
