//! The platform's telephone switch: registrar and caller over SIP/WebSocket, encrypted audio legs, and a mixer that
//! decides who hears whom.
//!
//! ```text
//! client ==WebSocket== socket -> core -> registrar (REGISTER)
//!                                     -> leg (a call: INVITE .. BYE) -> peer (WebRTC) -> jitter -> mixer
//!                                                                      peer <- codec <-----------+
//! ```

mod arrivals;
mod carry;
mod codec;
mod core;
mod digest;
mod faults;
mod jitter;
mod late;
mod leg;
mod measure;
mod mixer;
mod peer;
mod registrar;
mod sdp;
mod sip;
mod socket;
mod sound;
#[cfg(test)]
pub(in crate::sim) mod tests;
mod types;
pub(in crate::sim) mod voices;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use self::core::Core;
pub use self::faults::{RtpFaults, SwitchFaults};
pub use self::late::LegNow;
pub use self::measure::Heard;
use self::sound::locked;
use self::types::LinkFault;
pub use self::types::{LegId, PartyId, SwitchEvent, Voice};
use super::log::Log;

/// How long the goodbyes may take when the switch stops.
const FAREWELL: Duration = Duration::from_millis(500);

/// What a switch needs to start.
pub struct SwitchSettings {
    /// Where clients connect; port 0 takes a free one. Media sockets are opened on the same address.
    pub listen: SocketAddr,
    /// Certificate and key for `wss`; `ws` without.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The SIP domain of all accounts, also the digest realm.
    pub domain: String,
    /// Told of every SIP message, secrets masked.
    pub log: Log,
}

/// The telephone switch. Dropping it cuts everything; [`Switch::stop`] says goodbye first.
pub struct Switch {
    core: Arc<Core>,
}

impl Switch {
    /// Opens the port and begins to serve. Must be called inside the tokio runtime that will carry the switch.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start(settings: SwitchSettings, events: mpsc::UnboundedSender<SwitchEvent>) -> io::Result<Switch> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let core = Core::new(address, settings.tls.is_some(), settings.domain, settings.log, events);
        let core = Arc::new(core);
        core.spawn(socket::serve(Arc::clone(&core), listener, settings.tls));
        Ok(Switch { core })
    }

    /// Where clients connect.
    pub fn local_addr(&self) -> SocketAddr {
        self.core.address
    }

    /// Adds an account or changes its password. `user` is the user part of its address.
    pub fn set_account(&self, user: &str, password: &str) {
        locked(&self.core.registrar).set_account(user, password);
    }

    /// Limits the registration lifetime granted from now on, in seconds; 600 unless set.
    pub fn set_max_expires(&self, seconds: u32) {
        locked(&self.core.registrar).max_expires = seconds.max(1);
    }

    /// Whether the account has a registration that has not expired. Its WebSocket may be gone.
    pub fn is_registered(&self, user: &str) -> bool {
        locked(&self.core.registrar).binding(user).is_some()
    }

    /// Calls the account's client; `from` is the number shown. With `auto_answer` the client is asked to answer by
    /// itself (`Call-Info: answer-after=0`, protocol `softphone.md` 4.2). The leg's party exists at once and can be
    /// routed; what becomes of the call is told by events.
    pub fn call(&self, user: &str, from: &str, auto_answer: bool) -> LegId {
        let leg = LegId(self.core.next_number());
        let (port, frames) = self.core.mixer.add_leg(leg.party());
        leg::begin(
            &self.core,
            leg::Call { leg, user: user.to_owned(), from: from.to_owned(), auto_answer, port, frames },
        );
        leg
    }

    /// Ends a call by CANCEL or BYE; nothing happens if it has ended. A BYE says why, if there is a Q.850 cause for it.
    pub fn hang_up(&self, leg: LegId, cause: Option<u16>) {
        self.core.hang_up(leg, cause);
    }

    /// Adds a virtual party, which hears nobody until routed.
    pub fn add_party(&self, voice: Voice) -> PartyId {
        let party = PartyId(self.core.next_number());
        self.core.mixer.add_voice(party, voice);
        party
    }

    /// Takes a party out; nobody hears it any more. Ids are not used again.
    pub fn remove_party(&self, party: PartyId) {
        self.core.mixer.remove(party);
    }

    /// The party at the end of a leg. It is gone when the leg has ended.
    pub fn party_of(&self, leg: LegId) -> PartyId {
        leg.party()
    }

    /// What a party hears from now on; nobody is silence. A party never hears itself.
    pub fn route(&self, listener: PartyId, speakers: &[PartyId]) {
        self.core.mixer.route(listener, speakers);
    }

    /// What a party hears now, over the last 500 ms; nothing for one that is gone. Takes some milliseconds.
    pub fn heard(&self, party: PartyId) -> Heard {
        self.core.mixer.heard(party)
    }

    /// Every leg that is not over for both sides.
    pub fn legs(&self) -> Vec<LegNow> {
        self.core.legs_now()
    }

    /// Puts faults in force, and ends those that are off in `faults`.
    pub fn set_faults(&self, faults: SwitchFaults) {
        let link = match (faults.drop_sip, faults.stall_sip) {
            (true, _) => LinkFault::Drop,
            (false, true) => LinkFault::Stall,
            (false, false) => LinkFault::None,
        };
        locked(&self.core.late).set(faults.late);
        *self.core.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
        self.core.link_fault.send_if_modified(|now| std::mem::replace(now, link) != link);
    }

    /// Ends all calls, closes all sockets and waits until every task is done.
    pub async fn stop(self) {
        self.core.hang_up_all();
        self.core.tasks.close();
        // Goodbyes leave over the sockets, answers come back: calls in their last memory do not hold this up.
        let deadline = tokio::time::Instant::now() + FAREWELL;
        while self.core.has_calls() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.core.stop.cancel();
        self.core.mixer.clear();
        self.core.tasks.wait().await;
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.core.stop.cancel();
        self.core.mixer.clear();
    }
}
