//! With the headset made of software: what a call costs, how long sound takes from mouth to ear, and what is left of it
//! beside programs that keep every core busy.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use serde_json::json;

use crate::{
    card::{Card, RATE},
    common::{Home, Platform, Process, audio, become_idle, headless, headless_by, talking},
    cost,
    ear::{self, PERIOD},
    setting::{self, LOG},
    table::{Table, Target},
};

const WHY: &str = "no PipeWire to make a headset of software";
/// Before a measurement, so that what belongs to the beginning is over.
const REST: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(20);
/// How long a tone is listened to beside busy programs.
const BESIDE: Duration = Duration::from_secs(60);
const CHIRPS: usize = 80;
/// Devices changed in a call.
const CHANGES: usize = 10;

const CPU: Target = Target::most(4.0, "%");
const MEMORY: Target = Target::most(20.0, "MB");
const XRUNS: Target = Target::most(0.0, "xruns");
const ROUND: Target = Target::most(80.0, "ms");
const BROKEN: Target = Target::most(0.0, "gaps and clicks");
const CHANGED: Target = Target::most(200.0, "ms");

pub fn measure(table: &mut Table, idle_minutes: u64) {
    if !cost_in_a_call(table, idle_minutes) {
        return table.not_measured("headset", None, WHY);
    }
    delays_and_changes(table);
    all_beside(table);
}

/// From mouth to ear, quiet and beside busy programs, and another device in a call.
pub fn delays_and_changes(table: &mut Table) {
    round_trip(table, 0);
    round_trip(table, 2);
    changed(table);
}

/// Beside busy programs.
pub fn all_beside(table: &mut Table) {
    // What there is of it without any says how much of the rest is theirs.
    beside(table, 0, true);
    for hogs in [2, 4] {
        for right in [true, false] {
            beside(table, hogs, right);
        }
    }
}

/// A call that somebody speaks in, with all that is done to a voice; whether there is a headset.
fn cost_in_a_call(table: &mut Table, idle_minutes: u64) -> bool {
    let home = Home::new();
    let Some(card) = Card::start(&home) else { return false };
    let platform = setting::platform(&home);
    setting::headset(&platform);
    let mut voice = card.speak(&home);
    let mut screen = setting::ready(&home, &platform, LOG);
    setting::answered(&mut screen, &platform, "speech");
    std::thread::sleep(REST);
    let cpu = cost::cpu_percent(screen.pid(), CALL);
    table.single("memory (PSS), in an Opus call with a headset", MEMORY, cost::pss_mb(screen.pid()));
    table.single("CPU of one core, in an Opus call with a headset, echo, noise and level treated, 20 s", CPU, cpu);
    std::thread::sleep(Duration::from_secs(idle_minutes * 60).saturating_sub(REST + CALL));
    let xruns = home.status()["media"]["xruns"].as_f64().unwrap_or(f64::INFINITY);
    table.single(&format!("xruns in a call of {idle_minutes} min with a headset"), XRUNS, xruns);
    screen.stop();
    voice.kill().ok();
    voice.wait().ok();
    true
}

/// From the mouth through devices, codec and network, past the platform's jitter buffer (it sends every packet back as it
/// is), to the ear: one direction between two phone bars is the same way.
fn round_trip(table: &mut Table, hogs: usize) {
    let home = Home::new();
    let Some(card) = Card::start(&home) else { return };
    let platform = setting::platform(&home);
    // What comes back of one's voice is an echo, which would be taken out.
    platform.configure("audio", &[("backend", json!("device")), ("echo_cancellation", json!(false))]);
    platform.fault("rtp_reflect", true.into(), None);
    let client = headless(&home, &platform.config);
    become_idle(&home);
    talking(&home, &platform, "silence");
    let (mouth, both) = (home.path("mouth.raw"), home.path("both.wav"));
    fs::write(&mouth, chirps()).expect("a file of chirps");
    std::thread::sleep(Duration::from_secs(2));
    let busy = Hogs::start(hogs);
    let recorder = card.record(&both);
    let saying = card.say(&mouth);
    std::thread::sleep(Duration::from_secs_f64((CHIRPS * PERIOD) as f64 / RATE as f64 + 1.5));
    drop((saying, recorder, busy));
    let found = delays(&both);
    let name = if hogs == 0 { String::new() } else { format!(", beside {hogs} busy programs") };
    table.ranked(&format!("mouth to ear through an echoing server, headset{name}"), Some(ROUND), &found, 95);
    table.told("chirps not found again", format!("{} of {CHIRPS}", CHIRPS.saturating_sub(found.len())));
    client.terminate();
}

fn chirps() -> Vec<u8> {
    let chirp = ear::chirp();
    let sample = |n: usize| (chirp.get(n % PERIOD).copied().unwrap_or(0.0) * 32_767.0) as i16;
    (0..CHIRPS * PERIOD).flat_map(|n| sample(n).to_le_bytes()).collect()
}

/// For each chirp said, when it was heard.
fn delays(both: &Path) -> Vec<Duration> {
    let (said, heard) = two_channels(both);
    let chirp = ear::chirp();
    let Some(begin) = said.iter().position(|sample| sample.abs() > 0.05) else { return Vec::new() };
    let found = (0..CHIRPS).filter_map(|n| {
        let due = begin + n * PERIOD;
        let at = ear::find(&said, &chirp, due.saturating_sub(RATE / 50)..due + RATE / 50)?;
        let ear = ear::find(&heard, &chirp, at..at + PERIOD - chirp.len())?;
        Some(Duration::from_secs_f64((ear - at) as f64 / RATE as f64))
    });
    found.collect()
}

fn two_channels(file: &Path) -> (Vec<f64>, Vec<f64>) {
    let mut reader = hound::WavReader::open(file).expect("a recording");
    let samples: Vec<f64> = reader.samples::<f32>().map_while(Result::ok).map(f64::from).collect();
    samples.as_chunks::<2>().0.iter().map(|[left, right]| (*left, *right)).unzip()
}

/// Another microphone in the middle of a call: how long the far end hears nothing.
fn changed(table: &mut Table) {
    let home = Home::new();
    let Some(card) = Card::start(&home) else { return };
    card.pactl(&["load-module", "module-remap-source", "master=micfeed.monitor", "source_name=mic2"]);
    let (platform, ear) = (setting::platform(&home), home.path("both.wav"));
    // A steady tone is what the treatment of a voice takes out.
    let off = |key| (key, json!(false));
    let treatment = [off("echo_cancellation"), off("noise_suppression"), off("gain_control")];
    platform.configure("audio", &[&[("backend", json!("device"))][..], &treatment].concat());
    platform.fault("rtp_reflect", true.into(), None);
    let client = headless(&home, &platform.config);
    become_idle(&home);
    talking(&home, &platform, "silence");
    let tone = home.path("tone.raw");
    let sample = |n: usize| (8231.0 * (std::f64::consts::TAU * 440.0 * n as f64 / RATE as f64).sin()) as i16;
    fs::write(&tone, (0..RATE * 60).flat_map(|n| sample(n).to_le_bytes()).collect::<Vec<u8>>()).expect("a tone");
    let saying = card.say(&tone);
    home.until("the microphone is heard", |s| s["media"]["level_in_dbfs"].as_f64() > Some(-40.0));
    let mut silences = Vec::new();
    for n in 0..CHANGES {
        let recorder = card.record(&ear);
        std::thread::sleep(Duration::from_secs(1));
        home.ctl(&["devices", "--input", if n % 2 == 0 { "pulseaudio:mic2" } else { "pulseaudio:mic" }]);
        std::thread::sleep(Duration::from_secs(2));
        drop(recorder);
        let (_, heard) = two_channels(&ear);
        let whole = heard.get(RATE / 2..).unwrap_or_default();
        silences.push(Duration::from_secs_f64(audio::gaps(whole, RATE as u32).1 / 1000.0));
    }
    drop(saying);
    client.terminate();
    table.ranked("another microphone in a call: silence", Some(CHANGED), &silences, 95);
}

/// A tone listened to at the speaker while other programs keep all cores busy.
fn beside(table: &mut Table, hogs: usize, right: bool) {
    let home = Home::new();
    let Some(card) = Card::start(&home) else { return };
    let platform = setting::platform(&home);
    setting::headset(&platform);
    let client = if right { headless(&home, &platform.config) } else { without_right(&home, &platform) };
    become_idle(&home);
    let heard = home.path("both.wav");
    talking(&home, &platform, "tone:440");
    std::thread::sleep(REST);
    let recorder = card.record(&heard);
    let busy = Hogs::start(hogs);
    std::thread::sleep(BESIDE);
    drop((busy, recorder));
    let (_, heard) = two_channels(&heard);
    let part = heard.get(RATE / 2..heard.len().saturating_sub(RATE / 2)).unwrap_or_default();
    let (gaps, longest) = audio::gaps(part, RATE as u32);
    let clicks = clicks(part);
    let media = home.status()["media"].clone();
    let (xruns, concealed) = (&media["xruns"], &media["concealed_pct"]);
    client.terminate();
    let how = if right { "" } else { " without the right to raise priority" };
    let figure = format!("a tone of 60 s beside {hogs} busy programs{how}");
    table.single(&figure, BROKEN, (gaps + clicks) as f64);
    table.told(
        "of these",
        format!("gaps {gaps} (longest {longest} ms), clicks {clicks}, xruns {xruns}, concealed {concealed} %"),
    );
}

/// Places where a tone of 440 Hz is not continued as it was: what is left of it beside the tone is more than 0.05.
fn clicks(tone: &[f64]) -> usize {
    let turn = 2.0 * (std::f64::consts::TAU * 440.0 / RATE as f64).cos();
    let broken = |at: &[f64]| (at[2] + at[0] - turn * at[1]).abs() > 0.05;
    let places = tone.windows(3).enumerate().filter(|(_, at)| broken(at)).map(|(n, _)| n);
    // One click is many samples.
    let (count, _) = places.fold((0, None), |(count, last), n| {
        (count + usize::from(last.is_none_or(|last| n > last + RATE / 100)), Some(n))
    });
    count
}

/// The phone bar as a user that may not raise priorities.
fn without_right(home: &Home, platform: &Platform) -> Process {
    let setpriv = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", "prlimit", "--rtprio=0"];
    headless_by(home, &platform.config, &setpriv)
}

/// Programs that keep a core busy each.
struct Hogs(Vec<Child>);

impl Hogs {
    fn start(count: usize) -> Self {
        let hog = |_| Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("a shell");
        Self((0..count).map(hog).collect())
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            hog.kill().ok();
            hog.wait().ok();
        }
    }
}
