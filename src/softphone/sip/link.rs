//! The WebSocket of the registration: one SIP message per text frame (RFC 7118), kept alive, watched.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};
use url::Url;

use super::message::redact;
use crate::{
    net::{
        dialer::Dialer,
        fault,
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
/// How often the server is asked for a sign of life, and the time to it measured.
const PING_EVERY: Duration = Duration::from_secs(3);
/// The answer to a WebSocket ping is due within this: a dead connection is noticed within 10 s (RFC 5626 4.4.1). CRLF is
/// not answered by every server.
const PONG_TIMEOUT: Duration = Duration::from_secs(7);
/// The same when there is reason to doubt that the connection still leads anywhere: the machine's network has changed.
const PROOF_TIMEOUT: Duration = Duration::from_secs(1);
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
    /// Time from a WebSocket ping to its pong.
    RoundTrip(Duration),
    /// Could not be opened, or is gone; the last event.
    Down {
        /// What is told to the agent.
        error: SipError,
        /// Whose fault it is.
        trouble: Trouble,
    },
}

/// Whose fault it is that there is no connection; it decides how soon another one is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// An open connection was cut: the server may be well.
    Cut,
    /// The server refused, did not answer, or said that it is going down: all its phones have the same trouble now.
    Server,
    /// This machine has no network.
    Network,
}

/// What the owner wants done.
#[derive(Debug)]
enum Order {
    Send(String),
    KeepAlive(Duration),
    Prove,
}

/// An end, and whose fault it is.
type Down = (SipError, Trouble);

fn cut(reason: impl Into<String>) -> Down {
    (SipError::Lost(reason.into()), Trouble::Cut)
}

/// A connection being opened, or open. Dropped: what was sent goes out, then it is closed.
pub(crate) struct Link {
    orders: mpsc::UnboundedSender<Order>,
    events: mpsc::Receiver<LinkEvent>,
}

impl Link {
    /// Begins to connect.
    pub(crate) fn open(url: Url, dialer: Dialer) -> Self {
        let (orders, from_owner) = mpsc::unbounded_channel();
        let (to_owner, events) = mpsc::channel(READ_AHEAD);
        tokio::spawn(async move {
            let (error, trouble) = run(&url, &dialer, from_owner, &to_owner).await;
            // An owner that has gone does not want to know.
            to_owner.send(LinkEvent::Down { error, trouble }).await.ok();
        });
        Self { orders, events }
    }

    /// Sends a SIP message, in order, without waiting; lost if the connection is.
    pub(crate) fn send(&self, text: String) {
        if self.orders.send(Order::Send(text)).is_err() {
            tracing::debug!("the connection is gone; a SIP message was not sent");
        }
    }

    /// The server wants to hear CRLF this often at least (RFC 5626 5.4 `Flow-Timer`).
    pub(crate) fn keep_alive(&self, every: Duration) {
        if self.orders.send(Order::KeepAlive(every)).is_err() {
            tracing::debug!("the connection is gone");
        }
    }

    /// There is reason to doubt it: unless the server gives a sign of life within a second it is given up.
    pub(crate) fn prove(&self) {
        if self.orders.send(Order::Prove).is_err() {
            tracing::debug!("the connection is gone");
        }
    }

    /// What happens next; nothing more after [`LinkEvent::Down`]. Cancel safe.
    pub(crate) async fn event(&mut self) -> Option<LinkEvent> {
        self.events.recv().await
    }
}

async fn run(
    url: &Url,
    dialer: &Dialer,
    mut orders: mpsc::UnboundedReceiver<Order>,
    events: &mpsc::Sender<LinkEvent>,
) -> Down {
    let host = url.host_str().unwrap_or_default();
    let options = WsOptions {
        subprotocol: Some("sip"),
        max_message: MAX_MESSAGE,
        timeout: CONNECT_TIMEOUT,
        patience: Duration::ZERO,
    };
    let connected = tokio::select! {
        connected = ws::connect(url, dialer, options) => connected,
        () = events.closed() => return cut("given up"),
    };
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(error) => return told(host, &error),
    };
    if events.send(LinkEvent::Up).await.is_err() {
        return cut("given up");
    }
    let error = talk(&mut stream, &mut orders, events).await;
    if timeout(CLOSE_TIMEOUT, stream.close(None)).await.is_err() {
        tracing::debug!("the SIP connection did not close in time");
    }
    error
}

async fn talk(
    stream: &mut WsStream,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    events: &mpsc::Sender<LinkEvent>,
) -> Down {
    let mut flow_timer = Duration::from_secs(30);
    let mut keep_alive = next_keep_alive(flow_timer);
    let mut ping = Instant::now() + PING_EVERY;
    let mut asked: Option<Instant> = None;
    let mut patience = PONG_TIMEOUT;
    loop {
        tokio::select! {
            // What has come is heard before a timer says that nothing came.
            biased;
            order = orders.recv() => match order {
                None => return cut("closed"),
                Some(Order::Send(text)) => {
                    tracing::trace!(target: "wincall_tui::sip", "> {}", redact(&text));
                    if let Err(error) = write(stream, Message::text(text)).await {
                        return error;
                    }
                }
                Some(Order::KeepAlive(every)) => {
                    flow_timer = every;
                    keep_alive = keep_alive.min(next_keep_alive(flow_timer));
                }
                Some(Order::Prove) => {
                    patience = PROOF_TIMEOUT;
                    // What was asked before the doubt is asked again.
                    (asked, ping) = (None, Instant::now());
                }
            },
            message = stream.next() => {
                let since = asked.take();
                // What was on its way before it was asked is no proof.
                if since.is_some() {
                    patience = PONG_TIMEOUT;
                }
                let event = match message {
                    None => return cut("the server ended it"),
                    Some(Err(error)) => return cut(fault::reason(&error)),
                    Some(Ok(Message::Text(text))) => LinkEvent::Frame(Bytes::from(text)),
                    Some(Ok(Message::Binary(bytes))) => LinkEvent::Frame(bytes),
                    Some(Ok(Message::Close(frame))) => return closed(frame.map(|frame| frame.code)),
                    Some(Ok(Message::Pong(_))) => match since {
                        Some(since) => LinkEvent::RoundTrip(since.elapsed()),
                        None => continue,
                    },
                    Some(Ok(Message::Ping(_) | Message::Frame(_))) => continue,
                };
                if let LinkEvent::Frame(frame) = &event {
                    tracing::trace!(target: "wincall_tui::sip", "< {}", redact(&String::from_utf8_lossy(frame)));
                }
                if events.send(event).await.is_err() {
                    return drain(stream, orders).await;
                }
            }
            () = sleep_until(keep_alive) => {
                keep_alive = next_keep_alive(flow_timer);
                if let Err(error) = write(stream, Message::text("\r\n\r\n")).await {
                    return error;
                }
            }
            () = sleep_until(asked.map_or(ping, |asked| asked + patience)) => {
                if asked.is_some() {
                    return cut("the server does not answer the keep-alive");
                }
                if let Err(error) = write(stream, Message::Ping(Bytes::new())).await {
                    return error;
                }
                let now = Instant::now();
                (asked, ping) = (Some(now), now + PING_EVERY);
            }
        }
    }
}

/// The server said goodbye. Going away (1001), restarting (1012) and overloaded (1013) concern all its phones.
fn closed(code: Option<CloseCode>) -> Down {
    let shown = code.map_or_else(String::new, |code| format!(" (code {})", u16::from(code)));
    let everybody = matches!(code, Some(CloseCode::Away | CloseCode::Restart | CloseCode::Again));
    let trouble = if everybody { Trouble::Server } else { Trouble::Cut };
    (SipError::Lost(format!("the server closed it{shown}")), trouble)
}

/// The owner is gone: its last words still go out.
async fn drain(stream: &mut WsStream, orders: &mut mpsc::UnboundedReceiver<Order>) -> Down {
    while let Ok(order) = orders.try_recv() {
        if let Order::Send(text) = order
            && let Err(error) = write(stream, Message::text(text)).await
        {
            return error;
        }
    }
    cut("closed")
}

async fn write(stream: &mut WsStream, message: Message) -> Result<(), Down> {
    match timeout(WRITE_TIMEOUT, stream.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(cut(fault::reason(&error))),
        Err(_) => Err(cut("the server does not read")),
    }
}

/// 80 to 100 % of the longest silence the server bears (RFC 5626 4.4.1), which is at most 30 s: below every usual idle
/// limit, and not all phones at once.
fn next_keep_alive(flow_timer: Duration) -> Instant {
    Instant::now() + flow_timer.min(Duration::from_secs(30)).mul_f64(rand::random_range(0.8..1.0))
}

fn told(host: &str, error: &WsError) -> Down {
    let connect = |host: &str, reason: &str| SipError::Connect { host: host.to_owned(), reason: reason.to_owned() };
    let error = match error {
        WsError::Unreachable { host, reason } => return (connect(host, reason), Trouble::Network),
        WsError::Connect { host, reason } | WsError::Protocol { host, reason } => connect(host, reason),
        WsError::Certificate { host, reason } => SipError::Certificate { host: host.clone(), reason: reason.clone() },
        WsError::Timeout { host, ms } => connect(host, &format!("no answer within {ms} ms")),
        WsError::Refused { status } => connect(host, &format!("HTTP status {status}")),
    };
    (error, Trouble::Server)
}
