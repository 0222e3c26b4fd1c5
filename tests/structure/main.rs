//! The shape of the sources: no circles of imports, files and functions of a length that can be read, and pages that name
//! files which exist. What is still too long is listed here, and the list can only get shorter.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests fail by panicking"
)]

mod imports;
#[allow(dead_code, reason = "tests/feature_table.rs uses the rest")]
mod source;

use std::{collections::BTreeSet, fs};

use source::{Function, Source, functions, root};

/// Longest production file, lines without its unit tests.
const LONGEST_FILE: usize = 500;
/// Longest function, lines.
const LONGEST_FUNCTION: usize = 80;

/// Circles that are still there, by a module of each.
const CIRCLES: &[&str] = &["app::update", "config::ice", "softphone::media"];
/// Files that are still longer.
const LONG_FILES: &[&str] = &[
    "src/app/update/echo.rs",
    "src/config/model.rs",
    "src/softphone/audio/engine.rs",
    "src/softphone/audio/lab.rs",
    "src/softphone/media/peer.rs",
    "src/softphone/vocabulary.rs",
];
/// Functions that are still longer, and tables, which may be.
const LONG_FUNCTIONS: &[&str] = &[
    "src/app/state.rs: new",
    "src/app/update/commands.rs: command",
    "src/app/update/commands.rs: command_reply",
    "src/config/show.rs: rest",
    "src/cti/request.rs: wire",
    "src/sim/push.rs: run",
    "src/softphone/media/peer.rs: new",
    "src/softphone/media/sdp/remote.rs: speak",
    "src/ui/app.rs: run",
    "src/ui/input_events.rs: on_click",
    "src/ui/intents.rs: perform",
    "src/ui/terminal/decode.rs: byte",
    "src/ui/view/status_line.rs: banner_text",
];

/// Whether a function is a test in a production file.
fn is_test(function: &Function) -> bool {
    function.attributes.iter().any(|attribute| attribute == "test" || attribute.ends_with("::test"))
}

/// Fails unless what is found is what is known: new ones are named, and so are those that are known and gone.
fn assert_known(found: &BTreeSet<String>, known: &[&str], what: &str) {
    let known: BTreeSet<String> = known.iter().map(ToString::to_string).collect();
    let new: Vec<&String> = found.difference(&known).collect();
    assert!(new.is_empty(), "{what}: {new:#?}");
    let gone: Vec<&String> = known.difference(found).collect();
    assert!(gone.is_empty(), "mended, take them out of the list of this test: {gone:#?}");
}

#[test]
fn no_module_takes_names_from_one_that_takes_names_from_it() {
    let graph = imports::graph(&Source::all("src"));
    assert!(graph.len() > 300, "only {} modules are seen", graph.len());
    let name = |module: &imports::Module| module.join("::");
    let circles: Vec<Vec<String>> =
        imports::circles(&graph).iter().map(|circle| circle.iter().map(name).collect()).collect();
    let first: BTreeSet<String> = circles.iter().filter_map(|circle| circle.first().cloned()).collect();
    assert_known(&first, CIRCLES, &format!("circles of imports {circles:#?}"));
}

#[test]
fn no_production_file_is_longer_than_can_be_read() {
    let long = |source: &Source| {
        let production = source.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        production.lines().count() > LONGEST_FILE
    };
    let sources = Source::all("src");
    let found: BTreeSet<String> =
        sources.iter().filter(|source| !source.is_test() && long(source)).map(|source| source.path.clone()).collect();
    assert_known(&found, LONG_FILES, "longer than 500 lines");
}

#[test]
fn no_function_is_longer_than_can_be_read() {
    let sources = Source::all("src");
    let found: BTreeSet<String> = sources
        .iter()
        .filter(|source| !source.is_test())
        .flat_map(|source| functions(&source.tokens).into_iter().map(|function| (source.path.clone(), function)))
        .filter(|(_, function)| function.lines > LONGEST_FUNCTION && !is_test(function))
        .map(|(path, function)| format!("{path}: {}", function.name))
        .collect();
    assert_known(&found, LONG_FUNCTIONS, "longer than 80 lines");
}

#[test]
fn the_architecture_page_names_files_that_exist() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let named: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|text| ["src/", "tests/", "benches/"].iter().any(|folder| text.starts_with(folder)))
        .collect();
    assert!(named.len() > 40, "only {} files are named", named.len());
    let missing: Vec<&&str> = named.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
