//! The number field and what is called from it. Nothing typed is lost: the field is emptied only by a call that came about.

use std::time::Instant;

use tui_input::{Input, InputRequest};

use super::{
    dialog::{Dialog, NumbersDialog},
    effect::{UiEffect, is_possible, send},
    input::UiAction,
    lists::{self, ListRow},
    navigation,
    number::{Extension, NUMBER_MAX, Pasted, number_error},
    state::{Focus, ViewState},
    text,
};
use crate::{
    app::{Action, Command, JournalEntry, Snapshot},
    domain::{
        Callee, Direction, NumberError, Outcome, REMARK_MAX, clean_agent_number, clean_number, extension, numbers_in,
    },
    i18n::{self, Message},
};

/// Numbers from this length on are outside numbers more often than not.
const OUTSIDE: usize = 5;
/// Most numbers of a paste that are offered.
const PASTED_MAX: usize = 20;

/// Most numbers that are remembered as dialled at this screen.
const DIALLED_MAX: usize = 50;

/// Puts a character into the number field, as long as there is room.
pub fn insert(state: &mut ViewState, c: char) {
    if !c.is_control() && state.number.value().chars().count() < NUMBER_MAX {
        state.number.handle(InputRequest::InsertChar(c));
        state.recalled = None;
    }
}

/// Text was pasted: into the field of an open dialog or the search, else cleaned into the number field.
pub fn on_paste(state: &mut ViewState, snapshot: &Snapshot, text: &str, now: Instant) {
    let searching = state.dialog.is_none() && state.focus == Focus::Find;
    let field = if searching { Some(&mut state.find) } else { state.dialog.as_mut().and_then(Dialog::field_mut) };
    if let Some(field) = field {
        for c in text::clean(text).chars().take(REMARK_MAX) {
            field.handle(InputRequest::InsertChar(c));
        }
        return;
    }
    if state.dialog.is_some() {
        return;
    }
    // Of the last paste.
    state.flash = None;
    let mut numbers = pasted(&strip_escapes(text));
    match numbers.len() {
        0 => state.hint(i18n::text(snapshot.locale, "ui.paste_empty"), now),
        1 if !is_second(state, &numbers) => take_pasted(state, snapshot, numbers.remove(0), now),
        _ => {
            if is_second(state, &numbers) {
                let extension = state.extension.as_ref().map(|extension| extension.digits.clone());
                numbers.push(Pasted { number: state.number.value().to_owned(), extension });
            }
            state.dialog = Some(Dialog::Numbers(NumbersDialog { pasted: numbers, ..NumbersDialog::default() }));
        }
    }
}

/// Whether a whole number is pasted while another one stands in the field: they are never one, whatever is dialled.
fn is_second(state: &ViewState, pasted: &[Pasted]) -> bool {
    let field = state.number.value();
    is_whole(field) && pasted.iter().any(|one| is_whole(&one.number)) && pasted.iter().all(|one| one.number != field)
}

/// Whether a text has the digits of a whole outside number.
fn is_whole(text: &str) -> bool {
    text.chars().filter(char::is_ascii_digit).count() >= OUTSIDE
}

/// The numbers of a pasted text, those first that are longer than an inner one.
fn pasted(text: &str) -> Vec<Pasted> {
    let text = text.trim();
    let is_agent = text.starts_with(|c: char| c.is_ascii_alphabetic()) && clean_agent_number(text).is_ok();
    if is_agent && !text.contains(char::is_whitespace) {
        return vec![Pasted { number: text.to_owned(), extension: None }];
    }
    if text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:")) {
        let link = text.split_whitespace().next().unwrap_or(text);
        if let Ok(number) = clean_number(link) {
            return vec![Pasted { number, extension: extension(link) }];
        }
    }
    let mut found: Vec<Pasted> = Vec::new();
    for one in numbers_in(text) {
        let one = Pasted { number: one.number, extension: one.extension.map(|extension| extension.digits) };
        if one.number.chars().count() <= NUMBER_MAX && !found.contains(&one) {
            found.push(one);
        }
    }
    found.sort_by_key(|one| one.number.len() < OUTSIDE);
    found.truncate(PASTED_MAX);
    found
}

/// A text without the sequences that colour it or move the cursor: their figures are no numbers.
fn strip_escapes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        kept.push_str(before);
        rest = match after.strip_prefix('[') {
            Some(sequence) => sequence
                .char_indices()
                .find(|(_, c)| matches!(c, '@'..='~'))
                .and_then(|(at, _)| sequence.get(at + 1..))
                .unwrap_or_default(),
            None => after,
        };
    }
    kept.push_str(rest);
    kept
}

/// A number that was pasted goes into the field: at the cursor as any text does, but in the place of another whole number;
/// its extension is kept for the keypad.
pub(super) fn take_pasted(state: &mut ViewState, snapshot: &Snapshot, pasted: Pasted, now: Instant) {
    state.focus = Focus::Number;
    if is_whole(state.number.value()) {
        state.number.reset();
    }
    for c in pasted.number.chars() {
        insert(state, c);
    }
    state.extension = pasted.extension.map(|digits| {
        state.hint(Message::new("app.extension").with("extension", &digits).render(snapshot.locale), now);
        Extension { number: state.number.value().to_owned(), digits, dialled: false }
    });
}

/// Offers the extension when the number has answered, and forgets it with the call.
pub(super) fn follow(state: &mut ViewState, old: &Snapshot, new: &Snapshot, now: Instant) {
    let ended = old.call.phase.is_live() && !new.call.phase.is_live();
    if ended && state.extension.as_ref().is_some_and(|extension| extension.dialled) {
        state.extension = None;
    }
    let answered = state.extension.as_ref().is_none_or(|extension| extension.offered(old).is_none());
    let offered = state.extension.as_ref().and_then(|extension| extension.offered(new)).map(ToOwned::to_owned);
    if answered && let Some(extension) = offered {
        let key = state.key_hint(UiAction::Keypad, state.is_typing()).unwrap_or_default();
        let told = Message::new("ui.extension_offered").with("extension", extension).with("key", key);
        state.hint(told.render(new.locale), now);
    }
}

/// Calls what is in the number field as an outside number, or as the agent it was recalled as; from a list, does what
/// its selected line is for.
pub fn dial(state: &mut ViewState, snapshot: &Snapshot, now: Instant) -> Option<UiEffect> {
    if let Some(row) = lists::selected(state, snapshot) {
        return match row {
            ListRow::Call(entry) => call_again(state, snapshot, entry, now),
            ListRow::Agent(_) if snapshot.call.phase.is_live() => {
                navigation::explain_key(state, snapshot, "ui.how_agent", now);
                None
            }
            ListRow::Agent(agent) => call(state, snapshot, Callee::Agent(agent.ag_no.clone()), now),
            ListRow::Group(_) => {
                navigation::explain_key(state, snapshot, "ui.how_group", now);
                None
            }
            ListRow::Waiting(_) => {
                navigation::take(state, snapshot, now);
                None
            }
            ListRow::Notice(_) => None,
        };
    }
    let typed = state.number.value().to_owned();
    if typed.trim().is_empty() {
        state.focus = Focus::Number;
        return None;
    }
    if matches!(recalled(state, snapshot), Some(Callee::Agent(_))) {
        return dial_agent(state, snapshot, now);
    }
    match clean_number(&typed) {
        Ok(number) => {
            if !is_possible(state, snapshot, Action::Dial, now) {
                return None;
            }
            state.focus = Focus::None;
            let known = state.extension.take().filter(|extension| extension.number == typed);
            let typed_too =
                || extension(&typed).map(|digits| Extension { number: typed.clone(), digits, dialled: true });
            state.extension = known.map(|known| Extension { dialled: true, ..known }).or_else(typed_too);
            remember(state, Callee::Number(number.clone()));
            let command = Command::Dial { number, caller_id: None, queue_id: None, user_data: None };
            Some(UiEffect::Dial { command, typed })
        }
        Err(error) => {
            state.hint(number_error(&error).render(snapshot.locale), now);
            None
        }
    }
}

/// Calls whoever a line of the journal was with.
fn call_again(state: &mut ViewState, snapshot: &Snapshot, entry: &JournalEntry, now: Instant) -> Option<UiEffect> {
    match (entry.direction, &entry.peer.ag_no, &entry.peer.number) {
        (Direction::Inner | Direction::Consult, Some(ag_no), _) | (_, Some(ag_no), None) => {
            call(state, snapshot, Callee::Agent(ag_no.clone()), now)
        }
        (_, _, Some(number)) => call(state, snapshot, Callee::Number(number.clone()), now),
        (_, None, None) => None,
    }
}

/// Calls somebody whose number stands in no field.
pub(super) fn call(state: &mut ViewState, snapshot: &Snapshot, callee: Callee, now: Instant) -> Option<UiEffect> {
    let (needed, command) = match callee.clone() {
        Callee::Agent(ag_no) => (Action::DialAgent, Command::DialAgent { ag_no, caller_id: None }),
        Callee::Number(number) => {
            (Action::Dial, Command::Dial { number, caller_id: None, queue_id: None, user_data: None })
        }
    };
    let ask = send(state, snapshot, needed, command, now);
    if ask.is_some() {
        state.extension = None;
        remember(state, callee);
    }
    ask
}

/// Keeps what is dialled, for redialling.
fn remember(state: &mut ViewState, callee: Callee) {
    state.recalled = None;
    state.dialled.retain(|known| *known != callee);
    state.dialled.push(callee);
    if state.dialled.len() > DIALLED_MAX {
        state.dialled.remove(0);
    }
}

/// Puts what was dialled earlier, or later, into the number field; past the newest, what was being typed.
pub fn recall(state: &mut ViewState, snapshot: &Snapshot, older: bool, now: Instant) {
    let all = recallable(state, snapshot);
    let (at, draft) = match state.recalled.take() {
        Some((at, draft)) => (if older { Some(at + 1) } else { at.checked_sub(1) }, draft),
        None => (older.then_some(0), state.number.value().to_owned()),
    };
    let Some(at) = at.map(|at| at.min(all.len().saturating_sub(1))) else {
        state.number = draft.into();
        return;
    };
    match all.get(at) {
        Some(callee) => {
            let (Callee::Agent(number) | Callee::Number(number)) = callee;
            state.number = number.clone().into();
            state.recalled = Some((at, draft));
            if let Callee::Agent(ag_no) = callee {
                let hint = Message::new("ui.recalled_agent").with("who", ag_no);
                state.hint(hint.render(snapshot.locale), now);
            }
        }
        None => state.hint(i18n::text(snapshot.locale, "ui.nothing_dialled"), now),
    }
}

/// Whoever was recalled into the number field, as long as it is still there as it was.
fn recalled(state: &ViewState, snapshot: &Snapshot) -> Option<Callee> {
    let (at, _) = state.recalled.as_ref()?;
    let callee = recallable(state, snapshot).into_iter().nth(*at)?;
    let (Callee::Agent(number) | Callee::Number(number)) = &callee;
    (number == state.number.value()).then_some(callee)
}

/// What is wrong with the number that is being typed, told before Enter is.
pub fn problem(state: &ViewState, agent_key: Option<&str>) -> Option<Message> {
    if state.focus != Focus::Number || state.dialog.is_some() {
        return None;
    }
    match clean_number(state.number.value()).err()? {
        NumberError::Empty => None,
        NumberError::BadCharacter(c) if clean_agent_number(state.number.value()).is_ok() => {
            let key = agent_key.unwrap_or_default();
            Some(Message::new("ui.number_is_agent").with("character", c).with("key", key))
        }
        error @ (NumberError::BadCharacter(_) | NumberError::TooLong(_) | NumberError::Several(_)) => {
            Some(number_error(&error))
        }
    }
}

/// Calls what is in the number field as an agent number.
pub fn dial_agent(state: &mut ViewState, snapshot: &Snapshot, now: Instant) -> Option<UiEffect> {
    let typed = state.number.value().to_owned();
    match clean_agent_number(&typed) {
        Ok(ag_no) => {
            if !is_possible(state, snapshot, Action::DialAgent, now) {
                return None;
            }
            state.focus = Focus::None;
            remember(state, Callee::Agent(ag_no.clone()));
            Some(UiEffect::Dial { command: Command::DialAgent { ag_no, caller_id: None }, typed })
        }
        Err(error) => {
            state.focus = Focus::Number;
            state.hint(number_error(&error).render(snapshot.locale), now);
            None
        }
    }
}

/// A dial command worked: what was dialled leaves the field, unless something else has been typed meanwhile.
pub fn dialled(state: &mut ViewState, typed: &str) {
    if state.number.value() == typed {
        state.number = Input::default();
    }
}

/// What has been dialled, newest first, each once: at this screen, then from the journal.
pub(super) fn recallable(state: &ViewState, snapshot: &Snapshot) -> Vec<Callee> {
    let from_journal = snapshot.journal.iter().filter_map(|entry| {
        let peer = &entry.peer;
        match entry.direction {
            Direction::Out => peer.number.clone().map(Callee::Number),
            // The journal does not tell who called whom between agents; what rang here was not dialled here.
            Direction::Inner if !matches!(entry.outcome, Outcome::Missed | Outcome::Elsewhere | Outcome::Rejected) => {
                peer.ag_no.clone().map(Callee::Agent)
            }
            Direction::Inner | Direction::In | Direction::Consult | Direction::Spy | Direction::Auto => None,
        }
    });
    let mut all: Vec<Callee> = Vec::new();
    for callee in state.dialled.iter().rev().cloned().chain(from_journal) {
        if !all.contains(&callee) {
            all.push(callee);
        }
    }
    all
}
