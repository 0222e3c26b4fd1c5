//! The platform's word on the agent: MT 4, MT 6 and MT 10 (protocol `cti.md` 4).

use std::time::{Duration, Instant};

use super::Turn;
use crate::{
    app::{Action, state::Phase},
    cti::push::{AgentEvent, PhoneEvent, PhoneState},
    domain::{AgentState, CallPhase, RingKind, TargetState},
    i18n::Message,
};

impl Turn<'_> {
    pub(super) fn agent_push(&mut self, event: &AgentEvent) {
        self.agent_number(event.state, event.reason, event.wait_time_s);
    }

    /// The agent's state by the platform's number (protocol `cti.md` 4.5).
    pub(super) fn agent_number(&mut self, number: i64, reason: Option<i64>, wait_s: Option<u64>) {
        match number {
            0 => self.signed_out_by_platform(),
            1 | 3 | 11 => self.working(AgentState::Idle, None, TargetState::Ready),
            2 | 12 => self.working(AgentState::Busy, reason, TargetState::Busy(reason)),
            4 => self.set_agent(AgentState::Occupied, None, None),
            5 => {
                self.call_must_be_over();
                let ends_at = wait_s.map(|s| self.now.at + Duration::from_secs(s.min(24 * 3600)));
                self.set_agent(AgentState::WrapUp, None, ends_at);
                self.state_after_call();
            }
            13 => self.warn(Message::new("app.auto_call_limit")),
            other => tracing::debug!(state = other, "agent state that this program does not know"),
        }
    }

    fn working(&mut self, state: AgentState, reason: Option<i64>, target: TargetState) {
        self.call_must_be_over();
        self.set_agent(state, reason, None);
        self.state.session.target = Some(target);
        self.state_after_call();
    }

    /// MT 4 "0".
    fn signed_out_by_platform(&mut self) {
        if self.state.session.phase == Phase::Leaving {
            // The answer to our own sign-out is on its way and ends the session.
            self.set_agent(AgentState::SignedOut, None, None);
            return;
        }
        if matches!(self.state.session.phase, Phase::In | Phase::Setting) {
            let because = Message::new("app.signed_out_by_platform");
            self.error(because.clone());
            self.end_session(Some(because));
        }
    }

    /// A working state means that the platform holds no call for this agent; one without a SIP leg is a ghost.
    fn call_must_be_over(&mut self) {
        if self.state.live_call().is_some_and(|call| call.leg.is_none()) {
            self.call_over();
        }
        self.forget_call();
    }

    /// Asks for the state that was wanted while the platform was still busy with the last call.
    fn state_after_call(&mut self) {
        let Some(target) = self.state.pending.after_call.take() else { return };
        let action = match target {
            TargetState::Ready => Action::Ready,
            TargetState::Busy(_) => Action::Busy,
        };
        let already = match target {
            TargetState::Ready => self.state.agent.state == AgentState::Idle,
            TargetState::Busy(reason) => {
                self.state.agent.state == AgentState::Busy && self.state.agent.reason == reason
            }
        };
        if already {
            self.resolve_pending(action, Ok(serde_json::json!({ "code": 0 })));
        } else {
            self.request_state(target);
        }
    }

    /// MT 6: everything at once, after the link came back. `param` is the reason or the wrap-up time (9.3).
    pub(super) fn resynchronised(&mut self, ag_sta: i64, pho_sta: Option<i64>, param: Option<i64>) {
        if ag_sta == 0 && self.state.session.phase != Phase::In {
            return;
        }
        let reason = (ag_sta == 2).then_some(param.or(self.state.agent.reason)).flatten();
        let wait_s = if ag_sta == 5 { self.wrap_up_left_s(param) } else { None };
        let before = self.state.call_phase();
        if ag_sta == 4 {
            self.set_agent(AgentState::Occupied, None, None);
            let event = |state| PhoneEvent { state, ..PhoneEvent::default() };
            match pho_sta {
                // What is known better than the platform tells stays: a hold, a consultation, a three-way call.
                Some(6) if before.is_connected() => {
                    if let Some(call) = self.state.live_call_mut()
                        && call.phase == CallPhase::Held
                    {
                        call.hold_uncertain = true;
                    }
                }
                Some(6) => self.phone_push(event(PhoneState::Connected)),
                Some(5) if !before.is_live() => self.phone_push(event(PhoneState::Ring(RingKind::Called))),
                Some(0) => self.phone_push(event(PhoneState::HungUp)),
                Some(_) | None => {}
            }
        } else if self.state.live_call().is_some_and(|call| call.leg.is_some()) && matches!(ag_sta, 1..=3 | 5) {
            // The platform has ended the call while the link was away; its BYE may be on the way.
            self.phone_push(PhoneEvent { state: PhoneState::HungUp, ..PhoneEvent::default() });
            self.agent_number(ag_sta, reason, wait_s);
        } else {
            self.agent_number(ag_sta, reason, wait_s);
        }
    }

    /// Wrap-up seconds left: the platform's figure if it sends one, else what is left of the countdown.
    fn wrap_up_left_s(&self, param: Option<i64>) -> Option<u64> {
        param.and_then(|s| u64::try_from(s).ok()).or_else(|| {
            self.state.agent.wrap_up_ends_at.map(|end| end.saturating_duration_since(self.now.at).as_secs())
        })
    }

    pub(super) fn set_agent(&mut self, state: AgentState, reason: Option<i64>, ends_at: Option<Instant>) {
        let agent = &mut self.state.agent;
        let changed = agent.state != state || agent.reason != reason;
        agent.wrap_up_ends_at = ends_at;
        if changed {
            tracing::info!(from = ?agent.state, to = ?state, "agent state");
            agent.state = state;
            agent.reason = reason;
            agent.since = self.now.wall;
            agent.since_at = self.now.at;
        }
    }
}
