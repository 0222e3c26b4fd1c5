//! Predictive projects (protocol `phone-bar.md` 8.1).

use super::Turn;
use crate::app::{Command, CommandId};

impl Turn<'_> {
    /// Asks for the projects.
    pub(super) fn refresh_projects(&mut self) {
        tracing::debug!("not yet");
    }

    pub(super) fn project_command(&mut self, id: CommandId, command: Command) {
        tracing::debug!(?command, "not yet");
        self.not_yet(id);
    }
}
