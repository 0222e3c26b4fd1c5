//! The program as a whole, measured as it is shipped: the release binary in a pseudo-terminal of 120x36 on the built-in
//! platform (a process of its own, over loopback), and one table of what it takes against what it may take.
//!
//! Sound is measured the same way, in calls, and on paper where a figure is about a part: rooms, jitter, codecs.
//!
//! What has to do with sound devices is measured with a headset made of software; `-- files` measures with files instead.
//! `cargo bench --bench whole_program -- start ear` measures only the parts named, `-- sound` everything about sound,
//! `-- --json` prints JSON instead of Markdown. `-- soak --minutes 60` only soaks; it is not part of the whole.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout, clippy::print_stderr)]

mod buffer;
mod call;
mod card;
mod codec;
#[path = "../../tests/common/mod.rs"]
mod common;
mod cost;
mod device;
mod ear;
mod flood;
mod latency;
mod loss;
mod path;
mod replug;
mod screen;
mod setting;
mod soak;
mod start;
mod table;
mod talking;
mod torture;
mod treatment;

use table::Table;

type Measure = fn(&mut Table);

/// In the order of the table.
const PARTS: [(&str, Measure); 18] = [
    ("start", start::measure),
    ("cost", cost::measure),
    ("latency", latency::measure),
    ("frame", latency::frame),
    ("call", call::measure),
    ("ear", ear::measure),
    ("device", |table| device::measure(table, IDLE_MINUTES)),
    ("device-delay", device::delays_and_changes),
    ("device-beside", device::all_beside),
    ("treatment", treatment::measure),
    ("buffer", buffer::measure),
    ("codec", codec::measure),
    ("loss", loss::measure),
    ("replug", replug::measure),
    ("path", path::measure),
    ("torture", torture::measure),
    ("flood", flood::measure),
    ("size", start::size),
];
/// What "sound" stands for.
const SOUND: [&str; 9] = ["call", "ear", "device", "treatment", "buffer", "codec", "loss", "replug", "path"];

/// Measured with files only when they are asked for, and what is not measured then.
const OF_FILES: &str = "ear";
const OF_DEVICES: &str = "device";
/// How long a call with a headset is watched for sound that breaks.
const IDLE_MINUTES: u64 = 10;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let minutes = words.iter().position(|word| word == "--minutes").map(|at| at + 1);
    // Cargo's own flags come as well.
    let wanted: Vec<&str> = words
        .iter()
        .enumerate()
        .filter(|(at, word)| !word.starts_with('-') && Some(*at) != minutes)
        .map(|(_, word)| word.as_str())
        .collect();
    let files = wanted.contains(&"files");
    let wanted: Vec<&str> = wanted.into_iter().filter(|word| *word != "files").collect();
    let mut table = Table::default();
    for (name, measure) in PARTS {
        // Parts of a part are measured only when named.
        let fits = !name.contains('-') && name != if files { OF_DEVICES } else { OF_FILES };
        let named = |word: &&str| *word == name || (*word == "sound" && SOUND.contains(&name) && fits);
        if (wanted.is_empty() && fits) || wanted.iter().any(named) {
            eprintln!("{name}");
            measure(&mut table);
        }
    }
    if wanted.contains(&"soak") {
        let minutes = minutes.and_then(|at| words.get(at)).map_or(60, |word| word.parse().expect("whole minutes"));
        eprintln!("soak");
        soak::measure(&mut table, minutes);
    } else if wanted.is_empty() {
        soak::not_measured(&mut table);
    }
    if words.iter().any(|word| word == "--json") {
        table.print_json();
    } else {
        table.print();
    }
}
