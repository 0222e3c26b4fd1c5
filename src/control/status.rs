//! `status`: the snapshot as JSON, its clocks counted up to now, and as a few lines for a person.

use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    app::Snapshot,
    i18n::{Locale, Message},
};

/// The snapshot as the command contract writes it; what runs (ringing, talk, hold, wrap-up, retry) is counted to `at`.
pub fn to_json(snapshot: &Snapshot, at: Instant) -> Value {
    // Nothing in a snapshot fails to serialise: no maps with other keys than strings, no foreign types.
    let mut status = serde_json::to_value(snapshot).unwrap_or_else(|_| json!({}));
    let left = |until: Option<Instant>| until.map(|until| until.saturating_duration_since(at).as_millis() as u64);
    let clocks = &snapshot.call.clocks;
    if clocks.started_at.is_some() || clocks.answered_at.is_some() {
        set(&mut status, "/call/ring_ms", clocks.ring_ms(at).into());
        set(&mut status, "/call/talk_ms", clocks.talk_ms(at).into());
        set(&mut status, "/call/hold_ms", clocks.hold_ms(at).into());
    }
    if let Some(fields) = status.as_object_mut() {
        fields.insert("project".into(), project(snapshot));
        fields.insert("break_news".into(), snapshot.breaks.news.into());
    }
    if let (Some(overtime), Some(Value::Object(fields))) = (&snapshot.overtime, status.get_mut("overtime")) {
        fields.insert("for_ms".into(), (at.saturating_duration_since(overtime.since_at).as_millis() as u64).into());
    }
    if let Some(ms) = left(snapshot.agent.wrap_up_ends_at) {
        set(&mut status, "/agent/wrap_up_left_ms", ms.into());
    }
    if let Some(ms) = left(snapshot.link.retry_at) {
        set(&mut status, "/link/retry_in_ms", ms.into());
    }
    status
}

/// The predictive project the agent is in; its name as far as the list is known.
fn project(snapshot: &Snapshot) -> Value {
    let projects = &snapshot.projects;
    let Some(id) = &projects.joined else { return Value::Null };
    let name = projects.rows.iter().find(|row| row.id == *id).map(|row| row.name.as_str());
    json!({"id": id, "name": name})
}

fn set(status: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = status.pointer_mut(pointer) {
        *place = value;
    }
}

/// `status` for a person.
pub fn to_text(status: &Value, locale: Locale) -> String {
    let word = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = |group: &'static str, pointer: &str| state_word(group, &word(pointer)).render(locale);
    let mut lines = Vec::new();

    let mut agent = name("agent", "/agent/state");
    for detail in [word("/agent/reason/name"), left(status, "/agent/wrap_up_left_ms")] {
        if !detail.is_empty() {
            agent.push_str(&format!(" ({detail})"));
        }
    }
    let line = |key, text: String| Message::new(key).with("text", text).render(locale);
    lines.push(line("control.status_agent", format!("{} {agent}", word("/agent/ag_no"))));

    for (key, group, pointer) in [
        ("control.status_link", "link", "/link"),
        ("control.status_sip", "sip", "/sip"),
        ("control.status_media", "media", "/media"),
    ] {
        let mut text = name(group, &format!("{pointer}/state"));
        let why = word(&format!("{pointer}/last_error"));
        if !why.is_empty() && !matches!(word(&format!("{pointer}/state")).as_str(), "up" | "registered") {
            text.push_str(&format!(": {why}"));
        }
        let codec = word(&format!("{pointer}/codec"));
        if !codec.is_empty() {
            text.push_str(&format!(", {codec}"));
        }
        lines.push(line(key, text));
    }

    let mut call = name("call", "/call/phase");
    let peer = [word("/call/peer/ag_no"), word("/call/peer/number"), word("/call/peer/name"), word("/call/peer/area")];
    for detail in peer.into_iter().chain([word("/call/queue/name")]).filter(|detail| !detail.is_empty()) {
        call.push_str(&format!(" {detail}"));
    }
    if word("/call/phase") != "none" {
        let ms = |pointer: &str| status.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let shown = if ms("/call/talk_ms") > 0 { ms("/call/talk_ms") } else { ms("/call/ring_ms") };
        call.push_str(&format!(" {}", clock(shown)));
        if status.pointer("/call/muted") == Some(&Value::Bool(true)) {
            call.push_str(&format!(" [{}]", crate::i18n::text(locale, "control.muted")));
        }
        if status.pointer("/call/held_by_far_end") == Some(&Value::Bool(true)) {
            call.push_str(&format!(" [{}]", crate::i18n::text(locale, "control.held_by_far_end")));
        }
    }
    for (key, who) in [
        ("control.consulted", [word("/call/consult/ag_no"), word("/call/consult/number")].concat()),
        ("control.monitored", word("/call/monitored")),
    ] {
        if !who.is_empty() {
            call.push_str(&format!(" [{}]", Message::new(key).with("who", who).render(locale)));
        }
    }
    lines.push(line("control.status_call", call));
    let items = status.pointer("/health/items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for item in items.iter().filter(|item| matches!(item["level"].as_str(), Some("warn" | "fail"))) {
        let text = |key: &str| item[key].as_str().unwrap_or_default();
        let wrong = format!("{}: {} {}", text("name"), text("text"), text("hint"));
        lines.push(line("control.status_health", wrong.trim_end().to_owned()));
    }
    for (key, text) in duties(status, locale) {
        lines.push(line(key, text));
    }
    lines.join("\n")
}

/// What else is so, each only while it is.
fn duties(status: &Value, locale: Locale) -> Vec<(&'static str, String)> {
    let word = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let texts = |pointer: &str, field: &str| {
        let items = status.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |item: &Value| item.pointer(field).and_then(Value::as_str).map(str::to_owned);
        items.iter().filter_map(text).collect::<Vec<_>>().join("; ")
    };
    let wanted = match word("/after_call/state").as_str() {
        "ready" => crate::i18n::text(locale, "control.agent_idle"),
        "busy" => format!("{} {}", crate::i18n::text(locale, "control.agent_busy"), word("/after_call/reason/name")),
        _ => String::new(),
    };
    let waiting = status.pointer("/queue_waiting").and_then(Value::as_u64);
    let all = [
        ("control.status_after_call", wanted.trim_end().to_owned()),
        ("control.status_project", [word("/project/id"), word("/project/name")].join(" ").trim().to_owned()),
        ("control.status_waiting", waiting.map_or_else(String::new, |waiting| waiting.to_string())),
        ("control.status_overtime", texts("/overtime/lines", "")),
        ("control.status_reminder", texts("/reminders", "/title")),
    ];
    all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

fn left(status: &Value, pointer: &str) -> String {
    status.pointer(pointer).and_then(Value::as_u64).map_or_else(String::new, clock)
}

/// `M:SS`, or `H:MM:SS` from an hour on.
fn clock(ms: u64) -> String {
    let s = ms / 1000;
    if s >= 3600 {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    } else {
        format!("{}:{:02}", s / 60, s % 60)
    }
}

fn state_word(group: &str, state: &str) -> Message {
    Message::new(match (group, state) {
        ("agent", "signed_out") => "control.agent_signed_out",
        ("agent", "signing_in") => "control.agent_signing_in",
        ("agent", "idle") => "control.agent_idle",
        ("agent", "busy") => "control.agent_busy",
        ("agent", "occupied") => "control.agent_occupied",
        ("agent", "wrap_up") => "control.agent_wrap_up",
        ("link", "down") => "control.link_down",
        ("link", "connecting") => "control.link_connecting",
        ("link", "up") => "control.link_up",
        ("link", "given_up") => "control.link_given_up",
        ("sip", "off") => "control.sip_off",
        ("sip", "registering") => "control.sip_registering",
        ("sip", "registered") => "control.sip_registered",
        ("sip", "failed") => "control.sip_failed",
        ("media", "none") => "control.media_none",
        ("media", "connecting") => "control.media_connecting",
        ("media", "up") => "control.media_up",
        ("media", "lost") => "control.media_lost",
        ("call", "none") => "control.call_none",
        ("call", "dialing") => "control.call_dialing",
        ("call", "ringing") => "control.call_ringing",
        ("call", "talking") => "control.call_talking",
        ("call", "held") => "control.call_held",
        ("call", "consult_out") => "control.call_consult_out",
        ("call", "consulting") => "control.call_consulting",
        ("call", "three_way") => "control.call_three_way",
        ("call", "spying") => "control.call_spying",
        ("call", "whispering") => "control.call_whispering",
        ("call", "barging") => "control.call_barging",
        ("call", "ended") => "control.call_ended",
        (_, other) => return Message::verbatim(other),
    })
}
