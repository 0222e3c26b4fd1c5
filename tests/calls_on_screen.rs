//! Consultation, transfer and supervision at the screen: the real program in a pseudo-terminal, by keys alone, with
//! colleagues and customers of the real platform.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{
    Home, Platform,
    floor::{Agent, beside_a_colleague, config_of},
    screen::Terminal,
};
use serde_json::json;

/// The first agent at the screen, talking with a customer; a colleague elsewhere.
fn talking(columns: u16, rows: u16) -> (Home, Platform, Agent, Terminal) {
    let home = Home::new();
    let (platform, colleague, mut terminal) = beside_a_colleague(&home, columns, rows);
    platform.customer_calls("tone:440");
    terminal.shows("13800138000");
    terminal.keys("a");
    terminal.shows("通话中");
    (home, platform, colleague, terminal)
}

#[test]
fn a_colleague_is_consulted_joined_and_given_the_call() {
    let (home, _platform, colleague, mut terminal) = talking(80, 24);
    terminal.keys("c");
    terminal.shows("8002");
    terminal.keys("8002");
    terminal.shows("⏎ 呼叫 8002");
    terminal.keys("\r");
    terminal.shows("咨询呼叫中");
    terminal.shows("客户听等待音");
    terminal.shows("x 挂断 8002");
    colleague.until_phase("ringing");
    colleague.ctl(&["answer"]);
    terminal.shows("w 三方");
    terminal.shows("正在咨询 8002");
    terminal.keys("w");
    terminal.shows("三方接回");
    terminal.shows("互相听得到");
    terminal.keys("u");
    home.wait("talking");
    terminal.shows("c 咨询");
    colleague.wait("idle");
    // Once more, and this time the colleague keeps the customer.
    terminal.keys("c");
    terminal.shows("8002");
    terminal.keys("8002\r");
    colleague.until_phase("ringing");
    colleague.ctl(&["answer"]);
    terminal.shows("T 完成转接");
    terminal.keys("T");
    home.wait("no-call");
    terminal.shows("事后处理");
    assert_eq!(colleague.until_phase("talking")["call"]["peer"]["number"], "13800138000");
}

#[test]
fn a_call_is_given_away_without_asking_and_the_state_after_it_chosen_before() {
    let (home, _platform, colleague, mut terminal) = talking(120, 30);
    terminal.keys("b");
    terminal.shows("通话后示忙原因");
    terminal.keys("2");
    terminal.shows("通话后：示忙 就餐");
    terminal.keys("t");
    terminal.shows("技能组");
    terminal.keys("8002");
    terminal.shows("不先询问");
    terminal.keys("\r");
    colleague.until_phase("ringing");
    home.wait("no-call");
    home.until("busy as wished", |s| s["agent"]["reason"]["name"] == "就餐");
    terminal.shows("忙碌 · 就餐");
    colleague.ctl(&["answer"]);
    colleague.wait("talking");
}

#[test]
fn a_call_that_a_colleague_hands_on_says_so_while_it_rings() {
    let home = Home::new();
    let (platform, colleague, terminal) = beside_a_colleague(&home, 80, 24);
    let call = json!({ "to_agent": "8002", "from": "13912345678", "area": "北京", "audio": "tone:440" });
    platform.admin("POST", "/calls", call);
    colleague.until_phase("ringing");
    colleague.ctl(&["answer"]);
    colleague.wait("talking");
    colleague.ctl(&["transfer", "--agent", "8001"]);
    terminal.shows("转接来电");
    terminal.shows("由 8002");
    terminal.shows("13912345678");
}

#[test]
fn a_supervisor_listens_whispers_joins_and_tears_down() {
    let home = Home::new();
    let platform = Platform::start(&home);
    let colleague = Agent::start(&platform, 1, 700.0, "");
    let config = config_of(&home, &platform, 2, 1700.0, "");
    let mut terminal = Terminal::phone_bar(&home, &config, "zh-CN", 80, 24);
    terminal.shows("空闲");
    home.wait("registered");
    let call = json!({ "to_agent": "8002", "from": "13912345678", "area": "北京", "audio": "tone:440" });
    platform.admin("POST", "/calls", call);
    colleague.until_phase("ringing");
    colleague.ctl(&["answer"]);
    colleague.wait("talking");
    terminal.keys("v");
    terminal.shows("8002");
    terminal.shows("与 13912345678");
    terminal.shows("双方听不到您");
    terminal.keys("\r");
    terminal.shows("正在监听 8002");
    terminal.keys("W");
    terminal.shows("听得到您，客户听不到");
    terminal.keys("W");
    terminal.shows("双方都听不到您");
    terminal.keys("B");
    terminal.shows("双方都听得到您");
    terminal.keys("D");
    terminal.shows("强拆 8002");
    terminal.keys("n");
    terminal.shows_no_more("请确认");
    assert_eq!(colleague.phase(), "talking", "nothing is torn down without a yes");
    terminal.keys("D");
    terminal.shows("请确认");
    terminal.keys("y");
    colleague.wait("no-call");
    home.wait("no-call");
}
