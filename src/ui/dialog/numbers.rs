//! The numbers that stand in the panel, or in what was pasted: Enter takes one into the number field, `y` copies it, Alt-Enter dials it.

use crossterm::event::{KeyCode, KeyModifiers};

use super::{Choice, Context, Item, ListDialog, NumberUse, Outcome};
use crate::{
    app::Snapshot,
    i18n::Message,
    ui::{keys::Chord, number::Pasted, panel_document},
};

/// The open dialog.
#[derive(Clone, Debug, Default)]
pub struct NumbersDialog {
    /// Filter and selection.
    pub list: ListDialog,
    /// The numbers of what was pasted; empty for those of the panel.
    pub pasted: Vec<Pasted>,
}

impl NumbersDialog {
    /// The numbers that fit what is typed.
    pub fn items(&self, context: &Context<'_>) -> Vec<Item> {
        self.list.filtered(if self.pasted.is_empty() {
            of_panel(context)
        } else {
            self.pasted.iter().map(|pasted| pasted_item(context.snapshot, pasted)).collect()
        })
    }

    /// `y` copies while nothing is typed to filter by, Alt-y always; Alt-Enter dials.
    pub fn on_key(&mut self, context: &Context<'_>, chord: Chord) -> Outcome {
        let items = self.items(context);
        let alt = chord.modifiers.contains(KeyModifiers::ALT);
        let copies = alt || (chord.is_text() && self.list.filter.value().is_empty());
        let wanted = if chord.code == KeyCode::Char('y') && copies {
            NumberUse::Copy
        } else if chord.code == KeyCode::Enter && alt {
            NumberUse::Dial
        } else {
            return self.list.on_key(&items, chord);
        };
        match items.get(self.list.selected.min(items.len().saturating_sub(1))).map(|item| &item.choice) {
            Some(Choice::Number(_, number) | Choice::Pasted(Pasted { number, .. })) => {
                Outcome::Do(Choice::Number(wanted, number.clone()))
            }
            Some(_) | None => Outcome::Stay,
        }
    }
}

/// The panel's numbers, each with its context.
fn of_panel(context: &Context<'_>) -> Vec<Item> {
    let document = panel_document::document(context.panel_reader, context.snapshot);
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
        choice: Choice::Pasted(pasted.clone()),
    }
}
