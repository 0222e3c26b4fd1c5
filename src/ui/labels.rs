//! Words, glyphs and colours of states: what the agent reads first.

use std::time::Instant;

use jiff::tz::TimeZone;

use super::glyphs::Glyphs;
use crate::{
    app::{CallView, JournalEntry, LinkState, MediaState, SipState, Snapshot},
    domain::{AgentState, CallPhase, Direction, HungUpBy, Outcome, Party, RingKind, SkillGroup, Unreached},
    i18n::{self, Locale, Message},
    ui::{text, theme::Scope},
};

/// A state without the link for so long is said to be as of then; before that the link may be back at any moment, ms.
const OLD_NEWS_MS: u64 = 60_000;

/// The one state shown first, made of call and agent.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its look.
    pub scope: Scope,
    /// Its glyph.
    pub glyph: &'static str,
    /// Its word.
    pub word: String,
    /// Its clock.
    pub clock: Option<String>,
}

fn ms_since(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX)
}

/// Time to an instant, ms.
pub fn ms_until(to: Instant, now: Instant) -> u64 {
    ms_since(now, to)
}

/// The state to show: the call's while there is one, else the agent's.
pub fn shown(snapshot: &Snapshot, glyphs: &'static Glyphs, now: Instant) -> Shown {
    let t = |key| i18n::text(snapshot.locale, key);
    let clocks = &snapshot.call.clocks;
    let ring = || Some(text::clock(clocks.ring_ms(now)));
    let talk = || Some(text::clock(clocks.talk_ms(now)));
    let talking = |key, scope, glyph| Shown { scope, glyph, word: t(key), clock: talk() };
    match snapshot.call.phase {
        CallPhase::None | CallPhase::Ended => agent(snapshot, glyphs, now),
        CallPhase::Ringing => Shown {
            scope: Scope::StateRinging,
            glyph: ring_glyph(&snapshot.call, glyphs),
            word: t(ring_label(&snapshot.call)),
            clock: ring(),
        },
        CallPhase::Dialing => Shown {
            scope: Scope::StateDialing,
            glyph: glyphs.out,
            word: t(if snapshot.call.far_ringing { "ui.state_far_ringing" } else { "ui.state_dialing" }),
            clock: ring(),
        },
        CallPhase::Talking => talking("ui.state_talking", Scope::StateTalking, glyphs.on),
        CallPhase::Held => {
            // How long the customer has been waiting; the whole talk has its clock on the card.
            let held = clocks.held_at.map(|at| text::clock(ms_since(at, now)));
            Shown { scope: Scope::StateHeld, glyph: glyphs.pause, word: t("ui.state_held"), clock: held.or_else(talk) }
        }
        CallPhase::ConsultOut => talking("ui.state_consult_out", Scope::StateDialing, glyphs.out),
        CallPhase::Consulting => talking("ui.state_consulting", Scope::StateTalking, glyphs.consult),
        CallPhase::ThreeWay => talking("ui.state_three_way", Scope::StateTalking, glyphs.three),
        CallPhase::Spying => talking("ui.state_spying", Scope::StateOccupied, glyphs.ear),
        CallPhase::Whispering => talking("ui.state_whispering", Scope::StateDialing, glyphs.whisper),
        CallPhase::Barging => talking("ui.state_barging", Scope::StateTalking, glyphs.barge),
    }
}

fn agent(snapshot: &Snapshot, glyphs: &'static Glyphs, now: Instant) -> Shown {
    let t = |key| i18n::text(snapshot.locale, key);
    let agent = &snapshot.agent;
    let since = || Some(text::clock(ms_since(agent.since_at, now)));
    let (scope, glyph, word, clock) = match agent.state {
        AgentState::SignedOut => (Scope::StateOff, glyphs.off, t("ui.state_signed_out"), None),
        AgentState::SigningIn => (Scope::StateOff, glyphs.half, t("ui.state_signing_in"), None),
        AgentState::Idle => (Scope::StateIdle, glyphs.on, t("ui.state_idle"), since()),
        AgentState::Busy => {
            let word = match &agent.reason {
                Some(reason) if !reason.name.trim().is_empty() => {
                    format!("{} {} {}", t("ui.state_busy"), glyphs.dot, reason.name)
                }
                Some(_) | None => t("ui.state_busy"),
            };
            (Scope::StateBusy, glyphs.bad, word, since())
        }
        AgentState::Occupied => (Scope::StateOccupied, glyphs.half, t("ui.state_occupied"), since()),
        AgentState::WrapUp => {
            let left = agent.wrap_up_ends_at.map(|end| text::clock(text::seconds_left(ms_until(end, now)) * 1000));
            (Scope::StateWrapUp, glyphs.pause, t("ui.state_wrap_up"), left.or_else(since))
        }
    };
    Shown { scope, glyph, word, clock }
}

/// Why a sign-in that is under way has not come to its end yet, if something has failed.
pub fn sign_in_fails(snapshot: &Snapshot) -> Option<&str> {
    let fails = snapshot.agent.state == AgentState::SigningIn && snapshot.link.state != LinkState::Up;
    snapshot.link.last_error.as_deref().filter(|_| fails)
}

/// That the agent's state is old news, where it is: told instead of a clock that would run on.
pub fn as_of(snapshot: &Snapshot, zone: &TimeZone, now: Instant) -> Option<String> {
    let at = snapshot.agent.as_of.filter(|_| !snapshot.call.phase.is_live())?;
    let link = &snapshot.link;
    if link.state != LinkState::GivenUp && ms_since(link.since_at, now) < OLD_NEWS_MS {
        return None;
    }
    let time = at.to_zoned(zone.clone()).strftime("%H:%M").to_string();
    Some(Message::new("ui.as_of").with("time", time).render(snapshot.locale))
}

/// What kind of call is ringing: of all kinds, each its own word.
pub fn ring_label(call: &CallView) -> &'static str {
    match call.ring {
        Some(RingKind::Called | RingKind::Queue) if call.transferred_by.is_some() => "ui.ring_transferred",
        Some(RingKind::Queue) => "ui.ring_queue",
        Some(RingKind::Consult) => "ui.ring_consult",
        Some(RingKind::AutoCall) => "ui.ring_auto",
        Some(RingKind::Outbound) => "ui.state_dialing",
        Some(RingKind::Spy) => "ui.ring_spy",
        Some(RingKind::Called) if call.direction == Some(Direction::Inner) => "ui.ring_inner",
        Some(RingKind::Called) => "ui.ring_outside",
        None => "ui.ring_called",
    }
}

/// The same as a glyph.
pub fn ring_glyph(call: &CallView, glyphs: &Glyphs) -> &'static str {
    match call.ring {
        Some(RingKind::Called | RingKind::Queue) if call.transferred_by.is_some() => glyphs.handed,
        Some(RingKind::Queue) | None => glyphs.bell,
        Some(RingKind::Consult) => glyphs.consult,
        Some(RingKind::AutoCall) => glyphs.auto,
        Some(RingKind::Outbound) => glyphs.out,
        Some(RingKind::Spy) => glyphs.ear,
        Some(RingKind::Called) if call.direction == Some(Direction::Inner) => glyphs.both,
        Some(RingKind::Called) => glyphs.into,
    }
}

/// Catalogue key of a direction.
pub fn direction_label(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "ui.direction_in",
        Direction::Out => "ui.direction_out",
        Direction::Inner => "ui.direction_inner",
        Direction::Consult => "ui.direction_consult",
        Direction::Spy => "ui.direction_spy",
        Direction::Auto => "ui.direction_auto",
    }
}

/// Glyph of a direction.
pub fn direction_glyph(direction: Direction, glyphs: &Glyphs) -> &'static str {
    match direction {
        Direction::In => glyphs.into,
        Direction::Auto => glyphs.auto,
        Direction::Out => glyphs.out,
        Direction::Inner => glyphs.both,
        Direction::Consult => glyphs.consult,
        Direction::Spy => glyphs.ear,
    }
}

/// Catalogue key and look of how a call came out.
pub fn outcome_of(outcome: Outcome) -> (&'static str, Scope) {
    match outcome {
        Outcome::Answered => ("ui.outcome_answered", Scope::Good),
        Outcome::Missed => ("ui.outcome_missed", Scope::Bad),
        Outcome::Elsewhere => ("ui.outcome_elsewhere", Scope::Dim),
        Outcome::Rejected => ("ui.outcome_rejected", Scope::Warn),
        Outcome::Unanswered => ("ui.outcome_unanswered", Scope::Warn),
        Outcome::Cancelled => ("ui.outcome_cancelled", Scope::Dim),
        Outcome::Failed => ("ui.outcome_failed", Scope::Bad),
        Outcome::Transferred => ("ui.outcome_transferred", Scope::Good),
        Outcome::Interrupted => ("ui.outcome_interrupted", Scope::Warn),
    }
}

/// The same for a line of the journal, which may know more.
pub fn outcome_label(entry: &JournalEntry) -> (&'static str, Scope) {
    let (word, scope) = outcome_of(entry.outcome);
    (entry.unreached.map_or(word, unreached_label), scope)
}

/// That a call was transferred, and to whom, where that is known.
pub fn taker(entry: &JournalEntry, locale: Locale) -> Option<String> {
    let taker = entry.transferred_to.as_ref().filter(|_| entry.outcome == Outcome::Transferred)?;
    Some(Message::new("ui.transferred_to").with("who", peer(taker, locale)).render(locale))
}

/// Catalogue key of why the other end was not reached.
pub fn unreached_label(why: Unreached) -> &'static str {
    match why {
        Unreached::Busy => "ui.unreached_busy",
        Unreached::NoAnswer => "ui.unreached_no_answer",
        Unreached::Rejected => "ui.unreached_rejected",
        Unreached::Unreachable => "ui.unreached_no_way",
    }
}

/// Who: agent number and name, else the telephone number; a word when nobody was told.
pub fn peer(peer: &Party, locale: Locale) -> String {
    let main = peer.short();
    let name = peer.name.as_deref().unwrap_or("");
    match (main.is_empty(), name.is_empty()) {
        (true, true) => i18n::text(locale, "ui.unknown_peer"),
        (true, false) => name.to_owned(),
        (false, true) => main.to_owned(),
        (false, false) => format!("{main} {name}"),
    }
}

/// Who ended a call, as a catalogue key.
pub fn ended_by(by: HungUpBy) -> &'static str {
    match by {
        HungUpBy::Agent => "ui.ended_by_me",
        HungUpBy::Peer => "ui.ended_by_peer",
        HungUpBy::Supervisor => "ui.ended_by_supervisor",
        HungUpBy::Fault => "ui.ended_by_fault",
    }
}

/// Glyph and look of another agent's state.
pub fn agent_mark(state: AgentState, glyphs: &Glyphs) -> (&'static str, Scope) {
    match state {
        AgentState::Idle => (glyphs.on, Scope::Good),
        AgentState::Busy => (glyphs.bad, Scope::Warn),
        AgentState::Occupied => (glyphs.half, Scope::Accent),
        AgentState::WrapUp => (glyphs.pause, Scope::Warn),
        AgentState::SignedOut | AgentState::SigningIn => (glyphs.off, Scope::Dim),
    }
}

/// Where from and through which skill group. With an agent at the other end, the place is that of the customer whom the
/// call is about, and is left out.
pub fn call_origin(peer: &Party, queue: Option<&SkillGroup>, glyphs: &Glyphs) -> String {
    let area = peer.area.as_deref().map(str::trim).filter(|a| !a.is_empty() && peer.ag_no.is_none());
    let group = queue.map(|q| q.name.trim()).filter(|n| !n.is_empty());
    match (area, group) {
        (Some(area), Some(group)) => format!("{area} {} {group}", glyphs.dot),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => String::new(),
    }
}

/// A light of the status line.
#[derive(Clone, Copy, Debug)]
pub struct Indicator {
    /// What it is about.
    pub label: &'static str,
    /// Its glyph.
    pub glyph: &'static str,
    /// Its look.
    pub scope: Scope,
    /// Its word; none while all is well.
    pub word: Option<&'static str>,
}

/// Link, registration, sound.
pub fn indicators(snapshot: &Snapshot, glyphs: &'static Glyphs) -> [Indicator; 3] {
    let link = match snapshot.link.state {
        LinkState::Up => (glyphs.on, Scope::BarGood, None),
        LinkState::Connecting => (glyphs.half, Scope::BarWarn, Some("ui.light_connecting")),
        LinkState::Down if !snapshot.agent.state.is_signed_in() => (glyphs.off, Scope::BarDim, None),
        LinkState::Down => (glyphs.bad, Scope::BarBad, Some("ui.light_down")),
        LinkState::GivenUp => (glyphs.bad, Scope::BarBad, Some("ui.light_given_up")),
    };
    let sip = match snapshot.sip.state {
        SipState::Off => (glyphs.off, Scope::BarDim, None),
        SipState::Registering => (glyphs.half, Scope::BarWarn, Some("ui.light_registering")),
        SipState::Registered => (glyphs.on, Scope::BarGood, None),
        SipState::Failed => (glyphs.bad, Scope::BarBad, Some("ui.light_failed")),
    };
    let media = match snapshot.media.state {
        MediaState::Lost => (glyphs.bad, Scope::BarBad, Some("ui.light_lost")),
        _ if snapshot.media.device_error.is_some() => (glyphs.bad, Scope::BarBad, Some("ui.light_device")),
        MediaState::None => (glyphs.off, Scope::BarDim, None),
        MediaState::Connecting => (glyphs.half, Scope::BarWarn, Some("ui.light_connecting")),
        MediaState::Up => (glyphs.on, Scope::BarGood, None),
    };
    let light = |label, (glyph, scope, word)| Indicator { label, glyph, scope, word };
    [light("ui.light_link", link), light("ui.light_sip", sip), light("ui.light_media", media)]
}

/// The call that is being wrapped up: whom the notes are about.
pub fn wrapped_up(snapshot: &Snapshot) -> Option<&JournalEntry> {
    let wraps_up = snapshot.agent.state == AgentState::WrapUp && snapshot.call.phase == CallPhase::None;
    snapshot
        .journal
        .first()
        .filter(|entry| wraps_up && matches!(entry.outcome, Outcome::Answered | Outcome::Transferred))
}
