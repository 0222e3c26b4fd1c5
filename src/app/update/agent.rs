//! The platform's word on the agent: MT 4 and MT 10 (protocol `cti.md` 4).

use std::time::{Duration, Instant};

use super::Turn;
use crate::{
    app::{Action, Effect, TimerId, state::Phase},
    cti::push::AgentEvent,
    domain::{AgentState, CallPhase, TargetState},
    i18n::Message,
};

/// Busy reasons up to this number are the platform's own (protocol `cti.md` 4.3).
const OWN_REASONS: i64 = 10;
/// For so long after a call has begun the platform's word on the agent may still be from before it.
pub(super) const JUST_BEGUN: Duration = Duration::from_secs(2);
/// A call out that the platform has accepted, and of which it has not spoken when it says that it holds none, is over if it
/// does not come to speak of it within this time.
const FIRST_MESSAGE: Duration = Duration::from_secs(5);

impl Turn<'_> {
    pub(super) fn agent_push(&mut self, event: &AgentEvent) {
        self.rejoined();
        self.state.agent.told_at = Some(self.now.at);
        self.agent_number(event.state, event.reason, event.wait_time_s);
    }

    /// The agent's state by the platform's number (protocol `cti.md` 4.5).
    pub(super) fn agent_number(&mut self, number: i64, reason: Option<i64>, wait_s: Option<u64>) {
        if (1..=5).contains(&number) {
            self.state.duties.overtime.number = number;
        }
        match number {
            0 => self.signed_out_by_platform(),
            1 | 3 | 11 => self.working(AgentState::Idle, None),
            2 | 12 => self.working(AgentState::Busy, reason),
            4 => {
                if let Some(call) = self.state.live_call_mut() {
                    call.occupied = true;
                    call.doubted_until = None;
                }
                self.next_call_is_held(true);
                self.set_agent(AgentState::Occupied, None, None);
            }
            5 => {
                self.call_must_be_over();
                let ends_at = wait_s.map(|s| self.now.at + Duration::from_secs(s.min(24 * 3600)));
                self.set_agent(AgentState::WrapUp, None, ends_at);
                self.state_after_call();
            }
            13 => self.limit_reached_on_platform(),
            other => tracing::debug!(state = other, "agent state that this program does not know"),
        }
    }

    fn working(&mut self, state: AgentState, reason: Option<i64>) {
        self.call_must_be_over();
        self.set_agent(state, reason, None);
        self.want(state, reason);
        self.state_after_call();
    }

    /// Remembers a working state as the one to come back to.
    fn want(&mut self, state: AgentState, reason: Option<i64>) {
        let target = match state {
            // 1 to 10 are the platform's own reasons, which nobody can ask for.
            AgentState::Busy => TargetState::Busy(reason.filter(|id| *id > OWN_REASONS)),
            AgentState::Idle => TargetState::Ready,
            AgentState::SignedOut | AgentState::SigningIn | AgentState::Occupied | AgentState::WrapUp => return,
        };
        self.state.session.target = Some(target);
    }

    /// MT 10: a supervisor decided. During a call it counts for the time after it; the platform will say when.
    pub(super) fn forced(&mut self, state: AgentState) {
        // A supervisor's word is not undone by a headset that works.
        self.state.health.held_ready = false;
        self.state_chosen();
        if self.state.live_call().is_some() {
            // What the agent wished before that is out of date; what is wished from now on is not.
            let owed = self.state.pending.state_owed;
            self.want(state, None);
            self.state.pending.after_call = owed.then(|| self.wanted_state());
        } else {
            self.working(state, None);
        }
    }

    /// A state that was asked for and that nobody will push.
    pub(super) fn adopt(&mut self, target: TargetState) {
        let (state, reason) = match target {
            TargetState::Ready => (AgentState::Idle, None),
            TargetState::Busy(reason) => (AgentState::Busy, reason),
        };
        self.set_agent(state, reason, None);
        self.state.session.target = Some(target);
    }

    /// The state asked for last is the agent's, unless the platform has pushed one since it was asked for.
    pub(super) fn adopt_asked(&mut self) {
        if let Some((target, asked_at)) = self.state.pending.state_asked
            && self.state.agent.told_at.is_none_or(|told_at| told_at < asked_at)
            && self.state.live_call().is_none()
            && self.state.agent.state != AgentState::SignedOut
        {
            self.adopt(target);
        }
    }

    /// MT 4 "0".
    fn signed_out_by_platform(&mut self) {
        if self.state.session.phase == Phase::Leaving {
            // The answer to our own sign-out is on its way and ends the session.
            self.set_agent(AgentState::SignedOut, None, None);
            return;
        }
        if matches!(self.state.session.phase, Phase::In | Phase::Setting) {
            // Said once, although a supervisor's sign-out (MT 10) may have said it already in other words.
            let because = Message::new("app.signed_out_by_platform");
            self.error(because.clone());
            self.end_session(Some(because));
        }
    }

    /// A working state means that the platform holds no call for this agent; one without a SIP leg is a ghost.
    ///
    /// But nothing orders it with what comes of a call that has just begun, so that it may be from before it: such a call
    /// is over only if neither its leg nor another word on the agent comes.
    fn call_must_be_over(&mut self) {
        self.older_calls_are_over();
        self.next_call_is_held(false);
        let at = self.now.at;
        let unspoken = self.state.live_call().is_some_and(|call| self.state.awaits_first_message(call));
        let link_since = self.state.link.opened_at;
        let Some(call) = self.state.live_call_mut().filter(|call| call.leg.is_none()) else {
            return self.forget_call();
        };
        let begun = call.clocks.started_at.unwrap_or(at) + JUST_BEGUN;
        let begins = matches!(call.phase, CallPhase::Ringing | CallPhase::Dialing);
        // One that was asked for before the link came would be among what it tells first.
        let asked_before = call.asked && call.clocks.started_at.is_some_and(|at| at < link_since);
        let just_begun = (at < begun && !asked_before) || unspoken;
        if begins && !call.guessed && call.leg_lost.is_none() && !call.occupied && just_begun {
            // One that was asked for here and that the platform has not spoken of has a deadline of its own.
            call.doubted_until = match (unspoken, call.platform) {
                (true, _) => Some(at + FIRST_MESSAGE),
                (false, Some(_)) => Some(begun),
                (false, None) => None,
            };
            return;
        }
        self.end_platform_call();
        self.call_over();
        self.forget_call();
    }

    /// Whether the platform holds a call, said while a ring waits for the call on the screen to end.
    fn next_call_is_held(&mut self, held: bool) {
        if let Some(next) = self.state.next_call.as_mut() {
            next.held_none = !held;
        }
    }

    /// Asks for the state that was wanted while the platform was still busy with the last call.
    fn state_after_call(&mut self) {
        if self.state.live_call().is_some() {
            return;
        }
        let Some(target) = self.state.pending.after_call.take() else { return };
        self.effects.push(Effect::StopTimer(TimerId::AfterCall));
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

    /// The call is over and the platform stays silent: a sign-in that is newer than the call knows nothing of it.
    pub(super) fn after_call_due(&mut self) {
        if self.state.live_call().is_some() {
            return;
        }
        let Some(target) = self.state.pending.after_call.take() else { return };
        if self.state.session.phase == Phase::In {
            self.request_state(target);
        } else {
            // The sign-in that is under way asks for it.
            self.state.session.target = Some(target);
        }
    }

    pub(super) fn set_agent(&mut self, state: AgentState, reason: Option<i64>, ends_at: Option<Instant>) {
        let agent = &mut self.state.agent;
        let changed = agent.state != state || agent.reason != reason;
        agent.wrap_up_ends_at = ends_at;
        agent.known_at = self.now.wall;
        if changed {
            tracing::info!(from = ?agent.state, to = ?state, "agent state");
            agent.state = state;
            agent.reason = reason;
            agent.since = self.now.wall;
            agent.since_at = self.now.at;
        }
    }
}
