//! The panel and what can be copied: from keys to commands, and what is kept of what the panel shows.

use std::time::Instant;

use tui_input::Input;

use super::{
    dial,
    dialog::{Dialog, NumberUse, NumbersDialog},
    effect::UiEffect,
    lists::{self, ListRow},
    panel_document::{self, NARROWEST, WIDEST},
    state::{Focus, ViewState},
    text,
};
use crate::{
    app::{Command, Snapshot},
    domain::{CallPhase, Callee, Preference},
    i18n::{self, Message},
};

/// Percent by which a key changes the width.
const STEP: u16 = 5;

/// Lines by which a key scrolls.
const LINES: u16 = 3;

/// Shows or hides the panel.
pub(super) fn toggle(state: &mut ViewState) -> Option<UiEffect> {
    state.panel = !state.panel;
    Some(UiEffect::Send(Command::Prefer(Preference::Panel(state.panel))))
}

/// Offers the panel's numbers.
pub(super) fn pick(state: &mut ViewState, snapshot: &Snapshot, now: Instant) {
    if panel_document::document(&state.panel_reader, snapshot).numbers.is_empty() {
        state.hint(i18n::text(snapshot.locale, "ui.no_numbers"), now);
    } else {
        state.dialog = Some(Dialog::Numbers(NumbersDialog::default()));
    }
}

/// Scrolls a few lines; never further than to the end, so that the way back begins at once.
pub(super) fn scroll(state: &mut ViewState, up: bool) {
    if up {
        state.panel_scroll = state.panel_scroll.saturating_sub(LINES);
    } else {
        // Several turns of a wheel may come before the next frame.
        let step = state.panel_reader.take_below(LINES);
        state.panel_scroll = state.panel_scroll.saturating_add(step);
    }
}

/// Changes the width by a step, as far as the screen has room for the change to be seen.
pub(super) fn resize(state: &mut ViewState, snapshot: &Snapshot, wider: bool, now: Instant) -> Option<UiEffect> {
    if !state.panel {
        return toggle(state);
    }
    let wanted = if wider { state.panel_width + STEP } else { state.panel_width.saturating_sub(STEP) };
    let wanted = wanted.clamp(NARROWEST, WIDEST);
    let fits = |(screen, cells): (u16, u16)| panel_document::cells(screen, wanted) != cells;
    if wanted == state.panel_width || !state.panel_reader.drawn().is_none_or(fits) {
        state.hint(i18n::text(snapshot.locale, if wider { "ui.panel_widest" } else { "ui.panel_narrowest" }), now);
        return None;
    }
    state.panel_width = wanted;
    Some(UiEffect::Send(Command::Prefer(Preference::PanelWidth(wanted))))
}

/// Copies what is looked at: the number being typed, what the selected line is about, the other end's number, or that
/// of the last call.
pub(super) fn copy(state: &mut ViewState, snapshot: &Snapshot, now: Instant) -> Option<UiEffect> {
    let typed = state.number.value().trim();
    let number = if state.focus == Focus::Number && !typed.is_empty() {
        typed
    } else if snapshot.call.phase.is_live() && !snapshot.call.peer.short().is_empty() {
        // Whoever copies in a call means whom it is with, whatever line the list stands on.
        snapshot.call.peer.short()
    } else if let Some(row) = lists::selected(state, snapshot) {
        match row {
            ListRow::Call(entry) => entry.peer.short(),
            ListRow::Agent(agent) => &agent.ag_no,
            ListRow::Waiting(waiting) => &waiting.number,
            ListRow::Notice(notice) => &notice.text,
            ListRow::Group(group) => &group.name,
        }
    } else if snapshot.call.phase != CallPhase::None {
        snapshot.call.peer.short()
    } else {
        snapshot.journal.first().map_or("", |entry| entry.peer.short())
    };
    if number.is_empty() {
        state.hint(i18n::text(snapshot.locale, "ui.nothing_to_copy"), now);
        return None;
    }
    let number = number.to_owned();
    copy_number(state, snapshot, &number, now)
}

fn copy_number(state: &mut ViewState, snapshot: &Snapshot, number: &str, now: Instant) -> Option<UiEffect> {
    let number = text::clean(number).into_owned();
    state.hint(Message::new("ui.copied").with("number", &number).render(snapshot.locale), now);
    Some(UiEffect::Copy(number))
}

/// Does what was wanted with a number of the panel.
pub(super) fn use_number(
    state: &mut ViewState,
    snapshot: &Snapshot,
    wanted: NumberUse,
    number: String,
    now: Instant,
) -> Option<UiEffect> {
    match wanted {
        NumberUse::Take => {
            take(state, number);
            None
        }
        NumberUse::Copy => copy_number(state, snapshot, &number, now),
        NumberUse::Dial => dial::call(state, snapshot, Callee::Number(number), now),
    }
}

/// A number of the panel was clicked: it goes into the number field.
pub(super) fn take_number(state: &mut ViewState, snapshot: &Snapshot, index: usize) {
    if let Some(number) = panel_document::document(&state.panel_reader, snapshot).numbers.get(index) {
        take(state, number.dial.clone());
    }
}

fn take(state: &mut ViewState, number: String) {
    state.number = Input::new(number);
    state.recalled = None;
    state.focus = Focus::Number;
}

#[cfg(test)]
#[path = "panel_intents_tests.rs"]
mod tests;
