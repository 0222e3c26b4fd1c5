//! One way to open a WebSocket: own TCP dial, own TLS, an optional subprotocol.

use std::time::Duration;

use thiserror::Error;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{
        self,
        client::IntoClientRequest,
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};
use url::Url;

use super::{
    dialer::{DialError, Dialer, Socket},
    fault,
};
use crate::i18n::Message;

/// An open WebSocket.
pub type WsStream = WebSocketStream<MaybeTlsStream<Socket>>;

/// A frame's read buffer: large enough for any usual message, small enough to be held all day.
const READ_BUFFER: usize = 16 * 1024;

/// What is asked of a WebSocket.
#[derive(Clone, Copy, Debug)]
pub struct WsOptions {
    /// Subprotocol asked for, which the server must then name in its answer (RFC 6455 section 4.1).
    pub subprotocol: Option<&'static str>,
    /// Longest message accepted, in bytes.
    pub max_message: usize,
    /// For everything together: name, TCP, TLS, upgrade.
    pub timeout: Duration,
    /// How much longer TLS and the upgrade may take once there is a connection. A server that is slow then has the
    /// request already, and every further one would be one more for it to answer.
    pub patience: Duration,
}

/// Why a WebSocket could not be opened. Never holds the URL's query, which may carry a token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WsError {
    /// No connection: name, route, port, or TLS other than the certificate.
    #[error("cannot reach {host}: {reason}")]
    Connect { host: String, reason: String },
    /// Nothing was even tried at the server: this machine does not know the name, or no way there.
    #[error("no way to {host}: {reason}")]
    Unreachable { host: String, reason: String },
    /// The server's certificate is not trusted.
    #[error("the certificate of {host} is not trusted: {reason}")]
    Certificate { host: String, reason: String },
    /// The server answered the upgrade with another status than 101.
    #[error("the WebSocket was refused with HTTP status {status}")]
    Refused { status: u16 },
    /// The other side does not speak WebSocket, or not the subprotocol.
    #[error("{host} does not answer like a WebSocket server: {reason}")]
    Protocol { host: String, reason: String },
    /// Not open within the time limit.
    #[error("{host} did not answer within {ms} ms")]
    Timeout { host: String, ms: u64 },
}

impl WsError {
    /// What is told to the agent.
    pub fn message(&self) -> Message {
        match self {
            WsError::Connect { host, reason } | WsError::Unreachable { host, reason } => {
                Message::new("net.connect").with("host", host).with("reason", reason)
            }
            WsError::Certificate { host, reason } => {
                Message::new("net.certificate").with("host", host).with("reason", reason)
            }
            WsError::Refused { status } => Message::new("net.ws.refused").with("status", status),
            WsError::Protocol { host, reason } => {
                Message::new("net.ws.protocol").with("host", host).with("reason", reason)
            }
            WsError::Timeout { host, ms } => Message::new("net.timeout").with("host", host).with("ms", ms),
        }
    }
}

/// Opens a WebSocket to a `ws` or `wss` URL, whose query is sent as it is.
///
/// # Errors
/// See [`WsError`].
pub async fn connect(url: &Url, dialer: &Dialer, options: WsOptions) -> Result<WsStream, WsError> {
    let host = host_of(url);
    let late = |limit: Duration| {
        let ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        WsError::Timeout { host: host.clone(), ms }
    };
    let began = Instant::now();
    let dialled = timeout(options.timeout, reach(url, &host, dialer)).await.map_err(|_| late(options.timeout))?;
    let limit = options.timeout + options.patience;
    let opened = timeout_at(began + limit, upgrade(url, &host, dialer, options, dialled?)).await;
    opened.map_err(|_| late(limit))?
}

/// A connection to the server of a URL.
async fn reach(url: &Url, host: &str, dialer: &Dialer) -> Result<Socket, WsError> {
    let unusable = |reason: &str| WsError::Protocol { host: host.to_owned(), reason: reason.to_owned() };
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(unusable("the address begins neither with ws:// nor with wss://"));
    }
    let (Some(name), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return Err(unusable("the address names no host"));
    };
    dialer.dial(url.scheme() == "wss", &name, port).await.map_err(|error| match error {
        DialError::Certificate { proxy, reason } => WsError::Certificate { host: proxy, reason },
        error @ (DialError::Network(_) | DialError::Proxy { .. }) => {
            let (host, reason) = (host.to_owned(), error.to_string());
            if error.is_ours() { WsError::Unreachable { host, reason } } else { WsError::Connect { host, reason } }
        }
    })
}

/// TLS where it is wanted, and the upgrade. Given up half-way, the connection is reset: a server that was only slow must
/// not take the request for one of a client that is still there.
async fn upgrade(
    url: &Url,
    host: &str,
    dialer: &Dialer,
    options: WsOptions,
    socket: Socket,
) -> Result<WsStream, WsError> {
    let mut request = url.as_str().into_client_request().map_err(|error| told(host, error))?;
    if let Some(subprotocol) = options.subprotocol {
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    }
    reset_on_drop(socket.get_ref(), true);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(options.max_message))
        .max_frame_size(Some(options.max_message));
    let connector = Connector::Rustls(dialer.tls.config.clone());
    let (stream, _) = client_async_tls_with_config(request, socket, Some(config), Some(connector))
        .await
        .map_err(|error| told(host, error))?;
    reset_on_drop(stream.get_ref().get_ref().get_ref(), false);
    Ok(stream)
}

/// Ends the connection without another word, and so that the other side knows at once that nobody is there: what it has
/// not read yet, it need not answer.
pub fn reset(stream: WsStream) {
    reset_on_drop(stream.get_ref().get_ref().get_ref(), true);
}

/// Whether dropping the socket resets the connection (RFC 9293 3.10.4, abort) instead of closing it in order.
// Tokio warns of any other time than none and zero, with which closing blocks.
#[allow(deprecated)]
fn reset_on_drop(socket: &TcpStream, reset: bool) {
    if let Err(error) = socket.set_linger(reset.then_some(Duration::ZERO)) {
        tracing::debug!(%error, "how a connection ends cannot be set");
    }
}

/// `host` or `host:port` of a URL, for people: never its path or query.
pub fn host_of(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn told(host: &str, error: tungstenite::Error) -> WsError {
    let host = host.to_owned();
    if let Some(reason) = fault::certificate_reason(&error) {
        return WsError::Certificate { host, reason };
    }
    if let tungstenite::Error::Http(answer) = &error {
        return WsError::Refused { status: answer.status().as_u16() };
    }
    if matches!(error, tungstenite::Error::Io(_) | tungstenite::Error::Tls(_)) {
        return WsError::Connect { host, reason: fault::reason(&error) };
    }
    WsError::Protocol { host, reason: fault::reason(&error) }
}

#[cfg(test)]
mod tests;
