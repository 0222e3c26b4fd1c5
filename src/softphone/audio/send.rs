//! From 10 ms blocks of the microphone to packets every 20 ms.

use tokio::sync::mpsc::{Sender, error::TrySendError};

use super::{
    BLOCK, CallFormat, FRAME, RtpOut,
    codec::{CodecError, Encoder, rtp_clock},
};

/// The sending side of a call.
pub struct SendPath {
    format: CallFormat,
    encoder: Encoder,
    out: Sender<RtpOut>,
    frame: [f32; FRAME],
    filled: usize,
    timestamp: u32,
    /// The next packet is the first after a pause.
    starting: bool,
    sending: bool,
    dropped: u64,
}

impl SendPath {
    /// Sends to `out`, beginning with a random timestamp (RFC 3550 5.1).
    ///
    /// # Errors
    /// When there is no encoder.
    pub fn new(format: CallFormat, out: Sender<RtpOut>) -> Result<Self, CodecError> {
        let mut encoder = Encoder::new(format.codec)?;
        encoder.set_wishes(format.wishes);
        Ok(Self {
            format,
            encoder,
            out,
            frame: [0.0; FRAME],
            filled: 0,
            timestamp: rand::random(),
            starting: true,
            sending: true,
            dropped: 0,
        })
    }

    /// Another payload type or codec from now on; the timestamp begins anew with another clock.
    ///
    /// # Errors
    /// When there is no encoder; the old format goes on.
    pub fn set_format(&mut self, format: CallFormat) -> Result<(), CodecError> {
        if format.codec != self.format.codec {
            self.encoder = Encoder::new(format.codec)?;
            self.timestamp = rand::random();
            self.starting = true;
        }
        self.format = format;
        Ok(())
    }

    /// Whether packets are sent. The timestamp goes on meanwhile, as RFC 3550 5.1 wants it.
    pub fn set_sending(&mut self, sending: bool) {
        self.starting |= sending && !self.sending;
        self.sending = sending;
    }

    /// Takes 10 ms. With `silent`, silence goes out instead, and in place of what waits for its packet.
    /// Says whether a packet was complete with that.
    pub fn push(&mut self, block: &[f32; BLOCK], silent: bool) -> bool {
        if silent {
            self.frame.fill(0.0);
        } else {
            for (to, from) in self.frame.iter_mut().skip(self.filled).zip(block) {
                *to = *from;
            }
        }
        self.filled += BLOCK;
        if self.filled < FRAME {
            return false;
        }
        self.filled = 0;
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(rtp_clock(self.format.codec) / 50);
        if self.sending {
            self.send(timestamp);
        }
        true
    }

    fn send(&mut self, timestamp: u32) {
        let payload = match self.encoder.encode(&self.frame) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::debug!(%error, "20 ms could not be encoded");
                return;
            }
        };
        let packet = RtpOut { payload_type: self.format.payload_type, timestamp, marker: self.starting, payload };
        match self.out.try_send(packet) {
            Ok(()) => self.starting = false,
            Err(TrySendError::Full(_)) => {
                self.dropped += 1;
                if self.dropped.is_power_of_two() {
                    tracing::debug!(dropped = self.dropped, "the network does not keep up: sound was not sent");
                }
            }
            // The media session is on its way out.
            Err(TrySendError::Closed(_)) => tracing::trace!("nobody takes packets any more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::config::Codec;

    fn alaw() -> CallFormat {
        CallFormat::new(Codec::Pcma, 8)
    }

    fn path(format: CallFormat, room: usize) -> (SendPath, mpsc::Receiver<RtpOut>) {
        let (out, packets) = mpsc::channel(room);
        (SendPath::new(format, out).unwrap(), packets)
    }

    #[test]
    fn every_second_block_is_a_packet_with_the_codecs_clock() {
        for (codec, ticks) in [(Codec::Opus, 960), (Codec::G722, 160), (Codec::Pcma, 160), (Codec::Pcmu, 160)] {
            let (mut path, mut packets) = path(CallFormat::new(codec, 111), 8);
            for n in 0..6 {
                assert_eq!(path.push(&[0.1; BLOCK], false), n % 2 == 1);
            }
            let sent: Vec<RtpOut> = std::iter::from_fn(|| packets.try_recv().ok()).collect();
            assert_eq!(sent.len(), 3);
            assert_eq!(sent.iter().map(|p| p.marker).collect::<Vec<_>>(), [true, false, false]);
            assert!(sent.windows(2).all(|w| w[1].timestamp.wrapping_sub(w[0].timestamp) == ticks), "{codec:?}");
            assert!(sent.iter().all(|p| p.payload_type == 111 && !p.payload.is_empty()));
        }
    }

    #[test]
    fn going_silent_also_silences_what_waits_for_its_packet() {
        let (mut path, mut packets) = path(alaw(), 8);
        for _ in 0..4 {
            path.push(&[0.0; BLOCK], false);
        }
        path.push(&[0.9; BLOCK], false);
        path.push(&[0.9; BLOCK], true);
        let last = std::iter::from_fn(|| packets.try_recv().ok()).last().unwrap();
        assert!(last.payload.iter().all(|byte| *byte == 0xD5), "A-law silence: {:02x?}", last.payload);
    }

    #[test]
    fn a_full_queue_drops_and_a_pause_keeps_the_clock_running() {
        let (mut path, mut packets) = path(alaw(), 1);
        for _ in 0..4 {
            path.push(&[0.1; BLOCK], false);
        }
        let first = packets.try_recv().unwrap();
        assert_eq!(path.dropped, 1);
        path.set_sending(false);
        path.push(&[0.1; BLOCK], false);
        path.push(&[0.1; BLOCK], false);
        assert!(packets.try_recv().is_err());
        path.set_sending(true);
        path.push(&[0.1; BLOCK], false);
        path.push(&[0.1; BLOCK], false);
        let next = packets.try_recv().unwrap();
        assert!(next.marker, "first after a pause");
        assert_eq!(next.timestamp.wrapping_sub(first.timestamp), 480);
    }
}
