//! What is heard besides the call, and how its keypad digits go out.

use serde_json::Value;

use super::rig::{Rig, profile};
use crate::{
    app::{Command, Effect, profile::Profile},
    config::KeypadWay,
    cti::{
        api::Request,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    softphone::{self, EndCause, Event, MediaEvent, Tone},
};

fn plays(tone: Tone) -> softphone::Command {
    softphone::Command::Play(Some(tone))
}

/// An outbound call whose own leg is up.
fn dialled() -> Rig {
    let mut rig = Rig::idle();
    rig.command(Command::Dial { number: "139".into(), caller_id: None, queue_id: None, user_data: None });
    assert!(!rig.phone_told(&plays(Tone::Start)), "only asked for");
    rig.reply_to(|r| matches!(r, Request::CallOut { .. }), 0, Value::Null);
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::CallOut,
        called: Some("139".into()),
        ..PhoneEvent::default()
    }));
    rig.phone(Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: true });
    rig.phone(Event::Answered { call_id: "c1".into() });
    rig
}

#[test]
fn a_call_out_is_heard_to_begin_and_one_that_reaches_nobody_to_be_busy() {
    let mut rig = dialled();
    assert_eq!(rig.count(|e| matches!(e, Effect::Phone(told) if *told == plays(Tone::Start))), 1);
    rig.pho(PhoneState::HungUp);
    rig.agent("1");
    assert!(rig.phone_told(&plays(Tone::Busy)) && !rig.phone_told(&plays(Tone::HangUp)));

    let mut given_up = dialled();
    given_up.command(Command::HangUp);
    given_up.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
    given_up.pho(PhoneState::HungUp);
    assert!(given_up.phone_told(&plays(Tone::HangUp)) && !given_up.phone_told(&plays(Tone::Busy)));

    let mut talked = Rig::talking();
    talked.phone(Event::Ended { call_id: "c1".into(), cause: EndCause::RemoteBye });
    talked.pho(PhoneState::HungUp);
    assert!(talked.phone_told(&plays(Tone::HangUp)) && !talked.phone_told(&plays(Tone::Busy)));
}

#[test]
fn a_second_call_is_told_softly_and_only_in_a_conversation() {
    let turned_away = || Event::TurnedAway { from: "13700137000".into() };
    let mut rig = Rig::talking();
    rig.phone(turned_away());
    assert!(rig.phone_told(&plays(Tone::Waiting)) && !rig.phone_told(&plays(Tone::Ring)));
    assert!(rig.notices().contains("13700137000"), "{}", rig.notices());
    let mut ringing = Rig::ringing();
    ringing.phone(turned_away());
    assert!(!ringing.phone_told(&plays(Tone::Waiting)), "there is nothing to disturb, and the ring goes on");
}

/// In conversation, with a keypad of this kind, in a call whose sound can or cannot carry digits.
fn talking(keypad: KeypadWay, possible: bool) -> Rig {
    let mut rig = Rig::signed_in(Profile { keypad, ..profile() });
    rig.agent("4");
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(crate::domain::RingKind::Queue),
        caller: Some("138".into()),
        ..PhoneEvent::default()
    }));
    rig.phone(Event::Incoming { call_id: "c1".into(), from: "138".into(), auto_answer: false });
    rig.command(Command::Answer);
    rig.phone(Event::Answered { call_id: "c1".into() });
    rig.phone(Event::Media(MediaEvent::Digits(possible)));
    rig.pho(PhoneState::Connected);
    rig.effects.clear();
    rig
}

#[test]
fn digits_go_the_way_that_is_configured_and_never_nowhere() {
    for (keypad, possible, by_platform, in_sound, told) in [
        (KeypadWay::Platform, true, true, false, false),
        (KeypadWay::Platform, false, true, false, false),
        (KeypadWay::Rtp, true, false, true, false),
        (KeypadWay::Rtp, false, true, false, true),
        (KeypadWay::Both, true, true, true, false),
        (KeypadWay::Both, false, true, false, false),
    ] {
        let mut rig = talking(keypad, possible);
        let id = rig.command(Command::SendDtmf { digits: "1 b#".into() });
        let what = format!("{keypad:?}, possible: {possible}");
        assert_eq!(rig.sent(|r| *r == Request::SendDtmf { digits: "1B#".into() }).is_some(), by_platform, "{what}");
        let sent: String = rig
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Phone(softphone::Command::SendDigit(digit)) => Some(*digit),
                _ => None,
            })
            .collect();
        assert_eq!(sent, if in_sound { "1B#" } else { "" }, "{what}");
        assert!(rig.phone_told(&plays(Tone::Key('#'))), "{what}");
        if by_platform {
            rig.reply_to(|r| matches!(r, Request::SendDtmf { .. }), 0, Value::Null);
        }
        assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()), "{what}");
        rig.command(Command::SendDtmf { digits: "2".into() });
        let notices = rig.notices();
        assert_eq!(notices.matches("digits go by the platform").count(), usize::from(told), "{what}: {notices}");
    }
}
