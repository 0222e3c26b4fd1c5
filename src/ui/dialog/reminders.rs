//! Reminders and overtime warnings, each with what can be answered.

use super::{
    Item,
    choice::{Choice, DutyChoice},
};
use crate::{
    app::{Reminder, Snapshot},
    i18n::{self, Message},
};

/// The reminders in the order in which they are shown: those that it is time for, then those that only tell in advance,
/// so that an early notice nobody has read does not hide that it is time.
pub fn in_order(snapshot: &Snapshot) -> Vec<&Reminder> {
    let (due, early): (Vec<_>, Vec<_>) = snapshot.reminders.iter().partition(|reminder| reminder.reason.is_some());
    due.into_iter().chain(early).collect()
}

/// Every answer there is, with its number key; overtime warnings last.
pub fn items(snapshot: &Snapshot) -> Vec<Item> {
    let mut answers: Vec<(String, DutyChoice)> = Vec::new();
    for reminder in in_order(snapshot) {
        let about = |answer: String| format!("{}  {answer}", reminder.line());
        for (answer, choice) in answers_of(reminder) {
            answers.push((about(answer.render(snapshot.locale)), choice));
        }
    }
    if let Some(overtime) = snapshot.overtime.as_ref().filter(|overtime| !overtime.acknowledged) {
        let seen = i18n::text(snapshot.locale, "ui.overtime_seen");
        answers.extend(overtime.lines.iter().map(|line| (format!("{line}  {seen}"), DutyChoice::Acknowledge)));
    }
    let item = |(index, (label, choice)): (usize, (String, DutyChoice))| Item {
        label,
        remark: if index < 9 { (index + 1).to_string() } else { String::new() },
        enabled: true,
        current: false,
        choice: Choice::Duty(choice),
    };
    answers.into_iter().enumerate().map(item).collect()
}

/// How a reminder can be answered: when it is time, by going or by putting it off; else by having read it.
pub fn answers_of(reminder: &Reminder) -> Vec<(Message, DutyChoice)> {
    let id = || reminder.id.clone();
    let mut answers = Vec::new();
    if let Some(reason) = &reminder.reason {
        answers.push((Message::new("ui.remind_now").with("reason", &reason.name), DutyChoice::Take(id())));
        answers.push((Message::new("ui.remind_later"), DutyChoice::Snooze(id())));
    }
    answers.push((Message::new("ui.remind_read"), DutyChoice::Dismiss(id())));
    answers
}
