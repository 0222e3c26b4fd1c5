//! `[ice]`: the STUN and TURN servers, and what is used to find a path to the far end.

use std::{fmt, net::Ipv6Addr, time::Duration};

use secrecy::SecretString;

use super::{
    IceConfig, IcePolicy, IceServer, IceTransport, IceUrl, TokenSource,
    section::Section,
    tree::{Entry, Kind, Node, Place},
};
use crate::i18n::Message;

/// Port of STUN and TURN without TLS (RFC 7064 3.2, RFC 7065 3.2).
const DEFAULT_PORT: u16 = 3478;

/// The same with TLS (RFC 7065 3.2).
const DEFAULT_TLS_PORT: u16 = 5349;

/// How long an answer waits where a TURN server is reached over TCP or TLS and nothing else is said: opening the
/// connection takes up to three round trips more than asking over UDP, and behind a firewall there is no other path.
const STREAM_GATHER: Duration = Duration::from_millis(1000);

/// Keys of one of the `servers`.
pub(super) const SERVER_KEYS: &[&str] = &["urls", "username", "credential", "credential_file", "credential_command"];

/// Name of the table of one server, for messages.
pub(super) const SERVER: &str = "ice.servers";

pub(super) fn ice(mut table: Section<'_>) -> IceConfig {
    let default = IceConfig::default();
    let policies = [("all", IcePolicy::All), ("relay", IcePolicy::Relay)];
    let policy_place = table.place("policy");
    let mut servers = Vec::new();
    for item in table.items("servers", "config.ice_servers").unwrap_or_default() {
        match item.typed() {
            Node { kind: Kind::Table(entries), place } => servers.extend(server(&table, entries, place)),
            Node { place, .. } => table.problem(place, Message::new("config.ice_server")),
        }
    }
    let policy = table.choice("policy", &policies).unwrap_or(default.policy);
    if policy == IcePolicy::Relay
        && !servers.iter().any(|server| server.urls.iter().any(|url| url.turn))
        && let Some(place) = policy_place
    {
        table.problem(place, Message::new("config.ice_relay_alone"));
    }
    let over_a_stream = servers.iter().any(|server| server.urls.iter().any(IceUrl::is_stream));
    let usual = if over_a_stream { STREAM_GATHER } else { default.gather };
    let limit = table.whole("gather_ms", 100, 5000).map(|ms| Duration::from_millis(ms.into()));
    IceConfig {
        servers,
        policy,
        tcp: table.boolean("tcp").unwrap_or(default.tcp),
        ipv6: table.boolean("ipv6").unwrap_or(default.ipv6),
        gather: limit.unwrap_or(usual),
    }
}

fn server(table: &Section<'_>, entries: Vec<Entry>, place: Place) -> Option<IceServer> {
    let mut section = table.inner(SERVER, entries);
    let mut urls: Vec<IceUrl> = Vec::new();
    let nodes = addresses(&mut section);
    let names_none = nodes.is_empty();
    for node in nodes {
        let place = node.place.clone();
        match node.into_string().map(|text| text.parse()) {
            Ok(Ok(url)) => urls.push(url),
            Ok(Err(problem)) => section.problem(place, problem),
            Err(_) => section.problem(place, Message::new("config.ice_server")),
        }
    }
    let username = section.string("username").map(|(text, _)| text);
    let given: Vec<_> = ["credential", "credential_file", "credential_command"]
        .into_iter()
        .filter_map(|key| section.place(key).map(|place| (key, place)))
        .collect();
    if let [_, (key, place), ..] = given.as_slice() {
        section.problem(place.clone(), Message::new("config.ice_credential_twice").with("key", key));
    }
    let inline = section.string("credential").map(|(text, _)| TokenSource::Inline(SecretString::from(text)));
    let file = section.existing_file("credential_file").map(TokenSource::File);
    let command = section.command("credential_command").map(TokenSource::Command);
    let credential = inline.or(file).or(command);
    if urls.is_empty() && names_none {
        section.problem(place, Message::new("config.ice_server"));
        return None;
    }
    if let Some(url) = urls.iter().find(|url| url.turn)
        && (username.is_none() || given.is_empty())
    {
        section.problem(place, Message::new("config.ice_turn_needs_credential").with("url", url));
        return None;
    }
    Some(IceServer { urls, username, credential })
}

/// One address, or a list of them.
fn addresses(section: &mut Section<'_>) -> Vec<Node> {
    match section.take("urls").map(Node::typed) {
        Some(Node { kind: Kind::Array(items), .. }) => items,
        Some(node) => vec![node],
        None => Vec::new(),
    }
}

impl std::str::FromStr for IceUrl {
    type Err = Message;

    /// `stun:host[:port]`, `turn:host[:port][?transport=udp|tcp]` and `turns:host[:port][?transport=tcp]` (RFC 7064,
    /// RFC 7065). What the program cannot do, STUN over TCP or TLS and TURN over DTLS, is refused with a word about it.
    fn from_str(text: &str) -> Result<Self, Message> {
        let bad = || Message::new("config.ice_url").with("value", text.split('@').next_back().unwrap_or_default());
        let unusable = |key| Err(Message::new(key).with("value", text.trim()));
        let (scheme, rest) = text.trim().split_once(':').ok_or_else(bad)?;
        let (address, query) = rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
        let transport = match query.map(str::to_ascii_lowercase) {
            None => None,
            Some(query) => Some(query.strip_prefix("transport=").ok_or_else(bad)?.to_owned()),
        };
        let (turn, transport) = match (scheme.to_ascii_lowercase().as_str(), transport.as_deref()) {
            ("stun", None | Some("udp")) => (false, IceTransport::Udp),
            ("turn", None | Some("udp")) => (true, IceTransport::Udp),
            ("turn", Some("tcp")) => (true, IceTransport::Tcp),
            ("turns", None | Some("tcp")) => (true, IceTransport::Tls),
            ("stun", Some("tcp" | "tls")) | ("stuns", _) => return unusable("config.ice_stun_transport"),
            ("turn", Some("tls")) => return unusable("config.ice_turn_tls"),
            ("turns", Some("udp")) => return unusable("config.ice_turn_dtls"),
            _ => return Err(bad()),
        };
        let (host, port) = if let Some(rest) = address.strip_prefix('[') {
            let (host, port) = rest.split_once(']').ok_or_else(bad)?;
            host.parse::<Ipv6Addr>().map_err(|_| bad())?;
            (host, port.strip_prefix(':').or((!port.is_empty()).then_some("?")))
        } else {
            address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port)))
        };
        let default_port = if transport == IceTransport::Tls { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
        let port = port.map_or(Ok(default_port), str::parse).ok().filter(|port| *port != 0).ok_or_else(bad)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if host.is_empty() || !(host.chars().all(is_name) || host.parse::<Ipv6Addr>().is_ok()) {
            return Err(bad());
        }
        Ok(IceUrl { turn, transport, host: host.to_owned(), port })
    }
}

impl IceUrl {
    /// Whether a connection has to be opened to it.
    pub fn is_stream(&self) -> bool {
        matches!(self.transport, IceTransport::Tcp | IceTransport::Tls)
    }

    /// `host:port`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for IceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority();
        match (self.turn, self.transport) {
            (false, _) => write!(f, "stun:{authority}"),
            (true, IceTransport::Udp) => write!(f, "turn:{authority}?transport=udp"),
            (true, IceTransport::Tcp) => write!(f, "turn:{authority}?transport=tcp"),
            (true, IceTransport::Tls) => write!(f, "turns:{authority}?transport=tcp"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_servers_are_read() {
        for (text, shown) in [
            ("stun:stun.example.test", "stun:stun.example.test:3478"),
            ("STUN:192.0.2.1:19302", "stun:192.0.2.1:19302"),
            ("stun:stun.example.test:3478?transport=udp", "stun:stun.example.test:3478"),
            ("turn:turn.example.test", "turn:turn.example.test:3478?transport=udp"),
            (" turn:turn.example.test:80?transport=udp ", "turn:turn.example.test:80?transport=udp"),
            ("turn:[2001:db8::1]:80", "turn:[2001:db8::1]:80?transport=udp"),
            ("stun:[2001:db8::1]", "stun:[2001:db8::1]:3478"),
            ("turn:turn.example.test?transport=tcp", "turn:turn.example.test:3478?transport=tcp"),
            ("turn:turn.example.test:80?TRANSPORT=TCP", "turn:turn.example.test:80?transport=tcp"),
            ("turns:turn.example.test", "turns:turn.example.test:5349?transport=tcp"),
            ("TURNS:turn.example.test:443?transport=tcp", "turns:turn.example.test:443?transport=tcp"),
            ("turns:[2001:db8::1]:443", "turns:[2001:db8::1]:443?transport=tcp"),
        ] {
            let url: IceUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(url), "what is shown can be read again");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        for (text, key) in [
            ("turns:turn.example.test?transport=udp", "config.ice_turn_dtls"),
            ("turn:turn.example.test?transport=tls", "config.ice_turn_tls"),
            ("stuns:stun.example.test", "config.ice_stun_transport"),
            ("stuns:stun.example.test?transport=tcp", "config.ice_stun_transport"),
            ("stun:stun.example.test?transport=tcp", "config.ice_stun_transport"),
            ("turns:turn.example.test?transport=quic", "config.ice_url"),
            ("turns:turn.example.test?tcp", "config.ice_url"),
            ("turns:", "config.ice_url"),
            ("stun.example.test", "config.ice_url"),
            ("https://turn.example.test", "config.ice_url"),
            ("turn:", "config.ice_url"),
            ("turn:a:0", "config.ice_url"),
            ("turn:a:b", "config.ice_url"),
            ("turn:a b", "config.ice_url"),
            ("turn:[::1", "config.ice_url"),
            ("turn:[::1]80", "config.ice_url"),
            ("turn:[a]:80", "config.ice_url"),
            ("turn:a?transport=quic", "config.ice_url"),
            ("turn:user@a", "config.ice_url"),
        ] {
            assert_eq!(text.parse::<IceUrl>().unwrap_err().key(), key, "{text}");
        }
    }
}
