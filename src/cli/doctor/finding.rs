//! One line of the report, and what every probe knows.

use std::{future::Future, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{
    config::Config,
    i18n::{Locale, Message, text},
};

/// For all probes together.
pub(super) const LIMIT: Duration = Duration::from_millis(7000);

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// A call works, something else does not.
    Warn,
    /// No call is possible.
    Fail,
}

/// One line.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    /// Name for scripts.
    pub(super) check: &'static str,
    pub(super) level: Level,
    /// How it is, or why it is not as it should be.
    pub(super) text: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn plain(check: &'static str, level: Level, text: String) -> Self {
        Self { check, level, text, hint: None }
    }
}

/// What every probe knows.
#[derive(Clone)]
pub(super) struct Examined {
    pub(super) config: Config,
    pub(super) locale: Locale,
    /// What a phone bar of this agent that runs here says of itself (`status`).
    pub(super) running: Option<Value>,
    /// When every probe has to be done.
    pub(super) until: Instant,
}

impl Examined {
    pub(super) fn finding(&self, check: &'static str, level: Level, message: &Message) -> Finding {
        Finding::plain(check, level, message.render(self.locale))
    }

    pub(super) fn ok(&self, check: &'static str, message: &Message) -> Finding {
        self.finding(check, Level::Ok, message)
    }

    pub(super) fn warn(&self, check: &'static str, message: &Message, hint: &'static str) -> Finding {
        Finding { hint: Some(text(self.locale, hint)), ..self.finding(check, Level::Warn, message) }
    }

    pub(super) fn fail(&self, check: &'static str, message: &Message, hint: &'static str) -> Finding {
        Finding { hint: Some(text(self.locale, hint)), ..self.finding(check, Level::Fail, message) }
    }

    /// Waits for a probe, at most as long as all have; a probe that is late has failed.
    pub(super) async fn in_time(&self, check: &'static str, probe: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
        match timeout_at(self.until, probe).await {
            Ok(findings) => findings,
            Err(_) => {
                let late = Message::new("cli.doctor_late").with("seconds", LIMIT.as_secs());
                vec![self.fail(check, &late, "cli.doctor_do_network")]
            }
        }
    }
}
