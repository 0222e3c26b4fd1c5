//! Everything that was told, newest first; and the newest of it as toasts.

use std::time::Instant;

use ratatui::layout::Rect;

use super::{canvas::Canvas, status_line, table};
use crate::{
    app::{NoticeLevel, NoticeView},
    i18n::Message,
    ui::{dialog::Dialog, input::UiAction, lists::ListRow, state, text, theme::Scope},
};

/// Most toasts shown at once.
const TOASTS: usize = 3;

/// Widest toast, cells.
const TOAST_WIDTH: u16 = 72;

/// The list of the notices tab.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, rows: &[ListRow<'_>]) {
    if rows.is_empty() {
        let hint = canvas.t("ui.notices_empty");
        canvas.put(area.x + 1, area.y, area.width.saturating_sub(1), &hint, Scope::Dim);
        return;
    }
    let first = table::first_shown(canvas, area.height);
    for (y, (index, row)) in (area.top()..area.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let ListRow::Notice(notice) = row else { continue };
        let selected = table::row(canvas, area, y, index);
        let look = |scope: Scope| if selected { Scope::Selected } else { scope };
        let time = notice.time.to_zoned(canvas.state.settings.zone.clone()).strftime("%H:%M:%S").to_string();
        let mut x = area.x + 1;
        x += canvas.put(x, y, 8, &time, look(Scope::Dim)) + 2;
        let (glyph, scope) = mark(canvas, notice.level);
        x += canvas.put(x, y, 1, glyph, look(scope)) + 2;
        canvas.put(x, y, area.right().saturating_sub(x), &notice.text, look(Scope::Base));
    }
}

fn mark(canvas: &Canvas<'_>, level: NoticeLevel) -> (&'static str, Scope) {
    match level {
        NoticeLevel::Info => (canvas.glyphs.on, Scope::Accent),
        NoticeLevel::Warn => (canvas.glyphs.warn, Scope::Warn),
        NoticeLevel::Error => (canvas.glyphs.bad, Scope::Bad),
    }
}

/// Notices still to be shown as toasts, newest last; not those that the banner says already.
pub fn toasts<'a>(canvas: &Canvas<'a>, now: Instant) -> Vec<&'a NoticeView> {
    let fresh = |notice: &&NoticeView| {
        !notice.dismissed
            && notice.at + state::toast_time(notice, canvas.state.dialog.is_some()) > now
            && !status_line::says(canvas, notice, now)
            && !said_by_window(canvas, notice)
    };
    let mut newest: Vec<&NoticeView> = Vec::new();
    for notice in canvas.snapshot.notices.iter().rev().filter(fresh) {
        // Told twice, it is read once.
        if newest.len() < TOASTS && newest.iter().all(|newer| newer.text != notice.text) {
            newest.push(notice);
        }
    }
    newest.reverse();
    newest
}

/// The health window says itself why the agent is not ready; a toast would only hide its keys.
fn said_by_window(canvas: &Canvas<'_>, notice: &NoticeView) -> bool {
    matches!(canvas.state.dialog, Some(Dialog::Health(_)))
        && canvas.snapshot.health.ready_refused.is_some()
        && notice.kind.starts_with("health.")
}

/// Draws the toasts above the bottom row, at the right. The newest is always shown; older ones only below `top`, where
/// the call's card ends. None lies over a window: where one leaves no room the newest takes the bottom row. The rest is
/// counted at the notices tab.
pub fn draw_toasts(canvas: &mut Canvas<'_>, area: Rect, top: u16, now: Instant) {
    let toasts = toasts(canvas, now);
    let width = TOAST_WIDTH.min(area.width.saturating_sub(4));
    let mut bottom = area.bottom().saturating_sub(2);
    for (older, toast) in toasts.iter().rev().enumerate() {
        let mut told = toast.text.clone();
        if toast.kind == "devices.new"
            && let Some(key) = canvas.key(UiAction::Devices)
        {
            // An offer with the key that takes it.
            let press = Message::new("devices.press").with("key", key).render(canvas.snapshot.locale);
            told = format!("{told} {press}");
        }
        let lines: Vec<String> = text::wrap(&text::clean(&told), width.saturating_sub(6)).into_iter().take(3).collect();
        let rows = u16::try_from(lines.len()).unwrap_or(1);
        let highest = if older == 0 { area.y + 1 } else { top };
        let cells = lines.iter().map(|l| text::width(l)).max().unwrap_or(0) + 5;
        let (glyph, _) = mark(canvas, toast.level);
        let scope = match toast.level {
            NoticeLevel::Info => Scope::ToastInfo,
            NoticeLevel::Warn => Scope::ToastWarn,
            NoticeLevel::Error => Scope::ToastError,
        };
        let x = area.right().saturating_sub(cells + 2);
        let lies_over =
            |y| canvas.windows.iter().any(|window| window.intersects(Rect { x, y, width: cells, height: rows }));
        let place = (highest..=bottom.saturating_sub(rows)).rev().find(|y| !lies_over(*y));
        let Some(y) = place else {
            if older == 0 {
                in_bottom_row(canvas, area, &told, glyph, scope);
            }
            return;
        };
        canvas.clear(Rect { x, y, width: cells, height: rows }, scope);
        canvas.put(x + 1, y, 1, glyph, scope);
        for (row, line) in (y..).zip(&lines) {
            canvas.put(x + 3, row, cells.saturating_sub(4), line, scope);
        }
        bottom = y.saturating_sub(1);
    }
}

/// A toast for which the windows leave no other room.
fn in_bottom_row(canvas: &mut Canvas<'_>, area: Rect, told: &str, glyph: &str, scope: Scope) {
    let row = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
    canvas.clear(row, scope);
    canvas.put(row.x + 2, row.y, 1, glyph, scope);
    let told = text::clean(told).into_owned();
    canvas.put(row.x + 4, row.y, row.width.saturating_sub(6), &told, scope);
}
