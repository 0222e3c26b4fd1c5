//! A plain platform for one agent: who is to be called next, the call it holds, what it pushes, what it answers.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{Lab, clock::Ms, network::Due, phone::Far};
use crate::{
    cti::{
        api::Request,
        push::{AgentEvent, PhoneEvent, PhoneState, PushMessage},
    },
    domain::{RingKind, Unreached},
};

/// Nobody answers for so long: the platform gives the call up.
pub(super) const RINGS_FOR: Ms = 20_000;
/// How long the far end of a call out rings.
const FAR_RINGS_FOR: Ms = 30_000;
/// How long the own leg of a call out may take.
const OWN_LEG: Ms = 15_000;
/// How long an agent's phone may take to end its leg after a command, before the platform does.
const LEG_PATIENCE: Ms = 100;
/// No such call, or not in this state.
const NOT_SO: i64 = 40404;
/// Already in that state.
const ALREADY_SO: i64 = 40403;

/// The agent, as the platform has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sta {
    #[default]
    Out,
    Initial,
    Ready,
    Busy,
    Occupied,
    WrapUp,
}

impl Sta {
    fn number(self) -> i64 {
        match self {
            Sta::Out | Sta::Initial => 0,
            Sta::Ready => 1,
            Sta::Busy => 2,
            Sta::Occupied => 4,
            Sta::WrapUp => 5,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A customer's call rings at the agent.
    Ringing,
    /// The own leg of a call out is to come up.
    OwnLeg,
    /// The called number rings.
    FarRinging,
    Talking,
}

/// The call that the platform holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) no: usize,
    pub(super) stage: Stage,
}

impl Held {
    fn pho_sta(self) -> i64 {
        match self.stage {
            Stage::Ringing => 5,
            Stage::OwnLeg => 4,
            Stage::FarRinging => 55,
            Stage::Talking => 6,
        }
    }
}

/// What comes by time alone.
#[derive(Clone, Copy, Debug)]
pub(super) enum PlatformDue {
    /// A call has not got on for too long; how far it had come.
    Overdue(usize, Stage),
    /// The agent's phone has had its time to end the leg.
    LegOverdue(usize),
    /// The wrap-up of this number is over.
    WrapUpOver(u64),
    /// The next customer has waited for quiet channels.
    NextCustomer,
    /// The customer, or whoever was called, leaves.
    CustomerLeaves(usize),
    /// Whoever was called answers.
    FarAnswers(usize),
}

#[derive(Default)]
pub(super) struct Platform {
    pub(super) sta: Sta,
    /// Busy after the call.
    busy_wanted: bool,
    reg: u64,
    linked_before: bool,
    pub(super) call: Option<Held>,
    pub(super) waiting: VecDeque<usize>,
    /// Restarts so far.
    pub(super) age: u64,
    wrap_ups: u64,
    /// Pushes and calls are made by hand; only requests are answered, always well.
    pub(super) by_hand: bool,
}

impl Platform {
    pub(super) fn is_ready(&self) -> bool {
        self.sta == Sta::Ready
    }

    pub(super) fn knows(&self, reg_id: &str) -> bool {
        self.sta != Sta::Out && reg_id == format!("R{}", self.reg)
    }
}

/// How a restart is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// It knows everything that it knew.
    Whole,
    /// It has forgotten its calls, and takes the agent for idle.
    NoCalls,
    /// It does not know the sign-in any more either.
    Nothing,
}

impl Lab {
    pub(super) fn number(&self, no: usize) -> String {
        self.ledger.call(no).number.clone()
    }

    fn phone_event(&self, no: usize, state: PhoneState) -> PhoneEvent {
        let call_id = self.terms.named.then(|| format!("pid-{no}"));
        PhoneEvent { state, call_id, ..PhoneEvent::default() }
    }

    /// The push of a customer's call.
    pub(super) fn ring_push(&self, no: usize) -> PushMessage {
        PushMessage::Phone(PhoneEvent {
            caller: Some(self.number(no)),
            area: Some("北京".into()),
            queue_id: Some(2),
            call_type: Some(2),
            ..self.phone_event(no, PhoneState::Ring(RingKind::Queue))
        })
    }

    pub(super) fn phone_push(&self, no: usize, state: PhoneState) -> PushMessage {
        PushMessage::Phone(self.phone_event(no, state))
    }

    pub(super) fn agent_push(&self, sta: Sta) -> PushMessage {
        let wait_time_s = (sta == Sta::WrapUp).then_some(self.terms.wrap_up_ms / 1000);
        PushMessage::Agent(AgentEvent { state: sta.number(), reason: None, wait_time_s })
    }

    /// A customer's From.
    pub(super) fn from(&self, no: usize) -> String {
        if self.terms.gateway { "gw01".to_owned() } else { self.number(no) }
    }

    fn enter(&mut self, sta: Sta) {
        self.platform.sta = sta;
        let push = self.agent_push(sta);
        self.push(push, None);
        self.changed();
    }

    fn plan_platform(&mut self, after: Ms, due: PlatformDue) {
        self.schedule.plan(self.now + after, Due::Platform(due));
    }

    pub(super) fn leaves_after(&mut self, no: usize, after: Ms) {
        self.plan_platform(after, PlatformDue::CustomerLeaves(no));
    }

    pub(super) fn far_answers_after(&mut self, no: usize, after: Ms) {
        self.plan_platform(after, PlatformDue::FarAnswers(no));
    }

    /// A customer calls: the next one for the agent, or one who waits.
    pub(super) fn customer_calls(&mut self) -> usize {
        let no = self.ledger.begin(false);
        self.note(|| format!("customer {no} calls"));
        self.platform.waiting.push_back(no);
        self.next_customer();
        no
    }

    /// Whoever has waited longest rings, if the agent is ready.
    fn next_customer(&mut self) {
        if !self.platform.is_ready() || self.platform.call.is_some() || self.platform.waiting.is_empty() {
            return;
        }
        if self.phone.legs.iter().any(|leg| leg.lives() && self.ledger.call(leg.no).forgotten.is_some()) {
            // The switch knows that the agent is not free.
            return self.plan_platform(500, PlatformDue::NextCustomer);
        }
        if self.terms.gateway && !self.network.is_quiet(self.now) {
            // Only their order tells the calls of a gateway apart, so each has arrived before the next one comes.
            return self.plan_platform(50, PlatformDue::NextCustomer);
        }
        if let Some(next) = self.platform.waiting.pop_front() {
            self.ring(next);
        }
    }

    fn ring(&mut self, no: usize) {
        self.platform.call = Some(Held { no, stage: Stage::Ringing });
        self.enter(Sta::Occupied);
        let ring = self.ring_push(no);
        self.push(ring, Some(no));
        let from = self.from(no);
        self.invite(no, from, false);
        self.plan_platform(RINGS_FOR, PlatformDue::Overdue(no, Stage::Ringing));
        self.call_is_offered(no);
    }

    pub(super) fn platform_is_due(&mut self, due: PlatformDue) {
        match due {
            PlatformDue::Overdue(no, stage) => {
                if self.platform.call == Some(Held { no, stage }) {
                    self.end(no, Some(Unreached::NoAnswer));
                } else if self.platform.call.is_none_or(|held| held.no != no)
                    && self.phone.leg(no).is_some_and(|leg| leg.far == Far::Inviting)
                {
                    // A call that the platform has forgotten; the switch gives it up by itself.
                    self.drop_leg(no, None);
                }
            }
            PlatformDue::LegOverdue(no) => self.drop_leg(no, None),
            PlatformDue::WrapUpOver(wrap_up) => {
                if self.platform.sta == Sta::WrapUp && self.platform.wrap_ups == wrap_up {
                    self.rest();
                }
            }
            PlatformDue::NextCustomer => self.next_customer(),
            PlatformDue::CustomerLeaves(no) => self.customer_leaves(no),
            PlatformDue::FarAnswers(no) => self.far_answers(no),
        }
    }

    pub(super) fn customer_leaves(&mut self, no: usize) {
        self.note(|| format!("customer {no} leaves"));
        self.platform.waiting.retain(|waiting| *waiting != no);
        match self.platform.call {
            Some(held) if held.no == no => self.end(no, None),
            _ => self.drop_leg(no, None),
        }
    }

    /// Whoever was called answers.
    pub(super) fn far_answers(&mut self, no: usize) {
        if self.platform.call == Some(Held { no, stage: Stage::FarRinging }) {
            self.reaches(no, Stage::Talking);
            let connected = self.phone_push(no, PhoneState::Connected);
            self.push(connected, Some(no));
        }
    }

    fn reaches(&mut self, no: usize, stage: Stage) {
        self.platform.call = Some(Held { no, stage });
        self.changed();
        if stage == Stage::Talking {
            self.ledger.connects(no, self.now);
        }
    }

    /// The switch says that the phone has answered.
    pub(super) fn switch_connects(&mut self, no: usize) {
        match self.platform.call {
            Some(Held { no: held, stage: Stage::Ringing }) if held == no => {
                self.reaches(no, Stage::Talking);
                let connected = self.phone_push(no, PhoneState::Connected);
                self.push(connected, Some(no));
            }
            Some(Held { no: held, stage: Stage::OwnLeg }) if held == no => {
                self.reaches(no, Stage::FarRinging);
                for state in [PhoneState::SelfConnected, PhoneState::FarRinging] {
                    let push = self.phone_push(no, state);
                    self.push(push, Some(no));
                }
                self.plan_platform(FAR_RINGS_FOR, PlatformDue::Overdue(no, Stage::FarRinging));
            }
            _ => {}
        }
    }

    /// The switch says that the phone has left, or refused.
    pub(super) fn switch_is_left(&mut self, no: usize) {
        self.changed();
        if self.platform.call.is_some_and(|held| held.no == no) {
            self.end(no, None);
        }
    }

    /// The call is over, and so is its leg.
    fn end(&mut self, no: usize, why: Option<Unreached>) {
        let late = self.dice.up_to(self.terms.bye_ms);
        if late == 0 {
            self.drop_leg(no, why);
        } else {
            self.plan_platform(late, PlatformDue::LegOverdue(no));
        }
        self.release(no);
    }

    /// The call is over, its leg apart.
    fn release(&mut self, no: usize) {
        let talked = self.platform.call.take().is_some_and(|held| held.stage == Stage::Talking);
        self.ledger.ends(no, self.now);
        let over = self.phone_push(no, PhoneState::HungUp);
        self.push(over, Some(no));
        if talked && self.terms.wrap_up_ms > 0 {
            self.platform.wrap_ups += 1;
            self.enter(Sta::WrapUp);
            self.plan_platform(self.terms.wrap_up_ms, PlatformDue::WrapUpOver(self.platform.wrap_ups));
        } else {
            self.rest();
        }
    }

    fn rest(&mut self) {
        if self.platform.busy_wanted {
            return self.enter(Sta::Busy);
        }
        self.enter(Sta::Ready);
        self.next_customer();
    }

    /// The link is there: greeted, and told how things are if it was there before.
    pub(super) fn platform_greets(&mut self) {
        self.push(PushMessage::Established, None);
        if std::mem::replace(&mut self.platform.linked_before, true) {
            let pho_sta = self.platform.call.map(Held::pho_sta);
            let param = (self.platform.sta == Sta::WrapUp).then_some(1);
            let about = self.platform.call.map(|held| held.no);
            self.push(PushMessage::InitState { ag_sta: self.platform.sta.number(), pho_sta, param }, about);
        }
    }

    /// Everything that hangs on the platform is cut, and it may have forgotten much.
    pub(super) fn restart(&mut self, memory: Memory, away: Ms) {
        self.note(|| format!("the platform restarts: {memory:?}, away for {away} ms"));
        self.platform.age += 1;
        self.stop_http(away);
        self.cut_link(0, away);
        if memory == Memory::Whole {
            return;
        }
        if let Some(held) = self.platform.call.take() {
            self.ledger.is_forgotten(held.no, self.now);
        }
        for no in std::mem::take(&mut self.platform.waiting) {
            self.ledger.ends(no, self.now);
        }
        self.platform.busy_wanted = false;
        self.platform.sta = if memory == Memory::Nothing { Sta::Out } else { Sta::Ready };
    }

    /// Answers a request: code, data, and the call that it began.
    pub(super) fn platform_does(&mut self, request: Request) -> (i64, Value, Option<usize>) {
        if self.platform.by_hand && request_is_about_a_call(&request) {
            return (0, Value::Null, None);
        }
        let code =
            match request {
                Request::RtcInfo { .. } => {
                    let data = json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw", "expires": 99_999_999 });
                    return (0, data, None);
                }
                Request::Login { .. } => {
                    self.platform.reg += 1;
                    self.platform.linked_before = false;
                    self.platform.sta = Sta::Initial;
                    return (0, json!({ "regId": format!("R{}", self.platform.reg), "agSta": "0" }), None);
                }
                Request::Ready => self.set_ready(),
                Request::Busy { .. } => self.set_busy(),
                Request::CallOut { tel, .. } => {
                    let Some(no) = super::ledger::no_of(&tel) else { return (NOT_SO, Value::Null, None) };
                    let code = self.place(no);
                    return (code, Value::Null, Some(no));
                }
                Request::HangUp => self.agent_ends(|_| true),
                Request::Refuse => self.agent_ends(|stage| stage == Stage::Ringing),
                Request::CallOutCancel => self.agent_ends(|stage| matches!(stage, Stage::OwnLeg | Stage::FarRinging)),
                Request::Hold | Request::Unhold => {
                    if self.platform.call.is_some_and(|held| held.stage == Stage::Talking) { 0 } else { NOT_SO }
                }
                Request::Logout => {
                    self.platform.sta = Sta::Out;
                    0
                }
                Request::BusyReasons => return (0, json!([{ "id": "11", "stat_reason": "lunch" }]), None),
                Request::CallerList => return (0, json!({ "num": [{ "name": "a", "value": "0101" }] }), None),
                Request::SkillGroups => return (0, json!([{ "id": "2", "que_name": "Q", "vcc_id": 77 }]), None),
                Request::AgentBaseInfo => {
                    return (0, json!({ "id": 1, "ag_name": "Li", "que": [{ "id": "2", "que_name": "Q" }] }), None);
                }
                other => panic!("this platform does not know {other:?}"),
            };
        (code, Value::Null, None)
    }

    fn set_ready(&mut self) -> i64 {
        match self.platform.sta {
            Sta::Ready => ALREADY_SO,
            Sta::Out | Sta::Occupied => NOT_SO,
            Sta::Initial | Sta::Busy | Sta::WrapUp => {
                self.platform.busy_wanted = false;
                self.rest();
                0
            }
        }
    }

    fn set_busy(&mut self) -> i64 {
        match self.platform.sta {
            Sta::Busy => ALREADY_SO,
            Sta::Out | Sta::Occupied => NOT_SO,
            Sta::Initial | Sta::Ready | Sta::WrapUp => {
                self.platform.busy_wanted = true;
                self.rest();
                0
            }
        }
    }

    /// The agent calls out.
    fn place(&mut self, no: usize) -> i64 {
        if !matches!(self.platform.sta, Sta::Ready | Sta::Busy | Sta::WrapUp) || self.platform.call.is_some() {
            self.ledger.ends(no, self.now);
            return NOT_SO;
        }
        self.platform.call = Some(Held { no, stage: Stage::OwnLeg });
        self.enter(Sta::Occupied);
        let called = Some(self.number(no));
        for state in [PhoneState::CallOut, PhoneState::Ring(RingKind::Outbound)] {
            let event = PhoneEvent { called: called.clone(), ..self.phone_event(no, state) };
            self.push(PushMessage::Phone(event), Some(no));
        }
        let from = self.from(no);
        self.invite(no, from, true);
        self.plan_platform(OWN_LEG, PlatformDue::Overdue(no, Stage::OwnLeg));
        self.call_is_placed(no);
        0
    }

    /// The agent ends the call by a command; the phone has a moment to end its leg itself.
    fn agent_ends(&mut self, fits: impl Fn(Stage) -> bool) -> i64 {
        let Some(held) = self.platform.call.filter(|held| fits(held.stage)) else { return NOT_SO };
        if self.phone.leg(held.no).is_some_and(|leg| leg.far == Far::Up) {
            self.plan_platform(LEG_PATIENCE, PlatformDue::LegOverdue(held.no));
            self.release(held.no);
        } else {
            self.end(held.no, None);
        }
        0
    }
}

fn request_is_about_a_call(request: &Request) -> bool {
    matches!(
        request,
        Request::CallOut { .. }
            | Request::HangUp
            | Request::Refuse
            | Request::CallOutCancel
            | Request::Hold
            | Request::Unhold
            | Request::Ready
            | Request::Busy { .. }
    )
}
