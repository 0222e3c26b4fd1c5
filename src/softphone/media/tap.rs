//! The place in the `webrtc` crate's packet path where RTP comes to us, and where both sides' reports are read.
//!
//! Its own tracks deliver only the first SSRC they meet and one codec; a switch that connects the agent to another party
//! may change both without a word in SDP. So the RTP that has passed SRTP and the receiver report is taken here, as it
//! comes, and what is sent gets the payload type it was made with, which the crate may not know. RTCP passes; what it says
//! of our own stream the crate tells nobody.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use rtc::{
    interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket},
    rtcp::{receiver_report::ReceiverReport, reception_report::ReceptionReport, sender_report::SenderReport},
    sansio::Protocol,
    shared::error::Error,
};

use super::{
    far_end::{Block, FarEnd},
    reception::Reception,
};
use crate::softphone::audio::RtpIn;

/// What is done with a packet that came; called on the network task, must not block.
pub type Sink = Arc<dyn Fn(RtpIn) + Send + Sync>;

/// Behind the receiver report (which counts what arrives), before anything that knows tracks.
pub const SLOT: Slot = Slot::Custom(10_500);

/// A packet this short carries no speech: comfort noise or Opus without sound (DTX, RFC 6716 2.1.9).
const RESTING: usize = 2;

/// Comfort noise (RFC 3389) of the 8 kHz codecs.
const COMFORT_NOISE: u8 = 13;

/// Packets whose payload type is remembered: far more than are ever on their way.
const ON_THE_WAY: usize = 256;

/// What is spoken on the wire now, shared with whom the description tells it to.
#[derive(Debug)]
pub struct Link {
    clock: AtomicU32,
    /// Payload types of what is on its way through the crate, by sequence number: it takes packets of the one codec it knows
    /// alone, so a digit or another codec goes through it under that name.
    payload_types: [AtomicU8; ON_THE_WAY],
    /// The far end has shown the certificate it has announced: before that nothing passes, either way.
    trusted: AtomicBool,
    /// The far end has been heard of late, so that it may be sent to (RFC 7675).
    consents: AtomicBool,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            clock: AtomicU32::new(8000),
            payload_types: [const { AtomicU8::new(0) }; ON_THE_WAY],
            trusted: AtomicBool::new(false),
            consents: AtomicBool::new(false),
        }
    }
}

impl Link {
    /// The RTP clock of what is spoken runs at `clock` Hz.
    pub fn speak(&self, clock: u32) {
        self.clock.store(clock, Relaxed);
    }

    /// The packet with this sequence number leaves with this payload type.
    pub fn send_as(&self, sequence: u16, payload_type: u8) {
        if let Some(place) = self.payload_types.get(usize::from(sequence) % ON_THE_WAY) {
            place.store(payload_type, Relaxed);
        }
    }

    fn payload_type(&self, sequence: u16) -> u8 {
        self.payload_types.get(usize::from(sequence) % ON_THE_WAY).map_or(0, |place| place.load(Relaxed))
    }

    /// The far end is who it has said to be: what it sends is taken in from now on.
    pub fn trust(&self) {
        self.trusted.store(true, Relaxed);
    }

    /// Whether [`Self::trust`] was called.
    pub fn trusted(&self) -> bool {
        self.trusted.load(Relaxed)
    }

    /// Whether the far end may be sent to.
    pub fn set_consent(&self, consents: bool) {
        self.consents.store(consents, Relaxed);
    }

    /// Whether anything goes out.
    pub fn open(&self) -> bool {
        self.trusted() && self.consents.load(Relaxed)
    }

    /// RTP clock, Hz.
    pub fn clock(&self) -> u32 {
        self.clock.load(Relaxed)
    }
}

/// What the packets of both directions tell; outlives the tap of one peer.
#[derive(Debug, Default)]
pub struct Told {
    received: AtomicU64,
    both: Mutex<Both>,
}

/// The two directions.
#[derive(Debug, Default)]
pub struct Both {
    /// What arrives here.
    pub reception: Reception,
    /// What the far end says of what we send.
    pub far: FarEnd,
    /// The last packet said that the far end is silent on purpose.
    pub resting: bool,
    /// When the last RTP packet came.
    pub last: Option<Instant>,
}

impl Told {
    /// RTP packets that came, of any kind.
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// The figures. Hold it for a moment only: the network waits.
    pub fn both(&self) -> MutexGuard<'_, Both> {
        self.both.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The interceptor.
pub struct Tap {
    sink: Sink,
    link: Arc<Link>,
    told: Arc<Told>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl Tap {
    /// `link` says what is put on what is sent; `told` learns from everything that passes.
    pub fn new(sink: Sink, link: Arc<Link>, told: Arc<Told>) -> Self {
        Self { sink, link, told, inbound: VecDeque::new(), outbound: VecDeque::new() }
    }

    fn read_reports(&self, packets: &[Box<dyn rtc::rtcp::Packet>], now: Instant) {
        for packet in packets {
            let packet = packet.as_any();
            let blocks = match (packet.downcast_ref::<SenderReport>(), packet.downcast_ref::<ReceiverReport>()) {
                (Some(report), _) => &report.reports,
                (None, Some(report)) => &report.reports,
                (None, None) => continue,
            };
            let mut both = self.told.both();
            for block in blocks {
                both.far.block(block.ssrc, read(block), now);
            }
        }
    }
}

fn read(block: &ReceptionReport) -> Block {
    Block {
        fraction_lost: block.fraction_lost,
        lost: block.total_lost,
        highest: block.last_sequence_number,
        jitter: block.jitter,
        last_report: block.last_sender_report,
        delay: block.delay,
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        if !self.link.trusted() {
            return Ok(());
        }
        if let Packet::Rtcp(packets) = &tagged.message.packet {
            self.read_reports(packets, tagged.now);
        }
        if let Packet::Rtp(packet) = tagged.message.packet {
            self.told.received.fetch_add(1, Relaxed);
            {
                let mut both = self.told.both();
                both.reception.arrived(packet.header.ssrc, packet.header.sequence_number);
                both.last = Some(tagged.now);
                both.resting = packet.payload.len() <= RESTING || packet.header.payload_type == COMFORT_NOISE;
            }
            tracing::trace!(
                sequence = packet.header.sequence_number,
                payload_type = packet.header.payload_type,
                bytes = packet.payload.len(),
                "RTP in"
            );
            (self.sink)(RtpIn {
                ssrc: packet.header.ssrc,
                payload_type: packet.header.payload_type,
                sequence: packet.header.sequence_number,
                timestamp: packet.header.timestamp,
                marker: packet.header.marker,
                payload: packet.payload,
                arrived: tagged.now,
            });
        } else {
            self.inbound.push_back(tagged);
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, mut tagged: TaggedPacket) -> Result<(), Error> {
        // The crate's own reports too.
        if !self.link.open() {
            return Ok(());
        }
        match &mut tagged.message.packet {
            Packet::Rtp(packet) => {
                packet.header.payload_type = self.link.payload_type(packet.header.sequence_number);
                self.told.both().far.sending(packet.header.ssrc);
            }
            Packet::Rtcp(packets) => {
                for report in packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<SenderReport>()) {
                    self.told.both().far.report_sent(report.ntp_time, tagged.now);
                }
            }
            // The crate's enum is open.
            _ => {}
        }
        self.outbound.push_back(tagged);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
