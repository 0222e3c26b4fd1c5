//! The addresses of this machine: which there are, where sockets are bound, and whether they have changed.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    vec,
};

/// Where the addresses come from.
type Source = Arc<dyn Fn() -> Vec<IpAddr> + Send + Sync>;

/// The interfaces of this machine, looked at anew each time.
#[derive(Clone)]
pub struct Network {
    source: Source,
    ipv6: bool,
}

impl Network {
    /// The interfaces the system has; `ipv6` says whether IPv6 is used at all.
    pub fn system(ipv6: bool) -> Self {
        Self { source: Arc::new(interfaces), ipv6 }
    }

    /// Other addresses, which may change.
    #[cfg(test)]
    pub fn of(source: impl Fn() -> Vec<IpAddr> + Send + Sync + 'static) -> Self {
        Self { source: Arc::new(source), ipv6: true }
    }

    /// The addresses a call can use now: loopback included (a platform on this machine may offer only that), link-local
    /// ones not (they mean nothing without the name of the interface).
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        for address in (self.source)() {
            let usable = match address {
                IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_unspecified(),
                IpAddr::V6(v6) => self.ipv6 && !v6.is_unicast_link_local() && !v6.is_unspecified(),
            };
            if usable && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.sort_unstable();
        addresses
    }
}

fn interfaces() -> Vec<IpAddr> {
    let found = rtc::shared::ifaces::ifaces().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot list the network interfaces");
        Vec::new()
    });
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let linked = found.into_iter().filter(|interface| has_link(&interface.name));
    linked.filter_map(|interface| interface.addr).map(|address| address.ip()).chain([loopback]).collect()
}

/// Whether something is at the other end of the cable. Linux keeps the addresses of an interface whose cable is pulled;
/// other systems take them away, and there this file does not exist.
fn has_link(interface: &str) -> bool {
    let state = std::fs::read_to_string(format!("/sys/class/net/{interface}/operstate")).unwrap_or_default();
    !matches!(state.trim(), "down" | "lowerlayerdown" | "notpresent")
}

/// The address the system would send from to reach `remote` now; nothing is sent.
pub fn source_for(remote: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((unspecified(remote.ip()), 0)).ok()?;
    socket.connect(remote).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Where the sockets of a connection are bound. The crate asks anew when ICE restarts, so that a call follows the machine
/// to another network.
pub struct Places {
    network: Network,
    /// Bound the first time instead: addresses that were told to the far end already.
    first: Mutex<Option<Vec<SocketAddr>>>,
}

impl Places {
    /// Every address of the machine, each time.
    pub fn everywhere(network: Network) -> Self {
        Self { network, first: Mutex::new(None) }
    }

    /// These ports the first time.
    pub fn first_at(network: Network, ports: Vec<SocketAddr>) -> Self {
        Self { network, first: Mutex::new(Some(ports)) }
    }
}

impl ToSocketAddrs for Places {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let places = first.unwrap_or_else(|| {
            self.network.addresses().into_iter().map(|address| SocketAddr::new(address, 0)).collect()
        });
        Ok(places.into_iter())
    }
}

/// "Nowhere" of the same family: what stands for an address that is nobody's business.
pub fn unspecified(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(addresses: &[&str]) -> Network {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Network::of(move || addresses.clone())
    }

    #[test]
    fn addresses_a_far_end_cannot_use_are_left_out() {
        let all = network(&["192.0.2.1", "169.254.1.1", "fe80::1", "2001:db8::1", "0.0.0.0", "192.0.2.1", "127.0.0.1"]);
        let shown = |network: &Network| network.addresses().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(&all), ["127.0.0.1", "192.0.2.1", "2001:db8::1"]);
        let four = Network { ipv6: false, ..all };
        assert_eq!(shown(&four), ["127.0.0.1", "192.0.2.1"]);
    }

    #[test]
    fn the_systems_own_include_loopback() {
        assert!(Network::system(true).addresses().contains(&"127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn the_system_says_where_it_would_send_from() {
        assert_eq!(source_for("127.0.0.1:9".parse().unwrap()), Some("127.0.0.1".parse().unwrap()));
        assert!(has_link("lo") && has_link("no such interface"));
    }

    #[test]
    fn places_told_already_are_taken_once() {
        let told: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let places = Places::first_at(network(&["198.51.100.1"]), vec![told]);
        assert_eq!(places.to_socket_addrs().unwrap().collect::<Vec<_>>(), [told]);
        let later: SocketAddr = "198.51.100.1:0".parse().unwrap();
        assert_eq!(places.to_socket_addrs().unwrap().collect::<Vec<_>>(), [later]);
    }
}
