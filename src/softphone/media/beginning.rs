//! How a media session comes to be: what may fail is done first, so that a session that is there already ends only for
//! one that begins.

use std::sync::{Arc, OnceLock, Weak};

use tokio::sync::{mpsc, watch};

use super::{
    MediaError,
    peer::{Peer, PeerState, Wiring},
    restart::Path,
    sdp::{self, Local},
    session::{Agreed, Environment, Session, role},
    tap::Sink,
};
use crate::{
    config::Codec,
    softphone::audio::{AudioEngine, CallAudio},
};

/// Everything of a session but its peer, before there is one.
pub struct Beginning {
    /// What peers report to.
    pub wiring: Wiring,
    /// Where received RTP finds the call's sound, once there is one.
    pub door: Arc<OnceLock<Weak<CallAudio>>>,
    /// What peers report.
    pub states: mpsc::UnboundedReceiver<(u64, PeerState)>,
    /// How the path of the peer in force is.
    pub path: watch::Sender<Path>,
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
        let (path, _) = watch::channel(Path::Sought);
        let wiring = Wiring { sink, told: Arc::default(), states: states_in };
        Self { wiring, door, states, path }
    }
}

/// A far end's first offer that can be answered.
pub struct Answering {
    environment: Environment,
    beginning: Beginning,
    peer: Peer,
    agreed: Agreed,
}

impl Answering {
    /// Begins, with the answer.
    pub fn begin(self, engine: &AudioEngine) -> (Session, String) {
        let mut session = Session::new(self.environment, self.beginning, self.peer);
        let answer = session.agree(engine, self.agreed);
        (session, answer)
    }
}

/// A first offer of ours.
pub struct Offering {
    environment: Environment,
    beginning: Beginning,
    peer: Peer,
    local: Local,
}

impl Offering {
    /// Begins, with the offer.
    pub fn begin(self) -> (Session, String) {
        let mut session = Session::new(self.environment, self.beginning, self.peer);
        let offer = session.begin_offering(self.local);
        (session, offer)
    }
}

impl Session {
    /// Makes ready to answer a far end's offer.
    ///
    /// # Errors
    /// As [`super::Media::answer`].
    pub async fn answering(environment: Environment, offer: &str) -> Result<Answering, MediaError> {
        let remote = sdp::read_offer(offer, &environment.codecs, None)?;
        let setup = role(remote.setup);
        let beginning = Beginning::new();
        let (peer, local) = Peer::answering(0, &environment.ice, &remote, setup, beginning.wiring.clone()).await?;
        Ok(Answering { environment, beginning, peer, agreed: Agreed { remote, local, setup } })
    }

    /// Makes ready to begin with our own offer.
    ///
    /// # Errors
    /// [`MediaError::Failed`]
    pub async fn offering(environment: Environment) -> Result<Offering, MediaError> {
        let beginning = Beginning::new();
        let codec = environment.codecs.first().copied().unwrap_or(Codec::Pcma);
        let (peer, local) = Peer::offering(0, &environment.ice, codec, beginning.wiring.clone()).await?;
        Ok(Offering { environment, beginning, peer, local })
    }
}
