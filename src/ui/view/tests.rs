//! Frames as people see them, at every size.

use std::{collections::BTreeMap, sync::Arc};

use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};

use super::*;
use crate::{
    app::{Action, NoticeLevel, PanelContent, PanelFiller, PanelView},
    domain::{AgentState, CallPhase, CallQuality, Warning, WarningName},
    i18n::Locale,
    ui::{
        dialog::{Dialog, ListDialog, Question},
        effect::UiEffect,
        fixtures::{self, now},
        input::{KeyMap, UiAction},
        input_events,
        keys::Chord,
        state::{Focus, Tab},
        text,
    },
};

pub(super) fn render(snapshot: &Snapshot, state: &ViewState, width: u16, height: u16) -> (Buffer, Drawn) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut drawn = Drawn::default();
    terminal.draw(|frame| drawn = draw(frame, snapshot, state, now())).unwrap();
    (terminal.backend().buffer().clone(), drawn)
}

/// The frame as lines, the second half of wide characters left out, so that columns can be checked by eye.
pub(super) fn lines(buffer: &Buffer) -> String {
    let mut all = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += text::width(symbol).max(1);
        }
        all.push_str(line.trim_end());
        all.push('\n');
    }
    all
}

/// Compares a screen, or several, with the file of that name.
pub(super) fn compare(name: &str, screen: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/screens"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, screen));
}

#[test]
fn toasts_lie_over_no_window_and_say_nothing_twice() {
    let long = "platform refused: agent 8002 cannot take the call now, try somebody else";
    let mut snapshot = fixtures::with_notice(fixtures::in_talk(Locale::En), NoticeLevel::Error, long);
    snapshot = fixtures::with_notice(snapshot, NoticeLevel::Error, long);
    let state = fixtures::state();
    assert_eq!(lines(&render(&snapshot, &state, 80, 24).0).matches("agent 8002 cannot").count(), 1);
    for dialog in [Dialog::Question(Question::Quit), Dialog::Help(0), Dialog::Palette(ListDialog::default())] {
        for (width, height) in [(80, 24), (120, 36)] {
            let open = ViewState { dialog: Some(dialog.clone()), ..fixtures::state() };
            let plain = Snapshot { notices: Vec::new(), ..snapshot.clone() };
            let (without, with) = (render(&plain, &open, width, height).0, render(&snapshot, &open, width, height).0);
            let shown = lines(&with);
            assert!(shown.contains("agent 8002"), "{shown}");
            // Whatever belongs to the window is as without the toast.
            let ground = open.settings.theme.style(Scope::Window).bg;
            for position in without.area.positions() {
                let cell = &without[position];
                if ground.is_some() && Some(cell.bg) == ground {
                    assert_eq!(cell.symbol(), with[position].symbol(), "{position:?}\n{shown}");
                }
            }
        }
    }
}

#[test]
fn a_hint_gets_the_whole_row_where_there_is_no_room_beside_what_is_wrong() {
    let mut snapshot = fixtures::idle(Locale::En);
    snapshot.health.level = crate::app::HealthLevel::Fail;
    let mut state = fixtures::state();
    let hint = "there is no call to hang up now, and none is on its way";
    state.hint(hint.to_owned(), now());
    let shown = lines(&render(&snapshot, &state, 80, 24).0);
    assert!(shown.contains(hint), "{shown}");
}

#[test]
fn kicked_out_in_a_call_the_banner_names_the_keys_that_help() {
    let mut snapshot = fixtures::talking(Locale::En);
    snapshot.agent.state = AgentState::SignedOut;
    snapshot.link.state = crate::app::LinkState::GivenUp;
    snapshot.agent.signed_out_because = Some(crate::i18n::Message::new("app.link_replaced").with("code", 3405));
    let shown = lines(&render(&snapshot, &fixtures::state(), 120, 30).0);
    assert!(shown.contains("press s, then y, to take over here") && !shown.contains("tries again"), "{shown}");
}

fn shot(name: &str, snapshot: &Snapshot, state: &ViewState, width: u16, height: u16) {
    let (buffer, _) = render(snapshot, state, width, height);
    let name = format!("{name}_{}_{width}x{height}", snapshot.locale.tag());
    compare(&name, &lines(&buffer));
}

const SIZES: [(u16, u16); 4] = [(100, 3), (80, 24), (120, 36), (200, 60)];

fn everywhere(name: &str, snapshot: impl Fn(Locale) -> Snapshot, state: &ViewState) {
    for locale in [Locale::En, Locale::ZhCn] {
        for (width, height) in SIZES {
            shot(name, &snapshot(locale), state, width, height);
        }
    }
}

#[test]
fn states_as_they_look() {
    let state = fixtures::state();
    everywhere("idle", fixtures::idle, &state);
    everywhere("ringing", fixtures::ringing, &state);
    everywhere("talking", fixtures::talking, &state);
    everywhere("held_muted", fixtures::held_and_muted, &state);
    everywhere("link_down", fixtures::link_down, &state);
    everywhere("wrap_up", fixtures::wrap_up, &state);
    everywhere("signed_out", fixtures::signed_out, &state);
}

#[test]
fn dialogs_as_they_look() {
    let with = |dialog| ViewState { dialog: Some(dialog), ..fixtures::state() };
    everywhere("help", fixtures::idle, &with(Dialog::Help(0)));
    everywhere("busy_menu", fixtures::idle, &with(Dialog::Busy(ListDialog::default())));
    everywhere("quit_question", fixtures::talking, &with(Dialog::Question(Question::Quit)));
    for locale in [Locale::En, Locale::ZhCn] {
        shot("caller_ids", &fixtures::idle(locale), &with(Dialog::CallerId(ListDialog::default())), 80, 24);
        shot("palette", &fixtures::idle(locale), &with(Dialog::Palette(ListDialog::default())), 80, 24);
        shot("keypad", &fixtures::talking(locale), &with(Dialog::Keypad("12#".into())), 80, 24);
    }
}

#[test]
fn quality_as_it_looks() {
    let warning = |name, value, threshold| Warning { name, value, threshold };
    for locale in [Locale::En, Locale::ZhCn] {
        let mut bad = fixtures::talking(locale);
        bad.media = crate::app::MediaView {
            rtt_ms: Some(212.0),
            jitter_ms: 18.0,
            loss_pct: 7.4,
            mos: Some(3.2),
            packets_lost: 381,
            concealed_pct: 7.9,
            far_loss_pct: None,
            far_jitter_ms: None,
            path: Some("relay"),
            xruns: 2,
            warnings: vec![warning(WarningName::HighLoss, 7.43, 3.0), warning(WarningName::LowMos, 3.21, 3.5)],
            ..bad.media
        };
        let open = ViewState { dialog: Some(Dialog::Quality), ..fixtures::state() };
        for (width, height) in [(80, 24), (60, 15), (120, 36)] {
            shot("quality_bad", &bad, &fixtures::state(), width, height);
            shot("quality_window", &bad, &open, width, height);
        }
        shot("quality_window", &bad, &open, 100, 3);
        bad.media.state = crate::app::MediaState::Lost;
        bad.media.warnings.clear();
        shot("quality_lost", &bad, &open, 80, 24);
        let mut after = fixtures::idle(locale);
        let mut journal = after.journal.to_vec();
        if let Some(newest) = journal.first_mut() {
            newest.quality = Some(CallQuality {
                codec: "opus".into(),
                mos: 3.94,
                worst_mos: 2.6,
                loss_pct: 2.3,
                concealed_pct: 2.5,
                jitter_ms: 6.1,
                rtt_ms: Some(48.2),
                far_loss_pct: Some(0.4),
                silent_s: 5,
                warnings: 2,
            });
        }
        after.journal = Arc::new(journal);
        let list = ViewState { focus: Focus::List, ..fixtures::state() };
        shot("quality_journal", &after, &list, 80, 24);
    }
}

#[test]
fn notices_panel_and_ascii_as_they_look() {
    let state = fixtures::state();
    for locale in [Locale::En, Locale::ZhCn] {
        let told = match locale {
            Locale::En => "hold failed: the platform says 40300 not in this state",
            Locale::ZhCn => "保持失败：平台应答 40300 当前状态不允许",
        };
        let snapshot = fixtures::with_notice(fixtures::talking(locale), NoticeLevel::Error, told);
        shot("toast", &snapshot, &state, 80, 24);
        shot("toast", &snapshot, &state, 100, 3);
        shot("notices", &snapshot, &ViewState { tab: Tab::Notices, ..fixtures::state() }, 120, 36);
        let mut snapshot = fixtures::talking(locale);
        snapshot.panel = filled(PanelContent::Fields(vec![
            ("姓名".into(), "王小明".into()),
            ("等级".into(), "金卡".into()),
            ("Orders".into(), "20261120-8871".into()),
        ]));
        shot("panel", &snapshot, &state, 120, 36);
        shot("ascii", &fixtures::talking(locale), &fixtures::state_with(|settings| settings.ascii = true), 80, 24);
    }
}

#[test]
fn ascii_means_ascii() {
    let state = fixtures::state_with(|settings| settings.ascii = true);
    let mut snapshot = fixtures::talking(Locale::En);
    snapshot.agent.name = None;
    snapshot.journal = Default::default();
    snapshot.call.peer.area = None;
    snapshot.call.queue = None;
    for dialog in [None, Some(Dialog::Help(0)), Some(Dialog::Palette(ListDialog::default()))] {
        let (buffer, _) = render(&snapshot, &ViewState { dialog, ..state.clone() }, 120, 36);
        let frame = lines(&buffer);
        assert!(frame.is_ascii(), "{:?}", frame.chars().filter(|c| !c.is_ascii()).collect::<String>());
    }
}

fn filled(content: PanelContent) -> PanelView {
    PanelView { source: PanelFiller::Script, content: Some(Arc::new(content)), ..PanelView::default() }
}

/// Every situation, with a dialog or without.
fn situations() -> Vec<(Snapshot, ViewState)> {
    let mut all = Vec::new();
    for locale in [Locale::En, Locale::ZhCn] {
        let snapshots = [
            fixtures::idle(locale),
            fixtures::with_notice(fixtures::ringing(locale), NoticeLevel::Warn, &"很长的消息 ".repeat(30)),
            fixtures::talking(locale),
            fixtures::link_down(locale),
            fixtures::wrap_up(locale),
            fixtures::signed_out(locale),
        ];
        let dialogs = [
            None,
            Some(Dialog::Help(7)),
            Some(Dialog::Busy(ListDialog { selected: 99, ..ListDialog::default() })),
            Some(Dialog::Palette(ListDialog::default())),
            Some(Dialog::Keypad("1234".into())),
            Some(Dialog::Question(Question::Quit)),
        ];
        for (snapshot, dialog) in snapshots.iter().zip(dialogs.iter().cycle()) {
            let state = ViewState { dialog: dialog.clone(), ..fixtures::state() };
            all.push((snapshot.clone(), state));
        }
    }
    all
}

#[test]
fn no_size_is_too_small_or_too_large() {
    let all = situations();
    for width in 1..=300u16 {
        for height in (1..=100u16).filter(|h| *h <= 14 || (h + width) % 37 == 0) {
            let (snapshot, state) = &all[usize::from(width + height) % all.len()];
            render(snapshot, state, width, height);
        }
    }
    for (snapshot, state) in &all {
        for (width, height) in [(1, 1), (20, 2), (39, 50), (40, 3), (41, 4), (60, 12), (79, 13), (80, 24), (300, 100)] {
            render(snapshot, state, width, height);
        }
    }
}

#[test]
fn too_small_says_the_state_and_what_is_needed() {
    let (buffer, _) = render(&fixtures::talking(Locale::En), &fixtures::state(), 30, 2);
    assert_eq!(lines(&buffer), "● talking 02:31 13800138000\n40x3 or more needed\n");
    let (buffer, _) = render(&fixtures::idle(Locale::ZhCn), &fixtures::state(), 20, 2);
    assert_eq!(lines(&buffer), "● 空闲 03:12\n需至少 40x3\n");
}

#[test]
fn state_clock_and_the_way_to_hang_up_are_on_every_screen() {
    for (width, height) in SIZES {
        let (buffer, _) = render(&fixtures::talking(Locale::ZhCn), &fixtures::state(), width, height);
        let frame = lines(&buffer);
        for needed in ["通话中", "02:31", "13800138000", "x 挂机", "h 保持", "m 静音"] {
            assert!(frame.contains(needed), "{needed} is missing at {width}x{height}:\n{frame}");
        }
    }
}

#[test]
fn what_comes_from_outside_cannot_drive_the_terminal() {
    let mut snapshot = fixtures::ringing(Locale::En);
    snapshot.call.peer.number = Some("138\u{1b}[31m\u{7}\n00".into());
    snapshot.call.peer.area = Some("\u{202e}Peking\t".into());
    snapshot.agent.name = Some("\u{1b}]0;x\u{7}Z".into());
    snapshot.panel = filled(PanelContent::Text("a\u{1b}c\r\nb".into()));
    let snapshot = fixtures::with_notice(snapshot, NoticeLevel::Warn, "no\u{9b}2Jtice");
    for (width, height) in SIZES {
        let (buffer, _) = render(&snapshot, &fixtures::state(), width, height);
        for cell in buffer.content() {
            assert!(!cell.symbol().chars().any(|c| c.is_control() || c == '\u{202e}'), "{:?}", cell.symbol());
        }
    }
}

#[test]
fn frames_of_windows_are_not_broken_by_wide_characters_under_them() {
    let mut snapshot = fixtures::idle(Locale::ZhCn);
    for entry in std::sync::Arc::make_mut(&mut snapshot.journal) {
        entry.peer.name = Some("一二三四五六七八九十".into());
        entry.peer.area = Some("甲乙丙丁戊己庚辛".into());
    }
    let state = ViewState { dialog: Some(Dialog::Help(0)), ..fixtures::state() };
    for width in 80..=90 {
        let (buffer, _) = render(&snapshot, &state, width, 24);
        for y in 0..24 {
            for x in 0..width - 1 {
                if text::width(buffer[(x, y)].symbol()) == 2 {
                    let hidden = buffer[(x + 1, y)].symbol();
                    assert_eq!(hidden, " ", "at {x},{y} of width {width}: {hidden:?} is hidden");
                }
            }
        }
    }
}

#[test]
fn a_pending_action_is_marked_and_an_impossible_one_is_not_offered() {
    let mut snapshot = fixtures::talking(Locale::En);
    snapshot.pending.push(Action::Hold);
    let (buffer, _) = render(&snapshot, &fixtures::state(), 100, 3);
    let row = lines(&buffer);
    assert!(row.contains("h hold…"), "{row}");
    fixtures::allow(&mut snapshot, &[Action::HangUp]);
    snapshot.pending.clear();
    let (buffer, _) = render(&snapshot, &fixtures::state(), 100, 3);
    let row = lines(&buffer);
    assert!(!row.contains("h hold") && row.contains("x hang up"), "{row}");
}

#[test]
fn what_the_platform_makes_long_pushes_nothing_important_off_the_bar() {
    for locale in [Locale::En, Locale::ZhCn] {
        let mut snapshot = fixtures::held_and_muted(locale);
        snapshot.call.peer.area = Some("很长很长的地名".repeat(20));
        snapshot.quiet = true;
        let muted = crate::i18n::text(locale, "ui.muted");
        let held = crate::i18n::text(locale, "ui.state_held");
        let quiet = crate::i18n::text(locale, "ui.quiet");
        for (width, height) in [(80, 24), (60, 15), (100, 3), (120, 36)] {
            let (buffer, _) = render(&snapshot, &fixtures::state(), width, height);
            let bar = lines(&buffer).lines().next().unwrap_or_default().to_owned();
            let number = if width >= 80 { "01058545832" } else { "" };
            for wanted in [&muted, &held, &quiet, "13800138000", "8001", number] {
                assert!(bar.contains(wanted), "{width}x{height}: {wanted}: {bar}");
            }
        }
    }
}

#[test]
fn what_went_off_the_bar_comes_back_where_a_longer_piece_has_left_room() {
    let mut snapshot = fixtures::talking(Locale::En);
    snapshot.call.muted = true;
    snapshot.quiet = true;
    let reason = crate::domain::BusyReason { id: 11, name: "a very long reason that has no room".into() };
    snapshot.after_call = Some(crate::app::Wanted::Busy(Some(reason)));
    let bar = lines(&render(&snapshot, &fixtures::state(), 80, 24).0).lines().next().unwrap_or_default().to_owned();
    assert!(!bar.contains("after the call") && bar.contains("01058545832") && bar.contains("quiet"), "{bar}");
}

#[test]
fn typing_goes_on_while_a_call_rings_and_the_window_shows_keys_that_work_then() {
    let snapshot = fixtures::ringing(Locale::En);
    let mut state = fixtures::state();
    for key in ["1", "0", "a"] {
        let chord: Chord = key.parse().unwrap();
        assert!(input_events::on_key(&mut state, &snapshot, chord, now()).is_none());
    }
    assert_eq!(state.number.value(), "10a");
    let (buffer, _) = render(&snapshot, &state, 80, 24);
    let frame = lines(&buffer);
    assert!(frame.contains("F2 answer") && frame.contains("10a"), "{frame}");
    let ask = input_events::on_key(&mut state, &snapshot, "f2".parse().unwrap(), now());
    assert!(matches!(ask, Some(UiEffect::Send(crate::app::Command::Answer))), "{ask:?}");
    assert_eq!((state.number.value(), state.focus), ("10a", Focus::None), "what comes now is meant for the call");
}

#[test]
fn a_click_on_what_is_drawn_does_it() {
    let mut state = fixtures::state();
    let snapshot = fixtures::ringing(Locale::En);
    let (buffer, drawn) = render(&snapshot, &state, 80, 24);
    let (x, y) = find(&buffer, "a answer", 3);
    assert_eq!(drawn.at(x, y), Some(Target::Act(UiAction::Answer)));
    let ask = input_events::on_click(&mut state, &snapshot, drawn.at(x, y).unwrap(), now());
    assert!(matches!(ask, Some(UiEffect::Send(crate::app::Command::Answer))), "{ask:?}");
    state.dialog = Some(Dialog::Busy(ListDialog::default()));
    let snapshot = fixtures::idle(Locale::En);
    let (buffer, drawn) = render(&snapshot, &state, 80, 24);
    let (x, y) = find(&buffer, "就", 0);
    let ask = input_events::on_click(&mut state, &snapshot, drawn.at(x, y).unwrap(), now());
    assert!(matches!(ask, Some(UiEffect::Send(crate::app::Command::Busy { reason: Some(12) }))), "{ask:?}");
}

/// Where an ASCII text, or one wide character, begins, from a row on.
fn find(buffer: &Buffer, wanted: &str, from: u16) -> (u16, u16) {
    for y in from..buffer.area.height {
        for x in 0..buffer.area.width {
            let here: String = (x..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
            if here.starts_with(wanted) {
                return (x, y);
            }
        }
    }
    panic!("{wanted:?} is not on the screen");
}

#[test]
fn one_frame_a_second_while_idle_and_none_when_nothing_runs() {
    let state = fixtures::state();
    let until = |snapshot: &Snapshot| next_change(snapshot, &state, now()).map(|at| at - now());
    let second = std::time::Duration::from_secs(1);
    assert_eq!(until(&fixtures::idle(Locale::En)), Some(second));
    assert_eq!(until(&fixtures::talking(Locale::En)), Some(second));
    assert_eq!(until(&fixtures::ringing(Locale::En)), Some(second / 2), "an incoming call blinks");
    assert_eq!(until(&fixtures::wrap_up(Locale::En)), Some(std::time::Duration::from_millis(400)));
    let mut out = fixtures::signed_out(Locale::En);
    out.link.state = crate::app::LinkState::Down;
    assert_eq!(until(&out), None);
}

#[test]
fn the_help_shows_the_live_keys() {
    let changes = BTreeMap::from([("hold".to_owned(), vec!["z".to_owned()])]);
    let mut state = fixtures::state();
    state.settings.keymap = KeyMap::new(&changes, None).unwrap();
    state.dialog = Some(Dialog::Help(0));
    let (buffer, _) = render(&fixtures::idle(Locale::En), &state, 120, 36);
    let frame = lines(&buffer);
    let line = frame.lines().find(|l| l.contains("hold or resume")).unwrap();
    assert!(line.contains(" z ") && !line.contains("Alt-h"), "{line}");
}

#[test]
fn every_state_has_its_own_word_in_both_languages() {
    for locale in [Locale::En, Locale::ZhCn] {
        let mut words = std::collections::BTreeSet::new();
        let mut snapshot = fixtures::idle(locale);
        for agent in [
            AgentState::SignedOut,
            AgentState::SigningIn,
            AgentState::Idle,
            AgentState::Busy,
            AgentState::Occupied,
            AgentState::WrapUp,
        ] {
            snapshot.agent.state = agent;
            assert!(words.insert(title_labels(&snapshot, now()).0), "{agent:?}");
        }
        for phase in [CallPhase::Dialing, CallPhase::Ringing, CallPhase::Talking, CallPhase::Held] {
            snapshot.call.phase = phase;
            assert!(words.insert(title_labels(&snapshot, now()).0), "{phase:?}");
        }
        snapshot.call.phase = CallPhase::Dialing;
        snapshot.call.far_ringing = true;
        assert!(words.insert(title_labels(&snapshot, now()).0));
    }
}
