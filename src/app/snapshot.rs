//! The state as it is shown: what the screen draws from and what `status --json` prints.
//!
//! Serialised, it is exactly the JSON of the command contract; fields for the screen alone are skipped there.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Action, BreaksView, DevicesView, DirectoryView, HealthView, Overtime, PanelContent, ProjectsView, QueueView,
    Reminder, Wanted, moment,
};
use crate::{
    config::LoginType,
    domain::{AgentState, BusyReason, CallPhase, CallerId, Direction, Party, RingKind, SkillGroup, Warning},
    i18n::{Locale, Message},
};

pub use crate::domain::JournalEntry;

/// One consistent picture of everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// The program's version.
    pub version: &'static str,
    /// The platform's word on the agent.
    pub agent: AgentView,
    /// The event websocket.
    pub link: LinkView,
    /// The registration.
    pub sip: SipView,
    /// The call.
    pub call: CallView,
    /// The sound.
    pub media: MediaView,
    /// Microphone, speaker and ring device.
    pub devices: DevicesView,
    /// Whether everything that a call needs is in order.
    pub health: HealthView,
    /// The caller ID chosen.
    pub caller_id: Option<CallerId>,
    /// Customers waiting, if asked for.
    pub queue_waiting: Option<u32>,
    /// The state wanted after the call.
    pub after_call: Option<Wanted>,
    /// Newest last, at most 200.
    pub notices: Vec<NoticeView>,
    /// What is possible now, and why the rest is not.
    #[serde(skip)]
    pub actions: BTreeMap<Action, Possible>,
    /// Actions asked for and not answered yet.
    #[serde(skip)]
    pub pending: Vec<Action>,
    /// Caller IDs to choose from.
    #[serde(skip)]
    pub caller_ids: Vec<CallerId>,
    /// Busy reasons to choose from.
    #[serde(skip)]
    pub busy_reasons: Vec<BusyReason>,
    /// Whether calls answer themselves.
    pub auto_answer: bool,
    /// Who can be consulted, transferred to or listened to.
    #[serde(skip)]
    pub directory: DirectoryView,
    /// Who waits.
    #[serde(skip)]
    pub queue: QueueView,
    /// Predictive projects.
    #[serde(skip)]
    pub projects: ProjectsView,
    /// Raising the hand.
    #[serde(skip)]
    pub breaks: BreaksView,
    /// Reminders to be shown, oldest first.
    pub reminders: Vec<Reminder>,
    /// Until when sign-out is locked: the scheduled end of the shift.
    #[serde(serialize_with = "moment::to_ms_if_known")]
    pub shift_ends: Option<Timestamp>,
    /// A state that has lasted too long.
    pub overtime: Option<Overtime>,
    /// Quiet mode.
    pub quiet: bool,
    /// Calls, newest first: those of this run, and of earlier ones as far as they are kept.
    #[serde(skip)]
    pub journal: Arc<Vec<JournalEntry>>,
    /// The right-hand panel.
    pub panel: PanelView,
    /// Language of everything said.
    #[serde(skip)]
    pub locale: Locale,
    /// The program is ending.
    pub exiting: bool,
}

/// Whether an action is possible now.
#[derive(Clone, Debug, PartialEq)]
pub enum Possible {
    /// Yes.
    Yes,
    /// No, and why.
    No(Message),
}

impl Snapshot {
    /// Whether an action is possible now.
    pub fn can(&self, action: Action) -> bool {
        matches!(self.actions.get(&action), Some(Possible::Yes))
    }

    /// Whether an action has been asked for and not answered yet.
    pub fn is_pending(&self, action: Action) -> bool {
        self.pending.contains(&action)
    }
}

/// The agent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentView {
    /// Agent number.
    pub ag_no: String,
    /// The agent's name, once known.
    pub name: Option<String>,
    /// The phone that is bound.
    pub phone: String,
    /// The phone is the built-in one.
    pub web_phone: bool,
    /// Dynamic or static sign-in.
    pub login_type: LoginType,
    /// State.
    pub state: AgentState,
    /// Why busy.
    pub reason: Option<BusyReason>,
    /// Since when.
    #[serde(serialize_with = "moment::to_ms")]
    pub since: Timestamp,
    /// The same instant, to count from.
    #[serde(skip)]
    pub since_at: Instant,
    /// When the state was last known, while the event link is down and nobody tells of changes.
    #[serde(serialize_with = "moment::to_ms_if_known")]
    pub as_of: Option<Timestamp>,
    /// Wrap-up time left, ms.
    pub wrap_up_left_ms: Option<u64>,
    /// When wrap-up ends.
    #[serde(skip)]
    pub wrap_up_ends_at: Option<Instant>,
    /// Why the agent was signed out, if not by the agent.
    #[serde(skip)]
    pub signed_out_because: Option<Message>,
}

/// State of the event websocket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Not connected.
    #[default]
    Down,
    /// Being opened, or open and not greeted yet.
    Connecting,
    /// Greeted by the platform (MT 0).
    Up,
    /// Not tried again: refused for good, or away for too long.
    GivenUp,
}

/// The event websocket.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinkView {
    /// State.
    pub state: LinkState,
    /// Since when.
    #[serde(serialize_with = "moment::to_ms")]
    pub since: Timestamp,
    /// To count from: while it is lost, the loss, however many attempts there have been since.
    #[serde(skip)]
    pub since_at: Instant,
    /// Attempts since it was last up.
    pub attempts: u32,
    /// Why it is not up.
    pub last_error: Option<String>,
    /// Time to the next attempt, ms.
    pub retry_in_ms: Option<u64>,
    /// When the next attempt is.
    #[serde(skip)]
    pub retry_at: Option<Instant>,
}

/// State of the registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SipState {
    /// Not wanted: signed out, or no web phone.
    #[default]
    Off,
    /// Being tried.
    Registering,
    /// Calls can come.
    Registered,
    /// Failed; tried again by itself.
    Failed,
}

/// The registration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SipView {
    /// State.
    pub state: SipState,
    /// Since when.
    #[serde(serialize_with = "moment::to_ms")]
    pub since: Timestamp,
    /// Why it failed.
    pub last_error: Option<String>,
    /// When the next attempt is.
    #[serde(skip)]
    pub retry_at: Option<Instant>,
}

/// The consulted party.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConsultView {
    /// Outside number.
    pub number: Option<String>,
    /// Agent number.
    pub ag_no: Option<String>,
}

/// The call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CallView {
    /// Knows the call from its first moment to its line in the journal; never used again.
    pub id: Option<u64>,
    /// Phase.
    pub phase: CallPhase,
    /// Direction; absent without a call.
    pub direction: Option<Direction>,
    /// The platform's name for it, else the SIP Call-ID.
    pub call_id: Option<String>,
    /// Who.
    pub peer: Party,
    /// Through which skill group.
    pub queue: Option<SkillGroup>,
    /// Who is consulted.
    pub consult: ConsultView,
    /// Number of the agent who is listened to.
    pub monitored: Option<String>,
    /// Who transferred the call here, where told.
    #[serde(skip)]
    pub transferred_by: Option<String>,
    /// Whether the microphone is muted, by the capture path's word, or shut because the call is being ended.
    pub muted: bool,
    /// The other side has put the call on hold and does not listen.
    pub held_by_far_end: bool,
    /// Since when this phase.
    #[serde(serialize_with = "moment::to_ms_if_known")]
    pub since: Option<Timestamp>,
    /// Time it rang, ms, up to now while ringing.
    pub ring_ms: u64,
    /// Time since it was answered, ms, up to now.
    pub talk_ms: u64,
    /// Time on hold, ms, up to now.
    pub hold_ms: u64,
    /// How it rang.
    #[serde(skip)]
    pub ring: Option<RingKind>,
    /// The far end is ringing (outbound).
    #[serde(skip)]
    pub far_ringing: bool,
    /// What is shown (a hold, a consultation, a whisper, or none of them) cannot be confirmed: the platform does not tell
    /// them apart after the link was cut, nor after a restart.
    #[serde(skip)]
    pub hold_uncertain: bool,
    /// The platform does not hold this call any more, and its sound goes on.
    #[serde(skip)]
    pub unheld: bool,
    /// The platform holds this call, and its SIP leg was lost, for this reason: it cannot be answered or heard here.
    #[serde(skip)]
    pub leg_lost: Option<String>,
    /// Clocks to count from.
    #[serde(skip)]
    pub clocks: CallClocks,
}

/// Instants a call's clocks are counted from; a clock without a running start stands still at its sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallClocks {
    /// When it began to ring or was dialled.
    pub started_at: Option<Instant>,
    /// When it was answered.
    pub answered_at: Option<Instant>,
    /// When the present hold began.
    pub held_at: Option<Instant>,
    /// Earlier holds, ms.
    pub held_before_ms: u64,
    /// When it ended.
    pub ended_at: Option<Instant>,
}

impl CallClocks {
    /// Ringing or dialling time at an instant, ms.
    pub fn ring_ms(&self, at: Instant) -> u64 {
        span(self.started_at, self.answered_at.or(self.ended_at).unwrap_or(at))
    }

    /// Time since the answer at an instant, ms.
    pub fn talk_ms(&self, at: Instant) -> u64 {
        span(self.answered_at, self.ended_at.unwrap_or(at))
    }

    /// Time on hold at an instant, ms.
    pub fn hold_ms(&self, at: Instant) -> u64 {
        self.held_before_ms + span(self.held_at, self.ended_at.unwrap_or(at))
    }
}

fn span(from: Option<Instant>, to: Instant) -> u64 {
    from.map_or(0, |from| to.saturating_duration_since(from).as_millis() as u64)
}

/// Who filled the right-hand panel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PanelFiller {
    /// Nobody.
    #[default]
    Nobody,
    /// `[panel]`, by its command or its address.
    Config,
    /// A script, through the control socket.
    Script,
}

/// The right-hand panel.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PanelView {
    /// Who filled it.
    pub source: PanelFiller,
    /// Something is being fetched for it.
    pub loading: bool,
    /// Why it could not be filled.
    pub error: Option<String>,
    /// What is in it. Shared: it may be long, and every snapshot holds it.
    #[serde(skip)]
    pub content: Option<Arc<PanelContent>>,
}

/// State of the sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaState {
    /// No session.
    #[default]
    None,
    /// ICE and DTLS under way.
    Connecting,
    /// Audio flows.
    Up,
    /// It did and does not.
    Lost,
}

/// The sound.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MediaView {
    /// State.
    pub state: MediaState,
    /// Codec's SDP name.
    pub codec: Option<&'static str>,
    /// Round trip, ms.
    pub rtt_ms: Option<f32>,
    /// Interarrival jitter, ms.
    pub jitter_ms: f32,
    /// Loss of the last 5 s, percent.
    pub loss_pct: f32,
    /// Mean opinion score, 1.0 to 4.5; absent while unknown.
    pub mos: Option<f32>,
    /// RTP packets sent in this call.
    pub packets_sent: u64,
    /// RTP packets received in this call.
    pub packets_received: u64,
    /// RTP packets of the far end that never came, in this call.
    pub packets_lost: u64,
    /// Sound made up because nothing came in time, of the last 5 s, percent.
    pub concealed_pct: f32,
    /// How long a packet waits in the jitter buffer, ms.
    pub buffer_ms: f32,
    /// What the far end says it lost of what we sent, percent.
    pub far_loss_pct: Option<f32>,
    /// Jitter of what we sent as the far end measures it, ms.
    pub far_jitter_ms: Option<f32>,
    /// Times a sound device ran dry or over in this call.
    pub xruns: u64,
    /// How the far end is reached: host, srflx or relay.
    pub path: Option<&'static str>,
    /// What is wrong with the sound now, worst first.
    pub warnings: Vec<Warning>,
    /// Level of the microphone, dBFS.
    pub level_in_dbfs: Option<f32>,
    /// Level of the far end, dBFS.
    pub level_out_dbfs: Option<f32>,
    /// What is wrong with a device.
    #[serde(skip)]
    pub device_error: Option<Message>,
}

/// How serious a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// May need something done.
    Warn,
    /// Something failed.
    Error,
}

/// Something told to the agent; every toast is kept here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoticeView {
    /// Catalogue key of what is told.
    #[serde(skip)]
    pub kind: &'static str,
    /// When.
    #[serde(serialize_with = "moment::to_ms")]
    pub time: Timestamp,
    /// When, to count from.
    #[serde(skip)]
    pub at: Instant,
    /// How serious.
    pub level: NoticeLevel,
    /// What, in the program's language.
    pub text: String,
    /// The call that it is about and with which it is out of date.
    #[serde(skip)]
    pub call: Option<u64>,
    /// Read, or out of date: not shown as a toast any more.
    #[serde(skip)]
    pub dismissed: bool,
}
