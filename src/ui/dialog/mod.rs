//! Dialogs: what is open over the screen and what keys do to it. Esc always goes back and never ends a call; a ringing
//! call is answered through any of them with Alt or function keys.

pub mod busy;
pub mod caller_id;
pub mod help;
pub mod keypad;
pub mod list;
pub mod numbers;
pub mod palette;
pub mod question;

pub use list::{Item, ListDialog};
pub use numbers::NumberUse;
pub use question::Question;

use super::{input::UiAction, keys::Chord, state::ViewState};
use crate::app::Snapshot;

/// An open dialog.
#[derive(Clone, Debug)]
pub enum Dialog {
    /// Busy reasons.
    Busy(ListDialog),
    /// Caller IDs.
    CallerId(ListDialog),
    /// Everything that can be done.
    Palette(ListDialog),
    /// The keys; first line shown.
    Help(u16),
    /// Keypad digits sent so far.
    Keypad(String),
    /// A question to answer with yes or no.
    Question(Question),
    /// Numbers of the panel.
    Numbers(ListDialog),
}

/// What was decided in a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Go busy with this reason's number.
    Busy(Option<i64>),
    /// Show this caller ID.
    CallerId(String),
    /// Do this.
    Act(UiAction),
    /// Send this keypad digit.
    Digit(char),
    /// The question is answered with yes.
    Yes(Question),
    /// Do this with a number of the panel.
    Number(NumberUse, String),
}

/// What a key did to a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stays open.
    Stay,
    /// It is gone.
    Close,
    /// It is gone, and this is to be done.
    Do(Choice),
    /// It stays, and this is to be done.
    DoAndStay(Choice),
    /// The key is not its business.
    Pass,
}

impl Dialog {
    /// Whether letters are text in it.
    pub fn takes_text(&self) -> bool {
        matches!(self, Dialog::Busy(_) | Dialog::CallerId(_) | Dialog::Palette(_) | Dialog::Numbers(_))
    }

    /// The list of a list dialog.
    pub fn list_mut(&mut self) -> Option<&mut ListDialog> {
        match self {
            Dialog::Busy(list) | Dialog::CallerId(list) | Dialog::Palette(list) | Dialog::Numbers(list) => Some(list),
            Dialog::Help(_) | Dialog::Keypad(_) | Dialog::Question(_) => None,
        }
    }

    /// What a list dialog offers, filtered by what was typed.
    pub fn items(&self, state: &ViewState, snapshot: &Snapshot) -> Vec<Item> {
        match self {
            Dialog::Busy(list) => list.filtered(busy::items(snapshot)),
            Dialog::CallerId(list) => list.filtered(caller_id::items(snapshot)),
            Dialog::Palette(list) => list.filtered(palette::items(state, snapshot)),
            Dialog::Numbers(list) => list.filtered(numbers::items(state, snapshot)),
            Dialog::Help(_) | Dialog::Keypad(_) | Dialog::Question(_) => Vec::new(),
        }
    }
}

/// Gives a key to the open dialog.
pub fn on_key(dialog: &mut Dialog, state: &ViewState, snapshot: &Snapshot, chord: Chord) -> Outcome {
    let items = dialog.items(state, snapshot);
    match dialog {
        Dialog::Busy(list) => busy::on_key(list, &items, chord),
        Dialog::CallerId(list) | Dialog::Palette(list) => list.on_key(&items, chord),
        Dialog::Help(scroll) => help::on_key(scroll, state, chord),
        Dialog::Keypad(sent) => keypad::on_key(sent, state, chord),
        Dialog::Question(question) => question.on_key(chord),
        Dialog::Numbers(list) => numbers::on_key(list, &items, chord),
    }
}
