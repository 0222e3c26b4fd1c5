//! Calls: customers calling in and their distribution, and what the switch tells of the legs.
//!
//! `call` is what a call is; `dial` makes calls, `ending` ends them or an agent's part in one, `consult` asks third
//! parties, `transfer` passes customers on, `script` plays voice menus, `monitor` lets supervisors in, `colleagues` plays
//! agents without a client, `hearing` decides who hears whom.

mod call;
mod colleagues;
mod consult;
mod dial;
mod ending;
mod hearing;
mod monitor;
mod script;
mod transfer;

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

pub use self::{
    call::{AgentLeg, Call, Customer, End, Goodbye, Incoming, Kind, Line, Phase, Role, Script},
    monitor::Listening,
};
use super::{
    fault::Fault,
    json::merge,
    state::{Agent, Sta, Timer},
    switch::{LegId, PartyId, SwitchEvent},
    world::World,
};

/// How long a customer who was passed on to a queue waits there.
const QUEUE_PATIENCE: Duration = Duration::from_secs(120);

impl World {
    /// A call nobody takes part in yet, not in the books yet.
    pub(super) fn new_call(&mut self, kind: Kind, phase: Phase) -> Call {
        let no = self.next_number();
        Call {
            no,
            id: format!("c{no}-{:08x}", rand::random::<u32>()),
            kind,
            phase,
            legs: Vec::new(),
            customer: None,
            third: None,
            to_agent: None,
            queue: None,
            refused: HashSet::new(),
            transferred_by: None,
            held_by: None,
            music: None,
            script: None,
            digits: String::new(),
            shown: None,
            hangup_after: None,
            arrival: None,
            project: None,
            since: Instant::now(),
            since_epoch_s: jiff::Timestamp::now().as_second(),
        }
    }

    /// A customer calls in and waits for an agent; returns the call's id.
    pub fn customer_calls(&mut self, incoming: Incoming) -> String {
        let groups_of = |ag_no: &String| self.agent(ag_no).and_then(|a| a.entry.groups.first().copied());
        let queue = incoming.queue.or_else(|| incoming.to_agent.as_ref().and_then(groups_of));
        let queue = queue.or_else(|| self.scenario.groups.first().map(|g| g.id));
        let mut call = self.new_call(Kind::Inbound, Phase::Queued);
        call.customer =
            Some(Customer { number: incoming.from, area: incoming.area, voice: incoming.voice, party: None });
        call.to_agent = incoming.to_agent;
        call.queue = queue;
        call.hangup_after = incoming.hangup_after;
        call.arrival = incoming.arrival;
        call.project = incoming.project;
        let (no, id) = (call.no, call.id.clone());
        self.calls.insert(no, call);
        self.after(incoming.answer_timeout, Timer::GiveUp { call: no });
        self.dispatch();
        id
    }

    /// Offers waiting calls to idle agents, longest waiting first, longest idle first.
    pub fn dispatch(&mut self) {
        let mut waiting: Vec<(Instant, u64)> =
            self.calls.values().filter(|c| c.phase == Phase::Queued).map(|c| (c.since, c.no)).collect();
        waiting.sort_unstable();
        for (_, no) in waiting {
            // An offer may change who waits.
            let Some(call) = self.calls.get(&no).filter(|c| c.phase == Phase::Queued) else { continue };
            let serves = |groups: &[i64]| call.queue.is_none_or(|q| groups.contains(&q));
            let chosen = self
                .agents
                .iter()
                .filter(|a| a.sta() == Some(Sta::Ready) && !call.refused.contains(&a.entry.ag_no))
                .filter(|a| match &call.to_agent {
                    Some(wanted) => *wanted == a.entry.ag_no,
                    None => serves(&a.entry.groups) && a.takes_queue_calls(),
                })
                .filter(|a| self.phone_ready(&a.entry.ag_no))
                .min_by_key(|a| a.session.as_ref().map(|s| s.since))
                .map(|a| a.entry.ag_no.clone());
            if let Some(ag_no) = chosen {
                self.offer(no, &ag_no);
            }
        }
    }

    /// Rings a customer's call at an agent.
    pub(super) fn offer(&mut self, no: u64, ag_no: &str) {
        self.enter(ag_no, Sta::Occupied);
        let Some(call) = self.calls.get_mut(&no) else { return };
        let Some(number) = call.customer.as_ref().map(|c| c.number.clone()) else { return };
        call.phase = Phase::Ringing;
        let mut ring = call.frame_of_customer(5);
        let (by, project) = (call.transferred_by.clone(), call.project);
        merge(&mut ring, json!({"RingType": 1, "CallType": 2, "OAgId": 0}));
        if let Some(project) = project {
            merge(&mut ring, self.project_fields(project));
        }
        if let Some(by) = by {
            merge(&mut ring, json!({"Others": by}));
        }
        self.ring_leg(no, ag_no, &number, false, Role::Main);
        self.push(ag_no, ring);
    }

    /// Rings an agent's phone, or plans what the colleague does, and enters the leg into the call.
    pub(super) fn ring_leg(&mut self, no: u64, ag_no: &str, from: &str, auto_answer: bool, role: Role) {
        self.drop_legs_now(ag_no);
        let line = match self.phone_user(ag_no) {
            Some(user) => {
                let from = self.faults.get(Fault::SipFrom, Some(ag_no)).and_then(Value::as_str).unwrap_or(from);
                Line::Phone(self.switch.call(&user, from, auto_answer))
            }
            None => {
                self.colleague_rings(no, ag_no);
                Line::Voice(None)
            }
        };
        if let Some(call) = self.calls.get_mut(&no) {
            call.legs.push(AgentLeg::new(ag_no, line, role));
        }
        if let Some(session) = self.session_mut(ag_no) {
            session.call = Some(no);
        }
    }

    /// Whether an agent can be called directly: signed in, not in a call, phone there. Busy does not matter: only the
    /// queues stop (protocol `cti.md` 9.3).
    pub fn can_be_called(&self, ag_no: &str) -> bool {
        matches!(self.agent(ag_no).and_then(Agent::sta), Some(Sta::Ready | Sta::Busy)) && self.phone_ready(ag_no)
    }

    /// Both ends are there: they hear each other. Who was transferred to is told so (`PhoSta` 35, else 6).
    pub fn connect(&mut self, no: u64) {
        self.cancel(|t| t.is_of_reaching(no));
        let switch = std::sync::Arc::clone(&self.switch);
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.phase = Phase::Talking;
        if let Some(customer) = call.customer.as_mut() {
            customer.party.get_or_insert_with(|| switch.add_party(customer.voice));
        }
        let frame = match call.transferred_by.take() {
            Some(by) => transferred_frame(call, &by),
            None => call.frame(6),
        };
        let (hangup_after, project) = (call.hangup_after.take(), call.project.take());
        let mut agents = Vec::new();
        for leg in call.legs.iter_mut().filter(|l| l.role == Role::Main) {
            leg.talked = true;
            agents.push(leg.ag_no.clone());
        }
        self.reroute(no);
        if let (Some(project), [ag_no]) = (project, agents.as_slice()) {
            self.prospect_connected(ag_no, project);
        }
        for ag_no in agents {
            self.push(&ag_no, frame.clone());
            self.colleague_talks(no, &ag_no);
        }
        if let Some(after) = hangup_after {
            self.after(after, Timer::CustomerDone { call: no });
        }
    }

    /// Holds or resumes a call; false if it is not in the state for it. Who put it on hold resumes it.
    pub fn set_hold(&mut self, no: u64, ag_no: &str, hold: bool) -> bool {
        let Some(call) = self.calls.get_mut(&no).filter(|c| c.leg(ag_no).is_some_and(|l| l.role == Role::Main)) else {
            return false;
        };
        match (call.phase, hold) {
            (Phase::Talking, true) => (call.phase, call.held_by) = (Phase::Held, Some(ag_no.to_owned())),
            (Phase::Held, false) if call.held_by.as_deref() == Some(ag_no) => {
                (call.phase, call.held_by) = (Phase::Talking, None);
            }
            (_, true | false) => return false,
        }
        self.reroute(no);
        true
    }

    /// The switch tells what happened to a leg or a registration.
    pub fn switch_event(&mut self, event: SwitchEvent) {
        match event {
            SwitchEvent::Registered { .. } => self.dispatch(),
            SwitchEvent::Unregistered { .. } | SwitchEvent::Ringing { .. } => {}
            SwitchEvent::Answered { leg } => match self.owner_of(leg) {
                Some((no, ag_no)) => self.answered(no, &ag_no),
                None => self.switch.hang_up(leg),
            },
            SwitchEvent::Failed { leg, .. } | SwitchEvent::Ended { leg } => {
                self.cancel(|t| matches!(t, Timer::DropLeg { leg: dropped, .. } if *dropped == leg));
                if let Some((no, ag_no)) = self.owner_of(leg) {
                    self.hang_up(no, &ag_no);
                }
            }
        }
    }

    /// Whose leg it is, and in which call.
    fn owner_of(&self, leg: LegId) -> Option<(u64, String)> {
        self.calls.values().find_map(|c| {
            let own = c.legs.iter().find(|l| l.line == Line::Phone(leg))?;
            Some((c.no, own.ag_no.clone()))
        })
    }

    /// An agent has answered.
    pub(super) fn answered(&mut self, no: u64, ag_no: &str) {
        let Some(call) = self.calls.get_mut(&no) else { return };
        let phase = call.phase;
        let Some(leg) = call.legs.iter_mut().find(|l| l.ag_no == ag_no) else { return };
        leg.up = true;
        leg.since = Instant::now();
        match (&leg.role, phase) {
            (Role::Spy { .. }, _) => self.spy_up(no, ag_no),
            (Role::Consulted, Phase::ConsultOut) => self.consult_up(no),
            (Role::Main, Phase::OwnLeg) => self.own_leg_up(no),
            (Role::Main, Phase::Ringing | Phase::FarRinging) => self.connect(no),
            // Told twice.
            (Role::Consulted | Role::Main, _) => {}
        }
    }

    /// The switch's party at the end of an agent's line, once there is one.
    pub fn party_of(&self, leg: &AgentLeg) -> Option<PartyId> {
        match leg.line {
            Line::Phone(id) => leg.up.then(|| self.switch.party_of(id)),
            Line::Voice(party) => party,
        }
    }
}

/// What is told with `PhoSta` 35: the customer, and who passed the call on.
fn transferred_frame(call: &Call, by: &str) -> Value {
    let mut frame = call.frame_of_customer(35);
    merge(&mut frame, json!({"OAgId": 0, "Others": by}));
    frame
}
