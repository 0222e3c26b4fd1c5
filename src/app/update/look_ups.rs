//! Look-ups (`Info.*`) and lists that are kept fresh while somebody looks at them.

use super::Turn;
use crate::app::CommandId;

impl Turn<'_> {
    pub(super) fn look_up(&mut self, id: CommandId, look_up: crate::app::LookUp) {
        tracing::debug!(?look_up, "not yet");
        self.not_yet(id);
    }
    pub(super) fn watch(&mut self, id: CommandId, watched: Option<crate::app::Watched>) {
        match watched {
            Some(crate::app::Watched::Projects) => self.refresh_projects(),
            Some(crate::app::Watched::Approvers(search)) => self.refresh_approvers(&search),
            Some(crate::app::Watched::BreakRequests) => self.refresh_break_requests(),
            watched => {
                tracing::debug!(?watched, "not yet");
                return self.not_yet(id);
            }
        }
        self.done(id);
    }
}
