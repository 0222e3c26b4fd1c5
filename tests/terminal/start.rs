//! Where the screen cannot be shown it is said, with the way out; where only signs are missing, ASCII is drawn.

use crate::common::{Home, PROGRAM, Platform, screen::Terminal};

#[test]
fn output_that_is_no_terminal_is_told() {
    let home = Home::new();
    let platform = Platform::start(&home);
    let ran = home.run(&["run", "--locale", "en", "--config", &platform.config.to_string_lossy()]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("no terminal") && ran.err.contains("--headless"), "{}", ran.err);
    let ran = home.run(&["demo", "--locale", "en"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
}

fn started(environment: &[(&str, &str)]) -> Terminal {
    Terminal::start_in(&Home::new(), PROGRAM, &["demo"], 100, 30, environment)
}

#[test]
fn a_terminal_that_cannot_be_drawn_on_is_told() {
    let mut terminal = started(&[("TERM", "dumb")]);
    assert_eq!(terminal.ended(), 1);
    terminal.shows("TERM is 'dumb'");
    assert!(terminal.text().contains("--headless"));
    terminal.is_as_it_was();
}

#[test]
fn a_locale_that_cannot_show_chinese_is_told_in_a_language_that_it_shows() {
    let mut terminal = started(&[("LC_ALL", "zh_CN.GBK")]);
    assert_eq!(terminal.ended(), 1);
    terminal.shows("'zh_CN.GBK' is not UTF-8");
    assert!(terminal.text().is_ascii() && terminal.text().contains("--locale en"), "{}", terminal.text());
}

#[test]
fn without_utf_8_signs_and_frames_are_drawn_in_ascii_by_themselves() {
    let mut terminal = started(&[("LC_ALL", "C")]);
    terminal.shows("ready");
    terminal.keys("?");
    terminal.shows("Keys");
    // Names are what they are.
    let written = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    let signs: String = written.chars().filter(|c| !c.is_ascii() && !c.is_alphabetic()).collect();
    assert_eq!(signs, "", "{}", terminal.text());
    terminal.keys("\x1b");
    terminal.shows_no_more("Keys");
    terminal.quit();
    assert_eq!(terminal.ended(), 0);
}
