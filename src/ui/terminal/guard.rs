//! The terminal, taken over and given back: on return, on error, on panic, on a signal, and while the program is
//! suspended.
//!
//! What is on is remembered in one place, so that [`restore`] can be called from anywhere, any number of times, also by a
//! watchdog while everything else hangs: it waits for nobody longer than 0.2 s.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, Once, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::termios::Termios;

use super::{device::Device, writer::Paper};

/// Switches everything off that an earlier program may have left on and that would disturb: the keypad's and the
/// arrows' application modes (DECKPAM, DECCKM), a keypad that sends sequences (66), mouse reports, reports of the colour
/// scheme (2031) and of the size (2048), insert mode, origin mode, a scroll region, another character set.
const RESET: &[u8] = b"\x1b>\x1b[?1l\x1b[?66l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\
                       \x1b[?1016l\x1b[?2031l\x1b[?2048l\x1b[4l\x1b[?6l\x1b[r\x1b[?7h\x1b(B\x0f";
/// Saves the window title on the terminal's own stack, and takes it back (xterm control sequences, `CSI 22 t`); where
/// there is no such stack, at least ours does not stay.
const PUSH_TITLE: &[u8] = b"\x1b[22;2t";
const POP_TITLE: &[u8] = b"\x1b]0;\x07\x1b[23;2t";
/// The alternate screen, bracketed paste, focus reports, no cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?1004h\x1b[?25l";
/// The end of whatever was cut short, of a picture too; then everything that [`ENTER`] did, backwards.
const CUT_SHORT: &[u8] = b"\x1b\\\x1b[?2026l\x1b[m";
const LEAVE: &[u8] = b"\x1b[?1004l\x1b[?2004l\x1b[?25h";
const LEAVE_ALTERNATE: &[u8] = b"\x1b[?1049l";
/// Mouse reports: presses, moves with a button, places beyond column 223 (modes 1000, 1002, 1015, 1006).
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1015h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1015l\x1b[?1002l\x1b[?1000l";

/// How long giving the terminal back waits for the picture that is being written, for the terminal to take what
/// restores it, and once more after what it has not taken was thrown away. Together less than a watchdog that ends the
/// program by force leaves for it.
const SETTLE: Duration = Duration::from_millis(60);
const PATIENCE: Duration = Duration::from_millis(60);

/// For a write that is under way; it does not wait, unless the file is shared.
const PEN_PATIENCE: Duration = Duration::from_millis(15);

static ON: AtomicBool = AtomicBool::new(false);
static OURS: Mutex<Option<Arc<Ours>>> = Mutex::new(None);
/// Held during one write, which does not wait.
static PEN: Mutex<()> = Mutex::new(());
static STDERR: Mutex<Option<OwnedFd>> = Mutex::new(None);
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// The terminal that was taken over.
struct Ours {
    device: Arc<Device>,
    /// The line's modes before.
    before: Mutex<Termios>,
    /// The window's title is ours to change.
    title: bool,
    /// Lets the writer come to the end of a picture.
    settle: Box<dyn Fn(Duration) + Send + Sync>,
}

/// The terminal while it is ours; dropping it gives it back.
#[derive(Debug)]
pub struct TerminalGuard(());

impl TerminalGuard {
    /// Takes the line over (raw mode) and says what else is to be written for it. `settle` lets the writer come to the
    /// end of the picture it is writing, at most so long, and take no other.
    ///
    /// # Errors
    /// When the line cannot be set up; it is then as it was.
    pub fn enter(
        device: Arc<Device>,
        mouse: bool,
        title: bool,
        settle: impl Fn(Duration) + Send + Sync + 'static,
    ) -> io::Result<(Self, Vec<u8>)> {
        HOOK.call_once(install_hook);
        let guard = Self(());
        let before = device.modes()?;
        let ours = Ours { device, before: Mutex::new(before), title, settle: Box::new(settle) };
        ours.make_raw()?;
        *lock(&OURS) = Some(Arc::new(ours));
        ON.store(true, Ordering::SeqCst);
        Ok((guard, [push_title(title), &set_up(mouse)].concat()))
    }
}

impl Ours {
    fn make_raw(&self) -> io::Result<()> {
        let mut raw = lock(&self.before).clone();
        raw.make_raw();
        self.device.set_modes(&raw)
    }

    /// Writes what restores the terminal. One that takes nothing loses what it has not shown yet, so that this fits.
    fn write_leave(&self) -> io::Result<()> {
        let (_, rows) = self.device.size();
        // Where there is no alternate screen the prompt comes on the last row of an empty one.
        let last_row = format!("\x1b[{};1H\x1b[2J", rows.max(1));
        let title = if self.title { POP_TITLE } else { b"" };
        let bytes = [CUT_SHORT, MOUSE_OFF, LEAVE, last_row.as_bytes(), LEAVE_ALTERNATE, title].concat();
        match self.device.write_all_by(&bytes, Instant::now() + PATIENCE) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.device.forget_output();
                self.device.write_all_by(&bytes, Instant::now() + PATIENCE)
            }
            written => written,
        }
    }
}

fn set_up(mouse: bool) -> Vec<u8> {
    [RESET, ENTER, if mouse { MOUSE_ON } else { b"" }].concat()
}

fn push_title(wanted: bool) -> &'static [u8] {
    if wanted { PUSH_TITLE } else { b"" }
}

/// What switches mouse reports on or off.
pub fn mouse(on: bool) -> &'static [u8] {
    if on { MOUSE_ON } else { MOUSE_OFF }
}

/// Whether the terminal is ours now: nothing may be drawn otherwise.
pub fn is_on() -> bool {
    ON.load(Ordering::SeqCst)
}

/// Gives the terminal back until [`retake`].
pub fn leave() {
    let Some(ours) = lock(&OURS).clone() else { return };
    if !is_on() {
        return;
    }
    (ours.settle)(SETTLE);
    if !ON.swap(false, Ordering::SeqCst) {
        return;
    }
    // Where that cannot be had this goes on without.
    let _pen = try_for(&PEN, PEN_PATIENCE);
    let front = ours.device.is_foreground();
    // Every step is tried: one that fails must not keep the others from happening. In the background the line is the
    // shell's, and touching it would stop the program.
    let written = if front || !ours.device.stops_writers() { ours.write_leave() } else { Ok(()) };
    let modes = if front { ours.device.set_modes(&lock(&ours.before)) } else { Ok(()) };
    for error in [written, modes].into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "terminal not fully restored");
    }
}

/// Takes the terminal again after [`leave`], or after the program was stopped without having been asked and the shell
/// used the terminal meanwhile. Says what is to be written for it; nothing, if it is not to be had now.
///
/// # Errors
/// When the line cannot be set up.
pub fn retake(mouse: bool) -> io::Result<Option<Vec<u8>>> {
    let Some(ours) = lock(&OURS).clone() else { return Ok(None) };
    if !ours.device.is_foreground() {
        ON.store(false, Ordering::SeqCst);
        return Ok(None);
    }
    let was_left = !is_on();
    if was_left {
        // The shell's modes may be others by now.
        *lock(&ours.before) = ours.device.modes()?;
    }
    ours.make_raw()?;
    ON.store(true, Ordering::SeqCst);
    let title = push_title(was_left && ours.title);
    Ok(Some([title, &set_up(mouse)].concat()))
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
        *lock(&OURS) = None;
        if std::thread::panicking()
            && let Some(text) = lock(&LAST_PANIC).take()
        {
            // Nothing is left to tell a failure of this write to.
            drop(writeln!(io::stderr(), "{text}"));
        }
    }
}

/// Gives the terminal and standard error back. Harmless when they are not ours; waits for nobody longer than 0.2 s, so
/// a watchdog may call it too.
pub fn restore() {
    leave();
    if let Some(stderr) = lock(&STDERR).take()
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
    let mut saved = lock(&STDERR);
    if saved.is_none() {
        *saved = Some(io::stderr().as_fd().try_clone_to_owned()?);
    }
    rustix::stdio::dup2_stderr(file)?;
    Ok(())
}

/// The device as the writer sees it: it may be written on only while it is ours.
pub struct Sheet(pub Arc<Device>);

impl Paper for Sheet {
    fn write(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let _pen = lock(&PEN);
        if is_on() { self.0.write(bytes).map(Some) } else { Ok(None) }
    }

    fn wait(&self, limit: Duration) -> io::Result<()> {
        self.0.has_room(limit).map(drop)
    }
}

/// With the screen up, a panic's words go to the log, and to standard error only if it is the screen that ends by it.
fn install_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if is_on() {
            tracing::error!(panic = %info, "a part of the program failed");
            *lock(&LAST_PANIC) = Some(info.to_string());
        } else {
            before(info);
        }
    }));
}

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock, unless it is held for so long.
fn try_for<T>(place: &Mutex<T>, limit: Duration) -> Option<MutexGuard<'_, T>> {
    let deadline = Instant::now() + limit;
    loop {
        match place.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
