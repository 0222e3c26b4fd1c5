//! Predictive projects (protocol `cti.md` 2.2, 4.2; `phone-bar.md` 8.1).

use super::*;

const PROJECTS: &str = "wrap_up_s = 0\n\
    [[projects]]\nid = 5\nname = '回访'\nconnected_limit = 2\ninterval_s = 1\n\
    customers = [{ number = '13600000001', area = '武汉' }, { number = '13600000002' }]\n\
    [[projects]]\nid = 6\nname = '停用的'\nconnected_limit = 0\nenabled = false\n\
    [[projects]]\nid = 7\nname = '不限'\nconnected_limit = 0\ninterval_s = 3600";

async fn row(s: &Stage, n: usize) -> Value {
    s.command("8001", "/agent/agentPro", json!({})).await["data"][n].clone()
}

/// Takes the call rung at `n` and ends it; the link is ready again after it.
async fn take(s: &Stage, link: &mut LinkClient, n: usize) {
    let (.., leg) = s.switch.call(n).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    assert_eq!(link.phone().await, json!({"MT": 3, "PhoSta": 6}));
    assert_eq!(s.command("8001", "/agent/hangup", json!({})).await["code"], 0);
    assert_eq!(link.phone().await["PhoSta"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
}

fn ring(number: &str, area: &str) -> Value {
    json!({
        "MT": 3, "PhoSta": 5, "RingType": 5, "CallType": 2, "Caller": number, "CallerAreaName": area, "QueId": 1,
        "OAgId": 0, "AcPro": "回访", "AcTask": "5",
    })
}

#[tokio::test]
async fn customers_come_until_the_limit_is_reached() {
    let s = stage_with(PROJECTS, Options::default()).await;
    let mut link = s.signed_in("8001").await;
    let fresh = json!({
        "pro_id": 5, "pro_name": "回访", "pro_state": "1", "agent_connected_limit": 2, "agent_connected_current": 0,
        "agent_joined": false,
    });
    assert_eq!(row(&s, 0).await, fresh);
    assert_eq!(row(&s, 1).await["pro_state"], "0");

    assert_eq!(s.command("8001", "/agent/agentAtIn", json!({"proID": 5})).await["code"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "4"}));
    assert_eq!(link.phone().await, ring("13600000001", "武汉"));
    assert_eq!(row(&s, 0).await["agent_connected_current"], 0, "it only rings");
    take(&s, &mut link, 0).await;
    assert_eq!(row(&s, 0).await["agent_connected_current"], 1);

    assert_eq!(link.next().await, json!({"MT": 4, "State": "4"}));
    assert_eq!(link.phone().await, ring("13600000002", ""));
    take(&s, &mut link, 1).await;
    let (used_up, other) = (row(&s, 0).await, row(&s, 2).await);
    assert_eq!((&used_up["agent_connected_current"], &used_up["agent_joined"]), (&json!(2), &json!(true)));
    assert_eq!(other["agent_connected_current"], 0);
    // No third one: in the time another would have come (interval 1 s), only the command below is heard of.
    assert!(tokio::time::timeout(Duration::from_millis(1500), link.0.next()).await.is_err(), "another call came");

    assert_eq!(s.command("8001", "/agent/agentAtOut", json!({})).await["code"], 0);
    assert_eq!(s.command("8001", "/agent/agentAtOut", json!({})).await["code"], 41005);
    let again = s.command("8001", "/agent/agentAtIn", json!({"proID": "5"})).await;
    assert_ne!(again["code"], 0);
    assert!(again["message"].as_str().unwrap().contains("回访"), "{again}");
}

#[tokio::test]
async fn only_one_project_that_is_there_can_be_joined() {
    let s = stage_with(PROJECTS, Options::default()).await;
    assert_eq!(s.command("8001", "/agent/agentAtIn", json!({"proID": 5})).await["code"], 40401, "not signed in");
    let _link = s.signed_in("8001").await;
    let mut codes = HashSet::new();
    for (id, word) in [(json!(99), "99"), (json!(6), "停用的")] {
        let refused = s.command("8001", "/agent/agentAtIn", json!({"proID": id})).await;
        assert!(refused["message"].as_str().unwrap().contains(word), "{refused}");
        assert!(codes.insert(refused["code"].as_i64().unwrap()), "each refusal has its own code");
    }
    assert_eq!(s.command("8001", "/agent/agentAtIn", json!({})).await["code"], 40001);
    assert_eq!(s.command("8001", "/agent/agentAtOut", json!({})).await["code"], 41005);
    assert_eq!(s.command("8001", "/agent/agentAtIn", json!({"proID": 7})).await["code"], 0);
    let second = s.command("8001", "/agent/agentAtIn", json!({"proID": 5})).await;
    assert!(second["code"] != 0 && second["message"].as_str().unwrap().contains("不限"), "{second}");
}

#[tokio::test]
async fn a_refused_call_is_not_counted_and_another_comes() {
    let s = stage_with(PROJECTS, Options::default()).await;
    let mut link = s.signed_in("8001").await;
    assert_eq!(s.command("8001", "/agent/agentAtIn", json!({"proID": 5})).await["code"], 0);
    link.next().await;
    assert_eq!(link.phone().await["RingType"], 5);
    assert_eq!(s.command("8001", "/agent/refuse", json!({})).await["code"], 0);
    assert_eq!(link.phone().await["PhoSta"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
    assert_eq!(row(&s, 0).await["agent_connected_current"], 0);
    assert_eq!(s.admin(reqwest::Method::GET, "/calls", json!({})).await, json!([]), "the customer does not wait");
    assert_eq!(link.next().await, json!({"MT": 4, "State": "4"}));
}

#[tokio::test]
async fn a_busy_agent_gets_none_and_a_new_sign_in_is_still_in_the_project() {
    let s = stage_with(PROJECTS, Options::default()).await;
    let mut link = s.signed_in("8001").await;
    assert_eq!(s.command("8001", "/agent/agentAtIn", json!({"proID": 5})).await["code"], 0);
    assert_eq!(s.command("8001", "/agent/busy", json!({})).await["code"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "2"}));
    assert!(tokio::time::timeout(Duration::from_millis(1500), link.0.next()).await.is_err(), "a call came");
    assert_eq!(s.command("8001", "/agent/logout", json!({})).await["code"], 0);
    link.close_code().await;
    let mut link = s.signed_in("8001").await;
    assert_eq!(row(&s, 0).await["agent_joined"], true);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "4"}));
    assert_eq!(link.phone().await["RingType"], 5);
}

#[tokio::test]
async fn a_customer_passed_on_is_no_longer_the_projects() {
    let s = stage_with(PROJECTS, Options::default()).await;
    let mut link = s.signed_in("8001").await;
    let mut other = s.signed_in("8002").await;
    assert_eq!(s.command("8001", "/agent/agentAtIn", json!({"proID": 5})).await["code"], 0);
    let (.., leg) = s.switch.call(0).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    while link.next().await["PhoSta"] != 6 {}
    assert_eq!(s.command("8001", "/agent/transferAg", json!({"transferAgNo": "8002"})).await["code"], 0);
    other.next().await;
    let ring = other.phone().await;
    assert!(ring["RingType"] == 1 && ring["Caller"] == "13600000001" && ring.get("AcPro").is_none(), "{ring}");
    let (.., leg) = s.switch.call(1).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    assert_eq!(other.phone().await["PhoSta"], 35);
    assert_eq!(row(&s, 0).await["agent_connected_current"], 1, "counted once");
    let others = s.command("8002", "/agent/agentPro", json!({})).await;
    assert_eq!(others["data"][0]["agent_connected_current"], 0);
}

#[tokio::test]
async fn a_platform_that_forgets_everything_forgets_this_too() {
    let s = stage_with(PROJECTS, Options::default()).await;
    let _link = s.signed_in("8001").await;
    assert_eq!(s.command("8001", "/agent/agentAtIn", json!({"proID": 7})).await["code"], 0);
    s.fault(json!({"fault": "restart", "value": "keep"})).await;
    assert_eq!(row(&s, 2).await["agent_joined"], true);
    s.fault(json!({"fault": "restart", "value": "forget"})).await;
    assert_eq!(row(&s, 2).await["agent_joined"], false);
}
