//! Faults on purpose: what is lost, late or out of order between the switch and its clients.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tokio::time::Instant;

/// How far a packet chosen for reordering is put back: more than one 20 ms frame, so that the next one overtakes it.
const OVERTAKEN: Duration = Duration::from_millis(25);

/// The faults in force. All off by default.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct SwitchFaults {
    /// Every SIP socket is cut without a close frame, and new ones are refused until this is off again.
    pub drop_sip: bool,
    /// SIP sockets stay open but nothing is read from or written to them; what was held up arrives afterwards.
    pub stall_sip: bool,
    /// Share of RTP packets lost, each way, 0 to 100 %.
    pub rtp_loss_pct: f32,
    /// Largest random delay of RTP packets, each way, in ms. Order is kept.
    pub rtp_jitter_ms: u32,
    /// Share of RTP packets that the one behind them overtakes, each way, 0 to 100 %.
    pub rtp_reorder_pct: f32,
    /// No RTP passes, either way.
    pub rtp_blackhole: bool,
}

/// One direction of one leg's RTP, with the faults applied to it.
#[derive(Debug)]
pub(super) struct Line<T> {
    held: BinaryHeap<Reverse<Held<T>>>,
    /// No packet is due before the one before it, unless reordered.
    due_of_last: Option<Instant>,
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

impl<T> Line<T> {
    pub fn new() -> Line<T> {
        Line { held: BinaryHeap::new(), due_of_last: None, serial: 0 }
    }

    /// Takes a packet at `now`: it is lost, or will be due then or later.
    pub fn push(&mut self, now: Instant, item: T, faults: &SwitchFaults) {
        if faults.rtp_blackhole || hit(faults.rtp_loss_pct) {
            return;
        }
        let mut due = now;
        if faults.rtp_jitter_ms > 0 {
            due += Duration::from_micros(rand::random_range(0..=u64::from(faults.rtp_jitter_ms) * 1000));
        }
        due = self.due_of_last.map_or(due, |last| last.max(due));
        self.due_of_last = Some(due);
        if hit(faults.rtp_reorder_pct) {
            due += OVERTAKEN;
        }
        self.serial += 1;
        self.held.push(Reverse(Held { due, serial: self.serial, item }));
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

/// Whether a chance of `percent` came true.
fn hit(percent: f32) -> bool {
    percent > 0.0 && rand::random_range(0.0..100.0) < percent
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    /// Sends `count` numbers 20 ms apart and returns what arrives, in order of arrival.
    fn through(faults: &SwitchFaults, count: u32) -> Vec<u32> {
        let start = Instant::now();
        let mut line = Line::new();
        let mut arrived = Vec::new();
        for number in 0..count {
            let now = start + STEP * number;
            line.push(now, number, faults);
            arrived.extend(std::iter::from_fn(|| line.pop(now)));
        }
        arrived.extend(std::iter::from_fn(|| line.pop(start + STEP * count + Duration::from_secs(10))));
        arrived
    }

    #[test]
    fn without_faults_packets_pass_at_once_and_in_order() {
        assert_eq!(through(&SwitchFaults::default(), 100), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn loss_loses_about_that_share() {
        let left = through(&SwitchFaults { rtp_loss_pct: 20.0, ..SwitchFaults::default() }, 5000).len();
        assert!((3800..4200).contains(&left), "{left} of 5000 at 20 % loss");
        assert!(through(&SwitchFaults { rtp_blackhole: true, ..SwitchFaults::default() }, 50).is_empty());
    }

    #[test]
    fn jitter_delays_but_keeps_order_and_reordering_swaps() {
        let jittered = through(&SwitchFaults { rtp_jitter_ms: 80, ..SwitchFaults::default() }, 500);
        assert_eq!(jittered, (0..500).collect::<Vec<_>>());
        let mut swapped = through(&SwitchFaults { rtp_reorder_pct: 10.0, ..SwitchFaults::default() }, 500);
        assert!(!swapped.is_sorted());
        swapped.sort_unstable();
        assert_eq!(swapped, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn jitter_holds_a_packet_back_until_due() {
        let faults = SwitchFaults { rtp_jitter_ms: 1000, ..SwitchFaults::default() };
        let now = Instant::now();
        let mut line = Line::new();
        for number in 0..20 {
            line.push(now, number, &faults);
        }
        assert!(line.next_due().is_some_and(|due| due > now));
        let early = std::iter::from_fn(|| line.pop(now)).count();
        assert!(early < 20, "{early} passed undelayed");
    }
}
