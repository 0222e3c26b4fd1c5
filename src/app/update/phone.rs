//! The platform's word on the call: MT 3 (protocol `cti.md` 4.2, 5.2).

use serde_json::json;

use super::Turn;
use crate::{
    app::{Action, CallClocks, ConsultView, Effect, TimerId, state::Call},
    cti::push::{PhoneEvent, PhoneState},
    domain::{CallPhase, Direction, HungUpBy, Party, RingKind},
    i18n::Message,
    softphone::{self, Tone},
};

impl Turn<'_> {
    pub(super) fn phone_push(&mut self, event: PhoneEvent) {
        if self.is_about_an_older_call(&event) {
            return tracing::info!(state = ?event.state, "a late word about a call that is over");
        }
        if let Some(call) = self.state.live_call_mut() {
            call.told = true;
        }
        match event.state {
            PhoneState::HungUp => self.hung_up_by_platform(),
            PhoneState::CallOut => self.call_out(&event),
            PhoneState::Ring(kind) => self.rings(kind, &event),
            PhoneState::Connected => self.connected(&event),
            PhoneState::SelfConnected => self.know_more(&event),
            PhoneState::FarRinging => {
                self.know_more(&event);
                if let Some(call) = self.state.live_call_mut() {
                    call.far_ringing = true;
                }
            }
            PhoneState::ConsultOut => {
                self.phase_of_call(CallPhase::ConsultOut);
                self.consulted(&event);
            }
            PhoneState::ConsultConnected => {
                self.phase_of_call(CallPhase::Consulting);
                self.consulted(&event);
            }
            PhoneState::ConsultBack | PhoneState::ThreeWayBack => self.back_with_customer(),
            PhoneState::ConsultFailed => {
                self.back_with_customer();
                self.warn(Message::new("app.consult_failed"));
            }
            PhoneState::ThreeWay => self.phase_of_call(CallPhase::ThreeWay),
            PhoneState::Spying => self.phase_of_call(CallPhase::Spying),
            PhoneState::Barged => self.phase_of_call(CallPhase::Barging),
            PhoneState::TransferDone => self.info(Message::new("app.transfer_done")),
            PhoneState::Intercepted => self.warn(Message::new("app.intercepted")),
            PhoneState::Transferred => {
                self.connected(&event);
                self.info(Message::new("app.transferred_here"));
            }
            PhoneState::TornDown => {
                self.warn(Message::new("app.torn_down"));
                if let Some(call) = self.state.live_call_mut() {
                    call.hung_up_by = Some(HungUpBy::Supervisor);
                }
            }
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
            (Some(call), PhoneState::HungUp) => call.platform_id.as_ref().is_some_and(|own| own != id),
            (Some(call), _) => call.platform_id.as_ref() != Some(id) && self.state.over.as_ref() == Some(id),
            (None, _) => self.state.over.as_ref() == Some(id),
        }
    }

    /// A call that nobody here has a leg of, and that is not the one that rings now, has ended unheard.
    fn older_call_is_over(&mut self, event: &PhoneEvent) {
        let another = |call: &Call| {
            call.leg.is_none()
                && call.platform_id.is_some()
                && event.call_id.is_some()
                && call.platform_id != event.call_id
        };
        if self.state.live_call().is_some_and(another) {
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
        {
            call.direction = direction;
        }
        self.know_more(event);
    }

    fn rings(&mut self, kind: RingKind, event: &PhoneEvent) {
        let wall = self.now.wall;
        let direction = kind.direction(event.from_agent || event.agent_no.is_some());
        let offered = kind.is_offered();
        let phase = if offered { CallPhase::Ringing } else { CallPhase::Dialing };
        self.older_call_is_over(event);
        match self.state.live_call_mut() {
            // The INVITE came first, or the message came twice.
            Some(call) if matches!(call.phase, CallPhase::Ringing | CallPhase::Dialing) => {
                call.ring = Some(kind);
                call.direction = direction;
                if call.phase != phase {
                    call.phase = phase;
                    call.since = wall;
                }
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
        self.announce();
        self.ring_tone();
    }

    fn connected(&mut self, event: &PhoneEvent) {
        if self.state.live_call().is_none() {
            // A call found on the platform that this program did not see begin.
            let direction = if event.from_agent { Direction::Inner } else { Direction::In };
            self.new_call(CallPhase::Dialing, direction);
        }
        self.know_more(event);
        // A repeated message does not lift a hold or a consultation.
        if matches!(self.state.call_phase(), CallPhase::Ringing | CallPhase::Dialing) {
            self.talking();
        }
    }

    /// Both ends are in conversation.
    pub(super) fn talking(&mut self) {
        let (at, wall) = (self.now.at, self.now.wall);
        self.resume();
        if let Some(call) = self.state.live_call_mut() {
            call.phase = CallPhase::Talking;
            call.since = wall;
            call.clocks.answered_at.get_or_insert(at);
        }
        self.announce();
        self.ring_tone();
        self.resolve_pending(Action::Answer, Ok(json!({ "code": 0 })));
    }

    fn phase_of_call(&mut self, phase: CallPhase) {
        if self.state.live_call().is_none() {
            self.new_call(CallPhase::Dialing, if phase == CallPhase::Spying { Direction::Spy } else { Direction::In });
        }
        let (at, wall) = (self.now.at, self.now.wall);
        self.resume();
        if let Some(call) = self.state.live_call_mut() {
            call.told = true;
            if call.phase != phase {
                call.since = wall;
            }
            call.phase = phase;
            call.clocks.answered_at.get_or_insert(at);
        }
        self.ring_tone();
    }

    /// A hold ends, asked for or by what the platform does next: its clock stops, and both ends hear each other.
    pub(super) fn resume(&mut self) {
        let at = self.now.at;
        let Some(call) = self.state.live_call_mut().filter(|call| call.phase == CallPhase::Held) else { return };
        call.hold_uncertain = false;
        if let Some(held_at) = call.clocks.held_at.take() {
            call.clocks.held_before_ms += at.saturating_duration_since(held_at).as_millis() as u64;
        }
        self.phone(softphone::Command::SetHeld(false));
    }

    fn consulted(&mut self, event: &PhoneEvent) {
        if let Some(call) = self.state.live_call_mut()
            && (event.called.is_some() || event.agent_no.is_some())
        {
            call.consult = ConsultView { number: event.called.clone(), ag_no: event.agent_no.clone() };
        }
    }

    fn back_with_customer(&mut self) {
        self.phase_of_call(CallPhase::Talking);
        if let Some(call) = self.state.live_call_mut() {
            call.consult = ConsultView::default();
        }
    }

    /// Takes over what a message tells of the other end.
    fn know_more(&mut self, event: &PhoneEvent) {
        let Some(call) = self.state.live_call_mut() else { return };
        let outbound = matches!(event.state, PhoneState::CallOut | PhoneState::Ring(RingKind::Outbound))
            || call.direction == Direction::Out;
        let number = if outbound { event.called.as_ref() } else { event.caller.as_ref() };
        take(&mut call.peer.number, number);
        take(&mut call.peer.area, event.area.as_ref());
        take(&mut call.peer.ag_no, event.agent_no.as_ref());
        take(&mut call.peer.name, event.agent_name.as_ref());
        take(&mut call.caller, event.caller.as_ref());
        take(&mut call.called, event.called.as_ref());
        take(&mut call.call_id, event.call_id.as_ref());
        take(&mut call.platform_id, event.call_id.as_ref());
        call.told = true;
        call.queue_id = event.queue_id.filter(|id| *id != 0).or(call.queue_id);
    }

    pub(super) fn new_call(&mut self, phase: CallPhase, direction: Direction) {
        self.tell_unreached(None);
        self.effects.push(Effect::StopTimer(TimerId::ForgetCall));
        self.effects.push(Effect::StopTimer(TimerId::StrayCall));
        self.effects.push(Effect::StopTimer(TimerId::AfterCall));
        self.state.call = Some(Call {
            journal_id: self.next_journal_id(),
            caller_id: None,
            phase,
            direction,
            ring: None,
            call_id: None,
            platform_id: None,
            told: false,
            peer: Party::default(),
            caller: None,
            called: None,
            queue_id: None,
            consult: ConsultView::default(),
            monitored: None,
            began: self.now.wall,
            since: self.now.wall,
            clocks: CallClocks { started_at: Some(self.now.at), ..CallClocks::default() },
            far_ringing: false,
            leg: None,
            own_ring_at: None,
            hang_up_asked: false,
            hung_up_by: None,
            hold_uncertain: false,
            unreached: None,
            announced: false,
        });
    }

    /// Tells scripts, once, that a call is there.
    pub(super) fn announce(&mut self) {
        let Some(call) = self.state.live_call_mut().filter(|call| !call.announced) else { return };
        call.announced = true;
        let data = json!({
            "call_id": call.call_id,
            "direction": call.direction,
            "number": call.peer.number,
            "ag_no": call.peer.ag_no,
            "area": call.peer.area,
        });
        self.publish("callStarted", &["call"], "", data);
        self.journal_begun();
    }

    /// Rings while somebody has to be called to the phone, and not a moment longer.
    pub(super) fn ring_tone(&mut self) {
        let rings = self.state.profile.ring
            && self.state.live_call().is_some_and(|call| {
                call.phase == CallPhase::Ringing
                    && call.ring.is_none_or(RingKind::is_offered)
                    && call.leg.as_ref().is_some_and(|leg| !leg.answered)
            })
            && !self.state.auto_answer
            && !self.state.remembered.quiet;
        let wanted = if rings { Some(Tone::Ring) } else { None };
        if self.state.tone != wanted {
            self.state.tone = wanted;
            self.phone(softphone::Command::Play(wanted));
        }
    }

    /// Lets the agent hear that the far end rings, unless the platform's own tone is heard already.
    pub(super) fn ring_back(&mut self, far_end_dbfs: f32) {
        let waiting = self.state.live_call().is_some_and(|c| c.phase == CallPhase::Dialing && c.far_ringing);
        let wanted = match (waiting, far_end_dbfs) {
            (true, level) if level < -65.0 => Some(Tone::RingBack),
            (true, level) if level < -45.0 => self.state.tone,
            (true, _) | (false, _) => None,
        };
        let playing = self.state.tone == Some(Tone::RingBack);
        if (wanted == Some(Tone::RingBack)) != playing {
            self.state.tone = wanted;
            self.phone(softphone::Command::Play(wanted));
        }
    }
}

fn take(known: &mut Option<String>, told: Option<&String>) {
    if let Some(told) = told.filter(|text| !text.is_empty()) {
        *known = Some(told.clone());
    }
}
