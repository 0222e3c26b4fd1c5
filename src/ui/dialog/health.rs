//! What is in order and what is not: every thing that a call needs, what to do about it, and the test of the sound.

use crossterm::event::KeyCode;

use super::{Choice, Context, Outcome};
use crate::ui::{input::UiAction, keys::Chord};

/// Begins or ends the test of microphone and speaker.
pub const TEST: char = 't';
/// Looks at everything now.
pub const CHECK: char = 'c';
/// Goes ready without a proof, where one is asked for.
pub const ANYWAY: char = 'R';

/// Scrolls, tests, goes ready anyway; keys of the call go through.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
pub fn on_key(first: &mut u16, context: &Context<'_>, chord: Chord) -> Outcome {
    let Context { snapshot, settings, .. } = *context;
    let testing = snapshot.health.test.is_some_and(|test| test.running);
    let closed = || if testing { Outcome::Do(Choice::TestSound(false)) } else { Outcome::Close };
    match chord.code {
        KeyCode::Esc | KeyCode::Enter => closed(),
        KeyCode::Up => scrolled(first, first.saturating_sub(1)),
        KeyCode::Down => scrolled(first, first.saturating_add(1)),
        KeyCode::PageUp => scrolled(first, first.saturating_sub(10)),
        KeyCode::PageDown => scrolled(first, first.saturating_add(10)),
        KeyCode::Home => scrolled(first, 0),
        _ => match chord.on_latin().text() {
            Some(TEST) => {
                *first = 0;
                Outcome::DoAndStay(Choice::TestSound(!testing))
            }
            Some(CHECK) => Outcome::DoAndStay(Choice::CheckHealth),
            Some(ANYWAY) if snapshot.health.ready_refused.is_some() => Outcome::Do(Choice::ReadyAnyway),
            _ if matches!(settings.keymap.action(chord), Some(UiAction::Health | UiAction::Quit)) => closed(),
            _ => Outcome::Pass,
        },
    }
}

fn scrolled(first: &mut u16, to: u16) -> Outcome {
    *first = to;
    Outcome::Stay
}
