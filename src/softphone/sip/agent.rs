//! The user agent: a state machine without I/O that holds the registration and the call together.
//!
//! Commands, frames, finished media jobs and time go in; [`Output`]s come out. It is the only place that decides; the
//! main loop (`softphone::run`) only carries things to and fro.

mod answered;
mod bye;
mod calls;
mod outgoing;
mod requests;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use self::answered::Answered;
use super::{
    bye::Bye,
    call::{Call, Phase},
    identity::Identity,
    link::Trouble,
    message::{self, Incoming},
    registration::{Outcome, Registration},
};
use crate::softphone::{Account, EndCause, Event, SipError, media::MediaError, media_port::OfferCheck};

/// Whoever asks for it, a connection is tried no oftener than this.
const LEAST_BETWEEN: Duration = Duration::from_secs(1);
/// An attempt to connect that has taken so long may have begun on a network that is no more. Not sooner: a server with
/// too much to do would have its work for nothing.
const HANGS: Duration = Duration::from_secs(3);
/// How long a farewell (REGISTER with `expires=0`, BYE) waits for its answer.
const FAREWELL: Duration = Duration::from_secs(3);

/// What the agent wants done.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Open a connection; whatever is open is given up.
    Open,
    /// Close the connection, after what has been sent.
    Close,
    /// Send this over it.
    Send(String),
    /// There is reason to doubt the connection: find out whether it still leads anywhere.
    Prove,
    /// The server wants to hear something this often at least.
    KeepAlive(Duration),
    /// Tell the owner.
    Tell(Event),
    /// Have the media room do this; jobs are done one after the other.
    Media(Job),
}

/// Work for the media room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// Comes back with the result.
    pub(crate) id: u64,
    pub(crate) call_id: String,
    pub(crate) task: Task,
}

/// What is to be done for a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Answer this offer.
    Answer(String),
    /// Make an offer; whether it restarts ICE.
    Offer { restart: bool },
    /// Take this answer to our offer.
    Accept(String),
    /// Our offer was refused or never answered: what was agreed on before it stays in force.
    Rollback,
    /// The call is over.
    Close,
}

/// A session description, or for [`Task::Accept`] and [`Task::Rollback`] nothing.
pub(crate) type JobResult = Result<Option<String>, MediaError>;

#[derive(Debug, PartialEq, Eq)]
enum Link {
    /// None is wanted.
    Off,
    /// Being opened.
    Opening,
    /// Open.
    Up,
    /// To be opened again then.
    Waiting { until: Instant },
}

/// The user agent.
pub(crate) struct Agent {
    offer_check: OfferCheck,
    identity: Identity,
    account: Option<Account>,
    registration: Option<Registration>,
    link: Link,
    /// The owner takes us for registered.
    announced: bool,
    /// When the last attempt to connect began.
    opened: Option<Instant>,
    /// When the server gave its last sign of life over this connection.
    heard: Option<Instant>,
    /// What was answered of late.
    answered: Answered,
    /// Unregistering, at most until then.
    stopping: Option<Instant>,
    calls: Vec<Call>,
    byes: Vec<Bye>,
    last_job: u64,
    out: VecDeque<Output>,
}

impl Agent {
    /// An agent that does nothing yet. `domain` is the SIP domain; `secure` tells `wss` from `ws`.
    pub(crate) fn new(domain: &str, secure: bool, offer_check: OfferCheck) -> Self {
        Self {
            offer_check,
            identity: Identity::new(domain, secure),
            account: None,
            registration: None,
            link: Link::Off,
            announced: false,
            opened: None,
            heard: None,
            answered: Answered::default(),
            stopping: None,
            calls: Vec::new(),
            byes: Vec::new(),
            last_job: 0,
            out: VecDeque::new(),
        }
    }

    /// The next thing to do; ask until there is none after every input.
    pub(crate) fn output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Connects and registers, for ever. Said again for the same account it means that there is reason to try now what
    /// would be tried later; with another password it is that which counts from now on.
    pub(crate) fn register(&mut self, account: Account, now: Instant) {
        let was_stopping = self.stopping.take().is_some();
        let before = self.account.replace(account.clone()).filter(|_| !was_stopping);
        match (before, &mut self.registration) {
            (Some(before), Some(_)) if before == account => self.hasten(now),
            (Some(before), Some(registration)) if before.user == account.user => {
                registration.set_password(&account);
                if self.link == Link::Up {
                    let text = registration.begin(&self.identity, now);
                    self.send(text);
                    if !self.announced {
                        self.tell(Event::Registering);
                    }
                } else {
                    self.hasten(now);
                }
            }
            (_, registration) => {
                // The old binding is not left behind to ring into the void.
                let left = registration.as_mut().filter(|_| !was_stopping).and_then(|r| r.leave(&self.identity, now));
                if let Some(text) = left {
                    self.send(text);
                }
                self.registration = Some(Registration::new(&account));
                self.open(now);
            }
        }
    }

    /// Registers once more before the binding is due, or does at once what would be done later.
    pub(crate) fn refresh(&mut self, now: Instant) {
        let Some(registration) = &mut self.registration else { return };
        if self.link != Link::Up || !registration.bound() {
            self.hasten(now);
        } else if let Some(text) = registration.refresh(&self.identity, now) {
            self.send(text);
        }
    }

    /// Does at once what would be done later, but not more than once a second; where there is nothing to be done the
    /// connection is looked at.
    fn hasten(&mut self, now: Instant) {
        let since = |pause: Duration| self.opened.map_or(now, |opened| opened + pause);
        match self.link {
            Link::Waiting { until } if since(LEAST_BETWEEN) > now => {
                self.link = Link::Waiting { until: until.min(since(LEAST_BETWEEN)) };
            }
            Link::Opening if since(HANGS) > now => tracing::debug!("a connection is being opened"),
            Link::Waiting { .. } | Link::Opening | Link::Off => self.open(now),
            Link::Up => match &mut self.registration {
                Some(registration) if registration.bound() || registration.asking() => {
                    self.out.push_back(Output::Prove)
                }
                Some(registration) => {
                    if let Some(text) = registration.hasten(&self.identity, now) {
                        self.send(text);
                        self.tell(Event::Registering);
                    }
                }
                None => {}
            },
        }
    }

    /// Takes the binding back, ends the call, closes the connection.
    pub(crate) fn unregister(&mut self, now: Instant) {
        if self.account.is_none() {
            tracing::debug!("unregister without a registration");
            return;
        }
        let goodbye = match (&self.link, &mut self.registration) {
            (Link::Up, Some(registration)) => registration.leave(&self.identity, now),
            _ => None,
        };
        if let Some(text) = goodbye {
            self.send(text);
        }
        self.hang_up_all(now);
        self.stopping = Some(now + FAREWELL);
        self.settle(now);
    }

    /// The program ends: ends the calls and takes the binding back, as far as there is a connection; [`Self::quiet`] when
    /// the answers are here.
    pub(crate) fn end(&mut self, now: Instant) {
        self.hang_up_all(now);
        if self.link == Link::Up && self.stopping.is_none() {
            self.unregister(now);
        }
    }

    /// Whether nothing is left to be said: no call, and every farewell answered or given up.
    pub(crate) fn quiet(&self) -> bool {
        self.stopping.is_none() && self.farewells_said()
    }

    /// The connection is open.
    pub(crate) fn link_up(&mut self, now: Instant) {
        self.link = Link::Up;
        if let Some(registration) = &mut self.registration {
            let text = registration.begin(&self.identity, now);
            self.send(text);
        }
        let farewells: Vec<String> = self.byes.iter().map(|bye| bye.text.clone()).collect();
        for text in farewells {
            self.send(text);
        }
        for call in &mut self.calls {
            call.ask_for_ack_again(now);
        }
        self.outgoing_turns(now);
    }

    /// The connection is gone, or could not be made. A call that is up goes on without it.
    pub(crate) fn link_down(&mut self, error: SipError, trouble: Trouble, now: Instant) {
        self.link = Link::Off;
        self.heard = None;
        let retry_in =
            self.registration.as_mut().map_or(Duration::ZERO, |registration| registration.pause(trouble, now));
        while let Some(index) =
            self.calls.iter().position(|call| matches!(call.phase, Phase::Ringing { .. } | Phase::Answering))
        {
            let call = self.calls.remove(index);
            self.over(&call, EndCause::Failed("the SIP connection was lost".into()));
        }
        self.end_released(now);
        self.own_requests_lost(now);
        if self.stopping.is_some() || self.account.is_none() {
            self.stop();
            return;
        }
        self.tell(Event::RegistrationFailed { error, retry_in: Some(retry_in) });
        self.announced = false;
        self.link = Link::Waiting { until: now + retry_in };
    }

    /// A frame came. Whatever it is, the agent lives on.
    pub(crate) fn frame(&mut self, frame: &[u8], now: Instant) {
        self.note_sign_of_life(now);
        match message::parse(frame) {
            Ok(Incoming::Request(request)) => match self.answered.find(&request, now) {
                // The same once more: so the same answer (RFC 3261 17.2.2).
                Some(text) => self.send(text),
                None => self.request(request, now),
            },
            Ok(Incoming::Response(response)) => {
                let outcome = self.registration.as_mut().and_then(|r| r.response(&response, &self.identity, now));
                match outcome {
                    Some(outcome) => self.registration_outcome(outcome, now),
                    None if self.own_response(&response, now) => {}
                    None => self.bye_response(&response, now),
                }
            }
            Ok(Incoming::Ping) => self.send("\r\n".into()),
            Ok(Incoming::Pong) => {}
            Err(junk) => tracing::debug!(length = frame.len(), %junk, "a frame that is no SIP message"),
        }
        self.outgoing_turns(now);
        self.settle(now);
    }

    /// When [`Self::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let link = match self.link {
            Link::Waiting { until } => Some(until),
            Link::Off | Link::Opening | Link::Up => None,
        };
        link.into_iter()
            .chain(self.registration.as_ref().and_then(Registration::deadline))
            .chain(self.stopping)
            .chain(self.waiting_calls().filter_map(Call::deadline))
            .chain(self.byes.iter().map(|bye| bye.give_up))
            .min()
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) {
        if let Link::Waiting { until } = self.link
            && until <= now
        {
            self.open(now);
        }
        if let Some(outcome) = self.registration.as_mut().and_then(|r| r.tick(&self.identity, now)) {
            if let Outcome::Send(_) = outcome
                && !self.registration.as_ref().is_some_and(Registration::bound)
            {
                self.tell(Event::Registering);
            }
            self.registration_outcome(outcome, now);
        }
        while self.link == Link::Up
            && let Some((index, due)) =
                self.calls.iter_mut().enumerate().find_map(|(index, call)| Some((index, call.tick(now)?)))
        {
            self.call_due(index, due, now);
        }
        self.outgoing_turns(now);
        self.byes.retain(|bye| {
            let waiting = bye.give_up > now;
            if !waiting {
                tracing::debug!("no answer to BYE");
            }
            waiting
        });
        self.settle(now);
    }

    /// The calls that time means something to: without a connection nobody can be asked anything, and no silence of
    /// the other side is its fault.
    fn waiting_calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|_| self.link == Link::Up)
    }

    fn registration_outcome(&mut self, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Send(text) => self.send(text),
            Outcome::Registered { expires, flow_timer } => {
                if self.announced {
                    self.tell(Event::Refreshed { expires });
                } else {
                    tracing::info!(expires_s = expires.as_secs(), "registered");
                    self.tell(Event::Registered { expires });
                }
                self.announced = true;
                if let Some(every) = flow_timer {
                    self.out.push_back(Output::KeepAlive(every));
                }
            }
            Outcome::Failed { error, retry_in } => {
                tracing::info!(%error, retry_ms = retry_in.as_millis(), "not registered");
                self.announced = false;
                self.tell(Event::RegistrationFailed { error, retry_in: Some(retry_in) });
            }
            Outcome::Silent => {
                tracing::info!("the registrar does not answer");
                self.out.push_back(Output::Close);
                self.link_down(SipError::Timeout, Trouble::Server, now);
            }
            Outcome::Unregistered => {}
        }
    }

    fn open(&mut self, now: Instant) {
        (self.announced, self.opened) = (false, Some(now));
        self.link = Link::Opening;
        self.out.push_back(Output::Open);
        self.tell(Event::Registering);
    }

    /// Once unregistered and all farewells said, or too long waited for: the end.
    fn settle(&mut self, now: Instant) {
        let Some(give_up) = self.stopping else { return };
        let asking = self.registration.as_ref().is_some_and(Registration::asking);
        if give_up <= now || self.link != Link::Up || (!asking && self.farewells_said()) {
            self.stop();
        }
    }

    fn farewells_said(&self) -> bool {
        self.calls.is_empty() && self.byes.is_empty()
    }

    fn stop(&mut self) {
        self.calls.clear();
        self.byes.clear();
        self.link = Link::Off;
        self.registration = None;
        if self.account.take().is_some() {
            self.out.push_back(Output::Close);
            self.tell(Event::Unregistered);
        }
        self.stopping = None;
        self.announced = false;
    }

    fn send(&mut self, text: String) {
        if self.link == Link::Up {
            self.answered.note(&text);
            self.out.push_back(Output::Send(text));
        }
    }

    fn tell(&mut self, event: Event) {
        self.out.push_back(Output::Tell(event));
    }
}
