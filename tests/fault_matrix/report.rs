//! The table as it was measured.

use std::fmt::Write as _;

use super::{
    cell::Outcome,
    faults::{self, Fault},
    phases::{self, Phase},
};

/// Rows are faults, columns phases. `ok A/B`: the link is back A s and the phone registered B s after the end of the
/// fault; what took less than 0.1 s is left out.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from("| fault |");
    for phase in phases::ALL {
        write!(text, " {} |", phase.name()).ok();
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(phases::ALL.len()));
    text.push('\n');
    for fault in faults::all() {
        if !outcomes.iter().any(|outcome| outcome.fault.name == fault.name) {
            continue;
        }
        write!(text, "| {} |", fault.name).ok();
        for phase in phases::ALL {
            write!(text, " {} |", entry(outcomes, &fault, phase)).ok();
        }
        text.push('\n');
    }
    text
}

fn entry(outcomes: &[Outcome], fault: &Fault, phase: Phase) -> String {
    let Some(outcome) = outcomes.iter().find(|o| o.fault.name == fault.name && o.phase == phase) else {
        return if fault.phases.contains(&phase) { " ".into() } else { "-".into() };
    };
    if outcome.wrong.is_some() {
        return "**fails**".into();
    }
    let measured = outcome.measured;
    let mut text = String::from("ok");
    let seconds =
        |value: Option<f64>| value.filter(|s| *s >= 0.1).map_or_else(|| "0".to_owned(), |s| format!("{s:.1}"));
    if [measured.link, measured.phone].into_iter().flatten().any(|s| s >= 0.1) {
        write!(text, " {}/{}", seconds(measured.link), seconds(measured.phone)).ok();
    }
    if measured.sound.is_some_and(|s| s >= 0.5) {
        write!(text, " s {}", seconds(measured.sound)).ok();
    }
    if measured.hung_up.is_some_and(|s| s >= 0.3) {
        write!(text, " h {}", seconds(measured.hung_up)).ok();
    }
    if let Some(gap) = measured.gap_ms.filter(|ms| *ms > 0.0) {
        write!(text, " g {gap:.0}").ok();
    }
    text
}

/// What was wrong, a line a cell: where nothing is known to be, and where something is.
pub fn wrong(outcomes: &[Outcome]) -> (Vec<String>, Vec<String>) {
    let (mut wrong, mut known) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        let (fault, phase) = (outcome.fault.name, outcome.phase);
        let Some(text) = &outcome.wrong else { continue };
        match faults::open(fault, phase) {
            None => wrong.push(format!("{fault} while {}: {text}", phase.name())),
            Some(why) => known.push(format!("{fault} while {} ({why}): {text}", phase.name())),
        }
    }
    (wrong, known)
}
