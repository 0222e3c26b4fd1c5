//! What the platform saw: every request, frame and SIP message, newest last, bounded, without secrets.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

/// Most entries kept; the oldest go first.
const CAPACITY: usize = 5_000;
/// Longest text kept of one entry, in characters: SDP offers fit, a flood does not.
const TEXT_LIMIT: usize = 8_000;
/// What stands where a secret stood.
const MASK: &str = "***";

/// Where parts of the platform report what went over a wire.
pub type Log = Arc<dyn Fn(LogEntry) + Send + Sync>;

/// One thing that went over a wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The wire: "http", "ws", "sip", or "platform" for what the platform did by itself.
    pub source: &'static str,
    /// "in" (to the platform) or "out".
    pub direction: &'static str,
    /// The message; secrets are masked when it is kept.
    pub text: String,
}

/// A kept entry, as `GET {admin}/log` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    /// Wall clock, RFC 3339 with microseconds.
    pub time: String,
    /// As in [`LogEntry`].
    pub source: &'static str,
    /// As in [`LogEntry`].
    pub direction: &'static str,
    /// The message, secrets masked.
    pub text: String,
}

/// The platform's memory of its wires.
#[derive(Default)]
pub struct LogBook {
    entries: Mutex<VecDeque<Kept>>,
}

impl LogBook {
    /// Keeps an entry.
    pub fn keep(&self, entry: LogEntry) {
        let mut text = mask(&entry.text);
        if let Some((cut, _)) = text.char_indices().nth(TEXT_LIMIT) {
            text.truncate(cut);
            text.push('…');
        }
        tracing::trace!(source = entry.source, direction = entry.direction, text, "platform");
        let kept = Kept {
            time: format!("{:.6}", jiff::Timestamp::now()),
            source: entry.source,
            direction: entry.direction,
            text,
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == CAPACITY {
            entries.pop_front();
        }
        entries.push_back(kept);
    }

    /// Everything kept, newest last.
    pub fn all(&self) -> Vec<Kept> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// The text with every secret the platform's wires carry replaced: bearer tokens, `Authorization` headers (also
/// `Proxy-` and SIP digests), `token=` in a query, `token` and `phopass` in JSON.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let name = line.split(':').next().unwrap_or_default().trim();
        if line.contains(':')
            && (name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("proxy-authorization"))
        {
            out.push_str(name);
            out.push_str(": ");
            out.push_str(MASK);
            continue;
        }
        let mut line = line.to_owned();
        for (start, ends) in [
            ("Bearer ", "\"'&, \r\t"),
            ("Bearer%20", "\"'&, \r\t"),
            ("token=", "&\"' \r\t"),
            ("\"token\":\"", "\""),
            ("\"token\": \"", "\""),
            ("\"phopass\":\"", "\""),
            ("\"phopass\": \"", "\""),
        ] {
            line = mask_after(&line, start, ends);
        }
        out.push_str(&line);
    }
    out
}

/// Replaces what follows each `start` up to the next of `ends` (or the end of the line).
fn mask_after(line: &str, start: &str, ends: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(start) {
        let (before, after) = rest.split_at(at + start.len());
        out.push_str(before);
        out.push_str(MASK);
        rest = after.find(|c| ends.contains(c)).map_or("", |end| after.split_at(end).1);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_get_into_the_log() {
        for text in [
            "GET /link/v2/ws?token=Bearer%20s3cret&RegID=R1",
            "POST /agent/login\nAuthorization: Bearer s3cret\n{}",
            "authorization: Digest username=\"u\", response=\"s3cret\"\r\nVia: x",
            r#"{"agNo":"8001","token":"Bearer s3cret","x":1}"#,
            r#"{"data":{"phopass":"s3cret","expires":1}}"#,
        ] {
            let masked = mask(text);
            assert!(!masked.contains("s3cret"), "{masked}");
        }
        assert!(mask("GET /ws?token=Bearer%20s3cret&RegID=R1").ends_with("&RegID=R1"));
        assert!(mask(r#"{"token":"a","x":1}"#).ends_with(r#","x":1}"#));
        assert_eq!(mask("INVITE sip:a@b\r\nVia: x"), "INVITE sip:a@b\r\nVia: x");
    }

    #[test]
    fn the_book_keeps_the_newest_and_stays_bounded() {
        let book = LogBook::default();
        for n in 0..CAPACITY + 3 {
            book.keep(LogEntry { source: "http", direction: "in", text: n.to_string() });
        }
        let all = book.all();
        assert_eq!(all.len(), CAPACITY);
        assert_eq!(all.last().map(|e| e.text.clone()), Some((CAPACITY + 2).to_string()));
    }
}
