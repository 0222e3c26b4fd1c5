//! The phone bar put together: actor, world, control socket. `run` and `demo` differ only in the config they bring.

use std::path::PathBuf;

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    app::{self, Actor, Handle, LiveWorld, Profile},
    config::{self, Config, paths::Paths},
    i18n::{Locale, Message},
    net::tls::{Tls, TlsError},
    softphone::{Settings, Softphone},
};

/// A phone bar that runs. The door is open before the first connection is tried, so that a screen can stand at once.
pub struct PhoneBar {
    /// The actor's front door.
    pub handle: Handle,
    /// Says why the world could not be put together; nothing comes if it could.
    pub failed: oneshot::Receiver<Message>,
    actor: JoinHandle<()>,
}

impl PhoneBar {
    /// Starts everything behind the screen. Must be called inside a tokio runtime.
    ///
    /// `paths` is where the sign-in is remembered over a restart; without, it is not (the demo's platform is new each time).
    pub fn start(config: Config, locale: Locale, paths: Option<&Paths>) -> Self {
        let session_file = paths.map(|paths| session_file(paths, &config.platform.ag_no));
        let reg_id = session_file.as_deref().and_then(app::read_reg_id);
        let (events, received) = mpsc::unbounded_channel();
        let (actor, handle) = Actor::new(Profile::new(&config, locale, reg_id), received);
        let (failure, failed) = oneshot::channel();
        let actor = tokio::spawn(async move {
            match world(config, session_file, events).await {
                Ok(world) => actor.run(world).await.close().await,
                Err(message) => {
                    if failure.send(message).is_err() {
                        tracing::error!("the program ended before it could say why it cannot run");
                    }
                }
            }
        });
        Self { handle, failed, actor }
    }

    /// Waits until everything is closed: the link, the call, the files.
    pub async fn ended(self) {
        if let Err(error) = self.actor.await {
            tracing::error!(%error, "the actor ended badly");
        }
    }
}

async fn world(
    config: Config,
    session_file: Option<PathBuf>,
    events: mpsc::UnboundedSender<app::Event>,
) -> Result<LiveWorld, Message> {
    let platform = config.platform;
    let token = config::token::obtain(&platform.token).await.map_err(|error| error.message())?;
    let ca_file = platform.tls_ca_file.clone();
    // Reading the system's certificates takes a while; the screen must not wait for it.
    let tls = tokio::task::spawn_blocking(move || Tls::new(ca_file.as_deref()))
        .await
        .map_err(|error| Message::verbatim(&error.to_string()))?
        .map_err(|error: TlsError| error.message())?;
    let softphone = platform.webrtc.then(|| {
        let settings = Settings {
            ws_server: platform.sip_ws_server.clone(),
            domain: platform.sip_uri.clone(),
            tls: tls.clone(),
            audio: config.audio,
        };
        let events = events.clone();
        Softphone::start(settings, move |event| {
            if events.send(app::Event::Phone(event)).is_err() {
                tracing::debug!("a softphone event came after the end");
            }
        })
    });
    LiveWorld::new(&platform, tls, token, softphone, session_file, events).map_err(|error| error.message())
}

/// Where an agent's `RegID` is kept over a restart.
fn session_file(paths: &Paths, ag_no: &str) -> PathBuf {
    let name: String = ag_no.chars().filter(char::is_ascii_alphanumeric).collect();
    paths.state_dir.join(format!("session-{name}"))
}
