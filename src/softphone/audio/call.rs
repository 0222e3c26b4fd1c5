//! One call's sound: what is sent, what is heard, how it is measured.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc::Sender;

use super::{
    BLOCK, CallFormat, Quality, RtpIn, RtpOut, codec::CodecError, meter::Meter, playout::Playout, send::SendPath,
};
use crate::softphone::MediaEvent;

/// Blocks between two level readings: 100 ms.
const LEVEL_EVERY: u32 = 10;
/// Blocks between two looks at the quality: 200 ms.
const QUALITY_EVERY: u32 = 20;
/// No louder than this is digital silence: A-law has no zero, its least is at -72 dBFS. Noise of a line is above it.
const SILENCE: f32 = 0.000_32;
/// Most packets that wait to be looked at; the network thread never waits for the audio thread.
const INBOX: usize = 512;

/// Shared between the network side and the audio thread.
#[derive(Debug, Default)]
pub struct Shared {
    inbox: Mutex<Vec<RtpIn>>,
    quality: Mutex<Quality>,
    xruns: AtomicU64,
    silenced: AtomicBool,
}

impl Shared {
    /// A packet came in.
    pub fn receive(&self, packet: RtpIn) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.len() < INBOX {
            inbox.push(packet);
        } else {
            tracing::trace!("the audio thread does not keep up: packet dropped");
        }
    }

    /// As of at most 200 ms ago.
    pub fn quality(&self) -> Quality {
        *self.quality.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Times a device ran dry or over in this call.
    pub fn xruns(&self) -> u64 {
        self.xruns.load(Ordering::Relaxed)
    }

    /// The call is over for the agent: nothing is sent and nothing heard from the next block on, for good.
    pub fn silence(&self) {
        self.silenced.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::silence`] was called.
    pub fn silenced(&self) -> bool {
        self.silenced.load(Ordering::Relaxed)
    }

    fn take(&self) -> Vec<RtpIn> {
        std::mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_quality(&self, quality: Quality) {
        *self.quality.lock().unwrap_or_else(PoisonError::into_inner) = quality;
    }
}

/// The audio thread's side of a call.
pub struct Call {
    /// Which one.
    pub id: u64,
    send: SendPath,
    playout: Playout,
    receiving: bool,
    shared: Arc<Shared>,
    microphone: Meter,
    far_end: Meter,
    blocks: u32,
    /// Something of the far end has been heard.
    heard: bool,
    /// Blocks of digital silence in a row.
    silent_blocks: u32,
    speaker_idle: Duration,
}

impl Call {
    /// Begins.
    ///
    /// # Errors
    /// When there is no codec.
    pub fn new(id: u64, format: CallFormat, out: Sender<RtpOut>, shared: Arc<Shared>) -> Result<Self, CodecError> {
        Ok(Self {
            id,
            send: SendPath::new(format, out)?,
            playout: Playout::new(format)?,
            receiving: true,
            shared,
            microphone: Meter::default(),
            far_end: Meter::default(),
            blocks: 0,
            heard: false,
            silent_blocks: 0,
            speaker_idle: Duration::ZERO,
        })
    }

    /// Another codec or payload type.
    ///
    /// # Errors
    /// When there is no such codec; the old one goes on.
    pub fn set_format(&mut self, format: CallFormat) -> Result<(), CodecError> {
        self.send.set_format(format)?;
        self.playout.set_format(format)
    }

    /// The far end reports to have lost so much of what was sent, percent.
    pub fn far_loss(&mut self, percent: f32) {
        self.send.far_loss(percent);
    }

    /// Sends a keypad digit as telephone-event.
    pub fn digit(&mut self, digit: char) {
        self.send.digit(digit);
    }

    /// Whether the agent has nothing to do with it any more.
    pub fn silenced(&self) -> bool {
        self.shared.silenced()
    }

    /// What the two sides agreed on.
    pub fn set_direction(&mut self, send: bool, receive: bool) {
        self.send.set_sending(send);
        self.receiving = receive;
    }

    /// Measures what the microphone heard and sends what was made of it, or silence. Says whether a packet was complete
    /// with that.
    pub fn speak(&mut self, heard: &[f32; BLOCK], treated: &[f32; BLOCK], silent: bool) -> bool {
        if self.silenced() {
            // No packet at all, and what waited for its second half is not sent either.
            return true;
        }
        self.microphone.add(heard);
        self.send.push(treated, silent)
    }

    /// The next 10 ms of the far end, or silence.
    pub fn listen(&mut self, now: Instant, silent: bool) -> [f32; BLOCK] {
        let packets = self.shared.take();
        if self.silenced() {
            return [0.0; BLOCK];
        }
        for packet in packets {
            self.playout.receive(packet);
        }
        // Also what is not to be heard is played, so that nothing old waits for the end of a hold.
        let played = self.playout.block(now);
        let block = if self.receiving { played } else { [0.0; BLOCK] };
        self.far_end.add(&block);
        let silence = block.iter().all(|sample| sample.abs() < SILENCE);
        if !silence && !self.heard {
            self.heard = true;
            tracing::debug!("the far end is heard for the first time");
        }
        self.silent_blocks = if silence { self.silent_blocks.saturating_add(1) } else { 0 };
        if silent { [0.0; BLOCK] } else { block }
    }

    /// How long the speaker's device has taken nothing.
    pub fn set_speaker_idle(&mut self, idle: Duration) {
        self.speaker_idle = idle;
    }

    /// Takes note of how often devices ran dry or over in this call.
    pub fn set_xruns(&self, xruns: u64) {
        self.shared.xruns.store(xruns, Ordering::Relaxed);
    }

    /// Counts blocks; the levels every 100 ms.
    pub fn measure(&mut self) -> Option<MediaEvent> {
        self.blocks = self.blocks.wrapping_add(1);
        if self.blocks.is_multiple_of(QUALITY_EVERY) {
            self.shared.set_quality(Quality {
                silent_ms: self.silent_blocks.saturating_mul(10),
                speaker_idle_ms: u32::try_from(self.speaker_idle.as_millis()).unwrap_or(u32::MAX),
                ..self.playout.quality()
            });
        }
        self.blocks
            .is_multiple_of(LEVEL_EVERY)
            .then(|| MediaEvent::Levels { microphone: self.microphone.read(), far_end: self.far_end.read() })
    }
}
