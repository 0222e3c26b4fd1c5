//! Reading what the platform sends with its loose types: numbers as strings, strings as numbers.

use serde_json::Value;

/// A whole number, as a JSON number or as its decimal string.
pub(super) fn integer(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64().or_else(|| {
            // 3.0 is 3; what a float cannot hold exactly is no number of this protocol.
            let float = number.as_f64()?;
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text to show, as a JSON string or number, control characters taken out; absent if nothing is left.
pub(super) fn text(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// The longest name, number or area that is shown, characters: what is longer is a mistake.
const LONGEST_LABEL: usize = 200;

/// A text to show in a line: as [`text`], cut where it is too long to be a name.
pub(super) fn label(value: Option<&Value>) -> Option<String> {
    text(value).map(|text| match text.char_indices().nth(LONGEST_LABEL) {
        Some((end, _)) => text.get(..end).unwrap_or_default().trim_end().to_owned(),
        None => text,
    })
}

/// Names behind which a secret stands.
const SECRETS: [&str; 7] = ["token", "authorization", "bearer", "password", "phopass", "passwd", "secret"];
/// What may stand between such a name and the secret, characters.
const BETWEEN: usize = 8;
/// So many letters and digits in one word are a secret without a name, characters.
const LONG_WORD: usize = 24;
/// What stands where a secret stood.
const HIDDEN: &str = "***";

/// The text without tokens and passwords, for the log and the screen: what is named as one, and long words with digits.
fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    // How far the last name of a secret is away.
    let mut named: Option<usize> = None;
    let mut rest = text;
    while !rest.is_empty() {
        let of_word = |c: char| c.is_ascii_alphanumeric() || "-_.+/~".contains(c);
        let end = rest.find(|c| !of_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let lower = word.to_ascii_lowercase();
        let names = SECRETS.iter().any(|name| lower.ends_with(name));
        let long = word.len() >= LONG_WORD && word.bytes().any(|byte| byte.is_ascii_digit());
        if !word.is_empty() {
            let hidden = !names && (long || named.is_some_and(|away| away <= BETWEEN));
            shown.push_str(if hidden { HIDDEN } else { word });
            named = names.then_some(0);
        }
        let gap = after.find(of_word).unwrap_or(after.len());
        let (between, next) = after.split_at(gap);
        shown.push_str(between);
        named = named.map(|away| away + between.chars().count());
        rest = next;
    }
    shown
}

/// The first words of something that was not understood: one line, without tags, control characters and secrets.
pub(super) fn beginning(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut in_tag = false;
    let mut plain = String::new();
    // A page's head can be long; what matters is near its beginning all the same.
    for c in text.chars().take(4096) {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                plain.push(' ');
            }
            _ if in_tag => {}
            _ => plain.push(if c.is_control() || c == '\u{fffd}' { ' ' } else { c }),
        }
    }
    let words: Vec<&str> = plain.split_whitespace().collect();
    without_secrets(&words.join(" ")).chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_in_either_form() {
        for (value, expected) in [
            (json!(5), Some(5)),
            (json!("5"), Some(5)),
            (json!(" 5 "), Some(5)),
            (json!(5.0), Some(5)),
            (json!(-1), Some(-1)),
            (json!(5.5), None),
            (json!(1e300), None),
            (json!(""), None),
            (json!("five"), None),
            (json!(null), None),
            (json!(true), None),
            (json!([5]), None),
        ] {
            assert_eq!(integer(Some(&value)), expected, "{value}");
        }
        assert_eq!(integer(None), None);
    }

    #[test]
    fn texts_are_cleaned() {
        assert_eq!(text(Some(&json!(" 138\u{1b}[2J \n"))).as_deref(), Some("138[2J"));
        assert_eq!(text(Some(&json!(13800138000_u64))).as_deref(), Some("13800138000"));
        assert_eq!(text(Some(&json!("  "))), None);
        assert_eq!(text(Some(&json!(null))), None);
    }

    #[test]
    fn a_name_that_is_too_long_is_cut() {
        for (name, length) in [("王".repeat(200), 200), ("王".repeat(200_000), 200), (" a ".into(), 1)] {
            assert_eq!(label(Some(&json!(name))).map(|text| text.chars().count()), Some(length));
        }
        assert_eq!(label(Some(&json!(format!("{} b", "a".repeat(199))))).as_deref(), Some("a".repeat(199).as_str()));
        assert_eq!(label(Some(&json!(""))), None);
    }

    #[test]
    fn no_secret_is_in_a_beginning() {
        for (text, shown) in [
            (r#"{"token":"s3cret","MT":"#, r#"{"token":"***","MT":"#),
            (r#"{"MT":3, "Authorization": "Bearer s3cret""#, r#"{"MT":3, "Authorization": "Bearer ***""#),
            ("GET /ws?token=Bearer%20s3cret&RegID=1", "GET /ws?token=Bearer%***&RegID=1"),
            ("{'phopass' : 'pa.ss-w0rd'}", "{'phopass' : '***'}"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln {", "*** {"),
            (
                "WARN 王: nothing here 13800138000 at 2026-11-30T22:15",
                "WARN 王: nothing here 13800138000 at 2026-11-30T22:15",
            ),
        ] {
            assert_eq!(beginning(text), shown);
        }
    }

    #[test]
    fn beginnings_are_one_short_line_without_tags() {
        let page = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body>\u{7}nginx";
        assert_eq!(beginning(page), "502 Bad Gateway nginx");
        assert_eq!(beginning(&"x".repeat(500)).len(), 80);
        assert_eq!(beginning("<unclosed"), "");
    }
}
