//! Microphone, speaker and ring device by cpal.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use super::{
    Need,
    direction::DeviceDirection,
    feed::{CaptureFeed, PlayFeed},
    line::{Change, Line, Open},
    list::DeviceInfo,
    server::StreamDevice,
    system::{SoundSystem, is_of_server},
};
use crate::{
    config::Ear,
    domain::DeviceRole,
    softphone::{
        AudioError, Devices, MediaEvent, Xruns,
        audio::{BLOCK, Latency, RATE},
    },
};

/// The three devices.
pub struct DeviceBackend {
    system: SoundSystem,
    microphone: Line,
    speaker: Line,
    /// Unset when it is the speaker.
    ring: Option<Line>,
    ears: Option<CaptureFeed>,
    mouth: Option<PlayFeed>,
    bell: Option<PlayFeed>,
    proving: bool,
    told_ready: bool,
    told: Vec<AudioError>,
    /// Devices of the machine, when last listed.
    listed: Vec<DeviceInfo>,
    /// Those of ours that were pulled out while nothing was open.
    missing: Vec<DeviceRole>,
}

fn new_ring(system: SoundSystem, devices: &Devices) -> Option<Line> {
    let follows = |wanted: &str| system.follows_default(wanted);
    let same = devices.ring == devices.output || (follows(&devices.ring) && follows(&devices.output));
    (!same).then(|| Line::new(system, &devices.ring, DeviceDirection::Output, DeviceRole::Ring.word()))
}

impl DeviceBackend {
    /// Opens nothing yet.
    pub fn new(system: SoundSystem, devices: &Devices, ear: Ear) -> Self {
        Self {
            system,
            microphone: Line::new(system, &devices.input, DeviceDirection::Input, DeviceRole::Microphone.word()),
            speaker: Line::new(system, &devices.output, DeviceDirection::Output, DeviceRole::Speaker.word())
                .in_ear(ear),
            ring: new_ring(system, devices),
            ears: None,
            mouth: None,
            bell: None,
            proving: false,
            told_ready: false,
            told: Vec::new(),
            listed: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Tells whether microphone and speaker work once it is known.
    pub fn prove(&mut self) {
        self.proving = true;
        self.told_ready = false;
        self.told.clear();
    }

    /// See [`super::Backend::speaker_idle`].
    pub fn speaker_idle(&self, now: Instant) -> Duration {
        self.speaker.idle(now)
    }

    /// Uses these devices from now on; what stays the same stays open.
    pub fn set_devices(&mut self, devices: &Devices) {
        self.microphone.choose(&devices.input);
        self.speaker.choose(&devices.output);
        match (&mut self.ring, new_ring(self.system, devices)) {
            (Some(line), Some(_)) => line.choose(&devices.ring),
            (ring, other) => *ring = other,
        }
        self.missing.clear();
        self.told_ready = false;
        self.told.clear();
    }

    /// Devices have come or gone, which is not known yet: those that could not be opened are tried again.
    pub fn stirred(&mut self, now: Instant) {
        for line in [Some(&mut self.microphone), Some(&mut self.speaker), self.ring.as_mut()].into_iter().flatten() {
            line.try_again(now);
        }
    }

    /// Devices have come or gone. What was pulled out is told also while nothing is open, and what comes back is proven.
    pub fn listed(&mut self, devices: Vec<DeviceInfo>, now: Instant) -> Vec<MediaEvent> {
        self.stirred(now);
        let before = std::mem::replace(&mut self.listed, devices);
        let mut events = Vec::new();
        for role in DeviceRole::ALL {
            let line = match role {
                DeviceRole::Microphone => Some(&mut self.microphone),
                DeviceRole::Speaker => Some(&mut self.speaker),
                DeviceRole::Ring => self.ring.as_mut(),
            };
            let Some(line) = line else { continue };
            let found = |devices: &[DeviceInfo]| found(devices, role, line).cloned();
            match (found(&before), found(&self.listed)) {
                (Some(gone), None) if !line.alive() => {
                    self.missing.push(role);
                    let error = AudioError::Gone { direction: role.word(), device: gone.name };
                    if !self.told.contains(&error) {
                        tracing::warn!(%error, "sound device");
                        self.told.push(error.clone());
                        events.push(MediaEvent::DeviceFailed(error));
                    }
                }
                (Some(gone), None) if line.taken_away(&gone.id, now) => {
                    let error = AudioError::Gone { direction: role.word(), device: gone.name };
                    tracing::warn!(%error, "sound device");
                    self.told.push(error.clone());
                    (self.proving, self.told_ready) = (false, false);
                    events.push(MediaEvent::DeviceFailed(error));
                }
                (before, Some(device)) => {
                    let same = before.is_some_and(|before| before.id == device.id);
                    if !same && line.follow(&device.id, now) {
                        self.told_ready = false;
                        events.push(MediaEvent::DeviceMoved { role, device: device.name });
                    }
                    if self.missing.contains(&role) {
                        self.missing.retain(|missing| *missing != role);
                        if self.missing.is_empty() {
                            self.prove();
                        }
                    }
                }
                (Some(_) | None, None) => {}
            }
        }
        events
    }

    /// What is open for a role.
    fn open(&mut self, role: DeviceRole) -> Option<&mut Open> {
        let line = match role {
            DeviceRole::Microphone => Some(&mut self.microphone),
            DeviceRole::Speaker => Some(&mut self.speaker),
            DeviceRole::Ring => self.ring.as_mut(),
        };
        line.and_then(Line::open)
    }

    /// The system says where our streams go. One that it has moved, perhaps because somebody asked it to, stays there.
    pub fn streams(&mut self, streams: &[StreamDevice], now: Instant) -> Vec<MediaEvent> {
        let mut events = Vec::new();
        for role in DeviceRole::ALL {
            let direction = DeviceDirection::of(role);
            let used: Vec<String> =
                DeviceRole::ALL.into_iter().filter_map(|role| self.open(role).map(|open| open.id.clone())).collect();
            let Some(open) = self.open(role) else { continue };
            let ours = || streams.iter().filter(|stream| stream.direction == direction);
            if !is_of_server(&open.id) || ours().any(|stream| stream.id == open.id) {
                continue;
            }
            let Some(stream) = ours().find(|stream| !used.contains(&stream.id)) else { continue };
            tracing::info!(role = role.word(), from = open.id, to = stream.id, "the system has moved the sound");
            open.moved(&stream.id, &stream.name, now);
            self.told_ready = false;
            events.push(MediaEvent::DeviceMoved { role, device: stream.name.clone() });
        }
        events
    }

    /// See [`super::Backend::lingers`].
    pub fn lingers(&self) -> bool {
        self.proving
            || self.microphone.lingers()
            || self.speaker.lingers()
            || self.ring.as_ref().is_some_and(Line::lingers)
    }

    /// See [`super::Backend::serve`].
    pub fn serve(&mut self, need: Need, now: Instant) -> Vec<MediaEvent> {
        let mut events = Vec::new();
        let ring_by_speaker = need.ring && self.ring.as_ref().is_none_or(Line::failed);
        let microphone = self.microphone.serve(need.microphone || self.proving, now);
        let speaker = self.speaker.serve(need.speaker || ring_by_speaker || self.proving, now);
        let ring = self.ring.as_mut().and_then(|line| line.serve(need.ring, now));
        if self.microphone.open().is_none() {
            self.ears = None;
        }
        if self.speaker.open().is_none() {
            self.mouth = None;
        }
        if self.ring.as_mut().is_none_or(|line| line.open().is_none()) {
            self.bell = None;
        }
        for change in [microphone, speaker, ring].into_iter().flatten() {
            match change {
                Change::Opened => {}
                Change::Failed(error) => {
                    // Calls are heard without the ring device.
                    if error.role() != Some(DeviceRole::Ring) {
                        (self.proving, self.told_ready) = (false, false);
                    }
                    // Told once, not with every attempt.
                    if !self.told.contains(&error) {
                        tracing::warn!(%error, "sound device");
                        self.told.push(error.clone());
                        events.push(MediaEvent::DeviceFailed(error));
                    }
                }
            }
        }
        let of_ring = |error: &AudioError| error.role() == Some(DeviceRole::Ring);
        if !self.told_ready
            && self.microphone.alive()
            && self.speaker.alive()
            && let (Some(input), Some(output)) = (self.microphone.open(), self.speaker.open())
        {
            let (input, output) = (input.name.clone(), output.name.clone());
            tracing::info!(%input, %output, "sound devices work");
            (self.proving, self.told_ready) = (false, true);
            self.told.retain(of_ring);
            events.push(MediaEvent::DevicesReady { input, output });
        }
        if self.told.iter().any(of_ring)
            && self.ring.as_ref().is_some_and(Line::alive)
            && let Some(open) = self.ring.as_mut().and_then(Line::open)
        {
            events.push(MediaEvent::RingReady { ring: open.name.clone() });
            self.told.retain(|error| !of_ring(error));
        }
        if !self.lingers() {
            self.told_ready = false;
            self.told.clear();
        }
        events
    }

    /// Whether the microphone, the speaker and the ring device work now.
    pub fn alive(&self) -> [bool; 3] {
        let ring = self.ring.as_ref().unwrap_or(&self.speaker);
        [self.microphone.alive(), self.speaker.alive(), ring.alive()]
    }

    /// Times each ran dry or over since the program began.
    pub fn xruns(&self) -> Xruns {
        let ring = self.ring.as_ref().map_or(0, Line::xruns);
        Xruns { input: self.microphone.xruns(), output: self.speaker.xruns(), ring }
    }

    /// What capture and playing add to the delay now; zero where nothing is open.
    pub fn latency(&mut self) -> Latency {
        let rate = |open: &Open| u64::from(open.rate.max(1));
        let device_ms = |open: &Open| open.stats.delay_us.load(Ordering::Relaxed) as f32 / 1000.0;
        let capture_ms = match (self.microphone.open(), &self.ears) {
            (Some(open), Some(ears)) => device_ms(open) + ears.waiting() as f32 * 1000.0 / RATE as f32,
            (Some(_) | None, _) => 0.0,
        };
        let play_ms = match self.speaker.open() {
            Some(open) => {
                let waiting = open.end.waiting();
                device_ms(open) + (waiting as u64 * 1000 / rate(open)) as f32
            }
            None => 0.0,
        };
        Latency { capture_ms, play_ms }
    }

    /// The next 10 ms of the microphone, or silence.
    pub fn capture(&mut self, block: &mut [f32; BLOCK]) {
        block.fill(0.0);
        let Some(open) = self.microphone.open() else { return };
        let feed = self.ears.get_or_insert_with(|| CaptureFeed::new(open.rate));
        feed.read(open, block);
    }

    /// The next 10 ms to be heard.
    pub fn play(&mut self, voice: Option<&[f32; BLOCK]>, tones: &[f32; BLOCK], ring: &[f32; BLOCK]) {
        let mut sum = *tones;
        let mut add = |more: &[f32; BLOCK]| sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        if let Some(voice) = voice {
            add(voice);
        }
        match self.ring.as_mut().and_then(Line::open) {
            Some(open) => self.bell.get_or_insert_with(|| PlayFeed::new(open.rate)).write(open, ring),
            None => add(ring),
        }
        if let Some(open) = self.speaker.open() {
            self.mouth.get_or_insert_with(|| PlayFeed::new(open.rate)).write(open, &sum);
        }
    }
}

/// The device of a list that a line uses; for the system's choice the default one.
fn found<'a>(devices: &'a [DeviceInfo], role: DeviceRole, line: &Line) -> Option<&'a DeviceInfo> {
    let mut ours = devices.iter().filter(|device| device.direction == DeviceDirection::of(role));
    if line.follows_default() {
        ours.find(|device| device.is_default)
    } else {
        ours.find(|device| device.is_meant_by(line.wanted()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, direction: DeviceDirection, is_default: bool) -> DeviceInfo {
        DeviceInfo { name: format!("name of {id}"), id: format!("alsa:{id}"), direction, is_default }
    }

    fn headset() -> Devices {
        Devices { input: "alsa:mic".into(), output: "alsa:spk".into(), ring: "default".into() }
    }

    #[test]
    fn a_headset_pulled_out_between_calls_is_told_and_proven_when_it_is_back() {
        let mut backend = DeviceBackend::new(SoundSystem::default(), &headset(), Ear::Both);
        let now = Instant::now();
        let mic = || device("mic", DeviceDirection::Input, false);
        let others = || vec![device("spk", DeviceDirection::Output, false), device("x", DeviceDirection::Output, true)];
        let all = || others().into_iter().chain([mic()]).collect::<Vec<_>>();
        assert_eq!(backend.listed(all(), now), [], "the first list is no change");
        let told = backend.listed(others(), now);
        let gone = AudioError::Gone { direction: "microphone", device: "name of alsa:mic".replace("alsa:", "") };
        assert_eq!(told, [MediaEvent::DeviceFailed(gone)]);
        assert!(!backend.lingers(), "nothing is opened for it");
        assert_eq!(backend.listed(others(), now), [], "told once");
        assert_eq!(backend.listed(all(), now), []);
        assert!(backend.lingers(), "it is proven");
    }

    #[test]
    fn what_was_never_listed_is_not_missed_and_a_default_may_change() {
        let mut backend = DeviceBackend::new(
            SoundSystem::default(),
            &Devices { input: "hidden plugin".into(), ..headset() },
            Ear::Both,
        );
        let now = Instant::now();
        backend.listed(vec![device("a", DeviceDirection::Input, true)], now);
        assert_eq!(backend.listed(vec![device("b", DeviceDirection::Input, true)], now), []);
        assert!(!backend.lingers());
    }

    #[test]
    fn the_ring_device_is_one_of_its_own_only_if_it_is_another_one() {
        let devices =
            |output: &str, ring: &str| Devices { input: String::new(), output: output.into(), ring: ring.into() };
        let system = SoundSystem::default();
        assert!(new_ring(system, &devices("default", "")).is_none());
        assert!(new_ring(system, &devices("a", "a")).is_none());
        assert!(new_ring(system, &devices("a", "default")).is_some());
        let mut backend = DeviceBackend::new(system, &devices("a", "b"), Ear::Both);
        backend.set_devices(&devices("b", "b"));
        assert!(backend.ring.is_none());
        backend.set_devices(&devices("b", "default"));
        assert_eq!(backend.ring.as_ref().map(Line::wanted), Some("default"));
    }
}
