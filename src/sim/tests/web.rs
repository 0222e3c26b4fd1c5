//! The web API beside the commands: keys, shapes and types of every answer (protocol `cti.md` 2.8 to 2.11).

use reqwest::Method;

use super::*;

impl Stage {
    /// A request to the web API with an `Authorization` header, or without; status and JSON.
    pub async fn web(&self, method: Method, path: &str, key: Option<&str>, body: Value) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.ready.jsonp_server));
        if let Some(key) = key {
            request = request.header("Authorization", key);
        }
        if !body.is_null() {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        assert!(response.headers()["content-type"].to_str().unwrap().contains("json"));
        (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    /// The token as the bar's own requests carry it: the second word.
    pub fn bare(&self, ag_no: &str) -> &str {
        self.token(ag_no).split_once(' ').unwrap().1
    }

    /// A look-up through a callback, unwrapped.
    pub async fn look_up(&self, path: &str) -> Value {
        let url = format!("{}{path}?jsonpcallback=jQuery1_2&ag_num=8001&vcc_code=DEMO&_=1", self.ready.jsonp_server);
        let text = self.http.get(url).send().await.unwrap().text().await.unwrap();
        let inner = text.strip_prefix("jQuery1_2(").and_then(|t| t.strip_suffix(");"));
        serde_json::from_str(inner.expect("JavaScript")).unwrap()
    }

    /// A customer calls a skill group; the call's id.
    async fn waits(&self, queue: i64, from: &str) -> String {
        let body = json!({"queue": queue, "from": from, "area": "北京", "answer_timeout_s": 600});
        self.admin(Method::POST, "/calls", body).await["call_id"].as_str().unwrap().to_owned()
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[tokio::test]
async fn every_service_wants_its_own_form_of_the_token() {
    let s = stage().await;
    let (whole, bare) = (s.token("8001"), s.bare("8001"));
    let services = [
        (Method::GET, "/v2/wintelapi/schedule/agent/worktime?ag_id=1001", false, true),
        (Method::POST, "/api/agent/queue/sum", true, true),
        (Method::POST, "/api/agent/queue/detail", true, true),
        (Method::POST, "/api/v3/monitor/queueUpNumById", true, false),
        (Method::GET, "/v3/api/busy/apply/agent", false, true),
        (Method::GET, "/v3/web/busy/apply/query", false, true),
        (Method::GET, "/v3/web/busy/apply/isChange", false, true),
        (Method::POST, "/v3/web/busy/apply/add", false, true),
        (Method::GET, "/api/v3/setting/warning", true, false),
    ];
    for (method, path, takes_whole, takes_bare) in services {
        for (key, taken) in
            [(Some(whole), takes_whole), (Some(bare), takes_bare), (Some("Bearer x"), false), (None, false)]
        {
            let (status, answer) = s.web(method.clone(), path, key, Value::Null).await;
            assert_eq!(status, if taken { 200 } else { 401 }, "{path} {key:?} {answer}");
            if !taken {
                assert_eq!(answer["error"], "invalid_token");
                assert!(answer["error_description"].is_string());
            }
        }
    }
    // A fault of one agent concerns these requests as well, in whatever form the token comes.
    s.fault(json!({"fault": "http_status", "value": 503, "agent": "8001"})).await;
    for (key, status) in [(bare, 503), (whole, 503), (s.bare("8002"), 200)] {
        let request = s.http.post(format!("{}/api/agent/queue/sum", s.ready.jsonp_server));
        assert_eq!(request.header("Authorization", key).send().await.unwrap().status(), status);
    }
    s.admin(Method::DELETE, "/faults", json!({})).await;
    s.fault(json!({"fault": "expire_token", "agent": "8001"})).await;
    let (status, answer) = s.web(Method::GET, "/v3/web/busy/apply/query", Some(bare), Value::Null).await;
    assert_eq!(status, 401);
    assert!(answer["error_description"].as_str().unwrap().contains("过期"), "{answer}");
}

#[tokio::test]
async fn the_language_asked_for_is_answered_in() {
    let s = stage().await;
    let ask = |language: Option<&'static str>| {
        let mut request = s.http.get(format!("{}/v2/wintelapi/api/jsonp/agent?ag_num=1", s.ready.jsonp_server));
        if let Some(language) = language {
            request = request.header("Accept-Language", language);
        }
        async move { request.send().await.unwrap().json::<Value>().await.unwrap()["message"].clone() }
    };
    assert_eq!(ask(Some("en-GB,en;q=0.9")).await, "there is no such agent");
    assert_eq!(ask(Some("zh-CN")).await, "坐席不存在");
    assert_eq!(ask(None).await, "坐席不存在");
}

#[tokio::test]
async fn free_agents_are_ready_ones_in_no_call() {
    let s = stage().await;
    let mut first = s.signed_in("8001").await;
    let _second = s.signed_in("8002").await;
    for path in ["/v2/wintelapi/api/agent/free", "/token/jsonp/get/free/agent"] {
        let free = s.look_up(path).await;
        assert_eq!(free["code"], 200);
        let row = json!({"ag_num": "8001", "ag_name": "张三", "state": "1", "que": ["售前", "售后"]});
        assert!(free["data"].as_array().unwrap().contains(&row), "{free}");
    }
    s.admin(Method::POST, "/calls", json!({"to_agent": "8001"})).await;
    first.next().await;
    assert_eq!(s.command("8002", "/agent/busy", json!({})).await["code"], 0);
    let free = s.look_up("/v2/wintelapi/api/agent/free").await;
    let there = |ag_no: &str| free["data"].as_array().unwrap().iter().any(|a| a["ag_num"] == ag_no);
    assert!(!there("8001") && !there("8002"), "{free}");
}

#[tokio::test]
async fn colleagues_are_among_the_free_ones_and_on_the_line() {
    let colleagues = "[[colleagues]]\nag_no = '8101'\nname = '陈晨'\ngroups = [1]\n\
        [[colleagues]]\nag_no = '8102'\nname = '赵敏'\ngroups = [1]\nbehaviour = 'busy'\n\
        [[colleagues]]\nag_no = '8103'\nname = '刘洋'\ngroups = [2]\nin_call_with = '13600136000'";
    let s = stage_with(colleagues, Options::default()).await;
    let line = until("the colleague's call", async || {
        let line = s.look_up("/v2/wintelapi/api/agent/ontheline").await["data"][0].clone();
        (line["state"] == "talking").then_some(line)
    });
    let line = line.await;
    assert_eq!((&line["ag_num"], &line["number"]), (&json!("8103"), &json!("13600136000")));
    let free = s.look_up("/v2/wintelapi/api/agent/free").await;
    assert_eq!(free["data"], json!([{"ag_num": "8101", "ag_name": "陈晨", "state": "1", "que": ["售前"]}]));
}

#[tokio::test]
async fn a_customer_can_be_handed_to_a_partners_group() {
    let s = stage_with("wrap_up_s = 0", Options::default()).await;
    let mut link = s.signed_in("8001").await;
    let groups = s.look_up("/v2/wintelapi/api/jsonp/queue/list").await;
    let partner = groups["data"].as_array().unwrap().iter().find(|g| g["vcc_id"] != 77).unwrap().clone();
    let id: i64 = partner["id"].as_str().unwrap().parse().unwrap();
    s.admin(Method::POST, "/calls", json!({"to_agent": "8001"})).await;
    let (.., leg) = s.switch.call(0).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    while link.next().await["PhoSta"] != 6 {}
    let transfer = async |fields: Value| s.command("8001", "/agent/transferQueue", fields).await["code"].clone();
    assert_ne!(transfer(json!({"queueId": id, "transVcc": 99})).await, 0, "no such tenant");
    assert_ne!(transfer(json!({"queueId": 99, "transVcc": partner["vcc_id"]})).await, 0, "no such group there");
    assert_eq!(transfer(json!({"queueId": id, "transVcc": partner["vcc_id"]})).await, 0);
    assert_eq!(link.phone().await["PhoSta"], 33);
    assert_eq!(link.phone().await["PhoSta"], 0);
    assert_eq!(link.next().await, json!({"MT": 4, "State": "1"}));
    until("somebody there answers", async || {
        let calls = s.admin(Method::GET, "/calls", json!({})).await;
        (calls[0]["legs"].as_array()?.len() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn groups_of_other_tenants_and_common_numbers_are_listed() {
    let s = stage().await;
    let groups = s.look_up("/v2/wintelapi/api/jsonp/queue/list").await;
    assert_eq!(groups["data"][0], json!({"id": "1", "que_name": "售前", "vcc_id": 77}));
    let others: Vec<&Value> = groups["data"].as_array().unwrap().iter().filter(|g| g["vcc_id"] != 77).collect();
    assert_eq!(others.len(), 1);
    assert!(others[0]["id"].is_string() && others[0]["que_name"].is_string() && others[0]["vcc_id"].is_u64());
    let outside = s.look_up("/v2/wintelapi/api/jsonp/consultouter").await;
    assert_eq!(outside["code"], 200);
    for row in outside["data"].as_array().unwrap() {
        assert!(row["name"].is_string() && row["tel"].as_str().unwrap().chars().all(|c| c.is_ascii_digit()));
    }
    assert!(!outside["data"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn who_is_on_the_line_with_whom_and_since_when() {
    let s = stage().await;
    let mut link = s.signed_in("8001").await;
    assert_eq!(s.look_up("/v2/wintelapi/api/agent/ontheline").await["data"], json!([]));
    s.admin(Method::POST, "/calls", json!({"to_agent": "8001", "from": "13900139000", "queue": 2})).await;
    let (.., leg) = s.switch.call(0).await;
    let before = now();
    s.switch.tell(SwitchEvent::Answered { leg });
    while link.next().await["PhoSta"] != 6 {}
    let line = s.look_up("/v2/wintelapi/api/agent/ontheline").await;
    assert_eq!(line["code"], 200);
    let mut row = line["data"][0].clone();
    let start = row.as_object_mut().unwrap().remove("start_time").unwrap().as_i64().unwrap();
    assert!((before - 1..=now()).contains(&start), "{start}");
    let expected = json!({
        "ag_num": "8001", "ag_name": "张三", "caller": "13900139000", "number": "13900139000", "que_name": "售后",
        "state": "talking", "can_be_spied": true,
    });
    assert_eq!(row, expected);
}

#[tokio::test]
async fn the_queue_is_counted_and_told_by_group() {
    let s = stage().await;
    let before = now();
    let id = s.waits(1, "13900000001").await;
    s.waits(1, "13900000002").await;
    s.waits(2, "13900000003").await;
    let sum = async |ids: Value| {
        let body = json!({"ag_ids": ids});
        s.web(Method::POST, "/api/agent/queue/sum", Some(s.token("8001")), body).await.1
    };
    let agent = s.look_up("/v2/wintelapi/api/jsonp/agent").await["data"]["id"].clone();
    assert_eq!(sum(json!([agent])).await, json!({"code": 200, "result": 3}));
    // 8002 serves the first group only.
    assert_eq!(sum(json!([1002])).await["result"], 2);
    assert_eq!(sum(json!(["1002"])).await["result"], 2);
    assert_eq!(sum(json!([])).await["result"], 0);

    let (_, detail) = s.web(Method::POST, "/api/agent/queue/detail", Some(s.bare("8001")), Value::Null).await;
    assert_eq!(detail["code"], 200);
    let groups = detail["result"].as_array().unwrap();
    assert_eq!(groups.iter().map(|g| g["users"].as_array().unwrap().len()).collect::<Vec<_>>(), [2, 1]);
    let mut user = groups[0]["users"][0].clone();
    let entered = user.as_object_mut().unwrap().remove("enterTime").unwrap().as_i64().unwrap();
    assert!((before..=now()).contains(&entered));
    let expected = json!({
        "incomingCallNum": "13900000001", "agNum": "", "city": "北京", "level": 0, "callId": id, "queueName": "售前",
    });
    assert_eq!(user, expected);
    // Who serves one group sees one.
    let (_, detail) = s.web(Method::POST, "/api/agent/queue/detail", Some(s.bare("8002")), Value::Null).await;
    assert_eq!(detail["result"].as_array().unwrap().len(), 1);

    for (body, waiting) in
        [(json!({"queueId": 2}), 1), (json!({"id": "1"}), 2), (json!({"ids": [1, "2"]}), 3), (json!({}), 3)]
    {
        let (_, answer) =
            s.web(Method::POST, "/api/v3/monitor/queueUpNumById", Some(s.token("8001")), body.clone()).await;
        assert_eq!(answer, json!({"code": 200, "result": waiting}), "{body}");
    }
    let request = s.http.post(format!("{}/api/agent/queue/sum", s.ready.jsonp_server));
    let broken = request.header("Authorization", s.token("8001")).body("{").send().await.unwrap();
    assert_eq!(broken.status(), 400);
}

#[tokio::test]
async fn time_in_the_queue_is_since_the_call_came() {
    let s = stage().await;
    s.waits(1, "13900000001").await;
    let entered = async || {
        let (_, detail) = s.web(Method::POST, "/api/agent/queue/detail", Some(s.bare("8001")), Value::Null).await;
        detail["result"][0]["users"][0]["enterTime"].as_i64().unwrap()
    };
    let first = entered().await;
    until("a second passes", async || (now() > first + 1).then_some(())).await;
    assert_eq!(entered().await, first);
}

#[tokio::test]
async fn the_plan_of_the_day_counts_from_the_first_sign_in() {
    let plan = "[[schedule]]\nafter_s = 3600\nlasts_s = 900\nreason = 12\ntitle = '午餐'\nlead_s = 300\n\
                [shift]\nends_after_s = 7200";
    let s = stage_with(plan, Options::default()).await;
    let ask = async |id: &str| {
        let path = format!("/v2/wintelapi/schedule/agent/worktime?ag_id={id}");
        s.web(Method::GET, &path, Some(s.bare("8001")), Value::Null).await.1
    };
    let nothing = json!({"logoutTime": 0, "list": [], "scheduleList": []});
    assert_eq!(ask("1001").await["data"], nothing, "nobody has begun to work");
    let before = now();
    let mut link = s.signed_in("8001").await;
    let answer = ask("1001").await;
    let began = answer["data"]["logoutTime"].as_i64().unwrap() - 7200;
    assert!((before..=now()).contains(&began));
    let expected = json!({
        "logoutTime": began + 7200,
        "list": [
            {"id": "12", "time": began + 3300, "leftTime": 300, "reason": "就餐", "title": "午餐"},
            {"id": "12", "time": began + 3600, "leftTime": 0, "reason": "就餐", "title": "午餐"},
        ],
        "scheduleList": [{"id": "12", "reason": "就餐", "startTime": began + 3600, "endTime": began + 4500}],
    });
    assert_eq!((&answer["code"], &answer["data"]), (&json!(1000), &expected));
    assert_eq!(ask("1002").await["code"], 405, "somebody else's");
    assert_eq!(s.command("8001", "/agent/logout", json!({})).await["code"], 0);
    link.close_code().await;
    until("a second passes", async || (now() > began + 1).then_some(())).await;
    let _again = s.signed_in("8001").await;
    assert_eq!(ask("1001").await["data"], expected, "a second sign-in changes nothing");
}

#[tokio::test]
async fn warning_rules_are_as_the_scenario_says() {
    let rules = "[team]\nid = 4\nname = '二组'\n\
        [[warnings]]\ncode = 'agSta_2_11'\nname = '小休'\nsetting = '时长'\nthreshold_s = 600\n\
        [[warnings]]\ncode = 'agSta_11'\nname = '通话'\nsetting = '过短'\nthreshold_s = 5\nrule = 'shorter'\nqueues = [2]\n\
        tell_agent = false\n\
        [[warnings]]\ncode = 'agSta_5'\nname = '整理'\nsetting = '组'\nthreshold_s = 9\nteams = [4]";
    let s = stage_with(rules, Options::default()).await;
    let (_, answer) = s.web(Method::GET, "/api/v3/setting/warning", Some(s.token("8001")), Value::Null).await;
    assert_eq!(answer["code"], 0);
    let rule = |code: &str, name: &str, setting: &str, numbers: [i64; 4], range: Value| {
        json!({
            "type": numbers[0], "warningCode": code, "warningCodeName": name, "warningSettingName": setting,
            "warningRule": numbers[1], "codeThreshold": numbers[2], "warningRangeType": numbers[3],
            "warningRange": range,
        })
    };
    let expected = json!({"groupId": 4, "groupName": "二组", "rules": [
        rule("agSta_2_11", "小休", "时长", [2, 1, 600, 0], json!([])),
        rule("agSta_11", "通话", "过短", [1, 2, 5, 1], json!(["2"])),
        rule("agSta_5", "整理", "组", [2, 1, 9, 2], json!(["4"])),
    ]});
    assert_eq!(answer["data"], expected);
}

#[tokio::test]
async fn a_probe_is_answered_at_once() {
    let s = stage().await;
    let request = s.http.post(format!("{}/ping", s.ready.jsonp_server));
    let response = request.header("Content-Type", "application/json;charset=utf-8").send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn changed_lists_are_told_and_are_there_when_asked_for() {
    let s = stage().await;
    let mut first = s.signed_in("8001").await;
    let mut second = s.signed_in("8002").await;
    let body = json!({"what": "callers", "caller_numbers": ["01011112222"]});
    s.admin(Method::POST, "/updates", body).await;
    assert_eq!(first.next().await, json!({"MT": 8, "Param": 2}));
    assert_eq!(second.next().await, json!({"MT": 8, "Param": 2}));
    let list = s.command("8001", "/agent/callerList", json!({})).await;
    assert_eq!(list["data"]["num"], json!([{"name": "01011112222", "value": "01011112222"}]));

    s.admin(Method::POST, "/updates", json!({"what": "queues", "agent": "8002", "groups": [2]})).await;
    assert_eq!(second.next().await, json!({"MT": 8, "Param": 1}));
    let url = format!("{}/v2/wintelapi/api/jsonp/agent?ag_num=8002", s.ready.jsonp_server);
    let base = s.http.get(url).send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(base["data"]["que"], json!([{"id": "2", "que_name": "售后"}]));
    // The other agent was not concerned: what comes next is the answer to its own command.
    s.command("8001", "/agent/busy", json!({})).await;
    assert_eq!(first.next().await["MT"], 4);
    for body in [json!({"what": "weather"}), json!({"what": "queues", "groups": [99]})] {
        let request = s.http.post(format!("{}/updates", s.ready.admin)).body(body.to_string());
        assert_eq!(request.send().await.unwrap().status(), 400, "{body}");
    }
}

#[tokio::test]
async fn a_spare_phone_can_be_taken_in_the_middle_of_the_shift() {
    let s = stage().await;
    let _link = s.signed_in("8001").await;
    let change = async |fields: Value| s.command("8001", "/agent/changeBindTel", fields).await["code"].clone();
    assert_eq!(change(json!({"bindTel": "9011", "isWebrtc": true})).await, 0);
    assert_eq!(s.command("8001", "/agent/rtcInfo", json!({"phoNum": "9011"})).await["code"], 0);
    s.admin(Method::POST, "/calls", json!({"to_agent": "8001"})).await;
    assert_eq!(s.switch.call(0).await.0, "ss77ss9011");
    assert_eq!(change(json!({"bindTel": "9001"})).await, 40402, "in a call");
    let other = s.command("8002", "/agent/login", json!({"bindTel": "9011", "loginType": 1, "state": 0})).await;
    assert_eq!(other["code"], 40405, "taken");
    assert_eq!(change(json!({"bindTel": "9012", "isWebrtc": "yes"})).await, 40001);
    assert_eq!(s.command("8001", "/agent/switchMode", json!({"agType": 2})).await["code"], 0);
    assert_eq!(s.command("8001", "/agent/switchMode", json!({"agType": 3})).await["code"], 40001);
    let told = s.command("8001", "/agent/login", json!({"bindTel": "9011", "loginType": 1, "state": 0})).await;
    assert_eq!((&told["data"]["agType"], &told["data"]["phoNum"]), (&json!("2"), &json!("9011")));
}
