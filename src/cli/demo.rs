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
    let config = config(&platform, global, paths)?;
    let manner =
        Manner { locale: config.ui.locale.unwrap_or_else(|| global.language()), headless: global.headless, demo: true };
    let outcome = assembly::phone_bar(config, &manner, paths).await;
    platform.stop().await;
    outcome
}

/// The platform's own client config, with a voice for a microphone where there is no sound card.
fn config(platform: &Platform, global: &Global, paths: &Paths) -> Result<Config, CliError> {
    let text = platform.client_config();
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
    if !chosen && !has_sound_card() {
        config.audio.backend = AudioBackend::File;
        config.audio.input_file = Some(voice(paths).map_err(|(path, reason)| {
            let message = Message::new("cli.cannot_write").with("path", path.display()).with("reason", reason);
            CliError::failed(message.render(global.language()))
        })?);
    }
    Ok(config)
}

/// Whether there is both a microphone and a speaker.
fn has_sound_card() -> bool {
    let devices = list_devices().unwrap_or_default();
    let has = |direction| devices.iter().any(|device| device.direction == direction);
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
