//! Sound devices: chosen, tested, plugged in and out. Nothing is ever jumped to by itself: a new device is offered once.

use serde_json::{Value, json};

use super::{Turn, refusal};
use crate::{
    app::{CommandId, DeviceWish, Effect, Probe, Refusal, RefusalKind},
    domain::{ChosenDevice, DeviceRole},
    i18n::Message,
    softphone::{self, AudioError, Devices, SoundTest, Tone, audio::DeviceInfo},
};

impl Turn<'_> {
    /// Uses other devices, in the middle of a call too.
    pub(super) fn set_devices(&mut self, id: CommandId, wish: &DeviceWish) {
        if let Err(refusal) = self.web_phone_only() {
            return self.resolve(id, Err(refusal));
        }
        let mut chosen = Vec::new();
        for role in DeviceRole::ALL {
            let Some(wanted) = wish.of(role) else { continue };
            match self.wanted_device(role, wanted) {
                Ok(device) => chosen.push((role, device)),
                Err(refusal) => {
                    self.warn(refusal.message.clone());
                    return self.resolve(id, Err(refusal));
                }
            }
        }
        let before = self.state.devices();
        for (role, device) in chosen {
            self.state.remembered.choose_device(role, device);
        }
        let devices = self.state.devices();
        for role in DeviceRole::ALL {
            if before.of(role) != devices.of(role) {
                // Of the other one nothing is known yet.
                self.state.sound.working.remove(&role);
                self.device_well(role);
            }
        }
        self.offer_is_taken();
        self.effects.push(Effect::Remember(self.state.remembered.clone()));
        let told = json!({ "input": devices.input, "output": devices.output, "ring": devices.ring });
        if devices != before {
            self.publish("devicesChanged", &["media"], "", told.clone());
            self.phone(softphone::Command::SetDevices(devices));
            if self.state.watched != Some(crate::app::Watched::Devices) {
                // Whether they work is told at once, not with the next call.
                self.phone(softphone::Command::ProveDevices);
            }
        }
        self.resolve(id, Ok(told));
    }

    /// Plays something to try a device; the test goes on, or begins anew.
    pub(super) fn probe(&mut self, id: CommandId, probe: Probe) {
        if let Err(refusal) = self.web_phone_only() {
            return self.resolve(id, Err(refusal));
        }
        self.phone(softphone::Command::TestSound(true));
        self.phone(softphone::Command::Play(Some(match probe {
            Probe::Tone => Tone::Test,
            Probe::Ring => Tone::RingOnce,
        })));
        self.resolve(id, Ok(Value::Null));
    }

    /// Somebody begins or ceases to look at the devices: they are tested meanwhile.
    pub(super) fn test_devices(&mut self, on: bool) {
        if on {
            self.state.sound.test = None;
            // Looked at is as good as answered.
            self.settle(&["devices.new"]);
        } else {
            self.state.sound.offered = None;
        }
        self.phone(softphone::Command::TestSound(on));
    }

    fn web_phone_only(&self) -> Result<(), Refusal> {
        if self.state.session.web_phone {
            return Ok(());
        }
        Err(refusal(RefusalKind::NotNow, Message::new("app.no_web_phone")))
    }

    fn wanted_device(&self, role: DeviceRole, wanted: &str) -> Result<ChosenDevice, Refusal> {
        let wanted = wanted.trim();
        if Devices::follows_system(wanted) {
            return Ok(ChosenDevice::system());
        }
        match (self.state.device_meant(role, wanted), &self.state.sound.list) {
            (Some(device), _) => Ok(ChosenDevice::new(&device.id, &device.name)),
            // What is chosen already may be unplugged just now.
            (None, _) if self.state.devices().of(role) == wanted => {
                Ok(self.state.remembered.device(role).cloned().unwrap_or_else(|| ChosenDevice::new(wanted, "")))
            }
            (None, None) => Ok(ChosenDevice::new(wanted, "")),
            (None, Some(_)) => {
                let message = Message::new(match role {
                    DeviceRole::Microphone => "devices.no_such_microphone",
                    DeviceRole::Speaker | DeviceRole::Ring => "devices.no_such_speaker",
                });
                Err(refusal(RefusalKind::Invalid, message.with("device", super::clean(wanted))))
            }
        }
    }

    /// The devices of the machine, at first and when they have changed.
    pub(super) fn devices_listed(&mut self, list: Vec<DeviceInfo>) {
        let first = self.state.sound.list.is_none();
        let cards: std::collections::BTreeSet<String> = list.iter().map(|device| device.card().to_owned()).collect();
        self.state.sound.list = Some(std::sync::Arc::new(list));
        if self.state.sound.offered.as_ref().is_some_and(|(card, _)| !cards.contains(card)) {
            self.state.sound.offered = None;
            self.settle(&["devices.new"]);
        }
        let fresh: Vec<String> = cards.iter().filter(|card| !self.state.sound.seen.contains(*card)).cloned().collect();
        self.state.sound.seen.extend(cards);
        if first {
            return;
        }
        // One that is chosen already is used again by itself and needs no offer.
        for card in fresh {
            let used = DeviceRole::ALL.into_iter().any(|role| self.card_of(role).as_deref() == Some(card.as_str()));
            let name = self.state.sound.list.iter().flat_map(|list| list.iter()).find(|device| device.card() == card);
            if let Some(name) = name.map(|device| device.short_name().to_owned()).filter(|_| !used) {
                self.info(Message::new("devices.new").with("device", super::clean(&name)));
                self.state.sound.offered = Some((card, name));
            }
        }
    }

    /// The card a role uses by name.
    fn card_of(&self, role: DeviceRole) -> Option<String> {
        let devices = self.state.devices();
        self.state.device_meant(role, devices.of(role)).map(|device| device.card().to_owned())
    }

    fn offer_is_taken(&mut self) {
        let Some((card, _)) = self.state.sound.offered.clone() else { return };
        if DeviceRole::ALL.into_iter().any(|role| self.card_of(role).as_ref() == Some(&card)) {
            self.state.sound.offered = None;
            self.settle(&["devices.new"]);
        }
    }

    pub(super) fn device_failed(&mut self, error: AudioError) {
        let message = error.message();
        if let Some(role) = error.role() {
            self.state.sound.working.remove(&role);
            if self.state.sound.failed.insert(role, error.clone()).as_ref() == Some(&error) {
                return;
            }
        }
        if self.state.media.device_errors.contains(&message) {
            return;
        }
        let text = message.render(self.state.profile.locale);
        let data = json!({ "device": error.role().map(DeviceRole::key), "reason": text });
        self.publish("deviceFailed", &["media"], "", data);
        self.error(message.clone());
        // The newest word on a device is the one that counts.
        if let Some(role) = error.role() {
            self.state.media.device_errors.retain(|told| !is_about(told, role));
        }
        self.state.media.device_errors.push(message);
    }

    pub(super) fn devices_ready(&mut self, input: String, output: String) {
        let was_wrong = !self.state.media.device_errors.is_empty();
        let sound = &mut self.state.sound;
        sound.working.insert(DeviceRole::Microphone, input.clone());
        sound.working.insert(DeviceRole::Speaker, output.clone());
        for role in [DeviceRole::Microphone, DeviceRole::Speaker] {
            self.device_well(role);
        }
        // Files have no role.
        let of_ring = |message: &Message| is_about(message, DeviceRole::Ring);
        let well: Vec<&str> =
            self.state.media.device_errors.iter().filter(|told| !of_ring(told)).map(Message::key).collect();
        self.settle(&well);
        self.state.media.device_errors.retain(of_ring);
        self.publish("devicesReady", &["media"], "", json!({ "input": input, "output": output }));
        if was_wrong && self.state.media.device_errors.is_empty() {
            self.info(Message::new("app.devices_back").with("input", input).with("output", output));
        }
    }

    /// The system uses another device than before, which nobody here has chosen.
    pub(super) fn device_moved(&mut self, role: DeviceRole, device: String) {
        let message = Message::new(match role {
            DeviceRole::Microphone => "devices.microphone_moved",
            DeviceRole::Speaker => "devices.speaker_moved",
            DeviceRole::Ring => "devices.ring_moved",
        });
        self.info(message.with("device", super::clean(&device)));
        self.publish("deviceMoved", &["media"], "", json!({ "device": role.key(), "name": device }));
        self.state.sound.working.insert(role, device);
    }

    pub(super) fn ring_ready(&mut self, ring: String) {
        self.state.sound.working.insert(DeviceRole::Ring, ring);
        self.device_well(DeviceRole::Ring);
    }

    /// Nothing is wrong with a device any more, or not with the one that is used now.
    fn device_well(&mut self, role: DeviceRole) {
        self.state.sound.failed.remove(&role);
        let well: Vec<&str> =
            self.state.media.device_errors.iter().filter(|m| is_about(m, role)).map(Message::key).collect();
        self.settle(&well);
        self.state.media.device_errors.retain(|told| !is_about(told, role));
    }

    pub(super) fn devices_tested(&mut self, test: SoundTest) {
        self.state.sound.test = Some(test);
    }

    pub(super) fn speaking_muted(&mut self, on: bool) {
        if self.state.sound.speaking_muted != on {
            self.state.sound.speaking_muted = on;
            self.publish("speakingMuted", &["media"], "", json!({ "on": on }));
        }
    }

    pub(super) fn microphone_silent(&mut self, on: bool) {
        if self.state.sound.microphone_silent != on {
            self.state.sound.microphone_silent = on;
            self.publish("microphoneSilent", &["media"], "", json!({ "on": on }));
        }
    }
}

/// Whether a message is one of [`AudioError::message`] about this device.
fn is_about(message: &Message, role: DeviceRole) -> bool {
    let key = message.key();
    match role {
        DeviceRole::Microphone => key.starts_with("audio.microphone") || key == "audio.no_microphone",
        DeviceRole::Speaker => key.starts_with("audio.speaker") || key == "audio.no_speaker",
        DeviceRole::Ring => key.starts_with("audio.ring_device") || key == "audio.no_ring_device",
    }
}
