//! HTTP commands (protocol `cti.md` section 2): what can be asked, and how one is sent.

use std::fmt;

use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde_json::{Map, Value};
use thiserror::Error;
use url::Url;

pub use super::client::Api;
use super::codes::ReplyCode;
use crate::{
    i18n::{Locale, Message},
    net::dialer::Dialer,
};

/// A command to the platform. `agNo` is added when it is sent; `callerID` is the state machine's business.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// `/agent/rtcInfo`: tenant, SIP password, token expiry.
    RtcInfo { pho_num: String },
    /// `/agent/login`, form A (`state` 0) or form B (`state` as wanted).
    Login { bind_tel: String, login_type: u8, state: u8 },
    /// `/agent/logout`.
    Logout,
    /// `/agent/ready`.
    Ready,
    /// `/agent/busy` with a reason's number where one is wanted; `check` (`ischk`) and the reason's name only where
    /// breaks are asked for (protocol `phone-bar.md` 8.2).
    Busy { reason: Option<i64>, check: Option<bool>, name: Option<String> },
    /// `/agent/changeBindTel`.
    ChangeBindTel { bind_tel: String, is_webrtc: Option<bool> },
    /// `/agent/switchMode`: 1 dynamic, 2 static.
    SwitchMode { ag_type: u8 },
    /// `/agent/busyReason`: the list of busy reasons.
    BusyReasons,
    /// `/agent/callerList`: the list of caller IDs.
    CallerList,
    /// JSONP `/v2/wintelapi/api/jsonp/queue/list`: the tenant's skill groups.
    SkillGroups,
    /// JSONP `/v2/wintelapi/api/jsonp/agent`: this agent's own record (`que`, `id`, `ag_name`).
    AgentBaseInfo,
    /// `/agent/callOut`.
    CallOut { tel: String, caller_id: Option<String>, queue_id: Option<i64>, user_data: Option<String> },
    /// `/agent/callInner`.
    CallInner { called_ag_no: String, caller_id: Option<String> },
    /// `/agent/callOutCancel`.
    CallOutCancel,
    /// `/agent/refuse`.
    Refuse,
    /// `/agent/hangup`.
    HangUp,
    /// `/agent/hold`.
    Hold,
    /// `/agent/unhold`.
    Unhold,
    /// `/agent/sendDTMF`.
    SendDtmf { digits: String },
    /// `/agent/consultAg`.
    ConsultAgent { consult_ag_no: String, caller_id: Option<String> },
    /// `/agent/consultTel`.
    ConsultTel { consult_tel: String, caller_id: Option<String> },
    /// `/agent/consultCancel`, which is also the return from a consultation (protocol `cti.md` 8.29).
    ConsultCancel,
    /// `/agent/consultTransfer` with the original bar's `limitTimeSecond`.
    ConsultTransfer,
    /// `/agent/consultThreeway`.
    ConsultThreeway,
    /// `/agent/consultThreewayReturn`.
    ConsultThreewayReturn,
    /// `/agent/transferTel`; the caller ID is never added by itself.
    TransferTel { transfer_tel: String, caller_id: Option<String> },
    /// `/agent/transferAg`.
    TransferAgent { transfer_ag_no: String },
    /// `/agent/transferQueue`; `trans_vcc` 0 is the own tenant.
    TransferQueue { queue_id: i64, trans_vcc: i64 },
    /// `/agent/transferIVR`.
    TransferIvr { ivr_code: String, ivr_node: String, vcc_id: Option<i64> },
    /// `/agent/transferEvaluate`.
    TransferEvaluate,
    /// `/agent/interact`.
    Interact { ivr_code: String, ivr_param: Option<String> },
    /// `/manager/spy`.
    Spy { monitored_ag_no: String },
    /// `/manager/whisper`.
    Whisper { monitored_ag_no: String },
    /// `/manager/whisperCancel`.
    WhisperCancel,
    /// `/manager/barge`.
    Barge { monitored_ag_no: String },
    /// `/manager/disconnect`.
    Disconnect { monitored_ag_no: String },
    /// `/agent/agentPro`: predictive projects.
    Projects,
    /// `/agent/agentAtIn`.
    JoinProject { pro_id: String },
    /// `/agent/agentAtOut`.
    LeaveProject,
    /// `/agent/takeOutQueue`; its fields are the integrator's.
    TakeOutQueue { fields: Map<String, Value> },
    /// `/agent/busyInfo`: restrictions of busy reasons.
    BusyInfo,
    /// `/agent/busyReason1`, which the SDK calls `getwarnRuleList`.
    WarnRuleList,
    /// JSONP `/v2/wintelapi/api/agent/free`: free agents.
    FreeAgents,
    /// JSONP `/v2/wintelapi/api/agent/ontheline`: agents in a call.
    AgentsOnLine,
    /// JSONP `/v2/wintelapi/api/jsonp/consultouter`: outside numbers to consult.
    OutsideNumbers,
    /// JSONP `/token/jsonp/get/free/agent`: free agents by number.
    FreeAgentsByNumber { fields: Map<String, Value> },
    /// `/api/agent/queue/sum`: how many customers wait.
    QueueSum { ag_ids: Vec<Value> },
    /// `/api/agent/queue/detail`: who waits.
    QueueDetail,
    /// `/api/v3/monitor/queueUpNumById`; its fields are the integrator's.
    QueueUpNum { fields: Map<String, Value> },
    /// `/v2/wintelapi/schedule/agent/worktime`: meals and shifts.
    WorkTime { ag_id: String },
    /// `/v3/api/busy/apply/agent`: who approves breaks.
    Approvers { search: String },
    /// `/v3/web/busy/apply/query`: the agent's break requests.
    BreakRequests,
    /// `/v3/web/busy/apply/isChange`: whether a break request has been decided.
    BreakNews,
    /// `/v3/web/busy/apply/add`.
    AddBreakRequest(BreakRequest),
    /// `/api/v3/setting/warning`: when a state has lasted too long.
    WarningRules,
    /// `/agent/check`: is this token good (protocol `cti.md` 2.6).
    CheckToken { token: SecretToken },
}

/// A request for a break (protocol `cti.md` 2.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakRequest {
    /// Busy reason's number.
    pub busy_reason_id: i64,
    /// First minute, `HH:MM`.
    pub apply_from: String,
    /// Last minute, `HH:MM`.
    pub apply_to: String,
    /// Why, at most 256 characters.
    pub remark: String,
    /// The approver's id, as the platform gave it.
    pub approve_userid: Value,
    /// The approver's name.
    pub approve_username: String,
    /// The approver's number.
    pub approve_workid: String,
}

/// A token inside a request; compares by identity of text, prints as `[REDACTED]`.
#[derive(Clone, Debug)]
pub struct SecretToken(pub SecretString);

impl PartialEq for SecretToken {
    fn eq(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// The platform's answer, whatever its code (0 is success on `api_server`, 200 on the JSONP look-ups, made 0 here).
/// Its `Debug` form leaves `data` out, which may hold the SIP password.
#[derive(Clone, PartialEq)]
pub struct Reply {
    /// The platform's code.
    pub code: i64,
    /// The platform's words, empty if it sent none.
    pub message: String,
    /// `data`, null if it sent none.
    pub data: Value,
}

impl Reply {
    /// Whether the platform accepted.
    pub fn is_ok(&self) -> bool {
        self.code == 0
    }

    /// Whether the platform answered with this code.
    pub fn has(&self, code: ReplyCode) -> bool {
        ReplyCode::of(self.code) == Some(code)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("code", &self.code).field("message", &self.message).finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ApiError {
    /// No answer within the time limit (4 s, protocol `cti.md` 2.1).
    #[error("no answer within {0} ms")]
    Timeout(u64),
    /// No connection: name, route, port or TLS.
    #[error("cannot reach {host}: {reason}")]
    Connect { host: String, reason: String },
    /// The server's certificate is not trusted.
    #[error("the certificate of {host} is not trusted: {reason}")]
    Certificate { host: String, reason: String },
    /// An HTTP status other than success, with the body's own message if it had one.
    #[error("HTTP status {status}: {message}")]
    Status { status: u16, message: String },
    /// A body that is not the platform's JSON (such as a proxy's HTML page); `start` is its beginning, cleaned.
    #[error("the answer is not the platform's JSON but begins '{start}'")]
    NotJson { start: String },
    /// The token is empty or holds characters that no HTTP header can carry.
    #[error("the token cannot be sent as a header")]
    UnusableToken,
}

impl ApiError {
    /// What is told to the agent: what failed, why, what to do.
    pub fn message(&self) -> Message {
        match self {
            ApiError::Timeout(ms) => Message::new("cti.timeout").with("ms", ms),
            ApiError::Connect { host, reason } => Message::new("cti.connect").with("host", host).with("reason", reason),
            ApiError::Certificate { host, reason } => {
                Message::new("cti.certificate").with("host", host).with("reason", reason)
            }
            ApiError::Status { status: status @ 401, .. } => Message::new("cti.unauthorized").with("status", status),
            ApiError::Status { status, message } if message.is_empty() => {
                Message::new("cti.status").with("status", status)
            }
            ApiError::Status { status, message } => {
                Message::new("cti.status_said").with("status", status).with("message", message)
            }
            ApiError::NotJson { start } if start.is_empty() => Message::new("cti.empty"),
            ApiError::NotJson { start } => Message::new("cti.not_json").with("start", start),
            ApiError::UnusableToken => Message::new("cti.unusable_token"),
        }
    }
}

/// Where commands go and as whom.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Base of the command API; a trailing slash does not matter.
    pub api_server: Url,
    /// Base of the look-ups.
    pub jsonp_server: Url,
    /// Agent number, in every body.
    pub ag_no: String,
    /// Language the platform is asked to answer in (`Accept-Language`).
    pub locale: Locale,
    /// Trust.
    pub dialer: Dialer,
    /// Headers of commands besides the usual ones, or instead of them (`customHeader`, protocol `cti.md` 1).
    pub custom_header: HeaderMap,
}
