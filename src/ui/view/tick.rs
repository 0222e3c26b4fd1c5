//! When the screen changes by itself: the next instant at which a clock on it shows another second.

use std::time::{Duration, Instant};

use super::{duty, parties, ringing};
use crate::{
    app::{LinkState, SipState, Snapshot},
    domain::{AgentState, CallPhase},
    ui::{
        dialog::{Dialog, Page},
        state::{self, Tab, ViewState},
    },
};

/// Half a blink.
const BLINK: Duration = Duration::from_millis(500);

const SECOND: Duration = Duration::from_secs(1);

/// The next instant after `now` at which what is drawn changes without anything happening; `None`: never.
pub fn next_change(snapshot: &Snapshot, state: &ViewState, now: Instant) -> Option<Instant> {
    let mut next: Option<Instant> = None;
    let mut at = |instant: Instant| {
        if instant > now {
            next = Some(next.map_or(instant, |n| n.min(instant)));
        }
    };
    let up = |from: Instant, step: Duration| {
        let passed = now.saturating_duration_since(from).as_nanos() / step.as_nanos();
        from + step * u32::try_from(passed + 1).unwrap_or(u32::MAX)
    };
    let down = |to: Instant| {
        let left = to.saturating_duration_since(now);
        let whole = left.as_nanos().div_ceil(SECOND.as_nanos()).saturating_sub(1);
        to - SECOND * u32::try_from(whole).unwrap_or(0)
    };

    let clocks = &snapshot.call.clocks;
    let phase = snapshot.call.phase;
    if phase.is_live() {
        // Talk, ring and hold are shown together; one that stands still does not tick.
        for from in [clocks.answered_at.or(clocks.started_at), clocks.held_at].into_iter().flatten() {
            at(up(from, SECOND));
        }
        if state.settings.blink && !snapshot.quiet && state.settings.pop_up && ringing::is_offered(snapshot) {
            at(up(clocks.started_at.unwrap_or(now), BLINK));
        }
    } else if matches!(phase, CallPhase::None | CallPhase::Ended) {
        match snapshot.agent.state {
            AgentState::Idle | AgentState::Busy | AgentState::Occupied => at(up(snapshot.agent.since_at, SECOND)),
            AgentState::WrapUp if snapshot.agent.wrap_up_ends_at.is_none() => at(up(snapshot.agent.since_at, SECOND)),
            AgentState::WrapUp | AgentState::SignedOut | AgentState::SigningIn => {}
        }
    }
    if let Some(end) = snapshot.agent.wrap_up_ends_at.filter(|_| snapshot.agent.state == AgentState::WrapUp) {
        at(down(end));
    }
    if (snapshot.agent.state.is_signed_in() || phase.is_live())
        && matches!(snapshot.link.state, LinkState::Down | LinkState::Connecting)
    {
        at(up(snapshot.link.since_at, SECOND));
        if let Some(retry) = snapshot.link.retry_at {
            at(down(retry));
        }
    }
    if snapshot.sip.state == SipState::Failed
        && let Some(retry) = snapshot.sip.retry_at
    {
        at(down(retry));
    }
    for notice in snapshot.notices.iter().rev().take_while(|n| now < n.at + Duration::from_secs(30)) {
        if !notice.dismissed {
            at(notice.at + state::toast_time(notice, state.dialog.is_some()));
        }
    }
    if let Some(overtime) = &snapshot.overtime {
        at(duty::next_pulse(overtime, state.settings.blink, now));
    }
    if let Some(Dialog::Duty(duty)) = &state.dialog
        && let Some(tick) = duty.next_tick()
    {
        at(tick);
    }
    if matches!(state.dialog, Some(Dialog::Health(_))) {
        // Ages there.
        at(now + SECOND);
    }
    if let Some((_, until)) = &state.flash {
        at(*until);
    }
    // Ages of what began at a time of the day change together, with the world's seconds.
    let in_queue = state.tab == Tab::Queue && snapshot.queue.rows.iter().any(|row| row.since.is_some());
    let on_line = matches!(&state.dialog, Some(Dialog::Pick(pick)) if pick.page == Page::OnLine)
        && snapshot.directory.on_line.iter().any(|line| line.since.is_some());
    if in_queue || on_line || parties::phase_seconds(snapshot, state, now).is_some() {
        let passed = u64::try_from(state.clocks.wall(now).subsec_nanosecond()).unwrap_or(0);
        at(now + SECOND.saturating_sub(Duration::from_nanos(passed)));
    }
    next
}
