//! What the far end says of our stream in its RTCP reports (RFC 3550 6.4).
//!
//! Pure: told the time.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// What a report block says of a stream (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Loss since the report before, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the beginning.
    pub lost: u32,
    /// Highest sequence number received, with its cycles.
    pub highest: u32,
    /// Interarrival jitter in ticks of the RTP clock.
    pub jitter: u32,
    /// Middle of the NTP time of our last sender report, zero if none came.
    pub last_report: u32,
    /// Time from its arrival to this report, in 65536ths of a second.
    pub delay: u32,
}

/// How our stream fares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FarReport {
    /// Loss over the last reports, percent.
    pub loss_pct: Option<f32>,
    /// Jitter, in ticks of the RTP clock.
    pub jitter: Option<u32>,
    /// Round trip, ms.
    pub rtt_ms: Option<f32>,
}

/// A report holds so long: reports come every 5 s at least (RFC 3550 6.2), and two may get lost.
const FRESH: Duration = Duration::from_secs(16);
/// Loss is averaged over about this long.
const AVERAGED: Duration = Duration::from_secs(5);
/// Sender reports of ours that may still be answered.
const AWAITED: usize = 16;

/// Everything the far end has told of one stream of ours.
#[derive(Debug, Default)]
pub struct FarEnd {
    ssrc: Option<u32>,
    sent: VecDeque<(u32, Instant)>,
    blocks: VecDeque<(Instant, Block)>,
    round_trip: Option<(Instant, Duration)>,
}

impl FarEnd {
    /// We send with this SSRC; what was told of another one is forgotten.
    pub fn sending(&mut self, ssrc: u32) {
        if self.ssrc != Some(ssrc) {
            *self = Self { ssrc: Some(ssrc), ..Self::default() };
        }
    }

    /// A sender report of ours goes out.
    pub fn report_sent(&mut self, ntp_time: u64, now: Instant) {
        if self.sent.len() >= AWAITED {
            self.sent.pop_front();
        }
        self.sent.push_back(((ntp_time >> 16) as u32, now));
    }

    /// A report block came.
    pub fn block(&mut self, ssrc: u32, block: Block, now: Instant) {
        if self.ssrc != Some(ssrc) {
            return;
        }
        // It counts anew: as another far end does that has taken over.
        if self.blocks.back().is_some_and(|(_, last)| (block.highest.wrapping_sub(last.highest) as i32) < 0) {
            self.blocks.clear();
        }
        self.blocks.push_back((now, block));
        while self.blocks.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= AVERAGED) {
            self.blocks.pop_front();
        }
        let answered = self.sent.iter().find(|(id, _)| block.last_report != 0 && *id == block.last_report);
        if let Some((_, sent)) = answered {
            let held = Duration::from_secs_f64(f64::from(block.delay) / 65_536.0);
            let trip = now.saturating_duration_since(*sent).saturating_sub(held);
            self.round_trip = Some((now, trip));
        }
    }

    /// What is known at an instant; nothing when no report has come for long.
    pub fn report(&self, now: Instant) -> FarReport {
        let fresh = |at: Instant| now.saturating_duration_since(at) < FRESH;
        let newest = self.blocks.back().filter(|(at, _)| fresh(*at));
        FarReport {
            loss_pct: newest.map(|(_, newest)| self.loss(newest)),
            jitter: newest.map(|(_, newest)| newest.jitter),
            rtt_ms: self.round_trip.filter(|(at, _)| fresh(*at)).map(|(_, trip)| trip.as_secs_f32() * 1000.0),
        }
    }

    fn loss(&self, newest: &Block) -> f32 {
        let oldest = self.blocks.front().map_or(*newest, |(_, oldest)| *oldest);
        let expected = newest.highest.wrapping_sub(oldest.highest);
        if expected == 0 {
            return f32::from(newest.fraction_lost) * 100.0 / 256.0;
        }
        // 24 bits with a sign: repeated packets make it go down (RFC 3550 6.4.1).
        let lost = (newest.lost.wrapping_sub(oldest.lost) << 8) as i32 >> 8;
        (lost.max(0) as f32 * 100.0 / expected as f32).min(100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NTP: u64 = 0xB44D_B705_2000_0000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn fuzz_reports() {
        let begun = Instant::now();
        crate::fuzz::run("reports", &["tests/corpora/reports"], |bytes| {
            let mut far = FarEnd::default();
            far.sending(1);
            far.report_sent(NTP, begun);
            // As the media room reads them; a far end that tells nothing but this one block a hundred times is bounded.
            let Ok(packets) = rtc::rtcp::packet::unmarshal(&mut bytes::Bytes::copy_from_slice(bytes)) else { return };
            for packet in packets {
                let Some(report) = packet.as_any().downcast_ref::<rtc::rtcp::receiver_report::ReceiverReport>() else {
                    continue;
                };
                for (block, n) in report.reports.iter().zip(0u64..) {
                    let told = Block {
                        fraction_lost: block.fraction_lost,
                        lost: block.total_lost,
                        highest: block.last_sequence_number,
                        jitter: block.jitter,
                        last_report: block.last_sender_report,
                        delay: block.delay,
                    };
                    far.block(1, told, begun + ms(n * 900));
                    let report = format!("{:?}", far.report(begun + ms(n * 900)));
                    assert!(!report.contains("NaN") && !report.contains("inf"), "{report}");
                }
            }
        });
    }

    #[test]
    fn the_example_of_the_rfc_gives_its_round_trip() {
        // RFC 3550 figure 2: sent at 0xb44db705.20000000, held for 5.250 s, back after 11.375 s: 6.125 s.
        let start = Instant::now();
        let mut far = FarEnd::default();
        far.sending(1);
        far.report_sent(NTP, start);
        let block = Block { last_report: 0xB705_2000, delay: 0x0005_4000, ..Block::default() };
        far.block(1, block, start + ms(11_375));
        assert_eq!(far.report(start + ms(11_375)).rtt_ms, Some(6125.0));
    }

    #[test]
    fn an_answer_to_nothing_of_ours_tells_no_round_trip() {
        let start = Instant::now();
        let mut far = FarEnd::default();
        far.sending(1);
        far.report_sent(NTP, start);
        far.block(1, Block { last_report: 0, ..Block::default() }, start);
        far.block(1, Block { last_report: 77, highest: 1, ..Block::default() }, start);
        far.block(2, Block { last_report: 0xB705_2000, ..Block::default() }, start);
        assert_eq!(far.report(start).rtt_ms, None);
    }

    #[test]
    fn loss_is_averaged_over_the_last_seconds_and_forgotten_when_nothing_comes() {
        let start = Instant::now();
        let mut far = FarEnd::default();
        far.sending(1);
        assert_eq!(far.report(start), FarReport::default());
        let block = |n: u32, lost| Block { fraction_lost: 26, lost, highest: 1000 + n * 50, ..Block::default() };
        far.block(1, block(0, 5), start);
        let first = far.report(start).loss_pct.unwrap();
        assert!((first - 10.15).abs() < 0.1, "the first one alone: {first}");
        for n in 1..=5 {
            far.block(1, block(n, 5 + n * 5), start + ms(u64::from(n) * 1000));
        }
        assert_eq!(far.report(start + ms(5000)).loss_pct, Some(10.0));
        for n in 6..=11 {
            far.block(1, block(n, 30), start + ms(u64::from(n) * 1000));
        }
        assert_eq!(far.report(start + ms(11_000)).loss_pct, Some(0.0));
        assert_eq!(far.report(start + ms(28_000)), FarReport::default());
    }

    #[test]
    fn a_far_end_that_counts_anew_or_back_is_no_loss() {
        let start = Instant::now();
        let mut far = FarEnd::default();
        far.sending(1);
        far.block(1, Block { lost: 500, highest: 9000, ..Block::default() }, start);
        far.block(1, Block { lost: 0, highest: 40, ..Block::default() }, start + ms(1000));
        far.block(1, Block { lost: 0x00FF_FFFF, highest: 90, ..Block::default() }, start + ms(2000));
        assert_eq!(far.report(start + ms(2000)).loss_pct, Some(0.0));
        far.sending(2);
        assert_eq!(far.report(start + ms(2000)), FarReport::default(), "another stream of ours");
    }
}
