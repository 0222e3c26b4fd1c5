//! Colleagues: agents the platform plays itself, as voices of the switch (scenario, `[[colleagues]]`). They are signed in
//! from the start, can be called, consulted, transferred and listened to, and serve queues if they are to.

use std::time::Duration;

use super::{AgentLeg, Customer, End, Kind, Line, Phase, Role};
use crate::sim::{
    scenario::{ColleagueBehaviour, ColleagueEntry},
    state::{Agent, Sta, Timer},
    world::World,
};

/// From a colleague's being idle to the next call of the customer of its own.
const OWN_CUSTOMER_AFTER: Duration = Duration::from_secs(10);
/// What the network calls an engaged line (ITU-T Q.850).
const USER_BUSY: u16 = 17;

impl Agent {
    /// Whether the queues give calls to this agent when it is ready.
    pub fn takes_queue_calls(&self) -> bool {
        self.colleague.as_ref().is_none_or(|c| c.takes_calls)
    }
}

impl World {
    fn colleague(&self, ag_no: &str) -> Option<&ColleagueEntry> {
        self.agent(ag_no)?.colleague.as_ref()
    }

    /// A colleague is rung: plans what it does.
    pub(super) fn colleague_rings(&mut self, no: u64, ag_no: &str) {
        let Some(colleague) = self.colleague(ag_no) else { return };
        let after = match colleague.behaviour {
            ColleagueBehaviour::NoAnswer => return,
            ColleagueBehaviour::Answer | ColleagueBehaviour::Refuse => Duration::from_millis(colleague.after_ms),
            ColleagueBehaviour::Busy => Duration::ZERO,
        };
        self.after(after, Timer::ColleagueActs { call: no, ag_no: ag_no.to_owned() });
    }

    /// A colleague who is rung answers or refuses.
    pub fn colleague_acts(&mut self, no: u64, ag_no: &str) {
        let Some((behaviour, voice)) = self.colleague(ag_no).map(|c| (c.behaviour, c.voice())) else { return };
        let inner = self.calls.get(&no).is_some_and(|c| c.kind == Kind::Inner);
        match behaviour {
            ColleagueBehaviour::Answer => {}
            ColleagueBehaviour::Busy if inner => {
                self.end_call_as(no, End { cause: Some(USER_BUSY), ..End::default() });
                return;
            }
            ColleagueBehaviour::Refuse | ColleagueBehaviour::Busy | ColleagueBehaviour::NoAnswer => {
                self.hang_up(no, ag_no);
                return;
            }
        }
        let party = self.switch.add_party(voice);
        let leg = self.calls.get_mut(&no).and_then(|c| c.legs.iter_mut().find(|l| l.ag_no == ag_no));
        match leg {
            Some(leg) => leg.line = Line::Voice(Some(party)),
            None => self.switch.remove_party(party),
        }
        self.answered(no, ag_no);
    }

    /// A colleague has the customer: it will hang up some time.
    pub(super) fn colleague_talks(&mut self, no: u64, ag_no: &str) {
        let Some(talks_s) = self.colleague(ag_no).map(|c| c.talks_s) else { return };
        // An agent with a client decides when a call between two agents ends.
        if self.calls.get(&no).is_some_and(|c| c.customer.is_some()) {
            self.after(Duration::from_secs(talks_s), Timer::ColleagueDone { call: no, ag_no: ag_no.to_owned() });
        }
    }

    /// A colleague is idle: the customer of its own calls after a while.
    pub fn colleague_idle(&mut self, ag_no: &str) {
        if self.colleague(ag_no).is_some_and(|c| c.in_call_with.is_some()) {
            self.after(OWN_CUSTOMER_AFTER, Timer::ColleagueCall { ag_no: ag_no.to_owned() });
        }
    }

    /// A colleague talks to the customer of its own, until somebody ends it.
    pub fn colleague_call(&mut self, ag_no: &str) {
        let Some(agent) = self.agent(ag_no).filter(|a| a.sta() == Some(Sta::Ready)) else { return };
        let Some(colleague) = &agent.colleague else { return };
        let Some(number) = colleague.in_call_with.clone() else { return };
        let (voice, queue) = (colleague.voice(), colleague.groups.first().copied());
        self.enter(ag_no, Sta::Occupied);
        let mut call = self.new_call(Kind::Inbound, Phase::Talking);
        let (customer, no) = (self.outside(&number), call.no);
        call.customer = Some(Customer { party: Some(self.switch.add_party(customer.voice)), ..customer });
        call.queue = queue;
        let line = Line::Voice(Some(self.switch.add_party(voice)));
        call.legs.push(AgentLeg { up: true, talked: true, ..AgentLeg::new(ag_no, line, Role::Main) });
        self.calls.insert(no, call);
        if let Some(session) = self.session_mut(ag_no) {
            session.call = Some(no);
        }
        self.reroute(no);
    }
}
