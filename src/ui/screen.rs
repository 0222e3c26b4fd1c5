//! What is drawn, for the writer: pictures of snapshots, and what goes beside them. Nothing here waits for the terminal.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    notify::Notifier,
    seen::Seen,
    state::ViewState,
    terminal::{
        device::Device,
        guard::{self, Sheet, TerminalGuard},
        paint::Beside,
        reader::Reader,
        writer::{Frame, Trouble, Writer},
    },
    view,
};
use crate::app::Snapshot;

/// The terminal, as the loop sees it.
pub struct Screen {
    device: Arc<Device>,
    writer: Writer<Seen>,
    notifier: Notifier,
    /// What was drawn last, whether it has been written or not.
    latest: Arc<Seen>,
    /// When that was.
    pub at: Instant,
    beside: Beside,
    whole: bool,
}

impl Screen {
    /// Takes the terminal over. `tell` hears, once each, when pictures do not reach the terminal and when they do again.
    ///
    /// # Errors
    /// When there is no terminal, or it cannot be set up; it is then as it was.
    pub fn take(
        state: &ViewState,
        notifier: Notifier,
        tell: impl Fn(Trouble) + Send + 'static,
    ) -> io::Result<(Self, TerminalGuard, Reader<Seen>)> {
        let device = Arc::new(Device::open()?);
        let writer = Writer::start(Sheet(device.clone()), Seen::default(), tell)?;
        let settling = writer.clone();
        let settle = move |limit: Duration| settling.settle(limit);
        let (guard, first) = TerminalGuard::enter(device.clone(), state.mouse, notifier.has_title(), settle)?;
        writer.say(&first);
        let seen = writer.clone();
        let reader = Reader::start(device.clone(), move || seen.written())?;
        let (latest, beside) = (Arc::new(Seen::default()), Beside::default());
        let screen = Self { device, writer, notifier, latest, at: Instant::now(), beside, whole: true };
        Ok((screen, guard, reader))
    }

    /// Draws for the writer, which takes it when the terminal is ready and drops what is older.
    pub fn draw(&mut self, snapshot: &Snapshot, state: &ViewState, now: Instant) {
        // In the background, where a stop and a CONT from outside have put it, the line is the shell's.
        if !guard::is_on() || !self.device.is_foreground() {
            return;
        }
        let (columns, rows) = self.device.size();
        let mut cells = Buffer::empty(Rect::new(0, 0, columns, rows));
        let (drawn, cursor) = view::draw_on(&mut cells, snapshot, state, now);
        let beside = self.notifier.news(snapshot, state, now);
        self.latest = Arc::new(self.latest.followed_by(snapshot, state, drawn, now));
        self.writer.show(Frame {
            cells,
            cursor,
            whole: std::mem::take(&mut self.whole),
            beside: std::mem::take(&mut self.beside).followed_by(beside),
            seen: self.latest.clone(),
        });
        self.at = now;
    }

    /// What was drawn last.
    pub fn latest(&self) -> &Seen {
        &self.latest
    }

    /// The next picture is drawn in full, whatever is believed to be there.
    pub fn draw_anew(&mut self) {
        self.whole = true;
    }

    /// A text for the clipboard goes with the next picture.
    pub fn copy(&mut self, text: String) {
        self.beside.copy = Some(text);
    }

    /// Switches mouse reports.
    pub fn set_mouse(&self, on: bool) {
        self.writer.say(guard::mouse(on));
    }

    /// Takes the terminal again, after it was left or after the shell had it; whether it is to be had.
    pub fn retake(&mut self, mouse: bool) -> bool {
        match guard::retake(mouse) {
            Ok(Some(first)) => {
                self.writer.say(&first);
                self.notifier.forget();
                self.whole = true;
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(%error, "the terminal cannot be taken again");
                false
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.writer.end();
    }
}
