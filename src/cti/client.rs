//! Sending commands: one request, one result, within the protocol's time limit.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use reqwest::{
    RequestBuilder, Response, StatusCode,
    header::{ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::{
    api::{ApiConfig, ApiError, Reply, Request},
    envelope,
    request::{Wire, body, integrator_body},
};
use crate::net::{fault, ws::host_of};

/// Bytes of a token from which on it is looked for in the platform's words.
const QUOTED_FROM: usize = 8;

/// For one command altogether (protocol `cti.md` 2.1).
const TIME_LIMIT: Duration = Duration::from_secs(4);

/// An unused connection is given up before the usual servers do so: a command written into a connection that is being
/// closed gets no answer, and may not be repeated.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// Most characters that are told of where a redirect leads; a host's name is no longer (RFC 1035, 3.1).
const LONGEST_HOST: usize = 253;

/// The longest answer read, in bytes; far beyond any list.
const LONGEST_ANSWER: usize = 4 << 20;

/// The way to the platform's commands. Clones share connections, token and tenant.
#[derive(Clone, Debug)]
pub struct Api {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ApiConfig,
    token: Mutex<SecretString>,
    vcc_code: Mutex<String>,
    /// Made by the first command, so that a start without one costs nothing.
    http: OnceLock<Result<reqwest::Client, String>>,
    /// jQuery's counter of look-ups, which starts at the time.
    look_ups: AtomicU64,
}

impl Api {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// [`ApiError::UnusableToken`] if the token cannot be sent as a header.
    pub fn new(config: ApiConfig, token: SecretString) -> Result<Api, ApiError> {
        authorization(&token)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let shared = Shared {
            config,
            token: Mutex::new(token),
            vcc_code: Mutex::default(),
            http: OnceLock::new(),
            look_ups: AtomicU64::new(u64::try_from(now.as_millis()).unwrap_or_default()),
        };
        Ok(Api { shared: Arc::new(shared) })
    }

    /// Sends this token from now on; a token that cannot be sent shows itself with the next command.
    pub fn set_token(&self, token: SecretString) {
        *held(&self.shared.token) = token;
    }

    /// The tenant's code (`vccCode` of `/agent/rtcInfo`), which the look-ups need.
    pub fn set_tenant(&self, vcc_code: impl Into<String>) {
        *held(&self.shared.vcc_code) = vcc_code.into();
    }

    /// Sends one request and waits for its one result, at most 4 s. Nothing is repeated: a command may have been
    /// carried out although its answer was lost.
    ///
    /// # Errors
    /// See [`ApiError`]. A refusal by the platform is no error but a [`Reply`] with a code.
    pub async fn send(&self, request: &Request) -> Result<Reply, ApiError> {
        let started = Instant::now();
        let wire = request.wire();
        // A token that is to be checked speaks for itself: the one in use may be over.
        let token = if let Request::CheckToken { token } = request {
            token.0.clone()
        } else {
            held(&self.shared.token).clone()
        };
        let path = match &wire {
            Wire::Command { path, .. }
            | Wire::Integrator { path, .. }
            | Wire::LookUp { path, .. }
            | Wire::Monitor { path, .. }
            | Wire::Web { path, .. }
            | Wire::Rules { path } => *path,
        };
        let limit = ApiError::Timeout(u64::try_from(TIME_LIMIT.as_millis()).unwrap_or(u64::MAX));
        let result = tokio::time::timeout(TIME_LIMIT, self.exchange(wire, &token)).await.unwrap_or(Err(limit));
        let result = without_token(result, &token);
        let ms = started.elapsed().as_millis();
        match &result {
            Ok(reply) => tracing::debug!(path, ms, code = reply.code, message = reply.message, "answered"),
            Err(error) => tracing::debug!(path, ms, %error, "no answer"),
        }
        result
    }

    async fn exchange(&self, wire: Wire, token: &SecretString) -> Result<Reply, ApiError> {
        let config = &self.shared.config;
        match wire {
            Wire::Command { path, fields } => {
                self.post(token, below(&config.api_server, path), body(&config.ag_no, fields), envelope::command).await
            }
            Wire::Integrator { path, fields } => {
                let body = integrator_body(&config.ag_no, fields);
                self.post(token, below(&config.api_server, path), body, envelope::command).await
            }
            Wire::Monitor { path, body } => {
                self.post(token, below(&config.jsonp_server, path), Value::Object(body), envelope::web).await
            }
            Wire::LookUp { path, callback, fields } => {
                let url = self.look_up_url(path, callback, &fields);
                let request = self.http()?.get(url.clone()).header(ACCEPT, "*/*");
                let (status, text) = answer(&url, self.in_our_language(request)).await?;
                envelope::look_up(status, &text)
            }
            Wire::Web { path, query, body } => {
                let mut url = below(&config.jsonp_server, path);
                for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
                    url.query_pairs_mut().append_pair(name, value);
                }
                let token = bare_token(token);
                let http = self.http()?;
                let request = if body.is_some() { http.post(url.clone()) } else { http.get(url.clone()) };
                let request = self.with_headers(request, authorization(&token)?);
                let request = match body.filter(|body| !body.is_null()) {
                    Some(body) => request.body(body.to_string()),
                    None => request,
                };
                let (status, text) = answer(&url, request).await?;
                envelope::web(status, &text)
            }
            Wire::Rules { path } => {
                let url = below(&config.jsonp_server, path);
                let token = authorization(token)?;
                let (status, text) = answer(&url, self.with_headers(self.http()?.get(url.clone()), token)).await?;
                envelope::web(status, &text)
            }
        }
    }

    /// POSTs a body with the whole token. Custom headers go with these alone (protocol `cti.md` 1).
    async fn post(
        &self,
        token: &SecretString,
        url: Url,
        body: Value,
        read: fn(u16, &str) -> Result<Reply, ApiError>,
    ) -> Result<Reply, ApiError> {
        let token = authorization(token)?;
        let request = self.with_headers(self.http()?.post(url.clone()), token).body(body.to_string());
        let request = request.headers(self.shared.config.custom_header.clone());
        let (status, text) = answer(&url, request).await?;
        read(status, &text)
    }

    /// The query in jQuery's order (protocol `cti.md` 2.8).
    fn look_up_url(&self, path: &str, callback: &str, fields: &[(String, String)]) -> Url {
        let shared = &self.shared;
        let count = shared.look_ups.fetch_add(1, Ordering::Relaxed);
        let mut url = below(&shared.config.jsonp_server, path);
        let overridden = |name: &str| fields.iter().any(|(field, _)| field == name);
        let mut query = url.query_pairs_mut();
        query.append_pair(callback, &format!("jQuery361_{count}"));
        if !overridden("ag_num") {
            query.append_pair("ag_num", &shared.config.ag_no);
        }
        if !overridden("vcc_code") {
            query.append_pair("vcc_code", &held(&shared.vcc_code));
        }
        for (name, value) in fields {
            query.append_pair(name, value);
        }
        query.append_pair("_", &count.to_string());
        drop(query);
        url
    }

    fn with_headers(&self, request: RequestBuilder, authorization: HeaderValue) -> RequestBuilder {
        let request = request.header(ACCEPT, "*/*").header(CONTENT_TYPE, "application/json");
        self.in_our_language(request.header(AUTHORIZATION, authorization))
    }

    /// The platform's words are shown to the agent as they come.
    fn in_our_language(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(ACCEPT_LANGUAGE, self.shared.config.locale.tag())
    }

    fn http(&self) -> Result<&reqwest::Client, ApiError> {
        let build = || {
            crate::net::tls::install_provider();
            self.shared
                .config
                .dialer
                .http()
                // Followed, a redirect would turn a command into a GET and could carry the token elsewhere.
                .redirect(reqwest::redirect::Policy::none())
                .pool_idle_timeout(IDLE_LIMIT)
                .build()
                .map_err(|error| fault::reason(&error))
        };
        self.shared.http.get_or_init(build).as_ref().map_err(|reason| ApiError::Connect {
            host: host_of(&self.shared.config.api_server),
            reason: reason.clone(),
        })
    }
}

/// Sends a request and reads its answer: the HTTP status and the body.
async fn answer(url: &Url, request: RequestBuilder) -> Result<(u16, String), ApiError> {
    let response = request.send().await.map_err(|error| told(url, &error))?;
    let status = response.status();
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Err(ApiError::Connect { host: host_of(url), reason: fault::PROXY_LOGIN.to_owned() });
    }
    if status.is_redirection() {
        let elsewhere = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let target = elsewhere.and_then(|location| url.join(location).ok());
        let host = target.map(|target| host_of(&target).chars().take(LONGEST_HOST).collect::<String>());
        let message = host.map(|host| format!("-> {host}")).unwrap_or_default();
        return Err(ApiError::Status { status: status.as_u16(), message });
    }
    Ok((status.as_u16(), text(url, response).await?))
}

/// The body, up to the longest answer; what is no UTF-8 is replaced, for it is no JSON either.
async fn text(url: &Url, mut response: Response) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| told(url, &error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_ANSWER {
            bytes.truncate(LONGEST_ANSWER);
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn told(url: &Url, error: &reqwest::Error) -> ApiError {
    let host = host_of(url);
    match fault::certificate_reason(error) {
        Some(reason) => ApiError::Certificate { host, reason },
        None => ApiError::Connect { host, reason: fault::reason(error) },
    }
}

/// The second word of the token, which is all that the web API wants (protocol `cti.md` 2.10).
fn bare_token(token: &SecretString) -> SecretString {
    let token = token.expose_secret();
    SecretString::from(token.split(' ').nth(1).unwrap_or(token))
}

/// The platform's words may quote the token it was sent; nobody is to read it there.
fn without_token(mut result: Result<Reply, ApiError>, token: &SecretString) -> Result<Reply, ApiError> {
    let (Ok(Reply { message: text, .. })
    | Err(ApiError::Status { message: text, .. } | ApiError::NotJson { start: text })) = &mut result
    else {
        return result;
    };
    for secret in [token, &bare_token(token)] {
        let secret = secret.expose_secret();
        // A shorter one is part of many words and is no secret.
        if secret.len() >= QUOTED_FROM {
            *text = text.replace(secret, "***");
        }
    }
    result
}

/// A path below a base, whether or not the base ends with a slash.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// The token as a header, verbatim, marked as not to be shown.
fn authorization(token: &SecretString) -> Result<HeaderValue, ApiError> {
    let token = token.expose_secret();
    if token.is_empty() {
        return Err(ApiError::UnusableToken);
    }
    let mut value = HeaderValue::from_bytes(token.as_bytes()).map_err(|_| ApiError::UnusableToken)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a lock protects here is replaced whole, so a panic elsewhere cannot have left it half done.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
