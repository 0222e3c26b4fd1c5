//! One call's media session: what is agreed on, the call's sound, and the peer it flows through.

use std::sync::{Arc, OnceLock, Weak, atomic::AtomicBool};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};

use super::{
    MediaError, OnEvent, Wish,
    beginning::Beginning,
    ice::Ice,
    peer::{Peer, Wiring},
    restart::{Guard, InVain, Path},
    sdp::{self, Choice, Direction, Local, Origin, Remote, Setup},
    silenced::Silenced,
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
    /// The calls that are over for the agent.
    pub silenced: Arc<Silenced>,
    /// The servers that help to find a path.
    pub ice: Arc<Ice>,
    /// Where a re-INVITE of our own is asked for.
    pub wish: mpsc::UnboundedSender<Wish>,
}

/// What both sides have agreed on.
pub struct Agreed {
    /// What the far end says of itself.
    pub remote: Remote,
    /// What it was told of us.
    pub local: Local,
    /// Our DTLS role.
    pub setup: Setup,
}

/// Our own offer that is not answered yet, with how our side is reached by it.
enum Offered {
    /// Nothing new but what is spoken.
    Standing(Local),
    /// ICE restarts, the association goes on.
    Restarted(Local),
    /// Another association on another peer; the one there is stays until the answer.
    Anew(Arc<Peer>, Local),
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
    guard: JoinHandle<()>,
    peer: Arc<Peer>,
    /// Of the last peer made.
    last_number: u64,
    origin: Origin,
    agreed: Option<Agreed>,
    /// The far end does not listen, which is told.
    held_by_far_end: bool,
    offered: Option<Offered>,
    /// How the path of the peer in force is.
    path: watch::Sender<Path>,
    in_vain: InVain,
}

/// Our DTLS role towards an offer: the client unless the far end insists (RFC 8842 5.3).
pub fn role(remote: Setup) -> Setup {
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

    /// Begins: the watch and the guard run from now on.
    pub fn new(environment: Environment, beginning: Beginning, peer: Peer) -> Self {
        let Beginning { wiring, door, states, path } = beginning;
        let peer = Arc::new(peer);
        let (rtp_out, outbound) = mpsc::channel(OUTBOUND_QUEUE);
        let (agreement, agreements) =
            watch::channel(Agreement { peer: peer.clone(), audio: Weak::new(), codec: None, receives: false });
        let watch = Watch::new(
            agreements,
            states,
            outbound,
            wiring.told.clone(),
            Surroundings {
                call_id: environment.call_id.clone(),
                held: environment.held.clone(),
                on_event: environment.on_event.clone(),
                wish: environment.wish.clone(),
                path: path.clone(),
            },
        );
        let guard = Guard {
            call_id: environment.call_id.clone(),
            network: environment.ice.network().clone(),
            agreements: agreement.subscribe(),
            path: path.subscribe(),
            told: wiring.told.clone(),
            held: environment.held.clone(),
            wish: environment.wish.clone(),
        };
        (environment.on_event)(Event::Media(MediaEvent::Connecting));
        Session {
            environment,
            wiring,
            door,
            audio: None,
            rtp_out,
            agreement,
            watch: tokio::spawn(watch.run()),
            guard: tokio::spawn(guard.run()),
            last_number: peer.number,
            peer,
            origin: Origin::new(),
            agreed: None,
            held_by_far_end: false,
            offered: None,
            path,
            in_vain: InVain::default(),
        }
    }

    /// The first offer is ours.
    pub fn begin_offering(&mut self, local: Local) -> String {
        let offer = sdp::offer(&local, &self.environment.codecs, &mut self.origin);
        self.offered = Some(Offered::Standing(local));
        offer
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
                let number = self.next_number();
                let wiring = self.wiring.clone();
                let (peer, local) = Peer::answering(number, &self.environment.ice, &remote, setup, wiring).await?;
                let old = self.put_in_force(Arc::new(peer));
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

    /// Our own offer within the session: what is agreed on, both ways. With `restart` it also looks for a new path, by
    /// restarting ICE under the association there is (RFC 8842 4); by one of its own only when that was in vain for long.
    ///
    /// # Errors
    /// [`MediaError::Failed`] while our first offer is open, or if our side cannot.
    pub async fn offer_again(&mut self, restart: bool) -> Result<String, MediaError> {
        let agreed =
            self.agreed.as_ref().ok_or_else(|| MediaError::Failed("our first offer is not answered yet".into()))?;
        let (codec, standing) = (agreed.remote.choice.codec, agreed.local.clone());
        let offered = if !restart { Offered::Standing(standing) } else { self.restart(codec, standing).await? };
        let local = match &offered {
            Offered::Standing(local) | Offered::Restarted(local) | Offered::Anew(_, local) => local.clone(),
        };
        self.offered = Some(offered);
        let agreed =
            self.agreed.as_ref().ok_or_else(|| MediaError::Failed("our first offer is not answered yet".into()))?;
        Ok(sdp::offer_again(&agreed.remote, &local, &self.environment.codecs, &mut self.origin))
    }

    /// Makes what is to be offered for a new path.
    async fn restart(&mut self, codec: Codec, standing: Local) -> Result<Offered, MediaError> {
        if self.in_vain.enough(self.wiring.told.received(), Instant::now()) {
            tracing::info!(call_id = self.call_id(), "restarts of ICE bring no sound: a new association is offered");
            let number = self.next_number();
            let (peer, local) = Peer::offering(number, &self.environment.ice, codec, self.wiring.clone()).await?;
            return Ok(Offered::Anew(Arc::new(peer), local));
        }
        if !self.peer.can_restart() {
            // Its credentials cannot change. The checks on its path go on; what it can do is to be found again.
            return Ok(Offered::Standing(standing));
        }
        tracing::info!(call_id = self.call_id(), "ICE is restarted");
        self.path.send_replace(Path::Sought);
        Ok(Offered::Restarted(self.peer.restart().await?))
    }

    /// The answer to our own offer.
    ///
    /// # Errors
    /// As [`super::Media::accept_answer`].
    pub async fn accept_answer(&mut self, engine: &AudioEngine, answer: &str) -> Result<(), MediaError> {
        let offered = self.offered.take().ok_or_else(|| MediaError::Failed("no offer of ours is open".into()))?;
        let remote = match sdp::read_answer(answer, &self.environment.codecs) {
            Ok(remote) => remote,
            Err(error) => {
                self.offered = Some(offered);
                self.roll_back().await;
                return Err(error);
            }
        };
        let continued = self
            .agreed
            .as_ref()
            .map(|agreed| (agreed.remote.same_association(&remote), agreed.remote.same_ice(&remote), agreed.setup));
        let mut old = None;
        let (local, setup) = match (offered, continued) {
            (Offered::Standing(local), None) => {
                self.peer.accept(&remote).await?;
                (local, role(remote.setup))
            }
            (Offered::Standing(local), Some((true, true, setup))) => {
                if *self.path.borrow() != Path::Up {
                    self.in_vain.answered(self.wiring.told.received(), Instant::now());
                }
                (local, setup)
            }
            (Offered::Restarted(local), Some((true, _, setup))) => {
                self.peer.accept(&remote).await?;
                self.in_vain.answered(self.wiring.told.received(), Instant::now());
                (local, setup)
            }
            (Offered::Anew(peer, local), _) => {
                peer.accept(&remote).await?;
                old = Some(self.put_in_force(peer));
                (local, role(remote.setup))
            }
            (Offered::Standing(local) | Offered::Restarted(local), _) => {
                tracing::info!(call_id = self.call_id(), "another far end answers");
                let (number, wiring) = (self.next_number(), self.wiring.clone());
                let ice = &self.environment.ice;
                let peer = Peer::instead_of(&self.peer, number, ice, &local, &remote, wiring).await?;
                old = Some(self.put_in_force(Arc::new(peer)));
                (local, role(remote.setup))
            }
        };
        self.agree(engine, Agreed { remote, local, setup });
        if let Some(old) = old {
            old.close().await;
        }
        Ok(())
    }

    /// Our own offer was refused or never answered: what was agreed on before stays in force.
    pub async fn roll_back(&mut self) {
        match self.offered.take() {
            // The path there was is gone with the restart; the next one, under the same association, needs nothing of it.
            Some(Offered::Restarted(_)) => self.peer.roll_back().await,
            Some(Offered::Anew(peer, _)) => peer.close().await,
            Some(Offered::Standing(_)) | None => {}
        }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Another peer takes over; gives the one there was.
    fn put_in_force(&mut self, peer: Arc<Peer>) -> Arc<Peer> {
        self.in_vain = InVain::default();
        self.path.send_replace(Path::Sought);
        std::mem::replace(&mut self.peer, peer)
    }

    /// Puts an agreement into force and writes the description that says so.
    pub fn agree(&mut self, engine: &AudioEngine, agreed: Agreed) -> String {
        let choice = agreed.remote.choice;
        let direction = agreed.remote.direction.mirrored();
        let Choice { codec, payload_type, event, wishes, short_packets } = choice;
        let format = CallFormat { event, wishes, short_packets, ..CallFormat::new(codec, payload_type) };
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
                self.environment.silenced.opened(&self.environment.call_id, &audio);
                self.door.get_or_init(|| Arc::downgrade(&audio));
                self.audio = Some(audio.clone());
                audio
            }
        };
        audio.set_direction(direction.sends(), direction.receives());
        if before.map(|choice| choice.event.is_some()) != Some(event.is_some()) {
            (self.environment.on_event)(Event::Media(MediaEvent::Digits(event.is_some())));
        }
        let held = !direction.sends();
        if std::mem::replace(&mut self.held_by_far_end, held) != held {
            (self.environment.on_event)(Event::Media(MediaEvent::HeldByFarEnd(held)));
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
        let peer = self.end().await;
        peer.close().await;
    }

    /// The same without waiting until the far end and the servers are told: that goes on by itself when the peer it
    /// gives is dropped.
    pub async fn end(self) -> Arc<Peer> {
        self.guard.abort();
        self.watch.abort();
        // Its last event comes before ours.
        if self.watch.await.is_err_and(|error| error.is_panic()) {
            tracing::error!("the media session's task panicked");
        }
        drop(self.audio);
        self.peer.set_consent(false);
        (self.environment.on_event)(Event::Media(MediaEvent::Closed));
        self.peer
    }
}
