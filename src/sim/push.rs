//! The event websocket (protocol `cti.md` 3): upgrade, hello, heartbeats, and pushes to the client.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Query, Request, State},
    http::{HeaderMap, Response, StatusCode, header},
};
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{sync::mpsc, time::Instant};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use super::{
    fault::Fault,
    log::LogEntry,
    shared::{Refused, Shared},
    state::LinkOp,
};

/// How often a silent client is warned.
const WARN_EVERY: Duration = Duration::from_secs(10);
/// Longest message of a client, bytes: it has only two, and both are short.
const MESSAGE_LIMIT: usize = 64 * 1024;
/// How long a close frame may take to be answered.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Replaced by a newer link.
const CLOSE_REPLACED: u16 = 3405;
/// The same when the platform ends.
const FAREWELL: Duration = Duration::from_millis(300);

/// The query of a link's URL, in any order; other parameters do not matter.
#[derive(Deserialize)]
pub struct LinkQuery {
    #[serde(default)]
    token: String,
    #[serde(rename = "RegID", default)]
    reg_id: String,
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// Takes a websocket upgrade.
pub async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<LinkQuery>,
    mut request: Request,
) -> Response<Body> {
    let uri = request.uri().to_string();
    shared.log(LogEntry { source: "ws", direction: "in", text: format!("GET {uri}") });
    let refused = shared.read(|w| w.faults.on(Fault::DropWs, w.link_owner(&query.token).as_deref()));
    if refused {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Refused);
        return response;
    }
    let Some(accept) = accept_key(request.headers()) else {
        let mut response = Response::new(Body::from("a websocket upgrade is expected here"));
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        return response;
    };
    let upgrading = hyper::upgrade::on(&mut request);
    let task = Arc::clone(&shared);
    shared.tasks.spawn(async move {
        let upgraded = match upgrading.await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                tracing::debug!(%error, "a link's upgrade failed");
                return;
            }
        };
        let config =
            WebSocketConfig::default().max_message_size(Some(MESSAGE_LIMIT)).max_frame_size(Some(MESSAGE_LIMIT));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        serve(&task, socket, query).await;
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// `Sec-WebSocket-Accept` for a valid upgrade request (RFC 6455 section 4.2.1).
fn accept_key(headers: &HeaderMap) -> Option<header::HeaderValue> {
    let says = |name, word: &str| {
        headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).any(|v| v.to_ascii_lowercase().contains(word))
    };
    if !says(header::UPGRADE, "websocket") || !says(header::CONNECTION, "upgrade") {
        return None;
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    header::HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

/// A link from its first frame to its end.
async fn serve(shared: &Shared, mut socket: Socket, query: LinkQuery) {
    let (tx, mut ops) = mpsc::unbounded_channel();
    let opened = shared.with(|w| {
        let id = w.link_opened(&query.token, &query.reg_id, tx)?;
        Ok::<_, u16>((w.link_owner(&query.token).unwrap_or_default(), id))
    });
    let (ag_no, id) = match opened {
        Ok(opened) => opened,
        Err(code) => {
            shared.log(LogEntry { source: "ws", direction: "out", text: format!("close {code}") });
            close(&mut socket, code).await;
            return;
        }
    };
    tracing::debug!(ag_no, id, "link opened");
    let end = run(shared, &mut socket, &mut ops, &ag_no, id).await;
    shared.with(|w| w.link_closed(&ag_no, id));
    shared.log(LogEntry { source: "ws", direction: "out", text: format!("{ag_no} link ended: {end:?}") });
    if let End::Close(code) = end {
        if shared.stop.is_cancelled() {
            // Nobody waits long for clients at the end.
            tokio::time::timeout(FAREWELL, close(&mut socket, code)).await.ok();
        } else {
            close(&mut socket, code).await;
        }
    }
}

/// Why a link ended.
#[derive(Debug)]
enum End {
    /// The client closed it or its connection broke.
    Client,
    /// The platform closes it with this code.
    Close(u16),
    /// The platform drops it without a word.
    Cut,
}

async fn run(
    shared: &Shared,
    socket: &mut Socket,
    ops: &mut mpsc::UnboundedReceiver<LinkOp>,
    ag_no: &str,
    id: u64,
) -> End {
    let (warn_after, drop_after) = shared.read(|w| {
        let s = &w.scenario;
        (Duration::from_secs(s.heartbeat_warn_s), Duration::from_secs(s.heartbeat_drop_s))
    });
    let mut pulse = shared.pulse();
    let mut heard_at = Instant::now();
    let mut warn_at = heard_at + warn_after;
    let mut waiting = Waiting::default();
    loop {
        pulse.borrow_and_update();
        if shared.read(|w| w.faults.on(Fault::StallWs, Some(ag_no))) {
            tokio::select! {
                () = shared.stop.cancelled() => return End::Close(1001),
                _ = pulse.changed() => {}
            }
            // What was not read in the meantime is not the client's silence.
            heard_at = Instant::now();
            warn_at = heard_at + warn_after;
            continue;
        }
        match waiting.take_due() {
            Some(Due::Text(text)) => {
                shared.log(LogEntry { source: "ws", direction: "out", text: format!("{ag_no} {text}") });
                if socket.send(Message::text(text)).await.is_err() {
                    return End::Client;
                }
                continue;
            }
            Some(Due::Close(code)) => return End::Close(code),
            None => {}
        }
        let sent = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return End::Close(1001),
            op = ops.recv() => {
                match op {
                    Some(LinkOp::Text(text)) => waiting.put(Duration::ZERO, Due::Text(text)),
                    Some(LinkOp::Late(late, text)) => waiting.put(late, Due::Text(text)),
                    Some(LinkOp::Close(code)) => waiting.put(Duration::ZERO, Due::Close(code)),
                    Some(LinkOp::Cut) => return End::Cut,
                    None => return End::Close(waiting.close_code().unwrap_or(CLOSE_REPLACED)),
                }
                continue;
            }
            () = waiting.due() => continue,
            frame = socket.next() => {
                let text = match frame {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Client,
                };
                shared.log(LogEntry { source: "ws", direction: "in", text: format!("{ag_no} {:?}", text.as_str()) });
                heard_at = Instant::now();
                warn_at = heard_at + warn_after;
                if text.as_str() == "Hello Server!" {
                    shared.with(|w| w.link_greeted(ag_no, id));
                }
                Ok(())
            }
            () = tokio::time::sleep_until(warn_at.min(heard_at + drop_after)) => {
                if heard_at.elapsed() >= drop_after {
                    return End::Cut;
                }
                warn_at = Instant::now() + WARN_EVERY;
                shared.log(LogEntry { source: "ws", direction: "out", text: format!("{ag_no} WARNOFF") });
                socket.send(Message::text("WARNOFF")).await
            }
            // A fault may have begun.
            _ = pulse.changed() => Ok(()),
        };
        if sent.is_err() {
            return End::Client;
        }
    }
}

/// What is to be sent.
enum Due {
    Text(String),
    Close(u16),
}

/// What waits to be sent, in order, as on the one connection it is: nothing overtakes what is late.
#[derive(Default)]
struct Waiting(VecDeque<(Instant, Due)>);

impl Waiting {
    fn put(&mut self, late: Duration, what: Due) {
        let at = Instant::now() + late;
        let behind = self.0.back().map_or(at, |(last, _)| at.max(*last));
        self.0.push_back((behind, what));
    }

    fn take_due(&mut self) -> Option<Due> {
        self.0.front().filter(|(at, _)| *at <= Instant::now())?;
        self.0.pop_front().map(|(_, what)| what)
    }

    /// The code to close with now, whatever else waits.
    fn close_code(&self) -> Option<u16> {
        self.0.iter().find_map(|(_, what)| if let Due::Close(code) = what { Some(*code) } else { None })
    }

    /// Until the first is due; for ever if nothing waits.
    async fn due(&self) {
        match self.0.front() {
            Some((at, _)) => tokio::time::sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }
}

/// Closes with a code and waits for the client's answer, so that the code arrives.
async fn close(socket: &mut Socket, code: u16) {
    let frame = CloseFrame { code: code.into(), reason: "".into() };
    let ended = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    tokio::time::timeout(CLOSE_TIMEOUT, ended).await.ok();
}
