//! Voice menus (IVR) and the evaluation: a voice of the platform talks with the customer for a while.

use std::time::Duration;

use serde_json::json;

use super::{Phase, Script};
use crate::sim::json::merge;
use crate::sim::{scenario::IvrEntry, state::Timer, switch::Voice, world::World};

/// How long the evaluation takes.
const EVALUATION: Duration = Duration::from_secs(5);

impl World {
    /// The customer goes to a voice menu, and from there home; the agent is out (33, 0).
    pub fn transfer_ivr(&mut self, no: u64, ivr: &IvrEntry) {
        self.pass_on(no, Phase::Ivr, &[33, 0], |world| world.menu_begins(no, ivr));
    }

    /// The customer rates the call; the agent is out (0).
    pub fn transfer_evaluate(&mut self, no: u64) {
        self.pass_on(no, Phase::Evaluating, &[0], |world| {
            world.script_begins(no, EVALUATION, Voice::Speech, "evaluation".to_owned(), String::new());
        });
    }

    /// The customer answers a voice menu while the agent waits, who then gets the result that the scenario has for this
    /// menu (`MT` 7).
    pub fn interact(&mut self, no: u64, ivr: &IvrEntry) {
        if let Some(call) = self.calls.get_mut(&no) {
            call.phase = Phase::Interacting;
        }
        self.menu_begins(no, ivr);
    }

    fn menu_begins(&mut self, no: u64, ivr: &IvrEntry) {
        self.script_begins(no, ivr.lasts(), ivr.voice(), format!("ivr:{}", ivr.code), ivr.result.clone());
    }

    fn script_begins(&mut self, no: u64, lasts: Duration, voice: Voice, who: String, result: String) {
        let switch = std::sync::Arc::clone(&self.switch);
        let Some(call) = self.calls.get_mut(&no) else { return };
        call.script = Some(Script { party: switch.add_party(voice), who, result });
        self.reroute(no);
        self.after(lasts, Timer::ScriptOver { call: no });
    }

    /// The voice has said everything: back to the agent with the result, or the call is over.
    pub fn script_over(&mut self, no: u64) {
        let Some(call) = self.calls.get_mut(&no) else { return };
        if call.phase != Phase::Interacting {
            self.end_call(no, None);
            return;
        }
        call.phase = Phase::Talking;
        let (script, id) = (call.script.take(), call.id.clone());
        let main = call.main().map(|l| l.ag_no.clone());
        let Some(Script { party, result, .. }) = script else { return };
        self.switch.remove_party(party);
        self.reroute(no);
        if let Some(ag_no) = main {
            let mut told = json!({"MT": 7, "IvrResult": result});
            merge(&mut told, json!({"CallID": id}));
            self.push(&ag_no, told);
        }
    }
}
