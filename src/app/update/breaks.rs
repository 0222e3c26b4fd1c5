//! Raising the hand: break requests and restricted reasons (protocol `phone-bar.md` 8.2).

use super::Turn;
use crate::app::{Command, CommandId};

impl Turn<'_> {
    /// Asks who approves.
    pub(super) fn refresh_approvers(&mut self, search: &str) {
        tracing::debug!(search, "not yet");
    }

    /// Asks for the agent's requests.
    pub(super) fn refresh_break_requests(&mut self) {
        tracing::debug!("not yet");
    }

    pub(super) fn break_command(&mut self, id: CommandId, command: Command) {
        tracing::debug!(?command, "not yet");
        self.not_yet(id);
    }
}
