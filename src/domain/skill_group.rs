//! Skill groups, which the wire calls queues.

use serde::{Deserialize, Serialize};

/// A skill group: customers queue for it, agents serve it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SkillGroup {
    /// The platform's number for it (`QueId`).
    pub id: i64,
    /// Its name; empty while only the number is known.
    pub name: String,
}
