//! A TCP connection to a name: all its addresses, the next one tried before the last has given up (RFC 8305), and all of
//! them again while nobody answers: a SYN that was lost in an outage comes again after 1, 3, 7 s by itself, which would be
//! how late a caller learns that the outage is over.

use std::{collections::VecDeque, io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::net::TcpStream;

/// How long an address may keep the next one waiting (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// How long silence is borne before an address is asked anew, with the old attempt still waiting.
const AGAIN: Duration = Duration::from_secs(1);
/// Attempts that wait at a time.
const MOST: usize = 8;

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
    dial_any(addresses).await
}

/// As [`dial`], with the addresses known.
pub(super) async fn dial_any(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let stream = race(families_in_turn(addresses), TcpStream::connect).await?;
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

async fn race<S, F: Future<Output = io::Result<S>>>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<S> {
    let mut trying = FuturesUnordered::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut untried: VecDeque<SocketAddr> = addresses.into();
    // Those that have been tried and have not answered yet. A refusal is an answer for all attempts at an address.
    let mut silent: VecDeque<SocketAddr> = VecDeque::new();
    let mut next = untried.pop_front();
    while next.is_some() || !silent.is_empty() {
        if let Some(address) = next.take() {
            silent.retain(|other| *other != address);
            silent.push_back(address);
            let attempt = connect(address);
            trying.push(async move { (address, attempt.await) });
        }
        let patience = if untried.is_empty() { AGAIN } else { HEAD_START };
        tokio::select! {
            Some((address, result)) = trying.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    silent.retain(|other| *other != address);
                    failure = error;
                    next = untried.pop_front();
                }
            },
            () = tokio::time::sleep(patience) => {
                next = untried.pop_front().or_else(|| silent.front().copied().filter(|_| trying.len() < MOST));
            }
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
        let stream = race(vec![dead_address, living.local_addr().unwrap()], TcpStream::connect).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), living.local_addr().unwrap());
    }

    #[tokio::test]
    async fn all_dead_is_the_last_ones_error() {
        let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(race(vec![dead], TcpStream::connect).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(race(Vec::new(), TcpStream::connect).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    /// Attempts at an address: when each began, and what became of it.
    async fn seconds_of_attempts(
        addresses: &[&str],
        answer: impl Fn(SocketAddr, u64) -> Option<io::Result<()>>,
    ) -> (io::Result<u64>, Vec<(u16, u64)>) {
        let (start, asked) = (tokio::time::Instant::now(), std::cell::RefCell::new(Vec::new()));
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let result = race(addresses, |address| {
            let at = start.elapsed().as_secs();
            asked.borrow_mut().push((address.port(), at));
            let answer = answer(address, at);
            async move {
                match answer {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            }
        });
        let result = tokio::time::timeout(Duration::from_secs(60), result).await;
        let result = result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        (result.map(|()| start.elapsed().as_secs()), asked.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_an_outage_is_noticed_within_a_second_also_where_nobody_refuses() {
        for back in [1, 3, 5, 7] {
            let answer = |_, at| (at >= back).then_some(Ok(()));
            assert_eq!(seconds_of_attempts(&["10.0.0.1:1"], answer).await.0.unwrap(), back);
        }
        // Addresses take turns, a refusal at last is an answer, and silence does not fill the machine with sockets.
        let answer = |address: SocketAddr, at| (address.port() == 2 && at >= 4).then_some(Ok(()));
        let (result, asked) = seconds_of_attempts(&["10.0.0.1:1", "10.0.0.2:2"], answer).await;
        assert_eq!((result.unwrap(), asked.len()), (4, 6), "{asked:?}");
        let refused = |_, at| (at >= 3).then(|| Err(io::ErrorKind::ConnectionRefused.into()));
        let (result, asked) = seconds_of_attempts(&["10.0.0.1:1"], refused).await;
        assert_eq!((result.unwrap_err().kind(), asked.len()), (io::ErrorKind::ConnectionRefused, 4));
        let (result, asked) = seconds_of_attempts(&["10.0.0.1:1"], |_, _| None).await;
        assert_eq!((result.unwrap_err().kind(), asked.len()), (io::ErrorKind::TimedOut, MOST));
    }
}
