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

/// Their names, for people.
pub(super) fn names() -> String {
    SHIPPED.map(|(name, _)| name).join(", ")
}

/// What is wrong with a file. For an unknown key its line and the known key most like it, where the TOML library names
/// it and all the others.
pub(super) fn complaint(message: &str, text: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field ") else { return message.to_owned() };
    let mut words = rest.split('`').skip(1).step_by(2);
    let Some(typed) = words.next() else { return message.to_owned() };
    let nearest = words.min_by_key(|known| strsim::damerau_levenshtein(known, typed));
    let line = text.lines().position(|line| {
        let rest = line.trim_start().trim_start_matches('[').trim_start();
        let rest = rest.rsplit_once(&format!(".{typed}]")).map_or(rest, |_| typed);
        rest.strip_prefix(typed)
            .is_some_and(|after| after.trim_start().is_empty() || after.trim_start().starts_with(['=', ']', '.']))
    });
    let place = line.map(|n| format!("line {}: ", n + 1)).unwrap_or_default();
    match nearest {
        Some(nearest) => format!("{place}unknown key '{typed}': did you mean '{nearest}'?"),
        None => format!("{place}unknown key '{typed}'"),
    }
}
