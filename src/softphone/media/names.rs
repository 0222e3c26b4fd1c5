//! Names of STUN and TURN servers, looked up before a call needs them.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long a call may wait for a name that is not known yet: the crate does nothing else meanwhile.
const NAME_PATIENCE: Duration = Duration::from_millis(200);

/// How long a name server may take, while nobody waits.
const NAME_DEADLINE: Duration = Duration::from_secs(10);

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

    /// Asks the name server anew.
    ///
    /// # Errors
    /// It does not know the name, or does not answer.
    pub async fn look_up(&self, authority: &str) -> io::Result<Vec<SocketAddr>> {
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
}
