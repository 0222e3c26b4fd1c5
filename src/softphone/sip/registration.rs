//! The registration: a state machine without I/O (RFC 3261 10.2, RFC 5626; protocol `softphone.md` 3).
//!
//! Told of responses and of time, it says what to send and what has become of it. It never gives up: every failure has
//! a next attempt.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{
    binding::{granted_lifetime, names},
    digest::{Challenge, Credentials},
    headers::{name_addr, param, scheme_is_sip},
    identity::{ALLOW_REGISTER, Identity, USER_AGENT, branch, token},
    link::Trouble,
    message::{Response, Writer},
    outage::Outage,
    timers::TIMER_F,
};
use crate::softphone::{Account, SipError};

/// Lifetime asked for, s.
const EXPIRES: u32 = 600;
/// Longest lifetime we let a registrar force on us by 423, s.
const EXPIRES_MAX: u32 = 86_400;
/// Pause after a refused password: it rarely gets right by itself, and repeated failures get an address banned.
const WRONG_PASSWORD_PAUSE: Duration = Duration::from_secs(30);
/// A binding is refreshed no oftener than this, whatever lifetime is granted and whoever asks for it.
const LEAST_REFRESH: Duration = Duration::from_secs(1);
/// Redirections that are followed in one attempt.
const REDIRECTS: u8 = 2;
/// First pause after a redirection that leads nowhere; it doubles.
const REDIRECTED_PAUSE: Duration = Duration::from_secs(4);
/// Names of ours that are remembered: a registrar that invents another with every refresh does not fill the memory.
const MOST_NAMES: usize = 64;
/// Longest pause of our own after a refusal.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Shortest pause after a refusal.
const LEAST_PAUSE: Duration = Duration::from_millis(300);
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
    Asked { branch: String, give_up: Instant, attempt: Attempt },
    /// Bound.
    Bound { refresh: Instant },
    /// Waits after a failure.
    Pause { until: Instant },
}

/// What has happened since the first REGISTER of an attempt.
#[derive(Clone, Debug, Default, PartialEq)]
struct Attempt {
    /// It takes the binding back.
    leaving: bool,
    /// REGISTERs before this one.
    rounds: u8,
    /// Redirections before this one.
    redirects: u8,
    /// Challenges met.
    answered: Vec<Challenge>,
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
    /// Refusals in a row.
    failures: u32,
    outage: Outage,
    bound: bool,
    /// User parts under which the registrar has had us, ever: a call may be on its way to an old one.
    names: BTreeSet<String>,
    /// When the last REGISTER was sent.
    asked: Option<Instant>,
    /// Not before this, whatever gives hope: the registrar said when (`Retry-After`), or the password was wrong, which
    /// servers ban an address for.
    not_before: Option<Instant>,
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
            outage: Outage::default(),
            bound: false,
            names: BTreeSet::new(),
            asked: None,
            not_before: None,
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

    /// Whether the registrar knows us by this user part.
    pub(super) fn is_called(&self, user: &str) -> bool {
        self.names.contains(user)
    }

    /// A REGISTER is being waited for.
    pub(super) fn asking(&self) -> bool {
        matches!(self.phase, Phase::Asked { .. })
    }

    /// Registers, or refreshes: what to send.
    pub(super) fn begin(&mut self, identity: &Identity, now: Instant) -> String {
        self.ask(identity, now, Attempt::default())
    }

    /// Takes the binding back: what to send, if there is a binding.
    pub(super) fn leave(&mut self, identity: &Identity, now: Instant) -> Option<String> {
        let attempt = Attempt { leaving: true, ..Attempt::default() };
        (self.bound || self.asking()).then(|| self.ask(identity, now, attempt))
    }

    /// Another password for the same user.
    pub(super) fn set_password(&mut self, account: &Account) {
        self.credentials = Credentials::new(account.user.clone(), account.password.clone());
        self.failures = 0;
        self.not_before = None;
    }

    /// There is reason to believe that what was refused is granted now: what to send at once, unless something was sent
    /// within the last second, which is waited for, or the registrar has forbidden it.
    pub(super) fn hasten(&mut self, identity: &Identity, now: Instant) -> Option<String> {
        let next = self.asked.map_or(now, |asked| asked + LEAST_REFRESH);
        let next = self.not_before.map_or(next, |not_before| next.max(not_before));
        match self.phase {
            Phase::Asked { .. } | Phase::Bound { .. } => None,
            Phase::Idle | Phase::Pause { .. } if next <= now => Some(self.begin(identity, now)),
            Phase::Idle => {
                self.phase = Phase::Pause { until: next };
                None
            }
            Phase::Pause { until } => {
                self.phase = Phase::Pause { until: until.min(next) };
                None
            }
        }
    }

    /// There is reason to doubt a binding that is not due yet: what to send, unless something was sent within the last
    /// second or the registrar has forbidden it.
    pub(super) fn refresh(&mut self, identity: &Identity, now: Instant) -> Option<String> {
        let asked_lately = self.asked.is_some_and(|asked| now < asked + LEAST_REFRESH);
        let forbidden = self.not_before.is_some_and(|not_before| now < not_before);
        let bound = matches!(self.phase, Phase::Bound { .. });
        (bound && !asked_lately && !forbidden).then(|| self.begin(identity, now))
    }

    /// The connection is gone, or none could be made: how long to wait before the next attempt.
    pub(super) fn pause(&mut self, trouble: Trouble, now: Instant) -> Duration {
        self.reset();
        self.outage.pause(trouble, now)
    }

    /// Draws its pauses the same for the same seed from now on.
    #[cfg(test)]
    pub(super) fn seed(&mut self, seed: u64) {
        self.outage.seed(seed);
    }

    /// Nothing is under way any more, and there is no binding.
    fn reset(&mut self) {
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
            Phase::Asked { attempt, .. } => {
                let outcome = if attempt.leaving { Outcome::Unregistered } else { Outcome::Silent };
                self.reset();
                Some(outcome)
            }
            Phase::Bound { .. } | Phase::Pause { .. } => Some(Outcome::Send(self.begin(identity, now))),
        }
    }

    /// A response came; `None` if it is not for us or not the last word.
    pub(super) fn response(&mut self, response: &Response, identity: &Identity, now: Instant) -> Option<Outcome> {
        let Phase::Asked { branch, attempt, .. } = &self.phase else { return None };
        let via = response.headers.values("Via").next()?;
        if param(via, "branch") != Some(branch) || response.code < 200 {
            return None;
        }
        let mut attempt = attempt.clone();
        let Attempt { leaving, rounds, redirects, .. } = attempt;
        match response.code {
            200..=299 if leaving => {
                self.reset();
                Some(Outcome::Unregistered)
            }
            200..=299 => Some(self.granted(response, identity, now)),
            401 | 407 => {
                let challenges = Challenge::choose(&response.headers);
                // A refusal of what we said to this very realm, and not for its age: the password is wrong. A proxy and
                // the registrar may well ask one after the other.
                let wrong =
                    challenges.iter().any(|c| !c.stale && attempt.answered.iter().any(|known| known.asks_like(c)));
                if rounds < ROUNDS && !challenges.is_empty() && !wrong {
                    attempt.answered.extend(challenges.iter().cloned());
                    self.credentials.challenged(challenges);
                    return Some(self.ask_again(identity, now, attempt));
                }
                if leaving {
                    self.reset();
                    return Some(Outcome::Unregistered);
                }
                if wrong {
                    return Some(self.wrong_password(now));
                }
                let reason = if challenges.is_empty() {
                    "no digest algorithm in common"
                } else {
                    "the server asks for credentials again and again"
                };
                let error = SipError::Rejected { code: response.code, reason: reason.to_owned() };
                Some(self.refused(error, None, now))
            }
            // What some registrars say to a wrong password: it was asked for, and given.
            403 if !leaving && self.credentials.are_given() => Some(self.wrong_password(now)),
            301 | 302 => {
                let moved_to = response.headers.values("Contact").find_map(name_addr).map(|(uri, _)| uri);
                let moved_to = moved_to.filter(|uri| scheme_is_sip(uri) && redirects < REDIRECTS);
                let moved_to = moved_to.map(|uri| uri.split(['?', '>']).next().unwrap_or(uri));
                match moved_to.filter(|uri| *uri != self.registrar(identity)) {
                    Some(uri) => {
                        tracing::info!(uri, "the registrar has moved");
                        self.moved_to = Some(uri.to_owned());
                        attempt.redirects += 1;
                        Some(self.ask_again(identity, now, attempt))
                    }
                    None if leaving => {
                        self.reset();
                        Some(Outcome::Unregistered)
                    }
                    // To itself, in a circle, or to nowhere: soon again it will be no better.
                    None => {
                        let error = SipError::Rejected { code: response.code, reason: response.reason.clone() };
                        let pause = REDIRECTED_PAUSE * 2_u32.pow(self.failures.min(3));
                        Some(self.refused(error, Some(jittered(pause.min(LONGEST_PAUSE))), now))
                    }
                }
            }
            _ if leaving => {
                self.reset();
                Some(Outcome::Unregistered)
            }
            423 if rounds < ROUNDS => match response.headers.seconds("Min-Expires") {
                Some(least) if least > self.expires && least <= EXPIRES_MAX => {
                    self.expires = least;
                    Some(self.ask_again(identity, now, attempt))
                }
                _ => Some(self.rejected(response, now)),
            },
            _ => Some(self.rejected(response, now)),
        }
    }

    fn granted(&mut self, response: &Response, identity: &Identity, now: Instant) -> Outcome {
        let seconds = granted_lifetime(response, identity, EXPIRES);
        if seconds == 0 {
            let reason = "the registrar gave the binding no lifetime".to_owned();
            return self.refused(SipError::Rejected { code: response.code, reason }, None, now);
        }
        let lifetime = Duration::from_secs(seconds.into());
        // 3 s early, but a short lifetime is not used up to the last tenth; and 1 s is as short as we believe in.
        let wait = lifetime.mul_f64(0.8).max(lifetime.saturating_sub(Duration::from_secs(3))).max(LEAST_REFRESH);
        self.phase = Phase::Bound { refresh: now + wait };
        self.failures = 0;
        self.bound = true;
        if self.names.len() < MOST_NAMES {
            self.names.extend(names(response, identity));
        }
        self.outage.registered(now);
        self.credentials.succeeded(&response.headers);
        let flow_timer = response.headers.seconds("Flow-Timer").filter(|seconds| *seconds > 0);
        Outcome::Registered { expires: lifetime, flow_timer: flow_timer.map(|s| Duration::from_secs(s.max(5).into())) }
    }

    /// The owner may know of a newer password; until it does, this one is tried again now and then.
    fn wrong_password(&mut self, now: Instant) -> Outcome {
        self.credentials.forget_challenges();
        self.not_before = Some(now + WRONG_PASSWORD_PAUSE);
        self.refused(SipError::Credentials, Some(WRONG_PASSWORD_PAUSE), now)
    }

    fn rejected(&mut self, response: &Response, now: Instant) -> Outcome {
        let pause = response.headers.seconds("Retry-After").map(|s| Duration::from_secs(s.into()).min(RETRY_AFTER_MAX));
        // Everybody was told the same, so that everybody would be back in the same instant.
        let pause = pause.map(|pause| pause.mul_f64(rand::random_range(1.0..1.25)));
        self.not_before = pause.map(|pause| now + pause);
        // A server in trouble is so for all its phones.
        let troubled = matches!(response.code, 408 | 500..600);
        let pause = pause.or_else(|| troubled.then(|| self.outage.pause(Trouble::Server, now)));
        self.refused(SipError::Rejected { code: response.code, reason: response.reason.clone() }, pause, now)
    }

    fn refused(&mut self, error: SipError, pause: Option<Duration>, now: Instant) -> Outcome {
        let own = jittered(Duration::from_millis(500 << self.failures.min(6)).min(LONGEST_PAUSE));
        // Also where the registrar says "at once".
        let retry_in = pause.unwrap_or(own).max(jittered(LEAST_PAUSE));
        self.failures += 1;
        self.bound = false;
        self.moved_to = None;
        self.phase = Phase::Pause { until: now + retry_in };
        Outcome::Failed { error, retry_in }
    }

    fn registrar(&self, identity: &Identity) -> String {
        self.moved_to.clone().unwrap_or_else(|| format!("sip:{}", identity.domain))
    }

    fn ask_again(&mut self, identity: &Identity, now: Instant, attempt: Attempt) -> Outcome {
        Outcome::Send(self.ask(identity, now, Attempt { rounds: attempt.rounds + 1, ..attempt }))
    }

    fn ask(&mut self, identity: &Identity, now: Instant, attempt: Attempt) -> String {
        let branch = branch();
        self.cseq += 1;
        self.asked = Some(now);
        let registrar = self.registrar(identity);
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
        let expires = if attempt.leaving { 0 } else { self.expires };
        writer = writer.header("Contact", &identity.register_contact(expires));
        if !attempt.leaving {
            writer = writer.header("Allow", ALLOW_REGISTER);
        }
        self.phase = Phase::Asked { branch, give_up: now + TIMER_F, attempt };
        writer.header("Supported", "path, gruu, outbound").header("User-Agent", USER_AGENT).end()
    }
}

/// A few percent off, so that a thousand phones do not come back in the same instant.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.8..1.2))
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
mod tests;
