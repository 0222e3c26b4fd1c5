//! The journal: what is told to the disk and what comes back from it.

use std::time::Duration;

use super::rig::Rig;
use crate::{
    app::{Command, Effect, Event},
    cti::push::PhoneState,
    domain::{Direction, HungUpBy, JournalChange, JournalEntry, Outcome, Party},
    i18n::Message,
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
    let entry = |change| match change {
        JournalChange::Entry(entry) => Some(*entry),
        JournalChange::Cleared => None,
    };
    told(rig).into_iter().filter_map(entry).collect()
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
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].id, begun[0].id, "the same line");
    assert_eq!((all[1].outcome, all[1].talk_ms), (Outcome::Answered, 3000));
    assert_eq!(all[1].call_id.as_deref(), Some("8f3a"));
    assert_eq!(rig.shown().journal[..], all[1..]);
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
