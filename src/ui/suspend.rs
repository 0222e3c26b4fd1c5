//! Whether the program may be suspended, and by whom it would be continued.

use rustix::process::{self, Pid, Signal};

use crate::{app::Snapshot, i18n::Message};

/// How far up it is looked for a shell.
const ANCESTORS: usize = 16;

/// Why the program cannot be suspended now.
pub fn refused(snapshot: &Snapshot) -> Option<Message> {
    if snapshot.call.phase.is_live() {
        return Some(Message::new("ui.suspend_in_call"));
    }
    (!shell_waits()).then(|| Message::new("ui.suspend_no_shell"))
}

/// Asks the whole job to be suspended, as the terminal does for Ctrl-Z: a script that started this program is stopped
/// with it, so that the shell gets the terminal.
pub fn ask_job() {
    if let Err(error) = process::kill_current_process_group(Signal::TSTP) {
        tracing::warn!(%error, "the job cannot be suspended");
    }
}

/// Stops the program; returns when it is continued.
pub fn stop() {
    if let Err(error) = process::kill_process(process::getpid(), Signal::STOP) {
        tracing::warn!(%error, "the program cannot be suspended");
    }
}

/// Whether a shell with job control has started this job: else nobody would ever continue it.
fn shell_waits() -> bool {
    let (session, group) = (process::getsid(None), process::getpgrp());
    let mut ancestor = process::getppid();
    for _ in 0..ANCESTORS {
        let Some(parent) = ancestor.filter(|parent| process::getsid(Some(*parent)) == session) else { return false };
        match process::getpgid(Some(parent)) {
            Ok(other) if other != group => return true,
            // A script of the same job.
            Ok(_) => ancestor = parent_of(parent),
            Err(_) => return false,
        }
    }
    false
}

/// The parent of another process, where the system tells (Linux: the second field after the name in parentheses).
fn parent_of(pid: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Pid::from_raw(fields.split_whitespace().nth(1)?.parse().ok()?)
}
