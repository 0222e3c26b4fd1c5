//! The registration: a state machine without I/O (RFC 3261 10.2, RFC 5626; protocol `softphone.md` 3).
//!
//! Told of responses and of time, it says what to send and what has become of it. It never gives up: every failure has
//! a next attempt.

use std::{ops::Range, time::Duration};

use tokio::time::Instant;

use super::{
    digest::{Challenge, Credentials},
    identity::{ALLOW_REGISTER, Identity, USER_AGENT, branch, token},
    message::{Response, Writer, name_addr, param, scheme_is_sip, user_of},
};
use crate::softphone::{Account, SipError};

/// Lifetime asked for, s.
const EXPIRES: u32 = 600;
/// Longest lifetime we let a registrar force on us by 423, s.
const EXPIRES_MAX: u32 = 86_400;
/// Timer F (RFC 3261 17.1.2.2): how long an answer is waited for.
pub(super) const TIMER_F: Duration = Duration::from_secs(32);
/// Pause after a refused password: it rarely gets right by itself, and repeated failures get an address banned.
const WRONG_PASSWORD_PAUSE: Duration = Duration::from_secs(30);
/// Longest pause a registrar may ask for by Retry-After.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// Rounds of challenge and answer in one attempt before it counts as refused.
const ROUNDS: u8 = 4;

/// What has come of an input.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// This goes out.
    Send(String),
    /// Bound, for the first time or again.
    Registered {
        /// Until the binding runs out.
        expires: Duration,
        /// How often the server wants to hear something (RFC 5626 5.4 `Flow-Timer`).
        flow_timer: Option<Duration>,
    },
    /// Refused; tried again by itself after the pause.
    Failed { error: SipError, retry_in: Duration },
    /// The server does not answer at all: the connection is not worth keeping.
    Silent,
    /// No longer bound, as asked.
    Unregistered,
}

#[derive(Debug, PartialEq)]
enum Phase {
    /// Nothing under way: no connection, or done.
    Idle,
    /// REGISTER sent.
    Asked { branch: String, give_up: Instant, rounds: u8, answered: Vec<Challenge>, leaving: bool },
    /// Bound.
    Bound { refresh: Instant },
    /// Waits after a failure.
    Pause { until: Instant },
}

/// One account's registration.
pub(super) struct Registration {
    user: String,
    call_id: String,
    from_tag: String,
    cseq: u32,
    expires: u32,
    /// Where REGISTER is addressed to, if a redirect has said so; over the same connection all the same.
    moved_to: Option<String>,
    credentials: Credentials,
    phase: Phase,
    failures: u32,
    bound: bool,
}

impl Registration {
    pub(super) fn new(account: &Account) -> Self {
        Self {
            user: escape_user(&account.user),
            call_id: token(22),
            from_tag: token(10),
            cseq: rand::random_range(1..10_000),
            expires: EXPIRES,
            moved_to: None,
            credentials: Credentials::new(account.user.clone(), account.password.clone()),
            phase: Phase::Idle,
            failures: 0,
            bound: false,
        }
    }

    /// Our address of record, the From of what we send.
    pub(super) fn credentials(&mut self) -> &mut Credentials {
        &mut self.credentials
    }

    /// Whether the registrar has us.
    pub(super) fn bound(&self) -> bool {
        self.bound
    }

    /// A REGISTER is being waited for.
    pub(super) fn asking(&self) -> bool {
        matches!(self.phase, Phase::Asked { .. })
    }

    /// Registers, or refreshes: what to send.
    pub(super) fn begin(&mut self, identity: &Identity, now: Instant) -> String {
        self.ask(identity, now, 0, Vec::new(), false)
    }

    /// Takes the binding back: what to send, if there is a binding.
    pub(super) fn leave(&mut self, identity: &Identity, now: Instant) -> Option<String> {
        (self.bound || self.asking()).then(|| self.ask(identity, now, 0, Vec::new(), true))
    }

    /// The connection is gone, and with it the binding's use.
    pub(super) fn link_lost(&mut self) {
        self.bound = false;
        self.moved_to = None;
        self.phase = Phase::Idle;
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Asked { give_up, .. } => Some(*give_up),
            Phase::Bound { refresh } => Some(*refresh),
            Phase::Pause { until } => Some(*until),
        }
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, identity: &Identity, now: Instant) -> Option<Outcome> {
        if self.deadline()? > now {
            return None;
        }
        match &self.phase {
            Phase::Idle => None,
            Phase::Asked { leaving, .. } => {
                let outcome = if *leaving { Outcome::Unregistered } else { Outcome::Silent };
                self.link_lost();
                Some(outcome)
            }
            Phase::Bound { .. } | Phase::Pause { .. } => Some(Outcome::Send(self.begin(identity, now))),
        }
    }

    /// A response came; `None` if it is not for us or not the last word.
    pub(super) fn response(&mut self, response: &Response, identity: &Identity, now: Instant) -> Option<Outcome> {
        let Phase::Asked { branch, rounds, answered, leaving, .. } = &self.phase else { return None };
        let via = response.headers.values("Via").next()?;
        if param(via, "branch") != Some(branch) || response.code < 200 {
            return None;
        }
        let (rounds, mut answered, leaving) = (*rounds, answered.clone(), *leaving);
        match response.code {
            200..=299 if leaving => {
                self.link_lost();
                Some(Outcome::Unregistered)
            }
            200..=299 => Some(self.granted(response, identity, now)),
            401 | 407 => {
                let challenges = Challenge::choose(&response.headers);
                // A refusal of what we said to this very realm, and not for its age: the password is wrong. A proxy and
                // the registrar may well ask one after the other.
                let wrong = challenges.iter().any(|c| !c.stale && answered.iter().any(|known| known.asks_like(c)));
                if rounds < ROUNDS && !challenges.is_empty() && !wrong {
                    answered.extend(challenges.iter().cloned());
                    self.credentials.challenged(challenges);
                    return Some(Outcome::Send(self.ask(identity, now, rounds + 1, answered, leaving)));
                }
                if leaving {
                    self.link_lost();
                    return Some(Outcome::Unregistered);
                }
                if wrong {
                    return Some(self.refused(SipError::Credentials, Some(WRONG_PASSWORD_PAUSE), now));
                }
                let reason = if challenges.is_empty() {
                    "no digest algorithm in common"
                } else {
                    "the server asks for credentials again and again"
                };
                let error = SipError::Rejected { code: response.code, reason: reason.to_owned() };
                Some(self.refused(error, None, now))
            }
            301 | 302 if rounds < ROUNDS => match response.headers.values("Contact").find_map(name_addr) {
                Some((uri, _)) if scheme_is_sip(uri) => {
                    tracing::info!(uri, "the registrar has moved");
                    self.moved_to = Some(uri.split(['?', '>']).next().unwrap_or(uri).to_owned());
                    Some(Outcome::Send(self.ask(identity, now, rounds + 1, answered, leaving)))
                }
                Some(_) | None => Some(self.rejected(response, now)),
            },
            _ if leaving => {
                self.link_lost();
                Some(Outcome::Unregistered)
            }
            423 if rounds < ROUNDS => match response.headers.seconds("Min-Expires") {
                Some(least) if least > self.expires && least <= EXPIRES_MAX => {
                    self.expires = least;
                    Some(Outcome::Send(self.ask(identity, now, rounds + 1, answered, false)))
                }
                _ => Some(self.rejected(response, now)),
            },
            _ => Some(self.rejected(response, now)),
        }
    }

    fn granted(&mut self, response: &Response, identity: &Identity, now: Instant) -> Outcome {
        let seconds = granted_lifetime(response, &identity.contact_user);
        if seconds == 0 {
            let reason = "the registrar gave the binding no lifetime".to_owned();
            return self.refused(SipError::Rejected { code: response.code, reason }, None, now);
        }
        let lifetime = Duration::from_secs(seconds.into());
        // 3 s early, but a short lifetime is not used up to the last tenth.
        let wait = lifetime.mul_f64(0.8).max(lifetime.saturating_sub(Duration::from_secs(3)));
        self.phase = Phase::Bound { refresh: now + wait };
        self.failures = 0;
        self.bound = true;
        self.credentials.succeeded(&response.headers);
        let flow_timer = response.headers.seconds("Flow-Timer").filter(|seconds| *seconds > 0);
        Outcome::Registered { expires: lifetime, flow_timer: flow_timer.map(|s| Duration::from_secs(s.max(5).into())) }
    }

    fn rejected(&mut self, response: &Response, now: Instant) -> Outcome {
        let pause = response.headers.seconds("Retry-After").map(|s| Duration::from_secs(s.into()).min(RETRY_AFTER_MAX));
        // Everybody was told the same, so that everybody would be back in the same instant.
        let pause = pause.map(|pause| pause.mul_f64(rand::random_range(1.0..1.25)));
        // A server in trouble is so for all its phones.
        let troubled = matches!(response.code, 408 | 500..600);
        let pause = pause.or_else(|| troubled.then(|| spread(self.failures)));
        self.refused(SipError::Rejected { code: response.code, reason: response.reason.clone() }, pause, now)
    }

    fn refused(&mut self, error: SipError, pause: Option<Duration>, now: Instant) -> Outcome {
        let own = jittered(Duration::from_millis(500 << self.failures.min(6)).min(Duration::from_secs(30)));
        let retry_in = pause.unwrap_or(own).max(own.min(Duration::from_secs(1)));
        self.failures += 1;
        self.bound = false;
        self.moved_to = None;
        self.phase = Phase::Pause { until: now + retry_in };
        Outcome::Failed { error, retry_in }
    }

    fn ask(
        &mut self,
        identity: &Identity,
        now: Instant,
        rounds: u8,
        answered: Vec<Challenge>,
        leaving: bool,
    ) -> String {
        let branch = branch();
        self.cseq += 1;
        let registrar = self.moved_to.clone().unwrap_or_else(|| format!("sip:{}", identity.domain));
        let record = format!("<sip:{}@{}>", self.user, identity.domain);
        let mut writer = Writer::request("REGISTER", &registrar)
            .header("Via", &identity.via(&branch))
            .header("Max-Forwards", "70")
            .header("To", &record)
            .header("From", &format!("{record};tag={}", self.from_tag))
            .header("Call-ID", &self.call_id)
            .header("CSeq", &format!("{} REGISTER", self.cseq));
        for (name, value) in self.credentials.headers("REGISTER", &registrar, "") {
            writer = writer.header(name, &value);
        }
        let expires = if leaving { 0 } else { self.expires };
        writer = writer.header("Contact", &identity.register_contact(expires));
        if !leaving {
            writer = writer.header("Allow", ALLOW_REGISTER);
        }
        self.phase = Phase::Asked { branch, give_up: now + TIMER_F, rounds, answered, leaving };
        writer.header("Supported", "path, gruu, outbound").header("User-Agent", USER_AGENT).end()
    }
}

/// First pauses, s, when the server is in trouble: a short restart costs an agent a few seconds.
const SERVER_SOON: [Range<f64>; 3] = [0.5..1.5, 1.0..3.0, 2.0..6.0];
/// The pause after them, s: its phones have lost the server in the same instant and must not come back in one. Spread
/// like this, a second sees 1 of 29 of them (RFC 5626 4.5 has the same in mind, with 30 s and more).
const SERVER_FIRST: Range<f64> = 1.0..30.0;
/// Later ones: longer than the first, so that those who come again do not meet those who come for the first time.
const SERVER_LATER: Range<f64> = 30.0..50.0;

/// How long to leave a server alone that is in trouble for all its phones, after so many failures before.
pub(super) fn spread(failures: u32) -> Duration {
    let failures = usize::try_from(failures).unwrap_or(usize::MAX);
    let later = if failures == SERVER_SOON.len() { SERVER_FIRST } else { SERVER_LATER };
    Duration::from_secs_f64(rand::random_range(SERVER_SOON.get(failures).cloned().unwrap_or(later)))
}

/// A few percent off, so that a thousand phones do not come back in the same instant.
pub(super) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.8..1.2))
}

/// Registrars list the user's other phones too, and rewrite our host: the user part of the Contact tells which is ours.
fn granted_lifetime(response: &Response, contact_user: &str) -> u32 {
    let ours = response.headers.values("Contact").filter_map(name_addr).find(|(uri, _)| user_of(uri) == contact_user);
    ours.and_then(|(_, params)| param(params, "expires")?.parse().ok())
        .or_else(|| response.headers.seconds("Expires"))
        .unwrap_or(EXPIRES)
}

/// The user part as it may stand in a URI (RFC 3261 25.1 `user`).
fn escape_user(user: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'!')
        .remove(b'~')
        .remove(b'*')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')')
        .remove(b'&')
        .remove(b'=')
        .remove(b'+')
        .remove(b'$')
        .remove(b',');
    utf8_percent_encode(user, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
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
        text.lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    #[test]
    fn the_request_is_the_originals() {
        let mut bench = Bench::new();
        let text = bench.registration.begin(&bench.identity, bench.now);
        let names: Vec<_> =
            text.lines().skip(1).filter_map(|l| l.split(':').next()).filter(|n| !n.is_empty()).collect();
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
        let Some(Outcome::Failed { retry_in, .. }) =
            bench.reply(&text, "503 Busy", "Retry-After: 120 (maintenance)\r\n")
        else {
            panic!()
        };
        assert!((120.0..150.0).contains(&retry_in.as_secs_f64()), "{retry_in:?}: not all phones at once");
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
}
