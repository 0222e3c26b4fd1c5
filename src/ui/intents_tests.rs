//! What keys do, key by key.

use std::collections::BTreeMap;

use super::*;
use crate::{
    app::Possible,
    i18n::Locale,
    ui::{
        dial::{dialled, on_paste},
        fixtures::{self, now},
        input::KeyMap,
        input_events::on_key,
        keys::Chord,
        state::Focus,
    },
};

fn press(state: &mut ViewState, snapshot: &Snapshot, keys: &str) -> Vec<String> {
    let asks = keys.split(' ').filter_map(|key| {
        let chord: Chord = key.parse().unwrap_or_else(|e| panic!("{e}"));
        on_key(state, snapshot, chord, now())
    });
    asks.map(|ask| format!("{ask:?}")).collect()
}

fn sends(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| format!("Send({word})")).collect()
}

#[test]
fn letters_ask_for_what_makes_sense_in_the_call() {
    let mut state = fixtures::state();
    assert_eq!(press(&mut state, &fixtures::ringing(Locale::En), "a"), sends(&["Answer"]));
    assert_eq!(press(&mut state, &fixtures::ringing(Locale::En), "x"), sends(&["Reject"]));
    assert_eq!(press(&mut state, &fixtures::talking(Locale::En), "h m x"), sends(&["Hold", "Mute", "HangUp"]));
    assert_eq!(press(&mut state, &fixtures::held_and_muted(Locale::En), "h m"), sends(&["Unhold", "Unmute"]));
    assert_eq!(press(&mut state, &fixtures::talking(Locale::En), "f6 f7 f4"), sends(&["Hold", "Mute", "HangUp"]));
    assert_eq!(press(&mut state, &fixtures::wrap_up(Locale::En), "r"), sends(&["Ready"]));
}

#[test]
fn enter_never_answers() {
    let mut state = fixtures::state();
    let snapshot = fixtures::ringing(Locale::En);
    assert!(press(&mut state, &snapshot, "enter").is_empty());
    assert!(press(&mut state, &snapshot, "1 enter").is_empty());
    assert_eq!(state.number.value(), "1", "and what was typed stays");
}

#[test]
fn digits_find_the_field_by_themselves_and_enter_dials() {
    let mut state = fixtures::state();
    let snapshot = fixtures::idle(Locale::En);
    let asked = press(&mut state, &snapshot, "1 3 8 enter");
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("Dial { command: Dial { number: \"138\""), "{asked:?}");
    assert_eq!((state.number.value(), state.focus), ("138", Focus::None));
    dialled(&mut state, "138");
    assert_eq!(state.number.value(), "");
}

#[test]
fn a_number_typed_is_never_lost() {
    let mut state = fixtures::state();
    let mut snapshot = fixtures::idle(Locale::En);
    press(&mut state, &snapshot, "1 3 8 enter 9");
    dialled(&mut state, "138");
    assert_eq!(state.number.value(), "1389", "typed on after dialling: it stays");
    fixtures::allow(&mut snapshot, &[]);
    assert!(press(&mut state, &snapshot, "enter").is_empty());
    assert_eq!(state.number.value(), "1389", "not possible now: it stays");
    assert!(state.flash_at(now()).is_some(), "and the reason is told");
    press(&mut state, &snapshot, "esc tab esc");
    assert_eq!(state.number.value(), "1389");
}

#[test]
fn what_cannot_be_dialled_is_told_and_stays() {
    let mut state = fixtures::state();
    let snapshot = fixtures::idle(Locale::En);
    assert!(press(&mut state, &snapshot, "/ z 1 enter").is_empty());
    assert_eq!((state.number.value(), state.focus), ("z1", Focus::Number));
    assert!(state.flash_at(now()).is_some_and(|hint| hint.contains('z')));
    let asked = press(&mut state, &snapshot, "alt-i");
    assert!(asked[0].contains("DialAgent { ag_no: \"z1\""), "{asked:?}");
}

#[test]
fn pasted_numbers_land_clean_in_the_field() {
    let mut state = fixtures::state();
    let snapshot = fixtures::idle(Locale::En);
    on_paste(&mut state, &snapshot, " +86 138-0013 8000\n", now());
    assert_eq!((state.number.value(), state.focus), ("+8613800138000", Focus::Number));
    let mut state = fixtures::state();
    on_paste(&mut state, &snapshot, "张三\u{1b}[31m 8002", now());
    assert_eq!(state.number.value(), "8002", "nor does the colour of a terminal become a number");
    let mut state = fixtures::state();
    on_paste(&mut state, &snapshot, "张三", now());
    assert_eq!((state.number.value(), state.focus), ("", Focus::None));
    assert!(state.flash_at(now()).is_some());
}

#[test]
fn a_second_number_that_is_pasted_is_offered_and_never_becomes_part_of_the_first() {
    let snapshot = fixtures::idle(Locale::En);
    let mut state = fixtures::state();
    on_paste(&mut state, &snapshot, "13800138000", now());
    on_paste(&mut state, &snapshot, "139 1111 2222", now());
    let Some(Dialog::Numbers(numbers)) = &state.dialog else { panic!("nothing offered") };
    let offered: Vec<_> = numbers.pasted.iter().map(|pasted| pasted.number.as_str()).collect();
    assert_eq!(offered, ["13911112222", "13800138000"]);
    press(&mut state, &snapshot, "enter");
    assert_eq!((state.number.value(), state.dialog.is_none()), ("13911112222", true));
    // The same one again is that one; a prefix that was typed before stays.
    on_paste(&mut state, &snapshot, "13911112222", now());
    assert_eq!((state.number.value(), state.dialog.is_none()), ("13911112222", true));
    let mut state = fixtures::state();
    press(&mut state, &snapshot, "0");
    on_paste(&mut state, &snapshot, "13911112222", now());
    assert_eq!(state.number.value(), "013911112222");
}

#[test]
fn the_busy_menu_takes_number_keys_and_typing() {
    let mut state = fixtures::state();
    let snapshot = fixtures::idle(Locale::En);
    assert_eq!(press(&mut state, &snapshot, "b 2"), sends(&["Busy { reason: Some(12) }"]));
    assert!(state.dialog.is_none());
    assert_eq!(press(&mut state, &snapshot, "b 培 enter"), sends(&["Busy { reason: Some(13) }"]));
    assert_eq!(press(&mut state, &snapshot, "b down enter"), sends(&["Busy { reason: Some(12) }"]));
    assert!(press(&mut state, &snapshot, "b esc").is_empty());
    assert!(state.dialog.is_none());
    let mut bare = snapshot.clone();
    bare.busy_reasons.clear();
    assert_eq!(press(&mut state, &bare, "b"), sends(&["Busy { reason: None }"]));
}

#[test]
fn a_call_is_answered_through_an_open_menu_without_disturbing_it() {
    let mut state = fixtures::state();
    press(&mut state, &fixtures::idle(Locale::En), "b 小");
    let asked = press(&mut state, &fixtures::ringing(Locale::En), "a f2");
    assert_eq!(asked, sends(&["Answer"]), "a is text here, F2 is not");
    let Some(Dialog::Busy(list)) = &state.dialog else { panic!("the menu is gone") };
    assert_eq!(list.filter.value(), "小a");
}

#[test]
fn keypad_digits_go_out_in_order_and_the_call_keys_still_work() {
    let mut state = fixtures::state();
    let mut snapshot = fixtures::talking(Locale::En);
    snapshot.pending.push(Action::SendDtmf);
    snapshot.pending.clear();
    let asked = press(&mut state, &snapshot, "k 1 1 # m");
    let digit = |d: &str| format!("Send(SendDtmf {{ digits: {d:?} }})");
    assert_eq!(asked, [digit("1"), digit("1"), digit("#"), "Send(Mute)".to_owned()]);
    snapshot.pending.push(Action::SendDtmf);
    assert_eq!(press(&mut state, &snapshot, "2"), [digit("2")], "one pending does not hold the next up");
    assert!(press(&mut state, &snapshot, "esc").is_empty());
    assert!(state.dialog.is_none());
}

#[test]
fn quitting_asks_only_in_a_call_and_esc_never_ends_one() {
    let mut state = fixtures::state();
    assert_eq!(press(&mut state, &fixtures::signed_out(Locale::En), "q"), sends(&["Quit"]));
    assert_eq!(press(&mut state, &fixtures::signed_out(Locale::En), "ctrl-c"), sends(&["Quit"]));
    let talking = fixtures::talking(Locale::En);
    assert!(press(&mut state, &talking, "q enter n").is_empty());
    assert!(press(&mut state, &talking, "q esc esc esc").is_empty());
    let mut talking = talking;
    talking.actions.insert(Action::SignOut, Possible::Yes);
    assert_eq!(press(&mut state, &talking, "q y"), ["ThenQuit(SignOut)"], "the agent is ready again after the call");
    let mut at_the_desk = talking.clone();
    at_the_desk.agent.web_phone = false;
    assert_eq!(press(&mut state, &at_the_desk, "q y"), ["HangUpThenQuit"]);
    let mut locked = talking.clone();
    locked.actions.insert(Action::SignOut, Possible::No(crate::i18n::Message::verbatim("locked")));
    assert_eq!(press(&mut state, &locked, "q y"), ["HangUpThenQuit"]);
    let mut signs_out = fixtures::state_with(|settings| settings.quit_signs_out = true);
    assert_eq!(press(&mut signs_out, &talking, "q y"), ["HangUpThenQuit"], "it is configured so");
    press(&mut state, &talking, "q");
    assert_eq!(press(&mut state, &fixtures::signed_out(Locale::En), "y"), sends(&["Quit"]), "the call ended meanwhile");
}

#[test]
fn quitting_while_customers_are_sent_here_asks_what_becomes_of_them() {
    let then = |command: &str| vec![format!("ThenQuit({command})")];
    for snapshot in [fixtures::idle(Locale::En), fixtures::wrap_up(Locale::En)] {
        for key in ["q", "ctrl-c"] {
            let mut state = fixtures::state();
            assert!(press(&mut state, &snapshot, key).is_empty(), "{key}");
            assert!(matches!(state.dialog, Some(Dialog::Question(Question::Quit))));
            assert!(press(&mut state, &snapshot, "enter space n").is_empty());
            assert!(state.dialog.is_none());
        }
        assert_eq!(press(&mut fixtures::state(), &snapshot, "q y"), then("SignOut"));
        assert_eq!(press(&mut fixtures::state(), &snapshot, "q b"), then("Busy { reason: None }"));
    }
    // Locked until the end of the shift: what is left is going busy, or quitting as it is.
    let mut locked = fixtures::idle(Locale::En);
    locked.actions.insert(Action::SignOut, Possible::No(crate::i18n::Message::verbatim("locked")));
    assert_eq!(press(&mut fixtures::state(), &locked, "q y"), sends(&["Quit"]));
    assert_eq!(press(&mut fixtures::state(), &locked, "q b"), then("Busy { reason: None }"));
    // The call is over here, the platform still has it: the agent is ready after it.
    let mut occupied = fixtures::idle(Locale::En);
    occupied.agent.state = crate::domain::AgentState::Occupied;
    assert!(press(&mut fixtures::state(), &occupied, "q").is_empty());
    // Where nobody is sent to a phone that is gone, nothing is asked.
    let mut busy = fixtures::idle(Locale::En);
    busy.agent.state = crate::domain::AgentState::Busy;
    let mut at_the_desk = fixtures::idle(Locale::En);
    at_the_desk.agent.web_phone = false;
    for snapshot in [busy, at_the_desk] {
        assert_eq!(press(&mut fixtures::state(), &snapshot, "q"), sends(&["Quit"]));
    }
    for state in [
        fixtures::state_with(|settings| settings.quit_signs_out = true),
        fixtures::state_with(|settings| settings.demo = true),
    ] {
        assert_eq!(press(&mut state.clone(), &fixtures::idle(Locale::En), "q"), sends(&["Quit"]));
    }
}

#[test]
fn why_it_failed_before_quitting_ends_with_one_full_stop() {
    let question = Question::QuitAnyway { why: "平台没有应答。".into() };
    let text = question.text(&fixtures::state().context(&fixtures::idle(Locale::ZhCn))).render(Locale::ZhCn);
    assert!(text.contains("没有应答。仍要退出吗"), "{text}");
}

#[test]
fn a_suspension_that_was_agreed_to_is_busy_or_signed_out_and_a_choice_of_the_agents_ends_what_follows() {
    let suspends = |keys: &str| {
        let mut state = fixtures::state();
        state.dialog = Some(Dialog::Question(Question::Suspend));
        let asked = press(&mut state, &fixtures::idle(Locale::En), keys);
        (asked, state.dialog.is_some())
    };
    assert_eq!(suspends("enter"), (vec![], true));
    assert_eq!(suspends("n"), (vec![], false));
    assert_eq!(suspends("y"), (vec!["ThenSuspend(Busy { reason: None })".to_owned()], false));
    assert_eq!(suspends("s"), (vec!["ThenSuspend(SignOut)".to_owned()], false));
    let mut state = fixtures::state();
    state.suspension = Suspension::Over;
    press(&mut state, &fixtures::idle(Locale::En), "b");
    assert_eq!(state.suspension, Suspension::None);
}

#[test]
fn what_ends_a_call_names_whom_it_ends_for() {
    let asked = |snapshot: &Snapshot, keys: &str| {
        let mut state = fixtures::state();
        assert!(press(&mut state, snapshot, keys).is_empty(), "{keys} asks first");
        let Some(Dialog::Question(question)) = &state.dialog else { panic!("{keys}: no question") };
        question.text(&state.context(snapshot)).render(Locale::En)
    };
    let mut talk = fixtures::in_talk(Locale::En);
    talk.actions.insert(Action::SignOut, Possible::Yes);
    for keys in ["q", "S", "e"] {
        let text = asked(&talk, keys);
        assert!(text.contains("13800138000"), "{keys}: {text}");
    }
    assert!(asked(&talk, "S").contains("hangs up"));
    assert!(asked(&fixtures::idle(Locale::En), "S").contains("No more calls"));
    assert!(asked(&fixtures::ringing(Locale::En), "q").contains("13800138000 is ringing"));
    let mut dials = fixtures::talking(Locale::En);
    dials.call.phase = CallPhase::Dialing;
    assert!(asked(&dials, "q").contains("calling 13800138000"));
    assert_eq!(press(&mut fixtures::state(), &talk, "e y"), sends(&["Evaluate"]));
    // A call that comes up under the question is named, too.
    let mut state = fixtures::state();
    press(&mut state, &fixtures::idle(Locale::En), "S");
    let Some(Dialog::Question(question)) = &state.dialog else { panic!("no question") };
    assert!(question.text(&state.context(&talk)).render(Locale::En).contains("13800138000"));
}

#[test]
fn in_a_consultation_hanging_up_means_the_colleague_first() {
    use crate::domain::CallPhase;
    let at = |phase| fixtures::consulting(Locale::En, phase);
    for key in ["x", "f4", "alt-x"] {
        for phase in [CallPhase::ConsultOut, CallPhase::Consulting] {
            assert_eq!(press(&mut fixtures::state(), &at(phase), key), sends(&["ConsultReturn"]), "{phase:?}");
        }
        assert_eq!(press(&mut fixtures::state(), &at(CallPhase::ThreeWay), key), sends(&["ThreeWayReturn"]));
        assert_eq!(press(&mut fixtures::state(), &fixtures::in_talk(Locale::En), key), sends(&["HangUp"]));
    }
    // Pressed twice it is still the colleague alone.
    let mut pending = at(CallPhase::Consulting);
    pending.pending.push(Action::ConsultReturn);
    assert!(press(&mut fixtures::state(), &pending, "x").is_empty());
    // All at once has a key of its own, and asks.
    let mut state = fixtures::state();
    assert!(press(&mut state, &at(CallPhase::Consulting), "ctrl-x").is_empty());
    assert_eq!(press(&mut state, &at(CallPhase::Consulting), "y"), sends(&["HangUp"]));
    assert_eq!(press(&mut state, &fixtures::in_talk(Locale::En), "ctrl-x"), sends(&["HangUp"]));
}

#[test]
fn a_digit_in_a_conversation_goes_to_the_other_end() {
    let digit = |d: &str| format!("Send(SendDtmf {{ digits: {d:?} }})");
    let talk = fixtures::in_talk(Locale::En);
    let mut state = fixtures::state();
    assert_eq!(press(&mut state, &talk, "5 ８ * m"), [digit("5"), digit("8"), digit("*"), "Send(Mute)".to_owned()]);
    let Some(Dialog::Keypad(sent)) = &state.dialog else { panic!("the keypad is open") };
    assert_eq!((sent.as_str(), state.number.value(), state.focus), ("58*", "", Focus::None));
    // Whoever goes to the field first types a number.
    let mut state = fixtures::state();
    assert!(press(&mut state, &talk, "/ 5").is_empty());
    assert_eq!(state.number.value(), "5");
    // Without a conversation digits are a number.
    let mut state = fixtures::state();
    assert!(press(&mut state, &fixtures::ringing(Locale::En), "5").is_empty());
    assert_eq!(state.number.value(), "5");
}

#[test]
fn answering_takes_the_keyboard_out_of_the_number_field() {
    let mut state = fixtures::state();
    let ringing = fixtures::ringing(Locale::En);
    assert_eq!(press(&mut state, &ringing, "1 3 f2"), sends(&["Answer"]));
    assert_eq!((state.number.value(), state.focus), ("13", Focus::None), "what was typed stays");
    assert_eq!(press(&mut state, &fixtures::in_talk(Locale::En), "x"), sends(&["HangUp"]), "not typed");
}

#[test]
fn a_pasted_extension_is_no_part_of_the_number_and_is_sent_on_request() {
    let idle = fixtures::idle(Locale::En);
    for (pasted, number, extension) in [
        ("400-811-1111转3", "4008111111", "3"),
        ("021-64700000-801", "02164700000", "801"),
        ("02164700000,801", "02164700000", "801"),
        ("02164700000#801", "02164700000", "801"),
        ("tel:+86-10-5854-5832;ext=1", "+861058545832", "1"),
    ] {
        let mut state = fixtures::state();
        on_paste(&mut state, &idle, pasted, now());
        assert_eq!(state.number.value(), number, "{pasted}");
        assert!(state.flash_at(now()).is_some_and(|hint| hint.contains(extension)), "{pasted}");
        let asked = press(&mut state, &idle, "enter");
        assert!(asked[0].contains(&format!("number: \"{number}\"")), "{asked:?}");
        dialled(&mut state, number);
        let mut talk = fixtures::in_talk(Locale::En);
        talk.call.direction = Some(crate::domain::Direction::Out);
        state.follow(&idle, &talk, now());
        assert!(state.flash_at(now()).is_some_and(|hint| hint.contains(extension)), "offered when it answers");
        let sent = format!("Send(SendDtmf {{ digits: {extension:?} }})");
        assert_eq!(press(&mut state, &talk, "k enter enter"), [sent], "once");
        state.follow(&talk, &idle, now());
        assert!(state.extension.is_none(), "with the call it is forgotten");
    }
    // One that came with another number is not offered.
    let mut state = fixtures::state();
    on_paste(&mut state, &idle, "400-811-1111转3", now());
    press(&mut state, &idle, "backspace 9 enter");
    assert!(state.extension.is_none());
    // Nor does the hint of the last paste stay over the next.
    on_paste(&mut state, &idle, "400-811-1111转3", now());
    state.number.reset();
    on_paste(&mut state, &idle, "10086", now());
    assert!(state.flash_at(now()).is_none());
}

#[test]
fn of_two_pasted_numbers_one_is_chosen() {
    let idle = fixtures::idle(Locale::En);
    for pasted in ["138-0013-8000/139-0013-9000", "13800138000 13900139000", "张 13800138000\n李 13900139000转7"] {
        let mut state = fixtures::state();
        on_paste(&mut state, &idle, pasted, now());
        assert_eq!(state.number.value(), "", "{pasted}");
        let items = state.dialog.as_ref().map(|dialog| dialog.items(&state.context(&idle))).unwrap_or_default();
        let labels: Vec<&str> = items.iter().map(|item| item.label.as_str()).collect();
        assert_eq!(labels, ["13800138000", "13900139000"], "{pasted}");
        assert!(press(&mut state, &idle, "down enter").is_empty());
        assert_eq!((state.number.value(), state.focus), ("13900139000", Focus::Number));
        assert_eq!(state.extension.is_some(), pasted.ends_with('7'));
    }
    // Typed, they are not called either.
    let mut state = fixtures::state();
    state.number = "13800138000/13900139000".into();
    assert!(press(&mut state, &idle, "enter").is_empty());
    assert!(state.flash_at(now()).is_some_and(|hint| hint.contains("only one")));
}

#[test]
fn signing_out_asks_first() {
    let mut state = fixtures::state();
    let snapshot = fixtures::idle(Locale::En);
    assert!(press(&mut state, &snapshot, "S n").is_empty());
    assert_eq!(press(&mut state, &snapshot, "S y"), sends(&["SignOut"]));
    assert_eq!(press(&mut state, &fixtures::signed_out(Locale::En), "s"), ["SignIn"]);
}

#[test]
fn a_journal_line_is_called_again() {
    let mut state = fixtures::state();
    let snapshot = fixtures::idle(Locale::En);
    let asked = press(&mut state, &snapshot, "down enter");
    assert!(asked[0].contains("number: \"02187654321\""), "{asked:?}");
    let asked = press(&mut state, &snapshot, "down down enter");
    assert_eq!(asked, sends(&["DialAgent { ag_no: \"8003\", caller_id: None }"]), "an internal call goes to the agent");
}

#[test]
fn what_is_pending_is_not_asked_twice() {
    let mut state = fixtures::state();
    let mut snapshot = fixtures::talking(Locale::En);
    snapshot.pending.push(Action::Hold);
    assert!(press(&mut state, &snapshot, "h").is_empty());
    assert!(state.flash_at(now()).is_some());
}

#[test]
fn with_a_prefix_plain_keys_are_left_alone() {
    let mut state = fixtures::state();
    state.settings.keymap = KeyMap::new(&BTreeMap::new(), Some("ctrl-g")).unwrap();
    let snapshot = fixtures::ringing(Locale::En);
    assert!(press(&mut state, &snapshot, "a f2 alt-a").is_empty());
    assert_eq!(press(&mut state, &snapshot, "ctrl-g a"), sends(&["Answer"]));
    assert_eq!(press(&mut state, &snapshot, "1 ctrl-g a"), sends(&["Answer"]), "also while a number is typed");
    assert_eq!(state.number.value(), "1");
    assert!(press(&mut state, &snapshot, "ctrl-g esc a ctrl-g ctrl-g").is_empty());
    assert!(!state.prefix_typed);
}

#[test]
fn the_palette_does_what_its_line_says_and_nothing_impossible() {
    let mut state = fixtures::state();
    let snapshot = fixtures::talking(Locale::En);
    assert_eq!(press(&mut state, &snapshot, ": u n m u t e enter"), sends(&["Mute"]));
    assert!(press(&mut state, &snapshot, ": s i g n space i n enter").is_empty());
    assert!(matches!(state.dialog, Some(Dialog::Palette(_))), "it stays open: the line is not possible");
}

#[test]
fn notices_are_read_by_looking_at_them() {
    let mut state = fixtures::state();
    let snapshot = fixtures::with_notice(fixtures::idle(Locale::En), crate::app::NoticeLevel::Warn, "x");
    assert_eq!(press(&mut state, &snapshot, "esc"), sends(&["DismissNotices"]), "it stands there as a toast");
    assert_eq!(press(&mut state, &snapshot, "n"), sends(&["DismissNotices"]));
    assert_eq!(state.tab, Tab::Notices);
    assert!(press(&mut state, &fixtures::idle(Locale::En), "esc").is_empty(), "there is nothing to read");
    assert!(press(&mut state, &fixtures::idle(Locale::En), "j").is_empty());
    assert_eq!(state.tab, Tab::Journal);
}

#[test]
fn busy_offers_ready_and_marks_the_reason_that_holds() {
    let mut snapshot = fixtures::idle(Locale::ZhCn);
    snapshot.agent.state = crate::domain::AgentState::Busy;
    snapshot.agent.reason = snapshot.busy_reasons.iter().find(|reason| reason.id == 12).cloned();
    let marked: Vec<String> =
        crate::ui::dialog::busy::items(&snapshot).into_iter().filter(|i| i.current).map(|i| i.label).collect();
    fixtures::allow(&mut snapshot, &[Action::Ready, Action::Busy]);
    assert_eq!(marked, ["就餐"], "the current one is there and marked, the others can be changed to");
    let mut state = fixtures::state();
    assert_eq!(press(&mut state, &snapshot, "r"), sends(&["Ready"]));
    assert_eq!(press(&mut state, &snapshot, "b 3"), sends(&["Busy { reason: Some(13) }"]));
}

#[test]
fn auto_answer_is_offered_only_where_it_does_something() {
    let mut snapshot = fixtures::idle(Locale::En);
    let mut state = fixtures::state();
    assert_eq!(press(&mut state, &snapshot, "A"), sends(&["SetAutoAnswer { on: true }"]));
    snapshot.agent.web_phone = false;
    assert_eq!(press(&mut state, &snapshot, "A"), sends(&[]));
    assert!(state.flash_at(now()).is_some_and(|told| told.contains("on your desk phone")));
}
