//! The table of `tests/README.md` against the tree: every file and test it names is there, and nothing that the program
//! sends or understands is without a row.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

#[allow(dead_code, reason = "tests/structure uses the rest")]
#[path = "structure/source.rs"]
mod source;

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

/// The names of the tests in a source that really run: `#[test]` of whatever kind, not ignored, not empty.
fn tests(source: &source::Source) -> Vec<String> {
    let is_test = |attribute: &String| {
        let name = attribute.split('(').next().unwrap_or_default();
        name.rsplit("::").next() == Some("test")
    };
    source::functions(&source.tokens)
        .into_iter()
        .filter(|function| function.has_body && function.attributes.iter().any(is_test))
        .filter(|function| !function.attributes.iter().any(|attribute| attribute.starts_with("ignore")))
        .map(|function| function.name)
        .collect()
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
    let mut sources: BTreeMap<&str, Vec<String>> = BTreeMap::new();
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
            let tests = sources.entry(file).or_insert_with(|| {
                if tree(file).is_file() { tests(&source::Source::read(&tree(file))) } else { Vec::new() }
            });
            if !tests.iter().any(|test| test == name) {
                wrong.push(format!("{}: {file} has no test {name} that runs", row.feature));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_test_that_is_ignored_empty_or_in_a_comment_proves_nothing() {
    let text = r##"
        #[test]
        fn runs() { assert!(true) }
        #[tokio::test(start_paused = true)]
        async fn runs_too() -> Result<(), Error> { Ok(()) }
        proptest! { #[test] fn of_any(x in 0..9) { x; } }
        #[test]
        #[ignore = "slow"]
        fn ignored() { assert!(true) }
        #[test]
        fn empty() {}
        fn helper() { let text = "#[test] fn in_a_string() { 1 }"; }
        // #[test] fn in_a_comment() { assert!(true) }
    "##;
    let tokens: proc_macro2::TokenStream = text.parse().unwrap();
    let source = source::Source { path: String::new(), text: text.to_owned(), tokens: tokens.into_iter().collect() };
    assert_eq!(tests(&source), ["runs", "runs_too", "of_any"]);
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
