//! Raising the hand: break requests and restricted reasons (protocol `phone-bar.md` 8.2).

use std::time::Duration;

use serde_json::Value;

use super::{
    Turn, answer, clean,
    duties::{being_asked, rows_of, shown},
    number_of, refusal, refused, text_of, unreachable,
};
use crate::{
    app::{
        Action, Approver, BreakRow, BreakState, BreakWish, Command, CommandId, Effect, Fetched, Refusal, RefusalKind,
        Restriction, TimerId, Watched,
        state::{Asked, Breaks, KnownApprover, Purpose},
    },
    cti::{
        api::{ApiError, BreakRequest, Reply, Request},
        codes::ReplyCode,
    },
    domain::{self, BreakTimeError, TargetState},
    i18n::Message,
};

/// Between two looks for news of requests.
const NEWS: Duration = Duration::from_secs(30);
/// Between two looks at the restrictions.
const RESTRICTIONS: Duration = Duration::from_secs(60);
/// Finding the approver and submitting, 4 s each at most.
const DEADLINE: Duration = Duration::from_secs(9);

impl Breaks {
    /// Nothing of a sign-in is left.
    pub fn is_idle(&self) -> bool {
        self.restrictions.is_empty() && !self.news && self.requests.is_empty() && self.suggested.is_none()
    }
}

impl Turn<'_> {
    pub(super) fn break_command(&mut self, id: CommandId, command: Command) {
        if let Command::RaiseHand(wish) = command {
            self.wait(Action::RaiseHand, id, DEADLINE);
            self.raise_hand(wish, true);
        } else {
            self.state.duties.breaks.news = false;
            self.done(id);
        }
    }

    /// Signed in: the polls begin.
    pub(super) fn load_breaks(&mut self) {
        if self.state.profile.raise_hand {
            self.busy_info_due();
            self.break_news_due();
        }
    }

    /// Checks a wish and submits it; `search`: an approver who is not listed is looked for first.
    fn raise_hand(&mut self, wish: BreakWish, search: bool) {
        let invalid = |message| refusal(RefusalKind::Invalid, message);
        let (from, to) = match domain::break_time(&wish.from, &wish.to) {
            Ok(times) => times,
            Err(error) => return self.break_refused(invalid(Message::new(break_time_key(error)))),
        };
        let known = |id: &i64| self.state.lists.busy_reasons.iter().any(|reason| reason.id == *id);
        let Some(reason) = wish.reason.filter(known) else {
            return self.break_refused(invalid(Message::new("duty.break_reason")));
        };
        if wish.remark.chars().count() > domain::REMARK_MAX {
            return self.break_refused(invalid(Message::new("duty.break_remark").with("most", domain::REMARK_MAX)));
        }
        let number = wish.approver.trim();
        let approver = self.state.duties.breaks.approvers.iter().find(|known| known.shown.number == number);
        let request = match approver {
            Some(approver) => BreakRequest {
                busy_reason_id: reason,
                apply_from: from.to_string(),
                apply_to: to.to_string(),
                remark: wish.remark.trim().to_owned(),
                approve_userid: approver.id.clone(),
                approve_username: approver.shown.name.clone(),
                approve_workid: approver.shown.number.clone(),
            },
            None if search && !number.is_empty() => {
                let search = number.to_owned();
                return self.request(Purpose::Duty(Asked::ApproverOf(wish)), Request::Approvers { search });
            }
            None if number.is_empty() => {
                return self.break_refused(invalid(Message::new("duty.break_approver")));
            }
            None => {
                let message = Message::new("duty.break_no_such_approver").with("number", clean(number));
                return self.break_refused(invalid(message));
            }
        };
        self.request(Purpose::Duty(Asked::AddBreak), Request::AddBreakRequest(request));
    }

    fn break_refused(&mut self, why: Refusal) {
        self.warn(why.message.clone());
        self.resolve_pending(Action::RaiseHand, Err(why));
    }

    pub(super) fn approver_of_reply(&mut self, wish: BreakWish, result: Result<Reply, ApiError>) {
        match rows_of(result) {
            Ok(rows) => {
                let found: Vec<KnownApprover> = rows.iter().filter_map(approver).collect();
                self.state.duties.breaks.approvers.extend(found);
                self.raise_hand(wish, false);
            }
            Err(why) => self.break_refused(refusal(RefusalKind::Unreachable, why)),
        }
    }

    pub(super) fn add_break_reply(&mut self, result: Result<Reply, ApiError>) {
        // The platform looks at it whatever it said; the next news are about this one.
        self.break_news_due();
        match result {
            Ok(reply) if reply.is_ok() => {
                let said = clean(&reply.message);
                self.info(if said.is_empty() { Message::new("duty.break_sent") } else { Message::verbatim(&said) });
                self.state.duties.breaks.suggested = None;
                self.refresh_break_requests();
                self.resolve_pending(Action::RaiseHand, Ok(answer(reply)));
            }
            Ok(reply) => {
                let why = refused(&reply);
                if reply.has(ReplyCode::Unacceptable) {
                    self.info(why.message.clone());
                } else {
                    self.error(why.message.clone());
                }
                self.resolve_pending(Action::RaiseHand, Err(why));
            }
            Err(error) => {
                let why = unreachable(&error);
                self.error(why.message.clone());
                self.resolve_pending(Action::RaiseHand, Err(why));
            }
        }
    }

    /// Asks who approves breaks, by a part of name or number.
    pub(super) fn refresh_approvers(&mut self, search: &str) {
        let search = search.trim().to_owned();
        let breaks = &mut self.state.duties.breaks;
        being_asked(&mut breaks.approvers_fetched);
        breaks.search = Some(search.clone());
        self.ask_duty(Asked::Approvers(search.clone()), Request::Approvers { search });
    }

    pub(super) fn approvers_reply(&mut self, search: &str, result: Result<Reply, ApiError>) {
        let at = self.now.at;
        let breaks = &mut self.state.duties.breaks;
        if breaks.search.as_deref() != Some(search) {
            return tracing::debug!("an answer to an earlier search for approvers");
        }
        match rows_of(result) {
            Ok(rows) => {
                breaks.approvers = rows.iter().filter_map(approver).collect();
                breaks.found_by = search.to_owned();
                breaks.approvers_fetched = Fetched::At(at);
            }
            Err(why) => breaks.approvers_fetched = Fetched::Failed(why),
        }
    }

    /// Asks for the agent's break requests.
    pub(super) fn refresh_break_requests(&mut self) {
        being_asked(&mut self.state.duties.breaks.requests_fetched);
        self.ask_duty(Asked::BreakRequests, Request::BreakRequests);
    }

    pub(super) fn break_requests_reply(&mut self, result: Result<Reply, ApiError>) {
        let at = self.now.at;
        let breaks = &mut self.state.duties.breaks;
        match rows_of(result) {
            Ok(rows) => {
                breaks.requests = rows.iter().map(break_row).collect();
                breaks.requests_fetched = Fetched::At(at);
            }
            Err(why) => breaks.requests_fetched = Fetched::Failed(why),
        }
    }

    pub(super) fn break_news_due(&mut self) {
        if self.state.profile.raise_hand && self.state.duties.running {
            self.effects.push(Effect::StopTimer(TimerId::BreakNews));
            self.ask_duty(Asked::BreakNews, Request::BreakNews);
        }
    }

    pub(super) fn break_news_reply(&mut self, result: Result<Reply, ApiError>) {
        match result {
            Ok(reply) if reply.is_ok() => match number_of(reply.data.get("state")) {
                // Nothing is being decided: until the next request there is nothing to hear.
                Some(2) => return,
                Some(1) => self.break_news(shown(&reply.data, "content")),
                Some(_) | None => self.state.duties.breaks.told = None,
            },
            Ok(reply) => tracing::info!(code = reply.code, "news of break requests were refused"),
            Err(error) => tracing::info!(%error, "news of break requests could not be had"),
        }
        self.poll_again(TimerId::BreakNews, NEWS);
    }

    fn break_news(&mut self, content: String) {
        let looked_at = self.state.watched == Some(Watched::BreakRequests);
        let breaks = &mut self.state.duties.breaks;
        if breaks.told.as_ref() == Some(&content) {
            return;
        }
        // Whoever has the list open reads it there.
        breaks.news = !looked_at;
        breaks.told = Some(content.clone());
        self.info(if content.is_empty() { Message::new("duty.break_news") } else { Message::verbatim(&content) });
        self.refresh_break_requests();
    }

    pub(super) fn busy_info_due(&mut self) {
        if self.state.profile.raise_hand && self.state.duties.running {
            self.ask_duty(Asked::BusyInfo, Request::BusyInfo);
        }
    }

    pub(super) fn busy_info_reply(&mut self, result: Result<Reply, ApiError>) {
        match result {
            Ok(reply) if reply.is_ok() => {
                if let Some(rows) = reply.data.as_array() {
                    self.restrictions(rows);
                }
            }
            Ok(reply) => tracing::info!(code = reply.code, "restrictions were refused"),
            Err(error) => tracing::info!(%error, "restrictions could not be had"),
        }
        self.poll_again(TimerId::BusyInfo, RESTRICTIONS);
    }

    fn restrictions(&mut self, rows: &[Value]) {
        let warnings: Vec<String> =
            rows.iter().map(|row| shown(row, "warn")).filter(|warning| !warning.is_empty()).collect();
        let restriction =
            |row: &Value| Some(Restriction { reason: number_of(row.get("id"))?, period: shown(row, "limitPeriod") });
        let breaks = &mut self.state.duties.breaks;
        breaks.restrictions = rows.iter().filter_map(restriction).filter(|one| !one.period.is_empty()).collect();
        breaks.warned.retain(|told| warnings.contains(told));
        let new: Vec<String> = warnings.into_iter().filter(|text| breaks.warned.insert(text.clone())).collect();
        for text in new {
            self.warn(Message::new("duty.restriction").with("text", text));
        }
    }

    /// The request to go busy: where breaks are asked for, with whether the platform is to check it.
    pub(super) fn busy_request(&mut self, reason: Option<i64>) -> Request {
        if !self.state.profile.raise_hand {
            return Request::Busy { reason, check: None, name: None };
        }
        self.state.duties.breaks.suggested = None;
        let free = reason.is_some_and(|id| self.is_scheduled_now(id));
        let known = self.state.lists.busy_reasons.iter().find(|known| Some(known.id) == reason);
        Request::Busy { reason, check: Some(!free), name: known.map(|known| known.name.clone()) }
    }

    /// Busy is allowed, with a remark.
    pub(super) fn busy_remark(&mut self, reply: &Reply) {
        let said = text_of(Some(&reply.data)).unwrap_or_else(|| reply.message.clone());
        if !said.trim().is_empty() {
            self.info(Message::verbatim(&clean(said.trim())));
        }
    }

    /// Busy needs an approval: the form is to be opened with that reason.
    pub(super) fn busy_needs_approval(&mut self, reply: &Reply) -> Refusal {
        if self.state.profile.raise_hand
            && let Some((TargetState::Busy(Some(reason)), _)) = self.state.pending.state_asked
        {
            self.state.duties.breaks.suggested = Some(reason);
        }
        let text = clean(&reply.message);
        let message = if text.is_empty() {
            Message::new("duty.busy_needs_approval")
        } else {
            Message::new("duty.busy_needs_approval_said").with("text", &text)
        };
        Refusal { kind: RefusalKind::Platform, message, platform: Some((reply.code, text)) }
    }
}

/// Catalogue key of what is wrong with the time of a break.
pub(in crate::app) fn break_time_key(error: BreakTimeError) -> &'static str {
    match error {
        BreakTimeError::BadStart => "duty.break_bad_start",
        BreakTimeError::BadEnd => "duty.break_bad_end",
        BreakTimeError::EndNotAfterStart => "duty.break_end_not_after_start",
    }
}

fn approver(row: &Value) -> Option<KnownApprover> {
    let id = row.get("id").filter(|id| id.is_number() || id.is_string())?.clone();
    let number = text_of(row.get("userNum")).or_else(|| text_of(Some(&id)))?;
    Some(KnownApprover { id, shown: Approver { number: clean(&number), name: shown(row, "userName") } })
}

fn break_row(row: &Value) -> BreakRow {
    BreakRow {
        period: shown(row, "applyPeriod"),
        state: match number_of(row.get("applyState")) {
            Some(1) => BreakState::Approved,
            Some(2) => BreakState::Rejected,
            Some(-1) => BreakState::Failed,
            Some(_) | None => BreakState::Pending,
        },
        approver: shown(row, "approveName"),
        restricted: shown(row, "limitTimePeriod"),
        reason: shown(row, "busyReason"),
        rejected_because: Some(shown(row, "rejectReason")).filter(|why| !why.is_empty()),
    }
}
