//! The tables of the config file: the bar, the screen, sound, scripts and the log.

use std::{collections::BTreeMap, time::Duration};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{
    AudioBackend, AudioConfig, AudioHost, BarConfig, Codec, ColorDepth, ControlConfig, Ear, HookAction, JournalConfig,
    KeypadWay, LogConfig, Notify, OptionName, PANEL_FIELDS, PanelConfig, PanelFormat, PhoneAway, PhoneConfig, Template,
    ToneLevels, UiConfig,
    color::parse_color,
    section::Section,
    tree::{Entry, Kind, Node, Place},
};
use crate::{
    domain::{CallerId, unknown_event},
    i18n::{Locale, Message},
};

/// Least and most time that what fills the panel may be given.
const PANEL_SHORTEST: Duration = Duration::from_millis(100);
const PANEL_LONGEST: Duration = Duration::from_secs(60);

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
    let notify = [
        ("auto", Notify::Auto),
        ("osc9", Notify::Osc9),
        ("osc777", Notify::Osc777),
        ("osc99", Notify::Osc99),
        ("off", Notify::Off),
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
        notify: table.choice("notify", &notify).unwrap_or(default.notify),
    }
}

/// Action names to keys; whether they exist is known to the screen alone.
pub(super) fn keys(top: &mut Section<'_>, places: &mut Vec<(OptionName, Place)>) -> BTreeMap<String, Vec<String>> {
    let entries = top.table("keys");
    places.extend(entries.iter().map(|entry| (OptionName::new("keys", &entry.key), entry.place.clone())));
    entries.into_iter().filter_map(|e| Some((e.key.clone(), top.key_names(&e.key, e.value)?))).collect()
}

/// Headers for the platform's gateways. What they say may be secret.
pub(super) fn custom_header(top: &mut Section<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for entry in top.table("custom_header") {
        let name = HeaderName::from_bytes(entry.key.as_bytes());
        let value = entry.value.into_string().map(|text| HeaderValue::from_str(&text));
        if let (Ok(name), Ok(Ok(mut value))) = (name, value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        } else {
            top.problem(entry.place, Message::new("config.bad_header").with("name", &entry.key));
        }
    }
    headers
}

/// Events by name or category, each with what is done.
pub(super) fn hooks(top: &mut Section<'_>) -> BTreeMap<String, HookAction> {
    let mut hooks = BTreeMap::new();
    for entry in top.table("hooks") {
        match unknown_event(&entry.key) {
            Some(nearest) => {
                let message = Message::new("config.unknown_event").with("name", &entry.key).with("nearest", nearest);
                top.problem(entry.place, message);
            }
            None => {
                if let Some(action) = hook(top, &entry.key, entry.value.typed()) {
                    hooks.insert(entry.key, action);
                }
            }
        }
    }
    hooks
}

/// A command, or `{ open = "https://.." }`.
fn hook(top: &Section<'_>, event: &str, node: Node) -> Option<HookAction> {
    let Node { kind, place } = node;
    let Kind::Table(entries) = kind else {
        return top.argv(event, Node { kind, place }).map(HookAction::Run);
    };
    let mut entries = entries.into_iter();
    let address = match (entries.next(), entries.next()) {
        (Some(entry), None) if entry.key == "open" => entry.value.into_string().ok(),
        _ => None,
    };
    match address {
        Some(address) if can_be_asked(&address) => Some(HookAction::Open(address)),
        Some(_) => {
            top.problem(place, Message::new("config.bad_address").with("key", "open"));
            None
        }
        None => {
            top.problem(place, Message::new("config.bad_hook").with("name", event));
            None
        }
    }
}

/// Whether a template is an address of the web without a password, whose host nothing filled in can change.
fn can_be_asked(text: &str) -> bool {
    let template = Template::parse(text);
    let host_is_fixed = template.beginning().split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']));
    let usable = url::Url::parse(&template.address(|_| "1".to_owned())).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    });
    usable && (host_is_fixed || template.names().next().is_none())
}

pub(super) fn panel(mut table: Section<'_>) -> PanelConfig {
    let default = PanelConfig::default();
    let formats = [
        ("auto", PanelFormat::Auto),
        ("text", PanelFormat::Text),
        ("markdown", PanelFormat::Markdown),
        ("json", PanelFormat::Json),
    ];
    let (command_place, url_place) = (table.place("command"), table.place("url"));
    let command = table.command("command");
    if let (Some(argv), Some(place)) = (&command, &command_place) {
        for argument in argv.iter().skip(1) {
            known_places(&table, "command", argument, place);
        }
    }
    let url = table.string("url").map(|(text, place)| {
        known_places(&table, "url", &text, &place);
        if !can_be_asked(&text) {
            table.problem(place, Message::new("config.bad_address").with("key", "url"));
        }
        text
    });
    if let (Some(_), Some(place)) = (command_place, url_place) {
        table.problem(place, Message::new("config.panel_twice"));
    }
    let place = table.place("timeout");
    let timeout = table.duration("timeout").unwrap_or(default.timeout);
    if !(PANEL_SHORTEST..=PANEL_LONGEST).contains(&timeout)
        && let Some(place) = place
    {
        table.problem(place, Message::new("config.panel_timeout"));
    }
    PanelConfig { command, url, timeout, format: table.choice("format", &formats).unwrap_or(default.format) }
}

/// What stands in braces must be something that is known of a call.
fn known_places(table: &Section<'_>, key: &'static str, text: &str, place: &Place) {
    for name in Template::parse(text).names().filter(|name| !PANEL_FIELDS.contains(name)) {
        let nearest = PANEL_FIELDS.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
        let message = Message::new("config.unknown_place").with("key", key).with("name", name);
        table.problem(place.clone(), message.with("nearest", nearest.copied().unwrap_or_default()));
    }
}

pub(super) fn audio(mut table: Section<'_>) -> AudioConfig {
    let default = AudioConfig::default();
    let backends = [("device", AudioBackend::Device), ("file", AudioBackend::File), ("null", AudioBackend::Null)];
    let codecs = [Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu].map(|codec| (codec.name(), codec));
    let ways = [("platform", KeypadWay::Platform), ("rtp", KeypadWay::Rtp), ("both", KeypadWay::Both)];
    let ears = [("both", Ear::Both), ("left", Ear::Left), ("right", Ear::Right)];
    let hosts = [("auto", AudioHost::Auto), ("pulse", AudioHost::Pulse), ("alsa", AudioHost::Alsa)];
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
        host: table.choice("host", &hosts).unwrap_or(default.host),
        input_device,
        output_device,
        ring_device,
        ear: table.choice("ear", &ears).unwrap_or(default.ear),
        input_file,
        output_file: table.path("output_file").map(|(path, _)| path),
        codecs: table.choices("codecs", &codecs).unwrap_or(default.codecs),
        tone_dbfs: table.number("tone_dbfs", -60.0, 0.0).map_or(default.tone_dbfs, |v| v as f32),
        tones: tone_levels(&mut table),
        ring: table.boolean("ring").unwrap_or(default.ring),
        dtx: table.boolean("dtx").unwrap_or(default.dtx),
        keypad: table.choice("keypad", &ways).unwrap_or(default.keypad),
        echo_cancellation: table.boolean("echo_cancellation"),
        noise_suppression: table.boolean("noise_suppression"),
        gain_control: table.boolean("gain_control"),
    }
}

fn tone_levels(table: &mut Section<'_>) -> ToneLevels {
    let mut level = |key: &'static str| table.number(key, -60.0, 0.0).map(|v| v as f32);
    ToneLevels {
        ring: level("ring_dbfs"),
        ring_back: level("ring_back_dbfs"),
        busy: level("busy_dbfs"),
        waiting: level("waiting_dbfs"),
        beep: level("beep_dbfs"),
        hang_up: level("hang_up_dbfs"),
        key: level("key_dbfs"),
    }
}

pub(super) fn phone(mut table: Section<'_>) -> PhoneConfig {
    let away = [("ask", PhoneAway::Ask), ("busy", PhoneAway::Busy), ("nothing", PhoneAway::Nothing)];
    PhoneConfig { away: table.choice("away", &away).unwrap_or_default() }
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
        max_mb: table.whole("max_mb", 1, 10_000).map_or(default.max_mb, u64::from),
    }
}
