//! Waiting customers (protocol `phone-bar.md` 8.4).

use super::Turn;
use crate::app::CommandId;

impl Turn<'_> {
    pub(super) fn take_from_queue(&mut self, id: CommandId, fields: serde_json::Map<String, serde_json::Value>) {
        tracing::debug!(?fields, "not yet");
        self.not_yet(id);
    }
}
