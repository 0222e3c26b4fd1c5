//! Requests that leave late (fault `delay_sip_ms`): the INVITE, and the BYE or CANCEL of a call that the platform has
//! ended. Until its BYE leaves, a leg hears nothing and its phone is still listened to, as by a real media server that
//! has not been told yet.

use tokio::time::Instant;

use super::core::Core;
use super::leg::{Held, Leg, PATIENCE, Phase};
use super::measure::Heard;
use super::sip::Message;
use super::sound::locked;
use super::types::{LegId, PartyId, Voice};
use crate::sim::delays::Kind;

/// A leg as it stands at the switch.
#[derive(Clone, Debug, PartialEq)]
pub struct LegNow {
    /// Which.
    pub leg: LegId,
    /// Whose.
    pub user: String,
    /// What the phone still says although its call is over, BYE being late; `packets_in` are the phone's.
    pub over: Option<Heard>,
}

impl Core {
    /// Every leg that is not over for both sides.
    pub fn legs_now(&self) -> Vec<LegNow> {
        let said = |leg: LegId| {
            let witness = *locked(&self.late_legs).get(&leg)?;
            let packets_in = self.mixer.heard(leg.party()).packets_in;
            Some(Heard { packets_in, ..self.mixer.heard(witness) })
        };
        self.legs().into_iter().map(|(leg, user)| LegNow { leg, user, over: said(leg) }).collect()
    }
}

impl Leg {
    /// Sends a request when the faults in force let it leave; the one before it, if it still waits, never leaves: it
    /// no longer fits. True if it has left.
    pub(super) fn send_late(&mut self, kind: Kind, request: Message) -> bool {
        let late = locked(&self.core.late).next(kind);
        self.held = Some(Held { due: Instant::now() + late, request });
        if late.is_zero() {
            self.send_held();
        }
        self.held.is_none()
    }

    /// Sends what was late.
    fn send_held(&mut self) {
        let Some(Held { request, .. }) = self.held.take() else { return };
        let socket = self.core.send_to(&self.user, &request);
        if request.method() == "BYE" {
            self.outstanding = Some((request, socket));
        }
    }

    /// The time of what was late has come.
    pub(super) async fn on_held_due(&mut self) {
        self.send_held();
        match self.phase {
            Phase::Ending => {
                self.deadline = Instant::now() + PATIENCE;
                self.stop_lingering();
                self.close_media().await;
            }
            Phase::Cancelling { .. } => self.deadline = Instant::now() + PATIENCE,
            Phase::Calling | Phase::Proceeding | Phase::Talking | Phase::Over => {}
        }
    }

    /// The call is over, and the phone does not know yet.
    pub(super) fn linger(&mut self) {
        let (witness, party) = (PartyId(self.core.next_number()), self.id.party());
        self.core.mixer.add_voice(witness, Voice::Silence);
        self.core.mixer.route(party, &[]);
        self.core.mixer.route(witness, &[party]);
        locked(&self.core.late_legs).insert(self.id, witness);
    }

    /// The phone knows.
    pub(super) fn stop_lingering(&mut self) {
        if let Some(witness) = locked(&self.core.late_legs).remove(&self.id) {
            self.core.mixer.remove(witness);
            self.core.mixer.remove(self.id.party());
        }
    }
}
