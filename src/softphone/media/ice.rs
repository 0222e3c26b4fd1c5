//! What every connection needs to find a path: STUN and TURN servers with their passwords and addresses, kept ready, so
//! that no call waits for a name server or a command.

use std::{sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use tokio::{sync::watch, task::JoinHandle};
use webrtc::peer_connection::{
    RTCCertificate, RTCConfiguration, RTCConfigurationBuilder, RTCIceServer, RTCIceTransportPolicy,
};

use super::{names::Names, network::Network, turn::StreamServer};
use crate::{
    config::{IceConfig, IcePolicy, IceUrl, token},
    net::dialer::Dialer,
};

/// Between two looks at passwords and names.
const REFRESH_EVERY: Duration = Duration::from_secs(600);

/// The same after one that failed.
const REFRESH_SOON: Duration = Duration::from_secs(30);

/// The servers and their surroundings. Asks for them in a task of its own until it is dropped.
pub struct Ice {
    config: IceConfig,
    network: Network,
    names: Arc<Names>,
    streams: Arc<[StreamServer]>,
    servers: watch::Receiver<Option<Vec<RTCIceServer>>>,
    task: Option<JoinHandle<()>>,
}

impl Ice {
    /// Without any servers.
    pub fn alone(network: Network) -> Self {
        Self::without_servers(IceConfig::default(), network)
    }

    fn without_servers(config: IceConfig, network: Network) -> Self {
        let (_, servers) = watch::channel(Some(Vec::new()));
        Self { config, network, names: Arc::default(), streams: Arc::default(), servers, task: None }
    }

    /// Begins to ask for passwords and addresses, if there are servers. `dialer` reaches those over TCP and TLS. Must
    /// be called inside a tokio runtime.
    pub fn start(config: IceConfig, network: Network, dialer: &Dialer) -> Self {
        if config.servers.is_empty() {
            return Self::without_servers(config, network);
        }
        let names = Arc::new(Names::default());
        let streams: Arc<[StreamServer]> = StreamServer::all(&config, dialer).into();
        let (tell, servers) = watch::channel(None);
        let task = Some(tokio::spawn(keep_ready(config.clone(), names.clone(), streams.clone(), tell)));
        Self { config, network, names, streams, servers, task }
    }

    /// How long a description of ours waits for the servers.
    pub fn patience(&self) -> Duration {
        self.config.gather
    }

    /// Whether TCP is used besides.
    pub fn tcp(&self) -> bool {
        self.config.tcp && self.config.policy == IcePolicy::All
    }

    /// Whether a relay may be used.
    pub fn may_relay(&self) -> bool {
        self.config.servers.iter().flat_map(|server| &server.urls).any(|url| url.turn)
    }

    /// The addresses of this machine.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The names of the servers.
    pub fn names(&self) -> Arc<Names> {
        self.names.clone()
    }

    /// The TURN servers that are reached over a stream.
    pub fn streams(&self) -> Arc<[StreamServer]> {
        self.streams.clone()
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

async fn keep_ready(
    config: IceConfig,
    names: Arc<Names>,
    streams: Arc<[StreamServer]>,
    tell: watch::Sender<Option<Vec<RTCIceServer>>>,
) {
    let offered = |url: &IceUrl| {
        let stream = streams.iter().find(|server| server.url == *url);
        stream.map_or_else(|| url.to_string(), StreamServer::offered)
    };
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
                    urls: server.urls.iter().map(offered).collect(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{IceServer, TokenSource},
        net::tls::Tls,
    };

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
        let ice = Ice::start(config, Network::system(true), &Dialer::direct(Tls::new(None).unwrap()));
        let configuration = ice.configuration(super::super::peer::certificate().unwrap()).await;
        let passwords: Vec<_> = configuration.ice_servers().iter().map(|server| server.credential.as_str()).collect();
        assert_eq!(passwords, ["from-file", "printed", "written"], "one without password is left out");
    }
}
