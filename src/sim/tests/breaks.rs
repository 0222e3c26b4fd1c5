//! Raise hand and restricted busy reasons (protocol `cti.md` 2.2, 2.7, 2.10; `phone-bar.md` 8.2).

use jiff::Zoned;
use reqwest::Method;

use super::*;
use crate::{
    i18n::Locale,
    sim::{agent_day::Decision, world::World},
};

const ALL_DAY: &str = "[[restrictions]]\nreason = 12\nperiod = '00:00-23:59'\nwarn = '午间高峰'\n";

fn form() -> Value {
    json!({
        "busyReasonId": 12, "applyFrom": "00:00", "applyTo": "23:59", "remark": "", "approveUserid": 1003,
        "approveUsername": "王芳", "approveWorkid": "8003",
    })
}

impl Stage {
    async fn ask_for_break(&self, changed: Value) -> Value {
        let mut body = form();
        body.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        self.web(Method::POST, "/v3/web/busy/apply/add", Some(self.bare("8001")), body).await.1
    }

    async fn requests(&self) -> Value {
        self.web(Method::GET, "/v3/web/busy/apply/query", Some(self.bare("8001")), Value::Null).await.1["result"]
            .clone()
    }

    async fn news(&self) -> Value {
        let path = "/v3/web/busy/apply/isChange";
        self.web(Method::GET, path, Some(self.bare("8001")), Value::Null).await.1["result"].clone()
    }
}

#[tokio::test]
async fn approvers_are_found_by_number_and_name() {
    let s = stage().await;
    let find = async |search: &str| {
        let path = format!("/v3/api/busy/apply/agent?search={search}");
        s.web(Method::GET, &path, Some(s.bare("8001")), Value::Null).await.1["result"]["data"].clone()
    };
    assert_eq!(find("").await[0], json!({"id": 1003, "userNum": "8003", "userName": "王芳"}));
    assert!(find("").await.as_array().unwrap().len() > 1);
    assert_eq!(find("800").await, json!([{"id": 1003, "userNum": "8003", "userName": "王芳"}]));
    assert_eq!(find("%E7%8E%8B").await[0]["userName"], "王芳");
    assert_eq!(find("nobody").await, json!([]));
    assert_eq!(find("8001").await, json!([]), "who is no supervisor approves nothing");
}

#[tokio::test]
async fn a_restricted_reason_needs_an_approval_which_comes() {
    let s = stage_with(&format!("{ALL_DAY}[approvals]\nanswer = 'nobody'"), Options::default()).await;
    let mut link = s.signed_in("8001").await;
    let info = s.command("8001", "/agent/busyInfo", json!({})).await;
    assert_eq!(info["data"], json!([{"id": "12", "limitPeriod": "00:00-23:59", "warn": "午间高峰"}]));

    let busy = async |ischk: i64| s.command("8001", "/agent/busy", json!({"reason": 12, "ischk": ischk})).await;
    let refused = busy(1).await;
    assert_eq!(refused["code"], 34005);
    assert!(refused["message"].as_str().unwrap().contains("就餐"));
    assert_eq!(s.news().await, json!({"state": 2, "content": ""}), "nothing was asked for");

    assert_eq!(s.ask_for_break(json!({})).await["code"], "200");
    let mut row = json!({
        "applyState": 0, "applyPeriod": "00:00-23:59", "approveName": "王芳", "limitTimePeriod": "00:00-23:59",
        "busyReason": "就餐", "rejectReason": "",
    });
    assert_eq!(s.requests().await, json!([row]));
    assert_eq!(s.news().await["state"], 0);
    assert_eq!(busy(1).await["code"], 34005, "not yet");

    s.admin(Method::POST, "/approvals", json!({"agent": "8001", "answer": "approve"})).await;
    let news = s.news().await;
    assert_eq!(news["state"], 1);
    assert!(news["content"].as_str().unwrap().contains("通过"), "{news}");
    assert_eq!(s.news().await["state"], 2, "told once, and nothing is left to wait for");
    row["applyState"] = json!(1);
    assert_eq!(s.requests().await, json!([row]));
    assert_eq!(busy(1).await["code"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "2", "Reason": "12"}));
    let request = s.http.post(format!("{}/approvals", s.ready.admin));
    let again = request.body(json!({"agent": "8001", "answer": "approve"}).to_string()).send().await.unwrap();
    assert_eq!(again.status(), 404);
}

#[tokio::test]
async fn a_rejection_says_why_and_changes_nothing() {
    let s = stage_with(&format!("{ALL_DAY}[approvals]\nanswer = 'nobody'"), Options::default()).await;
    let mut link = s.signed_in("8001").await;
    assert_eq!(s.ask_for_break(json!({"busyReasonId": "12", "approveUserid": "1003"})).await["code"], "200");
    s.admin(Method::POST, "/approvals", json!({"agent": "8001", "answer": "reject", "reason": "人手不足"})).await;
    let news = s.news().await;
    assert!(news["state"] == 1 && news["content"].as_str().unwrap().contains("人手不足"), "{news}");
    let rows = s.requests().await;
    assert_eq!((&rows[0]["applyState"], &rows[0]["rejectReason"]), (&json!(2), &json!("人手不足")));
    assert_eq!(s.command("8001", "/agent/busy", json!({"reason": 12, "ischk": 1})).await["code"], 34005);
    // Planned breaks and clients without the feature are not checked.
    assert_eq!(s.command("8001", "/agent/busy", json!({"reason": 12, "ischk": 0})).await["code"], 0);
    assert_eq!(link.next().await["Reason"], "12");
    assert_eq!(s.command("8001", "/agent/ready", json!({})).await["code"], 0);
    assert_eq!(s.command("8001", "/agent/busy", json!({"reason": 12})).await["code"], 0);
}

#[tokio::test]
async fn the_scenario_answers_by_itself_in_turn() {
    let scenario = "[approvals]\ndecide_after_s = 0\nanswer = 'alternate'\nreject_reason = '请稍后'";
    let s = stage_with(scenario, Options::default()).await;
    for (reason, state, why) in [(11, 1, ""), (12, 2, "请稍后"), (13, 1, "")] {
        assert_eq!(s.ask_for_break(json!({"busyReasonId": reason})).await["code"], "200");
        let row =
            until("an answer", async || Some(s.requests().await[0].clone()).filter(|r| r["applyState"] != 0)).await;
        assert_eq!((&row["applyState"], &row["rejectReason"]), (&json!(state), &json!(why)));
    }
    // Three decisions were never told: one at a time, the oldest first.
    for word in ["小休", "就餐", "培训"] {
        let news = s.news().await;
        assert!(news["state"] == 1 && news["content"].as_str().unwrap().contains(word), "{word} {news}");
    }
    assert_eq!(s.news().await["state"], 2);
}

#[tokio::test]
async fn a_form_with_a_mistake_is_sent_back() {
    let s = stage_with("[approvals]\nanswer = 'nobody'\nmost_pending = 2", Options::default()).await;
    for (changed, word) in [
        (json!({"busyReasonId": null}), "原因"),
        (json!({"busyReasonId": 99}), "原因"),
        (json!({"applyFrom": "10:00", "applyTo": "10:00"}), "截止时间必须大于开始时间"),
        (json!({"applyFrom": "9:00"}), "HH:MM"),
        (json!({"applyTo": "24:00"}), "HH:MM"),
        (json!({"remark": "长".repeat(257)}), "256"),
        (json!({"approveUserid": 1002}), "审批人"),
        (json!({"approveUserid": null}), "审批人"),
    ] {
        let answer = s.ask_for_break(changed.clone()).await;
        assert_eq!(answer["code"], "400", "{changed}");
        assert!(answer["errorMsg"].as_str().unwrap().contains(word), "{changed} {answer}");
    }
    assert_eq!(s.requests().await, json!([]));
    assert_eq!(s.ask_for_break(json!({"remark": "长".repeat(256)})).await["code"], "200");
    assert_eq!(s.ask_for_break(json!({})).await["code"], "400", "the same again");
    assert_eq!(s.ask_for_break(json!({"busyReasonId": 11})).await["code"], "200");
    let full = s.ask_for_break(json!({"busyReasonId": 13})).await;
    assert_eq!(full["code"], "500");
    assert!(full["errorMsg"].as_str().unwrap().contains('2'));
    assert_eq!(s.requests().await[0]["busyReason"], "小休", "newest first");
}

#[tokio::test]
async fn the_last_free_time_comes_with_a_note() {
    let s = stage_with("[[restrictions]]\nreason = 11\nfree_times = 2", Options::default()).await;
    let mut link = s.signed_in("8001").await;
    let busy = async || s.command("8001", "/agent/busy", json!({"reason": 11, "ischk": 1, "busyReason": "小休"})).await;
    for (time, code) in [(1, 0), (2, 5015), (3, 34005)] {
        let answer = busy().await;
        assert_eq!(answer["code"], code, "{time}");
        if code == 34005 {
            break;
        }
        assert_eq!(link.next().await, json!({"MT": 4, "State": "2", "Reason": "11"}), "{time}");
        if code == 5015 {
            assert!(answer["data"].as_str().unwrap().contains("小休"), "{answer}");
        }
        assert_eq!(s.command("8001", "/agent/ready", json!({})).await["code"], 0);
        link.next().await;
    }
}

/// A world at a moment of the day.
fn world_at(scenario: &str, clock: fn() -> Zoned) -> World {
    let (events, _) = mpsc::unbounded_channel();
    let switch = FakeSwitch::new(events);
    let mut world = World::new(Scenario::parse(scenario, "test").unwrap(), switch);
    world.clock = clock;
    world
}

#[tokio::test]
async fn time_passes_over_periods_and_requests() {
    let scenario = "[[restrictions]]\nreason = 12\nperiod = '11:30-13:00'\n[approvals]\nanswer = 'nobody'";
    let mut world = world_at(scenario, || "2026-03-02T11:29:59[UTC]".parse().unwrap());
    assert_eq!(world.leave_to_be_busy("8001", 12), Ok(None), "not yet restricted");
    world.clock = || "2026-03-02T11:30:00[UTC]".parse().unwrap();
    assert!(world.leave_to_be_busy("8001", 12).is_err());
    assert_eq!(world.leave_to_be_busy("8001", 11), Ok(None));

    let ask = |world: &mut World, from: &str, to: &str| {
        let mut body = form();
        body["applyFrom"] = json!(from);
        body["applyTo"] = json!(to);
        world.ask_for_break("8001", &body, Locale::ZhCn)["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask(&mut world, "11:00", "11:29"), "400", "over already");
    assert_eq!(ask(&mut world, "12:00", "12:15"), "200");
    assert!(world.decide("8001", None, Decision::Approved));
    assert!(world.leave_to_be_busy("8001", 12).is_err(), "approved for later");
    world.clock = || "2026-03-02T12:15:59[UTC]".parse().unwrap();
    assert_eq!(world.leave_to_be_busy("8001", 12), Ok(None));
    world.clock = || "2026-03-02T12:16:00[UTC]".parse().unwrap();
    assert!(world.leave_to_be_busy("8001", 12).is_err(), "over");

    assert_eq!(ask(&mut world, "12:30", "12:40"), "200");
    world.clock = || "2026-03-02T12:41:00[UTC]".parse().unwrap();
    assert_eq!(world.request_list("8001")[0]["applyState"], -1, "nobody answered");
    assert!(!world.decide("8001", None, Decision::Approved), "too late");
    world.clock = || "2026-03-03T12:10:00[UTC]".parse().unwrap();
    assert!(world.leave_to_be_busy("8001", 12).is_err(), "yesterday's approval");
    world.clock = || "2026-03-02T13:01:00[UTC]".parse().unwrap();
    assert_eq!(world.leave_to_be_busy("8001", 12), Ok(None), "no longer restricted");
}
