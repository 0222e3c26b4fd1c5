//! A file system that is really full: a small one of the phone bar's own, in a mount namespace that ends with it.
//!
//! Where mounting is not allowed (a container without the right, and no user namespaces) RLIMIT_FSIZE stands for it: every
//! write fails as well, with another error.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use rustix::process::{Resource, Rlimit, prlimit};

use super::rig::{Done, Rig};

/// Where it is, in the home of a rig.
pub const SMALL_DISK: &str = "disk";
/// What fills it.
const FILLER: &str = "filler";

/// How a mount namespace is had here; none where there is no way.
fn namespace() -> Option<&'static [&'static str]> {
    static WAY: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    *WAY.get_or_init(|| {
        let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
        let dir = tempfile::tempdir().ok()?;
        let works = |way: &&&[&str]| {
            let mut probe = Command::new("unshare");
            probe.args(**way).args(["mount", "-t", "tmpfs", "-o", "size=64k", "wincall-probe"]).arg(dir.path());
            probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        ways.iter().find(works).copied()
    })
}

pub fn may_mount() -> bool {
    namespace().is_some()
}

/// The program on a disk of its own; the arguments follow.
pub fn on_small_disk(program: &str, disk: &Path) -> Done<Command> {
    fs::create_dir_all(disk).map_err(|error| error.to_string())?;
    let mut command = Command::new("unshare");
    // The process stays the same one: whoever signals it reaches the phone bar.
    let mount = "mount -t tmpfs -o size=16m,mode=0700 wincall-disk \"$0\" && exec \"$@\"";
    command.args(namespace().unwrap_or_default()).args(["sh", "-c", mount]).arg(disk).arg(program);
    Ok(command)
}

impl Rig {
    /// A path as the phone bar sees it: its mounts are its own.
    pub fn inside(&self, name: &str) -> Done<PathBuf> {
        let client = self.client.as_ref().ok_or("no phone bar")?;
        let path = self.path(name);
        if !may_mount() {
            return Ok(path);
        }
        let root = PathBuf::from(format!("/proc/{}/root", client.pid().as_raw_nonzero()));
        Ok(root.join(path.strip_prefix("/").unwrap_or(&path)))
    }

    /// No byte more finds room, but in pages that files have begun.
    pub fn fill_disk(&self) -> Done {
        if !may_mount() {
            return self.limit_files(Some(0));
        }
        let io = |error: std::io::Error| format!("filling the disk: {error}");
        let mut file = fs::File::create(self.inside(SMALL_DISK)?.join(FILLER)).map_err(io)?;
        let page = [0_u8; 4096];
        loop {
            match file.write_all(&page) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(io(error)),
            }
        }
    }

    pub fn empty_disk(&self) -> Done {
        if !may_mount() {
            return self.limit_files(None);
        }
        fs::remove_file(self.inside(SMALL_DISK)?.join(FILLER)).map_err(|error| error.to_string())
    }

    /// How large a file of the phone bar may grow, bytes.
    pub fn limit_files(&self, most: Option<u64>) -> Done {
        let client = self.client.as_ref().ok_or("no phone bar")?;
        let limit = Rlimit { current: most, maximum: None };
        prlimit(Some(client.pid()), Resource::Fsize, limit).map(drop).map_err(|error| error.to_string())
    }
}
