//! The task of a call's media session: sends what the microphone says, follows the peer, counts, and tells what a person
//! would notice.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    OnEvent, Wish,
    peer::{ICE_DISCONNECTED, Peer, PeerState},
    restart::Path,
    stats::{self, Listening},
    tap::Told,
};
use crate::{
    config::Codec,
    softphone::{
        Event, LossCause, MediaEvent, MediaStats, Unheard,
        audio::{CallAudio, Quality, RtpOut},
    },
};

/// From a path (ICE) to encryption (DTLS): the crate does not tell when DTLS fails (`webrtc.md` 5.2).
const DTLS_PATIENCE: Duration = Duration::from_secs(5);

/// From the answer to a path.
const PATH_PATIENCE: Duration = Duration::from_secs(10);

/// Without a sign of life for so long nothing but checks is sent to the far end (RFC 7675 5.1).
const CONSENT: Duration = Duration::from_secs(30);

/// No packet for so long is worth telling; Opus that suppresses silence still sends every 0.4 s.
const SILENCE_PATIENCE: Duration = Duration::from_secs(3);

/// The same after a packet of comfort noise: the next one comes when the noise changes (RFC 3389 4).
const RESTING_PATIENCE: Duration = Duration::from_secs(15);

/// Between two looks at whether anything comes.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Between two re-INVITEs that are to bring sound over a path that answers.
const RENEWAL_EVERY: Duration = Duration::from_secs(10);

/// So many packets in a second are sound that somebody sends, silence or not: a far end that rests sends few.
const STEADY: u64 = 25;

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

impl Agreement {
    /// Whether the call is over for the agent: nothing of it is told or mended any more.
    pub fn silenced(&self) -> bool {
        self.audio.upgrade().is_some_and(|audio| audio.silenced())
    }
}

/// How the call is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Connecting,
    Up,
    Lost,
}

/// What the task is given for good.
pub struct Surroundings {
    /// The call's Call-ID.
    pub call_id: String,
    /// Whether the agent holds the call: then silence is no loss.
    pub held: Arc<AtomicBool>,
    /// Where events go.
    pub on_event: OnEvent,
    /// Where a re-INVITE of our own is asked for.
    pub wish: mpsc::UnboundedSender<Wish>,
    /// How the path is, for everybody.
    pub path: watch::Sender<Path>,
}

/// The task.
pub struct Watch {
    agreements: watch::Receiver<Agreement>,
    states: mpsc::UnboundedReceiver<(u64, PeerState)>,
    outbound: mpsc::Receiver<RtpOut>,
    told: Arc<Told>,
    around: Surroundings,

    peer_number: u64,
    health: Health,
    /// The association is up; whether sound comes is another question.
    connected: bool,
    /// What must have happened by when, else the call is told lost.
    deadline: Option<(Instant, LossCause)>,
    /// Until then the far end may be sent to although it is silent.
    consent: Option<Instant>,
    /// The codec last told.
    spoken: Option<Codec>,
    sent: u64,
    seen: u64,
    seen_at: Instant,
    /// Why the far end is not heard, as last told.
    unheard: Option<Unheard>,
    renewal_asked: Option<Instant>,
    listening: Listening,
}

impl Watch {
    /// Nothing runs before [`Self::run`].
    pub fn new(
        agreements: watch::Receiver<Agreement>,
        states: mpsc::UnboundedReceiver<(u64, PeerState)>,
        outbound: mpsc::Receiver<RtpOut>,
        told: Arc<Told>,
        around: Surroundings,
    ) -> Self {
        let peer_number = agreements.borrow().peer.number;
        Self {
            agreements,
            states,
            outbound,
            told,
            around,
            peer_number,
            health: Health::Connecting,
            connected: false,
            deadline: None,
            consent: None,
            spoken: None,
            sent: 0,
            seen: 0,
            seen_at: Instant::now(),
            unheard: None,
            renewal_asked: None,
            listening: Listening::default(),
        }
    }

    /// Runs until the session is closed.
    pub async fn run(mut self) {
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.reset();
            ticks
        };
        let (mut looks, mut ticks) = (every(LOOK_EVERY), every(STATS_EVERY));
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
                    Some((number, state)) if number == current.peer.number => self.follow(&current, state).await,
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
                () = at(self.consent) => {
                    tracing::info!(call_id = self.around.call_id, "30 s without a sign of life: nothing is sent but checks");
                    self.consent = None;
                    current.peer.set_consent(false);
                }
                _ = looks.tick() => self.look(&current),
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
            (self.deadline, self.consent) = (None, None);
            self.tell(MediaEvent::Connecting);
        }
        if !self.connected && self.deadline.is_none() {
            self.expect(PATH_PATIENCE, LossCause::NoPath);
        }
        // Up already, with another codec or before one was agreed on.
        let fresh = self.connected && self.health == Health::Connecting;
        if fresh || (self.health == Health::Up && self.spoken != Some(codec)) {
            self.up(codec);
        }
    }

    /// The peer's state has changed.
    async fn follow(&mut self, current: &Agreement, state: PeerState) {
        match state {
            PeerState::PathFound if !self.connected => {
                self.expect(DTLS_PATIENCE, LossCause::NoEncryption);
            }
            PeerState::PathFound => {}
            PeerState::Connected => {
                (self.deadline, self.consent) = (None, None);
                if !current.peer.verify().await {
                    tracing::error!(
                        call_id = self.around.call_id,
                        "the far end's certificate is not the one announced"
                    );
                    self.lose(LossCause::WrongCertificate);
                    current.peer.close().await;
                    return;
                }
                self.connected = true;
                self.seen_at = Instant::now();
                current.peer.set_consent(true);
                self.around.path.send_replace(Path::Up);
                if let Some(codec) = current.codec.filter(|_| self.health != Health::Up) {
                    self.up(codec);
                }
            }
            PeerState::Disconnected => {
                self.connected = false;
                self.deadline = None;
                self.consent = Some(Instant::now() + CONSENT.saturating_sub(ICE_DISCONNECTED));
                self.around.path.send_replace(Path::Lost);
                self.lose(LossCause::PathLost);
            }
            PeerState::Failed => {
                self.connected = false;
                (self.deadline, self.consent) = (None, None);
                current.peer.set_consent(false);
                self.around.path.send_replace(Path::Dead);
                self.lose(LossCause::Failed);
            }
        }
    }

    /// Whether packets come.
    fn look(&mut self, current: &Agreement) {
        let now = Instant::now();
        let received = self.told.received();
        if received != self.seen {
            self.seen = received;
            self.seen_at = now;
            if let Some(codec) = current.codec.filter(|_| self.connected && self.health == Health::Lost) {
                self.up(codec);
            }
            return;
        }
        if !self.expects(current) {
            self.seen_at = now;
            return;
        }
        let patience = if self.told.both().resting { RESTING_PATIENCE } else { SILENCE_PATIENCE };
        if self.health == Health::Up && now.duration_since(self.seen_at) >= patience {
            self.lose(LossCause::NoPackets);
            // Where nothing has ever come the far end has not begun.
            if self.seen > 0 {
                self.ask_for_renewal();
            }
        }
    }

    /// The path answers and brings nothing: the far end is told again what is agreed on. A path that does not answer
    /// `restart` sees to.
    fn ask_for_renewal(&mut self) {
        let now = Instant::now();
        if self.renewal_asked.is_some_and(|at| now.duration_since(at) < RENEWAL_EVERY) {
            return;
        }
        self.renewal_asked = Some(now);
        tracing::info!(call_id = self.around.call_id, "nothing comes: saying again what is agreed on");
        if self.around.wish.send(Wish::Renew { call_id: self.around.call_id.clone() }).is_err() {
            tracing::debug!("nobody carries out what the media session wishes");
        }
    }

    /// Whether the far end should be heard.
    fn expects(&self, current: &Agreement) -> bool {
        current.receives && !self.around.held.load(Relaxed) && !current.silenced()
    }

    async fn tick(&mut self, current: &Agreement) {
        let Some(audio) = current.audio.upgrade() else { return };
        let quality = audio.quality();
        let path = current.peer.path().await;
        let now = Instant::now();
        let idle = if self.expects(current) { now.duration_since(self.seen_at) } else { Duration::ZERO };
        let (far, received, lost, burst_ratio, resting) = {
            let both = self.told.both();
            let reception = &both.reception;
            let far = both.far.report(now.into_std());
            (far, reception.received(), reception.lost(), reception.burst_ratio(), both.resting)
        };
        if let Some(percent) = far.loss_pct {
            audio.set_far_loss(percent);
        }
        let second = self.listening.second(received, lost, &quality, idle);
        self.look_for_silence(current, &quality, second.received, resting);
        let rtt_ms = far.rtt_ms.or(path.map(|(rtt_ms, _)| rtt_ms));
        let codec = current.codec.unwrap_or(Codec::Pcma);
        let delay = stats::one_way_delay_ms(codec, rtt_ms, quality.buffer_ms);
        self.tell(MediaEvent::Stats(MediaStats {
            rtt_ms,
            jitter_ms: quality.jitter_ms,
            loss_pct: quality.loss_pct,
            mos: stats::mos(codec, delay, self.listening.missing_pct(), burst_ratio),
            packets_sent: self.sent,
            packets_received: self.told.received(),
            packets_lost: lost,
            loss_now_pct: second.loss_pct,
            burst_ratio,
            idle_ms: u32::try_from(idle.as_millis()).unwrap_or(u32::MAX),
            concealed_pct: quality.concealed_pct,
            buffer_ms: quality.buffer_ms,
            far_loss_pct: far.loss_pct,
            far_jitter_ms: far.jitter.map(|ticks| stats::ticks_to_ms(codec, ticks)),
            xruns: audio.xruns(),
            path: path.and_then(|(_, kind)| kind),
        }));
    }

    /// Packets come and nothing is heard: why.
    fn look_for_silence(&mut self, current: &Agreement, quality: &Quality, packets: u64, resting: bool) {
        let long = SILENCE_PATIENCE.as_millis() as u32;
        let unheard = if self.health != Health::Up || !self.expects(current) {
            None
        } else if quality.speaker_idle_ms >= long {
            Some(Unheard::SpeakerStalled)
        } else if quality.silent_ms >= long && packets >= STEADY && !resting {
            Some(Unheard::Silence)
        } else {
            None
        };
        if self.unheard != unheard {
            self.unheard = unheard;
            self.tell(MediaEvent::Unheard(unheard));
        }
    }

    fn expect(&mut self, patience: Duration, otherwise: LossCause) {
        self.deadline = Some((Instant::now() + patience, otherwise));
    }

    fn up(&mut self, codec: Codec) {
        self.health = Health::Up;
        self.spoken = Some(codec);
        self.tell(MediaEvent::Up { codec });
    }

    fn lose(&mut self, cause: LossCause) {
        if self.health != Health::Lost && !self.agreements.borrow().silenced() {
            self.health = Health::Lost;
            tracing::info!(cause = cause.name(), "media lost");
            self.tell(MediaEvent::Lost { cause });
        }
    }

    fn tell(&self, event: MediaEvent) {
        (self.around.on_event)(Event::Media(event));
    }
}

/// Waits until a moment, or for ever.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
