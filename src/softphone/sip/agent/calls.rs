//! The agent's own steps in a call: answering, hanging up, what the media room brings, what time brings.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    super::outgoing::Purpose,
    super::{
        body::Body,
        call::{Accepting, Call, Pending, Phase},
        message::Request,
        session_timer::SessionTimer,
        timers::Due,
    },
    Agent, Job, JobResult, Link, Output, Task,
};
use crate::softphone::{EndCause, Event, media::MediaError};

/// How long the other side may take to end a leg whose call is over.
const RELEASED: Duration = Duration::from_millis(500);

impl Agent {
    /// Answers a leg that rings.
    pub(crate) fn answer(&mut self, call_id: &str) {
        let rings = |call: &Call| call.call_id == call_id && matches!(call.phase, Phase::Ringing { .. });
        match self.calls.iter().position(rings) {
            Some(index) => self.answer_call(index),
            None => tracing::debug!(call_id, "nothing rings under this Call-ID"),
        }
    }

    /// Ends a leg: 480 while it rings, BYE when it is answered.
    pub(crate) fn hang_up(&mut self, call_id: &str, now: Instant) {
        match self.alive(call_id) {
            Some(index) => self.leave_call(index, 480, EndCause::Local, now),
            None => tracing::debug!(call_id, "no leg to hang up"),
        }
    }

    /// Ends every leg.
    pub(crate) fn hang_up_all(&mut self, now: Instant) {
        while let Some(index) = self.calls.iter().position(|call| call.phase != Phase::Leaving) {
            self.leave_call(index, 480, EndCause::Local, now);
        }
    }

    /// The call of a leg is over: the other side may end the leg within [`RELEASED`], then we do. At once where another
    /// leg needs the phone, and without a connection: then nothing of the other side can come.
    pub(crate) fn release(&mut self, call_id: &str, now: Instant) {
        let Some(index) = self.alive(call_id) else { return tracing::debug!(call_id, "no leg to release") };
        let others = self.calls.iter().any(|call| call.call_id != call_id && call.phase != Phase::Leaving);
        if others || self.link != Link::Up {
            return self.leave_call(index, 480, EndCause::Local, now);
        }
        if let Some(call) = self.calls.get_mut(index) {
            call.released.get_or_insert(now + RELEASED);
        }
    }

    /// Refuses a leg that rings: there is another call.
    pub(crate) fn turn_away(&mut self, call_id: &str, now: Instant) {
        let rings = |call: &Call| call.call_id == call_id && matches!(call.phase, Phase::Ringing { .. });
        match self.calls.iter().position(rings) {
            Some(index) => self.leave_call(index, 486, EndCause::Local, now),
            None => tracing::debug!(call_id, "nothing rings under this Call-ID"),
        }
    }

    fn alive(&self, call_id: &str) -> Option<usize> {
        self.calls.iter().position(|call| call.call_id == call_id && call.phase != Phase::Leaving)
    }

    /// Ends the legs whose calls are over: another call needs the phone.
    pub(super) fn end_released(&mut self, now: Instant) {
        let released = |call: &Call| call.phase != Phase::Leaving && call.released.is_some();
        while let Some(index) = self.calls.iter().position(released) {
            self.leave_call(index, 480, EndCause::Local, now);
        }
    }

    /// A media job is done.
    pub(crate) fn media_done(&mut self, job: u64, result: JobResult, now: Instant) {
        if !self.offer_made(job, &result, now) {
            self.job_done(job, result, now);
        }
        self.outgoing_turns(now);
    }

    fn job_done(&mut self, job: u64, result: JobResult, now: Instant) {
        let Some(index) = self.calls.iter().position(|call| {
            call.accepting.as_ref().is_some_and(|a| a.job == job) || call.pending.as_ref().is_some_and(|p| p.job == job)
        }) else {
            return;
        };
        let Some(call) = self.calls.get_mut(index) else { return };
        if let Some(Accepting { first, description, .. }) = call.accepting.take_if(|accepting| accepting.job == job) {
            match result {
                Err(error) if first => self.leave_call(index, 488, EndCause::Failed(error.to_string()), now),
                Err(error) => tracing::debug!(%error, "the answer to a re-offer is of no use"),
                Ok(_) => call.far_media = Some(description),
            }
            return;
        }
        let Some(Pending { request, .. }) = call.pending.take() else { return };
        if result.is_ok() {
            call.timer = SessionTimer::asked(&request, now).unwrap_or_default();
            if let Body::Session(offer) = Body::of(&request.headers, &request.body) {
                call.far_media = Some(offer.to_owned());
            }
        }
        match (call.phase, result) {
            (Phase::Answering, Ok(sdp)) => {
                if let Some(reliable) = &mut call.reliable {
                    reliable.settle();
                }
                let text = call.accept(&self.identity, &request, sdp.as_deref());
                call.expect_ack(&request, text.clone(), now);
                call.phase = Phase::Up;
                let call_id = call.call_id.clone();
                self.send(text);
                self.tell(Event::Answered { call_id });
            }
            (Phase::Answering, Err(error)) => {
                let code = match error {
                    MediaError::NotAcceptable(_) => 488,
                    MediaError::Failed(_) => 480,
                };
                self.leave_call(index, code, EndCause::Failed(error.to_string()), now);
            }
            (_, Ok(sdp)) => {
                let text = call.accept(&self.identity, &request, sdp.as_deref());
                if request.method == "INVITE" {
                    call.expect_ack(&request, text.clone(), now);
                }
                self.send(text);
            }
            (_, Err(error)) => {
                // The call goes on as it was (RFC 3261 14.2).
                tracing::debug!(%error, "a re-offer could not be answered");
                let (code, reason) = match error {
                    MediaError::NotAcceptable(_) => (488, "Not Acceptable Here"),
                    MediaError::Failed(_) => (500, "Server Internal Error"),
                };
                let text = call.refuse(&request, code, reason);
                self.send(text);
            }
        }
    }

    pub(super) fn call_due(&mut self, index: usize, due: Due, now: Instant) {
        match due {
            Due::Resend(text) => self.send(text),
            Due::NoAnswer { expires } => {
                let code = if expires { 487 } else { 408 };
                self.leave_call(index, code, EndCause::NoAnswer, now);
            }
            Due::Released => self.leave_call(index, 480, EndCause::Local, now),
            Due::NoAck => {
                tracing::info!("no ACK in 32 s");
                self.leave_call(index, 408, EndCause::Failed("the other side did not confirm (no ACK)".into()), now);
            }
            Due::NoAnswerToOffer => {
                if let Some(call) = self.calls.get(index) {
                    let call_id = call.call_id.clone();
                    self.next_job(&call_id, Task::Rollback);
                }
            }
            Due::NoPrack => {
                tracing::info!("no PRACK in 32 s");
                self.leave_call(index, 500, EndCause::Failed("the other side did not confirm (no PRACK)".into()), now);
            }
            Due::Refresh => self.want(index, Purpose::Refresh, now),
            Due::Expired => {
                tracing::info!("the session timer has run out");
                let cause = EndCause::Failed("the other side no longer confirms the call (session timer)".into());
                self.leave_call(index, 408, cause, now);
            }
        }
    }

    pub(super) fn answer_call(&mut self, index: usize) {
        self.last_job += 1;
        let job = self.last_job;
        let Some(call) = self.calls.get_mut(index) else { return };
        call.phase = Phase::Answering;
        call.pending = Some(Pending { job, request: call.invite().clone() });
        let task = call.offer().map_or(Task::Offer { restart: false }, |offer| Task::Answer(offer.to_owned()));
        let call_id = call.call_id.clone();
        self.out.push_back(Output::Media(Job { id: job, call_id, task }));
    }

    /// Ends a call from our side: refuses it with `code`, or says BYE, when the ACK is here.
    pub(super) fn leave_call(&mut self, index: usize, code: u16, cause: EndCause, now: Instant) {
        if index >= self.calls.len() {
            return;
        }
        let mut call = self.calls.remove(index);
        match call.phase {
            Phase::Ringing { .. } | Phase::Answering => {
                let text = call.refuse(call.invite(), code, reason(code));
                self.send(text);
                self.over(&call, cause);
            }
            Phase::Up | Phase::Leaving => {
                if call.phase == Phase::Up {
                    self.over(&call, cause);
                }
                call.phase = Phase::Leaving;
                call.outgoing = None;
                if let Some(pending) = call.pending.take() {
                    self.send(call.refuse(&pending.request, 487, reason(487)));
                }
                if call.unacknowledged.is_empty() {
                    self.bye(call, now);
                } else {
                    self.calls.push(call);
                }
            }
        }
    }

    /// Tells everybody here that a call is over.
    pub(super) fn over(&mut self, call: &Call, cause: EndCause) {
        tracing::info!(call_id = call.call_id, ?cause, "call over");
        self.out.push_back(Output::Media(Job { id: 0, call_id: call.call_id.clone(), task: Task::Close }));
        self.tell(Event::Ended { call_id: call.call_id.clone(), cause });
    }

    pub(super) fn next_job(&mut self, call_id: &str, task: Task) -> u64 {
        self.last_job += 1;
        self.out.push_back(Output::Media(Job { id: self.last_job, call_id: call_id.to_owned(), task }));
        self.last_job
    }

    pub(super) fn find(&self, request: &Request) -> Option<usize> {
        self.calls.iter().position(|call| call.owns(request))
    }
}

/// The usual words for the refusals we give.
pub(super) fn reason(code: u16) -> &'static str {
    match code {
        408 => "Request Timeout",
        480 => "Temporarily Unavailable",
        486 => "Busy Here",
        487 => "Request Terminated",
        491 => "Request Pending",
        500 => "Server Internal Error",
        488 => "Not Acceptable Here",
        _ => "Refused",
    }
}
