//! How connections leave this machine: whom to trust, and through which proxy.

use std::{io, net::SocketAddr};

use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::MaybeTlsStream;
use url::Host;

use super::{
    dial::{dial, dial_any},
    fault,
    proxy::{AGENT, Hop, Proxy, TunnelError},
    tls::Tls,
};

/// A connection to a server, with TLS where it goes through a proxy that is spoken to over TLS.
pub type Socket = MaybeTlsStream<TcpStream>;

/// Opens connections; cheap to clone, one for the program.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// Whom to trust.
    pub tls: Tls,
    proxy: Proxy,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub(super) enum DialError {
    /// The network's reason, on the direct way.
    #[error("{}", fault::io_reason(.0))]
    Network(io::Error),
    /// The proxy cannot be reached.
    #[error("the proxy {proxy}: {reason}")]
    Proxy {
        /// Its name and port.
        proxy: String,
        /// Why.
        reason: String,
    },
    /// The proxy's certificate was refused.
    #[error("the certificate of the proxy {proxy}: {reason}")]
    Certificate {
        /// Its name and port.
        proxy: String,
        /// Why.
        reason: String,
    },
}

impl DialError {
    /// Whether nothing was even tried at the server: no name, no route.
    pub fn is_ours(&self) -> bool {
        matches!(self, DialError::Network(error) if fault::is_ours(error))
    }
}

impl Dialer {
    /// With a proxy as configured.
    pub fn new(tls: Tls, proxy: Proxy) -> Self {
        Self { tls, proxy }
    }

    /// Without a proxy.
    pub fn direct(tls: Tls) -> Self {
        Self::new(tls, Proxy::default())
    }

    /// The settings that every HTTP client here begins with: trust, proxy, and the name of this program.
    pub fn http(&self) -> reqwest::ClientBuilder {
        let client = reqwest::Client::builder().tls_backend_preconfigured(self.tls.config.as_ref().clone());
        self.proxy.set_up(client.user_agent(AGENT))
    }

    /// The proxy that a connection to `authority` (`host:port`) goes through, `host:port`; `secure` with TLS.
    pub fn proxy_for(&self, secure: bool, authority: &str) -> Option<String> {
        Some(self.proxy.hop_to(secure, authority)?.authority())
    }

    /// A connection to a server, on which TLS is to be spoken if `secure`. A proxy looks up the name itself.
    pub(super) async fn dial(&self, secure: bool, host: &Host<&str>, port: u16) -> Result<Socket, DialError> {
        match self.proxy.hop_to(secure, &format!("{host}:{port}")) {
            None => dial(host, port).await.map(MaybeTlsStream::Plain).map_err(DialError::Network),
            Some(hop) => self.through(&hop, &format!("{host}:{port}")).await,
        }
    }

    /// As [`Self::dial`], always with TLS for the proxy's choice, to a server whose addresses somebody else finds.
    /// `authority` is its `host:port`.
    pub(super) async fn dial_found(
        &self,
        authority: &str,
        addresses: impl Future<Output = io::Result<Vec<SocketAddr>>>,
    ) -> Result<Socket, DialError> {
        match self.proxy.hop_to(true, authority) {
            None => dial_any(addresses.await.map_err(DialError::Network)?)
                .await
                .map(MaybeTlsStream::Plain)
                .map_err(DialError::Network),
            Some(hop) => self.through(&hop, authority).await,
        }
    }

    async fn through(&self, hop: &Hop, target: &str) -> Result<Socket, DialError> {
        let proxy = hop.authority();
        let failed = |reason: String| DialError::Proxy { proxy: proxy.clone(), reason };
        let host = match &hop.host {
            Host::Domain(name) => Host::Domain(name.as_str()),
            Host::Ipv4(address) => Host::Ipv4(*address),
            Host::Ipv6(address) => Host::Ipv6(*address),
        };
        let socket = dial(&host, hop.port).await.map_err(|error| failed(fault::io_reason(&error)))?;
        let socket = if hop.secure {
            let name = match host {
                Host::Domain(name) => {
                    ServerName::try_from(name.to_owned()).map_err(|error| failed(error.to_string()))?
                }
                Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(address)),
                Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(address)),
            };
            let stream = TlsConnector::from(self.tls.config.clone()).connect(name, socket).await;
            MaybeTlsStream::Rustls(stream.map_err(|error| match fault::certificate_reason(&error) {
                Some(reason) => DialError::Certificate { proxy: proxy.clone(), reason },
                None => failed(fault::reason(&error)),
            })?)
        } else {
            MaybeTlsStream::Plain(socket)
        };
        tracing::debug!(proxy, target, "asking a proxy for a tunnel");
        hop.tunnel(socket, target).await.map_err(|error: TunnelError| failed(error.to_string()))
    }
}
