//! Sound devices as the screen and scripts see them.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    domain::DeviceRole,
    softphone::{SoundTest, audio::DeviceInfo},
};

/// How a device does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Not opened yet.
    #[default]
    Unknown,
    /// It works, or did when it was open last.
    Works,
    /// A microphone that delivers nothing but digital silence.
    Silent,
    /// It cannot be used.
    Failed,
}

/// The device of one role.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeviceView {
    /// What is chosen: an id or a name; "default" for the system's choice, whatever that is.
    pub chosen: String,
    /// It follows the system's choice.
    pub follows_system: bool,
    /// Name for people, where one is known.
    pub name: Option<String>,
    /// How it does.
    pub state: DeviceState,
    /// What is wrong, why, and what to do.
    pub error: Option<String>,
    /// Times it ran dry or over in this run, as far as a test has counted them.
    pub xruns: u64,
}

/// The sound devices.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DevicesView {
    /// The microphone.
    pub input: DeviceView,
    /// The speaker.
    pub output: DeviceView,
    /// Where calls ring.
    pub ring: DeviceView,
    /// A device that was plugged in and is not used: its name.
    pub new_device: Option<String>,
    /// The agent speaks into a muted microphone.
    pub speaking_muted: bool,
    /// The microphone delivers nothing but digital silence.
    pub microphone_silent: bool,
    /// What there is to choose from. Shared: every snapshot holds it.
    #[serde(skip)]
    pub list: Arc<Vec<DeviceInfo>>,
    /// What the test that runs, or ran last, has found.
    #[serde(skip)]
    pub test: Option<SoundTest>,
}

impl DevicesView {
    /// The device of a role.
    pub fn of(&self, role: DeviceRole) -> &DeviceView {
        match role {
            DeviceRole::Microphone => &self.input,
            DeviceRole::Speaker => &self.output,
            DeviceRole::Ring => &self.ring,
        }
    }
}

/// What is played to try a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A tone in the speaker.
    Tone,
    /// The ring on the ring device.
    Ring,
}

/// Other devices to use; what is unset stays as it is. Ids, names, or "default" to follow the system's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceWish {
    /// Microphone.
    pub input: Option<String>,
    /// Speaker.
    pub output: Option<String>,
    /// Where calls ring.
    pub ring: Option<String>,
}

impl DeviceWish {
    /// Another device for one role.
    pub fn one(role: DeviceRole, device: String) -> Self {
        let mut wish = Self::default();
        *wish.of_mut(role) = Some(device);
        wish
    }

    /// What is wanted for a role.
    pub fn of(&self, role: DeviceRole) -> Option<&str> {
        match role {
            DeviceRole::Microphone => self.input.as_deref(),
            DeviceRole::Speaker => self.output.as_deref(),
            DeviceRole::Ring => self.ring.as_deref(),
        }
    }

    fn of_mut(&mut self, role: DeviceRole) -> &mut Option<String> {
        match role {
            DeviceRole::Microphone => &mut self.input,
            DeviceRole::Speaker => &mut self.output,
            DeviceRole::Ring => &mut self.ring,
        }
    }
}
