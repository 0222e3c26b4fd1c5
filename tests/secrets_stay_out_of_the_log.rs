//! At the most talkative log level, with every library's words included, no token reaches the log.

#![allow(clippy::unwrap_used)]

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc::unbounded_channel,
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};
use url::Url;
use wincall_tui::{
    cti::{
        api::{Api, ApiConfig, Request, SecretToken},
        link::{Link, LinkEvent, LinkSettings},
    },
    net::{self, dialer::Dialer, tls::Tls},
};

const LIMIT: Duration = Duration::from_secs(10);

/// What was written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Paper {
    type Writer = Paper;

    fn make_writer(&'a self) -> Paper {
        self.clone()
    }
}

/// Answers one request with the SIP password, then refuses one, then is a websocket server for one link.
async fn platform(listener: TcpListener) {
    for answer in ["200 OK", "401 Unauthorized"] {
        let mut socket = listener.accept().await.unwrap().0;
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            socket.read_buf(&mut request).await.unwrap();
        }
        let body = r#"{"code":0,"message":"ok","data":{"phopass":"ph0pass-s3cr3t"}}"#;
        let head = format!("HTTP/1.1 {answer}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
    }
    let mut link = tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await.unwrap();
    link.send(Message::text("junk")).await.unwrap();
    link.send(Message::text(r#"{"MT":0}"#)).await.unwrap();
    while let Some(Ok(_)) = link.next().await {}
}

#[tokio::test]
async fn no_token_in_any_line() {
    let kept = Paper::default();
    let everything = Paper::default();
    let to = |paper: &Paper| tracing_subscriber::fmt::layer().with_ansi(false).with_writer(paper.clone());
    let layers = vec![
        to(&kept).with_filter(filter_fn(net::may_log)).boxed(),
        to(&everything).with_filter(LevelFilter::TRACE).boxed(),
    ];
    tracing_subscriber::registry().with(layers).init();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(platform(listener));
    let dialer = Dialer::direct(Tls::new(None).unwrap());
    let token = || SecretString::from("Bearer old-s3cr3t");
    let config = ApiConfig {
        api_server: Url::parse(&format!("http://{address}")).unwrap(),
        jsonp_server: Url::parse(&format!("http://{address}")).unwrap(),
        ag_no: "8001".into(),
        locale: wincall_tui::i18n::Locale::En,
        dialer: dialer.clone(),
        custom_header: reqwest::header::HeaderMap::new(),
    };
    let api = Api::new(config, token()).unwrap();
    let reply = api.send(&Request::RtcInfo { pho_num: "9001".into() }).await.unwrap();
    assert_eq!(reply.data["phopass"], "ph0pass-s3cr3t");
    let check = Request::CheckToken { token: SecretToken("Bearer new-s3cr3t".into()) };
    let refused = api.send(&check).await.unwrap_err();

    let settings = LinkSettings {
        ws_server: Url::parse(&format!("ws://{address}/ws")).unwrap(),
        dialer,
        token: token(),
        reg_id: "R1".into(),
        login_state: None,
        reset: None,
    };
    let debug = format!("{settings:?} {api:?} {reply:?} {check:?} {refused:?} {refused}");
    let (tell, mut events) = unbounded_channel();
    let link = Link::open(settings.clone(), move |event| drop(tell.send(event)));
    loop {
        let event = timeout(LIMIT, events.recv()).await.unwrap().unwrap();
        tracing::trace!(?event);
        if matches!(event, LinkEvent::Push(_)) {
            break;
        }
    }
    link.shut_down().await;
    timeout(LIMIT, server).await.unwrap().unwrap();
    // Nobody listens any more.
    let (tell, mut events) = unbounded_channel();
    let _link = Link::open(settings, move |event| drop(tell.send(event)));
    let failed = timeout(LIMIT, events.recv()).await.unwrap().unwrap();
    tracing::trace!(?failed);

    for (place, text) in [("the log", kept.text()), ("a Debug form", debug)] {
        assert!(!text.contains("s3cr3t"), "a secret is in {place}:\n{text}");
    }
    let log = kept.text();
    assert!(log.contains("the link is open") && log.contains("/agent/check"), "the log is not empty:\n{log}");
    assert!(everything.text().contains("s3cr3t"), "the libraries no longer print it: may_log is not needed any more");
}
