//! Who and what the platform plays itself: colleagues without a client, and voice menus.

use std::time::Duration;

use serde::Deserialize;

use super::agents::{AgentEntry, default_audio};
use crate::sim::switch::Voice;

/// What a colleague does when rung.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ColleagueBehaviour {
    /// Answers after a while.
    Answer,
    /// Refuses after a while.
    Refuse,
    /// Is engaged: refuses at once, and is shown as busy.
    Busy,
    /// Lets it ring.
    NoAnswer,
}

/// An agent without a client, played by the platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColleagueEntry {
    /// Agent number.
    pub ag_no: String,
    /// Name.
    pub name: String,
    /// The phone's number, shown only.
    #[serde(default)]
    pub phone: String,
    /// Skill groups, by id.
    pub groups: Vec<i64>,
    /// What happens when the colleague is rung.
    #[serde(default = "default_behaviour")]
    pub behaviour: ColleagueBehaviour,
    /// After how many ms.
    #[serde(default = "default_after_ms")]
    pub after_ms: u64,
    /// What the colleague says: "speech", "tone:440", "echo" or "silence".
    #[serde(default = "default_audio")]
    pub audio: String,
    /// Whether the queues give calls to this colleague.
    #[serde(default)]
    pub takes_calls: bool,
    /// Seconds until the colleague hangs up on a customer.
    #[serde(default = "default_talks_s")]
    pub talks_s: u64,
    /// A customer this colleague talks to from the start, until somebody ends it, and again 10 s after.
    #[serde(default)]
    pub in_call_with: Option<String>,
}

impl ColleagueEntry {
    /// What the colleague says.
    pub fn voice(&self) -> Voice {
        Voice::from_name(&self.audio).unwrap_or(Voice::Speech)
    }

    /// The colleague as one of the agents.
    pub fn entry(&self) -> AgentEntry {
        AgentEntry {
            ag_no: self.ag_no.clone(),
            name: self.name.clone(),
            phone: self.phone.clone(),
            groups: self.groups.clone(),
            supervisor: false,
        }
    }
}

/// A voice menu.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IvrEntry {
    /// `ivrCode`.
    pub code: String,
    /// Nodes a call can be sent to (`ivrNode`); none: any.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// What it says.
    #[serde(default = "default_audio")]
    pub audio: String,
    /// How long it talks, ms.
    #[serde(default = "default_ivr_ms")]
    pub lasts_ms: u64,
    /// What the customer enters, told to an agent who asked (`IvrResult`).
    #[serde(default)]
    pub result: String,
}

impl IvrEntry {
    /// What it says.
    pub fn voice(&self) -> Voice {
        Voice::from_name(&self.audio).unwrap_or(Voice::Speech)
    }

    /// How long it talks.
    pub fn lasts(&self) -> Duration {
        Duration::from_millis(self.lasts_ms)
    }
}

fn default_behaviour() -> ColleagueBehaviour {
    ColleagueBehaviour::Answer
}

fn default_after_ms() -> u64 {
    2000
}

fn default_talks_s() -> u64 {
    30
}

fn default_ivr_ms() -> u64 {
    5000
}
