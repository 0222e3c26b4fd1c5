//! Numbers on their way to the number field: pasted ones, their extensions, and why one cannot be dialled.

use crate::{
    app::{Action, Snapshot},
    domain::{Direction, NumberError},
    i18n::Message,
};

/// Most characters the number field takes.
pub const NUMBER_MAX: usize = 48;

/// A number of what was pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pasted {
    /// The number.
    pub number: String,
    /// The extension behind it.
    pub extension: Option<String>,
}

/// An extension that is to be sent when the number behind which it stood has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The number.
    pub number: String,
    /// Its digits.
    pub digits: String,
    /// The number has been dialled.
    pub dialled: bool,
}

impl Extension {
    /// The digits, while they can be sent: in an outgoing call, after its number has been dialled.
    pub fn offered(&self, snapshot: &Snapshot) -> Option<&str> {
        let outgoing = snapshot.call.direction == Some(Direction::Out) && snapshot.can(Action::SendDtmf);
        (self.dialled && outgoing).then_some(self.digits.as_str())
    }
}

/// Why a number cannot be dialled, for a person.
pub fn number_error(error: &NumberError) -> Message {
    match error {
        NumberError::Empty => Message::new("ui.number_empty"),
        NumberError::BadCharacter(c) => Message::new("ui.number_bad_character").with("character", c),
        NumberError::TooLong(digits) => Message::new("ui.number_too_long").with("digits", digits),
        NumberError::Several(first) => Message::new("app.number_several").with("number", first),
    }
}
