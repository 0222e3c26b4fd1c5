//! Reminders of meals and shifts, and the lock on sign-out (protocol `phone-bar.md` 8.3).

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::{Turn, clean, duties::shown, number_of, refusal, text_of};
use crate::{
    app::{
        Action, Command, CommandId, Effect, Possible, RefusalKind, State, TimerId,
        state::{Asked, NamedReason, Planned, Reminders, ScheduledBreak, ShownReminder},
    },
    cti::api::{ApiError, Reply, Request},
    domain::{AgentState, BusyReason},
    i18n::Message,
};

/// Between two looks at the schedule.
const SCHEDULE: Duration = Duration::from_secs(60);
/// The agent's own record, without which the schedule cannot be asked for, is waited for in such steps.
const RECORD: Duration = Duration::from_secs(2);
/// A reminder that is put off comes back after this time.
const PUT_OFF: Duration = Duration::from_secs(120);
/// A reminder that could not be shown in time, as the machine slept, is still shown up to this late, s.
const LATE_S: i64 = 600;
/// A day, s.
const DAY_S: i64 = 24 * 3600;
/// Reminders kept to come; more are no plan of a day.
const MOST: usize = 200;

impl Reminders {
    /// Nothing of a sign-in is left.
    pub fn is_idle(&self) -> bool {
        self.planned.is_empty()
            && self.shown.is_empty()
            && self.put_off.is_empty()
            && self.past.is_empty()
            && self.breaks.is_empty()
            && self.shift_ends.is_none()
            && self.taken.is_none()
    }
}

impl State {
    /// A busy reason of the schedule as the list of reasons knows it; `reason` is its name or number, else `id` is.
    pub(in crate::app) fn planned_reason(&self, named: &NamedReason) -> Option<BusyReason> {
        let known = &self.lists.busy_reasons;
        let by_number = |text: &Option<String>| {
            let id: i64 = text.as_ref()?.trim().parse().ok()?;
            known.iter().find(|reason| reason.id == id).cloned()
        };
        let by_name = || {
            let name = named.reason.as_ref()?;
            known.iter().find(|reason| reason.name.trim() == name.trim()).cloned()
        };
        by_number(&named.reason).or_else(by_name).or_else(|| by_number(&named.id))
    }

    /// Why sign-out is locked, if it is.
    pub(in crate::app) fn shift_lock(&self) -> Option<Message> {
        let until = self.duties.reminders.shift_ends?;
        let shown = until.to_zoned(self.profile.zone.clone()).strftime("%Y/%m/%d %H:%M").to_string();
        Some(Message::new("duty.shift_lock").with("time", shown))
    }

    fn is_busy_with(&self, reason: i64) -> bool {
        self.agent.state == AgentState::Busy && self.agent.reason == Some(reason)
    }
}

impl Turn<'_> {
    pub(super) fn reminder_command(&mut self, id: CommandId, command: Command) {
        if let Command::TakeReminder { id: reminder } = command {
            self.take_reminder(id, &reminder);
        } else if let Command::SnoozeReminder { id: reminder } = command {
            let Some(reminder) = self.unshow(&reminder) else { return self.no_such_reminder(id) };
            self.state.duties.reminders.put_off.push((self.now.at + PUT_OFF, reminder));
            self.arm_reminders();
            self.done(id);
        } else if let Command::DismissReminder { id: reminder } = command {
            match self.unshow(&reminder) {
                Some(_) => self.done(id),
                None => self.no_such_reminder(id),
            }
        }
    }

    fn no_such_reminder(&mut self, id: CommandId) {
        self.resolve(id, Err(refusal(RefusalKind::Invalid, Message::new("duty.no_such_reminder"))));
    }

    fn unshow(&mut self, id: &str) -> Option<ShownReminder> {
        let shown = &mut self.state.duties.reminders.shown;
        let at = shown.iter().position(|reminder| reminder.id == id)?;
        Some(shown.remove(at))
    }

    /// Goes busy with the reminder's reason, which needs no approval then. The reminder stays until that has come about.
    fn take_reminder(&mut self, id: CommandId, reminder: &str) {
        let shown = self.state.duties.reminders.shown.iter().find(|shown| shown.id == reminder);
        let Some(plan) = shown.map(|shown| shown.plan.clone()) else { return self.no_such_reminder(id) };
        let Some(reason) = self.state.planned_reason(&plan.reason).filter(|_| plan.due) else {
            let message = Message::new("duty.reminder_has_no_reason");
            self.warn(message.clone());
            return self.resolve(id, Err(refusal(RefusalKind::NotNow, message)));
        };
        self.state.duties.reminders.taken = Some(reason.id);
        let for_later = self.state.live_call().is_some() && self.state.possible(Action::Busy) == Possible::Yes;
        self.command(id, Command::Busy { reason: Some(reason.id) });
        if for_later {
            // It is kept as the wish for the time after the call.
            self.unshow(reminder);
        }
    }

    /// Whether a busy reason needs no check now: it is the one of the schedule, or of a reminder.
    pub(super) fn is_scheduled_now(&self, reason: i64) -> bool {
        let reminders = &self.state.duties.reminders;
        let now = self.now.wall.as_second();
        let is_now = |one: &&ScheduledBreak| one.start <= now && now < one.end;
        let is_it =
            |one: &ScheduledBreak| self.state.planned_reason(&one.reason).is_some_and(|known| known.id == reason);
        reminders.taken == Some(reason) || reminders.breaks.iter().filter(is_now).any(is_it)
    }

    pub(super) fn worktime_due(&mut self) {
        if !self.state.profile.dining_remind || !self.state.duties.running {
            return;
        }
        match text_of(self.state.agent.id.as_ref()) {
            Some(ag_id) => self.ask_duty(Asked::WorkTime, Request::WorkTime { ag_id }),
            None => self.poll_again(TimerId::WorkTime, RECORD),
        }
    }

    pub(super) fn worktime_reply(&mut self, result: Result<Reply, ApiError>) {
        self.poll_again(TimerId::WorkTime, SCHEDULE);
        if !self.state.duties.running {
            return;
        }
        match result {
            Ok(reply) if reply.is_ok() => self.take_schedule(&reply.data),
            Ok(reply) => tracing::info!(code = reply.code, "the schedule was refused"),
            Err(error) => tracing::info!(%error, "the schedule could not be had"),
        }
    }

    fn take_schedule(&mut self, data: &Value) {
        let now = self.now.wall.as_second();
        let rows = |field: &str| data.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
        let ends = number_of(data.get("logoutTime")).filter(|second| *second > now);
        let reminders = &mut self.state.duties.reminders;
        reminders.shift_ends = ends.and_then(|second| Timestamp::from_second(second).ok());
        reminders.breaks = rows("scheduleList").iter().filter_map(scheduled_break).collect();
        let mut planned: BTreeMap<(i64, String), Planned> =
            rows("list").iter().take(MOST).filter_map(planned_reminder).filter(|((at, _), _)| *at > now).collect();
        reminders.past.retain(|(second, _)| *second > now - DAY_S);
        planned.retain(|key, _| !reminders.past.contains(key));
        // What has come due since the last look is shown and not dropped.
        let due = reminders.planned.range(..=(now, String::from(char::MAX)));
        planned.extend(due.map(|(key, plan)| (key.clone(), plan.clone())));
        reminders.planned = planned;
        self.show_due_reminders();
    }

    /// Shows what is due, also while a sign-out is under way, which may be refused.
    pub(super) fn show_due_reminders(&mut self) {
        let (at, wall) = (self.now.at, self.now.wall);
        let now = wall.as_second();
        let reminders = &mut self.state.duties.reminders;
        let to_come = reminders.planned.split_off(&(now + 1, String::new()));
        let due = std::mem::replace(&mut reminders.planned, to_come);
        for (key, plan) in due {
            let late = now - key.0 > LATE_S;
            let id = format!("{}@{}", key.1, key.0);
            if reminders.past.insert(key) && !late {
                // One card for one thing: it is time now, so that it will be has been said.
                reminders.shown.retain(|shown| !shown.told_of(&plan));
                reminders.shown.push(ShownReminder { id, plan, since: wall });
            }
        }
        let (again, still): (Vec<_>, Vec<_>) = reminders.put_off.drain(..).partition(|(until, _)| *until <= at);
        reminders.put_off = still;
        reminders.shown.extend(again.into_iter().map(|(_, reminder)| ShownReminder { since: wall, ..reminder }));
        if reminders.shift_ends.is_some_and(|end| end <= wall) {
            reminders.shift_ends = None;
        }
        self.arm_reminders();
    }

    /// One timer for what comes next: a reminder, one that was put off, the end of the lock on sign-out.
    fn arm_reminders(&mut self) {
        let (at, wall) = (self.now.at, self.now.wall);
        let reminders = &self.state.duties.reminders;
        let from_wall = |second: i64| {
            let ms = Timestamp::from_second(second).map_or(0, |then| then.as_millisecond() - wall.as_millisecond());
            Duration::from_millis(u64::try_from(ms).unwrap_or(0))
        };
        let planned = reminders.planned.keys().next().map(|(second, _)| from_wall(*second));
        let put_off = reminders.put_off.iter().map(|(until, _)| until.saturating_duration_since(at)).min();
        let end = reminders.shift_ends.map(|end| from_wall(end.as_second()));
        let next = [planned, put_off, end].into_iter().flatten().min();
        self.effects.push(match next {
            Some(after) => Effect::StartTimer { timer: TimerId::Reminder, after },
            None => Effect::StopTimer(TimerId::Reminder),
        });
    }

    /// Reminders to do what the agent is doing are of no use.
    pub(super) fn follow_reminders(&mut self) {
        if self.state.agent.state != AgentState::Busy {
            return;
        }
        let mut reminders = std::mem::take(&mut self.state.duties.reminders);
        let state = &*self.state;
        let done = |reminder: &ShownReminder| {
            state.planned_reason(&reminder.plan.reason).is_some_and(|r| state.is_busy_with(r.id))
        };
        reminders.shown.retain(|reminder| !done(reminder));
        reminders.put_off.retain(|(_, reminder)| !done(reminder));
        reminders.taken = reminders.taken.filter(|reason| !state.is_busy_with(*reason));
        self.state.duties.reminders = reminders;
    }
}

fn planned_reminder(row: &Value) -> Option<((i64, String), Planned)> {
    let at = number_of(row.get("time"))?;
    let reason = named(row);
    let title = Some(shown(row, "title")).filter(|title| !title.is_empty());
    let title = title.or_else(|| reason.reason.clone()).unwrap_or_default();
    // Seconds from the reminder to what it reminds of.
    let left = number_of(row.get("leftTime")).unwrap_or(0).max(0);
    let planned = Planned { title, begins: at.saturating_add(left), due: left == 0, reason };
    Some(((at, planned.reason.id.clone().unwrap_or_default()), planned))
}

fn scheduled_break(row: &Value) -> Option<ScheduledBreak> {
    let (start, end) = (number_of(row.get("startTime"))?, number_of(row.get("endTime"))?);
    Some(ScheduledBreak { reason: named(row), start, end })
}

fn named(row: &Value) -> NamedReason {
    let text = |field| text_of(row.get(field)).map(|text| clean(&text));
    NamedReason { reason: text("reason"), id: text("id") }
}
