//! Session descriptions (RFC 8866, 3264, 8843, 8839, 8842): what the far end offers, what we answer.
//!
//! The `webrtc` crate never sees a foreign description and its own are never sent: servers write and expect more than
//! it understands (`webrtc.md` 3, `crates.md` A.3). `remote` reads what came and writes the plain description the
//! crate is given instead; `local` reads the crate's and writes what is sent.

mod fingerprint;
mod lines;
mod local;
mod remote;

#[cfg(test)]
pub(super) mod tests;

pub use fingerprint::Fingerprints;
pub use local::{Local, Origin, answer, offer, offer_again};
pub use remote::{Remote, read_answer, read_offer};

use crate::{config::Codec, softphone::audio::OpusWishes};

/// Who sends, from the point of view of whoever wrote the description (RFC 8866 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    SendRecv,
    /// The writer only sends.
    SendOnly,
    /// The writer only listens.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The same stream from the other side (RFC 3264 6.1).
    pub fn mirrored(self) -> Self {
        match self {
            Direction::SendRecv => Direction::SendRecv,
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            Direction::Inactive => Direction::Inactive,
        }
    }

    /// The same, but for the writer who no longer listens.
    pub fn without_listening(self) -> Self {
        match self {
            Direction::SendRecv | Direction::SendOnly => Direction::SendOnly,
            Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the writer listens.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

/// Who opens DTLS (RFC 4145 4, RFC 8842 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// Either way; only in offers.
    ActPass,
    /// The writer is the DTLS client.
    Active,
    /// The writer is the DTLS server.
    Passive,
}

impl Setup {
    fn name(self) -> &'static str {
        match self {
            Setup::ActPass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
        }
    }
}

/// What is spoken: one codec, and the telephone-event of the same clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The codec.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// Payload type and clock (Hz) of telephone-event (RFC 4733), if there is one.
    pub event: Option<(u8, u32)>,
    /// What the far end wishes of an Opus encoder.
    pub wishes: OpusWishes,
    /// The far end takes no packets of 20 ms (`maxptime`), or would rather have shorter ones (`ptime`; RFC 8866 6.4).
    pub short_packets: bool,
}

/// Clock in SDP, Hz.
fn clock(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => 48_000,
        // G.722 samples at 16 kHz; its clock of 8 kHz is an old mistake that stayed (RFC 3551 4.5.2).
        Codec::G722 | Codec::Pcma | Codec::Pcmu => 8_000,
    }
}

/// `name/clock[/channels]` for `a=rtpmap`.
fn encoding(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus/48000/2",
        Codec::G722 => "G722/8000",
        Codec::Pcma => "PCMA/8000",
        Codec::Pcmu => "PCMU/8000",
    }
}
