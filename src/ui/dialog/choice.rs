//! What is decided in dialogs, and what a key does to one.

use serde_json::{Map, Value};

use crate::{
    app::{BreakWish, Probe},
    config::LoginType,
    domain::{Callee, Destination, DeviceRole},
    ui::{input::UiAction, number::Pasted},
};

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
    /// Do this with a number of the panel, or of what was pasted.
    Number(NumberUse, String),
    /// Take this pasted number into the number field.
    Pasted(Pasted),
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

/// A question to answer with the letter of an answer or with `n`; Enter answers nothing, so that no reflex does.
///
/// What it says follows the call and the agent's state: a call that comes up under it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Quit?
    Quit,
    /// What was to be done before quitting failed: quit nevertheless?
    QuitAnyway {
        /// Why it failed.
        why: String,
    },
    /// Suspend, while customers are sent here?
    Suspend,
    /// Sign out?
    SignOut,
    /// Hang up on everybody, the waiting customer too?
    HangUpAll,
    /// Send the other side to the satisfaction survey?
    Evaluate,
    /// The agent is signed in elsewhere: take over?
    TakeOver,
    /// Tear the monitored call down?
    Disconnect {
        /// The monitored agent, as shown.
        who: String,
    },
    /// Take a customer out of the queue?
    TakeFromQueue {
        /// The customer's number, to see whether the customer still waits.
        number: String,
        /// The customer, as shown.
        who: String,
        /// The queue's row, as it came.
        fields: Map<String, Value>,
    },
}

/// What was decided in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DutyChoice {
    /// Enter this project.
    Join(String),
    /// Be in no project.
    Leave,
    /// Go busy with this reminder's reason now.
    Take(String),
    /// Be reminded again in two minutes.
    Snooze(String),
    /// This reminder has been read.
    Dismiss(String),
    /// The overtime warning has been seen.
    Acknowledge,
    /// Ask for this break.
    Ask(BreakWish),
    /// Bind this phone, and this kind of sign-in, each where it changes.
    Phone {
        /// Number, and whether it is the web phone where that changes.
        phone: Option<(String, Option<bool>)>,
        /// Dynamic or static.
        login_type: Option<LoginType>,
    },
    /// A line that is only to be read.
    Nothing,
}

/// What was decided in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Use this device from now on.
    Use(DeviceRole, String),
    /// Play something to try a device.
    Try(Probe),
}

/// What becomes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberUse {
    /// Into the number field.
    Take,
    /// To the clipboard.
    Copy,
    /// It is called.
    Dial,
}
