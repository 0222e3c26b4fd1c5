//! The sound devices as they look: how each does, what is told of the one at hand, and what else there is.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, Run, centred},
    meter,
    window::{draw_item, window},
};
use crate::{
    app::DeviceState,
    domain::DeviceRole,
    i18n::Message,
    ui::{
        dialog::{
            DevicesDialog,
            devices::{says_nothing, told},
        },
        target::Target,
        text,
        theme::Scope,
    },
};

/// Widest window, cells.
const WIDTH: u16 = 78;
/// Cells of a meter.
const METER: u16 = 10;
/// Rows for what is told.
const TOLD: u16 = 3;

/// Draws the dialog.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, dialog: &DevicesDialog) {
    let items = dialog.items(canvas.snapshot);
    let width = WIDTH.min(area.width.saturating_sub(2));
    let (sentence, wrong) = told(canvas.snapshot, dialog.role);
    let lines = text::wrap(&text::clean(&sentence), width.saturating_sub(6));
    // Three lines of devices, two rules, the keys and the frame; what is told does not make the list jump.
    let fixed = 3 + 2 + 1 + 2;
    let told_rows = if area.height >= fixed + TOLD + 4 { TOLD } else { 1 + u16::from(wrong) };
    let rows = u16::try_from(items.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(fixed + told_rows));
    let inner = window(canvas, centred(area, width, rows.max(3) + fixed + told_rows), "devices.title");
    if inner.height < 4 || inner.width < 24 {
        return;
    }
    let mut y = inner.y;
    for (index, role) in DeviceRole::ALL.into_iter().enumerate() {
        role_line(canvas, Rect { x: inner.x + 1, y, width: inner.width - 2, height: 1 }, role, role == dialog.role);
        canvas.hit(inner.x, y, inner.width, Target::Page(index));
        y += 1;
    }
    canvas.horizontal(inner.x, y, inner.width, Scope::WindowFrame);
    y += 1;
    let told_end = (y + told_rows).min(inner.bottom());
    for (y, (index, line)) in (y..told_end).zip(lines.iter().enumerate()) {
        let scope = if wrong { Scope::WindowStrong } else { Scope::Window };
        // What does not fit is seen to be missing.
        let rest = if y + 1 == told_end { lines.get(index..).map(|rest| rest.join(" ")) } else { None };
        canvas.put(inner.x + 2, y, inner.width.saturating_sub(4), rest.as_deref().unwrap_or(line), scope);
    }
    y = told_end;
    canvas.horizontal(inner.x, y, inner.width, Scope::WindowFrame);
    y += 1;
    let keys_y = inner.bottom().saturating_sub(1);
    let room = keys_y.saturating_sub(y);
    let selected = dialog.list.selected.min(items.len().saturating_sub(1));
    let first = (selected + 1).saturating_sub(usize::from(room));
    for (y, (index, item)) in (y..keys_y).zip(items.iter().enumerate().skip(first)) {
        draw_item(canvas, Rect { x: inner.x, y, width: inner.width, height: 1 }, item, index == selected);
        canvas.hit(inner.x, y, inner.width, Target::Item(index));
    }
    keys(canvas, Rect { x: inner.x + 2, y: keys_y, width: inner.width.saturating_sub(4), height: 1 });
}

/// The same in one row.
pub fn in_row(canvas: &Canvas<'_>, run: &mut Run, dialog: &DevicesDialog) {
    run.push(canvas.t(label(dialog.role)), Scope::WindowTitle).push(" ", Scope::Window);
    let state = canvas.snapshot.devices.of(dialog.role).state;
    run.push(canvas.t(word(state)), scope(state));
}

fn role_line(canvas: &mut Canvas<'_>, area: Rect, role: DeviceRole, at_hand: bool) {
    let snapshot = canvas.snapshot;
    let view = snapshot.devices.of(role);
    let label_cells =
        DeviceRole::ALL.into_iter().map(|role| text::width(&canvas.t(label(role)))).max().unwrap_or(0) + 2;
    let mut x = area.x;
    let name = format!(" {} ", canvas.t(label(role)));
    let ground = if at_hand { Scope::WindowSelected } else { Scope::WindowDim };
    canvas.put(x, area.y, label_cells, &name, ground);
    x += label_cells + 1;

    let mut state = Run::default();
    if view.xruns > 0 {
        let gaps = Message::new("devices.xruns").with("count", view.xruns).render(snapshot.locale);
        state.push(gaps, Scope::WindowDim).push("  ", Scope::Window);
    }
    state.push(canvas.t(word(view.state)), scope(view.state));
    let mut right = area.right().saturating_sub(state.cells());
    canvas.run(right, area.y, state.cells(), &state);
    right = right.saturating_sub(2);

    let level = match role {
        DeviceRole::Microphone => snapshot.devices.test.map(|test| test.level_dbfs).or(snapshot.media.level_in_dbfs),
        DeviceRole::Speaker => snapshot.media.level_out_dbfs,
        DeviceRole::Ring => None,
    };
    if let Some(level) = level
        && right > x + METER + 16
    {
        right -= METER;
        let muted = role == DeviceRole::Microphone && snapshot.call.muted;
        meter::bar(canvas, right, area.y, METER, Some(level), muted);
        right -= 2;
    }
    let named = view.name.clone().filter(|name| !(view.follows_system && says_nothing(name)));
    let shown = match (view.follows_system, named) {
        (true, Some(name)) => Message::new("devices.system_is").with("device", name).render(snapshot.locale),
        (true, None) => canvas.t("devices.system"),
        (false, name) => name.unwrap_or_else(|| view.chosen.clone()),
    };
    canvas.put(x, area.y, right.saturating_sub(x), &shown, Scope::WindowStrong);
}

fn keys(canvas: &mut Canvas<'_>, area: Rect) {
    let enter = if canvas.state.settings.ascii { "Enter" } else { "⏎" };
    let mut run = Run::default();
    for (key, about) in
        [("Tab", "devices.key_role"), (enter, "devices.key_use"), ("t", "devices.key_tone"), ("r", "devices.key_ring")]
    {
        run.push(key, Scope::WindowKey).push(" ", Scope::Window);
        run.push(canvas.t(about), Scope::WindowDim).push("   ", Scope::Window);
    }
    canvas.run(area.x, area.y, area.width, &run);
}

fn label(role: DeviceRole) -> &'static str {
    match role {
        DeviceRole::Microphone => "devices.input",
        DeviceRole::Speaker => "devices.output",
        DeviceRole::Ring => "devices.ring",
    }
}

fn word(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Works => "devices.works",
        DeviceState::Silent => "devices.silent",
        DeviceState::Failed => "devices.failed",
        DeviceState::Unknown => "devices.unknown",
    }
}

fn scope(state: DeviceState) -> Scope {
    match state {
        DeviceState::Works => Scope::WindowKey,
        DeviceState::Silent | DeviceState::Failed => Scope::WindowMatch,
        DeviceState::Unknown => Scope::WindowDim,
    }
}
