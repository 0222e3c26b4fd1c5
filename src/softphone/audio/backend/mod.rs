//! Where sound comes from and goes to: sound devices (`device`), WAV files (`file`), or nowhere.

mod device;
pub mod direction;
mod drift;
mod feed;
mod file;
mod line;
pub mod list;
mod need;
mod open;
pub mod server;
mod stats;
pub mod system;
pub mod watch;

use std::time::{Duration, Instant};

pub use self::need::Need;
use self::system::SoundSystem;
use super::{BLOCK, Latency};
use crate::{
    config::{AudioBackend, AudioConfig},
    softphone::{Devices, MediaEvent, Xruns},
};

/// One of the kinds.
pub enum Backend {
    /// Microphone, speaker, ring device.
    Device(Box<device::DeviceBackend>),
    /// WAV files.
    File(Box<file::FileBackend>),
    /// Silence in, nothing out.
    Null {
        /// Somebody wants to know whether that works.
        proving: bool,
    },
}

impl Backend {
    /// Nothing is opened yet.
    pub fn new(config: &AudioConfig, system: SoundSystem) -> Self {
        match config.backend {
            AudioBackend::Device => {
                let devices = Devices {
                    input: config.input_device.clone(),
                    output: config.output_device.clone(),
                    ring: config.ring_device.clone(),
                };
                Self::Device(Box::new(device::DeviceBackend::new(system, &devices, config.ear)))
            }
            AudioBackend::File => Self::File(Box::new(file::FileBackend::new(config))),
            AudioBackend::Null => Self::Null { proving: false },
        }
    }

    /// Whether tones can be heard at all; if not, no time is spent on them.
    pub fn sounds(&self) -> bool {
        matches!(self, Self::Device(_))
    }

    /// Opens and closes what is to be, without waiting for it, and returns what there is to tell. Call it every block.
    pub fn serve(&mut self, need: Need, now: Instant) -> Vec<MediaEvent> {
        match self {
            Self::Device(device) => device.serve(need, now),
            Self::File(file) => file.take_events(),
            Self::Null { proving } => {
                let ready = || MediaEvent::DevicesReady { input: "null".into(), output: "null".into() };
                std::mem::take(proving).then(ready).into_iter().collect()
            }
        }
    }

    /// For how long the speaker's device has been open and taken nothing.
    pub fn speaker_idle(&self, now: Instant) -> Duration {
        match self {
            Self::Device(device) => device.speaker_idle(now),
            Self::File(_) | Self::Null { .. } => Duration::ZERO,
        }
    }

    /// Whether something is still open that [`serve`](Self::serve) will close.
    pub fn lingers(&self) -> bool {
        match self {
            Self::Device(device) => device.lingers(),
            Self::File(_) | Self::Null { .. } => false,
        }
    }

    /// A call begins.
    pub fn begin_call(&mut self) {
        match self {
            Self::File(file) => file.begin_call(),
            Self::Device(_) | Self::Null { .. } => {}
        }
    }

    /// A call is over.
    pub fn end_call(&mut self) {
        match self {
            Self::File(file) => file.end_call(),
            Self::Device(_) | Self::Null { .. } => {}
        }
    }

    /// Tells whether everything works, with the next [`serve`](Self::serve) or as soon as it is known.
    pub fn prove(&mut self) {
        match self {
            Self::Device(device) => device.prove(),
            Self::File(file) => file.prove(),
            Self::Null { proving } => *proving = true,
        }
    }

    /// Uses these devices from now on; files are files.
    pub fn set_devices(&mut self, devices: &Devices) {
        match self {
            Self::Device(device) => device.set_devices(devices),
            Self::File(_) | Self::Null { .. } => {}
        }
    }

    /// Devices have come or gone, and what there is to tell of it.
    pub fn listed(&mut self, devices: Vec<list::DeviceInfo>, now: Instant) -> Vec<MediaEvent> {
        match self {
            Self::Device(device) => device.listed(devices, now),
            Self::File(_) | Self::Null { .. } => Vec::new(),
        }
    }

    /// Where the sound system plays our streams, and what there is to tell of it.
    pub fn streams(&mut self, streams: &[server::StreamDevice], now: Instant) -> Vec<MediaEvent> {
        match self {
            Self::Device(device) => device.streams(streams, now),
            Self::File(_) | Self::Null { .. } => Vec::new(),
        }
    }

    /// Something was plugged in or out; what could not be opened is tried at once.
    pub fn stirred(&mut self, now: Instant) {
        match self {
            Self::Device(device) => device.stirred(now),
            Self::File(_) | Self::Null { .. } => {}
        }
    }

    /// A test wants to hear the microphone, perhaps without a call.
    pub fn begin_test(&mut self) {
        match self {
            Self::File(file) => file.begin_test(),
            Self::Device(_) | Self::Null { .. } => {}
        }
    }

    /// Whether the microphone, the speaker and the ring device work now.
    pub fn alive(&self) -> [bool; 3] {
        match self {
            Self::Device(device) => device.alive(),
            Self::File(file) => {
                let (input, output) = file.alive();
                [input, output, false]
            }
            Self::Null { .. } => [false; 3],
        }
    }

    /// Times the devices ran dry or over.
    pub fn xruns(&self) -> Xruns {
        match self {
            Self::Device(device) => device.xruns(),
            Self::File(_) | Self::Null { .. } => Xruns::default(),
        }
    }

    /// What capture and playing add to the delay now.
    pub fn latency(&mut self) -> Latency {
        match self {
            Self::Device(device) => device.latency(),
            Self::File(_) | Self::Null { .. } => Latency::default(),
        }
    }

    /// The next 10 ms of the microphone.
    pub fn capture(&mut self, block: &mut [f32; BLOCK]) {
        match self {
            Self::Device(device) => device.capture(block),
            Self::File(file) => file.capture(block),
            Self::Null { .. } => block.fill(0.0),
        }
    }

    /// The next 10 ms to be heard: the far end (during a call), and the tones for the speaker and the ring device.
    pub fn play(&mut self, voice: Option<&[f32; BLOCK]>, tones: &[f32; BLOCK], ring: &[f32; BLOCK]) {
        match self {
            Self::Device(device) => device.play(voice, tones, ring),
            Self::File(file) => file.play(voice),
            Self::Null { .. } => {}
        }
    }
}
