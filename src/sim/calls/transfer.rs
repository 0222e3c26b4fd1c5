//! Passing a customer on without asking first (protocol `cti.md` 2.4, 7.8): to an agent, an outside number, a queue.
//! The agent is out at once (33, 0). A customer whom nobody takes waits in the queue of the call.

use std::time::Duration;

use super::{Goodbye, Kind, Phase, QUEUE_PATIENCE, Role, consult};
use crate::sim::{customers::Outcome, state::Timer, world::World};

/// How long a customer is rung at the agent it was passed on to, before it goes to the queue.
const TRANSFER_RING: Duration = Duration::from_secs(30);

impl World {
    /// Takes the agent who serves the customer out of a call that then stands at `phase`; `and_then` goes on with it
    /// before the agent works on, so that the agent does not get the next call first.
    pub(super) fn pass_on(&mut self, no: u64, phase: Phase, told: &[u8], and_then: impl FnOnce(&mut World)) {
        let Some(call) = self.calls.get(&no) else { return };
        let Some(from) = call.main().map(|l| l.ag_no.clone()) else { return };
        let queue = call.queue.or_else(|| self.agent(&from).and_then(|a| a.entry.groups.first().copied()));
        let Some(call) = self.calls.get_mut(&no) else { return };
        let gone = consult::take_with_listeners(call, &Role::Main);
        call.phase = phase;
        call.kind = Kind::Inbound;
        call.held_by = None;
        call.to_agent = None;
        call.queue = queue;
        call.refused.clear();
        call.transferred_by = Some(from);
        let call = call.clone();
        self.reroute(no);
        and_then(self);
        self.let_all_go(&call, gone, &Role::Main, told, Goodbye::Now);
    }

    /// To an agent, who can be called.
    pub fn transfer_agent(&mut self, no: u64, to: &str) {
        self.pass_on(no, Phase::Ringing, &[33, 0], |world| {
            world.offer(no, to);
            world.after(TRANSFER_RING, Timer::GiveUp { call: no });
        });
    }

    /// To an outside number.
    pub fn transfer_tel(&mut self, no: u64, number: &str) {
        let third = self.outside(number);
        let delay = self.behaviour(number).until_outcome();
        self.pass_on(no, Phase::Transferring, &[33, 0], |world| {
            if let Some(call) = world.calls.get_mut(&no) {
                call.third = Some(third);
            }
            world.after(delay, Timer::FarEnd { call: no });
        });
    }

    /// The outside number is reached, or the customer goes to the queue.
    pub fn transfer_outcome(&mut self, no: u64, outcome: Outcome) {
        let switch = std::sync::Arc::clone(&self.switch);
        let Some(call) = self.calls.get_mut(&no) else { return };
        match outcome {
            Outcome::Answer => {
                call.phase = Phase::Transferred;
                if let Some(third) = call.third.as_mut() {
                    third.party = Some(switch.add_party(third.voice));
                }
                self.reroute(no);
                self.after(consult::TRANSFERRED_TALK, Timer::CustomerDone { call: no });
            }
            Outcome::Busy | Outcome::NoAnswer | Outcome::Reject | Outcome::Unreachable => {
                call.third = None;
                self.waits_again(no);
                self.dispatch();
            }
        }
    }

    /// To a queue, as a new inbound call (protocol `cti.md` 9.3).
    pub fn transfer_queue(&mut self, no: u64, queue: i64) {
        self.pass_on(no, Phase::Queued, &[33, 0], |world| {
            if let Some(call) = world.calls.get_mut(&no) {
                call.queue = Some(queue);
            }
            world.waits_again(no);
            world.dispatch();
        });
    }

    /// A customer who has been talking waits in the queue of the call.
    pub(super) fn waits_again(&mut self, no: u64) {
        self.cancel(|t| t.is_of_reaching(no));
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.phase = Phase::Queued;
        call.transferred_by = None;
        call.waits_from_now();
        self.reroute(no);
        self.after(QUEUE_PATIENCE, Timer::GiveUp { call: no });
    }

    /// Gives a waiting customer to an agent who asks for it, who may be busy.
    pub fn take_out_of_queue(&mut self, no: u64, ag_no: &str) {
        self.offer(no, ag_no);
    }

    /// Whether this agent's own call may be passed on, or a third party consulted: it serves a customer, in
    /// conversation or on hold.
    pub fn may_pass_on(&self, no: u64, ag_no: &str) -> bool {
        self.calls.get(&no).is_some_and(|call| {
            call.customer.is_some()
                && matches!(call.phase, Phase::Talking | Phase::Held)
                && call.leg(ag_no).is_some_and(|l| l.role == Role::Main)
        })
    }
}
