//! A call's beginning, its phases, and what is known of it.

use serde_json::{Value, json};

use super::Turn;
use crate::{
    app::{
        Action, CallClocks, ConsultView, Effect, TimerId,
        state::{Call, GivenAway},
    },
    cti::push::{PhoneEvent, PhoneState},
    domain::{CallPhase, Direction, Party, QualityTally, RingKind},
    softphone,
};

impl Turn<'_> {
    pub(super) fn new_call(&mut self, phase: CallPhase, direction: Direction) {
        self.tell_unreached(None);
        self.tell_missed(false);
        self.abandon_call_orders();
        self.effects.push(Effect::StopTimer(TimerId::ForgetCall));
        self.effects.push(Effect::StopTimer(TimerId::StrayCall));
        self.effects.push(Effect::StopTimer(TimerId::AfterCall));
        self.wish_goes_on();
        self.state.calls += 1;
        self.state.moves += 1;
        self.state.call = Some(Call {
            journal_id: self.next_journal_id(),
            caller_id: None,
            phase,
            direction,
            ring: None,
            call_id: None,
            named: false,
            platform: None,
            asked: false,
            occupied: false,
            doubted_until: None,
            peer: Party::default(),
            caller: None,
            called: None,
            queue_id: None,
            call_type: None,
            consult: ConsultView::default(),
            consult_asked: None,
            given_away: None,
            taker: None,
            transferred_here: false,
            transferred_by: None,
            guessed: false,
            spy_wanted: false,
            monitored: None,
            monitor_asked: None,
            began: self.now.wall,
            since: self.now.wall,
            phase_at: self.now.at,
            clocks: CallClocks { started_at: Some(self.now.at), ..CallClocks::default() },
            far_ringing: false,
            leg: None,
            leg_came: false,
            leg_gone: false,
            echo: false,
            unsure: false,
            hushed_at: None,
            legless: false,
            earlier: None,
            leg_lost: None,
            elsewhere: false,
            unheld: false,
            own_ring_at: None,
            hang_up_asked: false,
            end_agreed: false,
            hung_up_by: None,
            given_up: false,
            connected: false,
            assumed: false,
            hold_uncertain: false,
            unreached: None,
            heard: QualityTally::default(),
            announced: false,
        });
    }

    /// Tells scripts, once, that a call is there.
    pub(super) fn announce(&mut self) {
        let Some(call) = self.state.live_call_mut().filter(|call| !call.announced) else { return };
        call.announced = true;
        let data = facts(call);
        self.publish("callStarted", &["call"], "", data);
        self.journal_checkpoint();
    }

    /// Both ends are in conversation.
    pub(super) fn talking(&mut self) {
        let at = self.now.at;
        self.resume();
        self.set_phase(CallPhase::Talking);
        if let Some(call) = self.state.live_call_mut() {
            call.clocks.answered_at.get_or_insert(at);
        }
        self.announce();
        self.ring_tone();
        self.resolve_pending(Action::Answer, Ok(json!({ "code": 0 })));
    }

    /// The call stands elsewhere, and is answered in any case.
    pub(super) fn phase_of_call(&mut self, phase: CallPhase) {
        let at = self.now.at;
        self.resume();
        self.set_phase(phase);
        if let Some(call) = self.state.live_call_mut() {
            call.clocks.answered_at.get_or_insert(at);
            // Whatever was on its way has come back.
            call.given_away.take_if(|away| *away == GivenAway::Asked);
        }
        self.announce();
        self.ring_tone();
        self.resolve_pending(Action::Answer, Ok(json!({ "code": 0 })));
    }

    /// Where the call stands from now on; answers to what was asked before this are late.
    pub(super) fn set_phase(&mut self, phase: CallPhase) {
        let (at, wall) = (self.now.at, self.now.wall);
        self.state.moves += 1;
        let Some(call) = self.state.live_call_mut() else { return };
        if call.phase != phase {
            call.since = wall;
            call.phase_at = at;
        }
        call.phase = phase;
        call.assumed = false;
        call.hold_uncertain = false;
        if !matches!(phase, CallPhase::ConsultOut | CallPhase::Consulting | CallPhase::ThreeWay) {
            call.consult = ConsultView::default();
        }
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

    /// Takes over what a message says of the other end. What is learnt after the call was announced is announced too.
    pub(super) fn know_more(&mut self, event: &PhoneEvent) {
        let Some(call) = self.state.live_call_mut() else { return };
        let outbound = matches!(event.state, PhoneState::CallOut | PhoneState::Ring(RingKind::Outbound))
            || call.direction == Direction::Out;
        let number = if outbound { event.called.as_ref() } else { event.caller.as_ref() };
        let before = (call.peer.clone(), call.queue_id, call.call_id.clone());
        take(&mut call.peer.number, number);
        take(&mut call.peer.area, event.area.as_ref());
        take(&mut call.peer.ag_no, event.agent_no.as_ref());
        take(&mut call.peer.name, event.agent_name.as_ref());
        if matches!(event.state, PhoneState::Ring(RingKind::Called | RingKind::Queue)) {
            take(&mut call.transferred_by, event.others.as_ref());
        }
        take(&mut call.caller, event.caller.as_ref());
        take(&mut call.called, event.called.as_ref());
        take(&mut call.call_id, event.call_id.as_ref());
        call.named |= event.call_id.as_ref().is_some_and(|id| !id.is_empty());
        call.call_type = event.call_type.or(call.call_type);
        call.queue_id = event.queue_id.filter(|id| *id != 0).or(call.queue_id);
        let news = before != (call.peer.clone(), call.queue_id, call.call_id.clone());
        if news && call.announced {
            let data = facts(call);
            self.publish("callUpdated", &["call"], "", data);
        }
    }
}

/// What scripts are told of a call when it begins, and when more is known of it.
fn facts(call: &Call) -> Value {
    json!({
        "id": call.journal_id,
        "call_id": call.platform_name(),
        "direction": call.direction,
        "number": call.peer.number,
        "ag_no": call.peer.ag_no,
        "area": call.peer.area,
        "queue_id": call.queue_id,
    })
}

fn take(known: &mut Option<String>, told: Option<&String>) {
    if let Some(told) = told.filter(|text| !text.is_empty()) {
        *known = Some(told.clone());
    }
}
