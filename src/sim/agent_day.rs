//! What the platform keeps of an agent's day, over sign-ins and links: breaks asked for and taken, the project, the
//! beginning of the shift.

use std::collections::HashMap;

use jiff::{Timestamp, civil::Date};
use tokio::time::Instant;

use super::scenario::Period;

/// An agent's day.
#[derive(Debug, Default)]
pub struct AgentDay {
    /// The first sign-in.
    pub began: Option<Timestamp>,
    /// Requests for breaks, oldest first.
    pub requests: Vec<BreakRequest>,
    /// How often each restricted busy reason was taken.
    pub taken: HashMap<i64, u32>,
    /// The predictive project the agent is in.
    pub project: Option<Membership>,
    /// Calls answered by project.
    pub answered: HashMap<i64, u32>,
}

/// A request for a break.
#[derive(Clone, Debug)]
pub struct BreakRequest {
    pub(super) id: u64,
    pub(super) reason: i64,
    pub(super) day: Date,
    pub(super) period: Period,
    pub(super) approver: String,
    pub(super) state: Decision,
    /// Whether the agent was told of the decision.
    pub(super) told: bool,
}

/// How a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nobody has answered.
    Pending,
    /// Yes.
    Approved,
    /// No, with the reason.
    Rejected(String),
    /// Nobody answered in time.
    Failed,
}

impl Decision {
    /// `applyState`.
    pub fn number(&self) -> i8 {
        match self {
            Decision::Pending => 0,
            Decision::Approved => 1,
            Decision::Rejected(_) => 2,
            Decision::Failed => -1,
        }
    }
}

/// An agent's place in a project.
#[derive(Clone, Copy, Debug)]
pub struct Membership {
    /// Which.
    pub(super) project: i64,
    /// When the next customer is on the line, while the agent is ready.
    pub(super) due: Option<Instant>,
}
