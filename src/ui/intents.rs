//! From actions and choices to effects. Pure: a state, a snapshot and an action give at most one [`UiEffect`];
//! [`input_events`](super::input_events) says which action a key stands for.

use std::time::Instant;

use super::{
    calls, dial,
    dialog::{Choice, DevicesDialog, Dialog, ListDialog, PickKind, Question, question},
    duty,
    effect::{UiEffect, is_possible, open_question, send},
    input::UiAction,
    navigation::{self, Step},
    needed::app_action,
    panel_intents,
    state::{Focus, Suspension, Tab, ViewState},
};
use crate::{
    app::{Action, Command, Snapshot, Wanted},
    domain::{CallPhase, Preference},
    i18n,
};

/// Does what was chosen in a dialog.
pub(super) fn choose(state: &mut ViewState, snapshot: &Snapshot, choice: Choice, now: Instant) -> Option<UiEffect> {
    match choice {
        Choice::Busy(reason) => send(state, snapshot, Action::Busy, Command::Busy { reason }, now),
        Choice::CallerId(value) => {
            send(state, snapshot, Action::ChooseCallerId, Command::ChooseCallerId { value }, now)
        }
        Choice::Act(action) => perform(state, snapshot, action, now),
        // Digits queue in the program: one that is still pending does not keep the next from being asked for.
        Choice::Digit(digit) => Some(UiEffect::Send(Command::SendDtmf { digits: digit.to_string() })),
        Choice::Extension(digits) => Some(UiEffect::Send(Command::SendDtmf { digits })),
        Choice::Yes(Question::Quit | Question::QuitAnyway { .. }) => {
            Some(if snapshot.call.phase.is_live() { UiEffect::HangUpThenQuit } else { UiEffect::Send(Command::Quit) })
        }
        Choice::SignOutAndQuit => {
            is_possible(state, snapshot, Action::SignOut, now).then_some(UiEffect::ThenQuit(Command::SignOut))
        }
        Choice::BusyAndQuit => is_possible(state, snapshot, Action::Busy, now)
            .then_some(UiEffect::ThenQuit(Command::Busy { reason: None })),
        Choice::BusyAndSuspend => is_possible(state, snapshot, Action::Busy, now)
            .then_some(UiEffect::ThenSuspend(Command::Busy { reason: None })),
        Choice::SignOutAndSuspend => {
            is_possible(state, snapshot, Action::SignOut, now).then_some(UiEffect::ThenSuspend(Command::SignOut))
        }
        Choice::Yes(Question::Suspend) => None,
        Choice::Yes(Question::HangUpAll) => send(state, snapshot, Action::HangUp, Command::HangUp, now),
        Choice::Yes(Question::Evaluate) => send(state, snapshot, Action::Evaluate, Command::Evaluate, now),
        Choice::Device(choice) => Some(UiEffect::Send(choice.command())),
        Choice::Duty(choice) => duty::choose(state, snapshot, choice, now),
        Choice::ForgetAfterCall => Some(UiEffect::Send(Command::ForgetAfterCall)),
        choice @ (Choice::Consult(_) | Choice::Transfer(_) | Choice::Spy(_)) => {
            calls::choose(state, snapshot, choice, now)
        }
        Choice::Yes(Question::Disconnect { .. }) => {
            send(state, snapshot, Action::Disconnect, Command::Disconnect { ag_no: None }, now)
        }
        Choice::Yes(Question::TakeFromQueue { fields, .. }) => {
            send(state, snapshot, Action::TakeFromQueue, Command::TakeFromQueue { fields }, now)
        }
        Choice::Yes(Question::SignOut) => send(state, snapshot, Action::SignOut, Command::SignOut, now),
        Choice::Yes(Question::TakeOver) => Some(UiEffect::Send(Command::SignIn { force: true })),
        Choice::TestSound(on) => Some(UiEffect::Send(Command::TestSound { on })),
        Choice::CheckHealth => Some(UiEffect::Send(Command::CheckHealth)),
        Choice::ReadyAnyway => send(state, snapshot, Action::Ready, Command::ReadyAnyway, now),
        Choice::Pasted(pasted) => {
            dial::take_pasted(state, snapshot, pasted, now);
            None
        }
        Choice::Number(wanted, number) => panel_intents::use_number(state, snapshot, wanted, number, now),
    }
}

/// Does what a key, a palette line or a click stands for.
pub fn perform(state: &mut ViewState, snapshot: &Snapshot, action: UiAction, now: Instant) -> Option<UiEffect> {
    if matches!(action, UiAction::Ready | UiAction::Busy | UiAction::SignOut) {
        // The agent chooses; what was to follow a suspension does not.
        state.suspension = Suspension::None;
    }
    let simple = |command| app_action(snapshot, action).map(|needed| (needed, command));
    let wanted = match action {
        UiAction::Answer => {
            // What is typed from now on is meant for the call.
            if snapshot.can(Action::Answer) && state.focus == Focus::Number {
                state.focus = Focus::None;
            }
            simple(Command::Answer)
        }
        UiAction::HangUp => match app_action(snapshot, action) {
            Some(Action::Reject) => Some((Action::Reject, Command::Reject)),
            Some(Action::ConsultReturn) => Some((Action::ConsultReturn, Command::ConsultReturn)),
            Some(Action::ThreeWayReturn) => Some((Action::ThreeWayReturn, Command::ThreeWayReturn)),
            Some(_) | None => Some((Action::HangUp, Command::HangUp)),
        },
        UiAction::HangUpAll if snapshot.can(Action::ConsultReturn) || snapshot.can(Action::ThreeWayReturn) => {
            return open_question(state, snapshot, Action::HangUp, Question::HangUpAll, now);
        }
        UiAction::HangUpAll => return perform(state, snapshot, UiAction::HangUp, now),
        UiAction::Hold if snapshot.call.phase == CallPhase::Held => Some((Action::Unhold, Command::Unhold)),
        UiAction::Hold => Some((Action::Hold, Command::Hold)),
        UiAction::Mute if snapshot.call.muted => Some((Action::Unmute, Command::Unmute)),
        UiAction::Mute => Some((Action::Mute, Command::Mute)),
        UiAction::Ready if snapshot.health.ready_refused.is_some() => {
            // What is wrong, what to do, and the way past it stand there.
            if is_possible(state, snapshot, Action::Ready, now) {
                state.dialog = Some(Dialog::Health(0));
                return Some(UiEffect::Send(Command::CheckHealth));
            }
            None
        }
        UiAction::Ready => simple(Command::Ready),
        UiAction::Health => {
            state.dialog = Some(Dialog::Health(0));
            return Some(UiEffect::Send(Command::CheckHealth));
        }
        UiAction::Dial => return dial::dial(state, snapshot, now),
        UiAction::DialAgent => return dial::dial_agent(state, snapshot, now),
        UiAction::SignIn => return is_possible(state, snapshot, Action::SignIn, now).then_some(UiEffect::SignIn),
        UiAction::SignOut => return open_question(state, snapshot, Action::SignOut, Question::SignOut, now),
        UiAction::Busy => {
            if snapshot.busy_reasons.is_empty() && snapshot.after_call == Some(Wanted::Busy(None)) {
                // The same key takes back what it asked for.
                return Some(UiEffect::Send(Command::ForgetAfterCall));
            } else if snapshot.busy_reasons.is_empty() {
                Some((Action::Busy, Command::Busy { reason: None }))
            } else {
                if is_possible(state, snapshot, Action::Busy, now) {
                    state.dialog = Some(Dialog::Busy(ListDialog::default()));
                }
                None
            }
        }
        UiAction::CallerId => {
            if snapshot.caller_ids.is_empty() {
                state.hint(i18n::text(snapshot.locale, "ui.no_caller_ids"), now);
            } else {
                let now_at = snapshot.caller_ids.iter().position(|id| Some(id) == snapshot.caller_id.as_ref());
                state.dialog = Some(Dialog::CallerId(ListDialog {
                    selected: now_at.unwrap_or_default(),
                    ..ListDialog::default()
                }));
            }
            None
        }
        UiAction::Keypad => {
            if is_possible(state, snapshot, Action::SendDtmf, now) {
                state.dialog = Some(Dialog::Keypad(String::new()));
            }
            None
        }
        UiAction::Quit => {
            if !snapshot.call.phase.is_live() && !question::leaves_customers(&state.settings, snapshot) {
                return Some(UiEffect::Send(Command::Quit));
            }
            state.dialog = Some(Dialog::Question(Question::Quit));
            None
        }
        UiAction::AutoAnswer if !snapshot.agent.web_phone => {
            // Nothing of this program's could answer (protocol `phone-bar.md` 12.21).
            state.hint(i18n::text(snapshot.locale, "ui.answers_elsewhere"), now);
            None
        }
        UiAction::AutoAnswer => return Some(UiEffect::Send(Command::SetAutoAnswer { on: !snapshot.auto_answer })),
        UiAction::Reconnect => return Some(UiEffect::Send(Command::ReconnectNow)),
        UiAction::Notices => {
            navigation::open_tab(state, Tab::Notices);
            return snapshot.notices.iter().any(|n| !n.dismissed).then_some(UiEffect::Send(Command::DismissNotices));
        }
        UiAction::Mouse => {
            state.mouse = !state.mouse;
            return Some(UiEffect::SetMouse(state.mouse));
        }
        UiAction::Redraw => return Some(UiEffect::Redraw),
        UiAction::Suspend => return Some(UiEffect::Suspend),
        UiAction::Consult => {
            calls::pick(state, snapshot, PickKind::Consult, now);
            None
        }
        UiAction::Transfer => {
            // Of somebody who waits: to oneself.
            if snapshot.call.phase.is_live() || !navigation::take(state, snapshot, now) {
                calls::pick(state, snapshot, PickKind::Transfer, now);
            }
            None
        }
        UiAction::Spy => {
            calls::pick(state, snapshot, PickKind::Spy, now);
            None
        }
        UiAction::Disconnect => {
            calls::disconnect(state, snapshot, now);
            None
        }
        UiAction::Return if snapshot.call.phase == CallPhase::ThreeWay => simple(Command::ThreeWayReturn),
        UiAction::Return => simple(Command::ConsultReturn),
        UiAction::ConsultTransfer => simple(Command::ConsultTransfer),
        UiAction::ThreeWay => simple(Command::ThreeWay),
        UiAction::Evaluate => return open_question(state, snapshot, Action::Evaluate, Question::Evaluate, now),
        UiAction::Whisper if snapshot.call.phase == CallPhase::Whispering => simple(Command::WhisperCancel),
        UiAction::Whisper => simple(Command::Whisper { ag_no: None }),
        UiAction::Barge => simple(Command::Barge { ag_no: None }),
        UiAction::Redial => return calls::redial(state, snapshot, now),
        UiAction::Quiet => return Some(UiEffect::Send(Command::Prefer(Preference::Quiet(!snapshot.quiet)))),
        UiAction::Projects | UiAction::RaiseHand | UiAction::BreakRequests | UiAction::Reminder | UiAction::Phone => {
            return duty::perform(state, snapshot, action, now);
        }
        UiAction::Devices if !snapshot.agent.web_phone => {
            // Sound comes out of a phone of its own.
            state.hint(i18n::text(snapshot.locale, "app.no_web_phone"), now);
            None
        }
        UiAction::Devices => {
            state.dialog = Some(Dialog::Devices(DevicesDialog::new(snapshot)));
            None
        }
        UiAction::Panel => return panel_intents::toggle(state),
        UiAction::PanelUp => {
            panel_intents::scroll(state, true);
            None
        }
        UiAction::PanelDown => {
            panel_intents::scroll(state, false);
            None
        }
        UiAction::PanelNarrower => return panel_intents::resize(state, snapshot, false, now),
        UiAction::PanelWider => return panel_intents::resize(state, snapshot, true, now),
        UiAction::PanelPick => {
            panel_intents::pick(state, snapshot, now);
            None
        }
        UiAction::PanelClear => return Some(UiEffect::Send(Command::ClearPanel)),
        UiAction::Copy => return panel_intents::copy(state, snapshot, now),
        UiAction::Number => {
            state.dialog = None;
            state.focus = Focus::Number;
            None
        }
        UiAction::Journal => {
            navigation::open_tab(state, Tab::Journal);
            None
        }
        UiAction::Directory => {
            navigation::open_tab(state, Tab::Directory);
            None
        }
        UiAction::Queue => {
            navigation::open_tab(state, Tab::Queue);
            None
        }
        UiAction::Find => {
            navigation::find(state);
            None
        }
        UiAction::Sort => {
            navigation::sort(state, snapshot, now);
            None
        }
        UiAction::NextFocus => {
            navigation::next_focus(state);
            None
        }
        UiAction::Up => {
            navigation::step(state, snapshot, Step::Up);
            None
        }
        UiAction::Down => {
            navigation::step(state, snapshot, Step::Down);
            None
        }
        UiAction::PageUp => {
            navigation::step(state, snapshot, Step::PageUp);
            None
        }
        UiAction::PageDown => {
            navigation::step(state, snapshot, Step::PageDown);
            None
        }
        UiAction::Palette => {
            state.dialog = Some(Dialog::Palette(ListDialog::default()));
            None
        }
        UiAction::Quality => {
            state.dialog = snapshot.call.phase.is_live().then_some(Dialog::Quality);
            None
        }
        UiAction::Help => {
            state.dialog = Some(Dialog::Help(0));
            None
        }
    };
    let (needed, command) = wanted?;
    send(state, snapshot, needed, command, now)
}

#[cfg(test)]
#[path = "intents_tests.rs"]
mod tests;
