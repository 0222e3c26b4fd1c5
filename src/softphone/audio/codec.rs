//! Opus (RFC 6716, RFC 7587), G.722 (RFC 3551 4.5.2) and G.711 (RFC 3551 4.5.14), to and from 48 kHz mono.

use audio_codec::{
    Decoder as _, Encoder as _,
    g722::{G722Decoder, G722Encoder},
};
use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use bytes::Bytes;
use ropus::{Channels, DecodeMode};
use thiserror::Error;

use super::{OpusWishes, RATE, opus::OpusEncoder, resample::Resampler};
use crate::config::Codec;

/// Longest Opus packet, samples: 120 ms.
const OPUS_LONGEST: usize = 5760;
/// Sample rate of G.711, Hz.
const G711_RATE: u32 = 8_000;
/// Sample rate of G.722, Hz.
const G722_RATE: u32 = 16_000;

/// A payload that cannot be decoded, or a codec that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{codec}: {reason}", codec = codec.name())]
pub struct CodecError {
    codec: Codec,
    reason: String,
}

fn failed(codec: Codec, reason: impl ToString) -> CodecError {
    CodecError { codec, reason: reason.to_string() }
}

/// RTP clock of a codec, Hz.
pub fn rtp_clock(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => 48_000,
        // G.722 has twice as many samples; its clock is a mistake that stayed (RFC 3551 4.5.2).
        Codec::G722 | Codec::Pcma | Codec::Pcmu => 8_000,
    }
}

/// Turns 10 or 20 ms into a payload.
pub enum Encoder {
    /// Opus.
    Opus(Box<OpusEncoder>),
    /// G.711 or G.722.
    Narrow(Box<NarrowEncoder>),
}

/// A codec of less than 48 kHz, one way.
pub struct NarrowEncoder {
    coder: Compressor,
    resampler: Resampler,
    /// Scratch, at the codec's rate.
    narrow: Vec<f32>,
    samples: Vec<i16>,
}

enum Compressor {
    G711(fn(i16) -> u8),
    G722(Box<G722Encoder>),
}

impl Encoder {
    /// A fresh encoder; of the far end nothing is known.
    pub fn new(codec: Codec) -> Result<Self, CodecError> {
        let (coder, rate) = match codec {
            Codec::Opus => {
                let encoder = OpusEncoder::new(OpusWishes::default()).map_err(|error| failed(codec, error))?;
                return Ok(Self::Opus(Box::new(encoder)));
            }
            Codec::G722 => (Compressor::G722(Box::new(G722Encoder::new())), G722_RATE),
            Codec::Pcma => (Compressor::G711(encode_alaw), G711_RATE),
            Codec::Pcmu => (Compressor::G711(encode_ulaw), G711_RATE),
        };
        let resampler = Resampler::new(RATE, rate).ok_or_else(|| failed(codec, "no resampler"))?;
        Ok(Self::Narrow(Box::new(NarrowEncoder { coder, resampler, narrow: Vec::new(), samples: Vec::new() })))
    }

    /// Encodes 10 or 20 ms; an empty payload where nothing needs to be sent (DTX).
    ///
    /// # Errors
    /// When the encoder refuses, which no sound makes it do.
    pub fn encode(&mut self, frame: &[f32]) -> Result<Bytes, CodecError> {
        match self {
            Self::Opus(encoder) => {
                let payload = encoder.encode(frame).map_err(|error| failed(Codec::Opus, error))?;
                Ok(Bytes::copy_from_slice(payload))
            }
            Self::Narrow(narrow) => narrow.encode(frame),
        }
    }

    /// What the far end wishes of Opus; the other codecs leave no choice.
    pub fn set_wishes(&mut self, wishes: OpusWishes) {
        if let Self::Opus(encoder) = self
            && let Err(error) = encoder.set_wishes(wishes)
        {
            tracing::debug!(%error, "the encoder does not follow the far end's wishes");
        }
    }

    /// The far end reports to have lost so much of what was sent, percent. Means nothing to G.711 and G.722, which cannot
    /// prepare for it.
    pub fn far_loss(&mut self, percent: f32) {
        if let Self::Opus(encoder) = self
            && let Err(error) = encoder.far_loss(percent)
        {
            tracing::debug!(%error, "the encoder does not follow the loss");
        }
    }
}

impl NarrowEncoder {
    fn encode(&mut self, frame: &[f32]) -> Result<Bytes, CodecError> {
        self.narrow.clear();
        self.resampler.process(frame, &mut self.narrow);
        match &mut self.coder {
            Compressor::G711(law) => Ok(self.narrow.iter().map(|sample| law(to_i16(*sample))).collect()),
            Compressor::G722(encoder) => {
                self.samples.clear();
                self.samples.extend(self.narrow.iter().map(|sample| to_i16(*sample)));
                let mut payload = vec![0; encoder.max_encode_bytes(self.samples.len())];
                let length = encoder
                    .encode_into(&self.samples, &mut payload)
                    .map_err(|error| failed(Codec::G722, format!("{error:?}")))?;
                payload.truncate(length);
                Ok(payload.into())
            }
        }
    }
}

/// Turns payloads into 48 kHz sound, and nothing into something like it.
pub enum Decoder {
    /// Opus, with its output buffer.
    Opus(Box<ropus::Decoder>, Box<[f32; OPUS_LONGEST]>),
    /// G.711 or G.722.
    Narrow(Box<NarrowDecoder>),
}

/// A codec of less than 48 kHz, the other way.
pub struct NarrowDecoder {
    coder: Expander,
    resampler: Resampler,
    /// Scratch.
    samples: Vec<i16>,
}

enum Expander {
    G711(fn(u8) -> i16),
    G722(Box<G722Decoder>),
}

impl Decoder {
    /// A fresh decoder.
    pub fn new(codec: Codec) -> Result<Self, CodecError> {
        let (coder, rate) = match codec {
            Codec::Opus => {
                let decoder = ropus::Decoder::new(RATE, Channels::Mono).map_err(|error| failed(codec, error))?;
                return Ok(Self::Opus(Box::new(decoder), Box::new([0.0; OPUS_LONGEST])));
            }
            Codec::G722 => (Expander::G722(Box::new(G722Decoder::new())), G722_RATE),
            Codec::Pcma => (Expander::G711(decode_alaw), G711_RATE),
            Codec::Pcmu => (Expander::G711(decode_ulaw), G711_RATE),
        };
        let resampler = Resampler::new(rate, RATE).ok_or_else(|| failed(codec, "no resampler"))?;
        Ok(Self::Narrow(Box::new(NarrowDecoder { coder, resampler, samples: Vec::new() })))
    }

    /// Decodes a packet, appends its sound to `out`, and says how much of the stream it covers, samples at 48 kHz.
    ///
    /// # Errors
    /// When the payload is damaged; nothing is appended then.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        match self {
            Self::Opus(decoder, buffer) => {
                if payload.is_empty() {
                    return Err(failed(Codec::Opus, "empty payload"));
                }
                let length = decoder
                    .decode_float(payload, buffer.as_mut_slice(), DecodeMode::Normal)
                    .map_err(|error| failed(Codec::Opus, error))?;
                out.extend(buffer.iter().take(length));
                Ok(length)
            }
            Self::Narrow(..) => {
                let mut narrow = Vec::new();
                let length = self.decode_narrow(payload, &mut narrow)?;
                self.widen(&narrow, out);
                Ok(length)
            }
        }
    }

    /// The rate at which the codec itself works, Hz, where that is less than 48 kHz and what it makes is widened; a gap
    /// must be closed at that rate. None for Opus, which closes its gaps itself.
    pub fn narrow_rate(&self) -> Option<u32> {
        match self {
            Self::Opus(..) => None,
            Self::Narrow(narrow) => Some(match narrow.coder {
                Expander::G711(..) => G711_RATE,
                Expander::G722(..) => G722_RATE,
            }),
        }
    }

    /// Decodes a packet at the [`narrow_rate`](Self::narrow_rate), appends that to `out`, and says how much of the
    /// stream it covers, samples at 48 kHz.
    ///
    /// # Errors
    /// When the payload is damaged, or the codec has no such rate.
    pub fn decode_narrow(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        match self {
            Self::Opus(..) => Err(failed(Codec::Opus, "it is not narrow")),
            Self::Narrow(narrow) => {
                narrow.decode(payload, out)?;
                // One byte is 1/8000 s in G.711 and G.722 alike.
                Ok(payload.len() * 6)
            }
        }
    }

    /// Appends to `out` what was decoded at the narrow rate, at 48 kHz.
    pub fn widen(&mut self, narrow: &[f32], out: &mut Vec<f32>) {
        match self {
            Self::Opus(..) => {}
            Self::Narrow(decoder) => decoder.resampler.process(narrow, out),
        }
    }

    /// Opus: recovers a lost packet of `samples` from the redundancy of the one after it, or makes it up where there
    /// is none. False for codecs that cannot.
    pub fn recover(&mut self, next_payload: &[u8], samples: usize, out: &mut Vec<f32>) -> bool {
        self.opus_frame(next_payload, samples, DecodeMode::Fec, out)
    }

    /// Opus: makes up `samples` (a multiple of 2.5 ms) from what was heard before. False for codecs that cannot.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) -> bool {
        self.opus_frame(&[], samples, DecodeMode::Normal, out)
    }

    fn opus_frame(&mut self, payload: &[u8], samples: usize, mode: DecodeMode, out: &mut Vec<f32>) -> bool {
        let Self::Opus(decoder, buffer) = self else { return false };
        let Some(frame) = buffer.get_mut(..samples) else { return false };
        match decoder.decode_float(payload, frame, mode) {
            Ok(length) => {
                out.extend(frame.iter().take(length));
                length > 0
            }
            Err(error) => {
                tracing::debug!(%error, samples, "no concealment");
                false
            }
        }
    }
}

impl NarrowDecoder {
    fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<(), CodecError> {
        self.samples.clear();
        match &mut self.coder {
            Expander::G711(law) => self.samples.extend(payload.iter().map(|byte| law(*byte))),
            Expander::G722(decoder) => {
                self.samples.resize(decoder.max_decode_samples(payload.len()), 0);
                let length = decoder
                    .decode_into(payload, &mut self.samples)
                    .map_err(|error| failed(Codec::G722, format!("{error:?}")))?;
                self.samples.truncate(length);
            }
        }
        out.extend(self.samples.iter().map(|sample| f32::from(*sample) / 32_768.0));
        Ok(())
    }
}

/// A sample of full scale 1.0 as a 16-bit one, limited.
pub fn to_i16(sample: f32) -> i16 {
    // `as` saturates, and turns NaN into 0.
    (sample * 32_768.0).round() as i16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::softphone::audio::{
        FRAME,
        testing::{level_at, rms_dbfs, sine, strongest_near},
    };

    const ALL: [Codec; 4] = [Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu];

    fn encoder(codec: Codec) -> Encoder {
        Encoder::new(codec).unwrap()
    }

    fn round_trip(codec: Codec, sound: &[f32]) -> Vec<f32> {
        let (mut encoder, mut decoder) = (encoder(codec), Decoder::new(codec).unwrap());
        let mut out = Vec::new();
        for frame in sound.as_chunks::<FRAME>().0 {
            let payload = encoder.encode(frame).unwrap();
            assert_eq!(decoder.decode(&payload, &mut out).unwrap(), FRAME);
        }
        out
    }

    #[test]
    fn every_codec_keeps_frequency_and_level() {
        for codec in ALL {
            for hz in [440.0, 1000.0] {
                let heard = round_trip(codec, &sine(hz, -12.0, 96_000));
                let steady = &heard[24_000..90_000];
                assert!((strongest_near(steady, hz) - hz).abs() <= 0.5, "{codec:?} {hz} Hz");
                assert!((level_at(steady, hz) + 12.0).abs() < 1.0, "{codec:?}: {}", level_at(steady, hz));
            }
        }
    }

    #[test]
    fn silence_stays_silence() {
        for codec in ALL {
            let heard = round_trip(codec, &vec![0.0; 48_000]);
            assert!(rms_dbfs(&heard) < -70.0, "{codec:?}: {}", rms_dbfs(&heard));
        }
    }

    #[test]
    fn a_packet_of_64_kbit_per_second_is_160_bytes() {
        for codec in [Codec::G722, Codec::Pcma, Codec::Pcmu] {
            let mut encoder = encoder(codec);
            for _ in 0..3 {
                assert_eq!(encoder.encode(&[0.0; FRAME]).unwrap().len(), 160, "{codec:?}");
            }
        }
    }

    /// G.722 carries twice the sound of G.711: 50 Hz to 7 kHz (ITU-T G.722 1).
    #[test]
    fn g722_carries_what_g711_cannot() {
        for (hz, noise) in [(300.0, -45.0), (1000.0, -45.0), (3000.0, -40.0), (6000.0, -25.0)] {
            let heard = round_trip(Codec::G722, &sine(hz, -12.0, 96_000));
            let steady = &heard[24_000..90_000];
            let level = level_at(steady, hz);
            assert!((level + 12.0).abs() < 1.0, "{hz} Hz at {level:.1} dBFS");
            // What is left when the tone is taken out, by its own amplitude and phase.
            let (mut re, mut im) = (0.0, 0.0);
            let phase = |n: usize| std::f64::consts::TAU * hz * n as f64 / 48_000.0;
            for (n, sample) in steady[..48_000].iter().enumerate() {
                re += f64::from(*sample) * phase(n).cos() / 24_000.0;
                im += f64::from(*sample) * phase(n).sin() / 24_000.0;
            }
            let rest: Vec<f32> = steady[..48_000]
                .iter()
                .enumerate()
                .map(|(n, sample)| (f64::from(*sample) - re * phase(n).cos() - im * phase(n).sin()) as f32)
                .collect();
            let rest = rms_dbfs(&rest) - rms_dbfs(steady);
            assert!(rest < noise, "{hz} Hz: noise {rest:.1} dB under the tone");
        }
        let lost = round_trip(Codec::Pcma, &sine(6000.0, -12.0, 96_000));
        assert!(level_at(&lost[24_000..90_000], 6000.0) < -60.0);
    }

    #[test]
    fn samples_beyond_full_scale_are_limited() {
        assert_eq!((to_i16(2.0), to_i16(-2.0), to_i16(f32::NAN)), (i16::MAX, i16::MIN, 0));
    }

    proptest! {
        #[test]
        fn no_payload_makes_a_decoder_panic(payload in prop::collection::vec(any::<u8>(), 0..400)) {
            for codec in ALL {
                let mut out = Vec::new();
                if let Ok(length) = Decoder::new(codec).unwrap().decode(&payload, &mut out) {
                    prop_assert!(length <= OPUS_LONGEST || codec != Codec::Opus);
                }
                Decoder::new(codec).unwrap().recover(&payload, FRAME, &mut out);
            }
        }
    }
}
