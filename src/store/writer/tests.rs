//! The store as the program uses it: told, closed, opened again.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::*;
use crate::{
    domain::{Direction, HungUpBy, JournalEntry, Outcome, Party},
    i18n::Locale,
    store::{read_reg_id, read_remembered},
};

fn places(dir: &Path) -> Places {
    Places { session: dir.join("session"), remembered: dir.join("agent.json"), journal: dir.join("journal.jsonl") }
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Said>>>);

impl Heard {
    fn open(&self, places: &Places, journal: &JournalConfig) -> Store {
        let heard = Arc::clone(&self.0);
        Store::open(places.clone(), journal, move |said| heard.lock().unwrap().push(said)).unwrap()
    }

    fn journal(&self) -> Option<Vec<u64>> {
        self.0.lock().unwrap().iter().find_map(|said| match said {
            Said::Journal(entries) => Some(entries.iter().map(|entry| entry.id).collect()),
            Said::NotKept(_) => None,
        })
    }

    fn complaints(&self) -> Vec<String> {
        let told = |said: &Said| match said {
            Said::NotKept(message) => Some(message.render(Locale::En)),
            Said::Journal(_) => None,
        };
        self.0.lock().unwrap().iter().filter_map(told).collect()
    }
}

fn call(id: u64) -> JournalChange {
    JournalChange::Entry(Box::new(JournalEntry {
        id,
        time: clock::now(),
        direction: Direction::Out,
        peer: Party::default(),
        queue: None,
        caller_id: None,
        call_id: None,
        ring_ms: 0,
        talk_ms: 0,
        hold_ms: 0,
        outcome: Outcome::Cancelled,
        hung_up_by: HungUpBy::Agent,
        unreached: None,
        quality: None,
        transferred_to: None,
    }))
}

#[tokio::test]
async fn everything_told_before_the_end_is_found_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let places = places(&dir.path().join("state"));
    let first = Heard::default();
    let store = first.open(&places, &JournalConfig::default());
    for id in 1..=200 {
        store.journal(call(id));
        store.remember(Remembered { panel_width: Some(15 + (id % 40) as u16), ..Remembered::default() });
    }
    store.reg_id(Some("R1".into()));
    store.reg_id(None);
    store.reg_id(Some("R2".into()));
    store.close().await;
    assert_eq!(first.journal(), Some(Vec::new()), "there was no journal");
    assert_eq!(read_reg_id(&places.session).as_deref(), Some("R2"));
    assert_eq!(read_remembered(&places.remembered).0.panel_width, Some(15), "the last choice of many");

    let second = Heard::default();
    second.open(&places, &JournalConfig::default()).close().await;
    assert_eq!(second.journal(), Some((1..=200).rev().collect()), "newest first");
    assert_eq!(second.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn a_journal_switched_off_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let places = places(dir.path());
    let heard = Heard::default();
    let store = heard.open(&places, &JournalConfig { enabled: false, ..JournalConfig::default() });
    store.journal(call(1));
    store.remember(Remembered::default());
    store.close().await;
    assert_eq!(heard.journal(), None);
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|found| found.unwrap().file_name()).collect();
    assert_eq!(left, ["agent.json"]);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_told_once_and_again_after_it_was_well() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("state");
    let places = places(&blocked);
    let heard = Heard::default();
    fs::write(&blocked, "a file where the directory should be").unwrap();
    let store = heard.open(&places, &JournalConfig::default());
    let complaints = |n: usize| {
        let heard = heard.clone();
        async move {
            let all_in_time = async {
                while heard.complaints().len() < n {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            assert!(
                tokio::time::timeout(Duration::from_secs(5), all_in_time).await.is_ok(),
                "{:?}",
                heard.complaints()
            );
        }
    };
    store.journal(call(1));
    store.journal(call(2));
    store.reg_id(Some("R1".into()));
    // Reading the journal failed as well, for the same reason.
    complaints(3).await;
    fs::remove_file(&blocked).unwrap();
    store.journal(call(3));
    // Written in order: the journal has all its calls by then, and the writer has noticed that the disk is well.
    store.reg_id(Some("R2".into()));
    let written = async {
        while read_reg_id(&places.session).as_deref() != Some("R2") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(5), written).await.is_ok(), "{:?}", heard.complaints());
    fs::remove_dir_all(&blocked).unwrap();
    fs::write(&blocked, "again").unwrap();
    store.journal(call(4));
    store.close().await;
    let told = heard.complaints();
    assert_eq!(told.iter().filter(|text| text.contains("the journal cannot be kept")).count(), 2, "{told:#?}");
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(told.iter().all(|text| text.contains("state/")), "{told:#?}");
}

#[tokio::test]
async fn what_a_disk_would_not_take_is_written_when_it_takes_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("state");
    let places = places(&blocked);
    let heard = Heard::default();
    fs::write(&blocked, "a file where the directory should be").unwrap();
    let store = heard.open(&places, &JournalConfig::default());
    store.journal(call(1));
    store.reg_id(Some("R1".into()));
    let told = async {
        // Reading the journal failed as well.
        while heard.complaints().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(5), told).await.is_ok(), "{:?}", heard.complaints());
    fs::remove_file(&blocked).unwrap();
    store.journal(call(2));
    store.close().await;
    assert_eq!(read_reg_id(&places.session).as_deref(), Some("R1"));

    let again = Heard::default();
    again.open(&places, &JournalConfig::default()).close().await;
    assert_eq!(again.journal(), Some(vec![2, 1]));
}
