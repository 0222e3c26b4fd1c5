//! What the program is made of: licences, sources and banned crates of the whole tree after `deny.toml`, and a reason for
//! each crate that is named in `Cargo.toml`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

use std::{collections::BTreeSet, process::Command, sync::OnceLock};

use serde_json::Value;

const POLICY: &str = include_str!("../deny.toml");
const REASONS: &str = include_str!("../DEPENDENCIES.md");

fn policy() -> toml::Value {
    toml::Value::Table(toml::from_str(POLICY).unwrap())
}

/// The packages of the program on Linux, as cargo has resolved them. Nothing is fetched: what was built is there.
fn packages() -> &'static [Value] {
    static PACKAGES: OnceLock<Vec<Value>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", &target])
            .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let packages = metadata["packages"].as_array().unwrap().clone();
        assert!(packages.len() > 100, "only {} packages", packages.len());
        packages
    })
}

fn texts(value: &toml::Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Whether a licence expression (SPDX, or the older form with a slash) can be met with these licences.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = expression.split_whitespace().collect();
    let mut at = 0;
    let met = either(&words, &mut at, allowed);
    assert_eq!(at, words.len(), "cannot be read: {expression}");
    met
}

fn either(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = both(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at, allowed);
    }
    met
}

fn both(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let word = *words.get(*at).unwrap_or(&"");
    *at += 1;
    if word == "(" {
        let met = either(words, at, allowed);
        assert_eq!(words.get(*at), Some(&")"));
        *at += 1;
        return met;
    }
    // With an exception more is allowed, but it is another licence all the same.
    if words.get(*at) == Some(&"WITH") {
        let with = format!("{word} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
        return allowed.contains(&with);
    }
    allowed.contains(word)
}

#[test]
fn expressions_of_licences_are_read_as_they_are_meant() {
    let allowed: BTreeSet<String> = ["MIT", "ISC"].map(str::to_owned).into();
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0-only", false),
        ("(Apache-2.0 OR MIT) AND ISC", true),
        ("(Apache-2.0 OR MIT) AND BSD-3-Clause", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("MIT WITH something", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

#[test]
fn every_licence_is_allowed() {
    let allowed = texts(&policy()["licenses"]["allow"]);
    for package in packages() {
        let licence = package["license"].as_str().unwrap_or("");
        assert!(is_met(licence, &allowed), "{} {}: {licence:?}", package["name"], package["version"]);
    }
}

#[test]
fn everything_comes_from_the_public_registry() {
    let policy = policy();
    let allowed = texts(&policy["sources"]["allow-registry"]);
    assert!(texts(&policy["sources"]["allow-git"]).is_empty());
    for package in packages() {
        // Without a source it is this program.
        let Some(source) = package["source"].as_str() else {
            assert_eq!(package["name"], env!("CARGO_PKG_NAME"));
            continue;
        };
        let registry = source.strip_prefix("registry+").unwrap_or("");
        assert!(allowed.contains(registry), "{}: {source}", package["name"]);
    }
}

#[test]
fn nothing_banned_is_in_it_and_no_version_is_left_open() {
    let policy = policy();
    for ban in policy["bans"]["deny"].as_array().unwrap() {
        let name = ban["name"].as_str().unwrap();
        let found = packages().iter().any(|package| package["name"] == name);
        assert!(!found, "{name}: {}", ban["reason"]);
    }
    let own = packages().iter().find(|package| package["name"] == env!("CARGO_PKG_NAME")).unwrap();
    for dependency in own["dependencies"].as_array().unwrap() {
        assert_ne!(dependency["req"], "*", "{}", dependency["name"]);
    }
}

#[test]
fn every_direct_dependency_has_its_reason() {
    let own = packages().iter().find(|package| package["name"] == env!("CARGO_PKG_NAME")).unwrap();
    let named: BTreeSet<&str> =
        own["dependencies"].as_array().unwrap().iter().filter_map(|dependency| dependency["name"].as_str()).collect();
    let mut explained = BTreeSet::new();
    for line in REASONS.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, _, why] = cells.as_slice() else { panic!("not three cells: {line}") };
        assert!(why.len() > 10, "{line}");
        assert!(explained.insert(name.trim_matches('`')), "twice: {line}");
    }
    let without: Vec<_> = named.difference(&explained).collect();
    let gone: Vec<_> = explained.difference(&named).collect();
    assert!(without.is_empty() && gone.is_empty(), "no reason for {without:?}; no such dependency: {gone:?}");
}
