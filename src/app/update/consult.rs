//! Consultation, three-way, transfer, evaluation (protocol `cti.md` 2.4, 7.6 to 7.9).

use super::Turn;
use crate::app::{Command, CommandId};

impl Turn<'_> {
    pub(super) fn consult_command(&mut self, id: CommandId, command: Command) {
        tracing::debug!(?command, "not yet");
        self.not_yet(id);
    }
}
