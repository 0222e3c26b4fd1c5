//! What Linux grants, and how it is asked for it.

use std::io;

use rustix::{
    process::{Resource, Rlimit, getpid, getpriority_process, setpriority_process, setrlimit},
    thread::{Pid, gettid},
};
use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

use super::{Grade, rtkit};

/// Above other programs, below the sound server (88 in PipeWire); rtkit grants up to 20.
const REAL_TIME: u8 = 10;
/// As PulseAudio has it.
const NICE: i32 = -11;
/// How long a real-time thread may run without a pause, µs, before the kernel ends it: rtkit demands a limit of at most
/// 200 ms. A block of sound takes less than one.
const LONGEST_RUN_US: u64 = 200_000;

/// Raises the calling thread as far as the system grants it, waiting for its answer (a second at most).
pub fn raise() -> Grade {
    let granted = real_time_by_limits().or_else(|error| {
        tracing::trace!(%error, "no real-time priority by limits");
        by_rtkit(gettid())
    });
    granted.unwrap_or_else(|error| {
        tracing::debug!(%error, "no real-time priority");
        raise_nice()
    })
}

/// [`raise`] without waiting: what rtkit grants comes a moment later.
pub fn raise_soon(what: &'static str) {
    if real_time_by_limits().is_ok() {
        tracing::debug!(what, "real-time priority");
        return;
    }
    let raised = raise_nice();
    let thread = gettid();
    let ask = move || match by_rtkit(thread) {
        Ok(grade) => tracing::debug!(what, ?grade, "priority by rtkit"),
        Err(error) => tracing::debug!(what, ?raised, %error, "no real-time priority"),
    };
    start("priority", ask);
}

/// A better nice level for the calling thread, which has more to do than sound. Does not wait.
pub fn raise_a_little(what: &'static str) {
    if raise_nice() == Grade::Raised {
        return;
    }
    let thread = gettid();
    start("priority", move || match rtkit::high_priority(thread, NICE) {
        Ok(()) => tracing::debug!(what, "raised by rtkit"),
        Err(error) => tracing::trace!(what, %error, "not raised"),
    });
}

/// For threads that a raised thread starts and that may take their time: they inherit its priority.
pub fn lower() {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    // The middle of the scale; the nice level itself is set below.
    let usual = ThreadPriorityValue::try_from(50u8).map(ThreadPriority::Crossplatform).unwrap_or(ThreadPriority::Min);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), usual, policy) {
        tracing::debug!(?error, "priority stays");
    }
    // That of the first thread, which is never raised.
    let set = getpriority_process(Some(getpid())).and_then(|nice| setpriority_process(None, nice));
    if let Err(error) = set {
        tracing::debug!(%error, "nice level stays");
    }
}

fn start(name: &str, ask: impl FnOnce() + Send + 'static) {
    let ask = || {
        lower();
        ask();
    };
    if let Err(error) = std::thread::Builder::new().name(name.into()).spawn(ask) {
        tracing::debug!(%error, "nobody asks for priority");
    }
}

fn real_time_by_limits() -> io::Result<Grade> {
    let priority = ThreadPriorityValue::try_from(REAL_TIME).map_err(io::Error::other)?;
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(priority), policy)
        .map(|()| Grade::RealTime)
        .map_err(|error| {
            if let thread_priority::Error::OS(code) = error {
                io::Error::from_raw_os_error(code)
            } else {
                io::Error::other(format!("{error:?}"))
            }
        })
}

fn by_rtkit(thread: Pid) -> io::Result<Grade> {
    let limit = Rlimit { current: Some(LONGEST_RUN_US), maximum: Some(LONGEST_RUN_US) };
    setrlimit(Resource::Rttime, limit)?;
    rtkit::real_time(thread, REAL_TIME.into())?;
    Ok(Grade::RealTime)
}

fn raise_nice() -> Grade {
    match setpriority_process(None, NICE) {
        Ok(()) => Grade::Raised,
        Err(_) => Grade::Normal,
    }
}

#[cfg(test)]
mod tests {
    use thread_priority::thread_schedule_policy;

    use super::*;

    #[test]
    fn what_is_granted_is_so_and_is_given_back() {
        let usual = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        std::thread::spawn(move || {
            let real_time = matches!(thread_schedule_policy(), Ok(ThreadSchedulePolicy::Realtime(_)));
            assert!(!real_time);
            let grade = raise();
            let real_time = matches!(thread_schedule_policy(), Ok(ThreadSchedulePolicy::Realtime(_)));
            assert_eq!(real_time, grade == Grade::RealTime, "{grade:?}");
            lower();
            assert_eq!(thread_schedule_policy().ok(), Some(usual));
            assert_eq!(getpriority_process(None).ok(), getpriority_process(Some(getpid())).ok());
        })
        .join()
        .unwrap();
    }
}
