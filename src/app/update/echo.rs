//! What may still come of a call that is over, told from the first that comes of the next one.
//!
//! A call may be over before one of the two channels has said anything of it: the customer gives up, or the agent
//! refuses or cancels, while the INVITE or the first message of the platform is still on its way. What comes then looks
//! like the beginning of a call. Neither shown nor refused, it waits until something tells: CANCEL or PhoSta 0 takes it
//! away again, and it is the next call if the other channel announces one too, or if nothing tells in time.

use std::time::{Duration, Instant};

use super::{Turn, join::differ};
use crate::{
    app::{
        Effect, State, TimerId,
        state::{JustEnded, Leg, NextCall, NextRing, PlatformKey},
    },
    cti::push::PhoneEvent,
    domain::{Direction, RingKind},
};

/// For so long after a call something of it may come.
const LATE: Duration = Duration::from_secs(5);
/// How long it is left open what has come: no longer than a customer notices.
const DOUBT: Duration = Duration::from_millis(1500);

impl State {
    /// The call that has ended here a moment ago.
    fn just_ended(&self, now: Instant) -> Option<&JustEnded> {
        self.just_ended.as_ref().filter(|ended| now.saturating_duration_since(ended.at) < LATE)
    }

    /// Whether a leg may be that of the call that has just ended, which never had one.
    pub(super) fn leg_may_be_over(&self, leg: &Leg, now: Instant) -> bool {
        let alone = self.next_call.as_ref().is_none_or(|waiting| waiting.leg.is_none());
        let of = |ended: &JustEnded| {
            !ended.leg_came && ended.own == leg.asks && !differ(ended.number.as_deref(), Some(&leg.from))
        };
        self.session.web_phone && alone && self.just_ended(now).is_some_and(of)
    }

    /// Whether a ring (`kind`) or a call-out (none) may be about the call that has just ended: the platform has announced
    /// no ring of it yet, and not said that it is over.
    pub(super) fn ring_may_be_over(&self, kind: Option<RingKind>, event: &PhoneEvent, now: Instant) -> bool {
        let Some(ended) = self.just_ended(now).filter(|ended| !ended.rung) else { return false };
        let id = event.call_id.as_deref();
        let open = ended.platform.is_none_or(|key| {
            self.platform.get(key).is_some_and(|open| id.is_none_or(|id| !open.is_named() || open.is_called(id)))
        });
        let own = kind.is_none_or(|kind| !kind.is_offered());
        let number = if own { &event.called } else { &event.caller };
        open && own == ended.own && !differ(ended.number.as_deref(), number.as_deref())
    }
}

impl Turn<'_> {
    fn doubted(&mut self) -> &mut NextCall {
        if self.state.next_call.is_none() {
            self.effects.push(Effect::StartTimer { timer: TimerId::NextCall, after: DOUBT });
        }
        self.state.next_call.get_or_insert(NextCall { leg: None, ring: None, doubted: true })
    }

    /// A leg that may be of the call that is over.
    pub(super) fn doubt_leg(&mut self, leg: Leg) {
        tracing::info!(call_id = leg.call_id, "a leg after the end of a call that had none");
        self.doubted().leg = Some(leg);
    }

    /// The platform announces what may be the call that is over.
    pub(super) fn doubt_ring(&mut self, kind: RingKind, event: PhoneEvent) {
        tracing::info!("a call is announced after its end, or the next one");
        let key = self.key_of_ended(event.call_id.as_deref());
        self.doubted().ring = Some(NextRing { key, kind, event });
    }

    /// What is to be remembered of the call that ends now.
    pub(super) fn remember_ended(&mut self) {
        let at = self.now.at;
        let Some(call) = self.state.call.as_ref() else { return };
        let by_direction = call.asked || matches!(call.direction, Direction::Out | Direction::Spy);
        self.state.just_ended = Some(JustEnded {
            at,
            journal_id: call.journal_id,
            platform: call.platform,
            own: call.ring.map_or(by_direction, |ring| !ring.is_offered()),
            rung: call.ring.is_some(),
            leg_came: call.leg_came,
            number: call.caller.clone().or_else(|| call.peer.number.clone()),
        });
    }

    /// The platform's call that has ended here, of which it may speak only now.
    fn key_of_ended(&mut self, id: Option<&str>) -> PlatformKey {
        let ended = self.state.just_ended.as_ref();
        let (known, at) = (ended.and_then(|ended| ended.platform), ended.map(|ended| ended.at));
        if let Some(key) = known {
            self.state.platform.name(key, id);
            return key;
        }
        let key = self.state.platform.begin(id);
        if let Some(ended) = self.state.just_ended.as_mut() {
            ended.platform = Some(key);
        }
        self.state.platform.ended_here(key, at.unwrap_or(self.now.at));
        key
    }

    /// A leg that is not of the call that is over: if a ring waits that it fits, the two are the next call.
    pub(super) fn leg_ends_doubt(&mut self, leg: Leg) -> Option<Leg> {
        let fits = |ring: &NextRing| {
            ring.kind.is_offered() != leg.asks && !differ(ring.event.caller.as_deref(), Some(&leg.from))
        };
        let waiting = self.state.next_call.as_mut().filter(|waiting| waiting.doubted && waiting.leg.is_none());
        match waiting.filter(|waiting| waiting.ring.as_ref().is_some_and(fits)) {
            Some(waiting) => {
                (waiting.leg, waiting.doubted) = (Some(leg), false);
                None
            }
            None => Some(leg),
        }
    }

    /// A ring that is not of the call that is over: if a leg waits that it fits, the two are the next call.
    pub(super) fn ring_ends_doubt(&mut self, kind: RingKind, event: PhoneEvent) -> Option<PhoneEvent> {
        let fits = |leg: &Leg| kind.is_offered() != leg.asks && !differ(event.caller.as_deref(), Some(&leg.from));
        let waiting = self.state.next_call.as_ref().filter(|waiting| waiting.doubted && waiting.ring.is_none());
        if !waiting.is_some_and(|waiting| waiting.leg.as_ref().is_some_and(fits)) {
            return Some(event);
        }
        let key = self.state.platform.begin(event.call_id.as_deref());
        if let Some(waiting) = self.state.next_call.as_mut() {
            (waiting.ring, waiting.doubted) = (Some(NextRing { key, kind, event }), false);
        }
        None
    }

    /// The platform has ended what it announced: it was the call that is over. What it said of it is worth keeping.
    pub(super) fn doubted_ring_over(&mut self) {
        let Some(waiting) = self.state.next_call.as_mut() else { return };
        let ring = waiting.ring.take();
        let nothing_left = waiting.leg.is_none();
        if let Some(NextRing { key, event, .. }) = ring {
            self.state.platform.end(key, self.now.at);
            self.journal_learnt(key, &event);
        }
        if nothing_left {
            self.no_doubt();
        }
    }

    /// The leg was cancelled: it was that of the call that is over.
    pub(super) fn doubted_leg_over(&mut self) {
        let Some(waiting) = self.state.next_call.as_mut() else { return };
        waiting.leg = None;
        if waiting.ring.is_none() {
            self.no_doubt();
        }
    }

    fn no_doubt(&mut self) {
        self.state.next_call = None;
        self.effects.push(Effect::StopTimer(TimerId::NextCall));
    }
}
