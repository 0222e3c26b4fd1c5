//! Sound devices from the outside: the dialog at the screen, `ctl devices`, `devices test`, and what the phone bar says
//! when nobody hears the agent.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Home, Platform, audio, become_idle, headless, idle, screen::Terminal, talking};
use serde_json::{Value, json};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn devices_are_tested_at_the_screen_and_speaking_while_muted_is_said() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let mut screen = Terminal::phone_bar(&home, &platform.config, "en", 100, 30);
    become_idle(&home);
    screen.keys("V");
    screen.shows("Sound devices");
    // The file is what the microphone hears, with a call and without.
    screen.shows("The microphone hears you, loudest -12 dB.");
    assert_eq!(home.status()["devices"]["input"]["state"], "works");
    screen.keys("\u{1b}");
    screen.shows_no_more("Tab which");

    talking(&home, &platform, "tone:440");
    home.ctl(&["mute"]);
    screen.shows("You are muted: nobody hears you");
    home.until("it is a fact for scripts", |s| s["devices"]["speaking_muted"] == true);
    screen.keys("m");
    screen.shows_no_more("You are muted");
    home.ctl(&["hangup"]);
    home.wait("no-call");
}

#[test]
fn a_choice_by_script_is_told_and_found_again_after_a_restart() {
    let home = Home::new();
    let (platform, client) = idle(&home);
    let before = json(&home.ctl(&["devices", "--json"]));
    assert_eq!(before["input"]["chosen"], "default");
    assert!(before["list"].is_array(), "{before}");
    home.ctl(&["devices", "--input", "my headset", "--ring", "default"]);
    assert_eq!(home.status()["devices"]["input"]["chosen"], "my headset");
    assert!(home.ctl(&["devices"]).contains("my headset"), "and for people");
    assert_eq!(client.terminate(), Some(0));
    let client = headless(&home, &platform.config);
    home.until("the choice is found again", |s| s["devices"]["input"]["chosen"] == "my headset");
    let answer = json(&home.ctl(&["call", "devices.set", r#"{"input":"default"}"#]));
    assert_eq!(answer["input"], "default");
    assert!(
        home.try_ctl(&["call", "devices.set", r#"{"microphone":"x"}"#]).code != Some(0),
        "an unknown parameter is refused"
    );
    assert_eq!(client.terminate(), Some(0));
}

#[test]
fn a_microphone_that_is_switched_off_is_told_in_a_call() {
    let home = Home::new();
    let platform = Platform::start(&home);
    audio::write_tone(&home.path("mic.wav"), 1000.0, -200.0);
    let files = [("backend", json!("file")), ("input_file", json!(home.path("mic.wav")))];
    platform.configure("audio", &files);
    let client = headless(&home, &platform.config);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    let told = home.until("the silence is told", |s| s["devices"]["microphone_silent"] == true);
    assert_eq!(told["devices"]["input"]["state"], "silent");
    home.ctl(&["hangup"]);
    home.wait("no-call");
    home.until("and its end", |s| s["devices"]["microphone_silent"] == false);
    assert_eq!(client.terminate(), Some(0));
}

#[test]
fn the_test_on_the_command_line_says_what_works_and_fails_where_nothing_does() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let config = platform.config.display().to_string();
    let good = home.run(&["--config", &config, "devices", "test", "--seconds", "2", "--json"]);
    assert_eq!(good.code, Some(0), "{good:?}");
    let found = json(&good.out);
    assert_eq!(
        (&found["ok"], &found["input"]["works"], &found["output"]["works"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert!((found["input"]["peak_dbfs"].as_f64().expect("a level") + 12.0).abs() < 1.0, "{found}");
    let missing = ["--set", "audio.backend=device", "devices", "test", "--input", "no such", "--output", "no such"];
    let bad = home.run(&[&["--config", &config], &missing[..]].concat());
    assert_eq!(bad.code, Some(1), "{bad:?}");
    assert!(bad.out.contains("no device 'no such'"), "{}", bad.out);
}
