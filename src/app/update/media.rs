//! The softphone's word on the sound of the call: whether it flows, how well, and what is wrong with it.

use serde_json::json;

use super::Turn;
use crate::{app::MediaState, i18n::Message, softphone::MediaEvent};

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
                self.state.media = crate::app::state::Media { muted, device_errors, ..Default::default() };
            }
            MediaEvent::Digits(possible) => self.state.media.digits = possible,
            MediaEvent::Stats(stats) => self.state.media.stats = Some(stats),
            MediaEvent::Levels { microphone, far_end } => {
                self.state.media.microphone = Some(microphone);
                self.state.media.far_end = Some(far_end);
                self.ring_back(far_end);
            }
            MediaEvent::DeviceFailed(error) => {
                let message = error.message();
                if !self.state.media.device_errors.contains(&message) {
                    self.error(message.clone());
                    self.state.media.device_errors.push(message);
                }
            }
            MediaEvent::DevicesReady { input, output } => {
                let well_again = std::mem::take(&mut self.state.media.device_errors);
                if !well_again.is_empty() {
                    self.settle(&well_again.iter().map(Message::key).collect::<Vec<_>>());
                    self.info(Message::new("app.devices_back").with("input", input).with("output", output));
                }
            }
            MediaEvent::Unheard(_) | MediaEvent::SpeakingMuted(_) | MediaEvent::MicrophoneSilent(_) => {}
            MediaEvent::Devices(_) | MediaEvent::Tested(_) | MediaEvent::RingReady { .. } => {}
        }
    }
}
