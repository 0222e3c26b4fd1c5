//! All that is known of how the call sounds. Nothing to choose: any way out closes it, keys of the call go through.

use crossterm::event::KeyCode;

use super::Outcome;
use crate::ui::{input::UiAction, keys::Chord, state::ViewState};

/// Esc, Enter, its own key and the key to quit close it.
pub fn on_key(state: &ViewState, chord: Chord) -> Outcome {
    let closes = matches!(chord.code, KeyCode::Esc | KeyCode::Enter)
        || matches!(state.keymap.action(chord), Some(UiAction::Quality | UiAction::Quit));
    if closes { Outcome::Close } else { Outcome::Pass }
}
