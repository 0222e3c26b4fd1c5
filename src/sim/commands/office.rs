//! Commands about breaks and predictive projects (protocol `cti.md` 2.2).

use serde_json::Value;

use super::{
    agent,
    reply::{Answer, Reply, bad_field, code, signed_in},
};
use crate::sim::json::integer;
use crate::{
    i18n::Message,
    sim::{state::Rest, world::World},
};

/// Busy; with `ischk` 1 only if the reason needs no approval now.
pub(super) fn busy(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    let reason = agent::reason(world, body)?;
    signed_in(world, ag_no)?;
    let id = integer(body, "reason");
    let checked = id.filter(|_| integer(body, "ischk") == Some(1));
    let note = match checked {
        Some(id) => world.leave_to_be_busy(ag_no, id).map_err(|why| Reply::no(code::NEEDS_APPROVAL, why))?,
        None => None,
    };
    let reply = agent::set_rest(world, ag_no, Rest::Busy(reason))?;
    if let Some(id) = checked {
        world.break_taken(ag_no, id);
    }
    Ok(note.map_or(reply, Reply::note))
}

pub(super) fn restrictions(world: &World) -> Reply {
    Reply::data(world.restriction_list())
}

pub(super) fn projects(world: &World, ag_no: &str) -> Reply {
    Reply::data(world.project_list(ag_no))
}

pub(super) fn join(world: &mut World, ag_no: &str, body: &Value) -> Answer {
    signed_in(world, ag_no)?;
    let id = integer(body, "proID").ok_or_else(|| bad_field("proID"))?;
    world.join_project(ag_no, id)?;
    Ok(Reply::ok())
}

pub(super) fn leave(world: &mut World, ag_no: &str) -> Answer {
    signed_in(world, ag_no)?;
    if world.leave_project(ag_no) {
        Ok(Reply::ok())
    } else {
        Err(Reply::no(code::NOT_IN_PROJECT, Message::new("sim.not_in_project")))
    }
}
