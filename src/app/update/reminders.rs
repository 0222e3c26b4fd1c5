//! Reminders of meals and shifts, and the lock on sign-out (protocol `phone-bar.md` 8.3).

use super::Turn;
use crate::app::{Command, CommandId};

impl Turn<'_> {
    pub(super) fn reminder_command(&mut self, id: CommandId, command: Command) {
        tracing::debug!(?command, "not yet");
        self.not_yet(id);
    }
}
