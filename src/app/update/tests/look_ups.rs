//! Lists that somebody looks at, the queue, look-ups, and what an agent chose before.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::rig::{Rig, profile};
use crate::{
    app::{
        AgentRow, Command, CommandId, Effect, Event, Fetched, GroupRow, LineRow, LookUp, OutsideRow, Profile,
        RefusalKind, TimerId, Watched,
    },
    cti::{
        api::{ApiError, Request},
        link::LinkEvent,
        push::PushMessage,
    },
    domain::{AgentState, CallerId, Remembered},
};

fn requests(rig: &Rig, fits: impl Fn(&Request) -> bool) -> usize {
    rig.count(|e| matches!(e, Effect::Request { request, .. } if fits(request)))
}

fn free(r: &Request) -> bool {
    *r == Request::FreeAgents
}

fn groups(r: &Request) -> bool {
    *r == Request::SkillGroups
}

fn on_line(r: &Request) -> bool {
    *r == Request::AgentsOnLine
}

fn detail(r: &Request) -> bool {
    *r == Request::QueueDetail
}

fn sum(r: &Request) -> bool {
    matches!(r, Request::QueueSum { .. })
}

fn own_record(r: &Request) -> bool {
    *r == Request::AgentBaseInfo
}

/// Signed in, with every list of the sign-in answered.
fn settled(profile: Profile) -> Rig {
    let mut rig = Rig::new(profile);
    rig.event(Event::Started);
    rig.reply(json!({ "vccCode": "VC", "vccId": 77, "phopass": "pw" }));
    rig.reply_to(|r| matches!(r, Request::Login { .. }), 0, json!({ "regId": "R1", "agSta": "0" }));
    rig.link(LinkEvent::Opened);
    rig.push(PushMessage::Established);
    rig.reply_to(|r| matches!(r, Request::Ready), 0, Value::Null);
    rig.reply_to(own_record, 0, json!({ "id": 5, "ag_name": "王", "que": [{ "id": "3", "que_name": "售后" }] }));
    rig.reply_to(groups, 0, json!([{ "id": "3", "que_name": "售后", "vcc_id": 77 }]));
    rig.reply_to(|r| *r == Request::BusyReasons, 0, json!([]));
    rig.reply_to(|r| *r == Request::CallerList, 0, json!({ "num": [{ "name": "总机", "value": "010" }] }));
    rig
}

fn watch(rig: &mut Rig, watched: Option<Watched>) {
    let id = rig.command(Command::Watch(watched));
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
}

#[test]
fn the_directory_is_kept_fresh_while_somebody_looks() {
    let mut rig = settled(profile());
    rig.effects.clear();
    assert_eq!(rig.shown().directory.fetched, Fetched::Never);
    watch(&mut rig, Some(Watched::Directory));
    rig.reply_to(
        free,
        0,
        json!([
            { "ag_num": "8001", "ag_name": "me" },
            { "ag_num": 8002, "ag_name": "李\u{1b}[2J", "pho_num": "9002", "new": {} },
            { "ag_name": "no number" },
        ]),
    );
    rig.reply_to(
        groups,
        0,
        json!([{ "id": "3", "que_name": "售后", "vcc_id": "77" }, { "id": 4, "que_name": "外包", "vcc_id": 88 }]),
    );
    rig.reply_to(|r| *r == Request::OutsideNumbers, 0, json!([{ "name": "物流", "phone": "02188886666" }, "95588"]));
    let shown = rig.shown().directory;
    let agent = AgentRow { ag_no: "8002".into(), name: "李[2J".into(), state: Some(AgentState::Idle), groups: vec![] };
    assert_eq!(shown.agents, [agent]);
    assert_eq!(
        shown.groups,
        [
            GroupRow { id: 3, name: "售后".into(), other_tenant: None, own: true },
            GroupRow { id: 4, name: "外包".into(), other_tenant: Some(88), own: false },
        ]
    );
    let outside = |name: &str, number: &str| OutsideRow { name: name.into(), number: number.into() };
    assert_eq!(shown.outside, [outside("物流", "02188886666"), outside("", "95588")]);
    assert_eq!(shown.fetched, Fetched::At(rig.at));

    let begun = rig.at;
    rig.timer(TimerId::Watched);
    assert_eq!(rig.at - begun, Duration::from_secs(5));
    rig.timer(TimerId::Watched);
    assert_eq!(requests(&rig, free), 2, "one at a time: the second has not been answered");
    assert_eq!(rig.shown().directory.agents.len(), 1, "the old rows stay while the new ones come");
    rig.fail(free);
    assert!(matches!(rig.shown().directory.fetched, Fetched::Failed(_)));
    assert_eq!(rig.shown().directory.agents.len(), 1);
    assert!(rig.shown().notices.is_empty(), "shown with the list, not as a notice: {}", rig.notices());
    rig.timer(TimerId::Watched);
    rig.reply_to(free, 0, json!([]));
    assert_eq!((rig.shown().directory.agents.len(), rig.shown().directory.fetched), (0, Fetched::At(rig.at)));

    watch(&mut rig, None);
    assert!(matches!(
        rig.effects.iter().rfind(|e| matches!(
            e,
            Effect::StartTimer { timer: TimerId::Watched, .. } | Effect::StopTimer(TimerId::Watched)
        )),
        Some(Effect::StopTimer(_))
    ));
    rig.event(Event::Timer(TimerId::Watched));
    assert_eq!(requests(&rig, free), 3, "nobody looks any more");
}

#[test]
fn who_is_on_the_line_with_whom_and_for_how_long() {
    let mut rig = settled(profile());
    watch(&mut rig, Some(Watched::OnLine));
    assert_eq!(rig.shown().directory.on_line_fetched, Fetched::UnderWay);
    rig.reply_to(
        on_line,
        0,
        json!([
            { "ag_num": "8003", "ag_name": "赵", "caller": "139", "que_name": "售后", "ag_time": "00:01:30" },
            { "ag_num": "8004", "start_time": 1_700_000_000 },
            { "ag_num": "8005", "start_time": "1700000000000" },
            { "ag_num": "8001" },
            17,
        ]),
    );
    let now = Timestamp::UNIX_EPOCH;
    let ago = |s| now.checked_sub(SignedDuration::from_secs(s)).unwrap();
    let absolute = Timestamp::from_second(1_700_000_000).unwrap();
    let row = |no: &str, since| LineRow { ag_no: no.into(), since: Some(since), ..LineRow::default() };
    assert_eq!(
        rig.shown().directory.on_line,
        [
            LineRow {
                name: "赵".into(), peer: Some("139".into()), group: Some("售后".into()), ..row("8003", ago(90))
            },
            row("8004", absolute),
            row("8005", absolute),
        ]
    );
    rig.timer(TimerId::Watched);
    rig.reply_to(on_line, 404, Value::Null);
    assert!(matches!(rig.shown().directory.on_line_fetched, Fetched::Failed(_)));
    assert_eq!(rig.shown().directory.on_line.len(), 3);
}

#[test]
fn who_waits_longest_first() {
    let mut rig = settled(profile());
    watch(&mut rig, Some(Watched::Queue));
    rig.reply_to(
        detail,
        0,
        json!([
            { "queName": "售后", "users": [
                { "incomingCallNum": "139", "city": "北京", "enterTime": 1_700_000_100, "extra": 1, "level": 0 },
                { "incomingCallNum": 138, "agNum": "8001", "enterTime": "1700000000", "level": 2 },
            ]},
            { "users": null },
            { "users": [{ "incomingCallNum": "137" }] },
        ]),
    );
    let rows = rig.shown().queue.rows;
    let seen: Vec<_> = rows.iter().map(|r| (r.number.as_str(), r.group.as_deref(), r.level.as_deref())).collect();
    assert_eq!(seen, [("138", Some("售后"), Some("2")), ("139", Some("售后"), None), ("137", None, None)]);
    assert_eq!((rows[0].agent.as_deref(), rows[1].area.as_deref()), (Some("8001"), Some("北京")));
    assert_eq!(rows[1].since, Timestamp::from_second(1_700_000_100).ok());
    assert_eq!(rows[1].fields.get("extra"), Some(&json!(1)), "the row as it came");
    let begun = rig.at;
    rig.timer(TimerId::Watched);
    assert_eq!(rig.at - begun, Duration::from_secs(3));

    let id = rig.command(Command::TakeFromQueue { fields: rows[1].fields.clone() });
    let taken = |r: &Request| matches!(r, Request::TakeOutQueue { fields } if fields.get("incomingCallNum") == Some(&json!("139")));
    rig.reply_to(detail, 0, json!([]));
    let before = requests(&rig, detail);
    rig.reply_to(taken, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
    assert_eq!(requests(&rig, detail), before + 1, "the table is asked for at once");
    let id = rig.command(Command::TakeFromQueue { fields: Map::new() });
    rig.reply_to(|r| matches!(r, Request::TakeOutQueue { .. }), 40404, Value::Null);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.platform == Some((40404, "no".into()))));
}

#[test]
fn waiting_customers_are_counted_while_signed_in_and_more_slowly_while_that_fails() {
    let rig = settled(profile());
    assert_eq!((requests(&rig, sum), rig.shown().queue_waiting), (0, None), "not asked for without the option");

    let mut rig = settled(Profile { show_que_sum: true, ..profile() });
    assert_eq!(
        requests(&rig, |r| *r == Request::QueueSum { ag_ids: vec![json!(5)] }),
        1,
        "the id as the platform gave it"
    );
    rig.reply_to(sum, 0, json!(7));
    assert_eq!(rig.shown().queue_waiting, Some(7));
    let begun = rig.at;
    rig.timer(TimerId::QueueSum);
    assert_eq!(rig.at - begun, Duration::from_secs(3));
    rig.reply_to(sum, 0, json!("8"));
    assert_eq!(rig.shown().queue_waiting, Some(8));
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let begun = rig.at;
        rig.timer(TimerId::QueueSum);
        pauses.push((rig.at - begun).as_secs());
        rig.fail(sum);
    }
    assert_eq!(pauses, [3, 6, 12, 24, 48, 48]);
    assert_eq!(rig.shown().queue_waiting, None, "an old count is no count");
    assert!(rig.shown().notices.is_empty(), "{}", rig.notices());
    rig.timer(TimerId::QueueSum);
    rig.reply_to(sum, 0, json!(0));
    assert_eq!(rig.shown().queue_waiting, Some(0));

    rig.timer(TimerId::QueueSum);
    let late = rig.sent(sum).unwrap();
    rig.command(Command::SignOut);
    rig.reply_to(|r| *r == Request::Logout, 0, Value::Null);
    assert_eq!(rig.shown().queue_waiting, None);
    rig.effects.clear();
    let reply = crate::cti::api::Reply { code: 0, message: String::new(), data: json!(3) };
    rig.event(Event::Replied { id: late, result: Ok(reply) });
    assert_eq!(rig.shown().queue_waiting, None);
    assert_eq!(rig.count(|e| matches!(e, Effect::StartTimer { timer: TimerId::QueueSum, .. })), 0);
    assert_eq!(requests(&rig, sum), 0);
}

fn look_up(rig: &mut Rig, look_up: LookUp) -> CommandId {
    rig.command(Command::LookUp(look_up))
}

#[test]
fn every_look_up_answers_with_the_platforms_reply() {
    let fields = Map::from_iter([("ag_num".to_owned(), json!("8002"))]);
    let table: [(LookUp, Request); 14] = [
        (LookUp::FreeAgents, Request::FreeAgents),
        (LookUp::AgentsOnLine, Request::AgentsOnLine),
        (LookUp::FreeAgentsByNumber(fields.clone()), Request::FreeAgentsByNumber { fields: fields.clone() }),
        (LookUp::SkillGroups, Request::SkillGroups),
        (LookUp::OwnRecord, Request::AgentBaseInfo),
        (LookUp::BusyReasons, Request::BusyReasons),
        (LookUp::OutsideNumbers, Request::OutsideNumbers),
        (LookUp::QueueSum(None), Request::QueueSum { ag_ids: vec![json!(5)] }),
        (LookUp::QueueSum(Some(vec![json!("9")])), Request::QueueSum { ag_ids: vec![json!("9")] }),
        (LookUp::QueueDetail, Request::QueueDetail),
        (LookUp::QueueUpNum(fields.clone()), Request::QueueUpNum { fields }),
        (LookUp::WarnRuleList, Request::WarnRuleList),
        (LookUp::Projects, Request::Projects),
        (LookUp::BusyInfo, Request::BusyInfo),
    ];
    let mut rig = settled(profile());
    rig.effects.clear();
    let asked: Vec<_> = table.into_iter().map(|(what, request)| (look_up(&mut rig, what), request)).collect();
    for (id, request) in asked.iter().rev() {
        rig.reply_to(|r| r == request, 0, json!([{ "x": 1 }]));
        assert_eq!(
            rig.outcome(*id),
            Some(&Ok(json!({ "code": 0, "message": "ok", "data": [{ "x": 1 }] }))),
            "{request:?}"
        );
    }
    let (no, lost) = (look_up(&mut rig, LookUp::FreeAgents), look_up(&mut rig, LookUp::CallerIds));
    rig.fail(|r| *r == Request::CallerList);
    rig.reply_to(free, 402, Value::Null);
    assert!(
        matches!(rig.outcome(no), Some(Err(r)) if r.kind == RefusalKind::Platform && r.platform == Some((402, "no".into())))
    );
    assert!(matches!(rig.outcome(lost), Some(Err(r)) if r.kind == RefusalKind::Unreachable));
    assert!(rig.shown().notices.is_empty(), "whoever asked is told, not the agent: {}", rig.notices());
}

#[test]
fn a_look_up_refreshes_what_is_shown() {
    let mut rig = settled(profile());
    look_up(&mut rig, LookUp::BusyReasons);
    rig.reply_to(|r| *r == Request::BusyReasons, 0, json!([{ "id": "12", "stat_reason": "午休" }]));
    assert_eq!(rig.shown().busy_reasons.len(), 1);
    look_up(&mut rig, LookUp::FreeAgents);
    rig.reply_to(free, 0, json!([{ "ag_num": "8002" }]));
    assert_eq!(rig.shown().directory.agents.len(), 1);

    let mut rig = Rig::new(profile());
    let id = look_up(&mut rig, LookUp::FreeAgents);
    assert!(matches!(rig.outcome(id), Some(Err(r)) if r.kind == RefusalKind::NotNow), "no tenant to ask for yet");
}

fn chosen(rig: &Rig) -> Option<String> {
    rig.shown().caller_id.map(|c| c.value)
}

#[test]
fn the_caller_id_is_filtered_defaulted_remembered_and_refreshed() {
    let list = json!({ "num": [{ "name": "总机", "value": "010" }, { "name": "热线", "value": "400" }, { "name": "分机", "value": 8 }] });
    let caller = |name: &str, value: &str| CallerId { name: name.into(), value: value.into() };
    let with = |profile: Profile| {
        let mut rig = settled(profile);
        look_up(&mut rig, LookUp::CallerIds);
        // As if it had been so from the start.
        rig.state.lists.caller_id = None;
        rig.reply_to(|r| *r == Request::CallerList, 0, list.clone());
        rig
    };
    assert_eq!(chosen(&with(profile())).as_deref(), Some("010"), "the first");
    let default = Profile { default_caller: Some("热线".into()), ..profile() };
    assert_eq!(chosen(&with(default.clone())).as_deref(), Some("400"));
    let nums = vec![caller("分机", "0008"), caller("不在", "1")];
    let filtered = with(Profile { call_nums: nums, ..profile() });
    assert_eq!(filtered.shown().caller_ids, [caller("分机", "0008")], "with the config's own value");
    let remembered = Remembered { caller_id: Some("8".into()), ..Remembered::default() };
    let mut rig = with(Profile { remembered, ..default });
    assert_eq!(chosen(&rig).as_deref(), Some("8"), "what was chosen counts more than the default");

    rig.effects.clear();
    rig.command(Command::ChooseCallerId { value: "总机".into() });
    rig.command(Command::ChooseCallerId { value: "010".into() });
    let kept = |e: &Effect| matches!(e, Effect::Remember(r) if r.caller_id.as_deref() == Some("010"));
    assert_eq!((rig.count(kept), rig.count(|e| matches!(e, Effect::Remember(_)))), (1, 1));
    rig.push(PushMessage::CallerIdsChanged);
    rig.reply_to(
        |r| *r == Request::CallerList,
        0,
        json!({ "num": [{ "name": "热线", "value": "400" }, { "name": "总机", "value": "010" }] }),
    );
    assert_eq!(chosen(&rig).as_deref(), Some("010"), "still there");
    rig.push(PushMessage::CallerIdsChanged);
    rig.reply_to(|r| *r == Request::CallerList, 0, json!({ "num": [{ "name": "新", "value": "95" }] }));
    assert_eq!(chosen(&rig).as_deref(), Some("95"), "gone");
}

#[test]
fn skill_groups_are_refreshed_when_the_platform_says_so() {
    let mut rig = settled(profile());
    rig.effects.clear();
    rig.push(PushMessage::SkillGroupsChanged);
    rig.reply_to(groups, 0, json!([{ "id": 3, "que_name": "新名", "vcc_id": 77 }]));
    rig.reply_to(own_record, 0, json!({ "id": 5, "que": [] }));
    let shown = rig.shown().directory.groups;
    assert_eq!(shown, [GroupRow { id: 3, name: "新名".into(), other_tenant: None, own: false }]);
}

#[test]
fn without_busy_reasons_busy_is_plain() {
    let mut rig = settled(profile());
    assert!(rig.shown().busy_reasons.is_empty());
    let id = rig.command(Command::Busy { reason: None });
    rig.reply_to(|r| *r == Request::Busy { reason: None, check: None, name: None }, 0, Value::Null);
    assert!(rig.outcome(id).is_some_and(|o| o.is_ok()));
}

#[test]
fn lists_that_cannot_be_had_do_not_stand_in_the_way() {
    let mut rig = Rig::idle();
    let failing = |rig: &mut Rig| {
        let open: Vec<_> = rig.state.pending.requests.keys().copied().collect();
        for id in open {
            rig.event(Event::Replied { id, result: Err(ApiError::Timeout(4000)) });
        }
    };
    failing(&mut rig);
    assert_eq!(rig.shown().agent.state, AgentState::Idle);
    rig.timer(TimerId::Lists);
    assert_eq!(requests(&rig, |r| *r == Request::BusyReasons), 1, "asked for again");
    watch(&mut rig, Some(Watched::Directory));
    failing(&mut rig);
    assert!(matches!(rig.shown().directory.fetched, Fetched::Failed(_)));
    rig.timer(TimerId::Watched);
    assert!(rig.sent(groups).is_some());
    rig.reply_to(groups, 0, json!([]));
    rig.reply_to(free, 0, json!([]));
    assert_eq!(rig.shown().directory.fetched, Fetched::At(rig.at));
}

#[test]
fn names_from_the_platform_cannot_move_a_cursor() {
    let mut rig = Rig::idle();
    let reasons = |r: &Request| *r == Request::BusyReasons;
    let asked = rig.command(Command::LookUp(LookUp::BusyReasons));
    rig.reply_to(
        reasons,
        0,
        json!([{ "id": "11", "stat_reason": "\u{1b}[2J午餐\r" }, { "id": "12", "stat_reason": "\u{7}" }]),
    );
    assert!(rig.outcome(asked).is_some_and(Result::is_ok));
    let names: Vec<String> = rig.shown().busy_reasons.into_iter().map(|reason| reason.name).collect();
    assert_eq!(names, ["[2J午餐"]);
}
