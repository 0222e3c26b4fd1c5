//! Receiver reports about whatever the far end sends.
//!
//! The crate reports only on streams that SDP has announced or that its own tracks have met, and goes on reporting on
//! those that are over. A switch that connects the agent to another party changes the SSRC without a word: so streams
//! are bound here as they are heard, and let go when they have been silent.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rtc::{
    interceptor::{
        Interceptor, Packet, ReceiverReportBuilder, ReceiverReportInterceptor, Slot, StreamInfo, TaggedPacket,
    },
    sansio::Protocol,
    shared::error::Error,
};

use super::tap::Link;

/// In the crate's own place for receiver reports.
pub const SLOT: Slot = Slot::ReceiverReport;

/// A stream silent for this long is over: five intervals of the reports (RFC 3550 6.3.5).
const OVER: Duration = Duration::from_secs(5);

/// Streams reported on at once. There is one, and for a moment two when the party changes.
const MOST: usize = 4;

/// The crate's reporter, told which streams there are.
pub struct Reporter {
    inner: ReceiverReportInterceptor,
    link: Arc<Link>,
    heard: HashMap<u32, Instant>,
}

impl Reporter {
    /// `link` knows the clock of what is spoken.
    pub fn new(link: Arc<Link>) -> Self {
        Self { inner: ReceiverReportBuilder::new().build(), link, heard: HashMap::new() }
    }

    fn hear(&mut self, ssrc: u32, now: Instant) {
        if self.heard.insert(ssrc, now).is_some() {
            return;
        }
        self.inner.bind_remote_stream(&StreamInfo { ssrc, clock_rate: self.link.clock(), ..Default::default() });
        if self.heard.len() > MOST
            && let Some(oldest) = self.heard.iter().min_by_key(|(_, at)| **at).map(|(ssrc, _)| *ssrc)
        {
            self.let_go(oldest);
        }
    }

    fn let_go(&mut self, ssrc: u32) {
        self.heard.remove(&ssrc);
        self.inner.unbind_remote_stream(&StreamInfo { ssrc, ..Default::default() });
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Reporter {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &tagged.message.packet {
            self.hear(packet.header.ssrc, tagged.now);
        }
        self.inner.handle_read(tagged)
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inner.poll_read()
    }

    fn handle_write(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        self.inner.handle_write(tagged)
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.inner.poll_write()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        let over: Vec<u32> = self
            .heard
            .iter()
            .filter(|(_, at)| now.saturating_duration_since(**at) > OVER)
            .map(|(ssrc, _)| *ssrc)
            .collect();
        for ssrc in over {
            self.let_go(ssrc);
        }
        self.inner.handle_timeout(now)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.inner.poll_timeout()
    }
}

impl Interceptor for Reporter {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    /// What SDP announces is bound when it is heard.
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use rtc::{
        interceptor::AttributedPacket,
        rtcp::{receiver_report::ReceiverReport, sender_report::SenderReport},
        rtp,
        shared::TransportContext,
    };

    use super::*;

    fn tagged(packet: Packet, now: Instant) -> TaggedPacket {
        TaggedPacket { now, transport: TransportContext::default(), message: AttributedPacket::new(packet) }
    }

    fn rtp(ssrc: u32, sequence_number: u16, now: Instant) -> TaggedPacket {
        let header = rtp::Header { version: 2, ssrc, sequence_number, ..Default::default() };
        tagged(Packet::Rtp(rtp::Packet { header, ..Default::default() }), now)
    }

    /// SSRCs that a second's reports are about, with the highest sequence number and what they know of a sender report.
    fn reported(reporter: &mut Reporter, now: Instant) -> Vec<(u32, u32, u32)> {
        reporter.handle_timeout(now).unwrap();
        let mut all = Vec::new();
        while let Some(out) = reporter.poll_write() {
            let Packet::Rtcp(packets) = out.message.packet else { panic!("not RTCP") };
            for packet in packets {
                let report = packet.as_any().downcast_ref::<ReceiverReport>().unwrap().clone();
                let block = |b: &rtc::rtcp::reception_report::ReceptionReport| {
                    (b.ssrc, b.last_sequence_number & 0xFFFF, b.last_sender_report)
                };
                all.extend(report.reports.iter().map(block));
            }
        }
        all.sort_unstable();
        all
    }

    #[test]
    fn reports_follow_the_far_end_to_another_ssrc() {
        let start = Instant::now();
        let second = |n: u64| start + Duration::from_secs(n);
        let mut reporter = Reporter::new(Arc::default());
        for n in 0..50u16 {
            reporter.handle_read(rtp(1, n, start + Duration::from_millis(20 * u64::from(n)))).unwrap();
        }
        assert_eq!(reported(&mut reporter, second(1)), [(1, 49, 0)]);
        for n in 0..50u16 {
            reporter.handle_read(rtp(2, 900 + n, second(1) + Duration::from_millis(20 * u64::from(n)))).unwrap();
        }
        let report = SenderReport { ssrc: 2, ntp_time: 0x1234_5678_9ABC_DEF0, ..Default::default() };
        reporter.handle_read(tagged(Packet::Rtcp(vec![Box::new(report)]), second(2))).unwrap();
        assert_eq!(reported(&mut reporter, second(2)), [(1, 49, 0), (2, 949, 0x5678_9ABC)]);
        // The first one is over; the second goes on.
        for n in 0..50u16 {
            reporter.handle_read(rtp(2, 950 + n, second(6) + Duration::from_millis(20 * u64::from(n)))).unwrap();
        }
        assert_eq!(reported(&mut reporter, second(7)), [(2, 999, 0x5678_9ABC)]);
    }

    #[test]
    fn a_flood_of_streams_is_not_kept() {
        let start = Instant::now();
        let mut reporter = Reporter::new(Arc::default());
        for n in 0..200u16 {
            reporter.handle_read(rtp(u32::from(n), n, start + Duration::from_millis(u64::from(n)))).unwrap();
        }
        let ssrcs: Vec<u32> = reported(&mut reporter, start + Duration::from_secs(2)).iter().map(|r| r.0).collect();
        assert_eq!(ssrcs, [196, 197, 198, 199]);
    }
}
