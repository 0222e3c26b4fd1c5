//! Suspending: back to the shell and again, with the terminal whole on both sides; never in a call.

use rustix::process::Signal;

use crate::{
    common::{Home, PROGRAM, Platform, screen::Terminal},
    stage, talking,
};

/// A shell with job control, and the phone bar started from it.
fn from_a_shell() -> (Home, Platform, Terminal) {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let mut terminal = Terminal::start_in(&home, "/bin/sh", &["-i"], 100, 30, &[("PS1", "prompt> ")]);
    terminal.shows("prompt>");
    terminal.keys(&format!("{PROGRAM} run --locale en --config {}\r", platform.config.display()));
    terminal.shows("ready");
    home.wait("registered");
    (home, platform, terminal)
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again() {
    let (home, platform, mut terminal) = from_a_shell();
    for _ in 0..3 {
        terminal.keys("\x1a");
        // Nobody would answer those who are sent here.
        terminal.shows("You are still ready");
        terminal.keys("y");
        terminal.until("the shell", |screen| screen.contains("prompt>") && screen.contains("Stopped"));
        assert!(!terminal.is_alternate() && !terminal.cursor_is_hidden());
        // The shell's line works: it echoes, and Enter ends it.
        terminal.keys("echo $((20 + 22))\r");
        terminal.shows("42");
        terminal.keys("clear; fg\r");
        terminal.until("the phone bar", |screen| screen.contains("ready") && screen.contains("8001"));
        assert!(terminal.is_alternate());
        home.until("ready again", |s| s["agent"]["state"] == "idle");
    }
    talking(&home, &platform, &mut terminal);
    terminal.keys("\x1a");
    terminal.shows("in a call it cannot be suspended");
    assert_eq!(home.status()["call"]["phase"], "talking");
    terminal.keys("x");
    home.until("no call", |s| s["call"]["phase"] != "talking");
    terminal.quit();
    terminal.shows("prompt>");
    assert!(!terminal.is_alternate() && !terminal.cursor_is_hidden());
    terminal.keys("exit\r");
    terminal.ended();
}

#[test]
fn a_stop_from_outside_is_taken_as_well_and_without_a_shell_it_is_refused() {
    let (home, platform, mut terminal) = stage(100, 30);
    terminal.keys("\x1a");
    terminal.shows("no shell waits here");
    assert!(terminal.is_alternate());
    // From outside, too: nobody would ever continue it.
    terminal.signal(Signal::TSTP);
    talking(&home, &platform, &mut terminal);
    terminal.signal(Signal::TSTP);
    terminal.shows("in a call it cannot be suspended");
    assert_eq!(home.status()["call"]["phase"], "talking");
    // Stopped without being asked, and continued: the screen is drawn anew, the call is there.
    terminal.signal(Signal::STOP);
    terminal.signal(Signal::CONT);
    terminal.keys("m");
    home.until("muted", |s| s["call"]["muted"] == true);
    terminal.shows("muted");
}

#[test]
fn continued_behind_the_shell_s_back_it_is_not_stopped_by_the_next_key() {
    let (home, platform, mut terminal) = from_a_shell();
    talking(&home, &platform, &mut terminal);
    let shell = terminal.process_id().expect("the shell");
    let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).expect("its children");
    let bar: i32 = children.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("the phone bar");
    let to_bar = |signal| rustix::process::kill_process(rustix::process::Pid::from_raw(bar).expect("a pid"), signal);
    for _ in 0..3 {
        to_bar(Signal::STOP).expect("it is there");
        terminal.until("the shell", |screen| screen.contains("Stopped"));
        to_bar(Signal::CONT).expect("it is there");
        assert_eq!(home.status()["call"]["phase"], "talking");
        // The shell has the line as the phone bar left it: raw.
        terminal.keys("clear; echo $((40 + 2))\n");
        terminal.shows("42");
        // A stopped program would not answer.
        assert_eq!(home.status()["call"]["phase"], "talking");
        terminal.keys("fg\n");
        terminal.until("the phone bar", |screen| screen.contains("talking"));
    }
    home.ctl(&["hangup"]);
    home.wait("no-call");
    terminal.quit();
    terminal.shows("prompt>");
    terminal.keys("exit\n");
    terminal.ended();
}
