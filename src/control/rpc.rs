//! The JSON-RPC 2.0 envelope (<https://www.jsonrpc.org/specification>), without batches.

use serde_json::{Map, Value, json};

use crate::{
    app::{Refusal, RefusalKind},
    i18n::{Locale, Message},
};

/// Not JSON.
pub(super) const PARSE_ERROR: i64 = -32700;
/// JSON, but no request.
pub(super) const INVALID_REQUEST: i64 = -32600;
/// No such method.
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
/// Wrong parameters.
pub(super) const INVALID_PARAMS: i64 = -32602;
/// It makes no sense in the present state.
const NOT_NOW: i64 = -32001;
/// The same is already under way.
const PENDING: i64 = -32002;
/// The platform said no; `data` has its code and text.
const PLATFORM: i64 = -32003;
/// The platform cannot be reached.
const UNREACHABLE: i64 = -32004;

/// A request; without an `id` nobody wants an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub id: Option<Value>,
    pub method: String,
    pub params: Map<String, Value>,
}

/// A line that is no request: the `id` to answer to as far as it could be read, and the error to answer with.
pub(super) type NoRequest = Box<(Option<Value>, RpcError)>;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RpcError {
    pub code: i64,
    pub message: Message,
    pub data: Option<Value>,
}

impl RpcError {
    pub fn new(code: i64, message: Message) -> Self {
        Self { code, message, data: None }
    }
}

impl From<Refusal> for RpcError {
    fn from(refusal: Refusal) -> Self {
        let (code, kind) = match refusal.kind {
            RefusalKind::NotNow => (NOT_NOW, "not_now"),
            RefusalKind::Invalid => (INVALID_PARAMS, "invalid"),
            RefusalKind::Pending => (PENDING, "pending"),
            RefusalKind::Platform => (PLATFORM, "platform"),
            RefusalKind::Unreachable => (UNREACHABLE, "unreachable"),
        };
        let data = match refusal.platform {
            Some((code, text)) => json!({"kind": kind, "code": code, "message": text}),
            None => json!({"kind": kind}),
        };
        Self { code, message: refusal.message, data: Some(data) }
    }
}

/// Reads a request.
///
/// # Errors
/// [`NoRequest`].
pub(super) fn parse(line: &[u8]) -> Result<Request, NoRequest> {
    let invalid = |id: &Option<Value>, key| Box::new((id.clone(), RpcError::new(INVALID_REQUEST, Message::new(key))));
    let value: Value = serde_json::from_slice(line).map_err(|error| {
        let message = Message::new("control.not_json").with("reason", without_text(&error));
        Box::new((None, RpcError::new(PARSE_ERROR, message)))
    })?;
    let Value::Object(mut fields) = value else {
        return Err(invalid(&None, "control.not_a_request"));
    };
    let id = fields.remove("id");
    if !matches!(id, None | Some(Value::Null | Value::String(_) | Value::Number(_))) {
        return Err(invalid(&None, "control.bad_id"));
    }
    if fields.get("jsonrpc").is_some_and(|version| version != "2.0") {
        return Err(invalid(&id, "control.not_a_request"));
    }
    let Some(Value::String(method)) = fields.remove("method") else {
        return Err(invalid(&id, "control.not_a_request"));
    };
    let params = match fields.remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => {
            return Err(Box::new((id, RpcError::new(INVALID_PARAMS, Message::new("control.params_by_name")))));
        }
    };
    Ok(Request { id, method, params })
}

/// Where and what, never the text itself: it may hold a token.
fn without_text(error: &serde_json::Error) -> String {
    let kind = if error.is_eof() { "unexpected end" } else { "syntax" };
    format!("{kind}, column {}", error.column())
}

/// A line with a result.
pub(super) fn result(id: &Value, result: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string()
}

/// A line with an error, in a language.
pub(super) fn error(id: Option<&Value>, error: &RpcError, locale: Locale) -> String {
    let mut body = json!({"code": error.code, "message": error.message.render(locale)});
    if let (Some(data), Some(fields)) = (&error.data, body.as_object_mut()) {
        fields.insert("data".into(), data.clone());
    }
    json!({"jsonrpc": "2.0", "id": id, "error": body}).to_string()
}

/// A line that nobody asked for.
pub(super) fn notification(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuzz_control() {
        let snapshot = crate::ui::fixtures::in_charge(Locale::En);
        crate::fuzz::run("control", &["tests/corpora/control"], |bytes| match parse(bytes) {
            Ok(request) => match crate::control::methods::resolve(&request.method, request.params, &snapshot) {
                Ok(_) => {}
                Err(wrong) => assert!(!error(request.id.as_ref(), &wrong, Locale::ZhCn).contains('\n')),
            },
            Err(wrong) => {
                let line = error(wrong.0.as_ref(), &wrong.1, Locale::En);
                assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
            }
        });
    }

    #[test]
    fn junk_is_answered_with_the_right_code() {
        for (line, code) in [
            ("", PARSE_ERROR),
            ("{\"token\":\"s3cr3t", PARSE_ERROR),
            ("[1]", INVALID_REQUEST),
            ("7", INVALID_REQUEST),
            ("{}", INVALID_REQUEST),
            (r#"{"jsonrpc":"1.0","method":"status"}"#, INVALID_REQUEST),
            (r#"{"id":{},"method":"status"}"#, INVALID_REQUEST),
            (r#"{"id":1,"method":7}"#, INVALID_REQUEST),
            (r#"{"id":1,"method":"status","params":[1]}"#, INVALID_PARAMS),
        ] {
            let (_, error) = *parse(line.as_bytes()).unwrap_err();
            assert_eq!(error.code, code, "{line}");
            assert!(!format!("{error:?}").contains("s3cr3t"));
        }
        assert_eq!(parse(b"\xff\xfe").unwrap_err().1.code, PARSE_ERROR);
    }

    #[test]
    fn a_platforms_refusal_keeps_its_code_and_text() {
        let refusal = Refusal {
            kind: RefusalKind::Platform,
            message: Message::verbatim("no"),
            platform: Some((40403, "非法操作".into())),
        };
        let line = error(Some(&json!(7)), &refusal.into(), Locale::En);
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            line,
            json!({"jsonrpc": "2.0", "id": 7, "error": {"code": PLATFORM, "message": "no",
                "data": {"kind": "platform", "code": 40403, "message": "非法操作"}}})
        );
    }
}
