//! Dialogs: what is open over the screen and what keys do to it. Esc always goes back and never ends a call; a ringing
//! call is answered through any of them with Alt or function keys.

pub mod break_form;
pub mod break_requests;
pub mod busy;
pub mod caller_id;
pub mod choice;
pub mod context;
pub mod devices;
pub mod duty;
pub mod form;
pub mod health;
pub mod help;
pub mod keypad;
pub mod list;
pub mod numbers;
pub mod palette;
pub mod phone;
pub mod pick;
pub mod pick_keys;
pub mod pick_rows;
pub mod projects;
pub mod quality;
pub mod question;
pub mod reminders;

pub use break_form::BreakForm;
pub use choice::{Choice, DeviceChoice, DutyChoice, NumberUse, Outcome, Question};
pub use context::Context;
pub use devices::DevicesDialog;
pub use duty::Duty;
pub use list::{Item, ListDialog};
pub use numbers::NumbersDialog;
pub use phone::PhoneForm;
pub use pick::{Page, Pick, PickKind};

use tui_input::Input;

use super::keys::Chord;

/// An open dialog.
#[derive(Clone, Debug)]
pub enum Dialog {
    /// Busy reasons.
    Busy(ListDialog),
    /// Caller IDs.
    CallerId(ListDialog),
    /// Everything that can be done.
    Palette(ListDialog),
    /// Whom to consult, to transfer to or to listen to.
    Pick(Pick),
    /// The keys; first line shown.
    Help(u16),
    /// Keypad digits sent so far.
    Keypad(String),
    /// A question to answer with yes or no.
    Question(Question),
    /// A duty: a project, a break, a reminder, the phone.
    Duty(Duty),
    /// Numbers of the panel.
    Numbers(NumbersDialog),
    /// How the call sounds.
    Quality,
    /// Sound devices.
    Devices(DevicesDialog),
    /// What is in order and what is not; first line shown.
    Health(u16),
}

impl Dialog {
    /// Whether letters are text in it.
    pub fn takes_text(&self) -> bool {
        matches!(
            self,
            Dialog::Busy(_)
                | Dialog::CallerId(_)
                | Dialog::Palette(_)
                | Dialog::Numbers(_)
                | Dialog::Pick(_)
                | Dialog::Duty(_)
        )
    }

    /// The list of a list dialog.
    pub fn list_mut(&mut self) -> Option<&mut ListDialog> {
        match self {
            Dialog::Busy(list) | Dialog::CallerId(list) | Dialog::Palette(list) => Some(list),
            Dialog::Numbers(numbers) => Some(&mut numbers.list),
            Dialog::Pick(pick) => Some(&mut pick.list),
            Dialog::Duty(duty) => duty.list_mut(),
            Dialog::Devices(devices) => Some(&mut devices.list),
            Dialog::Help(_) | Dialog::Health(_) | Dialog::Keypad(_) | Dialog::Question(_) | Dialog::Quality => None,
        }
    }

    /// The field that what is pasted goes into.
    pub fn field_mut(&mut self) -> Option<&mut Input> {
        match self {
            Dialog::Busy(list) | Dialog::CallerId(list) | Dialog::Palette(list) => Some(&mut list.filter),
            Dialog::Numbers(numbers) => Some(&mut numbers.list.filter),
            Dialog::Pick(pick) => Some(pick.field_mut()),
            Dialog::Duty(duty) => duty.field_mut(),
            Dialog::Devices(_)
            | Dialog::Help(_)
            | Dialog::Health(_)
            | Dialog::Keypad(_)
            | Dialog::Question(_)
            | Dialog::Quality => None,
        }
    }

    /// What the lines of a list stand for, in their order: by it a line is found again when the list has changed.
    pub fn choices(&self, context: &Context<'_>) -> Vec<Choice> {
        match self {
            Dialog::Pick(pick) => pick.rows(context.snapshot).into_iter().map(|row| row.choice).collect(),
            Dialog::Busy(_)
            | Dialog::CallerId(_)
            | Dialog::Palette(_)
            | Dialog::Numbers(_)
            | Dialog::Devices(_)
            | Dialog::Duty(_) => self.items(context).into_iter().map(|item| item.choice).collect(),
            Dialog::Help(_) | Dialog::Health(_) | Dialog::Keypad(_) | Dialog::Question(_) | Dialog::Quality => {
                Vec::new()
            }
        }
    }

    /// The mouse wheel over it.
    pub fn scroll(&mut self, context: &Context<'_>, up: bool) {
        let lines = self.choices(context).len();
        match self {
            Dialog::Help(first) | Dialog::Health(first) => {
                *first = if up { first.saturating_sub(1) } else { first.saturating_add(1) }
            }
            Dialog::Busy(_)
            | Dialog::CallerId(_)
            | Dialog::Palette(_)
            | Dialog::Numbers(_)
            | Dialog::Pick(_)
            | Dialog::Devices(_)
            | Dialog::Duty(_) => {
                if let Some(list) = self.list_mut() {
                    list.scroll(lines, up);
                }
            }
            Dialog::Keypad(_) | Dialog::Question(_) | Dialog::Quality => {}
        }
    }

    /// What a list dialog offers, filtered by what was typed.
    pub fn items(&self, context: &Context<'_>) -> Vec<Item> {
        match self {
            Dialog::Busy(list) => list.filtered(busy::items(context.snapshot)),
            Dialog::CallerId(list) => list.filtered(caller_id::items(context.snapshot)),
            Dialog::Palette(list) => list.filtered(palette::items(context)),
            Dialog::Duty(duty) => duty.items(context.snapshot),
            Dialog::Devices(devices) => devices.items(context.snapshot),
            Dialog::Numbers(numbers) => numbers.items(context),
            Dialog::Pick(_)
            | Dialog::Help(_)
            | Dialog::Health(_)
            | Dialog::Keypad(_)
            | Dialog::Question(_)
            | Dialog::Quality => Vec::new(),
        }
    }
}

/// Gives a key to the open dialog.
pub fn on_key(dialog: &mut Dialog, context: &Context<'_>, chord: Chord) -> Outcome {
    let items = dialog.items(context);
    match dialog {
        Dialog::Busy(list) => busy::on_key(list, &items, chord),
        Dialog::CallerId(list) | Dialog::Palette(list) => list.on_key(&items, chord),
        Dialog::Pick(pick) => pick.on_key(context.snapshot, chord),
        Dialog::Duty(duty) => duty.on_key(context.snapshot, chord),
        Dialog::Devices(devices) => devices.on_key(context, chord),
        Dialog::Help(scroll) => help::on_key(scroll, context, chord),
        Dialog::Health(first) => health::on_key(first, context, chord),
        Dialog::Keypad(sent) => keypad::on_key(sent, context, chord),
        Dialog::Question(question) => question.on_key(context, chord),
        Dialog::Numbers(numbers) => numbers.on_key(context, chord),
        Dialog::Quality => quality::on_key(context, chord),
    }
}
