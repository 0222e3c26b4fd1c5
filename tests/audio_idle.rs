//! An idle phone costs nothing: the audio thread sleeps without ticks before and after a call.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test: helpers outside of #[test] functions may fail loudly too")]

use std::{sync::Arc, thread, time::Duration};

use tokio::sync::mpsc;
use wincall_tui::{
    config::{AudioBackend, AudioConfig, Codec},
    softphone::audio::{AudioEngine, CallFormat},
};

/// How often the audio thread has gone to sleep so far.
fn sleeps() -> u64 {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| {
            let task = task.ok()?.path();
            (std::fs::read_to_string(task.join("comm")).ok()?.trim() == "audio").then_some(())?;
            let status = std::fs::read_to_string(task.join("status")).ok()?;
            status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse::<u64>().ok())
        })
        .sum()
}

#[test]
fn the_audio_thread_sleeps_without_ticks_when_there_is_no_call() {
    let config = AudioConfig { backend: AudioBackend::Null, ..AudioConfig::default() };
    let engine = AudioEngine::start(config, Arc::new(|_| {}));
    thread::sleep(Duration::from_millis(200));
    let before = sleeps();
    assert!(before > 0, "the audio thread is there");
    thread::sleep(Duration::from_secs(1));
    assert_eq!(sleeps(), before, "it ticks before a call");

    let (out, mut packets) = mpsc::channel(64);
    let call = engine.open_call(CallFormat::new(Codec::Opus, 111), out);
    thread::sleep(Duration::from_secs(1));
    assert!(sleeps() > before + 50, "it works in a call");
    assert!(packets.try_recv().is_ok());

    drop(call);
    thread::sleep(Duration::from_millis(200));
    let after = sleeps();
    thread::sleep(Duration::from_secs(1));
    assert_eq!(sleeps(), after, "it ticks after a call");
}
