//! How the screen and the control socket reach the actor.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::{Command, CommandOutcome, Refusal, RefusalKind, Snapshot, moment};
use crate::i18n::Message;

/// A command with the place where its outcome goes.
pub struct Asked {
    /// What is asked.
    pub command: Command,
    /// Where the outcome goes; `None` if nobody waits.
    pub reply: Option<oneshot::Sender<CommandOutcome>>,
    /// The call that was looked at when it was asked, where it is about one: nothing is done to any other.
    pub call: Option<u64>,
}

/// An event as scripts read it, one JSON object a line (`contract.md`).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedEvent {
    /// Counts up from 1.
    pub seq: u64,
    /// When.
    #[serde(serialize_with = "moment::to_ms")]
    pub time: Timestamp,
    /// The SDK's name.
    pub event_name: &'static str,
    /// The SDK's categories.
    pub event_type: Vec<&'static str>,
    /// The SDK's label.
    pub status: String,
    /// The platform's message.
    pub data: Value,
}

/// The actor's front door; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<Asked>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    events: broadcast::Sender<Arc<PublishedEvent>>,
    call: Option<u64>,
}

impl Handle {
    /// Puts a door together; the actor does, and so do tests of the screen and of the control socket.
    pub fn new(
        commands: mpsc::Sender<Asked>,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        events: broadcast::Sender<Arc<PublishedEvent>>,
    ) -> Self {
        Self { commands, snapshots, events, call: None }
    }

    /// The same door for commands about this call (`id` of the snapshot's call): if it is over when they are looked at,
    /// nothing is done. The actor may know of the next call before the screen does.
    pub fn about(&self, call: Option<u64>) -> Self {
        Self { call, ..self.clone() }
    }

    /// Asks and waits for what becomes of it.
    pub async fn ask(&self, command: Command) -> CommandOutcome {
        let (reply, outcome) = oneshot::channel();
        if self.commands.send(Asked { command, reply: Some(reply), call: self.call }).await.is_err() {
            return Err(gone());
        }
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Asks without waiting: for keys. What goes wrong is told by a notice in the snapshot.
    ///
    /// Returns false when the actor is gone or hopelessly behind; the key then had no effect.
    pub fn tell(&self, command: Command) -> bool {
        self.commands.try_send(Asked { command, reply: None, call: self.call }).is_ok()
    }

    /// The snapshots, newest always at hand.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// The event stream from now on.
    pub fn events(&self) -> broadcast::Receiver<Arc<PublishedEvent>> {
        self.events.subscribe()
    }
}

fn gone() -> Refusal {
    Refusal { kind: RefusalKind::Unreachable, message: Message::new("app.gone"), platform: None }
}
