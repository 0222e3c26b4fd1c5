//! The platform: token, command API, clock, event websocket, registrar.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::DATE;
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use url::Url;

use super::finding::{Examined, Finding};
use crate::{
    app::account,
    config::{AudioBackend, AudioConfig, IceConfig, TokenSource, token},
    cti::api::{Api, ApiConfig, Request},
    i18n::Message,
    net::{
        dialer::Dialer,
        proxy::Proxy,
        tls::Tls,
        ws::{self, WsError, WsOptions, host_of},
    },
    softphone::{Account, Command, Event, Settings, Softphone},
};

/// For a websocket to open.
const CONNECT: Duration = Duration::from_secs(4);
/// For the platform's clock.
const CLOCK: Duration = Duration::from_secs(3);
/// How long the registrar may take to take the binding back, at the end.
const GOODBYE: Duration = Duration::from_millis(700);
/// For the token's source.
const TOKEN: Duration = Duration::from_millis(2500);
/// A token with less left than this is worth a word.
const TOKEN_SHORT: i64 = 30 * 60;
/// Clocks that differ by more make tokens and certificates seem expired, s.
const CLOCK_OFF: i64 = 60;

pub(super) async fn dialer(examined: &Examined) -> Result<Dialer, Finding> {
    let tls = Tls::new(examined.config.platform.tls_ca_file.as_deref())
        .map_err(|error| examined.fail("tls_ca_file", &error.message(), "cli.doctor_do_config"))?;
    let proxy = Proxy::configured(&examined.config.proxy)
        .await
        .map_err(|error| examined.fail("proxy", &error.message(), "cli.doctor_do_config"))?;
    Ok(Dialer::new(tls, proxy))
}

/// The token, whether the command API takes it (asked with the one command that changes nothing), and with the account
/// that it gives a registration.
pub(super) async fn platform(examined: &Examined) -> Vec<Finding> {
    let platform = &examined.config.platform;
    let token = match timeout(TOKEN, token::obtain(&platform.token)).await {
        Ok(Ok(token)) => token,
        Err(_) => {
            let late = Message::new("cli.doctor_late").with("seconds", TOKEN.as_secs_f32());
            return vec![examined.fail("token", &late, "cli.doctor_do_token_source")];
        }
        Ok(Err(error)) => return vec![examined.fail("token", &error.message(), "cli.doctor_do_token")],
    };
    let dialer = match dialer(examined).await {
        Ok(dialer) => dialer,
        Err(finding) => return vec![finding],
    };
    let settings = ApiConfig {
        api_server: platform.api_server.clone(),
        jsonp_server: platform.jsonp_server.clone(),
        ag_no: platform.ag_no.clone(),
        locale: examined.locale,
        dialer: dialer.clone(),
        custom_header: platform.custom_header.clone(),
    };
    let begun = Instant::now();
    let request = Request::RtcInfo { pho_num: platform.agent_phone.clone() };
    let (reply, clock) = tokio::join!(
        async { Api::new(settings, token)?.send(&request).await },
        timeout_at((begun + CLOCK).min(examined.until), clock(examined, &dialer)),
    );
    let clock = clock.ok().flatten();
    let taken = begun.elapsed();
    let mut findings = match reply {
        Ok(reply) if reply.is_ok() => {
            let mut findings = vec![token_left(examined, &reply.data)];
            findings.push(examined.ok("api_server", &Message::new("cli.api_ok").with("ms", taken.as_millis())));
            findings.extend(clock);
            if platform.webrtc {
                findings.push(registration(examined, &dialer, account(&reply.data, &platform.agent_phone)).await);
            }
            return findings;
        }
        Ok(reply) => {
            let message = Message::new("cli.api_refused").with("code", reply.code).with("text", reply.message);
            vec![examined.fail("api_server", &message, "cli.doctor_do_token")]
        }
        Err(error) => vec![examined.fail("api_server", &error.message(), "cli.doctor_do_network")],
    };
    findings.insert(0, examined.ok("token", &Message::new("cli.token_ok")));
    findings.extend(clock);
    if platform.webrtc {
        let message = Message::new("cli.registration_not_tried");
        findings.push(examined.warn("sip_registration", &message, "cli.doctor_do_first"));
    }
    findings
}

/// What the platform says of the token's end.
fn token_left(examined: &Examined, data: &Value) -> Finding {
    let seconds = match data.get("expires") {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
    };
    // Epoch seconds do not reach this before the year 5138; what is larger is in ms.
    let end = seconds.map(|end| if end < 100_000_000_000 { end } else { end / 1000 });
    let Some(end) = end else { return examined.ok("token", &Message::new("cli.token_ok")) };
    let left = end - Timestamp::now().as_second();
    let platform = &examined.config.platform;
    let renewed = !platform.token_call_back.is_empty()
        || matches!(platform.token, TokenSource::Command(_) | TokenSource::File(_));
    let message = |key| Message::new(key).with("minutes", left / 60);
    if left <= 0 {
        examined.fail("token", &message("cli.token_over"), "cli.doctor_do_token")
    } else if left < TOKEN_SHORT && !renewed {
        examined.warn("token", &message("cli.token_left"), "cli.doctor_do_token")
    } else {
        examined.ok("token", &message("cli.token_left"))
    }
}

/// The platform's clock beside this machine's.
async fn clock(examined: &Examined, dialer: &Dialer) -> Option<Finding> {
    let client = dialer.http().redirect(reqwest::redirect::Policy::none()).build().ok()?;
    let sent = Timestamp::now();
    let answer = client.head(examined.config.platform.api_server.clone()).send().await.ok()?;
    let theirs = answer.headers().get(DATE)?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::parse(theirs).ok()?.timestamp().as_second();
    let ours = Timestamp::now();
    let middle = (sent.as_second() + ours.as_second()) / 2;
    let off = middle - theirs;
    let message = Message::new(if off.abs() <= CLOCK_OFF { "cli.clock_ok" } else { "cli.clock_off" });
    let message = message.with("seconds", off.abs());
    Some(if off.abs() <= CLOCK_OFF {
        examined.ok("clock", &message)
    } else {
        examined.warn("clock", &message, "cli.doctor_do_clock")
    })
}

/// Which servers are reached through a proxy.
pub(super) async fn proxies(examined: &Examined) -> Vec<Finding> {
    let platform = &examined.config.platform;
    // What is wrong with the configuration is said by the others.
    let Ok(dialer) = dialer(examined).await else { return Vec::new() };
    let servers = [
        (true, &platform.api_server),
        (platform.websocket, &platform.ws_server),
        (platform.webrtc, &platform.sip_ws_server),
    ];
    let through = servers.into_iter().filter(|(used, _)| *used).filter_map(|(_, url)| {
        let authority = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
        let proxy = dialer.proxy_for(matches!(url.scheme(), "https" | "wss"), &authority)?;
        Some(examined.ok("proxy", &Message::new("cli.proxy_used").with("host", authority).with("proxy", proxy)))
    });
    through.collect()
}

/// The event websocket, opened for real but without signing in: a second one of the same agent would end the link of a
/// phone bar that runs elsewhere (protocol `cti.md` 3.8, code 3405).
pub(super) async fn link(examined: &Examined) -> Vec<Finding> {
    if !examined.config.platform.websocket {
        return Vec::new();
    }
    vec![websocket(examined, "ws_server", &examined.config.platform.ws_server, None).await]
}

/// The registrar's websocket.
pub(super) async fn sip_server(examined: &Examined) -> Vec<Finding> {
    if !examined.config.platform.webrtc {
        return Vec::new();
    }
    vec![websocket(examined, "sip_ws_server", &examined.config.platform.sip_ws_server, Some("sip")).await]
}

async fn websocket(examined: &Examined, check: &'static str, url: &Url, subprotocol: Option<&'static str>) -> Finding {
    let dialer = match dialer(examined).await {
        Ok(dialer) => dialer,
        Err(finding) => return finding,
    };
    let begun = Instant::now();
    let options = WsOptions { subprotocol, max_message: 64 * 1024, timeout: CONNECT, patience: Duration::ZERO };
    let message = |key| Message::new(key).with("host", host_of(url)).with("ms", begun.elapsed().as_millis());
    match ws::connect(url, &dialer, options).await {
        // Dropped without a word: nobody was signed in on it.
        Ok(_) => examined.ok(check, &message("cli.websocket_ok")),
        // It speaks, and wants to know who is asking before it opens.
        Err(WsError::Refused { status: 400 | 401 | 403 }) => examined.ok(check, &message("cli.websocket_asks")),
        Err(error @ WsError::Certificate { .. }) => examined.fail(check, &error.message(), "cli.doctor_do_certificate"),
        Err(error @ (WsError::Refused { .. } | WsError::Protocol { .. })) => {
            examined.fail(check, &error.message(), "cli.doctor_do_address")
        }
        Err(error @ (WsError::Connect { .. } | WsError::Unreachable { .. } | WsError::Timeout { .. })) => {
            examined.fail(check, &error.message(), "cli.doctor_do_network")
        }
    }
}

/// A registration with a Contact of its own, taken back at once. A phone bar that runs here is asked instead: some
/// registrars keep one binding only.
async fn registration(examined: &Examined, dialer: &Dialer, account: Option<Account>) -> Finding {
    const CHECK: &str = "sip_registration";
    if examined.running == Some(Value::Null) {
        let message = Message::new("cli.registration_not_tried");
        return examined.warn(CHECK, &message, "cli.doctor_do_first");
    }
    if let Some(status) = &examined.running {
        let state = status.pointer("/sip/state").and_then(Value::as_str).unwrap_or_default();
        let error = status.pointer("/sip/last_error").and_then(Value::as_str);
        return match error {
            None if state == "registered" => examined.ok(CHECK, &Message::new("cli.registration_running")),
            None if state == "off" => examined.ok(CHECK, &Message::new("cli.registration_off")),
            error => {
                let why = Message::verbatim(error.unwrap_or(state));
                examined.fail(CHECK, &why, "cli.doctor_do_network")
            }
        };
    }
    let Some(account) = account else {
        return examined.fail(CHECK, &Message::new("app.no_phone_account"), "cli.doctor_do_supervisor");
    };
    let settings = Settings {
        ws_server: examined.config.platform.sip_ws_server.clone(),
        domain: examined.config.platform.sip_uri.clone(),
        dialer: dialer.clone(),
        audio: AudioConfig { backend: AudioBackend::Null, ..AudioConfig::default() },
        ice: IceConfig::default(),
    };
    let (tell, mut events) = mpsc::unbounded_channel();
    let phone = Softphone::start(settings, move |event| {
        // After the end nobody listens.
        tell.send(event).ok();
    });
    let begun = Instant::now();
    phone.send(Command::Register(account));
    let outcome = async {
        while let Some(event) = events.recv().await {
            if let Event::Registered { expires } = event {
                return Some(Ok(expires));
            } else if let Event::RegistrationFailed { error, .. } = event {
                return Some(Err(error));
            }
        }
        None
    };
    let outcome = timeout_at(examined.until - 2 * GOODBYE, outcome).await;
    let taken = begun.elapsed().as_millis();
    phone.send(Command::Unregister);
    let gone = async {
        while let Some(event) = events.recv().await {
            if event == Event::Unregistered {
                break;
            }
        }
    };
    let taken_back = timeout(GOODBYE, gone).await.is_ok();
    match outcome {
        Ok(Some(Ok(expires))) => {
            let message = Message::new(if taken_back { "cli.registration_ok" } else { "cli.registration_left" });
            examined.ok(CHECK, &message.with("ms", taken).with("seconds", expires.as_secs()))
        }
        Ok(Some(Err(error))) => examined.fail(CHECK, &error.message(), "cli.doctor_do_network"),
        Ok(None) | Err(_) => {
            let late = Message::new("cli.registration_late").with("seconds", taken / 1000);
            examined.fail(CHECK, &late, "cli.doctor_do_network")
        }
    }
}
