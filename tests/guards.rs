//! What hurts a customer is asked about, at the real screen and against the real platform; what hurts nobody is not.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{Home, Platform, floor::beside_a_colleague, screen::Terminal};
use serde_json::Value;

fn stage(columns: u16, rows: u16) -> (Home, Platform, Terminal) {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let terminal = Terminal::phone_bar(&home, &platform.config, "zh-CN", columns, rows);
    terminal.shows("空闲");
    home.wait("registered");
    (home, platform, terminal)
}

/// In conversation with a customer.
fn talking(columns: u16, rows: u16) -> (Home, Platform, Terminal) {
    let (home, platform, mut terminal) = stage(columns, rows);
    platform.customer_calls("tone:440");
    terminal.shows("13800138000");
    terminal.keys("a");
    home.wait("talking");
    terminal.shows("通话中");
    (home, platform, terminal)
}

/// What the platform was asked for under a path, as texts.
fn asked(platform: &Platform, path: &str) -> Vec<String> {
    platform.log().iter().map(Value::to_string).filter(|line| line.contains(path)).collect()
}

#[test]
fn quitting_while_ready_signs_out_goes_busy_or_stays() {
    // The full screen and the strip.
    for (columns, rows) in [(80, 24), (100, 3)] {
        let (home, platform, mut terminal) = stage(columns, rows);
        terminal.keys("q");
        terminal.shows("签出并退出");
        terminal.shows("示忙并退出");
        terminal.keys("n");
        terminal.shows_no_more("签出并退出");
        assert_eq!(home.status()["agent"]["state"], "idle");
        terminal.quit();
        assert_eq!(terminal.ended(), 0);
        terminal.is_as_it_was();
        assert!(!asked(&platform, "agent/logout").is_empty(), "signed out: nobody is sent to a phone that is gone");
    }
    let (_home, platform, mut terminal) = stage(80, 24);
    terminal.keys("q");
    terminal.shows("示忙并退出");
    terminal.keys("b");
    assert_eq!(terminal.ended(), 0);
    assert!(!asked(&platform, "agent/busy").is_empty());
    assert!(asked(&platform, "agent/logout").is_empty(), "busy, and still signed in");
}

#[test]
fn quitting_in_a_call_or_while_it_rings_signs_out_too_as_the_agent_is_ready_after_it() {
    let (_home, platform, mut terminal) = talking(80, 24);
    terminal.quit();
    assert_eq!(terminal.ended(), 0);
    terminal.is_as_it_was();
    assert!(!asked(&platform, "agent/hangup").is_empty() && !asked(&platform, "agent/logout").is_empty());
    let (_home, platform, mut terminal) = stage(80, 24);
    platform.customer_calls("tone:440");
    terminal.shows("13800138000");
    terminal.quit();
    assert_eq!(terminal.ended(), 0);
    assert!(!asked(&platform, "agent/refuse").is_empty() && !asked(&platform, "agent/logout").is_empty());
}

#[test]
fn a_sign_out_that_fails_does_not_quit_without_asking() {
    let (_home, platform, mut terminal) = stage(80, 24);
    platform.fault("refuse_http", Value::Bool(true), Some(20_000));
    terminal.keys("q");
    terminal.shows("签出并退出");
    terminal.keys("y");
    terminal.shows("仍要退出吗");
    terminal.keys("y");
    assert_eq!(terminal.ended(), 0);
    terminal.is_as_it_was();
}

#[test]
fn sign_out_and_survey_name_the_customer_and_a_digit_is_sent_to_him() {
    let (home, platform, mut terminal) = talking(80, 24);
    terminal.keys("S");
    terminal.shows("正在与 13800138000 通话，签出会挂断");
    terminal.keys("n");
    terminal.shows_no_more("签出会挂断");
    terminal.keys("e");
    terminal.shows("请 13800138000 评价吗");
    terminal.keys("\x1b");
    terminal.shows_no_more("评价吗");
    assert_eq!(home.status()["call"]["phase"], "talking", "nothing of it was done");
    // As on a telephone.
    terminal.keys("5");
    terminal.shows("键盘");
    common::until("the digit is sent", Duration::from_secs(5), || {
        asked(&platform, "agent/sendDTMF").iter().any(|line| line.contains('5'))
    });
    terminal.keys("\x1b");
    terminal.keys("e");
    terminal.shows("请 13800138000 评价吗");
    terminal.keys("y");
    home.wait("no-call");
    assert!(!asked(&platform, "transferEvaluate").is_empty());
}

#[test]
fn in_a_consultation_x_ends_the_colleague_and_then_the_customer() {
    let home = Home::new();
    let (platform, colleague, mut terminal) = beside_a_colleague(&home, 80, 24);
    platform.customer_calls("tone:440");
    terminal.shows("13800138000");
    terminal.keys("a");
    terminal.shows("通话中");
    terminal.keys("c");
    terminal.shows("8002");
    terminal.keys("8002\r");
    colleague.until_phase("ringing");
    colleague.ctl(&["answer"]);
    terminal.shows("T 完成转接");
    terminal.shows("x 挂断 8002");
    terminal.keys("x");
    colleague.wait("no-call");
    home.wait("talking");
    terminal.shows("x 挂机");
    assert_eq!(home.status()["call"]["peer"]["number"], "13800138000", "the customer is back");
    terminal.keys("x");
    home.wait("no-call");
}

#[test]
fn an_extension_that_was_pasted_is_sent_when_the_number_has_answered() {
    let (home, platform, mut terminal) = stage(120, 36);
    terminal.keys("\x1b[200~021-64700000-801\x1b[201~");
    terminal.shows("02164700000");
    terminal.shows("801");
    terminal.keys("\r");
    home.wait("talking");
    assert_eq!(home.status()["call"]["peer"]["number"], "02164700000");
    terminal.keys("k");
    terminal.shows("回车：发送分机 801");
    terminal.keys("\r");
    common::until("the extension is sent", Duration::from_secs(5), || {
        let log = asked(&platform, "agent/sendDTMF");
        ["8", "0", "1"].iter().all(|digit| log.iter().any(|line| line.contains(digit)))
    });
    terminal.keys("\x1b");
    terminal.keys("x");
    home.wait("no-call");
    // Two numbers: one is chosen.
    terminal.keys("\x1b[200~138-0013-8000/139-0013-9000\x1b[201~");
    terminal.until("both are offered", |screen| screen.contains("13800138000") && screen.contains("13900139000"));
    terminal.keys("\x1b[B\r");
    terminal.keys("\r");
    home.until("the chosen one is called", |s| s["call"]["peer"]["number"] == "13900139000");
}
