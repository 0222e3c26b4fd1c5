//! The journal as it looks: missed calls as work, directions in words, and who went on with a call.

use std::sync::Arc;

use super::tests::{lines, render};
use crate::{
    app::Snapshot,
    domain::{Direction, Outcome, Party},
    i18n::Locale,
    ui::{
        fixtures,
        state::{Focus, ViewState},
    },
};

fn screen(snapshot: &Snapshot, state: &ViewState, width: u16, height: u16) -> String {
    lines(&render(snapshot, state, width, height).0)
}

fn on_line(selected: usize) -> ViewState {
    ViewState { focus: Focus::List, selected, ..fixtures::state() }
}

/// The fixture's missed call has been called back.
fn called_back(mut snapshot: Snapshot) -> Snapshot {
    let journal = Arc::make_mut(&mut snapshot.journal);
    let mut back = journal[0].clone();
    back.id += 1;
    back.peer.number = Some("013911112222".into());
    journal.insert(0, back);
    snapshot
}

#[test]
fn the_tab_counts_missed_calls_until_they_are_called_back() {
    for (locale, told) in [(Locale::ZhCn, "通话记录 未接 1"), (Locale::En, "Calls missed 1")] {
        let idle = fixtures::idle(locale);
        for (width, height) in [(80, 24), (120, 36)] {
            let frame = screen(&idle, &fixtures::state(), width, height);
            assert!(frame.contains(told), "{frame}");
        }
        let frame = screen(&called_back(idle), &fixtures::state(), 120, 36);
        assert!(frame.contains(told.split(' ').next().unwrap_or_default()) && !frame.contains(told), "{frame}");
    }
}

#[test]
fn enter_calls_back_who_has_called_and_calls_again_who_was_called() {
    let idle = called_back(fixtures::idle(Locale::ZhCn));
    let frame = screen(&idle, &on_line(2), 120, 36);
    assert!(frame.contains("⏎ 回拨") && frame.contains("之后已通话"), "{frame}");
    let frame = screen(&idle, &on_line(1), 120, 36);
    assert!(frame.contains("⏎ 重拨") && !frame.contains("之后已通话"), "{frame}");
    let strip = screen(&fixtures::idle(Locale::ZhCn), &on_line(1), 100, 3);
    assert!(strip.contains("13911112222   ⏎ 回拨"), "{strip}");
}

#[test]
fn the_direction_is_a_word_where_there_is_room() {
    for (locale, words) in
        [(Locale::ZhCn, ["呼出", "呼入", "内线"]), (Locale::En, ["outgoing", "incoming", "internal"])]
    {
        let idle = fixtures::idle(locale);
        for (width, shown) in [(80, false), (104, true), (160, true)] {
            let frame = screen(&idle, &ViewState { panel: false, ..fixtures::state() }, width, 36);
            for word in words {
                assert_eq!(frame.contains(word), shown, "{word} at {width}:\n{frame}");
            }
        }
    }
}

#[test]
fn a_transferred_call_says_to_whom() {
    let mut idle = fixtures::idle(Locale::ZhCn);
    let entry = &mut Arc::make_mut(&mut idle.journal)[0];
    (entry.direction, entry.outcome) = (Direction::In, Outcome::Transferred);
    let to = |ag_no: Option<&str>, name: &str| {
        Some(Party { ag_no: ag_no.map(str::to_owned), name: Some(name.into()), ..Party::default() })
    };
    entry.transferred_to = to(Some("8002"), "李四");
    let wide = screen(&idle, &fixtures::state(), 160, 36);
    assert!(wide.contains("已转接 8002 李四"), "{wide}");
    let narrow = screen(&idle, &on_line(0), 80, 24);
    let places: Vec<&str> = narrow.lines().filter(|line| line.contains("已转接")).collect();
    assert_eq!(places.len(), 2, "in its line and below it:\n{narrow}");
    assert_eq!(places.iter().filter(|line| line.contains("已转接 8002 李四")).count(), 1, "{narrow}");
    Arc::make_mut(&mut idle.journal)[0].transferred_to = to(None, "售后");
    assert!(screen(&idle, &on_line(0), 160, 36).contains("已转接 售后"));
}

#[test]
fn an_empty_search_says_what_it_knows() {
    let state = ViewState { focus: Focus::Find, ..fixtures::state() };
    let frame = screen(&fixtures::idle(Locale::ZhCn), &state, 80, 24);
    assert!(frame.contains("未接 呼入 今天"), "{frame}");
    let state = ViewState { find: "未接".into(), ..state };
    let frame = screen(&fixtures::idle(Locale::ZhCn), &state, 80, 24);
    assert!(!frame.contains("呼入 今天") && frame.contains("13911112222") && !frame.contains("02187654321"), "{frame}");
}
