//! A phone bar without a phone, and a script at the other end of its socket.

use std::{
    path::PathBuf,
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
        AgentView, Asked, CallView, Command, CommandOutcome, Handle, LinkView, MediaView, PublishedEvent, SipView,
        Snapshot,
    },
    control::server::{Server, serve},
    domain::{AgentState, BusyReason},
    i18n::{Locale, Message},
};

pub const SOON: Duration = Duration::from_secs(5);

fn snapshot() -> Snapshot {
    let (since, since_at) = (jiff::Timestamp::now(), Instant::now());
    Snapshot {
        after_call: None,
        directory: Default::default(),
        queue: Default::default(),
        projects: Default::default(),
        breaks: Default::default(),
        reminders: Vec::new(),
        shift_ends: None,
        overtime: None,
        health: Default::default(),
        quiet: false,
        version: "0.0.0",
        agent: AgentView {
            phone: "9001".into(),
            web_phone: true,
            login_type: wincall_tui::config::LoginType::Dynamic,
            ag_no: "8001".into(),
            name: None,
            state: AgentState::Idle,
            reason: None,
            since,
            since_at,
            wrap_up_left_ms: None,
            wrap_up_ends_at: None,
            as_of: None,
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
        devices: Default::default(),
        media: MediaView::default(),
        caller_id: None,
        queue_waiting: None,
        notices: Vec::new(),
        actions: Default::default(),
        pending: Vec::new(),
        caller_ids: Vec::new(),
        busy_reasons: vec![BusyReason { id: 12, name: "就餐".into() }],
        auto_answer: false,
        journal: Default::default(),
        panel: wincall_tui::app::PanelView::default(),
        locale: Locale::En,
        exiting: false,
    }
}

/// A phone bar without a phone: a control socket and an actor that says what it is told to say.
pub struct Bar {
    pub dir: tempfile::TempDir,
    pub server: Option<Server>,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    pub events: broadcast::Sender<Arc<PublishedEvent>>,
    pub asked: Arc<Mutex<Vec<Command>>>,
    pub handle: Handle,
    pub troubles: Arc<Mutex<Vec<String>>>,
}

pub type Answers = fn(&Command) -> CommandOutcome;

impl Bar {
    pub fn start(answers: Answers) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (commands, mut inbox) = mpsc::channel::<Asked>(16);
        let (snapshots, receiver) = watch::channel(Arc::new(snapshot()));
        let (events, _) = broadcast::channel(64);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Some(Asked { command, reply, .. }) = inbox.recv().await {
                let outcome = answers(&command);
                heard.lock().unwrap().push(command);
                if let Some(reply) = reply {
                    reply.send(outcome).ok();
                }
            }
        });
        let handle = Handle::new(commands, receiver, events.clone());
        let mut bar = Self { dir, server: None, snapshots, events, asked, handle, troubles: Arc::default() };
        bar.server = Some(serve(&bar.socket(), bar.handle.clone(), bar.tell()).unwrap());
        bar
    }

    /// Where the control socket says what is wrong with it.
    pub fn tell(&self) -> impl Fn(Message) + Send + Sync + 'static {
        let troubles = Arc::clone(&self.troubles);
        move |message| troubles.lock().unwrap().push(message.render(Locale::En))
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("wincall-tui/8001.sock")
    }

    pub fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut next = (**self.snapshots.borrow()).clone();
        change(&mut next);
        self.snapshots.send(Arc::new(next)).unwrap();
    }

    pub fn publish(&self, seq: u64, name: &'static str, categories: &[&'static str]) {
        publish(&self.events, seq, name, categories);
    }

    pub fn last_asked(&self) -> String {
        format!("{:?}", self.asked.lock().unwrap().last().unwrap())
    }

    pub async fn connect(&self) -> Script {
        Script(BufReader::new(UnixStream::connect(self.socket()).await.unwrap()))
    }

    pub fn ctl_command(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_wincall-tui"));
        command.arg("ctl").args(args).env("XDG_RUNTIME_DIR", self.dir.path()).env("HOME", self.dir.path());
        command.env("LC_ALL", "en_US.UTF-8").kill_on_drop(true);
        command
    }

    pub async fn ctl(&self, args: &[&str]) -> Output {
        timeout(SOON * 2, self.ctl_command(args).output()).await.expect("ctl ends").unwrap()
    }
}

pub fn publish(
    events: &broadcast::Sender<Arc<PublishedEvent>>,
    seq: u64,
    name: &'static str,
    categories: &[&'static str],
) {
    let event = PublishedEvent {
        seq,
        time: jiff::Timestamp::now(),
        event_name: name,
        event_type: categories.to_vec(),
        status: "客户来电".into(),
        data: json!({"MT": 3}),
    };
    events.send(Arc::new(event)).ok();
}

/// A script at the other end of the socket.
pub struct Script(pub BufReader<UnixStream>);

impl Script {
    pub async fn say(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    pub async fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = timeout(SOON, self.0.read_line(&mut line)).await.expect("an answer in time");
        match read {
            Ok(n) if n > 0 => Some(serde_json::from_str(&line).unwrap()),
            Ok(_) | Err(_) => None,
        }
    }

    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.say(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string()).await;
        let answer = self.hear().await.expect("an answer");
        assert_eq!(answer["id"], 7, "{answer}");
        assert_eq!(answer["jsonrpc"], "2.0");
        answer
    }
}

pub fn accept(_: &Command) -> CommandOutcome {
    Ok(json!({"code": 0}))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
