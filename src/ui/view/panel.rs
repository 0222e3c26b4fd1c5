//! The right-hand panel: what the integrator's command, address or script put there, else what is known of the caller,
//! else a quiet hint.

use std::sync::Arc;

use ratatui::{
    layout::Rect,
    style::{Modifier, Style},
};

use super::canvas::{Canvas, Run};
use crate::ui::{
    panel_document,
    rich::{self, Piece, Row},
    target::Target,
    text,
    theme::Scope,
};

/// Most rows that say why the panel could not be filled.
const ERROR_ROWS: usize = 5;

/// Draws the panel; the line at its left edge included.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    for y in area.top()..area.bottom() {
        canvas.put(area.x, y, 1, canvas.glyphs.vertical, Scope::Line);
    }
    let inner = Rect {
        x: area.x + 3,
        y: area.y + 1,
        width: area.width.saturating_sub(5),
        height: area.height.saturating_sub(1),
    };
    if inner.width < 8 || inner.height < 2 {
        return;
    }
    canvas.hits.push((area, Target::Panel));
    let (state, snapshot) = (canvas.state, canvas.snapshot);
    let rows = match &snapshot.panel.content {
        Some(content) => state.panel_reader.rows(content, inner.width),
        None => Arc::new(rich::lay_out(&panel_document::caller(snapshot), inner.width)),
    };
    let mut body = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
    body = error(canvas, body);
    let hidden = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_sub(body.height);
    let first = state.panel_scroll.min(hidden);
    state.panel_reader.was_drawn(canvas.buffer.area.width, area.width, hidden - first);
    if rows.is_empty() && snapshot.panel.error.is_none() && !snapshot.panel.loading {
        return hint(canvas, inner);
    }
    heading(canvas, inner, (first, hidden));
    for (y, row) in (body.top()..body.bottom()).zip(rows.iter().skip(usize::from(first))) {
        match row {
            Row::Rule => canvas.horizontal(body.x, y, body.width, Scope::Line),
            Row::Text(pieces) => line(canvas, Rect { y, height: 1, ..body }, pieces),
        }
    }
}

/// The title; at its right that something is on its way, or how much there is above and below.
fn heading(canvas: &mut Canvas<'_>, area: Rect, (first, hidden): (u16, u16)) {
    let title = canvas.t("ui.panel_title");
    let used = canvas.put(area.x, area.y, area.width, &title, Scope::Dim);
    let room = area.width.saturating_sub(used + 2);
    if canvas.snapshot.panel.loading {
        let loading = canvas.t("ui.panel_loading");
        canvas.put_right(area.right(), area.y, room, &loading, Scope::Accent);
    } else if hidden > 0 {
        let (above, below) = (first > 0, first < hidden);
        let place = format!("{}{}", if above { '^' } else { ' ' }, if below { 'v' } else { ' ' });
        canvas.put_right(area.right(), area.y, room, &place, Scope::Dim);
    }
}

/// Why it could not be filled; returns what is left below.
fn error(canvas: &mut Canvas<'_>, area: Rect) -> Rect {
    let Some(why) = &canvas.snapshot.panel.error else { return area };
    let lines = text::wrap(&text::clean(why), area.width);
    let mut y = area.y;
    for line in lines.iter().take(ERROR_ROWS.min(usize::from(area.height))) {
        canvas.put(area.x, y, area.width, line, Scope::Warn);
        y += 1;
    }
    let y = (y + 1).min(area.bottom());
    Rect { y, height: area.bottom() - y, ..area }
}

fn line(canvas: &mut Canvas<'_>, area: Rect, pieces: &[Piece]) {
    let mut used = 0;
    for piece in pieces {
        let room = area.width.saturating_sub(used);
        let style = match piece.number {
            Some(_) => piece.style.add_modifier(Modifier::UNDERLINED),
            None => piece.style,
        };
        let scope = piece.scope.unwrap_or(Scope::Base);
        let cells = if style == Style::new() {
            canvas.put(area.x + used, area.y, room, &piece.text, scope)
        } else {
            canvas.put_tinted(area.x + used, area.y, room, &piece.text, scope, style)
        };
        if let Some(number) = piece.number {
            canvas.hit(area.x + used, area.y, cells, Target::PanelNumber(number));
        }
        used += cells;
    }
}

/// The panel is empty: what it is for.
fn hint(canvas: &mut Canvas<'_>, area: Rect) {
    let lines = text::wrap(&canvas.t("ui.panel_hint"), area.width);
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let top = area.y + area.height.saturating_sub(rows) / 3;
    for (y, line) in (top..area.bottom()).zip(&lines) {
        let x = area.x + area.width.saturating_sub(text::width(line)) / 2;
        let mut run = Run::default();
        run.push(line, Scope::Dim);
        canvas.run(x, y, area.width, &run);
    }
}
