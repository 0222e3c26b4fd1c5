//! Tokio for the `webrtc` crate, with an alarm clock.
//!
//! When ICE comes up, the crate's task puts the first DTLS message aside and goes to sleep; it is sent when the next ICE
//! timer wakes it, up to a whole check interval later (`webrtc.md` 2). This runtime can end that sleep at once. Its UDP
//! sockets reach TURN servers over TCP and TLS, too.

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

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

/// Tokio, whose sleeps [`Self::alarm`] ends early: to the crate an early timer is just another look at the clock.
#[derive(Debug)]
pub struct AlarmRuntime {
    tokio: TokioRuntime,
    alarm: Arc<Notify>,
    names: Arc<Names>,
    streams: Arc<[StreamServer]>,
}

impl AlarmRuntime {
    /// The runtime of one connection, and its alarm. `ice` knows the servers the crate may ask for.
    pub fn new(ice: &Ice) -> (Arc<Self>, Arc<Notify>) {
        let alarm = Arc::new(Notify::new());
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
        let (sleep, alarm) = (tokio::time::sleep(duration), self.alarm.clone());
        Box::pin(async move {
            tokio::select! {
                () = sleep => {}
                () = alarm.notified() => {}
            }
        })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.tokio.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.tokio.block_on(future);
    }
}
