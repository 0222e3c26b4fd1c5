//! The journal's line: one call, from its first ring to how it came out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CallQuality, Direction, HungUpBy, Outcome, Party, SkillGroup, Unreached};

/// One call in the journal, on the screen, on the control socket and on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// To know it by over restarts: when it began, in ms since 1970, made unique.
    pub id: u64,
    /// When it began.
    pub time: Timestamp,
    /// Direction.
    pub direction: Direction,
    /// Who.
    pub peer: Party,
    /// Through which skill group.
    pub queue: Option<SkillGroup>,
    /// Caller ID shown to the other end, for a call that was made here.
    pub caller_id: Option<String>,
    /// The platform's name for the call, else the SIP Call-ID.
    pub call_id: Option<String>,
    /// Ringing time, ms.
    pub ring_ms: u64,
    /// Talk time, ms.
    pub talk_ms: u64,
    /// Hold time, ms.
    pub hold_ms: u64,
    /// How it came out.
    pub outcome: Outcome,
    /// Who ended it.
    pub hung_up_by: HungUpBy,
    /// Why the other end was not reached, where it was said.
    pub unreached: Option<Unreached>,
    /// How it sounded, where sound flowed here.
    #[serde(default)]
    pub quality: Option<CallQuality>,
    /// Who went on with it, where it was transferred from here: an agent, a number, or a skill group by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transferred_to: Option<Party>,
}

impl JournalEntry {
    /// Whether a search finds it: every word in the number, the name, the area, the skill group or the caller ID,
    /// capitals and blanks aside.
    pub fn matches(&self, search: &str) -> bool {
        let known = [
            self.peer.number.as_deref(),
            self.peer.name.as_deref(),
            self.peer.area.as_deref(),
            self.peer.ag_no.as_deref(),
            self.queue.as_ref().map(|queue| queue.name.as_str()),
            self.caller_id.as_deref(),
        ];
        search.split_whitespace().all(|word| {
            let word = word.to_lowercase();
            known.iter().flatten().any(|text| text.to_lowercase().contains(&word))
        })
    }
}

/// What is to be kept of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum JournalChange {
    /// A call has begun (outcome [`Outcome::Interrupted`] until more is known), has ended, or more is known of it: an
    /// entry of the same id is replaced.
    Entry(Box<JournalEntry>),
    /// All of it is to be forgotten.
    Cleared,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_by_every_word_anywhere() {
        let entry = JournalEntry {
            id: 1,
            time: Timestamp::UNIX_EPOCH,
            direction: Direction::In,
            peer: Party {
                number: Some("13800138000".into()),
                name: Some("Li Wei".into()),
                area: Some("北京".into()),
                ag_no: None,
            },
            queue: Some(SkillGroup { id: 1, name: "售后".into() }),
            caller_id: None,
            call_id: Some("8f3a".into()),
            ring_ms: 0,
            talk_ms: 0,
            hold_ms: 0,
            outcome: Outcome::Missed,
            hung_up_by: HungUpBy::Peer,
            unreached: None,
            quality: None,
            transferred_to: None,
        };
        for found in ["", " ", "8001", "北京", "售后 138", "li WEI"] {
            assert!(entry.matches(found), "{found}");
        }
        for not in ["139", "北京 139", "8f3a"] {
            assert!(!entry.matches(not), "{not}");
        }
    }
}
