//! A floor of agents: several phone bars on one platform, each with a voice of its own.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{Home, Platform, Process, audio, headless_with, screen::Terminal, until};

/// A platform, a colleague who says 700 Hz, and the phone bar of the first agent on a screen, in Chinese, ready and
/// registered, whose microphone hears 1 kHz.
pub fn beside_a_colleague(home: &Home, columns: u16, rows: u16) -> (Platform, Agent, Terminal) {
    let platform = Platform::start(home);
    let colleague = Agent::start(&platform, 1, 700.0, "");
    platform.configure_tone(home, 1000.0);
    let terminal = Terminal::phone_bar(home, &platform.config, "zh-CN", columns, rows);
    terminal.shows("空闲");
    home.wait("registered");
    (platform, colleague, terminal)
}

/// A phone bar of one of the platform's agents, without a screen, signed in and registered.
pub struct Agent {
    pub home: Home,
    pub process: Process,
    pub ag_no: String,
}

impl Agent {
    /// The agent with this index, whose microphone hears `hz`. `more` goes to the top of the config.
    pub fn start(platform: &Platform, index: usize, hz: f64, more: &str) -> Self {
        let home = Home::new();
        let config = config_of(&home, platform, index, hz, more);
        let process = headless_with(&home, &config, &[]);
        super::become_idle(&home);
        let ag_no = platform.ready["agents"][index]["ag_no"].as_str().expect("an agent number").to_owned();
        Self { home, process, ag_no }
    }

    pub fn ctl(&self, words: &[&str]) -> String {
        self.home.ctl(words)
    }

    pub fn wait(&self, condition: &str) {
        self.home.wait(condition);
    }

    pub fn phase(&self) -> String {
        self.home.status()["call"]["phase"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits for a phase of the call.
    pub fn until_phase(&self, phase: &str) -> Value {
        self.home.until(&format!("{} is {phase}", self.ag_no), |s| s["call"]["phase"] == phase)
    }
}

/// The config of an agent of the platform, from the first one's.
pub fn config_of(home: &Home, platform: &Platform, index: usize, hz: f64, more: &str) -> PathBuf {
    let agent = &platform.ready["agents"][index];
    let text = fs::read_to_string(&platform.config).expect("the config");
    let lines = text.lines().map(|line| match line.split(" = ").next() {
        Some("token") => format!("token = {}", agent["token"]),
        Some("ag_no") => format!("ag_no = {}", agent["ag_no"]),
        Some("agent_phone") => format!("agent_phone = {}", agent["agent_phone"]),
        _ => line.to_owned(),
    });
    let (mic, ear) = (home.path("mic.wav"), home.path("ear.wav"));
    audio::write_tone(&mic, hz, -12.0);
    let table = format!("\n\n[audio]\nbackend = \"file\"\ninput_file = {}\noutput_file = {}\n", json!(mic), json!(ear));
    let config = format!("{more}\n{}{table}", lines.collect::<Vec<_>>().join("\n"));
    let file = home.path("agent.toml");
    fs::write(&file, config).expect("the config");
    file
}

/// The tones that a leg hears now, in whole Hz, rising; nothing if there is no such leg.
pub fn hears(platform: &Platform, who: &str) -> Option<Vec<i64>> {
    let calls = platform.admin("GET", "/calls", Value::Null);
    let legs = calls.as_array()?.iter().flat_map(|call| call["legs"].as_array().cloned().unwrap_or_default());
    let leg = legs.into_iter().find(|leg| leg["who"] == who)?;
    let mut tones: Vec<i64> =
        leg["heard_tones"].as_array()?.iter().filter_map(|tone| tone[0].as_f64()).map(|hz| hz.round() as i64).collect();
    tones.sort_unstable();
    Some(tones)
}

/// Waits until each of these legs hears exactly these tones, within 3 Hz.
pub fn until_heard(platform: &Platform, what: &str, wanted: &[(&str, &[i64])]) {
    let mut last = Vec::new();
    let begun = std::time::Instant::now();
    loop {
        last.clear();
        last.extend(wanted.iter().map(|(who, _)| (*who, hears(platform, who))));
        let all = last.iter().zip(wanted).all(|((_, heard), (_, wanted))| {
            heard.as_ref().is_some_and(|heard| {
                heard.len() == wanted.len() && heard.iter().zip(*wanted).all(|(a, b)| (a - b).abs() <= 3)
            })
        });
        if all {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "{what}: wanted {wanted:?}, heard {last:?}");
        until("the next half second", Duration::from_secs(1), {
            let now = std::time::Instant::now();
            move || now.elapsed() > Duration::from_millis(100)
        });
    }
}
