//! The first row of the bar: state, clock, number or peer; at the right queue, quiet mode, caller ID, auto-answer, agent.

use std::time::Instant;

use ratatui::layout::{Position, Rect};

use super::{
    canvas::{Canvas, Run},
    duty, parties,
};
use crate::{
    domain::CallPhase,
    ui::{input::UiAction, labels, state::Focus, target::Target, text, theme::Scope, who},
};

/// Width of the number field, cells.
const FIELD: u16 = 22;

/// What of the row is shown. Who, the state and a shut microphone always are.
#[derive(Clone, Copy)]
struct Fit {
    /// The word before the caller ID.
    caller_word: bool,
    caller_id: bool,
    /// That calls are not answered by themselves.
    auto_off: bool,
    /// That they are.
    auto_on: bool,
    /// Most of where a call comes from, cells; the card has the rest.
    whence: u16,
    /// What is wanted after the call, whole or not at all: the card says it too.
    wish: bool,
    agent_name: bool,
    agent: bool,
    queue: bool,
    quiet: bool,
}

const ALL: Fit = Fit {
    caller_word: true,
    caller_id: true,
    auto_off: true,
    auto_on: true,
    whence: 24,
    wish: true,
    agent_name: true,
    agent: true,
    queue: true,
    quiet: true,
};

/// What gives way, one after the other, until the rest fits. Where a call comes from may be as long as the platform likes,
/// and is cut before what nothing else says.
const STEPS: [fn(&mut Fit); 12] = [
    |fit| fit.caller_word = false,
    |fit| (fit.auto_off, fit.caller_word) = (false, true),
    |fit| fit.caller_word = false,
    |fit| fit.whence = 12,
    |fit| fit.agent_name = false,
    |fit| fit.whence = 0,
    |fit| fit.caller_id = false,
    |fit| fit.wish = false,
    |fit| fit.auto_on = false,
    |fit| fit.queue = false,
    |fit| fit.agent = false,
    |fit| fit.quiet = false,
];

/// What comes back where a longer piece that went after it has left room, what matters most first.
const BACK: [fn(&mut Fit); 3] =
    [|fit| fit.caller_id = true, |fit| fit.whence = fit.whence.max(12), |fit| fit.agent_name = true];

/// A piece of the right side, and what a click on it does.
type Segment = (Run, Option<UiAction>);

/// The row.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, now: Instant) {
    let (y, right) = (area.y, area.right().saturating_sub(1));
    let mut x = state(canvas, area, now);
    let live = canvas.snapshot.call.phase.is_live();
    let signed_in = canvas.snapshot.agent.state.is_signed_in();
    let with_field = canvas.state.number_in_use() || (!live && signed_in);
    let for_field = if with_field { FIELD + 2 } else { 0 };

    let width = |segments: &[Segment]| segments.iter().map(|(run, _)| run.cells() + 3).sum::<u16>();
    let laid_out = |fit: Fit| (middle(canvas, fit), right_side(canvas, fit));
    let fits = |(peer, segments): &(Run, Vec<Segment>)| {
        let wanted = peer.cells().saturating_add(for_field).saturating_add(width(segments));
        x.saturating_add(wanted) <= right
    };
    let mut fit = ALL;
    let mut row = laid_out(fit);
    let mut steps = STEPS.iter();
    while !fits(&row)
        && let Some(step) = steps.next()
    {
        step(&mut fit);
        row = laid_out(fit);
    }
    for step in BACK {
        let mut more = fit;
        step(&mut more);
        let longer = laid_out(more);
        if fits(&longer) {
            (fit, row) = (more, longer);
        }
    }
    let (peer, segments) = row;

    let mut start = right;
    for (run, action) in segments.iter().rev() {
        let from = start.saturating_sub(run.cells());
        canvas.run(from, y, run.cells(), run);
        if let Some(action) = action {
            canvas.hit(from, y, run.cells(), Target::Act(*action));
        }
        start = from.saturating_sub(3);
    }
    if !segments.is_empty() {
        start = start.saturating_add(3);
    }
    let used = canvas.run(x, y, start.saturating_sub(x + 2 + for_field), &peer);
    x += if used > 0 { used + 2 } else { 0 };
    if with_field {
        field(canvas, x, y, FIELD.min(start.saturating_sub(x + 1)));
    }
}

/// State, clock and what lasts too long; returns where the next begins.
fn state(canvas: &mut Canvas<'_>, area: Rect, now: Instant) -> u16 {
    let (y, right) = (area.y, area.right().saturating_sub(1));
    let mut shown = labels::shown(canvas.snapshot, canvas.glyphs, now);
    if let Some(as_of) = labels::as_of(canvas.snapshot, &canvas.state.settings.zone, now) {
        shown.clock = Some(as_of);
    }
    let mut x = area.x + 1;
    let pill = format!(" {} {} ", shown.glyph, shown.word);
    x += canvas.put(x, y, right.saturating_sub(x), &pill, shown.scope);
    if let Some(clock) = &shown.clock {
        x += 1;
        x += canvas.put(x, y, right.saturating_sub(x), clock, Scope::BarStrong);
    }
    if let Some((mark, scope)) = duty::overtime_mark(canvas, now) {
        x += 1;
        let used = canvas.put(x, y, right.saturating_sub(x), &mark, scope);
        canvas.hit(x, y, used, Target::Act(UiAction::Reminder));
        x += used;
    }
    x + 3
}

/// Who is in the call, a shut microphone, where the call comes from, what is wanted after it.
fn middle(canvas: &Canvas<'_>, fit: Fit) -> Run {
    let mut run = Run::default();
    let call = &canvas.snapshot.call;
    if !call.phase.is_live() {
        return run;
    }
    run.push(who::with_whom(canvas.snapshot), Scope::BarStrong);
    if let Some(other) = who::consulted(canvas.snapshot).filter(|_| in_consultation(call.phase)) {
        run.push(format!(" {} {other}", canvas.glyphs.consult), Scope::BarStrong);
    }
    // Before what the platform may make as long as it likes: that nobody hears the agent must not go off the bar.
    if call.muted {
        run.push("  ", Scope::Bar).push(format!(" {} ", canvas.t("ui.muted")), Scope::BadgeMuted);
    }
    let whence = labels::call_origin(&call.peer, call.queue.as_ref(), canvas.glyphs);
    if !whence.is_empty() && fit.whence > 0 {
        let whence = text::cut(&whence, fit.whence, canvas.glyphs.more).into_owned();
        run.push("  ", Scope::Bar).push(whence, Scope::BarDim);
    }
    if let Some(wish) = parties::after_call(canvas.snapshot).filter(|_| fit.wish) {
        run.push("  ", Scope::Bar).push(wish, Scope::BarWarn);
    }
    run
}

/// Whether somebody else is in the call because this agent asked for it.
fn in_consultation(phase: CallPhase) -> bool {
    matches!(phase, CallPhase::ConsultOut | CallPhase::Consulting | CallPhase::ThreeWay)
}

/// The right side, from left to right.
fn right_side(canvas: &Canvas<'_>, fit: Fit) -> Vec<Segment> {
    let snapshot = canvas.snapshot;
    let mut segments = Vec::new();
    if let Some(waiting) = snapshot.queue_waiting.filter(|waiting| *waiting > 0 && fit.queue) {
        let mut run = Run::default();
        run.push(canvas.t("ui.tab_queue"), Scope::BarDim).push(format!(" {waiting}"), Scope::BarWarn);
        segments.push((run, Some(UiAction::Queue)));
    }
    if snapshot.quiet && fit.quiet {
        let mut run = Run::default();
        run.push(canvas.t("ui.quiet"), Scope::BarWarn);
        segments.push((run, Some(UiAction::Quiet)));
    }
    if let Some(caller) = snapshot.caller_id.as_ref().filter(|_| fit.caller_id) {
        let mut run = Run::default();
        push_key(canvas, &mut run, UiAction::CallerId);
        if fit.caller_word {
            run.push(canvas.t("ui.caller_id"), Scope::BarDim).push(" ", Scope::Bar);
        }
        run.push(&caller.name, Scope::BarStrong);
        segments.push((run, Some(UiAction::CallerId)));
    }
    let auto_answer = snapshot.auto_answer;
    if snapshot.agent.web_phone && if auto_answer { fit.auto_on } else { fit.auto_off } {
        let mut run = Run::default();
        push_key(canvas, &mut run, UiAction::AutoAnswer);
        let (word, scope) = if auto_answer { ("ui.on", Scope::BarWarn) } else { ("ui.off", Scope::BarDim) };
        run.push(canvas.t("ui.auto_answer"), Scope::BarDim).push(" ", Scope::Bar).push(canvas.t(word), scope);
        segments.push((run, Some(UiAction::AutoAnswer)));
    }
    if fit.agent {
        let mut run = Run::default();
        run.push(&snapshot.agent.ag_no, Scope::BarStrong);
        if let Some(name) = snapshot.agent.name.as_ref().filter(|_| fit.agent_name) {
            run.push(" ", Scope::Bar).push(name, Scope::BarDim);
        }
        segments.push((run, None));
    }
    segments
}

fn push_key(canvas: &Canvas<'_>, run: &mut Run, action: UiAction) {
    if let Some(key) = canvas.key(action) {
        run.push(key, Scope::BarKey).push(" ", Scope::Bar);
    }
}

/// The number field with its cursor.
fn field(canvas: &mut Canvas<'_>, x: u16, y: u16, cells: u16) {
    if cells < 6 {
        return;
    }
    let focused = canvas.state.focus == Focus::Number && canvas.state.dialog.is_none();
    let input = &canvas.state.number;
    let scope = if focused { Scope::BarFieldFocus } else { Scope::BarField };
    canvas.clear(Rect { x, y, width: cells, height: 1 }, scope);
    let inner = cells - 2;
    if input.value().is_empty() && !focused {
        let hint = canvas.t("ui.number_hint");
        canvas.put(x + 1, y, inner, &hint, Scope::BarPlaceholder);
    } else {
        let (visible, at) = text::typed(input, inner);
        canvas.put(x + 1, y, inner, &visible, scope);
        if focused {
            canvas.cursor = Some(Position { x: x + 1 + at, y });
        }
    }
    canvas.hit(x, y, cells, Target::Act(UiAction::Number));
}
