//! Projects, breaks, reminders and phone: from keys to dialogs and commands.

use std::time::Instant;

use super::{act::Ask, input::UiAction, state::ViewState};
use crate::{app::Snapshot, i18n};

/// Does what a key, a palette line or a click stands for.
pub(super) fn perform(state: &mut ViewState, snapshot: &Snapshot, action: UiAction, now: Instant) -> Option<Ask> {
    tracing::debug!(?action, "not yet");
    state.hint(i18n::text(snapshot.locale, "ui.not_yet"), now);
    None
}
