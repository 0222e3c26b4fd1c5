//! What the platform keeps of an agent's day, over sign-ins and links: breaks asked for and taken, the project, the
//! beginning of the shift.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{approvals::BreakRequest, projects::Membership, world::World};

/// An agent's day.
#[derive(Debug, Default)]
pub struct Desk {
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

impl World {
    /// An agent's day, to change.
    pub fn desk_mut(&mut self, ag_no: &str) -> &mut Desk {
        self.desks.entry(ag_no.to_owned()).or_default()
    }

    /// The agent has signed in: the first time begins the day.
    pub fn begin_day(&mut self, ag_no: &str) {
        self.desk_mut(ag_no).began.get_or_insert_with(Timestamp::now);
    }
}
