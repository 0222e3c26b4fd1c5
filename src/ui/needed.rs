//! Which action of the program stands behind one of the screen's, and whether it is possible now.

use super::input::UiAction;
use crate::{
    app::{Action, Possible, Snapshot},
    domain::CallPhase,
};

/// The program's action behind one of the screen's, as things stand; `None` for the screen's own.
pub fn app_action(snapshot: &Snapshot, action: UiAction) -> Option<Action> {
    let call = &snapshot.call;
    Some(match action {
        UiAction::Answer => Action::Answer,
        UiAction::HangUp if call.phase == CallPhase::Ringing && snapshot.can(Action::Reject) => Action::Reject,
        // The colleague first: whoever hangs up then does not mean the customer who waits.
        UiAction::HangUp if snapshot.can(Action::ConsultReturn) => Action::ConsultReturn,
        UiAction::HangUp if snapshot.can(Action::ThreeWayReturn) => Action::ThreeWayReturn,
        UiAction::HangUp | UiAction::HangUpAll => Action::HangUp,
        UiAction::Hold if call.phase == CallPhase::Held => Action::Unhold,
        UiAction::Hold => Action::Hold,
        UiAction::Mute if call.muted => Action::Unmute,
        UiAction::Mute => Action::Mute,
        UiAction::Keypad => Action::SendDtmf,
        UiAction::Dial => Action::Dial,
        UiAction::DialAgent => Action::DialAgent,
        UiAction::CallerId => Action::ChooseCallerId,
        UiAction::Ready => Action::Ready,
        UiAction::Busy => Action::Busy,
        UiAction::SignIn => Action::SignIn,
        UiAction::SignOut => Action::SignOut,
        UiAction::Consult => Action::Consult,
        UiAction::Return if call.phase == CallPhase::ThreeWay => Action::ThreeWayReturn,
        UiAction::Return => Action::ConsultReturn,
        UiAction::ConsultTransfer => Action::ConsultTransfer,
        UiAction::ThreeWay => Action::ThreeWay,
        UiAction::Transfer => Action::Transfer,
        UiAction::Evaluate => Action::Evaluate,
        UiAction::Spy => Action::Spy,
        UiAction::Whisper if call.phase == CallPhase::Whispering => Action::WhisperCancel,
        UiAction::Whisper => Action::Whisper,
        UiAction::Barge => Action::Barge,
        UiAction::Disconnect => Action::Disconnect,
        UiAction::Redial => Action::Dial,
        UiAction::Projects => Action::JoinProject,
        UiAction::RaiseHand => Action::RaiseHand,
        UiAction::Phone => Action::ChangePhone,
        UiAction::Number
        | UiAction::BreakRequests
        | UiAction::Reminder
        | UiAction::Devices
        | UiAction::Directory
        | UiAction::Queue
        | UiAction::Find
        | UiAction::Sort
        | UiAction::Copy
        | UiAction::PanelNarrower
        | UiAction::PanelWider
        | UiAction::PanelPick
        | UiAction::PanelClear
        | UiAction::Health
        | UiAction::Quiet
        | UiAction::AutoAnswer
        | UiAction::Reconnect
        | UiAction::Journal
        | UiAction::Notices
        | UiAction::NextFocus
        | UiAction::Up
        | UiAction::Down
        | UiAction::PageUp
        | UiAction::PageDown
        | UiAction::Panel
        | UiAction::PanelUp
        | UiAction::PanelDown
        | UiAction::Palette
        | UiAction::Help
        | UiAction::Quality
        | UiAction::Mouse
        | UiAction::Redraw
        | UiAction::Suspend
        | UiAction::Quit => return None,
    })
}

/// Whether an action is possible now; `None` where nothing speaks for or against it.
pub fn possible(snapshot: &Snapshot, action: UiAction) -> Option<&Possible> {
    app_action(snapshot, action).and_then(|action| snapshot.actions.get(&action))
}
