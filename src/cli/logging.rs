//! The log: daily files, never the screen. `file` bounds them.

mod file;

use thiserror::Error;
use tokio::sync::mpsc;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    Layer,
    filter::{Targets, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use self::file::LogFile;
use crate::{
    clock,
    config::{LogConfig, paths::Paths},
    i18n::{Locale, Message},
    net,
};

/// Overrides `[log] level`.
pub(super) const ENV: &str = "WINCALL_LOG";

/// Libraries that say too much at the levels people ask for.
const QUIET: &str = "webrtc=error,rtc=error";

/// Lines that wait for a slow disk; what comes when so many do is dropped.
const LINES: usize = 16_384;

const MB: u64 = 1_000_000;

/// Why nothing is logged.
#[derive(Debug, Error)]
pub(super) enum LogError {
    /// There is one already.
    #[error("{}", self.message().render(Locale::En))]
    Twice,
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
            LogError::Twice => Message::new("cli.log_twice"),
            LogError::Filter { value } => Message::new("cli.bad_log_env").with("value", value),
        }
    }
}

/// A log that is being written.
pub(super) struct Log {
    /// Writes what is left when it is dropped, so it is kept to the end.
    guard: WorkerGuard,
    /// What it has to say of itself: that it cannot be written any more.
    trouble: mpsc::UnboundedReceiver<Message>,
}

impl Log {
    /// Divides it: the guard, and what the log has to say of itself.
    pub(super) fn parts(self) -> (WorkerGuard, mpsc::UnboundedReceiver<Message>) {
        (self.guard, self.trouble)
    }
}

/// Begins to log. `None`: the level is "off". Where nothing can be written, `problem` hears why; it is tried again with
/// every line.
///
/// # Errors
/// [`LogError`]; the program can go on without a log.
pub(super) fn start(log: &LogConfig, paths: &Paths, problem: impl FnOnce(&Message)) -> Result<Option<Log>, LogError> {
    let level = std::env::var(ENV).ok().filter(|value| !value.trim().is_empty()).unwrap_or_else(|| log.level.clone());
    if level.trim().eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let filter: Targets = filter(&level).parse().map_err(|_| LogError::Filter { value: level })?;
    let dir = log.dir.clone().unwrap_or_else(|| paths.log_dir());
    let (sender, trouble) = mpsc::unbounded_channel();
    let mut file = LogFile::new(&dir, log.keep_files, log.max_mb.saturating_mul(MB), clock::now, sender.clone());
    if let Err(error) = file.open() {
        let message = Message::new("cli.no_log").with("path", dir.display()).with("reason", error);
        problem(&message);
        // The screen shows it as well. The channel is open: its other end is in hand.
        sender.send(message).ok();
    }
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(LINES).finish(file);
    // What libraries print of the wire would hold tokens and passwords, whatever level is asked for.
    let layer =
        tracing_subscriber::fmt::layer().with_writer(writer).with_filter(filter).with_filter(filter_fn(net::may_log));
    if tracing_subscriber::registry().with(layer).try_init().is_err() {
        return Err(LogError::Twice);
    }
    Ok(Some(Log { guard, trouble }))
}

/// A plain level keeps noisy libraries quiet; a filter of several parts is taken as it is.
fn filter(level: &str) -> String {
    if level.contains([',', '=']) { level.to_owned() } else { format!("{level},{QUIET}") }
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
