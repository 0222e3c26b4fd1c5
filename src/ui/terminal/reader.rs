//! The reader: a thread of its own that turns what is typed into events, each with what was on the screen when it was
//! typed.

use std::{
    os::{fd::AsFd, unix::net::UnixStream},
    sync::Arc,
    time::{Duration, Instant},
};

use crossterm::event::Event;
use tokio::sync::mpsc;

use super::{
    decode::Decoder,
    device::{Device, Ready},
    guard,
};

/// Events that may wait to be looked at; more are left with the terminal.
const EVENTS: usize = 4096;
/// How long the terminal is left alone while the shell has it.
const AWAY: Duration = Duration::from_millis(200);
/// How often in a row there may be nothing to read although there is said to be something.
const EMPTY_READS: u32 = 50;
/// How long is waited after such a read.
const PAUSE: Duration = Duration::from_millis(20);

/// What was typed, and what stood on the screen then.
pub struct Typed<S> {
    /// The event.
    pub event: Event,
    /// When it was read.
    pub at: Instant,
    /// What was on the screen.
    pub seen: Arc<S>,
}

/// The reader; dropping it ends the thread. The events end when the terminal is gone.
pub struct Reader<S> {
    /// What is typed.
    pub events: mpsc::Receiver<Typed<S>>,
    /// Closing it wakes the thread.
    _wake: UnixStream,
}

impl<S: Send + Sync + 'static> Reader<S> {
    /// Starts the thread; `seen` says what is on the screen now.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(device: Arc<Device>, seen: impl Fn() -> Arc<S> + Send + 'static) -> std::io::Result<Self> {
        let (sender, events) = mpsc::channel(EVENTS);
        let (ours, theirs) = UnixStream::pair()?;
        std::thread::Builder::new().name("keys".into()).spawn(move || {
            if let Err(error) = read(&device, &theirs, &seen, &sender) {
                tracing::info!(%error, "the terminal cannot be read any more");
            }
        })?;
        Ok(Self { events, _wake: ours })
    }
}

/// Reads until the terminal is gone, or nobody wants to know.
fn read<S>(
    device: &Device,
    wake: &UnixStream,
    seen: &impl Fn() -> Arc<S>,
    sender: &mpsc::Sender<Typed<S>>,
) -> std::io::Result<()> {
    let mut decoder = Decoder::default();
    let mut buffer = [0; 4096];
    let mut events = Vec::new();
    let mut empty = 0;
    loop {
        // Reading from the background would stop the program, or take the shell's keys.
        let ours = guard::is_on() && device.is_foreground();
        let due = decoder.due().map(|due| due.saturating_duration_since(Instant::now()));
        let limit = if ours { due } else { Some(AWAY) };
        match device.wait(wake.as_fd(), ours, limit)? {
            Ready::Woken | Ready::Gone => return Ok(()),
            Ready::Not => decoder.elapsed(Instant::now(), &mut events),
            // Meanwhile the program may have been stopped, and continued in the background.
            Ready::Input if !device.is_foreground() => {}
            Ready::Input => match device.read(&mut buffer)? {
                0 => {
                    empty += 1;
                    if empty > EMPTY_READS {
                        return Ok(());
                    }
                    std::thread::sleep(PAUSE);
                }
                read => {
                    empty = 0;
                    decoder.feed(buffer.get(..read).unwrap_or_default(), Instant::now(), &mut events);
                }
            },
        }
        if !events.is_empty() {
            let (seen, at) = (seen(), Instant::now());
            for event in events.drain(..) {
                if sender.blocking_send(Typed { event, at, seen: seen.clone() }).is_err() {
                    return Ok(());
                }
            }
        }
    }
}
