//! The platform's mind: one value that holds the whole state, changed by commands, by the switch's events, by links and
//! by time, and that answers with replies, pushes and orders to the switch. It opens no socket and starts no task.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    agent_day::AgentDay,
    calls::{Call, Goodbye},
    customers::{ArrivalState, Behaviour},
    delays::Kind,
    fault::Fault,
    faults_in_force::Faults,
    json::merge,
    scenario::{Arrival, Scenario},
    state::{Agent, LinkOp, Rest, Session, Sta, Timer},
    telephony::Telephony,
    tokens::Tokens,
};

/// How long a signed-out client has to close its link by itself (protocol `cti.md` section 9, logout).
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// Registrations remembered per agent as timed out.
const TIMED_OUT_KEPT: usize = 16;

/// The whole state of the platform.
pub struct World {
    /// The scenario in force.
    pub scenario: Scenario,
    /// The telephone switch.
    pub switch: Arc<dyn Telephony>,
    /// Agents by agent number, in the scenario's order.
    pub agents: Vec<Agent>,
    /// SIP password by phone.
    pub phones: HashMap<String, String>,
    /// Tokens.
    pub tokens: Tokens,
    /// Live calls, oldest first.
    pub calls: BTreeMap<u64, Call>,
    /// How dialled numbers behave.
    pub behaviours: HashMap<String, Behaviour>,
    /// Faults in force.
    pub faults: Faults,
    /// The agents' days, by agent number.
    pub days: HashMap<String, AgentDay>,
    /// The scenario's callers.
    pub arrivals: Vec<ArrivalState>,
    /// The time of day, which periods are about.
    pub clock: fn() -> Zoned,
    timers: BTreeMap<(Instant, u64), Timer>,
    pub(super) count: u64,
}

impl World {
    /// An agent's day, to change.
    pub fn day_mut(&mut self, ag_no: &str) -> &mut AgentDay {
        self.days.entry(ag_no.to_owned()).or_default()
    }

    /// The agent has signed in: the first time begins the day.
    pub fn begin_day(&mut self, ag_no: &str) {
        self.day_mut(ag_no).began.get_or_insert_with(Timestamp::now);
    }

    /// A world in which nobody is signed in.
    pub fn new(scenario: Scenario, switch: Arc<dyn Telephony>) -> Self {
        let mut agents = Vec::new();
        let mut phones = HashMap::new();
        let mut tokens = Tokens::default();
        for phone in scenario.agents.iter().map(|a| &a.phone).chain(&scenario.spare_phones) {
            let password = format!("{:016x}", rand::random::<u64>());
            switch.set_account(&sip_user(scenario.vcc_id, phone), &password);
            phones.insert(phone.clone(), password);
        }
        for (n, entry) in scenario.agents.iter().enumerate() {
            tokens.issue(&entry.ag_no, Duration::from_secs(scenario.token_hours * 3600));
            agents.push(Agent::new(1001 + n as u64, entry.clone()));
        }
        for (n, colleague) in scenario.colleagues.iter().enumerate() {
            agents.push(Agent::played(2001 + n as u64, colleague.clone()));
        }
        let arrivals = scenario.arrivals.iter().cloned().map(ArrivalState::new).collect();
        let talking = scenario.colleagues.iter().filter(|c| c.in_call_with.is_some()).map(|c| c.ag_no.clone());
        let talking: Vec<String> = talking.collect();
        let mut world = Self {
            scenario,
            switch,
            agents,
            phones,
            tokens,
            calls: BTreeMap::new(),
            behaviours: HashMap::new(),
            faults: Faults::default(),
            days: HashMap::new(),
            arrivals,
            clock: Zoned::now,
            timers: BTreeMap::new(),
            count: 0,
        };
        for ag_no in talking {
            world.after(Duration::ZERO, Timer::ColleagueCall { ag_no });
        }
        world
    }

    /// Adds a customer who calls by themselves.
    pub fn add_arrival(&mut self, arrival: Arrival) {
        self.arrivals.push(ArrivalState::new(arrival));
    }

    /// The next of all numbers given out here.
    pub(super) fn next_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// An agent by number.
    pub fn agent(&self, ag_no: &str) -> Option<&Agent> {
        self.agents.iter().find(|a| a.entry.ag_no == ag_no)
    }

    /// As [`World::agent`], to change.
    pub fn agent_mut(&mut self, ag_no: &str) -> Option<&mut Agent> {
        self.agents.iter_mut().find(|a| a.entry.ag_no == ag_no)
    }

    /// An agent's sign-in.
    pub fn session(&self, ag_no: &str) -> Option<&Session> {
        self.agent(ag_no)?.session.as_ref()
    }

    /// As [`World::session`], to change.
    pub fn session_mut(&mut self, ag_no: &str) -> Option<&mut Session> {
        self.agent_mut(ag_no)?.session.as_mut()
    }

    /// SIP user of an agent's phone; a colleague has none.
    pub fn phone_user(&self, ag_no: &str) -> Option<String> {
        let agent = self.agent(ag_no).filter(|a| a.colleague.is_none())?;
        Some(sip_user(self.scenario.vcc_id, &agent.session.as_ref()?.bind_tel))
    }

    /// Whether an agent's phone is registered; a colleague can always be reached.
    pub fn phone_ready(&self, ag_no: &str) -> bool {
        self.agent(ag_no).is_some_and(|a| a.colleague.is_some())
            || self.phone_user(ag_no).is_some_and(|user| self.switch.is_registered(&user))
    }

    /// Pushes a message to an agent: after the replies still on their way, and not at all without a link.
    pub fn push(&mut self, ag_no: &str, mut message: Value) {
        let late = self.faults.push_late(Kind::of_push(&message), ag_no);
        if self.faults.on(Fault::NoCallId, Some(ag_no))
            && let Some(fields) = message.as_object_mut()
        {
            fields.remove("CallID");
        }
        if let Some(agent) = self.agent_mut(ag_no) {
            agent.outbox.push_back((message, late));
            agent.flush();
        }
    }

    /// From now on an agent's pushes wait for a reply.
    pub fn hold_pushes(&mut self, ag_no: &str) {
        if let Some(agent) = self.agent_mut(ag_no) {
            agent.held += 1;
        }
    }

    /// The reply is out.
    pub fn release_pushes(&mut self, ag_no: &str) {
        if let Some(agent) = self.agent_mut(ag_no) {
            agent.held = agent.held.saturating_sub(1);
            agent.flush();
        }
    }

    /// Changes a signed-in agent's state and pushes it (`MT` 4; `State` is a string there).
    pub fn enter(&mut self, ag_no: &str, sta: Sta) {
        let wrap_up = self.scenario.wrap_up_s;
        let until = Instant::now() + Duration::from_secs(wrap_up);
        let Some(session) = self.session_mut(ag_no) else { return };
        session.sta = sta;
        session.since = Instant::now();
        session.wrap_up_until = (sta == Sta::WrapUp).then_some(until);
        let mut message = json!({"MT": 4, "State": sta.number().to_string()});
        if let (Sta::Busy, Rest::Busy(Some(reason))) = (sta, &session.rest) {
            merge(&mut message, json!({"Reason": reason}));
        }
        if sta == Sta::WrapUp {
            merge(&mut message, json!({"WaitTime": wrap_up}));
        }
        self.push(ag_no, message);
        match sta {
            Sta::WrapUp => self.at(until, Timer::WrapUpOver { ag_no: ag_no.to_owned(), until }),
            Sta::Ready => {
                self.expect_arrivals();
                self.colleague_idle(ag_no);
                self.dispatch();
                self.expect_prospect(ag_no);
            }
            Sta::Initial | Sta::Busy | Sta::Occupied => {}
        }
    }

    /// Lets an agent go back to ready or busy.
    pub fn rest(&mut self, ag_no: &str) {
        let Some(session) = self.session_mut(ag_no) else { return };
        let sta = match session.rest {
            Rest::Ready => Sta::Ready,
            Rest::Busy(_) => Sta::Busy,
        };
        self.enter(ag_no, sta);
    }

    /// Ends a sign-in: its calls end, and the client is told with `MT` 4 `State` "0" if `told`.
    pub fn sign_out(&mut self, ag_no: &str, told: bool) {
        // The session goes first, so that no waiting customer is given to who is just leaving.
        let Some(session) = self.agent_mut(ag_no).and_then(|a| a.session.take()) else { return };
        if let Some(call) = session.call {
            self.leave(call, ag_no, Goodbye::Now);
        }
        if told {
            self.push(ag_no, json!({"MT": 4, "State": "0"}));
        }
        self.close_link_soon(ag_no);
    }

    /// Closes an agent's link with 3404 unless the client does it first.
    pub fn close_link_soon(&mut self, ag_no: &str) {
        if let Some(link) = self.agent(ag_no).and_then(|a| a.link.as_ref()).map(|l| l.id) {
            self.after(CLOSE_PATIENCE, Timer::CloseLink { ag_no: ag_no.to_owned(), link });
        }
    }

    /// Plans something.
    pub fn after(&mut self, delay: Duration, timer: Timer) {
        self.at(Instant::now() + delay, timer);
    }

    /// Plans something for a moment.
    pub fn at(&mut self, when: Instant, timer: Timer) {
        let n = self.next_number();
        self.timers.insert((when, n), timer);
    }

    /// Gives up plans.
    pub fn cancel(&mut self, unwanted: impl Fn(&Timer) -> bool) {
        self.timers.retain(|_, timer| !unwanted(timer));
    }

    /// Ends the legs an agent's phone was given time to end by itself: the next call comes.
    pub(super) fn drop_legs_now(&mut self, ag_no: &str) {
        let mut legs = Vec::new();
        self.timers.retain(|_, timer| {
            let Timer::DropLeg { ag_no: owner, leg } = timer else { return true };
            if owner == ag_no {
                legs.push(*leg);
            }
            owner != ag_no
        });
        for leg in legs {
            self.switch.hang_up(leg);
        }
    }

    /// When something will happen by itself next.
    pub fn next_due(&self) -> Option<Instant> {
        self.timers.keys().next().map(|(when, _)| *when)
    }

    /// Does everything whose time has come.
    pub fn run_due(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let timer = entry.remove();
            self.fire(timer);
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::WrapUpOver { ag_no, until } => {
                if self.session(&ag_no).is_some_and(|s| s.wrap_up_until == Some(until)) {
                    self.rest(&ag_no);
                }
            }
            Timer::LinkLost { ag_no, reg_id } => self.link_given_up(&ag_no, &reg_id),
            Timer::CloseLink { ag_no, link } => {
                if let Some(link) = self.agent(&ag_no).and_then(|a| a.link.as_ref()).filter(|l| l.id == link) {
                    link.ask(LinkOp::Close(3404));
                }
            }
            Timer::FarEnd { call } => self.far_end_step(call),
            Timer::GiveUp { call } => self.give_up(call),
            Timer::SpyGiveUp { call, ag_no } => self.spy_given_up(call, &ag_no),
            Timer::ScriptOver { call } => self.script_over(call),
            Timer::ColleagueActs { call, ag_no } => self.colleague_acts(call, &ag_no),
            Timer::ColleagueDone { call, ag_no } => self.hang_up(call, &ag_no),
            Timer::ColleagueCall { ag_no } => self.colleague_call(&ag_no),
            Timer::CustomerDone { call } => self.end_call(call, None),
            Timer::DropLeg { leg, .. } => self.switch.hang_up(leg),
            Timer::Arrival { index } => self.arrive(index),
            Timer::Approval { ag_no, request } => self.approver_answers(&ag_no, request),
            Timer::Prospect { ag_no, due } => self.prospect_answers(&ag_no, due),
            Timer::FaultOver { id } => self.fault_over(id),
        }
    }

    /// A dynamic agent's link stayed away: signed out, to be told when it returns (`MT` 10 `Code` 10).
    fn link_given_up(&mut self, ag_no: &str, reg_id: &str) {
        let away = |agent: &Agent| agent.link.as_ref().is_none_or(|l| l.reg_id != reg_id);
        let lost = self
            .agent(ag_no)
            .is_some_and(|a| a.session.as_ref().is_some_and(|s| s.reg_id == reg_id && s.login_type == 1) && away(a));
        if !lost {
            return;
        }
        tracing::debug!(ag_no, "signed out: the link stayed away");
        self.sign_out(ag_no, false);
        if let Some(agent) = self.agent_mut(ag_no) {
            agent.timed_out.push_back(reg_id.to_owned());
            if agent.timed_out.len() > TIMED_OUT_KEPT {
                agent.timed_out.pop_front();
            }
        }
    }
}

/// SIP user of a phone (protocol `softphone.md` 2).
pub fn sip_user(vcc_id: u64, phone: &str) -> String {
    format!("ss{vcc_id}ss{phone}")
}
