//! The microphone's sound made fit to be sent: echo of the far end taken out, noise lowered, level evened.
//!
//! The WebRTC audio processing (AEC3, NS, AGC2) in its Rust port, in blocks of 10 ms. It works at 48 kHz for Opus and
//! G.722, and at 16 kHz, the lowest rate it has, for G.711: what nobody will hear is not worked on. G.722 would fit into
//! 16 kHz too, but the filters that spare its upper band on the way there and back would take longer than we have.

use sonora::{
    AudioProcessing, Config, StreamConfig,
    config::{
        AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate, NoiseSuppression,
        NoiseSuppressionLevel, Pipeline,
    },
};

use super::{BLOCK, RATE, resample::Resampler};
use crate::config::{AudioConfig, Codec};

/// Rate for G.711, and samples of a block at it.
const LOW_RATE: u32 = 16_000;
const LOW_BLOCK: usize = BLOCK / 3;

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
    /// The ways to the lower rate and back, where it is used.
    low: Option<Low>,
}

/// Sound on its way through the lower rate.
struct Low {
    played: Resampler,
    heard: Resampler,
    treated: Resampler,
    narrow: Vec<f32>,
    wide: Vec<f32>,
}

/// Rate the sound of a codec is treated at, Hz.
fn rate(codec: Codec) -> u32 {
    match codec {
        Codec::Opus | Codec::G722 => RATE,
        Codec::Pcma | Codec::Pcmu => LOW_RATE,
    }
}

impl Low {
    fn new() -> Option<Self> {
        Some(Self {
            played: Resampler::hasty(RATE, LOW_RATE)?,
            heard: Resampler::hasty(RATE, LOW_RATE)?,
            treated: Resampler::hasty(LOW_RATE, RATE)?,
            narrow: Vec::with_capacity(LOW_BLOCK),
            wide: Vec::with_capacity(BLOCK),
        })
    }
}

impl Voice {
    /// Ready to hear for a call with this codec; none if nothing is to be done.
    pub fn new(treatment: Treatment, codec: Codec) -> Option<Self> {
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
        let low = if rate(codec) == RATE { None } else { Low::new() };
        let mono = StreamConfig::new(if low.is_some() { LOW_RATE } else { RATE }, 1);
        let processing = AudioProcessing::builder().config(config).capture_config(mono).render_config(mono).build();
        Some(Self { processing, low })
    }

    /// Whether it is as good for another codec; if not, a new one has to learn the room.
    pub fn suits(&self, codec: Codec) -> bool {
        self.low.is_none() == (rate(codec) == RATE)
    }

    /// What the loudspeaker is about to play, 10 ms; before the microphone's block of the same time.
    pub fn played(&mut self, block: &[f32; BLOCK]) {
        let mut unchanged = [0.0; BLOCK];
        let result = match &mut self.low {
            None => self.processing.process_render_f32(&[block], &mut [&mut unchanged]),
            Some(low) => {
                low.narrow.clear();
                low.played.process(block, &mut low.narrow);
                let unchanged = unchanged.get_mut(..LOW_BLOCK).unwrap_or_default();
                self.processing.process_render_f32(&[&low.narrow], &mut [unchanged])
            }
        };
        if let Err(error) = result {
            tracing::debug!(?error, "the far end is not known to the echo canceller");
        }
    }

    /// What the microphone heard, 10 ms, as it is to be sent. What cannot be treated stays as it is.
    pub fn treat(&mut self, block: &[f32; BLOCK]) -> [f32; BLOCK] {
        let mut treated = [0.0; BLOCK];
        let result = match &mut self.low {
            None => self.processing.process_capture_f32(&[block], &mut [&mut treated]),
            Some(low) => {
                low.narrow.clear();
                low.heard.process(block, &mut low.narrow);
                let mut narrow = [0.0; LOW_BLOCK];
                let result = self.processing.process_capture_f32(&[&low.narrow], &mut [&mut narrow]);
                low.wide.clear();
                low.treated.process(&narrow, &mut low.wide);
                for (to, from) in treated.iter_mut().zip(&low.wide) {
                    *to = *from;
                }
                result
            }
        };
        match result {
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
