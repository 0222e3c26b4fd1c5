//! Who is in a call: the other end, the monitored agent, the consulted party, a waiting customer; as one line of text.

use super::labels;
use crate::{
    app::{Snapshot, WaitingRow},
    domain::Direction,
    i18n::{self, Locale},
};

/// An agent's number with the name, where a list tells it.
pub fn agent(snapshot: &Snapshot, ag_no: &str) -> String {
    let directory = &snapshot.directory;
    let listed = directory.agents.iter().map(|row| (&row.ag_no, &row.name));
    let mut listed = listed.chain(directory.on_line.iter().map(|row| (&row.ag_no, &row.name)));
    match listed.find(|(number, name)| *number == ag_no && !name.is_empty()) {
        Some((_, name)) => format!("{ag_no} {name}"),
        None => ag_no.to_owned(),
    }
}

/// The agent who is listened to.
pub fn monitored(snapshot: &Snapshot) -> Option<String> {
    let call = &snapshot.call;
    let ag_no = call.monitored.as_deref().or(call.peer.ag_no.as_deref().filter(|_| is_monitoring(snapshot)))?;
    Some(agent(snapshot, ag_no))
}

fn is_monitoring(snapshot: &Snapshot) -> bool {
    snapshot.call.direction == Some(Direction::Spy)
}

/// The consulted party.
pub fn consulted(snapshot: &Snapshot) -> Option<String> {
    let consult = &snapshot.call.consult;
    consult.ag_no.as_deref().map(|ag_no| agent(snapshot, ag_no)).or_else(|| consult.number.clone())
}

/// Whoever the call is with: the monitored agent for a supervisor, else the other end.
pub fn with_whom(snapshot: &Snapshot) -> String {
    let monitored = if is_monitoring(snapshot) { monitored(snapshot) } else { None };
    monitored.unwrap_or_else(|| labels::peer(&snapshot.call.peer, snapshot.locale))
}

/// A waiting customer in one line.
pub fn waiting(row: &WaitingRow, locale: Locale) -> String {
    let number = if row.number.is_empty() { i18n::text(locale, "ui.unknown_peer") } else { row.number.clone() };
    match row.area.as_deref().filter(|area| !area.is_empty()) {
        Some(area) => format!("{number} {area}"),
        None => number,
    }
}
