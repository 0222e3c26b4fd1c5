//! All that is known of how the call sounds. Nothing to choose: any way out closes it, keys of the call go through.

use crossterm::event::KeyCode;

use super::{Context, Outcome};
use crate::ui::{input::UiAction, keys::Chord};

/// Esc, Enter, its own key and the key to quit close it.
pub fn on_key(context: &Context<'_>, chord: Chord) -> Outcome {
    let closes = matches!(chord.code, KeyCode::Esc | KeyCode::Enter)
        || matches!(context.settings.keymap.action(chord), Some(UiAction::Quality | UiAction::Quit));
    if closes { Outcome::Close } else { Outcome::Pass }
}
