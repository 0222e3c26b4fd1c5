//! What is in order and what is not, with the real program: `doctor` against a platform in every condition, the health
//! window at a link that stalls, and the gate before "ready".

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, Instant};

use common::{Home, Platform, Ran, become_idle, headless, headless_with, screen::Terminal, until};
use serde_json::{Value, json};

fn doctor(home: &Home, platform: &Platform, more: &[&str]) -> Ran {
    let config = platform.config.to_string_lossy().into_owned();
    let mut args = vec!["doctor", "--json", "--config", &config];
    args.extend(more);
    home.run(&args)
}

fn level(ran: &Ran, check: &str) -> String {
    let findings: Vec<Value> = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("no JSON: {ran:?}"));
    let mut of = findings.iter().filter(|finding| finding["check"] == check);
    of.next().map(|finding| finding["level"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
}

fn stage(home: &Home) -> Platform {
    let platform = Platform::start(home);
    platform.configure_tone(home, 1000.0);
    platform
}

#[test]
fn the_doctor_finds_a_healthy_platform_healthy_and_leaves_no_registration() {
    let home = Home::new();
    let platform = stage(&home);
    let ran = doctor(&home, &platform, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for check in [
        "config",
        "token",
        "api_server",
        "clock",
        "ws_server",
        "sip_ws_server",
        "sip_registration",
        "ice",
        "microphone",
        "speaker",
        "control",
        "storage",
    ] {
        assert_eq!(level(&ran, check), "ok", "{check}: {}", ran.out);
    }
    let token = platform.ready["agents"][0]["token"].as_str().expect("a token").to_owned();
    assert!(!ran.out.contains(&token) && !ran.err.contains(&token));
    let log = Value::from(platform.log()).to_string();
    assert!(log.contains("expires=0"), "the binding was taken back");
    // For a person: a line each, in both languages.
    let config = platform.config.to_string_lossy().into_owned();
    let english = home.run(&["doctor", "--config", &config, "--locale", "en"]);
    let chinese = home.run(&["doctor", "--config", &config, "--locale", "zh-CN"]);
    assert_eq!(english.out.lines().count(), chinese.out.lines().count());
    assert!(english.out.contains("registered in") && chinese.out.contains("注册成功"), "{english:?} {chinese:?}");
}

#[test]
fn the_doctor_names_what_is_broken_and_what_to_do() {
    for (fault, value, broken, well) in [
        ("refuse_http", json!(true), "api_server", "sip_ws_server"),
        ("drop_sip", json!(true), "sip_ws_server", "api_server"),
        ("stall_sip", json!(true), "sip_registration", "api_server"),
        ("drop_ws", json!(true), "ws_server", "sip_registration"),
        ("http_html", json!(true), "api_server", "ws_server"),
    ] {
        let home = Home::new();
        let platform = stage(&home);
        platform.fault(fault, value, Some(30_000));
        let ran = doctor(&home, &platform, &[]);
        assert_eq!(ran.code, Some(1), "{fault}: {ran:?}");
        assert_eq!((level(&ran, broken).as_str(), level(&ran, well).as_str()), ("fail", "ok"), "{fault}: {}", ran.out);
        let findings: Vec<Value> = serde_json::from_str(&ran.out).expect("JSON");
        for finding in findings.iter().filter(|finding| finding["level"] == "fail") {
            assert!(finding["hint"].is_string(), "{finding}");
        }
    }
}

#[test]
fn turn_servers_over_tcp_and_tls_are_tried_one_by_one() {
    let home = Home::new();
    let platform = stage(&home);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let open = listener.local_addr().expect("its address").port();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("a port").port();
    let mut config = std::fs::read_to_string(&platform.config).expect("the config");
    config.push_str(&format!(
        "\n[ice]\nservers = [{{ urls = [\"turn:127.0.0.1:{open}?transport=tcp\", \"turns:127.0.0.1:{dead}\"], \
         username = \"agent\", credential = \"s3cr3t\" }}]\n"
    ));
    let file = home.path("turn.toml");
    std::fs::write(&file, config).expect("a config");
    let ran = home.run(&["doctor", "--json", "--config", &file.to_string_lossy(), "--locale", "en"]);
    let findings: Vec<Value> = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("no JSON: {ran:?}"));
    let of = |check: &str| -> Vec<(&str, &str)> {
        let of = findings.iter().filter(|finding| finding["check"] == check);
        of.map(|finding| (finding["level"].as_str().unwrap_or(""), finding["text"].as_str().unwrap_or(""))).collect()
    };
    let [reached, refused] = of("turn_server")[..] else { panic!("{}", ran.out) };
    assert!(
        reached.0 == "ok" && reached.1.starts_with(&format!("turn:127.0.0.1:{open}?transport=tcp: ")),
        "{reached:?}"
    );
    assert!(refused.0 == "warn" && refused.1.contains(&dead.to_string()), "{refused:?}");
    let [ice] = of("ice")[..] else { panic!("{}", ran.out) };
    assert!(ice.0 == "warn" && ice.1.contains("no TURN server gives a relay"), "a call works without: {ice:?}");
    assert!(!ran.out.contains("s3cr3t"));
}

#[test]
fn a_wrong_token_and_dead_ports_are_told_apart() {
    let home = Home::new();
    let platform = stage(&home);
    let config = std::fs::read_to_string(&platform.config).expect("the config");
    let token = platform.ready["agents"][0]["token"].as_str().expect("a token");
    let wrong = home.path("wrong.toml");
    std::fs::write(&wrong, config.replace(token, "Bearer nobodys")).expect("a config");
    let ran = home.run(&["doctor", "--json", "--config", &wrong.to_string_lossy()]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        (level(&ran, "api_server"), level(&ran, "sip_registration")),
        ("fail".into(), "warn".into()),
        "{}",
        ran.out
    );
    platform.stop();
    let begun = Instant::now();
    let dead = home.run(&["doctor", "--json", "--config", &wrong.to_string_lossy()]);
    assert!(begun.elapsed() < Duration::from_secs(20), "it has a deadline of its own");
    for check in ["api_server", "ws_server", "sip_ws_server"] {
        assert_eq!(level(&dead, check), "fail", "{check}: {}", dead.out);
    }
    assert_eq!(level(&dead, "ice"), "ok", "what needs no network works: {}", dead.out);
}

#[test]
fn a_network_that_swallows_everything_holds_the_doctor_up_no_longer_than_its_limit() {
    let home = Home::new();
    // Takes connections and never says a word.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let held = std::thread::spawn(move || listener.incoming().take(64).filter_map(Result::ok).collect::<Vec<_>>());
    let file = home.path("c.toml");
    let text = format!(
        "token = \"Bearer t\"\nag_no = \"8001\"\nagent_phone = \"9001\"\napi_server = \"http://{address}/v2\"\n\
         ws_server = \"ws://{address}/ws\"\nsip_ws_server = \"ws://{address}\"\n[audio]\nbackend = \"null\"\n"
    );
    std::fs::write(&file, text).expect("a config");
    let ran = home.run(&["doctor", "--json", "--config", &file.to_string_lossy()]);
    assert_eq!(ran.code, Some(1));
    for check in ["api_server", "ws_server", "sip_ws_server"] {
        assert_eq!(level(&ran, check), "fail", "{check}: {}", ran.out);
    }
    drop(held);
}

#[test]
fn beside_a_running_phone_bar_the_doctor_asks_it_and_registers_nothing() {
    let home = Home::new();
    let platform = stage(&home);
    let _client = headless(&home, &platform.config);
    become_idle(&home);
    let registrations = || platform.log().iter().filter(|entry| entry.to_string().contains("REGISTER")).count();
    let before = registrations();
    let ran = doctor(&home, &platform, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(level(&ran, "sip_registration"), "ok");
    assert_eq!(registrations(), before, "not one more");
    let status = home.status();
    assert_eq!((&status["sip"]["state"], &status["link"]["state"]), (&json!("registered"), &json!("up")));
    assert_eq!(status["health"]["level"], "ok", "{}", status["health"]);
}

#[test]
fn a_stalled_link_is_on_the_screen_within_ten_seconds_and_so_is_its_recovery() {
    let home = Home::new();
    let platform = stage(&home);
    let config = platform.config.to_string_lossy().into_owned();
    let args = ["run", "--config", &config, "--locale", "en", "--set", "check=true"];
    let mut terminal = Terminal::start(&home, &args, 100, 30);
    home.wait("registered");
    home.wait("idle");
    terminal.shows("health ●");
    terminal.keys("H");
    terminal.shows("Health");
    terminal.shows("very good");
    platform.fault("stall_ws", json!(true), Some(14_000));
    let begun = Instant::now();
    terminal.shows("calls may not be announced");
    assert!(begun.elapsed() < Duration::from_secs(10), "told after {:?}", begun.elapsed());
    terminal.shows("details");
    terminal.shows_no_more("calls may not be announced");
    terminal.shows("health ●");
    assert_eq!(home.status()["health"]["level"], "ok");
    terminal.keys("\x1b");
    // Read together they would be Alt-q.
    terminal.shows_no_more("go back");
    terminal.quit();
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn with_check_nobody_goes_ready_with_a_broken_microphone() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure("audio", &[("backend", json!("device"))]);
    // Whatever sound system this machine has, "default" leads nowhere.
    std::fs::write(home.path(".asoundrc"), "pcm.!default { type hw card 99 }\n").expect("a file");
    let _client = headless_with(&home, &platform.config, &["--set", "check=true"]);
    until("the control socket", Duration::from_secs(10), || home.try_ctl(&["status"]).code == Some(0));
    home.wait("busy");
    let status = home.until("the microphone has failed", |s| s["health"]["level"] == "fail");
    assert!(status["health"]["ready_refused"].is_string());
    let ran = home.try_ctl(&["ready"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("callers would hear nothing"), "{}", ran.err);
    assert_eq!(home.status()["agent"]["state"], "busy");
    home.ctl(&["ready", "--anyway"]);
    home.wait("idle");
}

#[test]
fn with_check_sound_that_works_lets_the_agent_be_ready_at_once() {
    let home = Home::new();
    let platform = stage(&home);
    let _client = headless_with(&home, &platform.config, &["--set", "check=true"]);
    become_idle(&home);
    home.ctl(&["busy"]);
    home.wait("busy");
    home.ctl(&["ready"]);
    home.wait("idle");
    assert_eq!(home.status()["health"]["check"], true);
}
