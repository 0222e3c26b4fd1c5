//! Keys in the dialog of consulting, transferring and listening.

use crossterm::event::{KeyCode, KeyModifiers};

use super::{
    choice::Outcome,
    list::Steered,
    pick::{Page, Pick, PickRow},
    pick_rows,
};
use crate::{
    app::Snapshot,
    ui::keys::{Chord, edit},
};

impl Pick {
    /// The lines of the open page that fit what is typed.
    pub fn rows(&self, snapshot: &Snapshot) -> Vec<PickRow> {
        pick_rows::rows(self, snapshot)
    }

    /// Turns pages, filters, chooses.
    #[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
    pub fn on_key(&mut self, snapshot: &Snapshot, chord: Chord) -> Outcome {
        let plain = chord.modifiers.is_empty();
        match chord.code {
            KeyCode::Tab | KeyCode::BackTab => {
                self.turn(chord.code == KeyCode::BackTab);
                return Outcome::Stay;
            }
            // With something typed they move in it.
            KeyCode::Left | KeyCode::Right if plain && self.field_mut().value().is_empty() => {
                self.turn(chord.code == KeyCode::Left);
                return Outcome::Stay;
            }
            KeyCode::Up | KeyCode::Down if self.page == Page::Ivr => {
                self.in_node = !self.in_node;
                return Outcome::Stay;
            }
            KeyCode::Enter if self.page == Page::Ivr && !self.in_node && !self.list.filter.value().is_empty() => {
                self.in_node = true;
                // With both filled in, Enter has nothing more to ask for.
                if self.rows(snapshot).is_empty() {
                    return Outcome::Stay;
                }
            }
            _ => {}
        }
        if self.page == Page::Ivr && self.in_node && is_edit(chord) {
            edit(&mut self.node, chord);
            return Outcome::Stay;
        }
        let rows = self.rows(snapshot);
        match self.list.steer(rows.len(), chord) {
            Steered::Chosen(index) => match rows.into_iter().nth(index) {
                Some(row) => Outcome::Do(row.choice),
                None => Outcome::Stay,
            },
            Steered::Closed => Outcome::Close,
            Steered::Passed => Outcome::Pass,
            Steered::Moved => Outcome::Stay,
        }
    }
}

/// Whether a key writes in a field or moves in it.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
fn is_edit(chord: Chord) -> bool {
    match chord.code {
        KeyCode::Char('c') if chord.modifiers.contains(KeyModifiers::CONTROL) => false,
        KeyCode::Char(_) => !chord.modifiers.contains(KeyModifiers::ALT),
        KeyCode::Backspace | KeyCode::Delete | KeyCode::Left | KeyCode::Right | KeyCode::Home | KeyCode::End => true,
        _ => false,
    }
}
