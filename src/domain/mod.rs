//! The trade's words as types: agent state, call, party, number, caller ID, skill group, busy reason, time of a break,
//! quality of a call, event names.
//!
//! No I/O, no clock, no serialisation of any wire format: every other room may use this one, and this one uses none.

mod agent;
mod break_time;
mod call;
mod caller_id;
mod destination;
mod device;
mod events;
mod journal;
mod missed;
mod number;
mod numbers_in;
mod quality;
mod remembered;
mod sign_in;
mod skill_group;

pub use agent::{AgentState, BusyReason, TargetState};
pub use break_time::{BreakTimeError, Minute, REMARK_MAX, break_time};
pub use call::{CallPhase, Direction, HungUpBy, Outcome, Party, RingKind, Unreached};
pub use caller_id::CallerId;
pub use destination::{Callee, Destination};
pub use device::DeviceRole;
pub use events::{EVENT_CATEGORIES, EVENT_NAMES, EVERY_EVENT, unknown_event};
pub use journal::{JournalChange, JournalEntry};
pub use missed::{not_called_back, spoken_with_since};
pub use number::{NumberError, clean_agent_number, clean_number, extension};
pub use numbers_in::numbers_in;
pub use quality::{CallQuality, Heard, QualityTally, QualityWatch, Sample, Warning, WarningChange, WarningName};
pub use remembered::{ChosenDevice, Preference, ProvenSound, Remembered};
pub use sign_in::KnownSignIn;
pub use skill_group::SkillGroup;
