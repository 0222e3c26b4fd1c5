//! One frame at 80x24, 120x36 and 200x60: a call with meters, journal and panel; and the first frame from nothing.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use ratatui::{Terminal, backend::TestBackend};
use termprofile::TermProfile;
use wincall_tui::{
    app::{
        Action, AgentView, CallClocks, CallView, JournalEntry, LinkState, LinkView, MediaState, MediaView, Possible,
        SipState, SipView, Snapshot,
    },
    domain::{AgentState, CallPhase, CallerId, Direction, HungUpBy, Outcome, Party, SkillGroup},
    i18n::Locale,
    ui::{input::KeyMap, state::ViewState, theme::Theme, view},
};

fn talking(now: Instant) -> Snapshot {
    let since = Timestamp::UNIX_EPOCH;
    let before = |seconds| now.checked_sub(Duration::from_secs(seconds));
    let customer = Party { number: Some("13800138000".into()), area: Some("北京".into()), ..Party::default() };
    let group = SkillGroup { id: 2, name: "售后".into() };
    let past = JournalEntry {
        time: since,
        direction: Direction::In,
        peer: customer.clone(),
        queue: Some(group.clone()),
        ring_ms: 6000,
        talk_ms: 48_000,
        hold_ms: 0,
        outcome: Outcome::Answered,
        hung_up_by: HungUpBy::Peer,
        unreached: None,
    };
    Snapshot {
        version: "0",
        agent: AgentView {
            ag_no: "8001".into(),
            name: Some("张三".into()),
            state: AgentState::Occupied,
            reason: None,
            since,
            since_at: now,
            wrap_up_left_ms: None,
            wrap_up_ends_at: None,
            signed_out_because: None,
        },
        link: LinkView {
            state: LinkState::Up,
            since,
            since_at: now,
            attempts: 0,
            last_error: None,
            retry_in_ms: None,
            retry_at: None,
        },
        sip: SipView { state: SipState::Registered, since, last_error: None, retry_at: None },
        call: CallView {
            phase: CallPhase::Talking,
            direction: Some(Direction::In),
            call_id: Some("8f3a77c0".into()),
            peer: customer,
            queue: Some(group),
            clocks: CallClocks { started_at: before(157), answered_at: before(151), ..CallClocks::default() },
            ..CallView::default()
        },
        media: MediaView {
            state: MediaState::Up,
            codec: Some("opus"),
            rtt_ms: Some(38.0),
            jitter_ms: 4.0,
            mos: Some(4.4),
            level_in_dbfs: Some(-24.0),
            level_out_dbfs: Some(-19.0),
            ..MediaView::default()
        },
        caller_id: Some(CallerId { value: "01058545832".into(), name: "01058545832".into() }),
        queue_waiting: None,
        notices: Vec::new(),
        actions: Action::ALL.iter().map(|action| (*action, Possible::Yes)).collect(),
        pending: Vec::new(),
        caller_ids: Vec::new(),
        busy_reasons: Vec::new(),
        auto_answer: false,
        journal: vec![past; 500],
        panel: None,
        locale: Locale::ZhCn,
        exiting: false,
    }
}

fn state() -> Option<ViewState> {
    let theme = Theme::load("wincall", None, TermProfile::TrueColor).ok()?;
    Some(ViewState::new(theme, KeyMap::new(&BTreeMap::new(), None).ok()?))
}

fn frames(criterion: &mut Criterion) {
    let Some(state) = state() else { return };
    let now = Instant::now();
    let mut snapshot = talking(now);
    let mut group = criterion.benchmark_group("frame");
    for (width, height) in [(80, 24), (120, 36), (200, 60)] {
        let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
        group.bench_function(BenchmarkId::from_parameter(format!("{width}x{height}")), |bencher| {
            let mut level = 0.0;
            bencher.iter(|| {
                // The meters move, so that every frame has something to change.
                level = if level < -58.0 { 0.0 } else { level - 1.7 };
                snapshot.media.level_in_dbfs = Some(level);
                let drawn = terminal.draw(|frame| {
                    black_box(view::draw(frame, &snapshot, &state, now));
                });
                black_box(drawn.is_ok())
            });
        });
    }
    group.finish();
    criterion.bench_function("theme and key map", |bencher| bencher.iter(|| black_box(self::state().is_some())));
}

criterion_group!(benches, frames);
criterion_main!(benches);
