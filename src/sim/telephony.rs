//! What the platform asks of its telephone switch, so that tests can put a switch without sound in its place.

use std::net::SocketAddr;

use super::switch::{Heard, LegId, LegNow, PartyId, Switch, SwitchFaults, Voice};

/// A telephone switch: accounts, legs to the agents' phones, virtual parties, and who hears whom.
pub trait Telephony: Send + Sync + 'static {
    /// Where its SIP websocket listens.
    fn local_addr(&self) -> SocketAddr;
    /// Creates an account or changes its password; `user` is `ss{vccId}ss{phone}`.
    fn set_account(&self, user: &str, password: &str);
    /// Whether a phone is registered for this account.
    fn is_registered(&self, user: &str) -> bool;
    /// Rings the account's phone; `auto_answer` asks the phone to answer by itself.
    fn call(&self, user: &str, from: &str, auto_answer: bool) -> LegId;
    /// Ends a leg in whatever state it is.
    fn hang_up(&self, leg: LegId);
    /// The same, and a BYE says why the far end was not reached (ITU-T Q.850 cause).
    fn hang_up_because(&self, leg: LegId, _cause: u16) {
        self.hang_up(leg);
    }
    /// Creates a virtual party.
    fn add_party(&self, voice: Voice) -> PartyId;
    /// Removes a virtual party.
    fn remove_party(&self, party: PartyId);
    /// The party at the end of a leg.
    fn party_of(&self, leg: LegId) -> PartyId;
    /// Sets whom a party hears from now on; nobody is silence.
    fn route(&self, listener: PartyId, speakers: &[PartyId]);
    /// What a party hears.
    fn heard(&self, party: PartyId) -> Heard;
    /// Every leg that is not over for both sides.
    fn legs(&self) -> Vec<LegNow> {
        Vec::new()
    }
    /// Sets the faults in force.
    fn set_faults(&self, faults: SwitchFaults);
}

impl Telephony for Switch {
    fn local_addr(&self) -> SocketAddr {
        Switch::local_addr(self)
    }

    fn set_account(&self, user: &str, password: &str) {
        Switch::set_account(self, user, password);
    }

    fn is_registered(&self, user: &str) -> bool {
        Switch::is_registered(self, user)
    }

    fn call(&self, user: &str, from: &str, auto_answer: bool) -> LegId {
        Switch::call(self, user, from, auto_answer)
    }

    fn hang_up(&self, leg: LegId) {
        Switch::hang_up(self, leg, None);
    }

    fn hang_up_because(&self, leg: LegId, cause: u16) {
        Switch::hang_up(self, leg, Some(cause));
    }

    fn add_party(&self, voice: Voice) -> PartyId {
        Switch::add_party(self, voice)
    }

    fn remove_party(&self, party: PartyId) {
        Switch::remove_party(self, party);
    }

    fn party_of(&self, leg: LegId) -> PartyId {
        Switch::party_of(self, leg)
    }

    fn route(&self, listener: PartyId, speakers: &[PartyId]) {
        Switch::route(self, listener, speakers);
    }

    fn heard(&self, party: PartyId) -> Heard {
        Switch::heard(self, party)
    }

    fn legs(&self) -> Vec<LegNow> {
        Switch::legs(self)
    }

    fn set_faults(&self, faults: SwitchFaults) {
        Switch::set_faults(self, faults);
    }
}
