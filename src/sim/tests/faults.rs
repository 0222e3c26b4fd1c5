use super::*;

#[tokio::test]
async fn drop_ws_cuts_without_a_word_and_refuses_until_it_is_over() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    let mut other = s.signed_in("8002").await;
    let reg_id = s.reg_id("8001").await;
    s.fault(json!({"fault": "drop_ws", "agent": "8001", "for_ms": 300})).await;
    assert_eq!(link.close_code().await, None);
    assert!(s.link("8001", &reg_id, "").await.is_err());
    let mut back = until("the fault is over", async || s.link("8001", &reg_id, "").await.ok()).await;
    back.send("Hello Server!").await;
    assert_eq!(back.next().await, json!({"MT": 0}));
    assert_eq!(back.next().await, json!({"MT": 6, "AgSta": 1}));
    s.command("8002", "/agent/busy", json!({})).await;
    assert_eq!(other.next().await["State"], "2");
}

#[tokio::test]
async fn stall_ws_keeps_the_link_and_says_nothing_until_it_is_over() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    s.fault(json!({"fault": "stall_ws"})).await;
    s.command("8001", "/agent/busy", json!({})).await;
    let silent = tokio::time::timeout(Duration::from_millis(300), link.0.next()).await;
    assert!(silent.is_err(), "{silent:?}");
    s.admin(reqwest::Method::DELETE, "/faults", json!({})).await;
    assert_eq!(link.next().await["State"], "2");
}

#[tokio::test]
async fn http_faults() {
    let s = stage().await;
    let url = format!("{}/agent/busyReason", s.ready.api_server);
    let ask = || s.http.post(&url).header("Authorization", s.token("8001")).body(r#"{"agNo":"8001"}"#).send();
    s.fault(json!({"fault": "refuse_http", "for_ms": 200})).await;
    assert!(ask().await.is_err());
    until("the fault is over", async || ask().await.ok()).await;

    s.fault(json!({"fault": "http_delay_ms", "value": 200})).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(ask().await.unwrap().status(), 200);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    s.admin(reqwest::Method::DELETE, "/faults", json!({})).await;

    s.fault(json!({"fault": "http_status", "value": 503, "agent": "8001"})).await;
    let refused = ask().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
    assert_eq!(s.command("8002", "/agent/busyReason", json!({})).await["code"], 0);
    s.admin(reqwest::Method::DELETE, "/faults", json!({})).await;

    s.fault(json!({"fault": "http_html"})).await;
    let page = ask().await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    s.admin(reqwest::Method::DELETE, "/faults", json!({})).await;

    s.fault(json!({"fault": "http_garbage"})).await;
    let garbage: Value = serde_json::from_str(&ask().await.unwrap().text().await.unwrap()).unwrap();
    assert!(!garbage["code"].is_number() && !garbage["message"].is_string(), "{garbage}");
    s.fault(json!({"fault": "http_garbage", "value": "[]"})).await;
    assert_eq!(ask().await.unwrap().text().await.unwrap(), "[]");
}

#[tokio::test]
async fn faults_of_the_switch_are_passed_on_and_taken_back() {
    let s = stage().await;
    // The switch knows no agents: naming one makes no difference.
    s.fault(json!({"fault": "drop_sip", "for_ms": 50, "agent": "8001"})).await;
    s.fault(json!({"fault": "rtp_loss_pct", "value": 5})).await;
    let lossy = RtpFaults { loss_pct: 5.0, ..Default::default() };
    let off = SwitchFaults { to_agent: lossy, from_agent: lossy, ..Default::default() };
    let (on, off) = (Asked::Faults(SwitchFaults { drop_sip: true, ..off }), Asked::Faults(off));
    until("passed on and over", async || {
        let asked = s.switch.asked();
        (asked.contains(&on) && asked.last() == Some(&off)).then_some(())
    })
    .await;
    s.admin(reqwest::Method::DELETE, "/faults", json!({})).await;
    assert_eq!(s.switch.asked().last(), Some(&Asked::Faults(SwitchFaults::default())));
}

#[tokio::test]
async fn faults_of_rtp_have_a_direction_and_the_newest_counts() {
    let s = stage().await;
    s.fault(json!({"fault": "rtp_loss_pct", "value": 10})).await;
    s.fault(json!({"fault": "rtp_burst", "value": 3})).await;
    s.fault(json!({"fault": "rtp_loss_pct", "value": 20, "direction": "to_agent"})).await;
    s.fault(json!({"fault": "rtp_jitter_ms", "value": {"sigma_ms": 30}, "direction": "from_agent"})).await;
    s.fault(json!({"fault": "rtp_duplicate_pct", "value": 4, "direction": "from_agent"})).await;
    s.fault(json!({"fault": "rtp_rate_kbps", "value": 64, "direction": "to_agent"})).await;
    s.fault(json!({"fault": "rtp_delay_ms", "value": 80})).await;
    let (both, quiet) = (RtpFaults { burst: 3.0, delay_ms: 80.0, ..Default::default() }, SwitchFaults::default());
    let to_agent = RtpFaults { loss_pct: 20.0, rate_kbps: 64, ..both };
    let jitter = crate::net::netem::Jitter::Normal { sigma_ms: 30.0 };
    let from_agent = RtpFaults { loss_pct: 10.0, jitter, duplicate_pct: 4.0, ..both };
    assert_eq!(s.switch.asked().last(), Some(&Asked::Faults(SwitchFaults { to_agent, from_agent, ..quiet })));
    let url = format!("{}/faults", s.ready.admin);
    let body = r#"{"fault":"rtp_delay_ms","value":1,"direction":"up"}"#;
    let refused = s.http.post(&url).body(body).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("from_agent"));
}

#[tokio::test]
async fn a_supervisor_and_a_second_sign_in() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    s.fault(json!({"fault": "force_busy", "agent": "8001"})).await;
    assert_eq!(link.next().await, json!({"MT": 10, "Code": 6}));
    assert_eq!(link.next().await, json!({"MT": 4, "State": "2"}));
    s.fault(json!({"fault": "force_idle"})).await;
    assert_eq!(link.next().await, json!({"MT": 10, "Code": 5}));
    assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
    s.fault(json!({"fault": "garbage_frame", "value": "{broken"})).await;
    assert!(matches!(link.frame().await, Some(Ok(Message::Text(t))) if t.as_str() == "{broken"));
    let reg_id = s.reg_id("8001").await;
    s.fault(json!({"fault": "kick"})).await;
    assert_eq!(link.close_code().await, Some(3405));
    assert_eq!(s.link("8001", &reg_id, "").await.unwrap().close_code().await, Some(3404));

    let mut link = s.signed_in("8002").await;
    s.fault(json!({"fault": "force_logoff", "agent": "8002"})).await;
    assert_eq!(link.next().await, json!({"MT": 10, "Code": 4}));
    let mut link = s.signed_in("8002").await;
    s.fault(json!({"fault": "close_code", "value": 3412, "agent": "8002"})).await;
    assert_eq!(link.close_code().await, Some(3412));
}

#[tokio::test]
async fn unknown_faults_are_refused_by_name() {
    let s = stage().await;
    let url = format!("{}/faults", s.ready.admin);
    let response = s.http.post(&url).body(r#"{"fault":"drop_wss"}"#).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("drop_wss"));
}

#[tokio::test]
async fn the_log_shows_requests_and_frames_without_secrets() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    s.command("8001", "/agent/rtcInfo", json!({"phoNum": "9001"})).await;
    s.command("8001", "/agent/busy", json!({})).await;
    link.next().await;
    let log = s.admin(reqwest::Method::GET, "/log", json!({})).await;
    let text = log.to_string();
    for word in ["POST /interface/v2/agent/login", "Hello Server!", "GET /link/v2/ws", "phopass"] {
        assert!(text.contains(word), "{word}");
    }
    assert!(!text.contains("demo-"));
    let mut states = log.as_array().unwrap().iter().filter(|e| e["source"] == "ws" && e["direction"] == "out");
    assert!(states.next_back().unwrap()["text"].as_str().unwrap().contains(r#""State":"2""#));
}

#[tokio::test]
async fn a_restart_keeps_or_forgets_who_was_signed_in() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    let reg_id = s.reg_id("8001").await;
    s.fault(json!({"fault": "restart", "value": "keep", "for_ms": 100})).await;
    assert_eq!(link.close_code().await, None);
    assert!(s.link("8001", &reg_id, "").await.is_err());
    let mut link = until("it is up again", async || s.link("8001", &reg_id, "").await.ok()).await;
    link.send("Hello Server!").await;
    assert_eq!(link.next().await, json!({"MT": 0}));
    assert_eq!(link.next().await, json!({"MT": 6, "AgSta": 1}));
    s.fault(json!({"fault": "restart", "value": "forget"})).await;
    assert_eq!(link.close_code().await, None);
    assert_eq!(s.link("8001", &reg_id, "").await.unwrap().close_code().await, Some(3404));
    s.signed_in("8001").await;
}
