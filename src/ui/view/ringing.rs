//! The incoming-call window: over anything, in the way of nothing. It has no focus and takes no key.

use std::time::Instant;

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, Run, centred},
    parties,
};
use crate::{
    app::{Action, Snapshot},
    domain::{CallPhase, RingKind},
    i18n::Message,
    ui::{input::UiAction, labels, target::Target, text, theme::Scope},
};

const WIDTH: u16 = 46;
const HEIGHT: u16 = 9;

/// Whether a call rings that a person has to be told of.
pub fn is_offered(snapshot: &Snapshot) -> bool {
    snapshot.call.phase == CallPhase::Ringing && snapshot.call.ring.is_none_or(RingKind::is_offered)
}

/// Draws the window in the upper half of the area, at its very top while a dialog is open; returns where it stands.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, now: Instant) -> Option<Rect> {
    if !is_offered(canvas.snapshot) || !canvas.state.settings.pop_up || area.width < WIDTH || area.height < HEIGHT {
        return None;
    }
    let middle = centred(area, WIDTH, HEIGHT);
    let above = if canvas.state.dialog.is_some() { 0 } else { (area.height - HEIGHT) / 3 };
    let window = Rect { y: area.y + above, ..middle };
    let snapshot = canvas.snapshot;
    let call = &snapshot.call;
    let rung_ms = call.clocks.ring_ms(now);
    let dark = canvas.state.settings.blink && !canvas.snapshot.quiet && (rung_ms / 500) % 2 == 1;
    let title = format!("{} {}", labels::ring_glyph(call, canvas.glyphs), canvas.t(labels::ring_label(call)));
    let heading = if dark { Scope::RingFrame } else { Scope::RingTitle };
    let frame = if dark { Scope::RingDim } else { Scope::RingFrame };
    let inner = canvas.window(window, &title, Scope::Ring, frame, heading);

    let who = labels::peer(&call.peer, snapshot.locale);
    middle_line(canvas, inner, inner.y + 1, &who, Scope::RingNumber);
    let mut below = labels::call_origin(&call.peer, call.queue.as_ref(), canvas.glyphs);
    let clock = text::clock(rung_ms);
    below = if below.is_empty() { clock } else { format!("{below}   {clock}") };
    middle_line(canvas, inner, inner.y + 2, &below, Scope::RingDim);
    // Between agents: about which customer, or from which phone.
    let phone = call.peer.ag_no.as_ref().and(call.peer.number.as_ref()).filter(|_| call.ring == Some(RingKind::Called));
    let phone = phone.map(|number| Message::new("ui.from_phone").with("number", number).render(snapshot.locale));
    if let Some(line) = parties::transferred_by(snapshot).or_else(|| parties::about_whom(snapshot)).or(phone) {
        middle_line(canvas, inner, inner.y + 3, &line, Scope::RingDim);
    }
    if call.leg_lost.is_some() {
        let lost = canvas.t("ui.ring_leg_lost");
        middle_line(canvas, inner, inner.y + 4, &lost, Scope::RingReject);
    } else if snapshot.auto_answer {
        let auto = canvas.t("ui.ring_auto_answer");
        middle_line(canvas, inner, inner.y + 4, &auto, Scope::RingDim);
    }

    let y = inner.bottom() - 2;
    let answer = button(canvas, UiAction::Answer, Action::Answer, "ui.act_answer", Scope::RingAnswer);
    let reject = button(canvas, UiAction::HangUp, Action::Reject, "ui.act_reject", Scope::RingReject);
    let cells = answer.cells() + reject.cells() + 8;
    let x = inner.x + inner.width.saturating_sub(cells) / 2;
    let used = canvas.run(x, y, answer.cells(), &answer);
    canvas.hit(x, y, used, Target::Act(UiAction::Answer));
    let x = x + used + 8;
    let used = canvas.run(x, y, reject.cells(), &reject);
    canvas.hit(x, y, used, Target::Act(UiAction::HangUp));
    Some(window)
}

fn button(canvas: &Canvas<'_>, action: UiAction, needed: Action, label: &'static str, scope: Scope) -> Run {
    let mut run = Run::default();
    let key = canvas.key(action).map(|key| format!("{key} ")).unwrap_or_default();
    let mark = if canvas.snapshot.is_pending(needed) { canvas.glyphs.more } else { "" };
    run.push(format!("  {key}{}{mark}  ", canvas.t(label)), scope);
    run
}

fn middle_line(canvas: &mut Canvas<'_>, area: Rect, y: u16, line: &str, scope: Scope) {
    let cells = text::width(line).min(area.width.saturating_sub(2));
    canvas.put(area.x + (area.width - cells) / 2, y, cells, line, scope);
}
