//! Every way out, idle and in a call, at a terminal that answers, one that does not, and one that takes nothing: the
//! terminal is as it was, the platform has no call, the journal is true, and nothing is left behind.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    common::{Home, Platform, screen::Terminal},
    hung_up, stage, talking,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Answers,
    Silent,
    TakesNothing,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Keys(&'static str),
    By(Signal),
    Closed,
}

const WAYS: [Way; 8] = [
    Way::Keys("q"),
    Way::Keys("\x03"),
    Way::By(Signal::TERM),
    Way::By(Signal::INT),
    Way::By(Signal::HUP),
    Way::By(Signal::QUIT),
    Way::By(Signal::ABORT),
    Way::Closed,
];

/// What the journal's file says of its calls, the last line of each.
fn kept(home: &Home) -> Vec<Value> {
    let text = std::fs::read_to_string(home.path("state/wincall-tui/journal-8001.jsonl")).unwrap_or_default();
    let mut calls: Vec<Value> = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of the journal");
        calls.retain(|call| call["id"] != line["id"]);
        calls.push(line);
    }
    calls
}

fn leave(terminal: &mut Terminal, way: Way, kind: Kind, in_call: bool) {
    match way {
        Way::Keys(key) => {
            terminal.keys(key);
            // Both questions are answered with the same letter; where nothing is shown it is typed blindly.
            if kind != Kind::TakesNothing {
                terminal.shows(if in_call { "hang up, sign out and quit" } else { "sign out and quit" });
            }
            terminal.keys("y");
        }
        Way::By(signal) => terminal.signal(signal),
        Way::Closed => terminal.close(),
    }
}

/// One cell of the table.
fn cell(kind: Kind, way: Way, in_call: bool) {
    let what = format!("{kind:?}, {way:?}, in a call: {in_call}");
    let (home, platform, mut terminal): (Home, Platform, Terminal) = stage(100, 30);
    if kind == Kind::Answers {
        terminal.answer();
    }
    if in_call {
        talking(&home, &platform, &mut terminal);
        home.until("time in the call", |s| s["call"]["talk_ms"].as_u64() > Some(100));
    }
    if kind == Kind::TakesNothing {
        terminal.stop_taking();
    }
    leave(&mut terminal, way, kind, in_call);
    assert_eq!(terminal.ended(), 0, "{what}");
    // A terminal that is closed is nobody's any more.
    if !matches!(way, Way::Closed) {
        terminal.take_again();
        terminal.is_as_it_was();
    }
    hung_up(&platform);
    let calls = kept(&home);
    assert_eq!(calls.len(), usize::from(in_call), "{what}: {calls:?}");
    for call in calls {
        assert_eq!((&call["outcome"], &call["hung_up_by"]), (&json!("answered"), &json!("agent")), "{what}");
    }
    let left = std::fs::read_dir(home.path("run/wincall-tui")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "{what}: the socket is gone");
    // As configured nobody is signed out, unless that is what the question was answered with.
    let signed_out = platform.log().iter().any(|line| line.to_string().contains("agent/logout"));
    assert_eq!(signed_out, matches!(way, Way::Keys(_)), "{what}");
}

#[test]
fn at_a_terminal_that_answers() {
    for way in WAYS {
        for in_call in [false, true] {
            cell(Kind::Answers, way, in_call);
        }
    }
}

#[test]
fn at_a_terminal_that_does_not_answer() {
    for way in WAYS {
        for in_call in [false, true] {
            cell(Kind::Silent, way, in_call);
        }
    }
}

#[test]
fn at_a_terminal_that_takes_nothing() {
    // Such a terminal cannot be closed by its far side: nobody is there.
    for way in WAYS.into_iter().filter(|way| !matches!(way, Way::Closed)) {
        for in_call in [false, true] {
            cell(Kind::TakesNothing, way, in_call);
        }
    }
}
