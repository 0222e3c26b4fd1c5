//! How far the socket reaches: every method with the command it means, the journal, and what `status` tells.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use wincall_tui::{
    app::{Overtime, ProjectRow, Reminder, Wanted},
    domain::{BusyReason, CallPhase},
};

use crate::bar::*;

/// Every method of the SDK (protocol `cti.md` 6.2) and of the command contract that is answered by the platform or by
/// the state machine, with the SDK's parameter names and the values of its documents; numbers may be strings.
#[tokio::test]
async fn everything_the_phone_bar_can_do_can_be_asked_for() {
    let bar = Bar::start(accept);
    let mut script = bar.connect().await;
    for (method, params, command) in [
        (
            "Agent.changeBindTel",
            json!({"bindTel": 9002, "isWebrtc": false}),
            r#"ChangePhone { phone: "9002", web_phone: Some(false) }"#,
        ),
        ("Agent.changeBindTel", json!({"bindTel": "9002"}), r#"ChangePhone { phone: "9002", web_phone: None }"#),
        ("Agent.switchMode", json!({"agType": 1}), "SwitchMode { login_type: Dynamic }"),
        ("Agent.switchMode", json!({"agType": "2"}), "SwitchMode { login_type: Static }"),
        (
            "Agent.takeOutQueue",
            json!({"callId": "c1", "n": 1}),
            r#"TakeFromQueue { fields: {"callId": String("c1"), "n": Number(1)} }"#,
        ),
        ("Agent.agentAtIn", json!({"proID": 7}), r#"JoinProject { id: "7" }"#),
        ("Agent.agentAtOut", json!({}), "LeaveProject"),
        ("Agent.getPro", json!({}), "LookUp(Projects)"),
        ("Agent.getCallList", json!({}), "LookUp(CallerIds)"),
        ("Agent.getBusyInfo", json!({}), "LookUp(BusyInfo)"),
        (
            "Session.consultAg",
            json!({"consultAgNo": "8002", "callerID": "010"}),
            r#"Consult { callee: Agent("8002"), caller_id: Some("010") }"#,
        ),
        (
            "Session.consultTel",
            json!({"consultTel": 13900139000_i64}),
            r#"Consult { callee: Number("13900139000"), caller_id: None }"#,
        ),
        ("Session.consultCancel", json!({}), "ConsultReturn"),
        ("Session.consultReturn", json!({}), "ConsultReturn"),
        ("Session.consultTransfer", json!({}), "ConsultTransfer"),
        ("Session.consultThreeway", json!({}), "ThreeWay"),
        ("Session.consultThreewayReturn", json!({}), "ThreeWayReturn"),
        (
            "Session.transferAg",
            json!({"transferAgNo": "8002"}),
            r#"Transfer { to: Callee(Agent("8002")), caller_id: None }"#,
        ),
        (
            "Session.transferTel",
            json!({"transferTel": "139", "callerID": "010"}),
            r#"Transfer { to: Callee(Number("139")), caller_id: Some("010") }"#,
        ),
        (
            "Session.transferQueue",
            json!({"queueId": 3, "transVcc": 0}),
            "Transfer { to: Queue { id: 3, vcc_id: None }, caller_id: None }",
        ),
        (
            "Session.transferQueue",
            json!({"queueId": "3", "transVcc": "88"}),
            "Transfer { to: Queue { id: 3, vcc_id: Some(88) }, caller_id: None }",
        ),
        (
            "Session.transferIVR",
            json!({"ivrCode": "c", "ivrNode": "n", "vccId": 88}),
            r#"Transfer { to: Ivr { code: "c", node: "n", vcc_id: Some(88) }, caller_id: None }"#,
        ),
        ("Session.transferEvaluate", json!({}), "Evaluate"),
        (
            "Session.interact",
            json!({"ivrCode": "c", "ivrParam": "p"}),
            r#"Interact { ivr_code: "c", ivr_param: Some("p") }"#,
        ),
        ("Monitor.spy", json!({"monitoredAgNo": "8003"}), r#"Spy { ag_no: "8003" }"#),
        ("Monitor.whisper", json!({"monitoredAgNo": "8003"}), r#"Whisper { ag_no: Some("8003") }"#),
        ("Monitor.whisper", json!({}), "Whisper { ag_no: None }"),
        ("Monitor.whisperCancel", json!({}), "WhisperCancel"),
        ("Monitor.barge", json!({}), "Barge { ag_no: None }"),
        ("Monitor.disconnect", json!({"monitoredAgNo": 8003}), r#"Disconnect { ag_no: Some("8003") }"#),
        ("Info.getAgentList", json!({}), "LookUp(FreeAgents)"),
        ("Info.getBusyReason", json!({}), "LookUp(BusyReasons)"),
        ("Info.getAgentBaseInfo", json!({}), "LookUp(OwnRecord)"),
        ("Info.getCallNum", json!({}), "LookUp(OutsideNumbers)"),
        ("Info.getQueueSum", json!({}), "LookUp(QueueSum(None))"),
        ("Info.getQueueSum", json!({"ag_ids": [5, "6"]}), r#"LookUp(QueueSum(Some([Number(5), String("6")])))"#),
        ("Info.getQueue", json!({}), "LookUp(SkillGroups)"),
        ("Info.getOnlineAgent", json!({}), "LookUp(AgentsOnLine)"),
        ("Info.getAgentListByAgNum", json!({"x": 1}), r#"LookUp(FreeAgentsByNumber({"x": Number(1)}))"#),
        ("Info.getQueueUpNum", json!({"ids": [1]}), r#"LookUp(QueueUpNum({"ids": Array [Number(1)]}))"#),
        ("Info.getwarnRuleList", json!({}), "LookUp(WarnRuleList)"),
        ("queue.list", json!({}), "LookUp(QueueDetail)"),
        ("journal.clear", json!({}), "ClearJournal"),
        ("afterCall.forget", json!({}), "ForgetAfterCall"),
        (
            "break.request",
            json!({"reason": "就餐", "from": "12:00", "to": "12:30", "remark": "r", "approver": 8003}),
            r#"RaiseHand(BreakWish { reason: Some(12), from: "12:00", to: "12:30", remark: "r", approver: "8003" })"#,
        ),
        ("break.read", json!({}), "ReadBreakNews"),
        ("reminder.take", json!({"id": "r1"}), r#"TakeReminder { id: "r1" }"#),
        ("reminder.snooze", json!({"id": "r1"}), r#"SnoozeReminder { id: "r1" }"#),
        ("reminder.dismiss", json!({"id": "r1"}), r#"DismissReminder { id: "r1" }"#),
        ("overtime.acknowledge", json!({}), "AcknowledgeOvertime"),
    ] {
        let answer = script.call(method, params).await;
        assert_eq!(answer["result"], json!({"code": 0}), "{method}: {answer}");
        assert_eq!(bar.last_asked(), command, "{method}");
    }
}

#[tokio::test]
async fn a_look_up_gives_the_platforms_answer() {
    let bar = Bar::start(|_| Ok(json!({"code": 0, "message": "ok", "data": [{"ag_num": "8002", "ag_name": "李四"}]})));
    let answer = bar.connect().await.call("Info.getAgentList", json!({})).await;
    assert_eq!(answer["result"]["data"][0]["ag_name"], "李四");
    let output = bar.ctl(&["agents"]).await;
    assert_eq!(text(&output.stdout), "8002      李四\n");
    let output = bar.ctl(&["agents", "--json"]).await;
    assert_eq!(text(&output.stdout), "[{\"ag_num\":\"8002\",\"ag_name\":\"李四\"}]\n");
}

#[tokio::test]
async fn the_journal_is_listed_newest_first_as_far_as_asked_and_found() {
    let bar = Bar::start(accept);
    bar.change(|s| s.journal = Arc::new((0..70).rev().map(call).collect()));
    let mut script = bar.connect().await;
    let all = script.call("journal.list", json!({})).await["result"].take();
    assert_eq!((all["calls"].as_array().unwrap().len(), all["found"].as_u64()), (50, Some(70)));
    assert_eq!(all["calls"][0]["peer"]["number"], "1390000069");
    let few = script.call("journal.list", json!({"limit": 2, "search": "139000001"})).await["result"].take();
    assert_eq!(few["found"], 10);
    let call = &few["calls"][1];
    assert_eq!(call["peer"]["number"], "1390000018");
    for field in [
        "id",
        "time",
        "direction",
        "peer",
        "queue",
        "caller_id",
        "call_id",
        "ring_ms",
        "talk_ms",
        "hold_ms",
        "outcome",
        "hung_up_by",
        "unreached",
    ] {
        assert!(call.get(field).is_some(), "{field} in {call}");
    }
    assert_eq!((&call["outcome"], &call["direction"]), (&json!("interrupted"), &json!("out")));

    let found = text(&bar.ctl(&["journal", "1390000007", "北京"]).await.stdout);
    assert!(found.contains("1390000007") && found.contains("interrupted") && found.contains("北京"), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
    let json: Value = serde_json::from_slice(&bar.ctl(&["journal", "--json", "--limit", "3"]).await.stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 3);
    assert_eq!(text(&bar.ctl(&["journal", "nobody"]).await.stdout), "nothing to show\n");
}

fn call(n: u64) -> wincall_tui::domain::JournalEntry {
    serde_json::from_value(json!({
        "id": n, "time": "2026-01-02T03:04:05Z", "direction": "out",
        "peer": {"number": format!("13900000{n:02}"), "name": null, "area": "北京", "ag_no": null},
        "ring_ms": 1, "talk_ms": 0, "hold_ms": 0, "outcome": "interrupted", "hung_up_by": "fault",
    }))
    .unwrap()
}

#[tokio::test]
async fn status_tells_duties_and_choices() {
    let bar = Bar::start(accept);
    let mut script = bar.connect().await;
    let quiet = script.call("status", json!({})).await["result"].take();
    assert_eq!(quiet["agent"]["phone"], "9001");
    assert_eq!((&quiet["agent"]["web_phone"], &quiet["agent"]["login_type"]), (&json!(true), &json!("dynamic")));
    for nothing in ["after_call", "project", "queue_waiting", "overtime", "shift_ends"] {
        assert_eq!(quiet.get(nothing), Some(&Value::Null), "{nothing}");
    }
    assert_eq!(
        (&quiet["reminders"], &quiet["quiet"], &quiet["auto_answer"]),
        (&json!([]), &json!(false), &json!(false))
    );
    assert_eq!(quiet["call"]["monitored"], Value::Null);

    let since = Instant::now() - Duration::from_secs(20);
    bar.change(|s| {
        let reason = BusyReason { id: 12, name: "就餐".into() };
        s.after_call = Some(Wanted::Busy(Some(reason.clone())));
        s.projects.joined = Some("7".into());
        s.projects.rows = vec![ProjectRow { id: "7".into(), name: "回访".into(), ..ProjectRow::default() }];
        s.queue_waiting = Some(3);
        s.quiet = true;
        s.overtime = Some(Overtime { since_at: since, lines: vec!["too long".into()], acknowledged: false });
        s.reminders = vec![Reminder {
            id: "r1".into(),
            title: "午餐".into(),
            time: "12:00".into(),
            reason: Some(reason),
            since: jiff::Timestamp::UNIX_EPOCH,
        }];
        s.call.phase = CallPhase::Barging;
        s.call.monitored = Some("8003".into());
        s.call.consult.ag_no = Some("8002".into());
    });
    let busy = script.call("status", json!({})).await["result"].take();
    assert_eq!(busy["after_call"], json!({"state": "busy", "reason": {"id": 12, "name": "就餐"}}));
    assert_eq!(busy["project"], json!({"id": "7", "name": "回访"}));
    assert_eq!((&busy["queue_waiting"], &busy["quiet"]), (&json!(3), &json!(true)));
    assert_eq!(busy["overtime"]["lines"], json!(["too long"]));
    assert!((20_000..30_000).contains(&busy["overtime"]["for_ms"].as_u64().unwrap()), "{busy}");
    assert_eq!(busy["reminders"][0]["title"], "午餐");
    assert_eq!((&busy["call"]["monitored"], &busy["call"]["consult"]["ag_no"]), (&json!("8003"), &json!("8002")));
    let people = text(&bar.ctl(&["--locale", "zh-CN", "status"]).await.stdout);
    for told in [
        "通话后：忙碌 就餐",
        "预测式外呼项目：7 回访",
        "排队：3",
        "超时：too long",
        "提醒：午餐",
        "被监听：8003",
        "咨询方：8002",
    ] {
        assert!(people.contains(told), "{told} in\n{people}");
    }
    assert!(bar.ctl(&["wait", "barging", "--timeout", "0"]).await.status.success());
}
