//! The codecs of a leg: Opus at 48 kHz, G.711 at 8 kHz resampled from and to it. Frames of 20 ms.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use audioadapter_buffers::direct::SequentialSlice;
use ropus::{Application, Bitrate, Channels, DecodeMode, Decoder, Encoder, InbandFec};
use rubato::{Fft, FixedSync, Resampler};

use super::mixer::{FRAME, Frame, RATE};

/// Samples in 20 ms at 8 kHz.
const NARROW_FRAME: usize = FRAME / 6;
/// The longest Opus packet: 120 ms at 48 kHz.
const LONGEST: usize = 6 * FRAME;

/// An audio format a leg can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Opus,
    Pcmu,
    Pcma,
}

impl Codec {
    /// By the name in `a=rtpmap`.
    pub fn by_name(name: &str) -> Option<Codec> {
        [("opus", Codec::Opus), ("PCMU", Codec::Pcmu), ("PCMA", Codec::Pcma)]
            .into_iter()
            .find_map(|(known, codec)| name.eq_ignore_ascii_case(known).then_some(codec))
    }

    /// RTP clock ticks in a 20 ms frame.
    pub fn ticks(self) -> u32 {
        match self {
            Codec::Opus => FRAME as u32,
            Codec::Pcmu | Codec::Pcma => NARROW_FRAME as u32,
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
    #[error("resampler: {0}")]
    Resampler(#[from] rubato::ResamplerConstructionError),
}

/// 20 ms frames at 48 kHz in, RTP payloads out.
pub(super) enum Speaker {
    Opus(Box<Encoder>),
    Narrow { resampler: Box<Fft<f32>>, encode: fn(i16) -> u8 },
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
            Codec::Pcmu => encode_ulaw,
            Codec::Pcma => encode_alaw,
        };
        let resampler = Box::new(Fft::new(RATE, 8000, FRAME, 1, FixedSync::Both)?);
        Ok(Speaker::Narrow { resampler, encode })
    }

    /// The payload for one frame; none if the codec refuses it.
    pub fn encode(&mut self, frame: &Frame) -> Option<Vec<u8>> {
        match self {
            Speaker::Opus(encoder) => {
                let mut packet = vec![0; 1275];
                let length = encoder.encode_float(frame, &mut packet).ok()?;
                packet.truncate(length);
                Some(packet)
            }
            Speaker::Narrow { resampler, encode } => {
                let mut narrow = [0.0; NARROW_FRAME];
                resample(resampler, frame, &mut narrow)?;
                Some(narrow.iter().map(|sample| encode((sample.clamp(-1.0, 1.0) * 32_767.0) as i16)).collect())
            }
        }
    }
}

/// RTP payloads in, samples at 48 kHz out.
pub(super) enum Listener {
    Opus(Box<Decoder>),
    /// `held` are 8 kHz samples short of a 20 ms frame: the resampler takes whole frames only.
    Narrow {
        resampler: Box<Fft<f32>>,
        decode: fn(u8) -> i16,
        held: Vec<f32>,
    },
}

impl Listener {
    pub fn new(codec: Codec) -> Result<Listener, CodecError> {
        let decode = match codec {
            Codec::Opus => {
                let decoder =
                    Decoder::new(RATE as u32, Channels::Mono).map_err(|error| CodecError::Opus(error.to_string()))?;
                return Ok(Listener::Opus(Box::new(decoder)));
            }
            Codec::Pcmu => decode_ulaw,
            Codec::Pcma => decode_alaw,
        };
        let resampler = Box::new(Fft::new(8000, RATE, NARROW_FRAME, 1, FixedSync::Both)?);
        Ok(Listener::Narrow { resampler, decode, held: Vec::new() })
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
            Listener::Narrow { resampler, decode, held } => {
                held.extend(payload.iter().map(|octet| f32::from(decode(*octet)) / 32_768.0));
                let mut samples = Vec::new();
                while held.len() >= NARROW_FRAME {
                    let narrow: Vec<f32> = held.drain(..NARROW_FRAME).collect();
                    let mut wide = [0.0; FRAME];
                    if resample(resampler, &narrow, &mut wide).is_some() {
                        samples.extend(wide);
                    }
                }
                samples
            }
        }
    }

    /// About 20 ms in place of a lost packet: Opus makes them up (with the redundancy in `next`, if it came), G.711
    /// has none and stays silent.
    pub fn conceal(&mut self, next: Option<&[u8]>) -> Vec<f32> {
        match self {
            Listener::Opus(decoder) => {
                let mut samples = vec![0.0; FRAME];
                let (packet, mode) = next.map_or((&[][..], DecodeMode::Normal), |next| (next, DecodeMode::Fec));
                let count = decoder.decode_float(packet, &mut samples, mode).unwrap_or(0);
                samples.truncate(count);
                samples
            }
            Listener::Narrow { .. } => vec![0.0; FRAME],
        }
    }
}

fn resample(resampler: &mut Fft<f32>, from: &[f32], to: &mut [f32]) -> Option<()> {
    let (from_length, to_length) = (from.len(), to.len());
    let input = SequentialSlice::new(from, 1, from_length).ok()?;
    let mut output = SequentialSlice::new_mut(to, 1, to_length).ok()?;
    resampler.process_into_buffer(&input, &mut output, None).ok().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::super::{measure, voices::Tone};
    use super::*;

    #[test]
    fn a_tone_survives_every_codec() {
        for codec in [Codec::Opus, Codec::Pcmu, Codec::Pcma] {
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
