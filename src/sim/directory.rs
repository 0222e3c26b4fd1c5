//! The look-ups of the directory and the queue's figures (protocol `cti.md` 2.8 to 2.10): answers as JavaScript, or JSON
//! without a callback.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{customers::ArrivalState, json::integer, state::Sta, world::World};
use crate::i18n::{Locale, Message};

/// Done, in the look-ups and the queue's figures.
const OK: i64 = 200;
/// Done, in the plan of the day.
const WORKTIME_OK: i64 = 1000;
const UNKNOWN_ENTERPRISE: i64 = 402;
const UNKNOWN_LOOK_UP: i64 = 404;
const UNKNOWN_AGENT: i64 = 405;

/// Answers a look-up: `path` is the whole path.
pub fn look_up(world: &World, path: &str, query: &HashMap<String, String>, locale: Locale) -> Value {
    let no = |code, key| json!({"code": code, "message": Message::new(key).render(locale), "data": []});
    if query.get("vcc_code").is_some_and(|code| *code != world.scenario.vcc_code) {
        return no(UNKNOWN_ENTERPRISE, "sim.enterprise_unknown");
    }
    let data = match path {
        "/v2/wintelapi/api/jsonp/agent" => agent(world, query.get("ag_num").map_or("", String::as_str)),
        "/v2/wintelapi/api/jsonp/queue/list" => Some(queues(world)),
        "/v2/wintelapi/api/agent/free" | "/token/jsonp/get/free/agent" => Some(free(world)),
        "/v2/wintelapi/api/agent/ontheline" => Some(on_the_line(world)),
        "/v2/wintelapi/api/jsonp/consultouter" => {
            let outside = world.scenario.outside.iter();
            Some(outside.map(|o| json!({"name": o.name, "tel": o.tel})).collect())
        }
        _ => return no(UNKNOWN_LOOK_UP, "sim.look_up_unknown"),
    };
    match data {
        Some(data) => json!({"code": OK, "message": Message::new("sim.ok").render(locale), "data": data}),
        None => no(UNKNOWN_AGENT, "sim.agent_unknown"),
    }
}

fn agent(world: &World, ag_no: &str) -> Option<Value> {
    let agent = world.agent(ag_no)?;
    let groups = agent.entry.groups.iter();
    let groups: Vec<Value> = groups.map(|id| json!({"id": id.to_string(), "que_name": group(world, *id)})).collect();
    Some(json!({
        "id": agent.id, "ag_num": agent.entry.ag_no, "ag_name": agent.entry.name,
        "vcc_id": world.scenario.vcc_id, "pho_num": agent.entry.phone, "que": groups,
    }))
}

/// The tenant's own groups, then its partners'. Ids of the list are strings, `QueId` is a number (protocol `cti.md` 4.3).
fn queues(world: &World) -> Value {
    let own = world.scenario.groups.iter().map(|g| (g.id, &g.name, world.scenario.vcc_id));
    let partners = world.scenario.partner_groups.iter().map(|g| (g.id, &g.name, g.vcc_id));
    let all = own.chain(partners);
    all.map(|(id, name, vcc_id)| json!({"id": id.to_string(), "que_name": name, "vcc_id": vcc_id})).collect()
}

/// Agents who are ready and in no call. `state` and `que` are this platform's own.
fn free(world: &World) -> Value {
    let free = world.free_agents().into_iter().map(|a| {
        let groups: Vec<&str> = a.groups.iter().map(|id| group(world, *id)).collect();
        json!({"ag_num": a.ag_no, "ag_name": a.name, "state": Sta::Ready.number().to_string(), "que": groups})
    });
    free.collect()
}

fn group(world: &World, id: i64) -> &str {
    world.scenario.group_name(id).unwrap_or_default()
}

/// The numbers of a list, also as strings.
fn numbers<'a>(body: &'a Value, field: &str) -> impl Iterator<Item = i64> + 'a {
    let listed = body.get(field).and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(|id| id.as_i64().or_else(|| id.as_str()?.parse().ok()))
}

/// How many customers wait for the groups of these agents.
pub fn queue_sum(world: &World, body: &Value) -> Value {
    let ids: Vec<i64> = numbers(body, "ag_ids").collect();
    let asked = world.agents.iter().filter(|a| i64::try_from(a.id).is_ok_and(|id| ids.contains(&id)));
    let groups: Vec<i64> = asked.flat_map(|a| a.entry.groups.iter().copied()).collect();
    counted(world, &groups)
}

/// How many wait for the skill groups named in `id`, `ids` or `queueId`, numbers or strings; for all the asking agent's
/// if none is named. The fields are this platform's guess: the vendor's client passes on whatever its user gives.
pub fn queue_number(world: &World, ag_no: &str, body: &Value) -> Value {
    let single = ["id", "queueId"].into_iter().filter_map(|field| integer(body, field));
    let mut groups: Vec<i64> = numbers(body, "ids").chain(single).collect();
    if groups.is_empty() {
        groups = world.agent(ag_no).map(|a| a.entry.groups.clone()).unwrap_or_default();
    }
    counted(world, &groups)
}

/// An agent's plan of the day; `ag_id` is the directory's number.
pub fn worktime(world: &World, ag_no: &str, query: &HashMap<String, String>, locale: Locale) -> Value {
    let own = world.agent(ag_no).is_some_and(|a| query.get("ag_id").is_some_and(|id| *id == a.id.to_string()));
    if !own {
        let message = Message::new("sim.agent_unknown").render(locale);
        return json!({"code": UNKNOWN_AGENT, "message": message, "data": {}});
    }
    let ok = Message::new("sim.ok").render(locale);
    json!({"code": WORKTIME_OK, "message": ok, "data": world.worktime(ag_no)})
}

/// Wraps an answer for the callback named in the query. A name that is no JavaScript name is not repeated.
pub fn wrap(answer: &Value, query: &HashMap<String, String>) -> Option<String> {
    let name = query.get("jsonpcallback").or_else(|| query.get("callback"))?;
    let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.'));
    valid.then(|| format!("{name}({answer});"))
}

/// Agents in calls, with whom and since when. The fields are this platform's own: the vendor's client passes them on.
fn on_the_line(world: &World) -> Value {
    let rows = world.on_the_line().into_iter().map(|a| {
        json!({
            "ag_num": a.ag_no, "ag_name": a.name, "caller": a.peer, "number": a.peer, "start_time": a.since_epoch_s,
            "que_name": a.queue.map_or("", |id| group(world, id)), "state": a.state, "can_be_spied": a.can_be_spied,
        })
    });
    rows.collect()
}

fn counted(world: &World, groups: &[i64]) -> Value {
    let waits = world.waiting().into_iter().filter(|w| w.queue.is_some_and(|id| groups.contains(&id)));
    json!({"code": OK, "result": waits.count()})
}

/// Who waits for the asking agent's groups, by group, longest waiting first.
pub fn queue_detail(world: &World, ag_no: &str) -> Value {
    let waiting = world.waiting();
    let groups = world.agent(ag_no).map(|a| a.entry.groups.as_slice()).unwrap_or_default();
    let rows = groups.iter().map(|id| {
        let users = waiting.iter().filter(|w| w.queue == Some(*id)).map(|w| {
            let call = world.calls.values().find(|c| c.id == w.call_id);
            let arrival = call.and_then(|c| c.arrival).and_then(|n| world.arrivals.get(n));
            json!({
                "incomingCallNum": w.number,
                "agNum": call.and_then(|c| c.to_agent.as_deref()).unwrap_or_default(),
                "city": w.area,
                "enterTime": w.since_epoch_s,
                "level": arrival.map_or(0, ArrivalState::level),
                "callId": w.call_id,
                "queueName": group(world, *id),
            })
        });
        json!({"queueId": id.to_string(), "queueName": group(world, *id), "users": users.collect::<Vec<_>>()})
    });
    json!({"code": OK, "result": rows.collect::<Vec<_>>()})
}
