//! The tabs below the call: headings with their counts, how fresh the open list is, what it is searched for, and under
//! the list what is known of the selected line and what can be done with it.

use ratatui::layout::{Position, Rect};

use super::{
    canvas::{Canvas, Run},
    directory, journal, notices, queue, words,
};
use crate::{
    app::{Fetched, JournalEntry},
    i18n::Message,
    ui::{
        act::Target,
        input::UiAction,
        lists::{self, Listed},
        state::{Focus, Tab},
        text,
        theme::Scope,
    },
};

/// Rows below which a list has no room for anything besides its lines.
const FOOTER_MIN: u16 = 5;

/// Headings and the open list.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, now: std::time::Instant) {
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
        if tab == Tab::Queue && waiting > 0 {
            run.push(format!(" {waiting}"), Scope::Warn);
        }
        let used = canvas.run(x, area.y, area.right().saturating_sub(x), &run);
        canvas.hit(x, area.y, used, Target::Act(action));
        x += used + 3;
    }
    let snapshot = canvas.snapshot;
    let (told, scope) = match canvas.state.tab {
        Tab::Directory => freshness(canvas, &snapshot.directory.fetched),
        Tab::Queue => freshness(canvas, &snapshot.queue.fetched),
        Tab::Journal | Tab::Notices => return,
    };
    let room = area.right().saturating_sub(x + 2);
    if room >= 6 {
        canvas.put_right(
            area.right() - 2,
            area.y,
            room,
            &told,
            if scope == Scope::WindowDim { Scope::Dim } else { Scope::Warn },
        );
    }
}

/// How fresh a list is, in words, with a window's look.
pub fn freshness(canvas: &Canvas<'_>, fetched: &Fetched) -> (String, Scope) {
    let locale = canvas.snapshot.locale;
    match fetched {
        Fetched::Never | Fetched::UnderWay => (canvas.t("ui.loading"), Scope::WindowDim),
        Fetched::At(at) => {
            let time = canvas.state.clocks.wall(*at).to_zoned(canvas.state.zone.clone()).strftime("%H:%M:%S");
            (Message::new("ui.as_of").with("time", time).render(locale), Scope::WindowDim)
        }
        Fetched::Failed(why) => {
            (Message::new("ui.not_had").with("why", why.render(locale)).render(locale), Scope::WindowMatch)
        }
    }
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
    if searching {
        let at = u16::try_from(canvas.state.find.visual_cursor()).unwrap_or(cells).min(cells.saturating_sub(2));
        canvas.cursor = Some(Position { x: x + 1 + at, y: area.y });
    }
    canvas.hit(x, area.y, cells, Target::Act(UiAction::Find));
}

/// What is known of the selected line and what can be done with it; returns the rows used at the end of the list.
fn footer(canvas: &mut Canvas<'_>, list: Rect, row: Listed<'_>) -> u16 {
    let live = canvas.snapshot.call.phase.is_live();
    let (details, actions): (Option<String>, &[(UiAction, &'static str)]) = match row {
        Listed::Call(entry) => (Some(details(canvas, entry)), &[(UiAction::Dial, "ui.act_redial")]),
        Listed::Agent(_) if live => {
            (None, &[(UiAction::Consult, "ui.act_consult"), (UiAction::Transfer, "ui.act_transfer")])
        }
        Listed::Agent(_) => (None, &[(UiAction::Dial, "ui.act_dial_agent")]),
        Listed::Group(_) if live => (None, &[(UiAction::Transfer, "ui.act_transfer")]),
        Listed::Waiting(_) => (None, &[(UiAction::Dial, "ui.act_take"), (UiAction::Sort, "ui.act_sort")]),
        Listed::Notice(notice) if text::width(&notice.text) + 13 > list.width => {
            // What the line had no room for.
            let lines = text::wrap(&text::clean(&notice.text), list.width.saturating_sub(2));
            return below(canvas, list, &lines, &[]);
        }
        Listed::Group(_) | Listed::Notice(_) => return 0,
    };
    let lines: Vec<String> = details.iter().flat_map(|line| text::wrap(&text::clean(line), list.width - 2)).collect();
    below(canvas, list, &lines, actions)
}

/// Lines and actions at the end of a list, under a line across.
fn below(canvas: &mut Canvas<'_>, list: Rect, lines: &[String], actions: &[(UiAction, &'static str)]) -> u16 {
    let rows = u16::try_from(lines.len()).unwrap_or(1).min(2) + u16::from(!actions.is_empty());
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
    for (label, ms) in
        [("ui.clock_ring", entry.ring_ms), ("ui.clock_talk", entry.talk_ms), ("ui.clock_hold", entry.hold_ms)]
    {
        parts.push(format!("{} {}", canvas.t(label), text::clock(ms)));
    }
    parts.push(canvas.t(words::ended_by(entry.hung_up_by)));
    parts.join("  ")
}

/// First line shown so that the selected one is inside.
pub fn first_shown(canvas: &Canvas<'_>, rows: u16) -> usize {
    if !canvas.state.in_list() {
        return 0;
    }
    (canvas.state.selected + 1).saturating_sub(usize::from(rows))
}

/// The look of a line's ground, and its mark when it is the selected one.
pub fn row(canvas: &mut Canvas<'_>, area: Rect, y: u16, index: usize) -> bool {
    canvas.hit(area.x, y, area.width, Target::Row(index));
    let selected = canvas.state.in_list() && canvas.state.selected == index;
    if selected {
        canvas.clear(Rect { y, height: 1, ..area }, Scope::Selected);
        canvas.put(area.x, y, 1, canvas.glyphs.cursor, Scope::Selected);
    }
    selected
}

/// What a list without lines says.
pub fn empty(canvas: &mut Canvas<'_>, area: Rect, words: &str) {
    for (y, line) in (area.top()..area.bottom()).zip(text::wrap(&text::clean(words), area.width - 1)) {
        canvas.put(area.x + 1, y, area.width - 1, &line, Scope::Dim);
    }
}
