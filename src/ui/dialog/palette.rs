//! The command palette: everything that can be done, with its key, or with the reason why not now.

use super::{Choice, Context, Item};
use crate::{
    app::Possible,
    i18n,
    ui::{input::UiAction, needed},
};

/// Actions that only move: of no use in a list that is itself moved in.
const LEFT_OUT: [UiAction; 8] = [
    UiAction::Palette,
    UiAction::NextFocus,
    UiAction::Up,
    UiAction::Down,
    UiAction::PageUp,
    UiAction::PageDown,
    UiAction::PanelUp,
    UiAction::PanelDown,
];

/// Every action; those that are possible come first.
pub fn items(context: &Context<'_>) -> Vec<Item> {
    let Context { snapshot, settings, .. } = *context;
    let locale = snapshot.locale;
    let mut items: Vec<Item> = UiAction::ALL
        .iter()
        .filter(|action| !LEFT_OUT.contains(action))
        .map(|action| {
            let refused = match needed::possible(snapshot, *action) {
                Some(Possible::No(why)) => Some(why.render(locale)),
                Some(Possible::Yes) | None => None,
            };
            let enabled = refused.is_none();
            let key = settings.key_hint(*action, false).unwrap_or_default();
            Item {
                label: i18n::text(locale, action.about()),
                enabled,
                remark: refused.map_or_else(|| key.clone(), |why| format!("{why}  {key}")),
                current: false,
                choice: Choice::Act(*action),
            }
        })
        .collect();
    items.sort_by_key(|item| !item.enabled);
    items
}
