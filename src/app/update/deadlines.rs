//! Phases of a call that wait for somebody else end by a deadline: the agent is told why, and the phone is free.

use std::time::{Duration, Instant};

use super::Turn;
use crate::{
    app::{
        Effect, State, TimerId,
        state::{Call, Purpose},
    },
    cti::api::Request,
    domain::{AgentState, CallPhase, Direction, HungUpBy},
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
    fn overdue(&self) -> Option<(Instant, Overdue)> {
        let call = self.live_call()?;
        let web_phone = self.session.web_phone;
        let phase = match call.phase {
            CallPhase::Ringing if call.legless => Some((call.phase_at + FOUND_RING, Overdue::NoLeg)),
            CallPhase::Ringing if web_phone && call.leg.is_none() => Some((call.phase_at + NO_LEG, Overdue::NoLeg)),
            CallPhase::Ringing => Some((call.phase_at + RINGS, Overdue::Rings)),
            CallPhase::Dialing if unannounced(call) => {
                call.leg.as_ref().map(|leg| (leg.since + ANNOUNCED, Overdue::Unannounced))
            }
            CallPhase::Dialing if call.platform.is_none() && call.leg.is_none() => {
                Some((call.phase_at + NOTHING_HEARD, Overdue::NothingHeard))
            }
            CallPhase::Dialing => Some((call.phase_at + PLACED, Overdue::Placed)),
            CallPhase::ConsultOut => Some((call.phase_at + CONSULTED, Overdue::Consulted)),
            CallPhase::Talking
            | CallPhase::Held
            | CallPhase::Consulting
            | CallPhase::ThreeWay
            | CallPhase::Spying
            | CallPhase::Whispering
            | CallPhase::Barging
                if call.leg_lost.is_some() =>
            {
                Some((call.phase_at + LEG_LOST, Overdue::LegLost))
            }
            CallPhase::Talking
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
        phase.into_iter().chain(doubt).min_by_key(|(at, _)| *at)
    }
}

/// Whether a leg wants to be answered by itself for a call that nobody has asked for or announced.
fn unannounced(call: &Call) -> bool {
    call.platform.is_none() && !call.asked && call.leg.as_ref().is_some_and(|leg| leg.asks && !leg.answered)
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
        let who = self.who(self.state.live_call().map_or("", |call| call.peer.short()));
        match overdue {
            Overdue::Doubted => self.doubt_is_over(),
            Overdue::Unannounced => self.offer_unannounced_leg(),
            Overdue::NoLeg => {
                self.refuse_at_platform();
                self.warn(Message::new("app.ring_never_came").with("who", who));
                self.give_call_up();
            }
            Overdue::Rings => {
                self.refuse_at_platform();
                self.give_call_up();
            }
            Overdue::NothingHeard => {
                self.error(Message::new("app.dial_nothing_heard").with("who", who));
                self.cancel_at_platform();
                self.give_call_up();
            }
            Overdue::Placed => {
                self.warn(Message::new("app.dial_too_long").with("who", who));
                self.cancel_at_platform();
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
                if let Some(call) = self.state.live_call_mut() {
                    call.hung_up_by = Some(HungUpBy::Fault);
                }
                self.request(Purpose::GivenUp, Request::HangUp);
                self.call_over();
            }
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

    /// A leg that nobody has announced opens no microphone: it rings like any other call.
    fn offer_unannounced_leg(&mut self) {
        self.set_phase(CallPhase::Ringing);
        if let Some(call) = self.state.live_call_mut() {
            call.direction = Direction::In;
            if let Some(leg) = call.leg.as_mut() {
                leg.asks = false;
            }
        }
        self.announce();
        self.ring_tone();
    }

    /// The call ends here, leg and all.
    fn give_call_up(&mut self) {
        let leg = self.state.live_call().and_then(|call| call.leg.as_ref()).map(|leg| leg.call_id.clone());
        if let Some(call_id) = leg {
            self.phone(softphone::Command::HangUp { call_id });
        }
        self.call_over();
    }

    /// The platform may still let the customer wait for this phone: it is to try another one.
    fn refuse_at_platform(&mut self) {
        if self.state.live_call().is_some_and(|call| call.platform.is_some()) {
            self.request(Purpose::GivenUp, Request::Refuse);
        }
    }

    fn cancel_at_platform(&mut self) {
        self.request(Purpose::GivenUp, Request::CallOutCancel);
    }
}
