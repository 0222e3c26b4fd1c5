//! SIP messages as text: a small parser and writer of its own, so that the client's stack is never tested against
//! itself. Covers what a registrar and a caller over WebSocket need (RFC 3261, RFC 7118).

use std::fmt::Write;

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// `METHOD uri SIP/2.0`.
    Request { method: String, uri: String },
    /// `SIP/2.0 code reason`.
    Response { code: u16, reason: String },
}

/// A whole message. Header names keep their long form; compact forms are expanded when parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub start: Start,
    headers: Vec<(String, String)>,
    pub body: String,
}

/// Why a frame is not a SIP message.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ParseError {
    #[error("no blank line after the headers")]
    NoEndOfHeaders,
    #[error("the first line is neither a request nor a response")]
    BadStartLine,
    #[error("a header line has no colon")]
    BadHeader,
    #[error("the mandatory header {0} is missing")]
    Missing(&'static str),
    #[error("the body is shorter than Content-Length says")]
    ShortBody,
}

impl Message {
    /// A request without headers.
    pub fn request(method: &str, uri: &str) -> Message {
        let start = Start::Request { method: method.to_owned(), uri: uri.to_owned() };
        Message { start, headers: Vec::new(), body: String::new() }
    }

    /// A response to `request` (RFC 3261 8.2.6.2): Via, From, To, Call-ID and CSeq copied, and `to_tag` added when the
    /// request's To has none.
    pub fn response(request: &Message, code: u16, reason: &str, to_tag: &str) -> Message {
        let start = Start::Response { code, reason: reason.to_owned() };
        let mut reply = Message { start, headers: Vec::new(), body: String::new() };
        for (name, value) in &request.headers {
            match name.as_str() {
                "Via" | "From" | "Call-ID" | "CSeq" => reply.push(name, value),
                "To" if code > 100 && tag_of(value).is_none() => reply.push(name, &format!("{value};tag={to_tag}")),
                "To" => reply.push(name, value),
                _ => {}
            }
        }
        reply
    }

    /// Reads one message out of a WebSocket frame.
    ///
    /// # Errors
    /// Says which rule of RFC 3261 section 7 the text breaks.
    pub fn parse(text: &str) -> Result<Message, ParseError> {
        let text = text.trim_start_matches(['\r', '\n']);
        let (head, body) = text
            .split_once("\r\n\r\n")
            .or_else(|| text.split_once("\n\n"))
            .or_else(|| text.strip_suffix("\r\n").map(|head| (head, "")))
            .ok_or(ParseError::NoEndOfHeaders)?;
        let mut lines = head.lines();
        let start = parse_start(lines.next().unwrap_or_default())?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                // A folded line continues the header before it (RFC 3261 7.3.1).
                let (_, value) = headers.last_mut().ok_or(ParseError::BadHeader)?;
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(ParseError::BadHeader)?;
            headers.push((long_name(name.trim()), value.trim().to_owned()));
        }
        let mut message = Message { start, headers, body: body.to_owned() };
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            if message.header(name).is_none() {
                return Err(ParseError::Missing(name));
            }
        }
        if let Some(length) = message.header("Content-Length").and_then(|value| value.parse::<usize>().ok()) {
            message.body = body.get(..length).ok_or(ParseError::ShortBody)?.to_owned();
        }
        Ok(message)
    }

    /// The first value of a header; `name` in its long, canonical form.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a header that may be a list, in order, commas resolved.
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(have, _)| have == name).flat_map(|(_, value)| split_list(value)).collect()
    }

    /// Appends a header.
    pub fn push(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// The same message with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Message {
        self.push(name, value);
        self
    }

    /// The same message with a body of that type.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: &str) -> Message {
        self.push("Content-Type", content_type);
        body.clone_into(&mut self.body);
        self
    }

    /// The request's method, or the method a response answers (from CSeq).
    pub fn method(&self) -> &str {
        match &self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => self.cseq().1,
        }
    }

    /// The response code, none for a request.
    pub fn code(&self) -> Option<u16> {
        match self.start {
            Start::Response { code, .. } => Some(code),
            Start::Request { .. } => None,
        }
    }

    /// Number and method of CSeq; zero and nothing when malformed.
    pub fn cseq(&self) -> (u32, &str) {
        let mut words = self.header("CSeq").unwrap_or_default().split_ascii_whitespace();
        let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        (number, words.next().unwrap_or_default())
    }

    /// The Call-ID; parsed messages always have one.
    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// The text to send, Content-Length included.
    pub fn to_text(&self) -> String {
        self.write(|_, value| value.to_owned())
    }

    /// The text for logs: digest responses masked.
    pub fn to_log_text(&self) -> String {
        self.write(|name, value| match name {
            "Authorization" | "Proxy-Authorization" => "***".to_owned(),
            _ => value.to_owned(),
        })
    }

    fn write(&self, value_of: impl Fn(&str, &str) -> String) -> String {
        let mut text = match &self.start {
            Start::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response { code, reason } => format!("SIP/2.0 {code} {reason}\r\n"),
        };
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "Content-Length") {
            // Writing to a String cannot fail.
            write!(text, "{name}: {}\r\n", value_of(name, value)).ok();
        }
        write!(text, "Content-Length: {}\r\n\r\n{}", self.body.len(), self.body).ok();
        text
    }
}

fn parse_start(line: &str) -> Result<Start, ParseError> {
    let mut words = line.splitn(3, ' ');
    let (first, second, third) = (words.next(), words.next(), words.next());
    match (first, second, third) {
        (Some("SIP/2.0"), Some(code), reason) => {
            let code = code.parse().ok().filter(|code| (100..700).contains(code)).ok_or(ParseError::BadStartLine)?;
            Ok(Start::Response { code, reason: reason.unwrap_or_default().to_owned() })
        }
        (Some(method), Some(uri), Some("SIP/2.0")) if !method.is_empty() && !uri.is_empty() => {
            Ok(Start::Request { method: method.to_owned(), uri: uri.to_owned() })
        }
        _ => Err(ParseError::BadStartLine),
    }
}

/// The canonical form of a header name, compact forms expanded (RFC 3261 7.3.3 and 20).
fn long_name(name: &str) -> String {
    const KNOWN: [(&str, &str); 18] = [
        ("v", "Via"),
        ("f", "From"),
        ("t", "To"),
        ("i", "Call-ID"),
        ("", "CSeq"),
        ("m", "Contact"),
        ("l", "Content-Length"),
        ("c", "Content-Type"),
        ("k", "Supported"),
        ("", "Authorization"),
        ("", "Proxy-Authorization"),
        ("", "Record-Route"),
        ("", "Route"),
        ("", "Expires"),
        ("", "Max-Forwards"),
        ("", "User-Agent"),
        ("", "Allow"),
        ("", "Require"),
    ];
    KNOWN
        .iter()
        .find(|(short, long)| {
            name.eq_ignore_ascii_case(long) || (!short.is_empty() && name.eq_ignore_ascii_case(short))
        })
        .map_or_else(|| name.to_owned(), |(_, long)| (*long).to_owned())
}

/// Splits a comma-separated list, leaving commas inside quotes and angle brackets alone.
fn split_list(value: &str) -> Vec<&str> {
    split_outside(value, ',').into_iter().map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn split_outside(value: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped, mut depth, mut from) = (false, false, 0_u32, 0);
    let mut parts = Vec::new();
    for (at, letter) in value.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => depth += 1,
            '>' if !quoted => depth = depth.saturating_sub(1),
            _ if letter == separator && !quoted && depth == 0 => {
                parts.extend(value.get(from..at));
                from = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.extend(value.get(from..));
    parts
}

/// The URI inside a From, To, Contact or Route value: between angle brackets, or up to the first parameter.
pub(super) fn uri_of(value: &str) -> &str {
    match value.find('<').and_then(|open| value.get(open + 1..)).and_then(|rest| rest.split_once('>')) {
        Some((uri, _)) => uri.trim(),
        None => value.split(';').next().unwrap_or_default().trim(),
    }
}

/// A parameter outside the angle brackets; an empty text for one without a value.
pub(super) fn param_of<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    split_outside(value, ';').into_iter().skip(1).find_map(|param| {
        let (key, rest) = param.split_once('=').unwrap_or((param, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| rest.trim().trim_matches('"'))
    })
}

/// The `tag` of a From or To value.
pub(super) fn tag_of(value: &str) -> Option<&str> {
    param_of(value, "tag")
}

/// The user part of a `sip:` URI, empty if it has none.
pub(super) fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user)
}

/// A random token for branches, tags, Call-IDs and nonces: 64 bits in hex.
pub(super) fn random_token() -> String {
    format!("{:016x}", rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = "REGISTER sip:example.test SIP/2.0\r\nv: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\n\
        To: <sip:u@example.test>\r\nf: \"a, b\" <sip:u@example.test>;tag=5\r\ni: c1\r\nCSEQ: 7 REGISTER\r\n\
        Authorization: Digest response=\"secret\"\r\n\
        m: <sip:u1@a.invalid;transport=ws>;reg-id=1;expires=600,\r\n <sip:u2@b.invalid>\r\nl: 0\r\n\r\n";

    #[test]
    fn reads_compact_folded_and_listed_headers() {
        let message = Message::parse(REGISTER).unwrap();
        assert_eq!(message.method(), "REGISTER");
        assert_eq!(message.cseq(), (7, "REGISTER"));
        let contacts = message.values("Contact");
        assert_eq!(contacts.len(), 2);
        assert_eq!(uri_of(contacts[0]), "sip:u1@a.invalid;transport=ws");
        assert_eq!(param_of(contacts[0], "expires"), Some("600"));
        assert_eq!(user_of(uri_of(contacts[1])), "u2");
        assert_eq!(tag_of(message.header("From").unwrap()), Some("5"));
    }

    #[test]
    fn logs_never_show_a_digest_response() {
        let message = Message::parse(REGISTER).unwrap();
        assert!(message.to_text().contains("secret"));
        assert!(!message.to_log_text().contains("secret"));
    }

    #[test]
    fn a_response_copies_the_transaction_and_adds_a_tag_once() {
        let request = Message::parse(REGISTER).unwrap();
        let reply = Message::response(&request, 200, "OK", "t9");
        assert_eq!(tag_of(reply.header("To").unwrap()), Some("t9"));
        assert_eq!(Message::parse(&reply.to_text()).unwrap(), reply.clone().with("Content-Length", "0"));
        let again = Message::response(&reply, 200, "OK", "other");
        assert_eq!(tag_of(again.header("To").unwrap()), Some("t9"));
    }

    #[test]
    fn refuses_what_is_not_sip() {
        assert_eq!(Message::parse("hello"), Err(ParseError::NoEndOfHeaders));
        assert_eq!(Message::parse("GET / HTTP/1.1\r\n\r\n"), Err(ParseError::BadStartLine));
        assert_eq!(Message::parse("SIP/2.0 99 x\r\n\r\n"), Err(ParseError::BadStartLine));
        assert_eq!(Message::parse("BYE sip:a SIP/2.0\r\nVia\r\n\r\n"), Err(ParseError::BadHeader));
        assert_eq!(Message::parse("BYE sip:a SIP/2.0\r\nVia: x\r\n\r\n"), Err(ParseError::Missing("From")));
        let short = REGISTER.replace("l: 0", "l: 9");
        assert_eq!(Message::parse(&short), Err(ParseError::ShortBody));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*", cut in 0..REGISTER.len()) {
            let mutated = format!("{}{text}{}", &REGISTER[..cut], &REGISTER[cut..]);
            for input in [&text, &mutated] {
                if let Ok(message) = Message::parse(input) {
                    for value in message.values("Contact") {
                        let _length = uri_of(value).len() + user_of(value).len() + tag_of(value).map_or(0, str::len);
                    }
                }
            }
        }
    }
}
