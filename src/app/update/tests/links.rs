use std::time::Duration;

use serde_json::json;

use super::rig::Rig;
use crate::{
    app::{Command, Effect, LinkState, TimerId},
    cti::{
        api::Request,
        link::{LinkError, LinkEvent},
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{AgentState, CallPhase},
    i18n::Locale,
    softphone::{self, SipError},
};

#[test]
fn a_lost_link_is_shown_counted_down_and_tried_again() {
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    let shown = rig.shown();
    assert_eq!(shown.link.state, LinkState::Down);
    assert!(shown.link.retry_in_ms.is_some_and(|ms| ms > 0 && ms <= 3000));
    assert!(shown.link.last_error.is_some());
    assert_eq!(shown.agent.state, AgentState::Idle, "the agent's state is the platform's, not the link's");
    assert_eq!((rig.published("wsLogout"), rig.published("linkDown")), (1, 1));
    rig.timer(TimerId::Reconnect);
    let reopened =
        rig.effects.iter().any(|e| matches!(e, Effect::OpenLink { reg_id, reset: Some(false), .. } if reg_id == "R1"));
    assert!(reopened, "same RegID, reset=false");
}

#[test]
fn pauses_grow_with_the_outage_and_stay_under_three_seconds() {
    let mut rig = Rig::idle();
    let start = rig.at;
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    let mut last = Duration::ZERO;
    for _ in 0..60 {
        let before = rig.at;
        rig.timer(TimerId::Reconnect);
        let pause = rig.at - before;
        assert!(pause <= Duration::from_secs(3), "{pause:?}");
        let away = before - start;
        assert!(away > Duration::from_secs(5) || pause < Duration::from_secs(1), "{pause:?} after {away:?}");
        assert!(pause + Duration::from_millis(1) >= last);
        last = pause;
        rig.link(LinkEvent::Failed(LinkError::Refused { status: 503 }));
    }
    assert_eq!(last, Duration::from_secs(3));
}

#[test]
fn after_the_window_it_is_given_up_and_said() {
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Closed { code: 1001, reason: String::new() });
    rig.later(Duration::from_secs(3 * 3600));
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Failed(LinkError::Refused { status: 503 }));
    assert_eq!(rig.shown().link.state, LinkState::GivenUp);
    assert!(rig.notices().contains("ws_reconnect_time"));
}

#[test]
fn zero_means_never_reconnect() {
    let mut rig = Rig::idle();
    rig.state.profile.ws_reconnect_time = Duration::ZERO;
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    assert_eq!(rig.shown().link.state, LinkState::GivenUp);
}

#[test]
fn a_call_lives_through_a_lost_link_and_comes_out_right() {
    let mut rig = Rig::talking();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(6), param: None });
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    assert_eq!(rig.shown().call.peer.number.as_deref(), Some("13800138000"), "nothing is forgotten");
    assert!(rig.hang_ups() == 0);
    assert_eq!(rig.shown().link.state, LinkState::Up);
}

#[test]
fn a_call_that_ended_while_the_link_was_away_ends_here() {
    let mut rig = Rig::talking();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 5, pho_sta: Some(0), param: Some(7) });
    let shown = rig.shown();
    assert_eq!(shown.call.phase, CallPhase::None);
    assert_eq!((shown.agent.state, shown.agent.wrap_up_left_ms), (AgentState::WrapUp, Some(7000)));
    assert_eq!(shown.journal.len(), 1);
}

#[test]
fn a_hold_is_kept_over_a_resync_and_marked_as_not_confirmed() {
    let mut rig = Rig::talking();
    rig.command(crate::app::Command::Hold);
    rig.reply(serde_json::Value::Null);
    rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(6), param: None });
    assert_eq!(rig.shown().call.phase, CallPhase::Held);
    assert!(rig.shown().call.hold_uncertain);
}

#[test]
fn late_words_of_an_old_connection_are_not_heard() {
    let mut rig = Rig::idle();
    let old = rig.link_id();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    rig.event(crate::app::Event::Link { id: old, event: LinkEvent::Closed { code: 3405, reason: String::new() } });
    assert_eq!(rig.shown().link.state, LinkState::Connecting);
}

#[test]
fn a_link_without_a_greeting_is_opened_again() {
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.timer(TimerId::LinkGreeting);
    assert_eq!(rig.shown().link.state, LinkState::Down);
    assert!(rig.shown().link.retry_in_ms.is_some());
}

#[test]
fn junk_on_the_link_is_told_once() {
    let mut rig = Rig::idle();
    for _ in 0..3 {
        rig.link(LinkEvent::Unreadable("<html>".into()));
        rig.later(Duration::from_secs(60));
    }
    assert_eq!(rig.shown().notices.len(), 1, "{}", rig.notices());
    assert_eq!(rig.shown().link.state, LinkState::Up);
}

#[test]
fn text_in_a_wrong_encoding_costs_a_link_each_time_is_told_once_and_no_call() {
    for (locale, words) in [(Locale::En, "no UTF-8 text"), (Locale::ZhCn, "编码有误")] {
        let mut rig = Rig::talking();
        rig.state.profile.locale = locale;
        for _ in 0..3 {
            rig.link(LinkEvent::Closed { code: 1007, reason: "it sent text that is no UTF-8".into() });
            assert!(rig.shown().link.retry_in_ms.is_some_and(|ms| ms <= 500), "{:?}", rig.shown().link);
            rig.timer(TimerId::Reconnect);
            rig.link(LinkEvent::Opened);
            rig.push(PushMessage::Established);
            rig.push(PushMessage::InitState { ag_sta: 4, pho_sta: Some(6), param: None });
            assert_eq!((rig.shown().link.state, rig.shown().call.phase), (LinkState::Up, CallPhase::Talking));
            rig.later(Duration::from_secs(60));
        }
        let told = rig.shown().notices.iter().filter(|notice| notice.text.contains(words)).count();
        assert_eq!(told, 1, "{}", rig.notices());
        // Nothing stands in the way of what comes next.
        rig.push(PushMessage::Phone(PhoneEvent { state: PhoneState::HungUp, ..PhoneEvent::default() }));
        assert_eq!((rig.shown().call.phase, rig.shown().journal.len()), (CallPhase::Ended, 1));
    }
}

#[test]
fn an_outage_of_the_registration_is_told_once_and_a_new_cause_to_act_on_again() {
    let mut rig = Rig::idle();
    let fails = |rig: &mut Rig, error: SipError| {
        rig.phone(softphone::Event::RegistrationFailed { error, retry_in: Some(Duration::from_secs(1)) });
    };
    let reach = |reason: &str| SipError::Connect { host: "pbx".into(), reason: reason.into() };
    fails(&mut rig, SipError::Lost("it was cut".into()));
    fails(&mut rig, reach("connection refused"));
    fails(&mut rig, reach("no answer"));
    assert_eq!(rig.shown().notices.len(), 1, "{}", rig.notices());
    assert!(rig.shown().sip.last_error.is_some_and(|e| e.contains("no answer")), "the banner has the newest");
    fails(&mut rig, SipError::Credentials);
    assert_eq!(rig.shown().notices.len(), 2, "{}", rig.notices());
}

#[test]
fn how_long_the_link_has_been_away_counts_from_its_loss_through_all_attempts() {
    let mut rig = Rig::idle();
    let lost = rig.at;
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    for _ in 0..4 {
        rig.timer(TimerId::Reconnect);
        rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    }
    assert!(rig.at > lost);
    assert_eq!(rig.shown().link.since_at, lost);
}

#[test]
fn asked_to_connect_again_during_a_sign_in_it_does_not_say_that_all_is_up() {
    let mut rig = Rig::new(super::rig::profile());
    rig.event(crate::app::Event::Started);
    rig.command(Command::ReconnectNow);
    assert!(rig.notices().contains("the sign-in is under way"), "{}", rig.notices());
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    rig.command(Command::ReconnectNow);
    assert!(rig.notices().contains("an attempt to connect is under way"), "{}", rig.notices());
    let mut rig = Rig::idle();
    rig.command(Command::ReconnectNow);
    assert!(rig.notices().contains("link and phone are up"), "{}", rig.notices());
}

#[test]
fn a_lost_phone_server_is_no_comfort_for_a_call_that_was_hung_up() {
    let failed = |rig: &mut Rig| {
        let error = SipError::Lost("reset".into());
        rig.phone(softphone::Event::RegistrationFailed { error, retry_in: Some(Duration::from_secs(1)) });
    };
    let mut rig = Rig::talking();
    failed(&mut rig);
    assert!(rig.notices().contains("the call goes on"), "{}", rig.notices());
    let mut rig = Rig::talking();
    rig.command(Command::HangUp);
    failed(&mut rig);
    assert!(!rig.notices().contains("goes on"), "{}", rig.notices());
}

#[test]
fn what_is_well_again_is_not_told_any_more() {
    let fresh = |rig: &Rig| rig.shown().notices.iter().filter(|n| !n.dismissed).map(|n| n.kind).collect::<Vec<_>>();
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    assert_eq!(fresh(&rig), ["app.link_down"]);
    rig.timer(TimerId::Reconnect);
    rig.push(PushMessage::Established);
    assert_eq!(fresh(&rig), ["app.link_back"]);
    let error = SipError::Timeout;
    rig.phone(softphone::Event::RegistrationFailed { error, retry_in: Some(Duration::from_secs(1)) });
    assert_eq!(fresh(&rig), ["app.link_back", "app.sip_failed"]);
    rig.phone(softphone::Event::Registered { expires: Duration::from_secs(300) });
    assert_eq!(fresh(&rig), ["app.link_back"]);
    assert_eq!(rig.shown().notices.len(), 3, "the list keeps everything");
}

#[test]
fn what_changed_while_the_link_was_away_is_read_again() {
    let mut rig = Rig::signed_in(super::rig::profile());
    for list in [Request::BusyReasons, Request::CallerList, Request::SkillGroups, Request::AgentBaseInfo] {
        rig.fail(|r| *r == list);
    }
    rig.effects.clear();
    let lists = |rig: &Rig| {
        let asked = |fits: fn(&Request) -> bool| rig.sent(fits).is_some();
        [
            asked(|r| *r == Request::BusyReasons),
            asked(|r| *r == Request::CallerList),
            asked(|r| *r == Request::SkillGroups),
            asked(|r| *r == Request::AgentBaseInfo),
        ]
    };
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    assert_eq!(lists(&rig), [false; 4], "nothing can be missed yet");
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    assert_eq!(lists(&rig), [true; 4], "MT 8 may have been missed");
    rig.effects.clear();
    rig.push(PushMessage::Established);
    assert_eq!(lists(&rig), [false; 4], "a second MT 0 changes nothing");
}

fn replaced() -> LinkEvent {
    LinkEvent::Closed { code: 3405, reason: String::new() }
}

/// Lost, and up again.
fn reconnect(rig: &mut Rig) {
    rig.link(LinkEvent::Failed(LinkError::Silent(9)));
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
}

fn opened(rig: &Rig) -> usize {
    rig.count(|e| matches!(e, Effect::OpenLink { reg_id, reset: Some(false), .. } if reg_id == "R1"))
}

#[test]
fn replaced_by_an_attempt_of_its_own_it_comes_back_once_and_stays_signed_in() {
    let mut rig = Rig::idle();
    reconnect(&mut rig);
    rig.effects.clear();
    rig.later(Duration::from_secs(50));
    rig.link(replaced());
    assert_eq!(rig.shown().agent.state, AgentState::Idle, "{}", rig.notices());
    assert_eq!((rig.published("wsLogout"), rig.published("wsLogoutWithoutReconnect")), (1, 0));
    rig.timer(TimerId::Reconnect);
    assert_eq!(opened(&rig), 1, "same RegID, reset=false");
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    assert_eq!(rig.shown().link.state, LinkState::Up);
    assert!(rig.phone_told(&softphone::Command::Refresh), "whoever it was may have taken the phone's binding");
    // Whoever replaces it now sits somewhere else.
    rig.later(Duration::from_secs(50));
    rig.link(replaced());
    assert_eq!((rig.shown().agent.state, rig.shown().link.state), (AgentState::SignedOut, LinkState::GivenUp));
    assert_eq!((rig.published("wsLogoutWithoutReconnect"), opened(&rig)), (1, 1));
}

#[test]
fn replaced_while_it_is_still_connecting_it_comes_back_too() {
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Failed(LinkError::Silent(9)));
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.link(replaced());
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    rig.timer(TimerId::Reconnect);
    assert_eq!(opened(&rig), 2);
}

#[test]
fn an_attempt_that_was_not_answered_counts_as_one_of_its_own() {
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Failed(LinkError::Unanswered { host: "platform".into(), ms: 10_000 }));
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.link(replaced());
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
}

#[test]
fn long_after_an_attempt_of_its_own_another_seat_has_replaced_it() {
    let mut rig = Rig::idle();
    reconnect(&mut rig);
    rig.later(Duration::from_secs(61));
    rig.link(replaced());
    assert_eq!((rig.shown().agent.state, rig.shown().link.state), (AgentState::SignedOut, LinkState::GivenUp));
}

#[test]
fn after_a_link_that_the_other_side_has_closed_it_is_another_seat_that_replaces_it() {
    let mut rig = Rig::idle();
    rig.link(LinkEvent::Closed { code: 1006, reason: String::new() });
    rig.timer(TimerId::Reconnect);
    let refused = LinkError::Connect { host: "platform".into(), reason: "connection refused".into() };
    rig.link(LinkEvent::Failed(refused));
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.later(Duration::from_secs(2));
    rig.link(replaced());
    assert_eq!((rig.shown().agent.state, rig.shown().link.state), (AgentState::SignedOut, LinkState::GivenUp));
}

#[test]
fn a_seat_taken_back_is_not_fought_over() {
    let mut rig = Rig::idle();
    rig.link(replaced());
    assert_eq!(rig.shown().agent.state, AgentState::SignedOut);
    rig.command(Command::SignIn { force: true });
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw", "expires": 99_999_999 }));
    let held = json!({ "regId": "R1", "agSta": "1", "agType": "1", "phoNum": "9001", "wsLink": "1" });
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 40101, held);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    rig.later(Duration::from_secs(5));
    rig.link(replaced());
    assert_eq!(rig.shown().agent.state, AgentState::SignedOut, "the other seat has it again");
}

fn token_refused() -> LinkEvent {
    LinkEvent::Closed { code: 3403, reason: String::new() }
}

/// Refused for its token in the middle of the shift, an hour after the sign-in.
fn without_a_token() -> Rig {
    let mut rig = Rig::idle();
    rig.later(Duration::from_secs(3600));
    rig.link(token_refused());
    assert_eq!(rig.shown().link.state, LinkState::GivenUp);
    rig.effects.clear();
    rig
}

#[test]
fn a_state_that_nobody_tells_of_any_more_is_as_of_its_last_word_and_follows_what_is_accepted() {
    let mut rig = Rig::idle();
    assert_eq!(rig.shown().agent.as_of, None);
    rig.later(Duration::from_secs(3600));
    let refused_at = rig.wall();
    rig.link(token_refused());
    assert_eq!((rig.shown().agent.state, rig.shown().agent.as_of), (AgentState::Idle, Some(refused_at)));
    let id = rig.command(Command::Busy { reason: Some(12) });
    rig.later(Duration::from_secs(60));
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, serde_json::Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    let shown = rig.shown();
    assert_eq!((shown.agent.state, shown.agent.reason.map(|r| r.id)), (AgentState::Busy, Some(12)));
    assert_eq!(shown.agent.as_of, Some(rig.wall()), "what was accepted is news");
    rig.command(Command::Ready);
    rig.reply_to(|r| matches!(r, Request::Ready), 0, serde_json::Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    // What is refused changes nothing.
    rig.command(Command::Busy { reason: Some(12) });
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 40400, serde_json::Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
}

#[test]
fn with_the_link_up_only_the_platforms_word_counts() {
    let mut rig = Rig::idle();
    rig.command(Command::Busy { reason: Some(12) });
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, serde_json::Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Idle, "the message follows");
}

#[test]
fn after_a_call_without_the_link_the_agent_can_be_ready_again() {
    let mut rig = Rig::talking();
    rig.link(token_refused());
    assert!(rig.shown().call.phase.is_connected(), "the phone and its calls go on");
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: softphone::EndCause::RemoteBye });
    assert_eq!(rig.shown().agent.state, AgentState::Occupied);
    let id = rig.command(Command::Ready);
    rig.timer(TimerId::CommandDeadline);
    rig.reply_to(|r| matches!(r, Request::Ready), 0, serde_json::Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
}

#[test]
fn the_agent_can_try_again_what_was_given_up() {
    let mut rig = without_a_token();
    assert!(rig.notices().contains("call your administrator"), "{}", rig.notices());
    rig.command(Command::ReconnectNow);
    assert_eq!((opened(&rig), rig.shown().link.state), (1, LinkState::Connecting));
    assert!(rig.notices().contains("trying to connect again"), "{}", rig.notices());
    // The platform has not changed its mind.
    rig.later(Duration::from_secs(4));
    rig.link(token_refused());
    assert_eq!(rig.shown().link.state, LinkState::GivenUp);
    assert_eq!(rig.notices().matches("call your administrator").count(), 2, "{}", rig.notices());
    // Now it has.
    rig.command(Command::ReconnectNow);
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.push(PushMessage::InitState { ag_sta: 2, pho_sta: None, param: Some(12) });
    let shown = rig.shown();
    assert_eq!((shown.link.state, shown.agent.state, shown.agent.as_of), (LinkState::Up, AgentState::Busy, None));
    assert!(shown.notices.iter().all(|n| n.dismissed || n.kind == "app.link_back"), "{}", rig.notices());
}

#[test]
fn a_link_tried_again_by_hand_has_the_whole_time_once_more() {
    let mut rig = without_a_token();
    rig.later(Duration::from_secs(4 * 3600));
    rig.command(Command::ReconnectNow);
    rig.link(LinkEvent::Failed(LinkError::Refused { status: 503 }));
    assert_eq!((rig.shown().link.state, rig.shown().agent.state), (LinkState::Down, AgentState::Idle));
    rig.later(Duration::from_secs(3 * 3600));
    rig.timer(TimerId::Reconnect);
    rig.link(LinkEvent::Failed(LinkError::Refused { status: 503 }));
    assert_eq!(rig.shown().link.state, LinkState::GivenUp);
}

#[test]
fn trying_again_says_when_there_is_nothing_to_try() {
    let mut rig = Rig::idle();
    rig.command(Command::ReconnectNow);
    assert!(rig.notices().contains("nothing to connect again"), "{}", rig.notices());
    assert_eq!(opened(&rig), 0);
    rig.link(LinkEvent::Failed(LinkError::Silent(9)));
    rig.timer(TimerId::Reconnect);
    rig.command(Command::ReconnectNow);
    assert_eq!(opened(&rig), 1, "the attempt under way is a moment old");
    rig.later(Duration::from_secs(5));
    rig.command(Command::ReconnectNow);
    assert_eq!(opened(&rig), 2, "it takes long");
}

#[test]
fn a_token_that_comes_during_an_attempt_with_the_old_one_is_used_for_the_next() {
    let mut rig = without_a_token();
    rig.command(Command::ReconnectNow);
    rig.new_token();
    assert_eq!(opened(&rig), 1, "the attempt under way may do");
    rig.link(token_refused());
    assert_eq!((opened(&rig), rig.shown().link.state), (2, LinkState::Connecting));
    rig.link(token_refused());
    assert_eq!((opened(&rig), rig.shown().link.state), (2, LinkState::GivenUp), "not in a circle");
}

#[test]
fn a_sign_in_whose_link_is_refused_says_why_once_and_goes_on() {
    let mut rig = Rig::new(super::rig::profile());
    rig.event(crate::app::Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw", "expires": 99_999_999 }));
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R1", "agSta": "0" }));
    for _ in 0..3 {
        rig.link(LinkEvent::Failed(LinkError::Refused { status: 403 }));
        let shown = rig.shown();
        assert_eq!(shown.agent.state, AgentState::SigningIn);
        assert!(shown.link.last_error.is_some_and(|why| why.contains("403")));
        rig.timer(TimerId::Reconnect);
    }
    assert_eq!(rig.notices().matches("403").count(), 1, "{}", rig.notices());
}
