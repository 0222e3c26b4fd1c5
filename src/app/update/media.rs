//! The softphone's word on the sound of the call: whether it flows, how well, and what is wrong with it.

use serde_json::json;

use super::Turn;
use crate::{
    app::MediaState,
    domain::{CallPhase, Heard, Sample, WarningChange, WarningName},
    i18n::Message,
    softphone::{LossCause, MediaEvent, MediaStats, Unheard},
};

/// Nothing is heard for so long before it is told, s.
const UNHEARD_S: f32 = 3.0;

/// Nothing came for so long: a second without sound, ms.
const SILENT_MS: u32 = 1000;

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
                self.nothing_is_measured();
                self.state.media.stats = None;
                self.state.media.state = MediaState::Connecting;
            }
            MediaEvent::Up { codec } => {
                self.state.media.codec = Some(codec);
                if self.state.media.state != MediaState::Up {
                    self.state.media.state = MediaState::Up;
                    self.publish("mediaUp", &["media"], "", json!({ "codec": codec }));
                    self.sound_is_back();
                }
            }
            MediaEvent::Lost { cause } => self.sound_is_lost(cause),
            MediaEvent::Closed => {
                self.nothing_is_measured();
                let muted = self.state.media.muted;
                let device_errors = std::mem::take(&mut self.state.media.device_errors);
                self.speaking_muted(false);
                self.microphone_silent(false);
                self.state.media = crate::app::state::Media { muted, device_errors, ..Default::default() };
            }
            MediaEvent::Digits(possible) => self.state.media.digits = possible,
            MediaEvent::HeldByFarEnd(held) => {
                tracing::info!(held, "the other side's hold");
                self.state.media.held_by_far_end = held;
            }
            MediaEvent::Stats(stats) => self.measured(stats),
            MediaEvent::Levels { microphone, far_end } => {
                let media = &mut self.state.media;
                media.microphone = Some(falling(media.microphone, microphone));
                media.far_end = Some(falling(media.far_end, far_end));
                let change = if media.state == MediaState::Up {
                    media.quality.level(Some(microphone).filter(|_| !media.muted))
                } else {
                    None
                };
                self.tell_warnings(change.into_iter().collect());
                self.ring_back(far_end);
            }
            MediaEvent::DeviceFailed(error) => self.device_failed(error),
            MediaEvent::DeviceMoved { role, device } => self.device_moved(role, device),
            MediaEvent::DevicesReady { input, output } => self.devices_ready(input, output),
            MediaEvent::RingReady { ring } => self.ring_ready(ring),
            MediaEvent::SpeakingMuted(on) => self.speaking_muted(on),
            MediaEvent::MicrophoneSilent(on) => self.microphone_silent(on),
            MediaEvent::Devices(list) => self.devices_listed(list),
            MediaEvent::Tested(test) => self.devices_tested(test),
            MediaEvent::Unheard(why) => {
                self.state.media.unheard = why;
                self.unheard();
            }
        }
    }

    fn sound_is_lost(&mut self, cause: LossCause) {
        if self.state.media.state == MediaState::Lost {
            return;
        }
        self.nothing_is_measured();
        self.state.media.state = MediaState::Lost;
        self.state.media.lost_at = Some(self.now.at);
        self.publish("mediaLost", &["media"], "", json!({ "reason": cause.name() }));
        let reason = cause.message().render(self.state.profile.locale);
        self.error(Message::new("app.media_lost").with("reason", reason));
    }

    fn sound_is_back(&mut self) {
        let Some(lost_at) = self.state.media.lost_at.take() else { return };
        let seconds = self.now.at.saturating_duration_since(lost_at).as_secs_f32().ceil();
        self.settle(&["app.media_lost"]);
        self.info(Message::new("app.media_back").with("seconds", seconds));
    }

    /// A second of the call.
    fn measured(&mut self, stats: MediaStats) {
        self.state.media.stats = Some(stats);
        let sample =
            Sample { rtt_ms: stats.rtt_ms, jitter_ms: stats.jitter_ms, loss_pct: stats.loss_now_pct, mos: stats.mos };
        let codec = self.state.media.codec;
        if let Some(call) = self.state.live_call_mut() {
            codec.into_iter().for_each(|codec| call.heard.spoken(codec.name()));
            call.heard.second(Heard {
                sample,
                concealed_pct: stats.concealed_pct,
                far_loss_pct: stats.far_loss_pct,
                received: stats.packets_received,
                lost: stats.packets_lost,
                silent: stats.idle_ms >= SILENT_MS,
            });
        }
        if self.state.media.state == MediaState::Up {
            let changes = self.state.media.quality.second(sample);
            self.tell_warnings(changes);
            self.unheard();
        }
    }

    /// A far end that is silent before it has answered is none to be told of: nor is a colleague who is still called.
    fn unheard(&mut self) {
        let why = self.state.media.unheard;
        let phase = self.state.call_phase();
        let connected = phase.is_connected() && phase != CallPhase::ConsultOut;
        let quality = &mut self.state.media.quality;
        let changes = [
            quality.told(WarningName::SpeakerStalled, why == Some(Unheard::SpeakerStalled), UNHEARD_S),
            quality.told(WarningName::FarEndSilent, why == Some(Unheard::Silence) && connected, UNHEARD_S),
        ];
        self.tell_warnings(changes.into_iter().flatten().collect());
    }

    /// There is no sound to be measured: other words say so.
    fn nothing_is_measured(&mut self) {
        self.state.media.unheard = None;
        let changes = self.state.media.quality.reset();
        self.tell_warnings(changes);
    }

    /// The screen has a line for what is wrong; scripts are told of every change.
    fn tell_warnings(&mut self, changes: Vec<WarningChange>) {
        for change in changes {
            let (event, warning) = match change {
                WarningChange::Raised(warning) => {
                    if !warning.name.is_informational()
                        && let Some(call) = self.state.live_call_mut()
                    {
                        call.heard.warned();
                    }
                    ("qualityWarning", warning)
                }
                WarningChange::Cleared(warning) => ("qualityWarningCleared", warning),
            };
            tracing::info!(event, ?warning, "quality of the call");
            self.publish(event, &["media"], "", json!(warning));
        }
    }
}
