//! The platform that the phone bar is measured against, and calls on it.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    common::{Home, Platform},
    screen::Screen,
};

/// The program's own log level.
pub const LOG: &str = "info";

/// The built-in platform in a process of its own, without after-call work.
pub fn platform(home: &Home) -> Platform {
    let scenario = home.path("scenario.toml");
    fs::write(&scenario, "wrap_up_s = 0\n").expect("a scenario");
    Platform::start_with(home, &["--quiet", "--scenario", &scenario.to_string_lossy()])
}

/// A microphone and an ear that are files.
pub fn file_sound(platform: &Platform, input: &Path, output: &Path) {
    let lines = [("backend", json!("file")), ("input_file", json!(input)), ("output_file", json!(output))];
    platform.configure("audio", &lines);
}

/// The headset made of software, as the system's choice.
pub fn headset(platform: &Platform) {
    platform.configure("audio", &[("backend", json!("device"))]);
}

/// A phone bar that is ready for calls.
pub fn ready(home: &Home, platform: &Platform, log: &str) -> Screen {
    let mut screen = Screen::start(home, &platform.config, log);
    screen.until("ready and registered", |text| {
        text.contains("● ready") && text.contains("link ●") && text.contains("registration ●")
    });
    screen
}

/// A customer calls and is answered; when the answer key was pressed.
pub fn answered(screen: &mut Screen, platform: &Platform, audio: &str) -> Instant {
    platform.customer_calls(audio);
    screen.until("a ringing call", |text| text.contains("a answer"));
    std::thread::sleep(Duration::from_millis(150));
    screen.settle();
    let pressed = screen.key("a");
    screen.until("the conversation", |text| text.contains("● talking"));
    pressed
}

pub fn hang_up(screen: &mut Screen) {
    screen.key("x");
    screen.until("the end of the call", |text| text.contains("● ready"));
}

/// What the platform says of the agent's leg of its only call.
pub fn agent_leg(platform: &Platform) -> Value {
    let calls = platform.admin("GET", "/calls", Value::Null);
    let legs = calls.as_array().into_iter().flatten().filter_map(|call| call["legs"].as_array()).flatten();
    let mut agents = legs.filter(|leg| leg["who"].as_str().is_some_and(|who| who.starts_with("agent")));
    agents.next_back().cloned().unwrap_or_default()
}
