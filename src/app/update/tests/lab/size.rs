//! How much a state holds: whatever grows with the hours grows in here.

use std::fmt::{self, Write};

use super::Lab;

/// Counts what is written.
struct Count(usize);

impl Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// Sizes of what may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// The whole state, written down: every collection in it, known to this test or not.
    pub(super) whole: usize,
    pub(super) journal: usize,
    pub(super) notices: usize,
    pub(super) requests: usize,
    pub(super) asked: usize,
    pub(super) commands: usize,
    /// What the world around it keeps for it: timers, plans, messages to repeat, legs.
    pub(super) timers: usize,
    pub(super) planned: usize,
    pub(super) network: usize,
    pub(super) legs: usize,
}

impl Lab {
    pub(super) fn sizes(&self) -> Sizes {
        let mut count = Count(0);
        // Writing into a counter cannot fail.
        write!(count, "{:?}", self.state).ok();
        let state = &self.state;
        Sizes {
            whole: count.0,
            journal: state.journal.len(),
            notices: state.notices.len(),
            requests: state.pending.requests.len(),
            asked: state.health.asked.len(),
            commands: state.pending.commands.len(),
            timers: self.timers.len(),
            planned: self.schedule.len(),
            network: self.network.size(),
            legs: self.phone.legs.len(),
        }
    }
}
