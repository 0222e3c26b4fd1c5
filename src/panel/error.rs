//! Why the panel could not be filled.

use std::time::Duration;

use thiserror::Error;

use crate::{
    i18n::{Locale, Message},
    process::ProcessError,
};

/// Why the panel could not be filled.
#[derive(Debug, Error)]
pub enum PanelError {
    /// The command.
    #[error(transparent)]
    Command(#[from] ProcessError),
    /// What came is not the JSON that was asked for.
    #[error("{}", self.message().render(Locale::En))]
    NotJson {
        /// The parser's word.
        reason: String,
    },
    /// It is JSON, but holds no fields.
    #[error("{}", self.message().render(Locale::En))]
    UnusableJson,
    /// The address, filled in, is none.
    #[error("{}", self.message().render(Locale::En))]
    BadAddress {
        /// The parser's word.
        reason: String,
    },
    /// The address cannot be reached.
    #[error("{}", self.message().render(Locale::En))]
    Connect {
        /// Where.
        host: String,
        /// Why.
        reason: String,
    },
    /// Its certificate is not trusted.
    #[error("{}", self.message().render(Locale::En))]
    Certificate {
        /// Whose.
        host: String,
        /// Why.
        reason: String,
    },
    /// It answered with a failure.
    #[error("{}", self.message().render(Locale::En))]
    Status {
        /// Who.
        host: String,
        /// HTTP status.
        status: u16,
    },
    /// It did not answer in time.
    #[error("{}", self.message().render(Locale::En))]
    TooSlow {
        /// Who.
        host: String,
        /// What it was given.
        limit: Duration,
    },
    /// It answered with something that the panel cannot show.
    #[error("{}", self.message().render(Locale::En))]
    Kind {
        /// Who.
        host: String,
        /// The media type.
        kind: String,
    },
}

impl PanelError {
    /// What failed, why, and what to do.
    pub fn message(&self) -> Message {
        match self {
            PanelError::Command(error) => error.message(),
            PanelError::NotJson { reason } => Message::new("panel.not_json").with("reason", reason),
            PanelError::UnusableJson => Message::new("panel.unusable_json"),
            PanelError::BadAddress { reason } => Message::new("panel.bad_address").with("reason", reason),
            PanelError::Connect { host, reason } => {
                Message::new("panel.connect").with("host", host).with("reason", reason)
            }
            PanelError::Certificate { host, reason } => {
                Message::new("panel.certificate").with("host", host).with("reason", reason)
            }
            PanelError::Status { host, status } => {
                Message::new("panel.status").with("host", host).with("status", status)
            }
            PanelError::TooSlow { host, limit } => {
                Message::new("panel.too_slow").with("host", host).with("limit", humantime::format_duration(*limit))
            }
            PanelError::Kind { host, kind } => Message::new("panel.kind").with("host", host).with("kind", kind),
        }
    }
}
