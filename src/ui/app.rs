//! The loop: keys in, pictures out. Sleeps until something happens or a clock on the screen changes, and waits neither
//! for the network nor for the terminal.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossterm::event::{Event, KeyEventKind, MouseButton, MouseEventKind};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use super::{
    asking::{self, Answer, send},
    dial,
    dialog::Dialog,
    effect::UiEffect,
    input_events,
    keys::Chord,
    notify::{Notifier, Way},
    screen::Screen,
    seen::{self, Seen},
    setup::{Exit, UiError, UiSetup},
    state::{BothClocks, ViewState},
    suspend,
    terminal::{
        guard,
        reader::{Reader, Typed},
        writer::Trouble,
    },
    view, watch,
};
use crate::{
    app::{Command, Handle, Snapshot, Watched},
    i18n::Message,
};

/// Shortest time between two frames.
const FRAME: Duration = Duration::from_millis(10);
/// How often it is looked whether the shell has given the terminal back.
const AWAY: Duration = Duration::from_millis(500);

/// Signals that concern the terminal.
struct Signals {
    resized: Signal,
    suspended: Signal,
    continued: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let of = |signal_: rustix::process::Signal| signal(SignalKind::from_raw(signal_.as_raw()));
        Ok(Self {
            resized: signal(SignalKind::window_change())?,
            suspended: of(rustix::process::Signal::TSTP)?,
            continued: of(rustix::process::Signal::CONT)?,
        })
    }
}

/// Shows the screen until the program ends or the terminal is gone. The first frame is drawn before anything else.
/// `complain` hears what the screen has to say to those who do not see it.
///
/// # Errors
/// [`UiError`]; the terminal is then as it was.
pub async fn run(handle: Handle, setup: UiSetup, complain: impl Fn(Message) + Send + 'static) -> Result<Exit, UiError> {
    let mut state = setup.view_state()?;
    let mut snapshots = handle.snapshots();
    let mut snapshot: Arc<Snapshot> = snapshots.borrow_and_update().clone();
    state.clamp(&snapshot);

    let mut signals = Signals::listen()?;
    let way = Way::of(setup.ui.notify, |name| std::env::var(name).ok());
    let notifier = Notifier::new(setup.ui.bell, setup.ui.title, way);
    let told = move |trouble| match trouble {
        Trouble::Fails(why) => complain(Message::new("ui.screen_lost").with("reason", why)),
        Trouble::Over => tracing::info!("the screen is back"),
    };
    // The guard comes last and so goes first: the terminal is given back while the writer can still end its picture.
    let (mut screen, mut reader, _guard): (Screen, Reader<Seen>, _) = {
        let (screen, guard, reader) = Screen::take(&state, notifier, told)?;
        (screen, reader, guard)
    };
    screen.draw(&snapshot, &state, Instant::now());

    let (answers, mut answered) = mpsc::unbounded_channel::<Answer>();
    let mut away = false;
    let mut dirty = false;
    let mut watched: Option<Watched> = None;
    let mut next = view::next_change(&snapshot, &state, screen.at);
    loop {
        if snapshot.exiting {
            return Ok(Exit::Asked);
        }
        let now = Instant::now();
        state.tick(now);
        let wanted = watch::watched(&state, &snapshot);
        if wanted != watched && handle.tell(Command::Watch(wanted.clone())) {
            watched = wanted;
        }
        if suspend::begins(&mut state, &snapshot) {
            suspend::ask_job();
        }
        if let Some(command) = suspend::after(&mut state, &snapshot, now) {
            send(&handle, command);
            dirty = true;
        }
        if dirty && now >= screen.at + FRAME {
            state.clocks = BothClocks::now();
            screen.draw(&snapshot, &state, now);
            dirty = false;
            next = view::next_change(&snapshot, &state, now);
        }
        let wake = match (away, dirty) {
            (true, _) => Some(now + AWAY),
            (false, true) => Some(screen.at + FRAME),
            (false, false) => next,
        };
        tokio::select! {
            biased;
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
            typed = reader.events.recv() => {
                let Some(typed) = typed else {
                    send(&handle, Command::Quit);
                    return Ok(Exit::TerminalGone);
                };
                let mut typed = Some(typed);
                while let Some(one) = typed {
                    if let Some(ask) = on_typed(&mut state, &snapshot, screen.latest(), one) {
                        asking::carry_out(ask, &handle, &answers, &mut state, &snapshot, &mut screen);
                    }
                    typed = reader.events.try_recv().ok();
                }
                dirty = true;
            }
            Some(answer) = answered.recv() => {
                asking::on_answer(&mut state, &snapshot, answer);
                dirty = true;
            }
            _ = signals.resized.recv() => dirty = true,
            _ = signals.suspended.recv() => {
                match suspend::refused(&snapshot) {
                    Some(why) => {
                        state.hint(why.render(snapshot.locale), now);
                        suspend::over(&mut state);
                    }
                    None if suspend::asks(&mut state, &snapshot) => {}
                    None => {
                        guard::leave();
                        suspend::stop();
                    }
                }
                dirty = true;
            }
            _ = signals.continued.recv() => {
                away = !screen.retake(state.mouse);
                suspend::over(&mut state);
                dirty = true;
            }
            () = tokio::time::sleep_until(wake.unwrap_or(now).into()), if wake.is_some() => {
                if away {
                    away = !screen.retake(state.mouse);
                }
                dirty = true;
            }
        }
    }
}

/// One event of the terminal; the view state changes, and perhaps something is to be asked. `latest` is what was drawn
/// last; what the agent saw comes with the event.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
fn on_typed(state: &mut ViewState, snapshot: &Snapshot, latest: &Seen, typed: Typed<Seen>) -> Option<UiEffect> {
    let now = Instant::now();
    let Typed { event, at, seen } = typed;
    if let (Some(Dialog::Help(first) | Dialog::Health(first)), Some(end)) = (&mut state.dialog, latest.drawn.help_end())
    {
        *first = end.min(*first);
    }
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            seen::for_the_call_seen(state, snapshot, seen.call_at(at), now, |state| {
                input_events::on_key(state, snapshot, Chord::of(&key), now)
            })
        }
        Event::Key(_) => None,
        Event::Paste(text) => {
            dial::on_paste(state, snapshot, &text, now);
            None
        }
        // Reports that a terminal, or a program behind it, sends although they are off.
        Event::Mouse(_) if !state.mouse => None,
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                let target = seen.drawn.at(mouse.column, mouse.row)?;
                seen::for_the_call_seen(state, snapshot, seen.call_at(at), now, |state| {
                    input_events::on_click(state, snapshot, target, now)
                })
            }
            kind @ (MouseEventKind::ScrollUp | MouseEventKind::ScrollDown) => {
                let under = seen.drawn.at(mouse.column, mouse.row);
                input_events::on_wheel(state, snapshot, under, kind == MouseEventKind::ScrollUp);
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

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyModifiers, MouseEvent};

    use super::*;
    use crate::{
        i18n::Locale,
        ui::{fixtures, state::Focus},
    };

    #[test]
    fn a_mouse_report_does_nothing_while_the_mouse_is_off() {
        let snapshot = fixtures::peopled(fixtures::in_talk(Locale::En));
        let mut state = fixtures::state();
        let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 120, 36));
        let draw = |state: &ViewState, buffer: &mut _| {
            let (drawn, _) = view::draw_on(buffer, &snapshot, state, fixtures::now());
            std::sync::Arc::new(Seen::default().followed_by(&snapshot, state, drawn, fixtures::now()))
        };
        let turned = Event::Mouse(MouseEvent {
            kind: MouseEventKind::ScrollDown,
            column: 3,
            row: 30,
            modifiers: KeyModifiers::NONE,
        });
        for (mouse, focus) in [(false, Focus::None), (true, Focus::List)] {
            state.mouse = mouse;
            let seen = draw(&state, &mut buffer);
            let typed = Typed { event: turned.clone(), at: fixtures::now(), seen: seen.clone() };
            assert!(on_typed(&mut state, &snapshot, &seen, typed).is_none());
            assert_eq!(state.focus, focus, "mouse {mouse}");
        }
    }
}
