//! How calls end, and agents' parts in them: hung up, refused, given up on.

use std::time::Duration;

use super::{AgentLeg, Call, End, Goodbye, Kind, Line, Phase, Role};
use crate::sim::{
    state::{Sta, Timer},
    world::World,
};

/// How long a client that hung up by command has to end its own leg before the platform does.
const LEG_PATIENCE: Duration = Duration::from_millis(100);
/// What the network calls a user who does not answer (ITU-T Q.850).
const NO_ANSWER: u16 = 19;
/// What it calls one who refuses.
const CALL_REJECTED: u16 = 21;

impl World {
    /// Ends a call in whatever phase. `by` is the agent who asked, whose phone may end its leg itself.
    pub fn end_call(&mut self, no: u64, by: Option<&str>) {
        self.end_call_as(no, End { by, ..End::default() });
    }

    /// Ends a call in whatever phase: every party goes, every agent is told (`PhoSta` 0).
    pub fn end_call_as(&mut self, no: u64, end: End<'_>) {
        self.cancel(|t| t.is_of_call(no));
        let Some(mut call) = self.calls.remove(&no) else { return };
        call.phase = Phase::Ended;
        let outside = call.customer.iter().chain(&call.third).filter_map(|c| c.party);
        for party in outside.chain(call.music).chain(call.script.as_ref().map(|s| s.party)) {
            self.switch.remove_party(party);
        }
        for leg in std::mem::take(&mut call.legs) {
            let told: &[u8] = if end.torn == Some(leg.ag_no.as_str()) { &[36, 0] } else { &[0] };
            let goodbye = match end.cause {
                _ if end.by == Some(leg.ag_no.as_str()) => Goodbye::ByAgent,
                Some(cause) => Goodbye::Because(cause),
                None => Goodbye::Now,
            };
            self.let_go(&call, leg, told, goodbye);
        }
        self.arrival_over(&call);
    }

    /// Lets an agent go whose part in a call is over and already taken out of it: the leg ends, the agent is told, and
    /// works on.
    pub(super) fn let_go(&mut self, call: &Call, leg: AgentLeg, told: &[u8], goodbye: Goodbye) {
        let ag_no = leg.ag_no.as_str();
        self.cancel(|t| t.is_of_leg(call.no, ag_no));
        match (leg.line, goodbye) {
            (Line::Phone(id), Goodbye::ByAgent) => {
                self.after(LEG_PATIENCE, Timer::DropLeg { ag_no: ag_no.to_owned(), leg: id });
            }
            (Line::Phone(id), Goodbye::Now) => self.switch.hang_up(id),
            (Line::Phone(id), Goodbye::Because(cause)) => self.switch.hang_up_because(id, cause),
            (Line::Voice(Some(party)), _) => self.switch.remove_party(party),
            (Line::Voice(None), _) => {}
        }
        for pho_sta in told {
            self.push(ag_no, call.frame(*pho_sta));
        }
        let Some(session) = self.session_mut(ag_no) else { return };
        session.call = None;
        if leg.talked && leg.role == Role::Main && self.scenario.wrap_up_s > 0 {
            self.enter(ag_no, Sta::WrapUp);
        } else {
            self.rest(ag_no);
        }
    }

    /// An agent hangs up, or refuses: what that means depends on the agent's part in the call.
    pub fn hang_up(&mut self, no: u64, ag_no: &str) {
        self.leave(no, ag_no, Goodbye::ByAgent);
    }

    /// An agent leaves a call, and the leg goes this way.
    pub fn leave(&mut self, no: u64, ag_no: &str, goodbye: Goodbye) {
        let Some(call) = self.calls.get(&no) else { return };
        match call.leg(ag_no).map(|l| &l.role) {
            Some(Role::Spy { .. }) => self.spy_leaves(no, ag_no, goodbye),
            Some(Role::Consulted) => self.consulted_leaves(no, &[0], goodbye),
            Some(Role::Main) if call.phase == Phase::Ringing => self.refuse_call(no, ag_no),
            Some(Role::Main) => {
                let by = matches!(goodbye, Goodbye::ByAgent).then_some(ag_no);
                let refused = call.phase == Phase::FarRinging && call.leg(ag_no).is_some_and(|l| !l.up);
                self.end_call_as(no, End { by, cause: refused.then_some(CALL_REJECTED), ..End::default() });
            }
            None => {}
        }
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
        let legs = std::mem::take(&mut call.legs);
        let passed_on = call.transferred_by.take().is_some();
        call.phase = Phase::Queued;
        let call = call.clone();
        if passed_on {
            self.waits_again(no);
        }
        for leg in legs {
            self.let_go(&call, leg, &[0], Goodbye::ByAgent);
        }
        self.dispatch();
    }

    /// Nobody has answered for too long.
    pub fn give_up(&mut self, no: u64) {
        let Some(call) = self.calls.get(&no) else { return };
        match (call.phase, call.main().map(|l| l.ag_no.clone())) {
            (Phase::ConsultOut, _) => self.consult_over(no, 24, &[0], Goodbye::Now),
            (Phase::Ringing, Some(ag_no)) if call.transferred_by.is_some() => self.refuse_call(no, &ag_no),
            (Phase::FarRinging, _) => self.end_call_as(no, End { cause: Some(NO_ANSWER), ..End::default() }),
            (phase, _) if phase.is_connected() => {}
            (_, _) => self.end_call(no, None),
        }
    }
}
