//! Mouth to ear: chirps spoken into the one file, echoed by the platform's customer, found again in the other.
//!
//! Both files are read and written in the same 10 ms blocks, from the call's beginning on, so the distance of a chirp
//! from its echo, in samples, is its delay. In it are two whole legs: capture, encoder, network, the platform's jitter
//! buffer and mixer; then its encoder, network, and the phone bar's jitter buffer, decoder and playback.

use std::{
    f64::consts::TAU,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    common::{Home, Platform, audio::Recording},
    setting::{self, LOG},
    table::{Table, Target, short},
};

const RATE: usize = 48_000;
/// Between two chirps; no delay may be longer.
pub const PERIOD: usize = RATE / 2;
/// A chirp: 30 ms, 500 to 3000 Hz.
const CHIRP: usize = RATE * 30 / 1000;
/// Calls: the clocks of the two sides meet differently in each.
const CALLS: usize = 10;
/// Chirps in each.
const CHIRPS: usize = 12;
/// Chirps left out at the beginning of each: what delay the jitter buffers start with.
const STARTING: usize = 4;
/// A chirp that is less like the one spoken than this is not counted.
const LIKENESS: f64 = 0.6;

pub fn measure(table: &mut Table) {
    let home = Home::new();
    let platform = setting::platform(&home);
    let (mouth, ear) = (home.path("mouth.wav"), home.path("ear.wav"));
    speak(&mouth);
    setting::file_sound(&platform, &mouth, &ear);
    let mut screen = setting::ready(&home, &platform, LOG);
    let (mut starting, mut steady) = (Vec::new(), Vec::new());
    let mut waits = Waits::default();
    // The input begins anew with each call, the output goes on where it was.
    let mut before = 0;
    for _ in 0..CALLS {
        setting::answered(&mut screen, &platform, "echo");
        waits.look(&home, &platform, Duration::from_secs_f64((CHIRPS * PERIOD) as f64 / RATE as f64 + 1.0));
        setting::hang_up(&mut screen);
        std::thread::sleep(Duration::from_millis(300));
        let heard = Recording::read(&ear).samples;
        let delays = delays(&heard[before..]);
        before = heard.len();
        starting.extend_from_slice(&delays[..STARTING]);
        steady.extend_from_slice(&delays[STARTING..]);
    }
    screen.stop();
    let found: Vec<Duration> = steady.iter().copied().flatten().collect();
    let figure = "mouth to ear and back through an echo (two legs), file devices";
    table.ranked(figure, Some(Target::new(120.0, 80.0, "ms")), &found, 95);
    let beginning: Vec<Duration> = starting.iter().copied().flatten().collect();
    table.ranked("the same in a call's first 2 s", None, &beginning, 95);
    let lost = steady.len() + starting.len() - found.len() - beginning.len();
    table.told("chirps not found again", format!("{lost} of {}", steady.len() + starting.len()));
    waits.tell(table, &found);
}

/// The first block of a packet waits for the second, ms.
const PACKET_MS: f64 = 10.0;
/// What an Opus encoder looks ahead, ms (RFC 6716 2: 6.5 ms at 48 kHz); both sides have one.
const LOOK_AHEAD_MS: f64 = 6.5;
/// A period of a sound device, ms; the files have none.
const DEVICE_MS: f64 = 10.0;

/// Where sound waits on its way, looked at now and then: the mean of what is there is the mean of how long it stays.
#[derive(Default)]
struct Waits {
    platform: Vec<f64>,
    phone: Vec<f64>,
    round_trip: Vec<f64>,
}

impl Waits {
    fn look(&mut self, home: &Home, platform: &Platform, during: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < during {
            // Not in step with packets.
            std::thread::sleep(Duration::from_millis(313));
            // What the buffers start with is told by the first chirps.
            if begun.elapsed() > Duration::from_secs(2) {
                self.platform.extend(setting::agent_leg(platform)["buffer_ms"].as_f64());
                let media = &home.status()["media"];
                self.phone.extend(media["buffer_ms"].as_f64());
                self.round_trip.extend(media["rtt_ms"].as_f64());
            }
        }
    }

    fn tell(&self, table: &mut Table, found: &[Duration]) {
        let mean = |values: &[f64]| {
            let sum: f64 = values.iter().sum();
            (!values.is_empty()).then(|| sum / values.len() as f64)
        };
        let word = |ms: Option<f64>| ms.map_or("unknown".into(), short);
        let (platform, phone, trip) = (mean(&self.platform), mean(&self.phone), mean(&self.round_trip));
        let mut sorted: Vec<f64> = found.iter().map(|delay| delay.as_secs_f64() * 1000.0).collect();
        sorted.sort_by(f64::total_cmp);
        let Some(measured) = sorted.get(sorted.len() / 2) else { return };
        let network = trip.unwrap_or(0.0);
        let known = PACKET_MS + 2.0 * LOOK_AHEAD_MS + network + platform.unwrap_or(0.0) + phone.unwrap_or(0.0);
        table.told(
            "where it goes, on average, ms",
            format!(
                "filling a packet {PACKET_MS}, look-ahead of two encoders {}, network there and back {}, the platform's buffer \
                 and mixer {}, the phone's jitter buffer {}, the rest {}; in all {} (p50)",
                2.0 * LOOK_AHEAD_MS,
                word(trip),
                word(platform),
                word(phone),
                short(measured - known),
                short(*measured),
            ),
        );
        if let Some(platform) = platform {
            let own = sorted[(sorted.len() * 95).div_ceil(100) - 1] - platform + 2.0 * DEVICE_MS;
            table.single(
                "this program's share: the same less the platform's wait, with two device periods of 10 ms, p95",
                Target::new(80.0, 60.0, "ms"),
                own,
            );
        }
    }
}

/// One, 48 kHz.
pub fn chirp() -> Vec<f64> {
    let seconds = CHIRP as f64 / RATE as f64;
    let sample = |n: usize| {
        let t = n as f64 / RATE as f64;
        let fade = (TAU * n as f64 / CHIRP as f64).cos().mul_add(-0.5, 0.5);
        0.5 * fade * (TAU * (500.0 * t + 1250.0 * t * t / seconds)).sin()
    };
    (0..CHIRP).map(sample).collect()
}

/// A chirp at the beginning of each period.
fn speak(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a WAV file");
    let chirp = chirp();
    for _ in 0..CHIRPS + 4 {
        for n in 0..PERIOD {
            let sample = chirp.get(n).copied().unwrap_or(0.0);
            wav.write_sample((sample * 32_767.0) as i16).expect("a sample");
        }
    }
    wav.finalize().expect("a whole WAV file");
}

/// For each chirp of a call the delay at which it is found best; none for one that is not found.
fn delays(ear: &[f64]) -> Vec<Option<Duration>> {
    let chirp = chirp();
    let search = |n: usize| {
        let at = find(ear, &chirp, n * PERIOD..(n + 1) * PERIOD)?;
        Some(Duration::from_secs_f64((at - n * PERIOD) as f64 / RATE as f64))
    };
    (0..CHIRPS).map(search).collect()
}

/// Where in a recording a chirp is found best.
pub fn find(ear: &[f64], chirp: &[f64], places: std::ops::Range<usize>) -> Option<usize> {
    let energy: f64 = chirp.iter().map(|s| s * s).sum();
    let likeness = |at: usize| {
        let heard = ear.get(at..at + chirp.len()).unwrap_or_default();
        let product: f64 = heard.iter().zip(chirp).map(|(a, b)| a * b).sum();
        let power: f64 = heard.iter().map(|s| s * s).sum();
        if power < energy * 0.01 { 0.0 } else { product / (power * energy).sqrt() }
    };
    let (at, best) = places.map(|at| (at, likeness(at))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (best > LIKENESS).then_some(at)
}
