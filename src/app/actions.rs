//! What is possible now, computed in one place: bar, key hints, palette and control socket all ask here.

use std::collections::BTreeMap;

use super::{Action, LinkState, Possible, State, state::Phase};
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
        if let Some(reason) = self.leg_lost_while_it_rings().filter(|_| action == Action::Answer) {
            return Possible::No(Message::new("app.leg_lost").with("reason", reason));
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
            Action::Hold => self.guest_problem().or_else(|| self.unless(CallPhase::Talking, "app.not_talking")),
            // A call that was found may be on hold.
            Action::Unhold if self.call_phase() == CallPhase::Talking && self.is_uncertain() => None,
            Action::Unhold => self.unless(CallPhase::Held, "app.not_held"),
            Action::Mute | Action::Unmute => self.mute_problem(action),
            Action::SendDtmf => {
                let talking = [CallPhase::Talking, CallPhase::Consulting, CallPhase::ThreeWay, CallPhase::Barging];
                (!talking.contains(&self.call_phase())).then_some("app.not_talking")
            }
            // The own leg of listening in is hung up.
            Action::CancelDial if self.live_call().is_some_and(|call| call.direction == Direction::Spy) => {
                Some("app.not_dialing")
            }
            Action::CancelDial => self.unless(CallPhase::Dialing, "app.not_dialing"),
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
            // During a call it is the state wanted after it.
            AgentState::Idle | AgentState::Busy | AgentState::WrapUp | AgentState::Occupied => None,
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

    fn unless(&self, phase: CallPhase, problem: &'static str) -> Option<&'static str> {
        (self.call_phase() != phase).then_some(problem)
    }

    /// What is shown of the call's phase cannot be confirmed.
    fn is_uncertain(&self) -> bool {
        self.live_call().is_some_and(|call| call.hold_uncertain)
    }

    /// A consulted agent can only mute and hang up (protocol `phone-bar.md` 3.2), and a supervisor is a guest.
    fn guest_problem(&self) -> Option<&'static str> {
        match self.live_call()?.direction {
            Direction::Consult => Some("app.being_consulted"),
            Direction::Spy => Some("app.only_listening"),
            Direction::In | Direction::Out | Direction::Inner | Direction::Auto => None,
        }
    }

    /// What a conversation allows (protocol `cti.md` 5.2).
    fn consult_problem(&self, action: Action) -> Option<&'static str> {
        use CallPhase::{ConsultOut, Consulting, Held, Talking, ThreeWay};
        if let Some(problem) = self.guest_problem() {
            return Some(problem);
        }
        let (possible, problem): (&[CallPhase], _) = if action == Action::ConsultReturn {
            (&[ConsultOut, Consulting], "app.not_consulting")
        } else if matches!(action, Action::ConsultTransfer | Action::ThreeWay) && self.link.state != LinkState::Up {
            // Nobody tells that the consulted party has answered; the agent hears it, and the platform judges.
            (&[ConsultOut, Consulting], "app.not_consulting")
        } else if matches!(action, Action::ConsultTransfer | Action::ThreeWay) {
            (&[Consulting], "app.not_consulting")
        } else if action == Action::ThreeWayReturn {
            (&[ThreeWay], "app.not_three_way")
        } else {
            (&[Talking, Held], "app.not_talking")
        };
        (!possible.contains(&self.call_phase())).then_some(problem)
    }

    fn monitor_problem(&self, action: Action) -> Option<&'static str> {
        use CallPhase::{Barging, Spying, Whispering};
        let phase = self.call_phase();
        let possible = if action == Action::Spy {
            return self.dial_problem();
        } else if action == Action::WhisperCancel {
            // A call that was found may be whispered in.
            phase == Whispering || (phase == Spying && self.is_uncertain())
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

    /// Why a call that rings cannot be answered here any more, in the softphone's words.
    fn leg_lost_while_it_rings(&self) -> Option<&str> {
        let rings = self.live_call().filter(|call| call.phase == CallPhase::Ringing && self.session.web_phone);
        rings?.leg_lost.as_deref()
    }

    fn answer_problem(&self) -> Option<&'static str> {
        if !self.session.web_phone {
            return Some("app.answer_on_the_phone");
        }
        // A call that is announced and has not reached the phone yet is answered when it does.
        (!self.has_ringing_leg() && self.call_phase() != CallPhase::Ringing).then_some("app.nothing_rings")
    }

    fn mute_problem(&self, action: Action) -> Option<&'static str> {
        if !self.session.web_phone {
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
