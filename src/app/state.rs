//! The state: what is known, and what is under way. Nothing here is derived from anything else here.

mod duties;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use jiff::Timestamp;

pub(super) use self::duties::*;
use super::{
    Action, CallClocks, CommandId, ConsultView, JournalEntry, LinkId, LinkState, MediaState, NoticeView, Now,
    PanelContent, Profile, RequestId, SipState,
};
use crate::{
    config::Codec,
    domain::{
        AgentState, BusyReason, CallPhase, CallerId, Direction, HungUpBy, Party, Remembered, RingKind, SkillGroup,
        TargetState, Unreached,
    },
    i18n::Message,
    softphone::{MediaStats, Tone},
};

/// Everything the program knows. Changed by [`State::update`](super::State::update) alone.
#[derive(Debug)]
pub struct State {
    pub(super) profile: Profile,
    pub(super) session: Session,
    pub(super) agent: Agent,
    pub(super) call: Option<Call>,
    pub(super) link: Link,
    pub(super) sip: Sip,
    pub(super) media: Media,
    pub(super) lists: Lists,
    pub(super) duties: Duties,
    pub(super) pending: Pending,
    pub(super) dtmf: Dtmf,
    pub(super) auto_answer: bool,
    /// What the agent chose and finds again after a restart.
    pub(super) remembered: Remembered,
    /// The looping tone that plays.
    pub(super) tone: Option<Tone>,
    /// Number of the outbound call that was asked for last, and whether it is an agent's.
    pub(super) dialled: Option<(String, bool)>,
    pub(super) notices: VecDeque<NoticeView>,
    pub(super) journal: VecDeque<JournalEntry>,
    pub(super) panel: Option<PanelContent>,
    pub(super) untold: Option<Untold>,
    pub(super) exiting: bool,
    /// Call-ID of a SIP leg whose call the platform has ended; to be ended from here if it stays.
    pub(super) stray_leg: Option<String>,
    /// The platform's name of the call that ended last: late words about it are not about the next one.
    pub(super) over: Option<String>,
}

/// A dialled number was not reached; the end of the own leg, which may say why, is still awaited.
#[derive(Debug)]
pub(super) struct Untold {
    /// SIP Call-ID of the leg.
    pub(super) leg: String,
    pub(super) who: String,
}

/// How far sign-in has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Phase {
    /// Not signed in.
    #[default]
    Out,
    /// `/agent/rtcInfo` is under way.
    FetchingPhone,
    /// `/agent/login` is under way.
    LoggingIn,
    /// Waiting for the platform's greeting (MT 0) on the link.
    Linking,
    /// The first ready or busy is under way.
    Setting,
    /// Signed in.
    In,
    /// `/agent/logout` is under way.
    Leaving,
}

/// The sign-in: its progress, its identity, and what is wanted.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) phase: Phase,
    /// Keep trying until it works.
    pub(super) wanted: bool,
    /// Take over a sign-in elsewhere.
    pub(super) force: bool,
    /// Failed attempts in a row.
    pub(super) failures: u32,
    /// The request of the present step; an answer to an earlier attempt's is not for this one.
    pub(super) step: Option<RequestId>,
    /// The answer to our own sign-in was lost, so the platform may hold one that is ours without our knowing.
    pub(super) login_unanswered: bool,
    /// The last sign-in was refused; the next token is reason enough to try again.
    pub(super) refused: bool,
    /// When the platform last made us sign in again, so that it cannot do so in a circle.
    pub(super) again_at: Option<Instant>,
    /// The token source has been asked and has not answered.
    pub(super) renewing: bool,
    /// When it was asked last.
    pub(super) renewed_at: Option<Instant>,
    /// `RegID`.
    pub(super) reg_id: Option<String>,
    /// `agSta` of the sign-in reply.
    pub(super) login_state: Option<String>,
    /// The first ready or busy has been accepted, or was not needed.
    pub(super) state_set: bool,
    /// State wanted after sign-in: the config's at first, then the last one the agent worked in.
    pub(super) target: Option<TargetState>,
    /// Tenant id (`vccId`).
    pub(super) vcc_id: Option<String>,
    /// Tenant code (`vccCode`).
    pub(super) vcc_code: Option<String>,
    /// Registered with, or to be registered with.
    pub(super) account: Option<crate::softphone::Account>,
    /// Why the agent was signed out, if not by the agent.
    pub(super) signed_out_because: Option<Message>,
}

/// The platform's word on the agent.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) name: Option<String>,
    pub(super) state: AgentState,
    pub(super) reason: Option<i64>,
    pub(super) since: Timestamp,
    pub(super) since_at: Instant,
    pub(super) wrap_up_ends_at: Option<Instant>,
}

/// The event websocket.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) state: LinkState,
    pub(super) since: Timestamp,
    pub(super) since_at: Instant,
    /// When it was lost first; reconnection is counted from here.
    pub(super) lost_at: Option<Instant>,
    pub(super) attempts: u32,
    pub(super) last_error: Option<Message>,
    pub(super) retry_at: Option<Instant>,
    /// It has been up in this sign-in, so the next connection is a reconnect.
    pub(super) was_up: bool,
    /// A frame that could not be read has been told of.
    pub(super) junk_told: bool,
}

/// The registration.
#[derive(Debug)]
pub(super) struct Sip {
    pub(super) state: SipState,
    pub(super) since: Timestamp,
    pub(super) last_error: Option<Message>,
    pub(super) retry_at: Option<Instant>,
    /// The softphone has been told to register.
    pub(super) wanted: bool,
    /// Unregister as soon as there is no call.
    pub(super) leave_after_call: bool,
    /// The devices have been tried once.
    pub(super) devices_proven: bool,
}

/// The sound.
#[derive(Debug, Default)]
pub(super) struct Media {
    pub(super) state: MediaState,
    pub(super) codec: Option<Codec>,
    pub(super) stats: Option<MediaStats>,
    pub(super) microphone: Option<f32>,
    pub(super) far_end: Option<f32>,
    /// What is wrong with devices now, each told once.
    pub(super) device_errors: Vec<Message>,
    /// The capture path's own word.
    pub(super) muted: bool,
}

/// The SIP leg of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) call_id: String,
    pub(super) answered: bool,
}

/// The call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) phase: CallPhase,
    pub(super) direction: Direction,
    pub(super) ring: Option<RingKind>,
    pub(super) call_id: Option<String>,
    /// The platform's own name for it (`CallID`), where it sends one.
    pub(super) platform_id: Option<String>,
    /// The platform has spoken of it; until then it is this side's word alone.
    pub(super) told: bool,
    pub(super) peer: Party,
    pub(super) queue_id: Option<i64>,
    pub(super) consult: ConsultView,
    /// Number of the agent who is listened to.
    pub(super) monitored: Option<String>,
    pub(super) began: Timestamp,
    pub(super) since: Timestamp,
    pub(super) clocks: CallClocks,
    pub(super) far_ringing: bool,
    pub(super) leg: Option<Leg>,
    /// When the own leg of an outbound call rang, for the "phone is faulty" rule.
    pub(super) own_ring_at: Option<Instant>,
    /// The agent asked for the end.
    pub(super) hang_up_asked: bool,
    /// Who ended it, once known.
    pub(super) hung_up_by: Option<HungUpBy>,
    /// The hold was known before the link was cut.
    pub(super) hold_uncertain: bool,
    /// Why the other end was not reached, where it was said.
    pub(super) unreached: Option<Unreached>,
    /// `callStarted` has been published.
    pub(super) announced: bool,
}

/// The platform's lists.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) busy_reasons: Vec<BusyReason>,
    pub(super) caller_ids: Vec<CallerId>,
    pub(super) caller_id: Option<CallerId>,
    pub(super) skill_groups: Vec<SkillGroup>,
    /// The agent's own skill groups.
    pub(super) own_groups: Vec<SkillGroup>,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) next_request: u64,
    pub(super) requests: BTreeMap<RequestId, Purpose>,
    /// Commands not answered yet, by their kind.
    pub(super) commands: BTreeMap<Action, Waiting>,
    /// A state asked for in the moment between the end of a call and the platform's next word.
    pub(super) after_call: Option<TargetState>,
    /// The state that the platform was asked for last.
    pub(super) state_asked: Option<TargetState>,
}

/// A command that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) id: CommandId,
    pub(super) deadline: Instant,
    /// The request that was sent for it.
    pub(super) request: Option<RequestId>,
}

/// Keypad digits not sent yet.
#[derive(Debug, Default)]
pub(super) struct Dtmf {
    pub(super) queue: String,
    pub(super) in_flight: bool,
}

/// What a request was sent for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Purpose {
    /// Sign-in, step 1.
    PhoneInfo,
    /// Sign-in, step 2.
    Login,
    /// Sign-in, last step.
    FirstState(TargetState),
    /// Undoing a sign-in that went wrong half-way.
    RollBack,
    /// The phone is bound anew after taking over.
    Bind,
    /// A command; its answer is the platform's.
    Command(Action),
    /// A list.
    BusyReasons,
    CallerList,
    SkillGroups,
    OwnRecord,
    /// Keypad digits.
    Dtmf,
    /// A new token's expiry.
    TokenCheck,
    /// A duty: a project, a break, a reminder, the rules of overtime.
    Duty(Asked),
}

impl State {
    /// The state before anything has happened.
    pub fn new(profile: Profile, now: Now) -> Self {
        Self {
            session: Session { target: Some(profile.target), reg_id: profile.reg_id.clone(), ..Session::default() },
            agent: Agent {
                name: None,
                state: AgentState::SignedOut,
                reason: None,
                since: now.wall,
                since_at: now.at,
                wrap_up_ends_at: None,
            },
            call: None,
            link: Link {
                id: LinkId(0),
                state: LinkState::Down,
                since: now.wall,
                since_at: now.at,
                lost_at: None,
                attempts: 0,
                last_error: None,
                retry_at: None,
                was_up: false,
                junk_told: false,
            },
            sip: Sip {
                state: SipState::Off,
                since: now.wall,
                last_error: None,
                retry_at: None,
                wanted: false,
                leave_after_call: false,
                devices_proven: false,
            },
            media: Media::default(),
            lists: Lists::default(),
            duties: Duties::default(),
            pending: Pending::default(),
            dtmf: Dtmf::default(),
            auto_answer: false,
            remembered: profile.remembered.clone(),
            tone: None,
            dialled: None,
            notices: VecDeque::new(),
            journal: VecDeque::new(),
            panel: None,
            untold: None,
            exiting: false,
            stray_leg: None,
            over: None,
            profile,
        }
    }

    /// The program ends before anything has begun.
    pub(super) fn leave(&mut self) {
        self.exiting = true;
    }

    /// The phase of the call.
    pub(super) fn call_phase(&self) -> CallPhase {
        self.call.as_ref().map_or(CallPhase::None, |call| call.phase)
    }

    /// The call, while a leg exists that can be hung up.
    pub(super) fn live_call(&self) -> Option<&Call> {
        self.call.as_ref().filter(|call| call.phase.is_live())
    }

    /// The same, to change it.
    pub(super) fn live_call_mut(&mut self) -> Option<&mut Call> {
        self.call.as_mut().filter(|call| call.phase.is_live())
    }

    /// Whether the call has a SIP leg that can be answered.
    pub(super) fn has_ringing_leg(&self) -> bool {
        self.live_call().and_then(|call| call.leg.as_ref()).is_some_and(|leg| !leg.answered)
    }
}
