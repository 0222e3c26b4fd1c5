//! Texts from outside, for a terminal: nothing in them drives it or reorders what stands beside them.

use std::{borrow::Cow, fmt::Write};

/// Whether a character must never reach the terminal: controls (they could drive it), marks that reorder text (a
/// number could be shown backwards), and what has no width of its own or one that terminals do not agree on (the rest
/// of the line would be shifted).
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{1f3fb}'..='\u{1f3ff}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text from outside without anything that could drive the terminal or reorder what stands beside it.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_harmful) {
        Cow::Owned(text.chars().filter(|c| !is_harmful(*c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The same for a text of several lines: their ends and tabs stay.
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    let goes = |c: char| is_harmful(c) && !matches!(c, '\n' | '\t');
    if text.chars().any(goes) { Cow::Owned(text.chars().filter(|c| !goes(*c)).collect()) } else { Cow::Borrowed(text) }
}

/// JSON of one line with everything harmful in its strings escaped: for those who read it in a terminal, and the same for
/// those who parse it.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_harmful) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_harmful(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing into a string does not fail.
                write!(escaped, "\\u{unit:04x}").unwrap_or_default();
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of what must not reach a terminal.
    const HARMFUL: &str =
        "\u{1b}[2J\u{7}\u{7f}\u{85}\u{9b}1m\u{200b}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}\u{feff}\u{e0041}";

    #[test]
    fn nothing_from_outside_drives_the_terminal() {
        assert_eq!(clean("张\u{1b}[2J三\u{7}\r\n"), "张[2J三");
        assert_eq!(clean("1\u{202e}23"), "123");
        assert!(matches!(clean("张三"), Cow::Borrowed(_)));
        assert_eq!(clean(HARMFUL), "[2J1m");
        assert_eq!(clean_lines(&format!("a\tb\n{HARMFUL}\nc")), "a\tb\n[2J1m\nc");
        assert!(matches!(clean_lines("a\nb"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_is_the_same_json_without_anything_harmful_in_it() {
        let value = serde_json::json!({"name": HARMFUL, "张": "三"});
        let json = value.to_string();
        let escaped = escape_json(&json);
        assert!(!escaped.chars().any(is_harmful), "{escaped:?}");
        assert!(escaped.contains("\\u202e") && escaped.contains("三"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
    }
}
