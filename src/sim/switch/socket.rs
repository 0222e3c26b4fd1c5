//! The WebSocket side of the switch: accepting clients that speak the `sip` subprotocol (RFC 7118), over TCP or TLS,
//! and carrying one SIP message per frame.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::types::{LinkFault, SocketId};

/// How long a client may take over each handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may take to close when the switch stops.
const GRACE: Duration = Duration::from_millis(200);

/// Accepts connections until the switch stops.
pub(super) async fn serve(core: Arc<Core>, listener: TcpListener, tls: Option<Arc<rustls::ServerConfig>>) {
    let acceptor = tls.map(TlsAcceptor::from);
    let stop = core.stop.clone();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file handles, most likely: others may free some soon.
                    tracing::warn!(%error, "accepting a SIP connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (core, acceptor, stop) = (Arc::clone(&core), acceptor.clone(), stop.clone());
        core.tasks.clone().spawn(async move {
            // The handshakes too are cut short by a stop or by dropped links.
            let mut faults = core.link_fault.subscribe();
            tokio::select! {
                biased;
                () = grace_after(&stop) => {}
                () = dropped(&mut faults) => {}
                () = welcome(core, acceptor, stream) => {}
            }
        });
    }
}

async fn welcome(core: Arc<Core>, acceptor: Option<TlsAcceptor>, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a SIP connection without TCP_NODELAY");
    }
    let mut faults = core.link_fault.subscribe();
    flowing(&mut faults).await;
    match acceptor {
        None => upgrade(core, stream).await,
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => upgrade(core, stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(core: Arc<Core>, stream: S) {
    let handshake = tokio_tungstenite::accept_hdr_async(stream, choose_subprotocol);
    match tokio::time::timeout(HANDSHAKE, handshake).await {
        Ok(Ok(socket)) => carry(core, socket).await,
        Ok(Err(error)) => tracing::debug!(%error, "a WebSocket handshake failed"),
        Err(_) => tracing::debug!("a WebSocket handshake took too long"),
    }
}

/// Any path will do, but the subprotocol must be `sip`, as on real servers (protocol `servers.md` 1).
#[allow(clippy::result_large_err, reason = "the shape the WebSocket library asks for")]
fn choose_subprotocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all("Sec-WebSocket-Protocol").iter().filter_map(|value| value.to_str().ok());
    if offered.flat_map(|value| value.split(',')).any(|name| name.trim().eq_ignore_ascii_case("sip")) {
        response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(Some("the WebSocket subprotocol sip is required".to_owned()));
    *refusal.status_mut() = StatusCode::BAD_REQUEST;
    Err(refusal)
}

/// Carries messages both ways until either side closes.
async fn carry<S: AsyncRead + AsyncWrite + Unpin>(core: Arc<Core>, mut socket: WebSocketStream<S>) {
    let (outgoing, mut queue) = mpsc::unbounded_channel::<String>();
    let id = core.open_socket(outgoing);
    let _open = Open { core: &core, id };
    let mut faults = core.link_fault.subscribe();
    loop {
        flowing(&mut faults).await;
        let result = tokio::select! {
            biased;
            // A stall takes hold before anything more is read or written.
            _ = faults.changed() => continue,
            () = core.stop.cancelled() => {
                if let Err(error) = socket.close(None).await {
                    tracing::debug!(%error, "closing a SIP connection");
                }
                return;
            }
            text = queue.recv() => match text {
                Some(text) => socket.send(Frame::text(text)).await,
                None => return,
            },
            frame = socket.next() => match frame {
                Some(Ok(Frame::Text(text))) => {
                    core.receive(id, &text);
                    Ok(())
                }
                Some(Ok(Frame::Binary(octets))) => {
                    core.receive(id, &String::from_utf8_lossy(&octets));
                    Ok(())
                }
                Some(Ok(Frame::Close(_))) | None => return,
                // Pings are answered by the library.
                Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => Ok(()),
                Some(Err(error)) => Err(error),
            },
        };
        match result {
            Ok(()) => {}
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return,
            Err(error) => {
                tracing::debug!(%error, "a SIP connection broke");
                return;
            }
        }
    }
}

/// Takes the socket off the books however its task ends.
struct Open<'a> {
    core: &'a Core,
    id: SocketId,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.core.close_socket(self.id);
    }
}

/// Waits while links are stalled. A switch that is gone stalls nothing.
async fn flowing(faults: &mut watch::Receiver<LinkFault>) {
    faults.wait_for(|fault| *fault != LinkFault::Stall).await.ok();
    faults.mark_unchanged();
}

/// Resolves when a stop has left time for close frames.
async fn grace_after(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// Resolves when links are cut.
async fn dropped(faults: &mut watch::Receiver<LinkFault>) {
    if faults.wait_for(|fault| *fault == LinkFault::Drop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
