//! Files for their owner alone, whole or not at all.

use std::{
    ffi::OsString,
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Puts a text where a file is or is to be: whoever reads sees the old one or the new one, whatever happens meanwhile.
pub(super) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    private_directory(path)?;
    let new = beside(path, "new");
    let mut file = options().write(true).create(true).truncate(true).open(&new)?;
    // One that a crash left behind keeps its mode when it is opened again.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text)?;
    file.sync_data()?;
    fs::rename(&new, path)
}

/// Adds to the end of a file in one piece, and waits until the disk has it. A full disk takes the beginning of a text and
/// not its end: that is cut off again, so that nothing is added to half a line.
pub(super) fn append(path: &Path, text: &[u8]) -> io::Result<()> {
    private_directory(path)?;
    let mut file = options().append(true).create(true).open(path)?;
    let before = file.metadata()?.len();
    let mut taken = 0;
    let written = loop {
        match file.write(text.get(taken..).unwrap_or_default()) {
            Ok(0) if taken < text.len() => break Err(io::ErrorKind::WriteZero.into()),
            Ok(0) => break Ok(()),
            Ok(more) => taken += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    if written.is_err() && taken > 0 && file.metadata()?.len() == before + taken as u64 {
        // Nobody else has added to it meanwhile.
        file.set_len(before)?;
    }
    written.and_then(|()| file.sync_data())
}

/// Removes a file; one that is not there is fine.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A name beside a file's own: `journal.jsonl` and `new` make `journal.jsonl.new`.
pub(super) fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// How a private file is opened.
pub(super) fn options() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.mode(0o600);
    options
}

/// The directory of a file, made for its owner alone if it is not there.
pub(super) fn private_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(dir) => fs::DirBuilder::new().recursive(true).mode(0o700).create(dir),
        None => Ok(()),
    }
}
