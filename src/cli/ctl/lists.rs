//! Lists for people and for scripts: agents, the queue, predictive projects, the journal.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::words::Word;
use crate::{
    cli::{
        CliError,
        output::{print, print_json},
    },
    domain::JournalEntry,
    i18n::{self, Locale},
    ui::{labels, text},
};

/// A list and whether it is wanted as JSON.
pub(super) struct List {
    what: What,
    json: bool,
}

enum What {
    Agents,
    AgentsInCall,
    Queue,
    Projects,
    Journal(Map<String, Value>),
}

impl List {
    /// The list that a word asks for; words that ask for none ask for free agents.
    pub fn of(word: &Word) -> Self {
        let (what, json) = match word {
            Word::Queue { json } => (What::Queue, *json),
            Word::Projects { json } => (What::Projects, *json),
            Word::Journal { json, limit, search } => {
                let params = [("limit", json!(limit)), ("search", json!(search.join(" ")))];
                (What::Journal(params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()), *json)
            }
            Word::Agents { in_call: true, json } => (What::AgentsInCall, *json),
            Word::Agents { in_call: false, json } => (What::Agents, *json),
            Word::Status { json } | Word::Events { json, .. } => (What::Agents, *json),
            Word::Wait { .. } | Word::Devices { .. } | Word::Do(_) | Word::Call { .. } => (What::Agents, false),
        };
        Self { what, json }
    }

    /// The method that gives it.
    pub fn method(&self) -> &'static str {
        match self.what {
            What::Agents => "Info.getAgentList",
            What::AgentsInCall => "Info.getOnlineAgent",
            What::Queue => "queue.list",
            What::Projects => "Agent.getPro",
            What::Journal(_) => "journal.list",
        }
    }

    /// The method's parameters.
    pub fn params(&self) -> Map<String, Value> {
        match &self.what {
            What::Journal(params) => params.clone(),
            What::Agents | What::AgentsInCall | What::Queue | What::Projects => Map::new(),
        }
    }

    /// Prints the answer.
    pub fn print(&self, answer: &Value, locale: Locale) -> Result<(), CliError> {
        let rows = self.rows(answer);
        if self.json { print_json(&Value::Array(rows).to_string()) } else { print(&self.lines(&rows, locale)) }
    }

    /// The rows for a person.
    fn lines(&self, rows: &[Value], locale: Locale) -> String {
        let now = crate::clock::now();
        let lines: Vec<String> = rows
            .iter()
            .map(|row| match &self.what {
                What::Agents => columns(row, &[(8, &["ag_num", "agNum", "agNo"]), (0, &["ag_name", "agName"])]),
                What::AgentsInCall => row_as_it_is(row),
                What::Queue => waiting(row, now),
                What::Projects => project(row, locale),
                What::Journal(_) => call(row, locale),
            })
            .collect();
        if lines.is_empty() { i18n::text(locale, "control.list_empty") } else { lines.join("\n") }
    }

    fn rows(&self, answer: &Value) -> Vec<Value> {
        let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        match self.what {
            What::Journal(_) => list(answer.get("calls")),
            // One entry for each skill group, with its waiting customers.
            What::Queue => {
                let groups = list(answer.get("data"));
                groups.iter().flat_map(|group| list(group.get("users"))).collect()
            }
            What::Agents | What::AgentsInCall | What::Projects => list(answer.get("data")),
        }
    }
}

/// A field's text without anything that moves a cursor.
fn field(row: &Value, names: &[&str]) -> String {
    let value = names.iter().find_map(|name| row.get(name).filter(|value| !value.is_null()));
    let text = match value {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    };
    text::clean(&text).into_owned()
}

/// Known columns with their widths; a row that has none of them is shown as it is.
fn columns(row: &Value, known: &[(u16, &[&str])]) -> String {
    let fields: Vec<String> = known.iter().map(|(width, names)| text::pad(&field(row, names), *width)).collect();
    let line = fields.join("  ").trim_end().to_owned();
    if line.is_empty() { row_as_it_is(row) } else { line }
}

/// Every simple value of a row whose fields the platform's documents do not name.
fn row_as_it_is(row: &Value) -> String {
    match row {
        Value::Object(fields) => {
            let values = fields.keys().map(|name| field(row, &[name])).filter(|text| !text.is_empty());
            values.collect::<Vec<_>>().join("  ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            text::clean(&row.to_string()).into_owned()
        }
    }
}

/// A customer who waits: number, place, time waited (protocol `cti.md` 2.10).
fn waiting(row: &Value, now: Timestamp) -> String {
    let line = columns(row, &[(16, &["incomingCallNum"]), (12, &["city"]), (8, &["agNum"])]);
    let since = row.get("enterTime").and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
    match since.and_then(|seconds| u64::try_from(now.as_second() - seconds).ok()) {
        Some(seconds) => format!("{}  {line}", text::pad_left(&text::clock(seconds * 1000), 8)),
        None => line,
    }
}

fn project(row: &Value, locale: Locale) -> String {
    let mut line = columns(row, &[(8, &["pro_id"]), (0, &["pro_name"])]);
    let limit = field(row, &["agent_connected_limit"]);
    if !matches!(limit.as_str(), "" | "0") {
        line.push_str(&format!("  {}/{limit}", field(row, &["agent_connected_current"])));
    }
    if field(row, &["pro_state"]) == "0" {
        line.push_str(&format!("  ({})", i18n::text(locale, "control.project_disabled")));
    }
    line
}

fn call(row: &Value, locale: Locale) -> String {
    let Ok(entry) = serde_json::from_value::<JournalEntry>(row.clone()) else { return row_as_it_is(row) };
    let time = entry.time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S");
    let who = [entry.peer.ag_no.as_deref().or(entry.peer.number.as_deref()), entry.peer.name.as_deref()];
    let who = who.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let place = [entry.peer.area.as_deref(), entry.queue.as_ref().map(|queue| queue.name.as_str())];
    let place = place.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ");
    let talk = if entry.talk_ms > 0 { text::clock(entry.talk_ms) } else { String::new() };
    let line = format!(
        "{time}  {}  {}  {}  {}  {}",
        text::pad(&i18n::text(locale, labels::direction_label(entry.direction)), 12),
        text::pad(&text::clean(&who), 20),
        text::pad(&text::clean(&place), 16),
        text::pad_left(&talk, 8),
        i18n::text(locale, labels::outcome_label(&entry).0),
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(what: What) -> List {
        List { what, json: false }
    }

    fn as_lines(what: What, answer: &Value) -> String {
        let list = list(what);
        list.lines(&list.rows(answer), Locale::En)
    }

    #[test]
    fn rows_are_shown_as_the_platform_names_them_and_never_move_the_cursor() {
        let answer = json!({"code": 0, "data": [{"ag_num": "8002", "ag_name": "李四\u{1b}[2J"}, {"other": 7}]});
        assert_eq!(as_lines(What::Agents, &answer), "8002      李四[2J\n7");
        let answer = json!({"code": 0, "data": [
            {"pro_id": 7, "pro_name": "回访", "pro_state": "1", "agent_connected_limit": 5, "agent_connected_current": 2},
            {"pro_id": "8", "pro_name": "调查", "pro_state": "0", "agent_connected_limit": "0"},
        ]});
        let shown = as_lines(What::Projects, &answer);
        assert_eq!(shown, "7         回访  2/5\n8         调查  (disabled)");
        assert_eq!(as_lines(What::Projects, &json!({"code": 0, "data": null})), "nothing to show");
    }

    #[test]
    fn who_waits_is_told_with_the_time_waited() {
        let since = Timestamp::now().as_second() - 65;
        let answer = json!({"code": 0, "data": [
            {"users": [{"incomingCallNum": "13800138000", "city": "北京", "enterTime": since}]},
            {"users": []},
        ]});
        let shown = as_lines(What::Queue, &answer);
        assert!(shown.contains("13800138000") && shown.contains("北京") && shown.contains("01:0"), "{shown}");
        assert_eq!(shown.lines().count(), 1);
    }
}
