//! Two phone bars on one platform: they call each other, and one takes over the other's seat.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{
    Home, Platform, audio,
    floor::{self, Agent},
    until,
};

#[test]
fn they_call_and_hear_each_other() {
    let stage = Home::new();
    let platform = Platform::start(&stage);
    let (zhang, li) = (Agent::start(&platform, 0, 700.0, ""), Agent::start(&platform, 1, 1100.0, ""));
    zhang.home.ctl(&["dial-agent", "8002"]);
    li.home.wait("ringing");
    let ringing = li.home.status();
    assert_eq!(ringing["call"]["direction"], "inner");
    assert_eq!(ringing["call"]["peer"]["ag_no"], "8001");
    li.home.ctl(&["answer"]);
    li.home.wait("talking");
    zhang.home.wait("talking");
    for agent in [&zhang, &li] {
        agent.home.until("three seconds of sound", |s| s["media"]["packets_received"].as_u64() > Some(150));
    }
    zhang.home.ctl(&["hangup"]);
    li.home.wait("no-call");
    zhang.home.wait("no-call");
    assert_eq!(zhang.process.terminate(), Some(0));
    assert_eq!(li.process.terminate(), Some(0));
    for (home, index, hz) in [(&zhang.home, 0, 1100.0), (&li.home, 1, 700.0)] {
        let ear = audio::Recording::read(&home.path("ear.wav"));
        let heard = ear.frequency(ear.loud(2.0));
        assert!((heard - hz).abs() <= 2.0, "agent {index} hears {heard} Hz, not {hz}");
    }
}

#[test]
fn a_seat_taken_over_is_explained_and_not_fought_for() {
    let stage = Home::new();
    let platform = Platform::start(&stage);
    let first = Agent::start(&platform, 0, 700.0, "");
    let second_home = Home::new();
    let config = floor::config_of(&second_home, &platform, 0, 700.0, "");
    let _second = common::headless(&second_home, &config);
    until("the second phone bar", Duration::from_secs(10), || second_home.try_ctl(&["status"]).code == Some(0));
    second_home.until("it is told that the seat is taken", |s| s["notices"].to_string().contains("elsewhere"));
    assert_eq!(second_home.status()["agent"]["state"], "signed_out");
    second_home.ctl(&["call", "Agent.login", "{\"force\":true}"]);
    second_home.wait("idle");
    let told = first.home.until("the first is signed out", |s| s["agent"]["state"] == "signed_out");
    assert_eq!(told["link"]["state"], "given_up");
    assert!(told["notices"].to_string().contains("3405"), "{}", told["notices"]);
    // A fight would show in the sign-ins that the platform sees.
    let sign_ins =
        |platform: &Platform| platform.log().iter().filter(|e| e.to_string().contains("/agent/login")).count();
    let before = sign_ins(&platform);
    platform.customer_calls("tone:440");
    second_home.wait("ringing");
    second_home.ctl(&["answer"]);
    second_home.until("two seconds of talk", |s| s["call"]["talk_ms"].as_u64() > Some(2000));
    assert_eq!(sign_ins(&platform), before, "the first phone bar signs in again");
    assert_eq!(first.home.status()["agent"]["state"], "signed_out");
    assert_eq!(first.process.terminate(), Some(0));
}

#[test]
fn a_restart_without_sign_out_comes_back() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    for _ in 0..3 {
        let client = common::headless(&home, &platform.config);
        common::become_idle(&home);
        assert_eq!(client.terminate(), Some(0));
    }
}
