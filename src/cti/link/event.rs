//! What happens on one connection of the event websocket, and why one fails.

use thiserror::Error;

use crate::{cti::push::Push, i18n::Message, net::ws::WsError};

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
    /// A WebSocket ping has had no answer for so long, in ms, and nothing else has come either; told every 2 s.
    Late(u64),
    /// The other side, or the network, closed it: close code if there was a close frame (1006 stands for none).
    Closed {
        /// WebSocket close code; 1005 for a close frame without one (RFC 6455 section 7.4.1).
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
    /// An attempt was given up after `ms`; the server may still deal with it.
    #[error("{host} did not answer within {ms} ms")]
    Unanswered { host: String, ms: u64 },
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
        match self {
            LinkError::Connect { host, reason } => {
                Message::new("cti.connect").with("host", host).with("reason", reason)
            }
            LinkError::Unanswered { host, ms } => {
                Message::new("cti.connect").with("host", host).with("reason", format!("no answer within {ms} ms"))
            }
            LinkError::Certificate { host, reason } => {
                Message::new("cti.certificate").with("host", host).with("reason", reason)
            }
            LinkError::Refused { status } => Message::new("cti.link_refused").with("status", status),
            LinkError::Silent(seconds) => Message::new("cti.link_silent").with("seconds", seconds),
        }
    }
}

impl From<WsError> for LinkError {
    fn from(error: WsError) -> Self {
        match error {
            WsError::Connect { host, reason }
            | WsError::Unreachable { host, reason }
            | WsError::Protocol { host, reason } => LinkError::Connect { host, reason },
            WsError::Certificate { host, reason } => LinkError::Certificate { host, reason },
            WsError::Refused { status } => LinkError::Refused { status },
            WsError::Timeout { host, ms } => LinkError::Unanswered { host, ms },
        }
    }
}
