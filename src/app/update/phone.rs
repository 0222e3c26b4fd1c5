//! The platform's word on the call: MT 3 (protocol `cti.md` 4.2, 5.2).
//!
//! Every message may come twice, late, or without the one before it; what the consultation's and the supervisor's
//! messages mean is in `consult` and `monitor`, how a call begins and what is known of it in `call`.

use std::time::Duration;

use super::{
    Turn,
    join::{Beginning, Subject},
};
use crate::{
    app::state::{Call, GivenAway, PlatformKey},
    cti::push::{PhoneEvent, PhoneState},
    domain::{AgentState, CallPhase, Direction, HungUpBy, Party, RingKind},
    i18n::Message,
};

/// For so long after a call messages about it may still come.
const LATE: Duration = Duration::from_secs(5);

impl Turn<'_> {
    pub(super) fn phone_push(&mut self, event: PhoneEvent) {
        if let PhoneState::Ring(kind) = event.state {
            return self.rings(kind, event);
        }
        if event.state == PhoneState::CallOut {
            return self.call_out(event);
        }
        match self.state.subject(&event, self.now.at) {
            Subject::Shown => self.shown_call_push(event),
            Subject::Waiting(key) if self.state.doubts() => self.word_of_doubted(key, event),
            Subject::Waiting(_) if event.state == PhoneState::HungUp => self.next_call_over(),
            Subject::EndedHere(key) if event.state == PhoneState::HungUp => {
                self.state.platform.end(key, self.now.at);
            }
            Subject::Waiting(_) | Subject::EndedHere(_) | Subject::Over => {
                let said = event.call_id.as_deref().is_some_and(|id| self.state.platform.over(id).is_some());
                if event.state == PhoneState::HungUp && !said {
                    self.unspoken_is_over();
                }
                tracing::info!(state = ?event.state, "a message about a call that is not on the screen");
            }
        }
    }

    /// A message about the call on the screen, or about one that began unseen.
    pub(super) fn shown_call_push(&mut self, event: PhoneEvent) {
        if let Some(call) = self.state.live_call_mut() {
            call.guessed = false;
        }
        if event.state != PhoneState::HungUp {
            self.join_shown(event.call_id.as_deref());
        }
        match event.state {
            PhoneState::HungUp if self.state.is_leg_unsure() => self.unsure_call_is_over(),
            PhoneState::Connected if self.state.is_leg_unsure() && self.state.has_ringing_leg() => {
                self.is_of_another_leg()
            }
            PhoneState::HungUp => self.hung_up_by_platform(),
            // They begin calls, and have been taken above.
            PhoneState::CallOut | PhoneState::Ring(_) => {}
            PhoneState::Connected => self.connected(&event),
            PhoneState::SelfConnected => self.know_more(&event),
            PhoneState::FarRinging => {
                self.know_more(&event);
                if self.state.live_call().is_some_and(|call| call.assumed) {
                    self.not_connected_yet();
                }
                let at = self.now.at;
                if let Some(call) = self.state.live_call_mut() {
                    call.far_ringing = true;
                    call.phase_at = at;
                }
            }
            PhoneState::ConsultOut => self.consulting(CallPhase::ConsultOut, &event),
            PhoneState::ConsultConnected => self.consulting(CallPhase::Consulting, &event),
            PhoneState::ConsultBack | PhoneState::ThreeWayBack => self.consult_over(&event),
            PhoneState::ConsultFailed => self.consult_failed(&event),
            PhoneState::ThreeWay => {
                if self.is_in_a_call(&event) {
                    self.phase_of_call(CallPhase::ThreeWay);
                }
            }
            PhoneState::Spying => self.monitoring(CallPhase::Spying, &event),
            PhoneState::Barged => self.monitoring(CallPhase::Barging, &event),
            PhoneState::TransferDone => self.transfer_done(),
            PhoneState::Intercepted => self.intercepted(),
            PhoneState::Transferred => self.transferred_here(&event),
            PhoneState::TornDown => self.torn_down(),
        }
    }

    /// Whether there is a call that a word from the middle of one can be about. One that began unseen is taken over,
    /// unless it is rather a late word about one that is over.
    pub(super) fn is_in_a_call(&mut self, event: &PhoneEvent) -> bool {
        if self.state.live_call().is_some() {
            return true;
        }
        let held_by_platform = match self.state.agent.state {
            AgentState::Occupied | AgentState::SigningIn => true,
            AgentState::Idle | AgentState::Busy | AgentState::WrapUp | AgentState::SignedOut => false,
        };
        let answered = matches!(event.state, PhoneState::Connected | PhoneState::Transferred);
        let at = self.now.at;
        let just_over = self.state.platform.over_at.is_some_and(|over| at.saturating_duration_since(over) < LATE);
        if !held_by_platform && (!answered || just_over) {
            tracing::info!(state = ?event.state, "a word about a call while there is none");
            return false;
        }
        let direction = if matches!(event.state, PhoneState::Spying | PhoneState::Barged) {
            Direction::Spy
        } else if event.from_agent {
            Direction::Inner
        } else {
            Direction::In
        };
        self.new_call(CallPhase::Dialing, direction);
        self.join_shown(event.call_id.as_deref());
        true
    }

    /// PhoSta 4.
    fn call_out(&mut self, event: PhoneEvent) {
        let direction = if event.agent_no.is_some() { Direction::Inner } else { Direction::Out };
        self.another_ring_ends_doubt(None, &event);
        match self.state.beginning(None, &event, self.now.at) {
            Beginning::Waits | Beginning::WaitsAgain | Beginning::Ignored | Beginning::Over => {
                return tracing::info!("a call out is announced during a call; the call goes on");
            }
            Beginning::Doubted => return self.doubt_ring(None, event),
            Beginning::New => {
                self.call_before_is_over();
                self.new_call(CallPhase::Dialing, direction);
            }
            Beginning::Again | Beginning::Joins => {}
        }
        self.platform_call_begins(&event);
        let was_offered =
            |call: &Call| call.phase == CallPhase::Ringing && call.leg.as_ref().is_some_and(|leg| leg.offered);
        if self.state.live_call().is_some_and(was_offered) {
            // An own leg after all, announced late.
            self.set_phase(CallPhase::Dialing);
        }
        if let Some(call) = self.state.live_call_mut()
            && call.phase == CallPhase::Dialing
            && call.direction != Direction::Spy
        {
            call.direction = direction;
        }
        self.know_more(&event);
        self.answer_by_itself();
    }

    /// The call on the screen has ended unheard: the platform speaks of another one.
    fn call_before_is_over(&mut self) {
        if self.state.live_call().is_some() {
            self.end_platform_call();
            self.call_over();
        }
    }

    /// The platform has pushed the beginning of the call on the screen; whatever it held before is over.
    fn platform_call_begins(&mut self, event: &PhoneEvent) {
        self.join_shown(event.call_id.as_deref());
        self.older_calls_are_over();
        let at = self.now.at;
        if let Some(call) = self.state.live_call_mut() {
            call.guessed = false;
            call.phase_at = at;
        }
    }

    /// PhoSta 5: where it belongs is the business of `join`.
    fn rings(&mut self, kind: RingKind, event: PhoneEvent) {
        self.another_ring_ends_doubt(Some(kind), &event);
        match self.state.beginning(Some(kind), &event, self.now.at) {
            Beginning::Waits => self.ring_waits(kind, event),
            Beginning::WaitsAgain => self.ring_waits_again(kind, event),
            Beginning::Doubted => self.doubt_ring(Some(kind), event),
            Beginning::Again | Beginning::Joins => self.shown_call_rings(kind, &event),
            Beginning::Over => {
                self.own_ring_was_late(kind, &event);
                tracing::info!("a ring of a call that is over is announced again");
            }
            Beginning::Ignored => tracing::info!("a ring is announced during a call; the call goes on"),
            Beginning::New => {
                let Some(event) = self.ring_ends_doubt(kind, event) else { return };
                self.call_before_is_over();
                let key = self.state.platform.begin(event.call_id.as_deref());
                self.ring_begins(key, kind, &event);
            }
        }
    }

    /// A ring is the first that is known of a call.
    pub(super) fn ring_begins(&mut self, key: PlatformKey, kind: RingKind, event: &PhoneEvent) {
        self.new_call(phase_of(kind), kind.direction(is_from_agent(event)));
        self.join_platform_call(key);
        self.shown_call_rings(kind, event);
    }

    /// The call on the screen rings, for the first time or again, or its leg has come before and is answered by now.
    pub(super) fn shown_call_rings(&mut self, kind: RingKind, event: &PhoneEvent) {
        let first = self.state.live_call().is_some_and(|call| call.platform.is_none());
        self.platform_call_begins(event);
        let (at, phase) = (self.now.at, phase_of(kind));
        self.sure();
        let Some(call) = self.state.live_call_mut() else { return };
        let begins = matches!(call.phase, CallPhase::Ringing | CallPhase::Dialing);
        if !begins && !first {
            return tracing::info!("a ring is announced again during its call");
        }
        // The own leg answered itself before it was known to be one.
        let own_leg_after_all = first && call.phase == CallPhase::Talking && phase == CallPhase::Dialing;
        if begins && phase == CallPhase::Ringing && call.phase == CallPhase::Dialing {
            // What was taken for an own leg is a call for this agent, or came before the call that was dialled.
            call.peer = Party { number: call.peer.number.take(), ..Party::default() };
            call.asked = false;
        }
        if kind != RingKind::Spy {
            call.monitored = None;
            call.spy_wanted = false;
        }
        call.ring = Some(kind);
        call.direction = kind.direction(is_from_agent(event));
        if own_leg_after_all {
            call.clocks.answered_at = None;
        }
        if kind == RingKind::Outbound {
            call.own_ring_at.get_or_insert(at);
        }
        let answered = call.leg.as_ref().is_some_and(|leg| leg.answered);
        let changes = call.phase != phase;
        if (begins || own_leg_after_all) && changes {
            self.set_phase(phase);
        }
        self.know_more(event);
        self.state.learn_where_legs_come_from();
        if begins && phase == CallPhase::Ringing && answered {
            // The leg was answered before anybody said that it was a call for this agent.
            self.talking();
        }
        if kind == RingKind::Spy {
            self.spy_rings(event);
        }
        self.announce();
        self.answer_by_itself();
        self.ring_tone();
    }

    fn connected(&mut self, event: &PhoneEvent) {
        if !self.is_in_a_call(event) {
            return;
        }
        self.know_more(event);
        self.sure();
        if let Some(call) = self.state.live_call_mut() {
            // The customer is here again, unless this is only the late word of the leg's connection.
            if std::mem::replace(&mut call.connected, true) {
                call.given_away.take_if(|away| *away == GivenAway::Asked);
            }
            call.assumed = false;
        }
        // A repeated message does not lift a hold or a consultation.
        if matches!(self.state.call_phase(), CallPhase::Ringing | CallPhase::Dialing) {
            let listens = self.state.live_call().is_some_and(|call| call.direction == Direction::Spy);
            if listens { self.phase_of_call(CallPhase::Spying) } else { self.talking() }
        }
    }

    /// PhoSta 34. Who listened to the call has it now; the original lets them only hang up.
    fn intercepted(&mut self) {
        self.warn(Message::new("app.intercepted"));
        if matches!(self.state.call_phase(), CallPhase::Spying | CallPhase::Whispering | CallPhase::Barging) {
            self.phase_of_call(CallPhase::Talking);
        }
    }

    /// PhoSta 35: who was called or consulted has the customer now, and may do everything.
    fn transferred_here(&mut self, event: &PhoneEvent) {
        if !self.is_in_a_call(event) {
            return;
        }
        let Some(call) = self.state.live_call_mut() else { return };
        let news = !std::mem::replace(&mut call.transferred_here, true);
        let from_agent = matches!(call.direction, Direction::Consult | Direction::Inner);
        if from_agent {
            // Until now the other end was a colleague.
            call.direction = Direction::In;
            call.peer = Party::default();
        }
        let customer = PhoneEvent { from_agent: false, agent_no: None, agent_name: None, ..event.clone() };
        self.know_more(&customer);
        if matches!(self.state.call_phase(), CallPhase::Ringing | CallPhase::Dialing) {
            self.talking();
        } else if from_agent {
            self.phase_of_call(CallPhase::Talking);
        }
        if news {
            self.info(Message::new("app.transferred_here"));
        }
    }

    /// PhoSta 36; the end itself follows, unless the BYE was faster.
    fn torn_down(&mut self) {
        let Some(call) = self.state.call.as_mut().filter(|call| call.phase.is_live() || !call.hang_up_asked) else {
            return;
        };
        if call.hung_up_by.replace(HungUpBy::Supervisor) == Some(HungUpBy::Supervisor) {
            return;
        }
        let over = (!call.phase.is_live()).then_some(call.journal_id);
        self.warn(Message::new("app.torn_down"));
        if let Some(id) = over {
            self.journal_torn_down(id);
        }
    }
}

/// A call that is offered to the agent rings; the own leg of one that was asked for does not.
fn phase_of(kind: RingKind) -> CallPhase {
    if kind.is_offered() { CallPhase::Ringing } else { CallPhase::Dialing }
}

fn is_from_agent(event: &PhoneEvent) -> bool {
    event.from_agent || event.agent_no.is_some()
}
