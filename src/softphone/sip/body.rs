//! Bodies: the session description in a message, by itself or as a part of a `multipart` (RFC 5621).

use super::headers::{Headers, header_value, param};

/// What the body of a message is to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    /// Nothing: in an INVITE, we are to make the offer.
    Empty,
    /// A session description.
    Session(&'a str),
    /// Something we cannot read.
    Foreign,
}

impl<'a> Body<'a> {
    /// Finds the session description.
    pub(super) fn of(headers: &Headers, body: &'a str) -> Self {
        if body.trim().is_empty() {
            return Body::Empty;
        }
        let encoding = headers.get("Content-Encoding").unwrap_or("identity");
        let value = headers.get("Content-Type").unwrap_or_default();
        match media_type(value).as_str() {
            _ if !encoding.trim().eq_ignore_ascii_case("identity") => Body::Foreign,
            "application/sdp" => Body::Session(body),
            kind if kind.starts_with("multipart/") => {
                let boundary = value.split_once(';').and_then(|(_, params)| param(params, "boundary"));
                boundary.filter(|b| !b.is_empty()).map_or(Body::Foreign, |boundary| in_parts(body, boundary))
            }
            _ => Body::Foreign,
        }
    }
}

/// Lower case, without parameters.
pub(super) fn media_type(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The session description among the parts. Others may come with it (what a telephone exchange says, a picture of the
/// caller): they are passed over unless they say that they must be understood. (By RFC 5621 3 silence means that too; no
/// gateway means it so.)
fn in_parts<'a>(body: &'a str, boundary: &str) -> Body<'a> {
    let mark = format!("--{boundary}");
    let mut found = Body::Foreign;
    for part in body.split(mark.as_str()).skip(1) {
        if part.starts_with("--") {
            break;
        }
        let Some(part) = part.strip_prefix("\r\n").or_else(|| part.strip_prefix('\n')) else { continue };
        let Some((head, text)) = part.split_once("\r\n\r\n").or_else(|| part.split_once("\n\n")) else { continue };
        // The line break before the boundary belongs to the boundary, and a description ends with one of its own.
        match media_type(header_value(head, "Content-Type").unwrap_or("text/plain")).as_str() {
            "application/sdp" if found == Body::Foreign && !text.trim().is_empty() => found = Body::Session(text),
            _ if must_be_understood(head) => return Body::Foreign,
            _ => {}
        }
    }
    found
}

fn must_be_understood(head: &str) -> bool {
    let disposition = header_value(head, "Content-Disposition").unwrap_or_default();
    let handling = disposition.split_once(';').and_then(|(_, params)| param(params, "handling"));
    handling.is_some_and(|handling| handling.eq_ignore_ascii_case("required"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::sip::message::{Incoming, parse};

    fn found(headers: &str, body: &str) -> Option<Option<String>> {
        let text = format!("INFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/WS x;branch=1\r\n{headers}\r\n{body}");
        let Ok(Incoming::Request(request)) = parse(text.as_bytes()) else { panic!("{text}") };
        match Body::of(&request.headers, &request.body) {
            Body::Empty => Some(None),
            Body::Session(sdp) => Some(Some(sdp.to_owned())),
            Body::Foreign => None,
        }
    }

    #[test]
    fn a_description_is_found_by_itself_and_among_others() {
        assert_eq!(found("", " \r\n"), Some(None));
        assert_eq!(found("Content-Type: application/SDP ; charset=utf-8\r\n", "v=0\r\n"), Some(Some("v=0\r\n".into())));
        assert_eq!(found("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", "v=0\r\n"), None);
        assert_eq!(found("Content-Type: text/plain\r\n", "v=0\r\n"), None);
        let parts = "preamble\r\n--b 1\r\nContent-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\u{1}\u{2}\r\n\
                     --b 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n\r\n--b 1--\r\nepilogue --b 1\r\nContent-Type: application/sdp\r\n\r\nv=9\r\n";
        let mixed = "Content-Type: multipart/mixed; boundary=\"b 1\"\r\n";
        assert_eq!(found(mixed, parts), Some(Some("v=0\r\ns=-\r\n\r\n".into())));
        assert_eq!(found(mixed, &parts.replace("optional", "required")), None, "it must be understood, and is not");
        assert_eq!(found("Content-Type: multipart/mixed\r\n", parts), None, "no boundary");
        assert_eq!(found("Content-Type: multipart/mixed;boundary=x\r\n", parts), None, "another boundary");
    }
}
