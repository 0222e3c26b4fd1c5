//! Consultation, transfer, supervision, redial: from keys and choices to dialogs and commands.

use std::time::Instant;

use super::{
    dial,
    dialog::{Choice, Dialog, Page, Pick, PickKind, Question},
    effect::{UiEffect, is_possible, send},
    lists::{self, ListRow},
    state::ViewState,
    who,
};
use crate::{
    app::{Action, Command, Snapshot},
    domain::Callee,
    i18n::{self, Message},
};

/// Opens the dialog of consulting, transferring or listening. The line selected in the directory is what it begins
/// with, so that one more Enter, under a sentence that says so, does it.
pub(super) fn pick(state: &mut ViewState, snapshot: &Snapshot, kind: PickKind, now: Instant) {
    let needed = match kind {
        PickKind::Consult => Action::Consult,
        PickKind::Transfer => Action::Transfer,
        PickKind::Spy => Action::Spy,
    };
    if !is_possible(state, snapshot, needed, now) {
        return;
    }
    let pick = Pick::new(kind);
    let pick = match (lists::selected(state, snapshot), kind) {
        (Some(ListRow::Agent(agent)), PickKind::Consult | PickKind::Transfer) => pick.typed(&agent.ag_no),
        (Some(ListRow::Group(group)), PickKind::Transfer) => pick.on_page(Page::Groups).typed(&group.name),
        (Some(_), _) | (None, _) => pick,
    };
    state.dialog = Some(Dialog::Pick(pick));
}

/// What was chosen in one of these dialogs.
pub(super) fn choose(state: &mut ViewState, snapshot: &Snapshot, choice: Choice, now: Instant) -> Option<UiEffect> {
    let (needed, command) = match choice {
        Choice::Consult(callee) => (Action::Consult, Command::Consult { callee, caller_id: None }),
        Choice::Transfer(to) => (Action::Transfer, Command::Transfer { to, caller_id: None }),
        Choice::Spy(ag_no) => (Action::Spy, Command::Spy { ag_no }),
        Choice::Busy(_)
        | Choice::ForgetAfterCall
        | Choice::CallerId(_)
        | Choice::Act(_)
        | Choice::Digit(_)
        | Choice::Duty(_)
        | Choice::Device(_)
        | Choice::Yes(_)
        | Choice::SignOutAndQuit
        | Choice::BusyAndQuit
        | Choice::BusyAndSuspend
        | Choice::SignOutAndSuspend
        | Choice::Extension(_)
        | Choice::TestSound(_)
        | Choice::CheckHealth
        | Choice::ReadyAnyway
        | Choice::Number(..)
        | Choice::Pasted(_) => return None,
    };
    send(state, snapshot, needed, command, now)
}

/// Asks before somebody's call is torn down.
pub(super) fn disconnect(state: &mut ViewState, snapshot: &Snapshot, now: Instant) {
    if is_possible(state, snapshot, Action::Disconnect, now) {
        let who = who::monitored(snapshot).unwrap_or_default();
        state.dialog = Some(Dialog::Question(Question::Disconnect { who }));
    }
}

/// Calls the number dialled last again: of this run, else of the journal.
pub(super) fn redial(state: &mut ViewState, snapshot: &Snapshot, now: Instant) -> Option<UiEffect> {
    let Some(callee) = dial::recallable(state, snapshot).into_iter().next() else {
        state.hint(i18n::text(snapshot.locale, "ui.nothing_dialled"), now);
        return None;
    };
    let (Callee::Agent(who) | Callee::Number(who)) = &callee;
    let who = who.clone();
    let ask = dial::call(state, snapshot, callee, now);
    if ask.is_some() {
        state.hint(Message::new("ui.redialling").with("who", who).render(snapshot.locale), now);
    }
    ask
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
