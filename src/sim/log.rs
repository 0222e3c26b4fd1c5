//! What the platform tells its log: every message in and out, for people and for tests.

use std::sync::Arc;

/// One message that crossed the platform's edge. Secrets are masked before it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Which wire: `"sip"` for the switch.
    pub source: &'static str,
    /// `"in"` or `"out"`, seen from the platform.
    pub direction: &'static str,
    /// The message, secrets masked.
    pub text: String,
}

/// Where log entries go. Called from any task; must not block.
pub type Log = Arc<dyn Fn(LogEntry) + Send + Sync>;
