//! What an agent chose and finds again after a restart.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::DeviceRole;

/// A proof of microphone and speaker counts for so long: a long shift.
const SHIFT: Duration = Duration::from_secs(12 * 3600);

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
    /// Microphone.
    pub input_device: Option<ChosenDevice>,
    /// Speaker.
    pub output_device: Option<ChosenDevice>,
    /// Where calls ring.
    pub ring_device: Option<ChosenDevice>,
    /// Microphone and speaker that have passed the test.
    pub proven_sound: Option<ProvenSound>,
}

/// A microphone and a speaker that were heard to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenSound {
    /// The microphone's name.
    pub input: String,
    /// The speaker's name.
    pub output: String,
    /// When.
    pub at: Timestamp,
}

/// A sound device that was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenDevice {
    /// What it is known by; "default" for the system's own choice, whatever that is.
    pub id: String,
    /// For people; empty where it is not known.
    #[serde(default)]
    pub name: String,
}

impl ChosenDevice {
    /// A certain device.
    pub fn new(id: &str, name: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned() }
    }

    /// The system's own choice, also when that changes.
    pub fn system() -> Self {
        Self::new("default", "")
    }

    /// Its name, where known.
    pub fn name(&self) -> Option<String> {
        (!self.name.is_empty()).then(|| self.name.clone())
    }
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
    /// The device chosen for a role.
    pub fn device(&self, role: DeviceRole) -> Option<&ChosenDevice> {
        match role {
            DeviceRole::Microphone => self.input_device.as_ref(),
            DeviceRole::Speaker => self.output_device.as_ref(),
            DeviceRole::Ring => self.ring_device.as_ref(),
        }
    }

    /// Remembers the device chosen for a role.
    pub fn choose_device(&mut self, role: DeviceRole, device: ChosenDevice) {
        match role {
            DeviceRole::Microphone => self.input_device = Some(device),
            DeviceRole::Speaker => self.output_device = Some(device),
            DeviceRole::Ring => self.ring_device = Some(device),
        }
    }

    /// The same at a later time: what counted for a shift is forgotten after it.
    pub fn at(mut self, now: Timestamp) -> Self {
        let is_old = |proven: &mut ProvenSound| now.duration_since(proven.at).unsigned_abs() > SHIFT;
        self.proven_sound.take_if(is_old);
        self
    }

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
