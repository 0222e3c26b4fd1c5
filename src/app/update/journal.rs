//! The journal: a line when a call begins, the same line again at each change of the call and every few seconds, so that a
//! crash loses neither the call nor its times, and a last time when it is over.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::Turn;
use crate::{
    app::{
        CommandId, Effect, TimerId,
        state::{Call, OpenLine, PlatformKey},
    },
    cti::push::PhoneEvent,
    domain::{HungUpBy, JournalChange, JournalEntry, Outcome, SkillGroup, Unreached},
};

/// So much of a call's times a crash may lose.
const CHECKPOINT: Duration = Duration::from_secs(10);

/// A call's line as of an instant, its outcome still open. The skill group's name is filled in later.
pub(super) fn entry(call: &Call, at: Instant) -> JournalEntry {
    let (ring_ms, talk_ms, hold_ms) = (call.clocks.ring_ms(at), call.clocks.talk_ms(at), call.clocks.hold_ms(at));
    let before = call.earlier.as_deref().map_or((0, 0, 0), |line| (line.ring_ms, line.talk_ms, line.hold_ms));
    // Without a leg nobody talks here, and what was said before stands.
    let (talk_ms, hold_ms) = if call.legless { (0, 0) } else { (talk_ms, hold_ms) };
    JournalEntry {
        id: call.journal_id,
        time: call.began,
        direction: call.direction,
        peer: call.peer.clone(),
        queue: call.queue_id.map(|id| SkillGroup { id, name: String::new() }),
        caller_id: call.caller_id.clone(),
        call_id: call.call_id.clone(),
        ring_ms: ring_ms.saturating_add(before.0),
        talk_ms: talk_ms.saturating_add(before.1),
        hold_ms: hold_ms.saturating_add(before.2),
        outcome: Outcome::Interrupted,
        hung_up_by: HungUpBy::Fault,
        unreached: None,
        quality: call.heard.summary().or_else(|| call.earlier.as_ref().and_then(|line| line.quality.clone())),
        transferred_to: None,
    }
}

fn open_line(call: &Call) -> OpenLine {
    OpenLine {
        id: call.journal_id,
        phase: call.phase,
        direction: call.direction,
        peer: call.peer.clone(),
        queue_id: call.queue_id,
        call_id: call.call_id.clone(),
    }
}

impl Turn<'_> {
    /// A number for a new call: its time, so that it is unlike those of earlier runs too.
    pub(super) fn next_journal_id(&mut self) -> u64 {
        let ms = u64::try_from(self.now.wall.as_millisecond()).unwrap_or(0);
        let id = ms.max(self.state.last_journal_id + 1);
        self.state.last_journal_id = id;
        id
    }

    /// Writes the line of the call under way: if the program ends before the call does, this is what stays.
    pub(super) fn journal_checkpoint(&mut self) {
        let Some(call) = self.state.live_call() else { return };
        let (line, mut entry) = (open_line(call), entry(call, self.now.at));
        if let Some(queue) = &mut entry.queue {
            queue.name = self.state.group_name(queue.id);
        }
        self.state.line = Some(line);
        self.effects.push(Effect::StartTimer { timer: TimerId::JournalCheckpoint, after: CHECKPOINT });
        self.keep(entry);
    }

    /// Looks after each input whether the line of the call under way says too little, or is complete.
    pub(super) fn follow_journal(&mut self) {
        let now = self.state.live_call().filter(|call| call.announced).map(open_line);
        if now.is_some() && now != self.state.line {
            self.journal_checkpoint();
        } else if now.is_none() && self.state.line.take().is_some() {
            self.effects.push(Effect::StopTimer(TimerId::JournalCheckpoint));
        }
    }

    pub(super) fn journal_ended(&mut self, entry: JournalEntry) {
        let journal = Arc::make_mut(&mut self.state.journal);
        // A call that was found goes on in its line of before.
        journal.retain(|line| line.id != entry.id);
        self.state.earlier_line = None;
        journal.truncate(self.state.profile.journal_keep.saturating_sub(1));
        journal.insert(0, entry.clone());
        self.keep(entry);
    }

    /// Why the number dialled last was not reached became known after the call.
    pub(super) fn journal_unreached(&mut self, who: &str, why: Option<Unreached>) {
        let newest = self.state.journal.first();
        if why.is_none() || !newest.is_some_and(|entry| entry.peer.short() == who && entry.unreached != why) {
            return;
        }
        if let Some(entry) = Arc::make_mut(&mut self.state.journal).first_mut() {
            entry.unreached = why;
            let entry = entry.clone();
            self.keep(entry);
        }
    }

    /// What the platform says only now of the call that has ended last.
    pub(super) fn journal_learnt(&mut self, key: PlatformKey, event: &PhoneEvent) {
        let Some(ended) = self.state.ended.iter().find(|ended| ended.platform == Some(key)) else { return };
        let (Some(id), own) = (ended.journal_id, ended.own) else { return };
        let number = if own { &event.called } else { &event.caller };
        let queue = event.queue_id.filter(|id| *id != 0).map(|id| SkillGroup { id, name: self.state.group_name(id) });
        let journal = Arc::make_mut(&mut self.state.journal);
        let Some(entry) = journal.iter_mut().find(|entry| entry.id == id) else { return };
        let known = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        entry.peer.number = known(number).or(entry.peer.number.take());
        entry.peer.area = known(&event.area).or(entry.peer.area.take());
        entry.queue = queue.or(entry.queue.take());
        entry.call_id = known(&event.call_id).or(entry.call_id.take());
        let entry = entry.clone();
        self.keep(entry);
    }

    /// Somebody else has answered a call that was missed here, as its leg says after its end.
    pub(super) fn journal_elsewhere(&mut self, id: u64) {
        if let Some(entry) = Arc::make_mut(&mut self.state.journal).iter_mut().find(|entry| entry.id == id) {
            entry.outcome = Outcome::Elsewhere;
            let entry = entry.clone();
            self.keep(entry);
        }
    }

    /// The newest call ended while it was to be transferred, and it turned out that it was not.
    pub(super) fn journal_not_transferred(&mut self) {
        if !self.state.journal.first().is_some_and(|entry| entry.outcome == Outcome::Transferred) {
            return;
        }
        if let Some(entry) = Arc::make_mut(&mut self.state.journal).first_mut() {
            entry.outcome = Outcome::Answered;
            entry.hung_up_by = HungUpBy::Peer;
            entry.transferred_to = None;
            let entry = entry.clone();
            self.keep(entry);
        }
    }

    /// The call that ended a moment ago was torn down by a supervisor.
    pub(super) fn journal_torn_down(&mut self, id: u64) {
        if let Some(entry) = Arc::make_mut(&mut self.state.journal).first_mut().filter(|entry| entry.id == id) {
            entry.hung_up_by = HungUpBy::Supervisor;
            let entry = entry.clone();
            self.keep(entry);
        }
    }

    /// Calls of earlier runs, newest first: they stand behind those of this one.
    pub(super) fn journal_loaded(&mut self, entries: Vec<JournalEntry>) {
        let newest = entries.iter().map(|entry| entry.id).max().unwrap_or(0);
        self.state.last_journal_id = self.state.last_journal_id.max(newest);
        let journal = Arc::make_mut(&mut self.state.journal);
        self.state.earlier_line = Some(newest).filter(|newest| *newest > 0 && journal.is_empty());
        journal.extend(entries);
        journal.truncate(self.state.profile.journal_keep);
    }

    pub(super) fn clear_journal(&mut self, id: CommandId) {
        self.state.journal = Arc::default();
        self.effects.push(Effect::Journal(JournalChange::Cleared));
        // A call under way keeps its line: it would come back with its end anyway.
        if self.state.live_call().is_some_and(|call| call.announced) {
            self.journal_checkpoint();
        }
        self.done(id);
    }

    fn keep(&mut self, entry: JournalEntry) {
        self.effects.push(Effect::Journal(JournalChange::Entry(Box::new(entry))));
    }
}
