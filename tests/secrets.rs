//! Token, SIP password and digest responses reach no log, no screen, no answer and no argument list.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{Home, Platform, become_idle, talking, until};
use serde_json::{Value, json};

/// The SIP password, from the platform, with the agent's own token.
fn phone_password(platform: &Platform, token: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = format!("{}/agent/rtcInfo", platform.ready["api_server"].as_str().expect("a URL"));
    runtime.block_on(async {
        wincall_tui::net::tls::install_provider();
        let answer = reqwest::Client::new()
            .post(url)
            .header("Authorization", token)
            .json(&json!({ "agNo": "8001", "phoNum": "9001" }))
            .send()
            .await
            .expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        answer["data"]["phopass"].as_str().expect("a password").to_owned()
    })
}

#[test]
fn a_whole_call_at_trace_leaks_nothing() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let token = platform.ready["agents"][0]["token"].as_str().expect("a token").to_owned();
    let password = phone_password(&platform, &token);
    let config = platform.config.to_string_lossy().into_owned();
    let log = std::fs::File::create(home.path("client.log")).expect("a log file");
    let child = home
        .command(&["run", "--headless", "--config", &config])
        .env("WINCALL_LOG", "trace")
        .stdout(log.try_clone().expect("a log file"))
        .stderr(log)
        .spawn()
        .expect("the phone bar starts");
    let client = common::Process::from(child);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    platform.fault("drop_ws", json!(true), Some(500));
    platform.fault("drop_sip", json!(true), Some(500));
    home.until("down", |s| s["link"]["state"] != "up");
    home.wait("link-up");
    home.wait("registered");
    let command_line = std::fs::read_to_string(format!("/proc/{}/cmdline", client.id())).expect("the command line");
    let status = home.ctl(&["status", "--json"]);
    home.ctl(&["hangup"]);
    home.wait("no-call");
    let responses: Vec<String> = platform
        .log()
        .iter()
        .filter_map(|entry| entry["text"].as_str()?.split("response=\"").nth(1)?.split('"').next().map(str::to_owned))
        .filter(|response| response.len() == 32)
        .collect();
    assert_eq!(client.terminate(), Some(0));
    until("a log is written", Duration::from_secs(5), || home.logs().len() > 10_000);
    let all = format!("{}{command_line}{status}{}", home.logs(), json!(platform.log()));
    let bare = token.split_once(' ').map_or(token.as_str(), |(_, bare)| bare).to_owned();
    for secret in [token, bare, password] {
        assert!(!secret.is_empty() && !all.contains(&secret), "a secret is written down");
    }
    for response in responses {
        assert!(!home.logs().contains(&response), "a digest response is written down");
    }
}
