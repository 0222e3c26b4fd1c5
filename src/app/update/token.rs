//! The token: replaced, checked, renewed before it expires and when the platform takes it no more (protocol `cti.md`
//! 2.6).

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Turn, clean, number_of, refusal};
use crate::{
    app::{
        CommandId, Effect, LinkState, Refusal, RefusalKind, RequestId, TimerId,
        state::{Phase, Purpose},
    },
    cti::{
        api::{ApiError, Reply, Request, SecretToken},
        codes::ReplyCode,
    },
    i18n::Message,
};

/// The token source is not asked more often: what it gives may be as old as what it replaces.
const RENEWALS_APART: Duration = Duration::from_secs(60);
/// Epoch seconds do not reach this before the year 5138; what is larger is in ms.
const MS_FROM: i64 = 100_000_000_000;

impl Turn<'_> {
    /// What the token source gave, asked or not.
    pub(super) fn token_came(&mut self, result: Result<SecretString, Message>) {
        let asked = std::mem::take(&mut self.state.session.renewing);
        match result {
            Ok(token) => self.check_token(None, token),
            Err(reason) => {
                if self.state.session.renewal_told.as_ref() != Some(&reason) {
                    let text = reason.render(self.state.profile.locale);
                    self.error(Message::new("app.token_renewal_failed").with("reason", text));
                    self.state.session.renewal_told = Some(reason);
                }
                let session = &self.state.session;
                if asked && (session.refused || session.wanted) {
                    self.effects.push(Effect::StartTimer { timer: TimerId::TokenRenewal, after: RENEWALS_APART });
                }
            }
        }
    }

    /// A token that somebody gave: the one in use stays until the platform has accepted this one.
    pub(super) fn check_token(&mut self, command: Option<CommandId>, token: SecretString) {
        let token = SecretToken(token);
        self.request(Purpose::NewToken { command, token: token.clone() }, Request::CheckToken { token });
    }

    /// The platform's verdict on a new token.
    pub(super) fn new_token_reply(
        &mut self,
        request: RequestId,
        command: Option<CommandId>,
        token: SecretString,
        result: Result<Reply, ApiError>,
    ) {
        match result {
            Ok(reply) if reply.is_ok() => {
                self.drop_older_tokens(request);
                self.use_token(token);
                if matches!(self.state.session.phase, Phase::Linking | Phase::Setting | Phase::In) {
                    self.plan_token_renewal(&reply.data);
                }
                if let Some(command) = command {
                    self.done(command);
                }
            }
            Ok(reply) => {
                let text = clean(&reply.message);
                let shown = if text.is_empty() { reply.code.to_string() } else { text.clone() };
                self.new_token_refused(command, shown, Some((reply.code, text)));
            }
            Err(error @ (ApiError::Status { status: 401, .. } | ApiError::UnusableToken)) => {
                let text = error.message().render(self.state.profile.locale);
                self.new_token_refused(command, text, None);
            }
            Err(error) => self.new_token_unchecked(request, command, token, &error),
        }
    }

    fn new_token_refused(&mut self, command: Option<CommandId>, text: String, platform: Option<(i64, String)>) {
        let message = Message::new("app.token_refused").with("text", text);
        let told = self.state.session.renewal_told.replace(message.clone());
        // Its source may give the same one every minute; who gives one by hand hears it each time.
        if command.is_some() || told.as_ref() != Some(&message) {
            self.error(message.clone());
        }
        match command {
            Some(command) => {
                self.resolve(command, Err(Refusal { kind: RefusalKind::Platform, message, platform }));
            }
            None => {
                self.renew_old_token();
            }
        }
    }

    /// There was no verdict. What the configured source gave counts all the same, as does anything where the token in
    /// use is worth nothing; else the one that works stays.
    fn new_token_unchecked(
        &mut self,
        request: RequestId,
        command: Option<CommandId>,
        token: SecretString,
        error: &ApiError,
    ) {
        let Some(command) = command else {
            self.warn(error.message());
            self.drop_older_tokens(request);
            return self.use_token(token);
        };
        let reason = error.message().render(self.state.profile.locale);
        if self.state.session.worthless || self.token_is_over() {
            let message = Message::new("app.token_unchecked").with("reason", reason);
            self.warn(message.clone());
            self.drop_older_tokens(request);
            self.use_token(token);
            let text = message.render(self.state.profile.locale);
            return self.resolve(command, Ok(json!({ "code": 0, "message": text })));
        }
        let message = Message::new("app.token_kept").with("reason", reason);
        self.warn(message.clone());
        self.resolve(command, Err(refusal(RefusalKind::Unreachable, message)));
    }

    /// A newer token counts from now on: the verdict on one that came before it would change nothing.
    fn drop_older_tokens(&mut self, newer: RequestId) {
        let is_older = |id: &RequestId, purpose: &Purpose| *id < newer && matches!(purpose, Purpose::NewToken { .. });
        let requests = &mut self.state.pending.requests;
        let older: Vec<_> = requests.extract_if(.., |id, purpose| is_older(id, purpose)).collect();
        for (id, purpose) in older {
            self.effects.push(Effect::Abandon(id));
            if let Purpose::NewToken { command: Some(command), .. } = purpose {
                self.resolve(command, Err(refusal(RefusalKind::Pending, Message::new("app.superseded"))));
            }
        }
    }

    /// A token to use from now on, for HTTP and the next link; what waits for one is tried at once.
    fn use_token(&mut self, token: SecretString) {
        self.effects.push(Effect::UseToken(token));
        let session = &mut self.state.session;
        session.renewal_told = None;
        session.token_expires = None;
        session.expiring_told = false;
        session.worthless = false;
        session.worthless_told = false;
        self.settle(&[
            "app.token_refused",
            "app.token_renewal_failed",
            "app.token_kept",
            "app.token_expiring",
            "app.token_expired",
            "app.link_needs_token_told",
        ]);
        // An attempt under way goes on with the old one, which may still do.
        self.state.link.token_is_old = self.state.link.state == LinkState::Connecting;
        if self.state.session.refused && self.state.session.phase == Phase::Out {
            self.begin_sign_in(false);
        } else {
            self.reconnect_now();
        }
    }

    /// Runs the renewal timer from `expires` (epoch seconds; protocol `cti.md` 2.6).
    pub(super) fn plan_token_renewal(&mut self, data: &Value) {
        let Some(expires) = number_of(data.get("expires")) else { return };
        let expires_ms = if expires < MS_FROM { expires.saturating_mul(1000) } else { expires };
        self.state.session.token_expires = Timestamp::from_millisecond(expires_ms).ok();
        let lead = self.state.profile.token_call_back_time;
        let after = self.until_expiry().saturating_sub(lead).max(self.until_next_renewal());
        self.effects.push(Effect::StartTimer { timer: TimerId::TokenRenewal, after });
    }

    /// Time the token has left, where that is known; else none.
    fn until_expiry(&self) -> Duration {
        let left = self.state.session.token_expires.map(|end| end.duration_since(self.now.wall));
        left.and_then(|left| Duration::try_from(left).ok()).unwrap_or_default()
    }

    /// Whether its time is known to be over.
    fn token_is_over(&self) -> bool {
        self.state.session.token_expires.is_some() && self.until_expiry().is_zero()
    }

    fn until_next_renewal(&self) -> Duration {
        let since = self.state.session.renewed_at.map(|at| self.now.at.saturating_duration_since(at));
        since.map_or(Duration::ZERO, |since| RENEWALS_APART.saturating_sub(since))
    }

    pub(super) fn token_renewal_due(&mut self) {
        if !std::mem::replace(&mut self.state.session.expiring_told, true) {
            self.publish("tokenExpiring", &["token"], "", Value::Null);
        }
        let left = self.until_expiry();
        if self.state.profile.can_renew_token {
            self.renew_token();
        } else if left.is_zero() {
            self.tell_worthless();
        } else {
            self.warn(Message::new("app.token_expiring"));
            self.effects.push(Effect::StartTimer { timer: TimerId::TokenRenewal, after: left });
        }
    }

    /// An answer that says the token is worth nothing: a new one is asked for, of whoever there is to ask.
    pub(super) fn token_may_be_old(&mut self, purpose: &Purpose, result: &Result<Reply, ApiError>) {
        if matches!(purpose, Purpose::NewToken { .. }) {
            // A verdict on another token than the one in use.
            return;
        }
        let worthless = match result {
            Err(error) => matches!(error, ApiError::Status { status: 401, .. }),
            // Whatever the code: once its time is over, it is the token's fault.
            Ok(reply) => reply.has(ReplyCode::TokenRefused) || (!reply.is_ok() && self.token_is_over()),
        };
        self.state.session.worthless |= worthless;
        // The answer to a sign-in says so itself, and does not wait for this.
        let signing_in = matches!(purpose, Purpose::PhoneInfo | Purpose::Login | Purpose::FirstState(_));
        if worthless && !self.renew_old_token() && !self.state.profile.can_renew_token && !signing_in {
            self.tell_worthless();
        }
    }

    fn tell_worthless(&mut self) {
        if !std::mem::replace(&mut self.state.session.worthless_told, true) {
            self.error(Message::new("app.token_expired"));
        }
    }

    /// Whether a new token is on its way.
    pub(super) fn renew_old_token(&mut self) -> bool {
        if self.state.profile.can_renew_token && !self.state.session.renewing {
            let after = self.until_next_renewal();
            if after.is_zero() {
                self.renew_token();
            } else {
                self.effects.push(Effect::StartTimer { timer: TimerId::TokenRenewal, after });
            }
        }
        self.state.session.renewing
    }

    fn renew_token(&mut self) {
        self.state.session.renewed_at = Some(self.now.at);
        if !std::mem::replace(&mut self.state.session.renewing, true) {
            self.effects.push(Effect::RenewToken);
        }
    }
}
