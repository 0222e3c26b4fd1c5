//! A request of our own within a call, besides BYE: what it is for, and how far it is. What is done about it stands in
//! `agent/outgoing.rs`.

use std::time::Duration;

use tokio::time::Instant;

/// After a connection has come back, or an answer to the last restart: the sound may come back by itself meanwhile.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// What a request of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// New paths for the sound: an offer that restarts ICE.
    Restart,
    /// What is agreed on, said again, because nothing comes.
    Renew,
    /// The session timer.
    Refresh,
}

/// A request of our own, from when it is wanted to its end.
#[derive(Debug)]
pub(super) struct OutgoingRequest {
    pub(super) purpose: Purpose,
    pub(super) step: Step,
    /// Another one was wished for meanwhile.
    pub(super) again: bool,
    /// Which attempt this is, from 1.
    pub(super) attempt: u8,
    /// A restart, and the path there was cannot come back by itself.
    pub(super) moved: bool,
    /// A restart waits until the server has said something after this: an offer that gets lost with a dead connection
    /// has given up the path there was.
    pub(super) unproven: Option<Instant>,
}

#[derive(Debug)]
pub(super) enum Step {
    /// Waits for its turn, at the earliest then.
    Wanted { from: Instant },
    /// The media room makes the offer.
    Offering { job: u64 },
    /// Sent.
    Sent(Sent),
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) method: &'static str,
    pub(super) branch: String,
    pub(super) cseq: u32,
    /// The credentials it carried, which its ACK must carry too (RFC 3261 22.1).
    pub(super) credentials: Vec<(&'static str, String)>,
    pub(super) offer: Option<String>,
    /// A session description in a provisional answer, for a 200 that brings none.
    pub(super) early: Option<String>,
    pub(super) rounds: u8,
    pub(super) give_up: Instant,
}

impl OutgoingRequest {
    pub(super) fn wanted(purpose: Purpose, from: Instant) -> Self {
        Self { purpose, step: Step::Wanted { from }, again: false, attempt: 1, moved: false, unproven: None }
    }

    /// The server has said something; `first` if it is the first over this connection.
    pub(super) fn heard(&mut self, first: bool, now: Instant) {
        if self.unproven.is_none_or(|since| now < since) {
            return;
        }
        self.unproven = None;
        if let Step::Wanted { from } = &mut self.step
            && first
            && !self.moved
        {
            *from = (*from).max(now + GRACE);
        }
    }

    /// It has been sent and waits for an answer that settles an offer.
    pub(super) fn offer_is_out(&self) -> bool {
        matches!(&self.step, Step::Sent(sent) if sent.offer.is_some())
    }

    /// When something is to be done; `free`: whether it may be sent now.
    pub(super) fn deadline(&self, free: bool) -> Option<Instant> {
        match &self.step {
            Step::Wanted { from } => (free && self.unproven.is_none()).then_some(*from),
            Step::Offering { .. } => None,
            Step::Sent(sent) => Some(sent.give_up),
        }
    }
}
