//! Two agents, a supervisor and customers, each with a tone of their own: in every phase exactly those are heard who
//! should be, at each leg of the switch and in the agents' own recordings.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{
    Home, Platform, audio,
    floor::{Agent, hears, until_heard},
};
use serde_json::json;

const CUSTOMER: &str = "customer:13800138000";
/// Tones of the first agent, the second, the supervisor and the customer, Hz.
const ZHANG: i64 = 700;
const LI: i64 = 1100;
const WANG: i64 = 1700;
const CALLER: i64 = 440;

struct Floor {
    _stage: Home,
    platform: Platform,
    zhang: Agent,
    li: Agent,
    wang: Agent,
}

/// The first agent talks with a customer; a colleague and a supervisor are idle.
fn floor() -> Floor {
    let stage = Home::new();
    let platform = Platform::start(&stage);
    let zhang = Agent::start(&platform, 0, ZHANG as f64, "");
    let li = Agent::start(&platform, 1, LI as f64, "");
    let wang = Agent::start(&platform, 2, WANG as f64, "");
    platform.customer_calls(&format!("tone:{CALLER}"));
    zhang.wait("ringing");
    zhang.ctl(&["answer"]);
    zhang.wait("talking");
    until_heard(&platform, "they talk", &[("agent:8001", &[CALLER]), (CUSTOMER, &[ZHANG])]);
    Floor { _stage: stage, platform, zhang, li, wang }
}

#[test]
fn a_supervisor_is_heard_by_nobody_by_the_agent_or_by_all() {
    let Floor { platform, zhang, wang, .. } = floor();
    let supervisor = "spy:8003";
    wang.ctl(&["spy", "8001"]);
    let spying = wang.until_phase("spying");
    assert_eq!(spying["call"]["direction"], "spy");
    assert_eq!(spying["call"]["monitored"], "8001");
    let both = &[CALLER, ZHANG][..];
    until_heard(&platform, "listening", &[(supervisor, both), ("agent:8001", &[CALLER]), (CUSTOMER, &[ZHANG])]);
    wang.ctl(&["whisper", "8001"]);
    wang.until_phase("whispering");
    until_heard(&platform, "whispering", &[(supervisor, both), ("agent:8001", &[CALLER, WANG]), (CUSTOMER, &[ZHANG])]);
    wang.ctl(&["whisper-cancel"]);
    wang.until_phase("spying");
    until_heard(&platform, "only listening", &[(supervisor, both), ("agent:8001", &[CALLER]), (CUSTOMER, &[ZHANG])]);
    wang.ctl(&["barge", "8001"]);
    wang.until_phase("barging");
    until_heard(
        &platform,
        "barged in",
        &[(supervisor, both), ("agent:8001", &[CALLER, WANG]), (CUSTOMER, &[ZHANG, WANG])],
    );
    // The supervisor leaves; the call goes on.
    wang.ctl(&["hangup"]);
    wang.wait("no-call");
    until_heard(&platform, "alone again", &[("agent:8001", &[CALLER]), (CUSTOMER, &[ZHANG])]);
    assert_eq!(hears(&platform, supervisor), None);
    assert_eq!(zhang.phase(), "talking");

    wang.wait("idle");
    wang.ctl(&["spy", "8001"]);
    wang.until_phase("spying");
    wang.ctl(&["disconnect", "8001"]);
    zhang.home.until("it is torn down", |s| matches!(s["call"]["phase"].as_str(), Some("none" | "ended")));
    wang.home.until("nothing is left to listen to", |s| matches!(s["call"]["phase"].as_str(), Some("none" | "ended")));
    let told = zhang.home.status()["notices"].to_string();
    assert!(told.contains("supervisor"), "the agent is told why: {told}");
    let journal: serde_json::Value =
        serde_json::from_str(&zhang.ctl(&["call", "journal.list"])).expect("the journal is JSON");
    assert!(journal.to_string().contains("\"supervisor\""), "{journal}");
}

#[test]
fn a_consulted_colleague_hears_the_agent_alone_then_all_then_the_customer() {
    let Floor { platform, zhang, li, .. } = floor();
    zhang.ctl(&["consult", "--agent", "8002"]);
    zhang.until_phase("consult_out");
    let ringing = li.home.until("the colleague's phone rings", |s| s["call"]["phase"] == "ringing");
    assert_eq!(ringing["call"]["direction"], "consult");
    assert_eq!(ringing["call"]["peer"]["ag_no"], "8001");
    li.ctl(&["answer"]);
    let consulting = zhang.until_phase("consulting");
    assert_eq!(consulting["call"]["consult"]["ag_no"], "8002");
    until_heard(&platform, "consulting", &[("agent:8001", &[LI]), ("agent:8002", &[ZHANG])]);
    let waiting = hears(&platform, CUSTOMER).expect("the customer waits");
    assert!(!waiting.is_empty(), "the waiting customer hears music");
    assert!(waiting.iter().all(|hz| ![ZHANG, LI].contains(hz)), "and nobody else: {waiting:?}");

    zhang.ctl(&["three-way"]);
    zhang.until_phase("three_way");
    until_heard(
        &platform,
        "three-way",
        &[("agent:8001", &[CALLER, LI]), ("agent:8002", &[CALLER, ZHANG]), (CUSTOMER, &[ZHANG, LI])],
    );
    zhang.ctl(&["three-way-return"]);
    zhang.wait("talking");
    li.wait("no-call");
    until_heard(&platform, "two again", &[("agent:8001", &[CALLER]), (CUSTOMER, &[ZHANG])]);

    li.wait("idle");
    zhang.ctl(&["consult", "--agent", "8002"]);
    li.wait("ringing");
    li.ctl(&["answer"]);
    zhang.until_phase("consulting");
    zhang.ctl(&["consult-transfer"]);
    zhang.wait("no-call");
    let transferred = li.until_phase("talking");
    assert_eq!(transferred["call"]["peer"]["number"], "13800138000", "the customer is the peer now");
    until_heard(&platform, "transferred", &[("agent:8002", &[CALLER]), (CUSTOMER, &[LI])]);
    li.home.until("two seconds with the customer", |s| s["call"]["talk_ms"].as_u64() > Some(2000));
    li.ctl(&["hangup"]);
    li.wait("no-call");
    assert_eq!(zhang.process.terminate(), Some(0));
    assert_eq!(li.process.terminate(), Some(0));
    // What the agents' own recordings end with is what they should have heard last.
    let ear = audio::Recording::read(&li.home.path("ear.wav"));
    let end = ear.last_loud(1.0);
    let heard = ear.frequency(end);
    assert!((heard - CALLER as f64).abs() <= 2.0, "the colleague heard {heard} Hz at the end");
}

#[test]
fn an_outside_expert_is_consulted_and_the_customer_comes_back() {
    let Floor { platform, zhang, .. } = floor();
    let expert = "13900139000";
    platform.admin(
        "POST",
        "/outbound",
        json!({ "number": expert, "behaviour": "answer", "after_ms": 200, "audio": "tone:2100" }),
    );
    zhang.ctl(&["consult", expert]);
    let consulting = zhang.until_phase("consulting");
    assert_eq!(consulting["call"]["consult"]["number"], expert);
    until_heard(&platform, "consulting outside", &[("agent:8001", &[2100])]);
    zhang.ctl(&["consult-return"]);
    zhang.wait("talking");
    until_heard(&platform, "back", &[("agent:8001", &[CALLER]), (CUSTOMER, &[ZHANG])]);
    // One that is busy is told, and the customer is back at once.
    platform.admin("POST", "/outbound", json!({ "number": expert, "behaviour": "busy", "after_ms": 100 }));
    zhang.ctl(&["consult", expert]);
    zhang.home.until("the failure is told", |s| s["notices"].to_string().contains(expert));
    zhang.wait("talking");
    until_heard(&platform, "back again", &[("agent:8001", &[CALLER]), (CUSTOMER, &[ZHANG])]);
}
