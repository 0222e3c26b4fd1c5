//! The floor's network is bad: the link goes away and comes back.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, Instant};

use common::{Home, Platform, audio, become_idle, headless, idle, talking, until};
use serde_json::{Value, json};

#[test]
fn the_link_is_cut_in_a_call_and_the_sound_never_stops() {
    let home = Home::new();
    let (platform, client) = idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("sound", |s| s["media"]["packets_received"].as_u64() > Some(50));
    platform.fault("drop_ws", json!(true), Some(3000));
    let down = home.until("the link is shown down", |s| s["link"]["state"] != "up");
    assert_eq!(down["call"]["phase"], "talking");
    home.until("a countdown", |s| s["link"]["retry_in_ms"].is_u64() || s["link"]["state"] == "up");
    let before = home.status()["media"]["packets_received"].as_u64();
    home.until("packets go on", |s| s["media"]["packets_received"].as_u64() > before.map(|n| n + 40));
    home.wait("link-up");
    let back = home.status();
    assert_eq!(back["call"]["phase"], "talking");
    assert_eq!(back["call"]["peer"]["number"], "13800138000");
    home.ctl(&["hangup"]);
    home.wait("no-call");
    assert_eq!(client.terminate(), Some(0));
    let ear = audio::Recording::read(&home.path("ear.wav"));
    let gap = ear.longest_gap_ms(ear.loud(4.0));
    assert!(gap <= 20.0, "a gap of {gap} ms");
}

#[test]
fn signed_out_by_the_platforms_patience_and_back_in_the_same_state() {
    for busy in [false, true] {
        let home = Home::new();
        std::fs::write(home.path("scenario.toml"), "link_patience_s = 2\n").expect("a scenario");
        let scenario = home.path("scenario.toml").to_string_lossy().into_owned();
        let platform = Platform::start_with(&home, &["--scenario", &scenario]);
        platform.configure("audio", &[("backend", json!("null"))]);
        let _client = headless(&home, &platform.config);
        become_idle(&home);
        if busy {
            home.ctl(&["busy", "就餐"]);
            home.wait("busy");
        }
        platform.fault("drop_ws", json!(true), Some(4000));
        home.until("down", |s| s["link"]["state"] != "up");
        home.until("signed in again", |s| {
            s["link"]["state"] == "up" && s["notices"].to_string().contains("signing in again")
        });
        if busy {
            home.wait("busy");
            assert_eq!(home.status()["agent"]["reason"]["name"], "就餐");
        } else {
            home.wait("idle");
        }
    }
}

#[test]
fn a_call_that_ended_while_the_link_was_away_is_not_shown() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    let call = talking(&home, &platform, "tone:440");
    platform.fault("drop_ws", json!(true), Some(2500));
    home.until("down", |s| s["link"]["state"] != "up");
    platform.admin("DELETE", &format!("/calls/{call}"), Value::Null);
    home.wait("no-call");
    home.wait("link-up");
    home.until("wrap-up or idle", |s| s["agent"]["state"] == "wrap_up" || s["agent"]["state"] == "idle");
}

#[test]
fn the_agent_can_hang_up_while_nothing_answers() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    talking(&home, &platform, "tone:440");
    platform.fault("drop_ws", json!(true), Some(20_000));
    platform.fault("refuse_http", json!(true), Some(20_000));
    home.until("down", |s| s["link"]["state"] != "up");
    home.ctl(&["hangup"]);
    home.wait("no-call");
    platform.admin("DELETE", "/faults", Value::Null);
    home.wait("link-up");
}

#[test]
fn the_registration_comes_back_and_the_call_survives() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    talking(&home, &platform, "tone:440");
    platform.fault("drop_sip", json!(true), Some(2500));
    home.until("the registration is shown gone", |s| s["sip"]["state"] != "registered");
    let before = home.status();
    assert_eq!(before["call"]["phase"], "talking");
    let packets = before["media"]["packets_received"].as_u64();
    home.until("packets go on", |s| s["media"]["packets_received"].as_u64() > packets.map(|n| n + 40));
    home.wait("registered");
    home.ctl(&["hangup"]);
    home.wait("no-call");
}

#[test]
fn a_platform_that_stood_still_finds_its_agent_as_it_was() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    platform.freeze();
    let frozen = Instant::now();
    home.until("the dead link is seen", |s| s["link"]["state"] != "up");
    assert!(frozen.elapsed() < Duration::from_secs(12), "seen after {:?}", frozen.elapsed());
    // Long enough for more than one attempt: the platform meets them all when it goes on.
    std::thread::sleep(Duration::from_secs(40).saturating_sub(frozen.elapsed()));
    platform.thaw();
    home.wait("link-up");
    home.wait("registered");
    let call = platform.customer_calls("tone:440");
    home.wait("ringing");
    let status = home.status();
    assert!(!status["notices"].to_string().contains("signed out"), "{}", status["notices"]);
    platform.admin("DELETE", &format!("/calls/{call}"), Value::Null);
    home.wait("no-call");
}

#[test]
fn a_link_refused_for_its_token_leaves_the_shift_going_and_can_be_tried_again() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    platform.fault("close_code", json!(3403), None);
    let refused = home.until("the link is given up", |s| s["link"]["state"] == "given_up");
    assert_eq!((&refused["agent"]["state"], &refused["sip"]["state"]), (&json!("idle"), &json!("registered")));
    assert!(refused["agent"]["as_of"].is_string(), "{}", refused["agent"]);
    // Nobody tells of it; that it was accepted is enough.
    home.ctl(&["busy", "就餐"]);
    home.wait("busy");
    assert_eq!(home.status()["agent"]["reason"]["name"], "就餐");
    home.ctl(&["ready"]);
    home.wait("idle");
    // The phone rings all the same.
    platform.customer_calls("tone:440");
    home.wait("ringing");
    home.ctl(&["answer"]);
    home.wait("talking");
    home.ctl(&["hangup"]);
    home.wait("no-call");
    home.ctl(&["call", "reconnect"]);
    home.wait("link-up");
    let back = home.until("the platform's word counts again", |s| s["agent"]["as_of"].is_null());
    assert!(back["notices"].to_string().contains("trying to connect again"), "{}", back["notices"]);
}

#[test]
fn a_phone_with_a_new_password_gets_it_from_the_platform() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    platform.fault("phone_password", json!(true), None);
    platform.fault("drop_sip", json!(true), Some(300));
    home.until("the phone is away", |s| s["sip"]["state"] != "registered");
    home.wait("registered");
    assert!(home.status()["notices"].to_string().contains("new password"), "{}", home.status()["notices"]);
    platform.customer_calls("tone:440");
    home.wait("ringing");
}

#[test]
fn an_agent_without_a_phone_is_busy_until_it_is_back_where_that_is_wanted() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure("audio", &[("backend", json!("null"))]);
    platform.configure("phone", &[("away", json!("busy"))]);
    let _client = headless(&home, &platform.config);
    become_idle(&home);
    platform.fault("drop_sip", json!(true), Some(7000));
    home.wait("busy");
    assert_ne!(home.status()["sip"]["state"], "registered");
    home.wait("registered");
    home.wait("idle");
}

#[test]
fn after_a_restart_of_everything_the_next_call_rings() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    let restarted = Instant::now();
    platform.fault("restart", json!("keep"), Some(8000));
    home.until("the link is down", |s| s["link"]["state"] != "up");
    home.wait("link-up");
    home.wait("registered");
    let took = restarted.elapsed();
    assert!(took < Duration::from_secs(12), "the phone waited {took:?}");
    platform.customer_calls("tone:440");
    home.wait("ringing");
}

#[test]
fn a_platform_that_is_not_there_yet_is_waited_for() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure("audio", &[("backend", json!("null"))]);
    platform.fault("refuse_http", json!(true), Some(3000));
    let _client = headless(&home, &platform.config);
    until("the control socket", Duration::from_secs(10), || home.try_ctl(&["status"]).code == Some(0));
    home.until("the error is told", |s| s["link"]["last_error"].is_string());
    home.wait("idle");
}
