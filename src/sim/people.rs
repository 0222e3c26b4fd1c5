//! The people outside: how dialled numbers behave, and customers who call by themselves.

use std::time::Duration;

use super::{
    calls::{Call, End, Incoming, Kind, Phase},
    customers::{Behaviour, CUSTOMERS, NO_ANSWER, Outcome, REACH},
    state::{Sta, Timer},
    world::World,
};

/// How soon an arrival that found nobody idle tries again.
const RETRY: Duration = Duration::from_secs(5);
impl World {
    /// How a number behaves when dialled.
    pub fn behaviour(&self, number: &str) -> Behaviour {
        self.behaviours.get(number).copied().unwrap_or_default()
    }

    /// The network is asked for the far end of an outbound call.
    pub fn reach_far_end(&mut self, no: u64) {
        let Some(number) = self.calls.get(&no).and_then(|c| c.customer.as_ref()).map(|c| c.number.clone()) else {
            return;
        };
        let behaviour = self.behaviour(&number);
        let delay = match behaviour.outcome {
            Outcome::Answer | Outcome::NoAnswer | Outcome::Reject => REACH,
            Outcome::Busy | Outcome::Unreachable => behaviour.after.unwrap_or(Duration::from_secs(1)),
        };
        self.after(delay, Timer::FarEnd { call: no });
    }

    /// The far end of an outbound call, or a consulted or transferred-to number, takes its next step: rings, answers, or
    /// is lost.
    pub fn far_end_step(&mut self, no: u64) {
        let Some(call) = self.calls.get_mut(&no) else { return };
        let reached = call.third.as_ref().or(call.customer.as_ref());
        let Some(number) = reached.map(|c| c.number.clone()) else { return };
        let behaviour = self.behaviours.get(&number).copied().unwrap_or_default();
        match (call.phase, behaviour.outcome) {
            (Phase::Reaching, Outcome::Answer | Outcome::NoAnswer | Outcome::Reject) => {
                call.phase = Phase::FarRinging;
                let rings = call.frame(55);
                let owner = call.legs.first().map(|l| l.ag_no.clone());
                if let Some(ag_no) = owner {
                    self.push(&ag_no, rings);
                }
                let usual = if behaviour.outcome == Outcome::NoAnswer { NO_ANSWER } else { Duration::from_secs(1) };
                self.after(behaviour.after.unwrap_or(usual), Timer::FarEnd { call: no });
            }
            (Phase::FarRinging, Outcome::Answer) => self.connect(no),
            (Phase::FarRinging | Phase::Reaching, outcome) => {
                self.end_call_as(no, End { cause: outcome.q850(), ..End::default() });
            }
            (Phase::ConsultOut, outcome) => self.third_outcome(no, outcome),
            (Phase::Transferring, outcome) => self.transfer_outcome(no, outcome),
            (
                Phase::Queued
                | Phase::Ringing
                | Phase::OwnLeg
                | Phase::Talking
                | Phase::Held
                | Phase::Consulting
                | Phase::ThreeWay
                | Phase::Interacting
                | Phase::Transferred
                | Phase::Ivr
                | Phase::Evaluating
                | Phase::Ended,
                _,
            ) => {}
        }
    }

    /// Somebody is idle: plan the calls of those who call by themselves.
    pub fn expect_arrivals(&mut self) {
        let mut due = Vec::new();
        for (index, state) in self.arrivals.iter_mut().enumerate() {
            let delay = if state.made == 0 { Some(state.arrival.first_after_s) } else { state.arrival.again_after_s };
            if let (Some(delay), false, false) = (delay, state.planned, state.live) {
                state.planned = true;
                due.push((index, Duration::from_secs(delay)));
            }
        }
        for (index, delay) in due {
            self.after(delay, Timer::Arrival { index });
        }
    }

    /// A customer of the scenario calls, if anybody is idle, or there at all for those who queue up.
    pub fn arrive(&mut self, index: usize) {
        let Some(arrival) = self.arrivals.get(index).map(|s| s.arrival.clone()) else { return };
        let calls = self.agents.iter().any(|a| match (&arrival.to_agent, a.sta()) {
            (Some(wanted), Some(Sta::Ready)) => *wanted == a.entry.ag_no,
            (None, Some(Sta::Ready)) => a.takes_queue_calls(),
            (_, sta) => arrival.queues_up && sta.is_some() && a.colleague.is_none(),
        });
        if !calls {
            self.after(RETRY, Timer::Arrival { index });
            return;
        }
        let Some(state) = self.arrivals.get_mut(index) else { return };
        state.planned = false;
        state.live = true;
        let (from, area) = if arrival.from.is_empty() {
            let turn = CUSTOMERS.get(state.made % CUSTOMERS.len()).copied().unwrap_or_default();
            (turn.0.to_owned(), turn.1.to_owned())
        } else {
            (arrival.from.clone(), arrival.area.clone())
        };
        state.made += 1;
        self.customer_calls(Incoming {
            from,
            area,
            to_agent: arrival.to_agent.clone(),
            queue: arrival.queue,
            answer_timeout: Duration::from_secs(arrival.answer_timeout_s),
            voice: arrival.voice(),
            hangup_after: None,
            arrival: Some(index),
            project: None,
        });
    }

    /// A call is over: its caller may call again.
    pub fn arrival_over(&mut self, call: &Call) {
        if call.kind != Kind::Inbound {
            return;
        }
        if let Some(state) = call.arrival.and_then(|index| self.arrivals.get_mut(index)) {
            state.live = false;
            self.expect_arrivals();
        }
    }
}
