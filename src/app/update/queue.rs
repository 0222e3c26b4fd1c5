//! Waiting customers: how many, who, and taking one out of the queue (protocol `phone-bar.md` 8.4).

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Turn, directory::begin, look_ups::rows_of, number_of, rows};
use crate::{
    app::{Action, CommandId, Effect, TimerId, WaitingRow, state::List},
    cti::api::{ApiError, Reply, Request},
};

/// Between two counts (protocol `cti.md` 2.9), ms.
const EVERY_MS: u64 = 3000;
/// Doublings of that after failures: at most 48 s.
const MOST_DOUBLINGS: u32 = 4;
/// After so many failures in a row the last count says nothing any more.
const STALE_AFTER: u32 = 3;

impl Turn<'_> {
    pub(super) fn take_from_queue(&mut self, id: CommandId, fields: Map<String, Value>) {
        self.abandon_endings();
        self.send(id, Action::TakeFromQueue, Request::TakeOutQueue { fields });
    }

    /// Counts who waits, for as long as the agent is signed in; the agent's own id is needed for it.
    pub(super) fn count_waiting(&mut self) {
        if self.state.profile.show_que_sum && self.state.agent.state.is_signed_in() && self.state.agent.id.is_some() {
            self.ask(List::QueueSum);
        }
    }

    pub(super) fn queue_sum_reply(&mut self, result: Result<Reply, ApiError>) {
        let count = match result {
            Ok(reply) if reply.is_ok() => number_of(Some(&reply.data)).and_then(|count| u32::try_from(count).ok()),
            Ok(_) | Err(_) => None,
        };
        let queue = &mut self.state.queue;
        queue.failures = if count.is_some() { 0 } else { queue.failures.saturating_add(1) };
        if count.is_some() || queue.failures >= STALE_AFTER {
            queue.waiting = count;
        }
        if self.state.profile.show_que_sum && self.state.agent.state.is_signed_in() {
            let pause = Duration::from_millis(EVERY_MS << self.state.queue.failures.min(MOST_DOUBLINGS));
            // The jitter keeps a whole floor of agents from asking in the same instant.
            let after = pause.mul_f64(0.9 + 0.2 * self.now.random);
            self.effects.push(Effect::StartTimer { timer: TimerId::QueueSum, after });
        } else {
            self.state.queue.waiting = None;
        }
    }

    pub(super) fn refresh_queue(&mut self) {
        begin(&mut self.state.queue.view.fetched);
        self.ask(List::QueueDetail);
    }

    pub(super) fn queue_detail_reply(&mut self, result: Result<Reply, ApiError>) {
        let now = self.now.wall;
        let fetched = self.fetched(result, |turn, data| {
            let mut waiting: Vec<WaitingRow> =
                rows_of(data).iter().flat_map(|group| rows::waiting(group, now)).collect();
            waiting.sort_by_key(|row| (row.since.is_none(), row.since));
            turn.state.queue.view.rows = waiting;
        });
        self.state.queue.view.fetched = fetched;
    }

    /// Signed out: nobody waits for this agent.
    pub(super) fn forget_queue(&mut self) {
        self.state.queue = crate::app::state::Queue::default();
        self.effects.push(Effect::StopTimer(TimerId::QueueSum));
    }
}
