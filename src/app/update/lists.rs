//! The platform's lists: busy reasons, caller IDs, skill groups, the agent's own record.

use std::time::Duration;

use serde_json::Value;

use super::{Turn, number_of, text_of};
use crate::{
    app::{CommandId, Effect, RefusalKind, State, TimerId, state::Purpose},
    cti::api::{ApiError, Reply, Request},
    domain::{BusyReason, CallerId, SkillGroup},
    i18n::Message,
};

/// A list that could not be had is asked for again after this time.
const AGAIN: Duration = Duration::from_secs(20);

impl State {
    /// A skill group's name, empty while unknown.
    pub(in crate::app) fn group_name(&self, id: i64) -> String {
        let known = self.lists.own_groups.iter().chain(&self.lists.skill_groups);
        known.into_iter().find(|group| group.id == id).map(|group| group.name.clone()).unwrap_or_default()
    }
}

impl Turn<'_> {
    pub(super) fn ask_for_lists(&mut self) {
        self.ask(Purpose::BusyReasons, Request::BusyReasons);
        self.ask(Purpose::CallerList, Request::CallerList);
        self.ask(Purpose::OwnRecord, Request::AgentBaseInfo);
        self.ask(Purpose::SkillGroups, Request::SkillGroups);
    }

    pub(super) fn ask_for_missing_lists(&mut self) {
        if !self.state.agent.state.is_signed_in() {
            return;
        }
        let lists = &self.state.lists;
        let (reasons, callers) = (lists.busy_reasons.is_empty(), lists.caller_ids.is_empty());
        let (groups, own) = (lists.skill_groups.is_empty(), self.state.agent.name.is_none());
        if reasons {
            self.ask(Purpose::BusyReasons, Request::BusyReasons);
        }
        if callers {
            self.ask(Purpose::CallerList, Request::CallerList);
        }
        if own {
            self.ask(Purpose::OwnRecord, Request::AgentBaseInfo);
        }
        if groups {
            self.ask(Purpose::SkillGroups, Request::SkillGroups);
        }
    }

    fn ask(&mut self, purpose: Purpose, request: Request) {
        if !self.is_under_way(&purpose) {
            self.request(purpose, request);
        }
    }

    pub(super) fn skill_groups_changed(&mut self) {
        self.info(Message::new("app.skill_groups_changed"));
        self.ask(Purpose::SkillGroups, Request::SkillGroups);
        self.ask(Purpose::OwnRecord, Request::AgentBaseInfo);
    }

    pub(super) fn caller_ids_changed(&mut self) {
        self.info(Message::new("app.caller_ids_changed"));
        self.ask(Purpose::CallerList, Request::CallerList);
    }

    /// The rows of a list, or a plan to ask again.
    fn rows(&mut self, result: Result<Reply, ApiError>, pick: impl Fn(&Value) -> Option<&Value>) -> Option<Vec<Value>> {
        match result {
            Ok(reply) if reply.is_ok() => {
                Some(pick(&reply.data).and_then(Value::as_array).cloned().unwrap_or_default())
            }
            Ok(reply) => {
                tracing::info!(code = reply.code, "a list was refused");
                None
            }
            Err(error) => {
                tracing::info!(%error, "a list could not be had");
                self.effects.push(Effect::StartTimer { timer: TimerId::Lists, after: AGAIN });
                None
            }
        }
    }

    pub(super) fn busy_reasons_reply(&mut self, result: Result<Reply, ApiError>) {
        if let Some(rows) = self.rows(result, |data| Some(data)) {
            self.state.lists.busy_reasons = rows
                .iter()
                .filter_map(|row| {
                    Some(BusyReason { id: number_of(row.get("id"))?, name: text_of(row.get("stat_reason"))? })
                })
                .collect();
        }
    }

    pub(super) fn caller_list_reply(&mut self, result: Result<Reply, ApiError>) {
        let Some(rows) = self.rows(result, |data| data.get("num")) else { return };
        let from_platform: Vec<CallerId> = rows
            .iter()
            .filter_map(|row| {
                let value = text_of(row.get("value")).or_else(|| text_of(row.get("name")))?;
                let name = text_of(row.get("name")).unwrap_or_else(|| value.clone());
                Some(CallerId { value, name })
            })
            .collect();
        let wanted = &self.state.profile.call_nums;
        let offered: Vec<CallerId> = if wanted.is_empty() {
            from_platform
        } else {
            let known = |c: &&CallerId| from_platform.iter().any(|p| p.name == c.name || p.value == c.value);
            wanted.iter().filter(known).cloned().collect()
        };
        if offered.is_empty() {
            self.error(Message::new("app.no_caller_ids"));
        }
        let lists = &mut self.state.lists;
        let keep = lists.caller_id.take().filter(|chosen| offered.contains(chosen));
        let default = self.state.profile.default_caller.as_deref();
        lists.caller_id = keep
            .or_else(|| offered.iter().find(|c| default.is_some_and(|d| c.name == d || c.value == d)).cloned())
            .or_else(|| offered.first().cloned());
        lists.caller_ids = offered;
    }

    pub(super) fn skill_groups_reply(&mut self, result: Result<Reply, ApiError>) {
        if let Some(rows) = self.rows(result, |data| Some(data)) {
            self.state.lists.skill_groups = groups(&rows);
        }
    }

    pub(super) fn own_record_reply(&mut self, result: Result<Reply, ApiError>) {
        if let Ok(reply) = &result
            && reply.is_ok()
        {
            self.state.agent.name = text_of(reply.data.get("ag_name"));
            self.state.duties.agent_id = text_of(reply.data.get("id"));
        }
        if let Some(rows) = self.rows(result, |data| data.get("que")) {
            self.state.lists.own_groups = groups(&rows);
        }
    }

    pub(super) fn choose_caller_id(&mut self, id: CommandId, wanted: &str) {
        let found = self.state.lists.caller_ids.iter().find(|c| c.value == wanted || c.name == wanted).cloned();
        let outcome = match found {
            Some(caller_id) => {
                let answer = serde_json::json!({ "value": caller_id.value, "name": caller_id.name });
                self.state.lists.caller_id = Some(caller_id);
                Ok(answer)
            }
            None => {
                let message = Message::new("app.unknown_caller_id").with("value", super::clean(wanted));
                Err(super::refusal(RefusalKind::Invalid, message))
            }
        };
        self.resolve(id, outcome);
    }
}

fn groups(rows: &[Value]) -> Vec<SkillGroup> {
    rows.iter()
        .filter_map(|row| {
            Some(SkillGroup { id: number_of(row.get("id"))?, name: text_of(row.get("que_name")).unwrap_or_default() })
        })
        .collect()
}
