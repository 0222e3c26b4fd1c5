//! Commands of an agent without a call: phone, sign-in, states, lists (protocol `cti.md` 2.2, 2.3, 2.6).

use serde_json::{Value, json};

use super::reply::{Answer, Reply, bad_field, code, session, signed_in, text};
use crate::sim::json::integer;
use crate::{
    i18n::Message,
    sim::{
        session::SignIn,
        state::{Rest, Sta},
        tokens::Worth,
        world::World,
    },
};

pub(super) fn check(world: &World, body: &Value) -> Answer {
    match world.tokens.check(text(body, "token")?) {
        Worth::Good { expires, .. } => Ok(Reply::data(json!({"expires": expires}))),
        Worth::Expired => Err(Reply::no(code::TOKEN_EXPIRED, Message::new("sim.token_expired"))),
        Worth::Unknown => Err(Reply::no(code::TOKEN_UNKNOWN, Message::new("sim.token_unknown"))),
    }
}

fn phone_unknown(phone: &str) -> Reply {
    Reply::no(code::PHONE, Message::new("sim.phone_unknown").with("phone", phone))
}

pub(super) fn rtc_info(world: &World, token: &str, body: &Value) -> Answer {
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

pub(super) fn login(world: &mut World, ag_no: &str, body: &Value) -> Answer {
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

pub(super) fn change_phone(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let phone = text(body, "bindTel")?.to_owned();
    // Whether the phone is one in a browser: the switch sees by its registration.
    if body.get("isWebrtc").is_some_and(|w| !w.is_boolean() && !w.is_null()) {
        return Err(bad_field("isWebrtc"));
    }
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
pub(super) fn reason(world: &World, body: &Value) -> Result<Option<String>, Reply> {
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
pub(super) fn set_rest(world: &mut World, ag_no: &str, rest: Rest) -> Answer {
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

pub(super) fn logout(world: &mut World, ag_no: &str) -> Answer {
    signed_in(world, ag_no)?;
    world.sign_out(ag_no, true);
    Ok(Reply::ok())
}

pub(super) fn switch_mode(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let login_type = integer(body, "agType").filter(|t| (1..=2).contains(t));
    let login_type = login_type.ok_or_else(|| bad_field("agType"))?;
    session(world, ag_no)?.login_type = login_type as u8;
    Ok(Reply::ok())
}

pub(super) fn busy_reasons(world: &World) -> Reply {
    let reasons = world.scenario.reasons.iter();
    // Ids are strings, and equal to `Reason` (protocol `cti.md` 8.22).
    Reply::data(reasons.map(|r| json!({"id": r.id.to_string(), "stat_reason": r.name})).collect())
}

pub(super) fn caller_list(world: &World) -> Reply {
    let numbers = world.scenario.caller_numbers.iter();
    let numbers: Vec<Value> = numbers.map(|n| json!({"name": n, "value": n})).collect();
    Reply::data(json!({"num": numbers}))
}
