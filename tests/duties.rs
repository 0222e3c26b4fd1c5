//! Duties besides calls at the screen: the real program in a pseudo-terminal, by keys alone, with the real platform's
//! approvals, schedule, rules about states and predictive projects.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;

use common::{Home, Platform, screen::Terminal};
use serde_json::{Value, json};

/// The platform with these tables added to its world, and the first agent at the screen, ready, with these options on.
fn on_duty(world: &str, options: &[&str]) -> (Home, Platform, Terminal) {
    let home = Home::new();
    let scenario = home.path("world.toml");
    fs::write(&scenario, world).expect("a scenario");
    let platform = Platform::start_with(&home, &["--scenario", &scenario.to_string_lossy()]);
    let on: Vec<(&str, Value)> = options.iter().map(|option| (*option, json!(true))).collect();
    platform.configure("render_html", &on);
    platform.configure_tone(&home, 1000.0);
    let terminal = at_the_screen(&home, &platform);
    (home, platform, terminal)
}

fn at_the_screen(home: &Home, platform: &Platform) -> Terminal {
    let terminal = Terminal::phone_bar(home, &platform.config, "zh-CN", 100, 30);
    terminal.shows("空闲");
    home.wait("registered");
    terminal
}

/// A restricted reason opens the form by itself; the request is listed, decided by the platform, told, and then busy is
/// granted.
#[test]
fn a_break_is_asked_for_granted_and_taken() {
    let world = "[approvals]\nanswer = 'nobody'\n\
        [[restrictions]]\nreason = 12\nperiod = '00:00-23:59'\nwarn = '午间高峰'\n";
    let (home, platform, mut terminal) = on_duty(world, &["raise_hand"]);
    terminal.shows("午间高峰");
    // An earlier request, decided meanwhile: its news come with the next one.
    let wish = json!({ "reason": "小休", "from": "00:01", "to": "23:58", "remark": "", "approver": "8003" });
    home.ctl(&["call", "break.request", &wish.to_string()]);
    platform.admin("POST", "/approvals", json!({ "agent": "8001", "answer": "approve" }));

    terminal.keys("b");
    terminal.shows("就餐（00:00-23:59）");
    terminal.keys("2");
    terminal.shows("示忙举手");
    assert_eq!(home.status()["agent"]["state"], "idle");
    // The reason is filled in; the times are typed, so that midnight does not matter.
    terminal.keys("\r\x15");
    terminal.keys("00:02\r\x15");
    terminal.keys("23:57\r");
    terminal.keys("牙医\r");
    terminal.keys("8003");
    terminal.shows("王芳");
    terminal.keys("\r\r");
    terminal.shows_no_more("示忙举手");
    terminal.shows("举手有结果");
    assert_eq!(home.status()["break_news"], true);

    terminal.keys("G");
    terminal.shows("00:02-23:57");
    terminal.shows("待审批");
    terminal.shows("审批通过");
    terminal.shows_no_more("举手有结果");
    platform.admin("POST", "/approvals", json!({ "agent": "8001", "answer": "approve" }));
    terminal.shows_no_more("待审批");
    terminal.keys("\x1b");
    terminal.shows_no_more("示忙申请");
    terminal.keys("b2");
    home.wait("busy");
    assert_eq!(home.status()["agent"]["reason"], json!({ "id": 12, "name": "就餐" }));
}

#[test]
fn a_scheduled_break_is_reminded_of_and_taken_and_the_shift_is_locked() {
    // The platform would not let anybody go to lunch, but this one is on the plan.
    let world = "[[schedule]]\nafter_s = 4\nlasts_s = 900\nreason = 12\ntitle = '午餐'\nlead_s = 3\n\
        [shift]\nends_after_s = 7200\n\
        [[restrictions]]\nreason = 12\nperiod = '00:00-23:59'\n";
    let (home, _platform, mut terminal) = on_duty(world, &["raise_hand", "dining_remind"]);
    terminal.until("what of and when", |screen| {
        let line = screen.lines().find(|line| line.contains("提醒：")).unwrap_or_default();
        let said = line.split("提醒：").nth(1).unwrap_or_default().trim_start();
        said.get(2..3) == Some(":") && said.contains(" 午餐")
    });
    terminal.shows("立即就餐");
    let cards = home.status()["reminders"].as_array().map(Vec::len).unwrap_or_default();
    terminal.keys("N");
    terminal.shows("2分钟后提醒");
    terminal.keys("1");
    home.wait("busy");
    assert_eq!(home.status()["agent"]["reason"]["id"], 12);
    home.until("its card is gone", |s| s["reminders"].as_array().is_some_and(|left| left.len() < cards));

    assert!(home.status()["shift_ends"].is_string(), "{}", home.status());
    let refused = home.try_ctl(&["logout"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("不可提前签出"), "{}", refused.err);
    assert_eq!(home.status()["agent"]["state"], "busy");
}

#[test]
fn a_state_that_lasts_too_long_is_told_until_it_is_seen() {
    let world = "[[warnings]]\ncode = 'agSta_2'\nname = '忙碌'\nsetting = '忙碌时长'\nthreshold_s = 2\n";
    let (home, _platform, mut terminal) = on_duty(world, &["status_warn"]);
    terminal.keys("b1");
    home.wait("busy");
    terminal.shows("忙碌时长");
    terminal.shows("超过阈值 2秒");
    terminal.shows("超时 00:");
    terminal.keys("N");
    terminal.shows_no_more("超过阈值");
    terminal.shows("超时 00:");
    assert_eq!(home.status()["overtime"]["acknowledged"], true);
    terminal.keys("r");
    home.wait("idle");
    terminal.shows_no_more("超时");
    assert_eq!(home.status()["overtime"], Value::Null);
}

const PROJECTS: &str = "wrap_up_s = 0\n\
    [[projects]]\nid = 5\nname = '回访'\nconnected_limit = 1\ninterval_s = 1\n\
    customers = [{ number = '13600000001', area = '武汉' }]\n\
    [[projects]]\nid = 6\nname = '停用的'\nconnected_limit = 0\nenabled = false\n\
    [[projects]]\nid = 7\nname = '不限'\nconnected_limit = 0\ninterval_s = 3600\n";

#[test]
fn a_project_is_joined_counted_and_left_at_its_limit() {
    let (home, platform, mut terminal) = on_duty(PROJECTS, &["auto_call"]);
    terminal.keys("o");
    terminal.shows("停用的");
    terminal.shows("已接 0/1");
    terminal.keys("回访\r");
    terminal.shows("项目 回访");
    home.wait("ringing");
    let ringing = home.status();
    assert_eq!(ringing["call"]["peer"]["number"], "13600000001");
    assert_eq!(ringing["project"], json!({ "id": "5", "name": "回访" }));
    terminal.keys("a");
    terminal.shows("接听量已经达到上限【1】");
    terminal.shows("通话中");
    home.until("left while the call goes on", |s| s["project"].is_null() && s["call"]["phase"] == "talking");
    terminal.keys("x");
    home.wait("no-call");
    terminal.keys("o");
    terminal.shows("已达上限 1/1");
    let log = platform.log().iter().map(Value::to_string).collect::<String>();
    for path in ["/agent/agentPro", "/agent/agentAtIn", "/agent/agentAtOut"] {
        assert!(log.contains(path), "{path}");
    }
}

#[test]
fn a_project_joined_is_found_again_after_a_restart() {
    let (home, platform, mut terminal) = on_duty(PROJECTS, &["auto_call"]);
    terminal.keys("o");
    terminal.shows("不限");
    terminal.keys("不限\r");
    terminal.shows("项目 不限");
    // Dropped, the program is killed: it says goodbye to nobody.
    drop(terminal);
    let terminal = at_the_screen(&home, &platform);
    terminal.shows("项目 不限");
    assert_eq!(home.status()["project"], json!({ "id": "7", "name": "不限" }));
}
