//! States that last too long, or too short.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Command, Effect, Profile, TimerId},
    cti::{
        api::Request,
        push::{AgentEvent, PhoneEvent, PhoneState, PushMessage},
    },
    domain::RingKind,
};

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A rule told to the agent: this state longer than so many seconds.
fn rule(code: &str, threshold: u64) -> Value {
    json!({
        "type": 2, "warningCode": code, "warningRule": 1, "codeThreshold": threshold, "warningRangeType": 0,
        "warningRange": [], "warningCodeName": code, "warningSettingName": "规则",
    })
}

fn with(mut rule: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        rule[name] = value.clone();
    }
    rule
}

fn rig(rules: &[Value]) -> Rig {
    let mut rig = Rig::signed_in(Profile { status_warn: true, ..profile() });
    let own = json!({ "id": 1001, "que": [{ "id": 1, "que_name": "售前" }, { "id": 2, "que_name": "售后" }] });
    rig.reply_to(|r| matches!(r, Request::AgentBaseInfo), 0, own);
    let data = json!({ "groupId": 7, "groupName": "一组", "rules": rules });
    rig.reply_to(|r| matches!(r, Request::WarningRules), 0, data);
    rig
}

fn lines(rig: &Rig) -> Vec<String> {
    rig.shown().overtime.map(|overtime| overtime.lines).unwrap_or_default()
}

fn rings(rig: &mut Rig, kind: RingKind, queue: Option<i64>) {
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(kind),
        caller: Some("138".into()),
        queue_id: queue,
        ..PhoneEvent::default()
    }));
}

#[test]
fn a_state_that_lasts_too_long_is_told_when_it_is_due_and_not_before() {
    let mut rig = rig(&[rule("agSta_1", 30)]);
    assert!(lines(&rig).is_empty());
    let before = rig.at;
    rig.timer(TimerId::Overtime);
    assert_eq!(rig.at - before, s(30));
    assert_eq!(lines(&rig), ["规则 · agSta_1: longer than 30 s"]);
    assert_eq!(rig.shown().overtime.unwrap().since_at, rig.at);
    rig.later(s(100));
    assert_eq!(rig.shown().overtime.unwrap().since_at, rig.at - s(100), "counted from when it was due");
    rig.busy(11);
    assert!(lines(&rig).is_empty(), "the next state is another matter");
    rig.agent("1");
    assert!(lines(&rig).is_empty(), "and the same state begins anew");
}

#[test]
fn the_rule_violated_first_is_counted_from() {
    let mut rig = rig(&[rule("agSta_1", 60), rule("agSta_1", 20)]);
    let began = rig.at;
    rig.timer(TimerId::Overtime);
    assert_eq!(lines(&rig).len(), 1);
    rig.timer(TimerId::Overtime);
    assert_eq!(lines(&rig).len(), 2);
    assert_eq!(rig.shown().overtime.unwrap().since_at, began + s(20));
}

#[test]
fn acknowledging_silences_until_the_next_state() {
    let mut rig = rig(&[rule("agSta_1", 20), rule("agSta_1", 60), rule("agSta_2", 10)]);
    rig.timer(TimerId::Overtime);
    assert!(!rig.shown().overtime.unwrap().acknowledged);
    let id = rig.command(Command::AcknowledgeOvertime);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    rig.timer(TimerId::Overtime);
    let shown = rig.shown().overtime.unwrap();
    assert!(shown.acknowledged && shown.lines.len() == 2, "a second rule in the same state stays silent");
    rig.busy(11);
    rig.timer(TimerId::Overtime);
    assert!(!rig.shown().overtime.unwrap().acknowledged);
}

#[test]
fn busy_reasons_wrap_up_and_system_states_have_rules_of_their_own() {
    let rules = [rule("agSta_2_12", 10), rule("agSta_5", 5), rule("agSta_3", 7), rule("agSta_4", 8)];
    let mut rig = rig(&rules);
    let after = |rig: &mut Rig, seconds| {
        rig.later(s(seconds));
        rig.event(crate::app::Event::Timer(TimerId::Overtime));
        lines(rig)
    };
    rig.busy(11);
    assert!(after(&mut rig, 100).is_empty(), "another reason");
    rig.busy(12);
    assert_eq!(after(&mut rig, 10).len(), 1);
    rig.agent("5");
    assert!(lines(&rig).is_empty());
    assert_eq!(after(&mut rig, 5), ["规则 · agSta_5: longer than 5 s"]);
    rig.agent("1");
    assert!(after(&mut rig, 100).is_empty(), "ready by oneself is not ready by the system");
    rig.agent("3");
    rig.busy(11);
    rig.agent("3");
    assert_eq!(after(&mut rig, 7), ["规则 · agSta_3: longer than 7 s"]);
    rig.agent("4");
    assert_eq!(after(&mut rig, 8), ["规则 · agSta_4: longer than 8 s"]);
}

#[test]
fn ringing_and_talking_are_states_too() {
    let mut rig = rig(&[rule("agSta_10", 5), rule("agSta_11", 60), rule("agSta_4", 1)]);
    rings(&mut rig, RingKind::Queue, Some(2));
    rig.later(s(5));
    rig.event(crate::app::Event::Timer(TimerId::Overtime));
    assert_eq!(lines(&rig), ["规则 · agSta_10: longer than 5 s"]);
    rig.pho(PhoneState::Connected);
    assert!(lines(&rig).is_empty());
    rig.later(s(60));
    rig.event(crate::app::Event::Timer(TimerId::Overtime));
    assert_eq!(lines(&rig), ["规则 · agSta_11: longer than 1 min"]);
    rig.pho(PhoneState::HungUp);
    rig.agent("1");
    assert!(lines(&rig).is_empty());
    rings(&mut rig, RingKind::AutoCall, None);
    rig.later(s(50));
    rig.event(crate::app::Event::Timer(TimerId::Overtime));
    assert!(lines(&rig).is_empty(), "not an inbound ring, and not occupied without a call either");
}

#[test]
fn the_platforms_call_type_says_whose_ringing_is_measured() {
    for (kind, call_type, measured) in [
        (RingKind::Queue, None, true),
        (RingKind::Queue, Some(2), true),
        (RingKind::Queue, Some(1), false),
        (RingKind::Consult, None, false),
        (RingKind::Consult, Some(2), true),
        (RingKind::AutoCall, Some(2), true),
        (RingKind::Outbound, Some(2), false),
    ] {
        let mut rig = rig(&[rule("agSta_10", 15)]);
        rig.agent("4");
        rig.push(PushMessage::Phone(PhoneEvent {
            state: PhoneState::Ring(kind),
            caller: Some("138".into()),
            call_type,
            ..PhoneEvent::default()
        }));
        rig.later(s(16));
        rig.pho(PhoneState::FarRinging);
        assert_eq!(!lines(&rig).is_empty(), measured, "{kind:?} {call_type:?}");
    }
}

#[test]
fn ranges_are_everybody_own_skill_groups_the_calls_own_and_business_groups() {
    let ranged =
        |kind: i64, range: Value| with(rule("agSta_1", 10), json!({ "warningRangeType": kind, "warningRange": range }));
    for (one, told) in [
        (ranged(0, json!([])), true),
        (ranged(1, json!(["2"])), true),
        (ranged(1, json!([3, 4])), false),
        (ranged(1, json!("1,9")), true),
        (ranged(2, json!(["7"])), true),
        (ranged(2, json!([7])), true),
        (ranged(2, json!([8])), false),
        (ranged(9, json!([7])), false),
    ] {
        let mut rig = rig(std::slice::from_ref(&one));
        rig.later(s(10));
        rig.event(crate::app::Event::Timer(TimerId::Overtime));
        assert_eq!(!lines(&rig).is_empty(), told, "{one}");
    }
    for (queue, told) in [(Some(3), true), (Some(2), false), (None, false)] {
        let about_call = with(rule("agSta_10", 10), json!({ "warningRangeType": 1, "warningRange": ["3"] }));
        let mut rig = rig(&[about_call]);
        rings(&mut rig, RingKind::Queue, queue);
        rig.later(s(10));
        rig.event(crate::app::Event::Timer(TimerId::Overtime));
        assert_eq!(!lines(&rig).is_empty(), told, "the call's group {queue:?}");
    }
}

#[test]
fn rules_for_others_and_rules_nobody_can_read_are_left_alone() {
    let mut rig = rig(&[
        with(rule("agSta_1", 1), json!({ "type": 1 })),
        with(rule("agSta_1", 1), json!({ "warningRule": 3 })),
        rule("xSta_1", 1),
        rule("agSta_2_x", 1),
        json!("rule"),
        with(rule("agSta_1", 1), json!({ "type": "2", "warningRule": "1", "codeThreshold": "3" })),
    ]);
    rig.later(s(10));
    rig.event(crate::app::Event::Timer(TimerId::Overtime));
    assert_eq!(lines(&rig), ["规则 · agSta_1: longer than 3 s"]);
}

#[test]
fn too_short_a_state_is_told_when_it_ends_and_goes_by_itself() {
    let short = with(rule("agSta_5", 10), json!({ "warningRule": 2 }));
    let mut rig = rig(&[short, rule("agSta_1", 20)]);
    rig.agent("5");
    rig.later(s(4));
    assert!(lines(&rig).is_empty(), "nothing can be said before it ends");
    rig.agent("1");
    assert_eq!(lines(&rig), ["规则 · agSta_5: only 4 s, shorter than 10 s"]);
    rig.timer(TimerId::Overtime);
    assert_eq!(lines(&rig), ["规则 · agSta_1: longer than 20 s"], "what is wrong now matters more");
    rig.agent("5");
    rig.later(s(10));
    rig.agent("2");
    assert!(lines(&rig).is_empty(), "long enough");
    rig.agent("5");
    rig.agent("2");
    assert_eq!(lines(&rig).len(), 1);
    let before = rig.at;
    rig.timer(TimerId::Overtime);
    assert_eq!(rig.at - before, s(60));
    assert!(lines(&rig).is_empty());
}

#[test]
fn the_rules_are_read_anew_every_ten_minutes_and_no_rules_are_no_matter() {
    let mut rig = rig(&[rule("agSta_1", 10)]);
    rig.timer(TimerId::Overtime);
    let before = rig.at;
    rig.timer(TimerId::WarningRules);
    assert_eq!(rig.at - before, s(600));
    let told = rig.shown().notices.len();
    rig.reply_to(|r| matches!(r, Request::WarningRules), 404, Value::Null);
    assert_eq!(lines(&rig).len(), 1, "the old rules hold");
    rig.timer(TimerId::WarningRules);
    rig.fail(|r| matches!(r, Request::WarningRules));
    assert_eq!(rig.shown().notices.len(), told, "nobody is bothered");
    rig.timer(TimerId::WarningRules);
    rig.reply_to(|r| matches!(r, Request::WarningRules), 0, json!({ "rules": [] }));
    assert!(lines(&rig).is_empty(), "no rule, no warning");
}

#[test]
fn signed_out_nothing_is_measured_and_without_the_option_nothing_is_asked() {
    let mut rig = rig(&[rule("agSta_1", 10)]);
    rig.timer(TimerId::Overtime);
    rig.agent("0");
    assert!(lines(&rig).is_empty());
    rig.effects.clear();
    rig.later(s(700));
    rig.event(crate::app::Event::Timer(TimerId::Overtime));
    rig.event(crate::app::Event::Timer(TimerId::WarningRules));
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { .. } | Effect::StartTimer { .. })), 0);
    let plain = Rig::signed_in(profile());
    assert!(plain.sent(|r| matches!(r, Request::WarningRules)).is_none());
}

#[test]
fn one_timer_is_started_for_one_deadline() {
    let mut rig = rig(&[rule("agSta_1", 10)]);
    rig.effects.clear();
    for _ in 0..20 {
        rig.later(Duration::from_millis(100));
        rig.push(PushMessage::Agent(AgentEvent { state: 1, reason: None, wait_time_s: None }));
    }
    assert_eq!(rig.count(|e| matches!(e, Effect::StartTimer { timer: TimerId::Overtime, .. })), 0);
}
