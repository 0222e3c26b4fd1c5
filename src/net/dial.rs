//! A TCP connection to a name: all its addresses, the next one tried before the last has given up (RFC 8305).

use std::{io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::net::TcpStream;

/// How long an address may keep the next one waiting (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first address of `host` that answers, without Nagle's delay.
///
/// # Errors
/// The name is not known, or no address answered: the last address's reason.
pub(super) async fn dial(host: &url::Host<&str>, port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = match host {
        url::Host::Domain(name) => tokio::net::lookup_host((*name, port)).await?.collect(),
        url::Host::Ipv4(ip) => vec![SocketAddr::from((*ip, port))],
        url::Host::Ipv6(ip) => vec![SocketAddr::from((*ip, port))],
    };
    let stream = race(families_in_turn(addresses)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// IPv6 and IPv4 addresses alternate, beginning with the family the resolver prefers.
fn families_in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == first_is_v6);
    let mut other = other.into_iter();
    let mut order = Vec::new();
    for address in preferred {
        order.push(address);
        order.extend(other.next());
    }
    order.extend(other);
    order
}

async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut trying = FuturesUnordered::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    while let Some(address) = waiting.next() {
        trying.push(TcpStream::connect(address));
        tokio::select! {
            Some(result) = trying.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            },
            () = tokio::time::sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
    while let Some(result) = trying.next().await {
        match result {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let a = |text: &str| text.parse::<SocketAddr>().unwrap();
        let order = families_in_turn(vec![a("[::1]:1"), a("[::2]:1"), a("[::3]:1"), a("127.0.0.1:1")]);
        assert_eq!(order, [a("[::1]:1"), a("127.0.0.1:1"), a("[::2]:1"), a("[::3]:1")]);
    }

    #[tokio::test]
    async fn a_dead_address_does_not_hide_a_living_one() {
        let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let dead_address = dead.local_addr().unwrap();
        drop(dead);
        let living = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = race(vec![dead_address, living.local_addr().unwrap()]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), living.local_addr().unwrap());
    }

    #[tokio::test]
    async fn all_dead_is_the_last_ones_error() {
        let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(race(vec![dead]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(race(Vec::new()).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
