//! What a word asks of the control socket.

use std::path::Path;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{
    reach::read,
    words::{Act, PanelWord, Party, TransferTo},
};
use crate::{cli::CliError, config::token, i18n::Locale};

/// The method and parameters.
pub(super) fn request(act: &Act, locale: Locale) -> Result<(&'static str, Value), CliError> {
    Ok(match act {
        Act::Login { force } => ("Agent.login", json!({"force": force})),
        Act::Logout => ("Agent.logout", Value::Null),
        Act::Ready { anyway: false } => ("Agent.ready", Value::Null),
        Act::Ready { anyway: true } => ("Agent.ready", json!({"anyway": true})),
        Act::Busy { reason: None } => ("Agent.unready", Value::Null),
        Act::Busy { reason: Some(reason) } => ("Agent.unready", json!({"reason": reason})),
        Act::Dial { number, caller_id, queue, user_data } => {
            ("Agent.callOut", json!({"tel": number, "callerID": caller_id, "queueId": queue, "userData": user_data}))
        }
        Act::DialAgent { ag_no } => ("Agent.callInner", json!({"calledAgNo": ag_no})),
        Act::CancelDial => ("Session.callOutCancel", Value::Null),
        Act::Answer => ("Session.answer", Value::Null),
        Act::Reject => ("Session.refuse", Value::Null),
        Act::Hangup => ("Session.hangup", Value::Null),
        Act::Hold => ("Session.hold", Value::Null),
        Act::Unhold => ("Session.unhold", Value::Null),
        Act::Mute => ("Session.mute", Value::Null),
        Act::Unmute => ("Session.unmute", Value::Null),
        Act::Dtmf { digits } => ("Session.sendDTMF", json!({"digits": digits})),
        Act::Consult { party: Party { number: Some(number), .. }, caller_id } => {
            ("Session.consultTel", json!({"consultTel": number, "callerID": caller_id}))
        }
        Act::Consult { party: Party { agent, .. }, caller_id } => {
            ("Session.consultAg", json!({"consultAgNo": agent, "callerID": caller_id}))
        }
        Act::ConsultReturn => ("Session.consultReturn", Value::Null),
        Act::ConsultTransfer => ("Session.consultTransfer", Value::Null),
        Act::ThreeWay => ("Session.consultThreeway", Value::Null),
        Act::ThreeWayReturn => ("Session.consultThreewayReturn", Value::Null),
        Act::Transfer(to) => transfer(to),
        Act::Evaluate => ("Session.transferEvaluate", Value::Null),
        Act::Interact { code, param } => ("Session.interact", json!({"ivrCode": code, "ivrParam": param})),
        Act::Spy { ag_no } => ("Monitor.spy", json!({"monitoredAgNo": ag_no})),
        Act::Whisper { ag_no } => ("Monitor.whisper", json!({"monitoredAgNo": ag_no})),
        Act::WhisperCancel => ("Monitor.whisperCancel", Value::Null),
        Act::Barge { ag_no } => ("Monitor.barge", json!({"monitoredAgNo": ag_no})),
        Act::Disconnect { ag_no } => ("Monitor.disconnect", json!({"monitoredAgNo": ag_no})),
        Act::Bind { phone, external, web } => {
            let web_phone = if *web { Some(true) } else { external.then_some(false) };
            ("Agent.changeBindTel", json!({"bindTel": phone, "isWebrtc": web_phone}))
        }
        Act::Mode { mode } => ("Agent.switchMode", json!({"agType": if mode == "static" { 2 } else { 1 }})),
        Act::Join { id } => ("Agent.agentAtIn", json!({"proID": id})),
        Act::Leave => ("Agent.agentAtOut", Value::Null),
        Act::Token { file } => {
            let token = token::check(&read(file, locale)?);
            let token = token.map_err(|error| CliError::usage(error.message().render(locale)))?;
            ("config.setState", json!({"token": token.expose_secret()}))
        }
        Act::Panel { word: PanelWord::Clear } => ("panel.clear", Value::Null),
        Act::Panel { word: PanelWord::Set { text, markdown, field } } => {
            let params = match text.as_deref() {
                Some(text) => {
                    let text = if text == "-" { read(Path::new("-"), locale)? } else { text.to_owned() };
                    if *markdown { json!({"markdown": text}) } else { json!({"text": text}) }
                }
                None => {
                    let pairs = field.iter().map(|f| f.split_once('=').unwrap_or((f.as_str(), "")));
                    json!({"fields": pairs.map(|(name, value)| json!([name, value])).collect::<Vec<_>>()})
                }
            };
            ("panel.set", params)
        }
    })
}

fn transfer(to: &TransferTo) -> (&'static str, Value) {
    let TransferTo { number, agent, queue, ivr, vcc_id, caller_id } = to;
    match (number, agent, queue, ivr.as_deref()) {
        (_, Some(agent), _, _) => ("Session.transferAg", json!({"transferAgNo": agent})),
        (_, _, Some(queue), _) => ("Session.transferQueue", json!({"queueId": queue, "transVcc": vcc_id})),
        (_, _, _, Some([code, node])) => {
            ("Session.transferIVR", json!({"ivrCode": code, "ivrNode": node, "vccId": vcc_id}))
        }
        (number, _, _, _) => ("Session.transferTel", json!({"transferTel": number, "callerID": caller_id})),
    }
}
