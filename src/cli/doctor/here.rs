//! This machine: control socket, files, terminal.

use std::{fs, io::IsTerminal, path::Path};

use serde_json::Value;
use termprofile::TermProfile;

use super::finding::{Finding, Level};
use crate::{
    cli::{Global, config::paths},
    config::{ColorDepth, Config},
    control::client::Client,
    i18n::{Locale, Message, text},
    ui::{self, terminal::fit},
};

/// The status of a phone bar of this agent, if one runs here, and the finding about its socket.
pub(super) fn control(config: &Config, global: &Global, locale: Locale) -> (Option<Value>, Finding) {
    let path = match (&config.control.path, paths(global)) {
        (Some(path), _) => path.clone(),
        (None, Ok(paths)) => paths.control_socket(&config.platform.ag_no),
        (None, Err(error)) => return (None, Finding::plain("control", Level::Warn, error.message)),
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(1);
    let status = Client::connect(&path).and_then(|mut client| client.call("status", serde_json::Map::new(), deadline));
    let (level, key) = match &status {
        Ok(_) => (Level::Ok, "cli.control_running"),
        Err(crate::control::client::ClientError::Connect { .. }) => (Level::Ok, "cli.control_free"),
        Err(_) => (Level::Warn, "cli.control_silent"),
    };
    let text = Message::new(key).with("path", path.display()).render(locale);
    // One that is there and silent is still one that must not be disturbed.
    let running = match status {
        Ok(status) => Some(status),
        Err(_) if level == Level::Warn => Some(Value::Null),
        Err(_) => None,
    };
    (running, Finding::plain("control", level, text))
}

/// Whether what is kept (journal, choices, log) can be written.
pub(super) fn storage(config: &Config, global: &Global, locale: Locale) -> Finding {
    let paths = match paths(global) {
        Ok(paths) => paths,
        Err(error) => return Finding::plain("storage", Level::Warn, error.message),
    };
    let log = config.log.dir.clone().unwrap_or_else(|| paths.log_dir());
    for dir in [&paths.state_dir, &log] {
        if let Err(error) = writable(dir) {
            let message = Message::new("cli.storage_fail").with("path", dir.display()).with("reason", error);
            let hint = Some(text(locale, "cli.doctor_do_storage"));
            return Finding { hint, ..Finding::plain("storage", Level::Warn, message.render(locale)) };
        }
    }
    let message = Message::new("cli.storage_ok").with("path", paths.state_dir.display());
    Finding::plain("storage", Level::Ok, message.render(locale))
}

fn writable(dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let probe = dir.join(format!(".doctor-{}", std::process::id()));
    fs::write(&probe, b"can be written")?;
    fs::remove_file(probe)
}

/// What the terminal can do.
pub(super) fn terminal(config: &Config, locale: Locale) -> Finding {
    terminal_of(Some(config), locale)
}

/// The same without a config.
pub(super) fn terminal_of(config: Option<&Config>, locale: Locale) -> Finding {
    let warn = |message: Message| Finding::plain("terminal", Level::Warn, message.render(locale));
    let name = std::env::var("TERM").unwrap_or_default();
    if !std::io::stdout().is_terminal() {
        return warn(Message::new("cli.terminal_none"));
    }
    if name.is_empty() || name == "dumb" {
        return warn(Message::new("cli.terminal_dumb").with("name", name));
    }
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).map_or((0, 0), |size| (size.ws_col, size.ws_row));
    let colors = match ui::color_profile(config.map_or(ColorDepth::Auto, |config| config.ui.colors)) {
        TermProfile::TrueColor => "24 bit",
        TermProfile::Ansi256 => "256",
        TermProfile::Ansi16 => "16",
        TermProfile::NoColor | TermProfile::NoTty => "-",
    };
    let notify = config.map_or("-", |config| ui::notification(config.ui.notify));
    let described = |key| {
        Message::new(key)
            .with("name", &name)
            .with("colors", colors)
            .with("columns", size.0)
            .with("rows", size.1)
            .with("notify", notify)
    };
    if !fit::utf8(|name| std::env::var(name).ok()) && !config.is_some_and(|config| config.ui.ascii) {
        let hint = Some(text(locale, "cli.doctor_do_utf8"));
        return Finding { hint, ..warn(described("cli.terminal_no_utf8")) };
    }
    if size.0 < 60 || size.1 < 15 {
        let hint = Some(text(locale, "cli.doctor_do_terminal"));
        return Finding { hint, ..warn(described("cli.terminal_ok")) };
    }
    Finding::plain("terminal", Level::Ok, described("cli.terminal_ok").render(locale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_tried_by_writing() {
        let dir = tempfile::tempdir().unwrap();
        writable(&dir.path().join("new")).unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(writable(&dir.path().join("file")).is_err());
    }
}
