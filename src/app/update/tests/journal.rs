//! The journal: what is told to the disk and what comes back from it.

use std::time::Duration;

use jiff::SignedDuration;

use super::rig::Rig;
use crate::{
    app::{Command, Effect, Event, TimerId},
    cti::{
        api::Request,
        push::{PhoneEvent, PhoneState, PushMessage},
    },
    domain::{Direction, HungUpBy, JournalChange, JournalEntry, Outcome, Party, RingKind},
    i18n::Message,
    softphone,
};

/// Everything told to the disk, oldest first.
fn told(rig: &Rig) -> Vec<JournalChange> {
    let change = |effect: &Effect| match effect {
        Effect::Journal(change) => Some(change.clone()),
        _ => None,
    };
    rig.effects.iter().filter_map(change).collect()
}

fn entries(rig: &Rig) -> Vec<JournalEntry> {
    rig.lines()
}

fn earlier(id: u64) -> JournalEntry {
    JournalEntry {
        id,
        time: jiff::Timestamp::UNIX_EPOCH,
        direction: Direction::In,
        peer: Party { number: Some(id.to_string()), ..Party::default() },
        queue: None,
        caller_id: None,
        call_id: None,
        ring_ms: 0,
        talk_ms: 0,
        hold_ms: 0,
        outcome: Outcome::Interrupted,
        hung_up_by: HungUpBy::Fault,
        unreached: None,
        quality: None,
        transferred_to: None,
    }
}

#[test]
fn a_call_is_written_when_it_begins_and_again_when_it_is_over() {
    let mut rig = Rig::ringing();
    let begun = entries(&rig);
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].outcome, Outcome::Interrupted, "true if nothing follows");
    assert_eq!(begun[0].peer.number.as_deref(), Some("13800138000"));
    assert!(rig.shown().journal.is_empty(), "a call under way is not in the list");

    rig.command(Command::Answer);
    rig.pho(PhoneState::Connected);
    rig.later(Duration::from_secs(3));
    rig.pho(PhoneState::HungUp);
    let all = entries(&rig);
    assert!(all.iter().all(|entry| entry.id == begun[0].id), "the same line");
    let over = all.last().unwrap();
    assert_eq!((over.outcome, over.talk_ms), (Outcome::Answered, 3000));
    assert_eq!(over.call_id.as_deref(), Some("8f3a"));
    assert_eq!(rig.shown().journal[..], all[all.len() - 1..]);
}

/// The bench has forgotten what ran before the story.
fn checkpoint(rig: &mut Rig) {
    rig.later(Duration::from_secs(10));
    rig.event(Event::Timer(TimerId::JournalCheckpoint));
}

#[test]
fn a_crash_loses_ten_seconds_of_a_calls_times_at_most() {
    let mut rig = Rig::talking();
    assert!(entries(&rig).is_empty());
    for seconds in [10, 20, 30] {
        checkpoint(&mut rig);
        let line = entries(&rig).pop().unwrap();
        assert_eq!((line.outcome, line.talk_ms), (Outcome::Interrupted, seconds * 1000));
        assert_eq!(line.peer.number.as_deref(), Some("13800138000"));
    }
    assert_eq!(entries(&rig).len(), 3);
    let again = Effect::StartTimer { timer: TimerId::JournalCheckpoint, after: Duration::from_secs(10) };
    assert_eq!(rig.count(|effect| format!("{effect:?}") == format!("{again:?}")), 3);

    // A change of the call is written at once.
    rig.later(Duration::from_secs(4));
    rig.command(Command::Hold);
    rig.reply_to(|r| *r == Request::Hold, 0, serde_json::Value::Null);
    let line = entries(&rig).pop().unwrap();
    assert_eq!((entries(&rig).len(), line.talk_ms, line.hold_ms), (4, 34_000, 0));
    rig.timer(TimerId::JournalCheckpoint);
    assert_eq!(entries(&rig).pop().unwrap().hold_ms, 10_000);

    rig.pho(PhoneState::HungUp);
    assert!(rig.effects.iter().any(|effect| matches!(effect, Effect::StopTimer(TimerId::JournalCheckpoint))));
    let lines = entries(&rig).len();
    rig.event(Event::Timer(TimerId::JournalCheckpoint));
    assert_eq!(entries(&rig).len(), lines, "a call that is over is not opened again");
}

#[test]
fn what_becomes_known_of_a_call_is_in_its_open_line() {
    let mut rig = Rig::idle();
    rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: String::new(), auto_answer: false });
    rig.push(PushMessage::Phone(PhoneEvent {
        state: PhoneState::Ring(RingKind::Queue),
        caller: Some("139".into()),
        ..PhoneEvent::default()
    }));
    assert_eq!(entries(&rig).pop().unwrap().peer.number.as_deref(), Some("139"));
}

#[test]
fn the_clock_on_the_wall_and_a_machine_that_sleeps_change_no_times() {
    for by in [3600, -3600, 86_400, -86_400, 9 * 365 * 86_400] {
        let mut rig = Rig::talking();
        rig.later(Duration::from_secs(7));
        rig.set_clock(SignedDuration::from_secs(by));
        checkpoint(&mut rig);
        assert_eq!(entries(&rig).pop().unwrap().talk_ms, 17_000, "{by}");
        rig.later(Duration::from_secs(3));
        rig.pho(PhoneState::HungUp);
        let first = rig.shown().journal[0].clone();
        assert_eq!((first.talk_ms, first.time), (20_000, jiff::Timestamp::UNIX_EPOCH), "{by}");

        // The next call is a new line and stands first, also where its time seems to be before the other's.
        rig.pho(PhoneState::CallOut);
        rig.set_clock(SignedDuration::from_secs(-by));
        rig.later(Duration::from_secs(2));
        rig.pho(PhoneState::HungUp);
        let shown = rig.shown().journal.clone();
        assert_eq!(shown.len(), 2, "{by}");
        assert!(shown[0].id > first.id && shown[1] == first, "{by}");
        assert_eq!(shown[0].ring_ms, 2000, "{by}");
    }

    // The process was stopped for a minute: everything that was due comes at once, and the time counts.
    let mut rig = Rig::talking();
    rig.later(Duration::from_secs(70));
    rig.event(Event::Timer(TimerId::JournalCheckpoint));
    assert_eq!((entries(&rig).len(), entries(&rig)[0].talk_ms), (1, 70_000), "written once, not seven times");
    rig.pho(PhoneState::HungUp);
    assert_eq!(rig.shown().journal[0].talk_ms, 70_000);
}

#[test]
fn calls_in_the_same_moment_have_lines_of_their_own() {
    let mut rig = Rig::idle();
    for _ in 0..3 {
        rig.pho(PhoneState::CallOut);
        rig.pho(PhoneState::Ring(crate::domain::RingKind::Outbound));
        rig.pho(PhoneState::HungUp);
    }
    let mut ids: Vec<u64> = rig.shown().journal.iter().map(|entry| entry.id).collect();
    assert_eq!(ids.len(), 3);
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
}

#[test]
fn the_caller_id_that_was_shown_is_kept_with_the_call() {
    let mut rig = Rig::idle();
    let caller_id = Some("010".to_owned());
    rig.command(Command::Dial { number: "139".into(), caller_id: caller_id.clone(), queue_id: None, user_data: None });
    rig.reply(serde_json::Value::Null);
    assert_eq!(entries(&rig)[0].caller_id, caller_id);
    rig.pho(PhoneState::HungUp);
    assert_eq!(rig.shown().journal[0].caller_id, caller_id);
}

#[test]
fn earlier_calls_stand_behind_those_of_this_run_and_the_bound_counts_for_all() {
    let mut rig = Rig::talking();
    rig.state.profile.journal_keep = 3;
    rig.pho(PhoneState::HungUp);
    let own = rig.shown().journal[0].id;
    let far_away = own + 1_000_000;
    rig.event(Event::JournalLoaded(vec![earlier(far_away), earlier(7), earlier(6)]));
    let ids = |rig: &Rig| rig.shown().journal.iter().map(|entry| entry.id).collect::<Vec<_>>();
    assert_eq!(ids(&rig), [own, far_away, 7]);

    // A clock that was ahead in an earlier run gives no number twice.
    rig.pho(PhoneState::CallOut);
    rig.pho(PhoneState::HungUp);
    assert_eq!(ids(&rig), [far_away + 1, own, far_away]);
}

#[test]
fn a_journal_can_be_cleared_and_the_call_under_way_stays() {
    let mut rig = Rig::talking();
    rig.event(Event::JournalLoaded(vec![earlier(7)]));
    rig.effects.clear();
    let id = rig.command(Command::ClearJournal);
    assert!(rig.outcome(id).is_some_and(|outcome| outcome.is_ok()));
    assert!(rig.shown().journal.is_empty());
    let told = told(&rig);
    assert_eq!(told[0], JournalChange::Cleared);
    assert!(matches!(&told[1..], [JournalChange::Entry(entry)] if entry.outcome == Outcome::Interrupted));
    rig.pho(PhoneState::HungUp);
    assert_eq!(rig.shown().journal.len(), 1);
}

#[test]
fn what_cannot_be_kept_is_told() {
    let mut rig = Rig::idle();
    rig.event(Event::NotKept(Message::verbatim("the disk is full")));
    assert_eq!(rig.notices().matches("the disk is full").count(), 1);
}
