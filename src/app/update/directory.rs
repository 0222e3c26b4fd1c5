//! Who can be called: free agents, agents in a call, skill groups, outside numbers (protocol `cti.md` 2.8).

use super::{Turn, look_ups::rows_of, refused, rows, unreachable};
use crate::{
    app::{Fetched, state::List},
    cti::api::{ApiError, Reply},
};

impl Turn<'_> {
    pub(super) fn refresh_directory(&mut self) {
        begin(&mut self.state.directory.agents);
        self.ask(List::FreeAgents);
        if !matches!(self.state.directory.groups, Fetched::At(_)) {
            begin(&mut self.state.directory.groups);
            self.ask(List::SkillGroups);
        }
    }

    pub(super) fn refresh_on_line(&mut self) {
        begin(&mut self.state.directory.view.on_line_fetched);
        self.ask(List::AgentsOnLine);
    }

    pub(super) fn free_agents_reply(&mut self, result: Result<Reply, ApiError>) {
        let own = self.state.profile.ag_no.clone();
        let fetched = self.fetched(result, |turn, data| {
            let agents = rows_of(data).iter().filter_map(rows::agent).filter(|row| row.ag_no != own);
            turn.state.directory.view.agents = agents.collect();
        });
        self.state.directory.agents = fetched;
    }

    pub(super) fn on_line_reply(&mut self, result: Result<Reply, ApiError>) {
        let (own, now) = (self.state.profile.ag_no.clone(), self.now.wall);
        let fetched = self.fetched(result, |turn, data| {
            let lines = rows_of(data).iter().filter_map(|row| rows::line(row, now)).filter(|row| row.ag_no != own);
            turn.state.directory.view.on_line = lines.collect();
        });
        self.state.directory.view.on_line_fetched = fetched;
    }

    pub(super) fn outside_numbers_reply(&mut self, result: Result<Reply, ApiError>) {
        // Nobody misses what is only a suggestion.
        if let Ok(reply) = result
            && reply.is_ok()
        {
            self.state.directory.view.outside = rows_of(&reply.data).iter().filter_map(rows::outside).collect();
        }
    }

    /// Takes over an answer, or says why there is none; what is listed stays then.
    pub(super) fn fetched(
        &mut self,
        result: Result<Reply, ApiError>,
        take: impl FnOnce(&mut Self, &serde_json::Value),
    ) -> Fetched {
        match result {
            Ok(reply) if reply.is_ok() => {
                take(self, &reply.data);
                Fetched::At(self.now.at)
            }
            Ok(reply) => Fetched::Failed(refused(&reply).message),
            Err(error) => Fetched::Failed(unreachable(&error).message),
        }
    }
}

/// A list that has never been there is on its way now; one that has stays as fresh as it is.
pub(super) fn begin(fetched: &mut Fetched) {
    if *fetched == Fetched::Never {
        *fetched = Fetched::UnderWay;
    }
}
