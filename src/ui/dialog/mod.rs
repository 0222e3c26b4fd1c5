//! Dialogs: what is open over the screen and what keys do to it. Esc always goes back and never ends a call; a ringing
//! call is answered through any of them with Alt or function keys.

pub mod break_form;
pub mod break_requests;
pub mod busy;
pub mod caller_id;
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
pub mod pick_rows;
pub mod projects;
pub mod quality;
pub mod question;
pub mod reminders;

pub use break_form::BreakForm;
pub use devices::{DeviceChoice, DevicesDialog};
pub use duty::{Duty, DutyChoice};
pub use list::{Item, ListDialog};
pub use numbers::NumberUse;
pub use phone::PhoneForm;
pub use pick::{Page, Pick, PickKind};
pub use question::Question;

use tui_input::Input;

use super::{input::UiAction, keys::Chord, state::ViewState};
use crate::{
    app::Snapshot,
    domain::{Callee, Destination},
};

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
    Numbers(ListDialog),
    /// How the call sounds.
    Quality,
    /// Sound devices.
    Devices(DevicesDialog),
    /// What is in order and what is not; first line shown.
    Health(u16),
}

/// What was decided in a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Go busy with this reason's number.
    Busy(Option<i64>),
    /// Forget the state that was wanted after the call.
    ForgetAfterCall,
    /// Consult them.
    Consult(Callee),
    /// Transfer the call there.
    Transfer(Destination),
    /// Listen to this agent's call.
    Spy(String),
    /// Show this caller ID.
    CallerId(String),
    /// Do this.
    Act(UiAction),
    /// Send this keypad digit.
    Digit(char),
    /// The question is answered with yes.
    Yes(Question),
    /// Sign out, then quit.
    SignOutAndQuit,
    /// Go busy, then quit.
    BusyAndQuit,
    /// Go busy, then suspend the program.
    BusyAndSuspend,
    /// Sign out, then suspend the program.
    SignOutAndSuspend,
    /// Send the extension that came with the number.
    Extension(String),
    /// Something of a duty.
    Duty(DutyChoice),
    /// Something about sound devices.
    Device(DeviceChoice),
    /// Begin or end the test of microphone and speaker.
    TestSound(bool),
    /// Look at everything now.
    CheckHealth,
    /// Go ready without a proof.
    ReadyAnyway,
    /// Do this with a number of the panel.
    Number(NumberUse, String),
}

/// What a key did to a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stays open.
    Stay,
    /// It is gone.
    Close,
    /// It is gone, and this is to be done.
    Do(Choice),
    /// It stays, and this is to be done.
    DoAndStay(Choice),
    /// The key is not its business.
    Pass,
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
            Dialog::Busy(list) | Dialog::CallerId(list) | Dialog::Palette(list) | Dialog::Numbers(list) => Some(list),
            Dialog::Pick(pick) => Some(&mut pick.list),
            Dialog::Duty(duty) => duty.list_mut(),
            Dialog::Devices(devices) => Some(&mut devices.list),
            Dialog::Help(_) | Dialog::Health(_) | Dialog::Keypad(_) | Dialog::Question(_) | Dialog::Quality => None,
        }
    }

    /// The field that what is pasted goes into.
    pub fn field_mut(&mut self) -> Option<&mut Input> {
        match self {
            Dialog::Busy(list) | Dialog::CallerId(list) | Dialog::Palette(list) | Dialog::Numbers(list) => {
                Some(&mut list.filter)
            }
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
    pub fn choices(&self, state: &ViewState, snapshot: &Snapshot) -> Vec<Choice> {
        match self {
            Dialog::Pick(pick) => pick.rows(snapshot).into_iter().map(|row| row.choice).collect(),
            Dialog::Busy(_)
            | Dialog::CallerId(_)
            | Dialog::Palette(_)
            | Dialog::Numbers(_)
            | Dialog::Devices(_)
            | Dialog::Duty(_) => self.items(state, snapshot).into_iter().map(|item| item.choice).collect(),
            Dialog::Help(_) | Dialog::Health(_) | Dialog::Keypad(_) | Dialog::Question(_) | Dialog::Quality => {
                Vec::new()
            }
        }
    }

    /// The mouse wheel over it.
    pub fn scroll(&mut self, state: &ViewState, snapshot: &Snapshot, up: bool) {
        let lines = self.choices(state, snapshot).len();
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
    pub fn items(&self, state: &ViewState, snapshot: &Snapshot) -> Vec<Item> {
        match self {
            Dialog::Busy(list) => list.filtered(busy::items(snapshot)),
            Dialog::CallerId(list) => list.filtered(caller_id::items(snapshot)),
            Dialog::Palette(list) => list.filtered(palette::items(state, snapshot)),
            Dialog::Duty(duty) => duty.items(snapshot),
            Dialog::Devices(devices) => devices.items(snapshot),
            Dialog::Numbers(list) => list.filtered(numbers::items(state, snapshot)),
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
pub fn on_key(dialog: &mut Dialog, state: &ViewState, snapshot: &Snapshot, chord: Chord) -> Outcome {
    let items = dialog.items(state, snapshot);
    match dialog {
        Dialog::Busy(list) => busy::on_key(list, &items, chord),
        Dialog::CallerId(list) | Dialog::Palette(list) => list.on_key(&items, chord),
        Dialog::Pick(pick) => pick.on_key(snapshot, chord),
        Dialog::Duty(duty) => duty.on_key(snapshot, chord),
        Dialog::Devices(devices) => devices.on_key(state, snapshot, chord),
        Dialog::Help(scroll) => help::on_key(scroll, state, chord),
        Dialog::Health(first) => health::on_key(first, state, snapshot, chord),
        Dialog::Keypad(sent) => keypad::on_key(sent, state, snapshot, chord),
        Dialog::Question(question) => question.on_key(state, snapshot, chord),
        Dialog::Numbers(list) => numbers::on_key(list, &items, chord),
        Dialog::Quality => quality::on_key(state, chord),
    }
}
