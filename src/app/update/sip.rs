//! The softphone's word: registration and the SIP leg of the call.

use serde_json::json;

use super::{Turn, join::same_number};
use crate::{
    app::{
        Action, LinkState, SipState,
        state::{Call, Leg, Purpose},
    },
    domain::{CallPhase, Direction, HungUpBy, RingKind},
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
                self.registration_refused(&error);
                if new {
                    let text = message.render(self.state.profile.locale);
                    self.publish("sipFailed", &["sip"], "", json!({ "error": text }));
                    // One outage is told once, however its attempts fail; the banner shows how the last one did.
                    if first || !PASSING.contains(&message.key()) {
                        let goes_on = self.state.live_call().is_some_and(|call| !call.hang_up_asked);
                        let key = if goes_on { "app.sip_failed_in_call" } else { "app.sip_failed" };
                        self.error(Message::new(key).with("reason", text));
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
        self.settle(&["app.sip_failed", "app.sip_failed_in_call"]);
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

    /// An INVITE: of the call on the screen, of one that is not on the screen yet, or of the next one.
    fn invited(&mut self, call_id: String, from: String, asks: bool) {
        let since = self.now.at;
        self.leg_came(Leg {
            call_id,
            from,
            since,
            asks,
            offered: false,
            answered: false,
            answering: false,
            beeped: false,
        });
    }

    /// A leg finds its call, or is the first that is known of one, unless it may be the last of one that is over.
    fn leg_came(&mut self, leg: Leg) {
        if self.is_of_another_than_ends(&leg) {
            self.call_over();
        }
        if self.state.leg_of_ended(&leg, self.now.at) {
            return self.doubt_leg(leg);
        }
        if self.state.live_call().is_some() {
            return self.take_leg(leg);
        }
        let Some(leg) = self.leg_of_waiting_ring(leg) else { return };
        if let Some(leg) = self.leg_ends_doubt(leg) {
            self.take_leg(leg);
        }
    }

    /// A leg is that of the call on the screen, or begins one.
    pub(super) fn take_leg(&mut self, leg: Leg) {
        if self.state.live_call().is_some_and(|call| call.guessed) {
            self.call_over();
        }
        if self.is_second_own_leg(&leg) {
            self.first_own_leg_was_of_ended();
        }
        let unsure = self.state.is_unsure_of(&leg);
        if let Some(call) = self.state.live_call() {
            if call.leg.is_some() {
                return self.leg_waits(leg);
            }
            if leg.asks && call.ring.is_some_and(RingKind::is_offered) && self.state.is_dialling(leg.since) {
                // The platform has accepted what was dialled, so that what is offered here is over.
                return self.leg_waits(leg);
            }
            let fits = self.state.leg_fits(&leg, call, self.now.at);
            if call.asked && !leg.asks && (self.state.own_legs_ask || !fits) {
                return self.leg_waits(leg);
            }
            if !fits {
                // The call that was announced never came here, and this is another customer.
                self.call_over();
            }
        }
        if self.state.live_call().is_none() {
            self.call_of_leg(&leg);
        }
        let Some(call) = self.state.live_call_mut() else { return };
        let call_id = leg.call_id.clone();
        call.call_id.get_or_insert_with(|| call_id.clone());
        if call.peer.number.is_none() && call.peer.ag_no.is_none() {
            call.peer.number = Some(leg.from.clone()).filter(|from| !from.is_empty());
        }
        let own_asks = leg.asks && (call.asked || call.ring == Some(RingKind::Outbound));
        call.leg = Some(leg);
        call.unsure = unsure && call.platform.is_some();
        call.leg_came = true;
        call.legless = false;
        if call.leg_lost.take().is_some() {
            call.hung_up_by = None;
        }
        let hang_up_asked = call.hang_up_asked;
        self.state.own_legs_ask |= own_asks;
        self.state.learn_where_legs_come_from();
        if hang_up_asked {
            return self.end_late_leg(call_id);
        }
        self.answer_by_itself();
        self.ring_tone();
    }

    /// Whether the platform has agreed to the end of the call on the screen, and this leg may be the next one's: the own
    /// leg of a call out, or one that names the caller, is not.
    fn is_of_another_than_ends(&self, leg: &Leg) -> bool {
        let Some(call) = self.state.live_call().filter(|call| call.hang_up_asked && call.leg.is_none()) else {
            return false;
        };
        let number = call.caller.as_deref().or(call.peer.number.as_deref());
        let this = leg.asks || same_number(number, Some(&leg.from));
        // Of one that was only found not even its number is known: its leg may be on its way, or have come and gone.
        let agreed = call.legless || !self.ending_is_asked();
        (call.leg_came || !this) && self.state.session.web_phone && agreed
    }

    /// Whether the platform is being asked to end a call.
    pub(super) fn ending_is_asked(&self) -> bool {
        [Action::HangUp, Action::Reject, Action::CancelDial].iter().any(|action| {
            self.is_under_way(&Purpose::Command(*action)) || self.is_under_way(&Purpose::HangUpInstead(*action))
        })
    }

    /// The INVITE is ahead of the platform's message, which will say who it is. One that asks to be answered by itself is
    /// an own leg; the agent's switch answers those that ring as well.
    fn call_of_leg(&mut self, leg: &Leg) {
        let waits = |action| self.state.pending.commands.contains_key(&action);
        let (spies, calls_agent) = (waits(Action::Spy), waits(Action::DialAgent));
        let dials = self.state.is_dialling(leg.since) && !calls_agent;
        let asked = dials || spies || calls_agent;
        let own_leg = leg.asks && (asked || !self.state.remembered.auto_answer);
        let (phase, direction) = match (own_leg, spies, calls_agent) {
            (false, _, _) => (CallPhase::Ringing, Direction::In),
            (true, true, _) => (CallPhase::Dialing, Direction::Spy),
            (true, false, true) => (CallPhase::Dialing, Direction::Inner),
            (true, false, false) => (CallPhase::Dialing, Direction::Out),
        };
        let dialled = self.state.dialled.as_ref().filter(|dialled| own_leg && dials && !dialled.agent);
        let dialled = dialled.map(|dialled| dialled.number.clone());
        self.new_call(phase, direction);
        if let Some(call) = self.state.live_call_mut() {
            call.asked = own_leg && asked;
            call.peer.number = dialled.or_else(|| Some(leg.from.clone()).filter(|from| !from.is_empty()));
        }
    }

    /// Answers the leg of the call on the screen where no key is waited for, or where it was pressed before the leg came.
    ///
    /// A leg that asks for it is answered only for a call that was asked for here or that the platform has announced, so
    /// that nobody opens the microphone from outside; without a link nothing is ever announced. A call that the agent
    /// has refused or hung up is not answered at all.
    pub(super) fn answer_by_itself(&mut self) {
        let pressed = self.state.pending.commands.contains_key(&Action::Answer);
        let switched_on = self.state.remembered.auto_answer;
        let announces = self.state.profile.websocket;
        let Some(call) = self.state.live_call_mut().filter(|call| !call.hang_up_asked) else { return };
        let known = call.platform.is_some() || call.asked || !announces;
        let spies = call.ring == Some(RingKind::Spy) && call.phase == CallPhase::Dialing && call.spy_wanted;
        let Some(leg) = call.leg.as_mut().filter(|leg| !leg.answered && !leg.answering) else { return };
        let by_itself = (leg.asks && known) || switched_on || spies;
        if !by_itself && !pressed {
            return;
        }
        leg.answering = by_itself;
        let call_id = leg.call_id.clone();
        self.phone(softphone::Command::Answer { call_id });
        self.beep();
    }

    fn leg_answered(&mut self, call_id: &str) {
        let told_of = self.state.profile.websocket && self.state.link.state != LinkState::GivenUp;
        let Some(call) = self.state.live_call_mut() else { return };
        let Some(leg) = call.leg.as_mut().filter(|leg| leg.call_id == call_id) else { return };
        leg.answered = true;
        if call.hang_up_asked {
            // The key that ends it was pressed while the leg was being answered.
            self.phone(softphone::Command::Release { call_id: call_id.to_owned() });
            return self.ring_tone();
        }
        let offered = call.ring.is_none_or(crate::domain::RingKind::is_offered);
        let rings = call.phase == CallPhase::Ringing && offered;
        // Without the link nobody will say more about the other end; of one that is tried again it is said then.
        if rings || (call.phase == CallPhase::Dialing && !told_of) {
            // Answering happens here, not on the platform: its word (PhoSta 6) may be late or the link down.
            if call.direction == Direction::Spy {
                self.phase_of_call(CallPhase::Spying)
            } else {
                self.talking()
            }
            if let Some(call) = self.state.live_call_mut() {
                call.assumed = !rings;
            }
        } else {
            self.ring_tone();
            self.resolve_pending(Action::Answer, Ok(json!({ "code": 0 })));
        }
    }

    fn leg_ended(&mut self, call_id: &str, cause: EndCause) {
        let why = match cause {
            EndCause::Unreached(why) => Some(why),
            EndCause::RemoteBye
            | EndCause::Cancelled
            | EndCause::AnsweredElsewhere
            | EndCause::NoAnswer
            | EndCause::Local
            | EndCause::Failed(_) => None,
        };
        if self.state.untold.as_ref().is_some_and(|untold| untold.leg == call_id) {
            self.tell_unreached(why);
        }
        if self.state.missed.as_ref().is_some_and(|missed| missed.leg == call_id) {
            self.tell_missed(matches!(cause, EndCause::AnsweredElsewhere));
        }
        if self.next_leg_over(call_id) {
            return;
        }
        let Some(call) = self.state.call.as_mut() else { return };
        if call.leg.as_ref().is_none_or(|leg| leg.call_id != call_id) {
            return;
        }
        let ended = call.leg.take();
        if !call.phase.is_live() {
            return;
        }
        let by_far_end = matches!(cause, EndCause::Cancelled | EndCause::RemoteBye);
        let begins = matches!(call.phase, CallPhase::Ringing | CallPhase::Dialing);
        let lives_on = |leg: &Leg| {
            if begins {
                self.platform_has_yet_to_speak(leg) || self.leg_was_of_ended(leg)
            } else {
                self.answered_leg_was_of_ended(leg)
            }
        };
        if by_far_end && ended.as_ref().is_some_and(lives_on) {
            self.take_waiting_leg();
            return self.ring_tone();
        }
        let over_before = by_far_end && ended.as_ref().is_some_and(|leg| self.leg_has_come(leg));
        let Some(call) = self.state.call.as_mut() else { return };
        call.echo |= over_before;
        call.unreached = why;
        match cause {
            EndCause::RemoteBye | EndCause::Unreached(_) | EndCause::Cancelled | EndCause::NoAnswer => {}
            EndCause::AnsweredElsewhere => call.elsewhere = true,
            EndCause::Local => call.hang_up_asked = true,
            EndCause::Failed(reason) => {
                let reason = super::clean(&reason);
                let message = Message::new("app.leg_failed").with("reason", &reason);
                if self.held_by_platform() {
                    return self.leg_lost(reason, message);
                }
                if let Some(call) = self.state.live_call_mut() {
                    call.hung_up_by = Some(HungUpBy::Fault);
                }
                self.error(message);
            }
        }
        self.call_over();
    }

    /// Whether the platform has spoken of the call on the screen, and would say that it is over: at once, or, of one that
    /// rings, when the link is back. Given up here it would be found again then, as a second call.
    pub(super) fn held_by_platform(&self) -> bool {
        let open = |call: &Call| call.platform.is_some_and(|key| self.state.platform.get(key).is_some());
        let says = match self.state.link.state {
            LinkState::Up => true,
            LinkState::Down | LinkState::Connecting => self.state.call_phase() == CallPhase::Ringing,
            LinkState::GivenUp => false,
        };
        says && self.state.live_call().is_some_and(open)
    }

    /// The call is not over because its leg is: the platform holds the customer, and may send another leg.
    fn leg_lost(&mut self, reason: String, because: Message) {
        let at = self.now.at;
        if let Some(call) = self.state.live_call_mut() {
            call.leg_lost = Some(reason);
            call.hung_up_by = Some(HungUpBy::Fault);
            call.phase_at = at;
        }
        self.error(because);
        self.ring_tone();
    }

    /// The capture path's word, which alone is shown.
    fn muted(&mut self, muted: bool) {
        self.state.media.muted = muted;
        let action = if muted { Action::Mute } else { Action::Unmute };
        self.resolve_pending(action, Ok(json!({ "muted": muted })));
    }
}
