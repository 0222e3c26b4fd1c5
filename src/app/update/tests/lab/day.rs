//! A shift of 24 hours in seconds: calls without end, and everything breaks now and then.

use super::{Lab, Terms, clock::Ms, network::Due, phone, platform::Memory, size::Sizes};
use crate::{app::Command, domain::CallPhase};

const HOUR: Ms = 3_600_000;
const DAY: Ms = 24 * HOUR;
const CALLS: u64 = 10_000;
const LINK_LOSSES: u64 = 500;
const RESTARTS: u64 = 50;
const SIP_OUTAGES: u64 = 200;
const SLOW_HTTP: u64 = 100;

/// What the agent, the customers and misfortune do in a day.
#[derive(Clone, Copy, Debug)]
pub(super) enum AgentDue {
    NextCall,
    NextLinkLoss,
    NextRestart,
    NextSipOutage,
    NextSlowHttp,
    /// The agent has seen that this call rings.
    SeesRing(usize),
    /// The agent has had enough of this call.
    HasEnough(usize),
    /// Nobody speaks any more, and the agent looks at the screen.
    LooksUp,
}

/// Whether a day is being lived, and what is wished for in it.
#[derive(Default)]
pub(super) struct Lived {
    pub(super) on: bool,
    pub(super) dialled: u64,
    /// What was shown when the agent looked up last.
    seen: Option<(CallPhase, Option<usize>)>,
}

impl Lab {
    fn plan_agent(&mut self, after: Ms, due: AgentDue) {
        self.schedule.plan(self.now + after, Due::Agent(due));
    }

    /// Something that comes so often in a day, from now on.
    fn again(&mut self, times: u64, due: AgentDue) {
        let every = DAY / times;
        let after = self.dice.between(every / 2, every * 3 / 2);
        self.plan_agent(after, due);
    }

    pub(super) fn call_is_offered(&mut self, no: usize) {
        if self.day.on {
            let sees = self.dice.between(500, 1500);
            self.plan_agent(sees, AgentDue::SeesRing(no));
            let leaves = if self.dice.falls(50) { self.dice.between(0, 1500) } else { self.dice.between(2500, 6000) };
            self.leaves_after(no, leaves);
        }
    }

    pub(super) fn call_is_placed(&mut self, no: usize) {
        if self.day.on {
            if self.dice.falls(800) {
                let after = self.dice.between(1000, 2500);
                self.far_answers_after(no, after);
            }
            let after = self.dice.between(2500, 6000);
            self.leaves_after(no, after);
            if self.dice.falls(200) {
                self.plan_agent(after / 2, AgentDue::HasEnough(no));
            }
        }
    }

    pub(super) fn agent_is_due(&mut self, due: AgentDue) {
        match due {
            AgentDue::NextCall => {
                self.plan_agent(DAY / CALLS, AgentDue::NextCall);
                let idle = !phone::shown(&self.state).phase.is_live() && self.platform.waiting.is_empty();
                if idle && self.dice.falls(150) {
                    self.day.dialled += 1;
                    self.dial();
                } else if self.platform.waiting.len() < 5 {
                    self.customer_calls();
                }
            }
            AgentDue::NextLinkLoss => {
                self.again(LINK_LOSSES, due);
                let unnoticed = if self.dice.falls(700) { 0 } else { self.dice.between(100, 9000) };
                let away =
                    if self.dice.falls(800) { self.dice.between(50, 2000) } else { self.dice.between(2000, 40_000) };
                self.cut_link(unnoticed, away);
            }
            AgentDue::NextRestart => {
                self.again(RESTARTS, due);
                let memory = match self.dice.up_to(2) {
                    0 => Memory::Whole,
                    1 => Memory::NoCalls,
                    _ => Memory::Nothing,
                };
                let away = self.dice.between(500, 30_000);
                self.restart(memory, away);
            }
            AgentDue::NextSipOutage => {
                self.again(SIP_OUTAGES, due);
                let away = self.dice.between(100, 20_000);
                self.cut_sip(away);
            }
            AgentDue::NextSlowHttp => {
                self.again(SLOW_HTTP, due);
                let ms = self.dice.between(2000, 30_000);
                if self.dice.falls(500) { self.slow_http(ms) } else { self.stop_http(ms / 4) }
            }
            AgentDue::SeesRing(no) => {
                if phone::shown(&self.state).phase != CallPhase::Ringing {
                    return;
                }
                match self.dice.up_to(19) {
                    0 => drop(self.ask(Command::Reject)),
                    1 => {}
                    _ => {
                        self.ask(Command::Answer);
                        if self.dice.falls(400) {
                            let after = self.dice.between(1000, 4000);
                            self.plan_agent(after, AgentDue::HasEnough(no));
                        }
                    }
                }
            }
            AgentDue::HasEnough(no) => {
                if self.shown_call() == Some(no) {
                    self.ask(Command::HangUp);
                }
            }
            AgentDue::LooksUp => {
                self.plan_agent(30_000, AgentDue::LooksUp);
                let shown = (phone::shown(&self.state).phase, self.shown_call());
                // No customer of this day stays so long: it is the screen of a call whose end nobody told.
                if shown.0.is_connected() && self.day.seen == Some(shown) {
                    self.ask(Command::HangUp);
                }
                self.day.seen = Some(shown);
            }
        }
    }
}

fn live_a_day(terms: Terms, traced: bool) -> Result<(), String> {
    let mut lab = Lab::new(terms, traced);
    lab.day.on = true;
    lab.plan_agent(1000, AgentDue::NextCall);
    lab.plan_agent(10_000, AgentDue::LooksUp);
    lab.again(LINK_LOSSES, AgentDue::NextLinkLoss);
    lab.again(RESTARTS, AgentDue::NextRestart);
    lab.again(SIP_OUTAGES, AgentDue::NextSipOutage);
    lab.again(SLOW_HTTP, AgentDue::NextSlowHttp);
    let mut hours: Vec<Sizes> = Vec::new();
    for _ in 0..24 {
        lab.run(HOUR);
        hours.push(lab.sizes());
    }
    lab.day.on = false;
    lab.schedule.forget(|due| matches!(due, Due::Agent(_)));
    if lab.watch.fault.is_none() {
        // What is full after an hour or two is as full as it gets.
        let early = hours[2..5].iter().map(|sizes| sizes.whole).max().unwrap_or(0);
        let late = hours[21..].iter().map(|sizes| sizes.whole).max().unwrap_or(0);
        assert!(late < early + early / 10, "it grows: {hours:#?}");
        let most = |of: fn(&Sizes) -> usize| hours.iter().map(of).max().unwrap_or(0);
        assert!(most(|s| s.journal) <= 500 && most(|s| s.notices) <= 200, "{hours:#?}");
        assert!(most(|s| s.requests) < 20 && most(|s| s.asked) < 20 && most(|s| s.commands) < 10, "{hours:#?}");
        assert!(most(|s| s.timers) < 12 && most(|s| s.legs) < 8 && most(|s| s.network) < 40, "{hours:#?}");
        lab.comes_to_rest();
        let (calls, lines) = (lab.ledger.calls().len() as u64, lab.ledger.line_count() as u64);
        assert!(calls >= CALLS && lines > CALLS * 9 / 10, "only {calls} calls and {lines} lines");
        assert!(
            lab.day.dialled > CALLS / 10 && lab.watch.most_timers < 200,
            "{} timers a minute",
            lab.watch.most_timers
        );
        assert!(lab.inputs > 10 * CALLS, "{} inputs", lab.inputs);
    }
    lab.verdict()
}

fn a_day(terms: Terms) {
    if live_a_day(terms.clone(), false).is_err() {
        let told = live_a_day(terms, true).err().unwrap_or_default();
        panic!("{told}");
    }
}

#[test]
fn a_day_in_seconds() {
    a_day(Terms {
        push_ms: 300,
        sip_ms: 200,
        http_ms: 100,
        doubled: 20,
        bye_ms: 50,
        wrap_up_ms: 1000,
        ..Terms::default()
    });
}

#[test]
fn a_day_on_a_platform_that_names_nothing() {
    a_day(Terms { seed: 2, named: false, push_ms: 300, sip_ms: 300, http_ms: 200, bye_ms: 500, ..Terms::default() });
}
