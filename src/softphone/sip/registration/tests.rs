//! The registration's answers to a registrar, and its pauses.

use super::*;
use crate::softphone::sip::message::{Incoming, parse};

struct Bench {
    identity: Identity,
    registration: Registration,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let account = Account { user: "ss1234ss8001".into(), password: "secret".into() };
        Self {
            identity: Identity::new("sip.example.test", true),
            registration: Registration::new(&account),
            now: Instant::now(),
        }
    }

    fn reply(&mut self, to: &str, status: &str, headers: &str) -> Option<Outcome> {
        let via = to.lines().find(|l| l.starts_with("Via")).unwrap();
        let text = format!("SIP/2.0 {status}\r\n{via}\r\n{headers}\r\n");
        match parse(text.as_bytes()) {
            Ok(Incoming::Response(response)) => self.registration.response(&response, &self.identity, self.now),
            other => panic!("{other:?}"),
        }
    }

    fn sent(outcome: Option<Outcome>) -> String {
        match outcome {
            Some(Outcome::Send(text)) => text,
            other => panic!("nothing sent: {other:?}"),
        }
    }
}

fn registered(seconds: u64) -> Option<Outcome> {
    Some(Outcome::Registered { expires: Duration::from_secs(seconds), flow_timer: None })
}

fn line<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn the_request_is_the_originals() {
    let mut bench = Bench::new();
    let text = bench.registration.begin(&bench.identity, bench.now);
    let names: Vec<_> = text.lines().skip(1).filter_map(|l| l.split(':').next()).filter(|n| !n.is_empty()).collect();
    assert_eq!(
        names,
        [
            "Via",
            "Max-Forwards",
            "To",
            "From",
            "Call-ID",
            "CSeq",
            "Contact",
            "Allow",
            "Supported",
            "User-Agent",
            "Content-Length"
        ]
    );
    assert!(text.starts_with("REGISTER sip:sip.example.test SIP/2.0\r\nVia: SIP/2.0/WSS 192.0.2."));
    assert_eq!(line(&text, "To"), "<sip:ss1234ss8001@sip.example.test>");
    let contact = line(&text, "Contact");
    assert!(contact.contains(";transport=ws>;reg-id=1;+sip.instance=\"<urn:uuid:"), "{contact}");
    assert!(contact.ends_with("\";expires=600"), "{contact}");
    assert!(text.ends_with("Content-Length: 0\r\n\r\n"));
}

#[test]
fn the_lifetime_is_that_of_our_own_contact() {
    let mut bench = Bench::new();
    let text = bench.registration.begin(&bench.identity, bench.now);
    let user = bench.identity.contact_user.clone();
    let contacts = format!(
        "Contact: <sip:other@1.2.3.4>;expires=594, <sip:{user}@127.0.0.1:4711;transport=WS>;expires=\"300\"\r\nExpires: 60\r\n"
    );
    let outcome = bench.reply(&text, "200 OK", &contacts);
    assert_eq!(outcome, registered(300));
    assert_eq!(bench.registration.deadline(), Some(bench.now + Duration::from_secs(297)));

    bench.now += Duration::from_secs(297);
    let refresh = Bench::sent(bench.registration.tick(&bench.identity, bench.now));
    assert_eq!(line(&refresh, "Call-ID"), line(&text, "Call-ID"));
    assert_eq!(bench.reply(&refresh, "200 OK", "Expires: 10\r\n"), registered(10));
    assert_eq!(bench.registration.deadline(), Some(bench.now + Duration::from_secs(8)), "short: at 80 %");
}

#[test]
fn a_challenge_is_met_once_and_kept_for_the_refresh() {
    let mut bench = Bench::new();
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"\r\n";
    let first = bench.registration.begin(&bench.identity, bench.now);
    let second = Bench::sent(bench.reply(&first, "401 Unauthorized", challenge));
    let number = |text: &str| line(text, "CSeq").split(' ').next().unwrap().parse::<u32>().unwrap();
    assert_eq!(number(&second), number(&first) + 1);
    assert_ne!(line(&second, "Via"), line(&first, "Via"));
    assert!(line(&second, "Authorization").ends_with("nc=00000001"));
    assert!(matches!(bench.reply(&second, "200 OK", ""), Some(Outcome::Registered { .. })));

    // The refresh goes with the old nonce; when that has got stale there is one more round.
    let refresh = bench.registration.begin(&bench.identity, bench.now);
    assert!(line(&refresh, "Authorization").ends_with("nc=00000002"));
    let stale = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", stale=true\r\n";
    let again = Bench::sent(bench.reply(&refresh, "401 Unauthorized", stale));
    assert!(line(&again, "Authorization").contains("nonce=\"n2\""));
    assert!(matches!(bench.reply(&again, "200 OK", ""), Some(Outcome::Registered { .. })));
}

#[test]
fn a_wrong_password_waits_half_a_minute() {
    let mut bench = Bench::new();
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"\r\n";
    let first = bench.registration.begin(&bench.identity, bench.now);
    let second = Bench::sent(bench.reply(&first, "401 Unauthorized", challenge));
    let outcome = bench.reply(&second, "401 Unauthorized", challenge);
    assert_eq!(outcome, Some(Outcome::Failed { error: SipError::Credentials, retry_in: Duration::from_secs(30) }));
    bench.now += Duration::from_secs(30);
    Bench::sent(bench.registration.tick(&bench.identity, bench.now));
}

#[test]
fn too_brief_is_mended_and_refusals_back_off_for_ever() {
    let mut bench = Bench::new();
    let text = bench.registration.begin(&bench.identity, bench.now);
    let mut text = Bench::sent(bench.reply(&text, "423 Interval Too Brief", "Min-Expires: 1800\r\n"));
    assert!(line(&text, "Contact").ends_with("expires=1800"));
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let Some(Outcome::Failed { error, retry_in }) = bench.reply(&text, "403 Forbidden", "") else { panic!() };
        assert_eq!(error, SipError::Rejected { code: 403, reason: "Forbidden".into() });
        pauses.push(retry_in.as_secs_f64());
        bench.now += retry_in;
        text = Bench::sent(bench.registration.tick(&bench.identity, bench.now));
    }
    assert!((0.4..0.6).contains(&pauses[0]) && (24.0..36.0).contains(&pauses[11]), "{pauses:?}");
    let Some(Outcome::Failed { retry_in, .. }) = bench.reply(&text, "503 Busy", "Retry-After: 120 (maintenance)\r\n")
    else {
        panic!()
    };
    assert!((120.0..150.0).contains(&retry_in.as_secs_f64()), "{retry_in:?}: not all phones at once");
}

#[test]
fn a_registrar_that_sends_us_round_is_not_run_after() {
    let target = |text: &str| text.split(' ').nth(1).unwrap_or_default().to_owned();
    // One that has moved, and its neighbour, are followed.
    let mut bench = Bench::new();
    let text = bench.registration.begin(&bench.identity, bench.now);
    let text = Bench::sent(bench.reply(&text, "302 Moved", "Contact: <sip:b.example.test;lr>;q=1\r\n"));
    assert_eq!(target(&text), "sip:b.example.test;lr");
    let text = Bench::sent(bench.reply(&text, "301 Moved", "Contact: <sip:c.example.test>\r\n"));
    assert_eq!(target(&text), "sip:c.example.test");
    assert_eq!(bench.reply(&text, "200 OK", ""), registered(600));

    // To itself, round in a circle, and to nowhere.
    for contacts in [["sip:sip.example.test"; 2], ["sip:b.example.test", "sip:sip.example.test"], ["mailto:x@y"; 2]] {
        let mut bench = Bench::new();
        let (mut requests, mut pauses) = (1, Vec::new());
        let mut text = bench.registration.begin(&bench.identity, bench.now);
        while pauses.len() < 6 {
            let contact = contacts[usize::from(target(&text) != "sip:sip.example.test")];
            match bench.reply(&text, "302 Moved", &format!("Contact: <{contact}>\r\n")).unwrap() {
                Outcome::Send(again) => text = again,
                Outcome::Failed { error: SipError::Rejected { code: 302, .. }, retry_in } => {
                    pauses.push(retry_in.as_secs_f64());
                    bench.now += retry_in;
                    text = Bench::sent(bench.registration.tick(&bench.identity, bench.now));
                }
                other @ (Outcome::Failed { .. }
                | Outcome::Registered { .. }
                | Outcome::Silent
                | Outcome::Unregistered) => panic!("{other:?}"),
            }
            requests += 1;
        }
        assert!(requests <= 7 + 2 * 6, "{requests} for {contacts:?}");
        assert!(pauses[0] >= 3.2 && pauses[5] >= 24.0 && pauses[5] <= 36.0, "{pauses:?}");
    }
}

#[test]
fn a_403_to_credentials_is_a_wrong_password_and_the_next_attempt_begins_without_them() {
    let mut bench = Bench::new();
    let first = bench.registration.begin(&bench.identity, bench.now);
    let Some(Outcome::Failed { error: SipError::Rejected { code: 403, .. }, retry_in }) =
        bench.reply(&first, "403 Forbidden", "")
    else {
        panic!("nobody has asked for a password yet");
    };
    bench.now += retry_in;
    let second = Bench::sent(bench.registration.tick(&bench.identity, bench.now));
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"\r\n";
    let third = Bench::sent(bench.reply(&second, "401 Unauthorized", challenge));
    let outcome = bench.reply(&third, "403 Forbidden (Bad auth)", "");
    assert_eq!(outcome, Some(Outcome::Failed { error: SipError::Credentials, retry_in: Duration::from_secs(30) }));
    bench.now += Duration::from_secs(30);
    let again = Bench::sent(bench.registration.tick(&bench.identity, bench.now));
    assert!(!again.contains("\r\nAuthorization:"), "{again}");
}

#[test]
fn no_answer_in_32_seconds_condemns_the_connection() {
    let mut bench = Bench::new();
    bench.registration.begin(&bench.identity, bench.now);
    bench.now += Duration::from_millis(31_999);
    assert_eq!(bench.registration.tick(&bench.identity, bench.now), None);
    bench.now += Duration::from_millis(1);
    assert_eq!(bench.registration.tick(&bench.identity, bench.now), Some(Outcome::Silent));
}

#[test]
fn leaving_takes_the_binding_back() {
    let mut bench = Bench::new();
    assert_eq!(bench.registration.leave(&bench.identity, bench.now), None);
    let text = bench.registration.begin(&bench.identity, bench.now);
    bench.reply(&text, "200 OK", "");
    let goodbye = bench.registration.leave(&bench.identity, bench.now).unwrap();
    assert!(line(&goodbye, "Contact").ends_with(";expires=0"));
    assert!(!goodbye.contains("\r\nAllow:"));
    assert_eq!(bench.reply(&goodbye, "200 OK", ""), Some(Outcome::Unregistered));
    assert_eq!(bench.registration.deadline(), None);
}

#[test]
fn somebody_elses_response_is_not_ours() {
    let mut bench = Bench::new();
    bench.registration.begin(&bench.identity, bench.now);
    assert_eq!(bench.reply("Via: SIP/2.0/WSS x;branch=z9hG4bKother", "200 OK", ""), None);
    assert!(!bench.registration.bound());
}

#[test]
fn odd_characters_of_a_user_are_escaped() {
    assert_eq!(escape_user("ss1ss80 01@x"), "ss1ss80%2001%40x");
}

#[test]
fn hope_does_not_hurry_a_registrar_that_said_when_nor_repeat_a_wrong_password() {
    let hastened = |bench: &mut Bench| bench.registration.hasten(&bench.identity, bench.now).is_some();
    let mut bench = Bench::new();
    let text = bench.registration.begin(&bench.identity, bench.now);
    bench.reply(&text, "503 Busy", "Retry-After: 20\r\n");
    bench.now += Duration::from_secs(10);
    assert!(!hastened(&mut bench));
    assert!(bench.registration.deadline().unwrap() >= bench.now + Duration::from_secs(10), "it stays at its time");
    // Without a word from the registrar hope counts.
    let text = Bench::sent(bench.registration.tick(&bench.identity, bench.now + Duration::from_secs(20)));
    bench.now += Duration::from_secs(20);
    bench.reply(&text, "404 Not Found", "");
    bench.now += Duration::from_secs(2);
    assert!(hastened(&mut bench));

    let mut bench = Bench::new();
    let text = bench.registration.begin(&bench.identity, bench.now);
    let challenge = "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\"\r\n";
    let text = Bench::sent(bench.reply(&text, "401 Unauthorized", challenge));
    bench.reply(&text, "401 Unauthorized", challenge);
    bench.now += Duration::from_secs(10);
    assert!(!hastened(&mut bench), "another attempt with the same password");
    bench.registration.set_password(&Account { user: "ss1234ss8001".into(), password: "other".into() });
    assert!(hastened(&mut bench));
}

#[test]
fn a_binding_that_is_doubted_is_renewed_before_it_is_due_once_a_second() {
    let refreshed = |bench: &mut Bench| bench.registration.refresh(&bench.identity, bench.now);
    let mut bench = Bench::new();
    let text = bench.registration.begin(&bench.identity, bench.now);
    assert!(refreshed(&mut bench).is_none(), "it is being asked");
    bench.reply(&text, "200 OK", "Expires: 600\r\n");
    assert!(refreshed(&mut bench).is_none(), "a moment ago");
    bench.now += Duration::from_secs(2);
    let text = refreshed(&mut bench).expect("a REGISTER");
    assert!(text.starts_with("REGISTER "));
    assert!(bench.registration.bound(), "until the registrar says otherwise");
    assert!(refreshed(&mut bench).is_none());
}
