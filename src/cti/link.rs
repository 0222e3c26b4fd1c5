//! One connection of the event websocket (protocol `cti.md` section 3).

use thiserror::Error;

use super::push::Push;
use crate::i18n::Message;

/// What happens on one connection. `Closed` or `Failed` is the last event of a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkEvent {
    /// The websocket is open and `Hello Server!` is sent; the platform has not spoken yet.
    Opened,
    /// A pushed message.
    Push(Box<Push>),
    /// A frame that is not the platform's JSON; shown once, then ignored. Its beginning, cleaned.
    Unreadable(String),
    /// Round trip of a WebSocket ping, in ms.
    RoundTrip(u64),
    /// The other side, or the network, closed it: close code if there was a close frame (1006 stands for none).
    Closed {
        /// WebSocket close code.
        code: u16,
        /// What it said, cleaned.
        reason: String,
    },
    /// It could not be opened, or went silent.
    Failed(LinkError),
}

/// Why a connection could not be opened or kept.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum LinkError {
    /// No connection: name, route, port.
    #[error("cannot reach {host}: {reason}")]
    Connect { host: String, reason: String },
    /// The server's certificate is not trusted.
    #[error("the certificate of {host} is not trusted: {reason}")]
    Certificate { host: String, reason: String },
    /// The server refused the upgrade.
    #[error("the event websocket was refused with HTTP status {status}")]
    Refused { status: u16 },
    /// Nothing came back for too long: the connection is half open.
    #[error("the platform was silent for {0} s")]
    Silent(u64),
}

impl LinkError {
    /// What is told to the agent.
    pub fn message(&self) -> Message {
        Message::verbatim(&self.to_string())
    }
}
