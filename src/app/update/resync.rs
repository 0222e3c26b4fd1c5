//! The platform's word after an absence: MT 6, and the state that a sign-in finds (protocol `cti.md` 2.3, 4.4).
//!
//! It tells less than the messages it stands for: never who is at the other end, never a hold or a whisper, and a
//! platform may give a consultation as plain "in conversation". So what is known better here stays, marked as uncertain.

use std::time::Duration;

use super::{Turn, join::Beginning};
use crate::{
    app::{
        MediaState, State,
        state::{Call, Phase, Purpose},
    },
    cti::push::{PhoneEvent, PhoneState},
    domain::{AgentState, CallPhase, Direction, RingKind},
    i18n::Message,
};

/// For so long after its end here the platform may still hold a call: its end is on the way.
pub(super) const JUST_ENDED: Duration = Duration::from_secs(5);
/// What the platform tells of a call that rings when the link comes may be behind the INVITE of that call by so much.
const TOLD_WITHIN: Duration = Duration::from_secs(1);
/// ICE and DTLS take this long at most before there is sound in a leg that was answered.
const NO_SOUND_YET: Duration = Duration::from_secs(5);
/// No packet for so long is no sound, ms.
const SILENT_MS: u32 = 2000;

impl State {
    /// Whether there is sound in the leg of the call.
    pub(super) fn is_heard(&self) -> bool {
        self.media.state == MediaState::Up && self.media.stats.is_none_or(|stats| stats.idle_ms < SILENT_MS)
    }
}

impl Turn<'_> {
    /// MT 6: everything at once, after the link came back. `param` is the reason or the wrap-up time (9.3).
    pub(super) fn resynchronised(&mut self, ag_sta: i64, pho_sta: Option<i64>, param: Option<i64>) {
        self.rejoined();
        if ag_sta == 0 {
            // Known to the platform, but in no state yet: the first ready or busy never got there.
            if self.state.session.phase == Phase::In && self.state.pending.after_call.is_none() {
                self.state.session.state_set = false;
                self.first_state();
            }
            return;
        }
        let reason = (ag_sta == 2).then_some(param.or(self.state.agent.reason)).flatten();
        let wait_s = if ag_sta == 5 { self.wrap_up_left_s(param) } else { None };
        if ag_sta == 4 {
            self.set_agent(AgentState::Occupied, None, None);
            self.call_by_resync(pho_sta);
        } else if matches!(ag_sta, 1..=3 | 5) && self.has_leg_from_before_the_link() {
            self.not_held_any_more();
            self.agent_number(ag_sta, reason, wait_s);
        } else {
            self.agent_number(ag_sta, reason, wait_s);
        }
    }

    /// The platform holds no call, but this one has a leg: it ended while the link was away and BYE is on the way, or the
    /// platform was restarted and has forgotten it. A leg with sound in it, or that rings, is never ended for that.
    fn not_held_any_more(&mut self) {
        let (heard, at) = (self.state.is_heard(), self.now.at);
        // One that was answered a moment ago has no sound yet.
        let connecting = self.state.media.state == MediaState::Connecting;
        let fresh =
            |call: &Call| connecting && call.clocks.answered_at.is_some_and(|answered| at < answered + NO_SOUND_YET);
        let lives = |call: &Call| call.leg.as_ref().is_some_and(|leg| heard || !leg.answered || fresh(call));
        if !self.state.live_call().is_some_and(lives) {
            return self.hung_up_by_platform();
        }
        self.end_platform_call();
        let Some(call) = self.state.live_call_mut() else { return };
        call.platform = None;
        call.asked = false;
        call.hold_uncertain = true;
        let answered = call.leg.as_ref().is_some_and(|leg| leg.answered);
        if !std::mem::replace(&mut call.unheld, true) {
            self.warn(Message::new(if answered { "app.call_not_held" } else { "app.ring_not_held" }));
        }
    }

    /// Whether what the platform tells is of a call that was there when the link came and is over by now, or another one
    /// than that on the screen.
    fn is_of_call_before(&mut self, pho_sta: i64) -> bool {
        let conversation = matches!(pho_sta, 6 | 21..=26 | 31 | 32 | 35);
        if self.begins_since_the_link(conversation) {
            let waits = self.state.next_call.as_ref().is_some_and(|next| next.ring.is_some());
            if pho_sta != 0 && !waits {
                // Its end is none of the call that has begun since.
                let key = self.state.platform.begin(None);
                self.state.platform.ended_here(key, self.now.at);
            }
            return true;
        }
        if pho_sta == 5 && self.state.leg_waits_for_dialled() {
            // A customer rings, and the platform holds one call of an agent at a time.
            self.call_over();
            self.take_waiting_leg();
        }
        let given_up = self.state.live_call().is_none() && self.is_under_way(&Purpose::GivenUp);
        given_up || (conversation && self.speaks_of_ended_call())
    }

    /// The call by its `PhoSta`, of an agent who is occupied.
    fn call_by_resync(&mut self, pho_sta: Option<i64>) {
        use CallPhase::{Barging, ConsultOut, Consulting, Held, Spying, Talking, ThreeWay, Whispering};
        let Some(pho_sta) = pho_sta else { return };
        let call = self.state.live_call();
        let (guessed, has_leg) = call.map_or((false, false), |call| (call.guessed, call.leg.is_some()));
        if guessed {
            // Now it is known, or known not to be.
            self.call_over();
        }
        if self.is_of_call_before(pho_sta) {
            return tracing::info!(pho_sta, "the platform still speaks of a call of before");
        }
        // It is what there is now: whatever was to be said of older calls was said while the link was away.
        self.older_calls_are_over();
        let before = self.state.call_phase();
        let (live, connected) = (before.is_live(), before.is_connected());
        // A leg that rings is in no conversation: that is the call before it, whose end is on the way.
        if before == CallPhase::Ringing && self.state.has_ringing_leg() && matches!(pho_sta, 6 | 23 | 24 | 26 | 35) {
            return tracing::info!(pho_sta, "the platform still speaks of the call before the one that rings");
        }
        if !live {
            self.begin_found(pho_sta);
        }
        match pho_sta {
            // A leg is better known here than by a figure that may stand for "nothing to tell".
            0 if has_leg => {}
            0 => self.resync_push(PhoneState::HungUp),
            4 if !live => self.resync_push(PhoneState::CallOut),
            5 if !live => self.resync_push(PhoneState::Ring(RingKind::Called)),
            4 | 10 | 55 if self.state.live_call().is_some_and(|call| call.assumed) => self.not_connected_yet(),
            10 | 55 if !live => {
                self.resync_push(PhoneState::CallOut);
                self.resync_push(PhoneState::FarRinging);
            }
            // What is known better than the platform tells stays: a hold, a consultation, a three-way call.
            6 if connected => {
                self.uncertain(before != Talking);
                if let Some(call) = self.state.live_call_mut() {
                    (call.connected, call.assumed) = (true, false);
                }
                self.sure();
            }
            23 | 24 | 26 | 35 if before == Held => self.uncertain(true),
            6 | 23 | 24 | 26 | 35 if !connected => self.resync_push(PhoneState::Connected),
            23 | 24 | 26 | 35 => self.back_with_customer(),
            21 => self.resync_phase(ConsultOut),
            22 => self.resync_phase(Consulting),
            25 => self.resync_phase(ThreeWay),
            31 if before == Whispering => self.uncertain(true),
            31 => self.resync_phase(Spying),
            32 => self.resync_phase(Barging),
            other => tracing::info!(pho_sta = other, "nothing new about the call"),
        }
        if pho_sta != 0 && live {
            let spoken_of = self.state.live_call().is_none_or(|call| call.platform.is_some());
            self.join_shown(None);
            if !spoken_of {
                self.unsure_of_ringing_leg();
            }
        }
        if !live && self.state.live_call().is_some() {
            self.doubted_leg_is_of_found();
            self.found(!guessed);
        }
    }

    /// What is not on the screen and is held by the platform begins, as far as it can be told from `pho_sta`.
    fn begin_found(&mut self, pho_sta: i64) {
        use CallPhase::{Barging, Dialing, Ringing, Spying, Talking};
        let (found_in, phase, direction) = match pho_sta {
            4 | 10 | 55 => (Dialing, Dialing, Direction::Out),
            5 => (Ringing, Ringing, Direction::In),
            6 | 21..=26 | 35 => (Talking, Dialing, Direction::In),
            31 => (Spying, Dialing, Direction::Spy),
            32 => (Barging, Dialing, Direction::Spy),
            _ => return,
        };
        let ring = (found_in == Ringing).then_some(RingKind::Called);
        let begins = matches!(found_in, Ringing | Dialing);
        if begins {
            self.another_ring_ends_doubt(ring, &PhoneEvent::default());
        }
        // What may be the last of the call before is doubted first.
        if !begins || self.state.beginning(ring, &PhoneEvent::default(), self.now.at) == Beginning::New {
            self.new_found_call(found_in, phase, direction);
        }
    }

    fn resync_push(&mut self, state: PhoneState) {
        self.phone_push(PhoneEvent { state, ..PhoneEvent::default() });
    }

    /// The phase as it is now, whatever messages were missed before it.
    fn resync_phase(&mut self, phase: CallPhase) {
        let monitors = matches!(phase, CallPhase::Spying | CallPhase::Barging);
        if self.state.call_phase() != phase {
            self.phase_of_call(phase);
        }
        if let Some(call) = self.state.live_call_mut().filter(|_| monitors) {
            call.direction = Direction::Spy;
        }
        self.join_shown(None);
    }

    /// The far end of a call out was taken for connected, and only rings.
    pub(super) fn not_connected_yet(&mut self) {
        self.set_phase(CallPhase::Dialing);
        if let Some(call) = self.state.live_call_mut() {
            call.clocks.answered_at = None;
        }
        self.ring_tone();
    }

    fn uncertain(&mut self, uncertain: bool) {
        if let Some(call) = self.state.live_call_mut() {
            call.hold_uncertain |= uncertain;
        }
    }

    /// A sign-in finds the agent occupied (`agSta` 4): there is a call, unless the platform says otherwise at once.
    pub(super) fn call_by_login(&mut self) {
        if self.state.agent.state != AgentState::Occupied || self.state.live_call().is_some() {
            return;
        }
        if self.speaks_of_ended_call() {
            return tracing::info!("the platform still speaks of the call that has ended here");
        }
        let at = self.now.at;
        self.new_found_call(CallPhase::Talking, CallPhase::Talking, Direction::In);
        if let Some(call) = self.state.live_call_mut() {
            call.guessed = true;
            call.clocks.answered_at = Some(at);
        }
        self.found(true);
    }

    /// Whether the call was there before the link came back; one that came since is not what the platform tells of.
    fn has_leg_from_before_the_link(&self) -> bool {
        let up_since = self.state.link.opened_at;
        let old = |call: &Call| call.leg.is_some() && call.clocks.started_at.is_none_or(|at| at < up_since);
        self.state.live_call().is_some_and(old)
    }

    /// Whether the call on the screen has begun since the link has been there, and the platform has not spoken of it: what
    /// it tells of the time at which the link came is about the call before. A ring is told at once, and its INVITE may
    /// be here before that.
    fn begins_since_the_link(&self, conversation: bool) -> bool {
        let up_since = self.state.link.opened_at;
        if self.state.live_call().is_none() {
            return self.state.is_behind_since(up_since, self.now.at);
        }
        let unspoken = |call: &&Call| call.platform.is_none() && (call.leg.is_some() || call.asked);
        let Some(call) = self.state.live_call().filter(unspoken) else { return false };
        let Some(at) = call.clocks.started_at.filter(|at| *at > up_since) else { return false };
        let answered = call.leg.as_ref().is_some_and(|leg| leg.answered);
        conversation || answered || call.asked || at.saturating_duration_since(up_since) > TOLD_WITHIN
    }

    /// Wrap-up seconds left: the platform's figure if it sends one, else what is left of the countdown.
    fn wrap_up_left_s(&self, param: Option<i64>) -> Option<u64> {
        param.and_then(|s| u64::try_from(s).ok()).or_else(|| {
            self.state.agent.wrap_up_ends_at.map(|end| end.saturating_duration_since(self.now.at).as_secs())
        })
    }
}
