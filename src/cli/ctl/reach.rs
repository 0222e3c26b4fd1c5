//! Reaching the phone bar, and saying why it could not be reached.

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    cli::{CliError, Global},
    config::paths::Paths,
    control::client::{ClientError, find},
    i18n::{Locale, Message},
};

/// How long a command may take; the phone bar gives up earlier by itself.
pub(super) const COMMAND: Duration = Duration::from_secs(60);

/// How long a question to the phone bar alone may take.
pub(super) const QUESTION: Duration = Duration::from_secs(5);

pub(super) fn socket(global: &Global) -> Result<PathBuf, ClientError> {
    match &global.socket {
        Some(path) => Ok(path.clone()),
        None => find(&Paths::find().map(|paths| paths.runtime_dir).unwrap_or_default()),
    }
}

/// A small file, or standard input for `-`.
pub(super) fn read(path: &Path, locale: Locale) -> Result<String, CliError> {
    let mut text = String::new();
    let outcome = if path == Path::new("-") {
        std::io::stdin().lock().take(64 * 1024).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(64 * 1024).read_to_string(&mut text))
    };
    outcome.map(|_| text).map_err(|error| {
        let message = Message::new("control.cannot_read").with("path", path.display()).with("reason", error);
        CliError::failed(message.render(locale))
    })
}

/// The failure for a person, with the platform's own code and text where it refused.
pub(super) fn failed(error: &ClientError, locale: Locale) -> CliError {
    let mut message = error.message();
    if let ClientError::Refused { message: reason, data: Some(data), .. } = error
        && let (Some(code), Some(text)) = (data.get("code"), data.get("message").and_then(Value::as_str))
        && !reason.contains(&code.to_string())
    {
        let refused = Message::new("control.platform_said").with("message", message.render(locale));
        message = refused.with("code", code).with("text", text);
    }
    CliError::failed(message.render(locale))
}

pub(super) fn soon(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after).unwrap_or(now + COMMAND)
}
