//! What the platform remembers of agents: their sign-ins and links; and what it plans.

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;
use tokio::{sync::mpsc, time::Instant};

use super::{
    scenario::{AgentEntry, ColleagueBehaviour, ColleagueEntry},
    switch::LegId,
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
    /// Send a text frame, this late; what is asked for after it waits behind it, but for a cut.
    Late(Duration, String),
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
    /// How the platform plays this agent, if it does: there is no client then.
    pub colleague: Option<ColleagueEntry>,
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
    /// Pushes that wait, and how late each is on top of that.
    pub outbox: VecDeque<(Value, Duration)>,
}

impl Agent {
    /// An agent with a client, who is not signed in.
    pub fn new(id: u64, entry: AgentEntry) -> Self {
        Self {
            entry,
            colleague: None,
            id,
            session: None,
            link: None,
            timed_out: VecDeque::new(),
            held: 0,
            outbox: VecDeque::new(),
        }
    }

    /// An agent the platform plays: signed in, for good.
    pub fn played(id: u64, colleague: ColleagueEntry) -> Self {
        let busy = colleague.behaviour == ColleagueBehaviour::Busy;
        let session = Session {
            reg_id: String::new(),
            login_type: 2,
            bind_tel: colleague.phone.clone(),
            sta: if busy { Sta::Busy } else { Sta::Ready },
            rest: if busy { Rest::Busy(None) } else { Rest::Ready },
            since: Instant::now(),
            wrap_up_until: None,
            linked_before: false,
            call: None,
        };
        let entry = colleague.entry();
        Self { session: Some(session), colleague: Some(colleague), ..Self::new(id, entry) }
    }

    /// The state, if signed in.
    pub fn sta(&self) -> Option<Sta> {
        self.session.as_ref().map(|s| s.sta)
    }

    /// Sends every waiting push, unless a reply has to go out first.
    pub fn flush(&mut self) {
        if self.held > 0 {
            return;
        }
        for (frame, late) in self.outbox.drain(..) {
            if let Some(link) = self.link.as_ref().filter(|l| l.greeted) {
                link.ask(LinkOp::Late(late, frame.to_string()));
            }
        }
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
    /// The far end of an outbound call, a consulted or a transferred-to number takes its next step.
    FarEnd { call: u64 },
    /// The caller, or the platform, gives up on whoever has not answered.
    GiveUp { call: u64 },
    /// The platform gives up on a supervisor's leg that does not come up.
    SpyGiveUp { call: u64, ag_no: String },
    /// A voice menu or an evaluation is through.
    ScriptOver { call: u64 },
    /// A colleague answers or refuses.
    ColleagueActs { call: u64, ag_no: String },
    /// A colleague has said everything.
    ColleagueDone { call: u64, ag_no: String },
    /// A colleague's own customer calls.
    ColleagueCall { ag_no: String },
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

impl Timer {
    /// Whether it is about this call as a whole.
    pub fn is_of_call(&self, no: u64) -> bool {
        match self {
            Timer::FarEnd { call }
            | Timer::GiveUp { call }
            | Timer::ScriptOver { call }
            | Timer::CustomerDone { call }
            | Timer::SpyGiveUp { call, .. }
            | Timer::ColleagueActs { call, .. }
            | Timer::ColleagueDone { call, .. } => *call == no,
            Timer::WrapUpOver { .. }
            | Timer::LinkLost { .. }
            | Timer::CloseLink { .. }
            | Timer::ColleagueCall { .. }
            | Timer::DropLeg { .. }
            | Timer::Arrival { .. }
            | Timer::Approval { .. }
            | Timer::Prospect { .. }
            | Timer::FaultOver { .. } => false,
        }
    }

    /// Whether it is about this agent's part in a call.
    pub fn is_of_leg(&self, no: u64, of: &str) -> bool {
        matches!(
            self,
            Timer::SpyGiveUp { call, ag_no } | Timer::ColleagueActs { call, ag_no } | Timer::ColleagueDone { call, ag_no }
                if *call == no && ag_no == of
        )
    }

    /// Whether it is about somebody being reached.
    pub fn is_of_reaching(&self, no: u64) -> bool {
        matches!(self, Timer::GiveUp { call } | Timer::FarEnd { call } if *call == no)
    }
}
