//! Consulting (protocol `cti.md` 5.2, 7.6, 7.7): the agent who serves a customer asks another agent or an outside number
//! for advice while the customer hears music, then goes back, hands the customer over, or talks with both.
//!
//! The agent or the customer hanging up ends it for all three; the third party hanging up brings the agent back to the
//! customer.

use std::time::Duration;

use serde_json::{Value, json};

use super::{AgentLeg, Call, Goodbye, Phase, Role};
use crate::sim::json::merge;
use crate::sim::{
    customers::Outcome,
    state::{Sta, Timer},
    world::World,
};

/// How long a consulted agent is rung.
const CONSULT_RING: Duration = Duration::from_secs(60);
/// How long customer and outside number talk after the agent has left them to each other.
pub(super) const TRANSFERRED_TALK: Duration = Duration::from_secs(60);

impl World {
    /// Consults an agent. The caller of this has checked that the call is one that can, and the agent can be called.
    pub fn consult_agent(&mut self, no: u64, ag_no: &str, consulted: &str) {
        self.enter(consulted, Sta::Occupied);
        let fields = self.called_agent(consulted);
        let consulter = self.other_agent(ag_no);
        self.consult_begins(no, fields);
        let Some(call) = self.calls.get(&no) else { return };
        let mut ring = call.frame_of_customer(5);
        merge(&mut ring, json!({"RingType": 4, "CallType": 2}));
        merge(&mut ring, consulter);
        self.ring_leg(no, consulted, ag_no, false, Role::Consulted);
        self.push(consulted, ring);
        self.after(CONSULT_RING, Timer::GiveUp { call: no });
    }

    /// Consults an outside number. The caller of this has checked that the call is one that can.
    pub fn consult_tel(&mut self, no: u64, number: &str) {
        let third = self.outside(number);
        if let Some(call) = self.calls.get_mut(&no) {
            call.third = Some(third);
        }
        self.consult_begins(no, json!({"Called": number, "OAgId": 0, "OAgNum": "", "OAgName": ""}));
        self.after(self.behaviour(number).until_outcome(), Timer::FarEnd { call: no });
    }

    fn consult_begins(&mut self, no: u64, third: Value) {
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.phase = Phase::ConsultOut;
        call.held_by = None;
        self.reroute(no);
        self.tell_main(no, 21, third);
    }

    /// Tells the agent who serves the customer; `third` names who is consulted.
    fn tell_main(&mut self, no: u64, pho_sta: u8, third: Value) {
        let Some(call) = self.calls.get(&no) else { return };
        let Some(ag_no) = call.main().map(|l| l.ag_no.clone()) else { return };
        let mut frame = call.frame(pho_sta);
        // The third party's number goes by this name too (protocol `cti.md` 9.3).
        if let Some(number) = third.get("Called").cloned() {
            merge(&mut frame, json!({"Others": number}));
        }
        merge(&mut frame, third);
        self.push(&ag_no, frame);
    }

    /// The fields that name who is consulted.
    fn third_party(&self, call: &Call) -> Value {
        match (call.legs.iter().find(|l| l.role == Role::Consulted), &call.third) {
            (Some(leg), _) => self.called_agent(&leg.ag_no),
            (None, Some(third)) => json!({"Called": third.number, "OAgId": 0, "OAgNum": "", "OAgName": ""}),
            (None, None) => json!({}),
        }
    }

    /// Who is consulted has answered.
    pub(super) fn consult_up(&mut self, no: u64) {
        self.cancel(|t| t.is_of_reaching(no));
        let switch = std::sync::Arc::clone(&self.switch);
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.phase = Phase::Consulting;
        if let Some(third) = call.third.as_mut() {
            third.party = Some(switch.add_party(third.voice));
        }
        let connected = call.frame(6);
        let consulted = call.legs.iter().find(|l| l.role == Role::Consulted).map(|l| l.ag_no.clone());
        self.reroute(no);
        if let Some(call) = self.calls.get(&no) {
            let third = self.third_party(call);
            self.tell_main(no, 22, third);
        }
        if let Some(ag_no) = consulted {
            self.push(&ag_no, connected);
        }
    }

    /// The consulted number is reached, or not.
    pub fn third_outcome(&mut self, no: u64, outcome: Outcome) {
        match outcome {
            Outcome::Answer => self.consult_up(no),
            Outcome::Busy | Outcome::NoAnswer | Outcome::Reject | Outcome::Unreachable => {
                self.consult_over(no, 24, &[0], Goodbye::Now);
            }
        }
    }

    /// The consulted agent is gone: not reached (24), or the agent is back with the customer (23, 26).
    pub(super) fn consulted_leaves(&mut self, no: u64, told: &[u8], goodbye: Goodbye) {
        let pho_sta = match self.calls.get(&no).map(|c| c.phase) {
            Some(Phase::ConsultOut) => 24,
            Some(Phase::ThreeWay) => 26,
            Some(_) | None => 23,
        };
        self.consult_over(no, pho_sta, told, goodbye);
    }

    /// Ends a consultation: who was consulted goes, and the agent is back with the customer, told with `pho_sta`. A
    /// consulted agent gets the messages `told`.
    pub fn consult_over(&mut self, no: u64, pho_sta: u8, told: &[u8], goodbye: Goodbye) {
        self.cancel(|t| t.is_of_reaching(no));
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.phase = Phase::Talking;
        let third = call.third.take();
        let gone = take_with_listeners(call, &Role::Consulted);
        let call = call.clone();
        if let Some(party) = third.and_then(|t| t.party) {
            self.switch.remove_party(party);
        }
        self.reroute(no);
        self.tell_main(no, pho_sta, json!({}));
        self.let_all_go(&call, gone, &Role::Consulted, told, goodbye);
    }

    /// Lets agents go who have been taken out of a call: those with this role get the messages `told`, listeners 0.
    pub(super) fn let_all_go(&mut self, call: &Call, gone: Vec<AgentLeg>, role: &Role, told: &[u8], goodbye: Goodbye) {
        for leg in gone {
            if leg.role == *role {
                self.let_go(call, leg, told, goodbye);
            } else {
                self.let_go(call, leg, &[0], Goodbye::Now);
            }
        }
    }

    /// Agent, customer and third party are all together.
    pub fn three_way(&mut self, no: u64) {
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.phase = Phase::ThreeWay;
        self.reroute(no);
        if let Some(call) = self.calls.get(&no) {
            let third = self.third_party(call);
            self.tell_main(no, 25, third);
        }
    }

    /// The agent hands the customer over to whom it consulted, and is out (33, 0).
    pub fn consult_transfer(&mut self, no: u64) {
        let Some(call) = self.calls.get_mut(&no) else { return };
        let Some(from) = call.main().map(|l| l.ag_no.clone()) else { return };
        let gone = take_with_listeners(call, &Role::Main);
        let mut taker = None;
        for leg in call.legs.iter_mut().filter(|l| l.role == Role::Consulted) {
            leg.role = Role::Main;
            leg.talked = true;
            taker = Some(leg.ag_no.clone());
        }
        call.phase = if taker.is_some() { Phase::Talking } else { Phase::Transferred };
        let told = super::transferred_frame(call, &from);
        let call = call.clone();
        self.reroute(no);
        match taker {
            Some(ag_no) => {
                self.push(&ag_no, told);
                self.colleague_talks(no, &ag_no);
            }
            None => self.after(TRANSFERRED_TALK, Timer::CustomerDone { call: no }),
        }
        self.let_all_go(&call, gone, &Role::Main, &[33, 0], Goodbye::Now);
    }
}

/// Takes the agents with this role out of a call, and those who listen to them.
pub(super) fn take_with_listeners(call: &mut Call, role: &Role) -> Vec<AgentLeg> {
    let of: Vec<String> = call.legs.iter().filter(|l| l.role == *role).map(|l| l.ag_no.clone()).collect();
    let goes = |leg: &mut AgentLeg| leg.role == *role || of.iter().any(|ag_no| leg.spies_on(ag_no));
    call.legs.extract_if(.., goes).collect()
}
