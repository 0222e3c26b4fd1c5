//! The state: what is known, and what is under way. Nothing here is derived from anything else here.

mod duties;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use jiff::Timestamp;
use serde_json::Value;

pub(super) use self::duties::*;
use super::{
    Action, CallClocks, CommandId, ConsultView, DirectoryView, Fetched, JournalEntry, LinkId, LinkState, MediaState,
    NoticeView, Now, PanelContent, PanelFiller, PanelId, Profile, QueueView, RequestId, SipState, Watched,
};
use crate::{
    config::{Codec, LoginType},
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
    pub(super) directory: Directory,
    pub(super) queue: Queue,
    /// The list that somebody looks at.
    pub(super) watched: Option<Watched>,
    pub(super) pending: Pending,
    pub(super) dtmf: Dtmf,
    /// What the agent chose and finds again after a restart.
    pub(super) remembered: Remembered,
    /// The looping tone that plays.
    pub(super) tone: Option<Tone>,
    /// The outbound call that was asked for last.
    pub(super) dialled: Option<Dialled>,
    /// Number of the agent who is to be listened to, until the platform has answered.
    pub(super) spy_asked: Option<String>,
    /// Calls so far: which one an answer is about.
    pub(super) calls: u64,
    /// Changes of the call's phase so far: whether an answer is older than what is known by now.
    pub(super) moves: u64,
    pub(super) notices: VecDeque<NoticeView>,
    /// Calls that are over, newest first.
    pub(super) journal: Arc<Vec<JournalEntry>>,
    /// The newest number given to a call.
    pub(super) last_journal_id: u64,
    pub(super) panel: Panel,
    pub(super) untold: Option<Untold>,
    pub(super) exiting: bool,
    /// Call-ID of a SIP leg whose call the platform has ended; to be ended from here if it stays.
    pub(super) stray_leg: Option<String>,
    /// The platform's name of the call that ended last: late words about it are not about the next one.
    pub(super) over: Option<String>,
    /// When a call ended last.
    pub(super) over_at: Option<Instant>,
}

/// The right-hand panel.
#[derive(Debug, Default)]
pub(super) struct Panel {
    pub(super) content: Option<Arc<PanelContent>>,
    pub(super) source: PanelFiller,
    pub(super) error: Option<Message>,
    /// The run that is under way.
    pub(super) loading: Option<PanelId>,
    pub(super) last_run: u64,
    /// The call that it is about: when it began, and whether a colleague is at the other end.
    pub(super) call: Option<(Instant, bool)>,
    /// It has been filled for that call, or somebody else has seen to it.
    pub(super) settled: bool,
}

/// An outbound call that was asked for.
#[derive(Debug)]
pub(super) struct Dialled {
    pub(super) number: String,
    /// The number is an agent's.
    pub(super) agent: bool,
    pub(super) caller_id: Option<String>,
    /// The skill group it is counted for.
    pub(super) queue_id: Option<i64>,
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
#[derive(Debug)]
pub(super) struct Session {
    pub(super) phase: Phase,
    /// The phone's number: the config's at first, then the one the agent changed to.
    pub(super) phone: String,
    /// That phone is the built-in one.
    pub(super) web_phone: bool,
    /// The config's at first, then what the agent switched to or a sign-in that was taken over had.
    pub(super) login_type: LoginType,
    /// The sign-in of an earlier run has not been tried yet, and is as this one is to be.
    pub(super) may_rejoin: bool,
    /// It is being tried; the platform has not said that it knows it.
    pub(super) rejoining: bool,
    /// The link's first connection was made with `reset=true`, and so are its later ones (protocol `cti.md` 3.1).
    pub(super) by_reset: bool,
    /// A change of the phone under way.
    pub(super) change: Option<PhoneChange>,
    /// The kind of sign-in that is being switched to.
    pub(super) switching: Option<LoginType>,
    /// The platform has given the tenant, so look-ups make sense.
    pub(super) tenant_known: bool,
    /// Signed out by the platform while away, and coming back by itself.
    pub(super) coming_back: bool,
    /// A sign-in elsewhere has been ended for this one, which is done once only.
    pub(super) ended_other: bool,
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
    /// Why it gave none, as told last.
    pub(super) renewal_told: Option<Message>,
    /// When the token expires, where the platform said so.
    pub(super) token_expires: Option<Timestamp>,
    /// `tokenExpiring` has been published for this token.
    pub(super) expiring_told: bool,
    /// That the token is worth nothing has been told.
    pub(super) worthless_told: bool,
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

impl Session {
    fn new(profile: &Profile) -> Self {
        Self {
            phase: Phase::Out,
            vcc_code: None,
            phone: profile.agent_phone.clone(),
            web_phone: profile.webrtc,
            login_type: profile.login_type,
            may_rejoin: profile.known.as_ref().is_some_and(|known| {
                known.phone.as_ref() == Some(&profile.agent_phone) && known.kind == Some(profile.login_type.number())
            }),
            rejoining: false,
            by_reset: false,
            change: None,
            switching: None,
            tenant_known: false,
            coming_back: false,
            ended_other: false,
            wanted: false,
            force: false,
            failures: 0,
            step: None,
            login_unanswered: false,
            refused: false,
            again_at: None,
            renewing: false,
            renewed_at: None,
            renewal_told: None,
            token_expires: None,
            expiring_told: false,
            worthless_told: false,
            reg_id: profile.known.as_ref().map(|known| known.reg_id.clone()),
            login_state: None,
            state_set: false,
            target: Some(profile.target),
            vcc_id: None,
            account: None,
            signed_out_because: None,
        }
    }
}

/// A change of the phone in the middle of the shift.
#[derive(Debug)]
pub(super) struct PhoneChange {
    pub(super) phone: String,
    /// `isWebrtc` as it was asked for.
    pub(super) asked: Option<bool>,
    /// To register with, if the new phone is the built-in one.
    pub(super) account: Option<crate::softphone::Account>,
    /// The platform has bound it; a call keeps its own phone to the end.
    pub(super) accepted: bool,
}

/// The platform's word on the agent.
#[derive(Debug)]
pub(super) struct Agent {
    /// The platform's number for the agent, as it came: other calls want it so.
    pub(super) id: Option<Value>,
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
    /// It is being answered without anybody pressing a key.
    pub(super) answering: bool,
    /// The agent has heard the tone that goes before that.
    pub(super) beeped: bool,
}

/// A call that leaves this agent for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenAway {
    /// The platform has accepted the transfer.
    Asked,
    /// It has said that it is done (PhoSta 33), and the agent was told.
    Done,
}

/// The call.
#[derive(Debug)]
pub(super) struct Call {
    /// To know it by in the journal.
    pub(super) journal_id: u64,
    /// Caller ID that it shows, where it was made here.
    pub(super) caller_id: Option<String>,
    pub(super) phase: CallPhase,
    pub(super) direction: Direction,
    pub(super) ring: Option<RingKind>,
    pub(super) call_id: Option<String>,
    /// The platform's own name for it (`CallID`), where it sends one.
    pub(super) platform_id: Option<String>,
    /// The platform has spoken of it; until then it is this side's word alone.
    pub(super) told: bool,
    pub(super) peer: Party,
    /// `Caller`, as the platform names it.
    pub(super) caller: Option<String>,
    /// `Called`, as the platform names it.
    pub(super) called: Option<String>,
    pub(super) queue_id: Option<i64>,
    /// `CallType` as told.
    pub(super) call_type: Option<i64>,
    pub(super) consult: ConsultView,
    /// Who was asked to be consulted, until the platform tells of it.
    pub(super) consult_asked: Option<ConsultView>,
    /// It is on its way to somebody else.
    pub(super) given_away: Option<GivenAway>,
    /// It was transferred to this agent, and the agent was told.
    pub(super) transferred_here: bool,
    /// Who transferred it here, told while it rings.
    pub(super) transferred_by: Option<String>,
    /// Only the agent's state speaks for it; nothing was heard of the call itself.
    pub(super) guessed: bool,
    /// This agent asked to listen, so the own leg is to be answered.
    pub(super) spy_wanted: bool,
    /// Number of the agent who is listened to.
    pub(super) monitored: Option<String>,
    /// Whom the last whisper, barge or tearing down was asked for.
    pub(super) monitor_asked: Option<String>,
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
    /// The phase was known before the link was cut, or not at all, and the platform cannot tell it apart from others: a
    /// hold, a consultation, a whisper.
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
    /// That there is no caller ID has been told.
    pub(super) no_caller_ids_told: bool,
}

/// People and groups to call.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// As shown, without its freshness and without the marks on the agent's own groups.
    pub(super) view: DirectoryView,
    /// How fresh the free agents are.
    pub(super) agents: Fetched,
    /// How fresh the skill groups are.
    pub(super) groups: Fetched,
}

/// Waiting customers.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// How many, where that is asked for and known.
    pub(super) waiting: Option<u32>,
    /// Counts in a row that failed.
    pub(super) failures: u32,
    /// Who, as shown.
    pub(super) view: QueueView,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) next_request: u64,
    pub(super) requests: BTreeMap<RequestId, Purpose>,
    /// Commands not answered yet, by their kind.
    pub(super) commands: BTreeMap<Action, Waiting>,
    /// A state asked for during a call, or in the moment between its end and the platform's next word.
    pub(super) after_call: Option<TargetState>,
    /// The platform has been told no state at all since the sign-in, because a call was under way.
    pub(super) state_owed: bool,
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
    /// [`State::calls`] when it was asked for.
    pub(super) calls: u64,
    /// [`State::moves`] when it was asked for.
    pub(super) moves: u64,
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
    /// A new token's expiry.
    TokenCheck,
    /// A duty: a project, a break, a reminder, the rules of overtime.
    Duty(Asked),
}

/// A list of the platform's that is kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
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

impl State {
    /// The state before anything has happened.
    pub fn new(profile: Profile, now: Now) -> Self {
        Self {
            session: Session::new(&profile),
            agent: Agent {
                id: None,
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
            directory: Directory::default(),
            queue: Queue::default(),
            watched: None,
            pending: Pending::default(),
            dtmf: Dtmf::default(),
            remembered: profile.remembered.clone(),
            tone: None,
            dialled: None,
            spy_asked: None,
            calls: 0,
            moves: 0,
            notices: VecDeque::new(),
            journal: Arc::default(),
            last_journal_id: 0,
            panel: Panel::default(),
            untold: None,
            exiting: false,
            stray_leg: None,
            over: None,
            over_at: None,
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
