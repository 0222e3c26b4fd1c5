//! The media session of a call: SDP in and out, ICE, DTLS-SRTP, RTP to and from `audio`.
//!
//! All use of the `webrtc` crate is behind this module, so that another one could take its place.

use thiserror::Error;

/// Why an offer cannot be answered. The SIP side turns it into a status code.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MediaError {
    /// Not SDP, or nothing in it that can be spoken: 488 Not Acceptable Here.
    #[error("the offer cannot be accepted: {0}")]
    NotAcceptable(String),
    /// Our side failed: 480.
    #[error("the media session failed: {0}")]
    Failed(String),
}
