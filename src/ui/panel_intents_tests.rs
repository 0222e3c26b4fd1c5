//! Keys and clicks on the panel, and copying.

use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend};

use std::sync::Arc;

use super::*;
use crate::{
    app::{Action, PanelFiller, PanelView, Possible},
    i18n::Locale,
    panel::PanelContent,
    ui::{
        fixtures::{self, now},
        input_events,
        keys::Chord,
        panel_document::PanelReader,
        target::Target,
        view::{self, Drawn},
    },
};

const ALT_ENTER: Chord = Chord { code: KeyCode::Enter, modifiers: KeyModifiers::ALT };

fn filled(snapshot: &mut Snapshot, content: PanelContent) {
    snapshot.panel =
        PanelView { source: PanelFiller::Script, content: Some(Arc::new(content)), ..PanelView::default() };
}

/// A customer with two more numbers in the panel.
fn card() -> Snapshot {
    let mut snapshot = fixtures::talking(Locale::En);
    let fields = [("Mobile", "13911112222"), ("Office", "010-58545832 ext 3")];
    let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    filled(&mut snapshot, PanelContent::Fields(fields));
    snapshot
}

fn draw(snapshot: &Snapshot, state: &mut ViewState, width: u16, height: u16) -> (String, Drawn) {
    state.clamp(snapshot);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut drawn = Drawn::default();
    terminal.draw(|frame| drawn = view::draw(frame, snapshot, state, now())).unwrap();
    (terminal.backend().to_string(), drawn)
}

fn press(state: &mut ViewState, snapshot: &Snapshot, keys: &str) -> Option<UiEffect> {
    let mut asked = None;
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            key => KeyCode::Char(key),
        };
        asked = input_events::on_key(state, snapshot, Chord::new(code, KeyModifiers::NONE), now());
    }
    asked
}

#[track_caller]
fn copies(asked: Option<UiEffect>, number: &str) {
    assert!(matches!(&asked, Some(UiEffect::Copy(copied)) if copied == number), "{asked:?}");
}

#[test]
fn numbers_are_picked_taken_copied_and_dialled() {
    let snapshot = card();
    let mut state = fixtures::state();
    assert!(press(&mut state, &snapshot, "P\n").is_none());
    assert_eq!((state.number.value(), state.focus), ("13911112222", Focus::Number));

    let mut state = fixtures::state();
    copies(press(&mut state, &snapshot, "Py"), "13911112222");
    assert!(state.dialog.is_none() && state.flash_at(now()).is_some_and(|hint| hint.contains("13911112222")));

    // What stands beside a number finds it; then y is a letter like others.
    let mut state = fixtures::state();
    press(&mut state, &snapshot, "Poffice");
    let alt_y = Chord::new(KeyCode::Char('y'), KeyModifiers::ALT);
    copies(input_events::on_key(&mut state, &snapshot, alt_y, now()), "01058545832");

    let mut free = snapshot.clone();
    free.call = crate::app::CallView::default();
    fixtures::allow(&mut free, &[Action::Dial]);
    let mut state = fixtures::state();
    press(&mut state, &free, "P");
    let asked = input_events::on_key(&mut state, &free, ALT_ENTER, now());
    assert!(
        matches!(&asked, Some(UiEffect::Send(Command::Dial { number, .. })) if number == "13911112222"),
        "{asked:?}"
    );
    free.actions.insert(Action::Dial, Possible::No(Message::verbatim("in a call")));
    press(&mut state, &free, "P");
    assert!(input_events::on_key(&mut state, &free, ALT_ENTER, now()).is_none());
    assert_eq!(state.flash_at(now()), Some("in a call"));
}

#[test]
fn without_content_the_callers_own_number_can_be_picked() {
    let mut state = fixtures::state();
    copies(press(&mut state, &fixtures::talking(Locale::En), "Py"), "13800138000");
    let mut state = fixtures::state();
    assert!(press(&mut state, &fixtures::idle(Locale::En), "P").is_none());
    assert!(state.dialog.is_none() && state.flash_at(now()).is_some());
}

#[test]
fn a_click_on_a_number_takes_it_and_the_rest_of_the_panel_is_the_panel() {
    let snapshot = card();
    let mut state = fixtures::state();
    let (screen, drawn) = draw(&snapshot, &mut state, 120, 36);
    let row = screen.lines().position(|line| line.contains("010-58545832")).unwrap();
    let at: Vec<_> = (81..120).filter_map(|x| drawn.at(x, row as u16)).collect();
    assert!(at.contains(&Target::Panel) && at.contains(&Target::PanelNumber(1)), "{at:?}");
    assert_eq!(at.iter().filter(|target| **target == Target::PanelNumber(1)).count(), "010-58545832".len());
    assert!(input_events::on_click(&mut state, &snapshot, Target::PanelNumber(1), now()).is_none());
    assert_eq!((state.number.value(), state.focus), ("01058545832", Focus::Number));
}

#[test]
fn the_caller_is_copied_else_what_is_looked_at() {
    let talking = fixtures::talking(Locale::En);
    let idle = fixtures::idle(Locale::En);
    copies(press(&mut fixtures::state(), &talking, "y"), "13800138000");
    let newest = idle.journal[0].peer.short().to_owned();
    let second = idle.journal[1].peer.short().to_owned();
    assert_ne!(newest, second);
    copies(press(&mut fixtures::state(), &idle, "y"), &newest);
    let mut state = ViewState { focus: Focus::List, selected: 1, ..fixtures::state() };
    copies(press(&mut state, &idle, "y"), &second);
    copies(press(&mut state, &talking, "y"), "13800138000");
    let mut state = fixtures::state();
    press(&mut state, &talking, "/1234");
    let alt_y = Chord::new(KeyCode::Char('y'), KeyModifiers::ALT);
    copies(input_events::on_key(&mut state, &talking, alt_y, now()), "1234");
    let mut empty = idle.clone();
    empty.journal = Arc::default();
    let mut state = fixtures::state();
    assert!(press(&mut state, &empty, "y").is_none());
    assert!(state.flash_at(now()).is_some());
    let mut evil = talking.clone();
    evil.call.peer.number = Some("138\u{1b}\u{7}00".into());
    copies(press(&mut fixtures::state(), &evil, "y"), "13800");
}

#[test]
fn it_scrolls_to_its_end_and_back_and_new_content_begins_at_the_top() {
    let mut snapshot = fixtures::talking(Locale::En);
    let lines: Vec<String> = (1..=100).map(|n| format!("line {n}.")).collect();
    filled(&mut snapshot, PanelContent::Text(lines.join("\n")));
    let mut state = fixtures::state();
    let (screen, _) = draw(&snapshot, &mut state, 120, 36);
    assert!(screen.contains("line 1.") && !screen.contains("line 100."));
    for _ in 0..100 {
        press(&mut state, &snapshot, "]");
        draw(&snapshot, &mut state, 120, 36);
    }
    let (screen, _) = draw(&snapshot, &mut state, 120, 36);
    assert!(screen.contains("line 100.") && !screen.contains("line 1."));
    press(&mut state, &snapshot, "[");
    let (screen, _) = draw(&snapshot, &mut state, 120, 36);
    assert!(!screen.contains("line 100."), "one step back is seen at once");
    filled(&mut snapshot, PanelContent::Text(lines.join("\n")));
    let (screen, _) = draw(&snapshot, &mut state, 120, 36);
    assert!(screen.contains("line 1."));
}

#[test]
fn its_width_and_whether_it_is_shown_are_remembered() {
    let snapshot = card();
    let mut state = fixtures::state();
    draw(&snapshot, &mut state, 200, 40);
    let mut seen = Vec::new();
    for key in "<<<<<<<<>".chars() {
        seen.push(match press(&mut state, &snapshot, &key.to_string()) {
            Some(UiEffect::Send(Command::Prefer(Preference::PanelWidth(percent)))) => percent,
            None => 0,
            other => panic!("{other:?}"),
        });
        draw(&snapshot, &mut state, 200, 40);
    }
    assert_eq!(seen, [38, 43, 48, 53, 58, 60, 0, 0, 55]);
    for _ in 0..20 {
        press(&mut state, &snapshot, ">");
        draw(&snapshot, &mut state, 200, 40);
    }
    assert_eq!(state.panel_width, NARROWEST);
    // In a small window it stops where nothing would be seen to change.
    let mut state = fixtures::state();
    draw(&snapshot, &mut state, 80, 24);
    for _ in 0..20 {
        press(&mut state, &snapshot, "<");
        draw(&snapshot, &mut state, 80, 24);
    }
    assert!((38..=43).contains(&state.panel_width), "{}", state.panel_width);
    let asked = press(&mut state, &snapshot, "p");
    assert!(matches!(asked, Some(UiEffect::Send(Command::Prefer(Preference::Panel(false))))), "{asked:?}");
    assert!(!draw(&snapshot, &mut state, 120, 36).0.contains("Mobile"));
    let asked = press(&mut state, &snapshot, "<");
    assert!(matches!(asked, Some(UiEffect::Send(Command::Prefer(Preference::Panel(true))))), "{asked:?}");
    assert!(matches!(press(&mut state, &snapshot, "X"), Some(UiEffect::Send(Command::ClearPanel))));
}

#[test]
fn on_its_way_and_failed_are_said() {
    let mut snapshot = fixtures::talking(Locale::En);
    snapshot.panel.loading = true;
    let mut state = fixtures::state();
    assert!(draw(&snapshot, &mut state, 120, 36).0.contains("loading…"));
    snapshot.panel = PanelView { error: Some("crm answered with HTTP status 500".into()), ..PanelView::default() };
    let (screen, _) = draw(&snapshot, &mut state, 120, 36);
    assert!(screen.contains("crm answered with") && screen.contains("13800138000"));
}

#[test]
fn colours_are_shown_as_far_as_there_are_any() {
    let mut snapshot = fixtures::talking(Locale::En);
    filled(&mut snapshot, PanelContent::Text("\u{1b}[1;38;2;250;200;200mgold\u{1b}[0m".into()));
    for (profile, colored) in [(termprofile::TermProfile::TrueColor, true), (termprofile::TermProfile::NoColor, false)]
    {
        let mut state = fixtures::state();
        state.settings.theme = crate::ui::theme::Theme::load("wincall", None, profile).unwrap();
        state.clamp(&snapshot);
        let mut terminal = Terminal::new(TestBackend::new(120, 36)).unwrap();
        terminal.draw(|frame| drop(view::draw(frame, &snapshot, &state, now()))).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let cells = buffer.content().iter().filter(|cell| cell.fg == ratatui::style::Color::Rgb(250, 200, 200));
        assert_eq!(cells.count(), if colored { 4 } else { 0 });
        assert!(
            buffer.content().iter().any(|c| c.symbol() == "g" && c.modifier.contains(ratatui::style::Modifier::BOLD))
        );
    }
}

#[test]
fn reading_a_long_content_again_costs_nothing() {
    let content = Arc::new(PanelContent::Text("北京 13800138000\n".repeat(5000)));
    let reading = PanelReader::default();
    let rows = reading.rows(&content, 30);
    assert!(Arc::ptr_eq(&rows, &reading.rows(&content, 30)));
    assert!(!Arc::ptr_eq(&rows, &reading.rows(&content, 31)));
    let document = reading.document(&content);
    assert!(Arc::ptr_eq(&document, &reading.document(&content)));
    assert!(!Arc::ptr_eq(&document, &reading.document(&Arc::new(PanelContent::Text("x".into())))));
}
