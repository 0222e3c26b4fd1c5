//! Raising the hand: asking, hearing, and busy that needs leave.

use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{
        BreakState, BreakWish, Command, CommandId, Effect, Fetched, NoticeLevel, Profile, RefusalKind, Restriction,
        TimerId, Watched,
    },
    cti::api::{BreakRequest, Request},
};

fn rig() -> Rig {
    let mut rig = Rig::signed_in(Profile { raise_hand: true, ..profile() });
    let reasons = json!([{ "id": "11", "stat_reason": "小休" }, { "id": "12", "stat_reason": "就餐" }]);
    rig.reply_to(|r| matches!(r, Request::BusyReasons), 0, reasons);
    rig.reply_to(|r| matches!(r, Request::BusyInfo), 0, json!([]));
    rig.reply_to(|r| matches!(r, Request::BreakNews), 0, json!({ "state": 2 }));
    rig.effects.clear();
    rig
}

fn approvers() -> Value {
    json!({ "data": [{ "id": 1003, "userNum": "8003", "userName": "王班长" }, { "id": "2001", "userNum": 9100, "userName": "赵经理" }] })
}

fn wish() -> BreakWish {
    BreakWish {
        reason: Some(12),
        from: "9:05".into(),
        to: "09:30".into(),
        remark: " 牙医 ".into(),
        approver: "8003".into(),
    }
}

fn with_approvers() -> Rig {
    let mut rig = rig();
    rig.command(Command::Watch(Some(Watched::Approvers(String::new()))));
    rig.reply_to(|r| matches!(r, Request::Approvers { .. }), 0, approvers());
    rig.effects.clear();
    rig
}

fn refusal(rig: &Rig, id: CommandId) -> (RefusalKind, String) {
    let refusal = rig.outcome(id).unwrap().clone().unwrap_err();
    (refusal.kind, refusal.message.render(crate::i18n::Locale::En))
}

fn busy(rig: &Rig) -> &Request {
    fn busy(effect: &Effect) -> Option<&Request> {
        match effect {
            Effect::Request { request: request @ Request::Busy { .. }, .. } => Some(request),
            _ => None,
        }
    }
    rig.effects.iter().rev().find_map(busy).unwrap()
}

fn asked(rig: &Rig, fits: impl Fn(&Request) -> bool) -> usize {
    rig.count(|effect| matches!(effect, Effect::Request { request, .. } if fits(request)))
}

fn timer_runs(rig: &Rig, wanted: TimerId) -> bool {
    rig.count(|e| matches!(e, Effect::StartTimer { timer, .. } if *timer == wanted)) > 0
}

#[test]
fn a_wish_is_sent_as_the_platform_wants_it_and_the_answer_is_told() {
    let mut rig = with_approvers();
    let id = rig.command(Command::RaiseHand(wish()));
    let sent = rig.effects.iter().find_map(|effect| match effect {
        Effect::Request { request: Request::AddBreakRequest(request), .. } => Some(request.clone()),
        _ => None,
    });
    assert_eq!(
        sent,
        Some(BreakRequest {
            busy_reason_id: 12,
            apply_from: "09:05".into(),
            apply_to: "09:30".into(),
            remark: "牙医".into(),
            approve_userid: json!(1003),
            approve_username: "王班长".into(),
            approve_workid: "8003".into(),
        })
    );
    rig.reply_to(|r| matches!(r, Request::AddBreakRequest(_)), 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert_eq!(asked(&rig, |r| matches!(r, Request::BreakNews)), 1, "the polling for news begins anew");
    assert_eq!(asked(&rig, |r| matches!(r, Request::BreakRequests)), 1, "and the list is fresh");
}

#[test]
fn what_is_wrong_with_a_wish_is_told_and_nothing_is_sent() {
    let long = "字".repeat(257);
    for (wrong, why) in [
        (BreakWish { reason: None, ..wish() }, "choose a busy reason"),
        (BreakWish { reason: Some(99), ..wish() }, "choose a busy reason"),
        (BreakWish { from: "24:00".into(), ..wish() }, "start is no time"),
        (BreakWish { to: "9".into(), ..wish() }, "end is no time"),
        (BreakWish { from: "23:50".into(), to: "00:10".into(), ..wish() }, "after the start, on the same day"),
        (BreakWish { remark: long, ..wish() }, "at most 256"),
        (BreakWish { approver: " ".into(), ..wish() }, "who approves"),
    ] {
        let mut rig = with_approvers();
        let id = rig.command(Command::RaiseHand(wrong));
        let (kind, told) = refusal(&rig, id);
        assert_eq!(kind, RefusalKind::Invalid);
        assert!(told.contains(why), "{told}");
        assert_eq!(asked(&rig, |_| true), 0);
    }
    let mut rig = with_approvers();
    rig.command(Command::RaiseHand(BreakWish { remark: "字".repeat(256), ..wish() }));
    assert_eq!(asked(&rig, |r| matches!(r, Request::AddBreakRequest(_))), 1, "256 is allowed");
}

#[test]
fn an_approver_who_is_not_listed_is_looked_for_once() {
    let mut rig = rig();
    let id = rig.command(Command::RaiseHand(BreakWish { approver: "9100".into(), ..wish() }));
    rig.reply_to(|r| *r == Request::Approvers { search: "9100".into() }, 0, approvers());
    let to = |r: &Request| matches!(r, Request::AddBreakRequest(b) if b.approve_userid == json!("2001"));
    rig.reply_to(to, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    let id = rig.command(Command::RaiseHand(BreakWish { approver: "1234".into(), ..wish() }));
    rig.reply_to(|r| *r == Request::Approvers { search: "1234".into() }, 0, json!({ "data": [] }));
    assert!(refusal(&rig, id).1.contains("1234"));
}

#[test]
fn the_platforms_refusals_differ_by_what_can_be_done() {
    for (code, level) in [(400, NoticeLevel::Info), (500, NoticeLevel::Error)] {
        let mut rig = with_approvers();
        let id = rig.command(Command::RaiseHand(wish()));
        rig.reply_to(|r| matches!(r, Request::AddBreakRequest(_)), code, Value::Null);
        let refusal = rig.outcome(id).unwrap().clone().unwrap_err();
        assert_eq!(refusal.platform, Some((code, "no".into())));
        assert_eq!(rig.shown().notices.last().map(|n| n.level), Some(level));
        assert_eq!(asked(&rig, |r| matches!(r, Request::BreakNews)), 1, "after each submission");
    }
    let mut rig = with_approvers();
    let id = rig.command(Command::RaiseHand(wish()));
    rig.fail(|r| matches!(r, Request::AddBreakRequest(_)));
    assert_eq!(refusal(&rig, id).0, RefusalKind::Unreachable);
}

#[test]
fn only_the_newest_search_counts() {
    let mut rig = rig();
    rig.command(Command::Watch(Some(Watched::Approvers("8".into()))));
    rig.command(Command::Watch(Some(Watched::Approvers("赵".into()))));
    rig.reply_to(|r| *r == Request::Approvers { search: "8".into() }, 0, approvers());
    assert!(rig.shown().breaks.approvers.is_empty());
    rig.reply_to(
        |r| *r == Request::Approvers { search: "赵".into() },
        0,
        json!({ "data": [{ "id": "2001", "userNum": "9100", "userName": "赵经理" }] }),
    );
    let shown = rig.shown();
    assert_eq!(shown.breaks.approvers.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["赵经理"]);
    assert!(matches!(shown.breaks.approvers_fetched, Fetched::At(_)));
}

#[test]
fn busy_says_whether_it_is_to_be_checked_and_by_name() {
    let mut rig = rig();
    rig.command(Command::Busy { reason: Some(12) });
    assert_eq!(*busy(&rig), Request::Busy { reason: Some(12), check: Some(true), name: Some("就餐".into()) });
    let mut plain = Rig::idle();
    plain.command(Command::Busy { reason: Some(12) });
    assert_eq!(*busy(&plain), Request::Busy { reason: Some(12), check: None, name: None });
}

#[test]
fn a_remark_on_busy_is_told_and_busy_is_granted() {
    let mut rig = rig();
    let id = rig.command(Command::Busy { reason: Some(12) });
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 5015, json!("今天还剩 1 次"));
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    let last = rig.shown().notices.last().cloned().unwrap();
    assert_eq!((last.text.as_str(), last.level), ("今天还剩 1 次", NoticeLevel::Info));
}

#[test]
fn busy_that_needs_leave_suggests_the_form_until_the_next_wish() {
    let mut rig = rig();
    let id = rig.command(Command::Busy { reason: Some(12) });
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 34005, Value::Null);
    assert!(refusal(&rig, id).1.contains("approval"));
    assert_eq!(rig.shown().breaks.suggested, Some(12));
    assert_eq!(rig.notices().matches("approval").count(), 1);
    rig.later(std::time::Duration::from_secs(5));
    rig.command(Command::Busy { reason: Some(12) });
    assert_eq!(rig.shown().breaks.suggested, None, "asked again");
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 34005, Value::Null);
    assert_eq!(rig.shown().breaks.suggested, Some(12), "and suggested again");
    let mut plain = Rig::idle();
    plain.command(Command::Busy { reason: Some(12) });
    plain.reply_to(|r| matches!(r, Request::Busy { .. }), 34005, Value::Null);
    assert_eq!(plain.shown().breaks.suggested, None, "no form where it is not offered");
}

#[test]
fn news_are_asked_for_every_30_s_until_nothing_is_open() {
    let mut rig = with_approvers();
    rig.command(Command::RaiseHand(wish()));
    rig.reply_to(|r| matches!(r, Request::AddBreakRequest(_)), 0, Value::Null);
    for _ in 0..3 {
        rig.reply_to(|r| matches!(r, Request::BreakNews), 0, json!({ "state": 0 }));
        let before = rig.at;
        rig.timer(TimerId::BreakNews);
        assert_eq!(rig.at - before, std::time::Duration::from_secs(30));
    }
    rig.reply_to(|r| matches!(r, Request::BreakNews), 0, json!({ "state": "1", "content": "就餐 已批准" }));
    assert!(rig.shown().breaks.news);
    assert!(rig.notices().contains("就餐 已批准"));
    rig.timer(TimerId::BreakNews);
    rig.later(std::time::Duration::from_secs(5));
    rig.reply_to(|r| matches!(r, Request::BreakNews), 0, json!({ "state": 1, "content": "就餐 已批准" }));
    assert_eq!(rig.notices().matches("已批准").count(), 1, "told once");
    let id = rig.command(Command::ReadBreakNews);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert!(!rig.shown().breaks.news);
    rig.timer(TimerId::BreakNews);
    rig.effects.retain(|e| !matches!(e, Effect::StartTimer { .. }));
    rig.reply_to(|r| matches!(r, Request::BreakNews), 0, json!({ "state": 2 }));
    assert!(!timer_runs(&rig, TimerId::BreakNews), "it stops");
}

#[test]
fn the_list_of_requests_is_read() {
    let mut rig = rig();
    rig.command(Command::Watch(Some(Watched::BreakRequests)));
    let row = |state: Value, why: &str| {
        json!({
            "applyPeriod": "12:00-12:30", "applyState": state, "approveName": "王班长",
            "limitTimePeriod": "11:30-13:00", "busyReason": "就餐", "rejectReason": why,
        })
    };
    let rows = json!([row(json!(0), ""), row(json!("1"), ""), row(json!(2), "人手不足"), row(json!(-1), "")]);
    rig.reply_to(|r| matches!(r, Request::BreakRequests), 0, rows);
    let shown = rig.shown().breaks.requests;
    let states: Vec<BreakState> = shown.iter().map(|r| r.state).collect();
    assert_eq!(states, [BreakState::Pending, BreakState::Approved, BreakState::Rejected, BreakState::Failed]);
    assert_eq!(shown[2].rejected_because.as_deref(), Some("人手不足"));
    assert_eq!((shown[0].period.as_str(), shown[0].restricted.as_str()), ("12:00-12:30", "11:30-13:00"));
    rig.timer(TimerId::Watched);
    rig.fail(|r| matches!(r, Request::BreakRequests));
    assert!(matches!(rig.shown().breaks.requests_fetched, Fetched::Failed(_)));
    assert_eq!(rig.shown().breaks.requests.len(), 4, "what was known stays");
}

#[test]
fn restrictions_are_shown_and_each_warning_is_told_once() {
    let mut rig = Rig::signed_in(Profile { raise_hand: true, ..profile() });
    let rows = json!([
        { "id": "12", "limitPeriod": "11:30-13:00", "warn": "午间高峰" },
        { "id": 11, "limitPeriod": "" },
    ]);
    for _ in 0..3 {
        rig.reply_to(|r| matches!(r, Request::BusyInfo), 0, rows.clone());
        let before = rig.at;
        rig.timer(TimerId::BusyInfo);
        assert_eq!(rig.at - before, std::time::Duration::from_secs(60));
    }
    assert_eq!(rig.shown().breaks.restrictions, [Restriction { reason: 12, period: "11:30-13:00".into() }]);
    assert_eq!(rig.notices().matches("午间高峰").count(), 1);
    rig.reply_to(|r| matches!(r, Request::BusyInfo), 0, json!("nothing"));
    assert_eq!(rig.shown().breaks.restrictions.len(), 1, "no list is no news");
    rig.timer(TimerId::BusyInfo);
    rig.fail(|r| matches!(r, Request::BusyInfo));
    rig.timer(TimerId::BusyInfo);
    rig.agent("0");
    rig.effects.clear();
    rig.event(crate::app::Event::Timer(TimerId::BusyInfo));
    assert_eq!(asked(&rig, |_| true), 0, "signed out, nothing is asked for");
    assert!(rig.shown().breaks.restrictions.is_empty());
}
