//! Tells that a test could not run, where nobody can miss it: the test harness hides what `println!` says.

use std::io::Write;

/// Says on standard error what is missing; continuous integration fails on it.
pub fn could_not_run(why: &str) {
    // Without standard error there is nobody to tell.
    writeln!(std::io::stderr(), "COULD NOT RUN: {why}").unwrap_or_default();
}
