//! The WebSocket of the registration: one SIP message per text frame (RFC 7118), kept alive, watched.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{self, Message, error::ProtocolError};
use url::Url;

use super::message::redact;
use crate::{
    net::{
        fault,
        tls::Tls,
        ws::{self, WsError, WsOptions, WsStream},
    },
    softphone::SipError,
};

/// Largest message taken in, bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// Name, TCP, TLS and upgrade together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A write that takes longer means that nobody reads at the other end.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// The answer to a WebSocket ping is due within this. (CRLF is not answered by every server.)
const PONG_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a close is waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Frames read ahead of the main loop.
const READ_AHEAD: usize = 64;

/// What happens with the connection.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// Open, the subprotocol agreed.
    Up,
    /// A text or binary frame.
    Frame(Bytes),
    /// Could not be opened, or is gone; the last event.
    Down(SipError),
}

/// A connection being opened, or open. Dropped: what was sent goes out, then it is closed.
pub(crate) struct Link {
    outgoing: mpsc::UnboundedSender<String>,
    events: mpsc::Receiver<LinkEvent>,
}

impl Link {
    /// Begins to connect.
    pub(crate) fn open(url: Url, tls: Tls) -> Self {
        let (outgoing, from_owner) = mpsc::unbounded_channel();
        let (to_owner, events) = mpsc::channel(READ_AHEAD);
        tokio::spawn(async move {
            let error = run(&url, &tls, from_owner, &to_owner).await;
            // An owner that has gone does not want to know.
            to_owner.send(LinkEvent::Down(error)).await.ok();
        });
        Self { outgoing, events }
    }

    /// Sends a SIP message, in order, without waiting; lost if the connection is.
    pub(crate) fn send(&self, text: String) {
        if self.outgoing.send(text).is_err() {
            tracing::debug!("the connection is gone; a SIP message was not sent");
        }
    }

    /// What happens next; nothing more after [`LinkEvent::Down`]. Cancel safe.
    pub(crate) async fn event(&mut self) -> Option<LinkEvent> {
        self.events.recv().await
    }
}

async fn run(
    url: &Url,
    tls: &Tls,
    mut outgoing: mpsc::UnboundedReceiver<String>,
    events: &mpsc::Sender<LinkEvent>,
) -> SipError {
    let host = url.host_str().unwrap_or_default();
    let options = WsOptions { subprotocol: Some("sip"), max_message: MAX_MESSAGE, timeout: CONNECT_TIMEOUT };
    let connected = tokio::select! {
        connected = ws::connect(url, tls, options) => connected,
        () = events.closed() => return SipError::Lost("given up".into()),
    };
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(error) => return told(host, &error),
    };
    if events.send(LinkEvent::Up).await.is_err() {
        return SipError::Lost("given up".into());
    }
    let error = talk(&mut stream, &mut outgoing, events).await;
    if timeout(CLOSE_TIMEOUT, stream.close(None)).await.is_err() {
        tracing::debug!("the SIP connection did not close in time");
    }
    error
}

async fn talk(
    stream: &mut WsStream,
    outgoing: &mut mpsc::UnboundedReceiver<String>,
    events: &mpsc::Sender<LinkEvent>,
) -> SipError {
    let mut keep_alive = next_keep_alive();
    let mut pong_due: Option<Instant> = None;
    loop {
        tokio::select! {
            // What has come is heard before a timer says that nothing came.
            biased;
            text = outgoing.recv() => {
                let Some(text) = text else { return SipError::Lost("closed".into()) };
                tracing::trace!(target: "wincall_tui::sip", "> {}", redact(&text));
                if let Err(error) = write(stream, Message::text(text)).await {
                    return error;
                }
            }
            message = stream.next() => {
                pong_due = None;
                let frame = match message {
                    None => return SipError::Lost("the server ended it".into()),
                    Some(Err(error)) => return SipError::Lost(plain(&error)),
                    Some(Ok(Message::Text(text))) => Bytes::from(text),
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(Message::Close(frame))) => {
                        let code = frame.map_or_else(String::new, |f| format!(" (code {})", u16::from(f.code)));
                        return SipError::Lost(format!("the server closed it{code}"));
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                };
                tracing::trace!(target: "wincall_tui::sip", "< {}", redact(&String::from_utf8_lossy(&frame)));
                if events.send(LinkEvent::Frame(frame)).await.is_err() {
                    return drain(stream, outgoing).await;
                }
            }
            () = sleep_until(keep_alive) => {
                keep_alive = next_keep_alive();
                for message in [Message::text("\r\n\r\n"), Message::Ping(Bytes::new())] {
                    if let Err(error) = write(stream, message).await {
                        return error;
                    }
                }
                pong_due = pong_due.or(Some(Instant::now() + PONG_TIMEOUT));
            }
            () = sleep_until(pong_due.unwrap_or_else(far)), if pong_due.is_some() => {
                return SipError::Lost("the server does not answer the keep-alive".into());
            }
        }
    }
}

/// The owner is gone: its last words still go out.
async fn drain(stream: &mut WsStream, outgoing: &mut mpsc::UnboundedReceiver<String>) -> SipError {
    while let Ok(text) = outgoing.try_recv() {
        if let Err(error) = write(stream, Message::text(text)).await {
            return error;
        }
    }
    SipError::Lost("closed".into())
}

async fn write(stream: &mut WsStream, message: Message) -> Result<(), SipError> {
    match timeout(WRITE_TIMEOUT, stream.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(SipError::Lost(plain(&error))),
        Err(_) => Err(SipError::Lost("the server does not read".into())),
    }
}

/// 25 to 30 s from now: below every usual idle limit, and not all phones at once.
fn next_keep_alive() -> Instant {
    Instant::now() + Duration::from_millis(rand::random_range(25_000..30_000))
}

/// For a timer that is not armed.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// What went wrong on an open connection, in words.
#[allow(clippy::wildcard_enum_match_arm)] // another crate's enum, far wider than what matters
fn plain(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Io(error) => fault::io_reason(error),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        | tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed => "it was cut".into(),
        other => other.to_string().chars().filter(|c| !c.is_control()).take(200).collect(),
    }
}

fn told(host: &str, error: &WsError) -> SipError {
    match error {
        WsError::Connect { host, reason } => SipError::Connect { host: host.clone(), reason: reason.clone() },
        WsError::Certificate { host, reason } => SipError::Certificate { host: host.clone(), reason: reason.clone() },
        WsError::Protocol { host, reason } => SipError::Connect { host: host.clone(), reason: reason.clone() },
        WsError::Timeout { host, ms } => {
            SipError::Connect { host: host.clone(), reason: format!("no answer within {ms} ms") }
        }
        WsError::Refused { status } => {
            SipError::Connect { host: host.to_owned(), reason: format!("HTTP status {status}") }
        }
    }
}
