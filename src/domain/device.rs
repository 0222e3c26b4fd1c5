//! What sound devices are there for.

/// What a sound device is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceRole {
    /// What the agent is heard by.
    Microphone,
    /// Where the other side is heard.
    Speaker,
    /// Where calls ring.
    Ring,
}

impl DeviceRole {
    /// In the order they are shown.
    pub const ALL: [DeviceRole; 3] = [DeviceRole::Microphone, DeviceRole::Speaker, DeviceRole::Ring];

    /// As errors and the log name it.
    pub fn word(self) -> &'static str {
        match self {
            DeviceRole::Microphone => "microphone",
            DeviceRole::Speaker => "speaker",
            DeviceRole::Ring => "ring device",
        }
    }

    /// As the config file, `ctl` and the control socket name it.
    pub fn key(self) -> &'static str {
        match self {
            DeviceRole::Microphone => "input",
            DeviceRole::Speaker => "output",
            DeviceRole::Ring => "ring",
        }
    }
}
