//! Every fault in every phase of an agent's day: real platform, real phone bar, real sockets, a tone each way.
//!
//! A cell is a phase and a fault in it. Afterwards what is shown is what the platform has, the call can be ended, the
//! next one rings, is answered and sounds both ways, and no key was needed for that. A cell is run once: one that fails
//! now and then is a fault. The table goes to `target/fault-matrix.md`, logs of cells that failed to
//! `target/fault-matrix/`.
//!
//! `FAULT_MATRIX=all` runs all cells, `FAULT_MATRIX=WORDS` those whose `fault/phase` has one of the words (split by
//! commas), `FAULT_MATRIX_JOBS` at most so many at a time.

#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod after;
mod cell;
mod clock;
#[path = "../common/could_not_run.rs"]
mod could_not_run;
mod counts;
mod disk;
mod faults;
mod phases;
mod report;
mod rig;
mod sound;
mod truth;

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Mutex, Semaphore},
    task::JoinSet,
    time::sleep,
};

use self::{cell::Outcome, could_not_run::could_not_run, faults::Fault, phases::Phase};

/// Cells at a time; twice as many of those that wait most of the time. Sound that is late for want of a processor is no
/// fault of the program, so there are no more than two processors can bear.
const JOBS: usize = 8;

/// Between the beginnings of two cells: each loads two programs of a debug build, and sixteen of them in one second keep a
/// machine that has to read them from its disk from everything else for half a minute.
const APART: Duration = Duration::from_millis(300);

fn wanted() -> Vec<(Phase, Fault)> {
    let asked = std::env::var("FAULT_MATRIX").unwrap_or_default();
    let words: Vec<&str> = asked.split(',').filter(|word| !word.is_empty() && *word != "all").collect();
    let mut cells: Vec<(Phase, Fault)> = Vec::new();
    for fault in faults::all() {
        for phase in fault.phases {
            let name = format!("{}/{}", fault.name, phase.name());
            if words.is_empty() || words.iter().any(|word| name.contains(word)) {
                cells.push((*phase, fault.clone()));
            }
        }
    }
    // The longest first, so that none is left alone at the end.
    cells.sort_by_key(|(_, fault)| std::cmp::Reverse(fault.lasts_ms));
    cells
}

/// Whether the machine has what the fault takes; said once where it has not.
fn can_run(fault: &Fault) -> bool {
    static TOLD: std::sync::Once = std::sync::Once::new();
    let clock = !matches!(fault.act, faults::Act::Clock(_)) || clock::library().is_some();
    if !clock {
        TOLD.call_once(|| could_not_run("a clock that is set: libfaketime is not installed"));
    }
    clock
}

#[test]
fn every_fault_in_every_phase_is_got_over() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory").to_owned();
    let kept = target.join("fault-matrix");
    fs::remove_dir_all(&kept).ok();
    let jobs = std::env::var("FAULT_MATRIX_JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(JOBS);
    let begun = Instant::now();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let outcomes: Vec<Outcome> = runtime.block_on(async {
        let places = Arc::new(Semaphore::new(2 * jobs));
        let start = Arc::new(Mutex::new(()));
        let mut running = JoinSet::new();
        for (phase, fault) in wanted().into_iter().filter(|(_, fault)| can_run(fault)) {
            let (places, kept, start) = (places.clone(), kept.clone(), start.clone());
            running.spawn(async move {
                let _place = places.acquire_many_owned(fault.weight()).await.expect("places");
                {
                    let _one = start.lock().await;
                    sleep(APART).await;
                }
                cell::run(phase, fault, &kept).await
            });
        }
        let (mut outcomes, all) = (Vec::new(), running.len());
        while let Some(outcome) = running.join_next().await {
            let outcome = outcome.expect("a cell's own end");
            let word = outcome.wrong.as_deref().unwrap_or("ok");
            let (fault, phase) = (outcome.fault.name, outcome.phase.name());
            eprintln!("{}/{all} {fault}/{phase} {:.1} s: {word}", outcomes.len() + 1, outcome.took);
            outcomes.push(outcome);
        }
        outcomes
    });
    let table = report::table(&outcomes);
    let (wrong, known) = report::wrong(&outcomes);
    let all = outcomes.len();
    let text = format!(
        "{table}\n{all} cells, {} wrong, {} known to be, {:.0} s.\n\n{}\n\n{}\n",
        wrong.len(),
        known.len(),
        begun.elapsed().as_secs_f64(),
        wrong.join("\n"),
        known.join("\n")
    );
    fs::write(target.join("fault-matrix.md"), &text).expect("the table is written");
    assert!(wrong.is_empty(), "{} of {all} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
