//! What a call is: how it came about, where it stands, and who takes part.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::sim::json::merge;
use crate::sim::switch::{LegId, PartyId, Voice};

/// How a call came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A customer called, or was sent back to a queue.
    Inbound,
    /// An agent called a customer.
    Outbound,
    /// An agent called an agent.
    Inner,
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A customer waits for an agent.
    Queued,
    /// A customer's call rings at an agent.
    Ringing,
    /// The calling agent's own leg is being set up.
    OwnLeg,
    /// The own leg is up, the far end is being reached.
    Reaching,
    /// The far end rings.
    FarRinging,
    /// In conversation.
    Talking,
    /// On hold.
    Held,
    /// A third party is being called, the customer waits.
    ConsultOut,
    /// The agent talks to the third party, the customer waits.
    Consulting,
    /// Agent, customer and third party talk to each other.
    ThreeWay,
    /// The customer answers a voice menu, the agent waits.
    Interacting,
    /// An outside number is being called to take the customer over; no agent is left.
    Transferring,
    /// The customer talks to an outside number; no agent is left.
    Transferred,
    /// The customer is in a voice menu; no agent is left.
    Ivr,
    /// The customer rates the agent; no agent is left.
    Evaluating,
    /// Over.
    Ended,
}

impl Phase {
    /// The word the admin interface uses.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Queued => "queued",
            Phase::Ringing => "ringing",
            Phase::OwnLeg => "own_leg",
            Phase::Reaching => "reaching",
            Phase::FarRinging => "far_ringing",
            Phase::Talking => "talking",
            Phase::Held => "held",
            Phase::ConsultOut => "consult_out",
            Phase::Consulting => "consulting",
            Phase::ThreeWay => "three_way",
            Phase::Interacting => "interacting",
            Phase::Transferring => "transferring",
            Phase::Transferred => "transferred",
            Phase::Ivr => "ivr",
            Phase::Evaluating => "evaluating",
            Phase::Ended => "ended",
        }
    }

    /// Whether an agent has the other end: in conversation, or making it wait.
    pub fn is_connected(self) -> bool {
        match self {
            Phase::Talking
            | Phase::Held
            | Phase::ConsultOut
            | Phase::Consulting
            | Phase::ThreeWay
            | Phase::Interacting => true,
            Phase::Queued
            | Phase::Ringing
            | Phase::OwnLeg
            | Phase::Reaching
            | Phase::FarRinging
            | Phase::Transferring
            | Phase::Transferred
            | Phase::Ivr
            | Phase::Evaluating
            | Phase::Ended => false,
        }
    }
}

/// What an agent takes part with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A phone: the switch's leg to it.
    Phone(LegId),
    /// A colleague played by the platform: the switch's party, once answered.
    Voice(Option<PartyId>),
}

/// What an agent is in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves the customer, or is one of the two agents of an inner call.
    Main,
    /// Is asked for advice.
    Consulted,
    /// Listens in to an agent.
    Spy {
        /// The agent listened to.
        of: String,
        /// Whether everybody hears the listener.
        barged: bool,
        /// Whether for now only the agent listened to does.
        whispers: bool,
    },
}

/// An agent's part in a call.
#[derive(Clone, Debug)]
pub struct AgentLeg {
    /// Whose.
    pub ag_no: String,
    /// What with.
    pub line: Line,
    /// What for.
    pub role: Role,
    /// Whether it was answered.
    pub up: bool,
    /// Whether there was a conversation, so that after-call work follows.
    pub talked: bool,
    /// Since when: rung, or answered.
    pub since: Instant,
}

impl AgentLeg {
    /// One that has just been rung.
    pub fn new(ag_no: &str, line: Line, role: Role) -> Self {
        Self { ag_no: ag_no.to_owned(), line, role, up: false, talked: false, since: Instant::now() }
    }

    /// Whether it listens to this agent.
    pub fn spies_on(&self, ag_no: &str) -> bool {
        matches!(&self.role, Role::Spy { of, .. } if of == ag_no)
    }
}

/// Somebody outside: the customer of a call, or the number consulted or transferred to.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Number.
    pub number: String,
    /// Where it is registered.
    pub area: String,
    /// What they say.
    pub voice: Voice,
    /// The switch's party, once in conversation.
    pub party: Option<PartyId>,
}

/// A voice of the platform's own that talks to the customer.
#[derive(Clone, Debug)]
pub struct Script {
    /// The switch's party.
    pub party: PartyId,
    /// `ivr:CODE` or `evaluation`.
    pub who: String,
    /// What it will have found out.
    pub result: String,
}

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Counts calls since the start.
    pub no: u64,
    /// `CallID` on the wire.
    pub id: String,
    /// How it came about.
    pub kind: Kind,
    /// Where it stands.
    pub phase: Phase,
    /// Agents' parts; for inner calls the calling agent's first.
    pub legs: Vec<AgentLeg>,
    /// The customer, unless it is an inner call.
    pub customer: Option<Customer>,
    /// The number outside that is consulted or transferred to.
    pub third: Option<Customer>,
    /// The agent asked for, or called.
    pub to_agent: Option<String>,
    /// Skill group.
    pub queue: Option<i64>,
    /// Agents who refused it.
    pub refused: HashSet<String>,
    /// The agent who passed it on, until the next one has answered.
    pub transferred_by: Option<String>,
    /// The agent who holds it.
    pub held_by: Option<String>,
    /// Hold music, while somebody waits.
    pub music: Option<PartyId>,
    /// The voice of a menu, while there is one.
    pub script: Option<Script>,
    /// Digits sent by the agent.
    pub digits: String,
    /// Caller ID shown, outbound.
    pub shown: Option<String>,
    /// The customer hangs up this long after the conversation began.
    pub hangup_after: Option<Duration>,
    /// The scenario's arrival it belongs to.
    pub arrival: Option<usize>,
    /// The predictive project it belongs to, until the agent has answered.
    pub project: Option<i64>,
    /// Since when it waits in its queue, or exists.
    pub since: Instant,
    /// The same, seconds since 1970.
    pub since_epoch_s: i64,
}

impl Call {
    /// An agent's part.
    pub fn leg(&self, ag_no: &str) -> Option<&AgentLeg> {
        self.legs.iter().find(|l| l.ag_no == ag_no)
    }

    /// The agent who serves the customer.
    pub fn main(&self) -> Option<&AgentLeg> {
        self.legs.iter().find(|l| l.role == Role::Main)
    }

    /// Begins to wait, now.
    pub fn waits_from_now(&mut self) {
        self.since = Instant::now();
        self.since_epoch_s = jiff::Timestamp::now().as_second();
    }

    /// `PhoSta` as a returning link of this agent is told (protocol `cti.md` 4.4).
    pub fn pho_sta(&self, ag_no: &str) -> Option<u8> {
        let leg = self.leg(ag_no)?;
        match leg.role {
            Role::Spy { .. } | Role::Consulted if !leg.up => return Some(5),
            Role::Spy { barged: true, .. } => return Some(32),
            Role::Spy { .. } => return Some(31),
            Role::Consulted => return Some(6),
            Role::Main => {}
        }
        match self.phase {
            Phase::Ringing => Some(5),
            Phase::OwnLeg => Some(4),
            Phase::Reaching => Some(10),
            Phase::FarRinging if !leg.up => Some(5),
            Phase::FarRinging => Some(55),
            Phase::Talking | Phase::Held | Phase::Interacting => Some(6),
            Phase::ConsultOut => Some(21),
            Phase::Consulting => Some(22),
            Phase::ThreeWay => Some(25),
            Phase::Queued
            | Phase::Transferring
            | Phase::Transferred
            | Phase::Ivr
            | Phase::Evaluating
            | Phase::Ended => None,
        }
    }

    /// A phone message of this call: `MT` 3 with `PhoSta`, and the opaque `CallID` and `TS` (ms).
    pub fn frame(&self, pho_sta: u8) -> Value {
        let ts = jiff::Timestamp::now().as_millisecond();
        json!({"MT": 3, "PhoSta": pho_sta, "CallID": self.id, "TS": ts})
    }

    /// The same, with the customer's fields.
    pub fn frame_of_customer(&self, pho_sta: u8) -> Value {
        let mut frame = self.frame(pho_sta);
        if let Some(customer) = &self.customer {
            merge(&mut frame, json!({"Caller": customer.number, "CallerAreaName": customer.area, "QueId": self.queue}));
        }
        frame
    }
}

/// A customer's call as it comes in.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The customer's number.
    pub from: String,
    /// Where it is registered.
    pub area: String,
    /// The agent asked for; none: whoever is idle.
    pub to_agent: Option<String>,
    /// Skill group asked for; none: the first of the agent asked for, or of all.
    pub queue: Option<i64>,
    /// How long the customer waits, ringing included.
    pub answer_timeout: Duration,
    /// What the customer says.
    pub voice: Voice,
    /// The customer hangs up this long after being answered.
    pub hangup_after: Option<Duration>,
    /// The scenario's arrival it belongs to.
    pub arrival: Option<usize>,
    /// The predictive project it belongs to.
    pub project: Option<i64>,
}

/// How an agent's leg goes.
#[derive(Clone, Copy, Debug)]
pub enum Goodbye {
    /// The agent hung up: the phone has a moment to end the leg itself.
    ByAgent,
    /// The platform ends it.
    Now,
    /// The platform ends it because the far end was not reached (ITU-T Q.850 cause).
    Because(u16),
}

/// How a call ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct End<'a> {
    /// The agent who hung up.
    pub by: Option<&'a str>,
    /// The agent whose call a supervisor tore down.
    pub torn: Option<&'a str>,
    /// Why the far end was not reached.
    pub cause: Option<u16>,
}
