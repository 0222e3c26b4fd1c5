//! The forms and the list of break requests as they look.

use ratatui::layout::{Position, Rect};
use tui_input::Input;

use super::{
    canvas::{Canvas, Run, centred},
    table,
    window::{filter, form_keys, list, window},
};
use crate::{
    app::{BreakState, Fetched},
    config::LoginType,
    domain::REMARK_MAX,
    ui::{
        dialog::{
            BreakForm, Dialog, Duty, ListDialog, PhoneForm,
            break_form::{Field, Offer},
            break_requests,
            phone::PhoneField,
        },
        target::Target,
        text,
        theme::Scope,
    },
};

/// Width of a form.
const WIDTH: u16 = 60;
/// Cells of the remark's count.
const COUNT: u16 = 8;
/// Lines offered at once in a field.
const OFFERS: usize = 5;

/// Draws the dialog of a duty.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, dialog: &Dialog, duty: &Duty) {
    match duty {
        Duty::Projects(open) => list(canvas, area, dialog, open, "ui.projects_title", 60),
        Duty::Reminders(open) => list(canvas, area, dialog, open, "ui.reminders_title", 72),
        Duty::Requests(open) => requests(canvas, area, open),
        Duty::Break(form) => break_form(canvas, area, form),
        Duty::Phone(form) => phone_form(canvas, area, form),
    }
}

/// The same in one row.
pub fn in_row(canvas: &Canvas<'_>, run: &mut Run, duty: &Duty) {
    match duty {
        Duty::Projects(_) => drop(run.push(canvas.t("ui.projects_title"), Scope::WindowTitle)),
        Duty::Reminders(_) => drop(run.push(canvas.t("ui.reminders_title"), Scope::WindowTitle)),
        Duty::Requests(_) => drop(run.push(canvas.t("ui.requests_title"), Scope::WindowTitle)),
        Duty::Break(form) => {
            run.push(canvas.t("ui.break_title"), Scope::WindowTitle).push("  ", Scope::Window);
            run.push(canvas.t(form.at.label()), Scope::WindowKey).push(" ", Scope::Window);
            run.push(value(canvas, form, form.at).0, Scope::WindowSelected);
            if let Some(wrong) = form.told(canvas.snapshot, form.at) {
                run.push("  ", Scope::Window).push(wrong.render(canvas.snapshot.locale), Scope::WindowMatch);
            }
        }
        Duty::Phone(form) => {
            run.push(canvas.t("ui.phone_title"), Scope::WindowTitle).push("  ", Scope::Window);
            run.push(canvas.t(form.at.label()), Scope::WindowKey).push(" ", Scope::Window);
            run.push(phone_value(canvas, form, form.at), Scope::WindowSelected);
        }
    }
}

/// A line of a form.
enum Line {
    /// A field, by its place.
    Field(usize),
    /// A line to choose from.
    Offer(usize, Offer),
    /// What is wrong with the field above, or a word about it.
    Told(String, Scope),
}

fn break_form(canvas: &mut Canvas<'_>, area: Rect, form: &BreakForm) {
    let snapshot = canvas.snapshot;
    let offers = form.offers(snapshot);
    let width = WIDTH.min(area.width.saturating_sub(2));
    let label = Field::ALL.map(|field| text::width(&canvas.t(field.label()))).into_iter().max().unwrap_or(8);
    let told = |told: &str| {
        let wrapped = text::wrap(&text::clean(told), width.saturating_sub(label + 8));
        wrapped.into_iter().map(|line| Line::Told(line, Scope::WindowMatch)).collect::<Vec<_>>()
    };
    let mut lines = Vec::new();
    let mut focus = 0;
    for (index, field) in Field::ALL.into_iter().enumerate() {
        if form.at == field {
            focus = lines.len();
        }
        lines.push(Line::Field(index));
        if let Some(wrong) = form.told(snapshot, field) {
            lines.extend(told(&wrong.render(snapshot.locale)));
        }
        if form.at == field {
            offered(canvas, form, &offers, &mut lines);
        }
        if field == Field::Submit
            && let Some(refused) = &form.refused
        {
            lines.extend(told(refused));
        }
    }
    // As high with a list open in it as without, where there is room.
    let most = u16::try_from(Field::ALL.len() + OFFERS).unwrap_or(11);
    let height = u16::try_from(lines.len()).unwrap_or(most).max(most).saturating_add(2);
    let inner = window(canvas, centred(area, width, height), "ui.break_title");
    if inner.width < 24 || inner.height < 2 {
        return;
    }
    form_keys(
        canvas,
        inner,
        match form.at {
            Field::Reason | Field::Approver => "ui.form_keys_pick",
            Field::From | Field::To | Field::Remark => "ui.form_keys",
            Field::Submit => "ui.form_keys_submit",
        },
    );
    let first = first_line(focus, lines.len(), inner.height);
    for (y, line) in (inner.top()..inner.bottom()).zip(lines.into_iter().skip(first)) {
        match line {
            Line::Field(index) => {
                if let Some(field) = Field::ALL.get(index) {
                    break_field(canvas, Rect { y, height: 1, ..inner }, form, *field, label);
                    canvas.hit(inner.x, y, inner.width, Target::Field(index));
                }
            }
            Line::Offer(index, offer) => {
                let x = inner.x + label + 5;
                let room = inner.right().saturating_sub(x + 1);
                let scope = if offer.current { Scope::WindowSelected } else { Scope::Window };
                let mark = if offer.current { canvas.glyphs.on } else { " " };
                canvas.put(x, y, room, &format!("{mark} {} ", offer.label), scope);
                canvas.hit(x, y, room, Target::Item(index));
            }
            Line::Told(told, scope) => {
                let x = inner.x + label + 5;
                canvas.put(x, y, inner.right().saturating_sub(x + 1), &told, scope);
            }
        }
    }
}

/// The lines to choose from, around the one chosen; or why there are none.
fn offered(canvas: &Canvas<'_>, form: &BreakForm, offers: &[Offer], lines: &mut Vec<Line>) {
    if offers.is_empty() {
        let words = match (form.at, &canvas.snapshot.breaks.approvers_fetched) {
            (Field::Reason, _) => canvas.t("ui.nothing_found"),
            (Field::Approver, Fetched::Never | Fetched::UnderWay) => canvas.t("ui.loading"),
            (Field::Approver, Fetched::Failed(why)) => why.render(canvas.snapshot.locale),
            (Field::Approver, Fetched::At(_)) if form.next_tick().is_some() => canvas.t("ui.loading"),
            (Field::Approver, Fetched::At(_)) => canvas.t("ui.nothing_found"),
            (Field::From | Field::To | Field::Remark | Field::Submit, _) => return,
        };
        lines.push(Line::Told(words, Scope::WindowDim));
        return;
    }
    let current = offers.iter().position(|offer| offer.current).unwrap_or(0);
    let first = (current + 1).saturating_sub(OFFERS);
    let shown = offers.iter().enumerate().skip(first).take(OFFERS);
    lines.extend(shown.map(|(index, offer)| Line::Offer(index, offer.clone())));
}

/// The first line to show so that the open field, and what is under it, is seen.
fn first_line(focus: usize, lines: usize, height: u16) -> usize {
    let height = usize::from(height);
    // One line of context above.
    focus.saturating_sub(1).min(lines.saturating_sub(height))
}

fn break_field(canvas: &mut Canvas<'_>, area: Rect, form: &BreakForm, field: Field, label: u16) {
    let open = form.at == field;
    if field == Field::Submit {
        let word = if form.sent { canvas.t("ui.break_sending") } else { canvas.t(field.label()) };
        let scope = if open { Scope::WindowSelected } else { Scope::WindowKey };
        canvas.put(area.x + label + 5, area.y, area.width, &format!(" {word} "), scope);
        return;
    }
    field_label(canvas, area, field.label(), open);
    let x = area.x + label + 5;
    // The remark's count has its own room at the right.
    let counted = if field == Field::Remark && open { COUNT + 1 } else { 0 };
    let room = area.right().saturating_sub(x + 2 + counted);
    let (shown, scope) = value(canvas, form, field);
    let input = match field {
        Field::Reason if open => Some(&form.reason_filter),
        Field::Approver if open => Some(&form.approver_filter),
        Field::From => Some(&form.from),
        Field::To => Some(&form.to),
        Field::Remark => Some(&form.remark),
        Field::Reason | Field::Approver | Field::Submit => None,
    };
    match input {
        Some(input) if open && !input.value().is_empty() => typed(canvas, x, area.y, room, input),
        Some(_) if open => {
            canvas.put(x, area.y, room, &shown, scope);
            canvas.cursor = Some(Position { x, y: area.y });
        }
        Some(_) | None => {
            canvas.put(x, area.y, room, &shown, scope);
        }
    }
    if field == Field::Remark && open {
        let count = format!("{}/{REMARK_MAX}", form.remark.value().chars().count());
        let y = area.y;
        canvas.put_right(area.right() - 1, y, COUNT, &count, Scope::WindowDim);
    }
}

/// What a field says while it is not typed in.
fn value(canvas: &Canvas<'_>, form: &BreakForm, field: Field) -> (String, Scope) {
    let snapshot = canvas.snapshot;
    let or_hint = |text: Option<String>, hint: &'static str| match text.filter(|text| !text.is_empty()) {
        Some(text) => (text, Scope::WindowStrong),
        None => (canvas.t(hint), Scope::WindowDim),
    };
    match field {
        Field::Reason => {
            let known = snapshot.busy_reasons.iter().find(|reason| Some(reason.id) == form.reason);
            or_hint(known.map(|reason| reason.name.clone()), "ui.break_reason_hint")
        }
        Field::From => or_hint(Some(form.from.value().to_owned()), "ui.break_time_hint"),
        Field::To => or_hint(Some(form.to.value().to_owned()), "ui.break_time_hint"),
        Field::Remark => or_hint(Some(form.remark.value().to_owned()), "ui.break_remark_hint"),
        Field::Approver => {
            let chosen = form.approver.as_ref().map(|one| format!("{} {}", one.number, one.name));
            or_hint(chosen, "ui.break_approver_hint")
        }
        Field::Submit => (canvas.t(field.label()), Scope::WindowKey),
    }
}

fn field_label(canvas: &mut Canvas<'_>, area: Rect, label: &'static str, open: bool) {
    let mark = if open { canvas.glyphs.cursor } else { " " };
    canvas.put(area.x + 1, area.y, 1, mark, Scope::WindowMatch);
    let label = canvas.t(label);
    canvas.put(area.x + 3, area.y, area.width, &label, if open { Scope::WindowStrong } else { Scope::WindowDim });
}

/// A text being typed, scrolled so that the cursor is seen.
fn typed(canvas: &mut Canvas<'_>, x: u16, y: u16, room: u16, input: &Input) {
    let (visible, at) = text::typed(input, room);
    canvas.put(x, y, room, &visible, Scope::WindowStrong);
    canvas.cursor = Some(Position { x: x + at, y });
}

fn phone_value(canvas: &Canvas<'_>, form: &PhoneForm, field: PhoneField) -> String {
    match field {
        PhoneField::Number => form.number.value().to_owned(),
        PhoneField::Web => canvas.t(if form.web { "ui.phone_web_yes" } else { "ui.phone_web_no" }),
        PhoneField::Kind => canvas.t(match form.login_type {
            LoginType::Dynamic => "ui.phone_dynamic",
            LoginType::Static => "ui.phone_static",
        }),
        PhoneField::Submit => canvas.t(field.label()),
    }
}

fn phone_form(canvas: &mut Canvas<'_>, area: Rect, form: &PhoneForm) {
    let width = WIDTH.min(area.width.saturating_sub(2));
    let inner = window(canvas, centred(area, width, 8), "ui.phone_title");
    if inner.width < 24 || inner.height < 4 {
        return;
    }
    form_keys(
        canvas,
        inner,
        match form.at {
            PhoneField::Number => "ui.form_keys",
            PhoneField::Web | PhoneField::Kind => "ui.form_keys_switch",
            PhoneField::Submit => "ui.form_keys_submit",
        },
    );
    let label = PhoneField::ALL.map(|field| text::width(&canvas.t(field.label()))).into_iter().max().unwrap_or(8);
    for (index, field) in PhoneField::ALL.into_iter().enumerate() {
        let y = inner.y + u16::try_from(index).unwrap_or(0);
        let line = Rect { y, height: 1, ..inner };
        let open = form.at == field;
        let (x, room) = (inner.x + label + 5, inner.width.saturating_sub(label + 7));
        let shown = phone_value(canvas, form, field);
        canvas.hit(inner.x, y, inner.width, Target::Field(index));
        match field {
            PhoneField::Submit => {
                let scope = if open { Scope::WindowSelected } else { Scope::WindowKey };
                canvas.put(x, y, room, &format!(" {shown} "), scope);
            }
            PhoneField::Number => {
                field_label(canvas, line, field.label(), open);
                if open {
                    typed(canvas, x, y, room, &form.number);
                } else {
                    canvas.put(x, y, room, &shown, Scope::WindowStrong);
                }
            }
            PhoneField::Web | PhoneField::Kind => {
                field_label(canvas, line, field.label(), open);
                let switch = format!(" {shown} ");
                let used = canvas.put(x, y, room, &switch, if open { Scope::WindowSelected } else { Scope::Window });
                if open {
                    let space = canvas.t("ui.phone_space");
                    canvas.put(x + used + 2, y, room.saturating_sub(used + 2), &space, Scope::WindowDim);
                }
            }
        }
    }
    if let Some(problem) = &form.problem {
        let told = problem.render(canvas.snapshot.locale);
        canvas.put(inner.x + 3, inner.y + 5, inner.width.saturating_sub(4), &told, Scope::WindowMatch);
    }
}

/// Glyph and look of a request's state.
fn mark(canvas: &Canvas<'_>, state: BreakState) -> (&'static str, Scope) {
    match state {
        BreakState::Pending => (canvas.glyphs.half, Scope::WindowDim),
        BreakState::Approved => (canvas.glyphs.on, Scope::WindowGood),
        BreakState::Rejected => (canvas.glyphs.bad, Scope::WindowMatch),
        BreakState::Failed => (canvas.glyphs.warn, Scope::WindowBad),
    }
}

/// Two lines for each request.
fn requests(canvas: &mut Canvas<'_>, area: Rect, open: &ListDialog) {
    let snapshot = canvas.snapshot;
    let breaks = &snapshot.breaks;
    let whole = u16::try_from(breaks.requests.len()).unwrap_or(u16::MAX).saturating_mul(2).clamp(2, 16);
    let width = 72.min(area.width.saturating_sub(2));
    let inner = window(canvas, centred(area, width, whole + 4), "ui.requests_title");
    if inner.height < 4 || inner.width < 24 {
        return;
    }
    let (told, bad) = table::freshness(canvas, &breaks.requests_fetched, inner.width / 2);
    let scope = if bad { Scope::WindowMatch } else { Scope::WindowDim };
    let told_x = canvas.put_right(inner.right() - 2, inner.y, inner.width / 2, &told, scope);
    let room = told_x.saturating_sub(inner.x + 4);
    filter(canvas, Rect { x: inner.x + 2, y: inner.y, width: room, height: 1 }, &open.filter);
    canvas.horizontal(inner.x, inner.y + 1, inner.width, Scope::WindowFrame);
    let body = Rect { y: inner.y + 2, height: inner.height - 2, ..inner };
    // The filter is the list's own, so that what fits is what it says.
    let items = break_requests::items(snapshot);
    let kept = open.filtered(items.clone());
    let rows: Vec<_> = breaks.requests.iter().zip(&items).filter(|(_, item)| kept.contains(item)).collect();
    if rows.is_empty() {
        let key = if breaks.requests.is_empty() { "ui.requests_empty" } else { "ui.nothing_found" };
        let none = canvas.t(key);
        canvas.put(body.x + 2, body.y, body.width.saturating_sub(4), &none, Scope::WindowDim);
        return;
    }
    let at_once = usize::from(body.height / 2).max(1);
    let selected = open.selected.min(rows.len() - 1);
    let first = (selected + 1).saturating_sub(at_once);
    for (index, (row, item)) in rows.iter().enumerate().skip(first).take(at_once) {
        let y = body.y + u16::try_from((index - first) * 2).unwrap_or(0);
        let (glyph, scope) = mark(canvas, row.state);
        if index == selected {
            canvas.clear(Rect { y, height: 1, ..body }, Scope::WindowSelected);
        }
        let look = |scope| if index == selected { Scope::WindowSelected } else { scope };
        canvas.put(body.x + 1, y, 1, glyph, look(scope));
        let word_x = canvas.put_right(body.right() - 2, y, 20, &item.remark, look(scope));
        let headline = break_requests::headline(row);
        canvas.put(body.x + 3, y, word_x.saturating_sub(body.x + 4), &headline, look(Scope::WindowStrong));
        if y + 1 < body.bottom() {
            let details = break_requests::details(row, snapshot.locale);
            canvas.put(body.x + 3, y + 1, body.width.saturating_sub(5), &details, Scope::WindowDim);
        }
    }
}
