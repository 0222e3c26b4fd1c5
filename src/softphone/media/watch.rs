//! The task of a call's media session: sends what the microphone says, follows the peer, counts, and tells what a person
//! would notice.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    OnEvent,
    peer::{Peer, PeerState},
    stats,
};
use crate::{
    config::Codec,
    softphone::{
        Event, LossCause, MediaEvent, MediaStats,
        audio::{CallAudio, RtpOut},
    },
};

/// From a path (ICE) to encryption (DTLS): the crate does not tell when DTLS fails (`webrtc.md` 5.2).
const DTLS_PATIENCE: Duration = Duration::from_secs(5);

/// From the answer to a path.
const PATH_PATIENCE: Duration = Duration::from_secs(10);

/// No packet for so long is worth telling; a far end that suppresses silence still sends every 0.4 s.
const SILENCE_PATIENCE: Duration = Duration::from_secs(3);

/// Between two [`MediaEvent::Stats`].
const STATS_EVERY: Duration = Duration::from_secs(1);

/// What is in force.
#[derive(Clone)]
pub struct Agreement {
    /// Through which everything flows.
    pub peer: Arc<Peer>,
    /// The call's sound, once there is one.
    pub audio: Weak<CallAudio>,
    /// What is spoken, once it is agreed on.
    pub codec: Option<Codec>,
    /// Whether the far end is expected to send.
    pub receives: bool,
}

/// How the call is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Connecting,
    Up,
    Lost,
}

/// The task.
pub struct Watch {
    agreements: watch::Receiver<Agreement>,
    states: mpsc::UnboundedReceiver<(u64, PeerState)>,
    outbound: mpsc::Receiver<RtpOut>,
    received: Arc<AtomicU64>,
    held: Arc<AtomicBool>,
    on_event: OnEvent,

    peer_number: u64,
    health: Health,
    /// The association is up; whether sound comes is another question.
    connected: bool,
    /// What must have happened by when, else the call is told lost.
    deadline: Option<(Instant, LossCause)>,
    /// The codec last told.
    told: Option<Codec>,
    sent: u64,
    seen: u64,
    seen_at: Instant,
}

impl Watch {
    /// Nothing runs before [`Self::run`].
    pub fn new(
        agreements: watch::Receiver<Agreement>,
        states: mpsc::UnboundedReceiver<(u64, PeerState)>,
        outbound: mpsc::Receiver<RtpOut>,
        received: Arc<AtomicU64>,
        held: Arc<AtomicBool>,
        on_event: OnEvent,
    ) -> Self {
        let peer_number = agreements.borrow().peer.number;
        Self {
            agreements,
            states,
            outbound,
            received,
            held,
            on_event,
            peer_number,
            health: Health::Connecting,
            connected: false,
            deadline: None,
            told: None,
            sent: 0,
            seen: 0,
            seen_at: Instant::now(),
        }
    }

    /// Runs until the session is closed.
    pub async fn run(mut self) {
        let mut ticks = interval(STATS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        self.agreements.mark_changed();
        let mut current = self.agreements.borrow().clone();
        loop {
            let deadline = self.deadline.map(|(at, _)| at);
            tokio::select! {
                // What is in force is known before anything that happens to it.
                biased;
                changed = self.agreements.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    current = self.agreements.borrow_and_update().clone();
                    self.agreed(&current);
                }
                state = self.states.recv() => match state {
                    Some((number, state)) if number == current.peer.number => self.follow(&current, state),
                    Some(_) => {}
                    None => return,
                },
                packet = self.outbound.recv() => match packet {
                    Some(packet) => if current.peer.send(packet).await { self.sent += 1 },
                    None => return,
                },
                () = at(deadline) => {
                    if let Some((_, cause)) = self.deadline.take() {
                        self.lose(cause);
                    }
                }
                _ = ticks.tick() => self.tick(&current).await,
            }
        }
    }

    /// A description has come into force.
    fn agreed(&mut self, current: &Agreement) {
        let Some(codec) = current.codec else { return };
        self.seen_at = Instant::now();
        if current.peer.number != self.peer_number {
            self.peer_number = current.peer.number;
            self.connected = false;
            self.health = Health::Connecting;
            self.deadline = None;
            self.tell(MediaEvent::Connecting);
        }
        if !self.connected && self.deadline.is_none() {
            self.expect(PATH_PATIENCE, LossCause::NoPath);
        }
        // Up already, with another codec or before one was agreed on.
        let fresh = self.connected && self.health == Health::Connecting;
        if fresh || (self.health == Health::Up && self.told != Some(codec)) {
            self.up(codec);
        }
    }

    /// The peer's state has changed.
    fn follow(&mut self, current: &Agreement, state: PeerState) {
        match state {
            PeerState::PathFound if !self.connected => {
                self.expect(DTLS_PATIENCE, LossCause::NoEncryption);
            }
            PeerState::PathFound => {}
            PeerState::Connected => {
                self.connected = true;
                self.deadline = None;
                self.seen_at = Instant::now();
                current.peer.set_connected(true);
                if let Some(codec) = current.codec.filter(|_| self.health != Health::Up) {
                    self.up(codec);
                }
            }
            PeerState::Disconnected => {
                self.connected = false;
                self.deadline = None;
                self.lose(LossCause::PathLost);
            }
            PeerState::Failed => {
                self.connected = false;
                self.deadline = None;
                current.peer.set_connected(false);
                self.lose(LossCause::Failed);
            }
        }
    }

    async fn tick(&mut self, current: &Agreement) {
        let received = self.received.load(Relaxed);
        let now = Instant::now();
        let flowing = received != self.seen;
        if flowing {
            self.seen = received;
            self.seen_at = now;
            if let Some(codec) = current.codec.filter(|_| self.connected && self.health == Health::Lost) {
                self.up(codec);
            }
        } else if !current.receives || self.held.load(Relaxed) {
            self.seen_at = now;
        } else if self.health == Health::Up && now.duration_since(self.seen_at) >= SILENCE_PATIENCE {
            self.lose(LossCause::NoPackets);
        }
        let Some((quality, xruns)) = current.audio.upgrade().map(|audio| (audio.quality(), audio.xruns())) else { return };
        let rtt_ms = current.peer.round_trip_ms().await;
        let delay = stats::one_way_delay_ms(rtt_ms, quality.buffer_ms);
        // What came too late to be played is as good as lost; while nothing is sent, nothing is lost.
        let missing = if flowing { quality.loss_pct.max(quality.concealed_pct) } else { quality.loss_pct };
        self.tell(MediaEvent::Stats(MediaStats {
            rtt_ms,
            jitter_ms: quality.jitter_ms,
            loss_pct: quality.loss_pct,
            mos: stats::mos(delay, missing),
            packets_sent: self.sent,
            packets_received: received,
            concealed_pct: quality.concealed_pct,
            buffer_ms: quality.buffer_ms,
            far_loss_pct: None,
            far_jitter_ms: None,
            xruns,
        }));
    }

    fn expect(&mut self, patience: Duration, otherwise: LossCause) {
        self.deadline = Some((Instant::now() + patience, otherwise));
    }

    fn up(&mut self, codec: Codec) {
        self.health = Health::Up;
        self.told = Some(codec);
        self.tell(MediaEvent::Up { codec });
    }

    fn lose(&mut self, cause: LossCause) {
        if self.health != Health::Lost {
            self.health = Health::Lost;
            tracing::info!(cause = cause.name(), "media lost");
            self.tell(MediaEvent::Lost { cause });
        }
    }

    fn tell(&self, event: MediaEvent) {
        (self.on_event)(Event::Media(event));
    }
}

/// Waits until a moment, or for ever.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
