//! The state: what is known, and what is under way. Nothing here is derived from anything else here.

mod call;
mod devices;
mod duties;
mod health;
mod pending;
mod platform;
mod session;

use std::{collections::VecDeque, sync::Arc, time::Instant};

use jiff::Timestamp;
use serde_json::Value;

pub(super) use self::{call::*, devices::*, duties::*, health::*, pending::*, platform::*, session::*};
use super::{
    DirectoryView, Fetched, JournalEntry, LinkId, LinkState, MediaState, NoticeView, Now, PanelContent, PanelFiller,
    PanelId, Profile, QueueView, SipState, Watched,
};
use crate::{
    config::Codec,
    domain::{
        AgentState, BusyReason, CallPhase, CallerId, Direction, Party, QualityWatch, Remembered, RingKind, SkillGroup,
    },
    i18n::Message,
    softphone::{MediaStats, Tone, Unheard},
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
    pub(super) phone_away: PhoneAbsence,
    pub(super) media: Media,
    pub(super) sound: SoundDevices,
    pub(super) health: Health,
    /// When the program began.
    pub(super) began: Timestamp,
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
    /// The newest line of an earlier run: a call that is found may go on in it.
    pub(super) earlier_line: Option<u64>,
    /// The newest number given to a call.
    pub(super) last_journal_id: u64,
    pub(super) panel: Panel,
    pub(super) untold: Option<Untold>,
    pub(super) missed: Option<Missed>,
    pub(super) quitting: Quitting,
    /// The line of the call under way as it is on disk.
    pub(super) line: Option<OpenLine>,
    /// Whether the legs of a kind of ring come from the caller's number, as far as was seen, or from a gateway's or the
    /// line's: those of one route may while those of another do not.
    pub(super) from_is_caller: Vec<(RingKind, bool)>,
    /// The own legs of calls out ask to be answered, as far as was seen: one that does not is a customer's.
    pub(super) own_legs_ask: bool,
    /// The platform's calls as pushed.
    pub(super) platform: PlatformCalls,
    /// What has come for the next call.
    pub(super) next_call: Option<NextCall>,
    /// Calls that have ended lately, oldest first.
    pub(super) ended: VecDeque<JustEnded>,
    /// When the phase of the call has lasted too long, as the timer was last set.
    pub(super) call_deadline: Option<Instant>,
}

/// How far the end of the program has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Quitting {
    /// Nobody has asked for it.
    #[default]
    No,
    /// The call is being ended.
    Call,
    /// The sign-out, or the answer to the last commands, is awaited.
    Leaving,
    /// Nothing more is to be done.
    Done,
}

/// What of a call's line in the journal is worth writing it again for when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpenLine {
    pub(super) id: u64,
    pub(super) phase: CallPhase,
    pub(super) direction: Direction,
    pub(super) peer: Party,
    pub(super) queue_id: Option<i64>,
    pub(super) call_id: Option<String>,
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
    /// When it was last known to be so.
    pub(super) known_at: Timestamp,
    pub(super) wrap_up_ends_at: Option<Instant>,
    /// When the platform last pushed it.
    pub(super) told_at: Option<Instant>,
}

/// The event websocket.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) state: LinkState,
    pub(super) since: Timestamp,
    pub(super) since_at: Instant,
    /// When the connection of now was made: what the platform greets with is of then, however late it comes.
    pub(super) opened_at: Instant,
    /// When it was lost first; reconnection is counted from here.
    pub(super) lost_at: Option<Instant>,
    /// When it was tried again after having been given up: reconnection is counted from here instead.
    pub(super) window_from: Option<Instant>,
    /// A newer token has come since it was opened.
    pub(super) token_is_old: bool,
    pub(super) attempts: u32,
    pub(super) last_error: Option<Message>,
    pub(super) retry_at: Option<Instant>,
    /// It has been up in this sign-in, so the next connection is a reconnect.
    pub(super) was_up: bool,
    /// `RegID` of the newest connection.
    pub(super) opened_for: Option<String>,
    /// The last connection was given up here; the other side has not closed it.
    pub(super) left: bool,
    /// When a connection that was given up was last followed by one with the same `RegID`: the platform may still have to
    /// deal with the earlier one.
    pub(super) other_at: Option<Instant>,
    /// The platform has said "replaced", that was taken for our own doing, and the link is not up again yet.
    pub(super) was_replaced: bool,
    /// When an attempt was last left for a new one because this machine's network had changed.
    pub(super) moved_at: Option<Instant>,
    /// When the platform last said "replaced" and that was taken for our own doing.
    pub(super) replaced_at: Option<Instant>,
    /// A frame that could not be read has been told of.
    pub(super) junk_told: bool,
    /// That a message without a readable encoding has ended a link has been told.
    pub(super) bad_text_told: bool,
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

/// The phone is wanted and not registered.
#[derive(Debug, Default)]
pub(super) struct PhoneAbsence {
    /// Since when, while signed in.
    pub(super) since: Option<Instant>,
    /// What there is to do about it has been told, or done.
    pub(super) told: bool,
    /// Whether the program has made the agent busy for it.
    pub(super) stood_in: StoodIn,
    /// The platform would not have it, and the agent was told.
    pub(super) refused: bool,
    /// When it is asked again.
    pub(super) again_at: Option<Instant>,
}

/// How far the program has got with making the agent busy while the phone is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StoodIn {
    /// It has not.
    #[default]
    No,
    /// The platform has been asked.
    Asked,
    /// The agent is busy for that.
    Busy,
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
    /// What is wrong with the sound now.
    pub(super) quality: QualityWatch,
    /// Why a connected far end is not heard.
    pub(super) unheard: Option<Unheard>,
    /// When the sound was lost.
    pub(super) lost_at: Option<Instant>,
    /// Keypad digits can go in the call's own sound.
    pub(super) digits: bool,
    /// The far end has put the call on hold.
    pub(super) held_by_far_end: bool,
    /// That they cannot, although they should, has been told.
    pub(super) no_digits_told: bool,
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
                known_at: now.wall,
                wrap_up_ends_at: None,
                told_at: None,
            },
            call: None,
            link: Link {
                id: LinkId(0),
                state: LinkState::Down,
                since: now.wall,
                since_at: now.at,
                opened_at: now.at,
                lost_at: None,
                window_from: None,
                token_is_old: false,
                attempts: 0,
                last_error: None,
                retry_at: None,
                was_up: false,
                opened_for: None,
                left: false,
                other_at: None,
                was_replaced: false,
                moved_at: None,
                replaced_at: None,
                junk_told: false,
                bad_text_told: false,
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
            phone_away: PhoneAbsence::default(),
            media: Media::default(),
            sound: SoundDevices::default(),
            health: Health::default(),
            began: now.wall,
            lists: Lists::default(),
            duties: Duties::default(),
            directory: Directory::default(),
            queue: Queue::default(),
            watched: None,
            pending: Pending::default(),
            dtmf: Dtmf::default(),
            remembered: profile.remembered.clone().at(now.wall),
            tone: None,
            dialled: None,
            spy_asked: None,
            calls: 0,
            moves: 0,
            notices: VecDeque::new(),
            journal: Arc::default(),
            earlier_line: None,
            last_journal_id: 0,
            panel: Panel::default(),
            untold: None,
            missed: None,
            quitting: Quitting::default(),
            line: None,
            from_is_caller: Vec::new(),
            own_legs_ask: false,
            platform: PlatformCalls::default(),
            next_call: None,
            ended: VecDeque::new(),
            call_deadline: None,
            profile,
        }
    }

    /// The program ends before anything has begun.
    pub(super) fn leave(&mut self) {
        self.quitting = Quitting::Done;
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
