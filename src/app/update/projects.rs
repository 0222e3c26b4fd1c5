//! Predictive projects (protocol `phone-bar.md` 8.1).

use super::Turn;
use crate::app::{Command, CommandId};

impl Turn<'_> {
    pub(super) fn project_command(&mut self, id: CommandId, command: Command) {
        tracing::debug!(?command, "not yet");
        self.not_yet(id);
    }
}
