//! Projects, breaks, reminders and phone: from keys to dialogs and commands.

use std::time::Instant;

use super::{
    dialog::{BreakForm, Dialog, Duty, DutyChoice, ListDialog, PhoneForm, reminders},
    effect::{UiEffect, is_possible, send},
    input::UiAction,
    state::{Focus, ViewState},
    target::ReminderAnswer,
};
use crate::{
    app::{Action, Command, Snapshot},
    domain::Minute,
    i18n,
};

/// Does what a key, a palette line or a click stands for.
pub(super) fn perform(state: &mut ViewState, snapshot: &Snapshot, action: UiAction, now: Instant) -> Option<UiEffect> {
    if action == UiAction::Projects {
        if is_possible(state, snapshot, Action::JoinProject, now) {
            let projects = &snapshot.projects;
            let at = projects.rows.iter().position(|row| Some(&row.id) == projects.joined.as_ref());
            // The way out stands first.
            let selected = at.map_or(0, |at| at + 1);
            open(state, Duty::Projects(ListDialog { selected, ..ListDialog::default() }));
        }
    } else if action == UiAction::RaiseHand {
        if is_possible(state, snapshot, Action::RaiseHand, now) {
            let form = BreakForm::new(snapshot.breaks.suggested, minute(state, now));
            open(state, Duty::Break(Box::new(form)));
        }
    } else if action == UiAction::BreakRequests {
        if !snapshot.breaks.offered {
            state.hint(i18n::text(snapshot.locale, "duty.breaks_off"), now);
            return None;
        }
        open(state, Duty::Requests(ListDialog::default()));
        return snapshot.breaks.news.then_some(UiEffect::Send(Command::ReadBreakNews));
    } else if action == UiAction::Reminder {
        let late = snapshot.overtime.as_ref().is_some_and(|overtime| !overtime.acknowledged);
        match (snapshot.reminders.is_empty(), late) {
            (false, _) => open(state, Duty::Reminders(ListDialog::default())),
            (true, true) => return Some(UiEffect::Send(Command::AcknowledgeOvertime)),
            (true, false) => state.hint(i18n::text(snapshot.locale, "ui.nothing_to_answer"), now),
        }
    } else if action == UiAction::Phone && is_possible(state, snapshot, Action::ChangePhone, now) {
        open(state, Duty::Phone(Box::new(PhoneForm::new(snapshot))));
    }
    None
}

fn open(state: &mut ViewState, duty: Duty) {
    state.dialog = Some(Dialog::Duty(duty));
}

/// The minute of the day where the agent sits.
fn minute(state: &ViewState, now: Instant) -> Minute {
    let time = state.clocks.wall(now).to_zoned(state.settings.zone.clone()).time();
    let part = |part: i8| u16::try_from(part).unwrap_or(0);
    Minute::new(part(time.hour()), part(time.minute())).unwrap_or_default()
}

/// Does what was decided in a dialog.
pub(super) fn choose(state: &mut ViewState, snapshot: &Snapshot, choice: DutyChoice, now: Instant) -> Option<UiEffect> {
    match choice {
        DutyChoice::Join(id) => send(state, snapshot, Action::JoinProject, Command::JoinProject { id }, now),
        DutyChoice::Leave if snapshot.projects.joined.is_none() => None,
        DutyChoice::Leave => send(state, snapshot, Action::LeaveProject, Command::LeaveProject, now),
        DutyChoice::Take(id) => Some(UiEffect::Send(Command::TakeReminder { id })),
        DutyChoice::Snooze(id) => Some(UiEffect::Send(Command::SnoozeReminder { id })),
        DutyChoice::Dismiss(id) => Some(UiEffect::Send(Command::DismissReminder { id })),
        DutyChoice::Acknowledge => Some(UiEffect::Send(Command::AcknowledgeOvertime)),
        DutyChoice::Ask(wish) => {
            if is_possible(state, snapshot, Action::RaiseHand, now) {
                return Some(UiEffect::RaiseHand(wish));
            }
            if let Some(form) = form(state) {
                form.sent = false;
            }
            None
        }
        DutyChoice::Phone { phone, login_type } => {
            let phone = phone.map(|(phone, web_phone)| Command::ChangePhone { phone, web_phone });
            let kind = login_type.map(|login_type| Command::SwitchMode { login_type });
            Some(UiEffect::SendAll(phone.into_iter().chain(kind).collect()))
        }
        DutyChoice::Nothing => None,
    }
}

/// A button of the reminder on the screen was clicked.
pub(super) fn answer(
    state: &mut ViewState,
    snapshot: &Snapshot,
    answer: ReminderAnswer,
    now: Instant,
) -> Option<UiEffect> {
    let first = reminders::in_order(snapshot).into_iter().next()?;
    let (_, choice) = reminders::answers_of(first).into_iter().nth(answer.0)?;
    choose(state, snapshot, choice, now)
}

/// The open break form.
fn form(state: &mut ViewState) -> Option<&mut BreakForm> {
    match &mut state.dialog {
        Some(Dialog::Duty(Duty::Break(form))) => Some(form),
        Some(_) | None => None,
    }
}

/// The platform has answered the request: the form goes, or says what the platform said.
pub(super) fn answered(state: &mut ViewState, refused: Option<String>) {
    let Some(form) = form(state) else { return };
    if !form.sent {
        return;
    }
    form.sent = false;
    form.refused = refused;
    if form.refused.is_none() {
        state.dialog = None;
    }
}

/// A newer snapshot: busy that needs an approval opens the form, unless somebody is typing.
pub(super) fn follow(state: &mut ViewState, old: &Snapshot, new: &Snapshot, now: Instant) {
    let suggested = new.breaks.suggested.filter(|_| old.breaks.suggested.is_none());
    let free = state.dialog.is_none() && matches!(state.focus, Focus::None | Focus::List);
    if suggested.is_some() && free {
        perform(state, new, UiAction::RaiseHand, now);
    }
}
