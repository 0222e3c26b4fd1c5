//! What changes nothing but what is looked at: tabs, focus, selection, search.

use std::time::Instant;

use tui_input::Input;

use super::{
    dialog::{Dialog, Question},
    effect::is_possible,
    input::UiAction,
    lists::{self, ListRow},
    state::{Focus, QueueOrder, Tab, ViewState},
    who,
};
use crate::{
    app::{Action, Snapshot},
    i18n::Message,
};

/// Lines a page key moves by.
const PAGE: usize = 10;

/// A move in the open list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A line up.
    Up,
    /// A line down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
}

/// Moves the selection; the first step only shows where one is.
pub(super) fn step(state: &mut ViewState, snapshot: &Snapshot, step: Step) {
    let last = lists::rows(state, snapshot).len().saturating_sub(1);
    let at = state.selected;
    let to = match step {
        Step::Up => at.saturating_sub(1),
        Step::Down => at.saturating_add(1),
        Step::PageUp => at.saturating_sub(PAGE),
        Step::PageDown => at.saturating_add(PAGE),
    };
    state.selected = if state.in_list() { to.min(last) } else { at.min(last) };
    state.focus = Focus::List;
}

/// From the number field to the list to nothing, around.
pub(super) fn next_focus(state: &mut ViewState) {
    state.focus = match state.focus {
        Focus::None => Focus::Number,
        Focus::Number => Focus::List,
        Focus::List | Focus::Find => Focus::None,
    };
}

/// Opens a tab; what the other one was searched for is forgotten.
pub(super) fn open_tab(state: &mut ViewState, tab: Tab) {
    if state.tab != tab {
        state.tab = tab;
        state.selected = 0;
        state.find = Input::default();
        if matches!(state.focus, Focus::List | Focus::Find) {
            state.focus = Focus::None;
        }
    }
}

/// Begins to search the open list.
pub(super) fn find(state: &mut ViewState) {
    state.dialog = None;
    state.focus = Focus::Find;
}

/// Back to nothing selected and nothing searched for.
pub(super) fn leave(state: &mut ViewState) {
    state.focus = Focus::None;
    state.selected = 0;
    state.find = Input::default();
    state.flash = None;
}

/// Sorts the queue another way.
pub(super) fn sort(state: &mut ViewState, snapshot: &Snapshot, now: Instant) {
    open_tab(state, Tab::Queue);
    state.queue_order = if snapshot.queue.rows.iter().all(|row| row.level.is_none()) {
        QueueOrder::Wait
    } else {
        state.queue_order.next()
    };
    state.selected = 0;
    state.hint(crate::i18n::text(snapshot.locale, state.queue_order.name()), now);
}

/// Asks before the selected customer is taken out of the queue; whether there is one.
pub(super) fn take(state: &mut ViewState, snapshot: &Snapshot, now: Instant) -> bool {
    let Some(ListRow::Waiting(row)) = lists::selected(state, snapshot) else { return false };
    if is_possible(state, snapshot, Action::TakeFromQueue, now) {
        let who = who::waiting(row, snapshot.locale);
        let question = Question::TakeFromQueue { number: row.number.clone(), who, fields: row.fields.clone() };
        state.dialog = Some(Dialog::Question(question));
    }
    true
}

/// Why Enter does nothing on a skill group, or on an agent during a call: what does.
pub(super) fn explain_key(state: &mut ViewState, snapshot: &Snapshot, key: &'static str, now: Instant) {
    let shown = |action| state.key_hint(action, false).unwrap_or_default();
    let hint = Message::new(key).with("consult", shown(UiAction::Consult)).with("transfer", shown(UiAction::Transfer));
    state.hint(hint.render(snapshot.locale), now);
}
