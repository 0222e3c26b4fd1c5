//! What the platform remembers: agents and their sign-ins, links, calls.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};

use super::{
    scenario::AgentEntry,
    switch::{LegId, PartyId, Voice},
};

/// Agent state as the wire counts it (protocol `cti.md` 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sta {
    /// Signed in, neither ready nor busy yet.
    Initial,
    /// Ready.
    Ready,
    /// Busy.
    Busy,
    /// A call is being handled.
    Occupied,
    /// After-call work.
    WrapUp,
}

impl Sta {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Sta::Initial => 0,
            Sta::Ready => 1,
            Sta::Busy => 2,
            Sta::Occupied => 4,
            Sta::WrapUp => 5,
        }
    }
}

/// The working state an agent returns to when nothing else is going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Ready.
    Ready,
    /// Busy, with a reason's id.
    Busy(Option<String>),
}

/// What is asked of a link's task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkOp {
    /// Send a text frame.
    Text(String),
    /// Send a close frame with this code and end.
    Close(u16),
    /// End without a close frame.
    Cut,
}

/// An agent's event websocket.
#[derive(Debug)]
pub struct Link {
    /// Counts links since the start.
    pub id: u64,
    /// The registration it was opened with.
    pub reg_id: String,
    /// To its task.
    pub tx: mpsc::UnboundedSender<LinkOp>,
    /// Whether it has said hello; before, nothing is pushed.
    pub greeted: bool,
}

impl Link {
    /// Asks the link's task; a task that has ended does not care.
    pub fn ask(&self, op: LinkOp) {
        self.tx.send(op).ok();
    }
}

/// A sign-in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Registration id (`regId`), new for each sign-in.
    pub reg_id: String,
    /// 1 dynamic, 2 static.
    pub login_type: u8,
    /// The phone in use.
    pub bind_tel: String,
    /// State.
    pub sta: Sta,
    /// Where it goes when the call or the wrap-up is over.
    pub rest: Rest,
    /// When this state began.
    pub since: Instant,
    /// End of the wrap-up.
    pub wrap_up_until: Option<Instant>,
    /// Whether a link of this registration ever said hello.
    pub linked_before: bool,
    /// The call being handled.
    pub call: Option<u64>,
}

/// An agent.
#[derive(Debug)]
pub struct Agent {
    /// Who.
    pub entry: AgentEntry,
    /// The platform's number for the agent (`OAgId`, `id` of the directory).
    pub id: u64,
    /// The sign-in, if there is one.
    pub session: Option<Session>,
    /// The link, if there is one; it outlives the sign-in until it is closed.
    pub link: Option<Link>,
    /// Registrations that ended because their link stayed away; they are told so when they return.
    pub timed_out: VecDeque<String>,
    /// Commands whose reply is not out yet; pushes wait for them.
    pub held: u32,
    /// Pushes that wait.
    pub outbox: VecDeque<Value>,
}

impl Agent {
    /// The state, if signed in.
    pub fn sta(&self) -> Option<Sta> {
        self.session.as_ref().map(|s| s.sta)
    }

    /// Sends every waiting push, unless a reply has to go out first.
    pub fn flush(&mut self) {
        if self.held > 0 {
            return;
        }
        for frame in self.outbox.drain(..) {
            if let Some(link) = self.link.as_ref().filter(|l| l.greeted) {
                link.ask(LinkOp::Text(frame.to_string()));
            }
        }
    }
}

/// How a call came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A customer called.
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
            Phase::Ended => "ended",
        }
    }

    /// Whether both ends are connected.
    pub fn is_connected(self) -> bool {
        matches!(self, Phase::Talking | Phase::Held)
    }
}

/// An agent's leg of a call.
#[derive(Clone, Debug)]
pub struct AgentLeg {
    /// Whose.
    pub ag_no: String,
    /// The switch's number for it.
    pub leg: LegId,
    /// Whether it was answered.
    pub up: bool,
}

/// The customer's side of a call.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Number.
    pub number: String,
    /// Where it is registered.
    pub area: String,
    /// What the customer says.
    pub voice: Voice,
    /// The switch's party, once in conversation.
    pub party: Option<PartyId>,
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
    /// Agents' legs; for inner calls the calling agent's first.
    pub legs: Vec<AgentLeg>,
    /// The customer, unless it is an inner call.
    pub customer: Option<Customer>,
    /// The agent asked for, or called.
    pub to_agent: Option<String>,
    /// Skill group.
    pub queue: Option<i64>,
    /// Agents who refused it.
    pub refused: HashSet<String>,
    /// Digits sent by the agent.
    pub digits: String,
    /// Caller ID shown, outbound.
    pub shown: Option<String>,
    /// The customer hangs up this long after the conversation began.
    pub hangup_after: Option<Duration>,
    /// The scenario's arrival it belongs to.
    pub arrival: Option<usize>,
    /// The predictive project it belongs to.
    pub project: Option<i64>,
}

impl Call {
    /// `PhoSta` as a returning link of this agent is told (protocol `cti.md` 4.4).
    pub fn pho_sta(&self, ag_no: &str) -> Option<u8> {
        match self.phase {
            Phase::Queued | Phase::Ended => None,
            Phase::Ringing => Some(5),
            Phase::OwnLeg => Some(4),
            Phase::Reaching => Some(10),
            Phase::FarRinging if self.kind == Kind::Inner && self.to_agent.as_deref() == Some(ag_no) => Some(5),
            Phase::FarRinging => Some(55),
            Phase::Talking | Phase::Held => Some(6),
        }
    }

    /// A phone message of this call: `MT` 3 with `PhoSta`, and the opaque `CallID` and `TS` (ms).
    pub fn frame(&self, pho_sta: u8) -> Value {
        let ts = jiff::Timestamp::now().as_millisecond();
        json!({"MT": 3, "PhoSta": pho_sta, "CallID": self.id, "TS": ts})
    }
}

/// What will happen by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Timer {
    /// An agent's after-call work is over, if the sign-in is still this one.
    WrapUpOver { ag_no: String, until: Instant },
    /// A link has been away too long, if the registration still has none.
    LinkLost { ag_no: String, reg_id: String },
    /// A signed-out client has had time to close its link.
    CloseLink { ag_no: String, link: u64 },
    /// The far end of an outbound call takes its next step.
    FarEnd { call: u64 },
    /// The caller, or the platform, gives up on a call nobody has answered.
    GiveUp { call: u64 },
    /// The customer has said everything.
    CustomerDone { call: u64 },
    /// A leg whose agent hung up by command has had time to end by itself.
    DropLeg { ag_no: String, leg: LegId },
    /// A customer of the scenario calls.
    Arrival { index: usize },
    /// The approver of the scenario answers a request.
    Approval { ag_no: String, request: u64 },
    /// A customer of an agent's predictive project has answered, if the agent still waits for this one.
    Prospect { ag_no: String, due: Instant },
    /// A fault ends.
    FaultOver { id: u64 },
}
