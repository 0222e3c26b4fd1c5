//! The web phone: SIP over WebSocket (`sip`), DTLS-SRTP audio (`media`), devices and tones (`audio`).
//!
//! Driven by [`Command`]s, tells what happens as [`Event`]s; holds the registration, at most one call, and the sound.
//! It never decides about agent state and never dials of its own will (protocol `softphone.md`). `run` is the loop that
//! joins the rooms; `media_port` is what SIP knows of `media`.

pub mod audio;
pub mod media;
pub mod priority;
pub mod sip;

mod media_port;
mod run;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use run::Softphone;
pub use vocabulary::*;
