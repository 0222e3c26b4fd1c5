//! What all of the platform's tasks share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{runtime::Handle, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    log::{LogBook, LogEntry},
    world::World,
};

/// The answer is none: the connection is closed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("refused by a fault")]
pub struct Refused;

/// What all of the platform's tasks share.
pub struct Shared {
    pub(super) world: Mutex<World>,
    pub(super) pulse: watch::Sender<u64>,
    /// Every request, frame and SIP message.
    pub log_book: Arc<LogBook>,
    /// Ends everything.
    pub stop: CancellationToken,
    /// Everything that runs.
    pub tasks: TaskTracker,
    /// For tasks begun outside one.
    pub runtime: Handle,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world, and wakes whoever waits for a change.
    pub fn with<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.lock());
        self.pulse.send_modify(|n| *n = n.wrapping_add(1));
        result
    }

    /// Looks at the world.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    /// Tells of every change of the world.
    pub fn pulse(&self) -> watch::Receiver<u64> {
        self.pulse.subscribe()
    }

    /// Keeps what went over a wire.
    pub fn log(&self, entry: LogEntry) {
        self.log_book.keep(entry);
    }
}
