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

/// Stand-in until the media room is merged.
pub struct Media;

impl Media {
    pub fn start(
        _audio: crate::config::AudioConfig,
        _on_event: std::sync::Arc<dyn Fn(super::Event) + Send + Sync>,
    ) -> Media {
        Media
    }
    pub async fn answer(&self, _call_id: &str, _offer: &str) -> Result<String, MediaError> {
        std::future::ready(Err(MediaError::Failed("stand-in".into()))).await
    }
    pub async fn offer(&self, _call_id: &str) -> Result<String, MediaError> {
        std::future::ready(Err(MediaError::Failed("stand-in".into()))).await
    }
    pub async fn accept_answer(&self, _call_id: &str, _answer: &str) -> Result<(), MediaError> {
        std::future::ready(Err(MediaError::Failed("stand-in".into()))).await
    }
    pub async fn close(&self, _call_id: &str) {
        std::future::ready(()).await;
    }
    pub fn set_muted(&self, _muted: bool) {}
    pub fn set_held(&self, _held: bool) {}
    pub fn play(&self, _tone: Option<super::Tone>) {}
    pub fn prove_devices(&self) {}
    pub async fn shutdown(self) {
        std::future::ready(()).await;
    }
}
