//! The tables of the config file: the bar, the screen, sound, scripts and the log.

use std::collections::BTreeMap;

use super::{
    AudioBackend, AudioConfig, BarConfig, Codec, ColorDepth, ControlConfig, JournalConfig, LogConfig, PanelConfig,
    UiConfig,
    color::parse_color,
    section::Section,
    tree::{Entry, Kind},
};
use crate::{
    domain::CallerId,
    i18n::{Locale, Message},
};

pub(super) fn bar(table: &mut Section<'_>) -> BarConfig {
    let default = BarConfig::default();
    let theme_color = table.string("theme_color").and_then(|(text, place)| {
        let color = parse_color(&text);
        if color.is_none() {
            table.problem(place, Message::new("config.bad_color").with("value", text));
        }
        color
    });
    let prefix = table.string("prefix").and_then(|(text, place)| {
        let chord = text.to_ascii_lowercase();
        let function_key = chord.strip_prefix('f').is_some_and(|n| n.parse::<u8>().is_ok());
        if function_key || ["ctrl-", "alt-"].iter().any(|m| chord.strip_prefix(m).is_some_and(|key| !key.is_empty())) {
            return Some(chord);
        }
        table.problem(place, Message::new("config.bad_prefix").with("value", text));
        None
    });
    // The id of an element of a web page: accepted so that a vendor's object can be copied, without meaning here.
    table.take("dom_id");
    BarConfig {
        theme_color,
        call_nums: call_nums(table),
        default_caller: table.string("default_caller").map(|(text, _)| text),
        auto_call: table.boolean("auto_call").unwrap_or(default.auto_call),
        raise_hand: table.boolean("raise_hand").unwrap_or(default.raise_hand),
        dining_remind: table.boolean("dining_remind").unwrap_or(default.dining_remind),
        pop_up: table.boolean("pop_up").unwrap_or(default.pop_up),
        show_que_sum: table.boolean("show_que_sum").unwrap_or(default.show_que_sum),
        status_warn: table.boolean("status_warn").unwrap_or(default.status_warn),
        show_logout_btn: table.boolean("show_logout_btn").unwrap_or(default.show_logout_btn),
        prefix,
    }
}

/// Numbers as strings, or tables with `name` and `value`, of which one may be missing.
fn call_nums(table: &mut Section<'_>) -> Vec<CallerId> {
    let Some(items) = table.items("call_nums", "config.expected_call_nums") else { return Vec::new() };
    let mut numbers = Vec::new();
    for item in items {
        let place = item.place.clone();
        let caller = match item.kind {
            Kind::String(text) => Some(CallerId { value: text.clone(), name: text }),
            Kind::Integer(Some(number)) => Some(CallerId { value: number.to_string(), name: number.to_string() }),
            Kind::Table(entries) => named_number(entries),
            Kind::Integer(None)
            | Kind::Float(_)
            | Kind::Boolean(_)
            | Kind::Datetime
            | Kind::Array(_)
            | Kind::Loose(_) => None,
        };
        match caller {
            Some(caller) if !caller.value.trim().is_empty() => numbers.push(caller),
            Some(_) | None => table.problem(place, Message::new("config.bad_call_num")),
        }
    }
    numbers
}

fn named_number(entries: Vec<Entry>) -> Option<CallerId> {
    let (mut name, mut value) = (None, None);
    for entry in entries {
        let text = entry.value.into_string().ok()?;
        match entry.key.as_str() {
            "name" => name = Some(text),
            "value" => value = Some(text),
            _ => return None,
        }
    }
    let value = value.or_else(|| name.clone())?;
    Some(CallerId { name: name.unwrap_or_else(|| value.clone()), value })
}

pub(super) fn ui(mut table: Section<'_>) -> UiConfig {
    let default = UiConfig::default();
    let locales = [("zh-CN", Locale::ZhCn), ("en", Locale::En)];
    let colors = [
        ("auto", ColorDepth::Auto),
        ("truecolor", ColorDepth::Truecolor),
        ("ansi256", ColorDepth::Ansi256),
        ("ansi16", ColorDepth::Ansi16),
        ("none", ColorDepth::None),
    ];
    UiConfig {
        locale: table.choice("locale", &locales),
        theme: table.string("theme").map_or(default.theme, |(text, _)| text),
        colors: table.choice("colors", &colors).unwrap_or(default.colors),
        ascii: table.boolean("ascii").unwrap_or(default.ascii),
        mouse: table.boolean("mouse").unwrap_or(default.mouse),
        bell: table.boolean("bell").unwrap_or(default.bell),
        title: table.boolean("title").unwrap_or(default.title),
        blink: table.boolean("blink").unwrap_or(default.blink),
        panel: table.boolean("panel").unwrap_or(default.panel),
        panel_width: table.whole("panel_width", 15, 60).unwrap_or(default.panel_width),
    }
}

/// Action names to keys; whether they exist is known to the screen alone.
pub(super) fn keys(top: &mut Section<'_>) -> BTreeMap<String, Vec<String>> {
    let entries = top.table("keys");
    entries.into_iter().filter_map(|e| Some((e.key.clone(), top.key_names(&e.key, e.value)?))).collect()
}

pub(super) fn hooks(top: &mut Section<'_>) -> BTreeMap<String, Vec<String>> {
    let entries = top.table("hooks");
    entries.into_iter().filter_map(|e| Some((e.key.clone(), top.argv(&e.key, e.value.typed())?))).collect()
}

pub(super) fn panel(mut table: Section<'_>) -> PanelConfig {
    PanelConfig { command: table.command("command"), url: table.string("url").map(|(text, _)| text) }
}

pub(super) fn audio(mut table: Section<'_>) -> AudioConfig {
    let default = AudioConfig::default();
    let backends = [("device", AudioBackend::Device), ("file", AudioBackend::File), ("null", AudioBackend::Null)];
    let codecs = [Codec::Opus, Codec::Pcma, Codec::Pcmu].map(|codec| (codec.name(), codec));
    let backend = table.choice("backend", &backends).unwrap_or(default.backend);
    let input_file = match backend {
        AudioBackend::File => table.existing_file("input_file"),
        AudioBackend::Device | AudioBackend::Null => table.path("input_file").map(|(path, _)| path),
    };
    let mut device = |key: &'static str, default: String| table.string(key).map_or(default, |(text, _)| text);
    let input_device = device("input_device", default.input_device);
    let output_device = device("output_device", default.output_device);
    let ring_device = device("ring_device", default.ring_device);
    AudioConfig {
        backend,
        input_device,
        output_device,
        ring_device,
        input_file,
        output_file: table.path("output_file").map(|(path, _)| path),
        codecs: table.choices("codecs", &codecs).unwrap_or(default.codecs),
        tone_dbfs: table.number("tone_dbfs", -60.0, 0.0).map_or(default.tone_dbfs, |v| v as f32),
        ring: table.boolean("ring").unwrap_or(default.ring),
        echo_cancellation: table.boolean("echo_cancellation"),
        noise_suppression: table.boolean("noise_suppression"),
        gain_control: table.boolean("gain_control"),
    }
}

pub(super) fn control(mut table: Section<'_>) -> ControlConfig {
    ControlConfig { enabled: table.boolean("enabled").unwrap_or(true), path: table.path("path").map(|(path, _)| path) }
}

pub(super) fn journal(mut table: Section<'_>) -> JournalConfig {
    let default = JournalConfig::default();
    JournalConfig {
        enabled: table.boolean("enabled").unwrap_or(default.enabled),
        keep: table.whole("keep", 1, 10_000).map_or(default.keep, usize::from),
        days: table.whole("days", 1, 3650).unwrap_or(default.days),
    }
}

pub(super) fn log(mut table: Section<'_>, debug: bool) -> LogConfig {
    let default = LogConfig::default();
    let level = table.string("level").and_then(|(text, place)| {
        if text.parse::<tracing_subscriber::filter::Targets>().is_ok() {
            return Some(text);
        }
        table.problem(place, Message::new("config.bad_log_level").with("value", text));
        None
    });
    let unset = if debug { "debug".to_owned() } else { default.level };
    LogConfig {
        level: level.unwrap_or(unset),
        dir: table.path("dir").map(|(path, _)| path),
        keep_files: table.whole("keep_files", 1, 365).map_or(default.keep_files, usize::from),
    }
}
