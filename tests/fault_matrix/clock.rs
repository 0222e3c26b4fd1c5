//! A clock that is set in the middle of everything: only the phone bar's own one (libfaketime), and only the time of day.

use std::{fs, path::Path, sync::OnceLock};

use super::rig::{Done, Rig};

/// The file that sets it, in the home of a rig.
pub const CLOCK: &str = "clock";
/// Debian's place of libfaketime, for programs with threads.
pub fn library() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<std::path::PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let dirs = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("faketime"));
        dirs.map(|dir| dir.join("libfaketimeMT.so.1")).find(|file| file.exists())
    });
    found.as_deref()
}

/// The environment of a program whose clock is set by a file.
pub fn own_clock(file: &Path) -> Vec<(&'static str, String)> {
    let library = library().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let text = |text: &str| text.to_owned();
    vec![
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", file.to_string_lossy().into_owned()),
        ("FAKETIME_CACHE_DURATION", text("1")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", text("1")),
        ("NO_FAKE_STAT", text("1")),
    ]
}

impl Rig {
    pub fn set_clock(&self, seconds: i32) -> Done {
        let new = self.path("clock.new");
        // Read at any moment: the old one or the new one, never half of it.
        let written = fs::write(&new, format!("{seconds:+}\n")).and_then(|()| fs::rename(&new, self.path(CLOCK)));
        written.map_err(|error| format!("the clock: {error}"))
    }
}
