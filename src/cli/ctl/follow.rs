//! Events as they come, and waiting for a condition.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::reach::{QUESTION, failed, socket, soon};
use crate::{
    cli::{
        CliError, Global,
        output::{print, print_json},
    },
    control::{
        client::{Client, ClientError},
        condition::Condition,
    },
    i18n::{Locale, Message},
};

/// How often a phone bar that is still starting is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(15);

pub(super) fn events(
    mut client: Client,
    as_json: bool,
    count: Option<u64>,
    timeout: Option<Duration>,
    until: Option<&str>,
    locale: Locale,
) -> Result<(), CliError> {
    let failed = |error: ClientError| failed(&error, locale);
    let deadline = timeout.map(soon);
    let params = json!({"events": ["all"]}).as_object().cloned().unwrap_or_default();
    client.call("Event.subscribe", params, soon(QUESTION)).map_err(failed)?;
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
            Err(error) => return Err(failed(error)),
        };
        seen += 1;
        let word = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        if as_json {
            print_json(&event.to_string())?;
        } else {
            print(format!("{}  {}  {}", word("time"), word("eventName"), word("status")).trim_end())?;
        }
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

pub(super) fn wait(global: &Global, condition: Condition, timeout: Duration, locale: Locale) -> Result<(), CliError> {
    let failed = |error: ClientError| failed(&error, locale);
    let deadline = soon(timeout);
    let mut client = loop {
        match socket(global).and_then(|path| Client::connect(&path)) {
            Ok(client) => break client,
            // Several phone bars do not become one by waiting.
            Err(error @ ClientError::Several { .. }) => return Err(failed(error)),
            Err(error) if Instant::now() >= deadline => return Err(failed(error)),
            Err(_) => std::thread::sleep(LOOK_AGAIN),
        }
    };
    // Even with no time at all, what is so already is found out.
    client.call("status.watch", Map::new(), soon(timeout.max(QUESTION))).map_err(failed)?;
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
            Err(error) => return Err(failed(error)),
        }
    }
}
