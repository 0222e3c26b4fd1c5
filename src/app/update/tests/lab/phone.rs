//! A phone and the switch at its other end: legs with two ends, which learn of each other only by messages.
//!
//! This file alone knows the softphone's vocabulary of legs, and where the state machine keeps what it shows.

use std::time::Duration;

use super::{Lab, clock::Ms, ledger::no_of_name, network::Due};
use crate::{
    app::{Event, State},
    config::Codec,
    domain::{CallPhase, Direction, Unreached},
    softphone::{self, Command, EndCause, LossCause, MediaEvent, SipError},
};

/// No packet for so long is told as lost sound.
const SOUND_LOST: Ms = 3000;

/// The far end may take so long to end a leg whose call is over.
const RELEASED: Ms = 500;
/// Legs that ring or talk at the same time.
const LEGS: usize = 2;

/// From the switch to the phone, about a leg by its number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Down {
    Invite(usize),
    Cancel(usize),
    Bye(usize, Option<Unreached>),
}

/// From the phone to the switch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Up {
    Ok(usize),
    Refused(usize),
    Bye(usize),
}

/// What comes to the phone by time alone.
#[derive(Clone, Debug)]
pub(super) enum PhoneDue {
    /// A word to the program.
    Tells(softphone::Event),
    /// The answer is ready.
    Answers(usize),
    /// The next attempt to connect.
    Connects,
    /// The far end has had its time to end a leg whose call is over.
    EndsReleased(usize),
    /// No packet has come for a while.
    MissesSound(usize),
}

/// The phone's end of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Near {
    OnTheWay,
    Ringing,
    Answering,
    Up,
    Gone,
}

/// The switch's end of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Far {
    Inviting,
    Up,
    Gone,
}

#[derive(Clone, Debug)]
pub(super) struct Leg {
    /// Its number: that of the call it belongs to, since each has one at most.
    pub(super) no: usize,
    pub(super) from: String,
    /// `Call-Info: answer-after=0`.
    pub(super) own: bool,
    pub(super) near: Near,
    pub(super) far: Far,
    /// The phone was told to let nothing of it be heard any more.
    pub(super) released: bool,
    /// Since when nobody may hear the agent in it any more.
    pub(super) over_since: Option<Ms>,
}

impl Leg {
    pub(super) fn call_id(&self) -> String {
        format!("leg-{}", self.no)
    }

    /// The phone has it, and the switch holds it too.
    pub(super) fn lives(&self) -> bool {
        !matches!(self.near, Near::Gone | Near::OnTheWay) && self.far != Far::Gone
    }
}

#[derive(Default)]
pub(super) struct Phone {
    pub(super) legs: Vec<Leg>,
    wanted: bool,
    registered: bool,
    muted: bool,
    held: bool,
}

impl Phone {
    pub(super) fn is_registered(&self) -> bool {
        self.registered
    }

    pub(super) fn leg(&self, no: usize) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.no == no)
    }

    fn leg_mut(&mut self, no: usize) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.no == no)
    }

    /// Whether the other end hears the agent, or would if it listened.
    pub(super) fn is_audible(&self, leg: &Leg) -> bool {
        leg.near == Near::Up && !self.muted && !self.held && !leg.released
    }

    /// Legs that ring or talk at the phone.
    pub(super) fn there(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter().filter(|leg| !matches!(leg.near, Near::OnTheWay | Near::Gone))
    }
}

/// What the program shows of the call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) phase: CallPhase,
    pub(super) direction: Option<Direction>,
    pub(super) number: Option<String>,
    pub(super) call_id: Option<String>,
}

/// What the state machine shows now, without making a whole snapshot.
pub(super) fn shown(state: &State) -> Shown {
    match &state.call {
        None => Shown { phase: CallPhase::None, direction: None, number: None, call_id: None },
        Some(call) => Shown {
            phase: call.phase,
            direction: Some(call.direction),
            number: call.peer.number.clone(),
            call_id: call.call_id.clone(),
        },
    }
}

/// How many calls have been announced and have not ended.
pub(super) fn announced(state: &State) -> u64 {
    u64::from(state.call.as_ref().is_some_and(|call| call.announced && call.phase.is_live()))
}

impl Lab {
    /// The program asks its phone.
    pub(super) fn phone_is_asked(&mut self, command: Command) {
        self.note(|| format!("to the phone: {command:?}"));
        match command {
            Command::Register(_) => {
                if !std::mem::replace(&mut self.phone.wanted, true) {
                    self.plan_phone(0, PhoneDue::Tells(softphone::Event::Registering));
                    self.plan_phone(20, PhoneDue::Connects);
                }
            }
            Command::Refresh => {}
            Command::Unregister => {
                self.phone.wanted = false;
                self.phone.registered = false;
                let legs: Vec<usize> = self.phone.legs.iter().map(|leg| leg.no).collect();
                legs.into_iter().for_each(|leg| self.hang_up_leg(leg));
                self.plan_phone(0, PhoneDue::Tells(softphone::Event::Unregistered));
            }
            Command::Answer { call_id } => self.on_leg(&call_id, Lab::answer_leg),
            Command::HangUp { call_id } => self.on_leg(&call_id, Lab::hang_up_leg),
            Command::Release { call_id } => self.on_leg(&call_id, Lab::release_leg),
            Command::TurnAway { call_id } => self.on_leg(&call_id, Lab::turn_leg_away),
            Command::SetMuted(on) => {
                self.phone.muted = on;
                self.plan_phone(0, PhoneDue::Tells(softphone::Event::Muted(on)));
            }
            Command::SetHeld(on) => self.phone.held = on,
            Command::ProveDevices => {
                let ready = MediaEvent::DevicesReady { input: "microphone".into(), output: "speaker".into() };
                self.plan_phone(10, PhoneDue::Tells(softphone::Event::Media(ready)));
            }
            Command::Play(_) | Command::SetDevices(_) | Command::TestSound(_) | Command::SendDigit(_) => {}
        }
    }

    fn on_leg(&mut self, call_id: &str, does: impl FnOnce(&mut Lab, usize)) {
        if let Some(no) = no_of_name(call_id) {
            does(self, no);
        }
    }

    fn plan_phone(&mut self, after: Ms, due: PhoneDue) {
        self.schedule.plan(self.now + after, Due::Phone(due));
    }

    fn tells(&mut self, event: softphone::Event) {
        self.plan_phone(0, PhoneDue::Tells(event));
    }

    pub(super) fn phone_is_due(&mut self, due: PhoneDue) {
        self.changed();
        match due {
            PhoneDue::Tells(event) => self.event(Event::Phone(event)),
            PhoneDue::Answers(no) => {
                let Some(leg) = self.phone.leg_mut(no).filter(|leg| leg.near == Near::Answering) else { return };
                leg.near = Near::Up;
                let call_id = leg.call_id();
                self.ledger.leg_is_up(no, self.now);
                self.send_up(Up::Ok(no), None);
                self.event(Event::Phone(softphone::Event::Answered { call_id }));
                self.tells(softphone::Event::Media(MediaEvent::Connecting));
                let up = softphone::Event::Media(MediaEvent::Up { codec: Codec::Pcma });
                self.plan_phone(80, PhoneDue::Tells(up));
            }
            PhoneDue::Connects => {
                if !self.phone.wanted {
                    return;
                }
                if self.sip_opens() {
                    self.phone.registered = true;
                    let expires = Duration::from_secs(600);
                    self.event(Event::Phone(softphone::Event::Registered { expires }));
                } else {
                    self.phone_could_not_connect();
                }
            }
            PhoneDue::EndsReleased(no) => self.hang_up_leg(no),
            PhoneDue::MissesSound(no) => {
                if self.phone.leg(no).is_some_and(|leg| leg.near == Near::Up && leg.far == Far::Gone) {
                    let lost = MediaEvent::Lost { cause: LossCause::NoPackets };
                    self.event(Event::Phone(softphone::Event::Media(lost)));
                }
            }
        }
    }

    fn phone_could_not_connect(&mut self) {
        let after = self.dice.between(500, 1500);
        self.plan_phone(after, PhoneDue::Connects);
        let retry_in = Some(Duration::from_millis(after));
        let error = SipError::Lost("cut".into());
        self.event(Event::Phone(softphone::Event::RegistrationFailed { error, retry_in }));
    }

    /// What rings cannot be answered without a connection; what is up goes on.
    pub(super) fn phone_loses_connection(&mut self, away: Ms) {
        self.phone.registered = false;
        let mut ended = Vec::new();
        for leg in &mut self.phone.legs {
            if matches!(leg.near, Near::Ringing | Near::Answering) {
                leg.near = Near::Gone;
                ended.push((leg.no, leg.call_id()));
            }
        }
        for (no, call_id) in ended {
            self.ledger.leg_is_gone(no, self.now);
            let cause = EndCause::Failed("the SIP connection was lost".into());
            self.event(Event::Phone(softphone::Event::Ended { call_id, cause }));
        }
        self.end_released();
        self.bury_legs();
        if self.phone.wanted {
            self.tells(softphone::Event::RegistrationFailed {
                error: SipError::Lost("cut".into()),
                retry_in: Some(Duration::ZERO),
            });
            let after = away + self.dice.between(100, 1000);
            self.plan_phone(after, PhoneDue::Connects);
        }
    }

    fn answer_leg(&mut self, no: usize) {
        let after = self.dice.between(20, 150);
        if let Some(leg) = self.phone.leg_mut(no).filter(|leg| leg.near == Near::Ringing) {
            leg.near = Near::Answering;
            self.plan_phone(after, PhoneDue::Answers(no));
        }
    }

    /// The call of a leg is over: nobody hears anybody in it, and the far end has a moment to end it.
    fn release_leg(&mut self, no: usize) {
        let others = self.phone.there().any(|leg| leg.no != no);
        let Some(leg) = self.phone.leg_mut(no) else { return };
        leg.released = true;
        if others || self.network.sip.is_none() {
            return self.hang_up_leg(no);
        }
        self.plan_phone(RELEASED, PhoneDue::EndsReleased(no));
    }

    fn end_released(&mut self) {
        let released: Vec<usize> = self.phone.there().filter(|leg| leg.released).map(|leg| leg.no).collect();
        released.into_iter().for_each(|no| self.hang_up_leg(no));
    }

    fn turn_leg_away(&mut self, no: usize) {
        if self.phone.leg(no).is_some_and(|leg| leg.near == Near::Ringing) {
            self.leg_is_refused(no);
            self.end_leg_here(no);
        }
    }

    fn hang_up_leg(&mut self, no: usize) {
        if self.phone.there().any(|leg| leg.no == no) {
            self.leg_is_left(no);
            self.end_leg_here(no);
        }
    }

    fn end_leg_here(&mut self, no: usize) {
        let Some(leg) = self.phone.leg_mut(no) else { return };
        let was = std::mem::replace(&mut leg.near, Near::Gone);
        let call_id = leg.call_id();
        match was {
            Near::Ringing | Near::Answering => self.send_up(Up::Refused(no), None),
            Near::Up => self.send_up(Up::Bye(no), None),
            Near::OnTheWay | Near::Gone => return,
        }
        self.tells(softphone::Event::Ended { call_id, cause: EndCause::Local });
        self.tells(softphone::Event::Media(MediaEvent::Closed));
        self.bury_legs();
    }

    pub(super) fn arrives_at_phone(&mut self, message: Down) {
        match message {
            Down::Invite(no) => {
                self.end_released();
                let full = self.phone.there().count() >= LEGS;
                let Some(leg) = self.phone.leg_mut(no) else { return };
                let (call_id, from, auto_answer) = (leg.call_id(), leg.from.clone(), leg.own);
                if full {
                    leg.near = Near::Gone;
                    self.leg_is_refused(no);
                    self.send_up(Up::Refused(no), None);
                    return self.event(Event::Phone(softphone::Event::TurnedAway { from }));
                }
                leg.near = Near::Ringing;
                // A call on the screen that has lost its leg is one as well, or one whose leg has just gone.
                let shown = self.state.call.as_ref().is_some_and(|call| call.phase.is_live());
                let beside = self.phone.there().count() > 1 || (shown && self.shown_call() != Some(no));
                self.ledger.leg_rings(no, beside, self.now);
                self.nobody_says_whose_leg(no);
                self.ledger.call_mut(no).unheard |= !self.hears_platform();
                self.event(Event::Phone(softphone::Event::Incoming { call_id, from, auto_answer }));
            }
            Down::Cancel(no) => self.far_end_leaves(no, EndCause::Cancelled),
            Down::Bye(no, None) => self.far_end_leaves(no, EndCause::RemoteBye),
            Down::Bye(no, Some(why)) => self.far_end_leaves(no, EndCause::Unreached(why)),
        }
    }

    /// A leg from a gateway, while the platform is not heard, may as well be that of the call on the screen that has none:
    /// what becomes of the two is nobody's fault.
    fn nobody_says_whose_leg(&mut self, no: usize) {
        let awaited = self.state.call.as_ref().is_some_and(|call| call.phase.is_live() && call.leg.is_none());
        let unknown = self.terms.gateway && awaited && !self.hears_platform();
        if let Some(other) = self.shown_call().filter(|other| unknown && *other != no) {
            self.ledger.call_mut(other).mixed = true;
            self.ledger.call_mut(no).mixed = true;
        }
    }

    fn far_end_leaves(&mut self, no: usize, cause: EndCause) {
        let Some(leg) = self.phone.leg_mut(no) else { return };
        let rings = matches!(leg.near, Near::Ringing | Near::Answering);
        // A CANCEL that comes after the answer changes nothing (RFC 3261 9.2).
        if leg.near == Near::Gone || rings != (cause == EndCause::Cancelled) {
            return;
        }
        leg.near = Near::Gone;
        let call_id = leg.call_id();
        self.ledger.leg_is_gone(no, self.now);
        self.bury_legs();
        self.event(Event::Phone(softphone::Event::Ended { call_id, cause }));
        self.tells(softphone::Event::Media(MediaEvent::Closed));
    }

    /// The switch calls the phone.
    pub(super) fn invite(&mut self, no: usize, from: String, own: bool) {
        let leg = Leg { no, from, own, near: Near::OnTheWay, far: Far::Inviting, released: false, over_since: None };
        self.phone.legs.push(leg);
        self.send_down(Down::Invite(no), None);
    }

    pub(super) fn invite_is_lost(&mut self, no: usize) {
        if let Some(leg) = self.phone.leg_mut(no) {
            leg.near = Near::Gone;
        }
    }

    pub(super) fn arrives_at_switch(&mut self, message: Up) {
        let (Up::Ok(no) | Up::Refused(no) | Up::Bye(no)) = message;
        let Some(leg) = self.phone.leg_mut(no) else { return };
        let before = leg.far;
        leg.far = if matches!(message, Up::Ok(_)) && before == Far::Inviting { Far::Up } else { Far::Gone };
        match message {
            Up::Ok(_) if before == Far::Inviting => self.switch_connects(no),
            // Answered after it was cancelled: acknowledged, and ended at once.
            Up::Ok(_) => self.send_down(Down::Bye(no, None), None),
            Up::Refused(_) | Up::Bye(_) if before != Far::Gone => self.switch_is_left(no),
            Up::Refused(_) | Up::Bye(_) => {}
        }
        self.bury_legs();
    }

    /// The switch ends a leg, if it still has it.
    pub(super) fn drop_leg(&mut self, no: usize, why: Option<Unreached>) {
        let Some(leg) = self.phone.leg_mut(no) else { return };
        let before = std::mem::replace(&mut leg.far, Far::Gone);
        match before {
            Far::Inviting => self.send_down(Down::Cancel(no), None),
            Far::Up => {
                self.send_down(Down::Bye(no, why), None);
                self.plan_phone(SOUND_LOST, PhoneDue::MissesSound(no));
            }
            Far::Gone => {}
        }
        self.changed();
        self.bury_legs();
    }

    fn bury_legs(&mut self) {
        self.phone.legs.retain(|leg| leg.near != Near::Gone || leg.far != Far::Gone);
    }
}
