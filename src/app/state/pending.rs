//! What is under way: commands that wait, requests and what they were sent for.

use std::{collections::BTreeMap, time::Instant};

use super::Asked;
use crate::{
    app::{Action, CommandId, RequestId},
    config::LoginType,
    cti::api::SecretToken,
    domain::TargetState,
};

/// What is under way.
#[derive(Debug, Default)]
pub(in crate::app) struct Pending {
    pub(in crate::app) next_request: u64,
    pub(in crate::app) requests: BTreeMap<RequestId, Purpose>,
    /// Commands not answered yet, by their kind.
    pub(in crate::app) commands: BTreeMap<Action, Waiting>,
    /// A state asked for during a call, or in the moment between its end and the platform's next word.
    pub(in crate::app) after_call: Option<TargetState>,
    /// The platform has been told no state at all since the sign-in, because a call was under way.
    pub(in crate::app) state_owed: bool,
    /// The state that the platform was asked for last, and when.
    pub(in crate::app) state_asked: Option<(TargetState, Instant)>,
}

/// A command that waits.
#[derive(Clone, Copy, Debug)]
pub(in crate::app) struct Waiting {
    pub(in crate::app) id: CommandId,
    pub(in crate::app) deadline: Instant,
    /// The request that was sent for it.
    pub(in crate::app) request: Option<RequestId>,
    /// [`State::calls`] when it was asked for.
    pub(in crate::app) calls: u64,
    /// [`State::moves`] when it was asked for.
    pub(in crate::app) moves: u64,
}

/// Keypad digits not sent yet.
#[derive(Debug, Default)]
pub(in crate::app) struct Dtmf {
    pub(in crate::app) queue: String,
    pub(in crate::app) in_flight: bool,
}

/// What a request was sent for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::app) enum Purpose {
    /// Sign-in, step 1.
    PhoneInfo,
    /// Sign-in, step 2.
    Login,
    /// Sign-in, last step.
    FirstState(TargetState),
    /// Undoing a sign-in that went wrong half-way.
    RollBack,
    /// The call is ended because the program ends.
    LastHangUp,
    /// The phone is bound anew after taking over.
    Bind,
    /// A command; its answer is the platform's.
    Command(Action),
    /// The kind of sign-in is switched after taking over.
    Mode(LoginType),
    /// The account of a phone to change to.
    NewPhone,
    /// The same command by the plain way, after the platform refused its own.
    HangUpInstead(Action),
    /// A list.
    List(List),
    /// Somebody asked for it; the list is refreshed along with the answer.
    LookUp { id: CommandId, list: Option<List> },
    /// Keypad digits.
    Dtmf,
    /// Whether a new token is good, and until when; the one in use stays until then.
    NewToken {
        /// The command that brought it; `None` if its source gave it.
        command: Option<CommandId>,
        token: SecretToken,
    },
    /// A call that was given up here ends on the platform too; nothing depends on the answer.
    GivenUp,
    /// The phone's account, whose password is refused.
    Account,
    /// Only to see whether the platform answers, and how soon.
    Probe,
    /// A duty: a project, a break, a reminder, the rules of overtime.
    Duty(Asked),
}

/// A list of the platform's that is kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum List {
    BusyReasons,
    CallerIds,
    SkillGroups,
    OwnRecord,
    FreeAgents,
    OutsideNumbers,
    AgentsOnLine,
    QueueSum,
    QueueDetail,
}
