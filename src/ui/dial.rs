//! The number field and what is called from it. Nothing typed is lost: the field is emptied only by a call that came about.

use std::time::Instant;

use tui_input::{Input, InputRequest};

use super::{
    act::{Ask, is_possible, tell},
    dialog::Dialog,
    state::{Focus, NUMBER_MAX, Tab, ViewState},
    text,
};
use crate::{
    app::{Action, Command, Snapshot},
    domain::{Direction, NumberError, clean_agent_number, clean_number, tel_extension},
    i18n::{self, Message},
};

/// Puts a character into the number field, as long as there is room.
pub fn insert(state: &mut ViewState, c: char) {
    if !c.is_control() && state.number.value().chars().count() < NUMBER_MAX {
        state.number.handle(InputRequest::InsertChar(c));
    }
}

/// Text was pasted: into the filter of an open list, else cleaned into the number field.
pub fn on_paste(state: &mut ViewState, snapshot: &Snapshot, text: &str, now: Instant) {
    if let Some(list) = state.dialog.as_mut().and_then(Dialog::list_mut) {
        for c in text::clean(text).chars().take(NUMBER_MAX) {
            list.filter.handle(InputRequest::InsertChar(c));
        }
        return;
    }
    if state.dialog.is_some() {
        return;
    }
    let text = text::clean(text);
    let cleaned = match clean_number(&text) {
        Ok(number) => number,
        Err(_) => text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '*' | '#' | ',')).collect(),
    };
    if cleaned.is_empty() {
        state.hint(i18n::text(snapshot.locale, "ui.paste_empty"), now);
        return;
    }
    state.focus = Focus::Number;
    for c in cleaned.chars() {
        insert(state, c);
    }
    if let Some(extension) = tel_extension(&text) {
        state.hint(Message::new("app.extension").with("extension", extension).render(snapshot.locale), now);
    }
}

/// Calls what is in the number field as an outside number; from the journal, the selected line again.
pub fn dial(state: &mut ViewState, snapshot: &Snapshot, now: Instant) -> Option<Ask> {
    let typed = state.number.value().to_owned();
    let redial = state.focus == Focus::List || typed.trim().is_empty();
    if redial && state.focus == Focus::List && state.tab == Tab::Journal {
        let entry = snapshot.journal.get(state.selected)?;
        return match (entry.direction, &entry.peer.ag_no, &entry.peer.number) {
            (Direction::Inner | Direction::Consult, Some(ag_no), _) | (_, Some(ag_no), None) => tell(
                state,
                snapshot,
                Action::DialAgent,
                Command::DialAgent { ag_no: ag_no.clone(), caller_id: None },
                now,
            ),
            (_, _, Some(number)) => {
                let command =
                    Command::Dial { number: number.clone(), caller_id: None, queue_id: None, user_data: None };
                tell(state, snapshot, Action::Dial, command, now)
            }
            (_, None, None) => None,
        };
    }
    if typed.trim().is_empty() {
        state.focus = Focus::Number;
        return None;
    }
    match clean_number(&typed) {
        Ok(number) => {
            if !is_possible(state, snapshot, Action::Dial, now) {
                return None;
            }
            state.focus = Focus::None;
            let command = Command::Dial { number, caller_id: None, queue_id: None, user_data: None };
            Some(Ask::Dial { command, typed })
        }
        Err(error) => {
            state.hint(number_error(&error).render(snapshot.locale), now);
            None
        }
    }
}

/// Calls what is in the number field as an agent number.
pub fn dial_agent(state: &mut ViewState, snapshot: &Snapshot, now: Instant) -> Option<Ask> {
    let typed = state.number.value().to_owned();
    match clean_agent_number(&typed) {
        Ok(ag_no) => {
            if !is_possible(state, snapshot, Action::DialAgent, now) {
                return None;
            }
            state.focus = Focus::None;
            Some(Ask::Dial { command: Command::DialAgent { ag_no, caller_id: None }, typed })
        }
        Err(error) => {
            state.focus = Focus::Number;
            state.hint(number_error(&error).render(snapshot.locale), now);
            None
        }
    }
}

/// Why a number cannot be dialled, for a person.
fn number_error(error: &NumberError) -> Message {
    match error {
        NumberError::Empty => Message::new("ui.number_empty"),
        NumberError::BadCharacter(c) => Message::new("ui.number_bad_character").with("character", c),
        NumberError::TooLong(digits) => Message::new("ui.number_too_long").with("digits", digits),
    }
}

/// A dial command worked: what was dialled leaves the field, unless something else has been typed meanwhile.
pub fn dialled(state: &mut ViewState, typed: &str) {
    if state.number.value() == typed {
        state.number = Input::default();
    }
}
