//! Every way out of the program, in a call: the call is ended, the journal and `callEnded` are true, nothing is left
//! behind, and nothing that hangs keeps it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{fs, os::unix::process::ExitStatusExt, process::Stdio, time::Duration};

use common::{Home, Platform, Process, become_idle, headless, idle, screen::Terminal, talking, until};
use rustix::process::Signal;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);

/// The journal's file as it stands, the last line of each call.
fn kept(home: &Home) -> Vec<Value> {
    let text = fs::read_to_string(home.path("state/wincall-tui/journal-8001.jsonl")).unwrap_or_default();
    let mut calls: Vec<Value> = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of the journal");
        calls.retain(|call| call["id"] != line["id"]);
        calls.push(line);
    }
    calls
}

/// The one call of the story came out as one that the agent has hung up.
fn is_true(home: &Home, way: &str) {
    let calls = kept(home);
    assert_eq!(calls.len(), 1, "{way}: {calls:?}");
    let call = &calls[0];
    assert_eq!((&call["outcome"], &call["hung_up_by"]), (&json!("answered"), &json!("agent")), "{way}");
    assert!(call["talk_ms"].as_u64() > Some(0) && call["peer"]["number"] == "13800138000", "{way}: {call}");
}

fn platform_has_no_call(platform: &Platform) {
    until("the call's end at the platform", SOON, || {
        let calls = platform.admin("GET", "/calls", Value::Null);
        calls.as_array().is_some_and(|calls| calls.iter().all(|call| call["legs"] == json!([])))
    });
}

/// A script that has subscribed to events, and what it heard.
fn listens(home: &Home) -> Process {
    let heard = fs::File::create(home.path("heard")).unwrap();
    let script = home.command(&["ctl", "events", "--json"]).stdout(heard).stderr(Stdio::null()).spawn().unwrap();
    until("a script that listens", SOON, || {
        // Whatever is published: the end of the list that is looked at and begun anew comes as no event, a state does.
        home.ctl(&["call", "status"]).contains("agent")
    });
    Process::from(script)
}

fn heard(home: &Home) -> Vec<Value> {
    let text = fs::read_to_string(home.path("heard")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_signal_ends_a_call_as_the_key_does() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let home = Home::new();
        let platform = Platform::start(&home);
        platform.configure_tone(&home, 1000.0);
        let hook = format!("cat > '{}'", home.path("hooked").display());
        platform.configure("hooks", &[("callEnded", json!(["sh", "-c", hook]))]);
        let client = headless(&home, &platform.config);
        become_idle(&home);
        let script = listens(&home);
        talking(&home, &platform, "tone:440");
        home.until("time in the call", |s| s["call"]["talk_ms"].as_u64() > Some(300));
        client.signal(signal);
        assert_eq!(client.ends(), Some(0), "{signal:?}");
        is_true(&home, &format!("{signal:?}"));
        assert_eq!(script.ends(), Some(1), "the script learns that the program has ended");
        let ended: Vec<Value> = heard(&home).into_iter().filter(|event| event["eventName"] == "callEnded").collect();
        assert_eq!(ended.len(), 1, "{signal:?}");
        assert_eq!(ended[0]["data"]["outcome"], "answered");
        let hooked: Value = serde_json::from_str(&fs::read_to_string(home.path("hooked")).unwrap()).unwrap();
        assert_eq!(hooked["data"]["hung_up_by"], "agent");
        platform_has_no_call(&platform);
        assert_eq!(fs::read_dir(home.path("run/wincall-tui")).unwrap().count(), 0, "the socket is gone");
    }
}

#[test]
fn a_closed_terminal_ends_a_call_as_the_key_does_and_still_signs_out() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let text = fs::read_to_string(&platform.config).unwrap();
    fs::write(&platform.config, format!("sign_out_on_exit = true\n{text}")).unwrap();
    let mut terminal = Terminal::phone_bar(&home, &platform.config, "en", 80, 24);
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("time in the call", |s| s["call"]["talk_ms"].as_u64() > Some(300));
    terminal.close();
    assert_eq!(terminal.ended(), 0);
    is_true(&home, "closed terminal");
    platform_has_no_call(&platform);
    let agents = platform.admin("GET", "/agents", Value::Null);
    assert!(agents[0]["signed_in"] != json!(true) && agents[0]["state"] != json!("idle"), "{agents}");
}

#[test]
fn a_kill_in_a_call_leaves_its_times_in_the_journal() {
    let home = Home::new();
    let (platform, client) = idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("time in the call", |s| s["call"]["talk_ms"].as_u64() > Some(600));
    // A change of the call is a checkpoint; without any there is one every ten seconds.
    home.ctl(&["hold"]);
    home.wait("held");
    until("the checkpoint", SOON, || kept(&home)[0]["talk_ms"].as_u64() > Some(600));
    client.signal(Signal::KILL);
    assert_eq!(client.ends(), None);

    let client = headless(&home, &platform.config);
    until("the control socket", SOON, || home.try_ctl(&["status"]).code == Some(0));
    home.wait("signed-in");
    let journal = || -> Vec<Value> { serde_json::from_str(&home.ctl(&["journal", "--json"])).unwrap() };
    until("the call that was cut short", SOON, || journal().iter().any(|call| call["outcome"] == "interrupted"));
    let call = journal().into_iter().find(|call| call["outcome"] == "interrupted").unwrap();
    assert!(call["talk_ms"].as_u64() > Some(600) && call["peer"]["number"] == "13800138000", "{call}");
    assert_eq!(client.terminate(), Some(0));
}

#[test]
fn a_platform_that_does_not_answer_keeps_nobody() {
    let home = Home::new();
    let (platform, client) = idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("time in the call", |s| s["call"]["talk_ms"].as_u64() > Some(300));
    platform.fault("http_delay_ms", json!(20_000), None);
    client.signal(Signal::TERM);
    assert_eq!(client.ends(), Some(0));
    is_true(&home, "a platform that does not answer");
}

#[test]
fn a_new_start_waits_for_one_that_is_ending() {
    let home = Home::new();
    let (platform, client) = idle(&home);
    talking(&home, &platform, "tone:440");
    platform.fault("http_delay_ms", json!(20_000), Some(900));
    client.signal(Signal::TERM);
    home.until("the end has begun", |s| s["exiting"] == true || s.is_null());
    let next = headless(&home, &platform.config);
    assert_eq!(client.ends(), Some(0));
    become_idle(&home);
    // One that is well is not waited for.
    let ran = home.run(&["run", "--headless", "--config", &platform.config.to_string_lossy()]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("another phone bar of this agent is running"), "{}", ran.err);
    assert_eq!(next.terminate(), Some(0));
}

#[test]
fn a_terminal_that_takes_nothing_keeps_nobody() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    let pair =
        portable_pty::native_pty_system().openpty(portable_pty::PtySize { rows: 60, cols: 200, ..Default::default() });
    let pair = pair.unwrap();
    let mut command = portable_pty::CommandBuilder::new(common::PROGRAM);
    command.args(["run", "--config", &platform.config.to_string_lossy()]);
    command.env_clear();
    for (name, value) in home.env() {
        command.env(name, value);
    }
    let mut child = pair.slave.spawn_command(command).unwrap();
    become_idle(&home);
    talking(&home, &platform, "tone:440");
    home.until("time in the call", |s| s["call"]["talk_ms"].as_u64() > Some(300));
    // Nobody reads: after some frames the terminal is full, and the next write waits for ever.
    for n in 0..40_u16 {
        let size = portable_pty::PtySize { rows: 60, cols: 200 - n % 2, ..Default::default() };
        pair.master.resize(size).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_raw(child.process_id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    until("the end of the program", SOON, || child.try_wait().unwrap().is_some());
    is_true(&home, "a terminal that takes nothing");
    platform_has_no_call(&platform);
}

#[test]
fn a_doctor_that_is_interrupted_ends_the_command_for_the_token_too() {
    let home = Home::new();
    let platform = Platform::start(&home);
    let config = fs::read_to_string(&platform.config).unwrap();
    let pids = home.path("pids");
    let script = format!("trap '' INT TERM; sleep 300 & echo \"$$ $!\" > '{}'; wait; sleep 300", pids.display());
    let others: Vec<&str> = config.lines().filter(|line| !line.starts_with("token = ")).collect();
    let command = json!(["/bin/sh", "-c", script]);
    fs::write(&platform.config, format!("token_command = {command}\n{}\n", others.join("\n"))).unwrap();
    let mut doctor = home.command(&["doctor", "--config", &platform.config.to_string_lossy()]);
    let doctor = Process::from(doctor.stdout(Stdio::null()).spawn().unwrap());
    until("the command", SOON, || fs::read_to_string(&pids).is_ok_and(|text| text.ends_with('\n')));
    let pids = fs::read_to_string(&pids).unwrap();
    doctor.signal(Signal::INT);
    assert_eq!(doctor.ends(), Some(1));
    until("its end", SOON, || !pids.split_whitespace().any(common::is_alive));
}

#[test]
fn no_core_holds_a_secret() {
    let home = Home::new();
    let platform = Platform::start(&home);
    platform.configure_tone(&home, 1000.0);
    // Whether a crash leaves anything on this machine at all.
    let crash = |words: &str| {
        let script = format!("cd '{}' && ulimit -c unlimited 2>/dev/null; {words}", home.path("").display());
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", &script])
            .env_clear()
            .envs(home.env())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let leaves_cores = Process::from(crash("kill -ILL $$")).ends_as().core_dumped();
    let line = format!("exec '{}' run --headless --config '{}'", common::PROGRAM, platform.config.display());
    let client = Process::from(crash(&line));
    become_idle(&home);
    let limits = fs::read_to_string(format!("/proc/{}/limits", client.id())).unwrap();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{cores}");
    client.signal(Signal::ILL);
    let status = client.ends_as();
    assert_eq!(status.signal(), Some(Signal::ILL.as_raw()));
    assert!(!status.core_dumped());
    if !leaves_cores {
        println!("COULD NOT RUN: this machine leaves no cores, so only the limits were proven");
    }
}

#[test]
fn too_few_files_are_told_before_anything_begins() {
    let home = Home::new();
    let platform = Platform::start(&home);
    for words in [format!("run --headless --config '{}'", platform.config.display()), "demo --headless".to_owned()] {
        let script = format!("ulimit -n 16; exec '{}' {words}", common::PROGRAM);
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", &script])
            .env_clear()
            .envs(home.env())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{words}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("ulimit -n"), "{words}: {told}");
    }
    // A soft limit is raised as far as the hard one allows.
    let script =
        format!("ulimit -S -n 16; exec '{}' run --headless --config '{}'", common::PROGRAM, platform.config.display());
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &script])
        .env_clear()
        .envs(home.env())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let client =
        Process::from(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("the control socket", SOON, || home.try_ctl(&["status"]).code == Some(0));
    assert_eq!(client.terminate(), Some(0));
}
