//! Redrawing, a terminal that takes nothing, a flag that another program left on it.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use portable_pty::{PtySize, native_pty_system};
use rustix::{fs::OFlags, process::Signal};

use crate::{
    calls,
    common::{Home, PROGRAM, Platform, Process, until},
    count, hung_up, stage, talking,
};

#[test]
fn redrawing_and_going_on_ask_the_terminal_nothing_and_end_no_call() {
    // This terminal answers no question at all.
    let (home, platform, mut terminal) = stage(100, 30);
    talking(&home, &platform, &mut terminal);
    let cleared = |terminal: &crate::Terminal| count(&terminal.bytes(), b"\x1b[2J");
    for round in 0..20 {
        let before = cleared(&terminal);
        if round % 2 == 0 {
            terminal.keys("\x0c");
        } else {
            terminal.signal(Signal::CONT);
        }
        until("everything is drawn anew", std::time::Duration::from_secs(10), || cleared(&terminal) > before);
    }
    assert_eq!(home.status()["call"]["phase"], "talking");
    let bytes = terminal.bytes();
    for question in [&b"\x1b[6n"[..], b"\x1b[c", b"\x1b[0c", b"\x1b[?6n", b"\x1b[?2026$p", b"\x1b]11;?"] {
        assert_eq!(count(&bytes, question), 0, "{}", question.escape_ascii());
    }
    // The terminal goes right after a redraw: no process is left, and the customer is not left in silence.
    terminal.keys("\x0c");
    terminal.close();
    assert_eq!(terminal.ended(), 0);
    hung_up(&platform);
}

#[test]
fn keys_act_although_the_terminal_takes_nothing_and_every_signal_ends_it() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let (home, platform, mut terminal) = stage(200, 60);
        talking(&home, &platform, &mut terminal);
        terminal.stop_taking();
        terminal.keys("m");
        home.until("muted", |s| s["call"]["muted"] == true);
        terminal.keys("m");
        home.until("not muted", |s| s["call"]["muted"] == false);
        terminal.keys("h");
        home.until("held", |s| s["call"]["phase"] == "held");
        terminal.signal(signal);
        assert_eq!(terminal.ended(), 0, "{signal:?}");
        hung_up(&platform);
        // What it could not show is gone; what restores the terminal is not.
        terminal.take_again();
        terminal.is_as_it_was();
    }
}

#[test]
fn a_key_meant_for_the_last_call_never_refuses_the_next() {
    let (home, platform, mut terminal) = stage(200, 60);
    talking(&home, &platform, &mut terminal);
    terminal.stop_taking();
    home.ctl(&["hangup"]);
    home.until("no call", |s| s["call"]["phase"] != "talking");
    home.try_ctl(&["ready"]);
    home.wait("idle");
    platform.customer_calls("silence");
    home.wait("ringing");
    // The screen still shows the customer before.
    terminal.keys("x");
    terminal.keys("a");
    // The keys have been looked at when a later one has its effect.
    terminal.keys("Z");
    home.until("quiet", |s| s["quiet"] == true);
    assert_eq!(home.status()["call"]["phase"], "ringing", "refused or answered by a key for the last call");
    terminal.take_again();
    terminal.shows("customer call");
    terminal.keys("a");
    home.wait("talking");
}

#[test]
fn a_flag_that_another_program_left_on_the_terminal_ends_nothing() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let size = |cols, rows| PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size(200, 60)).expect("a pseudo-terminal");
    let name = pair.master.tty_name().expect("its name");
    let shared = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits().cast_signed())
        .open(name)
        .expect("the terminal");
    let standard = || Stdio::from(shared.try_clone().expect("the terminal"));
    let config = platform.config.to_string_lossy().into_owned();
    let mut command = std::process::Command::new("setsid");
    command.args(["--ctty", PROGRAM, "run", "--locale", "en", "--config", &config]);
    command.env_clear().envs(home.env()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let child = command.stdin(standard()).stdout(standard()).stderr(standard()).spawn().expect("setsid");
    let mut bar = Process::from(child);
    // From the start, as a program of the same shell may have left it.
    let flags = rustix::fs::fcntl_getfl(&shared).expect("its flags");
    rustix::fs::fcntl_setfl(&shared, flags | OFlags::NONBLOCK).expect("the flag");
    crate::common::become_idle(&home);
    crate::common::talking(&home, &platform, "silence");
    // Nothing is taken while whole screens are wanted; then everything is, and still whole screens are wanted.
    let mut reader = pair.master.try_clone_reader().expect("its output");
    let mut keys = pair.master.take_writer().expect("its keyboard");
    for round in 0..20 {
        std::io::Write::write_all(&mut keys, if round % 2 == 0 { b"?" } else { b"\x1b" }).expect("keys go in");
        let (columns, rows) = if round % 2 == 0 { (180, 50) } else { (200, 60) };
        pair.master.resize(size(columns, rows)).expect("a new size");
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = std::io::Read::read(&mut reader, &mut buffer) {
            count.fetch_add(n, Ordering::SeqCst);
        }
    });
    until("the screen goes on", std::time::Duration::from_secs(20), || {
        std::io::Write::write_all(&mut keys, b"\x0c").expect("keys go in");
        taken.load(Ordering::SeqCst) > 200_000
    });
    assert!(bar.is_running(), "ended by another program's flag");
    assert_eq!(home.status()["call"]["phase"], "talking");
    assert_eq!(calls(&platform), 1);
    assert_eq!(bar.terminate(), Some(0));
}
