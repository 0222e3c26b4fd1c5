//! A UDP socket that reaches some servers over streams.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use tokio::sync::mpsc;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::{
    lane::{Lane, Received},
    server::StreamServer,
};
use crate::softphone::media::names::Names;

/// Messages that may wait to be received: a burst after a stall of TCP.
const INBOX: usize = 64;

/// What goes to an address that stands for a server goes to its stream, and what comes from there comes from that address;
/// all else is as it was.
#[derive(Debug)]
pub struct StreamSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    servers: Vec<(SocketAddr, Option<Lane>)>,
    inbox: Mutex<mpsc::Receiver<Received>>,
}

impl StreamSocket {
    /// Must be called inside a tokio runtime. Each server gets one stream a connection: only the socket on 127.0.0.1,
    /// which every connection has, opens it. To the others these servers are not reachable.
    pub fn around(
        inner: Arc<dyn AsyncUdpSocket>,
        servers: &[StreamServer],
        names: &Arc<Names>,
    ) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        if servers.is_empty() || inner.local_addr()?.is_ipv6() {
            return Ok(inner);
        }
        let carries = matches!(inner.local_addr()?.ip(), IpAddr::V4(address) if address.is_loopback());
        let (sender, inbox) = mpsc::channel(INBOX);
        let lane = |server: &StreamServer| Lane::start(server.clone(), names.clone(), sender.clone());
        let servers = servers.iter().map(|server| (server.stands_for, carries.then(|| lane(server)))).collect();
        Ok(Arc::new(Self { inner, servers, inbox: Mutex::new(inbox) }))
    }

    /// The next message of a stream; one that does not fit is lost, as a datagram would be.
    fn poll_streams(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Option<RecvMeta>> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match inbox.poll_recv(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some((from, message))) => {
                    let Some(room) = buffer.get_mut(..message.len()) else { continue };
                    room.copy_from_slice(&message);
                    let mut meta = RecvMeta::default();
                    meta.addr = from;
                    meta.len = message.len();
                    meta.stride = message.len().max(1);
                    return Poll::Ready(Some(meta));
                }
            }
        }
    }
}

impl AsyncUdpSocket for StreamSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        match self.servers.iter().find(|(stands_for, _)| *stands_for == transmit.destination) {
            None => self.inner.poll_send(cx, transmit),
            Some((_, None)) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "this TURN server is reached over a stream, by another socket",
            ))),
            Some((_, Some(lane))) => {
                let contents = transmit.contents;
                for datagram in contents.chunks(transmit.segment_size.unwrap_or(contents.len()).max(1)) {
                    lane.push(datagram);
                }
                Poll::Ready(Ok(contents.len()))
            }
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if let (Some(buffer), Some(slot)) = (bufs.first_mut(), meta.first_mut())
            && let Poll::Ready(Some(received)) = self.poll_streams(cx, buffer)
        {
            *slot = received;
            return Poll::Ready(Ok(1));
        }
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}
