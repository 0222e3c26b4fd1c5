//! Duties as a whole: their polls run while the agent is signed in, and what they measure is looked at after every input,
//! so that no way into or out of a state can be forgotten.

use std::time::Duration;

use serde_json::Value;

use super::{Turn, number_of, text_of};
use crate::{
    app::{
        Effect, Fetched, RequestId, TimerId,
        state::{Asked, Duties, Phase, Purpose},
    },
    cti::api::{ApiError, Reply, Request},
    domain::AgentState,
    i18n::Message,
};

/// Polls that stop at sign-out.
const POLLS: [TimerId; 4] = [TimerId::BusyInfo, TimerId::BreakNews, TimerId::WorkTime, TimerId::WarningRules];

impl Turn<'_> {
    /// Looks at what the last input has made of things.
    pub(super) fn follow_duties(&mut self) {
        let signed_in = self.state.session.phase == Phase::In && self.state.agent.state.is_signed_in();
        if signed_in != self.state.duties.running {
            self.state.duties.running = signed_in;
            if signed_in {
                self.begin_duties();
            } else {
                self.effects.extend(POLLS.map(Effect::StopTimer));
            }
        }
        if self.state.agent.state == AgentState::SignedOut {
            self.forget_duties();
        }
        self.count_predictive_call();
        self.follow_reminders();
        self.follow_overtime();
    }

    fn begin_duties(&mut self) {
        self.count_waiting();
        self.load_projects();
        self.load_breaks();
        self.worktime_due();
        self.warning_rules_due();
    }

    /// Signed out: what was due is due no longer. Lists are kept until they are asked for again.
    fn forget_duties(&mut self) {
        let duties = &mut self.state.duties;
        let armed = !duties.reminders.is_idle();
        let joined = duties.projects.joined.is_some() || duties.projects.step.is_some();
        if !armed && !joined && duties.breaks.is_idle() && duties.overtime.rules.is_empty() {
            return;
        }
        *duties = Duties::default();
        self.effects.push(Effect::StopTimer(TimerId::Reminder));
    }

    /// Asks for something of the duties, unless that is under way.
    pub(super) fn ask_duty(&mut self, asked: Asked, request: Request) {
        let purpose = Purpose::Duty(asked);
        if !self.is_under_way(&purpose) {
            self.request(purpose, request);
        }
    }

    pub(super) fn duty_reply(&mut self, id: RequestId, asked: Asked, result: Result<Reply, ApiError>) {
        match asked {
            Asked::Projects => self.projects_reply(result),
            Asked::ProjectStep => self.project_step_reply(id, result),
            Asked::Approvers(search) => self.approvers_reply(&search, result),
            Asked::ApproverOf(wish) => self.approver_of_reply(wish, result),
            Asked::AddBreak => self.add_break_reply(result),
            Asked::BreakRequests => self.break_requests_reply(result),
            Asked::BreakNews => self.break_news_reply(result),
            Asked::BusyInfo => self.busy_info_reply(result),
            Asked::WorkTime => self.worktime_reply(result),
            Asked::WarningRules => self.warning_rules_reply(result),
        }
    }

    /// Lets a poll come again, as long as somebody is signed in.
    pub(super) fn poll_again(&mut self, timer: TimerId, after: Duration) {
        if self.state.duties.running {
            self.effects.push(Effect::StartTimer { timer, after });
        }
    }
}

/// The rows of a list, or why there are none.
pub(super) fn rows_of(result: Result<Reply, ApiError>) -> Result<Vec<Value>, Message> {
    match result {
        Ok(reply) if reply.is_ok() => {
            // Lists come plain, or within another `data`.
            let inner = reply.data.get("data").and_then(Value::as_array);
            Ok(inner.or_else(|| reply.data.as_array()).cloned().unwrap_or_default())
        }
        Ok(reply) => Err(super::refused(&reply).message),
        Err(error) => Err(error.message()),
    }
}

/// A list that is being asked for: what is shown of its age.
pub(super) fn being_asked(fetched: &mut Fetched) {
    if *fetched == Fetched::Never {
        *fetched = Fetched::UnderWay;
    }
}

/// A text of the platform's without control characters, empty if there is none.
pub(super) fn shown(row: &Value, field: &str) -> String {
    text_of(row.get(field)).map(|text| super::clean(text.trim())).unwrap_or_default()
}

/// A number that cannot be negative.
pub(super) fn count_of(row: &Value, field: &str) -> u64 {
    number_of(row.get(field)).and_then(|n| u64::try_from(n).ok()).unwrap_or_default()
}
