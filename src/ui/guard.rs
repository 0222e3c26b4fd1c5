//! The terminal, taken over and given back: on return, on error, on panic, on a signal.
//!
//! What is on is remembered in one place, so that [`restore`] can be called from anywhere, any number of times.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::Path,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{
    cursor,
    event::{
        DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
        EnableMouseCapture,
    },
    execute, queue, terminal,
};

/// Saves the window title on the terminal's own stack, and takes it back (xterm control sequences, `CSI 22 t`).
const PUSH_TITLE: &[u8] = b"\x1b[22;2t";
const POP_TITLE: &[u8] = b"\x1b[23;2t";

static ON: AtomicBool = AtomicBool::new(false);
static STDERR: Mutex<Option<OwnedFd>> = Mutex::new(None);
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// The terminal while it is ours; dropping it gives it back.
#[derive(Debug)]
pub struct TerminalGuard(());

impl TerminalGuard {
    /// Takes the terminal over: raw mode, the alternate screen, bracketed paste, focus reports, and the mouse if wanted.
    ///
    /// # Errors
    /// When there is no terminal, or it cannot be set up; it is then as it was.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        HOOK.call_once(install_hook);
        let guard = Self(());
        terminal::enable_raw_mode()?;
        ON.store(true, Ordering::SeqCst);
        io::stdout().write_all(PUSH_TITLE)?;
        set_up(mouse)?;
        Ok(guard)
    }
}

fn set_up(mouse: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    queue!(out, terminal::EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, cursor::Hide)?;
    if mouse {
        queue!(out, EnableMouseCapture)?;
    }
    out.flush()
}

/// Sets the terminal up again after the program was stopped and continued: the shell has used it meanwhile.
///
/// # Errors
/// When the terminal cannot be set up.
pub fn resume(mouse: bool) -> io::Result<()> {
    if !is_on() {
        return Ok(());
    }
    // crossterm believes that raw mode is still on; off and on again makes it so.
    terminal::disable_raw_mode()?;
    terminal::enable_raw_mode()?;
    set_up(mouse)
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
        if std::thread::panicking()
            && let Some(text) = take(&LAST_PANIC)
        {
            // Nothing is left to tell a failure of this write to.
            drop(writeln!(io::stderr(), "{text}"));
        }
    }
}

/// Whether the terminal is ours now: nothing may be drawn otherwise.
pub fn is_on() -> bool {
    ON.load(Ordering::SeqCst)
}

/// Switches mouse reports on or off.
///
/// # Errors
/// When the terminal cannot be written to.
pub fn set_mouse(on: bool) -> io::Result<()> {
    if on { execute!(io::stdout(), EnableMouseCapture) } else { execute!(io::stdout(), DisableMouseCapture) }
}

/// Gives the terminal and standard error back. Harmless when they are not ours, so signal handlers may call it too.
pub fn restore() {
    if ON.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout().lock();
        // Every step is tried: one that fails must not keep the others from happening.
        let steps = [
            queue!(out, DisableMouseCapture, DisableFocusChange, DisableBracketedPaste, cursor::Show),
            queue!(out, terminal::LeaveAlternateScreen),
            out.write_all(POP_TITLE),
            out.flush(),
            terminal::disable_raw_mode(),
        ];
        for error in steps.into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "terminal not fully restored");
        }
    }
    if let Some(stderr) = take(&STDERR)
        && let Err(error) = rustix::stdio::dup2_stderr(stderr)
    {
        tracing::debug!(%error, "standard error not given back");
    }
}

/// Sends standard error into a file until [`restore`]: libraries write there (libasound does), and what they write would
/// land in the middle of the screen.
///
/// # Errors
/// When the file cannot be opened, or standard error not be moved; it is then as it was.
pub fn redirect_stderr(to: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(to)?;
    let mut saved = STDERR.lock().unwrap_or_else(PoisonError::into_inner);
    if saved.is_none() {
        *saved = Some(io::stderr().as_fd().try_clone_to_owned()?);
    }
    rustix::stdio::dup2_stderr(file)?;
    Ok(())
}

/// With the screen up, a panic's words go to the log, and to standard error only if it is the screen that ends by it.
fn install_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if is_on() {
            tracing::error!(panic = %info, "a part of the program failed");
            *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
        } else {
            before(info);
        }
    }));
}

fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}
