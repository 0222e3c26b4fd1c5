//! `demo`: the built-in platform and the phone bar in one process, over real loopback sockets.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

use tokio::sync::mpsc;

use super::{
    CliError, DemoArgs, Global,
    assembly::{self, Manner},
    config::paths,
    limits, logging,
    output::complain,
};
use crate::{
    config::{AudioBackend, AudioHost, Config, LogConfig, load, paths::Paths},
    i18n::Message,
    sim::{self, Options, Platform},
    softphone::audio::{DeviceDirection, list_devices},
    ui,
};

/// Starts the built-in platform on loopback ports and the phone bar on it.
///
/// # Errors
/// Exit code 2 for a wrong scenario or option, 1 when no port or no screen can be had.
pub(super) fn run(args: &DemoArgs, global: &Global) -> Result<(), CliError> {
    let paths = paths(global)?;
    let locale = global.language();
    limits::enough_files().map_err(|message| CliError::failed(message.render(locale)))?;
    let log = logging::start(&LogConfig::default(), &paths, |problem| complain(&problem.render(locale)));
    let (log, trouble) = match log {
        Ok(log) => log.map(logging::Log::parts).unzip(),
        Err(error) => {
            complain(&error.message().render(locale));
            (None, None)
        }
    };
    let outcome = assembly::run(demo(args, global, &paths, trouble));
    drop(log);
    outcome
}

/// What the log has to say of itself.
type Trouble = Option<mpsc::UnboundedReceiver<Message>>;

async fn demo(args: &DemoArgs, global: &Global, paths: &Paths, trouble: Trouble) -> Result<(), CliError> {
    let options = Options { scenario: args.scenario.clone(), auto_calls: true, ..Options::default() };
    let platform = Platform::start(options).await.map_err(|error| super::sim::refused(&error, global))?;
    let (config, voice) = config(&platform, args, global, paths)?;
    let manner =
        Manner { locale: config.ui.locale.unwrap_or_else(|| global.language()), headless: global.headless, demo: true };
    let outcome = assembly::phone_bar(config, &manner, paths, trouble).await;
    platform.stop().await;
    drop(voice);
    outcome
}

/// What an office has that the plain screen leaves out: a queue, projects, breaks to ask for, shifts and time limits.
const OFFICE: &str = "
[render_html]
show_que_sum = true
auto_call = true
raise_hand = true
dining_remind = true
status_warn = true
";

/// The platform's own client config, with a voice for a microphone where there is no sound card; the voice is there as
/// long as the file that comes with it.
fn config(
    platform: &Platform,
    args: &DemoArgs,
    global: &Global,
    paths: &Paths,
) -> Result<(Config, Option<OwnedFd>), CliError> {
    let mut text = platform.client_config();
    if args.scenario.is_some() {
        // As text, so that "--set render_html.…" still counts more.
        text.push_str(OFFICE);
    }
    let mut config = load::from_str(&text, Path::new("demo"), &global.set).map_err(|errors| {
        let locale = global.locale.or(errors.locale).unwrap_or_else(|| global.language());
        CliError::usage(errors.render(locale))
    })?;
    config.ui.locale = global.locale.or(config.ui.locale);
    if let Some(theme) = &global.theme {
        config.ui.theme.clone_from(theme);
    }
    config.control.path = global.socket.clone().or(config.control.path);
    let chosen = global.set.iter().any(|(key, _)| key == "audio.backend");
    if chosen || has_sound_card(paths) {
        return Ok((config, None));
    }
    match voice() {
        Ok((path, file)) => {
            config.audio.backend = AudioBackend::File;
            config.audio.input_file = Some(path);
            Ok((config, Some(file)))
        }
        Err(error) => {
            tracing::warn!(%error, "nobody speaks into the microphone");
            config.audio.backend = AudioBackend::Null;
            Ok((config, None))
        }
    }
}

/// Whether there is both a microphone and a speaker that "default" would open.
fn has_sound_card(paths: &Paths) -> bool {
    // The sound library tells its search on standard error, line by line; a demo is no place for that.
    assembly::quiet_standard_error(paths);
    let devices = list_devices(AudioHost::Auto).unwrap_or_default();
    ui::restore_terminal();
    let has = |direction| devices.iter().any(|device| device.direction == direction && device.is_default);
    has(DeviceDirection::Input) && has(DeviceDirection::Output)
}

/// Somebody who speaks into the microphone, as a WAV file that is nowhere on a disk.
#[cfg(target_os = "linux")]
fn voice() -> io::Result<(PathBuf, OwnedFd)> {
    let file = rustix::fs::memfd_create("voice", rustix::fs::MemfdFlags::CLOEXEC)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    sim::write_voice(&path)?;
    Ok((path, file))
}

#[cfg(not(target_os = "linux"))]
fn voice() -> io::Result<(PathBuf, OwnedFd)> {
    Err(io::ErrorKind::Unsupported.into())
}
