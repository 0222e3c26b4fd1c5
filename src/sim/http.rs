//! The platform's HTTP side: connections, CORS on every answer, the command API, and the faults of HTTP.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header},
    response::IntoResponse,
    routing::{any, get, post},
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{
    admin, commands,
    fault::Fault,
    log::LogEntry,
    push,
    shared::{Refused, Shared},
    web,
};

/// Base of the command API.
pub const API_PATH: &str = "/interface/v2";
/// The event websocket.
pub const WS_PATH: &str = "/link/v2/ws";
/// Base of the admin interface.
pub const ADMIN_PATH: &str = "/admin";
/// Largest request body, bytes.
const BODY_LIMIT: usize = 1 << 20;
/// Pushes leave this long after the reply they follow: both have to cross the same loopback, on two sockets.
const AFTER_REPLY: Duration = Duration::from_millis(1);
/// How long a client may take for its TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be without a request: also between two, so it is as long as usual servers keep them.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// What a gateway answers with when the platform behind it is gone.
const HTML_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n";
/// JSON of another service: every name of an answer is there, and none has a value of its kind.
const NO_ENVELOPE: &str = r#"{"code":{"value":[0]},"message":false,"data":"up","regId":7,"agSta":[]}"#;

/// Serves connections until the platform stops.
pub async fn serve(shared: Arc<Shared>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let router = router(&shared);
    loop {
        let stream = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    // Out of file descriptors, most likely: give others time to close theirs.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let (connection, router, tls) = (Arc::clone(&shared), router.clone(), tls.clone());
        shared.tasks.spawn(async move { serve_stream(connection, router, stream, tls).await });
    }
}

async fn serve_stream(shared: Arc<Shared>, router: Router, stream: TcpStream, tls: Option<TlsAcceptor>) {
    let Some(tls) = tls else {
        return serve_http(shared, router, stream).await;
    };
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve_http(shared, router, stream).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn serve_http<S>(shared: Arc<Shared>, router: Router, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = TowerToHyperService::new(router);
    let own = Arc::clone(&shared);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (shared, router) = (Arc::clone(&own), router.clone());
        async move { handle(&shared, router, request).await }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE_TIMEOUT);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::select! {
        () = shared.stop.cancelled() => {}
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        },
    }
}

/// One request: faults first, then the router, then the headers every answer has.
async fn handle(
    shared: &Arc<Shared>,
    router: TowerToHyperService<Router>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Body>, Refused> {
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let path = request.uri().path();
    let exempt = path.starts_with(ADMIN_PATH) || path == WS_PATH;
    let asker = owner(shared, &request);
    let mut response = if !exempt && shared.read(|w| w.faults.on(Fault::RefuseHttp, asker.as_deref())) {
        return Err(Refused);
    } else if request.method() == Method::OPTIONS {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    } else if let Some(response) = if exempt { None } else { faulty(shared, asker.as_deref()).await } {
        response
    } else {
        let Ok(response): Result<_, Infallible> = router.call(request).await;
        response
    };
    if response.extensions().get::<Refused>().is_some() {
        return Err(Refused);
    }
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE, OPTIONS"));
    // A wildcard does not cover Authorization (Fetch standard): what is asked for is granted by name.
    let granted = asked.unwrap_or_else(|| HeaderValue::from_static("authorization, content-type"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, granted);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
    Ok(response)
}

/// Whose token a request carries.
fn owner(shared: &Shared, request: &hyper::Request<Incoming>) -> Option<String> {
    let token = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    shared.read(|w| web::owner(w, token))
}

/// What the faults in force make of a request; `None`: the usual.
async fn faulty(shared: &Shared, asker: Option<&str>) -> Option<Response<Body>> {
    let value = |fault| shared.read(|w| w.faults.get(fault, asker).cloned());
    if let Some(delay) = value(Fault::HttpDelay).as_ref().and_then(Value::as_u64) {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    if let Some(status) = value(Fault::HttpStatus) {
        let status = status.as_u64().and_then(|s| u16::try_from(s).ok()).filter(|s| (200..600).contains(s));
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            status.and_then(|s| StatusCode::from_u16(s).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return Some(response);
    }
    let page = |body: String, kind| {
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    };
    if let Some(text) = value(Fault::HttpGarbage) {
        return Some(page(text.as_str().unwrap_or(NO_ENVELOPE).to_owned(), "application/json; charset=utf-8"));
    }
    value(Fault::HttpHtml).map(|_| page(HTML_PAGE.to_owned(), "text/html; charset=utf-8"))
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route(&format!("{API_PATH}/{{*path}}"), post(command))
        .route(WS_PATH, get(push::upgrade))
        .merge(web::routes())
        .nest(ADMIN_PATH, admin::routes())
        .fallback(any(nothing_here))
        .with_state(Arc::clone(shared))
}

/// A command: the reply goes out first, what it pushes after it.
async fn command(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Response<Body> {
    let body = match axum::body::to_bytes(request.into_body(), BODY_LIMIT).await {
        Ok(body) => body,
        Err(error) => return (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).into_response(),
    };
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or_default();
    let token = text(header::AUTHORIZATION);
    shared.log(LogEntry {
        source: "http",
        direction: "in",
        text: format!("POST {API_PATH}/{path} {}", String::from_utf8_lossy(&body)),
    });
    let locale = web::language(&headers);
    let (reply, owner) = shared.with(|w| {
        let owner = w.link_owner(token);
        if let Some(ag_no) = &owner {
            w.hold_pushes(ag_no);
        }
        (commands::run(w, &path, token, &body), owner)
    });
    let text = reply.to_json(locale).to_string();
    shared.log(LogEntry { source: "http", direction: "out", text: format!("200 {API_PATH}/{path} {text}") });
    let release = owner.map(|ag_no| Release { shared: Arc::clone(&shared), ag_no });
    let mut response = Response::new(Body::new(ReplyBody { bytes: Some(Bytes::from(text)), _release: release }));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// A reply that lets the pushes go once it is out, or once nobody waits for it any more.
struct ReplyBody {
    bytes: Option<Bytes>,
    _release: Option<Release>,
}

impl HttpBody for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |b| b.len() as u64))
    }
}

struct Release {
    shared: Arc<Shared>,
    ag_no: String,
}

impl Drop for Release {
    fn drop(&mut self) {
        let (shared, ag_no) = (Arc::clone(&self.shared), std::mem::take(&mut self.ag_no));
        self.shared.tasks.spawn_on(
            async move {
                tokio::time::sleep(AFTER_REPLY).await;
                shared.with(|w| w.release_pushes(&ag_no));
            },
            &self.shared.runtime,
        );
    }
}

async fn nothing_here(uri: Uri) -> Response<Body> {
    let answer = json!({"code": 404, "message": format!("nothing at {}", uri.path()), "data": {}});
    (StatusCode::NOT_FOUND, axum::Json(answer)).into_response()
}
