//! What is said on an open event websocket, on whatever stream it runs.

use std::{convert::Infallible, pin::pin, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Bytes, Error, Message, error::CapacityError, protocol::CloseFrame},
};
use tokio_util::sync::CancellationToken;

use super::{LinkError, LinkEvent};
use crate::{
    cti::{push, value},
    net::fault,
};

/// For name, TCP, TLS and upgrade together.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The longest message accepted, in bytes.
pub(super) const LONGEST_MESSAGE: usize = 1 << 20;
/// Between two heartbeats (protocol `cti.md` 3.6).
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Without a frame or a pong for so long, the connection is taken for dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(25);
/// For the other side to answer a close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Said at once (protocol `cti.md` 3.3).
const GREETING: &str = "Hello Server!";
/// The platform's warning that it takes this client for dead (protocol `cti.md` 3.4).
const WARNING: &str = "WARNOFF";

/// Close code for a frame without one (RFC 6455 section 7.4.1).
const NO_CODE: u16 = 1005;
/// Close code for an end without a close frame.
const ABNORMAL: u16 = 1006;
/// Close code for text that is no UTF-8.
const BAD_TEXT: u16 = 1007;
/// Close code for a message that is too long.
const TOO_BIG: u16 = 1009;

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// This side, as it was told to.
    ByUs,
    /// The other side or the network, also by silence; the last event is told.
    ByThem,
}

/// Greets, keeps the heart beating and tells what comes, until either side ends it.
pub(super) async fn hold<S>(
    mut stream: WebSocketStream<S>,
    tell: &(impl Fn(LinkEvent) + Sync),
    closing: &CancellationToken,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let last = tokio::select! {
        biased;
        () = closing.cancelled() => None,
        last = Conversation::new(&mut stream, tell).run() => Some(last),
    };
    let end = if last.is_some() { End::ByThem } else { End::ByUs };
    let silent = matches!(last, Some(LinkEvent::Failed(_)));
    if let Some(last) = last {
        tracing::info!(?last, "the link is lost");
        tell(last);
    }
    // A connection that has gone silent would not answer a farewell either.
    if !silent {
        part(&mut stream).await;
    }
    end
}

/// Sends our close frame, or answers theirs, and waits for the connection to end.
async fn part<S>(stream: &mut WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let farewell = async {
        if let Err(error) = stream.close(None).await {
            tracing::debug!(%error, "closing");
        }
        while let Some(Ok(_)) = stream.next().await {}
    };
    if timeout(CLOSE_LIMIT, farewell).await.is_err() {
        tracing::debug!("the close frame was not answered in time");
    }
}

struct Conversation<'c, S, T> {
    stream: &'c mut WebSocketStream<S>,
    tell: &'c T,
    /// When something last came.
    heard: Instant,
    /// Number and time of the last ping.
    ping: (u64, Instant),
    /// Whether something unreadable came before.
    puzzled: bool,
}

impl<'c, S, T> Conversation<'c, S, T>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: Fn(LinkEvent),
{
    fn new(stream: &'c mut WebSocketStream<S>, tell: &'c T) -> Self {
        let now = Instant::now();
        Self { stream, tell, heard: now, ping: (0, now), puzzled: false }
    }

    /// The last event of the connection.
    async fn run(mut self) -> LinkEvent {
        let Err(last) = self.talk().await;
        last
    }

    async fn talk(&mut self) -> Result<Infallible, LinkEvent> {
        self.say(Message::text(GREETING)).await?;
        (self.tell)(LinkEvent::Opened);
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silence = pin!(sleep_until(self.heard + SILENCE_LIMIT));
        loop {
            tokio::select! {
                frame = self.stream.next() => {
                    let Some(frame) = frame else { return Err(closed(ABNORMAL, "")) };
                    self.heard = Instant::now();
                    self.take(frame.map_err(|error| ended_by(&error))?).await?;
                }
                _ = heartbeat.tick() => self.beat().await?,
                // Set anew only when it runs out, not with every frame.
                () = &mut silence => {
                    if self.heard.elapsed() >= SILENCE_LIMIT {
                        return Err(silent());
                    }
                    silence.as_mut().reset(self.heard + SILENCE_LIMIT);
                }
            }
        }
    }

    /// Sends a frame; a connection that takes nothing any more is as dead as one that gives nothing.
    async fn say(&mut self, frame: Message) -> Result<(), LinkEvent> {
        match timeout_at(self.heard + SILENCE_LIMIT, self.stream.send(frame)).await {
            Ok(sent) => sent.map_err(|error| ended_by(&error)),
            Err(_) => Err(silent()),
        }
    }

    /// The empty text frame the platform wants, and a ping that the other side must answer (RFC 6455 section 5.5.2).
    async fn beat(&mut self) -> Result<(), LinkEvent> {
        self.say(Message::text("")).await?;
        self.ping = (self.ping.0 + 1, Instant::now());
        self.say(Message::Ping(Bytes::copy_from_slice(&self.ping.0.to_be_bytes()))).await
    }

    async fn take(&mut self, frame: Message) -> Result<(), LinkEvent> {
        match frame {
            Message::Text(text) if text.trim() == WARNING => {
                tracing::debug!("the platform warns that it hears nothing");
                self.say(Message::text("")).await?;
            }
            Message::Text(text) => self.read(&text),
            Message::Binary(bytes) => self.read(&String::from_utf8_lossy(&bytes)),
            Message::Pong(payload) if payload.as_ref() == self.ping.0.to_be_bytes() => {
                let ms = self.ping.1.elapsed().as_millis();
                (self.tell)(LinkEvent::RoundTrip(u64::try_from(ms).unwrap_or(u64::MAX)));
            }
            Message::Close(frame) => return Err(close_of(frame)),
            // A ping is answered by the library, with the next read.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        Ok(())
    }

    fn read(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        match push::parse(text) {
            Ok(push) => {
                tracing::debug!(event = push.event_name, "pushed");
                (self.tell)(LinkEvent::Push(Box::new(push)));
            }
            Err(error) => {
                tracing::debug!(%error, "unreadable frame");
                if !std::mem::replace(&mut self.puzzled, true) {
                    (self.tell)(LinkEvent::Unreadable(error.start));
                }
            }
        }
    }
}

fn close_of(frame: Option<CloseFrame>) -> LinkEvent {
    match frame {
        Some(frame) => closed(frame.code.into(), &frame.reason),
        None => closed(NO_CODE, ""),
    }
}

fn silent() -> LinkEvent {
    LinkEvent::Failed(LinkError::Silent(SILENCE_LIMIT.as_secs()))
}

fn closed(code: u16, reason: &str) -> LinkEvent {
    LinkEvent::Closed { code, reason: value::beginning(reason) }
}

/// The end of a connection that broke.
fn ended_by(error: &Error) -> LinkEvent {
    let code = match error {
        Error::Utf8(_) => BAD_TEXT,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => TOO_BIG,
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::Capacity(_)
        | Error::Protocol(_)
        | Error::WriteBufferFull(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => ABNORMAL,
    };
    closed(code, &fault::reason(error))
}
