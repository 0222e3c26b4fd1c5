//! Who is where at this moment: customers who wait, agents on the line, agents who are free; for the look-ups and for
//! supervisors.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    calls::{Phase, Role},
    state::Sta,
    world::World,
};

/// A customer in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The customer's number.
    pub number: String,
    /// Where it is registered.
    pub area: String,
    /// Skill group, if the call has one.
    pub queue: Option<i64>,
    /// Since when.
    pub since: Instant,
    /// The same, seconds since 1970.
    pub since_epoch_s: i64,
    /// `CallID`.
    pub call_id: String,
}

/// An agent in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnTheLine {
    /// Agent number.
    pub ag_no: String,
    /// Name.
    pub name: String,
    /// The platform's number for the agent.
    pub id: u64,
    /// The other end: the customer's number, or the other agent's.
    pub peer: String,
    /// Since when: rung or answered.
    pub since: Instant,
    /// The same, seconds since 1970.
    pub since_epoch_s: i64,
    /// Where the call stands (`Phase::word`), or what the agent is in it: `ringing`, `consulted`, `spying`.
    pub state: &'static str,
    /// The call's skill group.
    pub queue: Option<i64>,
    /// The agent's skill groups.
    pub groups: Vec<i64>,
    /// Whether a supervisor can listen in.
    pub can_be_spied: bool,
}

/// An agent who could be called, by anybody (protocol `cti.md` 2.8: free agents).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Free {
    /// Agent number.
    pub ag_no: String,
    /// Name.
    pub name: String,
    /// The platform's number for the agent.
    pub id: u64,
    /// Skill groups.
    pub groups: Vec<i64>,
}

impl World {
    /// Customers who wait, longest waiting first.
    pub fn waiting(&self) -> Vec<Waiting> {
        let queued = self.calls.values().filter(|c| c.phase == Phase::Queued);
        let mut waiting: Vec<Waiting> = queued
            .filter_map(|call| {
                let customer = call.customer.as_ref()?;
                Some(Waiting {
                    number: customer.number.clone(),
                    area: customer.area.clone(),
                    queue: call.queue,
                    since: call.since,
                    since_epoch_s: call.since_epoch_s,
                    call_id: call.id.clone(),
                })
            })
            .collect();
        waiting.sort_by_key(|w| w.since);
        waiting
    }

    /// Agents in a call, in the scenario's order, colleagues after.
    pub fn on_the_line(&self) -> Vec<OnTheLine> {
        let agents = self.agents.iter().filter_map(|agent| {
            let ag_no = &agent.entry.ag_no;
            let call = self.calls.get(&agent.session.as_ref()?.call?)?;
            let leg = call.leg(ag_no)?;
            let other = || call.legs.iter().find(|l| l.ag_no != *ag_no).map(|l| l.ag_no.clone());
            let peer = match &leg.role {
                Role::Spy { of, .. } => of.clone(),
                Role::Main | Role::Consulted => match (&call.customer, &call.to_agent) {
                    (Some(customer), _) => customer.number.clone(),
                    (None, called) => other().or_else(|| called.clone()).unwrap_or_default(),
                },
            };
            let state = match leg.role {
                _ if !leg.up && call.phase != Phase::OwnLeg => Phase::Ringing.word(),
                Role::Spy { .. } => "spying",
                Role::Consulted => "consulted",
                Role::Main => call.phase.word(),
            };
            Some(OnTheLine {
                ag_no: ag_no.clone(),
                name: agent.entry.name.clone(),
                id: agent.id,
                peer,
                since: leg.since,
                since_epoch_s: epoch_s(leg.since),
                state,
                queue: call.queue,
                groups: agent.entry.groups.clone(),
                can_be_spied: self.monitored_call(ag_no).is_some(),
            })
        });
        agents.collect()
    }

    /// Agents who are ready and whose phone is there, in the scenario's order, colleagues after.
    pub fn free_agents(&self) -> Vec<Free> {
        let ready = self.agents.iter().filter(|a| a.sta() == Some(Sta::Ready) && self.phone_ready(&a.entry.ag_no));
        let free = ready.map(|a| Free {
            ag_no: a.entry.ag_no.clone(),
            name: a.entry.name.clone(),
            id: a.id,
            groups: a.entry.groups.clone(),
        });
        free.collect()
    }
}

/// A moment of the past in seconds since 1970.
fn epoch_s(moment: Instant) -> i64 {
    let ago = Instant::now().saturating_duration_since(moment);
    let now = Duration::from_millis(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default());
    i64::try_from(now.saturating_sub(ago).as_secs()).unwrap_or_default()
}
