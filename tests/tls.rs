//! Over TLS: trusted through `tls_ca_file` and through nothing else.

mod common;

use std::time::Duration;

use common::{Home, Platform, become_idle, headless, talking, until};
use serde_json::json;

fn platform(home: &Home) -> Platform {
    let platform = Platform::start_with(home, &["--tls"]);
    for name in ["api_server", "ws_server", "sip_ws_server"] {
        let url = platform.ready[name].as_str().expect("a URL");
        assert!(url.starts_with("https://") || url.starts_with("wss://"), "{name}: {url}");
    }
    platform.configure("audio", &[("backend", json!("null"))]);
    platform
}

#[test]
fn a_private_ca_is_trusted_through_the_config() {
    let home = Home::new();
    let platform = platform(&home);
    let config = std::fs::read_to_string(&platform.config).expect("the config");
    assert!(config.contains("tls_ca_file"), "{config}");
    let _client = headless(&home, &platform.config);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("sound", |s| s["media"]["packets_received"].as_u64() > Some(50));
}

#[test]
fn without_it_the_platform_is_refused_and_it_is_said_what_to_do() {
    let home = Home::new();
    let platform = platform(&home);
    let config = std::fs::read_to_string(&platform.config).expect("the config");
    let without: String =
        config.lines().filter(|line| !line.contains("tls_ca_file")).map(|l| format!("{l}\n")).collect();
    std::fs::write(&platform.config, without).expect("the config");
    let _client = headless(&home, &platform.config);
    until("the control socket", Duration::from_secs(10), || home.try_ctl(&["status"]).code == Some(0));
    let status = home.until("the refusal is told", |s| s["link"]["last_error"].is_string());
    let told = format!("{} {}", status["link"]["last_error"], status["notices"]);
    assert!(told.contains("certificate") && told.contains("tls_ca_file"), "{told}");
    assert_ne!(status["agent"]["state"], "idle");
}
