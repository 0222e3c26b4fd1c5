//! The bar: two rows in `theme_color`. First what is, then what can be done now.

use std::time::Instant;

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, Run},
    facts, parties,
};
use crate::{
    app::{Action, Snapshot, Wanted},
    domain::{AgentState, CallPhase},
    ui::{input::UiAction, labels, needed, target::Target, text, theme::Scope},
};

/// Both rows.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, now: Instant) {
    let area = Rect { height: area.height.min(2), ..area };
    canvas.clear(area, Scope::Bar);
    facts::draw(canvas, area, now);
    if area.height > 1 {
        actions(canvas, Rect { y: area.y + 1, height: 1, ..area });
    }
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
