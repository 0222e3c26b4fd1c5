//! Calls that agents make: to customers and to each other.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Call, Customer, Kind, Phase, Role};
use crate::sim::json::merge;
use crate::sim::{
    state::{Sta, Timer},
    world::World,
};

/// How long an inner call rings.
const INNER_RING: Duration = Duration::from_secs(60);
/// How long an agent's own leg may take to come up.
const OWN_LEG_PATIENCE: Duration = Duration::from_secs(15);

impl World {
    /// An agent dials a customer. The caller of this has checked that it may.
    pub fn dial_out(&mut self, ag_no: &str, number: &str, caller_id: Option<String>, queue: Option<i64>) {
        let customer = self.outside(number);
        let area = customer.area.clone();
        let mut call = self.new_call(Kind::Outbound, Phase::OwnLeg);
        call.customer = Some(customer);
        call.shown = caller_id;
        call.queue = queue;
        let other = json!({"Called": number, "OAgId": 0, "OAgNum": "", "OAgName": ""});
        self.place(ag_no, call, number, other, json!({"Called": number, "CallerAreaName": area, "OAgId": 0}));
    }

    /// Somebody outside, as their number is known to behave.
    pub(super) fn outside(&self, number: &str) -> Customer {
        let voice = self.behaviour(number).voice;
        Customer { number: number.to_owned(), area: area_of(number).to_owned(), voice, party: None }
    }

    /// An agent dials another agent. The caller of this has checked that it may.
    pub fn dial_inner(&mut self, ag_no: &str, called: &str) {
        let mut call = self.new_call(Kind::Inner, Phase::OwnLeg);
        call.to_agent = Some(called.to_owned());
        let other = self.called_agent(called);
        self.place(ag_no, call, called, other.clone(), other);
    }

    /// The fields that name a called agent.
    pub(super) fn called_agent(&self, called: &str) -> Value {
        let mut fields = self.other_agent(called);
        merge(&mut fields, json!({"Called": called}));
        fields
    }

    /// The fields that name another agent.
    pub(super) fn other_agent(&self, ag_no: &str) -> Value {
        let (id, name) = self.agent(ag_no).map(|a| (a.id, a.entry.name.as_str())).unwrap_or_default();
        json!({"OAgId": id, "OAgNum": ag_no, "OAgName": name})
    }

    /// Begins a call that an agent makes, with the agent's own leg.
    fn place(&mut self, ag_no: &str, call: Call, number: &str, calling: Value, ring_fields: Value) {
        self.enter(ag_no, Sta::Occupied);
        let no = call.no;
        let mut placed = call.frame(4);
        merge(&mut placed, calling);
        let mut ring = call.frame(5);
        merge(&mut ring, json!({"RingType": 2}));
        merge(&mut ring, ring_fields);
        self.push(ag_no, placed);
        self.calls.insert(no, call);
        self.ring_leg(no, ag_no, number, true, Role::Main);
        self.push(ag_no, ring);
        self.after(OWN_LEG_PATIENCE, Timer::GiveUp { call: no });
    }

    /// The calling agent's own leg is up: reach for the far end.
    pub(super) fn own_leg_up(&mut self, no: u64) {
        self.cancel(|t| t.is_of_reaching(no));
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
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.phase = Phase::FarRinging;
        let (mut ring, far) = (call.frame(5), call.frame(55));
        merge(&mut ring, json!({"RingType": 0, "CallType": 2, "Caller": caller, "CallerAreaName": ""}));
        merge(&mut ring, self.other_agent(caller));
        self.ring_leg(no, called, caller, false, Role::Main);
        self.push(called, ring);
        self.push(caller, far);
        self.after(INNER_RING, Timer::GiveUp { call: no });
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
