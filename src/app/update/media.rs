//! The softphone's word on the sound of the call: whether it flows, how well, and what is wrong with it.

use serde_json::json;

use super::Turn;
use crate::{app::MediaState, i18n::Message, softphone::MediaEvent};

/// How far a meter falls between two readings (100 ms), dB: a pause between two words is no silence.
const FALL_DB: f32 = 2.0;

/// What a meter shows: rises at once, falls slowly.
fn falling(shown: Option<f32>, level: f32) -> f32 {
    shown.map_or(level, |shown| level.max(shown - FALL_DB))
}

impl Turn<'_> {
    pub(super) fn media_event(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::Connecting => {
                self.state.media.stats = None;
                self.state.media.state = MediaState::Connecting;
            }
            MediaEvent::Up { codec } => {
                self.state.media.codec = Some(codec);
                if self.state.media.state != MediaState::Up {
                    let back = self.state.media.state == MediaState::Lost;
                    self.state.media.state = MediaState::Up;
                    self.publish("mediaUp", &["media"], "", json!({ "codec": codec }));
                    if back {
                        self.settle(&["app.media_lost"]);
                        self.info(Message::new("app.media_back"));
                    }
                }
            }
            MediaEvent::Lost { cause } => {
                if self.state.media.state != MediaState::Lost {
                    self.state.media.state = MediaState::Lost;
                    self.publish("mediaLost", &["media"], "", json!({ "reason": cause.name() }));
                    let reason = cause.message().render(self.state.profile.locale);
                    self.error(Message::new("app.media_lost").with("reason", reason));
                }
            }
            MediaEvent::Closed => {
                let muted = self.state.media.muted;
                let device_errors = std::mem::take(&mut self.state.media.device_errors);
                self.speaking_muted(false);
                self.microphone_silent(false);
                self.state.media = crate::app::state::Media { muted, device_errors, ..Default::default() };
            }
            MediaEvent::Digits(possible) => self.state.media.digits = possible,
            MediaEvent::Stats(stats) => self.state.media.stats = Some(stats),
            MediaEvent::Levels { microphone, far_end } => {
                let media = &mut self.state.media;
                media.microphone = Some(falling(media.microphone, microphone));
                media.far_end = Some(falling(media.far_end, far_end));
                self.ring_back(far_end);
            }
            MediaEvent::DeviceFailed(error) => self.device_failed(error),
            MediaEvent::DevicesReady { input, output } => self.devices_ready(input, output),
            MediaEvent::RingReady { ring } => self.ring_ready(ring),
            MediaEvent::SpeakingMuted(on) => self.speaking_muted(on),
            MediaEvent::MicrophoneSilent(on) => self.microphone_silent(on),
            MediaEvent::Devices(list) => self.devices_listed(list),
            MediaEvent::Tested(test) => self.devices_tested(test),
            MediaEvent::Unheard(_) => {}
        }
    }
}
