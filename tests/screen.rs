//! A shift at the screen: the real program in a pseudo-terminal, real keys, the real platform.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Home, Platform, screen::Terminal};
use serde_json::json;

fn stage() -> (Home, Platform) {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    (home, platform)
}

/// Idle and registered, so that the next call reaches the phone.
fn idle(home: &Home, terminal: &Terminal, word: &str) {
    terminal.shows(word);
    home.wait("registered");
}

#[test]
fn a_call_by_keys_at_every_size_in_both_languages() {
    for (columns, rows, locale) in
        [(80, 24, "zh-CN"), (120, 36, "en"), (200, 60, "zh-CN"), (100, 3, "en"), (100, 3, "zh-CN")]
    {
        let say = |en: &'static str, zh: &'static str| if locale == "en" { en } else { zh };
        let (home, platform) = stage();
        let mut terminal = Terminal::phone_bar(&home, &platform.config, locale, columns, rows);
        idle(&home, &terminal, say("ready", "空闲"));
        platform.customer_calls("tone:440");
        terminal.shows("13800138000");
        terminal.keys("a");
        terminal.shows(say("talking", "通话中"));
        terminal.shows("00:02");
        terminal.shows("00:03");
        for name in [say("me", "我"), say("them", "对方")] {
            terminal.until(&format!("the meter '{name}'"), |screen| meter(screen, name));
        }
        terminal.keys("h");
        terminal.shows(say("on hold", "保持中"));
        terminal.keys("h");
        terminal.shows(say("talking", "通话中"));
        terminal.keys("m");
        home.until("muted", |s| s["call"]["muted"] == true);
        terminal.shows(say("muted", "静音"));
        terminal.keys("m");
        home.until("not muted", |s| s["call"]["muted"] == false);
        terminal.keys("x");
        terminal.shows(say("wrap-up", "事后处理"));
        let mut left = Vec::new();
        terminal.until("a countdown", |screen| {
            if let Some(shown) = seconds(screen).filter(|shown| left.last() != Some(shown)) {
                left.push(shown);
            }
            left.len() >= 3
        });
        assert!(left.is_sorted_by(|a, b| a > b), "wrap-up counts down, not {left:?}");
        terminal.shows(say("ready", "空闲"));
        terminal.quit();
        assert_eq!(terminal.ended(), 0, "{columns}x{rows} {locale}");
        terminal.is_as_it_was();
    }
}

/// Whether the meter of that name shows a level: something filled right of the name.
fn meter(screen: &str, name: &str) -> bool {
    let filled = |rest: &str| rest.chars().take(8).any(|c| "█▇▆▅".contains(c));
    screen.lines().any(|line| line.match_indices(name).any(|(at, _)| filled(&line[at + name.len()..])))
}

/// Seconds of the first clock in the bar.
fn seconds(screen: &str) -> Option<u32> {
    let bar = screen.lines().find(|line| !line.trim().is_empty())?;
    let clock = bar.split_whitespace().find(|word| word.len() == 5 && word.as_bytes().get(2) == Some(&b':'))?;
    let (minutes, seconds) = clock.split_once(':')?;
    Some(minutes.parse::<u32>().ok()? * 60 + seconds.parse::<u32>().ok()?)
}

#[test]
fn dialling_busy_and_ready_by_keys() {
    let (home, platform) = stage();
    let mut terminal = Terminal::phone_bar(&home, &platform.config, "zh-CN", 120, 36);
    idle(&home, &terminal, "空闲");
    terminal.keys("b");
    terminal.shows("小休");
    terminal.keys("就餐");
    terminal.shows_no_more("小休");
    terminal.keys("\r");
    home.until("busy with a reason", |s| s["agent"]["reason"]["name"] == "就餐");
    terminal.shows("就餐");
    terminal.keys("r");
    home.wait("idle");
    // A line's number chooses it.
    terminal.keys("b");
    terminal.shows("小休");
    terminal.keys("1");
    home.until("busy by the line's number", |s| s["agent"]["reason"]["name"] == "小休");
    terminal.keys("r");
    home.wait("idle");
    // Pasted with dashes, dialled with Enter.
    terminal.keys("\x1b[200~139-0013 9000\x1b[201~");
    terminal.shows("13900139000");
    terminal.keys("\r");
    terminal.shows("通话中");
    assert_eq!(home.status()["call"]["peer"]["number"], "13900139000");
    terminal.keys("q");
    terminal.shows("挂机并退出");
    terminal.keys("n");
    terminal.shows_no_more("挂机并退出");
    terminal.keys("q");
    terminal.shows("挂机并退出");
    terminal.keys("y");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_ring_takes_no_key_from_a_field() {
    let (home, platform) = stage();
    let mut terminal = Terminal::phone_bar(&home, &platform.config, "en", 120, 36);
    idle(&home, &terminal, "ready");
    terminal.keys("13900");
    platform.customer_calls("silence");
    home.wait("ringing");
    terminal.shows("13800138000");
    terminal.keys("7");
    terminal.keys("\r");
    terminal.shows("139007");
    assert_eq!(home.status()["call"]["phase"], "ringing", "Enter does not answer");
    // Alt-a answers from within a field.
    terminal.keys("\x1ba");
    home.wait("talking");
}

#[test]
fn a_number_stays_when_it_was_refused() {
    let (home, platform) = stage();
    let mut terminal = Terminal::phone_bar(&home, &platform.config, "en", 120, 36);
    idle(&home, &terminal, "ready");
    platform.fault("refuse_http", json!(true), Some(2500));
    terminal.keys("13900139000\r");
    home.until("the failure is told", |s| s["notices"].as_array().is_some_and(|n| !n.is_empty()));
    terminal.shows("13900139000");
    assert_eq!(home.status()["call"]["phase"], "none");
}

#[test]
fn the_link_is_cut_in_a_call() {
    let (home, platform) = stage();
    let mut terminal = Terminal::phone_bar(&home, &platform.config, "zh-CN", 80, 24);
    idle(&home, &terminal, "空闲");
    platform.customer_calls("tone:440");
    terminal.shows("13800138000");
    terminal.keys("a");
    terminal.shows("通话中");
    platform.fault("drop_ws", json!(true), Some(4000));
    terminal.shows("链路已断开");
    terminal.shows("通话不受影响");
    home.wait("link-up");
    terminal.until("the banner goes", |screen| !screen.contains("秒后重连"));
    terminal.shows("通话中");
}

#[test]
fn help_palette_resize_and_a_terminal_that_is_too_small() {
    let (home, platform) = stage();
    let mut terminal = Terminal::phone_bar(&home, &platform.config, "en", 80, 24);
    idle(&home, &terminal, "ready");
    terminal.keys("?");
    terminal.shows("Keys");
    terminal.keys("\x1b");
    terminal.shows_no_more("Keys");
    terminal.keys(":");
    terminal.shows("Commands");
    terminal.keys("\x1b");
    terminal.resize(200, 60);
    terminal.shows("ready");
    terminal.resize(20, 2);
    terminal.until("what is too small", |screen| screen.to_lowercase().contains("small") || screen.contains("40"));
    terminal.resize(100, 3);
    terminal.shows("ready");
    terminal.quit();
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_key_pressed_while_the_window_changes_its_size_is_not_lost() {
    let (home, platform) = stage();
    let mut terminal = Terminal::phone_bar(&home, &platform.config, "en", 120, 36);
    idle(&home, &terminal, "ready");
    for round in 0..8 {
        for typed in 1..=8 {
            terminal.resize(if (round + typed) % 2 == 0 { 120 } else { 110 }, 36);
            terminal.keys("5");
            terminal.shows(&"5".repeat(typed));
        }
        terminal.keys(&"\x7f".repeat(8));
        terminal.shows_no_more("55");
    }
    terminal.quit_by("\x03");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn every_way_out_gives_the_terminal_back() {
    use rustix::process::{Pid, Signal, kill_process};
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let (home, platform) = stage();
        let mut terminal = Terminal::phone_bar(&home, &platform.config, "en", 80, 24);
        idle(&home, &terminal, "ready");
        let pid = terminal.process_id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a process");
        kill_process(pid, signal).expect("the process is there");
        assert_eq!(terminal.ended(), 0, "{signal:?}");
        terminal.is_as_it_was();
    }
}

#[test]
fn a_signal_in_a_call_and_ctrl_c_give_the_terminal_back_too() {
    use rustix::process::{Pid, Signal, kill_process};
    let (home, platform) = stage();
    let mut terminal = Terminal::phone_bar(&home, &platform.config, "en", 80, 24);
    idle(&home, &terminal, "ready");
    platform.customer_calls("tone:440");
    terminal.shows("13800138000");
    terminal.keys("a");
    home.wait("talking");
    // Ctrl-C is a key like q: with a call up it asks.
    terminal.keys("\x03");
    terminal.shows("hang up, sign out and quit");
    terminal.keys("\x1b");
    terminal.shows_no_more("hang up, sign out and quit");
    let pid = terminal.process_id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a process");
    kill_process(pid, Signal::TERM).expect("the process is there");
    assert_eq!(terminal.ended(), 0);
    terminal.is_as_it_was();

    let mut terminal = Terminal::phone_bar(&home, &platform.config, "en", 80, 24);
    terminal.until("the bar", |screen| screen.contains("8001"));
    terminal.quit_by("\x03");
    assert_eq!(terminal.ended(), 0);
    terminal.is_as_it_was();
}

#[test]
fn a_terminal_that_is_closed_ends_the_program() {
    let (home, platform) = stage();
    let mut terminal = Terminal::phone_bar(&home, &platform.config, "en", 80, 24);
    idle(&home, &terminal, "ready");
    terminal.close();
    assert_eq!(terminal.ended(), 0, "it ends by itself, in good order");
    assert_ne!(home.try_ctl(&["status"]).code, Some(0), "nothing is left behind");
}
