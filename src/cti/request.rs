//! A [`Request`] as it travels: which path, and what is in the body (protocol `cti.md` 2.2 to 2.8).

use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::api::Request;

/// How a request travels.
pub(super) enum Wire {
    /// POST of a JSON body to `api_server`.
    Command {
        /// Path below `api_server`.
        path: &'static str,
        /// The body's fields besides `agNo`, in order.
        fields: Vec<(&'static str, Value)>,
    },
    /// JSONP GET from `jsonp_server`.
    LookUp {
        /// Path below `jsonp_server`.
        path: &'static str,
        /// The query parameter that names the callback.
        callback: &'static str,
    },
}

impl Request {
    /// The path and the fields of this request; absent fields are left out.
    pub(super) fn wire(&self) -> Wire {
        let command = |path, fields| Wire::Command { path, fields };
        let plain = |path| Wire::Command { path, fields: Vec::new() };
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
            Request::Busy { reason } => command("/agent/busy", present([("reason", reason.map(Value::from))])),
            Request::ChangeBindTel { bind_tel } => command("/agent/changeBindTel", vec![("bindTel", text(bind_tel))]),
            Request::BusyReasons => plain("/agent/busyReason"),
            Request::CallerList => plain("/agent/callerList"),
            Request::SkillGroups => {
                Wire::LookUp { path: "/v2/wintelapi/api/jsonp/queue/list", callback: "jsonpcallback" }
            }
            Request::AgentBaseInfo => Wire::LookUp { path: "/v2/wintelapi/api/jsonp/agent", callback: "callback" },
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

fn text(text: &str) -> Value {
    Value::from(text)
}

fn present<const N: usize>(fields: [(&'static str, Option<Value>); N]) -> Vec<(&'static str, Value)> {
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::api::SecretToken, *};

    fn sent(request: &Request) -> (&'static str, String) {
        match request.wire() {
            Wire::Command { path, fields } => (path, body("8001", fields).to_string()),
            Wire::LookUp { path, callback } => (path, callback.to_owned()),
        }
    }

    #[test]
    fn bodies_are_those_of_the_protocol() {
        let login = Request::Login { bind_tel: "9001".into(), login_type: 1, state: 0 };
        let call = |caller_id: Option<&str>, queue_id, user_data: Option<&str>| Request::CallOut {
            tel: "13800138000".into(),
            caller_id: caller_id.map(Into::into),
            queue_id,
            user_data: user_data.map(Into::into),
        };
        let inner = |caller_id| Request::CallInner { called_ag_no: "8002".into(), caller_id };
        let token = SecretToken("Bearer new".into());
        for (request, path, body) in [
            (Request::RtcInfo { pho_num: "9001".into() }, "/agent/rtcInfo", r#"{"agNo":"8001","phoNum":"9001"}"#),
            (login, "/agent/login", r#"{"agNo":"8001","bindTel":"9001","loginType":1,"state":0}"#),
            (Request::Logout, "/agent/logout", r#"{"agNo":"8001"}"#),
            (Request::Ready, "/agent/ready", r#"{"agNo":"8001"}"#),
            (Request::Busy { reason: None }, "/agent/busy", r#"{"agNo":"8001"}"#),
            (Request::Busy { reason: Some(11) }, "/agent/busy", r#"{"agNo":"8001","reason":11}"#),
            (
                Request::ChangeBindTel { bind_tel: "9002".into() },
                "/agent/changeBindTel",
                r#"{"agNo":"8001","bindTel":"9002"}"#,
            ),
            (Request::BusyReasons, "/agent/busyReason", r#"{"agNo":"8001"}"#),
            (Request::CallerList, "/agent/callerList", r#"{"agNo":"8001"}"#),
            (call(None, None, None), "/agent/callOut", r#"{"agNo":"8001","tel":"13800138000"}"#),
            (
                call(Some("010"), Some(3), Some("order 7%20")),
                "/agent/callOut",
                r#"{"agNo":"8001","tel":"13800138000","callerID":"010","queueId":3,"userData":"order 7%20"}"#,
            ),
            (inner(None), "/agent/callInner", r#"{"agNo":"8001","calledAgNo":"8002"}"#),
            (inner(Some("010".into())), "/agent/callInner", r#"{"agNo":"8001","calledAgNo":"8002","callerID":"010"}"#),
            (Request::CallOutCancel, "/agent/callOutCancel", r#"{"agNo":"8001"}"#),
            (Request::Refuse, "/agent/refuse", r#"{"agNo":"8001"}"#),
            (Request::HangUp, "/agent/hangup", r#"{"agNo":"8001"}"#),
            (Request::Hold, "/agent/hold", r#"{"agNo":"8001"}"#),
            (Request::Unhold, "/agent/unhold", r#"{"agNo":"8001"}"#),
            (Request::SendDtmf { digits: "1#".into() }, "/agent/sendDTMF", r##"{"agNo":"8001","digits":"1#"}"##),
            (Request::CheckToken { token }, "/agent/check", r#"{"agNo":"8001","token":"Bearer new"}"#),
            (Request::SkillGroups, "/v2/wintelapi/api/jsonp/queue/list", "jsonpcallback"),
            (Request::AgentBaseInfo, "/v2/wintelapi/api/jsonp/agent", "callback"),
        ] {
            assert_eq!(sent(&request), (path, body.to_owned()), "{request:?}");
        }
    }
}
