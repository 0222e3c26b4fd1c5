//! The platform's word on the call: MT 3 (protocol `cti.md` 4.2, 5.2).

use std::time::Duration;

use serde_json::json;

use super::Turn;
use crate::{
    app::{
        Action, CallClocks, ConsultView, Effect, JournalEntry, TimerId,
        state::{Call, Leg, Untold},
    },
    cti::push::{PhoneEvent, PhoneState},
    domain::{CallPhase, Direction, HungUpBy, Outcome, Party, RingKind, SkillGroup, Unreached},
    i18n::Message,
    softphone::{self, Tone},
};

/// A call that ends this soon after the own leg rang was refused by the own phone (`softphone.md` 4.7).
const TOO_QUICK: Duration = Duration::from_millis(1500);
/// The platform ends the SIP leg together with the call; after this time it is ended from here.
const STRAY_LEG: Duration = Duration::from_secs(2);
/// An ended call is shown this long if the platform says nothing more.
const SHOWN_AFTER_END: Duration = Duration::from_secs(8);
/// Calls kept in this run's journal.
const JOURNAL: usize = 500;

impl Turn<'_> {
    pub(super) fn phone_push(&mut self, event: PhoneEvent) {
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

    fn call_out(&mut self, event: &PhoneEvent) {
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
        let direction = kind.direction(event.from_agent || event.agent_no.is_some());
        let offered = kind.is_offered();
        let phase = if offered { CallPhase::Ringing } else { CallPhase::Dialing };
        match self.state.live_call_mut() {
            // The INVITE came first, or the message came twice.
            Some(call) if matches!(call.phase, CallPhase::Ringing | CallPhase::Dialing) => {
                call.ring = Some(kind);
                call.direction = direction;
                call.phase = phase;
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
        if let Some(call) = self.state.live_call_mut() {
            if call.phase != phase {
                call.since = wall;
            }
            call.phase = phase;
            call.clocks.answered_at.get_or_insert(at);
        }
        self.ring_tone();
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
        take(&mut call.call_id, event.call_id.as_ref());
        call.queue_id = event.queue_id.filter(|id| *id != 0).or(call.queue_id);
    }

    pub(super) fn new_call(&mut self, phase: CallPhase, direction: Direction) {
        self.tell_unreached(None);
        self.effects.push(Effect::StopTimer(TimerId::ForgetCall));
        self.effects.push(Effect::StopTimer(TimerId::StrayLeg));
        self.state.call = Some(Call {
            phase,
            direction,
            ring: None,
            call_id: None,
            peer: Party::default(),
            queue_id: None,
            consult: ConsultView::default(),
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
    }

    /// PhoSta 0.
    fn hung_up_by_platform(&mut self) {
        let Some(call) = self.state.live_call() else { return };
        let quick = call.own_ring_at.is_some_and(|at| self.now.at.saturating_duration_since(at) < TOO_QUICK);
        // A phone that has answered its own leg is well: then it was the other end.
        let own_phone_took_it = call.leg.as_ref().is_some_and(|leg| leg.answered);
        if quick && !call.hang_up_asked && !own_phone_took_it {
            self.error(Message::new("app.ended_too_quickly"));
            if let Some(call) = self.state.live_call_mut() {
                call.hung_up_by = Some(HungUpBy::Fault);
            }
        }
        if call_leg(self.state.call.as_ref()).is_some() {
            self.effects.push(Effect::StartTimer { timer: TimerId::StrayLeg, after: STRAY_LEG });
        }
        self.call_over();
    }

    /// The SIP leg outlived its call.
    pub(super) fn stray_leg_due(&mut self) {
        let ended = self.state.call.as_ref().is_none_or(|call| !call.phase.is_live());
        if ended {
            self.phone(softphone::Command::HangUp);
            self.tell_unreached(None);
        }
    }

    /// The call is over: clocks stop, the journal gets its line, everything that rang is silent.
    pub(super) fn call_over(&mut self) {
        let (at, wall) = (self.now.at, self.now.wall);
        let Some(call) = self.state.live_call_mut() else { return };
        let was = call.phase;
        if let Some(held_at) = call.clocks.held_at.take() {
            call.clocks.held_before_ms += at.saturating_duration_since(held_at).as_millis() as u64;
        }
        call.phase = CallPhase::Ended;
        call.since = wall;
        call.clocks.ended_at = Some(at);
        let answered = call.clocks.answered_at.is_some();
        let by = call.hung_up_by.unwrap_or(if call.hang_up_asked { HungUpBy::Agent } else { HungUpBy::Peer });
        let outcome = match (answered, was, call.hang_up_asked) {
            (true, _, _) => Outcome::Answered,
            (false, CallPhase::Ringing, true) => Outcome::Rejected,
            (false, CallPhase::Ringing, false) => Outcome::Missed,
            (false, _, true) => Outcome::Cancelled,
            (false, _, false) if by == HungUpBy::Fault => Outcome::Failed,
            (false, _, false) => Outcome::Unanswered,
        };
        let entry = JournalEntry {
            time: call.began,
            direction: call.direction,
            peer: call.peer.clone(),
            queue: call.queue_id.map(|id| SkillGroup { id, name: String::new() }),
            ring_ms: call.clocks.ring_ms(at),
            talk_ms: call.clocks.talk_ms(at),
            hold_ms: call.clocks.hold_ms(at),
            outcome,
            hung_up_by: by,
            unreached: call.unreached.filter(|_| outcome == Outcome::Unanswered),
        };
        let call_id = call.call_id.clone();
        let leg = call.leg.as_ref().map(|leg| leg.call_id.clone());
        let unreached = (outcome == Outcome::Unanswered).then(|| (entry.peer.short().to_owned(), entry.unreached));
        self.finish_call(entry, call_id);
        if let Some((who, why)) = unreached {
            let waits = leg.is_some();
            self.state.untold = Some(Untold { leg: leg.unwrap_or_default(), who });
            if !waits {
                self.tell_unreached(why);
            }
        }
    }

    /// Says once that the number dialled last was not reached, and why if that is known by now.
    pub(super) fn tell_unreached(&mut self, why: Option<Unreached>) {
        let Some(Untold { who, .. }) = self.state.untold.take() else { return };
        if let Some(entry) = self.state.journal.front_mut().filter(|entry| entry.peer.short() == who) {
            entry.unreached = why;
        }
        let key = match why {
            None => "app.unreached",
            Some(Unreached::Busy) => "app.unreached_busy",
            Some(Unreached::NoAnswer) => "app.unreached_no_answer",
            Some(Unreached::Rejected) => "app.unreached_rejected",
            Some(Unreached::Unreachable) => "app.unreached_no_way",
        };
        self.warn(Message::new(key).with("who", who));
    }

    fn finish_call(&mut self, mut entry: JournalEntry, call_id: Option<String>) {
        if let Some(queue) = &mut entry.queue {
            queue.name = self.state.group_name(queue.id);
        }
        self.publish(
            "callEnded",
            &["call"],
            "",
            json!({
                "call_id": call_id,
                "direction": entry.direction,
                "number": entry.peer.number,
                "ag_no": entry.peer.ag_no,
                "ring_ms": entry.ring_ms,
                "talk_ms": entry.talk_ms,
                "hold_ms": entry.hold_ms,
                "outcome": entry.outcome,
                "hung_up_by": entry.hung_up_by,
            }),
        );
        if entry.outcome == Outcome::Missed {
            self.warn(Message::new("app.missed").with("who", entry.peer.short()));
        }
        self.state.journal.truncate(JOURNAL - 1);
        self.state.journal.push_front(entry);
        self.ring_tone();
        self.phone(softphone::Command::Play(Some(Tone::HangUp)));
        // The next call begins with an open microphone and an open ear.
        self.phone(softphone::Command::SetMuted(false));
        self.phone(softphone::Command::SetHeld(false));
        self.state.dtmf.queue.clear();
        self.effects.push(Effect::StartTimer { timer: TimerId::ForgetCall, after: SHOWN_AFTER_END });
        let done = json!({ "code": 0 });
        self.resolve_pending(Action::HangUp, Ok(done.clone()));
        self.resolve_pending(Action::Reject, Ok(done));
        for action in [Action::Answer, Action::Hold, Action::Unhold, Action::SendDtmf, Action::Mute, Action::Unmute] {
            let gone = super::refusal(crate::app::RefusalKind::NotNow, Message::new("app.call_is_over"));
            self.resolve_pending(action, Err(gone));
        }
        if self.state.sip.leave_after_call {
            self.leave_registration();
        }
    }

    /// An ended call leaves the screen.
    pub(super) fn forget_call(&mut self) {
        if self.state.call.as_ref().is_some_and(|call| !call.phase.is_live()) {
            self.state.call = None;
            self.effects.push(Effect::StopTimer(TimerId::ForgetCall));
        }
    }

    /// Ends what is shown as a call without asking anyone: there is nobody left to ask.
    pub(super) fn end_call_locally(&mut self) {
        if let Some(call) = self.state.live_call_mut() {
            call.hang_up_asked = true;
            let leg = call.leg.is_some();
            if leg {
                self.phone(softphone::Command::HangUp);
            }
            self.call_over();
        }
    }

    /// Rings while somebody has to be called to the phone, and not a moment longer.
    pub(super) fn ring_tone(&mut self) {
        let rings = self.state.profile.ring
            && self.state.live_call().is_some_and(|call| {
                call.phase == CallPhase::Ringing
                    && call.ring.is_none_or(RingKind::is_offered)
                    && call.leg.as_ref().is_some_and(|leg| !leg.answered)
            })
            && !self.state.auto_answer;
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

fn call_leg(call: Option<&Call>) -> Option<&Leg> {
    call.and_then(|call| call.leg.as_ref())
}

fn take(known: &mut Option<String>, told: Option<&String>) {
    if let Some(told) = told.filter(|text| !text.is_empty()) {
        *known = Some(told.clone());
    }
}
