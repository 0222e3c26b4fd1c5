//! Questions before something that hurts: quitting in a call, signing out, taking over a sign-in elsewhere.

use crossterm::event::KeyCode;

use super::{Choice, Outcome};
use crate::ui::keys::Chord;

/// A question to answer with `y` or `n`; Enter answers nothing, so that no reflex does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Hang up and quit?
    Quit,
    /// Sign out?
    SignOut,
    /// The agent is signed in elsewhere: take over?
    TakeOver,
}

impl Question {
    /// Catalogue key of the question.
    pub fn text(self) -> &'static str {
        match self {
            Question::Quit => "ui.ask_quit",
            Question::SignOut => "ui.ask_sign_out",
            Question::TakeOver => "ui.ask_take_over",
        }
    }

    /// Catalogue key of what "yes" does.
    pub fn yes(self) -> &'static str {
        match self {
            Question::Quit => "ui.yes_quit",
            Question::SignOut => "ui.yes_sign_out",
            Question::TakeOver => "ui.yes_take_over",
        }
    }

    /// `y` is yes, `n` and Esc are no; function keys and Alt chords go through.
    pub fn on_key(self, chord: Chord) -> Outcome {
        let chord = chord.on_latin();
        match (chord.code, chord.text()) {
            (KeyCode::Esc, _) | (_, Some('n' | 'N')) => Outcome::Close,
            (_, Some('y' | 'Y')) => Outcome::Do(Choice::Yes(self)),
            (KeyCode::F(_), _) => Outcome::Pass,
            (KeyCode::Char(_), None) => Outcome::Pass,
            _ => Outcome::Stay,
        }
    }
}
