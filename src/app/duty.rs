//! An agent's duties as shown: projects, breaks, reminders, overtime, the state wanted after the call.

use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use super::Fetched;
use crate::domain::BusyReason;

/// A state that is wanted after the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "reason")]
pub enum Wanted {
    /// Take calls.
    Ready,
    /// Busy, with a reason where one was chosen.
    Busy(Option<BusyReason>),
}

/// Predictive projects (protocol `phone-bar.md` 8.1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectsView {
    /// The config offers them.
    pub offered: bool,
    /// All of them.
    pub rows: Vec<ProjectRow>,
    /// How fresh they are.
    pub fetched: Fetched,
    /// The one the agent is in, by its id.
    pub joined: Option<String>,
}

/// A predictive project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProjectRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// It can be entered.
    pub enabled: bool,
    /// Most calls an agent answers; none: no limit.
    pub limit: Option<u32>,
    /// Calls this agent has answered.
    pub answered: u32,
}

/// Raising the hand (protocol `phone-bar.md` 8.2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BreaksView {
    /// The config offers it.
    pub offered: bool,
    /// Who approves, as last searched.
    pub approvers: Vec<Approver>,
    /// What they were searched by.
    pub approvers_by: String,
    /// How fresh they are.
    pub approvers_fetched: Fetched,
    /// The agent's requests, newest first.
    pub requests: Vec<BreakRow>,
    /// How fresh they are.
    pub requests_fetched: Fetched,
    /// Something was decided that has not been read.
    pub news: bool,
    /// When which reason is restricted.
    pub restrictions: Vec<Restriction>,
    /// A reason that was refused because it needs an approval: the form is to be opened with it.
    pub suggested: Option<i64>,
}

/// Somebody who approves breaks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Approver {
    /// Number.
    pub number: String,
    /// Name.
    pub name: String,
}

/// A break request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakRow {
    /// The time asked for, as the platform writes it.
    pub period: String,
    /// What became of it.
    pub state: BreakState,
    /// Who approves.
    pub approver: String,
    /// The restricted time, as the platform writes it.
    pub restricted: String,
    /// Busy reason's name.
    pub reason: String,
    /// Why it was rejected.
    pub rejected_because: Option<String>,
}

/// What became of a break request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakState {
    /// Not decided.
    #[default]
    Pending,
    /// Approved.
    Approved,
    /// Rejected.
    Rejected,
    /// The approval failed.
    Failed,
}

/// When a busy reason is restricted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Restriction {
    /// Busy reason's number.
    pub reason: i64,
    /// When, as the platform writes it.
    pub period: String,
}

/// A reminder of a meal, a training or the end of the shift (protocol `phone-bar.md` 8.3).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reminder {
    /// To name it by.
    pub id: String,
    /// What of.
    pub title: String,
    /// When that is, `HH:MM` where the agent sits.
    pub time: String,
    /// Its busy reason, where it is time to go.
    pub reason: Option<BusyReason>,
    /// Since when it is shown.
    #[serde(serialize_with = "super::moment::to_ms")]
    pub since: Timestamp,
}

impl Reminder {
    /// The time and what of, in one line.
    pub fn line(&self) -> String {
        if self.time.is_empty() { self.title.clone() } else { format!("{} {}", self.time, self.title) }
    }
}

/// A state that has lasted too long, or too short (protocol `phone-bar.md` 4.4).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overtime {
    /// Since when the rule that is violated most is violated.
    #[serde(skip)]
    pub since_at: Instant,
    /// A sentence for each rule.
    pub lines: Vec<String>,
    /// Somebody has seen it.
    pub acknowledged: bool,
}
