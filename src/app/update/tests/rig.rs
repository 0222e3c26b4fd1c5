//! A state machine on a bench: inputs by hand, effects by eye, a clock that is turned.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    app::{
        Command, CommandId, CommandOutcome, Effect, Event, Input, LinkId, Now, Profile, RequestId, Snapshot, State,
        TimerId,
    },
    config::LoginType,
    cti::{
        api::{ApiError, Reply, Request},
        link::LinkEvent,
        push::{AgentEvent, PhoneEvent, PhoneState, Push, PushMessage},
    },
    domain::{JournalChange, JournalEntry, TargetState},
    i18n::Locale,
    softphone,
};

pub(super) struct Rig {
    pub(super) state: State,
    pub(super) at: Instant,
    began: Instant,
    /// How far the clock on the wall has been set forward, or back.
    set: SignedDuration,
    pub(super) effects: Vec<Effect>,
    commands: u64,
}

pub(in crate::app) fn profile() -> Profile {
    Profile {
        keypad: crate::config::KeypadWay::Platform,
        ag_no: "8001".into(),
        agent_phone: "9001".into(),
        webrtc: true,
        websocket: true,
        sign_in_at_start: true,
        auto_force_login: false,
        login_type: LoginType::Dynamic,
        target: TargetState::Ready,
        auto_queue: false,
        show_que_sum: false,
        sign_out_on_exit: false,
        call_nums: Vec::new(),
        default_caller: None,
        ws_reconnect_time: Duration::from_secs(3 * 3600),
        token_call_back_time: Duration::from_secs(1800),
        can_renew_token: false,
        known: None,
        remembered: crate::domain::Remembered::default(),
        auto_call: false,
        auto_call_overrun_out: true,
        raise_hand: false,
        dining_remind: false,
        status_warn: false,
        zone: jiff::tz::TimeZone::UTC,
        journal_keep: 500,
        devices: softphone::Devices { input: "default".into(), output: "default".into(), ring: "default".into() },
        ring: true,
        fills_panel: false,
        check: false,
        real_sound: true,
        config_warnings: Vec::new(),
        phone_away: crate::config::PhoneAway::Ask,
        locale: Locale::En,
    }
}

impl Rig {
    pub(super) fn new(profile: Profile) -> Self {
        let at = Instant::now();
        let state = State::new(profile, Now { at, wall: Timestamp::UNIX_EPOCH, random: 0.5 });
        Self { state, at, began: at, set: SignedDuration::ZERO, effects: Vec::new(), commands: 0 }
    }

    /// Signed in, idle, registered.
    pub(super) fn idle() -> Self {
        let mut rig = Self::signed_in(profile());
        rig.effects.clear();
        rig
    }

    /// The same with another profile; what the duties ask for at once is still to be answered.
    pub(super) fn signed_in(profile: Profile) -> Self {
        let mut rig = Self::new(profile);
        rig.event(Event::Started);
        rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw", "expires": 99_999_999 }));
        rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R1", "agSta": "0" }));
        rig.link(LinkEvent::Opened);
        rig.push(PushMessage::Established);
        rig.reply_to(|r| matches!(r, Request::Ready), 0, Value::Null);
        rig.agent("1");
        rig.phone(softphone::Event::Registered { expires: Duration::from_secs(600) });
        rig
    }

    /// In conversation with a customer who called.
    pub(super) fn talking() -> Self {
        let mut rig = Self::ringing();
        let id = rig.command(Command::Answer);
        rig.phone(softphone::Event::Answered { call_id: "c1".into() });
        rig.pho(PhoneState::Connected);
        assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
        rig.effects.clear();
        rig
    }

    /// A customer rings.
    pub(super) fn ringing() -> Self {
        let mut rig = Self::idle();
        rig.agent("4");
        rig.push(PushMessage::Phone(PhoneEvent {
            state: PhoneState::Ring(crate::domain::RingKind::Queue),
            caller: Some("13800138000".into()),
            area: Some("北京".into()),
            queue_id: Some(2),
            call_id: Some("8f3a".into()),
            ..PhoneEvent::default()
        }));
        rig.phone(softphone::Event::Incoming { call_id: "c1".into(), from: "13800138000".into(), auto_answer: false });
        rig
    }

    pub(super) fn input(&mut self, input: Input) {
        let now = Now { at: self.at, wall: self.wall(), random: 0.5 };
        let effects = self.state.update(input, now);
        self.effects.extend(effects);
    }

    /// The clock on the wall: the rig begins with the epoch.
    pub(super) fn wall(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + (self.at - self.began) + self.set
    }

    /// Somebody sets the clock on the wall; the other one goes on.
    pub(super) fn set_clock(&mut self, by: SignedDuration) {
        self.set += by;
    }

    pub(super) fn event(&mut self, event: Event) {
        self.input(Input::Event(event));
    }

    pub(super) fn command(&mut self, command: Command) -> CommandId {
        self.commands += 1;
        let id = CommandId(self.commands);
        self.input(Input::Command { id, command });
        id
    }

    pub(super) fn phone(&mut self, event: softphone::Event) {
        self.event(Event::Phone(event));
    }

    pub(super) fn link(&mut self, event: LinkEvent) {
        let id = self.link_id();
        self.event(Event::Link { id, event });
    }

    pub(super) fn link_id(&self) -> LinkId {
        self.state.link.id
    }

    pub(super) fn push(&mut self, message: PushMessage) {
        let push = Push { message, event_name: "test", event_type: &["phone"], status: "", raw: Value::Null };
        self.link(LinkEvent::Push(Box::new(push)));
    }

    pub(super) fn agent(&mut self, state: &str) {
        let state = state.parse().unwrap();
        self.push(PushMessage::Agent(AgentEvent { state, reason: None, wait_time_s: (state == 5).then_some(10) }));
    }

    pub(super) fn busy(&mut self, reason: i64) {
        self.push(PushMessage::Agent(AgentEvent { state: 2, reason: Some(reason), wait_time_s: None }));
    }

    pub(super) fn pho(&mut self, state: PhoneState) {
        self.push(PushMessage::Phone(PhoneEvent { state, ..PhoneEvent::default() }));
    }

    /// Turns the clock and lets the timer with the nearest deadline, as last started, run out.
    pub(super) fn timer(&mut self, timer: TimerId) {
        let after = self
            .effects
            .iter()
            .rev()
            .find_map(|effect| match effect {
                Effect::StartTimer { timer: t, after } if *t == timer => Some(*after),
                _ => None,
            })
            .unwrap_or_else(|| panic!("{timer:?} was not started"));
        self.at += after;
        self.event(Event::Timer(timer));
    }

    pub(super) fn later(&mut self, by: Duration) {
        self.at += by;
    }

    /// The request sent last that fits, by its number.
    pub(super) fn sent(&self, fits: impl Fn(&Request) -> bool) -> Option<RequestId> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Request { id, request } if fits(request) => Some(*id),
            _ => None,
        })
    }

    pub(super) fn count(&self, fits: impl Fn(&Effect) -> bool) -> usize {
        self.effects.iter().filter(|effect| fits(effect)).count()
    }

    /// Answers the request sent last with success.
    pub(super) fn reply(&mut self, data: Value) {
        self.reply_to(|_| true, 0, data);
    }

    pub(super) fn reply_to(&mut self, fits: impl Fn(&Request) -> bool, code: i64, data: Value) {
        let id = self.sent(fits).expect("such a request was sent");
        let reply = Reply { code, message: if code == 0 { "ok".into() } else { "no".into() }, data };
        self.event(Event::Replied { id, result: Ok(reply) });
    }

    /// Somebody gives a token, and the platform accepts it.
    pub(super) fn new_token(&mut self) -> CommandId {
        let id = self.command(Command::SetToken { token: token() });
        self.token_is_accepted();
        id
    }

    pub(super) fn token_is_accepted(&mut self) {
        self.reply_to(|r| matches!(r, Request::CheckToken { .. }), 0, Value::Null);
    }

    pub(super) fn fail(&mut self, fits: impl Fn(&Request) -> bool) {
        let id = self.sent(fits).expect("such a request was sent");
        self.event(Event::Replied { id, result: Err(ApiError::Timeout(4000)) });
    }

    pub(super) fn outcome(&self, id: CommandId) -> Option<&CommandOutcome> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Resolve { id: i, outcome } if *i == id => Some(outcome),
            _ => None,
        })
    }

    pub(super) fn phone_told(&self, command: &softphone::Command) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Phone(c) if c == command))
    }

    /// Whether a leg of this Call-ID is known and has not ended.
    pub(super) fn has_leg(&self, call_id: &str) -> bool {
        let shown = self.state.call.as_ref().and_then(|call| call.leg.as_ref());
        let next = self.state.next_call.as_ref().and_then(|next| next.leg.as_ref());
        shown.into_iter().chain(next).any(|leg| leg.call_id == call_id)
    }

    /// How often the softphone was to answer a leg.
    pub(super) fn answers(&self) -> usize {
        self.count(|effect| matches!(effect, Effect::Phone(softphone::Command::Answer { .. })))
    }

    /// How often the softphone was to end a leg at once.
    pub(super) fn hang_ups(&self) -> usize {
        self.count(|effect| matches!(effect, Effect::Phone(softphone::Command::HangUp { .. })))
    }

    /// How often the softphone was to let nobody be heard on a leg any more, and to end it soon.
    pub(super) fn releases(&self) -> usize {
        self.count(|effect| matches!(effect, Effect::Phone(softphone::Command::Release { .. })))
    }

    pub(super) fn shown(&self) -> Snapshot {
        self.state.snapshot().as_of(self.at)
    }

    pub(super) fn notices(&self) -> String {
        self.shown().notices.iter().map(|n| n.text.clone()).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn published(&self, name: &str) -> usize {
        self.count(|effect| matches!(effect, Effect::Publish(event) if event.name == name))
    }

    /// Lines written to the journal, oldest first.
    pub(super) fn lines(&self) -> Vec<JournalEntry> {
        let line = |effect: &Effect| match effect {
            Effect::Journal(JournalChange::Entry(entry)) => Some((**entry).clone()),
            _ => None,
        };
        self.effects.iter().filter_map(line).collect()
    }

    pub(super) fn exits(&self) -> usize {
        self.count(|effect| matches!(effect, Effect::Exit))
    }
}

pub(super) fn token() -> SecretString {
    SecretString::from("Bearer t")
}
