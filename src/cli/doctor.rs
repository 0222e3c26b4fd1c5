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
    config::{Config, token},
    control::client::Client,
    i18n::{Locale, Message, text},
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
        findings.extend(check_token(config, locale));
        let platform = &config.platform;
        findings.push(check_server("api_server", &platform.api_server, locale));
        if platform.websocket {
            findings.push(check_server("ws_server", &platform.ws_server, locale));
        }
        if platform.webrtc {
            findings.push(check_server("sip_ws_server", &platform.sip_ws_server, locale));
        }
        findings.push(check_control(config, global, locale));
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

fn check_token(config: &Config, locale: Locale) -> Option<Finding> {
    let finding = |level, text: String| Finding { check: "token", level, text };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    Some(match runtime.block_on(token::obtain(&config.platform.token)) {
        Ok(_) => finding(Level::Ok, text(locale, "cli.token_ok")),
        Err(error) => finding(Level::Fail, error.message().render(locale)),
    })
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
