//! What was on the screen when a key was typed. A key belongs to the call that the agent saw then: on a slow line, or
//! with a key typed ahead, the next caller must not get what was meant for the last one.

use std::time::{Duration, Instant};

use super::{
    dialog::{Dialog, PickKind, Question},
    effect::UiEffect,
    state::ViewState,
    view::Drawn,
};
use crate::{
    app::{Action, Command, Snapshot},
    domain::CallPhase,
    i18n,
};

/// Nobody reacts to a new picture in less: a key typed so soon was meant for the call before.
const REACTION: Duration = Duration::from_millis(500);
/// How soon after a call another one counts as its successor.
const SUCCESSOR: Duration = Duration::from_secs(2);

/// What of a call a picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallSeen {
    /// The call.
    pub call: Option<u64>,
    /// Hanging up would have ended the part of a colleague only.
    pub colleague_first: bool,
}

impl CallSeen {
    /// What of its call a snapshot shows.
    pub fn of(snapshot: &Snapshot) -> Self {
        let first = |action| snapshot.can(action);
        Self { call: call_of(snapshot), colleague_first: first(Action::ConsultReturn) || first(Action::ThreeWayReturn) }
    }
}

/// What a picture shows besides its cells.
#[derive(Debug, Default)]
pub struct Seen {
    /// Its call.
    call: CallSeen,
    /// When that call was drawn first.
    since: Option<Instant>,
    /// When the call before it was drawn last.
    before: Option<Instant>,
    /// The agent began it.
    dialled: bool,
    /// A question stands in it.
    question: bool,
    /// A question stood there already when the call came or went: it means something else since.
    turned: bool,
    /// What can be clicked, and where.
    pub drawn: Drawn,
}

impl Seen {
    /// What a picture shows that is drawn `now`, after this one.
    pub fn followed_by(&self, snapshot: &Snapshot, state: &ViewState, drawn: Drawn, now: Instant) -> Self {
        let call = CallSeen::of(snapshot);
        let question = matches!(state.dialog, Some(Dialog::Question(_)));
        let (since, before, dialled, turned) = if call.call == self.call.call {
            (self.since, self.before, self.dialled, self.turned)
        } else {
            let before = if self.call.call.is_some() { Some(now) } else { self.before };
            (Some(now), before, snapshot.call.phase == CallPhase::Dialing, self.question && question)
        };
        Self { call, since, before, dialled, question, turned, drawn }
    }

    /// The call that a key typed `at` is for: none yet, if this one has only just taken the place of another, or has come
    /// up under a question that the key answers.
    pub fn call_at(&self, at: Instant) -> CallSeen {
        let successor = match (self.before, self.since) {
            (Some(before), Some(since)) => since.saturating_duration_since(before) < SUCCESSOR,
            (_, _) => false,
        };
        let fresh = self.since.is_some_and(|since| at.saturating_duration_since(since) < REACTION);
        if (successor || self.turned) && fresh && !self.dialled { CallSeen::default() } else { self.call }
    }
}

/// The call that a snapshot shows, as long as something can be done to it.
pub fn call_of(snapshot: &Snapshot) -> Option<u64> {
    snapshot.call.id.filter(|_| snapshot.call.phase.is_live())
}

/// Does what was typed when `typed_at` was the call on the screen. If there is another call by now, or none any more,
/// nothing that concerns a call comes of it, and the agent is told; what is only typed or looked at is not lost.
pub fn for_the_call_seen(
    state: &mut ViewState,
    snapshot: &Snapshot,
    typed_at: CallSeen,
    now: Instant,
    act: impl FnOnce(&mut ViewState) -> Option<UiEffect>,
) -> Option<UiEffect> {
    let present = CallSeen::of(snapshot);
    if typed_at == present {
        return act(state);
    }
    let mut tried = state.clone();
    let ask = act(&mut tried);
    // Without a call on the screen it can only be meant for the one that comes up in this moment.
    if typed_at.call.is_none() && matches!(ask, Some(UiEffect::Send(Command::Answer))) {
        *state = tried;
        return ask;
    }
    let opens = tried.dialog.as_ref().is_some_and(is_about_call) && !state.dialog.as_ref().is_some_and(is_about_call);
    if typed_at.call == present.call {
        // Meant for the colleague, who is gone by now: the customer must not get it.
        if !matches!(ask, Some(UiEffect::Send(Command::HangUp))) {
            *state = tried;
            return ask;
        }
        state.hint(i18n::text(snapshot.locale, "ui.typed_before"), now);
        return None;
    }
    if opens || ask.as_ref().is_some_and(concerns_call) {
        state.prefix_typed = false;
        state.hint(i18n::text(snapshot.locale, "ui.typed_before"), now);
        return None;
    }
    *state = tried;
    ask
}

/// Whether a dialog is about the present call: with it, it is over.
pub fn is_about_call(dialog: &Dialog) -> bool {
    match dialog {
        Dialog::Keypad(_) | Dialog::Quality => true,
        Dialog::Pick(pick) => matches!(pick.kind, PickKind::Consult | PickKind::Transfer),
        Dialog::Question(question) => match question {
            Question::Suspend => false,
            Question::Quit | Question::QuitAnyway { .. } | Question::SignOut | Question::TakeOver => false,
            Question::Disconnect { .. } | Question::HangUpAll | Question::Evaluate => true,
            Question::TakeFromQueue { .. } => false,
        },
        Dialog::Busy(_)
        | Dialog::CallerId(_)
        | Dialog::Palette(_)
        | Dialog::Help(_)
        | Dialog::Duty(_)
        | Dialog::Numbers(_)
        | Dialog::Devices(_)
        | Dialog::Health(_) => false,
    }
}

/// Whether something is asked for that begins a call, ends one, or changes who hears whom.
pub fn concerns_call(ask: &UiEffect) -> bool {
    match ask {
        UiEffect::Send(command) | UiEffect::ThenQuit(command) | UiEffect::ThenSuspend(command) => {
            command_concerns_call(command)
        }
        UiEffect::SendAll(commands) => commands.iter().any(command_concerns_call),
        UiEffect::Dial { .. } | UiEffect::HangUpThenQuit => true,
        UiEffect::SignIn
        | UiEffect::RaiseHand(_)
        | UiEffect::SetMouse(_)
        | UiEffect::Copy(_)
        | UiEffect::Redraw
        | UiEffect::Suspend => false,
    }
}

fn command_concerns_call(command: &Command) -> bool {
    match command {
        Command::Dial { .. }
        | Command::DialAgent { .. }
        | Command::CancelDial
        | Command::Answer
        | Command::Reject
        | Command::HangUp
        | Command::Hold
        | Command::Unhold
        | Command::Mute
        | Command::Unmute
        | Command::SendDtmf { .. }
        | Command::Consult { .. }
        | Command::ConsultReturn
        | Command::ConsultTransfer
        | Command::ThreeWay
        | Command::ThreeWayReturn
        | Command::Transfer { .. }
        | Command::Evaluate
        | Command::Interact { .. }
        | Command::Spy { .. }
        | Command::Whisper { .. }
        | Command::WhisperCancel
        | Command::Barge { .. }
        | Command::Disconnect { .. }
        | Command::SignOut
        | Command::SetAutoAnswer { .. }
        | Command::ChangePhone { .. }
        | Command::SwitchMode { .. } => true,
        Command::SignIn { .. }
        | Command::Ready
        | Command::ReadyAnyway
        | Command::Busy { .. }
        | Command::ForgetAfterCall
        | Command::JoinProject { .. }
        | Command::LeaveProject
        | Command::RaiseHand(_)
        | Command::ReadBreakNews
        | Command::TakeReminder { .. }
        | Command::SnoozeReminder { .. }
        | Command::DismissReminder { .. }
        | Command::AcknowledgeOvertime
        | Command::TakeFromQueue { .. }
        | Command::LookUp(_)
        | Command::Watch(_)
        | Command::ClearJournal
        | Command::SetDevices(_)
        | Command::TestDevice(_)
        | Command::TestSound { .. }
        | Command::CheckHealth
        | Command::Prefer(_)
        | Command::ChooseCallerId { .. }
        | Command::SetToken { .. }
        | Command::SetPanel { .. }
        | Command::ClearPanel
        | Command::DismissNotices
        | Command::ReconnectNow
        // In a call it is asked about first, and the answer is another command.
        | Command::Quit
        | Command::QuitNow => false,
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
