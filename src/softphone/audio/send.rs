//! From 10 ms blocks of the microphone to packets every 20 ms (10 ms where the far end wants it so), and keypad digits in between.

use tokio::sync::mpsc::{Sender, error::TrySendError};

use super::{
    BLOCK, CallFormat, FRAME, RtpOut,
    codec::{CodecError, Encoder, rtp_clock},
    digits::{Digits, EventPacket},
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
    digits: Digits,
    /// This frame's time belongs to a digit.
    telling: bool,
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
            digits: Digits::default(),
            telling: false,
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
            self.digits.clear();
        }
        self.encoder.set_wishes(format.wishes);
        self.format = format;
        Ok(())
    }

    /// Whether packets are sent. The timestamp goes on meanwhile, as RFC 3550 5.1 wants it.
    pub fn set_sending(&mut self, sending: bool) {
        self.starting |= sending && !self.sending;
        self.sending = sending;
        if !sending {
            self.digits.clear();
        }
    }

    /// The far end reports to have lost so much of what was sent, percent.
    pub fn far_loss(&mut self, percent: f32) {
        self.encoder.far_loss(percent);
    }

    /// Sends a keypad digit in place of the sound, after those that are waiting. It is dropped where no telephone-event is
    /// agreed on or nothing may be sent.
    pub fn digit(&mut self, digit: char) {
        if self.format.event.is_none() || !self.sending || !self.digits.push(digit) {
            tracing::debug!("a digit cannot be sent in the sound");
        }
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
        if self.filled == 0 {
            self.telling = self.digits.takes_over(self.timestamp);
        }
        self.filled += BLOCK;
        if self.telling {
            self.tell_digit();
        }
        if self.filled < if self.format.short_packets { BLOCK } else { FRAME } {
            return false;
        }
        let blocks = std::mem::take(&mut self.filled) / BLOCK;
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(rtp_clock(self.format.codec) / 100 * blocks as u32);
        if self.telling {
            self.starting = true;
        } else if self.sending {
            self.speak(timestamp, blocks);
        }
        true
    }

    fn tell_digit(&mut self) {
        let Some((payload_type, clock)) = self.format.event else { return self.digits.clear() };
        if let Some(packet) = self.digits.block(clock) {
            let EventPacket { timestamp, marker, payload } = packet;
            self.send(RtpOut { payload_type, timestamp, marker, payload });
        }
    }

    fn speak(&mut self, timestamp: u32, blocks: usize) {
        let sound = self.frame.get(..blocks * BLOCK).unwrap_or(&self.frame);
        let payload = match self.encoder.encode(sound) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::debug!(%error, "a packet could not be encoded");
                return;
            }
        };
        if payload.is_empty() {
            // Silence is left out; what comes after it is a new beginning.
            self.starting = true;
            return;
        }
        let payload_type = self.format.payload_type;
        if self.send(RtpOut { payload_type, timestamp, marker: self.starting, payload }) {
            self.starting = false;
        }
    }

    /// Whether the network took it.
    fn send(&mut self, packet: RtpOut) -> bool {
        match self.out.try_send(packet) {
            Ok(()) => return true,
            Err(TrySendError::Full(_)) => {
                self.dropped += 1;
                if self.dropped.is_power_of_two() {
                    tracing::debug!(dropped = self.dropped, "the network does not keep up: sound was not sent");
                }
            }
            // The media session is on its way out.
            Err(TrySendError::Closed(_)) => tracing::trace!("nobody takes packets any more"),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::mpsc;

    use super::*;
    use crate::{
        config::Codec,
        softphone::audio::{OpusWishes, codec::Decoder},
    };

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

    /// RFC 8866 6.4: no packet is longer than what the far end can take.
    #[test]
    fn packets_of_10_ms_are_sent_where_20_ms_are_too_long() {
        for (codec, ticks) in [(Codec::Opus, 480), (Codec::G722, 80), (Codec::Pcma, 80), (Codec::Pcmu, 80)] {
            let long = CallFormat::new(codec, 111);
            let (mut path, mut packets) = path(CallFormat { short_packets: true, ..long }, 64);
            let all = sent(&mut path, &mut packets, 8);
            assert_eq!(all.len(), 8, "{codec:?}");
            assert!(all.windows(2).all(|w| w[1].1.timestamp.wrapping_sub(w[0].1.timestamp) == ticks), "{codec:?}");
            let mut decoder = Decoder::new(codec).unwrap();
            for (_, packet) in &all {
                assert_eq!(decoder.decode(&packet.payload, &mut Vec::new()), Ok(BLOCK), "{codec:?}");
            }
            // Another description in the middle of a packet: nothing is lost, and the time goes on.
            path.set_format(long).unwrap();
            let mut more = sent(&mut path, &mut packets, 3);
            path.set_format(CallFormat { short_packets: true, ..long }).unwrap();
            more.extend(sent(&mut path, &mut packets, 2));
            let at = |n: usize| more[n].1.timestamp.wrapping_sub(all[7].1.timestamp) / ticks;
            assert_eq!((more.len(), at(0), at(1), at(2)), (3, 1, 3, 5), "{codec:?}");
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

    const OPUS_WITH_EVENTS: CallFormat = CallFormat {
        codec: Codec::Opus,
        payload_type: 111,
        event: Some((110, 48_000)),
        wishes: OpusWishes { fec: false, dtx: true, constant: false, max_bitrate: None, max_playback_rate: None },
        short_packets: false,
        comfort_noise: None,
    };

    /// Everything sent in so many blocks, with the block after which it was.
    fn sent(path: &mut SendPath, packets: &mut mpsc::Receiver<RtpOut>, blocks: usize) -> Vec<(usize, RtpOut)> {
        let mut all = Vec::new();
        for n in 0..blocks {
            path.push(&[0.1; BLOCK], false);
            while let Ok(packet) = packets.try_recv() {
                all.push((n, packet));
            }
        }
        all
    }

    /// RFC 4733 2.5: one timestamp, a marker, growing durations, three ends.
    #[test]
    fn a_digit_is_an_event_in_place_of_the_sound() {
        for (codec, event, tick) in
            [(Codec::Pcma, (101, 8_000), 80), (Codec::Opus, (110, 48_000), 480), (Codec::Opus, (101, 8_000), 80)]
        {
            let format = CallFormat { event: Some(event), ..CallFormat::new(codec, 8) };
            let (mut path, mut packets) = path(format, 64);
            let before = sent(&mut path, &mut packets, 5);
            path.digit('#');
            let all = sent(&mut path, &mut packets, 40);
            let (events, sound): (Vec<_>, Vec<_>) = all.iter().partition(|(_, packet)| packet.payload_type == event.0);
            let payload = |end: u8, blocks: u16| {
                let duration = (blocks * tick).to_be_bytes();
                Bytes::from(vec![11, end | 10, duration[0], duration[1]])
            };
            let told: Vec<Bytes> = events.iter().map(|(_, packet)| packet.payload.clone()).collect();
            let end = payload(0x80, 15);
            assert_eq!(told, [payload(0, 5), payload(0, 10), end.clone(), end.clone(), end]);
            let at: Vec<usize> = events.iter().map(|(n, _)| n - events[0].0).collect();
            assert_eq!(at, [0, 5, 10, 11, 12], "in blocks of 10 ms");
            assert_eq!(events.iter().map(|(_, p)| p.marker).collect::<Vec<_>>(), [true, false, false, false, false]);
            // It begins where the next packet of sound would have, and the sound goes on in its own time, 200 ms later.
            let last = before.last().unwrap().1.timestamp;
            let clock = rtp_clock(codec);
            let steps = |packet: &RtpOut| packet.timestamp.wrapping_sub(last) * 50 / clock;
            assert!(events.iter().all(|(_, packet)| steps(packet) == 2), "one is under way when the key is pressed");
            let resumed = sound.iter().find(|(n, _)| *n > events[0].0).unwrap();
            assert_eq!((steps(&resumed.1), resumed.1.marker), (12, true));
            assert!(sound.iter().filter(|(_, packet)| packet.marker).count() == 1);
        }
    }

    #[test]
    fn digits_wait_for_each_other_and_none_is_lost() {
        let format = CallFormat { event: Some((101, 8_000)), ..alaw() };
        let (mut path, mut packets) = path(format, 256);
        "0123456789*#ABCD".chars().for_each(|digit| path.digit(digit));
        let all = sent(&mut path, &mut packets, 16 * 20);
        let begun: Vec<_> = all.iter().filter(|(_, p)| p.payload_type == 101 && p.marker).collect();
        assert_eq!(begun.iter().map(|(_, p)| p.payload[0]).collect::<Vec<_>>(), (0..16).collect::<Vec<u8>>());
        for pair in begun.windows(2) {
            let gap = pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp) / 8 - 150;
            assert!(gap >= 50, "{gap} ms between two digits");
        }
        assert!(all.iter().all(|(_, packet)| packet.payload_type == 101), "no sound in between");
    }

    #[test]
    fn where_no_event_is_agreed_digits_do_nothing() {
        let (mut path, mut packets) = path(alaw(), 64);
        path.digit('5');
        assert_eq!(sent(&mut path, &mut packets, 40).len(), 20);
    }

    #[test]
    fn silence_is_left_out_only_where_the_far_end_wishes_it() {
        for (dtx, most) in [(false, 200), (true, 60)] {
            let wishes = OpusWishes { dtx, ..OPUS_WITH_EVENTS.wishes };
            let (mut path, mut packets) = path(CallFormat { wishes, ..OPUS_WITH_EVENTS }, 512);
            let mut all = sent(&mut path, &mut packets, 20);
            for _ in 0..400 {
                path.push(&[0.1; BLOCK], true);
            }
            all.clear();
            all.extend(std::iter::from_fn(|| packets.try_recv().ok()).map(|packet| (0, packet)));
            assert!(all.len() <= most && all.len() >= most / 20, "{} packets, dtx {dtx}", all.len());
            assert_eq!(dtx, all.iter().any(|(_, packet)| packet.marker), "a packet after a pause is marked");
        }
    }
}
