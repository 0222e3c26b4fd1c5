//! A pushed frame's text into a [`Push`]: the tables of protocol `cti.md` 4.2 to 4.4.

use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    push::{AgentEvent, Forced, PhoneEvent, PhoneState, Push, PushMessage},
    value,
};
use crate::domain::RingKind;

/// The longest wrap-up believed, in seconds; what is beyond would be a mistake of units.
const LONGEST_WRAP_UP_S: u64 = 24 * 60 * 60;

/// A frame that is not one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not the platform's JSON: {start}")]
pub struct NotAPush {
    /// Its beginning, cleaned.
    pub start: String,
}

/// Reads a text frame. Numbers may come as numbers or as strings; what the tables do not know becomes
/// [`PushMessage::Unknown`] with the name `unknown`.
///
/// # Errors
/// The text is not one JSON object.
pub fn parse(text: &str) -> Result<Push, NotAPush> {
    let text = text.trim_start_matches('\u{feff}');
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => {
            let Known(message, event_name, event_type, status) = understand(&fields).unwrap_or(UNKNOWN);
            Ok(Push { message, event_name, event_type, status, raw: Value::Object(fields) })
        }
        Ok(_) | Err(_) => Err(NotAPush { start: value::beginning(text) }),
    }
}

/// A row of the tables: meaning, leaf name, categories from the outermost, label.
struct Known(PushMessage, &'static str, &'static [&'static str], &'static str);

const UNKNOWN: Known = Known(PushMessage::Unknown, "unknown", &[], "");

fn understand(fields: &Map<String, Value>) -> Option<Known> {
    match value::integer(fields.get("MT"))? {
        0 => Some(Known(PushMessage::Established, "ws", &[], "websocket消息连接")),
        3 => phone(fields),
        4 => agent(fields),
        6 => Some(init_state(fields)),
        7 => Some(Known(PushMessage::Ivr, "ivr", &[], "")),
        8 => update(fields),
        10 => forced(fields),
        _ => None,
    }
}

fn phone(fields: &Map<String, Value>) -> Option<Known> {
    const PHONE: &[&str] = &["phone"];
    const RING: &[&str] = &["phone", "phoneRing"];
    let code = value::integer(fields.get("PhoSta"))?;
    let (state, name, kind, label) = match code {
        0 => (PhoneState::HungUp, "phoneHangup", PHONE, "通话完成"),
        4 => (PhoneState::CallOut, "phoneCallOut", PHONE, "正在呼叫"),
        5 => {
            let (ring, name, label) = match value::integer(fields.get("RingType"))? {
                0 => (RingKind::Called, "phoneRingCalled", "被叫"),
                1 => (RingKind::Queue, "phoneRingQueue", "客户来电"),
                2 => (RingKind::Outbound, "phoneRingOutbound", "正在呼叫"),
                3 => (RingKind::Spy, "phoneRingChanSPY", "监听来电"),
                4 => (RingKind::Consult, "phoneRingConsult", "咨询来电"),
                5 => (RingKind::AutoCall, "phoneRingAutoCall", "自动外呼来电"),
                _ => return None,
            };
            (PhoneState::Ring(ring), name, RING, label)
        }
        6 => (PhoneState::Connected, "phoneConnect", PHONE, "通话中"),
        10 => (PhoneState::SelfConnected, "phoneSelfConnect", PHONE, "己方接通"),
        21 => (PhoneState::ConsultOut, "phoneConsultOut", PHONE, "咨询中"),
        22 => (PhoneState::ConsultConnected, "phoneConsultConnect", PHONE, "咨询中"),
        23 => (PhoneState::ConsultBack, "phoneConsultBack", PHONE, "咨询接回"),
        24 => (PhoneState::ConsultFailed, "phoneConsultFail", PHONE, "咨询未呼通"),
        25 => (PhoneState::ThreeWay, "phone3WaySuccess", PHONE, "三方接通"),
        26 => (PhoneState::ThreeWayBack, "phone3WayBack", PHONE, "三方接回"),
        31 => (PhoneState::Spying, "phoneChanSPYSuccess", PHONE, "监听成功"),
        32 => (PhoneState::Barged, "phoneBreakinSuccess", PHONE, "强插成功"),
        33 => (PhoneState::TransferDone, "phoneTransferSuccess", PHONE, "转接成功"),
        34 => (PhoneState::Intercepted, "phoneInterceptSuccess", PHONE, "拦截成功"),
        35 => (PhoneState::Transferred, "phoneTransfer", PHONE, "电话转接"),
        36 => (PhoneState::TornDown, "phoneTransfered", PHONE, "被强拆"),
        55 => (PhoneState::FarRinging, "phoneOtherRing", PHONE, "对方振铃"),
        _ => return None,
    };
    let text = |name: &str| value::text(fields.get(name));
    let short = |name: &str| value::label(fields.get(name));
    let event = PhoneEvent {
        state,
        caller: short("Caller"),
        called: short("Called"),
        area: short("CallerAreaName"),
        // Absent, null, 0, "0" and "" all stand for an outside party.
        from_agent: value::integer(fields.get("OAgId")).map_or(text("OAgId").is_some(), |id| id != 0),
        agent_no: short("OAgNum"),
        agent_name: short("OAgName"),
        queue_id: value::integer(fields.get("QueId")),
        call_type: value::integer(fields.get("CallType")),
        call_id: text("CallID").or_else(|| text("CallId")),
        others: text("Others"),
    };
    Some(Known(PushMessage::Phone(event), name, kind, label))
}

fn agent(fields: &Map<String, Value>) -> Option<Known> {
    let state = value::integer(fields.get("State"))?;
    let (name, label) = match state {
        0 => ("agentLogout", "被签出"),
        1 => ("agentUnbusy", "空闲"),
        2 => ("agentSysBusy", "忙碌"),
        3 => ("agentSysUnbusy", "空闲"),
        4 => ("agentSysOccupy", "系统占用"),
        5 => ("agentSysAftDeal", "事后处理"),
        // The original cannot deliver these three; their names are those it intends (protocol 8.7).
        11 => ("agentOlUnbusy", ""),
        12 => ("agentOlBusy", ""),
        13 => ("agentAutoCallOverrun", ""),
        _ => return None,
    };
    let wait = value::integer(fields.get("WaitTime")).and_then(|seconds| u64::try_from(seconds).ok());
    let event = AgentEvent {
        state,
        reason: value::integer(fields.get("Reason")),
        wait_time_s: wait.map(|seconds| seconds.min(LONGEST_WRAP_UP_S)),
    };
    Some(Known(PushMessage::Agent(event), name, &["agent"], label))
}

/// MT 6 has its name even without a state, as the original delivers it; it then says nothing that could be acted on.
fn init_state(fields: &Map<String, Value>) -> Known {
    let Some(ag_sta) = value::integer(fields.get("AgSta")) else {
        return Known(PushMessage::Unknown, "initstate", &[], "ws重连状态获取");
    };
    let pho_sta = value::integer(fields.get("PhoSta"));
    let label = match (ag_sta, pho_sta) {
        (1, _) => "ws重连状态获取-空闲",
        (2, _) => "ws重连状态获取-忙碌",
        (4, Some(6)) => "ws重连状态获取-通话中",
        (4, Some(5)) => "ws重连状态获取-来电震铃",
        (4, _) => "ws重连状态获取-系统占用",
        _ => "ws重连状态获取",
    };
    let param = value::integer(fields.get("AgStaParam"));
    Known(PushMessage::InitState { ag_sta, pho_sta, param }, "initstate", &[], label)
}

fn update(fields: &Map<String, Value>) -> Option<Known> {
    match value::integer(fields.get("Param"))? {
        1 => Some(Known(PushMessage::SkillGroupsChanged, "updateQueue", &["update"], "技能组更新")),
        2 => Some(Known(PushMessage::CallerIdsChanged, "updateCaller", &["update"], "主叫号码更新")),
        _ => None,
    }
}

fn forced(fields: &Map<String, Value>) -> Option<Known> {
    let (forced, name, label) = match value::integer(fields.get("Code"))? {
        4 => (Forced::SignedOut, "errorLogoff", "强制退出"),
        5 => (Forced::Ready, "errorUnbusy", "强制置闲"),
        6 => (Forced::Busy, "errorBusy", "强制置忙"),
        // The space is the original's.
        10 => (Forced::TimedOut, "forceLogoff", " 超时退出"),
        _ => return None,
    };
    Some(Known(PushMessage::Forced(forced), name, &["error"], label))
}

#[cfg(test)]
mod tests;
