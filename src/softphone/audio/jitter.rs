//! The packets of the far end, put in order, and how long each should wait.
//!
//! Pure: told the time, never asks for it. Positions in the stream and durations are counted in samples at 48 kHz,
//! whatever the codec's RTP clock, and never wrap.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;

/// Samples of a millisecond.
const MS: i64 = 48;
/// The shortest wait: a packet that comes 20 ms late is still in time.
const FLOOR: i64 = 20 * MS;
/// The wait until enough packets have come to know better.
const FIRST_TARGET: i64 = 40 * MS;
/// The longest wait.
const CEILING: i64 = 500 * MS;
/// Steps of the wait.
const STEP: i64 = 10 * MS;
/// What the wait may be over the 95th percentile of the delays, to catch the stragglers beyond it.
const STRAGGLERS: i64 = 40 * MS;
/// Delays remembered: 4 s of 20 ms packets, long enough for a percentile, short enough to shrink back soon.
const HISTORY: usize = 200;
/// Delays needed before they are believed.
const ENOUGH: usize = 25;
/// Most packets held: 4 s of 20 ms packets. The oldest go when more come.
const CAPACITY: usize = 200;
/// A sequence number this far away belongs to another stream (RFC 3550 A.1, MAX_DROPOUT).
const WILD: i64 = 3000;
/// A packet this much later than all others means that the stream's clock jumped back.
const JUMP_BACK: i64 = 2000 * MS;
/// A packet this much earlier than all others means that the stream's clock jumped ahead.
const JUMP_AHEAD: i64 = 500 * MS;
/// After nothing came for this long, a packet this late tells of a sender whose clock stood still meanwhile.
const PAUSE: i64 = 300 * MS;
/// Loss is counted over this many seconds.
const LOSS_SECONDS: usize = 5;

/// A packet in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Of its first sample.
    pub position: i64,
    /// Unwrapped sequence number.
    pub sequence: i64,
    /// The encoded sound.
    pub payload: Bytes,
}

/// What became of a packet put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its turn.
    Stored,
    /// Its turn is over.
    Late,
    /// It is there already.
    Duplicate,
    /// The stream began anew (another source, or its clock jumped); what was held is gone and playing starts over.
    Restarted,
}

/// What there is for a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The packet that starts here.
    Packet(Packet),
    /// Nothing here, but later.
    Gap {
        /// Where the next packet starts.
        until: i64,
        /// A packet is missing; else the far end paused.
        lost: bool,
        /// The next packet's payload, which may carry redundancy.
        next: Bytes,
    },
    /// Nothing at all yet.
    Empty,
}

/// The jitter buffer of one stream.
pub struct JitterBuffer {
    ticks: i64,
    origin: Option<Instant>,
    packets: BTreeMap<i64, Packet>,
    newest: Option<Newest>,
    played: Option<Played>,
    delays: VecDeque<i64>,
    target: i64,
    jitter: f64,
    last_transit: Option<i64>,
    last_arrival: i64,
    received: u64,
    loss: LossWindow,
}

#[derive(Clone, Copy)]
struct Newest {
    sequence: i64,
    timestamp: i64,
}

#[derive(Clone, Copy)]
struct Played {
    sequence: i64,
    /// Everything before this position has had its turn.
    until: i64,
}

impl JitterBuffer {
    /// For a stream with an RTP clock of `clock` Hz, a divisor of 48 000.
    pub fn new(clock: u32) -> Self {
        Self {
            ticks: 48_000 / i64::from(clock.clamp(1, 48_000)),
            origin: None,
            packets: BTreeMap::new(),
            newest: None,
            played: None,
            delays: VecDeque::with_capacity(HISTORY),
            target: FIRST_TARGET,
            jitter: 0.0,
            last_transit: None,
            last_arrival: 0,
            received: 0,
            loss: LossWindow::default(),
        }
    }

    /// Puts a packet in its place.
    pub fn insert(&mut self, sequence: u16, timestamp: u32, payload: Bytes, arrived: Instant) -> Inserted {
        self.received += 1;
        let origin = *self.origin.get_or_insert(arrived);
        let arrival = samples_between(origin, arrived);
        let paused = arrival - std::mem::replace(&mut self.last_arrival, arrival) > PAUSE;
        let mut result = Inserted::Stored;
        let (mut sequence, mut timestamp) = match self.newest {
            None => (i64::from(sequence), i64::from(timestamp)),
            Some(newest) => (unwrap16(newest.sequence, sequence), unwrap32(newest.timestamp, timestamp)),
        };
        if let Some(newest) = self.newest {
            let went_back = sequence > newest.sequence && timestamp < newest.timestamp - 100 * MS / self.ticks;
            let late_by = self.delays.iter().min().map_or(0, |base| arrival - timestamp * self.ticks - base);
            if (sequence - newest.sequence).abs() > WILD || went_back || late_by > JUMP_BACK {
                self.restart();
                (sequence, timestamp) = (sequence.rem_euclid(1 << 16), timestamp.rem_euclid(1 << 32));
                result = Inserted::Restarted;
            } else if late_by < -JUMP_AHEAD || (paused && late_by > PAUSE) {
                // If it was the network that stood still, its burst shows the least delay again at once.
                self.delays.clear();
                self.last_transit = None;
            }
        }
        let position = timestamp * self.ticks;
        let ahead = self.newest.is_none_or(|newest| sequence > newest.sequence);
        let second = arrived.saturating_duration_since(origin).as_secs();
        self.loss.advance(second, self.newest.map_or(1, |newest| (sequence - newest.sequence).max(0)));
        if ahead {
            self.newest = Some(Newest { sequence, timestamp });
        }
        if self.packets.contains_key(&position) {
            return Inserted::Duplicate;
        }
        if self.played.is_some_and(|played| position < played.until) {
            if self.played.is_some_and(|played| played.sequence == sequence) {
                return Inserted::Duplicate;
            }
            self.loss.arrived();
            self.note_delay(arrival - position);
            return Inserted::Late;
        }
        self.loss.arrived();
        self.note_delay(arrival - position);
        self.packets.insert(position, Packet { position, sequence, payload });
        while self.packets.len() > CAPACITY {
            self.packets.pop_first();
        }
        result
    }

    /// What there is for `position`; a packet is taken out. Packets before it have missed their turn and are dropped.
    pub fn next(&mut self, position: i64) -> Next {
        while self.packets.first_key_value().is_some_and(|(at, _)| *at < position) {
            self.packets.pop_first();
        }
        let Some(entry) = self.packets.first_entry() else { return Next::Empty };
        if *entry.key() > position {
            let packet = entry.get();
            let lost = self.played.is_none_or(|played| packet.sequence != played.sequence + 1);
            return Next::Gap { until: packet.position, lost, next: packet.payload.clone() };
        }
        let packet = entry.remove();
        self.played = Some(Played { sequence: packet.sequence, until: position + 1 });
        Next::Packet(packet)
    }

    /// Tells that everything before `position` has been played or made up for.
    pub fn played_until(&mut self, position: i64) {
        if let Some(played) = &mut self.played {
            played.until = played.until.max(position);
        }
    }

    /// Whether a packet starts exactly here.
    pub fn has(&self, position: i64) -> bool {
        self.packets.contains_key(&position)
    }

    /// Where the first packet held starts.
    pub fn first(&self) -> Option<i64> {
        self.packets.first_key_value().map(|(position, _)| *position)
    }

    /// The position a packet with the least delay seen of late would have if it came now. What is played now should
    /// be [`target`](Self::target) behind.
    pub fn edge(&self, now: Instant) -> Option<i64> {
        let base = self.delays.iter().min()?;
        Some(samples_between(self.origin?, now) - base)
    }

    /// How far behind the [`edge`](Self::edge) to play, samples.
    pub fn target(&self) -> i64 {
        self.target
    }

    /// Interarrival jitter, ms.
    pub fn jitter_ms(&self) -> f32 {
        (self.jitter / MS as f64) as f32
    }

    /// Loss of the last 5 s, percent.
    pub fn loss_pct(&self) -> f32 {
        self.loss.percent()
    }

    /// Packets put in since the beginning.
    pub fn received(&self) -> u64 {
        self.received
    }

    fn restart(&mut self) {
        self.packets.clear();
        self.newest = None;
        self.played = None;
        self.delays.clear();
        self.last_transit = None;
    }

    /// RFC 3550 A.8 for the jitter, and the wait from the delays of the last 4 s.
    fn note_delay(&mut self, transit: i64) {
        if let Some(last) = self.last_transit.replace(transit) {
            self.jitter += ((transit - last).abs() as f64 - self.jitter) / 16.0;
        }
        if self.delays.len() >= HISTORY {
            self.delays.pop_front();
        }
        self.delays.push_back(transit);
        let mut sorted: Vec<i64> = self.delays.iter().copied().collect();
        sorted.sort_unstable();
        let (Some(base), count) = (sorted.first().copied(), sorted.len()) else { return };
        let percentile =
            |share: usize| sorted.get((count * share / 100).min(count - 1)).map_or(0, |delay| delay - base);
        let wanted = percentile(99).min(percentile(95) + STRAGGLERS);
        let wanted = (wanted + STEP - 1) / STEP * STEP;
        let floor = if count < ENOUGH { FIRST_TARGET } else { FLOOR };
        self.target = wanted.clamp(floor, CEILING);
    }
}

/// Expected and received packets, by the second.
#[derive(Default)]
struct LossWindow {
    seconds: VecDeque<(u64, i64, i64)>,
}

impl LossWindow {
    fn advance(&mut self, second: u64, expected: i64) {
        if self.seconds.back().is_none_or(|(at, ..)| *at < second) {
            self.seconds.push_back((second, 0, 0));
            while self.seconds.len() > LOSS_SECONDS {
                self.seconds.pop_front();
            }
        }
        if let Some((_, all, _)) = self.seconds.back_mut() {
            *all += expected;
        }
    }

    fn arrived(&mut self) {
        if let Some((_, _, here)) = self.seconds.back_mut() {
            *here += 1;
        }
    }

    fn percent(&self) -> f32 {
        let (expected, received) = self.seconds.iter().fold((0, 0), |(e, r), (_, all, here)| (e + all, r + here));
        if expected <= 0 { 0.0 } else { ((expected - received).max(0) as f32) * 100.0 / expected as f32 }
    }
}

fn samples_between(from: Instant, to: Instant) -> i64 {
    let samples = |d: Duration| (d.as_nanos() as f64 * 48e-6) as i64;
    match to.checked_duration_since(from) {
        Some(duration) => samples(duration),
        None => -samples(from.saturating_duration_since(to)),
    }
}

fn unwrap16(near: i64, value: u16) -> i64 {
    near + i64::from(value.wrapping_sub(near as u16) as i16)
}

fn unwrap32(near: i64, value: u32) -> i64 {
    near + i64::from(value.wrapping_sub(near as u32) as i32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACKET: i64 = 960;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    fn put(buffer: &mut JitterBuffer, n: u32, start: Instant, ms: u64) -> Inserted {
        buffer.insert(n as u16, n.wrapping_mul(960), Bytes::from(vec![n as u8]), at(start, ms))
    }

    #[test]
    fn packets_come_out_in_order_once_and_gaps_are_told() {
        let (mut buffer, start) = (JitterBuffer::new(48_000), Instant::now());
        for (n, ms) in [(10, 0), (12, 40), (11, 45)] {
            assert_eq!(put(&mut buffer, n, start, ms), Inserted::Stored);
        }
        assert_eq!(put(&mut buffer, 12, start, 46), Inserted::Duplicate);
        put(&mut buffer, 14, start, 80);
        for n in 10..13 {
            assert!(matches!(buffer.next(n * PACKET), Next::Packet(p) if p.payload[..] == [n as u8]));
        }
        let gap = Next::Gap { until: 14 * PACKET, lost: true, next: Bytes::from(vec![14]) };
        assert_eq!(buffer.next(13 * PACKET), gap);
        buffer.played_until(14 * PACKET);
        assert_eq!(put(&mut buffer, 13, start, 90), Inserted::Late);
        assert!(matches!(buffer.next(14 * PACKET), Next::Packet(_)));
        assert_eq!(buffer.next(15 * PACKET), Next::Empty);
    }

    #[test]
    fn a_pause_of_the_far_end_is_not_a_loss() {
        let (mut buffer, start) = (JitterBuffer::new(8_000), Instant::now());
        buffer.insert(1, 0, Bytes::new(), start);
        assert!(matches!(buffer.next(0), Next::Packet(_)));
        buffer.insert(2, 3200, Bytes::new(), at(start, 400));
        assert_eq!(buffer.next(960), Next::Gap { until: 19_200, lost: false, next: Bytes::new() });
        assert_eq!(buffer.loss_pct(), 0.0);
    }

    #[test]
    fn sequence_and_timestamp_may_wrap() {
        let (mut buffer, start) = (JitterBuffer::new(8_000), Instant::now());
        let first = u32::MAX - 479;
        for n in 0..10u32 {
            let sequence = 65_530u16.wrapping_add(n as u16);
            let done = buffer.insert(sequence, first.wrapping_add(n * 160), Bytes::new(), at(start, u64::from(n) * 20));
            assert_eq!(done, Inserted::Stored);
        }
        let mut position = buffer.first().unwrap();
        for _ in 0..10 {
            assert!(matches!(buffer.next(position), Next::Packet(_)));
            position += PACKET;
        }
        assert_eq!((buffer.loss_pct(), buffer.received()), (0.0, 10));
    }

    #[test]
    fn the_wait_follows_the_jitter_and_shrinks_back() {
        let (mut buffer, start) = (JitterBuffer::new(48_000), Instant::now());
        let mut feed = |numbers: std::ops::Range<u32>, jitter: &dyn Fn(u32) -> u64| {
            for n in numbers {
                put(&mut buffer, n, start, u64::from(n) * 20 + jitter(n));
            }
            buffer.target() / MS
        };
        assert_eq!(feed(0..1, &|_| 0), 40, "start-up");
        assert_eq!(feed(1..100, &|_| 0), 20);
        assert_eq!(feed(100..400, &|n| u64::from(n % 7) * 5), 30);
        let wide = feed(400..700, &|n| u64::from(n % 13) * 10);
        assert!((110..=120).contains(&wide), "{wide} ms");
        assert_eq!(feed(700..950, &|_| 0), 20, "shrinks back");
    }

    #[test]
    fn another_stream_starts_over() {
        let (mut buffer, start) = (JitterBuffer::new(48_000), Instant::now());
        put(&mut buffer, 1, start, 0);
        assert_eq!(buffer.insert(40_000, 7, Bytes::new(), at(start, 20)), Inserted::Restarted);
        assert_eq!(buffer.first(), Some(7));
        // The same numbers go on, the clock jumps back: a new source behind the same sequence.
        put(&mut buffer, 40_001, start, 40);
        assert_eq!(buffer.insert(40_002, 5, Bytes::new(), at(start, 60)), Inserted::Restarted);
        assert_eq!(buffer.first(), Some(5));
    }

    #[test]
    fn a_clock_that_stood_still_while_nothing_came_is_no_delay() {
        let (mut buffer, start) = (JitterBuffer::new(48_000), Instant::now());
        for n in 0..100 {
            put(&mut buffer, n, start, u64::from(n) * 20);
        }
        for n in 100..150 {
            put(&mut buffer, n, start, u64::from(n) * 20 + 1500);
        }
        let now = at(start, 149 * 20 + 1500);
        let behind = buffer.edge(now).unwrap() - 149 * PACKET;
        assert!(behind.abs() < MS, "the newest packet is taken to be {} ms late", behind / MS);
        assert!(buffer.target() <= 40 * MS, "{} ms", buffer.target() / MS);
    }

    #[test]
    fn loss_is_counted_over_the_last_seconds() {
        let (mut buffer, start) = (JitterBuffer::new(48_000), Instant::now());
        for n in (0..250).filter(|n| n % 10 != 9) {
            put(&mut buffer, n, start, u64::from(n) * 20);
        }
        assert!((buffer.loss_pct() - 10.0).abs() < 1.0, "{}", buffer.loss_pct());
        for n in 250..600 {
            put(&mut buffer, n, start, u64::from(n) * 20);
        }
        assert_eq!(buffer.loss_pct(), 0.0);
    }

    proptest! {
        #[test]
        fn whatever_comes_the_order_holds_and_memory_is_bounded(
            packets in prop::collection::vec((any::<u16>(), any::<u32>(), 0u64..10_000), 1..400)
        ) {
            let (mut buffer, start) = (JitterBuffer::new(8_000), Instant::now());
            for (sequence, timestamp, ms) in packets {
                buffer.insert(sequence, timestamp, Bytes::new(), at(start, ms));
                prop_assert!(buffer.packets.len() <= CAPACITY);
                prop_assert!((FLOOR..=CEILING).contains(&buffer.target()));
                if let Some(first) = buffer.first() && sequence % 3 == 0 {
                    prop_assert!(matches!(buffer.next(first), Next::Packet(_)));
                    prop_assert!(buffer.first().is_none_or(|next| next > first));
                }
            }
        }
    }
}
