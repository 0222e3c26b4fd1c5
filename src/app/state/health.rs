//! What is known of the health of things besides their states: round trips, proofs, since when.

use std::{collections::BTreeMap, time::Instant};

use jiff::Timestamp;

use crate::{
    app::{HealthLevel, RequestId},
    i18n::Message,
    softphone::SoundTest,
};

/// Everything that is measured and proven.
#[derive(Debug, Default)]
pub(in crate::app) struct Health {
    /// The probes run.
    pub(in crate::app) running: bool,
    /// Probes so far: devices are proven with every other one.
    pub(in crate::app) probes: u64,
    /// Requests under way, and when they were sent.
    pub(in crate::app) asked: BTreeMap<RequestId, Instant>,
    /// The platform's commands.
    pub(in crate::app) platform: Platform,
    /// Pings of the event websocket.
    pub(in crate::app) link: Trips,
    /// How long a ping of the event websocket has been without an answer, ms.
    pub(in crate::app) link_late_ms: Option<u64>,
    /// Keep-alives of the SIP connection.
    pub(in crate::app) sip: Trips,
    /// The last 200 OK of the registration, and until when it holds.
    pub(in crate::app) granted: Option<(Timestamp, Timestamp)>,
    pub(in crate::app) microphone: Device,
    pub(in crate::app) speaker: Device,
    pub(in crate::app) ring: Option<Message>,
    /// The microphone delivers nothing but digital silence.
    pub(in crate::app) microphone_silent: bool,
    /// Why the call's sound is gone.
    pub(in crate::app) media_lost: Option<Message>,
    /// Tenths of a second with a voice in the microphone in this call.
    pub(in crate::app) spoken: u32,
    /// The test that runs, or the last.
    pub(in crate::app) test: Option<SoundTest>,
    /// The agent was to be ready and is busy until microphone and speaker are proven.
    pub(in crate::app) held_ready: bool,
    /// The agent goes ready without a proof.
    pub(in crate::app) anyway: bool,
    /// How things were after the last input, and since when.
    pub(in crate::app) since: BTreeMap<&'static str, (HealthLevel, Timestamp)>,
}

/// The platform's commands.
#[derive(Debug, Default)]
pub(in crate::app) struct Platform {
    pub(in crate::app) trips: Trips,
    /// Commands in a row without an answer.
    pub(in crate::app) failures: u32,
    pub(in crate::app) error: Option<Message>,
    /// When one was last answered.
    pub(in crate::app) answered: Option<Timestamp>,
}

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::app) enum Device {
    /// It has not been tried.
    #[default]
    Untried,
    /// It can be opened.
    Opens { name: String, at: Timestamp },
    /// It cannot.
    Failed(Message),
}

impl Device {
    /// Its name, if it works.
    pub(in crate::app) fn name(&self) -> Option<&str> {
        match self {
            Device::Opens { name, .. } => Some(name),
            Device::Untried | Device::Failed(_) => None,
        }
    }
}

/// The last three round trips, ms: one that is late says little.
#[derive(Debug, Default)]
pub(in crate::app) struct Trips(Vec<u64>);

impl Trips {
    pub(in crate::app) fn push(&mut self, ms: u64) {
        if self.0.len() == 3 {
            self.0.remove(0);
        }
        self.0.push(ms);
    }

    /// The middle one; of two the quicker.
    pub(in crate::app) fn usual(&self) -> Option<u64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) / 2).copied()
    }

    pub(in crate::app) fn forget(&mut self) {
        self.0.clear();
    }
}
