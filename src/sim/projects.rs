//! Predictive projects: agents join, and customers who have answered already ring at those who are ready (protocol
//! `cti.md` 2.2, 4.2 RingType 5; `phone-bar.md` 8.1).

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    agent_day::Membership,
    calls::Incoming,
    commands::reply::{Reply, code},
    customers::CUSTOMERS,
    scenario::ProjectEntry,
    state::{Sta, Timer},
    switch::Voice,
    world::World,
};
use crate::i18n::Message;

impl World {
    fn project(&self, id: i64) -> Option<&ProjectEntry> {
        self.scenario.projects.iter().find(|p| p.id == id)
    }

    fn membership(&self, ag_no: &str) -> Option<Membership> {
        self.days.get(ag_no).and_then(|d| d.project)
    }

    fn answered_in(&self, ag_no: &str, project: i64) -> u32 {
        self.days.get(ag_no).and_then(|d| d.answered.get(&project)).copied().unwrap_or(0)
    }

    fn used_up(&self, ag_no: &str, project: &ProjectEntry) -> bool {
        project.connected_limit > 0 && self.answered_in(ag_no, project.id) >= project.connected_limit
    }

    /// `data` of `/agent/agentPro` for an agent. `agent_joined` is this platform's own: the protocol tells a client that
    /// starts again nowhere where its agent is.
    pub fn project_list(&self, ag_no: &str) -> Value {
        let joined = self.membership(ag_no).map(|m| m.project);
        let rows = self.scenario.projects.iter().map(|p| {
            json!({
                "pro_id": p.id,
                "pro_name": p.name,
                "pro_state": if p.enabled { "1" } else { "0" },
                "agent_connected_limit": p.connected_limit,
                "agent_connected_current": self.answered_in(ag_no, p.id),
                "agent_joined": joined == Some(p.id),
            })
        });
        rows.collect()
    }

    /// An agent joins a project.
    ///
    /// # Errors
    /// The refusal: no such project, switched off, the limit reached, or in one already.
    pub fn join_project(&mut self, ag_no: &str, id: i64) -> Result<(), Reply> {
        let no = |code, key: &'static str, name: &str| Err(Reply::no(code, Message::new(key).with("name", name)));
        let Some(project) = self.project(id) else {
            return no(code::PROJECT_UNKNOWN, "sim.project_unknown", &id.to_string());
        };
        if !project.enabled {
            return no(code::PROJECT_OFF, "sim.project_off", &project.name);
        }
        if let Some(other) = self.membership(ag_no).and_then(|m| self.project(m.project)) {
            return no(code::IN_A_PROJECT, "sim.in_a_project", &other.name);
        }
        if self.used_up(ag_no, project) {
            return no(code::PROJECT_USED_UP, "sim.project_used_up", &project.name);
        }
        self.day_mut(ag_no).project = Some(Membership { project: id, due: None });
        self.expect_prospect(ag_no);
        Ok(())
    }

    /// An agent leaves the project; false if in none.
    pub fn leave_project(&mut self, ag_no: &str) -> bool {
        self.day_mut(ag_no).project.take().is_some()
    }

    /// The agent is ready, or has just joined: the next customer is dialled if there is a project to do it.
    pub fn expect_prospect(&mut self, ag_no: &str) {
        let Some(membership) = self.membership(ag_no) else { return };
        let Some(project) = self.project(membership.project).filter(|p| !self.used_up(ag_no, p)) else { return };
        if self.session(ag_no).is_none_or(|s| s.sta != Sta::Ready) {
            return;
        }
        let due = Instant::now() + Duration::from_secs(project.interval_s);
        self.day_mut(ag_no).project = Some(Membership { due: Some(due), ..membership });
        self.at(due, Timer::Prospect { ag_no: ag_no.to_owned(), due });
    }

    /// A customer of the agent's project has answered: the call goes to the agent, who is still ready or has other work.
    pub fn prospect_answers(&mut self, ag_no: &str, due: Instant) {
        let Some(membership) = self.membership(ag_no).filter(|m| m.due == Some(due)) else { return };
        self.day_mut(ag_no).project = Some(Membership { due: None, ..membership });
        let Some(project) = self.project(membership.project) else { return };
        if self.session(ag_no).is_none_or(|s| s.sta != Sta::Ready) {
            return;
        }
        if !self.phone_ready(ag_no) {
            self.expect_prospect(ag_no);
            return;
        }
        let turn = self.answered_in(ag_no, project.id) as usize;
        let listed = project.customers.get(turn.checked_rem(project.customers.len()).unwrap_or(0));
        let (from, area) = match listed {
            Some(customer) => (customer.number.clone(), customer.area.clone()),
            None => {
                let (number, area) = CUSTOMERS.get(turn % CUSTOMERS.len()).copied().unwrap_or_default();
                (number.to_owned(), area.to_owned())
            }
        };
        let answer_timeout = Duration::from_secs(project.ring_s);
        self.customer_calls(Incoming {
            from,
            area,
            to_agent: Some(ag_no.to_owned()),
            queue: None,
            answer_timeout,
            voice: Voice::Speech,
            hangup_after: None,
            arrival: None,
            project: Some(membership.project),
        });
    }

    /// What tells a predictive call from others when it rings.
    pub fn project_fields(&self, project: i64) -> Value {
        let name = self.project(project).map_or("", |p| p.name.as_str());
        json!({"RingType": 5, "AcPro": name, "AcTask": project.to_string()})
    }

    /// An agent has answered a predictive call.
    pub fn prospect_connected(&mut self, ag_no: &str, project: i64) {
        *self.day_mut(ag_no).answered.entry(project).or_default() += 1;
    }
}
