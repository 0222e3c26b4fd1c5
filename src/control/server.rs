//! The control socket of a running phone bar.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::UnixListener,
    task::{JoinHandle, JoinSet},
};

use super::{
    connection,
    socket::{self, SocketError},
};
use crate::app::Handle;

/// Clients served at once.
const MAX_CLIENTS: usize = 32;

/// A listening control socket; dropped, it stops and takes its socket away.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    identity: Option<(u64, u64)>,
    task: JoinHandle<()>,
}

impl Server {
    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        // Only one's own: another program may have put its socket there meanwhile.
        let own = self.identity.is_some() && socket::identity(&self.path) == self.identity;
        if own && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!("{} stays behind: {error}", self.path.display());
        }
    }
}

/// Listens at a path and serves clients until dropped. Needs a tokio runtime.
///
/// # Errors
/// [`SocketError`]: another phone bar listens there, or the socket cannot be made.
pub fn serve(path: &Path, handle: Handle) -> Result<Server, SocketError> {
    let fail = |source| SocketError::Io { path: path.to_owned(), source };
    let listener = socket::bind(path)?;
    let identity = socket::identity(path);
    let listener = UnixListener::from_std(listener).map_err(fail)?;
    tracing::info!("control socket at {}", path.display());
    let task = tokio::spawn(accept(listener, handle));
    Ok(Server { path: path.to_owned(), identity, task })
}

async fn accept(listener: UnixListener, handle: Handle) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if clients.len() < MAX_CLIENTS => {
                    clients.spawn(connection::serve(stream, handle.clone()));
                }
                Ok((stream, _)) => connection::refuse(stream, handle.clone(), MAX_CLIENTS).await,
                Err(error) => {
                    // Out of file descriptors, most likely; it gets better by itself or not at all.
                    tracing::warn!("control socket: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(ended) = clients.join_next(), if !clients.is_empty() => {
                if let Err(error) = ended && error.is_panic() {
                    tracing::error!("a control client's task panicked");
                }
            }
        }
    }
}
