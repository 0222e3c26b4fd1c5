//! Reminders of the schedule, and the lock on sign-out.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Action, Command, Effect, Possible, Profile, TimerId},
    cti::api::Request,
    domain::{AgentState, BusyReason},
};

fn remind() -> Profile {
    Profile { dining_remind: true, ..profile() }
}

/// Signed in; the schedule has been asked for and is not answered yet. The wall clock began at 0.
fn rig_of(profile: Profile) -> Rig {
    let mut rig = Rig::signed_in(profile);
    let reasons = json!([{ "id": "11", "stat_reason": "小休" }, { "id": "12", "stat_reason": "就餐" }]);
    rig.reply_to(|r| matches!(r, Request::BusyReasons), 0, reasons);
    rig.reply_to(|r| matches!(r, Request::AgentBaseInfo), 0, json!({ "id": 1001, "ag_name": "张三", "que": [] }));
    rig.timer(TimerId::WorkTime);
    rig
}

/// Lunch: told at 100 s that it is near, at 400 s that it is due; it lasts to 1000 s.
fn lunch() -> Value {
    json!({
        "logoutTime": 0,
        "list": [
            { "id": "12", "time": 100, "leftTime": 300, "reason": "就餐", "title": "午餐" },
            { "id": "12", "time": "400", "leftTime": 0, "reason": "就餐", "title": "午餐" },
            { "id": "11", "time": 1, "leftTime": 0, "reason": "小休", "title": "过去的" },
        ],
        "scheduleList": [{ "id": "12", "reason": "就餐", "startTime": 400, "endTime": 1000 }],
    })
}

fn schedule(rig: &mut Rig, data: Value) {
    rig.reply_to(|r| matches!(r, Request::WorkTime { .. }), 0, data);
}

fn rig() -> Rig {
    let mut rig = rig_of(remind());
    schedule(&mut rig, lunch());
    rig
}

fn due() -> Rig {
    let mut rig = rig();
    rig.timer(TimerId::Reminder);
    rig.timer(TimerId::Reminder);
    rig
}

fn titles(rig: &Rig) -> Vec<(String, Option<i64>)> {
    rig.shown().reminders.iter().map(|r| (r.title.clone(), r.reason.as_ref().map(|r| r.id))).collect()
}

fn last_id(rig: &Rig) -> String {
    rig.shown().reminders.last().unwrap().id.clone()
}

fn busy_sent(rig: &Rig) -> Option<Request> {
    rig.effects.iter().rev().find_map(|effect| match effect {
        Effect::Request { request: request @ Request::Busy { .. }, .. } => Some(request.clone()),
        _ => None,
    })
}

#[test]
fn the_schedule_is_asked_for_by_the_own_id_every_minute() {
    let mut rig = rig_of(remind());
    assert!(rig.sent(|r| *r == Request::WorkTime { ag_id: "1001".into() }).is_some());
    rig.effects.clear();
    schedule_after_clear(&mut rig);
    let mut plain = Rig::idle();
    plain.later(Duration::from_secs(3600));
    plain.event(crate::app::Event::Timer(TimerId::WorkTime));
    assert!(plain.sent(|r| matches!(r, Request::WorkTime { .. })).is_none(), "only where it is wanted");
}

fn schedule_after_clear(rig: &mut Rig) {
    let id = crate::app::RequestId(rig.state.pending.next_request);
    let reply = crate::cti::api::Reply { code: 0, message: String::new(), data: lunch() };
    rig.event(crate::app::Event::Replied { id, result: Ok(reply) });
    let before = rig.at;
    rig.timer(TimerId::WorkTime);
    assert_eq!(rig.at - before, Duration::from_secs(60));
    rig.fail(|r| matches!(r, Request::WorkTime { .. }));
    rig.timer(TimerId::WorkTime);
    assert!(rig.sent(|r| matches!(r, Request::WorkTime { .. })).is_some(), "a failure does not end it");
}

#[test]
fn a_reminder_is_shown_when_its_time_comes_first_as_a_notice_then_as_due() {
    let mut rig = rig();
    assert!(titles(&rig).is_empty(), "neither the future nor the past is shown");
    rig.timer(TimerId::Reminder);
    assert_eq!(rig.shown().reminders[0].since.as_second(), 100);
    assert_eq!(titles(&rig), [("午餐".to_owned(), None)]);
    let id = last_id(&rig);
    let done = rig.command(Command::DismissReminder { id: id.clone() });
    assert!(rig.outcome(done).is_some_and(|o| o.is_ok()));
    assert!(titles(&rig).is_empty());
    let again = rig.command(Command::DismissReminder { id });
    assert!(rig.outcome(again).is_some_and(|o| o.is_err()), "it is gone");
    rig.timer(TimerId::Reminder);
    assert_eq!(titles(&rig), [("午餐".to_owned(), Some(12))]);
}

#[test]
fn a_card_says_when_and_the_notice_in_advance_goes_when_it_is_time() {
    let mut rig = rig();
    rig.timer(TimerId::Reminder);
    // Both are of the 400th second, and only one of them is still to be answered then.
    assert_eq!(rig.shown().reminders[0].time, "00:06");
    let training = json!({ "list": [{ "id": "13", "time": 390, "leftTime": 600, "reason": "培训", "title": "培训" }] });
    rig.timer(TimerId::WorkTime);
    let mut plan = lunch();
    plan["list"].as_array_mut().unwrap().extend(training["list"].as_array().unwrap().clone());
    schedule(&mut rig, plan);
    rig.timer(TimerId::Reminder);
    rig.timer(TimerId::Reminder);
    let lines: Vec<_> = rig.shown().reminders.iter().map(crate::app::Reminder::line).collect();
    assert_eq!(lines, ["00:16 培训", "00:06 午餐"], "what is about something else stays");
}

#[test]
fn polls_neither_repeat_nor_lose_a_reminder() {
    let mut rig = rig();
    rig.timer(TimerId::Reminder);
    for _ in 0..3 {
        rig.timer(TimerId::WorkTime);
        schedule(&mut rig, lunch());
    }
    assert_eq!(titles(&rig).len(), 1);
    // The machine sleeps over the second one: the next look at the schedule shows it.
    rig.later(Duration::from_secs(420));
    rig.event(crate::app::Event::Timer(TimerId::WorkTime));
    schedule(&mut rig, json!({ "list": [], "scheduleList": [] }));
    assert_eq!(titles(&rig), [("午餐".to_owned(), Some(12))], "the notice in advance has given way");
    // One taken out of the schedule in time does not come.
    let mut rig = rig_of(remind());
    schedule(&mut rig, lunch());
    rig.timer(TimerId::WorkTime);
    schedule(&mut rig, json!({ "list": [], "scheduleList": [] }));
    rig.later(Duration::from_secs(1000));
    rig.event(crate::app::Event::Timer(TimerId::Reminder));
    assert!(titles(&rig).is_empty());
}

#[test]
fn going_now_is_busy_with_that_reason_unchecked_and_takes_the_card_away() {
    let mut rig = rig_of(Profile { raise_hand: true, ..remind() });
    let mut plan = lunch();
    plan["scheduleList"] = json!([]);
    schedule(&mut rig, plan);
    rig.timer(TimerId::Reminder);
    let advance = rig.shown().reminders[0].id.clone();
    let none = rig.command(Command::TakeReminder { id: advance });
    assert!(rig.outcome(none).is_some_and(|o| o.is_err()), "an early one is not to go with");
    rig.timer(TimerId::Reminder);
    let id = last_id(&rig);
    let taken = rig.command(Command::TakeReminder { id });
    let wanted = Request::Busy { reason: Some(12), check: Some(false), name: Some("就餐".into()) };
    assert_eq!(busy_sent(&rig), Some(wanted));
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 40300, Value::Null);
    assert!(rig.outcome(taken).is_some_and(|o| o.is_err()));
    assert_eq!(titles(&rig).len(), 1, "refused: it can be tried again");
    let id = last_id(&rig);
    rig.command(Command::TakeReminder { id });
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    rig.busy(12);
    assert!(titles(&rig).is_empty(), "it has come about");
    assert_eq!(rig.shown().agent.reason, Some(BusyReason { id: 12, name: "就餐".into() }));
    rig.agent("1");
    rig.command(Command::Busy { reason: Some(12) });
    let wanted = Request::Busy { reason: Some(12), check: Some(true), name: Some("就餐".into()) };
    assert_eq!(busy_sent(&rig), Some(wanted), "and the next time it is checked again");
}

#[test]
fn the_reason_scheduled_now_is_not_checked() {
    let mut rig = rig_of(Profile { raise_hand: true, ..remind() });
    schedule(&mut rig, lunch());
    let check = |rig: &mut Rig, reason| {
        rig.effects.retain(|e| !matches!(e, Effect::Request { .. }));
        let id = rig.command(Command::Busy { reason: Some(reason) });
        let request = busy_sent(rig);
        rig.reply_to(|r| matches!(r, Request::Busy { .. }), 1, Value::Null);
        assert!(rig.outcome(id).is_some());
        let Some(Request::Busy { check, .. }) = request else { panic!("{request:?}") };
        check
    };
    assert_eq!(check(&mut rig, 12), Some(true), "before it");
    rig.later(Duration::from_secs(500));
    assert_eq!(check(&mut rig, 12), Some(false), "in it");
    assert_eq!(check(&mut rig, 11), Some(true), "another one");
    rig.later(Duration::from_secs(500));
    assert_eq!(check(&mut rig, 12), Some(true), "after it");
}

#[test]
fn put_off_it_comes_back_after_two_minutes_unless_done_or_signed_out() {
    let put_off = || {
        let mut rig = due();
        let id = last_id(&rig);
        let done = rig.command(Command::SnoozeReminder { id });
        assert!(rig.outcome(done).is_some_and(|o| o.is_ok()));
        assert!(titles(&rig).is_empty());
        rig
    };
    let mut rig = put_off();
    let before = rig.at;
    rig.timer(TimerId::Reminder);
    assert_eq!(rig.at - before, Duration::from_secs(120));
    assert_eq!(titles(&rig).len(), 1, "it is back");
    let mut rig = put_off();
    rig.busy(12);
    rig.later(Duration::from_secs(121));
    rig.event(crate::app::Event::Timer(TimerId::Reminder));
    assert!(titles(&rig).is_empty(), "already there");
    let mut rig = put_off();
    rig.agent("0");
    rig.later(Duration::from_secs(121));
    rig.event(crate::app::Event::Timer(TimerId::Reminder));
    assert!(titles(&rig).is_empty(), "signed out");
}

#[test]
fn one_that_comes_during_a_sign_out_that_is_refused_is_not_lost() {
    let mut rig = due();
    let id = last_id(&rig);
    rig.command(Command::SnoozeReminder { id });
    rig.command(Command::SignOut);
    rig.timer(TimerId::Reminder);
    rig.reply_to(|r| matches!(r, Request::Logout), 500, Value::Null);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    assert_eq!(titles(&rig).len(), 1, "it is back");
}

#[test]
fn reasons_are_found_by_name_or_number_in_either_field() {
    for (id, reason, found) in [
        (json!("12"), json!("就餐"), Some(12)),
        (json!(12), json!(" 就餐 "), Some(12)),
        (json!(77), json!(12), Some(12)),
        (json!(77), json!("12"), Some(12)),
        (json!(11), json!("下班"), Some(11)),
        (json!(77), json!("下班"), None),
    ] {
        let mut rig = rig_of(remind());
        schedule(
            &mut rig,
            json!({ "list": [{ "id": id, "time": 60, "leftTime": 0, "reason": reason, "title": "t" }] }),
        );
        rig.timer(TimerId::Reminder);
        assert_eq!(titles(&rig), [("t".to_owned(), found)], "{id} {reason}");
    }
}

#[test]
fn sign_out_is_locked_until_the_shift_ends_and_says_until_when() {
    let mut rig = rig_of(remind());
    schedule(&mut rig, json!({ "logoutTime": 7200, "list": [], "scheduleList": [] }));
    let Possible::No(why) = rig.state.possible(Action::SignOut) else { panic!("not locked") };
    assert!(why.render(crate::i18n::Locale::ZhCn).contains("1970/01/01 02:00"), "{why:?}");
    assert_eq!(rig.shown().shift_ends.map(|t| t.as_second()), Some(7200));
    let id = rig.command(Command::SignOut);
    assert!(rig.outcome(id).is_some_and(|o| o.is_err()));
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    rig.timer(TimerId::Reminder);
    assert_eq!(rig.state.possible(Action::SignOut), Possible::Yes, "the shift is over");
    assert_eq!(rig.shown().shift_ends, None);
}

#[test]
fn the_lock_neither_holds_the_program_nor_outlives_the_sign_in() {
    let mut rig = rig_of(Profile { sign_out_on_exit: true, ..remind() });
    schedule(&mut rig, json!({ "logoutTime": 7200 }));
    rig.command(Command::Quit);
    rig.reply_to(|r| matches!(r, Request::Logout), 0, Value::Null);
    assert!(rig.count(|e| matches!(e, Effect::Exit)) > 0);
    let mut rig = rig_of(remind());
    schedule(&mut rig, json!({ "logoutTime": 7200 }));
    rig.agent("0");
    assert_eq!(rig.shown().shift_ends, None);
}

#[test]
fn signing_out_takes_every_card_and_every_plan_away() {
    let mut rig = due();
    assert_eq!(titles(&rig).len(), 1);
    rig.agent("0");
    assert!(titles(&rig).is_empty());
    rig.effects.clear();
    for timer in [TimerId::WorkTime, TimerId::Reminder] {
        rig.event(crate::app::Event::Timer(timer));
    }
    assert!(titles(&rig).is_empty());
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { .. } | Effect::StartTimer { .. })), 0);
}
