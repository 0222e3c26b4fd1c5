//! Carrying out what keys ask for, without ever holding the screen up: what becomes of it comes back as an [`Answer`].

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::{
    dial,
    dialog::{Dialog, Question},
    duty,
    effect::UiEffect,
    screen::Screen,
    seen::{call_of, concerns_call},
    state::{Suspension, ViewState},
    suspend,
};
use crate::{
    app::{Command, CommandOutcome, Handle, Snapshot},
    domain::Preference,
    i18n::Message,
};

/// How long quitting waits for what is to be done before it; the platform has 4 s for an answer.
const LAST_COMMAND: Duration = Duration::from_millis(4500);

/// How long quitting waits for the hang-up before it.
const HANG_UP_PATIENCE: Duration = Duration::from_millis(1500);

/// What became of a command the screen waited for.
pub enum Answer {
    /// The call came about; what stood in the field.
    Dialled(String),
    /// It did not.
    Refused(Message),
    /// The agent is signed in.
    SignedIn,
    /// The agent is signed in elsewhere.
    SignedInElsewhere,
    /// Accepted, or why not.
    HandRaised(Option<Message>),
    /// The agent's state is as agreed for a suspension, which can begin; whether it is to be undone after it.
    Suspend {
        /// Ready again after it.
        ready_again: bool,
    },
    /// Not quit: why what was to be done before it failed.
    NotQuit(Message),
}

/// Sends a command without waiting for its outcome.
pub fn send(handle: &Handle, command: Command) {
    if !handle.tell(command) {
        tracing::warn!("a key had no effect: the program is ending or far behind");
    }
}

/// Does what a key asked for.
pub fn carry_out(
    ask: UiEffect,
    handle: &Handle,
    answers: &mpsc::UnboundedSender<Answer>,
    state: &mut ViewState,
    snapshot: &Snapshot,
    screen: &mut Screen,
) {
    // Between this picture and the actor another call may take the place of the one that is seen here.
    let about = if concerns_call(&ask) { handle.about(call_of(snapshot)) } else { handle.clone() };
    match ask {
        UiEffect::Send(command) => send(&about, command),
        UiEffect::SendAll(commands) => commands.into_iter().for_each(|command| send(&about, command)),
        UiEffect::RaiseHand(wish) => {
            wait_for(handle, Command::RaiseHand(wish), answers, |outcome| {
                Answer::HandRaised(outcome.err().map(|refusal| refusal.message))
            });
        }
        UiEffect::Dial { command, typed } => {
            wait_for(&about, command, answers, move |outcome| match outcome {
                Ok(_) => Answer::Dialled(typed),
                Err(refusal) => Answer::Refused(refusal.message),
            });
        }
        UiEffect::SignIn => {
            wait_for(handle, Command::SignIn { force: false }, answers, |outcome| match outcome {
                Ok(_) => Answer::SignedIn,
                Err(refusal) if refusal.is_signed_in_elsewhere() => Answer::SignedInElsewhere,
                Err(refusal) => Answer::Refused(refusal.message),
            });
        }
        UiEffect::HangUpThenQuit => {
            let handle = handle.clone();
            tokio::spawn(async move {
                match tokio::time::timeout(HANG_UP_PATIENCE, about.ask(Command::HangUp)).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(refusal)) => tracing::warn!(reason = ?refusal.kind, "not hung up before quitting"),
                    Err(_) => tracing::warn!("hang-up not answered before quitting"),
                }
                send(&handle, Command::Quit);
            });
        }
        UiEffect::ThenQuit(command) => {
            let (handle, answers) = (handle.clone(), answers.clone());
            tokio::spawn(async move {
                let failed = match tokio::time::timeout(LAST_COMMAND, about.ask(command)).await {
                    Ok(Ok(_)) => return send(&handle, Command::Quit),
                    Ok(Err(refusal)) => refusal.message,
                    Err(_) => Message::new("ui.no_answer"),
                };
                // The screen may be gone by now; then nobody wants to know.
                drop(answers.send(Answer::NotQuit(failed)));
            });
        }
        UiEffect::SetMouse(on) => {
            screen.set_mouse(on);
            send(handle, Command::Prefer(Preference::Mouse(on)));
        }
        UiEffect::Copy(text) => screen.copy(text),
        UiEffect::Redraw => screen.draw_anew(),
        UiEffect::ThenSuspend(command) => {
            let ready_again = matches!(command, Command::Busy { .. });
            wait_for(&about, command, answers, move |outcome| match outcome {
                Ok(_) => Answer::Suspend { ready_again },
                Err(refusal) => Answer::Refused(refusal.message),
            });
        }
        UiEffect::Suspend => match suspend::refused(snapshot) {
            None if suspend::asks(state, snapshot) => {}
            None => suspend::ask_job(),
            Some(why) => state.hint(why.render(snapshot.locale), Instant::now()),
        },
    }
}

/// Asks without holding the screen up; what becomes of it comes back as an [`Answer`].
fn wait_for(
    handle: &Handle,
    command: Command,
    answers: &mpsc::UnboundedSender<Answer>,
    answer: impl FnOnce(CommandOutcome) -> Answer + Send + 'static,
) {
    let (handle, answers) = (handle.clone(), answers.clone());
    tokio::spawn(async move {
        let outcome = handle.ask(command).await;
        // The screen may be gone by now; then nobody wants to know.
        drop(answers.send(answer(outcome)));
    });
}

/// Shows what became of it.
pub fn on_answer(state: &mut ViewState, snapshot: &Snapshot, answer: Answer) {
    match answer {
        Answer::Dialled(typed) => dial::dialled(state, &typed),
        Answer::SignedIn => {}
        Answer::Refused(message) => {
            let text = message.render(snapshot.locale);
            let told = snapshot.notices.iter().rev().take(3).any(|notice| notice.text == text);
            if !told {
                state.hint(text, Instant::now());
            }
        }
        Answer::HandRaised(refused) => duty::answered(state, refused.map(|why| why.render(snapshot.locale))),
        Answer::Suspend { ready_again } => {
            state.suspension = Suspension::Agreed { ready_again };
        }
        Answer::NotQuit(why) => {
            let why = why.render(snapshot.locale);
            state.dialog = Some(Dialog::Question(Question::QuitAnyway { why }));
        }
        Answer::SignedInElsewhere => state.dialog = Some(Dialog::Question(Question::TakeOver)),
    }
}
