//! Who hears whom, derived from where a call stands and who takes part.
//!
//! Whoever waits hears music; those in conversation hear each other; a listener hears the agent listened to and all
//! that agent hears, and is heard by nobody (listening), by that agent (whispering) or by all (barged in).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Call, Phase, Role};
use crate::sim::{
    switch::{PartyId, Voice},
    world::World,
};

/// Whom every party of a call hears.
type Hearing = BTreeMap<PartyId, BTreeSet<PartyId>>;

/// Somebody who listens in: their party, the party listened to, and whether all or only that one hears them.
struct Listener {
    own: PartyId,
    agent: PartyId,
    barged: bool,
    whispers: bool,
}

impl World {
    /// Brings the switch in line with a call's state. Music is there only while somebody hears it.
    pub(super) fn reroute(&mut self, no: u64) {
        let Some(call) = self.calls.get(&no) else { return };
        let waiting = self.who_waits(call);
        let switch = Arc::clone(&self.switch);
        let Some(call) = self.calls.get_mut(&no) else { return };
        if waiting.is_empty() {
            if let Some(music) = call.music.take() {
                switch.remove_party(music);
            }
        } else {
            call.music.get_or_insert_with(|| switch.add_party(Voice::Music));
        }
        let Some(call) = self.calls.get(&no) else { return };
        for (listener, speakers) in self.hearing(call, &waiting) {
            switch.route(listener, &speakers.into_iter().collect::<Vec<_>>());
        }
    }

    /// Who is made to wait, with music.
    fn who_waits(&self, call: &Call) -> Vec<PartyId> {
        let customer = call.customer.as_ref().and_then(|c| c.party);
        match call.phase {
            Phase::Held => {
                let others =
                    call.legs.iter().filter(|l| l.role == Role::Main && call.held_by.as_ref() != Some(&l.ag_no));
                others.filter_map(|l| self.party_of(l)).chain(customer).collect()
            }
            Phase::Queued | Phase::Ringing | Phase::ConsultOut | Phase::Consulting | Phase::Transferring => {
                customer.into_iter().collect()
            }
            Phase::OwnLeg
            | Phase::Reaching
            | Phase::FarRinging
            | Phase::Talking
            | Phase::ThreeWay
            | Phase::Interacting
            | Phase::Transferred
            | Phase::Ivr
            | Phase::Evaluating
            | Phase::Ended => Vec::new(),
        }
    }

    /// Who is in conversation with each other.
    fn who_talks(&self, call: &Call) -> Vec<PartyId> {
        let customer = call.customer.as_ref().and_then(|c| c.party);
        let third = call.third.as_ref().and_then(|c| c.party);
        let agents = |role: Role| call.legs.iter().filter(move |l| l.role == role).filter_map(|l| self.party_of(l));
        match call.phase {
            Phase::Talking => agents(Role::Main).chain(customer).collect(),
            Phase::Consulting => agents(Role::Main).chain(agents(Role::Consulted)).chain(third).collect(),
            Phase::ThreeWay => agents(Role::Main).chain(agents(Role::Consulted)).chain(third).chain(customer).collect(),
            Phase::Transferred => customer.into_iter().chain(third).collect(),
            Phase::Interacting | Phase::Ivr | Phase::Evaluating => {
                customer.into_iter().chain(call.script.as_ref().map(|s| s.party)).collect()
            }
            Phase::Queued
            | Phase::Ringing
            | Phase::OwnLeg
            | Phase::Reaching
            | Phase::FarRinging
            | Phase::Held
            | Phase::ConsultOut
            | Phase::Transferring
            | Phase::Ended => Vec::new(),
        }
    }

    fn hearing(&self, call: &Call, waiting: &[PartyId]) -> Hearing {
        let outside = call.customer.iter().chain(&call.third).filter_map(|c| c.party);
        let agents = call.legs.iter().filter_map(|l| self.party_of(l));
        let mut hearing: Hearing = agents.chain(outside).map(|p| (p, BTreeSet::new())).collect();
        for party in waiting {
            hearing.entry(*party).or_default().extend(call.music);
        }
        let talking = self.who_talks(call);
        for party in &talking {
            hearing.entry(*party).or_default().extend(talking.iter().filter(|p| *p != party));
        }
        let listeners: Vec<Listener> = call
            .legs
            .iter()
            .filter_map(|l| {
                let Role::Spy { of, barged, whispers } = &l.role else { return None };
                let agent = self.party_of(call.leg(of)?)?;
                Some(Listener { own: self.party_of(l)?, agent, barged: *barged, whispers: *whispers })
            })
            .collect();
        // What the others hear of listeners must not reach listeners who only listen to somebody else's words.
        let before = hearing.clone();
        for listener in &listeners {
            let heard_by_agent = before.get(&listener.agent).cloned().unwrap_or_default();
            if listener.whispers {
                hearing.entry(listener.agent).or_default().insert(listener.own);
            } else if listener.barged {
                let barged_too = listeners.iter().filter(|l| l.barged && !l.whispers && l.own != listener.own);
                for hears in heard_by_agent.iter().copied().chain([listener.agent]).chain(barged_too.map(|l| l.own)) {
                    if before.contains_key(&hears) {
                        hearing.entry(hears).or_default().insert(listener.own);
                    }
                }
            }
            let own = hearing.entry(listener.own).or_default();
            own.extend(heard_by_agent);
            own.insert(listener.agent);
        }
        hearing
    }
}
