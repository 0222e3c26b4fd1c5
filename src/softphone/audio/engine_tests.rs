//! The engine as the media session sees it, in real time, with the file backend.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    AudioEngine, CallAudio, CallFormat, FRAME, RtpIn, RtpOut,
    codec::{Decoder, Encoder, rtp_clock},
    testing::{level_at, longest_gap_ms, rms_dbfs, sine, strongest_near},
    wav::WavSink,
};
use crate::{
    config::{AudioBackend, AudioConfig, Codec},
    i18n::Locale,
    softphone::{AudioError, Event, MediaEvent, SoundTest, Tone},
};

type Events = Arc<Mutex<Vec<Event>>>;

/// A far end that says 440 Hz at -12 dBFS and keeps what it hears.
struct FarEnd {
    call: CallAudio,
    packets: mpsc::Receiver<RtpOut>,
    format: CallFormat,
    encoder: Encoder,
    decoder: Decoder,
    tone: Vec<f32>,
    start: Instant,
    sent: u64,
    received: Vec<RtpOut>,
}

impl FarEnd {
    fn new(engine: &AudioEngine, codec: Codec) -> Self {
        let format = CallFormat::new(codec, if codec == Codec::Opus { 111 } else { 8 });
        let (out, packets) = mpsc::channel(64);
        Self {
            call: engine.open_call(format, out),
            packets,
            format,
            encoder: Encoder::new(codec).unwrap(),
            decoder: Decoder::new(codec).unwrap(),
            // 22 whole periods of 440 Hz in 2400 samples: it repeats without a seam.
            tone: sine(440.0, -12.0, 48_000),
            start: Instant::now(),
            sent: 0,
            received: Vec::new(),
        }
    }

    /// Talks for a while at an honest pace, and returns what was heard meanwhile.
    fn talk(&mut self, time: Duration) -> Vec<f32> {
        let mut heard = Vec::new();
        let clock = rtp_clock(self.format.codec) / 50;
        for _ in 0..time.as_millis() / 20 {
            let due = self.start + Duration::from_millis(20) * self.sent as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let at = (self.sent as usize * FRAME) % self.tone.len();
            let frame: &[f32; FRAME] = self.tone[at..at + FRAME].try_into().unwrap();
            let payload = self.encoder.encode(frame).unwrap();
            self.call.receive(self.packet(self.format.payload_type, self.sent as u32 * clock, payload));
            self.sent += 1;
            while let Ok(packet) = self.packets.try_recv() {
                self.decoder.decode(&packet.payload, &mut heard).unwrap();
                self.received.push(packet);
            }
        }
        heard
    }

    fn packet(&self, payload_type: u8, timestamp: u32, payload: Bytes) -> RtpIn {
        let sequence = self.sent as u16;
        RtpIn { ssrc: 7, payload_type, sequence, timestamp, marker: self.sent == 0, payload, arrived: Instant::now() }
    }
}

fn files(dir: &Path) -> AudioConfig {
    let input_file = dir.join("in.wav");
    WavSink::create(&input_file).unwrap().write(&sine(1000.0, -12.0, 48_000)).unwrap();
    let output_file = Some(dir.join("out.wav"));
    AudioConfig { backend: AudioBackend::File, input_file: Some(input_file), output_file, ..AudioConfig::default() }
}

fn start(config: AudioConfig) -> (AudioEngine, Events) {
    let events = Events::default();
    let sink = events.clone();
    (AudioEngine::start(config, Arc::new(move |event| sink.lock().unwrap().push(event))), events)
}

fn read(path: Option<&PathBuf>) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path.unwrap()).unwrap();
    assert_eq!(reader.spec().sample_rate, 48_000);
    reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
}

fn wait_for(events: &Events, what: impl Fn(&Event) -> bool) -> Event {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(event) = events.lock().unwrap().iter().find(|event| what(event)) {
            return event.clone();
        }
        assert!(Instant::now() < deadline, "not told in 5 s; told: {:?}", events.lock().unwrap());
        thread::sleep(Duration::from_millis(5));
    }
}

/// The median level of one frequency over stretches of 100 ms, dBFS. A packet that this machine sent late moves the phase
/// of what follows, which takes from the level of a long stretch and says nothing of the sound.
fn usual_level(samples: &[f32], hz: f64) -> f64 {
    let mut levels: Vec<f64> = samples.chunks_exact(4800).map(|stretch| level_at(stretch, hz)).collect();
    levels.sort_by(f64::total_cmp);
    levels[levels.len() / 2]
}

/// Both directions keep frequency and level, without gaps, and the meters show it.
fn a_call(codec: Codec) {
    let dir = tempfile::tempdir().unwrap();
    let config = files(dir.path());
    let (engine, events) = start(config.clone());
    let mut far = FarEnd::new(&engine, codec);
    let heard = far.talk(Duration::from_secs(6));
    let quality = far.call.quality();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(engine.shutdown());

    let steady = &heard[24_000..];
    assert!((strongest_near(steady, 1000.0) - 1000.0).abs() <= 0.5);
    assert!((level_at(steady, 1000.0) + 12.0).abs() < 1.0, "{}", level_at(steady, 1000.0));
    assert_eq!(longest_gap_ms(steady, -15.0), 0);
    let ticks = rtp_clock(codec) / 50;
    assert!(far.received.windows(2).all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) == ticks));
    assert_eq!(far.received.iter().filter(|packet| packet.marker).count(), 1);

    let out = read(config.output_file.as_ref());
    assert!((5.5..6.5).contains(&(out.len() as f64 / 48_000.0)), "{} samples", out.len());
    let steady = &out[48_000..];
    assert!((strongest_near(steady, 440.0) - 440.0).abs() <= 0.5);
    assert!((usual_level(steady, 440.0) + 12.0).abs() < 1.0, "{}", usual_level(steady, 440.0));
    assert!(longest_gap_ms(steady, -15.0) <= 20, "a gap of {} ms", longest_gap_ms(steady, -15.0));

    assert!(quality.packets_received >= 290, "{quality:?}");
    assert_eq!(quality.loss_pct, 0.0);
    assert!(quality.concealed_pct <= 2.0 && quality.buffer_ms < 100.0, "{quality:?}");
    let levels: Vec<(f32, f32)> = events.lock().unwrap().iter().filter_map(levels).collect();
    assert!((55..=61).contains(&levels.len()), "{} readings", levels.len());
    let (microphone, far_end) = levels[30];
    assert!((microphone + 12.0).abs() < 0.5 && (far_end + 12.0).abs() < 1.5, "{microphone} {far_end}");
}

fn levels(event: &Event) -> Option<(f32, f32)> {
    if let Event::Media(MediaEvent::Levels { microphone, far_end }) = event {
        Some((*microphone, *far_end))
    } else {
        None
    }
}

#[test]
fn a_call_in_opus() {
    a_call(Codec::Opus);
}

#[test]
fn a_call_in_alaw() {
    a_call(Codec::Pcma);
}

#[test]
fn a_call_in_ulaw() {
    a_call(Codec::Pcmu);
}

#[test]
fn muted_the_far_end_hears_nothing_and_the_meter_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, events) = start(files(dir.path()));
    let mut far = FarEnd::new(&engine, Codec::Opus);
    assert!(rms_dbfs(&far.talk(Duration::from_secs(1))[9600..]) > -20.0);
    engine.set_muted(true);
    wait_for(&events, |event| *event == Event::Muted(true));
    while far.packets.try_recv().is_ok() {}
    events.lock().unwrap().clear();
    // The first packets still carry the codec's own delay.
    let heard = far.talk(Duration::from_secs(2));
    assert!(heard.len() > 80_000, "packets go on");
    assert!(rms_dbfs(&heard[9600..]) < -60.0, "{}", rms_dbfs(&heard[9600..]));
    let (microphone, far_end) = levels(&wait_for(&events, |event| levels(event).is_some())).unwrap();
    assert!((microphone + 12.0).abs() < 0.5 && far_end > -15.0);
    engine.set_muted(false);
    wait_for(&events, |event| *event == Event::Muted(false));
    assert!(rms_dbfs(&far.talk(Duration::from_secs(1))[14_400..]) > -20.0);
}

#[test]
fn held_neither_hears_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let config = files(dir.path());
    let (engine, _) = start(config.clone());
    let mut far = FarEnd::new(&engine, Codec::Pcma);
    far.talk(Duration::from_secs(1));
    engine.set_held(true);
    let heard = far.talk(Duration::from_secs(1));
    assert!(rms_dbfs(&heard[9600..]) < -60.0);
    engine.set_held(false);
    let heard = far.talk(Duration::from_secs(1));
    assert!(rms_dbfs(&heard[9600..]) > -20.0);
    drop(engine);
    let out = read(config.output_file.as_ref());
    assert!(rms_dbfs(&out[57_600..91_200]) < -60.0, "held: {}", rms_dbfs(&out[57_600..91_200]));
    assert!(rms_dbfs(&out[110_400..139_200]) > -20.0, "resumed");
}

#[test]
fn other_payload_types_disturb_nothing_and_a_direction_is_obeyed() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, events) = start(files(dir.path()));
    let mut far = FarEnd::new(&engine, Codec::Pcma);
    for _ in 0..10 {
        far.talk(Duration::from_millis(100));
        far.call.receive(far.packet(101, 7, Bytes::from_static(&[1, 10, 0, 160])));
        far.call.receive(far.packet(13, 99_999, Bytes::from_static(&[70])));
    }
    let quality = far.call.quality();
    assert!(quality.loss_pct == 0.0 && quality.concealed_pct < 3.0, "{quality:?}");
    far.call.set_direction(false, false);
    far.talk(Duration::from_millis(100));
    events.lock().unwrap().clear();
    assert!(far.talk(Duration::from_millis(500)).is_empty(), "nothing is sent");
    let (_, far_end) = levels(&wait_for(&events, |event| levels(event).is_some())).unwrap();
    assert!(far_end < -60.0, "{far_end}");
    far.call.set_direction(true, true);
    far.talk(Duration::from_millis(500));
    assert!(far.received.last().is_some_and(|packet| !packet.payload.is_empty()));
    assert_eq!(far.received.iter().filter(|packet| packet.marker).count(), 2, "a new talk spurt");
}

#[test]
fn a_change_of_codec_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = start(files(dir.path()));
    let mut far = FarEnd::new(&engine, Codec::Pcma);
    far.talk(Duration::from_millis(600));
    far.format = CallFormat::new(Codec::Opus, 96);
    (far.encoder, far.decoder) = (Encoder::new(Codec::Opus).unwrap(), Decoder::new(Codec::Opus).unwrap());
    far.call.set_format(far.format);
    while far.packets.try_recv().is_ok_and(|packet| packet.payload_type != 96) {}
    thread::sleep(Duration::from_millis(30));
    while far.packets.try_recv().is_ok() {}
    let heard = far.talk(Duration::from_secs(2));
    assert!((level_at(&heard[24_000..], 1000.0) + 12.0).abs() < 1.0);
    assert!(far.received.last().is_some_and(|packet| packet.payload_type == 96));
    assert!(far.call.quality().concealed_pct < 5.0);
}

#[test]
fn files_that_cannot_be_used_are_told_and_the_call_goes_on_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let config = AudioConfig {
        backend: AudioBackend::File,
        input_file: Some(dir.path().join("missing.wav")),
        output_file: Some(dir.path().join("no/such/folder.wav")),
        ..AudioConfig::default()
    };
    let (engine, events) = start(config);
    let mut far = FarEnd::new(&engine, Codec::Pcma);
    let heard = far.talk(Duration::from_secs(1));
    assert!(heard.len() > 40_000 && rms_dbfs(&heard) < -60.0);
    let failed = |name: &'static str| move |event: &Event| matches!(event, Event::Media(MediaEvent::DeviceFailed(AudioError::File { path, .. })) if path.contains(name));
    wait_for(&events, failed("missing.wav"));
    wait_for(&events, failed("folder.wav"));
}

#[test]
fn a_speaker_that_is_to_write_nothing_is_not_missed() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, events) = start(AudioConfig { output_file: None, ..files(dir.path()) });
    engine.test_sound(true);
    let found =
        |event: &Event| matches!(event, Event::Media(MediaEvent::Tested(found)) if found.speaker && found.microphone);
    wait_for(&events, found);
}

#[test]
fn tones_stay_out_of_the_output_file_and_there_is_none_without_a_call() {
    let dir = tempfile::tempdir().unwrap();
    let config = files(dir.path());
    let (engine, events) = start(config.clone());
    engine.play(Some(Tone::Ring));
    engine.prove_devices();
    wait_for(&events, |event| matches!(event, Event::Media(MediaEvent::DevicesReady { .. })));
    let call = engine.open_call(CallFormat::new(Codec::Pcma, 8), mpsc::channel(64).0);
    engine.play(Some(Tone::RingBack));
    thread::sleep(Duration::from_millis(300));
    drop(call);
    thread::sleep(Duration::from_millis(300));
    drop(engine);
    let out = read(config.output_file.as_ref());
    assert!((9_600..24_000).contains(&out.len()), "only while there was a call: {} samples", out.len());
    assert!(out.iter().all(|sample| *sample == 0.0));
}

#[test]
fn without_devices_the_null_backend_keeps_packets_flowing() {
    let config = AudioConfig { backend: AudioBackend::Null, ..AudioConfig::default() };
    let (engine, events) = start(config);
    engine.set_muted(true);
    wait_for(&events, |event| *event == Event::Muted(true));
    let mut far = FarEnd::new(&engine, Codec::Opus);
    far.talk(Duration::from_secs(1));
    assert!((45..=51).contains(&far.received.len()), "{} packets", far.received.len());
    let call = far.call;
    drop(engine);
    // A call that outlives the engine is silent and harmless.
    call.set_direction(true, true);
    drop(call);
}

#[test]
fn with_devices_that_are_not_there_the_call_goes_on_in_silence() {
    let missing = || "no such device".to_owned();
    let config = AudioConfig { input_device: missing(), output_device: missing(), ..AudioConfig::default() };
    let (engine, events) = start(config);
    let mut far = FarEnd::new(&engine, Codec::Pcma);
    let heard = far.talk(Duration::from_millis(2500));
    assert!(heard.len() > 100_000 && rms_dbfs(&heard) < -60.0, "{} samples", heard.len());
    let failed =
        |event: &&Event| matches!(event, Event::Media(MediaEvent::DeviceFailed(_) | MediaEvent::DevicesReady { .. }));
    let failures: Vec<Event> = events.lock().unwrap().iter().filter(failed).cloned().collect();
    assert_eq!(failures.len(), 2, "each device is told once, however often it is tried: {failures:?}");
    for name in ["microphone", "speaker"] {
        wait_for(
            &events,
            |event| matches!(event, Event::Media(MediaEvent::DeviceFailed(AudioError::NoDevice { direction, .. })) if *direction == name),
        );
    }
}

fn test_found(events: &Events, what: impl Fn(&SoundTest) -> bool) -> SoundTest {
    let fits = |event: &Event| matches!(event, Event::Media(MediaEvent::Tested(found)) if what(found));
    let Event::Media(MediaEvent::Tested(found)) = wait_for(events, fits) else { unreachable!() };
    found
}

#[test]
fn a_test_of_files_is_honest_and_ends_when_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let config = files(dir.path());
    let (engine, events) = start(config.clone());
    engine.test_sound(true);
    let found = test_found(&events, |found| found.speech);
    assert!(found.running && found.microphone && found.speaker && !found.ring, "{found:?}");
    assert!((found.peak_dbfs + 12.0).abs() < 0.5, "{found:?}");
    // A call in the middle of it neither ends it nor is disturbed.
    let call = engine.open_call(CallFormat::new(Codec::Pcma, 8), mpsc::channel(64).0);
    wait_for(&events, |event| levels(event).is_some());
    drop(call);
    events.lock().unwrap().clear();
    assert!(test_found(&events, |found| found.running).microphone);
    engine.test_sound(false);
    test_found(&events, |found| !found.running);
    events.lock().unwrap().clear();
    engine.test_sound(false);
    drop(engine);
    assert_eq!(events.lock().unwrap().len(), 0, "nothing goes on");

    let (engine, events) = start(AudioConfig { input_file: Some(dir.path().join("missing.wav")), ..config });
    engine.test_sound(true);
    let found = test_found(&events, |_| true);
    assert!(!found.microphone && found.speaker, "{found:?}");
    wait_for(&events, |event| matches!(event, Event::Media(MediaEvent::DeviceFailed(AudioError::File { .. }))));
    drop(engine);
    let (engine, events) = start(AudioConfig { backend: AudioBackend::Null, ..AudioConfig::default() });
    engine.test_sound(true);
    let found = test_found(&events, |_| true);
    assert!(!found.microphone && !found.speaker, "nothing is neither heard nor played: {found:?}");
}

#[test]
fn speaking_into_a_muted_microphone_is_told_and_unmuting_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, events) = start(files(dir.path()));
    let speaking = |on| move |event: &Event| *event == Event::Media(MediaEvent::SpeakingMuted(on));
    let mut far = FarEnd::new(&engine, Codec::Pcma);
    far.talk(Duration::from_millis(600));
    assert!(!events.lock().unwrap().iter().any(speaking(true)), "not muted");
    engine.set_muted(true);
    wait_for(&events, speaking(true));
    engine.set_muted(false);
    wait_for(&events, speaking(false));
    // On hold nobody is to hear the agent.
    engine.set_held(true);
    engine.set_muted(true);
    events.lock().unwrap().clear();
    far.talk(Duration::from_millis(600));
    assert!(!events.lock().unwrap().iter().any(speaking(true)));
}

#[test]
fn a_microphone_of_digital_silence_is_told_and_a_missing_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let input_file = dir.path().join("silence.wav");
    WavSink::create(&input_file).unwrap().write(&[0.0; 48_000]).unwrap();
    let silent = |on| move |event: &Event| *event == Event::Media(MediaEvent::MicrophoneSilent(on));
    let (engine, events) = start(AudioConfig { input_file: Some(input_file), ..files(dir.path()) });
    let call = engine.open_call(CallFormat::new(Codec::Pcma, 8), mpsc::channel(64).0);
    wait_for(&events, silent(true));
    drop(call);
    wait_for(&events, silent(false));
    drop(engine);
    let (engine, events) = start(AudioConfig { backend: AudioBackend::Null, ..AudioConfig::default() });
    let call = engine.open_call(CallFormat::new(Codec::Pcma, 8), mpsc::channel(64).0);
    let forty = |events: &Events| events.lock().unwrap().iter().filter(|event| levels(event).is_some()).count() >= 40;
    let deadline = Instant::now() + Duration::from_secs(15);
    while !forty(&events) {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!events.lock().unwrap().iter().any(silent(true)));
    drop(call);
}

#[test]
fn every_error_is_said_in_both_languages() {
    let reason = || "REASON".to_owned();
    for direction in ["microphone", "speaker", "ring device", "sound device"] {
        for error in [
            AudioError::NoDevice { direction, reason: reason() },
            AudioError::Unusable { direction, device: "DEVICE".into(), reason: reason() },
            AudioError::File { path: "PATH".into(), reason: reason() },
            AudioError::Gone { direction, device: reason() },
            AudioError::Stalled { direction, device: reason() },
            AudioError::Denied { direction, device: reason() },
            AudioError::Busy { direction, device: reason() },
        ] {
            for locale in [Locale::En, Locale::ZhCn] {
                let said = error.message().render(locale);
                assert!(said.contains("REASON") && !said.contains("%{") && said.len() > 40, "{said}");
            }
        }
    }
    let error = AudioError::NoDevice { direction: "microphone", reason: reason() };
    assert_ne!(error.message().render(Locale::En), error.message().render(Locale::ZhCn));
}
