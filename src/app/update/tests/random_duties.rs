//! Random duties: whatever is asked, answered, lost or late, every command is answered once and nothing outlives the
//! sign-in it belongs to.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{
        BreakWish, Command, CommandId, Effect, Event, Fetched, Profile, RequestId, TimerId, Watched,
        state::{Asked, Phase, Purpose},
    },
    cti::{
        api::{ApiError, Reply, Request},
        push::{AgentEvent, PhoneEvent, PhoneState, PushMessage},
    },
    domain::{AgentState, Remembered, RingKind},
};

#[derive(Clone, Debug)]
enum Step {
    Agent(i64, Option<i64>),
    Phone(PhoneState),
    /// The link comes up, where it is being opened.
    Linked,
    /// The newest or the oldest request is answered: fittingly with this code, or with something else altogether.
    Reply {
        newest: bool,
        code: i64,
        fitting: bool,
    },
    ReplyLost,
    Timer(TimerId),
    Command(u8),
    Later(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let timers = [
        TimerId::BusyInfo,
        TimerId::BreakNews,
        TimerId::WorkTime,
        TimerId::Reminder,
        TimerId::WarningRules,
        TimerId::Overtime,
        TimerId::CommandDeadline,
        TimerId::SignIn,
        TimerId::Watched,
    ];
    let phones = [
        PhoneState::Ring(RingKind::AutoCall),
        PhoneState::Ring(RingKind::Queue),
        PhoneState::Connected,
        PhoneState::HungUp,
    ];
    let codes = [0i64, 0, 0, 0, 400, 500, 5015, 34005, 41005, 42001];
    prop_oneof![
        3 => (0i64..14, proptest::option::of(11i64..14)).prop_map(|(state, reason)| Step::Agent(state, reason)),
        3 => proptest::sample::select(phones.to_vec()).prop_map(Step::Phone),
        8 => (any::<bool>(), proptest::sample::select(codes.to_vec()), proptest::bool::weighted(0.8))
            .prop_map(|(newest, code, fitting)| Step::Reply { newest, code, fitting }),
        1 => Just(Step::Linked),
        1 => Just(Step::ReplyLost),
        4 => proptest::sample::select(timers.to_vec()).prop_map(Step::Timer),
        6 => (0u8..18).prop_map(Step::Command),
        3 => (0u16..3000).prop_map(Step::Later),
    ]
}

fn command(n: u8, rig: &Rig) -> Command {
    let reminder = || rig.shown().reminders.first().map(|r| r.id.clone()).unwrap_or_default();
    match n {
        0 | 1 => Command::JoinProject { id: "5".into() },
        2 => Command::JoinProject { id: "7".into() },
        3 => Command::LeaveProject,
        4 => Command::RaiseHand(BreakWish {
            reason: Some(12),
            from: "12:00".into(),
            to: "12:30".into(),
            remark: String::new(),
            approver: "8003".into(),
        }),
        5 => Command::RaiseHand(BreakWish::default()),
        6 => Command::ReadBreakNews,
        7 => Command::TakeReminder { id: reminder() },
        8 => Command::SnoozeReminder { id: reminder() },
        9 => Command::DismissReminder { id: reminder() },
        10 => Command::AcknowledgeOvertime,
        11 => Command::Busy { reason: Some(12) },
        12 => Command::Ready,
        13 => Command::SignOut,
        14 => Command::SignIn { force: true },
        15 => Command::Watch(Some(Watched::Approvers("8".into()))),
        16 => Command::Watch(Some(Watched::Projects)),
        _ => Command::Watch(None),
    }
}

/// What the platform would say, so that the ways through are walked and not only their beginnings.
fn fitting(request: &Request, now: i64) -> Value {
    match request {
        Request::RtcInfo { .. } => json!({ "vccCode": "VC", "vccId": 7, "phopass": "p", "expires": 99_999_999 }),
        Request::Login { .. } => json!({ "regId": "R2", "agSta": "0" }),
        Request::AgentBaseInfo => json!({ "id": 1001, "ag_name": "张三", "que": [{ "id": 2, "que_name": "售后" }] }),
        Request::BusyReasons => json!([{ "id": "11", "stat_reason": "小休" }, { "id": "12", "stat_reason": "就餐" }]),
        Request::Projects => json!([
            { "pro_id": "5", "pro_name": "回访", "pro_state": "1", "agent_connected_limit": 2, "agent_connected_current": 1 },
            { "pro_id": "7", "pro_name": "催收", "pro_state": "1" },
        ]),
        Request::Approvers { .. } => json!({ "data": [{ "id": 1, "userNum": "8003", "userName": "王" }] }),
        Request::BreakNews => json!({ "state": now % 3, "content": "已批准" }),
        Request::BusyInfo => json!([{ "id": 12, "limitPeriod": "11:30-13:00", "warn": "高峰" }]),
        Request::WorkTime { .. } => json!({
            "logoutTime": if now % 2 == 0 { now + 600 } else { 0 },
            "list": [
                { "id": "12", "time": now + 30, "leftTime": 0, "reason": "就餐", "title": "午餐" },
                { "id": "11", "time": now + 500, "leftTime": 300, "reason": "小休", "title": "小休" },
            ],
            "scheduleList": [{ "id": "12", "reason": "就餐", "startTime": now, "endTime": now + 60 }],
        }),
        Request::WarningRules => json!({ "groupId": 7, "rules": [
            { "type": 2, "warningCode": "agSta_1", "warningRule": 1, "codeThreshold": 20 },
            { "type": 2, "warningCode": "agSta_2", "warningRule": 2, "codeThreshold": 30 },
            { "type": 2, "warningCode": "agSta_11", "warningRule": 1, "codeThreshold": 5, "warningRangeType": 1, "warningRange": [2] },
        ] }),
        _ => Value::Null,
    }
}

#[derive(Default)]
struct Around {
    timers: BTreeSet<TimerId>,
    asked: BTreeSet<CommandId>,
    answered: BTreeSet<CommandId>,
    open: Vec<(RequestId, Request)>,
}

impl Around {
    fn hears(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::StartTimer { timer, .. } => drop(self.timers.insert(*timer)),
                Effect::StopTimer(timer) => drop(self.timers.remove(timer)),
                Effect::Resolve { id, .. } => assert!(self.answered.insert(*id), "answered twice"),
                Effect::Request { id, request } => self.open.push((*id, request.clone())),
                _ => {}
            }
        }
    }

    fn check(&self, rig: &Rig) {
        let (state, shown) = (&rig.state, rig.shown());
        let duties = &state.duties;
        let waiting: BTreeSet<CommandId> = state.pending.commands.values().map(|w| w.id).collect();
        let lost: Vec<_> =
            self.asked.iter().filter(|id| !self.answered.contains(id) && !waiting.contains(id)).collect();
        assert!(lost.is_empty(), "never answered: {lost:?}");
        if shown.agent.state == AgentState::SignedOut {
            assert!(shown.reminders.is_empty() && shown.shift_ends.is_none() && shown.overtime.is_none());
            assert!(shown.projects.joined.is_none() && shown.breaks.restrictions.is_empty());
        }
        // A poll either waits for its timer or for its answer, and none runs while nobody is signed in.
        let under_way = |asked: Asked| {
            let purpose = Purpose::Duty(asked);
            state.pending.requests.values().any(|p| *p == purpose)
        };
        let signed_in = state.session.phase == Phase::In && shown.agent.state.is_signed_in();
        assert_eq!(duties.running, signed_in);
        for (timer, asked) in [
            (TimerId::BusyInfo, Asked::BusyInfo),
            (TimerId::WorkTime, Asked::WorkTime),
            (TimerId::WarningRules, Asked::WarningRules),
        ] {
            let runs = self.timers.contains(&timer);
            assert!(!signed_in || runs || under_way(asked), "{timer:?} has died");
            assert!(signed_in || !runs, "{timer:?} outlives the sign-in");
        }
        let reminders = &duties.reminders;
        let to_come = !reminders.planned.is_empty() || !reminders.put_off.is_empty() || reminders.shift_ends.is_some();
        assert!(!to_come || self.timers.contains(&TimerId::Reminder), "a reminder that never comes");
        let ids: BTreeSet<&String> = shown.reminders.iter().map(|r| &r.id).collect();
        assert_eq!(ids.len(), shown.reminders.len(), "a reminder is there twice");
        if let Some(step) = &duties.projects.step {
            assert!(state.pending.requests.contains_key(&step.request), "a step that nothing answers");
        }
        if let Some(joined) = &shown.projects.joined {
            assert!(state.remembered.project.as_ref() == Some(joined), "joined and not remembered");
        }
        assert!(
            duties.overtime.armed.is_none() || self.timers.contains(&TimerId::Overtime),
            "a warning that never comes"
        );
        if let Some(overtime) = &shown.overtime {
            assert!(!overtime.lines.is_empty() && overtime.since_at <= rig.at);
        }
        if !matches!(shown.breaks.requests_fetched, Fetched::Never | Fetched::UnderWay) {
            assert!(signed_in || shown.breaks.requests.is_empty() || shown.agent.state != AgentState::SignedOut);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn duties_stay_true(steps in proptest::collection::vec(step(), 1..150)) {
        let remembered = Remembered { project: Some("7".into()), ..Remembered::default() };
        let mut rig = Rig::signed_in(Profile {
            auto_call: true,
            raise_hand: true,
            dining_remind: true,
            status_warn: true,
            remembered,
            ..profile()
        });
        let mut around = Around::default();
        around.hears(&rig.effects);
        around.open.retain(|(id, _)| rig.state.pending.requests.contains_key(id));
        for step in steps {
            let seen = rig.effects.len();
            let now = rig.wall().as_second();
            match step {
                Step::Agent(state, reason) => rig.push(PushMessage::Agent(AgentEvent { state, reason, wait_time_s: None })),
                Step::Linked => rig.push(PushMessage::Established),
                Step::Phone(state) => rig.push(PushMessage::Phone(PhoneEvent { state, ..PhoneEvent::default() })),
                Step::Reply { newest, code, fitting: fits } => {
                    let at = if newest { around.open.len().checked_sub(1) } else { (!around.open.is_empty()).then_some(0) };
                    let Some(at) = at else { continue };
                    let (id, request) = around.open.remove(at);
                    let data = if fits { fitting(&request, now) } else { json!([{ "id": [], "x": null }, 7, "y"]) };
                    rig.event(Event::Replied { id, result: Ok(Reply { code, message: "text".into(), data }) });
                }
                Step::ReplyLost => {
                    let Some((id, _)) = around.open.pop() else { continue };
                    rig.event(Event::Replied { id, result: Err(ApiError::Timeout(4000)) });
                }
                Step::Timer(timer) => {
                    if !around.timers.remove(&timer) {
                        continue;
                    }
                    rig.event(Event::Timer(timer));
                }
                Step::Command(n) => {
                    let command = command(n, &rig);
                    let id = rig.command(command);
                    around.asked.insert(id);
                }
                Step::Later(seconds) => rig.later(Duration::from_millis(u64::from(seconds) * 100)),
            }
            around.hears(&rig.effects[seen..]);
            around.check(&rig);
        }
    }
}
