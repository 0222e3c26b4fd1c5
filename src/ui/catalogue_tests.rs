//! The catalogue and the code say the same: every key used exists in both languages, every key there is used.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

type Catalogue = BTreeMap<String, toml::Value>;

/// The keys `ui.*` that stand in string literals of this room's sources.
fn used(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            used(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("catalogue_tests.rs") {
            let source = fs::read_to_string(&path).unwrap();
            for literal in source.split("\"ui.").skip(1) {
                let key: String = literal.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                found.insert(key);
            }
        }
    }
}

#[test]
fn code_and_catalogue_agree_in_both_languages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let file: Catalogue = toml::from_str(&fs::read_to_string(root.join("i18n/ui.toml")).unwrap()).unwrap();
    let room = file.get("ui").and_then(toml::Value::as_table).unwrap();
    for (key, texts) in room {
        for tag in ["en", "zh-CN"] {
            let text = texts.get(tag).and_then(toml::Value::as_str).unwrap_or_default();
            assert!(!text.is_empty(), "ui.{key} has no {tag}");
        }
        let names = |tag| -> BTreeSet<&str> {
            let text = texts.get(tag).and_then(toml::Value::as_str).unwrap_or_default();
            text.split("%{").skip(1).filter_map(|rest| rest.split('}').next()).collect()
        };
        assert_eq!(names("en"), names("zh-CN"), "ui.{key} fills in different things");
    }
    let mut in_code = BTreeSet::new();
    used(&root.join("ui"), &mut in_code);
    let in_catalogue: BTreeSet<String> = room.keys().cloned().collect();
    let missing: Vec<_> = in_code.difference(&in_catalogue).collect();
    let unused: Vec<_> = in_catalogue.difference(&in_code).collect();
    assert!(missing.is_empty(), "not in the catalogue: {missing:?}");
    assert!(unused.is_empty(), "used nowhere: {unused:?}");
}
