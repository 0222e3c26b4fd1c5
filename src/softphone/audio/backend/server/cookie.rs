//! The cookie that PulseAudio servers identify their user by.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Length of a cookie, bytes.
const LENGTH: usize = 256;

/// Makes the cookie file where there is none, as libpulse does: PipeWire's server refuses a client without one ("Invalid"),
/// and the file of a fresh user is missing.
///
/// # Errors
/// When it cannot be written.
pub fn ensure_cookie() -> io::Result<()> {
    if pulseaudio::cookie_path_from_env().is_some() {
        return Ok(());
    }
    match std::env::home_dir() {
        Some(home) => make(&home),
        None => Err(io::Error::new(io::ErrorKind::NotFound, "no home folder")),
    }
}

fn make(home: &Path) -> io::Result<()> {
    let folder = home.join(".config/pulse");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    match options.open(folder.join("cookie")) {
        Ok(mut file) => file.write_all(&rand::random::<[u8; LENGTH]>()),
        // Another program was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_missing_cookie_is_made_for_this_user_alone_and_never_changed() {
        let home = tempfile::tempdir().unwrap();
        make(home.path()).unwrap();
        let file = home.path().join(".config/pulse/cookie");
        let first = fs::read(&file).unwrap();
        assert_eq!((first.len(), fs::metadata(&file).unwrap().permissions().mode() & 0o777), (LENGTH, 0o600));
        make(home.path()).unwrap();
        assert_eq!(fs::read(&file).unwrap(), first);
    }
}
