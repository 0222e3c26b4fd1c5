//! The busy menu: the platform's reasons, by number key or by typing.

use super::{Choice, Item, ListDialog, Outcome};
use crate::{app::Snapshot, ui::keys::Chord};

/// The platform's reasons, each with its number key.
pub fn items(snapshot: &Snapshot) -> Vec<Item> {
    let now = snapshot.agent.reason.as_ref().map(|reason| reason.id);
    let item = |(index, reason): (usize, &crate::domain::BusyReason)| Item {
        label: reason.name.clone(),
        remark: if index < 9 { (index + 1).to_string() } else { String::new() },
        enabled: true,
        current: now == Some(reason.id),
        choice: Choice::Busy(Some(reason.id)),
    };
    snapshot.busy_reasons.iter().enumerate().map(item).collect()
}

/// A number key chooses at once; the rest is the list's.
pub fn on_key(list: &mut ListDialog, items: &[Item], chord: Chord) -> Outcome {
    if let Some(digit) = chord.text().filter(char::is_ascii_digit) {
        let wanted = digit.to_string();
        return items
            .iter()
            .find(|item| item.remark == wanted)
            .map_or(Outcome::Stay, |item| Outcome::Do(item.choice.clone()));
    }
    list.on_key(items, chord)
}
