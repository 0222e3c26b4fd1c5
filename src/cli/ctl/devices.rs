//! Sound devices for people.

use serde_json::Value;

use crate::{
    i18n::{self, Locale},
    ui::text,
};

/// What is used, how it does, and what there is to choose from.
pub(super) fn shown(answer: &Value, locale: Locale) -> String {
    let mut lines = Vec::new();
    for (role, label) in [("input", "devices.input"), ("output", "devices.output"), ("ring", "devices.ring")] {
        let Some(device) = answer.get(role) else { continue };
        let field = |name| device.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut line = text::pad(&i18n::text(locale, label), 12);
        if device.get("follows_system").and_then(Value::as_bool) == Some(true) {
            line.push_str(&i18n::text(locale, "devices.system"));
            line.push_str("  ");
        }
        line.push_str(&text::clean(field("name")));
        line.push_str(&format!("  [{}]  ", text::clean(field("chosen"))));
        line.push_str(&i18n::text(locale, state_word(field("state"))));
        lines.push(line.replace("    ", "  "));
        if !field("error").is_empty() {
            lines.push(format!("  {}", text::clean(field("error"))));
        }
    }
    let list = answer.get("list").and_then(Value::as_array).cloned().unwrap_or_default();
    for (direction, heading) in [("input", "cli.microphones"), ("output", "cli.speakers")] {
        let ours = list.iter().filter(|device| device.get("direction").and_then(Value::as_str) == Some(direction));
        let rows: Vec<String> = ours
            .map(|device| {
                let field =
                    |name| text::clean(device.get(name).and_then(Value::as_str).unwrap_or_default()).into_owned();
                let mark = if device.get("default") == Some(&Value::Bool(true)) { '*' } else { ' ' };
                format!("  {mark} {}  [{}]", field("name"), field("id"))
            })
            .collect();
        if !rows.is_empty() {
            lines.push(i18n::text(locale, heading));
            lines.extend(rows);
        }
    }
    lines.join("\n")
}

fn state_word(state: &str) -> &'static str {
    match state {
        "works" => "devices.works",
        "silent" => "devices.silent",
        "failed" => "devices.failed",
        _ => "devices.unknown",
    }
}
