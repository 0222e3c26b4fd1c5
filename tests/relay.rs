//! The whole program where only a TURN server leads out.
//!
//! Needs Debian's `coturn`; says so and stops where it is missing.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/coturn.rs"]
mod coturn;
#[path = "common/could_not_run.rs"]
mod could_not_run;

use std::{
    fs,
    time::{Duration, Instant},
};

use common::{Home, Platform, become_idle, headless, until};
use coturn::{By, PASSWORD, Turn};
use could_not_run::could_not_run;
use serde_json::json;

/// The phone bar on a platform of this test's own, with no path but through `turn`.
fn relayed(home: &Home, turn: &Turn) -> (Platform, common::Process) {
    let platform = Platform::start(home);
    platform.configure_tone(home, 1000.0);
    let urls: Vec<String> = turn.urls().into_iter().filter(|url| url.starts_with("turn")).collect();
    let servers = format!("[{{ urls = {}, username = \"agent\", credential = \"{PASSWORD}\" }}]", json!(urls));
    let config = fs::read_to_string(&platform.config).expect("the config");
    let authority = json!(turn.authority());
    let config = format!("tls_ca_file = {authority}\n{config}\n[ice]\npolicy = \"relay\"\nservers = {servers}\n");
    fs::write(&platform.config, config).expect("the config");
    let client = headless(home, &platform.config);
    become_idle(home);
    (platform, client)
}

#[test]
fn a_call_over_tls_alone_and_back_after_the_server_was_gone() {
    let mut turn = match Turn::start(By::Tls) {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let home = Home::new();
    let (platform, client) = relayed(&home, &turn);
    common::talking(&home, &platform, "tone:440");
    let hears = || platform.customer_hears().is_some_and(|(hz, dbfs)| (hz - 1000.0).abs() <= 2.0 && dbfs > -20.0);
    until("the customer hears the agent", Duration::from_secs(10), hears);
    let packets = || home.status()["media"]["packets_received"].as_u64().unwrap_or_default();
    home.until("packets both ways", |s| s["media"]["packets_received"].as_u64() > Some(100));
    assert_eq!(home.status()["media"]["path"], "relay");
    turn.kill();
    home.until("the break is seen", |s| s["media"]["state"] != "up");
    turn.start_again();
    home.until("the path is back", |s| s["media"]["state"] == "up");
    let before = packets();
    until("sound comes again", Duration::from_secs(15), || packets() > before + 50);
    until("the customer hears the agent again", Duration::from_secs(15), hears);
    home.ctl(&["hangup"]);
    home.wait("no-call");
    assert_eq!(client.terminate(), Some(0));
}

/// The end that chooses the path waits for better ones than a relay, by itself 2 s; and what goes through a relay lies in the
/// stack until something else happens, 0.2 s for each message of the handshake.
#[test]
fn where_there_is_only_a_relay_the_sound_does_not_wait_for_a_better_path() {
    let turn = match Turn::start(By::Udp) {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let home = Home::new();
    let (platform, client) = relayed(&home, &turn);
    let mut waits = Vec::new();
    // A machine that is busy may be slow once; with either fault every call takes longer.
    for _ in 0..4 {
        platform.customer_calls("tone:440");
        home.wait("ringing");
        let begun = Instant::now();
        home.ctl(&["answer"]);
        home.until("encrypted", |s| s["media"]["state"] == "up");
        waits.push(begun.elapsed());
        home.ctl(&["hangup"]);
        home.wait("no-call");
        home.wait("idle");
        if waits.last().is_some_and(|wait| *wait < Duration::from_secs(1)) {
            break;
        }
    }
    println!("answer to an encrypted path: {waits:?}");
    assert!(waits.iter().any(|wait| *wait < Duration::from_secs(1)), "{waits:?}");
    assert_eq!(client.terminate(), Some(0));
}
