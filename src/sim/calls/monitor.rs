//! Supervisors in other agents' calls (protocol `cti.md` 2.5, 7.10): listening, whispering, barging in, tearing down.

use std::time::Duration;

use serde_json::json;

use super::{End, Goodbye, Role};
use crate::sim::json::merge;
use crate::sim::{
    state::{Sta, Timer},
    world::World,
};

/// How long a supervisor's own leg may take to come up.
const OWN_LEG_PATIENCE: Duration = Duration::from_secs(15);

/// What a supervisor changes about listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {
    /// The agent listened to hears the supervisor, nobody else does.
    Whisper,
    /// No more.
    WhisperNoMore,
    /// All hear the supervisor.
    Barge,
}

impl World {
    /// The call of an agent who can be listened to: one with the other end connected, and not just listening itself.
    pub fn monitored_call(&self, ag_no: &str) -> Option<u64> {
        let no = self.session(ag_no)?.call?;
        let call = self.calls.get(&no).filter(|c| c.phase.is_connected())?;
        let leg = call.leg(ag_no).filter(|l| l.up)?;
        (!matches!(leg.role, Role::Spy { .. })).then_some(no)
    }

    /// A supervisor begins to listen to an agent; the own leg is rung and answers by itself. The caller of this has
    /// checked that it may.
    pub fn spy(&mut self, no: u64, ag_no: &str, of: &str) {
        self.enter(ag_no, Sta::Occupied);
        let Some(call) = self.calls.get(&no) else { return };
        let mut ring = call.frame_of_customer(5);
        merge(&mut ring, json!({"RingType": 3}));
        merge(&mut ring, self.called_agent(of));
        self.ring_leg(no, ag_no, of, true, Role::Spy { of: of.to_owned(), barged: false, whispers: false });
        self.push(ag_no, ring);
        self.after(OWN_LEG_PATIENCE, Timer::SpyGiveUp { call: no, ag_no: ag_no.to_owned() });
    }

    pub(super) fn spy_up(&mut self, no: u64, ag_no: &str) {
        self.cancel(|t| t.is_of_leg(no, ag_no));
        let Some(call) = self.calls.get(&no) else { return };
        let listens = call.frame(31);
        self.reroute(no);
        self.push(ag_no, listens);
    }

    /// The listener's agent, if this agent listens in and is there already.
    pub fn spied_on(&self, no: u64, ag_no: &str) -> Option<&str> {
        match &self.calls.get(&no)?.leg(ag_no).filter(|l| l.up)?.role {
            Role::Spy { of, .. } => Some(of),
            Role::Main | Role::Consulted => None,
        }
    }

    /// Whispers, stops whispering, or barges in; false if it is so already, or not listening.
    pub fn set_listening(&mut self, no: u64, ag_no: &str, wanted: Listening) -> bool {
        let Some(call) = self.calls.get_mut(&no) else { return false };
        let told = call.frame(32);
        let Some(leg) = call.legs.iter_mut().find(|l| l.ag_no == ag_no && l.up) else { return false };
        let Role::Spy { barged, whispers, .. } = &mut leg.role else { return false };
        match wanted {
            Listening::Whisper if !*whispers => *whispers = true,
            Listening::WhisperNoMore if *whispers => *whispers = false,
            Listening::Barge if !*barged || *whispers => (*barged, *whispers) = (true, false),
            Listening::Whisper | Listening::WhisperNoMore | Listening::Barge => return false,
        }
        self.reroute(no);
        if wanted == Listening::Barge {
            self.push(ag_no, told);
        }
        true
    }

    /// A listener goes; the call goes on.
    pub(super) fn spy_leaves(&mut self, no: u64, ag_no: &str, goodbye: Goodbye) {
        let Some(call) = self.calls.get_mut(&no) else { return };
        let Some(at) = call.legs.iter().position(|l| l.ag_no == ag_no) else { return };
        let leg = call.legs.remove(at);
        let call = call.clone();
        self.reroute(no);
        self.let_go(&call, leg, &[0], goodbye);
    }

    /// The supervisor's own leg has not come up.
    pub fn spy_given_up(&mut self, no: u64, ag_no: &str) {
        self.spy_leaves(no, ag_no, Goodbye::Now);
    }

    /// Tears an agent's call down (36, 0). A consulted agent's part ends, and the consulting agent is back with the
    /// customer; any other call ends for everybody.
    pub fn tear_down(&mut self, no: u64, of: &str) {
        let role = self.calls.get(&no).and_then(|c| c.leg(of)).map(|l| l.role.clone());
        if role == Some(Role::Consulted) {
            self.consulted_leaves(no, &[36, 0], Goodbye::Now);
        } else {
            self.end_call_as(no, End { torn: Some(of), ..End::default() });
        }
    }
}
