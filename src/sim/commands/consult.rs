//! Commands of an agent who serves a customer and needs somebody else: consulting, transfers, voice menus, and taking a
//! customer out of a queue (protocol `cti.md` 2.2, 2.4).

use serde_json::Value;

use super::{
    call::{caller_id, may_call, number_in},
    reply::{Answer, Reply, code, own_call, text, wrong_phase},
};
use crate::sim::json::integer;
use crate::{
    i18n::Message,
    sim::{
        calls::{Goodbye, Phase, Role},
        scenario::{IvrEntry, PartnerGroup},
        world::World,
    },
};

/// The call of an agent who serves a customer, in conversation or on hold.
fn customers_call(world: &World, ag_no: &str) -> Result<u64, Reply> {
    let call = own_call(world, ag_no)?;
    if call.customer.is_none() {
        return Err(Reply::no(code::NO_CUSTOMER, Message::new("sim.no_customer")));
    }
    if world.may_pass_on(call.no, ag_no) { Ok(call.no) } else { Err(wrong_phase()) }
}

/// The call of the agent who has consulted somebody, if it stands at one of these phases.
fn consulting_call(world: &World, ag_no: &str, phases: &[Phase]) -> Result<u64, Reply> {
    let call = own_call(world, ag_no)?;
    let consults = call.leg(ag_no).is_some_and(|l| l.role == Role::Main) && phases.contains(&call.phase);
    if consults { Ok(call.no) } else { Err(wrong_phase()) }
}

/// Another agent who can be called.
fn other_agent(world: &World, ag_no: &str, body: &Value, field: &str) -> Result<String, Reply> {
    let other = text(body, field)?;
    if other == ag_no || !world.can_be_called(other) {
        return Err(Reply::no(code::CALLED_AWAY, Message::new("sim.agent_away").with("agent", other)));
    }
    Ok(other.to_owned())
}

pub(super) fn consult_agent(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    caller_id(world, body)?;
    let no = customers_call(world, ag_no)?;
    let consulted = other_agent(world, ag_no, body, "consultAgNo")?;
    world.consult_agent(no, ag_no, &consulted);
    Ok(Reply::ok())
}

pub(super) fn consult_tel(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let number = number_in(body, "consultTel")?;
    caller_id(world, body)?;
    let no = customers_call(world, ag_no)?;
    world.consult_tel(no, &number);
    Ok(Reply::ok())
}

pub(super) fn consult_return(world: &mut World, ag_no: &str) -> Answer {
    let no = consulting_call(world, ag_no, &[Phase::ConsultOut, Phase::Consulting])?;
    world.consult_over(no, 23, &[0], Goodbye::Now);
    Ok(Reply::ok())
}

pub(super) fn consult_transfer(world: &mut World, ag_no: &str) -> Answer {
    let no = consulting_call(world, ag_no, &[Phase::Consulting])?;
    world.consult_transfer(no);
    Ok(Reply::ok())
}

pub(super) fn three_way(world: &mut World, ag_no: &str) -> Answer {
    let no = consulting_call(world, ag_no, &[Phase::Consulting])?;
    world.three_way(no);
    Ok(Reply::ok())
}

pub(super) fn three_way_return(world: &mut World, ag_no: &str) -> Answer {
    let no = consulting_call(world, ag_no, &[Phase::ThreeWay])?;
    world.consult_over(no, 26, &[0], Goodbye::Now);
    Ok(Reply::ok())
}

pub(super) fn transfer_agent(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let no = customers_call(world, ag_no)?;
    let to = other_agent(world, ag_no, body, "transferAgNo")?;
    world.transfer_agent(no, &to);
    Ok(Reply::ok())
}

pub(super) fn transfer_tel(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let number = number_in(body, "transferTel")?;
    caller_id(world, body)?;
    let no = customers_call(world, ag_no)?;
    world.transfer_tel(no, &number);
    Ok(Reply::ok())
}

pub(super) fn transfer_queue(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let no = customers_call(world, ag_no)?;
    let tenant = integer(body, "transVcc").unwrap_or(0);
    if tenant != 0 && u64::try_from(tenant) != Ok(world.scenario.vcc_id) {
        let queue = integer(body, "queueId");
        let partner = |g: &&PartnerGroup| Some(g.id) == queue && u64::try_from(tenant) == Ok(g.vcc_id);
        if let Some(group) = world.scenario.partner_groups.iter().find(partner) {
            // Who answers there is outside this platform.
            let outside = format!("{}-{}", group.vcc_id, group.id);
            world.transfer_tel(no, &outside);
            return Ok(Reply::ok());
        }
        return Err(Reply::no(code::TENANT_UNKNOWN, Message::new("sim.tenant_unknown").with("tenant", tenant)));
    }
    let queue = known_queue(world, integer(body, "queueId").unwrap_or(0))?;
    world.transfer_queue(no, queue);
    Ok(Reply::ok())
}

fn known_queue(world: &World, queue: i64) -> Result<i64, Reply> {
    match world.scenario.group_name(queue) {
        Some(_) => Ok(queue),
        None => Err(Reply::no(code::QUEUE_UNKNOWN, Message::new("sim.queue_unknown").with("queue", queue))),
    }
}

fn ivr(world: &World, body: &Value) -> Result<IvrEntry, Reply> {
    let wanted = text(body, "ivrCode")?;
    let known = world.scenario.ivrs.iter().find(|i| i.code == wanted).cloned();
    known.ok_or_else(|| Reply::no(code::IVR_UNKNOWN, Message::new("sim.ivr_unknown").with("ivr", wanted)))
}

pub(super) fn transfer_ivr(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let (ivr, node) = (ivr(world, body)?, text(body, "ivrNode")?);
    if !ivr.nodes.is_empty() && !ivr.nodes.iter().any(|n| n == node) {
        let unknown = Message::new("sim.ivr_node_unknown").with("ivr", ivr.code).with("node", node);
        return Err(Reply::no(code::IVR_UNKNOWN, unknown));
    }
    if let Some(tenant) = integer(body, "vccId").filter(|t| u64::try_from(*t) != Ok(world.scenario.vcc_id)) {
        return Err(Reply::no(code::TENANT_UNKNOWN, Message::new("sim.tenant_unknown").with("tenant", tenant)));
    }
    let no = customers_call(world, ag_no)?;
    world.transfer_ivr(no, &ivr);
    Ok(Reply::ok())
}

pub(super) fn evaluate(world: &mut World, ag_no: &str) -> Answer {
    let no = customers_call(world, ag_no)?;
    world.transfer_evaluate(no);
    Ok(Reply::ok())
}

pub(super) fn interact(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let ivr = ivr(world, body)?;
    let no = customers_call(world, ag_no)?;
    if world.calls.get(&no).is_none_or(|c| c.phase != Phase::Talking) {
        return Err(wrong_phase());
    }
    world.interact(no, &ivr);
    Ok(Reply::ok())
}

/// The vendor's client passes on whatever its user gives; here a waiting customer is named by `callId`, by number
/// (`number` or `incomingCallNum`) or by skill group (`queueId`), and is the one who waits longest of those.
pub(super) fn take_out_of_queue(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    may_call(world, ag_no)?;
    let named = |field: &str| body.get(field).and_then(Value::as_str).filter(|t| !t.is_empty());
    let (id, number) = (named("callId"), named("number").or_else(|| named("incomingCallNum")));
    let queue = integer(body, "queueId").filter(|q| *q != 0).map(|q| known_queue(world, q)).transpose()?;
    let found = world.waiting().into_iter().find(|w| {
        id.is_none_or(|id| id == w.call_id)
            && number.is_none_or(|number| number == w.number)
            && queue.is_none_or(|queue| Some(queue) == w.queue)
    });
    let no = found.and_then(|w| world.calls.values().find(|c| c.id == w.call_id).map(|c| c.no));
    let no = no.ok_or_else(|| Reply::no(code::NOBODY_WAITS, Message::new("sim.nobody_waits")))?;
    world.take_out_of_queue(no, ag_no);
    Ok(Reply::ok())
}
