//! What the configuration decided of the screen; nothing here changes while the screen is shown.

use jiff::tz::TimeZone;

use super::{
    input::{KeyMap, UiAction},
    theme::Theme,
};

/// Settings of the screen.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The look.
    pub theme: Theme,
    /// The live key map.
    pub keymap: KeyMap,
    /// Only ASCII for glyphs and frames.
    pub ascii: bool,
    /// Blink an incoming call.
    pub blink: bool,
    /// Show the incoming-call window.
    pub pop_up: bool,
    /// Offer sign-out in the bar.
    pub show_sign_out: bool,
    /// This is the demonstration.
    pub demo: bool,
    /// Quitting signs out, so nobody is sent to a phone that is gone.
    pub quit_signs_out: bool,
    /// Time zone of clock times.
    pub zone: TimeZone,
}

impl Settings {
    /// The defaults with this look and these keys.
    pub fn new(theme: Theme, keymap: KeyMap) -> Self {
        Self {
            theme,
            keymap,
            ascii: false,
            blink: true,
            pop_up: true,
            show_sign_out: true,
            demo: false,
            quit_signs_out: false,
            zone: TimeZone::UTC,
        }
    }

    /// The key to show for an action, if it has one that works now.
    pub fn key_hint(&self, action: UiAction, in_field: bool) -> Option<String> {
        let key = self.keymap.hint(action, in_field)?;
        Some(if key == "Enter" && !self.ascii { "⏎".to_owned() } else { key })
    }
}
