//! Keys, clicks and the wheel: who gets them. An open dialog first, then the field with the keyboard, then the key map.

use std::time::Instant;

use crossterm::event::KeyCode;

use super::{
    dial,
    dialog::{self, Choice, Dialog, Outcome, keypad},
    duty,
    effect::UiEffect,
    input::{KeyMap, UiAction},
    intents::{choose, perform},
    keys::{Chord, edit},
    navigation::{self, Step},
    panel_intents,
    state::{self, Focus, ViewState},
    target::Target,
};
use crate::{
    app::{Action, Command, Snapshot},
    domain::DeviceRole,
    i18n::Message,
};

/// A key was pressed.
pub fn on_key(state: &mut ViewState, snapshot: &Snapshot, chord: Chord, now: Instant) -> Option<UiEffect> {
    let mut allowed = true;
    if let Some(prefix) = state.settings.keymap.prefix() {
        if std::mem::take(&mut state.prefix_typed) {
            if chord == prefix || chord.code == KeyCode::Esc {
                return None;
            }
            return match state.settings.keymap.action(chord) {
                Some(action) => perform(state, snapshot, action, now),
                None => {
                    state.hint(Message::new("ui.no_such_key").with("key", chord).render(snapshot.locale), now);
                    None
                }
            };
        }
        if chord == prefix {
            state.prefix_typed = true;
            return None;
        }
        allowed = KeyMap::is_free(chord);
    }
    if let Some(mut dialog) = state.dialog.take() {
        let outcome = dialog::on_key(&mut dialog, &state.context(snapshot), chord);
        if outcome != Outcome::Pass {
            return apply_outcome(state, snapshot, dialog, outcome, now);
        }
        state.dialog = Some(dialog);
    } else if matches!(state.focus, Focus::Number | Focus::Find) {
        let action = state.settings.keymap.action(chord).filter(|_| allowed);
        if !on_field_key(state, snapshot, chord, action, now) {
            return None;
        }
    } else {
        if let Some(ask) = dtmf(state, snapshot, chord) {
            return Some(ask);
        }
        match chord.text() {
            Some(c) if c.is_ascii_digit() || matches!(c, '\u{ff10}'..='\u{ff19}') => {
                state.focus = Focus::Number;
                dial::insert(state, c);
                return None;
            }
            Some(c @ ('+' | '*' | '#')) if state.settings.keymap.action(chord).is_none() => {
                state.focus = Focus::Number;
                dial::insert(state, c);
                return None;
            }
            Some(_) | None => {}
        }
        if chord.code == KeyCode::Esc {
            let something = !state.find.value().is_empty() || state.flash.is_some();
            navigation::leave(state);
            // What stands there has been read, also what would stay until then.
            let told = snapshot.notices.iter().any(|n| !n.dismissed && n.at + state::toast_time(n, false) > now);
            return (told && !something).then_some(UiEffect::Send(Command::DismissNotices));
        }
        if chord.code == KeyCode::Backspace && !state.number.value().is_empty() {
            state.focus = Focus::Number;
            return None;
        }
    }
    let action = state.settings.keymap.action(chord).filter(|_| allowed)?;
    perform(state, snapshot, action, now)
}

/// As on a telephone: a digit in a conversation goes to the other end. It opens the keypad, which shows what was sent.
fn dtmf(state: &mut ViewState, snapshot: &Snapshot, chord: Chord) -> Option<UiEffect> {
    if !snapshot.can(Action::SendDtmf) {
        return None;
    }
    let digit = match chord.text()? {
        wide @ '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(wide) - 0xff10, 10)?,
        mark @ ('*' | '#') if state.settings.keymap.action(chord).is_none() => mark,
        digit if digit.is_ascii_digit() => digit,
        _ => return None,
    };
    state.dialog = Some(Dialog::Keypad(digit.to_string()));
    Some(UiEffect::Send(Command::SendDtmf { digits: digit.to_string() }))
}

/// A key while the number field or the search has the keyboard; whether it is still to be looked up as an action.
fn on_field_key(
    state: &mut ViewState,
    snapshot: &Snapshot,
    chord: Chord,
    action: Option<UiAction>,
    now: Instant,
) -> bool {
    let searching = state.focus == Focus::Find;
    match (chord.code, chord.text()) {
        (_, Some(c)) if !searching => dial::insert(state, c),
        (KeyCode::Esc, _) if searching => navigation::leave(state),
        (KeyCode::Esc, _) => state.focus = Focus::None,
        (KeyCode::Enter, _) if searching => navigation::step(state, snapshot, Step::Up),
        (KeyCode::Up, _) if !searching && chord.modifiers.is_empty() => dial::recall(state, snapshot, true, now),
        (KeyCode::Down, _) if state.recalled.is_some() && !searching => dial::recall(state, snapshot, false, now),
        (_, None) if action.is_some() => return true,
        _ => {
            // Cursor keys and editing chords; what changed is seen in the next frame.
            let field = if searching { &mut state.find } else { &mut state.number };
            if edit(field, chord) {
                if searching {
                    state.selected = 0;
                } else {
                    state.recalled = None;
                }
            }
        }
    }
    false
}

/// The mouse wheel was turned over something: the open dialog scrolls, else the panel under it, else the list.
pub fn on_wheel(state: &mut ViewState, snapshot: &Snapshot, under: Option<Target>, up: bool) {
    match state.dialog.take() {
        Some(mut dialog) => {
            dialog.scroll(&state.context(snapshot), up);
            state.dialog = Some(dialog);
        }
        None if matches!(under, Some(Target::Panel | Target::PanelNumber(_))) => panel_intents::scroll(state, up),
        None => navigation::step(state, snapshot, if up { Step::Up } else { Step::Down }),
    }
}

/// Something was clicked.
pub fn on_click(state: &mut ViewState, snapshot: &Snapshot, target: Target, now: Instant) -> Option<UiEffect> {
    match target {
        Target::Act(action) => perform(state, snapshot, action, now),
        Target::Row(index) if state.in_list() && state.selected == index => dial::dial(state, snapshot, now),
        Target::Row(index) => {
            state.focus = Focus::List;
            state.selected = index;
            None
        }
        Target::Field(index) => {
            let mut dialog = state.dialog.take()?;
            let outcome =
                if let Dialog::Duty(duty) = &mut dialog { duty.on_field(snapshot, index) } else { Outcome::Stay };
            apply_outcome(state, snapshot, dialog, outcome, now)
        }
        Target::Reminder(answer) => duty::answer(state, snapshot, answer, now),
        Target::Item(index) => {
            if let Some(Dialog::Duty(duty)) = &mut state.dialog
                && duty.on_offer(snapshot, index)
            {
                return None;
            }
            if let Some(Dialog::Devices(devices)) = &mut state.dialog {
                devices.list.selected = index;
                let choice = devices.items(snapshot).into_iter().nth(index).map(|item| item.choice)?;
                return choose(state, snapshot, choice, now);
            }
            let dialog = state.dialog.take()?;
            let chosen = match &dialog {
                Dialog::Pick(pick) => pick.rows(snapshot).into_iter().nth(index).map(|row| row.choice),
                Dialog::Busy(_)
                | Dialog::CallerId(_)
                | Dialog::Palette(_)
                | Dialog::Duty(_)
                | Dialog::Numbers(_)
                | Dialog::Devices(_)
                | Dialog::Help(_)
                | Dialog::Health(_)
                | Dialog::Keypad(_)
                | Dialog::Quality
                | Dialog::Question(_) => {
                    let item = dialog.items(&state.context(snapshot)).into_iter().nth(index);
                    item.filter(|item| item.enabled).map(|item| item.choice)
                }
            };
            match chosen {
                Some(choice) => choose(state, snapshot, choice, now),
                None => {
                    state.dialog = Some(dialog);
                    None
                }
            }
        }
        Target::Page(index) => {
            if let Some(Dialog::Pick(pick)) = &mut state.dialog {
                pick.open(index);
            }
            if let Some(Dialog::Devices(devices)) = &mut state.dialog
                && let Some(role) = DeviceRole::ALL.get(index)
            {
                devices.open(snapshot, *role);
            }
            None
        }
        Target::Answer(letter) => {
            let dialog = state.dialog.take()?;
            let Dialog::Question(question) = &dialog else { return None };
            let outcome = question.answered(&state.context(snapshot), letter);
            apply_outcome(state, snapshot, dialog, outcome, now)
        }
        Target::Window | Target::Panel => None,
        Target::PanelNumber(index) => {
            panel_intents::take_number(state, snapshot, index);
            None
        }
        Target::Around => {
            state.dialog = None;
            None
        }
        Target::Digit(digit) => {
            if let Some(Dialog::Keypad(sent)) = &mut state.dialog {
                keypad::note(sent, digit.encode_utf8(&mut [0; 4]));
            }
            choose(state, snapshot, Choice::Digit(digit), now)
        }
    }
}

/// Applies what a key or a click did to a dialog; `dialog` has been removed from the state.
fn apply_outcome(
    state: &mut ViewState,
    snapshot: &Snapshot,
    dialog: Dialog,
    outcome: Outcome,
    now: Instant,
) -> Option<UiEffect> {
    match outcome {
        Outcome::Close => None,
        Outcome::Do(choice) => choose(state, snapshot, choice, now),
        Outcome::Stay | Outcome::Pass => {
            state.dialog = Some(dialog);
            None
        }
        Outcome::DoAndStay(choice) => {
            state.dialog = Some(dialog);
            choose(state, snapshot, choice, now)
        }
    }
}
