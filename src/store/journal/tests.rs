//! Whatever a crash leaves behind can be read, and nothing that was whole is lost.

use proptest::prelude::*;

use super::*;
use crate::domain::{Direction, HungUpBy, Outcome, Party};

const DAY: i64 = 24 * 3600 * 1000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn entry(id: u64, outcome: Outcome) -> JournalEntry {
    JournalEntry {
        id,
        time: at(id as i64),
        direction: Direction::In,
        peer: Party { number: Some(format!("1380013{id:04}")), area: Some("北京".into()), ..Party::default() },
        queue: None,
        caller_id: None,
        call_id: None,
        ring_ms: 1,
        talk_ms: 2,
        hold_ms: 3,
        outcome,
        hung_up_by: HungUpBy::Peer,
        unreached: None,
        quality: None,
        transferred_to: None,
    }
}

fn settings(keep: usize, days: u16) -> JournalConfig {
    JournalConfig { enabled: true, keep, days }
}

fn keep(file: &mut JournalFile, entry: JournalEntry) {
    file.keep(&JournalChange::Entry(Box::new(entry)), at(0)).unwrap();
}

fn ids(entries: &[JournalEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.id).collect()
}

#[test]
fn a_call_that_never_ended_stays_interrupted_and_one_that_did_has_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/journal.jsonl");
    let mut file = JournalFile::new(&path, &settings(10, 90));
    assert_eq!(file.load(at(0)).unwrap(), (Vec::new(), None));
    keep(&mut file, entry(1, Outcome::Interrupted));
    keep(&mut file, entry(1, Outcome::Answered));
    keep(&mut file, entry(2, Outcome::Interrupted));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(file);

    let mut again = JournalFile::new(&path, &settings(10, 90));
    let (entries, aside) = again.load(at(3)).unwrap();
    assert_eq!(entries, [entry(1, Outcome::Answered), entry(2, Outcome::Interrupted)]);
    assert_eq!(aside, None);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2, "made compact: {text}");
    // Its end may still become known, such as when it is the platform that tells it.
    keep(&mut again, entry(2, Outcome::Missed));
    assert_eq!(again.load(at(3)).unwrap().0, [entry(1, Outcome::Answered), entry(2, Outcome::Missed)]);
}

#[test]
fn only_the_newest_and_the_young_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let mut file = JournalFile::new(&path, &settings(3, 90));
    for id in 1..=3 {
        keep(&mut file, entry(id, Outcome::Answered));
    }
    // A journal that grows in one long run is made compact in its middle: after the 13th line, 4 for each call kept.
    for id in 4..=14 {
        keep(&mut file, entry(id, Outcome::Answered));
    }
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 4, "the 3 kept then, and one more");
    assert_eq!(ids(&file.load(at(15)).unwrap().0), [12, 13, 14]);

    let recent = entry((100 * DAY) as u64, Outcome::Answered);
    keep(&mut file, recent.clone());
    assert_eq!(file.load(at(100 * DAY)).unwrap().0, [recent], "the others are older than 90 days");
}

#[test]
fn damaged_lines_are_left_out_and_the_file_is_kept_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let mut file = JournalFile::new(&path, &settings(10, 90));
    let mut text = write(&[entry(1, Outcome::Answered)]).unwrap();
    text.extend(b"{\"id\":2,\n\xff\xfe\n\n");
    text.extend(write(&[entry(3, Outcome::Answered)]).unwrap());
    fs::write(&path, &text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let (entries, aside) = file.load(at(4)).unwrap();
    assert_eq!(ids(&entries), [1, 3]);
    assert_eq!(fs::read(aside.unwrap()).unwrap(), text);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(file.load(at(4)).unwrap(), (entries, None), "told once");

    file.keep(&JournalChange::Cleared, at(4)).unwrap();
    assert_eq!(file.load(at(4)).unwrap().0, []);
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|found| found.unwrap().file_name()).collect();
    assert_eq!(left, ["journal.jsonl.lock"], "nothing of the calls is left");
}

#[test]
fn a_second_program_adds_but_never_rewrites() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let mut first = JournalFile::new(&path, &settings(10, 90));
    keep(&mut first, entry(1, Outcome::Interrupted));
    let mut second = JournalFile::new(&path, &settings(1, 90));
    keep(&mut second, entry(2, Outcome::Answered));
    assert_eq!(ids(&second.load(at(3)).unwrap().0), [2]);
    keep(&mut first, entry(1, Outcome::Answered));
    assert_eq!(first.load(at(3)).unwrap().0, [entry(1, Outcome::Answered), entry(2, Outcome::Answered)]);
}

proptest! {
    /// A kill at any byte leaves a journal that holds every call whose line was whole, and that can be added to.
    #[test]
    fn a_file_cut_anywhere_loads(calls in 1usize..12, cut in 0usize..1000) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let all: Vec<JournalEntry> = (1..=calls as u64).map(|id| entry(id, Outcome::Answered)).collect();
        let text = write(&all).unwrap();
        let cut = text.len() * cut / 1000;
        fs::write(&path, &text[..cut]).unwrap();
        // The last line counts even without its end, if nothing else of it is missing.
        let whole = (0..=calls).rev().find(|n| write(&all[..*n]).unwrap().len() <= cut + 1).unwrap();

        let mut file = JournalFile::new(&path, &settings(100, 90));
        let (entries, aside) = file.load(at(20)).unwrap();
        prop_assert_eq!(&entries[..], &all[..whole]);
        prop_assert_eq!(aside, None);
        keep(&mut file, entry(99, Outcome::Missed));
        let (entries, _) = file.load(at(100)).unwrap();
        prop_assert_eq!(entries.len(), whole + 1);
    }

    /// Whatever lies there, loading gives at most what is to be kept, and gives the same the second time.
    #[test]
    fn junk_never_stops_it(junk in proptest::collection::vec(any::<u8>(), 0..300), good in 0u64..4, keep in 1usize..3) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let mut text = junk.clone();
        text.push(b'\n');
        for id in 0..good {
            text.extend(line(&entry(id, Outcome::Answered)).unwrap());
            text.extend(&junk);
            text.push(b'\n');
        }
        fs::write(&path, &text).unwrap();
        let mut file = JournalFile::new(&path, &settings(keep, 90));
        let (entries, _) = file.load(at(20)).unwrap();
        prop_assert_eq!(entries.len(), (good as usize).min(keep));
        prop_assert_eq!(file.load(at(20)).unwrap(), (entries, None));
    }
}
