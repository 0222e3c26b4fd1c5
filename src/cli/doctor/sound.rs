//! Microphone, speaker and ring device, opened for real.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::finding::{Examined, Finding, Level};
use crate::{
    config::AudioBackend,
    i18n::Message,
    softphone::{
        AudioError, DeviceRole, Event, MediaEvent,
        audio::{AudioEngine, DeviceDirection, list_devices},
        priority::{self, Grade},
    },
};

/// For the devices to open.
const OPEN: Duration = Duration::from_secs(5);

/// Opens what the config names; a phone bar that runs here, and holds the devices, is asked instead.
pub(super) async fn probe(examined: &Examined) -> Vec<Finding> {
    let audio = &examined.config.audio;
    if !examined.config.platform.webrtc || audio.backend == AudioBackend::Null {
        return vec![examined.ok("sound", &Message::new("cli.sound_no_device"))];
    }
    let mut findings = vec![priority_of_sound(examined).await];
    if let Some(of_running) = examined.running.as_ref().and_then(of_running) {
        findings.extend(of_running);
        return findings;
    }
    let (tell, mut events) = mpsc::unbounded_channel();
    let engine = AudioEngine::start(
        audio.clone(),
        Arc::new(move |event| {
            // After the end nobody listens.
            tell.send(event).ok();
        }),
    );
    engine.prove_devices();
    let mut failed = Vec::new();
    let mut works = None;
    let opened = async {
        while let Some(event) = events.recv().await {
            if let Event::Media(MediaEvent::DevicesReady { input, output }) = event {
                works = Some((input, output));
                break;
            }
            if let Event::Media(MediaEvent::DeviceFailed(error)) = event {
                failed.push(error);
                // Both may be broken; a second word follows at once or not at all.
                while let Ok(Some(event)) = timeout(Duration::from_millis(300), events.recv()).await {
                    if let Event::Media(MediaEvent::DeviceFailed(error)) = event {
                        failed.push(error);
                    }
                }
                break;
            }
        }
    };
    let in_time = timeout(OPEN, opened).await.is_ok();
    engine.shutdown().await;
    if let Some((input, output)) = works {
        findings.push(examined.ok("microphone", &Message::new("cli.sound_ok").with("name", input)));
        findings.push(examined.ok("speaker", &Message::new("cli.sound_ok").with("name", output)));
    }
    findings.extend(failed.iter().map(|error| examined.fail(which(error), &error.message(), "cli.doctor_do_device")));
    if !in_time {
        findings.push(examined.fail("sound", &Message::new("cli.sound_late"), "cli.doctor_do_device"));
    }
    findings.extend(ring_device(examined).await);
    findings
}

/// Whether the threads that carry sound may run before other programs.
async fn priority_of_sound(examined: &Examined) -> Finding {
    let (answer, granted) = oneshot::channel();
    let ask = move || {
        // The probe may have been given up.
        answer.send(priority::raise()).ok();
    };
    let grade = match std::thread::Builder::new().name("priority".into()).spawn(ask) {
        Ok(_) => granted.await.unwrap_or(Grade::Normal),
        Err(_) => Grade::Normal,
    };
    match grade {
        Grade::RealTime => examined.ok("priority", &Message::new("cli.priority_real_time")),
        Grade::Raised => examined.ok("priority", &Message::new("cli.priority_raised")),
        Grade::Normal => examined.warn("priority", &Message::new("cli.priority_normal"), "cli.doctor_do_priority"),
    }
}

/// Which device an error is about.
fn which(error: &AudioError) -> &'static str {
    match error.role() {
        Some(DeviceRole::Microphone) => "microphone",
        Some(DeviceRole::Speaker) => "speaker",
        Some(DeviceRole::Ring) => "ring_device",
        None => "sound",
    }
}

/// Where calls ring, if that is a device of its own.
async fn ring_device(examined: &Examined) -> Option<Finding> {
    let wanted = examined.config.audio.ring_device.clone();
    if examined.config.audio.backend != AudioBackend::Device || wanted == "default" || !examined.config.audio.ring {
        return None;
    }
    let host = examined.config.audio.host;
    let devices = tokio::task::spawn_blocking(move || list_devices(host)).await.ok()?;
    let found = devices
        .ok()?
        .into_iter()
        .find(|device| device.direction == DeviceDirection::Output && (device.name == wanted || device.id == wanted));
    Some(match found {
        Some(device) => examined.ok("ring_device", &Message::new("cli.sound_ok").with("name", device.name)),
        None => {
            let message = Message::new("cli.sound_none").with("name", wanted);
            examined.warn("ring_device", &message, "cli.doctor_do_ring")
        }
    })
}

/// What a phone bar that runs here knows of its devices.
fn of_running(status: &Value) -> Option<Vec<Finding>> {
    let items = status.pointer("/health/items")?.as_array()?;
    let of = |check: &'static str| {
        let item = items.iter().find(|item| item["name"] == check)?;
        let level = match item["level"].as_str()? {
            "fail" => Level::Fail,
            "warn" => Level::Warn,
            "ok" => Level::Ok,
            _ => return None,
        };
        let hint = item["hint"].as_str().map(str::to_owned);
        Some(Finding { hint, ..Finding::plain(check, level, item["text"].as_str()?.to_owned()) })
    };
    let findings: Vec<_> = ["microphone", "speaker", "ring_device"].into_iter().filter_map(of).collect();
    (!findings.is_empty()).then_some(findings)
}
