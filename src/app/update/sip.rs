//! The softphone's word: registration and the SIP leg of the call.

use serde_json::json;

use super::Turn;
use crate::{
    app::{
        Action, SipState,
        state::{Leg, Purpose},
    },
    domain::{CallPhase, Direction, HungUpBy},
    i18n::Message,
    softphone::{self, EndCause, Event},
};

/// Failures of the registration that pass without anybody doing anything.
const PASSING: [&str; 3] = ["sip.connect", "sip.lost", "sip.timeout"];

impl Turn<'_> {
    pub(super) fn phone_event(&mut self, event: Event) {
        match event {
            Event::Registering => {
                if self.state.sip.state != SipState::Failed {
                    self.set_sip(SipState::Registering);
                }
            }
            Event::Registered { .. } => self.registered(),
            Event::Refreshed { .. } | Event::RoundTrip(_) => {}
            Event::RegistrationFailed { error, retry_in } => {
                let message = error.message();
                let new = self.state.sip.last_error.as_ref() != Some(&message);
                let first = self.state.sip.state != SipState::Failed;
                self.state.sip.retry_at = retry_in.map(|after| self.now.at + after);
                self.state.sip.last_error = Some(message.clone());
                self.set_sip(SipState::Failed);
                if new {
                    let text = message.render(self.state.profile.locale);
                    self.publish("sipFailed", &["sip"], "", json!({ "error": text }));
                    // One outage is told once, however its attempts fail; the banner shows how the last one did.
                    if first || !PASSING.contains(&message.key()) {
                        self.error(Message::new("app.sip_failed").with("reason", text));
                    }
                }
            }
            Event::Unregistered => {
                self.state.sip.retry_at = None;
                self.state.sip.last_error = None;
                self.set_sip(SipState::Off);
            }
            Event::Incoming { call_id, from, auto_answer } => self.invited(call_id, from, auto_answer),
            Event::TurnedAway { from } => self.turned_away(&from),
            Event::Answered { call_id } => self.leg_answered(&call_id),
            Event::Ended { call_id, cause } => self.leg_ended(&call_id, cause),
            Event::Media(event) => self.media_event(event),
            Event::Muted(muted) => self.muted(muted),
        }
    }

    fn registered(&mut self) {
        let first = self.state.sip.state != SipState::Registered;
        self.state.sip.retry_at = None;
        self.state.sip.last_error = None;
        self.settle(&["app.sip_failed"]);
        self.set_sip(SipState::Registered);
        if first {
            self.publish("sipRegistered", &["sip"], "", json!({}));
        }
        if !self.state.sip.devices_proven {
            // A headset that does not work is told of before the first customer meets it.
            self.state.sip.devices_proven = true;
            self.phone(softphone::Command::ProveDevices);
        }
    }

    fn set_sip(&mut self, state: SipState) {
        if self.state.sip.state != state {
            tracing::info!(from = ?self.state.sip.state, to = ?state, "registration");
            self.state.sip.state = state;
            self.state.sip.since = self.now.wall;
        }
    }

    fn invited(&mut self, call_id: String, from: String, auto_answer: bool) {
        // The softphone has room for one leg: an older one is gone.
        self.state.stray_leg = None;
        if self.state.live_call().is_some_and(|call| call.guessed) {
            self.call_over();
        }
        if self.state.live_call().is_none() {
            // The INVITE may be ahead of the platform's message, which will say who it is. One that the platform wants
            // answered by itself is an own leg; the agent's switch answers those that ring as well.
            let asked = |action| self.state.pending.commands.contains_key(&action);
            let (spies, calls_agent) = (asked(Action::Spy), asked(Action::DialAgent));
            let calls = asked(Action::Dial) || spies || calls_agent;
            let own_leg = auto_answer && (calls || !self.state.remembered.auto_answer);
            let (phase, direction) = match (own_leg, spies, calls_agent) {
                (false, _, _) => (CallPhase::Ringing, Direction::In),
                (true, true, _) => (CallPhase::Dialing, Direction::Spy),
                (true, false, true) => (CallPhase::Dialing, Direction::Inner),
                (true, false, false) => (CallPhase::Dialing, Direction::Out),
            };
            self.new_call(phase, direction);
            if let Some(call) = self.state.live_call_mut() {
                call.peer.number = Some(from).filter(|from| !from.is_empty());
            }
        }
        let Some(call) = self.state.live_call_mut() else { return };
        call.leg = Some(Leg { call_id: call_id.clone(), answered: false, answering: auto_answer, beeped: false });
        call.call_id.get_or_insert(call_id);
        let hang_up_asked = call.hang_up_asked;
        let ways = [Action::HangUp, Action::Reject, Action::CancelDial];
        let asking = ways.iter().any(|action| {
            self.is_under_way(&Purpose::Command(*action)) || self.is_under_way(&Purpose::HangUpInstead(*action))
        });
        if hang_up_asked && !asking {
            // The platform has agreed to the end of this call already.
            return self.phone(softphone::Command::HangUp);
        }
        if self.state.pending.commands.contains_key(&Action::Answer) && !auto_answer {
            return self.phone(softphone::Command::Answer);
        }
        self.beep();
        self.ring_tone();
        self.answer_own_leg();
    }

    /// Somebody else called while there is a call: the agent hears and reads it, softly.
    fn turned_away(&mut self, from: &str) {
        self.waiting_beep();
        self.info(Message::new("app.turned_away").with("who", from));
    }

    fn leg_answered(&mut self, call_id: &str) {
        let told_of = self.state.profile.websocket;
        let Some(call) = self.state.live_call_mut() else { return };
        let Some(leg) = call.leg.as_mut().filter(|leg| leg.call_id == call_id) else { return };
        leg.answered = true;
        let offered = call.ring.is_none_or(crate::domain::RingKind::is_offered);
        let rings = call.phase == CallPhase::Ringing && offered;
        // Without the link nobody will say more about the other end.
        if rings || (call.phase == CallPhase::Dialing && !told_of) {
            // Answering happens here, not on the platform: its word (PhoSta 6) may be late or the link down.
            if call.direction == Direction::Spy { self.phase_of_call(CallPhase::Spying) } else { self.talking() }
        } else {
            self.ring_tone();
            self.resolve_pending(Action::Answer, Ok(json!({ "code": 0 })));
        }
    }

    fn leg_ended(&mut self, call_id: &str, cause: EndCause) {
        let why = match cause {
            EndCause::Unreached(why) => Some(why),
            EndCause::RemoteBye | EndCause::Cancelled | EndCause::NoAnswer | EndCause::Local | EndCause::Failed(_) => {
                None
            }
        };
        if self.state.untold.as_ref().is_some_and(|untold| untold.leg == call_id) {
            self.tell_unreached(why);
        }
        self.state.stray_leg.take_if(|stray| stray == call_id);
        let Some(call) = self.state.call.as_mut() else { return };
        if call.leg.as_ref().is_none_or(|leg| leg.call_id != call_id) {
            return;
        }
        call.leg = None;
        if !call.phase.is_live() {
            return;
        }
        call.unreached = why;
        match cause {
            EndCause::RemoteBye | EndCause::Unreached(_) | EndCause::Cancelled | EndCause::NoAnswer => {}
            EndCause::Local => call.hang_up_asked = true,
            EndCause::Failed(reason) => {
                call.hung_up_by = Some(HungUpBy::Fault);
                self.error(Message::new("app.leg_failed").with("reason", super::clean(&reason)));
            }
        }
        self.call_over();
    }

    /// The capture path's word, which alone is shown.
    fn muted(&mut self, muted: bool) {
        self.state.media.muted = muted;
        let action = if muted { Action::Mute } else { Action::Unmute };
        self.resolve_pending(action, Ok(json!({ "muted": muted })));
    }
}
