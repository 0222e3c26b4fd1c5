//! The busy menu: the platform's reasons, by number key or by typing. During a call it says what comes after it.

use super::{Choice, Item, ListDialog, Outcome};
use crate::{
    app::{Snapshot, Wanted},
    i18n::{self, Message},
    ui::keys::Chord,
};

/// The platform's reasons, each with its number key; with a wish for after the call, the way to take it back.
pub fn items(snapshot: &Snapshot) -> Vec<Item> {
    let wish = match &snapshot.after_call {
        Some(Wanted::Busy(reason)) => Some(reason.as_ref().map(|reason| reason.id)),
        Some(Wanted::Ready) | None => None,
    };
    let live = snapshot.call.phase.is_live();
    let now = if live { wish.flatten() } else { snapshot.agent.reason.as_ref().map(|reason| reason.id) };
    let item = |(index, reason): (usize, &crate::domain::BusyReason)| Item {
        label: with_period(snapshot, reason),
        remark: if index < 9 { (index + 1).to_string() } else { String::new() },
        enabled: true,
        current: now == Some(reason.id),
        choice: Choice::Busy(Some(reason.id)),
    };
    let mut items: Vec<Item> = snapshot.busy_reasons.iter().enumerate().map(item).collect();
    if snapshot.after_call.is_some() {
        items.push(Item {
            label: i18n::text(snapshot.locale, "ui.no_wish"),
            remark: "0".into(),
            enabled: true,
            current: false,
            choice: Choice::ForgetAfterCall,
        });
    }
    items
}

/// The reason's name, with the time in which it is restricted.
fn with_period(snapshot: &Snapshot, reason: &crate::domain::BusyReason) -> String {
    let restricted = snapshot.breaks.restrictions.iter().find(|one| one.reason == reason.id);
    restricted.map_or_else(
        || reason.name.clone(),
        |one| {
            let message = Message::new("ui.busy_restricted").with("reason", &reason.name).with("period", &one.period);
            message.render(snapshot.locale)
        },
    )
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
