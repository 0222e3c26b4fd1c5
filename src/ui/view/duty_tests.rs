//! Frames of the duties, and what keys and clicks do in their dialogs.

use ratatui::buffer::Buffer;
use std::time::Duration;

use super::{
    tests::{compare, lines, render},
    *,
};
use crate::{
    app::{Action, BreakWish, Command, Fetched, Watched},
    config::LoginType,
    domain::{CallPhase, Minute},
    i18n::{Locale, Message},
    ui::{
        dialog::{BreakForm, Dialog, Duty, ListDialog, PhoneForm, break_form::Field},
        fixtures::{self, now},
        input_events,
        state::Focus,
        watch,
    },
};

const SIZES: [(u16, u16); 4] = [(80, 24), (120, 30), (160, 48), (60, 15)];
const BOTH: [Locale; 2] = [Locale::En, Locale::ZhCn];

fn shots(name: &str, snapshot: impl Fn(Locale) -> Snapshot, state: impl Fn(Locale) -> ViewState) {
    let mut all = String::new();
    for (width, height) in SIZES {
        for locale in BOTH {
            let (buffer, _) = render(&snapshot(locale), &state(locale), width, height);
            all.push_str(&format!("== {} {width}x{height}\n{}", locale.tag(), lines(&buffer)));
        }
    }
    compare(name, &all);
}

fn screen(snapshot: &Snapshot, state: &ViewState, width: u16, height: u16) -> String {
    lines(&render(snapshot, state, width, height).0)
}

fn with(duty: Duty) -> ViewState {
    ViewState { dialog: Some(Dialog::Duty(duty)), ..fixtures::state() }
}

fn noon() -> Minute {
    Minute::parse("12:00").unwrap()
}

fn empty_form() -> BreakForm {
    BreakForm::new(None, noon())
}

fn press(state: &mut ViewState, snapshot: &Snapshot, keys: &str) -> Vec<String> {
    let asks = keys.split(' ').filter_map(|key| {
        let chord = key.parse().unwrap_or_else(|e| panic!("{e}"));
        input_events::on_key(state, snapshot, chord, now())
    });
    asks.map(|ask| format!("{ask:?}")).collect()
}

fn form(state: &ViewState) -> &BreakForm {
    match &state.dialog {
        Some(Dialog::Duty(Duty::Break(form))) => form,
        other => panic!("{other:?}"),
    }
}

/// Where a text begins.
fn find(buffer: &Buffer, wanted: &str) -> (u16, u16) {
    let letters: Vec<String> = wanted.chars().map(String::from).collect();
    for y in 0..buffer.area.height {
        let cells: Vec<(u16, &str)> = (0..buffer.area.width)
            .map(|x| (x, buffer[(x, y)].symbol()))
            .scan(0, |skip, (x, symbol)| {
                let hidden = *skip > 0;
                *skip = if hidden { *skip - 1 } else { crate::ui::text::width(symbol).saturating_sub(1) };
                Some((!hidden).then_some((x, symbol)))
            })
            .flatten()
            .collect();
        let at = cells
            .windows(letters.len())
            .find(|part| part.iter().map(|(_, s)| *s).eq(letters.iter().map(String::as_str)));
        if let Some(first) = at.and_then(|part| part.first()) {
            return (first.0, y);
        }
    }
    panic!("{wanted:?} is not on the screen");
}

fn click(state: &mut ViewState, snapshot: &Snapshot, what: &str) -> Option<String> {
    let (buffer, drawn) = render(snapshot, state, 80, 24);
    let (x, y) = find(&buffer, what);
    let target = drawn.at(x, y).unwrap_or_else(|| panic!("nothing to click at {what}"));
    input_events::on_click(state, snapshot, target, now()).map(|ask| format!("{ask:?}"))
}

#[test]
fn duties_as_they_look() {
    let list = ListDialog::default;
    let plain = |_| fixtures::state();
    shots("duty_badges", fixtures::on_duty, plain);
    shots("duty_reminder", fixtures::reminded, plain);
    shots("duty_overtime", |locale| Snapshot { reminders: Vec::new(), ..fixtures::reminded(locale) }, plain);
    shots("duty_projects", fixtures::on_duty, |_| with(Duty::Projects(ListDialog { selected: 1, ..list() })));
    shots("duty_requests", fixtures::on_duty, |_| with(Duty::Requests(list())));
    shots("duty_reminders", fixtures::reminded, |_| with(Duty::Reminders(list())));
    shots("duty_break_form", fixtures::on_duty, |_| with(Duty::Break(Box::new(empty_form()))));
    shots("duty_break_form_wrong", fixtures::on_duty, |locale| {
        let mut form = empty_form();
        form.from = "25:00".into();
        form.to = "11:00".into();
        let mut state = with(Duty::Break(Box::new(form)));
        press(&mut state, &fixtures::on_duty(locale), "shift-tab enter");
        state
    });
    shots("duty_phone", fixtures::on_duty, |locale| {
        with(Duty::Phone(Box::new(PhoneForm::new(&fixtures::on_duty(locale)))))
    });
    shots("duty_busy_menu", fixtures::on_duty, |_| ViewState {
        dialog: Some(Dialog::Busy(list())),
        ..fixtures::state()
    });
}

#[test]
fn keys_open_what_they_name_or_say_why_not() {
    let snapshot = fixtures::on_duty(Locale::En);
    let opened = |key: &str| {
        let mut state = fixtures::state();
        let asked = press(&mut state, &snapshot, key);
        (state.dialog, asked)
    };
    assert!(
        matches!(opened("o").0, Some(Dialog::Duty(Duty::Projects(list))) if list.selected == 1),
        "on the one joined"
    );
    assert!(matches!(opened("g").0, Some(Dialog::Duty(Duty::Break(_)))));
    assert!(matches!(opened("C").0, Some(Dialog::Duty(Duty::Phone(_)))));
    let (dialog, asked) = opened("G");
    assert!(matches!(dialog, Some(Dialog::Duty(Duty::Requests(_)))));
    assert_eq!(asked, ["Send(ReadBreakNews)"], "opening it is reading it");
    let plain = fixtures::idle(Locale::En);
    for key in ["o", "g", "G", "N", "C"] {
        let mut state = fixtures::state();
        assert!(press(&mut state, &plain, key).is_empty());
        assert!(state.dialog.is_none() && state.flash_at(now()).is_some(), "{key}");
    }
}

#[test]
fn projects_are_filtered_entered_and_left() {
    let snapshot = fixtures::on_duty(Locale::ZhCn);
    let mut state = fixtures::state();
    assert_eq!(press(&mut state, &snapshot, "o 满 enter"), ["Send(JoinProject { id: \"7\" })"]);
    assert!(state.dialog.is_none());
    for (typed, why) in [("催", "switched off"), ("V", "used up")] {
        assert!(press(&mut state, &snapshot, &format!("o {typed} enter esc")).is_empty(), "{why}");
    }
    assert_eq!(press(&mut state, &snapshot, "o up enter"), ["Send(LeaveProject)"]);
    assert_eq!(watch::watched(&with(Duty::Projects(ListDialog::default())), &snapshot), Some(Watched::Projects));
    press(&mut state, &snapshot, "o");
    assert_eq!(click(&mut state, &snapshot, "满意度").as_deref(), Some("Send(JoinProject { id: \"7\" })"));
    let mut loading = snapshot.clone();
    loading.projects.rows.clear();
    loading.projects.fetched = Fetched::Failed(Message::verbatim("平台无应答"));
    assert!(screen(&loading, &with(Duty::Projects(ListDialog::default())), 80, 24).contains("平台无应答"));
}

#[test]
fn the_break_form_is_filled_in_by_keys_alone() {
    let snapshot = fixtures::on_duty(Locale::En);
    let mut state = with(Duty::Break(Box::new(empty_form())));
    // Reason by typing, times as proposed, a remark, the second approver by arrow.
    let asked = press(&mut state, &snapshot, "就 enter enter enter x 1 enter down down enter enter");
    let wish = BreakWish {
        reason: Some(12),
        from: "12:01".into(),
        to: "12:06".into(),
        remark: "x1".into(),
        approver: "9100".into(),
    };
    assert_eq!(asked, [format!("RaiseHand({wish:?})")]);
    assert!(form(&state).sent, "it stays until the platform has answered");
    assert!(press(&mut state, &snapshot, "enter enter").is_empty(), "and is not sent twice");
    let mut refused = state.clone();
    crate::ui::duty::answered(&mut refused, Some("此时段已满".into()));
    assert!(!form(&refused).sent);
    assert!(screen(&snapshot, &refused, 80, 24).contains("此时段已满"));
    assert_eq!(form(&refused).remark.value(), "x1", "nothing typed is lost");
    assert_eq!(press(&mut refused, &snapshot, "enter").len(), 1, "it can be sent again");
    crate::ui::duty::answered(&mut state, None);
    assert!(state.dialog.is_none());
}

#[test]
fn each_field_says_what_is_wrong_with_it_and_the_first_one_is_gone_to() {
    let snapshot = fixtures::on_duty(Locale::En);
    for (from, to, told) in [
        ("12:0", "12:30", "start is no time"),
        ("12:00", "24:00", "end is no time"),
        ("23:58", "00:10", "over midnight"),
        ("12:00", "12:00", "after the start"),
    ] {
        let mut form_ = BreakForm::new(Some(12), noon());
        (form_.from, form_.to) = (from.into(), to.into());
        let mut state = with(Duty::Break(Box::new(form_)));
        assert!(!screen(&snapshot, &state, 80, 24).contains(told), "not before the field has been left");
        assert!(press(&mut state, &snapshot, "shift-tab enter").is_empty());
        assert!(screen(&snapshot, &state, 80, 24).contains(told), "{from} {to}");
        assert!(matches!(form(&state).at, Field::From | Field::To));
    }
    let mut state = with(Duty::Break(Box::new(empty_form())));
    press(&mut state, &snapshot, "shift-tab enter");
    assert_eq!(form(&state).at, Field::Reason);
    let mut long = BreakForm::new(Some(12), noon());
    long.remark = "字".repeat(257).into();
    let mut state = with(Duty::Break(Box::new(long)));
    press(&mut state, &snapshot, "shift-tab enter");
    assert_eq!(form(&state).at, Field::Remark);
    assert!(screen(&snapshot, &state, 80, 24).contains("257/256"));
}

#[test]
fn the_search_for_approvers_goes_out_when_typing_has_paused_for_a_second() {
    let snapshot = fixtures::on_duty(Locale::En);
    let mut state = with(Duty::Break(Box::new(empty_form())));
    let watched = |state: &ViewState| watch::watched(state, &snapshot);
    let ms = Duration::from_millis;
    assert_eq!(watched(&state), Some(Watched::Approvers(String::new())), "all of them at first");
    press(&mut state, &snapshot, "tab tab tab tab 赵");
    state.tick(now());
    assert_eq!(next_change(&snapshot, &state, now()), Some(now() + ms(1000)));
    press(&mut state, &snapshot, "经");
    state.tick(now() + ms(900));
    state.tick(now() + ms(1100));
    assert_eq!(watched(&state), Some(Watched::Approvers(String::new())), "typing goes on");
    state.tick(now() + ms(1900));
    assert_eq!(watched(&state), Some(Watched::Approvers("赵经".into())));
    assert!(form(&state).next_tick().is_none());
    assert_eq!(form(&state).approver.as_ref().map(|one| one.number.as_str()), Some("9100"), "those known fit at once");
    // Whom the platform finds by something else is offered too.
    press(&mut state, &snapshot, "backspace backspace z h a o");
    assert!(form(&state).offers(&snapshot).is_empty());
    let mut found = snapshot.clone();
    found.breaks.approvers_by = "zhao".into();
    found.breaks.approvers.remove(0);
    assert_eq!(form(&state).offers(&found).len(), 1);
    press(&mut state, &snapshot, "esc");
    assert_eq!(watched(&state), None, "closed, nothing is asked for");
}

#[test]
fn a_refusal_that_needs_leave_opens_the_form_with_its_reason_unless_somebody_types() {
    let before = fixtures::on_duty(Locale::En);
    let mut after = before.clone();
    after.breaks.suggested = Some(12);
    let mut state = fixtures::state();
    state.follow(&before, &after, now());
    assert_eq!(form(&state).reason, Some(12));
    let mut typing = ViewState { focus: Focus::Number, ..fixtures::state() };
    typing.follow(&before, &after, now());
    assert!(typing.dialog.is_none());
    press(&mut typing, &after, "alt-g");
    assert_eq!(form(&typing).reason, Some(12), "asked for later, it still knows");
    state.dialog = None;
    state.follow(&after, &after, now());
    assert!(state.dialog.is_none(), "closed by the agent it stays closed");
}

#[test]
fn a_reminder_takes_no_key_but_its_own_and_every_answer_is_there() {
    let snapshot = fixtures::reminded(Locale::ZhCn);
    let mut state = ViewState { focus: Focus::Number, ..fixtures::state() };
    press(&mut state, &snapshot, "1 0 N");
    assert_eq!(state.number.value(), "10N", "typing goes on");
    press(&mut state, &snapshot, "alt-N");
    assert!(matches!(state.dialog, Some(Dialog::Duty(Duty::Reminders(_)))));
    for (key, asked) in [
        ("1", "Send(TakeReminder { id: \"12@1\" })"),
        ("2", "Send(SnoozeReminder { id: \"12@1\" })"),
        ("3", "Send(DismissReminder { id: \"12@1\" })"),
        ("4", "Send(DismissReminder { id: \"13@2\" })"),
        ("5", "Send(AcknowledgeOvertime)"),
    ] {
        let mut state = with(Duty::Reminders(ListDialog::default()));
        assert_eq!(press(&mut state, &snapshot, key), [asked]);
    }
    let mut state = fixtures::state();
    assert_eq!(click(&mut state, &snapshot, "立即就餐").as_deref(), Some("Send(TakeReminder { id: \"12@1\" })"));
    assert_eq!(click(&mut state, &snapshot, "2分钟后").as_deref(), Some("Send(SnoozeReminder { id: \"12@1\" })"));
    assert_eq!(click(&mut state, &snapshot, "知道了").as_deref(), Some("Send(DismissReminder { id: \"12@1\" })"));
    let mut late = snapshot.clone();
    late.reminders.clear();
    assert_eq!(press(&mut state, &late, "N"), ["Send(AcknowledgeOvertime)"], "with nothing else, N has seen it");
}

#[test]
fn a_reminder_hides_nothing_and_shows_over_a_call_and_a_dialog() {
    for locale in BOTH {
        let mut snapshot = fixtures::ringing(locale);
        snapshot.reminders = fixtures::reminded(locale).reminders;
        let busy = ViewState { dialog: Some(Dialog::Busy(ListDialog::default())), ..fixtures::state() };
        for state in [fixtures::state(), busy] {
            for (width, height) in [(60, 15), (80, 24), (100, 3), (120, 30)] {
                let frame = screen(&snapshot, &state, width, height);
                if height > 3 || state.dialog.is_none() {
                    assert!(frame.contains("午餐"), "{width}x{height}\n{frame}");
                }
            }
        }
        let frame = screen(&snapshot, &fixtures::state(), 80, 24);
        assert!(frame.contains("13800138000") && frame.contains(if locale == Locale::En { "answer" } else { "接听" }));
    }
}

#[test]
fn the_overtime_mark_pulses_until_it_is_seen_and_not_at_all_without_blinking() {
    let mut snapshot = fixtures::reminded(Locale::En);
    snapshot.reminders.clear();
    let next = |snapshot: &Snapshot, blink| {
        let state = fixtures::state_with(|settings| settings.blink = blink);
        next_change(snapshot, &state, now()).unwrap() - now()
    };
    let scope_at = |snapshot: &Snapshot, blink, ms| {
        let state = fixtures::state_with(|settings| settings.blink = blink);
        let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(100, 24)).unwrap();
        terminal.draw(|frame| drop(draw(frame, snapshot, &state, now() + Duration::from_millis(ms)))).unwrap();
        let buffer = terminal.backend().buffer();
        buffer[find(buffer, "overtime")].style()
    };
    assert_eq!(next(&snapshot, true), Duration::from_millis(800));
    assert_eq!(next(&snapshot, false), Duration::from_secs(1));
    assert_ne!(scope_at(&snapshot, true, 0), scope_at(&snapshot, true, 800));
    assert_eq!(scope_at(&snapshot, false, 0), scope_at(&snapshot, false, 800));
    let frame = screen(&snapshot, &fixtures::state(), 100, 24);
    assert!(frame.contains("overtime 00:12") && frame.contains("longer than 3 min"), "{frame}");
    snapshot.overtime.as_mut().unwrap().acknowledged = true;
    assert_eq!(scope_at(&snapshot, true, 0), scope_at(&snapshot, true, 800));
    let frame = screen(&snapshot, &fixtures::state(), 100, 24);
    assert!(frame.contains("overtime 00:12") && !frame.contains("longer than"), "seen: only the mark stays\n{frame}");
}

#[test]
fn only_what_changes_about_the_phone_is_asked_for() {
    let snapshot = fixtures::on_duty(Locale::En);
    let open = || with(Duty::Phone(Box::new(PhoneForm::new(&snapshot))));
    let phone = |phone: &str, web_phone| Command::ChangePhone { phone: phone.into(), web_phone };
    let kind = Command::SwitchMode { login_type: LoginType::Static };
    for (keys, wanted) in [
        ("backspace 2 shift-tab enter", vec![phone("9002", None)]),
        ("tab space tab tab enter", vec![phone("9001", Some(false))]),
        ("down down right down enter", vec![kind.clone()]),
        ("backspace 7 enter space enter space enter enter", vec![phone("9007", Some(false)), kind]),
    ] {
        let mut state = open();
        assert_eq!(press(&mut state, &snapshot, keys), [format!("SendAll({wanted:?})")], "{keys}");
        assert!(state.dialog.is_none());
    }
    for (keys, told) in [("shift-tab enter", "nothing has changed"), ("x shift-tab enter", "3 to 31 digits")] {
        let mut state = open();
        assert!(press(&mut state, &snapshot, keys).is_empty());
        assert!(screen(&snapshot, &state, 80, 24).contains(told), "{keys}");
    }
    let mut state = open();
    click(&mut state, &snapshot, "softphone");
    assert_eq!(click(&mut state, &snapshot, "apply"), Some(format!("SendAll({:?})", [phone("9001", Some(false))])));
}

#[test]
fn requests_are_told_apart_by_word_and_glyph_and_can_be_searched() {
    let snapshot = fixtures::on_duty(Locale::ZhCn);
    let state = with(Duty::Requests(ListDialog::default()));
    let frame = screen(&snapshot, &state, 80, 24);
    for word in ["待审批", "审批通过", "审批驳回", "审批失败", "人手不足"] {
        assert!(frame.contains(word), "{word}\n{frame}");
    }
    let state = with(Duty::Requests(ListDialog { filter: "人手".into(), ..ListDialog::default() }));
    let frame = screen(&snapshot, &state, 80, 24);
    assert!(frame.contains("09:00-09:30") && !frame.contains("12:00-12:30"), "{frame}");
    assert_eq!(watch::watched(&state, &snapshot), Some(Watched::BreakRequests));
}

#[test]
fn a_warning_about_a_reason_stays_until_it_is_read() {
    let mut snapshot = fixtures::with_notice(fixtures::idle(Locale::ZhCn), crate::app::NoticeLevel::Warn, "午间高峰");
    let shown_over = |snapshot: &Snapshot, state: &ViewState| {
        let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| drop(draw(frame, snapshot, state, now() + Duration::from_secs(600)))).unwrap();
        lines(terminal.backend().buffer()).contains("午间高峰")
    };
    let shown = |snapshot: &Snapshot| shown_over(snapshot, &fixtures::state());
    assert!(!shown(&snapshot), "any other notice goes by itself");
    snapshot.notices.last_mut().unwrap().kind = "duty.restriction";
    assert!(shown(&snapshot));
    let form = with(Duty::Break(Box::new(empty_form())));
    assert!(!shown_over(&snapshot, &form), "a form's fields are not covered by what was said long ago");
    snapshot.notices.last_mut().unwrap().dismissed = true;
    assert!(!shown(&snapshot));
}

#[test]
fn in_a_call_the_bar_leaves_its_room_to_the_call() {
    let mut snapshot = fixtures::on_duty(Locale::En);
    assert!(screen(&snapshot, &fixtures::state(), 120, 30).contains("g raise hand"));
    snapshot.call = fixtures::talking(Locale::En).call;
    assert_eq!(snapshot.call.phase, CallPhase::Talking);
    assert!(snapshot.can(Action::RaiseHand));
    assert!(!screen(&snapshot, &fixtures::state(), 120, 30).contains("g raise hand"));
}

#[test]
fn lists_with_nothing_in_them_say_so_once_they_have_been_read() {
    let mut snapshot = fixtures::on_duty(Locale::ZhCn);
    snapshot.breaks.requests.clear();
    let requests = with(Duty::Requests(ListDialog::default()));
    let queue = ViewState { tab: crate::ui::state::Tab::Queue, ..fixtures::state() };
    for (fetched, requests_say, queue_says) in [
        (Fetched::UnderWay, "正在加载", "正在加载"),
        (Fetched::At(now()), "暂无申请", "暂无排队"),
        (Fetched::Failed(Message::verbatim("平台无应答")), "平台无应答", "平台无应答"),
    ] {
        snapshot.breaks.requests_fetched = fetched.clone();
        snapshot.queue = crate::app::QueueView { fetched, ..Default::default() };
        for (state, words) in [(&requests, requests_say), (&queue, queue_says)] {
            let frame = screen(&snapshot, state, 80, 24);
            assert!(frame.contains(words), "{words}\n{frame}");
        }
    }
}

#[test]
fn what_it_is_time_for_stands_before_an_early_notice_nobody_has_read() {
    let mut snapshot = fixtures::reminded(Locale::ZhCn);
    snapshot.reminders.reverse();
    assert_eq!(snapshot.reminders[0].reason, None);
    let mut state = fixtures::state();
    assert_eq!(click(&mut state, &snapshot, "立即就餐").as_deref(), Some("Send(TakeReminder { id: \"12@1\" })"));
    assert_eq!(press(&mut state, &snapshot, "N 1"), ["Send(TakeReminder { id: \"12@1\" })"]);
}

#[test]
fn a_form_says_its_keys_and_a_time_takes_no_letters() {
    let snapshot = fixtures::on_duty(Locale::ZhCn);
    let mut state = fixtures::state();
    press(&mut state, &snapshot, "g");
    for (width, height) in [(80, 24), (120, 36)] {
        let frame = screen(&snapshot, &state, width, height);
        assert!(frame.contains("Tab 下一项   ↑↓ 选择   回车 选定") && frame.contains("Esc 返回"), "{frame}");
    }
    press(&mut state, &snapshot, "tab end backspace G x space 7");
    let from = form(&state).from.value().to_owned();
    assert!(from.len() == 5 && from.ends_with('7'), "{from}");
    let frame = screen(&snapshot, &state, 80, 24);
    assert!(frame.contains("Tab 下一项   回车 下一项"), "{frame}");
    press(&mut state, &snapshot, "ctrl-u １ ２ ： ３ ０");
    assert_eq!(form(&state).from.value(), "１２：３０", "as a Chinese keyboard writes it");
    let mut phone = with(Duty::Phone(Box::new(PhoneForm::new(&snapshot))));
    press(&mut phone, &snapshot, "tab");
    let frame = screen(&snapshot, &phone, 80, 24);
    assert!(frame.contains("空格 切换   回车 下一项"), "{frame}");
    press(&mut phone, &snapshot, "tab tab");
    assert!(screen(&snapshot, &phone, 80, 24).contains("回车 提交"));
}
