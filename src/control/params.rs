//! The parameters of one request, taken one by one and checked.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::rpc::{INVALID_PARAMS, RpcError};
use crate::{
    app::{BreakWish, Command, PanelContent, Snapshot},
    config::{LoginType, token},
    domain::{Destination, Preference},
    i18n::Message,
    panel::fields_of,
};

/// Which calls of the journal somebody wants: the newest that a search finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JournalQuery {
    /// Most of them.
    pub limit: usize,
    /// Words that are all to be found in a call's line.
    pub search: String,
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

/// Calls of the journal that are listed unless more or fewer are asked for, and most that can be.
const LISTED: (usize, usize) = (50, 10_000);

/// A stranger's word, short and printable.
pub(super) fn clean(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// The parameters of one request.
pub(super) struct Params {
    method: &'static str,
    values: Map<String, Value>,
}

impl Params {
    pub fn new(method: &'static str, values: Map<String, Value>) -> Self {
        Self { method, values }
    }

    /// All that are left, for what the platform alone understands.
    pub fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.values)
    }

    fn wrong(&self, name: &'static str, expected: &'static str) -> RpcError {
        let message = Message::new("control.bad_param").with("method", self.method).with("name", name);
        RpcError::new(INVALID_PARAMS, message.with("expected", expected))
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.values.remove(name).filter(|value| !value.is_null())
    }

    /// A string; a number is taken as its digits, as the platform does.
    pub fn string(&mut self, name: &'static str) -> Result<Option<String>, RpcError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_) | Value::Null) => Err(self.wrong(name, "string")),
        }
    }

    pub fn required(&mut self, name: &'static str) -> Result<String, RpcError> {
        self.string(name)?.ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &'static str) -> RpcError {
        let message = Message::new("control.missing_param").with("method", self.method).with("name", name);
        RpcError::new(INVALID_PARAMS, message)
    }

    pub fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, RpcError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value.as_bool().map(Some).ok_or_else(|| self.wrong(name, "true / false")),
        }
    }

    pub fn integer(&mut self, name: &'static str) -> Result<Option<i64>, RpcError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        number.map(Some).ok_or_else(|| self.wrong(name, "integer"))
    }

    /// A busy reason by its number or by its name.
    pub fn reason(&mut self, snapshot: &Snapshot) -> Result<Option<i64>, RpcError> {
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

    pub fn digits(&mut self) -> Result<String, RpcError> {
        let digits = self.required("digits")?.to_ascii_uppercase();
        if digits.len() <= 64 && digits.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D')) {
            return Ok(digits);
        }
        Err(self.wrong("digits", "0-9 * # A-D, 1..64"))
    }

    pub fn filter(&mut self) -> Result<Filter, RpcError> {
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

    pub fn required_integer(&mut self, name: &'static str) -> Result<i64, RpcError> {
        self.integer(name)?.ok_or_else(|| self.missing(name))
    }

    /// Another tenant's id; 0 and nothing are the own one (protocol `cti.md` 2.4).
    pub fn tenant(&mut self, name: &'static str) -> Result<Option<i64>, RpcError> {
        Ok(self.integer(name)?.filter(|id| *id != 0))
    }

    pub fn ivr(&mut self) -> Result<Destination, RpcError> {
        let (code, node) = (self.required("ivrCode")?, self.required("ivrNode")?);
        Ok(Destination::Ivr { code, node, vcc_id: self.tenant("vccId")? })
    }

    /// `agType`: 1 dynamic, 2 static.
    pub fn login_type(&mut self) -> Result<LoginType, RpcError> {
        match self.required_integer("agType")? {
            1 => Ok(LoginType::Dynamic),
            2 => Ok(LoginType::Static),
            _ => Err(self.wrong("agType", "1 / 2")),
        }
    }

    pub fn array(&mut self, name: &'static str) -> Result<Option<Vec<Value>>, RpcError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) | Value::Null) => {
                Err(self.wrong(name, "[...]"))
            }
        }
    }

    /// A break as it is asked for; what is missing or wrong in it is told by who takes it.
    pub fn wish(&mut self, snapshot: &Snapshot) -> Result<BreakWish, RpcError> {
        Ok(BreakWish {
            reason: self.reason(snapshot)?,
            from: self.string("from")?.unwrap_or_default(),
            to: self.string("to")?.unwrap_or_default(),
            remark: self.string("remark")?.unwrap_or_default(),
            approver: self.string("approver")?.unwrap_or_default(),
        })
    }

    pub fn journal_query(&mut self) -> Result<JournalQuery, RpcError> {
        let limit = self.integer("limit")?.map_or(Ok(LISTED.0), usize::try_from);
        let limit = limit.ok().filter(|limit| (1..=LISTED.1).contains(limit));
        let limit = limit.ok_or_else(|| self.wrong("limit", "integer, 1..10000"))?;
        Ok(JournalQuery { limit, search: self.string("search")?.unwrap_or_default() })
    }

    /// One thing at a time: the token, the caller ID, auto-answer or quiet mode.
    pub fn set_state(&mut self) -> Result<Command, RpcError> {
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
        if let Some(on) = self.boolean("quiet")? {
            return Ok(Command::Prefer(Preference::Quiet(on)));
        }
        Ok(Command::ChooseCallerId { value: self.required("callerID")? })
    }

    pub fn panel(&mut self) -> Result<PanelContent, RpcError> {
        if self.values.len() != 1 {
            return Err(RpcError::new(INVALID_PARAMS, Message::new("control.one_panel")));
        }
        if self.values.contains_key("text") {
            return Ok(PanelContent::Text(self.required("text")?));
        }
        if self.values.contains_key("markdown") {
            return Ok(PanelContent::Markdown(self.required("markdown")?));
        }
        let fields = self.take("fields").as_ref().and_then(fields_of);
        fields
            .map(PanelContent::Fields)
            .ok_or_else(|| self.wrong("fields", "{name: value, ...} / [{name, value}, ...]"))
    }
}
