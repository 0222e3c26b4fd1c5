//! The look-ups of the directory (protocol `cti.md` 2.8, 2.9): answers as JavaScript, or JSON without a callback.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{calls::Phase, state::Sta, world::World};

/// Answers a look-up: `path` is the whole path.
pub fn look_up(world: &World, path: &str, query: &HashMap<String, String>) -> Value {
    if query.get("vcc_code").is_some_and(|code| *code != world.scenario.vcc_code) {
        return json!({"code": 402, "message": "unknown enterprise", "data": []});
    }
    match path {
        "/v2/wintelapi/api/jsonp/agent" => agent(world, query.get("ag_num").map_or("", String::as_str)),
        "/v2/wintelapi/api/jsonp/queue/list" => {
            let vcc_id = world.scenario.vcc_id;
            let groups = world.scenario.groups.iter();
            // Ids of the list are strings, `QueId` is a number (protocol `cti.md` 4.3).
            let groups: Vec<Value> =
                groups.map(|g| json!({"id": g.id.to_string(), "que_name": g.name, "vcc_id": vcc_id})).collect();
            json!({"code": 200, "message": "ok", "data": groups})
        }
        "/v2/wintelapi/api/agent/free" => {
            let free = world.agents.iter().filter(|a| a.sta() == Some(Sta::Ready));
            let free: Vec<Value> = free.map(|a| json!({"ag_num": a.entry.ag_no, "ag_name": a.entry.name})).collect();
            json!({"code": 200, "message": "ok", "data": free})
        }
        _ => json!({"code": 404, "message": "no such look-up", "data": []}),
    }
}

fn agent(world: &World, ag_no: &str) -> Value {
    let Some(agent) = world.agent(ag_no) else {
        return json!({"code": 405, "message": "no such agent", "data": {}});
    };
    let groups: Vec<Value> = agent
        .entry
        .groups
        .iter()
        .map(|id| json!({"id": id.to_string(), "que_name": world.scenario.group_name(*id).unwrap_or_default()}))
        .collect();
    json!({"code": 200, "message": "ok", "data": {
        "id": agent.id, "ag_num": agent.entry.ag_no, "ag_name": agent.entry.name,
        "vcc_id": world.scenario.vcc_id, "pho_num": agent.entry.phone, "que": groups,
    }})
}

/// `/api/agent/queue/sum`: how many customers wait for the groups of these agents.
pub fn queue_sum(world: &World, body: &Value) -> Value {
    let ids: Vec<u64> =
        body.get("ag_ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect();
    let groups: Vec<i64> =
        world.agents.iter().filter(|a| ids.contains(&a.id)).flat_map(|a| a.entry.groups.iter().copied()).collect();
    let waiting = world
        .calls
        .values()
        .filter(|c| c.phase == Phase::Queued && c.queue.is_some_and(|q| groups.contains(&q)))
        .count();
    json!({"code": 200, "message": "ok", "result": waiting})
}

/// Wraps an answer for the callback named in the query. A name that is no JavaScript name is not repeated.
pub fn wrap(answer: &Value, query: &HashMap<String, String>) -> Option<String> {
    let name = query.get("jsonpcallback").or_else(|| query.get("callback"))?;
    let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.'));
    valid.then(|| format!("{name}({answer});"))
}
