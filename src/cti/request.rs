//! A [`Request`] as it travels: which path, and what is in the body (protocol `cti.md` 2.2 to 2.8).

use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::api::{BreakRequest, Request};

/// `limitTimeSecond` of a completed transfer, as the original bar sends it (protocol `phone-bar.md` 5).
const CONSULT_TRANSFER_LIMIT_S: u32 = 100;

/// How a request travels.
pub(super) enum Wire {
    /// POST of a JSON body to `api_server`.
    Command {
        /// Path below `api_server`.
        path: &'static str,
        /// The body's fields besides `agNo`, in order.
        fields: Vec<(&'static str, Value)>,
    },
    /// As [`Wire::Command`], with fields that somebody else named.
    Integrator {
        /// Path below `api_server`.
        path: &'static str,
        /// The body's fields besides `agNo`, which they may override.
        fields: Map<String, Value>,
    },
    /// GET from `jsonp_server` with the whole token.
    Rules {
        /// Path below `jsonp_server`.
        path: &'static str,
    },
    /// JSONP GET from `jsonp_server`.
    LookUp {
        /// Path below `jsonp_server`.
        path: &'static str,
        /// The query parameter that names the callback.
        callback: &'static str,
        /// Fields of the query besides the usual ones.
        fields: Vec<(String, String)>,
    },
    /// POST of a JSON body to `jsonp_server` with the whole token (protocol `cti.md` 2.9).
    Monitor {
        /// Path below `jsonp_server`.
        path: &'static str,
        /// The body's fields; `agNo` is not added.
        body: Map<String, Value>,
    },
    /// The original bar's web API on `jsonp_server`, with the token's second word (protocol `cti.md` 2.10).
    Web {
        /// Path below `jsonp_server`.
        path: &'static str,
        /// Query of a GET.
        query: Vec<(&'static str, String)>,
        /// Body of a POST; none: GET.
        body: Option<Value>,
    },
}

impl Request {
    /// The path and the fields of this request; absent fields are left out.
    pub(super) fn wire(&self) -> Wire {
        let command = |path, fields| Wire::Command { path, fields };
        let plain = |path| Wire::Command { path, fields: Vec::new() };
        let look_up = |path| Wire::LookUp { path, callback: "jsonpcallback", fields: Vec::new() };
        let get = |path, query| Wire::Web { path, query, body: None };
        let monitored = |path, ag_no: &str| Wire::Command { path, fields: vec![("monitoredAgNo", text(ag_no))] };
        match self {
            Request::RtcInfo { pho_num } => command("/agent/rtcInfo", vec![("phoNum", text(pho_num))]),
            Request::Login { bind_tel, login_type, state } => command(
                "/agent/login",
                vec![
                    ("bindTel", text(bind_tel)),
                    ("loginType", Value::from(*login_type)),
                    ("state", Value::from(*state)),
                ],
            ),
            Request::Logout => plain("/agent/logout"),
            Request::Ready => plain("/agent/ready"),
            Request::Busy { reason, check, name } => command(
                "/agent/busy",
                present([
                    ("reason", reason.map(Value::from)),
                    ("ischk", check.map(|on| Value::from(u8::from(on)))),
                    ("busyReason", name.as_deref().map(text)),
                ]),
            ),
            Request::ChangeBindTel { bind_tel, is_webrtc } => command(
                "/agent/changeBindTel",
                present([("bindTel", Some(text(bind_tel))), ("isWebrtc", is_webrtc.map(Value::from))]),
            ),
            Request::SwitchMode { ag_type } => command("/agent/switchMode", vec![("agType", Value::from(*ag_type))]),
            Request::BusyReasons => plain("/agent/busyReason"),
            Request::CallerList => plain("/agent/callerList"),
            Request::SkillGroups => look_up("/v2/wintelapi/api/jsonp/queue/list"),
            Request::AgentBaseInfo => {
                Wire::LookUp { path: "/v2/wintelapi/api/jsonp/agent", callback: "callback", fields: Vec::new() }
            }
            Request::FreeAgents => look_up("/v2/wintelapi/api/agent/free"),
            Request::AgentsOnLine => look_up("/v2/wintelapi/api/agent/ontheline"),
            Request::OutsideNumbers => look_up("/v2/wintelapi/api/jsonp/consultouter"),
            Request::FreeAgentsByNumber { fields } => Wire::LookUp {
                path: "/token/jsonp/get/free/agent",
                callback: "jsonpcallback",
                fields: fields.iter().map(|(name, value)| (name.clone(), query_text(value))).collect(),
            },
            Request::CallOut { tel, caller_id, queue_id, user_data } => command(
                "/agent/callOut",
                present([
                    ("tel", Some(text(tel))),
                    ("callerID", caller_id.as_deref().map(text)),
                    ("queueId", queue_id.map(Value::from)),
                    ("userData", user_data.as_deref().map(text)),
                ]),
            ),
            Request::CallInner { called_ag_no, caller_id } => command(
                "/agent/callInner",
                present([("calledAgNo", Some(text(called_ag_no))), ("callerID", caller_id.as_deref().map(text))]),
            ),
            Request::CallOutCancel => plain("/agent/callOutCancel"),
            Request::Refuse => plain("/agent/refuse"),
            Request::HangUp => plain("/agent/hangup"),
            Request::Hold => plain("/agent/hold"),
            Request::Unhold => plain("/agent/unhold"),
            Request::SendDtmf { digits } => command("/agent/sendDTMF", vec![("digits", text(digits))]),
            Request::ConsultAgent { consult_ag_no, caller_id } => command(
                "/agent/consultAg",
                present([("consultAgNo", Some(text(consult_ag_no))), ("callerID", caller_id.as_deref().map(text))]),
            ),
            Request::ConsultTel { consult_tel, caller_id } => command(
                "/agent/consultTel",
                present([("consultTel", Some(text(consult_tel))), ("callerID", caller_id.as_deref().map(text))]),
            ),
            Request::ConsultCancel => plain("/agent/consultCancel"),
            Request::ConsultTransfer => {
                command("/agent/consultTransfer", vec![("limitTimeSecond", Value::from(CONSULT_TRANSFER_LIMIT_S))])
            }
            Request::ConsultThreeway => plain("/agent/consultThreeway"),
            Request::ConsultThreewayReturn => plain("/agent/consultThreewayReturn"),
            Request::TransferTel { transfer_tel, caller_id } => command(
                "/agent/transferTel",
                present([("transferTel", Some(text(transfer_tel))), ("callerID", caller_id.as_deref().map(text))]),
            ),
            Request::TransferAgent { transfer_ag_no } => {
                command("/agent/transferAg", vec![("transferAgNo", text(transfer_ag_no))])
            }
            Request::TransferQueue { queue_id, trans_vcc } => command(
                "/agent/transferQueue",
                vec![("queueId", Value::from(*queue_id)), ("transVcc", Value::from(*trans_vcc))],
            ),
            Request::TransferIvr { ivr_code, ivr_node, vcc_id } => command(
                "/agent/transferIVR",
                present([
                    ("ivrCode", Some(text(ivr_code))),
                    ("ivrNode", Some(text(ivr_node))),
                    ("vccId", vcc_id.map(Value::from)),
                ]),
            ),
            Request::TransferEvaluate => plain("/agent/transferEvaluate"),
            Request::Interact { ivr_code, ivr_param } => command(
                "/agent/interact",
                present([("ivrCode", Some(text(ivr_code))), ("ivrParam", ivr_param.as_deref().map(text))]),
            ),
            Request::Spy { monitored_ag_no } => monitored("/manager/spy", monitored_ag_no),
            Request::Whisper { monitored_ag_no } => monitored("/manager/whisper", monitored_ag_no),
            Request::WhisperCancel => plain("/manager/whisperCancel"),
            Request::Barge { monitored_ag_no } => monitored("/manager/barge", monitored_ag_no),
            Request::Disconnect { monitored_ag_no } => monitored("/manager/disconnect", monitored_ag_no),
            Request::Projects => plain("/agent/agentPro"),
            Request::JoinProject { pro_id } => command("/agent/agentAtIn", vec![("proID", text(pro_id))]),
            Request::LeaveProject => plain("/agent/agentAtOut"),
            Request::TakeOutQueue { fields } => {
                Wire::Integrator { path: "/agent/takeOutQueue", fields: fields.clone() }
            }
            Request::BusyInfo => plain("/agent/busyInfo"),
            Request::WarnRuleList => plain("/agent/busyReason1"),
            Request::QueueSum { ag_ids } => Wire::Monitor {
                path: "/api/agent/queue/sum",
                body: Map::from_iter([("ag_ids".to_owned(), Value::from(ag_ids.clone()))]),
            },
            Request::QueueUpNum { fields } => {
                Wire::Monitor { path: "/api/v3/monitor/queueUpNumById", body: fields.clone() }
            }
            Request::QueueDetail => {
                Wire::Web { path: "/api/agent/queue/detail", query: Vec::new(), body: Some(Value::Null) }
            }
            Request::WorkTime { ag_id } => get("/v2/wintelapi/schedule/agent/worktime", vec![("ag_id", ag_id.clone())]),
            Request::Approvers { search } => get("/v3/api/busy/apply/agent", vec![("search", search.clone())]),
            Request::BreakRequests => get("/v3/web/busy/apply/query", Vec::new()),
            Request::BreakNews => get("/v3/web/busy/apply/isChange", Vec::new()),
            Request::AddBreakRequest(wanted) => {
                Wire::Web { path: "/v3/web/busy/apply/add", query: Vec::new(), body: Some(break_request(wanted)) }
            }
            Request::WarningRules => Wire::Rules { path: "/api/v3/setting/warning" },
            Request::CheckToken { token } => command("/agent/check", vec![("token", text(token.0.expose_secret()))]),
        }
    }
}

/// The body of a command: `agNo` first, then its own fields.
pub(super) fn body(ag_no: &str, fields: Vec<(&'static str, Value)>) -> Value {
    let own = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    let body: Map<String, Value> = std::iter::once(("agNo".to_owned(), text(ag_no))).chain(own).collect();
    Value::Object(body)
}

/// The same with fields that somebody else named; theirs count.
pub(super) fn integrator_body(ag_no: &str, fields: Map<String, Value>) -> Value {
    let mut body = Map::from_iter([("agNo".to_owned(), text(ag_no))]);
    body.extend(fields);
    Value::Object(body)
}

fn break_request(wanted: &BreakRequest) -> Value {
    json!({
        "busyReasonId": wanted.busy_reason_id,
        "applyFrom": wanted.apply_from,
        "applyTo": wanted.apply_to,
        "remark": wanted.remark,
        "approveUserid": wanted.approve_userid,
        "approveUsername": wanted.approve_username,
        "approveWorkid": wanted.approve_workid,
    })
}

/// A value as it stands in a query.
fn query_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn present<const N: usize>(fields: [(&'static str, Option<Value>); N]) -> Vec<(&'static str, Value)> {
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests;
