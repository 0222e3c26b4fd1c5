//! Back on the platform after a restart of the program, without signing in again (protocol `cti.md` 2.3, form C).
//!
//! The link is opened with the `RegID` of before and `reset=true`, and the platform tells the state there. If it does
//! not, or does not know the `RegID` any more, the usual sign-in follows.

use std::time::Duration;

use serde_json::Value;

use super::Turn;
use crate::{
    app::{
        Effect, TimerId,
        state::{Phase, Purpose},
    },
    cti::api::Request,
};

/// The platform tells the state at once after its greeting.
const STATE_TOLD: Duration = Duration::from_secs(2);

impl Turn<'_> {
    /// Whether the sign-in of an earlier run is tried first. Only with the phone and the kind that it had: what is to
    /// be changed is changed by a sign-in.
    pub(super) fn rejoins(&mut self) -> bool {
        let session = &mut self.state.session;
        let first = std::mem::take(&mut session.may_rejoin);
        first && self.state.profile.websocket && !session.force && session.reg_id.is_some()
    }

    pub(super) fn rejoin(&mut self) {
        self.state.session.rejoining = true;
        self.state.session.by_reset = true;
        self.state.session.phase = Phase::Linking;
        self.register();
        self.open_link();
    }

    /// MT 0: the state is to follow.
    pub(super) fn rejoin_greeted(&mut self) {
        self.effects.push(Effect::StartTimer { timer: TimerId::Rejoin, after: STATE_TOLD });
    }

    /// The platform's word on the agent: it knows this sign-in.
    pub(super) fn rejoined(&mut self) {
        if self.take_rejoining() {
            self.state.session.state_set = true;
            self.signed_in(Value::Null);
        }
    }

    /// The platform does not say that it knows this sign-in: it is asked with one.
    pub(super) fn rejoin_failed(&mut self) {
        if self.take_rejoining() {
            tracing::info!("the sign-in of the earlier run is not known any more");
            self.close_link();
            self.log_in();
        }
    }

    /// Whether it was under way, which it is no more. An agent who leaves meanwhile wants neither of its ends.
    fn take_rejoining(&mut self) -> bool {
        if self.state.session.phase != Phase::Linking || !std::mem::take(&mut self.state.session.rejoining) {
            return false;
        }
        self.effects.push(Effect::StopTimer(TimerId::Rejoin));
        true
    }

    /// `/agent/login`.
    pub(super) fn log_in(&mut self) {
        self.state.session.phase = Phase::LoggingIn;
        let state = if self.state.profile.websocket {
            0
        } else {
            let wanted = self.wanted_state();
            self.gated(wanted).number()
        };
        let session = &self.state.session;
        let request =
            Request::Login { bind_tel: session.phone.clone(), login_type: session.login_type.number(), state };
        self.request(Purpose::Login, request);
    }
}
