//! Ways out that are not in everybody's hand.

use rustix::process::Signal;

use crate::{hung_up, stage, talking};

#[test]
fn quit_and_abort_from_outside_hang_up_and_give_the_terminal_back() {
    for signal in [Signal::QUIT, Signal::ABORT] {
        let (home, platform, mut terminal) = stage(100, 30);
        talking(&home, &platform, &mut terminal);
        terminal.signal(signal);
        assert_eq!(terminal.ended(), 0, "{signal:?}");
        terminal.is_as_it_was();
        hung_up(&platform);
    }
}

#[test]
fn a_stray_signal_ends_no_call() {
    let (home, platform, mut terminal) = stage(100, 30);
    talking(&home, &platform, &mut terminal);
    for signal in [Signal::USR1, Signal::USR2, Signal::ALARM] {
        terminal.signal(signal);
    }
    terminal.keys("m");
    home.until("muted", |s| s["call"]["muted"] == true);
    assert!(terminal.is_running());
    assert_eq!(home.status()["call"]["phase"], "talking");
}

#[test]
fn without_an_alternate_screen_the_prompt_comes_on_the_last_row_of_an_empty_one() {
    let (_home, _platform, mut terminal) = stage(80, 24);
    terminal.quit();
    assert_eq!(terminal.ended(), 0);
    terminal.is_as_it_was();
    let bytes = terminal.bytes();
    let text = String::from_utf8_lossy(&bytes);
    let mut without = vt100::Parser::new(24, 80, 0);
    without.process(text.replace("\x1b[?1049h", "").replace("\x1b[?1049l", "").as_bytes());
    assert_eq!(without.screen().contents().trim(), "", "the old picture is gone");
    assert_eq!(without.screen().cursor_position(), (23, 0));
    // And without a stack of titles ours does not stay.
    assert!(text.contains("\x1b]0;\x07\x1b[23;2t"));
}
