//! The control socket of a running phone bar.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    connection,
    socket::{self, SocketError},
};
use crate::{app::Handle, i18n::Message};

/// Clients served at once.
const MAX_CLIENTS: usize = 32;

/// How often the socket is looked for: somebody may have cleared its directory.
const LOOK: Duration = Duration::from_secs(2);

/// At the end, clients get this long to read what they were sent.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A phone bar that is ending is waited for this long; it ends itself by force after 3 s.
const PREDECESSOR: Duration = Duration::from_millis(3500);

/// A phone bar that is well answers this soon.
const ANSWER: Duration = Duration::from_millis(500);

/// Device and inode of the socket, to know it by.
type Identity = Arc<Mutex<Option<(u64, u64)>>>;

/// A control socket; dropped, it stops and takes its socket away.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    identity: Identity,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes no more clients, and lets those there are read what they were sent. They end by themselves once the actor
    /// has ended.
    pub async fn finish(mut self) {
        drop(self.stop.take());
        if timeout(LAST_WORDS, &mut self.task).await.is_err() {
            tracing::debug!("control clients that were still reading were left");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        // Only one's own: another program may have put its socket there meanwhile.
        let identity = *self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let own = identity.is_some() && socket::identity(&self.path) == identity;
        if own && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!("{} stays behind: {error}", self.path.display());
        }
    }
}

/// Waits for a phone bar at this path that is ending, at most 3.5 s. One that is well is not waited for.
pub async fn wait_for_predecessor(path: &Path) {
    let deadline = Instant::now() + PREDECESSOR;
    while Instant::now() < deadline {
        match timeout(ANSWER, is_ending(path)).await {
            Ok(Some(false) | None) => return,
            // Ending, or so far gone that it does not even answer.
            Ok(Some(true)) => sleep(Duration::from_millis(25)).await,
            Err(_) => {}
        }
    }
}

/// Whether the phone bar that listens there is ending; none if nobody does.
async fn is_ending(path: &Path) -> Option<bool> {
    let mut stream = BufReader::new(UnixStream::connect(path).await.ok()?);
    let mut line = String::new();
    let answered = match stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n").await {
        Ok(()) => stream.read_line(&mut line).await,
        Err(error) => Err(error),
    };
    let status = answered.ok().and_then(|_| serde_json::from_str::<Value>(&line).ok());
    // One that hangs up on the question is ending too.
    Some(status.is_none_or(|status| status.pointer("/result/exiting") == Some(&Value::Bool(true))))
}

/// Listens at a path and serves clients until dropped. Needs a tokio runtime. A socket that cannot be made, now or after
/// somebody took it away, is tried again and again, and `tell` hears of it once.
///
/// # Errors
/// [`SocketError::InUse`]: another phone bar listens there.
pub fn serve(
    path: &Path,
    handle: Handle,
    tell: impl Fn(Message) + Send + Sync + 'static,
) -> Result<Server, SocketError> {
    let identity = Identity::default();
    let mut place = Place { path: path.to_owned(), identity: identity.clone(), listener: None, told: false, tell };
    match place.listen() {
        Err(error @ SocketError::InUse { .. }) => return Err(error),
        outcome => place.follow(outcome),
    }
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(accept(place, handle, stopped));
    Ok(Server { path: path.to_owned(), identity, stop: Some(stop), task })
}

/// Where the socket is, and what is known of it.
struct Place<T> {
    path: PathBuf,
    identity: Identity,
    listener: Option<UnixListener>,
    /// That there is none has been told.
    told: bool,
    tell: T,
}

impl<T: Fn(Message) + Send + Sync> Place<T> {
    fn listen(&mut self) -> Result<(), SocketError> {
        let listener = socket::bind(&self.path)?;
        let fail = |source| SocketError::Io { path: self.path.clone(), source };
        let listener = UnixListener::from_std(listener).map_err(fail)?;
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = socket::identity(&self.path);
        self.listener = Some(listener);
        tracing::info!("control socket at {}", self.path.display());
        Ok(())
    }

    /// Makes the socket again if it is not there any more.
    fn look(&mut self) {
        let known = *self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if self.listener.is_none() || socket::identity(&self.path) != known {
            let outcome = self.listen();
            self.follow(outcome);
        }
    }

    fn follow(&mut self, outcome: Result<(), SocketError>) {
        match outcome {
            // Once it works again, the next failure is news.
            Ok(()) => self.told = false,
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!("{error}");
                    (self.tell)(error.message());
                }
            }
        }
    }

    async fn accepted(&self) -> std::io::Result<UnixStream> {
        match &self.listener {
            Some(listener) => listener.accept().await.map(|(stream, _)| stream),
            None => std::future::pending().await,
        }
    }
}

async fn accept<T: Fn(Message) + Send + Sync>(mut place: Place<T>, handle: Handle, mut stopped: oneshot::Receiver<()>) {
    let mut clients = JoinSet::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = true;
    while open || !clients.is_empty() {
        tokio::select! {
            _ = &mut stopped, if open => open = false,
            accepted = place.accepted(), if open => match accepted {
                Ok(stream) if clients.len() < MAX_CLIENTS => {
                    clients.spawn(connection::serve(stream, handle.clone()));
                }
                Ok(stream) => connection::refuse(stream, handle.clone(), MAX_CLIENTS).await,
                Err(error) => {
                    // Out of file descriptors, most likely; it gets better by itself or not at all.
                    tracing::warn!("control socket: {error}");
                    sleep(Duration::from_millis(100)).await;
                }
            },
            Some(ended) = clients.join_next(), if !clients.is_empty() => {
                if let Err(error) = ended && error.is_panic() {
                    tracing::error!("a control client's task panicked");
                }
            }
            _ = look.tick(), if open => place.look(),
        }
    }
}
