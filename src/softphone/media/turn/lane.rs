//! The stream to one TURN server, on behalf of one UDP socket of a connection: an allocation belongs to the connection it
//! was made on, and ends with it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{framing, outbox::Outbox, server::StreamServer};
use crate::{
    config::IceTransport,
    net::stream::{self, Duplex, Stream, StreamError},
    softphone::media::names::Names,
};

/// For name, TCP and TLS. Whoever waits for an answer waits less; a restart of ICE may come later.
const CONNECT: Duration = Duration::from_secs(8);

/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(500);

/// How long the last messages may take: an allocation is given back.
const LAST: Duration = Duration::from_secs(1);

/// A message of a server, and the address that stands for it.
pub type Received = (SocketAddr, Bytes);

/// Opens a stream when there is something to send, and again after it broke. Ends when it is dropped, after what was
/// pushed last has been sent.
#[derive(Debug)]
pub struct Lane {
    outbox: Arc<Outbox>,
}

impl Lane {
    /// Must be called inside a tokio runtime. What comes goes to `inbox`; what finds it full is thrown away.
    pub fn start(server: StreamServer, names: Arc<Names>, inbox: mpsc::Sender<Received>) -> Self {
        let outbox = Arc::new(Outbox::default());
        let lane = Self { outbox: outbox.clone() };
        tokio::spawn(async move {
            tokio::select! {
                () = keep(&server, &names, &outbox, &inbox) => {}
                // Nobody receives any more: the socket is gone.
                () = async { inbox.closed().await; sleep(LAST).await } => {}
            }
        });
        lane
    }

    /// A datagram for the server.
    pub fn push(&self, datagram: &[u8]) {
        self.outbox.push(datagram);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

async fn keep(server: &StreamServer, names: &Arc<Names>, outbox: &Outbox, inbox: &mpsc::Sender<Received>) {
    let url = &server.url;
    while outbox.needs_stream().await {
        match timeout(CONNECT, connect(server, names)).await {
            Ok(Ok(stream)) => {
                tracing::debug!(%url, "connected to a TURN server");
                outbox.open();
                server.set_source(stream.source);
                let end = carry(stream.io, server.stands_for, outbox, inbox).await;
                outbox.broken();
                match end {
                    Ok(()) => return,
                    Err(reason) => tracing::warn!(%url, reason, "the connection to a TURN server broke"),
                }
            }
            Ok(Err(error)) => tracing::warn!(%url, %error, "a TURN server is not reached"),
            Err(_) => tracing::warn!(%url, "a TURN server does not answer"),
        }
        sleep(AGAIN).await;
    }
}

async fn connect(server: &StreamServer, names: &Arc<Names>) -> Result<Stream, StreamError> {
    let host = server.url.authority();
    let secure = server.url.transport == IceTransport::Tls;
    stream::connect(&server.dialer, secure, &server.url.host, &host, names.resolve(&host)).await
}

/// Both ways until nothing comes any more from us; why it broke before.
async fn carry(
    stream: Box<dyn Duplex>,
    from: SocketAddr,
    outbox: &Outbox,
    inbox: &mpsc::Sender<Received>,
) -> Result<(), String> {
    let (mut read, mut write) = tokio::io::split(stream);
    let reading = async {
        let mut buffer = BytesMut::new();
        loop {
            match read.read_buf(&mut buffer).await {
                Ok(0) => return Err("connection closed".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(crate::net::fault::reason(&error)),
            }
            while let Some(message) = framing::take(&mut buffer).map_err(|error| error.to_string())? {
                // A full inbox: nobody takes sound at the speed at which it comes, and nothing may wait here.
                inbox.try_send((from, message)).unwrap_or_default();
            }
        }
    };
    let writing = async {
        while let Some(message) = outbox.next().await {
            write.write_all(&message).await?;
            write.flush().await?;
        }
        write.shutdown().await
    };
    tokio::select! {
        end = reading => end,
        end = writing => end.map_err(|error| crate::net::fault::reason(&error)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        config::{IceConfig, IceServer},
        net::{
            dialer::Dialer,
            testing::{SOON, accept},
            tls::Tls,
        },
    };

    const SOUND: [u8; 9] = [0x40, 0, 0, 5, 1, 2, 3, 4, 5];

    fn allocate(id: u8) -> Vec<u8> {
        [&b"\x00\x03\x00\x00\x21\x12\xa4\x42"[..], &[id; 12]].concat()
    }

    #[tokio::test]
    async fn a_stream_is_opened_for_an_allocate_and_again_after_it_broke() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("turn:{}?transport=tcp", listener.local_addr().unwrap()).parse().unwrap();
        let servers = vec![IceServer { urls: vec![url], username: None, credential: None }];
        let config = IceConfig { servers, ..IceConfig::default() };
        let server = StreamServer::all(&config, &Dialer::direct(Tls::new(None).unwrap())).pop().unwrap();
        let (sender, mut inbox) = mpsc::channel(8);
        let lane = Lane::start(server.clone(), Arc::default(), sender);

        lane.push(&allocate(1));
        let mut stream = accept(&listener).await;
        let mut request = [0; 20];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(&request[..], allocate(1));
        assert_eq!(server.source(), Some("127.0.0.1".parse().unwrap()), "what the call's path stands on");
        lane.push(&SOUND);
        let mut padded = [0xff; 12];
        stream.read_exact(&mut padded).await.unwrap();
        assert_eq!((&padded[..9], &padded[9..]), (&SOUND[..], &[0; 3][..]));
        stream.write_all(&padded).await.unwrap();
        let received = timeout(SOON, inbox.recv()).await.unwrap().unwrap();
        assert_eq!((received.0, &received.1[..]), (server.stands_for, &SOUND[..]));

        // The server goes in the middle of a message; the next allocation is on a stream of its own.
        stream.write_all(&padded[..6]).await.unwrap();
        drop(stream);
        let mut stream = loop {
            lane.push(&allocate(2));
            if let Ok(accepted) = timeout(Duration::from_millis(100), listener.accept()).await {
                break accepted.unwrap().0;
            }
        };
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(&request[..], allocate(2));

        // What was pushed last is sent before the end.
        lane.push(&SOUND);
        drop(lane);
        let mut rest = Vec::new();
        timeout(SOON, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert_eq!(rest, padded);
    }
}
