//! The help: the live key map, in groups.

use crossterm::event::KeyCode;

use super::{Context, Outcome};
use crate::{
    i18n::{self, Locale},
    ui::{
        input::{Group, UiAction},
        keys::Chord,
        settings::Settings,
    },
};

/// A heading, or keys and what they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A group's heading.
    Heading(String),
    /// Keys, and what they do.
    Entry(String, String),
}

/// The help's lines, group by group, from the live key map.
pub fn groups(settings: &Settings, locale: Locale) -> Vec<Vec<Line>> {
    let prefix = settings.keymap.prefix();
    Group::ALL
        .iter()
        .map(|group| {
            let mut lines = vec![Line::Heading(i18n::text(locale, group.heading()))];
            for action in UiAction::ALL.iter().filter(|a| a.group() == *group) {
                let keys: Vec<String> = settings
                    .keymap
                    .keys(*action)
                    .iter()
                    .map(|key| match prefix {
                        Some(prefix) if !crate::ui::input::KeyMap::is_free(*key) => format!("{prefix} {key}"),
                        Some(_) | None => key.to_string(),
                    })
                    .collect();
                if !keys.is_empty() {
                    lines.push(Line::Entry(keys.join("  "), i18n::text(locale, action.about())));
                }
            }
            lines
        })
        .collect()
}

/// Scrolls; any key of the help's own closes it, and keys of the call go through.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
pub fn on_key(scroll: &mut u16, context: &Context<'_>, chord: Chord) -> Outcome {
    match chord.code {
        KeyCode::Esc | KeyCode::Enter => Outcome::Close,
        KeyCode::Up => {
            *scroll = scroll.saturating_sub(1);
            Outcome::Stay
        }
        KeyCode::Down => {
            *scroll = scroll.saturating_add(1);
            Outcome::Stay
        }
        KeyCode::PageUp | KeyCode::Home => {
            *scroll = if chord.code == KeyCode::Home { 0 } else { scroll.saturating_sub(10) };
            Outcome::Stay
        }
        KeyCode::PageDown => {
            *scroll = scroll.saturating_add(10);
            Outcome::Stay
        }
        _ if matches!(context.settings.keymap.action(chord), Some(UiAction::Help | UiAction::Quit)) => Outcome::Close,
        _ => Outcome::Pass,
    }
}
