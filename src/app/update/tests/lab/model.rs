//! What the agent should see, and what must never be.
//!
//! The reference is the world itself: the call that the platform holds and the legs that live. While words are on their
//! way nobody can know everything; when they have arrived, and a little later at most, the screen must say what is so.
//! What must never be is looked for after every input.

use std::collections::BTreeMap;

use super::{
    Lab,
    clock::Ms,
    ledger::{no_of, no_of_name},
    phone::{self, Far, Leg, Near, Shown},
    platform::{Held, Sta, Stage},
};
use crate::{
    app::{Command, CommandId, CommandOutcome, LinkState},
    cti::push::{PhoneState, PushMessage},
    domain::{AgentState, CallPhase},
};

/// When everything has arrived, the screen is right after this time at the latest.
const RIGHT_AFTER: Ms = 5000;
/// A leg whose call is over says BYE within this time.
const BYE_WITHIN: Ms = 600;
/// A command is answered within this time; a sign-in takes longest.
const ANSWERED_WITHIN: Ms = 16_000;
/// Timers started in a minute, at most: each stands for something that happened.
const TIMERS_A_MINUTE: u64 = 1200;

#[derive(Default)]
pub(super) struct Watch {
    /// The first thing that was wrong.
    pub(super) fault: Option<String>,
    /// When the world, or what is known of it, changed last.
    changed_at: Ms,
    /// Commands without an answer, and when they were asked.
    open: BTreeMap<CommandId, Ms>,
    /// Commands that end a call.
    ending: BTreeMap<CommandId, usize>,
    /// Commands that were refused in the update that asked for them.
    refused: Option<CommandId>,
    /// The call that the push under way says is over.
    told_over: Option<usize>,
    minute: u64,
    timers_then: u64,
    /// Most timers started in a minute so far.
    pub(super) most_timers: u64,
}

/// A command that is being asked: what it ends, if it ends a call.
pub(super) struct Asked {
    id: CommandId,
    ends: Option<usize>,
}

impl Lab {
    pub(super) fn fail(&mut self, what: String) {
        let now = self.now as f64 / 1000.0;
        self.watch.fault.get_or_insert_with(|| format!("at {now:.3} s: {what}"));
    }

    /// The world has changed, or something has been heard of it.
    pub(super) fn changed(&mut self) {
        self.watch.changed_at = self.now;
    }

    /// Whose call is shown, where that can be told.
    pub(super) fn shown_call(&self) -> Option<usize> {
        let shown = phone::shown(&self.state);
        if !shown.phase.is_live() {
            return None;
        }
        call_of(&shown)
    }

    // Commands.

    pub(super) fn asked(&mut self, id: CommandId, command: &Command) -> Asked {
        self.watch.open.insert(id, self.now);
        let ends = matches!(command, Command::HangUp | Command::Reject | Command::CancelDial);
        let ends = self.shown_call().filter(|_| ends);
        if let Some(no) = ends {
            self.ledger.call_mut(no).end_asked.get_or_insert(self.now);
            self.watch.ending.insert(id, no);
        }
        Asked { id, ends }
    }

    pub(super) fn was_asked(&mut self, asked: Asked) {
        let refused = self.watch.refused.take() == Some(asked.id);
        let Some(no) = asked.ends else { return };
        if refused {
            return self.end_is_refused(no);
        }
        self.leg_must_be_silent(no, "the agent hung up");
    }

    pub(super) fn command_is_answered(&mut self, id: CommandId, outcome: &CommandOutcome) {
        if self.watch.open.remove(&id).is_none() {
            self.fail(format!("{id:?} is answered twice"));
        }
        let ends = self.watch.ending.remove(&id);
        if outcome.is_err() {
            self.watch.refused = Some(id);
            if let Some(no) = ends {
                self.end_is_refused(no);
            }
        } else if let Some(no) = ends {
            self.ledger.call_mut(no).end_agreed = true;
        }
        self.note(|| format!("{id:?}: {outcome:?}"));
    }

    /// One of the commands to end a call has failed; another one may be under way, or have succeeded.
    fn end_is_refused(&mut self, no: usize) {
        let otherwise = self.ledger.call(no).end_agreed || self.watch.ending.values().any(|other| *other == no);
        if !otherwise {
            self.ledger.call_mut(no).end_asked = None;
        }
    }

    // The end of a call.

    pub(super) fn before_push(&mut self, message: &PushMessage, about: Option<usize>) {
        let over = matches!(message, PushMessage::Phone(event) if event.state == PhoneState::HungUp);
        self.watch.told_over = about.filter(|_| over);
    }

    pub(super) fn after_push(&mut self) {
        if let Some(no) = self.watch.told_over.take() {
            self.leg_must_be_silent(no, "the platform said that the call is over");
        }
    }

    fn leg_must_be_silent(&mut self, no: usize, why: &str) {
        let known = !self.ledger.call(no).mixed && !self.ledger.call(no).crossed;
        let Some(leg) = self.phone.leg(no).filter(|leg| known && leg.near == Near::Up) else { return };
        if self.phone.is_audible(leg) {
            return self.fail(format!("{why}, and the agent is heard in leg {no}"));
        }
        let now = self.now;
        if let Some(leg) = self.phone.legs.iter_mut().find(|leg| leg.no == no) {
            leg.over_since.get_or_insert(now);
        }
    }

    /// The program ends a leg.
    pub(super) fn leg_is_left(&mut self, no: usize) {
        self.ledger.leg_is_gone(no, self.now);
        let call = self.ledger.call(no);
        let wanted = call.over.is_some() || call.end_asked.is_some() || call.mixed;
        let gone = self.phone.leg(no).is_none_or(|leg| leg.far == Far::Gone);
        if !wanted && !gone {
            self.fail(format!("leg {no} is ended although nobody asked for it: {call:?}"));
        }
    }

    /// A leg is refused because there is another one.
    pub(super) fn leg_is_refused(&mut self, no: usize) {
        self.ledger.leg_is_gone(no, self.now);
        let call = self.ledger.call(no);
        let over = call.over.is_some() || call.end_asked.is_some() || call.mixed;
        let other = |leg: &&Leg| leg.no != no && leg.lives() && self.ledger.call(leg.no).over.is_none();
        let others = self.phone.there().filter(|leg| leg.no != no).count();
        if !over && self.phone.legs.iter().find(other).is_none() && others < 2 {
            self.fail(format!("customer {no} is refused because of an older call"));
        }
    }

    // After every input.

    pub(super) fn updated(&mut self) {
        if let Some(leg) = self.phone.legs.iter().find(|leg| leg.over_since.is_some() && self.phone.is_audible(leg)) {
            let no = leg.no;
            self.fail(format!("the call of leg {no} is over, and the agent is heard again"));
        }
        let live = self.state.call.as_ref().filter(|call| call.phase.is_live());
        let leg = live.and_then(|call| call.leg.as_ref()).and_then(|leg| no_of_name(&leg.call_id));
        let number = live.and_then(|call| call.peer.number.as_deref()).and_then(no_of);
        if let (Some(leg), Some(number)) = (leg, number) {
            self.ledger.leg_is_shown_as(leg, number);
        }
        let announced = phone::announced(&self.state);
        if self.ledger.started != self.ledger.ended + announced {
            let (started, ended) = (self.ledger.started, self.ledger.ended);
            self.fail(format!("{started} calls were announced and {ended} have ended"));
        }
    }

    /// Nothing happens until then.
    pub(super) fn look(&mut self, until: Ms) {
        if self.watch.fault.is_some() {
            return;
        }
        let late = |leg: &&Leg| leg.near == Near::Up && leg.over_since.is_some_and(|at| until > at + BYE_WITHIN);
        if let Some(no) = self.phone.legs.iter().find(late).map(|leg| leg.no) {
            return self.fail(format!("no BYE for leg {no}, whose call is over"));
        }
        if let Some((id, _)) = self.watch.open.iter().find(|(_, at)| until > *at + ANSWERED_WITHIN) {
            let id = *id;
            return self.fail(format!("{id:?} is never answered"));
        }
        self.count_timers(until);
        // Wrong until then, and long enough?
        let from = self.now.max(self.watch.changed_at + RIGHT_AFTER);
        if until > from
            && !self.platform.by_hand
            && self.network.is_quiet(self.now)
            && let Some(wrong) = self.wrong()
        {
            let shown = phone::shown(&self.state);
            let (call, legs) = (self.platform.call, &self.phone.legs);
            let what = format!("{wrong}\nshown: {shown:?}\nplatform: {call:?}, legs: {legs:?}");
            self.fail(what);
        }
    }

    fn count_timers(&mut self, until: Ms) {
        let minute = until / 60_000;
        if minute != self.watch.minute {
            let started = self.timers_started - self.watch.timers_then;
            (self.watch.minute, self.watch.timers_then) = (minute, self.timers_started);
            self.watch.most_timers = self.watch.most_timers.max(started);
            if started > TIMERS_A_MINUTE {
                self.fail(format!("{started} timers were started in a minute"));
            }
        }
    }

    /// Whether the program hears the platform.
    pub(super) fn hears_platform(&self) -> bool {
        self.network.link.is_some()
            && self.network.link == Some(self.state.link.id)
            && self.state.link.state == LinkState::Up
    }

    /// What is wrong with the screen, once everything has arrived.
    pub(super) fn wrong(&self) -> Option<String> {
        let shown = phone::shown(&self.state);
        let phase = shown.phase;
        let hears = self.hears_platform();
        let up = self.phone.legs.iter().find(|leg| leg.lives() && leg.near == Near::Up);
        let leg = up.or_else(|| self.phone.legs.iter().find(|leg| leg.lives()));
        let says = |what: &str| Some(what.to_owned());
        let there = leg.map(|leg| leg.no).into_iter().chain(self.platform.call.map(|held| held.no));
        if there.into_iter().any(|no| self.ledger.call(no).mixed) {
            return self.wrong_agent(hears);
        }
        let is = |no: usize| self.is_shown_as(&shown, no);
        if shown.phase.is_live()
            && let (Some(a), Some(b)) =
                (shown.call_id.as_deref().and_then(no_of_name), shown.number.as_deref().and_then(no_of))
            && a != b
            && !self.ledger.is_nameless(self.ledger.call(a))
        {
            return says("two calls are shown as one");
        }
        let wrong = match (leg, self.platform.call) {
            (Some(leg), held) if leg.near == Near::Up => {
                let out = self.ledger.call(leg.no).out;
                let talking = held == Some(Held { no: leg.no, stage: Stage::Talking });
                let right = if !out || (hears && talking) {
                    phase.is_connected()
                } else {
                    phase.is_live() && phase != CallPhase::Ringing
                };
                if !right { says("a call with a live leg is not shown as it is") } else { is(leg.no) }
            }
            (Some(leg), held) => {
                let other = held.filter(|held| held.no != leg.no);
                let this = phase == CallPhase::Ringing && is(leg.no).is_none();
                let that = other.is_some_and(|other| phase == CallPhase::Ringing && is(other.no).is_none());
                if this || that { None } else { says("a call rings and is not shown so") }
            }
            // The far end has left, its BYE has been lost, and only the agent can say that nobody is there any more.
            (None, _) if phase.is_live() && self.phone.legs.iter().any(|leg| leg.near == Near::Up) => None,
            // A resync does not say whose call it is: it may be the one that is shown.
            (None, Some(held)) if hears && self.ledger.call(held.no).is_only_found() && phase.is_live() => None,
            (None, Some(held)) if hears => {
                // Without a leg it may be shown until it is given up.
                let right = match held.stage {
                    Stage::Ringing => phase == CallPhase::Ringing,
                    Stage::OwnLeg | Stage::FarRinging => phase == CallPhase::Dialing,
                    Stage::Talking => phase.is_connected(),
                };
                if !phase.is_live() {
                    None
                } else if right {
                    is(held.no)
                } else {
                    says("a call without a leg is shown as what it is not")
                }
            }
            (None, _) if phase.is_connected() => says("a conversation is shown that has no leg"),
            // Nothing was heard of a call out that was accepted: it is given up in time.
            (None, None)
                if phase == CallPhase::Dialing
                    && call_of(&shown).is_some_and(|no| self.ledger.call(no).is_only_dialled()) =>
            {
                None
            }
            (None, None) if hears && phase.is_live() => says("a call is shown that nobody holds"),
            (None, _) => None,
        };
        wrong.or_else(|| self.wrong_agent(hears))
    }

    /// Whether a live call is shown as this one, with the right number.
    fn is_shown_as(&self, shown: &Shown, no: usize) -> Option<String> {
        let call = self.ledger.call(no);
        if call.mixed || call.crossed {
            return None;
        }
        let found = call.resync_heard.is_some_and(|resync| {
            call.ring_heard.is_none() || (shown.number.is_none() && call.left.is_some_and(|left| left <= resync))
        });
        if found && self.phone.leg(no).is_none_or(|leg| leg.near == Near::Gone) {
            // A resync does not say whose call it is.
            return None;
        }
        let told = call.ring_heard.is_some() || call.dial_heard.is_some();
        let number = shown.number.as_deref();
        let right = match (told, number) {
            (true, number) => number == Some(call.number.as_str()),
            (false, Some(number)) => number == call.number || number == "gw01",
            (false, None) => call.rang.is_none(),
        };
        let named = shown.call_id.as_deref().and_then(no_of_name);
        if named.is_some_and(|named| named != no) {
            return Some(format!("call {no} is shown under the name of another one"));
        }
        (!right).then(|| format!("call {no} is shown with a wrong number: {call:?}"))
    }

    fn wrong_agent(&self, hears: bool) -> Option<String> {
        let right = match self.platform.sta {
            Sta::Out | Sta::Initial => return None,
            Sta::Ready => AgentState::Idle,
            Sta::Busy => AgentState::Busy,
            Sta::Occupied => AgentState::Occupied,
            Sta::WrapUp => AgentState::WrapUp,
        };
        let shown = self.state.agent.state;
        if self.platform.call.is_none() && self.phone.there().count() > 0 && shown == AgentState::Occupied {
            // The platform has forgotten the call, which goes on.
            return None;
        }
        (hears && shown != right).then(|| format!("the agent is {right:?} and shown as {shown:?}"))
    }
}

fn call_of(shown: &Shown) -> Option<usize> {
    let numbered = shown.number.as_deref().and_then(no_of);
    numbered.or_else(|| shown.call_id.as_deref().and_then(no_of_name))
}
