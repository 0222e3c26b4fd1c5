//! The journal's file: one JSON object a line, added at the end; a line of the same call takes an earlier one's place.

use std::{
    collections::{HashMap, VecDeque},
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::files;
use crate::{
    config::JournalConfig,
    domain::{JournalChange, JournalEntry},
};

/// Lines for each call kept that the file may grow to before it is made compact in the middle of a run.
const GROWTH: usize = 4;

/// A journal's file, of which one program is the owner.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    keep: usize,
    days: u16,
    /// Held as long as this lives: its owner alone may rewrite the file, everybody may add to it.
    lock: Option<fs::File>,
    lines: usize,
    /// Calls that could not be written, oldest first, each once.
    unwritten: VecDeque<JournalEntry>,
}

/// What a file held.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Loaded {
    /// The calls, oldest first.
    pub(super) entries: Vec<JournalEntry>,
    /// Lines in the middle that could not be read.
    pub(super) damaged: usize,
    /// Lines altogether.
    lines: usize,
}

impl JournalFile {
    /// Takes hold of a journal; nothing is read or written yet.
    pub(super) fn new(path: &Path, settings: &JournalConfig) -> Self {
        let lock = take_lock(path);
        let (keep, days) = (settings.keep, settings.days);
        Self { path: path.to_owned(), keep, days, lock, lines: 0, unwritten: VecDeque::new() }
    }

    /// Reads the calls that are to be kept, oldest first, and makes the file compact. Where lines are damaged, the file
    /// as it was is kept aside, and its name is given.
    ///
    /// # Errors
    /// The file is there and cannot be read, or it cannot be rewritten.
    pub(super) fn load(&mut self, now: Timestamp) -> io::Result<(Vec<JournalEntry>, Option<PathBuf>)> {
        self.load_telling(now, |_| ())
    }

    /// The same; `tell` hears of the calls as soon as they are read: a disk may take long to write.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub(super) fn load_telling(
        &mut self,
        now: Timestamp,
        tell: impl FnOnce(&[JournalEntry]),
    ) -> io::Result<(Vec<JournalEntry>, Option<PathBuf>)> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let oldest = now.checked_sub(SignedDuration::from_hours(24 * i64::from(self.days))).unwrap_or(Timestamp::MIN);
        let loaded = parse(&text, self.keep, oldest);
        self.lines = loaded.lines;
        tell(&loaded.entries);
        if !self.path.exists() {
            return Ok((loaded.entries, None));
        }
        if self.lock.is_none() {
            tracing::info!(file = %self.path.display(), "another program keeps this journal; it is added to, not made compact");
            return Ok((loaded.entries, None));
        }
        let aside = (loaded.damaged > 0).then(|| files::beside(&self.path, "broken"));
        if let Some(aside) = &aside {
            files::replace(aside, &text)?;
        }
        let compact = write(&loaded.entries)?;
        let mode = fs::metadata(&self.path)?.permissions().mode();
        if compact != text || mode & 0o077 != 0 {
            files::replace(&self.path, &compact)?;
        }
        self.lines = loaded.entries.len();
        Ok((loaded.entries, aside))
    }

    /// Keeps a change. What cannot be written is kept in memory, for [`catch_up`](Self::catch_up) or the next change.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn keep(&mut self, change: &JournalChange, now: Timestamp) -> io::Result<()> {
        match change {
            JournalChange::Entry(entry) => {
                self.unwritten.retain(|other| other.id != entry.id);
                self.unwritten.push_back((**entry).clone());
                if self.unwritten.len() > self.keep {
                    self.unwritten.pop_front();
                }
                self.catch_up(now)
            }
            JournalChange::Cleared => {
                self.lines = 0;
                self.unwritten.clear();
                files::remove(&files::beside(&self.path, "broken"))?;
                files::remove(&self.path)
            }
        }
    }
}

impl JournalFile {
    /// Whether there are calls that could not be written.
    pub(super) fn is_behind(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Writes what could not be written before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn catch_up(&mut self, now: Timestamp) -> io::Result<()> {
        while let Some(entry) = self.unwritten.front() {
            files::append(&self.path, &line(entry)?)?;
            self.unwritten.pop_front();
            self.lines += 1;
        }
        if self.lock.is_some() && self.lines > self.keep.saturating_mul(GROWTH) {
            self.load(now)?;
        }
        Ok(())
    }
}

/// The lock beside a journal; none while another program holds it. Gone with its holder, however that ends.
fn take_lock(path: &Path) -> Option<fs::File> {
    let lock = files::beside(path, "lock");
    let taken = files::private_directory(&lock)
        .and_then(|()| files::options().write(true).create(true).truncate(false).open(&lock))
        .and_then(|file| file.try_lock().map(|()| file).map_err(io::Error::from));
    taken.inspect_err(|error| tracing::debug!(%error, file = %lock.display(), "no lock")).ok()
}

fn line(entry: &JournalEntry) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}

fn write(entries: &[JournalEntry]) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(entries.len() * 400);
    for entry in entries {
        text.extend(line(entry)?);
    }
    Ok(text)
}

/// Reads a journal's text, whatever state it is in: at most `keep` calls, none older than `oldest`.
///
/// A last line without its end was being written when the program was killed: if it is not whole it is left out, and
/// that is no damage.
fn parse(text: &[u8], keep: usize, oldest: Timestamp) -> Loaded {
    let mut entries: VecDeque<JournalEntry> = VecDeque::new();
    // Where the entry of a call stands, counted over all entries that there ever were.
    let mut places: HashMap<u64, usize> = HashMap::new();
    let (mut gone, mut damaged, mut lines) = (0, 0, 0);
    for whole in text.split_inclusive(|byte| *byte == b'\n') {
        let content = whole.trim_ascii();
        if content.is_empty() {
            continue;
        }
        lines += 1;
        let entry: JournalEntry = match serde_json::from_slice(content) {
            Ok(entry) => entry,
            Err(_) if !whole.ends_with(b"\n") => continue,
            Err(_) => {
                damaged += 1;
                continue;
            }
        };
        let known = places.get(&entry.id).and_then(|place| place.checked_sub(gone));
        if let Some(known) = known.and_then(|at| entries.get_mut(at)) {
            *known = entry;
            continue;
        }
        places.insert(entry.id, gone + entries.len());
        entries.push_back(entry);
        if entries.len() > keep {
            gone += 1;
            entries.pop_front();
        }
    }
    let entries = entries.into_iter().filter(|entry| entry.time >= oldest).collect();
    Loaded { entries, damaged, lines }
}

#[cfg(test)]
mod tests;
