//! Another phone, another kind of sign-in, mid-shift (protocol `cti.md` 2.2).

use super::Turn;
use crate::app::{Command, CommandId};

impl Turn<'_> {
    pub(super) fn binding_command(&mut self, id: CommandId, command: Command) {
        tracing::debug!(?command, "not yet");
        self.not_yet(id);
    }
}
