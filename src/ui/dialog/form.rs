//! What forms have in common: a step from field to field, and what a key means whatever the form.

use crossterm::event::{KeyCode, KeyModifiers};

use crate::ui::keys::Chord;

/// What a key means in a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormKey {
    /// The form is to be closed.
    Close,
    /// To the next field.
    Next,
    /// To the field before.
    Back,
    /// Done with this field.
    Enter,
    /// Up.
    Up,
    /// Down.
    Down,
    /// Not the form's business.
    Pass,
    /// An edit of the field.
    Edit,
}

impl FormKey {
    /// What a key means.
    #[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys that edit")]
    pub fn of(chord: Chord) -> Self {
        let control = chord.modifiers.contains(KeyModifiers::CONTROL);
        match chord.code {
            KeyCode::Esc => FormKey::Close,
            KeyCode::Char('c') if control => FormKey::Close,
            KeyCode::Tab => FormKey::Next,
            KeyCode::BackTab => FormKey::Back,
            KeyCode::Enter => FormKey::Enter,
            KeyCode::Up => FormKey::Up,
            KeyCode::Down => FormKey::Down,
            KeyCode::F(_) => FormKey::Pass,
            KeyCode::Char(_) if chord.modifiers.contains(KeyModifiers::ALT) => FormKey::Pass,
            _ => FormKey::Edit,
        }
    }
}

/// The field so many steps on, around.
pub fn step<F: Copy + PartialEq>(all: &[F], at: F, back: bool) -> F {
    let here = all.iter().position(|field| *field == at).unwrap_or(0);
    let by = if back { all.len().saturating_sub(1) } else { 1 };
    all.get((here + by) % all.len().max(1)).copied().unwrap_or(at)
}
