//! The phone bar put together: actor, world, control socket, screen. `run` and `demo` differ only in the config they
//! bring.

use std::future::Future;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::CliError;
use crate::{
    app::{self, Actor, Command, Handle, LiveWorld, PhoneLine, Profile},
    config::{self, Config, JournalConfig, paths::Paths},
    control::server,
    domain::Remembered,
    hooks::Hooks,
    i18n::{Locale, Message},
    net::tls::{Tls, TlsError},
    panel::Filler,
    softphone::Settings,
    store::{self, Places, Said, Store},
    ui::{self, UiSetup},
};

/// Worker threads: network and timers are little work, and sound has threads of its own.
const WORKERS: usize = 2;

/// How a phone bar is shown and remembered.
pub(super) struct Manner {
    /// Language of everything said.
    pub(super) locale: Locale,
    /// No screen.
    pub(super) headless: bool,
    /// The demonstration: its platform is new each time, so nothing is kept on disk.
    pub(super) demo: bool,
}

/// A runtime for the phone bar or the platform.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    crate::net::tls::install_provider();
    tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().map_err(CliError::failed)
}

/// Runs a phone bar to its end.
///
/// # Errors
/// Exit code 2 for the config (theme, keys, token, certificate), 1 for a control socket in use or a lost terminal.
pub(super) async fn phone_bar(config: Config, manner: &Manner, paths: &Paths) -> Result<(), CliError> {
    let places = (!manner.demo).then(|| Places::of(paths, &config.platform.ag_no));
    let (remembered, broken) =
        places.as_ref().map(|places| store::read_remembered(&places.remembered)).unwrap_or_default();
    let setup = UiSetup {
        ui: config.ui.clone(),
        keys: config.keys.clone(),
        bar: config.bar.clone(),
        demo: manner.demo,
        remembered: remembered.clone(),
    };
    if !manner.headless {
        setup.check().map_err(|error| told(&error, manner.locale))?;
    }
    let config = with_devices(config, &remembered);
    let known = places.as_ref().and_then(|places| store::read_reg_id(&places.session));
    let (events, received) = mpsc::unbounded_channel();
    if let Some(message) = broken {
        told_to(&events, app::Event::NotKept(message));
    }
    let (mut actor, handle) = Actor::new(Profile::new(&config, manner.locale, known.as_deref(), remembered), received);
    let socket = config.control.path.clone().unwrap_or_else(|| paths.control_socket(&config.platform.ag_no));
    // The socket comes first: another phone bar of this agent must be found out before anything is signed in.
    let server = if config.control.enabled {
        let fail = |error: crate::control::socket::SocketError| CliError::failed(error.message().render(manner.locale));
        Some(server::serve(&socket, handle.clone()).map_err(fail)?)
    } else {
        None
    };
    let hooks = Hooks::new(&config.hooks).map(|hooks| hooks.start(handle.events()));
    let locale = manner.locale;
    let mut actor = tokio::spawn(async move {
        let world = tokio::select! {
            world = world(config, locale, places, events) => world,
            // A token source may take its time; whoever asks for the end meanwhile gets it.
            () = actor.asked_to_quit() => return Ok(()),
        };
        match world {
            Ok(world) => {
                actor.run(world).await.close().await;
                Ok(())
            }
            Err(message) => Err(CliError::usage(message.render(locale))),
        }
    });
    let signals = tokio::spawn(quit_on_signals(handle.clone()));
    let shown = if manner.headless { Ok(()) } else { screen(handle, setup, paths, &mut actor, locale).await };
    let ended = match shown {
        Ok(()) if !actor.is_finished() => actor.await.unwrap_or_else(|error| Err(CliError::failed(error))),
        shown => shown,
    };
    signals.abort();
    if let Some(hooks) = hooks {
        hooks.finish().await;
    }
    drop(server);
    ended
}

/// The config with the sound devices the agent chose in an earlier run, which count more.
pub(super) fn with_devices(mut config: Config, remembered: &Remembered) -> Config {
    let audio = &mut config.audio;
    for (chosen, device) in [
        (&remembered.input_device, &mut audio.input_device),
        (&remembered.output_device, &mut audio.output_device),
        (&remembered.ring_device, &mut audio.ring_device),
    ] {
        if let Some(chosen) = chosen {
            device.clone_from(&chosen.id);
        }
    }
    config
}

type ActorTask = tokio::task::JoinHandle<Result<(), CliError>>;

/// Shows the screen until the program ends. If the world cannot be put together, the terminal is given back first.
async fn screen(
    handle: Handle,
    setup: UiSetup,
    paths: &Paths,
    actor: &mut ActorTask,
    locale: Locale,
) -> Result<(), CliError> {
    // Sound libraries write to standard error, which would land in the middle of the screen.
    if let Err(error) = std::fs::create_dir_all(&paths.state_dir)
        .and_then(|()| ui::redirect_stderr(&paths.state_dir.join("stderr.log")))
    {
        tracing::warn!(%error, "standard error stays on the screen");
    }
    let shown = tokio::select! {
        shown = ui::run(handle.clone(), setup) => shown.map(drop).map_err(|error| told(&error, locale)),
        ended = actor => ended.unwrap_or_else(|error| Err(CliError::failed(error))),
    };
    ui::restore_terminal();
    if shown.is_err() {
        // A screen that cannot be drawn any more must not leave a phone behind that nobody sees.
        handle.tell(Command::Quit);
    }
    shown
}

fn told(error: &ui::UiError, locale: Locale) -> CliError {
    let text = error.messages().iter().map(|message| message.render(locale)).collect::<Vec<_>>().join("\n");
    if error.is_config() { CliError::usage(text) } else { CliError::failed(text) }
}

/// Quits in good order on SIGTERM, SIGINT and SIGHUP; a second one does not wait for what is under way.
async fn quit_on_signals(handle: Handle) {
    while wait_for_end().await {
        if handle.ask(Command::Quit).await.is_err() {
            break;
        }
    }
}

/// Waits for SIGTERM, SIGINT or SIGHUP; false if they cannot be listened for.
pub(super) async fn wait_for_end() -> bool {
    let listen = |kind| signal(kind).inspect_err(|error| tracing::warn!(%error, "a signal cannot be listened for"));
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
        (listen(SignalKind::terminate()), listen(SignalKind::interrupt()), listen(SignalKind::hangup()))
    else {
        return false;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        _ = hup.recv() => {}
    }
    true
}

async fn world(
    config: Config,
    locale: Locale,
    places: Option<Places>,
    events: mpsc::UnboundedSender<app::Event>,
) -> Result<LiveWorld, Message> {
    let platform = config.platform;
    let token = config::token::obtain(&platform.token).await.map_err(|error| error.message())?;
    let ca_file = platform.tls_ca_file.clone();
    let tls =
        off_the_main_path(move || Tls::new(ca_file.as_deref())).await?.map_err(|error: TlsError| error.message())?;
    let settings = Settings {
        ws_server: platform.sip_ws_server.clone(),
        domain: platform.sip_uri.clone(),
        tls: tls.clone(),
        audio: config.audio,
        ice: config.ice,
    };
    let line = PhoneLine::new(settings, events.clone());
    let line = if platform.webrtc { line.started() } else { line };
    let store = places.and_then(|places| open_store(places, &config.journal, &events));
    let panel = Filler::new(&config.panel, tls.clone());
    LiveWorld::new(&platform, locale, tls, token, line, store, events)
        .map(|world| world.with_panel(panel))
        .map_err(|error| error.message())
}

/// The agent's files. Opened with the rest of the world, so that reading the journal delays neither the first frame nor
/// the sign-in.
fn open_store(places: Places, journal: &JournalConfig, events: &mpsc::UnboundedSender<app::Event>) -> Option<Store> {
    let to_actor = events.clone();
    let tell = move |said| {
        told_to(
            &to_actor,
            match said {
                Said::Journal(entries) => app::Event::JournalLoaded(entries),
                Said::NotKept(message) => app::Event::NotKept(message),
            },
        );
    };
    Store::open(places, journal, tell)
        .inspect_err(|error| {
            told_to(events, app::Event::NotKept(Message::new("store.no_thread").with("reason", error)));
        })
        .ok()
}

fn told_to(events: &mpsc::UnboundedSender<app::Event>, event: app::Event) {
    if events.send(event).is_err() {
        tracing::debug!("said after the end");
    }
}

/// Does slow work in a thread of its own: the screen must not wait for it.
fn off_the_main_path<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, Message>> {
    let task = tokio::task::spawn_blocking(work);
    async { task.await.map_err(|error| Message::verbatim(&error.to_string())) }
}
