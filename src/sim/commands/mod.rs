//! The command interface: what each command under `/interface/v2` does and answers (protocol `cti.md` 2.2 to 2.6).
//!
//! Here are the table of commands and what they share; `agent` signs in and sets states, `call` makes and ends calls,
//! `consult` brings others in, `monitor` is for supervisors, `office` is about breaks and predictive projects.

mod agent;
mod call;
mod consult;
mod monitor;
mod office;
pub(in crate::sim) mod reply;

use serde_json::Value;

use self::reply::{Answer, Reply, bad_field, code};
use super::{calls::Listening, state::Rest, tokens::Worth, world::World};
use crate::i18n::Message;

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
