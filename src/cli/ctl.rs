//! `ctl`: drive a running phone bar through its control socket.
//!
//! `words` are its words, `request` says what each asks, `reach` finds the phone bar, `follow` waits and prints events,
//! `lists` prints lists, `devices` sound devices.

mod devices;
mod follow;
mod lists;
mod reach;
mod request;
mod words;

use serde_json::{Map, Value};

use self::reach::{COMMAND, QUESTION, failed, socket, soon};
pub use self::words::{CtlArgs, Word};
use super::{
    CliError, Global,
    output::{print, print_json},
};
use crate::{
    control::{
        client::{Client, ClientError},
        status,
    },
    i18n::{Locale, Message},
};

/// Does one word.
///
/// # Errors
/// Refused, timed out, or no phone bar: exit code 1.
pub fn run(args: &CtlArgs, global: &Global) -> Result<(), CliError> {
    let locale = global.language();
    let failed = |error: ClientError| failed(&error, locale);
    match &args.word {
        Word::Status { json } => {
            let status = connect(global)?.call("status", Map::new(), soon(QUESTION)).map_err(failed)?;
            if *json { print_json(&status.to_string()) } else { print(&status::to_text(&status, locale)) }
        }
        Word::Events { json, count, timeout, until } => {
            follow::events(connect(global)?, *json, *count, *timeout, until.as_deref(), locale)
        }
        Word::Wait { condition, timeout } => follow::wait(global, *condition, *timeout, locale),
        Word::Agents { .. } | Word::Queue { .. } | Word::Projects { .. } | Word::Journal { .. } => {
            let list = lists::List::of(&args.word);
            let answer = connect(global)?.call(list.method(), list.params(), soon(COMMAND)).map_err(failed)?;
            list.print(&answer, locale)
        }
        Word::Devices { input, output, ring, json } => {
            let mut client = connect(global)?;
            let wish = [("input", input), ("output", output), ("ring", ring)];
            let wish: Map<String, Value> = wish
                .into_iter()
                .filter_map(|(name, value)| value.as_ref().map(|value| (name.to_owned(), value.as_str().into())))
                .collect();
            if !wish.is_empty() {
                client.call("devices.set", wish, soon(COMMAND)).map_err(failed)?;
            }
            let answer = client.call("devices", Map::new(), soon(QUESTION)).map_err(failed)?;
            if *json { print_json(&answer.to_string()) } else { print(&devices::shown(&answer, locale)) }
        }
        Word::Call { method, params } => {
            let params = parse_params(params.as_deref(), locale)?;
            let result = connect(global)?.call(method, params, soon(COMMAND)).map_err(failed)?;
            print_json(&result.to_string())
        }
        Word::Do(act) => {
            let (method, params) = request::request(act, locale)?;
            let params = params.as_object().cloned().unwrap_or_default();
            connect(global)?.call(method, params, soon(COMMAND)).map(|_| ()).map_err(failed)
        }
    }
}

fn connect(global: &Global) -> Result<Client, CliError> {
    socket(global).and_then(|path| Client::connect(&path)).map_err(|error| failed(&error, global.language()))
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
