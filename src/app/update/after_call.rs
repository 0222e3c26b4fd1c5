//! The state wanted after the call.

use super::Turn;
use crate::app::CommandId;

impl Turn<'_> {
    pub(super) fn forget_after_call(&mut self, id: CommandId) {
        self.not_yet(id);
    }
}
