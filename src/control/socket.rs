//! Where the control socket lies, who may use it, and what to do with one that is already there.

use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        net::{SocketAddr, UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::i18n::{Locale, Message};

/// Why there is no control socket.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Another phone bar answers there.
    #[error("{}", self.message().render(Locale::En))]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket lies there.
    #[error("{}", self.message().render(Locale::En))]
    NotASocket {
        /// What lies there.
        path: PathBuf,
    },
    /// The directory belongs to somebody else.
    #[error("{}", self.message().render(Locale::En))]
    ForeignDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be made.
    #[error("{}", self.message().render(Locale::En))]
    Io {
        /// The socket or its directory.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

impl SocketError {
    /// What failed, why, and what to do.
    pub fn message(&self) -> Message {
        match self {
            SocketError::InUse { path } => Message::new("control.in_use").with("path", path.display()),
            SocketError::NotASocket { path } => Message::new("control.not_a_socket").with("path", path.display()),
            SocketError::ForeignDirectory { path } => {
                Message::new("control.foreign_directory").with("path", path.display())
            }
            SocketError::Io { path, source } => {
                Message::new("control.cannot_listen").with("path", path.display()).with("reason", source)
            }
        }
    }
}

/// Listens at a path, mode 0600 from the first moment; a socket that nobody answers at is replaced.
///
/// # Errors
/// [`SocketError`], which says what to do.
pub fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    let fail = |source| SocketError::Io { path: path.to_owned(), source };
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        private_directory(dir)?;
    }
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
        Ok(meta) if !meta.file_type().is_socket() => return Err(SocketError::NotASocket { path: path.to_owned() }),
        Ok(_) if UnixStream::connect(path).is_ok() => return Err(SocketError::InUse { path: path.to_owned() }),
        Ok(_) => fs::remove_file(path).map_err(fail)?,
    }
    // A socket's path has room for 107 bytes; one that is longer could be made here, and nobody could connect to it.
    SocketAddr::from_pathname(path).map_err(fail)?;
    // Under its own name only once its mode is right: a custom path may lie in a directory that others can enter.
    let hidden = path.with_file_name(format!(".{}", std::process::id()));
    let listener = UnixListener::bind(&hidden).map_err(fail)?;
    let placed =
        fs::set_permissions(&hidden, fs::Permissions::from_mode(0o600)).and_then(|()| fs::rename(&hidden, path));
    if let Err(source) = placed {
        if let Err(error) = fs::remove_file(&hidden) {
            tracing::debug!("{} stays behind: {error}", hidden.display());
        }
        return Err(fail(source));
    }
    listener.set_nonblocking(true).map_err(fail)?;
    Ok(listener)
}

/// Makes a directory for its owner alone; one that is already there and ours is left as it is, except our own.
fn private_directory(dir: &Path) -> Result<(), SocketError> {
    let fail = |source| SocketError::Io { path: dir.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(fail)?;
    let meta = fs::metadata(dir).map_err(fail)?;
    let own_name = dir.file_name().is_some_and(|name| name == "wincall-tui");
    if !own_name {
        return Ok(());
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(SocketError::ForeignDirectory { path: dir.to_owned() });
    }
    if meta.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(fail)?;
    }
    Ok(())
}

/// The control sockets of a directory, by name.
pub fn list(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut sockets: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sock"))
        .collect();
    sockets.sort();
    sockets
}

/// Device and inode, to know one's own socket by.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}
