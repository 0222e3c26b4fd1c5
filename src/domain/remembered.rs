//! What an agent chose and finds again after a restart.

use serde::{Deserialize, Serialize};

/// An agent's choices, kept per agent. Absent: never chosen, so the config counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// Value of the caller ID.
    pub caller_id: Option<String>,
    /// Calls answer themselves.
    pub auto_answer: bool,
    /// The predictive project the agent is in, by its id.
    pub project: Option<String>,
    /// The right-hand panel is shown.
    pub panel: Option<bool>,
    /// Width of the right-hand panel in percent of the screen, 15 to 60.
    pub panel_width: Option<u16>,
    /// Quiet mode: nothing rings, blinks or notifies besides the screen itself.
    pub quiet: bool,
    /// The mouse is used.
    pub mouse: Option<bool>,
}

/// A choice about the screen that is to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// Show the right-hand panel.
    Panel(bool),
    /// Width of the right-hand panel in percent of the screen, 15 to 60.
    PanelWidth(u16),
    /// Quiet mode.
    Quiet(bool),
    /// Use the mouse.
    Mouse(bool),
}

impl Remembered {
    /// Takes over one choice.
    pub fn prefer(&mut self, preference: Preference) {
        match preference {
            Preference::Panel(on) => self.panel = Some(on),
            Preference::PanelWidth(percent) => self.panel_width = Some(percent),
            Preference::Quiet(on) => self.quiet = on,
            Preference::Mouse(on) => self.mouse = Some(on),
        }
    }
}
