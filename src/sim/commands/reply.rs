//! What commands answer: codes, the reply, and the refusals and look-ups that commands share.

use serde_json::{Value, json};

use crate::{
    i18n::{Locale, Message},
    sim::{calls::Call, state::Session, world::World},
};

/// Codes this platform answers with. 0, 5015, 34005, 40101, 40403 and 41005 are the vendor's (protocol `cti.md` 2.7); the others are
/// this platform's own.
pub(in crate::sim) mod code {
    pub const OK: i64 = 0;
    pub const BAD_REQUEST: i64 = 40001;
    pub const TOKEN_UNKNOWN: i64 = 40100;
    pub const SIGNED_IN_ALREADY: i64 = 40101;
    pub const TOKEN_EXPIRED: i64 = 40102;
    pub const TOKEN_OF_OTHER: i64 = 40103;
    pub const NOT_SIGNED_IN: i64 = 40401;
    pub const NOT_NOW: i64 = 40402;
    pub const NO_CHANGE: i64 = 40403;
    pub const NO_CALL: i64 = 40404;
    pub const PHONE: i64 = 40405;
    pub const CALLED_AWAY: i64 = 40406;
    pub const BAD_NUMBER: i64 = 40407;
    pub const NO_CUSTOMER: i64 = 40408;
    pub const QUEUE_UNKNOWN: i64 = 40409;
    pub const TENANT_UNKNOWN: i64 = 40410;
    pub const IVR_UNKNOWN: i64 = 40411;
    pub const NOBODY_WAITS: i64 = 40412;
    pub const NOT_SUPERVISOR: i64 = 40413;
    pub const NOT_ON_THE_LINE: i64 = 40414;
    pub const NOT_LISTENING: i64 = 40415;
    pub const NOT_OFFERED: i64 = 40499;
    pub const PROJECT_UNKNOWN: i64 = 41001;
    pub const PROJECT_OFF: i64 = 41002;
    pub const PROJECT_USED_UP: i64 = 41003;
    pub const IN_A_PROJECT: i64 = 41004;
    pub const NOT_IN_PROJECT: i64 = 41005;
    pub const NEEDS_APPROVAL: i64 = 34005;
    pub const NOTE: i64 = 5015;
}

/// An answer, still without a language.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// 0 or the reason why not.
    pub code: i64,
    pub(super) message: Message,
    /// `data`; null stands for the message itself.
    pub data: Value,
}

impl Reply {
    pub(in crate::sim) fn ok() -> Self {
        Self::data(json!({}))
    }

    pub(in crate::sim) fn data(data: Value) -> Self {
        Self { code: code::OK, message: Message::new("sim.ok"), data }
    }

    /// Done, and there is something to tell, which clients take from `data`.
    pub(in crate::sim) fn note(message: Message) -> Self {
        Self { code: code::NOTE, message, data: Value::Null }
    }

    pub(in crate::sim) fn no(code: i64, message: Message) -> Self {
        Self { code, message, data: json!({}) }
    }

    /// The envelope on the wire.
    pub fn to_json(&self, locale: Locale) -> Value {
        let message = self.message.render(locale);
        let data = if self.data.is_null() { json!(message) } else { self.data.clone() };
        json!({"code": self.code, "message": message, "data": data})
    }
}

/// The result of a command, refusals on the left so that `?` reads well.
pub(in crate::sim) type Answer = Result<Reply, Reply>;

pub(in crate::sim) fn bad_field(field: &str) -> Reply {
    Reply::no(code::BAD_REQUEST, Message::new("sim.bad_json").with("field", field))
}

pub(in crate::sim) fn wrong_phase() -> Reply {
    Reply::no(code::NOT_NOW, Message::new("sim.not_in_this_phase"))
}

pub(in crate::sim) fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str, Reply> {
    body.get(field).and_then(Value::as_str).filter(|t| !t.is_empty()).ok_or_else(|| bad_field(field))
}

pub(in crate::sim) fn signed_in<'a>(world: &'a World, ag_no: &str) -> Result<&'a Session, Reply> {
    world
        .session(ag_no)
        .ok_or_else(|| Reply::no(code::NOT_SIGNED_IN, Message::new("sim.not_signed_in").with("agent", ag_no)))
}

pub(in crate::sim) fn session<'a>(world: &'a mut World, ag_no: &str) -> Result<&'a mut Session, Reply> {
    signed_in(world, ag_no)?;
    world
        .session_mut(ag_no)
        .ok_or_else(|| Reply::no(code::NOT_SIGNED_IN, Message::new("sim.not_signed_in").with("agent", ag_no)))
}

pub(in crate::sim) fn own_call<'a>(world: &'a World, ag_no: &str) -> Result<&'a Call, Reply> {
    signed_in(world, ag_no)?
        .call
        .and_then(|no| world.calls.get(&no))
        .ok_or_else(|| Reply::no(code::NO_CALL, Message::new("sim.no_call")))
}
