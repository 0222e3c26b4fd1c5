//! Signing in (protocol `cti.md` 2.3, 3.5, 3.9).

use std::time::Duration;

use serde_json::{Value, json};

use super::{Turn, binding::account, clean, refused, text_of, unreachable};
use crate::{
    app::{
        Action, Effect, LinkState, Refusal, RefusalKind, TimerId,
        state::{Phase, Purpose},
    },
    cti::{
        api::{ApiError, Reply, Request},
        codes::ReplyCode,
    },
    domain::{AgentState, KnownSignIn, TargetState},
    i18n::Message,
    softphone,
};

/// A sign-in waits this long for a sign-out still under way.
const AFTER_SIGN_OUT: Duration = Duration::from_millis(200);
/// Why the agent was signed out, which a sign-in makes out of date.
const SIGNED_OUT: [&str; 8] = [
    "app.link_replaced",
    "app.link_refused",
    "app.link_refused_token",
    "app.link_given_up",
    "app.forced_out",
    "app.signed_in_elsewhere",
    "app.taken_by_other_seat",
    "app.not_signed_in",
];
/// Told to sign in again sooner than this after the last time, the client pauses first.
const AGAIN_MIN: Duration = Duration::from_secs(10);
/// That pause.
const AGAIN_PAUSE: Duration = Duration::from_secs(3);

impl Turn<'_> {
    pub(super) fn started(&mut self) {
        if self.state.profile.sign_in_at_start {
            self.begin_sign_in(false);
        }
    }

    /// Starts a sign-in that is repeated until it works or is refused.
    pub(super) fn begin_sign_in(&mut self, force: bool) {
        // Why the last sign-in ended is not why this one takes long.
        self.state.link.last_error = None;
        let session = &mut self.state.session;
        session.wanted = true;
        session.force = force || self.state.profile.auto_force_login;
        session.failures = 0;
        session.failing_since = None;
        session.ended_other = false;
        self.attempt_sign_in();
    }

    pub(super) fn sign_in_due(&mut self) {
        if self.state.session.wanted && self.state.session.phase == Phase::Out {
            self.attempt_sign_in();
        }
    }

    pub(super) fn attempt_sign_in(&mut self) {
        self.effects.push(Effect::StopTimer(TimerId::SignIn));
        self.state.link.retry_at = None;
        if self.is_under_way(&Purpose::RollBack) || self.is_under_way(&Purpose::Command(Action::SignOut)) {
            // A sign-out that arrives after the new sign-in would undo it.
            self.state.session.phase = Phase::Out;
            self.effects.push(Effect::StartTimer { timer: TimerId::SignIn, after: AFTER_SIGN_OUT });
            return;
        }
        let session = &mut self.state.session;
        session.refused = false;
        session.state_set = false;
        session.login_state = None;
        session.signed_out_because = None;
        session.phase = Phase::FetchingPhone;
        self.state.link.was_up = false;
        self.state.link.lost_at = None;
        self.state.sip.leave_after_call = false;
        self.set_agent(AgentState::SigningIn, None, None);
        let pho_num = self.state.session.phone.clone();
        self.request(Purpose::PhoneInfo, Request::RtcInfo { pho_num });
    }

    pub(super) fn phone_info(&mut self, result: Result<Reply, ApiError>) {
        if self.state.session.phase != Phase::FetchingPhone {
            return;
        }
        let reply = match result {
            Ok(reply) if reply.is_ok() => reply,
            Ok(reply) => {
                // Nothing but the token can be wrong with this one, whatever the platform's code for it.
                self.renew_old_token();
                return self.sign_in_refused(refused(&reply));
            }
            Err(error) => return self.sign_in_failed(unreachable(&error)),
        };
        self.state.session.tenant_known = true;
        if let Some(code) = text_of(reply.data.get("vccCode")) {
            self.state.session.vcc_code = Some(code.clone());
            self.effects.push(Effect::SetTenant(code));
        }
        self.state.session.account = account(&reply.data, &self.state.session.phone);
        if self.state.session.account.is_none() && self.state.session.web_phone {
            self.error(Message::new("app.no_phone_account"));
        }
        self.state.session.vcc_id = text_of(reply.data.get("vccId"));
        self.plan_token_renewal(&reply.data);
        self.prove_devices_early();
        if self.rejoins() {
            self.rejoin();
        } else {
            self.log_in();
        }
        self.ask_for_lists();
    }

    pub(super) fn login_reply(&mut self, result: Result<Reply, ApiError>) {
        if self.state.session.phase != Phase::LoggingIn {
            return;
        }
        match result {
            Ok(reply) if reply.is_ok() && !self.state.profile.websocket => self.logged_in_without_link(),
            Ok(reply) if reply.is_ok() => {
                let login_state = text_of(reply.data.get("agSta")).unwrap_or_else(|| "0".into());
                match text_of(reply.data.get("regId")) {
                    Some(reg_id) => {
                        self.logged_in(reg_id, Some(login_state.clone()));
                        self.adopt_state(&login_state);
                    }
                    None => self.sign_in_refused(Refusal {
                        kind: RefusalKind::Platform,
                        message: Message::new("app.no_reg_id"),
                        platform: Some((0, clean(&reply.message))),
                    }),
                }
            }
            Ok(reply) if reply.has(ReplyCode::SignedInAlready) => self.already_signed_in(&reply),
            Ok(reply) => self.sign_in_refused(refused(&reply)),
            Err(error) => {
                // It may have been carried out all the same; what then stands in the way is our own.
                self.state.session.login_unanswered = true;
                self.sign_in_failed(unreachable(&error));
            }
        }
    }

    pub(super) fn logged_in(&mut self, reg_id: String, login_state: Option<String>) {
        let session = &mut self.state.session;
        session.login_state = login_state;
        session.by_reset = false;
        session.reg_id = Some(reg_id);
        session.login_unanswered = false;
        session.phase = Phase::Linking;
        self.remember_sign_in();
        self.register();
        self.open_link();
    }

    pub(super) fn remember_sign_in(&mut self) {
        let session = &self.state.session;
        let Some(reg_id) = session.reg_id.clone() else { return };
        let (phone, kind) = (Some(session.phone.clone()), Some(session.login_type.number()));
        self.effects.push(Effect::RememberSignIn(Some(KnownSignIn { reg_id, phone, kind })));
    }

    fn logged_in_without_link(&mut self) {
        self.register();
        self.state.link.last_error = None;
        self.state.link.attempts = 0;
        let wanted = if self.state.health.held_ready { TargetState::Busy(None) } else { self.wanted_state() };
        if matches!(wanted, TargetState::Busy(Some(_))) {
            // The sign-in has no room for the reason.
            return self.first_state();
        }
        self.adopt(wanted);
        self.signed_in(Value::Null);
    }

    pub(super) fn register(&mut self) {
        if let Some(account) = self.state.session.account.clone() {
            self.state.sip.leave_after_call = false;
            self.state.sip.wanted = true;
            self.phone(softphone::Command::Register(account));
        }
    }

    /// MT 0 on the link.
    pub(super) fn greeted(&mut self) {
        if self.state.session.phase != Phase::Linking {
            return;
        }
        if self.state.session.rejoining {
            return self.rejoin_greeted();
        }
        let (state_set, web_phone) = (self.state.session.state_set, self.state.session.web_phone);
        if !state_set && web_phone && self.state.live_call().is_some_and(|call| call.leg.is_none()) {
            // The new sign-in holds no call, and there is none on this phone.
            self.end_platform_call();
            self.call_over();
        }
        if self.state.live_call().is_some() && !self.state.session.state_set {
            self.state_after_this_call();
            // The new sign-in holds no call: when the leg ends, the call is over, whatever the platform says.
            self.end_platform_call();
            if let Some(call) = self.state.live_call_mut().filter(|call| call.leg.is_some()) {
                call.platform = None;
                call.asked = false;
            }
            self.set_agent(AgentState::Occupied, None, None);
        }
        if self.state.session.state_set {
            self.call_by_login();
            self.signed_in(Value::Null);
        } else {
            self.first_state();
        }
    }

    /// Asks for the first ready or busy of a sign-in.
    pub(super) fn first_state(&mut self) {
        self.state.session.phase = Phase::Setting;
        let wanted = self.wanted_state();
        let target = self.gated(wanted);
        let request = match target {
            TargetState::Ready => Request::Ready,
            TargetState::Busy(reason) => Request::Busy { reason, check: None, name: None },
        };
        self.request(Purpose::FirstState(target), request);
    }

    /// Signed in in the middle of a call: the wanted state is asked for when the call is over.
    fn state_after_this_call(&mut self) {
        self.state.session.state_set = true;
        let wanted = self.wanted_state();
        self.state.pending.after_call.get_or_insert(wanted);
        self.state.pending.state_owed = true;
    }

    pub(super) fn first_state_reply(&mut self, target: TargetState, result: Result<Reply, ApiError>) {
        if self.state.session.phase != Phase::Setting {
            return;
        }
        match result {
            Ok(reply) if reply.is_ok() || reply.has(ReplyCode::AlreadyInState) => {
                self.state.session.state_set = true;
                if self.state.agent.state == AgentState::SigningIn {
                    self.adopt(target);
                }
                self.signed_in(reply.data);
            }
            Ok(_) | Err(_) if self.state.live_call().is_some() => {
                // The platform has sent a call meanwhile, which is why it refuses, and a sign-out would end the call: the
                // state is asked for after it.
                self.state_after_this_call();
                self.set_agent(AgentState::Occupied, None, None);
                self.signed_in(Value::Null);
            }
            Ok(_) if !matches!(self.state.agent.state, AgentState::SigningIn | AgentState::SignedOut) => {
                // Signed in before: an earlier order was faster, and the platform says what the state is.
                self.state.session.state_set = true;
                self.signed_in(Value::Null);
            }
            Ok(reply) if self.state.session.coming_back => {
                // It was in before, and the platform may only not be itself again.
                self.roll_back();
                self.sign_in_failed(refused(&reply));
            }
            Ok(reply) => {
                self.roll_back();
                self.sign_in_refused(refused(&reply));
            }
            Err(error) => {
                self.roll_back();
                self.sign_in_failed(unreachable(&error));
            }
        }
    }

    pub(super) fn signed_in(&mut self, data: Value) {
        let session = &mut self.state.session;
        session.phase = Phase::In;
        session.coming_back = false;
        session.failures = 0;
        session.failing_since = None;
        session.login_unanswered = false;
        session.force = self.state.profile.auto_force_login;
        self.settle(&SIGNED_OUT);
        self.resolve_pending(Action::SignIn, Ok(json!({ "code": 0, "data": data })));
    }

    /// Sign-in succeeded half-way and cannot be finished: leave nothing behind on the platform.
    fn roll_back(&mut self) {
        self.request(Purpose::RollBack, Request::Logout);
        self.close_link();
        self.leave_registration();
    }

    /// The platform said no: told once, not repeated.
    pub(super) fn sign_in_refused(&mut self, refusal: Refusal) {
        self.state.session.wanted = false;
        self.state.session.refused = true;
        self.state.session.phase = Phase::Out;
        self.leave_registration();
        // First, while the answer still has the platform's code: by it the screen offers to take over.
        let elsewhere = refusal.is_signed_in_elsewhere();
        // How a script takes over is of no use on the screen.
        let told = if elsewhere { Message::new("app.taken_by_other_seat") } else { refusal.message.clone() };
        self.resolve_pending(Action::SignIn, Err(refusal));
        self.signed_out(Some(told.clone()));
        self.error(told);
    }

    /// The platform did not answer: told, and tried again for as long as it is wanted.
    pub(super) fn sign_in_failed(&mut self, refusal: Refusal) {
        let session = &mut self.state.session;
        session.phase = Phase::Out;
        session.failures += 1;
        let since = *session.failing_since.get_or_insert(self.now.at);
        let after = self.back_off(self.now.at.saturating_duration_since(since));
        self.set_link(LinkState::Down);
        self.state.link.attempts = self.state.session.failures;
        self.state.link.last_error = Some(refusal.message.clone());
        self.state.link.retry_at = Some(self.now.at + after);
        self.effects.push(Effect::StartTimer { timer: TimerId::SignIn, after });
        if self.state.session.failures == 1 {
            self.error(refusal.message.clone());
        }
        self.resolve_pending(Action::SignIn, Err(refusal));
    }

    /// Signed out by the platform because the link was away: back in, same state as before.
    pub(super) fn sign_in_again(&mut self) {
        self.close_link();
        if self.state.session.phase == Phase::Leaving {
            // That is what was asked for, only by another way.
            self.end_call_locally();
            self.end_session(None);
            return self.resolve_pending(Action::SignOut, Ok(json!({ "code": 0 })));
        }
        let session = &mut self.state.session;
        session.wanted = true;
        session.coming_back = true;
        session.force = self.state.profile.auto_force_login;
        session.failures = 0;
        session.failing_since = None;
        session.ended_other = false;
        let before = session.again_at.replace(self.now.at);
        if before.is_some_and(|before| self.now.at.saturating_duration_since(before) < AGAIN_MIN) {
            session.phase = Phase::Out;
            self.set_agent(AgentState::SigningIn, None, None);
            self.state.link.retry_at = Some(self.now.at + AGAIN_PAUSE);
            self.effects.push(Effect::StartTimer { timer: TimerId::SignIn, after: AGAIN_PAUSE });
        } else {
            self.attempt_sign_in();
        }
    }

    /// The state to take after sign-in.
    pub(super) fn wanted_state(&self) -> TargetState {
        self.state.session.target.unwrap_or(self.state.profile.target)
    }
}
