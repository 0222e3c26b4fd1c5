//! Raise hand: requests for a break and their answers (protocol `cti.md` 2.10, `phone-bar.md` 8.2).

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    agent_day::{AgentDay, BreakRequest, Decision},
    commands::reply::text,
    json::integer,
    scenario::{ApprovalAnswer, Period},
    state::Timer,
    world::World,
};
use crate::i18n::{Locale, Message};

/// Longest remark, characters.
const LONGEST_REMARK: usize = 256;
/// Approvers who are no agents are numbered from here.
const FIRST_APPROVER_ID: u64 = 9001;

/// Somebody who approves.
struct Approver {
    id: u64,
    num: String,
    name: String,
}

/// Why a request is not taken.
enum Unfit {
    /// The form can be mended.
    Form(Message),
    /// It would not be taken however it is filled in.
    Request(Message),
}

impl World {
    fn approvers(&self) -> Vec<Approver> {
        let supervisors = self.agents.iter().filter(|a| a.entry.supervisor);
        let supervisors =
            supervisors.map(|a| Approver { id: a.id, num: a.entry.ag_no.clone(), name: a.entry.name.clone() });
        let others = self.scenario.approvals.approvers.iter().zip(FIRST_APPROVER_ID..);
        supervisors.chain(others.map(|(a, id)| Approver { id, num: a.num.clone(), name: a.name.clone() })).collect()
    }

    /// The approvers whose number or name contains the words looked for.
    pub fn approver_list(&self, search: &str) -> Value {
        let found = self.approvers().into_iter().filter(|a| a.num.contains(search) || a.name.contains(search));
        found.map(|a| json!({"id": a.id, "userNum": a.num, "userName": a.name})).collect()
    }

    /// Takes a request: `code` and `errorMsg` as the bar expects them, strings.
    pub fn ask_for_break(&mut self, ag_no: &str, body: &Value, locale: Locale) -> Value {
        let (code, message) = match self.new_request(ag_no, body) {
            Ok(()) => ("200", Message::new("sim.request_taken")),
            Err(Unfit::Form(message)) => ("400", message),
            Err(Unfit::Request(message)) => ("500", message),
        };
        json!({"code": code, "errorMsg": message.render(locale)})
    }

    fn new_request(&mut self, ag_no: &str, body: &Value) -> Result<(), Unfit> {
        let form = |key| Unfit::Form(Message::new(key));
        let reason = integer(body, "busyReasonId").filter(|id| self.scenario.reasons.iter().any(|r| r.id == *id));
        let reason = reason.ok_or_else(|| form("sim.request_reason"))?;
        let time = |field| text(body, field).unwrap_or_default();
        let period = Period::new(time("applyFrom"), time("applyTo")).ok_or_else(|| form("sim.request_period"))?;
        let now = (self.clock)();
        if period.is_over(now.time()) {
            return Err(form("sim.request_over"));
        }
        if text(body, "remark").unwrap_or_default().chars().count() > LONGEST_REMARK {
            return Err(form("sim.request_remark"));
        }
        let wanted = integer(body, "approveUserid").and_then(|id| u64::try_from(id).ok());
        let approver = self.approvers().into_iter().find(|a| Some(a.id) == wanted && a.num != ag_no);
        let approver = approver.ok_or_else(|| form("sim.request_approver"))?;
        self.forget_late_requests(ag_no);
        let most = self.scenario.approvals.most_pending;
        let today = now.date();
        let requests = &self.day_mut(ag_no).requests;
        let waits = |r: &&BreakRequest| r.state == Decision::Pending;
        let alike = |r: &BreakRequest| {
            let open = matches!(r.state, Decision::Pending | Decision::Approved);
            open && r.day == today && r.reason == reason && r.period.meets(period)
        };
        if requests.iter().any(alike) {
            return Err(form("sim.request_twice"));
        }
        if requests.iter().filter(waits).count() >= most {
            return Err(Unfit::Request(Message::new("sim.request_too_many").with("count", most)));
        }
        let id = self.next_number();
        let request = BreakRequest {
            id,
            reason,
            day: today,
            period,
            approver: approver.name,
            state: Decision::Pending,
            told: false,
        };
        self.day_mut(ag_no).requests.push(request);
        if self.scenario.approvals.answer != ApprovalAnswer::Nobody {
            let delay = Duration::from_secs(self.scenario.approvals.decide_after_s);
            self.after(delay, Timer::Approval { ag_no: ag_no.to_owned(), request: id });
        }
        Ok(())
    }

    /// Requests nobody answered before their time was over have failed.
    fn forget_late_requests(&mut self, ag_no: &str) {
        let now = (self.clock)();
        for request in &mut self.day_mut(ag_no).requests {
            let late = request.day < now.date() || request.period.is_over(now.time());
            if late && request.state == Decision::Pending {
                request.state = Decision::Failed;
            }
        }
    }

    /// The scenario's approver answers.
    pub fn approver_answers(&mut self, ag_no: &str, request: u64) {
        let approve = match self.scenario.approvals.answer {
            ApprovalAnswer::Approve => true,
            ApprovalAnswer::Reject => false,
            ApprovalAnswer::Alternate => {
                let answered = |d: &AgentDay| d.requests.iter().filter(|r| r.state != Decision::Pending).count();
                self.days.get(ag_no).map_or(0, answered).is_multiple_of(2)
            }
            ApprovalAnswer::Nobody => return,
        };
        let why = self.scenario.approvals.reject_reason.clone();
        self.decide(ag_no, Some(request), if approve { Decision::Approved } else { Decision::Rejected(why) });
    }

    /// Decides an agent's request, the oldest pending one for `None`; false if there is none.
    pub fn decide(&mut self, ag_no: &str, id: Option<u64>, decision: Decision) -> bool {
        self.forget_late_requests(ag_no);
        let mut pending = self.day_mut(ag_no).requests.iter_mut().filter(|r| r.state == Decision::Pending);
        let Some(request) = pending.find(|r| id.is_none_or(|id| r.id == id)) else { return false };
        request.state = decision;
        true
    }

    /// An agent's requests, newest first.
    pub fn request_list(&mut self, ag_no: &str) -> Value {
        self.forget_late_requests(ag_no);
        let requests = self.days.get(ag_no).map(|d| d.requests.as_slice()).unwrap_or_default();
        let rows = requests.iter().rev().map(|r| {
            json!({
                "applyState": r.state.number(),
                "applyPeriod": r.period.to_string(),
                "approveName": r.approver,
                "limitTimePeriod": self.restriction(r.reason).map(|l| l.period.to_string()).unwrap_or_default(),
                "busyReason": self.reason_name(r.reason),
                "rejectReason": if let Decision::Rejected(why) = &r.state { why.as_str() } else { "" },
            })
        });
        rows.collect()
    }

    /// What is new for an agent: 1 and one decision not told yet; 0 while one is waited for; else 2, nothing to ask for.
    pub fn request_news(&mut self, ag_no: &str, locale: Locale) -> Value {
        self.forget_late_requests(ag_no);
        let requests = &mut self.day_mut(ag_no).requests;
        let news = requests.iter_mut().find(|r| !r.told && r.state != Decision::Pending).map(|request| {
            request.told = true;
            request.clone()
        });
        let Some(request) = news else {
            let waits = requests.iter().any(|r| r.state == Decision::Pending);
            return json!({"state": if waits { 0 } else { 2 }, "content": ""});
        };
        let told = match &request.state {
            Decision::Approved => Message::new("sim.request_approved"),
            Decision::Rejected(why) => Message::new("sim.request_rejected").with("why", why),
            Decision::Failed | Decision::Pending => Message::new("sim.request_failed"),
        };
        let told = told
            .with("name", self.reason_name(request.reason))
            .with("period", request.period)
            .with("approver", &request.approver);
        json!({"state": 1, "content": told.render(locale)})
    }

    /// Whether a break for this reason is approved for now.
    pub fn break_approved(&self, ag_no: &str, reason: i64) -> bool {
        let now = (self.clock)();
        self.days.get(ag_no).is_some_and(|desk| {
            desk.requests.iter().any(|r| {
                let today = r.day == now.date() && r.period.covers(now.time());
                today && r.reason == reason && r.state == Decision::Approved
            })
        })
    }

    /// What a busy reason is called.
    pub fn reason_name(&self, id: i64) -> &str {
        self.scenario.reasons.iter().find(|r| r.id == id).map_or("", |r| r.name.as_str())
    }
}
