//! The paths of the event link and of the SIP socket go bad in every way TCP can: late, in trickles, without a word,
//! without an end, with a reset.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{
    Home, Platform, Process, audio, become_idle, headless,
    proxy::{End, Fault, Proxy, Way},
    talking, until,
};
use serde_json::Value;

const LINK: &str = "ws_server";
const SIP: &str = "sip_ws_server";

/// A phone bar whose connection to `server` goes through a proxy.
fn behind(home: &Home, server: &str) -> (Platform, Proxy, Process) {
    let platform = Platform::start(home);
    let proxy = Proxy::in_config(&platform, server);
    platform.configure_tone(home, 1000.0);
    let client = headless(home, &platform.config);
    become_idle(home);
    assert_eq!(proxy.open(), 1, "one connection, through the proxy");
    (platform, proxy, client)
}

/// The sound of the call goes on: a second's worth of packets comes.
fn packets_go_on(home: &Home) {
    let before = home.status()["media"]["packets_received"].as_u64();
    home.until("packets go on", |s| s["media"]["packets_received"].as_u64() > before.map(|n| n + 50));
}

fn no_gap_was_heard(home: &Home, client: Process) {
    home.ctl(&["hangup"]);
    home.wait("no-call");
    assert_eq!(client.terminate(), Some(0));
    let ear = audio::Recording::read(&home.path("ear.wav"));
    let (gaps, longest) = audio::gaps(ear.loud(3.0), ear.rate);
    assert!(longest <= 20.0, "{gaps} gaps, the longest {longest} ms");
}

/// Waits longer than usual: a side that says nothing is told from a slow one only after its time.
fn until_slowly(home: &Home, what: &str, wanted: impl Fn(&Value) -> bool) {
    until(what, Duration::from_secs(45), || wanted(&home.status()));
}

#[test]
fn a_link_that_is_reset_comes_back_and_the_call_goes_on() {
    let home = Home::new();
    let (platform, link, client) = behind(&home, LINK);
    talking(&home, &platform, "tone:440");
    for n in 2..4 {
        link.end(if n == 2 { End::Reset } else { End::Cut });
        until("a new connection", Duration::from_secs(10), || link.taken() >= n);
        home.wait("link-up");
        assert_eq!(home.status()["call"]["phase"], "talking");
        packets_go_on(&home);
    }
    no_gap_was_heard(&home, client);
}

#[test]
fn a_link_that_says_nothing_more_is_noticed_and_made_anew() {
    let home = Home::new();
    let (platform, link, client) = behind(&home, LINK);
    talking(&home, &platform, "tone:440");
    // Neither side is told: the connection stands and everything in it vanishes.
    link.set(Way::Both, Fault::Vanish);
    until_slowly(&home, "the silence is noticed", |s| s["link"]["state"] != "up");
    packets_go_on(&home);
    assert_eq!(home.status()["call"]["phase"], "talking");
    link.set(Way::Both, Fault::None);
    home.wait("link-up");
    no_gap_was_heard(&home, client);
}

#[test]
fn a_platform_that_takes_nothing_more_is_noticed() {
    let home = Home::new();
    let (_platform, link, _client) = behind(&home, LINK);
    link.set(Way::Both, Fault::Stall);
    until_slowly(&home, "the silence is noticed", |s| s["link"]["state"] != "up");
    link.set(Way::Both, Fault::None);
    home.wait("link-up");
    home.wait("idle");
}

#[test]
fn a_link_that_trickles_still_brings_its_messages() {
    let home = Home::new();
    let (platform, link, _client) = behind(&home, LINK);
    link.set(Way::Both, Fault::Trickle(Duration::from_millis(1)));
    let call = platform.customer_calls("silence");
    home.wait("ringing");
    assert_eq!(home.status()["call"]["peer"]["number"], "13800138000");
    platform.admin("DELETE", &format!("/calls/{call}"), Value::Null);
    home.wait("no-call");
    assert_eq!((home.status()["link"]["state"].as_str(), link.taken()), (Some("up"), 1), "never cut for it");
}

#[test]
fn a_slow_path_makes_everything_later_and_nothing_else() {
    let home = Home::new();
    let (platform, link, _client) = behind(&home, LINK);
    link.set(Way::Both, Fault::Delay(Duration::from_millis(400)));
    talking(&home, &platform, "tone:440");
    home.ctl(&["hangup"]);
    home.wait("no-call");
    home.wait("idle");
    assert_eq!(link.taken(), 1, "never cut for it");
}

#[test]
fn a_platform_that_refuses_is_tried_again() {
    let home = Home::new();
    let (_platform, link, _client) = behind(&home, LINK);
    link.refuse(true);
    link.end(End::Reset);
    home.until("down, and why", |s| s["link"]["state"] != "up" && s["link"]["last_error"].is_string());
    until("more than one try", Duration::from_secs(15), || link.taken() >= 4);
    link.refuse(false);
    home.wait("link-up");
    home.wait("idle");
}

#[test]
fn a_sip_socket_that_is_reset_in_a_call_is_registered_anew_and_the_call_can_be_ended() {
    let home = Home::new();
    let (platform, sip, client) = behind(&home, SIP);
    talking(&home, &platform, "tone:440");
    sip.end(End::Reset);
    until("a new connection", Duration::from_secs(10), || sip.taken() >= 2);
    home.wait("registered");
    packets_go_on(&home);
    no_gap_was_heard(&home, client);
    until("the platform has no call any more", Duration::from_secs(10), || {
        platform.admin("GET", "/calls", Value::Null).as_array().is_some_and(Vec::is_empty)
    });
}

#[test]
fn a_sip_socket_that_says_nothing_more_is_noticed_and_registered_anew() {
    let home = Home::new();
    let (platform, sip, client) = behind(&home, SIP);
    talking(&home, &platform, "tone:440");
    sip.set(Way::Both, Fault::Vanish);
    until_slowly(&home, "the silence is noticed", |s| s["sip"]["state"] != "registered");
    packets_go_on(&home);
    sip.set(Way::Both, Fault::None);
    home.wait("registered");
    assert_eq!(home.status()["call"]["phase"], "talking");
    no_gap_was_heard(&home, client);
}

#[test]
fn a_sip_socket_that_hears_us_but_is_not_heard_is_noticed() {
    let home = Home::new();
    let (_platform, sip, _client) = behind(&home, SIP);
    sip.set(Way::ToClient, Fault::Vanish);
    until_slowly(&home, "the silence is noticed", |s| s["sip"]["state"] != "registered");
    sip.set(Way::ToClient, Fault::None);
    home.wait("registered");
}

#[test]
fn an_invite_in_trickles_is_answered() {
    let home = Home::new();
    let (platform, sip, _client) = behind(&home, SIP);
    sip.set(Way::ToClient, Fault::Trickle(Duration::from_micros(300)));
    talking(&home, &platform, "tone:440");
    packets_go_on(&home);
    home.ctl(&["hangup"]);
    home.wait("no-call");
    assert_eq!(sip.taken(), 1, "never cut for it");
}

#[test]
fn a_slow_sip_path_delays_the_answer_and_loses_no_call() {
    let home = Home::new();
    let (platform, sip, _client) = behind(&home, SIP);
    sip.set(Way::Both, Fault::Delay(Duration::from_millis(300)));
    talking(&home, &platform, "tone:440");
    packets_go_on(&home);
    home.ctl(&["hangup"]);
    home.wait("no-call");
    assert_eq!(sip.taken(), 1, "never cut for it");
}
