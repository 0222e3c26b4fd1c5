//! HTTP commands (protocol `cti.md` section 2): what can be asked, and how one is sent.

use std::fmt;

use secrecy::SecretString;
use serde_json::Value;
use thiserror::Error;
use url::Url;

pub use super::client::Api;
use crate::{i18n::Message, net::tls::Tls};

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
    /// `/agent/busy` with a reason's number where one is wanted.
    Busy { reason: Option<i64> },
    /// `/agent/changeBindTel`.
    ChangeBindTel { bind_tel: String },
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
    /// `/agent/check`: is this token good (protocol `cti.md` 2.6).
    CheckToken { token: SecretToken },
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
    /// Trust.
    pub tls: Tls,
}
