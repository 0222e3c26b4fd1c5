//! When a leg's packets come: the first one's time and the spacing of the rest, as an observer on the wire sees it.

use std::collections::VecDeque;

use jiff::Timestamp;
use tokio::time::Instant;

/// Spacings kept: 60 s of 20 ms packets.
const KEPT: usize = 3000;

/// The arrival times of one leg's packets.
#[derive(Default)]
pub(super) struct Arrivals {
    first: Option<Timestamp>,
    last: Option<Instant>,
    /// Microseconds.
    spacings: VecDeque<u32>,
}

/// How a leg's packets come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Wall clock of the first packet.
    pub first: Option<Timestamp>,
    /// Time between one packet and the next over the last minute, in ms: median, 99th percentile, longest.
    pub spacing_ms: Option<[f32; 3]>,
}

impl Arrivals {
    /// A packet has come.
    pub fn note(&mut self, now: Instant) {
        self.first.get_or_insert_with(Timestamp::now);
        if let Some(last) = self.last.replace(now) {
            if self.spacings.len() == KEPT {
                self.spacings.pop_front();
            }
            let spacing = now.saturating_duration_since(last).as_micros();
            self.spacings.push_back(u32::try_from(spacing).unwrap_or(u32::MAX));
        }
    }

    /// How they have come so far.
    pub fn pace(&self) -> Pace {
        let mut sorted: Vec<u32> = self.spacings.iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| sorted.get((sorted.len().saturating_sub(1)) * percent / 100).copied();
        let spacing_ms = match (at(50), at(99), at(100)) {
            (Some(median), Some(high), Some(longest)) => Some([median, high, longest].map(|us| us as f32 / 1000.0)),
            _ => None,
        };
        Pace { first: self.first, spacing_ms }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn spacings_are_told_by_rank() {
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.pace(), Pace::default());
        let mut now = Instant::now();
        arrivals.note(now);
        assert!(arrivals.pace().first.is_some() && arrivals.pace().spacing_ms.is_none());
        for n in 0..KEPT + 10 {
            now += Duration::from_millis(if n == KEPT { 35 } else { 20 });
            arrivals.note(now);
        }
        assert_eq!(arrivals.spacings.len(), KEPT);
        assert_eq!(arrivals.pace().spacing_ms, Some([20.0, 20.0, 35.0]));
    }
}
