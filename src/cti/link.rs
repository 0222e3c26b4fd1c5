//! One connection of the event websocket (protocol `cti.md` section 3).
//!
//! A [`Link`] is one connection from its opening to its end; it never opens a second one. Besides the protocol's own
//! heartbeat, which nobody answers, it sends WebSocket pings, and so notices a connection that is only half there. What
//! is given up is reset: a platform that had only been slow does not find it waiting.
//!
//! A text frame that is no UTF-8 (a name in Latin-1 or GBK) ends the connection with 1007, as RFC 6455 8.1 demands and as a
//! browser does, so that no platform can live with it unnoticed. A filter under the library that mends such text would have
//! to guess its encoding, and would show wrong names for ever in place of one reason, once. It costs the message itself and
//! under a second: the owner opens the next link at once, whose first words (MT 6) tell the state, and a call goes on. The
//! same holds for the WebSocket of SIP, where a binary frame may carry any bytes.

mod conversation;
mod event;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::conversation::End;
pub use self::event::{LinkError, LinkEvent};
use crate::net::{
    dialer::Dialer,
    ws::{self, WsOptions},
};

/// For name and TCP.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// So much longer for TLS and upgrade, where TCP stands: the platform has the request and is slow, or has stopped for a
/// moment. One that meets five requests of ours when it wakes up may take any but the last for this agent's only link. Nor
/// longer, because a request that a broken path has swallowed is never answered.
const UPGRADE_PATIENCE: Duration = Duration::from_secs(5);

/// What a connection needs (protocol `cti.md` 3.1).
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// Base of the event websocket, `ws` or `wss`.
    pub ws_server: Url,
    /// Trust.
    pub dialer: Dialer,
    /// The token with its scheme, sent in the query.
    pub token: SecretString,
    /// `RegID`; may be empty.
    pub reg_id: String,
    /// `loginState`, where there is one.
    pub login_state: Option<String>,
    /// `reset`, absent on a first connection.
    pub reset: Option<bool>,
}

impl LinkSettings {
    /// The URL with the protocol's query. It holds the token and is never to be shown.
    fn url(&self) -> Url {
        let mut query = format!("token={}&RegID={}", encoded(self.token.expose_secret()), encoded(&self.reg_id));
        if let Some(state) = &self.login_state {
            query += &format!("&loginState={}", encoded(state));
        }
        if let Some(reset) = self.reset {
            query += &format!("&reset={reset}");
        }
        if let Some(own) = self.ws_server.query().filter(|own| !own.is_empty()) {
            query = format!("{own}&{query}");
        }
        let mut url = self.ws_server.clone();
        url.set_query(Some(&query));
        url.set_fragment(None);
        url
    }
}

/// RFC 3986: everything but the unreserved characters.
fn encoded(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

/// One connection of the event websocket. Dropping it closes it.
#[derive(Debug)]
pub struct Link {
    gate: Arc<Gate>,
    doubt: Arc<Notify>,
    closing: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Link {
    /// Begins to connect, in a task of its own on the current tokio runtime. `on_event` is called from that task, one
    /// event at a time, and must neither block nor close this link.
    pub fn open(settings: LinkSettings, on_event: impl Fn(LinkEvent) + Send + Sync + 'static) -> Link {
        let gate = Arc::new(Gate(Mutex::new(Some(Box::new(on_event)))));
        let doubt = Arc::new(Notify::new());
        let closing = CancellationToken::new();
        let task = tokio::spawn({
            let (gate, doubt, closing) = (gate.clone(), doubt.clone(), closing.clone());
            async move {
                run(settings, &gate, &doubt, closing).await;
                gate.shut();
            }
        });
        Link { gate, doubt, closing, task: Some(task) }
    }

    /// There is reason to doubt that the connection still leads anywhere: unless the other side gives a sign of life
    /// within a few seconds it is given up.
    pub fn prove(&self) {
        self.doubt.notify_one();
    }

    /// Closes the connection: a close frame without a code goes out, and the answer is waited for at most 1 s, in the
    /// background. No event comes after this returns.
    pub fn close(self) {
        drop(self);
    }

    /// As [`Link::close`], but returns when the connection is gone, at most 1 s later: for the end of the program.
    pub async fn shut_down(mut self) {
        self.hush();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the link's task failed");
        }
    }

    fn hush(&self) {
        self.gate.shut();
        self.closing.cancel();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.hush();
    }
}

type OnEvent = Box<dyn Fn(LinkEvent) + Send + Sync>;

/// Lets events through until it is shut.
struct Gate(Mutex<Option<OnEvent>>);

impl Gate {
    fn emit(&self, event: LinkEvent) {
        // Held during the call, so that nothing gets through after `shut` has returned.
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(on_event) = open.as_ref() {
            on_event(event);
        }
    }

    fn shut(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

async fn run(settings: LinkSettings, gate: &Gate, doubt: &Notify, closing: CancellationToken) {
    let host = ws::host_of(&settings.ws_server);
    let url = settings.url();
    let options = WsOptions {
        subprotocol: None,
        max_message: conversation::LONGEST_MESSAGE,
        timeout: CONNECT_LIMIT,
        patience: UPGRADE_PATIENCE,
    };
    let opened = tokio::select! {
        biased;
        () = closing.cancelled() => return,
        opened = ws::connect(&url, &settings.dialer, options) => opened,
    };
    let mut stream = match opened {
        Ok(stream) => stream,
        Err(error) => {
            tracing::info!(host, %error, "the link could not be opened");
            gate.emit(LinkEvent::Failed(error.into()));
            return;
        }
    };
    tracing::info!(host, "the link is open");
    match conversation::hold(&mut stream, &|event| gate.emit(event), doubt, &closing).await {
        End::ByUs => tracing::info!(host, "the link is closed"),
        End::ByThem => {}
        // It would not answer a farewell, but may wake up one day.
        End::Silent => ws::reset(stream),
    }
}

#[cfg(test)]
mod tests;
