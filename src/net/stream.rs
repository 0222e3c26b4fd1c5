//! A connection over TCP or TLS that carries packets of sound: what cannot leave at once is to wait where it can still be
//! thrown away, not in the buffers of the system and of TLS, where it would arrive seconds late.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use rustls::pki_types::ServerName;
use socket2::SockRef;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{
    dialer::{DialError, Dialer},
    fault,
};
use crate::i18n::Message;

/// What may wait unsent in the system, in bytes: some 100 ms of G.711, 200 ms of Opus.
const UNSENT: u32 = 1024;

/// What may wait unsent in TLS, in bytes: one record with any packet.
const UNENCRYPTED: usize = 2048;

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum StreamError {
    /// No connection, or it broke.
    #[error("no connection to {host}: {reason}")]
    Connect {
        /// Name and port of the server.
        host: String,
        /// What the network said.
        reason: String,
    },
    /// The server's certificate was refused.
    #[error("the certificate of {host} was refused: {reason}")]
    Certificate {
        /// Name and port of the server, or of the proxy before it.
        host: String,
        /// Why.
        reason: String,
    },
}

impl StreamError {
    /// What is told to the agent.
    pub fn message(&self) -> Message {
        match self {
            StreamError::Connect { host, reason } => {
                Message::new("net.connect").with("host", host).with("reason", reason)
            }
            StreamError::Certificate { host, reason } => {
                Message::new("net.certificate").with("host", host).with("reason", reason)
            }
        }
    }
}

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// An open connection, and where on this machine it begins.
pub struct Stream {
    /// Both ways.
    pub io: Box<dyn Duplex>,
    /// The address the system has chosen.
    pub source: Option<IpAddr>,
}

/// Opens a connection to `host` (`name:port`), at the first of `addresses` that answers or through a proxy, which looks
/// for them itself. With `secure`, the server has to be `name` by its certificate.
///
/// # Errors
/// See [`StreamError`].
pub async fn connect(
    dialer: &Dialer,
    secure: bool,
    name: &str,
    host: &str,
    addresses: impl Future<Output = io::Result<Vec<SocketAddr>>>,
) -> Result<Stream, StreamError> {
    let broken = |reason: String| StreamError::Connect { host: host.to_owned(), reason };
    let socket = dialer.dial_found(host, addresses).await.map_err(|error| match error {
        DialError::Certificate { proxy, reason } => StreamError::Certificate { host: proxy, reason },
        error @ (DialError::Network(_) | DialError::Proxy { .. }) => broken(error.to_string()),
    })?;
    keep_short(socket.get_ref());
    let source = socket.get_ref().local_addr().ok().map(|address| address.ip());
    if !secure {
        return Ok(Stream { io: Box::new(socket), source });
    }
    let name = ServerName::try_from(name.to_owned()).map_err(|error| broken(error.to_string()))?;
    let connector = TlsConnector::from(dialer.tls.config.clone());
    let mut stream =
        connector.connect(name, socket).await.map_err(|error| match fault::certificate_reason(&error) {
            Some(reason) => StreamError::Certificate { host: host.to_owned(), reason },
            None => broken(fault::reason(&error)),
        })?;
    stream.get_mut().1.set_buffer_limit(Some(UNENCRYPTED));
    Ok(Stream { io: Box::new(stream), source })
}

/// Has the system say "not now" early.
fn keep_short(socket: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = SockRef::from(socket).set_tcp_notsent_lowat(UNSENT) {
        tracing::debug!(%error, "how much may wait in a connection cannot be set");
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    if let Err(error) = SockRef::from(socket).set_send_buffer_size(16 * UNSENT as usize) {
        tracing::debug!(%error, "how much may wait in a connection cannot be set");
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::net::{
        testing::{Authority, SOON, dead_port},
        tls::Tls,
    };

    /// What a client with trust in `ca` gets of a server with a certificate of `signer` for `name`.
    async fn echoed(ca: &Authority, signer: &Authority, name: &str) -> Result<(), StreamError> {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(ca.pem().as_bytes()).unwrap();
        let tls = Tls::new(Some(file.path())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(signer.server(name));
        let server = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            // A client that refuses the certificate is an error here.
            if let Ok(mut stream) = acceptor.accept(socket).await {
                let mut four = [0; 4];
                stream.read_exact(&mut four).await.unwrap();
                stream.write_all(&four).await.unwrap();
            }
        });
        let Stream { io: mut stream, source } =
            connect(&Dialer::direct(tls), true, "localhost", "localhost:1", async { Ok(vec![address]) }).await?;
        assert_eq!(source, Some(address.ip()));
        stream.write_all(b"ping").await.unwrap();
        let mut four = [0; 4];
        tokio::time::timeout(SOON, stream.read_exact(&mut four)).await.unwrap().unwrap();
        assert_eq!(&four, b"ping");
        server.await.unwrap();
        Ok(())
    }

    #[tokio::test]
    async fn the_certificate_has_to_be_the_named_servers_and_of_a_trusted_authority() {
        let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
        echoed(&ours, &ours, "localhost").await.unwrap();
        for (signer, name) in [(&theirs, "localhost"), (&ours, "example.test")] {
            let refused = echoed(&ours, signer, name).await.unwrap_err();
            assert!(matches!(&refused, StreamError::Certificate { .. }), "{name}: {refused}");
        }
    }

    #[tokio::test]
    async fn a_dead_port_is_told_with_its_name() {
        let dialer = Dialer::direct(Tls::new(None).unwrap());
        let found = async { Ok(vec![dead_port()]) };
        let error = connect(&dialer, false, "localhost", "localhost:443", found).await.err().unwrap();
        assert_eq!(error.to_string(), "no connection to localhost:443: connection refused");
    }
}
