//! The keypad: every key is sent at once, in order, none lost (the platform's queue paces them).

use crossterm::event::KeyCode;

use super::{Choice, Outcome};
use crate::ui::{input::UiAction, keys::Chord, state::ViewState};

/// The keys as they lie on a telephone.
pub const KEYS: [[char; 3]; 4] = [['1', '2', '3'], ['4', '5', '6'], ['7', '8', '9'], ['*', '0', '#']];

/// Digits shown as sent; older ones scroll out.
const SHOWN: usize = 24;

/// Digits, `*`, `#` and A to D are sent; other keys are not its business.
pub fn on_key(sent: &mut String, state: &ViewState, chord: Chord) -> Outcome {
    let chord = chord.on_latin();
    if chord.code == KeyCode::Esc || state.keymap.action(chord) == Some(UiAction::Keypad) {
        return Outcome::Close;
    }
    match chord.text() {
        Some(digit @ ('0'..='9' | '*' | '#' | 'A'..='D')) => {
            sent.push(digit);
            if sent.len() > SHOWN {
                sent.remove(0);
            }
            Outcome::DoAndStay(Choice::Digit(digit))
        }
        Some(_) | None => Outcome::Pass,
    }
}
