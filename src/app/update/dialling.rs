//! Calling out: numbers checked, options filled in, the call shown as soon as it is accepted.

use super::{Turn, refusal};
use crate::{
    app::{
        Action, CommandId, RefusalKind,
        state::{Call, Dialled},
    },
    cti::api::Request,
    domain::{self, CallPhase, Direction, NumberError},
    i18n::Message,
};

impl Turn<'_> {
    pub(super) fn dial(
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
        if let Some(extension) = domain::extension(number) {
            self.info(Message::new("app.extension").with("extension", extension));
        }
        let caller_id = caller_id.or_else(|| self.state.lists.caller_id.as_ref().map(|c| c.value.clone()));
        let first_group = self.state.lists.own_groups.first().map(|group| group.id);
        let queue_id = queue_id.or(first_group.filter(|_| self.state.profile.auto_queue));
        self.state.dialled = Some(Dialled {
            at: self.now.at,
            number: tel.clone(),
            agent: false,
            caller_id: caller_id.clone(),
            queue_id,
        });
        self.abandon_endings();
        self.send(id, Action::Dial, Request::CallOut { tel, caller_id, queue_id, user_data });
    }

    pub(super) fn dial_agent(&mut self, id: CommandId, ag_no: &str, caller_id: Option<String>) {
        let Some(called_ag_no) = self.other_agent(id, ag_no, "app.own_number") else { return };
        let caller_id = caller_id.or_else(|| self.state.lists.caller_id.as_ref().map(|c| c.value.clone()));
        let (at, number, dialled_as) = (self.now.at, called_ag_no.clone(), caller_id.clone());
        self.state.dialled = Some(Dialled { at, number, agent: true, caller_id: dialled_as, queue_id: None });
        self.abandon_endings();
        self.send(id, Action::DialAgent, Request::CallInner { called_ag_no, caller_id });
    }

    pub(super) fn bad_number(&mut self, id: CommandId, error: &NumberError) {
        let message = match error {
            NumberError::Empty => Message::new("app.number_empty"),
            NumberError::BadCharacter(c) => Message::new("app.number_bad").with("character", c),
            NumberError::TooLong(digits) => Message::new("app.number_long").with("digits", digits),
            NumberError::Several(first) => Message::new("app.number_several").with("number", first),
        };
        self.warn(message.clone());
        self.resolve(id, Err(refusal(RefusalKind::Invalid, message)));
    }

    /// An accepted call is shown at once; the platform's messages fill it in.
    pub(super) fn dialled(&mut self) {
        let Some(Dialled { at, number, agent, caller_id, queue_id }) = self.state.dialled.take() else { return };
        let shown = self.state.live_call();
        if shown.is_some_and(|call| !may_be_dialled(call)) && !self.state.has_come_and_gone(at) {
            // Its own leg may come, or wait, until that call is over.
            self.state.dialled = Some(Dialled { at, number, agent, caller_id, queue_id });
            return tracing::info!("a call was accepted beside another one");
        }
        if shown.is_some_and(|call| !may_be_dialled(call)) || (shown.is_none() && self.state.has_come_and_gone(at)) {
            return tracing::info!("a call was accepted that is over by now, or that another one was faster than");
        }
        if shown.is_none() {
            self.new_call(CallPhase::Dialing, if agent { Direction::Inner } else { Direction::Out });
            self.start_tone();
        }
        if let Some(call) = self.state.live_call_mut() {
            let known = if agent { &mut call.peer.ag_no } else { &mut call.peer.number };
            if call.called.is_none() {
                // The From of its own leg may be a gateway's.
                *known = Some(number);
            }
            call.asked = true;
            call.caller_id = caller_id;
            call.queue_id = call.queue_id.or(queue_id);
        }
        self.announce();
        self.answer_by_itself();
    }
}

/// Whether a call may be the one that was dialled: it was asked for, or nothing says that it is offered to the agent.
fn may_be_dialled(call: &Call) -> bool {
    let own = call.ring.is_none_or(|ring| !ring.is_offered()) && call.direction != Direction::Spy;
    let outward = call.phase == CallPhase::Dialing || matches!(call.direction, Direction::Out | Direction::Inner);
    call.asked || (own && outward)
}
