//! What is known of the call, and of one that is asked for or just over.

use std::time::Instant;

use jiff::Timestamp;

use super::PlatformKey;
use crate::{
    app::{CallClocks, ConsultView},
    cti::push::PhoneEvent,
    domain::{CallPhase, Direction, HungUpBy, JournalEntry, Party, QualityTally, RingKind, Unreached},
};

/// An outbound call that was asked for.
#[derive(Debug)]
pub(in crate::app) struct Dialled {
    /// When.
    pub(in crate::app) at: Instant,
    pub(in crate::app) number: String,
    /// The number is an agent's.
    pub(in crate::app) agent: bool,
    pub(in crate::app) caller_id: Option<String>,
    /// The skill group it is counted for.
    pub(in crate::app) queue_id: Option<i64>,
}

/// A dialled number was not reached; the end of the own leg, which may say why, is still awaited.
#[derive(Debug)]
pub(in crate::app) struct Untold {
    /// SIP Call-ID of the leg.
    pub(in crate::app) leg: String,
    pub(in crate::app) who: String,
}

/// A SIP leg that rings or talks. Each has one owner: the call on the screen, or [`NextCall`]. A leg whose call is over is
/// the softphone's alone, which ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct Leg {
    pub(in crate::app) call_id: String,
    /// User part of From: a gateway's name as often as the caller's number.
    pub(in crate::app) from: String,
    /// When its INVITE came.
    pub(in crate::app) since: Instant,
    /// The INVITE asks to be answered without a key pressed.
    pub(in crate::app) asks: bool,
    /// It asks for that and nobody has announced it in time: a person may answer it meanwhile.
    pub(in crate::app) offered: bool,
    pub(in crate::app) answered: bool,
    /// It is being answered without anybody pressing a key.
    pub(in crate::app) answering: bool,
    /// The agent has heard the tone that goes before that.
    pub(in crate::app) beeped: bool,
}

/// An incoming call ended unanswered by the platform's word alone; the end of its leg, which may say that somebody else
/// has answered it, is still awaited.
#[derive(Debug)]
pub(in crate::app) struct Missed {
    /// SIP Call-ID of the leg.
    pub(in crate::app) leg: String,
    pub(in crate::app) journal_id: u64,
    pub(in crate::app) who: String,
}

/// A call that has ended lately, as far as it matters for what still comes of it.
#[derive(Debug)]
pub(in crate::app) struct JustEnded {
    pub(in crate::app) at: Instant,
    /// When it began.
    pub(in crate::app) since: Instant,
    /// Its line in the journal; a leg that was turned away has none.
    pub(in crate::app) journal_id: Option<u64>,
    /// The platform's call that it was; none if the platform has never spoken of it.
    pub(in crate::app) platform: Option<PlatformKey>,
    /// The platform has said that it is over.
    pub(in crate::app) over: bool,
    /// It was in conversation.
    pub(in crate::app) answered: bool,
    /// The agent's own leg is the first of it, as of a call that is dialled or listened to.
    pub(in crate::app) own: bool,
    /// The platform has announced its ring.
    pub(in crate::app) rung: bool,
    /// The ring came after its end.
    pub(in crate::app) late: bool,
    /// It had a leg.
    pub(in crate::app) leg_came: bool,
    /// The agent asked for its end.
    pub(in crate::app) hung_up: bool,
    /// Number of the other end.
    pub(in crate::app) number: Option<String>,
}

/// What has come for the next call while the call on the screen is not known to be over: one of each at most.
#[derive(Debug)]
pub(in crate::app) struct NextCall {
    pub(in crate::app) leg: Option<Leg>,
    pub(in crate::app) ring: Option<NextRing>,
    /// It may as well be the last of a call that is over.
    pub(in crate::app) doubted: bool,
    /// It was doubted, and nothing has told.
    pub(in crate::app) echo: bool,
    /// The platform has said since that it holds no call.
    pub(in crate::app) held_none: bool,
    /// A resync has said that it rings, and nothing else: its leg may be that of another call.
    pub(in crate::app) bare: bool,
}

/// A ring that the platform has pushed for a call that is not on the screen yet.
#[derive(Debug)]
pub(in crate::app) struct NextRing {
    pub(in crate::app) key: PlatformKey,
    pub(in crate::app) kind: RingKind,
    pub(in crate::app) event: PhoneEvent,
}

/// A call that leaves this agent for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum GivenAway {
    /// The platform has accepted the transfer.
    Asked,
    /// It has said that it is done (PhoSta 33), and the agent was told.
    Done,
}

/// The call.
#[derive(Debug)]
pub(in crate::app) struct Call {
    /// To know it by in the journal.
    pub(in crate::app) journal_id: u64,
    /// Caller ID that it shows, where it was made here.
    pub(in crate::app) caller_id: Option<String>,
    pub(in crate::app) phase: CallPhase,
    pub(in crate::app) direction: Direction,
    pub(in crate::app) ring: Option<RingKind>,
    /// Its name: the platform's where there is one, else its leg's Call-ID.
    pub(in crate::app) call_id: Option<String>,
    /// That is the platform's.
    pub(in crate::app) named: bool,
    /// The platform's call that it is; none until the platform has pushed a message about it.
    pub(in crate::app) platform: Option<PlatformKey>,
    /// This program asked for it: it dialled, or listens in.
    pub(in crate::app) asked: bool,
    /// The platform has said "occupied" since it began: a working state after that means that it is over.
    pub(in crate::app) occupied: bool,
    /// The platform said that it holds no call when this one was a moment old: over then, unless its leg comes.
    pub(in crate::app) doubted_until: Option<Instant>,
    pub(in crate::app) peer: Party,
    /// `Caller`, as the platform names it.
    pub(in crate::app) caller: Option<String>,
    /// `Called`, as the platform names it.
    pub(in crate::app) called: Option<String>,
    pub(in crate::app) queue_id: Option<i64>,
    /// `CallType` as told.
    pub(in crate::app) call_type: Option<i64>,
    pub(in crate::app) consult: ConsultView,
    /// Who was asked to be consulted, until the platform tells of it.
    pub(in crate::app) consult_asked: Option<ConsultView>,
    /// It is on its way to somebody else.
    pub(in crate::app) given_away: Option<GivenAway>,
    /// Whom it was asked to go to.
    pub(in crate::app) taker: Option<Party>,
    /// It was transferred to this agent, and the agent was told.
    pub(in crate::app) transferred_here: bool,
    /// Who transferred it here, told while it rings.
    pub(in crate::app) transferred_by: Option<String>,
    /// Only the agent's state speaks for it; nothing was heard of the call itself.
    pub(in crate::app) guessed: bool,
    /// This agent asked to listen, so the own leg is to be answered.
    pub(in crate::app) spy_wanted: bool,
    /// Number of the agent who is listened to.
    pub(in crate::app) monitored: Option<String>,
    /// Whom the last whisper, barge or tearing down was asked for.
    pub(in crate::app) monitor_asked: Option<String>,
    pub(in crate::app) began: Timestamp,
    pub(in crate::app) since: Timestamp,
    /// When its phase began, or the platform last said something about a phase that waits for somebody else.
    pub(in crate::app) phase_at: Instant,
    pub(in crate::app) clocks: CallClocks,
    pub(in crate::app) far_ringing: bool,
    pub(in crate::app) leg: Option<Leg>,
    /// It has, or had, a leg.
    pub(in crate::app) leg_came: bool,
    /// A leg that was taken for its own one was cancelled before the platform had spoken of the call.
    pub(in crate::app) leg_gone: bool,
    /// Its leg may be that of a call that was over before.
    pub(in crate::app) echo: bool,
    /// Nothing but the time at which they came says that its leg and the platform's call are one.
    pub(in crate::app) unsure: bool,
    /// The platform has ended a call that may be this one, since then nobody hears the agent in the leg, which still
    /// lives.
    pub(in crate::app) hushed_at: Option<Instant>,
    /// It was found by the platform's word, and no leg of it has come to this program's phone: nothing of it is heard here.
    pub(in crate::app) legless: bool,
    /// Its line of an earlier run of the program, which goes on.
    pub(in crate::app) earlier: Option<Box<JournalEntry>>,
    /// Its leg was lost while the platform still held the call, and why.
    pub(in crate::app) leg_lost: Option<String>,
    /// Its leg was taken back because somebody else has answered it.
    pub(in crate::app) elsewhere: bool,
    /// The platform holds no such call any more, but its leg is there with sound: only the leg speaks for it.
    pub(in crate::app) unheld: bool,
    /// When the own leg of an outbound call rang, for the "phone is faulty" rule.
    pub(in crate::app) own_ring_at: Option<Instant>,
    /// The agent asked for the end.
    pub(in crate::app) hang_up_asked: bool,
    /// The platform has agreed to end it.
    pub(in crate::app) end_agreed: bool,
    /// Who ended it, once known.
    pub(in crate::app) hung_up_by: Option<HungUpBy>,
    /// The program ends it because nothing more comes of it, and has said so.
    pub(in crate::app) given_up: bool,
    /// The platform has said that it is connected. Its leg may have said so before, and been given away since.
    pub(in crate::app) connected: bool,
    /// Taken for connected since the own leg is: nobody tells anything of the far end while the link is away.
    pub(in crate::app) assumed: bool,
    /// The phase was known before the link was cut, or not at all, and the platform cannot tell it apart from others: a
    /// hold, a consultation, a whisper.
    pub(in crate::app) hold_uncertain: bool,
    /// Why the other end was not reached, where it was said.
    pub(in crate::app) unreached: Option<Unreached>,
    /// How it has sounded so far.
    pub(in crate::app) heard: QualityTally,
    /// `callStarted` has been published.
    pub(in crate::app) announced: bool,
}

impl Call {
    /// The platform's name of it, as scripts are told.
    pub(in crate::app) fn platform_name(&self) -> Option<&str> {
        self.call_id.as_deref().filter(|_| self.named)
    }
}
