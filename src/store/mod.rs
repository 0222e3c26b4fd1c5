//! What is kept on disk for an agent: the journal of calls, the choices, and the `RegID` of the sign-in.
//!
//! Three small files in the state directory, private to their owner. [`Store`] is a thread of its own that writes them
//! in the order it is told to, so that neither the screen nor the actor ever waits for a disk; what goes wrong is said
//! once ([`Said::NotKept`]) and the phone goes on. [`read_remembered`] and [`read_reg_id`] are for the start, before
//! there is a store: both files are tiny. `journal` is the journal's file, `files` writes files so that a crash leaves
//! the old or the new one, never half of one.

mod files;
mod journal;
mod remembered;
mod session;
mod writer;

use std::path::PathBuf;

use crate::{config::paths::Paths, domain::JournalEntry, i18n::Message};

pub use remembered::read_remembered;
pub use session::read_reg_id;
pub use writer::Store;

/// Where an agent's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// `RegID`.
    pub session: PathBuf,
    /// Choices.
    pub remembered: PathBuf,
    /// Journal.
    pub journal: PathBuf,
}

impl Places {
    /// The files of an agent.
    pub fn of(paths: &Paths, ag_no: &str) -> Self {
        Self {
            session: paths.session_file(ag_no),
            remembered: paths.remembered_file(ag_no),
            journal: paths.journal_file(ag_no),
        }
    }
}

/// What a store has to say.
#[derive(Debug)]
pub enum Said {
    /// The calls that earlier runs kept, newest first.
    Journal(Vec<JournalEntry>),
    /// Something cannot be kept, or not be read: what, why, and what to do. Each kind is said once.
    NotKept(Message),
}
