//! What the system lets this process do: no picture of its memory is ever written, and it may open enough files.

use rustix::{
    io,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::i18n::Message;

/// Files that a phone bar needs: about 30 with a call, and control clients, hooks and look-ups beside it.
const FILES_LEAST: u64 = 64;

/// As many as most systems grant anyway.
const FILES_WANTED: u64 = 1024;

/// Sees to it that no core file holds the token or a password, and that no other process of the same user reads this one's
/// memory. Called before any secret is read. Root can still attach a debugger.
///
/// # Errors
/// The system refuses; both steps are tried.
pub(super) fn keep_memory_private() -> io::Result<()> {
    let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    not_dumpable().and(limited)
}

#[cfg(target_os = "linux")]
fn not_dumpable() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    // The limit alone does not count where the kernel pipes cores into a program.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

#[cfg(not(target_os = "linux"))]
fn not_dumpable() -> io::Result<()> {
    Ok(())
}

/// Raises the number of files that may be open to what is wanted, as far as the system grants it.
///
/// # Errors
/// It grants too few for a phone bar.
pub(super) fn enough_files() -> Result<(), Message> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let granted = maximum.map_or(FILES_WANTED, |maximum| maximum.min(FILES_WANTED));
    let mut now = current.unwrap_or(u64::MAX);
    if now < granted && setrlimit(Resource::Nofile, Rlimit { current: Some(granted), maximum }).is_ok() {
        now = granted;
    }
    if now >= FILES_LEAST {
        return Ok(());
    }
    Err(Message::new("cli.too_few_files").with("now", now).with("least", FILES_LEAST))
}
