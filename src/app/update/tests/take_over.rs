//! 40101: the agent is signed in already (protocol `cti.md` 2.3, decision order and matrix).

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Command, Effect, Event, LinkState, Profile, TimerId},
    config::LoginType::{self, Dynamic, Static},
    cti::{
        api::Request,
        link::LinkEvent,
        push::{Forced, PushMessage},
    },
    domain::AgentState,
    softphone,
};

fn login(r: &Request) -> bool {
    matches!(r, Request::Login { .. })
}

fn phone_info(r: &Request) -> bool {
    matches!(r, Request::RtcInfo { .. })
}

fn requests(rig: &Rig, fits: impl Fn(&Request) -> bool) -> usize {
    rig.count(|e| matches!(e, Effect::Request { request, .. } if fits(request)))
}

fn held(kind: &str, link: &str, phone: &str, state: &str) -> Value {
    json!({ "regId": "R9", "agSta": state, "agType": kind, "phoNum": phone, "wsLink": link })
}

#[test]
fn the_screen_is_not_told_how_a_script_takes_over_and_a_take_over_settles_why_it_was_needed() {
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Closed { code: 3405, reason: String::new() });
    let sign_in = |rig: &mut Rig, force: bool| {
        let id = rig.command(Command::SignIn { force });
        rig.reply_to(phone_info, 0, json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
        rig.reply_to(login, 40101, held("1", "1", "9001", "1"));
        id
    };
    let id = sign_in(&mut rig, false);
    let refusal = rig.outcome(id).and_then(|outcome| outcome.clone().err()).map(|refusal| refusal.message);
    assert_eq!(refusal.map(|message| message.key()), Some("app.signed_in_elsewhere"));
    assert!(!rig.notices().contains("ctl") && rig.notices().contains("signed in elsewhere"), "{}", rig.notices());
    assert!(rig.shown().notices.iter().any(|notice| !notice.dismissed && notice.kind == "app.link_replaced"));
    sign_in(&mut rig, true);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    let shown = rig.shown();
    let fresh: Vec<_> = shown.notices.iter().filter(|notice| !notice.dismissed).map(|notice| notice.kind).collect();
    assert_eq!(fresh, [""; 0]);
}

fn refused_login(profile: Profile, data: Value) -> Rig {
    let mut rig = Rig::new(profile);
    rig.event(Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
    rig.reply_to(login, 40101, data);
    rig
}

#[derive(Debug, PartialEq)]
enum Came {
    /// Told who holds it, nothing sent.
    Refused,
    /// The link was opened with the RegID that is held.
    Linked,
    /// Signed in without a link.
    Adopted,
    /// The other sign-in is being ended first.
    Ended,
}

fn came(rig: &Rig) -> Came {
    if rig.count(|e| matches!(e, Effect::OpenLink { reg_id, .. } if reg_id == "R9")) == 1 {
        Came::Linked
    } else if rig.sent(|r| *r == Request::Logout).is_some() {
        Came::Ended
    } else if rig.shown().agent.state.is_signed_in() {
        Came::Adopted
    } else {
        Came::Refused
    }
}

#[test]
fn the_matrix() {
    // Own type, held type, link of the held one, own websocket, forced -> what comes of it, and switched to static.
    let table: [(LoginType, &str, &str, bool, bool, Came, bool); 24] = [
        (Dynamic, "1", "0", true, false, Came::Refused, false),
        (Dynamic, "1", "1", true, false, Came::Refused, false),
        (Dynamic, "2", "0", true, false, Came::Linked, false),
        (Dynamic, "2", "1", true, false, Came::Refused, false),
        (Static, "1", "0", true, false, Came::Refused, false),
        (Static, "1", "1", true, false, Came::Refused, false),
        (Static, "2", "0", true, false, Came::Linked, false),
        (Static, "2", "1", true, false, Came::Linked, false),
        (Dynamic, "1", "0", false, false, Came::Refused, false),
        (Dynamic, "1", "1", false, false, Came::Refused, false),
        (Dynamic, "2", "0", false, false, Came::Adopted, false),
        (Dynamic, "2", "1", false, false, Came::Refused, false),
        (Static, "1", "0", false, false, Came::Adopted, true),
        (Static, "1", "1", false, false, Came::Adopted, true),
        (Static, "2", "0", false, false, Came::Adopted, false),
        (Static, "2", "1", false, false, Came::Adopted, false),
        (Dynamic, "1", "1", true, true, Came::Linked, false),
        (Dynamic, "2", "1", true, true, Came::Linked, false),
        (Static, "1", "1", true, true, Came::Linked, true),
        (Static, "2", "1", true, true, Came::Linked, false),
        (Dynamic, "1", "1", false, true, Came::Ended, false),
        (Dynamic, "2", "1", false, true, Came::Adopted, false),
        (Static, "1", "1", false, true, Came::Adopted, true),
        (Static, "2", "1", false, true, Came::Adopted, false),
    ];
    for (own, kind, link, websocket, force, expected, switched) in table {
        for phone in ["9001", "9999"] {
            let case = format!("{own:?} {kind} {link} ws {websocket} force {force} phone {phone}");
            let profile = Profile { login_type: own, websocket, auto_force_login: force, ..profile() };
            let mut rig = refused_login(profile, held(kind, link, phone, "1"));
            let binds = requests(&rig, |r| *r == Request::ChangeBindTel { bind_tel: "9001".into(), is_webrtc: None });
            let switches = requests(&rig, |r| *r == Request::SwitchMode { ag_type: 2 });
            assert_eq!(came(&rig), expected, "{case}");
            let taken = matches!(expected, Came::Linked | Came::Adopted);
            assert_eq!(binds, usize::from(taken && phone == "9999"), "{case}");
            assert_eq!(switches, usize::from(switched), "{case}");
            assert_eq!(requests(&rig, |r| matches!(r, Request::Ready)), 0, "{case}: it has its state");
            let registered = rig.count(|e| matches!(e, Effect::Phone(softphone::Command::Register(_))));
            assert_eq!(registered, usize::from(taken), "{case}");
            if expected == Came::Refused {
                assert!(rig.notices().contains("elsewhere"), "{case}: {}", rig.notices());
            }
            if switched {
                rig.reply_to(|r| matches!(r, Request::SwitchMode { .. }), 0, Value::Null);
            }
            if taken {
                let kind = if kind == "2" || switched { Static } else { Dynamic };
                assert_eq!(rig.shown().agent.login_type, kind, "{case}: what the platform holds is shown");
            }
        }
    }
}

#[test]
fn a_taken_over_sign_in_in_no_state_yet_gets_its_first_one() {
    let mut rig =
        refused_login(Profile { websocket: false, login_type: Static, ..profile() }, held("2", "0", "9001", "0"));
    assert_eq!(requests(&rig, |r| *r == Request::Ready), 1);
    rig.reply(Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
}

#[test]
fn without_a_link_a_dynamic_sign_in_elsewhere_is_ended_once_and_then_told() {
    let profile = Profile { websocket: false, auto_force_login: true, ..profile() };
    let mut rig = refused_login(profile, held("1", "1", "9001", "1"));
    assert_eq!(requests(&rig, phone_info), 1, "not before the other one is out");
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    rig.timer(TimerId::SignIn);
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
    assert_eq!(requests(&rig, login), 2);
    rig.reply_to(login, 40101, held("1", "1", "9001", "1"));
    assert_eq!(requests(&rig, |r| *r == Request::Logout), 1, "never a fight");
    assert_eq!(rig.shown().agent.state, AgentState::SignedOut);
    assert!(rig.shown().agent.signed_out_because.is_some());
}

#[test]
fn timed_out_takes_back_what_nobody_uses_and_leaves_what_somebody_does() {
    for (link, taken) in [("0", true), ("1", false)] {
        let mut rig = Rig::idle();
        rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
        rig.timer(TimerId::Reconnect);
        rig.link(LinkEvent::Opened);
        rig.push(PushMessage::Established);
        rig.push(PushMessage::Forced(Forced::TimedOut));
        rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
        rig.reply_to(login, 40101, held("1", link, "9001", "1"));
        assert_eq!(came(&rig) == Came::Linked, taken, "{link}");
    }
}

#[test]
fn kicked_out_can_be_taken_back_by_hand() {
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Closed { code: 3405, reason: String::new() });
    let shown = rig.shown();
    assert_eq!(shown.agent.signed_out_because.map(|m| m.key()), Some("app.link_replaced"));
    assert_eq!((shown.agent.state, shown.link.state), (AgentState::SignedOut, LinkState::GivenUp));
    rig.command(Command::SignIn { force: true });
    rig.reply_to(phone_info, 0, json!({ "vccId": 77, "phopass": "pw" }));
    rig.reply_to(login, 40101, held("1", "1", "9999", "2"));
    assert_eq!(came(&rig), Came::Linked);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    assert_eq!(rig.shown().agent.state, AgentState::Busy);
    assert!(rig.shown().agent.signed_out_because.is_none());
}

#[test]
fn whoever_asked_to_sign_in_is_told_the_platforms_code_and_can_offer_to_take_over() {
    let mut rig = refused_login(profile(), held("1", "1", "9001", "1"));
    let asked = rig.command(Command::SignIn { force: false });
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
    rig.reply_to(login, 40101, held("1", "1", "9001", "1"));
    let refusal = rig.outcome(asked).expect("an answer").as_ref().expect_err("a refusal");
    assert_eq!(refusal.platform.as_ref().map(|(code, _)| *code), Some(40101));
}
