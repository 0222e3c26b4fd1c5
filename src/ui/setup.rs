//! What the screen is made with, how it can end, and why it cannot be shown.

use std::{collections::BTreeMap, io};

use jiff::tz::TimeZone;
use thiserror::Error;

use super::{
    color,
    input::{KeyMap, KeyMapError},
    panel_document::{NARROWEST, WIDEST},
    state::ViewState,
    terminal::fit::Unfit,
    theme::{Theme, ThemeError},
};
use crate::{
    config::{BarConfig, OptionName, UiConfig},
    domain::Remembered,
    i18n::{Locale, Message},
};

/// What the screen is made with.
#[derive(Clone, Debug, Default)]
pub struct UiSetup {
    /// `[ui]`.
    pub ui: UiConfig,
    /// `[keys]`.
    pub keys: BTreeMap<String, Vec<String>>,
    /// `[render_html]`.
    pub bar: BarConfig,
    /// This is the demonstration.
    pub demo: bool,
    /// The end of the program signs out (`sign_out_on_exit`).
    pub quit_signs_out: bool,
    /// What the agent chose in an earlier run; it counts before `[ui]`.
    pub remembered: Remembered,
}

impl UiSetup {
    /// Checks theme and keys, as [`run`](super::run) does before it takes the terminal.
    ///
    /// # Errors
    /// [`UiError::Theme`] or [`UiError::Keys`].
    pub fn check(&self) -> Result<(), UiError> {
        self.view_state().map(drop)
    }

    pub(super) fn view_state(&self) -> Result<ViewState, UiError> {
        let profile = color::profile(self.ui.colors);
        let theme = Theme::load(&self.ui.theme, self.bar.theme_color.as_deref(), profile)?;
        let keymap = KeyMap::new(&self.keys, self.bar.prefix.as_deref()).map_err(UiError::Keys)?;
        let mut state = ViewState::new(theme, keymap);
        state.settings.ascii = self.ui.ascii;
        state.settings.blink = self.ui.blink;
        state.settings.pop_up = self.bar.pop_up;
        state.settings.show_sign_out = self.bar.show_logout_btn;
        state.settings.demo = self.demo;
        state.settings.quit_signs_out = self.quit_signs_out;
        state.panel = self.remembered.panel.unwrap_or(self.ui.panel);
        state.panel_width = self.remembered.panel_width.unwrap_or(self.ui.panel_width).clamp(NARROWEST, WIDEST);
        state.mouse = self.remembered.mouse.unwrap_or(self.ui.mouse);
        state.settings.zone = TimeZone::system();
        Ok(state)
    }
}

/// Why the screen ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The program is ending.
    Asked,
    /// The terminal is gone; the program was told to quit.
    TerminalGone,
}

/// Why the screen could not be shown, or not any longer.
#[derive(Debug, Error)]
pub enum UiError {
    /// The theme.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// The keys: everything wrong with them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Keys(Vec<KeyMapError>),
    /// It cannot be shown here.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The terminal.
    #[error("terminal: {0}")]
    Terminal(#[from] io::Error),
    /// The program behind the screen has stopped.
    #[error("the program behind the screen has stopped")]
    ProgramGone,
}

impl UiError {
    /// The sentences for a person, one per problem, each with the option it is about, if there is one.
    pub fn messages(&self) -> Vec<(Option<OptionName>, Message)> {
        match self {
            UiError::Theme(error) => vec![(error.option(), error.message())],
            UiError::Keys(errors) => errors.iter().map(|error| (error.option(), error.message())).collect(),
            UiError::Unfit(why) => vec![(None, why.message())],
            UiError::Terminal(error) => vec![(None, Message::new("ui.terminal_failed").with("error", error))],
            UiError::ProgramGone => vec![(None, Message::new("ui.program_gone"))],
        }
    }

    /// The language in which this can be read, if the program speaks `locale`.
    pub fn language(&self, locale: Locale) -> Locale {
        match self {
            UiError::Unfit(why) => why.language(locale),
            UiError::Theme(_) | UiError::Keys(_) | UiError::Terminal(_) | UiError::ProgramGone => locale,
        }
    }

    /// Whether the configuration is at fault (exit code 2).
    pub fn is_config(&self) -> bool {
        matches!(self, UiError::Theme(_) | UiError::Keys(_))
    }
}
