//! Customers: how dialled numbers behave, and how far those are who call by themselves.

use std::time::Duration;

use super::{scenario::Arrival, switch::Voice};

/// From the own leg being up to the far end ringing.
pub(super) const REACH: Duration = Duration::from_millis(100);
/// How long a far end that does not answer is let ring.
pub(super) const NO_ANSWER: Duration = Duration::from_secs(60);
/// Customers of the demonstration, in turn: number and area.
pub(super) const CUSTOMERS: [(&str, &str); 4] =
    [("13800138000", "北京"), ("02164700000", "上海"), ("13912345678", "江苏苏州"), ("+442079460018", "英国伦敦")];

/// What happens when a number is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Rings, then answers.
    Answer,
    /// Engaged, without ringing.
    Busy,
    /// Rings until the platform gives up.
    NoAnswer,
    /// Rings, then is declined.
    Reject,
    /// Cannot be reached, without ringing.
    Unreachable,
}

impl Outcome {
    /// The outcome with this name in the admin interface.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "answer" => Outcome::Answer,
            "busy" => Outcome::Busy,
            "no_answer" => Outcome::NoAnswer,
            "reject" => Outcome::Reject,
            "unreachable" => Outcome::Unreachable,
            _ => return None,
        })
    }

    /// What the network calls it (ITU-T Q.850); none where the far end is reached.
    pub fn q850(self) -> Option<u16> {
        match self {
            Outcome::Answer => None,
            Outcome::Busy => Some(17),
            Outcome::NoAnswer => Some(19),
            Outcome::Reject => Some(21),
            Outcome::Unreachable => Some(20),
        }
    }
}

/// How a dialled number behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// What happens.
    pub outcome: Outcome,
    /// After how long; unset: 1 s, or 60 s for no answer.
    pub after: Option<Duration>,
    /// What the far end says once connected.
    pub voice: Voice,
}

impl Behaviour {
    /// From dialling to the outcome, for whoever does not wait for the ringing in between.
    pub fn until_outcome(&self) -> Duration {
        let usual = if self.outcome == Outcome::NoAnswer { NO_ANSWER } else { Duration::from_secs(1) };
        REACH + self.after.unwrap_or(usual)
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { outcome: Outcome::Answer, after: None, voice: Voice::Speech }
    }
}

/// A scenario's caller and how far it is.
#[derive(Clone, Debug)]
pub struct ArrivalState {
    pub(super) arrival: Arrival,
    /// Calls made so far.
    pub(super) made: usize,
    /// Whether the next call is planned already.
    pub(super) planned: bool,
    /// Whether its call is still going on.
    pub(super) live: bool,
}

impl ArrivalState {
    /// One that has not called yet.
    pub fn new(arrival: Arrival) -> Self {
        Self { arrival, made: 0, planned: false, live: false }
    }

    /// The demonstration's caller: a different customer each time, within 10 s of the first idle agent.
    pub fn demo(ag_no: &str) -> Arrival {
        Arrival {
            from: String::new(),
            area: String::new(),
            queue: None,
            to_agent: Some(ag_no.to_owned()),
            first_after_s: 4,
            again_after_s: Some(20),
            answer_timeout_s: 30,
            audio: "speech".to_owned(),
            queues_up: false,
            level: 0,
        }
    }

    /// How important the customer is.
    pub fn level(&self) -> u8 {
        self.arrival.level
    }
}
