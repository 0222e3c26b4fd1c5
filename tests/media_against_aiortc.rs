//! The media session against a WebRTC implementation that shares nothing with ours, Python's aiortc: a tone goes each way
//! and is measured where it arrives, through a call, a hold, a resume and an offer of ours; and in a call that begins with
//! our offer, where the DTLS roles are the other way round.
//!
//! Needs `python3` with `aiortc` and `numpy`; says so and stops where they are missing.

// A test's helpers may stop the test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

#[path = "common/could_not_run.rs"]
mod could_not_run;

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use could_not_run::could_not_run;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{Mutex, mpsc},
    time::timeout,
};
use wincall_tui::{
    config::{AudioBackend, AudioConfig, Codec},
    softphone::{Event, MediaEvent, media::Media},
};

const RATE: u32 = 48_000;

struct Peer {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// The Python peer, or why there is none.
    async fn start(codec: Codec, role: &str) -> Result<Self, String> {
        let check = Command::new("python3").args(["-c", "import aiortc, numpy"]).stderr(Stdio::null()).status().await;
        match check {
            Err(error) => return Err(format!("python3 cannot be started ({error})")),
            Ok(status) if !status.success() => {
                return Err("aiortc or numpy is missing; install them with: pip install aiortc numpy".into());
            }
            Ok(_) => {}
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/aiortc_peer.py");
        let mut child = Command::new("python3")
            .args([script, codec.name(), role])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python3 starts");
        let input = child.stdin.take().expect("standard input");
        let output = BufReader::new(child.stdout.take().expect("standard output")).lines();
        Ok(Self { child, input, output })
    }

    async fn says(&mut self, step: &str, what: &str) -> Value {
        let line = timeout(Duration::from_secs(20), self.output.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{step}: no {what} from the peer"));
        let line = line.expect("the peer's output").unwrap_or_else(|| panic!("{step}: the peer is gone"));
        let value: Value = serde_json::from_str(&line).expect("a JSON line");
        assert_eq!(value["step"], step, "{line}");
        value[what].clone()
    }

    async fn tell(&mut self, value: Value) {
        self.input.write_all(format!("{value}\n").as_bytes()).await.expect("the peer listens");
    }
}

fn write_tone(path: &Path, hz: f64, dbfs: f64) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).expect("a WAV file");
    let amplitude = 32767.0 * 10f64.powf(dbfs / 20.0);
    for n in 0..RATE {
        let sample = amplitude * (std::f64::consts::TAU * hz * f64::from(n) / f64::from(RATE)).sin();
        writer.write_sample(sample.round() as i16).expect("a sample");
    }
    writer.finalize().expect("the WAV file is closed");
}

/// Level of one frequency, dBFS, Hann-windowed.
fn level_at(samples: &[f64], hz: f64) -> f64 {
    let (mut re, mut im, mut gain) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / samples.len() as f64).cos();
        let phase = std::f64::consts::TAU * hz * n as f64 / f64::from(RATE);
        re += window * sample * phase.cos();
        im += window * sample * phase.sin();
        gain += window;
    }
    20.0 * (2.0 * f64::hypot(re, im) / gain).max(1e-9).log10()
}

/// Where the tone near `hz` is, Hz, and how loud, dBFS.
fn tone_near(samples: &[f64], hz: f64) -> (f64, f64) {
    (-40..=40)
        .map(|step| hz + f64::from(step) * 0.25)
        .map(|hz| (hz, level_at(samples, hz)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("candidates")
}

fn assert_heard(step: &str, measured: &Value) {
    let (hz, dbfs) = (measured["hz"].as_f64(), measured["dbfs"].as_f64());
    let (Some(hz), Some(dbfs)) = (hz, dbfs) else { panic!("{step}: the peer hears nothing: {measured}") };
    assert!((hz - 1000.0).abs() < 2.0, "{step}: the peer hears {hz} Hz");
    assert!((dbfs + 12.0).abs() < 3.0, "{step}: the peer hears {dbfs} dBFS");
}

/// One call at a time: the measurements are made in real time.
static ALONE: Mutex<()> = Mutex::const_new(());

async fn call(codec: Codec) {
    let _alone = ALONE.lock().await;
    let mut peer = match Peer::start(codec, "offer").await {
        Ok(peer) => peer,
        Err(reason) => {
            could_not_run(&reason);
            return;
        }
    };
    let dir = tempfile::tempdir().expect("a directory");
    let (microphone, speaker) = (dir.path().join("in.wav"), dir.path().join("out.wav"));
    write_tone(&microphone, 1000.0, -12.0);
    let (tell, mut events) = mpsc::unbounded_channel();
    let media = Media::start(
        AudioConfig {
            backend: AudioBackend::File,
            input_file: Some(microphone),
            output_file: Some(speaker.clone()),
            codecs: vec![codec],
            ..AudioConfig::default()
        },
        Arc::new(move |event| {
            if let Event::Media(event) = event {
                tell.send(event).unwrap_or_default();
            }
        }),
    );

    for step in ["call", "hold", "resume"] {
        let offer = peer.says(step, "offer").await;
        let answer = media.answer("call", offer.as_str().expect("SDP")).await.expect("an answer");
        peer.tell(json!({ "answer": answer })).await;
        let measured = peer.says(step, "measured").await;
        println!("{} {step}: {measured}", codec.name());
        if step == "hold" {
            assert!(measured["dbfs"].as_f64().is_none_or(|dbfs| dbfs < -60.0), "held, and still heard: {measured}");
        } else {
            assert_heard(step, &measured);
        }
    }
    let offer = media.offer("call", false).await.expect("an offer");
    peer.tell(json!({ "offer": offer })).await;
    let answer = peer.says("ours", "answer").await;
    media.accept_answer("call", answer.as_str().expect("SDP")).await.expect("the answer is taken");
    assert_heard("ours", &peer.says("ours", "measured").await);
    media.close("call").await;
    media.shutdown().await;
    peer.tell(json!({})).await;
    timeout(Duration::from_secs(10), peer.child.wait()).await.expect("the peer ends").expect("its exit status");

    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(event);
    }
    assert!(told.contains(&MediaEvent::Up { codec }), "{told:?}");
    assert!(!told.iter().any(|event| matches!(event, MediaEvent::Lost { .. })), "{told:?}");

    let heard: Vec<f64> = hound::WavReader::open(&speaker)
        .expect("the output WAV")
        .samples::<i16>()
        .map(|sample| f64::from(sample.expect("a sample")) / 32768.0)
        .collect();
    let second = RATE as usize;
    assert!(heard.len() > 4 * second, "only {} samples heard", heard.len());
    // From the second second on: the call, the hold (the peer goes on sending) and the resume, a second at a time. Python
    // may stumble on a busy machine, and what it does not send cannot be heard: one second in five may be bad.
    let windows: Vec<(f64, f64)> =
        heard[2 * second..heard.len() - second].chunks_exact(second).map(|window| tone_near(window, 440.0)).collect();
    let good = windows.iter().filter(|(hz, dbfs)| (hz - 440.0).abs() < 2.0 && (dbfs + 12.0).abs() < 3.0).count();
    println!("{} heard here (Hz, dBFS): {windows:.2?}", codec.name());
    assert!(good * 5 >= windows.len() * 4, "{good} of {} seconds are as they were sent", windows.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn opus() {
    call(Codec::Opus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_law() {
    call(Codec::Pcma).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u_law() {
    call(Codec::Pcmu).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_begins_with_our_offer() {
    let _alone = ALONE.lock().await;
    let mut peer = match Peer::start(Codec::Pcma, "answer").await {
        Ok(peer) => peer,
        Err(reason) => return could_not_run(&reason),
    };
    let dir = tempfile::tempdir().expect("a directory");
    let microphone = dir.path().join("in.wav");
    write_tone(&microphone, 1000.0, -12.0);
    let audio = AudioConfig {
        backend: AudioBackend::File,
        input_file: Some(microphone),
        codecs: vec![Codec::Pcma],
        ..AudioConfig::default()
    };
    let media = Media::start(audio, Arc::new(|_| {}));
    let offer = media.offer("call", false).await.expect("an offer");
    peer.tell(json!({ "offer": offer })).await;
    let answer = peer.says("call", "answer").await;
    let answer = answer.as_str().expect("SDP");
    assert!(answer.contains("a=setup:active"), "aiortc takes the client's role: {answer}");
    media.accept_answer("call", answer).await.expect("the answer is taken");
    assert_heard("call", &peer.says("call", "measured").await);
    peer.tell(json!({})).await;
    media.close("call").await;
    media.shutdown().await;
}
