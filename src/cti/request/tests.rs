//! Paths and bodies, as the protocol has them.

use super::*;
use crate::cti::api::SecretToken;

fn sent(request: &Request) -> (&'static str, String) {
    match request.wire() {
        Wire::Command { path, fields } => (path, body("8001", fields).to_string()),
        Wire::LookUp { path, callback, .. } => (path, callback.to_owned()),
        Wire::Integrator { path, fields } => (path, integrator_body("8001", fields).to_string()),
        Wire::Monitor { path, body } => (path, Value::Object(body).to_string()),
        Wire::Web { path, query, body } => (path, body.map_or_else(|| format!("{query:?}"), |b| b.to_string())),
        Wire::Rules { path } => (path, String::new()),
    }
}

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn calls_are_led_as_the_protocol_says() {
    let callee = |n: &str| n.to_owned();
    for (request, path, body) in [
        (
            Request::ConsultAgent { consult_ag_no: callee("8002"), caller_id: Some("010".into()) },
            "/agent/consultAg",
            r#"{"agNo":"8001","consultAgNo":"8002","callerID":"010"}"#,
        ),
        (
            Request::ConsultTel { consult_tel: callee("138"), caller_id: None },
            "/agent/consultTel",
            r#"{"agNo":"8001","consultTel":"138"}"#,
        ),
        (Request::ConsultCancel, "/agent/consultCancel", r#"{"agNo":"8001"}"#),
        (Request::ConsultTransfer, "/agent/consultTransfer", r#"{"agNo":"8001","limitTimeSecond":100}"#),
        (Request::ConsultThreeway, "/agent/consultThreeway", r#"{"agNo":"8001"}"#),
        (Request::ConsultThreewayReturn, "/agent/consultThreewayReturn", r#"{"agNo":"8001"}"#),
        (
            Request::TransferTel { transfer_tel: callee("138"), caller_id: None },
            "/agent/transferTel",
            r#"{"agNo":"8001","transferTel":"138"}"#,
        ),
        (
            Request::TransferAgent { transfer_ag_no: callee("8002") },
            "/agent/transferAg",
            r#"{"agNo":"8001","transferAgNo":"8002"}"#,
        ),
        (
            Request::TransferQueue { queue_id: 3, trans_vcc: 0 },
            "/agent/transferQueue",
            r#"{"agNo":"8001","queueId":3,"transVcc":0}"#,
        ),
        (
            Request::TransferIvr { ivr_code: "a".into(), ivr_node: "b".into(), vcc_id: Some(88) },
            "/agent/transferIVR",
            r#"{"agNo":"8001","ivrCode":"a","ivrNode":"b","vccId":88}"#,
        ),
        (Request::TransferEvaluate, "/agent/transferEvaluate", r#"{"agNo":"8001"}"#),
        (
            Request::Interact { ivr_code: "a".into(), ivr_param: None },
            "/agent/interact",
            r#"{"agNo":"8001","ivrCode":"a"}"#,
        ),
        (Request::Spy { monitored_ag_no: "8003".into() }, "/manager/spy", r#"{"agNo":"8001","monitoredAgNo":"8003"}"#),
        (
            Request::Whisper { monitored_ag_no: "8003".into() },
            "/manager/whisper",
            r#"{"agNo":"8001","monitoredAgNo":"8003"}"#,
        ),
        (Request::WhisperCancel, "/manager/whisperCancel", r#"{"agNo":"8001"}"#),
        (
            Request::Barge { monitored_ag_no: "8003".into() },
            "/manager/barge",
            r#"{"agNo":"8001","monitoredAgNo":"8003"}"#,
        ),
        (
            Request::Disconnect { monitored_ag_no: "8003".into() },
            "/manager/disconnect",
            r#"{"agNo":"8001","monitoredAgNo":"8003"}"#,
        ),
    ] {
        assert_eq!(sent(&request), (path, body.to_owned()), "{request:?}");
    }
}

#[test]
fn duties_and_look_ups_are_asked_for_as_the_protocol_says() {
    let wish = BreakRequest {
        busy_reason_id: 11,
        apply_from: "09:30".into(),
        apply_to: "09:40".into(),
        remark: "茶".into(),
        approve_userid: json!(7),
        approve_username: "李".into(),
        approve_workid: "8000".into(),
    };
    let out = Request::TakeOutQueue { fields: fields(json!({"queId": "3", "agNo": "8009"})) };
    for (request, path, body) in [
        (Request::SwitchMode { ag_type: 2 }, "/agent/switchMode", r#"{"agNo":"8001","agType":2}"#),
        (
            Request::ChangeBindTel { bind_tel: "138".into(), is_webrtc: Some(false) },
            "/agent/changeBindTel",
            r#"{"agNo":"8001","bindTel":"138","isWebrtc":false}"#,
        ),
        (
            Request::Busy { reason: Some(11), check: Some(true), name: Some("小休".into()) },
            "/agent/busy",
            r#"{"agNo":"8001","reason":11,"ischk":1,"busyReason":"小休"}"#,
        ),
        (Request::Projects, "/agent/agentPro", r#"{"agNo":"8001"}"#),
        (Request::JoinProject { pro_id: "9".into() }, "/agent/agentAtIn", r#"{"agNo":"8001","proID":"9"}"#),
        (Request::LeaveProject, "/agent/agentAtOut", r#"{"agNo":"8001"}"#),
        (out, "/agent/takeOutQueue", r#"{"agNo":"8009","queId":"3"}"#),
        (Request::BusyInfo, "/agent/busyInfo", r#"{"agNo":"8001"}"#),
        (Request::WarnRuleList, "/agent/busyReason1", r#"{"agNo":"8001"}"#),
        (Request::FreeAgents, "/v2/wintelapi/api/agent/free", "jsonpcallback"),
        (Request::AgentsOnLine, "/v2/wintelapi/api/agent/ontheline", "jsonpcallback"),
        (Request::OutsideNumbers, "/v2/wintelapi/api/jsonp/consultouter", "jsonpcallback"),
        (Request::FreeAgentsByNumber { fields: Map::new() }, "/token/jsonp/get/free/agent", "jsonpcallback"),
        (Request::QueueSum { ag_ids: vec![json!("5")] }, "/api/agent/queue/sum", r#"{"ag_ids":["5"]}"#),
        (Request::QueueUpNum { fields: fields(json!({"id": 3})) }, "/api/v3/monitor/queueUpNumById", r#"{"id":3}"#),
        (Request::QueueDetail, "/api/agent/queue/detail", "null"),
        (Request::BreakRequests, "/v3/web/busy/apply/query", "[]"),
        (Request::BreakNews, "/v3/web/busy/apply/isChange", "[]"),
        (
            Request::AddBreakRequest(wish),
            "/v3/web/busy/apply/add",
            r#"{"busyReasonId":11,"applyFrom":"09:30","applyTo":"09:40","remark":"茶","approveUserid":7,"approveUsername":"李","approveWorkid":"8000"}"#,
        ),
        (Request::WarningRules, "/api/v3/setting/warning", ""),
    ] {
        assert_eq!(sent(&request), (path, body.to_owned()), "{request:?}");
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
        (Request::Busy { reason: None, check: None, name: None }, "/agent/busy", r#"{"agNo":"8001"}"#),
        (Request::Busy { reason: Some(11), check: None, name: None }, "/agent/busy", r#"{"agNo":"8001","reason":11}"#),
        (
            Request::ChangeBindTel { bind_tel: "9002".into(), is_webrtc: None },
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
