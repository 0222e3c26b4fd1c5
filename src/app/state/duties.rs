//! What is known of an agent's duties besides calls: projects, breaks, reminders, overtime.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value};

use crate::app::{Approver, BreakRow, BreakWish, Fetched, Overtime, ProjectRow, Reminder, RequestId, Restriction};

/// All duties.
#[derive(Debug, Default)]
pub(in crate::app) struct Duties {
    /// The polls run: the agent is signed in.
    pub running: bool,
    pub projects: Projects,
    pub breaks: Breaks,
    pub reminders: Reminders,
    pub overtime: Watch,
}

/// What a request was sent for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::app) enum Asked {
    /// The list of projects.
    Projects,
    /// A step on the way into or out of a project.
    ProjectStep,
    /// Approvers whose name or number holds this text.
    Approvers(String),
    /// The approver of this wish, who has not been listed.
    ApproverOf(BreakWish),
    /// The request for a break itself.
    AddBreak,
    /// The agent's break requests.
    BreakRequests,
    /// News of them.
    BreakNews,
    /// Restrictions of busy reasons.
    BusyInfo,
    /// Meals and shifts.
    WorkTime,
    /// Rules of overtime.
    WarningRules,
}

/// Predictive projects.
#[derive(Debug, Default)]
pub(in crate::app) struct Projects {
    pub rows: Vec<Project>,
    pub fetched: Fetched,
    /// The one the platform has let the agent in, by its id.
    pub joined: Option<String>,
    /// The way into or out of one.
    pub step: Option<ProjectStep>,
    /// When the predictive call that was counted last was answered.
    pub counted: Option<Instant>,
    /// The project whose limit has been told of.
    pub limit_told: Option<String>,
}

/// A project as shown, and as the platform sent it.
#[derive(Clone, Debug)]
pub(in crate::app) struct Project {
    pub row: ProjectRow,
    pub fields: Map<String, Value>,
}

impl Project {
    /// Whether the agent has answered as many calls as are allowed.
    pub fn is_used_up(&self) -> bool {
        self.row.limit.is_some_and(|limit| self.row.answered >= limit)
    }
}

/// How far the way into or out of a project has come.
#[derive(Clone, Debug)]
pub(in crate::app) struct ProjectStep {
    pub stage: ProjectStage,
    /// The project to enter; none: only to leave.
    pub to: Option<String>,
    pub why: ProjectWhy,
    /// The request whose answer is awaited.
    pub request: RequestId,
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum ProjectStage {
    /// `/agent/agentPro`: what can be entered now.
    Reading,
    /// `/agent/agentAtOut`.
    Leaving,
    /// `/agent/agentAtIn`.
    Entering,
}

/// Whose wish it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum ProjectWhy {
    /// The agent's.
    Asked,
    /// The one remembered from before.
    Remembered,
    /// The limit is reached.
    Limit,
}

/// Raising the hand.
#[derive(Debug, Default)]
pub(in crate::app) struct Breaks {
    pub approvers: Vec<KnownApprover>,
    pub approvers_fetched: Fetched,
    /// What was searched for last.
    pub search: Option<String>,
    /// What the approvers are an answer to.
    pub found_by: String,
    pub requests: Vec<BreakRow>,
    pub requests_fetched: Fetched,
    pub news: bool,
    /// The news told last.
    pub told: Option<String>,
    pub restrictions: Vec<Restriction>,
    /// Warnings of the present restrictions that have been told.
    pub warned: BTreeSet<String>,
    pub suggested: Option<i64>,
}

/// Somebody who approves, with the id that the platform wants back.
#[derive(Clone, Debug)]
pub(in crate::app) struct KnownApprover {
    pub id: Value,
    pub shown: Approver,
}

/// Meals, trainings, the end of the shift.
#[derive(Debug, Default)]
pub(in crate::app) struct Reminders {
    /// Those to come, by epoch second and id.
    pub planned: BTreeMap<(i64, String), Planned>,
    /// Those that have been shown.
    pub past: BTreeSet<(i64, String)>,
    /// Those on the screen, oldest first.
    pub shown: Vec<ShownReminder>,
    /// Those put off, and until when.
    pub put_off: Vec<(Instant, ShownReminder)>,
    /// Breaks of the schedule.
    pub breaks: Vec<ScheduledBreak>,
    /// Until when sign-out is locked.
    pub shift_ends: Option<Timestamp>,
    /// The busy reason that was last taken from a reminder, until the agent is busy with it.
    pub taken: Option<i64>,
}

/// A busy reason as the schedule names it: by number or name, in one of two fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::app) struct NamedReason {
    pub reason: Option<String>,
    pub id: Option<String>,
}

/// A reminder to come.
#[derive(Clone, Debug)]
pub(in crate::app) struct Planned {
    pub title: String,
    pub reason: NamedReason,
    /// When what it reminds of begins, epoch seconds.
    pub begins: i64,
    /// It is time to go then, and not only soon.
    pub due: bool,
}

/// A reminder on the screen.
#[derive(Clone, Debug)]
pub(in crate::app) struct ShownReminder {
    pub id: String,
    pub plan: Planned,
    pub since: Timestamp,
}

/// A break of the schedule, epoch seconds.
#[derive(Clone, Debug)]
pub(in crate::app) struct ScheduledBreak {
    pub reason: NamedReason,
    pub start: i64,
    pub end: i64,
}

/// How long states may last.
#[derive(Debug, Default)]
pub(in crate::app) struct Watch {
    pub rules: Vec<Rule>,
    /// The agent's business group.
    pub group: Option<String>,
    /// The platform's own number of the agent's last state; 1 and 3 are both ready.
    pub number: i64,
    /// The state that is measured.
    pub now: Option<Measured>,
    /// Rules violated now.
    pub violated: Vec<Rule>,
    pub shown: Option<Overtime>,
    /// A state that ended too soon is shown until then.
    pub short_until: Option<Instant>,
    /// When the timer runs out.
    pub armed: Option<Instant>,
}

/// A rule (protocol `phone-bar.md` 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct Rule {
    /// Digits of the state.
    pub state: String,
    /// Only with this busy reason.
    pub reason: Option<i64>,
    /// Longer than the threshold, else shorter.
    pub longer: bool,
    pub threshold_s: u64,
    pub range: Range,
    /// The state's name.
    pub name: String,
    /// The rule's name.
    pub setting: String,
}

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) enum Range {
    /// Everybody.
    All,
    /// Skill groups, by id.
    Groups(Vec<i64>),
    /// Business groups, by id.
    Teams(Vec<String>),
}

/// A state that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct Measured {
    /// Digits of the state, as rules name it.
    pub state: &'static str,
    pub reason: Option<i64>,
    /// The call's skill group.
    pub queue: Option<i64>,
    pub since: Instant,
}

impl ShownReminder {
    /// As the screen knows it.
    pub fn view(&self, reason: Option<crate::domain::BusyReason>, zone: &TimeZone) -> Reminder {
        let begins = Timestamp::from_second(self.plan.begins).ok();
        let time = begins.map(|at| at.to_zoned(zone.clone()).strftime("%H:%M").to_string()).unwrap_or_default();
        Reminder { id: self.id.clone(), title: self.plan.title.clone(), time, reason, since: self.since }
    }

    /// Whether this only told in advance of what it is time for now.
    pub fn told_of(&self, due: &Planned) -> bool {
        let reason = &self.plan.reason;
        let same = self.plan.begins == due.begins || (*reason != NamedReason::default() && *reason == due.reason);
        !self.plan.due && due.due && same && self.plan.begins <= due.begins
    }
}
