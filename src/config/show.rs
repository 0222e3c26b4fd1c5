//! The effective config as TOML, secrets masked.

use std::{fmt::Write, path::Path, time::Duration};

use toml::Value;

use super::{BusyAtSignIn, Config, HookAction, IceServer, LoginType, ProxyChoice, TokenSource};

/// What stands for a secret.
const MASK: &str = "********";

/// Every option with the value that counts now, as TOML; a token is masked, and what is unset is a comment.
pub fn show(config: &Config) -> String {
    let mut out = Output(String::new());
    top(&mut out, config);
    bar(&mut out, config);
    rest(&mut out, config);
    out.0
}

struct Output(String);

impl Output {
    fn line(&mut self, key: &str, value: impl Into<Value>) {
        // Writing to a string cannot fail.
        writeln!(self.0, "{} = {}", quoted_if_needed(key), value.into()).unwrap_or_default();
    }

    fn optional(&mut self, key: &str, value: Option<impl Into<Value>>) {
        match value {
            Some(value) => self.line(key, value),
            None => writeln!(self.0, "# {key} is not set").unwrap_or_default(),
        }
    }

    fn table(&mut self, name: &str) {
        writeln!(self.0, "\n[{name}]").unwrap_or_default();
    }
}

fn quoted_if_needed(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_owned() } else { Value::from(key).to_string() }
}

fn top(out: &mut Output, config: &Config) {
    let platform = &config.platform;
    match &platform.token {
        TokenSource::Inline(_) => out.line("token", MASK),
        TokenSource::File(path) => out.line("token_file", text(path)),
        TokenSource::Command(argv) => out.line("token_command", argv.clone()),
    }
    out.line("ag_no", platform.ag_no.clone());
    out.line("agent_phone", platform.agent_phone.clone());
    out.line("webrtc", platform.webrtc);
    out.line("websocket", platform.websocket);
    out.line("init_with_login", platform.sign_in_at_start);
    out.line("auto_force_login", platform.auto_force_login);
    out.line(
        "login_type",
        match platform.login_type {
            LoginType::Dynamic => 1,
            LoginType::Static => 2,
        },
    );
    match platform.busy {
        BusyAtSignIn::No => out.line("busy", false),
        BusyAtSignIn::Yes => out.line("busy", true),
        BusyAtSignIn::Reason(id) => out.line("busy", id),
    }
    out.line("check", platform.check);
    out.line("auto_queue", platform.auto_queue);
    out.line("agent_auto_call_overrun_pro_out", platform.auto_call_overrun_out);
    out.line("sign_out_on_exit", platform.sign_out_on_exit);
    out.line("sip_uri", platform.sip_uri.clone());
    out.line("sip_ws_server", platform.sip_ws_server.as_str());
    out.line("api_server", platform.api_server.as_str());
    out.line("ws_server", platform.ws_server.as_str());
    out.line("jsonp_server", platform.jsonp_server.as_str());
    out.optional("token_call_back", some_unless_empty(&platform.token_call_back));
    out.line("token_call_back_time", duration(platform.token_call_back_time));
    out.line("ws_reconnect_time", duration(platform.ws_reconnect_time));
    out.optional("tls_ca_file", platform.tls_ca_file.as_deref().map(text));
}

fn bar(out: &mut Output, config: &Config) {
    let bar = &config.bar;
    out.table("render_html");
    out.line("auto_login", config.platform.sign_in_at_start);
    out.optional("theme_color", bar.theme_color.clone());
    let numbers: Vec<Value> = bar
        .call_nums
        .iter()
        .map(|caller| {
            let pairs = [("name", caller.name.clone()), ("value", caller.value.clone())];
            Value::Table(pairs.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect())
        })
        .collect();
    out.line("call_nums", numbers);
    out.optional("default_caller", bar.default_caller.clone());
    out.line("auto_call", bar.auto_call);
    out.line("raise_hand", bar.raise_hand);
    out.line("dining_remind", bar.dining_remind);
    out.line("pop_up", bar.pop_up);
    out.line("show_que_sum", bar.show_que_sum);
    out.line("status_warn", bar.status_warn);
    out.line("show_logout_btn", bar.show_logout_btn);
    out.optional("prefix", bar.prefix.clone());
}

fn rest(out: &mut Output, config: &Config) {
    let (ui, audio) = (&config.ui, &config.audio);
    out.table("ui");
    out.optional("locale", ui.locale.map(|locale| locale.tag()));
    out.line("theme", ui.theme.clone());
    out.line("colors", word(&ui.colors));
    out.line("ascii", ui.ascii);
    out.line("mouse", ui.mouse);
    out.line("bell", ui.bell);
    out.line("title", ui.title);
    out.line("blink", ui.blink);
    out.line("panel", ui.panel);
    out.line("panel_width", i64::from(ui.panel_width));
    out.line("notify", word(&ui.notify));

    out.table("keys");
    for (action, keys) in &config.keys {
        out.line(action, keys.clone());
    }

    out.table("audio");
    out.line("backend", word(&audio.backend));
    out.line("host", word(&audio.host));
    out.line("input_device", audio.input_device.clone());
    out.line("output_device", audio.output_device.clone());
    out.line("ring_device", audio.ring_device.clone());
    out.line("ear", word(&audio.ear));
    out.optional("input_file", audio.input_file.as_deref().map(text));
    out.optional("output_file", audio.output_file.as_deref().map(text));
    out.line("codecs", audio.codecs.iter().map(|codec| codec.name().into()).collect::<Vec<Value>>());
    out.line("tone_dbfs", f64::from(audio.tone_dbfs));
    let tones = &audio.tones;
    for (key, level) in [
        ("ring_dbfs", tones.ring),
        ("ring_back_dbfs", tones.ring_back),
        ("busy_dbfs", tones.busy),
        ("waiting_dbfs", tones.waiting),
        ("beep_dbfs", tones.beep),
        ("hang_up_dbfs", tones.hang_up),
        ("key_dbfs", tones.key),
    ] {
        out.optional(key, level.map(f64::from));
    }
    out.line("ring", audio.ring);
    out.line("dtx", audio.dtx);
    out.line("keypad", word(&audio.keypad));
    out.line("echo_cancellation", audio.treats(audio.echo_cancellation));
    out.line("noise_suppression", audio.treats(audio.noise_suppression));
    out.line("gain_control", audio.treats(audio.gain_control));

    let ice = &config.ice;
    out.table("ice");
    out.line("servers", ice.servers.iter().map(ice_server).collect::<Vec<Value>>());
    out.line("policy", word(&ice.policy));
    out.line("tcp", ice.tcp);
    out.line("ipv6", ice.ipv6);
    out.line("gather_ms", ice.gather.as_millis() as i64);
    proxy(out, &config.proxy);

    out.table("panel");
    out.optional("command", config.panel.command.clone());
    out.optional("url", config.panel.url.clone());
    out.line("timeout", duration(config.panel.timeout));
    out.line("format", word(&config.panel.format));

    out.table("custom_header");
    for name in config.platform.custom_header.keys() {
        out.line(name.as_str(), MASK);
    }

    out.table("hooks");
    for (event, action) in &config.hooks {
        match action {
            HookAction::Run(argv) => out.line(event, argv.clone()),
            HookAction::Open(address) => {
                out.line(event, toml::Table::from_iter([("open".to_owned(), address.clone().into())]));
            }
        }
    }

    out.table("phone");
    out.line("away", word(&config.phone.away));

    out.table("control");
    out.line("enabled", config.control.enabled);
    out.optional("path", config.control.path.as_deref().map(text));

    out.table("journal");
    out.line("enabled", config.journal.enabled);
    out.line("keep", config.journal.keep as i64);
    out.line("days", i64::from(config.journal.days));

    out.table("log");
    out.line("level", config.log.level.clone());
    out.optional("dir", config.log.dir.as_deref().map(text));
    out.line("keep_files", config.log.keep_files as i64);
    out.line("max_mb", config.log.max_mb as i64);
}

fn proxy(out: &mut Output, choice: &ProxyChoice) {
    out.table("net");
    let login = match choice {
        ProxyChoice::System => {
            out.line("proxy", "system");
            None
        }
        ProxyChoice::None => {
            out.line("proxy", "none");
            None
        }
        ProxyChoice::Url { url, login } => {
            out.line("proxy", url.as_str());
            login.as_ref()
        }
    };
    out.optional("proxy_username", login.map(|login| login.username.as_str()));
    out.optional("proxy_password_file", login.map(|login| text(&login.password_file)));
}

fn ice_server(server: &IceServer) -> Value {
    let urls = server.urls.iter().map(|url| Value::from(url.to_string())).collect::<Vec<_>>();
    let username = server.username.clone().map(|name| ("username", Value::from(name)));
    let credential = server.credential.as_ref().map(|source| match source {
        TokenSource::Inline(_) => ("credential", Value::from(MASK)),
        TokenSource::File(path) => ("credential_file", Value::from(text(path))),
        TokenSource::Command(argv) => ("credential_command", Value::from(argv.clone())),
    });
    let pairs = [("urls", Value::from(urls))].into_iter().chain(username).chain(credential);
    Value::Table(pairs.map(|(key, value)| (key.to_owned(), value)).collect())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn duration(duration: Duration) -> Value {
    if duration.is_zero() { Value::from(0) } else { Value::from(humantime::format_duration(duration).to_string()) }
}

fn some_unless_empty(argv: &[String]) -> Option<Vec<String>> {
    (!argv.is_empty()).then(|| argv.to_vec())
}

/// The word an enum is serialised as.
fn word(value: &impl serde::Serialize) -> Value {
    Value::try_from(value).unwrap_or_else(|_| Value::from(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::from_str;

    const FILE: &str = r##"
token = "Bearer s3cr3t"
ag_no = "8001"
agent_phone = "9001"
busy = "12"
ws_reconnect_time = 0
[render_html]
call_nums = ["01058545832", { name = "热线", value = "4008" }]
theme_color = "#FFF"
[keys]
answer = ["a", "f2"]
[audio]
codecs = ["pcma"]
[ice]
policy = "relay"
servers = [
  { urls = "stun:stun.example.test" },
  { urls = ["turn:turn.example.test", "turn:[::1]:80"], username = "u", credential = "s3cr3t" },
  { urls = "turn:turn.example.test", username = "u", credential_command = ["password-of", "turn"] },
]
"##;

    #[test]
    fn what_is_shown_means_the_same_and_hides_the_token() {
        let shown = show(&from_str(FILE, Path::new("/nowhere/c.toml"), &[]).unwrap());
        assert!(!shown.contains("s3cr3t"), "{shown}");
        let again = from_str(&shown.replace(MASK, "Bearer x"), Path::new("/nowhere/c.toml"), &[]).unwrap();
        assert_eq!(show(&again), shown);
        for line in ["busy = 12", "ws_reconnect_time = 0", "theme_color = \"#ffffff\"", "codecs = [\"PCMA\"]"] {
            assert!(shown.lines().any(|l| l == line), "{line} in\n{shown}");
        }
    }
}
