//! Tells that a test could not run, where nobody can miss it: the test harness hides what `println!` says.

use std::io::Write;

/// Says on standard error what is missing; continuous integration fails on it.
pub fn could_not_run(why: &str) {
    writeln!(std::io::stderr(), "COULD NOT RUN: {why}").expect("standard error");
}
