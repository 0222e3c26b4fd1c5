//! Keeps a call's path: sees when the network has changed or the far end is not reached any more, and asks for a
//! re-INVITE that restarts ICE (RFC 8445 2.4, RFC 8839 4.4.3).

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    Wish,
    network::{Network, source_for},
    tap::Told,
    watch::Agreement,
};

/// Between two looks at the machine's addresses: two cheap system calls, and only in a call.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// After the path is told lost, which is 4 s after the last sign of life: it may still come back by itself, and a restart
/// is a break of its own. Together the 5 s of `targets.md` 3.6.
const LOST_PATIENCE: Duration = Duration::from_secs(1);

/// Between two attempts; the last one goes on.
const AGAIN_AFTER: [Duration; 4] =
    [Duration::from_secs(3), Duration::from_secs(5), Duration::from_secs(10), Duration::from_secs(20)];

/// Between two restarts because the machine's addresses have changed: some come and go (a VPN, a bad cable).
const FLAPS: Duration = Duration::from_secs(2);

/// After another path was found: nothing that came before the loss has come again for so long.
const SOUND_PATIENCE: Duration = Duration::from_secs(10);

/// Sound flowed when the path was lost, if the last packet came no longer ago than this: the loss is told late.
const FLOWED: Duration = Duration::from_secs(8);

/// So many answered restarts, over so long, without a packet: the far end has lost the association itself.
const IN_VAIN: u32 = 3;
const IN_VAIN_FOR: Duration = Duration::from_secs(30);

/// How the path of a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// None was found yet.
    Sought,
    /// Sound can flow.
    Up,
    /// The far end is silent on it.
    Lost,
    /// Nothing is sent any more.
    Dead,
}

/// Restarts of ICE that the far end has answered and that brought no sound.
///
/// A new association is what is left then, and only then: most far ends do not make one in the middle of a call. They
/// compare its certificate with the one they know, and hang up (Asterisk), or answer and wait for ever.
#[derive(Debug, Default)]
pub struct InVain {
    answered: u32,
    first: Option<Instant>,
    /// Packets that had come when the first was answered.
    received: u64,
}

impl InVain {
    /// The far end has answered one; so many packets have come in the call.
    pub fn answered(&mut self, received: u64, now: Instant) {
        if self.first.is_none() || received > self.received {
            *self = Self { answered: 0, first: Some(now), received };
        }
        self.answered += 1;
    }

    /// Whether nothing but a new association is left.
    pub fn enough(&self, received: u64, now: Instant) -> bool {
        self.answered >= IN_VAIN
            && received == self.received
            && self.first.is_some_and(|first| now.saturating_duration_since(first) >= IN_VAIN_FOR)
    }
}

/// The task.
pub struct Guard {
    /// The call.
    pub call_id: String,
    /// The machine's addresses.
    pub network: Network,
    /// What is in force.
    pub agreements: watch::Receiver<Agreement>,
    /// How the path is; told again when it is found again.
    pub path: watch::Receiver<Path>,
    /// What has come of the far end.
    pub told: Arc<Told>,
    /// Whether the agent holds the call: then silence is as it should be.
    pub held: Arc<AtomicBool>,
    /// Where the re-INVITE is asked for.
    pub wish: mpsc::UnboundedSender<Wish>,
}

/// What is to be done, and when.
#[derive(Default)]
struct Plan {
    /// When a restart is asked for next.
    next: Option<Instant>,
    /// How often it was, since sound flowed.
    attempts: usize,
    /// Packets that had come when the path was found again; it is to bring more.
    awaited: Option<u64>,
    /// Sound flowed when the path was lost.
    flowed: bool,
    /// The machine has moved since a restart was asked for last.
    moved: bool,
}

impl Guard {
    /// Runs until the session is closed.
    pub async fn run(mut self) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = self.network.addresses();
        // A call that never came up is told so elsewhere; no restart helps it.
        let mut was_up = false;
        let mut footing = None;
        let mut plan = Plan::default();
        let mut asked = None::<Instant>;
        loop {
            tokio::select! {
                changed = self.path.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let path = *self.path.borrow_and_update();
                    match path {
                        Path::Up => {
                            was_up = true;
                            footing = self.footing().await;
                            self.found(&mut plan);
                        }
                        Path::Lost if was_up => {
                            plan.flowed |= self.flowed();
                            let at = Instant::now() + LOST_PATIENCE;
                            plan.next = Some(plan.next.filter(|_| plan.awaited.is_none()).map_or(at, |next| next.min(at)));
                            plan.awaited = None;
                        }
                        Path::Dead if was_up => (plan.next, plan.awaited) = (Some(Instant::now()), None),
                        Path::Sought | Path::Lost | Path::Dead => {}
                    }
                }
                _ = ticks.tick() => {
                    let now = self.network.addresses();
                    if now != known && was_up {
                        tracing::info!(call_id = self.call_id, ?now, "the addresses of this machine have changed");
                        if plan.next.is_some() || footing.as_ref().is_none_or(|footing| !footing.holds(&now)) {
                            let at = Instant::now();
                            let next = asked.map_or(at, |asked| at.max(asked + FLAPS));
                            plan = Plan { next: Some(next), moved: true, flowed: plan.flowed, ..Plan::default() };
                        }
                    }
                    known = now;
                }
                () = at(plan.next) => {
                    if self.has_sound(&plan) {
                        plan = Plan::default();
                        continue;
                    }
                    let moved = std::mem::take(&mut plan.moved);
                    asked = Some(Instant::now());
                    let wish = Wish::Restart { call_id: self.call_id.clone(), moved };
                    if self.agreements.borrow().silenced() || self.wish.send(wish).is_err() {
                        return;
                    }
                    let pause = AGAIN_AFTER.get(plan.attempts).or(AGAIN_AFTER.last()).copied().unwrap_or(LOST_PATIENCE);
                    plan.attempts += 1;
                    plan.next = Some(Instant::now() + pause);
                }
            }
        }
    }

    /// A path is there, perhaps again.
    fn found(&self, plan: &mut Plan) {
        if plan.attempts > 0 && self.wish.send(Wish::Settled { call_id: self.call_id.clone() }).is_err() {
            tracing::debug!("nobody carries out what the media session wishes");
        }
        if plan.attempts == 0 || !plan.flowed {
            *plan = Plan::default();
            return;
        }
        // That the far end answers on it does not mean that it still knows the association.
        plan.awaited = Some(self.told.received());
        plan.next = Some(Instant::now() + SOUND_PATIENCE);
    }

    /// Whether the path that was found again has brought what it was to bring, or nothing is to come.
    fn has_sound(&self, plan: &Plan) -> bool {
        plan.awaited.is_some_and(|before| {
            self.told.received() > before || !self.agreements.borrow().receives || self.held.load(Relaxed)
        })
    }

    fn flowed(&self) -> bool {
        self.told.both().last.is_some_and(|last| last.elapsed() < FLOWED)
    }

    /// What the path in use stands on.
    async fn footing(&self) -> Option<Footing> {
        let peer = self.agreements.borrow().peer.clone();
        let (address, end) = peer.ends().await?;
        Some(Footing { address, end: end.filter(|end| source_for(*end) == Some(address)) })
    }
}

/// What a path stands on.
struct Footing {
    /// Of this machine.
    address: IpAddr,
    /// Where it ends, if the system would have taken this address for it by itself: then it is the sign of a better
    /// network, such as a cable beside Wi-Fi, when it no longer would. What is sent from the old address goes out there
    /// all the same, and is not let through.
    end: Option<SocketAddr>,
}

impl Footing {
    fn holds(&self, addresses: &[IpAddr]) -> bool {
        let preferred = || self.end.and_then(source_for).is_none_or(|source| source == self.address);
        addresses.contains(&self.address) && preferred()
    }
}

/// Waits until a moment, or for ever.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answered_restarts_over_half_a_minute_without_a_packet_are_in_vain() {
        let start = Instant::now();
        let s = |seconds| start + Duration::from_secs(seconds);
        let mut in_vain = InVain::default();
        assert!(!in_vain.enough(7, s(1000)), "none was answered");
        for (n, at) in [0, 5, 15].into_iter().enumerate() {
            assert!(!in_vain.enough(7, s(at)), "{n}");
            in_vain.answered(7, s(at));
        }
        assert!(!in_vain.enough(7, s(29)));
        assert!(in_vain.enough(7, s(30)));
        assert!(!in_vain.enough(8, s(30)), "a packet has come");
        // It begins anew then.
        in_vain.answered(8, s(40));
        assert!(!in_vain.enough(8, s(60)));
        in_vain.answered(8, s(60));
        in_vain.answered(8, s(70));
        assert!(!in_vain.enough(8, s(69)) && in_vain.enough(8, s(70)));
    }

    #[test]
    fn two_answers_are_not_enough_however_long_ago() {
        let start = Instant::now();
        let mut in_vain = InVain::default();
        in_vain.answered(0, start);
        in_vain.answered(0, start);
        assert!(!in_vain.enough(0, start + Duration::from_secs(3600)));
    }
}
