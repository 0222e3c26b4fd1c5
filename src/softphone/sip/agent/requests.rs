//! What is answered to the requests that come in (protocol `softphone.md` 2.5, 4, 9).

use tokio::time::Instant;

use super::{
    super::{
        call::{Call, Pending, Phase, wants_auto_answer},
        identity::{ALLOW, token},
        message::{Request, Writer, param},
    },
    Agent, Task,
    calls::reason,
};
use crate::{
    domain::Unreached,
    softphone::{EndCause, Event},
};

/// Extensions a request may require of us (RFC 3261 8.2.2.3). `100rel` is met by sending nothing provisional.
const KNOWN_EXTENSIONS: [&str; 5] = ["100rel", "outbound", "path", "gruu", "timer"];

/// What the body of a request is to a session.
enum Body<'a> {
    /// Nothing: for INVITE, we are to make the offer.
    Empty,
    /// A session description.
    Offer(&'a str),
    /// Something we cannot read.
    Foreign,
}

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
            "INVITE" if request.tag_of_to().is_some() => self.reinvite(request),
            "INVITE" => self.invite(request, now),
            "CANCEL" => self.cancel(&request),
            "BYE" => self.remote_bye(&request),
            "UPDATE" => self.update(request),
            "INFO" => self.info(&request),
            "OPTIONS" => {
                let writer = Writer::response(&request, 200, "OK", Some(&token(10)))
                    .header("Allow", ALLOW)
                    .header("Accept", "application/sdp,application/dtmf-relay");
                self.send(writer.end_known());
            }
            "MESSAGE" => self.reply(&request, 200, "OK"),
            "NOTIFY" | "PRACK" => self.reply(&request, 481, "Call/Transaction Does Not Exist"),
            // It asks us to dial; only the agent does that.
            "REFER" => self.reply(&request, 603, "Decline"),
            _ => {
                let writer = Writer::response(&request, 405, "Method Not Allowed", Some(&token(10)));
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
        if self.calls.iter().any(|call| call.phase != Phase::Leaving) {
            tracing::info!("a second call was refused: busy");
            self.reply(&request, 486, "Busy Here");
            let from = Call::new(request, now).from;
            self.tell(Event::TurnedAway { from });
            return;
        }
        if let Body::Foreign = body(&request) {
            self.unsupported_media(&request);
            return;
        }
        let reliable = request.headers.values("Require").any(|tag| tag.eq_ignore_ascii_case("100rel"));
        let auto_answer = self.auto_answer || wants_auto_answer(&request);
        self.send(Writer::response(&request, 100, "Trying", None).end_known());
        let call = Call::new(request, now);
        if !reliable {
            self.send(call.ringing(&self.identity));
        }
        tracing::info!(call_id = call.call_id, auto_answer, "incoming call");
        self.tell(Event::Incoming { call_id: call.call_id.clone(), from: call.from.clone(), auto_answer });
        self.calls.push(call);
        if auto_answer {
            self.answer_call(self.calls.len() - 1);
        }
    }

    /// A new offer inside a call: hold, resume, another media server. It never ends the call.
    fn reinvite(&mut self, request: Request) {
        let Some(index) = self.find(&request) else { return self.no_such_call(&request) };
        if let Body::Foreign = body(&request) {
            return self.unsupported_media(&request);
        }
        if !self.take_turn(index, &request) {
            return;
        }
        self.send(Writer::response(&request, 100, "Trying", None).end_known());
        let task = match body(&request) {
            Body::Offer(offer) => Task::Answer(offer.to_owned()),
            Body::Empty | Body::Foreign => Task::Offer { restart: false },
        };
        self.renegotiate(index, request, task);
    }

    fn update(&mut self, request: Request) {
        let Some(index) = self.find(&request) else { return self.no_such_call(&request) };
        match body(&request) {
            Body::Foreign => self.unsupported_media(&request),
            Body::Empty => {
                if let Some(call) = self.calls.get_mut(index).filter(|call| call.phase == Phase::Up) {
                    call.follow(&request);
                    let text = call.accept(&self.identity, &request, None);
                    self.send(text);
                } else {
                    self.reply_in_call(index, &request, 200, "OK");
                }
            }
            Body::Offer(offer) => {
                let task = Task::Answer(offer.to_owned());
                if self.take_turn(index, &request) {
                    self.renegotiate(index, request, task);
                }
            }
        }
    }

    /// Whether a new offer can be taken now; says so if not (RFC 3261 14.2, RFC 3311 5.2).
    fn take_turn(&mut self, index: usize, request: &Request) -> bool {
        let Some(call) = self.calls.get_mut(index) else { return false };
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
                if let Body::Offer(answer) = body(ack) {
                    let call_id = call.call_id.clone();
                    let job = self.next_job(&call_id, Task::Accept(answer.to_owned()));
                    if let Some(call) = self.calls.get_mut(index) {
                        call.accepting = Some((job, first));
                    }
                } else if first {
                    let cause = EndCause::Failed("the ACK brought no answer to our offer".into());
                    self.leave_call(index, 488, cause, now);
                }
            }
            Phase::Ringing { .. } | Phase::Answering | Phase::Up | Phase::Leaving => {}
        }
    }

    fn cancel(&mut self, request: &Request) {
        if let Some(index) = self.calls.iter().position(|call| call.began_with(request)) {
            self.reply_in_call(index, request, 200, "OK");
            let ringing = |call: &&mut Call| matches!(call.phase, Phase::Ringing { .. } | Phase::Answering);
            if self.calls.get_mut(index).filter(ringing).is_some() {
                self.refuse_ringing(index, EndCause::Cancelled);
            }
            return;
        }
        // Or it takes back a re-INVITE that waits for the media.
        let waiting = self.calls.iter().position(|call| {
            call.owns(request)
                && call
                    .pending
                    .as_ref()
                    .is_some_and(|p| p.request.method == "INVITE" && p.request.cseq() == request.cseq())
        });
        let Some(index) = waiting else { return self.no_such_call(request) };
        self.reply_in_call(index, request, 200, "OK");
        if let Some(pending) = self.calls.get_mut(index).and_then(|call| call.pending.take()) {
            self.reply_in_call(index, &pending.request, 487, reason(487));
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
        match request.content_type().as_deref() {
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

fn body(request: &Request) -> Body<'_> {
    let encoding = request.headers.get("Content-Encoding").unwrap_or("identity");
    match request.content_type().as_deref() {
        _ if request.body.trim().is_empty() => Body::Empty,
        _ if !encoding.eq_ignore_ascii_case("identity") => Body::Foreign,
        Some("application/sdp") => Body::Offer(&request.body),
        _ => Body::Foreign,
    }
}
