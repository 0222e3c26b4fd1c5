//! Which HTTP proxy a connection goes through, and the tunnel through it (CONNECT, RFC 9110 section 9.3.6).

use std::{env, fmt, io, path::PathBuf, sync::Arc};

use hyper::{
    Method, Request, StatusCode, Uri,
    client::conn::http1,
    header::{HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT},
};
use hyper_util::{client::proxy::matcher::Matcher, rt::TokioIo};
use reqwest::NoProxy;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use url::{Host, Url};

use super::fault;
use crate::{
    config::{ProxyChoice, ProxyLogin},
    i18n::Message,
};

/// How this program is named to servers and proxies.
pub(super) const AGENT: &str = concat!("wincall-tui/", env!("CARGO_PKG_VERSION"));

/// What never goes through a proxy, in the notation of `NO_PROXY`.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1,";

/// The password file of a proxy cannot be used.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// It cannot be read.
    #[error("proxy_password_file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its first line is empty.
    #[error("proxy_password_file {path}: its first line is empty")]
    NoPassword {
        /// The file.
        path: PathBuf,
    },
}

impl ProxyError {
    /// What is shown to the agent.
    pub fn message(&self) -> Message {
        match self {
            ProxyError::Read { path, source } => {
                Message::new("net.proxy.password_read").with("path", path.display()).with("reason", source)
            }
            ProxyError::NoPassword { path } => Message::new("net.proxy.password_empty").with("path", path.display()),
        }
    }
}

/// Proxies by the scheme of what is reached, as text that may hold a user and password. Empty: none.
#[derive(Default)]
struct Addresses {
    http: String,
    https: String,
    except: String,
}

/// Decides for each connection whether it goes through a proxy. A proxy that does not speak HTTP (`socks5://` in the
/// environment) is not used.
#[derive(Clone, Default)]
pub struct Proxy(Option<Arc<Rules>>);

struct Rules {
    /// For connections that are opened here.
    matcher: Matcher,
    /// The same, for the HTTP client.
    for_http: Vec<reqwest::Proxy>,
}

/// A proxy that a connection is to go through.
#[derive(Debug)]
pub(super) struct Hop {
    /// Its name.
    pub host: Host<String>,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub secure: bool,
    authorization: Option<HeaderValue>,
}

/// Why a proxy opened no tunnel.
#[derive(Debug, Error)]
pub(super) enum TunnelError {
    /// It asks for a user and password, or refuses the given ones.
    #[error("it refuses the username or password")]
    Login,
    /// It does not let this connection out, or cannot reach its end.
    #[error("HTTP status {0}")]
    Refused(u16),
    /// The connection to it broke, or it does not speak HTTP.
    #[error("{0}")]
    Broken(String),
}

impl Proxy {
    /// As the configuration has it.
    ///
    /// # Errors
    /// See [`ProxyError`].
    pub async fn configured(choice: &ProxyChoice) -> Result<Self, ProxyError> {
        match choice {
            ProxyChoice::None => Ok(Self::default()),
            ProxyChoice::System => Ok(Self::system()),
            ProxyChoice::Url { url, login: None } => Ok(Self::at(url, None)),
            ProxyChoice::Url { url, login: Some(ProxyLogin { username, password_file }) } => {
                let path = password_file;
                let text = tokio::fs::read_to_string(path).await;
                let text = text.map_err(|source| ProxyError::Read { path: path.clone(), source })?;
                let line = text.lines().next().unwrap_or_default().trim();
                if line.is_empty() {
                    return Err(ProxyError::NoPassword { path: path.clone() });
                }
                Ok(Self::at(url, Some((username, &SecretString::from(line)))))
            }
        }
    }

    /// That of the environment, as curl reads it: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, in capitals or not.
    pub fn system() -> Self {
        let all = variable("ALL_PROXY");
        let or_all = |name| Some(variable(name)).filter(|address| !address.is_empty()).unwrap_or_else(|| all.clone());
        Self::new(Addresses { http: or_all("HTTP_PROXY"), https: or_all("HTTPS_PROXY"), except: variable("NO_PROXY") })
    }

    /// The proxy at `url`, with the exceptions of `NO_PROXY`; `login` is user and password.
    pub fn at(url: &Url, login: Option<(&str, &SecretString)>) -> Self {
        let mut url = url.clone();
        if let Some((user, password)) = login {
            let set = url.set_username(user).and_then(|()| url.set_password(Some(password.expose_secret())));
            if set.is_err() {
                tracing::warn!("the address of the proxy takes no user");
            }
        }
        let address = String::from(url);
        Self::new(Addresses { http: address.clone(), https: address, except: variable("NO_PROXY") })
    }

    fn new(addresses: Addresses) -> Self {
        let Addresses { http, https, except } = addresses;
        let [http, https] = [http, https].map(|address| {
            if address.starts_with("socks") {
                tracing::warn!("only HTTP proxies are used; a SOCKS proxy of the environment is not");
                return String::new();
            }
            address
        });
        if http.is_empty() && https.is_empty() {
            return Self::default();
        }
        let except = format!("{LOOPBACK}{except}");
        let no_proxy = NoProxy::from_string(&except);
        let made = [
            (!http.is_empty()).then(|| reqwest::Proxy::http(&http)),
            (!https.is_empty()).then(|| reqwest::Proxy::https(&https)),
        ];
        let for_http = made.into_iter().flatten().filter_map(|made| match made {
            Ok(proxy) => Some(proxy.no_proxy(no_proxy.clone())),
            // What it says may hold the password.
            Err(_) => {
                tracing::warn!("the address of a proxy cannot be read");
                None
            }
        });
        let for_http = for_http.collect();
        Self(Some(Arc::new(Rules { matcher: Matcher::builder().http(http).https(https).no(except).build(), for_http })))
    }

    /// The proxy for a connection to `authority` (`host:port`); `secure` where TLS goes through it: the environment names
    /// one for each.
    pub(super) fn hop_to(&self, secure: bool, authority: &str) -> Option<Hop> {
        let scheme = if secure { "https" } else { "http" };
        let target = Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build().ok()?;
        let intercept = self.0.as_ref()?.matcher.intercept(&target)?;
        let uri = intercept.uri();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let host = Host::parse(uri.host()?).ok()?;
        Some(Hop { host, port, secure, authorization: intercept.basic_auth().cloned() })
    }

    /// An HTTP client that decides as [`Self::hop_to`] does.
    pub(super) fn set_up(&self, client: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        let proxies = self.0.as_ref().map(|rules| rules.for_http.clone()).unwrap_or_default();
        // The client's look at the environment would know nothing of loopback.
        proxies.into_iter().fold(client.no_proxy(), reqwest::ClientBuilder::proxy)
    }
}

/// Without the addresses: they may hold a password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Proxy" } else { "no proxy" })
    }
}

/// An environment variable by its name in capitals, else in small letters.
fn variable(name: &str) -> String {
    env::var(name).or_else(|_| env::var(name.to_ascii_lowercase())).unwrap_or_default()
}

impl Hop {
    /// `host:port`, for people.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Asks for a tunnel to `target` (`host:port`) over a connection to the proxy, and gives the connection back.
    pub async fn tunnel<S>(&self, socket: S, target: &str) -> Result<S, TunnelError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |error: &hyper::Error| TunnelError::Broken(fault::reason(error));
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(|error| broken(&error))?;
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(target)
            .header(HOST, target)
            .header(USER_AGENT, AGENT)
            .body(String::new())
            .map_err(|error| TunnelError::Broken(error.to_string()))?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let asked = async {
            let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
            match response.status() {
                StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(TunnelError::Login),
                status if !status.is_success() => Err(TunnelError::Refused(status.as_u16())),
                _ => hyper::upgrade::on(response).await.map_err(|error| broken(&error)),
            }
        };
        let driven = async {
            match connection.with_upgrades().await {
                Err(error) => broken(&error),
                // The answer is there.
                Ok(()) => std::future::pending().await,
            }
        };
        let upgraded = tokio::select! {
            biased;
            asked = asked => asked?,
            error = driven => return Err(error),
        };
        let parts = upgraded
            .downcast::<TokioIo<S>>()
            .map_err(|_| TunnelError::Broken("it does not keep to HTTP".to_owned()))?;
        // Nobody behind it speaks before it is spoken to.
        if !parts.read_buf.is_empty() {
            return Err(TunnelError::Broken("it does not keep to HTTP".to_owned()));
        }
        Ok(parts.io.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
        time::timeout,
    };

    use super::*;
    use crate::{i18n::Locale, net::testing::SOON};

    fn proxy(http: &str, https: &str, except: &str) -> Proxy {
        Proxy::new(Addresses { http: http.into(), https: https.into(), except: except.into() })
    }

    fn hop(proxy: &Proxy, secure: bool, authority: &str) -> Option<String> {
        proxy.hop_to(secure, authority).map(|hop| format!("{} {}", hop.authority(), hop.secure))
    }

    #[test]
    fn each_scheme_has_its_proxy_and_loopback_none() {
        let both = proxy("http://plain.example:3128", "https://secure.example", "intern.example, 10.0.0.0/8");
        assert_eq!(hop(&both, false, "platform.example:80").as_deref(), Some("plain.example:3128 false"));
        assert_eq!(hop(&both, true, "platform.example:443").as_deref(), Some("secure.example:443 true"));
        assert_eq!(hop(&both, true, "[2001:db8::1]:443").as_deref(), Some("secure.example:443 true"));
        for near in ["localhost:1", "sip.localhost:1", "127.0.0.1:1", "127.8.0.1:1", "[::1]:1"] {
            assert_eq!((hop(&both, true, near), hop(&both, false, near)), (None, None), "{near}");
        }
        for excepted in ["intern.example:1", "a.intern.example:1", "10.1.2.3:1"] {
            assert_eq!(hop(&both, true, excepted), None, "{excepted}");
        }
        let without_scheme = proxy("", "proxy.example:8080", "");
        assert_eq!(hop(&without_scheme, true, "platform.example:443").as_deref(), Some("proxy.example:8080 false"));
        assert_eq!(hop(&without_scheme, false, "platform.example:80"), None);
        let everything = proxy("http://p.example", "http://p.example", "*");
        assert_eq!(hop(&everything, true, "platform.example:443"), None);
        for unusable in ["socks5://p.example:1080", "", "http://", "ftp://p.example"] {
            assert_eq!(hop(&proxy(unusable, unusable, ""), true, "platform.example:443"), None, "{unusable:?}");
        }
    }

    #[tokio::test]
    async fn the_password_comes_from_its_file_and_is_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let login = ProxyLogin { username: "agent".into(), password_file: file.path().to_owned() };
        let url: Url = "http://proxy.example:3128".parse().unwrap();
        let choice = ProxyChoice::Url { url, login: Some(login) };
        let error = Proxy::configured(&choice).await.unwrap_err();
        assert!(matches!(error, ProxyError::NoPassword { .. }), "{error}");
        for locale in [Locale::En, Locale::ZhCn] {
            assert!(error.message().render(locale).contains(&*file.path().to_string_lossy()));
        }
        std::fs::write(file.path(), "p@ss:w0rd\nsecond line\n").unwrap();
        let proxy = Proxy::configured(&choice).await.unwrap();
        let hop = proxy.hop_to(true, "platform.example:443").unwrap();
        // "agent:p@ss:w0rd" by coreutils' base64.
        assert_eq!(hop.authorization.as_ref().unwrap(), "Basic YWdlbnQ6cEBzczp3MHJk");
        for shown in [format!("{proxy:?}"), format!("{hop:?}"), hop.authority()] {
            assert!(!shown.contains("p@ss") && !shown.contains("p%40ss") && !shown.contains("YWdl"), "{shown}");
        }
        std::fs::remove_file(file.path()).unwrap();
        assert!(matches!(Proxy::configured(&choice).await, Err(ProxyError::Read { .. })));
    }

    /// What comes of a tunnel through a proxy that answers with `answer`, and what it was asked.
    async fn tunnel(proxy: &Proxy, answer: &'static str) -> (Result<DuplexStream, TunnelError>, String) {
        let hop = proxy.hop_to(true, "platform.example:443").unwrap();
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let server = tokio::spawn(async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(theirs.read_u8().await.unwrap());
            }
            theirs.write_all(answer.as_bytes()).await.unwrap();
            // What has been tunnelled comes back.
            let mut four = [0; 4];
            if theirs.read_exact(&mut four).await.is_ok() {
                theirs.write_all(&four).await.unwrap();
            }
            String::from_utf8(head).unwrap()
        });
        let mut opened = timeout(SOON, hop.tunnel(ours, "platform.example:443")).await.unwrap();
        if let Ok(stream) = &mut opened {
            stream.write_all(b"ping").await.unwrap();
            let mut four = [0; 4];
            stream.read_exact(&mut four).await.unwrap();
            assert_eq!(&four, b"ping");
        }
        (opened, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_tunnel_is_asked_for_by_connect() {
        let with_login = proxy("", "http://agent:secret@proxy.example:3128", "");
        let (opened, asked) = tunnel(&with_login, "HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\n\r\n").await;
        assert!(opened.is_ok(), "{opened:?}");
        let asked = asked.to_ascii_lowercase();
        assert!(asked.starts_with("connect platform.example:443 http/1.1\r\n"), "{asked}");
        assert!(asked.contains("\r\nhost: platform.example:443\r\n"), "{asked}");
        assert!(asked.contains("\r\nproxy-authorization: basic ywdlbnq6c2vjcmv0\r\n"), "{asked}");
        let (_, asked) = tunnel(&proxy("", "http://p.example", ""), "HTTP/1.1 200 OK\r\n\r\n").await;
        assert!(!asked.to_ascii_lowercase().contains("authorization"), "{asked}");
    }

    #[tokio::test]
    async fn a_proxy_that_opens_none_says_why() {
        let proxy = proxy("", "http://p.example", "");
        for (answer, reason) in [
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
                "it refuses the username or password",
            ),
            ("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!", "HTTP status 403"),
            ("HTTP/1.1 200 OK\r\n\r\ntoo early", "it does not keep to HTTP"),
            ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "invalid HTTP version parsed"),
        ] {
            let (opened, _) = tunnel(&proxy, answer).await;
            assert_eq!(opened.unwrap_err().to_string(), reason, "{answer}");
        }
    }
}
