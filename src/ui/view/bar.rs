//! The bar: two rows in `theme_color`. First what is, then what can be done now.

use std::time::Instant;

use ratatui::layout::{Position, Rect};

use super::{
    canvas::{Canvas, Run},
    duty, parties,
};
use crate::{
    app::{Action, Snapshot, Wanted},
    domain::{AgentState, CallPhase},
    ui::{input::UiAction, labels, needed, state::Focus, target::Target, text, theme::Scope, who},
};

/// Width of the number field, cells.
const FIELD: u16 = 22;

/// Most of where a call comes from, cells; the card has the rest.
const WHENCE: u16 = 24;

/// Both rows.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, now: Instant) {
    let area = Rect { height: area.height.min(2), ..area };
    canvas.clear(area, Scope::Bar);
    facts(canvas, area, now);
    if area.height > 1 {
        actions(canvas, Rect { y: area.y + 1, height: 1, ..area });
    }
}

/// State, clock, number or peer; at the right caller ID, auto-answer, agent.
fn facts(canvas: &mut Canvas<'_>, area: Rect, now: Instant) {
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
    x += 3;

    let call = &canvas.snapshot.call;
    let live = call.phase.is_live();
    let signed_in = canvas.snapshot.agent.state.is_signed_in();
    let with_field = canvas.state.number_in_use() || (!live && signed_in);
    let mut middle = Run::default();
    if live {
        middle.push(who::with_whom(canvas.snapshot), Scope::BarStrong);
        if let Some(other) = who::consulted(canvas.snapshot).filter(|_| in_consultation(call.phase)) {
            middle.push(format!(" {} {other}", canvas.glyphs.consult), Scope::BarStrong);
        }
        // Before what the platform may make as long as it likes: that nobody hears the agent must not go off the bar.
        if call.muted {
            middle.push("  ", Scope::Bar).push(format!(" {} ", canvas.t("ui.muted")), Scope::BadgeMuted);
        }
        let whence = labels::call_origin(&call.peer, call.queue.as_ref(), canvas.glyphs);
        if !whence.is_empty() {
            let whence = text::cut(&whence, WHENCE, canvas.glyphs.more).into_owned();
            middle.push("  ", Scope::Bar).push(whence, Scope::BarDim);
        }
    }
    let wish = parties::after_call(canvas.snapshot).filter(|_| live).unwrap_or_default();
    let for_wish = if wish.is_empty() { 0 } else { text::width(&wish) + 2 };
    let wanted = middle.cells() + for_wish + if with_field { FIELD + 2 } else { 0 };
    let start = right_side(canvas, area, x.saturating_add(wanted));
    let room = start.saturating_sub(x + 2);
    if live {
        let for_peer = if with_field { room.saturating_sub(FIELD + 2) } else { room };
        // Whole or not at all: the card below says it too.
        if for_wish > 0 && middle.cells() + for_wish <= for_peer {
            middle.push("  ", Scope::Bar).push(&wish, Scope::BarWarn);
        }
        let used = canvas.run(x, y, for_peer, &middle);
        x += if used > 0 { used + 2 } else { 0 };
    }
    if with_field {
        field(canvas, x, y, FIELD.min(start.saturating_sub(x + 1)));
    }
}

/// Whether somebody else is in the call because this agent asked for it.
fn in_consultation(phase: CallPhase) -> bool {
    matches!(phase, CallPhase::ConsultOut | CallPhase::Consulting | CallPhase::ThreeWay)
}

/// Draws the right side as far as it fits behind `left_end`; returns where it begins. What matters least goes first.
fn right_side(canvas: &mut Canvas<'_>, area: Rect, left_end: u16) -> u16 {
    let snapshot = canvas.snapshot;
    let auto_answer = snapshot.auto_answer;
    // The most expendable first; with its place in the row. Calls that answer themselves are not a thing to hide.
    let mut segments: Vec<(u8, Run, Option<UiAction>)> = Vec::new();
    let auto_scope = if auto_answer { Scope::BarWarn } else { Scope::BarDim };
    let mut auto = Run::default();
    push_key(canvas, &mut auto, UiAction::AutoAnswer);
    auto.push(canvas.t("ui.auto_answer"), Scope::BarDim)
        .push(" ", Scope::Bar)
        .push(canvas.t(if auto_answer { "ui.on" } else { "ui.off" }), auto_scope);
    if let Some(run) = caller_id(canvas, true) {
        segments.push((2, run, Some(UiAction::CallerId)));
    }
    if snapshot.agent.web_phone {
        segments.insert(if auto_answer { segments.len() } else { 0 }, (3, auto, Some(UiAction::AutoAnswer)));
    }
    let mut agent = Run::default();
    agent.push(&snapshot.agent.ag_no, Scope::BarStrong);
    if let Some(name) = &snapshot.agent.name {
        agent.push(" ", Scope::Bar).push(name, Scope::BarDim);
    }
    segments.push((4, agent, None));
    if snapshot.quiet {
        let mut quiet = Run::default();
        quiet.push(canvas.t("ui.quiet"), Scope::BarWarn);
        segments.push((1, quiet, Some(UiAction::Quiet)));
    }
    if let Some(waiting) = snapshot.queue_waiting.filter(|waiting| *waiting > 0) {
        let mut queue = Run::default();
        queue.push(canvas.t("ui.tab_queue"), Scope::BarDim).push(format!(" {waiting}"), Scope::BarWarn);
        segments.push((0, queue, Some(UiAction::Queue)));
    }

    let right = area.right().saturating_sub(1);
    let cells = |from: &[(u8, Run, Option<UiAction>)]| from.iter().map(|(_, run, _)| run.cells() + 3).sum::<u16>();
    let fits = |from: &[(u8, Run, Option<UiAction>)]| left_end.saturating_add(cells(from)) <= right;
    if !fits(&segments)
        && let Some(short) = caller_id(canvas, false)
        && let Some((_, run, _)) = segments.iter_mut().find(|(.., action)| *action == Some(UiAction::CallerId))
    {
        *run = short;
    }
    let mut skip = 0;
    while segments.get(skip..).is_some_and(|left| !left.is_empty() && !fits(left)) {
        skip += 1;
    }
    let all_given_up = skip >= segments.len();
    let mut kept: Vec<(u8, Run, Option<UiAction>)> = segments.into_iter().skip(skip).collect();
    kept.sort_by_key(|(place, ..)| *place);
    let mut x = right;
    for (_, run, action) in kept.iter().rev() {
        x = x.saturating_sub(run.cells());
        canvas.run(x, area.y, run.cells(), run);
        if let Some(action) = action {
            canvas.hit(x, area.y, run.cells(), Target::Act(*action));
        }
        x = x.saturating_sub(3);
    }
    x.saturating_add(if all_given_up { 0 } else { 3 })
}

/// The number that those who are called see, with its word or, where there is little room, without.
fn caller_id(canvas: &Canvas<'_>, with_word: bool) -> Option<Run> {
    let caller = canvas.snapshot.caller_id.as_ref()?;
    let mut run = Run::default();
    push_key(canvas, &mut run, UiAction::CallerId);
    if with_word {
        run.push(canvas.t("ui.caller_id"), Scope::BarDim).push(" ", Scope::Bar);
    }
    run.push(&caller.name, Scope::BarStrong);
    Some(run)
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

/// One action of the second row.
struct Offer {
    action: UiAction,
    label: &'static str,
    pending: bool,
}

/// What can be done now, the most wanted first; ending the call is not among them. What is possible and makes no sense
/// (ready while ready, muting what only rings, signing out under a customer) keeps its key and is not offered.
fn offers(canvas: &Canvas<'_>) -> Vec<Offer> {
    let snapshot = canvas.snapshot;
    let phase = snapshot.call.phase;
    let resume = phase == CallPhase::Held;
    let muted = snapshot.call.muted;
    let live = phase.is_live();
    let sign_out = canvas.state.settings.show_sign_out && snapshot.agent.state.is_signed_in() && !live;
    let back = if phase == CallPhase::ThreeWay { "ui.act_three_way_return" } else { "ui.act_consult_return" };
    let whisper = if phase == CallPhase::Whispering { "ui.act_whisper_cancel" } else { "ui.act_whisper" };
    let candidates = [
        (UiAction::Answer, "ui.act_answer"),
        (UiAction::ConsultTransfer, "ui.act_consult_transfer"),
        (UiAction::ThreeWay, "ui.act_three_way"),
        (UiAction::Return, back),
        (UiAction::Whisper, whisper),
        (UiAction::Barge, "ui.act_barge"),
        (UiAction::Disconnect, "ui.act_disconnect"),
        (UiAction::Hold, if resume { "ui.act_resume" } else { "ui.act_hold" }),
        (UiAction::Mute, if muted { "ui.act_unmute" } else { "ui.act_mute" }),
        (UiAction::Consult, "ui.act_consult"),
        (UiAction::Transfer, "ui.act_transfer"),
        (UiAction::Keypad, "ui.act_keypad"),
        (UiAction::Evaluate, "ui.act_evaluate"),
        (UiAction::SignIn, "ui.act_sign_in"),
        (UiAction::Dial, "ui.act_dial"),
        (UiAction::DialAgent, "ui.act_dial_agent"),
        // Being left alone after the call is wished for more often than the next one.
        if live { (UiAction::Busy, "ui.act_busy_after") } else { (UiAction::Ready, "ui.act_ready") },
        if live { (UiAction::Ready, "ui.act_ready_after") } else { (UiAction::Busy, "ui.act_busy") },
        (UiAction::Projects, "ui.act_projects"),
        (UiAction::RaiseHand, "ui.act_raise_hand"),
        (UiAction::SignOut, "ui.act_sign_out"),
        (UiAction::Spy, "ui.act_spy"),
    ];
    candidates
        .into_iter()
        .filter(|(action, _)| *action != UiAction::SignOut || sign_out)
        // In a call they keep their keys and leave the room to the call.
        .filter(|(action, _)| !live || !matches!(action, UiAction::Projects | UiAction::RaiseHand))
        .filter(|(action, _)| *action != UiAction::Ready || makes_sense(snapshot))
        .filter(|(action, _)| *action != UiAction::Mute || phase != CallPhase::Ringing)
        .filter_map(|(action, label)| {
            let needed = needed::app_action(snapshot, action)?;
            let pending = snapshot.is_pending(needed);
            (pending || snapshot.can(needed)).then_some(Offer { action, label, pending })
        })
        .collect()
}

/// Whether going ready would change anything; in a call, whether it would change what comes after.
fn makes_sense(snapshot: &Snapshot) -> bool {
    if snapshot.call.phase.is_live() {
        return snapshot.after_call != Some(Wanted::Ready);
    }
    snapshot.agent.state != AgentState::Idle
}

/// The second row: actions from the left, the one that ends the call alone at the right end.
fn actions(canvas: &mut Canvas<'_>, area: Rect) {
    let y = area.y;
    let mut right = area.right().saturating_sub(1);
    let snapshot = canvas.snapshot;
    let needed = needed::app_action(snapshot, UiAction::HangUp).unwrap_or(Action::HangUp);
    let pending = snapshot.is_pending(needed);
    if pending || snapshot.can(needed) {
        let label = parties::hang_up_label(snapshot, needed);
        let mark = if pending { canvas.glyphs.more } else { "" };
        let key = canvas.key(UiAction::HangUp).map(|key| format!("{key} ")).unwrap_or_default();
        let text = format!(" {key}{label}{mark} ");
        right = canvas.put_right(right, y, area.width, &text, Scope::BarDanger);
        canvas.hit(right, y, text::width(&text), Target::Act(UiAction::HangUp));
        right = right.saturating_sub(2);
    } else if snapshot.agent.state == AgentState::SigningIn && labels::sign_in_fails(snapshot).is_none() {
        let text = canvas.t("ui.please_wait");
        right = canvas.put_right(right, y, area.width, &text, Scope::BarDim).saturating_sub(2);
    }
    let mut x = area.x + 2;
    for offer in offers(canvas) {
        let mut run = Run::default();
        if let Some(key) = canvas.key(offer.action) {
            run.push(key, Scope::BarKey).push(" ", Scope::Bar);
        }
        if offer.pending {
            run.push(canvas.t(offer.label), Scope::BarPending).push(canvas.glyphs.more, Scope::BarPending);
        } else {
            run.push(canvas.t(offer.label), Scope::BarDim);
        }
        if x.saturating_add(run.cells()) > right {
            break;
        }
        let used = canvas.run(x, y, run.cells(), &run);
        canvas.hit(x, y, used, Target::Act(offer.action));
        x += used + 3;
    }
}
