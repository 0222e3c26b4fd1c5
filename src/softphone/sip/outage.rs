//! When a phone that has lost its server tries again.
//!
//! The time of a single agent comes first: while the event link is up and the phone is away, the platform routes
//! customers to a dead phone. So the longest pause is how late a phone may be, and it grows with the outage:
//!
//! | the server was away for | back after its return within | of 1,000 phones in a second |
//! |---|---|---|
//! | 1 to 2 s | 0.35 s | all |
//! | up to 8 s | a sixth of that, at most 1 s | all |
//! | up to 18 s | a sixth of that, at most 3 s | 33 to 75 % |
//! | up to a minute | 3 s | 33 % |
//! | up to 162 s | 3 s, and a sixth of what is beyond a minute | 5 to 33 % |
//! | longer | 20 s | 5 % |
//!
//! Within that time a floor of phones is spread as evenly as chance can do it: every phone draws 60 to 100 % of the
//! longest pause each time, so that after a few attempts nothing is left of the instant in which all lost the server. No
//! tenth of the time sees more than twice its share of the floor. (One bound for every outage, such as 5 % in any second,
//! would be 20 s for the last agent however short the outage. An attempt at a server that is not there costs it nothing;
//! one that is there and has too much to do says when to come again, with `Retry-After`, and is heeded.)

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};
use tokio::time::Instant;

use super::link::Trouble;

/// The first attempt after a connection was cut, s: perhaps it was only this connection; but a proxy that is reloaded
/// cuts all.
const AT_ONCE: f64 = 0.25;
/// A longest pause is at least this, s.
const LEAST: f64 = 0.35;
/// Outages that an agent hardly notices, s, and the longest pause in them, s.
const SHORT: (f64, f64) = (8.0, 1.0);
/// Outages that end by themselves, s, and the longest pause in them, s.
const USUAL: (f64, f64) = (60.0, 3.0);
/// The longest pause of all, s.
const MOST: f64 = 20.0;
/// The longest pause is this part of the time since the loss.
const PART: f64 = 1.0 / 6.0;
/// At least this part of the longest pause is waited.
const DRAWN_FROM: f64 = 0.6;
/// A registration that lasts less does not end the outage: a server that takes us in only to throw us out is not run
/// against at full speed.
const STABLE: Duration = Duration::from_secs(10);
/// In that case, and first of all where the server itself said that it goes down or was never reached, a longest pause is
/// at least this, s.
const LEAST_UNSTABLE: f64 = 1.0;

/// The longest pause, s, so long after the loss.
fn longest(away: Duration) -> f64 {
    let away = away.as_secs_f64();
    let proportional = away * PART;
    if away < SHORT.0 {
        proportional.clamp(LEAST, SHORT.1)
    } else if away < USUAL.0 {
        proportional.min(USUAL.1)
    } else {
        (USUAL.1 + (away - USUAL.0) * PART).min(MOST)
    }
}

/// From the loss of the server to a registration that lasts.
#[derive(Debug)]
pub(super) struct Outage {
    since: Option<Instant>,
    /// When there was a registration again.
    registered: Option<Instant>,
    chance: StdRng,
}

impl Default for Outage {
    fn default() -> Self {
        Self { since: None, registered: None, chance: rand::make_rng() }
    }
}

impl Outage {
    /// Registered, or registered again.
    pub(super) fn registered(&mut self, now: Instant) {
        self.registered.get_or_insert(now);
    }

    /// The connection, the attempt to open one, or the registrar has failed: how long to wait before the next attempt.
    pub(super) fn pause(&mut self, trouble: Trouble, now: Instant) -> Duration {
        let chance = self.chance.random();
        self.pause_by(chance, trouble, now)
    }

    /// Draws the same for the same seed from now on.
    #[cfg(test)]
    pub(super) fn seed(&mut self, seed: u64) {
        self.chance = rand::SeedableRng::seed_from_u64(seed);
    }

    /// The same with chance from outside, 0.0 to 1.0.
    fn pause_by(&mut self, chance: f64, trouble: Trouble, now: Instant) -> Duration {
        let lasted = self.registered.take().map(|since| now.saturating_duration_since(since));
        if lasted.is_some_and(|lasted| lasted >= STABLE) {
            self.since = None;
        }
        let first = self.since.is_none();
        let away = now.saturating_duration_since(*self.since.get_or_insert(now));
        let seconds = match trouble {
            Trouble::Cut if first && lasted.is_some() => AT_ONCE * chance,
            Trouble::Cut | Trouble::Server => {
                let least = if lasted.is_some() || first { LEAST_UNSTABLE } else { 0.0 };
                longest(away).max(least) * (DRAWN_FROM + (1.0 - DRAWN_FROM) * chance)
            }
            // It bothers nobody, and it is to be quick once there is a network again.
            Trouble::Network => longest(away).min(USUAL.1) * (DRAWN_FROM + (1.0 - DRAWN_FROM) * chance),
        };
        Duration::from_secs_f64(seconds)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const PHONES: usize = 1000;

    /// When each phone of a floor is back, s after the server's return, in order. All lose it in the same instant, for
    /// `away` s; `cut`: without a word, after having been registered.
    fn floor(away: f64, cut: bool, seed: u64) -> Vec<f64> {
        let (mut chance, start) = (StdRng::seed_from_u64(seed), Instant::now());
        let mut phone = || {
            let mut outage = Outage::default();
            outage.registered(start);
            let lost = start + STABLE;
            let (mut now, mut trouble) = (lost, if cut { Trouble::Cut } else { Trouble::Server });
            loop {
                now += outage.pause_by(chance.random(), trouble, now);
                trouble = Trouble::Server;
                let since = (now - lost).as_secs_f64();
                if since >= away {
                    return since - away;
                }
            }
        };
        let mut back: Vec<f64> = (0..PHONES).map(|_| phone()).collect();
        back.sort_by(f64::total_cmp);
        back
    }

    /// The most phones within so many seconds.
    fn most_within(back: &[f64], window: f64) -> usize {
        let until = |from: f64| back.iter().filter(|at| **at >= from && **at < from + window).count();
        back.iter().map(|at| until(*at)).max().unwrap_or_default()
    }

    #[test]
    fn a_floor_of_a_thousand_phones_is_back_in_time_and_spread_over_that_time() {
        for (away, within) in [(1.0, 0.35), (2.0, 0.35), (4.0, 0.7), (8.0, 1.0), (15.0, 2.5), (30.0, 3.0), (60.0, 3.0)]
        {
            for cut in [true, false] {
                let back = floor(away, cut, 7);
                let last = back.last().copied().unwrap_or_default();
                assert!(last <= within, "away for {away} s: the last phone is back after {last} s");
                let share = most_within(&back, within / 10.0) * 100 / PHONES;
                assert!(share <= 20, "away for {away} s: {share} % of the floor within {} s", within / 10.0);
            }
        }
    }

    #[test]
    fn after_a_long_outage_a_second_sees_a_twentieth_of_the_floor() {
        for away in [200.0, 600.0, 3600.0] {
            let back = floor(away, false, 11);
            let last = back.last().copied().unwrap_or_default();
            assert!(last <= 20.0, "away for {away} s: {last} s");
            let most = most_within(&back, 1.0) * 100 / PHONES;
            assert!(most <= 8, "away for {away} s: {most} % in one second");
        }
    }

    fn at(seconds: f64) -> f64 {
        longest(Duration::from_secs_f64(seconds))
    }

    #[test]
    fn the_longest_pause_is_the_promise() {
        for (away, most) in [(0.0, 0.35), (2.0, 0.35), (4.0, 0.67), (7.99, 1.0), (8.0, 1.34), (17.9, 2.99)] {
            assert!(at(away) <= most, "{away} s: {}", at(away));
        }
        assert!((at(30.0), at(59.9), at(60.0)) == (3.0, 3.0, 3.0));
        assert!((at(162.0) - 20.0).abs() < 1e-9 && (at(1e6) - 20.0).abs() < 1e-9);
        let mut before = 0.0;
        for tenth in 0..3000 {
            let now = at(f64::from(tenth) / 10.0);
            assert!(now >= before, "it never gets shorter: {tenth}");
            before = now;
        }
    }

    #[test]
    fn a_registration_that_does_not_last_does_not_end_the_outage() {
        let start = Instant::now();
        let mut outage = Outage::default();
        outage.registered(start);
        let mut now = start + STABLE;
        assert!(outage.pause(Trouble::Cut, now) <= Duration::from_millis(250));
        for _ in 0..100 {
            outage.registered(now);
            let pause = outage.pause(Trouble::Cut, now);
            assert!(pause >= Duration::from_millis(600), "{pause:?}");
            now += pause;
        }
        assert!(outage.pause(Trouble::Server, now) >= Duration::from_secs(12), "and the pauses have grown");
        outage.registered(now);
        assert!(outage.pause(Trouble::Cut, now + STABLE) <= Duration::from_millis(250), "one that lasts does");
    }

    #[test]
    fn without_a_network_it_is_tried_every_three_seconds_for_ever() {
        let start = Instant::now();
        let mut outage = Outage::default();
        outage.pause(Trouble::Network, start);
        for minutes in [1, 10, 600] {
            let pause = outage.pause(Trouble::Network, start + Duration::from_secs(60 * minutes));
            assert!(pause <= Duration::from_secs(3), "{pause:?}");
        }
    }
}
