use super::*;

#[tokio::test]
async fn sign_in_as_in_the_worked_example() {
    let s = stage().await;
    let info = s.command("8001", "/agent/rtcInfo", json!({"phoNum": "9001"})).await;
    assert_eq!(info["code"], 0);
    assert!(info["data"]["vccCode"].is_string() && info["data"]["vccId"].is_u64());
    assert!(info["data"]["phopass"].as_str().is_some_and(|p| p.len() >= 8));
    let now = jiff::Timestamp::now().as_second();
    assert!((now + 7 * 3600..now + 9 * 3600).contains(&info["data"]["expires"].as_i64().unwrap()));

    let reply = s.command("8001", "/agent/login", json!({"bindTel": "9001", "loginType": 1, "state": 0})).await;
    assert_eq!((&reply["code"], &reply["data"]["agSta"]), (&json!(0), &json!("0")));
    let reg_id = reply["data"]["regId"].as_str().unwrap().to_owned();
    let mut link = s.link("8001", &reg_id, "&loginState=0").await.unwrap();
    link.send("Hello Server!").await;
    assert_eq!(link.next().await, json!({"MT": 0}));
    link.send("").await;

    let reasons = s.command("8001", "/agent/busyReason", json!({})).await;
    assert_eq!(reasons["data"][0], json!({"id": "11", "stat_reason": "小休"}));
    assert_eq!(s.command("8001", "/agent/busy", json!({"reason": 11})).await["code"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "2", "Reason": "11"}));
    assert_eq!(s.command("8001", "/agent/busy", json!({"reason": "11"})).await["code"], 40403);
    assert_eq!(s.command("8001", "/agent/busy", json!({"reason": 99})).await["code"], 40001);
    assert_eq!(s.command("8001", "/agent/ready", json!({})).await["code"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
    assert_eq!(s.command("8001", "/agent/ready", json!({})).await["code"], 40403);

    // A second sign-in is told about the first, in strings.
    let again = s.command("8001", "/agent/login", json!({"bindTel": "9001", "loginType": 1, "state": 0})).await;
    assert_eq!(again["code"], 40101);
    let data = json!({"regId": reg_id, "agSta": "1", "agType": "1", "phoNum": "9001", "wsLink": "1"});
    assert_eq!(again["data"], data);

    assert_eq!(s.command("8001", "/agent/logout", json!({})).await["code"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "0"}));
    // This client does not close: the platform does.
    assert_eq!(link.close_code().await, Some(3404));
    assert_eq!(s.command("8001", "/agent/ready", json!({})).await["code"], 40401);
    s.platform.stop().await;
}

#[tokio::test]
async fn the_reply_comes_before_what_it_pushes() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    for round in 0..20 {
        let path = if round % 2 == 0 { "/agent/busy" } else { "/agent/ready" };
        let replied = std::sync::atomic::AtomicBool::new(false);
        let command = async {
            assert_eq!(s.command("8001", path, json!({})).await["code"], 0);
            replied.store(true, Ordering::SeqCst);
        };
        let pushed = async {
            link.next().await;
            replied.load(Ordering::SeqCst)
        };
        // Both run in one task: whichever arrives first is seen first.
        let ((), after) = tokio::join!(biased; command, pushed);
        assert!(after, "round {round}");
    }
}

#[tokio::test]
async fn only_a_good_token_of_the_same_agent_opens_the_door() {
    let s = stage().await;
    let post = |token: String, body: Value| {
        let request = s.http.post(format!("{}/agent/login", s.ready.api_server)).header("Authorization", token);
        async move { request.body(body.to_string()).send().await.unwrap().json::<Value>().await.unwrap() }
    };
    let body = json!({"agNo": "8001", "bindTel": "9001", "state": 0});
    assert_eq!(post("Bearer other".into(), body.clone()).await["code"], 40100);
    assert_eq!(post(s.token("8002").into(), body.clone()).await["code"], 40103);
    let reply = post(s.token("8001").into(), json!({"agNo": "8001", "bindTel": "4711", "state": 0})).await;
    assert_eq!(reply["code"], 40405);
    assert!(reply["message"].as_str().is_some_and(|m| m.contains("4711")));

    s.fault(json!({"fault": "expire_token", "agent": "8001"})).await;
    assert_eq!(post(s.token("8001").into(), body.clone()).await["code"], 40102);
    // The new token is judged by itself, though the old one in the header has expired.
    let renewed = s.admin(reqwest::Method::POST, "/tokens", json!({"agent": "8001"})).await["token"].clone();
    let check = s.command("8001", "/agent/check", json!({"token": renewed})).await;
    assert_eq!(check["code"], 0);
    assert!(check["data"]["expires"].is_u64());
    assert_eq!(post(renewed.as_str().unwrap().into(), body).await["code"], 0);
}

#[tokio::test]
async fn a_sign_in_without_a_link_is_plain() {
    let s = stage().await;
    let reply = s.command("8002", "/agent/login", json!({"bindTel": "9002", "loginType": 2, "state": 2})).await;
    assert_eq!(reply["code"], 0);
    let again = s.command("8002", "/agent/login", json!({"bindTel": "9002", "loginType": 2, "state": 2})).await;
    let data = &again["data"];
    assert_eq!((&data["agSta"], &data["agType"], &data["wsLink"]), (&json!("2"), &json!("2"), &json!("0")));
}

#[tokio::test]
async fn the_written_config_names_every_server_and_no_table() {
    let s = stage().await;
    let config: toml::Table = s.platform.client_config().parse().unwrap();
    assert_eq!(config["token"].as_str(), Some(s.token("8001")));
    assert_eq!(config["ws_server"].as_str(), Some(s.ready.ws_server.as_str()));
    assert_eq!(config["init_with_login"].as_bool(), Some(true));
    assert!(config.values().all(|v| !v.is_table()));
    assert!(!format!("{:?}", s.ready).contains("demo-"));
}
