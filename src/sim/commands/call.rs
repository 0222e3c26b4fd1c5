//! Commands that make, answer and end calls (protocol `cti.md` 2.2, 2.4).

use serde_json::Value;

use super::reply::{Answer, Reply, bad_field, code, own_call, signed_in, text, wrong_phase};
use crate::sim::json::integer;
use crate::{
    domain::clean_number,
    i18n::Message,
    sim::{
        calls::{Kind, Role},
        state::Sta,
        world::World,
    },
};

/// Whether an agent may make a call now: ready, busy or in wrap-up, where the bar offers it (protocol `phone-bar.md`
/// 3.1), phone registered.
pub(super) fn may_call(world: &World, ag_no: &str) -> Result<(), Reply> {
    match signed_in(world, ag_no)?.sta {
        Sta::Ready | Sta::Busy | Sta::WrapUp => {}
        Sta::Initial | Sta::Occupied => {
            return Err(Reply::no(code::NOT_NOW, Message::new("sim.not_now")));
        }
    }
    if world.phone_ready(ag_no) { Ok(()) } else { Err(Reply::no(code::PHONE, Message::new("sim.phone_away"))) }
}

pub(super) fn caller_id(world: &World, body: &Value) -> Result<Option<String>, Reply> {
    let Some(shown) = body.get("callerID").and_then(Value::as_str).filter(|c| !c.is_empty()) else { return Ok(None) };
    if world.scenario.caller_numbers.iter().any(|n| n == shown) {
        return Ok(Some(shown.to_owned()));
    }
    Err(Reply::no(code::BAD_NUMBER, Message::new("sim.caller_unknown").with("number", shown)))
}

/// A number that can be called.
pub(super) fn number_in(body: &Value, field: &str) -> Result<String, Reply> {
    let tel = text(body, field)?;
    clean_number(tel).map_err(|_| Reply::no(code::BAD_NUMBER, Message::new("sim.bad_number").with("number", tel)))
}

pub(super) fn call_out(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let number = number_in(body, "tel")?;
    let shown = caller_id(world, body)?;
    may_call(world, ag_no)?;
    world.dial_out(ag_no, &number, shown, integer(body, "queueId"));
    Ok(Reply::ok())
}

pub(super) fn call_inner(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let called = text(body, "calledAgNo")?.to_owned();
    may_call(world, ag_no)?;
    if called == ag_no || !world.can_be_called(&called) {
        return Err(Reply::no(code::CALLED_AWAY, Message::new("sim.agent_away").with("agent", called)));
    }
    world.dial_inner(ag_no, &called);
    Ok(Reply::ok())
}

pub(super) fn hold(world: &mut World, ag_no: &str, hold: bool) -> Answer {
    let no = own_call(world, ag_no)?.no;
    if world.set_hold(no, ag_no, hold) { Ok(Reply::ok()) } else { Err(wrong_phase()) }
}

pub(super) fn send_dtmf(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let digits = text(body, "digits")?;
    if !digits.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D' | 'a'..='d')) {
        return Err(bad_field("digits"));
    }
    let call = own_call(world, ag_no)?;
    if !call.phase.is_connected() || call.leg(ag_no).is_none_or(|l| l.role != Role::Main) {
        return Err(wrong_phase());
    }
    let no = call.no;
    if let Some(call) = world.calls.get_mut(&no) {
        call.digits.push_str(digits);
    }
    Ok(Reply::ok())
}

pub(super) fn cancel(world: &mut World, ag_no: &str) -> Answer {
    let call = own_call(world, ag_no)?;
    let made_here = call.legs.first().is_some_and(|l| l.ag_no == ag_no) && call.kind != Kind::Inbound;
    if call.phase.is_connected() || !made_here {
        return Err(wrong_phase());
    }
    let no = call.no;
    world.end_call(no, Some(ag_no));
    Ok(Reply::ok())
}

pub(super) fn refuse(world: &mut World, ag_no: &str) -> Answer {
    let call = own_call(world, ag_no)?;
    if call.pho_sta(ag_no) != Some(5) {
        return Err(wrong_phase());
    }
    let no = call.no;
    world.hang_up(no, ag_no);
    Ok(Reply::ok())
}

pub(super) fn hang_up(world: &mut World, ag_no: &str) -> Answer {
    let call = own_call(world, ag_no)?;
    let no = call.no;
    world.hang_up(no, ag_no);
    Ok(Reply::ok())
}
