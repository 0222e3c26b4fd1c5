//! The state wanted after the call: chosen while it lasts, asked for when it is over. The last wish counts.

use serde_json::json;

use super::{Turn, commands::AFTER_CALL, refusal};
use crate::{
    app::{Action, CommandId, Effect, RefusalKind, TimerId},
    domain::TargetState,
    i18n::Message,
};

impl Turn<'_> {
    /// Ready or busy during a call.
    pub(super) fn wish_after_call(&mut self, id: CommandId, target: TargetState) {
        self.state.pending.after_call = Some(target);
        self.wish_noted(id);
    }

    fn wish_noted(&mut self, id: CommandId) {
        self.resolve(id, Ok(json!({ "code": 0, "afterCall": true })));
    }

    /// A call begins before the wish that was to follow the last one could be asked for: it is for after this one.
    pub(super) fn wish_goes_on(&mut self) {
        if self.state.pending.after_call.is_none() {
            return;
        }
        for action in [Action::Ready, Action::Busy] {
            let waiting = self.state.pending.commands.get(&action).filter(|waiting| waiting.request.is_none());
            if waiting.is_some() {
                self.resolve_pending(action, Ok(json!({ "code": 0, "afterCall": true })));
            }
        }
    }

    pub(super) fn forget_after_call(&mut self, id: CommandId) {
        // A sign-in made during a call has not told the platform any state yet; without one no call would come.
        let owed = self.state.pending.state_owed.then(|| self.wanted_state());
        let forgotten = std::mem::replace(&mut self.state.pending.after_call, owed);
        if let Some(forgotten) = forgotten {
            let action = match forgotten {
                TargetState::Ready => Action::Ready,
                TargetState::Busy(_) => Action::Busy,
            };
            if self.state.pending.commands.get(&action).is_some_and(|waiting| waiting.request.is_none()) {
                let gone = refusal(RefusalKind::Pending, Message::new("app.superseded"));
                self.resolve_pending(action, Err(gone));
            }
        }
        if owed.is_none() {
            self.effects.push(Effect::StopTimer(TimerId::AfterCall));
        } else if self.state.live_call().is_none() {
            self.effects.push(Effect::StartTimer { timer: TimerId::AfterCall, after: AFTER_CALL });
        }
        self.done(id);
    }
}
