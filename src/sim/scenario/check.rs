//! What the types of a scenario cannot say.

use super::Scenario;
use crate::sim::switch::Voice;

impl Scenario {
    /// What types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.agents.is_empty() {
            return Err("there must be at least one agent".into());
        }
        for (n, agent) in self.agents.iter().enumerate() {
            if self.agents.iter().skip(n + 1).any(|other| other.ag_no == agent.ag_no || other.phone == agent.phone) {
                return Err(format!("agent {} or phone {} is there twice", agent.ag_no, agent.phone));
            }
            if let Some(group) = agent.groups.iter().find(|id| !self.groups.iter().any(|g| g.id == **id)) {
                return Err(format!("agent {}: there is no skill group {group}", agent.ag_no));
            }
        }
        if let Some(reason) = self.reasons.iter().find(|r| r.id <= 10) {
            return Err(format!("busy reason {}: ids up to 10 belong to the platform itself", reason.id));
        }
        check_colleagues(self)?;
        let arrivals = self.arrivals.iter().map(|a| &a.audio);
        let colleagues = self.colleagues.iter().map(|c| &c.audio);
        for audio in arrivals.chain(colleagues).chain(self.ivrs.iter().map(|i| &i.audio)) {
            if Voice::from_name(audio).is_none() {
                return Err(format!("audio '{audio}': use speech, echo, silence or tone:HZ"));
            }
        }
        check_office(self)
    }
}

/// What types cannot say.
fn check_colleagues(world: &Scenario) -> Result<(), String> {
    for (n, colleague) in world.colleagues.iter().enumerate() {
        let taken = world.agents.iter().map(|a| &a.ag_no);
        if taken.chain(world.colleagues.iter().skip(n + 1).map(|c| &c.ag_no)).any(|other| *other == colleague.ag_no) {
            return Err(format!("agent {} is there twice", colleague.ag_no));
        }
        if let Some(group) = colleague.groups.iter().find(|id| !world.groups.iter().any(|g| g.id == **id)) {
            return Err(format!("colleague {}: there is no skill group {group}", colleague.ag_no));
        }
    }
    Ok(())
}

/// What types cannot say about these keys.
fn check_office(scenario: &Scenario) -> Result<(), String> {
    let known = |reason: i64| scenario.reasons.iter().any(|r| r.id == reason);
    let reasons = scenario.restrictions.iter().map(|r| ("restrictions", r.reason));
    for (table, reason) in reasons.chain(scenario.schedule.iter().map(|s| ("schedule", s.reason))) {
        if !known(reason) {
            return Err(format!("{table}: there is no busy reason {reason}"));
        }
    }
    for (n, project) in scenario.projects.iter().enumerate() {
        if scenario.projects.iter().skip(n + 1).any(|other| other.id == project.id) {
            return Err(format!("predictive project {} is there twice", project.id));
        }
        if project.interval_s == 0 {
            return Err(format!("predictive project {}: interval_s must be at least 1", project.id));
        }
    }
    for warning in &scenario.warnings {
        if !warning.code.starts_with("agSta_") {
            return Err(format!("warning code '{}': write it as agSta_STATE or agSta_STATE_REASON", warning.code));
        }
        if !warning.queues.is_empty() && !warning.teams.is_empty() {
            return Err(format!("warning '{}': give queues or teams, not both", warning.setting));
        }
        if let Some(queue) = warning.queues.iter().find(|q| scenario.group_name(**q).is_none()) {
            return Err(format!("warning '{}': there is no skill group {queue}", warning.setting));
        }
    }
    if let Some(group) = scenario.partner_groups.iter().find(|g| g.vcc_id == scenario.vcc_id) {
        return Err(format!("partner group {}: its vcc_id is this tenant's own", group.id));
    }
    Ok(())
}
