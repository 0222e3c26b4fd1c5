//! Hanging up, refusing, cancelling: the call always ends on this side, whatever the platform says.

use std::time::Duration;

use serde_json::json;

use super::{Turn, answer, commands::DEADLINE, refusal, refused, unreachable};
use crate::{
    app::{
        Action, CommandId, Effect, LinkState, RefusalKind, RequestId, SipState, TimerId,
        state::{Dtmf, Purpose},
    },
    cti::api::{ApiError, Reply, Request},
    i18n::Message,
    softphone,
};

/// A call whose end the platform has accepted is over after this time, said or not.
const STRAY_CALL: Duration = Duration::from_secs(3);

/// A leg that rings is ended without the platform's answer after this time.
const SLOW_PLATFORM: Duration = Duration::from_secs(1);

impl Turn<'_> {
    /// `request`: the platform's word for this way to end a call. For refusing and cancelling it has one of its own
    /// (protocol `cti.md` 2.4); the original bar hangs up instead, which is done here where its own is refused.
    pub(super) fn hang_up(&mut self, id: CommandId, action: Action, request: Request) {
        let pressed = self.state.pending.commands.contains_key(&Action::Answer);
        if let Some(call) = self.state.live_call_mut() {
            call.hang_up_asked = true;
            if let Some(leg) = &call.leg {
                let (call_id, answered, answering) = (leg.call_id.clone(), leg.answered, leg.answering || pressed);
                if answered {
                    // Nobody hears the agent from this moment, however long the platform takes.
                    self.phone(softphone::Command::Release { call_id });
                } else if answering {
                    // In a moment it would be a conversation.
                    self.phone(softphone::Command::HangUp { call_id });
                } else {
                    // The platform's own way is the better one while a leg only rings, but not for ever.
                    self.effects.push(Effect::StartTimer { timer: TimerId::StrayCall, after: SLOW_PLATFORM });
                }
            }
        }
        let otherwise = refusal(RefusalKind::Pending, Message::new("app.superseded"));
        self.resolve_pending(Action::Answer, Err(otherwise));
        self.send(id, action, request);
        if self.nothing_gets_through() {
            // Neither the order nor BYE reaches anybody now: the agent need not wait to hear it.
            self.warn(Message::new("app.hung_up_locally"));
            self.hang_up_leg();
        }
    }

    /// Neither the link nor the phone is connected, and the call on the screen has a leg.
    fn nothing_gets_through(&self) -> bool {
        let away = self.state.profile.websocket && self.state.link.state != LinkState::Up;
        let phone_away = self.state.sip.state != SipState::Registered;
        away && phone_away && self.state.live_call().is_some_and(|call| call.leg.is_some())
    }

    /// A leg comes of a call whose end the agent has asked for.
    pub(super) fn end_late_leg(&mut self, call_id: String) {
        if self.ending_is_asked() {
            self.effects.push(Effect::StartTimer { timer: TimerId::StrayCall, after: SLOW_PLATFORM });
        } else {
            // The platform has agreed to the end of this call already.
            self.phone(softphone::Command::HangUp { call_id });
        }
    }

    /// The platform knows nothing to refuse or to cancel: perhaps it knows a call.
    fn hang_up_instead(&mut self, action: Action) {
        if let Some(id) = self.state.pending.commands.get(&action).map(|waiting| waiting.id) {
            self.wait(action, id, DEADLINE);
            self.request(Purpose::HangUpInstead(action), Request::HangUp);
        }
    }

    /// The answer to the plain way.
    pub(super) fn hang_up_instead_reply(&mut self, id: RequestId, action: Action, result: Result<Reply, ApiError>) {
        if self.state.pending.commands.get(&action).is_some_and(|waiting| waiting.request == Some(id)) {
            self.hang_up_answered(action, result);
        }
    }

    pub(super) fn hang_up_reply(&mut self, action: Action, result: Result<Reply, ApiError>) {
        let has_leg = self.state.live_call().is_some_and(|call| call.leg.is_some());
        match result {
            Ok(reply) if !reply.is_ok() && !has_leg && action != Action::HangUp => self.hang_up_instead(action),
            Ok(_) | Err(_) => self.hang_up_answered(action, result),
        }
    }

    /// Hanging up always ends the call on this side, whatever the platform says (protocol `phone-bar.md` 12.3).
    fn hang_up_answered(&mut self, action: Action, result: Result<Reply, ApiError>) {
        let has_leg = self.state.live_call().is_some_and(|call| call.leg.is_some());
        match result {
            Ok(reply) if reply.is_ok() => {
                if let Some(call) = self.state.live_call_mut() {
                    call.end_agreed = true;
                }
                if has_leg {
                    self.hang_up_leg();
                } else if !self.state.session.web_phone || self.state.live_call().is_some() {
                    // PhoSta 0 is on its way; without one the call must not stay.
                    self.effects.push(Effect::StartTimer { timer: TimerId::StrayCall, after: STRAY_CALL });
                }
                self.resolve_pending(action, Ok(answer(reply)));
            }
            Ok(_) if has_leg => self.hang_up_here(action),
            Err(_) if has_leg => {
                self.warn(Message::new("app.hung_up_locally"));
                self.hang_up_here(action);
            }
            Ok(reply) => {
                // The platform knows of no such call, and there is no leg: it is over.
                let refusal = refused(&reply);
                if self.state.live_call().is_some() {
                    self.call_over();
                } else {
                    self.command_failed(action, refusal);
                }
            }
            Err(error) => {
                let asked = self.ending_is_asked();
                if let Some(call) = self.state.live_call_mut() {
                    call.hang_up_asked = asked || call.end_agreed;
                }
                self.command_failed(action, unreachable(&error));
            }
        }
    }

    /// The leg of the call on the screen, if there is one.
    pub(super) fn hang_up_leg(&mut self) {
        if let Some(leg) = self.state.live_call().and_then(|call| call.leg.as_ref()) {
            let call_id = leg.call_id.clone();
            self.phone(softphone::Command::HangUp { call_id });
        }
    }

    fn hang_up_here(&mut self, action: Action) {
        self.hang_up_leg();
        self.resolve_pending(action, Ok(json!({ "code": 0, "local": true })));
    }

    /// Orders about a call do not say which (protocol `cti.md` 2.4): those for calls of before that are still on their
    /// way must not meet the one that begins.
    pub(super) fn abandon_call_orders(&mut self) {
        self.abandon(is_call_order);
        self.state.dtmf = Dtmf::default();
    }

    /// The same for those that end a call, before one is asked for.
    pub(super) fn abandon_endings(&mut self) {
        self.abandon(ends_a_call);
    }

    fn abandon(&mut self, which: fn(&Purpose) -> bool) {
        let requests = &self.state.pending.requests;
        let old: Vec<(RequestId, Purpose)> =
            requests.iter().filter(|(_, purpose)| which(purpose)).map(|(id, purpose)| (*id, purpose.clone())).collect();
        for (id, purpose) in old {
            self.state.pending.requests.remove(&id);
            self.state.health.asked.remove(&id);
            self.effects.push(Effect::Abandon(id));
            let (Purpose::Command(action) | Purpose::HangUpInstead(action)) = purpose else { continue };
            if self.state.pending.commands.get(&action).is_some_and(|waiting| waiting.request == Some(id)) {
                let outcome = if ends_a_call(&purpose) {
                    Ok(json!({ "code": 0, "local": true }))
                } else {
                    Err(refusal(RefusalKind::NotNow, Message::new("app.call_is_over")))
                };
                self.resolve_pending(action, outcome);
            }
        }
    }

    /// Nothing more was heard of a call whose end the platform accepted.
    pub(super) fn stray_call_due(&mut self) {
        let Some(call) = self.state.live_call().filter(|call| call.hang_up_asked) else { return };
        if call.leg.is_some() {
            // The own leg came after the end was asked for.
            self.hang_up_leg();
        } else {
            self.call_over();
        }
    }
}

fn ends_a_call(purpose: &Purpose) -> bool {
    use Action::{CancelDial, HangUp, Reject};
    matches!(purpose, Purpose::Command(HangUp | Reject | CancelDial) | Purpose::HangUpInstead(_) | Purpose::GivenUp)
}

/// Whether it is about the call there is, whichever that is by then.
fn is_call_order(purpose: &Purpose) -> bool {
    use Action::{
        Barge, Consult, ConsultReturn, ConsultTransfer, Disconnect, Evaluate, Hold, Interact, ThreeWay, ThreeWayReturn,
        Transfer, Unhold, Whisper, WhisperCancel,
    };
    let within = matches!(
        purpose,
        Purpose::Dtmf
            | Purpose::Command(
                Hold | Unhold
                    | Consult
                    | ConsultReturn
                    | ConsultTransfer
                    | ThreeWay
                    | ThreeWayReturn
                    | Transfer
                    | Evaluate
                    | Interact
                    | Whisper
                    | WhisperCancel
                    | Barge
                    | Disconnect
            )
    );
    within || ends_a_call(purpose)
}
