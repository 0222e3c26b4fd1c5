//! Frames of consultation, transfer, supervision, directory and queue: one file per screen, with every size and both
//! languages in it.

use super::{
    tests::{compare, lines, render},
    *,
};
use crate::{
    app::{Action, Fetched, Wanted},
    domain::{BusyReason, CallPhase, Callee, Direction, Party, RingKind},
    i18n::{Locale, Message},
    ui::{
        dialog::{Choice, Dialog, ListDialog, Page, Pick, PickKind, Question},
        effect::UiEffect,
        fixtures::{self, now},
        input_events,
        state::{Focus, Tab},
    },
};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 30), (160, 48)];
const BOTH: [Locale; 2] = [Locale::En, Locale::ZhCn];

fn shots(name: &str, snapshot: impl Fn(Locale) -> Snapshot, state: &ViewState) {
    let mut all = String::new();
    for (width, height) in SIZES {
        for locale in BOTH {
            let (buffer, _) = render(&snapshot(locale), state, width, height);
            all.push_str(&format!("== {} {width}x{height}\n{}", locale.tag(), lines(&buffer)));
        }
    }
    compare(name, &all);
}

fn screen(snapshot: &Snapshot, state: &ViewState, width: u16, height: u16) -> String {
    lines(&render(snapshot, state, width, height).0)
}

fn with(dialog: Dialog) -> ViewState {
    ViewState { dialog: Some(dialog), ..fixtures::state() }
}

/// A screen: its name, what is shown, what the screen remembers.
type Shot = (&'static str, fn(Locale) -> Snapshot, ViewState);

/// Everything there is beyond a plain talk.
fn table() -> Vec<Shot> {
    let pick = |kind, page| Dialog::Pick(Pick::new(kind).on_page(page));
    let in_tab = |tab, selected| ViewState { tab, selected, focus: Focus::List, ..fixtures::state() };
    vec![
        ("call_talking", |locale| wishing(fixtures::in_talk(locale)), fixtures::state()),
        ("call_consult_out", |locale| fixtures::consulting(locale, CallPhase::ConsultOut), fixtures::state()),
        ("call_consulting", |locale| fixtures::consulting(locale, CallPhase::Consulting), fixtures::state()),
        ("call_three_way", |locale| fixtures::consulting(locale, CallPhase::ThreeWay), fixtures::state()),
        ("call_spying", |locale| fixtures::monitoring(locale, CallPhase::Spying), fixtures::state()),
        ("call_whispering", |locale| fixtures::monitoring(locale, CallPhase::Whispering), fixtures::state()),
        ("call_barged", |locale| fixtures::monitoring(locale, CallPhase::Barging), fixtures::state()),
        ("pick_consult_agent", fixtures::in_talk, with(pick(PickKind::Consult, Page::Agents))),
        ("pick_consult_outside", fixtures::in_talk, with(pick(PickKind::Consult, Page::Outside))),
        ("pick_transfer_agent", fixtures::in_talk, with(pick(PickKind::Transfer, Page::Agents))),
        ("pick_transfer_group", fixtures::in_talk, with(pick(PickKind::Transfer, Page::Groups))),
        ("pick_transfer_ivr", fixtures::in_talk, with(pick(PickKind::Transfer, Page::Ivr))),
        ("pick_spy", fixtures::in_charge, with(pick(PickKind::Spy, Page::OnLine))),
        (
            "question_disconnect",
            |locale| fixtures::monitoring(locale, CallPhase::Spying),
            with(Dialog::Question(Question::Disconnect { who: "8003 李四".into() })),
        ),
        ("busy_after_call", |locale| wishing(fixtures::in_talk(locale)), with(Dialog::Busy(ListDialog::default()))),
        ("tab_directory", fixtures::in_charge, in_tab(Tab::Directory, 1)),
        ("tab_directory_in_call", fixtures::in_talk, in_tab(Tab::Directory, 1)),
        ("tab_queue", fixtures::in_charge, in_tab(Tab::Queue, 0)),
        ("tab_journal_line", fixtures::in_charge, in_tab(Tab::Journal, 0)),
    ]
}

fn wishing(mut snapshot: Snapshot) -> Snapshot {
    snapshot.after_call = Some(Wanted::Busy(Some(BusyReason { id: 12, name: "就餐".into() })));
    snapshot
}

#[test]
fn an_outside_number_typed_on_the_agents_page_is_called_as_one() {
    let snapshot = fixtures::in_talk(Locale::En);
    let of =
        |typed: &str| Pick::new(PickKind::Consult).typed(typed).rows(&snapshot).first().map(|row| row.choice.clone());
    let number = "02164700001".to_owned();
    assert_eq!(of(&number), Some(Choice::Consult(Callee::Number(number.clone()))));
    assert_eq!(of("8077"), Some(Choice::Consult(Callee::Agent("8077".into()))));
}

#[test]
fn calls_and_dialogs_as_they_look() {
    for (name, snapshot, state) in table() {
        shots(name, snapshot, &state);
    }
}

#[test]
fn hanging_up_is_at_the_right_of_every_phase_and_everything_fits_80_columns() {
    for (name, snapshot, state) in table() {
        for locale in BOTH {
            let snapshot = snapshot(locale);
            for (width, height) in [(80, 24), (60, 15), (100, 3)] {
                let frame = screen(&snapshot, &state, width, height);
                let second = frame.lines().nth(1).unwrap();
                if snapshot.call.phase.is_live() {
                    let end = if state.dialog.as_ref().is_some_and(Dialog::takes_text) { ["F4"] } else { ["x "] };
                    assert!(end.iter().any(|key| second.contains(key)), "{name} {width}: {second}");
                    // In a consultation the label names the colleague, who goes first.
                    let words =
                        if locale == Locale::En { ["hang up", "hang up 8003"] } else { ["挂机", "挂断 8003"] };
                    let second = second.trim_end();
                    assert!(words.iter().any(|word| second.ends_with(word)), "{name} {width}: {second}");
                }
            }
        }
    }
}

#[test]
fn every_dialog_says_at_60x15_what_enter_will_do() {
    for (kind, page, en, zh) in [
        (PickKind::Consult, Page::Agents, "calls 8002 王芳; the customer waits", "呼叫 8002 王芳 咨询，客户等待"),
        (PickKind::Transfer, Page::Agents, "to 8002 王芳, without asking", "直接转接给 8002 王芳，不先询问"),
        (PickKind::Transfer, Page::Groups, "into the queue of 售前", "转接到技能组 售前 重新排队"),
        (PickKind::Transfer, Page::Outside, "to 快递 95338, without", "直接转接给 快递 95338，不先询问"),
    ] {
        for (locale, words) in [(Locale::En, en), (Locale::ZhCn, zh)] {
            let mut pick = Pick::new(kind).on_page(page);
            if page == Page::Outside {
                pick = pick.typed("快");
            }
            let frame = screen(&fixtures::in_talk(locale), &with(Dialog::Pick(pick)), 60, 15);
            assert!(frame.contains(&format!("⏎ {words}")) || frame.contains(words), "{frame}");
        }
    }
}

#[test]
fn six_kinds_of_ringing_are_six_words_and_glyphs() {
    for locale in BOTH {
        let mut seen = std::collections::BTreeSet::new();
        let agent =
            Party { ag_no: Some("8003".into()), name: Some("李四".into()), number: Some("9003".into()), area: None };
        for (ring, direction) in [
            (RingKind::Called, Direction::Inner),
            (RingKind::Called, Direction::In),
            (RingKind::Queue, Direction::In),
            (RingKind::Consult, Direction::Consult),
            (RingKind::AutoCall, Direction::Auto),
            (RingKind::Spy, Direction::Spy),
        ] {
            let mut snapshot = fixtures::ringing(locale);
            snapshot.call.ring = Some(ring);
            snapshot.call.direction = Some(direction);
            if matches!(direction, Direction::Inner | Direction::Consult) {
                snapshot.call.peer = agent.clone();
            }
            let frame = screen(&snapshot, &fixtures::state(), 80, 24);
            let first = frame.lines().next().unwrap().trim().to_owned();
            let (glyph, rest) = first.split_once(' ').unwrap();
            let word = rest.split("  ").next().unwrap().to_owned();
            assert!(seen.insert(glyph.to_owned()) && seen.insert(word), "{first}");
            if direction == Direction::Inner {
                assert!(frame.contains("8003 李四") && frame.contains("9003"), "{frame}");
            }
        }
        let mut handed = fixtures::ringing(locale);
        handed.call.ring = Some(RingKind::Called);
        handed.call.transferred_by = Some("8002".into());
        let frame = screen(&fixtures::peopled(handed), &fixtures::state(), 80, 24);
        let (word, by) = match locale {
            Locale::En => ("↪ transferred call", "transferred by 8002 王芳"),
            Locale::ZhCn => ("↪ 转接来电", "由 8002 王芳 转来"),
        };
        assert!(frame.contains(word) && frame.contains(by), "{frame}");
        let mut consult = fixtures::ringing(locale);
        consult.call.ring = Some(RingKind::Consult);
        consult.call.direction = Some(Direction::Consult);
        consult.call.peer = Party { number: Some("13800138000".into()), ..agent };
        let frame = screen(&consult, &fixtures::state(), 80, 24);
        let about = if locale == Locale::En { "about customer 13800138000" } else { "关于客户 13800138000" };
        assert!(frame.contains("8003 李四") && frame.contains(about), "{frame}");
    }
}

#[test]
fn a_call_that_answers_itself_still_shows_the_caller() {
    let mut snapshot = fixtures::ringing(Locale::ZhCn);
    snapshot.auto_answer = true;
    let frame = screen(&snapshot, &fixtures::state(), 80, 24);
    assert!(frame.contains("13800138000") && frame.contains("将自动接听") && frame.contains("客户来电"), "{frame}");
}

#[test]
fn who_hears_whom_is_said_in_words() {
    for (phase, words) in [
        (CallPhase::Spying, "双方都听不到您"),
        (CallPhase::Whispering, "只有 8003 李四 听得到您，客户听不到"),
        (CallPhase::Barging, "双方都听得到您"),
    ] {
        let frame = screen(&fixtures::monitoring(Locale::ZhCn, phase), &fixtures::state(), 80, 24);
        assert!(frame.contains(words) && frame.contains("00:30"), "{words}: {frame}");
    }
    let frame = screen(&fixtures::consulting(Locale::ZhCn, CallPhase::ThreeWay), &fixtures::state(), 80, 24);
    assert!(frame.replace(['\n', '│', ' '], "").contains("您、13800138000、8003李四互相听得到"), "{frame}");
    let mut held = fixtures::held_and_muted(Locale::ZhCn);
    held.call.hold_uncertain = true;
    let frame = screen(&held, &fixtures::state(), 120, 30);
    assert!(frame.contains("保持?") && frame.contains("无法确认对方是否仍被保持；按 h 恢复通话"), "{frame}");
}

#[test]
fn of_a_call_that_was_found_nothing_is_made_up() {
    let mut found = fixtures::talking(Locale::ZhCn);
    found.media = crate::app::MediaView::default();
    found.call.hold_uncertain = true;
    found.call.ring = None;
    let frame = screen(&found, &fixtures::state(), 80, 24);
    assert!(!frame.contains("正在连接声音") && frame.contains("此处没有这通电话的声音"), "{frame}");
    assert!(frame.contains("通话 ") && !frame.contains("振铃 ") && !frame.contains("保持 0"), "{frame}");
}

#[test]
fn a_call_that_only_one_side_still_knows_says_so() {
    let mut unheld = fixtures::talking(Locale::ZhCn);
    unheld.call.unheld = true;
    let frame = screen(&unheld, &fixtures::state(), 80, 24);
    assert!(frame.contains("平台已丢失本次通话的记录"), "{frame}");

    for (locale, words) in [(Locale::ZhCn, "对方已将通话置于保持"), (Locale::En, "the other side put the call on hold")]
    {
        let mut held = fixtures::talking(locale);
        held.call.held_by_far_end = true;
        for (width, height) in SIZES {
            let frame = screen(&held, &fixtures::state(), width, height);
            assert!(frame.contains(words), "{width}x{height}: {frame}");
        }
    }

    let mut rings = fixtures::ringing(Locale::ZhCn);
    rings.call.leg_lost = Some("对方终止了媒体".to_owned());
    for (width, height) in SIZES {
        let frame = screen(&rings, &fixtures::state(), width, height);
        assert!(frame.contains("无法在本机接听，请拒接"), "{frame}");
    }
    let mut rings = fixtures::ringing(Locale::ZhCn);
    rings.call.unheld = true;
    assert_eq!(
        parties::situation(&rings, &fixtures::state(), Instant::now()).as_deref(),
        Some("平台已丢失此来电的记录，本机仍在振铃")
    );

    let mut silent = fixtures::talking(Locale::ZhCn);
    silent.call.leg_lost = Some("对方终止了媒体".to_owned());
    let frame = screen(&silent, &fixtures::state(), 120, 30);
    assert!(frame.contains("听不到声音：对方终止了媒体"), "{frame}");
}

#[test]
fn during_a_consultation_nothing_is_said_of_holding_when_the_link_is_lost() {
    let mut consulting = fixtures::consulting(Locale::ZhCn, CallPhase::Consulting);
    consulting.link = fixtures::link_down(Locale::ZhCn).link;
    let frame = screen(&consulting, &fixtures::state(), 120, 30);
    assert!(frame.contains("通话不受影响") && !frame.contains("保持待恢复"), "{frame}");
}

#[test]
fn lists_say_how_fresh_they_are() {
    let state = with(Dialog::Pick(Pick::new(PickKind::Consult)));
    let mut snapshot = fixtures::in_talk(Locale::ZhCn);
    assert!(screen(&snapshot, &state, 80, 24).contains("截至 06:33:10"), "two seconds before the frame");
    snapshot.directory.fetched = Fetched::Failed(Message::verbatim("平台无应答"));
    let frame = screen(&snapshot, &state, 80, 24);
    assert!(frame.contains("未能更新：平台无应答") && frame.contains("8002 王芳"), "the older list stays: {frame}");
    snapshot.directory.agents.clear();
    snapshot.directory.fetched = Fetched::UnderWay;
    assert!(screen(&snapshot, &state, 80, 24).contains("正在加载"));
    let tab = ViewState { tab: Tab::Queue, ..fixtures::state() };
    let mut snapshot = fixtures::in_charge(Locale::En);
    assert!(screen(&snapshot, &tab, 120, 30).contains("as of 06:33:10"));
    snapshot.queue = Default::default();
    assert!(screen(&snapshot, &tab, 120, 30).contains("loading"));
    snapshot.queue.fetched = Fetched::At(now());
    assert!(screen(&snapshot, &tab, 120, 30).contains("The queue is empty."));
}

#[test]
fn waiting_and_listening_clocks_tick_with_the_seconds_of_the_day() {
    let second = std::time::Duration::from_secs(1);
    let mut snapshot = fixtures::in_charge(Locale::En);
    snapshot.agent.state = crate::domain::AgentState::SigningIn;
    let state = ViewState { tab: Tab::Queue, ..fixtures::state() };
    assert_eq!(next_change(&snapshot, &state, now()), Some(now() + second));
    let third = now() + second / 3;
    assert_eq!(next_change(&snapshot, &state, third), Some(now() + second));
    assert_eq!(next_change(&snapshot, &fixtures::state(), now()), None, "nobody looks at the queue");
    let frame = screen(&snapshot, &state, 120, 30);
    assert!(frame.contains("02:10") && frame.contains("00:22"), "{frame}");
    let later = ViewState { clocks: state.clocks, ..state };
    let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(120, 30)).unwrap();
    terminal.draw(|frame| drop(draw(frame, &snapshot, &later, now() + second))).unwrap();
    assert!(lines(terminal.backend().buffer()).contains("02:11"));
}

#[test]
fn the_queue_is_counted_in_the_bar_and_quiet_is_shown() {
    let mut snapshot = fixtures::in_charge(Locale::ZhCn);
    snapshot.quiet = true;
    let bar = screen(&snapshot, &fixtures::state(), 120, 30).lines().next().unwrap().to_owned();
    assert!(bar.contains("排队 3") && bar.contains("免打扰"), "{bar}");
    snapshot.queue_waiting = Some(0);
    snapshot.quiet = false;
    let bar = screen(&snapshot, &fixtures::state(), 120, 30).lines().next().unwrap().to_owned();
    assert!(!bar.contains("排队") && !bar.contains("免打扰"), "{bar}");
}

#[test]
fn a_letter_in_a_number_is_told_before_enter() {
    let snapshot = fixtures::idle(Locale::ZhCn);
    let mut state = fixtures::state();
    for key in ["/", "1", "b"] {
        input_events::on_key(&mut state, &snapshot, key.parse().unwrap(), now());
    }
    let frame = screen(&snapshot, &state, 80, 24);
    assert!(frame.contains("号码里不能有「b」；若是工号，按 Alt-i 呼叫坐席"), "{frame}");
    input_events::on_key(&mut state, &snapshot, "backspace".parse().unwrap(), now());
    assert!(!screen(&snapshot, &state, 80, 24).contains("号码里不能有"));
}

/// Where a text begins on the screen, as a click would hit it.
fn find(snapshot: &Snapshot, state: &ViewState, wanted: &str) -> Target {
    let (buffer, drawn) = render(snapshot, state, 80, 24);
    for y in 0..24 {
        for x in 0..80 {
            let here: String = (x..80).map(|x| buffer[(x, y)].symbol()).collect();
            if here.replace(' ', "").starts_with(&wanted.replace(' ', "")) && buffer[(x, y)].symbol() != " " {
                return drawn.at(x, y).unwrap_or_else(|| panic!("{wanted} cannot be clicked"));
            }
        }
    }
    panic!("{wanted} is not on the screen");
}

#[test]
fn the_mouse_turns_pages_chooses_lines_answers_questions_and_closes_windows() {
    let talking = fixtures::in_talk(Locale::En);
    let mut state = with(Dialog::Pick(Pick::new(PickKind::Transfer)));
    let click = |state: &mut ViewState, snapshot: &Snapshot, wanted: &str| {
        let target = find(snapshot, state, wanted);
        input_events::on_click(state, snapshot, target, now())
    };
    assert!(click(&mut state, &talking, "skill groups").is_none());
    let Some(Dialog::Pick(pick)) = &state.dialog else { panic!("it is gone") };
    assert_eq!(pick.page, Page::Groups);
    assert!(click(&mut state, &talking, "type to filter").is_none() && state.dialog.is_some(), "its ground is inert");
    let ask = click(&mut state, &talking, "Backoffice");
    assert!(format!("{ask:?}").contains("Queue { id: 7, vcc_id: Some(12) }"), "{ask:?}");

    let spying = fixtures::monitoring(Locale::En, CallPhase::Spying);
    let question = with(Dialog::Question(Question::Disconnect { who: "8003".into() }));
    let mut state = question.clone();
    let ask = click(&mut state, &spying, "y disconnect");
    assert!(matches!(ask, Some(UiEffect::Send(crate::app::Command::Disconnect { ag_no: None }))), "{ask:?}");
    let mut state = question.clone();
    assert!(click(&mut state, &spying, "n go back").is_none() && state.dialog.is_none());
    let mut state = question.clone();
    assert!(click(&mut state, &spying, "Esc go back").is_none() && state.dialog.is_none());
    let (_, drawn) = render(&spying, &question, 80, 24);
    let mut state = question;
    assert_eq!(drawn.at(2, 20), Some(Target::Around));
    assert!(input_events::on_click(&mut state, &spying, Target::Around, now()).is_none() && state.dialog.is_none());

    // A line of a list: selected first, done by the second click.
    let idle = fixtures::in_charge(Locale::En);
    let mut state = ViewState { tab: Tab::Directory, ..fixtures::state() };
    assert!(click(&mut state, &idle, "8020").is_none());
    let ask = click(&mut state, &idle, "8020");
    assert!(format!("{ask:?}").contains("DialAgent { ag_no: \"8020\""), "{ask:?}");
}

#[test]
fn an_action_shown_as_possible_in_the_bar_can_be_clicked() {
    let snapshot = fixtures::monitoring(Locale::En, CallPhase::Spying);
    let state = fixtures::state();
    for (words, needed) in [("W whisper", Action::Whisper), ("B barge in", Action::Barge)] {
        let target = find(&snapshot, &state, words);
        let ask = input_events::on_click(&mut state.clone(), &snapshot, target, now());
        let word = format!("{needed:?}");
        assert!(format!("{ask:?}").contains(&word), "{ask:?}");
    }
}

#[test]
fn no_size_breaks_any_of_these_screens() {
    for (name, snapshot, state) in table() {
        let snapshot = snapshot(Locale::ZhCn);
        for width in [1, 19, 20, 39, 40, 41, 59, 60, 61, 75, 76, 77, 79, 100, 133, 250] {
            for height in [1, 2, 3, 4, 7, 11, 12, 13, 14, 15, 16, 20, 24, 60] {
                let (buffer, drawn) = render(&snapshot, &state, width, height);
                for y in 0..height {
                    for x in 0..width.saturating_sub(1) {
                        if crate::ui::text::width(buffer[(x, y)].symbol()) == 2 {
                            let hidden = buffer[(x + 1, y)].symbol();
                            assert_eq!(hidden, " ", "{name} {width}x{height} at {x},{y}: {hidden:?} is hidden");
                        }
                        drawn.at(x, y);
                    }
                }
            }
        }
    }
}

#[test]
fn ascii_means_ascii_here_too() {
    for (name, snapshot, state) in table() {
        let mut snapshot = snapshot(Locale::En);
        snapshot.journal = Default::default();
        snapshot.agent.name = None;
        snapshot.busy_reasons.clear();
        snapshot.after_call = snapshot.after_call.map(|_| Wanted::Ready);
        snapshot.call.queue = None;
        snapshot.call.peer.area = None;
        for agent in &mut snapshot.directory.agents {
            agent.name = "x".into();
            agent.groups = vec!["y".into()];
        }
        for group in &mut snapshot.directory.groups {
            group.name = "g".into();
        }
        for line in &mut snapshot.directory.on_line {
            (line.name, line.group) = ("x".into(), None);
        }
        for row in &mut snapshot.directory.outside {
            row.name = "x".into();
        }
        for row in &mut snapshot.queue.rows {
            (row.area, row.group) = (None, None);
        }
        let mut state = state;
        state.settings.ascii = true;
        if let Some(Dialog::Question(_)) = state.dialog {
            state.dialog = Some(Dialog::Question(Question::Disconnect { who: "8003".into() }));
        }
        let frame = screen(&snapshot, &state, 120, 36);
        let others: String = frame.chars().filter(|c| !c.is_ascii()).collect();
        assert!(others.is_empty(), "{name}: {others:?}");
    }
}

#[test]
fn in_the_strip_the_selected_line_and_what_enter_will_do_are_seen() {
    let talk = fixtures::in_talk(Locale::ZhCn);
    let frame = screen(&talk, &with(Dialog::Pick(Pick::new(PickKind::Transfer))), 100, 3);
    assert!(frame.contains("转接 坐席") && frame.contains("⏎ 直接转接给 8002 王芳，不先询问"), "{frame}");
    let mut pick = Pick::new(PickKind::Transfer).on_page(Page::Ivr).typed("main");
    pick.node = "7".into();
    let frame = screen(&talk, &with(Dialog::Pick(pick)), 100, 3);
    assert!(frame.contains("⏎ 转接到 IVR main 的节点 7"), "{frame}");
    let idle = fixtures::in_charge(Locale::ZhCn);
    let mut state = ViewState { tab: Tab::Directory, focus: Focus::List, selected: 1, ..fixtures::state() };
    let frame = screen(&idle, &state, 100, 3);
    assert!(frame.contains("坐席 ▸ 8003 李四") && frame.contains("⏎ 呼叫坐席"), "{frame}");
    (state.focus, state.find) = (Focus::Find, "李".into());
    assert!(screen(&idle, &state, 100, 3).contains("筛选 李"));
}

#[test]
fn auto_answer_is_shown_only_with_the_web_phone() {
    let mut snapshot = fixtures::idle(Locale::En);
    assert!(screen(&snapshot, &fixtures::state(), 120, 30).contains("auto-answer"));
    snapshot.agent.web_phone = false;
    assert!(!screen(&snapshot, &fixtures::state(), 120, 30).contains("auto-answer"));
}
