//! What is possible now, computed in one place: bar, key hints, palette and control socket all ask here.

use std::collections::BTreeMap;

use super::{Action, Possible, State, state::Phase};
use crate::{
    domain::{AgentState, CallPhase, Direction},
    i18n::Message,
};

impl State {
    /// Whether an action is possible now, and if not, why.
    pub fn possible(&self, action: Action) -> Possible {
        if action == Action::SignOut
            && let Some(locked) = self.shift_lock()
        {
            return Possible::No(locked);
        }
        let problem = match action {
            Action::SignIn => match self.session.phase {
                Phase::Out => None,
                Phase::In | Phase::Leaving => Some("app.already_signed_in"),
                Phase::FetchingPhone | Phase::LoggingIn | Phase::Linking | Phase::Setting => Some("app.pending"),
            },
            Action::SignOut => match self.session.phase {
                Phase::In | Phase::Linking => None,
                // What can be ended then are the attempts.
                Phase::Out if self.session.wanted => None,
                Phase::Out => Some("app.not_signed_in"),
                Phase::Leaving | Phase::FetchingPhone | Phase::LoggingIn | Phase::Setting => Some("app.pending"),
            },
            Action::Ready | Action::Busy => self.state_change_problem(),
            Action::Dial | Action::DialAgent => self.dial_problem(),
            Action::Answer => self.answer_problem(),
            Action::Reject => (self.call_phase() != CallPhase::Ringing).then_some("app.nothing_rings"),
            Action::HangUp => (!self.call_phase().is_live()).then_some("app.no_call"),
            Action::Hold if self.call_phase() == CallPhase::Held => Some("app.already_held"),
            Action::Hold => (self.call_phase() != CallPhase::Talking).then_some("app.not_talking"),
            Action::Unhold => (self.call_phase() != CallPhase::Held).then_some("app.not_held"),
            Action::Mute | Action::Unmute => self.mute_problem(action),
            Action::SendDtmf => {
                let talking = [CallPhase::Talking, CallPhase::Consulting, CallPhase::ThreeWay, CallPhase::Barging];
                (!talking.contains(&self.call_phase())).then_some("app.not_talking")
            }
            Action::CancelDial => (self.call_phase() != CallPhase::Dialing).then_some("app.no_call"),
            Action::Consult
            | Action::ConsultReturn
            | Action::ConsultTransfer
            | Action::ThreeWay
            | Action::ThreeWayReturn
            | Action::Transfer
            | Action::Evaluate
            | Action::Interact => self.consult_problem(action),
            Action::Spy | Action::Whisper | Action::WhisperCancel | Action::Barge | Action::Disconnect => {
                self.monitor_problem(action)
            }
            Action::ChangePhone | Action::SwitchMode => self.binding_problem(),
            Action::JoinProject | Action::LeaveProject => self.project_problem(),
            Action::RaiseHand => self.raise_hand_problem(),
            Action::TakeFromQueue => self.dial_problem(),
            Action::ChooseCallerId => self.lists.caller_ids.is_empty().then_some("app.no_caller_ids"),
        };
        problem.map_or(Possible::Yes, |key| Possible::No(Message::new(key)))
    }

    /// Every action with whether it is possible.
    pub fn actions(&self) -> BTreeMap<Action, Possible> {
        Action::ALL.into_iter().map(|action| (action, self.possible(action))).collect()
    }

    fn state_change_problem(&self) -> Option<&'static str> {
        match self.agent.state {
            AgentState::Idle | AgentState::Busy | AgentState::WrapUp if self.live_call().is_some() => {
                Some("app.in_a_call")
            }
            AgentState::Idle | AgentState::Busy | AgentState::WrapUp => None,
            AgentState::Occupied if self.live_call().is_none() => None,
            AgentState::Occupied => Some("app.in_a_call"),
            AgentState::SigningIn => Some("app.pending"),
            AgentState::SignedOut => Some("app.not_signed_in"),
        }
    }

    fn dial_problem(&self) -> Option<&'static str> {
        if self.live_call().is_some() {
            return Some("app.in_a_call");
        }
        match self.agent.state {
            AgentState::Idle | AgentState::Busy | AgentState::WrapUp => None,
            AgentState::Occupied => Some("app.occupied"),
            AgentState::SigningIn => Some("app.pending"),
            AgentState::SignedOut => Some("app.not_signed_in"),
        }
    }

    /// What a conversation allows (protocol `cti.md` 5.2).
    fn consult_problem(&self, action: Action) -> Option<&'static str> {
        use CallPhase::{ConsultOut, Consulting, Held, Talking, ThreeWay};
        let phase = self.call_phase();
        let (possible, problem): (&[CallPhase], _) = if action == Action::ConsultReturn {
            (&[ConsultOut, Consulting], "app.not_consulting")
        } else if matches!(action, Action::ConsultTransfer | Action::ThreeWay) {
            (&[Consulting], "app.not_consulting")
        } else if action == Action::ThreeWayReturn {
            (&[ThreeWay], "app.not_three_way")
        } else {
            (&[Talking, Held], "app.not_talking")
        };
        // A consulted agent can only mute and hang up (protocol `phone-bar.md` 3.2), and a supervisor is a guest.
        let guest = self.live_call().is_some_and(|call| matches!(call.direction, Direction::Consult | Direction::Spy));
        (guest || !possible.contains(&phase)).then_some(problem)
    }

    fn monitor_problem(&self, action: Action) -> Option<&'static str> {
        use CallPhase::{Barging, Spying, Whispering};
        let phase = self.call_phase();
        let possible = if action == Action::Spy {
            return self.dial_problem();
        } else if action == Action::WhisperCancel {
            phase == Whispering
        } else if action == Action::Whisper {
            matches!(phase, Spying | Barging)
        } else if action == Action::Barge {
            matches!(phase, Spying | Whispering)
        } else {
            matches!(phase, Spying | Whispering | Barging)
        };
        (!possible).then_some("app.not_monitoring")
    }

    /// Another phone or another kind of sign-in.
    fn binding_problem(&self) -> Option<&'static str> {
        if self.live_call().is_some() {
            return Some("app.in_a_call");
        }
        (!self.agent.state.is_signed_in()).then_some("app.not_signed_in")
    }

    fn project_problem(&self) -> Option<&'static str> {
        if !self.profile.auto_call {
            return Some("duty.projects_off");
        }
        if !self.agent.state.is_signed_in() {
            return Some("app.not_signed_in");
        }
        self.duties.projects.step.is_some().then_some("app.pending")
    }

    fn raise_hand_problem(&self) -> Option<&'static str> {
        if !self.profile.raise_hand {
            return Some("duty.breaks_off");
        }
        (!self.agent.state.is_signed_in()).then_some("app.not_signed_in")
    }

    fn answer_problem(&self) -> Option<&'static str> {
        if !self.profile.webrtc {
            return Some("app.answer_on_the_phone");
        }
        // A call that is announced and has not reached the phone yet is answered when it does.
        (!self.has_ringing_leg() && self.call_phase() != CallPhase::Ringing).then_some("app.nothing_rings")
    }

    fn mute_problem(&self, action: Action) -> Option<&'static str> {
        if !self.profile.webrtc {
            return Some("app.no_web_phone");
        }
        if self.live_call().is_none_or(|call| call.leg.is_none()) {
            return Some("app.no_call");
        }
        match (action == Action::Mute, self.media.muted) {
            (true, true) => Some("app.already_muted"),
            (false, false) => Some("app.not_muted"),
            (true, false) | (false, true) => None,
        }
    }
}
