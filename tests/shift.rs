//! What changes in the middle of a shift: the phone, the kind of sign-in, the token; and what is looked up during it.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{fs, time::Duration};

use common::{
    Home, Platform,
    floor::{self, Agent},
    headless,
};
use serde_json::{Value, json};

/// Calls a method of the control socket; the platform's answer.
fn call(home: &Home, method: &str, params: &Value) -> Value {
    serde_json::from_str(&home.ctl(&["call", method, &params.to_string()])).expect("JSON")
}

#[test]
fn another_phone_is_taken_and_rings() {
    let stage = Home::new();
    let platform = Platform::start(&stage);
    let agent = Agent::start(&platform, 0, 700.0, "");
    let phone = |s: &Value| (s["agent"]["phone"].clone(), s["agent"]["web_phone"].clone());
    let own = agent.home.status()["agent"]["phone"].clone();

    let other = json!({ "bindTel": platform.ready["agents"][1]["agent_phone"], "isWebrtc": true });
    let _li = Agent::start(&platform, 1, 1100.0, "");
    let refused = agent.home.try_ctl(&["call", "Agent.changeBindTel", &other.to_string()]);
    assert_eq!(refused.code, Some(1), "another agent's phone");
    assert_eq!(phone(&agent.home.status()), (own, json!(true)), "nothing is changed");

    call(&agent.home, "Agent.changeBindTel", &json!({ "bindTel": "9011", "isWebrtc": true }));
    assert_eq!(phone(&agent.home.status()), (json!("9011"), json!(true)));
    agent.home.until("the new phone is registered", |s| s["sip"]["state"] == "registered");
    let customer = json!({ "to_agent": agent.ag_no, "from": "13800138000", "audio": "tone:440" });
    platform.admin("POST", "/calls", customer);
    agent.wait("ringing");
    agent.ctl(&["answer"]);
    agent.wait("talking");
    agent.home.until("sound", |s| s["media"]["packets_received"].as_u64() > Some(50));
    let refused = agent.home.try_ctl(&["call", "Agent.changeBindTel", &json!({ "bindTel": "9012" }).to_string()]);
    assert_eq!(refused.code, Some(1), "not during a call");
    agent.ctl(&["hangup"]);
    agent.wait("no-call");

    call(&agent.home, "Agent.changeBindTel", &json!({ "bindTel": "9012", "isWebrtc": false }));
    let away = agent.home.until("no registration", |s| s["sip"]["state"] == "off");
    assert_eq!(phone(&away), (json!("9012"), json!(false)));
    call(&agent.home, "Agent.switchMode", &json!({ "agType": 2 }));
    assert_eq!(agent.home.status()["agent"]["login_type"], "static");
}

#[test]
fn an_agent_with_an_external_phone_can_change_to_the_built_in_one() {
    let stage = Home::new();
    let platform = Platform::start(&stage);
    let home = Home::new();
    let config = floor::config_of(&home, &platform, 0, 700.0, "webrtc = false");
    // The file from the platform says otherwise.
    let text = fs::read_to_string(&config).expect("the config").replace("\nwebrtc = true", "");
    fs::write(&config, text).expect("the config");
    let _process = headless(&home, &config);
    home.wait("idle");
    assert_eq!(home.status()["agent"]["web_phone"], false);
    assert_eq!(home.status()["sip"]["state"], "off");
    call(&home, "Agent.changeBindTel", &json!({ "bindTel": "9011", "isWebrtc": true }));
    home.wait("registered");
    platform.admin("POST", "/calls", json!({ "to_agent": "8001", "from": "13800138000", "audio": "tone:440" }));
    home.wait("ringing");
    home.ctl(&["answer"]);
    home.until("sound", |s| s["media"]["packets_received"].as_u64() > Some(50));
}

#[test]
fn a_token_file_is_watched_and_the_call_goes_on() {
    let stage = Home::new();
    let platform = Platform::start(&stage);
    let home = Home::new();
    let config = floor::config_of(&home, &platform, 0, 700.0, "");
    let file = home.path("token");
    fs::write(&file, format!("{}\n", platform.ready["agents"][0]["token"].as_str().expect("a token"))).expect("a file");
    let text = fs::read_to_string(&config).expect("the config");
    let lines = text.lines().map(|line| match line.starts_with("token = ") {
        true => format!("token_file = {}", json!(file)),
        false => line.to_owned(),
    });
    fs::write(&config, lines.collect::<Vec<_>>().join("\n")).expect("the config");
    let _process = headless(&home, &config);
    common::become_idle(&home);
    common::talking(&home, &platform, "tone:440");

    platform.fault("expire_token", json!(0), None);
    assert_eq!(home.try_ctl(&["hold"]).code, Some(1), "an old token is worth nothing");
    let new = platform.admin("POST", "/tokens", json!({ "agent": "8001" }));
    fs::write(&file, format!("{}\n", new["token"].as_str().expect("a token"))).expect("a file");
    common::until("the new token counts", Duration::from_secs(10), || home.try_ctl(&["hold"]).code == Some(0));
    home.ctl(&["unhold"]);
    platform.fault("drop_ws", json!(true), Some(200));
    home.until("the link is lost", |s| s["link"]["state"] != "up");
    home.wait("link-up");
    assert_eq!(home.status()["call"]["phase"], "talking");
    assert!(!home.logs().contains("Bearer"), "no token in the log");
}

#[test]
fn a_token_that_is_refused_leaves_the_one_that_works() {
    let stage = Home::new();
    let platform = Platform::start(&stage);
    let agent = Agent::start(&platform, 0, 700.0, "");
    let file = agent.home.path("new token");
    let token_of = |s: &Value| {
        let facts = s["health"]["items"].as_array().cloned().unwrap_or_default();
        facts.iter().find(|item| item["name"] == "token").map(|item| item["level"].clone())
    };
    fs::write(&file, "Bearer wr0ng-and-secret\n").expect("a file");
    let by_file = agent.home.try_ctl(&["token", file.to_str().expect("UTF-8")]);
    let by_call = agent.home.try_ctl(&["call", "config.setState", r#"{"token":"Bearer wr0ng-and-secret"}"#]);
    for refused in [by_file, by_call] {
        assert_eq!(refused.code, Some(1), "{}", refused.err);
        assert!(refused.err.contains("token") && !refused.err.contains("wr0ng"), "{}", refused.err);
    }
    let status = agent.home.status();
    assert_eq!(token_of(&status), Some(json!("warn")), "{}", status["health"]);
    agent.ctl(&["busy"]);
    agent.ctl(&["ready"]);
    platform.fault("drop_ws", json!(true), Some(200));
    agent.home.until("the link is lost", |s| s["link"]["state"] != "up");
    agent.home.wait("link-up");

    let new = platform.admin("POST", "/tokens", json!({ "agent": agent.ag_no }));
    fs::write(&file, format!("{}\n", new["token"].as_str().expect("a token"))).expect("a file");
    agent.ctl(&["token", file.to_str().expect("UTF-8")]);
    assert_eq!(token_of(&agent.home.status()), Some(json!("ok")));
    assert!(!agent.home.logs().contains("wr0ng") && !agent.home.logs().contains("Bearer"), "no token in the log");
}

#[test]
fn look_ups_answer_with_the_platforms_own_words() {
    let stage = Home::new();
    let platform = Platform::start(&stage);
    let zhang = Agent::start(&platform, 0, 700.0, "");
    let li = Agent::start(&platform, 1, 1100.0, "");
    let free = call(&zhang.home, "Info.getAgentList", &json!({}));
    assert_eq!(free["code"], 0);
    let numbers = |rows: &Value| -> Vec<String> {
        let rows = rows["data"].as_array().cloned().unwrap_or_default();
        rows.iter().filter_map(|row| Some(row["ag_num"].as_str()?.to_owned())).collect()
    };
    assert!(numbers(&free).contains(&li.ag_no), "{free}");
    assert_eq!(call(&zhang.home, "Info.getAgentBaseInfo", &json!({}))["data"]["ag_num"], json!(zhang.ag_no));
    for method in ["Info.getQueue", "Info.getBusyReason", "Info.getCallNum", "Agent.getCallList", "Agent.getPro"] {
        let answer = call(&zhang.home, method, &json!({}));
        assert_eq!(answer["code"], 0, "{method}: {answer}");
        assert!(answer["data"].is_array() || answer["data"]["num"].is_array(), "{method}: {answer}");
    }
    assert_eq!(call(&zhang.home, "Info.getQueueSum", &json!({}))["data"], 0);

    li.home.ctl(&["dial", "13900139000"]);
    li.wait("talking");
    let busy = call(&zhang.home, "Info.getOnlineAgent", &json!({}));
    assert!(numbers(&busy).contains(&li.ag_no), "{busy}");
}

#[test]
fn waiting_customers_are_counted() {
    let stage = Home::new();
    let platform = Platform::start(&stage);
    platform.configure("render_html", &[("show_que_sum", json!(true))]);
    platform.configure("audio", &[("backend", json!("null"))]);
    let home = Home::new();
    let _process = headless(&home, &platform.config);
    common::become_idle(&home);
    home.until("nobody waits", |s| s["queue_waiting"] == 0);
    home.ctl(&["busy"]);
    home.wait("busy");
    for from in ["13800138001", "13800138002"] {
        platform.admin("POST", "/calls", json!({ "queue": 1, "from": from, "answer_timeout_s": 120 }));
    }
    home.until("two wait", |s| s["queue_waiting"] == 2);
}

#[test]
fn a_restarted_program_is_back_without_a_second_sign_in() {
    let stage = Home::new();
    let platform = Platform::start(&stage);
    platform.configure("audio", &[("backend", json!("null"))]);
    let home = Home::new();
    let client = headless(&home, &platform.config);
    common::become_idle(&home);
    home.ctl(&["busy", "11"]);
    home.wait("busy");
    let sign_ins = || {
        let log = platform.log();
        log.iter()
            .filter(|entry| entry["text"].as_str().is_some_and(|t| t.contains("POST") && t.contains("/agent/login")))
            .count()
    };
    assert_eq!(sign_ins(), 1);
    // Dropped, it is killed: it says goodbye to nobody.
    drop(client);
    let _client = headless(&home, &platform.config);
    common::until("the control socket", Duration::from_secs(10), || home.try_ctl(&["status"]).code == Some(0));
    home.wait("busy");
    home.wait("registered");
    assert_eq!(home.status()["agent"]["reason"]["id"], 11);
    assert_eq!(sign_ins(), 1, "the platform knew it again");
}
