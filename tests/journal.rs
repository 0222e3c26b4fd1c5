//! What is kept over a restart: the journal, also of a program that was killed in the middle of a call, and the
//! agent's choices.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use common::{Home, Platform, become_idle, headless, idle, talking, until};
use serde_json::{Value, json};

fn file(home: &Home, name: &str) -> std::path::PathBuf {
    home.path("state/wincall-tui").join(name)
}

fn journal(home: &Home) -> Vec<Value> {
    let printed = home.ctl(&["journal", "--json"]);
    serde_json::from_str(&printed).expect("the journal is JSON")
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

/// A customer who gives up while it rings.
fn missed(home: &Home, platform: &Platform, from: &str) {
    let body = json!({ "to_agent": platform.ready["agents"][0]["ag_no"], "from": from, "audio": "silence" });
    let call = platform.admin("POST", "/calls", body)["call_id"].as_str().unwrap().to_owned();
    home.wait("ringing");
    platform.admin("DELETE", &format!("/calls/{call}"), Value::Null);
    home.wait("no-call");
    home.until("a state for the next call", |s| s["agent"]["state"] == "idle");
}

#[test]
fn a_call_cut_short_by_a_crash_is_in_the_journal_after_the_next_start() {
    let home = Home::new();
    let (platform, client) = idle(&home);
    let path = file(&home, "journal-8001.jsonl");
    missed(&home, &platform, "13900000001");
    until("a line when the call began and one when it ended", Duration::from_secs(5), || lines(&path) == 2);
    talking(&home, &platform, "silence");
    let written = || fs::read_to_string(&path).unwrap_or_default().contains("13800138000");
    until("the call's first line", Duration::from_secs(5), written);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // No good-bye: the process is killed.
    drop(client);
    // What a kill in the middle of a line leaves behind.
    let mut torn = fs::read(&path).unwrap();
    torn.extend(b"{\"id\":99,\"time\":\"2026-");
    fs::write(&path, torn).unwrap();

    let client = headless(&home, &platform.config);
    until("the control socket", Duration::from_secs(10), || home.try_ctl(&["status"]).code == Some(0));
    home.wait("signed-in");
    until("the earlier calls", Duration::from_secs(5), || journal(&home).len() >= 2);
    let calls = journal(&home);
    let known = |outcome: &str, number: &str| {
        calls.iter().any(|call| call["outcome"] == outcome && call["peer"]["number"] == number)
    };
    assert!(known("interrupted", "13800138000"), "{calls:#?}");
    assert!(known("missed", "13900000001"), "{calls:#?}");
    let people = home.ctl(&["journal", "13800138000"]);
    assert!(people.contains("interrupted") && people.contains("北京"), "{people}");
    let notices = home.status()["notices"].to_string();
    assert!(!notices.contains("damaged"), "a torn line is no damage: {notices}");
    assert!(client.terminate().is_some());
}

#[test]
fn the_journal_is_bounded_searched_and_cleared() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure("audio", &[("backend", json!("null"))]);
    platform.configure("journal", &[("keep", json!(2))]);
    let client = headless(&home, &platform.config);
    become_idle(&home);
    for from in ["13900000001", "13900000002", "13900000003"] {
        missed(&home, &platform, from);
    }
    let numbers = |home: &Home| {
        journal(home).iter().map(|call| call["peer"]["number"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&home), ["13900000003", "13900000002"]);
    assert_eq!(client.terminate(), Some(0));

    let client = headless(&home, &platform.config);
    become_idle(&home);
    until("the earlier calls", Duration::from_secs(5), || journal(&home).len() == 2);
    assert_eq!(numbers(&home), ["13900000003", "13900000002"]);
    assert_eq!(lines(&file(&home, "journal-8001.jsonl")), 2, "made compact at the start");
    assert!(home.ctl(&["journal", "00002"]).contains("13900000002"));

    home.ctl(&["call", "journal.clear"]);
    assert_eq!(numbers(&home), Vec::<String>::new());
    assert_eq!(client.terminate(), Some(0));
    assert!(!file(&home, "journal-8001.jsonl").exists());
}

#[test]
fn a_journal_switched_off_leaves_nothing_on_disk() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure("audio", &[("backend", json!("null"))]);
    platform.configure("journal", &[("enabled", json!(false))]);
    let client = headless(&home, &platform.config);
    become_idle(&home);
    missed(&home, &platform, "13900000001");
    assert_eq!(journal(&home).len(), 1, "the calls of this run are listed all the same");
    assert_eq!(client.terminate(), Some(0));
    let kept: Vec<String> = fs::read_dir(home.path("state/wincall-tui"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("journal"))
        .collect();
    assert_eq!(kept, Vec::<String>::new());
}

#[test]
fn choices_are_remembered_and_a_broken_file_is_told_of() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure("audio", &[("backend", json!("null"))]);
    let start = || {
        let client = headless(&home, &platform.config);
        become_idle(&home);
        client
    };
    let client = start();
    assert_eq!(home.status()["quiet"], false);
    home.ctl(&["call", "config.setState", r#"{"quiet":true}"#]);
    assert_eq!(client.terminate(), Some(0));
    let path = file(&home, "agent-8001.json");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let client = start();
    assert_eq!(home.status()["quiet"], true);
    assert_eq!(client.terminate(), Some(0));

    fs::write(&path, "{\"quiet\":").unwrap();
    let client = start();
    let status = home.status();
    assert_eq!(status["quiet"], false);
    let notices = status["notices"].to_string();
    assert_eq!(notices.matches("agent-8001.json.broken").count(), 1, "{notices}");
    assert_eq!(client.terminate(), Some(0));
    assert_eq!(fs::read_to_string(file(&home, "agent-8001.json.broken")).unwrap(), "{\"quiet\":");
}

#[test]
fn a_demo_keeps_nothing() {
    let home = Home::new();
    let child = home.command(&["demo", "--headless"]).stdin(std::process::Stdio::null()).spawn().unwrap();
    let demo = common::Process::from(child);
    until("the control socket", Duration::from_secs(10), || home.try_ctl(&["status"]).code == Some(0));
    home.wait("signed-in");
    home.ctl(&["call", "config.setState", r#"{"quiet":true}"#]);
    home.wait("ringing");
    assert_eq!(demo.terminate(), Some(0));
    let kept: Vec<String> = fs::read_dir(home.path("state/wincall-tui"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| ["journal", "agent", "session"].iter().any(|kept| name.starts_with(kept)))
        .collect();
    assert_eq!(kept, Vec::<String>::new());
}
