//! The socket itself: requests, errors, limits, subscriptions, permissions.

use std::{
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use wincall_tui::{
    app::{CallClocks, Refusal, RefusalKind},
    control::{
        server::{serve, wait_for_predecessor},
        socket::SocketError,
    },
    domain::CallPhase,
    i18n::Message,
};

use crate::bar::*;

#[tokio::test]
async fn the_sdks_methods_become_commands() {
    let bar = Bar::start(accept);
    let mut script = bar.connect().await;
    for (method, params, command) in [
        ("Agent.login", json!({}), "SignIn { force: false }"),
        ("Agent.login", json!({"force": true}), "SignIn { force: true }"),
        ("Agent.logout", json!(null), "SignOut"),
        ("Agent.ready", json!({}), "Ready"),
        ("Agent.unready", json!({}), "Busy { reason: None }"),
        ("Agent.unready", json!({"reason": 11}), "Busy { reason: Some(11) }"),
        ("Agent.unready", json!({"reason": "11"}), "Busy { reason: Some(11) }"),
        ("Agent.unready", json!({"reason": "就餐"}), "Busy { reason: Some(12) }"),
        (
            "Agent.callOut",
            json!({"tel": "138", "callerID": "010", "queueId": "3", "userData": "u"}),
            r#"Dial { number: "138", caller_id: Some("010"), queue_id: Some(3), user_data: Some("u") }"#,
        ),
        ("Agent.callInner", json!({"calledAgNo": 8002}), r#"DialAgent { ag_no: "8002", caller_id: None }"#),
        ("Session.answer", json!({}), "Answer"),
        ("Session.refuse", json!({}), "Reject"),
        ("Session.hangup", json!({}), "HangUp"),
        ("Session.callOutCancel", json!({}), "CancelDial"),
        ("Session.hold", json!({}), "Hold"),
        ("Session.unhold", json!({}), "Unhold"),
        ("Session.mute", json!({}), "Mute"),
        ("Session.unmute", json!({}), "Unmute"),
        ("Session.sendDTMF", json!({"digits": "1*#a"}), r#"SendDtmf { digits: "1*#A" }"#),
        ("config.setState", json!({"callerID": "010"}), r#"ChooseCallerId { value: "010" }"#),
        ("config.setState", json!({"autoAnswer": true}), "SetAutoAnswer { on: true }"),
        ("config.setState", json!({"quiet": true}), "Prefer(Quiet(true))"),
        ("panel.set", json!({"text": "hi"}), r#"SetPanel { content: Text("hi") }"#),
        ("panel.set", json!({"markdown": "# hi"}), r##"SetPanel { content: Markdown("# hi") }"##),
        (
            "panel.set",
            json!({"fields": {"b": 1, "a": "x"}}),
            r#"SetPanel { content: Fields([("b", "1"), ("a", "x")]) }"#,
        ),
        ("panel.clear", json!({}), "ClearPanel"),
        ("quit", json!({}), "Quit"),
    ] {
        let answer = script.call(method, params).await;
        assert_eq!(answer["result"], json!({"code": 0}), "{method}: {answer}");
        assert_eq!(bar.last_asked(), command);
    }
    let answer = script.call("config.setState", json!({"token": "Bearer s3cr3t"})).await;
    assert_eq!(answer["result"], json!({"code": 0}));
    assert!(bar.last_asked().starts_with("SetToken") && !bar.last_asked().contains("s3cr3t"));
}

#[tokio::test]
async fn wrong_requests_are_told_what_is_wrong_and_the_connection_lives_on() {
    let bar = Bar::start(accept);
    let mut script = bar.connect().await;
    for (method, params, code, told) in [
        ("Agent.lgoin", json!({}), -32601, "did you mean 'Agent.login'?"),
        ("Session.consultag", json!({}), -32601, "did you mean 'Session.consultAg'?"),
        ("Session.consultAg", json!({}), -32602, "'consultAgNo' is missing"),
        ("Session.consultTel", json!({"tel": "1"}), -32602, "possible: consultTel, callerID"),
        ("Session.transferQueue", json!({"queueId": "x"}), -32602, "'queueId' must be: integer"),
        ("Session.transferQueue", json!({}), -32602, "'queueId' is missing"),
        ("Session.transferIVR", json!({"ivrCode": "c"}), -32602, "'ivrNode' is missing"),
        ("Monitor.spy", json!({}), -32602, "'monitoredAgNo' is missing"),
        ("Monitor.spy", json!({"agNo": "8002"}), -32602, "no parameter 'agNo'; possible: monitoredAgNo"),
        ("Agent.switchMode", json!({"agType": 3}), -32602, "'agType' must be: 1 / 2"),
        ("Agent.changeBindTel", json!({"bindTel": "9", "isWebrtc": "yes"}), -32602, "'isWebrtc' must be"),
        ("Agent.agentAtIn", json!({}), -32602, "'proID' is missing"),
        ("Info.getQueueSum", json!({"ag_ids": 1}), -32602, "'ag_ids' must be"),
        ("Info.getQueue", json!({"all": true}), -32602, "takes no parameters"),
        ("reminder.take", json!({}), -32602, "'id' is missing"),
        ("journal.list", json!({"limit": 0}), -32602, "'limit' must be"),
        ("Agent.callOut", json!({}), -32602, "'tel' is missing"),
        ("Agent.callOut", json!({"tel": " "}), -32602, "'tel' is missing"),
        ("Agent.callOut", json!({"tel": ["1"]}), -32602, "'tel' must be: string"),
        ("Agent.callOut", json!({"tel": "1", "phone": "2"}), -32602, "no parameter 'phone'; possible: tel, callerID"),
        ("Agent.callOut", json!({"tel": "1", "queueId": "x"}), -32602, "'queueId' must be: integer"),
        ("Agent.ready", json!({"now": true}), -32602, "possible: anyway"),
        ("Agent.unready", json!({"reason": "午睡"}), -32602, "possible: 12 就餐"),
        ("Session.sendDTMF", json!({"digits": "12x"}), -32602, "'digits' must be"),
        ("config.setState", json!({"token": "s3cr3ts3cr3t"}), -32602, "the token has no type"),
        ("config.setState", json!({}), -32602, "exactly one"),
        ("panel.set", json!({"text": "a", "markdown": "b"}), -32602, "exactly one"),
        ("panel.set", json!({"text": ""}), -32602, "'text' is missing or empty"),
        ("panel.set", json!({"markdown": []}), -32602, "'markdown' must be: string"),
        ("panel.set", json!({"fields": 1}), -32602, "'fields' must be"),
        ("Event.subscribe", json!({"events": [1]}), -32602, "'events' must be"),
    ] {
        let error = &script.call(method, params).await["error"];
        assert_eq!(error["code"], code, "{method}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(told) && !message.contains("s3cr3t"), "{method}: {message}");
    }
    for junk in ["{", "nonsense", "[]", "\u{0}\u{1}", r#"{"id":1}"#, r#"{"id":1,"method":"status","params":[]}"#] {
        script.say(junk).await;
        assert!(script.hear().await.unwrap()["error"]["code"].as_i64().unwrap() <= -32600, "{junk}");
    }
    script.say("").await;
    script.say(r#"{"jsonrpc":"2.0","method":"Agent.nonsense"}"#).await;
    assert!(bar.asked.lock().unwrap().is_empty());
    assert_eq!(script.call("status", json!({})).await["result"]["agent"]["ag_no"], "8001");
}

#[tokio::test]
async fn a_refusal_keeps_the_platforms_code_and_text() {
    let bar = Bar::start(|_| {
        let platform = Some((40403, "非法操作".into()));
        Err(Refusal { kind: RefusalKind::Platform, message: Message::verbatim("not possible"), platform })
    });
    let answer = bar.connect().await.call("Agent.ready", json!({})).await;
    assert_eq!(answer["error"]["message"], "not possible");
    assert_eq!(answer["error"]["data"]["code"], 40403);
    assert_eq!(answer["error"]["data"]["message"], "非法操作");

    let output = bar.ctl(&["ready"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "not possible (platform: 40403 非法操作)\n");
}

#[tokio::test]
async fn a_line_too_long_is_refused_and_ends_the_connection_alone() {
    let bar = Bar::start(accept);
    let (mut long, mut other) = (bar.connect().await, bar.connect().await);
    let line = vec![b'x'; 70 * 1024];
    long.0.write_all(&line).await.ok();
    let answer = long.hear().await.unwrap();
    assert_eq!(answer["error"]["code"], -32600);
    assert!(answer["error"]["message"].as_str().unwrap().contains("65536"), "{answer}");
    assert!(long.hear().await.is_none());
    assert!(other.call("status", json!({})).await["result"].is_object());
}

#[tokio::test]
async fn the_thirty_third_client_is_told_why_it_is_not_served() {
    let bar = Bar::start(accept);
    let mut scripts = Vec::new();
    for _ in 0..32 {
        let mut script = bar.connect().await;
        script.call("status", json!({})).await;
        scripts.push(script);
    }
    let mut late = bar.connect().await;
    let answer = late.hear().await.unwrap();
    assert!(answer["error"]["message"].as_str().unwrap().contains("32"), "{answer}");
    assert!(late.hear().await.is_none());
    // A place is free again once one has gone.
    scripts.pop();
    let deadline = Instant::now() + SOON;
    loop {
        let mut next = bar.connect().await;
        next.0.write_all(b"{\"id\":7,\"method\":\"status\"}\n").await.ok();
        if next.hear().await.is_some_and(|answer| answer["result"].is_object()) {
            break;
        }
        assert!(Instant::now() < deadline, "no place became free");
    }
}

#[tokio::test]
async fn events_come_by_name_or_category_and_to_every_subscriber() {
    let bar = Bar::start(accept);
    let (mut all, mut named, mut category) = (bar.connect().await, bar.connect().await, bar.connect().await);
    let subscribed = all.call("Event.subscribe", json!({"events": ["all"]})).await;
    assert_eq!(subscribed["result"]["events"], json!(["all"]));
    named.call("Event.subscribe", json!({"events": ["callEnded"]})).await;
    category.call("Event.subscribe", json!({"events": ["phone"]})).await;
    bar.publish(1, "phoneRingQueue", &["phone", "phoneRing"]);
    bar.publish(2, "callEnded", &[]);

    let first = all.hear().await.unwrap();
    assert_eq!(first["method"], "event");
    assert_eq!(first["params"]["seq"], 1);
    assert_eq!(first["params"]["eventName"], "phoneRingQueue");
    assert_eq!(first["params"]["eventType"], json!(["phone", "phoneRing"]));
    assert_eq!(first["params"]["status"], "客户来电");
    assert_eq!(first["params"]["data"], json!({"MT": 3}));
    assert!(first.get("id").is_none());
    assert_eq!(all.hear().await.unwrap()["params"]["seq"], 2);
    assert_eq!(named.hear().await.unwrap()["params"]["seq"], 2);
    assert_eq!(category.hear().await.unwrap()["params"]["seq"], 1);
}

#[tokio::test]
async fn who_reads_too_slowly_is_told_and_dropped() {
    let bar = Bar::start(accept);
    let (mut slow, mut quick) = (bar.connect().await, bar.connect().await);
    slow.call("Event.subscribe", json!({})).await;
    // More than the 64 that are kept, before the server's task has a chance to run.
    for seq in 0..200 {
        bar.publish(seq, "phoneRingQueue", &["phone"]);
    }
    let mut last = Value::Null;
    while let Some(line) = slow.hear().await {
        last = line;
    }
    assert_eq!(last["method"], "lagged", "{last}");
    assert!(quick.call("status", json!({})).await["result"].is_object());
}

#[tokio::test]
async fn status_counts_the_clocks_up_to_now_and_is_pushed_on_change() {
    let bar = Bar::start(accept);
    let started = Instant::now() - Duration::from_secs(20);
    bar.change(|s| {
        s.call.phase = CallPhase::Talking;
        s.call.clocks = CallClocks {
            started_at: Some(started),
            answered_at: Some(started + Duration::from_secs(5)),
            held_before_ms: 3000,
            ..CallClocks::default()
        };
        s.agent.wrap_up_ends_at = Some(Instant::now() + Duration::from_secs(60));
        s.link.retry_at = Some(Instant::now() + Duration::from_secs(60));
    });
    let mut script = bar.connect().await;
    let status = script.call("status", json!({})).await["result"].take();
    assert_eq!(status["call"]["phase"], "talking");
    assert_eq!(status["call"]["ring_ms"], 5000);
    assert!((15_000..25_000).contains(&status["call"]["talk_ms"].as_u64().unwrap()), "{status}");
    assert_eq!(status["call"]["hold_ms"], 3000);
    for pointer in ["/agent/wrap_up_left_ms", "/link/retry_in_ms"] {
        let ms = status.pointer(pointer).unwrap().as_u64().unwrap();
        assert!((50_000..=60_000).contains(&ms), "{pointer} {ms}");
    }

    script.call("status.watch", json!({})).await;
    assert_eq!(script.hear().await.unwrap()["params"]["call"]["phase"], "talking");
    bar.change(|s| s.call.phase = CallPhase::Held);
    let pushed = script.hear().await.unwrap();
    assert_eq!((&pushed["method"], &pushed["params"]["call"]["phase"]), (&json!("status"), &json!("held")));
}

#[tokio::test]
async fn the_socket_is_for_its_owner_alone_and_goes_with_the_program() {
    let mut bar = Bar::start(accept);
    let socket = bar.socket();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));

    // A second phone bar of the same agent is refused, and does the first no harm.
    assert!(matches!(serve(&socket, bar.handle.clone(), bar.tell()), Err(SocketError::InUse { .. })));
    assert!(bar.connect().await.call("status", json!({})).await["result"].is_object());

    bar.server = None;
    assert!(!socket.exists());

    // What a crash left behind is replaced; anything else that lies there is not touched.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    bar.server = Some(serve(&socket, bar.handle.clone(), bar.tell()).unwrap());
    assert!(bar.connect().await.call("status", json!({})).await["result"].is_object());
    bar.server = None;
    std::fs::write(&socket, "precious").unwrap();
    let server = serve(&socket, bar.handle.clone(), bar.tell()).unwrap();
    drop(server);
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "precious");
    let told = bar.troubles.lock().unwrap().clone();
    assert!(told.len() == 1 && told[0].contains("is not a socket"), "{told:?}");
}

#[tokio::test]
async fn a_socket_that_is_taken_away_is_made_again() {
    let bar = Bar::start(accept);
    let socket = bar.socket();
    let again = || async {
        let deadline = Instant::now() + SOON * 2;
        while !socket.exists() {
            assert!(Instant::now() < deadline, "no socket; told: {:?}", bar.troubles.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(bar.connect().await.call("status", json!({})).await["result"].is_object());
    };
    let mut before = bar.connect().await;
    std::fs::remove_file(&socket).unwrap();
    again().await;
    std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    again().await;
    assert!(before.call("status", json!({})).await["result"].is_object(), "who was there stays");
    assert!(bar.troubles.lock().unwrap().is_empty());
}

#[tokio::test]
async fn where_no_socket_can_be_made_that_is_told_once_and_it_is_made_as_soon_as_it_can() {
    let mut bar = Bar::start(accept);
    let socket = bar.socket();
    bar.server = None;
    std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    std::fs::write(socket.parent().unwrap(), "in the way").unwrap();
    bar.server = Some(serve(&socket, bar.handle.clone(), bar.tell()).unwrap());
    let deadline = Instant::now() + SOON * 2;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = bar.troubles.lock().unwrap().clone();
    assert!(told.len() == 1 && told[0].contains("no control socket at"), "{told:?}");
    std::fs::remove_file(socket.parent().unwrap()).unwrap();
    while !socket.exists() {
        assert!(Instant::now() < deadline, "no socket");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A path that no socket can have is no reason to do without the phone either.
    let long = bar.dir.path().join("x".repeat(200));
    drop(serve(&long, bar.handle.clone(), bar.tell()).unwrap());
    assert_eq!(bar.troubles.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_happens_last_is_still_read() {
    let Bar { server, snapshots, events, handle, dir, .. } = Bar::start(accept);
    let mut scripts = Vec::new();
    for _ in 0..8 {
        let socket = dir.path().join("wincall-tui/8001.sock");
        let mut script = Script(tokio::io::BufReader::new(tokio::net::UnixStream::connect(socket).await.unwrap()));
        script.call("Event.subscribe", json!({})).await;
        scripts.push(script);
    }
    drop(handle);
    for seq in 1..=20 {
        publish(&events, seq, "callEnded", &["call"]);
    }
    // The actor ends right after its last word.
    drop(snapshots);
    server.unwrap().finish().await;
    for script in &mut scripts {
        for seq in 1..=20 {
            assert_eq!(script.hear().await.expect("every event")["params"]["seq"], seq);
        }
        assert!(script.hear().await.is_none());
    }
}

#[tokio::test]
async fn one_that_is_well_is_not_waited_for_and_one_that_is_ending_is() {
    let mut bar = Bar::start(accept);
    let socket = bar.socket();
    let waits = |limit| {
        let socket = socket.clone();
        async move { tokio::time::timeout(limit, wait_for_predecessor(&socket)).await.is_err() }
    };
    assert!(!waits(SOON).await);
    bar.change(|s| s.exiting = true);
    assert!(waits(Duration::from_millis(200)).await, "it is not waited for");
    bar.server = None;
    assert!(!waits(SOON).await);
    // So far gone that it answers nothing: it is waited for, but not for ever.
    let silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(waits(Duration::from_millis(200)).await, "it is not waited for");
    assert!(!waits(SOON).await);
    drop(silent);
    assert!(!waits(SOON).await);
}
