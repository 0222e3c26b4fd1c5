//! The media session of a call: SDP in and out, ICE, DTLS-SRTP, RTP to and from `audio`.
//!
//! All use of the `webrtc` crate is behind this module, so that another one could take its place.
//!
//! [`Media`] is the door. A `session` is one call and outlives network paths (`beginning` makes it); it holds the call's sound and one `peer`,
//! which is one DTLS association on the crate. `watch` follows the peer and says what a person would notice; `sdp` reads
//! and writes descriptions; `tap` is where RTP leaves the crate, `runtime` is how it is kept awake, `reporter` tells the far
//! end how it is received. `ice` keeps the STUN and TURN servers ready, `turn` reaches some of
//! them over TCP and TLS, `network` knows this machine's addresses, `restart`
//! sees when another path is needed; `silenced` knows the calls that are over for the agent. `reception` counts what arrives, `far_end` knows what the far end says of what we
//! send, and `stats` tells how the call sounds.

mod beginning;
mod far_end;
mod ice;
mod names;
pub(crate) mod network;
mod peer;
mod reception;
mod reporter;
mod restart;
mod runtime;
mod sdp;
mod session;
mod silenced;
mod stats;
mod tap;
mod turn;
mod watch;

#[cfg(test)]
pub(super) mod tests;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use thiserror::Error;
use tokio::sync::{Mutex, mpsc};

use self::{ice::Ice, network::Network, session::Session, silenced::Silenced};
use super::{Devices, Event, Tone, audio::AudioEngine, media_port::OfferCheck};
use crate::{
    config::{AudioConfig, Codec, IceConfig},
    i18n::Message,
    net::dialer::Dialer,
};

/// Why an offer cannot be answered. The SIP side turns it into a status code.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MediaError {
    /// Not SDP, or nothing in it that can be spoken: 488 Not Acceptable Here.
    #[error("the offer cannot be accepted: {0}")]
    NotAcceptable(String),
    /// Our side failed: 480.
    #[error("the media session failed: {0}")]
    Failed(String),
}

impl MediaError {
    /// What is told to the agent.
    pub fn message(&self) -> Message {
        match self {
            MediaError::NotAcceptable(reason) => Message::new("media.not_acceptable").with("reason", reason),
            MediaError::Failed(reason) => Message::new("media.failed").with("reason", reason),
        }
    }
}

/// What the media session of a call asks of SIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A re-INVITE whose offer restarts ICE: the network has changed, or the far end is not reached any more. It is to
    /// wait until the SIP server has given a sign of life: an offer that gets lost has given up the path there was.
    Restart {
        /// The call's Call-ID.
        call_id: String,
        /// The machine has moved: the path there was cannot come back by itself.
        moved: bool,
    },
    /// The far end is reached again: a restart that is not on its way yet is not needed any more.
    Settled {
        /// The call's Call-ID.
        call_id: String,
    },
    /// A re-INVITE that says again what is agreed on: the path stands and brings nothing, which a far end that has
    /// forgotten us mends by it. It risks nothing of what works.
    Renew {
        /// The call's Call-ID.
        call_id: String,
    },
}

/// Where events go.
type OnEvent = Arc<dyn Fn(Event) + Send + Sync>;

/// The sound of the phone: the devices, and the media session of at most one call.
pub struct Media {
    engine: AudioEngine,
    codecs: Vec<Codec>,
    on_event: OnEvent,
    held: Arc<AtomicBool>,
    call: Mutex<Option<Session>>,
    silenced: Arc<Silenced>,
    ice: Arc<Ice>,
    wish: mpsc::UnboundedSender<Wish>,
    /// Until [`Self::wishes`] is asked.
    wishes: Option<mpsc::UnboundedReceiver<Wish>>,
}

impl Media {
    /// As [`Self::with_ice`], without STUN and TURN servers.
    pub fn start(audio: AudioConfig, on_event: OnEvent) -> Media {
        Self::on_network(audio, Ice::alone(Network::system(true)), on_event)
    }

    /// Starts the sound; opens no device before one is needed. Everything that happens is told to `on_event`, from
    /// several tasks; it must not block. `dialer` reaches TURN servers over TCP and TLS. Must be called inside a tokio runtime.
    pub fn with_ice(audio: AudioConfig, ice: IceConfig, dialer: &Dialer, on_event: OnEvent) -> Media {
        let network = Network::system(ice.ipv6);
        Self::on_network(audio, Ice::start(ice, network, dialer), on_event)
    }

    fn on_network(audio: AudioConfig, ice: Ice, on_event: OnEvent) -> Media {
        let codecs = if audio.codecs.is_empty() { AudioConfig::default().codecs } else { audio.codecs.clone() };
        let (wish, wishes) = mpsc::unbounded_channel();
        Media {
            engine: AudioEngine::start(audio, on_event.clone()),
            codecs,
            on_event,
            held: Arc::new(AtomicBool::new(false)),
            call: Mutex::new(None),
            silenced: Arc::default(),
            ice: Arc::new(ice),
            wish,
            wishes: Some(wishes),
        }
    }

    /// Reads an offer as [`Self::answer`] does, without beginning anything: what it refuses can never be answered.
    pub(crate) fn offer_check(&self) -> OfferCheck {
        let codecs = self.codecs.clone();
        Arc::new(move |offer| sdp::read_offer(offer, &codecs, None).map(drop))
    }

    /// What media sessions ask for, from now on; a second caller gets nothing.
    pub fn wishes(&mut self) -> mpsc::UnboundedReceiver<Wish> {
        self.wishes.take().unwrap_or_else(|| mpsc::unbounded_channel().1)
    }

    /// Answers an offer: the first one of a call begins its media session, later ones change it while the sound goes
    /// on. A new call takes the place of one that is not closed yet, which is told closed before anything is told of the
    /// new one.
    ///
    /// # Errors
    /// [`MediaError::NotAcceptable`] if there is nothing in the offer we speak, [`MediaError::Failed`] if our side
    /// cannot; a session that was there before goes on unchanged.
    pub async fn answer(&self, call_id: &str, offer: &str) -> Result<String, MediaError> {
        let mut call = self.call.lock().await;
        match call.as_mut().filter(|session| session.call_id() == call_id) {
            Some(session) => session.answer_again(&self.engine, offer).await,
            None => {
                let begun = Session::answering(self.environment(call_id), offer).await?;
                end_unclosed(&mut call).await;
                let (session, answer) = begun.begin(&self.engine);
                *call = Some(session);
                Ok(answer)
            }
        }
    }

    /// Makes an offer, for an INVITE or re-INVITE that came without one or for one of our own; [`Self::accept_answer`]
    /// follows. With `restart` the offer restarts ICE.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn offer(&self, call_id: &str, restart: bool) -> Result<String, MediaError> {
        let mut call = self.call.lock().await;
        match call.as_mut().filter(|session| session.call_id() == call_id) {
            Some(session) => session.offer_again(restart).await,
            None => {
                let begun = Session::offering(self.environment(call_id)).await?;
                end_unclosed(&mut call).await;
                let (session, offer) = begun.begin();
                *call = Some(session);
                Ok(offer)
            }
        }
    }

    /// Takes the answer to [`Self::offer`].
    ///
    /// # Errors
    /// [`MediaError::NotAcceptable`] if there is nothing in it we speak, [`MediaError::Failed`] without an open offer.
    pub async fn accept_answer(&self, call_id: &str, answer: &str) -> Result<(), MediaError> {
        let mut call = self.call.lock().await;
        match call.as_mut().filter(|session| session.call_id() == call_id) {
            Some(session) => session.accept_answer(&self.engine, answer).await,
            None => Err(MediaError::Failed("there is no media session of this call".into())),
        }
    }

    /// Our own offer was refused or never answered (RFC 3261 14.1): what was agreed on before it stays in force.
    pub async fn rollback(&self, call_id: &str) {
        let mut call = self.call.lock().await;
        if let Some(session) = call.as_mut().filter(|session| session.call_id() == call_id) {
            session.roll_back().await;
        }
    }

    /// Ends the media session of a call; nothing happens if there is none.
    pub async fn close(&self, call_id: &str) {
        let session = {
            let mut call = self.call.lock().await;
            if call.as_ref().is_some_and(|session| session.call_id() == call_id) { call.take() } else { None }
        };
        if let Some(session) = session {
            session.close().await;
        }
    }

    /// From now on nothing of the microphone is sent for this call and nothing of it is heard, for good, also where its
    /// media session only begins: for a call that is over for the agent while its SIP leg still waits for its BYE. Never
    /// waits for what the session is doing; [`Self::close`] follows.
    pub fn silence(&self, call_id: &str) {
        self.silenced.silence(call_id);
    }

    /// A new call comes by this Call-ID: it has sound, also where an earlier call by the same one was silenced.
    pub fn call_begins(&self, call_id: &str) {
        self.silenced.begins(call_id);
    }

    /// Stops or starts sending what the microphone hears.
    pub fn set_muted(&self, muted: bool) {
        self.engine.set_muted(muted);
    }

    /// While true neither side hears the other.
    pub fn set_held(&self, held: bool) {
        self.held.store(held, Relaxed);
        self.engine.set_held(held);
    }

    /// Starts a tone or stops what plays.
    pub fn play(&self, tone: Option<Tone>) {
        self.engine.play(tone);
    }

    /// Opens the devices to find out whether they work.
    pub fn prove_devices(&self) {
        self.engine.prove_devices();
    }

    /// Uses these devices from now on.
    pub fn set_devices(&self, devices: Devices) {
        self.engine.set_devices(devices);
    }

    /// Begins or ends a test of the devices.
    pub fn test_sound(&self, on: bool) {
        self.engine.test_sound(on);
    }

    /// Sends a keypad digit as telephone-event, where the call has agreed on it.
    pub fn send_digit(&self, digit: char) {
        self.engine.send_digit(digit);
    }

    /// Ends the call's media session and closes the sound.
    pub async fn shutdown(self) {
        if let Some(session) = self.call.into_inner() {
            session.close().await;
        }
        self.engine.shutdown().await;
    }

    fn environment(&self, call_id: &str) -> session::Environment {
        session::Environment {
            call_id: call_id.to_owned(),
            codecs: self.codecs.clone(),
            on_event: self.on_event.clone(),
            held: self.held.clone(),
            silenced: self.silenced.clone(),
            ice: self.ice.clone(),
            wish: self.wish.clone(),
        }
    }
}

/// The next call has come before the last one was closed: its leg is still being taken down.
async fn end_unclosed(call: &mut Option<Session>) {
    if let Some(old) = call.take() {
        tracing::info!(call_id = old.call_id(), "a media session was still open when the next call came");
        old.end().await;
    }
}
