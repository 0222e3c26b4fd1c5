//! What happened in the world.

use std::time::Instant;

use jiff::Timestamp;

use super::{Command, CommandId, TimerId};
use crate::{
    cti,
    domain::JournalEntry,
    panel::{PanelContent, PanelError},
    softphone,
};

/// The two clocks and a die, read once per update by the shell: the state machine has none of its own.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For durations and deadlines.
    pub at: Instant,
    /// For people and files.
    pub wall: Timestamp,
    /// A fresh random number, 0.0 to 1.0, for back-off.
    pub random: f64,
}

/// Everything that can reach the state machine.
#[derive(Debug)]
pub enum Input {
    /// Somebody asks.
    Command {
        /// To answer it by.
        id: CommandId,
        /// What is asked.
        command: Command,
    },
    /// Somebody asked something of a call that is over by now.
    TooLate {
        /// To answer it by.
        id: CommandId,
    },
    /// Something happened.
    Event(Event),
}

/// Identifies an HTTP request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Identifies one connection of the event websocket, so that a late word of an old one is told from a new one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Identifies one attempt to fill the panel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PanelId(pub u64);

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// The program has started; the first input of all.
    Started,
    /// An HTTP request has its one result.
    Replied {
        /// Which.
        id: RequestId,
        /// What came.
        result: Result<cti::api::Reply, cti::api::ApiError>,
    },
    /// The event websocket.
    Link {
        /// Which connection.
        id: LinkId,
        /// What it says.
        event: cti::link::LinkEvent,
    },
    /// The softphone.
    Phone(softphone::Event),
    /// The addresses of this machine are other ones.
    NetworkChanged,
    /// A timer ran out.
    Timer(TimerId),
    /// What was asked for the panel has come, or failed; none: there is nothing to show.
    Panel {
        /// Which run.
        id: PanelId,
        /// What came.
        result: Result<Option<PanelContent>, PanelError>,
    },
    /// The calls that earlier runs kept, newest first.
    JournalLoaded(Vec<JournalEntry>),
    /// Something could not be kept on disk, or not be read from there: what, why, and what to do.
    NotKept(crate::i18n::Message),
    /// The screen does not reach the agent: why, and what goes on.
    NotShown(crate::i18n::Message),
    /// The token source gave a token, or failed.
    Token(Result<secrecy::SecretString, crate::i18n::Message>),
}
