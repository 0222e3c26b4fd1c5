//! A provisional response that has to arrive (RFC 3262): sent again until its PRACK is here.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    message::Request,
    timers::{Due, T1, TIMER_F},
};

/// A 180 with a number.
#[derive(Debug)]
pub(super) struct Reliable {
    rseq: u32,
    cseq: u32,
    text: String,
    /// Until there is a PRACK or a final answer.
    repeated: Option<Repeated>,
    acknowledged: bool,
}

#[derive(Debug)]
struct Repeated {
    next: Instant,
    pause: Duration,
    give_up: Instant,
}

impl Reliable {
    /// It has just been sent as the first answer to an INVITE with this CSeq.
    pub(super) fn new(rseq: u32, cseq: u32, text: String, now: Instant) -> Self {
        let repeated = Some(Repeated { next: now + T1, pause: T1, give_up: now + TIMER_F });
        Self { rseq, cseq, text, repeated, acknowledged: false }
    }

    /// Whether this PRACK is for it, and the first one.
    pub(super) fn take(&mut self, prack: &Request) -> bool {
        let mut words = prack.headers.get("RAck").unwrap_or_default().split_ascii_whitespace();
        let mut number = || words.next()?.parse::<u32>().ok();
        let (rseq, cseq) = (number(), number());
        let ours = rseq == Some(self.rseq) && cseq == Some(self.cseq) && words.next() == Some("INVITE");
        let first = ours && !self.acknowledged;
        if first {
            self.acknowledged = true;
            self.repeated = None;
        }
        first
    }

    /// There is a final answer: it is not sent again, but its PRACK may still come.
    pub(super) fn settle(&mut self) {
        self.repeated = None;
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.repeated.as_ref().map(|repeated| repeated.next.min(repeated.give_up))
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Due> {
        let repeated = self.repeated.as_mut()?;
        if repeated.give_up <= now {
            self.repeated = None;
            return Some(Due::NoPrack);
        }
        if repeated.next > now {
            return None;
        }
        // Without a longest pause, unlike the 200 (RFC 3262 3).
        repeated.pause *= 2;
        repeated.next = now + repeated.pause;
        Some(Due::Resend(self.text.clone()))
    }
}
