//! Reading and writing JSON as the platform's wire has it.

use serde_json::Value;

/// A whole number, also as a string: configured values go out as they are (protocol `cti.md` 2.2).
pub fn integer(body: &Value, field: &str) -> Option<i64> {
    let value = body.get(field)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Puts the members of one JSON object into another.
pub fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}
