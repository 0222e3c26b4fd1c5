//! What can be asked: the SDK's method names, their parameters checked, and the commands they mean.

use serde_json::{Map, Value};

use super::{
    params::{Filter, JournalQuery, Params, clean},
    rpc::{INVALID_PARAMS, METHOD_NOT_FOUND, RpcError},
};
use crate::{
    app::{Command, DeviceWish, LookUp, Snapshot},
    domain::{Callee, Destination},
    i18n::Message,
};

/// What a request wants.
#[derive(Clone, Debug)]
pub(super) enum Call {
    /// Do this and answer with the outcome.
    Command(Command),
    /// The snapshot as JSON.
    Status,
    /// The snapshot now and after every change.
    Watch,
    /// Calls of the journal.
    Journal(JournalQuery),
    /// Sound devices.
    Devices,
    /// Events from now on.
    Subscribe(Filter),
    /// No more events.
    Unsubscribe,
}

/// Stands in [`METHODS`] for parameters that the platform alone understands.
const ANY: &[&str] = &["*"];

/// Every method that is answered, with its parameters. A test compares the SDK's with what it has.
const METHODS: &[(&str, &[&str])] = &[
    ("status", &[]),
    ("status.watch", &[]),
    ("Event.subscribe", &["events"]),
    ("Event.unsubscribe", &[]),
    ("Agent.login", &["force"]),
    ("Agent.logout", &[]),
    ("Agent.ready", &["anyway"]),
    ("Agent.unready", &["reason"]),
    ("Agent.callOut", &["tel", "callerID", "queueId", "userData"]),
    ("Agent.callInner", &["calledAgNo", "callerID"]),
    ("Agent.changeBindTel", &["bindTel", "isWebrtc"]),
    ("Agent.switchMode", &["agType"]),
    ("Agent.takeOutQueue", ANY),
    ("Agent.agentAtIn", &["proID"]),
    ("Agent.agentAtOut", &[]),
    ("Agent.getPro", &[]),
    ("Agent.getCallList", &[]),
    ("Agent.getBusyInfo", &[]),
    ("Session.answer", &[]),
    ("Session.refuse", &[]),
    ("Session.hangup", &[]),
    ("Session.callOutCancel", &[]),
    ("Session.hold", &[]),
    ("Session.unhold", &[]),
    ("Session.mute", &[]),
    ("Session.unmute", &[]),
    ("Session.sendDTMF", &["digits"]),
    ("Session.consultAg", &["consultAgNo", "callerID"]),
    ("Session.consultTel", &["consultTel", "callerID"]),
    ("Session.consultCancel", &[]),
    ("Session.consultReturn", &[]),
    ("Session.consultTransfer", &[]),
    ("Session.consultThreeway", &[]),
    ("Session.consultThreewayReturn", &[]),
    ("Session.transferAg", &["transferAgNo"]),
    ("Session.transferTel", &["transferTel", "callerID"]),
    ("Session.transferQueue", &["queueId", "transVcc"]),
    ("Session.transferIVR", &["ivrCode", "ivrNode", "vccId"]),
    ("Session.transferEvaluate", &[]),
    ("Session.interact", &["ivrCode", "ivrParam"]),
    ("Monitor.spy", &["monitoredAgNo"]),
    ("Monitor.whisper", &["monitoredAgNo"]),
    ("Monitor.whisperCancel", &[]),
    ("Monitor.barge", &["monitoredAgNo"]),
    ("Monitor.disconnect", &["monitoredAgNo"]),
    ("Info.getAgentList", &[]),
    ("Info.getAgentBaseInfo", &[]),
    ("Info.getAgentListByAgNum", ANY),
    ("Info.getBusyReason", &[]),
    ("Info.getCallNum", &[]),
    ("Info.getOnlineAgent", &[]),
    ("Info.getQueue", &[]),
    ("Info.getQueueSum", &["ag_ids"]),
    ("Info.getQueueUpNum", ANY),
    ("Info.getwarnRuleList", &[]),
    ("queue.list", &[]),
    ("journal.list", &["limit", "search"]),
    ("journal.clear", &[]),
    ("afterCall.forget", &[]),
    ("break.request", &["reason", "from", "to", "remark", "approver"]),
    ("break.read", &[]),
    ("reminder.take", &["id"]),
    ("reminder.snooze", &["id"]),
    ("reminder.dismiss", &["id"]),
    ("overtime.acknowledge", &[]),
    ("config.setState", &["token", "callerID", "autoAnswer", "quiet"]),
    ("devices", &[]),
    ("devices.set", &["input", "output", "ring"]),
    ("panel.set", &["text", "markdown", "fields"]),
    ("panel.clear", &[]),
    ("reconnect", &[]),
    ("health.check", &[]),
    ("sound.test", &["on"]),
    ("quit", &[]),
];

/// What a request means.
///
/// # Errors
/// The error to answer with: no such method, or wrong parameters.
pub(super) fn resolve(method: &str, params: Map<String, Value>, snapshot: &Snapshot) -> Result<Call, RpcError> {
    let Some((name, known)) = METHODS.iter().find(|(name, _)| *name == method) else {
        return Err(no_method(method));
    };
    if *known != ANY
        && let Some(unknown) = params.keys().find(|key| !known.contains(&key.as_str()))
    {
        let message = if known.is_empty() { "control.no_params" } else { "control.unknown_param" };
        let message = Message::new(message).with("method", name).with("name", clean(unknown));
        return Err(RpcError::new(INVALID_PARAMS, message.with("known", known.join(", "))));
    }
    let mut params = Params::new(name, params);
    let group = name.split_once('.').map_or("", |(group, _)| group);
    Ok(match (*name, group) {
        ("status", _) => Call::Status,
        ("status.watch", _) => Call::Watch,
        ("devices", _) => Call::Devices,
        ("journal.list", _) => Call::Journal(params.journal_query()?),
        ("Event.subscribe", _) => Call::Subscribe(params.filter()?),
        ("Event.unsubscribe", _) => Call::Unsubscribe,
        (name, "Agent") => Call::Command(agent(name, &mut params, snapshot)?),
        (name, "Session") => Call::Command(session(name, &mut params)?),
        (name, "Monitor") => Call::Command(monitor(name, &mut params)?),
        (name, "Info" | "queue") => Call::Command(Command::LookUp(info(name, &mut params)?)),
        (name, _) => Call::Command(own(name, &mut params, snapshot)?),
    })
}

fn agent(method: &str, params: &mut Params, snapshot: &Snapshot) -> Result<Command, RpcError> {
    Ok(match method {
        "Agent.login" => Command::SignIn { force: params.boolean("force")?.unwrap_or(false) },
        "Agent.logout" => Command::SignOut,
        "Agent.ready" if params.boolean("anyway")?.unwrap_or(false) => Command::ReadyAnyway,
        "Agent.ready" => Command::Ready,
        "Agent.unready" => Command::Busy { reason: params.reason(snapshot)? },
        "Agent.callOut" => Command::Dial {
            number: params.required("tel")?,
            caller_id: params.string("callerID")?,
            queue_id: params.integer("queueId")?,
            user_data: params.string("userData")?,
        },
        "Agent.callInner" => {
            Command::DialAgent { ag_no: params.required("calledAgNo")?, caller_id: params.string("callerID")? }
        }
        "Agent.changeBindTel" => {
            Command::ChangePhone { phone: params.required("bindTel")?, web_phone: params.boolean("isWebrtc")? }
        }
        "Agent.switchMode" => Command::SwitchMode { login_type: params.login_type()? },
        "Agent.takeOutQueue" => Command::TakeFromQueue { fields: params.rest() },
        "Agent.agentAtIn" => Command::JoinProject { id: params.required("proID")? },
        "Agent.agentAtOut" => Command::LeaveProject,
        "Agent.getPro" => Command::LookUp(LookUp::Projects),
        "Agent.getCallList" => Command::LookUp(LookUp::CallerIds),
        "Agent.getBusyInfo" => Command::LookUp(LookUp::BusyInfo),
        other => return Err(no_method(other)),
    })
}

fn session(method: &str, params: &mut Params) -> Result<Command, RpcError> {
    Ok(match method {
        "Session.answer" => Command::Answer,
        "Session.refuse" => Command::Reject,
        "Session.hangup" => Command::HangUp,
        "Session.callOutCancel" => Command::CancelDial,
        "Session.hold" => Command::Hold,
        "Session.unhold" => Command::Unhold,
        "Session.mute" => Command::Mute,
        "Session.unmute" => Command::Unmute,
        "Session.sendDTMF" => Command::SendDtmf { digits: params.digits()? },
        "Session.consultAg" => Command::Consult {
            callee: Callee::Agent(params.required("consultAgNo")?),
            caller_id: params.string("callerID")?,
        },
        "Session.consultTel" => Command::Consult {
            callee: Callee::Number(params.required("consultTel")?),
            caller_id: params.string("callerID")?,
        },
        // One request on the wire (protocol `cti.md` 8.29): the platform decides by the consultation's state.
        "Session.consultCancel" | "Session.consultReturn" => Command::ConsultReturn,
        "Session.consultTransfer" => Command::ConsultTransfer,
        "Session.consultThreeway" => Command::ThreeWay,
        "Session.consultThreewayReturn" => Command::ThreeWayReturn,
        "Session.transferAg" => transfer(Destination::Callee(Callee::Agent(params.required("transferAgNo")?)), None),
        "Session.transferTel" => {
            let to = Destination::Callee(Callee::Number(params.required("transferTel")?));
            transfer(to, params.string("callerID")?)
        }
        "Session.transferQueue" => {
            let id = params.required_integer("queueId")?;
            transfer(Destination::Queue { id, vcc_id: params.tenant("transVcc")? }, None)
        }
        "Session.transferIVR" => transfer(params.ivr()?, None),
        "Session.transferEvaluate" => Command::Evaluate,
        "Session.interact" => {
            Command::Interact { ivr_code: params.required("ivrCode")?, ivr_param: params.string("ivrParam")? }
        }
        other => return Err(no_method(other)),
    })
}

fn transfer(to: Destination, caller_id: Option<String>) -> Command {
    Command::Transfer { to, caller_id }
}

fn monitor(method: &str, params: &mut Params) -> Result<Command, RpcError> {
    Ok(match method {
        "Monitor.spy" => Command::Spy { ag_no: params.required("monitoredAgNo")? },
        "Monitor.whisper" => Command::Whisper { ag_no: params.string("monitoredAgNo")? },
        "Monitor.whisperCancel" => Command::WhisperCancel,
        "Monitor.barge" => Command::Barge { ag_no: params.string("monitoredAgNo")? },
        "Monitor.disconnect" => Command::Disconnect { ag_no: params.string("monitoredAgNo")? },
        other => return Err(no_method(other)),
    })
}

fn info(method: &str, params: &mut Params) -> Result<LookUp, RpcError> {
    Ok(match method {
        "Info.getAgentList" => LookUp::FreeAgents,
        "Info.getAgentBaseInfo" => LookUp::OwnRecord,
        "Info.getAgentListByAgNum" => LookUp::FreeAgentsByNumber(params.rest()),
        "Info.getBusyReason" => LookUp::BusyReasons,
        "Info.getCallNum" => LookUp::OutsideNumbers,
        "Info.getOnlineAgent" => LookUp::AgentsOnLine,
        "Info.getQueue" => LookUp::SkillGroups,
        "Info.getQueueSum" => LookUp::QueueSum(params.array("ag_ids")?),
        "Info.getQueueUpNum" => LookUp::QueueUpNum(params.rest()),
        "Info.getwarnRuleList" => LookUp::WarnRuleList,
        // Only the original's own bar asks for it, so the SDK has no name for it.
        "queue.list" => LookUp::QueueDetail,
        other => return Err(no_method(other)),
    })
}

/// What the SDK has no name for.
fn own(method: &str, params: &mut Params, snapshot: &Snapshot) -> Result<Command, RpcError> {
    Ok(match method {
        "journal.clear" => Command::ClearJournal,
        "afterCall.forget" => Command::ForgetAfterCall,
        "break.request" => Command::RaiseHand(params.wish(snapshot)?),
        "break.read" => Command::ReadBreakNews,
        "reminder.take" => Command::TakeReminder { id: params.required("id")? },
        "reminder.snooze" => Command::SnoozeReminder { id: params.required("id")? },
        "reminder.dismiss" => Command::DismissReminder { id: params.required("id")? },
        "overtime.acknowledge" => Command::AcknowledgeOvertime,
        "config.setState" => params.set_state()?,
        "devices.set" => Command::SetDevices(DeviceWish {
            input: params.string("input")?,
            output: params.string("output")?,
            ring: params.string("ring")?,
        }),
        "panel.set" => Command::SetPanel { content: params.panel()? },
        "panel.clear" => Command::ClearPanel,
        "health.check" => Command::CheckHealth,
        "sound.test" => Command::TestSound { on: params.boolean("on")?.unwrap_or(true) },
        "reconnect" => Command::ReconnectNow,
        "quit" => Command::Quit,
        other => return Err(no_method(other)),
    })
}

fn no_method(method: &str) -> RpcError {
    let nearest = METHODS.iter().map(|(name, _)| *name).min_by_key(|name| strsim::damerau_levenshtein(name, method));
    let message = Message::new("control.no_method").with("method", clean(method));
    RpcError::new(METHOD_NOT_FOUND, message.with("nearest", nearest.unwrap_or_default()))
}
