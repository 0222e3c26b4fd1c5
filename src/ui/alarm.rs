//! When a duty is worth the terminal's bell: a reminder that is new, a state that has just become too long. Once each.

use std::{collections::BTreeSet, time::Instant};

use crate::app::Snapshot;

/// What the bell has been rung for.
#[derive(Debug, Default)]
pub struct Alarm {
    reminded: BTreeSet<String>,
    late: Option<Instant>,
}

impl Alarm {
    /// Whether there is something that the bell has not been rung for.
    pub fn is_new(&mut self, snapshot: &Snapshot) -> bool {
        let shown: BTreeSet<String> = snapshot.reminders.iter().map(|reminder| reminder.id.clone()).collect();
        let reminded = shown.difference(&self.reminded).next().is_some();
        self.reminded = shown;
        let unseen = snapshot.overtime.as_ref().filter(|overtime| !overtime.acknowledged);
        let late = unseen.map(|overtime| overtime.since_at);
        let is_late = late.is_some() && late != self.late;
        self.late = late;
        reminded || is_late
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{i18n::Locale, ui::fixtures};

    #[test]
    fn once_for_each_reminder_and_each_overtime() {
        let mut alarm = Alarm::default();
        let mut snapshot = fixtures::on_duty(Locale::En);
        assert!(!alarm.is_new(&snapshot));
        let both = fixtures::reminded(Locale::En);
        snapshot.overtime = both.overtime.clone();
        assert!(alarm.is_new(&snapshot));
        assert!(!alarm.is_new(&snapshot), "once");
        snapshot.overtime.as_mut().unwrap().acknowledged = true;
        assert!(!alarm.is_new(&snapshot));
        snapshot.reminders = both.reminders;
        assert!(alarm.is_new(&snapshot));
        let put_off = snapshot.reminders.remove(0);
        assert!(!alarm.is_new(&snapshot), "one goes");
        snapshot.reminders.push(put_off);
        assert!(alarm.is_new(&snapshot), "put off, it comes back aloud");
    }
}
