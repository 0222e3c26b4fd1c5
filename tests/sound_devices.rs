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
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use audio_codec_algorithms::{decode_alaw, encode_alaw};
use tokio::sync::mpsc;
use wincall_tui::{
    config::{AudioConfig, AudioHost, Codec, Ear},
    domain::DeviceRole,
    softphone::{
        Devices, Event, MediaEvent, Tone,
        audio::{AudioEngine, CallFormat, DeviceDirection, RtpIn, list_devices},
    },
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/virtual-sound-card.sh");
/// Set in the inner run.
const INSIDE: &str = "WINCALL_TEST_HEADSET";
const PROGRAMS: [&str; 6] = ["pipewire", "wireplumber", "pipewire-pulse", "dbus-daemon", "pactl", "parec"];

#[test]
fn a_headset_is_heard_and_spoken_through() {
    on_a_headset("a_headset_is_heard_and_spoken_through", AudioHost::Auto, inside);
}

#[test]
fn a_headset_is_heard_and_spoken_through_by_alsa() {
    on_a_headset("a_headset_is_heard_and_spoken_through_by_alsa", AudioHost::Alsa, inside);
}

#[test]
fn a_call_is_heard_in_one_ear_alone() {
    on_a_headset("a_call_is_heard_in_one_ear_alone", AudioHost::Auto, in_one_ear);
}

#[test]
fn a_call_is_heard_in_one_ear_alone_by_alsa() {
    on_a_headset("a_call_is_heard_in_one_ear_alone_by_alsa", AudioHost::Alsa, in_one_ear);
}

#[test]
fn a_headset_pulled_out_in_a_call_comes_back_by_itself_and_the_call_goes_on() {
    let name = "a_headset_pulled_out_in_a_call_comes_back_by_itself_and_the_call_goes_on";
    on_a_headset(name, AudioHost::Auto, pulled_out);
}

#[test]
fn a_headset_pulled_out_comes_back_by_itself_by_alsa() {
    on_a_headset("a_headset_pulled_out_comes_back_by_itself_by_alsa", AudioHost::Alsa, pulled_out);
}

#[test]
fn another_device_is_used_in_the_middle_of_a_call_and_tested_without_one() {
    let name = "another_device_is_used_in_the_middle_of_a_call_and_tested_without_one";
    on_a_headset(name, AudioHost::Auto, changed);
}

#[test]
fn another_device_is_used_in_the_middle_of_a_call_by_alsa() {
    on_a_headset("another_device_is_used_in_the_middle_of_a_call_by_alsa", AudioHost::Alsa, changed);
}

#[test]
fn a_speaker_that_the_system_changes_is_noticed_and_told() {
    on_a_headset("a_speaker_that_the_system_changes_is_noticed_and_told", AudioHost::Auto, moved);
}

/// One headset at a time: several sound servers beside each other are more than a small machine plays in real time.
static ONE_HEADSET: Mutex<()> = Mutex::new(());

/// Runs a test again inside the environment of a headset made of software.
fn on_a_headset(name: &str, host: AudioHost, test: fn(AudioHost)) {
    if std::env::var_os(INSIDE).is_some() {
        test(host);
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
    let _alone = ONE_HEADSET.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let headset = Headset::start(dir.path());
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, dir.path())
        // Without it PipeWire itself moves a stream whose device is gone to another one: no plug is pulled then.
        .env("PIPEWIRE_ALSA", "{ node.dont-reconnect = true }")
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

/// Packet `n` of a far end that says 440 Hz at -12 dBFS.
fn far_end(n: u32) -> RtpIn {
    let payload = (0..160u32)
        .map(|i| {
            let at = f64::from(n * 160 + i) / 8000.0;
            encode_alaw((8231.0 * (std::f64::consts::TAU * 440.0 * at).sin()) as i16)
        })
        .collect();
    let (sequence, timestamp, arrived) = (n as u16, n * 160, Instant::now());
    RtpIn { ssrc: 7, payload_type: 8, sequence, timestamp, marker: n == 0, payload, arrived }
}

/// The id of the headset's microphone or speaker.
fn id(host: AudioHost, role: DeviceRole) -> String {
    let is_microphone = role == DeviceRole::Microphone;
    let name = match host {
        AudioHost::Alsa => ["alsa:test_speaker", "alsa:test_microphone"],
        AudioHost::Auto | AudioHost::Pulse => ["pulseaudio:spk", "pulseaudio:mic"],
    };
    name[usize::from(is_microphone)].to_owned()
}

fn inside(host: AudioHost) {
    // Shown when the test fails: what the devices did.
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_test_writer().init();
    let dir = std::env::var(INSIDE).unwrap();
    let devices = list_devices(host).unwrap();
    for direction in [DeviceDirection::Input, DeviceDirection::Output] {
        assert!(devices.iter().any(|device| device.direction == direction && device.is_default), "{devices:?}");
    }
    let speaker = id(host, DeviceRole::Speaker);
    assert!(devices.iter().any(|device| device.id == speaker), "{devices:?}");
    assert!(devices.iter().all(|device| !device.id.ends_with(".monitor")), "{devices:?}");

    let _speaking = speak(&dir);

    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let sink = events.clone();
    // Named, not the default, so that the ring device is one of its own.
    let config = AudioConfig {
        host,
        ring_device: speaker,
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
            call.receive(far_end(n));
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

/// Somebody who says 1 kHz into the microphone for half a minute.
fn speak(dir: &str) -> Running {
    let speech = format!("{dir}/1000hz.raw");
    let tone: Vec<u8> = (0..48_000 * 60)
        .flat_map(|n| {
            let sample = (8231.0 * (std::f64::consts::TAU * 1000.0 * f64::from(n) / 48_000.0).sin()) as i16;
            [sample.to_le_bytes(), sample.to_le_bytes()].concat()
        })
        .collect();
    std::fs::write(&speech, tone).unwrap();
    let raw = ["--rate=48000", "--format=s16le", "--raw"];
    let pacat = Command::new("pacat").args(["-p", "--device=micfeed", "--channels=2"]).args(raw).arg(&speech).spawn();
    Running(pacat.unwrap())
}

fn pactl(args: &[&str]) -> String {
    let output = Command::new("pactl").args(args).output().unwrap();
    assert!(output.status.success(), "pactl {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Takes the speaker and the microphone away, as if their plug were pulled.
fn pull_out() {
    let modules = pactl(&["list", "short", "modules"]);
    for name in ["source_name=mic", "sink_name=spk"] {
        let line = modules.lines().find(|line| line.contains(name)).unwrap();
        pactl(&["unload-module", line.split_whitespace().next().unwrap()]);
    }
}

fn put_back() {
    let sink = ["sink_name=spk", "media.class=Audio/Sink", "rate=48000", "channels=2"];
    pactl(&[&["load-module", "module-null-sink"], &sink[..]].concat());
    pactl(&["load-module", "module-remap-source", "master=micfeed.monitor", "source_name=mic"]);
}

/// The other side of a call, on a thread of its own: says 440 Hz, and keeps the level of 1 kHz of every packet and when
/// it came.
struct Talk {
    heard: Arc<Mutex<Vec<(Instant, f64)>>>,
    over: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Talk {
    fn begin(engine: &AudioEngine) -> Self {
        let (out, mut packets) = mpsc::channel(64);
        let call = engine.open_call(CallFormat::new(Codec::Pcma, 8), out);
        let (heard, over) =
            (Arc::<Mutex<Vec<(Instant, f64)>>>::default(), Arc::<std::sync::atomic::AtomicBool>::default());
        let (keep, ends) = (heard.clone(), over.clone());
        let thread = thread::spawn(move || {
            let start = Instant::now();
            let mut recent: Vec<f32> = Vec::new();
            for n in 0u32.. {
                thread::sleep((start + Duration::from_millis(20) * n).saturating_duration_since(Instant::now()));
                if ends.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                call.receive(far_end(n));
                while let Ok(packet) = packets.try_recv() {
                    let samples = packet.payload.iter().map(|byte| f32::from(decode_alaw(*byte)) / 32_768.0);
                    recent.clear();
                    recent.extend(samples.flat_map(|sample| [sample; 6]));
                    keep.lock().unwrap().push((Instant::now(), level(&recent, 1000.0)));
                }
            }
        });
        Self { heard, over, thread: Some(thread) }
    }

    /// When the microphone was heard first after an instant.
    fn heard_after(&self, after: Instant) -> Option<Instant> {
        let heard = self.heard.lock().unwrap();
        heard.iter().find(|(at, dbfs)| *at > after && *dbfs > -30.0).map(|(at, _)| *at)
    }

    /// Packets between two instants, and the loudest 1 kHz in them, dBFS.
    fn between(&self, from: Instant, to: Instant) -> (usize, f64) {
        let heard = self.heard.lock().unwrap();
        let those = || heard.iter().filter(|(at, _)| *at > from && *at < to).map(|(_, dbfs)| *dbfs);
        (those().count(), those().fold(-200.0, f64::max))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.over.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

type Events = Arc<Mutex<Vec<(Instant, MediaEvent)>>>;

fn start(config: AudioConfig) -> (AudioEngine, Events) {
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_test_writer().init();
    start_in(config)
}

fn start_in(config: AudioConfig) -> (AudioEngine, Events) {
    let events = Events::default();
    let sink = events.clone();
    let config = AudioConfig {
        // The test speaks in a steady tone, which the treatment of a voice is there to take out.
        echo_cancellation: Some(false),
        noise_suppression: Some(false),
        gain_control: Some(false),
        ..config
    };
    let engine = AudioEngine::start(
        config,
        Arc::new(move |event| {
            if let Event::Media(event) = event {
                sink.lock().unwrap().push((Instant::now(), event));
            }
        }),
    );
    (engine, events)
}

/// When something was told first after an instant.
fn told_after(events: &Events, after: Instant, what: impl Fn(&MediaEvent) -> bool) -> Option<Instant> {
    events.lock().unwrap().iter().find(|(at, event)| *at > after && what(event)).map(|(at, _)| *at)
}

fn is_ready(event: &MediaEvent) -> bool {
    matches!(event, MediaEvent::DevicesReady { .. })
}

fn pulled_out(host: AudioHost) {
    let _speaking = speak(&std::env::var(INSIDE).unwrap());
    let (engine, events) = start(AudioConfig {
        host,
        input_device: id(host, DeviceRole::Microphone),
        output_device: id(host, DeviceRole::Speaker),
        ring_device: id(host, DeviceRole::Speaker),
        ..AudioConfig::default()
    });
    let began = Instant::now();
    let talk = Talk::begin(&engine);
    wait_for("the call to be heard", || talk.heard_after(began).is_some());
    wait_for("the devices to be proven", || told_after(&events, began, is_ready).is_some());

    let mut back = Vec::new();
    for round in 0..3 {
        let pulled = Instant::now();
        pull_out();
        for role in [DeviceRole::Microphone, DeviceRole::Speaker] {
            let failed =
                |event: &MediaEvent| matches!(event, MediaEvent::DeviceFailed(error) if error.role() == Some(role));
            wait_for("both to be missed", || told_after(&events, pulled, failed).is_some());
        }
        // Nobody jumps anywhere: silence is sent, in packets that never stop.
        let gone = Instant::now();
        thread::sleep(Duration::from_secs(1));
        let (packets, loudest) = talk.between(gone + Duration::from_millis(100), Instant::now());
        assert!(packets >= 40 && loudest < -60.0, "round {round}: {packets} packets, loudest {loudest:.0} dBFS");
        put_back();
        let there = Instant::now();
        let speaker = thread::spawn(first_heard);
        wait_for("the devices to be back", || told_after(&events, gone, is_ready).is_some());
        wait_for("the agent to be heard again", || talk.heard_after(gone).is_some());
        let played = speaker.join().unwrap();
        let since = |at: Instant| at.saturating_duration_since(there).as_millis();
        let ready = told_after(&events, gone, is_ready).unwrap();
        back.push((since(talk.heard_after(gone).unwrap()), since(played), since(ready)));
        events.lock().unwrap().clear();
    }
    println!("back after the headset is there again, ms (agent heard, far end heard, both told to work): {back:?}");
    println!("delay of the devices: {:?}", engine.latency());
    drop(talk);
}

fn changed(host: AudioHost) {
    let _speaking = speak(&std::env::var(INSIDE).unwrap());
    // A microphone that nobody speaks into, first.
    let (engine, events) = start(AudioConfig { host, input_device: "no such device".into(), ..AudioConfig::default() });
    let began = Instant::now();
    let microphone = id(host, DeviceRole::Microphone);
    let listed = |event: &MediaEvent| matches!(event, MediaEvent::Devices(list) if list.iter().any(|device| device.id == microphone));
    wait_for("the list of devices", || told_after(&events, began, listed).is_some());
    engine.test_sound(true);
    let failed = |event: &MediaEvent| matches!(event, MediaEvent::DeviceFailed(error) if error.role() == Some(DeviceRole::Microphone));
    wait_for("the missing microphone to be told", || told_after(&events, began, failed).is_some());
    let chosen = Devices { input: microphone.clone(), output: "default".into(), ring: "default".into() };
    engine.set_devices(chosen.clone());
    let works = |event: &MediaEvent| matches!(event, MediaEvent::Tested(found) if found.microphone && found.speaker && found.speech && found.level_dbfs > -20.0);
    wait_for("the test to hear the microphone", || told_after(&events, began, works).is_some());
    engine.test_sound(false);

    let talk = Talk::begin(&engine);
    let called = Instant::now();
    wait_for("the agent to be heard", || talk.heard_after(called).is_some());
    let before = Instant::now();
    engine.set_devices(Devices { input: "no such device".into(), ..chosen.clone() });
    wait_for("the missing microphone to be told", || told_after(&events, before, failed).is_some());
    let without = Instant::now();
    thread::sleep(Duration::from_millis(600));
    let (packets, loudest) = talk.between(without + Duration::from_millis(100), Instant::now());
    assert!(packets >= 20 && loudest < -60.0, "{packets} packets, {loudest}");
    let again = Instant::now();
    engine.set_devices(chosen);
    wait_for("the agent to be heard again", || talk.heard_after(again).is_some());
    println!("heard {} ms after another microphone was chosen", (talk.heard_after(again).unwrap() - again).as_millis());
    drop(talk);
}

/// A second speaker, the first one pulled out alone while the default is followed, and a stream that somebody moves.
fn moved(host: AudioHost) {
    let _speaking = speak(&std::env::var(INSIDE).unwrap());
    let (engine, events) = start(AudioConfig { host, ..AudioConfig::default() });
    let began = Instant::now();
    let talk = Talk::begin(&engine);
    wait_for("the call to be heard", || talk.heard_after(began).is_some());
    wait_for("the devices to be proven", || told_after(&events, began, is_ready).is_some());
    for name in ["desk", "other"] {
        let sink = [&format!("sink_name={name}"), "media.class=Audio/Sink", "rate=48000", "channels=2"];
        pactl(&[&["load-module", "module-null-sink"], &sink[..]].concat());
    }

    // The default changes.
    let before = Instant::now();
    pactl(&["set-default-sink", "desk"]);
    let speaker_moved = |event: &MediaEvent| matches!(event, MediaEvent::DeviceMoved { role: DeviceRole::Speaker, .. });
    wait_for("the new default to be told", || told_after(&events, before, speaker_moved).is_some());
    wait_for("the devices to be proven", || told_after(&events, before, is_ready).is_some());
    first_heard_at("desk.monitor");

    // Somebody moves the stream, and it stays there.
    let before = Instant::now();
    let sinks = pactl(&["list", "short", "sinks"]);
    let sink = |name: &str| -> String {
        let line = sinks.lines().find(|line| line.split('\t').nth(1) == Some(name)).unwrap();
        line.split('\t').next().unwrap().to_owned()
    };
    let (desk, microphone) = (sink("desk"), sink("micfeed"));
    // Streams that play, and where: all but the one that speaks into the microphone. One that was opened just now may be
    // nowhere yet, and the system moves the old one too, which is on its way out.
    let playing = || -> Vec<(String, String)> {
        let inputs = pactl(&["list", "short", "sink-inputs"]);
        let columns = inputs.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        columns
            .map(|columns| (columns[0].to_owned(), columns[1].to_owned()))
            .filter(|(_, at)| *at != microphone)
            .collect()
    };
    wait_for("the new stream to play alone", || matches!(playing().as_slice(), [(_, at)] if *at == desk));
    pactl(&["move-sink-input", &playing()[0].0, "other"]);
    wait_for("the moved stream to be told", || told_after(&events, before, speaker_moved).is_some());
    first_heard_at("other.monitor");
    assert!(talk.heard_after(before).is_some(), "the microphone goes on");

    // The speaker in use is pulled out, alone.
    let before = Instant::now();
    let modules = pactl(&["list", "short", "modules"]);
    let line = modules.lines().find(|line| line.contains("sink_name=other")).unwrap();
    pactl(&["unload-module", line.split_whitespace().next().unwrap()]);
    let changed = |event: &MediaEvent| {
        speaker_moved(event)
            || matches!(event, MediaEvent::DeviceFailed(error) if error.role() == Some(DeviceRole::Speaker))
    };
    wait_for("the change to be told", || told_after(&events, before, changed).is_some());
    wait_for("the devices to be proven", || told_after(&events, before, is_ready).is_some());
    first_heard_at("desk.monitor");
    drop(talk);
}

/// When the far end's tone comes out of the speaker first; the recorder itself takes a moment to get going.
fn first_heard() -> Instant {
    first_heard_at("spk.monitor")
}

/// The same at another source.
fn first_heard_at(source: &str) -> Instant {
    let mut parec = Running(
        Command::new("parec")
            .args([&format!("--device={source}"), "--rate=48000", "--channels=2", "--format=s16le", "--raw"])
            .args(["--latency-msec=10"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut out = parec.0.stdout.take().unwrap();
    let deadline = Instant::now() + Duration::from_secs(15);
    let mut bytes = vec![0; 480 * 4];
    loop {
        out.read_exact(&mut bytes).unwrap();
        let left = |[low, high, _, _]: &[u8; 4]| f32::from(i16::from_le_bytes([*low, *high])) / 32_768.0;
        let samples: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(left).collect();
        if level(&samples, 440.0) > -30.0 {
            return Instant::now();
        }
        assert!(Instant::now() < deadline, "the far end is not heard again");
    }
}

fn in_one_ear(host: AudioHost) {
    for (ear, loud) in [(Ear::Left, [true, false]), (Ear::Right, [false, true])] {
        let (engine, events) = start_in(AudioConfig { host, ear, ..AudioConfig::default() });
        engine.prove_devices();
        wait_for("the devices to be proven", || events.lock().unwrap().iter().any(|(_, event)| is_ready(event)));
        let talk = Talk::begin(&engine);
        let heard = listen_in_both(Duration::from_secs(3)).map(|samples| level(&samples, 440.0));
        println!("{ear:?}: {heard:?} dBFS");
        assert_eq!(heard.map(|dbfs| dbfs > -40.0), loud, "{ear:?}: {heard:?} dBFS");
        assert!(heard.iter().any(|dbfs| *dbfs < -80.0), "{ear:?}: {heard:?} dBFS");
        drop(talk);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(engine.shutdown());
    }
}

/// What comes out of the speaker, after the first second, in which the recorder gets going. The left channel is enough.
fn listen(time: Duration) -> Vec<f32> {
    let [left, _] = listen_in_both(time);
    left
}

fn listen_in_both(time: Duration) -> [Vec<f32>; 2] {
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
    let frames = bytes.as_chunks::<4>().0.iter().skip(24_000);
    let sample = |low, high| f32::from(i16::from_le_bytes([low, high])) / 32_768.0;
    frames.map(|[a, b, c, d]| (sample(*a, *b), sample(*c, *d))).unzip::<_, _, Vec<_>, Vec<_>>().into()
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
