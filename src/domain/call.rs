//! What a call is: its phase, its direction and who is at the other end.

use serde::{Deserialize, Serialize};

/// Where a call stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallPhase {
    /// There is no call.
    #[default]
    None,
    /// An outbound call is being placed: own leg, or the far end, not answered yet.
    Dialing,
    /// A call rings here.
    Ringing,
    /// In conversation.
    Talking,
    /// The other side is on hold.
    Held,
    /// A consulted party is being called; the customer waits.
    ConsultOut,
    /// Talking to the consulted party; the customer waits.
    Consulting,
    /// Customer, consulted party and agent hear each other.
    ThreeWay,
    /// A supervisor listens to an agent's call.
    Spying,
    /// A supervisor speaks to the agent alone.
    Whispering,
    /// A supervisor has joined an agent's call.
    Barging,
    /// Over, and still shown until the agent's next state.
    Ended,
}

impl CallPhase {
    /// Whether a call leg exists that can be hung up.
    pub fn is_live(self) -> bool {
        !matches!(self, CallPhase::None | CallPhase::Ended)
    }

    /// Whether the agent's own leg is answered and sound flows or is meant to.
    pub fn is_connected(self) -> bool {
        self.is_live() && !matches!(self, CallPhase::Dialing | CallPhase::Ringing)
    }
}

/// Which way a call came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A customer called.
    #[default]
    In,
    /// This agent called a customer.
    Out,
    /// Between agents.
    Inner,
    /// This agent is being consulted by another.
    Consult,
    /// A supervisor's listening leg.
    Spy,
    /// The platform's predictive dialler called the customer.
    Auto,
}

/// The kind of a ring (`RingType`, protocol `cti.md` 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RingKind {
    /// 0: called directly, by another agent or an outside number.
    Called,
    /// 1: a customer, through a skill group's queue.
    Queue,
    /// 2: the own leg of an outbound call.
    Outbound,
    /// 3: the own leg of listening in.
    Spy,
    /// 4: another agent consults.
    Consult,
    /// 5: the predictive dialler's call.
    AutoCall,
}

impl RingKind {
    /// Whether a person has to be told and asked: the own legs of outbound and spy calls are not.
    pub fn is_offered(self) -> bool {
        !matches!(self, RingKind::Outbound | RingKind::Spy)
    }

    /// The direction of a call that rings so.
    pub fn direction(self, from_agent: bool) -> Direction {
        match self {
            RingKind::Called if from_agent => Direction::Inner,
            RingKind::Called | RingKind::Queue => Direction::In,
            RingKind::Outbound if from_agent => Direction::Inner,
            RingKind::Outbound => Direction::Out,
            RingKind::Spy => Direction::Spy,
            RingKind::Consult => Direction::Consult,
            RingKind::AutoCall => Direction::Auto,
        }
    }
}

/// Who is at the other end, as far as the platform told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Telephone number, as the platform writes it.
    pub number: Option<String>,
    /// Name of the other agent, where it is one.
    pub name: Option<String>,
    /// Where the number is registered, such as "北京".
    pub area: Option<String>,
    /// The other agent's number, where it is one.
    pub ag_no: Option<String>,
}

impl Party {
    /// The best single word for the other end: agent number, else telephone number.
    pub fn short(&self) -> &str {
        self.ag_no.as_deref().or(self.number.as_deref()).unwrap_or("")
    }
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HungUpBy {
    /// This agent.
    Agent,
    /// The other end, or the platform on its behalf.
    Peer,
    /// A supervisor tore the call down.
    Supervisor,
    /// Nobody: a fault ended it.
    Fault,
}

/// How a call came out, for the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was a conversation.
    Answered,
    /// It rang here and the caller, or the clock, gave up.
    Missed,
    /// It rang here too, and somebody else answered it.
    Elsewhere,
    /// It rang here and was refused.
    Rejected,
    /// It was dialled and never answered.
    Unanswered,
    /// It was dialled and given up by this agent.
    Cancelled,
    /// It ended too soon for a working phone (protocol `softphone.md` 4.7).
    Failed,
    /// There was a conversation, and then it went on with somebody else.
    Transferred,
    /// The program ended before the call did, so how it came out is not known.
    Interrupted,
}

/// Why a dialled number was not reached, where the network says so (`Reason` of RFC 3326).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreached {
    /// The other end talks already.
    Busy,
    /// It rang and nobody came.
    NoAnswer,
    /// It was declined there.
    Rejected,
    /// No such number, switched off, or no way to it.
    Unreachable,
}

impl Unreached {
    /// By the cause of ITU-T Q.850; none for those that say nothing of the called party, such as normal clearing.
    pub fn from_q850(cause: u16) -> Option<Self> {
        match cause {
            17 => Some(Unreached::Busy),
            18 | 19 => Some(Unreached::NoAnswer),
            21 => Some(Unreached::Rejected),
            1..=3 | 20 | 22 | 27 | 28 | 34 | 38 | 41 | 42 | 44 => Some(Unreached::Unreachable),
            _ => None,
        }
    }

    /// By the SIP status that the called party's side gave.
    pub fn from_sip(status: u16) -> Option<Self> {
        match status {
            486 | 600 => Some(Unreached::Busy),
            408 | 480 => Some(Unreached::NoAnswer),
            603 | 607 => Some(Unreached::Rejected),
            404 | 410 | 484 | 502 | 503 | 604 => Some(Unreached::Unreachable),
            _ => None,
        }
    }
}
