//! What is in order and what is not: measured, proven, told; and the gate before "ready".

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{Command, Effect, Event, HealthItem, HealthLevel, Profile, RefusalKind, TimerId},
    cti::{
        api::Request,
        link::{LinkError, LinkEvent},
        push::PushMessage,
    },
    domain::{AgentState, ProvenSound, Remembered},
    i18n::Message,
    softphone::{self, AudioError, LossCause, MediaEvent, SipError, SoundTest},
};

fn checked() -> Profile {
    Profile { check: true, ..profile() }
}

fn media(rig: &mut Rig, event: MediaEvent) {
    rig.phone(softphone::Event::Media(event));
}

fn devices(rig: &mut Rig, name: &str) {
    media(rig, MediaEvent::DevicesReady { input: name.into(), output: name.into() });
}

fn broken(direction: &'static str) -> MediaEvent {
    MediaEvent::DeviceFailed(AudioError::NoDevice { direction, reason: "none".into() })
}

fn item(rig: &Rig, name: &str) -> HealthItem {
    rig.shown().health.items.into_iter().find(|item| item.name == name).unwrap()
}

fn level(rig: &Rig, name: &str) -> HealthLevel {
    item(rig, name).level
}

/// A sign-in up to the point where the first state has been asked for.
fn greeted(profile: Profile) -> Rig {
    let mut rig = Rig::new(profile);
    rig.event(Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw", "expires": 99_999_999 }));
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R1", "agSta": "0" }));
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig
}

/// Signed in with a headset that was proven, ready.
fn at_work() -> Rig {
    let mut rig = greeted(checked());
    devices(&mut rig, "Headset");
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    rig.agent("2");
    rig.phone(softphone::Event::Registered { expires: Duration::from_secs(600) });
    media(&mut rig, passed());
    rig.reply_to(|r| matches!(r, Request::Ready), 0, Value::Null);
    rig.agent("1");
    let done = MediaEvent::Tested(SoundTest { speaker: true, microphone: true, speech: true, ..SoundTest::default() });
    media(&mut rig, done);
    rig.effects.clear();
    rig
}

fn passed() -> MediaEvent {
    MediaEvent::Tested(SoundTest {
        running: true,
        speaker: true,
        microphone: true,
        speech: true,
        ..SoundTest::default()
    })
}

#[test]
fn a_sound_file_that_is_nowhere_on_a_disk_has_no_name_to_be_shown() {
    let mut rig = Rig::idle();
    media(&mut rig, MediaEvent::DevicesReady { input: "/proc/self/fd/12".into(), output: "Jabra".into() });
    let shown = rig.shown().health;
    assert!(!format!("{shown:?}").contains("/proc/") && format!("{shown:?}").contains("Jabra"), "{shown:?}");
}

#[test]
fn round_trips_are_told_in_the_originals_bands_and_one_late_answer_says_little() {
    let mut rig = Rig::idle();
    for (ms, level, words) in [
        (119, HealthLevel::Ok, "very good"),
        (120, HealthLevel::Ok, "good"),
        (239, HealthLevel::Ok, "good"),
        (240, HealthLevel::Warn, "slow"),
        (360, HealthLevel::Warn, "very slow"),
        (479, HealthLevel::Warn, "very slow"),
        (480, HealthLevel::Fail, "too slow"),
    ] {
        for _ in 0..3 {
            rig.link(LinkEvent::RoundTrip(ms));
            rig.phone(softphone::Event::RoundTrip(Duration::from_millis(ms)));
        }
        for name in ["link", "sip"] {
            let item = item(&rig, name);
            assert_eq!((item.level, item.value_ms), (level, Some(ms)), "{name} {ms}");
            assert!(item.text.contains(words), "{}", item.text);
            assert_eq!(item.hint.is_some(), level > HealthLevel::Ok, "{name} {ms}");
        }
    }
    let mut rig = Rig::idle();
    for ms in [20, 900, 30] {
        rig.link(LinkEvent::RoundTrip(ms));
    }
    assert_eq!(item(&rig, "link").value_ms, Some(30));
}

#[test]
fn a_link_that_stalls_is_told_before_it_is_lost_and_since_when() {
    let mut rig = Rig::idle();
    rig.link(LinkEvent::RoundTrip(20));
    rig.later(Duration::from_secs(7));
    rig.link(LinkEvent::Late(3000));
    let stalled = item(&rig, "link");
    assert_eq!((stalled.level, stalled.since), (HealthLevel::Warn, rig.wall()));
    assert!(stalled.text.contains("3 s") && stalled.hint.is_some(), "{stalled:?}");
    rig.later(Duration::from_secs(2));
    rig.link(LinkEvent::Late(5000));
    assert_eq!(item(&rig, "link").since, stalled.since, "the same trouble");
    rig.link(LinkEvent::RoundTrip(5100));
    assert_eq!(level(&rig, "link"), HealthLevel::Ok);
    rig.link(LinkEvent::Failed(LinkError::Silent(25)));
    assert_eq!(level(&rig, "link"), HealthLevel::Fail);
    assert_eq!(rig.shown().health.level, HealthLevel::Fail);
}

#[test]
fn the_registration_has_an_age_and_an_end() {
    let mut rig = Rig::idle();
    rig.later(Duration::from_secs(500));
    rig.phone(softphone::Event::Refreshed { expires: Duration::from_secs(600) });
    let granted = rig.wall();
    rig.later(Duration::from_secs(60));
    let sip = item(&rig, "sip");
    assert_eq!((sip.confirmed, sip.until), (Some(granted), Some(granted + Duration::from_secs(600))));
    let error = SipError::Timeout;
    rig.phone(softphone::Event::RegistrationFailed { error: error.clone(), retry_in: Some(Duration::from_secs(1)) });
    let sip = item(&rig, "sip");
    assert_eq!((sip.level, sip.confirmed, sip.until), (HealthLevel::Fail, None, None));
    assert_eq!(sip.text, error.message().render(crate::i18n::Locale::En));
    assert!(sip.hint.is_some());
}

#[test]
fn one_unanswered_command_is_a_warning_two_are_a_failure_and_an_answer_ends_it() {
    let mut rig = Rig::idle();
    let seen = |rig: &Rig| level(rig, "platform");
    for expected in [HealthLevel::Warn, HealthLevel::Fail] {
        rig.command(Command::Busy { reason: None });
        rig.fail(|r| matches!(r, Request::Busy { .. }));
        assert_eq!(seen(&rig), expected);
    }
    rig.command(Command::Busy { reason: None });
    rig.later(Duration::from_millis(52));
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    let platform = item(&rig, "platform");
    assert_eq!((platform.level, platform.confirmed), (HealthLevel::Ok, Some(rig.wall())));
    assert!(platform.value_ms.is_some());
}

#[test]
fn devices_calls_and_quality_each_have_their_line() {
    let mut rig = Rig::idle();
    assert_eq!(level(&rig, "microphone"), HealthLevel::Off);
    media(&mut rig, broken("microphone"));
    assert_eq!((level(&rig, "microphone"), level(&rig, "speaker")), (HealthLevel::Fail, HealthLevel::Off));
    devices(&mut rig, "Headset");
    for name in ["microphone", "speaker", "ring_device"] {
        assert_eq!(level(&rig, name), HealthLevel::Ok, "{name}");
    }
    media(&mut rig, broken("ring device"));
    assert_eq!(level(&rig, "ring_device"), HealthLevel::Warn, "a call can still be answered");
    media(&mut rig, MediaEvent::MicrophoneSilent(true));
    assert_eq!(level(&rig, "microphone"), HealthLevel::Warn);
    media(&mut rig, MediaEvent::MicrophoneSilent(false));
    assert_eq!(level(&rig, "media"), HealthLevel::Off);
    media(&mut rig, MediaEvent::Up { codec: crate::config::Codec::Opus });
    media(&mut rig, MediaEvent::Stats(softphone::MediaStats { mos: 4.4, rtt_ms: Some(38.4), ..Default::default() }));
    assert_eq!((level(&rig, "media"), item(&rig, "media").value_ms), (HealthLevel::Ok, Some(38)));
    assert_eq!(level(&rig, "quality"), HealthLevel::Ok);
    media(&mut rig, MediaEvent::Stats(softphone::MediaStats { mos: 2.9, ..Default::default() }));
    assert_eq!(level(&rig, "quality"), HealthLevel::Warn);
    media(&mut rig, MediaEvent::Lost { cause: LossCause::NoPackets });
    let lost = item(&rig, "media");
    assert_eq!(lost.level, HealthLevel::Fail);
    assert_eq!(lost.text, LossCause::NoPackets.message().render(crate::i18n::Locale::En));
}

#[test]
fn an_external_phone_has_no_sound_to_be_proven() {
    let mut rig = Rig::signed_in(Profile { webrtc: false, ..checked() });
    for name in ["sip", "microphone", "speaker", "ring_device"] {
        assert_eq!(level(&rig, name), HealthLevel::Off, "{name}");
    }
    assert_eq!(rig.shown().health.ready_refused, None);
    let id = rig.command(Command::TestSound { on: true });
    assert!(rig.outcome(id).is_some_and(Result::is_err));
}

#[test]
fn a_warning_of_the_config_is_told_here_too() {
    let rig = Rig::new(Profile { config_warnings: vec![Message::verbatim("others can read it")], ..profile() });
    assert_eq!(level(&rig, "config"), HealthLevel::Warn);
    assert!(item(&rig, "config").text.contains("others can read it"));
}

#[test]
fn without_check_nothing_is_probed_and_a_broken_microphone_only_warns() {
    let mut rig = Rig::idle();
    assert_eq!(rig.count(|e| matches!(e, Effect::StartTimer { timer: TimerId::Probe, .. })), 0);
    media(&mut rig, broken("microphone"));
    assert_eq!(rig.shown().health.ready_refused, None);
    rig.busy(11);
    let id = rig.command(Command::Ready);
    assert!(rig.notices().contains("callers will hear nothing"), "{}", rig.notices());
    rig.reply_to(|r| matches!(r, Request::Ready), 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(Result::is_ok));
}

#[test]
fn with_check_platform_and_devices_are_probed_but_never_the_devices_of_a_call() {
    let mut rig = at_work();
    let proofs = |rig: &Rig| rig.count(|e| matches!(e, Effect::Phone(softphone::Command::ProveDevices)));
    let probes = |rig: &Rig| rig.count(|e| matches!(e, Effect::Request { request: Request::BusyReasons, .. }));
    rig.event(Event::Timer(TimerId::Probe));
    assert_eq!((probes(&rig), proofs(&rig)), (1, 0));
    rig.timer(TimerId::Probe);
    assert_eq!((probes(&rig), proofs(&rig)), (1, 1), "the first probe has no answer yet");
    rig.reply_to(|r| matches!(r, Request::BusyReasons), 0, json!([]));
    rig.agent("4");
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: false });
    rig.timer(TimerId::Probe);
    rig.timer(TimerId::Probe);
    assert_eq!((probes(&rig), proofs(&rig)), (2, 1));
    rig.command(Command::SignOut);
    rig.reply_to(|r| matches!(r, Request::Logout), 0, Value::Null);
    assert_eq!(rig.count(|e| matches!(e, Effect::StopTimer(TimerId::Probe))), 1);
}

#[test]
fn a_sign_in_is_busy_until_the_sound_is_proven_and_then_ready_by_itself() {
    let mut rig = greeted(checked());
    assert!(rig.phone_told(&softphone::Command::ProveDevices), "tried before the first state is asked for");
    let shown = rig.shown();
    let told: Vec<_> = shown.notices.iter().filter(|notice| notice.kind.starts_with("health.held")).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains("health window") && !told[0].text.contains("in a moment"), "{}", told[0].text);
    devices(&mut rig, "Headset");
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    rig.agent("2");
    rig.phone(softphone::Event::Registered { expires: Duration::from_secs(600) });
    assert_eq!(rig.shown().agent.state, AgentState::Busy);
    assert!(rig.shown().health.ready_refused.is_some());
    assert_eq!(level(&rig, "microphone"), HealthLevel::Warn);
    rig.effects.clear();
    rig.command(Command::TestSound { on: true });
    assert!(rig.phone_told(&softphone::Command::TestSound(true)));
    media(&mut rig, MediaEvent::Tested(SoundTest { running: true, speaker: true, ..SoundTest::default() }));
    assert!(rig.sent(|r| matches!(r, Request::Ready)).is_none());
    media(&mut rig, passed());
    rig.reply_to(|r| matches!(r, Request::Ready), 0, Value::Null);
    rig.agent("1");
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    assert_eq!(rig.shown().health.ready_refused, None);
    let kept = rig.effects.iter().any(|e| matches!(e, Effect::Remember(r) if r.proven_sound.is_some()));
    assert!(kept, "a restart need not prove it again");
}

#[test]
fn ready_is_refused_with_the_reason_and_can_be_had_anyway() {
    let mut rig = greeted(checked());
    media(&mut rig, broken("microphone"));
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    rig.agent("2");
    let id = rig.command(Command::Ready);
    let refusal = rig.outcome(id).cloned().unwrap().unwrap_err();
    assert_eq!((refusal.kind, refusal.message.key()), (RefusalKind::NotNow, "health.gate_broken"));
    assert!(rig.sent(|r| matches!(r, Request::Ready)).is_none());
    let id = rig.command(Command::ReadyAnyway);
    rig.reply_to(|r| matches!(r, Request::Ready), 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(Result::is_ok));
    // Another headset is another matter.
    devices(&mut rig, "A");
    devices(&mut rig, "B");
    assert!(rig.shown().health.ready_refused.is_some());
}

#[test]
fn who_goes_busy_meanwhile_is_not_made_ready() {
    let mut rig = greeted(checked());
    devices(&mut rig, "Headset");
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    rig.agent("2");
    rig.command(Command::Busy { reason: Some(11) });
    rig.reply_to(|r| matches!(r, Request::Busy { .. }), 0, Value::Null);
    rig.busy(11);
    media(&mut rig, passed());
    assert!(rig.sent(|r| matches!(r, Request::Ready)).is_none());
}

#[test]
fn files_prove_themselves_by_opening_and_the_sign_in_is_ready_at_once() {
    let mut rig = Rig::new(Profile { real_sound: false, ..checked() });
    rig.event(Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw", "expires": 99_999_999 }));
    devices(&mut rig, "mic.wav");
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R1", "agSta": "0" }));
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    assert!(rig.sent(|r| matches!(r, Request::Ready)).is_some());
}

#[test]
fn a_proof_counts_for_its_devices_and_for_a_shift() {
    let proven = |at: Timestamp| Remembered {
        proven_sound: Some(ProvenSound { input: "Headset".into(), output: "Headset".into(), at }),
        ..Remembered::default()
    };
    let hours = |h: i64| Timestamp::from_second(-h * 3600).unwrap();
    for (at, name, refused) in [(hours(2), "Headset", false), (hours(13), "Headset", true), (hours(2), "Other", true)] {
        let mut rig = greeted(Profile { remembered: proven(at), ..checked() });
        devices(&mut rig, name);
        assert_eq!(rig.shown().health.ready_refused.is_some(), refused, "{at} {name}");
    }
}

#[test]
fn a_conversation_proves_the_sound_as_well() {
    let mut rig = Rig::talking();
    devices(&mut rig, "Headset");
    let proven = |rig: &Rig| rig.count(|e| matches!(e, Effect::Remember(r) if r.proven_sound.is_some()));
    for _ in 0..40 {
        media(&mut rig, MediaEvent::Levels { microphone: -70.0, far_end: -20.0 });
    }
    assert_eq!(proven(&rig), 0, "silence proves nothing");
    for _ in 0..40 {
        media(&mut rig, MediaEvent::Levels { microphone: -25.0, far_end: -70.0 });
    }
    assert_eq!(proven(&rig), 1);
}

#[test]
fn scripts_are_told_when_the_whole_changes() {
    let mut rig = at_work();
    rig.link(LinkEvent::Late(3000));
    rig.link(LinkEvent::Late(5000));
    assert_eq!(rig.published("healthChanged"), 1);
    rig.link(LinkEvent::RoundTrip(20));
    assert_eq!(rig.published("healthChanged"), 2);
}

#[test]
fn what_has_no_name_works_without_one() {
    let mut rig = Rig::idle();
    devices(&mut rig, "");
    for name in ["microphone", "speaker"] {
        let item = item(&rig, name);
        assert_eq!((item.level, item.text.as_str()), (HealthLevel::Ok, "works"), "{name}");
    }
}
