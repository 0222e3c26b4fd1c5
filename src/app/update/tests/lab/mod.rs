//! A laboratory for calls: the state machine in virtual time, between a model of the platform and a model of a phone
//! whose two channels know nothing of each other.
//!
//! `clock` is time and chance; `network` carries what is said, late, twice or not at all; `platform` and `phone` are the
//! two ends; `ledger` knows of each call what really happened to it; `model` says what the agent should see, and finds
//! what must never be. On these stand the tests: `orders` (tables of what comes before what), `random` (anything at any
//! time), `found` and `seeds` (runs that once went wrong), `day` (a shift in seconds).

mod clock;
mod day;
mod found;
mod ledger;
mod model;
mod network;
mod orders;
mod phone;
mod platform;
mod random;
mod seeds;
mod size;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use self::{
    clock::{Dice, Ms, Schedule},
    ledger::Ledger,
    model::Watch,
    network::{Due, Network},
    phone::Phone,
    platform::Platform,
};
use super::rig::profile;
use crate::{
    app::{Command, CommandId, Effect, Event, Input, Now, Profile, State, TimerId},
    domain::Remembered,
};

/// How the world of a run is.
#[derive(Clone, Debug, PartialEq)]
struct Terms {
    seed: u64,
    /// The platform names its calls (`CallID`).
    named: bool,
    /// An INVITE comes from a gateway instead of from the customer's number.
    gateway: bool,
    auto_answer: bool,
    /// Longest delay of a push, of a SIP message and of an HTTP request each way.
    push_ms: Ms,
    sip_ms: Ms,
    http_ms: Ms,
    /// Pushes that come twice, in a thousand.
    doubled: u64,
    wrap_up_ms: Ms,
    /// How much later than the platform's own end of a call the switch ends the leg, at most.
    bye_ms: Ms,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            seed: 1,
            named: true,
            gateway: false,
            auto_answer: false,
            push_ms: 0,
            sip_ms: 0,
            http_ms: 0,
            doubled: 0,
            wrap_up_ms: 0,
            bye_ms: 0,
        }
    }
}

struct Lab {
    state: State,
    terms: Terms,
    now: Ms,
    began: Instant,
    dice: Dice,
    schedule: Schedule<Due>,
    timers: BTreeMap<TimerId, Ms>,
    network: Network,
    platform: Platform,
    phone: Phone,
    ledger: Ledger,
    watch: Watch,
    day: day::Lived,
    commands: u64,
    /// Timers started so far.
    timers_started: u64,
    /// Inputs taken so far.
    inputs: u64,
    /// What happened, line by line, where somebody wants to read it.
    trace: Option<Vec<String>>,
}

impl Lab {
    /// Signed in, idle, registered, and one customer has been served.
    fn new(terms: Terms, traced: bool) -> Self {
        let began = Instant::now();
        let remembered = Remembered { auto_answer: terms.auto_answer, ..Remembered::default() };
        let profile = Profile { remembered, ..profile() };
        let now = Now { at: began, wall: Timestamp::UNIX_EPOCH, random: 0.5 };
        let mut lab = Self {
            state: State::new(profile, now),
            now: 0,
            began,
            dice: Dice::new(terms.seed),
            schedule: Schedule::new(),
            timers: BTreeMap::new(),
            network: Network::default(),
            platform: Platform::default(),
            phone: Phone::default(),
            ledger: Ledger::new(terms.gateway),
            watch: Watch::default(),
            day: day::Lived::default(),
            commands: 0,
            timers_started: 0,
            inputs: 0,
            trace: traced.then(Vec::new),
            terms,
        };
        lab.event(Event::Started);
        lab.run(20_000);
        assert!(lab.platform.is_ready() && lab.phone.is_registered(), "signed in");
        lab.serve_one();
        lab
    }

    /// A customer without any delay or fault.
    fn serve_one(&mut self) {
        let clear = Terms {
            named: self.terms.named,
            gateway: self.terms.gateway,
            auto_answer: self.terms.auto_answer,
            ..Terms::default()
        };
        let terms = std::mem::replace(&mut self.terms, clear);
        let no = self.customer_calls();
        self.run(500);
        if !self.terms.auto_answer {
            self.ask(Command::Answer);
        }
        self.run(500);
        self.customer_leaves(no);
        self.run(20_000);
        self.terms = terms;
    }

    /// Lets time go on.
    fn run(&mut self, ms: Ms) {
        let until = self.now + ms;
        while self.watch.fault.is_none() {
            let timer = self.timers.iter().min_by_key(|(_, at)| **at).map(|(timer, at)| (*timer, *at));
            let planned = self.schedule.next();
            let next = planned.into_iter().chain(timer.map(|(_, at)| at)).min().unwrap_or(until);
            if next > until {
                break;
            }
            self.time_passes(next);
            if planned == Some(next) {
                if let Some(due) = self.schedule.take() {
                    self.happens(due);
                }
            } else if let Some((timer, _)) = timer {
                self.timers.remove(&timer);
                self.event(Event::Timer(timer));
            } else {
                break;
            }
        }
        if self.watch.fault.is_none() {
            self.time_passes(until);
        }
    }

    /// Nothing has happened until then: long enough for the screen to be right.
    fn time_passes(&mut self, until: Ms) {
        self.look(until);
        self.now = self.now.max(until);
    }

    /// The agent, or a script, asks.
    fn ask(&mut self, command: Command) -> CommandId {
        self.commands += 1;
        let id = CommandId(self.commands);
        self.note(|| format!("the agent: {command:?}"));
        let asked = self.asked(id, &command);
        self.input(Input::Command { id, command });
        self.was_asked(asked);
        id
    }

    fn event(&mut self, event: Event) {
        self.note(|| format!("{event:?}"));
        self.input(Input::Event(event));
    }

    fn input(&mut self, input: Input) {
        let now = Now {
            at: self.began + Duration::from_millis(self.now),
            wall: Timestamp::UNIX_EPOCH + Duration::from_millis(self.now),
            random: self.dice.unit(),
        };
        self.inputs += 1;
        for effect in self.state.update(input, now) {
            self.carry_out(effect);
        }
        self.updated();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::StartTimer { timer, after } => {
                self.timers_started += 1;
                self.timers.insert(timer, self.now + after.as_millis() as Ms);
            }
            Effect::StopTimer(timer) => drop(self.timers.remove(&timer)),
            Effect::Request { id, request } => self.request_is_sent(id, request),
            Effect::Abandon(id) => self.request_is_abandoned(id),
            Effect::OpenLink { id, reg_id, .. } => self.link_is_opened(id, reg_id),
            Effect::CloseLink => self.link_is_closed(),
            Effect::Phone(command) => self.phone_is_asked(command),
            Effect::Resolve { id, outcome } => self.command_is_answered(id, &outcome),
            Effect::Publish(event) => self.is_published(&event),
            Effect::Journal(change) => self.is_written(change),
            Effect::RememberSignIn(_)
            | Effect::Remember(_)
            | Effect::FillPanel { .. }
            | Effect::StopPanel
            | Effect::SetTenant(_)
            | Effect::UseToken(_)
            | Effect::RenewToken
            | Effect::ProveLink
            | Effect::Exit => {}
        }
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} {}", self.now as f64 / 1000.0, line()));
        }
    }

    /// What went wrong, with what led to it where that was written down.
    fn verdict(self) -> Result<(), String> {
        match self.watch.fault {
            None => Ok(()),
            Some(fault) => {
                let led = self.trace.unwrap_or_default();
                let from = led.len().saturating_sub(250);
                Err(format!("{}\n{fault}\n{:?}", led[from..].join("\n"), self.terms))
            }
        }
    }
}
