//! Whether everything that a call needs is in order: what is measured and proven, the probes of `check = true`, and the
//! gate before "ready" (protocol `phone-bar.md` 9, made useful).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::{Turn, refusal};
use crate::{
    app::{
        Action, CommandId, Effect, HealthLevel, RefusalKind, RequestId, TimerId,
        state::{Device, Phase, Purpose},
    },
    cti::{
        api::{ApiError, Reply, Request},
        link::LinkEvent,
    },
    domain::{AgentState, ProvenSound, TargetState},
    i18n::Message,
    softphone::{self, DeviceRole, MediaEvent, SoundTest},
};

/// Between two probes of the platform; devices are proven with every other one, once a minute as in the original.
const PROBE: Duration = Duration::from_secs(30);
/// A microphone that hears this much hears a voice, dBFS.
const VOICE: f32 = -40.0;
/// So much of a conversation with a voice in the microphone proves it, tenths of a second.
const SPOKEN: u32 = 20;

impl Turn<'_> {
    /// Takes from the softphone's words what they say of its health.
    pub(super) fn health_of_phone(&mut self, event: &softphone::Event) {
        use softphone::Event;
        let wall = self.now.wall;
        let health = &mut self.state.health;
        match event {
            Event::Registered { expires } | Event::Refreshed { expires } => {
                let until = wall.saturating_add(*expires).unwrap_or(Timestamp::MAX);
                health.granted = Some((wall, until));
            }
            Event::RegistrationFailed { .. } | Event::Unregistered => {
                health.granted = None;
                health.sip.forget();
            }
            Event::RoundTrip(trip) => health.sip.push(trip.as_millis() as u64),
            Event::Media(event) => self.health_of_sound(event),
            Event::Registering
            | Event::Incoming { .. }
            | Event::TurnedAway { .. }
            | Event::Answered { .. }
            | Event::Ended { .. }
            | Event::Muted(_) => {}
        }
    }

    fn health_of_sound(&mut self, event: &MediaEvent) {
        let at = self.now.wall;
        let connected = self.state.call_phase().is_connected();
        let health = &mut self.state.health;
        match event {
            MediaEvent::DevicesReady { input, output } => {
                let other = |device: &Device, name: &str| device.name().is_some_and(|old| old != name);
                if other(&health.microphone, input) || other(&health.speaker, output) {
                    // What was said of the old devices says nothing of these.
                    health.anyway = false;
                    health.spoken = 0;
                    health.test = None;
                }
                health.microphone = Device::Opens { name: input.clone(), at };
                health.speaker = Device::Opens { name: output.clone(), at };
                health.ring = None;
                health.microphone_silent = false;
            }
            MediaEvent::DeviceFailed(error) => {
                let message = error.message();
                match error.role() {
                    Some(DeviceRole::Microphone) => health.microphone = Device::Failed(message),
                    Some(DeviceRole::Speaker) => health.speaker = Device::Failed(message),
                    Some(DeviceRole::Ring) => health.ring = Some(message),
                    None => {
                        health.microphone = Device::Failed(message.clone());
                        health.speaker = Device::Failed(message);
                    }
                }
            }
            MediaEvent::RingReady { .. } => health.ring = None,
            // Whether it works is told next.
            MediaEvent::DeviceMoved { .. } => {}
            MediaEvent::MicrophoneSilent(silent) => health.microphone_silent = *silent,
            MediaEvent::Tested(test) => self.tested(*test),
            MediaEvent::Levels { microphone, .. } => {
                if connected && *microphone > VOICE && health.spoken < SPOKEN {
                    health.spoken += 1;
                    if health.spoken == SPOKEN {
                        self.sound_is_proven();
                    }
                }
            }
            MediaEvent::Lost { cause } => health.media_lost = Some(cause.message()),
            MediaEvent::Up { .. } | MediaEvent::Closed => {
                health.media_lost = None;
                health.spoken = 0;
            }
            MediaEvent::Connecting
            | MediaEvent::Unheard(_)
            | MediaEvent::SpeakingMuted(_)
            | MediaEvent::Devices(_)
            | MediaEvent::Digits(_)
            | MediaEvent::HeldByFarEnd(_)
            | MediaEvent::Stats(_) => {}
        }
    }

    fn tested(&mut self, test: SoundTest) {
        self.state.health.test = Some(test);
        if test.speaker && test.microphone && test.speech {
            self.sound_is_proven();
        }
    }

    /// Tone out and voice in: microphone and speaker work, and need not be tested again in this shift.
    fn sound_is_proven(&mut self) {
        let health = &self.state.health;
        let (Some(input), Some(output)) = (health.microphone.name(), health.speaker.name()) else { return };
        let proven = ProvenSound { input: input.to_owned(), output: output.to_owned(), at: self.now.wall };
        let same = |old: &ProvenSound| (&old.input, &old.output) == (&proven.input, &proven.output);
        if self.state.remembered.proven_sound.as_ref().is_some_and(same) {
            return;
        }
        self.state.remembered.proven_sound = Some(proven);
        self.effects.push(Effect::Remember(self.state.remembered.clone()));
    }

    /// Takes from the event websocket's words what they say of its health.
    pub(super) fn health_of_link(&mut self, event: &LinkEvent) {
        let health = &mut self.state.health;
        match event {
            LinkEvent::RoundTrip(ms) => {
                health.link.push(*ms);
                health.link_late_ms = None;
            }
            LinkEvent::Late(ms) => health.link_late_ms = Some(*ms),
            LinkEvent::Opened | LinkEvent::Closed { .. } | LinkEvent::Failed(_) => {
                health.link.forget();
                health.link_late_ms = None;
            }
            LinkEvent::Push(_) | LinkEvent::Unreadable(_) => {}
        }
    }

    /// A command was answered, or was not.
    pub(super) fn health_of_reply(&mut self, id: RequestId, result: &Result<Reply, ApiError>) {
        let asked = self.state.health.asked.remove(&id);
        let platform = &mut self.state.health.platform;
        match result {
            Ok(_) => {
                platform.failures = 0;
                platform.error = None;
                platform.answered = Some(self.now.wall);
                if let Some(asked) = asked {
                    platform.trips.push(self.now.at.saturating_duration_since(asked).as_millis() as u64);
                }
            }
            Err(error) => {
                platform.failures += 1;
                platform.error = Some(error.message());
            }
        }
    }

    /// The next probe is due.
    pub(super) fn probe_due(&mut self) {
        self.state.health.probes += 1;
        self.effects.push(Effect::StartTimer { timer: TimerId::Probe, after: PROBE });
        self.probe_platform();
        if self.state.health.probes.is_multiple_of(2) {
            self.prove_devices();
        }
    }

    /// Everything is looked at now: somebody wants to know.
    pub(super) fn check_health(&mut self, id: CommandId) {
        self.probe_platform();
        self.prove_devices();
        self.done(id);
    }

    fn probe_platform(&mut self) {
        if self.state.session.phase == Phase::In && !self.is_under_way(&Purpose::Probe) {
            self.request(Purpose::Probe, Request::BusyReasons);
        }
    }

    /// Opens microphone and speaker, unless they are in use anyway.
    fn prove_devices(&mut self) {
        let testing = self.state.health.test.is_some_and(|test| test.running);
        if self.state.live_call().is_none() && !testing {
            self.phone(softphone::Command::ProveDevices);
        }
    }

    /// With `check` the devices are tried before the first state is asked for.
    pub(super) fn prove_devices_early(&mut self) {
        if self.state.profile.check && self.state.health.microphone == Device::Untried {
            self.prove_devices();
        }
    }

    /// Begins or ends the test of microphone and speaker.
    pub(super) fn test_sound(&mut self, id: CommandId, on: bool) {
        let problem = if !self.state.session.web_phone {
            Some("app.no_web_phone")
        } else if on && self.state.live_call().is_some() {
            Some("app.in_a_call")
        } else {
            None
        };
        if let Some(problem) = problem {
            let message = Message::new(problem);
            self.warn(message.clone());
            return self.resolve(id, Err(refusal(RefusalKind::NotNow, message)));
        }
        let test = self.state.health.test.unwrap_or_default();
        self.state.health.test = Some(if on {
            SoundTest { running: true, peak_dbfs: -90.0, ..SoundTest::default() }
        } else {
            SoundTest { running: false, ..test }
        });
        self.phone(softphone::Command::TestSound(on));
        if on {
            self.phone(softphone::Command::Play(Some(softphone::Tone::Test)));
        }
        self.done(id);
    }

    /// "Ready" where sound is not as it must be: with `check` it is refused, without it only told.
    pub(super) fn ready(&mut self, id: CommandId, anyway: bool) {
        self.state.health.anyway |= anyway;
        if let Some(why) = self.state.ready_refused() {
            self.warn(why.clone());
            self.prove_devices();
            return self.resolve(id, Err(refusal(RefusalKind::NotNow, why)));
        }
        if self.state.session.web_phone {
            let health = &self.state.health;
            let broken = [&health.microphone, &health.speaker].into_iter().find_map(|device| match device {
                Device::Failed(why) => Some(why.clone()),
                Device::Untried | Device::Opens { .. } => None,
            });
            if let Some(why) = broken {
                let reason = why.render(self.state.profile.locale);
                self.warn(Message::new("health.ready_without_sound").with("what", reason));
            }
        }
        self.change_state(id, Action::Ready, TargetState::Ready);
    }

    /// The state that a sign-in may ask for: busy instead of ready until microphone and speaker are proven.
    pub(super) fn gated(&mut self, target: TargetState) -> TargetState {
        let why = if target == TargetState::Ready { self.state.ready_refused() } else { None };
        let Some(why) = why else { return target };
        self.state.health.held_ready = true;
        let health = &self.state.health;
        if health.microphone == Device::Untried || health.speaker == Device::Untried {
            // They are being tried at this moment: "try again later" would be wrong advice.
            self.warn(Message::new("health.held_untried"));
        } else {
            let reason = why.render(self.state.profile.locale);
            self.warn(Message::new("health.held").with("why", reason));
        }
        TargetState::Busy(None)
    }

    /// Looks at what the last input has made of things.
    pub(super) fn follow_health(&mut self) {
        let wanted = self.state.profile.check && self.state.session.phase == Phase::In;
        if wanted != std::mem::replace(&mut self.state.health.running, wanted) {
            if wanted {
                self.effects.push(Effect::StartTimer { timer: TimerId::Probe, after: PROBE });
            } else {
                self.effects.push(Effect::StopTimer(TimerId::Probe));
            }
        }
        if self.state.session.phase == Phase::Out && !self.state.session.wanted {
            // The next shift is another matter; the way back after an outage is not.
            self.state.health.anyway = false;
        }
        self.release_ready();
        let at = self.now.wall;
        let before = self.state.health.since.values().map(|(level, _)| *level).max();
        let levels: Vec<_> = self.state.health_facts().into_iter().map(|fact| (fact.name, fact.level)).collect();
        for (name, level) in levels {
            let since = self.state.health.since.entry(name).or_insert((level, at));
            if since.0 != level {
                *since = (level, at);
            }
        }
        let worst = self.state.health.since.values().map(|(level, _)| *level).max();
        if self.state.profile.check && before != worst {
            let wrong: Vec<_> =
                self.state.health_view().items.into_iter().filter(|item| item.level > HealthLevel::Ok).collect();
            self.publish("healthChanged", &["health"], "", json!({ "level": worst, "wrong": wrong }));
        }
    }

    /// The agent who was to be ready is so as soon as nothing speaks against it any more.
    fn release_ready(&mut self) {
        if !self.state.health.held_ready || self.state.session.phase != Phase::In {
            return;
        }
        let agent = &self.state.agent;
        if agent.state == AgentState::Idle
            || (agent.state == AgentState::Busy && agent.reason.is_some_and(|id| id > 10))
        {
            // Somebody has decided otherwise meanwhile.
            self.state.health.held_ready = false;
        } else if agent.state == AgentState::Busy
            && self.state.live_call().is_none()
            && self.state.ready_refused().is_none()
        {
            self.state.health.held_ready = false;
            self.settle(&["health.held", "health.held_untried"]);
            self.info(Message::new("health.released"));
            self.request_state(TargetState::Ready);
        }
    }
}
