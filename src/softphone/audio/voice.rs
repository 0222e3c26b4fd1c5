//! The microphone's sound made fit to be sent: echo of the far end taken out, noise lowered, level evened.
//!
//! The WebRTC audio processing (AEC3, NS, AGC2) in its Rust port, at 48 kHz whatever the codec, in blocks of 10 ms and
//! without a delay of its own beyond its filter bank.

use sonora::{
    AudioProcessing, Config, StreamConfig,
    config::{
        AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate, NoiseSuppression,
        NoiseSuppressionLevel, Pipeline,
    },
};

use super::{BLOCK, RATE};
use crate::config::AudioConfig;

/// Most gain for a quiet microphone, dB: enough for a soft voice, not for the neighbour's.
const MAX_GAIN_DB: f32 = 24.0;
/// Gain before anything has been heard, dB.
const FIRST_GAIN_DB: f32 = 6.0;

/// What is done to the microphone's sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// Take the echo of the far end out.
    pub echo_cancellation: bool,
    /// Lower steady noise.
    pub noise_suppression: bool,
    /// Even the level.
    pub gain_control: bool,
}

impl Treatment {
    /// As configured.
    pub fn of(audio: &AudioConfig) -> Self {
        Self {
            echo_cancellation: audio.treats(audio.echo_cancellation),
            noise_suppression: audio.treats(audio.noise_suppression),
            gain_control: audio.treats(audio.gain_control),
        }
    }

    /// Whether there is anything to do.
    pub fn is_any(self) -> bool {
        self.echo_cancellation || self.noise_suppression || self.gain_control
    }
}

/// The treatment of one call; it learns the room anew with each.
pub struct Voice {
    processing: AudioProcessing,
}

impl Voice {
    /// Ready to hear; none if nothing is to be done.
    pub fn new(treatment: Treatment) -> Option<Self> {
        if !treatment.is_any() {
            return None;
        }
        let config = Config {
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                multi_channel_render: false,
                multi_channel_capture: false,
                ..Pipeline::default()
            },
            high_pass_filter: Some(HighPassFilter::default()),
            echo_canceller: treatment.echo_cancellation.then(EchoCanceller::default),
            noise_suppression: treatment
                .noise_suppression
                .then(|| NoiseSuppression { level: NoiseSuppressionLevel::Moderate, ..NoiseSuppression::default() }),
            gain_controller2: treatment.gain_control.then(|| GainController2 {
                adaptive_digital: Some(AdaptiveDigital {
                    max_gain_db: MAX_GAIN_DB,
                    initial_gain_db: FIRST_GAIN_DB,
                    ..AdaptiveDigital::default()
                }),
                ..GainController2::default()
            }),
            ..Config::default()
        };
        let mono = StreamConfig::new(RATE, 1);
        Some(Self {
            processing: AudioProcessing::builder().config(config).capture_config(mono).render_config(mono).build(),
        })
    }

    /// What the loudspeaker is about to play, 10 ms; before the microphone's block of the same time.
    pub fn played(&mut self, block: &[f32; BLOCK]) {
        let mut unchanged = [0.0; BLOCK];
        if let Err(error) = self.processing.process_render_f32(&[block], &mut [&mut unchanged]) {
            tracing::debug!(?error, "the far end is not known to the echo canceller");
        }
    }

    /// What the microphone heard, 10 ms, as it is to be sent. What cannot be treated stays as it is.
    pub fn treat(&mut self, block: &[f32; BLOCK]) -> [f32; BLOCK] {
        let mut treated = [0.0; BLOCK];
        match self.processing.process_capture_f32(&[block], &mut [&mut treated]) {
            Ok(()) => treated,
            Err(error) => {
                tracing::debug!(?error, "10 ms of the microphone stay as they are");
                *block
            }
        }
    }
}

#[cfg(test)]
#[path = "voice_tests.rs"]
mod tests;
