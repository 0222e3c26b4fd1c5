//! Agents the platform plays: they can be called, consulted, transferred and listened to like anybody, and have no client.

use reqwest::Method;

use super::*;

const SCENARIO: &str = r#"
wrap_up_s = 0
[[colleagues]]
ag_no = "8101"
name = "陈晨"
groups = [1]
after_ms = 50
audio = "tone:1200"
talks_s = 1
[[colleagues]]
ag_no = "8102"
name = "赵敏"
groups = [1]
behaviour = "refuse"
after_ms = 50
[[colleagues]]
ag_no = "8103"
name = "刘洋"
groups = [1]
behaviour = "busy"
[[colleagues]]
ag_no = "8104"
name = "孙悦"
groups = [1]
behaviour = "no_answer"
"#;

async fn calls(s: &Stage) -> Value {
    s.admin(Method::GET, "/calls", json!({})).await
}

/// An agent in conversation with a customer who says 440 Hz: the agent's party and the customer's.
async fn talk(s: &Stage, link: &mut LinkClient) -> (PartyId, PartyId) {
    let before = s.switch.asked().iter().filter(|a| matches!(a, Asked::Call { .. })).count();
    let body = json!({"to_agent": "8001", "from": "13800138000", "audio": "tone:440"});
    s.admin(Method::POST, "/calls", body).await;
    let (.., leg) = s.switch.call(before).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    while link.next().await["PhoSta"] != 6 {}
    (PartyId(leg.0), s.switch.party(Voice::Tone(440.0)))
}

#[tokio::test]
async fn they_have_no_client() {
    let s = stage_with(SCENARIO, Options::default()).await;
    assert_eq!(s.ready.agents.iter().map(|a| a.ag_no.as_str()).collect::<Vec<_>>(), ["8001", "8002", "8003"]);
    s.fault(json!({"fault": "force_logoff"})).await;
    let agents = s.admin(Method::GET, "/agents", json!({})).await;
    let colleague = agents.as_array().unwrap().iter().find(|a| a["ag_no"] == "8101").unwrap();
    assert_eq!((&colleague["signed_in"], &colleague["state"]), (&json!(true), &json!(1)));
    // The queues do not know them unless they are to.
    s.admin(Method::POST, "/calls", json!({"queue": 1, "from": "13800138000"})).await;
    assert_eq!(calls(&s).await[0]["phase"], "queued");
}

#[tokio::test]
async fn they_are_consulted_and_take_over() {
    let s = stage_with(SCENARIO, Options::default()).await;
    let mut link = s.signed_in("8001").await;
    let (own, customer) = talk(&s, &mut link).await;
    for ag_no in ["8102", "8103"] {
        assert_eq!(s.command("8001", "/agent/consultAg", json!({"consultAgNo": ag_no})).await["code"], 0);
        assert_eq!(link.phone().await["PhoSta"], 21);
        assert_eq!(link.phone().await["PhoSta"], 24, "{ag_no}");
    }
    assert_eq!(s.command("8001", "/agent/consultAg", json!({"consultAgNo": "8104"})).await["code"], 0);
    assert_eq!(link.phone().await["PhoSta"], 21);
    assert_eq!(s.command("8001", "/agent/consultCancel", json!({})).await["code"], 0);
    assert_eq!(link.phone().await["PhoSta"], 23);

    assert_eq!(s.command("8001", "/agent/consultAg", json!({"consultAgNo": "8101"})).await["code"], 0);
    assert_eq!(link.phone().await["OAgName"], "陈晨");
    assert_eq!(link.phone().await["PhoSta"], 22);
    let voice = s.switch.party(Voice::Tone(1200.0));
    assert_eq!((s.switch.hears(own), s.switch.hears(voice)), (vec![voice], vec![own]));
    assert_eq!(s.command("8001", "/agent/consultTransfer", json!({})).await["code"], 0);
    assert_eq!(link.phone().await["PhoSta"], 33);
    assert_eq!((s.switch.hears(customer), s.switch.hears(voice)), (vec![voice], vec![customer]));
    let legs = calls(&s).await[0]["legs"].clone();
    assert_eq!((&legs[0]["who"], &legs[1]["who"]), (&json!("agent:8101"), &json!("customer:13800138000")));
    // They hang up when they have talked enough.
    until("the colleague hangs up", async || (calls(&s).await == json!([])).then_some(())).await;
    until("nobody is left", async || s.switch.live().is_empty().then_some(())).await;
}

#[tokio::test]
async fn they_are_called_as_they_behave() {
    let s = stage_with(SCENARIO, Options::default()).await;
    let mut link = s.signed_in("8001").await;
    // Q.850: 21 rejected, 17 busy.
    let colleagues = [("8101", 6, None), ("8102", 0, Some(21)), ("8103", 0, Some(17))];
    for (n, (ag_no, told, cause)) in colleagues.into_iter().enumerate() {
        assert_eq!(s.command("8001", "/agent/callInner", json!({"calledAgNo": ag_no})).await["code"], 0);
        let (.., leg) = s.switch.call(n).await;
        s.switch.tell(SwitchEvent::Answered { leg });
        while link.next().await["PhoSta"] != 55 {}
        assert_eq!(link.phone().await["PhoSta"], told, "{ag_no}");
        if told == 6 {
            assert_eq!(s.switch.hears(PartyId(leg.0)), vec![s.switch.party(Voice::Tone(1200.0))]);
            assert_eq!(s.command("8001", "/agent/hangup", json!({})).await["code"], 0);
        }
        while link.next().await["State"] != "1" {}
        let because = s.switch.asked().into_iter().find_map(|a| {
            let Asked::Because(ended, cause) = a else { return None };
            (ended == leg).then_some(cause)
        });
        assert_eq!(because, cause, "{ag_no}");
    }
    assert_eq!(calls(&s).await, json!([]));
}

#[tokio::test]
async fn they_take_transfers_and_refuse_them() {
    let s = stage_with(SCENARIO, Options::default()).await;
    let mut link = s.signed_in("8001").await;
    let (_, customer) = talk(&s, &mut link).await;
    assert_eq!(s.command("8001", "/agent/busy", json!({})).await["code"], 0);
    assert_eq!(s.command("8001", "/agent/transferAg", json!({"transferAgNo": "8102"})).await["code"], 0);
    until("the customer waits", async || (calls(&s).await[0]["phase"] == "queued").then_some(())).await;
    assert_eq!(s.switch.hears(customer), vec![s.switch.party(Voice::Music)]);
    assert_eq!(s.command("8001", "/agent/takeOutQueue", json!({})).await["code"], 0);
    let (.., leg) = s.switch.call(1).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    while link.next().await["PhoSta"] != 6 {}
    assert_eq!(s.command("8001", "/agent/transferAg", json!({"transferAgNo": "8101"})).await["code"], 0);
    until("the colleague answers", async || (calls(&s).await[0]["phase"] == "talking").then_some(())).await;
    assert_eq!(s.switch.hears(customer), vec![s.switch.party(Voice::Tone(1200.0))]);
}

#[tokio::test]
async fn they_serve_queues_if_they_are_to() {
    let scenario = "wrap_up_s = 0\n[[colleagues]]\nag_no = '8101'\nname = 'a'\ngroups = [2]\ntakes_calls = true\n\
                    after_ms = 20\ntalks_s = 0";
    let s = stage_with(scenario, Options::default()).await;
    s.admin(Method::POST, "/calls", json!({"queue": 1, "from": "13900139000"})).await;
    s.admin(Method::POST, "/calls", json!({"queue": 2, "from": "13800138000"})).await;
    until("theirs is served", async || {
        let calls = calls(&s).await;
        (calls.as_array()?.len() == 1).then(|| assert_eq!(calls[0]["legs"][0]["who"], "customer:13900139000"))
    })
    .await;
}

#[tokio::test]
async fn a_supervisor_has_somebody_to_listen_to() {
    let scenario = "wrap_up_s = 0\n[[colleagues]]\nag_no = '8101'\nname = '陈晨'\ngroups = [2]\naudio = 'tone:1200'\n\
                    in_call_with = '13900139000'";
    let s = stage_with(scenario, Options::default()).await;
    let mut chief = s.signed_in("8003").await;
    until("they talk", async || (calls(&s).await[0]["phase"] == "talking").then_some(())).await;
    let url = format!("{}/v2/wintelapi/api/agent/ontheline?ag_num=8003&vcc_code=DEMO", s.ready.jsonp_server);
    let told: Value = serde_json::from_str(&s.http.get(url).send().await.unwrap().text().await.unwrap()).unwrap();
    let row = &told["data"][0];
    assert_eq!((&row["ag_num"], &row["ag_name"]), (&json!("8101"), &json!("陈晨")));
    assert_eq!((&row["number"], &row["que_name"]), (&json!("13900139000"), &json!("售后")));
    let age = jiff::Timestamp::now().as_second() - row["start_time"].as_i64().unwrap();
    assert!((0..10).contains(&age), "{row}");

    assert_eq!(s.command("8003", "/manager/spy", json!({"monitoredAgNo": "8101"})).await["code"], 0);
    let (.., leg) = s.switch.call(0).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    while chief.next().await["PhoSta"] != 31 {}
    let colleague = s.switch.party(Voice::Tone(1200.0));
    let customer = s.switch.party(Voice::Speech);
    let mut both = vec![colleague, customer];
    both.sort();
    assert_eq!(s.switch.hears(PartyId(leg.0)), both);
    assert_eq!(s.command("8003", "/manager/disconnect", json!({"monitoredAgNo": "8101"})).await["code"], 0);
    assert_eq!(chief.phone().await["PhoSta"], 0);
    assert_eq!(calls(&s).await, json!([]));
}

#[test]
fn mistakes_in_the_scenario_are_named() {
    for (text, word) in [
        ("[[colleagues]]\nag_no = '8001'\nname = 'a'\ngroups = []", "8001"),
        ("[[colleagues]]\nag_no = '8101'\nname = 'a'\ngroups = [9]", "skill group 9"),
        ("[[colleagues]]\nag_no = '8101'\nname = 'a'\ngroups = []\naudio = 'song'", "song"),
        ("[[colleagues]]\nag_no = '8101'\nname = 'a'\ngroups = []\nbehaviour = 'sleep'", "sleep"),
        ("[[ivrs]]\ncode = '1'\naudio = 'tone:x'", "tone:x"),
    ] {
        let error = Scenario::parse(text, "t").unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}
