//! Requests of our own within a call besides BYE: a re-INVITE when the network has changed, and what keeps a session
//! timer from running out (UPDATE; a re-INVITE where the other side does not list UPDATE, or refuses it although it
//! does: an `Allow` is often a copy of somebody else's).
//!
//! One at a time for a call, and never while another offer is under way in either direction (RFC 3261 14.1, RFC 3311
//! 5.1). None of them ends a call whose sound flows, unless the other side says that it knows of no such call.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    super::{
        call::{Call, Phase},
        digest::Challenge,
        headers::param,
        message::Response,
        outgoing::{GRACE, OutgoingRequest, Purpose, Sent, Step},
        timers::TIMER_F,
    },
    Agent, JobResult, Link, Task,
};
use crate::softphone::EndCause;

/// How long a final answer is waited for once a provisional one is here.
const PROCEEDING: Duration = Duration::from_secs(60);
/// Pause after a refusal that asks for another attempt later, or after silence.
const LATER: Duration = Duration::from_secs(5);
/// How often a request is said again with credentials.
const ROUNDS: u8 = 2;
/// How often a request is tried in a row; then the media room has to ask for it anew, or the session timer does.
const ATTEMPTS: u8 = 3;

impl Agent {
    /// Sends a re-INVITE whose offer restarts ICE, as soon as the server has given a sign of life and the call allows one
    /// (RFC 3261 14.1, RFC 8839 4.4.3). `moved`: the path there was cannot come back by itself.
    pub(crate) fn reoffer(&mut self, call_id: &str, moved: bool, now: Instant) {
        self.want_in(call_id, Purpose::Restart, now);
        if let Some(request) =
            self.calls.iter_mut().find(|call| call.call_id == call_id).and_then(|call| call.outgoing.as_mut())
        {
            request.moved |= moved;
        }
        self.outgoing_turns(now);
    }

    /// The far end is reached again: a restart that is not on its way yet is not needed.
    pub(crate) fn settled(&mut self, call_id: &str) {
        let Some(call) = self.calls.iter_mut().find(|call| call.call_id == call_id) else { return };
        if let Some(request) = &mut call.outgoing {
            request.again = false;
        }
        call.outgoing
            .take_if(|request| request.purpose == Purpose::Restart && matches!(request.step, Step::Wanted { .. }));
    }

    /// The server has answered a keep-alive.
    pub(crate) fn proven(&mut self, now: Instant) {
        self.note_sign_of_life(now);
        self.outgoing_turns(now);
    }

    /// The server has said something, whatever it is.
    pub(super) fn note_sign_of_life(&mut self, now: Instant) {
        let first = self.heard.replace(now).is_none();
        for request in self.calls.iter_mut().filter_map(|call| call.outgoing.as_mut()) {
            request.heard(first, now);
        }
    }

    /// Sends a re-INVITE that offers what is agreed on already; once, and without it nothing is lost.
    pub(crate) fn renew(&mut self, call_id: &str, now: Instant) {
        self.want_in(call_id, Purpose::Renew, now);
        self.outgoing_turns(now);
    }

    fn want_in(&mut self, call_id: &str, purpose: Purpose, now: Instant) {
        match self.calls.iter().position(|call| call.call_id == call_id && call.phase != Phase::Leaving) {
            Some(index) => self.want(index, purpose, now),
            None => tracing::debug!(call_id, "a re-INVITE is wanted for a call that is over"),
        }
    }

    pub(super) fn want(&mut self, index: usize, purpose: Purpose, now: Instant) {
        let heard = self.heard == Some(now);
        let Some(call) = self.calls.get_mut(index) else { return };
        let begun = call.outgoing.as_ref().is_some_and(|request| request.purpose == Purpose::Restart);
        match &mut call.outgoing {
            // A refresh is part of a restart; a restart takes the place of a refresh that is not out yet.
            Some(request) if purpose == Purpose::Restart => match request.step {
                Step::Wanted { .. } => request.purpose = purpose,
                Step::Offering { .. } | Step::Sent(_) => request.again = true,
            },
            Some(_) => {}
            None => call.outgoing = Some(OutgoingRequest::wanted(purpose, now)),
        }
        // One that waits already waits for the same.
        if let Some(request) = call.outgoing.as_mut().filter(|request| request.purpose == Purpose::Restart && !begun) {
            request.unproven = (!heard).then_some(now);
        }
    }

    /// Begins what is wanted and may begin, gives up what has waited too long.
    pub(super) fn outgoing_turns(&mut self, now: Instant) {
        if self.link != Link::Up {
            return;
        }
        for index in 0..self.calls.len() {
            let Some(call) = self.calls.get_mut(index) else { return };
            let free = call.free();
            let Some(request) =
                call.outgoing.as_ref().filter(|request| request.deadline(free).is_some_and(|at| at <= now))
            else {
                continue;
            };
            match (&request.step, request.purpose) {
                (Step::Sent(sent), _) => {
                    tracing::info!(call_id = call.call_id, method = sent.method, "no answer to a request of ours");
                    if sent.method == "UPDATE" {
                        self.update_not_served(index, now);
                    } else {
                        self.outgoing_failed(index, Some(LATER), now);
                    }
                }
                (Step::Wanted { .. }, Purpose::Refresh) if call.takes_update() => {
                    self.send_outgoing(index, None, 0, now)
                }
                (Step::Wanted { .. }, purpose) => {
                    let call_id = call.call_id.clone();
                    let job = self.next_job(&call_id, Task::Offer { restart: purpose == Purpose::Restart });
                    if let Some(request) = self.calls.get_mut(index).and_then(|call| call.outgoing.as_mut()) {
                        request.step = Step::Offering { job };
                    }
                }
                (Step::Offering { .. }, _) => {}
            }
        }
    }

    /// The media room has made an offer, or could not; false if it was for something else.
    pub(super) fn offer_made(&mut self, job: u64, result: &JobResult, now: Instant) -> bool {
        let mine = |call: &Call| {
            call.outgoing.as_ref().is_some_and(
                |request| matches!(request.step, Step::Offering { job: waiting_job } if waiting_job == job),
            )
        };
        let Some(index) = self.calls.iter().position(mine) else { return false };
        match result {
            Ok(Some(offer)) if self.link == Link::Up => self.send_outgoing(index, Some(offer.clone()), 0, now),
            // It comes with the next connection.
            Ok(_) => self.outgoing_failed(index, Some(Duration::ZERO), now),
            Err(error) => {
                tracing::info!(%error, "no offer could be made for a re-INVITE");
                self.outgoing_failed(index, None, now);
            }
        }
        true
    }

    fn send_outgoing(&mut self, index: usize, offer: Option<String>, rounds: u8, now: Instant) {
        let Some(call) = self.calls.get_mut(index) else { return };
        let method = if offer.is_some() { "INVITE" } else { "UPDATE" };
        let credentials = match &mut self.registration {
            // Only who was asked says who we are.
            Some(registration) if rounds > 0 => {
                registration.credentials().headers(method, call.request_uri(), offer.as_deref().unwrap_or_default())
            }
            Some(_) | None => Vec::new(),
        };
        let (branch, cseq, text) = call.renewal(method, &self.identity, &credentials, offer.as_deref());
        tracing::debug!(call_id = call.call_id, method, cseq, "a request of our own");
        if let Some(request) = &mut call.outgoing {
            // An UPDATE that nobody answers must leave time for a re-INVITE.
            let patience = call.timer.as_ref().filter(|_| method == "UPDATE").map(|timer| timer.left(now) / 3);
            let give_up = now + patience.map_or(TIMER_F, |patience| patience.min(TIMER_F));
            request.step = Step::Sent(Sent { method, branch, cseq, credentials, offer, early: None, rounds, give_up });
        }
        self.send(text);
    }

    /// A response that may be the answer to a request of ours within a call; false if it is not.
    pub(super) fn own_response(&mut self, response: &Response, now: Instant) -> bool {
        let branch = response.headers.values("Via").next().and_then(|via| param(via, "branch"));
        let sent = |call: &Call| match &call.outgoing {
            Some(OutgoingRequest { step: Step::Sent(sent), .. }) => Some(sent.branch.as_str()) == branch,
            Some(_) | None => false,
        };
        let Some(index) = self.calls.iter().position(sent) else { return self.late_ok(response, now) };
        let Some(call) = self.calls.get_mut(index) else { return false };
        let Some(OutgoingRequest { step: Step::Sent(sent), purpose, .. }) = &mut call.outgoing else { return false };
        let purpose = *purpose;
        if response.code < 200 {
            sent.give_up = now + PROCEEDING;
            if sent.offer.is_some() && response.sdp().is_some() {
                sent.early = response.sdp().map(str::to_owned);
            }
            return true;
        }
        let (method, cseq, rounds) = (sent.method, sent.cseq, sent.rounds);
        let offer = sent.offer.clone();
        if method == "INVITE" {
            let ack = if response.code < 300 {
                let credentials = std::mem::take(&mut sent.credentials);
                call.retarget(&response.headers);
                call.acknowledge(&self.identity, cseq, &credentials)
            } else {
                let branch = std::mem::take(&mut sent.branch);
                call.acknowledge_refusal(&self.identity, cseq, &branch, response)
            };
            self.send(ack);
        }
        match response.code {
            200..300 => self.own_accepted(index, response, now),
            401 | 407 if rounds < ROUNDS && self.challenged(response) => {
                self.send_outgoing(index, offer, rounds + 1, now)
            }
            // Somebody on the way has waited in vain. By RFC 3261 12.2.1.2 the call would be over; but it is while the
            // network is bad that another path is looked for.
            408 if purpose != Purpose::Refresh => self.outgoing_failed(index, Some(LATER), now),
            422 if self.timer_too_short(index, response) => self.outgoing_failed(index, Some(Duration::ZERO), now),
            // Both sides wanted to change the session at once. We did not make the call: at most 2 s, in steps of
            // 10 ms (RFC 3261 14.1).
            491 => {
                let pause = Duration::from_millis(10 * rand::random_range(0..=200));
                self.outgoing_failed(index, Some(pause), now);
            }
            // RFC 4028 leaves the choice between the two, and a re-INVITE every phone must serve: whatever is said to an
            // UPDATE, what is said to a re-INVITE decides.
            code if method == "UPDATE" => {
                tracing::info!(code, "UPDATE is refused; the session is refreshed by re-INVITE");
                self.update_not_served(index, now);
            }
            // The other side knows of no such call any more (RFC 3261 12.2.1.2).
            408 | 481 => {
                tracing::info!(code = response.code, "the other side no longer has this call");
                let cause = EndCause::Failed(format!("the other side no longer has this call ({})", response.code));
                self.leave_call(index, response.code, cause, now);
            }
            500 | 503 => {
                let asked = response.headers.seconds("Retry-After").map(|s| Duration::from_secs(s.min(30).into()));
                self.outgoing_failed(index, Some(asked.unwrap_or(LATER)), now);
            }
            code => {
                tracing::info!(code, method, "a request of ours was refused; the call goes on as it was");
                self.outgoing_failed(index, None, now);
            }
        }
        true
    }

    /// Takes in what a response asks of us; false if there is nothing we could say to it.
    fn challenged(&mut self, response: &Response) -> bool {
        let challenges = Challenge::choose(&response.headers);
        let Some(registration) = self.registration.as_mut().filter(|_| !challenges.is_empty()) else { return false };
        registration.credentials().challenged(challenges);
        true
    }

    /// An UPDATE was refused, or nobody answered it: this call is refreshed by re-INVITE from now on, and at once.
    fn update_not_served(&mut self, index: usize, now: Instant) {
        let Some(call) = self.calls.get_mut(index) else { return };
        call.update_refused = true;
        if let Some(request) = &mut call.outgoing {
            request.purpose = if std::mem::take(&mut request.again) { Purpose::Restart } else { request.purpose };
            (request.step, request.attempt) = (Step::Wanted { from: now }, 1);
        }
    }

    fn own_accepted(&mut self, index: usize, response: &Response, now: Instant) {
        let Some(call) = self.calls.get_mut(index) else { return };
        call.refreshed(&response.headers, now);
        let Some(request) = call.outgoing.take() else { return };
        let call_id = call.call_id.clone();
        if let Step::Sent(Sent { offer: Some(_), early, .. }) = request.step {
            match response.sdp().map(str::to_owned).or(early) {
                Some(answer) => self.take_in(index, Task::Accept(answer.clone()), false, answer),
                None => {
                    tracing::info!(call_id, "a 200 without an answer to our offer");
                    self.next_job(&call_id, Task::Rollback);
                }
            }
        }
        if request.again {
            self.want(index, Purpose::Restart, now);
            if let Some(OutgoingRequest { step: Step::Wanted { from }, .. }) =
                self.calls.get_mut(index).and_then(|call| call.outgoing.as_mut()).filter(|_| !request.moved)
            {
                *from = now + GRACE;
            }
        }
    }

    /// It came to nothing: what was agreed on before stays. Tried again after the pause, if there is one.
    fn outgoing_failed(&mut self, index: usize, pause: Option<Duration>, now: Instant) {
        let heard = self.heard == Some(now);
        let Some(call) = self.calls.get_mut(index) else { return };
        let Some(request) = call.outgoing.take() else { return };
        let (call_id, offered) =
            (call.call_id.clone(), matches!(request.step, Step::Offering { .. }) || request.offer_is_out());
        let (purpose, attempt) = if request.again { (Purpose::Restart, 0) } else { (request.purpose, request.attempt) };
        let in_time = call.timer.as_ref().filter(|_| purpose == Purpose::Refresh).map(|timer| timer.left(now) / 2);
        if let Some(pause) = pause.or(request.again.then_some(Duration::ZERO))
            && attempt < ATTEMPTS
            && purpose != Purpose::Renew
        {
            let pause = in_time.map_or(pause, |in_time| pause.min(in_time));
            let step = Step::Wanted { from: now + pause };
            let unproven = (purpose == Purpose::Restart && !heard).then_some(now);
            call.outgoing = Some(OutgoingRequest {
                purpose,
                step,
                again: false,
                attempt: attempt + 1,
                moved: request.moved,
                unproven,
            });
        } else if let Some(timer) = call.timer.as_mut().filter(|_| purpose == Purpose::Refresh) {
            timer.missed(now);
        }
        if offered {
            self.next_job(&call_id, Task::Rollback);
        }
    }

    /// The other side makes an offer while ours is not out yet: theirs goes first.
    pub(super) fn give_way(&mut self, index: usize, now: Instant) {
        let making =
            |call: &&mut Call| matches!(call.outgoing, Some(OutgoingRequest { step: Step::Offering { .. }, .. }));
        if self.calls.get_mut(index).filter(making).is_some() {
            self.outgoing_failed(index, Some(Duration::ZERO), now);
        }
    }

    fn timer_too_short(&mut self, index: usize, response: &Response) -> bool {
        let timer = self.calls.get_mut(index).and_then(|call| call.timer.as_mut());
        timer.is_some_and(|timer| timer.lengthen(&response.headers))
    }

    /// The connection is gone: what was asked over it is asked again over the next one.
    pub(super) fn own_requests_lost(&mut self, now: Instant) {
        for index in 0..self.calls.len() {
            let sent = |call: &Call| matches!(call.outgoing, Some(OutgoingRequest { step: Step::Sent(_), .. }));
            let Some(request) = self.calls.get_mut(index).and_then(|call| call.outgoing.as_mut()) else { continue };
            // A connection that breaks is no answer: it does not count.
            request.attempt = 0;
            if request.purpose == Purpose::Restart {
                request.unproven = Some(now);
            }
            if self.calls.get(index).is_some_and(sent) {
                self.outgoing_failed(index, Some(Duration::ZERO), now);
            }
        }
    }

    /// A 200 to a re-INVITE that is no longer waited for: its ACK was lost, or it was given up on. Either way it has to
    /// be acknowledged (RFC 3261 13.2.2.4).
    fn late_ok(&mut self, response: &Response, now: Instant) -> bool {
        let Some(cseq) = response.cseq_of("INVITE").filter(|_| (200..300).contains(&response.code)) else {
            return false;
        };
        let Some(index) = self.calls.iter().position(|call| call.answers(response) && call.has_asked(cseq)) else {
            return false;
        };
        let Some(call) = self.calls.get_mut(index) else { return false };
        let (text, known) = match call.acknowledgement(cseq) {
            Some(text) => (text, true),
            None => (call.acknowledge(&self.identity, cseq, &[]), false),
        };
        self.send(text);
        if !known && self.calls.get(index).is_some_and(|call| call.phase == Phase::Up) {
            // The other side follows an offer we have taken back: a new one brings both together again.
            self.want(index, Purpose::Restart, now);
        }
        true
    }
}
