//! The table of `tests/README.md` against the tree: every file and test it names is there, and nothing that the program
//! sends or understands is without a row.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const TABLE: &str = include_str!("README.md");

/// A row of the table: feature, where it is, what proves it.
struct Row {
    feature: &'static str,
    place: &'static str,
    test: &'static str,
}

fn rows() -> Vec<Row> {
    let rows: Vec<Row> = TABLE
        .lines()
        .filter(|line| ["| bar ", "| cti ", "| sound: ", "| terminal: "].iter().any(|kind| line.starts_with(kind)))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [feature, place, test] = cells.as_slice() else { panic!("not three cells: {line}") };
            Row { feature, place, test }
        })
        .collect();
    assert!(rows.len() > 300, "only {} rows", rows.len());
    rows
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn tree(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_row_names_files_and_tests_that_exist() {
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in rows() {
        let files: Vec<&str> = quoted(row.place).filter(|path| path.starts_with("src/")).collect();
        for file in &files {
            if !tree(file).is_file() {
                wrong.push(format!("{}: there is no {file}", row.feature));
            }
        }
        let elsewhere = row.place.starts_with("not here: ");
        if files.is_empty() && !elsewhere && !row.place.contains(": ") {
            wrong.push(format!("{}: no place and no reason for none", row.feature));
        }
        if row.test == "-" && !elsewhere {
            wrong.push(format!("{}: what is here is to be proven", row.feature));
        }
        if row.test.contains('?') {
            wrong.push(format!("{}: nothing proves it; name a test, or say 'not done: ' and why", row.feature));
            continue;
        }
        if row.test == "-" || row.test.starts_with("not done: ") {
            continue;
        }
        for test in row.test.split(", ") {
            let Some((file, name)) = test.trim_matches('`').split_once("::") else {
                wrong.push(format!("{}: '{test}' is no test", row.feature));
                continue;
            };
            let text = sources.entry(file).or_insert_with(|| fs::read_to_string(tree(file)).unwrap_or_default());
            let is_there = text.contains(&format!("fn {name}(")) && text.contains("#[");
            if !is_there {
                wrong.push(format!("{}: there is no test {name} in {file}", row.feature));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_feature_has_two_rows() {
    let mut seen = BTreeSet::new();
    for row in rows() {
        assert!(seen.insert(row.feature), "twice: {}", row.feature);
    }
}

#[test]
fn every_command_on_the_wire_and_every_event_has_a_row() {
    let named: BTreeSet<&str> = rows().iter().flat_map(|row| quoted(row.feature)).collect();
    let source = |path: &str| {
        let text = fs::read_to_string(tree(path)).unwrap();
        text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
    };
    let literals = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<String>>();
    let paths = literals(&source("src/cti/request.rs"));
    let paths: Vec<&String> = paths.iter().filter(|text| text.starts_with('/') && text.len() > 1).collect();
    assert!(paths.len() > 50, "the paths are written elsewhere: {paths:?}");
    let events = literals(&source("src/cti/parse.rs"));
    let is_event = |text: &&String| {
        let first_word = ["phone", "agent", "update", "error", "force"].iter().find(|word| text.starts_with(**word));
        first_word.is_some_and(|word| text.len() > word.len() && text.chars().all(|c| c.is_ascii_alphanumeric()))
            && *text != "phoneRing"
    };
    let events: Vec<&String> = events.iter().filter(is_event).collect();
    assert!(events.len() > 35, "the events are named elsewhere: {events:?}");
    for name in paths.into_iter().chain(events) {
        assert!(named.contains(name.as_str()), "{name} has no row");
    }
}
