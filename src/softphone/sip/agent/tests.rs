//! The user agent's behaviour, without sockets and with time in the test's hand.

mod calls;
mod extensions;
mod links;
mod outgoing;
mod random;
mod refresh;
mod torture;

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
    proofs: usize,
    keep_alive: Option<Duration>,
}

impl Bench {
    fn bare() -> Self {
        Self {
            agent: Agent::new("sip.example.test", true, std::sync::Arc::new(acceptable)),
            now: Instant::now(),
            sent: Vec::new(),
            events: Vec::new(),
            jobs: Vec::new(),
            opened: 0,
            closed: 0,
            proofs: 0,
            keep_alive: None,
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
                Output::Prove => self.proofs += 1,
                Output::KeepAlive(every) => self.keep_alive = Some(every),
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
        self.lost(Trouble::Cut);
    }

    fn lost(&mut self, trouble: Trouble) {
        self.agent.link_down(SipError::Lost("cut".into()), trouble, self.now);
        self.collect();
    }

    fn up(&mut self) {
        self.agent.link_up(self.now);
        self.collect();
    }

    fn done(&mut self, result: JobResult) {
        let silent = |task: &Task| matches!(task, Task::Close | Task::Rollback);
        let id = self.jobs.iter().rev().find(|job| !silent(&job.task)).map_or(0, |job| job.id);
        self.agent.media_done(id, result, self.now);
        self.collect();
    }

    fn answer(&mut self) {
        let ringing = self.agent.calls.iter().find(|call| matches!(call.phase, Phase::Ringing { .. }));
        if let Some(call_id) = ringing.map(|call| call.call_id.clone()) {
            self.agent.answer(&call_id);
        }
        self.collect();
    }

    fn hang_up(&mut self) {
        self.agent.hang_up_all(self.now);
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

    /// A response to a request of ours inside a call, with everything a response echoes.
    fn respond_in_call(&mut self, to: &str, status: &str, headers: &str, body: &str) {
        let request = self.last(to).to_owned();
        let echo: String = ["Via", "To", "From", "Call-ID", "CSeq"]
            .iter()
            .map(|name| format!("{name}: {}\r\n", line(&request, name)))
            .collect();
        self.frame(&format!("SIP/2.0 {status}\r\n{echo}{headers}Content-Length: {}\r\n\r\n{body}", body.len()));
    }

    /// Another path is wanted, and the server, where there is a connection, gives a sign of life.
    fn reoffer(&mut self) {
        self.agent.reoffer("c1", false, self.now);
        if self.agent.link == Link::Up {
            self.agent.proven(self.now);
        }
        self.collect();
    }

    fn tasks(&self) -> Vec<&Task> {
        self.jobs.iter().map(|job| &job.task).collect()
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

/// What the media room would say to an offer.
fn acceptable(offer: &str) -> Result<(), MediaError> {
    if offer.contains("G729") { Err(MediaError::NotAcceptable("no codec in common".into())) } else { Ok(()) }
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
        "INVITE sip:ss1234ss8001@127.0.0.1:4711;transport=WS SIP/2.0\r\n\
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

impl Bench {
    fn forget_but_dialog(&mut self) {
        self.events.clear();
        self.jobs.clear();
        self.sent.retain(|t| t.starts_with("SIP/2.0 180"));
    }
}
