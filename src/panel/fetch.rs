//! Asking an address for what the panel shows.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{header::ACCEPT, header::CONTENT_TYPE, redirect};
use url::Url;

use super::{LONGEST, PanelError};
use crate::net::{dialer::Dialer, fault, ws::host_of};

/// Redirects followed at most.
const REDIRECTS: usize = 5;

/// Asks addresses, one HTTP client for all; made when first needed.
#[derive(Clone, Debug)]
pub struct Fetcher {
    dialer: Dialer,
    http: Arc<OnceLock<Result<reqwest::Client, String>>>,
}

/// What an address gave.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The media type, small letters, without its parameters; empty if it said none.
    pub(super) kind: String,
    /// The body, up to the limit.
    pub(super) body: Vec<u8>,
}

impl Fetcher {
    /// Reaches the web as the program does.
    pub fn new(dialer: Dialer) -> Self {
        Self { dialer, http: Arc::default() }
    }

    /// Gets an address, within a time.
    ///
    /// # Errors
    /// [`PanelError`]: it is no address, cannot be reached, is too slow, or answers with a failure.
    pub(super) async fn get(&self, address: &str, limit: Duration) -> Result<Fetched, PanelError> {
        let url = Url::parse(address).map_err(|error| PanelError::BadAddress { reason: error.to_string() })?;
        let host = host_of(&url);
        match tokio::time::timeout(limit, self.ask(url)).await {
            Ok(result) => result,
            Err(_) => Err(PanelError::TooSlow { host, limit }),
        }
    }

    async fn ask(&self, url: Url) -> Result<Fetched, PanelError> {
        let host = host_of(&url);
        let told = |error: &reqwest::Error| match fault::certificate_reason(error) {
            Some(reason) => PanelError::Certificate { host: host.clone(), reason },
            None => PanelError::Connect { host: host.clone(), reason: fault::reason(error) },
        };
        let accept = "text/markdown, application/json, text/plain;q=0.9, */*;q=0.1";
        let asked = self.http(&host)?.get(url).header(ACCEPT, accept).send().await;
        let mut response = asked.map_err(|error| told(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(PanelError::Status { host: host_of(response.url()), status: status.as_u16() });
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                tracing::info!(host, "the answer for the panel is too long; its beginning is shown");
                body.truncate(LONGEST);
                break;
            }
        }
        Ok(Fetched { kind, body })
    }

    fn http(&self, host: &str) -> Result<&reqwest::Client, PanelError> {
        let build = || {
            crate::net::tls::install_provider();
            self.dialer.http().redirect(redirect::Policy::custom(follow)).build().map_err(|error| fault::reason(&error))
        };
        self.http
            .get_or_init(build)
            .as_ref()
            .map_err(|reason| PanelError::Connect { host: host.to_owned(), reason: reason.clone() })
    }
}

/// Follows to the web and to nothing else, and not for ever.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    if attempt.previous().len() > REDIRECTS {
        return attempt.error("too many redirects");
    }
    if matches!(attempt.url().scheme(), "http" | "https") {
        attempt.follow()
    } else {
        attempt.error("redirected to something that is not http")
    }
}
