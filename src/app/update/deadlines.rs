//! Phases of a call that wait for somebody else end by a deadline: the agent is told why, and the phone is free.

use std::time::{Duration, Instant};

use super::{Turn, unsure::HUSHED};
use crate::{
    app::{
        Effect, LinkState, State, TimerId,
        state::{Call, Purpose},
    },
    cti::api::Request,
    domain::{AgentState, CallPhase, Direction, HungUpBy, Unreached},
    i18n::Message,
    softphone,
};

/// A ring whose leg does not come, or was lost.
const NO_LEG: Duration = Duration::from_secs(30);
/// A ring that was found without a leg: the leg of it, if one is on its way at all, takes no longer.
const FOUND_RING: Duration = Duration::from_secs(5);
/// A leg rings for 60 s at most (protocol `softphone.md` 4.1); an external phone is the platform's business, but not for
/// ever.
const RINGS: Duration = Duration::from_secs(90);
/// A call that was asked for and of which nothing at all is heard.
const NOTHING_HEARD: Duration = Duration::from_secs(30);
/// The same of one whose own leg has come and was cancelled: what the platform has to say of it is late at most.
const LEG_GONE: Duration = Duration::from_secs(5);
/// The called party does not answer: RFC 3261 gives an INVITE 3 min (timer C).
const PLACED: Duration = Duration::from_secs(180);
/// A consulted party does not answer.
const CONSULTED: Duration = Duration::from_secs(180);
/// A leg that asks to be answered by itself is announced within this time; else a person has to answer it.
const ANNOUNCED: Duration = Duration::from_millis(1500);
/// A connected call whose leg was lost: the platform should have said what becomes of it.
const LEG_LOST: Duration = Duration::from_secs(15);

/// What has lasted too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overdue {
    /// The platform holds no call, and no leg has come.
    Doubted,
    /// Nobody has said that the call of a leg in which nobody hears the agent is over.
    Hushed,
    /// A leg wants to be answered by itself, and nobody has said what for.
    Unannounced,
    /// It rings, and there is nothing here to answer.
    NoLeg,
    /// It rings, and nobody answers.
    Rings,
    /// Nothing was heard of a call that was asked for.
    NothingHeard,
    /// The called party does not answer.
    Placed,
    /// The consulted party does not answer.
    Consulted,
    /// The leg of a conversation is gone, and the platform says nothing more.
    LegLost,
}

impl State {
    /// What the call's phase waits for, and until when.
    ///
    /// The time counts from the link's return, where that is later: what happened meanwhile is told then. Without the
    /// link nobody tells of a telephone of the desk's own, nor of the far end of a leg that is answered, so that only a
    /// person can say that such a call is over.
    fn overdue(&self) -> Option<(Instant, Overdue)> {
        let call = self.live_call()?;
        let (web_phone, told) = (self.session.web_phone, self.is_told());
        let since = if told { call.phase_at.max(self.link.since_at) } else { call.phase_at };
        let known = told || (web_phone && call.leg.as_ref().is_none_or(|leg| !leg.answered));
        let phase = match call.phase {
            CallPhase::Dialing if unannounced(call) => {
                call.leg.as_ref().map(|leg| (leg.since + ANNOUNCED, Overdue::Unannounced))
            }
            CallPhase::Ringing | CallPhase::Dialing if !known => None,
            // It was found by what the platform said, and the platform says what becomes of it when the link is back.
            CallPhase::Ringing if call.legless && !told && self.link.state != LinkState::GivenUp => None,
            CallPhase::Ringing if call.legless => Some((since + FOUND_RING, Overdue::NoLeg)),
            CallPhase::Ringing if web_phone && call.leg.is_none() => Some((since + NO_LEG, Overdue::NoLeg)),
            CallPhase::Ringing => Some((since + RINGS, Overdue::Rings)),
            CallPhase::Dialing if call.platform.is_none() && call.leg.is_none() => {
                let wait = if call.leg_gone { LEG_GONE } else { NOTHING_HEARD };
                Some((since + wait, Overdue::NothingHeard))
            }
            CallPhase::Dialing => Some((since + PLACED, Overdue::Placed)),
            // What a platform tells after an absence may stand for a consultation that was answered meanwhile.
            CallPhase::ConsultOut if told && !call.hold_uncertain => Some((since + CONSULTED, Overdue::Consulted)),
            CallPhase::Talking
            | CallPhase::Held
            | CallPhase::Consulting
            | CallPhase::ThreeWay
            | CallPhase::Spying
            | CallPhase::Whispering
            | CallPhase::Barging
                if call.leg_lost.is_some() =>
            {
                Some((since + LEG_LOST, Overdue::LegLost))
            }
            CallPhase::ConsultOut
            | CallPhase::Talking
            | CallPhase::Held
            | CallPhase::Consulting
            | CallPhase::ThreeWay
            | CallPhase::Spying
            | CallPhase::Whispering
            | CallPhase::Barging
            | CallPhase::None
            | CallPhase::Ended => None,
        };
        let doubt = call.doubted_until.filter(|_| call.leg.is_none()).map(|at| (at, Overdue::Doubted));
        let hushed = call.hushed_at.map(|at| (at + HUSHED, Overdue::Hushed));
        phase.into_iter().chain(doubt).chain(hushed).min_by_key(|(at, _)| *at)
    }

    /// Whether the platform's messages come.
    fn is_told(&self) -> bool {
        self.link.state == LinkState::Up
    }
}

/// Whether a leg wants to be answered by itself for a call that nobody has asked for or announced.
fn unannounced(call: &Call) -> bool {
    call.platform.is_none()
        && !call.asked
        && call.leg.as_ref().is_some_and(|leg| leg.asks && !leg.answered && !leg.offered)
}

impl Turn<'_> {
    /// After every input: the timer runs for what the phase waits for now.
    pub(super) fn follow_call_deadline(&mut self) {
        let due = self.state.overdue().map(|(at, _)| at);
        if self.state.call_deadline == due {
            return;
        }
        self.state.call_deadline = due;
        self.effects.push(match due {
            Some(at) => {
                Effect::StartTimer { timer: TimerId::CallDeadline, after: at.saturating_duration_since(self.now.at) }
            }
            None => Effect::StopTimer(TimerId::CallDeadline),
        });
    }

    pub(super) fn call_deadline_due(&mut self) {
        self.state.call_deadline = None;
        let Some((_, overdue)) = self.state.overdue().filter(|(at, _)| *at <= self.now.at) else { return };
        tracing::info!(?overdue, "the call's phase has lasted too long");
        let who = self.other_end();
        match overdue {
            Overdue::Doubted => self.doubt_is_over(),
            Overdue::Hushed => self.hushed_no_more(),
            Overdue::Unannounced => self.offer_unannounced_leg(),
            Overdue::NoLeg => {
                self.refuse_at_platform();
                self.given_up(Message::new("app.ring_never_came").with("who", who));
                self.give_call_up();
            }
            Overdue::Rings => {
                self.refuse_at_platform();
                self.give_call_up();
            }
            Overdue::NothingHeard => {
                self.cancel_at_platform();
                self.given_up(Message::new("app.dial_nothing_heard").with("who", who));
                self.give_call_up();
            }
            Overdue::Placed if self.has_sound() => {
                // It may be the other end's own ringing, or a conversation that nobody has reported: the agent hears it.
                self.warn(Message::new("app.dial_not_reported").with("who", who));
                let at = self.now.at;
                if let Some(call) = self.state.live_call_mut() {
                    call.phase_at = at;
                }
            }
            Overdue::Placed => {
                self.cancel_at_platform();
                if let Some(call) = self.state.live_call_mut() {
                    call.unreached.get_or_insert(Unreached::NoAnswer);
                }
                self.given_up(Message::new("app.dial_too_long").with("who", who));
                self.give_call_up();
            }
            Overdue::Consulted => {
                self.warn(Message::new("app.consult_too_long"));
                self.request(Purpose::GivenUp, Request::ConsultCancel);
                self.back_with_customer();
                if let Some(call) = self.state.live_call_mut() {
                    // The platform's own message may say otherwise.
                    call.hold_uncertain = true;
                }
            }
            Overdue::LegLost => {
                self.order(Request::HangUp);
                self.give_call_up();
            }
        }
    }

    fn other_end(&self) -> String {
        self.who(self.state.live_call().map_or("", |call| call.peer.short()))
    }

    /// Whether the leg of the call is answered and something is heard in it.
    fn has_sound(&self) -> bool {
        let answered = self.state.live_call().and_then(|call| call.leg.as_ref()).is_some_and(|leg| leg.answered);
        answered && self.state.is_heard()
    }

    /// Says once why the program gives the call up.
    fn given_up(&mut self, why: Message) {
        let why =
            if self.state.is_told() { why } else { Message::new("app.call_unknown").with("who", self.other_end()) };
        self.warn(why);
        if let Some(call) = self.state.live_call_mut() {
            call.given_up = true;
        }
    }

    /// The platform said that it holds no call, and it was right unless it holds one by now.
    fn doubt_is_over(&mut self) {
        let holds_none = match self.state.agent.state {
            AgentState::Idle | AgentState::Busy | AgentState::WrapUp => true,
            AgentState::Occupied | AgentState::SigningIn | AgentState::SignedOut => false,
        };
        if let Some(call) = self.state.live_call_mut() {
            call.doubted_until = None;
        }
        if holds_none {
            self.end_platform_call();
            self.call_over();
            self.forget_call();
        }
    }

    /// A leg that nobody has announced opens no microphone: it rings like any other call, until somebody announces it.
    fn offer_unannounced_leg(&mut self) {
        self.set_phase(CallPhase::Ringing);
        if let Some(call) = self.state.live_call_mut() {
            call.direction = Direction::In;
            if let Some(leg) = call.leg.as_mut() {
                leg.offered = true;
            }
        }
        self.announce();
        self.ring_tone();
    }

    /// The call ends here, leg and all.
    fn give_call_up(&mut self) {
        let Some(call) = self.state.live_call_mut() else { return };
        call.hung_up_by = Some(HungUpBy::Fault);
        let leg = call.leg.as_ref().map(|leg| leg.call_id.clone());
        if let Some(call_id) = leg {
            self.phone(softphone::Command::HangUp { call_id });
        }
        self.call_over();
    }

    /// An order about what is known; without the link it might meet something else.
    fn order(&mut self, request: Request) {
        if self.state.is_told() {
            self.request(Purpose::GivenUp, request);
        }
    }

    /// The platform may still let the customer wait for this phone: it is to try another one.
    fn refuse_at_platform(&mut self) {
        if self.state.live_call().is_some_and(|call| call.platform.is_some()) {
            self.order(Request::Refuse);
        }
    }

    fn cancel_at_platform(&mut self) {
        let listens = self.state.live_call().is_some_and(|call| call.direction == Direction::Spy);
        // The own leg of listening in is hung up.
        self.order(if listens { Request::HangUp } else { Request::CallOutCancel });
    }
}
