//! Opus (RFC 6716, RFC 7587) and G.711 (RFC 3551 4.5.14), to and from 48 kHz mono.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use bytes::Bytes;
use ropus::{Application, Bitrate, Channels, DecodeMode, InbandFec};
use thiserror::Error;

use super::{FRAME, RATE, resample::Resampler};
use crate::config::Codec;

/// Opus, bit/s: wideband speech with room for its own redundancy.
const OPUS_BITRATE: u32 = 32_000;
/// Opus complexity, 0 to 10: about 1 % of a core here.
const OPUS_COMPLEXITY: u8 = 5;
/// The loss the encoder prepares for, percent; below some percent it leaves the redundancy out.
const OPUS_EXPECTED_LOSS: u8 = 10;
/// Longest Opus packet, samples: 120 ms.
const OPUS_LONGEST: usize = 5760;
/// Longest payload written, bytes: far above what the bit rate gives for 20 ms.
const OPUS_PAYLOAD: usize = 1275;

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
        Codec::Pcma | Codec::Pcmu => 8_000,
    }
}

/// Turns 20 ms into a payload.
pub enum Encoder {
    /// Opus, with its output buffer.
    Opus(Box<ropus::Encoder>, Box<[u8; OPUS_PAYLOAD]>),
    /// G.711.
    G711(Box<G711<Compress>>),
}

type Compress = fn(i16) -> u8;
type Expand = fn(u8) -> i16;

/// G.711 one way.
pub struct G711<Law> {
    law: Law,
    /// 48 to 8 kHz, or back.
    resampler: Resampler,
    /// Scratch, 8 kHz.
    narrow: Vec<f32>,
}

impl Encoder {
    /// A fresh encoder.
    pub fn new(codec: Codec) -> Result<Self, CodecError> {
        let law: Compress = match codec {
            Codec::Opus => {
                let encoder = ropus::Encoder::builder(RATE, Channels::Mono, Application::Voip)
                    .bitrate(Bitrate::Bits(OPUS_BITRATE))
                    .complexity(OPUS_COMPLEXITY)
                    .inband_fec(InbandFec::Enabled)
                    .packet_loss_perc(OPUS_EXPECTED_LOSS)
                    .build()
                    .map_err(|error| failed(codec, error))?;
                return Ok(Self::Opus(Box::new(encoder), Box::new([0; OPUS_PAYLOAD])));
            }
            Codec::Pcma => encode_alaw,
            Codec::Pcmu => encode_ulaw,
        };
        let resampler = Resampler::new(RATE, 8_000).ok_or_else(|| failed(codec, "no resampler"))?;
        Ok(Self::G711(Box::new(G711 { law, resampler, narrow: Vec::new() })))
    }

    /// Encodes 20 ms.
    ///
    /// # Errors
    /// When the encoder refuses, which no sound makes it do.
    pub fn encode(&mut self, frame: &[f32; FRAME]) -> Result<Bytes, CodecError> {
        match self {
            Self::Opus(encoder, buffer) => {
                let length =
                    encoder.encode_float(frame, buffer.as_mut_slice()).map_err(|error| failed(Codec::Opus, error))?;
                Ok(Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default()))
            }
            Self::G711(g711) => {
                g711.narrow.clear();
                g711.resampler.process(frame, &mut g711.narrow);
                Ok(g711.narrow.iter().map(|sample| (g711.law)(to_i16(*sample))).collect())
            }
        }
    }
}

/// Turns payloads into 48 kHz sound, and nothing into something like it.
pub enum Decoder {
    /// Opus, with its output buffer.
    Opus(Box<ropus::Decoder>, Box<[f32; OPUS_LONGEST]>),
    /// G.711.
    G711(Box<G711<Expand>>),
}

impl Decoder {
    /// A fresh decoder.
    pub fn new(codec: Codec) -> Result<Self, CodecError> {
        let law: Expand = match codec {
            Codec::Opus => {
                let decoder = ropus::Decoder::new(RATE, Channels::Mono).map_err(|error| failed(codec, error))?;
                return Ok(Self::Opus(Box::new(decoder), Box::new([0.0; OPUS_LONGEST])));
            }
            Codec::Pcma => decode_alaw,
            Codec::Pcmu => decode_ulaw,
        };
        let resampler = Resampler::new(8_000, RATE).ok_or_else(|| failed(codec, "no resampler"))?;
        Ok(Self::G711(Box::new(G711 { law, resampler, narrow: Vec::new() })))
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
            Self::G711(g711) => {
                g711.narrow.clear();
                g711.narrow.extend(payload.iter().map(|byte| f32::from((g711.law)(*byte)) / 32_768.0));
                g711.resampler.process(&g711.narrow, out);
                Ok(payload.len() * 6)
            }
        }
    }

    /// The rate at which the codec itself works, Hz, where that is less than 48 kHz and what it makes is widened; a gap
    /// must be closed at that rate. None for Opus, which closes its gaps itself.
    pub fn narrow_rate(&self) -> Option<u32> {
        match self {
            Self::Opus(..) => None,
            Self::G711(..) => Some(8_000),
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
            Self::G711(g711) => {
                out.extend(payload.iter().map(|byte| f32::from((g711.law)(*byte)) / 32_768.0));
                Ok(payload.len() * 6)
            }
        }
    }

    /// Appends to `out` what was decoded at the narrow rate, at 48 kHz.
    pub fn widen(&mut self, narrow: &[f32], out: &mut Vec<f32>) {
        match self {
            Self::Opus(..) => {}
            Self::G711(g711) => g711.resampler.process(narrow, out),
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

/// A sample of full scale 1.0 as a 16-bit one, limited.
pub fn to_i16(sample: f32) -> i16 {
    // `as` saturates, and turns NaN into 0.
    (sample * 32_768.0).round() as i16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::softphone::audio::testing::{level_at, rms_dbfs, sine, strongest_near};

    const ALL: [Codec; 3] = [Codec::Opus, Codec::Pcma, Codec::Pcmu];

    fn round_trip(codec: Codec, sound: &[f32]) -> Vec<f32> {
        let (mut encoder, mut decoder) = (Encoder::new(codec).unwrap(), Decoder::new(codec).unwrap());
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
    fn a_g711_packet_is_160_bytes() {
        let mut encoder = Encoder::new(Codec::Pcma).unwrap();
        for _ in 0..3 {
            assert_eq!(encoder.encode(&[0.0; FRAME]).unwrap().len(), 160);
        }
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
