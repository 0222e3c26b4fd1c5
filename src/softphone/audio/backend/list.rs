//! Which sound devices there are.

use cpal::traits::{DeviceTrait as _, HostTrait as _};
use serde::Serialize;

use super::{
    direction::DeviceDirection,
    server::{self, Connection, ServerDevice},
    system::{SoundSystem, name_at_server, server_id},
};
use crate::{config::AudioHost, softphone::AudioError};

/// ALSA's plugins and special PCMs that are no devices a person would choose.
const NO_DEVICES: [&str; 16] = [
    "null",
    "lavrate",
    "samplerate",
    "speexrate",
    "speex",
    "upmix",
    "vdownmix",
    "oss",
    "jack",
    "surround",
    "iec958",
    "dmix",
    "dsnoop",
    "usbstream",
    "modem",
    "phoneline",
];

/// A device to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceInfo {
    /// For people.
    pub name: String,
    /// For the config file: stays the same over restarts.
    pub id: String,
    /// Microphone or speaker.
    pub direction: DeviceDirection,
    /// What "default" in the config file means.
    pub is_default: bool,
}

/// A device to open.
pub enum Found {
    /// At the sound server, by the connection that its stream will use.
    Server(Connection, ServerDevice),
    /// By cpal.
    Cpal(cpal::Device),
}

/// The devices of the chosen sound system, microphones first, defaults first among them. May take a second.
///
/// # Errors
/// When the sound system cannot be asked.
pub fn list_devices(host: AudioHost) -> Result<Vec<DeviceInfo>, AudioError> {
    list_of(SoundSystem::new(host))
}

/// [`list_devices`] of a sound system.
///
/// # Errors
/// As there.
pub fn list_of(system: SoundSystem) -> Result<Vec<DeviceInfo>, AudioError> {
    let no_list = |reason: String| AudioError::NoDevice { direction: "sound device", reason };
    let mut devices = match system.server("").map_err(no_list)? {
        Some(mut connection) => {
            let devices = server::devices(&mut connection).map_err(|error| no_list(error.to_string()))?;
            devices.into_iter().map(DeviceInfo::from).collect()
        }
        None => of_cpal().map_err(|error| no_list(error.to_string()))?,
    };
    devices.sort_by(|a, b| (a.direction, !a.is_default, &a.name).cmp(&(b.direction, !b.is_default, &b.name)));
    Ok(devices)
}

fn of_cpal() -> Result<Vec<DeviceInfo>, cpal::Error> {
    let host = cpal::default_host();
    let id_of = |device: Option<cpal::Device>| device.and_then(|device| device.id().ok());
    let defaults = [id_of(host.default_input_device()), id_of(host.default_output_device())];
    let mut devices = Vec::new();
    for device in host.devices()? {
        let Ok(id) = device.id() else { continue };
        if !is_pcm(id.id()) {
            continue;
        }
        for (direction, default) in [DeviceDirection::Input, DeviceDirection::Output].into_iter().zip(&defaults) {
            let has = match direction {
                DeviceDirection::Input => device.supports_input(),
                DeviceDirection::Output => device.supports_output(),
            };
            let is_default = default.as_ref() == Some(&id);
            // ALSA always names a default, also without any sound card.
            if has && (!is_default || works(&device, direction)) {
                devices.push(DeviceInfo { name: name_of(&device), id: id.to_string(), direction, is_default });
            }
        }
    }
    Ok(devices)
}

/// A device's name for people, on one line.
pub fn name_of(device: &cpal::Device) -> String {
    let name = device.description().map(|description| description.name().to_owned());
    let id = || device.id().map(|id| id.id().to_owned());
    name.or_else(|_| id()).unwrap_or_default().lines().collect::<Vec<_>>().join(", ")
}

/// Finds a device by its id, its name in the sound system or its name for people; "default" is the system's choice.
///
/// # Errors
/// When there is none like that.
pub fn find(
    system: SoundSystem,
    wanted: &str,
    direction: DeviceDirection,
    role: &'static str,
) -> Result<Found, AudioError> {
    let missing = |reason: String| AudioError::NoDevice { direction: role, reason };
    let Some(mut connection) = system.server(wanted).map_err(missing)? else {
        return find_by_cpal(system, wanted, direction).map(Found::Cpal).map_err(missing);
    };
    let devices = server::devices(&mut connection).map_err(|error| missing(error.to_string()))?;
    let follows = system.follows_default(wanted);
    let named = |device: &ServerDevice| {
        if follows { device.is_default } else { DeviceInfo::from(device.clone()).is_meant_by(wanted) }
    };
    match devices.into_iter().find(|device| device.direction == direction && named(device)) {
        Some(device) => Ok(Found::Server(connection, device)),
        // A name that was chosen while ALSA was used.
        None if system.falls_back() && !follows => {
            find_by_cpal(system, wanted, direction).map(Found::Cpal).map_err(missing)
        }
        None if follows => Err(missing("the system has none".into())),
        None => Err(missing(format!("no device '{wanted}'"))),
    }
}

fn find_by_cpal(system: SoundSystem, wanted: &str, direction: DeviceDirection) -> Result<cpal::Device, String> {
    let host = cpal::default_host();
    if system.follows_default(wanted) {
        let device = match direction {
            DeviceDirection::Input => host.default_input_device(),
            DeviceDirection::Output => host.default_output_device(),
        };
        return device.ok_or_else(|| "the system has none".into());
    }
    let fits = |device: &cpal::Device| match direction {
        DeviceDirection::Input => device.supports_input(),
        DeviceDirection::Output => device.supports_output(),
    };
    let named = |device: &cpal::Device| {
        let id = device.id().ok();
        id.is_some_and(|id| id.id() == wanted || id.to_string() == wanted)
            || name_of(device).eq_ignore_ascii_case(wanted)
    };
    let mut devices = host.devices().map_err(|error| error.to_string())?;
    devices.find(|device| fits(device) && named(device)).ok_or_else(|| format!("no device '{wanted}'"))
}

fn works(device: &cpal::Device, direction: DeviceDirection) -> bool {
    let config = match direction {
        DeviceDirection::Input => device.default_input_config(),
        DeviceDirection::Output => device.default_output_config(),
    };
    // What is in use, perhaps by this very call, is there all the same.
    config.map_or_else(|error| error.kind() == cpal::ErrorKind::DeviceBusy, |_| true)
}

impl DeviceInfo {
    /// Whether a word of the config file means this device: its id, its ALSA name or its name for people.
    pub fn is_meant_by(&self, wanted: &str) -> bool {
        self.id == wanted
            || self.id.split_once(':').is_some_and(|(_, pcm)| pcm == wanted)
            || self.name.eq_ignore_ascii_case(wanted)
    }

    /// What is plugged in and out together: the sound card, else the device itself.
    pub fn card(&self) -> &str {
        // "alsa_input.usb-GN_Jabra-00.mono-fallback": the profile is last.
        if let Some(name) = name_at_server(&self.id) {
            let card = name.split_once('.').and_then(|(_, rest)| rest.rsplit_once('.'));
            return card.map_or(&self.id, |(card, _)| card);
        }
        let card = self.id.split_once("CARD=").map(|(_, rest)| rest);
        card.and_then(|rest| rest.split(',').next()).unwrap_or(&self.id)
    }

    /// The name for people without what it is good for: ALSA has several names for one device.
    pub fn short_name(&self) -> &str {
        self.name.split(", ").next().unwrap_or(&self.name)
    }
}

impl From<ServerDevice> for DeviceInfo {
    fn from(device: ServerDevice) -> Self {
        let ServerDevice { direction, name, description, is_default } = device;
        Self { name: description, id: server_id(&name), direction, is_default }
    }
}

fn is_pcm(pcm: &str) -> bool {
    let plugin = pcm.split(':').next().unwrap_or(pcm).trim_end_matches(|c: char| c.is_ascii_digit());
    !NO_DEVICES.contains(&plugin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_no_devices() {
        for plugin in ["null", "speexrate", "surround51:CARD=0", "dmix:CARD=PCH,DEV=0"] {
            assert!(!is_pcm(plugin), "{plugin}");
        }
        for device in ["default", "pipewire", "wc_mic", "hw:CARD=0,DEV=0", "sysdefault:CARD=PCH", "pulse"] {
            assert!(is_pcm(device), "{device}");
        }
    }

    #[test]
    fn listing_works_without_a_sound_card_and_names_no_plugin() {
        let devices = list_devices(AudioHost::Auto).unwrap();
        assert!(devices.iter().all(|device| !device.id.ends_with(":null") && !device.name.contains('\n')));
    }

    #[test]
    fn a_device_is_meant_by_any_of_its_names_and_belongs_to_its_card() {
        let device = DeviceInfo {
            name: "Jabra EVOLVE 20, USB Audio".into(),
            id: "alsa:sysdefault:CARD=E20".into(),
            direction: DeviceDirection::Input,
            is_default: false,
        };
        for wanted in ["alsa:sysdefault:CARD=E20", "sysdefault:CARD=E20", "jabra evolve 20, usb audio"] {
            assert!(device.is_meant_by(wanted), "{wanted}");
        }
        assert!(!device.is_meant_by("Jabra"));
        assert_eq!((device.card(), device.short_name()), ("E20", "Jabra EVOLVE 20"));
        let front = DeviceInfo { id: "alsa:front:CARD=E20,DEV=0".into(), ..device.clone() };
        assert_eq!(front.card(), "E20");
        let virtual_one = DeviceInfo { id: "alsa:pipewire".into(), ..device.clone() };
        assert_eq!(virtual_one.card(), "alsa:pipewire");
        let of_server = |id: &str| DeviceInfo { id: format!("pulseaudio:{id}"), ..device.clone() };
        let (ear, mouth) = ("alsa_output.usb-GN_Jabra-00.analog-stereo", "alsa_input.usb-GN_Jabra-00.mono-fallback");
        assert_eq!((of_server(ear).card(), of_server(mouth).card()), ("usb-GN_Jabra-00", "usb-GN_Jabra-00"));
        assert_eq!(of_server("spk").card(), "pulseaudio:spk");
    }

    #[test]
    fn an_unknown_name_is_told() {
        let error = find(SoundSystem::default(), "no such thing", DeviceDirection::Input, "microphone").err().unwrap();
        assert!(matches!(error, AudioError::NoDevice { direction: "microphone", .. }));
        assert!(error.to_string().contains("no such thing"));
    }
}
