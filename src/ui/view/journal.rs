//! The first tab: calls, newest first.

use std::collections::BTreeSet;

use ratatui::layout::Rect;

use super::{canvas::Canvas, table};
use crate::{
    app::JournalEntry,
    domain::{Outcome, not_called_back},
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
    let list = List {
        columns: Columns::for_width(area.width, widest.max().unwrap_or(0)),
        open: not_called_back(&canvas.snapshot.journal, canvas.state.clocks.wall),
    };
    for (y, (index, row)) in (area.top()..area.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let selected = table::row(canvas, area, y, index);
        if let ListRow::Call(entry) = row {
            line(canvas, area, y, entry, &list, selected);
        }
    }
}

/// Cells of a direction's word and the gap behind it; a longer word is cut.
const WORD: u16 = 14;

/// What all lines have in common.
struct List {
    columns: Columns,
    /// Missed calls that are to be called back.
    open: BTreeSet<u64>,
}

/// Widths of the journal's columns, cells; zero leaves a column out.
struct Columns {
    who: u16,
    area: u16,
    group: u16,
    day: bool,
    /// Of the direction's word; zero leaves it out.
    word: u16,
}

impl Columns {
    /// `widest`: cells of the longest number or name.
    fn for_width(width: u16, widest: u16) -> Self {
        // Time 8, arrow 3, duration 9, outcome 9: the rest is shared out.
        let rest = width.saturating_sub(29);
        let narrow = Self { who: rest, area: 0, group: 0, day: false, word: 0 };
        match rest {
            0..=19 => narrow,
            // A number is rather whole than a place.
            20..=31 => {
                let who = if widest > 12 { 16 } else { 13 };
                Self { who, area: rest - who, ..narrow }
            }
            32..=59 => Self { who: 18, area: 10, group: (rest - 28).min(14), ..narrow },
            60..=65 => Self { who: 22, area: 14, group: 18, day: true, word: 0 },
            66..=79 => Self { who: 20, area: 12, group: 14, day: true, word: WORD },
            80.. => Self { who: 22, area: 14, group: 18, day: true, word: WORD },
        }
    }
}

fn line(canvas: &mut Canvas<'_>, area: Rect, y: u16, entry: &JournalEntry, list: &List, selected: bool) {
    let columns = &list.columns;
    let snapshot = canvas.snapshot;
    let look = |scope: Scope| if selected { Scope::Selected } else { scope };
    let time = entry.time.to_zoned(canvas.state.settings.zone.clone());
    let stamp = if columns.day { time.strftime("%m-%d %H:%M") } else { time.strftime("%H:%M") }.to_string();
    let mut x = area.x + 1;
    x += canvas.put(x, y, 12, &stamp, look(Scope::Dim)) + 2;
    canvas.put(x, y, 1, labels::direction_glyph(entry.direction, canvas.glyphs), look(Scope::Accent));
    x += 3;
    if columns.word > 0 {
        let word = canvas.t(labels::direction_label(entry.direction));
        canvas.put(x, y, columns.word - 1, &word, look(Scope::Dim));
    }
    x += columns.word;
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
    let done = entry.outcome == Outcome::Missed && !list.open.contains(&entry.id);
    let room = area.right().saturating_sub(x);
    let told = labels::taker(entry, snapshot.locale).filter(|told| text::width(told) <= room);
    let word = told.unwrap_or_else(|| canvas.t(word));
    canvas.put(x, y, room, &word, look(if done { Scope::Dim } else { scope }));
}
