//! The real cpal path, both ways at once, on a headset made of software (`virtual-sound-card.sh`).
//!
//! ALSA reads its environment once, so the test sets the headset up and runs itself again inside of it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test: helpers outside of #[test] functions may fail loudly too"
)]

#[path = "common/could_not_run.rs"]
mod could_not_run;

use could_not_run::could_not_run;
use std::{
    io::Read as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use audio_codec_algorithms::{decode_alaw, encode_alaw};
use tokio::sync::mpsc;
use wincall_tui::{
    config::{AudioConfig, Codec},
    softphone::{
        Event, MediaEvent, Tone,
        audio::{AudioEngine, CallFormat, DeviceDirection, RtpIn, list_devices},
    },
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/virtual-sound-card.sh");
/// Set in the inner run.
const INSIDE: &str = "WINCALL_TEST_HEADSET";
const PROGRAMS: [&str; 6] = ["pipewire", "wireplumber", "pipewire-pulse", "dbus-daemon", "pactl", "parec"];

#[test]
fn a_headset_is_heard_and_spoken_through() {
    if std::env::var_os(INSIDE).is_some() {
        inside();
        return;
    }
    let missing: Vec<&str> = PROGRAMS.into_iter().filter(|program| !installed(program)).collect();
    if !missing.is_empty() {
        let packages = Command::new(SCRIPT).arg("packages").output().unwrap().stdout;
        could_not_run(&format!(
            "no virtual sound card without {}; apt-get install {}",
            missing.join(", "),
            String::from_utf8_lossy(&packages)
        ));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let headset = Headset::start(dir.path());
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_headset_is_heard_and_spoken_through", "--nocapture"])
        .env(INSIDE, dir.path())
        .envs(headset.environment.iter().map(|(name, value)| (name, value)))
        .status()
        .unwrap();
    drop(headset);
    assert!(status.success(), "the test inside the headset's environment failed; its output is above");
}

fn installed(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join(program).is_file())
}

struct Headset {
    dir: String,
    environment: Vec<(String, String)>,
}

impl Headset {
    fn start(dir: &Path) -> Self {
        let dir = dir.display().to_string();
        let started = Command::new(SCRIPT).args(["start", &dir]).stderr(Stdio::inherit()).output().unwrap();
        let headset = Self {
            dir,
            environment: String::from_utf8(started.stdout)
                .unwrap()
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        };
        assert!(started.status.success(), "the virtual sound card did not start");
        headset
    }
}

impl Drop for Headset {
    fn drop(&mut self) {
        let stopped = Command::new(SCRIPT).args(["stop", &self.dir]).status();
        assert!(stopped.is_ok_and(|status| status.success()), "the virtual sound card did not stop");
    }
}

/// A helper program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn inside() {
    // Shown when the test fails: what the devices did.
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_test_writer().init();
    let dir = std::env::var(INSIDE).unwrap();
    let devices = list_devices().unwrap();
    for direction in [DeviceDirection::Input, DeviceDirection::Output] {
        assert!(devices.iter().any(|device| device.direction == direction && device.is_default), "{devices:?}");
    }
    assert!(devices.iter().any(|device| device.id == "alsa:test_speaker"), "{devices:?}");

    let speech = format!("{dir}/1000hz.raw");
    let tone: Vec<u8> = (0..48_000 * 30)
        .flat_map(|n| {
            let sample = (8231.0 * (std::f64::consts::TAU * 1000.0 * f64::from(n) / 48_000.0).sin()) as i16;
            [sample.to_le_bytes(), sample.to_le_bytes()].concat()
        })
        .collect();
    std::fs::write(&speech, tone).unwrap();
    let raw = ["--rate=48000", "--format=s16le", "--raw"];
    let pacat = Command::new("pacat").args(["-p", "--device=micfeed", "--channels=2"]).args(raw).arg(&speech).spawn();
    let _speaking = Running(pacat.unwrap());

    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let sink = events.clone();
    // Named, not the default, so that the ring device is one of its own.
    let config = AudioConfig {
        ring_device: "alsa:test_speaker".into(),
        // The test speaks in a steady tone, which the treatment of a voice is there to take out.
        echo_cancellation: Some(false),
        noise_suppression: Some(false),
        gain_control: Some(false),
        ..AudioConfig::default()
    };
    let engine = AudioEngine::start(config, Arc::new(move |event| sink.lock().unwrap().push(event)));

    engine.prove_devices();
    let ready = |event: &Event| matches!(event, Event::Media(MediaEvent::DevicesReady { .. }));
    wait_for("the devices to be proven", || events.lock().unwrap().iter().any(ready));

    engine.play(Some(Tone::Ring));
    let ring = listen(Duration::from_millis(2500));
    engine.play(None);
    let loudest = ring.chunks_exact(9600).map(|window| level(window, 660.0)).fold(-90.0, f64::max);
    assert!(loudest > -30.0, "the ring is heard at {loudest:.1} dBFS");

    let (out, mut packets) = mpsc::channel(64);
    let call = engine.open_call(CallFormat::new(Codec::Pcma, 8), out);
    let talk = thread::spawn(move || {
        let (start, mut heard) = (Instant::now(), Vec::new());
        for n in 0..400u32 {
            thread::sleep((start + Duration::from_millis(20) * n).saturating_duration_since(Instant::now()));
            let payload = (0..160u32)
                .map(|i| {
                    let at = f64::from(n * 160 + i) / 8000.0;
                    encode_alaw((8231.0 * (std::f64::consts::TAU * 440.0 * at).sin()) as i16)
                })
                .collect();
            let (sequence, timestamp, arrived) = (n as u16, n * 160, Instant::now());
            call.receive(RtpIn { payload_type: 8, sequence, timestamp, marker: n == 0, payload, arrived });
            while let Ok(packet) = packets.try_recv() {
                // 8 kHz to 48 kHz by repetition is good enough to find a frequency below 4 kHz.
                let samples = packet.payload.iter().map(|byte| f32::from(decode_alaw(*byte)) / 32_768.0);
                heard.extend(samples.flat_map(|sample| [sample; 6]));
            }
        }
        (heard, call.quality())
    });
    thread::sleep(Duration::from_secs(1));
    let spoken = listen(Duration::from_secs(5));
    let (heard, quality) = talk.join().unwrap();

    let captured = measure(&heard[2 * 48_000..7 * 48_000], 1000.0);
    let played = measure(&spoken, 440.0);
    println!("captured {captured:?}, played {played:?}, {quality:?}");
    assert!((captured.hz - 1000.0).abs() <= 2.0 && (captured.dbfs + 12.0).abs() < 3.0);
    assert!((played.hz - 440.0).abs() <= 2.0 && (played.dbfs + 12.0).abs() < 3.0);
    let failed = |event: &Event| matches!(event, Event::Media(MediaEvent::DeviceFailed(_)));
    let failures: Vec<Event> = events.lock().unwrap().iter().filter(|event| failed(event)).cloned().collect();
    assert_eq!(failures, []);

    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(engine.shutdown());
}

/// What comes out of the speaker, after the first second, in which the recorder gets going.
fn listen(time: Duration) -> Vec<f32> {
    let mut parec = Running(
        Command::new("parec")
            .args(["--device=spk.monitor", "--rate=48000", "--channels=2", "--format=s16le", "--raw"])
            .args(["--latency-msec=20"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut bytes = vec![0; time.as_millis() as usize * 48 * 4];
    parec.0.stdout.take().unwrap().read_exact(&mut bytes).unwrap();
    // The left channel is enough.
    let left = |[low, high, _, _]: &[u8; 4]| f32::from(i16::from_le_bytes([*low, *high])) / 32_768.0;
    bytes.as_chunks::<4>().0.iter().map(left).skip(24_000).collect()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !done() {
        assert!(Instant::now() < deadline, "gave up waiting for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Level of one frequency, dBFS.
fn level(samples: &[f32], hz: f64) -> f64 {
    let (mut re, mut im, mut gain) = (0.0f64, 0.0f64, 0.0f64);
    for (n, sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / samples.len() as f64).cos();
        let phase = std::f64::consts::TAU * hz * n as f64 / 48_000.0;
        re += window * f64::from(*sample) * phase.cos();
        im += window * f64::from(*sample) * phase.sin();
        gain += window;
    }
    20.0 * (2.0 * re.hypot(im) / gain.max(1.0)).max(1e-9).log10()
}

/// What a tone is like in the middle of its 200 ms windows: a busy machine may break some of them.
#[derive(Debug)]
struct Measured {
    hz: f64,
    dbfs: f64,
}

fn measure(samples: &[f32], near: f64) -> Measured {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let strongest = |window: &[f32]| {
        let candidates = (-40..=40).map(|step| near + f64::from(step) / 4.0);
        candidates.max_by(|a, b| level(window, *a).total_cmp(&level(window, *b))).unwrap()
    };
    let windows = || samples.chunks_exact(9600);
    Measured {
        hz: median(windows().map(strongest).collect()),
        dbfs: median(windows().map(|window| level(window, near)).collect()),
    }
}
