//! What is typed lies: sequences come in pieces, terminals report things by themselves, answers come late.

use std::{thread::sleep, time::Duration};

use crate::{stage, talking};

/// Longer than the terminal's own time between two pieces on a slow line, shorter than any person's.
const GAP: Duration = Duration::from_millis(5);

/// How long a network stands still before it sends a segment again.
const STALL: Duration = Duration::from_secs(1);

#[test]
fn a_key_that_comes_in_pieces_is_that_key_and_nothing_else() {
    let (home, _platform, mut terminal) = stage(120, 36);
    for rest in ["[A", "[B", "[C", "[D", "[H", "[F", "[5~", "[6~", "OP", "[I", "[O", "[<0;60;20M", "[<0;60;20m"] {
        terminal.keys("\x1b");
        sleep(GAP);
        terminal.keys(rest);
        sleep(GAP);
        // Whatever it opened.
        terminal.keys("\x1b[27u");
    }
    terminal.keys("\x1b");
    sleep(GAP);
    terminal.keys("[200~13912345678\x1b[201~");
    terminal.shows("13912345678");
    let status = home.status();
    assert_eq!(status["auto_answer"], false, "an arrow's last byte is no letter");
    let screen = terminal.text();
    assert!(!screen.contains("201") && !screen.contains("138139"), "{screen}");
}

#[test]
fn what_the_terminal_reports_by_itself_or_answers_late_is_no_key() {
    let (home, platform, mut terminal) = stage(120, 36);
    let reports = [
        "\x1b[?997;1n",
        "\x1b[?2026;2$y",
        "\x1b[24;80R",
        "\x1b[?62;22c",
        "\x1b[>0;276;0c",
        "\x1b]11;rgb:1111/1111/1111\x07",
        "\x1b]52;c;YWFhYTEyMzQ=\x1b\\",
        "\x1bP>|XTerm(379)\x1b\\",
        "\x1bP1+r544e=787465726d\x1b\\",
        "\x1b_Ga=t;OK\x1b\\",
    ];
    platform.customer_calls("tone:440");
    terminal.shows("customer call");
    for report in reports {
        terminal.keys(report);
    }
    assert_eq!(home.status()["call"]["phase"], "ringing");
    // The keyboard is not dead after them, and the next key is itself.
    terminal.keys("a");
    home.wait("talking");
    terminal.shows("talking");
    terminal.keys("k");
    terminal.shows("Keypad");
    for report in reports {
        terminal.keys(report);
        terminal.keys("5");
    }
    let sent = "5".repeat(reports.len());
    terminal.until("the fives alone are sent", |screen| screen.contains(&sent));
    assert!(!terminal.text().contains(&format!("{sent}5")));
}

#[test]
fn the_numeric_keypad_types_digits_in_its_application_mode_too() {
    let (_home, _platform, mut terminal) = stage(120, 36);
    terminal.keys("\x1bOq\x1bOs\x1bOy\x1bOp\x1bOp");
    terminal.shows("13900");
    let bytes = terminal.bytes();
    // And the mode is switched off at the start, with the others that an earlier program may have left on.
    for reset in [&b"\x1b>"[..], b"\x1b[?1l", b"\x1b[?2031l", b"\x1b[?1003l"] {
        assert!(crate::count(&bytes, reset) > 0, "{}", reset.escape_ascii());
    }
}

#[test]
fn keys_of_a_call_come_through_a_slow_line_byte_by_byte() {
    let (home, platform, mut terminal) = stage(120, 36);
    talking(&home, &platform, &mut terminal);
    // F7, each byte later than a lone ESC is waited for.
    for byte in ["\x1b", "[", "1", "8", "~"] {
        terminal.keys(byte);
        sleep(Duration::from_millis(40));
    }
    home.until("muted", |s| s["call"]["muted"] == true);
    assert!(!terminal.text().contains("18~"), "{}", terminal.text());
}

#[test]
fn what_a_network_has_held_up_for_a_second_is_no_letter_and_no_tone() {
    let (home, platform, mut terminal) = stage(120, 36);
    let held_up = |terminal: &mut crate::common::screen::Terminal, first: &str, rest: &str| {
        terminal.keys(first);
        sleep(STALL);
        terminal.keys(rest);
        sleep(GAP);
        // Whatever it opened.
        terminal.keys("\x1b[27u");
    };
    for (first, rest) in [("\x1b", "[A"), ("\x1b[", "A"), ("\x1bO", "S"), ("\x1b[1", "5~"), ("\x1b[<0;6", "0;20M")] {
        held_up(&mut terminal, first, rest);
    }
    // The next key is itself.
    terminal.keys("13");
    terminal.until("what was typed", |screen| screen.contains("13"));
    let status = home.status();
    assert_eq!((&status["auto_answer"], &status["agent"]["state"]), (&false.into(), &"idle".into()));
    terminal.keys("\x15\x1b[27u");
    talking(&home, &platform, &mut terminal);
    terminal.keys("k");
    terminal.shows("Keypad");
    for (first, rest) in [("\x1b]11;rgb:11", "11/2222/3333\x07"), ("\x1b[?20", "26;2$y"), ("\x1bP1+r54", "4e=78\x1b\\")]
    {
        terminal.keys(first);
        sleep(STALL);
        terminal.keys(rest);
        terminal.keys("5");
    }
    terminal.until("the fives alone are sent", |screen| screen.contains("555"));
}
