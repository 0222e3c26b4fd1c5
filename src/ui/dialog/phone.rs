//! The phone that is bound and the kind of sign-in (protocol `cti.md` 2.2, 2.3).

use tui_input::Input;

use super::{
    Outcome,
    choice::{Choice, DutyChoice},
    form::{self, FormKey},
};
use crate::{
    app::Snapshot,
    config::LoginType,
    i18n::Message,
    ui::keys::{Chord, edit},
};

/// Fewest characters of a phone's number.
const SHORTEST: usize = 3;
/// Most characters of a phone's number, its extension included.
const LONGEST: usize = 31;

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneField {
    /// The phone's number.
    Number,
    /// Web phone or not.
    Web,
    /// Dynamic or static.
    Kind,
    /// The button.
    Submit,
}

impl PhoneField {
    /// In the order of the form.
    pub const ALL: [PhoneField; 4] = [PhoneField::Number, PhoneField::Web, PhoneField::Kind, PhoneField::Submit];

    /// Catalogue key of its name.
    pub fn label(self) -> &'static str {
        match self {
            PhoneField::Number => "ui.phone_number",
            PhoneField::Web => "ui.phone_web",
            PhoneField::Kind => "ui.phone_kind",
            PhoneField::Submit => "ui.phone_submit",
        }
    }
}

/// The open form.
#[derive(Clone, Debug)]
pub struct PhoneForm {
    /// The open field.
    pub at: PhoneField,
    /// The phone's number.
    pub number: Input,
    /// It is the web phone.
    pub web: bool,
    /// Kind of sign-in.
    pub login_type: LoginType,
    /// What is wrong, after an attempt.
    pub problem: Option<Message>,
}

impl PhoneForm {
    /// The form as things stand.
    pub fn new(snapshot: &Snapshot) -> Self {
        let agent = &snapshot.agent;
        Self {
            at: PhoneField::Number,
            number: agent.phone.clone().into(),
            web: agent.web_phone,
            login_type: agent.login_type,
            problem: None,
        }
    }

    /// The text that keys edit now.
    pub fn field_mut(&mut self) -> Option<&mut Input> {
        (self.at == PhoneField::Number).then_some(&mut self.number)
    }

    fn toggle(&mut self) {
        match self.at {
            PhoneField::Web => self.web = !self.web,
            PhoneField::Kind => {
                self.login_type = match self.login_type {
                    LoginType::Dynamic => LoginType::Static,
                    LoginType::Static => LoginType::Dynamic,
                };
            }
            PhoneField::Number | PhoneField::Submit => {}
        }
    }

    /// Moves, edits, switches, submits.
    #[expect(clippy::wildcard_enum_match_arm, reason = "crossterm's enum: keys without a meaning here")]
    pub fn on_key(&mut self, snapshot: &Snapshot, chord: Chord) -> Outcome {
        use crossterm::event::KeyCode;
        match FormKey::of(chord) {
            FormKey::Close => return Outcome::Close,
            FormKey::Pass => return Outcome::Pass,
            FormKey::Next | FormKey::Down => self.at = form::step(&PhoneField::ALL, self.at, false),
            FormKey::Back | FormKey::Up => self.at = form::step(&PhoneField::ALL, self.at, true),
            FormKey::Enter if self.at == PhoneField::Submit => return self.submit(snapshot),
            FormKey::Enter => self.at = form::step(&PhoneField::ALL, self.at, false),
            FormKey::Edit => match chord.code {
                KeyCode::Left | KeyCode::Right | KeyCode::Char(' ') if self.at != PhoneField::Number => self.toggle(),
                _ => {
                    if self.field_mut().is_some_and(|field| edit(field, chord)) {
                        self.problem = None;
                    }
                }
            },
        }
        Outcome::Stay
    }

    /// A field was clicked: a switch switches, the button submits.
    pub fn on_field(&mut self, snapshot: &Snapshot, index: usize) -> Outcome {
        let Some(field) = PhoneField::ALL.get(index) else { return Outcome::Stay };
        self.at = *field;
        if *field == PhoneField::Submit {
            return self.submit(snapshot);
        }
        self.toggle();
        Outcome::Stay
    }

    fn submit(&mut self, snapshot: &Snapshot) -> Outcome {
        let agent = &snapshot.agent;
        let number = self.number.value().trim().to_owned();
        let fits = |c: char| c.is_ascii_digit() || matches!(c, '-' | ',' | '+');
        let problem = if !number.chars().all(fits) || !(SHORTEST..=LONGEST).contains(&number.len()) {
            self.at = PhoneField::Number;
            Some("ui.phone_bad_number")
        } else if number == agent.phone && self.web == agent.web_phone && self.login_type == agent.login_type {
            Some("ui.phone_same")
        } else {
            None
        };
        self.problem = problem.map(Message::new);
        if self.problem.is_some() {
            return Outcome::Stay;
        }
        let web = (self.web != agent.web_phone).then_some(self.web);
        let phone = (number != agent.phone || web.is_some()).then_some((number, web));
        let login_type = (self.login_type != agent.login_type).then_some(self.login_type);
        Outcome::Do(Choice::Duty(DutyChoice::Phone { phone, login_type }))
    }
}
