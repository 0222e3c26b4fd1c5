//! Consultation, three-way, transfer, evaluation (protocol `cti.md` 2.4, 7.6 to 7.9).
//!
//! The platform's messages say where the call stands; its answers only fill in for them until they come, or where the
//! link is down. What is asked for while the customer is on hold goes to the platform as it is: its word lifts the hold.

use super::{Turn, clean, refusal};
use crate::{
    app::{
        Action, CommandId, ConsultView, RefusalKind,
        state::{GivenAway, Waiting},
    },
    cti::{api::Request, push::PhoneEvent},
    domain::{self, CallPhase, Callee, Destination, HungUpBy, NumberError},
    i18n::Message,
};

/// `transVcc` of a transfer inside the own tenant.
const OWN_TENANT: i64 = 0;

impl Turn<'_> {
    pub(super) fn consult(&mut self, id: CommandId, callee: Callee, caller_id: Option<String>) {
        let caller_id = caller_id.or_else(|| self.state.lists.caller_id.as_ref().map(|c| c.value.clone()));
        let Some(callee) = self.clean_callee(id, callee) else { return };
        let (asked, request) = match callee {
            Callee::Agent(ag_no) => (
                ConsultView { number: None, ag_no: Some(ag_no.clone()) },
                Request::ConsultAgent { consult_ag_no: ag_no, caller_id },
            ),
            Callee::Number(number) => (
                ConsultView { number: Some(number.clone()), ag_no: None },
                Request::ConsultTel { consult_tel: number, caller_id },
            ),
        };
        if let Some(call) = self.state.live_call_mut() {
            call.consult_asked = Some(asked);
        }
        self.send(id, Action::Consult, request);
    }

    pub(super) fn transfer(&mut self, id: CommandId, to: Destination, caller_id: Option<String>) {
        let request = match to {
            Destination::Callee(callee) => match self.clean_callee(id, callee) {
                Some(Callee::Agent(transfer_ag_no)) => Request::TransferAgent { transfer_ag_no },
                // The caller ID chosen for calls out is not for this one (protocol 2.1).
                Some(Callee::Number(transfer_tel)) => Request::TransferTel { transfer_tel, caller_id },
                None => return,
            },
            Destination::Queue { id: queue_id, vcc_id } => {
                if queue_id <= 0 {
                    return self.invalid(id, Message::new("app.no_skill_group").with("id", queue_id));
                }
                let own = |vcc: &i64| self.state.session.vcc_id.as_deref() == Some(vcc.to_string().as_str());
                let trans_vcc = vcc_id.filter(|vcc| !own(vcc)).unwrap_or(OWN_TENANT);
                Request::TransferQueue { queue_id, trans_vcc }
            }
            Destination::Ivr { code, node, vcc_id } => {
                let (ivr_code, ivr_node) = (code.trim().to_owned(), node.trim().to_owned());
                if ivr_code.is_empty() || ivr_node.is_empty() {
                    return self.invalid(id, Message::new("app.ivr_incomplete"));
                }
                Request::TransferIvr { ivr_code, ivr_node, vcc_id }
            }
        };
        self.note_taker(&request);
        self.send(id, Action::Transfer, request);
    }

    pub(super) fn consult_transfer(&mut self, id: CommandId) {
        self.note_taker(&Request::ConsultTransfer);
        self.send(id, Action::ConsultTransfer, Request::ConsultTransfer);
    }

    pub(super) fn interact(&mut self, id: CommandId, ivr_code: &str, ivr_param: Option<String>) {
        let ivr_code = ivr_code.trim().to_owned();
        if ivr_code.is_empty() {
            return self.invalid(id, Message::new("app.ivr_no_code"));
        }
        self.send(id, Action::Interact, Request::Interact { ivr_code, ivr_param });
    }

    /// A callee as it can be called; refused if it cannot, or is this agent.
    fn clean_callee(&mut self, id: CommandId, callee: Callee) -> Option<Callee> {
        let cleaned: Result<Callee, NumberError> = match callee {
            Callee::Agent(typed) => return self.other_agent(id, &typed, "app.own_number").map(Callee::Agent),
            Callee::Number(typed) => {
                if let Some(extension) = domain::extension(&typed) {
                    self.info(Message::new("app.extension").with("extension", extension));
                }
                domain::clean_number(&typed).map(Callee::Number)
            }
        };
        cleaned.map_err(|error| self.bad_number(id, &error)).ok()
    }

    /// Another agent's number; refused if it is none, or this agent's (`own` says how).
    pub(super) fn other_agent(&mut self, id: CommandId, typed: &str, own: &'static str) -> Option<String> {
        match domain::clean_agent_number(typed) {
            Ok(ag_no) if ag_no == self.state.profile.ag_no => {
                self.invalid(id, Message::new(own).with("ag_no", ag_no));
                None
            }
            Ok(ag_no) => Some(ag_no),
            Err(error) => {
                self.bad_number(id, &error);
                None
            }
        }
    }

    /// Told on the screen, and to the one who asked.
    pub(super) fn invalid(&mut self, id: CommandId, message: Message) {
        self.warn(message.clone());
        self.resolve(id, Err(refusal(RefusalKind::Invalid, message)));
    }

    /// The platform accepted a command of this file. `fresh`: nothing was heard of the call's phase since it was asked.
    pub(super) fn consult_accepted(&mut self, action: Action, waiting: Option<Waiting>) {
        let same_call = waiting.is_some_and(|waiting| waiting.calls == self.state.calls);
        let fresh = same_call && waiting.is_some_and(|waiting| waiting.moves == self.state.moves);
        let transfers = matches!(action, Action::Transfer | Action::ConsultTransfer);
        let Some(call) = self.state.live_call_mut().filter(|_| same_call) else {
            let told = self.state.call.as_ref().is_some_and(|call| call.given_away == Some(GivenAway::Done));
            if same_call && transfers && !told {
                self.info(Message::new("app.transfer_done"));
            }
            return;
        };
        if action == Action::Consult && fresh {
            call.consult = call.consult_asked.take().unwrap_or_default();
            self.phase_of_call(CallPhase::ConsultOut);
        } else if action == Action::ThreeWay && fresh {
            self.phase_of_call(CallPhase::ThreeWay);
        } else if matches!(action, Action::ConsultReturn | Action::ThreeWayReturn) && fresh {
            self.back_with_customer();
        } else if transfers {
            call.given_away.get_or_insert(GivenAway::Asked);
        } else if action == Action::Evaluate {
            // Nothing but the end of the call will be heard of it.
            call.hung_up_by = Some(HungUpBy::Agent);
            self.info(Message::new("app.evaluating"));
        }
    }

    /// The platform refused a command of this file.
    pub(super) fn consult_refused(&mut self, action: Action, waiting: Option<Waiting>) {
        if action == Action::Consult
            && let Some(call) = self.state.live_call_mut()
        {
            call.consult_asked = None;
        }
        let transfers = matches!(action, Action::Transfer | Action::ConsultTransfer);
        let same_call = waiting.is_some_and(|waiting| waiting.calls == self.state.calls);
        if transfers && same_call {
            self.forget_taker();
        }
        if transfers && same_call && self.state.live_call().is_none() {
            // It ended in the same moment for another reason.
            self.journal_not_transferred();
        }
    }

    /// PhoSta 21 and 22.
    pub(super) fn consulting(&mut self, phase: CallPhase, event: &PhoneEvent) {
        use CallPhase::{ConsultOut, Consulting, ThreeWay};
        if !self.is_in_a_call(event) {
            return;
        }
        if matches!((self.state.call_phase(), phase), (Consulting, ConsultOut) | (ThreeWay, ConsultOut | Consulting)) {
            return tracing::info!("overtaken by its successor");
        }
        if let Some(call) = self.state.live_call_mut() {
            let told = ConsultView { number: event.called.clone(), ag_no: event.agent_no.clone() };
            if let Some(asked) = call.consult_asked.take() {
                call.consult = asked;
            } else if call.consult == ConsultView::default() {
                call.consult = told;
            }
        }
        self.phase_of_call(phase);
    }

    /// PhoSta 23 and 26.
    pub(super) fn consult_over(&mut self, event: &PhoneEvent) {
        if !self.is_in_a_call(event) || self.is_repeated_return() {
            return;
        }
        let with_third = matches!(self.state.call_phase(), CallPhase::Consulting | CallPhase::ThreeWay);
        let asked =
            [Action::ConsultReturn, Action::ThreeWayReturn].map(|a| self.state.pending.commands.contains_key(&a));
        let who = self.third_party();
        self.back_with_customer();
        if with_third && !asked.contains(&true) {
            self.info(match who {
                Some(who) => Message::new("app.third_left_who").with("who", who),
                None => Message::new("app.third_left"),
            });
        }
    }

    /// PhoSta 24: told once, with who it was.
    pub(super) fn consult_failed(&mut self, event: &PhoneEvent) {
        if !self.is_in_a_call(event) || self.is_repeated_return() {
            return;
        }
        let who = self.third_party();
        let consulted = matches!(self.state.call_phase(), CallPhase::ConsultOut | CallPhase::Consulting);
        let news = consulted || who.is_some();
        self.back_with_customer();
        if news {
            self.warn(match who {
                Some(who) => Message::new("app.consult_failed_who").with("who", who),
                None => Message::new("app.consult_failed"),
            });
        }
    }

    /// A word that the consultation is over while nobody is consulted and the customer is on hold: it was said before.
    fn is_repeated_return(&self) -> bool {
        self.state.call_phase() == CallPhase::Held && self.third_party().is_none()
    }

    /// Who is consulted, or was asked to be.
    fn third_party(&self) -> Option<String> {
        let call = self.state.live_call()?;
        let view = call.consult_asked.as_ref().unwrap_or(&call.consult);
        view.ag_no.clone().or_else(|| view.number.clone()).map(|who| clean(&who))
    }

    pub(super) fn back_with_customer(&mut self) {
        self.phase_of_call(CallPhase::Talking);
        if let Some(call) = self.state.live_call_mut() {
            call.consult_asked = None;
        }
    }

    /// PhoSta 33, told once; the end of the own leg follows.
    pub(super) fn transfer_done(&mut self) {
        let Some(call) = self.state.live_call_mut() else { return };
        if call.given_away.replace(GivenAway::Done) != Some(GivenAway::Done) {
            self.info(Message::new("app.transfer_done"));
        }
    }
}
