//! The right-hand panel: the integrator's own content, else what is known of the caller, else a quiet hint.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, Run},
    card, words,
};
use crate::{
    app::PanelContent,
    domain::CallPhase,
    ui::{text, theme::Scope},
};

/// Lines of one panel; a label stands in its own column.
enum Line {
    Text(String, Scope),
    Field(String, String),
}

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
    let lines = match &canvas.snapshot.panel {
        Some(content) => content_lines(content, inner.width),
        None => caller_lines(canvas),
    };
    if lines.is_empty() {
        hint(canvas, inner);
        return;
    }
    let title = canvas.t("ui.panel_title");
    canvas.put(inner.x, inner.y, inner.width, &title, Scope::Dim);
    let body = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
    let label_cells = lines
        .iter()
        .map(|line| if let Line::Field(label, _) = line { text::width(label) } else { 0 })
        .max()
        .unwrap_or(0)
        .min(inner.width / 2);
    let last = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(body.height);
    let first = usize::from(canvas.state.panel_scroll.min(last));
    for (y, line) in (body.top()..body.bottom()).zip(lines.iter().skip(first)) {
        match line {
            Line::Text(text, scope) => {
                canvas.put(body.x, y, body.width, text, *scope);
            }
            Line::Field(label, value) => {
                canvas.put(body.x, y, label_cells, label, Scope::Dim);
                let x = label_cells + 2;
                canvas.put(body.x + x, y, body.width.saturating_sub(x), value, Scope::Base);
            }
        }
    }
}

/// What is known of the caller.
fn caller_lines(canvas: &Canvas<'_>) -> Vec<Line> {
    let call = &canvas.snapshot.call;
    let last = card::wrapped_up(canvas.snapshot);
    let (peer, queue, direction) = match last {
        Some(last) => (&last.peer, last.queue.as_ref(), Some(last.direction)),
        None if call.phase == CallPhase::None => return Vec::new(),
        None => (&call.peer, call.queue.as_ref(), call.direction),
    };
    let mut lines = Vec::new();
    let mut field = |label: &'static str, value: Option<&str>| {
        if let Some(value) = value.map(str::trim).filter(|v| !v.is_empty()) {
            lines.push(Line::Field(canvas.t(label), text::clean(value).into_owned()));
        }
    };
    field("ui.field_number", peer.number.as_deref());
    field("ui.field_agent", peer.ag_no.as_deref());
    field("ui.field_name", peer.name.as_deref());
    field("ui.field_area", peer.area.as_deref());
    field("ui.field_group", queue.map(|q| q.name.as_str()));
    if let Some(direction) = direction {
        field("ui.field_direction", Some(&canvas.t(words::direction_word(direction))));
    }
    field("ui.field_call_id", call.call_id.as_deref());
    lines
}

/// What was put into the panel, wrapped to its width.
fn content_lines(content: &PanelContent, cells: u16) -> Vec<Line> {
    match content {
        PanelContent::Text(words) => {
            let clean: String = words.split('\n').map(|l| text::clean(l).into_owned()).collect::<Vec<_>>().join("\n");
            text::wrap(&clean, cells).into_iter().map(|line| Line::Text(line, Scope::Base)).collect()
        }
        PanelContent::Markdown(words) => words.split('\n').flat_map(|line| markdown_line(line, cells)).collect(),
        PanelContent::Fields(fields) => fields
            .iter()
            .map(|(label, value)| Line::Field(text::clean(label).into_owned(), text::clean(value).into_owned()))
            .collect(),
    }
}

/// Headings, bullets and plain text; emphasis marks are taken out.
fn markdown_line(line: &str, cells: u16) -> Vec<Line> {
    let line = text::clean(line.trim_end()).replace("**", "").replace('`', "");
    if line.is_empty() {
        return vec![Line::Text(String::new(), Scope::Base)];
    }
    if let Some(heading) = line.strip_prefix('#') {
        let heading = heading.trim_start_matches('#').trim();
        return text::wrap(heading, cells).into_iter().map(|l| Line::Text(l, Scope::Strong)).collect();
    }
    if let Some(point) = line.trim_start().strip_prefix("- ").or_else(|| line.trim_start().strip_prefix("* ")) {
        let wrapped = text::wrap(point, cells.saturating_sub(2));
        let mark = |i: usize| if i == 0 { "- " } else { "  " };
        return wrapped
            .into_iter()
            .enumerate()
            .map(|(i, l)| Line::Text(format!("{}{l}", mark(i)), Scope::Base))
            .collect();
    }
    text::wrap(&line, cells).into_iter().map(|l| Line::Text(l, Scope::Base)).collect()
}

/// The panel is empty: who it is for.
fn hint(canvas: &mut Canvas<'_>, area: Rect) {
    let mut lines = Vec::new();
    for key in ["ui.panel_hint", "ui.panel_how"] {
        lines.extend(text::wrap(&canvas.t(key), area.width));
    }
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let top = area.y + area.height.saturating_sub(rows) / 3;
    for (y, line) in (top..area.bottom()).zip(&lines) {
        let x = area.x + area.width.saturating_sub(text::width(line)) / 2;
        let mut run = Run::default();
        run.push(line, Scope::Dim);
        canvas.run(x, y, area.width, &run);
    }
}
