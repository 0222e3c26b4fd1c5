//! The terminal as a file of this program's own: opened anew, so that what other programs do to the one they share
//! (`O_NONBLOCK` most of all) does not matter here, and nothing here matters to them.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    sys::termios::tcgetsid,
    unistd::{getpgrp, getsid},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    io::Errno,
    termios::{self, LocalModes, OptionalActions, QueueSelector, Termios},
};

/// Bytes written at once where the file is shared and a write may therefore wait: less than what a terminal has room
/// for when it says that it has any.
const SHARED_CHUNK: usize = 64;

/// Largest screen that is drawn on, cells; some terminals answer with nonsense.
const COLUMNS_MAX: u16 = 1000;
const ROWS_MAX: u16 = 500;

/// The terminal.
#[derive(Debug)]
pub struct Device {
    fd: OwnedFd,
    /// Where keys come from, if not from there.
    keys: Option<OwnedFd>,
    /// It could not be opened anew, so others have the same open file.
    shared: bool,
}

/// What the terminal's file is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It can be read.
    Input,
    /// There is something else to look at.
    Woken,
    /// The time is over.
    Not,
    /// Nobody is at the other end any more.
    Gone,
}

impl Device {
    /// Opens the terminal that standard output is.
    ///
    /// # Errors
    /// When standard output is no terminal.
    pub fn open() -> io::Result<Self> {
        let stdout = io::stdout();
        let seen = stdout.as_fd();
        if !termios::isatty(seen) {
            return Err(Errno::NOTTY.into());
        }
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let by_name = termios::ttyname(seen, Vec::new()).and_then(|name| rustix::fs::open(name, flags, Mode::empty()));
        // The name may belong to another user, or to a file system that is not here; then there is still the name for
        // whatever terminal one's session has.
        let own = by_name.or_else(|error| {
            let ours = tcgetsid(seen).is_ok_and(|session| getsid(None) == Ok(session));
            if ours { rustix::fs::open("/dev/tty", flags, Mode::empty()) } else { Err(error) }
        });
        match own {
            Ok(fd) => Ok(Self { fd, keys: None, shared: false }),
            Err(error) => {
                tracing::info!(%error, "the terminal cannot be opened anew; standard output is used");
                let stdin = io::stdin();
                let keys = termios::isatty(&stdin).then(|| stdin.as_fd().try_clone_to_owned()).transpose()?;
                Ok(Self { fd: seen.try_clone_to_owned()?, keys, shared: true })
            }
        }
    }

    /// Takes as much as there is room for now; nothing if there is none. Does not wait.
    ///
    /// # Errors
    /// When the terminal is gone or broken.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = if self.shared { bytes.get(..SHARED_CHUNK).unwrap_or(bytes) } else { bytes };
        if self.shared && !self.has_room(Duration::ZERO)? {
            return Ok(0);
        }
        match rustix::io::write(&self.fd, bytes) {
            Ok(taken) => Ok(taken),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until there is room, at most so long.
    ///
    /// # Errors
    /// When the terminal cannot be watched.
    pub fn has_room(&self, limit: Duration) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        match poll(&mut fds, Some(&timespec(limit))) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes all of it, or gives up at the deadline.
    ///
    /// # Errors
    /// When the terminal is gone, or takes nothing for so long.
    pub fn write_all_by(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.write(bytes)?;
            bytes = bytes.get(taken..).unwrap_or_default();
            let has_room = taken > 0 || self.has_room(deadline.saturating_duration_since(Instant::now()))?;
            if !has_room && Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    /// Throws away what was written and has not been taken, so that there is room again.
    pub fn forget_output(&self) {
        if let Err(error) = termios::tcflush(&self.fd, QueueSelector::OFlush) {
            tracing::debug!(%error, "the terminal keeps what it was given");
        }
    }

    fn keys(&self) -> BorrowedFd<'_> {
        self.keys.as_ref().unwrap_or(&self.fd).as_fd()
    }

    /// Waits for keys, for the other file, or for the time to be over; `keys` says whether keys are waited for at all.
    ///
    /// # Errors
    /// When the terminal cannot be watched.
    pub fn wait(&self, wake: BorrowedFd<'_>, keys: bool, limit: Option<Duration>) -> io::Result<Ready> {
        let wanted = if keys { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = [PollFd::from_borrowed_fd(wake, PollFlags::IN), PollFd::from_borrowed_fd(self.keys(), wanted)];
        match poll(&mut fds, limit.map(timespec).as_ref()) {
            Ok(0) | Err(Errno::INTR) => return Ok(Ready::Not),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let [wake, keys] = &fds;
        let (woken, got) = (wake.revents(), keys.revents());
        Ok(if !woken.is_empty() {
            Ready::Woken
        } else if got.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            Ready::Gone
        } else {
            Ready::Input
        })
    }

    /// Reads what is there; nothing if it has gone meanwhile.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(self.keys(), buffer) {
            Ok(read) => Ok(read),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Columns and rows; nought where the terminal does not know.
    pub fn size(&self) -> (u16, u16) {
        let size = termios::tcgetwinsize(&self.fd).map(|size| (size.ws_col, size.ws_row)).unwrap_or_default();
        (size.0.min(COLUMNS_MAX), size.1.min(ROWS_MAX))
    }

    /// The line's modes.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn modes(&self) -> io::Result<Termios> {
        Ok(termios::tcgetattr(&self.fd)?)
    }

    /// Sets the line's modes; what is being written is not waited for.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn set_modes(&self, modes: &Termios) -> io::Result<()> {
        Ok(termios::tcsetattr(&self.fd, OptionalActions::Now, modes)?)
    }

    /// Whether this program has the terminal now, and not the shell or another job of it.
    pub fn is_foreground(&self) -> bool {
        // A terminal that is not the session's own knows no foreground.
        termios::tcgetpgrp(&self.fd).map_or(true, |group| group.as_raw_pid() == getpgrp().as_raw())
    }

    /// Whether writing from the background would stop the program.
    pub fn stops_writers(&self) -> bool {
        self.modes().is_ok_and(|modes| modes.local_modes.contains(LocalModes::TOSTOP))
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(time.subsec_nanos()) }
}
