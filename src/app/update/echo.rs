//! What may still come of a call that is over, told from the first that comes of the next one.
//!
//! A call may be over before one of the two channels has said anything of it: the customer gives up, or the agent
//! refuses or cancels, while the INVITE or the first message of the platform is still on its way. What comes then looks
//! like the beginning of a call. Neither shown nor refused, it waits until something tells: CANCEL or PhoSta 0 takes it
//! away again, another ring is that of the next call, and it is the next call if the other channel announces one too, or
//! if nothing tells in time.
//!
//! Each channel keeps its own order. So what the platform says of a call whose leg has come and gone comes before what
//! it says of the next one, and a leg that comes meanwhile is shown for itself: the ring joins it when the doubt is over.

use std::time::{Duration, Instant};

use super::{
    Turn,
    join::{differ, same_number},
};
use crate::{
    app::{
        Action, Effect, LinkState, State, TimerId,
        state::{Call, JustEnded, Leg, NextCall, NextRing, PlatformKey},
    },
    cti::push::{PhoneEvent, PhoneState},
    domain::{CallPhase, Direction, RingKind},
    softphone,
};

/// For so long after a call something of it may come.
const LATE: Duration = Duration::from_secs(5);
/// How long it is left open what has come: no longer than a customer notices.
const DOUBT: Duration = Duration::from_millis(1500);
/// The same for a ring that comes when its leg has most probably come and gone: without one nobody can answer it.
const LEGLESS: Duration = Duration::from_secs(4);
/// A message that comes twice does so at once.
const TWICE: Duration = Duration::from_secs(1);
/// The own leg of a call that was accepted comes within this time.
const ACCEPTED: Duration = Duration::from_secs(10);
/// Calls that have ended lately: more than a phone has in [`LATE`].
const REMEMBERED: usize = 8;

/// Whether a ring, or a call-out (none), is that of an own leg.
fn is_own(kind: Option<RingKind>) -> bool {
    kind.is_none_or(|kind| !kind.is_offered())
}

/// The other end's number, as a ring or a call-out names it.
fn number_of(own: bool, event: &PhoneEvent) -> Option<&str> {
    if own { event.called.as_deref() } else { event.caller.as_deref() }
}

impl State {
    /// Whether what waits may as well be the last of a call that is over.
    pub(super) fn doubts(&self) -> bool {
        self.next_call.as_ref().is_some_and(|waiting| waiting.doubted)
    }

    fn doubted_ring(&self) -> Option<&NextRing> {
        self.next_call.as_ref().filter(|waiting| waiting.doubted)?.ring.as_ref()
    }

    fn ended_as(&self, key: PlatformKey) -> Option<&JustEnded> {
        self.ended.iter().find(|ended| ended.platform == Some(key))
    }

    /// Whether the link has been up since a call began: what the platform says of it comes before what it says of the
    /// next one.
    fn keeps_order(&self, ended: &JustEnded) -> bool {
        self.link.state == LinkState::Up && self.link.opened_at <= ended.since
    }

    /// Whether the platform's messages about a call whose leg has come and gone are still on their way.
    fn is_unspoken(&self, ended: &JustEnded, now: Instant) -> bool {
        let late = now.saturating_duration_since(ended.at) < LATE;
        late && ended.platform.is_none() && !ended.over && ended.leg_came && self.keeps_order(ended)
    }

    /// Whether the platform has yet to speak of a call that is over here.
    pub(super) fn is_behind(&self, now: Instant) -> bool {
        self.ended.iter().any(|ended| self.is_unspoken(ended, now))
    }

    /// The same of a call that has begun since a time.
    pub(super) fn is_behind_since(&self, since: Instant, now: Instant) -> bool {
        self.ended.iter().any(|ended| ended.since > since && self.is_unspoken(ended, now))
    }

    /// Whether this is a call that was over here before the platform announced it.
    pub(super) fn was_late(&self, key: PlatformKey) -> bool {
        self.ended_as(key).is_some_and(|ended| ended.late)
    }

    /// Whether a leg may be of a call that is over, since that never had one.
    pub(super) fn leg_of_ended(&self, leg: &Leg, now: Instant) -> bool {
        let waits = self.next_call.as_ref().is_some_and(|waiting| !waiting.doubted && waiting.leg.is_some());
        if !self.session.web_phone || waits {
            return false;
        }
        let late = |ended: &JustEnded| now.saturating_duration_since(ended.at) < LATE;
        let fits = |ended: &JustEnded| {
            late(ended) && !ended.leg_came && ended.own == leg.asks && !differ(ended.number.as_deref(), Some(&leg.from))
        };
        let same = |number: Option<&str>| same_number(number, Some(&leg.from));
        let named = self.ended.iter().any(|ended| fits(ended) && same(ended.number.as_deref()));
        let any = self.ended.iter().any(fits);
        let Some(call) = self.live_call().filter(|call| !call.guessed) else { return any };
        // A call whose leg is awaited takes any but one that is not of its kind, or that says it is another's.
        let number = call.caller.as_deref().or(call.peer.number.as_deref());
        let own = call.ring.map_or(call.asked, |ring| !ring.is_offered());
        let other_kind = call.leg.is_none() && (call.asked || call.ring.is_some()) && own != leg.asks;
        if other_kind { any } else { named && number.is_some() && !same(number) }
    }

    /// Whether a number has been dialled whose call is not on the screen: the platform is being asked, or has accepted it.
    pub(super) fn is_dialling(&self, now: Instant) -> bool {
        let waits = |action| self.pending.commands.contains_key(&action);
        let accepted = self.dialled.as_ref().is_some_and(|dialled| {
            dialled.at <= now
                && now.saturating_duration_since(dialled.at) < ACCEPTED
                && !self.has_come_and_gone(dialled.at)
        });
        waits(Action::Dial) || waits(Action::DialAgent) || accepted
    }

    /// Whether a call that was asked for at that time is over by now.
    pub(super) fn has_come_and_gone(&self, asked_at: Instant) -> bool {
        self.ended.iter().any(|ended| ended.own && ended.since >= asked_at)
    }

    /// The leg on the screen, if the platform has not spoken of its call.
    pub(super) fn leg_unspoken_of(&self) -> Option<&Leg> {
        let alone = |call: &&Call| call.platform.is_none() && !call.guessed && !call.unheld;
        self.live_call().filter(alone)?.leg.as_ref()
    }

    /// The call that is over which a ring (`kind`) or a call-out (none) may be about: the platform has announced no ring
    /// of it yet, and not said that it is over.
    pub(super) fn ring_of_ended(&self, kind: Option<RingKind>, event: &PhoneEvent, now: Instant) -> Option<usize> {
        let own = is_own(kind);
        let (number, id) = (number_of(own, event), event.call_id.as_deref());
        let (shown, leg) = (self.live_call(), self.leg_unspoken_of());
        let waits = self.next_call.is_some() && !self.doubts();
        if let Some(call) = shown.filter(|call| call.asked && call.platform.is_none() && call.leg.is_none()) {
            // It names one that is over, and not the one that has been asked for since.
            let is_number = |other: Option<&str>| same_number(other, number);
            let named = |ended: &JustEnded| {
                let may = !ended.rung && !ended.over && ended.own == own && is_number(ended.number.as_deref());
                may && now.saturating_duration_since(ended.at) < LATE && self.is_open(ended, id)
            };
            // A ring that is offered is none of what has been asked for.
            let before = |ended: &JustEnded| {
                let may = !own && !ended.own && !ended.rung && !differ(ended.number.as_deref(), number);
                may && self.is_unspoken(ended, now)
            };
            let place = self.ended.iter().position(named);
            let place = place.or_else(|| self.ended.iter().position(before).filter(|_| !waits));
            return place.filter(|_| !is_number(call.peer.number.as_deref()));
        }
        if (shown.is_some() && leg.is_none()) || (waits && shown.is_none()) {
            return None;
        }
        let late = |ended: &JustEnded| now.saturating_duration_since(ended.at) < LATE;
        let fits = |ended: &JustEnded| {
            let may = !ended.rung && !ended.over && ended.own == own && self.is_open(ended, id);
            late(ended)
                && may
                && !differ(ended.number.as_deref(), number)
                && (shown.is_none() || self.is_unspoken(ended, now))
        };
        let same = |other: Option<&str>| same_number(other, number);
        let named = self.ended.iter().position(|ended| fits(ended) && same(ended.number.as_deref()));
        let asked = shown.filter(|call| call.asked);
        if let Some(call) = asked.filter(|call| call.leg.as_ref().is_some_and(|leg| leg.asks == own)) {
            // It has been asked for, so that only another number says that it is not this one.
            return named.filter(|_| !same(call.peer.number.as_deref()));
        }
        let of_shown = leg.is_some_and(|leg| same(Some(&leg.from)));
        named.or_else(|| self.ended.iter().position(fits).filter(|_| !of_shown && !waits))
    }

    /// The dialled call that is over of which this is the ring: the platform has said that it calls out, and the two
    /// messages came apart.
    pub(super) fn own_ring_of_ended(&self, kind: Option<RingKind>, event: &PhoneEvent, now: Instant) -> Option<usize> {
        let called = event.called.as_deref().filter(|_| kind == Some(RingKind::Outbound));
        let shown = self.live_call().filter(|call| call.asked || call.ring == Some(RingKind::Outbound));
        if shown.is_some_and(|call| same_number(call.peer.number.as_deref(), called)) {
            return None;
        }
        self.ended.iter().position(|ended| {
            let late = now.saturating_duration_since(ended.at) < LATE;
            let open = ended.platform.is_some() && self.is_open(ended, event.call_id.as_deref());
            late && open && ended.own && (!ended.rung || ended.late) && same_number(ended.number.as_deref(), called)
        })
    }

    /// Whether a message with this name, or none, may be about a call that is over here.
    fn is_open(&self, ended: &JustEnded, id: Option<&str>) -> bool {
        ended.platform.is_none_or(|key| {
            self.platform.get(key).is_some_and(|open| id.is_none_or(|id| !open.is_named() || open.is_called(id)))
        })
    }

    /// Whether a ring or a call-out is the one that is in doubt, once more.
    pub(super) fn is_doubted_again(&self, kind: Option<RingKind>, event: &PhoneEvent) -> bool {
        self.doubted_ring().is_some_and(|ring| {
            let own = !ring.kind.is_offered();
            let id = event.call_id.as_deref();
            let named = self.platform.get(ring.key).is_some_and(|call| call.is_named());
            let other_name =
                named && id.is_some_and(|id| self.platform.called(id).is_none_or(|call| call.key != ring.key));
            own == is_own(kind) && !other_name && number_of(own, &ring.event) == number_of(own, event)
        })
    }
}

impl Turn<'_> {
    fn doubted(&mut self, after: Duration) -> &mut NextCall {
        if self.state.next_call.is_none() {
            self.effects.push(Effect::StartTimer { timer: TimerId::NextCall, after });
        }
        self.state.next_call.get_or_insert(NextCall {
            leg: None,
            ring: None,
            doubted: true,
            echo: false,
            held_none: false,
            bare: false,
        })
    }

    /// A leg that may be of a call that is over.
    pub(super) fn doubt_leg(&mut self, leg: Leg) {
        tracing::info!(call_id = leg.call_id, "a leg after the end of a call that had none");
        let ring = self.state.next_call.as_ref().filter(|next| !next.doubted).and_then(|next| next.ring.as_ref());
        let of_ring = |ring: &NextRing| !differ(number_of(!ring.kind.is_offered(), &ring.event), Some(&leg.from));
        if ring.is_some_and(|ring| !of_ring(ring)) {
            // The next call waits already, and this leg is none of it.
            self.leg_has_come(&leg);
            return self.phone(softphone::Command::TurnAway { call_id: leg.call_id });
        }
        if let Some(older) = self.doubted(DOUBT).leg.replace(leg) {
            // Another one after it: it was that of the call that is over.
            self.leg_has_come(&older);
            self.phone(softphone::Command::TurnAway { call_id: older.call_id });
            self.effects.push(Effect::StartTimer { timer: TimerId::NextCall, after: DOUBT });
        }
    }

    /// A leg was that of a call that is over, if there is one that had none; whether there is.
    pub(super) fn leg_has_come(&mut self, leg: &Leg) -> bool {
        let fits = |ended: &&mut JustEnded| {
            let late = ended.at <= leg.since && leg.since.saturating_duration_since(ended.at) < LATE;
            late && !ended.leg_came && ended.own == leg.asks && !differ(ended.number.as_deref(), Some(&leg.from))
        };
        let ended = self.state.ended.iter_mut().find(fits);
        ended.map(|ended| ended.leg_came = true).is_some()
    }

    /// The platform announces what may be a call that is over, by a ring or a call-out (none).
    pub(super) fn doubt_ring(&mut self, kind: Option<RingKind>, event: PhoneEvent) {
        let Some(place) = self.state.ring_of_ended(kind, &event, self.now.at) else { return };
        tracing::info!("a call is announced after its end, or the next one");
        if let Some(call) = self.state.live_call_mut().filter(|call| call.platform.is_none()) {
            // Occupied for that call, then, and not for this one.
            call.occupied = false;
        }
        let key = self.key_of_ended(place, event.call_id.as_deref());
        if self.state.next_call.is_some() && !self.state.doubts() {
            // It names the one who has called, and the next one waits already.
            if let Some(ended) = self.state.ended.get_mut(place) {
                (ended.rung, ended.late) = (true, true);
            }
            return self.journal_learnt(key, &event);
        }
        let in_order = self.state.ended.get(place).is_some_and(|one| one.leg_came && self.state.keeps_order(one));
        let legless = in_order && self.state.session.web_phone && self.state.live_call().is_none();
        self.doubted(if legless { LEGLESS } else { DOUBT }).ring =
            Some(NextRing { key, kind: kind.unwrap_or(RingKind::Outbound), event });
    }

    /// The ring of a dialled call that is over has come now.
    pub(super) fn own_ring_was_late(&mut self, kind: RingKind, event: &PhoneEvent) {
        let place = self.state.own_ring_of_ended(Some(kind), event, self.now.at);
        if let Some(ended) = place.and_then(|place| self.state.ended.get_mut(place)) {
            (ended.rung, ended.late) = (true, true);
        }
    }

    /// A platform's call that is over was taken for that of a leg which has come since, and had none of its own.
    pub(super) fn remember_legless(&mut self, since: Instant) {
        self.remember(JustEnded {
            at: since,
            since,
            journal_id: None,
            platform: None,
            over: true,
            answered: false,
            own: false,
            rung: true,
            late: false,
            leg_came: false,
            hung_up: false,
            number: None,
        });
    }

    fn remember(&mut self, ended: JustEnded) {
        if self.state.ended.len() == REMEMBERED {
            self.state.ended.pop_front();
        }
        self.state.ended.push_back(ended);
    }

    /// What is to be remembered of the call that ends now.
    pub(super) fn remember_ended(&mut self) {
        let at = self.now.at;
        let Some(call) = self.state.call.as_ref() else { return };
        let by_direction = call.asked || matches!(call.direction, Direction::Out | Direction::Spy);
        let ended = JustEnded {
            at,
            since: call.clocks.started_at.unwrap_or(at),
            journal_id: Some(call.journal_id),
            platform: call.platform,
            over: call.unheld || call.echo || call.platform.is_some_and(|key| self.state.platform.get(key).is_none()),
            answered: call.clocks.answered_at.is_some(),
            own: call.ring.map_or(by_direction, |ring| !ring.is_offered()),
            rung: call.ring.is_some(),
            late: false,
            leg_came: call.leg_came,
            hung_up: call.hang_up_asked,
            number: call.caller.clone().or_else(|| call.peer.number.clone()),
        };
        self.remember(ended);
    }

    /// The same of one that was never on the screen.
    pub(super) fn remember_waiting(&mut self, waiting: &NextCall, over: bool) {
        if waiting.ring.is_none() && waiting.leg.as_ref().is_some_and(|leg| self.leg_has_come(leg)) {
            return;
        }
        let (at, leg, ring) = (self.now.at, waiting.leg.as_ref(), waiting.ring.as_ref());
        let caller = ring.and_then(|ring| ring.event.caller.clone());
        self.remember(JustEnded {
            at,
            since: leg.map_or(at, |leg| leg.since),
            journal_id: None,
            platform: ring.map(|ring| ring.key),
            over,
            answered: false,
            own: leg.is_some_and(|leg| leg.asks) || ring.is_some_and(|ring| !ring.kind.is_offered()),
            rung: ring.is_some(),
            late: false,
            leg_came: leg.is_some(),
            hung_up: false,
            number: caller.or_else(|| leg.map(|leg| leg.from.clone())),
        });
    }

    /// The platform's call that has ended here, of which it may speak only now.
    fn key_of_ended(&mut self, place: usize, id: Option<&str>) -> PlatformKey {
        let ended = self.state.ended.get(place);
        let (known, at) = (ended.and_then(|ended| ended.platform), ended.map(|ended| ended.at));
        if let Some(key) = known {
            self.state.platform.name(key, id);
            return key;
        }
        let key = self.state.platform.begin(id);
        if let Some(ended) = self.state.ended.get_mut(place) {
            ended.platform = Some(key);
        }
        self.state.platform.ended_here(key, at.unwrap_or(self.now.at));
        key
    }

    /// A leg that is not of the call that is over: if a ring waits that it fits, the two are the next call.
    pub(super) fn leg_ends_doubt(&mut self, leg: Leg) -> Option<Leg> {
        let Some(ring) = self.state.doubted_ring() else { return Some(leg) };
        let number = number_of(!ring.kind.is_offered(), &ring.event);
        let ended = self.state.ended_as(ring.key);
        let is_ended = ended.is_some_and(|ended| same_number(ended.number.as_deref(), number));
        let is_leg = same_number(number, Some(&leg.from)) && !is_ended;
        // What the platform has to say of the call that is over comes first.
        let in_order = ended.is_some_and(|ended| ended.leg_came && self.state.keeps_order(ended));
        let fits = ring.kind.is_offered() != leg.asks && !differ(number, Some(&leg.from)) && (is_leg || !in_order);
        if !fits {
            // It will be told soon whether the two are one.
            self.effects.push(Effect::StartTimer { timer: TimerId::NextCall, after: DOUBT });
        }
        let waiting = self.state.next_call.as_mut().filter(|waiting| waiting.leg.is_none() && fits);
        match waiting {
            Some(waiting) => {
                (waiting.leg, waiting.doubted) = (Some(leg), false);
                let says_more =
                    |event: &PhoneEvent| event.caller.is_some() || event.call_id.is_some() || event.queue_id.is_some();
                waiting.bare = waiting.ring.as_ref().is_some_and(|ring| !says_more(&ring.event));
                self.doubted_ring_is_new();
                None
            }
            None => Some(leg),
        }
    }

    /// The ring that waits is that of no call that is over.
    fn doubted_ring_is_new(&mut self) {
        let key = self.state.next_call.as_ref().and_then(|waiting| waiting.ring.as_ref()).map(|ring| ring.key);
        if let Some(ended) = self.state.ended.iter_mut().find(|ended| key.is_some() && ended.platform == key) {
            (ended.platform, ended.over) = (None, true);
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

    /// The platform speaks of another call than the one in doubt, which was over before, then.
    pub(super) fn another_ring_ends_doubt(&mut self, kind: Option<RingKind>, event: &PhoneEvent) {
        if !self.state.is_doubted_again(kind, event) {
            self.doubted_ring_was_of_ended();
        }
    }

    /// The platform says more of what it announced.
    pub(super) fn word_of_doubted(&mut self, key: PlatformKey, event: PhoneEvent) {
        let ended_answered = self.state.ended_as(key).is_some_and(|ended| ended.answered);
        let answered = self.state.leg_unspoken_of().is_some_and(|leg| leg.answered || leg.answering);
        if event.state == PhoneState::HungUp {
            self.doubted_ring_was_of_ended();
            self.state.platform.end(key, self.now.at);
        } else if event.state == PhoneState::Connected && answered && !ended_answered && self.doubted_ring_fits() {
            // Nobody has answered the call that is over.
            self.doubted_ring_joins();
            self.shown_call_push(event);
        } else {
            self.doubted_ring_was_of_ended();
        }
    }

    /// The ring in doubt was that of the call that is over: what it says of it is worth keeping.
    pub(super) fn doubted_ring_was_of_ended(&mut self) {
        let Some(waiting) = self.state.next_call.as_mut().filter(|waiting| waiting.doubted) else { return };
        let Some(NextRing { key, event, .. }) = waiting.ring.take() else { return };
        let nothing_left = waiting.leg.is_none();
        if let Some(ended) = self.state.ended.iter_mut().find(|ended| ended.platform == Some(key)) {
            (ended.rung, ended.late) = (true, true);
        }
        self.journal_learnt(key, &event);
        if nothing_left {
            self.no_doubt();
        }
    }

    /// Whether the ring in doubt may as well be that of the leg on the screen.
    fn doubted_ring_fits(&self) -> bool {
        let (Some(ring), Some(leg)) = (self.state.doubted_ring(), self.state.leg_unspoken_of()) else { return false };
        let number = number_of(!ring.kind.is_offered(), &ring.event);
        let stranger = self.state.is_from_caller(Some(ring.kind)) && differ(number, Some(&leg.from));
        ring.kind.is_offered() != leg.asks && !stranger
    }

    /// The ring in doubt is that of the leg on the screen.
    fn doubted_ring_joins(&mut self) {
        self.doubted_ring_is_new();
        let Some(NextRing { key, kind, event }) = self.state.next_call.as_mut().and_then(|next| next.ring.take())
        else {
            return;
        };
        self.no_doubt();
        self.join_platform_call(key);
        self.shown_call_rings(kind, &event);
    }

    /// Nothing has told in time.
    pub(super) fn doubt_due(&mut self) {
        let now = self.now.at;
        let certain = self.state.doubted_ring().is_some_and(|ring| {
            let Some(ended) = self.state.ended_as(ring.key) else { return false };
            let number = number_of(!ring.kind.is_offered(), &ring.event);
            // Or it is that of a later call, which is over too.
            let later = |one: &JustEnded| one.at > ended.at && self.state.is_unspoken(one, now);
            ended.leg_came && (same_number(ended.number.as_deref(), number) || self.state.ended.iter().any(later))
        });
        let (live, dialling) = (self.state.live_call().is_some(), self.state.is_dialling(now));
        let leg_waits = self.state.next_call.as_ref().is_some_and(|waiting| waiting.leg.is_some());
        if certain || (live && (leg_waits || !self.doubted_ring_fits())) {
            self.doubted_ring_was_of_ended();
        } else if live {
            self.doubted_ring_joins();
        }
        if live {
            if let Some(leg) = self.take_awaited_leg() {
                // Nobody has taken it back, and the call on the screen has none. If it is not that one's after all, its
                // end will say so.
                return self.take_leg(leg);
            }
            let of_dialled = |next: &&mut NextCall| dialling && next.leg.as_ref().is_some_and(|leg| leg.asks);
            if let Some(waiting) = self.state.next_call.as_mut().filter(of_dialled) {
                // It is that of the call which is being asked for.
                waiting.doubted = false;
                return self.effects.push(Effect::StartTimer { timer: TimerId::NextCall, after: DOUBT });
            }
            if let Some(waiting) = self.state.next_call.take() {
                self.remember_waiting(&waiting, false);
                self.nobody_took(waiting);
            }
        } else {
            if self.doubted_ring_is_of_dialled() {
                self.doubted_ring_was_of_ended();
            }
            self.doubted_ring_is_new();
            let of_own =
                |waiting: &mut NextCall| waiting.ring.is_none() && waiting.leg.as_ref().is_some_and(|leg| leg.asks);
            let of_own = |waiting: &mut NextCall| !dialling && of_own(waiting);
            if let Some(leg) = self.state.next_call.take_if(of_own).and_then(|waiting| waiting.leg) {
                // Nobody but this agent asks for such a leg, and what was asked for is over.
                self.leg_has_come(&leg);
                self.phone(softphone::Command::TurnAway { call_id: leg.call_id });
            }
            if let Some(waiting) = self.state.next_call.as_mut() {
                (waiting.doubted, waiting.echo) = (false, waiting.ring.is_none());
            }
        }
    }

    /// Whether the ring in doubt is that of a call which this agent dialled, and which is over: nobody has dialled since.
    fn doubted_ring_is_of_dialled(&self) -> bool {
        let Some(ring) = self.state.doubted_ring().filter(|ring| !ring.kind.is_offered()) else { return false };
        let called = ring.event.called.as_deref();
        self.state.ended_as(ring.key).is_some_and(|ended| ended.own && same_number(ended.number.as_deref(), called))
    }

    /// The leg in doubt, if the call on the screen awaits one of its kind.
    fn take_awaited_leg(&mut self) -> Option<Leg> {
        let call = self.state.live_call().filter(|call| call.leg.is_none() && !call.hang_up_asked && !call.guessed)?;
        let own = call.ring.map_or(call.asked, |ring| !ring.is_offered());
        let number = call.caller.clone().or_else(|| call.peer.number.clone());
        let is_this = |leg: &Leg| leg.asks == own && !differ(number.as_deref(), Some(&leg.from));
        let fits = |waiting: &mut NextCall| waiting.leg.as_ref().is_some_and(is_this);
        self.state.next_call.take_if(fits).and_then(|waiting| waiting.leg)
    }

    /// The platform has ended a call of which it has said nothing before: the first of those that are over here.
    pub(super) fn unspoken_is_over(&mut self) {
        let at = self.now.at;
        if self.state.platform.over_at.is_some_and(|over| at.saturating_duration_since(over) < TWICE) {
            return tracing::debug!("the end of the call before, once more");
        }
        let first = self.state.ended.iter().position(|ended| self.state.is_unspoken(ended, at));
        if let Some(ended) = first.and_then(|place| self.state.ended.get_mut(place)) {
            ended.over = true;
        }
    }

    /// Whether a leg that has ended had been taken for that of the call on the screen, while it was that of a call
    /// that is over: the platform still holds the one on the screen, whose leg comes yet.
    pub(super) fn leg_was_of_ended(&mut self, leg: &Leg) -> bool {
        let waits = |next: &NextCall| !next.doubted && next.leg.as_ref().is_some_and(|one| one.asks == leg.asks);
        let another_waits = self.state.next_call.as_ref().is_some_and(waits);
        if (leg.answered && !another_waits) || !self.held_by_platform() {
            return false;
        }
        if another_waits && self.state.link.state != LinkState::Up {
            // It may as well be this call that is over, and the one that waits the next customer's: nobody says so now, and
            // no name is better than a wrong one.
            return false;
        }
        // A customer who was refused and rings again at once has the same number. If it is the end of this call after all,
        // the platform says so.
        if !self.leg_has_come(leg) {
            return false;
        }
        if let Some(call) = self.state.live_call_mut() {
            call.leg_came = false;
            call.call_id.take_if(|call_id| *call_id == leg.call_id);
        }
        true
    }

    /// The call on the screen has lost a leg that was not its own one: the one that waits is.
    pub(super) fn take_waiting_leg(&mut self) {
        let alone = |waiting: &mut NextCall| !waiting.doubted && waiting.ring.is_none();
        if let Some(leg) = self.state.next_call.take_if(alone).and_then(|waiting| waiting.leg) {
            self.effects.push(Effect::StopTimer(TimerId::NextCall));
            let from = leg.from.clone();
            self.take_leg(leg);
            if let Some(call) = self.state.live_call_mut() {
                // Only the order of the legs says so, where nothing was said but that it rings.
                let bare = call.caller.is_none() && call.queue_id.is_none() && !call.named;
                let found = bare && call.ring == Some(RingKind::Called) && call.call_type.is_none();
                call.unsure |= found && !same_number(call.peer.number.as_deref(), Some(&from));
            }
        }
    }

    /// The leg was cancelled: it was that of the call that is over.
    pub(super) fn doubted_leg_over(&mut self) {
        let Some(waiting) = self.state.next_call.as_mut() else { return };
        let (leg, nothing_left) = (waiting.leg.take(), waiting.ring.is_none());
        if let Some(leg) = leg {
            self.leg_has_come(&leg);
        }
        if nothing_left {
            self.no_doubt();
        }
    }

    /// The platform holds a call that begins and has no leg on the screen: a leg that waits in doubt is that one's, and of
    /// no call that is over.
    pub(super) fn doubted_leg_is_of_found(&mut self) {
        let phase = self.state.call_phase();
        let begins = matches!(phase, CallPhase::Ringing | CallPhase::Dialing);
        let own = phase == CallPhase::Dialing;
        let fits = |waiting: &mut NextCall| {
            waiting.doubted && waiting.ring.is_none() && waiting.leg.as_ref().is_some_and(|leg| leg.asks == own)
        };
        let alone = begins && self.state.live_call().is_some_and(|call| call.leg.is_none());
        if let Some(leg) = self.state.next_call.take_if(|waiting| alone && fits(waiting)).and_then(|next| next.leg) {
            self.effects.push(Effect::StopTimer(TimerId::NextCall));
            self.take_leg(leg);
        }
    }

    fn no_doubt(&mut self) {
        self.state.next_call = None;
        self.effects.push(Effect::StopTimer(TimerId::NextCall));
    }
}
