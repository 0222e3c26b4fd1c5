//! Answering: by itself, by key, and how evenly packets go out.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    common::{Home, Platform, audio::write_tone},
    setting::{self, LOG},
    table::{Table, Target},
};

const DIALLED: usize = 20;
const ANSWERED: usize = 20;
/// How long packets are counted for their spacing.
const TALK: Duration = Duration::from_secs(30);
/// The default level, every packet that comes in and the first sound of a call, so that their times are known.
const LOG_PACKETS: &str = "info,wincall_tui::softphone::media::tap=trace,wincall_tui::softphone::audio::call=debug,\
                           webrtc=error,rtc=error";

const INVITE: Target = Target::new(50.0, 20.0, "ms");
const FIRST_RTP: Target = Target::new(250.0, 60.0, "ms");
const FIRST_SOUND: Target = Target::new(250.0, 150.0, "ms");

pub fn measure(table: &mut Table) {
    auto_answer(table);
    by_key(table);
    pacing(table);
}

/// Dialling out: the platform calls the agent's own phone first, to be answered by itself. Both times are the
/// platform's, when the INVITE leaves and when the 200 has come.
fn auto_answer(table: &mut Table) {
    let home = Home::new();
    let platform = setting::platform(&home);
    write_tone(&home.path("mic.wav"), 1000.0, -12.0);
    setting::file_sound(&platform, &home.path("mic.wav"), &home.path("ear.wav"));
    let mut screen = setting::ready(&home, &platform, LOG);
    let number = "13900139000";
    let behaviour = json!({ "number": number, "behaviour": "answer", "after_ms": 50, "audio": "silence" });
    platform.admin("POST", "/outbound", behaviour);
    for _ in 0..DIALLED {
        screen.key(number);
        screen.until("the number", |text| text.contains(number));
        screen.key("\r");
        screen.until("the conversation", |text| text.contains("● talking"));
        setting::hang_up(&mut screen);
        screen.key("\x1b");
    }
    let times = invite_to_200(&platform);
    assert!(times.len() >= DIALLED, "{} of {DIALLED} calls found in the platform's log", times.len());
    table.median("INVITE to 200 OK, auto-answer", INVITE, &times);
    screen.stop();
}

fn invite_to_200(platform: &Platform) -> Vec<Duration> {
    let mut open: Vec<(String, Timestamp)> = Vec::new();
    let mut times = Vec::new();
    for entry in platform.log() {
        let text = entry["text"].as_str().unwrap_or_default();
        let header = |name: &str| {
            let line = text.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
            line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
        };
        let (call, at) = (header("call-id:").to_owned(), time(&entry["time"]));
        match (entry["direction"].as_str(), at) {
            (Some("out"), Some(at)) if text.starts_with("INVITE ") && header("call-info:").contains("answer-after") => {
                open.push((call, at));
            }
            (Some("in"), Some(at)) if text.starts_with("SIP/2.0 200") && header("cseq:").ends_with("INVITE") => {
                let place = open.iter().position(|(id, _)| *id == call);
                times.extend(place.map(|place| open.swap_remove(place)).map(|(_, from)| since(from, at)));
            }
            _ => {}
        }
    }
    times
}

/// The answer key, to the first packet that the platform gets, and to the first that the phone bar gets.
fn by_key(table: &mut Table) {
    let home = Home::new();
    let platform = setting::platform(&home);
    write_tone(&home.path("mic.wav"), 1000.0, -12.0);
    setting::file_sound(&platform, &home.path("mic.wav"), &home.path("ear.wav"));
    let mut screen = setting::ready(&home, &platform, LOG_PACKETS);
    let (mut sent, mut pressed_at) = (Vec::new(), Vec::new());
    for _ in 0..ANSWERED {
        let pressed = setting::answered(&mut screen, &platform, "tone:440");
        let pressed = Timestamp::try_from(SystemTime::now() - pressed.elapsed()).expect("a time");
        std::thread::sleep(Duration::from_millis(700));
        let leg = setting::agent_leg(&platform);
        let first = time(&leg["first_packet"]).unwrap_or_else(|| panic!("no packet has come: {leg}"));
        sent.push(since(pressed, first));
        pressed_at.push(pressed);
        setting::hang_up(&mut screen);
    }
    screen.stop();
    table.median("answer key to first RTP sent (come to the platform)", FIRST_RTP, &sent);
    let logs = home.logs();
    let first_after = |what: &str| -> Vec<Duration> {
        let times: Vec<Timestamp> = times_of(&logs, what).collect();
        let first = |pressed: &Timestamp| times.iter().find(|at| *at > pressed).map(|first| since(*pressed, *first));
        pressed_at.iter().filter_map(first).collect()
    };
    let received = first_after("RTP in");
    assert_eq!(received.len(), ANSWERED, "packets in the log");
    table.median("answer key to first RTP received", FIRST_RTP, &received);
    let heard = first_after("heard for the first time");
    assert_eq!(heard.len(), ANSWERED, "beginnings of sound in the log");
    table.ranked("answer key to first sound played", Some(FIRST_SOUND), &heard, 95);
}

/// When the phone bar's log says something, out of the log.
fn times_of<'l>(logs: &'l str, what: &'l str) -> impl Iterator<Item = Timestamp> + 'l {
    logs.lines().filter(move |line| line.contains(what)).filter_map(|line| line.split_whitespace().next()?.parse().ok())
}

/// The spacing of packets as the platform sees them come.
fn pacing(table: &mut Table) {
    let home = Home::new();
    let platform = setting::platform(&home);
    write_tone(&home.path("mic.wav"), 1000.0, -12.0);
    setting::file_sound(&platform, &home.path("mic.wav"), &home.path("ear.wav"));
    let mut screen = setting::ready(&home, &platform, LOG);
    setting::answered(&mut screen, &platform, "tone:440");
    std::thread::sleep(TALK);
    let leg = setting::agent_leg(&platform);
    screen.stop();
    let spacing: Option<Vec<f64>> =
        leg["packet_spacing_ms"].as_array().map(|s| s.iter().filter_map(Value::as_f64).collect());
    match spacing.as_deref() {
        Some([median, high, longest]) => {
            table.told(
                "send pacing",
                format!("p50 {median:.1}, p99 {high:.1}, most {longest:.1} ms (n {})", leg["packets_in"]),
            );
        }
        _ => table.not_measured("send pacing", None, "no packets came"),
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
