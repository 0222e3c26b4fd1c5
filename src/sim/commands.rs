//! The command interface: what each command under `/interface/v2` does and answers (protocol `cti.md` 2.2 to 2.6).

use serde_json::{Value, json};

use super::{
    session::SignIn,
    state::{Call, Kind, Phase, Rest, Session, Sta},
    tokens::Worth,
    world::World,
};
use crate::{
    domain::clean_number,
    i18n::{Locale, Message},
};

/// Codes this platform answers with. 0, 40101, 40403 and 41005 are the vendor's (protocol `cti.md` 2.7); the others are
/// this platform's own.
mod code {
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
    pub const NOT_OFFERED: i64 = 40499;
    pub const NOT_IN_PROJECT: i64 = 41005;
}

/// An answer, still without a language.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// 0 or the reason why not.
    pub code: i64,
    message: Message,
    /// `data`.
    pub data: Value,
}

impl Reply {
    fn ok() -> Self {
        Self::data(json!({}))
    }

    fn data(data: Value) -> Self {
        Self { code: code::OK, message: Message::new("sim.ok"), data }
    }

    fn no(code: i64, message: Message) -> Self {
        Self { code, message, data: json!({}) }
    }

    /// The envelope on the wire.
    pub fn to_json(&self, locale: Locale) -> Value {
        json!({"code": self.code, "message": self.message.render(locale), "data": self.data})
    }
}

/// The result of a command, refusals on the left so that `?` reads well.
type Answer = Result<Reply, Reply>;

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
        return check(world, &body);
    }
    let ag_no = caller(world, token)?;
    if body.get("agNo").and_then(Value::as_str) != Some(ag_no.as_str()) {
        let asked = body.get("agNo").and_then(Value::as_str).unwrap_or_default();
        return Err(Reply::no(code::TOKEN_OF_OTHER, Message::new("sim.token_of_other").with("agent", asked)));
    }
    let ag_no = ag_no.as_str();
    match path {
        "agent/rtcInfo" => rtc_info(world, token, &body),
        "agent/login" => login(world, ag_no, &body),
        "agent/logout" => {
            signed_in(world, ag_no)?;
            world.sign_out(ag_no, true);
            Ok(Reply::ok())
        }
        "agent/ready" => set_rest(world, ag_no, Rest::Ready),
        "agent/busy" => {
            let reason = reason(world, &body)?;
            set_rest(world, ag_no, Rest::Busy(reason))
        }
        "agent/changeBindTel" => change_phone(world, ag_no, &body),
        "agent/switchMode" => {
            let login_type = integer(&body, "agType").filter(|t| (1..=2).contains(t));
            let login_type = login_type.ok_or_else(|| bad_field("agType"))?;
            session(world, ag_no)?.login_type = login_type as u8;
            Ok(Reply::ok())
        }
        "agent/callOut" => call_out(world, ag_no, &body),
        "agent/callInner" => call_inner(world, ag_no, &body),
        "agent/callOutCancel" => {
            let call = own_call(world, ag_no)?;
            let made_here = call.legs.first().is_some_and(|l| l.ag_no == ag_no) && call.kind != Kind::Inbound;
            if call.phase.is_connected() || !made_here {
                return Err(wrong_phase());
            }
            let no = call.no;
            world.end_call(no, Some(ag_no));
            Ok(Reply::ok())
        }
        "agent/refuse" => {
            let call = own_call(world, ag_no)?;
            if call.pho_sta(ag_no) != Some(5) {
                return Err(wrong_phase());
            }
            let no = call.no;
            world.refuse_call(no, ag_no);
            Ok(Reply::ok())
        }
        "agent/hangup" => {
            let call = own_call(world, ag_no)?;
            let (no, rings) = (call.no, call.phase == Phase::Ringing);
            if rings {
                world.refuse_call(no, ag_no)
            } else {
                world.end_call(no, Some(ag_no))
            }
            Ok(Reply::ok())
        }
        "agent/hold" => hold(world, ag_no, true),
        "agent/unhold" => hold(world, ag_no, false),
        "agent/sendDTMF" => send_dtmf(world, ag_no, &body),
        "agent/busyReason" => {
            let reasons = world.scenario.reasons.iter();
            // Ids are strings, and equal to `Reason` (protocol `cti.md` 8.22).
            Ok(Reply::data(reasons.map(|r| json!({"id": r.id.to_string(), "stat_reason": r.name})).collect()))
        }
        "agent/callerList" => {
            let numbers = world.scenario.caller_numbers.iter();
            let numbers: Vec<Value> = numbers.map(|n| json!({"name": n, "value": n})).collect();
            Ok(Reply::data(json!({"num": numbers})))
        }
        "agent/agentPro" => {
            let projects = world.scenario.projects.iter();
            let projects = projects.map(|p| {
                json!({
                    "pro_id": p.id, "pro_name": p.name, "pro_state": "1",
                    "agent_connected_limit": p.connected_limit, "agent_connected_current": 0,
                })
            });
            Ok(Reply::data(projects.collect()))
        }
        "agent/busyInfo" => Ok(Reply::data(json!([]))),
        "agent/agentAtOut" => Err(Reply::no(code::NOT_IN_PROJECT, Message::new("sim.not_in_project"))),
        other => Err(Reply::no(code::NOT_OFFERED, Message::new("sim.not_offered").with("path", other))),
    }
}

fn bad_field(field: &str) -> Reply {
    Reply::no(code::BAD_REQUEST, Message::new("sim.bad_json").with("field", field))
}

fn wrong_phase() -> Reply {
    Reply::no(code::NOT_NOW, Message::new("sim.not_in_this_phase"))
}

fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str, Reply> {
    body.get(field).and_then(Value::as_str).filter(|t| !t.is_empty()).ok_or_else(|| bad_field(field))
}

/// A whole number, also as a string: configured values go out as they are (protocol `cti.md` 2.2).
fn integer(body: &Value, field: &str) -> Option<i64> {
    let value = body.get(field)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn signed_in<'a>(world: &'a World, ag_no: &str) -> Result<&'a Session, Reply> {
    world
        .session(ag_no)
        .ok_or_else(|| Reply::no(code::NOT_SIGNED_IN, Message::new("sim.not_signed_in").with("agent", ag_no)))
}

fn session<'a>(world: &'a mut World, ag_no: &str) -> Result<&'a mut Session, Reply> {
    signed_in(world, ag_no)?;
    world
        .session_mut(ag_no)
        .ok_or_else(|| Reply::no(code::NOT_SIGNED_IN, Message::new("sim.not_signed_in").with("agent", ag_no)))
}

fn own_call<'a>(world: &'a World, ag_no: &str) -> Result<&'a Call, Reply> {
    signed_in(world, ag_no)?
        .call
        .and_then(|no| world.calls.get(&no))
        .ok_or_else(|| Reply::no(code::NO_CALL, Message::new("sim.no_call")))
}

fn check(world: &World, body: &Value) -> Answer {
    match world.tokens.check(text(body, "token")?) {
        Worth::Good { expires, .. } => Ok(Reply::data(json!({"expires": expires}))),
        Worth::Expired => Err(Reply::no(code::TOKEN_EXPIRED, Message::new("sim.token_expired"))),
        Worth::Unknown => Err(Reply::no(code::TOKEN_UNKNOWN, Message::new("sim.token_unknown"))),
    }
}

fn phone_unknown(phone: &str) -> Reply {
    Reply::no(code::PHONE, Message::new("sim.phone_unknown").with("phone", phone))
}

fn rtc_info(world: &World, token: &str, body: &Value) -> Answer {
    let phone = text(body, "phoNum")?;
    let password = world.phones.get(phone).ok_or_else(|| phone_unknown(phone))?;
    let expires = match world.tokens.check(token) {
        Worth::Good { expires, .. } => expires,
        Worth::Expired | Worth::Unknown => 0,
    };
    Ok(Reply::data(json!({
        "vccCode": world.scenario.vcc_code, "vccId": world.scenario.vcc_id, "phopass": password, "expires": expires,
    })))
}

/// Whether this agent may use this phone.
fn free_phone(world: &World, ag_no: &str, phone: &str) -> Result<(), Reply> {
    if !world.phones.contains_key(phone) {
        return Err(phone_unknown(phone));
    }
    let user = world.agents.iter().find(|a| a.session.as_ref().is_some_and(|s| s.bind_tel == phone));
    match user.filter(|a| a.entry.ag_no != ag_no) {
        None => Ok(()),
        Some(other) => {
            let taken = Message::new("sim.phone_taken").with("phone", phone).with("agent", &other.entry.ag_no);
            Err(Reply::no(code::PHONE, taken))
        }
    }
}

fn login(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let bind_tel = text(body, "bindTel")?.to_owned();
    let login_type = integer(body, "loginType").unwrap_or(1);
    let state = integer(body, "state").unwrap_or(1);
    if !(1..=2).contains(&login_type) {
        return Err(bad_field("loginType"));
    }
    if !(0..=2).contains(&state) {
        return Err(bad_field("state"));
    }
    if let Some(data) = world.sign_in_data(ag_no) {
        let message = Message::new("sim.signed_in_already").with("agent", ag_no);
        return Err(Reply { code: code::SIGNED_IN_ALREADY, message, data });
    }
    free_phone(world, ag_no, &bind_tel)?;
    let wanted = SignIn { bind_tel, login_type: login_type as u8, state: state as u8 };
    Ok(Reply::data(world.sign_in(ag_no, &wanted)))
}

fn change_phone(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let phone = text(body, "bindTel")?.to_owned();
    let sta = signed_in(world, ag_no)?.sta;
    if sta == Sta::Occupied {
        return Err(Reply::no(code::NOT_NOW, Message::new("sim.not_now")));
    }
    free_phone(world, ag_no, &phone)?;
    session(world, ag_no)?.bind_tel = phone;
    world.dispatch();
    Ok(Reply::ok())
}

/// The reason of a busy command: none, a number or a numeric string, and one that exists. Up to 10 is built in.
fn reason(world: &World, body: &Value) -> Result<Option<String>, Reply> {
    if body.get("reason").is_none_or(Value::is_null) {
        return Ok(None);
    }
    let id = integer(body, "reason").ok_or_else(|| bad_field("reason"))?;
    if !(1..=10).contains(&id) && !world.scenario.reasons.iter().any(|r| r.id == id) {
        return Err(Reply::no(code::BAD_REQUEST, Message::new("sim.reason_unknown").with("reason", id)));
    }
    Ok(Some(id.to_string()))
}

/// Ready or busy: at once, or after the call.
fn set_rest(world: &mut World, ag_no: &str, rest: Rest) -> Answer {
    let session = session(world, ag_no)?;
    let same = session.rest == rest;
    session.rest = rest;
    match session.sta {
        Sta::Occupied => return Ok(Reply::ok()),
        Sta::Ready | Sta::Busy if same => {
            return Err(Reply::no(code::NO_CHANGE, Message::new("sim.no_change")));
        }
        Sta::Initial | Sta::Ready | Sta::Busy | Sta::WrapUp => {}
    }
    world.rest(ag_no);
    Ok(Reply::ok())
}

/// Whether an agent may make a call now: ready, busy or in wrap-up, where the bar offers it (protocol `phone-bar.md`
/// 3.1), phone registered.
fn may_call(world: &World, ag_no: &str) -> Result<(), Reply> {
    match signed_in(world, ag_no)?.sta {
        Sta::Ready | Sta::Busy | Sta::WrapUp => {}
        Sta::Initial | Sta::Occupied => {
            return Err(Reply::no(code::NOT_NOW, Message::new("sim.not_now")));
        }
    }
    if world.phone_ready(ag_no) { Ok(()) } else { Err(Reply::no(code::PHONE, Message::new("sim.phone_away"))) }
}

fn caller_id(world: &World, body: &Value) -> Result<Option<String>, Reply> {
    let Some(shown) = body.get("callerID").and_then(Value::as_str).filter(|c| !c.is_empty()) else { return Ok(None) };
    if world.scenario.caller_numbers.iter().any(|n| n == shown) {
        return Ok(Some(shown.to_owned()));
    }
    Err(Reply::no(code::BAD_NUMBER, Message::new("sim.caller_unknown").with("number", shown)))
}

fn call_out(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let tel = text(body, "tel")?;
    let number = clean_number(tel)
        .map_err(|_| Reply::no(code::BAD_NUMBER, Message::new("sim.bad_number").with("number", tel)))?;
    let shown = caller_id(world, body)?;
    may_call(world, ag_no)?;
    world.dial_out(ag_no, &number, shown, integer(body, "queueId"));
    Ok(Reply::ok())
}

fn call_inner(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let called = text(body, "calledAgNo")?.to_owned();
    may_call(world, ag_no)?;
    if called == ag_no || !world.can_be_called(&called) {
        return Err(Reply::no(code::CALLED_AWAY, Message::new("sim.agent_away").with("agent", called)));
    }
    world.dial_inner(ag_no, &called);
    Ok(Reply::ok())
}

fn hold(world: &mut World, ag_no: &str, hold: bool) -> Answer {
    let no = own_call(world, ag_no)?.no;
    if world.set_hold(no, hold) { Ok(Reply::ok()) } else { Err(wrong_phase()) }
}

fn send_dtmf(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let digits = text(body, "digits")?;
    if !digits.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D' | 'a'..='d')) {
        return Err(bad_field("digits"));
    }
    let call = own_call(world, ag_no)?;
    if !call.phase.is_connected() {
        return Err(wrong_phase());
    }
    let no = call.no;
    if let Some(call) = world.calls.get_mut(&no) {
        call.digits.push_str(digits);
    }
    Ok(Reply::ok())
}
