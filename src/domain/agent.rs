//! What the platform says of the agent, apart from any call or link.

use serde::{Deserialize, Serialize};

/// The agent's state, as the platform last told it (protocol `cti.md` 4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Not signed in; calls are not routed here.
    #[default]
    SignedOut,
    /// Sign-in has begun and the platform has not confirmed a working state yet.
    SigningIn,
    /// Ready: the next queued call may come at any moment (`State` 1 and 3).
    Idle,
    /// Busy, with or without a reason (`State` 2): queued calls stay away, direct calls may come.
    Busy,
    /// A call is being handled for this agent (`State` 4).
    Occupied,
    /// After-call work, counted down by the platform (`State` 5).
    WrapUp,
}

impl AgentState {
    /// Whether the platform holds this agent signed in.
    pub fn is_signed_in(self) -> bool {
        !matches!(self, AgentState::SignedOut | AgentState::SigningIn)
    }
}

/// A reason for being busy, from the platform's list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BusyReason {
    /// The platform's number for it; above 10 for configured reasons.
    pub id: i64,
    /// What people call it, such as "小休".
    pub name: String,
}

/// The working state an agent wants after sign-in or after the current call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetState {
    /// Take calls.
    #[default]
    Ready,
    /// Stay busy, with a reason's number where one is wanted.
    Busy(Option<i64>),
}

impl TargetState {
    /// `state` of a sign-in without the event websocket.
    pub fn number(self) -> u8 {
        match self {
            TargetState::Ready => 1,
            TargetState::Busy(_) => 2,
        }
    }
}
