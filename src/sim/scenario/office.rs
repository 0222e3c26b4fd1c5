//! What a tenant arranges besides calls: approvals of breaks, restrictions, shifts and reminders, warning rules,
//! predictive projects, common numbers, groups of partner tenants.

use jiff::civil::Time;
use serde::Deserialize;

/// A part of the day, both minutes included, written `HH:MM-HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Period {
    from: Time,
    to: Time,
}

impl Period {
    /// From one minute to a later one of the same day; `None` for anything else. Both are `HH:MM`.
    pub fn new(from: &str, to: &str) -> Option<Self> {
        let (from, to) = (minute(from)?, minute(to)?);
        (from < to).then_some(Self { from, to })
    }

    /// Whether a moment of the day lies in it.
    pub fn covers(self, time: Time) -> bool {
        self.from <= time && !self.is_over(time)
    }

    /// Whether it lies before a moment of the day.
    pub fn is_over(self, time: Time) -> bool {
        (self.to.hour(), self.to.minute()) < (time.hour(), time.minute())
    }

    /// Whether two have a minute in common.
    pub fn meets(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())
    }
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let period = text.split_once('-').and_then(|(from, to)| Period::new(from, to));
        period.ok_or_else(|| format!("'{text}' is no part of a day: write it as \"11:30-13:00\", the later time last"))
    }
}

/// `HH:MM`, two digits each.
fn minute(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<i8>().ok())?;
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

/// A predictive project: the platform dials its customers and gives those who answer to the agents in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectEntry {
    /// `pro_id`.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Most calls an agent answers in it; 0: as many as come.
    pub connected_limit: u32,
    /// Whether agents may join.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Seconds an agent is ready before the next customer is on the line.
    #[serde(default = "default_interval")]
    pub interval_s: u64,
    /// Seconds a customer waits for the agent.
    #[serde(default = "super::agents::default_answer_timeout")]
    pub ring_s: u64,
    /// Who is dialled, in turn, again from the first after the last; none: a few of the demonstration's.
    #[serde(default)]
    pub customers: Vec<ProspectEntry>,
}

/// Somebody a project dials.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProspectEntry {
    /// Number.
    pub number: String,
    /// Where it is registered.
    #[serde(default)]
    pub area: String,
}

/// How requests for a break are decided.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalsEntry {
    /// Seconds from a request to its answer.
    pub decide_after_s: u64,
    /// The answer.
    pub answer: ApprovalAnswer,
    /// Why a request is rejected.
    pub reject_reason: String,
    /// Requests of one agent that may wait for an answer at the same time.
    pub most_pending: usize,
    /// Who approves besides the supervisors among the agents.
    pub approvers: Vec<ApproverEntry>,
}

impl Default for ApprovalsEntry {
    fn default() -> Self {
        Self {
            decide_after_s: 5,
            answer: ApprovalAnswer::Approve,
            reject_reason: "当前排队人数较多".to_owned(),
            most_pending: 3,
            approvers: Vec::new(),
        }
    }
}

/// What approvers say by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalAnswer {
    /// Yes.
    Approve,
    /// No.
    Reject,
    /// Yes to the first, no to the second, and so on.
    Alternate,
    /// Nothing: only the admin interface answers.
    Nobody,
}

/// Somebody who approves and is no agent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproverEntry {
    /// `userNum`.
    pub num: String,
    /// Name.
    pub name: String,
}

/// When a busy reason needs an approval.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestrictionEntry {
    /// The busy reason's id.
    pub reason: i64,
    /// The part of the day; none: all day.
    #[serde(default = "all_day")]
    pub period: Period,
    /// How often an agent may take it without an approval; the last time comes with a note.
    #[serde(default)]
    pub free_times: u32,
    /// What every agent is told as long as the restriction stands.
    #[serde(default)]
    pub warn: Option<String>,
}

/// A planned break.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleEntry {
    /// Seconds from an agent's first sign-in to its beginning.
    pub after_s: u64,
    /// Its length, seconds.
    pub lasts_s: u64,
    /// The busy reason's id.
    pub reason: i64,
    /// What the reminder says.
    pub title: String,
    /// Seconds before the beginning at which a first reminder comes; 0: only one, at the beginning.
    #[serde(default)]
    pub lead_s: u64,
}

/// How long agents work.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftEntry {
    /// Seconds from an agent's first sign-in to the end of the shift.
    pub ends_after_s: u64,
}

/// A rule about staying in a state for too long or too short.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarningEntry {
    /// `agSta_<state>` or `agSta_<state>_<reason>` (protocol `cti.md` 2.10).
    pub code: String,
    /// What the state is called.
    pub name: String,
    /// What the rule is called.
    pub setting: String,
    /// Seconds.
    pub threshold_s: u64,
    /// Which side of the threshold is wrong.
    #[serde(default = "longer")]
    pub rule: WarningRule,
    /// Whether the agent is told, or only the supervisors.
    #[serde(default = "yes")]
    pub tell_agent: bool,
    /// Only for agents of these skill groups.
    #[serde(default)]
    pub queues: Vec<i64>,
    /// Only for agents of these teams.
    #[serde(default)]
    pub teams: Vec<i64>,
}

/// Which side of a threshold is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningRule {
    /// Longer.
    Longer,
    /// Shorter.
    Shorter,
}

/// The team all agents belong to (`groupId`, `groupName` of the warning rules).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamEntry {
    /// Number.
    pub id: i64,
    /// Name.
    pub name: String,
}

impl Default for TeamEntry {
    fn default() -> Self {
        Self { id: 1, name: "客服一组".to_owned() }
    }
}

/// A common number outside.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideEntry {
    /// Whose.
    pub name: String,
    /// Number.
    pub tel: String,
}

/// A skill group of another tenant that calls can be handed to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerGroup {
    /// Number there.
    pub id: i64,
    /// Name.
    pub name: String,
    /// That tenant's number.
    pub vcc_id: u64,
}

fn yes() -> bool {
    true
}

fn default_interval() -> u64 {
    10
}

fn all_day() -> Period {
    Period { from: Time::midnight(), to: Time::constant(23, 59, 0, 0) }
}

fn longer() -> WarningRule {
    WarningRule::Longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_two_minutes_of_one_day_in_their_order() {
        let lunch = Period::new("11:30", "13:00").unwrap();
        assert_eq!(lunch.to_string(), "11:30-13:00");
        let at = |h, m, s| Time::new(h, m, s, 0).unwrap();
        assert!(!lunch.covers(at(11, 29, 59)) && lunch.covers(at(11, 30, 0)));
        assert!(lunch.covers(at(13, 0, 59)) && !lunch.covers(at(13, 1, 0)));
        assert!(!lunch.is_over(at(13, 0, 59)) && lunch.is_over(at(13, 1, 0)));
        assert!(lunch.meets(Period::new("13:00", "14:00").unwrap()));
        assert!(!lunch.meets(Period::new("13:01", "14:00").unwrap()));
        for (from, to) in [("13:00", "11:30"), ("12:00", "12:00"), ("23:00", "24:00"), ("9:00", "10:00"), ("", "x")] {
            assert_eq!(Period::new(from, to), None, "{from} {to}");
        }
    }
}
