//! Requests that were answered of late, so that one that comes again gets the same answer (RFC 3261 17.2).
//!
//! Over a WebSocket nobody should have to repeat a request; a proxy that bridges to UDP, or comes back after a lost
//! connection, may do so all the same, and a call refused a moment ago must not ring again for it.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::super::message::Request;

/// How long an answer is remembered: 64 times T1.
const REMEMBERED: Duration = Duration::from_secs(32);
/// How many are.
const MOST: usize = 32;

/// The final answers of late; what a call itself repeats (200 to INVITE) is not among them.
#[derive(Default)]
pub(super) struct Answered {
    given: VecDeque<Given>,
}

struct Given {
    /// Top Via, Call-ID and CSeq: the transaction.
    about: String,
    text: String,
    /// When it was first looked for something after it.
    since: Option<Instant>,
}

impl Answered {
    /// This has been sent.
    pub(super) fn note(&mut self, text: &str) {
        let Some(code) = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse::<u16>().ok()) else {
            return;
        };
        let head = |name: &str| {
            let mut lines = text.lines().take_while(|line| !line.is_empty());
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
        };
        let cseq = head("CSeq");
        if code < 200 || (code < 300 && cseq.ends_with("INVITE")) {
            return;
        }
        let about = transaction(head("Via"), head("Call-ID"), cseq);
        if self.given.iter().any(|given| given.about == about) {
            return;
        }
        if self.given.len() >= MOST {
            self.given.pop_front();
        }
        self.given.push_back(Given { about, text: text.to_owned(), since: None });
    }

    /// The answer this request has got already.
    pub(super) fn find(&mut self, request: &Request, now: Instant) -> Option<String> {
        self.given.retain_mut(|given| now.saturating_duration_since(*given.since.get_or_insert(now)) < REMEMBERED);
        let head = |name| request.headers.get(name).unwrap_or_default();
        let about = transaction(head("Via"), head("Call-ID"), head("CSeq"));
        self.given.iter().find(|given| given.about == about).map(|given| given.text.clone())
    }
}

fn transaction(via: &str, call_id: &str, cseq: &str) -> String {
    [via, call_id, cseq].join("\n")
}
