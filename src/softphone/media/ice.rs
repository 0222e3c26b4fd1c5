//! What every connection needs to find a path: STUN and TURN servers with their passwords and addresses, kept ready, so
//! that no call waits for a name server or a command.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use secrecy::ExposeSecret;
use tokio::{sync::watch, task::JoinHandle};
use webrtc::peer_connection::{
    RTCCertificate, RTCConfiguration, RTCConfigurationBuilder, RTCIceServer, RTCIceTransportPolicy,
};

use super::network::Network;
use crate::config::{IceConfig, IcePolicy, token};

/// Between two looks at passwords and names.
const REFRESH_EVERY: Duration = Duration::from_secs(600);

/// The same after one that failed.
const REFRESH_SOON: Duration = Duration::from_secs(30);

/// How long a call may wait for a name that is not known yet: the crate does nothing else meanwhile.
const NAME_PATIENCE: Duration = Duration::from_millis(200);

/// How long a name server may take, while nobody waits.
const NAME_DEADLINE: Duration = Duration::from_secs(10);

/// The servers and their surroundings. Asks for them in a task of its own until it is dropped.
pub struct Ice {
    config: IceConfig,
    network: Network,
    names: Arc<Names>,
    servers: watch::Receiver<Option<Vec<RTCIceServer>>>,
    task: Option<JoinHandle<()>>,
}

impl Ice {
    /// Begins to ask for passwords and addresses, if there are servers. Must be called inside a tokio runtime.
    pub fn start(config: IceConfig, network: Network) -> Self {
        let names = Arc::new(Names::default());
        let (tell, servers) = watch::channel(None);
        let task = if config.servers.is_empty() {
            tell.send_replace(Some(Vec::new()));
            None
        } else {
            Some(tokio::spawn(keep_ready(config.clone(), names.clone(), tell)))
        };
        Self { config, network, names, servers, task }
    }

    /// How long a description of ours waits for the servers.
    pub fn patience(&self) -> Duration {
        self.config.gather
    }

    /// Whether TCP is used besides.
    pub fn tcp(&self) -> bool {
        self.config.tcp && self.config.policy == IcePolicy::All
    }

    /// The addresses of this machine.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The names of the servers.
    pub fn names(&self) -> Arc<Names> {
        self.names.clone()
    }

    /// The configuration of a connection. Waits, within [`Self::patience`], for passwords that are not there yet.
    pub async fn configuration(&self, certificate: RTCCertificate) -> RTCConfiguration {
        let mut servers = self.servers.clone();
        let ready = tokio::time::timeout(self.config.gather, servers.wait_for(Option::is_some)).await;
        let servers = match ready {
            Ok(Ok(servers)) => servers.clone().unwrap_or_default(),
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("the STUN and TURN servers' passwords are not there in time; going on without");
                Vec::new()
            }
        };
        RTCConfigurationBuilder::new()
            .with_ice_servers(servers)
            .with_ice_transport_policy(match self.config.policy {
                IcePolicy::All => RTCIceTransportPolicy::All,
                IcePolicy::Relay => RTCIceTransportPolicy::Relay,
            })
            .with_certificates(vec![certificate])
            .build()
    }
}

impl Drop for Ice {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn keep_ready(config: IceConfig, names: Arc<Names>, tell: watch::Sender<Option<Vec<RTCIceServer>>>) {
    loop {
        let mut complete = true;
        let mut servers = Vec::new();
        for server in &config.servers {
            let credential = match &server.credential {
                None => Some(String::new()),
                Some(source) => match token::first_line(source).await {
                    Ok(secret) => Some(secret.expose_secret().to_owned()),
                    Err(error) => {
                        let url = server.urls.first().map(ToString::to_string).unwrap_or_default();
                        tracing::warn!(%error, url, "no password for a TURN server; it is left out");
                        complete = false;
                        None
                    }
                },
            };
            if let Some(credential) = credential {
                servers.push(RTCIceServer {
                    urls: server.urls.iter().map(ToString::to_string).collect(),
                    username: server.username.clone().unwrap_or_default(),
                    credential,
                });
            }
        }
        tell.send_replace(Some(servers));
        for url in config.servers.iter().flat_map(|server| &server.urls) {
            complete &= names.look_up(&url.authority()).await.is_ok();
        }
        tokio::time::sleep(if complete { REFRESH_EVERY } else { REFRESH_SOON }).await;
    }
}

/// Names of servers and their addresses, as far as they are known.
#[derive(Debug, Default)]
pub struct Names {
    known: Mutex<HashMap<String, Vec<SocketAddr>>>,
}

impl Names {
    /// The addresses of `host:port`: at once if they are known, else after a short wait or not at all.
    ///
    /// # Errors
    /// Not known in time.
    pub async fn resolve(self: &Arc<Self>, authority: &str) -> io::Result<Vec<SocketAddr>> {
        if let Some(address) = literal(authority) {
            return Ok(vec![address]);
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(authority).cloned();
        if let Some(addresses) = known {
            return Ok(addresses);
        }
        // Goes on when we do not wait any longer: the next call may need it.
        let (names, name) = (self.clone(), authority.to_owned());
        let search = tokio::spawn(async move { names.look_up(&name).await });
        match tokio::time::timeout(NAME_PATIENCE, search).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => Err(io::Error::other("the search for the name broke off")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the name server is slow")),
        }
    }

    async fn look_up(&self, authority: &str) -> io::Result<Vec<SocketAddr>> {
        if let Some(address) = literal(authority) {
            return Ok(vec![address]);
        }
        let search = tokio::time::timeout(NAME_DEADLINE, tokio::net::lookup_host(authority)).await;
        let found = search
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no name server answers")))
            .inspect_err(
                |error| tracing::warn!(%error, authority, "the address of a STUN or TURN server is not known"),
            )?
            .collect::<Vec<_>>();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(authority.to_owned(), found.clone());
        Ok(found)
    }
}

/// An address with a port; the crate writes IPv6 ones without brackets.
fn literal(authority: &str) -> Option<SocketAddr> {
    authority.parse().ok().or_else(|| {
        let (host, port) = authority.rsplit_once(':')?;
        let host: IpAddr = host.parse().ok()?;
        Some(SocketAddr::new(host, port.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{IceServer, TokenSource};

    #[tokio::test]
    async fn addresses_are_their_own_names() {
        let names = Arc::new(Names::default());
        for (authority, address) in [
            ("192.0.2.1:3478", "192.0.2.1:3478"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
            ("2001:db8::1:80", "[2001:db8::1]:80"),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(names.resolve(authority).await.unwrap(), [address], "{authority}");
        }
        let local = names.resolve("localhost:3478").await.unwrap();
        assert!(!local.is_empty() && local.iter().all(|address| address.ip().is_loopback()), "{local:?}");
        assert_eq!(names.resolve("localhost:3478").await.unwrap(), local, "and now without asking");
    }

    #[tokio::test]
    async fn passwords_come_from_where_the_config_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "from-file\nmore\n").unwrap();
        let server = |credential| IceServer {
            urls: vec!["turn:127.0.0.1:9".parse().unwrap()],
            username: Some("agent".into()),
            credential: Some(credential),
        };
        let config = IceConfig {
            servers: vec![
                server(TokenSource::File(path)),
                server(TokenSource::Command(vec!["echo".into(), "printed".into()])),
                server(TokenSource::Command(vec!["false".into()])),
                server(TokenSource::Inline("written".to_owned().into())),
            ],
            gather: Duration::from_secs(5),
            ..IceConfig::default()
        };
        let ice = Ice::start(config, Network::system(true));
        let configuration = ice.configuration(super::super::peer::certificate().unwrap()).await;
        let passwords: Vec<_> = configuration.ice_servers().iter().map(|server| server.credential.as_str()).collect();
        assert_eq!(passwords, ["from-file", "printed", "written"], "one without password is left out");
    }
}
