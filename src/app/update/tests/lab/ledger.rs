//! What really happened to each call, and what the program wrote down and published of it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Lab, clock::Ms};
use crate::{
    app::SdkEvent,
    cti::push::{PhoneState, PushMessage},
    domain::{HungUpBy, JournalChange, JournalEntry, Outcome},
};

/// The own leg of a call out that ends sooner was refused by the own phone.
const TOO_QUICK: Ms = 1500;

/// A leg, or a ring without a leg, that may be of a call that is over is shown all the same after so long.
const DOUBT: Ms = 1500;
const LEGLESS: Ms = 4000;

/// One that waits beside another call is turned away after so long.
const PATIENCE: Ms = 4000;

/// Halves of a call that come further apart are not joined any more.
const TOO_LATE: Ms = 4900;

/// A call, by what happened to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    pub(super) number: String,
    pub(super) out: bool,
    /// When the phone had its leg ringing, when it had answered, and when the leg was gone there.
    pub(super) rang: Option<Ms>,
    pub(super) up: Option<Ms>,
    pub(super) left: Option<Ms>,
    /// When the platform had it in conversation, and when it ended there or was forgotten.
    pub(super) connected: Option<Ms>,
    pub(super) over: Option<Ms>,
    pub(super) forgotten: Option<Ms>,
    /// When the program heard of it: that it rings or is placed, that it is in conversation, that it is over.
    pub(super) ring_heard: Option<Ms>,
    pub(super) connect_heard: Option<Ms>,
    pub(super) over_heard: Option<Ms>,
    /// The program was told of it by a resync.
    pub(super) resync_heard: Option<Ms>,
    /// How many resyncs have told of it.
    pub(super) resyncs: usize,
    /// A call out was accepted, as far as the program knows.
    pub(super) dial_heard: Option<Ms>,
    /// Its leg rang, or it was announced without one, beside another call.
    pub(super) beside: bool,
    /// The link was cut between its leg and the push.
    pub(super) cut: bool,
    /// Its leg came from a gateway, or the leg of another one for it, while nobody could say whose that was.
    pub(super) mixed: bool,
    /// Its leg came from a gateway after it was over, before that of the next call, or it is that next call: which of the
    /// two the agent ended is not to be told.
    pub(super) crossed: bool,
    /// The agent asked for its end.
    pub(super) end_asked: Option<Ms>,
    /// A command to end it has succeeded.
    pub(super) end_agreed: bool,
    /// Its leg rang while nothing was heard of the platform.
    pub(super) unheard: bool,
}

impl Story {
    /// Only a resync has told of it.
    pub(super) fn is_only_found(&self) -> bool {
        self.resync_heard.is_some() && self.ring_heard.is_none()
    }

    /// Only the answer to the agent's command has told of it.
    pub(super) fn is_only_dialled(&self) -> bool {
        self.dial_heard.is_some() && self.ring_heard.is_none() && self.rang.is_none()
    }
}

/// A line of the journal, and when it was ended.
#[derive(Clone, Debug)]
struct Line {
    entry: JournalEntry,
    ended: Option<Ms>,
}

#[derive(Default)]
pub(super) struct Ledger {
    /// No leg says who calls.
    gateway: bool,
    calls: Vec<Story>,
    lines: BTreeMap<u64, Line>,
    pub(super) started: u64,
    pub(super) ended: u64,
    /// `callEnded` as it was published last.
    last_ended: Option<Value>,
}

/// The call of a number.
pub(super) fn no_of(number: &str) -> Option<usize> {
    number.strip_prefix("138").or_else(|| number.strip_prefix("139"))?.parse().ok()
}

/// The call of a platform's name or a Call-ID.
pub(super) fn no_of_name(name: &str) -> Option<usize> {
    name.strip_prefix("pid-").or_else(|| name.strip_prefix("leg-"))?.parse().ok()
}

impl Ledger {
    pub(super) fn new(gateway: bool) -> Self {
        Self { gateway, ..Self::default() }
    }

    pub(super) fn begin(&mut self, out: bool) -> usize {
        let no = self.calls.len();
        let number = format!("{}{no:08}", if out { "138" } else { "139" });
        self.calls.push(Story { number, out, ..Story::default() });
        no
    }

    pub(super) fn call(&self, no: usize) -> &Story {
        &self.calls[no]
    }

    pub(super) fn calls(&self) -> &[Story] {
        &self.calls
    }

    pub(super) fn call_mut(&mut self, no: usize) -> &mut Story {
        &mut self.calls[no]
    }

    pub(super) fn leg_rings(&mut self, no: usize, beside: bool, now: Ms) {
        self.calls[no].beside |= beside;
        self.calls[no].rang.get_or_insert(now);
    }

    pub(super) fn leg_is_up(&mut self, no: usize, now: Ms) {
        self.calls[no].up.get_or_insert(now);
    }

    pub(super) fn leg_is_gone(&mut self, no: usize, now: Ms) {
        self.calls[no].left.get_or_insert(now);
    }

    pub(super) fn connects(&mut self, no: usize, now: Ms) {
        self.calls[no].connected.get_or_insert(now);
    }

    pub(super) fn ends(&mut self, no: usize, now: Ms) {
        self.calls[no].over.get_or_insert(now);
    }

    pub(super) fn is_forgotten(&mut self, no: usize, now: Ms) {
        self.calls[no].forgotten.get_or_insert(now);
    }

    pub(super) fn dial_is_answered(&mut self, no: usize, accepted: bool, now: Ms) {
        if accepted {
            self.calls[no].dial_heard.get_or_insert(now);
        }
    }

    /// A push arrives.
    /// `linked_at`: since when the link has stood.
    pub(super) fn is_heard(&mut self, message: &PushMessage, about: Option<usize>, linked_at: Ms, now: Ms) {
        let Some(call) = about.and_then(|no| self.calls.get_mut(no)) else { return };
        match message {
            PushMessage::Phone(event) => {
                call.cut |= call.rang.is_some_and(|rang| linked_at > rang);
                match event.state {
                    PhoneState::Ring(_) | PhoneState::CallOut => &mut call.ring_heard,
                    PhoneState::HungUp => &mut call.over_heard,
                    PhoneState::Connected => &mut call.connect_heard,
                    _ => return,
                }
                .get_or_insert(now);
            }
            PushMessage::InitState { pho_sta: Some(pho_sta), .. } => {
                call.resync_heard.get_or_insert(now);
                call.resyncs += 1;
                if *pho_sta == 6 {
                    call.connect_heard.get_or_insert(now);
                }
            }
            _ => {}
        }
    }

    /// The line of a call that has just ended, with its open end.
    fn wrong_line(&self, no: usize, line: &Line) -> Option<String> {
        let call = &self.calls[no];
        let entry = &line.entry;
        let ended = line.ended?;
        if call.mixed || call.crossed {
            return None;
        }
        let wrong = |what: &str| Some(format!("{what}: {entry:?}\nwhat happened: {call:?}, the line ended at {ended}"));
        // The number, as far as it was told before the end.
        let told = call.ring_heard.or(call.dial_heard).is_some_and(|heard| heard <= ended);
        let number = entry.peer.number.as_deref();
        let known = if told && !self.came_apart(call) {
            number == Some(call.number.as_str())
        } else {
            number.is_none_or(|n| n == "gw01" || n == call.number)
        };
        if !known {
            return wrong("a wrong number in the journal");
        }
        let by_agent = call.end_asked.is_some_and(|asked| asked <= ended);
        let up = call.up.is_some_and(|up| up <= ended);
        // Both in the same moment: whichever came first.
        let up_before = call.up.is_some_and(|up| up < ended);
        let fits = match (call.out, entry.outcome) {
            // Found by the platform's word, without its leg.
            (_, Outcome::Interrupted) => self.came_apart(call) || call.cut,
            (false, Outcome::Answered) => up || call.connect_heard.is_some(),
            (false, Outcome::Missed) => (!up_before && !by_agent) || self.came_apart(call),
            (false, Outcome::Rejected) => !up_before && by_agent,
            (false, _) => false,
            (true, Outcome::Answered) => call.connected.is_some(),
            (true, Outcome::Cancelled) => by_agent && call.connect_heard.is_none_or(|heard| heard >= ended),
            (true, Outcome::Unanswered) => !by_agent && call.connect_heard.is_none_or(|heard| heard >= ended),
            (true, Outcome::Failed) => {
                !up || call.over.is_some_and(|over| over < call.ring_heard.unwrap_or(0) + TOO_QUICK)
            }
            // The leg came before anybody said that it was asked for.
            (true, _) => false,
        };
        if !fits {
            return wrong("a wrong outcome in the journal");
        }
        if entry.outcome == Outcome::Answered && !self.came_apart(call) {
            let right =
                if by_agent { entry.hung_up_by == HungUpBy::Agent } else { entry.hung_up_by != HungUpBy::Agent };
            if !right {
                return wrong("ended by somebody else");
            }
        }
        None
    }

    /// What is wrong with the journal after everything is over.
    pub(super) fn wrong(&self) -> Option<String> {
        let mut lines: Vec<Vec<&Line>> = vec![Vec::new(); self.calls.len()];
        let mut unknown = Vec::new();
        for line in self.lines.values() {
            if line.ended.is_none() {
                return Some(format!("a line that never ends: {:?}", line.entry));
            }
            let named = line.entry.call_id.as_deref().and_then(no_of_name);
            let numbered = line.entry.peer.number.as_deref().and_then(no_of);
            if let (Some(named), Some(numbered)) = (named, numbered)
                && named != numbered
                && !self.calls.get(named).is_some_and(|call| self.is_nameless(call) || call.mixed || call.crossed)
                && !self.calls.get(numbered).is_some_and(|call| call.mixed || call.crossed)
            {
                return Some(format!("two calls in one line: {:?}", line.entry));
            }
            // Behind a gateway only the platform says whose leg it is.
            let named = named
                .filter(|no| !self.calls.get(*no).is_some_and(|call| self.is_nameless(call)) || numbered.is_none());
            match named.or(numbered).and_then(|no| lines.get_mut(no)) {
                Some(of_call) => of_call.push(line),
                None => unknown.push(line),
            }
        }
        for (no, call) in self.calls.iter().enumerate() {
            let of_call = &lines[no];
            let heard = [call.ring_heard, call.rang, call.dial_heard].iter().any(Option::is_some);
            if call.mixed || call.crossed {
                continue;
            }
            let most = if heard { 1 + usize::from(self.came_apart(call)) } else { 0 };
            // One that only rang beside another call was turned away, and the agent was told so.
            let lasts = |at: Ms| {
                let gone = [call.left, call.over_heard].into_iter().flatten().min();
                gone.is_none_or(|gone| gone > at + PATIENCE)
            };
            let stays = |ring| call.rang.is_some_and(|rang| lasts(rang.max(ring)));
            let in_time = call.ring_heard.is_some_and(|ring| !call.beside || stays(ring));
            let gone = [call.left, call.over_heard];
            let gone_before = |dialled| call.beside && gone.iter().flatten().any(|gone| *gone <= dialled);
            let announced = in_time || call.dial_heard.is_some_and(|dialled| !gone_before(dialled));
            let told_apart = announced || !(call.beside || self.is_nameless(call));
            let least = usize::from(heard && told_apart);
            if of_call.len() > most || (of_call.len() < least && unknown.is_empty()) {
                return Some(format!(
                    "{} lines of a call, {least} to {most} expected: {call:?}\n{of_call:#?}",
                    of_call.len()
                ));
            }
            if of_call.len() < least {
                unknown.pop();
            }
            if let Some(wrong) = of_call.iter().find_map(|line| self.wrong_line(no, line)) {
                return Some(wrong);
            }
        }
        let found = self.calls.iter().map(|call| call.resyncs).sum();
        if unknown.len() > found {
            return Some(format!("lines of nobody: {unknown:#?}"));
        }
        if self.started != self.ended || self.ended != self.lines.len() as u64 {
            return Some(format!("{} begun, {} ended, {} lines", self.started, self.ended, self.lines.len()));
        }
        None
    }

    /// Nobody but a gateway has said whose call it is: it may be taken for the one that is awaited.
    pub(super) fn is_nameless(&self, call: &Story) -> bool {
        self.gateway && call.ring_heard.is_none() && call.dial_heard.is_none()
    }

    /// One half of the call was over before the other one came, so that nothing but time could join them. This is the
    /// only place where the model allows more than one result:
    ///
    /// - what is said later than [`TOO_LATE`] after the end may as well be the beginning of the next call;
    /// - a leg that still rings when [`DOUBT`] has passed is somebody who calls, whatever was said before;
    /// - the same of one that comes when the agent has asked for the end;
    /// - a ring behind a gateway names nobody who has called: not told in time that it is over, it is shown;
    /// - what comes with an absence of the link between has no order, and what a resync says has no name.
    fn came_apart(&self, call: &Story) -> bool {
        let push_late = |by| call.left.is_some_and(|left| call.ring_heard.is_none_or(|heard| heard > left + by));
        let leg_late = |by| call.over_heard.is_some_and(|over| call.rang.is_none_or(|rang| rang > over + by));
        let answered_late = leg_late(0) && call.up.is_some();
        let after_asking = call.end_asked.is_some_and(|asked| call.rang.is_some_and(|rang| rang > asked));
        let lingers = call.rang.is_some_and(|rang| call.left.is_none_or(|left| left >= rang + DOUBT));
        let told = call.ring_heard.is_some_and(|ring| call.over_heard.is_some_and(|over| over < ring + LEGLESS));
        // Nothing that a resync says has a name.
        let found = call.resync_heard.is_some() && call.ring_heard.is_none();
        found
            || push_late(TOO_LATE)
            || leg_late(TOO_LATE)
            || answered_late
            || (push_late(0) && call.cut)
            || (leg_late(0) && lingers)
            || (after_asking && lingers)
            || (push_late(0) && self.gateway && !told)
    }

    /// A leg from a gateway is shown as that of another call than its own.
    pub(super) fn leg_is_shown_as(&mut self, leg: usize, other: usize) {
        let late = |call: &Story| {
            let over = |over: Ms| call.rang.is_some_and(|rang| rang > over);
            call.unheard || call.crossed || call.over.is_some_and(over)
        };
        if self.gateway && leg != other && self.calls.get(leg).is_some_and(late) {
            for no in [leg, other] {
                if let Some(call) = self.calls.get_mut(no) {
                    call.crossed = true;
                }
            }
        }
    }

    pub(super) fn line_count(&self) -> usize {
        self.lines.len()
    }
}

impl Lab {
    pub(super) fn is_published(&mut self, event: &SdkEvent) {
        match event.name {
            "callStarted" => self.ledger.started += 1,
            "callEnded" => {
                self.ledger.ended += 1;
                self.ledger.last_ended = Some(event.data.clone());
            }
            _ => return,
        }
        self.note(|| format!("publishes {} {}", event.name, event.data));
    }

    pub(super) fn is_written(&mut self, change: JournalChange) {
        let JournalChange::Entry(entry) = change else { return };
        self.note(|| format!("writes {entry:?}"));
        // A call that was found and that nobody spoke in here stays interrupted when it is over.
        let told = self.ledger.last_ended.as_ref().and_then(|told| told.get("id")).and_then(Value::as_u64);
        let stays = |line: &Line| line.ended.is_some() && line.entry.outcome == Outcome::Interrupted;
        let over = told == Some(entry.id) || self.ledger.lines.get(&entry.id).is_some_and(stays);
        let open = entry.outcome == Outcome::Interrupted && !over;
        let now = self.now;
        let Some(line) = self.ledger.lines.get_mut(&entry.id) else {
            if !open {
                self.fail(format!("a line that ends before it begins: {entry:?}"));
            }
            self.ledger.lines.insert(entry.id, Line { entry: *entry, ended: None });
            return;
        };
        let ends = !open && line.ended.replace(line.ended.unwrap_or(now)).is_none();
        line.entry = *entry;
        if open && line.ended.is_some() {
            return self.fail("a line is open again".into());
        }
        if ends {
            let entry = line.entry.clone();
            let told = self.ledger.last_ended.take().unwrap_or_default();
            let same = told.get("number").and_then(Value::as_str) == entry.peer.number.as_deref()
                && told.get("call_id").and_then(Value::as_str).is_none_or(|id| Some(id) == entry.call_id.as_deref());
            if !same {
                self.fail(format!("callEnded says {told}, the journal {entry:?}"));
            }
        }
    }
}
