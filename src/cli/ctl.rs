//! `ctl`: drive a running phone bar through its control socket.

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::{CliError, Global, print};
use crate::{
    config::{paths::Paths, token},
    control::{
        client::{Client, ClientError, find},
        condition::Condition,
        status,
    },
    i18n::{Locale, Message},
};

/// How long a command may take; the phone bar gives up earlier by itself.
const COMMAND: Duration = Duration::from_secs(60);

/// How long a question to the phone bar alone may take.
const QUESTION: Duration = Duration::from_secs(5);

/// How often a phone bar that is still starting is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(15);

/// `ctl`.
#[derive(Args, Clone, Debug)]
pub struct CtlArgs {
    /// What to do.
    #[command(subcommand)]
    pub word: Word,
}

/// `ctl ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum Word {
    /// Agent, link, registration, call, sound
    Status {
        /// As JSON, one line
        #[arg(long)]
        json: bool,
    },
    /// Print events as they come
    Events {
        /// As JSON, one event a line
        #[arg(long)]
        json: bool,
        /// End after so many
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// End after so many seconds; exit code 1 if --count or --until is not reached
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        timeout: Option<Duration>,
        /// End after the first event of this name or category
        #[arg(long, value_name = "NAME")]
        until: Option<String>,
    },
    /// Wait for a condition; also for the phone bar to start
    Wait {
        /// signed-in, idle, busy, wrap-up, ringing, talking, held, consulting, three-way, no-call, registered,
        /// link-up, link-down
        condition: Condition,
        /// Seconds
        #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
        timeout: Duration,
    },
    /// One request whose answer is only yes or no.
    #[command(flatten)]
    Do(Act),
    /// Call any method of the control socket and print its result
    Call {
        /// Such as Agent.callOut
        method: String,
        /// Parameters as a JSON object
        params: Option<String>,
    },
}

/// `ctl` words that are one request without a printed result.
#[derive(Clone, Debug, Subcommand)]
pub enum Act {
    /// Sign in
    Login {
        /// Take over a sign-in elsewhere
        #[arg(long)]
        force: bool,
    },
    /// Sign out
    Logout,
    /// Go ready
    Ready,
    /// Go busy
    Busy {
        /// Reason by number or name
        reason: Option<String>,
    },
    /// Call an outside number
    Dial {
        /// The number
        number: String,
        /// Caller ID to show
        #[arg(long, value_name = "NUMBER")]
        caller_id: Option<String>,
        /// Skill group
        #[arg(long, value_name = "ID")]
        queue: Option<i64>,
        /// Passed through the platform with the call
        #[arg(long, value_name = "TEXT")]
        user_data: Option<String>,
    },
    /// Call another agent
    DialAgent {
        /// Agent number
        ag_no: String,
    },
    /// Answer the ringing call
    Answer,
    /// Refuse the ringing call
    Reject,
    /// End the call
    Hangup,
    /// Put the other side on hold
    Hold,
    /// Resume
    Unhold,
    /// Mute the microphone
    Mute,
    /// Unmute it
    Unmute,
    /// Send keypad digits
    Dtmf {
        /// 0-9 * # A-D
        digits: String,
    },
    /// Use the token in this file from now on
    Token {
        /// File whose first line is "type + space + token"; - for standard input
        file: PathBuf,
    },
    /// Fill or empty the right-hand panel
    Panel {
        /// What to do.
        #[command(subcommand)]
        word: PanelWord,
    },
}

/// `ctl panel ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum PanelWord {
    /// Show a text, or fields
    Set {
        /// The text; - for standard input
        #[arg(required_unless_present = "field", conflicts_with = "field")]
        text: Option<String>,
        /// The text is Markdown
        #[arg(long, conflicts_with = "field")]
        markdown: bool,
        /// A line with name and value (repeatable)
        #[arg(long, value_name = "NAME=VALUE")]
        field: Vec<String>,
    },
    /// Empty it
    Clear,
}

/// Does one word.
///
/// # Errors
/// Refused, timed out, or no phone bar: exit code 1.
pub fn run(args: &CtlArgs, global: &Global) -> Result<(), CliError> {
    let locale = global.language();
    let told = |error: ClientError| CliError::failed(tell(&error, locale));
    match &args.word {
        Word::Status { json } => {
            let status = connect(global)?.call("status", Map::new(), soon(QUESTION)).map_err(told)?;
            print(&if *json { status.to_string() } else { status::to_text(&status, locale) })
        }
        Word::Events { json, count, timeout, until } => {
            events(connect(global)?, *json, *count, *timeout, until.as_deref(), locale)
        }
        Word::Wait { condition, timeout } => wait(global, *condition, *timeout, locale),
        Word::Call { method, params } => {
            let params = parse_params(params.as_deref(), locale)?;
            let result = connect(global)?.call(method, params, soon(COMMAND)).map_err(told)?;
            print(&result.to_string())
        }
        Word::Do(act) => {
            let (method, params) = request(act, locale)?;
            let params = params.as_object().cloned().unwrap_or_default();
            connect(global)?.call(method, params, soon(COMMAND)).map(|_| ()).map_err(told)
        }
    }
}

/// The method and parameters.
fn request(act: &Act, locale: Locale) -> Result<(&'static str, Value), CliError> {
    Ok(match act {
        Act::Login { force } => ("Agent.login", json!({"force": force})),
        Act::Logout => ("Agent.logout", Value::Null),
        Act::Ready => ("Agent.ready", Value::Null),
        Act::Busy { reason: None } => ("Agent.unready", Value::Null),
        Act::Busy { reason: Some(reason) } => ("Agent.unready", json!({"reason": reason})),
        Act::Dial { number, caller_id, queue, user_data } => {
            ("Agent.callOut", json!({"tel": number, "callerID": caller_id, "queueId": queue, "userData": user_data}))
        }
        Act::DialAgent { ag_no } => ("Agent.callInner", json!({"calledAgNo": ag_no})),
        Act::Answer => ("Session.answer", Value::Null),
        Act::Reject => ("Session.refuse", Value::Null),
        Act::Hangup => ("Session.hangup", Value::Null),
        Act::Hold => ("Session.hold", Value::Null),
        Act::Unhold => ("Session.unhold", Value::Null),
        Act::Mute => ("Session.mute", Value::Null),
        Act::Unmute => ("Session.unmute", Value::Null),
        Act::Dtmf { digits } => ("Session.sendDTMF", json!({"digits": digits})),
        Act::Token { file } => {
            let token = token::check(&read(file, locale)?);
            let token = token.map_err(|error| CliError::usage(error.message().render(locale)))?;
            ("config.setState", json!({"token": token.expose_secret()}))
        }
        Act::Panel { word: PanelWord::Clear } => ("panel.clear", Value::Null),
        Act::Panel { word: PanelWord::Set { text, markdown, field } } => {
            let params = match text.as_deref() {
                Some(text) => {
                    let text = if text == "-" { read(Path::new("-"), locale)? } else { text.to_owned() };
                    if *markdown { json!({"markdown": text}) } else { json!({"text": text}) }
                }
                None => {
                    let pairs = field.iter().map(|f| f.split_once('=').unwrap_or((f.as_str(), "")));
                    json!({"fields": pairs.map(|(name, value)| json!([name, value])).collect::<Vec<_>>()})
                }
            };
            ("panel.set", params)
        }
    })
}

fn socket(global: &Global) -> Result<PathBuf, ClientError> {
    match &global.socket {
        Some(path) => Ok(path.clone()),
        None => find(&Paths::find().map(|paths| paths.runtime_dir).unwrap_or_default()),
    }
}

fn connect(global: &Global) -> Result<Client, CliError> {
    socket(global)
        .and_then(|path| Client::connect(&path))
        .map_err(|error| CliError::failed(tell(&error, global.language())))
}

fn events(
    mut client: Client,
    as_json: bool,
    count: Option<u64>,
    timeout: Option<Duration>,
    until: Option<&str>,
    locale: Locale,
) -> Result<(), CliError> {
    let told = |error: ClientError| CliError::failed(tell(&error, locale));
    let deadline = timeout.map(soon);
    let params = json!({"events": ["all"]}).as_object().cloned().unwrap_or_default();
    client.call("Event.subscribe", params, soon(QUESTION)).map_err(told)?;
    let mut seen = 0;
    while count.is_none_or(|count| seen < count) {
        let event = match client.next(deadline) {
            Ok(notification) if notification.method == "event" => notification.params,
            Ok(_) => continue,
            Err(ClientError::Timeout) => {
                let seconds = timeout.unwrap_or_default().as_secs_f64();
                return match (until, count) {
                    (Some(name), _) => Err(CliError::failed(
                        Message::new("control.events_until_timeout")
                            .with("name", name)
                            .with("seconds", seconds)
                            .render(locale),
                    )),
                    (None, Some(_)) => Err(CliError::failed(
                        Message::new("control.events_timeout")
                            .with("count", seen)
                            .with("seconds", seconds)
                            .render(locale),
                    )),
                    (None, None) => Ok(()),
                };
            }
            Err(error) => return Err(told(error)),
        };
        seen += 1;
        let word = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        let line = if as_json {
            event.to_string()
        } else {
            format!("{}  {}  {}", word("time"), word("eventName"), word("status"))
        };
        print(line.trim_end())?;
        let categories = event.get("eventType").and_then(Value::as_array);
        let is_one = |name: &str| {
            word("eventName") == name || categories.is_some_and(|words| words.iter().any(|w| w.as_str() == Some(name)))
        };
        if until.is_some_and(is_one) {
            break;
        }
    }
    Ok(())
}

fn wait(global: &Global, condition: Condition, timeout: Duration, locale: Locale) -> Result<(), CliError> {
    let told = |error: ClientError| CliError::failed(tell(&error, locale));
    let deadline = soon(timeout);
    let mut client = loop {
        match socket(global).and_then(|path| Client::connect(&path)) {
            Ok(client) => break client,
            // Several phone bars do not become one by waiting.
            Err(error @ ClientError::Several { .. }) => return Err(told(error)),
            Err(error) if Instant::now() >= deadline => return Err(told(error)),
            Err(_) => std::thread::sleep(LOOK_AGAIN),
        }
    };
    // Even with no time at all, what is so already is found out.
    client.call("status.watch", Map::new(), soon(timeout.max(QUESTION))).map_err(told)?;
    let mut found = None;
    loop {
        let until = if found.is_none() { deadline.max(soon(QUESTION)) } else { deadline };
        match client.next(Some(until)) {
            Ok(notification) if notification.method == "status" => {
                if condition.holds(&notification.params) {
                    return Ok(());
                }
                found = Some(condition.found(&notification.params));
            }
            Ok(_) => {}
            Err(ClientError::Timeout) => {
                let (what, state) = found.unwrap_or_default();
                let message = Message::new("control.wait_timeout").with("condition", condition);
                let message = message.with("seconds", timeout.as_secs_f64()).with("what", what).with("found", state);
                return Err(CliError::failed(message.render(locale)));
            }
            Err(error) => return Err(told(error)),
        }
    }
}

fn parse_params(text: Option<&str>, locale: Locale) -> Result<Map<String, Value>, CliError> {
    let bad = |reason: String| CliError::usage(Message::new("control.bad_json").with("reason", reason).render(locale));
    match text.map(serde_json::from_str) {
        None => Ok(Map::new()),
        Some(Ok(Value::Object(params))) => Ok(params),
        Some(Ok(_)) => Err(bad("{}".into())),
        Some(Err(error)) => Err(bad(error.to_string())),
    }
}

/// A small file, or standard input for `-`.
fn read(path: &Path, locale: Locale) -> Result<String, CliError> {
    let mut text = String::new();
    let outcome = if path == Path::new("-") {
        std::io::stdin().lock().take(64 * 1024).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(64 * 1024).read_to_string(&mut text))
    };
    outcome.map(|_| text).map_err(|error| {
        let message = Message::new("control.cannot_read").with("path", path.display()).with("reason", error);
        CliError::failed(message.render(locale))
    })
}

fn tell(error: &ClientError, locale: Locale) -> String {
    let message = error.message();
    if let ClientError::Refused { message: reason, data: Some(data), .. } = error
        && let (Some(code), Some(text)) = (data.get("code"), data.get("message").and_then(Value::as_str))
        && !reason.contains(&code.to_string())
    {
        let message = Message::new("control.platform_said").with("message", message.render(locale));
        return message.with("code", code).with("text", text).render(locale);
    }
    message.render(locale)
}

fn soon(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after).unwrap_or(now + COMMAND)
}

/// Seconds with or without a fraction, up to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) | Err(_) => Err("write seconds, 0 to 86400".into()),
    }
}
