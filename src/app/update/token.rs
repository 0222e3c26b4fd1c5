//! The token: replaced, checked, renewed before it expires and when the platform takes it no more (protocol `cti.md`
//! 2.6).

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::{Turn, clean, number_of};
use crate::{
    app::{
        Effect, LinkState, TimerId,
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
            Ok(token) => self.use_token(token),
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

    /// A token to use from now on, for HTTP and the next link; what waits for one is tried at once.
    pub(super) fn use_token(&mut self, token: SecretString) {
        self.effects.push(Effect::UseToken(token.clone()));
        let session = &mut self.state.session;
        session.renewal_told = None;
        session.token_expires = None;
        session.expiring_told = false;
        session.worthless_told = false;
        self.settle(&[
            "app.token_renewal_failed",
            "app.token_expiring",
            "app.token_expired",
            "app.link_needs_token_told",
        ]);
        if matches!(self.state.session.phase, Phase::Linking | Phase::Setting | Phase::In) {
            self.request(Purpose::TokenCheck, Request::CheckToken { token: SecretToken(token) });
        }
        // An attempt under way goes on with the old one, which may still do.
        self.state.link.token_is_old = self.state.link.state == LinkState::Connecting;
        if self.state.session.refused && self.state.session.phase == Phase::Out {
            self.begin_sign_in(false);
        } else {
            self.reconnect_now();
        }
    }

    pub(super) fn token_check_reply(&mut self, result: Result<Reply, ApiError>) {
        match result {
            Ok(reply) if reply.is_ok() => self.plan_token_renewal(&reply.data),
            Ok(reply) => {
                self.error(Message::new("app.token_refused").with("text", clean(&reply.message)));
                self.renew_old_token();
            }
            Err(error) => self.warn(error.message()),
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
        let expired = || self.state.session.token_expires.is_some() && self.until_expiry().is_zero();
        let worthless = match result {
            Err(error) => matches!(error, ApiError::Status { status: 401, .. }),
            // Whatever the code: once its time is over, it is the token's fault.
            Ok(reply) => reply.has(ReplyCode::TokenRefused) || (!reply.is_ok() && expired()),
        };
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
