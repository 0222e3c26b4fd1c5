//! The agent's own steps in a call: answering, hanging up, what the media room brings, what time brings.

use tokio::time::Instant;

use super::{
    super::{
        body::Body,
        call::{Accepting, Call, Due, Pending, Phase},
        message::Request,
        timer::SessionTimer,
    },
    Agent, Job, JobResult, Output, Task,
    own::Aim,
};
use crate::softphone::{EndCause, Event, media::MediaError};

impl Agent {
    /// Answers what rings.
    pub(crate) fn answer(&mut self) {
        match self.calls.iter().position(|call| matches!(call.phase, Phase::Ringing { .. })) {
            Some(index) => self.answer_call(index),
            None => tracing::debug!("nothing rings"),
        }
    }

    /// Whether calls are answered by themselves from now on.
    pub(crate) fn set_auto_answer(&mut self, on: bool) {
        self.auto_answer = on;
    }

    /// Ends the call: 480 while it rings, BYE when it is answered.
    pub(crate) fn hang_up(&mut self, now: Instant) {
        let index = self.calls.iter().position(|call| call.phase != Phase::Leaving);
        match index {
            Some(index) => self.leave_call(index, 480, EndCause::Local, now),
            None => tracing::debug!("no call to hang up"),
        }
    }

    /// A media job is done.
    pub(crate) fn media_done(&mut self, job: u64, result: JobResult, now: Instant) {
        if !self.offer_made(job, &result, now) {
            self.job_done(job, result, now);
        }
        self.own_turns(now);
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
            Due::Refresh => self.want(index, Aim::Refresh, now),
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
                call.own = None;
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
        487 => "Request Terminated",
        491 => "Request Pending",
        500 => "Server Internal Error",
        488 => "Not Acceptable Here",
        _ => "Refused",
    }
}
