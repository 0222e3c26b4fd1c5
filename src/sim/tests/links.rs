use super::*;

#[tokio::test]
async fn wrong_links_are_closed_with_the_right_code() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    let reg_id = s.reg_id("8001").await;
    let bad = format!("{}?token=Bearer%20x&RegID={reg_id}", s.ready.ws_server);
    let (socket, _) = tokio_tungstenite::connect_async(bad).await.unwrap();
    assert_eq!(LinkClient(socket).close_code().await, Some(3403));
    assert_eq!(s.link("8001", "Rx", "").await.unwrap().close_code().await, Some(3404));
    assert_eq!(s.link("8002", &reg_id, "").await.unwrap().close_code().await, Some(3404));
    // The same registration again: the older link goes.
    let mut newer = s.link("8001", &reg_id, "&loginState=0&reset=false").await.unwrap();
    assert_eq!(link.close_code().await, Some(3405));
    newer.send("Hello Server!").await;
    assert_eq!(newer.next().await, json!({"MT": 0}));
    assert_eq!(newer.next().await, json!({"MT": 6, "AgSta": 1}));
}

#[tokio::test]
async fn a_returning_link_is_told_the_call_it_missed() {
    let s = stage().await;
    let link = s.signed_in("8001").await;
    let reg_id = s.reg_id("8001").await;
    drop(link);
    s.admin(reqwest::Method::POST, "/calls", json!({"to_agent": "8001"})).await;
    let (.., leg) = s.switch.call(0).await;
    let mut link = s.link("8001", &reg_id, "&loginState=0&reset=false").await.unwrap();
    link.send("Hello Server!").await;
    assert_eq!(link.next().await, json!({"MT": 0}));
    assert_eq!(link.next().await, json!({"MT": 6, "AgSta": 4, "PhoSta": 5}));
    s.switch.tell(SwitchEvent::Answered { leg });
    assert_eq!(link.phone().await["PhoSta"], 6);
    // In wrap-up, the seconds left come along; busy, the reason.
    s.switch.tell(SwitchEvent::Ended { leg });
    while link.next().await["State"] != "5" {}
    let mut link = s.link("8001", &reg_id, "").await.unwrap();
    link.send("Hello Server!").await;
    assert_eq!(link.next().await, json!({"MT": 0}));
    assert_eq!(link.next().await, json!({"MT": 6, "AgSta": 5, "AgStaParam": 1}));
    s.command("8001", "/agent/busy", json!({"reason": 13})).await;
    assert_eq!(link.next().await["State"], "2");
    let mut link = s.link("8001", &reg_id, "").await.unwrap();
    link.send("Hello Server!").await;
    assert_eq!(link.next().await, json!({"MT": 0}));
    assert_eq!(link.next().await, json!({"MT": 6, "AgSta": 2, "AgStaParam": "13"}));
}

#[tokio::test]
async fn a_link_that_stays_away_too_long_signs_the_agent_out() {
    let s = stage_with("link_patience_s = 1", Options::default()).await;
    let link = s.signed_in("8001").await;
    let reg_id = s.reg_id("8001").await;
    drop(link);
    until("signed out", async || {
        let agents = s.admin(reqwest::Method::GET, "/agents", json!({})).await;
        (agents[0]["signed_in"] == false).then_some(())
    })
    .await;
    let mut link = s.link("8001", &reg_id, "&loginState=0&reset=false").await.unwrap();
    link.send("Hello Server!").await;
    assert_eq!(link.next().await, json!({"MT": 0}));
    assert_eq!(link.next().await, json!({"MT": 10, "Code": 10}));
    link.0.close(None).await.unwrap();
    s.signed_in("8001").await;
}

#[tokio::test]
async fn a_static_agent_stays_without_a_link() {
    let s = stage_with("link_patience_s = 0", Options::default()).await;
    let reply = s.command("8001", "/agent/login", json!({"bindTel": "9001", "loginType": 2, "state": 0})).await;
    let reg_id = reply["data"]["regId"].as_str().unwrap().to_owned();
    for first in [true, false] {
        let mut link = s.link("8001", &reg_id, "").await.unwrap();
        link.send("Hello Server!").await;
        assert_eq!(link.next().await, json!({"MT": 0}));
        if !first {
            assert_eq!(link.next().await, json!({"MT": 6, "AgSta": 0}));
        }
        drop(link);
        until("the link is seen to be gone", async || {
            let agents = s.admin(reqwest::Method::GET, "/agents", json!({})).await;
            (agents[0]["linked"] == false).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_silent_client_is_warned_and_then_dropped() {
    let s = stage_with("heartbeat_warn_s = 1\nheartbeat_drop_s = 2", Options::default()).await;
    let mut link = s.signed_in("8001").await;
    // A heartbeat before the warning puts it off.
    tokio::time::sleep(Duration::from_millis(600)).await;
    link.send("").await;
    let begun = tokio::time::Instant::now();
    match link.frame().await {
        Some(Ok(Message::Text(text))) => assert_eq!(text.as_str(), "WARNOFF"),
        other => panic!("{other:?}"),
    }
    assert!(begun.elapsed() > Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_eq!(link.close_code().await, None);
    assert!(begun.elapsed() > Duration::from_millis(1900), "{:?}", begun.elapsed());
}
