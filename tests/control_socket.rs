//! Scripts drive the phone bar: the control socket and `ctl` as a user meets them, over a real socket, with a stand-in
//! for the actor that answers as each story needs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::{
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Output,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::{broadcast, mpsc, watch},
    time::timeout,
};
use wincall_tui::{
    app::{
        AgentView, Asked, CallClocks, CallView, Command, CommandOutcome, Handle, LinkView, MediaView, PublishedEvent,
        Refusal, RefusalKind, SipView, Snapshot,
    },
    control::{
        server::{Server, serve},
        socket::SocketError,
    },
    domain::{AgentState, BusyReason, CallPhase},
    i18n::{Locale, Message},
};

const SOON: Duration = Duration::from_secs(5);

fn snapshot() -> Snapshot {
    let (since, since_at) = (jiff::Timestamp::now(), Instant::now());
    Snapshot {
        version: "0.0.0",
        agent: AgentView {
            ag_no: "8001".into(),
            name: None,
            state: AgentState::Idle,
            reason: None,
            since,
            since_at,
            wrap_up_left_ms: None,
            wrap_up_ends_at: None,
            signed_out_because: None,
        },
        link: LinkView {
            state: Default::default(),
            since,
            since_at,
            attempts: 0,
            last_error: None,
            retry_in_ms: None,
            retry_at: None,
        },
        sip: SipView { state: Default::default(), since, last_error: None, retry_at: None },
        call: CallView::default(),
        media: MediaView::default(),
        caller_id: None,
        queue_waiting: None,
        notices: Vec::new(),
        actions: Default::default(),
        pending: Vec::new(),
        caller_ids: Vec::new(),
        busy_reasons: vec![BusyReason { id: 12, name: "就餐".into() }],
        auto_answer: false,
        journal: Vec::new(),
        panel: None,
        locale: Locale::En,
        exiting: false,
    }
}

/// A phone bar without a phone: a control socket and an actor that says what it is told to say.
struct Bar {
    dir: tempfile::TempDir,
    server: Option<Server>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    events: broadcast::Sender<Arc<PublishedEvent>>,
    asked: Arc<Mutex<Vec<Command>>>,
    handle: Handle,
}

type Answers = fn(&Command) -> CommandOutcome;

impl Bar {
    fn start(answers: Answers) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (commands, mut inbox) = mpsc::channel::<Asked>(16);
        let (snapshots, receiver) = watch::channel(Arc::new(snapshot()));
        let (events, _) = broadcast::channel(64);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Some(Asked { command, reply }) = inbox.recv().await {
                let outcome = answers(&command);
                heard.lock().unwrap().push(command);
                if let Some(reply) = reply {
                    reply.send(outcome).ok();
                }
            }
        });
        let handle = Handle::new(commands, receiver, events.clone());
        let mut bar = Self { dir, server: None, snapshots, events, asked, handle };
        bar.server = Some(serve(&bar.socket(), bar.handle.clone()).unwrap());
        bar
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("wincall-tui/8001.sock")
    }

    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut next = (**self.snapshots.borrow()).clone();
        change(&mut next);
        self.snapshots.send(Arc::new(next)).unwrap();
    }

    fn publish(&self, seq: u64, name: &'static str, categories: &[&'static str]) {
        let event = PublishedEvent {
            seq,
            time: jiff::Timestamp::now(),
            event_name: name,
            event_type: categories.to_vec(),
            status: "客户来电".into(),
            data: json!({"MT": 3}),
        };
        self.events.send(Arc::new(event)).ok();
    }

    fn last_asked(&self) -> String {
        format!("{:?}", self.asked.lock().unwrap().last().unwrap())
    }

    async fn connect(&self) -> Script {
        Script(BufReader::new(UnixStream::connect(self.socket()).await.unwrap()))
    }

    fn ctl_command(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_wincall-tui"));
        command.arg("ctl").args(args).env("XDG_RUNTIME_DIR", self.dir.path()).env("HOME", self.dir.path());
        command.env("LC_ALL", "en_US.UTF-8").kill_on_drop(true);
        command
    }

    async fn ctl(&self, args: &[&str]) -> Output {
        timeout(SOON * 2, self.ctl_command(args).output()).await.expect("ctl ends").unwrap()
    }
}

/// A script at the other end of the socket.
struct Script(BufReader<UnixStream>);

impl Script {
    async fn say(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = timeout(SOON, self.0.read_line(&mut line)).await.expect("an answer in time");
        match read {
            Ok(n) if n > 0 => Some(serde_json::from_str(&line).unwrap()),
            Ok(_) | Err(_) => None,
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.say(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string()).await;
        let answer = self.hear().await.expect("an answer");
        assert_eq!(answer["id"], 7, "{answer}");
        assert_eq!(answer["jsonrpc"], "2.0");
        answer
    }
}

fn accept(_: &Command) -> CommandOutcome {
    Ok(json!({"code": 0}))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

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
        ("Agent.callInner", json!({"calledAgNo": 8002}), r#"DialAgent { ag_no: "8002" }"#),
        ("Session.answer", json!({}), "Answer"),
        ("Session.refuse", json!({}), "Reject"),
        ("Session.hangup", json!({}), "HangUp"),
        ("Session.callOutCancel", json!({}), "HangUp"),
        ("Session.hold", json!({}), "Hold"),
        ("Session.unhold", json!({}), "Unhold"),
        ("Session.mute", json!({}), "Mute"),
        ("Session.unmute", json!({}), "Unmute"),
        ("Session.sendDTMF", json!({"digits": "1*#a"}), r#"SendDtmf { digits: "1*#A" }"#),
        ("config.setState", json!({"callerID": "010"}), r#"ChooseCallerId { value: "010" }"#),
        ("config.setState", json!({"autoAnswer": true}), "SetAutoAnswer { on: true }"),
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
        ("Session.consultAg", json!({}), -32601, "not available yet"),
        ("Monitor.spy", json!({"agNo": "8002"}), -32601, "not available yet"),
        ("Agent.callOut", json!({}), -32602, "'tel' is missing"),
        ("Agent.callOut", json!({"tel": " "}), -32602, "'tel' is missing"),
        ("Agent.callOut", json!({"tel": ["1"]}), -32602, "'tel' must be: string"),
        ("Agent.callOut", json!({"tel": "1", "phone": "2"}), -32602, "no parameter 'phone'; possible: tel, callerID"),
        ("Agent.callOut", json!({"tel": "1", "queueId": "x"}), -32602, "'queueId' must be: integer"),
        ("Agent.ready", json!({"now": true}), -32602, "takes no parameters"),
        ("Agent.unready", json!({"reason": "午睡"}), -32602, "possible: 12 就餐"),
        ("Session.sendDTMF", json!({"digits": "12x"}), -32602, "'digits' must be"),
        ("config.setState", json!({"token": "s3cr3ts3cr3t"}), -32602, "the token has no type"),
        ("config.setState", json!({}), -32602, "exactly one"),
        ("panel.set", json!({"text": "a", "markdown": "b"}), -32602, "exactly one"),
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
    assert!(matches!(serve(&socket, bar.handle.clone()), Err(SocketError::InUse { .. })));
    assert!(bar.connect().await.call("status", json!({})).await["result"].is_object());

    bar.server = None;
    assert!(!socket.exists());

    // What a crash left behind is replaced; anything else that lies there is not touched.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    bar.server = Some(serve(&socket, bar.handle.clone()).unwrap());
    assert!(bar.connect().await.call("status", json!({})).await["result"].is_object());
    bar.server = None;
    std::fs::write(&socket, "precious").unwrap();
    assert!(matches!(serve(&socket, bar.handle.clone()), Err(SocketError::NotASocket { .. })));
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "precious");
}

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
    bar.server = Some(serve(&bar.socket(), bar.handle.clone()).unwrap());
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
    let second = serve(&bar.dir.path().join("wincall-tui/8002.sock"), bar.handle.clone()).unwrap();
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
