//! The softphone as the world holds it. An external phone needs none, but the agent may change to the built-in one at
//! any time of the shift.

use tokio::sync::mpsc;

use super::Event;
use crate::softphone::{self, Settings, Softphone};

/// The softphone, running from the first command on that is for it.
pub struct PhoneLine {
    settings: Settings,
    events: mpsc::UnboundedSender<Event>,
    /// Running since the first command, or since the start.
    pub(super) running: Option<Softphone>,
}

impl PhoneLine {
    /// A softphone to be started when it is needed.
    pub fn new(settings: Settings, events: mpsc::UnboundedSender<Event>) -> Self {
        Self { settings, events, running: None }
    }

    /// Starts it now, so that the first call does not wait for it.
    #[must_use]
    pub fn started(mut self) -> Self {
        self.start();
        self
    }

    fn start(&mut self) -> &Softphone {
        let (settings, events) = (&self.settings, &self.events);
        self.running.get_or_insert_with(|| {
            let events = events.clone();
            Softphone::start(settings.clone(), move |event| {
                if events.send(Event::Phone(event)).is_err() {
                    tracing::debug!("a softphone event came after the end");
                }
            })
        })
    }

    pub(super) fn send(&mut self, command: softphone::Command) {
        self.start().send(command);
    }
}
