//! The dialog of consulting, transferring and listening as it looks: pages, what is typed, the lines, and at the bottom
//! what Enter will do.

use std::time::Instant;

use ratatui::layout::{Position, Rect};
use tui_input::Input;

use super::{
    canvas::{Canvas, Run, centred},
    table,
    window::window,
};
use crate::{
    app::Fetched,
    ui::{
        dialog::{Page, Pick, pick::PickRow, pick_rows::problem},
        labels,
        target::Target,
        text,
        theme::Scope,
    },
};

const WIDTH: u16 = 64;
const HEIGHT: u16 = 16;

/// Draws the dialog; its height stays, whatever is typed.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, pick: &Pick, now: Instant) {
    let inner = window(canvas, centred(area, WIDTH.min(area.width.saturating_sub(2)), HEIGHT), pick.kind.title());
    if inner.height < 5 || inner.width < 20 {
        return;
    }
    pages(canvas, inner, pick);
    let field = Rect { x: inner.x + 2, y: inner.y + 1, width: inner.width - 4, height: 1 };
    let rows = pick.rows(canvas.snapshot);
    let mut y = field.y + 1;
    if pick.page == Page::Ivr {
        input(canvas, field, &pick.list.filter, "ui.hint_ivr_code", !pick.in_node);
        input(canvas, Rect { y, ..field }, &pick.node, "ui.hint_ivr_node", pick.in_node);
        y += 1;
    } else {
        input(canvas, field, &pick.list.filter, pick.page.hint(), true);
    }
    canvas.horizontal(inner.x, y, inner.width, Scope::WindowFrame);
    let last = inner.bottom() - 1;
    let body = Rect { y: y + 1, height: last.saturating_sub(y + 1), ..inner };
    let selected = pick.list.selected.min(rows.len().saturating_sub(1));
    if pick.page != Page::Ivr {
        lines(canvas, body, pick, &rows, selected, now);
    }
    let (words, scope) = sentence(canvas, pick, rows.get(selected));
    canvas.put(inner.x + 2, last, inner.width - 4, &words, scope);
}

/// What Enter will do, or why it will do nothing.
fn sentence(canvas: &Canvas<'_>, pick: &Pick, row: Option<&PickRow>) -> (String, Scope) {
    let locale = canvas.snapshot.locale;
    match row {
        Some(row) => {
            let enter = if canvas.state.settings.ascii { "Enter" } else { "⏎" };
            (format!("{enter} {}", row.promise.render(locale)), Scope::WindowStrong)
        }
        None => {
            let problem = problem(pick, canvas.snapshot).map(|problem| problem.render(locale));
            (problem.unwrap_or_default(), Scope::WindowDim)
        }
    }
}

/// The same in one row: what Enter will do, then the lines after the selected one side by side.
pub fn in_row(canvas: &mut Canvas<'_>, run: &mut Run, pick: &Pick) {
    run.push(canvas.t(pick.kind.title()), Scope::WindowTitle).push(" ", Scope::Window);
    run.push(canvas.t(pick.page.name()), Scope::WindowDim).push("  ", Scope::Window);
    for typed in [&pick.list.filter, &pick.node] {
        if !typed.value().is_empty() {
            run.push(typed.value(), Scope::WindowStrong).push("  ", Scope::Window);
        }
    }
    let rows = pick.rows(canvas.snapshot);
    let selected = pick.list.selected.min(rows.len().saturating_sub(1));
    let (words, scope) = sentence(canvas, pick, rows.get(selected));
    run.push(words, scope);
    for row in rows.iter().skip(selected + 1) {
        run.push("   ", Scope::Window).push(&row.label, Scope::WindowDim);
    }
}

/// The pages, and how fresh the open one is.
fn pages(canvas: &mut Canvas<'_>, inner: Rect, pick: &Pick) {
    let mut x = inner.x + 2;
    let pages = pick.kind.pages();
    for (index, page) in pages.iter().enumerate() {
        let name = canvas.t(page.name());
        let scope = if *page == pick.page { Scope::WindowSelected } else { Scope::WindowDim };
        let used = canvas.put(x, inner.y, inner.right().saturating_sub(x), &format!(" {name} "), scope);
        canvas.hit(x, inner.y, used, Target::Page(index));
        x += used + 1;
    }
    if pages.len() > 1 {
        x += canvas.put(x, inner.y, inner.right().saturating_sub(x), "Tab", Scope::WindowKey) + 2;
    }
    if let Some(fetched) = pick.page.fetched(canvas.snapshot) {
        let room = inner.right().saturating_sub(x + 2);
        let (told, bad) = table::freshness(canvas, fetched, room);
        let scope = if bad { Scope::WindowMatch } else { Scope::WindowDim };
        canvas.put_right(inner.right() - 2, inner.y, room, &told, scope);
    }
}

/// A field with its cursor, or what it is for.
fn input(canvas: &mut Canvas<'_>, area: Rect, input: &Input, hint: &'static str, focused: bool) {
    if input.value().is_empty() {
        let hint = canvas.t(hint);
        canvas.put(area.x + 1, area.y, area.width.saturating_sub(1), &hint, Scope::WindowDim);
    }
    canvas.put(area.x, area.y, area.width, input.value(), Scope::WindowStrong);
    if focused {
        let at = u16::try_from(input.visual_cursor()).unwrap_or(area.width).min(area.width);
        canvas.cursor = Some(Position { x: area.x + at, y: area.y });
    }
}

fn lines(canvas: &mut Canvas<'_>, body: Rect, pick: &Pick, rows: &[PickRow], selected: usize, now: Instant) {
    if rows.is_empty() {
        let words = match pick.page.fetched(canvas.snapshot) {
            Some(Fetched::Never | Fetched::UnderWay) => canvas.t("ui.loading"),
            Some(Fetched::Failed(why)) => why.render(canvas.snapshot.locale),
            Some(Fetched::At(_)) if pick.list.filter.value().is_empty() => canvas.t(match pick.page {
                Page::OnLine => "ui.nobody_talks",
                Page::Agents | Page::Groups | Page::Outside | Page::Ivr => "ui.directory_empty",
            }),
            Some(Fetched::At(_)) => canvas.t("ui.nothing_found"),
            None => String::new(),
        };
        for (y, line) in (body.top()..body.bottom()).zip(text::wrap(&text::clean(&words), body.width - 4)) {
            canvas.put(body.x + 2, y, body.width - 4, &line, Scope::WindowDim);
        }
        return;
    }
    // Details begin in one column, behind the longest label but not beyond the middle.
    let label = rows.iter().map(|row| text::width(&row.label)).max().unwrap_or(0).min(body.width / 2 - 4);
    let first = (selected + 1).saturating_sub(usize::from(body.height));
    for (y, (index, row)) in (body.top()..body.bottom()).zip(rows.iter().enumerate().skip(first)) {
        line(canvas, Rect { y, height: 1, ..body }, row, label, index == selected, now);
        canvas.hit(body.x, y, body.width, Target::Item(index));
    }
}

fn line(canvas: &mut Canvas<'_>, area: Rect, row: &PickRow, label: u16, selected: bool, now: Instant) {
    let look = |scope: Scope| if selected { Scope::WindowSelected } else { scope };
    if selected {
        canvas.clear(area, Scope::WindowSelected);
    }
    if let Some(state) = row.state {
        let (glyph, _) = labels::agent_mark(state, canvas.glyphs);
        canvas.put(area.x + 1, area.y, 1, glyph, look(Scope::WindowMatch));
    }
    canvas.put(area.x + 3, area.y, label.max(12), &row.label, look(Scope::Window));
    let clock = row.since.map(|since| text::clock(canvas.state.clocks.seconds_since(since, now) * 1000));
    let remark = clock.unwrap_or_else(|| row.remark.clone());
    let remark_x = canvas.put_right(area.right() - 2, area.y, 18, &remark, look(Scope::WindowDim));
    let x = area.x + 3 + label.max(12) + 2;
    canvas.put(x, area.y, remark_x.saturating_sub(x + 1), &row.detail, look(Scope::WindowDim));
}
