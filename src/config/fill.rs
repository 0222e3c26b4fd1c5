//! From a file's values to [`Config`]: who signs in and where, with the vendor's defaults (protocol `cti.md` section 1).

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use super::{
    BusyAtSignIn, Config, LoginType, OptionName, PlatformConfig, TokenSource, ice,
    keys::TOP,
    proxy,
    section::{Reading, Section},
    tables, token,
    tree::{Entry, Kind, Node, Place},
};
use crate::{domain::clean_agent_number, i18n::Message};

/// Reads the whole file; `None` only if something was noted as a problem.
///
/// The places are those of the options whose values only another room can judge.
pub(super) fn config(
    root: Vec<Entry>,
    file: &Path,
    reading: &Reading<'_>,
) -> Option<(Config, Vec<(OptionName, Place)>)> {
    let mut top = Section::new(TOP, root, reading);
    let mut warnings = Vec::new();

    let bar_given = top.place("render_html").is_some();
    let mut bar_table = Section::new("render_html", top.table("render_html"), reading);
    let auto_login = bar_table.boolean("auto_login");
    let bar = tables::bar(&mut bar_table);
    let ui_table = Section::new("ui", top.table("ui"), reading);
    let mut places: Vec<(OptionName, Place)> =
        ui_table.place("theme").map(|place| (OptionName::new("ui", "theme"), place)).into_iter().collect();
    let ui = tables::ui(ui_table);
    let keys = tables::keys(&mut top, &mut places);
    let audio = tables::audio(Section::new("audio", top.table("audio"), reading));
    let ice = ice::ice(Section::new("ice", top.table("ice"), reading));
    if readable_by_others(file) && ice.servers.iter().any(|s| matches!(s.credential, Some(TokenSource::Inline(_)))) {
        warnings.push(Message::new("config.readable_by_others").with("path", file.display()));
    }
    let proxy = proxy::proxy(Section::new("net", top.table("net"), reading));
    let phone = tables::phone(Section::new("phone", top.table("phone"), reading));
    let control = tables::control(Section::new("control", top.table("control"), reading));
    let journal = tables::journal(Section::new("journal", top.table("journal"), reading));
    let debug = top.boolean("debug").unwrap_or(false);
    let log = tables::log(Section::new("log", top.table("log"), reading), debug);
    let panel = tables::panel(Section::new("panel", top.table("panel"), reading));
    let hooks = tables::hooks(&mut top);

    // With a phone bar configured its own switch counts, as in the SDK; a file that says nothing signs in.
    let init_with_login = top.boolean("init_with_login");
    let sign_in_at_start = if bar_given { auto_login } else { init_with_login }.unwrap_or(true);
    let platform = platform(&mut top, sign_in_at_start, file, reading, &mut warnings);
    let config = Config {
        file: Some(file.to_owned()),
        platform: platform?,
        bar,
        ui,
        keys,
        audio,
        ice,
        proxy,
        panel,
        hooks,
        phone,
        control,
        journal,
        log,
        // Line and column are known to whoever has the text.
        places: BTreeMap::new(),
        warnings,
    };
    Some((config, places))
}

fn platform(
    top: &mut Section<'_>,
    sign_in_at_start: bool,
    file: &Path,
    reading: &Reading<'_>,
    warnings: &mut Vec<Message>,
) -> Option<PlatformConfig> {
    let token = token_source(top, file, reading, warnings);
    let ag_no = required(top, "ag_no").and_then(|(text, place)| match clean_agent_number(&text) {
        Ok(number) => Some(number),
        Err(_) => {
            top.problem(place, Message::new("config.bad_ag_no").with("value", text));
            None
        }
    });
    let agent_phone = required(top, "agent_phone").and_then(|(text, place)| {
        if text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "+*#-_.,".contains(c)) {
            return Some(text);
        }
        top.problem(place, Message::new("config.bad_agent_phone").with("value", text));
        None
    });
    let webrtc = top.boolean("webrtc").unwrap_or(true);
    let websocket = top.boolean("websocket").unwrap_or(true);
    let auto_force_login = top.boolean("auto_force_login").unwrap_or(false);
    let login_type = login_type(top);
    let busy = busy(top);
    let check = top.boolean("check").unwrap_or(false);
    let auto_queue = top.boolean("auto_queue").unwrap_or(false);
    let auto_call_overrun_out = top.boolean("agent_auto_call_overrun_pro_out").unwrap_or(true);
    let sign_out_on_exit = top.boolean("sign_out_on_exit").unwrap_or(false);
    let sip_uri = sip_uri(top);
    let sip_ws_server = url(top, "sip_ws_server", ["ws", "wss"], "wss://rtc.icsoc.net:4443");
    let api_server = url(top, "api_server", ["http", "https"], "https://ctiplus-api.icsoc.net/interface/v2");
    let ws_server = url(top, "ws_server", ["ws", "wss"], "wss://ctiplus-ws.icsoc.net/link/v2/ws");
    let jsonp_server = url(top, "jsonp_server", ["http", "https"], "https://m.icsoc.net");
    for (key, server) in [
        ("sip_ws_server", &sip_ws_server),
        ("api_server", &api_server),
        ("ws_server", &ws_server),
        ("jsonp_server", &jsonp_server),
    ] {
        warnings.extend(server.as_ref().and_then(|server| in_plain_text(key, server)));
    }
    let token_call_back = top.command("token_call_back").unwrap_or_default();
    let token_call_back_time = top.duration("token_call_back_time").unwrap_or(Duration::from_secs(30 * 60));
    let ws_reconnect_time = top.duration("ws_reconnect_time").unwrap_or(Duration::from_secs(3 * 60 * 60));
    let tls_ca_file = top.existing_file("tls_ca_file");
    let custom_header = tables::custom_header(top);
    Some(PlatformConfig {
        token: token?,
        ag_no: ag_no?,
        agent_phone: agent_phone?,
        webrtc,
        websocket,
        sign_in_at_start,
        auto_force_login,
        login_type,
        busy,
        check,
        auto_queue,
        auto_call_overrun_out,
        sign_out_on_exit,
        sip_uri,
        sip_ws_server: sip_ws_server?,
        api_server: api_server?,
        ws_server: ws_server?,
        jsonp_server: jsonp_server?,
        token_call_back,
        token_call_back_time,
        ws_reconnect_time,
        tls_ca_file,
        custom_header,
    })
}

fn required(top: &mut Section<'_>, key: &'static str) -> Option<(String, Place)> {
    if top.place(key).is_none() {
        top.problem(Place::At(0), Message::new("config.missing").with("key", key));
        return None;
    }
    top.string(key)
}

fn url(top: &mut Section<'_>, key: &'static str, schemes: [&'static str; 2], default: &str) -> Option<url::Url> {
    if top.place(key).is_some() { top.url(key, schemes) } else { url::Url::parse(default).ok() }
}

/// That a server far away is spoken to in plain text: everybody on the way can read token, passwords and names.
fn in_plain_text(key: &'static str, server: &url::Url) -> Option<Message> {
    let near = match server.host()? {
        url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
    };
    let secure = match server.scheme() {
        "http" => "https",
        "ws" => "wss",
        _ => return None,
    };
    let server = server.host_str().unwrap_or_default();
    (!near).then(|| Message::new("config.plain_text").with("key", key).with("host", server).with("secure", secure))
}

/// Exactly one of `token`, `token_file`, `token_command`.
fn token_source(
    top: &mut Section<'_>,
    file: &Path,
    reading: &Reading<'_>,
    warnings: &mut Vec<Message>,
) -> Option<TokenSource> {
    let oauth = top.place("oauth");
    let mut oauth_table = Section::new("oauth", top.table("oauth"), reading);
    for key in ["token_url", "client_id", "client_secret_file", "username", "password_file", "scope"] {
        // Checked for their type only.
        if oauth_table.place(key).is_some() {
            oauth_table.string(key);
        }
    }

    let given: Vec<&'static str> =
        ["token", "token_file", "token_command"].into_iter().filter(|key| top.place(key).is_some()).collect();
    if let [first, second, ..] = given.as_slice() {
        let place = top.place(second).unwrap_or(Place::At(0));
        top.problem(place, Message::new("config.token_twice").with("first", first).with("second", second));
    }
    if given.is_empty() {
        match oauth {
            Some(place) => top.problem(place, Message::new("config.oauth_not_yet")),
            None => top.problem(Place::At(0), Message::new("config.token_missing")),
        }
    } else if oauth.is_some() {
        warnings.push(Message::new("config.not_used_yet").with("name", "[oauth]"));
    }

    let command = top.command("token_command").map(TokenSource::Command);
    let path = top.path("token_file").and_then(|(path, place)| match std::fs::File::open(&path) {
        Ok(_) => {
            if readable_by_others(&path) {
                warnings.push(Message::new("config.readable_by_others").with("path", path.display()));
            }
            Some(TokenSource::File(path))
        }
        Err(error) => {
            let message = Message::new("config.no_file").with("key", "token_file").with("path", path.display());
            top.problem(place, message.with("reason", error));
            None
        }
    });
    let inline = top.take("token").and_then(|node| {
        let place = node.place.clone();
        let Ok(text) = node.into_string() else {
            top.problem(place, Message::new("config.token_no_type"));
            return None;
        };
        if readable_by_others(file) {
            warnings.push(Message::new("config.readable_by_others").with("path", file.display()));
        }
        match token::check(&text) {
            Ok(token) => Some(TokenSource::Inline(token)),
            Err(error) => {
                top.problem(place, error.message());
                None
            }
        }
    });
    inline.or(path).or(command)
}

fn readable_by_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o077 != 0)
}

/// 1 or 2, as a number or as a string (protocol `cti.md` section 1, `loginType`).
fn login_type(top: &mut Section<'_>) -> LoginType {
    let Some(node) = top.take("login_type").map(Node::typed) else { return LoginType::default() };
    let word = match &node.kind {
        Kind::Integer(Some(number)) => number.to_string(),
        Kind::String(text) => text.trim().to_ascii_lowercase(),
        Kind::Integer(None)
        | Kind::Float(_)
        | Kind::Boolean(_)
        | Kind::Datetime
        | Kind::Array(_)
        | Kind::Table(_)
        | Kind::Loose(_) => String::new(),
    };
    match word.as_str() {
        "1" | "dynamic" => LoginType::Dynamic,
        "2" | "static" => LoginType::Static,
        _ => {
            top.problem(node.place, Message::new("config.bad_login_type"));
            LoginType::default()
        }
    }
}

/// `false`, `true`, or a busy reason's number, also as a string (protocol `cti.md` section 1, `busy`).
fn busy(top: &mut Section<'_>) -> BusyAtSignIn {
    let Some(node) = top.take("busy").map(Node::typed) else { return BusyAtSignIn::default() };
    let reason = match &node.kind {
        Kind::Boolean(true) => return BusyAtSignIn::Yes,
        Kind::Boolean(false) | Kind::Integer(Some(0)) => return BusyAtSignIn::No,
        Kind::Integer(number) => *number,
        Kind::String(text) => text.trim().parse().ok(),
        Kind::Float(_) | Kind::Datetime | Kind::Array(_) | Kind::Table(_) | Kind::Loose(_) => None,
    };
    match reason {
        Some(id) if id > 0 => BusyAtSignIn::Reason(id),
        Some(_) | None => {
            top.problem(node.place, Message::new("config.bad_busy"));
            BusyAtSignIn::default()
        }
    }
}

fn sip_uri(top: &mut Section<'_>) -> String {
    let default = || "rtc.icsoc.net".to_owned();
    let Some((text, place)) = top.string("sip_uri") else { return default() };
    let host = text.strip_prefix("sip:").unwrap_or(&text);
    if host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]_".contains(c)) {
        return host.to_owned();
    }
    top.problem(place, Message::new("config.bad_sip_uri").with("value", &text));
    default()
}
