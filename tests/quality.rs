//! How a call sounds, over a bad network: told while it lasts, told when it is over, and kept in the journal.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, Instant};

use common::{Home, Platform, Process, idle, talking};
use serde_json::{Value, json};

/// In conversation, with good sound both ways.
fn well(home: &Home) -> (Platform, Process) {
    let (platform, client) = idle(home);
    talking(home, &platform, "tone:440");
    home.until("good sound", |status| {
        status["media"]["mos"].as_f64() > Some(4.0) && status["media"]["packets_received"].as_u64() > Some(100)
    });
    (platform, client)
}

fn warns(status: &Value, name: &str) -> bool {
    let warnings = status["media"]["warnings"].as_array().expect("a list of warnings");
    warnings.iter().any(|warning| warning["name"] == name)
}

/// Everything told by a name since the listener began.
fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["eventName"] == name).map(|event| &event["data"]).collect()
}

/// Listens until the call is over while `story` goes on.
fn listening(home: &Home, story: impl FnOnce()) -> Vec<Value> {
    let printed = std::thread::scope(|scope| {
        let events = scope.spawn(|| home.ctl(&["events", "--json", "--until", "callEnded", "--timeout", "90"]));
        std::thread::sleep(Duration::from_millis(500));
        story();
        home.ctl(&["hangup"]);
        events.join().expect("the listener ends")
    });
    printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Puts faults in force until `name` is warned of, takes them away until it is not, and says how long each took.
fn raised_and_cleared(home: &Home, platform: &Platform, name: &str, faults: &[(&str, Value)]) -> (Duration, Duration) {
    let begun = Instant::now();
    faults.iter().for_each(|(fault, value)| platform.fault(fault, value.clone(), None));
    home.until(name, |status| warns(status, name));
    let raised = begun.elapsed();
    let ended = Instant::now();
    platform.admin("DELETE", "/faults", Value::Null);
    home.until("it is over", |status| !warns(status, name));
    (raised, ended.elapsed())
}

#[test]
fn loss_and_a_bad_score_are_warned_of_and_over_and_the_journal_knows() {
    let home = Home::new();
    let (platform, _client) = well(&home);
    let events = listening(&home, || {
        let (raised, cleared) = raised_and_cleared(&home, &platform, "high_loss", &[("rtp_loss_pct", json!(30))]);
        println!("high_loss: raised after {raised:?}, cleared after {cleared:?}");
        home.until("good sound again", |status| !warns(status, "low_mos") && !warns(status, "high_loss"));
        let (raised, cleared) = raised_and_cleared(&home, &platform, "low_mos", &[("rtp_loss_pct", json!(30))]);
        println!("low_mos: raised after {raised:?}, cleared after {cleared:?}");
        home.until("good sound again", |status| {
            status["media"]["mos"].as_f64() > Some(4.0) && !warns(status, "low_mos") && !warns(status, "high_loss")
        });
    });
    let (raised, cleared) = (named(&events, "qualityWarning"), named(&events, "qualityWarningCleared"));
    for name in ["high_loss", "low_mos"] {
        let of = |list: &[&Value]| list.iter().filter(|data| data["name"] == name).count();
        assert!(of(&raised) >= 1 && of(&raised) == of(&cleared), "{name}: {raised:?} {cleared:?}");
    }
    let told = &named(&events, "callEnded")[0]["quality"];
    assert!(told["loss_pct"].as_f64() > Some(1.0), "{told}");

    let journal: Value = serde_json::from_str(&home.ctl(&["journal", "--json", "--limit", "1"])).expect("JSON");
    let text = journal.to_string();
    for figure in ["\"codec\":\"opus\"", "worst_mos", "concealed_pct", "silent_s"] {
        assert!(text.contains(figure), "{figure}: {text}");
    }
}

#[test]
fn jitter_is_warned_of_and_over() {
    let home = Home::new();
    let (platform, _client) = well(&home);
    let (raised, cleared) =
        raised_and_cleared(&home, &platform, "high_jitter", &[("rtp_jitter_ms", json!({ "sigma_ms": 80 }))]);
    assert_eq!(home.status()["media"]["path"], "host");
    println!("high_jitter: raised after {raised:?}, cleared after {cleared:?}");
}

#[test]
fn no_packets_at_all_is_told_with_its_cause_and_so_is_its_end() {
    let home = Home::new();
    let (platform, _client) = well(&home);
    let events = listening(&home, || {
        platform.fault("rtp_blackhole", json!(true), None);
        let lost = home.until("no sound", |status| status["media"]["state"] == "lost");
        assert_eq!(lost["call"]["phase"], "talking", "the call goes on");
        platform.admin("DELETE", "/faults", Value::Null);
        home.until("the sound is back", |status| status["media"]["state"] == "up");
    });
    assert_eq!(named(&events, "mediaLost")[0]["reason"], "no_packets");
    assert_eq!(named(&events, "mediaUp").len(), 1);
    let told = &named(&events, "callEnded")[0]["quality"];
    assert!(told["silent_s"].as_u64() >= Some(2), "{told}");
}

#[test]
fn a_far_end_that_sends_only_silence_is_told_quietly() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    talking(&home, &platform, "silence");
    let status = home.until("the silence is told", |status| warns(status, "far_end_silent"));
    assert_eq!(status["media"]["state"], "up");
    assert!(!status["notices"].to_string().contains("no sound"), "{}", status["notices"]);
}
