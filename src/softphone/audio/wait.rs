//! How long a packet should wait before it is played: long enough for those that come later, and no longer.
//!
//! Learned from the delays of the last seconds. A few percent of stragglers are let go; when the network gets calm again
//! the past is forgotten within a second, so that the wait shrinks back at once and does not flap while it is not calm.

use std::collections::VecDeque;

use super::MS;

/// The shortest wait. Nothing is lost with it that comes up to this much late.
pub const FLOOR: i64 = 10 * MS;
/// The longest wait.
pub const CEILING: i64 = 500 * MS;
/// The wait until enough packets have come to know better.
const FIRST: i64 = 35 * MS;
/// Waited beyond the delays seen, for what a few seconds cannot show.
const MARGIN: i64 = 4 * MS;
/// Steps of the wait, so that it does not flap.
const STEP: i64 = 5 * MS;
/// What the wait may be over the 95th percentile of the delays, to catch the stragglers beyond it.
const STRAGGLERS: i64 = 40 * MS;
/// Delays remembered: 8 s, of at most this many packets.
const LONG: i64 = 8000 * MS;
const MOST: usize = 1000;
/// When the network is taken to have got calm: what came within the first of these, samples, is spread by less than this
/// share, percent, of this percentile of all. Stragglers are seldom, so it takes longer to know that there are none.
const CALM: [(i64, i64, usize); 2] = [(1000 * MS, 60, 95), (1600 * MS, 50, 99)];
/// Packets that must have come within that time.
const CALM_COUNT: usize = 12;
/// A queue is emptying while packets come closer together than this, or each is so much less late than all before it: what
/// they waited in it says nothing of the network.
const TOGETHER: i64 = 5 * MS;
const LESS_LATE: i64 = 10 * MS;
/// Delays needed before they are believed: half a second.
const ENOUGH: i64 = 500 * MS;

/// The delays of the last seconds and what follows from them. Durations are samples at 48 kHz.
#[derive(Default)]
pub struct Wait {
    /// When a packet arrived, and how much later than its place in the stream.
    seen: VecDeque<(i64, i64)>,
    base: Option<i64>,
    /// When the oldest remembered delay of this stream was seen; unset while nothing is known.
    since: Option<i64>,
    target: i64,
    floor: i64,
    /// What comes first in this stream may have waited in a queue: when the last packet came, and the least delay so far.
    emptying: Option<(i64, i64)>,
}

impl Wait {
    /// A packet came.
    pub fn note(&mut self, arrival: i64, delay: i64) {
        if self.waited_in_a_queue(arrival, delay) {
            return;
        }
        let since = *self.since.get_or_insert(arrival);
        self.seen.push_back((arrival, delay));
        while self.seen.len() > MOST || self.seen.front().is_some_and(|(at, _)| arrival - at > LONG) {
            self.seen.pop_front();
        }
        let mut all = self.sorted(i64::MIN);
        for (time, share, percent) in CALM {
            let recent = self.sorted(arrival - time);
            let calm = spread(&recent, 100) * 100 < spread(&all, percent) * share;
            if recent.len() >= CALM_COUNT && recent.len() < all.len() && calm {
                self.seen.retain(|(at, _)| arrival - at <= time);
                all = recent;
            }
        }
        self.base = all.first().copied();
        let wanted = spread(&all, 99).min(spread(&all, 95) + STRAGGLERS) + MARGIN;
        let lowest = FLOOR.max(self.floor);
        let wanted = ((wanted + STEP - 1) / STEP * STEP).clamp(lowest, CEILING);
        if arrival - since < ENOUGH {
            self.target = self.target().max(wanted);
        } else if wanted > self.target || wanted < self.target - 2 * STEP || wanted == lowest {
            self.target = wanted;
        }
    }

    /// The stream's clock jumped, or it is another stream: the delays of before say nothing. The wait stays for now.
    pub fn forget(&mut self) {
        self.seen.clear();
        self.since = None;
        self.emptying = Some((i64::MIN, i64::MAX));
    }

    /// Whether a packet with its delay only belongs to the end of a stall: a network that delivered nothing, and then
    /// everything at once. What counts of it is the last, which is the least late.
    fn waited_in_a_queue(&mut self, arrival: i64, delay: i64) -> bool {
        let Some((before, least)) = self.emptying else { return false };
        if least == i64::MAX {
            self.emptying = Some((arrival, delay));
            return false;
        }
        if arrival - before >= TOGETHER && least - delay < LESS_LATE {
            self.emptying = None;
            return false;
        }
        self.emptying = Some((arrival, least.min(delay)));
        if delay <= least {
            self.seen.clear();
            self.since = None;
        }
        delay > least
    }

    /// Waits no less than this from now on.
    pub fn set_floor(&mut self, floor: i64) {
        self.floor = floor;
    }

    /// The least delay seen of late.
    pub fn base(&self) -> Option<i64> {
        self.base
    }

    /// How long a packet with the least delay should wait.
    pub fn target(&self) -> i64 {
        if self.target == 0 { FIRST } else { self.target }
    }

    fn sorted(&self, since: i64) -> Vec<i64> {
        let mut delays: Vec<i64> = self.seen.iter().filter(|(at, _)| *at >= since).map(|(_, delay)| *delay).collect();
        delays.sort_unstable();
        delays
    }
}

/// How far the given percentile of sorted delays lies over the least; of a hundred and fewer the greatest is the 99th.
fn spread(sorted: &[i64], percent: usize) -> i64 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).zip(sorted.first()).map_or(0, |(high, low)| high - low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::netem::{Jitter, Link, Network};
    use std::time::Duration;

    /// The wait in ms after each of `count` packets, one each 20 ms.
    fn waits(wait: &mut Wait, from: i64, count: i64, delay: impl Fn(i64) -> i64) -> Vec<i64> {
        (from..from + count)
            .map(|n| {
                wait.note(n * 20 * MS + delay(n), delay(n));
                wait.target() / MS
            })
            .collect()
    }

    fn delays(jitter: Jitter) -> impl Fn(i64) -> i64 {
        let mut link = Link::new(Network { delay_ms: 0.0, jitter, ..Network::default() }, 3);
        let all: Vec<i64> =
            (0..3000).map(|_| link.send(Duration::ZERO, 200)[0].as_micros() as i64 * MS / 1000).collect();
        move |n| all[n as usize]
    }

    #[test]
    fn it_starts_careful_and_is_short_on_a_clean_network() {
        let mut wait = Wait::default();
        assert_eq!(wait.target(), FIRST);
        let all = waits(&mut wait, 0, 100, |n| n % 3 * MS);
        assert!(all[..25].iter().all(|ms| *ms == 35), "start-up");
        assert!(all[26..].iter().all(|ms| *ms == 10), "{:?}", &all[26..]);
    }

    #[test]
    fn it_covers_the_jitter_and_shrinks_back_within_two_seconds() {
        let mut wait = Wait::default();
        let rough = waits(&mut wait, 0, 1000, delays(Jitter::Uniform { most_ms: 60.0 }));
        assert!(rough[100..].iter().all(|ms| (55..=66).contains(ms)), "{:?}", &rough[100..]);
        let calm = waits(&mut wait, 1000, 100, |_| 5 * MS);
        let shrunk = calm.iter().position(|ms| *ms == 10).unwrap();
        assert!(shrunk <= 60, "after {} ms", shrunk * 20);
        assert!(calm[shrunk..].iter().all(|ms| *ms == 10));
    }

    #[test]
    fn it_does_not_flap_while_the_network_is_rough() {
        for jitter in
            [Jitter::Uniform { most_ms: 60.0 }, Jitter::Normal { sigma_ms: 30.0 }, Jitter::HeavyTail { mean_ms: 10.0 }]
        {
            let all = waits(&mut Wait::default(), 0, 3000, delays(jitter));
            let changes = all[100..].windows(2).filter(|two| two[0] != two[1]).count();
            assert!(changes < 80, "{jitter:?}: {changes} changes in a minute");
        }
    }

    #[test]
    fn one_straggler_of_many_changes_nothing() {
        let mut wait = Wait::default();
        let all = waits(&mut wait, 0, 400, |n| if n == 300 { 300 * MS } else { 0 });
        assert!(all[200..].iter().all(|ms| *ms == 10), "{:?}", &all[200..]);
    }

    #[test]
    fn a_path_that_got_longer_for_good_is_learned() {
        let mut wait = Wait::default();
        waits(&mut wait, 0, 300, |_| 0);
        waits(&mut wait, 300, 100, |_| 80 * MS);
        assert_eq!(wait.base(), Some(80 * MS));
        assert_eq!(wait.target(), FLOOR);
    }

    #[test]
    fn a_floor_is_kept() {
        let mut wait = Wait::default();
        wait.set_floor(25 * MS);
        let all = waits(&mut wait, 0, 100, |_| 0);
        assert_eq!(all[99], 25);
    }
}
