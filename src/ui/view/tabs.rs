//! The tabs below the call: headings with their counts, how fresh the open list is, what it is searched for, and under
//! the list what is known of the selected line and what can be done with it.

use std::time::Instant;

use ratatui::layout::{Position, Rect};

use super::{
    canvas::{Canvas, Run},
    directory, journal, notices, quality, queue, table,
};
use crate::{
    app::JournalEntry,
    domain::{Direction, Outcome, not_called_back, spoken_with_since},
    i18n::Message,
    ui::{
        input::UiAction,
        labels,
        lists::{self, ListRow},
        state::{Focus, Tab},
        target::Target,
        text,
        theme::Scope,
    },
};

/// Rows below which a list has no room for anything besides its lines.
const FOOTER_MIN: u16 = 5;

/// Cells from which on the headings have room for words beside their counts.
const ROOMY: u16 = 60;

/// Headings and the open list.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, now: Instant) {
    if area.height < 3 || area.width < 20 {
        return;
    }
    headings(canvas, area);
    rule(canvas, Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(4), height: 1 });
    let mut list = Rect { x: area.x + 2, y: area.y + 2, width: area.width.saturating_sub(4), height: area.height - 2 };
    if list.height >= FOOTER_MIN
        && let Some(row) = lists::selected(canvas.state, canvas.snapshot)
    {
        list.height -= footer(canvas, list, row);
    }
    let rows = lists::rows(canvas.state, canvas.snapshot);
    if rows.is_empty() && !canvas.state.find.value().trim().is_empty() {
        let none = canvas.t("ui.nothing_found");
        canvas.put(list.x + 1, list.y, list.width - 1, &none, Scope::Dim);
        return;
    }
    match canvas.state.tab {
        Tab::Journal => journal::draw(canvas, list, &rows),
        Tab::Directory => directory::draw(canvas, list, &rows),
        Tab::Queue => queue::draw(canvas, list, &rows, now),
        Tab::Notices => notices::draw(canvas, list, &rows),
    }
}

fn headings(canvas: &mut Canvas<'_>, area: Rect) {
    let unread = canvas.snapshot.notices.iter().filter(|n| !n.dismissed).count();
    let waiting = canvas.snapshot.queue_waiting.unwrap_or(0);
    let missed = not_called_back(&canvas.snapshot.journal, canvas.state.clocks.wall).len();
    let mut x = area.x + 3;
    for (tab, action, label) in [
        (Tab::Journal, UiAction::Journal, "ui.tab_journal"),
        (Tab::Directory, UiAction::Directory, "ui.tab_directory"),
        (Tab::Queue, UiAction::Queue, "ui.tab_queue"),
        (Tab::Notices, UiAction::Notices, "ui.tab_notices"),
    ] {
        let open = canvas.state.tab == tab;
        let mut run = Run::default();
        run.push(canvas.t(label), if open { Scope::TabActive } else { Scope::Tab });
        if tab == Tab::Notices && unread > 0 && !open {
            run.push(format!(" {} {unread}", canvas.glyphs.bad), Scope::Warn);
        }
        if tab == Tab::Journal && missed > 0 {
            let told = Message::new("ui.missed_calls").with("count", missed).render(canvas.snapshot.locale);
            // How fresh another list is has its place beside it.
            let fits = area.width >= ROOMY || matches!(canvas.state.tab, Tab::Journal | Tab::Notices);
            run.push(format!(" {}", if fits { told } else { missed.to_string() }), Scope::Warn);
        }
        if tab == Tab::Queue && waiting > 0 {
            run.push(format!(" {waiting}"), Scope::Warn);
        }
        let used = canvas.run(x, area.y, area.right().saturating_sub(x), &run);
        canvas.hit(x, area.y, used, Target::Act(action));
        x += used + 3;
    }
    let snapshot = canvas.snapshot;
    let room = area.right().saturating_sub(x + 2);
    let (told, bad) = match canvas.state.tab {
        Tab::Directory => table::freshness(canvas, &snapshot.directory.fetched, room),
        Tab::Queue => table::freshness(canvas, &snapshot.queue.fetched, room),
        Tab::Journal | Tab::Notices => return,
    };
    canvas.put_right(area.right() - 2, area.y, room, &told, if bad { Scope::Warn } else { Scope::Dim });
}

/// The line under the headings; what is searched for stands in it.
fn rule(canvas: &mut Canvas<'_>, area: Rect) {
    canvas.horizontal(area.x, area.y, area.width, Scope::Line);
    let searching = canvas.state.focus == Focus::Find && canvas.state.dialog.is_none();
    let value = canvas.state.find.value();
    if !searching && value.trim().is_empty() {
        return;
    }
    let label = format!(" {} ", canvas.t("ui.find"));
    let scope = if searching { Scope::BarFieldFocus } else { Scope::BarField };
    let cells = area.width.saturating_sub(text::width(&label)).min(26);
    let x = area.x + 1 + canvas.put(area.x + 1, area.y, area.width, &label, Scope::Dim);
    canvas.clear(Rect { x, y: area.y, width: cells, height: 1 }, scope);
    canvas.put(x + 1, area.y, cells.saturating_sub(2), value, scope);
    if value.is_empty() && canvas.state.tab == Tab::Journal {
        // What can be searched for besides names and numbers.
        let words = canvas.t("ui.find_calls");
        canvas.put(x + 2, area.y, cells.saturating_sub(3), &words, Scope::BarPlaceholder);
    }
    if searching {
        let at = u16::try_from(canvas.state.find.visual_cursor()).unwrap_or(cells).min(cells.saturating_sub(2));
        canvas.cursor = Some(Position { x: x + 1 + at, y: area.y });
    }
    canvas.hit(x, area.y, cells, Target::Act(UiAction::Find));
}

/// What is known of the selected line and what can be done with it; returns the rows used at the end of the list.
fn footer(canvas: &mut Canvas<'_>, list: Rect, row: ListRow<'_>) -> u16 {
    let room = list.width.saturating_sub(2);
    let lines = match row {
        ListRow::Call(entry) => text::wrap(&details(canvas, entry), room),
        // What the line had no room for.
        ListRow::Notice(notice) if text::width(&notice.text) + 13 > list.width => {
            text::wrap(&text::clean(&notice.text), room).into_iter().take(2).collect()
        }
        ListRow::Agent(_) | ListRow::Group(_) | ListRow::Waiting(_) | ListRow::Notice(_) => Vec::new(),
    };
    below(canvas, list, &lines, actions(canvas, row))
}

/// What can be done with a line.
fn actions(canvas: &Canvas<'_>, row: ListRow<'_>) -> &'static [(UiAction, &'static str)] {
    let live = canvas.snapshot.call.phase.is_live();
    match row {
        ListRow::Call(entry) if entry.came_in() => &[(UiAction::Dial, "ui.act_call_back")],
        ListRow::Call(_) => &[(UiAction::Dial, "ui.act_redial")],
        ListRow::Agent(_) if live => &[(UiAction::Consult, "ui.act_consult"), (UiAction::Transfer, "ui.act_transfer")],
        ListRow::Agent(_) => &[(UiAction::Dial, "ui.act_dial_agent")],
        ListRow::Group(_) if live => &[(UiAction::Transfer, "ui.act_transfer")],
        ListRow::Waiting(_) => &[(UiAction::Dial, "ui.act_take"), (UiAction::Sort, "ui.act_sort")],
        ListRow::Group(_) | ListRow::Notice(_) => &[],
    }
}

/// The search or the selected line in one row, for screens that have no room for the list; whether there is one.
pub fn in_row(canvas: &mut Canvas<'_>, x: u16, y: u16, right: u16) -> bool {
    let mut run = Run::default();
    if canvas.state.focus == Focus::Find {
        run.push(canvas.t("ui.find"), Scope::BarDim).push(" ", Scope::Bar);
        run.push(canvas.state.find.value(), Scope::BarStrong);
    } else if let Some(row) = lists::selected(canvas.state, canvas.snapshot) {
        let tab = match canvas.state.tab {
            Tab::Journal => "ui.tab_journal",
            Tab::Directory => "ui.tab_directory",
            Tab::Queue => "ui.tab_queue",
            Tab::Notices => "ui.tab_notices",
        };
        run.push(canvas.t(tab), Scope::BarDim).push(format!(" {} ", canvas.glyphs.cursor), Scope::BarKey);
        run.push(row.title(canvas.snapshot.locale), Scope::BarStrong);
        for (action, label) in actions(canvas, row) {
            let key = canvas.key(*action).unwrap_or_default();
            run.push(format!("   {key} "), Scope::BarKey).push(canvas.t(label), Scope::BarDim);
        }
    } else {
        return false;
    }
    canvas.run(x, y, right.saturating_sub(x), &run);
    true
}

/// Lines and actions at the end of a list, under a line across.
fn below(canvas: &mut Canvas<'_>, list: Rect, lines: &[String], actions: &[(UiAction, &'static str)]) -> u16 {
    let rows = u16::try_from(lines.len()).unwrap_or(1).min(3) + u16::from(!actions.is_empty());
    if rows == 0 {
        return 0;
    }
    let top = list.bottom() - rows - 1;
    canvas.horizontal(list.x, top, list.width, Scope::Line);
    for (y, line) in (top + 1..list.bottom()).zip(lines) {
        canvas.put(list.x + 1, y, list.width - 1, line, Scope::Dim);
    }
    let mut x = list.x + 1;
    for (action, label) in actions {
        let mut run = Run::default();
        if let Some(key) = canvas.key(*action) {
            run.push(key, Scope::Key).push(" ", Scope::Base);
        }
        run.push(canvas.t(label), Scope::Dim);
        let used = canvas.run(x, list.bottom() - 1, list.right().saturating_sub(x), &run);
        canvas.hit(x, list.bottom() - 1, used, Target::Act(*action));
        x += used + 3;
    }
    rows + 1
}

/// How long a call rang, was talked and held, who ended it, and which call it was.
fn details(canvas: &Canvas<'_>, entry: &JournalEntry) -> String {
    let mut parts = Vec::new();
    parts.extend(labels::taker(entry, canvas.snapshot.locale));
    let ring = if entry.direction == Direction::Out { "ui.clock_dial" } else { "ui.clock_ring" };
    for (label, ms) in [(ring, entry.ring_ms), ("ui.clock_talk", entry.talk_ms), ("ui.clock_hold", entry.hold_ms)] {
        parts.push(format!("{} {}", canvas.t(label), text::clock(ms)));
    }
    parts.push(canvas.t(labels::ended_by(entry.hung_up_by)));
    if entry.outcome == Outcome::Missed && spoken_with_since(&canvas.snapshot.journal, entry) {
        parts.push(canvas.t("ui.spoken_since"));
    }
    parts.extend(entry.quality.as_ref().map(|sounded| quality::summary(canvas, sounded)));
    parts.join("  ")
}
