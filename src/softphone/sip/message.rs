//! SIP messages as text: read liberally, written strictly (RFC 3261 7, 20, 25).
//!
//! Header values are kept as they came: what is echoed (Via, From, Record-Route, a remote Contact) must go back byte for
//! byte, and the rest is looked at only where it matters.

use std::fmt::Write;

use thiserror::Error;

use super::{
    body::Body,
    headers::{Headers, clean, name_addr, param, read_headers, scheme_is_sip, tag},
};

/// Why a frame is not a SIP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Junk {
    #[error("no start line")]
    Start,
    #[error("no blank line after the headers")]
    NoEnd,
    #[error("no Via to answer to")]
    NoVia,
}

/// What a WebSocket frame holds.
#[derive(Debug)]
pub(super) enum Incoming {
    Request(Request),
    Response(Response),
    /// CRLFCRLF: the other side's keep-alive (RFC 5626 3.5.1), to be answered with CRLF.
    Ping,
    /// CRLF or nothing: the answer to ours.
    Pong,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: Headers,
    pub(super) body: String,
    /// What is wrong with the frame itself, for which it can only be refused: status code and reason.
    broken: Option<(u16, &'static str)>,
}

/// A response that came.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) code: u16,
    pub(super) reason: String,
    pub(super) headers: Headers,
    pub(super) body: String,
}

impl Response {
    /// The session description it brings.
    pub(super) fn sdp(&self) -> Option<&str> {
        match Body::of(&self.headers, &self.body) {
            Body::Session(sdp) => Some(sdp),
            Body::Empty | Body::Foreign => None,
        }
    }

    /// The number of CSeq, if it is the answer to such a request.
    pub(super) fn cseq_of(&self, method: &str) -> Option<u32> {
        let (number, asked) = self.headers.get("CSeq")?.split_once([' ', '\t'])?;
        number.parse().ok().filter(|_| asked.trim() == method)
    }
}

/// Reads one WebSocket frame. Never fails on anything but what cannot be answered at all.
pub(super) fn parse(frame: &[u8]) -> Result<Incoming, Junk> {
    if frame.iter().all(|b| matches!(b, b'\r' | b'\n')) {
        return Ok(if frame.len() > 2 { Incoming::Ping } else { Incoming::Pong });
    }
    let from = frame.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or_default();
    let message = frame.get(from..).unwrap_or_default();
    let (head, body) = cut(message, b"\r\n\r\n").or_else(|| cut(message, b"\n\n")).ok_or(Junk::NoEnd)?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let start = lines.next().ok_or(Junk::Start)?;
    let headers = read_headers(lines);
    // Counted in bytes, before anything that is not UTF-8 changes its length.
    let (body, length) = cut_body(body, &headers);
    let body = String::from_utf8_lossy(body).into_owned();
    if let Some(rest) = start.strip_prefix("SIP/2.0 ") {
        let (code, reason) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
        let code = code.parse().ok().filter(|code| (100..700).contains(code)).ok_or(Junk::Start)?;
        let reason = clean(reason).chars().take(120).collect();
        return Ok(Incoming::Response(Response { code, reason, headers, body }));
    }
    let (method, uri, version) = start_line(start).ok_or(Junk::Start)?;
    if !method.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b)) {
        return Err(Junk::Start);
    }
    if headers.get("Via").is_none() {
        return Err(Junk::NoVia);
    }
    let broken = if !version.eq_ignore_ascii_case("SIP/2.0") {
        Some((505, "Version Not Supported"))
    } else if uri.contains(char::is_whitespace) || uri.starts_with('<') {
        Some((400, "Bad Request URI"))
    } else {
        length
    };
    Ok(Incoming::Request(Request { method: method.into(), uri: uri.into(), headers, body, broken }))
}

/// Method, request URI and version; several spaces count as one.
fn start_line(line: &str) -> Option<(&str, &str, &str)> {
    let (method, rest) = line.trim().split_once([' ', '\t'])?;
    let (uri, version) = rest.rsplit_once([' ', '\t'])?;
    let has_version = version.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("SIP/"));
    (has_version && !uri.trim().is_empty()).then(|| (method, uri.trim(), version))
}

/// On a WebSocket the frame ends the message, so that Content-Length may be missing (RFC 7118 5.1); what is there must be
/// true. More than it says is noise (RFC 3261 18.3).
fn cut_body<'a>(body: &'a [u8], headers: &Headers) -> (&'a [u8], Option<(u16, &'static str)>) {
    let mut lengths = headers.all("Content-Length");
    let Some(first) = lengths.next() else { return (body, None) };
    if lengths.any(|other| other != first) {
        return (body, Some((400, "Several Content-Length")));
    }
    match first.parse::<usize>() {
        Ok(length) => body.get(..length).map_or((body, Some((400, "Body Shorter Than Content-Length"))), |b| (b, None)),
        Err(_) => (body, Some((400, "Bad Content-Length"))),
    }
}

/// What stands before and after the first `mark`.
fn cut<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

impl Request {
    /// The tag of From; empty for the old clients that send none.
    pub(super) fn tag_of_from(&self) -> &str {
        self.headers.get("From").and_then(tag).unwrap_or_default()
    }

    /// The tag of To: there inside a dialog, not there when one begins.
    pub(super) fn tag_of_to(&self) -> Option<&str> {
        self.headers.get("To").and_then(tag)
    }

    /// Call-ID, empty if missing.
    pub(super) fn call_id(&self) -> &str {
        self.headers.get("Call-ID").unwrap_or_default()
    }

    /// The number of CSeq, if its method is the request's.
    pub(super) fn cseq(&self) -> Option<u32> {
        let (number, method) = self.headers.get("CSeq")?.split_once([' ', '\t'])?;
        number.parse().ok().filter(|_| method.trim() == self.method)
    }

    /// The top Via's branch.
    pub(super) fn branch(&self) -> Option<&str> {
        let via = self.headers.values("Via").next()?;
        param(via.split_once(';')?.1, "branch")
    }

    /// Why it cannot be served at all (RFC 3261 8.2): status code and reason.
    pub(super) fn flaw(&self) -> Option<(u16, &'static str)> {
        let uri = |name| self.headers.get(name).and_then(name_addr).is_some();
        let twice = |name: &&str| self.headers.all(name).nth(1).is_some();
        let via = |via: &str| via.split('/').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("SIP"));
        if self.broken.is_some() {
            self.broken
        } else if !uri("From")
            || !uri("To")
            || self.call_id().is_empty()
            || self.cseq().is_none()
            || ["From", "To", "Call-ID", "CSeq"].iter().any(twice)
            || !self.headers.values("Via").all(via)
        {
            Some((400, "Bad Request"))
        } else if !scheme_is_sip(&self.uri) {
            Some((416, "Unsupported URI Scheme"))
        } else if self.method == "INVITE"
            && self.tag_of_to().is_none()
            && self.headers.values("Contact").next().and_then(name_addr).is_none()
        {
            Some((400, "Missing Contact"))
        } else {
            None
        }
    }
}

/// A message being written.
#[derive(Debug)]
pub(super) struct Writer(String);

impl Writer {
    /// Begins a request.
    pub(super) fn request(method: &str, uri: &str) -> Self {
        Self(format!("{method} {uri} SIP/2.0\r\n"))
    }

    /// Begins the response to a request, with everything that must be echoed (RFC 3261 8.2.6.2). `tag` is put on a To
    /// that has none; Record-Route is echoed where a dialog is made (12.1.1).
    pub(super) fn response(request: &Request, code: u16, reason: &str, tag: Option<&str>) -> Self {
        let mut writer = Self(format!("SIP/2.0 {code} {reason}\r\n"));
        if request.method == "INVITE" && (101..300).contains(&code) {
            for route in request.headers.all("Record-Route") {
                writer = writer.header("Record-Route", route);
            }
        }
        for via in request.headers.all("Via") {
            writer = writer.header("Via", via);
        }
        for name in ["To", "From", "Call-ID", "CSeq"] {
            match (request.headers.get(name), tag) {
                (Some(value), Some(tag)) if name == "To" && request.tag_of_to().is_none() => {
                    writer = writer.header(name, &format!("{value};tag={tag}"));
                }
                (Some(value), _) => writer = writer.header(name, value),
                (None, _) => {}
            }
        }
        writer
    }

    /// One header field.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        // A line break would let a value become another header.
        let value: String = value.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        self.0.push_str(name);
        self.0.push_str(": ");
        self.0.push_str(&value);
        self.0.push_str("\r\n");
        self
    }

    /// Ends a message without a body.
    pub(super) fn end(self) -> String {
        let mut text = self.header("Content-Length", "0").0;
        text.push_str("\r\n");
        text
    }

    /// Ends a message with a session description.
    pub(super) fn sdp(self, sdp: &str) -> String {
        let mut text = self.header("Content-Type", "application/sdp").0;
        // Writing to a String cannot fail.
        write!(text, "Content-Length: {}\r\n\r\n{sdp}", sdp.len()).ok();
        text
    }
}

/// The message for the log: credentials and challenges blotted out, and the keys of the session description.
pub(super) fn redact(text: &str) -> String {
    const SECRET: [&str; 5] =
        ["authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info"];
    let mut secret = false;
    let mut shown = String::with_capacity(text.len());
    for line in text.lines() {
        if !line.starts_with([' ', '\t']) {
            let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
            secret = SECRET.contains(&name.as_str());
            if secret {
                shown.push_str(&name);
                shown.push_str(": (hidden)\n");
            } else if line.starts_with("a=ice-pwd") || line.starts_with("a=crypto") {
                shown.push_str("(hidden)\n");
                continue;
            }
        }
        if !secret {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::sip::digest::Challenge;
    use crate::softphone::sip::headers::{split_list, user_of};

    #[test]
    fn fuzz_sip() {
        crate::fuzz::run("sip", &["tests/corpora/sip", "tests/torture"], |bytes| {
            let headers = match parse(bytes) {
                Ok(Incoming::Request(request)) => {
                    let refusal = request.flaw().unwrap_or((200, "OK"));
                    let answer = Writer::response(&request, refusal.0, refusal.1, Some("tag")).end();
                    assert!(!answer.contains("\n\n") && answer.ends_with("\r\n\r\n"), "{answer:?}");
                    let _seen = (request.tag_of_from(), request.tag_of_to(), request.call_id(), request.branch());
                    let _uri = (scheme_is_sip(&request.uri), user_of(&request.uri), request.cseq());
                    if let Body::Session(sdp) = Body::of(&request.headers, &request.body) {
                        assert!(request.body.contains(sdp));
                    }
                    request.headers
                }
                Ok(Incoming::Response(response)) => {
                    assert!((100..700).contains(&response.code));
                    let _seen = (response.sdp().map(str::len), response.cseq_of("INVITE"));
                    response.headers
                }
                Ok(Incoming::Ping | Incoming::Pong) | Err(_) => return,
            };
            assert!(Challenge::choose(&headers).len() <= 16);
            for name in ["Contact", "From", "To", "Via", "Route", "Retry-After", "Expires"] {
                for value in headers.values(name) {
                    if let Some((uri, params)) = name_addr(value) {
                        drop((user_of(uri), param(params, "tag"), tag(value)));
                    }
                }
                assert!(headers.seconds(name).is_none_or(|_| headers.get(name).is_some()));
            }
            drop(redact(&String::from_utf8_lossy(bytes)));
        });
    }

    fn request(text: &str) -> Request {
        match parse(text.as_bytes()) {
            Ok(Incoming::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn compact_names_folding_and_a_missing_content_length_are_read() {
        let request = request(
            "INVITE sip:a@b;transport=ws SIP/2.0\r\nv: SIP/2.0/WSS x;branch=z9hG4bK1,\r\n SIP/2.0/UDP y;branch=2\r\n\
             f: \"Wang, <Li>\" <sip:138%30@b>;tag=f1\r\nt: sip:a@b\r\ni: c1\r\nCSeq: 7  INVITE\r\nm: <sip:x@y:5060;transport=udp>\r\n\
             c: Application/SDP;charset=utf-8\r\n\r\nv=0\r\n",
        );
        assert_eq!(request.headers.values("Via").count(), 2);
        assert_eq!(request.branch(), Some("z9hG4bK1"));
        assert_eq!((request.tag_of_from(), request.tag_of_to(), request.call_id()), ("f1", None, "c1"));
        assert_eq!(request.cseq(), Some(7));
        assert_eq!(Body::of(&request.headers, &request.body), Body::Session("v=0\r\n"));
        assert_eq!(request.flaw(), None);
        assert_eq!(user_of(name_addr(request.headers.get("From").unwrap()).unwrap().0), "1380");
    }

    #[test]
    fn the_length_counts_bytes_also_where_they_are_no_utf_8() {
        let body = b"v=0\r\ns=\xd6\xd0\xce\xc4\r\na=sendonly\r\n";
        let mut frame =
            format!("\r\nINFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/WS x;branch=1\r\nContent-Length: {}\r\n\r\n", body.len())
                .into_bytes();
        frame.extend_from_slice(body);
        frame.extend_from_slice(b"not of it");
        let Ok(Incoming::Request(request)) = parse(&frame) else { panic!() };
        assert_eq!(request.broken, None);
        assert!(request.body.ends_with("\r\na=sendonly\r\n"), "{:?}", request.body);
    }

    #[test]
    fn flaws_are_named() {
        let good = "BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/WS x;branch=1\r\nFrom: <sip:f@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
                    Call-ID: c\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(request(good).flaw(), None);
        for (from, to, code) in [
            ("Call-ID: c\r\n", "", 400),
            ("To: <sip:a@b>;tag=2\r\n", "To: nonsense\r\n", 400),
            ("1 BYE", "1 INVITE", 400),
            ("1 BYE", "99999999999 BYE", 400),
            ("Content-Length: 0", "Content-Length: 9", 400),
            ("BYE sip:a@b", "BYE tel:123", 416),
        ] {
            assert_eq!(request(&good.replace(from, to)).flaw().map(|f| f.0), Some(code), "{from:?} -> {to:?}");
        }
    }

    #[test]
    fn frames_that_are_no_message_are_told_apart() {
        assert!(matches!(parse(b"\r\n\r\n"), Ok(Incoming::Ping)));
        assert!(matches!(parse(b"\r\n"), Ok(Incoming::Pong)));
        assert!(matches!(parse(b"hello"), Err(Junk::NoEnd)));
        assert!(matches!(parse(b"SIP/2.0 9999 x\r\n\r\n"), Err(Junk::Start)));
        assert!(matches!(parse(b"BYE sip:x SIP/2.0\r\nTo: <sip:x>\r\n\r\n"), Err(Junk::NoVia)));
        assert!(parse(&[0xff, 0x00, b'\r', b'\n', b'\r', b'\n']).is_err());
    }

    #[test]
    fn a_value_cannot_smuggle_a_header() {
        let text = Writer::request("BYE", "sip:x").header("To", "a\r\nEvil: 1").end();
        assert!(!text.contains("\nEvil"));
    }

    #[test]
    fn lists_mind_quotes_and_brackets() {
        let list: Vec<_> = split_list(r#""a,\"b" <sip:x,y@z>;q=1, <sip:2@z>,,sip:3@z"#).collect();
        assert_eq!(list, [r#""a,\"b" <sip:x,y@z>;q=1"#, "<sip:2@z>", "sip:3@z"]);
    }

    #[test]
    fn credentials_are_hidden_even_when_folded() {
        let shown = redact(
            "REGISTER sip:x SIP/2.0\r\nAuthorization: Digest username=\"u\",\r\n response=\"r\"\r\nTo: <sip:x>\r\n",
        );
        assert_eq!(shown, "REGISTER sip:x SIP/2.0\nauthorization: (hidden)\nTo: <sip:x>\n");
    }
}
