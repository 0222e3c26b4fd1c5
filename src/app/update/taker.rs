//! Who goes on with a call that is transferred from here, for the journal.

use super::Turn;
use crate::{cti::api::Request, domain::Party};

impl Turn<'_> {
    /// Notes whom the call on the screen is to go to, as a request asks for it.
    pub(super) fn note_taker(&mut self, request: &Request) {
        let taker = self.taker(request);
        if let Some(call) = self.state.live_call_mut() {
            call.taker = taker;
        }
    }

    /// The call stays here.
    pub(super) fn forget_taker(&mut self) {
        if let Some(call) = self.state.live_call_mut() {
            call.taker = None;
        }
    }

    fn taker(&self, request: &Request) -> Option<Party> {
        if let Request::TransferAgent { transfer_ag_no } = request {
            Some(self.colleague(transfer_ag_no))
        } else if let Request::TransferTel { transfer_tel, .. } = request {
            Some(outside(transfer_tel))
        } else if let Request::TransferQueue { queue_id, .. } = request {
            Some(named(&self.any_group_name(*queue_id)))
        } else if let Request::TransferIvr { ivr_code, .. } = request {
            Some(named(&format!("IVR {ivr_code}")))
        } else if *request == Request::ConsultTransfer {
            let consult = &self.state.live_call()?.consult;
            let agent = consult.ag_no.as_deref().map(|ag_no| self.colleague(ag_no));
            agent.or_else(|| consult.number.as_deref().map(outside))
        } else {
            None
        }
    }

    /// An agent, by name where the list of free ones has it.
    fn colleague(&self, ag_no: &str) -> Party {
        let listed = self.state.directory.view.agents.iter().find(|agent| agent.ag_no == ag_no);
        let name = listed.map(|agent| agent.name.clone()).filter(|name| !name.is_empty());
        Party { ag_no: Some(ag_no.to_owned()), name, ..Party::default() }
    }

    /// A skill group's name, also of another tenant's; its number while the name is unknown.
    fn any_group_name(&self, id: i64) -> String {
        let own = Some(self.state.group_name(id)).filter(|name| !name.is_empty());
        let listed = || self.state.directory.view.groups.iter().find(|group| group.id == id);
        own.or_else(|| listed().map(|group| group.name.clone())).unwrap_or_else(|| id.to_string())
    }
}

fn named(name: &str) -> Party {
    Party { name: Some(name.to_owned()), ..Party::default() }
}

fn outside(number: &str) -> Party {
    Party { number: Some(number.to_owned()), ..Party::default() }
}
