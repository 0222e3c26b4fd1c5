//! The pure state machine, one file per subject.
//!
//! `commands` takes what people ask; `dialling`, `hanging_up`, `consult`, `monitor`, `keypad`, `after_call` carry out what
//! is asked of a call. `session` signs in, `rejoin` after a restart, `take_over` also where somebody is already,
//! `sign_out` out, `quit` ends the program; `binding` changes the phone. `agent` and `phone` take the platform's words, `resync` those after an
//! absence, `found` the call that they speak of; `join` says which leg and which of the platform's calls are one call, `next_call` keeps what has come for the next
//! one; `call` begins calls and knows what they are, `deadlines` ends what waits too long, `ending` ends calls, `tones` lets them be heard. `sip` and
//! `media` take the softphone's words, `phone_away` gets the phone back, `devices` takes its word on sound devices, `links` the event websocket's. `lists`, `directory` and `queue` are the platform's lists (`rows`
//! reads them), `look_ups` what is asked of them. `token` renews the token, `panel` fills the panel,
//! `notices` tells the agent, `health` whether everything that a call needs is in order. `projects`, `breaks`, `reminders` and `overtime` are duties besides calls; `duties` runs
//! them.

mod after_call;
mod agent;
mod binding;
mod breaks;
mod call;
mod commands;
mod consult;
mod deadlines;
mod devices;
mod dialling;
mod directory;
mod duties;
mod echo;
mod ending;
mod found;
mod hanging_up;
mod health;
mod join;
mod journal;
mod keypad;
mod links;
mod lists;
mod look_ups;
mod media;
mod monitor;
mod next_call;
mod notices;
mod overtime;
mod panel;
mod phone;
mod phone_away;
mod projects;
mod queue;
mod quit;
mod rejoin;
mod reminders;
mod resync;
mod rows;
mod session;
mod sign_out;
mod sip;
mod take_over;
mod taker;
#[cfg(test)]
pub(super) mod tests;
mod token;
mod tones;
mod unsure;

pub(crate) use binding::account;
use serde_json::{Value, json};

use super::{
    Action, CommandId, CommandOutcome, Effect, Event, Input, Now, Refusal, RefusalKind, RequestId, SdkEvent, State,
    TimerId,
    state::{Purpose, Waiting},
};
use crate::{
    cti::{
        api::{ApiError, Reply, Request},
        codes::ReplyCode,
    },
    domain::TargetState,
    i18n::Message,
};

impl State {
    /// Takes one input and says what is to be done for it.
    pub fn update(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let mut turn = Turn { state: self, now, effects: Vec::new() };
        match input {
            Input::Command { id, command } => turn.command(id, command),
            Input::TooLate { id } => turn.too_late(id),
            Input::Event(event) => turn.event(event),
        }
        turn.show_next_call();
        turn.follow_call_deadline();
        turn.panel_follows_call();
        turn.follow_duties();
        turn.follow_phone();
        turn.follow_health();
        turn.follow_journal();
        turn.follow_quit();
        turn.effects
    }
}

/// One update under way.
struct Turn<'a> {
    state: &'a mut State,
    now: Now,
    effects: Vec<Effect>,
}

impl Turn<'_> {
    fn event(&mut self, event: Event) {
        match event {
            Event::Started => self.started(),
            Event::Replied { id, result } => {
                if let Some(purpose) = self.state.pending.requests.remove(&id) {
                    self.health_of_reply(id, &result);
                    self.token_may_be_old(&purpose, &result);
                    self.replied(id, purpose, result);
                }
            }
            Event::Link { id, event } => {
                if id == self.state.link.id {
                    self.health_of_link(&event);
                    self.link_event(event);
                }
            }
            Event::Phone(event) => {
                self.health_of_phone(&event);
                self.phone_event(event);
            }
            Event::NetworkChanged => self.network_changed(),
            Event::Timer(timer) => self.timer(timer),
            Event::Panel { id, result } => self.panel_filled(id, result),
            Event::JournalLoaded(entries) => self.journal_loaded(entries),
            Event::NotKept(message) | Event::NotShown(message) => self.error(message),
            Event::Token(result) => self.token_came(result),
        }
    }

    fn replied(&mut self, id: RequestId, purpose: Purpose, result: Result<Reply, ApiError>) {
        let sign_in = matches!(purpose, Purpose::PhoneInfo | Purpose::Login | Purpose::FirstState(_));
        if sign_in && self.state.session.step.take_if(|step| *step == id).is_none() {
            return tracing::debug!(?purpose, "an answer to an earlier sign-in");
        }
        match purpose {
            Purpose::PhoneInfo => self.phone_info(result),
            Purpose::Login => self.login_reply(result),
            Purpose::FirstState(target) => self.first_state_reply(target, result),
            Purpose::RollBack | Purpose::Probe | Purpose::GivenUp => {}
            Purpose::LastHangUp => self.last_hang_up_reply(),
            Purpose::Bind => self.bind_reply(result),
            Purpose::Command(action) => self.command_reply(id, action, result),
            Purpose::Mode(login_type) => self.mode_reply(login_type, result),
            Purpose::NewPhone => self.new_phone_info(result),
            Purpose::List(list) => self.list_reply(list, result),
            Purpose::LookUp { id, list } => self.look_up_reply(id, list, result),
            Purpose::HangUpInstead(action) => self.hang_up_instead_reply(id, action, result),
            Purpose::Dtmf => self.dtmf_reply(result),
            Purpose::NewToken { command, token } => self.new_token_reply(id, command, token.0, result),
            Purpose::Account => self.account_reply(result),
            Purpose::Duty(asked) => self.duty_reply(id, asked, result),
        }
    }

    fn timer(&mut self, timer: TimerId) {
        match timer {
            TimerId::Reconnect => self.reconnect_due(),
            TimerId::LinkGreeting => self.greeting_overdue(),
            TimerId::SignIn => self.sign_in_due(),
            TimerId::Rejoin => self.rejoin_failed(),
            TimerId::TokenRenewal => self.token_renewal_due(),
            TimerId::CallDeadline => self.call_deadline_due(),
            TimerId::NextCall => self.next_call_due(),
            TimerId::StrayCall => self.stray_call_due(),
            TimerId::ForgetCall => self.forget_call(),
            TimerId::CommandDeadline => self.command_deadline(),
            TimerId::AfterCall => self.after_call_due(),
            TimerId::Lists => self.ask_for_missing_lists(),
            TimerId::QueueSum => self.count_waiting(),
            TimerId::Watched => self.watched_due(),
            TimerId::BusyInfo => self.busy_info_due(),
            TimerId::BreakNews => self.break_news_due(),
            TimerId::WorkTime => self.worktime_due(),
            TimerId::Reminder => self.show_due_reminders(),
            TimerId::WarningRules => self.warning_rules_due(),
            // What has come due is seen when the input has been taken.
            TimerId::Overtime => self.overtime_due(),
            TimerId::Probe => self.probe_due(),
            TimerId::JournalCheckpoint => self.journal_checkpoint(),
            // What is to be done is seen when the input has been taken.
            TimerId::PhoneAway => {}
            TimerId::Account => self.ask_for_account(),
            TimerId::Exit => self.quit_due(),
        }
    }

    /// Sends a request and remembers what for.
    fn request(&mut self, purpose: Purpose, request: Request) {
        let pending = &mut self.state.pending;
        pending.next_request += 1;
        let id = RequestId(pending.next_request);
        match &purpose {
            Purpose::PhoneInfo | Purpose::Login | Purpose::FirstState(_) => self.state.session.step = Some(id),
            Purpose::Command(action) | Purpose::HangUpInstead(action) => {
                if let Some(waiting) = pending.commands.get_mut(action) {
                    waiting.request = Some(id);
                }
            }
            Purpose::RollBack
            | Purpose::LastHangUp
            | Purpose::Bind
            | Purpose::Mode(_)
            | Purpose::NewPhone
            | Purpose::List(_)
            | Purpose::LookUp { .. }
            | Purpose::Dtmf
            | Purpose::NewToken { .. }
            | Purpose::Account
            | Purpose::Probe
            | Purpose::GivenUp
            | Purpose::Duty(_) => {}
        }
        pending.requests.insert(id, purpose);
        self.state.health.asked.insert(id, self.now.at);
        self.effects.push(Effect::Request { id, request });
    }

    /// Whether a request of this purpose is under way.
    fn is_under_way(&self, purpose: &Purpose) -> bool {
        self.state.pending.requests.values().any(|p| p == purpose)
    }

    fn phone(&mut self, command: crate::softphone::Command) {
        if self.state.session.web_phone {
            self.effects.push(Effect::Phone(command));
        }
    }

    fn publish(&mut self, name: &'static str, kind: &[&'static str], status: &str, data: Value) {
        self.effects.push(Effect::Publish(SdkEvent { name, kind: kind.to_vec(), status: status.to_owned(), data }));
    }

    fn resolve(&mut self, id: CommandId, outcome: CommandOutcome) {
        self.effects.push(Effect::Resolve { id, outcome });
    }

    /// Answers the pending command of a kind, if there is one.
    fn resolve_pending(&mut self, action: Action, outcome: CommandOutcome) {
        if let Some(waiting) = self.state.pending.commands.remove(&action) {
            self.resolve(waiting.id, outcome);
            self.run_command_deadline();
        }
    }

    /// Keeps a command until its answer comes or its deadline passes.
    fn wait(&mut self, action: Action, id: CommandId, limit: std::time::Duration) {
        let deadline = self.now.at + limit;
        let (calls, moves) = (self.state.calls, self.state.moves);
        let waiting = Waiting { id, deadline, request: None, calls, moves };
        let older = self.state.pending.commands.insert(action, waiting);
        if let Some(older) = older.filter(|older| older.id != id) {
            self.resolve(older.id, Err(refusal(RefusalKind::Pending, Message::new("app.superseded"))));
        }
        self.run_command_deadline();
    }

    fn run_command_deadline(&mut self) {
        let next = self.state.pending.commands.values().map(|w| w.deadline).min();
        self.effects.push(match next {
            Some(deadline) => Effect::StartTimer {
                timer: TimerId::CommandDeadline,
                after: deadline.saturating_duration_since(self.now.at),
            },
            None => Effect::StopTimer(TimerId::CommandDeadline),
        });
    }

    fn command_deadline(&mut self) {
        let late: Vec<Action> = self
            .state
            .pending
            .commands
            .iter()
            .filter(|(_, waiting)| waiting.deadline <= self.now.at)
            .map(|(action, _)| *action)
            .collect();
        for action in late {
            if matches!(action, Action::Ready | Action::Busy) {
                // The platform never said what came after the call: let it judge the wish itself.
                if let Some(target) = self.state.pending.after_call.take() {
                    if let Some(id) = self.state.pending.commands.get(&action).map(|w| w.id) {
                        self.wait(action, id, commands::DEADLINE);
                    }
                    self.request_state(target);
                    continue;
                }
            }
            let leg_missing = action == Action::Answer && !self.state.has_ringing_leg();
            let message = Message::new(if leg_missing { "app.leg_missing" } else { "app.no_answer" });
            self.warn(message.clone());
            self.resolve_pending(action, Err(refusal(RefusalKind::Unreachable, message)));
        }
        self.run_command_deadline();
    }

    fn request_state(&mut self, target: TargetState) {
        self.state.pending.state_asked = Some((target, self.now.at));
        self.state.pending.state_owed = false;
        match target {
            TargetState::Ready => self.request(Purpose::Command(Action::Ready), Request::Ready),
            TargetState::Busy(reason) => {
                let request = self.busy_request(reason);
                self.request(Purpose::Command(Action::Busy), request);
            }
        }
    }
}

fn refusal(kind: RefusalKind, message: Message) -> Refusal {
    Refusal { kind, message, platform: None }
}

/// The refusal for a platform's answer with a code other than success.
fn refused(reply: &Reply) -> Refusal {
    let message = match reply.code {
        _ if reply.has(ReplyCode::SignedInAlready) => Message::new("app.signed_in_elsewhere"),
        code if reply.message.is_empty() => Message::new("app.refused_code").with("code", code),
        code => Message::new("app.refused").with("code", code).with("text", clean(&reply.message)),
    };
    Refusal { kind: RefusalKind::Platform, message, platform: Some((reply.code, clean(&reply.message))) }
}

/// The refusal for no answer at all.
fn unreachable(error: &ApiError) -> Refusal {
    refusal(RefusalKind::Unreachable, error.message())
}

/// Text from outside without control characters, at most 200 of it.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The platform's answer as a command's result.
fn answer(reply: Reply) -> Value {
    json!({ "code": reply.code, "message": reply.message, "data": reply.data })
}

/// A JSON string or number as text; JSON of the platform mixes them freely.
fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A JSON number or numeric string as a number.
fn number_of(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
