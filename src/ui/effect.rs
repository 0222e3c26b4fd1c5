//! What keys and clicks ask of the screen's loop, and the check that comes before: a command that is known to be refused
//! is not sent, and its reason is shown.

use std::time::Instant;

use super::{
    dialog::{Dialog, Question},
    state::ViewState,
};
use crate::{
    app::{Action, BreakWish, Command, Possible, Snapshot},
    i18n,
};

/// Side effect that the screen's loop carries out.
#[derive(Clone, Debug)]
pub enum UiEffect {
    /// Send this command; a failure appears as a notice.
    Send(Command),
    /// Dial; the number field is emptied only if that worked and nothing else has been typed meanwhile.
    Dial {
        /// What to ask.
        command: Command,
        /// What stood in the field.
        typed: String,
    },
    /// Sign in; a sign-in elsewhere leads to a question.
    SignIn,
    /// Send these commands in this order.
    SendAll(Vec<Command>),
    /// Ask for a break; the form waits for what the platform says.
    RaiseHand(BreakWish),
    /// Hang up, then quit.
    HangUpThenQuit,
    /// Do this, then quit; if it fails, ask.
    ThenQuit(Command),
    /// Switch mouse reports.
    SetMouse(bool),
    /// Copy a text through the terminal.
    Copy(String),
    /// Draw every cell anew.
    Redraw,
    /// Suspend the program.
    Suspend,
    /// Do this, then suspend the program; if it fails, say so.
    ThenSuspend(Command),
}

/// Sends a command, unless it is known to be refused: then the reason is shown.
pub fn send(
    state: &mut ViewState,
    snapshot: &Snapshot,
    action: Action,
    command: Command,
    now: Instant,
) -> Option<UiEffect> {
    is_possible(state, snapshot, action, now).then_some(UiEffect::Send(command))
}

/// Opens a question, unless it is known that its yes would be refused: then the reason is shown.
pub fn open_question(
    state: &mut ViewState,
    snapshot: &Snapshot,
    action: Action,
    question: Question,
    now: Instant,
) -> Option<UiEffect> {
    if is_possible(state, snapshot, action, now) {
        state.dialog = Some(Dialog::Question(question));
    }
    None
}

/// Whether nothing is known to speak against it; otherwise the reason is shown.
pub fn is_possible(state: &mut ViewState, snapshot: &Snapshot, action: Action, now: Instant) -> bool {
    if snapshot.is_pending(action) {
        state.hint(i18n::text(snapshot.locale, "ui.already_asked"), now);
        return false;
    }
    match snapshot.actions.get(&action) {
        Some(Possible::No(why)) => {
            state.hint(why.render(snapshot.locale), now);
            false
        }
        Some(Possible::Yes) | None => true,
    }
}
