//! From actions and choices to what is asked of the program. Pure: a state, a snapshot and an action give at most one
//! [`Ask`]; [`on_key`] and its neighbours say which action.

use std::time::Instant;

pub use super::press::{on_click, on_key, on_wheel};
use super::{
    calls, dial,
    dialog::{Choice, DevicesDialog, Dialog, ListDialog, PickKind, Question, question},
    duty::{self, ReminderAnswer},
    input::UiAction,
    look::{self, Step},
    reading,
    state::{Focus, Tab, ViewState},
    suspend::Suspension,
};
use crate::{
    app::{Action, BreakWish, Command, Possible, Snapshot, Wanted},
    domain::{CallPhase, Preference},
    i18n,
};

/// What the loop is to do.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Tell the program; what goes wrong comes back as a notice.
    Tell(Command),
    /// Dial; the number field is emptied only if that worked and nothing else has been typed meanwhile.
    Dial {
        /// What to ask.
        command: Command,
        /// What stood in the field.
        typed: String,
    },
    /// Sign in; a sign-in elsewhere leads to a question.
    SignIn,
    /// Tell the program all of this, in this order.
    TellAll(Vec<Command>),
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

/// What can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An action.
    Act(UiAction),
    /// A line of the open list.
    Row(usize),
    /// A line of the open dialog.
    Item(usize),
    /// A page of the open dialog.
    Page(usize),
    /// The answer to the open question with this letter.
    Answer(char),
    /// A field of the open form.
    Field(usize),
    /// An answer to the reminder on the screen.
    Reminder(ReminderAnswer),
    /// A keypad key.
    Digit(char),
    /// The open window where it does nothing.
    Window,
    /// What lies around the open window.
    Around,
    /// The panel.
    Panel,
    /// One of the panel's numbers.
    PanelNumber(usize),
}

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

/// Does what was chosen in a dialog.
pub(super) fn choose(state: &mut ViewState, snapshot: &Snapshot, choice: Choice, now: Instant) -> Option<Ask> {
    match choice {
        Choice::Busy(reason) => tell(state, snapshot, Action::Busy, Command::Busy { reason }, now),
        Choice::CallerId(value) => {
            tell(state, snapshot, Action::ChooseCallerId, Command::ChooseCallerId { value }, now)
        }
        Choice::Act(action) => perform(state, snapshot, action, now),
        // Digits queue in the program: one that is still pending does not keep the next from being asked for.
        Choice::Digit(digit) => Some(Ask::Tell(Command::SendDtmf { digits: digit.to_string() })),
        Choice::Extension(digits) => Some(Ask::Tell(Command::SendDtmf { digits })),
        Choice::Yes(Question::Quit | Question::QuitAnyway { .. }) => {
            Some(if snapshot.call.phase.is_live() { Ask::HangUpThenQuit } else { Ask::Tell(Command::Quit) })
        }
        Choice::SignOutAndQuit => then_quit(state, snapshot, Action::SignOut, Command::SignOut, now),
        Choice::BusyAndQuit => then_quit(state, snapshot, Action::Busy, Command::Busy { reason: None }, now),
        Choice::BusyAndSuspend => {
            is_possible(state, snapshot, Action::Busy, now).then_some(Ask::ThenSuspend(Command::Busy { reason: None }))
        }
        Choice::SignOutAndSuspend => {
            is_possible(state, snapshot, Action::SignOut, now).then_some(Ask::ThenSuspend(Command::SignOut))
        }
        Choice::Yes(Question::Suspend) => None,
        Choice::Yes(Question::HangUpAll) => tell(state, snapshot, Action::HangUp, Command::HangUp, now),
        Choice::Yes(Question::Evaluate) => tell(state, snapshot, Action::Evaluate, Command::Evaluate, now),
        Choice::Device(choice) => Some(Ask::Tell(choice.command())),
        Choice::Duty(choice) => duty::choose(state, snapshot, choice, now),
        Choice::ForgetAfterCall => Some(Ask::Tell(Command::ForgetAfterCall)),
        choice @ (Choice::Consult(_) | Choice::Transfer(_) | Choice::Spy(_)) => {
            calls::choose(state, snapshot, choice, now)
        }
        Choice::Yes(Question::Disconnect { .. }) => {
            tell(state, snapshot, Action::Disconnect, Command::Disconnect { ag_no: None }, now)
        }
        Choice::Yes(Question::TakeFromQueue { fields, .. }) => {
            tell(state, snapshot, Action::TakeFromQueue, Command::TakeFromQueue { fields }, now)
        }
        Choice::Yes(Question::SignOut) => tell(state, snapshot, Action::SignOut, Command::SignOut, now),
        Choice::Yes(Question::TakeOver) => Some(Ask::Tell(Command::SignIn { force: true })),
        Choice::TestSound(on) => Some(Ask::Tell(Command::TestSound { on })),
        Choice::CheckHealth => Some(Ask::Tell(Command::CheckHealth)),
        Choice::ReadyAnyway => tell(state, snapshot, Action::Ready, Command::ReadyAnyway, now),
        Choice::Number(wanted, number) => reading::use_number(state, snapshot, wanted, number, now),
    }
}

/// Tells the program, unless it is known that it would refuse: then the reason is shown.
pub(super) fn tell(
    state: &mut ViewState,
    snapshot: &Snapshot,
    action: Action,
    command: Command,
    now: Instant,
) -> Option<Ask> {
    is_possible(state, snapshot, action, now).then_some(Ask::Tell(command))
}

/// Quits after this, unless it is known that it would be refused: then the reason is shown.
fn then_quit(
    state: &mut ViewState,
    snapshot: &Snapshot,
    action: Action,
    command: Command,
    now: Instant,
) -> Option<Ask> {
    is_possible(state, snapshot, action, now).then_some(Ask::ThenQuit(command))
}

/// Opens a question, unless it is known that its yes would be refused: then the reason is shown.
fn ask(state: &mut ViewState, snapshot: &Snapshot, action: Action, question: Question, now: Instant) -> Option<Ask> {
    if is_possible(state, snapshot, action, now) {
        state.dialog = Some(Dialog::Question(question));
    }
    None
}

/// Whether nothing is known to speak against it; otherwise the reason is shown.
pub(super) fn is_possible(state: &mut ViewState, snapshot: &Snapshot, action: Action, now: Instant) -> bool {
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

/// Does what a key, a palette line or a click stands for.
pub fn perform(state: &mut ViewState, snapshot: &Snapshot, action: UiAction, now: Instant) -> Option<Ask> {
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
            return ask(state, snapshot, Action::HangUp, Question::HangUpAll, now);
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
                return Some(Ask::Tell(Command::CheckHealth));
            }
            None
        }
        UiAction::Ready => simple(Command::Ready),
        UiAction::Health => {
            state.dialog = Some(Dialog::Health(0));
            return Some(Ask::Tell(Command::CheckHealth));
        }
        UiAction::Dial => return dial::dial(state, snapshot, now),
        UiAction::DialAgent => return dial::dial_agent(state, snapshot, now),
        UiAction::SignIn => return is_possible(state, snapshot, Action::SignIn, now).then_some(Ask::SignIn),
        UiAction::SignOut => return ask(state, snapshot, Action::SignOut, Question::SignOut, now),
        UiAction::Busy => {
            if snapshot.busy_reasons.is_empty() && snapshot.after_call == Some(Wanted::Busy(None)) {
                // The same key takes back what it asked for.
                return Some(Ask::Tell(Command::ForgetAfterCall));
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
            if !snapshot.call.phase.is_live() && !question::leaves_customers(state, snapshot) {
                return Some(Ask::Tell(Command::Quit));
            }
            state.dialog = Some(Dialog::Question(Question::Quit));
            None
        }
        UiAction::AutoAnswer if !snapshot.agent.web_phone => {
            // Nothing of this program's could answer (protocol `phone-bar.md` 12.21).
            state.hint(i18n::text(snapshot.locale, "ui.answers_elsewhere"), now);
            None
        }
        UiAction::AutoAnswer => return Some(Ask::Tell(Command::SetAutoAnswer { on: !snapshot.auto_answer })),
        UiAction::Reconnect => return Some(Ask::Tell(Command::ReconnectNow)),
        UiAction::Notices => {
            look::open_tab(state, Tab::Notices);
            return snapshot.notices.iter().any(|n| !n.dismissed).then_some(Ask::Tell(Command::DismissNotices));
        }
        UiAction::Mouse => {
            state.mouse = !state.mouse;
            return Some(Ask::SetMouse(state.mouse));
        }
        UiAction::Redraw => return Some(Ask::Redraw),
        UiAction::Suspend => return Some(Ask::Suspend),
        UiAction::Consult => {
            calls::pick(state, snapshot, PickKind::Consult, now);
            None
        }
        UiAction::Transfer => {
            // Of somebody who waits: to oneself.
            if snapshot.call.phase.is_live() || !look::take(state, snapshot, now) {
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
        UiAction::Evaluate => return ask(state, snapshot, Action::Evaluate, Question::Evaluate, now),
        UiAction::Whisper if snapshot.call.phase == CallPhase::Whispering => simple(Command::WhisperCancel),
        UiAction::Whisper => simple(Command::Whisper { ag_no: None }),
        UiAction::Barge => simple(Command::Barge { ag_no: None }),
        UiAction::Redial => return calls::redial(state, snapshot, now),
        UiAction::Quiet => return Some(Ask::Tell(Command::Prefer(Preference::Quiet(!snapshot.quiet)))),
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
        UiAction::Panel => return reading::toggle(state),
        UiAction::PanelUp => {
            reading::scroll(state, true);
            None
        }
        UiAction::PanelDown => {
            reading::scroll(state, false);
            None
        }
        UiAction::PanelNarrower => return reading::resize(state, snapshot, false, now),
        UiAction::PanelWider => return reading::resize(state, snapshot, true, now),
        UiAction::PanelPick => {
            reading::pick(state, snapshot, now);
            None
        }
        UiAction::PanelClear => return Some(Ask::Tell(Command::ClearPanel)),
        UiAction::Copy => return reading::copy(state, snapshot, now),
        UiAction::Number => {
            state.dialog = None;
            state.focus = Focus::Number;
            None
        }
        UiAction::Journal => {
            look::open_tab(state, Tab::Journal);
            None
        }
        UiAction::Directory => {
            look::open_tab(state, Tab::Directory);
            None
        }
        UiAction::Queue => {
            look::open_tab(state, Tab::Queue);
            None
        }
        UiAction::Find => {
            look::find(state);
            None
        }
        UiAction::Sort => {
            look::sort(state, snapshot, now);
            None
        }
        UiAction::NextFocus => {
            look::next_focus(state);
            None
        }
        UiAction::Up => {
            look::step(state, snapshot, Step::Up);
            None
        }
        UiAction::Down => {
            look::step(state, snapshot, Step::Down);
            None
        }
        UiAction::PageUp => {
            look::step(state, snapshot, Step::PageUp);
            None
        }
        UiAction::PageDown => {
            look::step(state, snapshot, Step::PageDown);
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
    tell(state, snapshot, needed, command, now)
}

#[cfg(test)]
#[path = "act_tests.rs"]
mod tests;
