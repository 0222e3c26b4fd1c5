use super::*;

#[tokio::test]
async fn a_browser_may_ask_before_it_asks() {
    let s = stage().await;
    let response = s
        .http
        .request(reqwest::Method::OPTIONS, format!("{}/agent/login", s.ready.api_server))
        .header("Origin", "http://shop.example")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization,content-type,x-own")
        .send()
        .await
        .unwrap();
    assert!(response.status().is_success());
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-allow-headers"], "authorization,content-type,x-own");
    assert!(headers["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    let nothing = s.http.get(format!("{}/nothing", s.ready.jsonp_server)).send().await.unwrap();
    assert_eq!(nothing.status(), 404);
    assert_eq!(nothing.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn look_ups_answer_as_script_and_as_json() {
    let s = stage().await;
    let get = |path: &str| {
        let request = s.http.get(format!("{}{path}", s.ready.jsonp_server));
        async move {
            let response = request.send().await.unwrap();
            let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
            (kind, response.text().await.unwrap())
        }
    };
    let (kind, text) = get("/v2/wintelapi/api/jsonp/agent?callback=jQuery1_2&ag_num=8001&vcc_code=DEMO&_=3").await;
    assert!(kind.starts_with("application/javascript"));
    let inner = text.strip_prefix("jQuery1_2(").unwrap().strip_suffix(");").unwrap();
    let reply: Value = serde_json::from_str(inner).unwrap();
    assert_eq!(reply["code"], 200);
    assert_eq!(reply["data"]["ag_name"], "张三");
    assert_eq!(reply["data"]["que"][0], json!({"id": "1", "que_name": "售前"}));

    let (_, text) = get("/v2/wintelapi/api/jsonp/queue/list?jsonpcallback=cb&ag_num=8001&vcc_code=DEMO").await;
    assert!(text.starts_with("cb({\"code\":200") && text.contains("售后"));
    // A callback that is no name is not repeated to a browser.
    let (kind, text) = get("/v2/wintelapi/api/jsonp/queue/list?jsonpcallback=alert(1)//&vcc_code=DEMO").await;
    assert!(kind.starts_with("application/json") && !text.contains("alert"));
    let (_, text) = get("/v2/wintelapi/api/jsonp/queue/list?vcc_code=OTHER").await;
    assert!(text.contains("402"));

    let (_, text) = get("/v2/wintelapi/api/agent/free?ag_num=8001&vcc_code=DEMO").await;
    assert!(text.contains("\"data\":[]"), "{text}");
    let _link = s.signed_in("8002").await;
    let (_, text) = get("/v2/wintelapi/api/agent/free?ag_num=8001&vcc_code=DEMO").await;
    assert!(text.contains("李四"));
}
