//! Real sockets on loopback.

// The shape of the handshake callback is the library's.
#![allow(clippy::result_large_err)]

use futures_util::{SinkExt, StreamExt};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message as Frame,
        handshake::server::{Request, Response},
    },
};

use super::*;
use crate::{
    i18n::Locale,
    net::{
        testing::{Authority, HttpStub, SOON, accept, dead_port, self_signed},
        tls::Tls,
    },
};

const SECRET: &str = "s3cr3t-t0ken";

const OPTIONS: WsOptions = WsOptions { subprotocol: None, max_message: 1024, timeout: SOON, patience: Duration::ZERO };

fn url(scheme: &str, address: impl std::fmt::Display) -> Url {
    Url::parse(&format!("{scheme}://{address}/link?token={SECRET}")).unwrap()
}

fn dialer() -> Dialer {
    Dialer::direct(Tls::new(None).unwrap())
}

/// Says nothing of the token in any of its forms, and says something to people in both languages.
fn discreet(error: &WsError) {
    let said = [
        format!("{error}"),
        format!("{error:?}"),
        error.message().render(Locale::En),
        error.message().render(Locale::ZhCn),
    ];
    for text in said {
        assert!(!text.contains(SECRET) && !text.contains("%{") && !text.contains("net."), "{text}");
    }
}

#[tokio::test]
async fn opens_with_the_query_and_the_subprotocol() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = url("ws", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let check = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().to_string(), format!("/link?token={SECRET}"));
            assert_eq!(request.headers()["sec-websocket-protocol"], "sip");
            response.headers_mut().insert("sec-websocket-protocol", "sip".parse().unwrap());
            Ok(response)
        };
        let mut stream = accept_hdr_async(accept(&listener).await, check).await.unwrap();
        stream.next().await.unwrap().unwrap()
    });
    let mut stream = connect(&address, &dialer(), WsOptions { subprotocol: Some("sip"), ..OPTIONS }).await.unwrap();
    let MaybeTlsStream::Plain(MaybeTlsStream::Plain(socket)) = stream.get_ref() else {
        panic!("TLS was not asked for")
    };
    assert!(socket.nodelay().unwrap());
    stream.send(Frame::text("hello")).await.unwrap();
    assert_eq!(server.await.unwrap(), Frame::text("hello"));
}

#[tokio::test]
async fn a_server_that_ignores_the_subprotocol_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = url("ws", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let same = |_: &Request, response: Response| Ok(response);
        drop(accept_hdr_async(accept(&listener).await, same).await);
    });
    let error = connect(&address, &dialer(), WsOptions { subprotocol: Some("sip"), ..OPTIONS }).await.unwrap_err();
    assert!(matches!(&error, WsError::Protocol { reason, .. } if reason.contains("ubprotocol")), "{error}");
    discreet(&error);
    server.await.unwrap();
}

#[tokio::test]
async fn opens_over_tls_with_the_name_of_the_url() {
    let ca = Authority::new("ours");
    let config = ca.server("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = url("wss", format!("localhost:{}", listener.local_addr().unwrap().port()));
    let server = tokio::spawn(async move {
        let socket = tokio_rustls::TlsAcceptor::from(config).accept(accept(&listener).await).await.unwrap();
        assert_eq!(socket.get_ref().1.server_name(), Some("localhost"));
        let mut stream = tokio_tungstenite::accept_async(socket).await.unwrap();
        stream.send(Frame::text("hello")).await.unwrap();
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ca.pem()).unwrap();
    let dialer = Dialer::direct(Tls::new(Some(file.path())).unwrap());
    let mut stream = connect(&address, &dialer, OPTIONS).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), Frame::text("hello"));
    server.await.unwrap();
}

#[tokio::test]
async fn each_failure_has_its_name() {
    let (untrusted, _) = self_signed("127.0.0.1", false);
    let https = HttpStub::start(Some(untrusted), String::new()).await;
    let error = connect(&url("wss", https.address), &dialer(), OPTIONS).await.unwrap_err();
    assert!(matches!(&error, WsError::Certificate { host, .. } if *host == https.address.to_string()), "{error:?}");
    discreet(&error);

    let dead = dead_port();
    let error = connect(&url("ws", dead), &dialer(), OPTIONS).await.unwrap_err();
    assert_eq!(error, WsError::Connect { host: dead.to_string(), reason: "connection refused".into() });
    discreet(&error);

    let refusing = HttpStub::answering("403 Forbidden", "text/plain", "no").await;
    let error = connect(&url("ws", refusing.address), &dialer(), OPTIONS).await.unwrap_err();
    assert_eq!(error, WsError::Refused { status: 403 });
    discreet(&error);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut socket = accept(&listener).await;
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        socket
    });
    let error = connect(&url("wss", plain), &dialer(), OPTIONS).await.unwrap_err();
    drop(server.await.unwrap());
    assert!(matches!(&error, WsError::Connect { reason, .. } if reason == "it does not speak TLS"), "{error:?}");
    discreet(&error);

    let other = HttpStub::start(None, "SSH-2.0-OpenSSH_9.2\r\n\r\n".into()).await;
    let error = connect(&url("ws", other.address), &dialer(), OPTIONS).await.unwrap_err();
    assert!(matches!(&error, WsError::Protocol { .. }), "{error:?}");
    discreet(&error);

    let silent = HttpStub::start(None, String::new()).await;
    let brief = WsOptions { timeout: Duration::from_millis(50), ..OPTIONS };
    let error = connect(&url("ws", silent.address), &dialer(), brief).await.unwrap_err();
    assert_eq!(error, WsError::Timeout { host: silent.address.to_string(), ms: 50 });
    discreet(&error);

    let error = connect(&url("http", silent.address), &dialer(), OPTIONS).await.unwrap_err();
    assert!(matches!(&error, WsError::Protocol { .. }), "{error:?}");
    discreet(&error);
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_the_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = url("ws", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut stream = tokio_tungstenite::accept_async(accept(&listener).await).await.unwrap();
        stream.send(Frame::text("x".repeat(1024))).await.unwrap();
        stream.send(Frame::text("x".repeat(1025))).await.unwrap();
        stream
    });
    let mut stream = connect(&address, &dialer(), OPTIONS).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(error, tungstenite::Error::Capacity(_)), "{error}");
    drop(server.await.unwrap());
}
