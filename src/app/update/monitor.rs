//! A supervisor in an agent's call (protocol `cti.md` 2.5, 7.10).
//!
//! Listening and barging in are the platform's word. A whisper has no message of its own (8.16), so the platform's
//! answer stands for it.

use super::Turn;
use crate::{
    app::{Action, CommandId, state::Waiting},
    cti::{api::Request, push::PhoneEvent},
    domain::{CallPhase, Direction, HungUpBy},
    i18n::Message,
};

impl Turn<'_> {
    pub(super) fn spy(&mut self, id: CommandId, ag_no: &str) {
        let Some(monitored_ag_no) = self.other_agent(id, ag_no, "app.not_yourself") else { return };
        self.state.spy_asked = Some(monitored_ag_no.clone());
        self.abandon_endings();
        self.send(id, Action::Spy, Request::Spy { monitored_ag_no });
    }

    pub(super) fn whisper(&mut self, id: CommandId, ag_no: Option<&str>) {
        let Some(monitored_ag_no) = self.monitored(id, ag_no) else { return };
        self.send(id, Action::Whisper, Request::Whisper { monitored_ag_no });
    }

    pub(super) fn barge(&mut self, id: CommandId, ag_no: Option<&str>) {
        let Some(monitored_ag_no) = self.monitored(id, ag_no) else { return };
        self.send(id, Action::Barge, Request::Barge { monitored_ag_no });
    }

    pub(super) fn tear_down(&mut self, id: CommandId, ag_no: Option<&str>) {
        let Some(monitored_ag_no) = self.monitored(id, ag_no) else { return };
        self.send(id, Action::Disconnect, Request::Disconnect { monitored_ag_no });
    }

    /// The agent that is meant: the one named, else the one who is listened to; never this one.
    fn monitored(&mut self, id: CommandId, named: Option<&str>) -> Option<String> {
        let listened_to = self.state.live_call().and_then(|call| call.monitored.clone());
        let Some(ag_no) = named.map(str::to_owned).or(listened_to) else {
            self.invalid(id, Message::new("app.monitored_unknown"));
            return None;
        };
        let ag_no = self.other_agent(id, &ag_no, "app.not_yourself")?;
        if let Some(call) = self.state.live_call_mut() {
            call.monitor_asked = Some(ag_no.clone());
        }
        Some(ag_no)
    }

    /// The platform accepted a command of this file; an answer that the platform's messages have overtaken says nothing.
    pub(super) fn monitor_accepted(&mut self, action: Action, waiting: Option<Waiting>) {
        let same_call = waiting.is_some_and(|waiting| waiting.calls == self.state.calls);
        let fresh = same_call && waiting.is_some_and(|waiting| waiting.moves == self.state.moves);
        let phase = self.state.call_phase();
        let Some(call) = self.state.call.as_mut().filter(|_| same_call) else { return };
        if matches!(action, Action::Whisper | Action::Barge) {
            call.monitored = call.monitor_asked.take().or(call.monitored.take());
        }
        if action == Action::Whisper && fresh && matches!(phase, CallPhase::Spying | CallPhase::Barging) {
            self.phase_of_call(CallPhase::Whispering);
        } else if action == Action::WhisperCancel && fresh && matches!(phase, CallPhase::Whispering | CallPhase::Spying)
        {
            self.phase_of_call(CallPhase::Spying);
        } else if action == Action::Barge && fresh && matches!(phase, CallPhase::Spying | CallPhase::Whispering) {
            self.phase_of_call(CallPhase::Barging);
        } else if action == Action::Disconnect {
            call.hung_up_by = Some(HungUpBy::Agent);
            let who = call.monitor_asked.take().unwrap_or_default();
            self.info(Message::new("app.tore_down").with("who", who));
        }
    }

    /// An accepted spy is shown at once; the platform's messages fill it in.
    pub(super) fn spy_accepted(&mut self) {
        let Some(ag_no) = self.state.spy_asked.take() else { return };
        if self.state.live_call().is_none() {
            self.new_call(CallPhase::Dialing, Direction::Spy);
        }
        let Some(call) = self.state.live_call_mut().filter(|call| call.direction == Direction::Spy) else { return };
        call.peer.ag_no.get_or_insert_with(|| ag_no.clone());
        call.monitored = Some(ag_no);
        call.spy_wanted = true;
        call.asked = true;
        self.announce();
        self.answer_by_itself();
    }

    /// PhoSta 5 RingType 3.
    pub(super) fn spy_rings(&mut self, event: &PhoneEvent) {
        let asked = self.state.spy_asked.clone();
        if let Some(call) = self.state.live_call_mut() {
            if let Some(ag_no) = asked {
                call.peer.ag_no.get_or_insert_with(|| ag_no.clone());
                call.monitored = Some(ag_no);
                call.spy_wanted = true;
            } else if call.monitored.is_none() {
                call.monitored.clone_from(&event.agent_no);
            }
        }
    }

    /// PhoSta 31 and 32.
    pub(super) fn monitoring(&mut self, phase: CallPhase, event: &PhoneEvent) {
        if !self.is_in_a_call(event) {
            return;
        }
        let further = matches!(self.state.call_phase(), CallPhase::Whispering | CallPhase::Barging);
        if phase == CallPhase::Spying && further {
            return tracing::info!("overtaken by its successor");
        }
        self.know_more(event);
        let asked = self.state.spy_asked.clone();
        if let Some(call) = self.state.live_call_mut() {
            call.direction = Direction::Spy;
            call.monitored = call.monitored.take().or(asked).or_else(|| event.agent_no.clone());
        }
        self.phase_of_call(phase);
    }
}
