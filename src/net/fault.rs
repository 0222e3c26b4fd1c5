//! What the network said, in words: certificate refusals told from everything else, without addresses or secrets.

// The enums looked into here are other crates', far wider than what matters.
#![allow(clippy::wildcard_enum_match_arm)]

use std::{error::Error, io};

use rustls::CertificateError;
use tokio_tungstenite::tungstenite;

/// The reason for which a certificate was refused, if that is what an error is at bottom.
pub fn certificate_reason(error: &(dyn Error + 'static)) -> Option<String> {
    match rustls_error(error)? {
        rustls::Error::InvalidCertificate(reason) => Some(in_words(reason)),
        rustls::Error::NoCertificatesPresented => Some("the server shows none".into()),
        _ => None,
    }
}

/// What is said of a proxy that wants another user or password, or any (RFC 9110 section 15.5.8).
pub const PROXY_LOGIN: &str = "the proxy: it refuses the username or password";

/// The innermost reason of an error, without the system's error number.
pub fn reason(error: &(dyn Error + 'static)) -> String {
    if let Some(tls) = rustls_error(error) {
        return match tls {
            rustls::Error::InvalidMessage(_) => "it does not speak TLS".into(),
            other => format!("TLS: {other}"),
        };
    }
    if let Some(reason) = error.downcast_ref().and_then(websocket_reason) {
        return reason.into();
    }
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if let Some(io) = innermost.downcast_ref::<io::Error>() {
        return io_reason(io);
    }
    match innermost.to_string() {
        // The HTTP client's own tunnels through a proxy.
        text if text == "tunnel error: proxy authorization required" => PROXY_LOGIN.to_owned(),
        text if text == "tunnel error: unsuccessful" => "the proxy: it opens no connection to there".to_owned(),
        text => text,
    }
}

/// What broke a WebSocket besides the connection below it: the library's own words name details that nobody here can act
/// on, and only in English.
fn websocket_reason(error: &tungstenite::Error) -> Option<&'static str> {
    use tungstenite::{Error, error::ProtocolError};
    Some(match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => "it was cut",
        Error::Capacity(_) => "it sent a message that is too long",
        Error::Utf8(_) => "it sent text that is no UTF-8",
        Error::WriteBufferFull(_) => "the server does not read",
        Error::Protocol(ProtocolError::HandshakeIncomplete) => "Handshake not finished",
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => "it does not know the subprotocol",
        Error::AttackAttempt
        | Error::HttpFormat(_)
        | Error::Protocol(
            ProtocolError::WrongHttpVersion
            | ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader
            | ProtocolError::SecWebSocketAcceptKeyMismatch
            | ProtocolError::InvalidHeader(_)
            | ProtocolError::JunkAfterRequest
            | ProtocolError::HttparseError(_),
        ) => "its answer is not that of a WebSocket server",
        Error::Protocol(_) => "it does not keep to the WebSocket protocol",
        _ => return None,
    })
}

/// The reason of an input or output error, without the system's error number.
pub fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset".into(),
        io::ErrorKind::UnexpectedEof => "connection closed without a word".into(),
        io::ErrorKind::TimedOut => "no answer".into(),
        io::ErrorKind::HostUnreachable => "no route to the host".into(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => "no route to the network".into(),
        _ => {
            let text = error.to_string();
            let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
            text.split(" (os error").next().unwrap_or_default().to_owned()
        }
    }
}

/// Whether a connection failed on this side of the network already: no name, no route.
pub fn is_ours(error: &io::Error) -> bool {
    use io::ErrorKind::{HostUnreachable, NetworkDown, NetworkUnreachable};
    matches!(error.kind(), HostUnreachable | NetworkUnreachable | NetworkDown)
        || error.to_string().starts_with("failed to lookup address information")
}

/// The rustls error inside an error. `io::Error` hides what it wraps from `source`, so it is looked into.
fn rustls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|wrapped| rustls_error(wrapped)) {
            return Some(found);
        }
        current = error.source();
    }
    None
}

fn in_words(reason: &CertificateError) -> String {
    match reason {
        CertificateError::UnknownIssuer => "it is signed by an authority that is not trusted".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; this computer's clock may be wrong".into()
        }
        CertificateError::NotValidForName => "it is for another name".into(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!("it is for another name ({})", presented.join(", "))
        }
        other => {
            let name = format!("{other:?}");
            if name.contains("CaUsedAsEndEntity") {
                // What `openssl req -x509` makes; webpki's own error can be known by its name only.
                "it is signed by itself".into()
            } else {
                name.chars().take(120).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tungstenite::error::{CapacityError, Error, ProtocolError, SubProtocolError};

    use super::*;
    use crate::i18n::{Locale, Message};

    #[test]
    fn what_breaks_a_websocket_is_said_in_the_programs_language() {
        let errors = [
            Error::ConnectionClosed,
            Error::AttackAttempt,
            Error::Capacity(CapacityError::MessageTooLong { size: 2, max_size: 1 }),
            Error::Utf8("x".into()),
            Error::Protocol(ProtocolError::NonZeroReservedBits),
            Error::Protocol(ProtocolError::SecWebSocketAcceptKeyMismatch),
            Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::NoSubProtocol)),
            Error::Protocol(ProtocolError::HandshakeIncomplete),
        ];
        for error in errors {
            let said = Message::new("app.leg_failed").with("reason", reason(&error)).render(Locale::ZhCn);
            let names = ["WebSocket", "UTF"];
            let english = names.iter().fold(said.clone(), |said, name| said.replace(name, ""));
            assert!(!english.contains(|c: char| c.is_ascii_alphabetic()), "{error}: {said}");
        }
    }
}
