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
    let platform = Platform::start_traced(&home);
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
    let listener = home
        .command(&["ctl", "events", "--json", "--until", "callEnded", "--timeout", "60"])
        .stdout(std::fs::File::create(home.path("events.log")).expect("a file"))
        .spawn()
        .expect("the listener starts");
    let mut listener = common::Process::from(listener);
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
    until("the events' end", Duration::from_secs(10), || !listener.is_running());
    assert_eq!(client.terminate(), Some(0));
    until("a log is written", Duration::from_secs(5), || home.logs().len() > 10_000);
    let log = json!(platform.log()).to_string();
    let config = platform.config.clone();
    platform.stop();
    let written = everything_under(&home, &config);
    assert!(written.contains("callEnded"), "the listener heard nothing");
    let bare = token.split_once(' ').map_or(token.as_str(), |(_, bare)| bare).to_owned();
    for (name, secret) in [("token", token), ("bare token", bare), ("password", password)] {
        assert!(!secret.is_empty());
        for (place, text) in [("a file", &written), ("/proc", &command_line), ("status", &status), ("/log", &log)] {
            assert!(!text.contains(&secret), "the {name} stands in {place}: {}", around(text, &secret));
        }
    }
    // What the digest answers is masked where it is kept, so its form is looked for: 32 hexadecimal digits.
    assert!(log.contains("REGISTER") && log.contains("***"), "the registration was asked for a digest");
    for (place, text) in [("a file", &written), ("status", &status), ("/log", &log)] {
        for (at, _) in text.match_indices("response=") {
            let value = text[at + "response=".len()..].trim_start_matches(['\\', '"']);
            let digits = value.chars().take_while(char::is_ascii_hexdigit).count();
            assert!(digits < 32, "a digest response stands in {place}: {}", around(text, value));
        }
    }
}

/// What stands before a secret, so that the place can be found.
fn around(text: &str, secret: &str) -> String {
    let before = text.split(secret).next().unwrap_or_default();
    before.chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect()
}

/// Every file under the home but the config itself, as text.
fn everything_under(home: &Home, config: &std::path::Path) -> String {
    let mut all = String::new();
    let mut dirs = vec![home.path("")];
    while let Some(dir) = dirs.pop() {
        for path in std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                dirs.push(path);
            } else if path != config && path.extension().is_none_or(|extension| extension != "wav") {
                all.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
    all
}
