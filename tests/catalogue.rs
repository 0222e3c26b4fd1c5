//! The message catalogue against the source: every message exists in both languages with the same arguments, every key
//! that the source names exists, and none lies unused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found
}

/// Every message by key, with its text by language.
fn catalogue() -> BTreeMap<String, BTreeMap<String, String>> {
    fn collect(prefix: &str, table: &toml::Table, into: &mut BTreeMap<String, BTreeMap<String, String>>) {
        for (name, value) in table {
            let Some(inner) = value.as_table() else { continue };
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let texts: BTreeMap<String, String> =
                inner.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
            if !texts.is_empty() {
                into.insert(key.clone(), texts);
            }
            collect(&key, inner, into);
        }
    }
    let mut all = BTreeMap::new();
    for path in files(&Path::new(SRC).join("i18n"), "toml") {
        let table: toml::Table = fs::read_to_string(&path).unwrap().parse().expect("a catalogue is TOML");
        collect("", &table, &mut all);
    }
    all
}

/// The names in `%{name}`.
fn arguments(text: &str) -> BTreeSet<&str> {
    text.split("%{").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).collect()
}

/// Every string literal of the source that has the shape of a key of one of the rooms.
fn named_in_source(rooms: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for path in files(Path::new(SRC), "rs") {
        let text = fs::read_to_string(&path).unwrap();
        for literal in text.split('"') {
            let is_key = literal.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c));
            let room = literal.split('.').next().unwrap_or_default();
            if is_key && rooms.contains(room) && !literal.ends_with('.') && !literal.starts_with('.') {
                named.insert(literal.to_owned());
            }
        }
    }
    named
}

#[test]
fn every_message_is_said_in_both_languages_with_the_same_arguments() {
    for (key, texts) in catalogue() {
        let (Some(english), Some(chinese)) = (texts.get("en"), texts.get("zh-CN")) else {
            panic!("{key} lacks a language: {texts:?}");
        };
        assert!(!english.trim().is_empty() && !chinese.trim().is_empty(), "{key} is empty");
        assert_eq!(arguments(english), arguments(chinese), "{key}");
    }
}

/// Words that have given way to others, so that one thing has one word everywhere; and what is no Chinese punctuation, or
/// as wide as a font likes, so that it paints over its neighbours in a terminal.
const NOT_IN_CHINESE: [&str; 9] = ["置忙", "置闲", "耳语", "网页电话", "本人所在", "“", "”", "(", ")"];
const NOT_IN_ENGLISH: [&str; 8] =
    [" peer ", "tear", "torn down", "web phone", "telephone", "how the call sounds", "nobody waits", "nothing fits"];

#[test]
fn one_thing_has_one_word() {
    for (key, texts) in catalogue() {
        // What the system says is taken as it says it.
        if key.starts_with("reason.") {
            continue;
        }
        for word in NOT_IN_CHINESE {
            assert!(!texts.get("zh-CN").is_some_and(|text| text.contains(word)), "{key}: {word}: {texts:?}");
        }
        for word in NOT_IN_ENGLISH {
            assert!(
                !texts.get("en").is_some_and(|text| text.to_lowercase().contains(word)),
                "{key}: {word}: {texts:?}"
            );
        }
    }
    let help = fs::read_to_string(Path::new(SRC).join("cli/help.zh-CN.toml")).unwrap();
    for (line, chinese) in help.lines().filter_map(|line| Some((line, line.split_once("\" = \"")?.1))) {
        assert!(!NOT_IN_CHINESE.iter().any(|word| chinese.contains(word)), "{line}");
    }
}

#[test]
fn titles_of_windows_are_in_sentence_case() {
    const NAMES: [&str; 2] = ["ID", "IVR"];
    for (key, texts) in catalogue() {
        if !(key.ends_with("_title") || key == "devices.title") {
            continue;
        }
        let english = texts.get("en").map(String::as_str).unwrap_or_default();
        let title = english.split(':').next().unwrap_or_default();
        for (place, word) in title.split(' ').filter(|word| !NAMES.contains(word)).enumerate() {
            assert_eq!(word.starts_with(char::is_uppercase), place == 0, "{key}: {english}");
        }
    }
}

/// Literals that are no messages although they look like one: options of the config, methods of the control socket, files
/// and hosts.
const NO_MESSAGES: [&str; 13] = [
    "app.other",
    "audio.backend",
    "audio.backend.x",
    "audio.microphone",
    "audio.ring_device",
    "audio.speaker",
    "config.toml",
    "devices.set",
    "health.check",
    "panel.clear",
    "panel.set",
    "sip.example.test",
    "ui.panel_width",
];

#[test]
fn no_message_lies_unused_and_none_is_missing() {
    let catalogue = catalogue();
    let rooms: BTreeSet<&str> = catalogue.keys().filter_map(|key| key.split('.').next()).collect();
    let named = named_in_source(&rooms);
    let unused: Vec<_> = catalogue.keys().filter(|key| !named.contains(*key)).collect();
    assert!(unused.is_empty(), "nothing says {unused:?}");
    let missing: Vec<_> = named
        .iter()
        .filter(|key| key.contains('.') && !catalogue.contains_key(*key) && !NO_MESSAGES.contains(&key.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in the catalogue: {missing:?}");
}

/// The names given by `.with("name", ...)` at the start of a text.
fn given(mut rest: &str) -> Vec<&str> {
    let mut names = Vec::new();
    while let Some(call) = rest.trim_start().strip_prefix(".with(") {
        let Some((name, _)) = call.trim_start().strip_prefix('"').and_then(|from| from.split_once('"')) else { break };
        names.push(name);
        let (mut depth, mut quoted, mut escaped, mut end) = (1, false, false, call.len());
        for (at, c) in call.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                end = at + 1;
                break;
            }
        }
        rest = call.get(end..).unwrap_or_default();
    }
    names
}

#[test]
fn every_message_is_given_its_arguments_and_no_others() {
    let catalogue = catalogue();
    let mut wrong = Vec::new();
    for path in files(Path::new(SRC), "rs") {
        let source = fs::read_to_string(&path).unwrap();
        let all: BTreeSet<&str> = source.split(".with(").skip(1).filter_map(|call| call.split('"').nth(1)).collect();
        for (before, rest) in source.match_indices("Message::new(").map(|(at, _)| source.split_at(at)) {
            let Some((key, rest)) = rest.split_once('"').and_then(|(_, rest)| rest.split_once("\")")) else { continue };
            let Some(text) = catalogue.get(key).and_then(|texts| texts.get("en")) else { continue };
            let (wanted, given) = (arguments(text), given(rest));
            let place = format!("{}:{}", path.display(), before.lines().count());
            for name in given.iter().filter(|name| !wanted.contains(*name)) {
                wrong.push(format!("{place}: {key} takes no '{name}'"));
            }
            // Some are given later, to a message that has a name.
            for name in wanted.iter().filter(|name| !given.contains(name) && !all.contains(*name)) {
                wrong.push(format!("{place}: {key} lacks '{name}'"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn given_arguments_are_read_over_brackets_and_quotes() {
    let source = ".with(\"a\", f(\")\\\"(\"))\n    .with(\"b\", 1)).with(\"c\", 2)";
    assert_eq!(given(source), ["a", "b"]);
}
