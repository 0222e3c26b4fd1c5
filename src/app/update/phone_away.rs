//! The built-in phone is away: registered again as soon as there is a reason to, with the account that counts by now; and
//! an agent whom nobody can reach is not left idle.

use std::time::Duration;

use super::{Turn, binding::account};
use crate::{
    app::{
        Action, Effect, SipState, TimerId,
        state::{Phase, Purpose, StoodIn},
    },
    config::PhoneAway,
    cti::api::{ApiError, Reply, Request},
    domain::{AgentState, TargetState},
    i18n::Message,
    softphone::{self, SipError},
};

/// A phone that is back sooner has been away from nobody.
const AWAY: Duration = Duration::from_secs(5);
/// A platform that would not have the agent busy is asked again after this time.
const AGAIN: Duration = Duration::from_secs(30);
/// The platform is not asked more often for the account of a phone whose password is refused.
const ACCOUNT_APART: Duration = Duration::from_secs(30);
/// Busy reasons up to this number are the platform's own (protocol `cti.md` 4.3).
const OWN_REASONS: i64 = 10;

impl Turn<'_> {
    /// Registers at once if that would be tried later; whether it was.
    pub(super) fn register_again(&mut self) -> bool {
        let waits = self.state.sip.wanted && self.state.sip.state == SipState::Failed;
        if waits {
            self.register();
        }
        waits
    }

    /// Registers once more where the phone is registered as far as is known here.
    pub(super) fn refresh_registration(&mut self) {
        if self.state.sip.wanted && self.state.sip.state == SipState::Registered {
            self.phone(softphone::Command::Refresh);
        }
    }

    /// The registrar does not accept the phone's password.
    pub(super) fn registration_refused(&mut self, error: &SipError) {
        if *error == SipError::Credentials {
            self.ask_for_account();
        }
    }

    /// Asks the platform for the phone's account, which may be another one since the sign-in.
    pub(super) fn ask_for_account(&mut self) {
        let refused = self.state.sip.state == SipState::Failed && self.state.sip.wanted;
        let session = &self.state.session;
        if !refused || session.phase == Phase::Out || session.change.is_some() || self.is_under_way(&Purpose::Account) {
            return;
        }
        let since = session.account_asked_at.map(|at| self.now.at.saturating_duration_since(at));
        if let Some(left) = since.map(|since| ACCOUNT_APART.saturating_sub(since)).filter(|left| !left.is_zero()) {
            return self.effects.push(Effect::StartTimer { timer: TimerId::Account, after: left });
        }
        self.state.session.account_asked_at = Some(self.now.at);
        let pho_num = self.state.session.phone.clone();
        self.request(Purpose::Account, Request::RtcInfo { pho_num });
    }

    pub(super) fn account_reply(&mut self, result: Result<Reply, ApiError>) {
        let reply = match result {
            Ok(reply) if reply.is_ok() => reply,
            Ok(reply) => return tracing::info!(code = reply.code, "the platform gives no account"),
            Err(error) => return tracing::info!(%error, "the platform gives no account"),
        };
        let session = &mut self.state.session;
        let Some(new) = account(&reply.data, &session.phone) else { return };
        if session.phase == Phase::Out || session.change.is_some() || session.account.as_ref() == Some(&new) {
            return;
        }
        session.account = Some(new);
        self.info(Message::new("app.phone_account_new"));
        self.register();
    }

    /// Looks at what the last input has made of the phone.
    pub(super) fn follow_phone(&mut self) {
        let sip = &self.state.sip;
        let away = self.state.session.web_phone
            && self.state.session.phase == Phase::In
            && sip.wanted
            && sip.state == SipState::Failed;
        if away && self.state.phone_away.since.is_none() {
            self.state.phone_away.since = Some(self.now.at);
            if self.state.phone_away.stood_in == StoodIn::Asked {
                self.state.phone_away.stood_in = StoodIn::No;
            }
            self.effects.push(Effect::StartTimer { timer: TimerId::PhoneAway, after: AWAY });
        } else if !away && self.state.phone_away.since.take().is_some() {
            (self.state.phone_away.told, self.state.phone_away.refused) = (false, false);
            self.state.phone_away.again_at = None;
            self.effects.push(Effect::StopTimer(TimerId::PhoneAway));
            self.settle(&["app.phone_away"]);
        }
        if self.state.phone_away.stood_in != StoodIn::No {
            return self.end_standing_in();
        }
        let long = self.state.phone_away.since.is_some_and(|at| self.now.at.saturating_duration_since(at) >= AWAY);
        let again = self.state.phone_away.again_at.is_some_and(|at| at <= self.now.at);
        if long && (again || !self.state.phone_away.told) && self.is_offered_to_callers() {
            self.state.phone_away.told = true;
            self.state.phone_away.again_at = None;
            self.stand_in();
        }
    }

    /// Whether the platform would send callers here.
    fn is_offered_to_callers(&self) -> bool {
        let chooses =
            [Action::Ready, Action::Busy].into_iter().any(|action| self.is_under_way(&Purpose::Command(action)));
        self.state.agent.state == AgentState::Idle && self.state.live_call().is_none() && !chooses
    }

    /// The agent is idle and cannot be reached.
    fn stand_in(&mut self) {
        match self.state.profile.phone_away {
            PhoneAway::Nothing => {}
            PhoneAway::Ask => self.warn(Message::new("app.phone_away")),
            // Told when the platform has agreed.
            PhoneAway::Busy => {
                self.state.phone_away.stood_in = StoodIn::Asked;
                self.request_state(TargetState::Busy(None));
            }
        }
    }

    /// The program has made the agent busy: that ends with the phone's return, or with anybody's decision.
    fn end_standing_in(&mut self) {
        let (state, reason) = (self.state.agent.state, self.state.agent.reason);
        let busy = state == AgentState::Busy && reason.is_none_or(|id| id <= OWN_REASONS);
        let asked = self.state.phone_away.stood_in == StoodIn::Asked;
        if busy && asked {
            self.state.phone_away.stood_in = StoodIn::Busy;
            self.settle(&["app.phone_away"]);
            if self.state.phone_away.since.is_some() {
                self.warn(Message::new("app.phone_away_busy"));
            }
        }
        let decided = match state {
            AgentState::Busy => !busy,
            AgentState::Idle => !asked,
            AgentState::SignedOut => true,
            AgentState::SigningIn | AgentState::Occupied | AgentState::WrapUp => false,
        };
        if decided {
            return self.state.phone_away.stood_in = StoodIn::No;
        }
        let back = self.state.sip.state == SipState::Registered && self.state.session.phase == Phase::In;
        let under_way = self.is_under_way(&Purpose::Command(Action::Busy));
        if !back || under_way || self.state.live_call().is_some() {
            return;
        }
        if busy {
            self.state.phone_away.stood_in = StoodIn::No;
            self.settle(&["app.phone_away_busy"]);
            if self.state.ready_refused().is_some() {
                // Ready as soon as the sound is proven.
                self.state.health.held_ready = true;
            } else {
                self.info(Message::new("app.phone_back"));
                self.request_state(TargetState::Ready);
            }
        }
    }

    /// The platform would not have the agent busy, or has not answered: it is asked again, and meanwhile the agent knows.
    pub(super) fn standing_in_refused(&mut self) {
        let away = &mut self.state.phone_away;
        if away.stood_in != StoodIn::Asked {
            return;
        }
        away.stood_in = StoodIn::No;
        if away.since.is_none() {
            return;
        }
        away.again_at = Some(self.now.at + AGAIN);
        let news = !std::mem::replace(&mut away.refused, true);
        self.effects.push(Effect::StartTimer { timer: TimerId::PhoneAway, after: AGAIN });
        if news {
            self.warn(Message::new("app.phone_away"));
        }
    }

    /// The agent, or somebody for the agent, has chosen a state.
    pub(super) fn state_chosen(&mut self) {
        self.state.phone_away.again_at = None;
        self.state.phone_away.stood_in = StoodIn::No;
    }
}
