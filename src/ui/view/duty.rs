//! Duties on the screen outside of dialogs: the row of a reminder or an overtime warning, and the badges.

use std::time::Instant;

use ratatui::layout::Rect;

use super::canvas::{Canvas, Run};
use crate::{
    app::Overtime,
    i18n::Message,
    ui::{dialog::reminders, input::UiAction, labels, target::ReminderAnswer, target::Target, text, theme::Scope},
};

/// Half a pulse of an overtime warning, ms.
const PULSE_MS: u64 = 800;

/// Widest name of a project among the badges, cells.
const PROJECT: u16 = 16;

/// The overtime warning, if it is to be shown.
fn overtime<'a>(canvas: &Canvas<'a>) -> Option<&'a Overtime> {
    canvas.snapshot.overtime.as_ref()
}

/// How long the state has been too long, as a mark for the bar; it pulses until it has been seen.
pub fn overtime_mark(canvas: &Canvas<'_>, now: Instant) -> Option<(String, Scope)> {
    let overtime = overtime(canvas)?;
    let late_ms = labels::ms_until(now, overtime.since_at);
    let mark = format!(" {} {} ", canvas.t("ui.overtime"), text::clock(late_ms));
    let dark = canvas.state.settings.blink && (late_ms / PULSE_MS) % 2 == 1;
    let scope = if overtime.acknowledged {
        Scope::BarWarn
    } else if dark {
        Scope::BadgeNote
    } else {
        Scope::BadgeMuted
    };
    Some((mark, scope))
}

/// When the mark changes by itself.
pub fn next_pulse(overtime: &Overtime, blink: bool, now: Instant) -> Instant {
    let step = if overtime.acknowledged || !blink { 1000 } else { PULSE_MS };
    let passed = labels::ms_until(now, overtime.since_at) / step;
    // Both the clock's seconds and the pulse.
    let next = |step: u64, passed: u64| overtime.since_at + std::time::Duration::from_millis(step * (passed + 1));
    let second = labels::ms_until(now, overtime.since_at) / 1000;
    next(step, passed).min(next(1000, second))
}

/// What the row says: the oldest reminder with its answers, else the overtime warning that nobody has seen.
pub fn row(canvas: &mut Canvas<'_>, area: Rect) -> bool {
    let key = canvas.key(UiAction::Reminder).map(|key| format!("{key} ")).unwrap_or_default();
    if let Some(first) = reminders::in_order(canvas.snapshot).into_iter().next() {
        canvas.clear(area, Scope::BannerWarn);
        let locale = canvas.snapshot.locale;
        let more = canvas.snapshot.reminders.len() - 1;
        let mut told = Message::new("ui.reminder").with("title", first.line()).render(locale);
        if more > 0 {
            told = format!("{told}  +{more}");
        }
        canvas.put(area.x + 2, area.y, 1, canvas.glyphs.bell, Scope::BannerWarn);
        // The answers keep their room; what is reminded of is cut.
        let mut right = area.right().saturating_sub(2);
        let all = format!("{key}{}", canvas.t("ui.remind_answer"));
        if right > area.x + 30 {
            right = canvas.put_right(right, area.y, area.width, &all, Scope::BannerWarn);
            canvas.hit(right, area.y, text::width(&all), Target::Act(UiAction::Reminder));
            right = right.saturating_sub(2);
        }
        for (index, (answer, _)) in reminders::answers_of(first).iter().enumerate().rev() {
            let button = format!(" {} ", answer.render(locale));
            let cells = text::width(&button);
            if right < area.x + 24 + cells {
                break;
            }
            right = canvas.put_right(right, area.y, cells, &button, Scope::ToastInfo);
            canvas.hit(right, area.y, cells, Target::Reminder(ReminderAnswer(index)));
            right = right.saturating_sub(1);
        }
        canvas.put(area.x + 4, area.y, right.saturating_sub(area.x + 5), &told, Scope::BannerWarn);
        return true;
    }
    let Some(overtime) = overtime(canvas).filter(|overtime| !overtime.acknowledged) else { return false };
    let Some(line) = overtime.lines.first() else { return false };
    let more = overtime.lines.len() - 1;
    let told = if more > 0 { format!("{line}  +{more}") } else { line.clone() };
    canvas.clear(area, Scope::BannerWarn);
    let seen = format!("{key}{}", canvas.t("ui.overtime_seen"));
    let right = canvas.put_right(area.right().saturating_sub(2), area.y, area.width, &seen, Scope::BannerWarn);
    canvas.hit(right, area.y, text::width(&seen), Target::Act(UiAction::Reminder));
    canvas.put(area.x + 2, area.y, 1, canvas.glyphs.warn, Scope::BannerWarn);
    canvas.put(area.x + 4, area.y, right.saturating_sub(area.x + 5), &told, Scope::BannerWarn);
    true
}

/// Whether there is such a row.
pub fn has_row(canvas: &Canvas<'_>) -> bool {
    let late = overtime(canvas).is_some_and(|overtime| !overtime.acknowledged && !overtime.lines.is_empty());
    late || !canvas.snapshot.reminders.is_empty()
}

/// The project the agent is in and news of break requests, as far as they fit; returns where they end.
pub fn badges(canvas: &mut Canvas<'_>, mut x: u16, y: u16, right: u16) -> u16 {
    let snapshot = canvas.snapshot;
    let mut all: Vec<(Run, UiAction)> = Vec::new();
    if snapshot.breaks.news {
        let mut run = Run::default();
        run.push(canvas.glyphs.on, Scope::BarBad).push(" ", Scope::Bar);
        run.push(canvas.t("ui.badge_requests"), Scope::BarStrong);
        all.push((run, UiAction::BreakRequests));
    }
    if let Some(joined) = &snapshot.projects.joined {
        let row = snapshot.projects.rows.iter().find(|row| row.id == *joined);
        let name = row.map_or(joined.as_str(), |row| row.name.as_str());
        let mut run = Run::default();
        run.push(canvas.t("ui.badge_project"), Scope::BarDim).push(" ", Scope::Bar);
        run.push(text::cut(&text::clean(name), PROJECT, canvas.glyphs.more), Scope::BarStrong);
        all.push((run, UiAction::Projects));
    }
    for (run, action) in all {
        if x.saturating_add(run.cells() + 3) > right {
            break;
        }
        x += 3;
        let used = canvas.run(x, y, run.cells(), &run);
        canvas.hit(x, y, used, Target::Act(action));
        x += used;
    }
    x
}
