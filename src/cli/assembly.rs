//! The phone bar put together: actor, world, control socket, screen. `run` and `demo` differ only in the config they
//! bring.

use std::{
    any::Any,
    future::Future,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{sync::mpsc, task::JoinError};

use super::{
    CliError,
    exits::{self, Step},
};
use crate::{
    app::{self, Actor, Command, Handle, LiveWorld, PhoneLine, Profile, World},
    config::{self, Config, JournalConfig, OptionName, Problem, paths::Paths},
    control::server::{self, Server},
    domain::Remembered,
    hooks::Hooks,
    i18n::{Locale, Message},
    net::{
        dialer::Dialer,
        proxy::Proxy,
        tls::{Tls, TlsError},
    },
    panel::Filler,
    process,
    softphone::{Settings, priority},
    store::{self, Places, Said, Store},
    ui::{self, Exit, UiError, UiSetup, terminal::fit},
};

/// Worker threads: network and timers are little work, and sound has threads of its own.
const WORKERS: usize = 2;

/// For what a task that hangs holds up when everything else has ended.
const LAST_TASKS: Duration = Duration::from_millis(100);

/// For the BYE of a softphone whose owner has panicked.
const LAST_BYE: Duration = Duration::from_millis(300);

/// Libraries may leave so much on standard error before the file begins anew, bytes.
const STDERR_MOST: u64 = 1024 * 1024;

/// How often that is looked at.
const STDERR_LOOK: Duration = Duration::from_secs(10);

/// How a phone bar is shown and remembered.
pub(super) struct Manner {
    /// Language of everything said.
    pub(super) locale: Locale,
    /// No screen.
    pub(super) headless: bool,
    /// The demonstration: its platform is new each time, so nothing is kept on disk.
    pub(super) demo: bool,
}

/// A runtime for whatever does many things at once.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    crate::net::tls::install_provider();
    let started = AtomicUsize::new(0);
    // The workers, which come first, carry the packets of calls. Threads for slow files and programs come later, and would
    // inherit the priority of the worker that starts them.
    let raise = move || {
        if started.fetch_add(1, Ordering::Relaxed) < WORKERS {
            priority::raise_a_little("worker");
        } else {
            priority::lower();
        }
    };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(WORKERS).on_thread_start(raise).enable_all().build().map_err(CliError::failed)
}

/// Runs the phone bar or the platform to its end.
///
/// # Errors
/// Those of the work, or there is no runtime to be had.
pub(super) fn run(work: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(work);
    // A thread that waits for a file which never answers must not keep the program.
    runtime.shutdown_timeout(LAST_TASKS);
    // Programs end with the tasks that run them, unless one of those hangs.
    process::end_all();
    outcome
}

/// Hears what the screen has to say to those who do not see it.
type Complain = Box<dyn Fn(Message) + Send>;

/// Runs a phone bar to its end. `trouble` is what the log has to say about itself.
///
/// # Errors
/// Exit code 2 for the config (theme, keys, token, certificate), 1 for another phone bar of this agent or a terminal that
/// is lost or cannot show the screen.
pub(super) async fn phone_bar(
    mut config: Config,
    manner: &Manner,
    paths: &Paths,
    trouble: Option<mpsc::UnboundedReceiver<Message>>,
) -> Result<(), CliError> {
    if !manner.headless {
        // Where the terminal cannot show more, ASCII is drawn.
        config.ui.ascii |= fit::look(manner.locale).map_err(|why| told(&why.into(), manner.locale))?;
    }
    shown_by(config, manner, paths, trouble, async |handle, setup, complain: Complain| {
        quiet_standard_error(paths);
        ui::run(handle, setup, complain).await
    })
    .await
}

/// The same with any screen.
async fn shown_by(
    config: Config,
    manner: &Manner,
    paths: &Paths,
    trouble: Option<mpsc::UnboundedReceiver<Message>>,
    show: impl AsyncFnOnce(Handle, UiSetup, Complain) -> Result<Exit, UiError>,
) -> Result<(), CliError> {
    let locale = manner.locale;
    let places = (!manner.demo).then(|| Places::of(paths, &config.platform.ag_no));
    let (remembered, broken) =
        places.as_ref().map(|places| store::read_remembered(&places.remembered)).unwrap_or_default();
    let setup = UiSetup {
        ui: config.ui.clone(),
        keys: config.keys.clone(),
        bar: config.bar.clone(),
        demo: manner.demo,
        quit_signs_out: config.platform.sign_out_on_exit,
        remembered: remembered.clone(),
    };
    if !manner.headless {
        setup.check().map_err(|error| refused_screen(&error, &config, locale))?;
    }
    let config = with_devices(config, &remembered);
    let known = places.as_ref().and_then(|places| store::read_reg_id(&places.session));
    let (events, received) = mpsc::unbounded_channel();
    let from_screen = events.clone();
    if let Some(message) = broken {
        told_to(&events, app::Event::NotKept(message));
    }
    if let Some(trouble) = trouble {
        tokio::spawn(pass_on(trouble, events.clone()));
    }
    let (mut actor, handle) = Actor::new(Profile::new(&config, locale, known.as_deref(), remembered), received);
    exits::watch(handle.clone()).map_err(CliError::failed)?;
    let server = control_socket(&config, paths, &handle, &events, locale).await?;
    let hooks = Hooks::new(&config.hooks).map(|hooks| hooks.start(handle.events()));
    let mut actor = tokio::spawn(async move {
        let world = tokio::select! {
            world = world(config, locale, places, events) => world,
            // A token source may take its time; whoever asks for the end meanwhile gets it.
            () = actor.asked_to_quit() => return Ok(()),
        };
        match world {
            Ok(world) => to_the_end(actor, world, LiveWorld::close)
                .await
                .map_err(|ActorFailed| CliError::failed(Message::new("ui.program_gone").render(locale))),
            Err(message) => Err(CliError::usage(message.render(locale))),
        }
    });
    let shown = if manner.headless {
        Shown::Over(Ok(()))
    } else {
        let complain = Box::new(move |message| told_to(&from_screen, app::Event::NotShown(message)));
        screen(show(handle.clone(), setup, complain), &handle, &mut actor, locale).await
    };
    // However the screen ended, the call and the journal are brought to their end first.
    let (ended, panic) = match shown {
        Shown::ProgramEnded(ended) => (ended, None),
        Shown::Over(shown) => {
            let ended = joined(actor.await).await;
            (shown.and(ended), None)
        }
        Shown::Panicked(panic) => (joined(actor.await).await, Some(panic)),
    };
    let hooks = async {
        if let Some(hooks) = hooks {
            hooks.finish(exits::left_until(Step::Programs)).await;
        }
    };
    let server = async {
        if let Some(server) = server {
            server.finish().await;
        }
    };
    tokio::join!(hooks, server);
    match panic {
        Some(panic) => std::panic::resume_unwind(panic),
        None => ended,
    }
}

/// The control socket, if there is to be one. Where it cannot be made the phone works all the same and says so.
///
/// # Errors
/// Another phone bar of this agent is running: nothing may be signed in beside it.
async fn control_socket(
    config: &Config,
    paths: &Paths,
    handle: &Handle,
    events: &mpsc::UnboundedSender<app::Event>,
    locale: Locale,
) -> Result<Option<Server>, CliError> {
    if !config.control.enabled {
        return Ok(None);
    }
    let path = config.control.path.clone().unwrap_or_else(|| paths.control_socket(&config.platform.ag_no));
    server::wait_for_predecessor(&path).await;
    let events = events.clone();
    let tell = move |message| told_to(&events, app::Event::NotKept(message));
    let server = server::serve(&path, handle.clone(), tell);
    server.map(Some).map_err(|error| CliError::failed(error.message().render(locale)))
}

async fn pass_on(mut trouble: mpsc::UnboundedReceiver<Message>, events: mpsc::UnboundedSender<app::Event>) {
    while let Some(message) = trouble.recv().await {
        told_to(&events, app::Event::NotKept(message));
    }
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

/// How the screen ended.
enum Shown {
    /// The screen first.
    Over(Result<(), CliError>),
    /// By a panic in it.
    Panicked(Box<dyn Any + Send>),
    /// The program behind it first.
    ProgramEnded(Result<(), CliError>),
}

/// Shows the screen until the program ends. If the world cannot be put together, the terminal is given back first.
async fn screen(
    shown: impl Future<Output = Result<Exit, UiError>>,
    handle: &Handle,
    actor: &mut ActorTask,
    locale: Locale,
) -> Shown {
    let shown = tokio::select! {
        shown = AssertUnwindSafe(shown).catch_unwind() => match shown {
            // Both ends come at once, and only the program knows why.
            Ok(Err(gone @ UiError::ProgramGone)) => {
                ui::restore_terminal();
                Shown::ProgramEnded(joined(actor.await).await.and(Err(told(&gone, locale))))
            }
            Ok(shown) => Shown::Over(shown.map(drop).map_err(|error| told(&error, locale))),
            Err(panic) => Shown::Panicked(panic),
        },
        ended = &mut *actor => Shown::ProgramEnded(joined(ended).await),
    };
    ui::restore_terminal();
    if !matches!(shown, Shown::ProgramEnded(_) | Shown::Over(Ok(()))) {
        // A screen that cannot be drawn any more must not leave a phone behind that nobody sees, nor a customer who hears
        // nothing: it ends as on SIGTERM, also where commands wait in a row.
        exits::end_within_limit();
        let handle = handle.clone();
        tokio::spawn(async move {
            if handle.ask(Command::Quit).await.is_err() {
                tracing::warn!("the program behind the screen takes no commands");
            }
        });
    }
    shown
}

/// Something in the actor failed for good.
#[derive(Debug)]
struct ActorFailed;

/// Runs the actor to its end. Whatever fails in it, the world is closed: the far end gets its BYE, the journal its last
/// lines.
async fn to_the_end<W: World, C: Future<Output = ()> + Send>(
    actor: Actor,
    mut world: W,
    close: impl FnOnce(W) -> C + Send,
) -> Result<(), ActorFailed> {
    let ended = AssertUnwindSafe(actor.run(&mut world)).catch_unwind().await;
    if tokio::time::timeout(exits::left_until(Step::World), close(world)).await.is_err() {
        tracing::warn!("the phone and its files were not closed in time");
    }
    ended.map_err(|_| ActorFailed)
}

/// What became of the actor. After a panic there its softphone still says BYE, which takes a moment.
async fn joined(ended: Result<Result<(), CliError>, JoinError>) -> Result<(), CliError> {
    match ended {
        Ok(ended) => ended,
        Err(error) => {
            tokio::time::sleep(LAST_BYE).await;
            Err(CliError::failed(error))
        }
    }
}

/// Sound libraries write to standard error, which would land in the middle of the screen.
pub(super) fn quiet_standard_error(paths: &Paths) {
    let file = paths.state_dir.join("stderr.log");
    let kept = std::fs::create_dir_all(&paths.state_dir).and_then(|()| ui::redirect_stderr(&file));
    if let Err(error) = kept.or_else(|_| ui::redirect_stderr(Path::new("/dev/null"))) {
        tracing::warn!(%error, "standard error stays on the screen");
    }
    tokio::spawn(keep_small(file));
}

/// Begins a file anew whenever it has grown too large. Whoever writes to it appends.
async fn keep_small(file: PathBuf) {
    let mut look = tokio::time::interval(STDERR_LOOK);
    loop {
        look.tick().await;
        if tokio::fs::metadata(&file).await.is_ok_and(|meta| meta.len() > STDERR_MOST)
            && let Err(error) = tokio::fs::OpenOptions::new().write(true).truncate(true).open(&file).await
        {
            tracing::warn!(%error, "the file for standard error grows on");
        }
    }
}

/// Theme and keys, which only the screen can judge, with their places in the config file.
pub(super) fn refused_screen(error: &UiError, config: &Config, locale: Locale) -> CliError {
    let file = config.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
    let line = |(option, message): (Option<OptionName>, Message)| {
        let place = option.and_then(|option| config.places.get(&option).cloned());
        match place {
            Some(place) => Problem { place, message }.line(&file, locale),
            None => message.render(locale),
        }
    };
    CliError::usage(error.messages().into_iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn told(error: &UiError, locale: Locale) -> CliError {
    let locale = error.language(locale);
    let text = error.messages().iter().map(|(_, message)| message.render(locale)).collect::<Vec<_>>().join("\n");
    if error.is_config() { CliError::usage(text) } else { CliError::failed(text) }
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
    let proxy = Proxy::configured(&config.proxy).await.map_err(|error| error.message())?;
    let dialer = Dialer::new(tls, proxy);
    let settings = Settings {
        ws_server: platform.sip_ws_server.clone(),
        domain: platform.sip_uri.clone(),
        dialer: dialer.clone(),
        audio: config.audio,
        ice: config.ice,
    };
    let line = PhoneLine::new(settings, events.clone());
    let line = if platform.webrtc { line.started() } else { line };
    let store = places.and_then(|places| open_store(places, &config.journal, &events));
    let panel = Filler::new(&config.panel, dialer.clone());
    LiveWorld::new(&platform, locale, dialer, token, line, store, events)
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

#[cfg(test)]
#[path = "assembly_tests.rs"]
mod tests;
