//! Look-ups (`Info.*`) and lists that are kept fresh while somebody looks at them.

use super::Turn;
use crate::app::CommandId;

impl Turn<'_> {
    pub(super) fn look_up(&mut self, id: CommandId, look_up: crate::app::LookUp) {
        tracing::debug!(?look_up, "not yet");
        self.not_yet(id);
    }
    pub(super) fn watch(&mut self, id: CommandId, watched: Option<crate::app::Watched>) {
        tracing::debug!(?watched, "not yet");
        self.not_yet(id);
    }
}
