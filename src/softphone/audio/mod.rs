//! Sound on this side of the network: devices, files, tones, codecs, jitter buffer, meters.
//!
//! Knows RTP payloads, sequence numbers and timestamps; knows nothing of sockets, SDP or SIP. Inside, everything is
//! 48 kHz mono `f32` in blocks of 10 ms, moved by one thread (`engine`) that sleeps without ticks while nothing sounds:
//!
//! ```text
//! backend.capture -> voice -> mute, hold -> codec -> RtpOut              (send)
//! RtpIn -> jitter -> receiver, stretch -> hold -> backend.play           (playout), tones mixed in by the backend
//! ```
//!
//! The playing side, from the packet to the ear: `timeline` gives each packet its place, `wait` says how long it waits,
//! `jitter` keeps it, `receiver` decodes it or makes it up (`conceal`, `comfort`), `stretch` keeps the delay, `playout` joins
//! them. [`lab`] measures all that on paper.

mod backend;
mod call;
mod check;
mod codec;
mod comfort;
mod conceal;
mod digits;
mod ear;
mod engine;
#[cfg(test)]
mod engine_tests;
mod jitter;
pub mod lab;
mod meter;
mod opus;
mod playout;
#[cfg(test)]
mod playout_tests;
mod receiver;
mod resample;
mod send;
mod stretch;
#[cfg(test)]
mod testing;
mod timeline;
mod tones;
mod voice;
mod wait;
mod wav;
pub mod workbench;

use std::time::Instant;

use bytes::Bytes;

pub use backend::{
    direction::DeviceDirection,
    list::{DeviceInfo, list_devices},
};
pub use engine::{AudioEngine, CallAudio};
pub use resample::Resampler;
pub use voice::Treatment;

use crate::config::Codec;

/// Samples of a millisecond.
const MS: i64 = 48;

/// Sample rate inside, Hz.
const RATE: u32 = 48_000;
/// Samples of a block: 10 ms.
const BLOCK: usize = 480;
/// Samples of a packet sent: 20 ms, where the far end does not ask for shorter ones.
const FRAME: usize = 2 * BLOCK;

/// What is spoken in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFormat {
    /// The codec negotiated.
    pub codec: Codec,
    /// Its payload type, both ways.
    pub payload_type: u8,
    /// Payload type and clock (Hz) of telephone-event (RFC 4733), if one is agreed on.
    pub event: Option<(u8, u32)>,
    /// What the far end wishes of an Opus encoder.
    pub wishes: OpusWishes,
    /// Packets of 10 ms are sent in place of those of 20 ms.
    pub short_packets: bool,
    /// Payload type of comfort noise (RFC 3389), if the far end may send it.
    pub comfort_noise: Option<u8>,
}

impl CallFormat {
    /// A codec alone: no telephone-event, no wishes. With one of 8 kHz comes the comfort noise that has a payload type of
    /// its own even where nobody speaks of it (RFC 3551 4.5: 13).
    pub fn new(codec: Codec, payload_type: u8) -> Self {
        let comfort_noise = (codec != Codec::Opus).then_some(13);
        Self { codec, payload_type, event: None, wishes: OpusWishes::default(), short_packets: false, comfort_noise }
    }
}

/// What a decoder says about itself in `a=fmtp` (RFC 7587 6.1), with the defaults of that RFC. That it can do stereo is of
/// no use to us: a voice is mono.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpusWishes {
    /// It makes use of in-band redundancy (`useinbandfec`).
    pub fec: bool,
    /// It would rather have no packets during silence (`usedtx`).
    pub dtx: bool,
    /// It wants a constant bit rate (`cbr`).
    pub constant: bool,
    /// Most bits per second on average (`maxaveragebitrate`).
    pub max_bitrate: Option<u32>,
    /// Highest sample rate it plays, Hz (`maxplaybackrate`).
    pub max_playback_rate: Option<u32>,
}

/// A packet to be sent: RTP without the sequence number and SSRC, which belong to the media session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpOut {
    /// Payload type of the codec, or of telephone-event.
    pub payload_type: u8,
    /// In ticks of the codec's RTP clock (48 kHz for Opus by RFC 7587, 8 kHz for G.711 and G.722).
    pub timestamp: u32,
    /// First packet after a pause (RFC 3551 4.1).
    pub marker: bool,
    /// The encoded sound.
    pub payload: Bytes,
}

/// A packet that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpIn {
    /// Who sends it.
    pub ssrc: u32,
    /// Payload type; those that are not agreed on are ignored.
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

/// What the ways from the microphone and to the speaker add to the delay, rings and devices together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// From the air to a block, ms; 0 without an open microphone.
    pub capture_ms: f32,
    /// From a block to the air, ms; 0 without an open speaker.
    pub play_ms: f32,
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
    /// Sound played since the beginning of the call, ms.
    pub played_ms: u64,
    /// Of that, sound made up because nothing came in time, ms.
    pub concealed_ms: u64,
    /// For how long nothing but digital silence has been played, ms.
    pub silent_ms: u32,
    /// For how long the speaker's device has taken nothing although it is open, ms.
    pub speaker_idle_ms: u32,
}
