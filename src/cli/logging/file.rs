//! The log's files: a new one every day and whenever one is full; only so many days and so many bytes are kept.
//!
//! `wincall-tui.2026-01-31.log` is the first of a day, `wincall-tui.2026-01-31.1.log` the next. Several programs may write
//! to the same directory: each adds to the newest file, and looks at the file itself before every line, so that none is
//! written to that another program has filled or somebody has deleted.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tokio::sync::mpsc;

use crate::i18n::Message;

/// A file holds this part of all that may be kept, so that little is lost when the oldest one goes.
const PARTS: u64 = 8;

/// A day, and which file of that day.
type Place = (Date, u32);

/// The log as a writer of whole lines.
pub(super) struct LogFile {
    dir: PathBuf,
    days: usize,
    most: u64,
    clock: fn() -> Timestamp,
    open: Option<(Place, fs::File)>,
    trouble: mpsc::UnboundedSender<Message>,
    /// That it cannot be written has been told.
    told: bool,
}

impl LogFile {
    /// Nothing is opened yet. `days`: so many dates are kept; `most`: bytes of all files together.
    pub(super) fn new(
        dir: &Path,
        days: usize,
        most: u64,
        clock: fn() -> Timestamp,
        trouble: mpsc::UnboundedSender<Message>,
    ) -> Self {
        Self { dir: dir.to_owned(), days, most, clock, open: None, trouble, told: false }
    }

    /// Opens the file that the next line goes to.
    ///
    /// # Errors
    /// The directory cannot be made, or the file not be opened.
    pub(super) fn open(&mut self) -> io::Result<&mut fs::File> {
        let date = TimeZone::UTC.to_datetime((self.clock)()).date();
        let full = self.most / PARTS;
        let usable = |(place, file): &(Place, fs::File)| {
            let meta = file.metadata();
            place.0 == date && meta.is_ok_and(|meta| meta.nlink() > 0 && meta.len() < full)
        };
        if !self.open.as_ref().is_some_and(usable) {
            self.open = None;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
            // Of this date: after a clock that was wrong there may be files of tomorrow.
            let part = match self.files().iter().rfind(|((of, _), ..)| *of == date) {
                Some(((_, part), size, _)) if *size >= full => part.saturating_add(1),
                Some(((_, part), ..)) => *part,
                None => 0,
            };
            let path = self.dir.join(name((date, part)));
            let file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            self.make_room((date, part));
            self.open = Some(((date, part), file));
        }
        self.open.as_mut().map(|(_, file)| file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// All files of the log, oldest first, with their sizes.
    fn files(&self) -> Vec<(Place, u64, PathBuf)> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries
            .filter_map(|entry| Some((place(entry.file_name().to_str()?)?, entry.metadata().ok()?.len(), entry.path())))
            .collect();
        files.sort();
        files
    }

    /// Deletes what is too old, and then the oldest until a whole file more finds room.
    fn make_room(&self, current: Place) {
        let files = self.files();
        let mut dates: Vec<Date> = files.iter().map(|((date, _), ..)| *date).collect();
        dates.dedup();
        let oldest = dates.len().checked_sub(self.days).and_then(|at| dates.get(at).copied());
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (place, size, path) in files {
            let outdated = oldest.is_some_and(|oldest| place.0 < oldest);
            if place == current || (!outdated && total <= self.most - self.most / PARTS) {
                continue;
            }
            match fs::remove_file(&path) {
                Ok(()) => total = total.saturating_sub(size),
                // Nobody can be told from here; the next file tries again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => total = total.saturating_sub(size),
                Err(_) => {}
            }
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.open().and_then(|file| file.write_all(line)) {
            // Once it works again, the next failure is news.
            Ok(()) => self.told = false,
            Err(error) => {
                self.open = None;
                if !std::mem::replace(&mut self.told, true) {
                    let message = Message::new("cli.log_not_kept").with("path", self.dir.display());
                    // An error says that the program is ending.
                    self.trouble.send(message.with("reason", &error)).ok();
                }
                return Err(error);
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn name((date, part): Place) -> String {
    match part {
        0 => format!("wincall-tui.{date}.log"),
        part => format!("wincall-tui.{date}.{part}.log"),
    }
}

/// The place that a file's name stands for.
fn place(name: &str) -> Option<Place> {
    let middle = name.strip_prefix("wincall-tui.")?.strip_suffix(".log")?;
    match middle.split_once('.') {
        Some((date, part)) => Some((date.parse().ok()?, part.parse().ok()?)),
        None => Some((middle.parse().ok()?, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i8) -> Timestamp {
        jiff::civil::date(2026, 1, day).to_zoned(TimeZone::UTC).unwrap().timestamp()
    }

    struct Log {
        dir: tempfile::TempDir,
        trouble: mpsc::UnboundedReceiver<Message>,
        file: LogFile,
    }

    fn log(days: usize, most: u64) -> Log {
        let dir = tempfile::tempdir().unwrap();
        let (sender, trouble) = mpsc::unbounded_channel();
        let file = LogFile::new(&dir.path().join("log"), days, most, || at(9), sender);
        Log { dir, trouble, file }
    }

    impl Log {
        fn names(&self) -> Vec<String> {
            self.file.files().into_iter().map(|(place, ..)| name(place)).collect()
        }

        fn size(&self) -> u64 {
            self.file.files().iter().map(|(_, size, _)| size).sum()
        }
    }

    #[test]
    fn a_flood_never_takes_more_than_its_room_and_the_newest_lines_stay() {
        let mut log = log(7, 8000);
        for n in 0..1000 {
            writeln!(log.file, "{n:>99}").unwrap();
            assert!(log.size() <= 8000 + 100, "{} after {n}", log.size());
        }
        assert!(log.size() > 6000, "{}", log.size());
        let newest = log.file.files().pop().unwrap().2;
        assert!(fs::read_to_string(newest).unwrap().trim_end().ends_with(" 999"));
        assert_eq!(fs::metadata(log.dir.path().join("log")).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn files_of_a_clock_that_was_wrong_do_not_lift_the_limit_of_today() {
        let mut log = log(7, 8000);
        log.file.clock = || at(10);
        writeln!(log.file, "of tomorrow").unwrap();
        log.file.clock = || at(9);
        for n in 0..200 {
            writeln!(log.file, "{n:>99}").unwrap();
            assert!(log.size() <= 8000 + 100, "{} after {n}", log.size());
        }
    }

    #[test]
    fn every_day_has_a_file_and_old_days_go() {
        let mut log = log(3, 1_000_000);
        let days: [fn() -> Timestamp; 5] = [|| at(1), || at(2), || at(3), || at(4), || at(5)];
        for clock in days {
            log.file.clock = clock;
            writeln!(log.file, "x").unwrap();
        }
        assert_eq!(
            log.names(),
            ["wincall-tui.2026-01-03.log", "wincall-tui.2026-01-04.log", "wincall-tui.2026-01-05.log"]
        );
        // What is not the log's is left alone.
        let foreign = log.dir.path().join("log/wincall-tui.notes.log");
        fs::write(&foreign, "x").unwrap();
        log.file.clock = || at(6);
        writeln!(log.file, "x").unwrap();
        assert!(foreign.exists());
    }

    #[test]
    fn two_programs_share_a_directory_and_a_file_that_is_gone_is_made_again() {
        let mut log = log(3, 8000);
        let mut second = LogFile::new(&log.dir.path().join("log"), 3, 8000, || at(9), log.file.trouble.clone());
        for n in 0..25 {
            writeln!(log.file, "{n:>99}").unwrap();
            writeln!(second, "{n:>99}").unwrap();
        }
        let sizes: Vec<u64> = log.file.files().into_iter().map(|(_, size, _)| size).collect();
        assert_eq!(sizes, [1000, 1000, 1000, 1000, 1000]);
        fs::remove_dir_all(log.dir.path().join("log")).unwrap();
        writeln!(log.file, "again").unwrap();
        writeln!(second, "and again").unwrap();
        let newest = log.file.files().pop().unwrap().2;
        assert_eq!(fs::read_to_string(newest).unwrap(), "again\nand again\n");
    }

    #[test]
    fn what_cannot_be_written_is_told_once_and_again_after_it_was_well() {
        let mut log = log(3, 8000);
        let dir = log.dir.path().join("log");
        for _ in 0..2 {
            fs::write(&dir, "in the way").unwrap();
            assert!(writeln!(log.file, "x").is_err() && writeln!(log.file, "y").is_err());
            fs::remove_file(&dir).unwrap();
            writeln!(log.file, "z").unwrap();
            fs::remove_dir_all(&dir).unwrap();
        }
        let told: Vec<Message> = std::iter::from_fn(|| log.trouble.try_recv().ok()).collect();
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn a_full_disk_is_told() {
        let mut log = log(3, 8000);
        log.file.open().unwrap();
        let file = log.file.files().pop().unwrap().2;
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/full", &file).unwrap();
        assert!(writeln!(log.file, "x").is_err());
        assert!(log.trouble.try_recv().unwrap().render(crate::i18n::Locale::En).contains("No space left"));
    }

    #[test]
    fn the_last_year_that_can_be_written_is_no_trouble() {
        let mut log = log(3, 8000);
        for clock in [|| Timestamp::MAX, || Timestamp::MIN] {
            log.file.clock = clock;
            writeln!(log.file, "x").unwrap();
        }
        assert!(log.trouble.try_recv().is_err());
    }
}
