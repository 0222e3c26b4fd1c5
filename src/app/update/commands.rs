//! What people and scripts ask: checked, sent, answered once.

use std::time::Duration;

use serde_json::json;

use super::{
    Turn, answer,
    breaks::{BUSY_NEEDS_APPROVAL, BUSY_WITH_REMARK},
    refusal, refused, unreachable,
};
use crate::{
    app::{
        Action, Command, CommandId, Effect, Possible, Refusal, RefusalKind, RequestId, TimerId,
        state::{Phase, Purpose},
    },
    cti::api::{ApiError, Reply, Request},
    domain::{self, AgentState, CallPhase, Direction, NumberError, TargetState},
    i18n::Message,
    softphone,
};

/// A command that nobody answered is given up after this time; HTTP itself waits 4 s.
pub(super) const DEADLINE: Duration = Duration::from_secs(6);
/// Signing in takes several steps.
const SIGN_IN_DEADLINE: Duration = Duration::from_secs(15);
/// Between the end of a call and the platform's next word on the agent.
pub(super) const AFTER_CALL: Duration = Duration::from_millis(1500);
/// A call whose end the platform has accepted is over after this time, said or not.
const STRAY_CALL: Duration = Duration::from_secs(3);
/// For the sign-out when the program ends; HTTP itself waits 4 s.
const SIGN_OUT_AT_EXIT: Duration = Duration::from_millis(4500);
/// For commands under way when the program ends.
const LAST_COMMANDS: Duration = Duration::from_millis(500);
/// Already in that state: counts as done.
const ALREADY_SO: i64 = 40403;

impl Turn<'_> {
    pub(super) fn command(&mut self, id: CommandId, command: Command) {
        if let Some(action) = action_of(&command)
            && let Err(refusal) = self.check(action)
        {
            // A key pressed in vain is told on the screen; scripts read the refusal.
            self.warn(refusal.message.clone());
            return self.resolve(id, Err(refusal));
        }
        match command {
            Command::SignIn { force } => {
                self.wait(Action::SignIn, id, SIGN_IN_DEADLINE);
                self.begin_sign_in(force);
            }
            Command::SignOut => {
                self.wait(Action::SignOut, id, DEADLINE);
                self.begin_sign_out();
            }
            Command::Ready => self.change_state(id, Action::Ready, TargetState::Ready),
            Command::Busy { reason } => self.change_state(id, Action::Busy, TargetState::Busy(reason)),
            Command::Dial { number, caller_id, queue_id, user_data } => {
                self.dial(id, &number, caller_id, queue_id, user_data);
            }
            Command::DialAgent { ag_no, caller_id } => self.dial_agent(id, &ag_no, caller_id),
            Command::Answer => {
                self.wait(Action::Answer, id, DEADLINE);
                if self.state.has_ringing_leg() {
                    self.phone(softphone::Command::Answer);
                }
            }
            Command::Reject => self.hang_up(id, Action::Reject),
            Command::HangUp => self.hang_up(id, Action::HangUp),
            Command::Hold => self.send(id, Action::Hold, Request::Hold),
            Command::Unhold => self.send(id, Action::Unhold, Request::Unhold),
            Command::Mute => self.mute(id, true),
            Command::Unmute => self.mute(id, false),
            Command::SendDtmf { digits } => self.send_dtmf(id, &digits),
            Command::CancelDial => self.hang_up(id, Action::CancelDial),
            command @ (Command::Consult { .. }
            | Command::ConsultReturn
            | Command::ConsultTransfer
            | Command::ThreeWay
            | Command::ThreeWayReturn
            | Command::Transfer { .. }
            | Command::Evaluate
            | Command::Interact { .. }) => self.consult_command(id, command),
            command @ (Command::Spy { .. }
            | Command::Whisper { .. }
            | Command::WhisperCancel
            | Command::Barge { .. }
            | Command::Disconnect { .. }) => self.monitor_command(id, command),
            command @ (Command::ChangePhone { .. } | Command::SwitchMode { .. }) => self.binding_command(id, command),
            Command::ForgetAfterCall => self.forget_after_call(id),
            command @ (Command::JoinProject { .. } | Command::LeaveProject) => self.project_command(id, command),
            command @ (Command::RaiseHand(_) | Command::ReadBreakNews) => self.break_command(id, command),
            command @ (Command::TakeReminder { .. }
            | Command::SnoozeReminder { .. }
            | Command::DismissReminder { .. }) => self.reminder_command(id, command),
            Command::AcknowledgeOvertime => self.acknowledge_overtime(id),
            Command::TakeFromQueue { fields } => self.take_from_queue(id, fields),
            Command::LookUp(look_up) => self.look_up(id, look_up),
            Command::Watch(watched) => self.watch(id, watched),
            Command::Prefer(preference) => {
                self.state.remembered.prefer(preference);
                self.effects.push(Effect::Remember(self.state.remembered.clone()));
                self.done(id);
            }
            Command::ChooseCallerId { value } => self.choose_caller_id(id, &value),
            Command::SetAutoAnswer { on } => {
                self.state.auto_answer = on;
                self.phone(softphone::Command::SetAutoAnswer(on));
                self.done(id);
            }
            Command::SetToken { token } => {
                self.use_token(token);
                self.done(id);
            }
            Command::SetPanel { content } => {
                self.state.panel = Some(content);
                self.done(id);
            }
            Command::ClearPanel => {
                self.state.panel = None;
                self.done(id);
            }
            Command::DismissNotices => {
                self.dismiss_notices();
                self.done(id);
            }
            Command::ReconnectNow => {
                self.reconnect_now();
                self.done(id);
            }
            Command::Quit => self.quit(id),
        }
    }

    pub(super) fn done(&mut self, id: CommandId) {
        self.resolve(id, Ok(json!({ "code": 0 })));
    }

    fn check(&self, action: Action) -> Result<(), Refusal> {
        if self.state.pending.commands.contains_key(&action) && action != Action::SendDtmf {
            return Err(refusal(RefusalKind::Pending, Message::new("app.pending")));
        }
        match self.state.possible(action) {
            Possible::Yes => Ok(()),
            Possible::No(message) => Err(refusal(RefusalKind::NotNow, message)),
        }
    }

    /// Sends a command whose answer is the platform's.
    pub(super) fn send(&mut self, id: CommandId, action: Action, request: Request) {
        self.wait(action, id, DEADLINE);
        self.request(Purpose::Command(action), request);
    }

    fn change_state(&mut self, id: CommandId, action: Action, target: TargetState) {
        let other = if action == Action::Ready { Action::Busy } else { Action::Ready };
        if self.state.agent.state == AgentState::Occupied && self.state.live_call().is_none() {
            // The last wish counts; one that waits for the same moment would never be answered.
            if self.state.pending.after_call.is_some() {
                let gone = refusal(RefusalKind::Pending, Message::new("app.superseded"));
                self.resolve_pending(other, Err(gone));
            }
            // The call is over here; the platform will say so in a moment and would refuse until then.
            self.state.pending.after_call = Some(target);
            self.wait(action, id, AFTER_CALL);
            return;
        }
        self.wait(action, id, DEADLINE);
        self.request_state(target);
    }

    fn dial(
        &mut self,
        id: CommandId,
        number: &str,
        caller_id: Option<String>,
        queue_id: Option<i64>,
        user_data: Option<String>,
    ) {
        let tel = match domain::clean_number(number) {
            Ok(tel) => tel,
            Err(error) => return self.bad_number(id, &error),
        };
        let caller_id = caller_id.or_else(|| self.state.lists.caller_id.as_ref().map(|c| c.value.clone()));
        let first_group = self.state.lists.own_groups.first().map(|group| group.id);
        let queue_id = queue_id.or(first_group.filter(|_| self.state.profile.auto_queue));
        self.state.dialled = Some((tel.clone(), false));
        self.send(id, Action::Dial, Request::CallOut { tel, caller_id, queue_id, user_data });
    }

    fn dial_agent(&mut self, id: CommandId, ag_no: &str, caller_id: Option<String>) {
        let called_ag_no = match domain::clean_agent_number(ag_no) {
            Ok(ag_no) => ag_no,
            Err(error) => return self.bad_number(id, &error),
        };
        let caller_id = caller_id.or_else(|| self.state.lists.caller_id.as_ref().map(|c| c.value.clone()));
        self.state.dialled = Some((called_ag_no.clone(), true));
        self.send(id, Action::DialAgent, Request::CallInner { called_ag_no, caller_id });
    }

    pub(super) fn bad_number(&mut self, id: CommandId, error: &NumberError) {
        let message = match error {
            NumberError::Empty => Message::new("app.number_empty"),
            NumberError::BadCharacter(c) => Message::new("app.number_bad").with("character", c),
            NumberError::TooLong(digits) => Message::new("app.number_long").with("digits", digits),
        };
        self.warn(message.clone());
        self.resolve(id, Err(refusal(RefusalKind::Invalid, message)));
    }

    fn hang_up(&mut self, id: CommandId, action: Action) {
        if let Some(call) = self.state.live_call_mut() {
            call.hang_up_asked = true;
        }
        self.send(id, action, Request::HangUp);
    }

    fn mute(&mut self, id: CommandId, on: bool) {
        let action = if on { Action::Mute } else { Action::Unmute };
        self.wait(action, id, DEADLINE);
        self.phone(softphone::Command::SetMuted(on));
    }

    fn quit(&mut self, id: CommandId) {
        self.done(id);
        if std::mem::replace(&mut self.state.exiting, true) {
            // Asked for twice: whoever asks does not want to wait.
            return self.effects.push(Effect::Exit);
        }
        let after = match self.state.session.phase {
            Phase::Leaving => SIGN_OUT_AT_EXIT,
            Phase::LoggingIn | Phase::Linking | Phase::Setting | Phase::In if self.state.profile.sign_out_on_exit => {
                self.begin_sign_out();
                SIGN_OUT_AT_EXIT
            }
            Phase::Out | Phase::FetchingPhone | Phase::LoggingIn | Phase::Linking | Phase::Setting | Phase::In => {
                if !self.commands_under_way() {
                    return self.effects.push(Effect::Exit);
                }
                LAST_COMMANDS
            }
        };
        self.effects.push(Effect::StartTimer { timer: TimerId::Exit, after });
    }

    /// Ends the program if only answers were waited for.
    pub(super) fn exit_when_done(&mut self) {
        if self.state.exiting && self.state.session.phase != Phase::Leaving && !self.commands_under_way() {
            self.effects.push(Effect::Exit);
        }
    }

    fn commands_under_way(&self) -> bool {
        let asked = |p: &Purpose| matches!(p, Purpose::Command(_) | Purpose::RollBack | Purpose::Dtmf);
        self.state.pending.requests.values().any(asked)
    }

    /// Ends the program if only the end of the sign-out was waited for.
    pub(super) fn finish_exit(&mut self) {
        if self.state.exiting {
            self.effects.push(Effect::Exit);
        }
    }

    /// The platform's answer to a command.
    pub(super) fn command_reply(&mut self, id: RequestId, action: Action, result: Result<Reply, ApiError>) {
        let waits = self.state.pending.commands.get(&action).is_some_and(|waiting| waiting.request == Some(id));
        match action {
            Action::SignOut => return self.sign_out_reply(result),
            // The call that was meant is over, and there may be another one by now.
            Action::HangUp | Action::Reject | Action::CancelDial | Action::Hold | Action::Unhold if !waits => {
                return tracing::debug!(?action, "the answer came after the call");
            }
            Action::HangUp | Action::Reject | Action::CancelDial => return self.hang_up_reply(action, result),
            Action::SignIn
            | Action::Ready
            | Action::Busy
            | Action::Dial
            | Action::DialAgent
            | Action::Answer
            | Action::Hold
            | Action::Unhold
            | Action::Mute
            | Action::Unmute
            | Action::SendDtmf
            | Action::ChooseCallerId
            | Action::Consult
            | Action::ConsultReturn
            | Action::ConsultTransfer
            | Action::ThreeWay
            | Action::ThreeWayReturn
            | Action::Transfer
            | Action::Evaluate
            | Action::Interact
            | Action::Spy
            | Action::Whisper
            | Action::WhisperCancel
            | Action::Barge
            | Action::Disconnect
            | Action::ChangePhone
            | Action::SwitchMode
            | Action::JoinProject
            | Action::LeaveProject
            | Action::RaiseHand
            | Action::TakeFromQueue => {}
        }
        match result {
            Ok(reply) if reply.is_ok() => {
                self.accepted(action);
                self.resolve_pending(action, Ok(answer(reply)));
            }
            Ok(reply) if reply.code == ALREADY_SO && matches!(action, Action::Ready | Action::Busy) => {
                self.adopt_asked();
                self.resolve_pending(action, Ok(answer(reply)));
            }
            Ok(reply) if action == Action::Busy && reply.code == BUSY_WITH_REMARK => {
                self.busy_remark(&reply);
                self.accepted(action);
                self.resolve_pending(action, Ok(answer(reply)));
            }
            Ok(reply) if action == Action::Busy && reply.code == BUSY_NEEDS_APPROVAL => {
                let refusal = self.busy_needs_approval(&reply);
                self.command_failed(action, refusal);
            }
            Ok(reply) => self.command_failed(action, refused(&reply)),
            Err(error) => self.command_failed(action, unreachable(&error)),
        }
    }

    fn command_failed(&mut self, action: Action, refusal: Refusal) {
        self.error(refusal.message.clone());
        self.resolve_pending(action, Err(refusal));
    }

    /// What an accepted command means here, where the platform sends no event for it.
    fn accepted(&mut self, action: Action) {
        match action {
            Action::Hold => self.hold(true),
            Action::Unhold => self.hold(false),
            Action::Dial | Action::DialAgent => self.dialled(),
            // Without the link nobody else will ever say so.
            Action::Ready | Action::Busy if !self.state.profile.websocket => self.adopt_asked(),
            Action::SignIn
            | Action::SignOut
            | Action::Ready
            | Action::Busy
            | Action::Answer
            | Action::Reject
            | Action::HangUp
            | Action::Mute
            | Action::Unmute
            | Action::CancelDial
            | Action::SendDtmf
            | Action::ChooseCallerId
            | Action::Consult
            | Action::ConsultReturn
            | Action::ConsultTransfer
            | Action::ThreeWay
            | Action::ThreeWayReturn
            | Action::Transfer
            | Action::Evaluate
            | Action::Interact
            | Action::Spy
            | Action::Whisper
            | Action::WhisperCancel
            | Action::Barge
            | Action::Disconnect
            | Action::ChangePhone
            | Action::SwitchMode
            | Action::JoinProject
            | Action::LeaveProject
            | Action::RaiseHand
            | Action::TakeFromQueue => {}
        }
    }

    /// An accepted call is shown at once; the platform's messages fill it in.
    fn dialled(&mut self) {
        let Some((number, agent)) = self.state.dialled.take() else { return };
        if self.state.live_call().is_none() {
            self.new_call(CallPhase::Dialing, if agent { Direction::Inner } else { Direction::Out });
        }
        if let Some(call) = self.state.live_call_mut() {
            let known = if agent { &mut call.peer.ag_no } else { &mut call.peer.number };
            known.get_or_insert(number);
        }
        self.announce();
    }

    fn hold(&mut self, on: bool) {
        let (at, wall) = (self.now.at, self.now.wall);
        let Some(call) = self.state.live_call_mut() else { return };
        let (from, to) = if on { (CallPhase::Talking, CallPhase::Held) } else { (CallPhase::Held, CallPhase::Talking) };
        if call.phase != from {
            return;
        }
        if on {
            call.hold_uncertain = false;
            call.clocks.held_at = Some(at);
            // Whatever the platform does with its legs, nobody hears the other while held.
            self.phone(softphone::Command::SetHeld(true));
        } else {
            self.resume();
        }
        if let Some(call) = self.state.live_call_mut() {
            call.phase = to;
            call.since = wall;
        }
        self.publish(if on { "callHeld" } else { "callResumed" }, &["call"], "", json!({}));
    }

    /// Hanging up always ends the call on this side, whatever the platform says (protocol `phone-bar.md` 12.3).
    fn hang_up_reply(&mut self, action: Action, result: Result<Reply, ApiError>) {
        let has_leg = self.state.live_call().is_some_and(|call| call.leg.is_some());
        match result {
            Ok(reply) if reply.is_ok() => {
                if has_leg {
                    self.phone(softphone::Command::HangUp);
                } else if !self.state.profile.webrtc || self.state.live_call().is_some() {
                    // PhoSta 0 is on its way; without one the call must not stay.
                    self.effects.push(Effect::StartTimer { timer: TimerId::StrayCall, after: STRAY_CALL });
                }
                self.resolve_pending(action, Ok(answer(reply)));
            }
            Ok(_) if has_leg => self.hang_up_here(action),
            Err(_) if has_leg => {
                self.warn(Message::new("app.hung_up_locally"));
                self.hang_up_here(action);
            }
            Ok(reply) => {
                // The platform knows of no such call, and there is no leg: it is over.
                let refusal = refused(&reply);
                if self.state.live_call().is_some() {
                    self.call_over();
                } else {
                    self.command_failed(action, refusal);
                }
            }
            Err(error) => {
                if let Some(call) = self.state.live_call_mut() {
                    call.hang_up_asked = false;
                }
                self.command_failed(action, unreachable(&error));
            }
        }
    }

    fn hang_up_here(&mut self, action: Action) {
        self.phone(softphone::Command::HangUp);
        self.resolve_pending(action, Ok(json!({ "code": 0, "local": true })));
    }

    /// Nothing more was heard of a call whose end the platform accepted.
    pub(super) fn stray_call_due(&mut self) {
        let Some(call) = self.state.live_call().filter(|call| call.hang_up_asked) else { return };
        if call.leg.is_some() {
            // The own leg came after the end was asked for.
            self.phone(softphone::Command::HangUp);
        } else {
            self.call_over();
        }
    }
}

/// The action a command stands for, where it depends on the state.
fn action_of(command: &Command) -> Option<Action> {
    match command {
        Command::SignIn { .. } => Some(Action::SignIn),
        Command::SignOut => Some(Action::SignOut),
        Command::Ready => Some(Action::Ready),
        Command::Busy { .. } => Some(Action::Busy),
        Command::Dial { .. } => Some(Action::Dial),
        Command::DialAgent { .. } => Some(Action::DialAgent),
        Command::Answer => Some(Action::Answer),
        Command::Reject => Some(Action::Reject),
        Command::HangUp => Some(Action::HangUp),
        Command::Hold => Some(Action::Hold),
        Command::Unhold => Some(Action::Unhold),
        Command::Mute => Some(Action::Mute),
        Command::Unmute => Some(Action::Unmute),
        Command::SendDtmf { .. } => Some(Action::SendDtmf),
        Command::ChooseCallerId { .. } => Some(Action::ChooseCallerId),
        Command::CancelDial => Some(Action::CancelDial),
        Command::Consult { .. } => Some(Action::Consult),
        Command::ConsultReturn => Some(Action::ConsultReturn),
        Command::ConsultTransfer => Some(Action::ConsultTransfer),
        Command::ThreeWay => Some(Action::ThreeWay),
        Command::ThreeWayReturn => Some(Action::ThreeWayReturn),
        Command::Transfer { .. } => Some(Action::Transfer),
        Command::Evaluate => Some(Action::Evaluate),
        Command::Interact { .. } => Some(Action::Interact),
        Command::Spy { .. } => Some(Action::Spy),
        Command::Whisper { .. } => Some(Action::Whisper),
        Command::WhisperCancel => Some(Action::WhisperCancel),
        Command::Barge { .. } => Some(Action::Barge),
        Command::Disconnect { .. } => Some(Action::Disconnect),
        Command::ChangePhone { .. } => Some(Action::ChangePhone),
        Command::SwitchMode { .. } => Some(Action::SwitchMode),
        Command::JoinProject { .. } => Some(Action::JoinProject),
        Command::LeaveProject => Some(Action::LeaveProject),
        Command::RaiseHand(_) => Some(Action::RaiseHand),
        Command::TakeFromQueue { .. } => Some(Action::TakeFromQueue),
        Command::SetAutoAnswer { .. }
        | Command::SetToken { .. }
        | Command::SetPanel { .. }
        | Command::ClearPanel
        | Command::DismissNotices
        | Command::ForgetAfterCall
        | Command::ReadBreakNews
        | Command::TakeReminder { .. }
        | Command::SnoozeReminder { .. }
        | Command::DismissReminder { .. }
        | Command::AcknowledgeOvertime
        | Command::LookUp(_)
        | Command::Watch(_)
        | Command::Prefer(_)
        | Command::ReconnectNow
        | Command::Quit => None,
    }
}
