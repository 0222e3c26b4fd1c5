//! The packets of the far end, put in order.
//!
//! Pure: told the time, never asks for it. Positions in the stream and durations are counted in samples at 48 kHz,
//! whatever the codec's RTP clock, and never wrap: `timeline` sees to that, `wait` says how long packets should wait.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    MS, RtpIn,
    timeline::{Numbers, Place, Scene, Timeline},
    wait::Wait,
};

/// Most packets held: 4 s of 20 ms packets. The oldest go when more come.
const CAPACITY: usize = 200;
/// Most sequence numbers remembered of packets that carry no sound.
const OTHERS: usize = 256;
/// Loss is counted over this many seconds.
const LOSS_SECONDS: usize = 5;

/// A packet in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Of its first sample.
    pub position: i64,
    /// Unwrapped sequence number.
    pub sequence: i64,
    /// What it carries.
    pub payload_type: u8,
    /// The encoded sound.
    pub payload: Bytes,
}

/// What became of a packet put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its turn.
    Stored,
    /// It waits for its turn, and its stream's numbers have nothing to do with those before.
    Anew,
    /// Its turn is over.
    Late,
    /// It is there already.
    Duplicate,
    /// It is of a second source while another one is heard.
    Ignored,
}

/// What there is for a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The packet that starts here.
    Packet(Packet),
    /// Nothing here, but later.
    Gap {
        /// A packet is missing; else the far end paused.
        lost: bool,
        /// The next packet, which may carry redundancy.
        next: Packet,
    },
    /// Nothing at all yet.
    Empty,
}

/// The jitter buffer of one call.
#[derive(Default)]
pub struct JitterBuffer {
    origin: Option<Instant>,
    timeline: Timeline,
    packets: BTreeMap<i64, Packet>,
    /// Sequence numbers of packets that carry no sound, and so leave no hole.
    others: BTreeSet<i64>,
    newest: Option<i64>,
    /// Where the newest packet ends.
    end: i64,
    played: Option<Played>,
    wait: Wait,
    jitter: f64,
    last_transit: Option<i64>,
    received: u64,
    loss: LossWindow,
}

#[derive(Clone, Copy)]
struct Played {
    sequence: i64,
    /// Everything before this position has had its turn.
    until: i64,
}

impl JitterBuffer {
    /// Puts a packet in its place. `clock` is that of its payload type, Hz, a divisor of 48 000; `span` is how much of
    /// the stream it covers, samples.
    pub fn insert(&mut self, packet: RtpIn, clock: u32, span: i64) -> Inserted {
        self.received += 1;
        let Some((place, arrival)) = self.place(&packet, clock) else { return Inserted::Ignored };
        let Place { sequence, position, anew } = place;
        if anew {
            self.wait.forget();
            self.last_transit = None;
        }
        if self.packets.contains_key(&position) {
            return Inserted::Duplicate;
        }
        let late = self.played.filter(|played| position < played.until);
        if late.is_some_and(|played| played.sequence == sequence) {
            return Inserted::Duplicate;
        }
        self.loss.arrived();
        self.note_delay(arrival, arrival - position);
        if late.is_some() {
            return Inserted::Late;
        }
        self.end = self.end.max(position + span.max(0));
        let RtpIn { payload_type, payload, .. } = packet;
        self.packets.insert(position, Packet { position, sequence, payload_type, payload });
        while self.packets.len() > CAPACITY {
            self.packets.pop_first();
        }
        if anew { Inserted::Anew } else { Inserted::Stored }
    }

    /// Takes note of a packet that carries no sound (telephone-event): its sequence number is not lost.
    pub fn pass_over(&mut self, packet: &RtpIn, clock: u32) {
        let Some((place, _)) = self.place(packet, clock) else { return };
        self.loss.arrived();
        self.others.insert(place.sequence);
        while self.others.len() > OTHERS {
            self.others.pop_first();
        }
    }

    /// What there is for `position`; a packet is taken out. Packets before it have missed their turn and are dropped.
    pub fn next(&mut self, position: i64) -> Next {
        while self.packets.first_key_value().is_some_and(|(at, _)| *at < position) {
            self.packets.pop_first();
        }
        let Some(entry) = self.packets.first_entry() else { return Next::Empty };
        if *entry.key() > position {
            let next = entry.get().clone();
            let lost = self.played.is_none_or(|played| self.missing(played.sequence, next.sequence));
            return Next::Gap { lost, next };
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

    /// Where the first packet held starts that does not start before `position`.
    pub fn first_from(&self, position: i64) -> Option<i64> {
        self.packets.range(position..).next().map(|(position, _)| *position)
    }

    /// The position a packet with the least delay seen of late would have if it came now. What is played now should
    /// be [`target`](Self::target) behind.
    pub fn edge(&self, now: Instant) -> Option<i64> {
        Some(samples_between(self.origin?, now) - self.wait.base()?)
    }

    /// How far behind the [`edge`](Self::edge) to play, samples.
    pub fn target(&self) -> i64 {
        self.wait.target()
    }

    /// Plays no nearer to the edge than this from now on, samples.
    pub fn set_floor(&mut self, floor: i64) {
        self.wait.set_floor(floor);
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

    fn place(&mut self, packet: &RtpIn, clock: u32) -> Option<(Place, i64)> {
        let origin = *self.origin.get_or_insert(packet.arrived);
        let arrival = samples_between(origin, packet.arrived);
        let &RtpIn { ssrc, sequence, timestamp, .. } = packet;
        let scene = Scene { arrival, base: self.wait.base(), end: self.end };
        let place = self.timeline.place(Numbers { ssrc, sequence, timestamp, clock }, scene)?;
        let second = packet.arrived.saturating_duration_since(origin).as_secs();
        let expected = self.newest.map_or(1, |newest| (place.sequence - newest).max(0));
        self.loss.advance(second, expected);
        self.newest = Some(self.newest.map_or(place.sequence, |newest| newest.max(place.sequence)));
        Some((place, arrival))
    }

    /// Whether a packet with sound is missing between these two.
    fn missing(&self, before: i64, after: i64) -> bool {
        let between = (after - before - 1).max(0);
        between > 0 && between > self.others.range(before + 1..after).count() as i64
    }

    /// RFC 3550 A.8 for the jitter, and the wait.
    fn note_delay(&mut self, arrival: i64, transit: i64) {
        if let Some(last) = self.last_transit.replace(transit) {
            self.jitter += ((transit - last).abs() as f64 - self.jitter) / 16.0;
        }
        self.wait.note(arrival, transit);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::softphone::audio::wait::{CEILING, FLOOR};

    const PACKET: i64 = 960;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    fn packet(sequence: u16, timestamp: u32, arrived: Instant) -> RtpIn {
        let payload = Bytes::from(vec![sequence as u8]);
        RtpIn { ssrc: 1, payload_type: 0, sequence, timestamp, marker: false, payload, arrived }
    }

    fn put(buffer: &mut JitterBuffer, n: u32, start: Instant, ms: u64) -> Inserted {
        buffer.insert(packet(n as u16, n.wrapping_mul(960), at(start, ms)), 48_000, PACKET)
    }

    #[test]
    fn packets_come_out_in_order_once_and_gaps_are_told() {
        let (mut buffer, start) = (JitterBuffer::default(), Instant::now());
        assert_eq!(put(&mut buffer, 10, start, 0), Inserted::Anew);
        for (n, ms) in [(12, 40), (11, 45)] {
            assert_eq!(put(&mut buffer, n, start, ms), Inserted::Stored);
        }
        assert_eq!(put(&mut buffer, 12, start, 46), Inserted::Duplicate);
        put(&mut buffer, 14, start, 80);
        for n in 0..3 {
            assert!(matches!(buffer.next(n * PACKET), Next::Packet(p) if p.payload[..] == [n as u8 + 10]));
        }
        let Next::Gap { lost: true, next } = buffer.next(3 * PACKET) else { panic!("no gap") };
        assert_eq!((next.position, &next.payload[..]), (4 * PACKET, &[14][..]));
        buffer.played_until(4 * PACKET);
        assert_eq!(put(&mut buffer, 13, start, 90), Inserted::Late);
        assert!(matches!(buffer.next(4 * PACKET), Next::Packet(_)));
        assert_eq!(buffer.next(5 * PACKET), Next::Empty);
    }

    #[test]
    fn a_pause_of_the_far_end_is_not_a_loss() {
        let (mut buffer, start) = (JitterBuffer::default(), Instant::now());
        buffer.insert(packet(1, 0, start), 8_000, PACKET);
        assert!(matches!(buffer.next(0), Next::Packet(_)));
        buffer.insert(packet(2, 3200, at(start, 400)), 8_000, PACKET);
        assert!(matches!(buffer.next(960), Next::Gap { lost: false, next } if next.position == 19_200));
        assert_eq!(buffer.loss_pct(), 0.0);
    }

    #[test]
    fn packets_without_sound_leave_no_hole() {
        let (mut buffer, start) = (JitterBuffer::default(), Instant::now());
        buffer.insert(packet(1, 0, start), 8_000, PACKET);
        assert!(matches!(buffer.next(0), Next::Packet(_)));
        for n in 2..7 {
            buffer.pass_over(&packet(n, 160, at(start, u64::from(n) * 20)), 8_000);
        }
        buffer.insert(packet(7, 960, at(start, 140)), 8_000, PACKET);
        assert!(matches!(buffer.next(960), Next::Gap { lost: false, .. }));
        assert_eq!(buffer.loss_pct(), 0.0);
        buffer.insert(packet(9, 1280, at(start, 180)), 8_000, PACKET);
        assert!(matches!(buffer.next(5760), Next::Packet(_)));
        assert!(matches!(buffer.next(6720), Next::Gap { lost: true, .. }));
    }

    #[test]
    fn another_stream_follows_the_old_one() {
        let (mut buffer, start) = (JitterBuffer::default(), Instant::now());
        for n in 0..5 {
            put(&mut buffer, n, start, u64::from(n) * 20);
        }
        assert_eq!(buffer.insert(packet(40_000, 7, at(start, 100)), 48_000, PACKET), Inserted::Anew);
        let positions: Vec<i64> = buffer.packets.keys().copied().collect();
        assert_eq!(positions, [0, 960, 1920, 2880, 3840, 4800], "what was held is still there");
        assert_eq!(buffer.loss_pct(), 0.0);
    }

    #[test]
    fn a_clock_that_stood_still_while_nothing_came_is_no_delay() {
        let (mut buffer, start) = (JitterBuffer::default(), Instant::now());
        for n in 0..100 {
            put(&mut buffer, n, start, u64::from(n) * 20);
        }
        for n in 100..150 {
            put(&mut buffer, n, start, u64::from(n) * 20 + 1500);
        }
        let behind = buffer.edge(at(start, 149 * 20 + 1500)).unwrap() - (buffer.end - PACKET);
        assert!(behind.abs() < MS, "the newest packet is taken to be {} ms late", behind / MS);
        assert!(buffer.target() <= 40 * MS, "{} ms", buffer.target() / MS);
    }

    #[test]
    fn loss_is_counted_over_the_last_seconds() {
        let (mut buffer, start) = (JitterBuffer::default(), Instant::now());
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
            packets in prop::collection::vec((0u32..3, any::<u16>(), any::<u32>(), 0u64..10_000, any::<bool>()), 1..400)
        ) {
            let (mut buffer, start) = (JitterBuffer::default(), Instant::now());
            for (ssrc, sequence, timestamp, ms, narrow) in packets {
                let packet = RtpIn { ssrc, ..packet(sequence, timestamp, at(start, ms)) };
                if sequence % 7 == 0 {
                    buffer.pass_over(&packet, 8_000);
                } else {
                    buffer.insert(packet, if narrow { 8_000 } else { 48_000 }, PACKET);
                }
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
