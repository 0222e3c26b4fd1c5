//! The log: a daily file, never the screen.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use thiserror::Error;
use tracing_appender::{non_blocking::WorkerGuard, rolling};
use tracing_subscriber::{
    Layer,
    filter::{Targets, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{
    config::{LogConfig, paths::Paths},
    i18n::{Locale, Message},
    net,
};

/// Overrides `[log] level`.
pub(super) const ENV: &str = "WINCALL_LOG";

/// Libraries that say too much at the levels people ask for.
const QUIET: &str = "webrtc=error,rtc=error";

/// Why nothing is logged.
#[derive(Debug, Error)]
pub(super) enum LogError {
    /// The directory or the file cannot be made.
    #[error("{}", self.message().render(Locale::En))]
    Io {
        /// The directory.
        dir: PathBuf,
        /// The system's word.
        reason: String,
    },
    /// `WINCALL_LOG` is no filter.
    #[error("{}", self.message().render(Locale::En))]
    Filter {
        /// What it says.
        value: String,
    },
}

impl LogError {
    /// What failed, why, and what to do.
    pub fn message(&self) -> Message {
        match self {
            LogError::Io { dir, reason } => {
                Message::new("cli.no_log").with("path", dir.display()).with("reason", reason)
            }
            LogError::Filter { value } => Message::new("cli.bad_log_env").with("value", value),
        }
    }
}

/// Begins to log; the guard writes what is left when it is dropped, so keep it to the end. `None`: the level is "off".
///
/// # Errors
/// [`LogError`]; the program can go on without a log.
pub(super) fn start(log: &LogConfig, paths: &Paths) -> Result<Option<WorkerGuard>, LogError> {
    let level = std::env::var(ENV).ok().filter(|value| !value.trim().is_empty()).unwrap_or_else(|| log.level.clone());
    if level.trim().eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let filter: Targets = filter(&level).parse().map_err(|_| LogError::Filter { value: level })?;
    let dir = log.dir.clone().unwrap_or_else(|| paths.log_dir());
    let fail = |reason: String| LogError::Io { dir: dir.clone(), reason };
    private_directory(&dir).map_err(|error| fail(error.to_string()))?;
    let file = rolling::Builder::new()
        .rotation(rolling::Rotation::DAILY)
        .filename_prefix("wincall-tui")
        .filename_suffix("log")
        .max_log_files(log.keep_files)
        .build(&dir)
        .map_err(|error| fail(error.to_string()))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    // What libraries print of the wire would hold tokens and passwords, whatever level is asked for.
    let layer =
        tracing_subscriber::fmt::layer().with_writer(writer).with_filter(filter).with_filter(filter_fn(net::may_log));
    if tracing_subscriber::registry().with(layer).try_init().is_err() {
        return Err(fail("a log is open already".into()));
    }
    Ok(Some(guard))
}

/// A plain level keeps noisy libraries quiet; a filter of several parts is taken as it is.
fn filter(level: &str) -> String {
    if level.contains([',', '=']) { level.to_owned() } else { format!("{level},{QUIET}") }
}

fn private_directory(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_keeps_libraries_quiet_and_a_filter_is_taken_as_it_is() {
        assert_eq!(filter("debug"), "debug,webrtc=error,rtc=error");
        assert_eq!(filter("info,rtc=debug"), "info,rtc=debug");
    }
}
