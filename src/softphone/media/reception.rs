//! What has arrived of the far end's packets, by their sequence numbers: how many are missing, and in what pattern.
//!
//! Pure. Counts every payload type, since all of a stream share the sequence numbers (RFC 3550 5.1).

use std::collections::VecDeque;

/// Packets looked back on: 10 s of 20 ms packets. What comes later than that is lost for good.
const WINDOW: usize = 500;
/// Of the newest packets some may merely be overtaken.
const UNSETTLED: usize = 3;
/// A sequence number this far away belongs to another stream (RFC 3550 A.1, MAX_DROPOUT).
const WILD: i64 = 3000;
/// Fewer losses than this in the window make no pattern.
const ENOUGH: usize = 5;

/// What came of a stream, and of those before it in the call.
#[derive(Debug, Default)]
pub struct Reception {
    ssrc: Option<u32>,
    newest: i64,
    /// Whether each packet up to `newest` has come, oldest first.
    window: VecDeque<bool>,
    /// Missing packets that have left the window.
    lost: u64,
    received: u64,
}

impl Reception {
    /// A packet came.
    pub fn arrived(&mut self, ssrc: u32, sequence: u16) {
        let step = i64::from(sequence.wrapping_sub(self.newest as u16) as i16);
        if self.ssrc.replace(ssrc) != Some(ssrc) || step.abs() > WILD {
            self.lost += self.missing() as u64;
            self.window.clear();
            self.newest = i64::from(sequence);
            self.note();
            return;
        }
        if step > 0 {
            for _ in 1..step {
                self.push(false);
            }
            self.newest += step;
            self.note();
            return;
        }
        let back = usize::try_from(-step).unwrap_or(usize::MAX);
        let place = self.window.len().checked_sub(back.saturating_add(1));
        if let Some(came) = place.and_then(|place| self.window.get_mut(place))
            && !std::mem::replace(came, true)
        {
            self.received += 1;
        }
    }

    /// Packets that have come, each counted once.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets that have not; goes down when one comes late.
    pub fn lost(&self) -> u64 {
        self.lost + self.missing() as u64
    }

    /// How much longer the runs of lost packets are than with the same loss at random, 1.0 for random loss (BurstR of
    /// ITU-T G.107).
    pub fn burst_ratio(&self) -> f32 {
        let (mut lost, mut runs, mut before) = (0_usize, 0_usize, true);
        for came in self.settled() {
            lost += usize::from(!came);
            runs += usize::from(!came && before);
            before = came;
        }
        let all = self.window.len().saturating_sub(UNSETTLED);
        if lost < ENOUGH || runs == 0 || all == 0 {
            return 1.0;
        }
        // At random a run is 1 / (1 - loss) packets long.
        let mean_run = lost as f32 / runs as f32;
        (mean_run * (1.0 - lost as f32 / all as f32)).max(1.0)
    }

    fn note(&mut self) {
        self.push(true);
        self.received += 1;
    }

    fn push(&mut self, came: bool) {
        if self.window.len() >= WINDOW && self.window.pop_front() == Some(false) {
            self.lost += 1;
        }
        self.window.push_back(came);
    }

    fn settled(&self) -> impl Iterator<Item = bool> {
        self.window.iter().copied().take(self.window.len().saturating_sub(UNSETTLED))
    }

    fn missing(&self) -> usize {
        self.settled().filter(|came| !came).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sends `count` packets from 65 500 on, those that `comes` says.
    fn through(count: u16, comes: impl Fn(u16) -> bool) -> Reception {
        let mut reception = Reception::default();
        for n in (0..count).filter(|n| comes(*n)) {
            reception.arrived(7, 65_500u16.wrapping_add(n));
        }
        reception
    }

    #[test]
    fn every_second_packet_lost_is_half_and_no_burst() {
        let reception = through(1000, |n| n % 2 == 0);
        assert_eq!(reception.received(), 500);
        assert!((497..=500).contains(&reception.lost()), "{}", reception.lost());
        assert_eq!(reception.burst_ratio(), 1.0);
    }

    #[test]
    fn runs_of_three_are_bursts() {
        // 30 of 300 lost in runs of 3: 3 packets where random loss would have 1.11.
        let reception = through(300, |n| n % 30 > 2 || n == 0);
        assert!((reception.burst_ratio() - 2.7).abs() < 0.2, "{}", reception.burst_ratio());
    }

    #[test]
    fn a_late_packet_is_found_again_and_a_repeated_one_counts_once() {
        let mut reception = through(100, |n| n != 50);
        assert_eq!((reception.received(), reception.lost()), (99, 1));
        let late = 65_500u16.wrapping_add(50);
        reception.arrived(7, late);
        reception.arrived(7, late);
        assert_eq!((reception.received(), reception.lost()), (100, 0));
    }

    #[test]
    fn another_stream_loses_nothing_by_its_numbers() {
        let mut reception = through(100, |n| n != 50);
        reception.arrived(8, 3);
        reception.arrived(8, 4);
        reception.arrived(8, 30_000);
        assert_eq!((reception.received(), reception.lost()), (102, 1));
    }

    proptest! {
        /// Whatever comes, every packet is counted at most once and the ratio is one.
        #[test]
        fn anything_is_counted(packets in proptest::collection::vec((0u32..3, any::<u16>()), 0..600)) {
            let mut reception = Reception::default();
            for (ssrc, sequence) in &packets {
                reception.arrived(*ssrc, *sequence);
            }
            prop_assert!(reception.received() <= packets.len() as u64);
            prop_assert!(reception.burst_ratio() >= 1.0 && reception.burst_ratio().is_finite());
        }
    }
}
