//! What comes in from a leg: RTP packets put back in order, decoded, and handed out as steady 20 ms frames.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::codec::{Codec, CodecError, Listener};
use super::sound::{FRAME, Frame, RATE};

/// Packets gathered before playing starts: one may be late without a gap.
const SHORTEST: usize = 2;
/// The most that is gathered on a bad link.
const LONGEST: usize = 8;
/// So many packets above the target are too late to be worth playing.
const SPARE: usize = 6;
/// A longer hole in the sequence is skipped rather than concealed, in packets.
const WIDEST_HOLE: u64 = 10;
/// A silence shorter than this was the link's fault, not the speaker's, in frames.
const SHORT_BREAK: u32 = 10;
/// After so many frames without a break one packet less is gathered.
const CALM: u32 = 500;

/// One leg's incoming sound.
pub(super) struct Inbound {
    decoder: Option<(u8, Listener)>,
    ssrc: u32,
    packets: BTreeMap<u64, Bytes>,
    newest: u64,
    next: u64,
    samples: VecDeque<f32>,
    flowing: bool,
    target: usize,
    /// Frames since sound began or stopped flowing, whichever is later.
    since: u32,
    waited: usize,
}

impl Inbound {
    /// Plays nothing until a codec is set.
    pub fn new() -> Inbound {
        Inbound {
            decoder: None,
            ssrc: 0,
            packets: BTreeMap::new(),
            newest: 0,
            next: 0,
            samples: VecDeque::new(),
            flowing: false,
            target: SHORTEST,
            since: SHORT_BREAK,
            waited: 0,
        }
    }

    /// Decodes packets of this payload type from now on.
    ///
    /// # Errors
    /// When the codec cannot be set up.
    pub fn set_codec(&mut self, payload_type: u8, codec: Codec) -> Result<(), CodecError> {
        self.decoder = Some((payload_type, Listener::new(codec)?));
        Ok(())
    }

    /// Takes a packet as it arrives; other payload types (telephone events, comfort noise) and late ones are dropped.
    pub fn push(&mut self, ssrc: u32, payload_type: u8, sequence: u16, payload: Bytes) {
        if self.decoder.as_ref().is_none_or(|(wanted, _)| *wanted != payload_type) {
            return;
        }
        let step = i64::from(sequence.wrapping_sub(self.newest as u16) as i16);
        if self.newest == 0 || ssrc != self.ssrc || step.unsigned_abs() > 1000 {
            // A new stream: numbers start far from zero so that they can count backwards.
            self.ssrc = ssrc;
            self.packets.clear();
            self.newest = (1 << 32) | u64::from(sequence);
            self.next = self.newest;
            self.flowing = false;
            self.packets.insert(self.newest, payload);
            return;
        }
        let number = self.newest.saturating_add_signed(step);
        self.newest = self.newest.max(number);
        if !self.flowing && self.packets.is_empty() && self.since >= SHORT_BREAK {
            self.next = number;
        }
        if number >= self.next {
            self.packets.insert(number, payload);
        }
    }

    /// What waits to be played, in ms.
    pub fn held_ms(&self) -> f32 {
        20.0 * self.packets.len() as f32 + self.samples.len() as f32 * 1000.0 / RATE as f32
    }

    /// The next 20 ms; silence when there is nothing to play.
    pub fn pull(&mut self) -> Frame {
        self.since = self.since.saturating_add(1);
        if !self.flowing && !self.may_start() {
            return [0.0; FRAME];
        }
        while self.packets.len() > self.target + SPARE {
            self.packets.pop_first();
            self.next = self.packets.first_key_value().map_or(self.next, |(first, _)| *first);
        }
        while self.samples.len() < FRAME && self.flowing {
            self.play_next();
        }
        if self.flowing && self.since.is_multiple_of(CALM) {
            self.target = self.target.saturating_sub(1).max(SHORTEST);
        }
        let mut frame = [0.0; FRAME];
        for (to, from) in frame.iter_mut().zip(self.samples.drain(..FRAME.min(self.samples.len()))) {
            *to = from;
        }
        frame
    }

    fn may_start(&mut self) -> bool {
        let Some((first, _)) = self.packets.first_key_value() else { return false };
        // A lone packet is played too, once it is clear that nothing follows it soon.
        self.waited += 1;
        if self.packets.len() < self.target && self.waited <= self.target {
            return false;
        }
        self.next = *first;
        if self.since < SHORT_BREAK {
            self.target = (self.target + 1).min(LONGEST);
        }
        (self.flowing, self.since, self.waited) = (true, 0, 0);
        true
    }

    fn play_next(&mut self) {
        let Some((_, decoder)) = &mut self.decoder else {
            self.flowing = false;
            return;
        };
        if let Some(payload) = self.packets.remove(&self.next) {
            self.samples.extend(decoder.decode(&payload));
            self.next += 1;
            return;
        }
        match self.packets.first_key_value() {
            None => (self.flowing, self.since) = (false, 0),
            Some((first, _)) if first - self.next > WIDEST_HOLE => self.next = *first,
            Some((first, payload)) => {
                let redundancy = (*first == self.next + 1).then_some(&payload[..]);
                self.samples.extend(decoder.conceal(redundancy));
                self.next += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{codec::Speaker, measure, voices::Tone};
    use super::*;

    /// 20 ms packets of a 1000 Hz tone.
    fn packets(codec: Codec, count: u16) -> Vec<(u16, Bytes)> {
        let (mut tone, mut speaker) = (Tone::new(1000.0), Speaker::new(codec).unwrap());
        (0..count).map(|at| (at.wrapping_add(65_500), speaker.encode(&tone.next()).unwrap().into())).collect()
    }

    fn heard(inbound: &mut Inbound, arrivals: impl Iterator<Item = Vec<(u16, Bytes)>>) -> Vec<f32> {
        let mut samples = Vec::new();
        for burst in arrivals {
            for (sequence, payload) in burst {
                inbound.push(1, 0, sequence, payload);
            }
            samples.extend(inbound.pull());
        }
        samples
    }

    fn longest_silence(samples: &[f32]) -> usize {
        samples.split(|sample| sample.abs() > 0.001).map(<[f32]>::len).max().unwrap_or(0)
    }

    #[test]
    fn steady_packets_play_without_a_gap_across_the_wrap() {
        let mut inbound = Inbound::new();
        inbound.set_codec(0, Codec::Pcmu).unwrap();
        let samples = heard(&mut inbound, packets(Codec::Pcmu, 100).into_iter().map(|packet| vec![packet]));
        let steady = &samples[5 * FRAME..];
        assert!(longest_silence(steady) < 60, "{}", longest_silence(steady));
        let (hz, dbfs) = measure::strongest(&steady[..24_000]).unwrap();
        assert!((hz - 1000.0).abs() < 0.2 && (dbfs + 12.0).abs() < 0.5, "{hz} {dbfs}");
    }

    #[test]
    fn swapped_packets_come_out_in_order() {
        let mut inbound = Inbound::new();
        inbound.set_codec(0, Codec::Pcmu).unwrap();
        let mut swapped = packets(Codec::Pcmu, 100);
        for pair in swapped.chunks_mut(2).skip(3).step_by(4) {
            pair.swap(0, 1);
        }
        // The one held back comes together with the one behind it.
        let samples =
            heard(&mut inbound, swapped.chunks(2).flat_map(|pair| [vec![pair[0].clone()], vec![pair[1].clone()]]));
        assert!(longest_silence(&samples[30 * FRAME..]) < 60);
    }

    #[test]
    fn a_lost_opus_packet_is_concealed_and_a_lost_talk_spurt_is_silence() {
        let mut inbound = Inbound::new();
        inbound.set_codec(0, Codec::Opus).unwrap();
        let mut lossy = packets(Codec::Opus, 100);
        lossy.remove(50);
        let samples = heard(&mut inbound, lossy.into_iter().map(|packet| vec![packet]));
        assert!(longest_silence(&samples[10 * FRAME..90 * FRAME]) < 300);
        let after: Vec<f32> = (0..50).flat_map(|_| inbound.pull()).collect();
        assert!(measure::level(&after[10 * FRAME..]) < -65.0);
    }

    #[test]
    fn other_payload_types_and_late_bursts_do_no_harm() {
        let mut inbound = Inbound::new();
        inbound.set_codec(0, Codec::Pcmu).unwrap();
        inbound.push(1, 101, 7, Bytes::from_static(&[1, 2, 3, 4]));
        assert!(inbound.packets.is_empty());
        for (sequence, payload) in packets(Codec::Pcmu, 100) {
            inbound.push(1, 0, sequence, payload);
        }
        inbound.pull();
        assert!(inbound.packets.len() <= SHORTEST + SPARE, "a second of delay was kept");
    }
}
