//! The loop: keys in, frames out. Sleeps until something happens or a clock on the screen changes.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, IsTerminal, Stdout, Write},
    mem::ManuallyDrop,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use crossterm::{
    clipboard::CopyToClipboard,
    event::{Event, KeyEventKind, MouseButton, MouseEventKind},
    queue,
    terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate},
};
use jiff::tz::TimeZone;
use ratatui::{Terminal, backend::CrosstermBackend};
use thiserror::Error;
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{
    act::{self, Ask},
    color, dial,
    dialog::{Dialog, Question},
    duty,
    guard::{self, TerminalGuard},
    input::{KeyMap, KeyMapError},
    keys::Chord,
    notify::{Notifier, Way},
    reading::{NARROWEST, WIDEST},
    state::{BothClocks, ViewState},
    theme::{Theme, ThemeError},
    view::{self, Drawn},
    watch,
};
use crate::{
    app::{Command, Handle, Snapshot, Watched},
    config::{BarConfig, UiConfig},
    domain::{Preference, Remembered},
    i18n::Message,
};

/// Shortest time between two frames.
const FRAME: Duration = Duration::from_millis(10);

/// How long quitting waits for the hang-up before it.
const HANG_UP_PATIENCE: Duration = Duration::from_millis(1500);

/// `40101`: signed in elsewhere (protocol `cti.md`, errors of `/agent/login`).
const SIGNED_IN_ELSEWHERE: i64 = 40101;

/// What the screen is made with.
#[derive(Clone, Debug, Default)]
pub struct UiSetup {
    /// `[ui]`.
    pub ui: UiConfig,
    /// `[keys]`.
    pub keys: BTreeMap<String, Vec<String>>,
    /// `[render_html]`.
    pub bar: BarConfig,
    /// This is the demonstration.
    pub demo: bool,
    /// What the agent chose in an earlier run; it counts before `[ui]`.
    pub remembered: Remembered,
}

impl UiSetup {
    /// Checks theme and keys, as [`run`] does before it takes the terminal.
    ///
    /// # Errors
    /// [`UiError::Theme`] or [`UiError::Keys`].
    pub fn check(&self) -> Result<(), UiError> {
        self.view_state().map(drop)
    }

    fn view_state(&self) -> Result<ViewState, UiError> {
        let profile = color::profile(self.ui.colors);
        let theme = Theme::load(&self.ui.theme, self.bar.theme_color.as_deref(), profile)?;
        let keymap = KeyMap::new(&self.keys, self.bar.prefix.as_deref()).map_err(UiError::Keys)?;
        let mut state = ViewState::new(theme, keymap);
        state.ascii = self.ui.ascii;
        state.blink = self.ui.blink;
        state.pop_up = self.bar.pop_up;
        state.show_sign_out = self.bar.show_logout_btn;
        state.demo = self.demo;
        state.panel = self.remembered.panel.unwrap_or(self.ui.panel);
        state.panel_width = self.remembered.panel_width.unwrap_or(self.ui.panel_width).clamp(NARROWEST, WIDEST);
        state.mouse = self.remembered.mouse.unwrap_or(self.ui.mouse);
        state.zone = TimeZone::system();
        Ok(state)
    }
}

/// Why the screen ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The program is ending.
    Asked,
    /// The terminal is gone; the program was told to quit.
    TerminalGone,
}

/// Why the screen could not be shown, or not any longer.
#[derive(Debug, Error)]
pub enum UiError {
    /// The theme.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// The keys: everything wrong with them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Keys(Vec<KeyMapError>),
    /// The terminal.
    #[error("terminal: {0}")]
    Terminal(#[from] io::Error),
    /// The program behind the screen has stopped.
    #[error("the program behind the screen has stopped")]
    ProgramGone,
}

impl UiError {
    /// The sentences for a person, one per problem.
    pub fn messages(&self) -> Vec<Message> {
        match self {
            UiError::Theme(error) => vec![error.message()],
            UiError::Keys(errors) => errors.iter().map(KeyMapError::message).collect(),
            UiError::Terminal(error) => vec![Message::new("ui.terminal_failed").with("error", error)],
            UiError::ProgramGone => vec![Message::new("ui.program_gone")],
        }
    }

    /// Whether the configuration is at fault (exit code 2).
    pub fn is_config(&self) -> bool {
        matches!(self, UiError::Theme(_) | UiError::Keys(_))
    }
}

/// What became of a command the screen waited for.
enum Answer {
    Dialled(String),
    Refused(Message),
    SignedInElsewhere,
    /// Accepted, or why not.
    HandRaised(Option<Message>),
}

type Backend = CrosstermBackend<BufWriter<Stdout>>;

/// The terminal and what was last drawn on it.
struct Screen {
    /// Never dropped: its drop would show the cursor once more, and print, and panic if even that fails because the
    /// terminal is gone. The guard has done what is needed by then.
    terminal: ManuallyDrop<Terminal<Backend>>,
    drawn: Drawn,
    at: Instant,
    notifier: Notifier,
}

impl Screen {
    fn draw(&mut self, snapshot: &Snapshot, state: &ViewState, now: Instant) -> io::Result<()> {
        if !guard::is_on() {
            return Ok(());
        }
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let mut drawn = Drawn::default();
        self.terminal.draw(|frame| drawn = view::draw(frame, snapshot, state, now))?;
        let out = self.terminal.backend_mut();
        queue!(out, EndSynchronizedUpdate)?;
        self.notifier.tell(out, snapshot, state, now)?;
        out.flush()?;
        self.drawn = drawn;
        self.at = now;
        Ok(())
    }
}

/// Shows the screen until the program ends or the terminal is gone. The first frame is drawn before anything else.
///
/// # Errors
/// [`UiError`]; the terminal is then as it was.
pub async fn run(handle: Handle, setup: UiSetup) -> Result<Exit, UiError> {
    let mut state = setup.view_state()?;
    let mut snapshots = handle.snapshots();
    let mut snapshot: Arc<Snapshot> = snapshots.borrow_and_update().clone();
    state.clamp(&snapshot);

    let guard = TerminalGuard::enter(state.mouse)?;
    let terminal = Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(64 * 1024, io::stdout())))?;
    let way = Way::of(setup.ui.notify, |name| std::env::var(name).ok());
    let notifier = Notifier::new(setup.ui.bell, setup.ui.title, way);
    let mut screen =
        Screen { terminal: ManuallyDrop::new(terminal), drawn: Drawn::default(), at: Instant::now(), notifier };
    screen.draw(&snapshot, &state, Instant::now())?;

    let mut events = read_events();
    let gone = terminal_gone(watch_terminal());
    tokio::pin!(gone);
    let (answers, mut answered) = mpsc::unbounded_channel::<Answer>();
    let mut continued = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?;

    let mut dirty = false;
    let mut watched: Option<Watched> = None;
    let mut next = view::next_change(&snapshot, &state, screen.at);
    let exit = loop {
        if snapshot.exiting {
            break Exit::Asked;
        }
        let now = Instant::now();
        state.tick(now);
        let wanted = watch::watched(&state, &snapshot);
        if wanted != watched && handle.tell(Command::Watch(wanted.clone())) {
            watched = wanted;
        }
        if dirty && now >= screen.at + FRAME {
            state.clocks = BothClocks::now();
            if let Err(error) = screen.draw(&snapshot, &state, now) {
                tracing::warn!(%error, "the terminal cannot be written to any more");
                tell(&handle, Command::Quit);
                break Exit::TerminalGone;
            }
            dirty = false;
            next = view::next_change(&snapshot, &state, now);
        }
        let wake = if dirty { Some(screen.at + FRAME) } else { next };
        tokio::select! {
            biased;
            () = &mut gone => {
                tell(&handle, Command::Quit);
                break Exit::TerminalGone;
            }
            event = events.recv() => {
                let Some(event) = event else {
                    tell(&handle, Command::Quit);
                    break Exit::TerminalGone;
                };
                let mut event = Some(event);
                while let Some(one) = event {
                    let ask = on_event(&mut state, &snapshot, &screen.drawn, one);
                    carry_out(ask, &handle, &answers, &mut screen)?;
                    event = events.try_recv().ok();
                }
                dirty = true;
            }
            changed = snapshots.changed() => {
                if changed.is_err() {
                    return Err(UiError::ProgramGone);
                }
                let newest = snapshots.borrow_and_update().clone();
                if *newest != *snapshot {
                    dirty = true;
                }
                state.follow(&snapshot, &newest, Instant::now());
                snapshot = newest;
            }
            Some(answer) = answered.recv() => {
                on_answer(&mut state, &snapshot, answer);
                dirty = true;
            }
            _ = continued.recv() => {
                guard::resume(state.mouse)?;
                screen.terminal.clear()?;
                dirty = true;
            }
            () = tokio::time::sleep_until(wake.unwrap_or(now).into()), if wake.is_some() => dirty = true,
        }
    };
    drop(guard);
    Ok(exit)
}

/// One event of the terminal; the view state changes, and perhaps something is to be asked.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
fn on_event(state: &mut ViewState, snapshot: &Snapshot, drawn: &Drawn, event: Event) -> Option<Ask> {
    let now = Instant::now();
    if let (Some(Dialog::Help(first) | Dialog::Health(first)), Some(end)) = (&mut state.dialog, drawn.help_end()) {
        *first = end.min(*first);
    }
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => act::on_key(state, snapshot, Chord::of(&key), now),
        Event::Key(_) => None,
        Event::Paste(text) => {
            dial::on_paste(state, snapshot, &text, now);
            None
        }
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                drawn.at(mouse.column, mouse.row).and_then(|target| act::on_click(state, snapshot, target, now))
            }
            kind @ (MouseEventKind::ScrollUp | MouseEventKind::ScrollDown) => {
                let under = drawn.at(mouse.column, mouse.row);
                act::on_wheel(state, snapshot, under, kind == MouseEventKind::ScrollUp);
                None
            }
            _ => None,
        },
        Event::FocusGained => {
            state.looked_at = true;
            None
        }
        Event::FocusLost => {
            state.looked_at = false;
            None
        }
        Event::Resize(..) => None,
    }
}

fn tell(handle: &Handle, command: Command) {
    if !handle.tell(command) {
        tracing::warn!("a key had no effect: the program is ending or far behind");
    }
}

fn carry_out(
    ask: Option<Ask>,
    handle: &Handle,
    answers: &mpsc::UnboundedSender<Answer>,
    screen: &mut Screen,
) -> io::Result<()> {
    match ask {
        None => {}
        Some(Ask::Tell(command)) => tell(handle, command),
        Some(Ask::TellAll(commands)) => commands.into_iter().for_each(|command| tell(handle, command)),
        Some(Ask::RaiseHand(wish)) => {
            wait_for(handle, Command::RaiseHand(wish), answers, |outcome| {
                Answer::HandRaised(outcome.err().map(|refusal| refusal.message))
            });
        }
        Some(Ask::Dial { command, typed }) => {
            wait_for(handle, command, answers, move |outcome| match outcome {
                Ok(_) => Answer::Dialled(typed),
                Err(refusal) => Answer::Refused(refusal.message),
            });
        }
        Some(Ask::SignIn) => {
            wait_for(handle, Command::SignIn { force: false }, answers, |outcome| match outcome {
                Ok(_) => Answer::Dialled(String::new()),
                Err(refusal) if refusal.platform.as_ref().is_some_and(|(code, _)| *code == SIGNED_IN_ELSEWHERE) => {
                    Answer::SignedInElsewhere
                }
                Err(refusal) => Answer::Refused(refusal.message),
            });
        }
        Some(Ask::HangUpThenQuit) => {
            let handle = handle.clone();
            tokio::spawn(async move {
                match tokio::time::timeout(HANG_UP_PATIENCE, handle.ask(Command::HangUp)).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(refusal)) => tracing::warn!(reason = ?refusal.kind, "not hung up before quitting"),
                    Err(_) => tracing::warn!("hang-up not answered before quitting"),
                }
                tell(&handle, Command::Quit);
            });
        }
        Some(Ask::SetMouse(on)) => {
            guard::set_mouse(on)?;
            tell(handle, Command::Prefer(Preference::Mouse(on)));
        }
        // A terminal that was given back is not written to.
        Some(Ask::Copy(_)) if !guard::is_on() => {}
        Some(Ask::Copy(text)) => {
            let out = screen.terminal.backend_mut();
            queue!(out, CopyToClipboard::to_clipboard_from(text))?;
            out.flush()?;
        }
        Some(Ask::Redraw) => screen.terminal.clear()?,
    }
    Ok(())
}

/// Asks without holding the screen up; what becomes of it comes back as an [`Answer`].
fn wait_for(
    handle: &Handle,
    command: Command,
    answers: &mpsc::UnboundedSender<Answer>,
    answer: impl FnOnce(crate::app::CommandOutcome) -> Answer + Send + 'static,
) {
    let (handle, answers) = (handle.clone(), answers.clone());
    tokio::spawn(async move {
        let outcome = handle.ask(command).await;
        // The screen may be gone by now; then nobody wants to know.
        drop(answers.send(answer(outcome)));
    });
}

fn on_answer(state: &mut ViewState, snapshot: &Snapshot, answer: Answer) {
    match answer {
        Answer::Dialled(typed) => dial::dialled(state, &typed),
        Answer::Refused(message) => {
            let text = message.render(snapshot.locale);
            let told = snapshot.notices.iter().rev().take(3).any(|notice| notice.text == text);
            if !told {
                state.hint(text, Instant::now());
            }
        }
        Answer::HandRaised(refused) => duty::answered(state, refused.map(|why| why.render(snapshot.locale))),
        Answer::SignedInElsewhere => state.dialog = Some(Dialog::Question(Question::TakeOver)),
    }
}

/// Events of the terminal from a thread of their own: crossterm's reader does not return when the terminal is gone, and
/// must not hold the screen up then.
fn read_events() -> mpsc::UnboundedReceiver<Event> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        loop {
            match crossterm::event::read() {
                Ok(event) => {
                    if sender.send(event).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the terminal cannot be read any more");
                    return;
                }
            }
        }
    });
    receiver
}

/// The terminal that keys come from, watched for its end.
// The replacement of `with_interest` is unsafe, for types that lie about their descriptor; an `OwnedFd` does not.
#[allow(deprecated)]
fn watch_terminal() -> Option<AsyncFd<OwnedFd>> {
    let stdin = io::stdin();
    let fd = if stdin.is_terminal() {
        stdin.as_fd().try_clone_to_owned()
    } else {
        File::open("/dev/tty").map(OwnedFd::from)
    };
    fd.and_then(|fd| AsyncFd::with_interest(fd, Interest::READABLE))
        .inspect_err(|error| tracing::debug!(%error, "the end of the terminal will not be noticed"))
        .ok()
}

async fn terminal_gone(terminal: Option<AsyncFd<OwnedFd>>) {
    if let Some(terminal) = terminal {
        while let Ok(mut ready) = terminal.readable().await {
            if ready.ready().is_read_closed() {
                return;
            }
            ready.clear_ready();
        }
    }
    std::future::pending().await
}
