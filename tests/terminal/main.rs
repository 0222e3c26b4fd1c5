//! The terminal fails, is slow, goes and comes back, and what is typed lies: the call goes on, or ends in order.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;

mod exits;
mod input;
mod start;
mod suspend;
mod trouble;
mod ways_out;

use common::{Home, Platform, screen::Terminal};
use serde_json::Value;

/// The platform, and a phone bar at its screen that is idle and registered.
fn stage(columns: u16, rows: u16) -> (Home, Platform, Terminal) {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let terminal = Terminal::phone_bar(&home, &platform.config, "en", columns, rows);
    terminal.shows("ready");
    home.wait("registered");
    (home, platform, terminal)
}

/// In conversation with a customer.
fn talking(home: &Home, platform: &Platform, terminal: &mut Terminal) {
    platform.customer_calls("tone:440");
    terminal.shows("13800138000");
    terminal.keys("a");
    home.wait("talking");
    terminal.shows("talking");
}

/// Calls that the platform knows of.
fn calls(platform: &Platform) -> usize {
    platform.admin("GET", "/calls", Value::Null).as_array().map_or(0, Vec::len)
}

/// The far end has got its BYE, or what it gets instead.
#[track_caller]
fn hung_up(platform: &Platform) {
    common::until("the platform has no call left", std::time::Duration::from_secs(10), || calls(platform) == 0);
}

/// How often a text stands in what the program wrote.
fn count(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).filter(|window| *window == wanted).count()
}
