//! How the program ends: it hears signals even while everything else hangs, and it ends within 3 s whatever hangs. All
//! steps of the end share one deadline ([`left_until`]), so that they cannot add up to more.

use std::{
    io,
    process::exit,
    sync::{Once, OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    app::{Command, Handle},
    process, ui,
};

/// From the first request to end to the end by force. With what follows it the process ends within 3 s.
const LIMIT: Duration = Duration::from_millis(2750);

/// For the terminal, when it is given back by force: one that takes nothing would hold us up for ever.
const TERMINAL: Duration = Duration::from_millis(200);

/// For everything else that is done by force.
const FORCED: Duration = Duration::from_millis(250);

static DEADLINE: Once = Once::new();
static ASKED: OnceLock<Instant> = OnceLock::new();

/// What the end waits for, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The call's end and the sign-out at the platform.
    Platform,
    /// BYE, the phone's own sign-out, the sound's files, the journal.
    World,
    /// Hooks that have begun, scripts that still read.
    Programs,
}

impl Step {
    /// When it is over, counted from the first request to end.
    fn end(self) -> Duration {
        Duration::from_millis(match self {
            Self::Platform => 1500,
            Self::World => 2200,
            Self::Programs => 2500,
        })
    }
}

/// What is left for a step of the end; whoever asks first begins the end.
pub(super) fn left_until(step: Step) -> Duration {
    step.end().saturating_sub(ASKED.get_or_init(Instant::now).elapsed())
}

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
    ASKED.get_or_init(Instant::now);
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
    // Should even the steps below hang, this ends all of them.
    let last = thread::Builder::new().spawn(|| {
        thread::sleep(FORCED);
        kill_process(getpid(), Signal::KILL)
    });
    process::end_all();
    tracing::error!("the program did not end within {} ms and is ended by force", LIMIT.as_millis());
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
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
    if handle.snapshots().wait_for(|snapshot| snapshot.exiting).await.is_err() {
        return;
    }
    end_within_limit();
    tokio::time::sleep(left_until(Step::Platform)).await;
    if handle.tell(Command::QuitNow) {
        tracing::info!("the platform's answers are not waited for any more");
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
