//! What has come for the next call while the call on the screen is not known to be over.
//!
//! With two channels the next customer's INVITE or ring may be faster than the end of the call before. Neither refused
//! nor shown yet, it waits: as soon as the call ends it is the call, and if that does not happen in time the agent is in
//! a conversation and the next customer is turned away, as the platform expects of a busy phone.

use std::time::Duration;

use super::{Turn, agent::JUST_BEGUN, join::differ};
use crate::{
    app::{
        Effect, State, TimerId,
        state::{Call, Leg, NextCall, NextRing, Quitting},
    },
    cti::push::PhoneEvent,
    domain::{CallPhase, RingKind},
    i18n::Message,
    softphone,
};

/// How long the end of a call may be behind what comes for the next one.
const PATIENCE: Duration = Duration::from_secs(4);

impl State {
    /// Whether a customer's leg waits for a call out to end that has no leg.
    pub(super) fn leg_waits_for_dialled(&self) -> bool {
        let dialled = |call: &Call| call.phase == CallPhase::Dialing && call.asked && call.leg.is_none();
        let customer = |next: &NextCall| !next.doubted && next.leg.as_ref().is_some_and(|leg| !leg.asks);
        self.live_call().is_some_and(dialled) && self.next_call.as_ref().is_some_and(customer)
    }
}

impl Turn<'_> {
    fn next_call(&mut self) -> &mut NextCall {
        if self.state.next_call.is_none() {
            self.effects.push(Effect::StartTimer { timer: TimerId::NextCall, after: PATIENCE });
        }
        self.state.next_call.get_or_insert(NextCall {
            leg: None,
            ring: None,
            doubted: false,
            echo: false,
            held_none: false,
            bare: false,
        })
    }

    /// A leg came beside the one that lives. Where another one waits already, the platform, which sends an agent one call
    /// at a time, has given that up and its CANCEL is late: the newest is the next call.
    pub(super) fn leg_waits(&mut self, leg: Leg) {
        self.doubted_ring_was_of_ended();
        let from = leg.from.clone();
        let waiting = self.next_call();
        let Some(older) = waiting.leg.replace(leg) else { return };
        let of_older = |ring: &NextRing| differ(ring.event.caller.as_deref(), Some(&from));
        let ring = waiting.ring.take_if(|ring| of_older(ring));
        waiting.doubted = false;
        if let Some(ring) = ring {
            self.state.platform.ended_here(ring.key, self.now.at);
        }
        self.effects.push(Effect::StartTimer { timer: TimerId::NextCall, after: PATIENCE });
        self.phone(softphone::Command::TurnAway { call_id: older.call_id });
        self.turned_away(&older.from);
    }

    /// Whether the leg and the ring that wait are known to be of two calls.
    fn waiting_are_two(&self) -> bool {
        let Some(NextCall { leg: Some(leg), ring: Some(ring), .. }) = self.state.next_call.as_ref() else {
            return false;
        };
        self.state.is_from_caller(Some(ring.kind)) && differ(ring.event.caller.as_deref(), Some(&leg.from))
    }

    /// The platform announces another call than the one that has a leg here.
    pub(super) fn ring_waits(&mut self, kind: RingKind, event: PhoneEvent) {
        let at = self.now.at;
        if let Some(call) = self.state.live_call_mut().filter(|call| call.platform.is_none()) {
            // Occupied for that call, then, and not for this one.
            call.occupied = false;
        }
        let before = self.next_call().ring.take();
        let same = before.as_ref().is_some_and(|ring| ring.event.caller == event.caller);
        if let Some(ring) = before {
            // The platform has one call of an agent at a time: that one is over, and its leg with it.
            self.state.platform.end(ring.key, at);
            let of_other = |leg: &mut Leg| !same && differ(event.caller.as_deref(), Some(&leg.from));
            if let Some(leg) = self.next_call().leg.take_if(of_other) {
                self.effects.push(Effect::StartTimer { timer: TimerId::NextCall, after: PATIENCE });
                self.phone(softphone::Command::TurnAway { call_id: leg.call_id });
                self.turned_away(&leg.from);
            }
        }
        let key = self.state.platform.begin(event.call_id.as_deref());
        self.next_call().ring = Some(NextRing { key, kind, event });
    }

    /// The call on the screen is over, and a ring waits: this leg is that of it, unless it says that it is another's.
    pub(super) fn leg_of_waiting_ring(&mut self, leg: Leg) -> Option<Leg> {
        let fits = |ring: &NextRing| {
            ring.kind.is_offered() != leg.asks && !differ(ring.event.caller.as_deref(), Some(&leg.from))
        };
        let waits = |next: &&mut NextCall| !next.doubted && next.leg.is_none() && next.ring.as_ref().is_some_and(fits);
        match self.state.next_call.as_mut().filter(waits) {
            Some(next) => {
                next.leg = Some(leg);
                None
            }
            None => Some(leg),
        }
    }

    /// What waited is gone from here; the platform has not said so yet.
    fn ring_is_over_here(&mut self, waiting: &NextCall) {
        if let Some(ring) = &waiting.ring {
            self.state.platform.ended_here(ring.key, self.now.at);
        }
    }

    /// The same announcement once more, with what it has of news.
    pub(super) fn ring_waits_again(&mut self, kind: RingKind, event: PhoneEvent) {
        if let Some(ring) = self.state.next_call.as_mut().and_then(|waiting| waiting.ring.as_mut()) {
            (ring.kind, ring.event) = (kind, event);
        }
    }

    /// The platform has ended the call that waits: CANCEL is on its way to the leg.
    pub(super) fn next_call_over(&mut self) {
        if self.waiting_are_two() {
            // Only the ring is over; the leg is the next call's.
            let ring = self.state.next_call.as_mut().and_then(|waiting| waiting.ring.take());
            return ring.into_iter().for_each(|ring| self.state.platform.end(ring.key, self.now.at));
        }
        if let Some(waiting) = self.state.next_call.take() {
            self.effects.push(Effect::StopTimer(TimerId::NextCall));
            if let Some(ring) = &waiting.ring {
                self.state.platform.end(ring.key, self.now.at);
            }
            self.remember_waiting(&waiting, true);
            let unseen = waiting.ring.as_ref().filter(|ring| waiting.leg.is_none() && ring.kind.is_offered());
            if let Some(caller) = unseen.and_then(|ring| ring.event.caller.clone()) {
                self.turned_away(&caller);
            }
            self.nobody_took(waiting);
        }
    }

    /// The leg that waits has ended; whether it was that one.
    pub(super) fn next_leg_over(&mut self, call_id: &str) -> bool {
        let is_this = |waiting: &mut NextCall| waiting.leg.as_ref().is_some_and(|leg| leg.call_id == call_id);
        if self.state.next_call.as_mut().is_some_and(|waiting| waiting.doubted && is_this(waiting)) {
            self.doubted_leg_over();
            return true;
        }
        if self.state.next_call.as_mut().is_some_and(is_this) && self.waiting_are_two() {
            // Only the leg is over; that of the ring comes yet.
            let leg = self.state.next_call.as_mut().and_then(|waiting| waiting.leg.take());
            leg.into_iter().for_each(|leg| self.turned_away(&leg.from));
            return true;
        }
        let Some(waiting) = self.state.next_call.take_if(is_this) else { return false };
        self.effects.push(Effect::StopTimer(TimerId::NextCall));
        self.ring_is_over_here(&waiting);
        self.remember_waiting(&waiting, false);
        let from = waiting.leg.map(|leg| leg.from).unwrap_or_default();
        let caller = waiting.ring.and_then(|ring| ring.event.caller).unwrap_or(from);
        self.turned_away(&caller);
        true
    }

    /// The call on the screen goes on: it was no late end.
    pub(super) fn next_call_due(&mut self) {
        if self.state.doubts() {
            return self.doubt_due();
        }
        let awaited = self.state.live_call().is_some_and(|call| call.leg.is_none());
        if awaited && self.state.next_call.as_ref().is_some_and(|waiting| waiting.leg.is_some()) {
            // The own leg has not come, and this one is here.
            return self.call_over();
        }
        let Some(mut waiting) = self.state.next_call.take() else { return };
        let leg = self.state.leg_unspoken_of().filter(|_| waiting.leg.is_none()).map(|leg| leg.asks);
        match waiting.ring.take_if(|ring| leg == Some(!ring.kind.is_offered())) {
            // The platform names another caller than the leg does, but there is no other leg: it names a trunk.
            Some(NextRing { key, kind, event }) => {
                self.join_platform_call(key);
                self.shown_call_rings(kind, &event);
            }
            None => {
                self.remember_waiting(&waiting, false);
                self.nobody_took(waiting);
            }
        }
    }

    /// The agent hears and reads, softly, that somebody called. A platform call that is still open stays so in the list:
    /// the message of its end is about nothing else.
    pub(super) fn nobody_took(&mut self, waiting: NextCall) {
        self.ring_is_over_here(&waiting);
        let Some(leg) = waiting.leg else { return tracing::info!("a call that was announced has not come") };
        let caller = waiting.ring.and_then(|ring| ring.event.caller).unwrap_or(leg.from);
        self.phone(softphone::Command::TurnAway { call_id: leg.call_id });
        self.turned_away(&caller);
    }

    /// After every input: as soon as there is no call, what waits is the call.
    pub(super) fn show_next_call(&mut self) {
        if self.state.live_call().is_some() {
            return;
        }
        if self.state.quitting == Quitting::Done {
            // Nobody is there any more to take it.
            if let Some(waiting) = self.state.next_call.take() {
                self.nobody_took(waiting);
            }
            return;
        }
        let waiting = self.state.next_call.take_if(|waiting| !waiting.doubted);
        let Some(NextCall { leg, ring, echo, held_none, bare, .. }) = waiting else { return };
        self.effects.push(Effect::StopTimer(TimerId::NextCall));
        if let Some(NextRing { key, kind, event }) = ring {
            self.ring_begins(key, kind, &event);
        }
        if let Some(leg) = leg {
            self.take_leg(leg);
        }
        let at = self.now.at;
        if let Some(call) = self.state.live_call_mut() {
            call.echo |= echo;
            call.unsure |= bare && call.leg.is_some();
            // It was over with the call before it, unless its leg comes or another word of it.
            call.doubted_until = (held_none && call.leg.is_none()).then(|| at + JUST_BEGUN);
        }
    }

    /// Somebody else called while there is a call.
    pub(super) fn turned_away(&mut self, from: &str) {
        self.waiting_beep();
        self.info(Message::new("app.turned_away").with("who", self.who(from)));
    }
}
