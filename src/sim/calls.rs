//! Calls: customers calling in, agents calling out and each other, and everything that ends them.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};

use super::{
    state::{AgentLeg, Call, Customer, Kind, Phase, Sta, Timer},
    switch::{LegId, PartyId, SwitchEvent, Voice},
    world::World,
};

/// How long a client that hung up by command has to end its own leg before the platform does.
const LEG_PATIENCE: Duration = Duration::from_millis(100);
/// How long an inner call rings.
const INNER_RING: Duration = Duration::from_secs(60);
/// How long an agent's own leg may take to come up.
const OWN_LEG_PATIENCE: Duration = Duration::from_secs(15);

/// A customer's call as it comes in.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The customer's number.
    pub from: String,
    /// Where it is registered.
    pub area: String,
    /// The agent asked for; none: whoever is idle.
    pub to_agent: Option<String>,
    /// Skill group asked for; none: the first of the agent asked for, or of all.
    pub queue: Option<i64>,
    /// How long the customer waits, ringing included.
    pub answer_timeout: Duration,
    /// What the customer says.
    pub voice: Voice,
    /// The customer hangs up this long after being answered.
    pub hangup_after: Option<Duration>,
    /// The scenario's arrival it belongs to.
    pub arrival: Option<usize>,
    /// The predictive project it belongs to.
    pub project: Option<i64>,
}

impl World {
    fn new_call(&mut self, kind: Kind, phase: Phase) -> Call {
        let no = self.next_number();
        Call {
            no,
            id: format!("c{no}-{:08x}", rand::random::<u32>()),
            kind,
            phase,
            legs: Vec::new(),
            customer: None,
            to_agent: None,
            queue: None,
            refused: HashSet::new(),
            digits: String::new(),
            shown: None,
            hangup_after: None,
            arrival: None,
            project: None,
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
        let waiting: Vec<u64> = self.calls.values().filter(|c| c.phase == Phase::Queued).map(|c| c.no).collect();
        for no in waiting {
            let Some(call) = self.calls.get(&no) else { continue };
            let serves = |groups: &[i64]| call.queue.is_none_or(|q| groups.contains(&q));
            let chosen = self
                .agents
                .iter()
                .filter(|a| a.sta() == Some(Sta::Ready) && !call.refused.contains(&a.entry.ag_no))
                .filter(|a| match &call.to_agent {
                    Some(wanted) => *wanted == a.entry.ag_no,
                    None => serves(&a.entry.groups),
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
    fn offer(&mut self, no: u64, ag_no: &str) {
        self.enter(ag_no, Sta::Occupied);
        self.drop_legs_now(ag_no);
        let Some(user) = self.phone_user(ag_no) else { return };
        let Some(call) = self.calls.get_mut(&no) else { return };
        let Some(customer) = &call.customer else { return };
        call.phase = Phase::Ringing;
        let mut ring = call.frame(5);
        merge(
            &mut ring,
            json!({
                "RingType": 1, "CallType": 2, "Caller": customer.number, "CallerAreaName": customer.area,
                "QueId": call.queue, "OAgId": 0,
            }),
        );
        let project = call.project;
        let leg = self.switch.call(&user, &customer.number, false);
        call.legs = vec![AgentLeg { ag_no: ag_no.to_owned(), leg, up: false }];
        if let Some(session) = self.session_mut(ag_no) {
            session.call = Some(no);
        }
        if let Some(project) = project {
            merge(&mut ring, self.project_fields(project));
        }
        self.push(ag_no, ring);
    }

    /// An agent dials a customer. The caller of this has checked that it may.
    pub fn dial_out(&mut self, ag_no: &str, number: &str, caller_id: Option<String>, queue: Option<i64>) {
        let (voice, area) = (self.behaviour(number).voice, area_of(number));
        let mut call = self.new_call(Kind::Outbound, Phase::OwnLeg);
        call.customer = Some(Customer { number: number.to_owned(), area: area.to_owned(), voice, party: None });
        call.shown = caller_id;
        call.queue = queue;
        let other = json!({"Called": number, "OAgId": 0, "OAgNum": "", "OAgName": ""});
        self.place(ag_no, call, number, other, json!({"Called": number, "CallerAreaName": area, "OAgId": 0}));
    }

    /// An agent dials another agent. The caller of this has checked that it may.
    pub fn dial_inner(&mut self, ag_no: &str, called: &str) {
        let Some(other) = self
            .agent(called)
            .map(|a| json!({"Called": a.entry.ag_no, "OAgId": a.id, "OAgNum": a.entry.ag_no, "OAgName": a.entry.name}))
        else {
            return;
        };
        let mut call = self.new_call(Kind::Inner, Phase::OwnLeg);
        call.to_agent = Some(called.to_owned());
        self.place(ag_no, call, called, other.clone(), other);
    }

    /// Begins a call that an agent makes, with the agent's own leg.
    fn place(&mut self, ag_no: &str, mut call: Call, number: &str, calling: Value, ring_fields: Value) {
        self.enter(ag_no, Sta::Occupied);
        self.drop_legs_now(ag_no);
        let Some(user) = self.phone_user(ag_no) else { return };
        let mut placed = call.frame(4);
        merge(&mut placed, calling);
        let mut ring = call.frame(5);
        merge(&mut ring, json!({"RingType": 2}));
        merge(&mut ring, ring_fields);
        self.push(ag_no, placed);
        let leg = self.switch.call(&user, number, true);
        call.legs = vec![AgentLeg { ag_no: ag_no.to_owned(), leg, up: false }];
        let no = call.no;
        self.calls.insert(no, call);
        if let Some(session) = self.session_mut(ag_no) {
            session.call = Some(no);
        }
        self.push(ag_no, ring);
        self.after(OWN_LEG_PATIENCE, Timer::GiveUp { call: no });
    }

    /// The calling agent's own leg is up: reach for the far end.
    fn own_leg_up(&mut self, no: u64) {
        self.cancel(|t| *t == Timer::GiveUp { call: no });
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.phase = Phase::Reaching;
        let up = call.frame(10);
        let (kind, called) = (call.kind, call.to_agent.clone());
        let Some(ag_no) = call.legs.first().map(|l| l.ag_no.clone()) else { return };
        self.push(&ag_no, up);
        match (kind, called) {
            (Kind::Inner, Some(called)) => self.ring_inner(no, &ag_no, &called),
            (Kind::Inner | Kind::Inbound | Kind::Outbound, _) => self.reach_far_end(no),
        }
    }

    /// Rings the called agent of an inner call.
    fn ring_inner(&mut self, no: u64, caller: &str, called: &str) {
        if !self.can_be_called(called) {
            self.end_call(no, None);
            return;
        }
        self.enter(called, Sta::Occupied);
        self.drop_legs_now(called);
        let Some(user) = self.phone_user(called) else { return };
        let from = self.agent(caller).map(|a| (a.id, a.entry.name.clone())).unwrap_or_default();
        let Some(call) = self.calls.get_mut(&no) else { return };
        let mut ring = call.frame(5);
        merge(
            &mut ring,
            json!({
                "RingType": 0, "CallType": 2, "Caller": caller, "CallerAreaName": "",
                "OAgId": from.0, "OAgNum": caller, "OAgName": from.1,
            }),
        );
        let leg = self.switch.call(&user, caller, false);
        call.legs.push(AgentLeg { ag_no: called.to_owned(), leg, up: false });
        call.phase = Phase::FarRinging;
        let far = call.frame(55);
        if let Some(session) = self.session_mut(called) {
            session.call = Some(no);
        }
        self.push(called, ring);
        self.push(caller, far);
        self.after(INNER_RING, Timer::GiveUp { call: no });
    }

    /// Whether an agent can be called directly: signed in, not in a call, phone there. Busy does not matter: only the
    /// queues stop (protocol `cti.md` 9.3).
    pub fn can_be_called(&self, ag_no: &str) -> bool {
        matches!(self.agent(ag_no).and_then(super::state::Agent::sta), Some(Sta::Ready | Sta::Busy))
            && self.phone_ready(ag_no)
    }

    /// Both ends are there: they hear each other.
    pub fn connect(&mut self, no: u64) {
        self.cancel(|t| matches!(t, Timer::GiveUp { call } | Timer::FarEnd { call } if *call == no));
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.phase = Phase::Talking;
        if let Some(customer) = call.customer.as_mut() {
            customer.party = Some(self.switch.add_party(customer.voice));
        }
        let (frame, hangup_after) = (call.frame(6), call.hangup_after);
        let agents: Vec<String> = call.legs.iter().map(|l| l.ag_no.clone()).collect();
        if let (Some(project), [ag_no]) = (call.project, agents.as_slice()) {
            self.prospect_connected(ag_no, project);
        }
        self.route_call(no, true);
        for ag_no in agents {
            self.push(&ag_no, frame.clone());
        }
        if let Some(after) = hangup_after {
            self.after(after, Timer::CustomerDone { call: no });
        }
    }

    /// Lets all ends of a call hear each other, or nobody anything.
    fn route_call(&self, no: u64, open: bool) {
        let Some(call) = self.calls.get(&no) else { return };
        let legs = call.legs.iter().map(|l| self.switch.party_of(l.leg));
        let parties: Vec<PartyId> = legs.chain(call.customer.as_ref().and_then(|c| c.party)).collect();
        for listener in &parties {
            let others: Vec<PartyId> = parties.iter().copied().filter(|p| open && p != listener).collect();
            self.switch.route(*listener, &others);
        }
    }

    /// Holds or resumes a call; false if it is not in the state for it.
    pub fn set_hold(&mut self, no: u64, hold: bool) -> bool {
        let (from, to) = if hold { (Phase::Talking, Phase::Held) } else { (Phase::Held, Phase::Talking) };
        match self.calls.get_mut(&no) {
            Some(call) if call.phase == from => call.phase = to,
            Some(_) | None => return false,
        }
        self.route_call(no, !hold);
        true
    }

    /// Ends a call in whatever phase. `by` is the agent who asked, whose phone may end its leg itself.
    pub fn end_call(&mut self, no: u64, by: Option<&str>) {
        self.cancel(|t| {
            matches!(t, Timer::GiveUp { call } | Timer::FarEnd { call } | Timer::CustomerDone { call } if *call == no)
        });
        let Some(mut call) = self.calls.remove(&no) else { return };
        let talked = call.phase.is_connected();
        call.phase = Phase::Ended;
        if let Some(party) = call.customer.as_ref().and_then(|c| c.party) {
            self.switch.remove_party(party);
        }
        let unreached = call.customer.as_ref().filter(|_| call.kind == Kind::Outbound && !talked && by.is_none());
        let cause = unreached.and_then(|customer| self.behaviour(&customer.number).outcome.q850());
        for leg in &call.legs {
            if by == Some(leg.ag_no.as_str()) {
                self.after(LEG_PATIENCE, Timer::DropLeg { ag_no: leg.ag_no.clone(), leg: leg.leg });
            } else if let Some(cause) = cause {
                self.switch.hang_up_because(leg.leg, cause);
            } else {
                self.switch.hang_up(leg.leg);
            }
        }
        let ended = call.frame(0);
        for leg in &call.legs {
            self.push(&leg.ag_no, ended.clone());
            if let Some(session) = self.session_mut(&leg.ag_no) {
                session.call = None;
            }
            if talked && self.scenario.wrap_up_s > 0 {
                self.enter(&leg.ag_no, Sta::WrapUp);
            } else {
                self.rest(&leg.ag_no);
            }
        }
        self.arrival_over(&call);
    }

    /// An agent will not take a ringing call: the customer waits for another one, if there is one to ask.
    pub fn refuse_call(&mut self, no: u64, ag_no: &str) {
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.refused.insert(ag_no.to_owned());
        let others = call.kind == Kind::Inbound && call.to_agent.is_none();
        if call.phase != Phase::Ringing || !others {
            self.end_call(no, Some(ag_no));
            return;
        }
        call.phase = Phase::Queued;
        let ended = call.frame(0);
        for leg in std::mem::take(&mut call.legs) {
            self.after(LEG_PATIENCE, Timer::DropLeg { ag_no: leg.ag_no, leg: leg.leg });
        }
        self.push(ag_no, ended);
        if let Some(session) = self.session_mut(ag_no) {
            session.call = None;
        }
        self.rest(ag_no);
        self.dispatch();
    }

    /// The switch tells what happened to a leg or a registration.
    pub fn switch_event(&mut self, event: SwitchEvent) {
        match event {
            SwitchEvent::Registered { .. } => self.dispatch(),
            SwitchEvent::Unregistered { .. } | SwitchEvent::Ringing { .. } => {}
            SwitchEvent::Answered { leg } => self.leg_answered(leg),
            SwitchEvent::Failed { leg, .. } => self.leg_gone(leg),
            SwitchEvent::Ended { leg } => self.leg_gone(leg),
        }
    }

    fn leg_answered(&mut self, leg: LegId) {
        let Some(call) = self.calls.values_mut().find(|c| c.legs.iter().any(|l| l.leg == leg)) else {
            self.switch.hang_up(leg);
            return;
        };
        let no = call.no;
        for own in call.legs.iter_mut().filter(|l| l.leg == leg) {
            own.up = true;
        }
        match call.phase {
            Phase::OwnLeg => self.own_leg_up(no),
            Phase::Ringing => self.connect(no),
            Phase::FarRinging if call.kind == Kind::Inner => self.connect(no),
            Phase::Queued | Phase::Reaching | Phase::FarRinging | Phase::Talking | Phase::Held | Phase::Ended => {}
        }
    }

    fn leg_gone(&mut self, leg: LegId) {
        self.cancel(|t| matches!(t, Timer::DropLeg { leg: dropped, .. } if *dropped == leg));
        let found = self.calls.values().find_map(|c| {
            let own = c.legs.iter().find(|l| l.leg == leg)?;
            Some((c.no, own.ag_no.clone(), own.up))
        });
        let Some((no, ag_no, up)) = found else { return };
        if up { self.end_call(no, Some(&ag_no)) } else { self.refuse_call(no, &ag_no) }
    }
}

/// Puts the members of one JSON object into another.
pub(super) fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

/// Where a number is registered, for the few prefixes of the demonstration.
fn area_of(number: &str) -> &'static str {
    match number.trim_start_matches("+86") {
        n if n.starts_with("010") || n.starts_with("138") => "北京",
        n if n.starts_with("021") || n.starts_with("139") => "上海",
        n if n.starts_with("020") || n.starts_with("137") => "广州",
        _ => "",
    }
}
