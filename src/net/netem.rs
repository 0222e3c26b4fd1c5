//! A bad network on paper: says when, and whether, each packet arrives.
//!
//! Pure and seeded: told the time of sending, never asks for it, and the same seed gives the same fate. Tests and
//! measurements replay it in virtual time; the built-in platform delays real packets by it. Words and models are those
//! of `tc-netem(8)`: random and Gilbert-Elliott loss, jitter by a distribution, reordering, duplicates, a rate with a
//! queue, stalls.

use std::time::Duration;

/// Random draws behind [`Link`], the same on every machine (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same draws.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// Evenly between 0 and 1, without 1.
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True in this many of 100 cases.
    pub fn hit(&mut self, percent: f64) -> bool {
        percent > 0.0 && self.share() * 100.0 < percent
    }

    /// Normally distributed about 0 with a standard deviation of 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }
}

/// How packets get lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// Not at all.
    #[default]
    None,
    /// Each for itself.
    Random {
        /// Share of packets, percent.
        percent: f64,
    },
    /// In bursts (Gilbert-Elliott: a good state that loses nothing, a bad one that loses all).
    Bursts {
        /// Share of packets in the long run, percent.
        percent: f64,
        /// Mean length of a burst, packets, 1 or more.
        mean: f64,
    },
}

/// How much later than [`Network::delay_ms`] packets come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Jitter {
    /// All at the same time.
    #[default]
    None,
    /// Evenly from 0 to `most_ms` later.
    Uniform {
        /// The latest, ms.
        most_ms: f64,
    },
    /// Normally distributed about the delay, earlier ones too; never before it was sent.
    Normal {
        /// Standard deviation, ms.
        sigma_ms: f64,
    },
    /// Mostly a little later, seldom much: Pareto's second kind with shape 3 (of 100 packets 5 come later than 3.4
    /// times the mean, 1 later than 7.3 times).
    HeavyTail {
        /// The mean, ms.
        mean_ms: f64,
    },
}

/// What a network does to packets. The default does nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// One-way delay, ms.
    pub delay_ms: f64,
    /// What comes on top of it.
    pub jitter: Jitter,
    /// What gets lost.
    pub loss: Loss,
    /// Share of packets held back, percent, so that later ones overtake them.
    pub reorder_pct: f64,
    /// How long those are held back, ms.
    pub reorder_ms: f64,
    /// Share of packets that arrive twice, percent.
    pub duplicate_pct: f64,
    /// What the bottleneck carries, bit/s; unlimited without.
    pub rate: Option<u64>,
    /// How long a packet waits for the bottleneck at most, ms; more is lost.
    pub queue_ms: f64,
    /// Every so often, ms, the network stands still (a Wi-Fi scan); 0 for never.
    pub stall_every_ms: f64,
    /// For this long, ms. What was sent meanwhile arrives at its end, at once.
    pub stall_ms: f64,
    /// One packet never overtakes another, whatever the jitter. Held-back ones still are overtaken.
    pub in_order: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            delay_ms: 0.0,
            jitter: Jitter::None,
            loss: Loss::None,
            reorder_pct: 0.0,
            reorder_ms: 30.0,
            duplicate_pct: 0.0,
            rate: None,
            queue_ms: 200.0,
            stall_every_ms: 0.0,
            stall_ms: 0.0,
            in_order: false,
        }
    }
}

/// One direction of a network.
#[derive(Clone, Debug)]
pub struct Link {
    network: Network,
    dice: Dice,
    /// In the middle of a burst of losses.
    bad: bool,
    /// When the bottleneck is free again, ms.
    free_ms: f64,
    /// When the last packet arrived, ms.
    last_ms: f64,
}

impl Link {
    /// A link that behaves like this; the same seed gives the same fates.
    pub fn new(network: Network, seed: u64) -> Self {
        Self { network, dice: Dice::new(seed), bad: false, free_ms: 0.0, last_ms: 0.0 }
    }

    /// From now on the network is another one.
    pub fn set(&mut self, network: Network) {
        self.network = network;
    }

    /// When a packet of `bytes` (with its headers) arrives that is sent `at` this time, counted from any beginning.
    /// Nothing: it is lost; two: it is doubled. Never before `at`. Call it in the order of sending.
    pub fn send(&mut self, at: Duration, bytes: usize) -> Vec<Duration> {
        let at_ms = at.as_secs_f64() * 1e3;
        if self.lost() {
            return Vec::new();
        }
        let network = self.network;
        let mut through_ms = at_ms;
        if let Some(rate) = network.rate.filter(|rate| *rate > 0) {
            let begins = self.free_ms.max(at_ms);
            if begins - at_ms > network.queue_ms {
                return Vec::new();
            }
            self.free_ms = begins + bytes as f64 * 8e3 / rate as f64;
            through_ms = self.free_ms;
        }
        let copies = if self.dice.hit(network.duplicate_pct) { 2 } else { 1 };
        (0..copies).map(|_| self.arrival(at, through_ms)).collect()
    }

    fn arrival(&mut self, at: Duration, through_ms: f64) -> Duration {
        let network = self.network;
        let mut ms = through_ms + (network.delay_ms + self.late_by()).max(0.0);
        if network.stall_every_ms > 0.0 && network.stall_ms > 0.0 {
            let into = ms % network.stall_every_ms;
            // The first period begins with a working network.
            let quiet = network.stall_every_ms - network.stall_ms;
            if into > quiet {
                ms += network.stall_every_ms - into;
            }
        }
        if network.in_order {
            ms = ms.max(self.last_ms);
        }
        self.last_ms = self.last_ms.max(ms);
        if self.dice.hit(network.reorder_pct) {
            ms += network.reorder_ms.max(0.0);
        }
        Duration::try_from_secs_f64(ms / 1e3).unwrap_or(at).max(at)
    }

    fn lost(&mut self) -> bool {
        match self.network.loss {
            Loss::None => false,
            Loss::Random { percent } => self.dice.hit(percent),
            Loss::Bursts { percent, mean } => {
                let (share, mean) = ((percent / 100.0).clamp(0.0, 0.99), mean.max(1.0));
                // Out of the bad state after `mean` packets; into it as often as the share asks for.
                let leave = 1.0 / mean;
                let enter = leave * share / (1.0 - share);
                let turn = self.dice.share();
                self.bad = if self.bad { turn >= leave } else { turn < enter };
                self.bad
            }
        }
    }

    fn late_by(&mut self) -> f64 {
        match self.network.jitter {
            Jitter::None => 0.0,
            Jitter::Uniform { most_ms } => self.dice.share() * most_ms,
            Jitter::Normal { sigma_ms } => self.dice.normal() * sigma_ms,
            Jitter::HeavyTail { mean_ms } => 2.0 * mean_ms * ((1.0 - self.dice.share()).powf(-1.0 / 3.0) - 1.0),
        }
    }
}

/// When a sender whose clock is `ppm` parts per million too slow (negative: too fast) does what it means to do `at`.
pub fn drifted(at: Duration, ppm: f64) -> Duration {
    Duration::try_from_secs_f64(at.as_secs_f64() * (1.0 + ppm / 1e6)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(20);

    /// Arrivals of `count` packets of 200 bytes, one each 20 ms.
    fn arrivals(network: Network, count: u32) -> Vec<Vec<Duration>> {
        let mut link = Link::new(network, 1);
        (0..count).map(|n| link.send(EVERY * n, 200)).collect()
    }

    fn delays_ms(network: Network, count: u32) -> Vec<f64> {
        let late = |(n, at): (usize, &Duration)| (at.as_secs_f64() - EVERY.as_secs_f64() * n as f64) * 1e3;
        let all = arrivals(network, count);
        let mut delays: Vec<f64> = all.iter().enumerate().filter_map(|(n, at)| Some(late((n, at.first()?)))).collect();
        delays.sort_by(f64::total_cmp);
        delays
    }

    fn percentile(sorted: &[f64], percent: usize) -> f64 {
        sorted[sorted.len() * percent / 100]
    }

    #[test]
    fn a_network_that_does_nothing_delivers_at_once() {
        let all = arrivals(Network::default(), 100);
        assert!(all.iter().enumerate().all(|(n, at)| at == &[EVERY * n as u32]));
    }

    #[test]
    fn loss_has_the_share_and_the_bursts_asked_for() {
        for (loss, mean) in [
            (Loss::Random { percent: 10.0 }, 1.11),
            (Loss::Bursts { percent: 10.0, mean: 3.0 }, 3.0),
            (Loss::Bursts { percent: 20.0, mean: 5.0 }, 5.0),
        ] {
            let all = arrivals(Network { loss, ..Network::default() }, 100_000);
            let lost = all.iter().filter(|at| at.is_empty()).count() as f64;
            let bursts = all.windows(2).filter(|two| !two[0].is_empty() && two[1].is_empty()).count() as f64;
            let percent = if let Loss::Bursts { percent, .. } = loss { percent } else { 10.0 };
            assert!((lost / 1000.0 - percent).abs() < 0.8, "{loss:?}: {} %", lost / 1000.0);
            assert!((lost / bursts / mean - 1.0).abs() < 0.06, "{loss:?}: bursts of {}", lost / bursts);
        }
    }

    #[test]
    fn jitter_has_its_distribution() {
        let of = |jitter| delays_ms(Network { delay_ms: 100.0, jitter, ..Network::default() }, 50_000);
        let uniform = of(Jitter::Uniform { most_ms: 60.0 });
        assert!(uniform[0] >= 100.0 && uniform[49_999] <= 160.0);
        assert!((percentile(&uniform, 50) - 130.0).abs() < 1.0);
        let normal = of(Jitter::Normal { sigma_ms: 30.0 });
        assert!((percentile(&normal, 50) - 100.0).abs() < 1.0);
        assert!((percentile(&normal, 95) - 149.3).abs() < 1.5);
        let tail = of(Jitter::HeavyTail { mean_ms: 10.0 });
        assert!((percentile(&tail, 95) - 134.3).abs() < 1.5, "{}", percentile(&tail, 95));
        assert!((percentile(&tail, 99) - 172.8).abs() < 5.0, "{}", percentile(&tail, 99));
    }

    #[test]
    fn nothing_arrives_before_it_was_sent() {
        let all = arrivals(Network { jitter: Jitter::Normal { sigma_ms: 30.0 }, ..Network::default() }, 1000);
        assert!(all.iter().enumerate().all(|(n, at)| at[0] >= EVERY * n as u32));
    }

    #[test]
    fn some_are_overtaken_and_some_come_twice() {
        let all = arrivals(Network { reorder_pct: 10.0, duplicate_pct: 5.0, ..Network::default() }, 10_000);
        let twice = all.iter().filter(|at| at.len() == 2).count();
        assert!((400..600).contains(&twice), "{twice}");
        let overtaken = all.windows(2).filter(|two| two[0][0] > two[1][0]).count();
        assert!((800..1000).contains(&overtaken), "{overtaken}");
    }

    #[test]
    fn in_order_jitter_overtakes_nothing() {
        let jitter = Jitter::Uniform { most_ms: 200.0 };
        let all = arrivals(Network { jitter, in_order: true, ..Network::default() }, 1000);
        assert!(all.windows(2).all(|two| two[0][0] <= two[1][0]));
    }

    #[test]
    fn a_bottleneck_delays_then_loses() {
        // 200 bytes each 20 ms are 80 kbit/s.
        let half = arrivals(Network { rate: Some(40_000), queue_ms: 100.0, ..Network::default() }, 1000);
        let through = half.iter().filter(|at| !at.is_empty()).count();
        assert!((495..515).contains(&through), "{through}");
        let late = half.iter().enumerate().filter_map(|(n, at)| Some(*at.first()? - EVERY * n as u32)).max();
        assert!((100..=145).contains(&late.unwrap().as_millis()), "{late:?}");
        let enough = arrivals(Network { rate: Some(160_000), ..Network::default() }, 100);
        assert!(enough.iter().enumerate().all(|(n, at)| at == &[EVERY * n as u32 + EVERY / 2]));
    }

    #[test]
    fn a_stall_delivers_at_its_end() {
        let all = arrivals(Network { stall_every_ms: 1000.0, stall_ms: 200.0, ..Network::default() }, 51);
        assert_eq!(all[40], [EVERY * 40]);
        assert!(all[41..=50].iter().all(|at| at == &[Duration::from_secs(1)]));
    }

    #[test]
    fn the_same_seed_gives_the_same_fate() {
        let network = Network {
            jitter: Jitter::HeavyTail { mean_ms: 20.0 },
            loss: Loss::Bursts { percent: 20.0, mean: 3.0 },
            ..Network::default()
        };
        assert_eq!(arrivals(network, 500), arrivals(network, 500));
        let mut other = Link::new(network, 2);
        let others: Vec<_> = (0..500).map(|n| other.send(EVERY * n, 200)).collect();
        assert_ne!(arrivals(network, 500), others);
    }

    #[test]
    fn a_slow_clock_is_late_by_its_drift() {
        let hour = Duration::from_secs(3600);
        assert_eq!(drifted(hour, 200.0) - hour, Duration::from_millis(720));
        assert_eq!(hour - drifted(hour, -200.0), Duration::from_millis(720));
    }
}
