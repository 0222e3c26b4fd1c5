//! `doctor`: one line for everything a call needs: ok, warn or fail, the reason, and what to do.

use std::{
    io::IsTerminal,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use serde::Serialize;
use url::Url;

use super::{
    CliError, DoctorArgs, Global,
    config::{configured, file, paths},
    print,
};
use crate::{
    config::{AudioBackend, Config, token},
    control::client::Client,
    cti::api::{Api, ApiConfig, Request},
    i18n::{Locale, Message, text},
    net::tls::Tls,
    softphone::audio::{DeviceDirection, list_devices},
};

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// As it should be.
    Ok,
    /// A call works, something else does not.
    Warn,
    /// No call is possible.
    Fail,
}

/// One line.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    text: String,
}

/// Checks and prints.
///
/// # Errors
/// Exit code 1 if something failed; it has been printed then.
pub(super) fn run(args: &DoctorArgs, global: &Global) -> Result<(), CliError> {
    let (config, mut findings) = check_config(global);
    let locale = config.as_ref().and_then(|c| c.ui.locale).unwrap_or_else(|| global.language());
    if let Some(config) = &config {
        findings.extend(check_platform(config, locale));
        let platform = &config.platform;
        if platform.websocket {
            findings.push(check_server("ws_server", &platform.ws_server, locale));
        }
        if platform.webrtc {
            findings.push(check_server("sip_ws_server", &platform.sip_ws_server, locale));
        }
        findings.push(check_control(config, global, locale));
        findings.extend(check_sound(config, locale));
    }
    findings.push(check_terminal(locale));

    if args.json {
        print(&serde_json::to_string(&findings).map_err(CliError::failed)?)?;
    } else {
        let lines: Vec<String> = findings.iter().map(|finding| line(finding, locale)).collect();
        print(&lines.join("\n"))?;
    }
    if findings.iter().any(|finding| finding.level == Level::Fail) {
        return Err(CliError::failed(""));
    }
    Ok(())
}

fn line(finding: &Finding, locale: Locale) -> String {
    let level = match finding.level {
        Level::Ok => "cli.level_ok",
        Level::Warn => "cli.level_warn",
        Level::Fail => "cli.level_fail",
    };
    format!("{:<5} {:<14} {}", text(locale, level), finding.check, finding.text)
}

fn check_config(global: &Global) -> (Option<Config>, Vec<Finding>) {
    let finding = |level, text: String| Finding { check: "config", level, text };
    match configured(global) {
        Err(error) => (None, error.message.lines().map(|text| finding(Level::Fail, text.to_owned())).collect()),
        Ok(config) => {
            let locale = config.ui.locale.unwrap_or_else(|| global.language());
            let path = file(global).map(|file| file.display().to_string()).unwrap_or_default();
            let mut findings = vec![finding(Level::Ok, path)];
            findings.extend(config.warnings.iter().map(|warning| finding(Level::Warn, warning.render(locale))));
            (Some(config), findings)
        }
    }
}

/// The token, and whether the platform's command API takes it: asked with the one command that changes nothing.
fn check_platform(config: &Config, locale: Locale) -> Vec<Finding> {
    let finding = |check, level, text: String| Finding { check, level, text };
    let fail = |check, message: Message| finding(check, Level::Fail, message.render(locale));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![finding("api_server", Level::Fail, error.to_string())],
    };
    let platform = &config.platform;
    let token = match runtime.block_on(token::obtain(&platform.token)) {
        Ok(token) => token,
        Err(error) => return vec![fail("token", error.message())],
    };
    let mut findings = vec![finding("token", Level::Ok, text(locale, "cli.token_ok"))];
    let tls = match Tls::new(platform.tls_ca_file.as_deref()) {
        Ok(tls) => tls,
        Err(error) => {
            findings.push(fail("tls_ca_file", error.message()));
            return findings;
        }
    };
    let settings = ApiConfig {
        api_server: platform.api_server.clone(),
        jsonp_server: platform.jsonp_server.clone(),
        ag_no: platform.ag_no.clone(),
        locale,
        tls,
        custom_header: platform.custom_header.clone(),
    };
    let begun = Instant::now();
    let reply = runtime.block_on(async {
        Api::new(settings, token)?.send(&Request::RtcInfo { pho_num: platform.agent_phone.clone() }).await
    });
    findings.push(match reply {
        Ok(reply) if reply.is_ok() => {
            let message = Message::new("cli.api_ok").with("ms", begun.elapsed().as_millis());
            finding("api_server", Level::Ok, message.render(locale))
        }
        Ok(reply) => {
            let message = Message::new("cli.api_refused").with("code", reply.code);
            fail("api_server", message.with("text", reply.message))
        }
        Err(error) => fail("api_server", error.message()),
    });
    findings
}

/// Microphone and speaker: whether the devices named are there.
fn check_sound(config: &Config, locale: Locale) -> Vec<Finding> {
    let finding = |check, level, message: Message| Finding { check, level, text: message.render(locale) };
    let audio = &config.audio;
    if !config.platform.webrtc || audio.backend != AudioBackend::Device {
        return vec![finding("sound", Level::Ok, Message::new("cli.sound_no_device"))];
    }
    let devices = match list_devices() {
        Ok(devices) => devices,
        Err(error) => return vec![finding("sound", Level::Fail, error.message())],
    };
    let ways = [
        ("microphone", DeviceDirection::Input, &audio.input_device),
        ("speaker", DeviceDirection::Output, &audio.output_device),
    ];
    let check = |(check, direction, wanted): (&'static str, DeviceDirection, &String)| {
        let mut candidates = devices.iter().filter(|device| device.direction == direction);
        let found =
            candidates.find(|d| if wanted == "default" { d.is_default } else { d.name == *wanted || d.id == *wanted });
        match found {
            Some(device) => finding(check, Level::Ok, Message::new("cli.sound_ok").with("name", &device.name)),
            None => finding(check, Level::Fail, Message::new("cli.sound_none").with("name", wanted)),
        }
    };
    ways.into_iter().map(check).collect()
}

/// Whether a server accepts connections; names that resolve to several addresses are tried in turn.
fn check_server(check: &'static str, url: &Url, locale: Locale) -> Finding {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let begun = Instant::now();
    let addresses: Result<Vec<SocketAddr>, _> =
        (host.trim_matches(['[', ']']), port).to_socket_addrs().map(Iterator::collect);
    let outcome = addresses.and_then(|addresses| {
        let mut last = Err(std::io::Error::other("no address"));
        for address in addresses {
            last = TcpStream::connect_timeout(&address, CONNECT);
            if last.is_ok() {
                break;
            }
        }
        last
    });
    let message = match &outcome {
        Ok(_) => Message::new("cli.server_ok").with("ms", begun.elapsed().as_millis()),
        Err(error) => Message::new("cli.server_fail").with("reason", error).with("key", check),
    };
    let level = if outcome.is_ok() { Level::Ok } else { Level::Fail };
    Finding { check, level, text: message.with("host", host).with("port", port).render(locale) }
}

fn check_control(config: &Config, global: &Global, locale: Locale) -> Finding {
    let path = match (&config.control.path, paths(global)) {
        (Some(path), _) => path.clone(),
        (None, Ok(paths)) => paths.control_socket(&config.platform.ag_no),
        (None, Err(error)) => return Finding { check: "control", level: Level::Warn, text: error.message },
    };
    let running = Client::connect(&path).is_ok();
    let message = if running { "cli.control_running" } else { "cli.control_free" };
    let text = Message::new(message).with("path", path.display()).render(locale);
    Finding { check: "control", level: Level::Ok, text }
}

fn check_terminal(locale: Locale) -> Finding {
    let finding = |level, message: Message| Finding { check: "terminal", level, text: message.render(locale) };
    let name = std::env::var("TERM").unwrap_or_default();
    if !std::io::stdout().is_terminal() {
        return finding(Level::Warn, Message::new("cli.terminal_none"));
    }
    if name.is_empty() || name == "dumb" {
        return finding(Level::Warn, Message::new("cli.terminal_dumb").with("name", name));
    }
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).map_or((0, 0), |size| (size.ws_col, size.ws_row));
    let colors = std::env::var("COLORTERM").unwrap_or_else(|_| "-".into());
    let message = Message::new("cli.terminal_ok").with("name", name).with("colors", colors);
    finding(Level::Ok, message.with("columns", size.0).with("rows", size.1))
}
