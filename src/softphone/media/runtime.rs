//! Tokio for the `webrtc` crate, with an alarm clock.
//!
//! When ICE comes up, the crate's task puts the first DTLS message aside and goes to sleep; it is sent when the next ICE
//! timer wakes it, up to a whole check interval later (`webrtc.md` 2). This runtime can end that sleep at once.
//!
//! What goes through a TURN server is put aside in the same way, each message of DTLS and each packet of sound: the task
//! asks its TURN clients for messages before it gives them any, and what they have received it takes from them last (0.21.1,
//! `driver.rs`, `poll_writes` and `poll_reads`). So the first sleeps after anything has happened are none while there may be
//! a relay.
//!
//! The UDP sockets of this runtime reach TURN servers over TCP and TLS, too.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::Notify;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

use super::{
    ice::Ice,
    names::Names,
    turn::{StreamServer, StreamSocket},
};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a relay has brought is read by the first of them, answered by the second, and sent by the end of it.
const LOOKS: u8 = 2;

/// Ends the sleeps of one connection's task early.
#[derive(Debug)]
pub struct Alarm {
    rung: Notify,
    /// A relay may be in use.
    relays: AtomicBool,
    /// How many of the last sleeps were none.
    looked_again: AtomicU8,
}

impl Alarm {
    fn new(relays: bool) -> Self {
        Self { rung: Notify::new(), relays: relays.into(), looked_again: 0.into() }
    }

    /// The sleep there is, or the next one, ends.
    pub fn ring(&self) {
        self.rung.notify_one();
    }

    /// Whether what is sent may go through a relay.
    pub fn set_relays(&self, relays: bool) {
        self.relays.store(relays, Relaxed);
    }

    async fn sleep(self: Arc<Self>, duration: Duration, again: Option<u8>) {
        if let Some(again) = again {
            // Only if this sleep is what the task is woken by: what happens instead may put something aside again.
            self.looked_again.store(again, Relaxed);
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.rung.notified() => {}
        }
    }
}

/// Tokio, whose sleeps an [`Alarm`] ends early: to the crate an early timer is just another look at the clock.
#[derive(Debug)]
pub struct AlarmRuntime {
    tokio: TokioRuntime,
    alarm: Arc<Alarm>,
    names: Arc<Names>,
    streams: Arc<[StreamServer]>,
}

impl AlarmRuntime {
    /// The runtime of one connection, and its alarm. `ice` knows the servers the crate may ask for.
    pub fn new(ice: &Ice) -> (Arc<Self>, Arc<Alarm>) {
        let alarm = Arc::new(Alarm::new(ice.may_relay()));
        let (names, streams) = (ice.names(), ice.streams());
        (Arc::new(Self { tokio: TokioRuntime, alarm: alarm.clone(), names, streams }), alarm)
    }
}

impl Runtime for AlarmRuntime {
    #[track_caller]
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Box<dyn JoinHandle> {
        self.tokio.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        StreamSocket::around(self.tokio.wrap_udp_socket(socket)?, &self.streams, &self.names)
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.tokio.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, remote: SocketAddr) -> BoxFuture<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        self.tokio.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(self.names.resolve(host))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let looked_again = self.alarm.looked_again.swap(0, Relaxed);
        let again = (self.alarm.relays.load(Relaxed) && looked_again < LOOKS).then_some(looked_again + 1);
        Box::pin(self.alarm.clone().sleep(duration, again))
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.tokio.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.tokio.block_on(future);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the next sleep, of a second, is over at once.
    async fn is_over(alarm: &Arc<Alarm>, runtime: &AlarmRuntime) -> bool {
        let begun = tokio::time::Instant::now();
        runtime.sleep(Duration::from_secs(1)).await;
        assert_eq!(Arc::as_ptr(alarm), Arc::as_ptr(&runtime.alarm));
        begun.elapsed() < Duration::from_secs(1)
    }

    fn with(relays: bool) -> (AlarmRuntime, Arc<Alarm>) {
        let alarm = Arc::new(Alarm::new(relays));
        let runtime =
            AlarmRuntime { tokio: TokioRuntime, alarm: alarm.clone(), names: Arc::default(), streams: Arc::default() };
        (runtime, alarm)
    }

    #[tokio::test(start_paused = true)]
    async fn with_a_relay_the_task_looks_twice_more_before_it_sleeps() {
        let (runtime, alarm) = with(true);
        for _ in 0..3 {
            for _ in 0..LOOKS {
                assert!(is_over(&alarm, &runtime).await, "something may have been put aside");
            }
            assert!(!is_over(&alarm, &runtime).await, "nothing has happened since");
        }
        // Woken by something else than that sleep: it may have put something aside.
        assert!(is_over(&alarm, &runtime).await);
        drop(runtime.sleep(Duration::from_secs(1)));
        for _ in 0..LOOKS {
            assert!(is_over(&alarm, &runtime).await);
        }
        alarm.set_relays(false);
        assert!(!is_over(&alarm, &runtime).await);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_relay_only_the_alarm_ends_a_sleep() {
        let (runtime, alarm) = with(false);
        assert!(!is_over(&alarm, &runtime).await);
        alarm.ring();
        assert!(is_over(&alarm, &runtime).await);
        assert!(!is_over(&alarm, &runtime).await);
    }
}
