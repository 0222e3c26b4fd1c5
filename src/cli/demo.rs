//! `demo`: the built-in platform and the phone bar in one process, over real loopback sockets.

use std::path::{Path, PathBuf};

use super::{
    CliError, DemoArgs, Global,
    assembly::{self, Manner},
    complain,
    config::paths,
    logging,
};
use crate::{
    config::{AudioBackend, Config, LogConfig, load, paths::Paths},
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
    let log = logging::start(&LogConfig::default(), &paths).unwrap_or_else(|error| {
        complain(&error.message().render(global.language()));
        None
    });
    let outcome = assembly::runtime()?.block_on(demo(args, global, &paths));
    drop(log);
    outcome
}

async fn demo(args: &DemoArgs, global: &Global, paths: &Paths) -> Result<(), CliError> {
    let options = Options { scenario: args.scenario.clone(), auto_calls: true, ..Options::default() };
    let platform = Platform::start(options).await.map_err(|error| super::sim::refused(&error, global))?;
    let config = config(&platform, args, global, paths)?;
    let manner =
        Manner { locale: config.ui.locale.unwrap_or_else(|| global.language()), headless: global.headless, demo: true };
    let outcome = assembly::phone_bar(config, &manner, paths).await;
    platform.stop().await;
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

/// The platform's own client config, with a voice for a microphone where there is no sound card.
fn config(platform: &Platform, args: &DemoArgs, global: &Global, paths: &Paths) -> Result<Config, CliError> {
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
    if !chosen && !has_sound_card(paths) {
        config.audio.backend = AudioBackend::File;
        config.audio.input_file = Some(voice(paths).map_err(|(path, reason)| {
            let message = Message::new("cli.cannot_write").with("path", path.display()).with("reason", reason);
            CliError::failed(message.render(global.language()))
        })?);
    }
    Ok(config)
}

/// Whether there is both a microphone and a speaker that "default" would open.
fn has_sound_card(paths: &Paths) -> bool {
    // The sound library tells its search on standard error, line by line; a demo is no place for that.
    let quiet = std::fs::create_dir_all(&paths.state_dir)
        .and_then(|()| ui::redirect_stderr(&paths.state_dir.join("stderr.log")));
    if let Err(error) = quiet {
        tracing::debug!(%error, "standard error stays as it is");
    }
    let devices = list_devices().unwrap_or_default();
    ui::restore_terminal();
    let has = |direction| devices.iter().any(|device| device.direction == direction && device.is_default);
    has(DeviceDirection::Input) && has(DeviceDirection::Output)
}

/// Somebody who speaks into the microphone, as a WAV file.
fn voice(paths: &Paths) -> Result<PathBuf, (PathBuf, String)> {
    let path = paths.state_dir.join("demo-voice.wav");
    let written = std::fs::create_dir_all(&paths.state_dir)
        .map_err(|error| error.to_string())
        .and_then(|()| sim::write_voice(&path).map_err(|error| error.to_string()));
    match written {
        Ok(()) => Ok(path),
        Err(reason) => Err((path, reason)),
    }
}
