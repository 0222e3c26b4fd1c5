//! The right-hand panel: filled once for every call, by what is known of it; a script's own content wins.

use std::sync::Arc;

use super::Turn;
use crate::{
    app::{Effect, LinkState, PanelFiller, PanelId, PanelView, State},
    domain::Direction,
    panel::{CallFacts, PanelContent, PanelError},
};

impl State {
    /// The panel as it is shown.
    pub(in crate::app) fn panel_view(&self) -> PanelView {
        PanelView {
            source: self.panel.source,
            loading: self.panel.loading.is_some(),
            error: self.panel.error.as_ref().map(|message| message.render(self.profile.locale)),
            content: self.panel.content.clone(),
        }
    }

    /// What is known of the call, once it is known who it is with and the platform has spoken of it, or cannot.
    fn facts(&self) -> Option<CallFacts> {
        let call = self.live_call()?;
        let known = call.peer.number.is_some() || call.peer.ag_no.is_some();
        // A leg that comes before the platform's message names whom the platform likes.
        let reliable = call.platform.is_some() || self.link.state != LinkState::Up;
        (known && reliable && call.direction != Direction::Spy).then(|| CallFacts {
            number: call.peer.number.clone(),
            name: call.peer.name.clone(),
            area: call.peer.area.clone(),
            queue: call.queue_id.map(|id| self.group_name(id)).filter(|name| !name.is_empty()),
            queue_id: call.queue_id,
            call_id: call.call_id.clone(),
            direction: call.direction,
            caller: call.caller.clone(),
            called: call.called.clone(),
            peer_ag_no: call.peer.ag_no.clone(),
            ag_no: self.profile.ag_no.clone(),
        })
    }
}

impl Turn<'_> {
    /// After every input: a new call empties the panel and fills it anew, an ended one ends what is still fetched.
    pub(super) fn panel_follows_call(&mut self) {
        let Some(call) = self.state.live_call() else {
            self.state.panel.call = None;
            return self.stop_panel();
        };
        // A colleague who hands a customer over, and that customer, are two: what is shown is about the other end.
        let colleague = matches!(call.direction, Direction::Consult | Direction::Inner);
        let about = call.clocks.started_at.map(|at| (at, colleague));
        if self.state.panel.call != about {
            self.empty_panel();
            self.state.panel.call = about;
            self.state.panel.settled = false;
        }
        if self.state.panel.settled || !self.state.profile.fills_panel {
            return;
        }
        let Some(facts) = self.state.facts() else { return };
        let panel = &mut self.state.panel;
        panel.settled = true;
        panel.last_run += 1;
        let id = PanelId(panel.last_run);
        panel.loading = Some(id);
        self.effects.push(Effect::FillPanel { id, facts: Box::new(facts) });
    }

    /// What was fetched has come.
    pub(super) fn panel_filled(&mut self, id: PanelId, result: Result<Option<PanelContent>, PanelError>) {
        let panel = &mut self.state.panel;
        if panel.loading.take_if(|run| *run == id).is_none() {
            return tracing::debug!("what came for the panel is not wanted any more");
        }
        match result {
            Ok(None) => {}
            Ok(Some(content)) => {
                panel.content = Some(Arc::new(content));
                panel.source = PanelFiller::Config;
            }
            Err(error) => {
                tracing::warn!(%error, "the panel cannot be filled");
                panel.error = Some(error.message());
            }
        }
    }

    /// A script fills it; nothing else does so for this call.
    pub(super) fn set_panel(&mut self, content: PanelContent) {
        self.empty_panel();
        self.settle_panel();
        self.state.panel.content = Some(Arc::new(content.bounded()));
        self.state.panel.source = PanelFiller::Script;
    }

    /// Somebody has read it, or does not want it.
    pub(super) fn clear_panel(&mut self) {
        self.empty_panel();
        self.settle_panel();
    }

    /// The present call's panel is seen to.
    fn settle_panel(&mut self) {
        self.state.panel.settled = true;
    }

    fn empty_panel(&mut self) {
        self.stop_panel();
        let panel = &mut self.state.panel;
        panel.content = None;
        panel.error = None;
        panel.source = PanelFiller::Nobody;
    }

    fn stop_panel(&mut self) {
        if self.state.panel.loading.take().is_some() {
            self.effects.push(Effect::StopPanel);
        }
    }
}
