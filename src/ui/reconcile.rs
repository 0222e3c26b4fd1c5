//! Brings the screen's state in line with a newer snapshot: selections stay on their lines, and a dialog that no longer
//! makes sense closes.

use std::time::Instant;

use super::{
    dial,
    dialog::{Dialog, Duty, PickKind, Question, reminders},
    duty, lists, seen,
    state::ViewState,
};
use crate::{
    app::{Action, Fetched, Snapshot},
    i18n,
};

impl ViewState {
    /// Keeps the selection inside the list.
    pub fn clamp(&mut self, snapshot: &Snapshot) {
        self.selected = self.selected.min(lists::rows(self, snapshot).len().saturating_sub(1));
        self.locale = snapshot.locale;
        if self.panel_reader.is_new(snapshot.panel.content.as_ref()) {
            self.panel_scroll = 0;
        }
    }

    /// Goes along with a newer snapshot: selections stay on their lines, and a dialog whose matter is over closes.
    pub fn follow(&mut self, old: &Snapshot, new: &Snapshot, now: Instant) {
        self.selected = lists::follow(self, old, new);
        self.locale = new.locale;
        let (before, after) = (seen::call_of(old), seen::call_of(new));
        if before.is_some() && before != after {
            // A hint is about what was on the screen.
            self.flash = None;
        }
        duty::follow(self, old, new, now);
        dial::follow(self, old, new, now);
        let Some(mut dialog) = self.dialog.take() else { return };
        let selected = dialog.list_mut().map_or(0, |list| list.selected);
        let choice = dialog.choices(&self.context(old)).into_iter().nth(selected);
        let place = choice.and_then(|choice| dialog.choices(&self.context(new)).iter().position(|one| *one == choice));
        if let (Some(list), Some(place)) = (dialog.list_mut(), place) {
            list.selected = place;
        }
        let other_call = before.is_some() && after.is_some() && before != after;
        let validity = if other_call && seen::is_about_call(&dialog) {
            Validity::OverBecause("ui.call_is_over")
        } else {
            validity(&dialog, new)
        };
        match validity {
            Validity::Valid => self.dialog = Some(dialog),
            Validity::Over => {}
            Validity::OverBecause(why) => self.hint(i18n::text(new.locale, why), now),
        }
    }
}

/// Whether an open dialog still makes sense.
enum Validity {
    /// It does.
    Valid,
    /// It does not, as anybody can see.
    Over,
    /// It does not; the catalogue key of the reason, which is shown.
    OverBecause(&'static str),
}

fn validity(dialog: &Dialog, snapshot: &Snapshot) -> Validity {
    let phase = snapshot.call.phase;
    let quietly = |over: bool| if over { Validity::Over } else { Validity::Valid };
    match dialog {
        Dialog::Keypad(_) | Dialog::Quality => quietly(!phase.is_live()),
        Dialog::Pick(pick) => match pick.kind {
            PickKind::Consult | PickKind::Transfer if !phase.is_live() => Validity::OverBecause("ui.call_is_over"),
            PickKind::Consult | PickKind::Transfer => Validity::Valid,
            PickKind::Spy => quietly(phase.is_connected()),
        },
        Dialog::Question(Question::Disconnect { .. }) => quietly(!snapshot.can(Action::Disconnect)),
        Dialog::Question(Question::HangUpAll | Question::Evaluate) => quietly(!phase.is_live()),
        Dialog::Question(Question::TakeFromQueue { number, .. }) => {
            let waits = snapshot.queue.rows.iter().any(|row| row.number == *number);
            let known = matches!(snapshot.queue.fetched, Fetched::At(_));
            if known && !waits { Validity::OverBecause("ui.left_queue") } else { Validity::Valid }
        }
        // The question is whether to stop while customers are sent here.
        Dialog::Question(Question::Suspend) => quietly(phase.is_live() || !snapshot.agent.state.is_signed_in()),
        Dialog::Question(Question::Quit | Question::QuitAnyway { .. } | Question::SignOut | Question::TakeOver)
        | Dialog::Busy(_)
        | Dialog::CallerId(_)
        | Dialog::Palette(_)
        | Dialog::Numbers(_)
        | Dialog::Help(_)
        | Dialog::Health(_) => Validity::Valid,
        Dialog::Devices(_) => quietly(!snapshot.agent.web_phone),
        Dialog::Duty(Duty::Reminders(_)) => quietly(reminders::items(snapshot).is_empty()),
        Dialog::Duty(_) => quietly(!snapshot.agent.state.is_signed_in()),
    }
}
