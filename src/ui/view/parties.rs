//! Who is in the call besides the customer, who hears whom, and what is wanted after it: in words.

use std::time::Instant;

use crate::{
    app::{Action, Snapshot, Wanted},
    domain::{CallPhase, Direction, RingKind},
    i18n::{self, Message},
    ui::{input::UiAction, labels, state::ViewState, text, who},
};

/// What hanging up does now: in a consultation its label names the colleague, who goes first.
pub fn hang_up_label(snapshot: &Snapshot, needed: Action) -> String {
    let locale = snapshot.locale;
    if !matches!(needed, Action::ConsultReturn | Action::ThreeWayReturn) {
        let label = if needed == Action::Reject { "ui.act_reject" } else { "ui.act_hang_up" };
        return i18n::text(locale, label);
    }
    let consult = &snapshot.call.consult;
    match consult.ag_no.as_ref().or(consult.number.as_ref()) {
        Some(who) => Message::new("ui.act_hang_up_who").with("who", text::clean(who)).render(locale),
        None => i18n::text(locale, "ui.act_hang_up_colleague"),
    }
}

/// What is wanted after the call.
pub fn after_call(snapshot: &Snapshot) -> Option<String> {
    let locale = snapshot.locale;
    let wish = match snapshot.after_call.as_ref()? {
        Wanted::Ready => i18n::text(locale, "ui.act_ready"),
        Wanted::Busy(None) => i18n::text(locale, "ui.act_busy"),
        Wanted::Busy(Some(reason)) => format!("{} {}", i18n::text(locale, "ui.act_busy"), reason.name),
    };
    Some(Message::new("ui.after_call").with("wish", wish).render(locale))
}

/// Who transferred the call here, where told.
pub fn transferred_by(snapshot: &Snapshot) -> Option<String> {
    let by = snapshot.call.transferred_by.as_deref()?;
    Some(Message::new("ui.transferred_by").with("who", who::agent(snapshot, by)).render(snapshot.locale))
}

/// About which customer an agent consults this one, where told.
pub fn about_whom(snapshot: &Snapshot) -> Option<String> {
    let call = &snapshot.call;
    let consults = call.direction == Some(Direction::Consult) || call.ring == Some(RingKind::Consult);
    let number =
        call.peer.number.as_deref().filter(|number| consults && Some(*number) != call.peer.ag_no.as_deref())?;
    call.peer.ag_no.as_ref()?;
    Some(Message::new("ui.about_customer").with("number", number).render(snapshot.locale))
}

/// What goes on in the call beyond talking: with whom, since when, and who hears whom.
pub fn situation(snapshot: &Snapshot, state: &ViewState, now: Instant) -> Option<String> {
    let locale = snapshot.locale;
    let other = || who::consulted(snapshot).unwrap_or_else(|| i18n::text(locale, "ui.consulted_party"));
    let watched = || who::monitored(snapshot).unwrap_or_else(|| i18n::text(locale, "ui.monitored_agent"));
    let live = snapshot.call.phase.is_live();
    let message = match snapshot.call.phase {
        CallPhase::Held if snapshot.call.hold_uncertain => {
            let key = state.key_hint(UiAction::Hold, state.is_typing()).unwrap_or_default();
            return Some(Message::new("ui.hold_unsure").with("key", key).render(locale));
        }
        phase if snapshot.call.unheld && live => {
            let key = if phase.is_connected() { "ui.call_not_held" } else { "ui.ring_not_held" };
            return Some(i18n::text(locale, key));
        }
        phase if phase.is_connected() && snapshot.call.leg_lost.is_some() => {
            let reason = snapshot.call.leg_lost.as_deref().unwrap_or_default();
            return Some(Message::new("ui.leg_lost").with("reason", reason).render(locale));
        }
        _ if snapshot.call.held_by_far_end && live => return Some(i18n::text(locale, "ui.held_by_far_end")),
        _ if snapshot.call.hold_uncertain && live => return Some(i18n::text(locale, "ui.phase_unsure")),
        CallPhase::Held => return Some(i18n::text(locale, "ui.on_hold_hears")),
        CallPhase::ConsultOut => Message::new("ui.consult_out_hears").with("who", other()),
        CallPhase::Consulting => Message::new("ui.consulting_hears").with("who", other()),
        CallPhase::ThreeWay => Message::new("ui.three_way_hears")
            .with("customer", labels::peer(&snapshot.call.peer, locale))
            .with("who", other()),
        CallPhase::Spying => Message::new("ui.spying_hears").with("who", watched()),
        CallPhase::Whispering => Message::new("ui.whispering_hears").with("who", watched()),
        CallPhase::Barging => Message::new("ui.barging_hears").with("who", watched()),
        CallPhase::Talking | CallPhase::Ringing => return transferred_by(snapshot).or_else(|| about_whom(snapshot)),
        CallPhase::None | CallPhase::Dialing | CallPhase::Ended => return None,
    };
    let clock = phase_seconds(snapshot, state, now).map(|seconds| text::clock(seconds * 1000));
    Some(match clock {
        Some(clock) => format!("{clock}  {}", message.render(locale)),
        None => message.render(locale),
    })
}

/// Seconds since a consultation, a three-way call or listening began; none in other phases.
pub fn phase_seconds(snapshot: &Snapshot, state: &ViewState, now: Instant) -> Option<u64> {
    let ticks = matches!(
        snapshot.call.phase,
        CallPhase::ConsultOut
            | CallPhase::Consulting
            | CallPhase::ThreeWay
            | CallPhase::Spying
            | CallPhase::Whispering
            | CallPhase::Barging
    );
    snapshot.call.since.filter(|_| ticks).map(|since| state.clocks.seconds_since(since, now))
}
