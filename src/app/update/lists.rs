//! The platform's lists: busy reasons, caller IDs, skill groups, the agent's own record.

use std::time::Duration;

use serde_json::Value;

use super::{Turn, clean, look_ups::rows_of, number_of, rows, text_of};
use crate::{
    app::{
        CommandId, Effect, Fetched, RefusalKind, State, TimerId,
        state::{List, Purpose},
    },
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
        self.ask(List::BusyReasons);
        self.ask(List::CallerIds);
        self.ask(List::OwnRecord);
        self.ask(List::SkillGroups);
    }

    pub(super) fn ask_for_missing_lists(&mut self) {
        if !self.state.agent.state.is_signed_in() {
            return;
        }
        let lists = &self.state.lists;
        let (reasons, callers) = (lists.busy_reasons.is_empty(), lists.caller_ids.is_empty());
        let (groups, own) = (lists.skill_groups.is_empty(), self.state.agent.name.is_none());
        if reasons {
            self.ask(List::BusyReasons);
        }
        if callers {
            self.ask(List::CallerIds);
        }
        if own {
            self.ask(List::OwnRecord);
        }
        if groups {
            self.ask(List::SkillGroups);
        }
    }

    /// Asks for a list, unless that is under way.
    pub(super) fn ask(&mut self, list: List) {
        let request = match list {
            List::BusyReasons => Request::BusyReasons,
            List::CallerIds => Request::CallerList,
            List::SkillGroups => Request::SkillGroups,
            List::OwnRecord => Request::AgentBaseInfo,
            List::FreeAgents => Request::FreeAgents,
            List::OutsideNumbers => Request::OutsideNumbers,
            List::AgentsOnLine => Request::AgentsOnLine,
            List::QueueSum => Request::QueueSum { ag_ids: self.state.agent.id.iter().cloned().collect() },
            List::QueueDetail => Request::QueueDetail,
        };
        if !self.is_under_way(&Purpose::List(list)) {
            self.request(Purpose::List(list), request);
        }
    }

    /// What came for a list.
    pub(super) fn list_reply(&mut self, list: List, result: Result<Reply, ApiError>) {
        match list {
            List::BusyReasons => self.busy_reasons_reply(result),
            List::CallerIds => self.caller_list_reply(result),
            List::SkillGroups => self.skill_groups_reply(result),
            List::OwnRecord => self.own_record_reply(result),
            List::FreeAgents => self.free_agents_reply(result),
            List::OutsideNumbers => self.outside_numbers_reply(result),
            List::AgentsOnLine => self.on_line_reply(result),
            List::QueueSum => self.queue_sum_reply(result),
            List::QueueDetail => self.queue_detail_reply(result),
        }
    }

    pub(super) fn skill_groups_changed(&mut self) {
        self.info(Message::new("app.skill_groups_changed"));
        self.ask(List::SkillGroups);
        self.ask(List::OwnRecord);
    }

    pub(super) fn caller_ids_changed(&mut self) {
        self.info(Message::new("app.caller_ids_changed"));
        self.ask(List::CallerIds);
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

    fn busy_reasons_reply(&mut self, result: Result<Reply, ApiError>) {
        if let Some(rows) = self.rows(result, |data| Some(data)) {
            self.state.lists.busy_reasons = rows
                .iter()
                .filter_map(|row| {
                    Some(BusyReason { id: number_of(row.get("id"))?, name: name_of(row.get("stat_reason"))? })
                })
                .collect();
        }
    }

    fn caller_list_reply(&mut self, result: Result<Reply, ApiError>) {
        let Some(rows) = self.rows(result, |data| data.get("num")) else { return };
        let from_platform: Vec<CallerId> = rows
            .iter()
            .filter_map(|row| {
                let value = text_of(row.get("value")).or_else(|| text_of(row.get("name")))?;
                let name = name_of(row.get("name")).unwrap_or_else(|| clean(&value));
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
        if !std::mem::replace(&mut self.state.lists.no_caller_ids_told, offered.is_empty()) && offered.is_empty() {
            self.error(Message::new("app.no_caller_ids"));
        }
        let lists = &mut self.state.lists;
        let keep = lists.caller_id.take().filter(|chosen| offered.contains(chosen));
        let remembered = self.state.remembered.caller_id.as_deref();
        let default = self.state.profile.default_caller.as_deref();
        let named =
            |name: Option<&str>| offered.iter().find(|c| name.is_some_and(|n| c.name == n || c.value == n)).cloned();
        lists.caller_id =
            keep.or_else(|| named(remembered)).or_else(|| named(default)).or_else(|| offered.first().cloned());
        lists.caller_ids = offered;
    }

    fn skill_groups_reply(&mut self, result: Result<Reply, ApiError>) {
        let tenant = self.state.session.vcc_id.clone();
        let listed = self.fetched(result.clone(), |turn, data| {
            let groups = rows_of(data);
            turn.state.directory.view.groups =
                groups.iter().filter_map(|row| rows::group(row, tenant.as_deref())).collect();
        });
        if self.state.directory.groups != Fetched::Never || matches!(listed, Fetched::At(_)) {
            self.state.directory.groups = listed;
        }
        if let Some(rows) = self.rows(result, |data| Some(data)) {
            self.state.lists.skill_groups = groups(&rows);
        }
    }

    fn own_record_reply(&mut self, result: Result<Reply, ApiError>) {
        if let Ok(reply) = &result
            && reply.is_ok()
        {
            self.state.agent.name = name_of(reply.data.get("ag_name"));
            self.state.agent.id = reply.data.get("id").filter(|id| text_of(Some(id)).is_some()).cloned();
            self.count_waiting();
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
                if self.state.remembered.caller_id.as_ref() != Some(&caller_id.value) {
                    self.state.remembered.caller_id = Some(caller_id.value.clone());
                    self.effects.push(Effect::Remember(self.state.remembered.clone()));
                }
                self.state.lists.caller_id = Some(caller_id);
                Ok(answer)
            }
            None => {
                let message = Message::new("app.unknown_caller_id").with("value", clean(wanted));
                Err(super::refusal(RefusalKind::Invalid, message))
            }
        };
        self.resolve(id, outcome);
    }
}

/// A name as it is shown, in the terminal of whoever runs `ctl` as well: without control characters.
fn name_of(value: Option<&Value>) -> Option<String> {
    text_of(value).map(|name| clean(&name)).filter(|name| !name.is_empty())
}

fn groups(rows: &[Value]) -> Vec<SkillGroup> {
    rows.iter()
        .filter_map(|row| {
            Some(SkillGroup { id: number_of(row.get("id"))?, name: name_of(row.get("que_name")).unwrap_or_default() })
        })
        .collect()
}
