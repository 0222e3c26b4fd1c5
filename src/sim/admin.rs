//! The admin interface for tests and demonstrations (contract: `sim` admin API).

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    agent_day::Decision,
    calls::{Call, Incoming, Role},
    customers::{Behaviour, Outcome},
    fault::{Fault, Way},
    faults_in_force::Order,
    shared::Shared,
    switch::{LegNow, PartyId, Voice},
    world::World,
};

/// The routes below the admin base.
pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/calls", post(call_in).get(list_calls))
        .route("/calls/{id}", delete(customer_hangs_up))
        .route("/legs", get(legs))
        .route("/outbound", post(outbound))
        .route("/faults", post(arm).delete(clear))
        .route("/tokens", post(token))
        .route("/approvals", post(decide))
        .route("/updates", post(update))
        .route("/agents", get(agents))
        .route("/log", get(log))
}

/// A request this interface cannot do, with the reason.
struct Wrong(StatusCode, String);

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

fn wrong(text: impl Into<String>) -> Wrong {
    Wrong(StatusCode::BAD_REQUEST, text.into())
}

/// Reads a body whatever its content type; nothing counts as `{}`.
fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Wrong> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|e| wrong(format!("body: {e}")))
}

fn seconds(value: Option<f64>, what: &str) -> Result<Option<Duration>, Wrong> {
    value.map(|s| Duration::try_from_secs_f64(s).map_err(|_| wrong(format!("{what}: not a duration")))).transpose()
}

fn voice(text: Option<&str>) -> Result<Voice, Wrong> {
    let text = text.unwrap_or("speech");
    Voice::from_name(text).ok_or_else(|| wrong(format!("audio '{text}': use speech, echo, silence or tone:HZ")))
}

fn known_agent(world: &World, ag_no: Option<&String>) -> Result<(), Wrong> {
    match ag_no.filter(|a| world.agent(a).is_none()) {
        None => Ok(()),
        Some(ag_no) => Err(wrong(format!("there is no agent {ag_no}"))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallIn {
    to_agent: Option<String>,
    queue: Option<i64>,
    from: Option<String>,
    area: Option<String>,
    answer_timeout_s: Option<f64>,
    audio: Option<String>,
    hangup_after_s: Option<f64>,
}

async fn call_in(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Result<Json<Value>, Wrong> {
    let asked: CallIn = body(&bytes)?;
    let incoming = Incoming {
        from: asked.from.unwrap_or_else(|| "13800138000".to_owned()),
        area: asked.area.unwrap_or_default(),
        to_agent: asked.to_agent,
        queue: asked.queue,
        answer_timeout: seconds(asked.answer_timeout_s, "answer_timeout_s")?.unwrap_or(Duration::from_secs(30)),
        voice: voice(asked.audio.as_deref())?,
        hangup_after: seconds(asked.hangup_after_s, "hangup_after_s")?,
        arrival: None,
        project: None,
    };
    let id = shared.with(|w| {
        known_agent(w, incoming.to_agent.as_ref())?;
        if let Some(queue) = incoming.queue.filter(|q| w.scenario.group_name(*q).is_none()) {
            return Err(wrong(format!("there is no skill group {queue}")));
        }
        Ok(w.customer_calls(incoming))
    })?;
    Ok(Json(json!({"call_id": id})))
}

async fn customer_hangs_up(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Json<Value>, Wrong> {
    shared.with(|w| {
        let found = w.calls.values().find(|c| c.id == id).map(|c| c.no);
        let no = found.ok_or_else(|| Wrong(StatusCode::NOT_FOUND, format!("there is no call {id}")))?;
        w.end_call(no, None);
        Ok(Json(json!({})))
    })
}

/// What is to be told of calls.
#[derive(Deserialize)]
struct CallsAsked {
    /// Without it nothing is measured, which is much quicker.
    #[serde(default = "yes")]
    legs: bool,
}

fn yes() -> bool {
    true
}

async fn list_calls(State(shared): State<Arc<Shared>>, Query(asked): Query<CallsAsked>) -> Json<Value> {
    Json(shared.read(|w| w.calls.values().map(|call| call_json(w, call, asked.legs)).collect()))
}

fn call_json(world: &World, call: &Call, legs: bool) -> Value {
    let agents = call.legs.iter().filter(|l| l.up).map(|l| {
        let what = if matches!(l.role, Role::Spy { .. }) { "spy" } else { "agent" };
        (format!("{what}:{}", l.ag_no), world.party_of(l))
    });
    let customer = call.customer.iter().map(|c| (format!("customer:{}", c.number), c.party));
    let third = call.third.iter().filter(|c| c.party.is_some()).map(|c| (format!("number:{}", c.number), c.party));
    let script = call.script.iter().map(|s| (s.who.clone(), Some(s.party)));
    let outside = customer.chain(third).chain(script);
    let measured = agents.chain(outside).filter(|_| legs);
    let legs: Vec<Value> = measured.map(|(who, party)| leg_json(world, &who, party)).collect();
    json!({
        "call_id": call.id, "phase": call.phase.word(), "legs": legs,
        "queue": call.queue, "to_agent": call.to_agent, "caller_id": call.shown, "digits": call.digits,
    })
}

fn leg_json(world: &World, who: &str, party: Option<PartyId>) -> Value {
    let heard = party.map(|p| world.switch.heard(p)).unwrap_or_default();
    json!({
        "who": who, "packets_in": heard.packets_in, "packets_out": heard.packets_out,
        "heard_hz": heard.hz, "heard_dbfs": heard.dbfs, "heard_tones": heard.tones,
        "first_packet": heard.pace.first.map(|at| format!("{at:.6}")), "packet_spacing_ms": heard.pace.spacing_ms,
        "buffer_ms": heard.buffer_ms,
    })
}

/// The legs at the switch, and what a phone still says whose call is over and whose BYE is late.
async fn legs(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let leg_json = |leg: LegNow| {
        let (over, said) = (leg.over.is_some(), leg.over.unwrap_or_default());
        json!({
            "leg": leg.leg.0, "user": leg.user, "over": over, "packets_in": said.packets_in, "said_hz": said.hz,
            "said_dbfs": said.dbfs,
        })
    };
    Json(shared.read(|w| w.switch.legs()).into_iter().map(leg_json).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outbound {
    number: String,
    behaviour: Option<String>,
    after_ms: Option<u64>,
    audio: Option<String>,
}

async fn outbound(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Result<Json<Value>, Wrong> {
    let asked: Outbound = body(&bytes)?;
    let name = asked.behaviour.as_deref().unwrap_or("answer");
    let outcome = Outcome::from_name(name).ok_or_else(|| wrong(format!("there is no behaviour '{name}'")))?;
    let after = asked.after_ms.map(Duration::from_millis);
    let behaviour = Behaviour { outcome, after, voice: voice(asked.audio.as_deref())? };
    shared.with(|w| w.behaviours.insert(asked.number, behaviour));
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultOrder {
    fault: String,
    #[serde(default)]
    value: Value,
    for_ms: Option<u64>,
    agent: Option<String>,
    direction: Option<String>,
}

async fn arm(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Result<Json<Value>, Wrong> {
    let asked: FaultOrder = body(&bytes)?;
    let fault = Fault::from_name(&asked.fault).ok_or_else(|| wrong(format!("there is no fault '{}'", asked.fault)))?;
    let direction = asked.direction.as_deref().unwrap_or("both");
    let ways = Way::from_name(direction)
        .ok_or_else(|| wrong(format!("direction '{direction}': use both, to_agent or from_agent")))?;
    shared.with(|w| {
        known_agent(w, asked.agent.as_ref())?;
        let lasting = asked.for_ms.map(Duration::from_millis);
        let order = Order { fault, value: asked.value, lasting, agent: asked.agent, ways };
        order.check().map_err(|e| wrong(format!("{}: {e}", asked.fault)))?;
        w.order_fault(order);
        Ok(Json(json!({})))
    })
}

async fn clear(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.with(World::clear_faults);
    Json(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFor {
    agent: String,
    life_s: Option<u64>,
}

/// A fresh token, as the tenant's own login system would give one out.
async fn token(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Result<Json<Value>, Wrong> {
    let asked: TokenFor = body(&bytes)?;
    shared.with(|w| {
        known_agent(w, Some(&asked.agent))?;
        let life = Duration::from_secs(asked.life_s.unwrap_or(w.scenario.token_hours * 3600));
        Ok(Json(json!({"token": w.tokens.issue(&asked.agent, life)})))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    agent: String,
    answer: String,
    reason: Option<String>,
}

/// An approver answers the oldest pending request of an agent.
async fn decide(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Result<Json<Value>, Wrong> {
    let asked: Approval = body(&bytes)?;
    shared.with(|w| {
        known_agent(w, Some(&asked.agent))?;
        let decision = match asked.answer.as_str() {
            "approve" => Decision::Approved,
            "reject" => Decision::Rejected(asked.reason.unwrap_or_else(|| w.scenario.approvals.reject_reason.clone())),
            other => return Err(wrong(format!("answer '{other}': use approve or reject"))),
        };
        if !w.decide(&asked.agent, None, decision) {
            return Err(Wrong(StatusCode::NOT_FOUND, format!("agent {} waits for no answer", asked.agent)));
        }
        Ok(Json(json!({})))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    what: String,
    caller_numbers: Option<Vec<String>>,
    agent: Option<String>,
    groups: Option<Vec<i64>>,
}

/// Skill groups or caller numbers are changed, and the agents concerned are told (`MT` 8).
async fn update(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Result<Json<Value>, Wrong> {
    let asked: Update = body(&bytes)?;
    shared.with(|w| {
        known_agent(w, asked.agent.as_ref())?;
        let groups = asked.groups.as_deref().unwrap_or_default();
        if let Some(group) = groups.iter().find(|g| w.scenario.group_name(**g).is_none()) {
            return Err(wrong(format!("there is no skill group {group}")));
        }
        match asked.what.as_str() {
            "callers" => w.change_callers(asked.agent.as_deref(), asked.caller_numbers),
            "queues" => w.change_groups(asked.agent.as_deref(), asked.groups),
            other => return Err(wrong(format!("what '{other}': use queues or callers"))),
        }
        Ok(Json(json!({})))
    })
}

/// What the platform thinks of its agents.
async fn agents(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.read(|w| {
        w.agents
            .iter()
            .map(|a| {
                let session = a.session.as_ref();
                json!({
                    "ag_no": a.entry.ag_no,
                    "name": a.entry.name,
                    "supervisor": a.entry.supervisor,
                    "signed_in": session.is_some(),
                    "state": session.map(|s| s.sta.number()),
                    "linked": a.link.is_some(),
                    "phone_registered": w.phone_ready(&a.entry.ag_no),
                })
            })
            .collect()
    }))
}

async fn log(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.log_book.all()).into_response()
}
