//! The sound of a call as it is told: what is wrong with it, what is done about it, and what is kept.

use std::time::Duration;

use serde_json::Value;

use super::rig::Rig;
use crate::{
    app::{Effect, MediaState},
    config::Codec,
    cti::push::PhoneState,
    domain::WarningName,
    softphone::{Event, LossCause, MediaEvent, MediaStats, PathKind, Unheard},
};

const GOOD: MediaStats = MediaStats {
    rtt_ms: Some(40.0),
    jitter_ms: 2.0,
    loss_pct: 0.0,
    mos: 4.3,
    concealed_pct: 0.0,
    buffer_ms: 40.0,
    far_loss_pct: Some(1.0),
    far_jitter_ms: Some(3.0),
    xruns: 0,
    packets_sent: 50,
    packets_received: 50,
    packets_lost: 0,
    loss_now_pct: 0.0,
    burst_ratio: 1.0,
    idle_ms: 0,
    path: Some(PathKind::Relay),
};

fn media(rig: &mut Rig, event: MediaEvent) {
    rig.phone(Event::Media(event));
}

/// So many seconds of the same.
fn seconds(rig: &mut Rig, count: usize, stats: MediaStats) {
    for _ in 0..count {
        rig.later(Duration::from_secs(1));
        media(rig, MediaEvent::Stats(stats));
    }
}

fn up() -> Rig {
    let mut rig = Rig::talking();
    media(&mut rig, MediaEvent::Connecting);
    media(&mut rig, MediaEvent::Up { codec: Codec::Opus });
    rig
}

fn names(rig: &Rig) -> Vec<WarningName> {
    rig.shown().media.warnings.iter().map(|warning| warning.name).collect()
}

/// What was told to scripts by a name, oldest first.
fn told(rig: &Rig, name: &str) -> Vec<Value> {
    let data = |effect: &Effect| match effect {
        Effect::Publish(event) if event.name == name => Some(event.data.clone()),
        _ => None,
    };
    rig.effects.iter().filter_map(data).collect()
}

#[test]
fn a_warning_is_told_to_scripts_stands_in_the_status_and_is_no_notice() {
    let mut rig = up();
    seconds(&mut rig, 3, GOOD);
    let notices = rig.notices();
    seconds(&mut rig, 4, MediaStats { loss_now_pct: 20.0, loss_pct: 15.0, mos: 2.9, ..GOOD });
    assert_eq!(names(&rig), [WarningName::HighLoss, WarningName::LowMos], "the cause comes first");
    let raised = told(&rig, "qualityWarning");
    assert_eq!(raised.len(), 2);
    assert_eq!((&raised[0]["name"], &raised[0]["threshold"]), (&"high_loss".into(), &3.0.into()));
    assert!(raised[0]["value"].as_f64() > Some(3.0));
    let status = serde_json::to_value(rig.shown()).unwrap();
    assert_eq!(status["media"]["warnings"][1]["name"], "low_mos");
    assert_eq!(status["media"]["path"], "relay");
    seconds(&mut rig, 4, GOOD);
    assert_eq!(names(&rig), []);
    assert_eq!(told(&rig, "qualityWarningCleared").len(), 2);
    assert_eq!(rig.notices(), notices, "a line on the screen, not a pile of notices");
}

#[test]
fn what_was_in_force_is_over_with_the_sound() {
    for end in [MediaEvent::Closed, MediaEvent::Lost { cause: LossCause::PathLost }, MediaEvent::Connecting] {
        let mut rig = up();
        seconds(&mut rig, 5, MediaStats { jitter_ms: 80.0, ..GOOD });
        assert_eq!(names(&rig), [WarningName::HighJitter]);
        media(&mut rig, end.clone());
        assert_eq!(names(&rig), [], "{end:?}");
        assert_eq!(told(&rig, "qualityWarningCleared").len(), 1, "{end:?}");
        // Figures of a call without sound warn of nothing.
        seconds(&mut rig, 9, MediaStats { jitter_ms: 80.0, mos: 1.0, ..GOOD });
        assert_eq!(names(&rig), [], "{end:?}");
    }
}

#[test]
fn sound_that_is_gone_is_told_with_what_is_tried_and_when_it_is_back() {
    let mut rig = up();
    media(&mut rig, MediaEvent::Lost { cause: LossCause::NoPackets });
    assert!(rig.notices().contains("being set up anew"), "{}", rig.notices());
    assert_eq!(told(&rig, "mediaLost")[0]["reason"], "no_packets");
    rig.later(Duration::from_secs(4));
    media(&mut rig, MediaEvent::Up { codec: Codec::Opus });
    assert!(rig.notices().contains("the sound is back, after 4 s"), "{}", rig.notices());
    let shown = rig.shown();
    assert_eq!(shown.media.state, MediaState::Up);
    let lost = shown.notices.iter().find(|notice| notice.kind == "app.media_lost").unwrap();
    assert!(lost.dismissed, "nobody need read it any more");
}

#[test]
fn silence_of_the_far_end_is_told_only_in_conversation_and_counts_as_no_warning() {
    let mut ringing = Rig::ringing();
    media(&mut ringing, MediaEvent::Up { codec: Codec::Opus });
    media(&mut ringing, MediaEvent::Unheard(Some(Unheard::Silence)));
    assert_eq!(names(&ringing), [], "nobody has answered yet");

    let mut calls = up();
    calls.pho(PhoneState::ConsultOut);
    media(&mut calls, MediaEvent::Unheard(Some(Unheard::Silence)));
    assert_eq!(names(&calls), [], "the colleague is still being called");

    let mut rig = up();
    media(&mut rig, MediaEvent::Unheard(Some(Unheard::Silence)));
    assert_eq!(names(&rig), [WarningName::FarEndSilent]);
    seconds(&mut rig, 2, GOOD);
    media(&mut rig, MediaEvent::Unheard(Some(Unheard::SpeakerStalled)));
    assert_eq!(names(&rig), [WarningName::SpeakerStalled]);
    media(&mut rig, MediaEvent::Unheard(None));
    assert_eq!(names(&rig), []);
    rig.pho(PhoneState::HungUp);
    let kept = rig.shown().journal[0].quality.clone().unwrap();
    assert_eq!(kept.warnings, 1, "the speaker's alone: {kept:?}");
}

#[test]
fn a_microphone_that_never_changes_is_told_unless_it_is_muted() {
    let mut rig = up();
    let level = |rig: &mut Rig, microphone| media(rig, MediaEvent::Levels { microphone, far_end: -20.0 });
    rig.phone(Event::Muted(true));
    (0..100).for_each(|_| level(&mut rig, -12.0));
    assert_eq!(names(&rig), []);
    rig.phone(Event::Muted(false));
    (0..40).for_each(|_| level(&mut rig, -12.0));
    assert_eq!(names(&rig), [WarningName::ConstantInput]);
    level(&mut rig, -20.0);
    assert_eq!(names(&rig), []);
}

#[test]
fn the_journal_and_the_end_of_the_call_say_how_it_sounded() {
    let mut rig = up();
    seconds(&mut rig, 10, MediaStats { packets_received: 500, ..GOOD });
    seconds(&mut rig, 5, MediaStats { packets_received: 700, packets_lost: 50, mos: 3.0, loss_now_pct: 20.0, ..GOOD });
    seconds(&mut rig, 5, MediaStats { packets_received: 700, packets_lost: 50, idle_ms: 2500, ..GOOD });
    // The leg may be gone before the platform says so.
    media(&mut rig, MediaEvent::Closed);
    rig.pho(PhoneState::HungUp);
    let kept = rig.shown().journal[0].quality.clone().unwrap();
    assert_eq!((kept.codec.as_str(), kept.worst_mos, kept.silent_s), ("opus", 3.0, 5));
    assert!((kept.mos - 3.98).abs() < 0.01 && (kept.loss_pct - 6.7).abs() < 0.05, "{kept:?}");
    assert_eq!((kept.rtt_ms, kept.far_loss_pct, kept.warnings), (Some(40.0), Some(1.0), 2));
    assert_eq!(told(&rig, "callEnded")[0]["quality"]["worst_mos"], 3.0);
}

#[test]
fn a_call_without_sound_here_has_no_figures() {
    let mut rig = Rig::talking();
    rig.pho(PhoneState::HungUp);
    assert_eq!(rig.shown().journal[0].quality, None);
    assert!(told(&rig, "callEnded")[0]["quality"].is_null());
}

#[test]
fn a_hold_by_the_other_side_is_shown_but_not_while_the_agent_holds() {
    let mut rig = up();
    media(&mut rig, MediaEvent::HeldByFarEnd(true));
    assert!(rig.shown().call.held_by_far_end);
    // A platform may re-INVITE for the agent's own hold.
    rig.command(crate::app::Command::Hold);
    rig.reply_to(|request| *request == crate::cti::api::Request::Hold, 0, Value::Null);
    assert_eq!(rig.shown().call.phase, crate::domain::CallPhase::Held);
    assert!(!rig.shown().call.held_by_far_end);
    rig.command(crate::app::Command::Unhold);
    rig.reply_to(|request| *request == crate::cti::api::Request::Unhold, 0, Value::Null);
    assert!(rig.shown().call.held_by_far_end);
    media(&mut rig, MediaEvent::HeldByFarEnd(false));
    assert!(!rig.shown().call.held_by_far_end);
    // Nor after the call.
    media(&mut rig, MediaEvent::HeldByFarEnd(true));
    media(&mut rig, MediaEvent::Closed);
    assert!(!rig.shown().call.held_by_far_end);
}
