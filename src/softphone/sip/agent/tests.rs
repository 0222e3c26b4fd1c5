//! The user agent's behaviour, without sockets and with time in the test's hand.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const T: Duration = Duration::from_millis(1);

/// An agent, and what it has done so far.
struct Bench {
    agent: Agent,
    now: Instant,
    sent: Vec<String>,
    events: Vec<Event>,
    jobs: Vec<Job>,
    opened: usize,
    closed: usize,
}

impl Bench {
    fn bare() -> Self {
        Self {
            agent: Agent::new("sip.example.test", true),
            now: Instant::now(),
            sent: Vec::new(),
            events: Vec::new(),
            jobs: Vec::new(),
            opened: 0,
            closed: 0,
        }
    }

    /// Registered for 600 s, the records empty.
    fn registered() -> Self {
        let mut bench = Self::bare();
        bench.agent.register(account(), bench.now);
        bench.agent.link_up(bench.now);
        bench.collect();
        bench.grant();
        bench.forget();
        bench
    }

    fn forget(&mut self) {
        self.sent.clear();
        self.events.clear();
        self.jobs.clear();
    }

    fn collect(&mut self) {
        while let Some(output) = self.agent.output() {
            match output {
                Output::Open => self.opened += 1,
                Output::Close => self.closed += 1,
                Output::Send(text) => self.sent.push(text),
                Output::Tell(event) => self.events.push(event),
                Output::Media(job) => self.jobs.push(job),
            }
        }
    }

    fn frame(&mut self, text: &str) {
        self.agent.frame(text.as_bytes(), self.now);
        self.collect();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.agent.deadline().filter(|d| *d <= end) {
            self.now = deadline.max(self.now);
            self.agent.tick(self.now);
            self.collect();
        }
        self.now = end;
    }

    fn down(&mut self) {
        self.agent.link_down(SipError::Lost("cut".into()), self.now);
        self.collect();
    }

    fn up(&mut self) {
        self.agent.link_up(self.now);
        self.collect();
    }

    fn done(&mut self, result: JobResult) {
        let id = self.jobs.iter().rev().find(|job| job.task != Task::Close).map_or(0, |job| job.id);
        self.agent.media_done(id, result, self.now);
        self.collect();
    }

    fn answer(&mut self) {
        self.agent.answer();
        self.collect();
    }

    fn hang_up(&mut self) {
        self.agent.hang_up(self.now);
        self.collect();
    }

    /// The last message sent that begins so.
    fn last(&self, start: &str) -> &str {
        self.sent
            .iter()
            .rev()
            .find(|text| text.starts_with(start))
            .unwrap_or_else(|| panic!("no {start} in {:#?}", self.sent))
    }

    fn starts(&self) -> Vec<&str> {
        self.sent.iter().filter_map(|text| text.lines().next()).collect()
    }

    fn respond(&mut self, to: &str, status: &str, extra: &str) {
        let via = line(self.last(to), "Via").to_owned();
        self.frame(&format!("SIP/2.0 {status}\r\nVia: {via}\r\n{extra}\r\n"));
    }

    fn grant(&mut self) {
        self.respond("REGISTER", "200 OK", "Expires: 600\r\n");
    }

    /// An answered call, acknowledged.
    fn talking() -> Self {
        let mut bench = Self::registered();
        bench.frame(&invite("c1", ""));
        bench.answer();
        bench.done(Ok(Some("v=0 answer\r\n".into())));
        let ack = bench.in_dialog("ACK", 10, "", "");
        bench.frame(&ack);
        bench
    }

    /// A request of the other side inside the call.
    fn in_dialog(&self, method: &str, cseq: u32, headers: &str, body: &str) -> String {
        let response = self
            .sent
            .iter()
            .find(|t| t.starts_with("SIP/2.0 ") && t.contains(" INVITE\r\n") && t.contains(";tag="))
            .unwrap();
        let to = self
            .sent
            .iter()
            .rev()
            .find(|t| t.starts_with("SIP/2.0 180") || t.starts_with("SIP/2.0 200"))
            .map_or_else(|| line(response, "To"), |t| line(t, "To"));
        format!(
            "{method} sip:x@192.0.2.1;transport=ws SIP/2.0\r\nVia: SIP/2.0/WSS 10.0.0.1;branch=z9hG4bK{method}{cseq}\r\n\
             From: \"13800000000\" <sip:13800000000@sip.example.test>;tag=ft1\r\nTo: {to}\r\nCall-ID: c1\r\n\
             CSeq: {cseq} {method}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

fn account() -> Account {
    Account { user: "ss1234ss8001".into(), password: "secret".into() }
}

fn line<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_else(|| panic!("no {name} in {text}"))
}

const OFFER: &str = "v=0 offer\r\n";

fn invite(call_id: &str, extra: &str) -> String {
    invite_with(call_id, &format!("{extra}Content-Type: application/sdp\r\n"), OFFER)
}

fn invite_with(call_id: &str, headers: &str, body: &str) -> String {
    format!(
        "INVITE sip:u06ctkgl@127.0.0.1:4711;transport=WS SIP/2.0\r\n\
         Via: SIP/2.0/WSS 10.0.0.1:4443;branch=z9hG4bKaaa{call_id};rport\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKbbb\r\n\
         Record-Route: <sip:10.0.0.1:4443;transport=wss;lr>\r\nRecord-Route: <sip:10.0.0.1;lr>\r\n\
         From: \"13800000000\" <sip:13800000000@sip.example.test>;tag=ft1\r\nTo: <sip:ss1234ss8001@sip.example.test>\r\n\
         Call-ID: {call_id}\r\nCSeq: 10 INVITE\r\nContact: <sip:13800000000@10.0.0.1:5060;transport=udp>\r\n\
         {headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn ended(call_id: &str, cause: EndCause) -> Event {
    Event::Ended { call_id: call_id.into(), cause }
}

#[test]
fn a_call_rings_is_answered_and_hung_up_by_the_other_side() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    assert_eq!(bench.starts(), ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing"]);
    assert!(!line(&bench.sent[0], "To").contains("tag="), "100 has no To tag");
    let ringing = &bench.sent[1];
    assert!(line(ringing, "To").contains(";tag="));
    assert_eq!(ringing.matches("Record-Route: ").count(), 2);
    assert_eq!(ringing.matches("Via: ").count(), 2);
    assert!(line(ringing, "Contact").ends_with(";transport=ws>"));
    let incoming = Event::Incoming { call_id: "c1".into(), from: "13800000000".into(), auto_answer: false };
    assert_eq!(bench.events, [incoming]);
    assert!(bench.jobs.is_empty(), "nothing touches the media before the answer");

    bench.answer();
    assert_eq!(bench.jobs[0].task, Task::Answer(OFFER.into()));
    bench.done(Ok(Some("v=0 answer\r\n".into())));
    let ok = bench.last("SIP/2.0 200 OK").to_owned();
    assert_eq!(line(&ok, "To"), line(&bench.sent[1], "To"), "one tag for the dialog");
    assert_eq!(line(&ok, "Content-Type"), "application/sdp");
    assert!(ok.ends_with("Content-Length: 12\r\n\r\nv=0 answer\r\n"));
    assert_eq!(line(&ok, "Supported"), "outbound");
    assert!(line(&ok, "Allow").contains("UPDATE") && !line(&ok, "Allow").contains("REFER"));
    assert_eq!(bench.events[1], Event::Answered { call_id: "c1".into() });

    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&ack);
    bench.sent.retain(|t| t.starts_with("SIP/2.0 2"));
    bench.wait(Duration::from_secs(40));
    assert_eq!(bench.starts(), ["SIP/2.0 200 OK"], "no 200 again after the ACK");
    let bye = bench.in_dialog("BYE", 11, "", "");
    bench.frame(&bye);
    assert!(line(bench.last("SIP/2.0 200"), "CSeq").ends_with("BYE"));
    assert_eq!(bench.events[2..], [ended("c1", EndCause::RemoteBye)]);
    assert_eq!(bench.jobs[1..], [Job { id: 0, call_id: "c1".into(), task: Task::Close }]);
    bench.frame(&bye);
    assert!(bench.last("SIP/2.0 ").starts_with("SIP/2.0 481"));
}

#[test]
fn own_bye_follows_the_route_set() {
    let mut bench = Bench::talking();
    bench.hang_up();
    let bye = bench.last("BYE").to_owned();
    let lines: Vec<_> = bye.lines().take(3).collect();
    assert_eq!(
        lines,
        [
            "BYE sip:13800000000@10.0.0.1:5060;transport=udp SIP/2.0",
            "Route: <sip:10.0.0.1:4443;transport=wss;lr>",
            "Route: <sip:10.0.0.1;lr>"
        ]
    );
    assert_eq!(line(&bye, "CSeq"), "11 BYE");
    assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::Local)));
    assert!(!bench.agent.quiet());
    bench.respond("BYE", "200 OK", "");
    assert!(bench.agent.quiet());
}

#[test]
fn a_challenged_bye_is_said_again_with_credentials() {
    let mut bench = Bench::talking();
    bench.hang_up();
    bench.respond("BYE", "407 Auth", "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n");
    let bye = bench.last("BYE");
    assert_eq!(line(bye, "CSeq"), "12 BYE");
    assert!(line(bye, "Proxy-Authorization").contains("uri=\"sip:13800000000@10.0.0.1:5060;transport=udp\""));
    bench.respond("BYE", "407 Auth", "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n2\"\r\n");
    assert!(bench.agent.quiet(), "once is enough");
}

#[test]
fn hung_up_before_the_ack_bye_waits_for_it() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.answer();
    bench.done(Ok(Some("a".into())));
    bench.hang_up();
    assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::Local)), "the agent need not wait");
    assert!(!bench.starts().iter().any(|s| s.starts_with("BYE")));
    // Meanwhile another call is welcome.
    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&invite("c2", ""));
    assert!(bench.last("SIP/2.0 180").contains("Call-ID: c2"));
    bench.frame(&ack);
    assert_eq!(line(bench.last("BYE"), "Call-ID"), "c1");
}

#[test]
fn the_other_sides_bye_spares_ours() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.answer();
    bench.done(Ok(Some("a".into())));
    bench.hang_up();
    let bye = bench.in_dialog("BYE", 11, "", "");
    bench.frame(&bye);
    assert!(line(bench.last("SIP/2.0 200"), "CSeq").ends_with("BYE"));
    assert!(bench.agent.quiet());
    assert_eq!(bench.events.iter().filter(|e| matches!(e, Event::Ended { .. })).count(), 1);
}

#[test]
fn hung_up_with_an_unacknowledged_reinvite_the_call_does_not_linger() {
    let mut bench = Bench::talking();
    let sdp = "Content-Type: application/sdp\r\nContact: <sip:a@b>\r\n";
    let reinvite = bench.in_dialog("INVITE", 11, sdp, OFFER);
    bench.frame(&reinvite);
    bench.done(Ok(Some("a".into())));
    bench.hang_up();
    bench.wait(Duration::from_secs(32));
    bench.last("BYE");
    bench.respond("BYE", "200 OK", "");
    assert!(bench.agent.quiet());
}

#[test]
fn a_lost_ack_ends_the_call_after_32_seconds() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.answer();
    bench.done(Ok(Some("a".into())));
    bench.wait(Duration::from_secs(32) - T);
    let again = bench.starts().iter().filter(|s| s.starts_with("SIP/2.0 200")).count();
    assert_eq!(again, 11, "one, and at 0.5, 1.5, 3.5, 7.5 .. 31.5 s");
    assert!(!bench.starts().iter().any(|s| s.starts_with("BYE")));
    bench.wait(T);
    bench.last("BYE");
    assert!(matches!(bench.events.last(), Some(Event::Ended { cause: EndCause::Failed(_), .. })));
}

#[test]
fn cancel_takes_the_call_back_with_one_tag() {
    for answering in [false, true] {
        let mut bench = Bench::registered();
        bench.frame(&invite("c1", ""));
        if answering {
            bench.answer();
        }
        let cancel = invite_with("c1", "", "").replace("INVITE", "CANCEL");
        bench.frame(&cancel);
        let tag = |text: &str| line(text, "To").split("tag=").nth(1).unwrap().to_owned();
        let cancelled = bench.sent.iter().find(|t| t.contains("10 CANCEL")).unwrap();
        assert!(cancelled.starts_with("SIP/2.0 200 OK"));
        assert_eq!(tag(cancelled), tag(bench.last("SIP/2.0 487")));
        assert!(line(bench.last("SIP/2.0 487"), "CSeq").ends_with("INVITE"));
        assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::Cancelled)));
        // The media's late result changes nothing.
        bench.done(Ok(Some("a".into())));
        assert!(!bench.sent.iter().any(|t| t.starts_with("SIP/2.0 200") && t.contains("10 INVITE")));
        assert!(!bench.events.contains(&Event::Answered { call_id: "c1".into() }));
        bench.frame(&cancel);
        assert!(bench.last("SIP/2.0 ").starts_with("SIP/2.0 481"));
    }
}

#[test]
fn refused_is_480_and_unanswered_408() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.hang_up();
    bench.last("SIP/2.0 480 Temporarily Unavailable");
    assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::Local)));

    bench.frame(&invite("c2", ""));
    bench.wait(Duration::from_secs(60) - T);
    assert!(!bench.starts().iter().any(|s| s.starts_with("SIP/2.0 408")));
    bench.wait(T);
    bench.last("SIP/2.0 408 Request Timeout");
    assert_eq!(bench.events.last(), Some(&ended("c2", EndCause::NoAnswer)));

    bench.frame(&invite("c3", "Expires: 5\r\n"));
    bench.wait(Duration::from_secs(5));
    assert!(bench.last("SIP/2.0 487").contains("Call-ID: c3"));
    assert_eq!(bench.events.last(), Some(&ended("c3", EndCause::NoAnswer)));
}

#[test]
fn calls_are_answered_by_themselves_when_asked_or_told() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", "Call-Info: <sip:x>;Answer-After=0\r\n"));
    assert!(matches!(&bench.events[0], Event::Incoming { auto_answer: true, .. }));
    assert_eq!(bench.jobs.len(), 1);
    bench.hang_up();

    bench.forget();
    bench.agent.set_auto_answer(true);
    bench.frame(&invite("c2", ""));
    assert!(matches!(&bench.events[0], Event::Incoming { auto_answer: true, .. }));
    // An impatient agent changes nothing.
    bench.answer();
    assert_eq!(bench.jobs.len(), 1);
}

#[test]
fn a_second_call_finds_us_busy() {
    let mut bench = Bench::talking();
    bench.frame(&invite("c2", "Call-Info: answer-after=0\r\n"));
    assert_eq!(line(bench.last("SIP/2.0 486 Busy Here"), "Call-ID"), "c2");
    assert!(!bench.events.iter().any(|e| matches!(e, Event::Incoming { call_id, .. } if call_id == "c2")));
    let bye = bench.in_dialog("BYE", 11, "", "");
    bench.frame(&bye);
    assert_eq!(bench.events.last(), Some(&ended("c1", EndCause::RemoteBye)), "the first call was not touched");
}

#[test]
fn the_same_invite_again_is_swallowed_and_a_looped_one_refused() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.forget();
    bench.frame(&invite("c1", ""));
    assert!(bench.sent.is_empty());
    bench.frame(&invite("c1", "").replace("z9hG4bKaaa", "z9hG4bKzzz"));
    bench.last("SIP/2.0 482");
}

#[test]
fn media_that_fails_refuses_the_call_once() {
    for (error, status) in [
        (MediaError::NotAcceptable("no codec".into()), "SIP/2.0 488"),
        (MediaError::Failed("no socket".into()), "SIP/2.0 480"),
    ] {
        let mut bench = Bench::registered();
        bench.frame(&invite("c1", ""));
        bench.answer();
        bench.sent.clear();
        bench.events.clear();
        bench.done(Err(error.clone()));
        assert_eq!(bench.sent.len(), 1);
        bench.last(status);
        assert_eq!(bench.events, [ended("c1", EndCause::Failed(error.to_string()))]);
    }
}

#[test]
fn without_an_offer_we_make_one_and_the_ack_answers_it() {
    let mut bench = Bench::registered();
    bench.frame(&invite_with("c1", "", ""));
    bench.answer();
    assert_eq!(bench.jobs[0].task, Task::Offer);
    bench.done(Ok(Some("v=0 ours\r\n".into())));
    assert!(bench.last("SIP/2.0 200").ends_with("v=0 ours\r\n"));
    let ack = bench.in_dialog("ACK", 10, "Content-Type: application/sdp\r\n", "v=0 theirs\r\n");
    bench.frame(&ack);
    assert_eq!(bench.jobs[1].task, Task::Accept("v=0 theirs\r\n".into()));
    bench.done(Err(MediaError::NotAcceptable("no".into())));
    bench.last("BYE");
    assert!(matches!(bench.events.last(), Some(Event::Ended { cause: EndCause::Failed(_), .. })));
}

#[test]
fn an_ack_without_the_answer_ends_the_call() {
    let mut bench = Bench::registered();
    bench.frame(&invite_with("c1", "", ""));
    bench.answer();
    bench.done(Ok(Some("v=0 ours\r\n".into())));
    let ack = bench.in_dialog("ACK", 10, "", "");
    bench.frame(&ack);
    bench.last("BYE");
}

#[test]
fn a_reinvite_renegotiates_and_never_ends_the_call() {
    let mut bench = Bench::talking();
    bench.forget_but_dialog();
    let sdp = "Content-Type: application/sdp\r\nContact: <sip:moved@10.9.9.9>\r\n";
    let reinvite = bench.in_dialog("INVITE", 11, sdp, "v=0 hold\r\n");
    bench.frame(&reinvite);
    assert_eq!(bench.jobs.last().unwrap().task, Task::Answer("v=0 hold\r\n".into()));
    // A second one while the first is being answered has to come again.
    let early = bench.in_dialog("INVITE", 12, sdp, "v=0 more\r\n");
    bench.frame(&early);
    line(bench.last("SIP/2.0 500"), "Retry-After");
    bench.done(Ok(Some("v=0 held\r\n".into())));
    let ok = bench.last("SIP/2.0 200");
    assert_eq!(line(ok, "CSeq"), "11 INVITE");
    assert!(ok.ends_with("v=0 held\r\n"));
    // No ACK for it: sent again, given up, and the call is still there.
    bench.wait(Duration::from_secs(33));
    let failing = bench.in_dialog("INVITE", 13, sdp, "v=0 video\r\n");
    bench.frame(&failing);
    bench.done(Err(MediaError::NotAcceptable("video".into())));
    bench.last("SIP/2.0 488");
    let stale = bench.in_dialog("INVITE", 12, sdp, "v=0 late\r\n");
    bench.frame(&stale);
    bench.last("SIP/2.0 500");
    assert!(bench.events.is_empty(), "{:?}", bench.events);
    bench.hang_up();
    assert!(bench.last("BYE").starts_with("BYE sip:moved@10.9.9.9 SIP/2.0"), "the target follows");
}

impl Bench {
    fn forget_but_dialog(&mut self) {
        self.events.clear();
        self.jobs.clear();
        self.sent.retain(|t| t.starts_with("SIP/2.0 180"));
    }
}

#[test]
fn other_requests_are_answered_as_they_should() {
    let mut bench = Bench::talking();
    let ask = |bench: &mut Bench, method: &str, headers: &str, body: &str, cseq: u32| {
        let request = bench.in_dialog(method, cseq, headers, body);
        bench.frame(&request);
        bench.sent.last().unwrap().clone()
    };
    let dtmf = "Content-Type: application/dtmf-relay\r\n";
    assert!(ask(&mut bench, "INFO", dtmf, "Signal=1\r\n", 11).starts_with("SIP/2.0 200"));
    assert!(ask(&mut bench, "INFO", "Content-Type: text/x\r\n", "x", 12).starts_with("SIP/2.0 415"));
    assert!(ask(&mut bench, "UPDATE", "", "", 13).starts_with("SIP/2.0 200"));
    assert!(ask(&mut bench, "UPDATE", "Content-Type: application/sdp\r\n", "v=0 u\r\n", 14).starts_with("SIP/2.0 200"));
    bench.done(Ok(Some("v=0 updated\r\n".into())));
    let updated = bench.sent.last().unwrap();
    assert!(updated.contains("14 UPDATE") && updated.ends_with("v=0 updated\r\n"));
    assert!(ask(&mut bench, "OPTIONS", "", "", 15).starts_with("SIP/2.0 200"));
    assert!(ask(&mut bench, "REFER", "Refer-To: <sip:evil@x>\r\n", "", 16).starts_with("SIP/2.0 603"));
    assert!(ask(&mut bench, "NOTIFY", "", "", 17).starts_with("SIP/2.0 481"));
    assert!(ask(&mut bench, "MESSAGE", "", "hi", 18).starts_with("SIP/2.0 200"));
    assert!(ask(&mut bench, "DANCE", "", "", 19).starts_with("SIP/2.0 405"));
    let events = bench.events.len();

    // Outside any dialog.
    let stray = |method: &str| invite_with("nobody", "", "").replace("INVITE", method);
    for (method, status) in [
        ("OPTIONS", "200"),
        ("BYE", "481"),
        ("CANCEL", "481"),
        ("INFO", "481"),
        ("UPDATE", "481"),
        ("SUBSCRIBE", "405"),
    ] {
        bench.frame(&stray(method));
        assert!(bench.sent.last().unwrap().starts_with(&format!("SIP/2.0 {status}")), "{method}");
    }
    assert_eq!(bench.events.len(), events);
}

#[test]
fn invites_we_cannot_take_are_refused() {
    let mut bench = Bench::registered();
    for (text, status) in [
        (invite("c1", "").replace("Contact: ", "X: "), "400"),
        (invite("c1", "").replace("Content-Length: 11", "Content-Length: 12"), "400"),
        (invite_with("c1", "Content-Type: multipart/mixed\r\n", "x"), "415"),
        (invite("c1", "Require: 100rel, precondition\r\n"), "420"),
    ] {
        bench.frame(&text);
        assert!(bench.sent.last().unwrap().starts_with(&format!("SIP/2.0 {status}")), "{text}");
    }
    assert!(bench.events.is_empty());
    bench.forget();
    bench.frame(&invite("c1", "Require: 100rel\r\n"));
    assert_eq!(bench.starts(), ["SIP/2.0 100 Trying"], "nothing provisional that would have to be reliable");
    assert_eq!(bench.events.len(), 1);
}

#[test]
fn a_confirmed_call_survives_the_connection() {
    let mut bench = Bench::talking();
    let before = bench.events.len();
    bench.down();
    assert_eq!(
        bench.events[before..],
        [
            Event::RegistrationFailed { error: SipError::Lost("cut".into()), retry_in: Some(Duration::ZERO) },
            Event::Registering
        ]
    );
    assert_eq!(bench.opened, 2, "again at once");
    assert!(!bench.jobs.iter().any(|job| job.task == Task::Close), "the audio is not touched");
    bench.sent.clear();
    bench.hang_up();
    assert!(bench.sent.is_empty());
    bench.up();
    assert_eq!(bench.starts().len(), 2);
    bench.last("REGISTER");
    bench.last("BYE");
    bench.grant();
    bench.respond("BYE", "200 OK", "");
    assert!(bench.agent.quiet());
    assert!(matches!(bench.events.last(), Some(Event::Registered { .. })));
}

#[test]
fn a_ringing_call_does_not_survive_the_connection() {
    let mut bench = Bench::registered();
    bench.frame(&invite("c1", ""));
    bench.down();
    assert!(bench.events.iter().any(|e| matches!(e, Event::Ended { cause: EndCause::Failed(_), .. })));
    assert_eq!(bench.jobs.len(), 1);
}

#[test]
fn reconnecting_goes_on_for_ever_and_never_in_a_tight_loop() {
    let mut bench = Bench::registered();
    let mut pauses = Vec::new();
    for _ in 0..30 {
        // A server that accepts the connection and cuts it at once.
        bench.events.clear();
        bench.up();
        bench.down();
        let retry = bench
            .events
            .iter()
            .find_map(|e| if let Event::RegistrationFailed { retry_in, .. } = e { *retry_in } else { None });
        pauses.push(retry.unwrap().as_secs_f64());
        let opened = bench.opened;
        bench.wait(Duration::from_secs_f64(pauses.last().unwrap() + 0.001));
        assert!(pauses.len() == 1 || bench.opened == opened + 1);
    }
    assert_eq!(pauses[0], 0.0);
    for (pause, base) in pauses[1..].iter().zip([1.0, 2.0, 4.0].into_iter().chain(std::iter::repeat(7.0))) {
        assert!((base * 0.79..base * 1.21).contains(pause), "{pauses:?}");
    }
}

#[test]
fn after_a_reconnect_it_is_the_same_phone() {
    let mut bench = Bench::bare();
    bench.agent.register(account(), bench.now);
    bench.up();
    bench.grant();
    let first = bench.last("REGISTER").to_owned();
    bench.down();
    bench.up();
    let second = bench.last("REGISTER");
    for header in ["Call-ID", "Contact", "From"] {
        assert_eq!(line(&first, header), line(second, header));
    }
    let number = |text: &str| line(text, "CSeq").split(' ').next().unwrap().parse::<u32>().unwrap();
    assert_eq!(number(second), number(&first) + 1);
}

#[test]
fn a_silent_registrar_costs_it_the_connection() {
    let mut bench = Bench::bare();
    bench.agent.register(account(), bench.now);
    bench.up();
    bench.wait(Duration::from_secs(32));
    assert_eq!(bench.closed, 1);
    assert!(matches!(
        bench.events.last(),
        Some(Event::RegistrationFailed { error: SipError::Timeout, retry_in: Some(_) })
    ));
    bench.wait(Duration::from_secs(2));
    assert_eq!(bench.opened, 2);
}

#[test]
fn a_refresh_is_quiet_and_a_failed_one_is_told() {
    let mut bench = Bench::registered();
    bench.wait(Duration::from_secs(597));
    bench.last("REGISTER");
    bench.grant();
    assert!(bench.events.is_empty(), "{:?}", bench.events);
    bench.wait(Duration::from_secs(597));
    bench.respond("REGISTER", "403 Forbidden", "");
    assert!(matches!(bench.events[..], [Event::RegistrationFailed { .. }]));
    bench.wait(Duration::from_secs(1));
    bench.grant();
    assert!(matches!(bench.events[1..], [Event::Registering, Event::Registered { .. }]));
}

#[test]
fn unregistering_ends_everything_in_order() {
    let mut bench = Bench::talking();
    bench.forget();
    bench.agent.unregister(bench.now);
    bench.collect();
    assert!(bench.starts()[0].starts_with("REGISTER") && bench.starts()[1].starts_with("BYE"), "{:?}", bench.starts());
    assert!(line(bench.last("REGISTER"), "Contact").ends_with(";expires=0"));
    assert_eq!(bench.events, [ended("c1", EndCause::Local)]);
    bench.frame(&invite("c2", ""));
    bench.last("SIP/2.0 480");
    bench.respond("REGISTER", "200 OK", "");
    assert_eq!(bench.closed, 0);
    bench.respond("BYE", "200 OK", "");
    assert_eq!(bench.closed, 1);
    assert_eq!(bench.events.last(), Some(&Event::Unregistered));
    bench.wait(Duration::from_secs(700));
    assert_eq!(bench.opened, 1, "and it stays off");
}

#[test]
fn unregistering_does_not_wait_for_a_dead_server() {
    let mut bench = Bench::registered();
    bench.agent.unregister(bench.now);
    bench.wait(FAREWELL);
    assert_eq!(bench.events, [Event::Unregistered]);
    // And signing in again works.
    bench.agent.register(account(), bench.now);
    bench.up();
    bench.grant();
    assert!(matches!(bench.events.last(), Some(Event::Registered { .. })));
}

#[test]
fn another_account_is_another_registration() {
    let mut bench = Bench::registered();
    bench.agent.register(Account { user: "ss1234ss8002".into(), ..account() }, bench.now);
    bench.collect();
    assert!(line(bench.last("REGISTER"), "Contact").ends_with(";expires=0"));
    assert_eq!(bench.opened, 2);
    bench.up();
    assert!(line(bench.last("REGISTER"), "From").contains("ss1234ss8002"));
    bench.agent.register(Account { user: "ss1234ss8002".into(), ..account() }, bench.now);
    bench.collect();
    assert_eq!(bench.opened, 2, "the same again is nothing new");
}

#[test]
fn keep_alives_of_the_server_are_answered() {
    let mut bench = Bench::registered();
    bench.frame("\r\n\r\n");
    assert_eq!(bench.sent, ["\r\n"]);
    bench.frame("\r\n");
    assert_eq!(bench.sent.len(), 1);
}

/// One step of a random life.
#[derive(Clone, Debug)]
enum Step {
    Invite(u8),
    Late(u8),
    Cancel(u8),
    Ack,
    Bye,
    Reinvite(u32),
    Answer,
    HangUp,
    Auto(bool),
    Media(bool),
    Down,
    Up,
    Grant,
    Wait(u16),
    Unregister,
    Register,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u8..3).prop_map(Step::Invite),
        1 => (0u8..3).prop_map(Step::Late),
        1 => (0u8..3).prop_map(Step::Cancel),
        3 => Just(Step::Ack),
        2 => Just(Step::Bye),
        1 => (11u32..20).prop_map(Step::Reinvite),
        3 => Just(Step::Answer),
        2 => Just(Step::HangUp),
        1 => any::<bool>().prop_map(Step::Auto),
        4 => any::<bool>().prop_map(Step::Media),
        1 => Just(Step::Down),
        2 => Just(Step::Up),
        2 => Just(Step::Grant),
        2 => (0u16..40_000).prop_map(Step::Wait),
        1 => Just(Step::Unregister),
        2 => Just(Step::Register),
    ]
}

impl Bench {
    fn live(&mut self, step: Step) {
        let name = |n: u8| format!("c{n}");
        let dialog =
            self.sent.iter().any(|t| t.starts_with("SIP/2.0 ") && t.contains(" INVITE\r\n") && t.contains(";tag="));
        match step {
            Step::Invite(n) => self.frame(&invite(&name(n), "")),
            Step::Late(n) => self.frame(&invite_with(&name(n), "", "")),
            Step::Cancel(n) => self.frame(&invite_with(&name(n), "", "").replace("INVITE", "CANCEL")),
            Step::Ack | Step::Bye | Step::Reinvite(_) if !dialog => {}
            Step::Ack => {
                let text =
                    self.in_dialog("ACK", 10, "", "").replace("Call-ID: c1", &format!("Call-ID: {}", self.last_call()));
                self.frame(&text);
            }
            Step::Bye => {
                let text =
                    self.in_dialog("BYE", 30, "", "").replace("Call-ID: c1", &format!("Call-ID: {}", self.last_call()));
                self.frame(&text);
            }
            Step::Reinvite(cseq) => {
                let sdp = "Content-Type: application/sdp\r\nContact: <sip:a@b>\r\n";
                let text = self
                    .in_dialog("INVITE", cseq, sdp, OFFER)
                    .replace("Call-ID: c1", &format!("Call-ID: {}", self.last_call()));
                self.frame(&text);
            }
            Step::Answer => self.answer(),
            Step::HangUp => self.hang_up(),
            Step::Auto(on) => self.agent.set_auto_answer(on),
            Step::Media(true) => self.done(Ok(Some("v=0\r\n".into()))),
            Step::Media(false) => self.done(Err(MediaError::Failed("no".into()))),
            Step::Down if matches!(self.agent.link, Link::Up | Link::Opening) => self.down(),
            Step::Up if self.agent.link == Link::Opening => self.up(),
            Step::Down | Step::Up => {}
            Step::Grant if self.sent.iter().any(|t| t.starts_with("REGISTER")) => self.grant(),
            Step::Grant => {}
            Step::Wait(ms) => self.wait(Duration::from_millis(ms.into())),
            Step::Unregister => self.agent.unregister(self.now),
            Step::Register => self.agent.register(account(), self.now),
        }
        self.collect();
    }

    fn last_call(&self) -> String {
        self.sent
            .iter()
            .rev()
            .find(|t| t.starts_with("SIP/2.0 180") || t.starts_with("SIP/2.0 200"))
            .and_then(|t| t.lines().find_map(|l| l.strip_prefix("Call-ID: ")))
            .unwrap_or("c1")
            .to_owned()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens in whatever order: every call that came ends exactly once, its sound is closed, calls never
    /// overlap, and nothing stays behind.
    #[test]
    fn every_call_ends_once(steps in prop::collection::vec(step(), 1..60)) {
        let mut bench = Bench::registered();
        for step in steps {
            bench.live(step);
        }
        bench.hang_up();
        bench.agent.unregister(bench.now);
        bench.collect();
        bench.wait(Duration::from_secs(120));
        prop_assert!(bench.agent.quiet());
        prop_assert_eq!(bench.agent.deadline(), None);
        let mut ringing: HashSet<&str> = HashSet::new();
        let mut calls: HashMap<&str, i32> = HashMap::new();
        for event in &bench.events {
            match event {
                Event::Incoming { call_id, .. } => {
                    prop_assert!(ringing.is_empty(), "two calls at once");
                    ringing.insert(call_id);
                    *calls.entry(call_id).or_default() += 1;
                }
                Event::Answered { call_id } => prop_assert!(ringing.contains(call_id.as_str())),
                Event::Ended { call_id, .. } => prop_assert!(ringing.remove(call_id.as_str()), "ended twice"),
                Event::Registering
                | Event::Registered { .. }
                | Event::RegistrationFailed { .. }
                | Event::Unregistered
                | Event::Media(_)
                | Event::Muted(_) => {}
            }
        }
        prop_assert!(ringing.is_empty(), "never ended: {:?}", ringing);
        for (call_id, times) in calls {
            let closed = bench.jobs.iter().filter(|j| j.call_id == call_id && j.task == Task::Close).count();
            prop_assert_eq!(closed, usize::try_from(times).unwrap());
        }
    }

    /// An INVITE damaged at random never hurts, and the next good one is still served.
    #[test]
    fn damaged_invites_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bench = Bench::registered();
        let mut bytes = invite("c1", "Call-Info: <sip:x>;answer-after=0\r\nExpires: 30\r\nRequire: 100rel\r\n").into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                2 => bytes.insert(at, byte),
                _ => { let part = bytes[at..(at + 20).min(bytes.len())].to_vec(); bytes.extend(part); }
            }
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        bench.agent.frame(&bytes, bench.now);
        bench.collect();
        bench.done(Ok(Some("v=0\r\n".into())));
        bench.hang_up();
        bench.wait(Duration::from_secs(70));
        bench.forget();
        bench.frame(&invite("fresh", ""));
        prop_assert!(bench.starts().contains(&"SIP/2.0 180 Ringing"));
    }

    /// Any bytes at all are read or refused.
    #[test]
    fn junk_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "[ -~\r\n\t]{0,400}") {
        let mut bench = Bench::registered();
        bench.agent.frame(&bytes, bench.now);
        bench.agent.frame(text.as_bytes(), bench.now);
    }
}
