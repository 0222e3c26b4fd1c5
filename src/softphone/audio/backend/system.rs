//! The sound system that devices are opened with: a PulseAudio server (PulseAudio itself, or PipeWire's) where one
//! answers, else ALSA. ALSA's plug-ins to such a server hand out descriptors that are always ready, so that a call through
//! them keeps a processor busy.

use std::sync::{Arc, Mutex, PoisonError};

use cpal::{ErrorKind, HostId, traits::HostTrait as _};

use super::cookie::ensure_cookie;
use crate::config::AudioHost;

/// Prefixes of device ids, as cpal writes them.
const PULSE_ID: &str = "pulseaudio:";
const ALSA_ID: &str = "alsa:";
/// PCMs of ALSA that are a way to the sound server: what it plays to by default is meant.
const SERVER_PCMS: [&str; 3] = ["alsa:default", "alsa:pipewire", "alsa:pulse"];

/// Access to the sound system; its copies share one connection.
#[derive(Clone, Default)]
pub struct SoundSystem {
    choice: AudioHost,
    /// The connection to the server. It is kept because each has a thread and a socket that end late.
    server: Arc<Mutex<Option<Arc<cpal::Host>>>>,
}

/// The devices of one sound system.
pub struct Found {
    /// The system.
    pub host: Arc<cpal::Host>,
    /// Its devices, also such as nobody would choose.
    pub devices: Vec<cpal::Device>,
}

impl SoundSystem {
    /// Nothing is connected yet.
    pub fn new(choice: AudioHost) -> Self {
        Self { choice, server: Arc::default() }
    }

    /// Whether a PulseAudio server may be used.
    pub fn may_use_server(&self) -> bool {
        self.choice != AudioHost::Alsa
    }

    /// The devices of the system that `wanted` belongs to: an id names its system, everything else means the chosen one.
    /// May take seconds where a server hangs.
    ///
    /// # Errors
    /// When the system does not answer.
    pub fn devices(&self, wanted: &str) -> Result<Found, cpal::Error> {
        if self.uses_alsa(wanted) {
            return Self::alsa();
        }
        match (self.of_server(), self.choice) {
            (Err(error), AudioHost::Auto) if !wanted.starts_with(PULSE_ID) => {
                tracing::debug!(%error, "no sound server, using ALSA");
                Self::alsa()
            }
            (found, _) => found,
        }
    }

    /// Whether "default" is meant: also where an ALSA name of the sound server is written and the server is used directly.
    pub fn follows_default(&self, wanted: &str) -> bool {
        crate::softphone::Devices::follows_system(wanted) || (self.may_use_server() && SERVER_PCMS.contains(&wanted))
    }

    /// ALSA's devices, for a name that the chosen system does not have.
    ///
    /// # Errors
    /// When ALSA cannot be used.
    pub fn alsa() -> Result<Found, cpal::Error> {
        let host = Arc::new(match host_id("alsa") {
            Some(id) => cpal::host_from_id(id)?,
            None => cpal::default_host(),
        });
        let devices = host.devices()?.collect();
        Ok(Found { host, devices })
    }

    /// Whether names that the server does not know may be looked for at ALSA.
    pub fn falls_back(&self) -> bool {
        self.choice == AudioHost::Auto
    }

    fn uses_alsa(&self, wanted: &str) -> bool {
        let named = wanted.starts_with(ALSA_ID) && !SERVER_PCMS.contains(&wanted);
        match self.choice {
            AudioHost::Alsa => !wanted.starts_with(PULSE_ID),
            AudioHost::Auto | AudioHost::Pulse => named,
        }
    }

    fn of_server(&self) -> Result<Found, cpal::Error> {
        let kept = self.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(host) = kept {
            match host.devices() {
                Ok(devices) => return Ok(Found { devices: devices.collect(), host }),
                // The server was restarted: connected to anew below.
                Err(error) => {
                    tracing::debug!(%error, "the connection to the sound server is lost");
                    *self.server.lock().unwrap_or_else(PoisonError::into_inner) = None;
                }
            }
        }
        let none = || cpal::Error::with_message(ErrorKind::HostUnavailable, "there is no PulseAudio server".to_owned());
        let id = host_id("pulseaudio").ok_or_else(none)?;
        if !cpal::available_hosts().contains(&id) {
            return Err(none());
        }
        if let Err(error) = ensure_cookie() {
            tracing::debug!(%error, "no cookie for the sound server");
        }
        let host = Arc::new(cpal::host_from_id(id)?);
        let devices = host.devices()?.collect();
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(host.clone());
        Ok(Found { host, devices })
    }
}

/// Whether the id of a device is one of a PulseAudio server.
pub fn is_of_server(id: &str) -> bool {
    id.starts_with(PULSE_ID)
}

fn host_id(name: &str) -> Option<HostId> {
    cpal::ALL_HOSTS.iter().copied().find(|id| id.to_string().eq_ignore_ascii_case(name))
}

/// Whether a device of a PulseAudio server is one that a person would choose: not what a sink plays, recorded, and not
/// the stand-in for a missing device.
pub fn is_server_device(name: &str) -> bool {
    !name.ends_with(".monitor") && !name.starts_with("auto_null")
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

    #[test]
    fn recordings_of_speakers_and_stand_ins_are_no_devices() {
        for name in ["spk.monitor", "auto_null", "auto_null.monitor"] {
            assert!(!is_server_device(name), "{name}");
        }
        assert!(is_server_device("alsa_output.usb-GN_Jabra-00.analog-stereo"));
    }
}
