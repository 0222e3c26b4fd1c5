//! Random events and commands: whatever comes in whatever order, the screen stays true.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;
use serde_json::Value;

use super::rig::{Rig, token};
use crate::{
    app::{
        Action, Command, CommandId, ConsultView, Effect, Event, LinkId, LinkState, LookUp, RequestId, TimerId, Watched,
        state::{Phase, Purpose},
    },
    config::{Codec, LoginType},
    cti::{
        api::{ApiError, Reply},
        link::{LinkError, LinkEvent},
        push::{AgentEvent, Forced, PhoneEvent, PhoneState, PushMessage},
    },
    domain::{AgentState, CallPhase, Callee, Destination, Direction, JournalChange, Outcome, RingKind},
    softphone::{self, EndCause, LossCause, MediaEvent, SipError},
};

#[derive(Clone, Debug)]
enum Step {
    Agent(i64),
    /// With who it is: nobody told, a customer, an agent; and with a name for the call or none.
    Phone(PhoneState, u8, bool),
    Init(i64, Option<i64>),
    Forced(Forced),
    LinkOpened,
    Established,
    LinkClosed(u16),
    LinkFailed,
    Invite(u8, bool),
    Answered(u8),
    LegEnded(u8, bool),
    Muted(bool),
    MediaUp,
    MediaLost,
    MediaClosed,
    Registered,
    RegistrationFailed,
    Reply(bool, i64),
    ReplyLost,
    Timer(TimerId),
    Command(u8),
    CallCommand(u8),
    Later(u16),
}

fn phone_state() -> impl Strategy<Value = PhoneState> {
    prop_oneof![
        Just(PhoneState::HungUp),
        Just(PhoneState::CallOut),
        Just(PhoneState::Ring(RingKind::Queue)),
        Just(PhoneState::Ring(RingKind::Called)),
        Just(PhoneState::Ring(RingKind::Outbound)),
        Just(PhoneState::Ring(RingKind::Consult)),
        Just(PhoneState::Ring(RingKind::Spy)),
        Just(PhoneState::Ring(RingKind::AutoCall)),
        Just(PhoneState::Connected),
        Just(PhoneState::SelfConnected),
        Just(PhoneState::ConsultOut),
        Just(PhoneState::ConsultConnected),
        Just(PhoneState::ConsultBack),
        Just(PhoneState::ConsultFailed),
        Just(PhoneState::ThreeWay),
        Just(PhoneState::ThreeWayBack),
        Just(PhoneState::Spying),
        Just(PhoneState::Barged),
        Just(PhoneState::TransferDone),
        Just(PhoneState::Intercepted),
        Just(PhoneState::Transferred),
        Just(PhoneState::TornDown),
        Just(PhoneState::FarRinging),
    ]
}

fn told() -> impl Strategy<Value = Step> {
    (phone_state(), 0u8..3, any::<bool>()).prop_map(|(state, who, named)| Step::Phone(state, who, named))
}

/// What happens to calls, much denser than in [`step`].
fn call_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => prop_oneof![Just(1i64), Just(2), Just(4), Just(5)].prop_map(Step::Agent),
        8 => told(),
        1 => proptest::option::of(prop_oneof![
            Just(0i64), Just(4), Just(5), Just(6), Just(21), Just(22), Just(25), Just(31), Just(32), Just(35), Just(55),
        ]).prop_map(|pho_sta| Step::Init(4, pho_sta)),
        2 => (0u8..2, any::<bool>()).prop_map(|(c, a)| Step::Invite(c, a)),
        2 => (0u8..2).prop_map(Step::Answered),
        1 => (0u8..2, any::<bool>()).prop_map(|(c, l)| Step::LegEnded(c, l)),
        8 => (any::<bool>(), 0i64..3).prop_map(|(newest, code)| Step::Reply(newest, code.min(1) * 40444)),
        1 => Just(Step::ReplyLost),
        1 => prop_oneof![
            Just(TimerId::CallDeadline), Just(TimerId::NextCall), Just(TimerId::StrayCall), Just(TimerId::CommandDeadline), Just(TimerId::AfterCall),
            Just(TimerId::JournalCheckpoint),
        ].prop_map(Step::Timer),
        12 => (0u8..24).prop_map(Step::CallCommand),
        1 => (0u16..3000).prop_map(Step::Later),
    ]
}

fn call_command(n: u8) -> Command {
    let agent = || Callee::Agent("8002".into());
    match n {
        0 => Command::Consult { callee: agent(), caller_id: None },
        1 => Command::Consult { callee: Callee::Number("139".into()), caller_id: None },
        2 => Command::ConsultReturn,
        3 => Command::ConsultTransfer,
        4 => Command::ThreeWay,
        5 => Command::ThreeWayReturn,
        6 => Command::Transfer { to: Destination::Callee(agent()), caller_id: None },
        7 => Command::Transfer { to: Destination::Queue { id: 3, vcc_id: Some(78) }, caller_id: None },
        8 => Command::Evaluate,
        9 => Command::Interact { ivr_code: "1".into(), ivr_param: None },
        10 => Command::Spy { ag_no: "8003".into() },
        11 => Command::Whisper { ag_no: None },
        12 => Command::WhisperCancel,
        13 => Command::Barge { ag_no: Some("8004".into()) },
        14 => Command::Disconnect { ag_no: None },
        15 => Command::CancelDial,
        16 => Command::ForgetAfterCall,
        17 => Command::Hold,
        18 => Command::Unhold,
        19 => Command::Reject,
        20 => Command::HangUp,
        21 => Command::Ready,
        22 => Command::Busy { reason: Some(11) },
        _ => Command::Answer,
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0i64..14).prop_map(Step::Agent),
        6 => told(),
        1 => (0i64..6, proptest::option::of(0i64..60)).prop_map(|(a, p)| Step::Init(a, p)),
        1 => prop_oneof![Just(Forced::SignedOut), Just(Forced::Ready), Just(Forced::Busy), Just(Forced::TimedOut)]
            .prop_map(Step::Forced),
        1 => Just(Step::LinkOpened),
        1 => Just(Step::Established),
        1 => prop_oneof![Just(1006u16), Just(3403), Just(3404), Just(3405)].prop_map(Step::LinkClosed),
        1 => Just(Step::LinkFailed),
        3 => (0u8..3, any::<bool>()).prop_map(|(c, a)| Step::Invite(c, a)),
        3 => (0u8..3).prop_map(Step::Answered),
        3 => (0u8..3, any::<bool>()).prop_map(|(c, l)| Step::LegEnded(c, l)),
        2 => any::<bool>().prop_map(Step::Muted),
        1 => Just(Step::MediaUp),
        1 => Just(Step::MediaLost),
        1 => Just(Step::MediaClosed),
        1 => Just(Step::Registered),
        1 => Just(Step::RegistrationFailed),
        4 => (any::<bool>(), 0i64..3).prop_map(|(newest, code)| Step::Reply(newest, code * 40403)),
        1 => Just(Step::ReplyLost),
        2 => prop_oneof![
            Just(TimerId::Reconnect), Just(TimerId::LinkGreeting), Just(TimerId::SignIn), Just(TimerId::CallDeadline), Just(TimerId::NextCall),
            Just(TimerId::StrayCall), Just(TimerId::ForgetCall), Just(TimerId::CommandDeadline),
            Just(TimerId::AfterCall), Just(TimerId::TokenRenewal), Just(TimerId::QueueSum), Just(TimerId::Watched),
        ].prop_map(Step::Timer),
        6 => (0u8..24).prop_map(Step::Command),
        6 => (0u8..24).prop_map(Step::CallCommand),
        2 => (0u16..9000).prop_map(Step::Later),
    ]
}

fn command(n: u8) -> Command {
    match n {
        0 => Command::SignIn { force: false },
        1 => Command::SignIn { force: true },
        2 => Command::SignOut,
        3 => Command::Ready,
        4 => Command::Busy { reason: Some(11) },
        5 => Command::Dial { number: "139".into(), caller_id: None, queue_id: None, user_data: None },
        6 => Command::DialAgent { ag_no: "8002".into(), caller_id: None },
        7 => Command::Answer,
        8 => Command::Reject,
        9 | 10 => Command::HangUp,
        11 => Command::Hold,
        12 => Command::Unhold,
        13 => Command::Mute,
        14 => Command::Unmute,
        15 => Command::SendDtmf { digits: "1".into() },
        16 => Command::SetAutoAnswer { on: true },
        17 => Command::ChangePhone { phone: "9007".into(), web_phone: None },
        18 => Command::ChangePhone { phone: "13800138000".into(), web_phone: Some(false) },
        19 => Command::SwitchMode { login_type: LoginType::Static },
        20 => Command::LookUp(LookUp::FreeAgents),
        21 => Command::Watch(Some(Watched::Directory)),
        22 => Command::Watch(None),
        _ => Command::SetToken { token: token() },
    }
}

/// What the world around the state machine would know: which timers run, which link is open, what the phone was told.
#[derive(Default)]
struct Around {
    timers: BTreeSet<TimerId>,
    link: Option<LinkId>,
    held: bool,
    /// Another telephone was bound at some time, and nobody can be told of a hold there.
    elsewhere: bool,
    started: usize,
    ended: usize,
    /// Calls whose line in the journal is still open, and their talk time there, ms.
    open_lines: BTreeMap<u64, u64>,
    /// Those that have ended.
    over: BTreeSet<u64>,
    /// Those whose line is complete.
    complete: BTreeSet<u64>,
    asked: BTreeSet<CommandId>,
    answered: BTreeSet<CommandId>,
}

impl Around {
    fn hears(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::StartTimer { timer, .. } => drop(self.timers.insert(*timer)),
                Effect::StopTimer(timer) => drop(self.timers.remove(timer)),
                Effect::OpenLink { id, .. } => self.link = Some(*id),
                Effect::CloseLink => self.link = None,
                Effect::Phone(softphone::Command::SetHeld(on)) => self.held = *on,
                Effect::Publish(event) if event.name == "callStarted" => self.started += 1,
                Effect::Publish(event) if event.name == "callEnded" => {
                    self.ended += 1;
                    self.over.extend(event.data["id"].as_u64());
                }
                // A call that was found and that nobody spoke in here stays interrupted when it is over.
                Effect::Journal(JournalChange::Entry(entry)) if self.over.contains(&entry.id) => {
                    self.open_lines.remove(&entry.id);
                    self.complete.insert(entry.id);
                }
                Effect::Journal(JournalChange::Entry(entry)) if entry.outcome == Outcome::Interrupted => {
                    let before = self.open_lines.insert(entry.id, entry.talk_ms);
                    assert!(before.is_none_or(|talk_ms| talk_ms <= entry.talk_ms), "time is taken from a call");
                    assert!(!self.complete.contains(&entry.id), "a call that is over is opened again in the journal");
                }
                Effect::Journal(JournalChange::Entry(entry)) => {
                    self.open_lines.remove(&entry.id);
                    self.complete.insert(entry.id);
                }
                Effect::Resolve { id, .. } => assert!(self.answered.insert(*id), "answered twice"),
                _ => {}
            }
        }
    }

    /// What must be so after every input: nothing waits for something that cannot come.
    fn check(&self, rig: &Rig) {
        let (state, shown) = (&rig.state, rig.shown());
        let runs = |timer| self.timers.contains(&timer);
        let under_way = |wanted: &dyn Fn(&Purpose) -> bool| state.pending.requests.values().any(wanted);
        let session = &state.session;
        match session.phase {
            Phase::Out => assert!(!session.wanted || runs(TimerId::SignIn), "the sign-in is not tried again"),
            Phase::FetchingPhone | Phase::LoggingIn | Phase::Setting => {
                assert!(session.step.is_some_and(|id| state.pending.requests.contains_key(&id)), "{:?}", session.phase);
            }
            Phase::Leaving => assert!(under_way(&|p| *p == Purpose::Command(Action::SignOut)), "leaving for ever"),
            Phase::Linking | Phase::In => {}
        }
        match shown.link.state {
            LinkState::Down if session.phase == Phase::Linking || session.phase == Phase::In => {
                assert!(runs(TimerId::Reconnect), "the link stays down in {:?}", session.phase);
            }
            LinkState::Down => {}
            LinkState::Connecting | LinkState::Up => assert_eq!(self.link, Some(state.link.id)),
            LinkState::GivenUp => assert!(!runs(TimerId::Reconnect), "given up and tried again"),
        }
        assert!(shown.link.retry_at.is_none() || shown.link.state == LinkState::Down, "{:?}", shown.link);
        assert!(!runs(TimerId::Reconnect) || session.phase != Phase::Out, "a link without a sign-in");
        if state.pending.after_call.is_some() {
            let waits = [Action::Ready, Action::Busy].iter().any(|a| state.pending.commands.contains_key(a));
            assert!(shown.call.phase.is_live() || runs(TimerId::AfterCall) || waits, "the wanted state is forgotten");
        }
        assert!(state.pending.commands.is_empty() || runs(TimerId::CommandDeadline), "a command waits for ever");
        let looked_up = state.pending.requests.values().filter_map(|purpose| match purpose {
            Purpose::LookUp { id, .. } | Purpose::NewToken { command: Some(id), .. } => Some(*id),
            _ => None,
        });
        let open: BTreeSet<CommandId> = state.pending.commands.values().map(|w| w.id).chain(looked_up).collect();
        let lost: Vec<_> = self.asked.iter().filter(|id| !self.answered.contains(id) && !open.contains(id)).collect();
        assert!(lost.is_empty(), "never answered: {lost:?}");
        let changing = under_way(&|p| matches!(p, Purpose::NewPhone | Purpose::Command(Action::ChangePhone)));
        let kept = |accepted: bool| if accepted { state.live_call().is_some() } else { changing };
        assert!(session.change.as_ref().is_none_or(|c| kept(c.accepted)), "a change of the phone hangs");
        assert_eq!(state.watched.is_some(), runs(TimerId::Watched), "what is looked at is kept fresh");
        let signed_in = state.agent.state.is_signed_in();
        assert!(signed_in || shown.queue_waiting.is_none() || session.wanted, "nobody waits for who is out");
        // For a moment nobody hears the agent in a leg whose call may be over.
        let hushed = state.live_call().is_some_and(|call| call.hushed_at.is_some());
        let quiet = hushed || shown.call.phase == CallPhase::Held;
        assert!(self.elsewhere || self.held == quiet, "held as shown");
        let announced = usize::from(state.call.as_ref().is_some_and(|c| c.announced && c.phase.is_live()));
        assert_eq!(self.started, self.ended + announced, "each call begins once and ends once");
        assert_eq!(self.open_lines.len(), announced, "only a call under way has an open line in the journal");
        assert_eq!(runs(TimerId::JournalCheckpoint), announced == 1, "an open line is written again");
        assert!(shown.agent.since_at <= rig.at && shown.link.since_at <= rig.at);
        let wrap_up = shown.agent.state == AgentState::WrapUp;
        assert!(wrap_up || shown.agent.wrap_up_left_ms.is_none());
    }
}

fn is_link(step: &Step) -> bool {
    matches!(
        step,
        Step::Agent(_)
            | Step::Phone(..)
            | Step::Init(..)
            | Step::Forced(_)
            | Step::LinkOpened
            | Step::Established
            | Step::LinkClosed(_)
            | Step::LinkFailed
    )
}

fn take(rig: &mut Rig, step: Step, open: &mut Vec<RequestId>, muted: &mut bool) -> Option<CommandId> {
    let call = |n: u8| format!("c{n}");
    match step {
        Step::Agent(state) => rig.push(PushMessage::Agent(AgentEvent {
            state,
            reason: (state == 2).then_some(11),
            wait_time_s: (state == 5).then_some(10),
        })),
        Step::Phone(state, who, named) => rig.push(PushMessage::Phone(PhoneEvent {
            state,
            caller: (who == 1).then(|| "13800138000".into()),
            from_agent: who == 2,
            agent_no: (who == 2).then(|| "8002".into()),
            call_id: named.then(|| "n1".into()),
            ..PhoneEvent::default()
        })),
        Step::Init(ag_sta, pho_sta) => rig.push(PushMessage::InitState { ag_sta, pho_sta, param: None }),
        Step::Forced(forced) => rig.push(PushMessage::Forced(forced)),
        Step::LinkOpened => rig.link(LinkEvent::Opened),
        Step::Established => rig.push(PushMessage::Established),
        Step::LinkClosed(code) => rig.link(LinkEvent::Closed { code, reason: String::new() }),
        Step::LinkFailed => rig.link(LinkEvent::Failed(LinkError::Silent(25))),
        // The softphone never has two legs of one Call-ID.
        Step::Invite(n, _) if rig.has_leg(&call(n)) => {}
        Step::Invite(n, auto_answer) => {
            rig.phone(softphone::Event::Incoming { call_id: call(n), from: "138".into(), auto_answer });
        }
        Step::Answered(n) => rig.phone(softphone::Event::Answered { call_id: call(n) }),
        Step::LegEnded(n, local) => rig.phone(softphone::Event::Ended {
            call_id: call(n),
            cause: if local { EndCause::Local } else { EndCause::RemoteBye },
        }),
        Step::Muted(on) => {
            *muted = on;
            rig.phone(softphone::Event::Muted(on));
        }
        Step::MediaUp => rig.phone(softphone::Event::Media(MediaEvent::Up { codec: Codec::Pcma })),
        Step::MediaLost => rig.phone(softphone::Event::Media(MediaEvent::Lost { cause: LossCause::NoPackets })),
        Step::MediaClosed => rig.phone(softphone::Event::Media(MediaEvent::Closed)),
        Step::Registered => rig.phone(softphone::Event::Registered { expires: Duration::from_secs(600) }),
        Step::RegistrationFailed => rig.phone(softphone::Event::RegistrationFailed {
            error: SipError::Timeout,
            retry_in: Some(Duration::from_secs(1)),
        }),
        Step::Reply(newest, code) => {
            let at = if newest { open.len().checked_sub(1) } else { (!open.is_empty()).then_some(0) };
            if let Some(at) = at {
                let id = open.remove(at);
                let data = serde_json::json!({ "regId": "R2", "agSta": "0", "vccId": 7, "phopass": "p" });
                rig.event(Event::Replied { id, result: Ok(Reply { code, message: String::new(), data }) });
            }
        }
        Step::ReplyLost => {
            if let Some(id) = open.pop() {
                rig.event(Event::Replied { id, result: Err(ApiError::Timeout(4000)) });
            }
        }
        Step::Timer(timer) => rig.event(Event::Timer(timer)),
        Step::Command(n) => return Some(rig.command(command(n))),
        Step::CallCommand(n) => return Some(rig.command(call_command(n))),
        Step::Later(ms) => rig.later(Duration::from_millis(ms.into())),
    }
    None
}

/// How a call comes to be, so that what follows is about one more often than not.
fn beginning(n: u8) -> Vec<Step> {
    let told = |state| Step::Phone(state, 1, false);
    match n {
        0 => Vec::new(),
        1 => vec![
            Step::Agent(4),
            told(PhoneState::Ring(RingKind::Queue)),
            Step::Invite(0, false),
            Step::Answered(0),
            told(PhoneState::Connected),
        ],
        2 => vec![
            Step::CallCommand(10),
            Step::Reply(true, 0),
            told(PhoneState::Ring(RingKind::Spy)),
            Step::Invite(0, true),
            Step::Answered(0),
            told(PhoneState::Spying),
        ],
        _ => vec![Step::Agent(4), told(PhoneState::Ring(RingKind::Consult)), Step::Invite(0, false), Step::Answered(0)],
    }
}

/// What there is after a story.
struct After {
    rig: Rig,
    around: Around,
    open: Vec<RequestId>,
    muted: bool,
}

/// Takes every step, and looks after each whether everything is as it must be.
fn live(steps: Vec<Step>) -> Result<After, TestCaseError> {
    let mut rig = Rig::idle();
    rig.state.profile.show_que_sum = true;
    let mut open: Vec<RequestId> = Vec::new();
    let mut muted = false;
    let mut around = Around { link: Some(rig.link_id()), ..Around::default() };
    for step in steps {
        if is_link(&step) && around.link != Some(rig.link_id()) {
            continue;
        }
        if matches!(step, Step::LinkClosed(_) | Step::LinkFailed) {
            around.link = None;
        }
        if let Step::Timer(timer) = &step
            && !around.timers.remove(timer)
        {
            continue;
        }
        let before = (rig.shown().agent.state, rig.shown().agent.reason, rig.shown().agent.since_at);
        let ended_before = rig.shown().journal.len();
        let seen = rig.effects.len();
        // What the platform has spoken of is over when it says so without naming another call.
        let gone = matches!(step, Step::Phone(PhoneState::HungUp, _, false)) && rig.state.next_call.is_none();
        // One that was turned away beside it may be meant as well, and its leg has an end of its own.
        let gone = gone && rig.state.platform.newest().is_none_or(|newest| newest.ended_here.is_none());
        // A leg that only time has joined to it may be another call's, and lives until its own end.
        let gone = gone && !rig.state.is_leg_unsure();
        let spoken_of = rig.state.live_call().filter(|call| call.platform.is_some()).map(|call| call.journal_id);
        let command = take(&mut rig, step, &mut open, &mut muted);
        around.asked.extend(command);
        around.hears(&rig.effects[seen..]);
        around.elsewhere |= !rig.shown().agent.web_phone;
        around.check(&rig);
        let after = (rig.shown().agent.state, rig.shown().agent.reason, rig.shown().agent.since_at);
        prop_assert!((before.0, &before.1) != (after.0, &after.1) || before.2 == after.2, "since when");
        for effect in &rig.effects[seen..] {
            if let Effect::Request { id, .. } = effect {
                open.push(*id);
            }
        }
        let shown = rig.shown();
        // A call can always be ended.
        prop_assert!(!shown.call.phase.is_live() || shown.can(Action::HangUp) || shown.is_pending(Action::HangUp));
        // Ringing never outlives the call.
        if gone && spoken_of.is_some() {
            prop_assert!(!shown.call.phase.is_live() || shown.call.id != spoken_of);
        }
        if shown.call.phase != CallPhase::Ringing {
            prop_assert_ne!(rig.state.tone, Some(softphone::Tone::Ring));
        }
        // The microphone is never shown as muted when it is not.
        if shown.call.muted {
            // A call that is being ended has been released: nobody hears anybody in it.
            prop_assert!(muted || rig.state.live_call().is_some_and(|call| call.hang_up_asked));
        }
        // A third party is shown while there is one, and an agent who is listened to while one is.
        let third = shown.call.consult != ConsultView::default();
        let with_third = [CallPhase::ConsultOut, CallPhase::Consulting, CallPhase::ThreeWay, CallPhase::Ended];
        prop_assert!(!third || with_third.contains(&shown.call.phase), "{:?}", shown.call);
        prop_assert!(
            shown.call.monitored.is_none() || shown.call.direction == Some(Direction::Spy),
            "{:?}",
            shown.call
        );
        // Each call enters the journal once.
        prop_assert!(shown.journal.len() <= ended_before + 1);
        // What is written for scripts can always be written.
        prop_assert!(serde_json::to_value(&shown).is_ok_and(|v| v != Value::Null));
    }
    Ok(After { rig, around, open, muted })
}

fn live_through(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let After { mut rig, around, mut open, mut muted } = live(steps)?;
    // Whatever happened: when the legs are gone and the platform says so, there is no call.
    if around.link == Some(rig.link_id()) {
        for n in 0..3 {
            take(&mut rig, Step::LegEnded(n, false), &mut open, &mut muted);
        }
        rig.pho(PhoneState::HungUp);
        // A call that was asked for a moment ago is not what a state from before it speaks of.
        rig.later(Duration::from_secs(3));
        rig.agent("1");
        // Nor is a ring that was put off because it might have been the last one: that has its deadline, and so has a call
        // out that was accepted.
        rig.later(Duration::from_secs(6));
        rig.event(Event::Timer(TimerId::CallDeadline));
        let phase = rig.shown().call.phase;
        prop_assert!(!phase.is_live(), "{phase:?}");
    }
    Ok(())
}

#[test]
fn a_leg_that_only_time_has_joined_to_a_found_ring_lives_until_its_own_end() {
    live_through(vec![Step::Init(4, Some(5)), Step::Invite(0, false), Step::Phone(PhoneState::HungUp, 0, false)])
        .unwrap();
}

#[test]
fn a_ring_that_was_put_off_ends_with_its_doubt() {
    let rings = |kind, caller| Step::Phone(PhoneState::Ring(kind), caller, false);
    let steps = vec![
        rings(RingKind::Queue, 2),
        Step::CallCommand(19),
        Step::Reply(false, 0),
        Step::Invite(0, false),
        rings(RingKind::Queue, 2),
        rings(RingKind::Spy, 0),
    ];
    live_through(steps).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_screen_stays_true(steps in proptest::collection::vec(step(), 1..120)) {
        live_through(steps)?;
    }

    #[test]
    fn a_call_stays_true(start in 0u8..4, steps in proptest::collection::vec(call_step(), 1..60)) {
        live_through(beginning(start).into_iter().chain(steps).collect())?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happened_the_end_comes_in_time_and_the_journal_is_complete(
        start in 0u8..4,
        steps in proptest::collection::vec(prop_oneof![step(), call_step()], 1..60),
        sign_out in any::<bool>(),
        answers in proptest::collection::vec(any::<bool>(), 0..4),
    ) {
        let story = beginning(start).into_iter().chain(steps).collect();
        let After { mut rig, mut around, mut open, mut muted } = live(story)?;
        rig.state.profile.sign_out_on_exit = sign_out;
        let mut seen = rig.effects.len();
        let begun = rig.at;
        rig.command(Command::Quit);
        let mut answers = answers.into_iter();
        while rig.exits() == 0 {
            around.hears(&rig.effects[seen..]);
            open.extend(rig.effects[seen..].iter().filter_map(|effect| match effect {
                Effect::Request { id, .. } => Some(*id),
                _ => None,
            }));
            seen = rig.effects.len();
            match answers.next() {
                Some(ok) => drop(take(&mut rig, Step::Reply(true, i64::from(!ok) * 40444), &mut open, &mut muted)),
                None => rig.timer(TimerId::Exit),
            }
        }
        around.hears(&rig.effects[seen..]);
        prop_assert!(rig.at - begun <= Duration::from_millis(2200));
        prop_assert_eq!(rig.exits(), 1);
        let own_phone = rig.shown().agent.web_phone;
        prop_assert!(!own_phone || around.open_lines.is_empty(), "{:?}", around.open_lines);
        prop_assert!(!own_phone || around.started == around.ended);
    }
}
