//! Small screens: the strip (the bar and one row more, for a split under another program), and the one or two lines
//! that are left where not even the bar fits.

use std::time::Instant;

use ratatui::layout::Rect;

use super::{
    bar,
    canvas::{Canvas, Run},
    card, duty, meter, notices, status_line, tabs,
};
use crate::{
    app::NoticeLevel,
    domain::CallPhase,
    i18n::Message,
    ui::{labels, text, theme::Scope, who},
};

/// Below this the bar makes no sense.
pub const MIN_WIDTH: u16 = 40;
/// Below this the bar makes no sense.
pub const MIN_HEIGHT: u16 = 3;

/// Bar, and under it one row that says what matters most; rows in between stay for the card.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, now: Instant) {
    bar::draw(canvas, area, now);
    let last = Rect { y: area.bottom() - 1, height: 1, ..area };
    let between = Rect { y: area.y + 2, height: area.height - 3, ..area };
    card::draw(canvas, between, now);
    canvas.clear(last, Scope::Bar);
    if status_line::banner(canvas, last, now) {
        return;
    }
    if canvas.state.flash_at(now).is_none() && duty::row(canvas, last) {
        return;
    }
    let lights = status_line::lights(canvas);
    let mut x = last.x + 2;
    x += canvas.run(x, last.y, last.width.saturating_sub(2), &lights) + 4;
    let toast = notices::toasts(canvas, now).last().map(|toast| (toast.level, toast.text.clone()));
    let wanted = match &toast {
        Some((_, text)) => text::width(text) + 4,
        None => 0,
    };
    let right = status_line::more(canvas, last, x.saturating_add(wanted.max(status_line::hint_cells(canvas, now))));
    let right = right.saturating_sub(2);
    if canvas.state.flash_at(now).is_some() || canvas.state.prefix_typed {
        status_line::hint(canvas, x, last.y, right, now);
    } else if tabs::in_row(canvas, x, last.y, right) {
        // Enter would do something with it: it has to be seen.
    } else if let Some((level, text)) = toast {
        let scope = match level {
            NoticeLevel::Info => Scope::BarStrong,
            NoticeLevel::Warn => Scope::BarWarn,
            NoticeLevel::Error => Scope::BarBad,
        };
        canvas.put(x, last.y, right.saturating_sub(x), &text, scope);
    } else if canvas.snapshot.call.phase.is_connected() {
        sound(canvas, x, last.y, right);
    } else {
        latest(canvas, x, last.y, right);
    }
}

/// Both meters and the quality, as far as they fit.
fn sound(canvas: &mut Canvas<'_>, mut x: u16, y: u16, right: u16) {
    let media = &canvas.snapshot.media;
    let muted = canvas.snapshot.call.muted;
    for (label, level, muted) in [("ui.me", media.level_in_dbfs, muted), ("ui.peer", media.level_out_dbfs, false)] {
        let label = canvas.t(label);
        if x + text::width(&label) + 10 > right {
            return;
        }
        x += canvas.put(x, y, 12, &label, Scope::BarDim) + 1;
        meter::bar(canvas, x, y, 8, level, muted);
        x += 10;
    }
    if let Some(mos) = media.mos {
        let mut run = Run::default();
        run.push(canvas.t("ui.mos"), Scope::BarDim).push(format!(" {mos:.1}"), Scope::BarStrong);
        if x + run.cells() <= right {
            canvas.run(x, y, run.cells(), &run);
        }
    }
}

/// The newest call of the journal.
fn latest(canvas: &mut Canvas<'_>, x: u16, y: u16, right: u16) {
    let Some(entry) = canvas.snapshot.journal.first() else { return };
    let mut run = Run::default();
    run.push(canvas.t("ui.latest"), Scope::BarDim)
        .push(" ", Scope::Bar)
        .push(labels::direction_glyph(entry.direction, canvas.glyphs), Scope::BarStrong)
        .push(" ", Scope::Bar)
        .push(labels::peer(&entry.peer, canvas.snapshot.locale), Scope::BarStrong)
        .push(" ", Scope::Bar);
    if entry.talk_ms > 0 {
        run.push(text::clock(entry.talk_ms), Scope::BarDim);
    } else {
        run.push(canvas.t(labels::outcome_label(entry).0), Scope::BarDim);
    }
    canvas.run(x, y, right.saturating_sub(x), &run);
}

/// Not even the bar fits: the state, the clock, who; and what size is needed.
pub fn draw_tiny(canvas: &mut Canvas<'_>, area: Rect, now: Instant) {
    canvas.clear(area, Scope::Bar);
    let mut shown = labels::shown(canvas.snapshot, canvas.glyphs, now);
    if let Some(as_of) = labels::as_of(canvas.snapshot, &canvas.state.settings.zone, now) {
        shown.clock = Some(as_of);
    }
    let mut run = Run::default();
    run.push(format!("{} {}", shown.glyph, shown.word), shown.scope);
    if let Some(clock) = shown.clock {
        run.push(" ", Scope::Bar).push(clock, Scope::BarStrong);
    }
    if canvas.snapshot.call.phase != CallPhase::None && canvas.snapshot.call.phase.is_live() {
        run.push(" ", Scope::Bar);
        run.push(who::with_whom(canvas.snapshot), Scope::BarStrong);
    }
    canvas.run(area.x, area.y, area.width, &run);
    if area.height > 1 {
        let size = Message::new("ui.too_small").with("width", MIN_WIDTH).with("height", MIN_HEIGHT);
        canvas.put(area.x, area.y + 1, area.width, &size.render(canvas.snapshot.locale), Scope::BarDim);
    }
}
