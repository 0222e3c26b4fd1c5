//! When the panel is filled, by what is known of a call, and what ends that.

use serde_json::json;

use super::rig::{Rig, profile};
use crate::{
    app::{Command, Effect, Event, PanelContent, PanelFiller, PanelId, Profile},
    cti::push::{PhoneEvent, PhoneState, PushMessage},
    domain::{Direction, Preference, RingKind},
    panel::{CallFacts, PanelError},
    softphone::{self, Tone},
};

/// Idle, with something configured that fills the panel.
fn idle() -> Rig {
    let mut rig = Rig::idle();
    rig.state.profile = Profile { fills_panel: true, ..profile() };
    rig
}

fn ring(rig: &mut Rig, kind: RingKind, call_id: &str) {
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(kind),
        caller: Some("13800138000".into()),
        called: Some("4008".into()),
        area: Some("北京".into()),
        queue_id: Some(2),
        call_id: Some(call_id.into()),
        ..PhoneEvent::default()
    }));
}

fn invite(rig: &mut Rig) {
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "switch".into(), auto_answer: false });
}

fn runs(rig: &Rig) -> Vec<(PanelId, CallFacts)> {
    rig.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::FillPanel { id, facts } => Some((*id, (**facts).clone())),
            _ => None,
        })
        .collect()
}

fn stops(rig: &Rig) -> usize {
    rig.count(|effect| matches!(effect, Effect::StopPanel))
}

fn text(text: &str) -> PanelContent {
    PanelContent::Text(text.into())
}

fn filled(rig: &mut Rig, id: PanelId, content: &str) {
    rig.event(Event::Panel { id, result: Ok(Some(text(content))) });
}

fn shown(rig: &Rig) -> Option<PanelContent> {
    rig.shown().panel.content.as_deref().cloned()
}

#[test]
fn a_ringing_call_fills_it_once_with_what_is_known() {
    let mut rig = idle();
    invite(&mut rig);
    assert!(runs(&rig).is_empty(), "who is meant is not known before the platform says so");
    ring(&mut rig, RingKind::Queue, "8f3a");
    let (id, facts) = runs(&rig).remove(0);
    assert_eq!(
        (facts.number.as_deref(), facts.area.as_deref(), facts.queue_id, facts.call_id.as_deref()),
        (Some("13800138000"), Some("北京"), Some(2), Some("8f3a"))
    );
    assert_eq!((facts.caller.as_deref(), facts.called.as_deref()), (Some("13800138000"), Some("4008")));
    assert_eq!((facts.direction, facts.ag_no.as_str()), (Direction::In, "8001"));
    assert!(rig.shown().panel.loading);
    ring(&mut rig, RingKind::Queue, "8f3a");
    rig.command(Command::Answer);
    rig.phone(softphone::Event::Answered { call_id: "c1".into() });
    rig.pho(PhoneState::Connected);
    assert_eq!(runs(&rig).len(), 1, "once for a call");
    filled(&mut rig, id, "金卡");
    let panel = rig.shown().panel;
    assert_eq!((panel.source, panel.loading, panel.error), (PanelFiller::Config, false, None));
    assert_eq!(shown(&rig), Some(text("金卡")));
    rig.pho(PhoneState::HungUp);
    rig.agent("1");
    assert_eq!(shown(&rig), Some(text("金卡")), "kept until the next call");
    assert_eq!(stops(&rig), 0, "nothing ran any more");
    rig.later(std::time::Duration::from_secs(1));
    ring(&mut rig, RingKind::Queue, "next");
    assert_eq!(shown(&rig), None, "the next call is about somebody else");
    assert_eq!(runs(&rig).len(), 2);
}

#[test]
fn every_kind_of_call_with_somebody_fills_it_and_listening_does_not() {
    for (kind, wanted) in [
        (RingKind::Called, 1),
        (RingKind::Queue, 1),
        (RingKind::Outbound, 1),
        (RingKind::Consult, 1),
        (RingKind::AutoCall, 1),
        (RingKind::Spy, 0),
    ] {
        let mut rig = idle();
        ring(&mut rig, kind, "x");
        assert_eq!(runs(&rig).len(), wanted, "{kind:?}");
    }
    let mut rig = idle();
    rig.command(Command::Dial { number: "02187654321".into(), caller_id: None, queue_id: None, user_data: None });
    rig.reply(json!({}));
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::CallOut,
        called: Some("02187654321".into()),
        ..PhoneEvent::default()
    }));
    let (_, facts) = runs(&rig).remove(0);
    assert_eq!((facts.number.as_deref(), facts.direction), (Some("02187654321"), Direction::Out));
}

#[test]
fn without_the_link_the_legs_word_is_enough() {
    let mut rig = idle();
    rig.link(crate::cti::link::LinkEvent::Closed { code: 1006, reason: String::new() });
    invite(&mut rig);
    let (_, facts) = runs(&rig).remove(0);
    assert_eq!(facts.number.as_deref(), Some("switch"));
}

#[test]
fn nothing_configured_asks_nobody() {
    let mut rig = Rig::ringing();
    rig.pho(PhoneState::Connected);
    assert!(runs(&rig).is_empty());
    assert_eq!(rig.shown().panel, crate::app::PanelView::default());
}

#[test]
fn the_end_of_the_call_ends_what_is_still_fetched() {
    let mut rig = idle();
    ring(&mut rig, RingKind::Queue, "a");
    let (id, _) = runs(&rig).remove(0);
    rig.pho(PhoneState::HungUp);
    assert_eq!(stops(&rig), 1);
    assert!(!rig.shown().panel.loading);
    filled(&mut rig, id, "late");
    assert_eq!(shown(&rig), None);
}

#[test]
fn what_comes_for_an_earlier_call_is_not_shown_with_the_next() {
    let mut rig = idle();
    ring(&mut rig, RingKind::Queue, "a");
    let (first, _) = runs(&rig).remove(0);
    rig.later(std::time::Duration::from_secs(1));
    // The platform tells of the next call before it has told of the end of this one.
    ring(&mut rig, RingKind::Queue, "b");
    let (second, _) = runs(&rig).remove(1);
    assert_eq!(stops(&rig), 1);
    filled(&mut rig, first, "first");
    assert_eq!(shown(&rig), None);
    assert!(rig.shown().panel.loading);
    filled(&mut rig, second, "second");
    assert_eq!(shown(&rig), Some(text("second")));
}

#[test]
fn a_script_wins_for_its_call() {
    let mut rig = idle();
    ring(&mut rig, RingKind::Queue, "a");
    let (id, _) = runs(&rig).remove(0);
    let asked = rig.command(Command::SetPanel { content: text("script") });
    assert!(rig.outcome(asked).is_some_and(Result::is_ok));
    assert_eq!(stops(&rig), 1);
    filled(&mut rig, id, "config");
    assert_eq!(shown(&rig), Some(text("script")));
    assert_eq!(rig.shown().panel.source, PanelFiller::Script);

    // Also when it is there before the platform has said who calls.
    let mut rig = idle();
    invite(&mut rig);
    rig.command(Command::SetPanel { content: text("script") });
    ring(&mut rig, RingKind::Queue, "a");
    assert!(runs(&rig).is_empty());
    assert_eq!(shown(&rig), Some(text("script")));
}

#[test]
fn dismissed_is_dismissed() {
    let mut rig = idle();
    ring(&mut rig, RingKind::Queue, "a");
    let (id, _) = runs(&rig).remove(0);
    rig.command(Command::ClearPanel);
    assert_eq!(stops(&rig), 1);
    filled(&mut rig, id, "late");
    rig.pho(PhoneState::Connected);
    assert_eq!(shown(&rig), None);
    assert_eq!(runs(&rig).len(), 1);
}

#[test]
fn a_failure_is_shown_in_the_panel_and_nothing_is_a_failure() {
    let mut rig = idle();
    ring(&mut rig, RingKind::Queue, "a");
    let (id, _) = runs(&rig).remove(0);
    let told = rig.shown().notices.len();
    let error = PanelError::Status { host: "crm".into(), status: 500 };
    rig.event(Event::Panel { id, result: Err(error) });
    let panel = rig.shown().panel;
    assert!(panel.error.as_ref().is_some_and(|error| error.contains("crm") && error.contains("500")), "{panel:?}");
    assert!(!panel.loading);
    assert_eq!(rig.shown().notices.len(), told, "a call is not disturbed by it");

    let mut rig = idle();
    ring(&mut rig, RingKind::Queue, "a");
    let (id, _) = runs(&rig).remove(0);
    rig.event(Event::Panel { id, result: Ok(None) });
    assert_eq!(rig.shown().panel, crate::app::PanelView::default());
}

#[test]
fn a_customer_who_is_handed_over_is_somebody_else_than_the_one_who_asked() {
    let mut rig = idle();
    ring(&mut rig, RingKind::Consult, "a");
    let (id, facts) = runs(&rig).remove(0);
    assert_eq!(facts.direction, Direction::Consult);
    filled(&mut rig, id, "about the agent");
    rig.state.call.as_mut().unwrap().direction = Direction::In;
    rig.pho(PhoneState::Connected);
    assert_eq!(runs(&rig).len(), 2);
    assert_eq!(shown(&rig), None);
}

#[test]
fn quiet_stops_the_ring_at_once_and_keeps_the_next_one_from_ringing() {
    let mut rig = Rig::ringing();
    assert!(rig.phone_told(&softphone::Command::Play(Some(Tone::Ring))));
    rig.effects.clear();
    rig.command(Command::Prefer(Preference::Quiet(true)));
    assert!(rig.phone_told(&softphone::Command::Play(None)));
    rig.pho(PhoneState::HungUp);
    rig.agent("1");
    rig.effects.clear();
    ring(&mut rig, RingKind::Queue, "b");
    rig.phone(softphone::Event::Incoming { call_id: "c2".into(), from: "138".into(), auto_answer: false });
    assert!(rig.shown().quiet && rig.shown().call.phase.is_live());
    assert!(!rig.phone_told(&softphone::Command::Play(Some(Tone::Ring))));
    rig.command(Command::Prefer(Preference::Quiet(false)));
    assert!(rig.phone_told(&softphone::Command::Play(Some(Tone::Ring))));
}
