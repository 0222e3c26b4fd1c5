//! The codecs of a leg: Opus at 48 kHz, G.722 at 16 kHz and G.711 at 8 kHz resampled from and to it. Frames of 20 ms.

use audio_codec::{
    Decoder as _, Encoder as _,
    g722::{G722Decoder, G722Encoder},
};
use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use ropus::{Application, Bitrate, Channels, DecodeMode, Decoder, Encoder, InbandFec};

use super::sound::{FRAME, Frame, RATE};
use crate::softphone::audio::Resampler;

/// Samples in 20 ms at 8 kHz.
const NARROW_FRAME: usize = FRAME / 6;
/// Sample rates of G.711 and G.722, Hz.
const G711_RATE: u32 = 8_000;
const G722_RATE: u32 = 16_000;
/// The longest Opus packet: 120 ms at 48 kHz.
const LONGEST: usize = 6 * FRAME;

/// An audio format a leg can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Opus,
    G722,
    Pcmu,
    Pcma,
}

impl Codec {
    /// By the name in `a=rtpmap`.
    pub fn by_name(name: &str) -> Option<Codec> {
        [("opus", Codec::Opus), ("G722", Codec::G722), ("PCMU", Codec::Pcmu), ("PCMA", Codec::Pcma)]
            .into_iter()
            .find_map(|(known, codec)| name.eq_ignore_ascii_case(known).then_some(codec))
    }

    /// RTP clock ticks in a 20 ms frame.
    pub fn ticks(self) -> u32 {
        match self {
            Codec::Opus => FRAME as u32,
            // G.722 has twice as many samples, and by an old mistake the same clock (RFC 3551 4.5.2).
            Codec::G722 | Codec::Pcmu | Codec::Pcma => NARROW_FRAME as u32,
        }
    }

    /// Rate of the RTP clock in Hz.
    pub fn clock(self) -> u32 {
        self.ticks() * 50
    }
}

/// Why no codec could be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodecError {
    #[error("opus: {0}")]
    Opus(String),
    #[error("no resampler")]
    Resampler,
}

/// 20 ms frames at 48 kHz in, RTP payloads out.
pub(super) enum Speaker {
    Opus(Box<Encoder>),
    G711 { resampler: Box<Resampler>, encode: fn(i16) -> u8 },
    G722 { resampler: Box<Resampler>, encoder: Box<G722Encoder> },
}

fn resampler(from: u32, to: u32) -> Result<Box<Resampler>, CodecError> {
    Resampler::new(from, to).map(Box::new).ok_or(CodecError::Resampler)
}

impl Speaker {
    pub fn new(codec: Codec) -> Result<Speaker, CodecError> {
        let encode = match codec {
            Codec::Opus => {
                let encoder = Encoder::builder(RATE as u32, Channels::Mono, Application::Voip)
                    .bitrate(Bitrate::Bits(32_000))
                    .complexity(5)
                    .inband_fec(InbandFec::Enabled)
                    .packet_loss_perc(5)
                    .build()
                    .map_err(|error| CodecError::Opus(error.to_string()))?;
                return Ok(Speaker::Opus(Box::new(encoder)));
            }
            Codec::G722 => {
                let encoder = Box::new(G722Encoder::new());
                return Ok(Speaker::G722 { resampler: resampler(RATE as u32, G722_RATE)?, encoder });
            }
            Codec::Pcmu => encode_ulaw,
            Codec::Pcma => encode_alaw,
        };
        Ok(Speaker::G711 { resampler: resampler(RATE as u32, G711_RATE)?, encode })
    }

    /// The payload for one frame; none if the codec refuses it.
    pub fn encode(&mut self, frame: &Frame) -> Option<Vec<u8>> {
        let to_i16 = |sample: &f32| (sample.clamp(-1.0, 1.0) * 32_767.0) as i16;
        let mut narrow = Vec::new();
        match self {
            Speaker::Opus(encoder) => {
                let mut packet = vec![0; 1275];
                let length = encoder.encode_float(frame, &mut packet).ok()?;
                packet.truncate(length);
                Some(packet)
            }
            Speaker::G711 { resampler, encode } => {
                resampler.process(frame, &mut narrow);
                Some(narrow.iter().map(|sample| encode(to_i16(sample))).collect())
            }
            Speaker::G722 { resampler, encoder } => {
                resampler.process(frame, &mut narrow);
                let samples: Vec<i16> = narrow.iter().map(to_i16).collect();
                let mut packet = vec![0; encoder.max_encode_bytes(samples.len())];
                let length = encoder.encode_into(&samples, &mut packet).ok()?;
                packet.truncate(length);
                Some(packet)
            }
        }
    }
}

/// RTP payloads in, samples at 48 kHz out.
pub(super) enum Listener {
    Opus(Box<Decoder>),
    G711 { resampler: Box<Resampler>, decode: fn(u8) -> i16 },
    G722 { resampler: Box<Resampler>, decoder: Box<G722Decoder> },
}

impl Listener {
    pub fn new(codec: Codec) -> Result<Listener, CodecError> {
        let decode = match codec {
            Codec::Opus => {
                let decoder =
                    Decoder::new(RATE as u32, Channels::Mono).map_err(|error| CodecError::Opus(error.to_string()))?;
                return Ok(Listener::Opus(Box::new(decoder)));
            }
            Codec::G722 => {
                let decoder = Box::new(G722Decoder::new());
                return Ok(Listener::G722 { resampler: resampler(G722_RATE, RATE as u32)?, decoder });
            }
            Codec::Pcmu => decode_ulaw,
            Codec::Pcma => decode_alaw,
        };
        Ok(Listener::G711 { resampler: resampler(G711_RATE, RATE as u32)?, decode })
    }

    /// The samples of one payload; nothing if it cannot be decoded.
    pub fn decode(&mut self, payload: &[u8]) -> Vec<f32> {
        match self {
            Listener::Opus(decoder) => {
                let mut samples = vec![0.0; LONGEST];
                let count = decoder.decode_float(payload, &mut samples, DecodeMode::Normal).unwrap_or(0);
                samples.truncate(count);
                samples
            }
            Listener::G711 { resampler, decode } => {
                let narrow: Vec<f32> = payload.iter().map(|octet| f32::from(decode(*octet)) / 32_768.0).collect();
                let mut samples = Vec::new();
                resampler.process(&narrow, &mut samples);
                samples
            }
            Listener::G722 { resampler, decoder } => {
                let mut narrow = vec![0; decoder.max_decode_samples(payload.len())];
                let count = decoder.decode_into(payload, &mut narrow).unwrap_or(0);
                let narrow: Vec<f32> = narrow.iter().take(count).map(|sample| f32::from(*sample) / 32_768.0).collect();
                let mut samples = Vec::new();
                resampler.process(&narrow, &mut samples);
                samples
            }
        }
    }

    /// About 20 ms in place of a lost packet: Opus makes them up (with the redundancy in `next`, if it came), G.711
    /// and G.722 have none and stay silent.
    pub fn conceal(&mut self, next: Option<&[u8]>) -> Vec<f32> {
        match self {
            Listener::Opus(decoder) => {
                let mut samples = vec![0.0; FRAME];
                let (packet, mode) = next.map_or((&[][..], DecodeMode::Normal), |next| (next, DecodeMode::Fec));
                let count = decoder.decode_float(packet, &mut samples, mode).unwrap_or(0);
                samples.truncate(count);
                samples
            }
            Listener::G711 { .. } | Listener::G722 { .. } => vec![0.0; FRAME],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{measure, voices::Tone};
    use super::*;

    #[test]
    fn a_tone_survives_every_codec() {
        for codec in [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma] {
            let (mut speaker, mut listener) = (Speaker::new(codec).unwrap(), Listener::new(codec).unwrap());
            let mut tone = Tone::new(1000.0);
            let samples: Vec<f32> =
                (0..50).flat_map(|_| listener.decode(&speaker.encode(&tone.next()).unwrap())).collect();
            assert_eq!(samples.len(), 50 * FRAME, "{codec:?}");
            let (hz, dbfs) = measure::strongest(&samples[25 * FRAME..]).unwrap();
            assert!((hz - 1000.0).abs() < 0.5 && (dbfs + 12.0).abs() < 1.0, "{codec:?}: {hz} Hz at {dbfs} dBFS");
        }
    }

    #[test]
    fn opus_conceals_a_lost_packet() {
        let (mut speaker, mut listener) = (Speaker::new(Codec::Opus).unwrap(), Listener::new(Codec::Opus).unwrap());
        let mut tone = Tone::new(440.0);
        for _ in 0..20 {
            listener.decode(&speaker.encode(&tone.next()).unwrap());
        }
        assert!(measure::level(&listener.conceal(None)) > -25.0);
        assert_eq!(listener.decode(&[]).len(), listener.decode(&[]).len());
        assert!(listener.decode(&[0xff; 3]).len() <= LONGEST);
    }
}
