//! Missed calls as work: which of them nobody has spoken with since.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Direction, JournalEntry, Outcome, Party};

/// A missed call is work for so long: what was missed on Friday evening can still be called back on Monday morning.
pub const WORK_FOR: SignedDuration = SignedDuration::from_hours(72);

/// Fewest digits by which two numbers are known to be one, with and without prefix.
const SURE: usize = 7;

/// The missed calls of a journal (newest first) whose caller has not been spoken with since, by their
/// [`id`](JournalEntry::id). A call whose number nobody told is none, nor is a colleague's consultation, whose customer
/// waits no longer; nor is what is older than [`WORK_FOR`] at `now`.
pub fn not_called_back(journal: &[JournalEntry], now: Timestamp) -> BTreeSet<u64> {
    let oldest = now.checked_sub(WORK_FOR).unwrap_or(Timestamp::MIN);
    let mut spoken = Spoken::default();
    let mut open = BTreeSet::new();
    for entry in journal.iter().filter(|entry| entry.time >= oldest) {
        if entry.is_conversation() {
            spoken.add(&entry.peer);
        } else if entry.is_to_call_back() && !spoken.has(&entry.peer) {
            open.insert(entry.id);
        }
    }
    open
}

/// Whether a journal (newest first) has a conversation with the other end of a call that is newer than it.
pub fn spoken_with_since(journal: &[JournalEntry], entry: &JournalEntry) -> bool {
    let mut spoken = Spoken::default();
    for newer in journal.iter().take_while(|newer| newer.id != entry.id).filter(|newer| newer.is_conversation()) {
        spoken.add(&newer.peer);
    }
    spoken.has(&entry.peer)
}

impl JournalEntry {
    /// Whether the other end has called. Of a conversation between agents the journal does not say who called whom.
    pub fn came_in(&self) -> bool {
        let rang_here = matches!(self.outcome, Outcome::Missed | Outcome::Elsewhere | Outcome::Rejected);
        match self.direction {
            Direction::In => true,
            Direction::Inner | Direction::Consult | Direction::Auto => rang_here,
            Direction::Out | Direction::Spy => false,
        }
    }

    /// Whether it was missed, and by somebody who can be called back.
    fn is_to_call_back(&self) -> bool {
        let reachable = !self.peer.short().is_empty();
        self.outcome == Outcome::Missed
            && reachable
            && match self.direction {
                Direction::In | Direction::Auto | Direction::Inner => true,
                Direction::Out | Direction::Consult | Direction::Spy => false,
            }
    }

    /// Whether this agent and the other end have spoken with each other.
    fn is_conversation(&self) -> bool {
        let spoken = match self.outcome {
            Outcome::Answered | Outcome::Transferred => true,
            Outcome::Interrupted => self.talk_ms > 0,
            Outcome::Missed
            | Outcome::Elsewhere
            | Outcome::Rejected
            | Outcome::Unanswered
            | Outcome::Cancelled
            | Outcome::Failed => false,
        };
        spoken && self.direction != Direction::Spy
    }
}

/// Whom the agent has spoken with.
#[derive(Default)]
struct Spoken {
    agents: BTreeSet<String>,
    /// Numbers without prefix, by their last digits.
    numbers: BTreeMap<String, Vec<String>>,
}

impl Spoken {
    fn add(&mut self, peer: &Party) {
        if let Some(ag_no) = &peer.ag_no {
            self.agents.insert(ag_no.clone());
        }
        if let Some(number) = peer.number.as_deref().and_then(bare) {
            self.numbers.entry(last(&number)).or_default().push(number);
        }
    }

    fn has(&self, peer: &Party) -> bool {
        if peer.ag_no.as_ref().is_some_and(|ag_no| self.agents.contains(ag_no)) {
            return true;
        }
        let Some(number) = peer.number.as_deref().and_then(bare) else { return false };
        let alike = self.numbers.get(&last(&number)).map(Vec::as_slice).unwrap_or_default();
        let same = |other: &String| *other == number || (number.len().min(other.len()) >= SURE && ends(other, &number));
        alike.iter().any(same)
    }
}

/// Whether one of two numbers is the other with a prefix before it.
fn ends(one: &str, other: &str) -> bool {
    one.ends_with(other) || other.ends_with(one)
}

/// The digits of a number without the zeros that lead out of an area or a country; none if there are no digits.
fn bare(number: &str) -> Option<String> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    (!digits.is_empty()).then(|| digits.to_owned())
}

/// The last digits by which numbers are looked up.
fn last(number: &str) -> String {
    number.get(number.len().saturating_sub(SURE)..).unwrap_or(number).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::HungUpBy;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_767_330_000 + minute * 60).unwrap()
    }

    /// A call of a minute; who is all digits beginning with 8 and short is an agent.
    fn call(minute: u64, direction: Direction, who: &str, outcome: Outcome) -> JournalEntry {
        let (number, ag_no) = if who.len() == 4 { (None, Some(who.to_owned())) } else { (Some(who.to_owned()), None) };
        JournalEntry {
            id: minute,
            time: at(i64::try_from(minute).unwrap()),
            direction,
            peer: Party { number: number.filter(|number| !number.is_empty()), ag_no, ..Party::default() },
            queue: None,
            caller_id: None,
            call_id: None,
            ring_ms: 5000,
            talk_ms: 0,
            hold_ms: 0,
            outcome,
            hung_up_by: HungUpBy::Peer,
            unreached: None,
            quality: None,
            transferred_to: None,
        }
    }

    fn open(calls: &[JournalEntry]) -> Vec<u64> {
        let newest_first: Vec<JournalEntry> = calls.iter().rev().cloned().collect();
        not_called_back(&newest_first, at(100)).into_iter().collect()
    }

    #[test]
    fn a_missed_call_is_open_until_its_caller_was_spoken_with() {
        use Direction::{In, Out};
        let missed = call(1, In, "13800138000", Outcome::Missed);
        assert_eq!(open(std::slice::from_ref(&missed)), [1]);
        for failed in [Outcome::Unanswered, Outcome::Cancelled, Outcome::Failed] {
            assert_eq!(open(&[missed.clone(), call(2, Out, "13800138000", failed)]), [1], "{failed:?}");
        }
        for spoken in [Outcome::Answered, Outcome::Transferred] {
            assert!(open(&[missed.clone(), call(2, Out, "13800138000", spoken)]).is_empty(), "{spoken:?}");
            assert!(open(&[missed.clone(), call(2, In, "13800138000", spoken)]).is_empty(), "{spoken:?}");
        }
        assert_eq!(open(&[call(0, Out, "13800138000", Outcome::Answered), missed.clone()]), [1], "spoken with before");
        assert_eq!(open(&[missed.clone(), call(2, Out, "13800138001", Outcome::Answered)]), [1], "somebody else");
        assert_eq!(open(&[missed.clone(), call(2, Direction::Spy, "13800138000", Outcome::Answered)]), [1]);
        let mut cut_off = call(2, Out, "13800138000", Outcome::Interrupted);
        assert_eq!(open(&[missed.clone(), cut_off.clone()]), [1]);
        cut_off.talk_ms = 9000;
        assert!(open(&[missed, cut_off]).is_empty());
    }

    #[test]
    fn one_call_back_is_the_answer_to_all_that_its_caller_tried() {
        let tries: Vec<JournalEntry> =
            (1..4).map(|minute| call(minute, Direction::In, "13800138000", Outcome::Missed)).collect();
        assert_eq!(open(&tries), [1, 2, 3]);
        let mut answered = tries.clone();
        answered.push(call(5, Direction::Out, "13800138000", Outcome::Answered));
        assert!(open(&answered).is_empty());
        let newest_first: Vec<JournalEntry> = answered.iter().rev().cloned().collect();
        assert!(tries.iter().all(|missed| spoken_with_since(&newest_first, missed)));
        answered.push(call(6, Direction::In, "13800138000", Outcome::Missed));
        assert_eq!(open(&answered), [6], "missed again");
        let newest_first: Vec<JournalEntry> = answered.iter().rev().cloned().collect();
        assert!(!spoken_with_since(&newest_first, &newest_first[0]));
    }

    #[test]
    fn a_number_is_the_same_with_and_without_its_prefix() {
        for (missed, called) in [
            ("13800138000", "013800138000"),
            ("+8613800138000", "13800138000"),
            ("008613800138000", "013800138000"),
            ("01058545832", "+861058545832"),
            ("58545832", "01058545832"),
        ] {
            let calls =
                [call(1, Direction::In, missed, Outcome::Missed), call(2, Direction::Out, called, Outcome::Answered)];
            assert!(open(&calls).is_empty(), "{missed} {called}");
        }
        for (missed, called) in [("01058545832", "02158545832"), ("10086", "4000010086"), ("95588", "588")] {
            let calls =
                [call(1, Direction::In, missed, Outcome::Missed), call(2, Direction::Out, called, Outcome::Answered)];
            assert_eq!(open(&calls), [1], "{missed} {called}");
        }
    }

    #[test]
    fn colleagues_are_called_back_too_and_nobody_who_has_no_number() {
        use Direction::{Auto, Consult, In, Inner};
        assert_eq!(open(&[call(1, Inner, "8002", Outcome::Missed)]), [1]);
        let back = [call(1, Inner, "8002", Outcome::Missed), call(2, Inner, "8002", Outcome::Answered)];
        assert!(open(&back).is_empty());
        assert_eq!(open(&[call(1, Auto, "13800138000", Outcome::Missed)]), [1]);
        assert!(open(&[call(1, Consult, "8002", Outcome::Missed)]).is_empty());
        assert!(open(&[call(1, In, "", Outcome::Missed)]).is_empty());
        for handled in [Outcome::Rejected, Outcome::Elsewhere, Outcome::Answered] {
            assert!(open(&[call(1, In, "13800138000", handled)]).is_empty(), "{handled:?}");
        }
    }

    #[test]
    fn what_is_days_old_is_no_work_any_more() {
        let missed = [call(1, Direction::In, "13800138000", Outcome::Missed)];
        let end = at(1) + WORK_FOR;
        assert_eq!(not_called_back(&missed, end).len(), 1);
        assert!(not_called_back(&missed, end + SignedDuration::from_secs(1)).is_empty());
    }
}
