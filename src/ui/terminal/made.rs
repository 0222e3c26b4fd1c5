//! Events as they are made of what a terminal sent.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

/// The byte that begins a sequence.
pub(super) const ESC: u8 = 0x1b;

/// How a sequence began, which tells what it is if nothing follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// `ESC` and a letter: with Alt, if it is a chord.
    Escape,
    /// `ESC ESC` and a letter: Alt and the key of the sequence.
    Alt,
    /// The ESC was given as a key already; the letter alone is left.
    Late,
    /// The letter was given as a key already as well; what follows belongs to neither.
    Given,
    /// One byte of eight bits.
    EightBit,
}

impl Opening {
    /// Whether what began so may have been a chord, if nothing follows.
    pub(super) fn is_chord(self) -> bool {
        matches!(self, Self::Escape | Self::Alt | Self::Late)
    }
}

/// What was pasted.
pub(super) fn pasted(text: &[u8]) -> Event {
    Event::Paste(String::from_utf8_lossy(text).into_owned())
}

/// A key.
pub(super) fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

/// A character as typed.
pub(super) fn character(c: char, alt: bool) -> Event {
    let mut modifiers = if alt { KeyModifiers::ALT } else { KeyModifiers::NONE };
    modifiers.set(KeyModifiers::SHIFT, c.is_uppercase());
    key(KeyCode::Char(c), modifiers)
}

/// A control character: the keys that have one, else Ctrl and a letter.
pub(super) fn control(byte: u8, modifiers: KeyModifiers) -> Event {
    match byte {
        b'\r' => key(KeyCode::Enter, modifiers),
        b'\t' => key(KeyCode::Tab, modifiers),
        0x7f => key(KeyCode::Backspace, modifiers),
        0 => key(KeyCode::Char(' '), modifiers | KeyModifiers::CONTROL),
        0x01..=0x1a => key(KeyCode::Char(char::from(byte - 1 + b'a')), modifiers | KeyModifiers::CONTROL),
        _ => key(KeyCode::Char(char::from((byte & 0x1f).wrapping_sub(0x1c) + b'4')), modifiers | KeyModifiers::CONTROL),
    }
}

/// A letter that could have begun a sequence and did not.
pub(super) fn chord(letter: char, opening: Opening, events: &mut Vec<Event>) {
    match opening {
        Opening::Escape => events.push(character(letter, true)),
        Opening::Alt => {
            events.push(key(KeyCode::Esc, KeyModifiers::NONE));
            events.push(character(letter, true));
        }
        Opening::Late => events.push(character(letter, false)),
        Opening::EightBit | Opening::Given => {}
    }
}

/// What a sequence means after its opening; nothing, if that was given as a key already.
pub(super) fn opened_by(mut event: Event, opening: Opening) -> Option<Event> {
    match (&mut event, opening) {
        (_, Opening::Given) => return None,
        (Event::Key(key), Opening::Alt) => key.modifiers |= KeyModifiers::ALT,
        (_, Opening::Escape | Opening::Alt | Opening::Late | Opening::EightBit) => {}
    }
    Some(event)
}

/// Whether this is what a single key sends: a character, or a sequence.
pub(super) fn is_one_key(bytes: &[u8]) -> bool {
    matches!(bytes, [_] | [ESC, ..]) || std::str::from_utf8(bytes).is_ok_and(|text| text.chars().count() == 1)
}
