//! The first tab: calls, newest first.

use ratatui::layout::Rect;

use super::{canvas::Canvas, table};
use crate::{
    app::JournalEntry,
    i18n::Message,
    ui::{input::UiAction, labels, lists::ListRow, text, theme::Scope},
};

/// The calls, a line each.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, rows: &[ListRow<'_>]) {
    if rows.is_empty() {
        let words = if canvas.snapshot.agent.state.is_signed_in() {
            canvas.t("ui.journal_empty")
        } else {
            let key = canvas.key(UiAction::SignIn).unwrap_or_default();
            Message::new("ui.journal_empty_signed_out").with("key", key).render(canvas.snapshot.locale)
        };
        table::empty(canvas, area, &words);
        return;
    }
    let first = table::first_shown(canvas, area.height);
    let shown = rows.iter().skip(first).take(usize::from(area.height));
    let widest = shown.filter_map(|row| match row {
        ListRow::Call(entry) => Some(text::width(&labels::peer(&entry.peer, canvas.snapshot.locale))),
        ListRow::Agent(_) | ListRow::Group(_) | ListRow::Waiting(_) | ListRow::Notice(_) => None,
    });
    let columns = Columns::for_width(area.width, widest.max().unwrap_or(0));
    for (y, (index, row)) in (area.top()..area.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let selected = table::row(canvas, area, y, index);
        if let ListRow::Call(entry) = row {
            line(canvas, area, y, entry, &columns, selected);
        }
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
    /// `widest`: cells of the longest number or name.
    fn for_width(width: u16, widest: u16) -> Self {
        // Time 8, arrow 3, duration 9, outcome 9: the rest is shared out.
        let rest = width.saturating_sub(29);
        match rest {
            0..=19 => Self { who: rest, area: 0, group: 0, day: false },
            // A number is rather whole than a place.
            20..=31 => {
                let who = if widest > 12 { 16 } else { 13 };
                Self { who, area: rest - who, group: 0, day: false }
            }
            32..=59 => Self { who: 18, area: 10, group: (rest - 28).min(14), day: false },
            60.. => Self { who: 22, area: 14, group: 18, day: true },
        }
    }
}

fn line(canvas: &mut Canvas<'_>, area: Rect, y: u16, entry: &JournalEntry, columns: &Columns, selected: bool) {
    let snapshot = canvas.snapshot;
    let look = |scope: Scope| if selected { Scope::Selected } else { scope };
    let time = entry.time.to_zoned(canvas.state.settings.zone.clone());
    let stamp = if columns.day { time.strftime("%m-%d %H:%M") } else { time.strftime("%H:%M") }.to_string();
    let mut x = area.x + 1;
    x += canvas.put(x, y, 12, &stamp, look(Scope::Dim)) + 2;
    canvas.put(x, y, 1, labels::direction_glyph(entry.direction, canvas.glyphs), look(Scope::Accent));
    x += 3;
    let who = labels::peer(&entry.peer, snapshot.locale);
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
    let (word, scope) = labels::outcome_label(entry);
    let word = canvas.t(word);
    canvas.put(x, y, area.right().saturating_sub(x), &word, look(scope));
}
