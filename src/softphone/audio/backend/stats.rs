//! Figures of a stream of sound.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

/// What the callbacks count, without ever waiting.
#[derive(Debug, Default)]
pub struct StreamStats {
    /// Callbacks so far.
    pub callbacks: AtomicU64,
    /// Samples of the biggest one.
    pub biggest: AtomicUsize,
    /// Callbacks that found too little to play, or no room for what they recorded.
    pub starved: AtomicU64,
    /// Times the device ran dry or over, or did not keep time.
    pub xruns: AtomicU64,
    /// What the device itself says it delays the sound by, µs; 0 where it does not know.
    pub delay_us: AtomicU64,
}

impl StreamStats {
    /// A period has come or gone, `complete` if all of it could be taken or given.
    pub fn beat(&self, frames: usize, complete: bool) {
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        self.biggest.fetch_max(frames, Ordering::Relaxed);
        if !complete {
            self.starved.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The device has reported its delay.
    pub fn delayed(&self, delay: Duration) {
        // More than a second is a clock that jumped, not a delay.
        let us = delay.as_micros().min(1_000_000) as u64;
        self.delay_us.store(us, Ordering::Relaxed);
    }
}
