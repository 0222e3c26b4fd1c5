//! The world the platform starts with: agents, skill groups, busy reasons, caller numbers, and who calls when.

mod agents;
mod check;
mod colleagues;
mod office;
mod shipped;

use std::{io, path::Path};

use serde::Deserialize;

use self::agents::{default_answer_timeout, default_audio};
pub use self::{
    agents::AgentEntry,
    colleagues::{ColleagueBehaviour, ColleagueEntry, IvrEntry},
    office::*,
    shipped::shipped,
};
use super::switch::Voice;

/// The embedded default, also the reference of every key.
const DEFAULT: &str = include_str!("default_scenario.toml");

/// A whole world.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Tenant number (`vccId`).
    pub vcc_id: u64,
    /// Tenant short name (`vccCode`).
    pub vcc_code: String,
    /// SIP domain.
    pub sip_domain: String,
    /// After-call work, seconds.
    pub wrap_up_s: u64,
    /// How long a dynamic agent stays signed in without a link, seconds.
    pub link_patience_s: u64,
    /// Silence of a client before `WARNOFF`, seconds.
    pub heartbeat_warn_s: u64,
    /// Silence of a client before its link is dropped, seconds.
    pub heartbeat_drop_s: u64,
    /// Life of a token, hours.
    pub token_hours: u64,
    /// Caller IDs.
    pub caller_numbers: Vec<String>,
    /// Agents, at least one.
    pub agents: Vec<AgentEntry>,
    /// Skill groups.
    pub groups: Vec<GroupEntry>,
    /// Busy reasons.
    pub reasons: Vec<ReasonEntry>,
    /// Phones that belong to no agent, for those who sit elsewhere today.
    #[serde(default)]
    pub spare_phones: Vec<String>,
    /// Predictive projects.
    #[serde(default)]
    pub projects: Vec<ProjectEntry>,
    /// Common numbers outside.
    #[serde(default)]
    pub outside: Vec<OutsideEntry>,
    /// Skill groups of other tenants.
    #[serde(default)]
    pub partner_groups: Vec<PartnerGroup>,
    /// The team all agents belong to.
    #[serde(default)]
    pub team: TeamEntry,
    /// How requests for a break are decided.
    #[serde(default)]
    pub approvals: ApprovalsEntry,
    /// Busy reasons that need an approval.
    #[serde(default)]
    pub restrictions: Vec<RestrictionEntry>,
    /// Planned breaks.
    #[serde(default)]
    pub schedule: Vec<ScheduleEntry>,
    /// How long agents work; none: until they sign out.
    #[serde(default)]
    pub shift: Option<ShiftEntry>,
    /// Rules about states.
    #[serde(default)]
    pub warnings: Vec<WarningEntry>,
    /// Customers who call by themselves.
    #[serde(default)]
    pub arrivals: Vec<Arrival>,
    /// Agents the platform plays itself.
    #[serde(default)]
    pub colleagues: Vec<ColleagueEntry>,
    /// Voice menus.
    #[serde(default)]
    pub ivrs: Vec<IvrEntry>,
}

/// A skill group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupEntry {
    /// `QueId`.
    pub id: i64,
    /// Name.
    pub name: String,
}

/// A busy reason; ids above 10 are the tenant's own (protocol `cti.md` 4.3).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonEntry {
    /// Number, a JSON string on the wire.
    pub id: i64,
    /// What people call it.
    pub name: String,
}

/// A customer who calls by themselves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// The customer's number; none: each time another of a few.
    #[serde(default)]
    pub from: String,
    /// Where it is registered.
    #[serde(default)]
    pub area: String,
    /// Skill group asked for.
    #[serde(default)]
    pub queue: Option<i64>,
    /// Agent asked for.
    #[serde(default)]
    pub to_agent: Option<String>,
    /// Seconds from an agent's first idle moment to the first call.
    pub first_after_s: u64,
    /// Seconds from the end of that call to the next; none: calls once.
    #[serde(default)]
    pub again_after_s: Option<u64>,
    /// Seconds the customer lets it ring.
    #[serde(default = "default_answer_timeout")]
    pub answer_timeout_s: u64,
    /// What the customer says: "speech", "tone:440", "echo" or "silence".
    #[serde(default = "default_audio")]
    pub audio: String,
    /// Calls although nobody is idle, as long as somebody is signed in, and waits.
    #[serde(default)]
    pub queues_up: bool,
    /// How important the customer is, 0 and up.
    #[serde(default)]
    pub level: u8,
}

impl Arrival {
    /// What the customer says.
    pub fn voice(&self) -> Voice {
        Voice::from_name(&self.audio).unwrap_or(Voice::Speech)
    }
}

impl Scenario {
    /// The default world, with the keys of `file` in place of its own: a shipped scenario's name, or a file's path.
    ///
    /// # Errors
    /// There is no such scenario, the file cannot be read, is not TOML, has an unknown key or an impossible value.
    pub fn load(file: Option<&Path>) -> io::Result<Self> {
        let Some(path) = file else { return Self::parse("", "the embedded scenario") };
        if let Some((name, text)) = shipped::by_name(path) {
            return Self::parse(text, name);
        }
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| {
            let hint =
                format!("scenario {name}: {e}; give a file, or one of those in the program: {}", shipped::names());
            // A wrong name is a mistake in what was asked, like a wrong key in the file.
            let kind = if e.kind() == io::ErrorKind::NotFound { io::ErrorKind::InvalidData } else { e.kind() };
            io::Error::new(kind, hint)
        })?;
        Self::parse(&text, &name)
    }

    /// As [`Scenario::load`], from the text itself; `name` is for error messages.
    ///
    /// # Errors
    /// As [`Scenario::load`].
    pub fn parse(text: &str, name: &str) -> io::Result<Self> {
        let invalid = |e: String| io::Error::new(io::ErrorKind::InvalidData, format!("scenario {name}: {e}"));
        let own: toml::Table = toml::from_str(text).map_err(|e| invalid(e.to_string()))?;
        let mut world: toml::Table = toml::from_str(DEFAULT).map_err(|e| invalid(e.to_string()))?;
        world.extend(own);
        let scenario: Scenario = world.try_into().map_err(|e| invalid(shipped::complaint(&e, text)))?;
        scenario.check().map_err(invalid)?;
        Ok(scenario)
    }

    /// A skill group's name.
    pub fn group_name(&self, id: i64) -> Option<&str> {
        self.groups.iter().find(|g| g.id == id).map(|g| g.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_world_has_what_the_contract_promises() {
        let world = Scenario::load(None).unwrap();
        assert_eq!(world.agents.len(), 3);
        assert!(world.agents.iter().any(|a| a.supervisor));
        assert_eq!((world.groups.len(), world.reasons.len(), world.caller_numbers.len()), (2, 3, 2));
        assert!(world.projects.iter().any(|p| p.enabled) && world.projects.iter().any(|p| !p.enabled));
        assert!(world.arrivals.is_empty());
    }

    #[test]
    fn the_shipped_scenarios_are_found_by_name_and_read() {
        let quiet = Scenario::load(Some(Path::new("quiet-morning"))).unwrap();
        assert!(!quiet.schedule.is_empty() && !quiet.restrictions.is_empty() && !quiet.arrivals.is_empty());
        let rush = Scenario::load(Some(Path::new("rush-hour"))).unwrap();
        let queues: std::collections::HashSet<_> =
            rush.arrivals.iter().filter(|a| a.queues_up).filter_map(|a| a.queue).collect();
        assert_eq!(queues.len(), 2, "both queues fill up");
        assert!(!rush.warnings.is_empty() && rush.projects.iter().any(|p| p.enabled));
        let error = Scenario::load(Some(Path::new("lunch"))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("quiet-morning, rush-hour"), "{error}");
    }

    #[test]
    fn a_file_replaces_only_its_own_keys() {
        let world =
            Scenario::parse("wrap_up_s = 1\n[[groups]]\nid = 1\nname = 'a'\n[[groups]]\nid = 2\nname = 'b'", "t");
        let world = world.unwrap();
        assert_eq!(world.wrap_up_s, 1);
        assert_eq!(world.group_name(2), Some("b"));
        assert_eq!(world.agents.len(), 3);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, word) in [
            ("vcc_id = 77\nwrap_up = 1", "line 2: unknown key 'wrap_up': did you mean 'wrap_up_s'?"),
            (
                "[[restrictions]]\nreason = 12\nperoid = '11:30-13:00'",
                "line 3: unknown key 'peroid': did you mean 'period'?",
            ),
            ("wrap_up_s = 'long'", "wrap_up_s"),
            (
                "[[projects]]\nid = 1\nname = ''\nconnected_limit = 1\n[[projects.custmers]]\nnumber = '1'",
                "line 5: unknown key 'custmers'",
            ),
            ("[approvals]\nanswer = 'maybe'", "maybe"),
            ("[aprovals]\nanswer = 'reject'", "line 1: unknown key 'aprovals': did you mean 'approvals'?"),
            ("[[restrictions]]\nreason = 12\nperiod = '13:00-11:30'", "13:00-11:30"),
            ("[[restrictions]]\nreason = 99", "no busy reason 99"),
            ("[[schedule]]\nafter_s = 1\nlasts_s = 1\nreason = 99\ntitle = ''", "no busy reason 99"),
            ("[[warnings]]\ncode = 'wrap'\nname = ''\nsetting = ''\nthreshold_s = 1", "agSta_STATE"),
            ("[[partner_groups]]\nid = 1\nname = ''\nvcc_id = 77", "tenant's own"),
            ("[[groups]]\nid = 7\nname = 'x'", "skill group 1"),
            ("[[reasons]]\nid = 3\nname = 'x'", "busy reason 3"),
            ("agents = []", "at least one agent"),
            ("[[arrivals]]\nfrom = '1'\nfirst_after_s = 1\naudio = 'song'", "song"),
        ] {
            let error = Scenario::parse(text, "t").unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
