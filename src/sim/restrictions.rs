//! Busy reasons that need an approval (protocol `cti.md` 2.2, 2.7; `phone-bar.md` 8.2).

use serde_json::{Value, json};

use super::{scenario::RestrictionEntry, world::World};
use crate::i18n::Message;

impl World {
    /// The restriction of a busy reason.
    pub fn restriction(&self, reason: i64) -> Option<&RestrictionEntry> {
        self.scenario.restrictions.iter().find(|r| r.reason == reason)
    }

    /// `data` of `/agent/busyInfo`. Ids are strings, as those of the reasons are.
    pub fn restriction_list(&self) -> Value {
        let rows = self.scenario.restrictions.iter().map(|r| {
            let mut row = json!({"id": r.reason.to_string(), "limitPeriod": r.period.to_string()});
            if let (Some(warn), Some(row)) = (&r.warn, row.as_object_mut()) {
                row.insert("warn".to_owned(), json!(warn));
            }
            row
        });
        rows.collect()
    }

    /// The restriction of a busy reason that stands in an agent's way now.
    fn in_the_way(&self, ag_no: &str, reason: i64) -> Option<&RestrictionEntry> {
        let now = (self.clock)().time();
        self.restriction(reason).filter(|limit| limit.period.covers(now) && !self.break_approved(ag_no, reason))
    }

    /// Whether an agent may be busy for this reason now: yes, yes with a note, or no and why.
    ///
    /// # Errors
    /// An approval is needed.
    pub fn leave_to_be_busy(&self, ag_no: &str, reason: i64) -> Result<Option<Message>, Message> {
        let Some(limit) = self.in_the_way(ag_no, reason) else { return Ok(None) };
        let told = |key| {
            let told = Message::new(key).with("name", self.reason_name(reason)).with("period", limit.period);
            told.with("count", limit.free_times)
        };
        let taken = self.days.get(ag_no).and_then(|d| d.taken.get(&reason)).copied().unwrap_or(0);
        if taken >= limit.free_times {
            return Err(told("sim.break_needs_approval"));
        }
        Ok((taken + 1 == limit.free_times).then(|| told("sim.break_last_free")))
    }

    /// An agent went busy for a reason: one time less without an approval.
    pub fn break_taken(&mut self, ag_no: &str, reason: i64) {
        if self.in_the_way(ag_no, reason).is_some() {
            *self.day_mut(ag_no).taken.entry(reason).or_default() += 1;
        }
    }
}
