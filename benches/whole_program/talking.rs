//! A screen with much on it: a call with meters, a journal of 500 calls, a panel.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use termprofile::TermProfile;
use wincall_tui::{
    app::{
        Action, AgentView, CallClocks, CallView, JournalEntry, LinkState, LinkView, MediaState, MediaView, Possible,
        SipState, SipView, Snapshot,
    },
    domain::{AgentState, CallPhase, CallerId, Direction, HungUpBy, Outcome, Party, SkillGroup},
    i18n::Locale,
    ui::{input::KeyMap, state::ViewState, theme::Theme},
};

/// An agent in conversation with a customer.
pub fn talking(now: Instant) -> Snapshot {
    let since = Timestamp::UNIX_EPOCH;
    let before = |seconds| now.checked_sub(Duration::from_secs(seconds));
    let customer = Party { number: Some("13800138000".into()), area: Some("北京".into()), ..Party::default() };
    let group = SkillGroup { id: 2, name: "售后".into() };
    let past = JournalEntry {
        id: 1,
        call_id: None,
        caller_id: None,
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
        quality: None,
        transferred_to: None,
    };
    Snapshot {
        after_call: None,
        devices: Default::default(),
        directory: Default::default(),
        queue: Default::default(),
        projects: Default::default(),
        breaks: Default::default(),
        reminders: Vec::new(),
        shift_ends: None,
        overtime: None,
        health: Default::default(),
        quiet: false,
        version: "0",
        agent: AgentView {
            as_of: None,
            phone: "9001".into(),
            web_phone: true,
            login_type: wincall_tui::config::LoginType::Dynamic,
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
        journal: vec![past; 500].into(),
        panel: Default::default(),
        locale: Locale::ZhCn,
        exiting: false,
    }
}

/// The screen's own state, as at the start.
pub fn state() -> Option<ViewState> {
    let theme = Theme::load("wincall", None, TermProfile::TrueColor).ok()?;
    Some(ViewState::new(theme, KeyMap::new(&BTreeMap::new(), None).ok()?))
}
