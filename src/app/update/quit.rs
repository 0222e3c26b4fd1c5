//! The end of the program: first the call, as if it were hung up by key, then the sign-out where that is configured. Each
//! step has its time, and however it ends, the call's line in the journal is complete before [`Effect::Exit`].

use std::time::Duration;

use super::Turn;
use crate::{
    app::{
        CommandId, Effect, TimerId,
        state::{Phase, Purpose, Quitting},
    },
    cti::api::Request,
    domain::CallPhase,
};

/// For the end of the call: BYE needs no answer, so this is for the platform's.
const HANG_UP: Duration = Duration::from_millis(700);
/// For commands under way; HTTP itself waits 4 s.
const LAST_COMMANDS: Duration = Duration::from_millis(500);
/// For the sign-out. Where it and the call before it take too long together, [`Turn::quit_now`] comes from outside.
const SIGN_OUT: Duration = Duration::from_millis(1500);

impl Turn<'_> {
    /// Asked to end, by whatever way. Asked again it changes nothing.
    pub(super) fn quit(&mut self, id: CommandId) {
        self.done(id);
        if self.state.quitting != Quitting::No {
            return;
        }
        // Whoever waits for this call to end is turned away, and rings elsewhere.
        self.next_call_due();
        if self.ends_with_us() {
            self.state.quitting = Quitting::Call;
            self.effects.push(Effect::StartTimer { timer: TimerId::Exit, after: HANG_UP });
            self.hang_up_for_good();
        } else {
            self.leave();
        }
    }

    /// Whoever asks does not want to wait for an answer of the platform.
    pub(super) fn quit_now(&mut self, id: CommandId) {
        self.done(id);
        self.exit();
    }

    /// Looks after each input whether what the end waits for has come.
    pub(super) fn follow_quit(&mut self) {
        let late = self.state.live_call().is_some_and(|call| !call.hang_up_asked) && self.ends_with_us();
        if late && matches!(self.state.quitting, Quitting::Call | Quitting::Leaving) {
            // A call that began after the end was asked for, or that waited for the other one to end.
            self.hang_up_for_good();
        }
        match self.state.quitting {
            Quitting::Call if !self.ends_with_us() && !self.is_under_way(&Purpose::LastHangUp) => self.leave(),
            Quitting::Leaving if self.state.session.phase != Phase::Leaving && !self.commands_under_way() => {
                self.exit()
            }
            Quitting::No | Quitting::Call | Quitting::Leaving | Quitting::Done => {}
        }
    }

    /// The time for the present step is over.
    pub(super) fn quit_due(&mut self) {
        match self.state.quitting {
            Quitting::Call => {
                self.end_call_locally();
                self.leave();
            }
            Quitting::Leaving => self.exit(),
            Quitting::No | Quitting::Done => {}
        }
    }

    /// Whether there is a call that cannot go on without this program: one on a telephone of the desk's own can.
    fn ends_with_us(&self) -> bool {
        self.state.live_call().is_some_and(|call| self.state.session.web_phone || call.leg.is_some())
    }

    /// Ends the call that cannot go on without this phone, as a sign-out does.
    pub(super) fn end_call_with_phone(&mut self) {
        if self.ends_with_us() {
            self.hang_up_for_good();
        }
    }

    /// Ends the call here and at the platform at once; unlike a hang-up by key it does not wait for the platform first.
    fn hang_up_for_good(&mut self) {
        let Some(call) = self.state.live_call_mut() else { return };
        let request = if call.phase == CallPhase::Ringing { Request::Refuse } else { Request::HangUp };
        let asked = std::mem::replace(&mut call.hang_up_asked, true);
        self.hang_up_leg();
        if !asked {
            self.request(Purpose::LastHangUp, request);
        }
    }

    /// The platform's answer to that, whatever it is: without a leg of its own the call has nobody left to end it.
    pub(super) fn last_hang_up_reply(&mut self) {
        if self.state.live_call().is_some_and(|call| call.leg.is_none()) {
            self.call_over();
        }
    }

    fn leave(&mut self) {
        self.state.quitting = Quitting::Leaving;
        let signed_in = matches!(
            self.state.session.phase,
            Phase::LoggingIn | Phase::Linking | Phase::Setting | Phase::In | Phase::Leaving
        );
        if signed_in && self.state.profile.sign_out_on_exit && self.state.session.phase != Phase::Leaving {
            self.begin_sign_out();
        }
        let after = if self.state.session.phase == Phase::Leaving { SIGN_OUT } else { LAST_COMMANDS };
        self.effects.push(Effect::StartTimer { timer: TimerId::Exit, after });
        self.follow_quit();
    }

    fn exit(&mut self) {
        if self.state.quitting == Quitting::Done {
            return;
        }
        self.state.quitting = Quitting::Done;
        if self.ends_with_us() {
            self.end_call_locally();
        }
        self.next_call_due();
        self.effects.push(Effect::StopTimer(TimerId::Exit));
        self.effects.push(Effect::Exit);
    }

    fn commands_under_way(&self) -> bool {
        let asked = |p: &Purpose| {
            matches!(
                p,
                Purpose::Command(_)
                    | Purpose::HangUpInstead(_)
                    | Purpose::LastHangUp
                    | Purpose::RollBack
                    | Purpose::Dtmf
            )
        };
        self.state.pending.requests.values().any(asked)
    }
}
