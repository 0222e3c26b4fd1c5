//! What is answered to the requests that come in (protocol `softphone.md` 2.5, 4, 9).

use tokio::time::Instant;

use super::{
    super::outgoing::{OutgoingRequest, Purpose},
    super::{
        body::{Body, media_type},
        call::{Accepting, Call, Pending, Phase, wants_auto_answer},
        headers::{param, user_of},
        identity::{ALLOW, token},
        message::{Request, Writer},
        reliable::Reliable,
        session_timer::SessionTimer,
    },
    Agent, Task,
    calls::reason,
};
use crate::{
    domain::Unreached,
    softphone::{EndCause, Event},
};

/// Extensions a request may require of us (RFC 3261 8.2.2.3).
const KNOWN_EXTENSIONS: [&str; 5] = ["100rel", "outbound", "path", "gruu", "timer"];

/// Legs that may ring or talk at the same time. There is more than one because two channels have no common order: an
/// INVITE may be faster than the end of the calls before it, and a short ring makes two of those. Which of them is the
/// agent's call, the owner decides; the number only keeps a flood of INVITEs small.
const LEGS: usize = 4;

impl Agent {
    pub(super) fn request(&mut self, request: Request, now: Instant) {
        if request.method == "ACK" {
            self.acknowledged(&request, now);
            return;
        }
        if let Some((code, reason)) = request.flaw() {
            tracing::debug!(method = request.method, code, reason, "a flawed request");
            self.reply(&request, code, reason);
            return;
        }
        // The end of a call is never refused.
        if !matches!(request.method.as_str(), "CANCEL" | "BYE") && self.asks_too_much(&request) {
            return;
        }
        match request.method.as_str() {
            "INVITE" if request.tag_of_to().is_some() => self.reinvite(request, now),
            "INVITE" => self.invite(request, now),
            "CANCEL" => self.cancel(&request, now),
            "BYE" => self.remote_bye(&request),
            "UPDATE" => self.update(request, now),
            "PRACK" => self.prack(&request),
            "INFO" => self.info(&request),
            "OPTIONS" => {
                let writer = Writer::response(&request, 200, "OK", Some(&token(10)))
                    .header("Allow", ALLOW)
                    .header("Accept", "application/sdp,application/dtmf-relay");
                self.send(writer.end_known());
            }
            "MESSAGE" => self.reply(&request, 200, "OK"),
            "NOTIFY" => self.reply(&request, 481, "Call/Transaction Does Not Exist"),
            // It asks us to dial; only the agent does that.
            "REFER" => self.reply(&request, 603, "Decline"),
            "REGISTER" | "SUBSCRIBE" | "PUBLISH" => {
                let writer = Writer::response(&request, 405, "Method Not Allowed", Some(&token(10)));
                self.send(writer.header("Allow", ALLOW).end_known());
            }
            _ => {
                let writer = Writer::response(&request, 501, "Not Implemented", Some(&token(10)));
                self.send(writer.header("Allow", ALLOW).end_known());
            }
        }
    }

    /// Whether it requires an extension we do not know of (RFC 3261 8.2.2.3); says so then.
    fn asks_too_much(&mut self, request: &Request) -> bool {
        let unknown: Vec<&str> = request
            .headers
            .values("Require")
            .filter(|tag| !KNOWN_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(tag)))
            .collect();
        if !unknown.is_empty() {
            let writer = Writer::response(request, 420, "Bad Extension", Some(&token(10)));
            self.send(writer.header("Unsupported", &unknown.join(", ")).end_known());
        }
        !unknown.is_empty()
    }

    fn reply(&mut self, request: &Request, code: u16, reason: &str) {
        self.send(Writer::response(request, code, reason, Some(&token(10))).end_known());
    }

    fn no_such_call(&mut self, request: &Request) {
        self.reply(request, 481, "Call/Transaction Does Not Exist");
    }

    fn invite(&mut self, request: Request, now: Instant) {
        if let Some(call) = self.calls.iter().find(|call| call.began_with(&request)) {
            // The same once more is swallowed; by another way it is a loop (RFC 3261 8.2.2.2).
            if !call.same_branch(&request) {
                self.reply(&request, 482, "Loop Detected");
            }
            return;
        }
        if self.stopping.is_some() || self.account.is_none() {
            self.reply(&request, 480, reason(480));
            return;
        }
        // A leg whose call is over never stands in the way of the next customer.
        self.end_released(now);
        if self.calls.iter().filter(|call| call.phase != Phase::Leaving && !call.cancelled).count() >= LEGS {
            tracing::info!("one call too many was refused: busy");
            self.reply(&request, 486, reason(486));
            let from = Call::new(request, now).from;
            self.tell(Event::TurnedAway { from });
            return;
        }
        if let Body::Foreign = body(&request) {
            self.unsupported_media(&request);
            return;
        }
        if !accepts_sdp(&request) {
            self.reply(&request, 406, "Not Acceptable");
            return;
        }
        if !self.is_for_us(&request) {
            tracing::info!(uri = request.uri, "a call for somebody else was refused");
            self.reply(&request, 404, "Not Found");
            return;
        }
        if let Body::Session(offer) = body(&request)
            && let Err(error) = (self.offer_check)(offer)
        {
            // Nobody could answer it: so nobody is called to it.
            tracing::warn!(call_id = request.call_id(), %error, "a call was refused: its offer cannot be accepted");
            self.reply(&request, 488, reason(488));
            return;
        }
        if self.timer_refused(&request, now) {
            return;
        }
        let reliable = request.headers.values("Require").any(|tag| tag.eq_ignore_ascii_case("100rel"));
        let auto_answer = wants_auto_answer(&request);
        self.send(Writer::response(&request, 100, "Trying", None).end_known());
        let mut call = Call::new(request, now);
        if !reliable {
            self.send(call.ringing(&self.identity, None));
        } else if call.offer().is_some() {
            let (rseq, cseq) = (rand::random_range(1..1_000_000), call.invite().cseq().unwrap_or_default());
            let text = call.ringing(&self.identity, Some(rseq));
            self.send(text.clone());
            call.reliable = Some(Reliable::new(rseq, cseq, text, now));
        } else {
            // It would have to bring our offer (RFC 3262 5), and nothing touches the sound before the call is answered.
            tracing::debug!("an INVITE without an offer wants a reliable answer: it gets none before the 200");
        }
        tracing::info!(call_id = call.call_id, auto_answer, "incoming call");
        self.tell(Event::Incoming { call_id: call.call_id.clone(), from: call.from.clone(), auto_answer });
        self.calls.push(call);
    }

    /// Whether an INVITE is for this phone (RFC 3261 8.2.2.1): for our Contact, our address of record or what the registrar
    /// has bound us under, at whatever host, because servers on the way rewrite it. A URI without a user part names nobody
    /// else, and what the registrar has made of ours (a GRUU, RFC 5627) only it can take apart.
    fn is_for_us(&self, request: &Request) -> bool {
        let uri = &request.uri;
        let made = uri.split_once(';').is_some_and(|(_, params)| param(params, "gr").is_some());
        made || !uri.contains('@') || self.is_our_name(&user_of(uri))
    }

    fn is_our_name(&self, user: &str) -> bool {
        user == self.identity.contact_user
            || self.account.as_ref().is_some_and(|account| account.user.eq_ignore_ascii_case(user))
            || self.registration.as_ref().is_some_and(|registration| registration.is_called(user))
    }

    /// A new offer inside a call: hold, resume, another media server. It never ends the call.
    fn reinvite(&mut self, request: Request, now: Instant) {
        let Some(index) = self.find(&request) else { return self.no_such_call(&request) };
        if self.comes_again(index, &request) {
            return;
        }
        if let Body::Foreign = body(&request) {
            return self.unsupported_media(&request);
        }
        if self.timer_refused(&request, now) || !self.take_turn(index, &request, now) {
            return;
        }
        self.send(Writer::response(&request, 100, "Trying", None).end_known());
        let task = match body(&request) {
            Body::Session(offer) => Task::Answer(offer.to_owned()),
            Body::Empty | Body::Foreign => Task::Offer { restart: false },
        };
        self.renegotiate(index, request, task);
    }

    /// A re-INVITE that is being answered, or was and waits for its ACK, came once more: its answer is on the way.
    fn comes_again(&self, index: usize, request: &Request) -> bool {
        let same = |other: &Request| same_transaction(other, request);
        self.calls.get(index).is_some_and(|call| {
            call.pending.as_ref().is_some_and(|pending| pending.request.method == "INVITE" && same(&pending.request))
                || call.unacknowledged.iter().any(|u| Some(u.cseq) == request.cseq() && !call.is_first(u.cseq))
        })
    }

    fn update(&mut self, request: Request, now: Instant) {
        let Some(index) = self.find(&request) else { return self.no_such_call(&request) };
        if self.timer_refused(&request, now) {
            return;
        }
        match body(&request) {
            Body::Foreign => self.unsupported_media(&request),
            Body::Empty => {
                if let Some(call) = self.calls.get_mut(index).filter(|call| call.phase == Phase::Up) {
                    if call.follow(&request) {
                        call.timer = SessionTimer::asked(&request, now).unwrap_or_default();
                    }
                    let text = call.accept(&self.identity, &request, None);
                    self.send(text);
                } else {
                    self.reply_in_call(index, &request, 200, "OK");
                }
            }
            Body::Session(offer) => {
                let task = Task::Answer(offer.to_owned());
                if self.take_turn(index, &request, now) {
                    self.renegotiate(index, request, task);
                }
            }
        }
    }

    /// A 180 that had to arrive has (RFC 3262 3).
    fn prack(&mut self, request: &Request) {
        let Some(index) = self.find(request) else { return self.no_such_call(request) };
        let Some(call) = self.calls.get_mut(index) else { return };
        if !call.reliable.as_mut().is_some_and(|reliable| reliable.take(request)) {
            return self.no_such_call(request);
        }
        match body(request) {
            Body::Empty => self.reply_in_call(index, request, 200, "OK"),
            // The offer of the INVITE is not answered yet: there is no place for another one (RFC 3262 5).
            Body::Session(_) => self.reply_in_call(index, request, 488, reason(488)),
            Body::Foreign => self.unsupported_media(request),
        }
    }

    /// Whether it asks for too short a session timer; says so then (RFC 4028 9).
    fn timer_refused(&mut self, request: &Request, now: Instant) -> bool {
        let Err(least) = SessionTimer::asked(request, now) else { return false };
        let writer = Writer::response(request, 422, "Session Interval Too Small", Some(&token(10)));
        self.send(writer.header("Min-SE", &least.to_string()).end_known());
        true
    }

    /// Whether a new offer can be taken now; says so if not (RFC 3261 14.2, RFC 3311 5.2).
    fn take_turn(&mut self, index: usize, request: &Request, now: Instant) -> bool {
        self.give_way(index, now);
        let Some(call) = self.calls.get_mut(index) else { return false };
        if call.outgoing.as_ref().is_some_and(OutgoingRequest::offer_is_out) {
            // Both sides want to change the session at once: both try again, not at the same time.
            self.reply_in_call(index, request, 491, reason(491));
            return false;
        }
        let free = call.phase == Phase::Up && call.pending.is_none() && call.accepting.is_none();
        if free && call.follow(request) {
            return true;
        }
        let writer = Writer::response(request, 500, "Server Internal Error", None);
        let text = writer.header("Retry-After", &rand::random_range(0..=10).to_string()).end_known();
        self.send(text);
        false
    }

    fn renegotiate(&mut self, index: usize, request: Request, task: Task) {
        let call_id = request.call_id().to_owned();
        let job = self.next_job(&call_id, task);
        if let Some(call) = self.calls.get_mut(index) {
            call.pending = Some(Pending { job, request });
        }
    }

    fn acknowledged(&mut self, ack: &Request, now: Instant) {
        let Some(index) = self.find(ack) else { return };
        let Some(call) = self.calls.get_mut(index) else { return };
        let Some(at) = call.unacknowledged.iter().position(|u| Some(u.cseq) == ack.cseq()) else { return };
        let acknowledged = call.unacknowledged.remove(at);
        let (late, first) = (acknowledged.late, call.is_first(acknowledged.cseq));
        match call.phase {
            Phase::Leaving if call.unacknowledged.is_empty() => {
                let call = self.calls.remove(index);
                self.bye(call, now);
            }
            Phase::Up if late => {
                let call_id = call.call_id.clone();
                if let Body::Session(answer) = body(ack) {
                    self.take_in(index, Task::Accept(answer.to_owned()), first, answer.to_owned());
                } else if first {
                    let cause = EndCause::Failed("the ACK brought no answer to our offer".into());
                    self.leave_call(index, 488, cause, now);
                } else {
                    self.next_job(&call_id, Task::Rollback);
                }
            }
            Phase::Ringing { .. } | Phase::Answering | Phase::Up | Phase::Leaving => {}
        }
    }

    /// Has the media room take in what the far end says of its media.
    pub(super) fn take_in(&mut self, index: usize, task: Task, first: bool, description: String) {
        let Some(call_id) = self.calls.get(index).map(|call| call.call_id.clone()) else { return };
        let job = self.next_job(&call_id, task);
        if let Some(call) = self.calls.get_mut(index) {
            call.accepting = Some(Accepting { job, first, description });
        }
    }

    fn cancel(&mut self, request: &Request, now: Instant) {
        // Of this very request, not of one that has come another way (RFC 3261 9.2).
        let began = |call: &Call| call.began_with(request) && call.same_branch(request);
        if let Some(index) = self.calls.iter().position(began) {
            self.reply_in_call(index, request, 200, "OK");
            let ringing = |call: &&mut Call| matches!(call.phase, Phase::Ringing { .. } | Phase::Answering);
            if let Some(call) = self.calls.get_mut(index) {
                // Too late for one that is answered; but nobody wants it any more.
                call.cancelled = true;
            }
            if self.calls.get_mut(index).filter(ringing).is_some() {
                let elsewhere = answered_elsewhere(request);
                let cause = if elsewhere { EndCause::AnsweredElsewhere } else { EndCause::Cancelled };
                self.refuse_ringing(index, cause);
            }
            return;
        }
        // Or it takes back a re-INVITE that waits for the media.
        let waiting = self.calls.iter().position(|call| {
            call.owns(request)
                && call
                    .pending
                    .as_ref()
                    .is_some_and(|p| p.request.method == "INVITE" && same_transaction(&p.request, request))
        });
        let Some(index) = waiting else { return self.no_such_call(request) };
        self.reply_in_call(index, request, 200, "OK");
        if let Some(pending) = self.calls.get_mut(index).and_then(|call| call.pending.take()) {
            self.reply_in_call(index, &pending.request, 487, reason(487));
            self.undo(index, &pending.request, now);
        }
    }

    /// A re-INVITE was taken back, and the media room may have followed it already: the session goes on as if it had
    /// never come (RFC 3261 14.1).
    fn undo(&mut self, index: usize, request: &Request, now: Instant) {
        let Some(call) = self.calls.get(index) else { return };
        let call_id = call.call_id.clone();
        match (body(request), call.far_media.clone()) {
            (Body::Session(offer), Some(before)) => {
                let moved = ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"].iter().any(|start| {
                    let lines = |text: &str| text.lines().filter(|l| l.starts_with(start)).map(str::to_owned).collect();
                    let (before, after): (Vec<String>, Vec<String>) = (lines(&before), lines(offer));
                    before != after
                });
                self.take_in(index, Task::Answer(before.clone()), false, before);
                if moved {
                    // Our side may have new paths that the other side has never heard of.
                    self.want(index, Purpose::Restart, now);
                }
            }
            (Body::Session(_), None) | (Body::Foreign, _) => {}
            (Body::Empty, _) => {
                self.next_job(&call_id, Task::Rollback);
            }
        }
    }

    fn remote_bye(&mut self, request: &Request) {
        let Some(index) = self.find(request) else { return self.no_such_call(request) };
        self.reply_in_call(index, request, 200, "OK");
        let Some(phase) = self.calls.get(index).map(|call| call.phase) else { return };
        match phase {
            Phase::Ringing { .. } | Phase::Answering => self.refuse_ringing(index, EndCause::Cancelled),
            Phase::Up => {
                let mut call = self.calls.remove(index);
                call.outgoing = None;
                if let Some(pending) = call.pending.take() {
                    self.send(call.refuse(&pending.request, 487, reason(487)));
                }
                self.over(&call, unreached(request).map_or(EndCause::RemoteBye, EndCause::Unreached));
            }
            // We were about to say it ourselves.
            Phase::Leaving => {
                self.calls.remove(index);
            }
        }
    }

    /// 487 to the INVITE that rings.
    fn refuse_ringing(&mut self, index: usize, cause: EndCause) {
        let call = self.calls.remove(index);
        self.send(call.refuse(call.invite(), 487, reason(487)));
        self.over(&call, cause);
    }

    fn info(&mut self, request: &Request) {
        let Some(index) = self.find(request) else { return self.no_such_call(request) };
        match request.headers.get("Content-Type").map(media_type).as_deref() {
            // What is dialled at us is of no use to us, but no error either.
            None | Some("application/dtmf-relay") => self.reply_in_call(index, request, 200, "OK"),
            Some(_) => self.reply_in_call(index, request, 415, "Unsupported Media Type"),
        }
    }

    fn reply_in_call(&mut self, index: usize, request: &Request, code: u16, reason: &str) {
        if let Some(call) = self.calls.get(index) {
            let text = call.refuse(request, code, reason);
            self.send(text);
        }
    }

    fn unsupported_media(&mut self, request: &Request) {
        let writer = Writer::response(request, 415, "Unsupported Media Type", Some(&token(10)));
        self.send(writer.header("Accept", "application/sdp").header("Accept-Encoding", "identity").end_known());
    }
}

/// Whether two requests in a call belong together: an INVITE and itself again, or its CANCEL.
fn same_transaction(one: &Request, other: &Request) -> bool {
    one.cseq() == other.cseq() && one.branch() == other.branch()
}

/// Whether the `Reason` of a CANCEL says that another phone has answered the call (RFC 3326 2).
fn answered_elsewhere(request: &Request) -> bool {
    request
        .headers
        .values("Reason")
        .filter_map(|value| value.split_once(';'))
        .any(|(protocol, params)| protocol.trim().eq_ignore_ascii_case("SIP") && param(params, "cause") == Some("200"))
}

/// What the `Reason` of a BYE says of the party that the platform called for us (RFC 3326).
fn unreached(request: &Request) -> Option<Unreached> {
    request.headers.values("Reason").find_map(|value| {
        let (protocol, params) = value.split_once(';')?;
        let cause = param(params, "cause")?.parse().ok()?;
        match protocol.trim().to_ascii_uppercase().as_str() {
            "Q.850" => Unreached::from_q850(cause),
            "SIP" => Unreached::from_sip(cause),
            _ => None,
        }
    })
}

/// Whether a session description may come back (RFC 3261 20.1): without the header it may.
fn accepts_sdp(request: &Request) -> bool {
    let mut ranges = request.headers.values("Accept").map(media_type).peekable();
    ranges.peek().is_none() || ranges.any(|range| matches!(range.as_str(), "application/sdp" | "application/*" | "*/*"))
}

fn body(request: &Request) -> Body<'_> {
    Body::of(&request.headers, &request.body)
}
