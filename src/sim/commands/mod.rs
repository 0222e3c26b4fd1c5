//! The command interface: what each command under `/interface/v2` does and answers (protocol `cti.md` 2.2 to 2.6).
//!
//! Here are the table of commands and what they share; `agent` signs in and sets states, `call` makes and ends calls,
//! `consult` brings others in, `monitor` is for supervisors, `office` is about breaks and predictive projects.

mod agent;
mod call;
mod consult;
mod monitor;
mod office;

use serde_json::{Value, json};

use super::{
    calls::{Call, Listening},
    state::{Rest, Session},
    tokens::Worth,
    world::World,
};
use crate::i18n::{Locale, Message};

/// Codes this platform answers with. 0, 5015, 34005, 40101, 40403 and 41005 are the vendor's (protocol `cti.md` 2.7); the others are
/// this platform's own.
pub(in crate::sim) mod code {
    pub const OK: i64 = 0;
    pub const BAD_REQUEST: i64 = 40001;
    pub const TOKEN_UNKNOWN: i64 = 40100;
    pub const SIGNED_IN_ALREADY: i64 = 40101;
    pub const TOKEN_EXPIRED: i64 = 40102;
    pub const TOKEN_OF_OTHER: i64 = 40103;
    pub const NOT_SIGNED_IN: i64 = 40401;
    pub const NOT_NOW: i64 = 40402;
    pub const NO_CHANGE: i64 = 40403;
    pub const NO_CALL: i64 = 40404;
    pub const PHONE: i64 = 40405;
    pub const CALLED_AWAY: i64 = 40406;
    pub const BAD_NUMBER: i64 = 40407;
    pub const NO_CUSTOMER: i64 = 40408;
    pub const QUEUE_UNKNOWN: i64 = 40409;
    pub const TENANT_UNKNOWN: i64 = 40410;
    pub const IVR_UNKNOWN: i64 = 40411;
    pub const NOBODY_WAITS: i64 = 40412;
    pub const NOT_SUPERVISOR: i64 = 40413;
    pub const NOT_ON_THE_LINE: i64 = 40414;
    pub const NOT_LISTENING: i64 = 40415;
    pub const NOT_OFFERED: i64 = 40499;
    pub const PROJECT_UNKNOWN: i64 = 41001;
    pub const PROJECT_OFF: i64 = 41002;
    pub const PROJECT_USED_UP: i64 = 41003;
    pub const IN_A_PROJECT: i64 = 41004;
    pub const NOT_IN_PROJECT: i64 = 41005;
    pub const NEEDS_APPROVAL: i64 = 34005;
    pub const NOTE: i64 = 5015;
}

/// An answer, still without a language.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// 0 or the reason why not.
    pub code: i64,
    message: Message,
    /// `data`; null stands for the message itself.
    pub data: Value,
}

impl Reply {
    pub(in crate::sim) fn ok() -> Self {
        Self::data(json!({}))
    }

    pub(in crate::sim) fn data(data: Value) -> Self {
        Self { code: code::OK, message: Message::new("sim.ok"), data }
    }

    /// Done, and there is something to tell, which clients take from `data`.
    pub(in crate::sim) fn note(message: Message) -> Self {
        Self { code: code::NOTE, message, data: Value::Null }
    }

    pub(in crate::sim) fn no(code: i64, message: Message) -> Self {
        Self { code, message, data: json!({}) }
    }

    /// The envelope on the wire.
    pub fn to_json(&self, locale: Locale) -> Value {
        let message = self.message.render(locale);
        let data = if self.data.is_null() { json!(message) } else { self.data.clone() };
        json!({"code": self.code, "message": message, "data": data})
    }
}

/// The result of a command, refusals on the left so that `?` reads well.
pub(in crate::sim) type Answer = Result<Reply, Reply>;

/// Who asks, as the token says.
///
/// # Errors
/// The refusal.
pub fn caller(world: &World, token: &str) -> Result<String, Reply> {
    match world.tokens.check(token) {
        Worth::Good { ag_no, .. } => Ok(ag_no),
        Worth::Expired => Err(Reply::no(code::TOKEN_EXPIRED, Message::new("sim.token_expired"))),
        Worth::Unknown => Err(Reply::no(code::TOKEN_UNKNOWN, Message::new("sim.token_unknown"))),
    }
}

/// Runs a command: `path` below the base, such as `agent/login`.
pub fn run(world: &mut World, path: &str, token: &str, body: &[u8]) -> Reply {
    answer(world, path, token, body).unwrap_or_else(|refusal| refusal)
}

fn answer(world: &mut World, path: &str, token: &str, body: &[u8]) -> Answer {
    let body: Value = serde_json::from_slice(body).map_err(|_| bad_field("JSON"))?;
    if path == "agent/check" {
        // The old token may have expired: the one in the body counts (protocol `cti.md` 8.28).
        return agent::check(world, &body);
    }
    let ag_no = caller(world, token)?;
    if body.get("agNo").and_then(Value::as_str) != Some(ag_no.as_str()) {
        let asked = body.get("agNo").and_then(Value::as_str).unwrap_or_default();
        return Err(Reply::no(code::TOKEN_OF_OTHER, Message::new("sim.token_of_other").with("agent", asked)));
    }
    let ag_no = ag_no.as_str();
    match path {
        "agent/rtcInfo" => agent::rtc_info(world, token, &body),
        "agent/login" => agent::login(world, ag_no, &body),
        "agent/logout" => agent::logout(world, ag_no),
        "agent/ready" => agent::set_rest(world, ag_no, Rest::Ready),
        "agent/busy" => office::busy(world, ag_no, &body),
        "agent/changeBindTel" => agent::change_phone(world, ag_no, &body),
        "agent/switchMode" => agent::switch_mode(world, ag_no, &body),
        "agent/busyReason" => Ok(agent::busy_reasons(world)),
        "agent/callerList" => Ok(agent::caller_list(world)),
        "agent/busyInfo" => Ok(office::restrictions(world)),
        "agent/agentPro" => Ok(office::projects(world, ag_no)),
        "agent/agentAtIn" => office::join(world, ag_no, &body),
        "agent/agentAtOut" => office::leave(world, ag_no),
        "agent/callOut" => call::call_out(world, ag_no, &body),
        "agent/callInner" => call::call_inner(world, ag_no, &body),
        "agent/callOutCancel" => call::cancel(world, ag_no),
        "agent/refuse" => call::refuse(world, ag_no),
        "agent/hangup" => call::hang_up(world, ag_no),
        "agent/hold" => call::hold(world, ag_no, true),
        "agent/unhold" => call::hold(world, ag_no, false),
        "agent/consultAg" => consult::consult_agent(world, ag_no, &body),
        "agent/consultTel" => consult::consult_tel(world, ag_no, &body),
        "agent/consultCancel" => consult::consult_return(world, ag_no),
        "agent/consultTransfer" => consult::consult_transfer(world, ag_no),
        "agent/consultThreeway" => consult::three_way(world, ag_no),
        "agent/consultThreewayReturn" => consult::three_way_return(world, ag_no),
        "agent/transferAg" => consult::transfer_agent(world, ag_no, &body),
        "agent/transferTel" => consult::transfer_tel(world, ag_no, &body),
        "agent/transferQueue" => consult::transfer_queue(world, ag_no, &body),
        "agent/transferIVR" => consult::transfer_ivr(world, ag_no, &body),
        "agent/transferEvaluate" => consult::evaluate(world, ag_no),
        "agent/interact" => consult::interact(world, ag_no, &body),
        "agent/takeOutQueue" => consult::take_out_of_queue(world, ag_no, &body),
        "manager/spy" => monitor::spy(world, ag_no, &body),
        "manager/whisper" => monitor::listen(world, ag_no, &body, Listening::Whisper),
        "manager/whisperCancel" => monitor::listen(world, ag_no, &body, Listening::WhisperNoMore),
        "manager/barge" => monitor::listen(world, ag_no, &body, Listening::Barge),
        "manager/disconnect" => monitor::disconnect(world, ag_no, &body),
        "agent/sendDTMF" => call::send_dtmf(world, ag_no, &body),
        other => Err(Reply::no(code::NOT_OFFERED, Message::new("sim.not_offered").with("path", other))),
    }
}

pub(in crate::sim) fn bad_field(field: &str) -> Reply {
    Reply::no(code::BAD_REQUEST, Message::new("sim.bad_json").with("field", field))
}

pub(in crate::sim) fn wrong_phase() -> Reply {
    Reply::no(code::NOT_NOW, Message::new("sim.not_in_this_phase"))
}

pub(in crate::sim) fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str, Reply> {
    body.get(field).and_then(Value::as_str).filter(|t| !t.is_empty()).ok_or_else(|| bad_field(field))
}

/// A whole number, also as a string: configured values go out as they are (protocol `cti.md` 2.2).
pub(in crate::sim) fn integer(body: &Value, field: &str) -> Option<i64> {
    let value = body.get(field)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

pub(in crate::sim) fn signed_in<'a>(world: &'a World, ag_no: &str) -> Result<&'a Session, Reply> {
    world
        .session(ag_no)
        .ok_or_else(|| Reply::no(code::NOT_SIGNED_IN, Message::new("sim.not_signed_in").with("agent", ag_no)))
}

pub(in crate::sim) fn session<'a>(world: &'a mut World, ag_no: &str) -> Result<&'a mut Session, Reply> {
    signed_in(world, ag_no)?;
    world
        .session_mut(ag_no)
        .ok_or_else(|| Reply::no(code::NOT_SIGNED_IN, Message::new("sim.not_signed_in").with("agent", ag_no)))
}

pub(in crate::sim) fn own_call<'a>(world: &'a World, ag_no: &str) -> Result<&'a Call, Reply> {
    signed_in(world, ag_no)?
        .call
        .and_then(|no| world.calls.get(&no))
        .ok_or_else(|| Reply::no(code::NO_CALL, Message::new("sim.no_call")))
}
