//! Consultation, transfer, supervision, lists and redial, key by key.

use super::*;
use crate::{
    app::Wanted,
    domain::{BusyReason, CallPhase},
    i18n::Locale,
    ui::{
        fixtures::{self, now},
        input_events::{on_key, on_wheel},
        keys::Chord,
        state::{Focus, Tab},
    },
};

/// Presses keys, given with blanks between them; what is asked, in the words of the commands.
fn press(state: &mut ViewState, snapshot: &Snapshot, keys: &str) -> Vec<String> {
    let asks = keys.split(' ').filter_map(|key| {
        let chord: Chord = key.parse().unwrap_or_else(|e| panic!("{e}"));
        on_key(state, snapshot, chord, now())
    });
    asks.map(|ask| format!("{ask:?}")).collect()
}

fn asked(snapshot: &Snapshot, keys: &str) -> Vec<String> {
    press(&mut fixtures::state(), snapshot, keys)
}

fn consult(callee: &str) -> String {
    format!("Send(Consult {{ callee: {callee}, caller_id: None }})")
}

fn transfer(to: &str) -> String {
    format!("Send(Transfer {{ to: {to}, caller_id: None }})")
}

#[test]
fn an_agent_or_a_number_is_consulted_from_the_list_or_as_typed() {
    let talk = fixtures::in_talk(Locale::En);
    assert_eq!(asked(&talk, "c enter"), [consult("Agent(\"8002\")")]);
    assert_eq!(asked(&talk, "c down enter"), [consult("Agent(\"8003\")")]);
    assert_eq!(asked(&talk, "c 李 enter"), [consult("Agent(\"8003\")")], "by a part of the name");
    assert_eq!(asked(&talk, "c 8 0 7 7 enter"), [consult("Agent(\"8077\")")], "an agent that no line has");
    assert_eq!(asked(&talk, "c tab 快 enter"), [consult("Number(\"95338\")")]);
    assert_eq!(asked(&talk, "c tab 1 3 8 - 0 0 enter"), [consult("Number(\"13800\")")], "cleaned as dialling does");
    assert_eq!(asked(&talk, "c right 1 1 0 enter"), [consult("Number(\"110\")")]);
    assert_eq!(asked(&talk, "c 1 1 0 tab enter"), [consult("Number(\"110\")")], "what was typed goes along");
    assert!(asked(&talk, "c 8 0 0 1 enter").is_empty(), "nobody consults himself");
    assert!(asked(&talk, "c tab x y z enter").is_empty(), "that is no number");
}

#[test]
fn a_call_is_transferred_to_agents_groups_numbers_and_flows() {
    let talk = fixtures::in_talk(Locale::En);
    assert_eq!(asked(&talk, "t enter"), [transfer("Callee(Agent(\"8002\"))")]);
    assert_eq!(asked(&talk, "t tab enter"), [transfer("Queue { id: 1, vcc_id: None }")]);
    assert_eq!(asked(&talk, "t tab b a c k enter"), [transfer("Queue { id: 7, vcc_id: Some(12) }")]);
    assert_eq!(asked(&talk, "t tab tab 1 1 0 enter"), [transfer("Callee(Number(\"110\"))")]);
    let flow = transfer("Ivr { code: \"main\", node: \"7\", vcc_id: None }");
    for keys in ["t shift-tab m a i n enter 7 enter", "t shift-tab down 7 up m a i n enter"] {
        assert_eq!(asked(&talk, keys).concat(), flow, "{keys}");
    }
    assert!(asked(&talk, "t shift-tab m a i n enter enter").is_empty(), "a node is missing");
    assert!(asked(&talk, "t shift-tab enter").is_empty());
}

#[test]
fn what_a_consultation_and_a_supervisor_can_do_is_a_key_each() {
    let at = |phase| fixtures::consulting(Locale::En, phase);
    assert_eq!(asked(&at(CallPhase::ConsultOut), "u"), ["Send(ConsultReturn)"]);
    assert_eq!(asked(&at(CallPhase::Consulting), "T"), ["Send(ConsultTransfer)"]);
    assert_eq!(asked(&at(CallPhase::Consulting), "w"), ["Send(ThreeWay)"]);
    assert_eq!(asked(&at(CallPhase::Consulting), "u"), ["Send(ConsultReturn)"]);
    assert_eq!(asked(&at(CallPhase::ThreeWay), "u"), ["Send(ThreeWayReturn)"]);
    assert_eq!(asked(&fixtures::in_talk(Locale::En), "e y"), ["Send(Evaluate)"]);
    let at = |phase| fixtures::monitoring(Locale::En, phase);
    assert_eq!(asked(&at(CallPhase::Spying), "W"), ["Send(Whisper { ag_no: None })"]);
    assert_eq!(asked(&at(CallPhase::Whispering), "W"), ["Send(WhisperCancel)"]);
    assert_eq!(asked(&at(CallPhase::Spying), "B"), ["Send(Barge { ag_no: None })"]);
    let mut state = fixtures::state();
    assert!(press(&mut state, &fixtures::idle(Locale::En), "c t u w e W B D").is_empty());
    assert!(state.dialog.is_none() && state.flash_at(now()).is_some(), "why not is told");
}

#[test]
fn tearing_down_asks_first() {
    let spying = fixtures::monitoring(Locale::En, CallPhase::Spying);
    assert!(asked(&spying, "D enter n").is_empty());
    assert!(asked(&spying, "D esc y").is_empty());
    assert_eq!(asked(&spying, "D y"), ["Send(Disconnect { ag_no: None })"]);
    let mut state = fixtures::state();
    press(&mut state, &spying, "D");
    state.follow(&spying, &fixtures::idle(Locale::En), now());
    assert!(state.dialog.is_none(), "the call is over, so is the question");
}

#[test]
fn listening_begins_with_an_agent_on_the_line() {
    let idle = fixtures::in_charge(Locale::En);
    assert_eq!(asked(&idle, "v enter"), ["Send(Spy { ag_no: \"8003\" })"]);
    assert_eq!(asked(&idle, "v 欧 enter"), ["Send(Spy { ag_no: \"8010\" })"]);
    assert_eq!(asked(&idle, "v 8 0 7 7 enter"), ["Send(Spy { ag_no: \"8077\" })"]);
    assert!(asked(&idle, "v 8 0 0 1 enter").is_empty(), "never oneself");
}

#[test]
fn the_choice_stays_on_its_agent_when_the_list_is_renewed() {
    let talk = fixtures::in_talk(Locale::En);
    let mut state = fixtures::state();
    press(&mut state, &talk, "c down");
    let mut renewed = talk.clone();
    renewed.directory.agents.remove(0);
    state.follow(&talk, &renewed, now());
    assert_eq!(press(&mut state, &renewed, "enter"), [consult("Agent(\"8003\")")]);
}

#[test]
fn a_state_wanted_after_the_call_is_chosen_and_taken_back() {
    let mut talk = fixtures::in_talk(Locale::En);
    assert_eq!(asked(&talk, "b 2"), ["Send(Busy { reason: Some(12) })"]);
    assert_eq!(asked(&talk, "r"), ["Send(Ready)"]);
    assert!(asked(&talk, "b 0").is_empty(), "there is nothing to take back");
    talk.after_call = Some(Wanted::Busy(Some(BusyReason { id: 12, name: "就餐".into() })));
    assert_eq!(asked(&talk, "b 0"), ["Send(ForgetAfterCall)"]);
    assert_eq!(asked(&talk, "b n o space c h a n g e enter"), ["Send(ForgetAfterCall)"]);
    talk.busy_reasons.clear();
    talk.after_call = None;
    assert_eq!(asked(&talk, "b"), ["Send(Busy { reason: None })"]);
    talk.after_call = Some(Wanted::Busy(None));
    assert_eq!(asked(&talk, "b"), ["Send(ForgetAfterCall)"]);
}

#[test]
fn the_directory_calls_consults_and_transfers() {
    let idle = fixtures::in_charge(Locale::En);
    assert_eq!(asked(&idle, "d down down enter"), ["Send(DialAgent { ag_no: \"8003\", caller_id: None })"]);
    let mut state = fixtures::state();
    assert!(press(&mut state, &idle, "d up pagedown enter").is_empty());
    assert!(state.flash_at(now()).is_some_and(|hint| hint.contains("skill groups cannot be called")));
    let talk = fixtures::in_talk(Locale::En);
    assert_eq!(asked(&talk, "d down down c enter"), [consult("Agent(\"8003\")")]);
    assert_eq!(asked(&talk, "d down down t enter"), [transfer("Callee(Agent(\"8003\"))")]);
    assert_eq!(asked(&talk, "d down pagedown t enter"), [transfer("Queue { id: 7, vcc_id: Some(12) }")]);
    assert!(asked(&talk, "d down down t").is_empty(), "one Enter more, under a sentence that says what it does");
    assert!(asked(&talk, "d down enter").is_empty());
}

#[test]
fn a_customer_is_taken_out_of_the_queue_after_a_question() {
    let idle = fixtures::in_charge(Locale::En);
    let taken = "Send(TakeFromQueue { fields: {\"callId\": String(\"13600136000\")} })";
    assert_eq!(asked(&idle, "Q down down enter y"), [taken]);
    assert_eq!(asked(&idle, "Q down down t y"), [taken]);
    assert!(asked(&idle, "Q down down enter n").is_empty());
    // Sorted by level, the same customer stands first.
    assert_eq!(asked(&idle, "O down enter y"), [taken]);
    let mut state = fixtures::state();
    press(&mut state, &idle, "Q down enter");
    let mut gone = idle.clone();
    gone.queue.rows.remove(0);
    state.follow(&idle, &gone, now());
    assert!(state.dialog.is_none() && state.flash_at(now()).is_some(), "who has left is not asked about any more");
    // In a call it is not possible, and nothing is asked.
    let in_a_call = asked(&fixtures::in_talk(Locale::En), "Q down enter y");
    assert!(!in_a_call.iter().any(|ask| ask.contains("TakeFromQueue")), "{in_a_call:?}");
}

#[test]
fn searching_filters_the_open_list_and_enter_goes_into_it() {
    let idle = fixtures::in_charge(Locale::En);
    let mut state = fixtures::state();
    assert!(press(&mut state, &idle, "f 广 州").is_empty());
    assert_eq!((state.focus, lists::rows(&state, &idle).len()), (Focus::Find, 1));
    let asks = press(&mut state, &idle, "enter enter");
    assert!(asks[0].contains("number: \"13911112222\""), "{asks:?}");
    press(&mut state, &idle, "esc");
    assert_eq!((state.focus, lists::rows(&state, &idle).len()), (Focus::None, 3));
    press(&mut state, &idle, "f x backspace down");
    assert_eq!(state.focus, Focus::List);
    press(&mut state, &idle, "f 广 d esc d");
    assert_eq!((state.tab, state.find.value()), (Tab::Directory, ""), "another tab is not searched for the same");
}

#[test]
fn the_last_number_dialled_is_called_again() {
    let idle = fixtures::in_charge(Locale::En);
    let mut state = fixtures::state();
    assert!(press(&mut state, &idle, ".")[0].contains("number: \"02187654321\""), "from the journal");
    press(&mut state, &idle, "1 1 0 enter");
    assert!(press(&mut state, &idle, "esc .")[0].contains("number: \"110\""), "from this run");
    let mut state = fixtures::state();
    press(&mut state, &idle, "8 0 7 7 alt-i");
    assert!(press(&mut state, &idle, "esc .")[0].contains("DialAgent { ag_no: \"8077\""), "as an agent");
    let mut nothing = idle.clone();
    nothing.journal = Default::default();
    let mut state = fixtures::state();
    assert!(press(&mut state, &nothing, ".").is_empty());
    assert!(state.flash_at(now()).is_some());
}

#[test]
fn the_number_field_recalls_what_was_dialled_and_gives_the_draft_back() {
    let idle = fixtures::in_charge(Locale::En);
    let mut state = fixtures::state();
    press(&mut state, &idle, "1 3 up");
    assert_eq!(state.number.value(), "02187654321");
    press(&mut state, &idle, "up");
    assert_eq!(state.number.value(), "8003");
    assert!(state.flash_at(now()).is_some_and(|hint| hint.contains("8003")));
    press(&mut state, &idle, "up up");
    assert_eq!(state.number.value(), "8003", "there is nothing older");
    let asks = press(&mut state, &idle, "enter");
    assert!(asks[0].contains("DialAgent { ag_no: \"8003\""), "what was an agent is one still: {asks:?}");
    let mut state = fixtures::state();
    press(&mut state, &idle, "1 3 up up down down");
    assert_eq!(state.number.value(), "13", "past the newest stands what was being typed");
    press(&mut state, &idle, "up up 9");
    let asks = press(&mut state, &idle, "enter");
    assert!(asks[0].contains("Dial { number: \"80039\""), "changed, it is an outside number: {asks:?}");
}

#[test]
fn quiet_mode_is_a_key() {
    let mut idle = fixtures::idle(Locale::En);
    assert_eq!(asked(&idle, "Z"), ["Send(Prefer(Quiet(true)))"]);
    idle.quiet = true;
    assert_eq!(asked(&idle, "Z"), ["Send(Prefer(Quiet(false)))"]);
}

#[test]
fn a_dialog_leaves_the_keys_of_the_call_alone() {
    let talk = fixtures::in_talk(Locale::En);
    let mut state = fixtures::state();
    assert_eq!(press(&mut state, &talk, "c x f4 alt-x"), ["Send(HangUp)", "Send(HangUp)"]);
    let Some(Dialog::Pick(pick)) = &state.dialog else { panic!("it is gone") };
    assert_eq!(pick.list.filter.value(), "x", "a letter is text here");
    let mut state = fixtures::state();
    assert_eq!(press(&mut state, &talk, "t shift-tab down f7"), ["Send(Mute)"], "also from a second field");
}

#[test]
fn the_wheel_moves_what_is_on_top_and_not_beyond_its_ends() {
    let talk = fixtures::in_talk(Locale::En);
    let mut state = fixtures::state();
    press(&mut state, &talk, "c");
    for up in [true, false, false] {
        on_wheel(&mut state, &talk, None, up);
    }
    assert_eq!(press(&mut state, &talk, "enter"), [consult("Agent(\"8010\")")]);
    assert_eq!(state.focus, Focus::None, "the list below was left alone");
    for _ in 0..9 {
        on_wheel(&mut state, &talk, None, false);
    }
    assert_eq!((state.focus, state.selected), (Focus::List, 2));
}

#[test]
fn the_palette_has_a_line_for_every_action_with_its_key_and_says_why_not() {
    let mut state = fixtures::state();
    let mut idle = fixtures::idle(Locale::En);
    idle.actions.insert(Action::Consult, crate::app::Possible::No(Message::verbatim("no call is up")));
    press(&mut state, &idle, ":");
    let items = state.dialog.as_ref().unwrap().items(&state.context(&idle));
    let line = |label: &str| items.iter().find(|item| item.label == label).unwrap_or_else(|| panic!("{label}"));
    assert_eq!((line("consult").remark.as_str(), line("consult").enabled), ("no call is up  c", false));
    assert_eq!((line("waiting customers").remark.as_str(), line("waiting customers").enabled), ("Q", true));
    assert!(items.len() > 40);
}

#[test]
fn what_is_pasted_goes_into_the_open_field() {
    let talk = fixtures::in_talk(Locale::En);
    let mut state = fixtures::state();
    press(&mut state, &talk, "c tab");
    dial::on_paste(&mut state, &talk, "tel:138-0013\u{7} 8000\n", now());
    assert_eq!(press(&mut state, &talk, "enter"), [consult("Number(\"13800138000\")")]);
    press(&mut state, &talk, "f");
    dial::on_paste(&mut state, &talk, "上海", now());
    assert_eq!((lists::rows(&state, &talk).len(), state.number.value()), (1, ""));
}
