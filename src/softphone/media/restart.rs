//! Keeps a call's path: sees when the network has changed or the far end is not reached any more, and asks for a
//! re-INVITE that restarts ICE (RFC 8445 2.4, RFC 8839 4.4.3).

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    Wish,
    network::{Network, source_for},
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
    /// Where the re-INVITE is asked for.
    pub wish: mpsc::UnboundedSender<Wish>,
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
        let mut next: Option<Instant> = None;
        let mut attempts = 0;
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
                            attempts = 0;
                            next = None;
                        }
                        Path::Lost if was_up => {
                            let at = Instant::now() + LOST_PATIENCE;
                            next = Some(next.map_or(at, |planned| planned.min(at)));
                        }
                        Path::Dead if was_up => next = Some(Instant::now()),
                        Path::Sought | Path::Lost | Path::Dead => {}
                    }
                }
                _ = ticks.tick() => {
                    let now = self.network.addresses();
                    if now != known && was_up {
                        tracing::info!(call_id = self.call_id, ?now, "the addresses of this machine have changed");
                        if next.is_some() || footing.as_ref().is_none_or(|footing| !footing.holds(&now)) {
                            attempts = 0;
                            next = Some(Instant::now());
                        }
                    }
                    known = now;
                }
                () = at(next) => {
                    if self.agreements.borrow().silenced() || self.wish.send(Wish::Restart { call_id: self.call_id.clone() }).is_err() {
                        return;
                    }
                    let pause = AGAIN_AFTER.get(attempts).or(AGAIN_AFTER.last()).copied().unwrap_or(LOST_PATIENCE);
                    attempts += 1;
                    next = Some(Instant::now() + pause);
                }
            }
        }
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
