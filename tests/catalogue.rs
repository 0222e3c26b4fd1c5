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

#[test]
fn no_message_of_these_rooms_lies_unused_and_none_is_missing() {
    let catalogue = catalogue();
    let rooms = BTreeSet::from(["config", "control", "cli", "store", "duty"]);
    let named = named_in_source(&rooms);
    for key in catalogue.keys().filter(|key| rooms.contains(key.split('.').next().unwrap_or_default())) {
        assert!(named.contains(key), "nothing says {key}");
    }
    for key in named.iter().filter(|key| key.contains('.') && !key.ends_with(".toml") && !key.ends_with(".sock")) {
        assert!(catalogue.contains_key(key), "{key} is not in the catalogue");
    }
}
