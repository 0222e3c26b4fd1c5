//! The writer: a thread of its own that brings the newest picture to the terminal when the terminal is ready for it, and
//! drops the others. Nobody waits for it. What it has really written is what the next differences are counted from, and
//! what a key belongs to that is typed.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ratatui::{buffer::Buffer, layout::Position};

use super::paint::{self, Beside};

/// How long a terminal that has no room is waited for at once; then it is looked whether it is still ours.
const STEP: Duration = Duration::from_millis(100);
/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// A picture that takes longer is worth a line in the log.
const SLOW: Duration = Duration::from_secs(2);

/// Where pictures go.
pub trait Paper: Send {
    /// Takes as much as there is room for, without waiting; `None` where it may not be written on any more.
    ///
    /// # Errors
    /// When it is gone or broken.
    fn write(&self, bytes: &[u8]) -> io::Result<Option<usize>>;

    /// Waits for room, at most so long.
    ///
    /// # Errors
    /// When it cannot be watched.
    fn wait(&self, limit: Duration) -> io::Result<()>;
}

/// A picture for the terminal. `S` is what it shows, for whoever has to know what was on the screen.
pub struct Frame<S> {
    /// The cells.
    pub cells: Buffer,
    /// Where the cursor stands, if it is to be seen.
    pub cursor: Option<Position>,
    /// Draw every cell, whatever is believed to be there.
    pub whole: bool,
    /// What else is to be said.
    pub beside: Beside,
    /// What it shows.
    pub seen: Arc<S>,
}

/// Whether pictures reach the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It takes none, for this reason; it is tried again and again.
    Fails(String),
    /// It takes them again.
    Over,
}

struct Slot<S> {
    /// Written before the next picture: modes.
    first: Vec<u8>,
    next: Option<Frame<S>>,
    busy: bool,
    end: bool,
}

struct Shared<S> {
    slot: Mutex<Slot<S>>,
    changed: Condvar,
    written: Mutex<Arc<S>>,
}

/// The writer's front door; cheap to clone.
pub struct Writer<S>(Arc<Shared<S>>);

impl<S> Clone for Writer<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Send + Sync + 'static> Writer<S> {
    /// Starts the thread. `nothing` is what is seen before the first picture; `tell` hears of trouble, once each.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(paper: impl Paper + 'static, nothing: S, tell: impl Fn(Trouble) + Send + 'static) -> io::Result<Self> {
        let slot = Slot { first: Vec::new(), next: None, busy: false, end: false };
        let shared = Arc::new(Shared {
            slot: Mutex::new(slot),
            changed: Condvar::new(),
            written: Mutex::new(Arc::new(nothing)),
        });
        let hand = Hand { shared: shared.clone(), paper, shown: None, failing: false, tell };
        std::thread::Builder::new().name("screen".into()).spawn(move || hand.work())?;
        Ok(Self(shared))
    }

    /// Shows this next; a picture that still waits is dropped, what it had to say beside is not.
    pub fn show(&self, mut frame: Frame<S>) {
        let mut slot = self.0.slot();
        if let Some(older) = slot.next.take() {
            frame.beside = older.beside.followed_by(frame.beside);
            frame.whole |= older.whole;
        }
        slot.next = Some(frame);
        self.0.changed.notify_all();
    }

    /// Writes this before the next picture.
    pub fn say(&self, bytes: &[u8]) {
        self.0.slot().first.extend_from_slice(bytes);
        self.0.changed.notify_all();
    }

    /// What the picture shows that was written last, to its end.
    pub fn written(&self) -> Arc<S> {
        self.0.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes no new picture, and waits until the present one is written, at most so long.
    pub fn settle(&self, limit: Duration) {
        let mut slot = self.0.slot();
        slot.first.clear();
        slot.next = None;
        let deadline = Instant::now() + limit;
        while slot.busy {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            slot = self.0.changed.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the thread as soon as it can.
    pub fn end(&self) {
        self.0.slot().end = true;
        self.0.changed.notify_all();
    }
}

impl<S> Shared<S> {
    fn slot(&self) -> MutexGuard<'_, Slot<S>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why something was not written to its end.
enum Cut {
    /// The terminal is not ours now.
    NotOurs,
    /// The thread is to end.
    End,
    Failed(io::Error),
}

/// The thread's own.
struct Hand<S, P, T> {
    shared: Arc<Shared<S>>,
    paper: P,
    /// What the terminal shows, as far as that is known.
    shown: Option<Buffer>,
    failing: bool,
    tell: T,
}

impl<S: Send + Sync + 'static, P: Paper, T: Fn(Trouble)> Hand<S, P, T> {
    fn work(mut self) {
        loop {
            let (first, frame) = {
                let mut slot = self.shared.slot();
                slot.busy = false;
                self.shared.changed.notify_all();
                while slot.next.is_none() && slot.first.is_empty() && !slot.end {
                    slot = self.shared.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
                }
                if slot.end {
                    return;
                }
                slot.busy = true;
                (std::mem::take(&mut slot.first), slot.next.take())
            };
            match self.bring(&first, frame.as_ref()) {
                Ok(()) => {
                    if let Some(frame) = frame {
                        self.shown = Some(frame.cells);
                    }
                    if std::mem::take(&mut self.failing) {
                        (self.tell)(Trouble::Over);
                    }
                }
                Err(Cut::End) => {
                    self.shared.slot().busy = false;
                    self.shared.changed.notify_all();
                    return;
                }
                Err(Cut::NotOurs) => self.shown = None,
                Err(Cut::Failed(error)) => {
                    self.shown = None;
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(%error, "the terminal cannot be written to");
                        (self.tell)(Trouble::Fails(error.to_string()));
                    }
                    self.try_again_later(first, frame);
                }
            }
        }
    }

    /// Writes modes and a picture.
    fn bring(&self, first: &[u8], frame: Option<&Frame<S>>) -> Result<(), Cut> {
        self.put(first, None)?;
        let Some(frame) = frame else { return Ok(()) };
        let known = self.shown.as_ref().filter(|_| !frame.whole);
        self.put(&paint::frame(known, &frame.cells, frame.cursor, &frame.beside), Some(&frame.seen))
    }

    fn put(&self, mut bytes: &[u8], seen: Option<&Arc<S>>) -> Result<(), Cut> {
        let begun = Instant::now();
        let mut slow = false;
        while !bytes.is_empty() {
            let taken = {
                // Held during the write, so that a key that is typed at what it shows finds it noted.
                let mut written = self.shared.written.lock().unwrap_or_else(PoisonError::into_inner);
                let taken = self.paper.write(bytes).map_err(Cut::Failed)?.ok_or(Cut::NotOurs)?;
                bytes = bytes.get(taken..).unwrap_or_default();
                if let Some(seen) = seen.filter(|_| bytes.is_empty()) {
                    *written = seen.clone();
                }
                taken
            };
            if taken == 0 {
                if self.shared.slot().end {
                    return Err(Cut::End);
                }
                if !slow && begun.elapsed() > SLOW {
                    slow = true;
                    tracing::info!("the terminal takes no output; the phone goes on without it");
                }
                self.paper.wait(STEP).map_err(Cut::Failed)?;
            }
        }
        if slow {
            tracing::info!(after = ?begun.elapsed(), "the terminal takes output again");
        }
        Ok(())
    }

    /// Puts back what failed, unless there is something newer, and waits before the next attempt.
    fn try_again_later(&self, mut first: Vec<u8>, frame: Option<Frame<S>>) {
        let mut slot = self.shared.slot();
        first.append(&mut slot.first);
        slot.first = first;
        if let Some(older) = frame {
            slot.next = Some(match slot.next.take() {
                Some(newer) => Frame { beside: older.beside.followed_by(newer.beside), ..newer },
                None => older,
            });
        }
        slot.busy = false;
        let until = Instant::now() + AGAIN;
        while !slot.end {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            slot = self.shared.changed.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
