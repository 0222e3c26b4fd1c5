//! The panel and what can be copied: from keys to commands, and what is kept of what the panel shows.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Instant,
};

use tui_input::Input;

use super::{
    act::Ask,
    dial,
    dialog::{Dialog, ListDialog, NumberUse},
    lists::{self, Listed},
    rich::{self, Document, Row},
    state::{Focus, ViewState},
    text, view,
};
use crate::{
    app::{Command, Snapshot},
    domain::{CallPhase, Callee, Preference},
    i18n::{self, Message},
    panel::PanelContent,
};

/// Least and most width of the panel, percent of the screen.
pub const NARROWEST: u16 = 15;
pub const WIDEST: u16 = 60;

/// Percent by which a key changes the width.
const STEP: u16 = 5;

/// Lines by which a key scrolls.
const LINES: u16 = 3;

/// What the panel shows, read once and laid out once for a width: a frame costs no more than its own rows, however
/// long the content is. The same content and width give the same rows, so drawing stays pure.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    read: RefCell<Option<Read>>,
    /// Rows below the end of the panel as it was drawn last.
    below: Cell<u16>,
    /// Width of the screen and of the panel as they were drawn last, cells.
    drawn: Cell<Option<(u16, u16)>>,
    /// The content that was scrolled in last.
    known: Option<Arc<PanelContent>>,
}

#[derive(Clone, Debug)]
struct Read {
    content: Arc<PanelContent>,
    document: Arc<Document>,
    laid_out: Option<(u16, Arc<Vec<Row>>)>,
}

impl Reading {
    /// The content, read.
    pub fn document(&self, content: &Arc<PanelContent>) -> Arc<Document> {
        let mut read = self.read.borrow_mut();
        match read.as_ref().filter(|read| Arc::ptr_eq(&read.content, content)) {
            Some(read) => read.document.clone(),
            None => {
                let document = Arc::new(Document::read(content));
                *read = Some(Read { content: content.clone(), document: document.clone(), laid_out: None });
                document
            }
        }
    }

    /// The content's rows at a width.
    pub fn rows(&self, content: &Arc<PanelContent>, cells: u16) -> Arc<Vec<Row>> {
        let document = self.document(content);
        let mut read = self.read.borrow_mut();
        let laid_out = read.as_ref().and_then(|read| read.laid_out.as_ref()).filter(|(width, _)| *width == cells);
        if let Some((_, rows)) = laid_out {
            return rows.clone();
        }
        let rows = Arc::new(rich::lay_out(&document, cells));
        if let Some(read) = read.as_mut() {
            read.laid_out = Some((cells, rows.clone()));
        }
        rows
    }

    /// Notes how the panel was drawn: width of the screen, its own, and the rows that did not fit below.
    pub fn was_drawn(&self, screen: u16, cells: u16, below: u16) {
        self.drawn.set(Some((screen, cells)));
        self.below.set(below);
    }

    /// Whether this is other content than at the last time; then one begins at its top.
    pub fn is_new(&mut self, content: Option<&Arc<PanelContent>>) -> bool {
        let same = match (&self.known, content) {
            (Some(known), Some(content)) => Arc::ptr_eq(known, content),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.known = content.cloned();
        !same
    }
}

/// Shows or hides the panel.
pub(super) fn toggle(state: &mut ViewState) -> Option<Ask> {
    state.panel = !state.panel;
    Some(Ask::Tell(Command::Prefer(Preference::Panel(state.panel))))
}

/// Offers the panel's numbers.
pub(super) fn pick(state: &mut ViewState, snapshot: &Snapshot, now: Instant) {
    if view::panel_document(state, snapshot).numbers.is_empty() {
        state.hint(i18n::text(snapshot.locale, "ui.no_numbers"), now);
    } else {
        state.pasted.clear();
        state.dialog = Some(Dialog::Numbers(ListDialog::default()));
    }
}

/// Scrolls a few lines; never further than to the end, so that the way back begins at once.
pub(super) fn scroll(state: &mut ViewState, up: bool) {
    if up {
        state.panel_scroll = state.panel_scroll.saturating_sub(LINES);
    } else {
        let step = state.reading.below.get().min(LINES);
        state.panel_scroll = state.panel_scroll.saturating_add(step);
        // Several turns of a wheel may come before the next frame.
        state.reading.below.set(state.reading.below.get() - step);
    }
}

/// Changes the width by a step, as far as the screen has room for the change to be seen.
pub(super) fn resize(state: &mut ViewState, snapshot: &Snapshot, wider: bool, now: Instant) -> Option<Ask> {
    if !state.panel {
        return toggle(state);
    }
    let wanted = if wider { state.panel_width + STEP } else { state.panel_width.saturating_sub(STEP) };
    let wanted = wanted.clamp(NARROWEST, WIDEST);
    let fits = |(screen, cells): (u16, u16)| view::panel_cells(screen, wanted) != cells;
    if wanted == state.panel_width || !state.reading.drawn.get().is_none_or(fits) {
        state.hint(i18n::text(snapshot.locale, if wider { "ui.panel_widest" } else { "ui.panel_narrowest" }), now);
        return None;
    }
    state.panel_width = wanted;
    Some(Ask::Tell(Command::Prefer(Preference::PanelWidth(wanted))))
}

/// Copies what is looked at: the number being typed, what the selected line is about, the other end's number, or that
/// of the last call.
pub(super) fn copy(state: &mut ViewState, snapshot: &Snapshot, now: Instant) -> Option<Ask> {
    let typed = state.number.value().trim();
    let number = if state.focus == Focus::Number && !typed.is_empty() {
        typed
    } else if let Some(row) = lists::selected(state, snapshot) {
        match row {
            Listed::Call(entry) => entry.peer.short(),
            Listed::Agent(agent) => &agent.ag_no,
            Listed::Waiting(waiting) => &waiting.number,
            Listed::Notice(notice) => &notice.text,
            Listed::Group(group) => &group.name,
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

fn copy_number(state: &mut ViewState, snapshot: &Snapshot, number: &str, now: Instant) -> Option<Ask> {
    let number = text::clean(number).into_owned();
    state.hint(Message::new("ui.copied").with("number", &number).render(snapshot.locale), now);
    Some(Ask::Copy(number))
}

/// Does what was wanted with a number of the panel.
pub(super) fn use_number(
    state: &mut ViewState,
    snapshot: &Snapshot,
    wanted: NumberUse,
    number: String,
    now: Instant,
) -> Option<Ask> {
    match wanted {
        NumberUse::Take => {
            let pasted = std::mem::take(&mut state.pasted);
            match pasted.into_iter().find(|pasted| pasted.number == number) {
                Some(pasted) => dial::take_pasted(state, snapshot, pasted, now),
                None => take(state, number),
            }
            None
        }
        NumberUse::Copy => copy_number(state, snapshot, &number, now),
        NumberUse::Dial => dial::call(state, snapshot, Callee::Number(number), now),
    }
}

/// A number of the panel was clicked: it goes into the number field.
pub(super) fn take_number(state: &mut ViewState, snapshot: &Snapshot, index: usize) {
    if let Some(number) = view::panel_document(state, snapshot).numbers.get(index) {
        take(state, number.dial.clone());
    }
}

fn take(state: &mut ViewState, number: String) {
    state.number = Input::new(number);
    state.recalled = None;
    state.focus = Focus::Number;
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
