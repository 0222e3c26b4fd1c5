//! The first thing a person tries: it needs nothing, is idle at once, and a customer calls by itself.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{Home, audio, screen::Terminal, until};

#[test]
fn without_a_screen() {
    let home = Home::new();
    audio::write_tone(&home.path("mic.wav"), 1000.0, -12.0);
    let microphone = format!("audio.input_file={}", home.path("mic.wav").display());
    let args = ["demo", "--headless", "--set", "audio.backend=file", "--set", &microphone];
    let child = home.command(&args).spawn().expect("the demo starts");
    let demo = common::Process::from(child);
    until("the control socket", Duration::from_secs(5), || home.try_ctl(&["status"]).code == Some(0));
    home.wait("idle");
    home.ctl(&["wait", "ringing", "--timeout", "10"]);
    home.ctl(&["answer"]);
    home.until("sound both ways", |s| {
        let loud = |name: &str| s["media"][name].as_f64() > Some(-40.0);
        s["media"]["packets_sent"].as_u64() > Some(50) && loud("level_in_dbfs") && loud("level_out_dbfs")
    });
    home.ctl(&["hangup"]);
    home.wait("wrap-up");
    home.wait("idle");
    assert_eq!(demo.terminate(), Some(0));
}

#[test]
fn where_no_file_can_be_written_it_runs_all_the_same() {
    let home = Home::new();
    let mut demo = home.command(&["demo", "--headless"]);
    for place in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TMPDIR"] {
        // For root every folder can be written in; below a file there is none.
        demo.env(place, "/dev/null/nowhere");
    }
    let demo = common::Process::from(demo.spawn().expect("the demo starts"));
    until("the control socket", Duration::from_secs(5), || home.try_ctl(&["status"]).code == Some(0));
    home.ctl(&["wait", "ringing", "--timeout", "10"]);
    home.ctl(&["answer"]);
    home.until("sound goes out", |s| s["media"]["packets_sent"].as_u64() > Some(20));
    assert_eq!(demo.terminate(), Some(0));
}

#[test]
fn in_a_world_of_the_program() {
    let home = Home::new();
    let args = ["demo", "--headless", "--scenario", "rush-hour", "--set", "audio.backend=null"];
    let demo = common::Process::from(home.command(&args).spawn().expect("the demo starts"));
    until("the control socket", Duration::from_secs(5), || home.try_ctl(&["status"]).code == Some(0));
    home.ctl(&["wait", "ringing", "--timeout", "15"]);
    home.ctl(&["reject"]);
    // Another customer waits already; alone, the demo's own one would come again after 20 s.
    home.wait("no-call");
    home.ctl(&["wait", "ringing", "--timeout", "8"]);
    assert_eq!(demo.terminate(), Some(0));

    let wrong = home.run(&["demo", "--headless", "--scenario", "lunch-time"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("quiet-morning, rush-hour"), "{}", wrong.err);
}

#[test]
fn a_world_of_the_program_shows_what_an_office_has() {
    let home = Home::new();
    let office = ["demo", "--locale", "zh-CN", "--scenario", "rush-hour", "--set", "audio.backend=null"];
    let mut demo = Terminal::start(&home, &office, 120, 30);
    demo.until("projects and breaks", |screen| screen.contains("o 项目") && screen.contains("g 举手"));
    demo.until("the queue's badge", |screen| (1..9).any(|n| screen.contains(&format!("排队 {n}"))));
    demo.close();

    let home = Home::new();
    let less = [&office[..], &["--set", "render_html.auto_call=false"]].concat();
    let demo = Terminal::start(&home, &less, 120, 30);
    demo.until("breaks alone", |screen| screen.contains("g 举手") && !screen.contains("项目"));
}

#[test]
fn on_a_screen() {
    let home = Home::new();
    let mut demo = Terminal::start(&home, &["demo", "--locale", "zh-CN"], 80, 24);
    demo.shows("空闲");
    demo.shows("客户来电");
    demo.keys("a");
    demo.shows("通话中");
    // Both meters move: somebody speaks into the microphone and the customer speaks.
    demo.until("the agent's meter", |screen| meter(screen, "我"));
    demo.until("the customer's meter", |screen| meter(screen, "对方"));
    demo.keys("x");
    demo.shows("事后处理");
    demo.shows("空闲");
    demo.keys("q");
    assert_eq!(demo.ended(), 0);
}

/// Whether the meter of that name shows a level.
fn meter(screen: &str, name: &str) -> bool {
    screen.lines().any(|line| line.contains(name) && line.contains('█'))
}
