//! `config init|check|show|path`.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use super::{
    CliError, ConfigWord, Global,
    assembly::refused_screen,
    output::{complain, print},
};
use crate::{
    config::{
        Config, DEFAULT,
        load::{from_str, load},
        paths::Paths,
        show::show,
    },
    i18n::{Locale, Message},
    ui::UiSetup,
};

/// Most of a config that is read from standard input, bytes.
const PIPED_MAX: u64 = 1 << 20;

/// Does one word.
///
/// # Errors
/// Exit code 2 for a file with problems, 1 when nothing can be written.
pub(super) fn run(word: &ConfigWord, global: &Global) -> Result<(), CliError> {
    match word {
        ConfigWord::Init { stdout: true, .. } => print(DEFAULT),
        ConfigWord::Init { force, stdout: false } => init(&file(global)?, *force, global),
        ConfigWord::Check { file } => check(file.clone(), global),
        ConfigWord::Show => print(&show(&configured(global)?)),
        ConfigWord::Path => path(global),
    }
}

/// The config file asked for, else the default one.
pub(super) fn file(global: &Global) -> Result<PathBuf, CliError> {
    match &global.config {
        Some(file) => Ok(file.clone()),
        None => Ok(paths(global)?.config_file()),
    }
}

/// The user's paths.
pub(super) fn paths(global: &Global) -> Result<Paths, CliError> {
    Paths::find().map_err(|error| CliError::failed(error.message().render(global.language())))
}

/// The config as it counts: the file, `--set` over it, then the other options.
///
/// # Errors
/// Exit code 2, all problems at once, in the language of `--locale`, else the file's, else the environment's.
pub(super) fn configured(global: &Global) -> Result<Config, CliError> {
    let file = file(global)?;
    let mut config = load(&file, &global.set).map_err(|errors| {
        let locale = global.locale.or(errors.locale).unwrap_or_else(|| global.language());
        CliError::usage(errors.render(locale))
    })?;
    if global.locale.is_some() {
        config.ui.locale = global.locale;
    }
    if let Some(theme) = &global.theme {
        config.ui.theme.clone_from(theme);
    }
    if global.socket.is_some() {
        config.control.path.clone_from(&global.socket);
    }
    Ok(config)
}

fn check(file: Option<PathBuf>, global: &Global) -> Result<(), CliError> {
    let global = &Global { config: file.or_else(|| global.config.clone()), ..global.clone() };
    let config = if global.config.as_deref() == Some(Path::new("-")) { piped(global)? } else { configured(global)? };
    let locale = config.ui.locale.unwrap_or_else(|| global.language());
    let path = self::file(global)?;
    check_screen(&config, locale)?;
    for warning in &config.warnings {
        let warning = Message::new("cli.warning").with("path", path.display()).with("text", warning.render(locale));
        complain(&warning.render(locale));
    }
    print(&Message::new("cli.config_ok").with("path", path.display()).render(locale))
}

/// The config that comes on standard input; relative paths in it start here.
fn piped(global: &Global) -> Result<Config, CliError> {
    let mut text = String::new();
    io::stdin().lock().take(PIPED_MAX).read_to_string(&mut text).map_err(CliError::failed)?;
    from_str(&text, Path::new("-"), &global.set).map_err(|errors| {
        CliError::usage(errors.render(global.locale.or(errors.locale).unwrap_or_else(|| global.language())))
    })
}

/// Theme and keys: only the screen knows which there are.
fn check_screen(config: &Config, locale: Locale) -> Result<(), CliError> {
    let setup =
        UiSetup { ui: config.ui.clone(), keys: config.keys.clone(), bar: config.bar.clone(), ..UiSetup::default() };
    setup.check().map_err(|error| refused_screen(&error, config, locale))
}

fn init(file: &Path, force: bool, global: &Global) -> Result<(), CliError> {
    let locale = global.language();
    let fail = |error: io::Error| {
        let message =
            if error.kind() == io::ErrorKind::AlreadyExists { "cli.config_exists" } else { "cli.cannot_write" };
        let message = Message::new(message).with("path", file.display()).with("reason", error);
        CliError::failed(message.render(locale))
    };
    if let Some(dir) = file.parent() {
        fs::create_dir_all(dir).map_err(fail)?;
    }
    let mut options = fs::OpenOptions::new();
    if force {
        options.write(true).create(true).truncate(true);
    } else {
        options.write(true).create_new(true);
    }
    options.open(file).and_then(|mut file| file.write_all(DEFAULT.as_bytes())).map_err(fail)?;
    print(&Message::new("cli.config_written").with("path", file.display()).render(locale))
}

fn path(global: &Global) -> Result<(), CliError> {
    let paths = paths(global)?;
    let config = load(&file(global)?, &global.set).ok();
    let log = config.as_ref().and_then(|config| config.log.dir.clone()).unwrap_or_else(|| paths.log_dir());
    let socket = global.socket.clone().or_else(|| config.as_ref().and_then(|config| config.control.path.clone()));
    let socket = socket.unwrap_or_else(|| match &config {
        Some(config) => paths.control_socket(&config.platform.ag_no),
        None => paths.runtime_dir.join("<ag_no>.sock"),
    });
    let lines = [
        ("config", file(global)?),
        ("themes", paths.themes_dir()),
        ("state", paths.state_dir),
        ("log", log),
        ("control", socket),
    ];
    let lines: Vec<String> = lines.iter().map(|(name, path)| format!("{name:<8} {}", path.display())).collect();
    print(&lines.join("\n"))
}
