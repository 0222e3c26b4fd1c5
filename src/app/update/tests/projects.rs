//! Predictive projects: in, out, counted, remembered.

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Action, Command, CommandId, Effect, Possible, Profile, Snapshot},
    cti::{
        api::Request,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{Remembered, RingKind},
    softphone,
};

fn offered() -> Profile {
    Profile { auto_call: true, ..profile() }
}

/// Three projects as the platform lists them: open with a limit of 2, switched off, open without a limit.
fn listed(answered: u32) -> Value {
    json!([
        { "pro_id": 5, "pro_name": "回访", "pro_state": "1", "agent_connected_limit": 2, "agent_connected_current": answered },
        { "pro_id": "6", "pro_name": "催收", "pro_state": "0", "agent_connected_limit": "0", "agent_connected_current": "0" },
        { "pro_id": "7", "pro_name": "满意度", "pro_state": 1 },
    ])
}

fn read(rig: &mut Rig, data: Value) {
    rig.reply_to(|r| matches!(r, Request::Projects), 0, data);
}

fn leave(rig: &mut Rig, code: i64) {
    rig.reply_to(|r| matches!(r, Request::LeaveProject), code, Value::Null);
}

fn enter(rig: &mut Rig, code: i64) {
    rig.reply_to(|r| matches!(r, Request::JoinProject { .. }), code, Value::Null);
}

fn signed_in() -> Rig {
    let mut rig = Rig::signed_in(offered());
    read(&mut rig, listed(0));
    rig.effects.clear();
    rig
}

/// In the project with the limit of 2.
fn joined() -> Rig {
    let mut rig = signed_in();
    let id = join(&mut rig, "5");
    read(&mut rig, listed(0));
    leave(&mut rig, 41005);
    enter(&mut rig, 0);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    rig.effects.clear();
    rig
}

fn join(rig: &mut Rig, project: &str) -> CommandId {
    rig.command(Command::JoinProject { id: project.into() })
}

fn requests(rig: &Rig) -> Vec<&Request> {
    fn request(effect: &Effect) -> Option<&Request> {
        if let Effect::Request { request, .. } = effect { Some(request) } else { None }
    }
    rig.effects.iter().filter_map(request).collect()
}

fn remembered(rig: &Rig) -> Option<Option<String>> {
    rig.effects.iter().rev().find_map(|effect| match effect {
        Effect::Remember(choices) => Some(choices.project.clone()),
        _ => None,
    })
}

fn predictive_call(rig: &mut Rig, leg: &str) {
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::AutoCall),
        caller: Some("139".into()),
        ..PhoneEvent::default()
    }));
    rig.phone(softphone::Event::Incoming { call_id: leg.into(), from: "139".into(), auto_answer: false });
    rig.command(Command::Answer);
    rig.phone(softphone::Event::Answered { call_id: leg.into() });
    rig.pho(PhoneState::Connected);
    // The platform says it twice.
    rig.pho(PhoneState::Connected);
}

fn call_ends(rig: &mut Rig, leg: &str) {
    rig.pho(PhoneState::HungUp);
    let cause = softphone::EndCause::RemoteBye;
    rig.phone(softphone::Event::Ended { call_id: leg.into(), cause });
    rig.agent("1");
}

fn row(shown: &Snapshot, id: &str) -> (bool, Option<u32>, u32) {
    let row = shown.projects.rows.iter().find(|row| row.id == id).unwrap();
    (row.enabled, row.limit, row.answered)
}

#[test]
fn the_list_is_read_at_sign_in_with_its_limits_whatever_their_types() {
    let shown = signed_in().shown();
    assert!(shown.projects.offered);
    assert_eq!(row(&shown, "5"), (true, Some(2), 0));
    assert_eq!(row(&shown, "6"), (false, None, 0));
    assert_eq!(row(&shown, "7"), (true, None, 0));
    assert_eq!(shown.projects.joined, None);
}

#[test]
fn without_the_option_nothing_is_asked_for() {
    let mut rig = Rig::signed_in(profile());
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { request: Request::Projects, .. })), 0);
    let id = join(&mut rig, "5");
    assert!(rig.outcome(id).is_some_and(|o| o.is_err()));
    assert!(!rig.shown().projects.offered);
}

#[test]
fn joining_reads_the_list_leaves_the_old_one_and_enters() {
    let mut rig = joined();
    assert_eq!(rig.shown().projects.joined.as_deref(), Some("5"));
    let id = join(&mut rig, "7");
    assert!(matches!(rig.state.possible(Action::JoinProject), Possible::No(_)), "one at a time");
    read(&mut rig, listed(0));
    leave(&mut rig, 0);
    assert_eq!(rig.shown().projects.joined, None, "in none for this moment");
    enter(&mut rig, 0);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert_eq!(rig.shown().projects.joined.as_deref(), Some("7"));
    assert_eq!(
        requests(&rig),
        [&Request::Projects, &Request::LeaveProject, &Request::JoinProject { pro_id: "7".into() }]
    );
    assert_eq!(remembered(&rig), Some(Some("7".into())));
}

#[test]
fn what_cannot_be_entered_is_told_before_the_old_one_is_left() {
    for (wanted, list, why) in
        [("6", listed(0), "switched off"), ("9", listed(0), "no project '9'"), ("5", listed(2), "limit")]
    {
        let mut rig = signed_in();
        let id = join(&mut rig, "7");
        read(&mut rig, listed(0));
        leave(&mut rig, 41005);
        enter(&mut rig, 0);
        assert!(rig.outcome(id).is_some());
        rig.effects.clear();
        let id = join(&mut rig, wanted);
        read(&mut rig, list);
        assert!(rig.outcome(id).is_some_and(|o| o.is_err()), "{wanted}");
        assert_eq!(rig.count(|e| matches!(e, Effect::Request { request: Request::LeaveProject, .. })), 0);
        assert_eq!(rig.shown().projects.joined.as_deref(), Some("7"), "{wanted}");
        assert!(rig.notices().contains(why), "{}", rig.notices());
    }
}

#[test]
fn a_failure_at_any_step_leaves_the_badge_true() {
    let mut rig = joined();
    let id = join(&mut rig, "7");
    read(&mut rig, listed(0));
    leave(&mut rig, 500);
    assert!(rig.outcome(id).is_some_and(|o| o.is_err()));
    assert_eq!(rig.shown().projects.joined.as_deref(), Some("5"), "not left");
    let id = join(&mut rig, "7");
    read(&mut rig, listed(0));
    leave(&mut rig, 0);
    enter(&mut rig, 42001);
    assert!(rig.outcome(id).is_some_and(|o| o.is_err()));
    assert_eq!(rig.shown().projects.joined, None, "left and not entered");
    assert_eq!(remembered(&rig), Some(None));
    let id = join(&mut rig, "7");
    rig.fail(|r| matches!(r, Request::Projects));
    assert!(rig.outcome(id).is_some_and(|o| o.is_err()));
    assert_eq!(rig.state.possible(Action::JoinProject), Possible::Yes, "and can be tried again");
}

#[test]
fn leaving_is_fine_in_none_and_a_refusal_is_told() {
    let mut rig = joined();
    let id = rig.command(Command::LeaveProject);
    leave(&mut rig, 500);
    assert!(rig.outcome(id).is_some_and(|o| o.is_err()));
    assert_eq!(rig.shown().projects.joined.as_deref(), Some("5"));
    for code in [0, 41005] {
        let id = rig.command(Command::LeaveProject);
        leave(&mut rig, code);
        assert!(rig.outcome(id).is_some_and(|o| o.is_ok()), "{code}");
        assert_eq!(rig.shown().projects.joined, None);
    }
}

#[test]
fn answered_calls_are_counted_once_and_the_limit_is_told_once_and_leads_out() {
    let mut rig = joined();
    predictive_call(&mut rig, "c1");
    assert_eq!(row(&rig.shown(), "5").2, 1);
    call_ends(&mut rig, "c1");
    rig.later(std::time::Duration::from_secs(5));
    assert_eq!(rig.published("agentAutoCallOverrun"), 0);
    predictive_call(&mut rig, "c2");
    assert_eq!(row(&rig.shown(), "5").2, 2);
    assert_eq!(rig.published("agentAutoCallOverrun"), 1);
    // The platform says so too.
    rig.push(PushMessage::Agent(crate::cti::push::AgentEvent { state: 13, reason: None, wait_time_s: None }));
    assert_eq!(rig.notices().matches("limit").count(), 1, "{}", rig.notices());
    let told = rig.effects.iter().find_map(|effect| match effect {
        Effect::Publish(event) if event.name == "agentAutoCallOverrun" => Some(event.data.clone()),
        _ => None,
    });
    assert_eq!(
        told,
        Some(json!({
            "pro_id": 5, "pro_name": "回访", "pro_state": "1", "agent_connected_limit": 2, "agent_connected_current": 2,
            "agNo": "8001", "agentPhone": "9001", "vccCode": "VC", "vccId": "77",
        }))
    );
    leave(&mut rig, 0);
    assert_eq!(rig.shown().projects.joined, None);
    assert_eq!(remembered(&rig), Some(None));
    assert!(rig.shown().call.phase.is_live(), "the call goes on");
}

#[test]
fn a_refused_or_missed_predictive_call_does_not_count_and_neither_does_another_kind() {
    let mut rig = joined();
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::AutoCall),
        caller: Some("139".into()),
        ..PhoneEvent::default()
    }));
    rig.pho(PhoneState::HungUp);
    rig.agent("1");
    assert_eq!(row(&rig.shown(), "5").2, 0);
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::Queue),
        caller: Some("138".into()),
        ..PhoneEvent::default()
    }));
    rig.pho(PhoneState::Connected);
    assert_eq!(row(&rig.shown(), "5").2, 0);
}

#[test]
fn by_config_the_agent_stays_in_a_project_whose_limit_is_reached() {
    let mut rig = Rig::signed_in(Profile { auto_call_overrun_out: false, ..offered() });
    read(&mut rig, listed(1));
    join(&mut rig, "5");
    read(&mut rig, listed(1));
    leave(&mut rig, 41005);
    enter(&mut rig, 0);
    rig.effects.clear();
    predictive_call(&mut rig, "c1");
    assert_eq!(rig.published("agentAutoCallOverrun"), 1);
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { request: Request::LeaveProject, .. })), 0);
    assert_eq!(rig.shown().projects.joined.as_deref(), Some("5"));
}

#[test]
fn the_platforms_word_on_the_limit_is_enough() {
    let mut rig = joined();
    rig.push(PushMessage::Agent(crate::cti::push::AgentEvent { state: 13, reason: None, wait_time_s: None }));
    assert!(rig.notices().contains("limit"));
    leave(&mut rig, 0);
    assert_eq!(rig.shown().projects.joined, None);
    assert_eq!(rig.shown().agent.state, crate::domain::AgentState::Idle, "it is no state of the agent");
}

#[test]
fn after_a_restart_the_agent_is_back_in_the_project() {
    let remembered_five = || Remembered { project: Some("5".into()), ..Remembered::default() };
    let mut rig = Rig::signed_in(Profile { remembered: remembered_five(), ..offered() });
    read(&mut rig, listed(0));
    enter(&mut rig, 0);
    assert_eq!(rig.shown().projects.joined.as_deref(), Some("5"));
    // The platform still holds the seat and says that it is taken.
    let mut rig = Rig::signed_in(Profile { remembered: remembered_five(), ..offered() });
    read(&mut rig, listed(0));
    enter(&mut rig, 41001);
    assert_eq!(rig.shown().projects.joined, None, "not shown before it is true");
    leave(&mut rig, 0);
    enter(&mut rig, 0);
    assert_eq!(rig.shown().projects.joined.as_deref(), Some("5"));
    // It is used up meanwhile.
    let mut rig = Rig::signed_in(Profile { remembered: remembered_five(), ..offered() });
    read(&mut rig, listed(2));
    assert!(rig.sent(|r| matches!(r, Request::JoinProject { .. })).is_none());
    assert_eq!(remembered(&rig), Some(None));
}

#[test]
fn signing_out_on_purpose_forgets_the_project_and_being_thrown_out_does_not() {
    let mut rig = joined();
    rig.command(Command::SignOut);
    rig.reply_to(|r| matches!(r, Request::Logout), 0, Value::Null);
    assert_eq!(remembered(&rig), Some(None));
    assert_eq!(rig.shown().projects.joined, None);
    let mut rig = joined();
    rig.agent("0");
    assert_eq!(rig.shown().projects.joined, None, "the platform holds nobody who is signed out");
    assert_eq!(rig.state.remembered.project.as_deref(), Some("5"));
}

#[test]
fn an_answer_that_comes_after_the_sign_out_changes_nothing() {
    let mut rig = joined();
    join(&mut rig, "7");
    read(&mut rig, listed(0));
    rig.agent("0");
    leave(&mut rig, 0);
    assert!(rig.sent(|r| matches!(r, Request::JoinProject { .. })).is_none());
    assert_eq!(rig.shown().projects.joined, None);
}
