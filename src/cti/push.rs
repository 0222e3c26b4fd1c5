//! Pushed messages (protocol `cti.md` section 4): typed, with the SDK's event names, tolerant of number/string types.

use serde_json::Value;

pub use super::parse::{NotAPush, parse};
use crate::domain::RingKind;

/// One pushed message: what it means, the SDK's names for it, and all its fields as they came.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    /// What it means.
    pub message: PushMessage,
    /// The SDK's leaf name, such as `phoneRingQueue`.
    pub event_name: &'static str,
    /// The SDK's categories, outermost first: `["phone", "phoneRing"]`.
    pub event_type: &'static [&'static str],
    /// The SDK's Chinese label, empty where it has none.
    pub status: &'static str,
    /// The frame, all fields untouched.
    pub raw: Value,
}

/// What a pushed message means.
#[derive(Clone, Debug, PartialEq)]
pub enum PushMessage {
    /// MT 0: the link is established.
    Established,
    /// MT 3: a call event.
    Phone(PhoneEvent),
    /// MT 4: the agent's state.
    Agent(AgentEvent),
    /// MT 6: the state after a (re)connect.
    InitState {
        /// Agent state, 0 to 5.
        ag_sta: i64,
        /// Phone state, as MT 3 `PhoSta`; absent if not told.
        pho_sta: Option<i64>,
        /// Reason number when busy, seconds when in wrap-up.
        param: Option<i64>,
    },
    /// MT 7: result of an IVR interaction.
    Ivr,
    /// MT 8 Param 1: the skill groups changed.
    SkillGroupsChanged,
    /// MT 8 Param 2: the caller IDs changed.
    CallerIdsChanged,
    /// MT 10: the platform, or a supervisor, decided over this agent.
    Forced(Forced),
    /// Anything else: passed to scripts as it came, never acted on.
    Unknown,
}

/// MT 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forced {
    /// Code 4: signed out by the back office. No re-login.
    SignedOut,
    /// Code 5: made ready.
    Ready,
    /// Code 6: made busy.
    Busy,
    /// Code 10: signed out because the link was away too long.
    TimedOut,
}

/// MT 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentEvent {
    /// 0 to 5, 11 to 13.
    pub state: i64,
    /// Busy reason's number.
    pub reason: Option<i64>,
    /// Wrap-up time in seconds.
    pub wait_time_s: Option<u64>,
}

/// MT 3 with its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneEvent {
    /// What happened.
    pub state: PhoneState,
    /// `Caller`.
    pub caller: Option<String>,
    /// `Called`.
    pub called: Option<String>,
    /// `CallerAreaName`.
    pub area: Option<String>,
    /// `OAgId` is there and not 0: the other end is an agent.
    pub from_agent: bool,
    /// `OAgNum`.
    pub agent_no: Option<String>,
    /// `OAgName`.
    pub agent_name: Option<String>,
    /// `QueId`.
    pub queue_id: Option<i64>,
    /// `CallType`: 2 stands for a call that comes in (protocol `cti.md` 4.3).
    pub call_type: Option<i64>,
    /// `CallID` or `CallId`, if the platform sends one.
    pub call_id: Option<String>,
    /// `Others`: a third party, such as whoever transferred a call that rings (protocol `cti.md` 9).
    pub others: Option<String>,
}

/// `PhoSta`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PhoneState {
    /// 0: the call is over.
    #[default]
    HungUp,
    /// 4: an outbound call is being placed.
    CallOut,
    /// 5: ringing here.
    Ring(RingKind),
    /// 6: in conversation.
    Connected,
    /// 10: own leg answered.
    SelfConnected,
    /// 21: consulted party is being called.
    ConsultOut,
    /// 22: consulted party answered.
    ConsultConnected,
    /// 23: consult over, back with the customer.
    ConsultBack,
    /// 24: consulted party not reached.
    ConsultFailed,
    /// 25: three-way established.
    ThreeWay,
    /// 26: three-way over, back with the customer.
    ThreeWayBack,
    /// 31: listening in.
    Spying,
    /// 32: barged in.
    Barged,
    /// 33: transfer done.
    TransferDone,
    /// 34: intercepted.
    Intercepted,
    /// 35: a call was transferred here.
    Transferred,
    /// 36: torn down by a supervisor.
    TornDown,
    /// 55: the far end rings.
    FarRinging,
}
