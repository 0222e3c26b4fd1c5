//! A leg and a platform's call that nothing but time has joined: neither a name nor a number, nor an order of the two.
//!
//! After an absence the platform tells that it holds a call, not which, and without the link a leg behind a gateway says
//! nothing either. Such a leg may as well be the next customer's. So the end of the platform's call does not end it: the
//! end of its own (CANCEL, BYE) does, which comes at once if the two were one.

use std::time::Duration;

use super::{Turn, join::same_number};
use crate::{
    app::{
        LinkState, State,
        state::{Call, Leg},
    },
    domain::CallPhase,
    softphone,
};

/// For so long an answered leg whose call may be over waits for its own end, or for somebody to say whose it is.
pub(super) const HUSHED: Duration = Duration::from_millis(1500);

impl State {
    /// Whether only time says that a leg which comes is that of the call on the screen.
    pub(super) fn is_unsure_of(&self, leg: &Leg) -> bool {
        self.live_call().is_some_and(|call| {
            let number = call.caller.as_deref().or(call.peer.number.as_deref());
            let found = number.is_none() && call.legless;
            let unheard = self.link.state != LinkState::Up && !same_number(number, Some(&leg.from));
            let begins = call.phase == CallPhase::Ringing;
            begins && !call.hang_up_asked && (found || unheard)
        })
    }

    /// Whether the end of the platform's call may be none of the leg on the screen.
    pub(super) fn is_leg_unsure(&self) -> bool {
        self.live_call().is_some_and(|call| call.unsure && call.leg.is_some() && !call.hang_up_asked)
    }
}

impl Turn<'_> {
    /// A leg that rings was there before the platform told that it holds a call.
    pub(super) fn unsure_of_ringing_leg(&mut self) {
        let rings = |call: &&mut Call| call.phase == CallPhase::Ringing && !call.connected;
        if let Some(call) = self.state.live_call_mut().filter(rings) {
            call.unsure = true;
        }
    }

    /// The platform has said something of the call that only fits its leg.
    pub(super) fn sure(&mut self) {
        if let Some(call) = self.state.live_call_mut() {
            call.unsure = false;
        }
        self.hushed_no_more();
    }

    /// The platform has ended the call that was taken for that of the leg.
    pub(super) fn unsure_call_is_over(&mut self) {
        let at = self.now.at;
        self.end_platform_call();
        let Some(call) = self.state.live_call_mut() else { return };
        let rings = call.leg.as_ref().is_some_and(|leg| !leg.answered);
        if call.caller.is_some()
            && rings
            && let Some(leg) = call.leg.take()
        {
            // It was announced, so it has a line of its own. The leg is that of another call if it rings on.
            call.leg_came = false;
            self.call_over();
            return self.doubt_leg(leg);
        }
        let Some(call) = self.state.live_call_mut() else { return };
        (call.platform, call.unsure, call.named) = (None, false, false);
        let Some(leg) = call.leg.as_ref() else { return };
        call.call_id = Some(leg.call_id.clone());
        let (since, answered) = (leg.since, leg.answered);
        call.hushed_at = answered.then_some(at);
        if answered {
            self.phone(softphone::Command::SetHeld(true));
        }
        self.remember_legless(since);
    }

    /// What the platform calls connected is not the leg that rings here.
    pub(super) fn is_of_another_leg(&mut self) {
        let at = self.now.at;
        let Some(call) = self.state.live_call_mut() else { return };
        call.unsure = false;
        if let Some(key) = call.platform.take() {
            self.state.platform.ended_here(key, at);
        }
    }

    /// Whatever was over was another call.
    pub(super) fn hushed_no_more(&mut self) {
        let Some(call) = self.state.live_call_mut() else { return };
        if call.hushed_at.take().is_some() && call.phase != CallPhase::Held {
            self.phone(softphone::Command::SetHeld(false));
        }
    }

    /// Whether a leg is the own one of the call that was asked for, and the one that it has was that of a call that is
    /// over: the platform calls the phone once for each, and legs come in order.
    pub(super) fn is_second_own_leg(&mut self, leg: &Leg) -> bool {
        let waits = |call: &&Call| {
            call.asked
                && call.phase == CallPhase::Dialing
                && !call.far_ringing
                && !call.connected
                && !call.hang_up_asked
        };
        let first = self.state.live_call().filter(waits).and_then(|call| call.leg.clone());
        first.is_some_and(|first| leg.asks && first.asks && self.leg_has_come(&first))
    }

    pub(super) fn first_own_leg_was_of_ended(&mut self) {
        self.hang_up_leg();
        if let Some(call) = self.state.live_call_mut()
            && let Some(leg) = call.leg.take()
        {
            call.call_id.take_if(|call_id| *call_id == leg.call_id);
        }
    }

    /// Whether the platform, which has agreed to a call out, has not spoken of it yet: it will, and says too when it is
    /// over. The leg that was taken back unanswered may be that of another call.
    pub(super) fn platform_has_yet_to_speak(&mut self, leg: &Leg) -> bool {
        let at = self.now.at;
        let link_is_up = self.state.link.state == LinkState::Up;
        let Some(call) = self.state.live_call_mut() else { return false };
        let waits = call.asked && call.platform.is_none() && call.phase == CallPhase::Dialing && !call.hang_up_asked;
        if !(link_is_up && waits) || leg.answered {
            return false;
        }
        call.leg_came = false;
        call.leg_gone = true;
        call.phase_at = at;
        call.call_id.take_if(|call_id| *call_id == leg.call_id);
        self.leg_has_come(leg);
        true
    }

    /// The far end of an answered leg has left, which the platform has never called connected, while another leg waits:
    /// the agent has answered one of a call that is over, and this call's is the other one.
    pub(super) fn answered_leg_was_of_ended(&mut self, leg: &Leg) -> bool {
        let waits = self.state.next_call.as_ref().is_some_and(|next| {
            !next.doubted && next.ring.is_none() && next.leg.as_ref().is_some_and(|one| one.asks == leg.asks)
        });
        let unspoken = |call: &Call| call.phase == CallPhase::Talking && !call.connected && !call.hang_up_asked;
        let fits = waits && self.state.live_call().is_some_and(unspoken) && self.held_by_platform();
        if !fits || !self.leg_has_come(leg) {
            return false;
        }
        self.set_phase(CallPhase::Ringing);
        if let Some(call) = self.state.live_call_mut() {
            call.clocks.answered_at = None;
            call.call_id.take_if(|call_id| *call_id == leg.call_id);
        }
        true
    }
}
