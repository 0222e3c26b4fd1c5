//! Commands of supervisors (protocol `cti.md` 2.5). Whispering and barging in need listening first; tearing down does not.

use serde_json::Value;

use super::{
    call::may_call,
    reply::{Answer, Reply, code, own_call, signed_in, text, wrong_phase},
};
use crate::{
    i18n::Message,
    sim::{calls::Listening, world::World},
};

fn supervisor(world: &World, ag_no: &str) -> Result<(), Reply> {
    signed_in(world, ag_no)?;
    if world.agent(ag_no).is_some_and(|a| a.entry.supervisor) {
        return Ok(());
    }
    Err(Reply::no(code::NOT_SUPERVISOR, Message::new("sim.not_supervisor").with("agent", ag_no)))
}

/// The call of an agent who can be listened to.
fn monitored(world: &World, ag_no: &str, of: &str) -> Result<u64, Reply> {
    let no = world.monitored_call(of).filter(|_| of != ag_no);
    no.ok_or_else(|| Reply::no(code::NOT_ON_THE_LINE, Message::new("sim.not_on_the_line").with("agent", of)))
}

pub(super) fn spy(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    supervisor(world, ag_no)?;
    let of = text(body, "monitoredAgNo")?.to_owned();
    may_call(world, ag_no)?;
    let no = monitored(world, ag_no, &of)?;
    world.spy(no, ag_no, &of);
    Ok(Reply::ok())
}

/// Whispers, stops, or barges in; a `monitoredAgNo` must be the agent listened to.
pub(super) fn listen(world: &mut World, ag_no: &str, body: &Value, wanted: Listening) -> Answer {
    supervisor(world, ag_no)?;
    let no = own_call(world, ag_no)?.no;
    let of = body.get("monitoredAgNo").and_then(Value::as_str).filter(|of| !of.is_empty());
    let spied_on = world.spied_on(no, ag_no);
    if spied_on.is_none() || of.is_some_and(|of| spied_on != Some(of)) {
        return Err(Reply::no(code::NOT_LISTENING, Message::new("sim.not_listening")));
    }
    if world.set_listening(no, ag_no, wanted) { Ok(Reply::ok()) } else { Err(wrong_phase()) }
}

pub(super) fn disconnect(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    supervisor(world, ag_no)?;
    let of = text(body, "monitoredAgNo")?.to_owned();
    let no = monitored(world, ag_no, &of)?;
    world.tear_down(no, &of);
    Ok(Reply::ok())
}
