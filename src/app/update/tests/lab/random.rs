//! Anything at any time: random steps drive the real state machine and the world around it, and the model looks after
//! each whether what is shown is so.

use super::{
    Lab, Terms,
    clock::{Dice, Ms},
    phone,
    platform::{Memory, Stage},
};
use crate::app::Command;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A customer calls.
    Calls,
    /// Whoever is at the other end of the platform's call, or of a live leg, leaves.
    Leaves,
    /// Whoever was called answers.
    FarAnswers,
    Answer,
    Reject,
    HangUp,
    Dial,
    CancelDial,
    Hold,
    Unhold,
    Busy,
    Ready,
    AutoAnswer(bool),
    /// Noticed after, away for, ms.
    CutLink(Ms, Ms),
    StallLink(Ms),
    CutSip(Ms),
    StopHttp(Ms),
    SlowHttp(Ms),
    Restart(Memory, Ms),
    Wait(Ms),
}

/// What happens at all: calls, keys, and delays; rough: and everything breaks.
fn step(dice: &mut Dice, rough: bool) -> Step {
    let away = |dice: &mut Dice| if dice.falls(750) { dice.between(100, 3000) } else { dice.between(3000, 20_000) };
    match dice.up_to(if rough { 57 } else { 49 }) {
        0..=7 => Step::Calls,
        8..=12 => Step::Leaves,
        13..=15 => Step::FarAnswers,
        16..=23 => Step::Answer,
        24 => Step::Reject,
        25..=28 => Step::HangUp,
        29..=31 => Step::Dial,
        32 => Step::CancelDial,
        33 => Step::Hold,
        34 => Step::Unhold,
        35 => Step::Busy,
        36..=37 => Step::Ready,
        38 => Step::AutoAnswer(dice.falls(500)),
        39 => Step::StallLink(dice.between(200, 1000)),
        40..=49 => Step::Wait(match dice.up_to(2) {
            0 => dice.up_to(300),
            1 => dice.between(300, 3000),
            _ => dice.between(3000, 9000),
        }),
        50..=51 => {
            let unnoticed = if dice.falls(500) { 0 } else { dice.between(100, 10_000) };
            Step::CutLink(unnoticed, away(dice))
        }
        52 => Step::StallLink(dice.between(1000, 4000)),
        53..=54 => Step::CutSip(away(dice)),
        55 => Step::StopHttp(away(dice)),
        56 => Step::SlowHttp(away(dice)),
        _ => {
            let memory = [Memory::Whole, Memory::NoCalls, Memory::Nothing][dice.up_to(2) as usize];
            Step::Restart(memory, away(dice))
        }
    }
}

/// Delays of up to `most` on either channel.
fn terms(dice: &mut Dice, most: Ms) -> Terms {
    let delay = |dice: &mut Dice| [0, 30, 500, 3000][dice.up_to(3) as usize].min(most);
    let (push_ms, sip_ms, bye_ms) = (delay(dice), delay(dice), delay(dice));
    Terms {
        seed: dice.up_to(u64::MAX - 1),
        named: dice.falls(500),
        gateway: dice.falls(500),
        push_ms,
        sip_ms,
        http_ms: delay(dice) / 2,
        doubled: [0, 100][dice.up_to(1) as usize],
        wrap_up_ms: [0, 2000][dice.up_to(1) as usize],
        // All delays of an end together stay under what the next call waits for.
        bye_ms: if sip_ms > 500 { bye_ms.min(30) } else { bye_ms.min(2000) },
        ..Terms::default()
    }
}

impl Lab {
    pub(super) fn step(&mut self, step: &Step) {
        self.note(|| format!("--- {step:?}"));
        match *step {
            Step::Calls => drop(self.customer_calls()),
            Step::Leaves => {
                let leg = self.phone.legs.iter().find(|leg| leg.lives()).map(|leg| leg.no);
                if let Some(no) = self.platform.call.map(|held| held.no).or(leg) {
                    self.customer_leaves(no);
                }
            }
            Step::FarAnswers => {
                if let Some(held) = self.platform.call.filter(|held| held.stage == Stage::FarRinging) {
                    self.far_answers(held.no);
                }
            }
            Step::Answer => drop(self.ask(Command::Answer)),
            Step::Reject => drop(self.ask(Command::Reject)),
            Step::HangUp => drop(self.ask(Command::HangUp)),
            Step::Dial => self.dial(),
            Step::CancelDial => drop(self.ask(Command::CancelDial)),
            Step::Hold => drop(self.ask(Command::Hold)),
            Step::Unhold => drop(self.ask(Command::Unhold)),
            Step::Busy => drop(self.ask(Command::Busy { reason: None })),
            Step::Ready => drop(self.ask(Command::Ready)),
            Step::AutoAnswer(on) => drop(self.ask(Command::SetAutoAnswer { on })),
            Step::CutLink(unnoticed, away) => self.cut_link(unnoticed, away),
            Step::StallLink(ms) => self.stall_link(ms),
            Step::CutSip(ms) => self.cut_sip(ms),
            Step::StopHttp(ms) => self.stop_http(ms),
            Step::SlowHttp(ms) => self.slow_http(ms),
            Step::Restart(memory, ms) => self.restart(memory, ms),
            Step::Wait(ms) => self.run(ms),
        }
    }

    pub(super) fn dial(&mut self) {
        let no = self.ledger.begin(true);
        let number = self.number(no);
        self.ask(Command::Dial { number, caller_id: None, queue_id: None, user_data: None });
    }

    /// Everything heals and everybody leaves; then the phone is free.
    pub(super) fn comes_to_rest(&mut self) {
        self.note(|| "--- rest".into());
        self.run(25_000);
        for _ in 0..4 {
            while let Some(no) = self.platform.waiting.front().copied() {
                self.customer_leaves(no);
            }
            let legs = self.phone.legs.iter().map(|leg| leg.no).collect::<Vec<_>>();
            let held = self.platform.call.map(|held| held.no);
            legs.into_iter().chain(held).for_each(|no| self.customer_leaves(no));
            self.run(10_000);
        }
        // Nobody but the agent knows that a conversation without a sound is over.
        if phone::shown(&self.state).phase.is_live() {
            self.ask(Command::HangUp);
        }
        self.run(60_000);
        if self.state.remembered.auto_answer != self.terms.auto_answer {
            self.ask(Command::SetAutoAnswer { on: self.terms.auto_answer });
        }
        if !self.platform.is_ready() {
            self.ask(Command::Ready);
        }
        self.run(5_000);
        if self.watch.fault.is_none()
            && let Some(wrong) = self.ledger.wrong()
        {
            self.fail(wrong);
        }
        self.must_be_free();
    }
}

/// One run, from the first step until everything has come to rest.
pub(super) fn live_through(terms: &Terms, steps: &[Step], traced: bool) -> Result<(), String> {
    let mut lab = Lab::new(terms.clone(), traced);
    for step in steps {
        if lab.watch.fault.is_some() {
            break;
        }
        lab.step(step);
        let pause = lab.dice.up_to(400);
        lab.run(pause);
    }
    if lab.watch.fault.is_none() {
        lab.comes_to_rest();
    }
    lab.verdict()
}

/// What went wrong, without the digits, so that the same is known again.
fn kind(told: &str) -> String {
    let line = told.lines().find(|line| line.starts_with("at ")).unwrap_or("");
    line.chars().filter(|c| !c.is_ascii_digit()).take(60).collect()
}

/// Other seeds that are tried for a run with fewer steps.
const SEEDS: u64 = 12;

/// The same run with fewer steps and plainer terms, for as long as the same goes wrong.
fn fewest(mut terms: Terms, mut steps: Vec<Step>, told: &str) -> (Terms, Vec<Step>) {
    let same = |terms: &Terms, steps: &[Step]| {
        live_through(terms, steps, false).is_err_and(|other| kind(&other) == kind(told))
    };
    // What is drawn between the steps is drawn by the seed: with fewer steps another one may be the one that it takes.
    let seeds: Vec<u64> = std::iter::once(terms.seed).chain(1..=SEEDS).collect();
    let mut before = usize::MAX;
    while steps.len() < before {
        before = steps.len();
        let mut place = 0;
        while place < steps.len() {
            let mut fewer = steps.clone();
            fewer.remove(place);
            let other = seeds.iter().map(|seed| Terms { seed: *seed, ..terms.clone() });
            match std::iter::once(terms.clone()).chain(other).find(|terms| same(terms, &fewer)) {
                Some(other) => (terms, steps) = (other, fewer),
                None => place += 1,
            }
        }
    }
    let plainer: [fn(&mut Terms); 8] = [
        |terms| terms.doubled = 0,
        |terms| terms.wrap_up_ms = 0,
        |terms| terms.bye_ms = 0,
        |terms| terms.http_ms = 0,
        |terms| terms.push_ms = 0,
        |terms| terms.sip_ms = 0,
        |terms| terms.named = true,
        |terms| terms.gateway = false,
    ];
    for make in plainer {
        let mut plain = terms.clone();
        make(&mut plain);
        if same(&plain, &steps) {
            terms = plain;
        }
    }
    (terms, steps)
}

/// A number from the environment, for a longer run or for one run again.
fn asked_for(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// How runs are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Campaign {
    /// Longest delay of a channel, ms.
    most: Ms,
    /// Links, platform and requests fail as well.
    rough: bool,
}

/// Either channel is late.
pub(super) const LATE: Campaign = Campaign { most: 3000, rough: false };
/// Everything breaks.
pub(super) const ROUGH: Campaign = Campaign { most: 30, rough: true };

fn drawn(seed: u64, Campaign { most, rough }: Campaign) -> (Terms, Vec<Step>) {
    let mut dice = Dice::new(seed);
    let terms = terms(&mut dice, most);
    let steps = (0..dice.between(1, 40)).map(|_| step(&mut dice, rough)).collect();
    (terms, steps)
}

/// The run of a seed.
pub(super) fn lived(seed: u64, campaign: Campaign) -> Result<(), String> {
    let (terms, steps) = drawn(seed, campaign);
    live_through(&terms, &steps, false)
}

/// A run that went wrong, with as few steps as it takes and everything that happens in it.
fn plainest(seed: u64, campaign: Campaign, told: &str) -> String {
    let (terms, steps) = drawn(seed, campaign);
    let (terms, steps) = fewest(terms, steps, told);
    let told = live_through(&terms, &steps, true).err().unwrap_or_default();
    format!("{told}\n{steps:?}")
}

/// Many runs, one for each seed; `WINCALL_LAB_SEED` is the first one, `WINCALL_LAB_RUNS` how many there are, and
/// `WINCALL_LAB_TOLD` a folder in which each that goes wrong is told.
fn all_right(runs: u64, campaign: Campaign) {
    let first = asked_for("WINCALL_LAB_SEED").unwrap_or(1);
    let runs = asked_for("WINCALL_LAB_RUNS").unwrap_or(runs);
    let mut wrong = Vec::new();
    for seed in first..first + runs {
        if let Err(told) = lived(seed, campaign) {
            wrong.push((seed, told));
        }
    }
    if let Some(dir) = std::env::var_os("WINCALL_LAB_TOLD") {
        for (seed, told) in &wrong {
            let name = format!("{}-{seed}.txt", if campaign.rough { "breaks" } else { "late" });
            std::fs::write(std::path::Path::new(&dir).join(name), plainest(*seed, campaign, told)).unwrap();
        }
    }
    if let Some((seed, told)) = wrong.first() {
        let told = plainest(*seed, campaign, told);
        let list: Vec<String> = wrong.iter().map(|(seed, told)| format!("{seed} {}", kind(told))).collect();
        panic!("{told}\nseeds of {runs}:\n{}", list.join("\n"));
    }
}

#[test]
fn what_is_shown_is_so_however_late_either_channel_is() {
    all_right(600, LATE);
}

#[test]
fn what_is_shown_is_so_whatever_breaks() {
    all_right(600, ROUGH);
}
