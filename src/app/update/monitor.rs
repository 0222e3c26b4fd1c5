//! A supervisor in an agent's call (protocol `cti.md` 2.5, 7.10).

use super::Turn;
use crate::app::{Command, CommandId};

impl Turn<'_> {
    pub(super) fn monitor_command(&mut self, id: CommandId, command: Command) {
        tracing::debug!(?command, "not yet");
        self.not_yet(id);
    }
}
