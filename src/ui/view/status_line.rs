//! The bottom row: the three lights, a hint, the ways to more. And the banner that says what is broken, what still
//! works and what is being done about it.

use std::time::Instant;

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, Run},
    duty, health,
};
use crate::{
    app::{Action, LinkState, NoticeView, SipState},
    domain::{AgentState, CallPhase},
    i18n::Message,
    ui::{dial, input::UiAction, labels, target::Target, text, theme::Scope},
};

/// The lights as a line.
pub fn lights(canvas: &Canvas<'_>) -> Run {
    let mut run = Run::default();
    for light in labels::indicators(canvas.snapshot, canvas.glyphs) {
        if run.cells() > 0 {
            run.push("   ", Scope::Bar);
        }
        run.push(canvas.t(light.label), Scope::BarDim).push(" ", Scope::Bar).push(light.glyph, light.scope);
        if let Some(word) = light.word {
            run.push(" ", Scope::Bar).push(canvas.t(word), light.scope);
        }
    }
    run
}

/// The bottom row.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, now: Instant) {
    canvas.clear(area, Scope::Bar);
    let lights = lights(canvas);
    let hits = canvas.hits.len();
    let left = canvas.run(area.x + 2, area.y, area.width.saturating_sub(2), &lights) + area.x + 2;
    let left = health::sign(canvas, left, area.y, area.right().saturating_sub(2));
    let left = duty::badges(canvas, left, area.y, area.right().saturating_sub(2));
    let hint_room = area.width.saturating_sub(left + 6);
    if let Some(flash) = canvas.state.flash_at(now).filter(|flash| text::width(flash) > hint_room) {
        // For its few seconds a long hint takes the whole row.
        let flash = flash.to_owned();
        canvas.hits.truncate(hits);
        canvas.clear(area, Scope::Bar);
        canvas.put(area.x + 2, area.y, area.width.saturating_sub(4), &flash, Scope::BarWarn);
        return;
    }
    let right = more(canvas, area, left + 2 + hint_cells(canvas, now));
    hint(canvas, left + 4, area.y, right.saturating_sub(2), now);
}

/// Palette, help, quit at the right end, as far as they fit; returns where they begin.
pub fn more(canvas: &mut Canvas<'_>, area: Rect, left: u16) -> u16 {
    let mut x = area.right().saturating_sub(2);
    if canvas.state.settings.demo {
        let demo = format!(" {} ", canvas.t("ui.demo"));
        x = canvas.put_right(x, area.y, area.width, &demo, Scope::BadgeNote).saturating_sub(3);
    }
    let label = |action, label: &'static str| {
        let mut run = Run::default();
        if let Some(key) = canvas.key(action) {
            run.push(key, Scope::BarKey).push(" ", Scope::Bar);
        }
        run.push(canvas.t(label), Scope::BarDim);
        (action, run)
    };
    // From the right. Quit goes first where all three do not fit: the help names it, and ^C is known to everybody.
    let mut ways = vec![
        label(UiAction::Quit, "ui.act_quit"),
        label(UiAction::Help, "ui.act_help"),
        label(UiAction::Palette, "ui.act_palette"),
    ];
    let cells = |ways: &[(UiAction, Run)]| ways.iter().map(|(_, run)| run.cells() + 3).sum::<u16>().saturating_sub(3);
    if cells(&ways) > x.saturating_sub(left) {
        ways.remove(0);
    }
    for (action, run) in ways {
        let Some(start) = x.checked_sub(run.cells()).filter(|start| *start >= left) else { break };
        canvas.run(start, area.y, run.cells(), &run);
        canvas.hit(start, area.y, run.cells(), Target::Act(action));
        x = start.saturating_sub(3);
    }
    x + 3
}

/// Room that a hint of the screen's own wants before the ways to more: it is gone soon, they come back.
pub fn hint_cells(canvas: &Canvas<'_>, now: Instant) -> u16 {
    let flash = canvas.state.flash_at(now).map(text::width);
    flash.or_else(|| number_problem(canvas).map(|problem| text::width(&problem))).map_or(0, |cells| cells + 4)
}

/// What is wrong with the number that is being typed.
fn number_problem(canvas: &Canvas<'_>) -> Option<String> {
    let key = canvas.key(UiAction::DialAgent);
    dial::problem(canvas.state, key.as_deref()).map(|problem| problem.render(canvas.snapshot.locale))
}

/// The chord being typed, else a hint of the screen's own, else the prefix that keys need.
pub fn hint(canvas: &mut Canvas<'_>, x: u16, y: u16, right: u16, now: Instant) {
    let room = right.saturating_sub(x);
    if canvas.state.prefix_typed
        && let Some(prefix) = canvas.state.settings.keymap.prefix()
    {
        canvas.put(x, y, room, &format!("{prefix} {}", canvas.glyphs.more), Scope::BarKey);
    } else if let Some(flash) = canvas.state.flash_at(now) {
        let flash = flash.to_owned();
        canvas.put(x, y, room, &flash, Scope::BarWarn);
    } else if let Some(problem) = number_problem(canvas) {
        canvas.put(x, y, room, &problem, Scope::BarWarn);
    } else if let Some(prefix) = canvas.state.settings.keymap.prefix() {
        let first = Message::new("ui.prefix_first").with("prefix", prefix).render(canvas.snapshot.locale);
        canvas.put(x, y, room, &first, Scope::BarDim);
    }
}

/// What is broken, in pieces that are left out from the end when the row is too narrow.
pub fn banner_text(canvas: &Canvas<'_>, now: Instant) -> Option<(Vec<String>, Scope)> {
    let snapshot = canvas.snapshot;
    let locale = snapshot.locale;
    let signed_in = snapshot.agent.state.is_signed_in();
    let live = snapshot.call.phase.is_live();
    if snapshot.call.phase.is_connected()
        && let Some(told) = nobody_hears(canvas)
    {
        return Some(told);
    }
    let link = &snapshot.link;
    if live
        && !signed_in
        && let Some(because) = &snapshot.agent.signed_out_because
    {
        // Trying again is of no use without a sign-in.
        let mut parts = vec![because.render(locale), canvas.t("ui.link_call_goes_on")];
        parts.insert(1, sign_in_again(canvas, because));
        return Some((parts, Scope::BannerBad));
    }
    if signed_in && link.state == LinkState::GivenUp {
        let reason = link.last_error.clone().unwrap_or_default();
        let key = canvas.key(UiAction::Reconnect).unwrap_or_default();
        // Why comes first: it says what will help.
        let why = if reason.is_empty() { canvas.t("ui.link_given_up") } else { reason };
        let mut parts = vec![why, Message::new("ui.link_press").with("key", key).render(locale)];
        parts.push(canvas.t("ui.link_else"));
        return Some((parts, Scope::BannerBad));
    }
    if (signed_in || live) && link.state != LinkState::Up {
        let down = labels::ms_until(now, link.since_at) / 1000;
        let mut parts = vec![Message::new("ui.link_down").with("seconds", down).render(locale)];
        parts.push(match link.retry_at {
            Some(at) if at > now => {
                let left = text::seconds_left(labels::ms_until(at, now));
                Message::new("ui.link_retry").with("seconds", left).with("attempt", link.attempts + 1).render(locale)
            }
            Some(_) | None => Message::new("ui.link_trying").with("attempt", link.attempts.max(1)).render(locale),
        });
        if live {
            parts.push(canvas.t("ui.link_call_goes_on"));
            // Holding goes over HTTP, which may work all the while: said only where it does not.
            let possible = [Action::Hold, Action::Unhold].iter().any(|action| snapshot.can(*action));
            let wanted = matches!(snapshot.call.phase, CallPhase::Talking | CallPhase::Held);
            parts.extend((wanted && !possible).then(|| canvas.t("ui.link_waits")));
        } else {
            parts.push(canvas.t("ui.link_no_calls"));
        }
        return Some((parts, Scope::BannerBad));
    }
    if signed_in && snapshot.sip.state == SipState::Failed {
        let mut parts = vec![canvas.t("ui.sip_failed")];
        if let Some(at) = snapshot.sip.retry_at.filter(|at| *at > now) {
            let left = text::seconds_left(labels::ms_until(at, now));
            parts.push(Message::new("ui.sip_retry").with("seconds", left).render(locale));
        }
        if snapshot.agent.state == AgentState::Idle
            && let Some(key) = canvas.key(UiAction::Busy)
        {
            parts.push(Message::new("ui.sip_go_busy").with("key", key).render(locale));
        }
        parts.extend(snapshot.sip.last_error.clone());
        return Some((parts, Scope::BannerWarn));
    }
    if let Some(reason) = labels::sign_in_fails(snapshot) {
        let mut parts = vec![Message::new("ui.sign_in_waits").with("reason", reason).render(locale)];
        if let Some(at) = link.retry_at.filter(|at| *at > now) {
            let left = text::seconds_left(labels::ms_until(at, now));
            let attempt = link.attempts + 1;
            parts.push(Message::new("ui.link_retry").with("seconds", left).with("attempt", attempt).render(locale));
        }
        return Some((parts, Scope::BannerWarn));
    }
    if let Some(because) = &snapshot.agent.signed_out_because
        && !signed_in
    {
        return Some((vec![because.render(locale), sign_in_again(canvas, because)], Scope::BannerBad));
    }
    if let Some(error) = &snapshot.media.device_error {
        return Some((vec![error.render(locale), press_devices(canvas)], Scope::BannerWarn));
    }
    None
}

/// How to sign in again, by why the agent is signed out.
fn sign_in_again(canvas: &Canvas<'_>, because: &Message) -> String {
    let elsewhere = matches!(because.key(), "app.link_replaced" | "app.taken_by_other_seat");
    let key = canvas.key(UiAction::SignIn).unwrap_or_default();
    let how = if elsewhere { "ui.press_take_over" } else { "ui.press_sign_in" };
    Message::new(how).with("key", key).render(canvas.snapshot.locale)
}

/// What matters most in a conversation: that the agent is not heard, or hears nothing.
fn nobody_hears(canvas: &Canvas<'_>) -> Option<(Vec<String>, Scope)> {
    let (snapshot, devices) = (canvas.snapshot, &canvas.snapshot.devices);
    if devices.speaking_muted {
        let mut parts = vec![canvas.t("devices.speaking_muted")];
        let unmute = |key| Message::new("devices.unmute").with("key", key).render(snapshot.locale);
        parts.extend(canvas.key(UiAction::Mute).map(unmute));
        return Some((parts, Scope::BannerWarn));
    }
    if let Some(error) = &snapshot.media.device_error {
        return Some((vec![error.render(snapshot.locale), press_devices(canvas)], Scope::BannerBad));
    }
    if devices.microphone_silent && !snapshot.call.muted {
        let parts = vec![canvas.t("devices.microphone_silent"), canvas.t("devices.silent_hint"), press_devices(canvas)];
        return Some((parts, Scope::BannerWarn));
    }
    None
}

/// The key to the sound devices.
fn press_devices(canvas: &Canvas<'_>) -> String {
    let key = canvas.key(UiAction::Devices).unwrap_or_default();
    Message::new("devices.press").with("key", key).render(canvas.snapshot.locale)
}

/// Whether the banner says already what a notice says.
pub fn says(canvas: &Canvas<'_>, notice: &NoticeView, now: Instant) -> bool {
    let Some((parts, _)) = banner_text(canvas, now) else { return false };
    let snapshot = canvas.snapshot;
    match notice.kind {
        "app.link_down" | "app.link_down_in_call" => snapshot.link.state != LinkState::Up,
        "app.link_needs_token_told" => snapshot.link.state == LinkState::GivenUp,
        "app.sip_failed" | "app.sip_failed_in_call" => {
            snapshot.link.state == LinkState::Up && snapshot.sip.state == SipState::Failed
        }
        _ => parts.contains(&notice.text),
    }
}

/// Draws the banner if something is broken; returns whether.
pub fn banner(canvas: &mut Canvas<'_>, area: Rect, now: Instant) -> bool {
    let Some((parts, scope)) = banner_text(canvas, now) else { return false };
    canvas.clear(area, scope);
    let room = area.width.saturating_sub(6);
    let between = format!(" {} ", canvas.glyphs.dot);
    let mut line = String::new();
    for part in parts {
        let mut part = text::clean(&part).into_owned();
        if line.is_empty() && text::width(&part) > room {
            // The first sentence says what is wrong; the notices have all of it.
            let end = ["。", ". "].iter().filter_map(|stop| part.find(stop)).min();
            part.truncate(end.unwrap_or(part.len()));
        }
        let longer = if line.is_empty() { part } else { format!("{line}{between}{part}") };
        if text::width(&longer) > room && !line.is_empty() {
            break;
        }
        line = longer;
    }
    canvas.put(area.x + 2, area.y, 1, canvas.glyphs.warn, scope);
    canvas.put(area.x + 4, area.y, room, &line, scope);
    true
}
