//! Asking for a break: reason, time, remark, who approves (protocol `phone-bar.md` 8.2).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crossterm::event::{KeyCode, KeyModifiers};
use tui_input::Input;

use super::{
    Outcome,
    choice::{Choice, DutyChoice},
    form::{self, FormKey},
};
use crate::{
    app::{Approver, BreakWish, Snapshot},
    domain::{self, BreakTimeError, BusyReason, Minute, REMARK_MAX},
    i18n::Message,
    ui::keys::{Chord, edit},
};

/// Approvers are searched for when nothing has been typed for so long.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Busy reason.
    Reason,
    /// First minute.
    From,
    /// Last minute.
    To,
    /// Why.
    Remark,
    /// Who approves.
    Approver,
    /// The button.
    Submit,
}

impl Field {
    /// In the order of the form.
    pub const ALL: [Field; 6] = [Field::Reason, Field::From, Field::To, Field::Remark, Field::Approver, Field::Submit];

    /// Catalogue key of its name.
    pub fn label(self) -> &'static str {
        match self {
            Field::Reason => "ui.break_reason",
            Field::From => "ui.break_from",
            Field::To => "ui.break_to",
            Field::Remark => "ui.break_remark",
            Field::Approver => "ui.break_approver",
            Field::Submit => "ui.break_submit",
        }
    }

    fn is_pick(self) -> bool {
        matches!(self, Field::Reason | Field::Approver)
    }
}

/// A line to choose from in the field that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it says.
    pub label: String,
    /// It is chosen.
    pub current: bool,
}

/// The open form.
#[derive(Clone, Debug)]
pub struct BreakForm {
    /// The open field.
    pub at: Field,
    /// What the reasons are filtered by.
    pub reason_filter: Input,
    /// The reason chosen.
    pub reason: Option<i64>,
    /// First minute, as typed.
    pub from: Input,
    /// Last minute, as typed.
    pub to: Input,
    /// Remark.
    pub remark: Input,
    /// What approvers are searched by.
    pub approver_filter: Input,
    /// Who is chosen.
    pub approver: Option<Approver>,
    /// What the platform has been asked to search for.
    pub searched: String,
    /// What was typed last in the search, and when.
    typing: Option<(String, Instant)>,
    /// Fields that have been left, so that what is wrong with them may be said.
    left: BTreeSet<Field>,
    /// The request is under way.
    pub sent: bool,
    /// What the platform said against it.
    pub refused: Option<String>,
}

impl BreakForm {
    /// The form as it opens: with a reason if one was refused before, and the next minutes.
    pub fn new(reason: Option<i64>, now: Minute) -> Self {
        let (from, to) = now.proposed();
        Self {
            at: Field::Reason,
            reason_filter: Input::default(),
            reason,
            from: from.to_string().into(),
            to: to.to_string().into(),
            remark: Input::default(),
            approver_filter: Input::default(),
            approver: None,
            searched: String::new(),
            typing: None,
            left: BTreeSet::new(),
            sent: false,
            refused: None,
        }
    }

    /// The text that keys edit now.
    pub fn field_mut(&mut self) -> Option<&mut Input> {
        match self.at {
            Field::Reason => Some(&mut self.reason_filter),
            Field::From => Some(&mut self.from),
            Field::To => Some(&mut self.to),
            Field::Remark => Some(&mut self.remark),
            Field::Approver => Some(&mut self.approver_filter),
            Field::Submit => None,
        }
    }

    fn reasons<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a BusyReason> {
        let filter = self.reason_filter.value().to_lowercase();
        let fits = |reason: &&BusyReason| has_words(&format!("{} {}", reason.name, reason.id), &filter);
        snapshot.busy_reasons.iter().filter(fits).collect()
    }

    /// All of those that were searched by what is typed; meanwhile those of before that fit it.
    fn approvers<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a Approver> {
        let typed = self.approver_filter.value().trim().to_lowercase();
        let searched = snapshot.breaks.approvers_by.to_lowercase() == typed;
        let fits = |one: &&Approver| searched || has_words(&format!("{} {}", one.number, one.name), &typed);
        snapshot.breaks.approvers.iter().filter(fits).collect()
    }

    /// What can be chosen in the open field.
    pub fn offers(&self, snapshot: &Snapshot) -> Vec<Offer> {
        match self.at {
            Field::Reason => {
                let offer = |one: &BusyReason| Offer { label: one.name.clone(), current: self.reason == Some(one.id) };
                self.reasons(snapshot).into_iter().map(offer).collect()
            }
            Field::Approver => {
                let offer = |one: &Approver| Offer {
                    label: format!("{} {}", one.number, one.name),
                    current: self.approver.as_ref().is_some_and(|chosen| chosen.number == one.number),
                };
                self.approvers(snapshot).into_iter().map(offer).collect()
            }
            Field::From | Field::To | Field::Remark | Field::Submit => Vec::new(),
        }
    }

    /// Chooses a line of the open field.
    pub fn take(&mut self, snapshot: &Snapshot, index: usize) {
        if self.at == Field::Reason {
            self.reason = self.reasons(snapshot).get(index).map(|one| one.id).or(self.reason);
        } else if self.at == Field::Approver {
            let chosen = self.approvers(snapshot).get(index).copied().cloned();
            self.approver = chosen.or_else(|| self.approver.take());
        }
    }

    fn move_choice(&mut self, snapshot: &Snapshot, up: bool) {
        let offers = self.offers(snapshot);
        let last = offers.len().saturating_sub(1);
        let next = match offers.iter().position(|offer| offer.current) {
            None => 0,
            Some(at) if up => at.checked_sub(1).unwrap_or(last),
            Some(at) => {
                if at >= last {
                    0
                } else {
                    at + 1
                }
            }
        };
        self.take(snapshot, next);
    }

    /// What is wrong with a field, once it has been left.
    pub fn told(&self, snapshot: &Snapshot, field: Field) -> Option<Message> {
        self.problem(snapshot, field).filter(|_| self.left.contains(&field))
    }

    fn problem(&self, snapshot: &Snapshot, field: Field) -> Option<Message> {
        let time = domain::break_time(self.from.value(), self.to.value());
        match field {
            Field::Reason => {
                let known = |id| snapshot.busy_reasons.iter().any(|reason| reason.id == id);
                (!self.reason.is_some_and(known)).then(|| Message::new("duty.break_reason"))
            }
            Field::From => (time == Err(BreakTimeError::BadStart)).then(|| Message::new("duty.break_bad_start")),
            Field::To => match time {
                // The start may be unreadable as well.
                _ if Minute::parse(self.to.value()).is_none() => Some(Message::new("duty.break_bad_end")),
                Err(BreakTimeError::EndNotAfterStart) => Some(Message::new("duty.break_end_not_after_start")),
                Ok(_) | Err(BreakTimeError::BadStart | BreakTimeError::BadEnd) => None,
            },
            Field::Remark => {
                let long = self.remark.value().chars().count() > REMARK_MAX;
                long.then(|| Message::new("duty.break_remark").with("most", REMARK_MAX))
            }
            Field::Approver => self.approver.is_none().then(|| Message::new("duty.break_approver")),
            Field::Submit => None,
        }
    }

    fn go(&mut self, to: Field) {
        self.left.insert(self.at);
        self.at = to;
    }

    /// Moves, edits, chooses, submits.
    pub fn on_key(&mut self, snapshot: &Snapshot, chord: Chord) -> Outcome {
        match FormKey::of(chord) {
            FormKey::Close => return Outcome::Close,
            FormKey::Pass => return Outcome::Pass,
            FormKey::Next => self.go(form::step(&Field::ALL, self.at, false)),
            FormKey::Back => self.go(form::step(&Field::ALL, self.at, true)),
            FormKey::Up if self.at.is_pick() => self.move_choice(snapshot, true),
            FormKey::Down if self.at.is_pick() => self.move_choice(snapshot, false),
            FormKey::Up => self.go(form::step(&Field::ALL, self.at, true)),
            FormKey::Down => self.go(form::step(&Field::ALL, self.at, false)),
            FormKey::Enter if self.at == Field::Submit => return self.submit(snapshot),
            FormKey::Enter => {
                if !self.offers(snapshot).iter().any(|offer| offer.current) {
                    self.take(snapshot, 0);
                }
                self.go(form::step(&Field::ALL, self.at, false));
            }
            FormKey::Edit => {
                if matches!(self.at, Field::From | Field::To) && !belongs_in_a_time(chord) {
                    return Outcome::Stay;
                }
                let changed = self.field_mut().is_some_and(|field| edit(field, chord));
                if changed && self.at.is_pick() {
                    // What is typed is meant: the first line that fits.
                    self.take(snapshot, 0);
                }
            }
        }
        Outcome::Stay
    }

    /// A field was clicked; the button submits.
    pub fn on_field(&mut self, snapshot: &Snapshot, index: usize) -> Outcome {
        match Field::ALL.get(index) {
            Some(Field::Submit) => self.submit(snapshot),
            Some(field) => {
                self.go(*field);
                Outcome::Stay
            }
            None => Outcome::Stay,
        }
    }

    fn submit(&mut self, snapshot: &Snapshot) -> Outcome {
        self.left.extend(Field::ALL);
        if let Some(wrong) = Field::ALL.into_iter().find(|field| self.problem(snapshot, *field).is_some()) {
            self.at = wrong;
            return Outcome::Stay;
        }
        if self.sent {
            return Outcome::Stay;
        }
        self.sent = true;
        self.refused = None;
        Outcome::DoAndStay(Choice::Duty(DutyChoice::Ask(BreakWish {
            reason: self.reason,
            from: self.from.value().to_owned(),
            to: self.to.value().to_owned(),
            remark: self.remark.value().to_owned(),
            approver: self.approver.as_ref().map(|one| one.number.clone()).unwrap_or_default(),
        })))
    }

    /// Time has passed: the search goes out when the typing has paused.
    pub fn tick(&mut self, now: Instant) {
        let typed = self.approver_filter.value().trim();
        if typed == self.searched {
            self.typing = None;
            return;
        }
        match &self.typing {
            Some((last, since)) if last == typed => {
                if now >= *since + DEBOUNCE {
                    self.searched = typed.to_owned();
                    self.typing = None;
                }
            }
            Some(_) | None => self.typing = Some((typed.to_owned(), now)),
        }
    }

    /// When the search goes out.
    pub fn next_tick(&self) -> Option<Instant> {
        self.typing.as_ref().map(|(_, since)| *since + DEBOUNCE)
    }
}

/// Whether a key may edit a time: of what is typed only digits and what stands between them, as keyboards write them.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys that move and delete")]
fn belongs_in_a_time(chord: Chord) -> bool {
    match chord.code {
        KeyCode::Char(_) if chord.modifiers.contains(KeyModifiers::CONTROL) => true,
        KeyCode::Char(c) => c.is_ascii_digit() || matches!(c, ':' | '.' | '\u{ff1a}' | '\u{ff10}'..='\u{ff19}'),
        _ => true,
    }
}

/// Whether a text holds every word of a filter in lower case.
fn has_words(text: &str, filter: &str) -> bool {
    let text = text.to_lowercase();
    filter.split_whitespace().all(|word| text.contains(word))
}
