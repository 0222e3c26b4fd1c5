//! The tab of waiting customers.

use std::time::Instant;

use ratatui::layout::Rect;

use super::{canvas::Canvas, table};
use crate::{
    app::WaitingRow,
    i18n::Message,
    ui::{lists::ListRow, text, theme::Scope, who},
};

/// Waiting longer than this is shown as late, seconds: the customary "80 % within 20 s" is missed by far.
const LATE: u64 = 60;

/// Waiting customers, each with a clock.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, rows: &[ListRow<'_>], now: Instant) {
    if rows.is_empty() {
        table::nothing_listed(canvas, area, &canvas.snapshot.queue.fetched, "ui.queue_empty");
        return;
    }
    let first = table::first_shown(canvas, area.height);
    for (y, (index, row)) in (area.top()..area.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let selected = table::row(canvas, area, y, index);
        if let ListRow::Waiting(row) = row {
            line(canvas, area, y, row, selected, now);
        }
    }
}

fn line(canvas: &mut Canvas<'_>, area: Rect, y: u16, row: &WaitingRow, selected: bool, now: Instant) {
    let look = |scope: Scope| if selected { Scope::Selected } else { scope };
    let waited = row.since.map(|since| canvas.state.clocks.seconds_since(since, now));
    let (clock, scope) = match waited {
        Some(seconds) => (text::clock(seconds * 1000), if seconds >= LATE { Scope::Warn } else { Scope::Base }),
        None => (canvas.glyphs.none.to_owned(), Scope::Dim),
    };
    canvas.put_right(area.x + 9, y, 8, &clock, look(scope));
    let x = area.x + 11;
    let who = who::waiting(row, canvas.snapshot.locale);
    let who_cells = (area.right().saturating_sub(x) / 2).clamp(14, 28);
    canvas.put(x, y, who_cells - 1, &who, look(Scope::Base));
    let level = row.level.as_deref().filter(|level| !level.is_empty());
    let level = level.map(|level| Message::new("ui.level").with("level", level).render(canvas.snapshot.locale));
    let level_x = match level {
        Some(level) => canvas.put_right(area.right() - 1, y, 10, &level, look(Scope::Accent)),
        None => area.right(),
    };
    let x = x + who_cells;
    let group = row.group.as_deref().unwrap_or_default();
    let whom = row.agent.as_deref().filter(|agent| !agent.is_empty());
    let meant = match whom {
        Some(agent) => format!("{group} {agent}"),
        None => group.to_owned(),
    };
    canvas.put(x, y, level_x.saturating_sub(x + 1), meant.trim(), look(Scope::Dim));
}
