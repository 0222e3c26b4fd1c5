//! Commands at events: a screen pop in one line of config, and a call that none of them can hold up.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{fs, time::Duration};

use common::{Home, Platform, become_idle, headless, until};
use serde_json::{Value, json};

#[test]
fn a_ring_runs_its_hook_with_the_event() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let script = home.path("pop.sh");
    fs::write(
        &script,
        "cat > \"$1.json\"; printf '%s\\n%s\\n' \"$2\" \"$WINCALL_EVENT\" > \"$1.part\"; mv \"$1.part\" \"$1\"",
    )
    .expect("a script");
    let pop = home.path("pop");
    platform.configure(
        "hooks",
        &[
            ("phoneRing", json!(["sh", script, pop, "https://crm/?n={Caller}"])),
            ("callEnded", json!(["sh", "-c", format!("echo '{{outcome}}' > '{}'", home.path("ended").display())])),
        ],
    );
    let client = headless(&home, &platform.config);
    become_idle(&home);
    platform.customer_calls("tone:440");
    until("the hook has run", Duration::from_secs(15), || pop.exists());
    let told = fs::read_to_string(&pop).expect("it was there");
    let mut lines = told.lines();
    assert_eq!(lines.next(), Some("https://crm/?n=13800138000"));
    let name = lines.next().expect("the event's name").to_owned();
    assert!(name.starts_with("phoneRing"), "{name}");
    let event: Value =
        serde_json::from_str(&fs::read_to_string(home.path("pop.json")).expect("standard input")).expect("JSON");
    assert_eq!(event["eventName"], json!(name));
    assert_eq!(event["data"]["Caller"], "13800138000");
    assert!(event["seq"].as_u64() > Some(0) && event["time"].is_string(), "{event}");
    home.ctl(&["answer"]);
    home.wait("talking");
    home.ctl(&["hangup"]);
    // The hook of the call's end also has its time when the program is ended right then.
    assert_eq!(client.terminate(), Some(0));
    assert_eq!(fs::read_to_string(home.path("ended")).expect("the last hook has run").trim(), "answered");
}

#[test]
fn hooks_that_hang_hold_nothing_up() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let begun = home.path("begun");
    platform
        .configure("hooks", &[("all", json!(["sh", "-c", format!("echo x >> '{}'; sleep 1000", begun.display())]))]);
    let client = headless(&home, &platform.config);
    become_idle(&home);
    until("four hang", Duration::from_secs(15), || {
        fs::read_to_string(&begun).is_ok_and(|text| text.lines().count() >= 4)
    });
    // A call from end to end, its events far more than hooks can run meanwhile.
    common::talking(&home, &platform, "tone:440");
    home.ctl(&["hold"]);
    home.wait("held");
    home.ctl(&["unhold"]);
    home.ctl(&["hangup"]);
    home.wait("no-call");
    let asked = std::time::Instant::now();
    assert_eq!(client.terminate(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(6), "quitting waits for none of them");
}

#[test]
fn a_mistyped_event_is_refused_with_the_nearest() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure("hooks", &[("phoneRingQue", json!(["true"]))]);
    let ran = home.run(&["config", "check", "--config", &platform.config.to_string_lossy()]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("'phoneRingQue'") && ran.err.contains("'phoneRingQueue'"), "{}", ran.err);
}
