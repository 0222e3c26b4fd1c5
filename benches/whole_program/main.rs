//! The program as a whole, measured as it is shipped: the release binary in a pseudo-terminal of 120x36 on the built-in
//! platform (a process of its own, over loopback), and one table of what it takes against what it may take.
//!
//! `cargo bench --bench whole_program -- start ear` measures only the parts named.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod call;
#[path = "../../tests/common/mod.rs"]
mod common;
mod cost;
mod ear;
mod latency;
mod screen;
mod setting;
mod start;
mod table;
mod talking;

use table::Table;

type Measure = fn(&mut Table);

fn main() {
    let parts: [(&str, Measure); 7] = [
        ("start", start::measure),
        ("cost", cost::measure),
        ("latency", latency::measure),
        ("frame", latency::frame),
        ("call", call::measure),
        ("ear", ear::measure),
        ("size", start::size),
    ];
    // Cargo's own flags come as well.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut table = Table::default();
    for (name, measure) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            println!("{name}");
            measure(&mut table);
        }
    }
    table.print();
}
