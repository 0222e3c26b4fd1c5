//! Dialogs of the duties: projects, the break form, break requests, reminders, the phone. Lists filter as one types;
//! forms say at each field what is wrong with it.

use std::time::Instant;

use tui_input::Input;

use super::{BreakForm, Item, ListDialog, Outcome, PhoneForm, break_requests, busy, projects, reminders};
use crate::{
    app::{Snapshot, Watched},
    ui::keys::Chord,
};

/// An open dialog of a duty.
#[derive(Clone, Debug)]
pub enum Duty {
    /// Predictive projects.
    Projects(ListDialog),
    /// Asking for a break.
    Break(Box<BreakForm>),
    /// What became of break requests.
    Requests(ListDialog),
    /// Reminders and overtime warnings to be answered.
    Reminders(ListDialog),
    /// The phone and the kind of sign-in.
    Phone(Box<PhoneForm>),
}

impl Duty {
    /// The list of a list dialog.
    pub fn list_mut(&mut self) -> Option<&mut ListDialog> {
        match self {
            Duty::Projects(list) | Duty::Requests(list) | Duty::Reminders(list) => Some(list),
            Duty::Break(_) | Duty::Phone(_) => None,
        }
    }

    /// The field that what is pasted goes into.
    pub fn field_mut(&mut self) -> Option<&mut Input> {
        match self {
            Duty::Projects(list) | Duty::Requests(list) | Duty::Reminders(list) => Some(&mut list.filter),
            Duty::Break(form) => form.field_mut(),
            Duty::Phone(form) => form.field_mut(),
        }
    }

    /// The lines of a list, filtered by what was typed.
    pub fn items(&self, snapshot: &Snapshot) -> Vec<Item> {
        match self {
            Duty::Projects(list) => list.filtered(projects::items(snapshot)),
            Duty::Requests(list) => list.filtered(break_requests::items(snapshot)),
            Duty::Reminders(list) => list.filtered(reminders::items(snapshot)),
            Duty::Break(_) | Duty::Phone(_) => Vec::new(),
        }
    }

    /// Gives it a key.
    pub fn on_key(&mut self, snapshot: &Snapshot, chord: Chord) -> Outcome {
        let items = self.items(snapshot);
        match self {
            Duty::Projects(list) | Duty::Requests(list) => list.on_key(&items, chord),
            Duty::Reminders(list) => busy::on_key(list, &items, chord),
            Duty::Break(form) => form.on_key(snapshot, chord),
            Duty::Phone(form) => form.on_key(snapshot, chord),
        }
    }

    /// A field of a form was clicked.
    pub fn on_field(&mut self, snapshot: &Snapshot, field: usize) -> Outcome {
        match self {
            Duty::Break(form) => form.on_field(snapshot, field),
            Duty::Phone(form) => form.on_field(snapshot, field),
            Duty::Projects(_) | Duty::Requests(_) | Duty::Reminders(_) => Outcome::Stay,
        }
    }

    /// A line offered for the field of a form was clicked; false where there are no such lines.
    pub fn on_offer(&mut self, snapshot: &Snapshot, index: usize) -> bool {
        match self {
            Duty::Break(form) => {
                form.take(snapshot, index);
                true
            }
            Duty::Phone(_) => true,
            Duty::Projects(_) | Duty::Requests(_) | Duty::Reminders(_) => false,
        }
    }

    /// The list that is looked at in it.
    pub fn watched(&self) -> Option<Watched> {
        match self {
            Duty::Projects(_) => Some(Watched::Projects),
            Duty::Break(form) => Some(Watched::Approvers(form.searched.clone())),
            Duty::Requests(_) => Some(Watched::BreakRequests),
            Duty::Reminders(_) | Duty::Phone(_) => None,
        }
    }

    /// Time has passed; what was typed a while ago is searched for.
    pub fn tick(&mut self, now: Instant) {
        if let Duty::Break(form) = self {
            form.tick(now);
        }
    }

    /// When time has something to do in it.
    pub fn next_tick(&self) -> Option<Instant> {
        match self {
            Duty::Break(form) => form.next_tick(),
            Duty::Projects(_) | Duty::Requests(_) | Duty::Reminders(_) | Duty::Phone(_) => None,
        }
    }
}
