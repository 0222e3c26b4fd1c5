//! States that last too long (protocol `phone-bar.md` 4.4).
//!
//! Measured by deadlines: a rule is due when the state has lasted as long as it says. A rule against too short a time is
//! judged when the state ends, as nothing can be said before; its warning stays for a while.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    Turn,
    duties::{count_of, shown},
    number_of, text_of,
};
use crate::{
    app::{
        CommandId, Effect, Overtime, State, TimerId,
        state::{Asked, Measured, Range, Rule},
    },
    cti::api::{ApiError, Reply, Request},
    domain::{AgentState, CallPhase, Direction},
    i18n::{Locale, Message},
};

/// Between two looks at the rules.
const RULES: Duration = Duration::from_secs(600);
/// How long it is shown that a state was too short.
const SHORT_SHOWN: Duration = Duration::from_secs(60);
/// Rules read; more are no rules of one agent.
const MOST: usize = 200;
/// `type` of a rule that is told to the agent.
const TELL_AGENT: i64 = 2;
/// `CallType` of a call whose ringing the rules measure; without one it is the customers' calls (protocol `cti.md` 4.3).
const COMES_IN: i64 = 2;

impl Turn<'_> {
    pub(super) fn warning_rules_due(&mut self) {
        if self.state.profile.status_warn && self.state.duties.running {
            self.ask_duty(Asked::WarningRules, Request::WarningRules);
        }
    }

    pub(super) fn warning_rules_reply(&mut self, result: Result<Reply, ApiError>) {
        match result {
            Ok(reply) if reply.is_ok() => {
                let rows = reply.data.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
                let watch = &mut self.state.duties.overtime;
                watch.group = text_of(reply.data.get("groupId"));
                watch.rules = rows.iter().take(MOST).filter_map(rule).collect();
            }
            Ok(reply) => tracing::info!(code = reply.code, "the rules of overtime were refused"),
            Err(error) => tracing::info!(%error, "the rules of overtime could not be had"),
        }
        self.poll_again(TimerId::WarningRules, RULES);
    }

    pub(super) fn acknowledge_overtime(&mut self, id: CommandId) {
        let watch = &mut self.state.duties.overtime;
        if let Some(overtime) = &mut watch.shown {
            overtime.acknowledged = true;
        }
        self.done(id);
    }

    pub(super) fn overtime_due(&mut self) {
        self.state.duties.overtime.armed = None;
    }

    /// Measures the state that has come about, and warns of what is due.
    pub(super) fn follow_overtime(&mut self) {
        if !self.state.profile.status_warn {
            return;
        }
        let at = self.now.at;
        let measured = self.state.measured(at);
        let watch = &mut self.state.duties.overtime;
        let same = |old: &Measured, new: &Measured| old.state == new.state && old.reason == new.reason;
        let changed = match (&watch.now, &measured) {
            (Some(old), Some(new)) => !same(old, new),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        };
        if changed {
            let ended = std::mem::replace(&mut watch.now, measured);
            watch.violated.clear();
            watch.shown = None;
            watch.short_until = None;
            if let Some(ended) = ended {
                self.was_too_short(&ended);
            }
        } else if let (Some(now), Some(new)) = (&mut watch.now, measured) {
            now.queue = new.queue;
        }
        self.warn_of_overtime();
    }

    fn was_too_short(&mut self, ended: &Measured) {
        let at = self.now.at;
        let lasted = at.saturating_duration_since(ended.since);
        let too_short = |rule: &&Rule| {
            !rule.longer && lasted < Duration::from_secs(rule.threshold_s) && self.state.is_under(rule, ended)
        };
        let rules = &self.state.duties.overtime.rules;
        let lines: Vec<String> = rules
            .iter()
            .filter(too_short)
            .map(|rule| {
                let lasted = in_words(lasted.as_secs(), self.state.profile.locale);
                self.state.line(rule, "duty.overtime_shorter", Some(lasted))
            })
            .collect();
        if !lines.is_empty() {
            let watch = &mut self.state.duties.overtime;
            watch.short_until = Some(at + SHORT_SHOWN);
            watch.shown = Some(Overtime { since_at: at, lines, acknowledged: false });
        }
    }

    fn warn_of_overtime(&mut self) {
        let at = self.now.at;
        let watch = &self.state.duties.overtime;
        let mut next = watch.short_until.filter(|until| *until > at);
        let mut violated = Vec::new();
        let mut since: Option<Instant> = None;
        if let Some(measured) = &watch.now {
            for rule in &watch.rules {
                if !rule.longer || !self.state.is_under(rule, measured) {
                    continue;
                }
                let due = measured.since + Duration::from_secs(rule.threshold_s);
                if due <= at {
                    violated.push(rule);
                    since = Some(since.map_or(due, |since| since.min(due)));
                } else {
                    next = Some(next.map_or(due, |next| next.min(due)));
                }
            }
        }
        if !violated.iter().copied().eq(&watch.violated) {
            let violated = violated.into_iter().cloned().collect();
            self.show_overtime(violated, since);
        }
        let watch = &mut self.state.duties.overtime;
        if watch.short_until.is_some_and(|until| until <= at) {
            watch.short_until = None;
            watch.shown = None;
        }
        if watch.armed != next {
            watch.armed = next;
            self.effects.push(match next {
                Some(due) => Effect::StartTimer { timer: TimerId::Overtime, after: due.saturating_duration_since(at) },
                None => Effect::StopTimer(TimerId::Overtime),
            });
        }
    }

    fn show_overtime(&mut self, violated: Vec<Rule>, since: Option<Instant>) {
        let line = |rule| self.state.line(rule, "duty.overtime_longer", None);
        let lines: Vec<String> = violated.iter().map(line).collect();
        let watch = &mut self.state.duties.overtime;
        // Seen is seen, until the next state.
        let acknowledged = watch.short_until.is_none() && watch.shown.as_ref().is_some_and(|shown| shown.acknowledged);
        watch.violated = violated;
        watch.short_until = None;
        watch.shown = since.map(|since_at| Overtime { since_at, lines, acknowledged });
    }
}

impl State {
    /// The state as rules name it; none while there is none.
    fn measured(&self, at: Instant) -> Option<Measured> {
        if !self.agent.state.is_signed_in() {
            return None;
        }
        let measured = |state, since: Option<Instant>| {
            let since = since.unwrap_or(at);
            Some(Measured { state, reason: None, queue: None, since })
        };
        if let Some(call) = self.live_call() {
            let queue = call.queue_id;
            let found = if call.phase.is_connected() {
                measured("11", call.clocks.answered_at)
            } else if call.phase == CallPhase::Ringing
                && call.call_type.map_or(call.direction == Direction::In, |kind| kind == COMES_IN)
            {
                measured("10", call.clocks.started_at)
            } else {
                // Being rung otherwise, or dialling, is no state of the rules.
                None
            };
            return found.map(|measured| Measured { queue, ..measured });
        }
        match self.agent.state {
            AgentState::Idle if self.duties.overtime.number == 3 => measured("3", None),
            AgentState::Idle => measured("1", None),
            AgentState::Busy => measured("2", None).map(|one| Measured { reason: self.agent.reason, ..one }),
            AgentState::Occupied => measured("4", None),
            AgentState::WrapUp => measured("5", None),
            AgentState::SignedOut | AgentState::SigningIn => None,
        }
    }

    /// Whether a rule is about this state and this agent.
    fn is_under(&self, rule: &Rule, measured: &Measured) -> bool {
        let fits = rule.state == measured.state && (rule.reason.is_none() || rule.reason == measured.reason);
        fits && match &rule.range {
            Range::All => true,
            Range::Groups(groups) => match measured.queue {
                Some(queue) => groups.contains(&queue),
                None => self.lists.own_groups.iter().any(|own| groups.contains(&own.id)),
            },
            Range::Teams(teams) => self.duties.overtime.group.as_ref().is_some_and(|own| teams.contains(own)),
        }
    }

    fn line(&self, rule: &Rule, key: &'static str, lasted: Option<String>) -> String {
        let locale = self.profile.locale;
        let names = [rule.setting.as_str(), rule.name.as_str()];
        let what = names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" · ");
        let message = Message::new(key).with("what", what).with("limit", in_words(rule.threshold_s, locale));
        match lasted {
            Some(lasted) => message.with("lasted", lasted).render(locale),
            None => message.render(locale),
        }
    }
}

/// Seconds in words, as `5分20秒`; whole minutes without their seconds.
fn in_words(seconds: u64, locale: Locale) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let message = match (hours, minutes, rest) {
        (0, 0, _) => Message::new("duty.time_s").with("seconds", rest),
        (0, _, 0) => Message::new("duty.time_minutes").with("minutes", minutes),
        (0, ..) => Message::new("duty.time_m").with("minutes", minutes).with("seconds", rest),
        (_, _, 0) => Message::new("duty.time_hours").with("hours", hours).with("minutes", minutes),
        _ => Message::new("duty.time_h").with("hours", hours).with("minutes", minutes).with("seconds", rest),
    };
    message.render(locale)
}

fn rule(row: &Value) -> Option<Rule> {
    if number_of(row.get("type")) != Some(TELL_AGENT) {
        return None;
    }
    let code = text_of(row.get("warningCode"))?;
    let mut parts = code.strip_prefix("agSta_")?.splitn(2, '_');
    let state = parts.next()?.to_owned();
    let reason = match parts.next() {
        Some(reason) => Some(reason.parse().ok()?),
        None => None,
    };
    let longer = match number_of(row.get("warningRule"))? {
        1 => true,
        2 => false,
        _ => return None,
    };
    let ids = ids(row.get("warningRange"));
    let range = match number_of(row.get("warningRangeType")).unwrap_or(0) {
        0 => Range::All,
        1 => Range::Groups(ids.iter().filter_map(|id| id.parse().ok()).collect()),
        2 => Range::Teams(ids),
        _ => return None,
    };
    let threshold_s = count_of(row, "codeThreshold");
    let (name, setting) = (shown(row, "warningCodeName"), shown(row, "warningSettingName"));
    Some(Rule { state, reason, longer, threshold_s, range, name, setting })
}

/// Ids as a list, or as one text with commas.
fn ids(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(ids)) => ids.iter().filter_map(|id| text_of(Some(id))).collect(),
        Some(one) => {
            let text = text_of(Some(one)).unwrap_or_default();
            text.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect()
        }
        None => Vec::new(),
    }
}
