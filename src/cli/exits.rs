//! How the program ends: it hears signals even while everything else hangs, and it ends within [`LIMIT`] whatever hangs.

use std::{
    io,
    process::exit,
    sync::{Once, mpsc},
    thread,
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    app::{Command, Handle},
    ui,
};

/// From the first request to end to the end of the process.
const LIMIT: Duration = Duration::from_secs(3);

/// For the terminal, when it is given back by force: one that takes nothing would hold us up for ever.
const TERMINAL: Duration = Duration::from_millis(200);

static DEADLINE: Once = Once::new();

/// A signal that ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// SIGTERM: the first asks, the second does not wait.
    Terminate,
    /// SIGINT: somebody presses Ctrl-C, and does not want to wait if the program is ending already.
    Interrupt,
    /// SIGHUP: comes with the end of the terminal, which asks for the end as well.
    HangUp,
    /// SIGQUIT; SIGABRT where it was sent from outside.
    Quit,
}

/// The process ends [`LIMIT`] from the first call on, if it has not ended by itself: in order if it can, by force if not.
/// May be called from anywhere, any number of times.
pub(crate) fn end_within_limit() {
    DEADLINE.call_once(|| {
        let started = thread::Builder::new().name("deadline".into()).spawn(|| {
            thread::sleep(LIMIT);
            end_by_force();
        });
        if let Err(error) = started {
            tracing::error!(%error, "nothing ends the program if it hangs");
        }
    });
}

/// Ends the process now, whatever else it does. The terminal is given back as far as it takes anything.
fn end_by_force() {
    tracing::error!("the program did not end within {} s and is ended by force", LIMIT.as_secs());
    // Should even the steps below hang, this ends all of them.
    let last = thread::Builder::new().spawn(|| {
        thread::sleep(2 * TERMINAL);
        kill_process(getpid(), Signal::KILL)
    });
    let (done, restored) = mpsc::channel();
    let terminal = thread::Builder::new().spawn(move || {
        ui::restore_terminal();
        done.send(()).is_ok()
    });
    if last.is_ok() && terminal.is_ok() && restored.recv_timeout(TERMINAL).is_err() {
        tracing::debug!("the terminal takes nothing");
    }
    exit(1);
}

/// Asks the program to end on SIGTERM, SIGINT, SIGHUP, SIGQUIT and SIGABRT, and sees to it that it does, also when it is asked otherwise.
///
/// The thread has a runtime of its own: the program's could be what hangs.
///
/// # Errors
/// The system gives no thread, or no more files.
pub(super) fn watch(handle: Handle) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    // Before the screen takes the terminal: a signal's own way to end a program would not give it back.
    let signals = {
        let _inside = runtime.enter();
        ignore_strays();
        Signals::listen()?
    };
    thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            tokio::join!(ask_on_signals(signals, &handle), limit_the_end(&handle));
        });
    })?;
    Ok(())
}

async fn limit_the_end(handle: &Handle) {
    // An error says that the program is over already.
    if handle.snapshots().wait_for(|snapshot| snapshot.exiting).await.is_ok() {
        end_within_limit();
    }
}

async fn ask_on_signals(mut signals: Signals, handle: &Handle) {
    let mut terminated = false;
    loop {
        let end = signals.next().await;
        let ending = handle.snapshots().borrow().exiting;
        let hurry = match end {
            End::Terminate => std::mem::replace(&mut terminated, true),
            End::Interrupt => ending,
            End::HangUp | End::Quit => false,
        };
        tracing::info!(?end, hurry, "asked to end");
        end_within_limit();
        if !handle.tell(if hurry { Command::QuitNow } else { Command::Quit }) {
            tracing::warn!("the program takes no commands any more");
        }
    }
}

/// Waits for a signal that ends the program; returns at once if they cannot be listened for.
pub(super) async fn wait_for_end() {
    if let Ok(mut signals) = Signals::listen() {
        signals.next().await;
    }
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    abort: tokio::signal::unix::Signal,
}

/// Signals that mean nothing here and would end the program without a word, with the terminal as it is and a customer on
/// the line. To listen once is enough for them to do nothing.
fn ignore_strays() {
    for stray in [Signal::USR1, Signal::USR2, Signal::ALARM, Signal::VTALARM, Signal::PROF, Signal::IO, Signal::XFSZ] {
        if let Err(error) = signal(SignalKind::from_raw(stray.as_raw())) {
            tracing::debug!(%error, ?stray, "a signal cannot be listened for");
        }
    }
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let listen = |kind| signal(kind).inspect_err(|error| tracing::warn!(%error, "a signal cannot be listened for"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
            quit: listen(SignalKind::quit())?,
            abort: listen(SignalKind::from_raw(Signal::ABORT.as_raw()))?,
        })
    }

    async fn next(&mut self) -> End {
        tokio::select! {
            _ = self.terminate.recv() => End::Terminate,
            _ = self.interrupt.recv() => End::Interrupt,
            _ = self.hang_up.recv() => End::HangUp,
            _ = self.quit.recv() => End::Quit,
            _ = self.abort.recv() => End::Quit,
        }
    }
}
