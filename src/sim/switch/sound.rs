//! The form of sound inside the switch, and the lock of what its tasks share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Samples per second inside the switch.
pub(super) const RATE: usize = 48_000;
/// Samples in 20 ms.
pub(super) const FRAME: usize = 960;
/// 20 ms of sound, full scale 1.
pub(super) type Frame = [f32; FRAME];

/// A lock that survives a panic elsewhere: the data are sound, frames and counters at worst one tick old.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
