//! Snapshots as the screen's tests need them, all at one fixed instant.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use termprofile::TermProfile;

use super::{
    input::KeyMap,
    settings::Settings,
    state::{BothClocks, ViewState},
    theme::Theme,
};
use crate::{
    app::{
        Action, AgentRow, AgentView, CallClocks, CallView, ConsultView, DirectoryView, Fetched, GroupRow, JournalEntry,
        LineRow, LinkState, LinkView, MediaState, MediaView, NoticeLevel, NoticeView, OutsideRow, Possible, QueueView,
        SipState, SipView, Snapshot, WaitingRow,
    },
    domain::{AgentState, BusyReason, CallPhase, CallerId, Direction, HungUpBy, Outcome, Party, RingKind, SkillGroup},
    i18n::{Locale, Message},
};

/// The instant of every fixture.
pub fn now() -> Instant {
    static NOW: OnceLock<Instant> = OnceLock::new();
    *NOW.get_or_init(|| Instant::now() + Duration::from_secs(100_000))
}

/// So many seconds before [`now`].
pub fn ago(seconds: u64) -> Instant {
    now() - Duration::from_secs(seconds)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The screen with the default theme in true colour and the default keys.
pub fn state() -> ViewState {
    let theme = Theme::load("wincall", None, TermProfile::TrueColor).unwrap();
    let mut state = ViewState::new(theme, KeyMap::new(&BTreeMap::new(), None).unwrap());
    state.clocks = BothClocks { at: now(), wall: time("2026-01-02T06:33:12Z") };
    state
}

/// The same screen with other settings.
pub fn state_with(change: impl FnOnce(&mut Settings)) -> ViewState {
    let mut state = state();
    change(&mut state.settings);
    state
}

/// Makes exactly these actions possible.
pub fn allow(snapshot: &mut Snapshot, possible: &[Action]) {
    let say = |action: &Action| {
        if possible.contains(action) { Possible::Yes } else { Possible::No(Message::verbatim("not now")) }
    };
    snapshot.actions = Action::ALL.iter().map(|action| (*action, say(action))).collect();
}

fn customer() -> Party {
    Party { number: Some("13800138000".into()), area: Some("北京".into()), ..Party::default() }
}

fn after_sale() -> SkillGroup {
    SkillGroup { id: 2, name: "售后".into() }
}

fn entry(when: &str, direction: Direction, number: &str, area: &str, talk_ms: u64, outcome: Outcome) -> JournalEntry {
    JournalEntry {
        id: time(when).as_millisecond() as u64,
        caller_id: None,
        call_id: None,
        time: time(when),
        direction,
        peer: Party { number: Some(number.into()), area: Some(area.into()), ..Party::default() },
        queue: matches!(direction, Direction::In).then(after_sale),
        ring_ms: 6000,
        talk_ms,
        hold_ms: 0,
        outcome,
        hung_up_by: HungUpBy::Peer,
        unreached: None,
        quality: None,
        transferred_to: None,
    }
}

/// Signed in, ready, nothing going on.
pub fn idle(locale: Locale) -> Snapshot {
    let since = time("2026-01-02T06:30:00Z");
    let mut inner = entry("2026-01-02T05:58:00Z", Direction::Inner, "8003", "", 70_000, Outcome::Answered);
    inner.peer = Party { ag_no: Some("8003".into()), name: Some("李四".into()), ..Party::default() };
    let mut snapshot = Snapshot {
        after_call: None,
        directory: Default::default(),
        queue: Default::default(),
        projects: Default::default(),
        breaks: Default::default(),
        reminders: Vec::new(),
        shift_ends: None,
        overtime: None,
        quiet: false,
        version: "0.1.0",
        agent: AgentView {
            phone: "9001".into(),
            web_phone: true,
            login_type: crate::config::LoginType::Dynamic,
            ag_no: "8001".into(),
            name: Some("张三".into()),
            state: AgentState::Idle,
            reason: None,
            since,
            since_at: ago(192),
            wrap_up_left_ms: None,
            wrap_up_ends_at: None,
            as_of: None,
            signed_out_because: None,
        },
        link: LinkView {
            state: LinkState::Up,
            since,
            since_at: ago(300),
            attempts: 0,
            last_error: None,
            retry_in_ms: None,
            retry_at: None,
        },
        sip: SipView { state: SipState::Registered, since, last_error: None, retry_at: None },
        call: CallView::default(),
        media: MediaView::default(),
        devices: Default::default(),
        health: crate::app::HealthView::default(),
        caller_id: Some(CallerId { value: "01058545832".into(), name: "01058545832".into() }),
        queue_waiting: None,
        notices: vec![NoticeView {
            kind: "verbatim",
            time: time("2026-01-02T06:29:58Z"),
            at: ago(200),
            level: NoticeLevel::Info,
            text: match locale {
                Locale::En => "signed in as 8001".into(),
                Locale::ZhCn => "工号 8001 已签入".into(),
            },
            call: None,
            dismissed: true,
        }],
        actions: BTreeMap::new(),
        pending: Vec::new(),
        caller_ids: vec![
            CallerId { value: "01058545832".into(), name: "01058545832".into() },
            CallerId { value: "4008001000".into(), name: "客服热线".into() },
        ],
        busy_reasons: [(11, "小休"), (12, "就餐"), (13, "培训")]
            .map(|(id, name)| BusyReason { id, name: name.into() })
            .to_vec(),
        auto_answer: false,
        journal: Arc::new(vec![
            entry("2026-01-02T06:20:00Z", Direction::Out, "02187654321", "上海", 48_000, Outcome::Answered),
            entry("2026-01-02T06:11:00Z", Direction::In, "13911112222", "广州", 0, Outcome::Missed),
            inner,
        ]),
        panel: crate::app::PanelView::default(),
        locale,
        exiting: false,
    };
    allow(&mut snapshot, &[Action::Dial, Action::DialAgent, Action::Busy, Action::SignOut, Action::ChooseCallerId]);
    snapshot
}

/// A customer's call rings.
pub fn ringing(locale: Locale) -> Snapshot {
    let mut snapshot = idle(locale);
    snapshot.agent.state = AgentState::Occupied;
    snapshot.call = CallView {
        phase: CallPhase::Ringing,
        direction: Some(Direction::In),
        call_id: Some("8f3a77c0".into()),
        peer: customer(),
        queue: Some(after_sale()),
        ring: Some(RingKind::Queue),
        clocks: CallClocks { started_at: Some(ago(6)), ..CallClocks::default() },
        ..CallView::default()
    };
    allow(&mut snapshot, &[Action::Answer, Action::Reject, Action::HangUp]);
    snapshot
}

/// Talking, with sound.
pub fn talking(locale: Locale) -> Snapshot {
    let mut snapshot = ringing(locale);
    snapshot.call.phase = CallPhase::Talking;
    snapshot.call.clocks =
        CallClocks { started_at: Some(ago(157)), answered_at: Some(ago(151)), ..CallClocks::default() };
    snapshot.media = MediaView {
        state: MediaState::Up,
        codec: Some("opus"),
        rtt_ms: Some(38.2),
        jitter_ms: 4.1,
        loss_pct: 0.0,
        mos: Some(4.4),
        packets_sent: 7500,
        packets_received: 7500,
        packets_lost: 0,
        concealed_pct: 0.0,
        buffer_ms: 42.0,
        far_loss_pct: Some(0.4),
        far_jitter_ms: Some(2.5),
        xruns: 0,
        path: Some("host"),
        warnings: Vec::new(),
        level_in_dbfs: Some(-24.3),
        level_out_dbfs: Some(-19.0),
        device_error: None,
    };
    allow(&mut snapshot, &[Action::Hold, Action::Mute, Action::SendDtmf, Action::HangUp]);
    snapshot
}

/// On hold, with the microphone muted.
pub fn held_and_muted(locale: Locale) -> Snapshot {
    let mut snapshot = talking(locale);
    snapshot.call.phase = CallPhase::Held;
    snapshot.call.muted = true;
    snapshot.call.clocks.held_at = Some(ago(12));
    snapshot.media.level_out_dbfs = None;
    allow(&mut snapshot, &[Action::Unhold, Action::Unmute, Action::HangUp]);
    snapshot
}

/// Talking while the link is down.
pub fn link_down(locale: Locale) -> Snapshot {
    let mut snapshot = talking(locale);
    snapshot.link.state = LinkState::Down;
    snapshot.link.since_at = ago(4);
    snapshot.link.attempts = 1;
    snapshot.link.retry_at = Some(now() + Duration::from_millis(1500));
    allow(&mut snapshot, &[Action::Mute, Action::HangUp]);
    snapshot
}

/// The call is over, wrap-up runs.
pub fn wrap_up(locale: Locale) -> Snapshot {
    let mut snapshot = idle(locale);
    snapshot.agent.state = AgentState::WrapUp;
    snapshot.agent.since_at = ago(3);
    snapshot.agent.wrap_up_ends_at = Some(now() + Duration::from_millis(11_400));
    snapshot.call = CallView {
        phase: CallPhase::Ended,
        clocks: CallClocks {
            started_at: Some(ago(170)),
            answered_at: Some(ago(164)),
            ended_at: Some(ago(3)),
            held_before_ms: 12_000,
            ..CallClocks::default()
        },
        ..talking(locale).call
    };
    allow(&mut snapshot, &[Action::Ready, Action::Busy, Action::Dial, Action::SignOut]);
    snapshot
}

/// Signed out by the platform.
pub fn signed_out(locale: Locale) -> Snapshot {
    let mut snapshot = idle(locale);
    snapshot.agent.state = AgentState::SignedOut;
    snapshot.agent.signed_out_because = Some(Message::verbatim(match locale {
        Locale::En => "The platform signed you out",
        Locale::ZhCn => "被平台签出",
    }));
    snapshot.link.state = LinkState::Down;
    snapshot.sip.state = SipState::Off;
    snapshot.caller_id = None;
    snapshot.journal = Arc::default();
    allow(&mut snapshot, &[Action::SignIn]);
    snapshot
}

/// Colleagues, skill groups, calls to listen to and a queue, all told two seconds ago.
pub fn peopled(mut snapshot: Snapshot) -> Snapshot {
    let agent = |ag_no: &str, name: &str, state, groups: &[&str]| AgentRow {
        ag_no: ag_no.into(),
        name: name.into(),
        state,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    let line = |ag_no: &str, name: &str, peer: Option<&str>, group: Option<&str>, since: Option<&str>| LineRow {
        ag_no: ag_no.into(),
        name: name.into(),
        peer: peer.map(str::to_owned),
        group: group.map(str::to_owned),
        since: since.map(time),
    };
    let group = |id, name: &str, other_tenant, own| GroupRow { id, name: name.into(), other_tenant, own };
    snapshot.directory = DirectoryView {
        agents: vec![
            agent("8002", "王芳", Some(AgentState::Idle), &["售后"]),
            agent("8003", "李四", None, &["售前", "售后"]),
            agent("8010", "欧阳建国", Some(AgentState::WrapUp), &["售前"]),
            agent("8020", "", Some(AgentState::Idle), &[]),
        ],
        groups: vec![
            group(1, "售前", None, false),
            group(2, "售后", None, true),
            group(7, "Backoffice", Some(12), false),
        ],
        outside: vec![OutsideRow { name: "快递".into(), number: "95338".into() }],
        fetched: Fetched::At(ago(2)),
        on_line: vec![
            line("8003", "李四", Some("13912345678"), Some("售前"), Some("2026-01-02T06:30:01Z")),
            line("8010", "欧阳建国", None, None, None),
        ],
        on_line_fetched: Fetched::At(ago(2)),
    };
    let waiting = |number: &str, area: &str, level: Option<&str>, since: Option<&str>| WaitingRow {
        number: number.into(),
        area: Some(area.into()),
        level: level.map(str::to_owned),
        group: Some("售后".into()),
        since: since.map(time),
        fields: [("callId".to_owned(), number.into())].into_iter().collect(),
        ..WaitingRow::default()
    };
    snapshot.queue = QueueView {
        rows: vec![
            waiting("13700137000", "深圳", Some("1"), Some("2026-01-02T06:31:02Z")),
            waiting("13600136000", "杭州", Some("3"), Some("2026-01-02T06:32:50Z")),
            waiting("02887654321", "成都", None, None),
        ],
        fetched: Fetched::At(ago(2)),
    };
    snapshot.queue_waiting = Some(3);
    snapshot
}

/// Ready, with people around and everything possible that is without a call.
pub fn in_charge(locale: Locale) -> Snapshot {
    let mut snapshot = peopled(idle(locale));
    let mut possible = vec![Action::Dial, Action::DialAgent, Action::Busy, Action::SignOut, Action::ChooseCallerId];
    possible.extend([Action::Spy, Action::TakeFromQueue]);
    allow(&mut snapshot, &possible);
    snapshot
}

/// Talking, with people around and everything possible that is in a talk.
pub fn in_talk(locale: Locale) -> Snapshot {
    let mut snapshot = peopled(talking(locale));
    let mut possible = vec![Action::Hold, Action::Mute, Action::SendDtmf, Action::HangUp, Action::Consult];
    possible.extend([Action::Transfer, Action::Evaluate, Action::Ready, Action::Busy]);
    allow(&mut snapshot, &possible);
    snapshot
}

/// In the phase of a consultation, half a minute ago.
pub fn consulting(locale: Locale, phase: CallPhase) -> Snapshot {
    let mut snapshot = in_talk(locale);
    snapshot.call.phase = phase;
    snapshot.call.since = Some(time("2026-01-02T06:32:42Z"));
    snapshot.call.consult = ConsultView { number: None, ag_no: Some("8003".into()) };
    let mut possible = vec![Action::HangUp, Action::Mute];
    possible.push(if phase == CallPhase::ThreeWay { Action::ThreeWayReturn } else { Action::ConsultReturn });
    if phase == CallPhase::Consulting {
        possible.extend([Action::ConsultTransfer, Action::ThreeWay]);
    }
    if phase == CallPhase::ThreeWay {
        possible.push(Action::SendDtmf);
    }
    allow(&mut snapshot, &possible);
    snapshot
}

/// A supervisor in an agent's call, half a minute ago.
pub fn monitoring(locale: Locale, phase: CallPhase) -> Snapshot {
    let mut snapshot = in_talk(locale);
    snapshot.call.phase = phase;
    snapshot.call.direction = Some(Direction::Spy);
    snapshot.call.peer = Party::default();
    snapshot.call.queue = None;
    snapshot.call.monitored = Some("8003".into());
    snapshot.call.since = Some(time("2026-01-02T06:32:42Z"));
    let mut possible = vec![Action::Disconnect, Action::HangUp, Action::Mute];
    possible.push(if phase == CallPhase::Whispering { Action::WhisperCancel } else { Action::Whisper });
    if phase != CallPhase::Barging {
        possible.push(Action::Barge);
    }
    allow(&mut snapshot, &possible);
    snapshot
}

/// Something went wrong a moment ago.
pub fn with_notice(mut snapshot: Snapshot, level: NoticeLevel, text: &str) -> Snapshot {
    snapshot.notices.push(NoticeView {
        time: time("2026-01-02T06:33:10Z"),
        at: ago(1),
        level,
        kind: "verbatim",
        text: text.into(),
        call: None,
        dismissed: false,
    });
    snapshot
}

/// Idle with every duty offered: in a project, a break decided, reasons restricted.
pub fn on_duty(locale: Locale) -> Snapshot {
    use crate::app::{Approver, BreakRow, BreakState, BreaksView, Fetched, ProjectRow, ProjectsView, Restriction};
    let mut snapshot = idle(locale);
    let project = |id: &str, name: &str, enabled, limit, answered| ProjectRow {
        id: id.into(),
        name: name.into(),
        enabled,
        limit,
        answered,
    };
    snapshot.projects = ProjectsView {
        offered: true,
        rows: vec![
            project("5", "春季回访", true, Some(5), 3),
            project("6", "催收一组", false, None, 0),
            project("7", "满意度调查", true, None, 12),
            project("8", "VIP 关怀", true, Some(2), 2),
        ],
        fetched: Fetched::At(ago(2)),
        joined: Some("5".into()),
    };
    let request = |period: &str, state, reason: &str, why: Option<&str>| BreakRow {
        period: period.into(),
        state,
        approver: "王班长".into(),
        restricted: "11:30-13:00".into(),
        reason: reason.into(),
        rejected_because: why.map(Into::into),
    };
    snapshot.breaks = BreaksView {
        offered: true,
        approvers: vec![
            Approver { number: "8003".into(), name: "王班长".into() },
            Approver { number: "9100".into(), name: "赵经理".into() },
        ],
        approvers_by: String::new(),
        approvers_fetched: Fetched::At(ago(2)),
        requests: vec![
            request("12:00-12:30", BreakState::Pending, "就餐", None),
            request("10:00-10:10", BreakState::Approved, "小休", None),
            request("09:00-09:30", BreakState::Rejected, "培训", Some("人手不足")),
            request("08:30-08:40", BreakState::Failed, "小休", None),
        ],
        requests_fetched: Fetched::At(ago(2)),
        news: true,
        restrictions: vec![Restriction { reason: 12, period: "11:30-13:00".into() }],
        suggested: None,
    };
    allow(
        &mut snapshot,
        &[
            Action::Dial,
            Action::DialAgent,
            Action::Busy,
            Action::SignOut,
            Action::JoinProject,
            Action::LeaveProject,
            Action::RaiseHand,
            Action::ChangePhone,
            Action::SwitchMode,
        ],
    );
    snapshot
}

/// The same with a reminder that is due, one in advance, and a state that has lasted too long.
pub fn reminded(locale: Locale) -> Snapshot {
    use crate::app::{Overtime, Reminder};
    let mut snapshot = on_duty(locale);
    let lunch = BusyReason { id: 12, name: "就餐".into() };
    let since = time("2026-01-02T06:31:00Z");
    snapshot.reminders = vec![
        Reminder { id: "12@1".into(), title: "午餐".into(), time: "14:31".into(), reason: Some(lunch), since },
        Reminder { id: "13@2".into(), title: "下午培训".into(), time: "14:45".into(), reason: None, since },
    ];
    let lines = match locale {
        Locale::En => vec!["idle too long · idle: longer than 3 min".into()],
        Locale::ZhCn => vec!["空闲过久 · 空闲：超过阈值 3分钟".into()],
    };
    snapshot.overtime = Some(Overtime { since_at: ago(12), lines, acknowledged: false });
    snapshot
}
