//! Dialogs as they look: lists with a filter, the help in columns, the keypad, a question.

use std::time::Instant;

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, Run, centred},
    devices, forms, health, picker, quality,
    window::{list, window},
};
use crate::{
    i18n::Message,
    ui::{
        dialog::{Dialog, Question, help, keypad, question},
        target::Target,
        text,
        theme::Scope,
    },
};

/// Draws the open dialog, if one.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, now: Instant) {
    let state = canvas.state;
    let Some(dialog) = &state.dialog else { return };
    match dialog {
        Dialog::Busy(open) => list(canvas, area, dialog, open, busy_title(canvas), 40),
        Dialog::Pick(pick) => picker::draw(canvas, area, pick, now),
        Dialog::Duty(duty) => forms::draw(canvas, area, dialog, duty),
        Dialog::CallerId(open) => list(canvas, area, dialog, open, "ui.caller_id_title", 48),
        Dialog::Palette(open) => list(canvas, area, dialog, open, "ui.palette_title", 68),
        Dialog::Numbers(open) => list(canvas, area, dialog, &open.list, "ui.numbers_title", 56),
        Dialog::Devices(open) => devices::draw(canvas, area, open),
        Dialog::Help(scroll) => draw_help(canvas, area, *scroll),
        Dialog::Health(first) => health::draw(canvas, area, *first, now),
        Dialog::Keypad(sent) => draw_keypad(canvas, area, sent),
        Dialog::Question(question) => draw_question(canvas, area, question),
        Dialog::Quality => quality::window(canvas, area),
    }
}

/// What the busy menu asks: during a call, about the time after it.
fn busy_title(canvas: &Canvas<'_>) -> &'static str {
    if canvas.snapshot.call.phase.is_live() { "ui.busy_after_title" } else { "ui.busy_title" }
}

/// Draws the open dialog in the only row there is for it: a list as its lines side by side from the selected one on.
pub fn draw_in_row(canvas: &mut Canvas<'_>, area: Rect) {
    let state = canvas.state;
    let Some(dialog) = &state.dialog else { return };
    canvas.clear(area, Scope::Window);
    let mut run = Run::default();
    let mut items = Vec::new();
    let mut selected = 0;
    match dialog {
        Dialog::Busy(open) => {
            run.push(canvas.t(busy_title(canvas)), Scope::WindowTitle);
            (items, selected) = (dialog.items(&canvas.context()), open.selected);
        }
        Dialog::CallerId(open) => {
            run.push(canvas.t("ui.caller_id_title"), Scope::WindowTitle);
            (items, selected) = (dialog.items(&canvas.context()), open.selected);
        }
        Dialog::Palette(open) => {
            run.push(": ", Scope::WindowKey).push(open.filter.value(), Scope::WindowStrong);
            (items, selected) = (dialog.items(&canvas.context()), open.selected);
        }
        Dialog::Numbers(open) => {
            run.push(canvas.t("ui.numbers_title"), Scope::WindowTitle);
            (items, selected) = (dialog.items(&canvas.context()), open.list.selected);
        }
        Dialog::Pick(pick) => picker::in_row(canvas, &mut run, pick),
        Dialog::Devices(open) => {
            devices::in_row(canvas, &mut run, open);
            (items, selected) = (open.items(canvas.snapshot), open.list.selected);
        }
        Dialog::Duty(duty) => {
            forms::in_row(canvas, &mut run, duty);
            items = duty.items(canvas.snapshot);
            selected = duty.clone().list_mut().map_or(0, |list| list.selected);
        }
        Dialog::Help(scroll) => {
            let entries = help::groups(&state.settings, canvas.snapshot.locale).into_iter().flatten();
            for line in entries.skip(usize::from(*scroll)) {
                if let help::Line::Entry(keys, about) = line {
                    let key = keys.split_whitespace().next().unwrap_or_default().to_owned();
                    run.push(key, Scope::WindowKey).push(format!(" {about}   "), Scope::Window);
                }
            }
        }
        Dialog::Health(_) => health::in_row(canvas, &mut run),
        Dialog::Keypad(sent) => {
            run.push(canvas.t("ui.keypad_title"), Scope::WindowTitle).push("   ", Scope::Window);
            if sent.is_empty() {
                run.push(keypad_hint(canvas), Scope::WindowDim);
            } else {
                run.push(sent, Scope::WindowStrong);
            }
        }
        // The strip shows it anyway.
        Dialog::Quality => quality::in_row(canvas, &mut run),
        Dialog::Question(question) => {
            // The answers first: a long question is cut, they are not.
            for (_, answer) in answers(canvas, question) {
                run.append(&answer).push("   ", Scope::Window);
            }
            let words = question.text(&canvas.context()).render(canvas.snapshot.locale);
            run.push(text::clean(&words), Scope::WindowStrong);
        }
    }
    selected = selected.min(items.len().saturating_sub(1));
    for (index, item) in items.iter().enumerate().skip(selected) {
        let scope = if index == selected { Scope::WindowSelected } else { Scope::Window };
        run.push("   ", Scope::Window).push(&item.remark, Scope::WindowKey).push(" ", Scope::Window);
        run.push(format!(" {} ", item.label), scope);
    }
    canvas.run(area.x + 2, area.y, area.width.saturating_sub(4), &run);
}

/// The answers of a question with their letters, the way back last.
fn answers(canvas: &Canvas<'_>, question: &Question) -> Vec<(char, Run)> {
    let answers = question.answers(&canvas.context()).into_iter().map(|answer| (answer.key, answer.label));
    let shown = answers.chain([(question::NO, "ui.no")]).map(|(key, label)| {
        let mut run = Run::default();
        run.push(key.to_string(), Scope::WindowKey).push(" ", Scope::Window).push(canvas.t(label), Scope::Window);
        (key, run)
    });
    shown.collect()
}

/// What the keypad says before anything is sent.
fn keypad_hint(canvas: &Canvas<'_>) -> String {
    match canvas.context().extension {
        Some(extension) => {
            Message::new("ui.keypad_extension").with("extension", extension).render(canvas.snapshot.locale)
        }
        None => canvas.t("ui.keypad_hint"),
    }
}

fn draw_help(canvas: &mut Canvas<'_>, area: Rect, scroll: u16) {
    let groups = help::groups(&canvas.state.settings, canvas.snapshot.locale);
    let key_cells = groups
        .iter()
        .flatten()
        .map(|line| if let help::Line::Entry(keys, _) = line { text::width(keys) } else { 0 })
        .max()
        .unwrap_or(0)
        .min(20);
    let abouts = groups.iter().flatten();
    let about_cells = abouts
        .map(|line| if let help::Line::Entry(_, about) = line { text::width(about) } else { 0 })
        .max()
        .unwrap_or(0)
        .min(60);
    let column = key_cells + 2 + 34;
    let columns: u16 = (1..=3).rev().find(|columns| area.width >= column * columns + 8).unwrap_or(1);
    // Three columns: a group each. Two: call and agent left, screen right. One: all below each other.
    let gap = || help::Line::Heading(String::new());
    let mut sides: Vec<Vec<help::Line>> = vec![Vec::new(); usize::from(columns)];
    for (index, group) in groups.into_iter().enumerate() {
        let side = match columns {
            3 => index,
            2 if index == 2 => 1,
            _ => 0,
        };
        if let Some(side) = sides.get_mut(side) {
            if !side.is_empty() {
                side.push(gap());
            }
            side.extend(group);
        }
    }
    let lines = sides.iter().map(Vec::len).max().unwrap_or(0);
    let rows = u16::try_from(lines).unwrap_or(u16::MAX);
    // Alone, a column takes what its longest line needs.
    let width = if columns == 1 { about_cells + key_cells + 9 } else { column * columns + 6 };
    let height = rows.saturating_add(4).min(area.height.saturating_sub(2));
    let inner = window(canvas, centred(area, width, height), "ui.help_title");
    if inner.height < 3 || inner.width < 12 {
        return;
    }
    let body = Rect { x: inner.x + 2, y: inner.y + 1, width: inner.width.saturating_sub(4), height: inner.height - 2 };
    let end = rows.saturating_sub(body.height);
    canvas.help_end = Some(end);
    let first = usize::from(scroll.min(end));
    let side_cells = body.width / columns;
    for (side, lines) in (0u16..).zip(&sides) {
        let x = body.x + side * side_cells;
        for (y, line) in (body.top()..body.bottom()).zip(lines.iter().skip(first)) {
            match line {
                help::Line::Heading(heading) => {
                    canvas.put(x, y, side_cells, heading, Scope::WindowStrong);
                }
                help::Line::Entry(keys, about) => {
                    canvas.put(x, y, key_cells, keys, Scope::WindowKey);
                    let room = side_cells.saturating_sub(key_cells + 3);
                    canvas.put(x + key_cells + 2, y, room, about, Scope::Window);
                }
            }
        }
    }
    if first < usize::from(end) {
        let more = canvas.t("ui.help_more");
        canvas.put_right(inner.right() - 1, inner.bottom() - 1, inner.width, &more, Scope::WindowDim);
    }
}

fn draw_keypad(canvas: &mut Canvas<'_>, area: Rect, sent: &str) {
    let inner = window(canvas, centred(area, 30, 13), "ui.keypad_title");
    if inner.height < 3 || inner.width < 16 {
        return;
    }
    let shown = if sent.is_empty() { keypad_hint(canvas) } else { sent.to_owned() };
    let scope = if sent.is_empty() { Scope::WindowDim } else { Scope::WindowStrong };
    canvas.put(inner.x + 2, inner.y, inner.width - 4, &shown, scope);
    canvas.horizontal(inner.x, inner.y + 1, inner.width, Scope::WindowFrame);
    let left = inner.x + (inner.width - 13) / 2;
    for (row, keys) in (0u16..).zip(keypad::KEYS) {
        let y = inner.y + 3 + row * 2;
        if y >= inner.bottom() {
            break;
        }
        for (column, key) in (0u16..).zip(keys) {
            let x = left + column * 5;
            canvas.put(x, y, 3, &format!(" {key} "), Scope::WindowKey);
            canvas.hit(x, y, 3, Target::Digit(key));
        }
    }
}

fn draw_question(canvas: &mut Canvas<'_>, area: Rect, question: &Question) {
    let words = question.text(&canvas.context()).render(canvas.snapshot.locale);
    let answers = answers(canvas, question);
    let width = area.width.min(56);
    let lines = text::wrap(&text::clean(&words), width.saturating_sub(8));
    let rows = u16::try_from(lines.len()).unwrap_or(1);
    let inner = window(canvas, centred(area, width, rows + 6), "ui.question_title");
    for (y, line) in (inner.y + 1..inner.bottom()).zip(&lines) {
        let cells = text::width(line).min(inner.width);
        canvas.put(inner.x + (inner.width - cells) / 2, y, cells, line, Scope::Window);
    }
    let y = inner.y + 2 + rows;
    if y < inner.bottom() {
        let cells: u16 = answers.iter().map(|(_, run)| run.cells()).sum();
        let gaps = u16::try_from(answers.len().saturating_sub(1)).unwrap_or(0);
        let between = if cells + 6 * gaps <= inner.width { 6 } else { 3 };
        let mut x = inner.x + inner.width.saturating_sub(cells + between * gaps) / 2;
        for (key, run) in &answers {
            let used = canvas.run(x, y, inner.right().saturating_sub(x), run);
            canvas.hit(x, y, used, Target::Answer(*key));
            x += used + between;
        }
    }
}
