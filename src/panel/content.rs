//! What the panel can hold.

use serde_json::Value;

/// Longest content, bytes: what a command or an address may give, and what a script may set.
pub const LONGEST: usize = 256 * 1024;

/// Most fields.
const MOST_FIELDS: usize = 500;

/// Longest field, bytes.
const LONGEST_FIELD: usize = 16 * 1024;

/// What fills the right-hand panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PanelContent {
    /// Text, with ANSI colours or without.
    Text(String),
    /// A subset of Markdown.
    Markdown(String),
    /// Name and value pairs, in order.
    Fields(Vec<(String, String)>),
}

impl PanelContent {
    /// Whether there is nothing to be seen in it.
    pub fn is_empty(&self) -> bool {
        match self {
            PanelContent::Text(text) | PanelContent::Markdown(text) => text.trim().is_empty(),
            PanelContent::Fields(fields) => fields.is_empty(),
        }
    }

    /// The same, not longer than [`LONGEST`].
    pub fn bounded(self) -> Self {
        match self {
            PanelContent::Text(text) => PanelContent::Text(shortened(text, LONGEST)),
            PanelContent::Markdown(text) => PanelContent::Markdown(shortened(text, LONGEST)),
            PanelContent::Fields(mut fields) => {
                fields.truncate(MOST_FIELDS);
                let mut left = LONGEST;
                let mut short = |text: String| {
                    let text = shortened(text, left.min(LONGEST_FIELD));
                    left = left.saturating_sub(text.len());
                    text
                };
                let pairs = fields.into_iter().map(|(name, value)| (short(name), short(value)));
                PanelContent::Fields(pairs.collect())
            }
        }
    }

    /// JSON as the panel takes it: what `panel.set` takes (`{"text": ..}`, `{"markdown": ..}`, `{"fields": ..}`), or
    /// the fields themselves ([`fields_of`]).
    pub fn from_json(json: &Value) -> Option<Self> {
        if let Value::Object(object) = json
            && object.len() == 1
        {
            match object.iter().next() {
                Some((key, Value::String(text))) if key == "text" => return Some(PanelContent::Text(text.clone())),
                Some((key, Value::String(text))) if key == "markdown" => {
                    return Some(PanelContent::Markdown(text.clone()));
                }
                Some((key, fields)) if key == "fields" && (fields.is_object() || fields.is_array()) => {
                    return fields_of(fields).map(PanelContent::Fields);
                }
                Some(_) | None => {}
            }
        }
        fields_of(json).map(PanelContent::Fields)
    }
}

/// Fields of an object, or of a list of `{"name": .., "value": ..}` or `[name, value]`; `None` for anything else.
pub fn fields_of(json: &Value) -> Option<Vec<(String, String)>> {
    match json {
        Value::Object(fields) => Some(fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect()),
        Value::Array(pairs) => pairs.iter().map(pair).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn pair(value: &Value) -> Option<(String, String)> {
    match value {
        Value::Object(fields) => Some((plain(fields.get("name")?), plain(fields.get("value")?))),
        Value::Array(items) => match items.as_slice() {
            [name, value] => Some((plain(name), plain(value))),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// A value as a person reads it: nothing for null, a list of simple ones side by side.
fn plain(value: &Value) -> String {
    let simple = |value: &Value| !value.is_array() && !value.is_object();
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(simple) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// At most so many bytes, whole characters; an ellipsis says where the rest was.
fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(list: &[(&str, &str)]) -> Option<PanelContent> {
        Some(PanelContent::Fields(list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()))
    }

    #[test]
    fn json_becomes_fields_in_its_own_order() {
        let json = json!({"b": "x", "a": 3, "c": null, "d": ["x", 1], "e": {"f": [1]}, "g": true});
        let wanted = [("b", "x"), ("a", "3"), ("c", ""), ("d", "x, 1"), ("e", "{\"f\":[1]}"), ("g", "true")];
        assert_eq!(PanelContent::from_json(&json), fields(&wanted));
        let pairs = json!([{"name": "n", "value": 1}, ["m", "2"]]);
        assert_eq!(PanelContent::from_json(&pairs), fields(&[("n", "1"), ("m", "2")]));
        for useless in [json!("x"), json!(1), json!(null), json!([1]), json!([{"name": 1}])] {
            assert_eq!(PanelContent::from_json(&useless), None, "{useless}");
        }
    }

    #[test]
    fn json_may_say_what_it_is() {
        assert_eq!(PanelContent::from_json(&json!({"text": "t"})), Some(PanelContent::Text("t".into())));
        assert_eq!(PanelContent::from_json(&json!({"markdown": "# t"})), Some(PanelContent::Markdown("# t".into())));
        assert_eq!(PanelContent::from_json(&json!({"fields": {"a": 1}})), fields(&[("a", "1")]));
        assert_eq!(PanelContent::from_json(&json!({"text": "t", "b": 1})), fields(&[("text", "t"), ("b", "1")]));
        assert_eq!(PanelContent::from_json(&json!({"fields": "x"})), fields(&[("fields", "x")]));
    }

    #[test]
    fn nothing_is_longer_than_the_limit() {
        let PanelContent::Text(text) = PanelContent::Text("京".repeat(LONGEST)).bounded() else { panic!() };
        assert!(text.len() <= LONGEST + '…'.len_utf8() && text.ends_with("京…"));
        let many = vec![("n".repeat(LONGEST), "v".repeat(LONGEST)); MOST_FIELDS + 1];
        let PanelContent::Fields(fields) = PanelContent::Fields(many).bounded() else { panic!() };
        assert_eq!(fields.len(), MOST_FIELDS);
        let bytes: usize = fields.iter().map(|(n, v)| n.len() + v.len()).sum();
        assert!((LONGEST / 2..LONGEST + 3 * 2 * MOST_FIELDS).contains(&bytes), "{bytes}");
        let short = PanelContent::Markdown("x".into());
        assert_eq!(short.clone().bounded(), short);
    }
}
