//! Rows of the platform's look-ups, read tolerantly: several spellings, numbers as strings, fields that are missing.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{clean, number_of, text_of};
use crate::{
    app::{AgentRow, GroupRow, LineRow, OutsideRow, WaitingRow},
    domain::AgentState,
};

/// Epoch seconds do not reach this before the year 5138; what is larger is in ms.
const MS_FROM: i64 = 100_000_000_000;
/// What is smaller is no time of day but a number of seconds.
const EPOCH_FROM: i64 = 1_000_000_000;

const NUMBER: [&str; 7] = ["ag_num", "agNum", "ag_no", "agNo", "userNum", "user_num", "num"];
const NAME: [&str; 6] = ["ag_name", "agName", "userName", "user_name", "name", "OAgName"];
const GROUP: [&str; 6] = ["que_name", "queName", "queueName", "queue_name", "groupName", "group"];
const STATE: [&str; 5] = ["ag_sta", "agSta", "sta", "state", "status"];

/// A free agent; without a number it cannot be called.
pub(super) fn agent(row: &Value) -> Option<AgentRow> {
    let state = STATE.into_iter().find_map(|name| state(row.get(name)?));
    Some(AgentRow {
        ag_no: label(row, &NUMBER)?,
        name: label(row, &NAME).unwrap_or_default(),
        state: Some(state.unwrap_or(AgentState::Idle)),
        groups: groups_of(row),
    })
}

/// An agent in a call.
pub(super) fn line(row: &Value, now: Timestamp) -> Option<LineRow> {
    const PEER: [&str; 9] =
        ["caller", "Caller", "called", "Called", "cus_phone", "customer", "peer", "phone", "incomingCallNum"];
    const SINCE: [&str; 9] = [
        "start_time",
        "startTime",
        "begin_time",
        "beginTime",
        "connect_time",
        "since",
        "ag_time",
        "agTime",
        "duration",
    ];
    Some(LineRow {
        ag_no: label(row, &NUMBER)?,
        name: label(row, &NAME).unwrap_or_default(),
        peer: label(row, &PEER),
        group: label(row, &GROUP).or_else(|| groups_of(row).into_iter().next()),
        since: since(row, &SINCE, now),
    })
}

/// A skill group; `own_tenant` is left out of [`GroupRow::other_tenant`].
pub(super) fn group(row: &Value, own_tenant: Option<&str>) -> Option<GroupRow> {
    let tenant = ["vcc_id", "vccId"].into_iter().find_map(|name| text_of(row.get(name)));
    Some(GroupRow {
        id: number_of(row.get("id").or_else(|| row.get("que_id")))?,
        name: label(row, &GROUP).unwrap_or_default(),
        other_tenant: tenant.filter(|t| own_tenant.is_some_and(|own| own != t)).and_then(|t| t.parse().ok()),
        own: false,
    })
}

/// An outside number: an object, or the number alone.
pub(super) fn outside(row: &Value) -> Option<OutsideRow> {
    const OUTSIDE: [&str; 8] = ["phone", "number", "tel", "value", "pho_num", "phoNum", "call_num", "num"];
    let number = label(row, &OUTSIDE).or_else(|| text_of(Some(row)).map(|text| clean(&text)))?;
    Some(OutsideRow { name: label(row, &["name", "title", "remark"]).unwrap_or_default(), number })
}

/// Who waits in one skill group (`users`), or the one waiting customer that the row itself is.
pub(super) fn waiting(group: &Value, now: Timestamp) -> Vec<WaitingRow> {
    let name = label(group, &GROUP).or_else(|| label(group, &["name"]).filter(|_| group.get("users").is_some()));
    match group.get("users") {
        Some(users) => users.as_array().into_iter().flatten().filter_map(|u| customer(u, name.as_ref(), now)).collect(),
        None => customer(group, name.as_ref(), now).into_iter().collect(),
    }
}

fn customer(row: &Value, group: Option<&String>, now: Timestamp) -> Option<WaitingRow> {
    const SINCE: [&str; 7] = ["enterTime", "enter_time", "inTime", "in_time", "waitTime", "wait_time", "duration"];
    const LEVEL: [&str; 6] = ["level", "cusLevel", "customerLevel", "userLevel", "vipLevel", "priority"];
    Some(WaitingRow {
        number: label(row, &["incomingCallNum", "incoming_call_num", "caller", "Caller", "phone"]).unwrap_or_default(),
        area: label(row, &["city", "area", "CallerAreaName", "province"]),
        // Nobody's level is what everybody has.
        level: label(row, &LEVEL).filter(|level| level != "0"),
        group: label(row, &GROUP).or_else(|| group.cloned()),
        agent: label(row, &["agNum", "ag_num", "agNo"]),
        since: since(row, &SINCE, now),
        fields: row.as_object()?.clone(),
    })
}

/// The first of these fields that says anything, fit to be shown.
fn label(row: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let text = clean(&text_of(row.get(name))?);
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    })
}

fn groups_of(row: &Value) -> Vec<String> {
    let lists =
        ["que", "queues", "groups", "que_name", "queName"].into_iter().filter_map(|name| row.get(name)?.as_array());
    let named = |group: &Value| label(group, &GROUP).or_else(|| label(group, &["name"])).or_else(|| plain(group));
    let listed: Vec<String> = lists.flatten().filter_map(named).collect();
    if listed.is_empty() { label(row, &GROUP).into_iter().collect() } else { listed }
}

fn plain(value: &Value) -> Option<String> {
    Some(clean(value.as_str()?)).filter(|text| !text.is_empty())
}

/// The platform's numbers (protocol `cti.md` 4.5; 10 and 11 are ringing and talking) and a few words for them.
fn state(value: &Value) -> Option<AgentState> {
    Some(match text_of(Some(value))?.as_str() {
        "0" => AgentState::SignedOut,
        "1" | "3" | "idle" | "free" | "ready" => AgentState::Idle,
        "2" | "busy" => AgentState::Busy,
        "4" | "10" | "11" | "occupied" | "talking" | "ringing" => AgentState::Occupied,
        "5" | "wrap_up" => AgentState::WrapUp,
        _ => return None,
    })
}

/// Since when: a moment in seconds or ms of the epoch, or a time that has passed (seconds, or `HH:MM:SS`).
fn since(row: &Value, names: &[&str], now: Timestamp) -> Option<Timestamp> {
    names.iter().find_map(|name| {
        let value = row.get(name)?;
        match number_of(Some(value)) {
            Some(n) if n >= MS_FROM => Timestamp::from_millisecond(n).ok(),
            Some(n) if n >= EPOCH_FROM => Timestamp::from_second(n).ok(),
            Some(n) if n > 0 => now.checked_sub(SignedDuration::from_secs(n)).ok(),
            Some(_) => None,
            None => now.checked_sub(clock(value.as_str()?)?).ok(),
        }
    })
}

/// `HH:MM:SS`.
fn clock(text: &str) -> Option<Duration> {
    let parts: Option<Vec<u64>> = text.split(':').map(|part| part.trim().parse().ok()).collect();
    match parts?.as_slice() {
        [h, m, s] if *m < 60 && *s < 60 && *h < 1000 => Some(Duration::from_secs(h * 3600 + m * 60 + s)),
        _ => None,
    }
}
