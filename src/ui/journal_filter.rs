//! What the journal is searched for: texts of its lines as in every list, and words for how and when a call was: missed,
//! in, out, internal, today, called back or not; in every language, whichever the screen speaks.

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};

use super::labels;
use crate::{
    app::JournalEntry,
    domain::{Direction, Outcome, Unreached, not_called_back},
    i18n::{self, Locale},
};

/// Words that say something of a call besides its direction and its outcome.
const TODAY: &str = "ui.find_today";
const TO_CALL_BACK: &str = "ui.find_to_call_back";

/// Short words, and the label that each means as well.
const SHORT: [(&str, &str); 3] =
    [("ui.find_in", "ui.direction_in"), ("ui.find_out", "ui.direction_out"), ("ui.find_inner", "ui.direction_inner")];

/// Fewest letters of a word that stand for the whole of it while it is being typed.
const BEGUN: usize = 2;

/// What is searched for, a condition a word; all must hold.
#[derive(Debug)]
pub struct JournalFilter {
    words: Vec<Word>,
    /// Of today: from here, to before there.
    today: Option<(Timestamp, Timestamp)>,
    to_call_back: BTreeSet<u64>,
}

#[derive(Debug)]
struct Word {
    /// In small letters.
    text: String,
    /// Catalogue keys of what it may mean.
    means: Vec<&'static str>,
}

impl JournalFilter {
    /// Reads what is typed; `journal` is what will be searched, `now` the time of the day in `zone`.
    pub fn new(typed: &str, journal: &[JournalEntry], now: Timestamp, zone: &TimeZone) -> Self {
        let vocabulary = vocabulary();
        let words: Vec<Word> = typed.to_lowercase().split_whitespace().map(|word| read(word, &vocabulary)).collect();
        let means = |key: &str| words.iter().any(|word| word.means.contains(&key));
        let to_call_back = if means(TO_CALL_BACK) { not_called_back(journal, now) } else { BTreeSet::new() };
        let today = if means(TODAY) { day_of(now, zone) } else { None };
        Self { today, to_call_back, words }
    }

    /// Whether a call is searched for; `text`: what is written in its line, in small letters.
    pub fn finds(&self, entry: &JournalEntry, text: &str) -> bool {
        self.words.iter().all(|word| text.contains(&word.text) || word.means.iter().any(|key| self.is(entry, key)))
    }

    fn is(&self, entry: &JournalEntry, key: &str) -> bool {
        match key {
            TODAY => self.today.is_some_and(|(from, to)| (from..to).contains(&entry.time)),
            TO_CALL_BACK => self.to_call_back.contains(&entry.id),
            key => {
                [labels::direction_label(entry.direction), labels::outcome_label(entry).0].contains(&key)
                    || key == labels::outcome_of(entry.outcome).0
            }
        }
    }
}

/// The day in which an instant lies.
fn day_of(now: Timestamp, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let start = now.to_zoned(zone.clone()).start_of_day().ok()?;
    Some((start.timestamp(), start.tomorrow().ok()?.timestamp()))
}

/// All words, in small letters, with what they mean.
fn vocabulary() -> Vec<(String, &'static str)> {
    let directions =
        [Direction::In, Direction::Out, Direction::Inner, Direction::Consult, Direction::Spy, Direction::Auto];
    let outcomes = [
        Outcome::Answered,
        Outcome::Missed,
        Outcome::Elsewhere,
        Outcome::Rejected,
        Outcome::Unanswered,
        Outcome::Cancelled,
        Outcome::Failed,
        Outcome::Transferred,
        Outcome::Interrupted,
    ];
    let reasons = [Unreached::Busy, Unreached::NoAnswer, Unreached::Rejected, Unreached::Unreachable];
    let labels = directions.map(labels::direction_label).into_iter();
    let labels = labels.chain(outcomes.map(|outcome| labels::outcome_of(outcome).0));
    let labels = labels.chain(reasons.map(labels::unreached_label)).chain([TODAY, TO_CALL_BACK]);
    let both = labels.map(|key| (key, key)).chain(SHORT);
    let said = |(key, means)| [Locale::En, Locale::ZhCn].map(|locale| (i18n::text(locale, key).to_lowercase(), means));
    both.flat_map(said).collect()
}

/// What a word may mean: what it is as a whole, else all that it begins.
fn read(word: &str, vocabulary: &[(String, &'static str)]) -> Word {
    let meanings = |fits: &dyn Fn(&str) -> bool| -> Vec<&'static str> {
        vocabulary.iter().filter(|(said, _)| fits(said)).map(|(_, means)| *means).collect()
    };
    let whole = meanings(&|said| said == word);
    let means = match whole.is_empty() {
        // Chinese has no blanks between words.
        true if !word.is_ascii() => meanings(&|said| said.contains(word)),
        true if word.len() >= BEGUN => meanings(&|said| said.split(' ').any(|part| part.starts_with(word))),
        true | false => whole,
    };
    Word { text: word.to_owned(), means }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::fixtures;

    fn now() -> Timestamp {
        "2026-01-02T06:33:12Z".parse().unwrap()
    }

    /// The numbers of the calls that are found.
    fn found(typed: &str) -> Vec<String> {
        let mut snapshot = fixtures::idle(Locale::ZhCn);
        let journal = std::sync::Arc::make_mut(&mut snapshot.journal);
        let mut old = journal[1].clone();
        old.time = "2026-01-01T06:00:00Z".parse().unwrap();
        old.id = 1;
        old.peer.number = Some("13000000000".into());
        let mut busy = journal[0].clone();
        busy.outcome = Outcome::Unanswered;
        busy.unreached = Some(Unreached::Busy);
        busy.peer.number = Some("13100000000".into());
        let mut got_through = journal[0].clone();
        got_through.peer.number = Some("13000000000".into());
        journal.extend([busy, old]);
        journal.insert(0, got_through);
        let filter = JournalFilter::new(typed, journal, now(), &TimeZone::UTC);
        let text = |entry: &JournalEntry| entry.peer.short().to_lowercase();
        journal.iter().filter(|entry| filter.finds(entry, &text(entry))).map(text).collect()
    }

    #[test]
    fn outcome_and_direction_are_searched_for_in_both_languages() {
        for missed in ["未接", "missed", "Missed", "miss"] {
            assert_eq!(found(missed), ["13911112222", "13000000000"], "{missed}");
        }
        for incoming in ["呼入", "in", "IN", "incoming"] {
            assert_eq!(found(incoming), ["13911112222", "13000000000"], "{incoming}");
        }
        for outgoing in ["呼出", "out", "outgoing"] {
            assert_eq!(found(outgoing), ["13000000000", "02187654321", "13100000000"], "{outgoing}");
        }
        for inner in ["内线", "internal", "inter", "内"] {
            assert_eq!(found(inner), ["8003"], "{inner}");
        }
        for unanswered in ["未接通", "对方忙", "busy"] {
            assert_eq!(found(unanswered), ["13100000000"], "{unanswered}");
        }
        assert_eq!(found("未"), ["13911112222", "13100000000", "13000000000"], "missed, and not answered");
        assert!(found("转接").is_empty());
    }

    #[test]
    fn words_hold_together_and_beside_the_text() {
        assert_eq!(found("未接 1391"), ["13911112222"]);
        assert_eq!(found("今天 未接"), ["13911112222"]);
        assert_eq!(found("today missed"), ["13911112222"]);
        assert_eq!(found("今天").len(), 5);
        assert_eq!(found("out 021"), ["02187654321"]);
        assert_eq!(found("").len(), 6);
        assert!(found("missed out").is_empty());
    }

    #[test]
    fn what_is_still_to_be_called_back_is_a_word_of_its_own() {
        for word in ["待回拨", "callback"] {
            assert_eq!(found(word), ["13911112222"], "{word}");
        }
    }

    #[test]
    fn today_is_the_day_of_the_zone() {
        let snapshot = fixtures::idle(Locale::En);
        let mut entry = snapshot.journal[0].clone();
        entry.time = "2026-01-01T16:30:00Z".parse().unwrap();
        let china = TimeZone::fixed(jiff::tz::offset(8));
        for (zone, is_today) in [(TimeZone::UTC, false), (china, true)] {
            let filter = JournalFilter::new("today", &[], now(), &zone);
            assert_eq!(filter.finds(&entry, ""), is_today, "{zone:?}");
        }
    }
}
