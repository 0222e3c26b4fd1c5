//! Every call story over a matrix of delays of the two channels: the phone's SIP leg and the platform's event link are two
//! connections to two servers, and nothing orders them. The real binary against the built-in platform, whose faults
//! `delay_push_ms` and `delay_sip_ms` delay either; sound is proven by its tones at both ends.
//!
//! `WINCALL_CELLS=all` takes every story through every cell with everything that pushes and INVITEs may or may not say of a
//! call; else each cell is taken with one of these by turns. `WINCALL_STORY=NAME` takes one story alone.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "../common/mod.rs"]
mod common;

mod bar;
mod cells;
mod run;
mod stage;
mod stories;

use std::{
    collections::VecDeque,
    fmt::Write,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

use self::{
    cells::{CELLS, Cell, Names},
    run::Run,
    stage::Stage,
    stories::Story,
};

/// What was wanted, or what came instead.
pub type Told<T> = Result<T, String>;

/// Platforms at work at the same time: stories mostly wait.
const ALONE: usize = 6;
const TOGETHER: usize = 3;

static SERIAL: AtomicU64 = AtomicU64::new(1);

#[derive(Clone, Copy)]
struct Job {
    cell: usize,
    story: Story,
    names: Names,
}

struct Done {
    job: Job,
    wrong: Option<String>,
    took: Duration,
}

fn runtime() -> Runtime {
    wincall_tui::net::tls::install_provider();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Everything that is to be done: each cell with one of the ways to name calls, another one for the next story.
fn jobs(stories: &[Story]) -> VecDeque<Job> {
    let all = std::env::var("WINCALL_CELLS").is_ok_and(|cells| cells == "all");
    let only = std::env::var("WINCALL_STORY").ok();
    let mut jobs = VecDeque::new();
    for (number, story) in stories.iter().enumerate() {
        if only.as_ref().is_some_and(|only| *only != format!("{story:?}")) {
            continue;
        }
        for (cell, delays) in CELLS.iter().enumerate() {
            for (turn, names) in Names::EACH.into_iter().enumerate() {
                let turns = (cell + number) % Names::EACH.len() == turn && story.is_touched_by(delays);
                if all || turns {
                    jobs.push_back(Job { cell, story: *story, names });
                }
            }
        }
    }
    jobs
}

/// One story in one cell.
fn play(stage: &Stage, cell: Cell, names: Names, story: Story) -> Told<()> {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let mut run = Run::begin(stage, cell, names, serial)?;
    let over = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        let ears = run.ears();
        scope.spawn({
            let over = &over;
            move || {
                while !over.load(Ordering::Relaxed) {
                    ears.listen(stage);
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
        });
        let outcome = story.play(&mut run).and_then(|()| run.verdict());
        over.store(true, Ordering::Relaxed);
        outcome
    });
    outcome.map_err(|wrong| format!("{wrong}\n{}", run.timeline()))?;
    stage.delete("/faults")
}

/// Takes jobs until there are none; after a failure the phone bars begin afresh.
fn work(runtime: &Runtime, agents: usize, jobs: &Mutex<VecDeque<Job>>, done: &Mutex<Vec<Done>>) {
    let mut stage = None;
    loop {
        let Some(job) = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else { return };
        let begun = Instant::now();
        let outcome = match stage.take().map_or_else(|| Stage::open(runtime.handle(), agents), Ok) {
            Ok(open) => {
                let outcome = play(&open, CELLS[job.cell], job.names, job.story);
                if outcome.is_ok() {
                    stage = Some(open);
                }
                outcome
            }
            Err(error) => Err(error),
        };
        let wrong = outcome.err();
        done.lock().unwrap_or_else(PoisonError::into_inner).push(Done { job, wrong, took: begun.elapsed() });
    }
}

/// A row for each cell, a column for each story.
fn table(done: &[Done], stories: &[Story]) -> String {
    let mut text = String::new();
    for (number, story) in stories.iter().enumerate() {
        writeln!(text, "{:>3} {story:?}", number + 1).ok();
    }
    write!(text, "{:24}", "").ok();
    for number in 1..=stories.len() {
        write!(text, "{number:>5}").ok();
    }
    text.push('\n');
    for (index, cell) in CELLS.iter().enumerate() {
        write!(text, "{:24}", cell.name()).ok();
        for story in stories {
            let here = || done.iter().filter(|d| d.job.cell == index && d.job.story == *story);
            let (all, wrong) = (here().count(), here().filter(|d| d.wrong.is_some()).count());
            let word = match (all, wrong) {
                (0, _) => "-".to_owned(),
                (_, 0) => "ok".to_owned(),
                (1, _) => "BAD".to_owned(),
                (all, wrong) => format!("{wrong}/{all}"),
            };
            write!(text, "{word:>5}").ok();
        }
        text.push('\n');
    }
    text
}

#[test]
fn every_call_story_whichever_channel_is_late() {
    let runtime = runtime();
    let begun = Instant::now();
    let (alone, together) = (Mutex::new(jobs(&Story::ALONE)), Mutex::new(jobs(&Story::TOGETHER)));
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..ALONE {
            scope.spawn(|| work(&runtime, 1, &alone, &done));
        }
        for _ in 0..TOGETHER {
            scope.spawn(|| work(&runtime, 3, &together, &done));
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let stories: Vec<Story> = Story::ALONE.into_iter().chain(Story::TOGETHER).collect();
    let spent: Duration = done.iter().map(|d| d.took).sum();
    println!("{}", table(&done, &stories));
    println!(
        "{} stories in {:.0} s, {:.1} s each",
        done.len(),
        begun.elapsed().as_secs_f64(),
        spent.as_secs_f64() / done.len().max(1) as f64
    );
    let wrong: Vec<&Done> = done.iter().filter(|d| d.wrong.is_some()).collect();
    for bad in &wrong {
        let (cell, names) = (CELLS[bad.job.cell].name(), bad.job.names.name());
        println!("{:?}, {cell} ({names}): {}", bad.job.story, bad.wrong.as_deref().unwrap_or_default());
    }
    assert!(wrong.is_empty(), "{} of {} stories went wrong", wrong.len(), done.len());
    assert!(!done.is_empty(), "no story was told");
}
