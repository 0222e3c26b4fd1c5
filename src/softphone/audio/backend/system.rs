//! The sound system that devices are opened with: a PulseAudio server (PulseAudio itself, or PipeWire's) where one
//! answers, else ALSA. ALSA's plug-ins to such a server hand out descriptors that are always ready, so that a call through
//! them keeps a processor busy.

use std::ffi::CStr;

use super::server::Connection;
use crate::{config::AudioHost, softphone::Devices};

/// Prefix of the ids of the server's devices.
const PULSE_ID: &str = "pulseaudio:";
/// Prefix of ALSA's, as cpal writes them.
const ALSA_ID: &str = "alsa:";
/// PCMs of ALSA that are a way to the sound server: what it plays to by default is meant.
const SERVER_PCMS: [&str; 3] = ["alsa:default", "alsa:pipewire", "alsa:pulse"];

/// Which sound system is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct SoundSystem {
    choice: AudioHost,
}

impl SoundSystem {
    /// Nothing is asked yet.
    pub fn new(choice: AudioHost) -> Self {
        Self { choice }
    }

    /// Whether a PulseAudio server may be used.
    pub fn may_use_server(self) -> bool {
        self.choice != AudioHost::Alsa
    }

    /// The server that `wanted` belongs to, or none where that is ALSA: an id names its system, everything else means
    /// the chosen one. May take seconds where a server hangs.
    ///
    /// # Errors
    /// Why the server does not answer, where nothing else may be used.
    pub fn server(self, wanted: &str) -> Result<Option<Connection>, String> {
        if self.uses_alsa(wanted) {
            return Ok(None);
        }
        match Connection::open() {
            Ok(connection) => Ok(Some(connection)),
            Err(error) if self.choice == AudioHost::Auto && !is_of_server(wanted) => {
                tracing::debug!(%error, "no sound server, using ALSA");
                Ok(None)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether "default" is meant: also where an ALSA name of the sound server is written and the server is used directly.
    pub fn follows_default(self, wanted: &str) -> bool {
        Devices::follows_system(wanted) || (self.may_use_server() && SERVER_PCMS.contains(&wanted))
    }

    /// Whether names that the server does not know may be looked for at ALSA.
    pub fn falls_back(self) -> bool {
        self.choice == AudioHost::Auto
    }

    fn uses_alsa(self, wanted: &str) -> bool {
        let named = wanted.starts_with(ALSA_ID) && !SERVER_PCMS.contains(&wanted);
        match self.choice {
            AudioHost::Alsa => !is_of_server(wanted),
            AudioHost::Auto | AudioHost::Pulse => named,
        }
    }
}

/// The id of a device of a PulseAudio server, by its name there.
pub fn server_id(name: &CStr) -> String {
    format!("{PULSE_ID}{}", name.to_string_lossy())
}

/// The name at its PulseAudio server of the device with this id; `None` for a device of ALSA.
pub fn name_at_server(id: &str) -> Option<&str> {
    id.strip_prefix(PULSE_ID)
}

/// Whether the id of a device is one of a PulseAudio server.
pub fn is_of_server(id: &str) -> bool {
    name_at_server(id).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_system_and_the_choice_decides_the_rest() {
        let uses_alsa = |choice, wanted| SoundSystem::new(choice).uses_alsa(wanted);
        for wanted in ["", "default", "Jabra", "alsa:default", "alsa:pipewire", "pulseaudio:x"] {
            assert!(!uses_alsa(AudioHost::Auto, wanted), "{wanted}");
            assert!(!uses_alsa(AudioHost::Pulse, wanted), "{wanted}");
        }
        assert!(uses_alsa(AudioHost::Auto, "alsa:sysdefault:CARD=E20"));
        assert!(uses_alsa(AudioHost::Alsa, "default") && uses_alsa(AudioHost::Alsa, "Jabra"));
        assert!(!uses_alsa(AudioHost::Alsa, "pulseaudio:alsa_input.usb"));
    }

    #[test]
    fn alsa_s_names_of_the_server_mean_its_default() {
        assert!(SoundSystem::new(AudioHost::Auto).follows_default("alsa:pipewire"));
        assert!(!SoundSystem::new(AudioHost::Alsa).follows_default("alsa:pipewire"));
        assert!(SoundSystem::new(AudioHost::Alsa).follows_default("default"));
    }
}
