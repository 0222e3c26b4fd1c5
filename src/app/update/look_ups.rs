//! Look-ups (`Info.*`), each answered with what the platform says, and the list that is kept fresh while somebody looks
//! at it.

use std::time::Duration;

use serde_json::Value;

use super::{Turn, answer, refusal, refused, unreachable};
use crate::{
    app::{
        CommandId, Effect, LookUp, RefusalKind, TimerId, Watched,
        state::{List, Purpose},
    },
    cti::api::{ApiError, Reply, Request},
    i18n::Message,
};

/// A list that is looked at is asked for again after this time.
const EVERY: Duration = Duration::from_secs(5);
/// Who waits changes quicker (protocol `phone-bar.md` 8.4).
const QUEUE_EVERY: Duration = Duration::from_secs(3);

impl Turn<'_> {
    pub(super) fn look_up(&mut self, id: CommandId, look_up: LookUp) {
        if !self.state.session.tenant_known {
            return self.resolve(id, Err(refusal(RefusalKind::NotNow, Message::new("app.not_signed_in"))));
        }
        let listed = |list: List, request| (Some(list), request);
        let (list, request) = match look_up {
            LookUp::FreeAgents => listed(List::FreeAgents, Request::FreeAgents),
            LookUp::AgentsOnLine => listed(List::AgentsOnLine, Request::AgentsOnLine),
            LookUp::FreeAgentsByNumber(fields) => (None, Request::FreeAgentsByNumber { fields }),
            LookUp::SkillGroups => listed(List::SkillGroups, Request::SkillGroups),
            LookUp::OwnRecord => listed(List::OwnRecord, Request::AgentBaseInfo),
            LookUp::BusyReasons => listed(List::BusyReasons, Request::BusyReasons),
            LookUp::OutsideNumbers => listed(List::OutsideNumbers, Request::OutsideNumbers),
            LookUp::QueueSum(Some(ag_ids)) => (None, Request::QueueSum { ag_ids }),
            LookUp::QueueSum(None) => {
                let Some(own) = self.state.agent.id.clone() else {
                    return self.resolve(id, Err(refusal(RefusalKind::NotNow, Message::new("app.no_agent_id"))));
                };
                listed(List::QueueSum, Request::QueueSum { ag_ids: vec![own] })
            }
            LookUp::QueueDetail => listed(List::QueueDetail, Request::QueueDetail),
            LookUp::QueueUpNum(fields) => (None, Request::QueueUpNum { fields }),
            LookUp::WarnRuleList => (None, Request::WarnRuleList),
            LookUp::CallerIds => listed(List::CallerIds, Request::CallerList),
            LookUp::Projects => (None, Request::Projects),
            LookUp::BusyInfo => (None, Request::BusyInfo),
        };
        self.request(Purpose::LookUp { id, list }, request);
    }

    pub(super) fn look_up_reply(&mut self, id: CommandId, list: Option<List>, result: Result<Reply, ApiError>) {
        let outcome = match &result {
            Ok(reply) if reply.is_ok() => Ok(answer(reply.clone())),
            Ok(reply) => Err(refused(reply)),
            Err(error) => Err(unreachable(error)),
        };
        self.resolve(id, outcome);
        // A refusal has been told to whoever asked; what is listed is as good as before.
        if let Some(list) = list.filter(|_| result.as_ref().is_ok_and(Reply::is_ok)) {
            self.list_reply(list, result);
        }
    }

    pub(super) fn watch(&mut self, id: CommandId, watched: Option<Watched>) {
        self.done(id);
        if self.state.watched == watched {
            return;
        }
        let (before, after) = (self.state.watched == Some(Watched::Devices), watched == Some(Watched::Devices));
        self.state.watched = watched;
        if before != after {
            self.test_devices(after);
        }
        if self.state.watched == Some(Watched::Directory) {
            // These change rarely: once as somebody begins to look.
            self.ask(List::OutsideNumbers);
            self.ask(List::SkillGroups);
        }
        self.watched_due();
    }

    /// Asks for the watched list now, and again later.
    pub(super) fn watched_due(&mut self) {
        // Devices are this machine's: nobody has to be asked.
        let Some(watched) = self.state.watched.clone().filter(|watched| *watched != Watched::Devices) else {
            return self.effects.push(Effect::StopTimer(TimerId::Watched));
        };
        let after = if watched == Watched::Queue { QUEUE_EVERY } else { EVERY };
        self.effects.push(Effect::StartTimer { timer: TimerId::Watched, after });
        if !self.state.session.tenant_known || !self.state.agent.state.is_signed_in() {
            return;
        }
        match watched {
            Watched::Directory => self.refresh_directory(),
            Watched::OnLine => self.refresh_on_line(),
            Watched::Queue => self.refresh_queue(),
            Watched::Projects => self.refresh_projects(),
            Watched::Approvers(search) => self.refresh_approvers(&search),
            Watched::BreakRequests => self.refresh_break_requests(),
            Watched::Devices => {}
        }
    }
}

/// The rows of an answer, under whatever name they lie: the data itself, or one of its fields.
pub(super) fn rows_of(data: &Value) -> &[Value] {
    let inner = || ["data", "list", "rows", "users", "num"].into_iter().find_map(|name| data.get(name)?.as_array());
    data.as_array().or_else(inner).map_or(&[], Vec::as_slice)
}
