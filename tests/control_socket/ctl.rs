//! `ctl` as it is typed.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::timeout;
use wincall_tui::{control::server::serve, domain::CallPhase};

use crate::bar::*;

#[tokio::test]
async fn ctl_words_end_well_once_the_phone_bar_has_answered() {
    let bar = Bar::start(accept);
    for (args, command) in [
        (&["login", "--force"][..], "SignIn { force: true }"),
        (&["busy", "就餐"], "Busy { reason: Some(12) }"),
        (
            &["dial", "13800138000", "--queue", "1"],
            r#"Dial { number: "13800138000", caller_id: None, queue_id: Some(1), user_data: None }"#,
        ),
        (&["dtmf", "12#"], r##"SendDtmf { digits: "12#" }"##),
        (&["panel", "set", "--field", "a=b=c"], r#"SetPanel { content: Fields([("a", "b=c")]) }"#),
        (&["hangup"], "HangUp"),
        (&["cancel-dial"], "CancelDial"),
        (&["consult", "139"], r#"Consult { callee: Number("139"), caller_id: None }"#),
        (
            &["consult", "--agent", "8002", "--caller-id", "010"],
            r#"Consult { callee: Agent("8002"), caller_id: Some("010") }"#,
        ),
        (&["consult-return"], "ConsultReturn"),
        (&["consult-transfer"], "ConsultTransfer"),
        (&["three-way"], "ThreeWay"),
        (&["three-way-return"], "ThreeWayReturn"),
        (&["transfer", "139"], r#"Transfer { to: Callee(Number("139")), caller_id: None }"#),
        (&["transfer", "--agent", "8002"], r#"Transfer { to: Callee(Agent("8002")), caller_id: None }"#),
        (&["transfer", "--queue", "3"], "Transfer { to: Queue { id: 3, vcc_id: None }, caller_id: None }"),
        (
            &["transfer", "--queue", "3", "--vcc-id", "88"],
            "Transfer { to: Queue { id: 3, vcc_id: Some(88) }, caller_id: None }",
        ),
        (
            &["transfer", "--ivr", "c", "n"],
            r#"Transfer { to: Ivr { code: "c", node: "n", vcc_id: None }, caller_id: None }"#,
        ),
        (&["evaluate"], "Evaluate"),
        (&["interact", "c", "p"], r#"Interact { ivr_code: "c", ivr_param: Some("p") }"#),
        (&["spy", "8003"], r#"Spy { ag_no: "8003" }"#),
        (&["whisper"], "Whisper { ag_no: None }"),
        (&["whisper", "8003"], r#"Whisper { ag_no: Some("8003") }"#),
        (&["whisper-cancel"], "WhisperCancel"),
        (&["barge", "8003"], r#"Barge { ag_no: Some("8003") }"#),
        (&["disconnect"], "Disconnect { ag_no: None }"),
        (&["bind", "9002"], r#"ChangePhone { phone: "9002", web_phone: None }"#),
        (&["bind", "9002", "--external"], r#"ChangePhone { phone: "9002", web_phone: Some(false) }"#),
        (&["bind", "9002", "--web"], r#"ChangePhone { phone: "9002", web_phone: Some(true) }"#),
        (&["mode", "static"], "SwitchMode { login_type: Static }"),
        (&["mode", "dynamic"], "SwitchMode { login_type: Dynamic }"),
        (&["join", "7"], r#"JoinProject { id: "7" }"#),
        (&["leave"], "LeaveProject"),
        (
            &["dial", "tel:+86-10-5854-5832"],
            r#"Dial { number: "tel:+86-10-5854-5832", caller_id: None, queue_id: None, user_data: None }"#,
        ),
    ] {
        let output = bar.ctl(args).await;
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        assert_eq!((text(&output.stdout), bar.last_asked()), (String::new(), command.to_owned()));
    }
    let output = bar.ctl(&["call", "Agent.callOut", r#"{"tel":"1"}"#]).await;
    assert_eq!(text(&output.stdout), "{\"code\":0}\n");
    let output = bar.ctl(&["call", "Agent.callOut", "[]"]).await;
    assert_eq!(output.status.code(), Some(2));

    let token = bar.dir.path().join("token");
    std::fs::write(&token, "Bearer s3cr3t\n").unwrap();
    assert!(bar.ctl(&["token", token.to_str().unwrap()]).await.status.success());
    assert!(bar.last_asked().starts_with("SetToken"));
    std::fs::write(&token, "s3cr3t\n").unwrap();
    let output = bar.ctl(&["token", token.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(!text(&output.stderr).contains("s3cr3t"));
}

#[tokio::test]
async fn ctl_status_is_json_for_scripts_and_words_for_people() {
    let bar = Bar::start(accept);
    let status: Value = serde_json::from_slice(&bar.ctl(&["status", "--json"]).await.stdout).unwrap();
    assert_eq!(status["agent"]["state"], "idle");
    let people = text(&bar.ctl(&["--locale", "zh-CN", "status"]).await.stdout);
    assert!(people.contains("8001 空闲") && people.contains("链路：断开"), "{people}");
}

#[tokio::test]
async fn ctl_wait_is_satisfied_at_once_or_by_the_event_or_says_what_is_so_instead() {
    let bar = Bar::start(accept);
    assert!(bar.ctl(&["wait", "no-call", "--timeout", "0"]).await.status.success());

    let output = bar.ctl(&["wait", "talking", "--timeout", "0.05"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "'talking' did not come true within 0.05 s (call/phase is 'none')\n");

    let child = bar.ctl_command(&["wait", "talking"]).spawn().unwrap();
    let mut output = tokio::spawn(child.wait_with_output());
    assert!(timeout(Duration::from_millis(100), &mut output).await.is_err(), "it did not wait");
    bar.change(|s| s.call.phase = CallPhase::Ringing);
    bar.change(|s| s.call.phase = CallPhase::Talking);
    assert!(timeout(SOON, output).await.unwrap().unwrap().unwrap().status.success());
}

#[tokio::test]
async fn ctl_wait_waits_for_a_phone_bar_that_is_still_starting() {
    let mut bar = Bar::start(accept);
    bar.server = None;
    let child = bar.ctl_command(&["wait", "idle"]).spawn().unwrap();
    let mut output = tokio::spawn(child.wait_with_output());
    assert!(timeout(Duration::from_millis(100), &mut output).await.is_err(), "it did not wait");
    bar.server = Some(serve(&bar.socket(), bar.handle.clone(), bar.tell()).unwrap());
    assert!(timeout(SOON, output).await.unwrap().unwrap().unwrap().status.success());
}

#[tokio::test]
async fn ctl_events_ends_by_count_by_name_or_by_time() {
    let bar = Bar::start(accept);
    let story = async {
        // Published again and again: whichever comes after ctl has subscribed.
        let mut seq = 0;
        loop {
            seq += 1;
            bar.publish(seq, "phoneRingQueue", &["phone", "phoneRing"]);
            bar.publish(seq, "callEnded", &[]);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let checks = async {
        let output = bar.ctl(&["events", "--json", "--count", "3"]).await;
        let events: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((output.status.code(), events.len()), (Some(0), 3));

        let output = bar.ctl(&["events", "--until", "callEnded"]).await;
        let lines = text(&output.stdout);
        assert!(output.status.success() && lines.lines().last().unwrap().contains("callEnded"), "{lines}");
        assert!(bar.ctl(&["events", "--until", "phoneRing"]).await.status.success(), "a category ends it too");

        assert!(bar.ctl(&["events", "--timeout", "0.1"]).await.status.success());
        let output = bar.ctl(&["events", "--until", "never", "--timeout", "0.1"]).await;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stderr), "no event 'never' within 0.1 s\n");
    };
    tokio::select! {
        () = story => {}
        () = checks => {}
    }
}

#[tokio::test]
async fn ctl_says_what_to_do_without_a_phone_bar_and_with_several() {
    let mut bar = Bar::start(accept);
    let second = serve(&bar.dir.path().join("wincall-tui/8002.sock"), bar.handle.clone(), bar.tell()).unwrap();
    let output = bar.ctl(&["status"]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("--socket") && told.contains("8001.sock") && told.contains("8002.sock"), "{told}");
    let named = second.path().to_str().unwrap();
    assert!(bar.ctl(&["--socket", named, "status"]).await.status.success());

    drop(second);
    bar.server = None;
    let output = bar.ctl(&["status"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no phone bar is running"), "{}", text(&output.stderr));

    // A socket that a crash left behind is not a phone bar.
    drop(std::os::unix::net::UnixListener::bind(bar.socket()).unwrap());
    let output = bar.ctl(&["status"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no phone bar answers at"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn a_phone_bar_that_ends_lets_its_scripts_go() {
    let mut bar = Bar::start(accept);
    let (alone, deadline) = (bar.snapshots.receiver_count(), Instant::now() + SOON);
    let mut child = bar.ctl_command(&["wait", "talking"]);
    let child = child.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let output = tokio::spawn(child.wait_with_output());
    while bar.snapshots.receiver_count() == alone {
        assert!(Instant::now() < deadline, "ctl never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bar.server = None;
    let output = timeout(SOON, output).await.unwrap().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("has ended"), "{}", text(&output.stderr));
}
