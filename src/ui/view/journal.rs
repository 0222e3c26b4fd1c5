//! The tabs below the call, and the first of them: the calls of this run.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, Run},
    notices, words,
};
use crate::{
    app::JournalEntry,
    ui::{
        act::Target,
        input::UiAction,
        state::{Focus, Tab},
        text,
        theme::Scope,
    },
};

/// Headings and the open list.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    if area.height < 3 || area.width < 20 {
        return;
    }
    headings(canvas, area);
    canvas.horizontal(area.x + 2, area.y + 1, area.width.saturating_sub(4), Scope::Line);
    let list = Rect { x: area.x + 2, y: area.y + 2, width: area.width.saturating_sub(4), height: area.height - 2 };
    match canvas.state.tab {
        Tab::Journal => entries(canvas, list),
        Tab::Directory | Tab::Queue => {}
        Tab::Notices => notices::draw(canvas, list),
    }
}

fn headings(canvas: &mut Canvas<'_>, area: Rect) {
    let unread = canvas.snapshot.notices.iter().filter(|n| !n.dismissed).count();
    let mut x = area.x + 3;
    for (tab, action, label) in
        [(Tab::Journal, UiAction::Journal, "ui.tab_journal"), (Tab::Notices, UiAction::Notices, "ui.tab_notices")]
    {
        let open = canvas.state.tab == tab;
        let mut run = Run::default();
        run.push(canvas.t(label), if open { Scope::TabActive } else { Scope::Tab });
        if tab == Tab::Notices && unread > 0 {
            run.push(format!(" {unread}"), Scope::Warn);
        }
        let used = canvas.run(x, area.y, area.right().saturating_sub(x), &run);
        canvas.hit(x, area.y, used, Target::Act(action));
        x += used + 4;
    }
}

/// First line shown so that the selected one is inside.
pub fn first_shown(canvas: &Canvas<'_>, rows: u16) -> usize {
    if canvas.state.focus != Focus::List {
        return 0;
    }
    (canvas.state.selected + 1).saturating_sub(usize::from(rows))
}

/// The look of a line's ground, and its mark when it is the selected one.
pub fn row(canvas: &mut Canvas<'_>, area: Rect, y: u16, index: usize) -> bool {
    canvas.hit(area.x, y, area.width, Target::Row(index));
    let selected = canvas.state.focus == Focus::List && canvas.state.selected == index;
    if selected {
        canvas.clear(Rect { y, height: 1, ..area }, Scope::Selected);
        canvas.put(area.x, y, 1, canvas.glyphs.cursor, Scope::Selected);
    }
    selected
}

fn entries(canvas: &mut Canvas<'_>, area: Rect) {
    let snapshot = canvas.snapshot;
    if snapshot.journal.is_empty() {
        for (y, line) in (area.top()..area.bottom()).zip(text::wrap(&canvas.t("ui.journal_empty"), area.width - 1)) {
            canvas.put(area.x + 1, y, area.width - 1, &line, Scope::Dim);
        }
        return;
    }
    let columns = Columns::for_width(area.width);
    let first = first_shown(canvas, area.height);
    for (y, (index, entry)) in (area.top()..area.bottom()).zip(snapshot.journal.iter().enumerate().skip(first)) {
        let selected = row(canvas, area, y, index);
        line(canvas, area, y, entry, &columns, selected);
    }
}

/// Widths of the journal's columns, cells; zero leaves a column out.
struct Columns {
    who: u16,
    area: u16,
    group: u16,
    day: bool,
}

impl Columns {
    fn for_width(width: u16) -> Self {
        // Time 8, arrow 3, duration 9, outcome 9: the rest is shared out.
        let rest = width.saturating_sub(29);
        match rest {
            0..=19 => Self { who: rest, area: 0, group: 0, day: false },
            20..=31 => Self { who: 13, area: rest - 13, group: 0, day: false },
            32..=59 => Self { who: 18, area: 10, group: (rest - 28).min(14), day: false },
            60.. => Self { who: 22, area: 14, group: 18, day: true },
        }
    }
}

fn line(canvas: &mut Canvas<'_>, area: Rect, y: u16, entry: &JournalEntry, columns: &Columns, selected: bool) {
    let snapshot = canvas.snapshot;
    let look = |scope: Scope| if selected { Scope::Selected } else { scope };
    let time = entry.time.to_zoned(canvas.state.zone.clone());
    let stamp = if columns.day { time.strftime("%m-%d %H:%M") } else { time.strftime("%H:%M") }.to_string();
    let mut x = area.x + 1;
    x += canvas.put(x, y, 12, &stamp, look(Scope::Dim)) + 2;
    canvas.put(x, y, 1, words::direction_glyph(entry.direction, canvas.glyphs), look(Scope::Accent));
    x += 3;
    let who = words::who(&entry.peer, snapshot.locale);
    canvas.put(x, y, columns.who.saturating_sub(1), &who, look(Scope::Base));
    x += columns.who;
    let place = entry.peer.area.as_deref().unwrap_or("");
    canvas.put(x, y, columns.area.saturating_sub(1), place, look(Scope::Dim));
    x += columns.area;
    let group = entry.queue.as_ref().map_or("", |q| q.name.as_str());
    canvas.put(x, y, columns.group.saturating_sub(1), group, look(Scope::Dim));
    x += columns.group;
    let duration = if entry.talk_ms > 0 { text::clock(entry.talk_ms) } else { canvas.glyphs.none.to_owned() };
    canvas.put_right(x + 7, y, 7, &duration, look(Scope::Base));
    x += 9;
    let (word, scope) = words::came_out(entry);
    let word = canvas.t(word);
    canvas.put(x, y, area.right().saturating_sub(x), &word, look(scope));
}
