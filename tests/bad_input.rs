//! What goes wrong in real life: each gives one clear line that says what to do, and nothing is lost.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{net::TcpListener, time::Duration};

use common::{Home, Platform, become_idle, headless, headless_with, idle, talking, until};
use serde_json::json;

fn notices(home: &Home) -> String {
    home.status()["notices"].to_string()
}

fn started(home: &Home) {
    until("the control socket", Duration::from_secs(10), || home.try_ctl(&["status"]).code == Some(0));
}

#[test]
fn a_config_that_is_missing_or_wrong_is_told_with_its_place() {
    let home = Home::new();
    let missing = home.run(&["run", "--headless", "--config", "/nowhere/c.toml"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.contains("/nowhere/c.toml"), "{}", missing.err);
    let file = home.path("c.toml");
    std::fs::write(&file, "token = \"Bearer x\"\nag_no = 8001\nagent_phon = \"9001\"\n").expect("a file");
    let file = file.to_string_lossy().into_owned();
    for (locale, nearest) in [("en", "agent_phone"), ("zh-CN", "agent_phone")] {
        let wrong = home.run(&["run", "--headless", "--config", &file, "--locale", locale]);
        assert_eq!(wrong.code, Some(2));
        assert!(
            wrong.err.contains(&format!("{file}:2:")) && wrong.err.contains(&format!("{file}:3:")),
            "{}",
            wrong.err
        );
        assert!(wrong.err.contains(nearest), "{}", wrong.err);
    }
}

#[test]
fn a_wrong_token_is_refused_and_it_is_said() {
    let home = Home::new();
    let platform = Platform::start(&home);
    let config = std::fs::read_to_string(&platform.config).expect("the config");
    let wrong: String = config
        .lines()
        .map(|line| if line.starts_with("token") { "token = \"Bearer wrong\"\n".into() } else { format!("{line}\n") })
        .collect();
    std::fs::write(&platform.config, wrong).expect("the config");
    let _client = headless(&home, &platform.config);
    started(&home);
    home.until("the refusal", |s| s["notices"].to_string().to_lowercase().contains("token"));
    assert_eq!(home.status()["agent"]["state"], "signed_out");
    let login = home.try_ctl(&["login"]);
    assert_eq!(login.code, Some(1));
    assert!(!login.err.trim().is_empty());
}

#[test]
fn nothing_listens_there() {
    let home = Home::new();
    let platform = Platform::start(&home);
    let config = platform.config.clone();
    platform.stop();
    let _client = headless(&home, &config);
    started(&home);
    let status = home.until("the error", |s| s["link"]["last_error"].is_string());
    let error = status["link"]["last_error"].to_string();
    assert!(error.contains("127.0.0.1"), "{error}");
    home.until("it is tried again", |s| s["link"]["attempts"].as_u64() > Some(1));
    assert_eq!(home.try_ctl(&["dial", "139"]).code, Some(1), "and commands are refused with a reason");
}

#[test]
fn a_busy_port_is_named() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let ran = home.run(&["sim", "--listen", &address]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains(&address), "{}", ran.err);
    assert_eq!(ran.err.trim().lines().count(), 1, "{}", ran.err);
}

#[test]
fn without_a_sound_device_the_call_goes_on_and_it_is_said() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure("audio", &[("backend", json!("device")), ("input_device", json!("no such microphone"))]);
    // Also "default" leads nowhere here.
    std::fs::write(home.path(".asoundrc"), "pcm.!default { type hw card 99 }\n").expect("a file");
    let _client = headless(&home, &platform.config);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("packets both ways", |s| {
        s["media"]["packets_sent"].as_u64() > Some(50) && s["media"]["packets_received"].as_u64() > Some(50)
    });
    assert!(notices(&home).contains("no such microphone"), "{}", notices(&home));
    assert_eq!(home.status()["call"]["phase"], "talking");
}

#[test]
fn junk_on_the_link_is_told_once_and_ignored() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    platform.fault("garbage_frame", json!("<html>junk"), None);
    home.until("it is told", |s| s["notices"].to_string().contains("unreadable"));
    assert_eq!(home.status()["link"]["state"], "up");
    home.ctl(&["busy"]);
    home.wait("busy");
}

#[test]
fn an_html_page_a_server_error_and_silence_from_the_api() {
    for (fault, value, told) in [
        ("http_html", json!(true), "502 Bad Gateway"),
        ("http_status", json!(500), "500"),
        ("http_delay_ms", json!(6000), "4"),
    ] {
        let home = Home::new();
        let (platform, _client) = idle(&home);
        platform.fault(fault, value, Some(5000));
        let ran = home.try_ctl(&["busy"]);
        assert_eq!(ran.code, Some(1), "{fault}");
        assert!(ran.err.contains(told), "{fault}: {}", ran.err);
        assert_eq!(ran.err.trim().lines().count(), 1, "{fault}: {}", ran.err);
        platform.admin("DELETE", "/faults", serde_json::Value::Null);
        assert_eq!(home.status()["agent"]["state"], "idle", "{fault}");
        home.ctl(&["busy"]);
        home.wait("busy");
    }
}

#[test]
fn a_second_phone_bar_of_the_same_agent_is_refused() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    let config = platform.config.to_string_lossy().into_owned();
    let second = home.run(&["run", "--headless", "--config", &config]);
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains("8001.sock"), "{}", second.err);
    home.wait("idle");
}

#[test]
fn messages_are_in_the_programs_language() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let _client = headless_with(&home, &platform.config, &["--locale", "zh-CN"]);
    become_idle(&home);
    let ran = home.try_ctl(&["answer"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("没有来电"), "{}", ran.err);
}

#[test]
fn without_a_control_socket_the_phone_bar_works_and_says_so() {
    let home = Home::new();
    let platform = Platform::start(&home);
    // A directory below a file: also root cannot write there.
    std::fs::write(home.path("file"), "").expect("a file");
    let socket = home.path("file").join("8001.sock");
    platform.configure("control", &[("path", json!(socket))]);
    let client = headless(&home, &platform.config);
    let path = home.path("file").to_string_lossy().into_owned();
    until("it says which path is of no use", Duration::from_secs(15), || home.logs().contains(&path));
    until("the agent is signed in all the same", Duration::from_secs(15), || {
        platform.log().iter().any(|line| line.to_string().contains("/agent/ready"))
    });
    assert_eq!(client.terminate(), Some(0));
}

#[test]
fn a_missing_input_file_is_told_with_its_place_in_the_config() {
    let home = Home::new();
    let platform = Platform::start(&home);
    let missing = home.path("no-such.wav");
    platform.configure("audio", &[("backend", json!("file")), ("input_file", json!(missing))]);
    let config = platform.config.to_string_lossy().into_owned();
    let text = std::fs::read_to_string(&platform.config).expect("the config");
    let line = 1 + text.lines().position(|line| line.starts_with("input_file")).expect("the line");
    for (locale, advice) in [("en", "correct the path"), ("zh-CN", "路径")] {
        let ran = home.run(&["run", "--headless", "--config", &config, "--locale", locale]);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(&format!("{config}:{line}:")) && ran.err.contains("no-such.wav"), "{}", ran.err);
        assert!(ran.err.contains(advice), "{}", ran.err);
        assert_eq!(ran.err.trim().lines().count(), 1, "{}", ran.err);
    }
}

#[test]
fn no_sound_card_at_all_is_said_in_the_programs_language() {
    for (locale, microphone, speaker, advice) in
        [("en", "The microphone", "The speaker", "plugged in"), ("zh-CN", "麦克风「", "扬声器「", "请检查是否已插好")]
    {
        let home = Home::new();
        let platform = Platform::start(&home);
        platform.configure("audio", &[("backend", json!("device"))]);
        let nothing = "pcm.!default { type hw card 99 }\nctl.!default { type hw card 99 }\n";
        std::fs::write(home.path("asound.conf"), nothing).expect("a file");
        let config = platform.config.to_string_lossy().into_owned();
        let child = home
            .command(&["run", "--headless", "--config", &config, "--locale", locale])
            .env("ALSA_CONFIG_PATH", home.path("asound.conf"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the phone bar starts");
        let _client = common::Process::from(child);
        become_idle(&home);
        talking(&home, &platform, "tone:440");
        home.until("packets both ways", |s| {
            s["media"]["packets_sent"].as_u64() > Some(50) && s["media"]["packets_received"].as_u64() > Some(50)
        });
        home.until("both devices are told", |s| {
            let notices = s["notices"].to_string();
            notices.contains(microphone) && notices.contains(speaker) && notices.contains(advice)
        });
        assert_eq!(home.status()["call"]["phase"], "talking");
    }
}

#[test]
fn what_fails_outside_is_told_in_chinese_too() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let _client = headless_with(&home, &platform.config, &["--locale", "zh-CN"]);
    become_idle(&home);
    platform.fault("garbage_frame", json!("<html>junk"), None);
    home.until("junk is told", |s| s["notices"].to_string().contains("平台发来无法识别的消息"));
    for (fault, value) in [("http_html", json!(true)), ("http_status", json!(500)), ("http_delay_ms", json!(6000))] {
        platform.fault(fault, value, Some(20_000));
        let ran = home.try_ctl(&["busy"]);
        assert_eq!(ran.code, Some(1), "{fault}");
        assert_eq!(ran.err.trim().lines().count(), 1, "{fault}: {}", ran.err);
        assert!(ran.err.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{fault}: {}", ran.err);
        platform.admin("DELETE", "/faults", serde_json::Value::Null);
    }
    let config = platform.config.clone();
    platform.stop();
    home.until("the platform is gone", |s| s["link"]["last_error"].as_str().is_some_and(|e| e.contains("无法连接")));
    let second = home.run(&["run", "--headless", "--config", &config.to_string_lossy(), "--locale", "zh-CN"]);
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains("另一个电话条"), "{}", second.err);
}

#[test]
fn what_a_caller_is_called_drives_no_terminal_through_the_control_tool() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    let area = "北京\u{202e}10\u{2066}2\u{2028}3\u{9b}4\u{7f}5\u{1b}[2J\u{feff}";
    platform.admin("POST", "/calls", json!({ "to_agent": "8001", "from": "13800138000", "area": area }));
    home.wait("ringing");
    let harmful = |c: &char| {
        (c.is_control() && *c != '\n') || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let text = home.ctl(&["status"]);
    assert_eq!(text.chars().find(harmful), None, "{text:?}");
    assert!(text.contains("北京102345"), "{text}");
    let json = home.ctl(&["status", "--json"]);
    assert_eq!(json.chars().find(harmful), None, "{json:?}");
    let status: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let told = status["call"]["peer"]["area"].as_str().unwrap_or_default();
    assert!(told.starts_with("北京\u{202e}10\u{2066}2"), "those who parse it get it as it came: {told:?}");
    // What is refused is repeated in the refusal.
    let refused = home.try_ctl(&["dial", "138\u{202e}00\u{2029}x"]);
    assert_eq!((refused.code, refused.err.chars().find(harmful)), (Some(1), None), "{:?}", refused.err);
}

#[test]
fn plain_text_to_a_server_far_away_is_warned_of() {
    let home = Home::new();
    let file = home.path("c.toml");
    let config = "token_command = [\"cat\", \"/nowhere\"]\nag_no = \"8001\"\nagent_phone = \"9001\"\n\
                  api_server = \"http://cti.invalid/v2\"\nws_server = \"ws://cti.invalid/ws\"\n";
    std::fs::write(&file, config).expect("a file");
    let file = file.to_string_lossy().into_owned();
    let check = home.run(&["config", "check", &file, "--locale", "en"]);
    assert_eq!(check.code, Some(0), "{check:?}");
    for key in ["api_server", "ws_server"] {
        let warned = check.err.lines().any(|line| line.contains(key) && line.contains("plain text"));
        assert!(warned, "{key}: {check:?}");
    }
    let doctor = home.run(&["doctor", "--json", "--config", &file, "--locale", "en"]);
    assert!(doctor.out.contains("plain text"), "{doctor:?}");
}
