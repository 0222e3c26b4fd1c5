//! The place in the `webrtc` crate's packet path where RTP comes to us.
//!
//! Its own tracks deliver only the first SSRC they meet and one codec; a switch that connects the agent to another party
//! may change both without a word in SDP. So the RTP that has passed SRTP and the receiver report is taken here, as it
//! comes, and the payload type of what is sent is set to what the last description agreed on.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use rtc::{
    interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket},
    sansio::Protocol,
    shared::error::Error,
};

use crate::softphone::audio::RtpIn;

/// What is done with a packet that came; called on the network task, must not block.
pub type Sink = Arc<dyn Fn(RtpIn) + Send + Sync>;

/// Behind the receiver report (which counts what arrives), before anything that knows tracks.
pub const SLOT: Slot = Slot::Custom(10_500);

/// The interceptor.
pub struct Tap {
    sink: Sink,
    payload_type: Arc<AtomicU8>,
    received: Arc<AtomicU64>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl Tap {
    /// `payload_type` is put on everything sent; `received` counts the packets that came.
    pub fn new(sink: Sink, payload_type: Arc<AtomicU8>, received: Arc<AtomicU64>) -> Self {
        Self { sink, payload_type, received, inbound: VecDeque::new(), outbound: VecDeque::new() }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = tagged.message.packet {
            self.received.fetch_add(1, Relaxed);
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
        if let Packet::Rtp(packet) = &mut tagged.message.packet {
            packet.header.payload_type = self.payload_type.load(Relaxed);
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
