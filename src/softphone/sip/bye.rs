//! The BYE transaction: outlives the call, and the connection it began on.

use tokio::time::Instant;

use super::call::Call;

/// A BYE that has no answer yet.
pub(super) struct Bye {
    pub(super) call: Call,
    pub(super) branch: String,
    /// The request, to be sent again over a new connection.
    pub(super) text: String,
    pub(super) give_up: Instant,
    pub(super) challenged: bool,
}
