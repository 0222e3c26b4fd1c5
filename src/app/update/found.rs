//! A call that this program has not seen begin: found by the platform's word after a restart, or after an absence of the
//! link. The platform does not say who it is; the journal of the earlier run may.

use super::Turn;
use crate::{
    app::State,
    domain::{CallPhase, Direction, JournalEntry, Outcome},
    i18n::Message,
};

/// A conversation is taken for the one of the journal's last line if the program was away no longer, ms.
const TALK_AWAY_MS: i128 = 600_000;
/// The same for a call that rings or is dialled, counted from its beginning: that long it may ring, ms.
const RING_AWAY_MS: i128 = 90_000;

/// What is told of a conversation that is found.
const CONVERSATIONS: [&str; 4] =
    ["app.call_found", "app.call_found_silent", "app.call_goes_on", "app.call_goes_on_silent"];

impl State {
    /// The line of an earlier run that a call in this phase most likely goes on from: a phone of this program's has been
    /// in no other conversation since, and the platform holds one call of an agent at a time.
    fn line_that_goes_on(&self, phase: CallPhase, now: jiff::Timestamp) -> Option<&JournalEntry> {
        let newest = self.journal.first().filter(|line| self.earlier_line == Some(line.id))?;
        let age = now.duration_since(newest.time).as_millis();
        let away = age - i128::from(newest.ring_ms) - i128::from(newest.talk_ms);
        let outward = matches!(newest.direction, Direction::Out | Direction::Auto);
        let spies = newest.direction == Direction::Spy;
        let fits = match phase {
            CallPhase::Ringing => newest.talk_ms == 0 && age < RING_AWAY_MS && !outward && !spies,
            CallPhase::Dialing => newest.talk_ms == 0 && age < RING_AWAY_MS && outward,
            CallPhase::Spying | CallPhase::Whispering | CallPhase::Barging => spies && away < TALK_AWAY_MS,
            CallPhase::Talking
            | CallPhase::Held
            | CallPhase::ConsultOut
            | CallPhase::Consulting
            | CallPhase::ThreeWay => !spies && away < TALK_AWAY_MS,
            CallPhase::None | CallPhase::Ended => false,
        };
        Some(newest).filter(|line| fits && line.outcome == Outcome::Interrupted)
    }
}

impl Turn<'_> {
    /// A call that the platform holds begins here in `phase`. `found_in`: what the platform says of it.
    pub(super) fn new_found_call(&mut self, found_in: CallPhase, phase: CallPhase, direction: Direction) {
        let line = self.state.line_that_goes_on(found_in, self.now.wall).cloned();
        let web_phone = self.state.session.web_phone;
        let why = Message::new("app.leg_not_here").render(self.state.profile.locale);
        self.new_call(phase, direction);
        let Some(call) = self.state.live_call_mut() else { return };
        call.legless = web_phone;
        if web_phone && found_in == CallPhase::Ringing {
            // Its INVITE went to the run before, or never came.
            call.leg_lost = Some(why);
        }
        if let Some(line) = line {
            call.journal_id = line.id;
            call.began = line.time;
            call.direction = line.direction;
            call.peer = line.peer.clone();
            call.queue_id = line.queue.as_ref().map(|queue| queue.id);
            call.caller_id.clone_from(&line.caller_id);
            call.call_id.clone_from(&line.call_id);
            call.earlier = Some(Box::new(line));
        }
    }

    /// Said once, with what cannot be known of it.
    pub(super) fn found(&mut self, news: bool) {
        let (web_phone, phase) = (self.state.session.web_phone, self.state.call_phase());
        let Some(call) = self.state.live_call_mut() else { return };
        // It may be on hold, or a whisper.
        call.hold_uncertain = matches!(phase, CallPhase::Talking | CallPhase::Spying);
        let silent = web_phone && phase.is_connected() && call.leg.is_none();
        let rings = call.leg_lost.is_some() && phase == CallPhase::Ringing;
        let known = call.earlier.is_some();
        let key = match (rings, silent, known) {
            (true, _, _) => "app.ring_found",
            (false, true, true) => "app.call_goes_on_silent",
            (false, true, false) => "app.call_found_silent",
            (false, false, true) => "app.call_goes_on",
            (false, false, false) => "app.call_found",
        };
        if rings {
            // It was guessed to be a conversation.
            self.settle(&CONVERSATIONS);
        }
        if news || rings {
            let who = self.who(self.state.live_call().map_or("", |call| call.peer.short()));
            self.warn(Message::new(key).with("who", who));
        }
    }

    /// Whether the platform still speaks of the call that has ended here last, its end being on the way: a moment ago, or
    /// while there was no link and by the agent, whose word may have reached nobody.
    pub(super) fn speaks_of_ended_call(&mut self) -> bool {
        let (now, up_since) = (self.now.at, self.state.link.since_at);
        let Some(newest) = self.state.platform.newest().filter(|_| self.state.live_call().is_none()) else {
            return false;
        };
        let Some(ended_at) = newest.ended_here else { return false };
        let fresh = |at| now.saturating_duration_since(at) < super::resync::JUST_ENDED;
        let by_agent =
            self.state.ended.iter().any(|ended| {
                ended.hung_up && ended.platform == Some(newest.key) && ended_at < up_since && fresh(up_since)
            });
        if by_agent {
            self.request(super::Purpose::GivenUp, crate::cti::api::Request::HangUp);
        }
        by_agent || fresh(ended_at)
    }
}
