//! The token: replaced, checked, renewed before it expires and when the platform takes it no more (protocol `cti.md`
//! 2.6).

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use super::{Turn, clean, number_of};
use crate::{
    app::{
        Effect, LinkState, TimerId,
        state::{Phase, Purpose},
    },
    cti::api::{ApiError, Reply, Request, SecretToken},
    i18n::Message,
};

/// The token source is not asked more often: what it gives may be as old as what it replaces.
const RENEWALS_APART: Duration = Duration::from_secs(60);
/// Epoch seconds do not reach this before the year 5138; what is larger is in ms.
const MS_FROM: i64 = 100_000_000_000;

impl Turn<'_> {
    /// A token to use from now on, for HTTP and the next link; what waits for one is tried at once.
    pub(super) fn use_token(&mut self, token: SecretString) {
        self.effects.push(Effect::UseToken(token.clone()));
        if matches!(self.state.session.phase, Phase::Linking | Phase::Setting | Phase::In) {
            self.request(Purpose::TokenCheck, Request::CheckToken { token: SecretToken(token) });
        }
        if self.state.link.state == LinkState::GivenUp && self.has_session() {
            self.open_link();
        } else if self.state.session.refused && self.state.session.phase == Phase::Out {
            self.begin_sign_in(false);
        } else {
            self.reconnect_now();
        }
    }

    pub(super) fn token_check_reply(&mut self, result: Result<Reply, ApiError>) {
        match result {
            Ok(reply) if reply.is_ok() => self.plan_token_renewal(&reply.data),
            Ok(reply) => self.error(Message::new("app.token_refused").with("text", clean(&reply.message))),
            Err(error) => self.warn(error.message()),
        }
    }

    /// Runs the renewal timer from `expires` (epoch seconds; protocol `cti.md` 2.6).
    pub(super) fn plan_token_renewal(&mut self, data: &Value) {
        let Some(expires) = number_of(data.get("expires")) else { return };
        let expires_ms = if expires < MS_FROM { expires.saturating_mul(1000) } else { expires };
        let left = expires_ms.saturating_sub(self.now.wall.as_millisecond());
        let lead = i64::try_from(self.state.profile.token_call_back_time.as_millis()).unwrap_or(i64::MAX);
        let after = Duration::from_millis(u64::try_from(left.saturating_sub(lead)).unwrap_or(0));
        let after = after.max(self.until_next_renewal());
        self.effects.push(Effect::StartTimer { timer: TimerId::TokenRenewal, after });
    }

    fn until_next_renewal(&self) -> Duration {
        let since = self.state.session.renewed_at.map(|at| self.now.at.saturating_duration_since(at));
        since.map_or(Duration::ZERO, |since| RENEWALS_APART.saturating_sub(since))
    }

    pub(super) fn token_renewal_due(&mut self) {
        self.publish("tokenExpiring", &["token"], "", Value::Null);
        self.state.session.renewed_at = Some(self.now.at);
        if self.state.profile.can_renew_token {
            self.renew_token();
        } else {
            self.warn(Message::new("app.token_expiring"));
        }
    }

    /// An answer that says the token is worth nothing: a new one is asked for, where there is somebody to ask.
    pub(super) fn token_may_be_old(&mut self, result: &Result<Reply, ApiError>) {
        if matches!(result, Err(ApiError::Status { status: 401, .. })) {
            self.renew_old_token();
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
