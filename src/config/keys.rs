//! Every key of the config file, and which one somebody meant.

use super::ice;

/// The tables with their keys; the first is the top level. `default.toml` documents exactly these (a test says so).
///
/// `keys`, `hooks` and `custom_header` take any key: action names, event names, names of HTTP headers.
pub(super) const TABLES: &[(&str, &[&str])] = &[
    (
        TOP,
        &[
            "token",
            "token_file",
            "token_command",
            "ag_no",
            "agent_phone",
            "webrtc",
            "websocket",
            "init_with_login",
            "auto_force_login",
            "login_type",
            "debug",
            "busy",
            "check",
            "auto_queue",
            "agent_auto_call_overrun_pro_out",
            "sign_out_on_exit",
            "sip_uri",
            "sip_ws_server",
            "api_server",
            "ws_server",
            "jsonp_server",
            "token_call_back",
            "token_call_back_time",
            "ws_reconnect_time",
            "tls_ca_file",
            "custom_header",
            "oauth",
            "render_html",
            "ui",
            "keys",
            "audio",
            "ice",
            "net",
            "panel",
            "hooks",
            "phone",
            "control",
            "journal",
            "log",
        ],
    ),
    ("oauth", &["token_url", "client_id", "client_secret_file", "username", "password_file", "scope"]),
    (
        "render_html",
        &[
            "theme_color",
            "auto_login",
            "call_nums",
            "default_caller",
            "auto_call",
            "raise_hand",
            "dining_remind",
            "pop_up",
            "show_que_sum",
            "status_warn",
            "show_logout_btn",
            "prefix",
            "dom_id",
        ],
    ),
    (
        "ui",
        &["locale", "theme", "colors", "ascii", "mouse", "bell", "title", "blink", "panel", "panel_width", "notify"],
    ),
    ("keys", &[]),
    (
        "audio",
        &[
            "backend",
            "host",
            "input_device",
            "output_device",
            "ring_device",
            "ear",
            "input_file",
            "output_file",
            "codecs",
            "tone_dbfs",
            "ring_dbfs",
            "ring_back_dbfs",
            "busy_dbfs",
            "waiting_dbfs",
            "beep_dbfs",
            "hang_up_dbfs",
            "key_dbfs",
            "ring",
            "dtx",
            "keypad",
            "echo_cancellation",
            "noise_suppression",
            "gain_control",
        ],
    ),
    ("ice", &["servers", "policy", "tcp", "ipv6", "gather_ms"]),
    ("net", &["proxy", "proxy_username", "proxy_password_file"]),
    ("panel", &["command", "url", "timeout", "format"]),
    ("hooks", &[]),
    ("custom_header", &[]),
    ("phone", &["away"]),
    ("control", &["enabled", "path"]),
    ("journal", &["enabled", "keep", "days"]),
    ("log", &["level", "dir", "keep_files", "max_mb"]),
];

/// Name of the top level in [`TABLES`].
pub(super) const TOP: &str = "";

/// Keys that `--set` refuses: other users see a command line in the process list.
pub(super) const SECRETS: &[&str] =
    &["token", "agent_phone_pwd", "client_secret", "password", "custom_header", "servers", "credential"];

/// Options of the vendor's SDK that have no key here, with the catalogue text that says what takes their place.
pub(super) const ELSEWHERE: &[(&str, &str)] = &[
    ("agent_phone_pwd", "config.elsewhere_from_platform"),
    ("vcc_code", "config.elsewhere_from_platform"),
    ("vcc_id", "config.elsewhere_from_platform"),
    ("caller_id", "config.elsewhere_caller_id"),
    ("upload_log_uri", "config.elsewhere_log"),
    ("web_rtc_uri1", "config.elsewhere_browser"),
    ("web_rtc_path1", "config.elsewhere_browser"),
    ("only_webrtc", "config.elsewhere_browser"),
    ("client_secret", "config.elsewhere_secret_file"),
    ("password", "config.elsewhere_secret_file"),
];

/// The keys of a table; none for a table that is not known.
pub(super) fn of(table: &str) -> &'static [&'static str] {
    if table == ice::SERVER {
        return ice::SERVER_KEYS;
    }
    TABLES.iter().find(|(name, _)| *name == table).map_or(&[], |(_, keys)| keys)
}

/// The table that has this key, other than `here`.
pub(super) fn home(key: &str, here: &str) -> Option<&'static str> {
    TABLES.iter().find(|(name, keys)| *name != here && keys.contains(&key)).map(|(name, _)| *name)
}

/// A key in this program's spelling: the SDK's `agentPhone` is `agent_phone`, its `callerID` is `caller_id`.
pub(super) fn canonical(key: &str) -> String {
    let mut snake = String::with_capacity(key.len() + 4);
    let mut before = '_';
    for c in key.chars() {
        if c == '-' {
            snake.push('_');
        } else if c.is_ascii_uppercase() {
            if before.is_ascii_lowercase() || before.is_ascii_digit() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        } else {
            snake.push(c);
        }
        before = c;
    }
    if snake == "phone_bar" { "render_html".into() } else { snake }
}

/// Whether two spellings name the same key.
pub(super) fn same(a: &str, b: &str) -> bool {
    canonical(a) == canonical(b)
}

/// The known key of a table that is most like a mistyped one.
pub(super) fn nearest(table: &str, typed: &str) -> Option<&'static str> {
    let typed = canonical(typed);
    of(table).iter().copied().min_by_key(|known| strsim::damerau_levenshtein(known, &typed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdks_spelling_is_understood() {
        for (sdk, ours) in [
            ("agNo", "ag_no"),
            ("agentPhone", "agent_phone"),
            ("sipWsServer", "sip_ws_server"),
            ("tokenCallBackTime", "token_call_back_time"),
            ("default_caller", "default_caller"),
            ("renderHtml", "render_html"),
            ("phoneBar", "render_html"),
            ("phone_bar", "render_html"),
            ("callerID", "caller_id"),
            ("domId", "dom_id"),
            ("showQueSum", "show_que_sum"),
            ("agentAutoCallOverrunProOut", "agent_auto_call_overrun_pro_out"),
        ] {
            assert_eq!(canonical(sdk), ours);
        }
    }

    #[test]
    fn the_nearest_key_is_the_one_meant() {
        assert_eq!(nearest(TOP, "agnet_phone"), Some("agent_phone"));
        assert_eq!(nearest(TOP, "apiSever"), Some("api_server"));
        assert_eq!(nearest("audio", "codec"), Some("codecs"));
        assert_eq!(nearest("keys", "anything"), None);
    }
}
