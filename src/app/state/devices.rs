//! Sound devices: which there are, which are chosen, how they do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::State;
use crate::{
    app::{DeviceState, DeviceView, DevicesView},
    domain::{ChosenDevice, DeviceRole},
    softphone::{
        AudioError, Devices, SoundTest,
        audio::{DeviceDirection, DeviceInfo},
    },
};

/// Sound devices.
#[derive(Debug, Default)]
pub(in crate::app) struct SoundDevices {
    /// What there is to choose from; none until the softphone has told.
    pub(in crate::app) list: Option<Arc<Vec<DeviceInfo>>>,
    /// Sound cards that have been there in this run: they are offered once.
    pub(in crate::app) seen: BTreeSet<String>,
    /// The card that was plugged in last and is not used: its own word, and its name.
    pub(in crate::app) offered: Option<(String, String)>,
    /// What works, by name.
    pub(in crate::app) working: BTreeMap<DeviceRole, String>,
    /// What does not.
    pub(in crate::app) failed: BTreeMap<DeviceRole, AudioError>,
    pub(in crate::app) test: Option<SoundTest>,
    pub(in crate::app) speaking_muted: bool,
    pub(in crate::app) microphone_silent: bool,
}

impl State {
    /// The devices in use: what the agent chose counts before the config.
    pub(in crate::app) fn devices(&self) -> Devices {
        let of = |role: DeviceRole| {
            self.remembered.device(role).map_or_else(|| self.profile.devices.of(role), |device| &device.id).to_owned()
        };
        Devices { input: of(DeviceRole::Microphone), output: of(DeviceRole::Speaker), ring: of(DeviceRole::Ring) }
    }

    /// The device of the list that a word means in a role.
    pub(in crate::app) fn device_meant(&self, role: DeviceRole, wanted: &str) -> Option<&DeviceInfo> {
        let ours = |device: &&DeviceInfo| device.direction == DeviceDirection::of(role) && device.is_meant_by(wanted);
        self.sound.list.as_ref().and_then(|list| list.iter().find(ours))
    }

    pub(in crate::app) fn devices_view(&self) -> DevicesView {
        let chosen = self.devices();
        let view = |role| self.device_view(role, chosen.of(role));
        DevicesView {
            input: view(DeviceRole::Microphone),
            output: view(DeviceRole::Speaker),
            ring: view(DeviceRole::Ring),
            new_device: self.sound.offered.as_ref().map(|(_, name)| name.clone()),
            speaking_muted: self.sound.speaking_muted,
            microphone_silent: self.sound.microphone_silent,
            list: self.sound.list.clone().unwrap_or_default(),
            test: self.sound.test,
        }
    }

    fn device_view(&self, role: DeviceRole, chosen: &str) -> DeviceView {
        let sound = &self.sound;
        let follows_system = Devices::follows_system(chosen);
        let listed = || self.device_meant(role, chosen).map(|device| device.name.clone());
        let remembered = || self.remembered.device(role).and_then(ChosenDevice::name);
        let name = sound.working.get(&role).cloned().or_else(listed).or_else(remembered);
        let alive = sound.test.is_some_and(|test| match role {
            DeviceRole::Microphone => test.microphone,
            DeviceRole::Speaker => test.speaker,
            DeviceRole::Ring => test.ring,
        });
        let state = if sound.failed.contains_key(&role) {
            DeviceState::Failed
        } else if role == DeviceRole::Microphone && sound.microphone_silent {
            DeviceState::Silent
        } else if alive || sound.working.contains_key(&role) {
            DeviceState::Works
        } else {
            DeviceState::Unknown
        };
        let xruns = sound.test.map_or(0, |test| match role {
            DeviceRole::Microphone => test.xruns.input,
            DeviceRole::Speaker => test.xruns.output,
            DeviceRole::Ring => test.xruns.ring,
        });
        DeviceView {
            chosen: if follows_system { "default".into() } else { chosen.to_owned() },
            follows_system,
            name: name.or_else(|| (!follows_system).then(|| chosen.to_owned())),
            state,
            error: sound.failed.get(&role).map(|error| error.message().render(self.profile.locale)),
            xruns,
        }
    }
}
