//! Sound devices: chosen by the agent, plugged in and out, tested; what is told, and what is not done by itself.

use serde_json::Value;

use super::rig::{Rig, profile};
use crate::{
    app::{Command, DeviceState, DeviceWish, Effect, Event, Probe, RefusalKind, Watched},
    domain::{ChosenDevice, DeviceRole, Remembered},
    softphone::{
        self, AudioError, Devices, MediaEvent, SoundTest, Tone,
        audio::{DeviceDirection, DeviceInfo},
    },
};

fn device(id: &str, name: &str, direction: DeviceDirection) -> DeviceInfo {
    DeviceInfo { name: name.into(), id: format!("alsa:{id}"), direction, is_default: false }
}

fn built_in() -> Vec<DeviceInfo> {
    vec![
        device("sysdefault:CARD=PCH", "HDA Intel, Default", DeviceDirection::Input),
        device("sysdefault:CARD=PCH", "HDA Intel, Default", DeviceDirection::Output),
    ]
}

fn with_headset() -> Vec<DeviceInfo> {
    let headset = [
        device("sysdefault:CARD=E20", "Jabra, Default", DeviceDirection::Input),
        device("sysdefault:CARD=E20", "Jabra, Default", DeviceDirection::Output),
        device("plughw:CARD=E20,DEV=0", "Jabra, With conversions", DeviceDirection::Output),
    ];
    built_in().into_iter().chain(headset).collect()
}

fn media(rig: &mut Rig, event: MediaEvent) {
    rig.phone(softphone::Event::Media(event));
}

fn listed(devices: Vec<DeviceInfo>) -> Rig {
    let mut rig = Rig::idle();
    media(&mut rig, MediaEvent::Devices(devices));
    rig.effects.clear();
    rig
}

fn gone(direction: &'static str) -> AudioError {
    AudioError::Gone { direction, device: "Jabra".into() }
}

fn set(rig: &mut Rig, role: DeviceRole, device: &str) -> crate::app::CommandId {
    rig.command(Command::SetDevices(DeviceWish::one(role, device.into())))
}

#[test]
fn a_choice_by_name_is_used_at_once_told_and_remembered_by_its_id() {
    let mut rig = listed(with_headset());
    let id = set(&mut rig, DeviceRole::Microphone, "jabra, default");
    let devices =
        Devices { input: "alsa:sysdefault:CARD=E20".into(), output: "default".into(), ring: "default".into() };
    assert!(rig.phone_told(&softphone::Command::SetDevices(devices)));
    assert!(rig.phone_told(&softphone::Command::ProveDevices), "whether it works is known before the next call");
    assert!(matches!(rig.outcome(id), Some(Ok(told)) if told["input"] == "alsa:sysdefault:CARD=E20"));
    let kept = ChosenDevice::new("alsa:sysdefault:CARD=E20", "Jabra, Default");
    let remembered = |e: &Effect| matches!(e, Effect::Remember(r) if r.input_device.as_ref() == Some(&kept));
    assert_eq!(rig.count(remembered), 1);
    assert_eq!(rig.published("devicesChanged"), 1);
    let shown = rig.shown().devices;
    assert_eq!((shown.input.name.as_deref(), shown.input.follows_system), (Some("Jabra, Default"), false));
    assert!(shown.output.follows_system && shown.ring.follows_system);
    // The same again changes nothing.
    rig.effects.clear();
    set(&mut rig, DeviceRole::Microphone, "alsa:sysdefault:CARD=E20");
    assert_eq!(rig.count(|e| matches!(e, Effect::Phone(_))), 0);
}

#[test]
fn what_there_is_not_is_refused_with_a_way_out_and_nothing_changes() {
    let mut rig = listed(built_in());
    let wish = DeviceWish {
        input: Some("alsa:sysdefault:CARD=PCH".into()),
        output: Some("Jabra".into()),
        ..DeviceWish::default()
    };
    let id = rig.command(Command::SetDevices(wish));
    assert!(matches!(rig.outcome(id), Some(Err(refusal)) if refusal.kind == RefusalKind::Invalid));
    assert!(rig.notices().contains("No speaker 'Jabra'"), "{}", rig.notices());
    assert_eq!(rig.count(|e| matches!(e, Effect::Phone(_) | Effect::Remember(_))), 0);
}

#[test]
fn following_the_system_is_a_choice_of_its_own_and_counts_before_the_config() {
    let chosen = Remembered {
        input_device: Some(ChosenDevice::new("alsa:sysdefault:CARD=E20", "Jabra, Default")),
        ring_device: Some(ChosenDevice::system()),
        ..Remembered::default()
    };
    let config = Devices { input: "a".into(), output: "b".into(), ring: "c".into() };
    let mut rig = Rig::new(crate::app::Profile { remembered: chosen, devices: config, ..profile() });
    rig.event(Event::Started);
    let shown = rig.shown().devices;
    assert_eq!(shown.input.chosen, "alsa:sysdefault:CARD=E20");
    assert_eq!(shown.input.name.as_deref(), Some("Jabra, Default"), "known also while it is not plugged in");
    assert_eq!((shown.output.chosen.as_str(), shown.ring.chosen.as_str()), ("b", "default"));
    // What is chosen and unplugged can be chosen again.
    media(&mut rig, MediaEvent::Devices(built_in()));
    let id = set(&mut rig, DeviceRole::Microphone, "alsa:sysdefault:CARD=E20");
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    set(&mut rig, DeviceRole::Microphone, "default");
    assert!(rig.shown().devices.input.follows_system);
}

#[test]
fn a_new_device_is_offered_once_and_never_jumped_to() {
    let mut rig = listed(built_in());
    assert_eq!(rig.notices().matches("New sound device").count(), 0, "what is there at first is not new");
    media(&mut rig, MediaEvent::Devices(with_headset()));
    assert_eq!(rig.notices().matches("New sound device: Jabra.").count(), 1, "one headset is one device");
    assert_eq!(rig.shown().devices.new_device.as_deref(), Some("Jabra"));
    assert_eq!(rig.count(|e| matches!(e, Effect::Phone(_))), 0, "nothing is done by itself");
    // Out and in again: known by now.
    media(&mut rig, MediaEvent::Devices(built_in()));
    assert_eq!(rig.shown().devices.new_device, None);
    rig.later(std::time::Duration::from_secs(60));
    media(&mut rig, MediaEvent::Devices(with_headset()));
    assert_eq!(rig.notices().matches("New sound device").count(), 1);
}

#[test]
fn a_device_that_is_chosen_is_not_offered_and_an_offer_taken_is_over() {
    let mut rig = listed(built_in());
    media(&mut rig, MediaEvent::Devices(with_headset()));
    set(&mut rig, DeviceRole::Speaker, "alsa:sysdefault:CARD=E20");
    let shown = rig.shown();
    assert_eq!(shown.devices.new_device, None);
    assert!(shown.notices.iter().filter(|n| n.kind == "devices.new").all(|n| n.dismissed));
}

#[test]
fn a_headset_pulled_out_in_a_call_is_told_once_and_its_return_too() {
    let mut rig = Rig::talking();
    media(&mut rig, MediaEvent::DevicesReady { input: "Jabra".into(), output: "Jabra".into() });
    assert_eq!(rig.shown().devices.input.state, DeviceState::Works);
    for _ in 0..3 {
        media(&mut rig, MediaEvent::DeviceFailed(gone("microphone")));
        media(&mut rig, MediaEvent::DeviceFailed(gone("speaker")));
    }
    let shown = rig.shown();
    assert_eq!(shown.devices.input.state, DeviceState::Failed);
    assert!(shown.devices.output.error.is_some_and(|error| error.contains("you hear nobody")));
    assert_eq!(rig.published("deviceFailed"), 2);
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { .. } | Effect::Phone(_))), 0, "the call goes on untouched");
    media(&mut rig, MediaEvent::DevicesReady { input: "Jabra".into(), output: "Jabra".into() });
    let shown = rig.shown();
    assert_eq!((shown.devices.input.state, shown.media.device_error), (DeviceState::Works, None));
    assert_eq!(rig.published("devicesReady"), 2);
    assert!(rig.notices().contains("work"), "{}", rig.notices());
}

#[test]
fn the_newest_word_on_a_device_counts_and_a_ring_device_is_well_only_when_it_is() {
    let mut rig = Rig::talking();
    media(&mut rig, MediaEvent::DeviceFailed(gone("ring device")));
    media(&mut rig, MediaEvent::DeviceFailed(gone("microphone")));
    let busy = AudioError::Busy { direction: "microphone", device: "Jabra".into() };
    media(&mut rig, MediaEvent::DeviceFailed(busy.clone()));
    let told = rig.shown();
    assert!(told.devices.input.error.is_some_and(|error| error.contains("another program")));
    media(&mut rig, MediaEvent::DevicesReady { input: "a".into(), output: "b".into() });
    assert_eq!(rig.shown().devices.ring.state, DeviceState::Failed);
    assert!(rig.shown().media.device_error.is_some(), "still told in the banner");
    media(&mut rig, MediaEvent::RingReady { ring: "c".into() });
    assert_eq!(rig.shown().devices.ring.state, DeviceState::Works);
    assert_eq!(rig.shown().media.device_error, None);
}

#[test]
fn another_device_takes_the_place_of_one_that_failed() {
    let mut rig = listed(with_headset());
    media(&mut rig, MediaEvent::DeviceFailed(gone("microphone")));
    set(&mut rig, DeviceRole::Microphone, "alsa:sysdefault:CARD=PCH");
    let shown = rig.shown();
    assert_eq!(shown.devices.input.state, DeviceState::Unknown);
    assert_eq!(shown.media.device_error, None);
}

#[test]
fn devices_are_tested_while_they_are_looked_at_and_tried_by_key() {
    let mut rig = listed(with_headset());
    rig.command(Command::Watch(Some(Watched::Devices)));
    assert!(rig.phone_told(&softphone::Command::TestSound(true)));
    let test = SoundTest { running: true, microphone: true, speaker: true, level_dbfs: -20.0, ..SoundTest::default() };
    media(&mut rig, MediaEvent::Tested(test));
    let shown = rig.shown().devices;
    assert_eq!((shown.input.state, shown.output.state), (DeviceState::Works, DeviceState::Works));
    assert_eq!(shown.test, Some(test));
    rig.command(Command::TestDevice(Probe::Tone));
    assert!(rig.phone_told(&softphone::Command::Play(Some(Tone::Test))));
    rig.command(Command::TestDevice(Probe::Ring));
    assert!(rig.phone_told(&softphone::Command::Play(Some(Tone::RingOnce))));
    rig.effects.clear();
    rig.command(Command::Watch(None));
    assert!(rig.phone_told(&softphone::Command::TestSound(false)));
}

#[test]
fn a_phone_of_its_own_has_devices_of_its_own() {
    let mut rig = Rig::signed_in(crate::app::Profile { webrtc: false, ..profile() });
    for command in [Command::SetDevices(DeviceWish::default()), Command::TestDevice(Probe::Tone)] {
        let id = rig.command(command);
        assert!(matches!(rig.outcome(id), Some(Err(refusal)) if refusal.kind == RefusalKind::NotNow));
    }
}

#[test]
fn speaking_muted_and_a_silent_microphone_are_facts_and_end_with_the_call() {
    let mut rig = Rig::talking();
    for _ in 0..2 {
        media(&mut rig, MediaEvent::SpeakingMuted(true));
        media(&mut rig, MediaEvent::MicrophoneSilent(true));
    }
    let shown = rig.shown().devices;
    assert!(shown.speaking_muted && shown.microphone_silent);
    assert_eq!(shown.input.state, DeviceState::Silent);
    assert_eq!((rig.published("speakingMuted"), rig.published("microphoneSilent")), (1, 1));
    media(&mut rig, MediaEvent::SpeakingMuted(false));
    assert!(!rig.shown().devices.speaking_muted);
    media(&mut rig, MediaEvent::Closed);
    assert!(!rig.shown().devices.microphone_silent);
    assert_eq!(rig.published("microphoneSilent"), 2, "scripts are told of the end as well");
}

#[test]
fn meters_fall_slowly_so_that_a_pause_is_no_silence() {
    let mut rig = Rig::talking();
    media(&mut rig, MediaEvent::Levels { microphone: -20.0, far_end: -30.0 });
    for _ in 0..10 {
        media(&mut rig, MediaEvent::Levels { microphone: -90.0, far_end: -90.0 });
    }
    let shown = rig.shown().media;
    assert_eq!((shown.level_in_dbfs, shown.level_out_dbfs), (Some(-40.0), Some(-50.0)));
    media(&mut rig, MediaEvent::Levels { microphone: -10.0, far_end: -90.0 });
    assert_eq!(rig.shown().media.level_in_dbfs, Some(-10.0), "up at once");
    assert_eq!(serde_json::to_value(rig.shown().devices).unwrap()["list"], Value::Null, "the list is asked for apart");
}
