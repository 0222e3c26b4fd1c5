//! The numbers that stand in the panel, or in what was pasted: Enter takes one into the number field, `y` copies it, Alt-Enter dials it.

use crossterm::event::{KeyCode, KeyModifiers};

use super::{Choice, Item, ListDialog, Outcome};
use crate::{
    app::Snapshot,
    i18n::Message,
    ui::{
        keys::Chord,
        state::{Pasted, ViewState},
        view,
    },
};

/// What becomes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberUse {
    /// Into the number field.
    Take,
    /// To the clipboard.
    Copy,
    /// It is called.
    Dial,
}

/// The numbers, each with what stands beside it.
pub fn items(state: &ViewState, snapshot: &Snapshot) -> Vec<Item> {
    if !state.pasted.is_empty() {
        return state.pasted.iter().map(|pasted| pasted_item(snapshot, pasted)).collect();
    }
    let document = view::panel_document(state, snapshot);
    let item = |number: &crate::ui::rich::Number| Item {
        label: number.dial.clone(),
        remark: if number.context == number.dial { String::new() } else { number.context.clone() },
        enabled: true,
        current: false,
        choice: Choice::Number(NumberUse::Take, number.dial.clone()),
    };
    document.numbers.iter().map(item).collect()
}

fn pasted_item(snapshot: &Snapshot, pasted: &Pasted) -> Item {
    let extension = |digits| Message::new("ui.extension").with("extension", digits).render(snapshot.locale);
    Item {
        label: pasted.number.clone(),
        remark: pasted.extension.as_ref().map(extension).unwrap_or_default(),
        enabled: true,
        current: false,
        choice: Choice::Number(NumberUse::Take, pasted.number.clone()),
    }
}

/// `y` copies while nothing is typed to filter by, Alt-y always.
pub fn on_key(list: &mut ListDialog, items: &[Item], chord: Chord) -> Outcome {
    let alt = chord.modifiers.contains(KeyModifiers::ALT);
    let copies = alt || (chord.is_text() && list.filter.value().is_empty());
    let wanted = if chord.code == KeyCode::Char('y') && copies {
        NumberUse::Copy
    } else if chord.code == KeyCode::Enter && alt {
        NumberUse::Dial
    } else {
        return list.on_key(items, chord);
    };
    match items.get(list.selected.min(items.len().saturating_sub(1))).map(|item| &item.choice) {
        Some(Choice::Number(_, number)) => Outcome::Do(Choice::Number(wanted, number.clone())),
        Some(_) | None => Outcome::Stay,
    }
}
