//! Changes of what agents have in lists, made while they work, and how they are told (protocol `cti.md` 4.2, `MT` 8).

use serde_json::json;

use super::{state::Agent, world::World};

impl World {
    /// Replaces the caller numbers, if there are new ones, and tells this agent, or all (`MT` 8 `Param` 2).
    pub fn change_callers(&mut self, ag_no: Option<&str>, numbers: Option<Vec<String>>) {
        if let Some(numbers) = numbers {
            self.scenario.caller_numbers = numbers;
        }
        self.tell_update(ag_no, 2);
    }

    /// Replaces the skill groups of this agent, or of all but the colleagues, if there are new ones, and tells it (`MT` 8 `Param` 1).
    pub fn change_groups(&mut self, ag_no: Option<&str>, groups: Option<Vec<i64>>) {
        if let Some(groups) = groups {
            let concerned = |a: &&mut Agent| match ag_no {
                Some(wanted) => wanted == a.entry.ag_no,
                None => a.colleague.is_none(),
            };
            for agent in self.agents.iter_mut().filter(concerned) {
                agent.entry.groups.clone_from(&groups);
            }
        }
        self.tell_update(ag_no, 1);
        self.dispatch();
    }

    fn tell_update(&mut self, ag_no: Option<&str>, param: u8) {
        let there = self.agents.iter().filter(|a| a.session.is_some()).map(|a| a.entry.ag_no.clone());
        let told: Vec<String> = there.filter(|a| ag_no.is_none_or(|wanted| wanted == a)).collect();
        for ag_no in told {
            self.push(&ag_no, json!({"MT": 8, "Param": param}));
        }
    }
}
