//! The platform's word on the call: MT 3 (protocol `cti.md` 4.2, 5.2).
//!
//! Every message may come twice, late, or without the one before it; what the consultation's and the supervisor's
//! messages mean is in `consult` and `monitor`, how a call begins and what is known of it in `call`.

use std::time::Duration;

use super::Turn;
use crate::{
    app::state::{Call, GivenAway},
    cti::push::{PhoneEvent, PhoneState},
    domain::{AgentState, CallPhase, Direction, HungUpBy, Party, RingKind},
    i18n::Message,
};

/// For so long after a call words about it may still come.
const LATE: Duration = Duration::from_secs(5);

impl Turn<'_> {
    pub(super) fn phone_push(&mut self, event: PhoneEvent) {
        if self.is_about_an_older_call(&event) {
            return tracing::info!(state = ?event.state, "a late word about a call that is over");
        }
        let begins = matches!(event.state, PhoneState::Ring(_) | PhoneState::CallOut);
        let mut first_word = true;
        if let Some(call) = self.state.live_call_mut() {
            first_word = !std::mem::replace(&mut call.told, true);
            call.guessed &= begins;
        }
        match event.state {
            PhoneState::HungUp => self.hung_up_by_platform(),
            PhoneState::CallOut => self.call_out(&event),
            PhoneState::Ring(kind) => self.rings(kind, &event, first_word),
            PhoneState::Connected => self.connected(&event),
            PhoneState::SelfConnected => self.know_more(&event),
            PhoneState::FarRinging => {
                self.know_more(&event);
                if let Some(call) = self.state.live_call_mut() {
                    call.far_ringing = true;
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

    /// Whether a message is about a call before the present one, as far as the platform names its calls.
    ///
    /// A new ring or call-out never is: a customer who comes back may come under the same name. And what happens
    /// during a call may have other names than the call itself, so only its end is compared.
    fn is_about_an_older_call(&self, event: &PhoneEvent) -> bool {
        let Some(id) = &event.call_id else { return false };
        match (self.state.live_call(), event.state) {
            (_, PhoneState::Ring(_) | PhoneState::CallOut) => false,
            // The BYE of a call that is torn down may be faster than the word of it.
            (None, PhoneState::TornDown) => {
                self.state.call.as_ref().is_none_or(|call| call.platform_id.as_ref() != Some(id))
            }
            (Some(call), PhoneState::HungUp) => call.platform_id.as_ref().is_some_and(|own| own != id),
            (Some(call), _) => call.platform_id.as_ref() != Some(id) && self.state.over.as_ref() == Some(id),
            (None, _) => self.state.over.as_ref() == Some(id),
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
        let just_over = self.state.over_at.is_some_and(|over| at.saturating_duration_since(over) < LATE);
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
        if let Some(call) = self.state.live_call_mut() {
            call.told = true;
        }
        true
    }

    /// A call that nobody here has a leg of, and that is not the one that rings now, has ended unheard.
    fn older_call_is_over(&mut self, event: &PhoneEvent) {
        let another = |call: &Call| {
            call.leg.is_none()
                && call.platform_id.is_some()
                && event.call_id.is_some()
                && call.platform_id != event.call_id
        };
        if self.state.live_call().is_some_and(|call| another(call) || call.guessed) {
            self.call_over();
        }
    }

    fn call_out(&mut self, event: &PhoneEvent) {
        self.older_call_is_over(event);
        let direction = if event.agent_no.is_some() { Direction::Inner } else { Direction::Out };
        if self.state.live_call().is_none() {
            self.new_call(CallPhase::Dialing, direction);
        }
        if let Some(call) = self.state.live_call_mut()
            && call.phase == CallPhase::Dialing
            && call.direction != Direction::Spy
        {
            call.direction = direction;
        }
        self.know_more(event);
    }

    /// `first_word`: the platform has not spoken of the call before, only its SIP leg is known.
    fn rings(&mut self, kind: RingKind, event: &PhoneEvent, first_word: bool) {
        let direction = kind.direction(event.from_agent || event.agent_no.is_some());
        let phase = if kind.is_offered() { CallPhase::Ringing } else { CallPhase::Dialing };
        self.older_call_is_over(event);
        match self.state.live_call_mut() {
            // The INVITE came first, or the message came twice.
            Some(call) if matches!(call.phase, CallPhase::Ringing | CallPhase::Dialing) => {
                if phase == CallPhase::Ringing && call.phase == CallPhase::Dialing {
                    // Another call came before the one that was being placed.
                    call.peer = Party { number: call.peer.number.take(), ..Party::default() };
                }
                if kind != RingKind::Spy {
                    call.monitored = None;
                    call.spy_wanted = false;
                }
                call.ring = Some(kind);
                call.direction = direction;
                if call.phase != phase {
                    self.set_phase(phase);
                }
            }
            // The own leg answered itself before it was known to be one.
            Some(call) if first_word && call.phase == CallPhase::Talking && phase == CallPhase::Dialing => {
                call.ring = Some(kind);
                call.direction = direction;
                call.clocks.answered_at = None;
                self.set_phase(phase);
            }
            Some(_) => {
                tracing::info!("a ring is announced during a call; the call goes on");
                return;
            }
            None => {
                self.new_call(phase, direction);
                if let Some(call) = self.state.live_call_mut() {
                    call.ring = Some(kind);
                }
            }
        }
        let at = self.now.at;
        if let Some(call) = self.state.live_call_mut()
            && kind == RingKind::Outbound
        {
            call.own_ring_at.get_or_insert(at);
        }
        self.know_more(event);
        if kind == RingKind::Spy {
            self.spy_rings(event);
        }
        self.announce();
        self.beep();
        self.ring_tone();
    }

    fn connected(&mut self, event: &PhoneEvent) {
        if !self.is_in_a_call(event) {
            return;
        }
        self.know_more(event);
        if let Some(call) = self.state.live_call_mut() {
            // The customer is still here, or here again.
            call.given_away.take_if(|away| *away == GivenAway::Asked);
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
