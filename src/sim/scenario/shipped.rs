//! The scenarios inside the program, and what is said about a file that is wrong.

use std::path::Path;

/// Name and text of each.
const SHIPPED: [(&str, &str); 2] = [
    ("quiet-morning", include_str!("../scenarios/quiet-morning.toml")),
    ("rush-hour", include_str!("../scenarios/rush-hour.toml")),
];

/// The scenario meant by a bare word: neither a path nor the name of a TOML file.
pub(super) fn by_name(path: &Path) -> Option<(&'static str, &'static str)> {
    let name = path.to_str()?;
    SHIPPED.into_iter().find(|(known, _)| *known == name)
}

/// Their names.
pub fn shipped() -> [&'static str; 2] {
    SHIPPED.map(|(name, _)| name)
}

/// Their names, for people.
pub(super) fn names() -> String {
    shipped().join(", ")
}

/// What is wrong with a file. For an unknown key its line and the known key most like it, where the TOML library names
/// it and all the others.
pub(super) fn complaint(error: &toml::de::Error, text: &str) -> String {
    unknown_key(error.message(), text).unwrap_or_else(|| error.to_string())
}

fn unknown_key(message: &str, text: &str) -> Option<String> {
    let mut words = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let typed = words.next()?;
    let nearest = words.min_by_key(|known| strsim::damerau_levenshtein(known, typed));
    let place = line_of(typed, text).map(|n| format!("line {n}: ")).unwrap_or_default();
    Some(match nearest {
        Some(nearest) => format!("{place}unknown key '{typed}': did you mean '{nearest}'?"),
        None => format!("{place}unknown key '{typed}'"),
    })
}

/// The first line that begins with a key or is a table of that name, counted from 1.
fn line_of(key: &str, text: &str) -> Option<usize> {
    let is_it = |line: &str| {
        let line = line.trim_start();
        let name = match line.strip_prefix('[') {
            Some(table) => table.trim_matches(['[', ']', ' ']).rsplit('.').next().unwrap_or_default(),
            None => line.split(['=', '.']).next().unwrap_or_default(),
        };
        name.trim() == key
    };
    text.lines().position(is_it).map(|n| n + 1)
}
