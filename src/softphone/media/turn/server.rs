//! Which TURN servers are reached over a stream.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    config::{IceConfig, IceUrl},
    net::dialer::Dialer,
};

/// A TURN server that is reached over a stream.
#[derive(Clone, Debug)]
pub struct StreamServer {
    /// Where it is.
    pub url: IceUrl,
    /// What the crate takes for its address.
    pub stands_for: SocketAddr,
    /// How it is reached.
    pub dialer: Dialer,
    /// Where on this machine the newest stream to it begins.
    source: Arc<Mutex<Option<IpAddr>>>,
}

impl StreamServer {
    /// All of them, in the order of the configuration. 0.0.0.1 and on stand for them: no host has such an address (RFC
    /// 6890), and nothing that got out by mistake would arrive anywhere.
    pub fn all(config: &IceConfig, dialer: &Dialer) -> Vec<Self> {
        let urls = config.servers.iter().flat_map(|server| &server.urls).filter(|url| url.is_stream());
        urls.zip(1..)
            .map(|(url, number)| Self {
                url: url.clone(),
                stands_for: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from_bits(number), 1)),
                dialer: dialer.clone(),
                source: Arc::default(),
            })
            .collect()
    }

    /// Where on this machine a stream to it begins, if there has been any.
    pub fn source(&self) -> Option<IpAddr> {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream begins there now.
    pub fn set_source(&self, source: Option<IpAddr>) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = source;
    }

    /// As the crate is to know it.
    pub fn offered(&self) -> String {
        format!("turn:{}?transport=udp", self.stands_for)
    }
}
