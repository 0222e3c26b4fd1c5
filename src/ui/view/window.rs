//! The frame of a dialog, its list and its filter.

use ratatui::layout::{Position, Rect};
use tui_input::Input;

use super::canvas::{Canvas, centred};
use crate::ui::{
    dialog::{Dialog, Item, ListDialog},
    target::Target,
    text,
    theme::Scope,
};

/// A dialog's frame; a click on its edge or its ground does nothing, one on the way back goes back.
pub fn window(canvas: &mut Canvas<'_>, area: Rect, title: &'static str) -> Rect {
    let title = canvas.t(title);
    canvas.hit_area(area, Target::Window);
    let inner = canvas.window(area, &title, Scope::Window, Scope::WindowFrame, Scope::WindowTitle);
    let back = format!(" Esc {} ", canvas.t("ui.no"));
    if inner.width > text::width(&back) + 2 {
        let x = canvas.put_right(inner.right() - 1, inner.bottom(), inner.width, &back, Scope::WindowDim);
        canvas.hit(x, inner.bottom(), text::width(&back), Target::Around);
    }
    inner
}

/// What the keys do in the open field of a form, in the frame's lower edge, where it fits beside the way back.
pub fn form_keys(canvas: &mut Canvas<'_>, inner: Rect, keys: &'static str) {
    let told = format!(" {} ", canvas.t(keys));
    let back = text::width(&canvas.t("ui.no")) + 8;
    if inner.width >= text::width(&told) + back {
        canvas.put(inner.x + 1, inner.bottom(), inner.width, &told, Scope::WindowDim);
    }
}

/// Draws a dialog that is a list with a filter, at most `width` cells wide.
pub fn list(canvas: &mut Canvas<'_>, area: Rect, dialog: &Dialog, open: &ListDialog, title: &'static str, width: u16) {
    let items = dialog.items(&canvas.context());
    // As high as the whole list, so that it does not jump while it is filtered.
    let whole = dialog_without_filter(dialog).items(&canvas.context()).len();
    let rows = u16::try_from(whole).unwrap_or(u16::MAX).clamp(1, area.height.saturating_sub(4).max(1));
    let height = rows.saturating_add(4);
    let inner = window(canvas, centred(area, width.min(area.width.saturating_sub(2)), height), title);
    if inner.height < 2 || inner.width < 8 {
        return;
    }
    filter(canvas, Rect { x: inner.x + 2, y: inner.y, width: inner.width - 4, height: 1 }, &open.filter);
    canvas.horizontal(inner.x, inner.y + 1, inner.width, Scope::WindowFrame);
    let body = Rect { y: inner.y + 2, height: inner.height - 2, ..inner };
    if items.is_empty() {
        let none = canvas.t("ui.nothing_found");
        canvas.put(body.x + 2, body.y, body.width.saturating_sub(4), &none, Scope::WindowDim);
        return;
    }
    let selected = open.selected.min(items.len() - 1);
    let first = (selected + 1).saturating_sub(usize::from(body.height));
    for (y, (index, item)) in (body.top()..body.bottom()).zip(items.iter().enumerate().skip(first)) {
        draw_item(canvas, Rect { y, height: 1, ..body }, item, index == selected);
        canvas.hit(body.x, y, body.width, Target::Item(index));
    }
}

fn dialog_without_filter(dialog: &Dialog) -> Dialog {
    let mut whole = dialog.clone();
    if let Some(list) = whole.list_mut() {
        list.filter = Input::default();
    }
    whole
}

/// One line of a list.
pub fn draw_item(canvas: &mut Canvas<'_>, area: Rect, item: &Item, selected: bool) {
    let look = |scope: Scope| if selected { Scope::WindowSelected } else { scope };
    if selected {
        canvas.clear(area, Scope::WindowSelected);
    }
    let mark = if item.current { canvas.glyphs.on } else { " " };
    canvas.put(area.x + 1, area.y, 1, mark, look(Scope::WindowMatch));
    let label_scope = if item.enabled { Scope::Window } else { Scope::WindowDim };
    let remark_scope = if item.enabled { Scope::WindowKey } else { Scope::WindowDim };
    let room = area.width.saturating_sub(6);
    // The label is worth more than the remark, up to two thirds of the line.
    let label_cells = text::width(&item.label).min(room);
    let remark_room = room.saturating_sub(label_cells + 2).max(room / 3);
    let remark_x = canvas.put_right(area.right() - 2, area.y, remark_room, &item.remark, look(remark_scope));
    let label_room = remark_x.saturating_sub(area.x + 3 + 2);
    canvas.put(area.x + 3, area.y, label_room, &item.label, look(label_scope));
}

/// What was typed to filter by, with the cursor; a hint while nothing was.
pub fn filter(canvas: &mut Canvas<'_>, area: Rect, input: &Input) {
    if input.value().is_empty() {
        let hint = canvas.t("ui.filter_hint");
        canvas.put(area.x + 1, area.y, area.width.saturating_sub(1), &hint, Scope::WindowDim);
    }
    canvas.put(area.x, area.y, area.width, input.value(), Scope::WindowStrong);
    let at = u16::try_from(input.visual_cursor()).unwrap_or(area.width).min(area.width);
    canvas.cursor = Some(Position { x: area.x + at, y: area.y });
}
