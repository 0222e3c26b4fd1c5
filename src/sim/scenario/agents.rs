//! Agents of a scenario, and the defaults that its tables share.

use serde::Deserialize;

/// An agent of the tenant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentEntry {
    /// Agent number.
    pub ag_no: String,
    /// Name.
    pub name: String,
    /// The phone's number.
    pub phone: String,
    /// Skill groups served, by id.
    pub groups: Vec<i64>,
    /// Whether this agent may listen in.
    #[serde(default)]
    pub supervisor: bool,
}

pub(super) fn default_answer_timeout() -> u64 {
    30
}

pub(super) fn default_audio() -> String {
    "speech".to_owned()
}
