//! Every way out, idle and in a call, at a terminal that answers, one that does not, and one that takes nothing: the
//! terminal is as it was, the platform has no call, the journal is true, and nothing is left behind: no socket, and no
//! program that a hook, the panel or the token's source has started, nor what that has started.

use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::{
    common::{Home, Platform, is_alive, screen::Terminal, until},
    hung_up, talking,
};

/// A program of the integrator that does not go: it hears no signal, has a child that does not either, and says who
/// both are in a file.
const STUBBORN: &str = "trap '' TERM HUP INT QUIT\nsleep 300 &\necho \"$$ $!\" > \"$1.part\"\nmv \"$1.part\" \"$1\"\n\
                        while :; do sleep 300; done\n";
const SOON: Duration = Duration::from_secs(15);

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

/// The command that runs it, and leaves who it is in a file of this name.
fn stubborn(home: &Home, name: &str) -> Value {
    let script = home.path("stubborn.sh");
    std::fs::write(&script, STUBBORN).expect("a script");
    json!(["/bin/sh", script, home.path(name)])
}

/// The program and its child, once they run.
fn children(home: &Home, name: &str) -> Vec<String> {
    let file = home.path(name);
    until(name, SOON, || file.exists());
    let pids = std::fs::read_to_string(file).expect("it was there");
    let pids: Vec<String> = pids.split_whitespace().map(str::to_owned).collect();
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| is_alive(pid)), "{name} runs: {pids:?}");
    pids
}

/// A phone bar at its screen, idle and registered, with a hook and a panel that do not go. `more` comes before the
/// tables of its config.
fn stage(more: &str) -> (Home, Platform, Terminal) {
    let home = Home::new();
    let platform = Platform::start(&home);
    let config = std::fs::read_to_string(&platform.config).expect("the config");
    std::fs::write(&platform.config, format!("{more}\n{config}")).expect("the config");
    platform.configure_tone(&home, 1000.0);
    platform.configure("hooks", &[("sipRegistered", stubborn(&home, "hook"))]);
    platform.configure("panel", &[("command", stubborn(&home, "panel"))]);
    let terminal = Terminal::phone_bar(&home, &platform.config, "en", 100, 30);
    terminal.shows("ready");
    home.wait("registered");
    (home, platform, terminal)
}

/// What runs beside the phone bar by now.
fn running(home: &Home, in_call: bool) -> Vec<String> {
    let panel = if in_call { children(home, "panel") } else { Vec::new() };
    [children(home, "hook"), panel].concat()
}

#[track_caller]
fn are_gone(pids: &[String], what: &str) {
    // They are killed before the program ends; a moment passes until the system is through with them.
    until(&format!("{what}: no program lives on"), SOON, || !pids.iter().any(|pid| is_alive(pid)));
}

/// One cell of the table.
fn cell(kind: Kind, way: Way, in_call: bool) {
    let what = format!("{kind:?}, {way:?}, in a call: {in_call}");
    let (home, platform, mut terminal) = stage("");
    if kind == Kind::Answers {
        terminal.answer();
    }
    if in_call {
        talking(&home, &platform, &mut terminal);
        home.until("time in the call", |s| s["call"]["talk_ms"].as_u64() > Some(100));
    }
    let children = running(&home, in_call);
    if kind == Kind::TakesNothing {
        terminal.stop_taking();
    }
    leave(&mut terminal, way, kind, in_call);
    assert_eq!(terminal.ended(), 0, "{what}");
    are_gone(&children, &what);
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

#[test]
fn a_platform_a_terminal_and_a_program_that_answer_nothing_all_at_once_keep_nobody() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let (home, platform, mut terminal) = stage("sign_out_on_exit = true");
        talking(&home, &platform, &mut terminal);
        home.until("time in the call", |s| s["call"]["talk_ms"].as_u64() > Some(100));
        let children = running(&home, true);
        terminal.stop_taking();
        platform.fault("http_delay_ms", json!(20_000), None);
        platform.fault("stall_ws", json!(true), None);
        platform.fault("stall_sip", json!(true), None);
        terminal.signal(signal);
        // In order: by force the program is ended 3 s after the signal, and says so.
        assert_eq!(terminal.ended(), 0, "{signal:?}");
        assert!(!home.logs().contains("ended by force"), "{signal:?}");
        are_gone(&children, &format!("{signal:?}"));
        terminal.take_again();
        terminal.is_as_it_was();
        let calls = kept(&home);
        assert_eq!(calls.len(), 1, "{signal:?}: {calls:?}");
        assert_eq!((&calls[0]["outcome"], &calls[0]["hung_up_by"]), (&json!("answered"), &json!("agent")));
        assert_eq!(std::fs::read_dir(home.path("run/wincall-tui")).map_or(0, Iterator::count), 0);
    }
}

#[test]
fn a_token_command_that_hangs_ends_with_the_program() {
    for way in [Way::Keys("q"), Way::By(Signal::TERM), Way::By(Signal::INT), Way::By(Signal::HUP), Way::Closed] {
        let home = Home::new();
        let platform = Platform::start(&home);
        let config = std::fs::read_to_string(&platform.config).expect("the config");
        let others: Vec<&str> = config.lines().filter(|line| !line.starts_with("token = ")).collect();
        let config = format!("token_command = {}\n{}\n", stubborn(&home, "token"), others.join("\n"));
        std::fs::write(&platform.config, config).expect("the config");
        let mut terminal = Terminal::phone_bar(&home, &platform.config, "en", 100, 30);
        let children = children(&home, "token");
        terminal.shows("quit");
        match way {
            Way::Keys(key) => terminal.keys(key),
            Way::By(signal) => terminal.signal(signal),
            Way::Closed => terminal.close(),
        }
        assert_eq!(terminal.ended(), 0, "{way:?}");
        are_gone(&children, &format!("{way:?}"));
        if !matches!(way, Way::Closed) {
            terminal.is_as_it_was();
        }
    }
}

#[test]
fn what_a_killed_program_leaves_behind_holds_up_no_new_one() {
    let (home, platform, mut terminal) = stage("");
    talking(&home, &platform, &mut terminal);
    let left = running(&home, true);
    terminal.signal(Signal::KILL);
    terminal.ended();
    for name in ["hook", "panel"] {
        std::fs::remove_file(home.path(name)).expect("the file of the first run");
    }
    // Nobody could end them: they hold no socket, no lock and no port of the phone bar.
    assert!(left.iter().all(|pid| is_alive(pid)));
    let mut next = Terminal::phone_bar(&home, &platform.config, "en", 100, 30);
    home.wait("registered");
    let children = running(&home, false);
    next.signal(Signal::TERM);
    assert_eq!(next.ended(), 0);
    next.is_as_it_was();
    are_gone(&children, "after the second run");
    hung_up(&platform);
    let outcomes: Vec<Value> = kept(&home).iter().map(|call| call["hung_up_by"].clone()).collect();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    for pid in left {
        let pid = pid.parse().ok().and_then(Pid::from_raw).expect("a process");
        rustix::process::kill_process(pid, Signal::KILL).ok();
    }
}
