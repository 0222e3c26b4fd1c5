//! Priority over other programs for the threads that carry sound: real-time where the system grants it, else a better nice
//! level, else none. It is asked for in the order of what it costs: the limits of this process (`RLIMIT_RTPRIO`,
//! `RLIMIT_NICE`), then rtkit, which grants it to desktop users over D-Bus.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod rtkit;

#[cfg(target_os = "linux")]
pub use linux::{lower, raise, raise_a_little, raise_soon};

/// What a thread has been granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// It is a program like any other.
    Normal,
    /// It gets more time than others, and sooner.
    Raised,
    /// It runs whenever it has something to do.
    RealTime,
}

/// Raises the calling thread as far as the system grants it. Sound systems elsewhere raise their threads themselves.
#[cfg(not(target_os = "linux"))]
pub fn raise() -> Grade {
    Grade::Normal
}

/// [`raise`] without waiting.
#[cfg(not(target_os = "linux"))]
pub fn raise_soon(_what: &'static str) {}

/// A better nice level for the calling thread.
#[cfg(not(target_os = "linux"))]
pub fn raise_a_little(_what: &'static str) {}

/// For threads that a raised thread starts.
#[cfg(not(target_os = "linux"))]
pub fn lower() {}
