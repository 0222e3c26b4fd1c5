//! Sound on this side of the network: devices, files, tones, codecs, jitter buffer, meters.
//!
//! Knows RTP payloads, sequence numbers and timestamps; knows nothing of sockets, SDP or SIP. Inside, everything is
//! 48 kHz mono `f32` in blocks of 10 ms, moved by one thread (`engine`) that sleeps without ticks while nothing sounds:
//!
//! ```text
//! backend.capture -> voice -> mute, hold -> codec -> RtpOut              (send)
//! RtpIn -> jitter -> codec, conceal, stretch -> hold -> backend.play     (playout), tones mixed in by the backend
//! ```

mod backend;
mod call;
mod codec;
mod conceal;
mod engine;
#[cfg(test)]
mod engine_tests;
mod jitter;
mod meter;
mod playout;
mod resample;
mod send;
mod stretch;
#[cfg(test)]
mod testing;
mod tones;
mod voice;
mod wav;
pub mod workbench;

use std::time::Instant;

use bytes::Bytes;

pub use backend::list::{DeviceDirection, DeviceInfo, list_devices};
pub use engine::{AudioEngine, CallAudio};
pub use voice::Treatment;

use crate::config::Codec;

/// Sample rate inside, Hz.
const RATE: u32 = 48_000;
/// Samples of a block: 10 ms.
const BLOCK: usize = 480;
/// Samples of a packet sent: 20 ms.
const FRAME: usize = 2 * BLOCK;

/// What is spoken in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFormat {
    /// The codec negotiated.
    pub codec: Codec,
    /// Its payload type, both ways.
    pub payload_type: u8,
}

/// A packet to be sent: RTP without the sequence number and SSRC, which belong to the media session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpOut {
    /// Payload type of the codec.
    pub payload_type: u8,
    /// In ticks of the codec's RTP clock (48 kHz for Opus by RFC 7587, 8 kHz for G.711).
    pub timestamp: u32,
    /// First packet after a pause (RFC 3551 4.1).
    pub marker: bool,
    /// The encoded 20 ms.
    pub payload: Bytes,
}

/// A packet that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpIn {
    /// Payload type; other ones than the codec's are ignored.
    pub payload_type: u8,
    /// RTP sequence number.
    pub sequence: u16,
    /// In ticks of the codec's RTP clock.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// The encoded sound.
    pub payload: Bytes,
    /// When it came off the socket.
    pub arrived: Instant,
}

/// How well the far end is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Interarrival jitter (RFC 3550 6.4.1), ms.
    pub jitter_ms: f32,
    /// Packets lost of those expected in the last 5 s, percent.
    pub loss_pct: f32,
    /// Packets of the codec received in this call, late ones and repeated ones too.
    pub packets_received: u64,
    /// Sound made up because nothing came in time, of what was played in the last 5 s, percent.
    pub concealed_pct: f32,
    /// How long a packet now waits in the buffer before it is played, ms.
    pub buffer_ms: f32,
}
