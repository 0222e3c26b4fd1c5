//! Microphone or speaker.

use serde::Serialize;

use crate::domain::DeviceRole;

/// Which way sound goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceDirection {
    /// A microphone.
    Input,
    /// A speaker.
    Output,
}

impl DeviceDirection {
    /// Which way the sound of a role goes.
    pub fn of(role: DeviceRole) -> Self {
        match role {
            DeviceRole::Microphone => Self::Input,
            DeviceRole::Speaker | DeviceRole::Ring => Self::Output,
        }
    }
}
