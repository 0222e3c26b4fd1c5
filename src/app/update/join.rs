//! Which SIP leg and which of the platform's calls are one call: every rule of it, strongest first.
//!
//! The leg comes over the SIP connection, the platform's messages (MT 3) over the event link: two connections to two
//! servers, so that either may come first, late, twice or never. A call on the screen is at most one leg and one of the
//! platform's calls. They are joined
//!
//! 1. by name: a message with the `CallID` of a known call is about that call, and with one of a call that is over it is
//!    about nothing;
//! 2. by having been asked for: the own leg of a call that this program dialled, or listens in by;
//! 3. by number: the leg's From is the caller or the called party that the platform names;
//! 4. by being the only ones: a leg that the platform has said nothing of, and a call without a leg, within [`WINDOW`],
//!    unless their numbers differ and the legs of this platform are known to come from their callers.
//!
//! A leg whose call is over, and a call that is over, never take part. A call that has ended here stays the subject of
//! the platform's messages without a name until the platform ends it or speaks of the next one.

use std::time::{Duration, Instant};

use super::Turn;
use crate::{
    app::{
        Action, LinkState, State,
        state::{Call, Leg, PlatformKey},
    },
    cti::push::{PhoneEvent, PhoneState},
    domain::{CallPhase, RingKind},
};

/// A leg and a call of the platform's that nothing else joins are one if they come within this time.
const WINDOW: Duration = Duration::from_secs(10);
/// The same for a call of which nothing is known: one that was found after an absence has its leg, or gets it at once.
const FOUND: Duration = Duration::from_secs(3);
/// For so long after a call messages about it may still come.
const LATE: Duration = Duration::from_secs(5);

/// What a message that begins no call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The call on the screen, or one that began unseen.
    Shown,
    /// The call that waits for the one on the screen to end.
    Waiting(PlatformKey),
    /// A call that has ended here; the platform has not said so yet.
    EndedHere(PlatformKey),
    /// A call that is over.
    Over,
}

/// What a ring or a call-out is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// The call on the screen, of which the platform has spoken before.
    Again,
    /// The call on the screen, which the platform has not spoken of: its leg was faster, or it was asked for here.
    Joins,
    /// The call that waits for the one on the screen to end, once more.
    WaitsAgain,
    /// Another call than the one on the screen, which has a leg that lives.
    Waits,
    /// A call that nothing tells from the one on the screen, which is connected on a phone of its own.
    Ignored,
    /// Perhaps the call that has just ended, perhaps the next one.
    Doubted,
    /// A call that had ended before it was announced, once more.
    Over,
    /// A call of its own; the one on the screen, if there is one, has ended unheard.
    New,
}

impl State {
    /// What a message that begins no call is about.
    pub(super) fn subject(&self, event: &PhoneEvent, now: Instant) -> Subject {
        let shown = self.live_call();
        let own = shown.and_then(|call| call.platform);
        let end = event.state == PhoneState::HungUp;
        let has_leg = shown.is_some_and(|call| call.leg.is_some());
        if let Some(id) = event.call_id.as_deref() {
            if let Some(call) = self.platform.called(id) {
                return self.subject_of(call.key, own, event.state);
            }
            if let Some(over) = self.platform.over(id) {
                let late = self.is_late_tearing_down(over.key, event.state);
                return if late { Subject::Shown } else { Subject::Over };
            }
            // What happens within a call may have other names than the call itself, but its end has the call's.
            let named = own.and_then(|key| self.platform.get(key)).is_some_and(|call| call.is_named());
            let unsure = shown.is_some_and(|call| call.unsure);
            if end && shown.is_some() && !unsure && (named || (own.is_none() && has_leg)) {
                return Subject::Over;
            }
        }
        match self.platform.newest() {
            Some(newest) if Some(newest.key) == own => Subject::Shown,
            // Either may be meant; each has a leg whose own end will say it.
            Some(newest) if self.waits(newest.key) && end && own.is_some() && !self.doubts() => Subject::Over,
            Some(newest) if self.waits(newest.key) => Subject::Waiting(newest.key),
            Some(newest) if self.is_late_tearing_down(newest.key, event.state) => Subject::Shown,
            // It was turned away beside the call on the screen, whose leg has an end of its own.
            Some(newest) if end && has_leg && newest.ended_here.is_some() => Subject::EndedHere(newest.key),
            Some(newest) if own.is_none() => {
                let late = newest.ended_here.is_none_or(|at| now.saturating_duration_since(at) < LATE);
                // Long after the end here the platform still speaks of a call: then there is one.
                if end || late || shown.is_some() { Subject::EndedHere(newest.key) } else { Subject::Shown }
            }
            Some(_) => Subject::Shown,
            None => {
                let just_over = self.platform.over_at.is_some_and(|at| now.saturating_duration_since(at) < LATE);
                let leg_only = shown.is_some_and(|call| call.platform.is_none() && call.leg.is_some());
                let asked_only = shown.is_some_and(|call| self.awaits_first_message(call));
                // The end of the last call, said twice: this leg, or this dialled call, has nothing to do with it.
                let twice = end && just_over && (leg_only || asked_only);
                // The platform has not come to speak of what has come and gone here: it speaks of what was before.
                let before = self.is_behind(now) && event.state != PhoneState::TornDown;
                if twice || (before && (shown.is_none() || leg_only)) { Subject::Over } else { Subject::Shown }
            }
        }
    }

    /// The BYE of a call that is torn down may be faster than the message that says so.
    fn is_late_tearing_down(&self, key: PlatformKey, state: PhoneState) -> bool {
        let ended = self.call.as_ref().filter(|call| !call.phase.is_live());
        state == PhoneState::TornDown && ended.is_some_and(|call| call.platform == Some(key))
    }

    fn subject_of(&self, key: PlatformKey, own: Option<PlatformKey>, state: PhoneState) -> Subject {
        if own == Some(key) || self.is_late_tearing_down(key, state) {
            Subject::Shown
        } else if self.waits(key) {
            Subject::Waiting(key)
        } else {
            Subject::EndedHere(key)
        }
    }

    /// Whether this call waits for the one on the screen to end.
    pub(super) fn waits(&self, key: PlatformKey) -> bool {
        let ring = self.next_call.as_ref().and_then(|next| next.ring.as_ref());
        ring.is_some_and(|ring| ring.key == key)
    }

    /// What a ring (`kind`) or a call-out (none) is.
    pub(super) fn beginning(&self, kind: Option<RingKind>, event: &PhoneEvent, now: Instant) -> Beginning {
        let known = event.call_id.as_deref().and_then(|id| self.platform.called(id)).map(|call| call.key);
        if known.is_some_and(|key| self.waits(key)) || self.is_doubted_again(kind, event) {
            return Beginning::WaitsAgain;
        }
        if known.is_some_and(|key| self.was_late(key)) || self.own_ring_of_ended(kind, event, now).is_some() {
            return Beginning::Over;
        }
        if self.ring_of_ended(kind, event, now).is_some() {
            return Beginning::Doubted;
        }
        let Some(call) = self.live_call() else { return Beginning::New };
        if known.is_some() && known == call.platform {
            return Beginning::Again;
        }
        let offered = kind.is_some_and(RingKind::is_offered);
        let Some(own) = call.platform else {
            return if call.guessed {
                Beginning::New
            } else if self.is_before_dialled(call, kind) {
                Beginning::Waits
            } else if self.joins(call, kind, event, now) || call.leg.is_none() {
                Beginning::Joins
            } else {
                Beginning::Waits
            };
        };
        let named = self.platform.get(own).is_some_and(|call| call.is_named());
        let other_name = event.call_id.is_some() && named;
        let from = call.leg.as_ref().map(|leg| leg.from.as_str()).filter(|_| call.unsure && self.is_from_caller(kind));
        let other_number = [call.caller.as_deref(), from].iter().any(|known| differ(*known, event.caller.as_deref()));
        let has_leg = call.leg.is_some();
        if call.hang_up_asked && !has_leg && !named && call.caller.is_none() && event.caller.is_some() {
            // Of what is being ended nothing was known but that it was there: this is the next one.
            return Beginning::New;
        }
        if matches!(call.phase, CallPhase::Ringing | CallPhase::Dialing) {
            // A call out is pushed as such and rings as the own leg: that is one call, whatever its messages are named.
            let other_kind = offered == (call.phase == CallPhase::Dialing);
            return match (other_name || other_number, has_leg) {
                (true, true) => Beginning::Waits,
                (true, false) => Beginning::New,
                (false, true) if other_kind => Beginning::Waits,
                (false, _) => Beginning::Again,
            };
        }
        let same_number = call.caller.is_some() && call.caller == event.caller;
        match (other_name, has_leg) {
            (false, _) if same_number => Beginning::Again,
            (_, true) => Beginning::Waits,
            (true, false) => Beginning::New,
            // It has no leg here, and nothing says that it is another call.
            (false, false) => Beginning::Ignored,
        }
    }

    /// Whether a ring is that of another call than the one that was dialled: the platform has accepted that one, and speaks
    /// of it after what was before it.
    fn is_before_dialled(&self, call: &Call, kind: Option<RingKind>) -> bool {
        let offered = kind.is_some_and(RingKind::is_offered);
        let own_leg = call.leg.as_ref().is_none_or(|leg| leg.asks);
        offered && own_leg && self.awaits_first_message(call)
    }

    /// Whether the platform has accepted a call that was dialled here and has not spoken of it yet, over a link that has
    /// been up since: whatever it says before it speaks of that call is about another one.
    pub(super) fn awaits_first_message(&self, call: &Call) -> bool {
        let accepted = call.asked && call.platform.is_none() && call.phase == CallPhase::Dialing;
        let in_order = call.clocks.started_at.is_some_and(|at| self.link.opened_at <= at);
        accepted && in_order && self.link.state == LinkState::Up
    }

    /// Whether a leg that has come is the one of the call on the screen, which has none.
    pub(super) fn leg_fits(&self, leg: &Leg, call: &Call, now: Instant) -> bool {
        let asked =
            [Action::Dial, Action::DialAgent, Action::Spy].iter().any(|a| self.pending.commands.contains_key(a));
        let number = call.caller.as_deref().or(call.peer.number.as_deref());
        let unknown = number.is_none() && call.queue_id.is_none() && call.call_id.is_none();
        let window = if unknown || call.legless { FOUND } else { WINDOW };
        let fresh = now.saturating_duration_since(call.phase_at) < window;
        let differs = differ(number, Some(&leg.from));
        if call.legless && call.phase.is_connected() {
            // It had its leg once: only the same caller, or one of whom nothing is known at once, can be its leg again.
            return same_number(number, Some(&leg.from)) || (fresh && !differs);
        }
        ((call.asked || asked) && leg.asks)
            || (fresh && !(self.is_from_caller(call.ring) && differs))
            || (number.is_some() && !differs)
    }

    /// Whether the platform's first message about a call is about this one, which only its leg, or who asked for it,
    /// speaks for. A conversation that the platform has forgotten is none that it announces.
    fn joins(&self, call: &Call, kind: Option<RingKind>, event: &PhoneEvent, now: Instant) -> bool {
        let offered = kind.is_some_and(RingKind::is_offered);
        if call.asked && call.leg.as_ref().is_some_and(|leg| leg.asks) && offered {
            // The own leg of a call that was asked for is none for this agent.
            return false;
        }
        let from = call.leg.as_ref().map(|leg| leg.from.as_str()).filter(|from| !from.is_empty());
        let parties = [event.caller.as_deref(), event.called.as_deref()];
        let [far, near] = if offered { parties } else { [parties[1], parties[0]] };
        let (by_far, by_near) = (from.is_some() && far == from, from.is_some() && near == from);
        let since = call.leg.as_ref().map(|leg| leg.since).or(call.clocks.started_at);
        let fresh = since.is_none_or(|since| now.saturating_duration_since(since) < WINDOW);
        let known = || parties.into_iter().filter(Option::is_some);
        let stranger =
            self.is_from_caller(kind) && known().next().is_some() && known().all(|party| differ(from, party));
        let connected = call.phase.is_connected();
        let asked = call.asked && call.phase == CallPhase::Dialing && !offered;
        let answered = call.leg.as_ref().is_some_and(|leg| leg.answered);
        let forgotten = call.unheld && (connected || answered);
        // The number of the line says nothing of who calls by it.
        let by_line = by_near && !connected && !call.unheld;
        asked || (!forgotten && (by_far || by_line || (fresh && !stranger)))
    }

    /// A leg and the platform's call are one: whether the legs of this platform come from their callers, or from a
    /// gateway, whose number says nothing of who calls.
    pub(super) fn learn_where_legs_come_from(&mut self) {
        let Some(call) = self.live_call() else { return };
        let Some(from) = call.leg.as_ref().map(|leg| leg.from.as_str()).filter(|from| !from.is_empty()) else { return };
        let parties = [call.caller.as_deref(), call.called.as_deref()];
        if parties.iter().any(Option::is_some) {
            let (ring, from_caller) = (call.ring.unwrap_or(RingKind::Outbound), parties.contains(&Some(from)));
            self.from_is_caller.retain(|(known, _)| *known != ring);
            self.from_is_caller.push((ring, from_caller));
        }
    }

    /// Whether the legs of such rings are known to come from their callers. Of one's own dialled calls that is asked to
    /// tell their legs from customers': until it is known, what is known of customers' legs counts.
    pub(super) fn is_from_caller(&self, ring: Option<RingKind>) -> bool {
        let learnt = |ring| self.from_is_caller.iter().find(|(known, _)| *known == ring).map(|(_, from)| *from);
        let any = || self.from_is_caller.iter().any(|(_, from)| *from);
        ring.and_then(learnt).unwrap_or_else(|| !ring.is_some_and(RingKind::is_offered) && any())
    }
}

/// Whether two telephone numbers are known and are not the same. What has no digits names no caller: a gateway.
pub(super) fn differ(one: Option<&str>, other: Option<&str>) -> bool {
    fn digits(text: Option<&str>) -> Option<String> {
        let digits: String = text?.chars().filter(char::is_ascii_digit).collect();
        (digits.len() >= 3).then_some(digits)
    }
    match (digits(one), digits(other)) {
        // With and without prefix they are one.
        (Some(one), Some(other)) => !one.ends_with(&other) && !other.ends_with(&one),
        (None, _) | (_, None) => false,
    }
}

/// Whether two telephone numbers are known and are the same.
pub(super) fn same_number(one: Option<&str>, other: Option<&str>) -> bool {
    let known = |text: Option<&str>| text.is_some_and(|text| text.chars().filter(char::is_ascii_digit).count() >= 3);
    known(one) && known(other) && !differ(one, other)
}

impl Turn<'_> {
    /// The platform has spoken of the call on the screen: from now on the two are one.
    pub(super) fn join_shown(&mut self, id: Option<&str>) {
        let Some(call) = self.state.live_call() else { return };
        match call.platform {
            Some(key) => self.state.platform.name(key, id),
            None => {
                let key = self.state.platform.begin(id);
                self.join_platform_call(key);
            }
        }
    }

    /// The call on the screen is this one of the platform's.
    pub(super) fn join_platform_call(&mut self, key: PlatformKey) {
        if let Some(call) = self.state.live_call_mut() {
            call.platform = Some(key);
            call.unheld = false;
        }
    }

    /// The platform speaks of a call that begins, so that every other one but that on the screen is over.
    pub(super) fn older_calls_are_over(&mut self) {
        let shown = self.state.live_call().and_then(|call| call.platform);
        let waiting = self.state.next_call.as_ref().and_then(|next| next.ring.as_ref()).map(|ring| ring.key);
        let kept: Vec<PlatformKey> = shown.into_iter().chain(waiting).collect();
        self.state.platform.end_all_but(&kept, self.now.at);
        let link_since = self.state.link.opened_at;
        for ended in self.state.ended.iter_mut().filter(|ended| ended.platform.is_none() && ended.at < link_since) {
            // What was to be said of it was said while the link was away.
            ended.over = true;
        }
    }
}
