//! Calls through coturn, a STUN and TURN server that shares no code with the program: only relayed, with a restart of ICE
//! in between, and with a password that is refused.
//!
//! Needs Debian's `coturn`; says so and stops where it is missing.

// A test's helpers may stop the test.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "common/could_not_run.rs"]
mod could_not_run;

use std::{
    net::UdpSocket,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use could_not_run::could_not_run;
use tokio::sync::mpsc;
use wincall_tui::{
    config::{AudioBackend, AudioConfig, Codec, IceConfig, IcePolicy, IceServer, TokenSource},
    softphone::{Event, MediaEvent, media::Media},
};

const PASSWORD: &str = "correct horse";
const LIMIT: Duration = Duration::from_secs(12);

struct Turn {
    process: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Turn {
    /// The server, or what is missing.
    async fn start() -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let free =
            || UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let port = free();
        let file = |name: &str| dir.path().join(name).display().to_string();
        let log = std::fs::File::create(dir.path().join("log")).expect("a log file");
        let process = Command::new("turnserver")
            .args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers"])
            .arg(format!("--listening-port={port}"))
            .args(["--lt-cred-mech", "--realm=example.test", "--no-tls", "--no-dtls", "--no-cli", "--no-tcp-relay"])
            .arg(format!("--user=agent:{PASSWORD}"))
            .arg(format!("--pidfile={}", file("pid")))
            .arg(format!("--userdb={}", file("users")))
            .args(["--log-file=stdout", "--min-port=52000", "--max-port=52999"])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .map_err(|error| format!("Debian package coturn is missing ({error}); apt-get install coturn"))?;
        let turn = Self { process, port, _dir: dir };
        turn.answers().await;
        Ok(turn)
    }

    /// Waits until it answers a STUN binding request (RFC 8489 6).
    async fn answers(&self) {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let request = *b"\x00\x01\x00\x00\x21\x12\xa4\x42wincall-test";
        let begin = Instant::now();
        loop {
            assert!(begin.elapsed() < LIMIT, "coturn does not start");
            // Nobody listens yet: told as an error by the system, and as good as silence.
            socket.send_to(&request, ("127.0.0.1", self.port)).await.ok();
            let mut answer = [0; 512];
            let read = tokio::time::timeout(Duration::from_millis(50), socket.recv(&mut answer)).await;
            if matches!(read, Ok(Ok(bytes)) if bytes >= 20) {
                return;
            }
        }
    }

    fn config(&self, policy: IcePolicy, password: &str) -> IceConfig {
        let urls = ["stun", "turn"].map(|kind| format!("{kind}:127.0.0.1:{}", self.port).parse().expect("an address"));
        IceConfig {
            servers: vec![IceServer {
                urls: urls.to_vec(),
                username: Some("agent".into()),
                credential: Some(TokenSource::Inline(password.to_owned().into())),
            }],
            policy,
            gather: Duration::from_secs(3),
            ..IceConfig::default()
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // What is gone already is as good.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

struct Phone {
    media: Media,
    events: mpsc::UnboundedReceiver<MediaEvent>,
}

impl Phone {
    fn new(ice: IceConfig) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let audio = AudioConfig { backend: AudioBackend::Null, codecs: vec![Codec::Pcma], ..AudioConfig::default() };
        let on_event = Arc::new(move |event| {
            if let Event::Media(event) = event {
                tell.send(event).unwrap_or_default();
            }
        });
        Self { media: Media::with_ice(audio, ice, on_event), events }
    }

    async fn wait(&mut self, what: &str, wanted: impl Fn(&MediaEvent) -> bool) {
        let until = tokio::time::Instant::now() + LIMIT;
        loop {
            let event = tokio::time::timeout_at(until, self.events.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("{what}: not in time")).expect("more events");
            if wanted(&event) {
                return;
            }
        }
    }

    /// Waits until sound has come for two seconds from now.
    async fn hears(&mut self) {
        let mut counts = Vec::new();
        let until = tokio::time::Instant::now() + LIMIT;
        while tokio::time::Instant::now() < until {
            let event = tokio::time::timeout_at(until, self.events.recv()).await;
            if let Ok(Some(MediaEvent::Stats(stats))) = event {
                counts.push(stats.packets_received);
                if let [.., before, _, now] = counts.as_slice()
                    && now - before >= 80
                {
                    return;
                }
            }
        }
        panic!("no sound: {counts:?} packets");
    }
}

fn candidates(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:")).collect()
}

/// Both sides in one process: one offers, the other answers.
async fn connect(caller: &Phone, callee: &Phone, restart: bool) -> (String, String) {
    let offer = caller.media.offer("call", restart).await.expect("an offer");
    let answer = callee.media.answer("call", &offer).await.expect("an answer");
    caller.media.accept_answer("call", &answer).await.expect("the answer is taken");
    (offer, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_through_the_relay_alone_and_so_does_its_restart() {
    let turn = match Turn::start().await {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let relay = || Phone::new(turn.config(IcePolicy::Relay, PASSWORD));
    let (mut caller, mut callee) = (relay(), relay());
    let begin = Instant::now();
    let (offer, answer) = connect(&caller, &callee, false).await;
    println!("offer and answer with a relay each: {:?}", begin.elapsed());
    for sdp in [&offer, &answer] {
        let shown = candidates(sdp);
        assert!(!shown.is_empty() && shown.iter().all(|line| line.contains(" typ relay ")), "{sdp}");
        assert!(!sdp.contains("0.0.0.0 5"), "{sdp}");
    }
    let up = |event: &MediaEvent| matches!(event, MediaEvent::Up { .. });
    caller.wait("the caller is connected", up).await;
    callee.wait("the callee is connected", up).await;
    println!("encrypted both ways: {:?}", begin.elapsed());
    caller.hears().await;
    callee.hears().await;

    let again = Instant::now();
    let (second, _) = connect(&caller, &callee, true).await;
    assert_ne!(candidates(&offer), candidates(&second), "another relay");
    println!("offer and answer of the restart: {:?}", again.elapsed());
    caller.hears().await;
    callee.hears().await;
    caller.media.close("call").await;
    callee.media.close("call").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_costs_the_relay_and_not_the_call() {
    let turn = match Turn::start().await {
        Ok(turn) => turn,
        Err(reason) => return could_not_run(&reason),
    };
    let (mut caller, mut callee) = (Phone::new(turn.config(IcePolicy::All, "wrong")), Phone::new(IceConfig::default()));
    let begin = Instant::now();
    let (offer, _) = connect(&caller, &callee, false).await;
    assert!(begin.elapsed() < Duration::from_secs(3), "a refusal is an answer: {:?}", begin.elapsed());
    assert!(!offer.contains(" typ relay "), "{offer}");
    caller.hears().await;
    callee.hears().await;
}
