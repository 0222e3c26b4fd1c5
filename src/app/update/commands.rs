//! What people and scripts ask: checked, sent, answered once.

use std::time::Duration;

use serde_json::json;

use super::{Turn, answer, refusal, refused, unreachable};
use crate::{
    app::{
        Action, Command, CommandId, Effect, LinkState, Possible, Refusal, RefusalKind, RequestId,
        state::{Purpose, Waiting},
    },
    cti::{
        api::{ApiError, Reply, Request},
        codes::ReplyCode,
    },
    domain::{AgentState, CallPhase, TargetState},
    i18n::Message,
    softphone,
};

/// A command that nobody answered is given up after this time; HTTP itself waits 4 s.
pub(super) const DEADLINE: Duration = Duration::from_secs(6);
/// Signing in takes several steps.
const SIGN_IN_DEADLINE: Duration = Duration::from_secs(15);
/// Between the end of a call and the platform's next word on the agent.
pub(super) const AFTER_CALL: Duration = Duration::from_millis(1500);

impl Turn<'_> {
    pub(super) fn command(&mut self, id: CommandId, command: Command) {
        if let Some(action) = action_of(&command)
            && let Err(refusal) = self.check(action)
        {
            // A key pressed in vain is told on the screen; scripts read the refusal.
            self.warn(refusal.message.clone());
            self.about_this_call(action);
            return self.resolve(id, Err(refusal));
        }
        match command {
            Command::SignIn { force } => {
                self.wait(Action::SignIn, id, SIGN_IN_DEADLINE);
                self.begin_sign_in(force);
            }
            Command::SignOut => {
                self.wait(Action::SignOut, id, DEADLINE);
                // Nobody hears the agent from this moment, however long the platform takes.
                self.end_call_with_phone();
                self.begin_sign_out();
            }
            Command::Ready => self.ready(id, false),
            Command::ReadyAnyway => self.ready(id, true),
            Command::CheckHealth => self.check_health(id),
            Command::TestSound { on } => self.test_sound(id, on),
            Command::Busy { reason } => {
                // The agent has decided otherwise.
                self.state.health.held_ready = false;
                self.change_state(id, Action::Busy, TargetState::Busy(reason));
            }
            Command::Dial { number, caller_id, queue_id, user_data } => {
                self.dial(id, &number, caller_id, queue_id, user_data);
            }
            Command::DialAgent { ag_no, caller_id } => self.dial_agent(id, &ag_no, caller_id),
            Command::Answer => {
                self.wait(Action::Answer, id, DEADLINE);
                self.answer_by_itself();
            }
            Command::Reject => self.hang_up(id, Action::Reject, Request::Refuse),
            Command::HangUp => self.hang_up(id, Action::HangUp, Request::HangUp),
            Command::Hold => self.send(id, Action::Hold, Request::Hold),
            Command::Unhold => self.send(id, Action::Unhold, Request::Unhold),
            Command::Mute => self.mute(id, true),
            Command::Unmute => self.mute(id, false),
            Command::SendDtmf { digits } => self.send_dtmf(id, &digits),
            Command::CancelDial => self.hang_up(id, Action::CancelDial, Request::CallOutCancel),
            Command::Consult { callee, caller_id } => self.consult(id, callee, caller_id),
            // The original has two names for one request (protocol `cti.md` 8.29).
            Command::ConsultReturn => self.send(id, Action::ConsultReturn, Request::ConsultCancel),
            Command::ConsultTransfer => self.consult_transfer(id),
            Command::ThreeWay => self.send(id, Action::ThreeWay, Request::ConsultThreeway),
            Command::ThreeWayReturn => self.send(id, Action::ThreeWayReturn, Request::ConsultThreewayReturn),
            Command::Transfer { to, caller_id } => self.transfer(id, to, caller_id),
            Command::Evaluate => self.send(id, Action::Evaluate, Request::TransferEvaluate),
            Command::Interact { ivr_code, ivr_param } => self.interact(id, &ivr_code, ivr_param),
            Command::Spy { ag_no } => self.spy(id, &ag_no),
            Command::Whisper { ag_no } => self.whisper(id, ag_no.as_deref()),
            Command::WhisperCancel => self.send(id, Action::WhisperCancel, Request::WhisperCancel),
            Command::Barge { ag_no } => self.barge(id, ag_no.as_deref()),
            Command::Disconnect { ag_no } => self.tear_down(id, ag_no.as_deref()),
            Command::ChangePhone { phone, web_phone } => self.change_phone(id, &phone, web_phone),
            Command::SwitchMode { login_type } => self.switch_mode(id, login_type),
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
            Command::ClearJournal => self.clear_journal(id),
            Command::SetDevices(wish) => self.set_devices(id, &wish),
            Command::TestDevice(probe) => self.probe(id, probe),
            Command::Prefer(preference) => {
                self.state.remembered.prefer(preference);
                self.effects.push(Effect::Remember(self.state.remembered.clone()));
                // Quiet begins at once, also while it rings.
                self.ring_tone();
                self.done(id);
            }
            Command::ChooseCallerId { value } => self.choose_caller_id(id, &value),
            Command::SetAutoAnswer { on } => {
                self.state.remembered.auto_answer = on;
                self.effects.push(Effect::Remember(self.state.remembered.clone()));
                // The call that rings is answered too: the screen says so as soon as the switch is on.
                if on {
                    self.answer_by_itself();
                }
                self.done(id);
            }
            Command::SetToken { token } => self.check_token(Some(id), token),
            Command::SetPanel { content } => {
                self.set_panel(content);
                self.done(id);
            }
            Command::ClearPanel => {
                self.clear_panel();
                self.done(id);
            }
            Command::DismissNotices => {
                self.dismiss_notices();
                self.done(id);
            }
            Command::ReconnectNow => self.reconnect_asked(id),
            Command::Quit => self.quit(id),
            Command::QuitNow => self.quit_now(id),
        }
    }

    /// Meant for a call that is over: nothing is done to the next one, nor to the agent.
    pub(super) fn too_late(&mut self, id: CommandId) {
        let message = Message::new("app.that_call_is_over");
        self.warn(message.clone());
        self.resolve(id, Err(refusal(RefusalKind::NotNow, message)));
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

    pub(super) fn change_state(&mut self, id: CommandId, action: Action, target: TargetState) {
        self.state_chosen();
        if self.state.live_call().is_some() {
            return self.wish_after_call(id, target);
        }
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

    fn mute(&mut self, id: CommandId, on: bool) {
        let action = if on { Action::Mute } else { Action::Unmute };
        self.wait(action, id, DEADLINE);
        self.phone(softphone::Command::SetMuted(on));
    }

    /// The platform's answer to a command.
    pub(super) fn command_reply(&mut self, id: RequestId, action: Action, result: Result<Reply, ApiError>) {
        let waiting = self.state.pending.commands.get(&action).copied().filter(|w| w.request == Some(id));
        match action {
            Action::SignOut => return self.sign_out_reply(result),
            Action::ChangePhone => return self.phone_bound(result),
            Action::SwitchMode => return self.mode_switched(result),
            // The call that was meant is over, and there may be another one by now.
            Action::HangUp
            | Action::Reject
            | Action::CancelDial
            | Action::Hold
            | Action::Unhold
            | Action::Consult
            | Action::ConsultReturn
            | Action::ConsultTransfer
            | Action::ThreeWay
            | Action::ThreeWayReturn
            | Action::Transfer
            | Action::Evaluate
            | Action::Interact
            | Action::Whisper
            | Action::WhisperCancel
            | Action::Barge
            | Action::Disconnect
                if waiting.is_none() =>
            {
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
            | Action::JoinProject
            | Action::LeaveProject
            | Action::RaiseHand
            | Action::TakeFromQueue => {}
        }
        // Asked by itself after a call; a newer wish of the same name still waits for its moment.
        let earlier = matches!(action, Action::Ready | Action::Busy)
            && self.state.pending.commands.get(&action).is_some_and(|newer| newer.request != Some(id));
        match result {
            Ok(reply) if earlier && (reply.is_ok() || reply.has(ReplyCode::AlreadyInState)) => {
                tracing::debug!(?action, "an earlier wish was granted");
            }
            Ok(reply) if earlier => self.error(refused(&reply).message),
            Err(error) if earlier => self.error(unreachable(&error).message),
            Ok(reply) if reply.is_ok() => {
                self.accepted(action, waiting);
                self.resolve_pending(action, Ok(answer(reply)));
            }
            Ok(reply) if reply.has(ReplyCode::AlreadyInState) && matches!(action, Action::Ready | Action::Busy) => {
                self.adopt_asked();
                self.resolve_pending(action, Ok(answer(reply)));
            }
            Ok(reply) if action == Action::Busy && reply.has(ReplyCode::BusyWithRemark) => {
                self.busy_remark(&reply);
                self.accepted(action, waiting);
                self.resolve_pending(action, Ok(answer(reply)));
            }
            Ok(reply) if action == Action::Busy && reply.has(ReplyCode::BusyNeedsApproval) => {
                let refusal = self.busy_needs_approval(&reply);
                self.standing_in_refused();
                self.not_done(action, waiting);
                // Nothing has failed: there is another way to it.
                self.info(refusal.message.clone());
                self.resolve_pending(action, Err(refusal));
            }
            Ok(reply) => {
                self.not_done(action, waiting);
                self.command_failed(action, refused(&reply));
            }
            Err(error) => self.command_failed(action, unreachable(&error)),
        }
    }

    pub(super) fn command_failed(&mut self, action: Action, refusal: Refusal) {
        if action == Action::Busy {
            self.standing_in_refused();
        }
        self.error(refusal.message.clone());
        self.about_this_call(action);
        self.resolve_pending(action, Err(refusal));
    }

    /// What an accepted command means here, where the platform sends no event for it, or has not yet.
    fn accepted(&mut self, action: Action, waiting: Option<Waiting>) {
        match action {
            Action::Hold => self.hold(true),
            Action::Unhold => self.hold(false),
            Action::Dial | Action::DialAgent => self.dialled(),
            Action::TakeFromQueue => self.refresh_queue(),
            // Without the link nobody else will say so.
            Action::Ready | Action::Busy if self.state.link.state != LinkState::Up => self.adopt_asked(),
            Action::Consult
            | Action::ConsultReturn
            | Action::ConsultTransfer
            | Action::ThreeWay
            | Action::ThreeWayReturn
            | Action::Transfer
            | Action::Evaluate => self.consult_accepted(action, waiting),
            Action::Spy => self.spy_accepted(),
            Action::Whisper | Action::WhisperCancel | Action::Barge | Action::Disconnect => {
                self.monitor_accepted(action, waiting);
            }
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
            | Action::Interact
            | Action::ChangePhone
            | Action::SwitchMode
            | Action::JoinProject
            | Action::LeaveProject
            | Action::RaiseHand => {}
        }
    }

    /// What the platform's refusal means here: nothing has changed, and nothing more is to be expected.
    fn not_done(&mut self, action: Action, waiting: Option<Waiting>) {
        if action == Action::Spy {
            self.state.spy_asked = None;
        }
        self.consult_refused(action, waiting);
        // A way out of what may not be there: it is not, or the way would have been open.
        if !self.state.live_call().is_some_and(|call| call.hold_uncertain) {
            return;
        }
        if action == Action::Unhold {
            self.hold(false);
        } else if matches!(action, Action::ConsultReturn | Action::ThreeWayReturn) {
            self.back_with_customer();
        } else if action == Action::WhisperCancel {
            self.phase_of_call(CallPhase::Spying);
        }
    }

    fn hold(&mut self, on: bool) {
        let (at, wall) = (self.now.at, self.now.wall);
        let Some(call) = self.state.live_call_mut() else { return };
        let (from, to) = if on { (CallPhase::Talking, CallPhase::Held) } else { (CallPhase::Held, CallPhase::Talking) };
        if call.phase != from {
            // Resumed on the platform, in case it was held there.
            call.hold_uncertain &= on;
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
}

/// The action a command stands for, where it depends on the state.
fn action_of(command: &Command) -> Option<Action> {
    match command {
        Command::SignIn { .. } => Some(Action::SignIn),
        Command::SignOut => Some(Action::SignOut),
        Command::Ready | Command::ReadyAnyway => Some(Action::Ready),
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
        | Command::CheckHealth
        | Command::TestSound { .. }
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
        | Command::SetDevices(_)
        | Command::TestDevice(_)
        | Command::Prefer(_)
        | Command::ClearJournal
        | Command::ReconnectNow
        | Command::Quit
        | Command::QuitNow => None,
    }
}
