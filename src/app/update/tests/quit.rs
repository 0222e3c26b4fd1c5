//! The end of the program: whoever asks for it and whatever the platform says, the call ends as if by key, its line in the
//! journal is complete, and it takes no longer than it may.

use std::time::Duration;

use serde_json::Value;

use super::rig::{Rig, profile};
use crate::{
    app::{Command, Effect, Profile, TimerId},
    cti::{api::Request, push::PhoneState},
    domain::{CallPhase, HungUpBy, JournalEntry, Outcome},
    softphone::{self, EndCause},
};

fn leg_ends(rig: &mut Rig) {
    rig.phone(softphone::Event::Ended { call_id: "c1".into(), cause: EndCause::Local });
}

fn bye() -> softphone::Command {
    softphone::Command::HangUp { call_id: "c1".into() }
}

fn hang_up(request: &Request) -> bool {
    matches!(request, Request::HangUp | Request::Refuse)
}

/// The last line of the journal, which a call that is over has, and the number of `callEnded` before the exit.
fn over(rig: &Rig) -> (JournalEntry, usize) {
    let exit = rig.effects.iter().position(|effect| matches!(effect, Effect::Exit)).expect("the end");
    let ended = |effect: &&Effect| matches!(effect, Effect::Publish(event) if event.name == "callEnded");
    (rig.lines().pop().expect("a line"), rig.effects.iter().take(exit).filter(ended).count())
}

#[test]
fn a_conversation_ends_as_by_key() {
    let mut rig = Rig::talking();
    rig.later(Duration::from_secs(42));
    rig.command(Command::Quit);
    assert!(rig.shown().exiting && rig.exits() == 0);
    assert!(rig.phone_told(&bye()), "BYE waits for nobody");
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { request, .. } if hang_up(request))), 1);
    leg_ends(&mut rig);
    assert_eq!(rig.exits(), 0, "the platform is heard out");
    rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
    assert_eq!(rig.exits(), 1);
    let (line, told) = over(&rig);
    assert_eq!((line.outcome, line.hung_up_by, line.talk_ms), (Outcome::Answered, HungUpBy::Agent, 42_000));
    assert_eq!(told, 1);
}

#[test]
fn calls_in_other_phases_come_out_as_they_are() {
    let mut rig = Rig::ringing();
    rig.later(Duration::from_secs(4));
    rig.command(Command::Quit);
    assert!(rig.sent(|r| *r == Request::Refuse).is_some());
    leg_ends(&mut rig);
    rig.reply_to(hang_up, 0, Value::Null);
    let (line, _) = over(&rig);
    assert_eq!((line.outcome, line.hung_up_by, line.ring_ms), (Outcome::Rejected, HungUpBy::Agent, 4000));

    let mut rig = Rig::idle();
    rig.pho(PhoneState::CallOut);
    rig.command(Command::Quit);
    // There is no leg whose end could be heard of: the platform's answer is all there is.
    rig.reply_to(hang_up, 40404, Value::Null);
    assert_eq!((over(&rig).0.outcome, over(&rig).1), (Outcome::Cancelled, 1));

    let mut rig = Rig::talking();
    rig.command(Command::Hold);
    rig.reply_to(|r| *r == Request::Hold, 0, Value::Null);
    rig.later(Duration::from_secs(5));
    rig.command(Command::Quit);
    leg_ends(&mut rig);
    rig.reply_to(hang_up, 0, Value::Null);
    assert_eq!((over(&rig).0.outcome, over(&rig).0.hold_ms), (Outcome::Answered, 5000));
}

#[test]
fn nobody_who_keeps_silent_keeps_the_program_or_the_journal() {
    for sign_out_on_exit in [false, true] {
        let mut rig = Rig::talking();
        rig.state.profile.sign_out_on_exit = sign_out_on_exit;
        rig.later(Duration::from_secs(9));
        let begun = rig.at;
        rig.command(Command::Quit);
        while rig.exits() == 0 {
            rig.timer(TimerId::Exit);
        }
        assert!(rig.at - begun <= Duration::from_millis(2200), "{:?}", rig.at - begun);
        let (line, told) = over(&rig);
        assert_eq!((line.outcome, line.hung_up_by), (Outcome::Answered, HungUpBy::Agent));
        assert_eq!((told, rig.exits()), (1, 1));
        assert_eq!(rig.sent(|r| *r == Request::Logout).is_some(), sign_out_on_exit);
    }
}

#[test]
fn the_call_ends_before_the_sign_out() {
    let mut rig = Rig::talking();
    rig.state.profile.sign_out_on_exit = true;
    rig.command(Command::Quit);
    assert!(rig.sent(|r| *r == Request::Logout).is_none());
    leg_ends(&mut rig);
    rig.reply_to(|r| *r == Request::HangUp, 0, Value::Null);
    assert!(rig.sent(|r| *r == Request::Logout).is_some());
    assert_eq!(rig.exits(), 0);
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    assert_eq!((rig.exits(), over(&rig).0.outcome), (1, Outcome::Answered));
}

#[test]
fn who_does_not_want_to_wait_does_not_and_the_journal_is_complete_all_the_same() {
    let mut rig = Rig::talking();
    rig.command(Command::Quit);
    rig.command(Command::QuitNow);
    assert_eq!((rig.exits(), over(&rig).0.outcome, over(&rig).1), (1, Outcome::Answered, 1));
    rig.command(Command::QuitNow);
    leg_ends(&mut rig);
    assert_eq!(rig.exits(), 1);
}

#[test]
fn a_hang_up_under_way_is_not_asked_for_again() {
    let mut rig = Rig::talking();
    rig.command(Command::HangUp);
    rig.command(Command::Quit);
    assert!(rig.phone_told(&bye()));
    assert_eq!(rig.count(|e| matches!(e, Effect::Request { request, .. } if hang_up(request))), 1);
    leg_ends(&mut rig);
    rig.reply_to(hang_up, 0, Value::Null);
    assert_eq!((rig.exits(), over(&rig).0.outcome), (1, Outcome::Answered));
}

#[test]
fn a_call_on_a_telephone_of_the_desks_own_goes_on() {
    let mut rig = Rig::signed_in(Profile { webrtc: false, ..profile() });
    rig.agent("4");
    rig.pho(PhoneState::Ring(crate::domain::RingKind::Queue));
    rig.pho(PhoneState::Connected);
    rig.later(Duration::from_secs(8));
    rig.timer(TimerId::JournalCheckpoint);
    rig.effects.retain(|effect| matches!(effect, Effect::Journal(_)));
    rig.command(Command::Quit);
    assert!(rig.sent(hang_up).is_none());
    assert_eq!((rig.exits(), over(&rig).1), (1, 0));
    assert_eq!(rig.shown().call.phase, CallPhase::Talking);
    assert_eq!((over(&rig).0.outcome, over(&rig).0.talk_ms > 0), (Outcome::Interrupted, true));
}

#[test]
fn a_call_that_comes_while_the_program_ends_is_ended_too() {
    let mut rig = Rig::idle();
    rig.state.profile.sign_out_on_exit = true;
    rig.command(Command::Quit);
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "139".into(), auto_answer: false });
    assert!(rig.phone_told(&bye()) && rig.sent(|r| *r == Request::Refuse).is_some());
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    while rig.exits() == 0 {
        rig.timer(TimerId::Exit);
    }
    assert_ne!(over(&rig).0.outcome, Outcome::Interrupted);
}
