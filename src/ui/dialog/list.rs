//! A list with type-to-filter: the ground of the busy menu, the caller IDs and the palette.

use crossterm::event::{KeyCode, KeyModifiers};
use tui_input::Input;

use super::{Choice, Outcome};
use crate::ui::keys::{Chord, edit};

/// Lines a page key moves by.
const PAGE: usize = 8;

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is read and filtered by.
    pub label: String,
    /// A quiet remark at the right: a key, a value, or why it is not possible.
    pub remark: String,
    /// It can be chosen.
    pub enabled: bool,
    /// It is what holds now.
    pub current: bool,
    /// What choosing it means.
    pub choice: Choice,
}

/// What a key did to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steered {
    /// It moved or filtered.
    Moved,
    /// The line in this place is chosen.
    Chosen(usize),
    /// The list is to be closed.
    Closed,
    /// The key is not its business.
    Passed,
}

/// Filter and selection of a list.
#[derive(Clone, Debug, Default)]
pub struct ListDialog {
    /// What has been typed.
    pub filter: Input,
    /// Which of the filtered lines is selected.
    pub selected: usize,
}

impl ListDialog {
    /// The items whose label or remark holds every word typed, in any case.
    pub fn filtered(&self, items: Vec<Item>) -> Vec<Item> {
        let filter = self.filter.value().to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let matches = |item: &Item| {
            let text = format!("{} {}", item.label, item.remark).to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        items.into_iter().filter(matches).collect()
    }

    /// Moves, filters, chooses.
    pub fn on_key(&mut self, items: &[Item], chord: Chord) -> Outcome {
        match self.steer(items.len(), chord) {
            Steered::Chosen(index) => self.choose(items, index),
            Steered::Closed => Outcome::Close,
            Steered::Passed => Outcome::Pass,
            Steered::Moved => Outcome::Stay,
        }
    }

    /// What a key means in a list of so many lines, whatever they are.
    #[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
    pub fn steer(&mut self, lines: usize, chord: Chord) -> Steered {
        let last = lines.saturating_sub(1);
        self.selected = self.selected.min(last);
        let control = chord.modifiers.contains(KeyModifiers::CONTROL);
        match chord.code {
            KeyCode::Esc => return Steered::Closed,
            KeyCode::Enter => return Steered::Chosen(self.selected),
            KeyCode::Up => self.selected = self.selected.checked_sub(1).unwrap_or(last),
            KeyCode::Down => self.selected = if self.selected >= last { 0 } else { self.selected + 1 },
            KeyCode::Char('p') if control => self.selected = self.selected.checked_sub(1).unwrap_or(last),
            KeyCode::Char('n') if control => self.selected = if self.selected >= last { 0 } else { self.selected + 1 },
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(PAGE),
            KeyCode::PageDown => self.selected = (self.selected + PAGE).min(last),
            KeyCode::Home => self.selected = 0,
            KeyCode::End => self.selected = last,
            KeyCode::Char('c') if control => return Steered::Closed,
            KeyCode::Char(_) if !chord.is_text() && !control => return Steered::Passed,
            KeyCode::F(_) => return Steered::Passed,
            _ => {
                if edit(&mut self.filter, chord) {
                    self.selected = 0;
                }
            }
        }
        Steered::Moved
    }

    /// The mouse wheel: a line up or down, not beyond the ends.
    pub fn scroll(&mut self, lines: usize, up: bool) {
        let next = if up { self.selected.saturating_sub(1) } else { self.selected.saturating_add(1) };
        self.selected = next.min(lines.saturating_sub(1));
    }

    /// Chooses a line; one that is not possible, or not there, is not chosen.
    pub fn choose(&self, items: &[Item], index: usize) -> Outcome {
        match items.get(index) {
            Some(item) if item.enabled => Outcome::Do(item.choice.clone()),
            Some(_) | None => Outcome::Stay,
        }
    }
}
