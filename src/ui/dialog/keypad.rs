//! The keypad: every key is sent at once, in order, none lost (the platform's queue paces them).

use crossterm::event::KeyCode;

use super::{Choice, Context, Outcome};
use crate::ui::{input::UiAction, keys::Chord};

/// The keys as they lie on a telephone.
pub const KEYS: [[char; 3]; 4] = [['1', '2', '3'], ['4', '5', '6'], ['7', '8', '9'], ['*', '0', '#']];

/// Digits shown as sent; older ones scroll out.
const SHOWN: usize = 24;

/// Notes digits that are sent.
pub fn note(sent: &mut String, digits: &str) {
    sent.push_str(digits);
    let over = sent.chars().count().saturating_sub(SHOWN);
    *sent = sent.chars().skip(over).collect();
}

/// Digits, `*`, `#` and A to D are sent, with Enter the extension that came with the number; other keys are not
/// handled.
pub fn on_key(sent: &mut String, context: &Context<'_>, chord: Chord) -> Outcome {
    let chord = chord.on_latin();
    if chord.code == KeyCode::Esc || context.settings.keymap.action(chord) == Some(UiAction::Keypad) {
        return Outcome::Close;
    }
    if chord.code == KeyCode::Enter
        && sent.is_empty()
        && let Some(extension) = context.extension
    {
        note(sent, extension);
        return Outcome::DoAndStay(Choice::Extension(extension.to_owned()));
    }
    match chord.text() {
        Some(digit @ ('0'..='9' | '*' | '#' | 'A'..='D')) => {
            note(sent, digit.encode_utf8(&mut [0; 4]));
            Outcome::DoAndStay(Choice::Digit(digit))
        }
        Some(_) | None => Outcome::Pass,
    }
}
