//! The platform's answers: `{"code":..,"message":..,"data":..}`, plain or wrapped in a JSONP callback.

use serde_json::Value;

use super::{
    api::{ApiError, Reply},
    value,
};

/// The code of success in look-ups (protocol `cti.md` 2.7).
const LOOK_UP_OK: i64 = 200;

/// Reads the answer to a command.
///
/// # Errors
/// [`ApiError::Status`] for a status that is not success, [`ApiError::NotJson`] for anything but an envelope.
pub(super) fn command(status: u16, body: &str) -> Result<Reply, ApiError> {
    read(status, body, parse(body))
}

/// Reads the answer to a look-up: as a command's, but wrapped in a callback, or plain, and with 200 for success.
///
/// # Errors
/// As [`command`].
pub(super) fn look_up(status: u16, body: &str) -> Result<Reply, ApiError> {
    let mut reply = read(status, body, parse(body).or_else(|| parse(unwrapped(body)?)))?;
    if reply.code == LOOK_UP_OK {
        reply.code = 0;
    }
    Ok(reply)
}

/// Codes of success in the web API (protocol `cti.md` 2.7).
const WEB_OK: [i64; 3] = [0, 200, 1000];

/// Reads an answer of the original bar's web API: without a code it is success, and what is told may be in `result`.
///
/// # Errors
/// As [`command`].
pub(super) fn web(status: u16, body: &str) -> Result<Reply, ApiError> {
    let mut parsed = parse(body);
    if let Some(Value::Object(fields)) = &mut parsed {
        fields.entry("code").or_insert_with(|| Value::from(0));
        if let Some(result) = fields.remove("result") {
            fields.insert("data".to_owned(), result);
        }
    }
    let mut reply = read(status, body, parsed)?;
    if WEB_OK.contains(&reply.code) {
        reply.code = 0;
    }
    Ok(reply)
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
}

/// What is between the outermost parentheses of `name({..});`, whatever is called and however it is guarded
/// (`/**/ typeof cb === 'function' && cb({..});`). It is read as JSON and nothing else.
fn unwrapped(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('(')?;
    let (inside, tail) = rest.rsplit_once(')')?;
    tail.chars().all(|c| c == ';' || c.is_whitespace()).then_some(inside)
}

fn read(status: u16, body: &str, parsed: Option<Value>) -> Result<Reply, ApiError> {
    let code = parsed.as_ref().and_then(|fields| value::integer(fields.get("code")));
    let message = parsed.as_ref().map(message).unwrap_or_default();
    if !(200..300).contains(&status) {
        let message = match code {
            Some(code) if code != 0 && code != i64::from(status) && !message.is_empty() => {
                format!("{message} ({code})")
            }
            _ => message,
        };
        return Err(ApiError::Status { status, message });
    }
    match (parsed, code) {
        (Some(Value::Object(mut fields)), Some(code)) => {
            Ok(Reply { code, message, data: fields.remove("data").unwrap_or(Value::Null) })
        }
        _ => Err(ApiError::NotJson { start: value::beginning(body) }),
    }
}

/// The platform's words, under any of the names they are seen under.
fn message(fields: &Value) -> String {
    ["message", "msg", "description", "errorMsg", "error_description", "error"]
        .into_iter()
        .find_map(|name| value::label(fields.get(name)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn reply(code: i64, message: &str, data: Value) -> Result<Reply, ApiError> {
        Ok(Reply { code, message: message.into(), data })
    }

    fn replies(name: &'static str, read: fn(u16, &str) -> Result<Reply, ApiError>) {
        crate::fuzz::run(name, &["tests/corpora/http"], |bytes| {
            let status = if bytes.first().is_some_and(|first| first % 16 == 0) { 502 } else { 200 };
            if let Err(ApiError::NotJson { start }) = read(status, &String::from_utf8_lossy(bytes)) {
                assert!(start.chars().count() <= 80 && !start.chars().any(char::is_control), "{start:?}");
            }
        });
    }

    #[test]
    fn fuzz_http_replies() {
        replies("http-replies", command);
    }

    #[test]
    fn fuzz_jsonp() {
        replies("jsonp", look_up);
    }

    #[test]
    fn fuzz_web_replies() {
        replies("web-replies", web);
    }

    #[test]
    fn envelopes_in_all_their_forms() {
        let data = json!({"regId": "R1"});
        for (body, expected) in [
            (r#"{"code":0,"message":"ok","data":{"regId":"R1"}}"#, reply(0, "ok", data.clone())),
            (r#"{"code":"0","data":{"regId":"R1"}}"#, reply(0, "", data.clone())),
            ("\u{feff} {\"code\":0.0}\n", reply(0, "", Value::Null)),
            (
                r#"{"code":40101,"message":"坐席已在别处登录","data":null}"#,
                reply(40101, "坐席已在别处登录", Value::Null),
            ),
            (r#"{"code":5,"msg":"x"}"#, reply(5, "x", Value::Null)),
            (r#"{"code":5,"message":"","description":"x"}"#, reply(5, "x", Value::Null)),
        ] {
            assert_eq!(command(200, body), expected, "{body}");
        }
    }

    #[test]
    fn the_web_api_answers_in_forms_of_its_own() {
        for (body, expected) in [
            (r#"{"code":200,"result":7}"#, reply(0, "", json!(7))),
            (r#"{"result":[{"users":[]}]}"#, reply(0, "", json!([{"users": []}]))),
            (r#"{"code":1000,"data":{"logoutTime":1}}"#, reply(0, "", json!({"logoutTime": 1}))),
            (r#"{"code":"200","errorMsg":"提交成功"}"#, reply(0, "提交成功", Value::Null)),
            (r#"{"code":"400","errorMsg":"时间冲突"}"#, reply(400, "时间冲突", Value::Null)),
            (r#"{"result":{"state":1,"content":"x"}}"#, reply(0, "", json!({"state": 1, "content": "x"}))),
            (r#"{"code":0,"data":{"rules":[]}}"#, reply(0, "", json!({"rules": []}))),
        ] {
            assert_eq!(web(200, body), expected, "{body}");
        }
        assert!(matches!(web(200, "<p>login</p>"), Err(ApiError::NotJson { .. })));
        assert!(matches!(web(401, r#"{"error":"invalid_token"}"#), Err(ApiError::Status { status: 401, .. })));
    }

    #[test]
    fn debug_never_shows_the_data() {
        let reply = command(200, r#"{"code":0,"message":"ok","data":{"phopass":"s3cr3t"}}"#).unwrap();
        assert_eq!(format!("{reply:?}"), r#"Reply { code: 0, message: "ok", .. }"#);
        assert_eq!(reply.data["phopass"], "s3cr3t");
    }

    #[test]
    fn what_is_no_envelope_is_shown() {
        let start = |start: &str| Err(ApiError::NotJson { start: start.into() });
        for (body, expected) in [
            ("<html><title>Sign in to the network</title></html>", start("Sign in to the network")),
            ("", start("")),
            ("[1]", start("[1]")),
            ("{\"data\":1}", start("{\"data\":1}")),
            ("{\"code\":null}", start("{\"code\":null}")),
            ("cb({\"code\":0})", start("cb({\"code\":0})")),
        ] {
            assert_eq!(command(200, body), expected, "{body}");
        }
    }

    #[test]
    fn a_bad_status_tells_the_bodys_own_words() {
        let status = |status, message: &str| Err(ApiError::Status { status, message: message.into() });
        for (code, body, expected) in [
            (500, "", status(500, "")),
            (502, "<html>Bad Gateway</html>", status(502, "")),
            (401, r#"{"error":"invalid_token","error_description":"expired"}"#, status(401, "expired")),
            (400, r#"{"code":40101,"message":"elsewhere"}"#, status(400, "elsewhere (40101)")),
            (503, r#"{"code":503,"message":"full"}"#, status(503, "full")),
            (500, r#"{"code":0,"message":"ok"}"#, status(500, "ok")),
            (302, "", status(302, "")),
        ] {
            assert_eq!(command(code, body), expected, "{code} {body}");
        }
    }

    #[test]
    fn look_ups_are_unwrapped_whatever_the_callback() {
        let data = json!([{"id": "3", "que_name": "Q (1)"}]);
        let envelope = r#"{"code":200,"data":[{"id":"3","que_name":"Q (1)"}]}"#;
        for body in [
            format!("jQuery361_1({envelope})"),
            format!("a.b['c']({envelope});\n"),
            format!("/**/ typeof cb === 'function' && cb({envelope});"),
            envelope.to_owned(),
            envelope.replace("200", "\"200\""),
            envelope.replace("200", "0"),
        ] {
            assert_eq!(look_up(200, &body), reply(0, "", data.clone()), "{body}");
        }
        assert_eq!(look_up(200, r#"cb({"code":403,"message":"no"})"#), reply(403, "no", Value::Null));
        for body in ["cb(alert(1))", "cb({\"code\":200}); evil()", "cb", ")(", "<p>(no)</p>"] {
            assert!(matches!(look_up(200, body), Err(ApiError::NotJson { .. })), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_survived(status in 100_u16..600, body in ".{0,200}") {
            for result in [command(status, &body), look_up(status, &body)] {
                if let Err(ApiError::NotJson { start }) = result {
                    prop_assert!(start.chars().count() <= 80 && !start.chars().any(char::is_control));
                }
            }
        }
    }
}
