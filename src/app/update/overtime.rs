//! States that last too long (protocol `phone-bar.md` 4.4).

use super::Turn;
use crate::app::CommandId;

impl Turn<'_> {
    pub(super) fn acknowledge_overtime(&mut self, id: CommandId) {
        self.not_yet(id);
    }
}
