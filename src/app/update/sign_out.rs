//! Signing out, asked for or not, and what is left of a sign-in after it (protocol `cti.md` 3.9).

use serde_json::json;

use super::{Turn, refused, unreachable};
use crate::{
    app::{
        Action, Effect, LinkState, Refusal, RefusalKind, TimerId,
        state::{Call, Phase, Purpose},
    },
    cti::api::{ApiError, Reply, Request},
    domain::{AgentState, HungUpBy},
    i18n::Message,
    softphone,
};

impl Turn<'_> {
    /// Signed out, and not to be signed in again by itself.
    pub(super) fn end_session(&mut self, because: Option<Message>) {
        self.state.session.refused = false;
        self.state.session.reg_id = None;
        self.effects.push(Effect::RememberSignIn(None));
        self.stop_session(because);
    }

    /// The same, but the platform may still hold the sign-in, which is known again by its `RegID`.
    pub(super) fn stop_session(&mut self, because: Option<Message>) {
        self.state.session.wanted = false;
        self.state.session.phase = Phase::Out;
        self.effects.push(Effect::StopTimer(TimerId::SignIn));
        self.effects.push(Effect::StopTimer(TimerId::TokenRenewal));
        self.close_link();
        self.leave_registration();
        self.signed_out(because);
    }

    pub(super) fn signed_out(&mut self, because: Option<Message>) {
        if let Some(because) = &because {
            self.resolve_pending(Action::SignIn, Err(super::refusal(RefusalKind::Platform, because.clone())));
        }
        self.state.session.signed_out_because = because;
        self.state.session.step = None;
        self.state.session.coming_back = false;
        self.state.session.rejoining = false;
        self.effects.push(Effect::StopTimer(TimerId::Rejoin));
        self.forget_changes();
        self.forget_queue();
        self.state.pending.after_call = None;
        self.state.pending.state_owed = false;
        self.state.link.retry_at = None;
        self.effects.push(Effect::StopTimer(TimerId::AfterCall));
        self.set_agent(AgentState::SignedOut, None, None);
    }

    /// Unregisters, after the call if there is one: signalling never ends a conversation. One without a leg here is none
    /// that goes on here, and nobody would say that it is over.
    pub(super) fn leave_registration(&mut self) {
        let gone = |call: &Call| call.leg.is_none() && call.phase.is_connected();
        if self.state.session.web_phone && self.state.live_call().is_some_and(gone) {
            if let Some(call) = self.state.live_call_mut() {
                call.hung_up_by = Some(HungUpBy::Fault);
            }
            self.call_over();
        }
        if self.state.live_call().is_some() {
            self.state.sip.leave_after_call = true;
        } else {
            self.state.sip.leave_after_call = false;
            if std::mem::take(&mut self.state.sip.wanted) {
                self.phone(softphone::Command::Unregister);
            }
        }
    }

    /// The agent wants to leave.
    pub(super) fn begin_sign_out(&mut self) {
        let gone = super::refusal(RefusalKind::Pending, Message::new("app.superseded"));
        self.resolve_pending(Action::SignIn, Err(gone));
        if self.state.session.phase == Phase::Out {
            // Only the attempts to sign in are to end.
            self.end_session(None);
            return self.resolve_pending(Action::SignOut, Ok(json!({ "code": 0 })));
        }
        self.state.session.phase = Phase::Leaving;
        self.state.session.wanted = false;
        self.request(Purpose::Command(Action::SignOut), Request::Logout);
    }

    pub(super) fn sign_out_reply(&mut self, result: Result<Reply, ApiError>) {
        match result {
            // The platform, or the link's end, may have said so first.
            Ok(reply) if reply.is_ok() || self.is_out() => {
                self.end_call_locally();
                self.end_session(None);
                self.forget_project();
                self.state.session.target = Some(self.state.profile.target);
                self.resolve_pending(Action::SignOut, Ok(super::answer(reply)));
            }
            Ok(reply) => self.sign_out_failed(refused(&reply)),
            Err(error) => self.sign_out_failed(unreachable(&error)),
        }
    }

    fn sign_out_failed(&mut self, refusal: Refusal) {
        if self.is_out() {
            self.end_session(None);
            return self.resolve_pending(Action::SignOut, Ok(json!({ "code": 0 })));
        }
        if self.state.session.phase == Phase::Leaving {
            self.state.session.wanted = true;
            if self.state.session.state_set || !self.state.profile.websocket {
                self.state.session.phase = Phase::In;
            } else {
                self.state.session.phase = Phase::Linking;
                if self.state.link.state == LinkState::Up {
                    self.greeted();
                }
            }
        }
        self.error(refusal.message.clone());
        self.resolve_pending(Action::SignOut, Err(refusal));
    }

    /// Whether the sign-in that was to be ended is gone already.
    fn is_out(&self) -> bool {
        self.state.session.phase == Phase::Out || self.state.agent.state == AgentState::SignedOut
    }
}
