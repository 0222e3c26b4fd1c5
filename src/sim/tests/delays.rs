//! The two channels late: what is pushed over the event link. The phone's SIP leg is tested with the switch.

use tokio::time::Instant;

use super::*;

const LATE: Duration = Duration::from_millis(150);

async fn customer(s: &Stage) -> String {
    let body = json!({"to_agent": "8001", "from": "13800138000"});
    s.admin(reqwest::Method::POST, "/calls", body).await["call_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn late_pushes_keep_their_order_and_delay_what_is_behind_them() {
    let s = stage_with("wrap_up_s = 0", Options::default()).await;
    let mut link = s.signed_in("8001").await;
    s.fault(json!({"fault": "delay_push_ms", "value": {"ring": 150, "hangup": 150}, "agent": "8001"})).await;
    let begun = Instant::now();
    let call = customer(&s).await;
    // What is told before the ring is not late.
    assert_eq!(link.next().await, json!({"MT": 4, "State": "4"}));
    let (.., leg) = s.switch.call(0).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    until("the phone is answered", async || {
        let calls = s.admin(reqwest::Method::GET, "/calls", json!({})).await;
        (calls[0]["phase"] == "talking").then_some(())
    })
    .await;
    s.admin(reqwest::Method::DELETE, &format!("/calls/{call}"), json!({})).await;
    // A push that is not late itself waits behind one that is, as on one connection.
    assert_eq!(link.phone().await["PhoSta"], 5);
    assert!(begun.elapsed() >= LATE);
    assert_eq!(link.phone().await["PhoSta"], 6);
    assert_eq!(link.phone().await["PhoSta"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
    assert!(s.switch.asked().contains(&Asked::HangUp(leg)), "the phone's leg is not late with it");
}

#[tokio::test]
async fn a_number_delays_every_push_of_those_concerned_and_the_newest_order_counts() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    let mut other = s.signed_in("8002").await;
    s.fault(json!({"fault": "delay_push_ms", "value": 60_000, "agent": "8002"})).await;
    s.command("8002", "/agent/busy", json!({})).await;
    s.fault(json!({"fault": "delay_push_ms", "value": 150})).await;
    let begun = Instant::now();
    s.command("8001", "/agent/busy", json!({})).await;
    assert_eq!(link.next().await["State"], "2");
    assert!(begun.elapsed() >= LATE);
    s.admin(reqwest::Method::DELETE, "/faults", json!({})).await;
    // Those that are on their way stay so, and the next one is behind them.
    s.command("8002", "/agent/ready", json!({})).await;
    let silent = tokio::time::timeout(Duration::from_millis(300), other.0.next()).await;
    assert!(silent.is_err(), "{silent:?}");
    // A cut does not wait.
    s.fault(json!({"fault": "drop_ws", "agent": "8002", "for_ms": 1})).await;
    assert_eq!(other.close_code().await, None);
}

#[tokio::test]
async fn the_closing_of_a_link_waits_behind_late_pushes() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    s.fault(json!({"fault": "delay_push_ms", "value": 150})).await;
    s.fault(json!({"fault": "force_busy", "agent": "8001"})).await;
    s.fault(json!({"fault": "close_code", "value": 3412, "agent": "8001"})).await;
    assert_eq!(link.next().await, json!({"MT": 10, "Code": 6}));
    assert_eq!(link.next().await["State"], "2");
    assert_eq!(link.close_code().await, Some(3412));
}

#[tokio::test]
async fn pushes_may_leave_out_which_call_they_are_about() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    s.fault(json!({"fault": "no_call_id", "agent": "8001"})).await;
    let call = customer(&s).await;
    assert_eq!(link.next().await["State"], "4");
    let ring = link.next().await;
    assert_eq!((ring["PhoSta"].as_u64(), ring.get("CallID")), (Some(5), None));
    s.admin(reqwest::Method::DELETE, "/faults", json!({})).await;
    s.admin(reqwest::Method::DELETE, &format!("/calls/{call}"), json!({})).await;
    assert_eq!(link.next().await["CallID"], json!(call));
}

#[tokio::test]
async fn an_invite_may_name_a_gateway() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    s.fault(json!({"fault": "sip_from", "value": "gw01"})).await;
    customer(&s).await;
    assert_eq!(s.switch.call(0).await.1, "gw01");
    assert_eq!(link.next().await["State"], "4");
    assert_eq!(link.phone().await["Caller"], "13800138000");
}

#[tokio::test]
async fn delays_that_make_no_sense_are_refused() {
    let s = stage().await;
    let url = format!("{}/faults", s.ready.admin);
    for (body, word) in [
        (r#"{"fault":"delay_push_ms","value":{"rings":100}}"#, "rings"),
        (r#"{"fault":"delay_sip_ms","value":"late"}"#, "milliseconds"),
        (r#"{"fault":"delay_sip_ms"}"#, "delay_sip_ms"),
    ] {
        let refused = s.http.post(&url).body(body).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{body}");
        let text = refused.text().await.unwrap();
        assert!(text.contains(word), "{body}: {text}");
    }
    s.fault(json!({"fault": "delay_sip_ms", "value": {"invite": 5, "seed": 1}})).await;
    let Some(Asked::Faults(faults)) = s.switch.asked().last().cloned() else { panic!("the switch is told nothing") };
    assert_ne!(faults, SwitchFaults::default());
    s.admin(reqwest::Method::DELETE, "/faults", json!({})).await;
    assert_eq!(s.switch.asked().last(), Some(&Asked::Faults(SwitchFaults::default())));
}
