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

/// The first words of something that was not understood: one line, without tags and control characters.
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
    words.join(" ").chars().take(LONGEST).collect()
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
    fn beginnings_are_one_short_line_without_tags() {
        let page = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body>\u{7}nginx";
        assert_eq!(beginning(page), "502 Bad Gateway nginx");
        assert_eq!(beginning(&"x".repeat(500)).len(), 80);
        assert_eq!(beginning("<unclosed"), "");
    }
}
