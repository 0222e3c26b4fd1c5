//! Questions before something that hurts: quitting or suspending in a call or while customers are sent here, signing out, hanging up on
//! everybody, sending the customer away, taking over a sign-in elsewhere, tearing somebody's call down, taking a customer
//! out of the queue.

use crossterm::event::KeyCode;

use super::{Choice, Context, Outcome, Question};
use crate::{
    app::{Action, Possible, Snapshot},
    domain::{AgentState, CallPhase},
    i18n::Message,
    ui::{keys::Chord, settings::Settings, who},
};

/// An answer that does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its letter.
    pub key: char,
    /// Catalogue key of what it does.
    pub label: &'static str,
    /// What it does.
    pub choice: Choice,
}

/// The letter that goes back.
pub const NO: char = 'n';

/// Whether customers would go on being sent to a phone that is not there any more: ready, or ready by itself when
/// wrap-up ends. A telephone of the desk's own goes on ringing, and the demonstration ends with its customers.
pub fn leaves_customers(settings: &Settings, snapshot: &Snapshot) -> bool {
    // Occupied without a call: the platform has not noticed its end yet.
    let ready = matches!(snapshot.agent.state, AgentState::Idle | AgentState::WrapUp | AgentState::Occupied);
    ready && stays_signed_in(settings, snapshot) && !snapshot.call.phase.is_live()
}

/// The same after a call that the end of the program would end: who is in a call is ready again after it.
fn leaves_next_customers(settings: &Settings, snapshot: &Snapshot) -> bool {
    let signed_in = !matches!(snapshot.agent.state, AgentState::SignedOut | AgentState::SigningIn);
    signed_in && stays_signed_in(settings, snapshot) && snapshot.call.phase.is_live()
}

/// Whether the end of the program leaves the agent signed in with a phone that ends with it.
fn stays_signed_in(settings: &Settings, snapshot: &Snapshot) -> bool {
    snapshot.agent.web_phone && !settings.demo && !settings.quit_signs_out
}

impl Question {
    /// The question.
    pub fn text(&self, context: &Context<'_>) -> Message {
        let Context { snapshot, settings, .. } = *context;
        let (rings, live) = (snapshot.call.phase == CallPhase::Ringing, snapshot.call.phase.is_live());
        let with_whom = |key| Message::new(key).with("who", who::with_whom(snapshot));
        match self {
            Question::Quit if rings => with_whom("ui.ask_quit_ringing"),
            Question::Quit if snapshot.call.phase == CallPhase::Dialing => with_whom("ui.ask_quit_dialing"),
            Question::Quit if live => with_whom("ui.ask_quit_call"),
            Question::Quit if !leaves_customers(settings, snapshot) => Message::new("ui.ask_quit"),
            Question::Quit if snapshot.agent.state == AgentState::WrapUp => Message::new("ui.ask_quit_wrap_up"),
            Question::Quit if snapshot.agent.state == AgentState::Occupied => Message::new("ui.ask_quit_occupied"),
            Question::Quit => Message::new("ui.ask_quit_ready"),
            Question::QuitAnyway { why } => {
                // It may be a sentence of its own.
                Message::new("ui.ask_quit_anyway").with("why", why.trim_end_matches(['.', '。']))
            }
            Question::Suspend => Message::new("ui.ask_suspend"),
            Question::SignOut if rings => with_whom("ui.ask_sign_out_ringing"),
            Question::SignOut if snapshot.call.phase == CallPhase::Dialing => with_whom("ui.ask_sign_out_dialing"),
            Question::SignOut if live => with_whom("ui.ask_sign_out_call"),
            Question::SignOut => Message::new("ui.ask_sign_out"),
            Question::HangUpAll => {
                with_whom("ui.ask_hang_up_all").with("other", who::consulted(snapshot).unwrap_or_default())
            }
            Question::Evaluate => with_whom("ui.ask_evaluate"),
            Question::TakeOver => Message::new("ui.ask_take_over"),
            Question::Disconnect { who } => Message::new("ui.ask_disconnect").with("who", who),
            Question::TakeFromQueue { who, .. } => Message::new("ui.ask_take").with("who", who),
        }
    }

    /// Its answers besides the way back, as things stand.
    pub fn answers(&self, context: &Context<'_>) -> Vec<Answer> {
        let Context { snapshot, settings, .. } = *context;
        let may = |action| !matches!(snapshot.actions.get(&action), Some(Possible::No(_)));
        let yes = |label| Answer { key: 'y', label, choice: Choice::Yes(self.clone()) };
        match self {
            Question::Quit if leaves_next_customers(settings, snapshot) && may(Action::SignOut) => {
                vec![Answer { key: 'y', label: "ui.yes_sign_out_quit_call", choice: Choice::SignOutAndQuit }]
            }
            Question::Quit if snapshot.call.phase.is_live() => vec![yes("ui.yes_quit_call")],
            Question::Quit if leaves_customers(settings, snapshot) => {
                let sign_out = Answer { key: 'y', label: "ui.yes_sign_out_quit", choice: Choice::SignOutAndQuit };
                let busy = Answer { key: 'b', label: "ui.yes_busy_quit", choice: Choice::BusyAndQuit };
                let mut answers = vec![if may(Action::SignOut) { sign_out } else { yes("ui.yes_quit") }];
                answers.extend(may(Action::Busy).then_some(busy));
                answers
            }
            Question::Quit | Question::QuitAnyway { .. } => vec![yes("ui.yes_quit")],
            Question::Suspend => {
                let busy = Answer { key: 'y', label: "ui.yes_busy_suspend", choice: Choice::BusyAndSuspend };
                let sign_out = Answer { key: 's', label: "ui.yes_sign_out_suspend", choice: Choice::SignOutAndSuspend };
                let mut answers: Vec<Answer> = may(Action::Busy).then_some(busy).into_iter().collect();
                answers.extend(may(Action::SignOut).then_some(sign_out));
                answers
            }
            Question::SignOut => vec![yes("ui.yes_sign_out")],
            Question::HangUpAll => vec![yes("ui.yes_hang_up_all")],
            Question::Evaluate => vec![yes("ui.yes_evaluate")],
            Question::TakeOver => vec![yes("ui.yes_take_over")],
            Question::Disconnect { .. } => vec![yes("ui.yes_disconnect")],
            Question::TakeFromQueue { .. } => vec![yes("ui.yes_take")],
        }
    }

    /// What comes of an answer's letter: [`NO`] goes back.
    pub fn answered(&self, context: &Context<'_>, letter: char) -> Outcome {
        let letter = letter.to_ascii_lowercase();
        if letter == NO {
            return Outcome::Close;
        }
        let answer = self.answers(context).into_iter().find(|answer| answer.key == letter);
        answer.map_or(Outcome::Stay, |answer| Outcome::Do(answer.choice))
    }

    /// The letters answer, Esc goes back; function keys and Alt chords go through.
    pub fn on_key(&self, context: &Context<'_>, chord: Chord) -> Outcome {
        let chord = chord.on_latin();
        match (chord.code, chord.text()) {
            (KeyCode::Esc, _) => Outcome::Close,
            (_, Some(letter)) => self.answered(context, letter),
            (KeyCode::F(_) | KeyCode::Char(_), None) => Outcome::Pass,
            _ => Outcome::Stay,
        }
    }
}
