//! Faults on purpose: what is lost, late, doubled or out of order between the switch and its clients.
//!
//! What becomes of an RTP packet is decided by the model of a bad network ([`netem`](crate::net::netem)); here packets
//! really wait as long as it says.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::time::Instant;

use crate::net::netem::{Jitter, Link, Loss, Network};
use crate::sim::delays::Delays;

/// How far a packet chosen for reordering is put back, in ms: more than one 20 ms frame, so that the next one overtakes it.
const OVERTAKEN_MS: f64 = 25.0;
/// How long a packet waits for a path with a rate at most, in ms; what would wait longer is lost.
const QUEUE_MS: f64 = 200.0;
/// What a packet has on the wire besides its payload, in bytes: IP, UDP, RTP and the SRTP tag.
pub(super) const HEADERS: usize = 20 + 8 + 12 + 10;
/// Every leg meets the same fates in the same order: a test that fails once fails again.
const SEED: u64 = 0x5eed;

/// The faults in force. All off by default.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct SwitchFaults {
    /// Every SIP socket is cut without a close frame, and new ones are refused until this is off again.
    pub drop_sip: bool,
    /// SIP sockets stay open but nothing is read from or written to them; what was held up arrives afterwards.
    pub stall_sip: bool,
    /// How late INVITE, and BYE and CANCEL, leave.
    pub late: Delays,
    /// RTP from a client goes back to it as it is.
    pub reflect: bool,
    /// What becomes of RTP from the switch to its clients.
    pub to_agent: RtpFaults,
    /// What becomes of RTP from the clients to the switch.
    pub from_agent: RtpFaults,
}

/// What becomes of the RTP packets of one way.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct RtpFaults {
    /// Share of packets lost, 0 to 100 %.
    pub loss_pct: f32,
    /// So many are lost in a row on average (Gilbert-Elliott); each for itself when 1 or less.
    pub burst: f32,
    /// All come this much later, in ms.
    pub delay_ms: f32,
    /// What comes on top of that. Order is kept where it is spread evenly.
    pub jitter: Jitter,
    /// Share of packets that the one behind them overtakes, 0 to 100 %.
    pub reorder_pct: f32,
    /// Share of packets that come twice, 0 to 100 %.
    pub duplicate_pct: f32,
    /// What the path carries, in kbit/s with all headers; 0 for any rate. A packet waits at most 200 ms for it.
    pub rate_kbps: u32,
    /// Nothing passes.
    pub blackhole: bool,
}

impl RtpFaults {
    fn network(&self) -> Network {
        let percent = f64::from(self.loss_pct);
        let loss = match f64::from(self.burst) {
            _ if self.blackhole => Loss::Random { percent: 100.0 },
            _ if percent <= 0.0 => Loss::None,
            mean if mean > 1.0 => Loss::Bursts { percent, mean },
            _ => Loss::Random { percent },
        };
        Network {
            delay_ms: f64::from(self.delay_ms),
            jitter: self.jitter,
            loss,
            reorder_pct: f64::from(self.reorder_pct),
            reorder_ms: OVERTAKEN_MS,
            duplicate_pct: f64::from(self.duplicate_pct),
            rate: (self.rate_kbps > 0).then(|| u64::from(self.rate_kbps) * 1000),
            queue_ms: QUEUE_MS,
            // Spread evenly, order is kept, as the fault has always meant; the others are a network as it is.
            in_order: matches!(self.jitter, Jitter::None | Jitter::Uniform { .. }),
            ..Network::default()
        }
    }
}

/// One direction of one leg's RTP, with the faults applied to it.
#[derive(Debug)]
pub(super) struct Line<T> {
    begun: Instant,
    network: Network,
    link: Link,
    held: BinaryHeap<Reverse<Held<T>>>,
    serial: u64,
}

#[derive(Debug)]
struct Held<T> {
    due: Instant,
    serial: u64,
    item: T,
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.serial) == (other.due, other.serial)
    }
}
impl<T> Eq for Held<T> {}
impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Held<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.serial).cmp(&(other.due, other.serial))
    }
}

impl<T: Clone> Line<T> {
    /// A line that begins now.
    pub fn new(now: Instant) -> Line<T> {
        let network = RtpFaults::default().network();
        Line { begun: now, network, link: Link::new(network, SEED), held: BinaryHeap::new(), serial: 0 }
    }

    /// Takes a packet of `bytes` on the wire at `now`: it is lost, or will be due then or later, once or twice.
    pub fn push(&mut self, now: Instant, item: T, bytes: usize, faults: &RtpFaults) {
        let network = faults.network();
        if network != self.network {
            self.network = network;
            self.link.set(network);
        }
        for due in self.link.send(now.saturating_duration_since(self.begun), bytes) {
            self.serial += 1;
            self.held.push(Reverse(Held { due: self.begun + due, serial: self.serial, item: item.clone() }));
        }
    }

    /// The next packet that is due at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        self.held.peek().filter(|Reverse(held)| held.due <= now)?;
        self.held.pop().map(|Reverse(held)| held.item)
    }

    /// When the next packet will be due.
    pub fn next_due(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse(held)| held.due)
    }
}

/// The faults in force, shared with everything that carries packets.
pub(super) type SharedFaults = Arc<RwLock<SwitchFaults>>;

/// The faults of this moment.
pub(super) fn current(faults: &SharedFaults) -> SwitchFaults {
    *faults.read().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    /// Sends `count` numbers 20 ms apart and returns what arrives, in order of arrival.
    fn through(faults: &RtpFaults, count: u32) -> Vec<u32> {
        let start = Instant::now();
        let mut line = Line::new(start);
        let mut arrived = Vec::new();
        for number in 0..count {
            let now = start + STEP * number;
            line.push(now, number, 200, faults);
            arrived.extend(std::iter::from_fn(|| line.pop(now)));
        }
        arrived.extend(std::iter::from_fn(|| line.pop(start + STEP * count + Duration::from_secs(10))));
        arrived
    }

    #[test]
    fn without_faults_packets_pass_at_once_and_in_order() {
        assert_eq!(through(&RtpFaults::default(), 100), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn loss_loses_about_that_share() {
        let left = through(&RtpFaults { loss_pct: 20.0, ..RtpFaults::default() }, 5000).len();
        assert!((3800..4200).contains(&left), "{left} of 5000 at 20 % loss");
        assert!(through(&RtpFaults { blackhole: true, ..RtpFaults::default() }, 50).is_empty());
    }

    #[test]
    fn jitter_delays_but_keeps_order_and_reordering_swaps() {
        let jittered = through(&RtpFaults { jitter: Jitter::Uniform { most_ms: 80.0 }, ..RtpFaults::default() }, 500);
        assert_eq!(jittered, (0..500).collect::<Vec<_>>());
        let mut swapped = through(&RtpFaults { reorder_pct: 10.0, ..RtpFaults::default() }, 500);
        assert!(!swapped.is_sorted());
        swapped.sort_unstable();
        assert_eq!(swapped, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn jitter_holds_a_packet_back_until_due() {
        let faults = RtpFaults { jitter: Jitter::Uniform { most_ms: 1000.0 }, ..RtpFaults::default() };
        let now = Instant::now();
        let mut line = Line::new(now);
        for number in 0..20 {
            line.push(now, number, 200, &faults);
        }
        assert!(line.next_due().is_some_and(|due| due > now));
        let early = std::iter::from_fn(|| line.pop(now)).count();
        assert!(early < 20, "{early} passed undelayed");
    }

    #[test]
    fn losses_come_in_bursts_of_the_length_asked_for() {
        let left = through(&RtpFaults { loss_pct: 20.0, burst: 4.0, ..RtpFaults::default() }, 20_000);
        let lost = 20_000 - left.len();
        let bursts = left.windows(2).filter(|two| two[1] - two[0] > 1).count();
        assert!((3400..4600).contains(&lost), "{lost} of 20000");
        assert!((3.4..4.6).contains(&(lost as f64 / bursts as f64)), "{lost} in {bursts} bursts");
    }

    #[test]
    fn some_come_twice_and_a_narrow_path_delays_then_loses() {
        let twice = through(&RtpFaults { duplicate_pct: 20.0, ..RtpFaults::default() }, 1000);
        assert!((1150..1250).contains(&twice.len()), "{}", twice.len());
        // 200 bytes each 20 ms are 80 kbit/s.
        let narrow = through(&RtpFaults { rate_kbps: 40, ..RtpFaults::default() }, 1000);
        assert!((490..530).contains(&narrow.len()), "{}", narrow.len());
        assert!(narrow.is_sorted());
        assert_eq!(through(&RtpFaults { rate_kbps: 200, ..RtpFaults::default() }, 100).len(), 100);
    }

    #[test]
    fn what_is_delayed_is_neither_lost_nor_early() {
        let faults = RtpFaults { delay_ms: 150.0, ..RtpFaults::default() };
        let now = Instant::now();
        let mut line = Line::new(now);
        line.push(now, 1, 200, &faults);
        assert_eq!(line.pop(now + Duration::from_millis(149)), None);
        assert_eq!(line.pop(now + Duration::from_millis(151)), Some(1));
    }
}
