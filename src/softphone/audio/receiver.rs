//! Payloads of one payload type made into sound at 48 kHz without a gap: what came, what the next packet tells of a lost
//! one, what is made up, and the noise of a far end that is silent.

use ropus::opus::decoder::{opus_packet_get_nb_samples, opus_packet_has_lbrr};

use super::{
    RATE,
    codec::{CodecError, Decoder, rtp_clock},
    conceal::Concealer,
};
use crate::config::Codec;

/// What sound is made up in, samples: 2.5 ms, the shortest frame of Opus.
pub const GRAIN: usize = 120;
/// Opus packets of this many bytes and fewer say that nothing is said (DTX), and that nothing may follow for a while.
const OPUS_SILENCE: usize = 2;
/// Decodes and makes up for one payload type.
pub struct Receiver {
    codec: Codec,
    decoder: Decoder,
    /// Also of Opus: what the `ropus` decoder makes up is 20 dB too quiet for two packets' time, and the packet after it
    /// too. Left alone it is back at once.
    concealer: Concealer,
    /// Scratch, at the codec's rate.
    fresh: Vec<f32>,
}

impl Receiver {
    /// For payloads of this codec.
    ///
    /// # Errors
    /// When there is no decoder.
    pub fn new(codec: Codec) -> Result<Self, CodecError> {
        let decoder = Decoder::new(codec)?;
        let concealer = Concealer::new(decoder.narrow_rate().unwrap_or(RATE));
        Ok(Self { codec, decoder, concealer, fresh: Vec::new() })
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
            Codec::G722 | Codec::Pcma | Codec::Pcmu => payload.len() as i64 * 6,
        }
    }

    /// Whether the payload says that the far end falls silent.
    pub fn falls_silent(&self, payload: &[u8]) -> bool {
        self.codec == Codec::Opus && payload.len() <= OPUS_SILENCE
    }

    /// Whether the payload tells of the packet before it.
    pub fn tells_of_the_last(&self, payload: &[u8]) -> bool {
        // The library looks at the first byte of a payload without looking whether there is one.
        self.codec == Codec::Opus
            && !payload.is_empty()
            && i32::try_from(payload.len()).is_ok_and(|length| opus_packet_has_lbrr(payload, length) == Ok(true))
    }

    /// Appends a packet's sound and says how much of the stream it covers.
    ///
    /// # Errors
    /// When the payload is damaged; nothing is appended then.
    pub fn hear(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        self.fresh.clear();
        if self.decoder.narrow_rate().is_none() {
            let length = self.decoder.decode(payload, &mut self.fresh)?;
            self.concealer.heard(&mut self.fresh);
            out.extend(&self.fresh);
            return Ok(length);
        }
        let length = self.decoder.decode_narrow(payload, &mut self.fresh)?;
        self.concealer.heard(&mut self.fresh);
        self.decoder.widen(&self.fresh, out);
        Ok(length)
    }

    /// Appends the last `left` samples of a lost packet that is as long as `next`, the one after it, told by `next`.
    /// False when it does not tell.
    pub fn recover(&mut self, next: &[u8], left: usize, out: &mut Vec<f32>) -> bool {
        let span = usize::try_from(self.span(next)).unwrap_or(0);
        if left == 0 || left > span || !self.tells_of_the_last(next) {
            return false;
        }
        self.fresh.clear();
        if !self.decoder.recover(next, span, &mut self.fresh) {
            return false;
        }
        // The beginning may have been made up already; the rest blends in like any sound after a gap.
        let skip = span.saturating_sub(left).min(self.fresh.len());
        self.fresh.drain(..skip);
        self.concealer.heard(&mut self.fresh);
        out.extend(&self.fresh);
        true
    }

    /// Appends sound for `samples` (a multiple of [`GRAIN`]) of which nothing is known.
    pub fn make_up(&mut self, samples: usize, out: &mut Vec<f32>) {
        let Some(rate) = self.decoder.narrow_rate() else {
            self.concealer.conceal(samples, out);
            return;
        };
        self.fresh.clear();
        self.concealer.conceal(samples * rate as usize / RATE as usize, &mut self.fresh);
        self.decoder.widen(&self.fresh, out);
    }

    /// Appends the noise of a far end that is silent.
    pub fn rest(&mut self, samples: usize, out: &mut Vec<f32>) {
        if self.codec != Codec::Opus {
            self.make_up(samples, out);
        } else if !self.decoder.conceal(samples, out) {
            out.resize(out.len() + samples, 0.0);
        }
    }

    /// The far end falls silent and tells what that sounds like (RFC 3389).
    pub fn fall_silent(&mut self, payload: &[u8]) {
        self.concealer.silence(payload);
    }
}
