//! One call's media session: what is agreed on, the call's sound, and the peer it flows through.

use std::sync::{Arc, OnceLock, Weak, atomic::AtomicBool};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    MediaError, OnEvent, Wish,
    peer::{Peer, PeerState, Wiring},
    sdp::{self, Choice, Direction, Local, Origin, Remote, Setup},
    tap::Sink,
    watch::{Agreement, Surroundings, Watch},
};
use crate::{
    config::Codec,
    softphone::{
        Event, MediaEvent,
        audio::{AudioEngine, CallAudio, CallFormat, RtpOut},
    },
};

/// RTP waiting for the network, packets: 200 ms of sound.
const OUTBOUND_QUEUE: usize = 10;

/// What a session is made with.
pub struct Environment {
    /// The call.
    pub call_id: String,
    /// Our codecs, best first.
    pub codecs: Vec<Codec>,
    /// Where events go.
    pub on_event: OnEvent,
    /// Whether the call is held by the agent: then silence is no loss.
    pub held: Arc<AtomicBool>,
    /// Where a re-INVITE of our own is asked for.
    pub wish: mpsc::UnboundedSender<Wish>,
}

/// What both sides have agreed on.
struct Agreed {
    remote: Remote,
    local: Local,
    /// Our DTLS role.
    setup: Setup,
}

/// The session.
pub struct Session {
    environment: Environment,
    wiring: Wiring,
    /// Where received RTP finds the call's sound, once there is one.
    door: Arc<OnceLock<Weak<CallAudio>>>,
    audio: Option<Arc<CallAudio>>,
    rtp_out: mpsc::Sender<RtpOut>,
    agreement: watch::Sender<Agreement>,
    watch: JoinHandle<()>,
    peer: Arc<Peer>,
    origin: Origin,
    agreed: Option<Agreed>,
    /// Our own offer that is not answered yet.
    offered: Option<Local>,
}

/// Everything of a session but its peer, before there is one.
struct Beginning {
    wiring: Wiring,
    door: Arc<OnceLock<Weak<CallAudio>>>,
    states: mpsc::UnboundedReceiver<(u64, PeerState)>,
}

impl Beginning {
    fn new() -> Self {
        let door: Arc<OnceLock<Weak<CallAudio>>> = Arc::default();
        let entrance = door.clone();
        let sink: Sink = Arc::new(move |packet| {
            if let Some(audio) = entrance.get().and_then(Weak::upgrade) {
                audio.receive(packet);
            }
        });
        let (states_in, states) = mpsc::unbounded_channel();
        let wiring = Wiring { sink, told: Arc::default(), states: states_in };
        Self { wiring, door, states }
    }

    fn into_session(self, environment: Environment, peer: Peer) -> Session {
        let peer = Arc::new(peer);
        let (rtp_out, outbound) = mpsc::channel(OUTBOUND_QUEUE);
        let (agreement, agreements) =
            watch::channel(Agreement { peer: peer.clone(), audio: Weak::new(), codec: None, receives: false });
        let watch = Watch::new(
            agreements,
            self.states,
            outbound,
            self.wiring.told.clone(),
            Surroundings {
                call_id: environment.call_id.clone(),
                held: environment.held.clone(),
                on_event: environment.on_event.clone(),
                wish: environment.wish.clone(),
            },
        );
        (environment.on_event)(Event::Media(MediaEvent::Connecting));
        Session {
            environment,
            wiring: self.wiring,
            door: self.door,
            audio: None,
            rtp_out,
            agreement,
            watch: tokio::spawn(watch.run()),
            peer,
            origin: Origin::new(),
            agreed: None,
            offered: None,
        }
    }
}

/// Our DTLS role towards an offer: the client unless the far end insists (RFC 8842 5.3).
fn role(remote: Setup) -> Setup {
    match remote {
        Setup::ActPass | Setup::Passive => Setup::Active,
        Setup::Active => Setup::Passive,
    }
}

impl Session {
    /// The call it belongs to.
    pub fn call_id(&self) -> &str {
        &self.environment.call_id
    }

    /// Begins with a far end's offer.
    ///
    /// # Errors
    /// As [`super::Media::answer`].
    pub async fn answering(
        environment: Environment,
        engine: &AudioEngine,
        offer: &str,
    ) -> Result<(Self, String), MediaError> {
        let remote = sdp::read_offer(offer, &environment.codecs, None)?;
        let setup = role(remote.setup);
        let beginning = Beginning::new();
        let (peer, local) = Peer::answering(0, &remote, setup, beginning.wiring.clone()).await?;
        let mut session = beginning.into_session(environment, peer);
        let answer = session.agree(engine, Agreed { remote, local, setup });
        Ok((session, answer))
    }

    /// Begins with our own offer.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn offering(environment: Environment) -> Result<(Self, String), MediaError> {
        let beginning = Beginning::new();
        let (peer, local) = Peer::offering(0, &environment.codecs, beginning.wiring.clone()).await?;
        let mut session = beginning.into_session(environment, peer);
        let offer = sdp::offer(&local, &session.environment.codecs, &mut session.origin);
        session.offered = Some(local);
        Ok((session, offer))
    }

    /// A later offer: hold, resume, another codec, an ICE restart, or another far end altogether.
    ///
    /// # Errors
    /// As [`super::Media::answer`].
    pub async fn answer_again(&mut self, engine: &AudioEngine, offer: &str) -> Result<String, MediaError> {
        let current = self.agreed.as_ref().map(|agreed| agreed.remote.choice.codec);
        let mut remote = sdp::read_offer(offer, &self.environment.codecs, current)?;
        remote.hold_by_address();
        // A far end that now wants the role we have asks for a new association.
        let continued = self
            .agreed
            .as_ref()
            .filter(|agreed| agreed.remote.same_association(&remote) && remote.setup != agreed.setup);
        let agreed = match continued {
            Some(agreed) if agreed.remote.same_ice(&remote) => {
                Agreed { local: agreed.local.clone(), setup: agreed.setup, remote }
            }
            Some(agreed) => {
                tracing::info!(call_id = self.call_id(), "the far end restarts ICE");
                let local = self.peer.renegotiate(&remote, agreed.setup).await?;
                Agreed { local, setup: agreed.setup, remote }
            }
            None => {
                tracing::info!(call_id = self.call_id(), "the call moves to another far end");
                let setup = role(remote.setup);
                let (peer, local) = Peer::answering(self.peer.number + 1, &remote, setup, self.wiring.clone()).await?;
                let old = std::mem::replace(&mut self.peer, Arc::new(peer));
                self.offered = None;
                // In force before anything is waited for: a job that is given up on leaves nothing half done.
                let answer = self.agree(engine, Agreed { remote, local, setup });
                old.close().await;
                return Ok(answer);
            }
        };
        self.offered = None;
        Ok(self.agree(engine, agreed))
    }

    /// Our own offer within the session: what is agreed on, both ways.
    ///
    /// # Errors
    /// [`MediaError::Failed`] while our first offer is open.
    pub fn offer_again(&mut self, restart: bool) -> Result<String, MediaError> {
        tracing::debug!(restart, wished = !self.environment.wish.is_closed(), "our own offer");
        let agreed =
            self.agreed.as_ref().ok_or_else(|| MediaError::Failed("our first offer is not answered yet".into()))?;
        self.offered = Some(agreed.local.clone());
        Ok(sdp::answer(&agreed.remote, &agreed.local, &mut self.origin, Setup::ActPass, Direction::SendRecv))
    }

    /// The answer to our own offer.
    ///
    /// # Errors
    /// As [`super::Media::accept_answer`].
    pub async fn accept_answer(&mut self, engine: &AudioEngine, answer: &str) -> Result<(), MediaError> {
        let local = self.offered.clone().ok_or_else(|| MediaError::Failed("no offer of ours is open".into()))?;
        let remote = sdp::read_answer(answer, &self.environment.codecs)?;
        let setup = match &self.agreed {
            Some(agreed) if agreed.remote.same_association(&remote) => agreed.setup,
            Some(_) => return Err(MediaError::NotAcceptable("it answers from another far end than before".into())),
            None => {
                self.peer.accept(&remote).await?;
                role(remote.setup)
            }
        };
        self.offered = None;
        self.agree(engine, Agreed { remote, local, setup });
        Ok(())
    }

    /// Our own offer was refused or never answered.
    pub fn rollback(&mut self) {
        self.offered = None;
    }

    /// Puts an agreement into force and writes the description that says so.
    fn agree(&mut self, engine: &AudioEngine, agreed: Agreed) -> String {
        let choice = agreed.remote.choice;
        let direction = agreed.remote.direction.mirrored();
        let Choice { codec, payload_type, event, wishes } = choice;
        let format = CallFormat { codec, payload_type, event, wishes };
        self.peer.speak(choice.codec);
        let before = self.agreed.as_ref().map(|agreed| agreed.remote.choice);
        let audio = match &self.audio {
            Some(audio) => {
                if before != Some(choice) {
                    audio.set_format(format);
                }
                audio.clone()
            }
            None => {
                let audio = Arc::new(engine.open_call(format, self.rtp_out.clone()));
                self.door.get_or_init(|| Arc::downgrade(&audio));
                self.audio = Some(audio.clone());
                audio
            }
        };
        audio.set_direction(direction.sends(), direction.receives());
        if before.map(|choice| choice.event.is_some()) != Some(event.is_some()) {
            (self.environment.on_event)(Event::Media(MediaEvent::Digits(event.is_some())));
        }
        self.agreement.send_replace(Agreement {
            peer: self.peer.clone(),
            audio: Arc::downgrade(&audio),
            codec: Some(choice.codec),
            // Whoever has put us on hold may be silent.
            receives: direction == Direction::SendRecv,
        });
        tracing::info!(
            call_id = self.call_id(),
            codec = choice.codec.name(),
            payload_type = choice.payload_type,
            ?direction,
            "media agreed"
        );
        let text = sdp::answer(&agreed.remote, &agreed.local, &mut self.origin, agreed.setup, direction);
        self.agreed = Some(agreed);
        text
    }

    /// Ends it: no sound and no packet after this.
    pub async fn close(self) {
        self.watch.abort();
        // Its last event comes before ours.
        if self.watch.await.is_err_and(|error| error.is_panic()) {
            tracing::error!("the media session's task panicked");
        }
        drop(self.audio);
        (self.environment.on_event)(Event::Media(MediaEvent::Closed));
        self.peer.close().await;
    }
}
