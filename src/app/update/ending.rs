//! The end of a call, by whose word ever it comes.

use std::time::Duration;

use serde_json::json;

use super::{Turn, commands::AFTER_CALL, journal};
use crate::{
    app::{
        Action, Effect, TimerId,
        state::{GivenAway, Missed, Untold},
    },
    domain::{CallPhase, HungUpBy, JournalEntry, Outcome, Unreached},
    i18n::Message,
    softphone,
};

/// A call that ends this soon after the own leg rang was refused by the own phone (`softphone.md` 4.7).
const TOO_QUICK: Duration = Duration::from_millis(1500);
/// An ended call is shown this long if the platform says nothing more.
const SHOWN_AFTER_END: Duration = Duration::from_secs(8);

impl Turn<'_> {
    /// PhoSta 0: the agent is not heard any more from this moment, whenever the leg ends.
    pub(super) fn hung_up_by_platform(&mut self) {
        self.end_platform_call();
        let quick = self.is_too_quick();
        let Some(call) = self.state.live_call() else { return };
        // A phone that has answered its own leg is well: then it was the other end.
        let own_phone_took_it = call.leg.as_ref().is_some_and(|leg| leg.answered);
        let refused_here = quick && !call.hang_up_asked && !own_phone_took_it;
        let leg = call.leg.as_ref().map(|leg| leg.call_id.clone());
        if refused_here {
            self.error(Message::new("app.ended_too_quickly"));
            if let Some(call) = self.state.live_call_mut() {
                call.hung_up_by = Some(HungUpBy::Fault);
            }
        }
        if let Some(call_id) = leg {
            self.phone(softphone::Command::Release { call_id });
        }
        self.call_over();
    }

    /// The platform holds the call on the screen no longer.
    pub(super) fn end_platform_call(&mut self) {
        if let Some(key) = self.state.call.as_ref().and_then(|call| call.platform) {
            self.state.platform.end(key, self.now.at);
        }
    }

    /// Whether the own leg of a call out rang a moment ago (`hangupQuick`, protocol `cti.md` 1).
    pub(super) fn is_too_quick(&self) -> bool {
        let rang = self.state.live_call().and_then(|call| call.own_ring_at);
        rang.is_some_and(|at| self.now.at.saturating_duration_since(at) < TOO_QUICK)
    }

    /// The call is over: clocks stop, the journal gets its line, everything that rang is silent.
    pub(super) fn call_over(&mut self) {
        let (at, wall) = (self.now.at, self.now.wall);
        if self.state.live_call().is_some_and(|call| call.guessed) {
            // There was none as far as anybody told.
            self.state.call = None;
            self.state.moves += 1;
            return self.nothing_more_to_do();
        }
        // The answer of a transfer may be behind its effect.
        let transfers =
            [Action::Transfer, Action::ConsultTransfer].map(|a| self.state.pending.commands.contains_key(&a));
        self.state.moves += 1;
        // A call of which only the end is certain has begun all the same.
        self.announce();
        let Some(call) = self.state.live_call_mut() else { return };
        let was = call.phase;
        if let Some(held_at) = call.clocks.held_at.take() {
            call.clocks.held_before_ms += at.saturating_duration_since(held_at).as_millis() as u64;
        }
        call.phase = CallPhase::Ended;
        call.since = wall;
        call.clocks.ended_at = Some(at);
        let answered = call.clocks.answered_at.is_some();
        let untold_transfer = transfers.contains(&true) && !call.hang_up_asked && call.hung_up_by.is_none();
        let transferred = answered && (call.given_away.is_some() || untold_transfer);
        let news = transferred && call.given_away == Some(GivenAway::Asked);
        let by_agent = call.hang_up_asked || transferred;
        let by = match call.hung_up_by {
            // Its leg was lost; who ended it after that is another matter.
            Some(HungUpBy::Fault) if call.leg_lost.is_some() && call.hang_up_asked => HungUpBy::Agent,
            Some(by) => by,
            None if by_agent => HungUpBy::Agent,
            None => HungUpBy::Peer,
        };
        let outcome = match (answered, was, call.hang_up_asked) {
            (true, _, _) if transferred => Outcome::Transferred,
            // Nobody has spoken with the other end here.
            (true, _, _) if call.legless => Outcome::Interrupted,
            (true, _, _) => Outcome::Answered,
            (false, CallPhase::Ringing, true) => Outcome::Rejected,
            (false, CallPhase::Ringing, false) if call.elsewhere => Outcome::Elsewhere,
            (false, CallPhase::Ringing, false) => Outcome::Missed,
            (false, _, true) => Outcome::Cancelled,
            (false, _, false) if by == HungUpBy::Fault && call.unreached.is_none() => Outcome::Failed,
            (false, _, false) => Outcome::Unanswered,
        };
        let unreached = call.unreached.filter(|_| outcome == Outcome::Unanswered);
        self.remember_ended();
        let Some(call) = self.state.call.as_ref() else { return };
        let transferred_to = call.taker.clone().filter(|_| outcome == Outcome::Transferred);
        let entry = JournalEntry { outcome, hung_up_by: by, unreached, transferred_to, ..journal::entry(call, at) };
        let call_id = call.platform_name().map(str::to_owned);
        let leg = call.leg.as_ref().map(|leg| leg.call_id.clone());
        let untold = outcome == Outcome::Unanswered && !call.given_up;
        let unreached = untold.then(|| (entry.peer.short().to_owned(), entry.unreached));
        if let Some(key) = call.platform {
            self.state.platform.ended_here(key, at);
        }
        if news {
            self.info(Message::new("app.transfer_done"));
        }
        if outcome == Outcome::Missed {
            let (journal_id, who) = (entry.id, entry.peer.short().to_owned());
            let waits = leg.is_some();
            self.state.missed = Some(Missed { leg: leg.clone().unwrap_or_default(), journal_id, who });
            if !waits {
                self.tell_missed(false);
            }
        }
        self.settle_call(entry.id);
        self.finish_call(entry, call_id);
        if let Some((who, why)) = unreached {
            let waits = leg.is_some();
            self.state.untold = Some(Untold { leg: leg.unwrap_or_default(), who });
            if !waits {
                self.tell_unreached(why);
            }
        }
    }

    /// Says once that the number dialled last was not reached, and why if that is known by now.
    pub(super) fn tell_unreached(&mut self, why: Option<Unreached>) {
        let Some(Untold { who, .. }) = self.state.untold.take() else { return };
        self.journal_unreached(&who, why);
        let key = match why {
            None => "app.unreached",
            Some(Unreached::Busy) => "app.unreached_busy",
            Some(Unreached::NoAnswer) => "app.unreached_no_answer",
            Some(Unreached::Rejected) => "app.unreached_rejected",
            Some(Unreached::Unreachable) => "app.unreached_no_way",
        };
        self.warn(Message::new(key).with("who", who));
    }

    /// Says once that a call was missed, or that somebody else has answered it, if its leg says so.
    pub(super) fn tell_missed(&mut self, elsewhere: bool) {
        let Some(Missed { journal_id, who, .. }) = self.state.missed.take() else { return };
        if elsewhere {
            self.journal_elsewhere(journal_id);
        } else {
            self.warn(Message::new("app.missed").with("who", self.who(&who)));
        }
    }

    fn finish_call(&mut self, mut entry: JournalEntry, call_id: Option<String>) {
        if let Some(queue) = &mut entry.queue {
            queue.name = self.state.group_name(queue.id);
        }
        self.publish(
            "callEnded",
            &["call"],
            "",
            json!({
                "id": entry.id,
                "call_id": call_id,
                "direction": entry.direction,
                "number": entry.peer.number,
                "ag_no": entry.peer.ag_no,
                "ring_ms": entry.ring_ms,
                "talk_ms": entry.talk_ms,
                "hold_ms": entry.hold_ms,
                "outcome": entry.outcome,
                "hung_up_by": entry.hung_up_by,
                "quality": entry.quality,
            }),
        );
        self.end_tone(entry.outcome, entry.unreached);
        self.journal_ended(entry);
        self.effects.push(Effect::StartTimer { timer: TimerId::ForgetCall, after: SHOWN_AFTER_END });
        self.nothing_more_to_do();
    }

    /// What was under way for a call has nothing to be about any more, and the next one begins afresh.
    fn nothing_more_to_do(&mut self) {
        self.ring_tone();
        // The next call begins with an open microphone and an open ear.
        self.phone(softphone::Command::SetMuted(false));
        self.phone(softphone::Command::SetHeld(false));
        self.state.dtmf.queue.clear();
        self.effects.push(Effect::StopTimer(TimerId::StrayCall));
        if self.state.pending.after_call.is_some() {
            self.effects.push(Effect::StartTimer { timer: TimerId::AfterCall, after: AFTER_CALL });
        }
        for action in [Action::HangUp, Action::Reject, Action::CancelDial] {
            self.resolve_pending(action, Ok(json!({ "code": 0 })));
        }
        // Transfers, the survey and the tearing down of a call end it, so their answers are still worth waiting for.
        for action in [
            Action::Answer,
            Action::Hold,
            Action::Unhold,
            Action::SendDtmf,
            Action::Mute,
            Action::Unmute,
            Action::Consult,
            Action::ConsultReturn,
            Action::ThreeWay,
            Action::ThreeWayReturn,
            Action::Interact,
            Action::Whisper,
            Action::WhisperCancel,
            Action::Barge,
        ] {
            let gone = super::refusal(crate::app::RefusalKind::NotNow, Message::new("app.call_is_over"));
            self.resolve_pending(action, Err(gone));
        }
        if self.state.sip.leave_after_call {
            self.leave_registration();
        }
        self.use_new_phone();
    }

    /// An ended call leaves the screen.
    pub(super) fn forget_call(&mut self) {
        if self.state.call.as_ref().is_some_and(|call| !call.phase.is_live()) {
            self.state.call = None;
            self.effects.push(Effect::StopTimer(TimerId::ForgetCall));
        }
    }

    /// Ends what is shown as a call without asking anyone: there is nobody left to ask.
    pub(super) fn end_call_locally(&mut self) {
        if let Some(call) = self.state.live_call_mut() {
            call.hang_up_asked = true;
            if let Some(leg) = &call.leg {
                let call_id = leg.call_id.clone();
                self.phone(softphone::Command::HangUp { call_id });
            }
            self.end_platform_call();
            self.call_over();
        }
    }
}
