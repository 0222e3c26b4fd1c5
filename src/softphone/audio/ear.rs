//! Payloads of one payload type made into sound at 48 kHz without a gap: what came, what the next packet tells of a lost
//! one, what is made up, and the noise of a far end that is silent.

use ropus::opus::decoder::{opus_packet_get_nb_samples, opus_packet_has_lbrr};

use super::{
    codec::{CodecError, Decoder, rtp_clock},
    conceal::Concealer,
};
use crate::config::Codec;

/// What sound is made up in, samples: 2.5 ms, the shortest frame of Opus.
pub const GRAIN: usize = 120;
/// Opus packets of this many bytes and fewer say that nothing is said (DTX), and that nothing may follow for a while.
const OPUS_SILENCE: usize = 2;
/// Sound made up by Opus is full for this long, samples, and faded out when this much has been made up: 60 and 160 ms.
const OPUS_FULL: usize = 2880;
const OPUS_SILENT: usize = 7680;
/// Cross-fade where redundancy takes over in the middle of a packet, samples.
const JOIN: usize = GRAIN;
/// Sound after silence fades in within this, samples: 5 ms.
const FADE_IN: usize = 240;

/// Decodes and makes up for one payload type.
pub struct Ear {
    codec: Codec,
    decoder: Decoder,
    /// Of a codec that does not conceal by itself.
    concealer: Concealer,
    /// Samples made up since the last packet.
    made_up: usize,
    narrow: Vec<f32>,
}

impl Ear {
    /// For payloads of this codec.
    ///
    /// # Errors
    /// When there is no decoder.
    pub fn new(codec: Codec) -> Result<Self, CodecError> {
        let decoder = Decoder::new(codec)?;
        let concealer = Concealer::new(decoder.narrow_rate().unwrap_or(8_000));
        Ok(Self { codec, decoder, concealer, made_up: 0, narrow: Vec::new() })
    }

    /// What it understands.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// RTP clock, Hz.
    pub fn clock(&self) -> u32 {
        rtp_clock(self.codec)
    }

    /// How much of the stream a payload covers, samples at 48 kHz; 0 for a damaged one.
    pub fn span(&self, payload: &[u8]) -> i64 {
        match self.codec {
            Codec::Opus => opus_packet_get_nb_samples(payload, 48_000).map_or(0, i64::from),
            _ => payload.len() as i64 * 6,
        }
    }

    /// Whether the payload says that the far end falls silent.
    pub fn falls_silent(&self, payload: &[u8]) -> bool {
        self.codec == Codec::Opus && payload.len() <= OPUS_SILENCE
    }

    /// Whether the payload tells of the packet before it.
    pub fn tells_of_the_last(&self, payload: &[u8]) -> bool {
        self.codec == Codec::Opus
            && i32::try_from(payload.len()).is_ok_and(|length| opus_packet_has_lbrr(payload, length) == Ok(true))
    }

    /// Appends a packet's sound and says how much of the stream it covers.
    ///
    /// # Errors
    /// When the payload is damaged; nothing is appended then.
    pub fn hear(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        if self.decoder.narrow_rate().is_none() {
            let before = out.len();
            let length = self.decoder.decode(payload, out)?;
            if self.made_up > OPUS_FULL {
                fade_in(out.get_mut(before..).unwrap_or_default());
            }
            self.made_up = 0;
            return Ok(length);
        }
        self.narrow.clear();
        let length = self.decoder.decode_narrow(payload, &mut self.narrow)?;
        self.concealer.heard(&mut self.narrow);
        self.decoder.widen(&self.narrow, out);
        self.made_up = 0;
        Ok(length)
    }

    /// Appends the last `left` samples of a lost packet that is as long as `next`, the one after it, told by `next`.
    /// False when it does not tell.
    pub fn recover(&mut self, next: &[u8], left: usize, out: &mut Vec<f32>) -> bool {
        let span = usize::try_from(self.span(next)).unwrap_or(0);
        if left == 0 || left > span || !self.tells_of_the_last(next) {
            return false;
        }
        let mut join = Vec::new();
        if left < span {
            self.decoder.conceal(JOIN, &mut join);
        }
        let mut frame = Vec::new();
        if !self.decoder.recover(next, span, &mut frame) {
            return false;
        }
        let mut rest = frame.split_off(span.saturating_sub(left).min(frame.len()));
        for (n, (sample, made_up)) in rest.iter_mut().zip(join).enumerate() {
            let share = n as f32 / JOIN as f32;
            *sample = *sample * share + made_up * (1.0 - share);
        }
        if self.made_up > OPUS_FULL {
            fade_in(&mut rest);
        }
        self.made_up = 0;
        out.extend(rest);
        true
    }

    /// Appends sound for `samples` (a multiple of [`GRAIN`]) of which nothing is known.
    pub fn make_up(&mut self, samples: usize, out: &mut Vec<f32>) {
        let before = out.len();
        if self.decoder.narrow_rate().is_some() {
            self.fill(samples, out);
        } else if self.made_up >= OPUS_SILENT || !self.decoder.conceal(samples, out) {
            out.resize(before + samples, 0.0);
        }
        if self.decoder.narrow_rate().is_none() {
            for (n, sample) in out.iter_mut().skip(before).enumerate() {
                let left = OPUS_SILENT.saturating_sub(self.made_up + n) as f32 / (OPUS_SILENT - OPUS_FULL) as f32;
                *sample *= left.min(1.0);
            }
        }
        self.made_up = self.made_up.saturating_add(samples);
    }

    /// Appends the noise of a far end that is silent.
    pub fn rest(&mut self, samples: usize, out: &mut Vec<f32>) {
        if self.decoder.narrow_rate().is_some() {
            self.fill(samples, out);
        } else if !self.decoder.conceal(samples, out) {
            out.resize(out.len() + samples, 0.0);
        }
    }

    /// The far end falls silent and tells what that sounds like (RFC 3389).
    pub fn fall_silent(&mut self, payload: &[u8]) {
        self.concealer.silence(payload);
    }

    fn fill(&mut self, samples: usize, out: &mut Vec<f32>) {
        let Some(rate) = self.decoder.narrow_rate() else { return };
        self.narrow.clear();
        self.concealer.conceal(samples * rate as usize / 48_000, &mut self.narrow);
        self.decoder.widen(&self.narrow, out);
    }
}

fn fade_in(sound: &mut [f32]) {
    for (n, sample) in sound.iter_mut().take(FADE_IN).enumerate() {
        *sample *= n as f32 / FADE_IN as f32;
    }
}
