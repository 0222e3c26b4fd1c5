//! What is said on an open event websocket, on whatever stream it runs.

use std::{
    convert::Infallible,
    pin::pin,
    time::{Duration, SystemTime},
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Bytes, Error, Message, error::CapacityError, protocol::CloseFrame},
};
use tokio_util::sync::CancellationToken;

use super::event::{LinkError, LinkEvent};
use crate::{
    cti::{push, value},
    net::fault,
};

/// The longest message accepted, in bytes.
pub(super) const LONGEST_MESSAGE: usize = 1 << 20;
/// Between two heartbeats (protocol `cti.md` 3.6).
const HEARTBEAT: Duration = Duration::from_secs(10);
/// When nothing has come for so long, a ping asks whether there is anybody.
const QUIET: Duration = Duration::from_secs(3);
/// A ping without an answer for so long is told of.
const LATE: Duration = Duration::from_secs(2);
/// The same means that the connection is dead, if pings were answered on it before. With `QUIET` it is 9 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(6);
/// Without a frame for so long the connection is taken for dead, where the other side answers no pings.
const SILENCE_LIMIT: Duration = Duration::from_secs(25);
/// Before the verdict: this process may have stood still, and the answer may have been here all the time.
const LAST_LOOK: Duration = Duration::from_millis(100);
/// How often the computer's sleep is looked for: the clock that timers run by stands still meanwhile.
const LOOK_FOR_SLEEP: Duration = Duration::from_secs(2);
/// A wall clock ahead of the timers' by so much means sleep; less may be an adjustment.
const SLEPT: Duration = Duration::from_secs(5);
/// For the other side to answer after a sleep: it may have given up long ago, and nobody could tell us.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
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
    /// The other side or the network; the last event is told.
    ByThem,
    /// Nobody: the other side is silent, which is told.
    Silent,
}

/// Greets, keeps the heart beating and tells what comes, until either side ends it. `doubt` demands a sign of life.
pub(super) async fn hold<S>(
    stream: &mut WebSocketStream<S>,
    tell: &(impl Fn(LinkEvent) + Sync),
    doubt: &Notify,
    closing: &CancellationToken,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let last = tokio::select! {
        biased;
        () = closing.cancelled() => None,
        last = Conversation::new(stream, tell, doubt).run() => Some(last),
    };
    let end = match &last {
        None => End::ByUs,
        Some(LinkEvent::Failed(_)) => End::Silent,
        Some(_) => End::ByThem,
    };
    if let Some(last) = last {
        tracing::info!(?last, "the link is lost");
        tell(last);
    }
    // A connection that has gone silent would not answer a farewell either.
    if end != End::Silent {
        part(stream).await;
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
    doubt: &'c Notify,
    /// When something last came.
    heard: Instant,
    /// Number and time of the last ping.
    ping: (u64, Instant),
    /// It has no answer yet.
    unanswered: bool,
    /// The other side answers pings.
    answers: bool,
    /// The silence has lasted too long and is looked at once more.
    overdue: bool,
    /// Whether something unreadable came before.
    puzzled: bool,
    /// Both clocks, when they were last compared.
    clocks: (Instant, SystemTime),
    /// Until when something must come after a sleep.
    probe: Option<Instant>,
    wall_clock: fn() -> SystemTime,
}

impl<'c, S, T> Conversation<'c, S, T>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: Fn(LinkEvent),
{
    fn new(stream: &'c mut WebSocketStream<S>, tell: &'c T, doubt: &'c Notify) -> Self {
        let now = Instant::now();
        let (clocks, wall_clock) = ((now, SystemTime::now()), SystemTime::now as fn() -> SystemTime);
        Self {
            stream,
            tell,
            doubt,
            heard: now,
            ping: (0, now),
            unanswered: false,
            answers: false,
            overdue: false,
            puzzled: false,
            clocks,
            probe: None,
            wall_clock,
        }
    }

    /// Whether the computer slept since this was last asked.
    fn slept(&mut self) -> bool {
        let now = (Instant::now(), (self.wall_clock)());
        let before = std::mem::replace(&mut self.clocks, now);
        let by_timers = now.0.saturating_duration_since(before.0);
        now.1.duration_since(before.1).is_ok_and(|by_wall| by_wall > by_timers + SLEPT)
    }

    /// The last event of the connection.
    async fn run(mut self) -> LinkEvent {
        let Err(last) = self.talk().await;
        last
    }

    async fn talk(&mut self) -> Result<Infallible, LinkEvent> {
        self.say(Message::text(GREETING)).await?;
        (self.tell)(LinkEvent::Opened);
        // From its answer on a missing answer means something.
        self.ping().await?;
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waking = interval_at(Instant::now() + LOOK_FOR_SLEEP, LOOK_FOR_SLEEP);
        waking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Set anew only when it runs out, not with every frame.
        let mut silence = pin!(sleep_until(self.heard + QUIET));
        loop {
            tokio::select! {
                frame = self.stream.next() => {
                    let Some(frame) = frame else { return Err(closed(ABNORMAL, "")) };
                    self.heard = Instant::now();
                    self.overdue = false;
                    self.probe = None;
                    self.take(frame.map_err(|error| ended_by(&error))?).await?;
                }
                _ = heartbeat.tick() => self.beat().await?,
                _ = waking.tick() => {
                    let now = Instant::now();
                    self.look_for_answer(now);
                    if self.slept() {
                        tracing::info!("the computer slept; the link is tried at once");
                        self.doubted().await?;
                    } else if self.probe.is_some_and(|limit| limit <= now) {
                        return Err(LinkEvent::Failed(LinkError::Silent(PROBE_LIMIT.as_secs())));
                    }
                }
                () = self.doubt.notified() => self.doubted().await?,
                () = &mut silence => {
                    let next = self.look_at_silence().await?;
                    silence.as_mut().reset(next);
                }
            }
        }
    }

    /// What to do about the silence, and when to look again: never later than a ping may be due by then.
    async fn look_at_silence(&mut self) -> Result<Instant, LinkEvent> {
        let now = Instant::now();
        let quiet = now.saturating_duration_since(self.heard);
        if self.waits_for_answer() {
            let limit = self.heard_by();
            if now < limit {
                self.overdue = false;
                return Ok(limit.min(now + QUIET));
            }
            if !std::mem::replace(&mut self.overdue, true) {
                return Ok(now + LAST_LOOK);
            }
            return Err(self.silent());
        }
        if quiet < QUIET {
            return Ok(self.heard + QUIET);
        }
        self.ping().await?;
        Ok(now + QUIET)
    }

    /// A ping is out, and nothing has come since.
    fn waits_for_answer(&self) -> bool {
        self.unanswered && self.heard <= self.ping.1
    }

    /// When something must have come, or the connection is dead.
    fn heard_by(&self) -> Instant {
        if !self.answers {
            self.heard + SILENCE_LIMIT
        } else if self.waits_for_answer() {
            self.ping.1 + ANSWER_LIMIT
        } else {
            self.heard + QUIET + ANSWER_LIMIT
        }
    }

    /// Asks for a sign of life, which must come soon.
    async fn doubted(&mut self) -> Result<(), LinkEvent> {
        self.probe = Some(Instant::now() + PROBE_LIMIT);
        self.beat().await
    }

    /// Sends a frame; a connection that takes nothing any more is as dead as one that gives nothing.
    async fn say(&mut self, frame: Message) -> Result<(), LinkEvent> {
        match timeout_at(self.heard_by(), self.stream.send(frame)).await {
            Ok(sent) => sent.map_err(|error| ended_by(&error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// The empty text frame the platform wants, and a ping that the other side must answer (RFC 6455 section 5.5.2).
    async fn beat(&mut self) -> Result<(), LinkEvent> {
        self.say(Message::text("")).await?;
        self.ping().await
    }

    /// One ping at a time: how late its answer is would not be known otherwise.
    async fn ping(&mut self) -> Result<(), LinkEvent> {
        if self.waits_for_answer() {
            return Ok(());
        }
        self.unanswered = true;
        self.ping = (self.ping.0 + 1, Instant::now());
        self.say(Message::Ping(Bytes::copy_from_slice(&self.ping.0.to_be_bytes()))).await
    }

    /// Tells of a ping whose answer is late, unless something else came meanwhile.
    fn look_for_answer(&self, now: Instant) {
        let waited = now.saturating_duration_since(self.ping.1);
        if self.waits_for_answer() && waited >= LATE {
            (self.tell)(LinkEvent::Late(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX)));
        }
    }

    fn silent(&self) -> LinkEvent {
        LinkEvent::Failed(LinkError::Silent(self.heard.elapsed().as_secs()))
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
                self.unanswered = false;
                self.answers = true;
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
                tracing::debug!(length = text.len(), %error, "unreadable frame");
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    /// What the wall clock shows, s: set by hand, as a computer that slept finds it.
    static WALL: AtomicU64 = AtomicU64::new(0);

    fn wall_clock() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(WALL.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_sleep_the_other_side_must_answer_at_once() {
        for answers in [true, false] {
            WALL.store(0, Ordering::Relaxed);
            let (ours, theirs) = tokio::io::duplex(4096);
            let mut server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
            let server = tokio::spawn(async move {
                while answers && let Some(Ok(_)) = server.next().await {}
                // The socket stays open in any case.
                std::future::pending::<()>().await;
            });
            let mut ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
            let (tell, doubt) = (|_| {}, Notify::new());
            let mut conversation = Conversation::new(&mut ours, &tell, &doubt);
            conversation.wall_clock = wall_clock;
            conversation.clocks = (Instant::now(), wall_clock());
            let started = Instant::now();
            let sleeper = async {
                tokio::time::sleep(Duration::from_secs(13)).await;
                WALL.store(3600, Ordering::Relaxed);
                std::future::pending::<()>().await;
            };
            let last = tokio::select! {
                last = conversation.run() => Some(last),
                () = sleeper => None,
                () = tokio::time::sleep(Duration::from_secs(200)) => None,
            };
            if answers {
                assert_eq!(last, None);
            } else {
                assert_eq!(last, Some(LinkEvent::Failed(LinkError::Silent(3))));
                // Looked for every 2 s: found at 14 s, and the 3 s are over when looked at again at 18 s.
                assert_eq!(started.elapsed().as_secs(), 18);
            }
            server.abort();
        }
    }
}
