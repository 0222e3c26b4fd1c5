//! The call card: who, which way, its clocks, what is on, how it sounds.

use std::time::Instant;

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, Run},
    meter, parties, quality,
};
use crate::{
    app::JournalEntry,
    domain::{AgentState, CallPhase, Direction},
    ui::{labels, text, theme::Scope, who},
};

/// What digital silence reads, dBFS.
const SILENCE_DBFS: f32 = -89.5;

/// Longest meter, cells.
const METER: u16 = 40;

/// Rows a roomy card takes.
pub const ROOMY: u16 = 11;

/// Draws the card at the top of the area; returns the rows used, zero when there is nothing to tell.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, now: Instant) -> u16 {
    let phase = canvas.snapshot.call.phase;
    let wrap_up = canvas.snapshot.agent.state == AgentState::WrapUp;
    if (phase == CallPhase::None && !wrap_up) || area.height < 3 || area.width < 24 {
        return 0;
    }
    let roomy = area.height >= ROOMY + 5;
    let gap = u16::from(roomy);
    let inner = Rect { x: area.x + 3, width: area.width.saturating_sub(5), ..area };
    let mut y = area.y + gap;
    if phase != CallPhase::None {
        head(canvas, inner, y);
        y += 2;
        y += situation(canvas, Rect { y, height: area.bottom().saturating_sub(y), ..inner }, now);
        y += gap;
    } else if let Some(last) = labels::wrapped_up(canvas.snapshot) {
        last_head(canvas, inner, y, last);
        y += 2 + gap;
    }
    clocks(canvas, inner, y, now);
    y += 1 + gap;
    if phase.is_connected() {
        let level_in = canvas.snapshot.media.level_in_dbfs;
        let level_out = canvas.snapshot.media.level_out_dbfs;
        let muted = canvas.snapshot.call.muted;
        meter(canvas, inner, y, "ui.me", level_in, muted);
        meter(canvas, inner, y + 1, "ui.peer", level_out, false);
        y += 2 + gap;
        quality::line(canvas, inner, y);
        y += 1;
        y += quality::warning(canvas, Rect { y, height: area.bottom().saturating_sub(y), ..inner });
        y += gap;
    }
    y - area.y
}

/// The same two lines as of a call, for one that is over.
fn last_head(canvas: &mut Canvas<'_>, area: Rect, y: u16, last: &JournalEntry) {
    let way = format!(
        "{} {} {}",
        canvas.t(labels::direction_label(last.direction)),
        canvas.glyphs.dot,
        canvas.t("ui.call_ended")
    );
    let way_x = canvas.put_right(area.right(), y, area.width, &way, Scope::Dim);
    let who = labels::peer(&last.peer, canvas.snapshot.locale);
    canvas.put(area.x, y, way_x.saturating_sub(area.x + 2), &who, Scope::Strong);
    let whence = labels::call_origin(&last.peer, last.queue.as_ref(), canvas.glyphs);
    canvas.put(area.x, y + 1, area.width, &whence, Scope::Dim);
}

/// Who and which way; where from and what is on.
fn head(canvas: &mut Canvas<'_>, area: Rect, y: u16) {
    let snapshot = canvas.snapshot;
    let call = &snapshot.call;
    let right = area.right();

    let mut way = Run::default();
    if let Some(direction) = call.direction {
        way.push(canvas.t(labels::direction_label(direction)), Scope::Dim);
    }
    if call.phase == CallPhase::Ended {
        way.push(format!(" {} {}", canvas.glyphs.dot, canvas.t("ui.call_ended")), Scope::Dim);
    }
    let way_x = right.saturating_sub(way.cells());
    canvas.run(way_x, y, way.cells(), &way);
    let who = who::with_whom(snapshot);
    canvas.put(area.x, y, way_x.saturating_sub(area.x + 2), &who, Scope::Strong);

    let mut badges = Run::default();
    let mut badge = |text: String, scope: Scope| {
        if badges.cells() > 0 {
            badges.push(" ", Scope::Base);
        }
        badges.push(format!(" {text} "), scope);
    };
    match call.phase {
        CallPhase::Held => {
            let unsure = if call.hold_uncertain { "?" } else { "" };
            badge(format!("{}{unsure}", canvas.t("ui.held")), Scope::BadgeHeld);
        }
        CallPhase::ThreeWay => badge(canvas.t("ui.state_three_way"), Scope::BadgeNote),
        CallPhase::Whispering => badge(canvas.t("ui.state_whispering"), Scope::BadgeNote),
        CallPhase::Barging => badge(canvas.t("ui.state_barging"), Scope::BadgeNote),
        // Said by the word in the bar, by the direction or by the line below.
        CallPhase::None
        | CallPhase::Dialing
        | CallPhase::Ringing
        | CallPhase::Talking
        | CallPhase::ConsultOut
        | CallPhase::Consulting
        | CallPhase::Spying
        | CallPhase::Ended => {}
    }
    if call.muted {
        badge(canvas.t("ui.muted"), Scope::BadgeMuted);
    }
    let badges_x = right.saturating_sub(badges.cells());
    canvas.run(badges_x, y + 1, badges.cells(), &badges);
    let whence = labels::call_origin(&call.peer, call.queue.as_ref(), canvas.glyphs);
    canvas.put(area.x, y + 1, badges_x.saturating_sub(area.x + 1), &whence, Scope::Dim);
}

/// Who else is in the call and who hears whom; what is wanted after it. Returns the rows used.
fn situation(canvas: &mut Canvas<'_>, area: Rect, now: Instant) -> u16 {
    let snapshot = canvas.snapshot;
    let live = snapshot.call.phase.is_live();
    let told = parties::situation(snapshot, canvas.state, now).filter(|_| live);
    let wish = parties::after_call(snapshot).filter(|_| live);
    let mut lines: Vec<(String, Scope)> = Vec::new();
    if let Some(told) = told {
        // Two lines at most: what matters stands at the beginning.
        lines.extend(text::wrap(&text::clean(&told), area.width).into_iter().take(2).map(|line| (line, Scope::Accent)));
    }
    lines.extend(wish.map(|wish| (wish, Scope::Warn)));
    let mut used = 0;
    for (y, (line, scope)) in (area.top()..area.bottom()).zip(&lines) {
        canvas.put(area.x, y, area.width, line, *scope);
        used += 1;
    }
    used
}

/// Talk, ring, hold and wrap-up, each on its own clock; those that do not fit are left out from the end.
fn clocks(canvas: &mut Canvas<'_>, area: Rect, y: u16, now: Instant) {
    let call = &canvas.snapshot.call;
    let mut clocks: Vec<(&'static str, u64, Scope)> = Vec::new();
    if canvas.snapshot.agent.state == AgentState::WrapUp
        && let Some(end) = canvas.snapshot.agent.wrap_up_ends_at
    {
        let left = text::seconds_left(labels::ms_until(end, now)) * 1000;
        clocks.push(("ui.clock_wrap_up", left, Scope::Warn));
        if let Some(last) = labels::wrapped_up(canvas.snapshot) {
            clocks.push(("ui.clock_talk", last.talk_ms, Scope::Base));
        }
    }
    if call.phase != CallPhase::None {
        let answered = call.clocks.answered_at.is_some();
        let ring = if call.direction == Some(Direction::Out) { "ui.clock_dial" } else { "ui.clock_ring" };
        if answered {
            clocks.push(("ui.clock_talk", call.clocks.talk_ms(now), Scope::Strong));
        }
        // A supervisor's own leg neither rings nor holds, and of a call that was found nobody knows.
        let found = call.hold_uncertain && call.phase == CallPhase::Talking && call.ring.is_none();
        let own = call.direction != Some(Direction::Spy) && !found;
        if own || !answered {
            clocks.push((ring, call.clocks.ring_ms(now), if answered { Scope::Base } else { Scope::Strong }));
        }
        if answered && own {
            let scope = if call.phase == CallPhase::Held { Scope::Warn } else { Scope::Base };
            clocks.push(("ui.clock_hold", call.clocks.hold_ms(now), scope));
        }
    }
    let mut x = area.x;
    for (label, ms, scope) in clocks {
        let mut run = Run::default();
        run.push(canvas.t(label), Scope::Dim).push(" ", Scope::Base).push(text::clock(ms), scope);
        if x + run.cells() > area.right() {
            break;
        }
        x += canvas.run(x, y, run.cells(), &run) + 4;
    }
}

/// A level as a bar that grows by eighths of a cell.
fn meter(canvas: &mut Canvas<'_>, area: Rect, y: u16, label: &'static str, dbfs: Option<f32>, muted: bool) {
    let me = canvas.t("ui.me");
    let peer = canvas.t("ui.peer");
    let label_cells = text::width(&me).max(text::width(&peer));
    let label = canvas.t(label);
    canvas.put(area.x, y, label_cells, &label, Scope::Dim);
    let x = area.x + label_cells + 2;
    let value_cells = 9;
    let cells = area.width.saturating_sub(label_cells + 2 + value_cells).min(METER);
    if cells < 4 {
        return;
    }
    meter::bar(canvas, x, y, cells, dbfs, muted);
    let value = match dbfs {
        // A pause is a low level; only digital silence is none.
        Some(level) if level > SILENCE_DBFS => format!("{level:>4.0} dB"),
        Some(_) | None => text::pad_left(canvas.glyphs.none, 4) + " dB",
    };
    canvas.put(x + cells + 1, y, value_cells - 1, &value, Scope::Dim);
}
