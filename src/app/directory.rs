//! Lists of people and of waiting customers, as shown.

use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{domain::AgentState, i18n::Message};

/// How fresh a list is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fetched {
    /// Never asked for.
    #[default]
    Never,
    /// Asked for the first time; not answered yet.
    UnderWay,
    /// As of this instant.
    At(Instant),
    /// The last answer was a refusal or none at all; what is listed is older.
    Failed(Message),
}

/// Who can be consulted, transferred to or listened to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DirectoryView {
    /// Free agents, without this one.
    pub agents: Vec<AgentRow>,
    /// Skill groups.
    pub groups: Vec<GroupRow>,
    /// Outside numbers that the platform suggests.
    pub outside: Vec<OutsideRow>,
    /// How fresh agents and skill groups are.
    pub fetched: Fetched,
    /// Agents in a call.
    pub on_line: Vec<LineRow>,
    /// How fresh they are.
    pub on_line_fetched: Fetched,
}

/// An agent to call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AgentRow {
    /// Agent number.
    pub ag_no: String,
    /// Name, empty if the platform tells none.
    pub name: String,
    /// State, where the platform tells it; one of the list of free agents is idle.
    pub state: Option<AgentState>,
    /// Names of the agent's skill groups, where told.
    pub groups: Vec<String>,
}

/// An agent in a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LineRow {
    /// Agent number.
    pub ag_no: String,
    /// Name, empty if the platform tells none.
    pub name: String,
    /// With whom, where told.
    pub peer: Option<String>,
    /// Through which skill group, where told.
    pub group: Option<String>,
    /// Since when, where told.
    pub since: Option<Timestamp>,
}

/// A skill group to transfer to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GroupRow {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The tenant it belongs to, if that is another one.
    pub other_tenant: Option<i64>,
    /// The agent serves it.
    pub own: bool,
}

/// An outside number that the platform suggests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutsideRow {
    /// Whose it is.
    pub name: String,
    /// The number.
    pub number: String,
}

/// The queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueView {
    /// Who waits, longest first.
    pub rows: Vec<WaitingRow>,
    /// How fresh the rows are.
    pub fetched: Fetched,
}

/// A waiting customer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WaitingRow {
    /// The customer's number.
    pub number: String,
    /// Where it is registered.
    pub area: Option<String>,
    /// Level, where told.
    pub level: Option<String>,
    /// Skill group's name, where told.
    pub group: Option<String>,
    /// The agent waited for, where told.
    pub agent: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The row as it came, for taking the customer out of the queue.
    pub fields: Map<String, Value>,
}
