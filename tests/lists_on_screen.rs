//! The lists at the screen: the real program in a pseudo-terminal looks at colleagues and at the queue, calls the one
//! and takes a customer out of the other.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Home, Platform, floor::beside_a_colleague, screen::Terminal};
use serde_json::json;

#[test]
fn a_colleague_is_found_in_the_directory_and_called() {
    let home = Home::new();
    let (_platform, colleague, mut terminal) = beside_a_colleague(&home, 80, 24);
    terminal.keys("d");
    terminal.shows("8002");
    terminal.shows("截至");
    // Found by number, then called with the line's Enter.
    terminal.keys("f8002");
    terminal.until("only the colleague is left", |screen| screen.contains("8002") && !screen.contains("技能组"));
    terminal.keys("\r");
    terminal.shows("⏎ 呼叫坐席");
    terminal.keys("\r");
    colleague.until_phase("ringing");
    colleague.ctl(&["answer"]);
    terminal.shows("通话中");
    assert_eq!(home.status()["call"]["direction"], "inner");
    // Redialled from wherever one is, as an agent.
    terminal.keys("x");
    colleague.wait("idle");
    home.wait("no-call");
    terminal.keys("\x1b");
    terminal.shows_no_more("筛选");
    terminal.keys("j.");
    colleague.until_phase("ringing");
    terminal.keys("x");
    colleague.wait("no-call");
}

#[test]
fn a_waiting_customer_is_counted_shown_and_taken_out_of_the_queue() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure("render_html", &[("show_que_sum", json!(true))]);
    platform.configure_tone(&home, 1000.0);
    let mut terminal = Terminal::phone_bar(&home, &platform.config, "zh-CN", 80, 24);
    terminal.shows("空闲");
    home.wait("registered");
    terminal.keys("b1");
    home.wait("busy");
    let call = json!({ "to_agent": null, "queue": 1, "from": "13700137000", "area": "深圳", "audio": "silence" });
    platform.admin("POST", "/calls", call);
    terminal.shows("排队 1");
    terminal.keys("Q");
    terminal.shows("13700137000 深圳");
    let mut waited = std::collections::BTreeSet::new();
    terminal.until("the customer's clock goes on", |screen| {
        let line = screen.lines().find(|line| line.contains("13700137000"));
        waited.extend(line.and_then(|line| line.split_whitespace().find(|word| word.contains(':'))).map(str::to_owned));
        waited.len() >= 3
    });
    terminal.keys("\x1b[B\r");
    terminal.shows("接起排队客户 137");
    terminal.keys("n");
    terminal.shows_no_more("接起排队客户 137");
    terminal.keys("t");
    terminal.shows("接起排队客户 137");
    terminal.keys("y");
    home.wait("ringing");
    terminal.shows("客户来电");
    terminal.keys("\x1ba");
    terminal.shows("通话中");
    assert_eq!(home.status()["call"]["peer"]["number"], "13700137000");
}
