//! From packets to a steady stream of 10 ms blocks: waits as long as the jitter asks for, makes up what is missing,
//! plays a little faster or slower to keep the delay where it should be.
//!
//! Pure like the jitter buffer: told the time. Lost packets are made up for in their time; when merely nothing has come
//! yet, the stream stands still instead, so that a late burst is still heard, and is caught up with afterwards.

use std::{collections::VecDeque, time::Instant};

use super::{
    BLOCK, Quality, RtpIn,
    codec::{CodecError, Decoder, rtp_clock},
    conceal::Concealer,
    jitter::{Inserted, JitterBuffer, Next},
    stretch,
};
use crate::config::Codec;

/// A block as a duration in the stream.
const STEP: i64 = BLOCK as i64;
/// Delay over the target that is tolerated, samples: 15 ms.
const TOO_LATE: i64 = 720;
/// Delay under the target that is tolerated, samples: 15 ms.
const TOO_EARLY: i64 = 720;
/// Blocks between two changes of speed: 60 ms, so that none is heard.
const REST: u32 = 6;
/// Nothing for this long, samples: the stream is over, and begins anew with the next packet. 1 s.
const OVER: i64 = 48_000;
/// Sound is made up for this long at most, samples: 200 ms. Then it is silence.
const CONCEALS: i64 = 9600;
/// Granularity of Opus concealment, samples: 2.5 ms.
const OPUS_GRAIN: usize = 120;
/// Blocks over which the share of concealed sound is told: 5 s.
const WINDOW: usize = 500;

/// The playing side of a call.
pub struct Playout {
    buffer: JitterBuffer,
    decoder: Decoder,
    concealer: Concealer,
    /// Decoded, not played.
    sound: Vec<f32>,
    /// Where the next packet should start; unset before the beginning of the stream.
    position: Option<i64>,
    /// Made-up sound played in place of what should be at `position`, samples.
    hole: i64,
    /// The stream began anew while it was being heard: sound is made up until its first packet has waited long enough.
    bridging: bool,
    rest: u32,
    /// Made-up samples in what is played next.
    made_up: i64,
    played: VecDeque<BlockKind>,
    /// Blocks played since the beginning, and those of them that were made up.
    blocks: (u64, u64),
    now: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Heard,
    MadeUp,
}

impl Playout {
    /// For a stream of this codec.
    ///
    /// # Errors
    /// When there is no decoder.
    pub fn new(codec: Codec) -> Result<Self, CodecError> {
        Ok(Self {
            buffer: JitterBuffer::new(rtp_clock(codec)),
            decoder: Decoder::new(codec)?,
            concealer: Concealer::default(),
            sound: Vec::new(),
            position: None,
            hole: 0,
            bridging: false,
            rest: 0,
            made_up: 0,
            played: VecDeque::with_capacity(WINDOW),
            blocks: (0, 0),
            now: None,
        })
    }

    /// A packet of the codec has come.
    pub fn receive(&mut self, packet: RtpIn) {
        match self.buffer.insert(packet.sequence, packet.timestamp, packet.payload, packet.arrived) {
            Inserted::Stored | Inserted::Duplicate => {}
            Inserted::Late => tracing::trace!(sequence = packet.sequence, "packet came too late"),
            Inserted::Restarted => {
                tracing::debug!(sequence = packet.sequence, "the far end's stream began anew");
                self.bridging = self.position.take().is_some() && self.hole < CONCEALS;
                self.hole = 0;
            }
        }
    }

    /// The next 10 ms, to be heard from `now` on. Call it for every 10 ms, in order.
    pub fn block(&mut self, now: Instant) -> [f32; BLOCK] {
        self.now = Some(now);
        while self.sound.len() < BLOCK {
            self.advance(now);
        }
        self.rest = self.rest.saturating_sub(1);
        if self.hole == 0 && self.rest == 0 && self.adjust(now) {
            self.rest = REST;
        }
        if self.position.is_some() {
            if self.played.len() >= WINDOW {
                self.played.pop_front();
            }
            self.played.push_back(if self.made_up > 0 { BlockKind::MadeUp } else { BlockKind::Heard });
            self.blocks.0 += 1;
            self.blocks.1 += u64::from(self.made_up > 0);
        }
        self.made_up = (self.made_up - STEP).max(0);
        let mut block = [0.0; BLOCK];
        for (out, sample) in block.iter_mut().zip(self.sound.drain(..BLOCK.min(self.sound.len()))) {
            *out = sample;
        }
        block
    }

    /// How well the far end is heard.
    pub fn quality(&self) -> Quality {
        let made_up = self.played.iter().filter(|kind| **kind == BlockKind::MadeUp).count();
        Quality {
            jitter_ms: self.buffer.jitter_ms(),
            loss_pct: self.buffer.loss_pct(),
            packets_received: self.buffer.received(),
            concealed_pct: made_up as f32 * 100.0 / self.played.len().max(1) as f32,
            buffer_ms: self.now.and_then(|now| self.delay(now)).unwrap_or(0).max(0) as f32 / 48.0,
            played_ms: self.blocks.0 * 10,
            concealed_ms: self.blocks.1 * 10,
            ..Quality::default()
        }
    }

    /// Adds to `sound`, or moves on to where there is something to add.
    fn advance(&mut self, now: Instant) {
        let Some(position) = self.position.or_else(|| self.beginning(now)) else {
            if self.bridging && self.hole < CONCEALS {
                self.make_up(STEP);
            } else {
                self.sound.resize(BLOCK.max(self.sound.len()), 0.0);
            }
            return;
        };
        if self.position.replace(position).is_none() {
            (self.hole, self.bridging) = (0, false);
        }
        match self.buffer.next(position) {
            Next::Packet(packet) => {
                self.hole = 0;
                self.decode(position, &packet.payload);
            }
            Next::Gap { until, lost, next } => {
                let gap = until - position;
                let overdue = self.buffer.edge(now).is_some_and(|edge| edge - until > self.buffer.target() + TOO_LATE);
                if self.hole >= gap || (overdue && gap > STEP * 2) {
                    self.go_to(until);
                    return;
                }
                let left = gap - self.hole;
                if lost && left == STEP * 2 && self.decoder.recover(&next, left as usize, &mut self.sound) {
                    self.made_up += left;
                    self.go_to(until);
                    return;
                }
                self.make_up(left.min(STEP))
            }
            Next::Empty if self.hole >= OVER => {
                self.position = None;
                self.hole = 0;
            }
            Next::Empty => self.make_up(STEP),
        }
    }

    /// The first packet's position, once it has waited long enough.
    fn beginning(&self, now: Instant) -> Option<i64> {
        let first = self.buffer.first()?;
        (self.buffer.edge(now)? - first >= self.buffer.target()).then_some(first)
    }

    fn go_to(&mut self, position: i64) {
        self.position = Some(position);
        self.hole = 0;
        self.buffer.played_until(position);
    }

    fn decode(&mut self, position: i64, payload: &[u8]) {
        let before = self.sound.len();
        match self.decoder.decode(payload, &mut self.sound) {
            Ok(length) => {
                let opus = matches!(self.decoder, Decoder::Opus(..));
                let fresh = self.sound.get_mut(before..).unwrap_or_default();
                if !opus {
                    self.concealer.heard(fresh);
                }
                self.go_to(position + length as i64);
            }
            Err(error) => {
                tracing::debug!(%error, "a packet cannot be decoded");
                self.go_to(position + 1);
            }
        }
    }

    /// Fills in for what should be there, up to a block; with silence when nothing has come for long.
    fn make_up(&mut self, samples: i64) {
        let samples = (samples.max(1) as usize).div_ceil(OPUS_GRAIN) * OPUS_GRAIN;
        let silent = self.hole >= CONCEALS;
        self.hole += samples as i64;
        if silent {
            self.sound.extend(std::iter::repeat_n(0.0, samples));
            return;
        }
        self.made_up += samples as i64;
        if !self.decoder.conceal(samples, &mut self.sound) {
            self.concealer.conceal(samples, &mut self.sound);
        }
    }

    /// How far behind the edge we play, samples.
    fn delay(&self, now: Instant) -> Option<i64> {
        Some(self.buffer.edge(now)? - (self.position? + self.hole - self.sound.len() as i64))
    }

    /// Brings the delay nearer to the target by at most 10 ms. Says whether it did.
    fn adjust(&mut self, now: Instant) -> bool {
        let Some(delay) = self.delay(now) else { return false };
        let off = delay - self.buffer.target();
        if (-TOO_EARLY..=TOO_LATE).contains(&off) {
            return false;
        }
        // The splice needs sound at hand: short packets are decoded ahead.
        while self.sound.len() < stretch::NEEDED + BLOCK {
            let Some(position) = self.position.filter(|position| self.buffer.has(*position)) else { break };
            let Next::Packet(packet) = self.buffer.next(position) else { break };
            self.decode(position, &packet.payload);
        }
        if off > 0 {
            // Never shorter than the block to be played now.
            let most = (off as usize).min(self.sound.len().saturating_sub(BLOCK));
            stretch::shorten(&mut self.sound, most) > 0
        } else {
            stretch::lengthen(&mut self.sound, (-off) as usize) > 0
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::softphone::audio::{
        FRAME,
        codec::Encoder,
        testing::{level_at, longest_gap_ms, sine, strongest_near},
    };

    /// What came of a stream played back on paper.
    struct Heard {
        sound: Vec<f32>,
        /// Share of blocks made up over the whole run, percent.
        made_up: f32,
        /// Delay per block in ms, after the first 2 s.
        delays: Vec<f32>,
    }

    impl Heard {
        fn p95_delay(&self) -> f32 {
            let mut sorted = self.delays.clone();
            sorted.sort_by(f32::total_cmp);
            sorted[sorted.len() * 95 / 100]
        }
    }

    /// Sends a 440 Hz tone for `seconds`; `fate` says for packet `n` when it arrives, in µs after its nominal time, if
    /// at all (several: duplicates).
    fn play(codec: Codec, seconds: u64, fate: impl Fn(u64) -> Vec<u64>) -> Heard {
        let start = Instant::now();
        let mut encoder = Encoder::new(codec).unwrap();
        let tone = sine(440.0, -12.0, seconds as usize * 48_000);
        let clock = rtp_clock(codec) / 50;
        let mut packets = Vec::new();
        for (n, frame) in tone.as_chunks::<FRAME>().0.iter().enumerate() {
            let payload = encoder.encode(frame).unwrap();
            for late in fate(n as u64) {
                let arrived = start + Duration::from_micros(n as u64 * 20_000 + late);
                let sequence = 65_500u16.wrapping_add(n as u16);
                let timestamp = (u32::MAX - 5000).wrapping_add(n as u32 * clock);
                let payload: Bytes = payload.clone();
                packets.push(RtpIn { payload_type: 0, sequence, timestamp, marker: n == 0, payload, arrived });
            }
        }
        packets.sort_by_key(|packet| packet.arrived);
        let mut packets = packets.into_iter().peekable();
        let mut playout = Playout::new(codec).unwrap();
        let (mut sound, mut made_up, mut delays) = (Vec::new(), 0, Vec::new());
        let blocks = seconds * 100;
        for block in 0..blocks {
            let now = start + Duration::from_micros(3_000 + block * 10_000);
            while let Some(packet) = packets.next_if(|packet| packet.arrived <= now) {
                playout.receive(packet);
            }
            sound.extend(playout.block(now));
            made_up += usize::from(playout.played.back() == Some(&BlockKind::MadeUp));
            if block > 200 {
                delays.push(playout.quality().buffer_ms);
            }
        }
        Heard { sound, made_up: made_up as f32 * 100.0 / blocks as f32, delays }
    }

    fn random(n: u64) -> u64 {
        let mut x = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    #[test]
    fn a_clean_network_is_played_untouched_after_at_most_60_ms() {
        for codec in [Codec::Opus, Codec::Pcma, Codec::Pcmu] {
            let heard = play(codec, 12, |n| vec![random(n) % 2_000]);
            assert_eq!(heard.made_up, 0.0, "{codec:?}");
            let first = heard.sound.iter().position(|s| s.abs() > 0.05).unwrap() / 48;
            assert!(first <= 70, "{codec:?}: heard after {first} ms");
            let steady = &heard.sound[48_000..];
            assert_eq!(longest_gap_ms(steady, -15.0), 0, "{codec:?}");
            assert!((strongest_near(steady, 440.0) - 440.0).abs() <= 0.2, "{codec:?}");
            assert!((level_at(&steady[48_000..96_000], 440.0) + 12.0).abs() < 1.0, "{codec:?}");
            assert!(heard.p95_delay() <= 40.0, "{codec:?}: {} ms", heard.p95_delay());
        }
    }

    #[test]
    fn thirty_ms_of_jitter_is_ridden_out_within_80_ms() {
        let heard = play(Codec::Pcma, 20, |n| vec![random(n) % 60_000]);
        assert!(heard.made_up <= 1.0, "{} %", heard.made_up);
        assert!(heard.p95_delay() <= 85.0, "{} ms", heard.p95_delay());
        assert!(longest_gap_ms(&heard.sound[48_000..], -15.0) <= 2);
    }

    #[test]
    fn ten_percent_loss_is_made_up_for_and_no_more() {
        for codec in [Codec::Opus, Codec::Pcma] {
            let lost = |n: u64| n > 10 && random(n).is_multiple_of(10);
            let heard = play(codec, 20, |n| if lost(n) { Vec::new() } else { vec![random(n) % 2000] });
            let share = (0..1000).filter(|n| lost(*n)).count() as f32 / 10.0;
            assert!(heard.made_up <= share + 1.0, "{codec:?}: {} % of {share} %", heard.made_up);
            assert!(heard.made_up > share / 2.0, "{codec:?}: the loss was not even seen");
            assert!(longest_gap_ms(&heard.sound[48_000..], -15.0) <= 20, "{codec:?}");
        }
    }

    #[test]
    fn reordering_and_duplicates_are_not_heard() {
        let heard = play(Codec::Pcmu, 10, |n| match n % 10 {
            3 => vec![25_000],
            6 => vec![0, 5_000, 300_000],
            _ => vec![0],
        });
        assert!(heard.made_up <= 0.5, "{} %", heard.made_up);
        assert_eq!(longest_gap_ms(&heard.sound[48_000..], -15.0), 0);
    }

    #[test]
    fn another_stream_in_the_middle_is_heard_without_a_gap() {
        for codec in [Codec::Opus, Codec::Pcma] {
            let start = Instant::now();
            let mut encoder = Encoder::new(codec).unwrap();
            let mut playout = Playout::new(codec).unwrap();
            let mut sound = Vec::new();
            let clock = rtp_clock(codec) / 50;
            for (n, frame) in sine(440.0, -12.0, 4 * 48_000).as_chunks::<FRAME>().0.iter().enumerate() {
                let n = n as u32;
                let other = if n < 100 { 0 } else { 1_000_000_000 };
                playout.receive(RtpIn {
                    payload_type: 0,
                    sequence: (n + other / 40_000) as u16,
                    timestamp: n * clock + other,
                    marker: false,
                    payload: encoder.encode(frame).unwrap(),
                    arrived: start + Duration::from_millis(u64::from(n) * 20),
                });
                for half in 0..2 {
                    sound.extend(playout.block(start + Duration::from_millis(u64::from(n) * 20 + half * 10 + 2)));
                }
            }
            let steady = &sound[48_000..];
            assert!(longest_gap_ms(steady, -18.0) <= 5, "{codec:?}: {} ms", longest_gap_ms(steady, -18.0));
        }
    }

    #[test]
    fn a_stall_and_its_burst_lose_nothing_and_the_delay_comes_back() {
        // 160 ms of packets stall and come at once.
        let heard = play(Codec::Pcma, 12, |n| vec![if (150..158).contains(&n) { (158 - n) * 20_000 } else { 0 }]);
        assert!(heard.made_up < 2.0, "{} %", heard.made_up);
        let late = heard.delays.iter().fold(0.0f32, |a, b| a.max(*b));
        assert!(late > 120.0, "the burst was thrown away: {late} ms at most");
        assert!(*heard.delays.last().unwrap() < 40.0, "{} ms at the end", heard.delays.last().unwrap());
    }

    #[test]
    fn clock_drift_of_200_ppm_neither_starves_nor_grows() {
        for drift in [-200i64, 200] {
            let heard = play(Codec::Pcma, 120, |n| vec![(40_000 + n as i64 * 20_000 * drift / 1_000_000) as u64]);
            assert!(heard.made_up <= 0.1, "{drift} ppm: {} %", heard.made_up);
            assert!(heard.p95_delay() <= 45.0, "{drift} ppm: {} ms", heard.p95_delay());
            assert_eq!(longest_gap_ms(&heard.sound[48_000..], -15.0), 0, "{drift} ppm");
        }
    }

    #[test]
    fn when_the_far_end_stops_it_gets_silent_and_starts_again() {
        let heard = play(Codec::Opus, 6, |n| if (100..200).contains(&n) { Vec::new() } else { vec![0] });
        let pause = &heard.sound[3 * 48_000..3 * 48_000 + 24_000];
        assert!(level_at(pause, 440.0) < -60.0);
        assert!((level_at(&heard.sound[5 * 48_000..], 440.0) + 12.0).abs() < 1.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_packets_give_a_steady_finite_stream(
            packets in prop::collection::vec((any::<u16>(), any::<u32>(), 0u64..3_000, 0usize..300), 0..60),
            near in any::<bool>(),
        ) {
            let start = Instant::now();
            let mut playout = Playout::new(Codec::Pcmu).unwrap();
            for (n, (sequence, timestamp, ms, length)) in packets.into_iter().enumerate() {
                let (sequence, timestamp) = if near { (sequence % 64, timestamp % 20_000) } else { (sequence, timestamp) };
                let arrived = start + Duration::from_millis(ms);
                let payload = Bytes::from(vec![0x80; length]);
                playout.receive(RtpIn { payload_type: 0, sequence, timestamp, marker: false, payload, arrived });
                for step in 0..3 {
                    let block = playout.block(start + Duration::from_millis((n as u64 * 3 + step) * 10));
                    prop_assert!(block.iter().all(|sample| sample.is_finite() && sample.abs() <= 2.0));
                }
                prop_assert!(playout.sound.len() < 48_000 * 2);
            }
        }
    }
}
