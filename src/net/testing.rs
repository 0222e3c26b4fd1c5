//! For tests: servers on loopback that answer as told, and certificates made on the spot.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A limit for anything that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A CA of the test's own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server that shows a certificate for `name` signed by this CA.
    pub(crate) fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &*self.0).unwrap();
        server(&certificate, &key)
    }
}

/// A server with a self-signed certificate, and that certificate as PEM.
pub(crate) fn self_signed(name: &str, is_ca: bool) -> (Arc<ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.is_ca = if is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    let certificate = params.self_signed(&key).unwrap();
    (server(&certificate, &key), certificate.pem())
}

pub(crate) fn server(certificate: &rcgen::Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    super::tls::install_provider();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![certificate.der().clone()];
    Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap())
}

/// What one HTTP request looked like.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Request line without the version: `POST /path`.
    pub line: String,
    /// Header lines as sent.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// An HTTP server that gives the same raw answer to every request and remembers the requests.
pub(crate) struct HttpStub {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for HttpStub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HttpStub {
    /// Answers with a status line such as `200 OK`, a content type and a body.
    pub(crate) async fn answering(status: &str, content_type: &str, body: &str) -> Self {
        let length = body.len();
        Self::start(
            None,
            format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"),
        )
        .await
    }

    /// Answers 200 with JSON.
    pub(crate) async fn json(body: &str) -> Self {
        Self::answering("200 OK", "application/json", body).await
    }

    /// Answers with raw bytes, over TLS if told; an empty answer means: never answers.
    pub(crate) async fn start(tls: Option<Arc<ServerConfig>>, answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<str> = answer.into();
        let task = tokio::spawn({
            let seen = seen.clone();
            async move {
                while let Ok((socket, _)) = listener.accept().await {
                    let (seen, answer, tls) = (seen.clone(), answer.clone(), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => serve(socket, &answer, &seen).await,
                            Some(config) => {
                                if let Ok(socket) = TlsAcceptor::from(config).accept(socket).await {
                                    serve(socket, &answer, &seen).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self { address, seen, task }
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("no request came")
    }
}

async fn serve(mut socket: impl AsyncReadExt + AsyncWriteExt + Unpin, answer: &str, seen: &Mutex<Vec<Seen>>) {
    let mut buffer = Vec::new();
    loop {
        while let Some((request, used)) = parse(&buffer) {
            buffer.drain(..used);
            seen.lock().unwrap().push(request);
            if !answer.is_empty() && socket.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
        match socket.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn parse(buffer: &[u8]) -> Option<(Seen, usize)> {
    let text = std::str::from_utf8(buffer).ok()?;
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<_> =
        lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let length =
        headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("content-length")).map_or(0, |(_, v)| v.parse().unwrap());
    let body = rest.get(..length)?.to_owned();
    Some((Seen { line, headers, body }, head.len() + 4 + length))
}

/// A port on loopback where nobody listens.
pub(crate) fn dead_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Accepts one connection, or fails after [`SOON`].
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    tokio::time::timeout(SOON, listener.accept()).await.expect("nobody connected").unwrap().0
}
