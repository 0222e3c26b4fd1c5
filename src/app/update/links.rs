//! The event websocket: opened, greeted, lost, tried again (protocol `cti.md` 3.5 to 3.9, improvements of section 8).

use std::time::{Duration, Instant};

use serde_json::json;

use super::Turn;
use crate::{
    app::{CommandId, Effect, LinkId, LinkState, SipState, TimerId, state::Phase},
    cti::{
        codes::FinalClose,
        link::{LinkError, LinkEvent},
        push::{Forced, PhoneState, Push, PushMessage},
    },
    domain::AgentState,
    i18n::Message,
};

/// The platform greets at once; without a greeting the connection is of no use. A platform that has stopped for a moment
/// is not to be met by one connection after the other.
const GREETING: Duration = Duration::from_secs(10);
/// First pause before a new attempt.
const RETRY_MIN: f64 = 0.25;
/// An attempt that has taken so long may be given up for another one, if the agent wants it.
const SLOW: Duration = Duration::from_secs(5);
/// Longest pause between attempts (protocol `cti.md` 8.15), s.
const RETRY_MAX: f64 = 3.0;
/// A message that is no UTF-8 has ended the link (RFC 6455 7.4.1).
const BAD_TEXT: u16 = 1007;
/// For so long after a connection of ours was left for a new one, the one that replaces it may be ours too: a platform
/// that had stopped meets them all at once, in any order.
const OWN_ATTEMPTS: Duration = Duration::from_secs(60);

impl Turn<'_> {
    pub(super) fn open_link(&mut self) {
        let Some(reg_id) = self.state.session.reg_id.clone() else { return };
        let link = &mut self.state.link;
        if link.state == LinkState::GivenUp {
            // A new beginning: the time to try in is counted from here.
            link.window_from = Some(self.now.at);
        }
        link.token_is_old = false;
        let same = link.opened_for.replace(reg_id.clone()).is_some_and(|earlier| earlier == reg_id);
        if same && std::mem::take(&mut link.left) {
            link.other_at = Some(self.now.at);
        }
        link.id = LinkId(link.id.0 + 1);
        link.attempts += 1;
        link.retry_at = None;
        link.junk_told = false;
        let reset = if self.state.session.by_reset { Some(true) } else { link.was_up.then_some(false) };
        let id = link.id;
        self.set_link(LinkState::Connecting);
        self.effects.push(Effect::StopTimer(TimerId::Reconnect));
        let login_state = self.state.session.login_state.clone();
        self.effects.push(Effect::OpenLink { id, reg_id, login_state, reset });
    }

    /// Closes it and forgets every plan to open it again.
    pub(super) fn close_link(&mut self) {
        let link = &mut self.state.link;
        // Late words of the connection that is being closed are not for us.
        link.id = LinkId(link.id.0 + 1);
        link.retry_at = None;
        link.lost_at = None;
        link.window_from = None;
        link.attempts = 0;
        link.was_up = false;
        self.effects.push(Effect::CloseLink);
        self.effects.push(Effect::StopTimer(TimerId::Reconnect));
        self.effects.push(Effect::StopTimer(TimerId::LinkGreeting));
        if self.state.link.state != LinkState::Down {
            self.set_link(LinkState::Down);
        }
    }

    pub(super) fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Opened => {
                self.state.link.opened_at = self.now.at;
                self.effects.push(Effect::StartTimer { timer: TimerId::LinkGreeting, after: GREETING });
            }
            LinkEvent::Push(push) => self.pushed(*push),
            LinkEvent::Unreadable(start) => {
                if !self.state.link.junk_told {
                    self.state.link.junk_told = true;
                    self.warn(Message::new("app.junk_frame").with("start", super::clean(&start)));
                }
            }
            // Its health is taken from these.
            LinkEvent::RoundTrip(_) | LinkEvent::Late(_) => {}
            LinkEvent::Closed { code, reason } => self.link_closed(code, &reason),
            LinkEvent::Failed(error) => {
                if matches!(error, LinkError::Refused { status: 401 | 403 }) {
                    self.renew_old_token();
                }
                if self.state.link.state == LinkState::Up {
                    // Nobody closed it, which the original tells as 1006.
                    self.publish("wsLogout", &[], "websocket断开[1006]", json!({ "code": 1006 }));
                }
                self.state.link.last_error = Some(error.message());
                // A proxy that has lost patience has not refused it either.
                self.state.link.left |= matches!(
                    error,
                    LinkError::Silent(_) | LinkError::Unanswered { .. } | LinkError::Refused { status: 500.. }
                );
                self.link_lost(None);
            }
        }
    }

    fn pushed(&mut self, push: Push) {
        let mut data = push.raw;
        if matches!(&push.message, PushMessage::Phone(event) if event.state == PhoneState::HungUp)
            && self.is_too_quick()
            && let Some(fields) = data.as_object_mut()
        {
            fields.insert("hangupQuick".to_owned(), true.into());
        }
        self.publish(push.event_name, push.event_type, push.status, data);
        match push.message {
            PushMessage::Established => self.established(),
            PushMessage::Phone(event) => self.phone_push(event),
            PushMessage::Agent(event) => self.agent_push(&event),
            PushMessage::InitState { ag_sta, pho_sta, param } => self.resynchronised(ag_sta, pho_sta, param),
            PushMessage::Ivr | PushMessage::Unknown => {}
            PushMessage::SkillGroupsChanged => self.skill_groups_changed(),
            PushMessage::CallerIdsChanged => self.caller_ids_changed(),
            PushMessage::Forced(Forced::SignedOut) => {
                let because = Message::new("app.forced_out");
                self.error(because.clone());
                self.end_session(Some(because));
            }
            PushMessage::Forced(Forced::Ready) => {
                self.warn(Message::new("app.forced_ready"));
                self.forced(AgentState::Idle);
            }
            PushMessage::Forced(Forced::Busy) => {
                self.warn(Message::new("app.forced_busy"));
                self.forced(AgentState::Busy);
            }
            PushMessage::Forced(Forced::TimedOut) => {
                self.warn(Message::new("app.timed_out"));
                self.sign_in_again();
            }
        }
    }

    /// MT 0. A second one on the same connection changes nothing.
    fn established(&mut self) {
        self.effects.push(Effect::StopTimer(TimerId::LinkGreeting));
        if self.state.link.state != LinkState::Connecting {
            return;
        }
        let away_ms =
            self.state.link.lost_at.map(|lost| self.now.at.saturating_duration_since(lost).as_millis() as u64);
        let link = &mut self.state.link;
        link.attempts = 0;
        link.lost_at = None;
        link.window_from = None;
        link.last_error = None;
        link.was_up = true;
        self.set_link(LinkState::Up);
        self.publish("linkUp", &["link"], "", json!({ "away_ms": away_ms }));
        self.settle(&["app.link_down", "app.link_down_in_call", "app.link_needs_token_told", "app.trying_again"]);
        if let Some(ms) = away_ms {
            self.info(Message::new("app.link_back").with("seconds", ms.div_ceil(1000)));
        }
        if away_ms.is_some() && self.state.session.phase == Phase::In {
            // The platform may have said meanwhile that they changed (MT 8).
            self.ask_for_lists();
        }
        if away_ms.is_some() {
            // What cut both is over.
            self.register_again();
        }
        if std::mem::take(&mut self.state.link.was_replaced) {
            // If it was another place after all, the phone's binding has been replaced, too.
            self.refresh_registration();
        }
        self.greeted();
    }

    pub(super) fn greeting_overdue(&mut self) {
        if self.state.link.state == LinkState::Connecting {
            self.state.link.last_error = Some(Message::new("app.no_greeting"));
            self.state.link.left = true;
            self.effects.push(Effect::CloseLink);
            self.state.link.id = LinkId(self.state.link.id.0 + 1);
            self.link_lost(None);
        }
    }

    fn link_closed(&mut self, code: u16, reason: &str) {
        let meaning = FinalClose::of(code);
        let ours = meaning == Some(FinalClose::Replaced) && self.is_replaced_by_ours();
        let last = meaning.is_some() && !ours;
        let name = if last { "wsLogoutWithoutReconnect" } else { "wsLogout" };
        if last {
            // The platform has dealt with it.
            self.state.link.opened_for = None;
        }
        self.publish(name, &[], &format!("websocket断开[{code}]"), json!({ "code": code }));
        let mut message = Message::new("app.link_closed").with("code", code);
        if !reason.is_empty() {
            message = Message::new("app.link_closed_because").with("code", code).with("reason", super::clean(reason));
        }
        self.state.link.last_error = Some(message);
        if code == BAD_TEXT && !std::mem::replace(&mut self.state.link.bad_text_told, true) {
            self.warn(Message::new("app.bad_text"));
        }
        if ours {
            tracing::info!("an earlier connection of this program has replaced the link; it is opened once more");
            self.state.link.replaced_at = Some(self.now.at);
            self.state.link.was_replaced = true;
            return self.link_lost(None);
        }
        self.link_lost(Some(code));
    }

    /// Whether what has replaced the link is most likely an earlier connection of this program, and not another seat:
    /// that is believed once.
    fn is_replaced_by_ours(&self) -> bool {
        let of_late =
            |at: Option<Instant>| at.is_some_and(|at| self.now.at.saturating_duration_since(at) < OWN_ATTEMPTS);
        let link = &self.state.link;
        self.state.session.phase != Phase::Leaving && of_late(link.other_at) && !of_late(link.replaced_at)
    }

    fn link_lost(&mut self, code: Option<u16>) {
        self.effects.push(Effect::StopTimer(TimerId::LinkGreeting));
        let was_up = self.state.link.state == LinkState::Up;
        let coming_back = !was_up && self.state.link.was_up;
        if was_up {
            // From here on nobody says what becomes of the agent's state.
            self.state.agent.known_at = self.now.wall;
            let error = self.state.link.last_error.as_ref().map(|m| m.render(self.state.profile.locale));
            self.publish("linkDown", &["link"], "", json!({ "error": error }));
        }
        let rejoining = self.state.session.rejoining && self.state.session.phase == Phase::Linking;
        let meaning = code.and_then(FinalClose::of);
        if rejoining && meaning != Some(FinalClose::BadToken) {
            return self.rejoin_failed();
        }
        if let (Some(code), Some(meaning)) = (code, meaning) {
            if meaning == FinalClose::BadToken && matches!(self.state.session.phase, Phase::In | Phase::Leaving) {
                return self.token_refused(code);
            }
            if self.state.session.phase == Phase::Leaving {
                // The way in which a platform ends what is signed out; its answer to the sign-out follows.
                self.state.link.last_error = None;
                self.set_agent(AgentState::SignedOut, None, None);
                return self.set_link(LinkState::Down);
            }
            // The platform no longer knows this sign-in after an absence: that is its way to say "timed out".
            // Or it was restarted again before the new sign-in had got a link.
            let again = self.state.session.coming_back && self.state.link.lost_at.is_some();
            if meaning == FinalClose::UnknownSignIn && (coming_back || again) {
                self.warn(Message::new("app.timed_out"));
                return self.sign_in_again();
            }
            let because = Message::new(match meaning {
                FinalClose::BadToken => "app.link_refused_token",
                FinalClose::Replaced => "app.link_replaced",
                FinalClose::UnknownSignIn | FinalClose::Refused => "app.link_refused",
            })
            .with("code", code);
            return self.give_up(because, meaning == FinalClose::BadToken);
        }
        let first = self.state.link.lost_at.is_none();
        let lost_at = *self.state.link.lost_at.get_or_insert(self.now.at);
        let away = self.now.at.saturating_duration_since(lost_at);
        let tried = self.now.at.saturating_duration_since(self.state.link.window_from.unwrap_or(lost_at));
        if tried >= self.state.profile.ws_reconnect_time {
            return self.give_up(Message::new("app.link_given_up"), true);
        }
        let after = self.back_off(away);
        self.set_link(LinkState::Down);
        self.state.link.retry_at = Some(self.now.at + after);
        self.effects.push(Effect::StartTimer { timer: TimerId::Reconnect, after });
        if self.state.session.phase == Phase::Linking && first {
            // A sign-in that cannot be finished says why, once.
            if let Some(why) = self.state.link.last_error.clone() {
                self.error(why);
            }
        }
        if was_up {
            self.warn(Message::new(if self.state.live_call().is_some() {
                "app.link_down_in_call"
            } else {
                "app.link_down"
            }));
        }
    }

    /// The pause before the next attempt after so long an outage. Proportional: a short outage is over soon after its
    /// cause, a long one costs the server little. The jitter keeps a whole floor of agents from coming back in the same
    /// instant.
    pub(super) fn back_off(&self, away: Duration) -> Duration {
        let pause = (away.as_secs_f64() / 6.0).max(RETRY_MIN) * (0.8 + 0.4 * self.now.random);
        Duration::from_secs_f64(pause.min(RETRY_MAX))
    }

    pub(super) fn reconnect_due(&mut self) {
        if self.state.link.state == LinkState::Down && self.has_session() {
            self.open_link();
        }
    }

    /// Whether there is a sign-in that a link belongs to.
    pub(super) fn has_session(&self) -> bool {
        self.state.profile.websocket
            && self.state.session.reg_id.is_some()
            && matches!(self.state.session.phase, Phase::Linking | Phase::Setting | Phase::In | Phase::Leaving)
    }

    /// Tries at once what would be tried later, or not again by itself; whether there was anything.
    pub(super) fn reconnect_now(&mut self) -> bool {
        let link = &self.state.link;
        let slow = self.now.at.saturating_duration_since(link.since_at) >= SLOW;
        let open = match link.state {
            LinkState::Up => false,
            // Only one attempt at a time: the one under way ends with this.
            LinkState::Connecting => slow,
            LinkState::Down | LinkState::GivenUp => true,
        };
        let open = open && self.has_session();
        if open {
            self.open_link();
        }
        let register = self.register_again();
        let sign_in = self.state.session.phase == Phase::Out && self.state.session.wanted;
        if sign_in {
            self.sign_in_due();
        }
        open || register || sign_in
    }

    /// The agent does not want to wait.
    pub(super) fn reconnect_asked(&mut self, id: CommandId) {
        if self.state.link.state == LinkState::GivenUp && self.has_session() {
            // Refused for its token: a new one is asked for besides.
            self.renew_old_token();
        }
        let tried = self.reconnect_now();
        self.refresh_registration();
        self.info(Message::new(if tried { "app.trying_again" } else { self.why_not_tried() }));
        self.done(id);
    }

    /// Why there was nothing to try again.
    fn why_not_tried(&self) -> &'static str {
        let link = self.state.link.state == LinkState::Up || !self.state.profile.websocket;
        let phone = self.state.sip.state == SipState::Registered || !self.state.sip.wanted;
        match self.state.session.phase {
            Phase::Out => "app.not_signed_in",
            Phase::FetchingPhone | Phase::LoggingIn | Phase::Linking | Phase::Setting => "app.sign_in_under_way",
            Phase::In | Phase::Leaving if link && phone => "app.nothing_to_try",
            Phase::In | Phase::Leaving => "app.attempt_under_way",
        }
    }

    /// This machine's network is another one: what stood by the old one is doubted, and what waits is tried.
    pub(super) fn network_changed(&mut self) {
        tracing::info!("the network has changed");
        let at = self.now.at;
        match self.state.link.state {
            LinkState::Up => self.effects.push(Effect::ProveLink),
            LinkState::Connecting if self.has_session() => {
                // Addresses that come and go must not end every attempt before it has had its time.
                let of_late = |moved: Instant| at.saturating_duration_since(moved) < SLOW;
                if !self.state.link.moved_at.is_some_and(of_late) {
                    self.state.link.moved_at = Some(at);
                    self.open_link();
                }
            }
            LinkState::Connecting => {}
            LinkState::Down | LinkState::GivenUp => self.reconnect_due(),
        }
        self.register_again();
    }

    /// Ends the session on this side. `known`: the platform may still hold it under the same `RegID`.
    fn give_up(&mut self, because: Message, known: bool) {
        self.error(because.clone());
        if known {
            self.state.session.refused = true;
            self.stop_session(Some(because.clone()));
        } else {
            self.end_session(Some(because.clone()));
        }
        self.state.link.last_error = Some(because);
        self.set_link(LinkState::GivenUp);
    }

    /// The token ran out in the middle of the shift: the phone and its calls go on, and the link waits for a new one.
    fn token_refused(&mut self, code: u16) {
        if self.state.link.token_is_old {
            // A newer one has come since this attempt began.
            return self.open_link();
        }
        self.state.session.worthless = true;
        let because = Message::new("app.link_needs_token").with("code", code);
        self.state.link.lost_at.get_or_insert(self.now.at);
        self.state.link.retry_at = None;
        if !self.renew_old_token() {
            self.error(Message::new("app.link_needs_token_told").with("code", code));
        }
        self.state.link.last_error = Some(because);
        self.set_link(LinkState::GivenUp);
    }

    pub(super) fn set_link(&mut self, state: LinkState) {
        let link = &mut self.state.link;
        if link.state != state {
            tracing::info!(from = ?link.state, to = ?state, "event websocket");
            link.state = state;
            link.since = self.now.wall;
            link.since_at = self.now.at;
        }
    }
}
