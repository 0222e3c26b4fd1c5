//! What the agent hears besides the call: ring, ring-back, what became of a call, and the tone before one that answers
//! itself.

use super::Turn;
use crate::{
    app::state::Call,
    domain::{CallPhase, Outcome, RingKind, Unreached},
    softphone::{self, Tone},
};

impl Turn<'_> {
    /// Rings while somebody has to be called to the phone, and not a moment longer.
    pub(super) fn ring_tone(&mut self) {
        let rings = self.state.profile.ring
            && !self.state.remembered.quiet
            && self.state.live_call().is_some_and(|call| {
                call.phase == CallPhase::Ringing
                    && call.ring.is_none_or(RingKind::is_offered)
                    && call.leg.as_ref().is_some_and(|leg| !leg.answered && !leg.answering)
            });
        let wanted = if rings { Some(Tone::Ring) } else { None };
        if self.state.tone != wanted {
            self.state.tone = wanted;
            self.phone(softphone::Command::Play(wanted));
        }
    }

    /// Tells the agent by ear, once, that somebody is coming through without a key pressed. Own legs never do.
    pub(super) fn beep(&mut self) {
        let Some(call) = self.state.live_call_mut().filter(|call| call.phase == CallPhase::Ringing) else { return };
        let Some(leg) = call.leg.as_mut().filter(|leg| leg.answering && !leg.beeped) else { return };
        leg.beeped = true;
        self.phone(softphone::Command::Play(Some(Tone::AutoAnswer)));
    }

    /// A second call is told softly, and only where there is a conversation it could disturb.
    pub(super) fn waiting_beep(&mut self) {
        if self.state.live_call().is_some_and(|call| call.phase.is_connected()) {
            self.phone(softphone::Command::Play(Some(Tone::Waiting)));
        }
    }

    /// An outbound call is on its way.
    pub(super) fn start_tone(&mut self) {
        self.phone(softphone::Command::Play(Some(Tone::Start)));
    }

    /// What became of the call: a party that was not reached is heard as on any telephone.
    pub(super) fn end_tone(&mut self, outcome: Outcome, why: Option<Unreached>) {
        let tone = match (outcome, why) {
            (Outcome::Unanswered, Some(Unreached::Unreachable)) => Tone::Congestion,
            (Outcome::Unanswered, _) => Tone::Busy,
            _ => Tone::HangUp,
        };
        self.phone(softphone::Command::Play(Some(tone)));
    }

    /// Lets the agent hear that the far end rings, unless the platform's own tone is heard already.
    pub(super) fn ring_back(&mut self, far_end_dbfs: f32) {
        let rings = |c: &Call| c.phase == CallPhase::ConsultOut || (c.phase == CallPhase::Dialing && c.far_ringing);
        let waiting = self.state.live_call().is_some_and(rings);
        let wanted = match (waiting, far_end_dbfs) {
            (true, level) if level < -65.0 => Some(Tone::RingBack),
            (true, level) if level < -45.0 => self.state.tone,
            (true, _) | (false, _) => None,
        };
        let playing = self.state.tone == Some(Tone::RingBack);
        if (wanted == Some(Tone::RingBack)) != playing {
            self.state.tone = wanted;
            self.phone(softphone::Command::Play(wanted));
        }
    }
}
