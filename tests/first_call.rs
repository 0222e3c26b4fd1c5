//! A customer's call from the first ring to the last, with the sound proven by its tones.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{Home, Platform, audio, become_idle, headless, idle, proxy::Proxy, talking, until};
use serde_json::json;

/// The customer hears the agent's tone at the agent's level, or nothing.
fn customer_hears(platform: &Platform, hz: f64) -> bool {
    platform.customer_hears().is_some_and(|(heard, dbfs)| (heard - hz).abs() <= 2.0 && (dbfs + 12.0).abs() <= 3.0)
}

fn customer_hears_nothing(platform: &Platform) -> bool {
    platform.customer_hears().is_none_or(|(_, dbfs)| dbfs < -60.0)
}

#[test]
fn ring_answer_talk_mute_hold_hang_up_wrap_up() {
    let home = Home::new();
    let (platform, client) = idle(&home);
    let call = platform.customer_calls("tone:440");
    home.wait("ringing");
    let ringing = home.status();
    assert_eq!(ringing["call"]["peer"]["number"], "13800138000");
    assert_eq!(ringing["call"]["peer"]["area"], "北京");
    assert_eq!(ringing["call"]["direction"], "in");
    assert_eq!(ringing["agent"]["state"], "occupied");

    home.ctl(&["answer"]);
    home.wait("talking");
    until("the customer hears the agent", Duration::from_secs(6), || customer_hears(&platform, 1000.0));
    let talking = home.until("packets both ways", |s| {
        s["media"]["packets_sent"].as_u64() > Some(100) && s["media"]["packets_received"].as_u64() > Some(100)
    });
    assert_eq!(talking["media"]["state"], "up");
    assert_eq!(talking["media"]["codec"], "opus");
    assert_eq!(talking["media"]["loss_pct"].as_f64(), Some(0.0));
    let level = |name: &str| talking["media"][name].as_f64().expect("a level");
    assert!((level("level_in_dbfs") + 12.0).abs() < 3.0, "{talking}");
    assert!((level("level_out_dbfs") + 12.0).abs() < 3.0, "{talking}");

    home.ctl(&["mute"]);
    assert_eq!(home.status()["call"]["muted"], true);
    until("muted, the customer hears nothing", Duration::from_secs(3), || customer_hears_nothing(&platform));
    home.until("the meter still moves", |s| s["media"]["level_in_dbfs"].as_f64() > Some(-20.0));
    home.ctl(&["unmute"]);
    until("unmuted, the customer hears", Duration::from_secs(3), || customer_hears(&platform, 1000.0));

    home.ctl(&["hold"]);
    home.wait("held");
    until("held, the customer hears nothing of the agent", Duration::from_secs(3), || {
        platform.customer_hears().is_none_or(|(hz, dbfs)| dbfs < -60.0 || (hz - 1000.0).abs() > 20.0)
    });
    home.until("held, the agent hears nothing", |s| s["media"]["level_out_dbfs"].as_f64() < Some(-60.0));
    home.ctl(&["unhold"]);
    home.wait("talking");
    until("resumed, the customer hears", Duration::from_secs(3), || customer_hears(&platform, 1000.0));
    assert!(home.status()["call"]["hold_ms"].as_u64() > Some(0));

    home.ctl(&["hangup"]);
    home.wait("no-call");
    home.wait("wrap-up");
    assert!(home.status()["agent"]["wrap_up_left_ms"].as_u64() > Some(0));
    home.wait("idle");
    let calls = platform.admin("GET", "/calls", serde_json::Value::Null);
    assert!(!calls.as_array().expect("a list").iter().any(|c| c["call_id"] == json!(call) && c["phase"] == "talking"));
    assert_eq!(client.terminate(), Some(0));
}

/// A re-INVITE of the far end in the call there is, with this direction and CSeq: everything else as in the first one.
fn reinvite(platform: &Platform, direction: &str, cseq: u32) -> String {
    let log = platform.log();
    let last = |way: &str, start: &str| {
        let sip = log.iter().rev().filter(|entry| entry["source"] == "sip" && entry["direction"] == way);
        let mut texts = sip.filter_map(|entry| entry["text"].as_str());
        texts.find(|text| text.starts_with(start) && text.contains(" INVITE\r\n")).expect("it is in the log").to_owned()
    };
    let (invite, ok) = (last("out", "INVITE "), last("in", "SIP/2.0 200 "));
    let to = ok.lines().find(|line| line.starts_with("To: ")).expect("a To");
    let (head, body) = invite.split_once("\r\n\r\n").expect("a description");
    assert!(body.contains("a=sendrecv\r\n"), "{body}");
    let body = body.replace("a=sendrecv", &format!("a={direction}"));
    let length = format!("Content-Length: {}", body.len());
    let line = |line: &str| match line.split_once(": ").map_or(line, |(name, _)| name) {
        "To" => to.to_owned(),
        "CSeq" => format!("CSeq: {cseq} INVITE"),
        "Via" => format!("Via: SIP/2.0/WS 127.0.0.1;branch=z9hG4bKhold{cseq}"),
        "Content-Length" => length.clone(),
        _ => line.to_owned(),
    };
    let head: Vec<String> = head.lines().map(line).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n"))
}

fn status_in(home: &Home, locale: &str) -> String {
    let output = home.command(&["ctl", "status"]).env("LANG", locale).env("LC_ALL", locale).output();
    String::from_utf8_lossy(&output.expect("ctl runs").stdout).into_owned()
}

#[test]
fn a_hold_by_the_other_side_is_shown_until_it_resumes() {
    let home = Home::new();
    let platform = Platform::start(&home);
    let proxy = Proxy::in_config(&platform, "sip_ws_server");
    platform.configure_tone(&home, 1000.0);
    let client = headless(&home, &platform.config);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("sound", |s| s["media"]["packets_received"].as_u64() > Some(50));
    assert_eq!(home.status()["call"]["held_by_far_end"], false);
    for (number, direction) in ["sendonly", "inactive"].into_iter().enumerate() {
        let cseq = 20_000 + 2 * u32::try_from(number).expect("a small number");
        let hold = reinvite(&platform, direction, cseq);
        proxy.push(&hold);
        home.until("the hold is shown", |s| s["call"]["held_by_far_end"] == true && s["call"]["phase"] == "talking");
        let (en, zh) = (status_in(&home, "en_US.UTF-8"), status_in(&home, "zh_CN.UTF-8"));
        assert!(en.contains("[put on hold by the other side]") && zh.contains("[对方已保持]"), "{en}\n{zh}");
        proxy.push(&reinvite(&platform, "sendrecv", cseq + 1));
        home.until("it is over", |s| s["call"]["held_by_far_end"] == false);
        assert!(!status_in(&home, "en_US.UTF-8").contains("on hold"));
    }
    let before = home.status()["media"]["packets_received"].as_u64();
    home.until("sound", |s| s["media"]["packets_received"].as_u64() > before.map(|n| n + 50));
    home.ctl(&["hangup"]);
    home.wait("no-call");
    assert_eq!(client.terminate(), Some(0));
}

#[test]
fn ten_seconds_of_sound_have_no_gap() {
    let home = Home::new();
    let (platform, client) = idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("ten seconds of talk", |s| s["call"]["talk_ms"].as_u64() > Some(11_000));
    home.ctl(&["hangup"]);
    home.wait("no-call");
    assert_eq!(client.terminate(), Some(0));
    let ear = audio::Recording::read(&home.path("ear.wav"));
    let loud = ear.loud(10.0);
    assert!(loud.len() as f64 > 9.5 * f64::from(ear.rate), "only {} samples", loud.len());
    let hz = ear.frequency(loud);
    assert!((hz - 440.0).abs() <= 2.0, "{hz} Hz");
    let dbfs = audio::level(loud);
    assert!((dbfs + 12.0).abs() <= 3.0, "{dbfs} dBFS");
    let gap = ear.longest_gap_ms(loud);
    assert!(gap <= 20.0, "a gap of {gap} ms");
}

#[test]
fn every_codec_carries_the_call() {
    for codec in ["PCMA", "PCMU", "opus"] {
        let home = Home::new();
        let platform = Platform::start(&home);
        audio::write_tone(&home.path("mic.wav"), 1000.0, -12.0);
        platform.configure(
            "audio",
            &[
                ("backend", json!("file")),
                ("input_file", json!(home.path("mic.wav"))),
                ("output_file", json!(home.path("ear.wav"))),
                ("codecs", json!([codec])),
            ],
        );
        let _client = headless(&home, &platform.config);
        become_idle(&home);
        talking(&home, &platform, "tone:440");
        until(codec, Duration::from_secs(6), || customer_hears(&platform, 1000.0));
        home.until("the codec", |s| s["media"]["codec"] == codec);
        home.until("the customer's tone", |s| {
            s["media"]["level_out_dbfs"].as_f64().is_some_and(|dbfs| (dbfs + 12.0).abs() < 3.0)
        });
    }
}

#[test]
fn a_customer_who_gives_up_is_missed_and_nothing_rings_on() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    let call = platform.customer_calls("silence");
    home.wait("ringing");
    platform.admin("DELETE", &format!("/calls/{call}"), serde_json::Value::Null);
    home.wait("no-call");
    let refused = home.try_ctl(&["answer"]);
    assert_eq!(refused.code, Some(1));
    assert!(!refused.err.trim().is_empty());
    assert!(home.status()["notices"].to_string().contains("13800138000"));
}

#[test]
fn a_call_can_be_refused() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    platform.customer_calls("silence");
    home.wait("ringing");
    home.ctl(&["reject"]);
    home.wait("no-call");
}

#[test]
fn dialling_out_rings_is_answered_and_talks() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    let body = json!({ "number": "13900139000", "behaviour": "answer", "after_ms": 800, "audio": "tone:440" });
    platform.admin("POST", "/outbound", body);
    home.ctl(&["dial", "139 0013-9000"]);
    home.until("dialling", |s| s["call"]["phase"] == "dialing" && s["call"]["direction"] == "out");
    home.wait("talking");
    assert_eq!(home.status()["call"]["peer"]["number"], "13900139000");
    until("the customer hears the agent", Duration::from_secs(6), || customer_hears(&platform, 1000.0));
    home.ctl(&["dtmf", "12#"]);
    home.ctl(&["hangup"]);
    home.wait("no-call");
}

#[test]
fn a_number_that_does_not_answer_ends_by_itself() {
    for behaviour in ["busy", "reject", "unreachable"] {
        let home = Home::new();
        let (platform, _client) = idle(&home);
        let body = json!({ "number": "13900139001", "behaviour": behaviour, "after_ms": 600, "audio": "silence" });
        platform.admin("POST", "/outbound", body);
        home.ctl(&["dial", "13900139001"]);
        home.wait("no-call");
    }
}

#[test]
fn busy_with_a_reason_and_ready_again() {
    let home = Home::new();
    let (_platform, _client) = idle(&home);
    home.ctl(&["busy", "小休"]);
    home.wait("busy");
    let status = home.status();
    assert_eq!(status["agent"]["reason"]["name"], "小休");
    home.ctl(&["ready"]);
    home.wait("idle");
    home.ctl(&["logout"]);
    home.until("signed out", |s| s["agent"]["state"] == "signed_out" && s["link"]["state"] == "down");
    home.until("unregistered", |s| s["sip"]["state"] == "off");
    home.ctl(&["login"]);
    home.wait("idle");
}

#[test]
fn events_come_by_the_sdks_names() {
    let home = Home::new();
    let (platform, _client) = idle(&home);
    let listener = std::thread::scope(|scope| {
        let events = scope.spawn(|| home.ctl(&["events", "--json", "--until", "callEnded", "--timeout", "30"]));
        std::thread::sleep(Duration::from_millis(300));
        talking(&home, &platform, "tone:440");
        home.ctl(&["hangup"]);
        events.join().expect("the listener ends")
    });
    let names: Vec<String> = listener
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["eventName"].to_string())
        .collect();
    for name in ["phoneRingQueue", "callStarted", "phoneConnect", "mediaUp", "callEnded"] {
        assert!(names.iter().any(|n| n.trim_matches('"') == name), "{name} is missing in {names:?}");
    }
}
