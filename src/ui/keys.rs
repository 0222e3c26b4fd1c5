//! One key or chord: read from an event, read from the config file, written for a person.

use std::{fmt, str::FromStr};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, backend::crossterm::EventHandler};

/// A key with what is held down beside it, in one normal form so that it can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    /// The key; letters as typed, so `A` is shift and a.
    pub code: KeyCode,
    /// Ctrl, Alt, and for keys that are no characters also Shift.
    pub modifiers: KeyModifiers,
}

/// Letters on the keys where other layouts have their own: Russian, Ukrainian, Greek, Hebrew. The same physical key
/// then does the same, whatever the layout.
const OTHER_LAYOUTS: [(&str, &str); 3] = [
    ("йцукенгшщзфывапролдячсмитьіє", "qwertyuiopasdfghjklzxcvbnmss"),
    ("ςερτυθιοπασδφγηξκλζχψωβνμ", "wertyuiopasdfghjklzxcvbnm"),
    ("קראטוןםפשדגכעיחלזסבהנמצ", "ertyuiopasdfghjklzxcbnm"),
];

/// A character as the Latin layout has it: other layouts by their place, full-width forms as an input method writes
/// them by what they mean. Only for looking keys up, never for text.
fn latin(c: char) -> char {
    if matches!(c, '\u{ff01}'..='\u{ff5e}') {
        return char::from_u32(c as u32 - 0xfee0).unwrap_or(c);
    }
    if c == '、' {
        return '/';
    }
    let lower = c.to_lowercase().next().unwrap_or(c);
    for (other, ours) in OTHER_LAYOUTS {
        if let Some(found) = other.chars().zip(ours.chars()).find(|(o, _)| *o == lower).map(|(_, l)| l) {
            return if lower == c { found } else { found.to_ascii_uppercase() };
        }
    }
    c
}

impl Chord {
    /// A key with modifiers, in normal form.
    #[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
    pub fn new(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let mut modifiers = modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let code = match code {
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => KeyCode::Char(c.to_ascii_lowercase()),
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::SHIFT) => KeyCode::Char(c.to_ascii_uppercase()),
            KeyCode::Tab if modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            other => other,
        };
        if matches!(code, KeyCode::Char(_) | KeyCode::BackTab) {
            modifiers.remove(KeyModifiers::SHIFT);
        }
        Self { code, modifiers }
    }

    /// The chord of a key event.
    pub fn of(event: &KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }

    /// The same chord on a Latin layout.
    pub fn on_latin(self) -> Self {
        if let KeyCode::Char(c) = self.code { Self { code: KeyCode::Char(latin(c)), ..self } } else { self }
    }

    /// Whether a text field takes it: a character without Ctrl or Alt.
    pub fn is_text(self) -> bool {
        matches!(self.code, KeyCode::Char(_)) && !self.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
    }

    /// The character a text field takes.
    pub fn text(self) -> Option<char> {
        if let (KeyCode::Char(c), true) = (self.code, self.is_text()) { Some(c) } else { None }
    }
}

/// Edits a text field with a key; whether its text has changed. Ctrl and Alt together edit nothing: `tui_input` takes them
/// for AltGr and inserts the letter, but a terminal sends the character that AltGr makes.
pub fn edit(field: &mut Input, chord: Chord) -> bool {
    if chord.modifiers.contains(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return false;
    }
    let event = Event::Key(KeyEvent::new(chord.code, chord.modifiers));
    field.handle_event(&event).is_some_and(|changed| changed.value)
}

/// A key name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a key")]
pub struct NotAKey(pub String);

impl FromStr for Chord {
    type Err = NotAKey;

    /// Reads `a`, `A`, `ctrl-g`, `alt-a`, `shift-tab`, `f5`, `space`, `enter`, `esc`, `pageup` and so on.
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bad = || NotAKey(text.to_owned());
        let mut rest = text;
        let mut modifiers = KeyModifiers::NONE;
        loop {
            let lower = rest.to_ascii_lowercase();
            let taken = [
                ("ctrl-", KeyModifiers::CONTROL),
                ("control-", KeyModifiers::CONTROL),
                ("alt-", KeyModifiers::ALT),
                ("shift-", KeyModifiers::SHIFT),
            ]
            .into_iter()
            .find(|(prefix, _)| lower.starts_with(prefix) && lower.len() > prefix.len());
            let Some((prefix, modifier)) = taken else { break };
            modifiers |= modifier;
            rest = rest.get(prefix.len()..).ok_or_else(bad)?;
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() => KeyCode::Char(c),
            _ => named(&rest.to_ascii_lowercase()).ok_or_else(bad)?,
        };
        Ok(Self::new(code, modifiers))
    }
}

fn named(name: &str) -> Option<KeyCode> {
    if let Some(number) = name.strip_prefix('f').and_then(|n| n.parse::<u8>().ok()) {
        return (1..=24).contains(&number).then_some(KeyCode::F(number));
    }
    Some(match name {
        "space" => KeyCode::Char(' '),
        "enter" | "return" => KeyCode::Enter,
        "esc" | "escape" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "backspace" => KeyCode::Backspace,
        "delete" | "del" => KeyCode::Delete,
        "insert" => KeyCode::Insert,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pageup" | "pgup" => KeyCode::PageUp,
        "pagedown" | "pgdn" => KeyCode::PageDown,
        _ => return None,
    })
}

impl fmt::Display for Chord {
    /// As a person reads it: `a`, `^C`, `Alt-a`, `F5`, `Enter`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("^")?;
        }
        if self.modifiers.contains(KeyModifiers::ALT) {
            f.write_str("Alt-")?;
        }
        if self.modifiers.contains(KeyModifiers::SHIFT) {
            f.write_str("Shift-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) if self.modifiers.contains(KeyModifiers::CONTROL) => {
                write!(f, "{}", c.to_ascii_uppercase())
            }
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "F{n}"),
            KeyCode::BackTab => f.write_str("Shift-Tab"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            other => write!(f, "{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_names_are_read_and_written() {
        for (name, shown) in [
            ("a", "a"),
            ("A", "A"),
            ("shift-a", "A"),
            ("ctrl-g", "^G"),
            ("Ctrl-G", "^G"),
            ("alt-a", "Alt-a"),
            ("f5", "F5"),
            ("F12", "F12"),
            ("space", "Space"),
            ("enter", "Enter"),
            ("shift-tab", "Shift-Tab"),
            ("pgup", "PgUp"),
            ("-", "-"),
            ("ctrl--", "^-"),
            ("?", "?"),
            (":", ":"),
        ] {
            assert_eq!(name.parse::<Chord>().map(|c| c.to_string()).as_deref(), Ok(shown), "{name}");
        }
        for name in ["", "f0", "f99", "hyper-a", "ctrl-", "ab", "\u{1b}"] {
            assert!(name.parse::<Chord>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn events_and_names_meet_in_one_form() {
        let event = |code, modifiers| Chord::of(&KeyEvent::new(code, modifiers));
        assert_eq!(event(KeyCode::Char('A'), KeyModifiers::SHIFT), "A".parse().unwrap());
        assert_eq!(event(KeyCode::Char('?'), KeyModifiers::SHIFT), "?".parse().unwrap());
        assert_eq!(event(KeyCode::Char('c'), KeyModifiers::CONTROL), "ctrl-c".parse().unwrap());
        assert_eq!(event(KeyCode::BackTab, KeyModifiers::SHIFT), "shift-tab".parse().unwrap());
    }

    #[test]
    fn ctrl_and_alt_together_edit_nothing() {
        let mut field = Input::from("138");
        let both = KeyModifiers::CONTROL | KeyModifiers::ALT;
        assert!(!edit(&mut field, Chord { code: KeyCode::Char('u'), modifiers: both }));
        assert_eq!(field.value(), "138");
        assert!(edit(&mut field, Chord { code: KeyCode::Char('u'), modifiers: KeyModifiers::CONTROL }));
        assert_eq!(field.value(), "");
    }

    #[test]
    fn other_layouts_and_input_methods_reach_the_same_keys() {
        let latin = |c: char| Chord::new(KeyCode::Char(c), KeyModifiers::NONE).on_latin().text();
        assert_eq!(latin('ф'), Some('a'));
        assert_eq!(latin('Ф'), Some('A'));
        assert_eq!(latin('р'), Some('h'));
        assert_eq!(latin('？'), Some('?'));
        assert_eq!(latin('：'), Some(':'));
        assert_eq!(latin('α'), Some('a'));
        assert_eq!(latin('ש'), Some('a'));
        assert_eq!(latin('张'), Some('张'));
    }
}
