//! Questions before something that hurts: quitting in a call, signing out, taking over a sign-in elsewhere, tearing
//! somebody's call down, taking a customer out of the queue.

use crossterm::event::KeyCode;
use serde_json::{Map, Value};

use super::{Choice, Outcome};
use crate::{i18n::Message, ui::keys::Chord};

/// A question to answer with `y` or `n`; Enter answers nothing, so that no reflex does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Hang up and quit?
    Quit,
    /// Sign out?
    SignOut,
    /// The agent is signed in elsewhere: take over?
    TakeOver,
    /// Tear the monitored call down?
    Disconnect {
        /// The monitored agent, as shown.
        who: String,
    },
    /// Take a customer out of the queue?
    TakeFromQueue {
        /// The customer's number, to see whether the customer still waits.
        number: String,
        /// The customer, as shown.
        who: String,
        /// The queue's row, as it came.
        fields: Map<String, Value>,
    },
}

impl Question {
    /// The question.
    pub fn text(&self) -> Message {
        match self {
            Question::Quit => Message::new("ui.ask_quit"),
            Question::SignOut => Message::new("ui.ask_sign_out"),
            Question::TakeOver => Message::new("ui.ask_take_over"),
            Question::Disconnect { who } => Message::new("ui.ask_disconnect").with("who", who),
            Question::TakeFromQueue { who, .. } => Message::new("ui.ask_take").with("who", who),
        }
    }

    /// Catalogue key of what "yes" does.
    pub fn yes(&self) -> &'static str {
        match self {
            Question::Quit => "ui.yes_quit",
            Question::SignOut => "ui.yes_sign_out",
            Question::TakeOver => "ui.yes_take_over",
            Question::Disconnect { .. } => "ui.yes_disconnect",
            Question::TakeFromQueue { .. } => "ui.yes_take",
        }
    }

    /// `y` is yes, `n` and Esc are no; function keys and Alt chords go through.
    pub fn on_key(&self, chord: Chord) -> Outcome {
        let chord = chord.on_latin();
        match (chord.code, chord.text()) {
            (KeyCode::Esc, _) | (_, Some('n' | 'N')) => Outcome::Close,
            (_, Some('y' | 'Y')) => Outcome::Do(Choice::Yes(self.clone())),
            (KeyCode::F(_), _) => Outcome::Pass,
            (KeyCode::Char(_), None) => Outcome::Pass,
            _ => Outcome::Stay,
        }
    }
}
