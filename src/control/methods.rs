//! What can be asked: the SDK's method names, their parameters checked, and the commands they mean.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::rpc::{INVALID_PARAMS, METHOD_NOT_FOUND, RpcError};
use crate::{
    app::{Command, PanelContent, Snapshot},
    config::token,
    i18n::Message,
    panel::fields_of,
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
    /// Events from now on.
    Subscribe(Filter),
    /// No more events.
    Unsubscribe,
}

/// Which events somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Every one.
    All,
    /// Those whose name or one of whose categories is among these.
    Named(Vec<String>),
}

impl Filter {
    /// Whether an event is wanted.
    pub fn wants(&self, name: &str, categories: &[&str]) -> bool {
        match self {
            Filter::All => true,
            Filter::Named(words) => words.iter().any(|w| w == name || categories.contains(&w.as_str())),
        }
    }
}

/// Every method that is answered, with its parameters.
const METHODS: &[(&str, &[&str])] = &[
    ("status", &[]),
    ("status.watch", &[]),
    ("Event.subscribe", &["events"]),
    ("Event.unsubscribe", &[]),
    ("Agent.login", &["force"]),
    ("Agent.logout", &[]),
    ("Agent.ready", &[]),
    ("Agent.unready", &["reason"]),
    ("Agent.callOut", &["tel", "callerID", "queueId", "userData"]),
    ("Agent.callInner", &["calledAgNo", "callerID"]),
    ("Session.answer", &[]),
    ("Session.refuse", &[]),
    ("Session.hangup", &[]),
    ("Session.callOutCancel", &[]),
    ("Session.hold", &[]),
    ("Session.unhold", &[]),
    ("Session.mute", &[]),
    ("Session.unmute", &[]),
    ("Session.sendDTMF", &["digits"]),
    ("config.setState", &["token", "callerID", "autoAnswer"]),
    ("panel.set", &["text", "markdown", "fields"]),
    ("panel.clear", &[]),
    ("reconnect", &[]),
    ("quit", &[]),
];

/// Methods of the SDK that this version does not do yet.
const LATER: &[&str] = &[
    "Agent.changeBindTel",
    "Agent.switchMode",
    "Agent.takeOutQueue",
    "Agent.agentAtIn",
    "Agent.agentAtOut",
    "Agent.getPro",
    "Session.consultAg",
    "Session.consultTel",
    "Session.consultCancel",
    "Session.consultReturn",
    "Session.consultTransfer",
    "Session.consultThreeway",
    "Session.consultThreewayReturn",
    "Session.transferAg",
    "Session.transferTel",
    "Session.transferQueue",
    "Session.transferIVR",
    "Session.transferEvaluate",
    "Session.interact",
];

/// Groups of such methods.
const LATER_GROUPS: &[&str] = &["Monitor.", "Info."];

/// What a request means.
///
/// # Errors
/// The error to answer with: no such method, not yet, or wrong parameters.
pub(super) fn resolve(method: &str, params: Map<String, Value>, snapshot: &Snapshot) -> Result<Call, RpcError> {
    let Some((name, known)) = METHODS.iter().find(|(name, _)| *name == method) else {
        return Err(no_method(method));
    };
    if let Some(unknown) = params.keys().find(|key| !known.contains(&key.as_str())) {
        let message = if known.is_empty() { "control.no_params" } else { "control.unknown_param" };
        let message = Message::new(message).with("method", name).with("name", clean(unknown));
        return Err(RpcError::new(INVALID_PARAMS, message.with("known", known.join(", "))));
    }
    let mut params = Params { method: name, values: params };
    Ok(match *name {
        "status" => Call::Status,
        "status.watch" => Call::Watch,
        "Event.subscribe" => Call::Subscribe(params.filter()?),
        "Event.unsubscribe" => Call::Unsubscribe,
        other => Call::Command(command(other, &mut params, snapshot)?),
    })
}

fn command(method: &str, params: &mut Params, snapshot: &Snapshot) -> Result<Command, RpcError> {
    Ok(match method {
        "Agent.login" => Command::SignIn { force: params.boolean("force")?.unwrap_or(false) },
        "Agent.logout" => Command::SignOut,
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
        "Session.answer" => Command::Answer,
        "Session.refuse" => Command::Reject,
        "Session.hangup" | "Session.callOutCancel" => Command::HangUp,
        "Session.hold" => Command::Hold,
        "Session.unhold" => Command::Unhold,
        "Session.mute" => Command::Mute,
        "Session.unmute" => Command::Unmute,
        "Session.sendDTMF" => Command::SendDtmf { digits: params.digits()? },
        "config.setState" => params.set_state()?,
        "panel.set" => Command::SetPanel { content: params.panel()? },
        "panel.clear" => Command::ClearPanel,
        "reconnect" => Command::ReconnectNow,
        "quit" => Command::Quit,
        other => return Err(no_method(other)),
    })
}

fn no_method(method: &str) -> RpcError {
    if LATER.contains(&method) || LATER_GROUPS.iter().any(|group| method.starts_with(group)) {
        return RpcError::new(METHOD_NOT_FOUND, Message::new("control.not_yet").with("method", clean(method)));
    }
    let nearest = METHODS.iter().map(|(name, _)| *name).min_by_key(|name| strsim::damerau_levenshtein(name, method));
    let message = Message::new("control.no_method").with("method", clean(method));
    RpcError::new(METHOD_NOT_FOUND, message.with("nearest", nearest.unwrap_or_default()))
}

/// A stranger's word, short and printable.
fn clean(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// The parameters of one request.
struct Params {
    method: &'static str,
    values: Map<String, Value>,
}

impl Params {
    fn wrong(&self, name: &'static str, expected: &'static str) -> RpcError {
        let message = Message::new("control.bad_param").with("method", self.method).with("name", name);
        RpcError::new(INVALID_PARAMS, message.with("expected", expected))
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.values.remove(name).filter(|value| !value.is_null())
    }

    /// A string; a number is taken as its digits, as the platform does.
    fn string(&mut self, name: &'static str) -> Result<Option<String>, RpcError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_) | Value::Null) => Err(self.wrong(name, "string")),
        }
    }

    fn required(&mut self, name: &'static str) -> Result<String, RpcError> {
        self.string(name)?.ok_or_else(|| {
            let message = Message::new("control.missing_param").with("method", self.method).with("name", name);
            RpcError::new(INVALID_PARAMS, message)
        })
    }

    fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, RpcError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value.as_bool().map(Some).ok_or_else(|| self.wrong(name, "true / false")),
        }
    }

    fn integer(&mut self, name: &'static str) -> Result<Option<i64>, RpcError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        number.map(Some).ok_or_else(|| self.wrong(name, "integer"))
    }

    /// A busy reason by its number or by its name.
    fn reason(&mut self, snapshot: &Snapshot) -> Result<Option<i64>, RpcError> {
        let Some(value) = self.take("reason") else { return Ok(None) };
        if let Some(id) = value.as_i64() {
            return Ok(Some(id));
        }
        let Some(text) = value.as_str().map(str::trim) else { return Err(self.wrong("reason", "integer / string")) };
        if text.is_empty() {
            return Ok(None);
        }
        if let Some(reason) = snapshot.busy_reasons.iter().find(|reason| reason.name == text) {
            return Ok(Some(reason.id));
        }
        text.parse().map(Some).map_err(|_| {
            let known: Vec<String> = snapshot.busy_reasons.iter().map(|r| format!("{} {}", r.id, r.name)).collect();
            let message = if known.is_empty() { "control.no_reasons" } else { "control.unknown_reason" };
            let message = Message::new(message).with("reason", clean(text)).with("known", known.join(", "));
            RpcError::new(INVALID_PARAMS, message)
        })
    }

    fn digits(&mut self) -> Result<String, RpcError> {
        let digits = self.required("digits")?.to_ascii_uppercase();
        if digits.len() <= 64 && digits.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D')) {
            return Ok(digits);
        }
        Err(self.wrong("digits", "0-9 * # A-D, 1..64"))
    }

    fn filter(&mut self) -> Result<Filter, RpcError> {
        let words = match self.take("events") {
            None => return Ok(Filter::All),
            Some(Value::String(word)) => vec![word],
            Some(Value::Array(words)) => {
                let texts: Option<Vec<String>> = words.iter().map(|w| w.as_str().map(str::to_owned)).collect();
                texts.ok_or_else(|| self.wrong("events", "[string, ...]"))?
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_) | Value::Null) => {
                return Err(self.wrong("events", "[string, ...]"));
            }
        };
        if words.is_empty() {
            return Err(self.wrong("events", "[string, ...]"));
        }
        Ok(if words.iter().any(|word| word == "all") { Filter::All } else { Filter::Named(words) })
    }

    /// One thing at a time: the token, the caller ID or auto-answer.
    fn set_state(&mut self) -> Result<Command, RpcError> {
        if self.values.len() != 1 {
            return Err(RpcError::new(INVALID_PARAMS, Message::new("control.one_state")));
        }
        if self.values.contains_key("token") {
            let text = SecretString::from(self.required("token")?);
            let token = token::check(text.expose_secret());
            return Ok(Command::SetToken { token: token.map_err(|e| RpcError::new(INVALID_PARAMS, e.message()))? });
        }
        if let Some(on) = self.boolean("autoAnswer")? {
            return Ok(Command::SetAutoAnswer { on });
        }
        Ok(Command::ChooseCallerId { value: self.required("callerID")? })
    }

    fn panel(&mut self) -> Result<PanelContent, RpcError> {
        if self.values.len() != 1 {
            return Err(RpcError::new(INVALID_PARAMS, Message::new("control.one_panel")));
        }
        if let Some(text) = self.string("text")? {
            return Ok(PanelContent::Text(text));
        }
        if let Some(markdown) = self.string("markdown")? {
            return Ok(PanelContent::Markdown(markdown));
        }
        let fields = self.take("fields").as_ref().and_then(fields_of);
        fields
            .map(PanelContent::Fields)
            .ok_or_else(|| self.wrong("fields", "{name: value, ...} / [{name, value}, ...]"))
    }
}
