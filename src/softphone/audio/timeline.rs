//! The numbers in RTP headers made into one line of time that never wraps and never jumps.
//!
//! A switch that connects the agent to somebody else changes SSRC, sequence numbers, timestamps or the codec with its
//! clock without a word. Each such stretch is laid behind what came before it, where its first packet arrived; packets of
//! the old stretch that are still under way keep their place.

use super::MS;

/// A sequence number this far away belongs to another stream (RFC 3550 A.1, MAX_DROPOUT).
const WILD: i64 = 3000;
/// A packet this much later than all others means that the stream's clock jumped back.
const JUMP_BACK: i64 = 2000 * MS;
/// A packet this much earlier than all others means that the stream's clock jumped ahead.
const JUMP_AHEAD: i64 = 500 * MS;
/// After nothing came for this long, a packet this late tells of a sender whose clock stood still meanwhile.
const PAUSE: i64 = 300 * MS;
/// A source heard before takes over again only when the present one has been quiet for this long.
const QUIET: i64 = 200 * MS;

/// What an RTP header says.
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    /// RTP clock of the payload type, Hz, a divisor of 48 000.
    pub clock: u32,
}

/// What is known besides.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// When the packet arrived, samples.
    pub arrival: i64,
    /// The least delay of late: arrival less position.
    pub base: Option<i64>,
    /// Where the newest packet ends.
    pub end: i64,
}

/// A packet's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted on through changes of the source.
    pub sequence: i64,
    /// Of its first sample, at 48 kHz.
    pub position: i64,
    /// A new stretch begins with it.
    pub anew: bool,
}

/// One line of time for all sources of a call.
#[derive(Default)]
pub struct Timeline {
    current: Option<Source>,
    previous: Option<Source>,
    last_arrival: i64,
}

struct Source {
    ssrc: u32,
    /// The newest sequence number, as the source counts, without wrap.
    newest: i64,
    /// From the source's count to ours.
    shift: i64,
    /// The last two clocks used, the present one last.
    lines: Vec<Line>,
    heard: i64,
}

struct Line {
    clock: u32,
    newest: i64,
    shift: i64,
}

impl Line {
    fn ticks(&self) -> i64 {
        ticks(self.clock)
    }
}

fn ticks(clock: u32) -> i64 {
    48_000 / i64::from(clock.clamp(1, 48_000))
}

impl Source {
    fn begin(numbers: Numbers, next_sequence: i64) -> Self {
        let newest = i64::from(numbers.sequence);
        Self { ssrc: numbers.ssrc, newest, shift: next_sequence - newest, lines: Vec::new(), heard: 0 }
    }

    /// Lays the packet's clock so that it comes right behind everything else, or where it would be without delay.
    fn lay(&mut self, numbers: Numbers, scene: Scene) -> i64 {
        let edge = scene.base.map_or(scene.end, |base| scene.arrival - base);
        let position = scene.end.clamp(edge, edge + JUMP_AHEAD);
        let newest = i64::from(numbers.timestamp);
        self.lines.retain(|line| line.clock != numbers.clock);
        if self.lines.len() > 1 {
            self.lines.remove(0);
        }
        self.lines.push(Line { clock: numbers.clock, newest, shift: position - newest * ticks(numbers.clock) });
        position
    }
}

impl Timeline {
    /// Where a packet belongs; none when two sources speak at once and it is of the one that is not listened to.
    pub fn place(&mut self, numbers: Numbers, scene: Scene) -> Option<Place> {
        let paused = scene.arrival - std::mem::replace(&mut self.last_arrival, scene.arrival) > PAUSE;
        if let Some(current) = &self.current
            && current.ssrc != numbers.ssrc
            && let Some(previous) = self.previous.as_ref().filter(|previous| previous.ssrc == numbers.ssrc)
        {
            let sequence = unwrap16(previous.newest, numbers.sequence);
            if sequence <= previous.newest && previous.newest - sequence < WILD {
                let line = previous.lines.iter().find(|line| line.clock == numbers.clock)?;
                let position = unwrap32(line.newest, numbers.timestamp) * line.ticks() + line.shift;
                return Some(Place { sequence: sequence + previous.shift, position, anew: false });
            }
            if scene.arrival - current.heard < QUIET {
                return None;
            }
        }
        let same = self.current.as_ref().is_some_and(|current| {
            current.ssrc == numbers.ssrc && (unwrap16(current.newest, numbers.sequence) - current.newest).abs() <= WILD
        });
        if !same {
            let next = self.current.as_ref().map_or(0, |current| current.newest + current.shift + 1);
            self.previous = self.current.replace(Source::begin(numbers, next));
        }
        let source = self.current.as_mut()?;
        source.heard = scene.arrival;
        let sequence = unwrap16(source.newest, numbers.sequence);
        let ahead = !same || sequence > source.newest;
        source.newest = source.newest.max(sequence);
        let shift = source.shift;
        let (position, anew) = source.position(numbers, scene, ahead, paused)?;
        Some(Place { sequence: sequence + shift, position, anew })
    }
}

impl Source {
    fn position(&mut self, numbers: Numbers, scene: Scene, ahead: bool, paused: bool) -> Option<(i64, bool)> {
        let present = self.lines.last().is_some_and(|line| line.clock == numbers.clock);
        let Some(line) = self.lines.iter_mut().find(|line| line.clock == numbers.clock && (present || !ahead)) else {
            // Overtaken by a packet of the codec that followed, and nothing is known of its clock.
            return if ahead || self.lines.is_empty() { Some((self.lay(numbers, scene), true)) } else { None };
        };
        let timestamp = unwrap32(line.newest, numbers.timestamp);
        let position = timestamp * line.ticks() + line.shift;
        let late_by = scene.base.map_or(0, |base| scene.arrival - position - base);
        let went_back = ahead && timestamp < line.newest - 100 * MS / line.ticks();
        if went_back || !(-JUMP_AHEAD..=JUMP_BACK).contains(&late_by) || (paused && late_by > PAUSE) {
            return Some((self.lay(numbers, scene), true));
        }
        if ahead {
            line.newest = timestamp;
        }
        Some((position, false))
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
    use super::*;

    /// Packets of 20 ms that arrive on time.
    #[derive(Default)]
    struct Far {
        timeline: Timeline,
        end: i64,
        at: i64,
    }

    impl Far {
        fn place(&mut self, ssrc: u32, sequence: u16, timestamp: u32, clock: u32) -> Option<Place> {
            let scene = Scene { arrival: self.at * MS, base: (self.at > 0).then_some(0), end: self.end };
            let place = self.timeline.place(Numbers { ssrc, sequence, timestamp, clock }, scene);
            self.end = self.end.max(place.map_or(0, |place| place.position + 960));
            place
        }

        fn next(&mut self, ssrc: u32, sequence: u16, timestamp: u32, clock: u32) -> Place {
            let place = self.place(ssrc, sequence, timestamp, clock).unwrap();
            self.at += 20;
            place
        }
    }

    #[test]
    fn numbers_may_wrap() {
        let mut far = Far::default();
        for n in 0..10 {
            let sequence = 65_530u16.wrapping_add(n as u16);
            let place = far.next(1, sequence, (u32::MAX - 479).wrapping_add(n * 160), 8_000);
            assert_eq!((place.sequence, place.position, place.anew), (i64::from(n), i64::from(n) * 960, n == 0));
        }
    }

    #[test]
    fn another_source_follows_and_late_ones_of_the_old_keep_their_place() {
        let mut far = Far::default();
        far.next(1, 10, 1000, 8_000);
        far.at += 20;
        let new = far.next(2, 40_000, 77, 8_000);
        assert_eq!((new.sequence, new.position, new.anew), (1, 40 * MS, true));
        // Sequence 11 of the old source was under way, but its number is taken by the new one: not listened to.
        assert_eq!(far.place(1, 11, 1160, 8_000), None);
        assert_eq!(far.place(1, 9, 840, 8_000), Some(Place { sequence: -1, position: -960, anew: false }));
        // When the new one is quiet, the old one is heard again.
        far.at += 300;
        let back = far.next(1, 12, 1320, 8_000);
        assert!(back.anew && back.position == (far.at - 20) * MS, "{back:?}");
    }

    #[test]
    fn a_codec_with_another_clock_goes_on_where_the_old_one_ended() {
        let mut far = Far::default();
        for n in 0..5 {
            far.next(1, n, u32::from(n) * 160, 8_000);
        }
        // 5 is overtaken by the first packet of the new codec.
        far.at += 20;
        let new = far.next(1, 6, 999_999, 48_000);
        assert_eq!((new.sequence, new.position, new.anew), (6, 6 * 960, true));
        assert_eq!(far.place(1, 5, 800, 8_000), Some(Place { sequence: 5, position: 5 * 960, anew: false }));
        let after = far.next(1, 7, 999_999 + 960, 48_000);
        assert_eq!((after.position, after.anew), (7 * 960, false));
        // Back again with an arbitrary timestamp.
        let back = far.next(1, 8, 5, 8_000);
        assert_eq!((back.position, back.anew), (8 * 960, true));
    }

    #[test]
    fn a_timestamp_that_jumps_starts_no_gap() {
        let mut far = Far::default();
        for n in 0..100u16 {
            let base = if n < 50 { 0 } else { 3_000_000_000 };
            let place = far.next(1, n, base + u32::from(n) * 160, 8_000);
            assert_eq!(place.position, i64::from(n) * 960);
            assert_eq!(place.anew, n == 0 || n == 50);
        }
    }

    #[test]
    fn a_pause_keeps_its_length() {
        let mut far = Far::default();
        far.next(1, 0, 0, 8_000);
        far.at = 420;
        assert_eq!(far.next(1, 1, 8 * 420, 8_000).position, 420 * MS);
        // A sender whose clock stood still meanwhile is not late.
        far.at = 1420;
        let place = far.next(1, 2, 8 * 440, 8_000);
        assert_eq!((place.position, place.anew), (1420 * MS, true));
    }
}
