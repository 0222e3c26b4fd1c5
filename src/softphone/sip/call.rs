//! One call: the dialog its INVITE made, and what is under way in it (RFC 3261 12, 13.3, 14.2).

use std::time::Duration;

use tokio::time::Instant;

use super::{
    body::Body,
    headers::{Headers, name_addr, param, tag, user_of},
    identity::{ALLOW, Identity, SUPPORTED, USER_AGENT, branch, token},
    message::{Request, Response, Writer},
    outgoing::OutgoingRequest,
    reliable::Reliable,
    session_timer::{Ripe, SessionTimer},
    timers::{Due, T1, T2, TIMER_F},
};

/// How long we ring (protocol `softphone.md` 4.1).
const RING: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// 180 sent; until then somebody has to answer.
    Ringing { until: Instant, expires: bool },
    /// Being answered: the media session is being made.
    Answering,
    /// 200 sent.
    Up,
    /// Over for everybody but the other side: BYE goes out as soon as the ACK is here.
    Leaving,
}

/// A request that waits for its session description.
#[derive(Debug)]
pub(super) struct Pending {
    /// The media job.
    pub(super) job: u64,
    pub(super) request: Request,
}

/// A description of the far end's media that the media room is taking in: the answer to an offer of ours, or what was in
/// force before a re-INVITE that was taken back.
#[derive(Debug)]
pub(super) struct Accepting {
    /// The media job.
    pub(super) job: u64,
    /// It came with the ACK of the call's first 200: without it there is no call.
    pub(super) first: bool,
    pub(super) description: String,
}

/// A 200 to an INVITE that has not been acknowledged.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub(super) cseq: u32,
    text: String,
    next: Instant,
    pause: Duration,
    give_up: Instant,
    /// The ACK carries the answer to our offer.
    pub(super) late: bool,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) call_id: String,
    pub(super) from: String,
    pub(super) phase: Phase,
    /// Its call is over; ended from here then.
    pub(super) released: Option<Instant>,
    /// The other side took it back when it was answered already: it will end it.
    pub(super) cancelled: bool,
    pub(super) pending: Option<Pending>,
    /// What the media room is taking in.
    pub(super) accepting: Option<Accepting>,
    pub(super) unacknowledged: Vec<Unacknowledged>,
    /// The 180 that has to be acknowledged, until it is.
    pub(super) reliable: Option<Reliable>,
    /// A request of ours that is under way or waits for its turn.
    pub(super) outgoing: Option<OutgoingRequest>,
    /// What the far end last said of its media that took effect.
    pub(super) far_media: Option<String>,
    pub(super) timer: Option<SessionTimer>,
    /// ACKs of ours, by CSeq, in case one got lost.
    acknowledged: Vec<(u32, String)>,
    /// UPDATE has been refused in this call, whatever `allow` says.
    pub(super) update_refused: bool,
    /// What the other side says it serves.
    allow: String,
    invite: Request,
    local_tag: String,
    local: String,
    remote_tag: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    first_cseq: u32,
    remote_cseq: u32,
    local_cseq: u32,
}

impl Call {
    /// The dialog of an INVITE without flaws.
    pub(super) fn new(invite: Request, now: Instant) -> Self {
        let uri =
            |name: &str| invite.headers.values(name).next().and_then(name_addr).map_or("", |(uri, _)| uri).to_owned();
        let local_tag = token(10);
        let cseq = invite.cseq().unwrap_or_default();
        let expires = invite.headers.seconds("Expires").map(|s| Duration::from_secs(s.into())).filter(|e| *e < RING);
        Self {
            call_id: invite.call_id().to_owned(),
            from: user_of(&uri("From")),
            phase: Phase::Ringing { until: now + expires.unwrap_or(RING), expires: expires.is_some() },
            released: None,
            cancelled: false,
            pending: None,
            accepting: None,
            unacknowledged: Vec::new(),
            reliable: None,
            outgoing: None,
            far_media: None,
            timer: None,
            acknowledged: Vec::new(),
            update_refused: false,
            allow: allowed(&invite.headers).unwrap_or_default(),
            local: format!("{};tag={local_tag}", invite.headers.get("To").unwrap_or_default()),
            remote: invite.headers.get("From").unwrap_or_default().to_owned(),
            local_tag,
            remote_tag: invite.tag_of_from().to_owned(),
            target: uri("Contact"),
            routes: invite.headers.values("Record-Route").map(str::to_owned).collect(),
            first_cseq: cseq,
            remote_cseq: cseq,
            // The original counts on from the other side's number.
            local_cseq: cseq,
            invite,
        }
    }

    /// Whether a request belongs to this dialog (RFC 3261 12.2.2).
    pub(super) fn owns(&self, request: &Request) -> bool {
        request.call_id() == self.call_id
            && request.tag_of_to() == Some(&self.local_tag)
            && request.tag_of_from() == self.remote_tag
    }

    /// Whether a request without a To tag is about the INVITE that began this call: its CANCEL, or itself again.
    pub(super) fn began_with(&self, request: &Request) -> bool {
        request.call_id() == self.call_id
            && request.tag_of_from() == self.remote_tag
            && request.cseq() == Some(self.first_cseq)
    }

    /// The first INVITE's branch is this one: the same request, not one that came another way.
    pub(super) fn same_branch(&self, request: &Request) -> bool {
        request.branch() == self.invite.branch()
    }

    /// Whether this is the CSeq of the INVITE that began the call.
    pub(super) fn is_first(&self, cseq: u32) -> bool {
        cseq == self.first_cseq
    }

    /// Notes the CSeq and Contact of an INVITE or UPDATE; false if the request is older than one we know.
    pub(super) fn follow(&mut self, request: &Request) -> bool {
        match request.cseq() {
            Some(cseq) if cseq > self.remote_cseq => self.remote_cseq = cseq,
            _ => return false,
        }
        self.retarget(&request.headers);
        true
    }

    /// Notes where the other side is now, and what it serves (a target refresh, RFC 3261 12.2.2).
    pub(super) fn retarget(&mut self, headers: &Headers) {
        if let Some((uri, _)) = headers.values("Contact").next().and_then(name_addr) {
            self.target = uri.to_owned();
        }
        if let Some(allow) = allowed(headers) {
            self.allow = allow;
        }
    }

    /// Whether the other side serves UPDATE, by all it has said and done.
    pub(super) fn takes_update(&self) -> bool {
        !self.update_refused && self.allow.split(',').any(|method| method.trim() == "UPDATE")
    }

    /// Whether a new offer may be made: no INVITE and no offer is under way, either way (RFC 3261 14.1).
    pub(super) fn free(&self) -> bool {
        self.phase == Phase::Up && self.pending.is_none() && self.accepting.is_none() && self.unacknowledged.is_empty()
    }

    /// The session description the first INVITE brought, if it brought one.
    pub(super) fn offer(&self) -> Option<&str> {
        match Body::of(&self.invite.headers, &self.invite.body) {
            Body::Session(offer) => Some(offer),
            Body::Empty | Body::Foreign => None,
        }
    }

    /// The INVITE, to have it answered.
    pub(super) fn invite(&self) -> &Request {
        &self.invite
    }

    /// 180 Ringing; with a number if it has to be acknowledged (RFC 3262 3).
    pub(super) fn ringing(&self, identity: &Identity, rseq: Option<u32>) -> String {
        let mut writer = self.response(&self.invite, 180, "Ringing").header("Contact", &identity.contact());
        if let Some(rseq) = rseq {
            writer = writer.header("Require", "100rel").header("RSeq", &rseq.to_string()).header("Allow", ALLOW);
        }
        writer.end_known()
    }

    /// A response without a body, our tag on it.
    pub(super) fn refuse(&self, request: &Request, code: u16, reason: &str) -> String {
        self.response(request, code, reason).end_known()
    }

    /// 200 OK with, or without, a session description.
    pub(super) fn accept(&self, identity: &Identity, request: &Request, sdp: Option<&str>) -> String {
        let mut writer = self
            .response(request, 200, "OK")
            .header("Contact", &identity.contact())
            .header("Allow", ALLOW)
            .header("Supported", SUPPORTED)
            .header("User-Agent", USER_AGENT);
        if let Some(timer) = &self.timer {
            writer = timer.answer(writer);
        }
        match sdp {
            Some(sdp) => writer.sdp(sdp),
            None => writer.end(),
        }
    }

    fn response(&self, request: &Request, code: u16, reason: &str) -> Writer {
        Writer::response(request, code, reason, Some(&self.local_tag))
    }

    /// A 200 to this INVITE is out: it is sent again until the ACK is here.
    pub(super) fn expect_ack(&mut self, request: &Request, text: String, now: Instant) {
        self.unacknowledged.push(Unacknowledged {
            cseq: request.cseq().unwrap_or_default(),
            text,
            next: now + T1,
            pause: T1,
            give_up: now + TIMER_F,
            late: Body::of(&request.headers, &request.body) == Body::Empty,
        });
    }

    /// There is a connection again: the other side gets another full chance to acknowledge what it may never have got.
    pub(super) fn ask_for_ack_again(&mut self, now: Instant) {
        for unacknowledged in &mut self.unacknowledged {
            (unacknowledged.next, unacknowledged.pause, unacknowledged.give_up) = (now, T1 / 2, now + TIMER_F);
        }
        if let Some(timer) = &mut self.timer {
            timer.back(now);
        }
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let ring = match self.phase {
            Phase::Ringing { until, .. } => Some(until),
            Phase::Answering | Phase::Up | Phase::Leaving => None,
        };
        let released = self.released.filter(|_| self.phase != Phase::Leaving);
        let timer = self.timer.as_ref().filter(|_| self.phase == Phase::Up).map(SessionTimer::deadline);
        ring.into_iter()
            .chain(released)
            .chain(self.unacknowledged.iter().map(|u| u.next.min(u.give_up)))
            .chain(self.reliable.as_ref().and_then(Reliable::deadline))
            .chain(self.outgoing.as_ref().and_then(|request| request.deadline(self.free())))
            .chain(timer)
            .min()
    }

    /// Time has passed; called until nothing is due.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Due> {
        if let Phase::Ringing { until, expires } = self.phase
            && until <= now
        {
            return Some(Due::NoAnswer { expires });
        }
        if self.phase != Phase::Leaving && self.released.is_some_and(|at| at <= now) {
            return Some(Due::Released);
        }
        let first_cseq = self.first_cseq;
        let given_up = self.unacknowledged.iter().position(|u| u.give_up <= now);
        if let Some(index) = given_up {
            let given_up = self.unacknowledged.remove(index);
            if given_up.cseq == first_cseq || self.phase == Phase::Leaving {
                return Some(Due::NoAck);
            }
            // A re-INVITE never ends a call: the session stays as both sides last knew it.
            tracing::debug!(cseq = given_up.cseq, "no ACK for the answer to a re-INVITE");
            if given_up.late {
                return Some(Due::NoAnswerToOffer);
            }
        }
        if let Some(due) = self.reliable.as_mut().and_then(|reliable| reliable.tick(now)) {
            return Some(due);
        }
        if self.phase == Phase::Up
            && let Some(timer) = &mut self.timer
        {
            match timer.ripe(now) {
                Some(Ripe::Over) => return Some(Due::Expired),
                Some(Ripe::Refresh) => {
                    timer.asked_for(now);
                    return Some(Due::Refresh);
                }
                None => {}
            }
        }
        let unacknowledged = self.unacknowledged.iter_mut().find(|u| u.next <= now)?;
        unacknowledged.pause = (unacknowledged.pause * 2).min(T2);
        unacknowledged.next = now + unacknowledged.pause;
        Some(Due::Resend(unacknowledged.text.clone()))
    }

    /// A BYE: its branch and its text.
    pub(super) fn goodbye(&mut self, identity: &Identity, credentials: &[(&'static str, String)]) -> (String, String) {
        self.local_cseq = self.local_cseq.saturating_add(1);
        let branch = branch();
        let text = self.begin("BYE", identity, &branch, self.local_cseq, credentials).end_known();
        (branch, text)
    }

    /// A re-INVITE with an offer, or an UPDATE without one: its branch, its CSeq and its text.
    pub(super) fn renewal(
        &mut self,
        method: &str,
        identity: &Identity,
        credentials: &[(&'static str, String)],
        offer: Option<&str>,
    ) -> (String, u32, String) {
        self.local_cseq = self.local_cseq.saturating_add(1);
        let branch = branch();
        let mut writer = self
            .begin(method, identity, &branch, self.local_cseq, credentials)
            .header("Contact", &identity.contact())
            .header("Allow", ALLOW)
            .header("Supported", SUPPORTED)
            .header("User-Agent", USER_AGENT);
        if let Some(timer) = &self.timer {
            writer = timer.ask(writer);
        }
        let text = match offer {
            Some(offer) => writer.sdp(offer),
            None => writer.end(),
        };
        (branch, self.local_cseq, text)
    }

    /// The ACK of a 2xx, a transaction of its own (RFC 3261 13.2.2.4); kept, in case it gets lost.
    pub(super) fn acknowledge(
        &mut self,
        identity: &Identity,
        cseq: u32,
        credentials: &[(&'static str, String)],
    ) -> String {
        let text = self.begin("ACK", identity, &branch(), cseq, credentials).end();
        self.acknowledged.push((cseq, text.clone()));
        if self.acknowledged.len() > 2 {
            self.acknowledged.remove(0);
        }
        text
    }

    /// The ACK of a refusal, part of the INVITE's transaction (RFC 3261 17.1.1.3).
    pub(super) fn acknowledge_refusal(
        &self,
        identity: &Identity,
        cseq: u32,
        branch: &str,
        response: &Response,
    ) -> String {
        let to = response.headers.get("To").unwrap_or(&self.remote);
        self.begin_to("ACK", identity, branch, cseq, to).end()
    }

    /// The ACK that was sent for this CSeq.
    pub(super) fn acknowledgement(&self, cseq: u32) -> Option<String> {
        self.acknowledged.iter().find(|(known, _)| *known == cseq).map(|(_, text)| text.clone())
    }

    /// Whether a response is to a request of ours in this dialog.
    pub(super) fn answers(&self, response: &Response) -> bool {
        let has = |name, expected: &str| response.headers.get(name).and_then(tag).unwrap_or_default() == expected;
        response.headers.get("Call-ID") == Some(&self.call_id)
            && has("From", &self.local_tag)
            && has("To", &self.remote_tag)
    }

    /// Whether this is a CSeq of ours.
    pub(super) fn has_asked(&self, cseq: u32) -> bool {
        cseq > self.first_cseq && cseq <= self.local_cseq
    }

    /// A 2xx to a request of ours: what it says of the session timer.
    pub(super) fn refreshed(&mut self, headers: &Headers, now: Instant) {
        self.timer = SessionTimer::granted(self.timer.as_ref(), headers, now);
    }

    /// Begins a request of ours in this dialog. It follows the route set, and never a name in it: everything goes out
    /// over the one WebSocket (RFC 3261 12.2.1.1, RFC 5626 4.3).
    fn begin(
        &self,
        method: &str,
        identity: &Identity,
        branch: &str,
        cseq: u32,
        credentials: &[(&'static str, String)],
    ) -> Writer {
        let writer = self.begin_to(method, identity, branch, cseq, &self.remote);
        credentials.iter().fold(writer, |writer, (name, value)| writer.header(name, value))
    }

    fn begin_to(&self, method: &str, identity: &Identity, branch: &str, cseq: u32, to: &str) -> Writer {
        let mut writer = Writer::request(method, self.request_uri());
        for route in self.route_headers() {
            writer = writer.header("Route", &route);
        }
        writer
            .header("Via", &identity.via(branch))
            .header("Max-Forwards", "70")
            .header("To", to)
            .header("From", &self.local)
            .header("Call-ID", &self.call_id)
            .header("CSeq", &format!("{cseq} {method}"))
    }

    /// Where a request in this dialog is addressed to.
    pub(super) fn request_uri(&self) -> &str {
        match self.strict_router() {
            Some(uri) => uri,
            None => &self.target,
        }
    }

    /// The first hop, if it is one of RFC 2543: without `lr` it wants to be addressed itself.
    fn strict_router(&self) -> Option<&str> {
        let (uri, _) = name_addr(self.routes.first()?)?;
        let loose = uri.split_once(';').is_some_and(|(_, params)| param(params, "lr").is_some());
        (!loose).then_some(uri)
    }

    fn route_headers(&self) -> Vec<String> {
        if self.strict_router().is_some() {
            let rest = self.routes.iter().skip(1).cloned();
            rest.chain([format!("<{}>", self.target)]).collect()
        } else {
            self.routes.clone()
        }
    }
}

impl Writer {
    /// Ends a message without a body, our name and extensions on it.
    pub(super) fn end_known(self) -> String {
        self.header("Supported", SUPPORTED).header("User-Agent", USER_AGENT).end()
    }
}

/// The methods of Allow, if the header is there.
fn allowed(headers: &Headers) -> Option<String> {
    let all: Vec<&str> = headers.all("Allow").collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// Whether the platform wants this call answered at once, in one of the ways in use:
///
/// - `Call-Info` or `Alert-Info` with `answer-after=0`, by itself as the original tests it (protocol `softphone.md` 4.2),
///   or as a parameter of a URI as RFC 3261 20.9 would have it, in any of several entries;
/// - `Alert-Info` with `info=alert-autoanswer`, unless it names a delay;
/// - `Answer-Mode: Auto` or `Priv-Answer-Mode: Auto` (RFC 5373).
pub(super) fn wants_auto_answer(invite: &Request) -> bool {
    let bare = |text: &str| text.trim().trim_matches(['<', '>', '"']).to_ascii_lowercase();
    let says = |entry: &str, name: &str, value: &str| {
        entry.split(';').filter_map(|part| part.split_once('=')).any(|(n, v)| bare(n) == name && bare(v) == value)
    };
    let delayed = |entry: &str| {
        entry.split(';').filter_map(|part| part.split_once('=')).any(|(n, v)| bare(n) == "delay" && bare(v) != "0")
    };
    let headers = &invite.headers;
    ["Call-Info", "Alert-Info"].iter().any(|name| headers.values(name).any(|entry| says(entry, "answer-after", "0")))
        || headers.values("Alert-Info").any(|entry| says(entry, "info", "alert-autoanswer") && !delayed(entry))
        || ["Answer-Mode", "Priv-Answer-Mode"]
            .iter()
            .any(|name| headers.values(name).any(|mode| bare(mode.split(';').next().unwrap_or_default()) == "auto"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::sip::message::{Incoming, parse};

    fn invite(headers: &str) -> Request {
        let text = format!(
            "INVITE sip:u@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/WSS 10.0.0.1:4443;branch=z9hG4bKaaa;rport\r\n\
             From: \"138\" <sip:138@sip.example.test>;tag=ft1\r\nTo: <sip:ss1@sip.example.test>\r\nCall-ID: cid-1\r\n\
             CSeq: 10 INVITE\r\nContact: <sip:138@10.0.0.1:5060;transport=udp>\r\n{headers}\r\n"
        );
        match parse(text.as_bytes()) {
            Ok(Incoming::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bye_takes_the_route_back() {
        let identity = Identity::new("sip.example.test", true);
        let mut call = Call::new(
            invite(
                "Record-Route: <sip:10.0.0.1:4443;transport=wss;lr>, <sip:p2;lr=on>\r\nRecord-Route: <sip:p3;lr>\r\n",
            ),
            Instant::now(),
        );
        let (branch, bye) = call.goodbye(&identity, &[]);
        let lines: Vec<_> = bye.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "BYE sip:138@10.0.0.1:5060;transport=udp SIP/2.0",
                "Route: <sip:10.0.0.1:4443;transport=wss;lr>",
                "Route: <sip:p2;lr=on>",
                "Route: <sip:p3;lr>",
            ]
        );
        assert!(lines[4].starts_with("Via: SIP/2.0/WSS 192.0.2.") && lines[4].ends_with(&branch));
        assert_eq!(lines[6], "To: \"138\" <sip:138@sip.example.test>;tag=ft1");
        assert_eq!(lines[7], format!("From: <sip:ss1@sip.example.test>;tag={}", call.local_tag));
        assert_eq!(lines[9], "CSeq: 11 BYE");
    }

    #[test]
    fn a_strict_router_is_addressed_itself() {
        let identity = Identity::new("sip.example.test", false);
        let mut call = Call::new(invite("Record-Route: <sip:strict@p1>, <sip:p2;lr>\r\n"), Instant::now());
        let (_, bye) = call.goodbye(&identity, &[]);
        let lines: Vec<_> = bye.lines().take(3).collect();
        assert_eq!(
            lines,
            ["BYE sip:strict@p1 SIP/2.0", "Route: <sip:p2;lr>", "Route: <sip:138@10.0.0.1:5060;transport=udp>"]
        );
    }

    #[test]
    fn auto_answer_is_asked_for_in_several_ways() {
        for (value, wanted) in [
            ("answer-after=0", true),
            ("Answer-After = 0", true),
            ("<sip:x@y>;answer-after=0", true),
            ("<sip:x@y>; ANSWER-AFTER=0", true),
            ("<answer-after=0>", true),
            (";answer-after=0", true),
            ("answer-after=05", false),
            ("answer-after=5", false),
            ("<http://x/?answer-after=0>;purpose=icon", false),
            ("<http://x>;purpose=icon, answer-after=0", true),
        ] {
            assert_eq!(wants_auto_answer(&invite(&format!("Call-Info: {value}\r\n"))), wanted, "{value}");
        }
        for (headers, wanted) in [
            ("", false),
            ("Call-Info: <http://x>;purpose=icon\r\nCall-Info: answer-after=0\r\n", true),
            ("Alert-Info: <http://x>;info=alert-autoanswer\r\n", true),
            ("Alert-Info: <http://x>;info=alert-autoanswer;delay=0\r\n", true),
            ("Alert-Info: <http://x>;info=alert-autoanswer;delay=5\r\n", false),
            ("Alert-Info: <http://x>, <urn:alert:y>;answer-after=0\r\n", true),
            ("Alert-Info: <http://x>;info=ring\r\n", false),
            ("Answer-Mode: Auto\r\n", true),
            ("Answer-Mode: auto;require\r\n", true),
            ("Priv-Answer-Mode: Auto\r\n", true),
            ("Answer-Mode: Manual\r\n", false),
        ] {
            assert_eq!(wants_auto_answer(&invite(headers)), wanted, "{headers}");
        }
    }

    #[test]
    fn a_200_is_sent_again_at_t1_doubling_to_t2_for_32_seconds() {
        let start = Instant::now();
        let mut call = Call::new(invite(""), start);
        call.phase = Phase::Up;
        call.expect_ack(&call.invite.clone(), "200".into(), start);
        let mut at = Vec::new();
        let end = loop {
            let now = call.deadline().unwrap();
            match call.tick(now) {
                Some(Due::Resend(_)) => at.push((now - start).as_secs_f64()),
                other => break (other, now - start),
            }
        };
        assert_eq!(at[..6], [0.5, 1.5, 3.5, 7.5, 11.5, 15.5]);
        assert_eq!(end, (Some(Due::NoAck), TIMER_F));
    }
}
